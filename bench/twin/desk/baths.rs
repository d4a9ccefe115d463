//! Circulators of Lauda and Huber whose bath is the plate: faces of the stage that moves the plate's heat.
//!
//! **Lauda**: commands of the operating instructions for Ecoline, Microcool, LOOP and PRO devices (read at easymanua.ls, manualshive.com
//! and manualslib.com): a blank may stand for `_`, CR or CRLF ends a line, writes are answered `OK` or `ERR_X`. Its communication
//! time-out (`OUT_SP_08`, s) does not stop it: it goes on at the set point of its safe mode (`OUT_SP_07`).
//!
//! **Huber**: PB commands as huber on `PyPI` sends them and expects them back: what is not enabled answers 7FFF, what is no command is not
//! answered at all. A watchdog is not in what was read.

use super::lines::Lines;
use super::{Emulated, Scene};
use crate::tec_controller::TecController;
use crate::wired::Ailment;

/// Set points that either takes, °C (assumed: a bath of water and glycol, or of silicone oil).
const RANGE: std::ops::RangeInclusive<f64> = -50.0..=200.0;
/// What either powers up with, °C (assumed).
const DELIVERED_DEGC: f64 = 20.0;

/// What both baths are: a set point and a switch, with the stage behind them if the rig's plate is theirs.
#[derive(Debug)]
struct Bath {
    servoes: bool,
    target_degc: f64,
    on: bool,
    scene: Option<Scene>,
    events: Vec<String>,
}

impl Bath {
    const fn new(servoes: bool) -> Self {
        Self { servoes, target_degc: DELIVERED_DEGC, on: false, scene: None, events: Vec::new() }
    }

    fn switch(&mut self, on: bool) {
        if std::mem::replace(&mut self.on, on) != on {
            self.events.push(if on { format!("on, set to {:.2} °C", self.target_degc) } else { "standby".to_owned() });
        }
    }

    fn power_up(&mut self) {
        *self = Self { scene: self.scene, events: std::mem::take(&mut self.events), ..Self::new(self.servoes) };
        self.events.push("powered up, in standby".to_owned());
    }

    fn show(&self, wall_s: f64, tec: &mut TecController) {
        if self.servoes {
            super::binary::face(tec, wall_s, Some(self.target_degc), self.on);
        }
    }

    /// The bath's temperature, °C; not a number before anything was measured.
    fn bath_degc(&self) -> f64 {
        self.scene.map_or(f64::NAN, |scene| scene.sensors.object_degc)
    }
}

/// A Lauda thermostat.
#[derive(Debug)]
pub(super) struct Lauda {
    bath: Bath,
    lines: Lines,
    safe_degc: f64,
    timeout_s: f64,
    heard_s: f64,
    safe: bool,
}

impl Lauda {
    pub(super) fn new(servoes: bool) -> Self {
        Self { bath: Bath::new(servoes), lines: Lines::default(), safe_degc: DELIVERED_DEGC, timeout_s: 0.0, heard_s: 0.0, safe: false }
    }

    /// The host fell silent: on at the safe set point, not off.
    fn fall_back(&mut self, why: &str) {
        if !std::mem::replace(&mut self.safe, true) {
            self.bath.target_degc = self.safe_degc;
            self.bath.events.push(format!("{why}: safe mode, set to {:.2} °C", self.safe_degc));
        }
    }

    fn watch(&mut self, wall_s: f64) {
        if self.timeout_s > 0.0 && wall_s - self.heard_s > self.timeout_s {
            self.fall_back(&format!("no line for {} s", self.timeout_s));
        }
    }

    fn answer(&mut self, line: &str) -> String {
        let line = line.replace(' ', "_").to_ascii_uppercase();
        let degc = |value: f64| if value.is_finite() { format!("{value:06.2}") } else { "ERR_30".to_owned() };
        match line.as_str() {
            "TYPE" => return "ECO".to_owned(),
            "VERSION_R" => return "1.45".to_owned(),
            "STATUS" => return "0".to_owned(),
            "STAT" => return "0000000".to_owned(),
            "IN_PV_00" | "IN_PV_01" => return degc(self.bath.bath_degc()),
            // No Pt100 is plugged in (the number is assumed: manuals say "ERR_X").
            "IN_PV_03" => return "ERR_30".to_owned(),
            "IN_SP_00" => return degc(self.bath.target_degc),
            "IN_SP_07" => return degc(self.safe_degc),
            "IN_SP_08" => return degc(self.timeout_s),
            "IN_MODE_02" => return u8::from(!self.bath.on).to_string(),
            "START" | "STOP" => {
                self.bath.switch(line == "START");
                return "OK".to_owned();
            }
            _ => {}
        }
        let Some((head, value)) = line.rsplit_once('_') else { return "ERR_3".to_owned() };
        let Ok(value) = value.parse::<f64>() else {
            return if head.starts_with("OUT_") { "ERR_5" } else { "ERR_3" }.to_owned();
        };
        let range = match head {
            "OUT_SP_00" | "OUT_SP_07" => RANGE,
            "OUT_SP_01" => 0.0..=6.0,
            "OUT_SP_08" => 0.0..=99.0,
            _ => return "ERR_3".to_owned(),
        };
        if !range.contains(&value) {
            return "ERR_6".to_owned();
        }
        match head {
            "OUT_SP_00" => (self.bath.target_degc, self.safe) = (value, false),
            "OUT_SP_07" => self.safe_degc = value,
            "OUT_SP_08" => self.timeout_s = value,
            _ => {}
        }
        "OK".to_owned()
    }
}

impl Emulated for Lauda {
    fn receive(&mut self, wall_s: f64, bytes: &[u8], tec: &mut TecController) -> Vec<u8> {
        self.watch(wall_s);
        let mut out = Vec::new();
        for line in self.lines.take(bytes) {
            self.heard_s = wall_s;
            out.extend((self.answer(&line) + "\r\n").into_bytes());
        }
        self.bath.show(wall_s, tec);
        out
    }

    fn advance(&mut self, wall_s: f64, _dt_bench_s: f64, scene: &Scene) {
        self.watch(wall_s);
        self.bath.scene = Some(*scene);
    }

    fn output_on(&self) -> Option<bool> {
        Some(self.bath.on)
    }

    fn suffer(&mut self, wall_s: f64, ailment: Ailment, tec: &mut TecController) {
        if ailment == Ailment::WatchdogFires {
            self.fall_back("its communication time-out fired");
        } else {
            let mut bath = Bath { events: std::mem::take(&mut self.bath.events), ..Bath::new(self.bath.servoes) };
            bath.scene = self.bath.scene;
            bath.power_up();
            *self = Self { bath, heard_s: wall_s, ..Self::new(self.bath.servoes) };
        }
        self.bath.show(wall_s, tec);
    }

    fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.bath.events)
    }
}

/// A Huber circulator.
#[derive(Debug)]
pub(super) struct Huber {
    bath: Bath,
    lines: Lines,
    serial: u32,
    pump_rpm: i32,
}

/// What a command that is not enabled answers.
const NOT_ENABLED: i32 = 0x7FFF;
/// What a sensor that cannot be read answers: -151 °C.
const NO_SENSOR: i32 = -15_100;

/// A Huber's serial number is told as hexadecimal words, which is how a rig file declares it.
fn told_serial(text: &str) -> u32 {
    u32::from_str_radix(text, 16).unwrap_or(4242)
}

impl Huber {
    pub(super) fn new(serial: &str, servoes: bool) -> Self {
        Self { bath: Bath::new(servoes), lines: Lines::default(), serial: told_serial(serial), pump_rpm: 2000 }
    }

    /// One line; `None` for what is no command.
    fn answer(&mut self, line: &str) -> Option<String> {
        let rest = line.strip_prefix("{M").filter(|rest| rest.len() == 6 && rest.is_ascii())?;
        let address = u8::from_str_radix(&rest[..2], 16).ok()?;
        let value = &rest[2..];
        if value != "****" {
            let word = u16::from_str_radix(value, 16).ok()?;
            self.write(address, i32::from(word.cast_signed()));
        }
        let holds = self.read(address);
        Some(format!("{{S{address:02X}{:04X}", holds as u16))
    }

    /// What is out of range leaves it as it was, which the answer shows.
    fn write(&mut self, address: u8, value: i32) {
        match address {
            0x00 if RANGE.contains(&(f64::from(value) / 100.0)) => self.bath.target_degc = f64::from(value) / 100.0,
            0x14 if (0..=1).contains(&value) => self.bath.switch(value == 1),
            0x48 if (1500..=4500).contains(&value) => self.pump_rpm = value,
            _ => {}
        }
    }

    fn read(&self, address: u8) -> i32 {
        let hundredths = |value: f64| if value.is_finite() { (100.0 * value).round() as i32 } else { NO_SENSOR };
        let running = i32::from(self.bath.on);
        match address {
            0x00 => hundredths(self.bath.target_degc),
            0x01 => hundredths(self.bath.bath_degc()),
            0x03 => 35_000 / 100 * running,
            0x05 | 0x06 => 0,
            // Controlling, circulating, pumping.
            0x0A => running * 0b1_0011,
            0x0F => 870,
            0x14 => running,
            0x1B => i32::from((self.serial & 0xFFFF) as u16),
            0x1C => (self.serial >> 16).cast_signed(),
            0x26 => self.pump_rpm * running,
            0x48 => self.pump_rpm,
            0x5C => 365,
            _ => NOT_ENABLED,
        }
    }
}

impl Emulated for Huber {
    fn receive(&mut self, wall_s: f64, bytes: &[u8], tec: &mut TecController) -> Vec<u8> {
        let lines = self.lines.take(bytes);
        let out = lines.iter().filter_map(|line| self.answer(line)).flat_map(|answer| (answer + "\r\n").into_bytes()).collect();
        self.bath.show(wall_s, tec);
        out
    }

    fn advance(&mut self, _wall_s: f64, _dt_bench_s: f64, scene: &Scene) {
        self.bath.scene = Some(*scene);
    }

    fn output_on(&self) -> Option<bool> {
        Some(self.bath.on)
    }

    fn suffer(&mut self, wall_s: f64, ailment: Ailment, tec: &mut TecController) {
        match ailment {
            Ailment::PowerCycle => {}
            Ailment::Exchanged { serial_number } => self.serial = told_serial(&serial_number),
            // It has none.
            Ailment::WatchdogFires => return,
        }
        self.bath.power_up();
        self.lines = Lines::default();
        self.pump_rpm = 2000;
        self.bath.show(wall_s, tec);
    }

    fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.bath.events)
    }
}
