//! What only one driver needs to know of its device.

use super::Firmware;
use crate::dialect::Dialect;
use crate::protocol::modbus::RegisterMap;
use crate::protocol::tetech::{Codes, Model};
use std::sync::Arc;

/// The temperature that a TEC controller controls.
pub const OBJECT_TEMPERATURE: &str = "object_temperature";

/// The temperature of its heat sink.
pub const SINK_TEMPERATURE: &str = "sink_temperature";

/// The current of a TEC controller's output, which it gives where no channel makes it hold a temperature.
pub const OUTPUT_CURRENT: &str = "output_current";

/// The voltage across that.
pub const OUTPUT_VOLTAGE: &str = "output_voltage";

/// What only a `MeCom` controller needs.
#[derive(Clone, Debug, PartialEq)]
pub struct MecomSettings {
    /// Device address on its line, 1 to 254.
    pub address: u8,
    /// Which of its outputs, 1 or 2: the instance of its parameters.
    pub output: u8,
    /// The rig uses several of its outputs, each for itself.
    pub several: bool,
    /// The device drops its output if the host is silent for this long, wall seconds; at least 2. 0 switches that off.
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
    /// Ready only if it keeps what it is told in memory, out of its flash (parameter 108).
    pub ram_only: bool,
    /// Model number it must report, if declared.
    pub device_type: Option<u32>,
    /// Serial number it must report, if declared.
    pub serial_number: Option<u32>,
    /// Firmware version it must report (103), if declared: a number.
    pub firmware: Option<Firmware>,
    /// Hardware version it must report (101), if declared: a number.
    pub hardware: Option<Firmware>,
}

impl MecomSettings {
    /// A device's own trips lie this far above its limits where a rig file does not say: the limit regulates, and its overshoot must
    /// not trip (assumed: the vendor only says that a threshold must lie above its limit).
    pub const TRIP_MARGIN: f64 = 1.2;

    /// A device's own temperature thresholds lie this far beyond the trips of the rig's channels, K (assumed): a run ends by its trip, in the
    /// rig's words, and the device's is for when nobody looks.
    pub const TRIP_BEYOND_K: f64 = 2.0;

    /// A controller of any model with these limits, at address 1.
    pub const fn limited(lease_s: f64, current_limit_a: f64, voltage_limit_v: f64) -> Self {
        Self {
            address: 1,
            output: 1,
            several: false,
            lease_s,
            current_limit_a,
            voltage_limit_v,
            current_trip_a: Self::TRIP_MARGIN * current_limit_a,
            voltage_trip_v: Self::TRIP_MARGIN * voltage_limit_v,
            object_sensor: None,
            ram_only: true,
            device_type: None,
            serial_number: None,
            firmware: None,
            hardware: None,
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
    /// Name of the register that holds its watchdog's time, and what is written there, s; 0 switches it off.
    pub lease: Option<(String, f64)>,
    /// Name of the register that holds its serial number, and what that must be.
    pub identity: Option<(String, u32)>,
    /// Firmware it must report, if declared.
    pub firmware: Option<ModbusFirmware>,
}

/// How a Modbus device tells of its firmware, and what that must be.
#[derive(Clone, Debug, PartialEq)]
pub enum ModbusFirmware {
    /// A number in the register of this name.
    Register(String, Firmware),
    /// The revision of Read Device Identification (function 43, object 2), in words.
    Revision(Firmware),
}

/// What only a NESLAB circulator needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NeslabSettings {
    /// Address on RS-485, 1 to 100; `None` on RS-232.
    pub address: Option<u16>,
    /// Version of the protocol that its firmware must speak, if declared: the one version that it tells.
    pub firmware: Option<Firmware>,
}

/// What only a TE Technology controller needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TetechSettings {
    /// Which.
    pub model: Model,
    /// Counts a kelvin: one of the model's.
    pub scale: f64,
    /// What its polarity must read, if declared: 0 heats from WP1+ to WP2-, 1 the other way. Read, never written: it says what is wired.
    pub polarity: Option<i32>,
    /// Beyond this current it switches its output off and stays so, A. Written and read back.
    pub current_trip_a: Option<f64>,
}

impl TetechSettings {
    /// A model of which nothing else is declared.
    pub const fn of(model: Model) -> Self {
        Self { model, scale: Codes::of(model).scales[0], polarity: None, current_trip_a: None }
    }
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
    /// The device drops its output if the host is silent for this long, wall seconds, where it can be told to. 0 switches that off.
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
    /// Firmware it must report, if declared.
    pub firmware: Option<Firmware>,
    /// The type of sensor that it must be set to, in its own count, if declared. Read, never written: it says what is wired.
    pub sensor_type: Option<f64>,
    /// Conditions that make it switch its output off of itself, as the bits of its own register. Likewise.
    pub off_conditions: Option<f64>,
    /// Where it says in which unit its display is, and with it all that it says and takes: the number of a question of its dialect. °C is
    /// held to; `None` where it cannot be asked.
    pub unit_place: Option<f64>,
}
