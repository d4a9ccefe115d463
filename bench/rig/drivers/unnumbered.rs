//! The machine behind every driver whose protocol does not number its replies: Modbus-RTU, NESLAB, TE Technology.
//!
//! It goes about a device as the `MeCom` driver does: identify, switch off and see it off, write settings and read each back, then
//! take commands, the safest first; what the output does is told only as read back. What the bytes are, and which questions make
//! up a job, is a [`Dialect`]'s.
//!
//! **A late reply cannot be told from the answer to the next question**, so after a time-out nothing is asked until the line has
//! been silent for as long again. A device that is later than that, and only then, is believed wrongly; what matters is therefore
//! written and read back, never taken from an echo; and readings of a poll are told at its end, once every question in it was answered by
//! what may answer it: an answer that is one late shifts all that follow, and runs into one that it cannot be the answer to.
//!
//! **Leases**: most of these devices have none. Where there is one, a silent device is left alone for longer than it lasts before
//! it is tried again; where there is none, it is tried again soon, beginning with a blind "off": nothing else would do it.

mod outcome;
mod turns;

pub(super) use super::commands::Job;
use super::commands::{Link, Output, Rules, Told, Wanted, in_turn, try_again_s};
use crate::config::Round;
use crate::driver::{Command, Driver, Effects, Event, Input};
use signal::Tick;
use std::collections::VecDeque;
pub(super) use turns::Question;
use turns::{Line, Turn};

/// What a dialect makes of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// On with it.
    Fine,
    /// It is so already: what would make it so, the next question, is left out.
    Already,
    /// The output is on or off.
    Output(bool),
    /// A setting is not as it was written.
    Mismatch(String),
    /// The device would not now.
    NotNow(String),
    /// The device would not.
    Refused(String),
    /// It is another device.
    Foreign(String),
}

/// What an instrument is to the machine.
#[derive(Clone, Debug)]
pub(super) struct Traits {
    /// Bits and baud make the wire's time.
    pub(super) serial: crate::config::Serial,
    pub(super) timeout_s: f64,
    pub(super) rules: Rules,
    /// That output must run when everything else has stopped.
    pub(super) safe_is_on: bool,
    pub(super) lease_s: Option<f64>,
}

impl Traits {
    /// Of an instrument of a rig file.
    pub(super) fn of(instrument: &crate::config::Instrument) -> Self {
        Self {
            serial: instrument.serial,
            timeout_s: instrument.reply_timeout_s,
            rules: Rules::of(instrument),
            safe_is_on: instrument.safe_is_on(),
            lease_s: instrument.lease_s(),
        }
    }
}

/// What a device speaks, and which questions make up a job.
pub(super) trait Dialect: Send {
    /// One question, or what is to be made of it.
    type Task: Clone + PartialEq + Send;

    /// The questions of a job, in order. Of [`Job::Switch`] the first one switches.
    fn script(&self, job: Job) -> Vec<Self::Task>;

    /// The questions that read back what is written on opening. They are put before the output is switched on, and one after the other
    /// as it is polled.
    fn held(&self) -> Vec<Self::Task>;

    /// What goes out. `Err` if it cannot be put.
    fn question(&self, task: &Self::Task) -> Result<Question, String>;

    /// The answer in what was heard, taken; `None` while there is none. Readings of a poll go to `told` with its tick: they are passed on
    /// when the poll has ended well.
    fn take(&mut self, task: &Self::Task, heard: &[u8], tick: Option<Tick>, told: &mut Vec<Event>) -> Option<Verdict>;

    /// It sets something. Silence is then no failure: what follows reads back.
    fn writes(&self, task: &Self::Task) -> bool;

    /// The question in words.
    fn words(&self, task: &Self::Task) -> String;

    /// Nothing is known of the device any more.
    fn forget(&mut self);

    /// The instrument in a few words.
    fn describe(&self) -> String;
}

/// The driver of one device.
pub(super) struct Unnumbered<D: Dialect> {
    dialect: D,
    traits: Traits,
    line: Line,
    link: Link,
    wanted: Wanted,
    job: Option<Job>,
    tasks: VecDeque<D::Task>,
    asked: Option<D::Task>,
    wait_until_s: Option<f64>,
    /// It was the declared one when it was last there.
    known: bool,
    output: Output,
    /// What last gave it what it must hold before it may be switched on.
    given: Option<Job>,
    /// It holds that: nothing newer was begun and given up.
    settled: bool,
    /// The last setting was answered.
    heard: bool,
    failed: u8,
    looked: u8,
    /// Readings of the poll that is under way.
    readings: Vec<Event>,
}

impl<D: Dialect> Unnumbered<D> {
    pub(super) fn new(dialect: D, traits: Traits) -> Self {
        Self {
            line: Line::new(traits.serial, traits.timeout_s),
            dialect,
            traits,
            link: Link::Closed,
            wanted: Wanted::default(),
            job: None,
            tasks: VecDeque::new(),
            asked: None,
            wait_until_s: None,
            known: false,
            output: Output::default(),
            given: None,
            settled: false,
            heard: false,
            failed: 0,
            looked: 0,
            readings: Vec::new(),
        }
    }

    fn begin(&mut self, job: Job) {
        self.tasks = self.dialect.script(job).into();
        match job {
            Job::Target(_) | Job::Level(_) | Job::Curve(_) => self.settled = false,
            // Somebody may have turned a knob.
            Job::Poll(round) => {
                let mut left = self.written(self.given.filter(|_| self.settled));
                left.retain(|task| !self.tasks.contains(task));
                self.tasks.extend(in_turn(left, round));
            }
            // A device that restarted since holds neither its settings nor what it was given.
            Job::Switch { on: true, .. } => self.tasks = self.written(self.given).into_iter().chain(self.tasks.drain(..)).collect(),
            Job::Open | Job::Switch { .. } | Job::Acknowledge => {}
        }
        (self.job, self.asked, self.wait_until_s, self.looked) = (Some(job), None, None, 0);
    }

    /// The questions about everything that was written, and `given` since.
    fn written(&self, given: Option<Job>) -> Vec<D::Task> {
        let given = given.into_iter().flat_map(|job| self.dialect.script(job)).filter(|task| !self.dialect.writes(task));
        self.dialect.held().into_iter().chain(given).collect()
    }

    /// Identifies anew after a while. What we knew a moment ago is switched off unseen first: it may hear us though we do not
    /// hear it.
    fn open(&mut self, now_s: f64, after_s: f64) {
        self.begin(Job::Open);
        if self.known && self.traits.rules.switches && !self.traits.safe_is_on {
            let off = self.dialect.script(Job::Switch { on: false, round: 0 });
            if let Some(off) = off.into_iter().next() {
                self.tasks.push_front(off);
            }
        }
        self.wait_until_s = (after_s > 0.0).then_some(now_s + after_s);
    }

    fn drop_job(&mut self, why: &str, fx: &mut Effects) {
        self.line.give_up();
        self.tasks.clear();
        self.readings.clear();
        (self.asked, self.wait_until_s) = (None, None);
        if let Some(Job::Poll(Round { tick, .. })) = self.job.take() {
            fx.events.push(Event::PollFailed { tick, why: why.to_owned() });
        }
    }

    fn forget(&mut self, why: &str, fx: &mut Effects) {
        self.drop_job(why, fx);
        self.wanted.forget(why, fx);
        self.output.unknown();
        (self.failed, self.given, self.settled) = (0, None, false);
        self.dialect.forget();
    }

    fn silent(&mut self, now_s: f64, why: String, fx: &mut Effects) {
        let told = self.link == Link::Silent;
        self.forget(&why, fx);
        self.link = Link::Silent;
        self.open(now_s, if told { try_again_s(self.traits.lease_s) } else { 0.0 });
        if !told {
            fx.events.push(Event::LinkLost { why });
        }
    }

    fn refuse(&mut self, why: String, foreign: bool, fx: &mut Effects) {
        self.forget(&why, fx);
        self.known &= !foreign;
        self.link = Link::Refused { foreign };
        fx.events.push(Event::Refused { why });
    }

    fn command(&mut self, now_s: f64, command: Command, fx: &mut Effects) {
        match (self.wanted.take(command, self.link, &self.traits.rules, fx), self.link) {
            (Told::LookAgain, _) => {
                self.link = Link::Opening;
                self.open(now_s, 0.0);
            }
            (Told::Off, Link::Ready) => {
                self.line.last_attempt();
                self.wait_until_s = None;
            }
            // It is looked for at once, which begins with "off".
            (Told::Off, Link::Silent) if self.asked.is_none() && self.line.free() => self.open(now_s, 0.0),
            // Opening switches off by itself.
            _ => {}
        }
    }

    /// Begins whatever can be begun, until a question is open, a wait is on, or nothing is left to do.
    fn advance(&mut self, now_s: f64, fx: &mut Effects) {
        while self.asked.is_none() && self.wait_until_s.is_none() && self.line.free() {
            if self.wanted.overtakes(self.job, self.link) {
                self.drop_job("overtaken by switching the output off", fx);
            }
            if self.job.is_none() && !self.next_job(fx) {
                return;
            }
            let Some(task) = self.tasks.pop_front() else {
                self.finish(now_s, fx);
                continue;
            };
            match self.dialect.question(&task) {
                Ok(question) => {
                    self.heard &= !self.dialect.writes(&task);
                    fx.send.extend(self.line.ask(now_s, question));
                    self.asked = Some(task);
                }
                Err(why) => self.judge(now_s, &task, Verdict::Refused(why), fx),
            }
        }
    }

    fn next_job(&mut self, fx: &mut Effects) -> bool {
        let Some(job) = self.wanted.next(self.link, &self.traits.rules, self.given.is_some(), fx) else { return false };
        if let Job::Switch { .. } = job {
            self.output.unknown();
        }
        self.begin(job);
        true
    }

    fn finish(&mut self, now_s: f64, fx: &mut Effects) {
        match self.job.take() {
            Some(Job::Open) => {
                (self.link, self.known) = (Link::Ready, true);
                fx.events.push(Event::Ready);
            }
            Some(Job::Poll(Round { tick, .. })) => {
                self.failed = 0;
                fx.events.append(&mut self.readings);
                fx.events.push(Event::PollDone { tick });
            }
            Some(job @ (Job::Target(_) | Job::Level(_))) => (self.given, self.settled) = (Some(job), true),
            Some(Job::Acknowledge) => {
                // As after every error: looked at from the beginning.
                self.link = Link::Opening;
                self.open(now_s, 0.0);
            }
            Some(Job::Curve(_) | Job::Switch { .. }) | None => {}
        }
    }

    fn confirm(&mut self, on: bool, fx: &mut Effects) {
        self.output.confirm(on, self.job, &mut self.wanted, fx);
    }

    fn deadline(&mut self, now_s: f64, fx: &mut Effects) {
        self.wait_until_s.take_if(|until| now_s >= *until);
        match self.line.late(now_s) {
            Turn::Again(bytes) => {
                fx.send.extend(bytes);
                if let Some(task) = &self.asked {
                    fx.events.push(Event::Retried { why: format!("no answer to {}", self.dialect.words(task)) });
                }
            }
            Turn::Silence => {
                if let Some(task) = self.asked.take() {
                    self.unanswered(now_s, &task, fx);
                }
            }
            Turn::Open => {}
        }
    }

    fn hear(&mut self, now_s: f64, bytes: &[u8], fx: &mut Effects) {
        self.line.hear(now_s, bytes);
        let Some(task) = self.asked.clone() else { return };
        let tick = if let Some(Job::Poll(Round { tick, .. })) = self.job { Some(tick) } else { None };
        let Some(heard) = self.line.heard() else { return };
        let mut told = Vec::new();
        if let Some(verdict) = self.dialect.take(&task, heard, tick, &mut told) {
            let (readings, rest): (Vec<Event>, Vec<Event>) = told.into_iter().partition(|event| matches!(event, Event::Reading { .. }));
            self.readings.extend(readings);
            fx.events.extend(rest);
            self.line.answered();
            self.asked = None;
            self.judge(now_s, &task, verdict, fx);
        }
    }
}

impl<D: Dialect> Driver for Unnumbered<D> {
    fn step(&mut self, now_s: f64, input: Input<'_>) -> Effects {
        let mut fx = Effects::default();
        match input {
            Input::Opened => {
                self.forget("the port was opened anew", &mut fx);
                self.known = false;
                self.line.new_line();
                self.link = Link::Opening;
                // What is still on its way from before belongs to nobody.
                self.open(now_s, self.traits.timeout_s);
            }
            Input::HangUp => {
                let closed = self.link == Link::Closed;
                self.forget("the port hung up", &mut fx);
                self.known = false;
                self.line.new_line();
                self.link = Link::Closed;
                if !closed {
                    fx.events.push(Event::LinkLost { why: "the port hung up".to_owned() });
                }
            }
            Input::Bytes(bytes) => self.hear(now_s, bytes, &mut fx),
            Input::Deadline => self.deadline(now_s, &mut fx),
            Input::Command(command) => self.command(now_s, command, &mut fx),
        }
        self.advance(now_s, &mut fx);
        let deadlines = [self.line.deadline_s(), self.wait_until_s];
        fx.deadline_s = deadlines.into_iter().flatten().min_by(f64::total_cmp);
        fx.waits = !self.line.free();
        fx
    }

    fn describe(&self) -> String {
        self.dialect.describe()
    }
}
