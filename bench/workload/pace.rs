//! When to work and when to idle, as a function of time, duty and seed; and whether the lease still holds.
//!
//! Not here: clocks and threads. Work comes in full batches and then pauses (small batches cost more energy a token), in cycles of 2 to 3 s: NVML boards
//! average power over up to 1 s and some look only 25 ms in every 100 (arXiv 2312.02741), so that a fixed or a short period would alias.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Mean length of a cycle, s.
pub const PERIOD_S: f64 = 2.5;

/// A boundary between cycles lies up to this share of the period late; cycles are therefore 2.0 to 3.0 s long.
pub const JITTER: f64 = 0.2;

/// What to do at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    /// Work, and look again at the latest at this time.
    Work {
        /// Seconds on the caller's clock; infinite while no pause is due.
        until_s: f64,
    },
    /// Idle until this time.
    Idle {
        /// Seconds on the caller's clock; infinite while there is nothing to do.
        until_s: f64,
    },
}

/// A pacing pattern.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    seed: u64,
}

impl Pace {
    /// The pattern of this seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Where cycle `k` begins, s.
    fn boundary_s(self, k: u64) -> f64 {
        if k == 0 {
            return 0.0;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(k);
        let u = f64::from(rng.next_u32()) / (f64::from(u32::MAX) + 1.0);
        (k as f64 + JITTER * u) * PERIOD_S
    }

    /// Begin and end of the cycle around `t_s` (seconds since the work began, not negative).
    pub fn cycle(self, t_s: f64) -> (f64, f64) {
        // The boundary of cycle k lies in [k, k + JITTER) periods.
        let mut k = (t_s.max(0.0) / PERIOD_S) as u64;
        if k > 0 && t_s < self.boundary_s(k) {
            k -= 1;
        }
        (self.boundary_s(k), self.boundary_s(k + 1))
    }

    /// What to do at `t_s` with this duty: the first `duty` of each cycle is work.
    pub fn at(self, t_s: f64, duty: f64) -> Phase {
        // Also what is not a number is no permission to work.
        if duty.is_nan() || duty <= 0.0 {
            return Phase::Idle { until_s: f64::INFINITY };
        }
        if duty >= 1.0 {
            return Phase::Work { until_s: f64::INFINITY };
        }
        let (begin, end) = self.cycle(t_s);
        let pause = begin + duty * (end - begin);
        if t_s < pause { Phase::Work { until_s: pause } } else { Phase::Idle { until_s: end } }
    }
}

/// The duty that may be worked at `now_s` if it was last renewed at `renewed_s` and holds for `lease_s`: none, once that is over.
pub fn leased(duty: f64, renewed_s: f64, lease_s: f64, now_s: f64) -> f64 {
    if now_s - renewed_s <= lease_s { duty } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Share of `length_s` spent working, by walking from phase to phase.
    fn share(pace: Pace, duty: f64, length_s: f64) -> f64 {
        let (mut t, mut worked) = (0.0, 0.0);
        while t < length_s {
            let (until_s, works) = match pace.at(t, duty) {
                Phase::Work { until_s } => (until_s, true),
                Phase::Idle { until_s } => (until_s, false),
            };
            let next = until_s.min(length_s);
            assert!(next > t, "stuck at {t}");
            worked += if works { next - t } else { 0.0 };
            t = next;
        }
        worked / length_s
    }

    #[test]
    fn cycles_are_two_to_three_seconds_and_never_alike() {
        let pace = Pace::new(7);
        let (mut t, mut lengths) = (0.0, Vec::new());
        for _ in 0..1000 {
            let (begin, end) = pace.cycle(t);
            assert_eq!(begin, t, "cycles follow each other without a gap");
            lengths.push(end - begin);
            t = end;
        }
        let (min, max) = lengths.iter().fold((f64::MAX, 0.0_f64), |(lo, hi), l| (lo.min(*l), hi.max(*l)));
        assert!((2.0..2.05).contains(&min) && (2.95..=3.0).contains(&max), "{min} to {max}");
        assert!((t / 1000.0 - PERIOD_S).abs() < 1e-3);
    }

    #[test]
    fn the_ends_are_absolute() {
        let pace = Pace::new(1);
        for t in [0.0, 1.3, 1e6] {
            assert_eq!(pace.at(t, 1.0), Phase::Work { until_s: f64::INFINITY });
            for nothing in [0.0, -1.0, f64::NAN] {
                assert_eq!(pace.at(t, nothing), Phase::Idle { until_s: f64::INFINITY });
            }
        }
    }

    #[test]
    fn a_lease_ends() {
        assert_eq!(leased(0.7, 10.0, 3.0, 13.0), 0.7);
        assert_eq!(leased(0.7, 10.0, 3.0, 13.001), 0.0);
        assert_eq!(leased(0.7, 10.0, 3.0, f64::NAN), 0.0);
    }

    proptest! {
        #[test]
        fn work_takes_its_share(seed: u64, duty in 0.01..0.99_f64) {
            // Only the last, broken cycle of 2.5 s in 500 s may be off.
            prop_assert!((share(Pace::new(seed), duty, 500.0) - duty).abs() < 0.006);
        }

        #[test]
        fn every_moment_lies_in_its_cycle(seed: u64, t in 0.0..1e7_f64) {
            let (begin, end) = Pace::new(seed).cycle(t);
            prop_assert!(begin <= t && t < end, "{t} in {begin}..{end}");
            prop_assert!((2.0 - 1e-6..=3.0 + 1e-6).contains(&(end - begin)));
        }
    }
}
