//! A Mettler-Toledo scale, MT-SICS levels 0 and 1 ("MT-SICS Reference Manual", command set of every balance): `S`, `SI`, `Z`, `ZI`, `T`,
//! `TA`, `TAC`, `@`, `I0` to `I4`. What lies on its pan is the host's to say. It says `S I` where the pan is not at rest (a real one waits
//! for its own time-out first) and `S +` beyond its capacity.

use super::lines::Lines;
use super::{Emulated, Scene};
use crate::tec_controller::TecController;
use crate::wired::Ailment;

/// Capacity and step of the display, kg: a bench scale of 32 kg (assumed).
const CAPACITY_KG: f64 = 32.0;
const STEP_KG: f64 = 0.001;
/// A pan that was touched comes to rest within this, wall seconds (assumed).
const REST_S: f64 = 1.0;
/// How far it swings meanwhile, over what lies on it (assumed).
const SWING: f64 = 0.01;
/// Zero can be set within this part of the capacity.
const ZERO_FRAC: f64 = 0.02;

/// The device.
#[derive(Debug)]
pub(super) struct Scale {
    serial: String,
    lines: Lines,
    pan_kg: f64,
    touched_s: f64,
    wall_s: f64,
    zero_kg: f64,
    tare_kg: f64,
    events: Vec<String>,
}

impl Scale {
    pub(super) fn new(serial: &str) -> Self {
        Self {
            serial: serial.to_owned(),
            lines: Lines::default(),
            pan_kg: 0.0,
            touched_s: f64::NEG_INFINITY,
            wall_s: 0.0,
            zero_kg: 0.0,
            tare_kg: 0.0,
            events: Vec::new(),
        }
    }

    fn at_rest(&self) -> bool {
        self.wall_s - self.touched_s >= REST_S
    }

    fn gross_kg(&self) -> f64 {
        self.pan_kg - self.zero_kg
    }

    /// The answer to a question for the weight under this command.
    fn weight(&self, command: &str, wait: bool) -> String {
        if self.gross_kg() > CAPACITY_KG {
            return format!("{command} +");
        }
        if self.gross_kg() < -ZERO_FRAC * CAPACITY_KG {
            return format!("{command} -");
        }
        let net_kg = self.gross_kg() - self.tare_kg;
        if self.at_rest() {
            format!("{command} S {} kg", shown(net_kg))
        } else if wait {
            format!("{command} I")
        } else {
            let swinging_kg = net_kg + SWING * self.pan_kg * (1.0 - (self.wall_s - self.touched_s) / REST_S);
            format!("{command} D {} kg", shown(swinging_kg))
        }
    }

    fn zero(&mut self, command: &str) -> String {
        if !self.at_rest() && command == "Z" {
            return "Z I".to_owned();
        }
        if self.pan_kg > ZERO_FRAC * CAPACITY_KG {
            return format!("{command} +");
        }
        (self.zero_kg, self.tare_kg) = (self.pan_kg, 0.0);
        if command == "ZI" { "ZI S".to_owned() } else { "Z A".to_owned() }
    }

    fn answer(&mut self, line: &str) -> String {
        match line {
            "S" => self.weight("S", true),
            "SI" => self.weight("S", false),
            "Z" | "ZI" => self.zero(line),
            "T" if !self.at_rest() => "T I".to_owned(),
            "T" => {
                self.tare_kg = self.gross_kg();
                format!("T S {} kg", shown(self.tare_kg))
            }
            "TA" => format!("TA A {} kg", shown(self.tare_kg)),
            "TAC" => {
                self.tare_kg = 0.0;
                "TAC A".to_owned()
            }
            "@" => {
                self.tare_kg = 0.0;
                format!("I4 A \"{}\"", self.serial)
            }
            "I0" => {
                let commands = ["I0", "I1", "I2", "I3", "I4", "S", "SI", "Z", "@", "T", "TA", "TAC", "ZI"];
                let level = |command: &str| u8::from(["T", "TA", "TAC"].contains(&command));
                let (last, rest) = commands.split_last().unwrap_or((&"I0", &[]));
                let mut out: Vec<String> = rest.iter().map(|c| format!("I0 B {} \"{c}\"", level(c))).collect();
                out.push(format!("I0 A {} \"{last}\"", level(last)));
                out.join("\r\n")
            }
            "I1" => "I1 A \"01\" \"2.30\" \"2.20\" \"\" \"\"".to_owned(),
            "I2" => "I2 A \"orbitbench emulated 32.000 kg\"".to_owned(),
            "I3" => "I3 A \"1.00 1.00\"".to_owned(),
            "I4" => format!("I4 A \"{}\"", self.serial),
            _ => "ES".to_owned(),
        }
    }
}

/// As its display shows it, ten characters wide.
fn shown(kg: f64) -> String {
    format!("{:>10.3}", (kg / STEP_KG).round() * STEP_KG + 0.0)
}

impl Emulated for Scale {
    fn receive(&mut self, wall_s: f64, bytes: &[u8], _tec: &mut TecController) -> Vec<u8> {
        self.wall_s = self.wall_s.max(wall_s);
        let mut out = Vec::new();
        for line in self.lines.take(bytes) {
            out.extend((self.answer(&line) + "\r\n").into_bytes());
        }
        out
    }

    fn advance(&mut self, wall_s: f64, _dt_bench_s: f64, _scene: &Scene) {
        let swung = !self.at_rest();
        self.wall_s = self.wall_s.max(wall_s);
        if swung && self.at_rest() {
            self.events.push("the pan is at rest".to_owned());
        }
    }

    fn output_on(&self) -> Option<bool> {
        None
    }

    fn suffer(&mut self, wall_s: f64, ailment: Ailment, _tec: &mut TecController) {
        match ailment {
            Ailment::PowerCycle => {}
            Ailment::Exchanged { serial_number } => self.serial = serial_number,
            Ailment::WatchdogFires => return,
        }
        // It sets its zero as it powers up, with whatever lies on it.
        self.wall_s = self.wall_s.max(wall_s);
        (self.lines, self.zero_kg, self.tare_kg) = (Lines::default(), self.pan_kg, 0.0);
        self.events.push("powered up".to_owned());
    }

    fn load(&mut self, kg: f64) {
        if kg != self.pan_kg {
            (self.pan_kg, self.touched_s) = (kg, self.wall_s);
            self.events.push(format!("{kg} kg on the pan"));
        }
    }

    fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(scale: &mut Scale, wall_s: f64, line: &str) -> String {
        let mut tec = TecController::idle();
        String::from_utf8(scale.receive(wall_s, format!("{line}\r\n").as_bytes(), &mut tec)).expect("text")
    }

    #[test]
    fn a_pan_comes_to_rest_before_it_is_weighed() {
        let mut scale = Scale::new("B1");
        assert_eq!(asked(&mut scale, 0.0, "S"), "S S      0.000 kg\r\n");
        scale.load(0.5504);
        assert_eq!(asked(&mut scale, 0.1, "S"), "S I\r\n");
        assert!(asked(&mut scale, 0.1, "SI").starts_with("S D      0.55"));
        assert_eq!(asked(&mut scale, 2.0, "S"), "S S      0.550 kg\r\n");
        assert_eq!(asked(&mut scale, 2.0, "T"), "T S      0.550 kg\r\n");
        assert_eq!(asked(&mut scale, 2.0, "S"), "S S      0.000 kg\r\n");
        assert_eq!(asked(&mut scale, 2.0, "TAC"), "TAC A\r\n");
        assert_eq!(asked(&mut scale, 2.0, "nonsense"), "ES\r\n");
        scale.load(33.0);
        assert_eq!(asked(&mut scale, 9.0, "S"), "S +\r\n");
        assert_eq!(asked(&mut scale, 9.0, "Z"), "Z +\r\n");
        assert!(scale.events().len() == 2);
    }
}
