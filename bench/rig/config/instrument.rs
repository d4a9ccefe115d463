//! `[instrument.NAME]`: one device, where it is, what it speaks, and what it reads, holds and drives for which channel.
//!
//! What all instruments have is in [`Instrument`]; what only one driver needs is in its variant of [`DriverKind`].

mod bound;
mod connection;
mod firmware;
mod said;
mod settings;
mod trips;

pub use bound::{Correction, Drive, Level, Read, Round, SUN_W_M2, Setpoint, SunRule};
pub use connection::{Connection, Parity, Serial, UsbId};
pub use firmware::Firmware;
pub use settings::{
    EXTERNAL_SENSOR, INTERNAL_SENSOR, LineSettings, MecomSettings, ModbusFirmware, ModbusSettings, NeslabSettings, OBJECT_TEMPERATURE,
    OUTPUT_CURRENT, OUTPUT_VOLTAGE, SINK_TEMPERATURE, TetechSettings,
};

use super::SafeAction;

/// `[instrument.NAME]`: one device behind one port.
#[derive(Clone, Debug, PartialEq)]
pub struct Instrument {
    /// NAME.
    pub name: String,
    /// What it speaks, and what only that driver needs to know.
    pub driver: DriverKind,
    /// Where it is.
    pub connection: Connection,
    /// Where it is emulated: the name of the line that it shares with others of that name.
    pub line: Option<String>,
    /// It is another output of the device that this instrument is: what that says of port, identity and lease goes for it too.
    pub output_of: Option<String>,
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
    /// Name of the instrument that stands for its device: its own, but for a device's further outputs.
    pub fn device(&self) -> &str {
        self.output_of.as_deref().unwrap_or(&self.name)
    }

    /// Both are on one line: outputs of one device, or devices behind one port.
    pub fn shares_line(&self, other: &Self) -> bool {
        let alike = match self.connection {
            Connection::Emulated => self.line.is_some() && self.line == other.line,
            _ => true,
        };
        self.device() == other.device() || (alike && self.connection == other.connection)
    }

    /// Number of its output on its device, from 1, where devices of its kind may have several.
    pub fn output_number(&self) -> Option<u8> {
        match &self.driver {
            DriverKind::Mecom(mecom) => Some(mecom.output),
            DriverKind::Line(line) => Some(line.output),
            DriverKind::Modbus(_) | DriverKind::Neslab(_) | DriverKind::Tetech(_) => None,
        }
    }

    /// Its dialect could not be had: a problem of its file, beside which nothing that depends on it is one.
    pub(in crate::config) fn is_unspoken(&self) -> bool {
        matches!(&self.driver, DriverKind::Line(line) if line.dialect.name.is_empty())
    }

    /// The device drops its output if the host is silent for this long, wall seconds. `None` for a device that never would, or is told
    /// not to.
    pub fn lease_s(&self) -> Option<f64> {
        self.written_lease_s().filter(|lease_s| *lease_s > 0.0)
    }

    /// Its watchdog would switch off what must keep running, and is told not to: 0 is written there and read back.
    pub fn watchdog_is_off(&self) -> bool {
        self.written_lease_s() == Some(0.0)
    }

    /// What is written to its watchdog, if it has one that is known.
    pub(in crate::config) fn written_lease_s(&self) -> Option<f64> {
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

    /// Largest voltage across its output, V, where the device is given one.
    pub fn voltage_limit_v(&self) -> Option<f64> {
        match &self.driver {
            DriverKind::Mecom(mecom) => Some(mecom.voltage_limit_v),
            DriverKind::Modbus(_) | DriverKind::Neslab(_) | DriverKind::Tetech(_) => None,
            DriverKind::Line(line) => line.voltage_limit_v,
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

    /// Serial number it must report, in the words of the device, where one is declared.
    pub fn declared_serial(&self) -> Option<String> {
        match &self.driver {
            DriverKind::Line(line) => line.serial_number.clone(),
            _ => self.serial_number().map(|number| number.to_string()),
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
            Self::Mecom(_) => [OBJECT_TEMPERATURE, SINK_TEMPERATURE, OUTPUT_CURRENT, OUTPUT_VOLTAGE].map(str::to_owned).to_vec(),
            Self::Tetech(_) => [OBJECT_TEMPERATURE, SINK_TEMPERATURE].map(str::to_owned).to_vec(),
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
            Self::Mecom(_) => vec![(OUTPUT_CURRENT.to_owned(), "a".to_owned())],
            Self::Neslab(_) | Self::Tetech(_) => Vec::new(),
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
            Self::Mecom(_) => true,
            Self::Neslab(_) | Self::Tetech(_) => false,
            Self::Modbus(modbus) => modbus.output.is_some(),
            Self::Line(line) => line.dialect.output.is_some(),
        }
    }
}
