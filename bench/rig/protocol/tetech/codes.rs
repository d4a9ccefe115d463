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
}

impl Codes {
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
                ..shared
            },
            Model::Tc4820 => shared,
            Model::Tc720 => Self { second: Some(0x04), output_write: Some(0x30), output_read: Some(0x64), ..shared },
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
