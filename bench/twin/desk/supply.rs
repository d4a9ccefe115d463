//! Bench supplies behind a resistive load each: one that speaks SCPI (also as a solar-array simulator, by either maker's lines), two of
//! several outputs, which are named with each command or selected before, and a Korad, which ends no line and answers its status as one raw byte. None has a watchdog.

use super::lines::Lines;
use super::{Emulated, Scene};
use crate::tec_controller::TecController;
use crate::wired::Ailment;
use std::collections::VecDeque;

/// The load on the terminals, Ω.
const LOAD_OHM: f64 = 12.0;

/// Which lines a supply understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Make {
    Scpi,
    /// Three outputs, `(@2)` behind a command.
    Listed,
    /// Three outputs, `INST:NSEL 2` before it.
    Selected,
    E4360,
    Chroma,
    Korad,
}

/// The four numbers of an array.
#[derive(Clone, Copy, Debug, Default)]
struct Array {
    isc_a: f64,
    imp_a: f64,
    vmp_v: f64,
    voc_v: f64,
}

/// One output, as it powers up.
#[derive(Clone, Copy, Debug)]
struct Output {
    set_v: f64,
    limit_a: f64,
    on: bool,
}

/// The device.
#[derive(Debug)]
pub(super) struct Supply {
    make: Make,
    serial: String,
    lines: Lines,
    outputs: Vec<Output>,
    /// Where a command goes that does not say, from 0.
    selected: usize,
    /// Protection of an array simulator, V and A.
    protect: (f64, f64),
    array: Array,
    /// Given and not yet triggered.
    pending: Array,
    is_array: bool,
    /// It was taken over from its panel.
    remote: bool,
    errors: VecDeque<(i32, &'static str)>,
    events: Vec<String>,
}

impl Supply {
    pub(super) fn new(make: Make, serial: &str) -> Self {
        Self {
            make,
            serial: serial.to_owned(),
            lines: Lines::default(),
            outputs: vec![
                Output { set_v: 0.0, limit_a: 0.1, on: false };
                if matches!(make, Make::Listed | Make::Selected) { 3 } else { 1 }
            ],
            selected: 0,
            protect: (120.0, 12.5),
            array: Array::default(),
            pending: Array::default(),
            is_array: false,
            remote: false,
            errors: VecDeque::new(),
            events: Vec::new(),
        }
    }

    /// Voltage and current at the terminals of an output.
    fn measure(&self, at: usize) -> (f64, f64) {
        let Output { set_v, limit_a, on } = self.outputs[at];
        if !on {
            return (0.0, 0.0);
        }
        let (most_v, most_a) = if self.is_array { (self.array.voc_v, self.array.isc_a) } else { (set_v, limit_a) };
        let volts = most_v.min(most_a * LOAD_OHM);
        (volts, volts / LOAD_OHM)
    }

    fn switch(&mut self, at: usize, on: bool) {
        if std::mem::replace(&mut self.outputs[at].on, on) != on {
            let which = if self.outputs.len() > 1 { format!(" {}", at + 1) } else { String::new() };
            self.events.push(format!("output{which} {}", if on { "on" } else { "off" }));
        }
    }

    /// Which output a command is about, from 0: the one of its list, or the selected one. `None` for one that is not there.
    fn meant(&self, arguments: &str) -> Option<usize> {
        if self.make != Make::Listed {
            return Some(self.selected);
        }
        let Some((_, list)) = arguments.split_once("(@") else { return Some(self.selected) };
        let number: usize = list.trim_end().strip_suffix(')')?.parse().ok()?;
        (1..=self.outputs.len()).contains(&number).then(|| number - 1)
    }

    fn fail(&mut self, code: i32, words: &'static str) -> Option<String> {
        self.errors.push_back((code, words));
        None
    }

    /// One message: units by semicolons, the header of the one before staying in force unless a colon goes before it.
    fn message(&mut self, line: &str) -> Option<String> {
        let mut answer = None;
        let mut path = String::new();
        for unit in line.to_ascii_uppercase().split(';') {
            let full = if unit.starts_with([':', '*']) || path.is_empty() {
                unit.trim_start_matches(':').to_owned()
            } else {
                format!("{path}{unit}")
            };
            let header = full.split([' ', '?']).next().unwrap_or_default();
            path = header.rfind(':').map_or(String::new(), |at| header[..=at].to_owned());
            answer = self.unit(&full).or(answer);
        }
        answer
    }

    fn unit(&mut self, unit: &str) -> Option<String> {
        let query = unit.contains('?');
        let written = unit.split([' ', '?']).next().unwrap_or_default();
        let arguments = unit[written.len()..].trim_start_matches('?').trim();
        let header: Vec<&str> = written.split(':').map(short).collect();
        let header = &*header.join(":");
        let word = arguments.split(',').next().unwrap_or_default().trim();
        let number = word.parse::<f64>().ok().filter(|n| n.is_finite());
        let Some(at) = self.meant(arguments) else { return self.fail(-222, "Data out of range") };
        let (volts, amps) = self.measure(at);
        let output = self.outputs[at];
        let shown = |value: f64| Some(format!("{value:+.5E}").replace("E0", "E+0"));
        if self.make == Make::Scpi && !self.remote && !query && !matches!(header, "SYST:REM" | "*CLS") {
            return self.fail(550, "Command not allowed in local");
        }
        match (header, query, number) {
            ("*IDN", true, _) => {
                let who = match self.make {
                    Make::E4360 => "KEYSIGHT TECHNOLOGIES,E4361A",
                    Make::Chroma => "CHROMA,62050H-600S",
                    Make::Listed => "Keysight Technologies,E36312A",
                    Make::Selected => "ROHDE&SCHWARZ,HMP2030",
                    _ => "HEWLETT-PACKARD,E3634A",
                };
                Some(format!("{who},{},1.4-5.0-1.0", self.serial))
            }
            ("MEAS:VOLT", true, _) => shown(volts),
            ("MEAS:CURR", true, _) => shown(amps),
            ("VOLT", true, _) => shown(output.set_v),
            ("CURR", true, _) => shown(output.limit_a),
            ("VOLT", false, Some(value)) if (0.0..=60.0).contains(&value) => {
                self.outputs[at].set_v = value;
                None
            }
            ("CURR", false, Some(value)) if (0.0..=10.0).contains(&value) => {
                self.outputs[at].limit_a = value;
                None
            }
            ("INST:NSEL", true, _) if self.make == Make::Selected => Some(format!("{}", self.selected + 1)),
            ("INST:NSEL", false, Some(number)) if self.make == Make::Selected => {
                match (1..=self.outputs.len()).find(|n| *n as f64 == number) {
                    Some(number) => self.selected = number - 1,
                    None => return self.fail(-222, "Data out of range"),
                }
                None
            }
            ("VOLT" | "CURR", false, _) => self.fail(-222, "Data out of range"),
            ("OUTP" | "CONF:OUTP", true, _) => Some(match (self.make, output.on) {
                (Make::Chroma, true) => "ON".to_owned(),
                (Make::Chroma, false) => "OFF".to_owned(),
                (_, on) => format!("{}", u8::from(on)),
            }),
            ("OUTP" | "CONF:OUTP", false, _) => {
                match word {
                    "ON" | "1" => self.switch(at, true),
                    "OFF" | "0" => self.switch(at, false),
                    _ => return self.fail(-224, "Illegal parameter value"),
                }
                None
            }
            // Over RS-232 an E3634A takes nothing before this from whoever asks; one never told otherwise takes it from the panel.
            ("SYST:REM", false, _) if self.make == Make::Scpi => {
                self.remote = true;
                None
            }
            ("SYST:ERR", true, _) => {
                let (code, words) = self.errors.pop_front().unwrap_or((0, "No error"));
                Some(format!("{code:+},\"{words}\""))
            }
            ("*CLS", false, _) => {
                self.errors.clear();
                None
            }
            ("VOLT:PROT", true, _) if self.make == Make::E4360 => shown(self.protect.0),
            ("CURR:PROT", true, _) if self.make == Make::E4360 => shown(self.protect.1),
            ("VOLT:PROT", false, Some(volts)) if self.make == Make::E4360 => {
                self.protect.0 = volts;
                None
            }
            ("CURR:PROT", false, Some(amps)) if self.make == Make::E4360 => {
                self.protect.1 = amps;
                None
            }
            _ => self.array_unit(header, query, word, number),
        }
    }

    fn array_unit(&mut self, header: &str, query: bool, word: &str, number: Option<f64>) -> Option<String> {
        let (mode, slot) = match self.make {
            Make::E4360 => (
                "CURR:MODE",
                match header {
                    "CURR:SAS:ISC" => Some(0),
                    "CURR:SAS:IMP" => Some(1),
                    "VOLT:SAS:VMP" => Some(2),
                    "VOLT:SAS:VOC" => Some(3),
                    _ => None,
                },
            ),
            Make::Chroma => ("OUTP:MODE", ["SAS:ISC", "SAS:IMP", "SAS:VMP", "SAS:VOC"].iter().position(|known| *known == header)),
            Make::Scpi | Make::Listed | Make::Selected | Make::Korad => return self.fail(-113, "Undefined header"),
        };
        if header == mode {
            if query {
                return Some(if self.is_array { "SAS" } else { "FIX" }.to_owned());
            }
            self.is_array = word == "SAS";
            return None;
        }
        if header == "TRIG" && self.make == Make::Chroma {
            self.array = self.pending;
            return None;
        }
        let Some(slot) = slot else { return self.fail(-113, "Undefined header") };
        let array = &mut self.pending;
        let value = [&mut array.isc_a, &mut array.imp_a, &mut array.vmp_v, &mut array.voc_v].into_iter().nth(slot)?;
        if query {
            return Some(format!("{value:.4}"));
        }
        *value = number?;
        if self.make == Make::E4360 {
            self.array = self.pending;
            if slot == 3 && (self.array.imp_a >= self.array.isc_a || self.array.vmp_v >= self.array.voc_v) {
                return self.fail(320, "SAS curve");
            }
        }
        None
    }

    /// Nothing ends a line, so that what came at once is one.
    fn korad(&mut self, bytes: &[u8]) -> Vec<u8> {
        let line: String = bytes.iter().map(|b| char::from(*b)).filter(|c| !c.is_ascii_control()).collect();
        let (volts, amps) = self.measure(0);
        let value = |prefix: &str| line.strip_prefix(prefix).and_then(|v| v.parse::<f64>().ok());
        match line.as_str() {
            "*IDN?" => "KORADKA3005PV2.0".into(),
            "VSET1?" => format!("{:05.2}", self.outputs[0].set_v).into(),
            "ISET1?" => format!("{:.3}", self.outputs[0].limit_a).into(),
            "VOUT1?" => format!("{volts:05.2}").into(),
            "IOUT1?" => format!("{amps:.3}").into(),
            "STATUS?" => vec![0x11 | if self.outputs[0].on { 0x40 } else { 0 }],
            "OUT1" | "OUT0" => {
                self.switch(0, line == "OUT1");
                Vec::new()
            }
            _ => {
                let output = &mut self.outputs[0];
                output.set_v = value("VSET1:").filter(|v| (0.0..=31.0).contains(v)).unwrap_or(output.set_v);
                output.limit_a = value("ISET1:").filter(|a| (0.0..=5.1).contains(a)).unwrap_or(output.limit_a);
                Vec::new()
            }
        }
    }
}

/// The short form of a SCPI keyword, as every device must take the long one too.
fn short(keyword: &str) -> &str {
    let long = ["MEASURE", "VOLTAGE", "CURRENT", "OUTPUT", "SYSTEM", "ERROR", "REMOTE", "CONFIGURE", "INSTRUMENT", "NSELECT"];
    // Four letters, or three where the fourth is a vowel.
    match long.iter().find(|known| **known == keyword) {
        Some(&"ERROR") => "ERR",
        Some(_) => &keyword[..4],
        None => keyword,
    }
}

impl Emulated for Supply {
    fn receive(&mut self, _wall_s: f64, bytes: &[u8], _tec: &mut TecController) -> Vec<u8> {
        if self.make == Make::Korad {
            return self.korad(bytes);
        }
        let lines = self.lines.take(bytes);
        lines.iter().filter_map(|line| self.message(line)).flat_map(|answer| (answer + "\n").into_bytes()).collect()
    }

    fn advance(&mut self, _wall_s: f64, _dt_bench_s: f64, _scene: &Scene) {}

    fn output_on(&self) -> Option<bool> {
        Some(self.outputs[0].on)
    }

    fn outputs_on(&self, output: u8) -> Option<bool> {
        self.outputs.get(usize::from(output).checked_sub(1)?).map(|o| o.on)
    }

    fn suffer(&mut self, _wall_s: f64, ailment: Ailment, _tec: &mut TecController) {
        match ailment {
            Ailment::PowerCycle => {}
            Ailment::Exchanged { serial_number } => self.serial = serial_number,
            // It has none.
            Ailment::WatchdogFires => return,
        }
        let events = std::mem::take(&mut self.events);
        *self = Self { events, ..Self::new(self.make, &self.serial) };
        self.events.push("powered up, output off".to_owned());
    }

    fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }
}
