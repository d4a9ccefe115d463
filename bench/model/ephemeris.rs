//! Files that say where a satellite is, read strictly: two-line elements, orbit mean-elements messages, CCSDS OEM, STK
//! ephemerides and plain CSV.
//!
//! A reader turns text into what it says or into every problem with it, by line. It reads a subset and refuses the rest by
//! name: what is not understood is not skipped. Nothing is repaired and nothing is extrapolated. Not here: files on disk, and
//! what is done with the result ([`crate::trajectory`], [`crate::profile`]).

mod check;
pub mod csv;
pub mod elements;
mod findings;
mod kvn;
pub mod oem;
mod omm;
pub mod scale;
pub mod stk;
mod tle;
mod write;

pub use elements::ElementSet;
pub use findings::Findings;
pub use write::{OrbitTable, fit_epoch, orbit_table, quoted};

use crate::frame::Precession;
use crate::nutation::TemeToMean;
use crate::time::Centuries;
use crate::trajectory::{Body, Piece, Table};
use crate::vector::Vector;
use scale::Tai;
use signal::Problems;

/// Axes that imported positions may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The celestial reference frame of the IERS (ICRF, about Earth GCRF). It is within 0.02" of the next, 1 m at 7000 km, and
    /// taken for it.
    Gcrf,
    /// Mean equator and equinox of J2000.
    Eme2000,
    /// True equator and mean equinox of date, the frame of two-line elements.
    Teme,
}

/// Names of the frames, as files write them. The first of each is what is written here.
pub const FRAMES: &[(&str, Frame)] =
    &[("gcrf", Frame::Gcrf), ("eme2000", Frame::Eme2000), ("teme", Frame::Teme), ("icrf", Frame::Gcrf), ("j2000", Frame::Eme2000)];

impl Frame {
    /// From its name, in either case.
    pub fn named(name: &str) -> Option<Self> {
        FRAMES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, frame)| *frame)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gcrf => "gcrf",
            Self::Eme2000 => "eme2000",
            Self::Teme => "teme",
        }
    }
}

/// Why a frame is refused.
fn unknown_frame(name: &str) -> String {
    let hint = match name.to_ascii_uppercase().as_str() {
        "ITRF" | "ITRF2000" | "ITRF93" | "ITRF97" | "GTOD" | "FIXED" | "ECEF" | "TDR" | "ITRF2014" | "ITRF2020" => {
            "; this one turns with Earth: export in an inertial one"
        }
        "TOD" | "MOD" | "TRUEOFDATE" | "MEANOFDATE" | "TOD_EARTH" | "MOD_EARTH" => "; this one moves with the date: export in a fixed one",
        _ => "",
    };
    format!("the frame \"{name}\" is not read here: expected EME2000 (J2000), ICRF, GCRF or TEME{hint}")
}

/// Names of the centres, as files write them.
pub const CENTRES: &[(&str, Body)] = &[("earth", Body::Earth), ("moon", Body::Moon)];

fn centre(name: &str) -> Result<Body, String> {
    let found = CENTRES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, body)| *body);
    found.ok_or_else(|| format!("the centre \"{name}\" is not known here: expected EARTH or MOON"))
}

/// Name of a centre.
pub fn centre_name(body: Body) -> &'static str {
    CENTRES.iter().find(|(_, b)| *b == body).map_or("earth", |(name, _)| *name)
}

/// One line of an ephemeris.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where it is written, from 1.
    pub line: usize,
    /// When.
    pub moment: Tai,
    /// From the centre, km.
    pub position_km: Vector,
    /// In the same axes, km/s.
    pub velocity_km_s: Option<Vector>,
}

/// Points between which one may interpolate.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Where it begins in the file, from 1.
    pub line: usize,
    /// In the order of the file; in order of time once checked.
    pub points: Vec<Point>,
    /// The part of them to be used, if the file says.
    pub usable: Option<(Tai, Tai)>,
}

/// A table of positions.
#[derive(Clone, Debug, PartialEq)]
pub struct Ephemeris {
    /// What it is of, if the file says.
    pub object: Option<String>,
    /// Where positions are counted from.
    pub body: Body,
    /// Axes of positions and velocities.
    pub frame: Frame,
    /// In order of time.
    pub segments: Vec<Segment>,
    /// What the file holds besides, and was left out.
    pub notes: Vec<String>,
}

impl Segment {
    /// The first and last moment that may be used: what the file says, within the points. `None` without points.
    pub fn span(&self) -> Option<(Tai, Tai)> {
        let (first, last) = (self.points.first()?.moment, self.points.last()?.moment);
        let (from, until) = self.usable.unwrap_or((first, last));
        Some((from.max(first), until.min(last)))
    }
}

impl Ephemeris {
    /// From the first usable moment to the last.
    pub fn span(&self) -> (Tai, Tai) {
        let mut spans = self.segments.iter().filter_map(Segment::span);
        let first = spans.next().unwrap_or((Tai(0), Tai(0)));
        (first.0, spans.next_back().unwrap_or(first).1)
    }

    /// Every point has a velocity.
    pub fn has_velocities(&self) -> bool {
        self.segments.iter().flat_map(|s| &s.points).all(|p| p.velocity_km_s.is_some())
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.segments.iter().map(|s| s.points.len()).sum()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A trajectory from mission second 0 at `start`, in the frame of that moment; `None` where the orbit is not closed.
    pub fn table(&self, start: Tai) -> Option<Table> {
        let epoch = Centuries::from(start.utc());
        let fixed = Precession::between(Centuries::J2000, epoch);
        let velocities = self.has_velocities();
        let (mut times, mut positions, mut speeds, mut pieces) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for segment in &self.segments {
            let first = times.len();
            for point in &segment.points {
                let mission_s = point.moment.since_s(start);
                let turned = |v: Vector| match self.frame {
                    Frame::Gcrf | Frame::Eme2000 => fixed.apply(v),
                    Frame::Teme => {
                        let moment = epoch.plus_s(mission_s);
                        Precession::between(moment, epoch).apply(TemeToMean::at(moment).apply(v))
                    }
                };
                times.push(mission_s);
                positions.push(turned(point.position_km));
                if let Some(velocity) = point.velocity_km_s.filter(|_| velocities) {
                    speeds.push(turned(velocity));
                }
            }
            let (from, until) = segment.span()?;
            pieces.push(Piece { points: first..times.len(), from_s: from.since_s(start), until_s: until.since_s(start) });
        }
        Table::new(self.body, times, positions, speeds, pieces)
    }
}

/// What a file turned out to hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Imported {
    /// Mean elements, one or more sets.
    Elements(Vec<ElementSet>),
    /// A table of positions.
    Ephemeris(Ephemeris),
}

/// Formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Two-line elements, with or without a line of the name.
    Tle,
    /// CCSDS orbit mean-elements message, JSON or KVN.
    Omm,
    /// CCSDS orbit ephemeris message in KVN.
    Oem,
    /// STK ephemeris.
    Stk,
    /// Comma-separated values with declared columns.
    Csv,
}

/// Names of the formats, as typed.
pub const FORMATS: &[(&str, Format)] =
    &[("tle", Format::Tle), ("omm", Format::Omm), ("oem", Format::Oem), ("stk", Format::Stk), ("csv", Format::Csv)];

impl Format {
    /// By what the text looks like, else by what the file is called.
    pub fn guess(file: &str, text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        let first = lines.next().unwrap_or_default();
        let (second, third) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let pair = |a: &str, b: &str| a.starts_with("1 ") && b.starts_with("2 ");
        if first.starts_with("CCSDS_OEM_VERS") {
            Some(Self::Oem)
        } else if first.starts_with("CCSDS_OMM_VERS") || first.starts_with(['{', '[']) {
            Some(Self::Omm)
        } else if first.starts_with("stk.v.") {
            Some(Self::Stk)
        } else if pair(first, second) || pair(second, third) {
            Some(Self::Tle)
        } else {
            let extension = file.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase());
            match extension.as_deref() {
                Some("oem") => Some(Self::Oem),
                Some("omm" | "json") => Some(Self::Omm),
                Some("e") => Some(Self::Stk),
                Some("tle" | "2le" | "3le") => Some(Self::Tle),
                Some("csv" | "txt") => Some(Self::Csv),
                _ => None,
            }
        }
    }
}

/// Reads `text` as `format`. `file` is the name to blame problems on; `declared` is what was said of a CSV file besides.
pub fn read(file: &str, text: &str, format: Format, declared: &csv::Declared) -> Result<Imported, Problems> {
    match format {
        Format::Tle => tle::read(file, text).map(Imported::Elements),
        Format::Omm => omm::read(file, text).map(Imported::Elements),
        Format::Oem => oem::read(file, text).map(Imported::Ephemeris),
        Format::Stk => stk::read(file, text).map(Imported::Ephemeris),
        Format::Csv => csv::read(file, text, declared).map(Imported::Ephemeris),
    }
}

#[cfg(test)]
mod tests;
