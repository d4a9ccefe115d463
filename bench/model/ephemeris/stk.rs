//! STK ephemeris (`.e`), as STK and GMAT write it: version lines `stk.v.*`, `EphemerisTimePosVel` or `EphemerisTimePos`.
//!
//! Read: `ScenarioEpoch` (UTC), `CentralBody`, `CoordinateSystem`, `DistanceUnit`, `SegmentBoundaryTimes`, comments. The
//! interpolation a file proposes is not used. Covariances, other formats of the data, and fixed frames are refused by name.

use super::kvn::number;
use super::scale::{Tai, TimeScale, instant};
use super::{Ephemeris, Findings, Frame, Point, Segment, centre, check, unknown_frame};
use crate::trajectory::Body;
use signal::Problems;

/// Keywords that say nothing we need.
const PASSED_OVER: &[&str] = &["InterpolationMethod", "InterpolationOrder", "InterpolationSamplesM1", "BlockingFactor", "MessageLevel"];
const READ: &[&str] = &["NumberOfEphemerisPoints", "ScenarioEpoch", "CentralBody", "CoordinateSystem", "DistanceUnit"];
const DATA: &[&str] = &["EphemerisTimePosVel", "EphemerisTimePos"];

/// Reads a file; every problem at once.
pub fn read(file: &str, text: &str) -> Result<Ephemeris, Problems> {
    let mut reader = Reader {
        findings: Findings::new(file),
        place: Place::Start,
        count: None,
        epoch: None,
        body: None,
        frame: None,
        km: None,
        boundaries: Vec::new(),
        rows: Vec::new(),
        width: None,
    };
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim().trim_start_matches('\u{feff}');
        if !line.is_empty() {
            reader.line(index + 1, line);
        }
    }
    reader.end(text.lines().count().max(1))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Start,
    Before,
    Keywords,
    Boundaries,
    Data,
    After,
}

struct Reader {
    findings: Findings,
    place: Place,
    count: Option<(usize, usize)>,
    epoch: Option<Tai>,
    body: Option<Body>,
    frame: Option<Frame>,
    /// Kilometres in the file's unit of length.
    km: Option<f64>,
    boundaries: Vec<f64>,
    /// Line, seconds, and six or three numbers in the file's unit.
    rows: Vec<(usize, f64, [f64; 6])>,
    /// Line of the data keyword and numbers in a row after the time.
    width: Option<(usize, usize)>,
}

impl Reader {
    fn line(&mut self, at: usize, line: &str) {
        let (word, rest) = line.split_once(char::is_whitespace).map_or((line, ""), |(w, r)| (w, r.trim()));
        match self.place {
            Place::Start => {
                if !line.starts_with("stk.v.") {
                    self.findings.at(at, "expected stk.v.N first: is this an STK ephemeris?");
                }
                self.place = Place::Before;
            }
            Place::Before => {
                if line == "BEGIN Ephemeris" {
                    self.place = Place::Keywords;
                } else {
                    self.findings.at(at, format!("\"{word}\" has no place here: expected BEGIN Ephemeris"));
                }
            }
            Place::Keywords if line == "BEGIN SegmentBoundaryTimes" => self.place = Place::Boundaries,
            Place::Keywords => self.keyword(at, word, rest),
            Place::Boundaries if line == "END SegmentBoundaryTimes" => self.place = Place::Keywords,
            Place::Boundaries => {
                let time = self.findings.ok(at, number(line));
                self.boundaries.extend(time);
            }
            Place::Data if line == "END Ephemeris" => self.place = Place::After,
            Place::Data if word.starts_with("Covariance") || word == "BEGIN" => {
                self.findings.at(at, format!("{word} {rest} is not read here: export without it"));
                self.place = Place::After;
            }
            Place::Data => self.row(at, line),
            // Whatever a program appends for itself.
            Place::After => {}
        }
    }

    fn keyword(&mut self, at: usize, word: &str, rest: &str) {
        match word {
            "NumberOfEphemerisPoints" => match rest.parse() {
                Ok(count) => self.count = Some((at, count)),
                Err(_) => self.findings.at(at, format!("\"{rest}\" is not a number of points")),
            },
            "ScenarioEpoch" => self.epoch = self.findings.ok(at, instant(TimeScale::Utc, rest)),
            "CentralBody" => self.body = self.findings.ok(at, centre(rest)),
            "CoordinateSystem" => {
                let frame = Frame::named(rest).filter(|f| *f != Frame::Teme).ok_or_else(|| unknown_frame(rest));
                self.frame = self.findings.ok(at, frame);
            }
            "DistanceUnit" => {
                self.km = match rest.to_ascii_lowercase().as_str() {
                    "meters" | "meter" | "metres" => Some(1e-3),
                    "kilometers" | "kilometer" | "kilometres" => Some(1.0),
                    _ => {
                        self.findings.at(at, format!("the unit \"{rest}\" is not read here: expected Meters or Kilometers"));
                        None
                    }
                };
            }
            _ if DATA.contains(&word) => {
                self.width = Some((at, if word == "EphemerisTimePos" { 3 } else { 6 }));
                self.place = Place::Data;
            }
            _ if PASSED_OVER.contains(&word) => {}
            _ => {
                let known: Vec<&str> = READ.iter().chain(PASSED_OVER).chain(DATA).copied().collect();
                self.findings.at(at, format!("{word} is not read here: expected one of {}", known.join(", ")));
            }
        }
    }

    fn row(&mut self, at: usize, line: &str) {
        let Some((_, width)) = self.width else { return };
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields.len() != width + 1 {
            self.findings.at(at, format!("{} numbers: expected {}, the time and {width} more", fields.len(), width + 1));
            return;
        }
        let mut values = [0.0; 7];
        let mut sound = true;
        for (value, field) in values.iter_mut().zip(fields) {
            match self.findings.ok(at, number(field)) {
                Some(number) => *value = number,
                None => sound = false,
            }
        }
        if sound {
            let [t, x, y, z, vx, vy, vz] = values;
            self.rows.push((at, t, [x, y, z, vx, vy, vz]));
        }
    }

    fn end(mut self, last_line: usize) -> Result<Ephemeris, Problems> {
        let place = self.width.map_or(last_line, |(line, _)| line);
        match (self.place, self.width) {
            (Place::Start, _) => self.findings.at(1, "the file is empty: expected stk.v.N first"),
            (_, None) => self.findings.at(last_line, format!("no data: expected one of {}", DATA.join(", "))),
            (Place::After, _) => {}
            _ => self.findings.at(last_line, "the file ends inside its data: expected END Ephemeris"),
        }
        if self.width.is_some() {
            if self.epoch.is_none() && self.findings.is_empty() {
                self.findings.at(place, "missing ScenarioEpoch before the data: expected a UTC instant such as 1 Jan 2026 00:00:00.000");
            }
            if self.frame.is_none() && self.findings.is_empty() {
                self.findings.at(place, "missing CoordinateSystem before the data (STK then means Fixed): expected J2000 or ICRF");
            }
        }
        if let Some((line, count)) = self.count.filter(|(_, count)| *count != self.rows.len() && self.findings.is_empty()) {
            self.findings.at(line, format!("{count} points are announced and {} are there: is the file complete?", self.rows.len()));
        }
        // STK's own defaults.
        let (body, km) = (self.body.unwrap_or(Body::Earth), self.km.unwrap_or(1e-3));
        let velocities = self.width.is_some_and(|(_, width)| width == 6);
        let mut segments = vec![Segment { line: place, points: Vec::new(), usable: None }];
        let mut boundaries = self.boundaries.iter().copied().peekable();
        for (line, t, row) in &self.rows {
            let Some(moment) = self.epoch.and_then(|epoch| epoch.plus_s(*t)) else { continue };
            let [x, y, z, vx, vy, vz] = row.map(|v| v * km);
            let point = Point { line: *line, moment, position_km: [x, y, z], velocity_km_s: velocities.then_some([vx, vy, vz]) };
            let current = segments.len() - 1;
            // The time of a boundary is written twice: for the end of one segment and the begin of the next.
            let again = segments[current].points.last().is_some_and(|p| p.moment == moment);
            if again && boundaries.peek().is_some_and(|b| (b - t).abs() < 1e-6) {
                boundaries.next();
                segments.push(Segment { line: *line, points: vec![point], usable: None });
            } else {
                segments[current].points.push(point);
                if !again && boundaries.peek().is_some_and(|b| *t > b + 1e-6) {
                    boundaries.next();
                }
            }
        }
        let out = Ephemeris { object: None, body, frame: self.frame.unwrap_or(Frame::Eme2000), segments, notes: Vec::new() };
        let known = self.body.is_some() || self.findings.is_empty();
        check::check(&out, known, &mut self.findings);
        self.findings.finish(out)
    }
}
