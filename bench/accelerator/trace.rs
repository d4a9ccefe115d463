//! What a trace of polled readings says about the sensor behind it: how often it updates, how long it looks, how two ways to the same energy
//! agree. Functions of numbers.
//!
//! Not here: clocks, devices, and how the trace was taken (the engine).

/// A share of a step below which a reading still shows the level before, and above the complement the one after.
const EDGE: f64 = 0.05;

/// Stamps nearer than this, s, are one: an age is known to the time that a look takes.
const STAMP_S: f64 = 0.002;

/// A mean with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half the width of its 95 % interval (Student); infinite for a single value.
    pub half_width: f64,
    /// Values it is made of.
    pub n: usize,
}

impl Estimate {
    /// Of independent values; `None` of none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let spread = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        let half_width = if n > 1 { student(n - 1) * (spread / (n - 1) as f64 / n as f64).sqrt() } else { f64::INFINITY };
        Some(Self { mean, half_width, n })
    }

    /// True if `value` lies within the interval.
    pub fn holds(&self, value: f64) -> bool {
        (value - self.mean).abs() <= self.half_width
    }
}

/// Student's t for 95 %, two-sided, by degrees of freedom (any table of it).
fn student(freedom: usize) -> f64 {
    const TABLE: [f64; 20] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101,
        2.093, 2.086,
    ];
    TABLE.get(freedom.saturating_sub(1)).copied().unwrap_or(if freedom <= 30 { 2.05 } else { 1.98 })
}

/// Times at which the reading changed, and its value from then on. `trace` is of (s, reading).
pub fn changes(trace: &[(f64, f64)]) -> Vec<(f64, f64)> {
    trace.windows(2).filter(|w| w[1].1 != w[0].1).map(|w| w[1]).collect()
}

/// The update period of a reading, s: the median time between two changes. A reading that happens to repeat makes one interval double, which a
/// median bears. `None` of fewer than five changes.
pub fn update_period_s(trace: &[(f64, f64)]) -> Option<f64> {
    let times: Vec<f64> = changes(trace).iter().map(|c| c.0).collect();
    let mut intervals: Vec<f64> = times.windows(2).map(|w| w[1] - w[0]).collect();
    if intervals.len() < 4 {
        return None;
    }
    intervals.sort_by(f64::total_cmp);
    Some(intervals[intervals.len() / 2])
}

/// The update period by the driver's own stamps, s: the median time between two of them. `trace` is of (s of the look, s of the stamp, by any clock). `None` of fewer
/// than five, and where the stamps are those of the looks.
pub fn stamped_period_s(trace: &[(f64, f64)]) -> Option<f64> {
    let mut stamps: Vec<f64> = Vec::new();
    for (_, stamp) in trace {
        if stamps.last().is_none_or(|last| (stamp - last).abs() > STAMP_S) {
            stamps.push(*stamp);
        }
    }
    let median = |mut steps: Vec<f64>| {
        steps.sort_by(f64::total_cmp);
        (steps.len() >= 4).then(|| steps[steps.len() / 2])
    };
    let looks = median(trace.windows(2).map(|w| w[1].0 - w[0].0).collect())?;
    let period = median(stamps.windows(2).map(|w| w[1] - w[0]).collect())?;
    (period > 1.5 * looks).then_some(period)
}

/// True if a counter was lower than before: it wrapped, or began anew.
pub fn fell(trace: &[(f64, f64)]) -> bool {
    trace.windows(2).any(|w| w[1].1 < w[0].1)
}

/// What a step of the load looked like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Readings between the two levels.
    pub between: usize,
    /// Time from the command until the reading was at the new level, s.
    pub settled_s: f64,
}

/// Looks at one step, commanded at `at_s`; `from` and `to` are the levels before and after. `trace` begins before it, or else a change that comes
/// before the first poll is not seen as one. `None` if it never arrived.
pub fn step(trace: &[(f64, f64)], at_s: f64, from: f64, to: f64) -> Option<Step> {
    let share = |value: f64| (value - from) / (to - from);
    let first = trace.iter().position(|t| t.0 >= at_s)?;
    let settled_s = trace[first..].iter().find(|t| share(t.1) > 1.0 - EDGE)?.0 - at_s;
    let updates = changes(&trace[first.saturating_sub(1)..]);
    let between = updates.iter().filter(|u| u.0 < at_s + settled_s && (EDGE..=1.0 - EDGE).contains(&share(u.1))).count();
    Some(Step { between, settled_s })
}

/// The averaging window, s, from steps at random phase: an update shows something between two levels if the step fell into its window, so
/// that their mean number is window / period. The board's own rise time is in it, so it is an upper bound.
pub fn window_s(steps: &[Step], period_s: f64) -> Option<Estimate> {
    let counts: Vec<f64> = steps.iter().map(|s| s.between as f64).collect();
    let scale = period_s / (1.0 - 2.0 * EDGE);
    Estimate::of(&counts).map(|e| Estimate { mean: e.mean * scale, half_width: e.half_width * scale, n: e.n })
}

/// Mean of distinct updates, each holding until the next: what integrating the reading amounts to. `None` where nothing was read.
pub fn mean(trace: &[(f64, f64)]) -> Option<f64> {
    let (first, last) = (trace.first()?, trace.last()?);
    let span = last.0 - first.0;
    if span <= 0.0 {
        return Some(first.1);
    }
    Some(trace.windows(2).map(|w| w[0].1 * (w[1].0 - w[0].0)).sum::<f64>() / span)
}

/// Mean power by a counter, W: from its first tick in the trace to its last, so that no part of a tick is counted.
pub fn counter_w(trace: &[(f64, f64)]) -> Option<f64> {
    let ticks = changes(trace);
    let (first, last) = (ticks.first()?, ticks.last()?);
    (last.0 > first.0 && last.1 > first.1).then(|| (last.1 - first.1) / (last.0 - first.0))
}

/// Mean power by a counter over integrated power, less one, of each of `parts` equal parts of two traces of one steady load: how far the ratio of all of it is to be
/// trusted. Parts in which the counter did not tick twice are left out.
pub fn gaps(power: &[(f64, f64)], energy: &[(f64, f64)], parts: u32) -> Vec<f64> {
    let (Some(first), Some(last)) = (power.first(), power.last()) else { return Vec::new() };
    let length = (last.0 - first.0) / f64::from(parts.max(1));
    let within = |trace: &[(f64, f64)], k: u32| -> Vec<(f64, f64)> {
        let (from, to) = (first.0 + f64::from(k) * length, first.0 + f64::from(k + 1) * length);
        trace.iter().copied().filter(|t| (from..=to).contains(&t.0)).collect()
    };
    let gap =
        |k| counter_w(&within(energy, k)).zip(mean(&within(power, k)).filter(|w| *w > 0.0)).map(|(counted, power)| counted / power - 1.0);
    (0..parts).filter_map(gap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A board that steps between two levels, looked at for `window` before every multiple of `period`, polled every 5 ms.
    fn sensor(steps: &[f64], period: f64, window: f64, until: f64) -> Vec<(f64, f64)> {
        let level = |t: f64| if steps.iter().filter(|s| **s <= t).count() % 2 == 1 { 500.0 } else { 100.0 };
        let look = |k: f64| {
            let end = k * period;
            (0..100).map(|i| level(end - window + window * (f64::from(i) + 0.5) / 100.0)).sum::<f64>() / 100.0
        };
        // A true sensor never repeats to the milliwatt.
        (0..(until / 0.005) as usize)
            .map(|i| i as f64 * 0.005)
            .map(|t| (t, look((t / period).floor()) + (t / period).floor() * 1e-6))
            .collect()
    }

    #[test]
    fn period_and_window_are_found_again() {
        for (period, window) in [(0.1, 0.025), (0.1, 0.1), (0.02, 0.02)] {
            let starts: Vec<f64> = (0..60).map(|k| f64::from(k) * 1.0 + 0.137 + f64::from(k) * 0.0617).collect();
            let trace = sensor(&starts, period, window, 66.0);
            let found = update_period_s(&trace).expect("it changes");
            assert!((found / period - 1.0).abs() < 0.05, "{found} for {period}");
            let looked: Vec<Step> = starts
                .iter()
                .enumerate()
                .filter_map(|(k, s)| {
                    let part: Vec<(f64, f64)> = trace.iter().copied().filter(|t| (s - 0.01..s + 0.9).contains(&t.0)).collect();
                    let (from, to) = if k % 2 == 0 { (100.0, 500.0) } else { (500.0, 100.0) };
                    step(&part, *s, from, to)
                })
                .collect();
            let estimate = window_s(&looked, period).expect("steps");
            assert!(looked.len() > 55 && estimate.holds(window), "{estimate:?} for {window}");
        }
    }

    #[test]
    fn stamps_tell_the_period_of_a_reading_that_repeats() {
        let looks =
            |stamp: &dyn Fn(f64) -> f64| -> Vec<(f64, f64)> { (0..400).map(|i| f64::from(i) * 0.005).map(|t| (t, stamp(t))).collect() };
        for period in [0.02, 0.1] {
            // An age is wrong by the time of the look.
            let found = stamped_period_s(&looks(&|t| (t / period + 1e-9).floor() * period + (t * 977.0).sin() * 4e-4)).expect("stamps");
            assert!((found / period - 1.0).abs() < 0.05, "{found} for {period}");
        }
        assert_eq!(stamped_period_s(&looks(&|t| t)), None, "it stamps the look");
        assert_eq!(stamped_period_s(&looks(&|_| 3.0)), None, "one stamp");
        assert!(fell(&[(0.0, 5.0), (1.0, 4.0)]) && !fell(&[(0.0, 5.0), (1.0, 5.0), (2.0, 6.0)]));
    }

    #[test]
    fn a_counter_is_read_from_tick_to_tick() {
        // 100 J every 0.5 s from 0.3 s on: 200 W, whatever the polls around it.
        let trace: Vec<(f64, f64)> = (0..40).map(|i| f64::from(i) * 0.1).map(|t| (t, ((t - 0.3) / 0.5).floor() * 100.0)).collect();
        assert!((counter_w(&trace).expect("ticks") - 200.0).abs() < 1e-9);
        assert_eq!(counter_w(&trace[..2]), None);
        assert_eq!(mean(&[(0.0, 1.0), (1.0, 3.0), (2.0, 9.0)]), Some(2.0));
    }

    #[test]
    fn the_gap_of_each_part_is_that_of_the_whole() {
        let power: Vec<(f64, f64)> = (0..1200).map(|i| f64::from(i) * 0.05).map(|t| (t, 500.0 + (t * 7.0).sin())).collect();
        let energy: Vec<(f64, f64)> = power.iter().map(|(t, _)| (*t, (t / 0.1 + 1e-9).floor() * 51.0)).collect();
        let found = gaps(&power, &energy, 8);
        assert!(found.len() == 8 && found.iter().all(|gap| (gap - 0.02).abs() < 2e-3), "{found:?}");
        assert!(gaps(&[], &energy, 8).is_empty() && gaps(&power, &[], 8).is_empty());
    }

    #[test]
    fn an_interval_needs_two_values() {
        assert_eq!(Estimate::of(&[]), None);
        assert!(Estimate::of(&[3.0]).expect("one").half_width.is_infinite());
        let e = Estimate::of(&[1.0, 2.0, 3.0]).expect("three");
        assert!((e.mean - 2.0).abs() < 1e-12 && (e.half_width - 4.303 / 3.0_f64.sqrt()).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn no_trace_panics(values in proptest::collection::vec((0.0..100.0_f64, -1e6..1e6_f64), 0..40)) {
            let _ = (update_period_s(&values), mean(&values), counter_w(&values), step(&values, 1.0, 0.0, 1.0));
        }
    }
}
