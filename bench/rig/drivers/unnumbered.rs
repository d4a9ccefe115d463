//! The machine behind every driver whose protocol does not number its replies: Modbus-RTU, NESLAB, TE Technology.
//!
//! It goes about a device as the `MeCom` driver does: identify, switch off and see it off, write settings and read each back, then
//! take commands, the safest first; what the output does is told only as read back. What the bytes are, and which questions make
//! up a job, is a [`Dialect`]'s.
//!
//! **A late reply cannot be told from the answer to the next question**, so after a time-out nothing is asked until the line has
//! been silent for as long again. A device that is later than that, and only then, is believed wrongly; what matters is therefore
//! written and read back, never taken from an echo.
//!
//! **Leases**: most of these devices have none. Where there is one, a silent device is left alone for longer than it lasts before
//! it is tried again; where there is none, it is tried again soon, beginning with a blind "off": nothing else would do it.

mod outcome;
mod turns;

use crate::driver::{Command, Driver, Effects, Event, Input};
use signal::{Limits, Tick};
use std::collections::VecDeque;
pub(super) use turns::Question;
use turns::{Line, Turn};

/// How soon a silent device without a lease is tried again, s.
const TRY_AGAIN_S: f64 = 1.0;
/// Silence kept beyond a lease, s.
const BEYOND_LEASE_S: f64 = 0.5;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Job {
    /// Identify, switch off, configure, try every reading.
    Open,
    /// Read every channel.
    Poll(Tick),
    /// Set the target and read it back.
    Target(f64),
    /// Set what the output gives and read it back.
    Level(f64),
    /// Switch the output and read back what it does.
    Switch(bool),
    /// Clear the device's errors.
    Acknowledge,
}

impl Job {
    const fn words(self) -> &'static str {
        match self {
            Self::Open => "identifying and configuring",
            Self::Poll(_) => "polling",
            Self::Target(_) => "setting the target",
            Self::Level(_) => "setting the level",
            Self::Switch(true) => "switching the output on",
            Self::Switch(false) => "switching the output off",
            Self::Acknowledge => "acknowledging the device's error",
        }
    }
}

/// What a dialect makes of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// On with it.
    Fine,
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
    /// It has an output that is switched.
    pub(super) output: bool,
    /// That output must run when everything else has stopped.
    pub(super) safe_is_on: bool,
    pub(super) lease_s: Option<f64>,
    pub(super) target: Option<Limits>,
    pub(super) level: Option<Limits>,
}

impl Traits {
    /// Of an instrument of a rig file.
    pub(super) fn of(instrument: &crate::config::Instrument) -> Self {
        Self {
            serial: instrument.serial,
            timeout_s: instrument.reply_timeout_s,
            output: instrument.switches(),
            safe_is_on: instrument.safe_is_on(),
            lease_s: instrument.lease_s(),
            target: instrument.setpoint.map(|s| s.limits),
            level: instrument.drive.as_ref().and_then(|d| d.level.as_ref()).map(|l| l.limits),
        }
    }
}

/// What a device speaks, and which questions make up a job.
pub(super) trait Dialect: Send {
    /// One question, or what is to be made of it.
    type Task: Clone + Send;

    /// The questions of a job, in order. Of [`Job::Switch`] the first one switches.
    fn script(&self, job: Job) -> Vec<Self::Task>;

    /// What goes out. `Err` if it cannot be put.
    fn question(&self, task: &Self::Task) -> Result<Question, String>;

    /// The answer in what was heard, taken; `None` while there is none. Readings of a poll go to `told` with its tick.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Closed,
    Opening,
    Ready,
    Silent,
    Refused { foreign: bool },
}

impl Link {
    const fn words(self) -> &'static str {
        match self {
            Self::Closed => "the port is closed",
            Self::Opening => "the device is being identified and configured",
            Self::Ready => "the device is ready",
            Self::Silent => "the device does not answer",
            Self::Refused { foreign: true } => "another device than the declared one answers",
            Self::Refused { foreign: false } => "the device was refused",
        }
    }
}

#[derive(Debug, Default)]
struct Wanted {
    disable: bool,
    acknowledge: bool,
    target: Option<f64>,
    level: Option<f64>,
    enable: bool,
    poll: Option<Tick>,
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
    /// As last told; `None` while nobody knows.
    output: Option<bool>,
    target_set: bool,
    /// The last setting was answered.
    heard: bool,
    failed: u8,
    looked: u8,
    round: u8,
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
            output: None,
            target_set: false,
            heard: false,
            failed: 0,
            looked: 0,
            round: 0,
        }
    }

    fn begin(&mut self, job: Job) {
        self.tasks = self.dialect.script(job).into();
        (self.job, self.asked, self.wait_until_s, self.looked) = (Some(job), None, None, 0);
    }

    /// Identifies anew after a while. What we knew a moment ago is switched off unseen first: it may hear us though we do not
    /// hear it.
    fn open(&mut self, now_s: f64, after_s: f64) {
        self.begin(Job::Open);
        if self.known && self.traits.output && !self.traits.safe_is_on {
            let off = self.dialect.script(Job::Switch(false));
            if let Some(off) = off.into_iter().next() {
                self.tasks.push_front(off);
            }
        }
        self.round = 0;
        self.wait_until_s = (after_s > 0.0).then_some(now_s + after_s);
    }

    fn drop_job(&mut self, why: &str, fx: &mut Effects) {
        self.line.give_up();
        self.tasks.clear();
        (self.asked, self.wait_until_s) = (None, None);
        if let Some(Job::Poll(tick)) = self.job.take() {
            fx.events.push(Event::PollFailed { tick, why: why.to_owned() });
        }
    }

    fn forget(&mut self, why: &str, fx: &mut Effects) {
        self.drop_job(why, fx);
        if let Some(tick) = self.wanted.poll.take() {
            fx.events.push(Event::PollFailed { tick, why: why.to_owned() });
        }
        self.wanted = Wanted { disable: self.wanted.disable, ..Wanted::default() };
        (self.failed, self.output, self.target_set) = (0, None, false);
        self.dialect.forget();
    }

    fn silent(&mut self, now_s: f64, why: String, fx: &mut Effects) {
        let told = self.link == Link::Silent;
        self.forget(&why, fx);
        self.link = Link::Silent;
        let again_s = self.traits.lease_s.map_or(TRY_AGAIN_S, |lease_s| lease_s + BEYOND_LEASE_S);
        self.open(now_s, if told { again_s } else { 0.0 });
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
        let ready = self.link == Link::Ready;
        let away = matches!(self.link, Link::Closed | Link::Silent | Link::Opening);
        let mut refused = |what: &str, why: &str| fx.events.push(Event::Refused { why: format!("{what}: {why}") });
        match command {
            Command::Poll { tick } if !ready => fx.events.push(Event::PollFailed { tick, why: self.link.words().to_owned() }),
            Command::Poll { tick } => {
                if let Some(tick) = self.wanted.poll.replace(tick) {
                    fx.events.push(Event::PollFailed { tick, why: "overtaken by the next tick".to_owned() });
                }
            }
            // It crossed with the news of the loss: whoever sent it will know.
            Command::Target(_) | Command::Level(_) | Command::Curve(_) | Command::Enable | Command::Acknowledge if away => {}
            Command::Acknowledge if ready => self.wanted.acknowledge = true,
            Command::Acknowledge => {
                self.link = Link::Opening;
                self.open(now_s, 0.0);
            }
            Command::Disable => self.disable(fx),
            _ if !ready => refused("a command", self.link.words()),
            Command::Target(target) => match self.traits.target {
                Some(limits) if limits.contains(target.0) => self.wanted.target = Some(target.0),
                Some(l) => refused(&format!("a target of {target}"), &format!("outside the rig's {} to {} °C", l.min(), l.max())),
                None => refused("a target", "the rig file gives this instrument no setpoint"),
            },
            Command::Level(level) => match self.traits.level {
                Some(limits) if limits.contains(level) => self.wanted.level = Some(level),
                Some(l) => refused(&format!("a level of {level}"), &format!("outside the rig's {} to {}", l.min(), l.max())),
                None => refused("a level", "the rig file lets nothing be set on this instrument"),
            },
            Command::Curve(_) => refused("a curve", "this is no solar-array simulator"),
            Command::Enable if !self.traits.output => refused("switching the output on", "no channel of the rig switches it"),
            Command::Enable => self.wanted.enable = true,
        }
    }

    fn disable(&mut self, fx: &mut Effects) {
        self.wanted.enable = false;
        self.wanted.target = None;
        if !self.traits.output {
            return;
        }
        self.wanted.disable = true;
        match self.link {
            Link::Ready => {
                self.line.last_attempt();
                self.wait_until_s = None;
            }
            Link::Refused { foreign: true } => {
                self.wanted.disable = false;
                fx.events.push(Event::Refused { why: format!("switching the output off: {}, and is left alone", self.link.words()) });
            }
            // Opening switches off by itself; without a lease a silent device is tried often enough.
            Link::Closed | Link::Opening | Link::Silent | Link::Refused { foreign: false } => {}
        }
    }

    /// Begins whatever can be begun, until a question is open, a wait is on, or nothing is left to do.
    fn advance(&mut self, now_s: f64, fx: &mut Effects) {
        while self.asked.is_none() && self.wait_until_s.is_none() && self.line.free() {
            let overtaken = !matches!(self.job, None | Some(Job::Open | Job::Switch(false)));
            if self.wanted.disable && overtaken {
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
        if !matches!(self.link, Link::Ready | Link::Refused { foreign: false }) {
            return false;
        }
        let job = if std::mem::take(&mut self.wanted.disable) {
            Job::Switch(false)
        } else if std::mem::take(&mut self.wanted.acknowledge) {
            Job::Acknowledge
        } else if let Some(target) = self.wanted.target.take() {
            Job::Target(target)
        } else if let Some(level) = self.wanted.level.take() {
            Job::Level(level)
        } else if std::mem::take(&mut self.wanted.enable) {
            if self.traits.target.is_some() && !self.target_set {
                let why = "switching the output on: no target was set since the device was configured".to_owned();
                fx.events.push(Event::Refused { why });
                return self.next_job(fx);
            }
            Job::Switch(true)
        } else if let Some(tick) = self.wanted.poll.take() {
            Job::Poll(tick)
        } else {
            return false;
        };
        if let Job::Switch(_) = job {
            (self.output, self.round) = (None, 0);
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
            Some(Job::Poll(tick)) => {
                self.failed = 0;
                fx.events.push(Event::PollDone { tick });
            }
            Some(Job::Target(_)) => self.target_set = true,
            Some(Job::Acknowledge) => {
                // As after every error: looked at from the beginning.
                self.link = Link::Opening;
                self.open(now_s, 0.0);
            }
            Some(Job::Level(_) | Job::Switch(_)) | None => {}
        }
    }

    fn confirm(&mut self, on: bool, fx: &mut Effects) {
        if self.job == Some(Job::Open) && !on {
            self.wanted.disable = false;
        }
        self.output = Some(on);
        fx.events.push(Event::OutputConfirmed { on });
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
        let tick = if let Some(Job::Poll(tick)) = self.job { Some(tick) } else { None };
        let Some(heard) = self.line.heard() else { return };
        if let Some(verdict) = self.dialect.take(&task, heard, tick, &mut fx.events) {
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
        fx
    }

    fn describe(&self) -> String {
        self.dialect.describe()
    }
}
