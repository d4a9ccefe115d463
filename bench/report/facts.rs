//! The few facts of `run.toml` that decide how a run is judged. The rest of that file is the engine's and is passed over.

use crate::Error;
use record::{Column, Folder, RUN};
use serde::Deserialize;
use signal::{Crossing, Source};
use std::collections::BTreeMap;

/// What decides how a run is judged.
#[derive(Clone, Debug, Deserialize)]
pub struct Facts {
    /// Name of the run.
    pub name: String,
    /// True if any part of the bench was emulated: no verdict is ever drawn from it.
    pub simulated: bool,
    /// The plan.
    pub plan: PlanFacts,
    /// The device under test.
    pub accelerator: AcceleratorFacts,
    /// The work.
    pub workload: WorkloadFacts,
    /// Masses by name, kg.
    #[serde(default)]
    pub masses: BTreeMap<String, f64>,
    /// The widest boundary of any weighed part that flies; `None` where none does.
    #[serde(default)]
    pub boundary: Option<String>,
}

/// What the judgement needs of the plan.
#[derive(Clone, Debug, Deserialize)]
pub struct PlanFacts {
    /// Controller step, bench seconds.
    pub dt_s: f64,
    /// What became of the work in eclipses: `idle`, `checkpoint` or `restart`; empty in old runs, where it always stayed in memory.
    #[serde(default)]
    pub eclipse: String,
    /// Seconds of an orbit; absent in old runs.
    #[serde(default)]
    pub period_s: Option<f64>,
    /// `plate` or `coolant_supply`.
    #[serde(default)]
    pub servo_node: String,
    /// What the heat into the flight model went by; empty in old runs, which knew only the accelerator.
    #[serde(default)]
    pub heat_source: String,
    /// What figures of energy go by; likewise.
    #[serde(default)]
    pub energy_source: String,
}

impl PlanFacts {
    /// What figures of energy go by.
    pub fn energy(&self) -> Source {
        if self.energy_source == Source::Meter.word() { Source::Meter } else { Source::Accelerator }
    }

    /// The work was put away in eclipses.
    pub fn puts_away(&self) -> bool {
        !self.eclipse.is_empty() && self.eclipse != Crossing::Idle.word()
    }

    /// The column that was servoed.
    pub fn servoed(&self) -> Column {
        Column::servoed_by(&self.servo_node)
    }
}

/// What the judgement needs of the device under test.
#[derive(Clone, Debug, Deserialize)]
pub struct AcceleratorFacts {
    /// It sits on the rig's plate; otherwise its temperatures say nothing about the rig.
    pub coupled: bool,
    /// Which check its energy counter is held against; absent of what is simulated, and in old runs.
    #[serde(default)]
    pub check: Option<crate::CheckFacts>,
}

/// What the judgement needs of the work.
#[derive(Clone, Debug, Deserialize)]
pub struct WorkloadFacts {
    /// What one unit of work is: token, image, step.
    pub unit: String,
    /// Why its units say nothing over the accelerator's energy; empty where they do.
    #[serde(default)]
    pub apart: String,
    /// What the work said of itself besides its units: latencies, tokens taken in.
    #[serde(default)]
    pub figures: BTreeMap<String, f64>,
}

impl Facts {
    /// Reads them from the manifest of a run.
    pub fn read(folder: &Folder) -> Result<Self, Error> {
        let text = folder.text(RUN)?;
        let path = folder.file(RUN);
        let facts: Self = toml::from_str(&text).map_err(|e| {
            let line = e.span().map_or(0, |s| text[..s.start.min(text.len())].matches('\n').count() + 1);
            Error::unusable(&path, format!("line {line}: {}", e.message().replace('\n', "; ")))
        })?;
        if facts.plan.dt_s.is_finite() && facts.plan.dt_s > 0.0 {
            return Ok(facts);
        }
        Err(Error::unusable(&path, format!("[plan] dt_s = {}: expected a step above 0", facts.plan.dt_s)))
    }

    /// Mass of everything that flies in order to cool one accelerator, kg.
    pub fn flight_cooling_kg(&self) -> Option<f64> {
        self.masses.get("flight_cooling_kg").copied().filter(|kg| *kg > 0.0)
    }
}
