//! The procedure: steps one after the other, tick by tick, with the interlocks of a run around them. Pure: no clock, no device.

use super::map::Authority;
use super::question::{Answer, Question};
use super::record::{Point, Resistance, StepRecord, Verdict};
use super::settle::Now;
use super::station::Facts;
use super::steps;
use crate::devices::Look;
use crate::keeper::{Keeper, walk};
use control::{Commands, Thermal};
use signal::{Celsius, Snapshot, Tick};
use std::collections::{BTreeMap, VecDeque};

/// How a procedure ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every step passed or does not apply.
    Passed,
    /// A step failed.
    Failed(String),
    /// The operator ended it, or the bench was lost; finished steps stand.
    Aborted(String),
}

/// What a step wants of the bench this tick. Off and idle unless it says otherwise, every tick anew.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    /// Plate or supply, whichever is servoed, to hold, °C; the output is off without one.
    pub(super) target: Option<f64>,
    /// The target at once, not walked to: the instrument's own ramp is all that is between. For a kelvin or so.
    pub(super) at_once: bool,
    /// Share of time the workload may work.
    pub(super) duty: f64,
}

/// What a step comes to.
#[derive(Debug)]
pub(super) enum Move {
    /// Not over; what it waits for.
    Go(String),
    /// It needs an answer; comes back with it, and is ticked meanwhile with what it wanted when it asked.
    Ask(Question),
    /// Over.
    Done(Box<Outcome>),
}

/// How a step ended, and what it leaves.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) result: Option<Verdict>,
    pub(super) why: String,
    pub(super) by_operator: bool,
    pub(super) numbers: BTreeMap<String, f64>,
    pub(super) words: BTreeMap<String, String>,
    pub(super) points: Vec<Point>,
    pub(super) authority: Option<Authority>,
    pub(super) resistance: Option<Resistance>,
}

impl Outcome {
    fn new(result: Verdict, why: impl Into<String>) -> Self {
        Self { result: Some(result), why: why.into(), ..Self::default() }
    }

    pub(super) fn passed(why: impl Into<String>) -> Self {
        Self::new(Verdict::Passed, why)
    }

    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self::new(Verdict::Failed, why)
    }

    pub(super) fn not_applicable(why: impl Into<String>) -> Self {
        Self::new(Verdict::NotApplicable, why)
    }

    pub(super) fn judged(good: bool, why: impl Into<String>) -> Self {
        Self::new(if good { Verdict::Passed } else { Verdict::Failed }, why)
    }

    pub(super) fn number(mut self, name: &str, value: impl Into<Option<f64>>) -> Self {
        self.numbers.extend(value.into().filter(|v| v.is_finite()).map(|v| (name.to_owned(), v)));
        self
    }

    pub(super) fn word(mut self, name: &str, value: impl Into<String>) -> Self {
        self.words.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn points(mut self, points: Vec<Point>) -> Self {
        self.points = points;
        self
    }

    pub(super) fn by_operator(mut self) -> Self {
        self.by_operator = true;
        self
    }

    pub(super) fn done(self) -> Move {
        Move::Done(Box::new(self))
    }
}

/// One step of the procedure.
pub(super) trait Step: Send {
    /// Name in the record.
    fn name(&self) -> &'static str;
    /// What it does, for the operator.
    fn purpose(&self) -> &'static str;
    /// Bench seconds it takes, roughly.
    fn eta_s(&self, facts: &Facts) -> f64;
    /// The operator may stop the pump while it is done: it has the output off and the work idle.
    fn coolant_may_stand(&self) -> bool {
        false
    }
    /// Takes one tick; `answer` is to the question asked last.
    fn tick(&mut self, now: &Now<'_>, answer: Option<Answer>, want: &mut Wanted) -> Move;
}

/// What a tick of the procedure comes to.
#[derive(Debug)]
pub struct Told {
    /// For the devices.
    pub commands: Commands,
    /// For the operator, once.
    pub lines: Vec<String>,
    /// The question that is open.
    pub question: Option<Question>,
    /// What the step waits for, with live readings.
    pub waiting: String,
    /// A step that ended just now.
    pub finished: Option<StepRecord>,
    /// Set once.
    pub ended: Option<Ended>,
}

/// The procedure under way.
pub struct Procedure {
    facts: Facts,
    steps: VecDeque<Box<dyn Step>>,
    begun: Option<f64>,
    number: usize,
    total: usize,
    want: Wanted,
    question: Option<Question>,
    answer: Option<Answer>,
    waiting: String,
    setpoint: Option<f64>,
    keeper: Keeper,
    dry: Option<bool>,
    /// Products of the steps.
    pub(super) authority: Option<Authority>,
    pub(super) resistance: Option<Resistance>,
}

impl Procedure {
    /// All steps, save those that are done.
    pub fn new(facts: Facts, done: &[StepRecord]) -> Self {
        let (all, wet) = (steps::all(), facts.wet.then_some(false));
        let total = all.len();
        let steps: VecDeque<_> = all.into_iter().filter(|s| !done.iter().any(|d| d.name == s.name())).collect();
        Self {
            number: total - steps.len(),
            total,
            steps,
            facts,
            begun: None,
            want: Wanted::default(),
            question: None,
            answer: None,
            waiting: String::new(),
            setpoint: None,
            keeper: Keeper::default(),
            dry: done.iter().find_map(dry_of).or(wet),
            authority: None,
            resistance: None,
        }
    }

    /// How many steps there are, and how many of them are open.
    pub fn steps(&self) -> (usize, usize) {
        (self.total, self.steps.len())
    }

    /// Bench seconds that the open steps will take, roughly.
    pub fn eta_s(&self) -> f64 {
        self.steps.iter().map(|s| s.eta_s(&self.facts)).sum()
    }

    /// Name of the step under way.
    pub fn step_name(&self) -> &'static str {
        self.steps.front().map_or("", |s| s.name())
    }

    /// Takes the answer to the open question, or says why it is none.
    pub fn answer(&mut self, line: &str) -> Result<(), String> {
        let Some(question) = &self.question else { return Err("nothing was asked; q ends the procedure".into()) };
        self.answer = Some(question.parse(line)?);
        self.question = None;
        Ok(())
    }

    /// Takes one tick: what the devices say (`readings` calibrated), and what shall be done.
    pub fn tick(&mut self, tick: Tick, bench_s: f64, look: &Look, readings: &Snapshot) -> Told {
        let mut lines = Vec::new();
        if let Some(why) = self.keeper.gone(tick, look, &self.facts) {
            return self.end(Ended::Aborted(why), None, lines);
        }
        let may_stand = self.steps.front().is_some_and(|step| step.coolant_may_stand());
        if !look.instruments.ready {
            return self.told(lines, None, "waiting for the instruments".into());
        }
        if let Some(why) = self.keeper.tripped(look, &self.facts, self.setpoint.is_some(), may_stand) {
            return self.fail(why, bench_s, lines);
        }
        let Some(step) = self.steps.front_mut() else {
            return self.end(Ended::Passed, None, lines);
        };
        if self.begun.is_none() {
            self.begun = Some(bench_s);
            self.number += 1;
            lines.push(format!("\nStep {} of {}: {}. {}", self.number, self.total, step.name(), step.purpose()));
        }
        if self.question.is_none() {
            let now = Now { t: bench_s, readings, setpoint: self.setpoint, dry: self.dry, facts: &self.facts };
            let mut want = Wanted::default();
            match step.tick(&now, self.answer.take(), &mut want) {
                Move::Go(waiting) => self.waiting = waiting,
                Move::Ask(question) => self.question = Some(question),
                Move::Done(outcome) => return self.step_done(*outcome, bench_s, lines),
            }
            self.want = want;
        }
        self.setpoint =
            walk(&self.facts, self.setpoint, readings.usable(self.facts.servoed.channel()), self.want.target, self.want.at_once);
        let waiting = self.waiting.clone();
        self.told(lines, None, waiting)
    }

    fn commands(&self) -> Commands {
        let thermal = if self.setpoint.is_some() { Thermal::On } else { Thermal::Off };
        let duty = (self.want.duty > 0.0).then_some(self.want.duty.min(1.0));
        Commands { target: self.setpoint.map(Celsius), thermal, duty, power: true, limit: None, acknowledge: false }
    }

    fn told(&self, lines: Vec<String>, finished: Option<StepRecord>, waiting: String) -> Told {
        Told { commands: self.commands(), lines, question: self.question.clone(), waiting, finished, ended: None }
    }

    fn fail(&mut self, why: String, bench_s: f64, lines: Vec<String>) -> Told {
        if self.steps.is_empty() {
            return self.end(Ended::Failed(why), None, lines);
        }
        self.step_done(Outcome::failed(why), bench_s, lines)
    }

    fn step_done(&mut self, outcome: Outcome, bench_s: f64, mut lines: Vec<String>) -> Told {
        let name = self.steps.pop_front().map_or("", |s| s.name());
        let result = outcome.result.unwrap_or(Verdict::Failed);
        let origin = match () {
            () if outcome.by_operator => "operator",
            () if self.facts.emulated => "simulated",
            () => "measured",
        };
        let record = StepRecord {
            name: name.to_owned(),
            result,
            why: outcome.why.clone(),
            origin: origin.to_owned(),
            ended: String::new(),
            bench_s: bench_s - self.begun.take().unwrap_or(bench_s),
            numbers: outcome.numbers,
            words: outcome.words,
            points: outcome.points,
        };
        self.dry = dry_of(&record).or(self.dry);
        self.authority = outcome.authority.or(self.authority.take());
        self.resistance = outcome.resistance.or(self.resistance.take());
        lines.push(format!("  {name}: {}. {}", result.word().to_uppercase(), outcome.why));
        // Off between the steps; the next one says what it wants.
        (self.want, self.question, self.answer, self.setpoint) = (Wanted::default(), None, None, None);
        self.keeper.switched_off();
        self.waiting = String::new();
        let ended = match result {
            Verdict::Failed => Some(Ended::Failed(format!("{name}: {}", outcome.why))),
            _ if self.steps.is_empty() => Some(Ended::Passed),
            _ => None,
        };
        match ended {
            Some(ended) => self.end(ended, Some(record), lines),
            None => self.told(lines, Some(record), String::new()),
        }
    }

    fn end(&mut self, ended: Ended, finished: Option<StepRecord>, lines: Vec<String>) -> Told {
        (self.want, self.setpoint, self.question) = (Wanted::default(), None, None);
        let commands = self.commands();
        Told { commands, lines, question: None, waiting: String::new(), finished, ended: Some(ended) }
    }
}

/// What a step was told of the rig being dry.
fn dry_of(step: &StepRecord) -> Option<bool> {
    step.words.get("dry").map(|word| word == "yes")
}
