//! The equations of the flight model and their derivatives. Constants and states only; time and its steps are `flight`'s.

use crate::profile::Profile;
use crate::radiator::Surface;
use crate::rosenbrock::System;
use signal::Kelvin;

pub(super) const DIE: usize = 0;
pub(super) const PLATE: usize = 1;
pub(super) const HOT: usize = 2;
pub(super) const COLD: usize = 3;
/// The panels follow along the coolant.
pub(super) const FIRST_PANEL: usize = 4;

/// Below this part of full flow the panels count as cut off: the exchange vanishes with the flow, its formula divides by it.
const NO_FLOW: f64 = 1e-9;

/// Constants of one share of the satellite.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Network {
    pub(super) die_j_k: f64,
    pub(super) plate_j_k: f64,
    pub(super) hot_j_k: f64,
    pub(super) cold_j_k: f64,
    /// Each panel.
    pub(super) panel_j_k: f64,
    pub(super) die_plate_w_k: f64,
    /// Coolant, mass flow x specific heat.
    pub(super) flow_w_k: f64,
    /// Of the cold plate as an exchanger, 0..1: its flow is constant.
    pub(super) plate_effectiveness: f64,
    /// UA of each panel.
    pub(super) panel_w_k: f64,
    /// Planform of each panel.
    pub(super) panel_m2: f64,
    pub(super) surface: Surface,
    pub(super) minimum_supply: Kelvin,
    pub(super) bypass_band_k: f64,
    pub(super) overhead_frac: f64,
}

/// The valve at one supply temperature.
#[derive(Clone, Copy)]
pub(super) struct Valve {
    /// Part of the coolant that goes through the radiator, 0..1.
    pub(super) open: f64,
    /// Its derivative by the supply temperature, 1/K.
    slope_k: f64,
}

/// Coolant against one panel at some flow through the radiator, and the derivatives by that flow.
struct Exchange {
    effectiveness: f64,
    effectiveness_slope: f64,
    /// Flow x effectiveness, W/K.
    gain_w_k: f64,
    gain_slope: f64,
}

impl Network {
    pub(super) fn new(profile: &Profile, share: f64) -> Self {
        let (radiator, coolant, satellite) = (&profile.radiator, &profile.coolant, &profile.satellite);
        let panels = radiator.panels as f64;
        let scale = 1e3 * share;
        Self {
            die_j_k: satellite.die_kj_k * scale,
            plate_j_k: satellite.plate_kj_k * scale,
            hot_j_k: coolant.hot_leg_kj_k * scale,
            cold_j_k: coolant.cold_leg_kj_k * scale,
            panel_j_k: radiator.heat_capacity_kj_m2k * radiator.area_m2 / panels * scale,
            die_plate_w_k: satellite.die_plate_kw_k * scale,
            flow_w_k: coolant.heat_capacity_rate_kw_k * scale,
            plate_effectiveness: 1.0 - (-coolant.plate_conductance_kw_k / coolant.heat_capacity_rate_kw_k).exp(),
            panel_w_k: coolant.radiator_conductance_kw_k / panels * scale,
            panel_m2: radiator.area_m2 / panels * share,
            surface: Surface {
                emissivity_frac: radiator.emissivity_frac,
                solar_absorptivity_frac: radiator.solar_absorptivity_frac,
                fin_efficiency_frac: radiator.fin_efficiency_frac,
            },
            minimum_supply: coolant.minimum_supply.into(),
            bypass_band_k: coolant.bypass_band_k,
            overhead_frac: satellite.overhead_frac,
        }
    }

    /// The valve closes over the band above the minimum supply temperature.
    pub(super) fn valve(&self, cold_k: f64) -> Valve {
        let open = (cold_k - self.minimum_supply.0) / self.bypass_band_k;
        if (0.0..1.0).contains(&open) {
            Valve { open, slope_k: 1.0 / self.bypass_band_k }
        } else {
            Valve { open: open.clamp(0.0, 1.0), slope_k: 0.0 }
        }
    }

    /// Heat exchanger of one stream against a wall: effectiveness 1 - exp(-UA / flow).
    fn exchange(&self, radiator_flow_w_k: f64) -> Exchange {
        if radiator_flow_w_k < NO_FLOW * self.flow_w_k {
            return Exchange { effectiveness: 1.0, effectiveness_slope: 0.0, gain_w_k: radiator_flow_w_k, gain_slope: 1.0 };
        }
        let units = self.panel_w_k / radiator_flow_w_k;
        let left = (-units).exp();
        let effectiveness = 1.0 - left;
        Exchange {
            effectiveness,
            effectiveness_slope: -left * units / radiator_flow_w_k,
            gain_w_k: radiator_flow_w_k * effectiveness,
            gain_slope: effectiveness - left * units,
        }
    }
}

/// A network with what drives it during one step.
pub(super) struct Driven<'a> {
    pub(super) network: &'a Network,
    pub(super) board_w: f64,
    /// Taken up by the panels from outside, per m2 of planform.
    pub(super) absorbed_w_m2: f64,
}

impl<const N: usize> System<N> for Driven<'_> {
    #[inline]
    fn rates(&self, t: &[f64; N]) -> [f64; N] {
        let n = self.network;
        let through_w_k = n.valve(t[COLD]).open * n.flow_w_k;
        let exchange = n.exchange(through_w_k);
        let die_to_plate = n.die_plate_w_k * (t[DIE] - t[PLATE]);
        let plate_to_coolant = n.plate_effectiveness * n.flow_w_k * (t[PLATE] - t[COLD]);
        let emission = n.surface.emission_w_m2k4();

        let mut rates = [0.0; N];
        rates[DIE] = (self.board_w - die_to_plate) / n.die_j_k;
        rates[PLATE] = (die_to_plate + n.overhead_frac * self.board_w - plate_to_coolant) / n.plate_j_k;
        rates[HOT] = (n.flow_w_k * (t[COLD] - t[HOT]) + plate_to_coolant) / n.hot_j_k;
        let per_panel = 1.0 / n.panel_j_k;
        let mut coolant = t[HOT];
        for (rate, &panel) in rates.iter_mut().zip(t).skip(FIRST_PANEL) {
            let warmer = coolant - panel;
            let squared = panel * panel;
            let net = self.absorbed_w_m2 - emission * squared * squared;
            *rate = (exchange.gain_w_k * warmer + n.panel_m2 * net) * per_panel;
            coolant -= exchange.effectiveness * warmer;
        }
        rates[COLD] = (through_w_k * (coolant - t[HOT]) + n.flow_w_k * (t[HOT] - t[COLD])) / n.cold_j_k;
        rates
    }

    #[inline]
    fn jacobian(&self, t: &[f64; N]) -> [[f64; N]; N] {
        let n = self.network;
        let valve = n.valve(t[COLD]);
        let through_w_k = valve.open * n.flow_w_k;
        let through_slope = valve.slope_k * n.flow_w_k;
        let exchange = n.exchange(through_w_k);
        let plate_w_k = n.plate_effectiveness * n.flow_w_k;
        let emission = n.surface.emission_w_m2k4();

        let mut rows = [[0.0; N]; N];
        rows[DIE][DIE] = -n.die_plate_w_k / n.die_j_k;
        rows[DIE][PLATE] = n.die_plate_w_k / n.die_j_k;
        rows[PLATE][DIE] = n.die_plate_w_k / n.plate_j_k;
        rows[PLATE][PLATE] = -(n.die_plate_w_k + plate_w_k) / n.plate_j_k;
        rows[PLATE][COLD] = plate_w_k / n.plate_j_k;
        rows[HOT][PLATE] = plate_w_k / n.hot_j_k;
        rows[HOT][HOT] = -n.flow_w_k / n.hot_j_k;
        rows[HOT][COLD] = (n.flow_w_k - plate_w_k) / n.hot_j_k;

        // The coolant and its derivative by every state, carried along from panel to panel. The supply temperature acts on it
        // through the valve alone.
        let mut coolant = t[HOT];
        let per_panel = 1.0 / n.panel_j_k;
        let mut by = [0.0; N];
        by[HOT] = 1.0;
        for k in FIRST_PANEL..N {
            let warmer = coolant - t[k];
            let mut row = by.map(|d| exchange.gain_w_k * d);
            row[k] -= exchange.gain_w_k + 4.0 * n.panel_m2 * emission * t[k] * t[k] * t[k];
            row[COLD] += exchange.gain_slope * through_slope * warmer;
            rows[k] = row.map(|d| d * per_panel);

            by = by.map(|d| (1.0 - exchange.effectiveness) * d);
            by[k] += exchange.effectiveness;
            by[COLD] -= exchange.effectiveness_slope * through_slope * warmer;
            coolant -= exchange.effectiveness * warmer;
        }
        let mut row = by.map(|d| through_w_k * d);
        row[HOT] += n.flow_w_k - through_w_k;
        row[COLD] += through_slope * (coolant - t[HOT]) - n.flow_w_k;
        let per_leg = 1.0 / n.cold_j_k;
        rows[COLD] = row.map(|d| d * per_leg);
        rows
    }
}
