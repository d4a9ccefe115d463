//! Modbus-RTU sensors and actuators, by their register maps.
//!
//! What a host's death does to the device is the device's: only where the rig file names a lease register is there a watchdog, and
//! then it is written and read back before anything is switched on. Values are read with the fewest questions that touch no
//! register the map does not know.

use super::unnumbered::{Dialect, Job, Question, Traits, Unnumbered, Verdict};
use crate::config::{Firmware, Instrument, ModbusFirmware, ModbusSettings, Read, Round};
use crate::driver::{Driver, Event};
use crate::error::Error;
use crate::protocol::modbus::{Answer, Exception, Kind, Query, Register, Request, identity};
use signal::{Celsius, Channel, Tick};

/// One question, or what is to be made of it.
#[derive(Clone, Debug, PartialEq)]
enum Task {
    /// Read neighbours, for what is due of them.
    Read(Request),
    /// Read the register that holds the serial number.
    Identity(Register, u32),
    /// Read the register that holds the firmware's version.
    Firmware(Register, Firmware),
    /// Ask the device for its revision, in words.
    Revision(Firmware),
    /// Set a register.
    Write(Register, f64),
    /// Read it back.
    Verify(Register, f64),
    /// Read whether the output is on.
    Output(Register),
}

struct Modbus {
    name: String,
    settings: ModbusSettings,
    reads: Vec<Read>,
    servoes: bool,
    /// The output is switched by some channel.
    switches: bool,
    safe_is_on: bool,
    level: Option<String>,
    /// What it said of itself since it was opened, in words.
    said: Vec<String>,
}

/// Longest answer of a device that says what it is: three short texts (a guess; it only makes the time-out longer).
const IDENTITY_LEN: usize = 128;

/// The driver of an instrument whose rig file says `driver = "modbus"`.
pub(crate) fn modbus(instrument: &Instrument) -> Result<Box<dyn Driver>, Error> {
    let refuse = |why: String| Error::Instrument { instrument: instrument.name.clone(), why };
    let crate::config::DriverKind::Modbus(settings) = &instrument.driver else { return Err(refuse("it is no Modbus device".to_owned())) };
    let lease = settings.lease.as_ref().map(|(name, _)| name);
    let identity = settings.identity.as_ref().map(|(name, _)| name);
    let firmware = settings.firmware.as_ref().and_then(|told| if let ModbusFirmware::Register(name, _) = told { Some(name) } else { None });
    for name in [&settings.output, &settings.target].into_iter().flatten().chain(lease).chain(identity).chain(firmware) {
        if settings.map.get(name).is_none() {
            return Err(refuse(format!("its map has no register \"{name}\"")));
        }
    }
    Query::new(settings.address, Request::WriteRegister { at: 0, value: 0 }).map_err(|why| refuse(why.to_string()))?;
    let dialect = Modbus {
        name: instrument.name.clone(),
        settings: settings.clone(),
        reads: instrument.reads.clone(),
        servoes: instrument.servoes(),
        switches: instrument.switches(),
        safe_is_on: instrument.safe_is_on(),
        level: instrument.drive.as_ref().and_then(|d| d.level.as_ref()).map(|l| l.name.clone()),
        said: Vec::new(),
    };
    Ok(Box::new(Unnumbered::new(dialect, Traits::of(instrument))))
}

impl Modbus {
    fn register(&self, name: Option<&String>) -> Option<Register> {
        self.settings.map.get(name?).cloned()
    }

    fn output(&self) -> Option<Register> {
        self.register(self.settings.output.as_ref()).filter(|_| self.switches)
    }

    fn lease(&self) -> Option<(Register, f64)> {
        let (name, lease_s) = self.settings.lease.as_ref()?;
        Some((self.register(Some(name))?, *lease_s))
    }

    /// Everything that is read at this tick, or ever.
    fn readings(&self, round: Option<Round>) -> Vec<Task> {
        let due: Vec<&str> = self.reads.iter().filter(|r| round.is_none_or(|now| r.due(now))).map(|r| r.name.as_str()).collect();
        let target = self.settings.target.as_deref().filter(|_| self.servoes);
        let names: Vec<&str> = due.into_iter().chain(target).collect();
        self.settings.map.questions(&names).into_iter().map(Task::Read).collect()
    }

    fn set(register: Register, value: f64) -> [Task; 2] {
        [Task::Write(register.clone(), value), Task::Verify(register, value)]
    }

    fn switch(&self, on: bool) -> Vec<Task> {
        self.output().map(|output| vec![Task::Write(output.clone(), f64::from(u8::from(on))), Task::Output(output)]).unwrap_or_default()
    }

    /// The question for the firmware's version, where one is declared.
    fn firmware(&self) -> Option<Task> {
        match self.settings.firmware.clone()? {
            ModbusFirmware::Register(name, wanted) => Some(Task::Firmware(self.register(Some(&name))?, wanted)),
            ModbusFirmware::Revision(wanted) => Some(Task::Revision(wanted)),
        }
    }

    /// It said this of itself. Told once, with the last of it.
    fn says(&mut self, part: String, last: bool, told: &mut Vec<Event>) -> Verdict {
        self.said.push(part);
        if last {
            let device = format!("Modbus device {} {}", self.settings.address, self.said.join(" "));
            told.push(Event::Identified { device });
        }
        Verdict::Fine
    }

    fn tell(&self, request: &Request, answer: &Answer, tick: Tick, told: &mut Vec<Event>) {
        let Request::Read { table, at, .. } = request else { return };
        let value = |name: &str| self.settings.map.get(name).filter(|r| r.table == *table).and_then(|r| r.value(answer, *at));
        // What was read beside what was due is no worse.
        for read in &self.reads {
            told.extend(value(&read.name).map(|value| Event::Reading { tick, channel: read.channel, value }));
        }
        if let Some(value) = self.settings.target.as_deref().filter(|_| self.servoes).and_then(value) {
            told.push(Event::Reading { tick, channel: Channel::TecTarget, value });
        }
    }
}

/// The request of a task.
fn request(task: &Task) -> Result<Request, String> {
    match task {
        Task::Read(request) => Ok(request.clone()),
        Task::Identity(register, _) | Task::Firmware(register, _) | Task::Verify(register, _) | Task::Output(register) => {
            Ok(register.read())
        }
        Task::Revision(_) => Err("no registers are read for it".to_owned()),
        Task::Write(register, value) => register.write(*value).map_err(|why| why.to_string()),
    }
}

/// A register holds a value in steps of its scale, or as a number of single precision, which half a step of anything would hide.
fn same(register: &Register, found: f64, wanted: f64) -> bool {
    let step = if register.kind == Kind::F32 { 0.0 } else { register.scale.abs() };
    (found - wanted).abs() <= 0.5001 * step.max(1e-6 * wanted.abs().max(register.offset.abs()).max(1e-3))
}

impl Dialect for Modbus {
    type Task = Task;

    fn script(&self, job: Job) -> Vec<Task> {
        let mut tasks = Vec::new();
        match job {
            Job::Open => {
                let identity = self.settings.identity.as_ref();
                tasks.extend(identity.and_then(|(name, number)| Some(Task::Identity(self.register(Some(name))?, *number))));
                tasks.extend(self.firmware());
                if self.safe_is_on {
                    tasks.extend(self.output().map(Task::Output));
                } else {
                    tasks.extend(self.switch(false));
                }
                tasks.extend(self.lease().into_iter().flat_map(|(register, lease_s)| Self::set(register, lease_s)));
                tasks.extend(self.readings(None));
            }
            Job::Poll(round) => {
                tasks.extend(self.held());
                tasks.extend(self.readings(Some(round)));
                tasks.extend(self.output().map(Task::Output));
            }
            Job::Target(Celsius(target)) => {
                tasks.extend(self.register(self.settings.target.as_ref()).into_iter().flat_map(|r| Self::set(r, target)));
            }
            Job::Level(level) => tasks.extend(self.register(self.level.as_ref()).into_iter().flat_map(|r| Self::set(r, level))),
            Job::Switch { on, .. } => tasks.extend(self.switch(on)),
            Job::Acknowledge | Job::Curve(_) => {}
        }
        tasks
    }

    fn held(&self) -> Vec<Task> {
        self.lease().map(|(register, lease_s)| Task::Verify(register, lease_s)).into_iter().collect()
    }

    fn question(&self, task: &Task) -> Result<Question, String> {
        if let Task::Revision(_) = task {
            return Ok(Question { bytes: identity::ask(self.settings.address), reply_len: IDENTITY_LEN, attempts: 2 });
        }
        let query = Query::new(self.settings.address, request(task)?).map_err(|why| why.to_string())?;
        // An "on" that is not answered is not repeated.
        let on = matches!(task, Task::Write(register, value) if *value != 0.0 && Some(&register.name) == self.settings.output.as_ref());
        Ok(Question { bytes: query.encode(), reply_len: query.reply_len().max(5), attempts: if on { 1 } else { 2 } })
    }

    fn take(&mut self, task: &Task, heard: &[u8], tick: Option<Tick>, told: &mut Vec<Event>) -> Option<Verdict> {
        if let Task::Revision(wanted) = task {
            let said = match identity::find(self.settings.address, heard)? {
                identity::Identity { refused: Some(code), .. } => Err(format!("not told (exception {code} to function 43)")),
                identity::Identity { revision, .. } => revision.ok_or_else(|| "not told".to_owned()),
            };
            return Some(match said {
                Ok(said) if wanted.is_met_by(&said) => self.says(format!("firmware {said}"), true, told),
                Ok(said) | Err(said) => Verdict::Foreign(format!("its firmware is {said}, the rig file declares {wanted}")),
            });
        }
        let query = Query::new(self.settings.address, request(task).ok()?).ok()?;
        let answer = query.find(heard)?;
        if let Answer::Refused(exception) = answer {
            let why = format!("{}: {exception}", self.words(task));
            let not_now = matches!(exception, Exception::Acknowledge | Exception::Busy | Exception::GatewayTarget | Exception::GatewayPath);
            return Some(if not_now { Verdict::NotNow(why) } else { Verdict::Refused(why) });
        }
        Some(match task {
            // A revision was answered above.
            Task::Write(..) | Task::Revision(_) => Verdict::Fine,
            Task::Read(request) => {
                if let Some(tick) = tick {
                    self.tell(request, &answer, tick, told);
                }
                Verdict::Fine
            }
            Task::Output(register) => {
                let on = register.value(&answer, register.at)? != 0.0;
                if let Some(tick) = tick.filter(|_| self.servoes) {
                    told.push(Event::Reading { tick, channel: Channel::TecOutput, value: f64::from(u8::from(on)) });
                }
                Verdict::Output(on)
            }
            Task::Verify(register, wanted) => match register.value(&answer, register.at) {
                Some(found) if same(register, found, *wanted) => Verdict::Fine,
                found => Verdict::Mismatch(format!("\"{}\" reads back {found:?} after {wanted} was written", register.name)),
            },
            Task::Identity(register, declared) => match register.value(&answer, register.at) {
                Some(found) if same(register, found, f64::from(*declared)) => {
                    self.says(format!("serial {declared}"), self.settings.firmware.is_none(), told)
                }
                found => Verdict::Foreign(format!("its serial number is {found:?}, the rig file declares {declared}")),
            },
            Task::Firmware(register, wanted) => match register.value(&answer, register.at) {
                Some(found) if wanted.is_met_by_number(found) => self.says(format!("firmware {found}"), true, told),
                found => {
                    let found = found.map_or_else(|| "no number".to_owned(), |found| found.to_string());
                    Verdict::Foreign(format!("its firmware is {found}, the rig file declares {wanted}"))
                }
            },
        })
    }

    fn writes(&self, task: &Task) -> bool {
        matches!(task, Task::Write(..))
    }

    fn words(&self, task: &Task) -> String {
        match task {
            Task::Read(request) => format!("reading its values ({request:?})"),
            Task::Identity(register, _) | Task::Firmware(register, _) | Task::Verify(register, _) | Task::Output(register) => {
                format!("reading \"{}\"", register.name)
            }
            Task::Revision(_) => "asking for its revision (function 43)".to_owned(),
            Task::Write(register, value) => format!("setting \"{}\" to {value}", register.name),
        }
    }

    fn forget(&mut self) {
        self.said.clear();
    }

    fn describe(&self) -> String {
        format!("\"{}\" at Modbus address {}", self.name, self.settings.address)
    }
}
