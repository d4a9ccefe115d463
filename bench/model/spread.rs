//! How well a number is known: a distribution by its quantiles, and what the spread of many numbers makes of a result.
//!
//! Monte Carlo as in JCGM 101:2008 (GUM Supplement 1): inputs independent, median and 95 % interval by order statistics. An input's
//! share is its first-order variance share (Sobol): how much of the result's variance would go if that input were known.

use crate::philox::uniforms;

/// Draws unless another number is asked for.
pub const DRAWS: u32 = 100_000;

/// Slices of an input's range that its share of the variance is found from.
const SLICES: usize = 64;

/// Standard deviations beyond which a bell is cut off: a mass must not be negative.
const BELL_END: f64 = 4.0;

/// How well a number is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// Exactly.
    Fixed(f64),
    /// Surely between `low` and `high`, most likely `mode`.
    Triangular {
        /// Least.
        low: f64,
        /// Most likely.
        mode: f64,
        /// Most.
        high: f64,
    },
    /// A bell, cut off at four sigma.
    Normal {
        /// Its middle.
        mean: f64,
        /// Its standard deviation.
        sigma: f64,
    },
}

impl Spread {
    /// The value below which the part `u` of all draws lies, `u` in 0..1.
    pub fn quantile(&self, u: f64) -> f64 {
        match *self {
            Self::Fixed(value) => value,
            Self::Triangular { low, mode, high } => {
                let width = high - low;
                if width <= 0.0 {
                    return mode;
                }
                if u * width < mode - low {
                    low + (u * width * (mode - low)).sqrt()
                } else {
                    high - ((1.0 - u) * width * (high - mode)).sqrt()
                }
            }
            Self::Normal { mean, sigma } => mean + sigma * bell(u).clamp(-BELL_END, BELL_END),
        }
    }

    /// The value it is put at where one is needed: fixed, mode or mean.
    pub fn centre(&self) -> f64 {
        match *self {
            Self::Fixed(value) => value,
            Self::Triangular { mode, .. } => mode,
            Self::Normal { mean, .. } => mean,
        }
    }

    /// Nothing is uncertain about it.
    pub fn is_fixed(&self) -> bool {
        match *self {
            Self::Fixed(_) => true,
            Self::Triangular { low, high, .. } => high <= low,
            Self::Normal { sigma, .. } => sigma <= 0.0,
        }
    }

    /// The same in a unit `factor` times smaller.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        match self {
            Self::Fixed(value) => Self::Fixed(value * factor),
            Self::Triangular { low, mode, high } => Self::Triangular { low: low * factor, mode: mode * factor, high: high * factor },
            Self::Normal { mean, sigma } => Self::Normal { mean: mean * factor, sigma: sigma * factor },
        }
    }
}

/// Quantile of the standard normal distribution: Acklam's rational approximation (2003), relative error below 1.2e-9.
fn bell(u: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] =
        [-5.447_609_879_822_406e1, 1.615_858_368_580_409e2, -1.556_989_798_598_866e2, 6.680_131_188_771_972e1, -1.328_068_155_288_572e1];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] = [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416];
    const TAIL: f64 = 0.024_25;
    let polynomial = |c: &[f64], x: f64| c.iter().fold(0.0, |sum, k| sum * x + k);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / (polynomial(&D, q) * q + 1.0)
    };
    if u < TAIL {
        tail(u)
    } else if u > 1.0 - TAIL {
        -tail(1.0 - u)
    } else {
        let q = u - 0.5;
        let r = q * q;
        polynomial(&A, r) * q / (polynomial(&B, r) * r + 1.0)
    }
}

/// What became of one result.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Half of the draws are below.
    pub median: f64,
    /// 2.5 % of the draws are below.
    pub low: f64,
    /// 2.5 % of the draws are above.
    pub high: f64,
    /// Mean of the draws.
    pub mean: f64,
    /// Standard deviation of the draws.
    pub sigma: f64,
    /// Share of the variance that each input would take with it, in the order of the inputs; what is left to 1 is interplay. Zeros
    /// where nothing varies.
    pub shares: Vec<f64>,
}

/// Sends `draws` draws of `inputs` through `model`; the same seed gives the same outcomes, to the bit.
///
/// # Panics
/// If there are no draws.
pub fn propagate<const N: usize, const M: usize>(
    inputs: &[Spread; N],
    draws: u32,
    seed: u64,
    model: impl Fn(&[f64; N]) -> [f64; M],
) -> [Outcome; M] {
    assert!(draws > 0, "no draws");
    let mut results: Vec<Vec<f64>> = (0..M).map(|_| Vec::with_capacity(draws as usize)).collect();
    // Sums of each result over each slice of each input.
    let mut sums = vec![[0.0; M]; N * SLICES];
    let mut counts = vec![0_u32; N * SLICES];
    for draw in 0..draws {
        let u: [f64; N] = uniforms(seed, u64::from(draw));
        let mut x = [0.0; N];
        for ((x, spread), u) in x.iter_mut().zip(inputs).zip(u) {
            *x = spread.quantile(u);
        }
        let y = model(&x);
        for (all, y) in results.iter_mut().zip(y) {
            all.push(y);
        }
        for (i, u) in u.iter().enumerate() {
            let slot = i * SLICES + ((u * SLICES as f64) as usize).min(SLICES - 1);
            counts[slot] += 1;
            for (sum, y) in sums[slot].iter_mut().zip(y) {
                *sum += y;
            }
        }
    }
    let mut results = results.into_iter().enumerate();
    std::array::from_fn(|_| {
        let (m, values) = results.next().expect("one for each result");
        outcome(values, inputs, |i| {
            let slices = i * SLICES..(i + 1) * SLICES;
            slices.filter(|s| counts[*s] > 0).map(|s| (f64::from(counts[s]), sums[s][m])).collect()
        })
    })
}

fn outcome(mut values: Vec<f64>, inputs: &[Spread], slices: impl Fn(usize) -> Vec<(f64, f64)>) -> Outcome {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n;
    let share = |(i, spread): (usize, &Spread)| {
        // A variance of rounding is none.
        if spread.is_fixed() || variance <= 1e-24 * mean * mean {
            return 0.0;
        }
        let slices = slices(i);
        let between = slices.iter().map(|(count, sum)| count * (sum / count - mean).powi(2)).sum::<f64>() / n;
        // Slices of nothing but chance differ too, by their number over the draws.
        let chance = (slices.len() as f64 - 1.0) / n;
        ((between / variance - chance) / (1.0 - chance).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0)
    };
    let shares = inputs.iter().enumerate().map(share).collect();
    values.sort_unstable_by(f64::total_cmp);
    let at = |p: f64| values[((p * n) as usize).min(values.len() - 1)];
    Outcome { median: at(0.5), low: at(0.025), high: at(0.975), mean, sigma: variance.sqrt(), shares }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RANGE: Spread = Spread::Triangular { low: 2.0, mode: 3.0, high: 7.0 };

    #[test]
    fn quantiles_are_those_of_scipy() {
        // scipy.stats.triang(0.2, 2, 5).ppf and norm.ppf, scipy 1.17.1.
        for (u, triangular, normal) in [
            (0.001, 2.070_710_678_118_654_6, -3.090_232_306_167_813),
            (0.1, 2.707_106_781_186_547_5, -1.281_551_565_544_600_4),
            (0.5, 3.837_722_339_831_620_5, 0.0),
            (0.975, 6.292_893_218_813_453, 1.959_963_984_540_054),
            (0.999, 6.858_578_643_762_69, 3.090_232_306_167_813),
        ] {
            assert!((RANGE.quantile(u) - triangular).abs() < 1e-9, "{u}: {}", RANGE.quantile(u));
            assert!((Spread::Normal { mean: 0.0, sigma: 1.0 }.quantile(u) - normal).abs() < 1e-8, "{u}");
        }
    }

    #[test]
    fn a_sum_of_bells_is_known_in_closed_form() {
        let inputs = [Spread::Normal { mean: 10.0, sigma: 3.0 }, Spread::Normal { mean: 5.0, sigma: 4.0 }, Spread::Fixed(1.0)];
        let [sum, twice] = propagate(&inputs, DRAWS, 1, |[a, b, c]| [a + b + c, 2.0 * a]);
        assert!((sum.median - 16.0).abs() < 0.05 && (sum.sigma - 5.0).abs() < 0.05);
        assert!((sum.low - (16.0 - 1.96 * 5.0)).abs() < 0.15 && (sum.high - (16.0 + 1.96 * 5.0)).abs() < 0.15, "{sum:?}");
        for (share, expected) in sum.shares.iter().zip([0.36, 0.64, 0.0]) {
            assert!((share - expected).abs() < 0.01, "{:?}", sum.shares);
        }
        assert!((twice.shares[0] - 1.0).abs() < 0.01 && twice.shares[1] < 0.003, "{:?}", twice.shares);
    }

    #[test]
    fn the_same_seed_gives_the_same_figures() {
        let run = |seed| propagate(&[RANGE, RANGE], 1000, seed, |[a, b]| [a / b]);
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn what_does_not_vary_has_no_shares() {
        let [nothing] = propagate(&[Spread::Fixed(0.1), RANGE], 1000, 1, |[a, _]| [a * 3.0]);
        assert_eq!((nothing.shares, nothing.low, nothing.high), (vec![0.0, 0.0], nothing.median, nothing.median));
    }

    proptest! {
        #[test]
        fn quantiles_rise_and_stay_inside(low in -10.0..10.0_f64, a in 0.0..10.0_f64, b in 0.0..10.0_f64, u in 0.0001..0.9999_f64, v in 0.0001..0.9999_f64) {
            let spread = Spread::Triangular { low, mode: low + a, high: low + a + b };
            let (small, large) = (spread.quantile(u.min(v)), spread.quantile(u.max(v)));
            prop_assert!(small <= large + 1e-9 && small >= low - 1e-9 && large <= low + a + b + 1e-9);
        }
    }
}
