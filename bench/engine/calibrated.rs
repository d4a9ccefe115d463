//! A setup that goes by a calibration: the belief is what was found, doubts are the covariance's, runs carry the calibration's id and age,
//! and leaving the range in which it was found is said. How one is made is `identify`'s.

use crate::manifest;
use crate::setup::{Setup, SetupError};
use control::Event;
use identify::Calibration;
use identify::calibration::serial_in;
use jiff::Timestamp;
use record::{Column, Row};
use rig::config::SunRule;
use signal::Severity;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use twin::{Doubt, Truth};

/// A calibration that a setup goes by.
#[derive(Clone, Debug)]
pub struct Calibrated {
    /// What was found.
    pub calibration: Calibration,
    /// Where it was read from.
    pub from: PathBuf,
    /// SHA-256 of the file.
    pub sha256: String,
    /// When it was taken up.
    pub at: Timestamp,
}

impl Setup {
    /// The same going by the calibration in `file`, or by the one that the rig file names (relative to itself), if any. Refused are files
    /// with problems, calibrations of another rig or instrument. An old one is taken, and said to be old (see [`Setup::cautions`]).
    pub fn calibrate(mut self, file: Option<&Path>, now: Timestamp) -> Result<Self, SetupError> {
        let beside = |name: &Path| Path::new(&self.options.rig.from).parent().unwrap_or(Path::new("")).join(name);
        let Some(from) = file.map(Path::to_owned).or_else(|| self.rig.calibration.file.as_deref().map(beside)) else {
            return Ok(self);
        };
        let text = std::fs::read_to_string(&from)
            .map_err(|why| SetupError::Options(format!("the calibration {} cannot be read: {why}", from.display())))?;
        let calibration = Calibration::read(&from.display().to_string(), &text).map_err(SetupError::Problems)?;
        if let Some(why) = calibration.refuses(&self.rig) {
            return Err(SetupError::Options(format!("{}: {why}", from.display())));
        }
        calibration.apply(&mut self.twin.plant);
        self.maker.bank = Some(self.twin.plant.bank);
        self.calibrated = Some(Calibrated { calibration, from, sha256: record::sha256(text.as_bytes()), at: now });
        Ok(self)
    }

    /// The bench that is believed in.
    pub fn belief(&self) -> Truth {
        match &self.calibrated {
            Some(c) => c.calibration.belief(&self.twin.plant),
            None => Truth::believed(&self.twin.plant),
        }
    }

    /// The respects in which that is doubted.
    pub fn doubts(&self) -> Vec<Doubt> {
        match &self.calibrated {
            Some(c) => c.calibration.doubts(&self.twin.plant, &self.twin.spreads),
            None => self.twin.spreads.doubts(&self.twin.plant),
        }
    }

    /// Of a card whose driver does not say who uses it, and who answers for it.
    fn unseen_words(&self) -> String {
        let seen_to = match (&self.rig.waiver, self.rig.refuses_unseen_processes(jiff::Timestamp::now())) {
            (Some(w), None) => format!("that nothing else does, {} answers for by the rig's waiver of {}: {}", w.who, w.when, w.why),
            _ => "see to it that nothing else does".to_owned(),
        };
        format!("the driver does not say which processes use the accelerator; {seen_to}")
    }

    /// What whoever flies this should hear first.
    pub fn cautions(&self) -> Vec<String> {
        let stale = self.calibrated.iter().filter_map(|c| c.calibration.stale(c.at));
        let unseen =
            self.identity.as_ref().filter(|i| i.processes.is_none() && !self.accelerator.gpus().is_empty()).map(|_| self.unseen_words());
        let others = self.identity.iter().flat_map(|i| i.processes.iter().flatten());
        let unguarded = self.rig.unguarded().into_iter().map(|why| format!("not guarded: {why}"));
        stale
            .chain(unguarded)
            .chain(self.array_at_rest())
            .chain(self.left.iter().cloned())
            .chain(unseen)
            .chain(others.map(|busy| format!("the accelerator is also used by {busy}: its power and heat are in every figure of this run")))
            .collect()
    }

    /// An array simulator whose voltage is to follow a temperature that this mission does not have.
    fn array_at_rest(&self) -> Option<String> {
        let follows = |i: &rig::Instrument| {
            i.drive.as_ref().is_some_and(|d| matches!(d.sun, Some(SunRule::Array { voltage_per_k, .. }) if voltage_per_k != 0.0))
        };
        let missing = self.profile.own_array.is_none_or(|a| a.heat_capacity_kj_m2k.is_none());
        (missing && self.rig.instruments.iter().any(follows)).then(|| {
            "the array simulator's voltage stays that of 25 °C: this profile's array has no temperature; see heat_capacity_kj_m2k of [own_array]".to_owned()
        })
    }
}

impl Calibrated {
    /// For `run.toml`.
    pub fn card(&self, outside: Vec<String>) -> manifest::CalibrationCard {
        let c = &self.calibration;
        manifest::CalibrationCard {
            id: c.id.clone(),
            made: c.made.to_string(),
            age_days: (c.age_days(self.at) * 100.0).round() / 100.0,
            valid_days: c.valid_days,
            simulated: c.simulated,
            from: self.from.display().to_string(),
            sha256: self.sha256.clone(),
            outside,
        }
    }

    /// Why an instrument that is there is not the one that was calibrated, by what they say they are.
    pub fn other_instrument(&self, identities: &[(String, String)]) -> Option<String> {
        identities.iter().find_map(|(name, identity)| {
            let then = self.calibration.instruments.get(name)?.serial_number?;
            let now = serial_in(identity)?;
            (then != now).then(|| {
                format!(
                    "calibration {} was made with {name} of serial number {then}, and here is {identity}: calibrate again",
                    self.calibration.id
                )
            })
        })
    }
}

/// Columns that have a range in a calibration.
const WATCHED: [(Column, &str); 5] = [
    (Column::RigPlateDegc, "plate_degc"),
    (Column::RigSinkDegc, "sink_degc"),
    (Column::AccelDieDegc, "die_degc"),
    (Column::RigTecA, "tec_a"),
    (Column::AccelPowerW, "power_w"),
];

/// Watches rows for leaving the range in which a calibration was found; says so once a column.
#[derive(Clone, Debug, Default)]
pub struct RangeWatch {
    told: BTreeSet<Column>,
}

impl RangeWatch {
    /// What is to be said of this row; nothing without a calibration.
    pub fn row(&mut self, setup: &Setup, row: &Row) -> Vec<String> {
        let Some(calibrated) = &setup.calibrated else { return Vec::new() };
        let calibration = &calibrated.calibration;
        let mut words = Vec::new();
        for (column, quantity) in WATCHED {
            let coupled = setup.coupled || !column.name().starts_with("accel_");
            let Some(value) = row.get(column).filter(|_| coupled && !self.told.contains(&column)) else { continue };
            if let Some((low, high)) = calibration.outside(quantity, value) {
                self.told.insert(column);
                words.push(format!(
                    "{} = {value:.1} {} is outside of what calibration {} has seen ({low:.1} to {high:.1}): nothing is claimed there",
                    column.name(),
                    column.unit(),
                    calibration.id
                ));
            }
        }
        words
    }
}

/// Words about the calibration as an event.
pub(crate) fn caution(message: String) -> Event {
    Event { severity: Severity::Warning, kind: "calibration", who: "engine".into(), message }
}
