//! The satellite's heat, from the dies through the coolant loop to the panels that radiate it: one accelerator's share of it,
//! driven by the board heat that was really measured. Its coolant temperature is what a rig is servoed to.
//!
//! ```text
//!   board heat ─▶ die ─▶ plate ◀─ overhead heat          panels: Th ─▶ 1 ─▶ 2 ─▶ … ─▶ N ─▶ cold leg
//!                          │                                        │    │         │
//!   cold leg ══ coolant ═══╪═══▶ hot leg ══▶ (valve) ══▶ panels     └──── radiate ─┘
//!       ▲                                       ║
//!       ╚════════════ bypass ═══════════════════╝
//! ```
//!
//! Two things are not modelled: transport delay in the pipes (the legs are stirred volumes) and conduction from panel to panel.
//! Not here: the environment itself, masses, power, and the satellite's control beyond the bypass valve.

mod network;
#[cfg(test)]
pub(crate) mod tests;

use crate::environment::{Environment, Sample};
use crate::profile::{MAX_PANELS, Profile};
use crate::radiator::Incident;
use crate::rosenbrock;
use network::{COLD, DIE, Driven, FIRST_PANEL, HOT, Network, PLATE};
use signal::{Kelvin, Watts};

const MAX_NODES: usize = FIRST_PANEL + MAX_PANELS;
/// Longest step of the integrator, s: a die of 10 s and legs of 12 s are followed to millikelvins.
const SUBSTEP_S: f64 = 0.5;
/// An orbit that ends this close to where it began is periodic, K.
const CLOSURE_K: f64 = 0.005;
/// Far more than a satellite takes that one would want to servo a rig to.
const MAX_ORBITS: usize = 500;

/// The flight model of one accelerator's share of the satellite: constants only.
#[derive(Clone, Debug, PartialEq)]
pub struct FlightModel {
    network: Network,
    panels: usize,
}

/// Temperatures of the flight model at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct FlightState {
    /// K: die, plate, hot leg, cold leg, panels; unused ones stay as they were made.
    t: [f64; MAX_NODES],
    /// What the panels took up at the end of the last step, W per m2 of planform; 0 before the first.
    absorbed_w_m2: f64,
}

/// What a flight state says, in words.
#[derive(Clone, Debug, PartialEq)]
pub struct FlightView {
    /// Accelerator die.
    pub die: Kelvin,
    /// Cold plate.
    pub plate: Kelvin,
    /// Coolant to the cold plate (cold leg).
    pub supply: Kelvin,
    /// Coolant to the radiator (hot leg).
    pub return_: Kelvin,
    /// Heat leaving the panels in the end, W: emitted less taken up from Sun and Earth.
    pub radiated_w: f64,
    /// Part of the coolant that bypasses the radiator, 0..1.
    pub bypass: f64,
    panels: [Kelvin; MAX_PANELS],
    count: usize,
}

impl FlightView {
    /// Panel temperatures along the coolant.
    pub fn panels(&self) -> &[Kelvin] {
        &self.panels[..self.count]
    }
}

impl FlightState {
    /// Temperatures of the first `nodes` nodes, K; see [`FlightModel::nodes`].
    pub fn temperatures_k(&self, nodes: usize) -> &[f64] {
        &self.t[..nodes.min(MAX_NODES)]
    }
}

impl FlightModel {
    /// The part `share` of `profile`'s satellite: areas, capacities, conductances and flow scale with it; temperatures, and how
    /// fast they move, do not.
    ///
    /// # Panics
    /// If the profile has no panel or more than [`MAX_PANELS`], which reading one refuses, or `share` is not above 0.
    pub fn new(profile: &Profile, share: f64) -> Self {
        let panels = profile.radiator.panels;
        assert!((1..=MAX_PANELS).contains(&panels), "a radiator of {panels} panels");
        assert!(share.is_finite() && share > 0.0, "a share of {share}");
        Self { network: Network::new(profile, share), panels }
    }

    /// Number of nodes: die, plate, hot leg, cold leg and the panels, in this order.
    pub fn nodes(&self) -> usize {
        FIRST_PANEL + self.panels
    }

    /// Every node at `t`.
    pub fn uniform(&self, t: Kelvin) -> FlightState {
        FlightState { t: [t.0; MAX_NODES], absorbed_w_m2: 0.0 }
    }

    /// Advances `state` by `dt_s` with constant `board_heat`, the environment running straight from `start` to `end`.
    ///
    /// # Panics
    /// If the heat or the duration is not finite, or the duration negative: a state that is not a number would never recover.
    pub fn step(&self, state: &mut FlightState, board_heat: Watts, start: &Sample, end: &Sample, dt_s: f64) {
        self.advance(state, board_heat, self.absorbed(start), self.absorbed(end), dt_s);
    }

    /// What `state` says.
    pub fn view(&self, state: &FlightState) -> FlightView {
        let t = &state.t;
        let mut panels = [Kelvin(0.0); MAX_PANELS];
        let mut net_w_m2 = 0.0;
        for (panel, &k) in panels.iter_mut().zip(&t[FIRST_PANEL..self.nodes()]) {
            *panel = Kelvin(k);
            net_w_m2 += self.network.surface.emitted_w_m2(*panel) - state.absorbed_w_m2;
        }
        FlightView {
            die: Kelvin(t[DIE]),
            plate: Kelvin(t[PLATE]),
            supply: Kelvin(t[COLD]),
            return_: Kelvin(t[HOT]),
            radiated_w: net_w_m2 * self.network.panel_m2,
            bypass: 1.0 - self.network.valve(t[COLD]).open,
            panels,
            count: self.panels,
        }
    }

    /// The state at mission second 0 that an orbit of `period_s` leads back to, to 0.005 K in every node, when the board gives off
    /// `heat(mission_s)` watts on each.
    ///
    /// It repeats the orbit, which a satellite with time constants of minutes closes in a handful; after 500 it takes
    /// what it has.
    ///
    /// # Panics
    /// If the period is not a positive number, or some heat is not finite.
    pub fn periodic(&self, env: &Environment, period_s: f64, heat: impl Fn(f64) -> f64) -> FlightState {
        assert!(period_s.is_finite() && period_s > 0.0, "a period of {period_s} s");
        let ticks = period_s.ceil() as usize;
        let dt_s = period_s / ticks as f64;
        let time = |tick: usize| tick as f64 * dt_s;
        let absorbed: Vec<f64> = (0..=ticks).map(|i| self.absorbed(&env.at(time(i)))).collect();
        let heats: Vec<f64> = (0..ticks).map(|i| heat(time(i) + dt_s / 2.0)).collect();

        let mut state = self.uniform(self.panels_balanced(mean(&heats), mean(&absorbed)));
        for _ in 0..MAX_ORBITS {
            let before = state.t;
            for (i, &board_w) in heats.iter().enumerate() {
                self.advance(&mut state, Watts(board_w), absorbed[i], absorbed[i + 1], dt_s);
            }
            if state.t.iter().zip(&before).all(|(a, b)| (a - b).abs() < CLOSURE_K) {
                break;
            }
        }
        state
    }

    /// Temperature at which the panels shed constant heat, or the supply's minimum: a warm place to start from. Coolant colder
    /// than the valve allows would take long to come back, cut off from the panels.
    fn panels_balanced(&self, board_w: f64, absorbed_w_m2: f64) -> Kelvin {
        let n = &self.network;
        let shed_w_m2 = board_w * (1.0 + n.overhead_frac) / (n.panel_m2 * self.panels as f64) + absorbed_w_m2;
        Kelvin((shed_w_m2.max(0.0) / n.surface.emission_w_m2k4()).powf(0.25).max(n.minimum_supply.0))
    }

    fn absorbed(&self, env: &Sample) -> f64 {
        self.network.surface.absorbed_w_m2(Incident::on_both_faces(env))
    }

    fn advance(&self, state: &mut FlightState, Watts(board_w): Watts, from_w_m2: f64, to_w_m2: f64, dt_s: f64) {
        assert!(board_w.is_finite(), "board heat of {board_w} W");
        assert!(dt_s.is_finite() && dt_s >= 0.0, "a step of {dt_s} s");
        let substeps = (dt_s / SUBSTEP_S).ceil().max(1.0);
        for i in 0..substeps as usize {
            let middle = (i as f64 + 0.5) / substeps;
            let absorbed_w_m2 = from_w_m2 + middle * (to_w_m2 - from_w_m2);
            let driven = Driven { network: &self.network, board_w, absorbed_w_m2 };
            self.integrate(&mut state.t, &driven, dt_s / substeps);
        }
        state.absorbed_w_m2 = to_w_m2;
    }

    /// One step of the integrator, compiled for each number of nodes: loops of known length cost half.
    fn integrate(&self, t: &mut [f64; MAX_NODES], driven: &Driven<'_>, dt_s: f64) {
        fn first<const N: usize>(t: &mut [f64; MAX_NODES], driven: &Driven<'_>, dt_s: f64) {
            if let Some(nodes) = t.first_chunk_mut::<N>() {
                rosenbrock::step(driven, nodes, dt_s);
            }
        }
        match self.panels {
            1 => first::<5>(t, driven, dt_s),
            2 => first::<6>(t, driven, dt_s),
            3 => first::<7>(t, driven, dt_s),
            4 => first::<8>(t, driven, dt_s),
            5 => first::<9>(t, driven, dt_s),
            6 => first::<10>(t, driven, dt_s),
            7 => first::<11>(t, driven, dt_s),
            _ => first::<MAX_NODES>(t, driven, dt_s),
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
