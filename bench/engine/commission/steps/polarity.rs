//! Polarity: a small step of the setpoint each way must move what is servoed, plate or coolant supply, that way. A controller on modules wired
//! the wrong way round drives it from its target ever harder, so the step is small and the first wrong half kelvin ends it.

use crate::commission::believed;
use crate::commission::procedure::{Move, Outcome, Step, Wanted};
use crate::commission::question::Answer;
use crate::commission::record::Point;
use crate::commission::settle::{Now, Rule, Settle, Settled};
use crate::commission::station::Facts;
use signal::Channel;

/// The step, K.
const STEP_K: f64 = 1.0;
/// Movement beyond the drift before it that is an answer, K.
const MOVED_K: f64 = 0.5;
/// It must stand this still before, K/min, so that drift is not taken for an answer.
const STILL_K_MIN: f64 = 0.2;
const SPAN_S: f64 = 60.0;
const REST_LIMIT_S: f64 = 3600.0;
/// Current below which the output does nothing, A.
const CURRENT_A: f64 = 0.02;

#[derive(Default)]
pub(super) struct Polarity {
    settle: Option<Settle>,
    pulse: Option<Pulse>,
    /// Movement and mean current: down, up.
    seen: Vec<(f64, f64)>,
    points: Vec<Point>,
}

struct Pulse {
    way: f64,
    began: f64,
    from: f64,
    drift_k_s: f64,
    /// Of the current as read; a single reading may be the regulator catching itself.
    sum_a: f64,
    count: f64,
}

impl Step for Polarity {
    fn name(&self) -> &'static str {
        "polarity"
    }

    fn purpose(&self) -> &'static str {
        "A step of 1 K down, then up: what is servoed must go that way. Stay at the supply's switch."
    }

    fn eta_s(&self, _: &Facts) -> f64 {
        900.0
    }

    fn tick(&mut self, now: &Now<'_>, _: Option<Answer>, want: &mut Wanted) -> Move {
        match self.pulse.take() {
            None => self.rest(now),
            Some(pulse) => self.pulse(now, pulse, want),
        }
    }
}

impl Polarity {
    fn rest(&mut self, now: &Now<'_>) -> Move {
        let what = now.facts.servoed.word();
        let rule = Rule { target: None, plate_k_min: STILL_K_MIN, sink_k_min: None, limit_s: REST_LIMIT_S };
        let point = match self.settle.get_or_insert_with(|| Settle::new(rule, SPAN_S)).look(now) {
            Settled::Waiting(words) => return Move::Go(format!("output off, {words}")),
            Settled::Never(why, _) => return Outcome::failed(why).done(),
            Settled::Steady(point) => *point,
        };
        let (Some(from), Some(drift)) = (point.servoed_degc(now.facts.servoed), point.servoed_drift_k_min(now.facts.servoed)) else {
            return Outcome::failed(format!("the {what} is not read")).done();
        };
        let limits = now.facts.limits;
        let way = if self.seen.is_empty() { -1.0 } else { 1.0 };
        if !limits.contains(from + way * STEP_K) || !limits.contains(from) {
            let why = format!(
                "the {what} at {from:.1} °C is too near its setpoint limits, {} to {} °C, for a step of {STEP_K} K",
                limits.min(),
                limits.max()
            );
            return Outcome::failed(why).done();
        }
        self.points.push(point);
        self.settle = None;
        self.pulse = Some(Pulse { way, began: now.t, from, drift_k_s: drift / 60.0, sum_a: 0.0, count: 0.0 });
        Move::Go(format!("the {what} stands still; now the step"))
    }

    fn pulse(&mut self, now: &Now<'_>, mut pulse: Pulse, want: &mut Wanted) -> Move {
        let (since, what) = (now.t - pulse.began, now.facts.servoed.word());
        if let Some(amps) = now.read(Channel::TecCurrent) {
            pulse.sum_a += amps;
            pulse.count += 1.0;
        }
        let moved = now.read(now.facts.servoed.channel()).map(|held| held - pulse.from - pulse.drift_k_s * since);
        let along = moved.map(|k| k * pulse.way);
        let (to, amps) = (if pulse.way < 0.0 { "cooler" } else { "warmer" }, pulse.sum_a / pulse.count.max(1.0));
        if along.is_some_and(|k| k <= -MOVED_K) {
            let moved = moved.unwrap_or(0.0);
            let why = if believed::circulates(&now.facts.plant) {
                format!(
                    "asked to be {to}, the {what} moved by {moved:+.2} K in {since:.0} s: the circulator does the opposite, or regulates by another sensor; \
                     switched off at once"
                )
            } else {
                format!(
                    "asked to be {to}, the {what} moved by {moved:+.2} K in {since:.0} s at {amps:+.2} A: the modules are wired the wrong way round \
                     (swap OUT+ and OUT-); switched off at once"
                )
            };
            return self.end(Outcome::failed(why));
        }
        if along.is_some_and(|k| k >= MOVED_K) {
            // Positive cools, whichever way the device itself counts. A circulator tells of no current.
            if pulse.count > 0.0 && amps * pulse.way > -CURRENT_A {
                let why = format!(
                    "asked to be {to}, the {what} went there, but the current reads {amps:+.2} A: its sign is wrong. Set \"Positive Current Is\" \
                     (3034) in the vendor's software to how the modules are wired"
                );
                return self.end(Outcome::failed(why));
            }
            self.seen.push((moved.unwrap_or(0.0), amps));
            if self.seen.len() < 2 {
                return Move::Go("it went the right way; resting before the other".into());
            }
            let [down, up] = self.seen[..] else { return self.end(Outcome::failed("a step is missing")) };
            let why = if pulse.count > 0.0 {
                format!("{:+.2} K at {:+.2} A, {:+.2} K at {:+.2} A: down cools, up warms", down.0, down.1, up.0, up.1)
            } else {
                format!("{:+.2} K and {:+.2} K: down cools, up warms", down.0, up.0)
            };
            let read = (pulse.count > 0.0).then_some((down.1, up.1));
            let outcome = Outcome::passed(why).number("cooling_a", read.map(|r| r.0)).number("warming_a", read.map(|r| r.1));
            return self.end(outcome.number("cooled_k", down.0).number("warmed_k", up.0));
        }
        let limit_s = now.facts.answer_s;
        if since > limit_s {
            let moved = moved.unwrap_or(f64::NAN);
            let why = if believed::circulates(&now.facts.plant) {
                format!(
                    "asked to be {to}, the {what} moved by {moved:+.2} K in {limit_s} s: the circulator does not run, or the sensor is not in the {what}"
                )
            } else {
                format!(
                    "asked to be {to}, the {what} moved by {moved:+.2} K in {limit_s} s at {amps:+.2} A: modules not connected, or the sensor is not in the {what}"
                )
            };
            return self.end(Outcome::failed(why));
        }
        (want.target, want.at_once) = (Some(pulse.from + pulse.way * STEP_K), true);
        let words = format!("{to} by {STEP_K} K: moved {:+.2} K at {amps:+.2} A", moved.unwrap_or(f64::NAN));
        self.pulse = Some(pulse);
        Move::Go(words)
    }

    fn end(&mut self, outcome: Outcome) -> Move {
        outcome.points(std::mem::take(&mut self.points)).done()
    }
}
