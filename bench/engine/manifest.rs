//! `run.toml`: everything needed to judge a run without the machine it ran on. Shapes only; writing it is `record`'s.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The manifest of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this file's layout.
    pub schema: u32,
    /// Name of the run: that of its folder.
    pub name: String,
    /// True if any part of the bench is emulated: no verdict is ever drawn from it.
    pub simulated: bool,
    /// Which parts, and why.
    pub simulated_because: Vec<String>,
    /// Who wrote this.
    pub program: Program,
    /// What was to be flown.
    pub plan: Plan,
    /// Where it was flown.
    pub host: Host,
    /// The profile as it was.
    pub profile: Source,
    /// The rig as it was.
    pub rig: Source,
    /// The device under test.
    pub accelerator: AcceleratorCard,
    /// The work.
    pub workload: WorkloadCard,
    /// Weighed and modelled masses, kg.
    pub masses: BTreeMap<String, f64>,
    /// The widest of `card`, `server`, `rack`, `facility` among the weighed parts that fly: figures per kilogram compare within one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<String>,
    /// The parts on the bench, as weighed or declared.
    #[serde(default)]
    pub parts: BTreeMap<String, PartCard>,
    /// Real hardware ran without a commissioning, with somebody beside it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncommissioned: bool,
    /// What nothing on the rig guards and somebody answers for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<WaiverCard>,
    /// The commissioning the run was held to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commissioning: Option<Commissioning>,
    /// The calibration that the prediction goes by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationCard>,
    /// The measured work map that the plan goes by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_map: Option<crate::workmap::WorkMapCard>,
    /// The prediction, sealed before the first measured row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction: Option<Sealed>,
    /// The band around it, sealed with it; absent where nothing about the bench is doubted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<Sealed>,
    /// What each instrument said it is.
    #[serde(default)]
    pub identities: BTreeMap<String, String>,
    /// Socket of the engine while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// One for each start of the engine on this folder.
    pub segments: Vec<Segment>,
    /// Unit and class of every column.
    pub columns: BTreeMap<String, ColumnCard>,
}

/// A rig's waiver, as a run carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiverCard {
    /// Who signed.
    pub who: String,
    /// When.
    pub when: String,
    /// Why that is safe.
    pub why: String,
    /// Nobody watched this run: it went by the waiver.
    pub unattended: bool,
    /// The risks that are waived, in words by their keys.
    pub waives: BTreeMap<String, String>,
}

/// A part on the bench, as a run carries it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartCard {
    /// Dry, kg.
    pub kg: f64,
    /// Its standard uncertainty, kg.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub u_kg: Option<f64>,
    /// With its coolant, kg.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wet_kg: Option<f64>,
    /// `flying_cooling`, `flying_compute` or `support`.
    pub ledger: String,
    /// `card`, `server`, `rack` or `facility`.
    pub boundary: String,
    /// Accelerators that it serves: each is charged its part.
    pub serves: u32,
    /// When, on what and by whom it was weighed; empty if it was only declared.
    pub weighed: String,
}

/// A calibration, as a run carries it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CalibrationCard {
    /// Made of its content.
    pub id: String,
    /// When it was made.
    pub made: String,
    /// How old it was when the run began, days.
    pub age_days: f64,
    /// How old it may be, days.
    pub valid_days: f64,
    /// It was made from logs of an emulated bench.
    pub simulated: bool,
    /// Where it was read from.
    pub from: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Where the prediction leaves the range in which it was found.
    #[serde(default)]
    pub outside: Vec<String>,
}

/// The program that wrote a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Version.
    pub version: String,
    /// Commit it was built from, or `unknown`.
    pub commit: String,
    /// Command line.
    pub command: Vec<String>,
}

/// What was to be flown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Part of the satellite that one accelerator stands for.
    pub share: f64,
    /// Controller step, bench seconds.
    pub dt_s: f64,
    /// Mission seconds.
    pub duration_s: f64,
    /// Seconds of an orbit.
    pub period_s: f64,
    /// Bench seconds a wall second.
    pub speed: f64,
    /// Seed of the emulated bench.
    pub seed: u64,
    /// Board power at full load, W.
    pub full_w: f64,
    /// Board power with no work, W.
    pub idle_w: f64,
    /// Declared stand-in heat, W.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assume_w: Option<f64>,
    /// `plate` or `coolant_supply`.
    pub servo_node: String,
    /// What the heat into the flight model goes by: `accelerator`, `meter` or `calorimetric`.
    #[serde(default)]
    pub heat_source: String,
    /// What figures of energy go by: `accelerator` or `meter`.
    #[serde(default)]
    pub energy_source: String,
    /// Gain on measured heat before the model.
    pub heat_gain: f64,
    /// What was made of the power there was.
    #[serde(default)]
    pub policy: String,
    /// What became of the work when the power for it was taken away: `idle`, `checkpoint` or `restart`.
    #[serde(default)]
    pub eclipse: String,
}

/// Where a run was flown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Host name.
    pub name: String,
    /// Kernel and release.
    pub system: String,
}

/// A file copied in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Its `name`.
    pub name: String,
    /// Where it was read from: a path, or `built in`.
    pub from: String,
    /// SHA-256 of the text.
    pub sha256: String,
    /// The text.
    pub text: String,
}

/// The device under test.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AcceleratorCard {
    /// What was asked for.
    pub spec: String,
    /// What it says it is.
    pub name: String,
    /// `measured` or `simulated`.
    pub origin: String,
    /// It sits on the rig's plate; otherwise its temperatures stay out of compare.
    pub coupled: bool,
    /// What could not be read, and why.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Serial number, UUID, driver, versions, limits and thresholds, as far as the device says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    /// What its power sensor was found to do, if it was ever checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<crate::characterise::Checked>,
    /// Which check its energy counter is held against, or why none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<report::CheckFacts>,
}

/// The work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkloadCard {
    /// What was asked for and what it is.
    pub name: String,
    /// What its work is counted in.
    pub unit: String,
    /// What it said it is: model, sizes, seed, command. Empty where the virtual card works.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Why its units say nothing over the energy that was measured: it worked elsewhere, or nobody could tell where. Empty where it worked where it was measured.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub apart: String,
    /// What it said of itself at the end besides its units, by name with the unit as suffix: latencies, tokens taken in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
}

/// The commissioning a run was held to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Commissioning {
    /// Its name.
    pub id: String,
    /// Its file.
    pub file: String,
    /// SHA-256 of that.
    pub sha256: String,
    /// Days since its last step.
    pub age_days: f64,
    /// Some of it was simulated.
    pub simulated: bool,
}

/// A file and its hash.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sealed {
    /// File name in the folder.
    pub file: String,
    /// SHA-256.
    pub sha256: String,
    /// Rows in it.
    pub rows: u64,
    /// When it was sealed.
    pub at: String,
}

/// How to reach the engine while it runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The socket.
    pub socket: String,
    /// Process id of the engine.
    pub pid: u32,
}

/// One start of the engine on the folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Segment {
    /// From 0.
    pub number: u32,
    /// When.
    pub started: String,
}

/// What a column is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ColumnCard {
    /// Unit.
    pub unit: String,
    /// Class word.
    pub class: String,
    /// Where its values come from in this run: `measured`, `simulated`, `assumed` or `computed`.
    pub origin: String,
}
