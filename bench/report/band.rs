//! Residuals against the band of the prediction: is what was found what the doubts about the bench let one expect?
//!
//! Two questions, answered apart, since different faults hide from each:
//!
//! - **Mean.** A parameter that is off shifts a residual as a whole, and neighbouring rows say the same thing again and again. The
//!   mean residual is held against the root mean square of the standard uncertainty; noise of single rows averages out of both.
//! - **Spread.** What is left about that mean: swings, steps and noise that no shift explains. Its standard deviation is held against
//!   the root mean square of standard uncertainty and row noise together.
//!
//! Both limits are [`COVERAGE`]. For the mean that is the usual two standard uncertainties. For the spread: were every doubt as
//! declared, the residual would be a sum of independent normal errors times their sensitivities, and its mean square a weighted sum
//! of squared standard normal variables with weights of at most 1 in all. No such sum exceeds the square of 2 more often than a
//! single one does, 4.6 % (Székely & Bakirov 2003, Probab. Theory Relat. Fields 126, 184, for any limit above 1.54), and taking
//! the mean off only lowers it. So neither question fails more than about one honest bench in twenty. How many rows are inside is
//! told beside both and decides nothing: rows are not independent. Gates judge; this explains.

use serde::{Deserialize, Serialize};

/// Standard uncertainties within which mean and spread of a residual count as expected: about 95 % of benches.
pub const COVERAGE: f64 = 2.0;

/// One row of a residual and what it may be off by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Off {
    /// Measured less predicted.
    pub(crate) residual: f64,
    /// Standard uncertainty by doubts about the bench: the same doubt in every row.
    pub(crate) u: f64,
    /// Standard deviation of what is new in every row.
    pub(crate) noise: f64,
}

/// A residual against its band.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct InBand {
    /// Root mean square of the standard uncertainty, in the channel's unit (kelvin for °C).
    pub u: f64,
    /// Root mean square of the noise of a row, in the same unit.
    #[serde(default)]
    pub noise: f64,
    /// Mean residual over its standard uncertainty.
    pub ratio: f64,
    /// Standard deviation of the residual over standard uncertainty and noise together.
    #[serde(default)]
    pub spread: f64,
    /// Part of the rows within twice their own standard uncertainty and noise.
    pub inside_frac: f64,
    /// True if both mean and spread are within [`COVERAGE`].
    pub expected: bool,
}

impl InBand {
    /// Of the rows that count; `None` of none, or where nothing is doubted.
    pub(crate) fn of(rows: impl IntoIterator<Item = Off>) -> Option<Self> {
        let rows: Vec<Off> = rows.into_iter().collect();
        let n = rows.len() as f64;
        let mean_of = |of: &dyn Fn(&Off) -> f64| rows.iter().map(of).sum::<f64>() / n;
        let mean = mean_of(&|row| row.residual);
        let (doubt, noise) = (mean_of(&|row| row.u * row.u), mean_of(&|row| row.noise * row.noise));
        // Also false for none, which is not a number.
        if doubt + noise <= 0.0 || rows.is_empty() {
            return None;
        }
        let ratio = mean / (doubt + noise / n).sqrt();
        let spread = (mean_of(&|row| (row.residual - mean).powi(2)) / (doubt + noise)).sqrt();
        let inside = rows.iter().filter(|row| row.residual.abs() <= COVERAGE * row.u.hypot(row.noise)).count();
        let mut found = Self { u: doubt.sqrt(), noise: noise.sqrt(), ratio, spread, inside_frac: inside as f64 / n, expected: false };
        found.expected = found.mean_expected() && found.spread_expected();
        Some(found)
    }

    /// The mean residual is what the doubts let one expect.
    pub fn mean_expected(&self) -> bool {
        self.ratio.abs() <= COVERAGE
    }

    /// So is what is left about it.
    pub fn spread_expected(&self) -> bool {
        self.spread <= COVERAGE
    }

    /// In words, for the end of a line.
    pub(crate) fn words(&self) -> String {
        let word = match (self.mean_expected(), self.spread_expected()) {
            (true, true) => "expected",
            (false, true) => "UNEXPECTED mean",
            (true, false) => "UNEXPECTED spread",
            (false, false) => "UNEXPECTED mean and spread",
        };
        format!("{word}: mean {:+.1} u, spread {:.1} u, {:.0} % of rows within 2 u", self.ratio, self.spread, self.inside_frac * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn off(residual: f64, u: f64, noise: f64) -> Off {
        Off { residual, u, noise }
    }

    #[test]
    fn a_shift_is_one_finding_however_many_rows() {
        let shifted = |by: f64| InBand::of((0..1000).map(|_| off(by, 0.5, 0.0))).expect("rows");
        let small = shifted(0.6);
        assert!(small.expected && (small.ratio - 1.2).abs() < 1e-9 && small.inside_frac == 1.0 && small.spread < 1e-9);
        let large = shifted(-1.5);
        assert!(!large.mean_expected() && large.spread_expected() && !large.expected && large.inside_frac == 0.0);
        assert_eq!(large.words(), "UNEXPECTED mean: mean -3.0 u, spread 0.0 u, 0 % of rows within 2 u");
    }

    /// What a mean alone lets through: rows that swing by far more than any doubt, evenly about the right value.
    #[test]
    fn a_swing_about_the_right_mean_is_no_less_a_finding() {
        let swinging =
            |by: f64, noise: f64| InBand::of((0..1000).map(|k| off(if k % 2 == 0 { by } else { -by }, 0.5, noise))).expect("rows");
        let wild = swinging(2.0, 0.0);
        assert!(wild.mean_expected() && !wild.spread_expected() && !wild.expected);
        assert_eq!(wild.words(), "UNEXPECTED spread: mean +0.0 u, spread 4.0 u, 0 % of rows within 2 u");
        // Noise that was declared explains it, and does not excuse a shift.
        assert!(swinging(2.0, 2.0).expected);
        let shifted = InBand::of((0..1000).map(|k| off(if k % 2 == 0 { 3.5 } else { -0.5 }, 0.5, 2.0))).expect("rows");
        assert!(!shifted.mean_expected() && shifted.spread_expected(), "{shifted:?}");
    }

    #[test]
    fn no_doubt_no_band() {
        assert_eq!(InBand::of([]), None);
        assert_eq!(InBand::of([off(1.0, 0.0, 0.0)]), None);
    }
}
