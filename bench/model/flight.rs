//! The satellite's heat, from the dies through the coolant loop to the panels that radiate it: one accelerator's share of it,
//! driven by the board heat that was really measured. Its coolant temperature is what a rig is servoed to.
//!
//! ```text
//!   board heat ─▶ die ────▶ plate ◀─ overhead heat          panels: Th ─▶ 1 ─▶ 2 ─▶ … ─▶ N ─▶ cold leg ◀─ heater
//!            └─▶ (memory) ──▶ │                                      │    │         │
//!   cold leg ══ pipe ══ coolant ══▶ (manifold) ══▶ hot leg ══ pipe ══▶ (valve) ══▶ panels ── sky, array, air, structure
//!       ▲                                                              ║
//!       ╚══════════════════════ bypass ════════════════════════════════╝
//! ```
//!
//! Nodes in brackets, pipes and heater are there if the profile has their keys. In a pipe coolant moves unmixed and comes out
//! a delay later; legs and manifold are stirred. Valve and heater act on the cold leg, at the radiator's end of its pipe.
//! Coolant below its freezing point is reported and goes on flowing: what freezing does is not modelled, nor is conduction
//! from panel to panel.
//!
//! Not here: the environment itself, masses, power, and the satellite's control beyond valve and heater.

mod equations;
mod network;
mod panel;
mod pipes;
mod solve;
#[cfg(test)]
pub(crate) mod tests;

use crate::environment::Sample;
use crate::profile::{MAX_PANELS, Profile};
use crate::rosenbrock;
use equations::Driven;
use network::{COLD, DIE, Flow, HOT, Network, PLATE, Running};
use panel::Sky;
use pipes::Pipes;
use signal::{Kelvin, Watts};

/// Die, plate, two legs; memory, manifold and array; panels.
const MAX_NODES: usize = 7 + MAX_PANELS;
/// Longest step of the integrator in the loop, s: a die of 10 s and legs of 12 s are followed to millikelvins.
const SUBSTEP_S: f64 = 0.5;

/// The flight model of one accelerator's share of the satellite: constants only.
#[derive(Clone, Debug, PartialEq)]
pub struct FlightModel {
    network: Network,
}

/// Temperatures of the flight model at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct FlightState {
    /// K, in the order of [`FlightModel::nodes`]; unused ones stay as they were made.
    t: [f64; MAX_NODES],
    /// What fell on the panels at the end of the last step; nothing before the first.
    sky: Sky,
    /// Part of full flow that the pumps drive, 0..1.
    flow_frac: f64,
    /// Part of the profile's loops that still carry coolant, above 0, to 1.
    loops_left_frac: f64,
    /// Coolant under way; `None` if the profile has no pipes.
    pipes: Option<Box<Pipes>>,
}

/// What a flight state says, in words.
#[derive(Clone, Debug, PartialEq)]
pub struct FlightView {
    /// Accelerator die.
    pub die: Kelvin,
    /// Memory beside the die, if the profile has it.
    pub memory: Option<Kelvin>,
    /// Cold plate.
    pub plate: Kelvin,
    /// Coolant to the cold plate (cold leg, or what leaves its pipe).
    pub supply: Kelvin,
    /// Coolant in the manifold behind the cold plates, if the profile has it.
    pub manifold: Option<Kelvin>,
    /// Coolant to the radiator (hot leg).
    pub return_: Kelvin,
    /// The satellite's own array, if it has a heat capacity.
    pub array: Option<Kelvin>,
    /// Heat leaving the panels by radiation in the end, W: emitted less taken up from Sun, planet and own array.
    pub radiated_w: f64,
    /// Heat leaving the panels into air and structure, W.
    pub lost_w: f64,
    /// Part of the coolant that bypasses the radiator, 0..1.
    pub bypass: f64,
    /// Electric power of the heater in the cold leg, W, if the profile has one.
    pub heater_w: Option<f64>,
    /// How far the coldest of coolant and panels is above the coolant's freezing point, K; negative below it. `None` if the
    /// profile declares no freezing point.
    pub margin_k: Option<f64>,
    panels: [Kelvin; MAX_PANELS],
    count: usize,
}

impl FlightView {
    /// Panel temperatures along the coolant.
    pub fn panels(&self) -> &[Kelvin] {
        &self.panels[..self.count]
    }

    /// True if coolant somewhere is at or below its freezing point, as far as the profile declares it.
    pub fn frozen(&self) -> bool {
        self.margin_k.is_some_and(|margin| margin <= 0.0)
    }
}

impl FlightState {
    /// Temperatures of the first `nodes` nodes, K; see [`FlightModel::nodes`].
    pub fn temperatures_k(&self, nodes: usize) -> &[f64] {
        &self.t[..nodes.min(MAX_NODES)]
    }

    /// Part of full flow that the pumps drive, 0 to 1.
    pub fn flow_frac(&self) -> f64 {
        self.flow_frac
    }

    /// The pumps drive `part` of full flow from now on: 1 all of it, 0 after a trip.
    ///
    /// # Panics
    /// If `part` is not in 0..=1.
    pub fn set_flow_frac(&mut self, part: f64) {
        assert!((0.0..=1.0).contains(&part), "{part} of the full flow");
        self.flow_frac = part;
    }

    /// Part of the profile's loops that still carry coolant, above 0, to 1.
    pub fn loops_left_frac(&self) -> f64 {
        self.loops_left_frac
    }

    /// `part` of the profile's loops carry coolant from now on. One that is lost takes its flow and its surfaces with it; the
    /// coolant that stands in it stays in the legs' heat capacities, where it counts for little.
    ///
    /// # Panics
    /// If `part` is not above 0 and at most 1.
    pub fn set_loops_left_frac(&mut self, part: f64) {
        assert!(part > 0.0 && part <= 1.0, "{part} of the loops");
        self.loops_left_frac = part;
    }

    /// What moves the coolant now.
    fn running(&self) -> Running {
        Running { flow_frac: self.flow_frac, loops_frac: self.loops_left_frac }
    }
}

impl FlightModel {
    /// The part `share` of `profile`'s satellite: areas, capacities, conductances, flow and heater scale with it; temperatures,
    /// delays, and how fast temperatures move, do not.
    ///
    /// # Panics
    /// If the profile has no panel or more than [`MAX_PANELS`], which reading one refuses, or `share` is not above 0.
    pub fn new(profile: &Profile, share: f64) -> Self {
        let panels = profile.radiator.panels;
        assert!((1..=MAX_PANELS).contains(&panels), "a radiator of {panels} panels");
        assert!(share.is_finite() && share > 0.0, "a share of {share}");
        Self { network: Network::new(profile, share) }
    }

    /// Number of nodes: die, plate, hot leg, cold leg; then memory, manifold and array, those that there are; then the panels.
    pub fn nodes(&self) -> usize {
        self.network.at.nodes()
    }

    /// Every node at `t`.
    pub fn uniform(&self, t: Kelvin) -> FlightState {
        self.state([t.0; MAX_NODES])
    }

    /// A state of these temperatures, its pipes full of what the legs hold.
    fn state(&self, t: [f64; MAX_NODES]) -> FlightState {
        let pipes = self.network.has_pipes().then(|| Box::new(Pipes::filled(t[HOT], t[COLD])));
        FlightState { t, sky: Sky::default(), flow_frac: self.network.flow_frac, loops_left_frac: 1.0, pipes }
    }

    /// Advances `state` by `dt_s` with constant `board_heat`, the environment running straight from `start` to `end`.
    ///
    /// # Panics
    /// If the heat or the duration is not finite, or the duration negative: a state that is not a number would never recover.
    pub fn step(&self, state: &mut FlightState, board_heat: Watts, start: &Sample, end: &Sample, dt_s: f64) {
        let skin = &self.network.skin;
        self.advance(state, board_heat, &skin.sky(start), &skin.sky(end), dt_s);
    }

    /// What `state` says.
    pub fn view(&self, state: &FlightState) -> FlightView {
        let (n, t) = (&self.network, &state.t);
        let kelvin = |at: Option<usize>| at.map(|at| Kelvin(t[at]));
        let array_k = n.at.array.map_or(0.0, |at| t[at]);
        let mut panels = [Kelvin(0.0); MAX_PANELS];
        let (mut radiated_w, mut lost_w) = (0.0, 0.0);
        for (k, (panel, &at)) in panels.iter_mut().zip(self.panels_k(state)).enumerate() {
            *panel = Kelvin(at);
            let taken = n.skin.taken(&state.sky, at, n.neighbours(k), array_k).heat_w_m2;
            let from_air = n.skin.air_gives_w_m2(&state.sky, at);
            radiated_w -= n.panel_m2 * (taken - from_air);
            lost_w -= n.panel_m2 * from_air + n.loss_w_k * (n.structure_k - at);
        }
        let legs = [t[HOT], t[COLD], n.at.manifold.map_or(t[HOT], |at| t[at])];
        let coldest = self.panels_k(state).iter().chain(&legs).fold(f64::INFINITY, |low, k| low.min(*k));
        let supply = state.pipes.as_ref().filter(|_| n.cold_pipe_s > 0.0).map(|p| p.leaving(0.0, n.hot_pipe_s, n.cold_pipe_s).1);
        FlightView {
            die: Kelvin(t[DIE]),
            memory: kelvin(n.at.memory),
            plate: Kelvin(t[PLATE]),
            supply: Kelvin(supply.unwrap_or(t[COLD])),
            manifold: kelvin(n.at.manifold),
            return_: Kelvin(t[HOT]),
            array: kelvin(n.at.array),
            radiated_w,
            lost_w,
            bypass: 1.0 - n.valve(t[COLD]).open,
            heater_w: (n.heater_w > 0.0).then(|| n.heater_w * n.heater(t[COLD]).open),
            margin_k: n.freezing.map(|freezing| coldest - freezing.0),
            panels,
            count: n.at.panels,
        }
    }

    fn panels_k<'a>(&self, state: &'a FlightState) -> &'a [f64] {
        &state.t[self.network.at.first_panel..self.nodes()]
    }

    /// How the panels' emission answers to temperature at `state`, W/K, and the heat capacity of all that the coolant joins, J/K:
    /// what [`crate::stability`] wants to know.
    pub fn response(&self, state: &FlightState) -> (f64, f64) {
        (self.network.radiative_w_k(self.panels_k(state)), self.network.capacity_j_k())
    }

    fn advance(&self, state: &mut FlightState, Watts(board_w): Watts, from: &Sky, to: &Sky, dt_s: f64) {
        assert!(board_w.is_finite(), "board heat of {board_w} W");
        assert!(dt_s.is_finite() && dt_s >= 0.0, "a step of {dt_s} s");
        let flow = self.network.flow(state.running());
        let substeps = (dt_s / SUBSTEP_S).ceil().max(1.0);
        for i in 0..substeps as usize {
            let sky = from.towards(to, (i as f64 + 0.5) / substeps);
            self.substep(state, &flow, board_w, &sky, dt_s / substeps);
        }
        state.sky = *to;
    }

    /// One step of the integrator under a sky that stands still.
    fn substep(&self, state: &mut FlightState, flow: &Flow, board_w: f64, sky: &Sky, dt_s: f64) {
        state.t = self.moved(state, flow, board_w, sky, dt_s);
        if let Some(pipes) = &mut state.pipes {
            pipes.enter(dt_s * flow.part, state.t[HOT], state.t[COLD]);
        }
    }

    /// Where one step of the integrator leads.
    #[inline]
    fn moved(&self, state: &FlightState, flow: &Flow, board_w: f64, sky: &Sky, dt_s: f64) -> [f64; MAX_NODES] {
        let n = &self.network;
        // The middle of what leaves the pipes meanwhile stands for all of it.
        let out = state.pipes.as_ref().map(|p| p.leaving(0.5 * dt_s * flow.part, n.hot_pipe_s, n.cold_pipe_s));
        let driven = Driven {
            network: n,
            flow,
            sky,
            board_w,
            hot_out_k: out.filter(|_| n.hot_pipe_s > 0.0).map(|o| o.0),
            cold_out_k: out.filter(|_| n.cold_pipe_s > 0.0).map(|o| o.1),
        };
        let mut t = state.t;
        self.integrate(&mut t, &Step { driven: &driven, dt_s, settle: false });
        t
    }

    /// One step, compiled for each number of nodes: loops of known length cost half. Returns what [`rosenbrock::relax`] does.
    fn integrate(&self, t: &mut [f64; MAX_NODES], step: &Step<'_>) -> f64 {
        match self.nodes() {
            5 => step.first::<5>(t),
            6 => step.first::<6>(t),
            7 => step.first::<7>(t),
            8 => step.first::<8>(t),
            9 => step.first::<9>(t),
            10 => step.first::<10>(t),
            11 => step.first::<11>(t),
            12 => step.first::<12>(t),
            13 => step.first::<13>(t),
            14 => step.first::<14>(t),
            _ => step.first::<MAX_NODES>(t),
        }
    }
}

/// A step of either kind: along time, or towards rest.
struct Step<'a> {
    driven: &'a Driven<'a>,
    dt_s: f64,
    settle: bool,
}

impl Step<'_> {
    fn first<const N: usize>(&self, t: &mut [f64; MAX_NODES]) -> f64 {
        let Some(nodes) = t.first_chunk_mut::<N>() else { return 0.0 };
        if self.settle {
            rosenbrock::relax(self.driven, nodes, self.dt_s)
        } else {
            rosenbrock::step(self.driven, nodes, self.dt_s);
            0.0
        }
    }
}
