//! `[commissioning]`: the record that allows this rig to run, how long it counts, and how far its sensors may disagree.

use signal::Section;
use std::path::PathBuf;

/// Days a record counts unless the rig says otherwise.
const VALID_DAYS: f64 = 180.0;
/// Tolerances of sensors where the rig declares none, K (assumed): an NTC or Pt1000 as bought in plate or pipe, the like in a heat
/// sink with a gradient across it, and a die sensor that reads whole degrees and whose maker publishes no figure.
const PLATE_K: f64 = 0.5;
const SINK_K: f64 = 1.5;
const DIE_K: f64 = 3.0;

/// `[commissioning]` of a rig file; every key may be absent, and so may the table.
#[derive(Clone, Debug, PartialEq)]
pub struct CommissioningRule {
    /// The record, relative to the rig file.
    pub file: Option<PathBuf>,
    /// Days it counts.
    pub valid_days: f64,
    /// Tolerance of the plate sensor, K.
    pub plate_tolerance_k: f64,
    /// Tolerance of the sensor in the coolant's supply, K.
    pub supply_tolerance_k: f64,
    /// Tolerance of the sensor in its return, K.
    pub return_tolerance_k: f64,
    /// Tolerance of the sink sensor, K.
    pub sink_tolerance_k: f64,
    /// Tolerance of the die sensor, whole degrees included, K.
    pub die_tolerance_k: f64,
}

impl CommissioningRule {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let kelvin = |key, default| section.number_or(key, 0.01..=20.0, default);
        Self {
            file: section.optional_text("file", "the path of a commissioning record, relative to this file").map(PathBuf::from),
            valid_days: section.number_or("valid_days", 1.0..=3660.0, VALID_DAYS),
            plate_tolerance_k: kelvin("plate_tolerance_k", PLATE_K),
            supply_tolerance_k: kelvin("supply_tolerance_k", PLATE_K),
            return_tolerance_k: kelvin("return_tolerance_k", PLATE_K),
            sink_tolerance_k: kelvin("sink_tolerance_k", SINK_K),
            die_tolerance_k: kelvin("die_tolerance_k", DIE_K),
        }
    }
}
