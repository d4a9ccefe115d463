//! The samples that the driver keeps by itself, beside those that are polled: how often it takes one, how far back they go, and what mean they make.
//!
//! A run does not read them. What they are of (an instant, an average, over how long) NVML's reference leaves open, so that power integrated from them could not say
//! what it is; the energy counter is the driver's own integral already, and integrated polls are there to check it by another way. Here they show how much
//! polling misses.
//!
//! Not here: polling, and the driver's clock (stamps are compared with each other only).

use super::{Points, Subject};
use accelerator::trace;

/// Time between two looks, s: no driver is known to keep less than a second.
const LOOK_S: f64 = 0.5;
/// Fewer samples than this say nothing.
const LEAST: usize = 5;

/// Takes them, now and then.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Own {
    there: bool,
    /// It was said that there are none: nobody asks again.
    none: bool,
    looked_s: f64,
}

impl Own {
    /// True if the driver keeps any.
    pub(super) const fn there(self) -> bool {
        self.there
    }

    /// What came since the last time, by the driver's own clock, s.
    pub(super) fn take(&mut self, subject: &mut dyn Subject) -> Result<Points, String> {
        if self.none {
            return Ok(Vec::new());
        }
        self.looked_s = subject.now_s();
        let new = subject.buffered()?;
        (self.there, self.none) = (self.there || new.is_some(), !self.there && new.is_none());
        Ok(new.into_iter().flatten().map(|b| (b.at_s, b.power_w)).collect())
    }

    /// The same, if it is time to.
    pub(super) fn take_at(&mut self, now_s: f64, subject: &mut dyn Subject) -> Result<Points, String> {
        if now_s - self.looked_s < LOOK_S { Ok(Vec::new()) } else { self.take(subject) }
    }
}

/// The median time between two of them, s.
pub(super) fn period_s(own: &[(f64, f64)]) -> Option<f64> {
    if own.len() < LEAST {
        return None;
    }
    let mut steps: Vec<f64> = own.windows(2).map(|w| w[1].0 - w[0].0).collect();
    steps.sort_by(f64::total_cmp);
    Some(steps[steps.len() / 2])
}

/// How far back they go, s.
pub(super) fn depth_s(own: &[(f64, f64)]) -> Option<f64> {
    (own.len() >= LEAST).then(|| own[own.len() - 1].0 - own[0].0)
}

/// Mean power from the first to the last of them, W; by the time between them, for a driver may leave some out.
pub(super) fn mean(own: &[(f64, f64)]) -> Option<f64> {
    if own.len() < LEAST { None } else { trace::mean(own) }
}
