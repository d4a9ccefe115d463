//! An optimal plan over an orbit: which budget at which moment and state of charge does the most work, by dynamic programming over
//! what work a watt does at each moment.
//!
//! The orbit is cut into steps and the state of charge into a grid; going backwards, each gets the budget whose work now and best work from
//! the state it leads to are the most together. The orbit repeats, so the values at its end are those at its beginning: a few rounds settle
//! them. What comes out is a table, so that a run that is elsewhere than planned gets the best from where it is.
//!
//! Temperature is not a state: the caller gives the work rate of each step, at the temperatures it believes in. The battery account is the
//! model's own.

use crate::Governor;
use model::battery::BatteryState;
use model::environment::{Environment, Sample};
use signal::Watts;

/// Steps an orbit: 24 s in LEO.
const STEPS: usize = 240;
/// States of charge.
const LEVELS: usize = 201;
/// Budgets between idle and full load.
const CHOICES: usize = 29;
/// Rounds of the orbit until its end is worth what its beginning is.
const ROUNDS: usize = 8;

/// The table of best budgets.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    period_s: f64,
    /// By step, then state of charge.
    budgets: Vec<f64>,
}

impl Plan {
    /// The plan of an orbit of `period_s`. `rate(k, w)` is the work rate at board power `w` in step `k` of [`Plan::steps`].
    /// `None` without a battery: then there is nothing to decide.
    ///
    /// # Panics
    /// If the period is not a positive number.
    pub fn solve(governor: &Governor, environment: &Environment, period_s: f64, rate: impl Fn(usize, f64) -> f64) -> Option<Self> {
        assert!(period_s.is_finite() && period_s > 0.0, "a period of {period_s} s");
        let battery = governor.power.battery?;
        let dt_s = period_s / STEPS as f64;
        let samples: Vec<Sample> = (0..=STEPS).map(|k| environment.at(k as f64 * dt_s)).collect();
        let (idle, full) = (governor.idle.0, governor.full.0);
        let choices: Vec<f64> = (0..CHOICES).map(|j| idle + (full - idle) * j as f64 / (CHOICES - 1) as f64).collect();
        let soc = |i: usize| i as f64 / (LEVELS - 1) as f64;
        let worth = |values: &[f64], soc: f64| {
            let at = soc * (LEVELS - 1) as f64;
            let i = (at as usize).min(LEVELS - 2);
            values[i] + (at - i as f64) * (values[i + 1] - values[i])
        };
        // Below the planned depth, and without power for bus and idle board, no work is worth it: a day's full work a step.
        let ruin = rate(0, full).max(1e-9) * 86_400.0;
        let mut budgets = vec![idle; STEPS * LEVELS];
        let mut next = vec![0.0; LEVELS];
        for _ in 0..ROUNDS {
            for k in (0..STEPS).rev() {
                let array_w = f64::midpoint(governor.power.array_w(&samples[k]), governor.power.array_w(&samples[k + 1]));
                let mut now = vec![f64::NEG_INFINITY; LEVELS];
                // Between the even choices lies the one that leaves the battery alone.
                let even = governor.power.board(array_w).0.clamp(idle, full);
                for i in 0..LEVELS {
                    for &budget in choices.iter().chain(std::iter::once(&even)) {
                        let mut state = BatteryState::at(soc(i)).unwrap_or(BatteryState::FULL);
                        let flow = battery.step(&mut state, array_w - governor.power.load_w(Watts(budget)), dt_s);
                        let short = flow.unmet_w > 1e-9;
                        let deep = (battery.floor_frac() - state.soc_frac()).max(0.0);
                        if budget > idle && (short || deep > 0.0) {
                            continue;
                        }
                        let lost = if short { ruin } else { 0.0 } + ruin * deep;
                        let value = rate(k, budget) * dt_s - lost + worth(&next, state.soc_frac());
                        if value > now[i] {
                            now[i] = value;
                            budgets[k * LEVELS + i] = budget;
                        }
                    }
                }
                next = now;
            }
            // Only differences count, and they must not grow without end.
            let full_worth = next[LEVELS - 1];
            for value in &mut next {
                *value -= full_worth;
            }
        }
        Some(Self { period_s, budgets })
    }

    /// Steps of an orbit: step `k` is the `k`-th part of it.
    pub const fn steps() -> usize {
        STEPS
    }

    /// The budget for this moment and state of charge, W, before it is held against what there is.
    pub fn budget(&self, mission_s: f64, soc_frac: f64) -> f64 {
        let step = ((mission_s.rem_euclid(self.period_s) / self.period_s * STEPS as f64) as usize).min(STEPS - 1);
        let at = soc_frac.clamp(0.0, 1.0) * (LEVELS - 1) as f64;
        let i = (at as usize).min(LEVELS - 2);
        let row = &self.budgets[step * LEVELS..(step + 1) * LEVELS];
        row[i] + (at - i as f64) * (row[i + 1] - row[i])
    }
}
