//! From what was asked for to a map that can be measured: rig and device as for a commissioning, temperatures and budgets within what they can
//! do, what holds the board to its budget.

use crate::commission::{self, Facts, Station, state_of};
use crate::setup::SetupError;
use accelerator::Spec;
use accelerator::nvml::Settings;
use std::fmt;
use std::str::FromStr;
use survey::Design;

/// Temperatures of plate or coolant supply, whichever the rig holds, unless others are asked for, °C: warm-water cooling from 30 to the edge of what silicon bears, and below it
/// what radiators in sunlight and shade give.
pub const COOLANT_DEGC: &[f64] = &[10.0, 20.0, 30.0, 43.0, 56.0, 65.0, 73.0, 83.0];
/// Budgets between idle and full, as parts of the way.
const LEVELS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// Times each point is measured: four or more trials at random phase, since sensors look at a part of the time only (arXiv 2312.02741).
pub const REPEATS: u32 = 4;
/// Temperatures between two visits to the reference.
pub const REFERENCE_EVERY: u32 = 2;
/// Length of a window, bench s: the least that averages sensor and pacing (`MLPerf` Power asks for as much).
pub const WINDOW_S: f64 = 60.0;
/// Nothing comes nearer than this to where it would slow down or trip, K.
pub(super) const MARGIN_K: f64 = 3.0;
/// Wall time of a tick at high speed: what ports and the emulator's process keep up with.
const TICK_WALL_S: f64 = 1.0 / 60.0;
/// Most points of a map.
const MOST_POINTS: usize = 20_000;
/// Where the workload's text takes the batch size.
const BATCH: &str = "{batch}";

/// What holds the board to a budget. One map has one: a figure of work per joule belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actuator {
    /// The work works part of the time.
    Pacing,
    /// The work works all of the time under the board's own limit.
    PowerCap,
}

impl Actuator {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pacing => "pacing",
            Self::PowerCap => "power-cap",
        }
    }
}

impl fmt::Display for Actuator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Actuator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Pacing, Self::PowerCap]
            .into_iter()
            .find(|a| a.word() == text)
            .ok_or_else(|| format!("\"{text}\" holds no board to a budget: expected pacing or power-cap"))
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Order {
    /// Rig, device, work, step, speed and seed. `dt_s` of 0 takes what suits the speed.
    pub bench: commission::Order,
    /// Temperatures, °C; [`COOLANT_DEGC`] if `None`.
    pub coolant_degc: Option<Vec<f64>>,
    /// Budgets, W; five from idle to full if `None`.
    pub budget_w: Option<Vec<f64>>,
    /// Batch sizes, for work whose text says `{batch}`.
    pub batches: Vec<u32>,
    /// Times each point is measured.
    pub repeats: u32,
    /// Temperatures between two visits to the reference.
    pub reference_every: u32,
    /// Length of a window, bench s.
    pub window_s: f64,
    /// What holds the board.
    pub actuator: Actuator,
    /// Real hardware without a commissioning record, with somebody beside it.
    pub uncommissioned: bool,
    /// Nobody is beside it: whoever else is on the device, or comes onto it, ends the map.
    pub unattended: bool,
}

/// A map that can be measured.
#[derive(Debug)]
pub struct Survey {
    /// What was asked for.
    pub order: Order,
    /// The bench.
    pub station: Station,
    /// Which points.
    pub design: Design,
    /// Where the device slows down by itself, °C, as far as that is known before it runs.
    pub slowdown_degc: f64,
    /// Least power limit that the device takes, W, under [`Actuator::PowerCap`].
    pub least_limit_w: f64,
    /// What is set on each device while the map is measured.
    pub settings: Vec<Settings>,
    /// The work that is typed, with `{batch}` where the batch goes.
    pub work: String,
}

fn refused<T>(why: impl Into<String>) -> Result<T, SetupError> {
    Err(SetupError::Options(why.into()))
}

impl Survey {
    /// Parses, checks and prepares.
    pub fn build(order: Order) -> Result<Self, SetupError> {
        let mut bench = order.bench.clone();
        let work = bench.workload.clone().unwrap_or_default();
        match (work.contains(BATCH), order.batches.is_empty()) {
            (true, true) => return refused("the workload has a {batch} in it: say which with --batch 1,8,32"),
            (false, false) => {
                return refused(
                    "--batch needs a {batch} in --workload, where the batch size of each block is put; the virtual card has none",
                );
            }
            _ => {}
        }
        if let Some(first) = order.batches.first() {
            bench.workload = Some(work.replace(BATCH, &first.to_string()));
        }
        if bench.dt_s == 0.0 {
            bench.dt_s = (bench.speed.unwrap_or(1.0) * TICK_WALL_S).clamp(1.0, 10.0);
        }
        let station = Station::build(bench)?;
        if station.workload == workload::Spec::None {
            return refused("a work map needs work that is paced and counted: give a --workload (see `orbitbench workload list`)");
        }
        if order.unattended {
            crate::setup::alone(&station.rig, &station.accelerator, station.identity.as_ref(), jiff::Timestamp::now())?;
        }
        let rig = &station.rig;
        if !rig.emulated() && !order.uncommissioned {
            let found = state_of(rig, &station.order.rig.from, jiff::Timestamp::now()).map_err(SetupError::Options)?;
            if found.is_none() {
                return refused(format!(
                    "\"{}\" is real hardware and has no commissioning record: make one with `orbitbench rig commission`, or add --uncommissioned with somebody beside it",
                    rig.name
                ));
            }
        }
        let asked = &rig.accelerator.settings;
        let least_limit_w = match order.actuator {
            Actuator::Pacing if asked.limit_follows_budget => {
                return refused(format!(
                    "the rig \"{}\" lets the power limit follow the budget, and pacing is never mixed with that: choose --actuator power-cap, or remove limit_follows_budget",
                    rig.name
                ));
            }
            Actuator::Pacing => 0.0,
            Actuator::PowerCap if !asked.limit_follows_budget => {
                return refused(format!(
                    "--actuator power-cap sets the power limit of the device, which the rig \"{}\" does not allow: it takes power_limit_w and limit_follows_budget = true in [accelerator.settings]",
                    rig.name
                ));
            }
            Actuator::PowerCap => {
                let limits = station.identity.as_ref().and_then(|i| i.limits_w);
                limits.ok_or_else(|| SetupError::Options("the device does not say which power limits it takes".into()))?.0
            }
        };
        let settings = crate::setup::settings(rig, &station.accelerator);
        let design = design(&order, &station, least_limit_w)?;
        let slowdown_degc =
            if station.accelerator == Spec::Virtual { station.twin.card.slowdown_degc } else { rig.accelerator.trip_max_degc };
        Ok(Self { order, station, design, slowdown_degc, least_limit_w, settings, work })
    }

    /// The work of a block.
    pub fn workload(&self, batch: Option<u32>) -> Result<workload::Spec, SetupError> {
        match batch {
            None => Ok(self.station.workload.clone()),
            Some(batch) => Ok(self.work.replace(BATCH, &batch.to_string()).parse()?),
        }
    }

    /// For procedures.
    pub fn facts(&self) -> &Facts {
        &self.station.facts
    }

    /// What a unit of work is, as far as it is known before the work says so.
    pub fn unit(&self) -> String {
        if self.station.accelerator == Spec::Virtual { self.station.twin.card.unit.clone() } else { "unit".to_owned() }
    }

    /// Why a temperature is not even tried.
    pub(super) fn out_of_reach(&self, degc: f64) -> Option<String> {
        let limits = self.facts().limits;
        if !limits.contains(degc) {
            return Some(format!("the rig's setpoint goes from {} to {} degC", limits.min(), limits.max()));
        }
        let mut trips = self.facts().trips.iter().filter(|t| t.channel == self.facts().servoed.channel());
        let near = |t: &control::Trip| {
            let high = t.max.filter(|max| degc > max - MARGIN_K);
            let low = t.min.filter(|min| degc < min + MARGIN_K);
            high.or(low).map(|at| format!("the {} would be within {MARGIN_K} K of its trip at {at} degC", t.name))
        };
        trips.find_map(near)
    }

    /// Bench seconds that a point takes, roughly, before any was measured.
    pub fn guess_s(&self) -> f64 {
        let walk = if self.design.coolant_degc.is_empty() { 0.0 } else { 45.0 };
        walk + 150.0 + self.order.window_s
    }
}

fn design(order: &Order, station: &Station, least_limit_w: f64) -> Result<Design, SetupError> {
    let facts = &station.facts;
    if !(1..=100).contains(&order.repeats) || !(1..=1000).contains(&order.reference_every) {
        return refused("--repeats goes from 1 to 100, --reference-every from 1 to 1000");
    }
    if !(5.0..=7200.0).contains(&order.window_s) {
        return refused(format!("--window {} s is not between 5 s and 2 h", order.window_s));
    }
    if station.accelerator.is_real() && order.window_s < WINDOW_S {
        return refused(format!("--window {} s is too short for a real power sensor: take {WINDOW_S} s or more", order.window_s));
    }
    let coolant_degc = match (&order.coolant_degc, facts.coupled) {
        (Some(_), false) => {
            return refused(
                "--coolant is for a device on the rig's plate; this one is elsewhere, and its temperature is what its own cooling makes of it: leave --coolant out",
            );
        }
        (None, false) => Vec::new(),
        (asked, true) => axis("--coolant", asked.as_deref().unwrap_or(COOLANT_DEGC), -50.0..=150.0)?,
    };
    if facts.coupled && !coolant_degc.iter().any(|t| facts.limits.contains(*t)) {
        return refused(format!(
            "no temperature of --coolant lies within the rig's setpoint limits, {} to {} degC: nothing could be measured",
            facts.limits.min(),
            facts.limits.max()
        ));
    }
    let (idle, full) = (facts.idle_w, facts.full_w);
    let budget_w = match &order.budget_w {
        Some(asked) => axis("--power", asked, idle..=full)?,
        // Milliwatts are enough to name a place.
        None => LEVELS.iter().map(|part| ((idle + part * (full - idle)) * 1e3).round() / 1e3).collect(),
    };
    if let Some(low) = budget_w.iter().find(|w| **w > idle && **w < least_limit_w) {
        return refused(format!("the device takes no power limit below {least_limit_w} W, and {low} W is asked for: give other --power"));
    }
    let mut batches = order.batches.clone();
    batches.sort_unstable();
    batches.dedup();
    if batches.len() != order.batches.len() || batches.first() == Some(&0) {
        return refused("--batch takes different sizes of 1 or more");
    }
    let points = coolant_degc.len().max(1) * budget_w.len() * order.repeats as usize * batches.len().max(1);
    if points > MOST_POINTS {
        return refused(format!("{points} points would be measured: at most {MOST_POINTS} make sense"));
    }
    let held = station.rig.interface.servo_node.role();
    let setpoint_degc = station.rig.channel(held).and_then(|c| c.setpoint).map(|s| (s.limits.min(), s.limits.max()));
    Ok(Design {
        coolant_degc,
        budget_w,
        batches,
        repeats: order.repeats,
        reference_every: order.reference_every,
        setpoint_degc,
        seed: station.order.seed,
    })
}

/// Values of an axis, ascending.
fn axis(flag: &str, values: &[f64], within: std::ops::RangeInclusive<f64>) -> Result<Vec<f64>, SetupError> {
    if let Some(bad) = values.iter().find(|v| !within.contains(v)) {
        return refused(format!("{flag} {bad} is not between {} and {}", within.start(), within.end()));
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() || sorted.windows(2).any(|w| w[0] == w[1]) {
        return refused(format!("{flag} takes one or more different numbers"));
    }
    Ok(sorted)
}
