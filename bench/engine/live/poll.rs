//! What a polling thread gathers of a real accelerator between two ticks: the newest value of every channel with the time it was first seen,
//! and the mean power over the time, each value holding until the next.
//!
//! Not here: threads and devices.

use accelerator::{Health, Sample};
use signal::{Channel, Origin, Reading};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A reading that was confirmed this long ago is no reading of this tick.
const FRESH: Duration = Duration::from_millis(1500);
/// A counter that is older is not the tick's: power has gone on meanwhile and would be set against a counter that stood still. Three polls.
const FRESH_COUNTER: Duration = Duration::from_millis(300);
/// What is read once a second keeps longer.
const FRESH_SLOW: Duration = Duration::from_secs(4);

/// A value, when it was first seen, and when it was last confirmed.
#[derive(Clone, Copy, Debug)]
struct Seen {
    value: f64,
    first: Instant,
    last: Instant,
    keeps: Duration,
}

/// Power over the time since the last tick: a value holds until another one takes its place.
#[derive(Debug, Default)]
struct Held {
    /// The value that holds, since when it is not yet counted, and when it was last confirmed.
    level: Option<(f64, Instant, Instant)>,
    /// Counted so far, W s and s.
    sum: (f64, f64),
}

/// Seconds from `a` to `b`, less than 0 if it is the other way round.
fn signed_s(a: Instant, b: Instant) -> f64 {
    b.saturating_duration_since(a).as_secs_f64() - a.saturating_duration_since(b).as_secs_f64()
}

impl Held {
    /// A look at `at` showed `value`; a value that is new is `age` old by the driver's own stamp. That can be before the last tick: the value before it was then
    /// counted for too long there, and is taken off here.
    fn see(&mut self, value: f64, at: Instant, age: Option<Duration>) {
        // What was not confirmed for so long did not hold.
        let level = self.level.filter(|(_, _, seen)| at.saturating_duration_since(*seen) < FRESH);
        let Some((before, since, seen)) = level else {
            self.level = Some((value, at, at));
            return;
        };
        if before == value {
            self.level = Some((value, since, at));
            return;
        }
        // It was not there at the look before: a stamp that says otherwise (a coarse clock, a stamp of something else) is none.
        let stamped = age.and_then(|age| at.checked_sub(age)).filter(|stamp| *stamp > seen);
        let changed = stamped.unwrap_or(at);
        self.count(before, since, changed);
        self.level = Some((value, changed, at));
    }

    fn count(&mut self, watts: f64, from: Instant, to: Instant) {
        let s = signed_s(from, to);
        self.sum = (self.sum.0 + watts * s, self.sum.1 + s);
    }

    /// The mean until `now`, W; `None` where nothing held.
    fn take(&mut self, now: Instant) -> Option<f64> {
        let (value, since, seen) = self.level?;
        if now.saturating_duration_since(seen) >= FRESH {
            *self = Self::default();
            return None;
        }
        self.count(value, since, now);
        self.level = Some((value, now, seen));
        let (joules, s) = std::mem::take(&mut self.sum);
        Some(if s > 0.0 { joules / s } else { value })
    }
}

/// Everything gathered since the last tick.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    seen: BTreeMap<Channel, Seen>,
    power: Held,
    /// Energy counters of one epoch are comparable; what comes after a reset starts at a new one.
    epoch: u32,
}

impl Gathered {
    /// Takes a sample read at `at`. Repeats of the driver's own updates keep the time they were first seen.
    pub(super) fn sample(&mut self, at: Instant, sample: &Sample) {
        if sample.energy_epoch != self.epoch {
            self.epoch = sample.energy_epoch;
            self.seen.remove(&Channel::BoardEnergy);
        }
        if let Some(power) = sample.power_instant_w.or(sample.power_w) {
            self.power.see(power, at, sample.power_age_s.and_then(|s| Duration::try_from_secs_f64(s).ok()));
        }
        for (channel, value) in sample.readings() {
            let keeps = if matches!(channel, Channel::BoardEnergy | Channel::EnergyEpoch) { FRESH_COUNTER } else { FRESH };
            self.see(channel, value, at, keeps);
        }
        // Bits are a state, not a sample: no bit is a reading too.
        self.see(Channel::ThrottleReasons, sample.throttle_bits.map(|b| b as f64), at, FRESH);
    }

    /// Takes the slow readings.
    pub(super) fn health(&mut self, at: Instant, health: &Health) {
        for (channel, value) in health.readings() {
            self.see(channel, value, at, FRESH_SLOW);
        }
    }

    /// A value that could not be read just now leaves the last one to grow old, and is missing when it has.
    fn see(&mut self, channel: Channel, value: Option<f64>, at: Instant, keeps: Duration) {
        let Some(value) = value else { return };
        let first = self.seen.get(&channel).filter(|s| s.value == value).map_or(at, |s| s.first);
        self.seen.insert(channel, Seen { value, first, last: at, keeps });
    }

    /// Readings of this tick; `None` if nothing fresh is there at all. `bench_of` turns a moment into bench seconds.
    pub(super) fn take(&mut self, now: Instant, bench_of: impl Fn(Instant) -> f64) -> Option<Vec<(Channel, Reading)>> {
        let fresh = |s: &Seen| now.saturating_duration_since(s.last) < s.keeps;
        let mean = self.power.take(now);
        let mut readings: Vec<(Channel, Reading)> = Vec::new();
        for (channel, seen) in self.seen.iter().filter(|(_, s)| fresh(s)) {
            // Only what the driver updates at its own pace has a first time of its own: the others are as old as the last look.
            let at = if matches!(channel, Channel::BoardEnergy | Channel::InstantPower) { seen.first } else { seen.last };
            readings.push((*channel, Reading::good(seen.value, bench_of(at), Origin::Measured)));
        }
        let newest = [Channel::InstantPower, Channel::AveragePower].iter().find_map(|c| self.seen.get(c).filter(|s| fresh(s)));
        if let Some((seen, mean)) = newest.zip(mean) {
            readings.push((Channel::BoardPower, Reading::good(mean, bench_of(seen.last), Origin::Measured)));
        }
        (!readings.is_empty()).then_some(readings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn get(readings: &[(Channel, Reading)], channel: Channel) -> Option<(f64, f64)> {
        readings.iter().find(|(c, _)| *c == channel).and_then(|(_, r)| r.value.map(|v| (v, r.at_s)))
    }

    #[test]
    fn a_mean_is_over_time_and_repeats_keep_theirs() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let seconds = |t: Instant| t.duration_since(start).as_secs_f64();
        let mut gathered = Gathered::default();
        for (ms, instant, energy) in [(0, 100.0, 10.0), (100, 100.0, 10.0), (200, 400.0, 40.0), (300, 400.0, 40.0), (400, 400.0, 40.0)] {
            let sample = Sample { power_instant_w: Some(instant), energy_j: Some(energy), die_degc: Some(50.0), ..Sample::default() };
            gathered.sample(at(ms), &sample);
        }
        let readings = gathered.take(at(450), seconds).expect("fresh");
        let (mean, at_s) = get(&readings, Channel::BoardPower).expect("a mean");
        // 100 W for 200 ms, then 400 W for 250 ms: neither the mean of five looks nor that of two updates.
        assert!((mean - (100.0 * 0.2 + 400.0 * 0.25) / 0.45).abs() < 1e-9 && at_s == 0.4, "{mean} {at_s}");
        assert_eq!(get(&readings, Channel::BoardEnergy), Some((40.0, 0.2)), "the tick of the counter");
        assert_eq!(get(&readings, Channel::InstantPower), Some((400.0, 0.2)));
        assert_eq!(get(&readings, Channel::Die), Some((50.0, 0.4)));
        assert_eq!(get(&readings, Channel::Memory), None, "never read, never a 0");
    }

    #[test]
    fn a_constant_board_still_has_a_power() {
        let start = Instant::now();
        let mut gathered = Gathered::default();
        let sample = Sample { power_w: Some(70.0), ..Sample::default() };
        gathered.sample(start, &sample);
        gathered.take(start, |_| 0.0).expect("fresh");
        gathered.sample(start + Duration::from_millis(900), &sample);
        let readings = gathered.take(start + Duration::from_secs(1), |_| 0.0).expect("fresh");
        assert_eq!(get(&readings, Channel::BoardPower), Some((70.0, 0.0)));
    }

    #[test]
    fn a_stamp_says_when_it_changed_unless_it_cannot_be() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        // Seen at 100 ms: changed at 60 by its stamp; a stamp from before the look that showed the old value is none.
        for (age_s, expected) in [(Some(0.04), 380.0), (Some(0.2), 300.0), (Some(f64::NAN), 300.0), (None, 300.0)] {
            let mut gathered = Gathered::default();
            let sample = |w, power_age_s| Sample { power_instant_w: Some(w), power_age_s, ..Sample::default() };
            gathered.sample(at(0), &sample(100.0, Some(0.0)));
            gathered.sample(at(100), &sample(500.0, age_s));
            let readings = gathered.take(at(200), |_| 0.0).expect("fresh");
            let mean = get(&readings, Channel::BoardPower).expect("a mean").0;
            assert!((mean - expected).abs() < 1e-9, "{age_s:?}: {mean}");
        }
    }

    #[test]
    fn what_was_not_seen_is_not_held() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut gathered = Gathered::default();
        let sample = |w| Sample { power_instant_w: Some(w), ..Sample::default() };
        gathered.sample(at(0), &sample(100.0));
        gathered.sample(at(5000), &sample(300.0));
        let readings = gathered.take(at(5500), |_| 0.0).expect("fresh");
        assert_eq!(get(&readings, Channel::BoardPower).map(|r| r.0), Some(300.0));
    }

    proptest! {
        /// Polls every 100 ms of a power that changes once between two of them at most; ticks where they fall. The means times their ticks are the exact integral.
        #[test]
        fn means_add_up_to_the_exact_integral(
            steps in proptest::collection::vec((1_u64..100, 50.0..700.0_f64, any::<bool>()), 2..80),
            ticks in proptest::collection::vec(1_u64..1400, 1..20),
        ) {
            let start = Instant::now();
            let at = |ms: u64| start + Duration::from_millis(ms);
            let mut gathered = Gathered::default();
            let (mut power, mut changed) = (steps[0].1, 0);
            let (mut exact, mut found, mut begun) = (0.0, 0.0, 0);
            let mut due: Vec<u64> = ticks.iter().scan(0, |sum, t| { *sum += t; Some(*sum) }).collect();
            let last = 100 * (steps.len() as u64 - 1);
            due.retain(|t| *t < last);
            due.push(last);
            let mut due = due.into_iter().peekable();
            for (k, (offset, level, changes)) in steps.iter().enumerate() {
                let now = 100 * k as u64;
                if k > 0 {
                    // Ticks between this poll and the last know nothing of a change in between.
                    while let Some(tick) = due.next_if(|t| *t < now) {
                        let mean = get(&gathered.take(at(tick), |_| 0.0).expect("fresh"), Channel::BoardPower).expect("a mean").0;
                        found += mean * (tick - begun) as f64;
                        begun = tick;
                    }
                    let moment = now - 100 + offset;
                    if *changes {
                        exact += power * (moment - changed) as f64;
                        (power, changed) = (*level, moment);
                    }
                }
                let age = (now - changed) as f64 / 1e3;
                gathered.sample(at(now), &Sample { power_instant_w: Some(power), power_age_s: Some(age), ..Sample::default() });
            }
            exact += power * (last - changed) as f64;
            let mean = get(&gathered.take(at(last), |_| 0.0).expect("fresh"), Channel::BoardPower).expect("a mean").0;
            found += mean * (last - begun) as f64;
            prop_assert!((found - exact).abs() <= 1e-6 * exact, "{found} for {exact}");
        }
    }

    #[test]
    fn what_is_not_confirmed_any_more_is_missing() {
        let start = Instant::now();
        let mut gathered = Gathered::default();
        gathered.sample(start, &Sample { die_degc: Some(60.0), power_w: Some(70.0), ..Sample::default() });
        gathered.health(start, &Health { limit_w: Some(700.0), ..Health::default() });
        let readings = gathered.take(start + Duration::from_secs(2), |_| 0.0).expect("the slow one");
        assert_eq!(readings.len(), 1);
        assert_eq!(get(&readings, Channel::PowerLimit), Some((700.0, 0.0)));
        assert!(gathered.take(start + Duration::from_secs(5), |_| 0.0).is_none());
    }

    /// A board lost just after a poll: its power holds a while longer, its counter would stand still beside it.
    #[test]
    fn a_counter_that_is_not_confirmed_near_the_tick_is_not_the_ticks() {
        let start = Instant::now();
        for (ms, there) in [(200, true), (299, true), (301, false), (1000, false)] {
            let mut gathered = Gathered::default();
            gathered.sample(start, &Sample { energy_j: Some(5.0), power_w: Some(70.0), ..Sample::default() });
            let readings = gathered.take(start + Duration::from_millis(ms), |_| 0.0).expect("fresh");
            assert_eq!(get(&readings, Channel::BoardEnergy).is_some(), there, "{ms} ms");
            assert!(get(&readings, Channel::BoardPower).is_some());
        }
    }

    #[test]
    fn a_counter_of_another_epoch_is_another_counter() {
        let start = Instant::now();
        let mut gathered = Gathered::default();
        gathered.sample(start, &Sample { energy_j: Some(5.0), ..Sample::default() });
        gathered.sample(start + Duration::from_millis(100), &Sample { energy_j: Some(5.0), energy_epoch: 1, ..Sample::default() });
        let readings = gathered.take(start + Duration::from_millis(200), |t| t.duration_since(start).as_secs_f64()).expect("fresh");
        assert_eq!(get(&readings, Channel::BoardEnergy), Some((5.0, 0.1)));
        assert_eq!(get(&readings, Channel::EnergyEpoch).map(|r| r.0), Some(1.0), "told to whoever makes steps");
    }
}
