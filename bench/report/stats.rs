//! Statistics of a residual. Plain descriptive figures: no claim about independence of neighbouring samples.

use serde::{Deserialize, Serialize};

/// Mean, spread and worst of a residual.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Samples.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (n - 1); 0 for a single sample.
    pub std: f64,
    /// Root of the mean square.
    pub rms: f64,
    /// The sample farthest from zero, with its sign.
    pub worst: f64,
    /// Mission seconds of that sample.
    pub worst_at_s: f64,
}

impl Stats {
    /// Of (mission seconds, residual) pairs; `None` of none.
    pub fn of(samples: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let (mut n, mut mean, mut spread, mut squares) = (0_usize, 0.0, 0.0, 0.0);
        let mut worst = (0.0, 0.0_f64);
        for (at_s, x) in samples {
            // Welford 1962: no cancellation, however far the mean is from zero.
            n += 1;
            let off = x - mean;
            mean += off / n as f64;
            spread += off * (x - mean);
            squares += x * x;
            if n == 1 || x.abs() > worst.1.abs() {
                worst = (at_s, x);
            }
        }
        let std = if n > 1 { (spread / (n - 1) as f64).sqrt() } else { 0.0 };
        (n > 0).then(|| Self { n, mean, std, rms: (squares / n as f64).sqrt(), worst: worst.1, worst_at_s: worst.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_small_case_by_hand() {
        let stats = Stats::of([(0.0, 1.0), (1.0, -4.0), (2.0, 3.0)]).expect("three samples");
        assert_eq!((stats.n, stats.mean, stats.worst, stats.worst_at_s), (3, 0.0, -4.0, 1.0));
        assert!((stats.std - 13.0_f64.sqrt()).abs() < 1e-12);
        assert!((stats.rms - (26.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(Stats::of([]), None);
        assert_eq!(Stats::of([(5.0, 2.0)]).map(|s| (s.std, s.rms, s.worst_at_s)), Some((0.0, 2.0, 5.0)));
    }

    proptest! {
        #[test]
        fn rms_is_mean_and_spread_together(values in proptest::collection::vec(-1e3..1e3_f64, 2..60), offset in -1e6..1e6_f64) {
            let stats = Stats::of(values.iter().map(|v| (0.0, v + offset))).expect("samples");
            let n = values.len() as f64;
            let variance = stats.std * stats.std * (n - 1.0) / n;
            prop_assert!((stats.rms.powi(2) - stats.mean.powi(2) - variance).abs() <= 1e-9 * stats.rms.powi(2) + 1e-6);
            prop_assert!(stats.worst.abs() + 1e-9 >= stats.rms);
        }
    }
}
