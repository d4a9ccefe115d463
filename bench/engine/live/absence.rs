//! Whether this process was away: stopped by a signal, or asleep with the whole machine. Nothing that a tick does takes that long, so it is told apart from a
//! slow disk or device, which it would look like.
//!
//! What comes of it is not decided here: every lease has run out meanwhile, as it should, and the ticks that were missed are gap rows.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Longer than all that a tick may wait for together.
const MOST: Duration = Duration::from_secs(2);

/// Two clocks that stand still differently: while the machine sleeps the monotonic one does, that of boot time does not (`clock_gettime(2)`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    monotonic: Duration,
    boot: Duration,
}

impl Clocks {
    pub(super) fn now() -> Self {
        let read = |id| {
            let t = clock_gettime(id);
            Duration::new(t.tv_sec.unsigned_abs(), u32::try_from(t.tv_nsec).unwrap_or(0))
        };
        Self { monotonic: read(ClockId::Monotonic), boot: read(ClockId::Boottime) }
    }
}

/// Looks at the clocks once a tick.
#[derive(Debug)]
pub(super) struct Absence {
    last: Clocks,
}

impl Absence {
    pub(super) const fn new(now: Clocks) -> Self {
        Self { last: now }
    }

    /// `meant` is how long the tick meant to sleep. In words, if it was away.
    pub(super) fn look(&mut self, now: Clocks, meant: Duration) -> Option<String> {
        let before = std::mem::replace(&mut self.last, now);
        let ran = now.monotonic.saturating_sub(before.monotonic);
        let asleep = now.boot.saturating_sub(before.boot).saturating_sub(ran);
        let stopped = ran.saturating_sub(meant);
        let told = "what has a lease has dropped its output meanwhile";
        if asleep > MOST {
            return Some(format!("this machine was asleep for {:.0} s, which no clock of the run counts; {told}", asleep.as_secs_f64()));
        }
        (stopped > MOST).then(|| {
            format!(
                "this process was stopped for {:.0} s (SIGSTOP, Ctrl-Z, a debugger, or a machine with no time for it): its ticks are missing; {told}",
                stopped.as_secs_f64()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_and_stop_are_told_apart_and_a_slow_tick_is_neither() {
        let at = |monotonic: f64, boot: f64| Clocks { monotonic: Duration::from_secs_f64(monotonic), boot: Duration::from_secs_f64(boot) };
        let tick = Duration::from_secs(1);
        let mut absence = Absence::new(at(0.0, 100.0));
        assert_eq!(absence.look(at(1.0, 101.0), tick), None);
        assert_eq!(absence.look(at(3.5, 103.5), tick), None, "a wait or two longer");
        assert!(absence.look(at(24.5, 124.5), tick).is_some_and(|w| w.contains("stopped for 20 s")));
        assert_eq!(absence.look(at(25.5, 125.5), tick), None, "told once");
        assert!(absence.look(at(26.5, 426.5), tick).is_some_and(|w| w.contains("asleep for 300 s")));
        // A tick may be long.
        assert_eq!(absence.look(at(86.5, 486.5), Duration::from_secs(60)), None);
    }
}
