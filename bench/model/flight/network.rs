//! The constants of the flight model: one share of a profile's satellite, and which nodes it has. The equations are
//! `equations`', the panels' surface is `panel`'s, time and its steps are `flight`'s.

use crate::flight::panel::Skin;
use crate::profile::Profile;
use signal::Kelvin;

pub(super) const DIE: usize = 0;
pub(super) const PLATE: usize = 1;
pub(super) const HOT: usize = 2;
pub(super) const COLD: usize = 3;
/// Nodes that every satellite has; those that a profile may add follow, then the panels along the coolant.
const ALWAYS: usize = 4;

/// Exponent of turbulent heat transfer in the flow: Nu ~ Re^0.8 (Dittus and Boelter, Univ. of California Publ. Eng. 2, 443, 1930).
const TURBULENT: f64 = 0.8;
/// Below this part of full flow the panels count as cut off: the exchange vanishes with the flow, its formula divides by it.
const NO_FLOW: f64 = 1e-9;

/// Where the nodes that not every satellite has are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) memory: Option<usize>,
    pub(super) manifold: Option<usize>,
    pub(super) array: Option<usize>,
    pub(super) first_panel: usize,
    pub(super) panels: usize,
}

impl Layout {
    fn new(memory: bool, manifold: bool, array: bool, panels: usize) -> Self {
        let mut next = ALWAYS;
        let mut place = |there: bool| {
            let at = there.then_some(next);
            next += usize::from(there);
            at
        };
        let (memory, manifold, array) = (place(memory), place(manifold), place(array));
        Self { memory, manifold, array, first_panel: next, panels }
    }

    pub(super) const fn nodes(&self) -> usize {
        self.first_panel + self.panels
    }
}

/// Constants of one share of the satellite.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Network {
    pub(super) at: Layout,
    pub(super) die_j_k: f64,
    pub(super) plate_j_k: f64,
    pub(super) hot_j_k: f64,
    pub(super) cold_j_k: f64,
    /// Each panel.
    pub(super) panel_j_k: f64,
    pub(super) die_plate_w_k: f64,
    /// These three are 0 without such a node.
    pub(super) memory_j_k: f64,
    pub(super) memory_plate_w_k: f64,
    pub(super) memory_heat_frac: f64,
    /// 0 without a manifold.
    pub(super) manifold_j_k: f64,
    /// With every pump running; what the profile's lost loops take is off already.
    full: Flow,
    /// Part of the full flow that the profile's pumps drive.
    pub(super) flow_frac: f64,
    /// Planform of each panel.
    pub(super) panel_m2: f64,
    pub(super) skin: Skin,
    /// Each panel to the structure.
    pub(super) loss_w_k: f64,
    pub(super) structure_k: f64,
    pub(super) minimum_supply: Kelvin,
    pub(super) bypass_band_k: f64,
    /// 0 without a heater.
    pub(super) heater_w: f64,
    heater_off_k: f64,
    heater_band_k: f64,
    /// Seconds at full flow.
    pub(super) hot_pipe_s: f64,
    pub(super) cold_pipe_s: f64,
    pub(super) freezing: Option<Kelvin>,
    pub(super) overhead_frac: f64,
}

/// What moves the coolant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Running {
    /// Part of full flow that the pumps drive in a loop, 0..1.
    pub(super) flow_frac: f64,
    /// Part of the profile's loops that carry coolant, above 0, to 1.
    pub(super) loops_frac: f64,
}

impl Running {
    /// Every pump and loop of the profile.
    pub(super) const FULL: Self = Self { flow_frac: 1.0, loops_frac: 1.0 };
}

/// The coolant at one speed of the pumps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Flow {
    /// Part of full flow, 0..1.
    pub(super) part: f64,
    /// Mass flow x specific heat.
    pub(super) rate_w_k: f64,
    /// UA of the cold plates.
    plate_w_k: f64,
    /// UA of each panel.
    panel_w_k: f64,
    /// Flow x effectiveness of the cold plates as an exchanger.
    pub(super) plate_gain_w_k: f64,
}

impl Flow {
    fn new(part: f64, rate_w_k: f64, plate_w_k: f64, panel_w_k: f64) -> Self {
        // Without flow the ratio of conductance to flow is infinite or no number; nothing is exchanged then.
        let plate_gain_w_k = if rate_w_k > 0.0 { rate_w_k * (1.0 - (-plate_w_k / rate_w_k).exp()) } else { 0.0 };
        Self { part, rate_w_k, plate_w_k, panel_w_k, plate_gain_w_k }
    }

    /// Heat exchanger of one stream against a wall: effectiveness 1 - exp(-UA / flow).
    #[inline]
    pub(super) fn exchange(&self, radiator_flow_w_k: f64) -> Exchange {
        if radiator_flow_w_k <= NO_FLOW * self.rate_w_k {
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

/// Coolant against one panel at some flow through the radiator, and the derivatives by that flow.
pub(super) struct Exchange {
    pub(super) effectiveness: f64,
    pub(super) effectiveness_slope: f64,
    /// Flow x effectiveness, W/K.
    pub(super) gain_w_k: f64,
    pub(super) gain_slope: f64,
}

/// A proportional actuator at one supply temperature.
#[derive(Clone, Copy)]
pub(super) struct Actuator {
    /// Valve: part of the coolant that goes through the radiator, 0..1. Heater: part of its power.
    pub(super) open: f64,
    /// Its derivative by the supply temperature, 1/K.
    pub(super) slope_k: f64,
}

/// From 0 to 1 over `band_k` above `from_k`; a negative band counts downwards.
fn proportional(t: f64, from_k: f64, band_k: f64) -> Actuator {
    let open = (t - from_k) / band_k;
    if (0.0..1.0).contains(&open) {
        Actuator { open, slope_k: 1.0 / band_k }
    } else {
        Actuator { open: open.clamp(0.0, 1.0), slope_k: 0.0 }
    }
}

impl Network {
    pub(super) fn new(profile: &Profile, share: f64) -> Self {
        let (radiator, coolant, satellite) = (&profile.radiator, &profile.coolant, &profile.satellite);
        let panels = radiator.panels as f64;
        let scale = 1e3 * share;
        let skin = Skin::new(profile);
        let memory = satellite.memory;
        // Loops in parallel: one that is lost takes its flow and its surfaces with it.
        let looped = coolant.loops_frac * scale;
        Self {
            at: Layout::new(memory.is_some(), coolant.manifold_kj_k.is_some(), skin.has_array_node(), radiator.panels),
            die_j_k: satellite.die_kj_k * scale,
            plate_j_k: satellite.plate_kj_k * scale,
            hot_j_k: coolant.hot_leg_kj_k * scale,
            cold_j_k: coolant.cold_leg_kj_k * scale,
            panel_j_k: radiator.heat_capacity_kj_m2k * radiator.area_m2 / panels * scale,
            die_plate_w_k: satellite.die_plate_kw_k * scale,
            memory_j_k: memory.map_or(0.0, |m| m.memory_kj_k * scale),
            memory_plate_w_k: memory.map_or(0.0, |m| m.plate_kw_k * scale),
            memory_heat_frac: memory.map_or(0.0, |m| m.heat_frac),
            manifold_j_k: coolant.manifold_kj_k.unwrap_or(0.0) * scale,
            full: Flow::new(
                1.0,
                coolant.heat_capacity_rate_kw_k * looped,
                coolant.plate_conductance_kw_k * looped,
                coolant.radiator_conductance_kw_k / panels * looped,
            ),
            flow_frac: coolant.flow_frac,
            panel_m2: radiator.area_m2 / panels * share,
            skin,
            loss_w_k: radiator.loss_w_k / panels * share,
            structure_k: Kelvin::from(radiator.structure).0,
            minimum_supply: coolant.minimum_supply.into(),
            bypass_band_k: coolant.bypass_band_k,
            heater_w: coolant.heater.map_or(0.0, |h| h.heater_kw * scale),
            heater_off_k: coolant.heater.map_or(0.0, |h| Kelvin::from(h.setpoint).0),
            heater_band_k: coolant.heater.map_or(1.0, |h| h.band_k),
            hot_pipe_s: coolant.hot_pipe_s,
            cold_pipe_s: coolant.cold_pipe_s,
            freezing: coolant.freezing.map(Into::into),
            overhead_frac: satellite.overhead_frac,
        }
    }

    /// The coolant as pumps and loops are `running`.
    pub(super) fn flow(&self, running: Running) -> Flow {
        if running == Running::FULL {
            return self.full;
        }
        let Running { flow_frac: part, loops_frac } = running;
        // A loop that is left flows as fast as before: only its share of the surfaces is.
        let slowed = part.powf(TURBULENT) * loops_frac;
        Flow::new(part, self.full.rate_w_k * part * loops_frac, self.full.plate_w_k * slowed, self.full.panel_w_k * slowed)
    }

    /// As the profile starts.
    pub(super) fn as_built(&self) -> Running {
        Running { flow_frac: self.flow_frac, loops_frac: 1.0 }
    }

    /// The valve closes over the band above the minimum supply temperature.
    #[inline]
    pub(super) fn valve(&self, cold_k: f64) -> Actuator {
        proportional(cold_k, self.minimum_supply.0, self.bypass_band_k)
    }

    /// The heater, full a band below the temperature at which it is off.
    #[inline]
    pub(super) fn heater(&self, cold_k: f64) -> Actuator {
        proportional(cold_k, self.heater_off_k, -self.heater_band_k)
    }

    /// True if some coolant is on its way between the legs.
    pub(super) fn has_pipes(&self) -> bool {
        self.hot_pipe_s > 0.0 || self.cold_pipe_s > 0.0
    }

    /// Neighbours of panel `k`, counted from 0.
    #[inline]
    pub(super) fn neighbours(&self, k: usize) -> f64 {
        if !self.skin.sees_neighbours() {
            return 0.0;
        }
        f64::from(u8::from(k > 0) + u8::from(k + 1 < self.at.panels))
    }

    /// Conductance through which the panels answer to their own temperature, W/K: what all of them together emit more, a kelvin
    /// warmer.
    pub(super) fn radiative_w_k(&self, panels_k: &[f64]) -> f64 {
        panels_k.iter().map(|t| 4.0 * self.skin.efficiency(*t).0 * self.skin.emission_w_m2k4 * t.powi(3) * self.panel_m2).sum()
    }

    /// Heat capacity of everything that the coolant joins, J/K, what is in the pipes included.
    pub(super) fn capacity_j_k(&self) -> f64 {
        let pipes = self.full.rate_w_k * (self.hot_pipe_s + self.cold_pipe_s);
        let loop_j_k = self.hot_j_k + self.cold_j_k + self.manifold_j_k + pipes;
        self.die_j_k + self.memory_j_k + self.plate_j_k + loop_j_k + self.panel_j_k * self.at.panels as f64
    }
}
