//! Percentiles of many durations in little memory: counts in bins of equal ratio.
//!
//! Not here: clocks.

use std::time::Duration;

/// Shortest duration told apart, s.
const SHORTEST_S: f64 = 1e-5;
/// Ratio of neighbouring bins: a percentile is right within half of this.
const RATIO: f64 = 1.02;
/// Up to about 2.5 hours; what is longer counts as that.
const BINS: usize = 1042;

/// Durations seen so far.
#[derive(Clone, Debug)]
pub struct Latency {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { counts: vec![0; BINS], total: 0 }
    }
}

impl Latency {
    /// Takes one more.
    pub fn add(&mut self, duration: Duration) {
        let bin = (duration.as_secs_f64().max(SHORTEST_S) / SHORTEST_S).ln() / RATIO.ln();
        self.counts[(bin as usize).min(BINS - 1)] += 1;
        self.total += 1;
    }

    /// How many were taken.
    pub const fn count(&self) -> u64 {
        self.total
    }

    /// The duration that this share (0..=1) does not exceed, s, within 1 %. `None` if there is none yet.
    pub fn percentile_s(&self, share: f64) -> Option<f64> {
        let wanted = (share.clamp(0.0, 1.0) * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bin = self.counts.iter().position(|n| {
            seen += n;
            seen >= wanted
        })?;
        Some(SHORTEST_S * RATIO.powf(bin as f64 + 0.5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(Latency::default().percentile_s(0.5), None);
    }

    #[test]
    fn what_is_out_of_range_counts_at_the_ends() {
        let mut latency = Latency::default();
        latency.add(Duration::ZERO);
        latency.add(Duration::MAX);
        assert!(latency.percentile_s(0.0).is_some_and(|s| s < 2e-5));
        assert!(latency.percentile_s(1.0).is_some_and(|s| s > 8000.0));
    }

    proptest! {
        #[test]
        fn percentiles_are_those_of_the_sorted_list(mut ms in proptest::collection::vec(0.1..1e5_f64, 1..200), share in 0.0..=1.0_f64) {
            let mut latency = Latency::default();
            for ms in &ms {
                latency.add(Duration::from_secs_f64(ms / 1e3));
            }
            ms.sort_by(f64::total_cmp);
            let at = ((share * ms.len() as f64).ceil().max(1.0) as usize) - 1;
            let got = latency.percentile_s(share).expect("some") * 1e3;
            prop_assert!((got / ms[at] - 1.0).abs() < 0.0101, "{} for {}", got, ms[at]);
        }
    }
}
