//! What is known of an instrument once it is ready, and what is not: told to people, by `rig check` and when it is ready.

use super::{DriverKind, Firmware, Instrument, LineSettings, ModbusFirmware, OBJECT_TEMPERATURE};
use crate::dialect::{Dialect, Setup};
use crate::protocol::tetech::Codes;

impl Instrument {
    /// What was in fact looked at before it was ready, in words.
    pub fn read_back(&self) -> String {
        let mut done = vec![if self.tells_of_itself() { "identified" } else { "it answers" }.to_owned()];
        if self.switches() {
            done.push(if self.safe_is_on() { "output looked at" } else { "output off" }.to_owned());
        }
        let written = match &self.driver {
            DriverKind::Mecom(_) => vec!["limits".to_owned(), self.lease_word()],
            DriverKind::Modbus(modbus) => modbus.lease.iter().map(|_| self.lease_word()).collect(),
            DriverKind::Neslab(_) | DriverKind::Tetech(_) => Vec::new(),
            DriverKind::Line(line) => self.setups(line).filter(|s| s.back.is_some()).map(|s| in_words(&s.name)).collect(),
        };
        match written.split_last() {
            None => done.push("nothing else was read back".to_owned()),
            Some((last, [])) => done.push(format!("{last} read back")),
            Some((last, rest)) => done.push(format!("{} and {last} read back", rest.join(", "))),
        }
        done.join(", ")
    }

    fn lease_word(&self) -> String {
        if self.watchdog_is_off() { "no lease (0)" } else { "lease" }.to_owned()
    }

    /// What neither the device is told nor anybody checks, and is a matter of its menu or of this program alone; empty where nothing is
    /// switched.
    pub fn untold(&self) -> Vec<String> {
        if !self.switches() {
            return Vec::new();
        }
        let mut missing = Vec::new();
        let mut note = |there: bool, what: &str| {
            if !there {
                missing.push(what.to_owned());
            }
        };
        let line = match &self.driver {
            DriverKind::Line(line) => Some(line),
            _ => None,
        };
        let mecom = self.mecom();
        // Whether a line of the dialect writes or checks it, with what this rig gives.
        let by_line = |name: &str| line.is_some_and(|line| self.setups(line).any(|s| s.uses(name)));
        let trips = matches!(&self.driver, DriverKind::Tetech(tetech) if tetech.current_trip_a.is_some());
        note(mecom.is_some() || trips || by_line("current_limit_a"), "largest current");
        note(mecom.is_some() || by_line("voltage_limit_v"), "largest voltage");
        if self.servoes() {
            // A controller of MeCom holds the trips of what it reads itself.
            let (low, high) = if mecom.is_some() { self.trips(OBJECT_TEMPERATURE) } else { (None, None) };
            note(low.is_some() || by_line("min_degc"), "lowest temperature");
            note(high.is_some() || by_line("max_degc"), "highest temperature");
            note(mecom.is_some() || by_line("rate_k_min"), "ramp");
            let sensor = mecom.is_some_and(|mecom| mecom.object_sensor.is_some());
            note(sensor || by_line("sensor_type"), "sensor type");
        }
        if let Some(line) = line.filter(|line| line.dialect.parameters().1.contains(&"off_conditions")) {
            note(line.off_conditions.is_some(), "conditions that switch it off by itself");
        }
        missing
    }

    /// Why another unit in its place would not be told apart; `None` where it would.
    pub fn mistaken_for(&self) -> Option<&'static str> {
        let declared = match &self.driver {
            DriverKind::Mecom(mecom) => mecom.serial_number.is_some(),
            DriverKind::Modbus(modbus) => modbus.identity.is_some(),
            DriverKind::Neslab(_) | DriverKind::Tetech(_) => return Some("the family tells no serial number"),
            DriverKind::Line(line) => {
                if !line.dialect.identify.tells("serial") {
                    return Some("the family tells no serial number");
                }
                line.serial_number.is_some()
            }
        };
        (!declared).then_some("no serial number is declared")
    }

    /// The firmware that it is held to before anything is switched on, in words; else why another goes unnoticed.
    pub fn held_to_firmware(&self) -> Result<String, &'static str> {
        const UNDECLARED: &str = "no firmware is declared";
        let told = |wanted: &Firmware| format!("firmware {wanted}");
        match &self.driver {
            DriverKind::Mecom(mecom) => {
                let hardware = mecom.hardware.as_ref().map(|wanted| format!("hardware {wanted}"));
                let words: Vec<String> = mecom.firmware.as_ref().map(told).into_iter().chain(hardware).collect();
                if words.is_empty() { Err(UNDECLARED) } else { Ok(words.join(", ")) }
            }
            DriverKind::Modbus(modbus) => match modbus.firmware.as_ref().ok_or(UNDECLARED)? {
                ModbusFirmware::Register(name, wanted) => Ok(format!("{} in register \"{name}\"", told(wanted))),
                ModbusFirmware::Revision(wanted) => Ok(format!("{} by Read Device Identification", told(wanted))),
            },
            DriverKind::Neslab(neslab) => {
                neslab.firmware.as_ref().map(|wanted| format!("version {wanted} of its protocol")).ok_or(UNDECLARED)
            }
            DriverKind::Tetech(tetech) if Codes::of(tetech.model).revision.is_some() => {
                Err("the revision of its software is told, and no rig file can hold it to one")
            }
            DriverKind::Tetech(_) => Err("the model tells none"),
            DriverKind::Line(line) if !line.dialect.identify.tells("firmware") => Err("the family tells none"),
            DriverKind::Line(line) => line.firmware.as_ref().map(told).ok_or(UNDECLARED),
        }
    }

    /// The device says who it is: a register map or a measured value is no name.
    fn tells_of_itself(&self) -> bool {
        match &self.driver {
            DriverKind::Mecom(_) | DriverKind::Line(_) => true,
            DriverKind::Modbus(modbus) => modbus.identity.is_some(),
            DriverKind::Tetech(tetech) => Codes::of(tetech.model).model.is_some(),
            DriverKind::Neslab(_) => false,
        }
    }

    /// The settings of its dialect that this rig gives everything for.
    fn setups<'a>(&'a self, line: &'a LineSettings) -> impl Iterator<Item = &'a Setup> {
        let dialect: &Dialect = &line.dialect;
        dialect.setup.iter().filter(|setup| setup.parameters().all(|name| self.gives(line, name)))
    }

    fn gives(&self, line: &LineSettings, name: &str) -> bool {
        match name {
            "lease_s" => line.lease_s.is_some(),
            "current_limit_a" => line.current_limit_a.is_some(),
            "voltage_limit_v" => line.voltage_limit_v.is_some(),
            "power_limit_w" => line.power_limit_w.is_some(),
            "min_degc" | "max_degc" | "rate_k_min" => self.setpoint.is_some(),
            "sensor_type" => line.sensor_type.is_some(),
            "off_conditions" => line.off_conditions.is_some(),
            "unit_place" => line.unit_place.is_some(),
            _ => true,
        }
    }
}

/// `current_limit` as people write it.
fn in_words(name: &str) -> String {
    name.replace('_', " ")
}
