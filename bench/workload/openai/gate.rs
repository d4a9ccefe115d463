//! When one more request may begin, so that over some seconds the streams are busy for the duty's share: a function of what happened, without a clock.
//!
//! Requests cannot be paused, and last as long as they last. So busy time is accounted for: the duty earns stream-seconds, running streams spend them. Short
//! requests give cycles of 2 to 3 s (see `pace`), long ones longer cycles; the share is the same.

use super::config::Actuator;
use crate::pace::{PERIOD_S, Pace, Phase};

/// Admits requests.
#[derive(Debug)]
pub(crate) struct Gate {
    actuator: Actuator,
    streams: f64,
    pace: Pace,
    now_s: f64,
    duty: f64,
    /// Stream-seconds earned and not spent.
    credit_s: f64,
    open: bool,
}

impl Gate {
    pub(crate) fn new(actuator: Actuator, streams: usize, seed: u64) -> Self {
        Self { actuator, streams: streams as f64, pace: Pace::new(seed), now_s: 0.0, duty: 0.0, credit_s: 0.0, open: false }
    }

    /// Credit at which a burst begins: what it spends beyond what it earns in a cycle of its usual length.
    fn burst_s(&self) -> f64 {
        let (begin, end) = self.pace.cycle(self.now_s);
        self.streams * self.duty * (1.0 - self.duty) * (end - begin)
    }

    /// Goes on to `now_s`; `running` streams were busy since the last call, `duty` (0..=1) holds from now on.
    pub(crate) fn advance(&mut self, now_s: f64, running: usize, duty: f64) {
        let step = (now_s - self.now_s).max(0.0);
        self.credit_s += (self.duty * self.streams - running as f64) * step;
        self.now_s = self.now_s.max(now_s);
        // From idle, work begins at once.
        if self.duty <= 0.0 && duty > 0.0 {
            self.duty = duty;
            self.credit_s = self.burst_s();
        }
        self.duty = duty;
        // What could not be spent (a server that was down) is not made up for.
        let burst = self.burst_s();
        self.credit_s = self.credit_s.min(burst);
        // What rounding leaves must not keep the gate shut.
        self.open = duty > 0.0 && if self.open { self.credit_s > 0.0 || duty >= 1.0 } else { self.credit_s >= burst * (1.0 - 1e-9) };
    }

    /// True if one more request may begin while `running` are under way.
    pub(crate) fn admits(&self, running: usize) -> bool {
        match self.actuator {
            Actuator::Pacing => self.open && (running as f64) < self.streams,
            Actuator::Concurrency => (running as f64) < self.level(),
        }
    }

    /// Streams that may run: what is between two whole numbers is one of them in turn.
    fn level(&self) -> f64 {
        let wanted = self.duty * self.streams;
        let dither = matches!(self.pace.at(self.now_s, wanted.fract()), Phase::Work { .. });
        wanted.floor() + if dither { 1.0 } else { 0.0 }
    }

    /// How long at most until the answer can change by time alone, s.
    pub(crate) fn look_again_s(&self, running: usize) -> f64 {
        if self.duty <= 0.0 {
            return f64::INFINITY;
        }
        let earns = self.duty * self.streams - running as f64;
        let wait = match self.actuator {
            Actuator::Pacing if self.open => self.credit_s / -earns.min(-1e-3),
            Actuator::Pacing => (self.burst_s() - self.credit_s) / earns.max(1e-3),
            Actuator::Concurrency => PERIOD_S / 10.0,
        };
        wait.clamp(1e-3, PERIOD_S)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Streams that take `request_s` for each request, over `length_s`. The share of the time they were busy, and the bursts.
    fn share(actuator: Actuator, streams: usize, duty: f64, request_s: f64, length_s: f64) -> (f64, usize) {
        let mut gate = Gate::new(actuator, streams, 3);
        let (step, mut now, mut busy, mut bursts) = (0.01, 0.0, 0.0, 0);
        let mut ends: Vec<f64> = Vec::new();
        while now < length_s {
            let running = ends.len();
            gate.advance(now, running, duty);
            ends.retain(|end| *end > now);
            bursts += usize::from(running == 0 && gate.admits(0));
            while gate.admits(ends.len()) {
                ends.push(now + request_s);
            }
            busy += ends.len() as f64 * step;
            now += step;
        }
        (busy / (streams as f64 * length_s), bursts)
    }

    #[test]
    fn full_duty_never_pauses_and_none_never_begins() {
        for actuator in [Actuator::Pacing, Actuator::Concurrency] {
            let (busy, _) = share(actuator, 4, 1.0, 0.7, 100.0);
            assert!(busy > 0.999, "{busy}");
            let (busy, bursts) = share(actuator, 4, 0.0, 0.7, 100.0);
            assert_eq!((busy, bursts), (0.0, 0));
        }
    }

    #[test]
    fn pacing_works_in_full_bursts_of_two_to_three_seconds() {
        let (busy, bursts) = share(Actuator::Pacing, 8, 0.5, 0.05, 250.0);
        assert!((busy - 0.5).abs() < 0.02, "{busy}");
        assert!((80..=110).contains(&bursts), "{bursts} bursts in 250 s");
    }

    #[test]
    fn credit_is_not_hoarded() {
        let mut gate = Gate::new(Actuator::Pacing, 4, 1);
        gate.advance(0.0, 0, 0.5);
        gate.advance(1000.0, 0, 0.5);
        assert!(gate.credit_s <= 4.0 * 0.25 * 3.0, "{}", gate.credit_s);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn streams_are_busy_for_their_share(streams in 1..16_usize, duty in 0.05..1.0_f64, request_s in 0.05..4.0_f64) {
            for actuator in [Actuator::Pacing, Actuator::Concurrency] {
                let (busy, _) = share(actuator, streams, duty, request_s, 600.0);
                // A concurrency is dithered in cycles: requests that outlast a cycle's part round it up.
                let allowance = if actuator == Actuator::Pacing { 0.02 } else { 1.0 / streams as f64 };
                prop_assert!((busy - duty).abs() <= allowance, "{:?}: busy {} for duty {}", actuator, busy, duty);
            }
        }
    }
}
