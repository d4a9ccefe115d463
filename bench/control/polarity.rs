//! Before a run's first setpoint: a small step of the target, against the drift there is, must move what is servoed the right way. A
//! controller on modules wired the wrong way round drives them from their target ever harder, so the step is small, nothing works meanwhile, and the first wrong
//! half kelvin ends the run.

use crate::io::{Event, Input};
use crate::law::Law;
use signal::{Celsius, Channel, Limits, Severity};

/// The step, K.
const STEP_K: f64 = 1.0;
/// Movement beyond the drift that is an answer, K.
const MOVED_K: f64 = 0.5;
/// Drift that decides which way is tried, K/s: against it, so that the current must have the right sign.
const DRIFT_K_S: f64 = 0.002;
/// Current below which the output does nothing, A.
const CURRENT_A: f64 = 0.02;

/// How polarity is tried; absent where it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolarityLaw {
    /// Ticks of looking at the drift, output off.
    pub rest_ticks: u32,
    /// Ticks until no answer is an answer.
    pub limit_ticks: u32,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Polarity {
    /// Not begun.
    #[default]
    Untried,
    /// Looking at the drift: the first reading and ticks since.
    Rest { first: f64, ticks: u32 },
    /// The step is on.
    Pulse { from: f64, to: f64, drift_k_tick: f64, ticks: u32, sum_a: f64, count: u32 },
    /// The right way was seen.
    Proven,
}

/// What polarity makes of a tick.
pub(crate) enum Verdict {
    /// No matter, or proven: the run goes on.
    Go,
    /// Output off.
    Wait,
    /// Hold this target, and let nothing work.
    Hold(Celsius),
    /// The run cannot be.
    Refuse(String),
}

impl Polarity {
    pub(crate) fn tick(
        &mut self,
        law: &Law,
        limits: Limits,
        input: &Input,
        ticks: u32,
        request: Celsius,
        events: &mut Vec<Event>,
    ) -> Verdict {
        let Some(rule) = law.polarity else { return Verdict::Go };
        let name = law.servo.name();
        if *self == Self::Proven {
            return Verdict::Go;
        }
        let measured = input.readings.usable(law.servoed());
        let (Some(now), true) = (measured, input.instruments.ready) else {
            return if let Self::Pulse { to, .. } = *self { Verdict::Hold(Celsius(to)) } else { Verdict::Wait };
        };
        match *self {
            Self::Untried => {
                *self = Self::Rest { first: now, ticks: 0 };
                Verdict::Wait
            }
            Self::Rest { first, ticks: before } => {
                let rested = before.saturating_add(ticks);
                if rested < rule.rest_ticks {
                    *self = Self::Rest { first, ticks: rested };
                    return Verdict::Wait;
                }
                let drift_k_tick = (now - first) / f64::from(rested.max(1));
                let to = aim(now, drift_k_tick / law.dt_s, request.0, limits);
                *self = Self::Pulse { from: now, to, drift_k_tick, ticks: 0, sum_a: 0.0, count: 0 };
                let message = format!("polarity: from {now:.2} °C to {to:.2} °C, and nothing works until the {name} went there");
                events.push(Event { severity: Severity::Info, kind: "polarity", who: "control".into(), message });
                Verdict::Hold(Celsius(to))
            }
            Self::Pulse { from, to, drift_k_tick, ticks: before, mut sum_a, mut count } => {
                if input.instruments.output_on != Some(true) {
                    return Verdict::Hold(Celsius(to));
                }
                let since = before.saturating_add(ticks);
                if let Some(amps) = input.readings.usable(Channel::TecCurrent) {
                    (sum_a, count) = (sum_a + amps, count + 1);
                }
                let amps = (count > 0).then(|| sum_a / f64::from(count));
                let way = (to - from).signum();
                let moved = now - from - drift_k_tick * f64::from(since);
                *self = Self::Pulse { from, to, drift_k_tick, ticks: since, sum_a, count };
                self.judge(law, rule, &Seen { to, way, moved, amps, since }, events)
            }
            Self::Proven => Verdict::Go,
        }
    }

    fn judge(&mut self, law: &Law, rule: PolarityLaw, seen: &Seen, events: &mut Vec<Event>) -> Verdict {
        let Seen { to, way, moved, amps, since } = *seen;
        let (name, asked) = (law.servo.name(), if way < 0.0 { "cooler" } else { "warmer" });
        let (seconds, at) = (f64::from(since) * law.dt_s, amps.map_or_else(String::new, |a| format!(" at {a:+.2} A")));
        if moved * way <= -MOVED_K {
            return Verdict::Refuse(format!(
                "asked to be {asked}, the {name} moved by {moved:+.2} K in {seconds:.0} s{at}: the modules are wired the wrong way round (swap OUT+ and OUT-), \
                 or the sensor is on the other side; switched off at once"
            ));
        }
        if moved * way >= MOVED_K {
            // Positive cools, whichever way the device itself counts.
            if amps.is_some_and(|a| a * way > CURRENT_A) {
                return Verdict::Refuse(format!(
                    "asked to be {asked}, the {name} went there, but the current reads{at}: its sign is wrong; set in the controller which way a positive \
                     current flows"
                ));
            }
            *self = Self::Proven;
            let message = format!("asked to be {asked}, the {name} moved by {moved:+.2} K in {seconds:.0} s{at}: as it should");
            events.push(Event { severity: Severity::Info, kind: "polarity", who: "control".into(), message });
            return Verdict::Go;
        }
        if since > rule.limit_ticks {
            return Verdict::Refuse(format!(
                "asked to be {asked}, the {name} moved by {moved:+.2} K in {seconds:.0} s{at}: modules not connected, no coolant flowing, or the sensor is not \
                 in its place"
            ));
        }
        Verdict::Hold(Celsius(to))
    }
}

/// What the step brought so far.
struct Seen {
    to: f64,
    way: f64,
    moved: f64,
    amps: Option<f64>,
    since: u32,
}

/// Where the step goes: against the drift, else towards what is asked for anyway, and never out of the limits.
fn aim(now: f64, drift_k_s: f64, request: f64, limits: Limits) -> f64 {
    let way = if drift_k_s.abs() > DRIFT_K_S { -drift_k_s.signum() } else { (request - now).signum() };
    let clamped = |way: f64| limits.clamp(now + way * STEP_K).map_or(now, |l| l.value);
    let to = clamped(way);
    // Too near a limit to show anything: the other way.
    if (to - now).abs() < STEP_K * 0.9 && (clamped(-way) - now).abs() > (to - now).abs() { clamped(-way) } else { to }
}
