//! Zero-power isothermal check: without heat everything on the bench is at room temperature, so every sensor must say the same.
//!
//! A card that is powered idles at some watts and cannot be cut off while its sensors are read. With the output off the bench
//! is a linear network of conductances, so sensor differences are linear in board power: they are measured at two powers and
//! extrapolated to none. A pump's heat stays, and what it makes of sensors is taken from the believed network. Where no heat reaches the plate they are compared as they are.

use super::{degc, watts};
use crate::commission::believed;
use crate::commission::procedure::{Move, Outcome, Step, Wanted};
use crate::commission::question::Answer;
use crate::commission::record::{Point, Servoed};
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
        let expected = more_w * believed::plate_k_w(&now.facts.plant);
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

/// Share of work for the second power that leaves the plate below its limits without cooling.
fn second_duty(now: &Now<'_>, point: &Point) -> Option<f64> {
    let facts = now.facts;
    let (plate, power) = (point.plate_degc?, point.board_w?);
    // The worse of belief and of what the first power did.
    let seen = point.sink_degc.map_or(0.0, |sink| (plate - sink).max(0.0) / power + facts.plant.sink_k_w);
    let room_w = (facts.limits.max() - HEADROOM_K - plate) / believed::plate_k_w(&facts.plant).max(seen);
    let span = facts.full_w - facts.idle_w;
    let duty = (room_w / span).min(SECOND_DUTY);
    (duty * span > LEAST_STEP_FRAC * power).then_some(duty)
}

/// What is compared: name, the difference to what is servoed without any power, K, and how far it may be off.
struct Compared {
    name: &'static str,
    k: f64,
    per_w: f64,
    tolerance_k: f64,
}

/// A sensor: name, reading, what a pump makes of it, K, and tolerance, K.
type Sensor<'a> = (&'static str, &'a dyn Fn(&Point) -> Option<f64>, f64, f64);

/// Sensors at no power, each with what is servoed.
fn judge(now: &Now<'_>, points: &[Point]) -> Move {
    let (facts, rule, pump) = (now.facts, &now.facts.rule, believed::pump_rise(&now.facts.plant));
    let servoed = facts.servoed;
    let at_zero = |value: &dyn Fn(&Point) -> Option<f64>, expected_k: f64| -> Option<(f64, f64)> {
        let difference = |p: &Point| Some(value(p)? - p.servoed_degc(servoed)? - expected_k);
        let first = difference(&points[0])?;
        let Some(second) = points.get(1) else { return Some((first, 0.0)) };
        let per_w = (difference(second)? - first) / (second.board_w? - points[0].board_w?);
        Some((first - per_w * points[0].board_w?, per_w))
    };
    let own_k = if servoed == Servoed::Plate { rule.plate_tolerance_k } else { rule.supply_tolerance_k };
    // A pump that runs is a little heat that no card's power extrapolates to none.
    let held_k = if servoed == Servoed::Plate { pump.plate } else { pump.supply };
    let sensors: [Sensor<'_>; 4] = [
        ("return", &|p| p.return_degc.filter(|_| servoed == Servoed::CoolantSupply), pump.back, rule.return_tolerance_k),
        ("plate", &|p| p.plate_degc.filter(|_| servoed == Servoed::CoolantSupply), pump.plate, rule.plate_tolerance_k),
        ("sink", &|p| p.sink_degc, pump.sink, rule.sink_tolerance_k),
        ("die", &|p| p.die_degc.filter(|_| facts.coupled), pump.plate, rule.die_tolerance_k),
    ];
    let compared: Vec<Compared> = sensors
        .iter()
        .filter_map(|(name, value, rise_k, tolerance_k)| {
            let (k, per_w) = at_zero(*value, rise_k - held_k)?;
            Some(Compared { name, k, per_w, tolerance_k: *tolerance_k })
        })
        .collect();
    let what = servoed.word();
    if compared.is_empty() {
        return Outcome::failed(format!("there is only one sensor: nothing to compare the {what} with; give the rig a sink sensor")).done();
    }
    let within = |c: &Compared| c.tolerance_k.hypot(own_k);
    let said: Vec<String> = compared.iter().map(|c| format!("{} - {what} {:+.2} K (within {:.2})", c.name, c.k, within(c))).collect();
    let off: Vec<&Compared> = compared.iter().filter(|c| c.k.abs() > within(c)).collect();
    let how = if points.len() > 1 {
        format!("extrapolated from {} and {} to no power", watts(points[0].board_w), watts(points[1].board_w))
    } else {
        format!("at {}", degc(points[0].servoed_degc(servoed)))
    };
    // Two that are both off from what is servoed, and agree with each other, accuse it.
    let agree = off.iter().all(|a| off.iter().all(|b| (a.k - b.k).abs() <= a.tolerance_k.hypot(b.tolerance_k)));
    let why = match off[..] {
        [] => format!("all sensors agree {how}: {}", said.join(", ")),
        [one] if compared.len() > 1 => {
            format!("the {} disagrees {how}: {}; compare it with a thermometer you trust", one.name, said.join(", "))
        }
        [one] => format!("{what} and {} disagree {how}: {}; compare both with a thermometer you trust", one.name, said.join(", ")),
        _ if off.len() == compared.len() => {
            format!("the {what} disagrees with every other sensor {how}: {}; calibrate it", said.join(", "))
        }
        _ if agree => {
            let others: Vec<&str> = off.iter().map(|c| c.name).collect();
            format!(
                "the {what} disagrees with {}, which agree with each other, {how}: {}; calibrate it",
                others.join(" and "),
                said.join(", ")
            )
        }
        _ => format!("several sensors disagree {how}: {}; compare them all with a thermometer you trust", said.join(", ")),
    };
    let mut outcome = Outcome::judged(off.is_empty(), why);
    for c in &compared {
        outcome = outcome.number(&format!("{}_minus_{what}_k", c.name), c.k);
    }
    let per_w = |value: &dyn Fn(&Point) -> Option<f64>| {
        let (first, second) = (points.first()?, points.get(1)?);
        Some((value(second)? - value(first)?) / (second.board_w? - first.board_w?))
    };
    let wet = servoed == Servoed::CoolantSupply;
    outcome
        .number("die_plate_k_w", per_w(&|p| Some(p.die_degc? - p.plate_degc?)).filter(|_| facts.coupled))
        .number("sink_k_w", per_w(&|p| p.sink_degc))
        .number("return_supply_k_w", compared.iter().find(|c| c.name == "return" && points.len() > 1).map(|c| c.per_w))
        .number("pump_supply_k", wet.then_some(pump.supply))
        .number("supply_tolerance_k", wet.then_some(rule.supply_tolerance_k))
        .number("return_tolerance_k", wet.then_some(rule.return_tolerance_k))
        .number("plate_tolerance_k", rule.plate_tolerance_k)
        .number("sink_tolerance_k", rule.sink_tolerance_k)
        .number("die_tolerance_k", rule.die_tolerance_k)
        .points(points.to_vec())
        .done()
}
