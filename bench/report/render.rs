//! A comparison as text for people. Machines take the JSON.

use crate::{Channel, Check, Comparison, Gates, Of, Quantity, Status};
use std::fmt;

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} against {}", self.measured, self.model)?;
        if let Some(seal) = &self.seal {
            writeln!(f, "sealed {}", seal.get(..16).unwrap_or(seal))?;
        }
        let r = &self.rows;
        let percent = |part: f64| part * 100.0;
        writeln!(
            f,
            "{} rows with mission time running: {} compared, {} gaps ({:.1} %), {} limited ({:.1} %, not in thermal figures)",
            r.running,
            r.joined,
            r.gaps,
            percent(r.gap_frac),
            r.limited,
            percent(r.limited_frac)
        )?;
        if !self.tracking.is_empty() {
            table(f, "tracking error (servoed channels: measured - setpoint)", &self.tracking)?;
        }
        table(f, "prediction residual (measured - predicted)", &self.residuals)?;
        writeln!(f)?;
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        if !self.tracking.is_empty() {
            writeln!(f, "tracking: {}{}", word(self.tracked), list(&self.lost_track()))?;
        }
        if self.residuals.iter().any(|c| c.band.is_some()) {
            for (what, outside) in
                [("mean", self.outside(|band| !band.mean_expected())), ("spread", self.outside(|band| !band.spread_expected()))]
            {
                let word = if outside.is_empty() { "as expected of every residual" } else { "UNEXPECTED" };
                writeln!(f, "band, {what}: {word}{}", list(&outside))?;
            }
        }
        writeln!(f, "gates {}: {}{}", self.preset, word(self.gates), list(&self.failed()))?;
        writeln!(f, "verdict: {}", self.verdict)
    }
}

const fn word(gates: Gates) -> &'static str {
    match gates {
        Gates::Pass => "pass",
        Gates::Fail => "FAIL",
        Gates::Undecided => "undecided",
    }
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
}

fn table(f: &mut fmt::Formatter<'_>, title: &str, channels: &[Channel]) -> fmt::Result {
    writeln!(f, "\n{title}")?;
    let wide = channels.iter().map(|c| c.name.len()).max().unwrap_or(0).max(7);
    let heads = ["n", "mean", "std", "rms", "worst", "at s"];
    write!(f, "  {:wide$} {:>8}", "channel", "unit")?;
    for head in heads {
        write!(f, " {head:>9}")?;
    }
    writeln!(f, "  gate")?;
    for channel in channels {
        write!(f, "  {:wide$} {:>8}", channel.name, channel.unit)?;
        match &channel.stats {
            Some(s) => {
                write!(f, " {:>9}", s.n)?;
                for value in [s.mean, s.std, s.rms, s.worst] {
                    write!(f, " {:>9}", short(value))?;
                }
                write!(f, " {:>9.0}", s.worst_at_s)?;
            }
            None => write!(f, "{:60}", "")?,
        }
        writeln!(f, "  {}", outcome(channel))?;
    }
    Ok(())
}

/// About four digits that matter.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1000.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.2}"),
        v if v >= 0.1 || v == 0.0 => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    }
}

fn outcome(channel: &Channel) -> String {
    let gate = gate(channel);
    channel.band.map_or_else(|| gate.clone(), |band| format!("{gate}; {}", band.words()))
}

fn gate(channel: &Channel) -> String {
    let why = channel.why.as_deref().unwrap_or_default();
    match channel.status {
        Status::Pass => "pass".to_owned(),
        Status::Fail => {
            let broken: Vec<String> = channel.checks.iter().filter(|c| !c.passed).map(|c| c.words(&channel.unit)).collect();
            format!("FAIL {}", broken.join(", "))
        }
        Status::Undecided => format!("undecided: {why}"),
        Status::Ungated | Status::Missing => format!("- {why}"),
    }
}

impl Check {
    /// What was found against what is allowed.
    pub(crate) fn words(&self, unit: &str) -> String {
        let figure = match self.quantity {
            Quantity::Mean => "|mean|",
            Quantity::Std => "std",
            Quantity::Worst => "|worst|",
        };
        let sign = if self.passed { "<=" } else { ">" };
        // A difference of temperatures is told in kelvin.
        let unit = if unit == "°C" { "K" } else { unit };
        match self.of {
            Of::Unit => format!("{figure} {} {sign} {} {unit}", short(self.found), self.limit),
            Of::Peak | Of::Span | Of::Mean if self.found == f64::MAX => format!("{figure}: nothing of the kind was predicted"),
            Of::Peak => format!("{figure} {:.1} % {sign} {} % of the predicted peak", self.found * 100.0, self.limit * 100.0),
            Of::Span => format!("{figure} {:.1} % {sign} {} % of the predicted span", self.found * 100.0, self.limit * 100.0),
            Of::Mean => format!("{figure} {:.1} % {sign} {} % of the predicted mean", self.found * 100.0, self.limit * 100.0),
        }
    }
}
