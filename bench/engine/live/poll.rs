//! What a polling thread gathers of a real accelerator between two ticks: the newest value of every channel with the time it was first seen,
//! and the mean of the distinct power samples.
//!
//! Not here: threads and devices.

use accelerator::{Health, Sample};
use signal::{Channel, Origin, Reading};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A reading that was confirmed this long ago is no reading of this tick.
const FRESH: Duration = Duration::from_millis(1500);
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

/// Everything gathered since the last tick.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    seen: BTreeMap<Channel, Seen>,
    /// Sum and number of the distinct power samples.
    power: (f64, u32),
    /// Energy counters of one epoch are comparable; what comes after a reset starts at a new one.
    epoch: u32,
}

impl Gathered {
    /// Takes a sample read at `at`. Repeats of the driver's own updates keep the time they were first seen, and count once in the mean.
    pub(super) fn sample(&mut self, at: Instant, sample: &Sample) {
        if sample.energy_epoch != self.epoch {
            self.epoch = sample.energy_epoch;
            self.seen.remove(&Channel::BoardEnergy);
        }
        let channel = if sample.power_instant_w.is_some() { Channel::InstantPower } else { Channel::AveragePower };
        let before = self.seen.get(&channel).map(|s| s.value);
        if let Some(power) = sample.power_instant_w.or(sample.power_w)
            && before != Some(power)
        {
            self.power.0 += power;
            self.power.1 += 1;
        }
        for (channel, value) in sample.readings() {
            self.see(channel, value, at, FRESH);
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
        let (sum, count) = std::mem::take(&mut self.power);
        let mut readings: Vec<(Channel, Reading)> = Vec::new();
        for (channel, seen) in self.seen.iter().filter(|(_, s)| fresh(s)) {
            // Only what the driver updates at its own pace has a first time of its own: the others are as old as the last look.
            let at = if matches!(channel, Channel::BoardEnergy | Channel::InstantPower) { seen.first } else { seen.last };
            readings.push((*channel, Reading::good(seen.value, bench_of(at), Origin::Measured)));
        }
        let newest = [Channel::InstantPower, Channel::AveragePower].iter().find_map(|c| self.seen.get(c).filter(|s| fresh(s)));
        if let Some(seen) = newest {
            // A board that draws the same for a whole tick has given no distinct sample, but it was looked at.
            let mean = if count > 0 { sum / f64::from(count) } else { seen.value };
            readings.push((Channel::BoardPower, Reading::good(mean, bench_of(seen.last), Origin::Measured)));
        }
        (!readings.is_empty()).then_some(readings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(readings: &[(Channel, Reading)], channel: Channel) -> Option<(f64, f64)> {
        readings.iter().find(|(c, _)| *c == channel).and_then(|(_, r)| r.value.map(|v| (v, r.at_s)))
    }

    #[test]
    fn repeats_count_once_and_keep_their_time() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let seconds = |t: Instant| t.duration_since(start).as_secs_f64();
        let mut gathered = Gathered::default();
        for (ms, instant, energy) in [(0, 100.0, 10.0), (100, 100.0, 10.0), (200, 400.0, 40.0), (300, 400.0, 40.0), (400, 400.0, 40.0)] {
            let sample = Sample { power_instant_w: Some(instant), energy_j: Some(energy), die_degc: Some(50.0), ..Sample::default() };
            gathered.sample(at(ms), &sample);
        }
        let readings = gathered.take(at(450), seconds).expect("fresh");
        assert_eq!(get(&readings, Channel::BoardPower), Some((250.0, 0.4)), "the mean of two updates, not of five looks");
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

    #[test]
    fn a_counter_of_another_epoch_is_another_counter() {
        let start = Instant::now();
        let mut gathered = Gathered::default();
        gathered.sample(start, &Sample { energy_j: Some(5.0), ..Sample::default() });
        gathered.sample(start + Duration::from_millis(100), &Sample { energy_j: Some(5.0), energy_epoch: 1, ..Sample::default() });
        let readings = gathered.take(start + Duration::from_millis(200), |t| t.duration_since(start).as_secs_f64()).expect("fresh");
        assert_eq!(get(&readings, Channel::BoardEnergy), Some((5.0, 0.1)));
    }
}
