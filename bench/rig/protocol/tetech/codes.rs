//! What the codes mean, by model.
//!
//! By the makers' manuals, as manualsdir.com and azmanual.top show them: TC-720 (789431) p. 77 to 85, TC-48-20 (789430) p. 51 to 54,
//! TC-36-25 RS232 (789428) p. 46 to 50. Of the TC-48-20 p. 55 was not to be had: what would stand there is `None`.

use super::Model;

/// The codes of one model that drivers and emulators use. `None` where no source of ours gives one: a guess could write anything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Codes {
    /// Reads the number that its maker gave the model, and that number.
    pub model: Option<(u8, i32)>,
    /// Reads the revision of its software.
    pub revision: Option<u8>,
    /// Counts a kelvin, the usual first; another is in use where a second stands here.
    pub scales: &'static [f64],
    /// Bits of the alarm status, lowest first.
    pub bits: &'static [&'static str],
    /// Those of them that are no fault: somebody pressed a key.
    pub pressed: i32,
    /// That of a current above its trip.
    pub over_current: i32,
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
    /// Writes whether settings go to EEPROM, which bears a million writes: always off, and only written where it is not, for this one
    /// goes there whatever it says (TC-720 manual p. 81).
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
    /// The model that answers the question for it so.
    pub fn model_of(number: i32) -> Option<Model> {
        [Model::Tc3625, Model::Tc4820, Model::Tc720]
            .into_iter()
            .find(|model| Self::of(*model).model.is_some_and(|(_, known)| known == number))
    }

    /// Amperes a count of [`Self::trip_write`] ("approximately 2.5 per count", `tc3625_serial.py`).
    pub const AMPS_A_COUNT: f64 = 2.5;

    /// Those of a model.
    pub const fn of(model: Model) -> Self {
        let shared = Self {
            model: None,
            revision: None,
            scales: &[100.0],
            bits: &["temperature 1 high", "temperature 1 low", "temperature 2 high", "temperature 2 low", "sensor 1 open", "sensor 2 open"],
            pressed: 0,
            over_current: 0,
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
                bits: &[
                    "temperature high",
                    "temperature low",
                    "computer-controlled alarm",
                    "over-current",
                    "sensor 1 open",
                    "sensor 2 open",
                    "driver's input voltage low",
                ],
                over_current: 1 << 3,
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
            Model::Tc4820 => Self {
                model: Some((0x00, 9613)),
                second: Some(0x04),
                // The manual has tenths throughout; firmware with hundredths is in use (a public driver's).
                scales: &[10.0, 100.0],
                bits: &[
                    "temperature 1 high",
                    "temperature 1 low",
                    "temperature 2 high",
                    "temperature 2 low",
                    "sensor 1 open",
                    "sensor 2 open",
                    "a value was changed by its keys",
                ],
                pressed: 1 << 6,
                ..shared
            },
            Model::Tc720 => Self {
                model: Some((0x00, 9625)),
                revision: Some(0x05),
                bits: &[
                    "temperature 1 high",
                    "temperature 1 low",
                    "temperature 2 high",
                    "temperature 2 low",
                    "sensor 1 open",
                    "sensor 2 open",
                    "input voltage low",
                    "a value was stored by its keys",
                    "over-current",
                ],
                pressed: 1 << 7,
                over_current: 1 << 8,
                second: Some(0x04),
                eeprom_write: Some(0x31),
                eeprom_read: Some(0x65),
                clear_write: Some(0x75),
                output_write: Some(0x30),
                output_read: Some(0x64),
                // Mode "normal set": in ramp/soak it follows its own table and leaves the set point alone (`Py_TC720.py`, get_mode).
                held: &[(0x3D, 0x71, 0)],
                ..shared
            },
        }
    }
}

/// The alarm status of one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    model: Model,
    status: i32,
}

impl Alarm {
    /// Bit of the open first sensor, the same of all models.
    pub const SENSOR_OPEN: i32 = 1 << 4;

    /// What `model` says of its alarms.
    pub const fn of(model: Model, status: i32) -> Self {
        Self { model, status }
    }

    /// What of it is a fault.
    pub const fn faults(self) -> i32 {
        self.status & !Codes::of(self.model).pressed
    }

    /// Somebody pressed a key that sets something.
    pub const fn pressed(self) -> bool {
        self.status & Codes::of(self.model).pressed != 0
    }

    /// Its faults in words; empty if there is none.
    pub fn words(self) -> String {
        let (bits, faults) = (Codes::of(self.model).bits, self.faults());
        let mut names: Vec<String> =
            bits.iter().enumerate().filter(|(bit, _)| faults >> bit & 1 == 1).map(|(_, n)| (*n).to_owned()).collect();
        let unnamed = faults & !((1 << bits.len()) - 1);
        if unnamed != 0 {
            names.push(format!("bits {unnamed:#x} that its manual does not name"));
        }
        names.join(", ")
    }
}
