//! Any device that speaks in lines of text, as its dialect says.
//!
//! On every opening of the line: identify, refuse another device than the declared one, switch the output off and see it off (a fan
//! or a pump is left as it is), write what the dialect sets up and read each back; then it is ready, and never before. What the
//! output does is told only as read back. Commands wait in one slot each, the safest first.
//!
//! After silence a device with a lease is left alone for longer than that, since our questions may reach it though its answers do
//! not reach us. One without is told "off" unseen again and again: it may hear us, and nothing else would switch it off.

mod answers;
mod exchange;
mod script;

use crate::config::{DriverKind, Instrument, LineSettings};
use crate::driver::{Command, Driver, Effects, Event, Input};
use crate::error::Error;
use exchange::{Answer, Exchange, Turn};
use script::{IDENTIFY_ATTEMPTS, Job, Step, Writer};
use signal::{Celsius, Tick};
use std::collections::VecDeque;

/// Silence kept beyond the lease before a silent device is tried again, s.
const BEYOND_LEASE_S: f64 = 0.5;
/// How often a silent device without a lease is tried again, s.
const TRY_AGAIN_S: f64 = 1.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// No port.
    Closed,
    /// Being identified and configured.
    Opening,
    /// Takes commands.
    Ready,
    /// The port is there, the device does not answer.
    Silent,
    /// The device answers, but it is another one (foreign), or would not take its settings.
    Refused { foreign: bool },
}

impl Link {
    const fn words(self) -> &'static str {
        match self {
            Self::Closed => "the port is closed",
            Self::Opening => "the instrument is being identified and configured",
            Self::Ready => "the instrument is ready",
            Self::Silent => "the instrument does not answer",
            Self::Refused { foreign: true } => "another device than the declared one answers",
            Self::Refused { foreign: false } => "the instrument was refused",
        }
    }
}

/// What is wanted and not begun, in the order in which it is begun.
#[derive(Debug, Default)]
struct Wanted {
    disable: bool,
    acknowledge: bool,
    target: Option<Celsius>,
    level: Option<f64>,
    curve: Option<crate::driver::ArrayCurve>,
    enable: bool,
    poll: Option<Tick>,
}

/// What the device said of itself since the line was opened.
#[derive(Debug, Default)]
struct Known {
    device: String,
    /// It is the declared one.
    declared: bool,
    /// The job that last gave it what it must hold before it may be switched on.
    given: Option<Job>,
    /// As told by the last [`Event::OutputConfirmed`]; `None` while nobody knows.
    output: Option<bool>,
    /// The error that was told.
    error: Option<String>,
}

/// The driver of one device.
pub struct Line {
    instrument: Instrument,
    settings: LineSettings,
    port: Exchange,
    link: Link,
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
        })
    }

    fn writer(&self) -> Writer<'_> {
        Writer { instrument: &self.instrument, settings: &self.settings }
    }

    fn begin(&mut self, job: Job) {
        self.steps = self.writer().script(job);
        if let (Job::Switch { on: true, .. }, Some(given)) = (job, self.known.given) {
            // A device that restarted since holds neither its settings nor what it was given.
            let asks = self.writer().script(given).into_iter().filter(|step| matches!(step, Step::Ask { .. }));
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
        (self.asked, self.again, self.wait_until_s) = (None, None, None);
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
        (self.failed, self.mismatched) = (0, false);
        self.known = Known { declared: self.known.declared, ..Known::default() };
    }

    fn silent(&mut self, why: String, fx: &mut Effects) {
        let told = self.link == Link::Silent;
        self.forget(&why, fx);
        self.link = Link::Silent;
        let again = self.settings.lease_s.map_or(TRY_AGAIN_S, |lease_s| lease_s + BEYOND_LEASE_S);
        self.open(if told { again } else { 0.0 });
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
        let ready = self.link == Link::Ready;
        let away = matches!(self.link, Link::Closed | Link::Silent | Link::Opening);
        let refused = |what: &str, why: &str| Event::Refused { why: format!("{what}: {why}") };
        let words = self.link.words();
        match command {
            Command::Poll { tick } if !ready => fx.events.push(Event::PollFailed { tick, why: words.to_owned() }),
            Command::Poll { tick } => {
                if let Some(tick) = self.wanted.poll.replace(tick) {
                    fx.events.push(Event::PollFailed { tick, why: "overtaken by the next tick".to_owned() });
                }
            }
            Command::Disable => self.disable(now_s, fx),
            // It crossed with the news that the link is lost: whoever sent it will know, and nothing is refused.
            _ if away => {}
            Command::Acknowledge if ready => self.wanted.acknowledge = true,
            // The operator saw to what was refused: look again.
            Command::Acknowledge => {
                self.link = Link::Opening;
                self.open(0.0);
            }
            _ if !ready => fx.events.push(refused("a command", words)),
            Command::Target(target) => match &self.instrument.setpoint {
                Some(setpoint) if setpoint.limits.contains(target.0) => self.wanted.target = Some(target),
                Some(s) => {
                    let why = format!("outside the rig's {} to {} °C", s.limits.min(), s.limits.max());
                    fx.events.push(refused(&format!("a target of {target}"), &why));
                }
                None => fx.events.push(refused("a target", "the rig file gives this instrument no setpoint")),
            },
            Command::Level(level) => match self.instrument.drive.as_ref().and_then(|d| d.level.as_ref()) {
                Some(rule) if rule.limits.contains(level) => self.wanted.level = Some(level),
                Some(rule) => {
                    let (min, max, unit) = (rule.limits.min(), rule.limits.max(), &rule.unit);
                    fx.events.push(refused(&format!("a {} of {level}", rule.name), &format!("outside the rig's {min} to {max} {unit}")));
                }
                None => fx.events.push(refused("a level", "the rig file says not what this instrument `drives`")),
            },
            Command::Curve(curve) => match self.refuses(&curve) {
                None => self.wanted.curve = Some(curve),
                Some(why) => fx.events.push(refused("a curve", &why)),
            },
            Command::Enable if self.instrument.switches() => self.wanted.enable = true,
            Command::Enable => fx.events.push(refused("switching the output on", "nothing of this rig is switched by it")),
        }
    }

    /// Why a curve is none that this instrument may be given.
    fn refuses(&self, curve: &crate::driver::ArrayCurve) -> Option<String> {
        let crate::driver::ArrayCurve { isc_a, imp_a, vmp_v, voc_v } = *curve;
        if self.settings.dialect.curve.is_none() || self.instrument.drive.is_none() {
            return Some("this instrument is no solar-array simulator of this rig".to_owned());
        }
        let sound = 0.0 < imp_a && imp_a < isc_a && isc_a.is_finite() && 0.0 < vmp_v && vmp_v < voc_v && voc_v.is_finite();
        if !sound {
            return Some(format!("{imp_a} A of {isc_a} A at {vmp_v} V of {voc_v} V is no array"));
        }
        let over =
            |limit: Option<f64>, value: f64, unit: &str| limit.filter(|l| value > *l).map(|l| format!("{value} is above {l} {unit}"));
        over(self.settings.current_limit_a, isc_a, "A").or_else(|| over(self.settings.voltage_limit_v, voc_v, "V"))
    }

    fn disable(&mut self, now_s: f64, fx: &mut Effects) {
        if !self.instrument.switches() {
            return;
        }
        self.wanted.disable = true;
        (self.wanted.enable, self.wanted.target, self.wanted.level, self.wanted.curve) = (false, None, None, None);
        match self.link {
            Link::Ready => {
                if let Some((_, attempts)) = &mut self.asked {
                    *attempts = 0;
                }
                self.wait_until_s = None;
            }
            // It may hear us, though we do not hear it.
            Link::Silent if self.known.declared => {
                if let Some(Step::Tell { line, .. }) = self.writer().off() {
                    fx.send.extend(self.port.shout(now_s, &line));
                }
            }
            Link::Refused { foreign: true } => {
                self.wanted.disable = false;
                fx.events.push(Event::Refused { why: format!("switching the output off: {}, and is left alone", self.link.words()) });
            }
            // Opening switches off by itself, and a closed port must open first.
            Link::Closed | Link::Opening | Link::Silent | Link::Refused { foreign: false } => {}
        }
    }

    /// Begins whatever can be begun, until a message is out, a wait is on, or nothing is left to do.
    fn advance(&mut self, now_s: f64, fx: &mut Effects) {
        while self.asked.is_none() && self.wait_until_s.is_none() {
            self.yield_to_disable(fx);
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
            Step::Identify => {
                let writer = self.writer();
                (self.settings.dialect.identify.ask.fill(|name| writer.parameter(name)).unwrap_or_default(), Answer::Line)
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
        if !matches!(self.link, Link::Ready | Link::Refused { foreign: false }) {
            return false;
        }
        let wanted = &mut self.wanted;
        let job = if std::mem::take(&mut wanted.disable) {
            Job::Switch { on: false, round: 0 }
        } else if std::mem::take(&mut wanted.acknowledge) {
            Job::Acknowledge
        } else if let Some(target) = wanted.target.take() {
            Job::Target(target)
        } else if let Some(level) = wanted.level.take() {
            Job::Level(level)
        } else if let Some(curve) = wanted.curve.take() {
            Job::Curve(curve)
        } else if std::mem::take(&mut wanted.enable) {
            let drive = self.instrument.drive.as_ref();
            let needs = self.instrument.servoes() || drive.is_some_and(|d| d.level.is_some() || d.sun.is_some());
            if needs && self.known.given.is_none() {
                let why = "switching the output on: nothing was set since the instrument was configured".to_owned();
                fx.events.push(Event::Refused { why });
                return self.next_job(fx);
            }
            Job::Switch { on: true, round: 0 }
        } else if let Some(tick) = wanted.poll.take() {
            Job::Poll(tick)
        } else {
            return false;
        };
        if let Job::Switch { .. } = job {
            // From the first byte of the command until it is read back, nobody knows.
            self.known.output = None;
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
            Some(Job::Poll(tick)) => {
                self.failed = 0;
                fx.events.push(Event::PollDone { tick });
            }
            Some(job @ (Job::Target(_) | Job::Level(_) | Job::Curve(_))) => self.known.given = Some(job),
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
        fx.deadline_s = self.port.deadline_s().or(self.wait_until_s);
        fx
    }

    fn describe(&self) -> String {
        let title = &self.settings.dialect.title;
        if self.known.declared { self.known.device.clone() } else { title.clone() }
    }
}

#[cfg(test)]
mod tests;
