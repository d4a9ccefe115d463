//! What the codes mean, by model.

use super::Model;

/// The codes of one model that drivers and emulators use. `None` where no source of ours gives one: a guess could write anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codes {
    /// Reads the temperature that is controlled.
    pub temperature: u8,
    /// Reads the second temperature.
    pub second: Option<u8>,
    /// Reads the output, ±511 for ±100 %.
    pub power: u8,
    /// Reads the alarms, see [`Alarm`].
    pub alarms: u8,
    /// Writes the fixed set point.
    pub set_write: u8,
    /// Reads the fixed set point.
    pub set_read: u8,
    /// Writes whether the output is on.
    pub output_write: Option<u8>,
    /// Reads whether the output is on.
    pub output_read: Option<u8>,
    /// Reads which output warms: 0 heats from WP1+ to WP2-.
    pub polarity_read: Option<u8>,
    /// Writes whether settings go to EEPROM, which bears a million writes: always off.
    pub eeprom_write: Option<u8>,
    /// Reads that.
    pub eeprom_read: Option<u8>,
    /// Writes whether an alarm shuts the output down.
    pub shutdown_write: Option<u8>,
    /// Reads that.
    pub shutdown_read: Option<u8>,
    /// Clears latched alarms.
    pub clear_write: Option<u8>,
    /// Writes the count of its current at which it stops, see [`Codes::AMPS_A_COUNT`].
    pub trip_write: Option<u8>,
    /// Reads that.
    pub trip_read: Option<u8>,
    /// Written with a trip, so that it stays stopped: no retries.
    pub trip_stays: &'static [(u8, u8, i32)],
    /// What a device must be set to for its fixed set point to be what it holds, in the unit it is given in: written by the first code, read by
    /// the second.
    pub held: &'static [(u8, u8, i32)],
}

impl Codes {
    /// Amperes a count of [`Self::trip_write`] ("approximately 2.5 per count", `tc3625_serial.py`).
    pub const AMPS_A_COUNT: f64 = 2.5;

    /// Those of a model.
    pub const fn of(model: Model) -> Self {
        let shared = Self {
            temperature: 0x01,
            second: None,
            power: 0x02,
            alarms: 0x03,
            set_write: 0x1C,
            set_read: 0x50,
            output_write: None,
            output_read: None,
            polarity_read: None,
            eeprom_write: None,
            eeprom_read: None,
            shutdown_write: None,
            shutdown_read: None,
            clear_write: None,
            trip_write: None,
            trip_read: None,
            trip_stays: &[],
            held: &[],
        };
        match model {
            Model::Tc3625 => Self {
                second: Some(0x06),
                alarms: 0x05,
                output_write: Some(0x2D),
                output_read: Some(0x46),
                polarity_read: Some(0x45),
                eeprom_write: Some(0x34),
                eeprom_read: Some(0x4C),
                shutdown_write: Some(0x2E),
                shutdown_read: Some(0x47),
                clear_write: Some(0x33),
                trip_write: Some(0x0E),
                trip_read: Some(0x5E),
                // Over-current: not continuously, and no attempts.
                trip_stays: &[(0x35, 0x4D, 0), (0x0F, 0x5F, 0)],
                // Celsius, set by computer, PID.
                held: &[(0x32, 0x4B, 1), (0x29, 0x42, 0), (0x2B, 0x44, 1)],
                ..shared
            },
            Model::Tc4820 => shared,
            Model::Tc720 => Self {
                second: Some(0x04),
                output_write: Some(0x30),
                output_read: Some(0x64),
                // Mode "normal set": in ramp/soak it follows its own table and leaves the set point alone (`Py_TC720.py`, get_mode).
                held: &[(0x3D, 0x71, 0)],
                ..shared
            },
        }
    }
}

/// Bits of the alarm status, as the TC-36-25's source names them; for the other models the order is assumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm(pub i32);

const NAMES: [&str; 7] = [
    "temperature high",
    "temperature low",
    "computer-controlled alarm",
    "over-current",
    "sensor 1 open",
    "sensor 2 open",
    "driver's input voltage low",
];

impl Alarm {
    /// Bit of a current above its trip.
    pub const OVER_CURRENT: i32 = 1 << 3;
    /// Bit of the open first sensor.
    pub const SENSOR_OPEN: i32 = 1 << 4;

    /// In words; empty if there is none.
    pub fn words(self) -> String {
        let mut names: Vec<String> =
            NAMES.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1).map(|(_, n)| (*n).to_owned()).collect();
        let unnamed = self.0 & !0x7F;
        if unnamed != 0 {
            names.push(format!("bits {unnamed:#x} that no source names"));
        }
        names.join(", ")
    }
}
