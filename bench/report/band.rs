//! Residuals against the band of the prediction: is what was found what the doubts about the bench let one expect?
//!
//! A parameter that is off shifts a residual as a whole, so neighbouring rows say the same thing again and again. The mean residual
//! is therefore held against the band, not every row; how many rows are inside is told beside it. Gates judge; this explains.

use serde::{Deserialize, Serialize};

/// Standard uncertainties within which a mean residual counts as expected: about 95 % of benches.
pub const COVERAGE: f64 = 2.0;

/// A residual against its band.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct InBand {
    /// Root mean square of the standard uncertainty, in the channel's unit (kelvin for °C).
    pub u: f64,
    /// Mean residual over that.
    pub ratio: f64,
    /// Part of the rows within twice their standard uncertainty.
    pub inside_frac: f64,
    /// True if the mean residual is within twice the standard uncertainty.
    pub expected: bool,
}

impl InBand {
    /// Of pairs of residual and standard uncertainty; `None` of none, or where nothing is doubted.
    pub(crate) fn of(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let (mut n, mut sum, mut squares, mut inside) = (0_usize, 0.0, 0.0, 0_usize);
        for (residual, u) in pairs {
            n += 1;
            sum += residual;
            squares += u * u;
            inside += usize::from(residual.abs() <= COVERAGE * u);
        }
        let rows = n as f64;
        let u = (squares / rows).sqrt();
        // Also false for none, which is not a number.
        (u > 0.0).then(|| {
            let ratio = sum / rows / u;
            Self { u, ratio, inside_frac: inside as f64 / rows, expected: ratio.abs() <= COVERAGE }
        })
    }

    /// In words, for the end of a line.
    pub(crate) fn words(&self) -> String {
        let word = if self.expected { "expected" } else { "UNEXPECTED" };
        format!("{word}: mean {:+.1} u, {:.0} % of rows within 2 u", self.ratio, self.inside_frac * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_is_one_finding_however_many_rows() {
        let shifted = |by: f64| InBand::of((0..1000).map(|_| (by, 0.5))).expect("rows");
        let small = shifted(0.6);
        assert!(small.expected && (small.ratio - 1.2).abs() < 1e-9 && small.inside_frac == 1.0);
        let large = shifted(-1.5);
        assert!(!large.expected && large.inside_frac == 0.0);
        assert_eq!(large.words(), "UNEXPECTED: mean -3.0 u, 0 % of rows within 2 u");
    }

    #[test]
    fn no_doubt_no_band() {
        assert_eq!(InBand::of([]), None);
        assert_eq!(InBand::of([(1.0, 0.0)]), None);
    }
}
