//! A TEC controller of the ILX dialect (Arroyo, ILX Lightwave, Newport): a face of the stage that moves the plate's heat. Like the
//! devices, it has no watchdog: what the host last asked for stands.

use super::lines::{Lines, argument};
use super::{Emulated, Scene};
use crate::tec_controller::TecController;
use crate::wired::Ailment;
use std::collections::VecDeque;

/// Steepest ramp that can be set, K/min, and how fast the target moves where none is (as fast as the stage can follow).
const STEEPEST_K_MIN: f64 = 100.0;
const FREE_K_S: f64 = 100.0;

/// The device.
#[derive(Debug)]
pub(super) struct TecFace {
    model: String,
    serial: String,
    lines: Lines,
    current_limit_a: f64,
    upper_degc: f64,
    /// 0 for none.
    ramp_k_min: f64,
    lower_degc: f64,
    scene: Option<Scene>,
    errors: VecDeque<i32>,
    events: Vec<String>,
}

impl TecFace {
    pub(super) fn new(model: &str, serial: &str) -> Self {
        Self {
            model: model.to_owned(),
            serial: serial.to_owned(),
            lines: Lines::default(),
            current_limit_a: 1.0,
            upper_degc: 60.0,
            ramp_k_min: 0.0,
            lower_degc: -20.0,
            scene: None,
            errors: VecDeque::new(),
            events: Vec::new(),
        }
    }

    fn show_ramp(&self, tec: &mut TecController) {
        tec.limit_ramp(if self.ramp_k_min > 0.0 { self.ramp_k_min / 60.0 } else { FREE_K_S });
    }

    fn answer(&mut self, line: &str, tec: &mut TecController) -> Option<String> {
        let upper = line.to_ascii_uppercase();
        let head = upper.split(' ').next().unwrap_or_default();
        let number = argument(&upper);
        let sensors = self.scene.map(|scene| scene.sensors);
        Some(match (head, number) {
            ("*IDN?", _) => format!("Arroyo {} {} v2.34", self.model, self.serial),
            ("TEC:T?", _) => format!("{:.3}", sensors?.object_degc),
            ("TEC:ITE?", _) => format!("{:.3}", tec.current_a()),
            ("TEC:V?", _) => format!("{:.3}", if tec.output_on() { sensors?.voltage_v } else { 0.0 }),
            ("TEC:SET:T?", _) => format!("{:.3}", tec.target_degc()),
            ("TEC:OUT?", _) => format!("{}", u8::from(tec.output_on())),
            ("TEC:LIM:ITE?", _) => format!("{:.3}", self.current_limit_a),
            ("TEC:LIM:THI?", _) => format!("{:.3}", self.upper_degc),
            ("TEC:TRATE?", _) => format!("{:.2}", self.ramp_k_min),
            ("TEC:TRATE", Some(k_min)) if (0.0..=STEEPEST_K_MIN).contains(&k_min) => {
                self.ramp_k_min = k_min;
                self.show_ramp(tec);
                return None;
            }
            ("TEC:LIM:TLO?", _) => format!("{:.3}", self.lower_degc),
            // A thermistor at 100 uA, and as delivered (assumed: ILX's default).
            ("TEC:SEN?", _) => "1".to_owned(),
            ("TEC:ENAB:OUTOFF?", _) => "1512".to_owned(),
            ("TEC:MODE?", _) => "T".to_owned(),
            ("ERRSTR?", _) => self.errors.pop_front().map_or_else(|| "0".to_owned(), |code| format!("{code},\"error\"")),
            ("TEC:T", Some(degc)) if (self.lower_degc..=self.upper_degc).contains(&degc) => {
                tec.set_target(degc);
                return None;
            }
            ("TEC:OUT", Some(on)) if on == 0.0 || on == 1.0 => {
                let was = tec.output_on();
                tec.set_output(on == 1.0);
                if was != tec.output_on() {
                    self.events.push(if was { "output off" } else { "output on" }.to_owned());
                }
                return None;
            }
            ("TEC:LIM:ITE", Some(amps)) if tec.limit_current(amps) => {
                self.current_limit_a = amps;
                return None;
            }
            ("TEC:LIM:THI", Some(degc)) => {
                self.upper_degc = degc;
                return None;
            }
            ("TEC:LIM:TLO", Some(degc)) => {
                self.lower_degc = degc;
                return None;
            }
            ("TEC:MODE:T", _) => return None,
            ("*CLS", _) => {
                self.errors.clear();
                return None;
            }
            ("TEC:T" | "TEC:OUT" | "TEC:LIM:ITE" | "TEC:TRATE", _) => {
                self.errors.push_back(201);
                return None;
            }
            _ => {
                self.errors.push_back(123);
                return None;
            }
        })
    }
}

impl Emulated for TecFace {
    fn receive(&mut self, _wall_s: f64, bytes: &[u8], tec: &mut TecController) -> Vec<u8> {
        let lines = self.lines.take(bytes);
        lines.iter().filter_map(|line| self.answer(line, tec)).flat_map(|answer| (answer + "\r\n").into_bytes()).collect()
    }

    fn advance(&mut self, _wall_s: f64, _dt_bench_s: f64, scene: &Scene) {
        if let Some(scene) = self.scene.replace(*scene).filter(|_| scene.sensors.object_degc > self.upper_degc)
            && scene.sensors.object_degc <= self.upper_degc
        {
            self.errors.push_back(407);
        }
    }

    fn output_on(&self) -> Option<bool> {
        None
    }

    fn suffer(&mut self, _wall_s: f64, ailment: Ailment, tec: &mut TecController) {
        match ailment {
            Ailment::PowerCycle => {}
            Ailment::Exchanged { serial_number } => self.serial = serial_number,
            // It has none.
            Ailment::WatchdogFires => return,
        }
        let events = std::mem::take(&mut self.events);
        *self = Self { scene: self.scene, events, ..Self::new(&self.model, &self.serial) };
        self.events.push("powered up, output off".to_owned());
        tec.set_output(false);
        self.show_ramp(tec);
    }

    fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }
}
