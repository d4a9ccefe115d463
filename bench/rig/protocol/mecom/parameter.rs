//! The parameters that drivers and emulators use: number, type, unit, who may write.
//!
//! Numbers and types are those of pyMeCom `mecom/commands.py` and mecompyapi `tec.py`, units of mecompyapi's docstrings; 5010 and 5011 are
//! those of `BRADx-API` (`utils_meerstetter.py`). The unit of 2060 is said of a sister family only ("0; 0.1 to 60 s", 0 disables: what the
//! LDD-1321's protocol document says, in meerstetter-go `pdf_extracted_metadata.json`): to be tried on real hardware.
//!
//! **108**: "most TEC parameters are FLASH parameters and updates are written to flash after each execution" (`MeComPyAPI`, pull request 4)
//! while it is 0; with 1 "all parameters are now RAM parameters" (mecompyapi `tec.py`). Firmware of later years lacks it and saves by the
//! command `SP` only (pyMeCom's notes to its release 1.1).

use std::fmt;

/// How the 32 bits of a value are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Two's complement.
    Int32,
    /// IEEE 754 single precision.
    Float32,
}

/// A value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Of a [`Kind::Int32`] parameter.
    Int(i32),
    /// Of a [`Kind::Float32`] parameter.
    Float(f32),
}

impl Value {
    /// The bits on the wire.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Int(value) => value.cast_unsigned(),
            Self::Float(value) => value.to_bits(),
        }
    }

    /// Reads the bits of a parameter of this kind.
    pub const fn from_bits(kind: Kind, bits: u32) -> Self {
        match kind {
            Kind::Int32 => Self::Int(bits.cast_signed()),
            Kind::Float32 => Self::Float(f32::from_bits(bits)),
        }
    }

    /// The value as a number; NaN and infinities stay what they are.
    pub const fn number(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value as f64,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
        }
    }
}

/// One parameter of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Number on the wire.
    pub id: u16,
    /// What the vendor calls it.
    pub name: &'static str,
    /// How its bits are read.
    pub kind: Kind,
    /// Unit, or what the numbers mean.
    pub unit: &'static str,
    /// A host may set it.
    pub writable: bool,
}

/// Sensors that the object input can be set to, by their numbers in parameter 4034 (mecompyapi `tec.py`, `ObjectSensorType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sensor {
    /// Platinum, 100 Ω.
    Pt100 = 1,
    /// Platinum, 1000 Ω.
    Pt1000 = 2,
    /// NTC, input range of 18 kΩ.
    Ntc18k = 3,
    /// NTC, input range of 39 kΩ.
    Ntc39k = 4,
    /// NTC, input range of 56 kΩ.
    Ntc56k = 5,
    /// NTC, input range of 1 MΩ.
    Ntc1m = 6,
    /// A voltage.
    Voltage = 7,
}

impl Sensor {
    /// Every one.
    pub const ALL: [Self; 7] = [Self::Pt100, Self::Pt1000, Self::Ntc18k, Self::Ntc39k, Self::Ntc56k, Self::Ntc1m, Self::Voltage];

    /// The sensor of this number; `None` for 0, which is unknown, and for what later firmware may have.
    pub fn of(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|sensor| *sensor as i32 == number)
    }

    /// The word in a rig file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pt100 => "pt100",
            Self::Pt1000 => "pt1000",
            Self::Ntc18k => "ntc18k",
            Self::Ntc39k => "ntc39k",
            Self::Ntc56k => "ntc56k",
            Self::Ntc1m => "ntc1m",
            Self::Voltage => "voltage",
        }
    }
}

macro_rules! parameters {
    ($($name:ident = $id:literal, $kind:ident, $access:ident, $vendor:literal, $unit:literal;)+) => {
        /// Identifiers of the parameters by name, so that no driver spells a number.
        pub mod id {
            $(#[doc = concat!($vendor, ": ", $unit, ".")] pub const $name: u16 = $id;)+
        }

        /// Every parameter known here, by rising number.
        pub const TABLE: &[Parameter] = &[$(Parameter {
            id: $id,
            name: $vendor,
            kind: Kind::$kind,
            unit: $unit,
            writable: parameters!(@$access),
        },)+];
    };
    (@read) => { false };
    (@write) => { true };
}

parameters! {
    DEVICE_TYPE = 100, Int32, read, "Device Type", "model number, such as 1089";
    HARDWARE_VERSION = 101, Int32, read, "Hardware Version", "hundredths";
    SERIAL_NUMBER = 102, Int32, read, "Serial Number", "number";
    FIRMWARE_VERSION = 103, Int32, read, "Firmware Version", "hundredths";
    DEVICE_STATUS = 104, Int32, read, "Device Status", "0 init, 1 ready, 2 run, 3 error, 4 bootloader, 5 will reset within 200 ms";
    ERROR_NUMBER = 105, Int32, read, "Error Number", "0 none";
    ERROR_INSTANCE = 106, Int32, read, "Error Instance", "channel the error belongs to";
    ERROR_PARAMETER = 107, Int32, read, "Error Parameter", "detail of the error";
    SAVE_TO_FLASH = 108, Int32, write, "Save Data to Flash", "0 every setting is saved as it is written, 1 settings stay in memory";
    FLASH_STATUS = 109, Int32, read, "Flash Status", "0 all is saved, 1 saving, 2 saving is disabled";
    OBJECT_TEMPERATURE = 1000, Float32, read, "Object Temperature", "°C";
    SINK_TEMPERATURE = 1001, Float32, read, "Sink Temperature", "°C";
    TARGET_NOW = 1010, Float32, read, "Target Object Temperature", "°C";
    RAMP_TEMPERATURE = 1011, Float32, read, "Ramp Nominal Object Temperature", "°C";
    OUTPUT_CURRENT = 1020, Float32, read, "Actual Output Current", "A";
    OUTPUT_VOLTAGE = 1021, Float32, read, "Actual Output Voltage", "V";
    TEMPERATURE_STABLE = 1200, Int32, read, "Temperature Is Stable", "0 control inactive, 1 not stable, 2 stable";
    INPUT_SELECTION = 2000, Int32, write, "Output Stage Input Selection", "0 static, 1 live current and voltage, 2 temperature controller";
    OUTPUT_ENABLE = 2010, Int32, write, "Output Stage Enable", "0 off, 1 on, 2 live, 3 by hardware pin";
    STATIC_CURRENT = 2020, Float32, write, "Set Static Current", "A";
    STATIC_VOLTAGE = 2021, Float32, write, "Set Static Voltage", "V";
    CURRENT_LIMIT = 2030, Float32, write, "Current Limitation", "A";
    VOLTAGE_LIMIT = 2031, Float32, write, "Voltage Limitation", "V";
    CURRENT_TRIP = 2032, Float32, write, "Current Error Threshold", "A";
    VOLTAGE_TRIP = 2033, Float32, write, "Voltage Error Threshold", "V";
    OPERATING_MODE = 2040, Int32, write, "General Operating Mode", "0 single, 1 and 2 parallel channels";
    DEVICE_ADDRESS = 2051, Int32, read, "Device Address", "1 to 254";
    WATCHDOG = 2060, Float32, write, "Communication Watchdog Timeout", "s, 0 disables";
    TARGET_TEMPERATURE = 3000, Float32, write, "Target Object Temperature (Set)", "°C";
    TARGET_RAMP = 3003, Float32, write, "Coarse Temperature Ramp", "K/s";
    GAIN = 3010, Float32, write, "Kp", "% of the current limit a kelvin";
    INTEGRAL_TIME = 3011, Float32, write, "Ti", "s";
    DERIVATIVE_TIME = 3012, Float32, write, "Td", "s";
    POSITIVE_CURRENT_IS = 3034, Int32, write, "Positive Current Is", "0 cooling, 1 heating";
    OBJECT_LOWER_TRIP = 4010, Float32, write, "Object Temperature Lower Error Threshold", "°C";
    OBJECT_UPPER_TRIP = 4011, Float32, write, "Object Temperature Upper Error Threshold", "°C";
    OBJECT_SENSOR = 4034, Int32, read, "Object Sensor Type", "see Sensor";
    SINK_LOWER_TRIP = 5010, Float32, write, "Sink Temperature Lower Error Threshold", "°C";
    SINK_UPPER_TRIP = 5011, Float32, write, "Sink Temperature Upper Error Threshold", "°C";
}

/// The device has one of this parameter, and not one for each output: then its instance is 1 (what a two-channel model told of its
/// parameters: pyMeComTEC `api/src/get_params/params.csv`).
pub const fn device_wide(id: u16) -> bool {
    matches!(id, 100..=109 | id::OPERATING_MODE | id::DEVICE_ADDRESS | id::WATCHDOG)
}

/// The parameter of this number, if it is known here.
pub fn parameter(id: u16) -> Option<&'static Parameter> {
    TABLE.binary_search_by_key(&id, |p| p.id).ok().map(|at| &TABLE[at])
}
