//! `map.toml`: everything needed to judge a map, or to go on with it, without the machine it was measured on.

use super::order::Survey;
use crate::commission::Servoed;
use crate::manifest::{Host, Program, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The only layout there is.
pub(super) const SCHEMA: u32 = 1;

/// The manifest of a map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this file's layout.
    pub schema: u32,
    /// Name of the map: that of its folder.
    pub name: String,
    /// True if any part of the bench is emulated.
    pub simulated: bool,
    /// Which parts, and why.
    pub simulated_because: Vec<String>,
    /// Who wrote this.
    pub program: Program,
    /// Where it was measured.
    pub host: Host,
    /// What is measured.
    pub plan: PlanCard,
    /// What it may not come near.
    pub limits: Limits,
    /// The device under test.
    pub accelerator: DeviceCard,
    /// The work.
    pub workload: WorkCard,
    /// What intervals are, in words.
    pub method: String,
    /// What the board's own sensor may be off by in every place alike, in words.
    pub board: String,
    /// The rig as it was.
    pub rig: Source,
    /// What each instrument said it is.
    #[serde(default)]
    pub identities: BTreeMap<String, String>,
    /// Somebody else's work that was on the device meanwhile, in words: in its power, and so in every figure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
    /// What the points file held when it was last written, so that a row that was changed since is not gone on with. Missing before the first point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
    /// One a sitting.
    pub segments: Vec<Span>,
}

/// Rows that were kept, and a digest of them, each in the order of the file: SHA-256 of the digest before and the row, in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// How many.
    pub rows: usize,
    /// Digest of all of them.
    pub chain: String,
}

impl Kept {
    /// With one row more.
    pub(super) fn and(&self, fields: &[String]) -> Self {
        // Fields hold no control characters but what a reason may bring, which CSV keeps too: the separator is in none of them.
        let row = format!("{}\n{}", self.chain, fields.join("\u{1f}"));
        Self { rows: self.rows + 1, chain: record::sha256(row.as_bytes()) }
    }
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanCard {
    /// Seed of the order, and of an emulated bench.
    pub seed: u64,
    /// `pacing` or `power-cap`.
    pub actuator: String,
    /// What the rig holds at the temperatures.
    #[serde(default)]
    pub held: Servoed,
    /// Temperatures, °C; empty where the device is on no plate of ours.
    pub coolant_degc: Vec<f64>,
    /// Budgets, W.
    pub budget_w: Vec<f64>,
    /// Batch sizes.
    pub batches: Vec<u32>,
    /// Repeats of a point.
    pub repeats: u32,
    /// Temperatures between two references.
    pub reference_every: u32,
    /// Length of a window, bench s.
    pub window_s: f64,
    /// Controller step, bench s.
    pub dt_s: f64,
    /// Bench seconds a wall second.
    pub speed: f64,
    /// Points in all, references with them.
    pub points: usize,
    /// Rank correlation of the order with temperature and power; missing where there is one value only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_coolant: Option<f64>,
    /// See `order_coolant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_power: Option<f64>,
    /// Real hardware went without a commissioning record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncommissioned: bool,
}

/// What a map may not come near.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Distance that is kept, K.
    pub margin_k: f64,
    /// Where the device slows down or its interlock is, °C.
    pub slowdown_degc: f64,
    /// Board power with no work and at full load, W.
    pub idle_w: f64,
    /// See `idle_w`.
    pub full_w: f64,
}

/// The device under test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceCard {
    /// What was asked for.
    pub spec: String,
    /// What it says it is.
    pub name: String,
    /// It sits on the rig's plate.
    pub coupled: bool,
    /// UUID or serial number, where it says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What was set on it while the map was measured, in words; empty if it was left as it is.
    #[serde(default)]
    pub settings: String,
}

/// The work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkCard {
    /// As it was typed, with `{batch}` where the batch goes.
    pub name: String,
    /// What is counted.
    pub unit: String,
    /// What it said it is.
    #[serde(default)]
    pub description: String,
}

/// A sitting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// From 0.
    pub number: u32,
    /// When it began.
    pub started: String,
    /// How it ended; missing if it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

impl Manifest {
    /// Of a survey, before anything is measured.
    pub(super) fn new(survey: &Survey, name: String, program: Program) -> Self {
        let (station, design, order) = (&survey.station, &survey.design, &survey.order);
        let planned = design.order();
        let [order_coolant, order_power] = survey::design::correlations(&planned);
        let because = station.simulated_because();
        let system = rustix::system::uname();
        let words = |c: &std::ffi::CStr| c.to_string_lossy().into_owned();
        let facts = survey.facts();
        Self {
            schema: SCHEMA,
            name,
            simulated: !because.is_empty(),
            simulated_because: because,
            program,
            host: Host { name: words(system.nodename()), system: format!("{} {}", words(system.sysname()), words(system.release())) },
            plan: PlanCard {
                seed: design.seed,
                actuator: order.actuator.to_string(),
                held: facts.servoed,
                coolant_degc: design.coolant_degc.clone(),
                budget_w: design.budget_w.clone(),
                batches: design.batches.clone(),
                repeats: design.repeats,
                reference_every: design.reference_every,
                window_s: order.window_s,
                dt_s: facts.dt_s,
                speed: station.speed,
                points: planned.len(),
                order_coolant,
                order_power,
                uncommissioned: order.uncommissioned && !station.rig.emulated(),
            },
            limits: Limits {
                margin_k: super::order::MARGIN_K,
                slowdown_degc: survey.slowdown_degc,
                idle_w: facts.idle_w,
                full_w: facts.full_w,
            },
            accelerator: DeviceCard {
                spec: station.accelerator.to_string(),
                name: station.accelerator_name(),
                coupled: facts.coupled,
                unit: station.identity.as_ref().and_then(|i| i.uuid.clone().or_else(|| i.serial.clone())),
                settings: accelerator::nvml::words(&survey.settings),
            },
            workload: WorkCard {
                name: if survey.work.is_empty() { station.workload.to_string() } else { survey.work.clone() },
                unit: survey.unit(),
                description: String::new(),
            },
            method: survey::table::METHOD.to_owned(),
            board: format!(
                "a board's own power sensor is off by up to ±{:.0} %, proportionally and in every place alike, unless an external meter says more; that is in no interval",
                survey::table::BOARD_FRAC * 100.0
            ),
            rig: Source {
                name: station.rig.name.clone(),
                from: station.order.rig.from.clone(),
                sha256: record::sha256(station.order.rig.text.as_bytes()),
                text: station.order.rig.text.clone(),
            },
            identities: BTreeMap::new(),
            beside: Vec::new(),
            kept: None,
            segments: Vec::new(),
        }
    }

    /// Why a map cannot be gone on with as `now`; the first difference that matters.
    pub(super) fn differs(&self, now: &Self) -> Option<String> {
        let (a, b) = (&self.plan, &now.plan);
        let said = |what: &str, there: &dyn std::fmt::Debug, here: &dyn std::fmt::Debug| {
            Some(format!("its {what} was {there:?}, and now is {here:?}"))
        };
        match () {
            () if self.rig.name != now.rig.name => said("rig", &self.rig.name, &now.rig.name),
            () if self.rig.sha256 != now.rig.sha256 => Some(format!("the rig file \"{}\" was changed since", self.rig.name)),
            () if self.accelerator.spec != now.accelerator.spec => said("accelerator", &self.accelerator.spec, &now.accelerator.spec),
            () if self.accelerator != now.accelerator => {
                Some(format!("its device was {}, and now is {}", device(&self.accelerator), device(&now.accelerator)))
            }
            () if self.workload.name != now.workload.name => said("workload", &self.workload.name, &now.workload.name),
            () if a.seed != b.seed => said("seed", &a.seed, &b.seed),
            () if a.actuator != b.actuator => said("actuator", &a.actuator, &b.actuator),
            () if a.coolant_degc != b.coolant_degc => said("temperatures", &a.coolant_degc, &b.coolant_degc),
            () if a.budget_w != b.budget_w => said("budgets", &a.budget_w, &b.budget_w),
            () if a.batches != b.batches => said("batch sizes", &a.batches, &b.batches),
            () if (a.repeats, a.reference_every) != (b.repeats, b.reference_every) => {
                said("repeats", &(a.repeats, a.reference_every), &(b.repeats, b.reference_every))
            }
            () if a.window_s != b.window_s => said("window", &a.window_s, &b.window_s),
            () if (a.dt_s, a.speed) != (b.dt_s, b.speed) => said("step and speed", &(a.dt_s, a.speed), &(b.dt_s, b.speed)),
            () if self.simulated_because != now.simulated_because => Some("it was measured on another kind of bench".to_owned()),
            () if self.limits != now.limits => said("limits", &self.limits, &now.limits),
            () => None,
        }
    }
}

fn device(card: &DeviceCard) -> String {
    let settings = if card.settings.is_empty() { "as it is".to_owned() } else { card.settings.clone() };
    format!("{} {} ({settings})", card.name, card.unit.as_deref().unwrap_or_default())
}
