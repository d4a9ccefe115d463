//! A Sinara 8451 Thermostat: lines in, JSON out, one line an answer with both channels in it; channel 0 is a face of the stage.
//!
//! As the firmware and its client have it (quartiq/thermostat `README.md`, `src/command_handler.rs`, `pytec/pytec/client.py`): a command
//! is answered `{}` or `{"error": ...}`, limits are 0 as delivered, `pwm 0 pid` engages the regulator and any `i_set` disengages it.
//! Nothing in it watches the host: its regulator goes on.

use super::lines::Lines;
use super::{Emulated, Scene};
use crate::tec_controller::TecController;
use crate::wired::Ailment;
use serde_json::{Value, json};

/// What a channel can give at most (client.py's example of `get_pwm`).
const MOST_A: f64 = 3.0;
const MOST_V: f64 = 5.988;
const CHANNELS: usize = 2;

/// One channel.
#[derive(Clone, Copy, Debug)]
struct Output {
    positive_a: f64,
    negative_a: f64,
    volts: f64,
    target_degc: f64,
    engaged: bool,
}

impl Output {
    const DELIVERED: Self = Self { positive_a: 0.0, negative_a: 0.0, volts: 0.0, target_degc: 25.0, engaged: false };
}

/// The device.
#[derive(Debug)]
pub(super) struct Sinara {
    servoes: bool,
    lines: Lines,
    outputs: [Output; CHANNELS],
    scene: Option<Scene>,
    wall_s: f64,
    reporting: bool,
    events: Vec<String>,
}

impl Sinara {
    pub(super) fn new(servoes: bool) -> Self {
        Self {
            servoes,
            lines: Lines::default(),
            outputs: [Output::DELIVERED; CHANNELS],
            scene: None,
            wall_s: 0.0,
            reporting: false,
            events: Vec::new(),
        }
    }

    fn report(&self, tec: &TecController) -> Value {
        let one = |channel: usize| {
            let sensors = self.scene.map(|scene| scene.sensors).filter(|_| channel == 0);
            let output = self.outputs[channel];
            let current_a = if channel == 0 && output.engaged { tec.current_a() } else { 0.0 };
            let volts = sensors.filter(|_| output.engaged).map_or(0.0, |s| s.voltage_v);
            // A sensor that is not there, or reads no number, has no temperature; JSON has no word for it but null.
            let degc = sensors.map(|s| s.object_degc).filter(|degc| degc.is_finite());
            json!({
                "channel": channel, "time": (1000.0 * self.wall_s) as u64, "temperature": degc, "pid_engaged": output.engaged,
                "i_set": current_a, "vref": 1.494, "tec_i": current_a, "tec_u_meas": volts, "pid_output": current_a
            })
        };
        json!([one(0), one(1)])
    }

    fn pwm(&self) -> Value {
        let one = |channel: usize| {
            let Output { positive_a, negative_a, volts, .. } = self.outputs[channel];
            json!({
                "channel": channel, "center": "vref", "i_set": {"value": 0.0, "max": MOST_A}, "max_v": {"value": volts, "max": MOST_V},
                "max_i_pos": {"value": positive_a, "max": MOST_A}, "max_i_neg": {"value": negative_a, "max": MOST_A}
            })
        };
        json!([one(0), one(1)])
    }

    fn pid(&self) -> Value {
        let one = |channel: usize| {
            json!({
                "channel": channel, "target": self.outputs[channel].target_degc,
                "parameters": {"kp": 10.0, "ki": 0.02, "kd": 0.0, "output_min": -MOST_A, "output_max": MOST_A}
            })
        };
        json!([one(0), one(1)])
    }

    fn answer(&mut self, line: &str, tec: &TecController) -> Value {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words[..] {
            ["report"] => return self.report(tec),
            ["report", "mode"] => return json!({"report": self.reporting}),
            ["pwm"] => return self.pwm(),
            ["pid"] => return self.pid(),
            ["hwrev"] => return json!({"rev": {"major": 2, "minor": 2}}),
            ["report", "mode", mode @ ("on" | "off")] => {
                self.reporting = mode == "on";
                return json!({});
            }
            _ => {}
        }
        let set = self.set(&words);
        set.map_or_else(|error| json!({"error": error}), |()| json!({}))
    }

    fn set(&mut self, words: &[&str]) -> Result<(), &'static str> {
        let [topic, channel, key, value @ ..] = words else { return Err("UnexpectedInput") };
        let channel = channel.parse::<usize>().ok().filter(|channel| *channel < CHANNELS).ok_or("ParserError")?;
        let number = value.first().and_then(|word| word.parse::<f64>().ok()).filter(|n| n.is_finite());
        let output = &mut self.outputs[channel];
        match (*topic, *key, number) {
            ("pwm", "pid", None) if value.is_empty() => {
                if channel == 0 && !std::mem::replace(&mut output.engaged, true) {
                    self.events.push(format!("regulator engaged, target {:.2} °C", output.target_degc));
                }
            }
            ("pwm", "i_set", Some(amps)) => {
                if std::mem::replace(&mut output.engaged, false) {
                    self.events.push("regulator disengaged".to_owned());
                }
                if amps != 0.0 {
                    return Err("the emulated stage gives no current without its regulator");
                }
            }
            ("pwm", "max_i_pos", Some(amps)) => output.positive_a = amps.clamp(0.0, MOST_A),
            ("pwm", "max_i_neg", Some(amps)) => output.negative_a = amps.clamp(0.0, MOST_A),
            ("pwm", "max_v", Some(volts)) => output.volts = volts.clamp(0.0, MOST_V),
            ("pid", "target", Some(degc)) => output.target_degc = degc,
            ("pid", "kp" | "ki" | "kd" | "output_min" | "output_max", Some(_)) => {}
            _ => return Err("ParserError"),
        }
        Ok(())
    }

    fn show(&self, wall_s: f64, tec: &mut TecController) {
        if self.servoes {
            let Output { positive_a, negative_a, target_degc, engaged, .. } = self.outputs[0];
            tec.limit_current(positive_a.min(negative_a));
            super::binary::face(tec, wall_s, Some(target_degc), engaged);
        }
    }
}

impl Emulated for Sinara {
    fn receive(&mut self, wall_s: f64, bytes: &[u8], tec: &mut TecController) -> Vec<u8> {
        self.wall_s = wall_s;
        let mut out = Vec::new();
        for line in self.lines.take(bytes) {
            out.extend((self.answer(&line, tec).to_string() + "\n").into_bytes());
            self.show(wall_s, tec);
        }
        out
    }

    fn advance(&mut self, wall_s: f64, _dt_bench_s: f64, scene: &Scene) {
        self.wall_s = wall_s;
        self.scene = Some(*scene);
    }

    fn output_on(&self) -> Option<bool> {
        Some(self.outputs[0].engaged)
    }

    fn suffer(&mut self, wall_s: f64, ailment: Ailment, tec: &mut TecController) {
        // It tells no serial number, so that another one is just one that was powered up; and it has no watchdog.
        if ailment != Ailment::WatchdogFires {
            let events = std::mem::take(&mut self.events);
            *self = Self { scene: self.scene, wall_s, events, ..Self::new(self.servoes) };
            self.events.push("powered up, regulator disengaged".to_owned());
            self.show(wall_s, tec);
        }
    }

    fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }
}
