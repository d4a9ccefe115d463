//! Smaller devices that speak in lines: a circulator, a power meter, and home-made firmware with a watchdog.

use super::lines::{Lines, argument};
use super::{Emulated, Scene};
use crate::tec_controller::TecController;
use crate::wired::Ailment;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A Julabo circulator whose bath is the plate: a face of the stage that moves the plate's heat.
    Julabo,
    /// A Yokogawa WT310 in the board's supply.
    Yokogawa,
    /// Home-made firmware that drives a heater.
    Homemade,
}

/// The device.
#[derive(Debug)]
pub(super) struct Other {
    kind: Kind,
    serial: String,
    lines: Lines,
    scene: Option<Scene>,
    energy_wh: f64,
    integrates: bool,
    rate_s: f64,
    on: bool,
    power_w: f64,
    watchdog_s: f64,
    heard_s: f64,
    error: u8,
    items: [String; 2],
    /// Its answers come with headers: as it leaves the works.
    headers: bool,
    events: Vec<String>,
}

impl Other {
    pub(super) fn new(kind: Kind, serial: &str) -> Self {
        Self {
            kind,
            serial: serial.to_owned(),
            lines: Lines::default(),
            scene: None,
            energy_wh: 0.0,
            integrates: false,
            rate_s: 0.25,
            on: false,
            power_w: 0.0,
            watchdog_s: 0.0,
            heard_s: 0.0,
            error: 0,
            items: ["U,1".to_owned(), "I,1".to_owned()],
            headers: true,
            events: Vec::new(),
        }
    }

    fn julabo(&mut self, line: &str, tec: &mut TecController) -> Option<String> {
        let number = argument(line);
        let head = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match (head.as_str(), number) {
            ("VERSION", _) => Some("JULABO FP50_MH Simulator, ISIS".to_owned()),
            ("STATUS", _) => Some(if tec.output_on() { "03 REMOTE START" } else { "02 REMOTE STOP" }.to_owned()),
            ("IN_PV_00", _) => Some(format!("{:.2}", self.scene?.sensors.object_degc)),
            ("IN_PV_01", _) => Some("0.0".to_owned()),
            ("IN_SP_00", _) => Some(format!("{:.2}", tec.target_degc())),
            ("IN_SP_06" | "IN_SP_11", _) => Some("0".to_owned()),
            ("IN_MODE_05", _) => Some(format!("{}", u8::from(tec.output_on()))),
            ("OUT_SP_00", Some(degc)) if (-94.99..=300.0).contains(&degc) => {
                tec.set_target(degc);
                None
            }
            ("OUT_MODE_05", Some(on)) if on == 0.0 || on == 1.0 => {
                tec.set_output(on == 1.0);
                None
            }
            _ => None,
        }
    }

    fn yokogawa(&mut self, line: &str) -> Option<String> {
        let upper = line.to_ascii_uppercase();
        let headed = |header: &str, value: String| Some(if self.headers { format!("{header} {value}") } else { value });
        let item = |text: &str| text.parse::<usize>().ok().filter(|n| (1..=2).contains(n)).map(|n| n - 1);
        if let Some(rest) = upper.strip_prefix(":NUM:NORM:ITEM") {
            if let Some(number) = rest.strip_suffix('?') {
                let number = item(number)?;
                return headed(&format!(":NUM:NORM:ITEM{}", number + 1), self.items[number].clone());
            }
            let (number, function) = rest.split_once(' ')?;
            function.clone_into(&mut self.items[item(number)?]);
            return None;
        }
        if let Some(number) = upper.strip_prefix(":NUM:NORM:VAL? ") {
            return Some(match self.items[item(number)?].as_str() {
                "P,1" => format!("{:.4E}", self.scene?.board_w),
                // Reset, it counts nothing and has nothing to show.
                "WH,1" if self.integrates => format!("{:.6E}", self.energy_wh),
                _ => "NAN".to_owned(),
            });
        }
        match upper.as_str() {
            "*IDN?" => Some(format!("YOKOGAWA,WT310,{},F1.03", self.serial)),
            ":STAT:ERR?" => Some("0,\"No error\"".to_owned()),
            ":RATE?" => headed(":RATE", format!("{:.1}E-03", self.rate_s * 1e3)),
            ":COMM:HEAD?" => headed(":COMM:HEAD", u8::from(self.headers).to_string()),
            ":COMM:HEAD ON" | ":COMM:HEAD OFF" => {
                self.headers = upper.ends_with("ON");
                None
            }
            ":RATE 100MS" if !self.integrates => {
                self.rate_s = 0.1;
                None
            }
            // Of a question that is no setting there is no header.
            ":INTEG:STAT?" => Some(if self.integrates { "STAR" } else { "RES" }.to_owned()),
            ":INTEG:STAR" => {
                self.integrates = true;
                None
            }
            _ => None,
        }
    }

    fn homemade(&mut self, line: &str) -> Option<String> {
        let value = |prefix: &str| line.strip_prefix(prefix).and_then(|v| v.parse::<f64>().ok()).filter(|v| v.is_finite());
        match line {
            "ID?" => return Some(format!("ID bench-heater {} 1.2", self.serial)),
            "T?" => return Some(format!("T={:.2}", self.scene?.room_degc)),
            "P?" => return Some(format!("P={:.1}", self.power_w)),
            "ON?" => return Some(format!("ON={}", u8::from(self.on))),
            "WD?" => return Some(format!("WD={}", self.watchdog_s)),
            "E?" => return Some(format!("E={}", self.error)),
            "ON" => (self.on, self.error) = (true, 0),
            "OFF" => (self.on, self.error) = (false, 0),
            _ => {
                self.power_w = value("P=").filter(|w| (0.0..=100.0).contains(w)).unwrap_or(self.power_w);
                self.watchdog_s = value("WD=").filter(|s| (0.0..=3600.0).contains(s)).unwrap_or(self.watchdog_s);
            }
        }
        None
    }

    fn watch(&mut self, wall_s: f64) {
        if self.on && self.watchdog_s > 0.0 && wall_s - self.heard_s > self.watchdog_s {
            (self.on, self.error) = (false, 3);
            self.events.push(format!("watchdog: no line for {} s: output off", self.watchdog_s));
        }
    }
}

impl Emulated for Other {
    fn receive(&mut self, wall_s: f64, bytes: &[u8], tec: &mut TecController) -> Vec<u8> {
        self.watch(wall_s);
        let mut out = Vec::new();
        for line in self.lines.take(bytes) {
            self.heard_s = wall_s;
            let answer = match self.kind {
                Kind::Julabo => self.julabo(&line, tec),
                Kind::Yokogawa => self.yokogawa(&line),
                Kind::Homemade => self.homemade(&line),
            };
            out.extend(answer.into_iter().flat_map(|answer| (answer + "\r\n").into_bytes()));
        }
        out
    }

    fn advance(&mut self, wall_s: f64, dt_bench_s: f64, scene: &Scene) {
        self.watch(wall_s);
        self.scene = Some(*scene);
        if self.integrates {
            self.energy_wh += scene.board_w * dt_bench_s / 3600.0;
        }
    }

    fn output_on(&self) -> Option<bool> {
        (self.kind == Kind::Homemade).then_some(self.on)
    }

    fn has_watchdog(&self) -> bool {
        self.kind == Kind::Homemade
    }

    fn suffer(&mut self, _wall_s: f64, ailment: Ailment, tec: &mut TecController) {
        match ailment {
            Ailment::PowerCycle => {}
            Ailment::Exchanged { serial_number } => self.serial = serial_number,
            Ailment::WatchdogFires => {
                if self.kind == Kind::Homemade && self.on {
                    (self.on, self.error) = (false, 3);
                    self.events.push("watchdog fired: output off".to_owned());
                }
                return;
            }
        }
        let serial = std::mem::take(&mut self.serial);
        *self = Self { scene: self.scene, events: std::mem::take(&mut self.events), ..Self::new(self.kind, &serial) };
        self.events.push("powered up".to_owned());
        if self.kind == Kind::Julabo {
            tec.set_output(false);
        }
    }

    fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }
}
