//! `summary.json`: figures of merit, completeness and gates of a run that has ended. Written before the seal, so it cannot quote it.

use crate::compare::compare_unsealed;
use crate::{Comparison, Completeness, Error, Facts, Figures, Merit, Preset};
use record::{Folder, PREDICTION, SAMPLES, each_row};
use serde::{Deserialize, Serialize};
use signal::Source;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// One word: done, stopped, aborted, halted, tripped.
    pub how: String,
    /// Exit code of the engine.
    pub code: u8,
    /// The whole story, safe state included.
    pub words: String,
}

/// What `summary.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Version of this file's layout.
    pub schema: u32,
    /// Name of the run.
    pub run: String,
    /// True if any part of the bench was emulated: no verdict is drawn from it.
    pub simulated: bool,
    /// How it ended.
    pub ended: Ended,
    /// What one unit of work is: token, image, step.
    pub unit: String,
    /// What the work said of itself besides its units, by name with the unit as suffix: latencies, tokens taken in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub work: BTreeMap<String, f64>,
    /// Why no work per joule is told: the work is not known to be where the accelerator's energy is measured.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub apart: String,
    /// The widest of `card`, `server`, `rack`, `facility` among the weighed parts that fly: figures per kilogram compare within one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<String>,
    /// What it came to.
    pub figures: Figures,
    /// What it was predicted to come to; absent without a prediction.
    pub predicted: Option<Figures>,
    /// How complete the record is.
    pub completeness: Completeness,
    /// Measured against predicted; absent if they cannot be compared.
    pub comparison: Option<Comparison>,
    /// Why they cannot be.
    pub not_compared: Option<String>,
    /// Which check the energy counter is held against, or why none; absent of what is simulated, and in old runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_check: Option<crate::CheckFacts>,
}

/// Sums a run up from its files.
pub fn summarise(folder: &Folder, ended: Ended, preset: &Preset) -> Result<Summary, Error> {
    let facts = Facts::read(folder)?;
    let kg = facts.flight_cooling_kg();
    let measured = measured(folder, &facts)?.apart(!facts.workload.apart.is_empty());
    let predicted = if folder.file(PREDICTION).is_file() { Some(merit(folder, PREDICTION, &facts)?.figures(kg)) } else { None };
    let (comparison, not_compared) = match compare_unsealed(folder, &facts, preset) {
        Ok(comparison) => (Some(comparison), None),
        Err(why) => (None, Some(why.to_string())),
    };
    Ok(Summary {
        schema: 1,
        run: facts.name,
        simulated: facts.simulated,
        ended,
        unit: facts.workload.unit,
        work: facts.workload.figures,
        apart: if facts.plan.energy() == Source::Accelerator { facts.workload.apart } else { String::new() },
        boundary: facts.boundary,
        figures: measured.figures(kg),
        predicted,
        completeness: measured.completeness(),
        comparison,
        not_compared,
        energy_check: facts.accelerator.check,
    })
}

/// What was measured, held against the check of what measured it.
pub(crate) fn measured(folder: &Folder, facts: &Facts) -> Result<Merit, Error> {
    summed(folder, SAMPLES, facts, facts.accelerator.check.as_ref())
}

pub(crate) fn merit(folder: &Folder, name: &str, facts: &Facts) -> Result<Merit, Error> {
    summed(folder, name, facts, None)
}

fn summed(folder: &Folder, name: &str, facts: &Facts, check: Option<&crate::CheckFacts>) -> Result<Merit, Error> {
    let mut merit = Merit::new(facts.plan.dt_s).by(facts.plan.energy(), facts.plan.servoed()).around(facts.plan.period_s).held(check);
    each_row(&folder.file(name), |row| merit.push(&row))?;
    Ok(merit)
}

impl Summary {
    /// As the text of `summary.json`.
    pub fn json(&self) -> String {
        // Only maps with keys that are no strings and failing Serialize impls can be refused; there are neither.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_else(|refused| panic!("a summary must encode: {refused}"));
        text.push('\n');
        text
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (figures, unit) = (&self.figures, &self.unit);
        let said = |value: Option<f64>, decimals: usize| value.map_or_else(|| "not measured".to_owned(), |v| format!("{v:.decimals$}"));
        let predicted = |of: fn(&Figures) -> Option<f64>, decimals: usize| match self.predicted.as_ref().and_then(of) {
            Some(v) => format!(" (predicted {v:.decimals$})"),
            None => String::new(),
        };
        writeln!(f, "{}: {}", self.run, self.ended.words)?;
        if self.simulated {
            writeln!(f, "simulated: figures of a rehearsal, not of hardware")?;
        }
        writeln!(f, "work        {} {unit}s{}", said(figures.work_units, 0), predicted(|p| p.work_units, 0))?;
        writeln!(f, "rate        {} {unit}s/s{}", said(figures.work_units_per_s, 1), predicted(|p| p.work_units_per_s, 1))?;
        if figures.work_input_units.is_some() {
            let (input, rate) = (said(figures.work_input_units, 0), said(figures.input_units_per_s, 1));
            writeln!(
                f,
                "taken in    {input} {unit}s, {rate} {unit}s/s, {} {unit}s/J, beside what is put out",
                said(figures.input_units_per_j, 3)
            )?;
        }
        let energy = &figures.energy;
        writeln!(f, "energy      {} J{}, by the {}", said(energy.total_j, 0), predicted(|p| p.energy.total_j, 0), energy.source.word())?;
        if let Some((meter_j, gap)) = energy.meter_j.zip(energy.meter_gap_frac) {
            writeln!(
                f,
                "            {meter_j:.0} J by external meters, {:+.2} % in mean power beside the accelerator's own {} J",
                gap * 100.0,
                said(energy.counter_j.or(energy.integral_j), 0)
            )?;
        }
        for doubt in energy.doubts() {
            writeln!(f, "            {doubt}")?;
        }
        // Without a counter and power beside it there is nothing to hold.
        if let Some(check) = self.energy_check.as_ref().filter(|_| energy.gap_frac.is_some()) {
            writeln!(f, "            {}", check.words())?;
        }
        let what = if figures.lost_any() { " of useful work" } else { "" };
        if !self.apart.is_empty() {
            writeln!(f, "            {}", self.apart)?;
        }
        // Work and energy may be known, and no figure be made of them: why stands above.
        let known = figures.work_units.and(energy.total_j).is_some() && !(energy.doubts().is_empty() && self.apart.is_empty());
        let per_j = if figures.units_per_j.is_none() && known { "no figure:".to_owned() } else { said(figures.units_per_j, 3) };
        writeln!(f, "efficiency  {per_j} {unit}s/J{what}{}", predicted(|p| p.units_per_j, 3))?;
        if figures.lost_any() {
            let (useful, counted) = (said(figures.useful_units, 0), said(figures.counted_units_per_j, 3));
            writeln!(f, "            useful: {useful} {unit}s; with what was lost and done again {counted} {unit}s/J")?;
        }
        if let Some(tax) = &figures.restart_tax {
            write!(f, "{}", tax.told(unit, self.predicted.as_ref().and_then(|p| p.restart_tax.as_ref())))?;
        }
        let boundary = self.boundary.as_ref().map_or(String::new(), |b| format!(" (boundary: {b})"));
        writeln!(f, "cooling     {} {unit}s/s per kg of flight cooling{boundary}", said(figures.units_per_s_per_cooling_kg, 2))?;
        for (name, unit, gives, shown) in
            [("array sim", "A of short-circuit current", "A", figures.array), ("sun lamp ", "of one sun", "W", figures.lamp)]
        {
            let Some(shown) = shown else { continue };
            let mut odd = String::new();
            for (rows, what) in [(shown.beyond, "beyond what was asked"), (shown.lit_in_the_dark, "lit in the dark")] {
                if rows > 0 {
                    // Writing to a String cannot fail.
                    let _ = write!(odd, "; {rows} rows {what}: look at it");
                }
            }
            writeln!(
                f,
                "{name}   asked {:.3} {unit} on the mean, gave {:.3} {gives} over {} rows{odd}",
                shown.asked, shown.gave, shown.rows
            )?;
        }
        for (name, value) in &self.work {
            writeln!(f, "  {name} {value:.4}")?;
        }
        if self.work.keys().any(|name| name.ends_with("tokens_unchecked")) {
            writeln!(
                f,
                "  unchecked is what came after the last sample that was held against the reference: what no sample sees is not found (which: run.toml, [workload])"
            )?;
        }
        let c = &self.completeness;
        writeln!(
            f,
            "record      {} of {} ticks, {:.2} % gaps, {:.1} % limited",
            c.rows,
            c.ticks,
            c.gap_frac * 100.0,
            c.limited_frac * 100.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PRESETS;
    use crate::compare::tests::Bench;
    use record::{Column, SUMMARY};
    use signal::{Channel, Origin, Reading};

    fn ended() -> Ended {
        Ended { how: "done".into(), code: 0, words: "done, SAFE CONFIRMED".into() }
    }

    #[test]
    fn a_summary_reads_back_and_keeps_what_is_missing_as_null() {
        let bench = Bench::new();
        let folder = bench.folder();
        let summary = summarise(&folder, ended(), &PRESETS[0]).expect("both files are there");
        folder.replace(SUMMARY, summary.json().as_bytes()).expect("room");
        let text = folder.text(SUMMARY).expect("there");
        assert_eq!(serde_json::from_str::<Summary>(&text).expect("our own"), summary);
        assert!(text.contains("\"die_degc\": {") && text.contains("\"counter_j\": null"), "{text}");
        assert_eq!(summary.figures.flight_cooling_kg, Some(1.75));
        assert!(summary.to_string().contains("per kg of flight cooling (boundary: server)"), "{summary}");
        assert!(summary.comparison.as_ref().is_some_and(|c| c.notes.is_empty()) && summary.not_compared.is_none());
        assert!(summary.to_string().contains("simulated"));
        assert_eq!(summary.work["requests"], 12.0);
        assert!(summary.to_string().contains("time_to_first_token_p95_s 0.2500"), "{summary}");
    }

    #[test]
    fn the_check_that_energy_is_held_against_is_named() {
        for (table, words) in [
            (
                "file = '/state/GPU-1.toml'\nsha256 = '0123456789abcdef'\nmade = '2026-01-02T00:00:00Z'\ngap_frac = 0.0\nhalf_frac = 0.001",
                "held against the check of 2026-01-02",
            ),
            (
                "file = '/state/GPU-1.toml'\nsha256 = '0123456789abcdef'\nunused = 'it was made with another driver'\ngap_frac = 0.0",
                "another driver",
            ),
            ("unused = 'this card was never checked'", "this card was never checked"),
        ] {
            let mut bench = Bench::new();
            bench.manifest += "[accelerator.check]\n";
            bench.manifest += table;
            bench.manifest += "\n";
            let mut rows = bench.predicted.clone();
            for row in &mut rows {
                let joules = row.bench_s * 70.0;
                row.set(Column::AccelIntegralJ, joules);
                row.set_reading(Channel::BoardEnergy, &Reading::good(joules, row.bench_s, Origin::Measured));
            }
            let summary = summarise(&bench.folder_of(&bench.predicted, &rows), ended(), &PRESETS[0]).expect("both files are there");
            assert!(summary.to_string().contains(words), "{words}: {summary}");
            assert!(summary.comparison.as_ref().is_some_and(|c| c.notes.iter().any(|n| n.contains(words))), "{words}: {summary:?}");
            assert!(summary.json().contains("\"energy_check\": {") && summary.energy_check.is_some());
            assert_eq!(summary.figures.energy.check.is_some(), words.starts_with("held"));
        }
    }

    #[test]
    fn a_run_that_never_flew_still_has_a_summary() {
        let bench = Bench::new();
        let folder = bench.folder_of(&bench.predicted, &[]);
        let summary = summarise(&folder, ended(), &PRESETS[0]).expect("an empty record is a record");
        assert_eq!(summary.figures.mission_s, None);
        assert!(summary.not_compared.is_some_and(|why| why.contains("never ran")));
    }
}
