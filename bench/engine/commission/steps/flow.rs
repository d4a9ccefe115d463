//! The flow meter against buckets, scale and stopwatch. Where the rig reads it, its own readings while the bucket fills are compared and nobody copies them off a
//! display; mass and time are always the operator's.

use super::wet::{Sheet, mean_sd, number};
use crate::commission::procedure::{Move, Outcome, Step, Wanted};
use crate::commission::question::{Answer, Question};
use crate::commission::settle::Now;
use crate::commission::station::Facts;
use signal::{Celsius, Channel};

/// Buckets, their spread, and how far a meter that only a person reads may be off before it is no meter for this loop.
const BUCKETS: usize = 3;
const BUCKET_SPREAD_FRAC: f64 = 0.03;
const FACTOR: std::ops::RangeInclusive<f64> = 0.8..=1.25;
/// A meter that heat is told by may be off by three of its own standard uncertainties and what a bucket may be; nothing takes its factor into account.
const UNCERTAINTIES: f64 = 3.0;
/// Time over which readings are taken beside a bucket, bench s, and least part of its ticks that must be read.
const CATCH_S: f64 = 60.0;
const READ_FRAC: f64 = 0.5;

#[derive(Default)]
pub(super) struct FlowMeter {
    sheet: Sheet,
    catching: Option<Catching>,
    /// Mass, time and what the meter said, of each bucket that was read.
    buckets: Vec<[f64; 3]>,
    kg: Option<f64>,
    asked: bool,
    l_min: Option<f64>,
}

struct Catching {
    began: f64,
    ticks: f64,
    sum: f64,
    count: f64,
}

impl Step for FlowMeter {
    fn name(&self) -> &'static str {
        "flow_meter"
    }

    fn purpose(&self) -> &'static str {
        "The meter's factor, by bucket, scale and stopwatch."
    }

    fn eta_s(&self, facts: &Facts) -> f64 {
        if facts.flow_frac.is_some() { BUCKETS as f64 * CATCH_S } else { 0.0 }
    }

    fn coolant_may_stand(&self) -> bool {
        true
    }

    fn tick(&mut self, now: &Now<'_>, answer: Option<Answer>, _: &mut Wanted) -> Move {
        match now.facts.flow_frac.filter(|_| now.dry == Some(false)) {
            Some(flow_frac) => self.read(now, answer.as_ref(), flow_frac),
            None => self.told(now, answer),
        }
    }
}

impl FlowMeter {
    /// Buckets beside a meter that the rig reads.
    fn read(&mut self, now: &Now<'_>, answer: Option<&Answer>, flow_frac: f64) -> Move {
        let bucket = self.buckets.len() + 1;
        let key = |name: &str| format!("flow_meter.bucket.{bucket}.{name}");
        if let Some(catching) = &mut self.catching {
            catching.ticks += 1.0;
            if let Some(flow) = now.read(Channel::Flow) {
                catching.sum += flow;
                catching.count += 1.0;
            }
            let left = CATCH_S - (now.t - catching.began);
            if left > 0.0 {
                return Move::Go(format!("bucket {bucket}: catch for {left:.0} s more"));
            }
            if catching.count < READ_FRAC * catching.ticks || catching.sum <= 0.0 {
                return Outcome::failed(
                    "the flow meter was not read, or read no flow, while the bucket filled: see its wiring and the pump",
                )
                .done();
            }
            (self.l_min, self.catching) = (Some(catching.sum / catching.count), None);
            self.asked = true;
            return Move::Ask(Question::number(key("kg"), format!("Bucket {bucket}: mass of coolant caught?"), (0.01, 1000.0), "kg"));
        }
        let asked = std::mem::take(&mut self.asked);
        match (self.l_min, self.kg, number(answer.cloned()).filter(|_| asked)) {
            (Some(_), None, Some(kg)) => {
                (self.kg, self.asked) = (Some(kg), true);
                return Move::Ask(Question::number(key("s"), "In how many seconds?", (1.0, 3600.0), "s"));
            }
            (Some(l_min), Some(kg), Some(s)) => {
                self.buckets.push([kg, s, l_min]);
                (self.l_min, self.kg) = (None, None);
            }
            _ if asked && answer == Some(&Answer::Yes) => {
                self.catching = Some(Catching { began: now.t, ticks: 0.0, sum: 0.0, count: 0.0 });
                return Move::Go(format!("bucket {bucket}: catch the coolant now"));
            }
            _ => {}
        }
        if self.buckets.len() < BUCKETS {
            let bucket = self.buckets.len() + 1;
            self.asked = true;
            let text =
                format!("Bucket {bucket}: let the return into a weighed bucket from \"yes\" on, for {CATCH_S} s by your watch. Ready?");
            return Move::Ask(Question::yes_no(format!("flow_meter.bucket.{bucket}.ready"), text));
        }
        let at = now.read(Channel::CoolantReturn).map_or(now.facts.plant.room, Celsius);
        let density = now.facts.plant.circuit.as_ref().and_then(|c| c.coolant.properties(at)).map(|(density, _)| density);
        let Some(density) = density else {
            return Outcome::failed(format!("the density of the coolant is not known at {:.1} °C: declare it in [coolant]", at.0)).done();
        };
        let within = (UNCERTAINTIES * flow_frac).hypot(BUCKET_SPREAD_FRAC);
        let outcome = judged(density, &self.buckets, 1.0 - within..=1.0 + within, now.facts.emulated);
        let read = self.buckets.iter().map(|b| b[2]).sum::<f64>() / BUCKETS as f64;
        outcome.number("meter_l_min", read).number("within_frac", within).done()
    }

    /// Buckets beside a meter that only the operator reads.
    fn told(&mut self, now: &Now<'_>, answer: Option<Answer>) -> Move {
        let open = self.sheet.ask(now, answer, |n| {
            if n == 0 {
                let text = "Density of the coolant at its temperature? (water at 25 degC: 997)";
                return Some(Question::number("flow_meter.density_kg_m3", text, (500.0, 2500.0), "kg/m3"));
            }
            let (bucket, what) = ((n - 1) / 3 + 1, (n - 1) % 3);
            let key = |name: &str| format!("flow_meter.bucket.{bucket}.{name}");
            (bucket <= BUCKETS).then(|| match what {
                0 => Question::number(key("kg"), format!("Bucket {bucket}: mass of coolant caught?"), (0.01, 1000.0), "kg"),
                1 => Question::number(key("s"), "In how many seconds?", (1.0, 3600.0), "s"),
                _ => Question::number(key("l_min"), "What did the meter read meanwhile?", (0.01, 1000.0), "l/min"),
            })
        });
        if let Some(open) = open {
            return open;
        }
        let Some((density, buckets)) = self.sheet.answers.split_first() else { return Outcome::failed("answers are missing").done() };
        let buckets: Vec<[f64; 3]> = buckets.chunks_exact(3).map(|b| [b[0], b[1], b[2]]).collect();
        judged(*density, &buckets, FACTOR, false).done()
    }
}

fn judged(density_kg_m3: f64, buckets: &[[f64; 3]], factor: std::ops::RangeInclusive<f64>, emulated: bool) -> Outcome {
    let factors: Vec<f64> = buckets.iter().map(|[kg, s, l_min]| kg / density_kg_m3 * 1e3 / (s / 60.0) / l_min).collect();
    let (mean, sd) = mean_sd(&factors);
    let spread = sd / mean;
    let good = spread <= BUCKET_SPREAD_FRAC && factor.contains(&mean);
    let why = format!(
        "true flow is {mean:.4} of what the meter says ({:.3} to {:.3} are allowed), {:.1} % spread over {BUCKETS} buckets",
        factor.start(),
        factor.end(),
        spread * 100.0
    );
    let outcome = Outcome::judged(good, why).by_operator().number("factor", mean).number("spread_frac", spread);
    let outcome = outcome.number("density_kg_m3", density_kg_m3);
    if emulated {
        outcome.word("buckets", "an emulated loop has nothing to catch: they are what was written in the answers")
    } else {
        outcome
    }
}
