//! NESLAB circulators.
//!
//! **They have no watchdog**: a host that dies leaves them circulating at their last set point. What protects then is the bath's own
//! limits around the rig's setpoint limits, written and read back, with shutting down on faults switched on and restarting after a
//! power failure off. Running unattended needs a waiver.
//!
//! **Temperatures come and are taken in the unit of the display**, which each of them names: anything but °C is refused before anything is
//! written, and in mid-run it is as good as a device that lost its settings.

use super::unnumbered::{Dialect, Job, Question, Traits, Unnumbered, Verdict};
use crate::config::{DriverKind, EXTERNAL_SENSOR, Firmware, Instrument, Read, Round};
use crate::driver::{Driver, Event};
use crate::error::Error;
use crate::protocol::neslab::{Answer, Measured, Quantity, Query, RS232_ADDRESS, Refusal, Request, Status, Switches};
use signal::{Celsius, Channel, Limits, Tick};

/// How far beyond the setpoint limits the bath's own lie, K: a legal setpoint must not shut it down.
const LIMIT_MARGIN_K: f64 = 5.0;
/// The longest reply: that of the switches.
const REPLY_LEN: usize = 14;
/// What is written comes in hundredths, and is read back so.
const STEP: f64 = 0.01;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Task {
    Version,
    /// Reads a temperature for its unit.
    Unit,
    /// Sets every switch but that of the unit.
    Configure,
    /// Reads them back.
    Configured,
    Switch(bool),
    Status,
    Measure(Quantity, Channel),
    Write(Quantity, f64),
    Verify(Quantity, f64),
}

struct Neslab {
    name: String,
    address: u16,
    firmware: Option<Firmware>,
    reads: Vec<Read>,
    limits: Option<Limits>,
    switches: bool,
    safe_is_on: bool,
    external: bool,
    /// Faults as last told.
    told: Vec<&'static str>,
}

/// The driver of an instrument whose rig file says `driver = "neslab"`.
pub(crate) fn neslab(instrument: &Instrument) -> Result<Box<dyn Driver>, Error> {
    let refuse = |why: &str| Error::Instrument { instrument: instrument.name.clone(), why: why.to_owned() };
    let DriverKind::Neslab(settings) = &instrument.driver else { return Err(refuse("it is no NESLAB bath")) };
    let held = instrument.reads.iter().find(|r| instrument.setpoint.is_some_and(|s| s.channel == r.channel));
    let dialect = Neslab {
        name: instrument.name.clone(),
        address: settings.address.unwrap_or(RS232_ADDRESS),
        firmware: settings.firmware.clone(),
        reads: instrument.reads.clone(),
        limits: instrument.setpoint.map(|s| s.limits),
        switches: instrument.switches(),
        safe_is_on: instrument.safe_is_on(),
        external: held.is_some_and(|read| read.name == EXTERNAL_SENSOR),
        told: Vec::new(),
    };
    Ok(Box::new(Unnumbered::new(dialect, Traits::of(instrument))))
}

impl Neslab {
    fn configuration(&self) -> Switches {
        Switches { external: Some(self.external), faults: Some(true), auto_restart: Some(false), fine: Some(true), ..Switches::default() }
    }

    fn readings(&self, round: Option<Round>) -> impl Iterator<Item = Task> {
        let due = self.reads.iter().filter(move |r| round.is_none_or(|now| r.due(now)));
        let declared = due.map(|r| {
            let quantity = if r.name == EXTERNAL_SENSOR { Quantity::External } else { Quantity::Internal };
            Task::Measure(quantity, r.channel)
        });
        declared.chain(self.limits.map(|_| Task::Measure(Quantity::Setpoint, Channel::TecTarget)))
    }

    fn configure(&self) -> Vec<Task> {
        let written = self.held().into_iter().flat_map(|task| match task {
            Task::Verify(quantity, value) => [Task::Write(quantity, value), task],
            _ => [Task::Configure, Task::Configured],
        });
        written.collect()
    }

    fn request(&self, task: Task) -> Result<Request, String> {
        Ok(match task {
            Task::Version => Request::Acknowledge,
            Task::Configure => Request::Switch(self.configuration()),
            Task::Configured => Request::Switch(Switches::default()),
            Task::Switch(on) => Request::Switch(Switches { unit: Some(on), ..Switches::default() }),
            Task::Status => Request::Status,
            Task::Unit => Request::Read(Quantity::Internal),
            Task::Measure(quantity, _) | Task::Verify(quantity, _) => Request::Read(quantity),
            Task::Write(quantity, value) => {
                let counts = (value / STEP).round();
                if !(f64::from(i16::MIN)..=f64::from(i16::MAX)).contains(&counts) {
                    return Err(format!("{value} does not fit the bath's protocol: it takes -327.68 to 327.67"));
                }
                Request::Set(quantity, counts as i16)
            }
        })
    }

    fn status(&mut self, status: Status, tick: Option<Tick>, told: &mut Vec<Event>) -> Verdict {
        let faults = status.faults();
        if !faults.is_empty() && faults != self.told {
            told.push(Event::DeviceError { number: 1, words: format!("the bath reports {}", faults.join(", ")) });
        }
        self.told = faults;
        if let Some(tick) = tick.filter(|_| self.limits.is_some()) {
            told.push(Event::Reading { tick, channel: Channel::TecOutput, value: f64::from(u8::from(status.on())) });
        }
        if self.switches { Verdict::Output(status.on()) } else { Verdict::Fine }
    }

    fn configured(&self, found: Switches) -> Verdict {
        let wanted = self.configuration();
        if found.serial == Some(false) {
            return Verdict::Refused("the bath is set to local control; set it to serial communication on its panel".to_owned());
        }
        let same = found.external == wanted.external
            && found.faults == wanted.faults
            && found.auto_restart == wanted.auto_restart
            && found.fine == wanted.fine;
        if same { Verdict::Fine } else { Verdict::Mismatch(format!("its switches read back {found:?} after {wanted:?}")) }
    }
}

/// What is wrong with the unit of a temperature, if anything.
fn other_unit(quantity: Quantity, value: Measured) -> Option<String> {
    let wrong = quantity.is_temperature() && value.unit != Measured::CELSIUS;
    wrong.then(|| format!("its {} comes in {}, and °C is spoken here: set the bath's display to °C", quantity.words(), value.unit_words()))
}

/// A value is usable if it is one: an open sensor reads at the end of its range.
fn usable(value: Measured) -> Option<f64> {
    (value.counts != i16::MAX && value.counts != i16::MIN).then(|| value.value())
}

impl Dialect for Neslab {
    type Task = Task;

    fn script(&self, job: Job) -> Vec<Task> {
        let switch = |on| if self.switches { vec![Task::Switch(on), Task::Status] } else { Vec::new() };
        let mut tasks = Vec::new();
        match job {
            Job::Open => {
                tasks.push(Task::Version);
                tasks.extend(if self.safe_is_on { vec![Task::Status] } else { switch(false) });
                // Before anything is written that it would take for its own unit.
                tasks.push(Task::Unit);
                tasks.extend(self.configure());
                tasks.extend(self.readings(None));
            }
            Job::Poll(round) => {
                tasks.push(Task::Configured);
                tasks.extend(self.readings(Some(round)));
                tasks.push(Task::Status);
            }
            Job::Target(Celsius(target)) => {
                tasks.extend([Task::Write(Quantity::Setpoint, target), Task::Verify(Quantity::Setpoint, target)]);
            }
            Job::Switch { on, .. } => tasks.extend(switch(on)),
            // Switching off is what clears its faults.
            Job::Acknowledge => tasks.extend(switch(false).into_iter().take(1)),
            Job::Level(_) | Job::Curve(_) => {}
        }
        tasks
    }

    fn held(&self) -> Vec<Task> {
        let own = self.limits.map(|l| (l.min() - LIMIT_MARGIN_K, l.max() + LIMIT_MARGIN_K));
        let limits =
            own.into_iter().flat_map(|(low, high)| [Task::Verify(Quantity::LowLimit, low), Task::Verify(Quantity::HighLimit, high)]);
        std::iter::once(Task::Configured).chain(limits).collect()
    }

    fn question(&self, task: &Task) -> Result<Question, String> {
        let query = Query::new(self.address, self.request(*task)?).map_err(|why| why.to_string())?;
        let attempts = if *task == Task::Switch(true) { 1 } else { 2 };
        Ok(Question { bytes: query.encode(), reply_len: REPLY_LEN, attempts })
    }

    fn take(&mut self, task: &Task, heard: &[u8], tick: Option<Tick>, told: &mut Vec<Event>) -> Option<Verdict> {
        let query = Query::new(self.address, self.request(*task).ok()?).ok()?;
        let answer = query.find(heard)?;
        let quantity = match *task {
            Task::Unit => Some(Quantity::Internal),
            Task::Measure(quantity, _) | Task::Verify(quantity, _) | Task::Write(quantity, _) => Some(quantity),
            _ => None,
        };
        if let (Some(quantity), Answer::Value(value)) = (quantity, answer)
            && let Some(why) = other_unit(quantity, value)
        {
            // Somebody changed it in mid-run: what was set means something else now.
            return Some(if tick.is_some() { Verdict::Mismatch(why) } else { Verdict::Refused(why) });
        }
        Some(match (*task, answer) {
            (_, Answer::Refused(refusal)) => {
                let why = format!("{}: {refusal}", self.words(task));
                if refusal == Refusal::Checksum { Verdict::NotNow(why) } else { Verdict::Refused(why) }
            }
            (Task::Version, Answer::Version(a, b)) => {
                let said = format!("{a}.{b}");
                if let Some(wanted) = self.firmware.as_ref().filter(|wanted| !wanted.is_met_by(&said)) {
                    return Some(Verdict::Foreign(format!(
                        "its firmware speaks version {said} of the NC protocol, the rig file declares {wanted}"
                    )));
                }
                told.push(Event::Identified { device: format!("NESLAB bath, NC protocol version {a}.{b} (it tells no serial number)") });
                Verdict::Fine
            }
            (Task::Configured, Answer::Switches(found)) => self.configured(found),
            (Task::Status, Answer::Status(status)) => self.status(status, tick, told),
            (Task::Measure(_, channel), Answer::Value(value)) => {
                let reading = tick.zip(usable(value)).map(|(tick, value)| Event::Reading { tick, channel, value });
                told.extend(reading);
                Verdict::Fine
            }
            (Task::Verify(quantity, wanted), Answer::Value(found)) => {
                if (found.value() - wanted).abs() <= STEP {
                    Verdict::Fine
                } else {
                    Verdict::Mismatch(format!("its {} reads back {} after {wanted} was written", quantity.words(), found.value()))
                }
            }
            _ => Verdict::Fine,
        })
    }

    fn writes(&self, task: &Task) -> bool {
        matches!(task, Task::Configure | Task::Switch(_) | Task::Write(..))
    }

    fn words(&self, task: &Task) -> String {
        match task {
            Task::Version => "the version of its protocol".to_owned(),
            Task::Unit => "reading a temperature for its unit".to_owned(),
            Task::Configure => "setting its switches".to_owned(),
            Task::Configured => "reading its switches".to_owned(),
            Task::Switch(on) => format!("switching it {}", if *on { "on" } else { "off" }),
            Task::Status => "reading its status".to_owned(),
            Task::Measure(quantity, _) | Task::Verify(quantity, _) => format!("reading its {}", quantity.words()),
            Task::Write(quantity, value) => format!("setting its {} to {value}", quantity.words()),
        }
    }

    fn forget(&mut self) {
        self.told.clear();
    }

    fn describe(&self) -> String {
        format!("\"{}\", a NESLAB bath at address {}", self.name, self.address)
    }
}
