//! When to paint: at most ten frames a second, of which rows and events use at most five, so that a key finds one free and is seen
//! at once. Times are passed in; nothing waits here.

use std::collections::VecDeque;
use std::time::Duration;

/// Frames in any second.
const FRAMES: usize = 10;
const SECOND: Duration = Duration::from_secs(1);
/// Between two frames that no key asked for.
const UNHURRIED: Duration = Duration::from_millis(200);

/// The frames painted in the last second.
#[derive(Debug, Default)]
pub(crate) struct Pacer(VecDeque<Duration>);

impl Pacer {
    /// How long to wait with the next frame; `hurry` if a key asked for it.
    pub(crate) fn wait(&self, now: Duration, hurry: bool) -> Duration {
        let full = self.0.len() == FRAMES;
        let room = self.0.front().filter(|_| full).map_or(Duration::ZERO, |oldest| (*oldest + SECOND).saturating_sub(now));
        let calm = self.0.back().filter(|_| !hurry).map_or(Duration::ZERO, |newest| (*newest + UNHURRIED).saturating_sub(now));
        room.max(calm)
    }

    /// A frame was painted.
    pub(crate) fn painted(&mut self, now: Duration) {
        if self.0.len() == FRAMES {
            self.0.pop_front();
        }
        self.0.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_more_than_ten_a_second(steps in proptest::collection::vec((0..150_u64, any::<bool>()), 1..400)) {
            let (mut pacer, mut now, mut frames) = (Pacer::default(), Duration::ZERO, Vec::new());
            for (pause_ms, hurry) in steps {
                now += Duration::from_millis(pause_ms);
                if pacer.wait(now, hurry).is_zero() {
                    pacer.painted(now);
                    frames.push(now);
                }
            }
            prop_assert!(frames.windows(FRAMES + 1).all(|w| w[FRAMES] >= w[0] + SECOND));
        }
    }

    #[test]
    fn a_key_does_not_wait_behind_rows() {
        let (mut pacer, mut keys) = (Pacer::default(), 0);
        for ms in 0..10_000 {
            let now = Duration::from_millis(ms);
            let key = ms % 250 == 123;
            if key {
                assert!(pacer.wait(now, true).is_zero(), "at {ms} ms");
                keys += 1;
            }
            if pacer.wait(now, key).is_zero() {
                pacer.painted(now);
            }
        }
        assert_eq!(keys, 40);
    }
}
