//! Meerstetter TEC controllers.
//!
//! On every opening of the line: identify, refuse another device than the declared one, switch the output off and see it off,
//! write limits and watchdog and read each back; then it is ready, and never before. What the output does is told only as read
//! back. Commands wait in one slot each, the safest first.
//!
//! **The lease**: any valid frame renews the device's watchdog, so nothing is sent that the controller did not ask for in this
//! tick, save finite sequences. After silence the device is left alone for longer than the lease before it is tried again: our
//! questions may reach it though its answers do not reach us, and must not keep its output alive.
//!
//! **Sign**: positive current cools the plate. Devices can be set either way (parameter 3034); it is read, not set, since it
//! describes how the modules are wired, and what the device reports is turned around where it says heating.

mod exchange;
mod state;
mod task;

use crate::config::Instrument;
use crate::driver::{Command, Driver, Effects, Event, Input};
use crate::error::Error;
use crate::protocol::mecom::{Answer, ServerError, Value, id};
use exchange::{Exchange, Turn};
use signal::Channel;
use state::{Found, Link, Wanted, status};
use std::collections::VecDeque;
pub use task::RAMP_MARGIN;
use task::{Job, Task};

/// Polls that fail in a row before the link counts as lost.
const POLLS_TO_LOSE: u8 = 3;
/// Rounds of switching off before the link counts as lost.
const ROUNDS_TO_LOSE: u8 = 3;
/// How often the status is looked at until the output has followed, and how far apart, s.
const LOOKS: u8 = 10;
const LOOK_AGAIN_S: f64 = 0.05;
/// Time a device is given to restart, s (assumed; a slower one is simply found later).
const RESTART_S: f64 = 1.0;
/// Silence kept beyond the lease before a silent device is tried again, s.
const BEYOND_LEASE_S: f64 = 0.5;

/// The driver of one controller.
pub struct Mecom {
    instrument: Instrument,
    line: Exchange,
    link: Link,
    wanted: Wanted,
    job: Option<Job>,
    /// What is left of the job.
    tasks: VecDeque<Task>,
    /// The task whose question is open.
    asked: Option<Task>,
    wait_until_s: Option<f64>,
    found: Found,
    failed_polls: u8,
}

impl Mecom {
    /// A driver of this instrument, on a closed port.
    pub fn new(instrument: &Instrument) -> Result<Self, Error> {
        let i = instrument;
        let numbers = [i.lease_s, i.reply_timeout_s, i.current_limit_a, i.voltage_limit_v];
        if numbers.iter().any(|n| !n.is_finite() || *n <= 0.0) || i.baud == 0 {
            let why = "lease, time-out, limits and baud must be above 0".to_owned();
            return Err(Error::Instrument { instrument: i.name.clone(), why });
        }
        Ok(Self {
            line: Exchange::new(i.address, i.baud, i.reply_timeout_s),
            link: Link::Closed,
            wanted: Wanted::default(),
            job: None,
            tasks: VecDeque::new(),
            asked: None,
            wait_until_s: None,
            found: Found::default(),
            failed_polls: 0,
            instrument: instrument.clone(),
        })
    }

    fn begin(&mut self, job: Job) {
        self.tasks = task::script(job, &self.instrument);
        self.job = Some(job);
        self.asked = None;
        self.wait_until_s = None;
    }

    /// Identifies the device anew. If it is the one we knew a moment ago, its output is switched off unseen first: it may hear
    /// us though we do not hear it.
    fn open(&mut self, after_s: f64) {
        self.begin(Job::Open);
        if self.found.known {
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
        if let Some(Job::Poll(tick)) = self.job.take() {
            fx.events.push(Event::PollFailed { tick, why: why.to_owned() });
        }
    }

    /// Nothing is known any more, nothing that was wanted of the old state will be done, save switching off.
    fn forget(&mut self, why: &str, fx: &mut Effects) {
        self.drop_job(why, fx);
        if let Some(tick) = self.wanted.poll.take() {
            fx.events.push(Event::PollFailed { tick, why: why.to_owned() });
        }
        self.wanted = Wanted { disable: self.wanted.disable, ..Wanted::default() };
        self.failed_polls = 0;
        let known = self.found.known;
        self.found = Found { known, ..Found::default() };
    }

    fn silent(&mut self, why: String, fx: &mut Effects) {
        let told = self.link == Link::Silent;
        self.forget(&why, fx);
        self.link = Link::Silent;
        if told {
            self.open(self.instrument.lease_s + BEYOND_LEASE_S);
        } else {
            fx.events.push(Event::LinkLost { why });
            self.open(0.0);
        }
    }

    fn refuse(&mut self, why: String, foreign: bool, fx: &mut Effects) {
        self.forget(&why, fx);
        self.link = Link::Refused { foreign };
        fx.events.push(Event::Refused { why });
    }

    fn command(&mut self, command: Command, fx: &mut Effects) {
        let ready = self.link == Link::Ready;
        let refused = |what: &str, why: &str| Event::Refused { why: format!("{what}: {why}") };
        match command {
            Command::Poll { tick } if !ready => {
                fx.events.push(Event::PollFailed { tick, why: self.link.words().to_owned() });
            }
            Command::Poll { tick } => {
                if let Some(tick) = self.wanted.poll.replace(tick) {
                    fx.events.push(Event::PollFailed { tick, why: "overtaken by the next tick".to_owned() });
                }
            }
            Command::Target(target) => {
                let what = format!("a target of {target}");
                match &self.instrument.setpoint {
                    _ if !ready => fx.events.push(refused(&what, self.link.words())),
                    Some(setpoint) if setpoint.limits.contains(target.0) => self.wanted.target = Some(target),
                    Some(s) => {
                        let why = format!("outside the rig's {} to {} °C", s.limits.min(), s.limits.max());
                        fx.events.push(refused(&what, &why));
                    }
                    None => fx.events.push(refused(&what, "the rig file gives this instrument no setpoint")),
                }
            }
            Command::Enable if !ready => fx.events.push(refused("switching the output on", self.link.words())),
            Command::Enable => self.wanted.enable = true,
            Command::Disable => self.disable(fx),
            Command::Acknowledge => match self.link {
                Link::Ready => self.wanted.acknowledge = true,
                // The operator saw to what was refused: look again.
                Link::Refused { .. } => {
                    self.link = Link::Opening;
                    self.open(0.0);
                }
                _ => fx.events.push(refused("acknowledging", self.link.words())),
            },
        }
    }

    fn disable(&mut self, fx: &mut Effects) {
        self.wanted.disable = true;
        self.wanted.enable = false;
        self.wanted.target = None;
        match self.link {
            Link::Ready => {
                self.line.last_attempt();
                self.wait_until_s = None;
            }
            // Begins with the blind "off"; without that, it would only renew the lease.
            Link::Silent if self.found.known && self.line.asking().is_none() => self.open(0.0),
            Link::Refused { foreign: true } => {
                self.wanted.disable = false;
                fx.events.push(Event::Refused { why: format!("switching the output off: {}, and is left alone", self.link.words()) });
            }
            // Opening switches off by itself, and a closed port must open first.
            Link::Closed | Link::Opening | Link::Silent | Link::Refused { foreign: false } => {}
        }
    }

    /// Begins whatever can be begun, until a question is open, a wait is on, or nothing is left to do.
    fn advance(&mut self, now_s: f64, fx: &mut Effects) {
        while self.asked.is_none() && self.wait_until_s.is_none() {
            self.yield_to_disable(fx);
            if self.job.is_none() && !self.next_job(fx) {
                return;
            }
            match self.tasks.pop_front() {
                None => self.finish(fx),
                Some(Task::Wait(s)) => self.wait_until_s = Some(now_s + s),
                Some(task) => {
                    if let Some((request, attempts)) = task.question() {
                        fx.send.extend(self.line.ask(now_s, request, attempts));
                        self.asked = Some(task);
                    }
                }
            }
        }
    }

    fn yield_to_disable(&mut self, fx: &mut Effects) {
        if !self.wanted.disable || self.link == Link::Silent {
            return;
        }
        match self.job {
            None | Some(Job::Open) => {}
            Some(Job::Switch { on: false, .. }) => self.wanted.disable = false,
            Some(_) => self.drop_job("overtaken by switching the output off", fx),
        }
    }

    fn next_job(&mut self, fx: &mut Effects) -> bool {
        let commandable = matches!(self.link, Link::Ready | Link::Refused { foreign: false });
        if !commandable {
            return false;
        }
        let job = if std::mem::take(&mut self.wanted.disable) {
            Job::Switch { on: false, round: 0 }
        } else if std::mem::take(&mut self.wanted.acknowledge) {
            Job::Acknowledge
        } else if let Some(target) = self.wanted.target.take() {
            Job::Target(target)
        } else if std::mem::take(&mut self.wanted.enable) {
            if self.found.target.is_none() {
                let why = "switching the output on: no target was set since the controller was configured".to_owned();
                fx.events.push(Event::Refused { why });
                return self.next_job(fx);
            }
            Job::Switch { on: true, round: 0 }
        } else if let Some(tick) = self.wanted.poll.take() {
            Job::Poll(tick)
        } else {
            return false;
        };
        if let Job::Switch { .. } = job {
            // From the first byte of the command until it is read back, nobody knows.
            self.found.output = None;
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
            Some(Job::Poll(tick)) => {
                self.failed_polls = 0;
                fx.events.push(Event::PollDone { tick });
            }
            Some(Job::Target(target)) => self.found.target = Some(target),
            Some(Job::Switch { .. } | Job::Acknowledge) | None => {}
        }
    }

    fn unanswered(&mut self, task: Task, fx: &mut Effects) {
        let question = task.question().map_or_else(String::new, |(request, _)| task::words(request));
        let why = format!("no answer to {question}");
        match (self.job, task) {
            // It was given one attempt only, so it proves nothing of the link; switching off will.
            (Some(Job::Poll(_)), _) if self.wanted.disable => {}
            // What follows reads back.
            (_, Task::Write { .. } | Task::Restart) => {
                if task == Task::Restart {
                    self.restarted();
                }
            }
            (Some(Job::Poll(_)), _) => {
                self.drop_job(&why, fx);
                self.failed_polls += 1;
                if self.failed_polls >= POLLS_TO_LOSE {
                    self.silent(format!("{POLLS_TO_LOSE} polls failed in a row, {why}"), fx);
                }
            }
            (Some(Job::Switch { on: false, round }), _) if round + 1 < ROUNDS_TO_LOSE => {
                self.begin(Job::Switch { on: false, round: round + 1 });
            }
            (Some(Job::Open | Job::Switch { on: false, .. }), _) => self.silent(why, fx),
            (Some(job), _) => {
                self.drop_job(&why, fx);
                fx.events.push(Event::Refused { why: format!("{}: {why}", job.words()) });
            }
            (None, _) => {}
        }
    }

    fn denied(&mut self, task: Task, error: ServerError, fx: &mut Effects) {
        let question = task.question().map_or_else(String::new, |(request, _)| task::words(request));
        let why = format!("{question}: {error}");
        match self.job {
            Some(Job::Open) if error == ServerError::Busy => self.silent(why, fx),
            Some(Job::Open) => self.refuse(why, !self.found.known, fx),
            Some(Job::Poll(_)) => self.drop_job(&why, fx),
            Some(job) => {
                self.drop_job(&why, fx);
                fx.events.push(Event::Refused { why: format!("{}: {why}", job.words()) });
            }
            None => {}
        }
    }

    fn restarted(&mut self) {
        let known = self.found.known;
        self.found = Found { known, ..Found::default() };
        self.link = Link::Opening;
        self.open(RESTART_S);
    }

    fn answered(&mut self, task: Task, answer: Answer, fx: &mut Effects) {
        match (task, answer) {
            (_, Answer::Refused(error)) => self.denied(task, error, fx),
            (Task::Identify, Answer::Identity(text)) => self.found.identity = text,
            (Task::Restart, _) => self.restarted(),
            (Task::Verify { parameter, value }, Answer::Bits(bits)) => self.verify(parameter, value, bits, fx),
            (Task::Measure(parameter, channel), Answer::Bits(bits)) => self.measured(parameter, channel, f32::from_bits(bits), fx),
            (task, Answer::Bits(bits)) => self.number(task, bits.cast_signed(), fx),
            // Acknowledged, as wanted; other shapes do not get past the exchange.
            _ => {}
        }
    }

    fn number(&mut self, task: Task, number: i32, fx: &mut Effects) {
        match task {
            Task::Model => {
                self.found.model = number;
                self.check_declared("model", number, self.instrument.device_type, fx);
            }
            Task::Serial => {
                self.found.serial = number;
                self.check_declared("serial number", number, self.instrument.serial_number, fx);
            }
            Task::Firmware => {
                self.found.known = true;
                let Found { model, serial, identity, .. } = &self.found;
                let device = format!("TEC-{model} serial {serial} firmware {:.2} ({identity})", f64::from(number) / 100.0);
                fx.events.push(Event::Identified { device });
            }
            Task::Polarity if (0..=1).contains(&number) => self.found.positive_heats = number == 1,
            Task::Polarity => {
                self.refuse(format!("cannot tell which way positive current is: parameter 3034 reads {number}"), false, fx);
            }
            Task::Enabled => self.found.enabled = number != 0,
            Task::Output { want, looked } => self.output(want, looked, number, fx),
            Task::ErrorNumber => self.found.error = Some((number, 0)),
            Task::ErrorInstance => self.found.error = self.found.error.map(|(n, _)| (n, number)),
            Task::ErrorParameter => self.tell_error(number, fx),
            Task::RestartIfError if number == status::ERROR => self.tasks.push_front(Task::Restart),
            _ => {}
        }
    }

    fn check_declared(&mut self, what: &str, found: i32, declared: Option<u32>, fx: &mut Effects) {
        if let Some(declared) = declared
            && i64::from(declared) != i64::from(found)
        {
            self.found.known = false;
            self.refuse(format!("another device answers: its {what} is {found}, the rig file declares {declared}"), true, fx);
        }
    }

    fn verify(&mut self, parameter: u16, wanted: Value, bits: u32, fx: &mut Effects) {
        let found = match wanted {
            Value::Int(_) => Value::Int(bits.cast_signed()),
            Value::Float(_) => Value::Float(f32::from_bits(bits)),
        };
        // A device may keep its values in steps of its own; a part in ten thousand is no other limit.
        let same = (found.number() - wanted.number()).abs() <= 1e-4 * wanted.number().abs().max(1.0);
        if same {
            return;
        }
        let name = crate::protocol::mecom::parameter(parameter).map_or("parameter", |p| p.name);
        let why = format!("{name} ({parameter}) reads back {found} after {wanted} was written");
        if self.job == Some(Job::Open) {
            self.refuse(why, false, fx);
        } else {
            let job = self.job.map_or("setting", |j| j.words());
            self.drop_job(&why, fx);
            fx.events.push(Event::Refused { why: format!("{job}: {why}") });
        }
    }

    fn measured(&mut self, parameter: u16, channel: Channel, value: f32, fx: &mut Effects) {
        let Some(Job::Poll(tick)) = self.job else { return };
        let signed = matches!(parameter, id::OUTPUT_CURRENT | id::OUTPUT_VOLTAGE) && self.found.positive_heats;
        let value = f64::from(if signed { -value } else { value });
        // What is no number was not read.
        if value.is_finite() {
            fx.events.push(Event::Reading { tick, channel, value });
        }
    }

    fn output(&mut self, want: Option<bool>, looked: u8, number: i32, fx: &mut Effects) {
        let on = number == status::RUN;
        if number == status::ERROR {
            if !self.found.error_told {
                self.tasks.extend([Task::ErrorNumber, Task::ErrorInstance, Task::ErrorParameter]);
            }
        } else {
            self.found.error_told = false;
        }
        if let Some(Job::Poll(tick)) = self.job {
            fx.events.push(Event::Reading { tick, channel: Channel::TecOutput, value: f64::from(u8::from(on)) });
        }
        let Some(want) = want else {
            if self.found.output != Some(on) {
                self.confirm(on, fx);
            }
            return;
        };
        if on == want && self.found.enabled == want {
            self.confirm(on, fx);
        } else if self.found.enabled == want && number != status::ERROR && looked < LOOKS {
            for task in [Task::Output { want: Some(want), looked: looked + 1 }, Task::Enabled, Task::Wait(LOOK_AGAIN_S)] {
                self.tasks.push_front(task);
            }
        } else if let Some(Job::Switch { on: false, round }) = self.job
            && round + 1 < ROUNDS_TO_LOSE
        {
            self.begin(Job::Switch { on: false, round: round + 1 });
        } else {
            self.confirm(on, fx);
            let state = if on { "on" } else { "off" };
            let job = if want { "switching the output on" } else { "switching the output off" };
            let why = format!("{job}: it stays {state} (enabled {}, status {number})", self.found.enabled);
            if self.job == Some(Job::Open) {
                self.refuse(why, false, fx);
            } else {
                fx.events.push(Event::Refused { why });
            }
        }
    }

    fn confirm(&mut self, on: bool, fx: &mut Effects) {
        self.found.output = Some(on);
        if self.job == Some(Job::Open) && !on {
            // Whoever asked for it before has it.
            self.wanted.disable = false;
        }
        fx.events.push(Event::OutputConfirmed { on });
    }

    fn tell_error(&mut self, detail: i32, fx: &mut Effects) {
        self.found.error_told = true;
        if let Some((number, instance)) = self.found.error.take() {
            let words = format!("the controller stands in error {number} (instance {instance}, parameter {detail}), its output is off");
            fx.events.push(Event::DeviceError { number, words });
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
                self.line.new_line();
                self.link = Link::Opening;
                self.open(0.0);
            }
            Input::HangUp => {
                let closed = self.link == Link::Closed;
                self.forget("the port hung up", &mut fx);
                self.found = Found::default();
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
        fx
    }

    fn describe(&self) -> String {
        let address = self.instrument.address;
        if self.found.known {
            format!("TEC-{} serial {} (MeCom address {address})", self.found.model, self.found.serial)
        } else {
            format!("TEC controller at MeCom address {address}")
        }
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
