//! The commissioning record: shapes only. Writing, sealing and reading are [`super::store`]'s.

use super::map::Authority;
use serde::{Deserialize, Serialize};
use signal::Channel;
use std::collections::BTreeMap;

/// The record of one commissioning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this file's layout.
    pub schema: u32,
    /// Name of this commissioning: rig and moment.
    pub id: String,
    /// When it began, UTC.
    pub started: String,
    /// When its last step ended, UTC; absent while steps are open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// Every step passed or does not apply.
    pub complete: bool,
    /// Who did it.
    pub operator: String,
    /// Version of the program.
    pub program: String,
    /// A coarser grid than usual was measured.
    pub quick: bool,
    /// Any part of the bench was emulated: never good for real hardware.
    pub simulated: bool,
    /// Which parts.
    pub simulated_because: Vec<String>,
    /// What the device under test says it is.
    pub accelerator: String,
    /// The rig.
    pub rig: RigCard,
    /// What each instrument said it is.
    pub identities: BTreeMap<String, String>,
    /// Every reading of every tick.
    pub raw: RawLog,
    /// The steps that ended, in order.
    #[serde(default, rename = "step")]
    pub steps: Vec<StepRecord>,
    /// What the rig can really do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<Authority>,
    /// Die to plate over the remounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resistance: Option<Resistance>,
}

/// What a rig holds at its setpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Servoed {
    /// The cold plate. Records from before there was anything else do not say so.
    #[default]
    Plate,
    /// The coolant entering the plate.
    CoolantSupply,
}

impl Servoed {
    /// Its channel.
    pub const fn channel(self) -> Channel {
        match self {
            Self::Plate => Channel::Plate,
            Self::CoolantSupply => Channel::CoolantSupply,
        }
    }

    /// In full.
    pub const fn place(self) -> &'static str {
        match self {
            Self::Plate => "plate",
            Self::CoolantSupply => "coolant supply",
        }
    }

    /// For the operator.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Plate => "plate",
            Self::CoolantSupply => "supply",
        }
    }
}

/// The rig as it was commissioned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RigCard {
    /// Its `name`.
    pub name: String,
    /// Where its file was read from: a path, or `built in`.
    pub from: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// SHA-256 of what in it makes the bench: tables `interface`, `coolant`, `channel`, `interlock` and `plant`, without comments and in order of their
    /// keys. Absent in older records.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub bench_sha256: String,
    /// What its setpoint holds.
    #[serde(default)]
    pub servoed: Servoed,
    /// Largest current of its output, A.
    pub current_limit_a: f64,
    /// Limits of its setpoint, °C.
    pub min_degc: f64,
    /// See `min_degc`.
    pub max_degc: f64,
    /// Fastest change of its setpoint, K/min.
    pub rate_k_min: f64,
}

/// The raw log beside the record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RawLog {
    /// Its name, in the folder of the record.
    pub file: String,
    /// Bytes of it that belong to the finished steps.
    pub bytes: u64,
    /// SHA-256 of those.
    pub sha256: String,
    /// Which calibration makes the difference between its raw and its calibrated columns.
    pub calibration: String,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// As it should.
    #[serde(rename = "passed")]
    Passed,
    /// Not as it should: something is to be mended.
    #[serde(rename = "failed")]
    Failed,
    /// There is nothing of the kind on this rig.
    #[serde(rename = "not applicable")]
    NotApplicable,
}

impl Verdict {
    /// The word in the record.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// One step that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub result: Verdict,
    /// Why, in words.
    pub why: String,
    /// `measured`, `simulated` or `operator`: where its numbers come from.
    pub origin: String,
    /// When it ended, UTC.
    #[serde(default)]
    pub ended: String,
    /// Bench seconds it took.
    pub bench_s: f64,
    /// Its figures; the unit is at the end of each name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub numbers: BTreeMap<String, f64>,
    /// What it was told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, String>,
    /// Steady points it measured.
    #[serde(default, rename = "point", skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Point>,
}

/// Means over the window of one steady point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Temperature it was to hold, °C, of plate or supply, whichever is servoed; absent with the output off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_degc: Option<f64>,
    /// Share of time the workload could work.
    #[serde(default)]
    pub duty_frac: f64,
    /// Power of a supply as the operator read it, W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_w: Option<f64>,
    /// The rig held it.
    #[serde(default)]
    pub held: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Plate, °C.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plate_degc: Option<f64>,
    /// Heat sink, °C.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink_degc: Option<f64>,
    /// Die, °C.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub die_degc: Option<f64>,
    /// Board power, W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board_w: Option<f64>,
    /// Current of the output, A; positive cools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tec_a: Option<f64>,
    /// Voltage of the output, V.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tec_v: Option<f64>,
    /// Power of the output, W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tec_w: Option<f64>,
    /// Coolant entering the plate, °C.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supply_degc: Option<f64>,
    /// Coolant leaving it, °C.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_degc: Option<f64>,
    /// Coolant flow as its meter says, l/min.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_l_min: Option<f64>,
    /// Room air, °C.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ambient_degc: Option<f64>,
    /// Board power by external meters, cable and slot where each has its own, W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter_w: Option<f64>,
    /// Drift of the supply, K/min.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supply_drift_k_min: Option<f64>,
    /// Drift of the plate, K/min.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plate_drift_k_min: Option<f64>,
    /// Drift of the sink, K/min.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink_drift_k_min: Option<f64>,
    /// The output was at its current limit.
    #[serde(default)]
    pub limited: bool,
}

impl Point {
    /// What is held, °C.
    pub fn servoed_degc(&self, servoed: Servoed) -> Option<f64> {
        match servoed {
            Servoed::Plate => self.plate_degc,
            Servoed::CoolantSupply => self.supply_degc,
        }
    }

    /// Its drift, K/min.
    pub fn servoed_drift_k_min(&self, servoed: Servoed) -> Option<f64> {
        match servoed {
            Servoed::Plate => self.plate_drift_k_min,
            Servoed::CoolantSupply => self.supply_drift_k_min,
        }
    }
}

/// Die-to-plate resistance over the remounts, as runs see it: (die - plate) / board power at full load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resistance {
    /// Mean over the mounts, K/W.
    pub mean_k_w: f64,
    /// Standard deviation over the mounts, K/W.
    pub sd_k_w: f64,
    /// Board power it was measured at, W.
    pub board_w: f64,
    /// False where nobody could remount anything: the spread is then that of repetition.
    pub remounted: bool,
    /// The mounts.
    #[serde(rename = "mount")]
    pub mounts: Vec<Mount>,
}

impl Resistance {
    /// A run's resistance may differ by this from the mean, K/W: three standard deviations, and never less than 15 %.
    pub fn tolerance_k_w(&self) -> f64 {
        (3.0 * self.sd_k_w).max(0.15 * self.mean_k_w)
    }
}

/// One mount.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mount {
    /// Name of the mount.
    pub id: String,
    /// Torque of its screws, N m.
    pub torque_nm: f64,
    /// Thermal interface material.
    pub tim: String,
    /// What was measured, K/W.
    pub k_w: f64,
}

impl Record {
    /// The step of this name, if it ended.
    pub fn step(&self, name: &str) -> Option<&StepRecord> {
        self.steps.iter().find(|s| s.name == name)
    }

    /// The step that failed, if one did.
    pub fn failed(&self) -> Option<&StepRecord> {
        self.steps.iter().find(|s| s.result == Verdict::Failed)
    }

    /// Serial numbers of the instruments, as far as they told one.
    pub fn serials(&self) -> BTreeMap<&str, u32> {
        let of = |identity: &String| identity.split_once("serial ")?.1.split_whitespace().next()?.parse().ok();
        self.identities.iter().filter_map(|(name, identity)| Some((name.as_str(), of(identity)?))).collect()
    }
}
