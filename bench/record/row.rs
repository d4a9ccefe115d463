//! One row: everything known at one tick, and its line of text. The line of all columns is also how a row travels to a screen,
//! so that a screen shows exactly what is in the file.

use crate::columns::{Column, Columns, LEAD};
use crate::format::{push_fixed, push_optional, push_whole};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use signal::{Channel, Limit, Origin, Quality, Reading, RunState, Source, Tick, UnknownWord};
use std::io::Write as _;
use std::sync::LazyLock;
use thiserror::Error;

/// Everything known at one tick. What is not known is missing, and is an empty cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Counts the engine's starts on this folder, from 0.
    pub segment: u32,
    /// The controller's step.
    pub tick: Tick,
    /// Wall time; `None` in a prediction.
    pub utc: Option<Timestamp>,
    /// Wall seconds since the run began; `None` in a prediction.
    pub elapsed_s: Option<f64>,
    /// Bench seconds since the run began.
    pub bench_s: f64,
    /// Mission seconds; `None` until staging has ended.
    pub mission_s: Option<f64>,
    /// What the run is doing.
    pub state: RunState,
    /// Why the rig could not follow the model, if it could not.
    pub limited: Limit,
    /// Where the heat driven into the flight model came from.
    pub heat_origin: Option<Origin>,
    /// What that heat goes by.
    pub heat_source: Option<Source>,
    cells: [Option<f64>; Column::COUNT],
    qualities: [Option<Quality>; Channel::COUNT],
}

/// What is wrong with a line of text that should be a row.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot read `{column}`: {why}")]
pub struct RowError {
    /// Name of the column.
    pub column: String,
    /// Its position in the line, from 1.
    pub field: usize,
    /// What was found and what was expected.
    pub why: String,
}

impl Row {
    /// A row with nothing known but its place in time.
    pub const fn new(segment: u32, tick: Tick, bench_s: f64, state: RunState) -> Self {
        Self {
            segment,
            tick,
            utc: None,
            elapsed_s: None,
            bench_s,
            mission_s: None,
            state,
            limited: Limit::None,
            heat_origin: None,
            heat_source: None,
            cells: [None; Column::COUNT],
            qualities: [None; Channel::COUNT],
        }
    }

    /// The value of `column`, if there is one.
    pub const fn get(&self, column: Column) -> Option<f64> {
        self.cells[column as usize]
    }

    /// Sets `column`. What is not finite is no value: the cell becomes missing.
    pub fn set(&mut self, column: Column, value: impl Into<Option<f64>>) {
        self.cells[column as usize] = value.into().filter(|v| v.is_finite());
    }

    /// How far the value of `column` can be trusted; `None` for computed columns and where nothing was ever asked for.
    pub fn quality(&self, column: Column) -> Option<Quality> {
        self.qualities[column.channel()? as usize]
    }

    /// Records what was read from `channel`: value and quality. Only good and suspect values are written down: a stale one is
    /// the last row's and would pass for a second measurement.
    pub fn set_reading(&mut self, channel: Channel, reading: &Reading) {
        self.qualities[channel as usize] = Some(reading.quality);
        if let Some(column) = Column::for_channel(channel) {
            let fresh = matches!(reading.quality, Quality::Good | Quality::Suspect);
            self.set(column, reading.value.filter(|_| fresh));
        }
    }

    /// True if devices were asked and none of them answered: a missed tick, or a bench that is gone.
    pub fn is_gap(&self) -> bool {
        let nothing_came = |q: &Quality| matches!(q, Quality::Gap | Quality::Stale);
        self.qualities.iter().any(Option::is_some) && self.qualities.iter().flatten().all(nothing_came)
    }

    /// Appends the row as a line of `columns`, newline included. Nothing in it ever needs quoting.
    pub fn write_line(&self, columns: &Columns, out: &mut Vec<u8>) {
        push_whole(out, u64::from(self.segment));
        out.push(b',');
        push_whole(out, self.tick);
        out.push(b',');
        if let Some(utc) = self.utc {
            // Writing to a Vec cannot fail.
            let _ = write!(out, "{utc:.3}");
        }
        out.push(b',');
        push_optional(out, self.elapsed_s, 3);
        out.push(b',');
        push_fixed(out, self.bench_s, 3);
        out.push(b',');
        push_optional(out, self.mission_s, 3);
        out.push(b',');
        out.extend_from_slice(self.state.word().as_bytes());
        out.push(b',');
        out.extend_from_slice(self.limited.word().as_bytes());
        for column in columns.iter() {
            out.push(b',');
            push_optional(out, self.get(column), column.decimals());
            if let Some(channel) = column.channel() {
                out.push(b',');
                out.extend_from_slice(self.qualities[channel as usize].map_or("", Quality::word).as_bytes());
            }
            if column.has_origin() {
                out.push(b',');
                out.extend_from_slice(self.heat_origin.map_or("", Origin::word).as_bytes());
                out.push(b',');
                out.extend_from_slice(self.heat_source.map_or("", Source::word).as_bytes());
            }
        }
        out.push(b'\n');
    }
}

/// What a field of a line is for.
#[derive(Clone, Copy)]
enum Field {
    Lead(usize),
    Value(Column),
    Quality(Channel),
    Origin,
    Source,
}

/// The order of fields in a file, taken from its header: the reader of lines.
pub struct Layout {
    fields: Vec<(String, Option<Field>)>,
}

impl Layout {
    /// The fields that `header` names, in any order. Names we do not know are kept in place and passed over;
    /// a missing lead column is an error.
    pub fn of_header<S: AsRef<str>>(header: &[S]) -> Result<Self, RowError> {
        let fields: Vec<(String, Option<Field>)> = header.iter().map(|n| (n.as_ref().to_owned(), field_named(n.as_ref()))).collect();
        for (name, _, _) in LEAD {
            if !fields.iter().any(|(n, _)| n == name) {
                let why = "the header has no such column".to_owned();
                return Err(RowError { column: name.to_owned(), field: 0, why });
            }
        }
        Ok(Self { fields })
    }

    /// Reads one row from its fields.
    pub fn row<'a>(&self, line: impl Iterator<Item = &'a str> + Clone) -> Result<Row, RowError> {
        let count = line.clone().count();
        if count != self.fields.len() {
            let column = self.fields.get(count).map_or("end of line", |f| &f.0).to_owned();
            let why = format!("the line has {count} fields: expected {}", self.fields.len());
            return Err(RowError { column, field: count.min(self.fields.len()), why });
        }
        let mut row = Row::new(0, 0, 0.0, RunState::default());
        for (at, (text, (name, field))) in line.zip(&self.fields).enumerate() {
            let Some(field) = field else { continue };
            take(&mut row, *field, text).map_err(|why| RowError { column: name.clone(), field: at + 1, why })?;
        }
        Ok(row)
    }
}

fn field_named(name: &str) -> Option<Field> {
    if let Some(lead) = LEAD.iter().position(|l| l.0 == name) {
        return Some(Field::Lead(lead));
    }
    if let Some(column) = Column::named(name) {
        return Some(Field::Value(column));
    }
    if let Some(column) = name.strip_suffix("_quality").and_then(Column::named) {
        return column.channel().map(Field::Quality);
    }
    let follows = |suffix: &str| name.strip_suffix(suffix).and_then(Column::named).is_some_and(Column::has_origin);
    if follows("_origin") {
        return Some(Field::Origin);
    }
    follows("_source").then_some(Field::Source)
}

fn take(row: &mut Row, field: Field, text: &str) -> Result<(), String> {
    match field {
        Field::Lead(0) => row.segment = whole(text)?,
        Field::Lead(1) => row.tick = whole(text)?,
        Field::Lead(2) => row.utc = optional(text, instant)?,
        Field::Lead(3) => row.elapsed_s = optional(text, number)?,
        Field::Lead(4) => row.bench_s = number(text)?,
        Field::Lead(5) => row.mission_s = optional(text, number)?,
        Field::Lead(6) => row.state = text.parse().map_err(|e: UnknownWord| e.to_string())?,
        Field::Lead(_) => row.limited = text.parse().map_err(|e: UnknownWord| e.to_string())?,
        Field::Value(column) => row.cells[column as usize] = optional(text, number)?,
        Field::Quality(channel) => row.qualities[channel as usize] = optional(text, quality)?,
        Field::Origin => row.heat_origin = optional(text, origin)?,
        Field::Source => row.heat_source = optional(text, source)?,
    }
    Ok(())
}

pub(crate) fn optional<T>(text: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

pub(crate) fn whole<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no whole number"))
}

pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no RFC 3339 instant"))
}

/// A finite number: what is not finite is never written, so that finding it means a foreign hand.
pub(crate) fn number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(format!("\"{text}\" is not finite: a missing value is an empty cell")),
        Err(_) => Err(format!("\"{text}\" is no number: a missing value is an empty cell")),
    }
}

fn quality(text: &str) -> Result<Quality, String> {
    let all = [Quality::Good, Quality::Stale, Quality::Gap, Quality::Suspect];
    all.into_iter().find(|q| q.word() == text).ok_or_else(|| format!("\"{text}\" is no quality: expected good, stale, gap or suspect"))
}

fn origin(text: &str) -> Result<Origin, String> {
    let all = [Origin::Measured, Origin::Simulated, Origin::Assumed];
    all.into_iter().find(|o| o.word() == text).ok_or_else(|| format!("\"{text}\" is no origin: expected measured, simulated or assumed"))
}

fn source(text: &str) -> Result<Source, String> {
    let found = Source::ALL.iter().copied().find(|s| s.word() == text);
    found.ok_or_else(|| format!("\"{text}\" is no source: expected accelerator, meter, calorimetric or declared"))
}

/// All columns in file order: the shape in which a row travels. Both ends check the session's version first.
static TRAVEL: LazyLock<(Columns, Result<Layout, RowError>)> = LazyLock::new(|| {
    let columns = Columns::all();
    let layout = Layout::of_header(&columns.header());
    (columns, layout)
});

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = Vec::with_capacity(1024);
        self.write_line(&TRAVEL.0, &mut line);
        line.pop();
        serializer.serialize_str(&String::from_utf8_lossy(&line))
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = String::deserialize(deserializer)?;
        let layout = TRAVEL.1.as_ref().map_err(de::Error::custom)?;
        layout.row(line.split(',')).map_err(de::Error::custom)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rows whose numbers are already at the decimals of their columns, so that a round trip is exact.
    pub(crate) fn any_row() -> impl Strategy<Value = Row> {
        let cells = proptest::collection::vec(proptest::option::weighted(0.8, -1e6..1e6_f64), Column::COUNT);
        let qualities = proptest::collection::vec(proptest::option::of(0..4_usize), Channel::COUNT);
        let lead =
            (0..9_u32, 0..10_000_000_u64, proptest::option::of(0..4_000_000_000_i64), -0.0..1e7_f64, proptest::option::of(0.0..1e7_f64));
        let words = (0..RunState::ALL.len(), 0..Limit::ALL.len(), proptest::option::of(0..3_usize), proptest::option::of(0..4_usize));
        (cells, qualities, lead, words).prop_map(
            |(cells, qualities, (segment, tick, utc, bench_s, mission_s), (state, limited, origin, source))| {
                let mut row = Row::new(segment, tick, rounded(bench_s, 3), RunState::ALL[state]);
                row.utc = utc.map(|s| Timestamp::new(s, 25_000_000).expect("in range"));
                row.elapsed_s = row.utc.map(|_| rounded(bench_s / 60.0, 3));
                row.mission_s = mission_s.map(|m| rounded(m, 3));
                row.limited = Limit::ALL[limited];
                row.heat_origin = origin.map(|o| [Origin::Measured, Origin::Simulated, Origin::Assumed][o]);
                row.heat_source = source.map(|s| Source::ALL[s]);
                for (&column, cell) in Column::ALL.iter().zip(cells) {
                    row.set(column, cell.map(|v| rounded(v, column.decimals())));
                }
                // A channel of no column is in no file.
                let recorded = Channel::ALL.iter().map(|channel| Column::for_channel(*channel).is_some());
                for ((slot, quality), _) in row.qualities.iter_mut().zip(qualities).zip(recorded).filter(|(_, recorded)| *recorded) {
                    *slot = quality.map(|q| [Quality::Good, Quality::Stale, Quality::Gap, Quality::Suspect][q]);
                }
                row
            },
        )
    }

    fn rounded(value: f64, decimals: usize) -> f64 {
        format!("{value:.decimals$}").parse().expect("just formatted")
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(row in any_row()) {
            let columns = Columns::all();
            let mut line = Vec::new();
            row.write_line(&columns, &mut line);
            let text = String::from_utf8(line).expect("ASCII");
            let back = Layout::of_header(&columns.header()).expect("our header").row(text.trim_end().split(','));
            prop_assert_eq!(back, Ok(row));
        }

        #[test]
        fn a_row_travels_as_json(row in any_row()) {
            let json = serde_json::to_string(&row).expect("a string");
            prop_assert_eq!(serde_json::from_str::<Row>(&json).expect("our own line"), row);
        }
    }

    #[test]
    fn a_line_has_as_many_fields_as_the_header() {
        let columns = Columns::where_present(|c| matches!(c, Column::FlightHeatW | Column::AccelPowerW | Column::WorkDutyFrac));
        let mut row = Row::new(1, 42, 42.0, RunState::Running);
        row.utc = "2026-06-21T00:00:42Z".parse().ok();
        row.elapsed_s = Some(0.7);
        row.set(Column::AccelPowerW, -0.00001);
        row.set_reading(Channel::BoardPower, &Reading::good(71.23456, 42.0, Origin::Simulated));
        let mut line = Vec::new();
        row.write_line(&columns, &mut line);
        let text = String::from_utf8(line).expect("ASCII");
        assert_eq!(text, "1,42,2026-06-21T00:00:42.000Z,0.700,42.000,,running,none,,,,71.2346,good,\n");
        assert_eq!(text.matches(',').count() + 1, columns.header().len());
    }

    #[test]
    fn what_is_not_finite_or_not_fresh_is_missing() {
        let mut row = Row::new(0, 0, 0.0, RunState::Staging);
        row.set(Column::AccelPowerW, f64::NAN);
        assert_eq!(row.get(Column::AccelPowerW), None);
        let stale = Reading { value: Some(20.0), at_s: 1.0, quality: Quality::Stale, origin: Origin::Measured };
        row.set_reading(Channel::Plate, &stale);
        assert_eq!(row.get(Column::RigPlateDegc), None);
        assert_eq!(row.quality(Column::RigPlateDegc), Some(Quality::Stale));
        assert_eq!(row.quality(Column::RigTecW), None);
    }

    #[test]
    fn a_row_without_an_answer_is_a_gap() {
        let mut row = Row::new(0, 0, 0.0, RunState::Running);
        assert!(!row.is_gap(), "nothing was asked");
        row.set_reading(Channel::Plate, &Reading::gap(1.0, Origin::Measured));
        assert!(row.is_gap());
        row.set_reading(Channel::Sink, &Reading::good(30.0, 1.0, Origin::Measured));
        assert!(!row.is_gap());
    }

    #[test]
    fn a_wrong_field_is_named() {
        let columns = Columns::where_present(|c| c == Column::RigPlateDegc);
        let layout = Layout::of_header(&columns.header()).expect("our header");
        let cases = [
            ("0,1,,,1.000,,flying,none,20.0,good", 7, "flying"),
            ("0,1,,,1.000,,running,none,warm,good", 9, "no number"),
            ("0,1,,,1.000,,running,none,inf,good", 9, "not finite"),
            ("0,1,,,1.000,,running,none,20.0,fine", 10, "no quality"),
            ("0,-1,,,1.000,,running,none,20.0,good", 2, "whole number"),
            ("0,1,,,,,running,none,20.0,good", 5, "no number"),
            ("0,1,yesterday,,1.0,,running,none,20.0,good", 3, "RFC 3339"),
            ("0,1,,,1.000,,running,none,20.0", 9, "9 fields"),
        ];
        for (line, field, why) in cases {
            let refused = layout.row(line.split(',')).expect_err(line);
            assert_eq!(refused.field, field, "{line}");
            assert!(refused.to_string().contains(why), "{refused}");
        }
        assert!(Layout::of_header(&["tick"]).is_err());
    }
}
