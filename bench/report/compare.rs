//! Measured against predicted. Servoed channels yield tracking error only, predicted ones the residuals that the gates judge: two
//! tables, never mixed. Thermal figures leave out rows in which the rig could not follow the model; how many is reported.

use crate::band::Off;
use crate::gates::{ENOUGH_FRAC, RESISTANCE_ABOVE_FRAC, Scale, check_tracking};
use crate::join::Join;
use crate::series::{Counts, Series};
use crate::summary::merit;
use crate::{Check, Error, Facts, InBand, Preset, Stats};
use record::{BAND, COMPARISON, Cells, Class, Column, Folder, PREDICTION, SAMPLES, Table, Verdict, verify, write_derived};
use serde::{Deserialize, Serialize};
use signal::Source;
use std::collections::BTreeMap;
use std::path::Path;

/// What the gates made of one channel, or of all of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gates {
    /// All kept.
    Pass,
    /// At least one broken.
    Fail,
    /// Too little to go by.
    Undecided,
}

/// What became of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Every gate kept.
    Pass,
    /// A gate broken.
    Fail,
    /// Readings on too few rows, or too little change in them.
    Undecided,
    /// Shown, but no gate applies.
    Ungated,
    /// Not measured or not predicted.
    Missing,
}

/// One line of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Name of the column.
    pub name: String,
    /// Its unit; empty where unknown.
    pub unit: String,
    /// Mean, spread and worst of the residual; absent where there is none.
    pub stats: Option<Stats>,
    /// Every gate that applies.
    pub checks: Vec<Check>,
    /// The residual against the band of the prediction; absent where there is none.
    #[serde(default)]
    pub band: Option<InBand>,
    /// What became of it.
    pub status: Status,
    /// Why it is undecided, ungated or missing.
    pub why: Option<String>,
}

/// What became of the measured rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// Rows in which mission time was running.
    pub running: usize,
    /// Of those, rows with a counterpart in the model.
    pub joined: usize,
    /// Rows in which nothing was read.
    pub gaps: usize,
    /// Rows that repeat the mission time before them (after a suspension).
    pub repeated: usize,
    /// Joined rows in which the rig could not follow the model: not in thermal figures.
    pub limited: usize,
    /// Gaps over running rows.
    pub gap_frac: f64,
    /// Limited over joined rows.
    pub limited_frac: f64,
}

/// A run, or any two files, compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The run, or the measured file.
    pub measured: String,
    /// What it was compared with.
    pub model: String,
    /// SHA-256 of the run's seal, if it is sealed.
    pub seal: Option<String>,
    /// True if any part of the bench was emulated.
    pub simulated: bool,
    /// Name of the gates applied.
    pub preset: String,
    /// What became of the rows.
    pub rows: Rows,
    /// Tracking error: servoed channels against their setpoint.
    pub tracking: Vec<Channel>,
    /// Prediction residual: predicted channels against the prediction.
    pub residuals: Vec<Channel>,
    /// What the gates make of the tracking error.
    pub tracked: Gates,
    /// What the gates make of the residuals.
    pub gates: Gates,
    /// What may be concluded, in words.
    pub verdict: String,
    /// What else should be known.
    pub notes: Vec<String>,
}

impl Comparison {
    /// Names of predicted channels that broke a gate.
    pub fn failed(&self) -> Vec<&str> {
        names(&self.residuals, Status::Fail)
    }

    /// Names of servoed channels that broke a gate.
    pub fn lost_track(&self) -> Vec<&str> {
        names(&self.tracking, Status::Fail)
    }

    /// Names of predicted channels whose residual the doubts about the bench do not explain, in mean or spread.
    pub fn unexpected(&self) -> Vec<&str> {
        self.outside(|band| !band.expected)
    }

    /// Names of predicted channels whose residual is, by its band, `so`.
    pub fn outside(&self, so: impl Fn(&InBand) -> bool) -> Vec<&str> {
        self.residuals.iter().filter(|c| c.band.as_ref().is_some_and(&so)).map(|c| c.name.as_str()).collect()
    }

    /// True if any gate was broken, of either table.
    pub fn any_gate_failed(&self) -> bool {
        self.gates == Gates::Fail || self.tracked == Gates::Fail
    }
}

fn names(channels: &[Channel], status: Status) -> Vec<&str> {
    channels.iter().filter(|c| c.status == status).map(|c| c.name.as_str()).collect()
}

/// A channel of either table with everything that its line and its CSV columns are made of.
struct Pair {
    name: String,
    reference_word: &'static str,
    residual_word: &'static str,
    measured: Vec<Option<f64>>,
    reference: Vec<Option<f64>>,
    /// Rows that count.
    counts: Vec<bool>,
    /// Standard uncertainty of the reference at each row, where the prediction has a band.
    u: Vec<Option<f64>>,
    /// Standard deviation of what is new in every row, where the band says so.
    noise: Vec<Option<f64>>,
    ungated: Option<&'static str>,
}

impl Pair {
    fn residual(&self) -> Vec<Option<f64>> {
        self.measured.iter().zip(&self.reference).map(|(m, r)| m.zip(*r).map(|(m, r)| m - r)).collect()
    }

    fn used(&self) -> impl Iterator<Item = (usize, f64, f64)> + '_ {
        let rows = self.measured.iter().zip(&self.reference).zip(&self.counts).enumerate();
        rows.filter_map(|(row, ((m, r), counts))| m.zip(*r).filter(|_| *counts).map(|(m, r)| (row, m, r)))
    }

    fn judge(&self, times: &[f64], joined: usize, check: impl Fn(&Stats, Scale) -> Vec<Check>) -> Channel {
        let unit = Column::named(&self.name).map_or_else(|| guessed_unit(&self.name), Column::unit);
        let line = |stats, checks, status, why: Option<String>| Channel {
            name: self.name.clone(),
            unit: unit.to_owned(),
            stats,
            checks,
            band: InBand::of(self.used().filter_map(|(row, m, r)| {
                let at = |cells: &[Option<f64>]| cells.get(row).copied().flatten();
                // A band made before noise was told apart has it in its uncertainties.
                Some(Off { residual: m - r, u: at(&self.u)?, noise: at(&self.noise).unwrap_or(0.0) })
            })),
            status,
            why,
        };
        let stats = Stats::of(self.used().map(|(row, m, r)| (times[row], m - r)));
        let scale = Scale::of(self.used().map(|(_, _, r)| r));
        let (Some(stats), Some(scale)) = (stats, scale) else {
            let has = |cells: &[Option<f64>]| cells.iter().any(Option::is_some);
            let why = match (has(&self.measured), has(&self.reference)) {
                (false, _) => "not measured",
                (_, false) => "not predicted",
                _ => "no row in which both count",
            };
            return line(None, Vec::new(), Status::Missing, Some(why.into()));
        };
        let checks = check(&stats, scale);
        if checks.is_empty() || self.ungated.is_some() {
            let why = self.ungated.unwrap_or("no gate applies to it");
            return line(Some(stats), Vec::new(), Status::Ungated, Some(why.into()));
        }
        let enough = stats.n as f64 >= ENOUGH_FRAC * joined as f64;
        let broken = checks.iter().filter(|c| !c.passed);
        match (broken.clone().count() == 0, enough) {
            (false, _) if broken.clone().all(|c| c.unmoved) => {
                let words: Vec<String> = broken.map(|c| c.words(unit)).collect();
                let why = format!("{}; it hardly moved, which cannot tell: fly a whole orbit", words.join(", "));
                line(Some(stats), checks, Status::Undecided, Some(why))
            }
            (false, _) => line(Some(stats), checks, Status::Fail, None),
            (true, true) => line(Some(stats), checks, Status::Pass, None),
            (true, false) => {
                let why = format!("only {} of {joined} rows to go by", stats.n);
                line(Some(stats), checks, Status::Undecided, Some(why))
            }
        }
    }
}

fn guessed_unit(name: &str) -> &'static str {
    let units = [("_degc", "°C"), ("_k_w", "K/W"), ("_w_m2", "W/m²"), ("_w", "W"), ("_k", "K"), ("_a", "A"), ("_v", "V"), ("_j", "J")];
    units.iter().find(|(suffix, _)| name.ends_with(suffix)).map_or("", |u| u.1)
}

/// Temperatures and what the rig does to hold them: what a limited row says nothing about.
fn thermal(name: &str) -> bool {
    name.ends_with("_degc") || name.starts_with("rig_")
}

fn together(channels: &[Channel]) -> Gates {
    let any = |status| channels.iter().any(|c| c.status == status);
    if any(Status::Fail) {
        Gates::Fail
    } else if any(Status::Undecided) || !any(Status::Pass) {
        Gates::Undecided
    } else {
        Gates::Pass
    }
}

/// Compares a run with its prediction, writes `comparison.csv` beside them and quotes the seal.
pub fn compare_run(folder: &Folder, preset: &Preset) -> Result<Comparison, Error> {
    let mut comparison = compare_unsealed(folder, &Facts::read(folder)?, preset)?;
    match verify(folder)? {
        Verdict::Sealed { seal } => comparison.seal = Some(seal),
        Verdict::Unsealed { .. } => comparison.notes.push("the run is not sealed".into()),
        tampered @ Verdict::Tampered { .. } => comparison.verdict = format!("{tampered}: no verdict"),
    }
    Ok(comparison)
}

/// The same before there can be a seal: for the summary that goes under it.
pub(crate) fn compare_unsealed(folder: &Folder, facts: &Facts, preset: &Preset) -> Result<Comparison, Error> {
    let need = |name: &str, hint| {
        let path = folder.file(name);
        if path.is_file() { Ok(path) } else { Err(Error::Missing { path, hint }) }
    };
    let samples = need(SAMPLES, "a run without rows was never flown")?;
    let prediction = need(PREDICTION, "a prediction is made before a run and cannot be made afterwards")?;
    let measured = Series::of_run(&samples, facts.plan.servoed())?;
    let model = Series::of_run(&prediction, facts.plan.servoed())?;
    let join = Join::of(&measured, &model);
    if join.found() == 0 {
        let why = match (measured.time_s.len(), model.time_s.len()) {
            (0, _) => "mission time never ran, there is nothing to compare".to_owned(),
            (_, 0) => "in the prediction mission time never runs".to_owned(),
            _ => "they have no mission time in common".to_owned(),
        };
        return Err(Error::Apart { measured: samples, model: prediction, why });
    }
    let path = folder.file(BAND);
    let band = if path.is_file() { Some(Series::of_table(&Table::read(&path)?)?) } else { None };
    let band = band.map(|cells| {
        let join = Join::of(&measured, &cells);
        (cells, join)
    });
    let pairs = run_pairs(facts, &measured, &model, &join, band.as_ref());
    let mut comparison = judge(&pairs, &measured, &join, preset);
    comparison.measured.clone_from(&facts.name);
    PREDICTION.clone_into(&mut comparison.model);
    comparison.simulated = facts.simulated;
    if !facts.accelerator.coupled {
        let note = "the accelerator does not sit on this rig's plate: its temperatures and thermal resistance are left out";
        comparison.notes.push(note.into());
    }
    let by_default = |source: &str| source.is_empty() || source == Source::Accelerator.word();
    if !by_default(&facts.plan.heat_source) || !by_default(&facts.plan.energy_source) {
        comparison.notes.push(format!(
            "heat into the flight model by: {}; energy by: {}; the accelerator's own readings are beside them",
            facts.plan.heat_source, facts.plan.energy_source
        ));
    }
    let energy = crate::summary::measured(folder, facts)?.figures(None).energy;
    comparison.notes.extend(energy.doubts());
    comparison.notes.extend(facts.accelerator.check.as_ref().filter(|_| energy.gap_frac.is_some()).map(crate::CheckFacts::words));
    if facts.plan.puts_away() {
        comparison.notes.push(taxed(folder, facts)?);
    }
    let mut withheld = Vec::new();
    if facts.simulated {
        withheld.push("simulated: rehearsal, no verdict".to_owned());
    }
    if measured.counts.assumed > 0 {
        withheld.push("heat was declared, not measured: no verdict".to_owned());
    }
    if !withheld.is_empty() {
        comparison.verdict = withheld.join("; ");
    }
    if let Err(refused) = write_csv(folder, &measured, &pairs) {
        comparison.notes.push(format!("{COMPARISON} could not be written: {refused}"));
    }
    Ok(comparison)
}

/// The restart tax as it was measured and predicted, in one line.
fn taxed(folder: &Folder, facts: &Facts) -> Result<String, Error> {
    let said = |name: &str| -> Result<String, Error> {
        let tax = merit(folder, name, facts)?.figures(None).restart_tax;
        let part = |part: Option<f64>| part.map_or_else(|| "unknown".to_owned(), |p| format!("{:.2} %", p * 100.0));
        Ok(tax
            .map_or_else(|| "none".to_owned(), |t| format!("{} of the work and {} of the energy", part(t.work_frac), part(t.energy_frac))))
    };
    Ok(format!("restart tax: {} measured, {} predicted (of the work an estimate: see the summary)", said(SAMPLES)?, said(PREDICTION)?))
}

/// Compares two CSV files with a column of time each: same-named columns, and those that `map` pairs (measured name, model name).
pub fn compare_files(measured: &Path, model: &Path, map: &BTreeMap<String, String>, preset: &Preset) -> Result<Comparison, Error> {
    let (m, p) = (Series::of_table(&Table::read(measured)?)?, Series::of_table(&Table::read(model)?)?);
    let apart = |why: String| Error::Apart { measured: measured.to_owned(), model: model.to_owned(), why };
    let join = Join::of(&m, &p);
    if join.found() == 0 {
        return Err(apart("they have no time in common".into()));
    }
    for (ours, theirs) in map {
        let absent = [(ours, &m), (theirs, &p)].into_iter().find(|(name, series)| !series.values.contains_key(*name));
        if let Some((name, series)) = absent {
            return Err(apart(format!("the map names `{name}`, but {} has no such column of numbers", series.path.display())));
        }
    }
    let mut pairs = Vec::new();
    for (name, cells) in &m.values {
        let other = map.get(name).unwrap_or(name);
        let Some(theirs) = p.values.get(other) else { continue };
        let column = Column::named(name);
        pairs.push(Pair {
            ungated: match column.map(Column::class) {
                None | Some(Class::Predicted) => None,
                Some(Class::Servoed) => Some("servoed: it follows the model by construction"),
                Some(_) => Some("no predicted channel"),
            },
            counts: counting(&m, name),
            name: name.clone(),
            reference_word: "model",
            residual_word: "residual",
            measured: cells.clone(),
            reference: join.pick(theirs),
            u: Vec::new(),
            noise: Vec::new(),
        });
    }
    if pairs.is_empty() {
        return Err(apart("they have no column of numbers in common; pair their names with a map".into()));
    }
    let mut comparison = judge(&pairs, &m, &join, preset);
    comparison.measured = measured.display().to_string();
    comparison.model = model.display().to_string();
    // Two loose files do not say what they were measured with; only a run folder does.
    "two files of unknown provenance: no verdict".clone_into(&mut comparison.verdict);
    Ok(comparison)
}

/// Reads a map of names: a TOML file of lines `measured_name = "model_name"`.
pub fn parse_map(path: &Path, text: &str) -> Result<BTreeMap<String, String>, Error> {
    toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(0, |s| text[..s.start.min(text.len())].matches('\n').count() + 1);
        Error::unusable(path, format!("line {line}: {}; expected lines such as die_degc = \"t_die\"", e.message()))
    })
}

fn counting(measured: &Series, name: &str) -> Vec<bool> {
    measured.limited.iter().map(|l| !(thermal(name) && l.is_limited())).collect()
}

fn run_pairs(facts: &Facts, measured: &Series, model: &Series, join: &Join, band: Option<&(Series, Join)>) -> Vec<Pair> {
    let empty = || vec![None; measured.time_s.len()];
    let ours = |column: Column| measured.filled(column.name()).map_or_else(empty, <[_]>::to_vec);
    let theirs = |column: Column| model.filled(column.name()).map_or_else(empty, |cells| join.pick(cells));
    let mut pairs = Vec::new();
    for &column in Column::ALL {
        let name = column.name();
        let (reference, reference_word, residual_word) = match column.class_where(facts.plan.servoed()) {
            Class::Servoed => (ours(Column::RigSetpointDegc), "setpoint", "error"),
            Class::Predicted => (theirs(column), "predicted", "residual"),
            _ => continue,
        };
        let of_the_card = matches!(column, Column::AccelDieDegc | Column::AccelMemoryDegc | Column::RigRDiePlateKW);
        let planned = measured.filled(name).is_some() || model.filled(name).is_some();
        if !planned || (of_the_card && !facts.accelerator.coupled) {
            continue;
        }
        let mut counts = counting(measured, name);
        if column == Column::RigRDiePlateKW {
            keep_where_strong(&mut counts, &ours(Column::AccelPowerW));
            keep_where_strong(&mut counts, &theirs(Column::AccelPowerW));
        }
        let name = name.to_owned();
        let of_the_band = |what: &str| match band {
            Some((cells, join)) if residual_word == "residual" => {
                cells.filled(&format!("{name}_{what}")).map_or_else(Vec::new, |cells| join.pick(cells))
            }
            _ => Vec::new(),
        };
        let (u, noise) = (of_the_band("u"), of_the_band("noise"));
        pairs.push(Pair { name, reference_word, residual_word, measured: ours(column), reference, counts, u, noise, ungated: None });
    }
    pairs
}

/// Keeps the rows in which `power` is above a part of its largest value.
fn keep_where_strong(counts: &mut [bool], power: &[Option<f64>]) {
    let largest = power.iter().flatten().copied().fold(0.0, f64::max);
    for (counts, power) in counts.iter_mut().zip(power) {
        *counts &= power.is_some_and(|w| w > RESISTANCE_ABOVE_FRAC * largest);
    }
}

fn judge(pairs: &[Pair], measured: &Series, join: &Join, preset: &Preset) -> Comparison {
    let joined = join.found();
    let (mut tracking, mut residuals) = (Vec::new(), Vec::new());
    for pair in pairs {
        if pair.residual_word == "error" {
            tracking.push(pair.judge(&measured.time_s, joined, |stats, scale| check_tracking(&pair.name, stats, scale)));
        } else {
            residuals.push(pair.judge(&measured.time_s, joined, |stats, scale| preset.check(&pair.name, stats, scale)));
        }
    }
    let gates = together(&residuals);
    let verdict = match gates {
        Gates::Pass => format!("every predicted channel keeps to the gates {}", preset.name),
        Gates::Fail => format!("gates {} broken by {}", preset.name, names(&residuals, Status::Fail).join(", ")),
        Gates::Undecided => "undecided: too little to go by".to_owned(),
    };
    Comparison {
        measured: String::new(),
        model: String::new(),
        seal: None,
        simulated: false,
        preset: preset.name.to_owned(),
        rows: rows(&measured.counts, measured, joined),
        tracked: together(&tracking),
        tracking,
        residuals,
        gates,
        verdict,
        notes: Vec::new(),
    }
}

fn rows(counts: &Counts, measured: &Series, joined: usize) -> Rows {
    let limited = measured.limited.iter().filter(|l| l.is_limited()).count();
    let part = |of: usize, all: usize| if all > 0 { of as f64 / all as f64 } else { 0.0 };
    Rows {
        running: counts.running,
        joined,
        gaps: counts.gaps,
        repeated: counts.repeated,
        limited,
        gap_frac: part(counts.gaps, counts.running),
        limited_frac: part(limited, measured.time_s.len()),
    }
}

fn write_csv(folder: &Folder, measured: &Series, pairs: &[Pair]) -> Result<(), record::Error> {
    let ticks: Vec<Option<f64>> = measured.ticks.iter().map(|t| Some(*t as f64)).collect();
    let times: Vec<Option<f64>> = measured.time_s.iter().copied().map(Some).collect();
    let limited: Vec<&'static str> = measured.limited.iter().map(|l| l.word()).collect();
    let residuals: Vec<Vec<Option<f64>>> = pairs.iter().map(Pair::residual).collect();
    let mut columns = vec![
        ("tick".to_owned(), Cells::Numbers(&ticks, 0)),
        ("mission_s".to_owned(), Cells::Numbers(&times, 3)),
        ("limited".to_owned(), Cells::Words(&limited)),
    ];
    for (pair, residual) in pairs.iter().zip(&residuals) {
        let decimals = Column::named(&pair.name).map_or(6, Column::decimals);
        columns.push((format!("{}_measured", pair.name), Cells::Numbers(&pair.measured, decimals)));
        columns.push((format!("{}_{}", pair.name, pair.reference_word), Cells::Numbers(&pair.reference, decimals)));
        columns.push((format!("{}_{}", pair.name, pair.residual_word), Cells::Numbers(residual, decimals)));
        if !pair.u.is_empty() {
            columns.push((format!("{}_u", pair.name), Cells::Numbers(&pair.u, decimals)));
        }
        if !pair.noise.is_empty() {
            columns.push((format!("{}_noise", pair.name), Cells::Numbers(&pair.noise, decimals)));
        }
    }
    write_derived(&folder.file(COMPARISON), measured.time_s.len(), &columns)
}

#[cfg(test)]
pub(crate) mod tests;
