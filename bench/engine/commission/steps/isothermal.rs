//! Zero-power isothermal check: without heat everything on the bench is at room temperature, so every sensor must say the same.
//!
//! A card that is powered idles at some watts and cannot be cut off while its sensors are read. With the output off the bench
//! is a linear network of conductances, so sensor differences are linear in board power: they are measured at two powers and
//! extrapolated to none. Where no heat reaches the plate they are compared as they are.

use super::{degc, watts};
use crate::commission::procedure::{Move, Outcome, Step, Wanted};
use crate::commission::question::Answer;
use crate::commission::record::Point;
use crate::commission::settle::{Now, Rule, Settle, Settled, Window};
use crate::commission::station::Facts;
use signal::Channel;

/// Drift below which the bench stands, K/min: three times what an air-conditioned room itself does.
const DRIFT_K_MIN: f64 = 0.03;
const DRIFT_QUICK_K_MIN: f64 = 0.06;
const SPAN_S: f64 = 180.0;
/// Longest wait for each power, s.
const LIMIT_S: f64 = 3.0 * 3600.0;
/// Board power below which the bench counts as without heat, W.
const POWERLESS_W: f64 = 0.5;
/// Share of full work for the second power, at most: nothing is cooled meanwhile.
const SECOND_DUTY: f64 = 0.5;
/// The plate stays this far below its highest setpoint while it is warmed without cooling, K.
const HEADROOM_K: f64 = 5.0;
/// Least difference of the two powers, as part of the first.
const LEAST_STEP_FRAC: f64 = 0.3;
/// A plate that has not moved by this part of what it is believed to come to, after this long, is not measured, s.
const DEAD_FRAC: f64 = 0.1;
const DEAD_AFTER_S: f64 = 300.0;

#[derive(Default)]
pub(super) struct Isothermal {
    settle: Option<Settle>,
    first: Option<Point>,
    duty: f64,
    warmed_at: Option<f64>,
    recent: Option<Window>,
}

impl Step for Isothermal {
    fn name(&self) -> &'static str {
        "isothermal"
    }

    fn purpose(&self) -> &'static str {
        "Output off: without power every sensor must read the same. Keep draughts and sunlight away."
    }

    fn eta_s(&self, facts: &Facts) -> f64 {
        if facts.coupled { 5400.0 } else { 300.0 }
    }

    fn tick(&mut self, now: &Now<'_>, _: Option<Answer>, want: &mut Wanted) -> Move {
        want.duty = self.duty;
        if let Some(dead) = self.dead(now) {
            return dead;
        }
        let drift = if now.facts.quick { DRIFT_QUICK_K_MIN } else { DRIFT_K_MIN };
        let rule = Rule { target: None, plate_k_min: drift, sink_k_min: Some(drift), limit_s: LIMIT_S };
        let point = match self.settle.get_or_insert_with(|| Settle::new(rule, SPAN_S)).look(now) {
            Settled::Waiting(words) => return Move::Go(words),
            Settled::Never(why, point) => return Outcome::failed(why).points(vec![*point]).done(),
            Settled::Steady(point) => Point { duty_frac: self.duty, held: true, ..*point },
        };
        let power = point.board_w.filter(|_| now.facts.coupled).unwrap_or(0.0);
        match self.first.take() {
            None if power < POWERLESS_W => judge(now, &[point]),
            None => {
                let Some(duty) = second_duty(now, &point) else {
                    let why = "idle heat alone brings the plate near its highest setpoint: check it with the card's power cut";
                    return Outcome::failed(why).points(vec![point]).done();
                };
                (self.duty, self.warmed_at, self.settle) = (duty, Some(now.t), None);
                self.first = Some(point);
                want.duty = duty;
                Move::Go("the first power is measured; now with more".into())
            }
            Some(first) => judge(now, &[first, point]),
        }
    }
}

impl Isothermal {
    /// More heat must move the plate.
    fn dead(&mut self, now: &Now<'_>) -> Option<Move> {
        let (first, warmed) = (self.first.as_ref()?, self.warmed_at?);
        let recent = self.recent.get_or_insert_with(|| Window::new(60.0));
        recent.push(now.t, now.readings);
        if now.t - warmed < DEAD_AFTER_S {
            return None;
        }
        let moved = recent.mean(Channel::Plate)? - first.plate_degc?;
        let more_w = recent.mean(Channel::BoardPower)? - first.board_w?;
        let expected = more_w * passive_k_w(now.facts);
        if moved > DEAD_FRAC * expected {
            return None;
        }
        let why = format!(
            "the plate reads {:.2} °C and moved by {moved:+.2} K in {:.0} min though {more_w:.0} W more went into it (some {expected:.0} K are believed in \
             the end): its sensor is stuck, or not in the plate",
            recent.mean(Channel::Plate)?,
            (now.t - warmed) / 60.0,
        );
        Some(Outcome::failed(why).points(vec![first.clone()]).done())
    }
}

/// Believed rise of the plate over the room, K a watt, output off.
fn passive_k_w(facts: &Facts) -> f64 {
    let plant = &facts.plant;
    let through = plant.bank.module.conductance_w_k * f64::from(plant.bank.modules());
    let via_sink = 1.0 / (1.0 / through + plant.sink_k_w);
    plant.capture_frac / (via_sink + plant.loss_w_k)
}

/// Share of work for the second power that leaves the plate below its limits without cooling.
fn second_duty(now: &Now<'_>, point: &Point) -> Option<f64> {
    let facts = now.facts;
    let (plate, power) = (point.plate_degc?, point.board_w?);
    // The worse of belief and of what the first power did.
    let seen = point.sink_degc.map_or(0.0, |sink| (plate - sink).max(0.0) / power + facts.plant.sink_k_w);
    let room_w = (facts.limits.max() - HEADROOM_K - plate) / passive_k_w(facts).max(seen);
    let span = facts.full_w - facts.idle_w;
    let duty = (room_w / span).min(SECOND_DUTY);
    (duty * span > LEAST_STEP_FRAC * power).then_some(duty)
}

/// Sensors at no power, pair by pair.
fn judge(now: &Now<'_>, points: &[Point]) -> Move {
    let rule = &now.facts.rule;
    let at_zero = |difference: &dyn Fn(&Point) -> Option<f64>| -> Option<(f64, f64)> {
        let first = difference(&points[0])?;
        let Some(second) = points.get(1) else { return Some((first, 0.0)) };
        let per_w = (difference(second)? - first) / (second.board_w? - points[0].board_w?);
        Some((first - per_w * points[0].board_w?, per_w))
    };
    let sink = at_zero(&|p| Some(p.sink_degc? - p.plate_degc?));
    let die = if now.facts.coupled { at_zero(&|p| Some(p.die_degc? - p.plate_degc?)) } else { None };
    let sink_w = at_zero(&|p| p.sink_degc);
    let compared: Vec<(&str, f64, f64)> = [("sink", sink, rule.sink_tolerance_k), ("die", die, rule.die_tolerance_k)]
        .into_iter()
        .filter_map(|(name, found, tolerance)| Some((name, found?.0, tolerance.hypot(rule.plate_tolerance_k))))
        .collect();
    if compared.is_empty() {
        return Outcome::failed("there is only one sensor: nothing to compare the plate with; give the rig a sink sensor").done();
    }
    let said: Vec<String> = compared.iter().map(|(name, k, within)| format!("{name} - plate {k:+.2} K (within {within:.2})")).collect();
    let off: Vec<&str> = compared.iter().filter(|(_, k, within)| k.abs() > *within).map(|(name, _, _)| *name).collect();
    let how = if points.len() > 1 {
        format!("extrapolated from {} and {} to no power", watts(points[0].board_w), watts(points[1].board_w))
    } else {
        format!("at {}", degc(points[0].plate_degc))
    };
    let why = match off[..] {
        [] => format!("all sensors agree {how}: {}", said.join(", ")),
        [name] if compared.len() > 1 => format!("the {name} disagrees {how}: {}; compare it with a thermometer you trust", said.join(", ")),
        [_] => format!("plate and sink disagree {how}: {}; compare both with a thermometer you trust", said.join(", ")),
        _ => format!("the plate disagrees with every other sensor {how}: {}; calibrate it", said.join(", ")),
    };
    Outcome::judged(off.is_empty(), why)
        .number("sink_minus_plate_k", sink.map(|s| s.0))
        .number("die_minus_plate_k", die.map(|d| d.0))
        .number("die_plate_k_w", die.map(|d| d.1).filter(|_| points.len() > 1))
        .number("sink_k_w", sink_w.map(|s| s.1).filter(|_| points.len() > 1))
        .number("plate_tolerance_k", rule.plate_tolerance_k)
        .number("sink_tolerance_k", rule.sink_tolerance_k)
        .number("die_tolerance_k", rule.die_tolerance_k)
        .points(points.to_vec())
        .done()
}
