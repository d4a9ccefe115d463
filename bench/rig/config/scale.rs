//! `[scale]`: what the bench's parts are weighed on. It is spoken to by `rig weigh` alone, with the bench at rest, and is no part of a run:
//! a scale that is put away must not keep a flight from starting.

use super::read::instrument;
use super::{DriverKind, Instrument, Read};
use signal::{Channel, Section};

/// Name of its table, and of its port in an emulated rig's folder.
pub const SCALE: &str = "scale";

/// `[scale]` of a rig file; the table may be absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// Driver and port, as of any instrument.
    pub instrument: Instrument,
    /// One step of its display, kg.
    pub readability_kg: f64,
    /// Standard uncertainty of what it says beyond that, kg.
    pub accuracy_kg: f64,
}

impl Scale {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        section.exists().then(|| {
            let mut instrument = instrument(SCALE.to_owned(), section);
            let name =
                section.optional_text("reads", "the driver's name of the mass, such as \"mass\"").unwrap_or_else(|| "mass".to_owned());
            if let DriverKind::Line(line) = &instrument.driver
                && !line.dialect.name.is_empty()
                && !line.dialect.reads.iter().any(|(known, _)| *known == name)
            {
                let known: Vec<&str> = line.dialect.reads.iter().map(|(name, _)| name.as_str()).collect();
                let message =
                    format_args!("the dialect \"{}\" reads no \"{name}\": expected one of {}", line.dialect.name, known.join(", "));
                section.problem("reads", message);
            }
            if !matches!(instrument.driver, DriverKind::Line(_)) {
                section.problem("driver", "scales speak in lines: use driver = \"line\" with dialect = \"mt-sics\" or a file of your own");
            }
            instrument.reads = vec![Read::plain(&name, Channel::Mass)];
            Self {
                instrument,
                readability_kg: section.number("readability_kg", 1e-9..=10.0),
                accuracy_kg: section.number("accuracy_kg", 0.0..=10.0),
            }
        })
    }
}
