//! An environment that another program has worked out, as a table of times and fluxes: straight lines between the rows, and
//! nothing before the first or after the last.
//!
//! The table is text with a header of declared columns. Not here: where the text comes from, and what the fluxes mean beyond
//! their names.

use crate::constants::STEFAN_BOLTZMANN_W_M2K4;
use crate::environment::{Face, Sample};
use signal::{Celsius, Kelvin};
use std::ops::RangeInclusive;

/// Columns a table may have: name, least and largest value. `a` and `b` are the faces of the panel.
const COLUMNS: [(&str, f64, f64); 12] = [
    ("t_s", 0.0, 1e11),
    ("illumination_frac", 0.0, 1.0),
    ("array_w_m2", 0.0, 1e5),
    ("solar_w_m2", 0.0, 1e5),
    ("beta_deg", -90.0, 90.0),
    ("sink_degc", -273.15, 1000.0),
    ("a_solar_w_m2", 0.0, 1e5),
    ("a_albedo_w_m2", 0.0, 1e5),
    ("a_ir_w_m2", 0.0, 1e5),
    ("b_solar_w_m2", 0.0, 1e5),
    ("b_albedo_w_m2", 0.0, 1e5),
    ("b_ir_w_m2", 0.0, 1e5),
];
const REQUIRED: [usize; 3] = [0, 1, 2];
const SOLAR: usize = 3;
const BETA: usize = 4;
const SINK: usize = 5;
const FACES: std::ops::Range<usize> = 6..12;

/// A table, sound and in order of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Timetable {
    times_s: Vec<f64>,
    /// Values in the order of [`COLUMNS`] after the time; NaN throughout a column that the table does not have.
    rows: Vec<[f64; COLUMNS.len() - 1]>,
}

/// What is wrong with a line of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line of the text, from 1.
    pub line: usize,
    /// What was found, what was expected, what to do.
    pub message: String,
}

impl Timetable {
    /// Reads `text`: a header that names its columns, then a row a line, separated by commas; empty lines and lines that begin with
    /// `#` are passed over. Rows must start at 0 s, be in order, and be no further apart than `longest_gap_s`.
    ///
    /// Either `sink_degc` or all six fluxes on the faces; `solar_w_m2` is that on the array if absent, `beta_deg` unknown.
    pub fn parse(text: &str, longest_gap_s: f64) -> Result<Self, Vec<Fault>> {
        let mut lines =
            text.lines().enumerate().map(|(k, line)| (k + 1, line.trim())).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let Some((header_line, header)) = lines.next() else {
            return Err(vec![Fault {
                line: 1,
                message: "the table is empty: expected a header such as `t_s,illumination_frac,array_w_m2,sink_degc`".into(),
            }]);
        };
        let order = read_header(header)
            .map_err(|messages| messages.into_iter().map(|message| Fault { line: header_line, message }).collect::<Vec<_>>())?;
        let mut faults = Vec::new();
        let (mut times_s, mut rows) = (Vec::new(), Vec::new());
        let mut last_line = header_line;
        for (line, text) in lines {
            last_line = line;
            match read_row(text, &order) {
                Ok(cells) => {
                    if let Err(message) = in_order(times_s.last().copied(), cells[0], longest_gap_s) {
                        faults.push(Fault { line, message });
                    }
                    times_s.push(cells[0]);
                    let mut row = [f64::NAN; COLUMNS.len() - 1];
                    row.copy_from_slice(&cells[1..]);
                    rows.push(row);
                }
                Err(messages) => faults.extend(messages.into_iter().map(|message| Fault { line, message })),
            }
        }
        if faults.is_empty() && rows.len() < 2 {
            faults.push(Fault { line: last_line, message: format!("{} rows are no timeline: expected at least 2", rows.len()) });
        }
        if faults.is_empty() { Ok(Self { times_s, rows }) } else { Err(faults) }
    }

    /// First and last row.
    pub fn span_s(&self) -> RangeInclusive<f64> {
        let end = |t: Option<&f64>| *t.expect("a table has at least two rows");
        end(self.times_s.first())..=end(self.times_s.last())
    }

    /// Straight between the rows on either side of `mission_s`, which must be inside the span; the sink is left to whoever knows the
    /// panel.
    pub(crate) fn at(&self, mission_s: f64) -> Sample {
        let next = self.times_s.partition_point(|t| *t <= mission_s).clamp(1, self.rows.len() - 1);
        let (from, to) = (self.times_s[next - 1], self.times_s[next]);
        let part = ((mission_s - from) / (to - from)).clamp(0.0, 1.0);
        let value = |column: usize| {
            let (a, b) = (self.rows[next - 1][column - 1], self.rows[next][column - 1]);
            a + part * (b - a)
        };
        let array_w_m2 = value(2);
        let solar_w_m2 = Some(value(SOLAR)).filter(|v| v.is_finite()).unwrap_or(array_w_m2);
        let sink_degc = value(SINK);
        let face = |first: usize| Face { solar_w_m2: value(first), albedo_w_m2: value(first + 1), ir_w_m2: value(first + 2) };
        let (a, b) = if sink_degc.is_finite() {
            // A black sphere around the panel at the sink's temperature.
            let around = Face { ir_w_m2: STEFAN_BOLTZMANN_W_M2K4 * Kelvin::from(Celsius(sink_degc)).0.max(0.0).powi(4), ..Face::default() };
            (around, around)
        } else {
            (face(FACES.start), face(FACES.start + 3))
        };
        Sample { illumination: value(1), beta_deg: value(BETA), solar_w_m2, array_w_m2, a, b, sink: Kelvin(0.0), ambient: None }
    }
}

/// For each field of a line the column it is, or what is wrong with the header.
fn read_header(header: &str) -> Result<Vec<usize>, Vec<String>> {
    let names: Vec<&str> = header.split(',').map(str::trim).collect();
    let mut problems = Vec::new();
    let mut order = Vec::new();
    for name in &names {
        match COLUMNS.iter().position(|column| column.0 == *name) {
            Some(column) if order.contains(&column) => problems.push(format!("the column `{name}` is there twice: remove one")),
            Some(column) => order.push(column),
            None => {
                let known = COLUMNS.map(|column| column.0).join("`, `");
                problems.push(format!("the column `{name}` is not known: expected some of `{known}`; the unit is part of the name"));
            }
        }
    }
    // Of a column under another name nothing else need be said.
    if !problems.is_empty() {
        return Err(problems);
    }
    for column in REQUIRED {
        if !order.contains(&column) {
            problems.push(format!("the column `{}` is missing", COLUMNS[column].0));
        }
    }
    let faces = FACES.filter(|column| order.contains(column)).count();
    if order.contains(&SINK) && faces > 0 {
        problems.push("both `sink_degc` and fluxes on the faces: expected one or the other".into());
    } else if !order.contains(&SINK) && faces < FACES.len() {
        let missing: Vec<&str> = FACES.filter(|column| !order.contains(column)).map(|column| COLUMNS[column].0).collect();
        problems.push(format!("expected `sink_degc` or all six fluxes on the faces: `{}` missing", missing.join("`, `")));
    }
    if problems.is_empty() { Ok(order) } else { Err(problems) }
}

fn read_row(text: &str, order: &[usize]) -> Result<[f64; COLUMNS.len()], Vec<String>> {
    let fields: Vec<&str> = text.split(',').map(str::trim).collect();
    if fields.len() != order.len() {
        return Err(vec![format!("the line has {} fields: expected {}, as the header", fields.len(), order.len())]);
    }
    let mut cells = [f64::NAN; COLUMNS.len()];
    let mut problems = Vec::new();
    for (field, &column) in fields.iter().zip(order) {
        let (name, least, largest) = COLUMNS[column];
        match field.parse::<f64>() {
            Ok(value) if (least..=largest).contains(&value) => cells[column] = value,
            Ok(value) => problems.push(format!("`{name}` = {value} is impossible: expected a number from {least} to {largest}")),
            Err(_) if field.is_empty() => problems.push(format!("`{name}` is empty: expected a number; nothing is filled in")),
            Err(_) => problems.push(format!("`{name}` is \"{field}\": expected a number")),
        }
    }
    if problems.is_empty() { Ok(cells) } else { Err(problems) }
}

fn in_order(before_s: Option<f64>, now_s: f64, longest_gap_s: f64) -> Result<(), String> {
    match before_s {
        None if now_s != 0.0 => {
            Err(format!("the first row is at t_s = {now_s}: expected 0, the profile's epoch; shift the table or the epoch"))
        }
        Some(before) if now_s <= before => {
            Err(format!("t_s = {now_s} is not after {before} of the row before: expected rows in order of time"))
        }
        Some(before) if now_s - before > longest_gap_s => {
            Err(format!("a gap of {} s after t_s = {before}: expected at most {longest_gap_s} s (`longest_gap_s`)", now_s - before))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "timetable/tests.rs"]
mod tests;
