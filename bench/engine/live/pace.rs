//! Whether this machine keeps up with the speed that was asked for. Ticks that it misses are gap rows, integrated across, and what is read meanwhile is old: a run goes on like
//! that, and its figures rest on less than they seem to, so it is said.
//!
//! Not here: a process that was stopped (`absence`), a device that is slower than a tick (the instruments).

use std::time::Duration;

/// Wall time that is judged together.
const SPAN: Duration = Duration::from_secs(5);
/// Part of its ticks that may be missed without a word.
const MISSED_FRAC: f64 = 0.3;
/// Told again after this long, if it goes on.
const AGAIN: Duration = Duration::from_secs(300);

/// Counts ticks.
#[derive(Debug, Default)]
pub(super) struct Pace {
    since: Duration,
    ticks: u32,
    missed: u32,
    told: Option<Duration>,
}

impl Pace {
    /// A tick, and those missed before it, at `now` since the start. In words, if too many are missed.
    pub(super) fn tick(&mut self, now: Duration, missed: u32, speed: f64) -> Option<String> {
        self.ticks = self.ticks.saturating_add(missed.saturating_add(1));
        self.missed = self.missed.saturating_add(missed);
        if now.saturating_sub(self.since) < SPAN {
            return None;
        }
        let (ticks, missed) = (std::mem::take(&mut self.ticks), std::mem::take(&mut self.missed));
        self.since = now;
        let many = f64::from(missed) > MISSED_FRAC * f64::from(ticks);
        let silent = self.told.is_none_or(|told| now.saturating_sub(told) >= AGAIN);
        (many && silent).then(|| {
            self.told = Some(now);
            let cure = if speed > 1.0 { "choose a smaller --speed" } else { "give it less to do, or choose a larger --dt" };
            format!("this machine does not keep up with speed {speed}: {missed} of the last {ticks} ticks were missed; what is read is as old as that, {cure}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of a run in which each of `ticks` misses so many before it, of 0.1 s each.
    fn told(ticks: u32, missed: impl Fn(u32) -> u32, speed: f64) -> Vec<String> {
        let (mut pace, mut due) = (Pace::default(), 0);
        (0..ticks)
            .filter_map(|n| {
                let missed = missed(n);
                due += missed + 1;
                pace.tick(Duration::from_millis(100) * due, missed, speed)
            })
            .collect()
    }

    #[test]
    fn a_machine_that_keeps_up_is_not_told_of() {
        assert!(told(5000, |_| 0, 60.0).is_empty());
        assert!(told(5000, |n| u32::from(n % 6 == 0), 60.0).is_empty(), "a moment is no lag");
    }

    #[test]
    fn one_that_does_not_is_told_of_once_in_a_while() {
        let said = told(200, |_| 4, 120.0);
        assert!(said.len() == 1 && said[0].contains("40 of the last 50 ticks") && said[0].contains("smaller --speed"), "{said:?}");
        assert_eq!(told(1200, |_| 4, 120.0).len(), 2);
        assert!(told(200, |_| 4, 1.0)[0].contains("--dt"));
    }
}
