//! The slow correction of the duty by measured power: a card that draws more than declared is paced down to its budget.
//!
//! It learns only from power that can follow. Work that is out of memory, may not work or has just begun to draws what it can, whatever is asked of it, and a budget
//! that moves is answered late: learnt from, either would be paid back as an overdraw for minutes after.

use signal::Watts;

/// Time constant, bench seconds: slow against pacing (2 s) and fast against an orbit.
const TIME_S: f64 = 120.0;
/// Most it may add to or take from the duty.
const SPAN: f64 = 0.2;
/// Until power is what was asked for, beyond what the board was seen to be late by: a jittered pacing period (2.5 s) and the second over which drivers average, twice, s.
const SETTLE_S: f64 = 5.0;
/// A budget that moved by more than this part of the range within a tick is a new one.
const STEP_FRAC: f64 = 0.02;

/// What the governor remembers of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trim {
    value: f64,
    /// The budget of the tick that ends now, as part of the range.
    asked: Option<f64>,
    /// How long power could follow a budget that stood, s.
    steady_s: f64,
}

/// How a tick went in which power could follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Followed {
    /// Power over it, where it was measured.
    pub(crate) drawn: Option<Watts>,
    /// How late the board was seen to answer, s.
    pub(crate) late_s: f64,
    /// Its length, s.
    pub(crate) dt_s: f64,
}

impl Trim {
    /// What to add to the duty.
    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    /// Power cannot follow: what was learnt before stays, and nothing is learnt until it has followed for a while again.
    pub(crate) fn hold(&mut self) {
        (self.asked, self.steady_s) = (None, 0.0);
    }

    /// Learns from a tick in which work could do what it was asked: duty fed forward and budget of the one that begins, power of the one that ends, as parts of
    /// the range from idle to full load.
    pub(crate) fn learn(&mut self, ahead: f64, budget: f64, drawn: Option<f64>, Followed { late_s, dt_s, .. }: Followed) {
        let before = self.asked.replace(budget);
        let stood = before.is_some_and(|before| (budget - before).abs() <= STEP_FRAC);
        self.steady_s = if stood { self.steady_s + dt_s } else { 0.0 };
        // At idle and at full load there is nothing to trim: integrating there would only wind up.
        if !(0.02..=0.98).contains(&ahead) {
            self.value *= 1.0 - (dt_s / TIME_S).min(1.0);
        } else if let (Some(asked), Some(drawn)) = (before, drawn)
            && self.steady_s > SETTLE_S + late_s
        {
            self.value = (self.value + (asked - drawn) * dt_s / TIME_S).clamp(-SPAN, SPAN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt(trim: &mut Trim, budget: f64, drawn: f64, ticks: u32) {
        for _ in 0..ticks {
            trim.learn(budget, budget, Some(drawn), Followed { drawn: None, late_s: 2.0, dt_s: 1.0 });
        }
    }

    #[test]
    fn what_a_board_draws_too_much_is_taken_off() {
        let mut trim = Trim::default();
        // A first tick, and seven until it is believed to follow; then a hundredth of the range for two minutes.
        learnt(&mut trim, 0.5, 0.51, 8);
        assert_eq!(trim.value(), 0.0);
        learnt(&mut trim, 0.5, 0.51, 120);
        assert!((trim.value() + 0.01).abs() < 1e-9, "{}", trim.value());
    }

    #[test]
    fn what_cannot_follow_teaches_nothing_and_what_was_learnt_stays() {
        let mut trim = Trim::default();
        learnt(&mut trim, 0.5, 0.51, 128);
        for _ in 0..1000 {
            trim.hold();
        }
        // Back from nothing: the ramp is no lesson either.
        for drawn in [0.0, 0.1, 0.3, 0.45, 0.5, 0.5, 0.5] {
            learnt(&mut trim, 0.5, drawn, 1);
        }
        assert!((trim.value() + 0.01).abs() < 1e-9, "{}", trim.value());
    }

    #[test]
    fn a_budget_that_moves_is_answered_late_and_teaches_nothing() {
        let mut trim = Trim::default();
        for k in 0..20 {
            let budget = 0.9 - 0.04 * f64::from(k);
            learnt(&mut trim, budget, budget + 0.1, 1);
        }
        assert_eq!(trim.value(), 0.0);
        // One that creeps is followed.
        for k in 0..200 {
            let budget = 0.2 + 0.001 * f64::from(k);
            learnt(&mut trim, budget, budget + 0.1, 1);
        }
        assert!(trim.value() < -0.1, "{}", trim.value());
        // At the ends what there is wears off.
        learnt(&mut trim, 1.0, 1.0, 600);
        assert!(trim.value().abs() < 0.002, "{}", trim.value());
    }
}
