//! Plain tables: comma-separated values whose columns, units, frame, centre and time scale are declared.
//!
//! Declared by names of columns that carry their unit (`t_s,x_km,y_km,z_km,vx_km_s,...`), by lines `# key = value` at the top of
//! the file, or by who asks for the file. Nothing is guessed: a column without a unit is refused. A line of `---` begins a new
//! segment (a manoeuvre is there); with a time after it, as in the time's column, it also says from when on that is used.

use super::kvn::number;
use super::scale::{TIME_SCALES, Tai, TimeScale, day_count, instant};
use super::{Ephemeris, Findings, Frame, Point, Segment, centre, check, unknown_frame};
use crate::trajectory::Body;
use signal::Problems;

/// Between two segments.
pub(crate) const SEGMENT: &str = "---";

/// What is said of a table besides what is in it. What the file says itself must not contradict it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Declared {
    /// Columns in order: `t=s,x=km,y=km,z=km,vx=km/s,vy=km/s,vz=km/s`, `-` for one to leave out.
    pub columns: Option<String>,
    /// Axes.
    pub frame: Option<String>,
    /// Centre.
    pub center: Option<String>,
    /// Time scale.
    pub time_scale: Option<String>,
    /// Instant that elapsed times are counted from.
    pub epoch: Option<String>,
    /// What it is of.
    pub object: Option<String>,
}

const KEYS: &[&str] = &["columns", "frame", "center", "time_scale", "epoch", "object"];

/// How a column counts time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Time {
    /// Elapsed since the epoch, in units of so many seconds.
    Elapsed(f64),
    /// An instant in words.
    Instant,
    /// Days from a Julian date.
    Days(f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Column {
    Time(Time),
    /// Axis, and kilometres in a unit.
    Position(usize, f64),
    /// Axis, and kilometres a second in a unit.
    Velocity(usize, f64),
    Left,
}

/// Time units: how a declaration and the end of a column's name write them, and what they are.
const TIMES: &[(&str, &str, Time)] = &[
    ("s", "t_s", Time::Elapsed(1.0)),
    ("ns", "t_ns", Time::Elapsed(1e-9)),
    ("min", "t_min", Time::Elapsed(60.0)),
    ("h", "t_h", Time::Elapsed(3600.0)),
    ("d", "t_d", Time::Elapsed(86_400.0)),
    ("instant", "utc", Time::Instant),
    ("jd", "t_jd", Time::Days(0.0)),
    ("mjd", "t_mjd", Time::Days(2_400_000.5)),
    // GMAT counts its ModJulian days from here (GMAT User Guide, Spacecraft Epoch).
    ("gmat_mjd", "t_gmat_mjd", Time::Days(2_430_000.0)),
];
const LENGTHS: &[(&str, &str, f64)] = &[("km", "_km", 1.0), ("m", "_m", 1e-3)];
const SPEEDS: &[(&str, &str, f64)] = &[("km/s", "_km_s", 1.0), ("m/s", "_m_s", 1e-3)];
const AXES: [&str; 3] = ["x", "y", "z"];

fn expected_columns() -> String {
    let times: Vec<&str> = TIMES.iter().map(|(unit, _, _)| *unit).collect();
    format!("t ({}), x, y, z (km, m), vx, vy, vz (km/s, m/s)", times.join(", "))
}

/// `t=s`, `x=km`, `-`.
fn declared_column(text: &str) -> Result<Column, String> {
    let text = text.trim();
    if text == "-" {
        return Ok(Column::Left);
    }
    let wrong = || format!("the column \"{text}\" is not understood: expected role=unit of {}, or -", expected_columns());
    let (role, unit) = text.split_once('=').map(|(r, u)| (r.trim(), u.trim())).ok_or_else(wrong)?;
    let axis = |name: &str| AXES.iter().position(|a| *a == name);
    let found = if role == "t" {
        TIMES.iter().find(|(u, _, _)| *u == unit).map(|(_, _, time)| Column::Time(*time))
    } else if let Some(axis) = axis(role) {
        LENGTHS.iter().find(|(u, _, _)| *u == unit).map(|(_, _, km)| Column::Position(axis, *km))
    } else if let Some(axis) = role.strip_prefix('v').and_then(axis) {
        SPEEDS.iter().find(|(u, _, _)| *u == unit).map(|(_, _, km)| Column::Velocity(axis, *km))
    } else {
        None
    };
    found.ok_or_else(wrong)
}

/// `t_s`, `x_km`.
fn named_column(name: &str) -> Option<Column> {
    if let Some((_, _, time)) = TIMES.iter().find(|(_, n, _)| *n == name) {
        return Some(Column::Time(*time));
    }
    AXES.iter().enumerate().find_map(|(axis, letter)| {
        let speed = name.strip_prefix('v').and_then(|n| n.strip_prefix(letter));
        let place = name.strip_prefix(letter);
        let unit = |rest: Option<&str>, units: &[(&str, &str, f64)]| rest.and_then(|r| units.iter().find(|u| u.1 == r).map(|u| u.2));
        unit(speed, SPEEDS).map(|km| Column::Velocity(axis, km)).or_else(|| unit(place, LENGTHS).map(|km| Column::Position(axis, km)))
    })
}

/// Reads a table; every problem at once.
pub fn read(file: &str, text: &str, declared: &Declared) -> Result<Ephemeris, Problems> {
    let mut findings = Findings::new(file);
    let said = declarations(text, declared, &mut findings);
    let words = |key: &str| said.iter().find(|(k, _, _)| *k == key).map(|(_, line, value)| (*line, value.as_str()));
    let need = |key: &str, expected: &str, findings: &mut Findings| {
        let found = words(key);
        if found.is_none() {
            findings.at(1, format!("nothing says the {key} of this table: expected a line `# {key} = {expected}` or the flag for it"));
        }
        found
    };
    let frame = need("frame", "eme2000", &mut findings).and_then(|(line, name)| {
        let frame = Frame::named(name).ok_or_else(|| unknown_frame(name));
        findings.ok(line, frame)
    });
    let body = need("center", "earth", &mut findings).and_then(|(line, name)| findings.ok(line, centre(name)));
    let scale = need("time_scale", "UTC", &mut findings).and_then(|(line, name)| {
        let known: Vec<&str> = TIME_SCALES.iter().map(|(n, _)| *n).collect();
        findings.ok(
            line,
            TimeScale::named(name)
                .ok_or_else(|| format!("the time scale \"{name}\" is not read here: expected one of {}", known.join(", "))),
        )
    });
    let epoch = words("epoch").and_then(|(line, text)| scale.and_then(|scale| findings.ok(line, instant(scale, text))));
    let given = words("columns").and_then(|(line, text)| {
        let columns: Vec<Option<Column>> = text.split(',').map(|c| findings.ok(line, declared_column(c))).collect();
        columns.into_iter().collect::<Option<Vec<Column>>>().map(|columns| (line, columns))
    });
    let clock = Clock { scale, epoch };
    let segments = rows(text, given, words("columns").is_some(), &clock, &mut findings);
    if matches!((body, frame), (Some(Body::Moon), Some(Frame::Teme))) {
        findings.at(1, "TEME is a frame about Earth: expected EME2000 or ICRF about the Moon");
    }
    let object = words("object").map(|(_, name)| name.to_owned());
    let out = Ephemeris { object, body: body.unwrap_or(Body::Earth), frame: frame.unwrap_or(Frame::Eme2000), segments, notes: Vec::new() };
    check::check(&out, body.is_some(), &mut findings);
    findings.finish(out)
}

/// What is declared: key, line (1 where it was said from outside), value.
fn declarations(text: &str, declared: &Declared, findings: &mut Findings) -> Vec<(&'static str, usize, String)> {
    let outside = [&declared.columns, &declared.frame, &declared.center, &declared.time_scale, &declared.epoch, &declared.object];
    let mut said: Vec<(&'static str, usize, String)> =
        KEYS.iter().zip(outside).filter_map(|(key, value)| value.clone().map(|v| (*key, 1, v))).collect();
    for (index, line) in text.lines().enumerate() {
        let Some(comment) = line.trim().strip_prefix('#') else { continue };
        // Other comments are just that.
        let Some((key, value)) = comment.split_once('=').map(|(k, v)| (k.trim(), v.trim())) else { continue };
        let Some(key) = KEYS.iter().find(|k| **k == key) else { continue };
        match said.iter().find(|(k, _, _)| k == key) {
            Some((_, _, other)) if other.eq_ignore_ascii_case(value) => {}
            Some((_, _, other)) => {
                findings.at(index + 1, format!("{key} is \"{value}\" here, and was said to be \"{other}\": expected one of them to go"));
            }
            None => said.push((key, index + 1, value.to_owned())),
        }
    }
    said
}

struct Clock {
    scale: Option<TimeScale>,
    epoch: Option<Tai>,
}

impl Clock {
    /// The moment of a cell; `None` where what it takes is missing, which was said.
    fn read(&self, time: Time, cell: &str) -> Result<Option<Tai>, String> {
        match (time, self.scale, self.epoch) {
            (Time::Elapsed(unit), _, Some(epoch)) => {
                let elapsed = number(cell)?;
                let seconds = elapsed * unit;
                epoch.plus_s(seconds).map(Some).ok_or_else(|| format!("{cell} is no time within some 290 years"))
            }
            (Time::Instant, Some(scale), _) => instant(scale, cell).map(Some),
            (Time::Days(zero), Some(scale), _) => day_count(scale, zero, number(cell)?).map(Some),
            _ => Ok(None),
        }
    }
}

fn rows(text: &str, given: Option<(usize, Vec<Column>)>, declared: bool, clock: &Clock, findings: &mut Findings) -> Vec<Segment> {
    let mut columns = given;
    let mut segments = vec![Segment { line: 1, points: Vec::new(), usable: None }];
    let mut head = true;
    for (index, line) in text.lines().enumerate() {
        let (at, line) = (index + 1, line.trim().trim_start_matches('\u{feff}'));
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(from) = line.strip_prefix(SEGMENT) {
            let time = columns.iter().flat_map(|(_, c)| c).find_map(|c| if let Column::Time(t) = c { Some(*t) } else { None });
            let from = from.trim();
            let moment = if from.is_empty() { None } else { time.and_then(|t| findings.ok(at, clock.read(t, from)).flatten()) };
            if let (Some(moment), Some(last)) = (moment, segments.last_mut()) {
                last.usable = Some((last.usable.map_or(Tai(i64::MIN), |u| u.0), moment));
            }
            segments.push(Segment { line: at, points: Vec::new(), usable: moment.map(|m| (m, Tai(i64::MAX))) });
            continue;
        }
        let cells: Vec<&str> = line.split(',').map(|c| c.trim().trim_matches('"')).collect();
        if head {
            head = false;
            // Where most cells are no numbers, it is a line of names.
            let names = cells.iter().filter(|c| c.parse::<f64>().is_err()).count() * 2 > cells.len();
            if columns.is_none() && !declared {
                columns = named(at, &cells, names, findings);
            }
            if let Some((line, columns)) = &columns {
                complete(*line, columns, clock, findings);
            }
            if names {
                continue;
            }
        }
        let Some((_, columns)) = &columns else { continue };
        if cells.len() != columns.len() {
            findings.at(at, format!("{} cells: expected {}, one for each column", cells.len(), columns.len()));
            continue;
        }
        if let Some(point) = point(at, &cells, columns, clock, findings)
            && let Some(segment) = segments.last_mut()
        {
            segment.points.push(point);
        }
    }
    if head {
        findings.at(1, "the table is empty: expected a line of column names and points");
    }
    segments
}

/// Columns by the names in the table's first line.
fn named(at: usize, cells: &[&str], names: bool, findings: &mut Findings) -> Option<(usize, Vec<Column>)> {
    if !names {
        findings.at(
            at,
            format!(
                "nothing says what the columns are: expected a line of names such as t_s,x_km,y_km,z_km or columns of {}",
                expected_columns()
            ),
        );
        return None;
    }
    let columns: Vec<Option<Column>> = cells
        .iter()
        .map(|name| {
            let column = named_column(name);
            if column.is_none() {
                findings.at(
                    at,
                    format!("the column \"{name}\" says no known quantity and unit: expected t_s, x_km, vx_km_s and the like, or declare all columns"),
                );
            }
            column
        })
        .collect();
    columns.into_iter().collect::<Option<Vec<Column>>>().map(|columns| (at, columns))
}

/// Every quantity is there, once, and time has what it counts from.
fn complete(at: usize, columns: &[Column], clock: &Clock, findings: &mut Findings) {
    let count = |wanted: &dyn Fn(&Column) -> bool| columns.iter().filter(|c| wanted(c)).count();
    let mut must = |name: &str, found: usize, optional: bool| {
        if found > 1 || (found == 0 && !optional) {
            findings.at(at, format!("{found} columns of {name}: expected one"));
        }
    };
    must("t", count(&|c| matches!(c, Column::Time(_))), false);
    let speeds = count(&|c| matches!(c, Column::Velocity(..)));
    for (axis, name) in AXES.iter().enumerate() {
        must(name, count(&|c| matches!(c, Column::Position(a, _) if *a == axis)), false);
        must(&format!("v{name}"), count(&|c| matches!(c, Column::Velocity(a, _) if *a == axis)), speeds == 0);
    }
    if clock.epoch.is_none() && columns.iter().any(|c| matches!(c, Column::Time(Time::Elapsed(_)))) {
        findings.at(
            at,
            "times are elapsed ones and nothing says since when: expected a line `# epoch = 2026-06-21T00:00:00` or the flag for it",
        );
    }
}

fn point(at: usize, cells: &[&str], columns: &[Column], clock: &Clock, findings: &mut Findings) -> Option<Point> {
    let (mut moment, mut position, mut velocity, mut speeds, mut sound) = (None, [0.0; 3], [0.0; 3], false, true);
    for (cell, column) in cells.iter().zip(columns) {
        match column {
            Column::Left => {}
            Column::Time(time) => moment = findings.ok(at, clock.read(*time, cell)).flatten(),
            Column::Position(axis, km) | Column::Velocity(axis, km) => {
                let Some(value) = findings.ok(at, number(cell)) else {
                    sound = false;
                    continue;
                };
                if matches!(column, Column::Velocity(..)) {
                    velocity[*axis] = value * km;
                    speeds = true;
                } else {
                    position[*axis] = value * km;
                }
            }
        }
    }
    let moment = moment.filter(|_| sound)?;
    Some(Point { line: at, moment, position_km: position, velocity_km_s: speeds.then_some(velocity) })
}
