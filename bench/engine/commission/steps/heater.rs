//! Heater substitution: five known powers into the plate, held at one temperature, and what the rig says it takes off. Says
//! whether the heat figures can be believed and whether the heat sink does its work. Parameters are fitted elsewhere, from these points.
//!
//! With a loop between plate and bank the heat that should arrive is the known one as far as the plate takes it up, with the pump's and less what plate and
//! hoses lose; and flow and warming of the coolant, where they are read, tell it once more.
//!
//! On a real rig the power is that of a supply feeding a heater in the card's place, which the operator reads; without one, and on the
//! twin, it is the card's own meter at known duty, and the record says which.

use super::{near_room, servoed, watts};
use crate::commission::believed;
use crate::commission::procedure::{Move, Outcome, Step, Wanted};
use crate::commission::question::{Answer, Question};
use crate::commission::record::Point;
use crate::commission::settle::{Now, Settle, Settled, slope};
use crate::commission::station::Facts;

/// How many powers.
const POWERS: usize = 5;
/// Heat taken off over heat put in that a bank known from its datasheet can show: datasheets are good to some 15 %, the card's own
/// loss to the room takes a few per cent, and the rest is margin.
const GAIN: std::ops::RangeInclusive<f64> = 0.75..=1.25;
/// The coolant's heat over what should go into it: flow meter, two sensors and what is captured are each good to a few per cent.
const CALORIMETER: std::ops::RangeInclusive<f64> = 0.9..=1.1;
/// Largest departure from a straight line, as part of the largest power.
const CROOKED_FRAC: f64 = 0.08;
/// A sink worse than believed by this factor is blocked, or its fan stands.
const BLOCKED: f64 = 1.5;
/// Drift of plate and supply below which the coolant of a circulator tells all the heat, K/min: a fifth of a watt into 500 J/K.
const CIRCULATED_K_MIN: f64 = 0.02;
/// Least spread of rejected heat from which a sink is judged, W.
const JUDGE_FROM_W: f64 = 8.0;
/// What a room that is not read may be off the believed one, K: a heated or an unheated lab (assumed).
const ROOM_K: f64 = 5.0;

#[derive(Default)]
pub(super) struct Heater {
    supply: Option<bool>,
    known_w: Option<f64>,
    volts: Option<f64>,
    settle: Option<Settle>,
    /// External meters told the known power.
    metered: bool,
    points: Vec<Point>,
    target: Option<f64>,
}

impl Step for Heater {
    fn name(&self) -> &'static str {
        "heater"
    }

    fn purpose(&self) -> &'static str {
        "Five known powers into the plate, and what the rig says it takes off."
    }

    fn eta_s(&self, facts: &Facts) -> f64 {
        POWERS as f64 * if facts.quick { 600.0 } else { 1200.0 }
    }

    fn tick(&mut self, now: &Now<'_>, answer: Option<Answer>, want: &mut Wanted) -> Move {
        let Some(supply) = self.supply else {
            match answer {
                _ if now.facts.emulated => self.supply = Some(false),
                None => {
                    let text = "Is a heater on a supply in place of the device under test? (no: its own power meter is taken for known)";
                    return Move::Ask(Question::yes_no("heater.supply", text));
                }
                Some(answer) => self.supply = Some(answer == Answer::Yes),
            }
            return Move::Go(String::new());
        };
        if !supply && !now.facts.coupled {
            let why = "the device under test is not on this plate, and there is no heater: nothing to substitute";
            return Outcome::not_applicable(why).done();
        }
        let part = self.points.len() as f64 / (POWERS - 1) as f64;
        let target = *self.target.get_or_insert_with(|| near_room(now));
        want.target = Some(target);
        want.duty = if supply { 0.0 } else { part };
        if supply && self.known_w.is_none() {
            return self.ask_supply(now, part, answer);
        }
        let mut rule = servoed(now, target);
        if believed::circulates(&now.facts.plant) {
            // No sink to wait for, and what a plate of some hundred J/K still takes up is missing in the coolant.
            rule.plate_k_min = CIRCULATED_K_MIN;
        }
        let settled = self.settle.get_or_insert_with(|| Settle::new(rule, super::WINDOW_S)).look(now);
        let point = match settled {
            Settled::Waiting(words) => return Move::Go(format!("power {} of {POWERS}: {words}", self.points.len() + 1)),
            Settled::Never(why, point) => {
                self.points.push(Point { target_degc: Some(target), duty_frac: want.duty, why: why.clone(), ..*point });
                // What the sink did until then says more than that it could not be held.
                let why = self.blocked(now.facts).unwrap_or(why);
                return self.end(Outcome::failed(why));
            }
            Settled::Steady(point) => point,
        };
        let known_w = if supply { self.known_w } else { point.meter_w.or(point.board_w) };
        self.metered = point.meter_w.is_some();
        self.points.push(Point { target_degc: Some(target), duty_frac: want.duty, known_w, held: true, ..*point });
        (self.settle, self.known_w) = (None, None);
        if let Some(why) = self.blocked(now.facts) {
            return self.end(Outcome::failed(why));
        }
        if self.points.len() < POWERS {
            let words = format!("{} measured", watts(known_w));
            return Move::Go(words);
        }
        self.judge(now.facts, supply)
    }
}

impl Heater {
    fn ask_supply(&mut self, now: &Now<'_>, part: f64, answer: Option<Answer>) -> Move {
        let number = self.points.len() + 1;
        let key = |what: &str| format!("heater.power.{number}.{what}");
        match (self.volts, answer) {
            (None, Some(Answer::Number(volts))) => self.volts = Some(volts),
            (Some(volts), Some(Answer::Number(amps))) => {
                (self.known_w, self.volts) = (Some(volts * amps), None);
                return Move::Go(String::new());
            }
            _ => {
                let wish = part * now.facts.full_w;
                let text = format!("Power {number} of {POWERS}: set the heater's supply to about {wish:.0} W. Volts at the heater?");
                return Move::Ask(Question::number(key("volts_v"), text, (0.0, 500.0), "V"));
            }
        }
        Move::Ask(Question::number(key("amps_a"), "Amperes?", (0.0, 500.0), "A"))
    }

    fn sink_k_w(&self, facts: &Facts) -> Option<f64> {
        let rejected: Vec<(f64, f64)> = self.points.iter().filter_map(|p| rejected(p, facts)).collect();
        let (first, last) = (rejected.first()?, rejected.last()?);
        if (last.0 - first.0).abs() < JUDGE_FROM_W {
            return None;
        }
        let two = (last.1 - first.1) / (last.0 - first.0);
        Some(slope(rejected.iter().copied()).unwrap_or(two))
    }

    /// The sink over the room, the worst of the points, K a watt at least: what its sensor may be off counts for it, and so does the time that a sink still
    /// warming was not given. Where it runs away the first power is the only one that was held.
    fn over_room_k_w(&self, facts: &Facts) -> Option<f64> {
        let least = |p: &Point| {
            let room_k = if p.ambient_degc.is_some() { 0.0 } else { ROOM_K };
            let rise_k = p.sink_degc? - p.ambient_degc.unwrap_or(facts.plant.room.0) - facts.rule.sink_tolerance_k - room_k;
            let (rejected_w, _) = rejected(p, facts)?;
            (rejected_w >= JUDGE_FROM_W).then(|| rise_k / rejected_w)
        };
        self.points.iter().filter_map(least).reduce(f64::max)
    }

    fn blocked(&self, facts: &Facts) -> Option<String> {
        let found = [self.sink_k_w(facts), self.over_room_k_w(facts)].into_iter().flatten().reduce(f64::max)?;
        let believed = facts.plant.sink_k_w;
        (found > BLOCKED * believed).then(|| {
            format!("the heat sink warms by {found:.2} K a watt, {believed:.2} K are believed: is its fan running, are its fins or filters blocked?")
        })
    }

    fn judge(&mut self, facts: &Facts, supply: bool) -> Move {
        if believed::circulates(&facts.plant) {
            return self.judge_circulator(facts, supply);
        }
        let pumped = |p: &Point| Some((believed::to_bank_w(p.known_w?, p, facts)?, believed::bank_w(p, facts)?));
        let line: Vec<(f64, f64)> = self.points.iter().filter_map(pumped).collect();
        let Some(gain) = slope(line.iter().copied()).filter(|_| line.len() == POWERS) else {
            return self.end(Outcome::failed("power, current or sink temperature are not read: nothing can be compared"));
        };
        let mean = |of: fn(&(f64, f64)) -> f64| line.iter().map(of).sum::<f64>() / line.len() as f64;
        let zero = mean(|p| p.1) - gain * mean(|p| p.0);
        let largest = line.iter().map(|p| p.0).fold(0.0, f64::max);
        let crooked = line.iter().map(|p| (p.1 - zero - gain * p.0).abs()).fold(0.0, f64::max) / largest;
        let by = self.known_by(supply);
        let why = format!(
            "the bank as believed takes off {gain:.3} W of each W known by {by} ({} to {} are allowed), straight within {:.1} % of {largest:.0} W",
            GAIN.start(),
            GAIN.end(),
            crooked * 100.0
        );
        let calorimeter = self.calorimeter(facts);
        let closed = calorimeter.is_none_or(|c| CALORIMETER.contains(&c));
        let why = calorimeter.map_or(why.clone(), |c| {
            let look = if closed { "" } else { ": look at the flow meter, then at the two coolant sensors" };
            format!(
                "{why}; the coolant's warming tells {c:.3} W of each W into it ({} to {} are allowed){look}",
                CALORIMETER.start(),
                CALORIMETER.end()
            )
        });
        let good = GAIN.contains(&gain) && crooked <= CROOKED_FRAC && closed;
        let sink = self.sink_k_w(facts);
        let outcome = Outcome::judged(good, why).number("gain", gain).number("zero_w", zero).number("crooked_frac", crooked);
        self.end(outcome.number("calorimeter_gain", calorimeter).number("sink_k_w", sink).word("known_by", by))
    }

    fn known_by(&self, supply: bool) -> &'static str {
        match () {
            () if supply => "the supply",
            () if self.metered => "the external meters",
            () => "the card's own meter",
        }
    }

    /// Heat that the coolant tells of each watt into it; `None` where flow, supply and return are not all read.
    fn calorimeter(&self, facts: &Facts) -> Option<f64> {
        let told = |p: &Point| Some((believed::to_coolant_w(p.known_w?, p, &facts.plant)?, believed::calorimetric_w(p, &facts.plant)?));
        let told: Vec<(f64, f64)> = self.points.iter().filter_map(told).collect();
        slope(told.iter().copied()).filter(|_| told.len() == POWERS)
    }

    /// A circulator tells nothing of what it takes off: only the coolant does.
    fn judge_circulator(&mut self, facts: &Facts, supply: bool) -> Move {
        let Some(found) = self.calorimeter(facts) else {
            let why =
                "a circulator tells nothing of the heat it takes off, and flow, supply and return are not all read: nothing to compare";
            return self.end(Outcome::not_applicable(why));
        };
        let (by, closed) = (self.known_by(supply), CALORIMETER.contains(&found));
        let look = if closed { "" } else { ": look at the flow meter, then at the two coolant sensors" };
        let why = format!(
            "the coolant's warming tells {found:.3} W of each W into it known by {by} ({} to {} are allowed){look}; of what the circulator takes off nothing \
             is told",
            CALORIMETER.start(),
            CALORIMETER.end()
        );
        self.end(Outcome::judged(closed, why).number("calorimeter_gain", found).word("known_by", by))
    }

    fn end(&mut self, outcome: Outcome) -> Move {
        outcome.points(std::mem::take(&mut self.points)).done()
    }
}

/// Heat given off at the sink, W: what went in and what drove it; and the sink, °C.
fn rejected(p: &Point, facts: &Facts) -> Option<(f64, f64)> {
    let known_w = p.known_w.or(p.meter_w).or(p.board_w)?;
    Some((believed::to_bank_w(known_w, p, facts)? + p.tec_w?, p.sink_degc?))
}
