//! CCSDS orbit ephemeris message in keyword = value notation (CCSDS 502.0-B-3, chapter 5), versions 1.0 to 3.0.
//!
//! Read: any number of segments, comments, accelerations (passed over). Covariance blocks are passed over and noted. The
//! interpolation a file proposes is not used: see [`crate::trajectory::Table`]. XML is refused.

use super::kvn::{self, Line, number};
use super::scale::{TIME_SCALES, Tai, TimeScale, instant};
use super::{Ephemeris, Findings, Frame, Point, Segment, centre, check, unknown_frame};
use crate::trajectory::Body;
use signal::Problems;

const HEADER: &[&str] = &["CREATION_DATE", "ORIGINATOR", "CLASSIFICATION", "MESSAGE_ID"];
const META: &[&str] = &[
    "OBJECT_NAME",
    "OBJECT_ID",
    "CENTER_NAME",
    "REF_FRAME",
    "REF_FRAME_EPOCH",
    "TIME_SYSTEM",
    "START_TIME",
    "USEABLE_START_TIME",
    "USEABLE_STOP_TIME",
    "STOP_TIME",
    "INTERPOLATION",
    "INTERPOLATION_DEGREE",
];
const REQUIRED: &[&str] = &["OBJECT_NAME", "CENTER_NAME", "REF_FRAME", "TIME_SYSTEM", "START_TIME", "STOP_TIME"];

/// Reads a message; every problem at once.
pub fn read(file: &str, text: &str) -> Result<Ephemeris, Problems> {
    let mut findings = Findings::new(file);
    if text.trim_start().starts_with('<') {
        findings.at(1, "this is XML: expected an OEM in keyword = value notation (KVN)");
        return findings.finish(empty());
    }
    let mut reader = Reader {
        findings,
        place: Place::Start,
        meta: Meta::default(),
        out: empty(),
        covariances: 0,
        centre_known: true,
        same: None,
        claims: Vec::new(),
    };
    for (number, line) in kvn::lines(text) {
        reader.line(number, line);
    }
    reader.end(text.lines().count().max(1))
}

fn empty() -> Ephemeris {
    Ephemeris { object: None, body: Body::Earth, frame: Frame::Eme2000, segments: Vec::new(), notes: Vec::new() }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Start,
    Header,
    Meta,
    Data,
    Covariance,
}

/// The metadata of one segment.
#[derive(Clone, Debug, Default)]
struct Meta<'t> {
    line: usize,
    pairs: Vec<(usize, &'t str, &'t str)>,
    scale: Option<TimeScale>,
    stated: Option<(Tai, Tai)>,
}

impl<'t> Meta<'t> {
    fn find(&self, key: &str) -> Option<(usize, &'t str)> {
        self.pairs.iter().find(|(_, k, _)| *k == key).map(|(line, _, value)| (*line, *value))
    }
}

struct Reader<'t> {
    findings: Findings,
    place: Place,
    meta: Meta<'t>,
    out: Ephemeris,
    covariances: usize,
    centre_known: bool,
    /// Object, centre and frame of the first segment.
    same: Option<[&'t str; 3]>,
    /// What segments say of the time they cover.
    claims: Vec<Claim>,
}

/// A time that the metadata of a segment claims its points reach.
#[derive(Clone, Copy, Debug)]
struct Claim {
    segment: usize,
    line: usize,
    key: &'static str,
    moment: Tai,
}

impl<'t> Reader<'t> {
    fn line(&mut self, at: usize, line: Line<'t>) {
        match (self.place, line) {
            (Place::Start, Line::Pair("CCSDS_OEM_VERS", version)) => {
                if !["1.0", "2.0", "3.0"].contains(&version) {
                    self.findings.at(at, format!("version {version} is not known here: expected 1.0, 2.0 or 3.0"));
                }
                self.place = Place::Header;
            }
            (Place::Start, _) => {
                self.findings.at(at, "expected CCSDS_OEM_VERS = ... first: is this an orbit ephemeris message?");
                self.place = Place::Header;
            }
            (Place::Header, Line::Pair(key, _)) if HEADER.contains(&key) => {}
            (Place::Header | Place::Data, Line::Other("META_START")) => {
                self.meta = Meta { line: at, ..Meta::default() };
                self.place = Place::Meta;
            }
            (Place::Meta, Line::Pair(key, value)) if META.contains(&key) => {
                if self.meta.find(key).is_some() {
                    self.findings.at(at, format!("{key} is given twice in this segment"));
                } else {
                    self.meta.pairs.push((at, key, value));
                }
            }
            (Place::Meta, Line::Pair(key, _)) => {
                self.findings.at(at, format!("{key} is not known here: expected one of {}", META.join(", ")));
            }
            (Place::Meta, Line::Other("META_STOP")) => {
                self.segment();
                self.place = Place::Data;
            }
            (Place::Data, Line::Other("COVARIANCE_START")) => {
                self.covariances += 1;
                self.place = Place::Covariance;
            }
            (Place::Covariance, Line::Other("COVARIANCE_STOP")) => self.place = Place::Data,
            (Place::Covariance, _) => {}
            (Place::Data, Line::Other(words)) => self.point(at, words),
            (_, Line::Pair(key, _)) => self.findings.at(at, format!("{key} has no place here: expected {}", self.expected())),
            (_, Line::Other(words)) => {
                let words: String = words.chars().take(40).collect();
                self.findings.at(at, format!("\"{words}\" has no place here: expected {}", self.expected()));
            }
        }
    }

    fn expected(&self) -> String {
        match self.place {
            Place::Start => "CCSDS_OEM_VERS".into(),
            Place::Header => format!("{} or META_START", HEADER.join(", ")),
            Place::Meta => "KEYWORD = value or META_STOP".into(),
            Place::Data => "lines of epoch, x, y, z (km), vx, vy, vz (km/s), META_START or COVARIANCE_START".into(),
            Place::Covariance => "COVARIANCE_STOP".into(),
        }
    }

    /// The metadata is complete: a segment begins.
    fn segment(&mut self) {
        let meta = self.meta.clone();
        for key in REQUIRED {
            if meta.find(key).is_none() {
                self.findings.at(meta.line, format!("missing {key} in the segment that begins here"));
            }
        }
        if let Some((line, name)) = meta.find("TIME_SYSTEM") {
            self.meta.scale = TimeScale::named(name);
            if self.meta.scale.is_none() {
                let known: Vec<&str> = TIME_SCALES.iter().map(|(n, _)| *n).collect();
                self.findings.at(line, format!("the time system \"{name}\" is not read here: expected one of {}", known.join(", ")));
            }
        }
        if let Some((line, name)) = meta.find("CENTER_NAME") {
            match self.findings.ok(line, centre(name)) {
                Some(body) => self.out.body = body,
                None => self.centre_known = false,
            }
        }
        if let Some((line, name)) = meta.find("REF_FRAME") {
            let frame = Frame::named(name).ok_or_else(|| unknown_frame(name));
            self.out.frame = self.findings.ok(line, frame).unwrap_or(self.out.frame);
            if self.out.frame == Frame::Teme && self.out.body == Body::Moon {
                self.findings.at(line, "TEME is a frame about Earth: expected EME2000 or ICRF about the Moon");
            }
        }
        if let Some((line, _)) = meta.find("REF_FRAME_EPOCH") {
            self.findings.at(line, "frames of another epoch are not read here: expected EME2000, ICRF, GCRF or TEME of date");
        }
        let same = ["OBJECT_NAME", "CENTER_NAME", "REF_FRAME"].map(|key| meta.find(key).map_or("", |(_, value)| value));
        if self.same.get_or_insert(same) != &same {
            self.findings.at(meta.line, "object, centre and frame differ from the first segment's: expected one satellite in one frame");
        }
        self.out.object.get_or_insert_with(|| same[0].to_owned());
        let segment = self.out.segments.len();
        let mut when = |key: &'static str| {
            let (line, text) = meta.find(key)?;
            let moment = self.findings.ok(line, instant(self.meta.scale?, text))?;
            self.claims.push(Claim { segment, line, key, moment });
            Some(moment)
        };
        let (start, stop) = (when("START_TIME"), when("STOP_TIME"));
        let (from, until) = (when("USEABLE_START_TIME").or(start), when("USEABLE_STOP_TIME").or(stop));
        self.meta.stated = start.zip(stop);
        for (first, last, key) in [(start, stop, "STOP_TIME"), (from, until, "USEABLE_STOP_TIME")] {
            if first.zip(last).is_some_and(|(a, b)| a >= b) {
                self.findings.at(meta.find(key).map_or(meta.line, |(line, _)| line), format!("{key} is not after its start"));
            }
        }
        self.out.segments.push(Segment { line: meta.line, points: Vec::new(), usable: from.zip(until) });
    }

    fn point(&mut self, line: usize, words: &str) {
        let fields: Vec<&str> = words.split_whitespace().collect();
        // Accelerations (version 2 and later) add three.
        if ![4, 7, 10].contains(&fields.len()) {
            self.findings.at(line, format!("{} fields: expected epoch, x, y, z (km) and vx, vy, vz (km/s)", fields.len()));
            return;
        }
        let moment = self.meta.scale.and_then(|scale| self.findings.ok(line, instant(scale, fields[0])));
        let mut values = [0.0; 6];
        let mut sound = true;
        for (value, field) in values.iter_mut().zip(&fields[1..]) {
            match self.findings.ok(line, number(field)) {
                Some(number) => *value = number,
                None => sound = false,
            }
        }
        let Some(moment) = moment.filter(|_| sound) else { return };
        if let Some((start, stop)) = self.meta.stated {
            // Stated times are often rounded to a millisecond.
            if moment.since_s(start) < -1e-3 || moment.since_s(stop) > 1e-3 {
                self.findings.at(line, "outside START_TIME to STOP_TIME of its segment");
            }
        }
        let [x, y, z, vx, vy, vz] = values;
        let velocity_km_s = (fields.len() > 4).then_some([vx, vy, vz]);
        if let Some(segment) = self.out.segments.last_mut() {
            segment.points.push(Point { line, moment, position_km: [x, y, z], velocity_km_s });
        }
    }

    fn end(mut self, last_line: usize) -> Result<Ephemeris, Problems> {
        match self.place {
            Place::Start => self.findings.at(1, "the file is empty: expected CCSDS_OEM_VERS = ..."),
            Place::Header => self.findings.at(last_line, "the file ends without a META_START"),
            Place::Meta => self.findings.at(last_line, "the file ends inside metadata: expected META_STOP"),
            Place::Covariance => self.findings.at(last_line, "the file ends inside a covariance: expected COVARIANCE_STOP"),
            Place::Data => {}
        }
        if self.covariances > 0 {
            self.out.notes.push(format!("{} covariance blocks were left out", self.covariances));
        }
        // A line that could not be read is missing from the points: that it is not reached would be the same mistake again.
        let read = self.findings.is_empty();
        check::check(&self.out, self.centre_known, &mut self.findings);
        if read {
            self.reached();
        }
        self.findings.finish(self.out)
    }

    /// Points reach every time that is claimed for them. A time between the grid's end and where the next point would be is one
    /// that somebody rounded; beyond that points are missing, and whoever wrote the file did not mean to end there.
    fn reached(&mut self) {
        for Claim { segment, line, key, moment } in &self.claims {
            let points = &self.out.segments[*segment].points;
            let (Some(first), Some(last)) = (points.first(), points.last()) else { continue };
            let begin = key.ends_with("START_TIME");
            let (end, neighbour) = if begin { (first, points.get(1)) } else { (last, points.iter().rev().nth(1)) };
            let apart_s = if begin { end.moment.since_s(*moment) } else { moment.since_s(end.moment) };
            let spacing_s = neighbour.map_or(0.0, |n| n.moment.since_s(end.moment).abs());
            if apart_s > 1e-3 && apart_s >= spacing_s - 1e-3 {
                let words = if begin { "before the first point" } else { "after the last point" };
                self.findings.at(
                    *line,
                    format!(
                        "{key} is {apart_s} s {words} (line {}), where points are {spacing_s} s apart: expected points up to it; is the file complete?",
                        end.line
                    ),
                );
            }
        }
    }
}
