//! How late the board answers: the time from a budget that crosses the middle of the board's range to its power that does, seen on every such crossing.
//!
//! A workload ends its batch first, a link takes its time, a busy host forgets a tick. The governor looks that far ahead where the light falls. Not here: a
//! board that does not answer at all (`watch`).

use crate::law::Law;
use signal::Watts;

/// A board that has not answered by then is starting up, or obeys nobody: that is no lag, s.
const MOST_S: f64 = 10.0;

/// What is remembered of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answer {
    /// The budget of the tick before was in the upper half of the range; before the first one there was none.
    upper: bool,
    /// The half that was asked for and is not there yet, and for how many ticks.
    waiting: Option<(bool, u32)>,
    /// Ticks it took the last time, down and up.
    took: [u32; 2],
}

impl Answer {
    /// Takes what the board was allowed over the `ticks` that end now, and what it drew, where that was measured.
    pub(crate) fn update(&mut self, law: &Law, allowed: Watts, drawn: Option<Watts>, ticks: u32) {
        let middle = f64::midpoint(law.governor.idle.0, law.governor.full.0);
        let upper = allowed.0 > middle;
        if std::mem::replace(&mut self.upper, upper) != upper {
            self.waiting = Some((upper, 0));
        }
        let Some((wanted, waited)) = &mut self.waiting else { return };
        if drawn.is_some_and(|w| (w.0 > middle) == *wanted) {
            self.took[usize::from(*wanted)] = *waited;
            self.waiting = None;
        } else {
            *waited += ticks;
            if f64::from(*waited) * law.dt_s > MOST_S {
                self.waiting = None;
            }
        }
    }

    /// How late it is, s: the longer of its last answers downwards and upwards. 0 for one that answers within the tick, or has not been asked yet.
    pub(crate) fn late_s(&self, law: &Law) -> f64 {
        f64::from(self.took[0].max(self.took[1])) * law.dt_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::law;

    /// What it says after budgets and powers, tick by tick; `None` is a tick without a reading.
    fn late_s(course: &[(f64, Option<f64>)]) -> f64 {
        let (law, mut answer) = (law(), Answer::default());
        for (allowed, drawn) in course {
            answer.update(&law, Watts(*allowed), drawn.map(Watts), 1);
        }
        answer.late_s(&law)
    }

    #[test]
    fn a_board_is_as_late_as_the_slower_of_its_last_answers() {
        let (up, down) = ((72.0, Some(72.0)), (16.0, Some(16.0)));
        let (not_up, not_down) = ((72.0, Some(16.0)), (16.0, Some(72.0)));
        assert_eq!(late_s(&[]), 0.0);
        assert_eq!(late_s(&[down, up, down, up]), 0.0, "within the tick");
        assert_eq!(late_s(&[down, not_up, not_up, up, down]), 2.0);
        assert_eq!(late_s(&[up, not_down, not_down, not_down, down, not_up, up]), 3.0);
        // The next answer counts, not the worst there ever was.
        assert_eq!(late_s(&[up, not_down, not_down, not_down, down, up, not_down, down]), 1.0);
        // What was not read may be an answer or none: it counts as none.
        assert_eq!(late_s(&[down, (72.0, None), up]), 1.0);
        // One that does not answer at all has no lag.
        assert_eq!(late_s(&[&[up][..], &[not_down; 30], &[down]].concat()), 0.0);
    }
}
