//! Fault scenarios: what goes wrong on an emulated bench, when, and how often, as a TOML file and a seed.
//!
//! ```toml
//! schema = 1
//! name = "a loose plug"
//! seed = 7
//!
//! [fault.noise]
//! kind = "garble"        # each message, either way, with this chance while the fault lasts
//! chance = 0.02
//! from_s = 10.0          # WALL seconds since the emulator started, whatever its speed; 0 by default
//! for_s = 60.0           # wall seconds; to the end by default
//!
//! [fault.plug]
//! kind = "unplug"
//! instrument = "tec"     # every one by default
//! from_s = 30.0          # or after_bytes = 12345, both ways together
//! for_s = 4.0
//! ```
//!
//! Wall seconds, since lines, leases and time-outs are of the wall: at `--speed 60` a fault `from_s = 10` strikes at bench second 600. The schedule is printed and
//! logged in both when the emulator starts, and what did not happen before its end is logged.
//!
//! The same scenario and seed do the same to the same conversation, in memory as over a pseudo-terminal; only there, what a
//! conversation is also depends on the machine. Not here: how a line carries out its part ([`Line`]), what devices and plant
//! make of theirs.

mod line;
mod read;

pub use line::{Line, Parcel, Way};

use signal::{Problems, Section};

/// A scenario.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// Draws every chance.
    pub seed: u64,
    /// In the file's order.
    pub faults: Vec<Fault>,
}

/// One fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// NAME of its table.
    pub name: String,
    /// The instrument it befalls; `None` for every one, and for what befalls the plant.
    pub instrument: Option<String>,
    /// When it begins, wall s.
    pub from_s: f64,
    /// How long it lasts, s; infinite to the end.
    pub for_s: f64,
    /// What it is.
    pub kind: Kind,
}

/// Which of two thermistors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sensor {
    /// In the plate.
    Plate,
    /// In the heat sink.
    Sink,
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A message is lost, with this chance.
    Drop(f64),
    /// Up to three bytes of a message arrive as others, with this chance.
    Garble(f64),
    /// A message arrives late.
    Delay {
        /// How likely.
        chance: f64,
        /// By how much, s.
        by_s: f64,
    },
    /// A message ends somewhere in its middle, with this chance.
    HalfFrame(f64),
    /// A reply is replaced by an earlier one of that device, with this chance: someone else's answer.
    Foreign(f64),
    /// The cable is out.
    Unplug {
        /// It comes out at this byte, both ways together, instead of at a time.
        after_bytes: Option<usize>,
    },
    /// The device restarts, and says so on the line.
    Reboot {
        /// What it says.
        banner: String,
    },
    /// Another unit of the same model stands there while the fault lasts.
    WrongIdentity {
        /// Its serial number.
        serial_number: String,
        /// That of the right one.
        declared: String,
    },
    /// The device's watchdog fires, whatever it heard.
    Watchdog,
    /// A thermistor keeps reading what it read when the fault began.
    Stuck(Sensor),
    /// A thermistor is open.
    Open(Sensor),
    /// A thermistor is shorted.
    Short(Sensor),
    /// The fan of the heat sink stands still: it gives off a sixth of the heat (assumed).
    StalledFan,
    /// The coolant stands still: a tenth of the heat gets from the die to the plate (assumed).
    PumpTrip,
}

/// What ails the plant at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ailing {
    /// Of the plate's thermistor.
    pub plate: Option<SensorFault>,
    /// Of the heat sink's.
    pub sink: Option<SensorFault>,
    /// The fan stands still.
    pub fan: bool,
    /// The coolant stands still.
    pub pump: bool,
}

/// What ails a thermistor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SensorFault {
    /// It keeps reading what it read.
    Stuck,
    /// It reads no number.
    Open,
    /// It reads an infinite temperature.
    Short,
}

impl SensorFault {
    /// What is read of a temperature, with what was read before.
    pub(crate) const fn reads(self, before: Option<f64>, now: f64) -> f64 {
        match (self, before) {
            (Self::Stuck, Some(before)) => before,
            (Self::Stuck, None) => now,
            (Self::Open, _) => f64::NAN,
            // An NTC of no resistance is infinitely hot.
            (Self::Short, _) => f64::INFINITY,
        }
    }
}

impl Fault {
    /// It is on at this moment.
    pub fn on(&self, now_s: f64) -> bool {
        now_s >= self.from_s && now_s - self.from_s < self.for_s
    }

    fn befalls(&self, instrument: &str) -> bool {
        self.instrument.as_deref().is_none_or(|name| name == instrument)
    }
}

impl Scenario {
    /// When what begins, one line a fault, at so many bench seconds a wall second.
    pub fn schedule(&self, speed: f64) -> Vec<String> {
        let when = |fault: &Fault| match fault.kind {
            Kind::Unplug { after_bytes: Some(bytes) } => format!("after {bytes} bytes"),
            _ => format!("from {} s on the wall (bench second {:.0})", fault.from_s, fault.from_s * speed),
        };
        let how_long = |fault: &Fault| {
            if fault.for_s.is_finite() { format!("for {} s on the wall", fault.for_s) } else { "to the end".to_owned() }
        };
        let whom = |fault: &Fault| fault.instrument.as_ref().map_or_else(String::new, |name| format!(" on {name}"));
        self.faults.iter().map(|fault| format!("fault {}{}: {} {}", fault.name, whom(fault), when(fault), how_long(fault))).collect()
    }

    /// What had not begun at the end, of what begins at a time: one line a fault.
    pub fn missed(&self, end_s: f64) -> Vec<String> {
        let timed = self.faults.iter().filter(|fault| !matches!(fault.kind, Kind::Unplug { after_bytes: Some(_) }));
        let late = timed.filter(|fault| fault.from_s > end_s);
        late.map(|f| {
            format!(
                "fault {} did not happen: it begins {} s after the start on the wall, and the end came after {end_s:.1} s",
                f.name, f.from_s
            )
        })
        .collect()
    }

    /// Nothing goes wrong.
    pub fn calm() -> Self {
        Self::default()
    }

    /// Reads a scenario for a rig with these instruments: name, and serial number where one is declared.
    pub fn parse(file: &str, text: &str, instruments: &[(String, Option<String>)]) -> Result<Self, Problems> {
        let document = signal::Document::parse(file, text);
        let scenario = Self::read(&document.root(), instruments);
        document.finish(scenario)
    }

    fn read(root: &Section<'_>, instruments: &[(String, Option<String>)]) -> Self {
        read::scenario(root, instruments)
    }

    /// What ails the plant at this moment.
    pub fn ailing(&self, now_s: f64) -> Ailing {
        let mut ailing = Ailing::default();
        for fault in self.faults.iter().filter(|f| f.on(now_s)) {
            let (sensor, what) = match fault.kind {
                Kind::Stuck(sensor) => (sensor, SensorFault::Stuck),
                Kind::Open(sensor) => (sensor, SensorFault::Open),
                Kind::Short(sensor) => (sensor, SensorFault::Short),
                Kind::StalledFan => {
                    ailing.fan = true;
                    continue;
                }
                Kind::PumpTrip => {
                    ailing.pump = true;
                    continue;
                }
                _ => continue,
            };
            match sensor {
                Sensor::Plate => ailing.plate = Some(what),
                Sensor::Sink => ailing.sink = Some(what),
            }
        }
        ailing
    }
}

#[cfg(test)]
mod tests;
