//! Mean elements of one satellite as they were read: what they say, and the words that say it.

use super::scale::Tai;
use crate::trajectory::Sgp4;
use signal::Problems;

/// How a set was written; kept word for word, so that a profile made from it says the same.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// Two lines of 69 characters.
    Lines([String; 2]),
    /// An object of JSON.
    Json(String),
}

/// Mean elements that SGP4 propagates.
#[derive(Clone, Debug, PartialEq)]
pub struct ElementSet {
    /// What it is of.
    pub name: Option<String>,
    /// Catalogue number.
    pub number: u64,
    /// Line it begins on, from 1.
    pub line: usize,
    /// When the elements are of.
    pub epoch: Tai,
    /// How it was written.
    pub written: Written,
    elements: sgp4::Elements,
}

impl ElementSet {
    /// Checks what parsing alone does not: that these are elements of an orbit, at a time we know.
    pub(super) fn new(name: Option<String>, line: usize, written: Written, elements: sgp4::Elements) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        let mut within = |name: &str, value: f64, low: f64, high: f64| {
            if !(low..=high).contains(&value) {
                wrong.push(format!("the {name} {value} is impossible: expected {low} to {high}"));
            }
        };
        within("inclination (deg)", elements.inclination, 0.0, 180.0);
        within("right ascension of the node (deg)", elements.right_ascension, -360.0, 360.0);
        within("eccentricity", elements.eccentricity, 0.0, 0.999_999_9);
        within("argument of perigee (deg)", elements.argument_of_perigee, -360.0, 360.0);
        within("mean anomaly (deg)", elements.mean_anomaly, -360.0, 360.0);
        // From a tenth of the Moon's to that of an orbit on the ground.
        within("mean motion (rev/day)", elements.mean_motion, 0.003, 17.1);
        within("drag term", elements.drag_term, -10.0, 10.0);
        if elements.ephemeris_type != 0 && elements.ephemeris_type != 2 {
            wrong.push(format!("ephemeris type {} is not for SGP4: expected 0", elements.ephemeris_type));
        }
        let utc = elements.datetime.and_utc();
        let epoch = jiff::Timestamp::new(utc.timestamp(), utc.timestamp_subsec_nanos().min(999_999_999).cast_signed())
            .ok()
            .and_then(Tai::from_utc)
            .filter(|t| t.utc().as_second() < 4_102_444_800);
        match epoch {
            Some(epoch) if wrong.is_empty() => {
                let number = elements.norad_id;
                Ok(Self { name: name.filter(|n| !n.is_empty()), number, line, epoch, written, elements })
            }
            Some(_) => Err(wrong),
            None => {
                wrong.push("the epoch is not between 1972 and 2100".into());
                Err(wrong)
            }
        }
    }

    /// A trajectory from mission second 0 at `start`.
    pub fn trajectory(&self, start: Tai) -> Result<Sgp4, String> {
        Sgp4::new(&self.elements, self.epoch, start)
    }

    /// Two lines as the only set of a text.
    pub fn from_lines(file: &str, line1: &str, line2: &str) -> Result<Self, Problems> {
        super::tle::read(file, &format!("{line1}\n{line2}\n")).map(first)
    }

    /// A message as the only set of a text.
    pub fn from_message(file: &str, text: &str) -> Result<Self, Problems> {
        let sets = super::omm::read(file, text)?;
        if sets.len() > 1 {
            let mut findings = super::Findings::new(file);
            findings.at(sets[1].line, format!("{} satellites: expected one", sets.len()));
            return findings.finish(first(sets));
        }
        Ok(first(sets))
    }
}

fn first(sets: Vec<ElementSet>) -> ElementSet {
    sets.into_iter().next().expect("a reader that finds nothing reports it")
}
