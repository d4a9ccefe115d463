//! `[instrument.NAME]`: one device, where it is, what it speaks, and what it reads, holds and drives for which channel.
//!
//! What all instruments have is in [`Instrument`]; what only one driver needs is in its variant of [`DriverKind`].

use super::{Role, SafeAction};
use crate::dialect::Dialect;
use crate::driver::ArrayCurve;
use crate::protocol::modbus::RegisterMap;
use crate::protocol::tetech::Model;
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
            DriverKind::Modbus(modbus) => modbus.lease.as_ref().map(|(_, lease_s)| *lease_s),
            DriverKind::Neslab(_) | DriverKind::Tetech(_) => None,
            DriverKind::Line(line) => line.lease_s,
        }
    }

    /// Largest current through its output either way, A, where one is declared.
    pub fn current_limit_a(&self) -> Option<f64> {
        match &self.driver {
            DriverKind::Mecom(mecom) => Some(mecom.current_limit_a),
            DriverKind::Modbus(_) | DriverKind::Neslab(_) | DriverKind::Tetech(_) => None,
            DriverKind::Line(line) => line.current_limit_a,
        }
    }

    /// Serial number it must report, where that is declared and a number.
    pub fn serial_number(&self) -> Option<u32> {
        match &self.driver {
            DriverKind::Mecom(mecom) => mecom.serial_number,
            DriverKind::Modbus(modbus) => modbus.identity.as_ref().map(|(_, number)| *number),
            DriverKind::Neslab(_) | DriverKind::Tetech(_) => None,
            DriverKind::Line(line) => line.serial_number.as_ref().and_then(|number| number.parse().ok()),
        }
    }

    /// Holds it to a serial number that is known from elsewhere, unless one is declared.
    pub fn expect_serial_number(&mut self, number: u32) {
        match &mut self.driver {
            DriverKind::Mecom(mecom) => _ = mecom.serial_number.get_or_insert(number),
            // Its number is declared with its register, or it tells none.
            DriverKind::Modbus(_) | DriverKind::Neslab(_) | DriverKind::Tetech(_) => {}
            DriverKind::Line(line) => _ = line.serial_number.get_or_insert_with(|| number.to_string()),
        }
    }

    /// What a `MeCom` controller needs, if it is one.
    pub fn mecom(&self) -> Option<&MecomSettings> {
        match &self.driver {
            DriverKind::Mecom(mecom) => Some(mecom),
            _ => None,
        }
    }

    /// See [`Self::mecom`].
    pub fn mecom_mut(&mut self) -> Option<&mut MecomSettings> {
        match &mut self.driver {
            DriverKind::Mecom(mecom) => Some(mecom),
            _ => None,
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
    /// Modbus-RTU device with a register map.
    Modbus(ModbusSettings),
    /// NESLAB circulator, NC protocol.
    Neslab(NeslabSettings),
    /// TE Technology controller.
    Tetech(TetechSettings),
    /// A device that speaks in lines of text, by its dialect.
    Line(LineSettings),
}

impl DriverKind {
    /// The word in a rig file.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Mecom(_) => "mecom",
            Self::Modbus(_) => "modbus",
            Self::Neslab(_) => "neslab",
            Self::Tetech(_) => "tetech",
            Self::Line(_) => "line",
        }
    }

    /// Names of what it can read, as `reads = "NAME"` in a channel may ask for them.
    pub fn readings(&self) -> Vec<String> {
        match self {
            Self::Mecom(_) | Self::Tetech(_) => [OBJECT_TEMPERATURE, SINK_TEMPERATURE].map(str::to_owned).to_vec(),
            Self::Modbus(modbus) => modbus.map.registers.iter().map(|r| r.name.clone()).collect(),
            Self::Neslab(_) => [INTERNAL_SENSOR, EXTERNAL_SENSOR].map(str::to_owned).to_vec(),
            Self::Line(line) => line.dialect.reads.iter().map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Names of the readings that its own regulator can hold at a target.
    pub fn controls(&self) -> Vec<String> {
        match self {
            Self::Mecom(_) | Self::Tetech(_) => vec![OBJECT_TEMPERATURE.to_owned()],
            Self::Modbus(modbus) => modbus.controls.iter().cloned().collect(),
            Self::Neslab(_) => [INTERNAL_SENSOR, EXTERNAL_SENSOR].map(str::to_owned).to_vec(),
            Self::Line(line) => line.dialect.target.iter().flat_map(|target| target.controls.clone()).collect(),
        }
    }

    /// Names of what it can be made to give, as `drives = "NAME"` in a channel may ask for them, each with its unit as it ends
    /// the keys of a rig file.
    pub fn levels(&self) -> Vec<(String, String)> {
        match self {
            Self::Mecom(_) | Self::Neslab(_) | Self::Tetech(_) => Vec::new(),
            Self::Modbus(modbus) => {
                let writable = modbus.map.registers.iter().filter(|r| r.writable && !r.table.bits() && !r.unit.is_empty());
                writable.map(|r| (r.name.clone(), r.unit.clone())).collect()
            }
            Self::Line(line) => line.dialect.levels.iter().map(|(name, rule)| (name.clone(), rule.unit.clone())).collect(),
        }
    }

    /// It can be made a solar array.
    pub fn simulates_arrays(&self) -> bool {
        match self {
            Self::Mecom(_) | Self::Modbus(_) | Self::Neslab(_) | Self::Tetech(_) => false,
            Self::Line(line) => line.dialect.curve.is_some(),
        }
    }

    /// It has an output that a channel other than the servoed one may switch.
    pub fn has_output(&self) -> bool {
        match self {
            Self::Mecom(_) | Self::Neslab(_) | Self::Tetech(_) => false,
            Self::Modbus(modbus) => modbus.output.is_some(),
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
    /// Beyond this current the device switches its output off and stands in error, A. Written and read back.
    pub current_trip_a: f64,
    /// Beyond this voltage it does the same, V. Written and read back.
    pub voltage_trip_v: f64,
    /// The sensor that its object input must be set to, if declared. Read, never written: it says what is wired.
    pub object_sensor: Option<crate::protocol::mecom::Sensor>,
    /// Model number it must report, if declared.
    pub device_type: Option<u32>,
    /// Serial number it must report, if declared.
    pub serial_number: Option<u32>,
}

impl MecomSettings {
    /// A device's own trips lie this far above its limits where a rig file does not say: the limit regulates, and its overshoot must
    /// not trip (assumed: the vendor only says that a threshold must lie above its limit).
    pub const TRIP_MARGIN: f64 = 1.2;

    /// A controller of any model with these limits, at address 1.
    pub const fn limited(lease_s: f64, current_limit_a: f64, voltage_limit_v: f64) -> Self {
        Self {
            address: 1,
            lease_s,
            current_limit_a,
            voltage_limit_v,
            current_trip_a: Self::TRIP_MARGIN * current_limit_a,
            voltage_trip_v: Self::TRIP_MARGIN * voltage_limit_v,
            object_sensor: None,
            device_type: None,
            serial_number: None,
        }
    }
}

/// A bath's own sensor.
pub const INTERNAL_SENSOR: &str = "internal_temperature";
/// The sensor that is plugged into a bath.
pub const EXTERNAL_SENSOR: &str = "external_temperature";

/// What only a Modbus device needs.
#[derive(Clone, Debug, PartialEq)]
pub struct ModbusSettings {
    /// Address on its line, 1 to 247.
    pub address: u8,
    /// `[instrument.NAME.register.*]`: what it has.
    pub map: RegisterMap,
    /// Name of the register or coil that switches its output, if it has one.
    pub output: Option<String>,
    /// Name of the register that holds its target, if it regulates.
    pub target: Option<String>,
    /// Name of the register of the temperature that it regulates.
    pub controls: Option<String>,
    /// Name of the register that holds its watchdog's time, and what is written there, s.
    pub lease: Option<(String, f64)>,
    /// Name of the register that holds its serial number, and what that must be.
    pub identity: Option<(String, u32)>,
}

/// What only a NESLAB circulator needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NeslabSettings {
    /// Address on RS-485, 1 to 100; `None` on RS-232.
    pub address: Option<u16>,
}

/// What only a TE Technology controller needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TetechSettings {
    /// Which.
    pub model: Model,
    /// Counts a kelvin: 100, or 10 in some firmware of the TC-48-20.
    pub scale: f64,
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
    /// How it follows the sunlight of the mission, if it stands for the Sun or for the array.
    pub sun: Option<SunRule>,
}

/// One sun, W/m²: the nominal total solar irradiance (IAU 2015 resolution B3).
pub const SUN_W_M2: f64 = 1361.0;

/// How an output follows sunlight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SunRule {
    /// A lamp: its level is proportional to the light, and this at one sun.
    Lamp {
        /// In the unit of the level.
        full: f64,
    },
    /// A solar-array simulator: currents are proportional to the light, voltages fall with temperature.
    Array {
        /// Curve at one sun and 25 °C.
        full: ArrayCurve,
        /// Relative change of voltages a kelvin, 1/K; negative for every real array.
        voltage_per_k: f64,
    },
}

impl SunRule {
    /// The curve in this light; an array of unknown temperature is at 25 °C.
    pub fn curve(self, suns: f64, array_degc: Option<f64>) -> Option<ArrayCurve> {
        let Self::Array { full, voltage_per_k } = self else { return None };
        let volts = 1.0 + voltage_per_k * (array_degc.unwrap_or(25.0) - 25.0);
        let curve = ArrayCurve { isc_a: full.isc_a * suns, imp_a: full.imp_a * suns, vmp_v: full.vmp_v * volts, voc_v: full.voc_v * volts };
        (suns > 0.0 && volts > 0.0 && curve.isc_a.is_finite() && curve.voc_v.is_finite()).then_some(curve)
    }
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
