//! Any device that speaks in lines of text, as its dialect says.
//!
//! On every opening of the line: identify, refuse another device than the declared one, switch the output off and see it off (a fan
//! or a pump is left as it is), write what the dialect sets up and read each back; then it is ready, and never before. What the
//! output does is told only as read back. Commands wait in one slot each, the safest first.
//!
//! After silence a device with a lease is left alone for longer than that, since our questions may reach it though its answers do
//! not reach us. One without is told "off" unseen again and again: it may hear us, and nothing else would switch it off. Whoever wants
//! either switched off has it looked for at once.

mod answers;
mod exchange;
mod script;
mod sync;

use super::commands::{Job, Link, Output, Rules, Told, Wanted, try_again_s};
use crate::config::{DriverKind, Instrument, LineSettings, Round};
use crate::driver::{Command, Driver, Effects, Event, Input};
use crate::error::Error;
use exchange::{Answer, Exchange, Turn};
use script::{IDENTIFY_ATTEMPTS, Step, Writer};
use std::collections::VecDeque;

/// What the device said of itself since the line was opened.
#[derive(Debug, Default)]
struct Known {
    device: String,
    /// It is the declared one.
    declared: bool,
    /// The job that last gave it what it must hold before it may be switched on.
    given: Option<Job>,
    /// It holds that: nothing newer was begun and given up.
    settled: bool,
    output: Output,
    /// What it said of its output in this job, where that must be said twice.
    said: Option<String>,
    /// It answered the command that switches off with something else than it should, and never since as it should.
    denied_off: bool,
    /// The error that was told.
    error: Option<String>,
}

/// The driver of one device.
pub struct Line {
    instrument: Instrument,
    settings: LineSettings,
    port: Exchange,
    link: Link,
    rules: Rules,
    wanted: Wanted,
    job: Option<Job>,
    /// What is left of the job.
    steps: VecDeque<Step>,
    /// The step whose message is out, and how often it may go out again.
    asked: Option<(Step, u8)>,
    /// A message that came to nothing and goes out again once the line is quiet.
    again: Option<(Step, u8)>,
    wait_until_s: Option<f64>,
    /// Something read back otherwise than written, once: the command may not have arrived.
    mismatched: bool,
    /// The last answer was none, or not what was asked for: more may be under way.
    doubted: bool,
    known: Known,
    /// Exchanges that came to nothing since the last poll that was answered.
    failed: u8,
    /// What the poll that is under way read.
    readings: Vec<Event>,
}

impl Line {
    /// A driver of this instrument, on a closed port.
    pub fn new(instrument: &Instrument) -> Result<Self, Error> {
        let refuse = |why: &str| Error::Instrument { instrument: instrument.name.clone(), why: why.to_owned() };
        let DriverKind::Line(settings) = &instrument.driver else { return Err(refuse("it has no dialect")) };
        if !(instrument.reply_timeout_s.is_finite() && instrument.reply_timeout_s > 0.0) || instrument.serial.baud == 0 {
            return Err(refuse("time-out and baud must be above 0"));
        }
        Ok(Self {
            port: Exchange::new(settings.dialect.line.clone(), instrument.serial, instrument.reply_timeout_s),
            settings: settings.clone(),
            instrument: instrument.clone(),
            link: Link::Closed,
            rules: Rules::of(instrument),
            wanted: Wanted::default(),
            job: None,
            steps: VecDeque::new(),
            asked: None,
            again: None,
            wait_until_s: None,
            mismatched: false,
            doubted: false,
            known: Known::default(),
            failed: 0,
            readings: Vec::new(),
        })
    }

    fn writer(&self) -> Writer<'_> {
        Writer { instrument: &self.instrument, settings: &self.settings }
    }

    fn begin(&mut self, job: Job) {
        if let Job::Target(_) | Job::Level(_) | Job::Curve(_) = job {
            self.known.settled = false;
        }
        self.known.said = None;
        if let Job::Poll(_) = job {
            // Of before.
            let _ = self.port.was_crowded();
        }
        // Else until it was acknowledged: in a hurry its answer is not waited for.
        self.known.denied_off &= !matches!(job, Job::Switch { on: true, .. });
        self.steps = self.writer().script(job, self.known.given.filter(|_| self.known.settled));
        if let (Job::Switch { on: true, .. }, Some(given)) = (job, self.known.given) {
            // A device that restarted since holds neither its settings nor what it was given.
            let asks = self.writer().script(given, None).into_iter().filter(Step::is_question);
            self.steps = asks.chain(self.steps.drain(..)).collect();
        }
        self.job = Some(job);
        (self.asked, self.again, self.wait_until_s) = (None, None, None);
    }

    /// Identifies the device anew after a while. One that we knew a moment ago is switched off unseen first.
    fn open(&mut self, after_s: f64) {
        self.begin(Job::Open);
        if self.known.declared
            && let Some(off) = self.writer().off()
        {
            self.steps.push_front(off);
        }
        if after_s > 0.0 {
            self.steps.push_front(Step::Wait(after_s));
        }
    }

    /// Ends the job early; what was asked stays unanswered.
    fn drop_job(&mut self, why: &str, fx: &mut Effects) {
        self.steps.clear();
        self.readings.clear();
        (self.asked, self.again, self.wait_until_s) = (None, None, None);
        if let Some(Job::Poll(Round { tick, .. })) = self.job.take() {
            fx.events.push(Event::PollFailed { tick, why: why.to_owned() });
        }
    }

    /// Nothing is known any more, nothing that was wanted of the old state will be done, save switching off.
    fn forget(&mut self, why: &str, fx: &mut Effects) {
        self.drop_job(why, fx);
        self.wanted.forget(why, fx);
        (self.failed, self.mismatched) = (0, false);
        self.known = Known { declared: self.known.declared, ..Known::default() };
    }

    fn silent(&mut self, why: String, fx: &mut Effects) {
        let told = self.link == Link::Silent;
        self.forget(&why, fx);
        self.link = Link::Silent;
        self.open(if told { try_again_s(self.instrument.lease_s()) } else { 0.0 });
        if !told {
            fx.events.push(Event::LinkLost { why });
        }
    }

    fn refuse(&mut self, why: String, foreign: bool, fx: &mut Effects) {
        self.forget(&why, fx);
        self.link = Link::Refused { foreign };
        fx.events.push(Event::Refused { why });
    }

    fn command(&mut self, command: Command, now_s: f64, fx: &mut Effects) {
        match (self.wanted.take(command, self.link, &self.rules, fx), self.link) {
            (Told::LookAgain, _) => {
                self.link = Link::Opening;
                self.open(0.0);
            }
            (Told::Off, Link::Ready) => {
                if let Some((_, attempts)) = &mut self.asked {
                    *attempts = 0;
                }
                self.wait_until_s = None;
            }
            // It may hear us, though we do not hear it: it is looked for at once, which begins with "off". An attempt that is under way
            // did; to begin that anew at each command would be to speak into every answer.
            (Told::Off, Link::Silent) if self.asked.is_none() && self.again.is_none() && self.port.busy_until_s(now_s).is_none() => {
                self.open(0.0);
            }
            // Opening switches off by itself, and a closed port must open first.
            _ => {}
        }
    }

    /// Begins whatever can be begun, until a message is out, a wait is on, or nothing is left to do.
    fn advance(&mut self, now_s: f64, fx: &mut Effects) {
        while self.asked.is_none() && self.wait_until_s.is_none() {
            if self.wanted.overtakes(self.job, self.link) {
                self.drop_job("overtaken by switching the output off", fx);
            }
            if self.job.is_none() && !self.next_job(fx) {
                return;
            }
            if let Some((step, left)) = self.again.take() {
                self.wait_until_s = self.port.busy_until_s(now_s);
                if self.wait_until_s.is_some() {
                    self.again = Some((step, left));
                    return;
                }
                self.send(step, left, now_s, fx);
                continue;
            }
            match self.steps.front() {
                None => self.finish(fx),
                Some(Step::Wait(s)) => {
                    self.wait_until_s = Some(now_s + s);
                    self.steps.pop_front();
                }
                Some(Step::Reopen) => {
                    self.link = Link::Opening;
                    self.forget("the instrument's error was acknowledged", fx);
                    self.open(0.0);
                }
                Some(Step::Tell { off: true, line, .. }) if self.port.busy_until_s(now_s).is_some() => {
                    // Off goes out at once; only its confirmation waits for a quiet line.
                    let line = line.clone();
                    fx.send.extend(self.port.shout(now_s, &line));
                    self.steps.pop_front();
                }
                Some(_) => {
                    if let Some(free_s) = self.port.busy_until_s(now_s) {
                        self.wait_until_s = Some(free_s);
                        return;
                    }
                    let step = self.steps.pop_front();
                    self.put(step, now_s, fx);
                }
            }
        }
    }

    fn put(&mut self, step: Option<Step>, now_s: f64, fx: &mut Effects) {
        let attempts = match &step {
            Some(Step::Identify) => IDENTIFY_ATTEMPTS,
            Some(Step::Firmware) => 2,
            // Asked again, one that is one late would answer the first time.
            Some(Step::Sync) => 1,
            Some(Step::Tell { attempts, .. }) => *attempts,
            Some(Step::Ask { ask, .. }) => 1 + u8::from(ask.idempotent),
            _ => return,
        };
        if let Some(step) = step {
            self.send(step, attempts.saturating_sub(1), now_s, fx);
        }
    }

    fn send(&mut self, step: Step, left: u8, now_s: f64, fx: &mut Effects) {
        let (line, answer) = match &step {
            Step::Identify | Step::Sync => {
                let writer = self.writer();
                (self.settings.dialect.identify.ask.fill(|name| writer.parameter(name)).unwrap_or_default(), Answer::Line)
            }
            Step::Firmware => {
                let writer = self.writer();
                let ask = self.settings.dialect.identify.firmware.as_ref();
                (ask.and_then(|(ask, _)| ask.fill(|name| writer.parameter(name))).unwrap_or_default(), Answer::Line)
            }
            Step::Tell { line, .. } => {
                let answered = self.settings.dialect.line.acknowledge.is_some();
                (line.clone(), if answered { Answer::Line } else { Answer::Nothing })
            }
            Step::Ask { line, ask, .. } => (line.clone(), ask.bytes.map_or(Answer::Line, Answer::Bytes)),
            Step::Wait(_) | Step::Reopen => return,
        };
        fx.send.extend(self.port.send(now_s, &line, answer));
        if answer != Answer::Nothing {
            self.asked = Some((step, left));
        }
    }

    fn next_job(&mut self, fx: &mut Effects) -> bool {
        let Some(job) = self.wanted.next(self.link, &self.rules, self.known.given.is_some(), fx) else { return false };
        if let Job::Switch { .. } = job {
            self.known.output.unknown();
        }
        self.begin(job);
        true
    }

    fn finish(&mut self, fx: &mut Effects) {
        self.mismatched = false;
        match self.job.take() {
            Some(Job::Open) => {
                self.link = Link::Ready;
                fx.events.push(Event::Ready);
            }
            Some(Job::Poll(Round { tick, .. })) => {
                self.failed = 0;
                fx.events.push(Event::PollDone { tick });
            }
            Some(job @ (Job::Target(_) | Job::Level(_) | Job::Curve(_))) => (self.known.given, self.known.settled) = (Some(job), true),
            Some(Job::Switch { .. } | Job::Acknowledge) | None => {}
        }
    }

    fn deadline(&mut self, now_s: f64, fx: &mut Effects) {
        self.wait_until_s.take_if(|until| now_s >= *until);
        match self.port.late(now_s) {
            Turn::Line(line) => self.heard(&line, now_s, fx),
            Turn::Silence => self.unheard("no answer", fx),
            Turn::Open => {}
        }
    }

    /// The message that is out came to nothing; it goes out again once the line is quiet, if it may.
    fn unheard(&mut self, how: &str, fx: &mut Effects) {
        let Some((step, left)) = self.asked.take() else { return };
        let why = format!("{how} to {}", answers::words(&step, &self.settings));
        if left == 0 {
            self.unanswered(&step, why, fx);
            return;
        }
        fx.events.push(Event::Retried { why });
        self.again = Some((step, left - 1));
    }
}

impl Driver for Line {
    fn step(&mut self, now_s: f64, input: Input<'_>) -> Effects {
        let mut fx = Effects::default();
        match input {
            Input::Opened => {
                self.forget("the port was opened anew", &mut fx);
                self.known = Known::default();
                self.port.new_line();
                self.link = Link::Opening;
                self.open(0.0);
            }
            Input::HangUp => {
                let closed = self.link == Link::Closed;
                self.forget("the port hung up", &mut fx);
                self.known = Known::default();
                self.port.new_line();
                self.link = Link::Closed;
                if !closed {
                    fx.events.push(Event::LinkLost { why: "the port hung up".to_owned() });
                }
            }
            Input::Bytes(bytes) => {
                if let Turn::Line(line) = self.port.take(now_s, bytes) {
                    self.heard(&line, now_s, &mut fx);
                }
            }
            Input::Deadline => self.deadline(now_s, &mut fx),
            Input::Command(command) => self.command(command, now_s, &mut fx),
        }
        self.advance(now_s, &mut fx);
        // Whoever shares the line may not speak into a silence: a late answer would be taken for theirs.
        let silent_until_s = self.port.busy_until_s(now_s);
        fx.deadline_s = self.port.deadline_s().or(self.wait_until_s).or(silent_until_s);
        fx.waits = self.asked.is_some() || silent_until_s.is_some();
        fx.leave_until_s = self.wait_until_s.filter(|_| self.link == Link::Silent && self.instrument.lease_s().is_some());
        fx
    }

    fn describe(&self) -> String {
        let title = &self.settings.dialect.title;
        let device = if self.known.declared { &self.known.device } else { title };
        if self.settings.dialect.numbers_outputs() { format!("{device}, output {}", self.settings.output) } else { device.clone() }
    }

    fn device(&self) -> String {
        format!("{} {}", self.settings.dialect.name, self.settings.address)
    }
}

#[cfg(test)]
mod tests;
