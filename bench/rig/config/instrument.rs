//! `[instrument.NAME]`: one device, where it is, what it speaks, and what it reads, holds and drives for which channel.
//!
//! What all instruments have is in [`Instrument`]; what only one driver needs is in its variant of [`DriverKind`].

use super::{Role, SafeAction};
use crate::dialect::Dialect;
use signal::{Channel, Limits};
use std::path::PathBuf;
use std::sync::Arc;

/// `[instrument.NAME]`: one device behind one port.
#[derive(Clone, Debug, PartialEq)]
pub struct Instrument {
    /// NAME.
    pub name: String,
    /// What it speaks, and what only that driver needs to know.
    pub driver: DriverKind,
    /// Where it is.
    pub connection: Connection,
    /// How its line is set.
    pub serial: Serial,
    /// A question unanswered this long (and the wire's time) is asked again or given up, wall seconds.
    pub reply_timeout_s: f64,
    /// What it reads for which channel, from the `[channel.*]` tables.
    pub reads: Vec<Read>,
    /// What it may be told to hold, if a channel of its has setpoint limits.
    pub setpoint: Option<Setpoint>,
    /// What its output is made to give, if a channel drives it with something other than a temperature.
    pub drive: Option<Drive>,
}

impl Instrument {
    /// The device drops its output if the host is silent for this long, wall seconds. `None` for a device that never would.
    pub fn lease_s(&self) -> Option<f64> {
        match &self.driver {
            DriverKind::Mecom(mecom) => Some(mecom.lease_s),
            DriverKind::Line(line) => line.lease_s,
        }
    }

    /// Largest current through its output either way, A, where one is declared.
    pub fn current_limit_a(&self) -> Option<f64> {
        match &self.driver {
            DriverKind::Mecom(mecom) => Some(mecom.current_limit_a),
            DriverKind::Line(line) => line.current_limit_a,
        }
    }

    /// Serial number it must report, where that is declared and a number.
    pub fn serial_number(&self) -> Option<u32> {
        match &self.driver {
            DriverKind::Mecom(mecom) => mecom.serial_number,
            DriverKind::Line(line) => line.serial_number.as_ref().and_then(|number| number.parse().ok()),
        }
    }

    /// Holds it to a serial number that is known from elsewhere, unless one is declared.
    pub fn expect_serial_number(&mut self, number: u32) {
        match &mut self.driver {
            DriverKind::Mecom(mecom) => _ = mecom.serial_number.get_or_insert(number),
            DriverKind::Line(line) => _ = line.serial_number.get_or_insert_with(|| number.to_string()),
        }
    }

    /// What a `MeCom` controller needs, if it is one.
    pub fn mecom(&self) -> Option<&MecomSettings> {
        match &self.driver {
            DriverKind::Mecom(mecom) => Some(mecom),
            DriverKind::Line(_) => None,
        }
    }

    /// See [`Self::mecom`].
    pub fn mecom_mut(&mut self) -> Option<&mut MecomSettings> {
        match &mut self.driver {
            DriverKind::Mecom(mecom) => Some(mecom),
            DriverKind::Line(_) => None,
        }
    }

    /// It holds the servoed temperature.
    pub fn servoes(&self) -> bool {
        self.setpoint.is_some()
    }

    /// It has an output that this rig switches.
    pub fn switches(&self) -> bool {
        self.setpoint.is_some() || self.drive.is_some()
    }

    /// Its output must run when everything else has stopped: a fan or a pump.
    pub fn safe_is_on(&self) -> bool {
        self.drive.as_ref().is_some_and(|drive| drive.safe == SafeAction::On)
    }
}

/// What an instrument speaks.
#[derive(Clone, Debug, PartialEq)]
pub enum DriverKind {
    /// Meerstetter TEC controller, `MeCom` protocol.
    Mecom(MecomSettings),
    /// A device that speaks in lines of text, by its dialect.
    Line(LineSettings),
}

impl DriverKind {
    /// The word in a rig file.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Mecom(_) => "mecom",
            Self::Line(_) => "line",
        }
    }

    /// Names of what it can read, as `reads = "NAME"` in a channel may ask for them.
    pub fn readings(&self) -> Vec<String> {
        match self {
            Self::Mecom(_) => [OBJECT_TEMPERATURE, SINK_TEMPERATURE].map(str::to_owned).to_vec(),
            Self::Line(line) => line.dialect.reads.iter().map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Names of the readings that its own regulator can hold at a target.
    pub fn controls(&self) -> Vec<String> {
        match self {
            Self::Mecom(_) => vec![OBJECT_TEMPERATURE.to_owned()],
            Self::Line(line) => line.dialect.target.iter().flat_map(|target| target.controls.clone()).collect(),
        }
    }

    /// Names of what it can be made to give, as `drives = "NAME"` in a channel may ask for them, each with its unit as it ends
    /// the keys of a rig file.
    pub fn levels(&self) -> Vec<(String, String)> {
        match self {
            Self::Mecom(_) => Vec::new(),
            Self::Line(line) => line.dialect.levels.iter().map(|(name, rule)| (name.clone(), rule.unit.clone())).collect(),
        }
    }

    /// It has an output that a channel other than the servoed one may switch.
    pub fn has_output(&self) -> bool {
        match self {
            Self::Mecom(_) => false,
            Self::Line(line) => line.dialect.output.is_some(),
        }
    }
}

/// The temperature that a TEC controller controls.
pub const OBJECT_TEMPERATURE: &str = "object_temperature";
/// The temperature of its heat sink.
pub const SINK_TEMPERATURE: &str = "sink_temperature";

/// What only a `MeCom` controller needs.
#[derive(Clone, Debug, PartialEq)]
pub struct MecomSettings {
    /// Device address on its line, 1 to 254.
    pub address: u8,
    /// The device drops its output if the host is silent for this long, wall seconds; at least 2.
    pub lease_s: f64,
    /// Largest current through the output either way, A. Written to the device and read back.
    pub current_limit_a: f64,
    /// Largest voltage across the output either way, V. Written to the device and read back.
    pub voltage_limit_v: f64,
    /// Model number it must report, if declared.
    pub device_type: Option<u32>,
    /// Serial number it must report, if declared.
    pub serial_number: Option<u32>,
}

/// What only a device that speaks in lines needs.
#[derive(Clone, Debug, PartialEq)]
pub struct LineSettings {
    /// What it speaks.
    pub dialect: Arc<Dialect>,
    /// Its address on its line, where it has one.
    pub address: u8,
    /// Number of its output, where it has several.
    pub output: u8,
    /// The device drops its output if the host is silent for this long, wall seconds, where it can be told to.
    pub lease_s: Option<f64>,
    /// Largest current, A. Written and read back where the dialect has a setting for it.
    pub current_limit_a: Option<f64>,
    /// Largest voltage, V. Likewise.
    pub voltage_limit_v: Option<f64>,
    /// Largest power, W. Likewise.
    pub power_limit_w: Option<f64>,
    /// Model it must report, if declared.
    pub model: Option<String>,
    /// Serial number it must report, if declared.
    pub serial_number: Option<String>,
}

/// Where an instrument is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The twin stands in for it, on a port that it makes.
    Emulated,
    /// Behind this serial port.
    Port(PathBuf),
    /// Behind the serial port that this USB adapter makes, whatever the system calls it today.
    Usb(UsbId),
    /// Behind this address of a network, `host:port`.
    Tcp(String),
}

/// A USB adapter that can be told from any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbId {
    /// Vendor number.
    pub vid: u16,
    /// Product number.
    pub pid: u16,
    /// Serial number; without one, two of a kind on one bench are refused.
    pub serial: Option<String>,
}

/// How a serial line is set. Of no meaning on a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serial {
    /// Line speed, baud.
    pub baud: u32,
    /// Data bits, 7 or 8.
    pub data_bits: u8,
    /// Parity.
    pub parity: Parity,
    /// Stop bits, 1 or 2.
    pub stop_bits: u8,
}

impl Serial {
    /// Eight data bits, no parity, one stop bit.
    pub const fn n81(baud: u32) -> Self {
        Self { baud, data_bits: 8, parity: Parity::None, stop_bits: 1 }
    }

    /// Bits on the line for a byte, start and stop included.
    pub fn bits_a_byte(self) -> f64 {
        f64::from(1 + self.data_bits + self.stop_bits) + if self.parity == Parity::None { 0.0 } else { 1.0 }
    }

    /// Time that so many bytes take on the line, s.
    pub fn wire_s(self, bytes: usize) -> f64 {
        bytes as f64 * self.bits_a_byte() / f64::from(self.baud.max(1))
    }
}

/// Parity of a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// None.
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

impl Parity {
    /// The word in a rig file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Even => "even",
            Self::Odd => "odd",
        }
    }
}

/// One thing that an instrument reads for a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The driver's name for it.
    pub name: String,
    /// What it is on the bench.
    pub channel: Channel,
    /// What the bench's channel is of what the instrument says.
    pub correction: Correction,
    /// It is read every so many ticks, from 1.
    pub every: u32,
}

impl Read {
    /// Read at every tick, taken as the instrument says it.
    pub fn plain(name: &str, channel: Channel) -> Self {
        Self { name: name.to_owned(), channel, correction: Correction::NONE, every: 1 }
    }

    /// True if it is due at `tick`.
    pub fn due(&self, tick: signal::Tick) -> bool {
        tick.is_multiple_of(u64::from(self.every.max(1)))
    }
}

/// A declared calibration of a channel: value = gain x what the instrument says + offset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correction {
    /// Gain, never 0.
    pub gain: f64,
    /// Offset in the channel's unit.
    pub offset: f64,
}

impl Correction {
    /// The instrument is taken at its word.
    pub const NONE: Self = Self { gain: 1.0, offset: 0.0 };

    /// The channel's value of what the instrument says.
    pub fn apply(self, said: f64) -> f64 {
        self.gain * said + self.offset
    }

    /// What the instrument must say for this value of the channel.
    pub fn invert(self, value: f64) -> f64 {
        (value - self.offset) / self.gain
    }
}

/// Limits of a setpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setpoint {
    /// Range, °C.
    pub limits: Limits,
    /// Fastest change, K/min of bench time.
    pub rate_k_min: f64,
}

/// An output that is switched for a channel other than the servoed one.
#[derive(Clone, Debug, PartialEq)]
pub struct Drive {
    /// The channel that drives it.
    pub role: Role,
    /// What is set on it, if it is more than on and off.
    pub level: Option<Level>,
    /// What happens to it when the bench goes safe.
    pub safe: SafeAction,
}

/// What an output is made to give.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// The driver's name for it: a voltage, a current, a speed.
    pub name: String,
    /// Its unit, as it ends the keys of the rig file.
    pub unit: String,
    /// Range.
    pub limits: Limits,
    /// What it is given when it is switched on and nothing else was asked for.
    pub start: f64,
}
