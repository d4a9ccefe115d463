//! Coolant on its way through the two pipes: what entered comes out unmixed once the pipe's volume has followed it. Volume is
//! counted in seconds of full flow, so a pump that slows or stops needs no special case. A fixed number of samples.

use crate::profile::LONGEST_PIPE_S;

/// Closest that two samples are kept, s of full flow: steps of the loop in real time. The newest is always kept.
const SPACING_S: f64 = 0.5;
/// Enough for the longest pipe and a step more: of three neighbours the outer ones are further apart than the spacing.
const SAMPLES: usize = 2 * (LONGEST_PIPE_S / SPACING_S) as usize + 4;

/// What entered both pipes of late.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pipes {
    samples: [Entered; SAMPLES],
    /// Index of the newest.
    newest: usize,
    /// How many there are, at least 1.
    kept: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entered {
    /// Volume that had passed, s of full flow.
    passed_s: f64,
    hot_k: f64,
    cold_k: f64,
}

impl Pipes {
    /// Pipes full of coolant at one temperature each, K.
    pub(super) fn filled(hot_k: f64, cold_k: f64) -> Self {
        Self { samples: [Entered { passed_s: 0.0, hot_k, cold_k }; SAMPLES], newest: 0, kept: 1 }
    }

    /// What leaves pipes of these delays once `ahead_s` more has passed, K: hot, cold. What has not entered yet counts as the
    /// newest that did. All in s of full flow.
    pub(super) fn leaving(&self, ahead_s: f64, hot_s: f64, cold_s: f64) -> (f64, f64) {
        (self.at(ahead_s - hot_s, |e| e.hot_k), self.at(ahead_s - cold_s, |e| e.cold_k))
    }

    /// What entered at `after_s` after the newest sample (before it if negative), straight between samples.
    fn at(&self, after_s: f64, of: impl Fn(&Entered) -> f64) -> f64 {
        let target_s = self.samples[self.newest].passed_s + after_s;
        let mut later = &self.samples[self.newest];
        if target_s >= later.passed_s {
            return of(later);
        }
        for back in 1..self.kept {
            let earlier = &self.samples[(self.newest + SAMPLES - back) % SAMPLES];
            if target_s >= earlier.passed_s {
                let part = (target_s - earlier.passed_s) / (later.passed_s - earlier.passed_s);
                return of(earlier) + part * (of(later) - of(earlier));
            }
            later = earlier;
        }
        of(later)
    }

    /// Coolant at these temperatures has entered by the time `passed_s` more of it has passed.
    pub(super) fn enter(&mut self, passed_s: f64, hot_k: f64, cold_k: f64) {
        let newest = self.samples[self.newest];
        let before = self.samples[(self.newest + SAMPLES - 1) % SAMPLES];
        let entered = Entered { passed_s: newest.passed_s + passed_s, hot_k, cold_k };
        // The newest may be replaced once it has a neighbour that is near enough to the one after it.
        let replace = self.kept > 1 && entered.passed_s - before.passed_s <= SPACING_S * (1.0 + 1e-9);
        if !replace {
            self.newest = (self.newest + 1) % SAMPLES;
            self.kept = (self.kept + 1).min(SAMPLES);
        }
        self.samples[self.newest] = entered;
    }

    /// Coolant that is in a pipe of this delay, K x s of full flow: with the full flow (W/K) its heat content in J.
    #[cfg(test)]
    pub(super) fn content_k_s(&self, delay_s: f64, hot: bool) -> f64 {
        let parts = 20_000;
        let dt = delay_s / f64::from(parts);
        (0..parts).map(|i| self.at(-(f64::from(i) + 0.5) * dt, |e| if hot { e.hot_k } else { e.cold_k }) * dt).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_enters_leaves_a_delay_later_whatever_the_steps() {
        let ramp = |s: f64| 300.0 + 0.02 * s;
        for steps in [&[0.5][..], &[0.1][..], &[0.01, 0.3, 0.07][..], &[5.0][..]] {
            let mut pipes = Pipes::filled(300.0, 250.0);
            let mut passed = 0.0;
            for dt in steps.iter().cycle().take(60_000 / steps.len()) {
                passed += dt;
                pipes.enter(*dt, ramp(passed), 250.0 - 0.01 * passed);
                if passed > 400.0 {
                    break;
                }
                let (hot, cold) = pipes.leaving(0.25, 20.0, LONGEST_PIPE_S);
                let hot_s = (passed + 0.25 - 20.0_f64).max(0.0);
                let cold_s = (passed + 0.25 - LONGEST_PIPE_S).max(0.0);
                assert!((hot - ramp(hot_s)).abs() < 1e-9, "after {passed} s in steps of {steps:?}: {hot}, expected {}", ramp(hot_s));
                assert!((cold - (250.0 - 0.01 * cold_s)).abs() < 1e-9, "after {passed} s: {cold}");
            }
            assert!(pipes.kept <= SAMPLES);
        }
    }

    #[test]
    fn a_stopped_pump_stops_the_coolant() {
        let mut pipes = Pipes::filled(300.0, 300.0);
        for _ in 0..20 {
            pipes.enter(0.5, 310.0, 290.0);
        }
        let before = pipes.leaving(0.0, 9.9, 4.0);
        for _ in 0..1000 {
            pipes.enter(0.0, 400.0, 100.0);
        }
        assert_eq!(pipes.leaving(0.0, 9.9, 4.0), before);
    }
}
