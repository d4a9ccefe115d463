//! The settings of all cards of a run: set on every one or on none, put back side by side, a budget for all of them divided.
//!
//! Not here: how one card is set and guarded.

use super::{GuardError, Guarded, RESTORE, Wanted};
use control::Event;
use std::time::Duration;

/// Settings in force on some cards.
pub(crate) struct AllGuarded {
    each: Vec<(String, Guarded)>,
}

impl AllGuarded {
    /// Sets one card after the other; with what should be said about what was found. If one cannot be set, those before it are put back.
    pub(crate) fn apply(wanted: &[Wanted]) -> Result<(Self, Vec<String>), GuardError> {
        let (mut all, mut cautions) = (Self { each: Vec::new() }, Vec::new());
        for one in wanted {
            match Guarded::apply(one) {
                Ok((guarded, caution)) => {
                    cautions.extend(caution.map(|words| format!("{}{words}", one.name)));
                    all.each.push((one.name.clone(), guarded));
                }
                Err(why) => {
                    return Err(match all.restore(RESTORE) {
                        Ok(()) => why,
                        Err(left) => GuardError::Others { why: Box::new(why), left },
                    });
                }
            }
        }
        Ok((all, cautions))
    }

    /// Looks at every guardian and renews its lease: at every tick. What happened, and why the run must end if it must.
    pub(crate) fn look(&mut self) -> (Vec<Event>, Option<String>) {
        let (mut events, mut lost) = (Vec::new(), None);
        for (name, guarded) in &mut self.each {
            let (new, gone) = guarded.look();
            events.extend(new.into_iter().map(|e| Event { message: format!("{name}{}", e.message), ..e }));
            lost = lost.or(gone.map(|why| format!("{name}{why}")));
        }
        (events, lost)
    }

    /// Asks for other power limits, W together, without waiting.
    pub(crate) fn limit(&mut self, watts: f64) {
        let ranges: Option<Vec<(f64, f64)>> = self.each.iter().map(|(_, g)| g.range_w).collect();
        let Some(ranges) = ranges else { return };
        for ((_, guarded), part) in self.each.iter_mut().zip(divided(watts, &ranges)) {
            guarded.limit(part);
        }
    }

    /// Puts everything back, all cards at the same time; what is wrong where that is not confirmed. Never takes longer than `within`.
    pub(crate) fn restore(self, within: Duration) -> Result<(), String> {
        let wrong: Vec<String> = std::thread::scope(|scope| {
            let each: Vec<_> = self
                .each
                .into_iter()
                .map(|(name, guarded)| scope.spawn(move || guarded.restore(within).err().map(|why| format!("{name}{why}"))))
                .collect();
            each.into_iter()
                .filter_map(|one| one.join().unwrap_or_else(|_| Some("putting the settings back panicked".to_owned())))
                .collect()
        });
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    }
}

/// A power for all of them as a limit for each, W, by what each takes at least and at most: every one as far up its range as the others.
fn divided(watts: f64, ranges: &[(f64, f64)]) -> Vec<f64> {
    if ranges.len() == 1 {
        return vec![watts];
    }
    let least: f64 = ranges.iter().map(|r| r.0).sum();
    let most: f64 = ranges.iter().map(|r| r.1).sum();
    let part = if most > least { ((watts - least) / (most - least)).clamp(0.0, 1.0) } else { 1.0 };
    ranges.iter().map(|(low, high)| low + part * (high - low)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_single_card_has_it_all() {
        assert_eq!(divided(350.0, &[(200.0, 500.0)]), [350.0]);
    }

    proptest! {
        /// Whatever the cards take, none is asked for what it does not take, and together they are what was allowed.
        #[test]
        fn the_parts_add_up_and_no_card_leaves_its_range(
            cards in proptest::collection::vec((50.0..300.0_f64, 0.0..500.0_f64), 2..8),
            part in 0.0..1.0_f64,
        ) {
            let ranges: Vec<(f64, f64)> = cards.iter().map(|(low, more)| (*low, low + more)).collect();
            let least: f64 = ranges.iter().map(|r| r.0).sum();
            let most: f64 = ranges.iter().map(|r| r.1).sum();
            let watts = least + part * (most - least);
            let each = divided(watts, &ranges);
            prop_assert!((each.iter().sum::<f64>() - watts).abs() < 1e-6);
            for (limit, (low, high)) in each.iter().zip(&ranges) {
                prop_assert!(*limit >= low - 1e-9 && *limit <= high + 1e-9, "{limit} of {low}..{high}");
            }
            // Less than all take at least is never asked of any.
            prop_assert!(divided(least / 2.0, &ranges).iter().zip(&ranges).all(|(l, r)| (l - r.0).abs() < 1e-9));
        }
    }
}
