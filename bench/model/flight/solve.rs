//! Where the flight model comes to rest, what an orbit leads back to, and long flights in long steps. The steps themselves are
//! `flight`'s.

use super::{COLD, Driven, FlightModel, FlightState, MAX_NODES, SUBSTEP_S, Step};
use crate::environment::{Environment, Sample};
use crate::flight::panel::Sky;
use signal::{Kelvin, Watts};

/// An orbit that ends this close to where it began is periodic, K.
const CLOSURE_K: f64 = 0.005;
/// Far more than a satellite takes that one would want to servo a rig to.
const MAX_ORBITS: usize = 500;
/// Steps in which a period is followed, and the longest of them, s: a panel of 6 kJ/m2K settles in a thousand seconds.
const STEPS_A_PERIOD: f64 = 1000.0;
const LONGEST_STEP_S: f64 = 300.0;

/// First step after a corner of the environment, s, and how much longer each next one may be: a transient of any length meets
/// steps of a seventh of its age.
const FIRST_STEP_S: f64 = 0.25;
const GROWTH: f64 = 1.15;
/// Longest step in penumbra, which a low orbit crosses in ten seconds.
const PENUMBRA_STEP_S: f64 = 0.5;

/// A state at rest changes less than this in its last step, K, and that step is this long at least, s.
const AT_REST_K: f64 = 1e-9;
const REST_STEP_S: f64 = 1e6;
/// The longest step towards rest, s: years, so that it is Newton's.
const NEWTON_STEP_S: f64 = 1e9;
/// A step towards rest that moves a node further than this is taken back and made shorter, K.
const LEAP_K: f64 = 40.0;
const MAX_REST_STEPS: usize = 400;
/// Hotter than any satellite is while it looks for rest, K.
const HOTTEST_K: f64 = 5000.0;

/// One step of a long flight: what drives it.
pub(super) struct Leg {
    pub(super) dt_s: f64,
    pub(super) board_w: f64,
    /// Mean over the step, and at its end.
    pub(super) sky: Sky,
    pub(super) end: Sky,
}

impl FlightModel {
    /// The state in which `board_heat` under an unchanging `env` leaves everything as it is; `None` if there is none, because the
    /// heat has no way out: the pumps stand.
    ///
    /// Newton on the network with its analytic Jacobian, reached along a path of ever longer implicit steps, so that
    /// it arrives where the satellite would.
    ///
    /// # Panics
    /// If the heat is not finite.
    pub fn steady(&self, env: &Sample, board_heat: Watts) -> Option<FlightState> {
        assert!(board_heat.0.is_finite(), "board heat of {} W", board_heat.0);
        self.at_rest(&self.network.skin.sky(env), board_heat.0)
    }

    fn at_rest(&self, sky: &Sky, board_w: f64) -> Option<FlightState> {
        let flow = self.network.flow(self.network.as_built());
        // At rest what leaves a pipe is what enters it.
        let driven = Driven { network: &self.network, flow: &flow, sky, board_w, hot_out_k: None, cold_out_k: None };
        let mut t = [self.panels_balanced(sky, board_w).0; MAX_NODES];
        if let Some(array) = self.network.at.array {
            t[array] = self.network.skin.array_at_rest_k(sky);
        }
        let (mut dt_s, mut longest_s, mut last_k) = (1.0, NEWTON_STEP_S, f64::INFINITY);
        for _ in 0..MAX_REST_STEPS {
            let before = t;
            let moved_k = self.integrate(&mut t, &Step { driven: &driven, dt_s, settle: true });
            let possible = t[..self.nodes()].iter().all(|k| (0.0..HOTTEST_K).contains(k));
            if !possible || moved_k > LEAP_K {
                t = before;
                dt_s /= 10.0;
                continue;
            }
            if moved_k < AT_REST_K && dt_s >= REST_STEP_S {
                let mut state = self.state(t);
                state.sky = *sky;
                return Some(state);
            }
            // The corners of valve and heater may send Newton's steps to and fro between them: shorter ones find the way.
            if dt_s >= longest_s && moved_k >= last_k && moved_k > AT_REST_K {
                longest_s = (longest_s / 10.0).max(REST_STEP_S);
                dt_s = 1.0;
            }
            dt_s = (dt_s * 3.0).min(longest_s);
            last_k = moved_k;
        }
        None
    }

    /// The state at mission second 0 that a period of `period_s` leads back to, to 0.005 K in every node, when the board gives off
    /// `heat(mission_s)` watts on each: an orbit, or a lunar day.
    ///
    /// It repeats the period from where its mean would rest, which a satellite with time constants of minutes closes in a handful;
    /// after 500 it takes what it has.
    ///
    /// # Panics
    /// If the period is not a positive number, or some heat is not finite.
    pub fn periodic(&self, env: &Environment, period_s: f64, heat: impl Fn(f64) -> f64) -> FlightState {
        assert!(period_s.is_finite() && period_s > 0.0, "a period of {period_s} s");
        let mut legs = Vec::new();
        self.legs(env, (0.0, period_s), (period_s / STEPS_A_PERIOD).min(LONGEST_STEP_S), self.network.flow_frac, heat, |leg| {
            legs.push(leg);
        });
        let mut sky = Sky::default();
        let (mut board_w, mut so_far_s) = (0.0, 0.0);
        for leg in &legs {
            so_far_s += leg.dt_s;
            sky = sky.towards(&leg.sky, leg.dt_s / so_far_s);
            board_w += leg.board_w * leg.dt_s / period_s;
        }
        let mut state = self.at_rest(&sky, board_w).unwrap_or_else(|| self.uniform(self.panels_balanced(&sky, board_w)));
        for _ in 0..MAX_ORBITS {
            let before = state.t;
            for leg in &legs {
                self.fly_leg(&mut state, leg);
            }
            if state.t.iter().zip(&before).all(|(a, b)| (a - b).abs() < CLOSURE_K) {
                break;
            }
        }
        state
    }

    /// Flies `state` from mission second `from_s` to `to_s` through `env` in steps of at most `dt_s`, each at the same cost, when
    /// the board gives off `heat(mission_s)` watts.
    ///
    /// Steps end at every edge of a shadow and start small behind it, so that 10 s is short enough for a satellite in a low
    /// orbit; jumps of `heat` elsewhere are met at the step's middle only. With pipes no step is longer than twice their delay.
    ///
    /// # Panics
    /// If the times are not finite and in order, the step not positive, or some heat is not finite.
    pub fn fly(&self, state: &mut FlightState, env: &Environment, (from_s, to_s): (f64, f64), dt_s: f64, heat: impl Fn(f64) -> f64) {
        self.legs(env, (from_s, to_s), dt_s, state.flow_frac, heat, |leg| self.fly_leg(state, &leg));
    }

    pub(super) fn fly_leg(&self, state: &mut FlightState, leg: &Leg) {
        let n = &self.network;
        let flow = n.flow(state.running());
        // Valve and heater are linear in their bands only: a step longer than the coolant stays in a leg may leap over a band and
        // find them as they are not; half of that follows them to a millikelvin.
        let stays_s = n.hot_j_k.min(n.cold_j_k) / flow.rate_w_k;
        let careful_s = (stays_s / 2.0).max(SUBSTEP_S);
        let regulating = |t: &[f64; MAX_NODES]| n.valve(t[COLD]).open < 1.0 || (n.heater_w > 0.0 && n.heater(t[COLD]).open > 0.0);
        if leg.dt_s > careful_s {
            let whole = if regulating(&state.t) { None } else { Some(self.moved(state, &flow, leg.board_w, &leg.sky, leg.dt_s)) };
            if whole.is_none_or(|t| regulating(&t)) {
                let parts = (leg.dt_s / careful_s).ceil();
                for _ in 0..parts as usize {
                    self.substep(state, &flow, leg.board_w, &leg.sky, leg.dt_s / parts);
                }
                state.sky = leg.end;
                return;
            }
        }
        self.substep(state, &flow, leg.board_w, &leg.sky, leg.dt_s);
        state.sky = leg.end;
    }

    /// Cuts a flight into steps.
    fn legs(
        &self,
        env: &Environment,
        (from_s, to_s): (f64, f64),
        dt_s: f64,
        flow_frac: f64,
        heat: impl Fn(f64) -> f64,
        mut each: impl FnMut(Leg),
    ) {
        assert!(from_s.is_finite() && to_s.is_finite() && from_s <= to_s, "a flight from {from_s} s to {to_s} s");
        assert!(dt_s.is_finite() && dt_s > 0.0, "steps of {dt_s} s");
        let n = &self.network;
        let dt_s = [n.hot_pipe_s, n.cold_pipe_s].iter().filter(|d| **d > 0.0).fold(dt_s, |dt, d| dt.min(2.0 * d / flow_frac));
        let mut corners: Vec<f64> = env.shadow_edges(from_s, to_s).iter().map(|edge| edge.mission_s).collect();
        corners.push(to_s);
        let (mut t, mut start) = (from_s, n.skin.sky(&env.at(from_s)));
        for corner in corners {
            if corner <= t {
                continue;
            }
            let light = env.at(f64::midpoint(t, corner)).illumination;
            let longest_s = if light > 0.0 && light < 1.0 { dt_s.min(PENUMBRA_STEP_S) } else { dt_s };
            cut((t, corner), longest_s, |from, to| {
                let middle_s = f64::midpoint(from, to);
                let board_w = heat(middle_s);
                assert!(board_w.is_finite(), "board heat of {board_w} W at {middle_s} s");
                let (middle, end) = (n.skin.sky(&env.at(middle_s)), n.skin.sky(&env.at(to)));
                each(Leg { dt_s: to - from, board_w, sky: Sky::mean(&start, &middle, &end), end });
                start = end;
            });
            t = corner;
        }
    }

    /// Temperature at which the panels shed constant heat, or the supply's minimum: a warm place to start from. Coolant colder
    /// than the valve allows would take long to come back, cut off from the panels.
    fn panels_balanced(&self, sky: &Sky, board_w: f64) -> Kelvin {
        let n = &self.network;
        let eta = n.skin.efficiency(n.minimum_supply.0).0;
        let shed_w_m2 = board_w * (1.0 + n.overhead_frac) / (n.panel_m2 * n.at.panels as f64) + sky.sunlight_w_m2 + eta * sky.infrared_w_m2;
        Kelvin((shed_w_m2.max(0.0) / (eta * n.skin.emission_w_m2k4)).powf(0.25).max(n.minimum_supply.0))
    }
}

/// Cuts the stretch behind a corner into steps, short ones first.
pub(super) fn cut((from, to): (f64, f64), longest_s: f64, mut each: impl FnMut(f64, f64)) {
    let mut t = from;
    let mut next_s = FIRST_STEP_S.min(longest_s);
    while t < to {
        let left_s = to - t;
        // What is left goes in two even steps rather than a long and a tiny one.
        let end = if left_s <= next_s { to } else { t + next_s.min(left_s / 2.0) };
        each(t, end);
        t = end;
        next_s = (next_s * GROWTH).min(longest_s);
    }
}
