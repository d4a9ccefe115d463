//! What repeats amount to: a mean with its interval, and the drift of the session by its reference points.

/// A mean with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half the width of its 95 % interval; `None` of a single value, which says nothing of its scatter.
    pub half_width: Option<f64>,
    /// Standard deviation of single values; `None` of a single one.
    pub deviation: Option<f64>,
    /// Values it is made of.
    pub n: usize,
}

impl Estimate {
    /// Of independent values, by Student's t; `None` of none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let deviation = (n > 1).then(|| (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1) as f64).sqrt());
        Some(Self { mean, half_width: deviation.map(|s| student(n - 1) * s / (n as f64).sqrt()), deviation, n })
    }

    /// The same in a session that drifted by `drift` of its value: a point may have been measured at any time of it, so that the drift counts
    /// as evenly spread over its range (standard uncertainty: range over the root of twelve, JCGM 100:2008 4.3.7).
    #[must_use]
    pub fn with_drift(self, drift: Option<f64>) -> Self {
        let by_drift = drift.map_or(0.0, |d| NORMAL * d.abs() * self.mean.abs() / 12.0_f64.sqrt());
        Self { half_width: self.half_width.map(|scatter| scatter.hypot(by_drift)), ..self }
    }

    /// True if `value` lies within the interval; everything does if there is none.
    pub fn holds(&self, value: f64) -> bool {
        self.half_width.is_none_or(|half| (value - self.mean).abs() <= half)
    }
}

/// 97.5 % of a normal distribution.
const NORMAL: f64 = 1.96;

/// Student's t for 95 %, two-sided, by degrees of freedom (any table of it).
fn student(freedom: usize) -> f64 {
    const TABLE: [f64; 20] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101,
        2.093, 2.086,
    ];
    TABLE.get(freedom.saturating_sub(1)).copied().unwrap_or(if freedom <= 30 { 2.05 } else { 1.98 })
}

/// How the reference moved from the first point of a session to its last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// Over the whole session, as a part of the reference's mean.
    pub relative: f64,
    /// Half the width of its 95 % interval.
    pub half_width: f64,
    /// References it is made of.
    pub n: usize,
}

impl Drift {
    /// A line by least squares through references at places in the order, over `length` places. `None` of fewer than three, which have no
    /// scatter, or without work.
    pub fn of(references: &[(f64, f64)], length: f64) -> Option<Self> {
        let n = references.len();
        let count = n as f64;
        let (x, y) = references.iter().fold((0.0, 0.0), |(x, y), r| (x + r.0 / count, y + r.1 / count));
        let xx: f64 = references.iter().map(|r| (r.0 - x).powi(2)).sum();
        if n < 3 || xx <= 0.0 || y <= 0.0 {
            return None;
        }
        let slope = references.iter().map(|r| (r.0 - x) * (r.1 - y)).sum::<f64>() / xx;
        let left: f64 = references.iter().map(|r| (r.1 - y - slope * (r.0 - x)).powi(2)).sum();
        let error = (left / (count - 2.0) / xx).sqrt();
        Some(Self { relative: slope * length / y, half_width: student(n - 2) * error * length / y, n })
    }

    /// The reference really moved: the interval does not hold zero.
    pub fn is_seen(&self) -> bool {
        self.relative.abs() > self.half_width
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn intervals_are_students() {
        // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.5.2 gives the formula; the numbers are worked by hand.
        let e = Estimate::of(&[9.0, 10.0, 11.0]).expect("three values");
        assert!((e.mean - 10.0).abs() < 1e-12 && (e.half_width.expect("scatter") - 4.303 / 3.0_f64.sqrt()).abs() < 1e-9);
        assert_eq!(Estimate::of(&[]), None);
        let one = Estimate::of(&[5.0]).expect("one");
        assert_eq!((one.half_width, one.n), (None, 1));
        assert_eq!(one.with_drift(Some(0.1)).half_width, None, "nothing is known of one value");
    }

    #[test]
    fn a_drift_widens_the_interval_and_never_moves_the_mean() {
        let e = Estimate::of(&[10.0, 10.0, 10.0]).expect("three");
        let with = e.with_drift(Some(-0.06));
        assert!((with.half_width.expect("drift") - 1.96 * 0.6 / 12.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!((with.mean, e.with_drift(None).half_width), (10.0, Some(0.0)));
    }

    #[test]
    fn a_drift_is_found_and_noise_is_not_called_one() {
        let falling: Vec<(f64, f64)> =
            (0..9).map(|k| (f64::from(k) * 10.0, 10.0 * (1.0 - 0.05 * f64::from(k) / 8.0) + [0.01, -0.01][k as usize % 2])).collect();
        let drift = Drift::of(&falling, 80.0).expect("nine references");
        assert!((drift.relative + 0.0513).abs() < 0.003 && drift.is_seen(), "{drift:?}");
        let noise: Vec<(f64, f64)> =
            [10.01, 9.98, 10.02, 10.0, 9.99, 10.01, 9.99].iter().enumerate().map(|(k, v)| (k as f64, *v)).collect();
        let still = Drift::of(&noise, 6.0).expect("seven references");
        assert!(!still.is_seen() && still.relative.abs() < 0.004, "{still:?}");
        assert_eq!(Drift::of(&falling[..2], 80.0), None);
        assert_eq!(Drift::of(&[(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)], 2.0), None, "no work");
    }

    proptest! {
        #[test]
        fn the_mean_is_within_and_scale_is_scale(values in proptest::collection::vec(0.1..100.0_f64, 2..12), scale in 0.1..10.0_f64) {
            let e = Estimate::of(&values).expect("values");
            prop_assert!(e.holds(e.mean));
            let scaled = Estimate::of(&values.iter().map(|v| v * scale).collect::<Vec<_>>()).expect("values");
            prop_assert!((scaled.half_width.expect("two") - e.half_width.expect("two") * scale).abs() < 1e-6 * (1.0 + scaled.mean));
        }
    }
}
