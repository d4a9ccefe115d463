//! How sure an estimate is: the bootstrap (Efron 1979). What was computed from N samples is computed again from N drawn out of them with
//! replacement, many times; the middle 95 % of the results is the interval.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Times the samples are drawn again: the ends of a 95 % interval settle to about a tenth of its width.
const RESAMPLES: usize = 1000;
/// What the intervals are drawn with: the same results have the same intervals.
const SEED: u64 = 0x0b00_7574;

/// A value with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// From all samples.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Estimates of the figures that `compute` makes of the samples it is given by number; some figures may not exist for some draws.
pub(crate) fn bootstrap(samples: usize, compute: impl Fn(&[usize]) -> Option<Vec<f64>>) -> Option<Vec<Estimate>> {
    let all: Vec<usize> = (0..samples).collect();
    let values = compute(&all)?;
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut draws: Vec<Vec<f64>> = vec![Vec::with_capacity(RESAMPLES); values.len()];
    let mut drawn = all;
    for _ in 0..RESAMPLES {
        for n in &mut drawn {
            *n = rng.random_range(0..samples as u64) as usize;
        }
        if let Some(figures) = compute(&drawn) {
            for (draws, figure) in draws.iter_mut().zip(figures) {
                draws.push(figure);
            }
        }
    }
    let estimates = values.into_iter().zip(draws).map(|(value, mut draws)| {
        draws.sort_by(f64::total_cmp);
        let at = |part: f64| draws.get((part * draws.len() as f64) as usize).copied().unwrap_or(value);
        Estimate { value, low: at(0.025), high: at(0.975) }
    });
    Some(estimates.collect())
}

/// Mean and variance (over n).
pub(crate) fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / n;
    (mean, values.map(|v| (v - mean).powi(2)).sum::<f64>() / n)
}

/// True if the values differ by more than the rounding of a cell.
pub(crate) fn varies(values: impl Iterator<Item = f64> + Clone) -> bool {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    high - low > 1e-8 * high.abs().max(low.abs())
}
