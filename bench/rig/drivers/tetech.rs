//! TE Technology's controllers.
//!
//! **They have no watchdog**: a host that dies leaves their output on. Shutting down on alarms is switched on where the model has a
//! code for it, and what is set is kept out of the EEPROM, which bears a million writes: that is switched off after the first "off", so
//! that a power cut does not bring the output back, and looked at with the other settings. What makes them hold a set point of ours, in
//! degrees Celsius, is written and read back; so is the current at which they stop, where the rig file declares one; which way they heat
//! is read, and may not change. Their sum of characters misses two flips that cancel: an "off" so damaged is heard as "on" and found with the
//! next poll. Running unattended needs a waiver. A TC-48-20 and a TC-720 tell their model and are held to it, at the end of each poll
//! again: no answer to another question is that number, so that one that came late is found out before its readings are told. No model
//! tells a serial number. A TC-48-20 has no known code that switches its output, so it is only read.

use super::unnumbered::{Dialect, Job, Question, Traits, Unnumbered, Verdict};
use crate::config::{DriverKind, Instrument, OBJECT_TEMPERATURE, Read, Round};
use crate::driver::{Driver, Event};
use crate::error::Error;
use crate::protocol::tetech::{Alarm, Answer, Codes, Model, Query};
use signal::{Celsius, Channel, Tick};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Task {
    /// Read the temperature: somebody is there and speaks this layout.
    Probe,
    /// Read the number of its model.
    Model(u8, i32),
    /// Read the revision of its software.
    Revision(u8),
    /// Read whether it is so already, and needs no writing.
    Already(u8, i32),
    Write(u8, i32),
    Verify(u8, i32),
    /// Read whether the output is on.
    Output(u8),
    Measure(u8, Channel),
    Alarms(u8),
    /// Read which way it heats.
    Polarity(u8),
}

struct Tetech {
    name: String,
    model: Model,
    codes: Codes,
    scale: f64,
    reads: Vec<Read>,
    servoes: bool,
    switches: bool,
    safe_is_on: bool,
    /// Faults as last told, and whether a key was told of.
    alarms: i32,
    pressed: bool,
    /// What it must read, and the count at which it stops.
    declared: (Option<i32>, Option<i32>),
    /// What it read when it was opened.
    polarity: Option<i32>,
}

/// The driver of an instrument whose rig file says `driver = "tetech"`.
pub(crate) fn tetech(instrument: &Instrument) -> Result<Box<dyn Driver>, Error> {
    let refuse = |why: String| Error::Instrument { instrument: instrument.name.clone(), why };
    let DriverKind::Tetech(settings) = &instrument.driver else { return Err(refuse("it is no TE Technology controller".to_owned())) };
    let codes = Codes::of(settings.model);
    if instrument.switches() && codes.output_write.is_none() {
        return Err(refuse(format!("no known code switches the output of a {}: it can only be read", settings.model.name())));
    }
    let dialect = Tetech {
        name: instrument.name.clone(),
        model: settings.model,
        codes,
        scale: settings.scale,
        reads: instrument.reads.clone(),
        servoes: instrument.servoes(),
        switches: instrument.switches(),
        safe_is_on: instrument.safe_is_on(),
        alarms: 0,
        pressed: false,
        // Never above what is declared.
        declared: (settings.polarity, settings.current_trip_a.map(|amps| (amps / Codes::AMPS_A_COUNT).floor() as i32)),
        polarity: None,
    };
    Ok(Box::new(Unnumbered::new(dialect, Traits::of(instrument))))
}

impl Tetech {
    fn counts(&self, value: f64) -> i32 {
        (value * self.scale).round() as i32
    }

    fn readings(&self, round: Option<Round>) -> Vec<Task> {
        let due = self.reads.iter().filter(|r| round.is_none_or(|now| r.due(now)));
        let code = |read: &Read| if read.name == OBJECT_TEMPERATURE { Some(self.codes.temperature) } else { self.codes.second };
        let declared = due.filter_map(|read| Some(Task::Measure(code(read)?, read.channel)));
        declared.chain(self.servoes.then_some(Task::Measure(self.codes.set_read, Channel::TecTarget))).collect()
    }

    /// What must be as it was written before the output is switched on: written by the first code, read by the second.
    fn settings(&self) -> impl Iterator<Item = (u8, u8, i32)> {
        let eeprom = self.codes.eeprom_write.zip(self.codes.eeprom_read).map(|(write, read)| (write, read, 0));
        let shutdown = self.codes.shutdown_write.zip(self.codes.shutdown_read).map(|(write, read)| (write, read, 1));
        let trip = self.codes.trip_write.zip(self.codes.trip_read).zip(self.declared.1).map(|((write, read), count)| (write, read, count));
        let stays = self.codes.trip_stays.iter().copied().filter(move |_| trip.is_some());
        let held = self.codes.held.iter().copied();
        eeprom.into_iter().chain(shutdown).chain(held).chain(trip).chain(stays).filter(|_| self.switches)
    }

    /// Written, and looked at. Whether settings go to the EEPROM always goes there itself: it is written only where it must be.
    fn configure(&self) -> impl Iterator<Item = Task> {
        self.settings().flat_map(|(write, read, value)| {
            let first = (Some(write) == self.codes.eeprom_write).then_some(Task::Already(read, value));
            first.into_iter().chain([Task::Write(write, value), Task::Verify(read, value)])
        })
    }

    /// It tells its model, and that is the declared one.
    fn model(&self, value: i32, wanted: i32, told: &mut Vec<Event>, polling: bool) -> Verdict {
        if value == wanted {
            if !polling && self.codes.revision.is_none() {
                told.push(Event::Identified { device: format!("{} (it tells no serial number)", self.model.name()) });
            }
            return Verdict::Fine;
        }
        let what = Codes::model_of(value).map_or_else(|| "no model that is known".to_owned(), |model| format!("a {}", model.name()));
        let why = format!("code 00 reads {value}, {what}, and {wanted} of the declared {}", self.model.name());
        // In mid-run it is more likely the answer to another question.
        if polling { Verdict::Mismatch(why) } else { Verdict::Foreign(why) }
    }

    /// Its alarms: what is a fault is told, and a key that somebody pressed.
    fn alarms(&mut self, value: i32, told: &mut Vec<Event>) {
        let alarm = Alarm::of(self.model, value);
        let faults = alarm.faults();
        if faults != 0 && faults != self.alarms {
            told.push(Event::DeviceError { number: faults, words: format!("alarm: {}", alarm.words()) });
        }
        if alarm.pressed() && !self.pressed {
            let words = "somebody set something by its keys; what this program set is read back, one setting a poll".to_owned();
            told.push(Event::Notice { words });
        }
        (self.alarms, self.pressed) = (faults, alarm.pressed());
    }

    /// Which way it heats, of an output that is switched.
    fn which_way(&self) -> Option<Task> {
        self.codes.polarity_read.filter(|_| self.switches).map(Task::Polarity)
    }

    /// It reads so; `polling` it may not have changed since it was opened.
    fn heats(&mut self, value: i32, polling: bool) -> Verdict {
        let from = |value: i32| if value == 0 { "WP1+" } else { "WP2+" };
        if !(0..=1).contains(&value) {
            return Verdict::Refused(format!("cannot tell which way it heats: code 45 reads {value}"));
        }
        if polling && self.polarity.is_some_and(|known| known != value) {
            return Verdict::Mismatch(format!("it heats from {} now", from(value)));
        }
        if let Some(declared) = self.declared.0.filter(|declared| *declared != value) {
            return Verdict::Refused(format!(
                "it heats from {} (code 45), the rig file declares {}; set what is wired with the vendor's software",
                from(value),
                from(declared)
            ));
        }
        self.polarity = Some(value);
        Verdict::Fine
    }

    fn switch(&self, on: bool) -> Vec<Task> {
        let codes = self.codes.output_write.zip(self.codes.output_read).filter(|_| self.switches);
        codes.map(|(write, read)| vec![Task::Write(write, i32::from(on)), Task::Output(read)]).unwrap_or_default()
    }

    fn query(&self, task: Task) -> Result<Query, String> {
        match task {
            Task::Probe => Ok(Query::read(self.model, self.codes.temperature)),
            Task::Verify(code, _)
            | Task::Output(code)
            | Task::Measure(code, _)
            | Task::Alarms(code)
            | Task::Polarity(code)
            | Task::Model(code, _)
            | Task::Revision(code)
            | Task::Already(code, _) => Ok(Query::read(self.model, code)),
            Task::Write(code, value) => Query::write(self.model, code, value).map_err(|why| why.to_string()),
        }
    }
}

impl Dialect for Tetech {
    type Task = Task;

    fn script(&self, job: Job) -> Vec<Task> {
        let mut tasks = Vec::new();
        match job {
            Job::Open => {
                tasks.push(self.codes.model.map_or(Task::Probe, |(code, number)| Task::Model(code, number)));
                tasks.extend(self.codes.revision.map(Task::Revision));
                if self.safe_is_on {
                    tasks.extend(self.codes.output_read.map(Task::Output));
                } else {
                    tasks.extend(self.switch(false));
                }
                tasks.extend(self.which_way());
                tasks.extend(self.configure());
                tasks.extend(self.readings(None));
            }
            Job::Poll(round) => {
                tasks.extend(self.held());
                tasks.extend(self.readings(Some(round)));
                tasks.push(Task::Alarms(self.codes.alarms));
                tasks.extend(self.which_way());
                tasks.extend(self.codes.output_read.filter(|_| self.switches).map(Task::Output));
                tasks.extend(self.codes.model.map(|(code, number)| Task::Model(code, number)));
            }
            Job::Target(Celsius(target)) => {
                let counts = self.counts(target);
                tasks.extend([Task::Write(self.codes.set_write, counts), Task::Verify(self.codes.set_read, counts)]);
            }
            Job::Switch { on, .. } => tasks.extend(self.switch(on)),
            Job::Acknowledge => tasks.extend(self.codes.clear_write.map(|code| Task::Write(code, 1))),
            Job::Level(_) | Job::Curve(_) => {}
        }
        tasks
    }

    fn held(&self) -> Vec<Task> {
        self.settings().map(|(_, read, value)| Task::Verify(read, value)).collect()
    }

    fn question(&self, task: &Task) -> Result<Question, String> {
        let query = self.query(*task)?;
        let on = matches!(task, Task::Write(code, 1) if Some(*code) == self.codes.output_write);
        Ok(Question { bytes: query.encode(), reply_len: query.reply_len(), attempts: if on { 1 } else { 2 } })
    }

    fn take(&mut self, task: &Task, heard: &[u8], tick: Option<Tick>, told: &mut Vec<Event>) -> Option<Verdict> {
        let value = match self.query(*task).ok()?.find(heard)? {
            Answer::Damaged => return Some(Verdict::NotNow(format!("{}: the device heard a damaged request", self.words(task)))),
            Answer::Value(value) => value,
        };
        Some(match *task {
            Task::Probe => {
                told.push(Event::Identified { device: format!("{} (as declared: it tells neither model nor number)", self.model.name()) });
                Verdict::Fine
            }
            Task::Model(_, wanted) => self.model(value, wanted, told, tick.is_some()),
            Task::Revision(_) => {
                let device = format!("{}, software revision {value} (it tells no serial number)", self.model.name());
                told.push(Event::Identified { device });
                Verdict::Fine
            }
            Task::Already(_, wanted) if value == wanted => Verdict::Already,
            Task::Verify(code, wanted) if value != wanted => {
                Verdict::Mismatch(format!("code {code:02x} reads back {value} after {wanted} was written"))
            }
            Task::Write(..) | Task::Verify(..) | Task::Already(..) => Verdict::Fine,
            Task::Polarity(_) => self.heats(value, tick.is_some()),
            Task::Measure(_, channel) => {
                // An open input reads at the end of the range.
                let usable = value.abs() < i32::from(i16::MAX);
                let reading = tick.filter(|_| usable).map(|tick| Event::Reading { tick, channel, value: f64::from(value) / self.scale });
                told.extend(reading);
                Verdict::Fine
            }
            Task::Alarms(_) => {
                self.alarms(value, told);
                Verdict::Fine
            }
            Task::Output(_) => {
                let on = value != 0;
                if let Some(tick) = tick.filter(|_| self.servoes) {
                    told.push(Event::Reading { tick, channel: Channel::TecOutput, value: f64::from(u8::from(on)) });
                }
                Verdict::Output(on)
            }
        })
    }

    fn writes(&self, task: &Task) -> bool {
        matches!(task, Task::Write(..))
    }

    fn words(&self, task: &Task) -> String {
        match task {
            Task::Probe => "reading its temperature".to_owned(),
            Task::Write(code, value) => format!("writing {value} by code {code:02x}"),
            Task::Model(..) => "reading the number of its model".to_owned(),
            Task::Revision(_) => "reading the revision of its software".to_owned(),
            Task::Verify(code, _) | Task::Measure(code, _) | Task::Already(code, _) => format!("reading code {code:02x}"),
            Task::Output(_) => "reading whether its output is on".to_owned(),
            Task::Alarms(_) => "reading its alarms".to_owned(),
            Task::Polarity(_) => "reading which way it heats".to_owned(),
        }
    }

    fn forget(&mut self) {
        (self.alarms, self.pressed, self.polarity) = (0, false, None);
    }

    fn describe(&self) -> String {
        format!("\"{}\", a {}", self.name, self.model.name())
    }
}
