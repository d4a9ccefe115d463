//! What the driver makes of an answer, of a refusal, and of silence.

use super::Mecom;
use super::memory;
use super::state::{Found, status};
use super::task::{self, Task};
use crate::config::{Firmware, Round};
use crate::driver::{Effects, Event};
use crate::drivers::commands::{AGAIN_S, FAILURES_TO_LOSE, Job, LOOKS, Link, ROUNDS_TO_LEAVE, ROUNDS_TO_LOSE};
use crate::protocol::mecom::{Answer, Sensor, ServerError, Value, error_name, id, parameter};
use signal::{Channel, Tick};
use std::collections::VecDeque;

/// How far apart the status is looked at until the output has followed, s.
const LOOK_AGAIN_S: f64 = 0.05;
/// Time a device is given to restart, s (assumed; a slower one is simply found later).
const RESTART_S: f64 = 1.0;

/// A version that is told in hundredths, as the vendor's software shows it.
fn version(hundredths: i32) -> String {
    format!("{:.2}", f64::from(hundredths) / 100.0)
}

impl Mecom {
    pub(super) fn unanswered(&mut self, task: Task, fx: &mut Effects) {
        let question = task.question(self.settings.output).map_or_else(String::new, |(request, _)| task::words(request));
        let why = format!("no answer to {question}");
        match (self.job, task) {
            // It was given one attempt only, so it proves nothing of the link; switching off will.
            (Some(Job::Poll(_)), _) if self.wanted.disable => {}
            // Then it is read one by one.
            (_, Task::TryBulk(_)) => {}
            // What follows reads back.
            (_, Task::Write { .. } | Task::Restart) => {
                if task == Task::Restart {
                    self.restarted();
                }
            }
            (Some(Job::Switch { on: false, round }), _) if round + 1 < ROUNDS_TO_LOSE => {
                self.begin(Job::Switch { on: false, round: round + 1 });
            }
            (Some(Job::Open | Job::Switch { on: false, .. }), _) => self.silent(why, fx),
            (Some(job), _) => self.fail(job, false, &why, fx),
            (None, _) => {}
        }
    }

    /// The job came to nothing, by silence or because the device would not now, and nobody said no. It counts towards the loss of
    /// the link, and is begun again where that can do no harm: an "on" that may have been heard is left to the next poll to
    /// find out.
    fn fail(&mut self, job: Job, denied: bool, why: &str, fx: &mut Effects) {
        self.drop_job(why, fx);
        self.failed += 1;
        if self.failed >= FAILURES_TO_LOSE {
            self.silent(format!("{FAILURES_TO_LOSE} exchanges failed in a row, {why}"), fx);
            return;
        }
        let again = match job {
            Job::Target(_) | Job::Level(_) => !self.wanted.supersedes(job),
            Job::Acknowledge => true,
            Job::Switch { on, .. } => on && denied,
            Job::Open | Job::Poll(_) | Job::Curve(_) => false,
        };
        if again {
            self.begin(job);
        }
        if again && denied {
            fx.events.push(Event::Retried { why: why.to_owned() });
            self.tasks.push_front(Task::Wait(AGAIN_S));
        }
    }

    /// Another round of switching off after a while, if there is one left.
    fn switch_off_again(&mut self, round: u8, why: &str, fx: &mut Effects) -> bool {
        let again = round + 1 < ROUNDS_TO_LEAVE;
        if again {
            fx.events.push(Event::Retried { why: why.to_owned() });
            self.begin(Job::Switch { on: false, round: round + 1 });
            self.tasks.push_front(Task::Wait(AGAIN_S));
        }
        again
    }

    fn denied(&mut self, task: Task, error: ServerError, fx: &mut Effects) {
        let question = task.question(self.settings.output).map_or_else(String::new, |(request, _)| task::words(request));
        let concerns = if let Task::Verify { parameter, .. } = task { parameter } else { 0 };
        let why = format!("{question}: {error}{}", memory::advice(concerns, Some(error)));
        // It would not now, which is no more a refusal than silence is.
        let not_now = matches!(error, ServerError::Busy | ServerError::Communication);
        self.heard |= !not_now && matches!(task, Task::Write { .. });
        self.defied |= task.switches_off();
        let job = self.job;
        match job {
            // What follows reads back: it may be off for another reason, such as its lease.
            Some(Job::Open | Job::Switch { .. }) if task.switches_off() => {}
            Some(_) if matches!(task, Task::TryBulk(_)) => {}
            Some(Job::Open) if memory::is_guard(task) && !not_now => {}
            Some(_) if task == Task::Sensor && error == ServerError::Parameter => self.sensor(None, fx),
            Some(_) if task == Task::Hardware && error == ServerError::Parameter => self.hardware(None, fx),
            // One by one it shows which of them cannot be had.
            Some(_) if matches!(task, Task::Bulk(_)) => {
                self.found.bulk &= not_now;
                self.tasks = self.polled();
            }
            Some(Job::Open) if not_now => self.silent(why, fx),
            Some(Job::Open) => self.refuse(why, !self.found.known, fx),
            Some(job @ Job::Poll(_)) => self.fail(job, true, &why, fx),
            Some(Job::Switch { on: false, round }) if self.switch_off_again(round, &why, fx) => {}
            Some(Job::Switch { on: false, .. }) => self.silent(format!("switching the output off: {why}"), fx),
            Some(job) if not_now => self.fail(job, true, &why, fx),
            Some(job) => {
                self.drop_job(&why, fx);
                fx.events.push(Event::Refused { why: format!("{}: {why}", job.words()) });
            }
            None => {}
        }
    }

    /// The tick that is being polled.
    const fn polling(&self) -> Option<Tick> {
        if let Some(Job::Poll(Round { tick, .. })) = self.job { Some(tick) } else { None }
    }

    /// Everything that the poll under way asks for, one by one.
    fn polled(&self) -> VecDeque<Task> {
        self.job.filter(|job| matches!(job, Job::Poll(_))).map(|job| self.script(job)).unwrap_or_default()
    }

    fn restarted(&mut self) {
        self.reopened(RESTART_S);
    }

    fn reopened(&mut self, after_s: f64) {
        let known = self.found.known;
        self.found = Found { known, ..Found::default() };
        self.link = Link::Opening;
        self.open(after_s);
    }

    pub(super) fn answered(&mut self, task: Task, answer: Answer, fx: &mut Effects) {
        match (task, answer) {
            (_, Answer::Refused(error)) => self.denied(task, error, fx),
            (Task::Identify, Answer::Identity(text)) => self.found.identity = text,
            (Task::Restart, _) => self.restarted(),
            (Task::Write { .. }, _) => {
                self.heard = true;
                self.defied &= !task.switches_off();
            }
            (Task::TryBulk(_), Answer::Many(values)) => {
                let known = [self.found.model.cast_unsigned(), self.found.serial.cast_unsigned()];
                self.found.bulk = values.starts_with(&known);
            }
            (Task::Bulk(_), Answer::Many(values)) => {
                let tasks = self.polled();
                for (task, bits) in tasks.into_iter().zip(values) {
                    self.answered(task, Answer::Bits(bits), fx);
                    if self.polling().is_none() {
                        break;
                    }
                }
            }
            (Task::Verify { parameter, value }, Answer::Bits(bits)) => self.verify(parameter, value, bits, fx),
            (Task::Measure(parameter, channel), Answer::Bits(bits)) => self.measured(parameter, channel, f32::from_bits(bits), fx),
            (task, Answer::Bits(bits)) => self.number(task, bits.cast_signed(), fx),
            // Other shapes do not get past the exchange.
            _ => {}
        }
    }

    fn number(&mut self, task: Task, number: i32, fx: &mut Effects) {
        match task {
            Task::Model => {
                self.found.model = number;
                self.check_declared("model", number, self.settings.device_type, fx);
            }
            Task::Serial => {
                self.found.serial = number;
                self.check_declared("serial number", number, self.settings.serial_number, fx);
            }
            Task::Hardware => self.hardware(Some(number), fx),
            Task::Firmware => self.firmware(number, fx),
            Task::Polarity if (0..=1).contains(&number) => self.found.positive_heats = number == 1,
            Task::Polarity => {
                self.refuse(format!("cannot tell which way positive current is: parameter 3034 reads {number}"), false, fx);
            }
            Task::Memory => self.memory(number, fx),
            Task::Sensor => self.sensor(Some(number), fx),
            Task::Enabled => self.found.enabled = number != 0,
            Task::Output { want, looked } => self.output(want, looked, number, fx),
            Task::ErrorNumber => self.found.error = Some((number, 0)),
            Task::ErrorInstance => self.found.error = self.found.error.map(|(n, _)| (n, number)),
            Task::ErrorParameter => self.tell_error(number, fx),
            Task::RestartIfError if number == status::ERROR => self.tasks.push_front(Task::Restart),
            // It was restarted for another of its outputs, or by somebody: what it holds is to be seen to all the same.
            Task::RestartIfError => self.reopened(0.0),
            _ => {}
        }
    }

    /// The version of its electronics, hundredths; `None` if the device does not tell.
    fn hardware(&mut self, number: Option<i32>, fx: &mut Effects) {
        self.found.hardware = number;
        self.check_version("hardware", number, self.settings.hardware.clone(), fx);
    }

    /// The last of what it says of itself.
    fn firmware(&mut self, number: i32, fx: &mut Effects) {
        if !self.check_version("firmware", Some(number), self.settings.firmware.clone(), fx) {
            return;
        }
        self.found.known = true;
        let Found { model, serial, identity, hardware, .. } = &self.found;
        let hardware = hardware.map_or_else(String::new, |number| format!(" hardware {}", version(number)));
        let device = format!("TEC-{model} serial {serial} firmware {}{hardware} ({identity})", version(number));
        fx.events.push(Event::Identified { device });
    }

    /// False if it is refused.
    fn check_version(&mut self, what: &str, found: Option<i32>, declared: Option<Firmware>, fx: &mut Effects) -> bool {
        let met = |wanted: &Firmware| found.is_some_and(|number| wanted.is_met_by_number(f64::from(number) / 100.0));
        let Some(wanted) = declared.filter(|wanted| !met(wanted)) else { return true };
        let said = found.map_or_else(|| "not told".to_owned(), version);
        self.found.known = false;
        self.refuse(format!("its {what} is {said}, the rig file declares {wanted}"), true, fx);
        false
    }

    /// The object input is set to this; `None` if the device does not tell.
    fn sensor(&mut self, number: Option<i32>, fx: &mut Effects) {
        let Some(declared) = self.settings.object_sensor.filter(|declared| Some(*declared as i32) != number) else { return };
        let set = match number.map(|number| (number, Sensor::of(number))) {
            None => "the device does not tell what its object input is set to (4034)".to_owned(),
            Some((_, Some(sensor))) => format!("its object input is set to {}", sensor.word()),
            Some((number, None)) => format!("its object input is set to sensor type {number}, which is not known here"),
        };
        let why = format!("{set}, the rig file declares {}; set what is wired with the vendor's software", declared.word());
        self.refuse(why, false, fx);
    }

    fn check_declared(&mut self, what: &str, found: i32, declared: Option<u32>, fx: &mut Effects) {
        if let Some(declared) = declared
            && i64::from(declared) != i64::from(found)
        {
            self.found.known = false;
            self.refuse(format!("another device answers: its {what} is {found}, the rig file declares {declared}"), true, fx);
        }
    }

    fn verify(&mut self, number: u16, wanted: Value, bits: u32, fx: &mut Effects) {
        let found = match wanted {
            Value::Int(_) => Value::Int(bits.cast_signed()),
            Value::Float(_) => Value::Float(f32::from_bits(bits)),
        };
        // A device may keep its values in steps of its own; a part in ten thousand is no other limit.
        let same = (found.number() - wanted.number()).abs() <= 1e-4 * wanted.number().abs().max(1.0);
        if same {
            return;
        }
        let name = parameter(number).map_or("parameter", |p| p.name);
        let why = format!("{name} ({number}) reads back {found} after {wanted} was written{}", memory::advice(number, None));
        match self.job {
            // Written and read back a while ago.
            job if job != Some(Job::Open) && (number == id::SAVE_TO_FLASH || matches!(job, Some(Job::Poll(_) | Job::Switch { .. }))) => {
                self.silent(format!("the controller lost its settings as if restarted, {why}"), fx);
            }
            // It may never have arrived.
            Some(Job::Open) if !self.heard => self.silent(why, fx),
            Some(Job::Open) => self.refuse(why, false, fx),
            Some(job) if !self.heard => self.fail(job, false, &why, fx),
            job => {
                let what = job.map_or("setting", |j| j.words());
                self.drop_job(&why, fx);
                fx.events.push(Event::Refused { why: format!("{what}: {why}") });
            }
        }
    }

    fn measured(&mut self, parameter: u16, channel: Channel, value: f32, fx: &mut Effects) {
        let Some(Job::Poll(Round { tick, .. })) = self.job else { return };
        let signed = matches!(parameter, id::OUTPUT_CURRENT | id::OUTPUT_VOLTAGE) && self.found.positive_heats;
        let value = f64::from(if signed { -value } else { value });
        // What is no number was not read.
        if value.is_finite() {
            fx.events.push(Event::Reading { tick, channel, value });
        }
    }

    fn output(&mut self, want: Option<bool>, looked: u8, number: i32, fx: &mut Effects) {
        let on = status::is_on(number, self.found.enabled, self.settings.several);
        if number == status::ERROR {
            if !self.found.error_told {
                self.tasks.extend([Task::ErrorNumber, Task::ErrorInstance, Task::ErrorParameter]);
            }
        } else {
            self.found.error_told = false;
        }
        if let (Some(Job::Poll(Round { tick, .. })), Some(on)) = (self.job, on)
            && self.instrument.servoes()
        {
            fx.events.push(Event::Reading { tick, channel: Channel::TecOutput, value: f64::from(u8::from(on)) });
        }
        let Some(want) = want else {
            match (on, self.job) {
                (Some(on), _) => self.found.output.seen(on, &self.wanted, fx),
                (None, Some(job)) if number != status::ERROR => self.fail(job, true, &self.unclear(number), fx),
                // Only its error keeps it off: once that is told, its enable flag is taken down.
                (None, _) => self.found.armed = true,
            }
            return;
        };
        if on == Some(want) && self.found.enabled == want {
            self.confirm(want, fx);
            return;
        }
        if self.found.enabled == want && number != status::ERROR && looked < LOOKS {
            for task in [Task::Output { want: Some(want), looked: looked + 1 }, Task::Enabled, Task::Wait(LOOK_AGAIN_S)] {
                self.tasks.push_front(task);
            }
            return;
        }
        let what = if want { "switching the output on" } else { "switching the output off" };
        let why = match on {
            Some(on) => format!("{what}: it stays {} (enabled {}, status {number})", if on { "on" } else { "off" }, self.found.enabled),
            None => format!("{what}: {}", self.unclear(number)),
        };
        let job = self.job;
        if let (Some(on), Some(Job::Switch { on: false, .. })) = (on, job) {
            // It was read: nobody need wonder what it does until the last round.
            self.found.output.seen(on, &self.wanted, fx);
        }
        if let Some(Job::Switch { on: false, round }) = job
            && self.switch_off_again(round, &why, fx)
        {
            return;
        }
        match on {
            Some(on) => self.confirm(on, fx),
            None => self.found.output.unknown(),
        }
        match job {
            // It may never have arrived.
            Some(Job::Open | Job::Switch { on: false, .. }) if !self.heard => self.silent(why, fx),
            // Not polled any more, so that its lease runs out if it is on.
            Some(Job::Open | Job::Switch { on: false, .. }) => self.refuse(why, false, fx),
            Some(job) if !self.heard => self.fail(job, false, &why, fx),
            _ => fx.events.push(Event::Refused { why }),
        }
    }

    /// Why nobody can tell what the output does.
    fn unclear(&self, number: i32) -> String {
        format!("status {number} does not say whether the output is on (2010 is {})", if self.found.enabled { "not 0" } else { "0" })
    }

    fn confirm(&mut self, on: bool, fx: &mut Effects) {
        self.found.output.confirm(on, self.job, &mut self.wanted, fx);
    }

    fn tell_error(&mut self, detail: i32, fx: &mut Effects) {
        self.found.error_told = true;
        if let Some((number, instance)) = self.found.error.take() {
            let name = error_name(number).unwrap_or("its name is in the vendor's manual 5216");
            let words =
                format!("the controller stands in error {number}, {name} (instance {instance}, parameter {detail}); its output is off");
            fx.events.push(Event::DeviceError { number, words });
        }
    }
}
