//! Meerstetter TEC controllers.
//!
//! On every opening of the line: identify, refuse another device than the declared one, keep what follows out of its flash, switch the output
//! off and see it off (one that drives a fan or a pump is left as it is), write limits and watchdog and read each back; then it is ready, and
//! never before. What the output does is told only as read
//! back. Commands wait in one slot each, the safest first.
//!
//! **The lease**: any valid frame renews the device's watchdog, so nothing is sent that the controller did not ask for in this
//! tick, save finite sequences. After silence the device is left alone for longer than the lease before it is tried again: our
//! questions may reach it though its answers do not reach us, and must not keep its output alive.
//!
//! **Restarts** go unseen between two questions, and take limits and lease along: every poll looks whether the lease is still
//! what was written, and an output is switched on only after every setting was read back again. What is not as it was written
//! counts as a lost link. One setting after the other is read back as well, a poll each: a knob may be turned.
//!
//! **Bulk reads** are an order of magnitude less traffic, but known from public catalogues only: on opening, model and serial
//! number are asked for once more that way, and unless both come back as they were, everything is read one by one.
//!
//! **Sign**: positive current cools the plate. Devices can be set either way (parameter 3034); it is read, not set, since it
//! describes how the modules are wired, and what the device reports is turned around where it says heating.

mod answers;
mod exchange;
mod memory;
mod state;
mod task;

use super::commands::{Job, Link, Rules, Told, Wanted, try_again_s};
use crate::config::{Instrument, MecomSettings, Round};
use crate::driver::{Command, Driver, Effects, Event, Input};
use crate::error::Error;
use crate::protocol::mecom::id;
use exchange::{Exchange, Turn};
use state::Found;
use std::collections::VecDeque;
use task::Task;

/// The driver of one controller.
pub struct Mecom {
    instrument: Instrument,
    settings: MecomSettings,
    line: Exchange,
    link: Link,
    rules: Rules,
    wanted: Wanted,
    job: Option<Job>,
    /// What is left of the job.
    tasks: VecDeque<Task>,
    /// The task whose question is open.
    asked: Option<Task>,
    wait_until_s: Option<f64>,
    found: Found,
    /// Exchanges that came to nothing, by silence or because the device would not now, since the last poll that was answered.
    failed: u8,
    /// The last setting was taken or refused for good: what is read back after it is the device's own doing.
    heard: bool,
    /// It heard "off" and would not. Only its lease will switch it off then, and asking again too soon renews that.
    defied: bool,
}

impl Mecom {
    /// A driver of this instrument, on a closed port.
    pub fn new(instrument: &Instrument) -> Result<Self, Error> {
        let (i, refuse) = (instrument, |why: &str| Error::Instrument { instrument: instrument.name.clone(), why: why.to_owned() });
        let settings = i.mecom().ok_or_else(|| refuse("it is no MeCom controller"))?.clone();
        let numbers = [i.reply_timeout_s, settings.current_limit_a, settings.voltage_limit_v];
        // 0 is no lease.
        let lease = settings.lease_s.is_finite() && settings.lease_s >= 0.0;
        if !lease || numbers.iter().any(|n| !n.is_finite() || *n <= 0.0) || i.serial.baud == 0 {
            return Err(refuse("time-out, limits and baud must be above 0, the lease not below"));
        }
        Ok(Self {
            line: Exchange::new(settings.address, i.serial, i.reply_timeout_s),
            settings,
            link: Link::Closed,
            // Whatever the rig does with it, its output is a module bank's, save where it drives a fan or a pump: it is switched off on
            // opening, and whenever that is wanted.
            rules: Rules { switches: true, needs_setting: true, ..Rules::of(instrument) },
            wanted: Wanted::default(),
            job: None,
            tasks: VecDeque::new(),
            asked: None,
            wait_until_s: None,
            found: Found::default(),
            failed: 0,
            heard: false,
            defied: false,
            instrument: instrument.clone(),
        })
    }

    /// The script of a job. A poll looks at what was given only while nothing newer was begun and given up.
    fn script(&self, job: Job) -> VecDeque<Task> {
        let given = self.found.given.filter(|_| self.found.settled || !matches!(job, Job::Poll(_)));
        task::script(job, &self.instrument, &self.settings, given)
    }

    fn begin(&mut self, job: Job) {
        self.tasks = self.script(job);
        if let (Job::Poll(_), true) = (job, self.found.bulk)
            && let Some(bulk) = task::at_once(&self.tasks, self.settings.output)
        {
            self.tasks = VecDeque::from([bulk]);
        }
        if let Job::Target(_) | Job::Level(_) = job {
            self.found.settled = false;
        }
        self.job = Some(job);
        self.asked = None;
        self.wait_until_s = None;
    }

    /// Identifies the device anew. If it is the one we knew a moment ago, its output is switched off unseen first: it may hear
    /// us though we do not hear it.
    fn open(&mut self, after_s: f64) {
        self.begin(Job::Open);
        if self.found.known && !self.instrument.safe_is_on() {
            self.tasks.push_front(task::switch(false)[0]);
        }
        if after_s > 0.0 {
            self.tasks.push_front(Task::Wait(after_s));
        }
    }

    /// Ends the job early; what was asked stays unanswered.
    fn drop_job(&mut self, why: &str, fx: &mut Effects) {
        self.line.give_up();
        self.tasks.clear();
        self.asked = None;
        self.wait_until_s = None;
        if let Some(Job::Poll(Round { tick, .. })) = self.job.take() {
            fx.events.push(Event::PollFailed { tick, why: why.to_owned() });
        }
    }

    /// Nothing is known any more, nothing that was wanted of the old state will be done, save switching off.
    fn forget(&mut self, why: &str, fx: &mut Effects) {
        self.drop_job(why, fx);
        self.wanted.forget(why, fx);
        self.failed = 0;
        let known = self.found.known;
        self.found = Found { known, ..Found::default() };
    }

    fn silent(&mut self, why: String, fx: &mut Effects) {
        let told = self.link == Link::Silent;
        self.forget(&why, fx);
        self.link = Link::Silent;
        self.open(if told || self.defied { try_again_s(self.instrument.lease_s()) } else { 0.0 });
        if !told {
            fx.events.push(Event::LinkLost { why });
        }
    }

    fn refuse(&mut self, why: String, foreign: bool, fx: &mut Effects) {
        self.forget(&why, fx);
        self.link = Link::Refused { foreign };
        fx.events.push(Event::Refused { why });
    }

    fn command(&mut self, command: Command, fx: &mut Effects) {
        match (self.wanted.take(command, self.link, &self.rules, fx), self.link) {
            (Told::LookAgain, _) => {
                self.link = Link::Opening;
                self.open(0.0);
            }
            (Told::Off, Link::Ready) => {
                self.line.last_attempt();
                self.wait_until_s = None;
            }
            // Begins with the blind "off"; without that, it would only renew the lease.
            (Told::Off, Link::Silent) if self.found.known && !self.defied && self.line.asking().is_none() => self.open(0.0),
            // Opening switches off by itself, and a closed port must open first.
            _ => {}
        }
    }

    /// Begins whatever can be begun, until a question is open, a wait is on, or nothing is left to do.
    fn advance(&mut self, now_s: f64, fx: &mut Effects) {
        while self.asked.is_none() && self.wait_until_s.is_none() {
            if self.wanted.overtakes(self.job, self.link) {
                self.drop_job("overtaken by switching the output off", fx);
            }
            if self.job.is_none() && !self.next_job(fx) {
                return;
            }
            match self.tasks.pop_front() {
                None => self.finish(fx),
                Some(Task::Wait(s)) => self.wait_until_s = Some(now_s + s),
                Some(task) => {
                    if let Some((request, attempts)) = task.question(self.settings.output) {
                        self.heard &= !matches!(task, Task::Write { .. });
                        fx.send.extend(self.line.ask(now_s, request, attempts));
                        self.asked = Some(task);
                    }
                }
            }
        }
    }

    fn next_job(&mut self, fx: &mut Effects) -> bool {
        let Some(job) = self.wanted.next(self.link, &self.rules, self.found.given.is_some(), fx) else { return false };
        if let Job::Switch { .. } = job {
            self.found.output.unknown();
        }
        self.begin(job);
        true
    }

    fn finish(&mut self, fx: &mut Effects) {
        match self.job.take() {
            Some(Job::Open) => {
                self.link = Link::Ready;
                fx.events.push(Event::Ready);
            }
            Some(Job::Poll(Round { tick, .. })) => {
                self.failed = 0;
                fx.events.push(Event::PollDone { tick });
                self.wanted.disable |= std::mem::take(&mut self.found.armed) && !self.instrument.safe_is_on();
            }
            Some(Job::Target(target)) => self.found.give(id::TARGET_TEMPERATURE, target.0),
            Some(Job::Level(amps)) => self.found.give(id::STATIC_CURRENT, amps),
            Some(Job::Switch { .. } | Job::Acknowledge | Job::Curve(_)) | None => {}
        }
    }
}

impl Driver for Mecom {
    fn step(&mut self, now_s: f64, input: Input<'_>) -> Effects {
        let mut fx = Effects::default();
        match input {
            Input::Opened => {
                self.forget("the port was opened anew", &mut fx);
                self.found = Found::default();
                self.defied = false;
                self.line.new_line();
                self.link = Link::Opening;
                self.open(0.0);
            }
            Input::HangUp => {
                let closed = self.link == Link::Closed;
                self.forget("the port hung up", &mut fx);
                self.found = Found::default();
                self.defied = false;
                self.line.new_line();
                self.link = Link::Closed;
                if !closed {
                    fx.events.push(Event::LinkLost { why: "the port hung up".to_owned() });
                }
            }
            Input::Bytes(bytes) => {
                if let Turn::Answered(answer) = self.line.take(bytes)
                    && let Some(task) = self.asked.take()
                {
                    self.answered(task, answer, &mut fx);
                }
            }
            Input::Deadline => self.deadline(now_s, &mut fx),
            Input::Command(command) => self.command(command, &mut fx),
        }
        self.advance(now_s, &mut fx);
        fx.deadline_s = self.line.deadline_s().or(self.wait_until_s);
        fx.waits = self.line.asking().is_some();
        // Questions for another output would renew the lease that is to run out, or meet a device that restarts.
        fx.leave_until_s = self.wait_until_s.filter(|_| self.link != Link::Ready);
        fx
    }

    fn describe(&self) -> String {
        let MecomSettings { address, output, several, .. } = self.settings;
        let which = if several { format!(", output {output}") } else { String::new() };
        if self.found.known {
            format!("TEC-{} serial {} (MeCom address {address}{which})", self.found.model, self.found.serial)
        } else {
            format!("TEC controller at MeCom address {address}{which}")
        }
    }

    fn device(&self) -> String {
        format!("MeCom {}", self.settings.address)
    }
}

impl Mecom {
    fn deadline(&mut self, now_s: f64, fx: &mut Effects) {
        self.wait_until_s.take_if(|until| now_s >= *until);
        let asking = self.line.asking();
        match self.line.late(now_s) {
            Turn::Again(bytes) => {
                fx.send.extend(bytes);
                if let Some(request) = asking {
                    fx.events.push(Event::Retried { why: format!("no answer to {}", task::words(request)) });
                }
            }
            Turn::Silence => {
                if let Some(task) = self.asked.take() {
                    self.unanswered(task, fx);
                }
            }
            Turn::Open | Turn::Answered(_) => {}
        }
    }
}
