//! What concerns coolant: leak and loss of flow, and the operator's own figures of the flow meter. No instrument driver reads pressure, and nobody but the
//! operator stops the pump, so these are an operator's figures and the record says so. A dry rig declares itself once; one with a loop in its file is asked nothing
//! of the kind. A flow meter that is read is [`super::flow`]'s.

use crate::commission::procedure::{Move, Outcome, Step, Wanted};
use crate::commission::question::{Answer, Question};
use crate::commission::settle::Now;
use crate::commission::station::Facts;

/// Least time of a leak test, min, and largest part of the pressure that may go meanwhile (our choice: what temperature alone
/// does to a closed loop in an air-conditioned room stays below it).
const LEAK_MIN: f64 = 10.0;
const LEAK_FRAC: f64 = 0.05;
/// Longest time from loss of flow to heat and output off, s.
const TRIP_S: f64 = 2.0;

pub(super) fn number(answer: Option<Answer>) -> Option<f64> {
    answer.and_then(|a| if let Answer::Number(n) = a { Some(n) } else { None })
}

const DRY: &str = "declared dry: no coolant in it";

/// A questionnaire: answers in the order of the questions.
#[derive(Default)]
pub(super) struct Sheet {
    pub(super) answers: Vec<f64>,
    dry: Option<bool>,
}

impl Sheet {
    /// The next question, or `None` when everything is answered.
    pub(super) fn ask(&mut self, now: &Now<'_>, answer: Option<Answer>, questions: impl Fn(usize) -> Option<Question>) -> Option<Move> {
        match (self.dry.or(now.dry), answer) {
            (None, None) => {
                let text = "Is this a dry rig, without any liquid in contact with plate or sink?";
                return Some(Move::Ask(Question::yes_no("dry", text)));
            }
            (None, Some(answer)) => self.dry = Some(answer == Answer::Yes),
            (known, answer) => {
                self.dry = known;
                self.answers.extend(number(answer));
            }
        }
        if self.dry == Some(true) {
            return Some(Outcome::not_applicable(DRY).by_operator().word("dry", "yes").done());
        }
        questions(self.answers.len()).map(Move::Ask)
    }
}

/// Leak: pressure over time.
#[derive(Default)]
pub(super) struct Leak(Sheet);

impl Step for Leak {
    fn name(&self) -> &'static str {
        "leak"
    }

    fn purpose(&self) -> &'static str {
        "Nothing is switched on before the loop is known to be tight."
    }

    fn eta_s(&self, _: &Facts) -> f64 {
        0.0
    }

    fn coolant_may_stand(&self) -> bool {
        true
    }

    fn tick(&mut self, now: &Now<'_>, answer: Option<Answer>, _: &mut Wanted) -> Move {
        let open = self.0.ask(now, answer, |n| {
            Some(match n {
                0 => Question::number(
                    "leak.start_kpa",
                    "Close the loop, pressurise it with the pump off. Gauge pressure now?",
                    (1.0, 2000.0),
                    "kPa",
                ),
                1 => Question::number("leak.minutes", format!("Wait {LEAK_MIN} min or more. How long was it?"), (0.0, 10_000.0), "min"),
                2 => Question::number("leak.end_kpa", "Gauge pressure after that time?", (0.0, 2000.0), "kPa"),
                3 => Question::number("leak.drops", "Wipe every joint with dry paper. How many were wet?", (0.0, 1000.0), "joints"),
                _ => return None,
            })
        });
        if let Some(open) = open {
            return open;
        }
        let [start, minutes, end, drops] = self.0.answers[..] else { return Outcome::failed("answers are missing").done() };
        let lost = (start - end) / start;
        let why = match () {
            () if minutes < LEAK_MIN => format!("{minutes} min are too short to see a leak: take {LEAK_MIN}"),
            () if drops > 0.0 => format!("{drops} joints are wet"),
            () if lost > LEAK_FRAC => format!("{:.1} % of the pressure went in {minutes} min", lost * 100.0),
            () => String::new(),
        };
        let good = why.is_empty();
        let why = if good { format!("{:+.1} % of the pressure in {minutes} min, every joint dry", -lost * 100.0) } else { why };
        Outcome::judged(good, why)
            .by_operator()
            .word("dry", "no")
            .number("start_kpa", start)
            .number("end_kpa", end)
            .number("minutes_min", minutes)
            .number("wet_joints", drops)
            .done()
    }
}

/// Loss of flow: time until everything is off.
#[derive(Default)]
pub(super) struct FlowTrip(Sheet);

impl Step for FlowTrip {
    fn name(&self) -> &'static str {
        "flow_trip"
    }

    fn purpose(&self) -> &'static str {
        "Loss of flow must take heat and output off within 2 s."
    }

    fn eta_s(&self, _: &Facts) -> f64 {
        0.0
    }

    fn coolant_may_stand(&self) -> bool {
        true
    }

    fn tick(&mut self, now: &Now<'_>, answer: Option<Answer>, _: &mut Wanted) -> Move {
        let open = self.0.ask(now, answer, |n| {
            let text = "With the loop running, stop the pump, film the flow switch and the output's lamp, and start it again. Seconds from no flow to off?";
            (n == 0).then(|| Question::number("flow_trip.seconds", text, (0.0, 600.0), "s"))
        });
        if let Some(open) = open {
            return open;
        }
        let seconds = self.0.answers.first().copied().unwrap_or(f64::INFINITY);
        let why = format!("off {seconds} s after the flow was lost, {TRIP_S} s are allowed");
        Outcome::judged(seconds <= TRIP_S, why).by_operator().number("seconds_s", seconds).done()
    }
}

/// Mean and standard deviation of a sample; the latter 0 for one value.
pub(super) fn mean_sd(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, if n > 1.0 { (squares / (n - 1.0)).sqrt() } else { 0.0 })
}
