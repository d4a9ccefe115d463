//! The lines spoken with a command: what it prints, and what it is told.
//!
//! Not here: processes and pipes.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::path::Path;

/// A longer line is no report: a command that prints something else shall not fill our memory.
pub const LONGEST_LINE: usize = 64 * 1024;

/// More phases than anybody has; a command that invents one a line shall not fill our memory either.
const MOST_PHASES: usize = 32;

/// Most units of one line. Lines come some times a second, and no machine counts a million million of anything whole in that time; above some
/// thousand times as many a sum of 64-bit floats would lose single units besides.
pub const MOST_UNITS: f64 = 1e12;

/// Phases whose units are not output.
const UNCOUNTED: &[&str] = &["warmup", "prefill"];

/// One report: `{"t": 12.5, "units": 64, "unit": "token", "phase": "decode"}`. Other keys are allowed and ignored.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Report {
    /// The command's own clock, s. Only its being a number is checked.
    pub t: f64,
    /// Work done since the command's previous line, of this phase.
    pub units: f64,
    /// What is counted; the same in every line. `unit` if the command does not say.
    #[serde(default = "unit")]
    pub unit: String,
    /// Kind of work; `warmup` and `prefill` are kept apart from output.
    #[serde(default = "phase")]
    pub phase: String,
}

fn unit() -> String {
    "unit".to_owned()
}

fn phase() -> String {
    "work".to_owned()
}

impl Report {
    /// Reads a line. The error says what was wrong with it.
    pub fn parse(line: &str) -> Result<Self, String> {
        // serde would also take a bare list for the fields in order.
        if !line.trim_start().starts_with('{') {
            return Err("not a JSON object".to_owned());
        }
        let report: Self = serde_json::from_str(line).map_err(|e| e.to_string())?;
        if !(report.units.is_finite() && report.units >= 0.0 && report.t.is_finite()) {
            return Err(format!("units must be a number from 0 up, not {}", report.units));
        }
        if report.units > MOST_UNITS {
            return Err(format!(
                "{:e} units in one line are not believed, at most {MOST_UNITS:e}: a line tells what was done since the line before; count in a larger unit \
                 if there really are so many",
                report.units
            ));
        }
        Ok(report)
    }
}

/// A line that is no report of work: `{"t": 3, "remark": "..."}`, with any of these keys.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Note {
    /// Worth an event of the run.
    pub remark: Option<String>,
    /// What is wrong from now on; empty once it is well again.
    pub fault: Option<String>,
    /// What is wrong does not pass: nothing that this command does brings the work back.
    pub over: Option<bool>,
    /// Figures so far by name, with the unit as suffix: `{"time_to_first_token_p95_s": 0.12}`.
    pub figures: Option<BTreeMap<String, f64>>,
    /// It is put away, or could not be.
    pub checkpoint: Option<Answer>,
    /// It is back.
    pub restore: Option<Answer>,
    /// Said by the guard alone: process group of the command.
    pub group: Option<i32>,
}

impl Note {
    /// Reads a line; `None` if it is none.
    pub fn parse(line: &str) -> Option<Self> {
        let note: Self = line.trim_start().starts_with('{').then(|| serde_json::from_str(line).ok()).flatten()?;
        (note != Self::default()).then_some(note)
    }
}

/// What became of being put away or brought back: `{"bytes": 4096, "lost": 12, "lost_input": 512, "why": "no room left"}`, of which all may be left out.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Answer {
    /// Size of the checkpoint.
    pub bytes: Option<u64>,
    /// Output that is lost by it and done again.
    #[serde(default)]
    pub lost: f64,
    /// Input likewise.
    #[serde(default)]
    pub lost_input: f64,
    /// What did not go as it should.
    pub why: Option<String>,
}

impl Answer {
    /// A loss as it can be counted: what is no number from 0 up is none.
    pub(super) fn losses(&self) -> (f64, f64) {
        let sound = |n: f64| if n.is_finite() && n > 0.0 { n } else { 0.0 };
        (sound(self.lost), sound(self.lost_input))
    }
}

/// What a command is told: `{"target_duty":0.6}` and the end of the line, with what it is asked beside: `{"target_duty":0,"checkpoint":"/a/file"}`.
pub fn control(duty: f64, asks: Option<(&str, Option<&Path>)>) -> String {
    let asks = asks.map_or_else(String::new, |(what, file)| {
        let file = file.map_or(serde_json::Value::Null, |file| file.to_string_lossy().into());
        format!(",\"{what}\":{file}")
    });
    format!("{{\"target_duty\":{duty}{asks}}}\n")
}

/// Everything reported so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    unit: Option<String>,
    phases: BTreeMap<String, f64>,
}

impl Tally {
    /// Adds a report. Refused if it counts something else than the ones before.
    pub fn add(&mut self, report: Report) -> Result<(), String> {
        let unit = self.unit.get_or_insert_with(|| report.unit.clone());
        if *unit != report.unit {
            return Err(format!("counts \"{}\" after \"{unit}\"", report.unit));
        }
        if !self.phases.contains_key(&report.phase) && self.phases.len() == MOST_PHASES {
            return Err(format!("more than {MOST_PHASES} phases"));
        }
        *self.phases.entry(report.phase).or_default() += report.units;
        Ok(())
    }

    /// What is counted, once it was said.
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// Output so far; `None` before the first report.
    pub fn output(&self) -> Option<f64> {
        let counted = self.phases.iter().filter(|(phase, _)| !UNCOUNTED.contains(&phase.as_str()));
        self.unit.is_some().then(|| counted.map(|(_, units)| units).sum())
    }

    /// Input so far: the units of the phase `prefill`; `None` before the first of them.
    pub fn input(&self) -> Option<f64> {
        self.phases.get("prefill").copied()
    }

    /// Units by phase.
    pub const fn phases(&self) -> &BTreeMap<String, f64> {
        &self.phases
    }
}

/// Reads one line, without its end, of at most [`LONGEST_LINE`] bytes; the rest of a longer one is thrown away and its beginning
/// returned. `None` at the end of the input.
pub fn read_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut any = false;
    loop {
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if buffer.is_empty() {
            break;
        }
        any = true;
        let end = buffer.iter().position(|b| *b == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        line.extend_from_slice(&part[..part.len().min(LONGEST_LINE - line.len())]);
        let used = end.map_or(buffer.len(), |e| e + 1);
        input.consume(used);
        if end.is_some() {
            break;
        }
    }
    Ok(any.then(|| String::from_utf8_lossy(&line).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reports_are_read_and_nonsense_is_refused() {
        let report = Report::parse(r#"{"t":1.5,"units":64,"unit":"token","phase":"decode","extra":[1]}"#).expect("sound");
        assert_eq!(report, Report { t: 1.5, units: 64.0, unit: "token".to_owned(), phase: "decode".to_owned() });
        assert_eq!(Report::parse(r#"{"t":0,"units":1}"#).expect("short").unit, "unit");
        for line in ["", "loading model...", "{}", r#"{"t":0,"units":-1}"#, r#"{"t":0,"units":1e999}"#, r#"{"t":0,"units":null}"#, "[1,2]"]
        {
            assert!(Report::parse(line).is_err(), "{line:?}");
        }
        assert!(Report::parse(r#"{"t":0,"units":1e12}"#).is_ok());
        let why = Report::parse(r#"{"t":0,"units":1e15}"#).expect_err("too many");
        assert!(why.contains("1e15 units in one line are not believed") && why.contains("larger unit"), "{why}");
    }

    #[test]
    fn notes_are_told_from_reports_and_from_noise() {
        let note = Note::parse(r#"{"t":1,"fault":"","figures":{"requests":3}}"#).expect("a note");
        assert_eq!((note.fault.as_deref(), note.remark), (Some(""), None));
        assert_eq!(note.figures.expect("some")["requests"], 3.0);
        for line in ["", "{}", "[]", r#"{"t":0,"units":1}"#, r#"{"remark":1}"#, "remark"] {
            assert_eq!(Note::parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn warmup_and_input_are_kept_apart() {
        let mut tally = Tally::default();
        assert_eq!(tally.output(), None, "nothing was said yet");
        let report = |units, phase: &str| Report { t: 0.0, units, unit: "token".to_owned(), phase: phase.to_owned() };
        for (units, phase) in [(100.0, "warmup"), (512.0, "prefill"), (7.0, "decode"), (3.0, "decode")] {
            tally.add(report(units, phase)).expect("same unit");
        }
        assert_eq!(tally.output(), Some(10.0));
        assert_eq!((tally.phases()["prefill"], tally.input()), (512.0, Some(512.0)));
        assert_eq!(tally.unit(), Some("token"));
        assert!(tally.add(Report { unit: "image".to_owned(), ..report(1.0, "decode") }).is_err());
        assert!((0..100).any(|i| tally.add(report(1.0, &i.to_string())).is_err()));
        assert_eq!(tally.phases().len(), MOST_PHASES);
    }

    #[test]
    fn lines_are_cut_where_they_are_too_long() {
        let text = format!("one\n{}\nlast", "x".repeat(3 * LONGEST_LINE));
        let mut input = io::BufReader::new(text.as_bytes());
        let mut next = || read_line(&mut input).expect("read");
        assert_eq!(next().as_deref(), Some("one"));
        assert_eq!(next().map(|l| l.len()), Some(LONGEST_LINE));
        assert_eq!(next().as_deref(), Some("last"));
        assert_eq!(next(), None);
    }

    proptest! {
        #[test]
        fn no_line_panics_and_totals_only_grow(lines in proptest::collection::vec("(\\{\"t\":0,\"units\":[0-9e.-]{1,6}\\}|.{0,40})", 0..20)) {
            let (mut tally, mut last) = (Tally::default(), 0.0);
            for line in lines {
                if let Ok(report) = Report::parse(&line) {
                    let _ = tally.add(report);
                }
                let output = tally.output().unwrap_or(0.0);
                prop_assert!(output >= last);
                last = output;
            }
        }

        #[test]
        fn a_control_line_is_json(duty in 0.0..=1.0_f64) {
            let value: serde_json::Value = serde_json::from_str(&control(duty, None)).expect("JSON");
            prop_assert!(value["target_duty"].as_f64().is_some_and(|told| (told - duty).abs() < 1e-12));
        }

        #[test]
        fn what_is_asked_beside_is_json_too(duty in 0.0..=1.0_f64, name in "[ -~]{1,20}", any: bool) {
            let file = any.then(|| Path::new(&name));
            let value: serde_json::Value = serde_json::from_str(&control(duty, Some(("restore", file)))).expect("JSON");
            prop_assert_eq!(value["restore"].as_str(), any.then_some(&*name));
            prop_assert!(value.get("checkpoint").is_none() && value["target_duty"].is_number());
        }
    }
}
