//! How full the battery is, how long it has until the next dark and through it, and the orbit that leads back to where it began.
//!
//! What the battery itself can do is `model::battery`; what is known of the light ahead is `ahead`'s; what the board gets of it is the governor's decision.

use crate::Governor;
use crate::ahead::Ahead;
use model::battery::BatteryState;
use model::constants::DAY_S;
use model::environment::{Environment, Sample};
use signal::Watts;

/// Least time in which the rest of a recharge is asked for, s: no spike just before the dark.
const LEAST_S: f64 = 60.0;
/// A cycle that ends this close to where it began is periodic.
const CLOSURE_FRAC: f64 = 1e-6;
/// Orbits until a battery that is not recharged is seen to run down.
const MAX_ORBITS: usize = 500;

/// The array does not carry bus and idle board from the one moment to the other, mission s.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Dark {
    from_s: f64,
    /// Infinite where nothing says when it ends.
    until_s: f64,
}

/// What the control law remembers of the battery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Charge {
    /// How full it is.
    pub battery: BatteryState,
    /// What it gave beyond its lasting limit and has not made good for, J.
    pub(crate) pulse_j: f64,
    /// The present dark or the next; `None` where there is none within a period.
    dark: Option<Dark>,
    /// When the dark before that ended, mission s; long ago if there was none.
    light_s: f64,
    /// Until when `dark` is good.
    good_until_s: f64,
    period_s: f64,
}

impl Charge {
    /// That full, on an orbit of `period_s`, with nothing known of what is ahead.
    pub fn new(battery: BatteryState, period_s: f64) -> Self {
        // A place that has no period has days.
        let period_s = if period_s.is_finite() && period_s > 0.0 { period_s } else { DAY_S };
        let long_ago_s = f64::NEG_INFINITY;
        Self { battery, pulse_j: 0.0, dark: None, light_s: long_ago_s, good_until_s: long_ago_s, period_s }
    }

    /// Seconds from `mission_s` until the next dark: what there is to recharge in. One period where none is near.
    pub fn left_s(&self, mission_s: f64) -> f64 {
        let left_s = self.dark.map_or(self.period_s, |dark| dark.from_s - mission_s);
        if left_s > 0.0 { left_s.clamp(LEAST_S, self.period_s.max(LEAST_S)) } else { self.period_s }
    }

    /// Seconds of the present dark that are still to come at `mission_s`, or all of the next one; infinite where nothing says when it ends, 0 where none is near.
    pub fn dark_left_s(&self, mission_s: f64) -> f64 {
        self.dark.map_or(0.0, |dark| (dark.until_s - dark.from_s.max(mission_s)).max(0.0))
    }

    /// Seconds from `mission_s` until the next dark; 0 in the dark, and where none is near.
    pub(crate) fn until_dark_s(&self, mission_s: f64) -> f64 {
        self.dark.map_or(0.0, |dark| (dark.from_s - mission_s).max(0.0))
    }

    /// Seconds of the present dark that are still to come; infinite where nothing says when it ends, 0 in the light.
    pub(crate) fn in_dark_s(&self, mission_s: f64) -> f64 {
        self.dark.filter(|dark| dark.from_s <= mission_s).map_or(0.0, |dark| (dark.until_s - mission_s).max(0.0))
    }

    /// Seconds from `mission_s` until the present or the next dark is over.
    pub(crate) fn until_light_s(&self, mission_s: f64) -> f64 {
        self.dark.map_or(0.0, |dark| (dark.until_s - mission_s).max(0.0))
    }

    /// It is dark, or the next dark is nearer than the last one: light that is less than full is falling.
    pub(crate) fn nears_dark(&self, mission_s: f64) -> bool {
        self.dark.is_some_and(|dark| dark.from_s - mission_s < mission_s - self.light_s)
    }

    /// Looks for the present or the next dark and its end, if what is known is used up: once an orbit.
    pub(crate) fn look(&mut self, ahead: &Ahead<'_>, now: &Sample, mission_s: f64) {
        let dark = ahead.governor.dark(now);
        let foreseen = self.dark.is_some_and(|d| (d.from_s..d.until_s).contains(&mission_s));
        if mission_s < self.good_until_s && (foreseen || !dark) {
            return;
        }
        if let Some(over) = self.dark.filter(|d| d.until_s <= mission_s) {
            self.light_s = over.until_s;
        }
        let from_s = if dark { Some(mission_s) } else { ahead.edge((mission_s, self.period_s), true) };
        let until_s = |from_s| ahead.edge((from_s, self.period_s), false).unwrap_or(f64::INFINITY);
        self.dark = from_s.map(|from_s| Dark { from_s, until_s: until_s(from_s) });
        // Where there is nothing within a period, or no end, it is looked for again before that is over.
        let again_s = self.dark.map_or(mission_s, |d| d.from_s.max(mission_s)) + self.period_s / 2.0;
        self.good_until_s = self.dark.map(|d| d.until_s).filter(|s| s.is_finite()).unwrap_or(again_s);
    }

    /// The same with a period gone by: of an orbit that is flown again and again, what was ahead is nearer.
    fn a_period_on(&mut self) {
        for moment_s in [&mut self.light_s, &mut self.good_until_s] {
            *moment_s -= self.period_s;
        }
        self.dark = self.dark.map(|d| Dark { from_s: d.from_s - self.period_s, until_s: d.until_s - self.period_s });
    }
}

/// One orbit that a battery can fly again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Cycle {
    /// How full the battery is at mission second 0.
    pub start: BatteryState,
    /// Lowest state of charge, 0 to 1.
    pub lowest_frac: f64,
    /// Change of the state of charge over the orbit: 0 where it recovers what the dark takes.
    pub gain_frac: f64,
    /// Energy of bus and idle boards that nobody carried, J.
    pub unmet_j: f64,
    /// Budget over each step of the orbit, W.
    budgets: Vec<f64>,
    period_s: f64,
}

impl Cycle {
    /// The state of charge that an orbit of `period_s` leads back to, with a board that draws just what it may. `None` without a battery.
    ///
    /// It begins full and repeats the orbit. A battery that the array does not recharge runs down; then this is where it ends.
    ///
    /// # Panics
    /// If the period is not a positive number.
    pub fn find(governor: &Governor, environment: &Environment, period_s: f64) -> Option<Self> {
        assert!(period_s.is_finite() && period_s > 0.0, "a period of {period_s} s");
        governor.power.battery?;
        let ticks = period_s.ceil() as usize;
        let dt_s = period_s / ticks as f64;
        let orbit: Vec<Sample> = (0..=ticks).map(|i| environment.at(i as f64 * dt_s)).collect();
        let mut cycle = Self { start: BatteryState::FULL, lowest_frac: 1.0, gain_frac: 0.0, unmet_j: 0.0, budgets: Vec::new(), period_s };
        let mut charge = Charge::new(BatteryState::FULL, period_s);
        let ahead = Ahead::again_and_again(governor, environment, period_s);
        for _ in 0..MAX_ORBITS {
            cycle.start = charge.battery;
            (cycle.lowest_frac, cycle.unmet_j) = (charge.battery.soc_frac(), 0.0);
            cycle.budgets.clear();
            charge.a_period_on();
            for (i, env) in orbit[..ticks].iter().enumerate() {
                let mission_s = i as f64 * dt_s;
                let (lean, at_s) = governor.leaner((env, mission_s), (&orbit[i + 1], mission_s + dt_s));
                charge.look(&ahead, lean, at_s);
                let budget = governor.supply(lean, Some(&charge), at_s).budget;
                let flow = governor.exchange(&mut charge, budget, env, &orbit[i + 1], dt_s);
                cycle.unmet_j += flow.unmet_w * dt_s;
                cycle.lowest_frac = cycle.lowest_frac.min(charge.battery.soc_frac());
                cycle.budgets.push(budget.0);
            }
            cycle.gain_frac = charge.battery.soc_frac() - cycle.start.soc_frac();
            if cycle.gain_frac.abs() < CLOSURE_FRAC {
                break;
            }
        }
        Some(cycle)
    }

    /// Budgets over the steps of the orbit, W, equally long.
    pub fn budgets(&self) -> &[f64] {
        &self.budgets
    }

    /// The budget at a moment of the orbit.
    pub fn budget(&self, mission_s: f64) -> Watts {
        let step = (mission_s.rem_euclid(self.period_s) / self.period_s * self.budgets.len() as f64) as usize;
        Watts(self.budgets[step.min(self.budgets.len() - 1)])
    }

    /// The orbit leaves the battery as full as it found it.
    pub fn recovers(&self) -> bool {
        self.gain_frac.abs() < CLOSURE_FRAC
    }
}

#[cfg(test)]
mod tests;
