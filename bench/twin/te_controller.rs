//! An emulated controller of TE Technology's family: its frames, the codes of its model, a proportional-integral regulator.
//!
//! Strict where the sources say devices are: a damaged request is answered with `X`. A code that the model does not have gets no
//! answer at all (assumed). The command tables read for it show no watchdog: **a host that dies leaves its output on**. While settings go to
//! its EEPROM, as they do when it is delivered (assumed), each one that is written wears it, and all of them come back with the power, the
//! output too (TC-720 manual p. 81; taken for the TC-36-25's own switch as well).
//! A TC-48-20 regulates whenever it has power, since no source knows how to switch it.

use crate::tec_controller::Sensors;
use crate::wired::{Ailment, Wired};
use rig::protocol::tetech::{Alarm, Codes, Decoder, Heard, Model, Reply};
use std::collections::BTreeMap;

/// The count of its trip as delivered: none that its current comes to (assumed).
const NO_TRIP: i32 = 40;
/// What it says is the revision of its software (assumed).
const REVISION: i32 = 3;
/// The output at 100 %.
const FULL: f64 = 511.0;

/// What one controller is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TeConfig {
    /// Which.
    pub model: Model,
    /// Counts a kelvin.
    pub scale: f64,
    /// Current at 100 % of its output, A.
    pub full_a: f64,
    /// The output is 100 % this far from the set point, K.
    pub band_k: f64,
    /// Integral time, s.
    pub integral_s: f64,
    /// It is set to heat from WP2+ and not from WP1+.
    pub heats_from_second: bool,
}

impl TeConfig {
    /// A model as delivered; figures of its regulator are assumed.
    pub const fn of(model: Model) -> Self {
        Self { model, scale: Codes::of(model).scales[0], full_a: 8.0, band_k: 2.0, integral_s: 30.0, heats_from_second: false }
    }
}

/// The device.
#[derive(Debug)]
pub struct TeController {
    config: TeConfig,
    codes: Codes,
    decoder: Decoder,
    /// What was written, by the code that reads it.
    settings: BTreeMap<u8, i32>,
    /// What it wakes with.
    eeprom: BTreeMap<u8, i32>,
    eeprom_writes: u64,
    sensors: Option<Sensors>,
    power: i32,
    integral: f64,
    alarms: i32,
    events: Vec<String>,
}

impl TeController {
    /// A device as delivered, just powered up: set to 25 °C, output off where it can be.
    pub fn new(config: TeConfig) -> Self {
        let mut device = Self {
            codes: Codes::of(config.model),
            decoder: Decoder::new(config.model),
            config,
            settings: BTreeMap::new(),
            eeprom: BTreeMap::new(),
            eeprom_writes: 0,
            sensors: None,
            power: 0,
            integral: 0.0,
            alarms: 0,
            events: Vec::new(),
        };
        device.eeprom = device.factory();
        device.power_up();
        device
    }

    fn power_up(&mut self) {
        self.settings.clone_from(&self.eeprom);
        (self.power, self.integral, self.alarms) = (0, 0.0, 0);
    }

    fn factory(&self) -> BTreeMap<u8, i32> {
        let codes = self.codes;
        let mut settings = BTreeMap::from([(codes.set_read, (25.0 * self.config.scale) as i32)]);
        let from_heating = i32::from(self.config.heats_from_second);
        let off = [(codes.output_read, 0), (codes.eeprom_read, 1), (codes.shutdown_read, 0), (codes.polarity_read, from_heating)];
        for (code, value) in off.into_iter().chain([(codes.trip_read, NO_TRIP)]) {
            settings.extend(code.map(|code| (code, value)));
        }
        // As a hand at its display may have left it: of what makes it hold a set point of a host, and stay stopped, nothing is so.
        settings.extend(codes.trip_stays.iter().map(|(_, read, value)| (*read, 1 - value)));
        settings.extend(codes.held.iter().map(|(_, read, value)| (*read, 1 - value)));
        settings
    }

    /// How often its EEPROM was written since it was delivered.
    pub fn eeprom_writes(&self) -> u64 {
        self.eeprom_writes
    }

    /// Somebody changes a setting by its keys.
    pub fn pressed(&mut self) {
        self.alarms |= self.codes.pressed;
    }

    /// A setting was written, the one that `place` reads.
    fn save(&mut self, place: u8, value: i32) {
        let saves = self.codes.eeprom_read.is_none_or(|code| code == place || self.settings.get(&code) == Some(&1));
        if !saves {
            return;
        }
        if self.eeprom_writes == 0 {
            self.events.push("settings go to its EEPROM as they are written".to_owned());
        }
        self.eeprom.insert(place, value);
        self.eeprom_writes += 1;
    }

    /// The temperature it is set to, °C.
    pub fn set_point_degc(&self) -> f64 {
        self.settings.get(&self.codes.set_read).map_or(f64::NAN, |counts| f64::from(*counts) / self.config.scale)
    }

    /// Lets `dt_bench_s` of bench time pass with what the inputs read. Returns the current demanded of the output, A: positive
    /// cools the object.
    pub fn control(&mut self, dt_bench_s: f64, sensors: Sensors) -> f64 {
        self.sensors = Some(sensors);
        if !sensors.object_degc.is_finite() && self.alarms & Alarm::SENSOR_OPEN == 0 {
            self.alarms |= Alarm::SENSOR_OPEN;
            self.events.push("sensor 1 open".to_owned());
            let shuts = self.codes.shutdown_read.and_then(|code| self.settings.get(&code)) == Some(&1);
            if let Some(code) = self.codes.output_read.filter(|_| shuts) {
                self.settings.insert(code, 0);
                self.events.push("shut down by its alarm: output off".to_owned());
            }
        }
        // Set at its display, in Fahrenheit or by a table of its own it does something else, of which this plant knows nothing.
        let held = self.codes.held.iter().all(|(_, read, value)| self.settings.get(read) == Some(value));
        if !self.output_on() || !held || !sensors.object_degc.is_finite() {
            (self.power, self.integral) = (0, 0.0);
            return 0.0;
        }
        let error = (sensors.object_degc - self.set_point_degc()) / self.config.band_k;
        let wanted = error + self.integral;
        let power = wanted.clamp(-1.0, 1.0);
        if wanted == power || (wanted > power) != (error > 0.0) {
            self.integral += error * dt_bench_s / self.config.integral_s;
        }
        // Positive power heats, as the sources have it; positive current cools, as the bench has it.
        self.power = (-power * FULL).round() as i32;
        let current_a = power * self.config.full_a;
        let trip = self.codes.trip_read.and_then(|code| self.settings.get(&code)).copied().unwrap_or(NO_TRIP);
        if current_a.abs() > f64::from(trip) * Codes::AMPS_A_COUNT {
            self.alarms |= self.codes.over_current;
            self.power = 0;
            self.settings.extend(self.codes.output_read.map(|code| (code, 0)));
            self.events.push(format!("{current_a:.1} A are above its trip: output off"));
            return 0.0;
        }
        current_a
    }

    fn read(&self, code: u8) -> Option<i32> {
        let counts = |degc: f64| if degc.is_finite() { (degc * self.config.scale).round() as i32 } else { i32::from(i16::MAX) };
        let codes = self.codes;
        match code {
            code if code == codes.temperature => Some(counts(self.sensors.map_or(f64::NAN, |s| s.object_degc))),
            code if Some(code) == codes.second => Some(counts(self.sensors.map_or(f64::NAN, |s| s.sink_degc))),
            code if code == codes.power => Some(self.power),
            code if code == codes.alarms => Some(self.alarms),
            code if codes.model.is_some_and(|(known, _)| known == code) => codes.model.map(|(_, number)| number),
            code if Some(code) == codes.revision => Some(REVISION),
            code => self.settings.get(&code).copied(),
        }
    }

    fn write(&mut self, code: u8, value: i32) -> Option<i32> {
        let codes = self.codes;
        let was = self.output_on();
        if Some(code) == codes.clear_write {
            self.alarms = 0;
            return Some(value);
        }
        let pairs = [
            (Some(codes.set_write), Some(codes.set_read)),
            (codes.output_write, codes.output_read),
            (codes.eeprom_write, codes.eeprom_read),
            (codes.shutdown_write, codes.shutdown_read),
            (codes.trip_write, codes.trip_read),
        ];
        let fixed = codes.held.iter().chain(codes.trip_stays).map(|(write, read, _)| (Some(*write), Some(*read)));
        let place = pairs.into_iter().chain(fixed).find(|(write, _)| *write == Some(code)).and_then(|(_, read)| read)?;
        self.settings.insert(place, value);
        self.save(place, value);
        if was != self.output_on() {
            let on = format!("output on, set to {:.2} °C", self.set_point_degc());
            self.events.push(if was { "output off".to_owned() } else { on });
        }
        Some(value)
    }
}

impl Wired for TeController {
    fn receive(&mut self, _wall_s: f64, bytes: &[u8]) -> Vec<u8> {
        self.decoder.push(bytes);
        let mut replies = Vec::new();
        while let Some(heard) = self.decoder.pop() {
            let reply = match heard {
                Heard::Damaged => Some(Reply::Damaged),
                // Only codes that read have an answer of their own; a code that writes takes whatever digits there are.
                Heard::Request { code, value } => {
                    self.read(code).or_else(|| value.and_then(|value| self.write(code, value))).map(Reply::Value)
                }
            };
            replies.extend(reply.into_iter().flat_map(|reply| reply.encode(self.config.model)));
        }
        replies
    }

    fn pass(&mut self, _wall_s: f64) {}

    fn output_on(&self) -> bool {
        match self.codes.output_read {
            Some(code) => self.settings.get(&code).is_some_and(|on| *on != 0),
            None => true,
        }
    }

    fn has_watchdog(&self) -> bool {
        false
    }

    fn suffer(&mut self, _wall_s: f64, ailment: Ailment) {
        if ailment != Ailment::WatchdogFires {
            self.decoder.clear();
            self.power_up();
            self.events.push("powered up".to_owned());
        }
    }

    fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }
}

#[cfg(test)]
mod tests;
