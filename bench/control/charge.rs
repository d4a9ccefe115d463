//! How full the battery is, how long it has until the next dark, and the orbit that leads back to where it began.
//!
//! What the battery itself can do is `model::battery`; what the board gets of it is the governor's decision.

use crate::Governor;
use model::battery::BatteryState;
use model::constants::DAY_S;
use model::environment::{Environment, Sample};
use signal::Watts;

/// Looks ahead at this many moments an orbit, then bisects: a dark shorter than that is carried without having been foreseen.
const LOOKS: u32 = 256;
/// Bisections of one look: LEO's 23 s come down to 0.1 ms.
const BISECTIONS: u32 = 18;
/// Least time in which the rest of a recharge is asked for, s: no spike just before the dark.
const LEAST_S: f64 = 60.0;
/// A cycle that ends this close to where it began is periodic.
const CLOSURE_FRAC: f64 = 1e-6;
/// Orbits until a battery that is not recharged is seen to run down.
const MAX_ORBITS: usize = 500;

/// What the control law remembers of the battery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Charge {
    /// How full it is.
    pub battery: BatteryState,
    /// What it gave beyond its lasting limit and has not made good for, J.
    pub(crate) pulse_j: f64,
    /// When the next dark begins, or the last one began, mission s.
    dark_s: Option<f64>,
    /// When the present dark ends, or the last one ended, mission s.
    light_s: Option<f64>,
    /// Until when `dark_s` is good.
    good_until_s: f64,
    period_s: f64,
}

impl Charge {
    /// That full, on an orbit of `period_s`, with nothing known of what is ahead.
    pub fn new(battery: BatteryState, period_s: f64) -> Self {
        // A place that has no period has days.
        let period_s = if period_s.is_finite() && period_s > 0.0 { period_s } else { DAY_S };
        Self { battery, pulse_j: 0.0, dark_s: None, light_s: None, good_until_s: f64::NEG_INFINITY, period_s }
    }

    /// Seconds from `mission_s` until the next dark: what there is to recharge in. One period where none is near.
    pub fn left_s(&self, mission_s: f64) -> f64 {
        let left_s = self.dark_s.map_or(self.period_s, |dark_s| dark_s - mission_s);
        if left_s > 0.0 { left_s.clamp(LEAST_S, self.period_s.max(LEAST_S)) } else { self.period_s }
    }

    /// Seconds from `mission_s` until the present dark is over; 0 in the light.
    pub fn dark_left_s(&self, mission_s: f64) -> f64 {
        self.light_s.map_or(0.0, |light_s| (light_s - mission_s).max(0.0))
    }

    /// Looks for the next dark, or in the dark for its end, if what is known is used up: twice an orbit. Never beyond `end_s`, where an
    /// imported orbit may end; what lies there is taken to be as an orbit before.
    pub(crate) fn look(&mut self, governor: &Governor, environment: &Environment, now: &Sample, mission_s: f64, end_s: f64) {
        let reach_s = (mission_s + self.period_s).min(end_s);
        let dark = |t: f64| governor.dark(&environment.at(t));
        if governor.dark(now) {
            if self.light_s.is_none_or(|s| s <= mission_s) {
                self.light_s = Some(self.first(mission_s, reach_s, |t| !dark(t)).unwrap_or(reach_s));
            }
            return;
        }
        if mission_s < self.good_until_s {
            return;
        }
        let found = self.first(mission_s, reach_s, dark);
        let cut_short = reach_s < mission_s + self.period_s;
        self.dark_s = found.or(self.dark_s.filter(|_| cut_short).map(|before_s| before_s + self.period_s).filter(|s| *s > mission_s));
        self.good_until_s = self.dark_s.unwrap_or(mission_s + self.period_s / 2.0);
    }

    /// The first moment after `from_s` and up to `reach_s` that is `wanted`; `from_s` itself is not.
    fn first(&self, from_s: f64, reach_s: f64, wanted: impl Fn(f64) -> bool) -> Option<f64> {
        let step_s = self.period_s / f64::from(LOOKS);
        let mut moments = (1..=LOOKS).map(|k| from_s + f64::from(k) * step_s).take_while(|t| *t <= reach_s);
        moments.find(|t| wanted(*t)).map(|inside_s| {
            let (mut outside_s, mut inside_s) = (inside_s - step_s, inside_s);
            for _ in 0..BISECTIONS {
                let middle_s = f64::midpoint(outside_s, inside_s);
                if wanted(middle_s) {
                    inside_s = middle_s;
                } else {
                    outside_s = middle_s;
                }
            }
            inside_s
        })
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
        for _ in 0..MAX_ORBITS {
            cycle.start = charge.battery;
            (cycle.lowest_frac, cycle.unmet_j) = (charge.battery.soc_frac(), 0.0);
            cycle.budgets.clear();
            // The last dark of the orbit before is a period ago.
            charge.dark_s = charge.dark_s.map(|s| s - period_s);
            (charge.good_until_s, charge.light_s) = (f64::NEG_INFINITY, None);
            for (i, env) in orbit[..ticks].iter().enumerate() {
                let mission_s = i as f64 * dt_s;
                let (lean, at_s) = governor.leaner((env, mission_s), (&orbit[i + 1], mission_s + dt_s));
                charge.look(governor, environment, lean, at_s, period_s);
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
mod tests {
    use super::*;
    use crate::Policy;
    use model::Profile;
    use model::power::PowerShare;
    use model::profile::Eclipse;
    use proptest::prelude::*;

    const SHARE: f64 = 72.0 * 1.12 / 100e3;

    fn profile(name: &str) -> Profile {
        let (name, text) = model::profile::builtin().iter().find(|(n, _)| *n == name).expect("shipped");
        Profile::parse(name, text).expect("sound")
    }

    fn governor(profile: &Profile) -> Governor {
        Governor { power: PowerShare::new(profile, SHARE), idle: Watts(16.0), full: Watts(72.0), policy: Policy::FollowSun, draw: None }
    }

    fn cycle(profile: &Profile) -> Cycle {
        Cycle::find(&governor(profile), &profile.environment, profile.environment.period_s()).expect("a battery")
    }

    /// Mean budget over the orbit over full load.
    fn load(cycle: &Cycle) -> f64 {
        cycle.budgets.iter().sum::<f64>() / cycle.budgets.len() as f64 / 72.0
    }

    #[test]
    fn shipped_batteries_recover_what_the_dark_takes_and_keep_to_their_depth() {
        // profile, state of charge at its lowest.
        for (name, lowest) in [("dawn-dusk-650", 0.784), ("noon-midnight-560", 0.6066), ("dawn-dusk-650-january", 1.0)] {
            let found = cycle(&profile(name));
            assert!(found.recovers() && found.unmet_j == 0.0, "{name}: {found:?}");
            assert!(found.lowest_frac >= 0.6 && (found.lowest_frac - lowest).abs() < 0.002, "{name}: {}", found.lowest_frac);
        }
        // Where the array has enough to spare, the battery takes nothing from the compute.
        let with = profile("dawn-dusk-650");
        let without = Profile { battery: None, ..with.clone() };
        let free = governor(&without);
        let mean = |p: &Profile| {
            let seconds = p.environment.period_s() as u32;
            (0..seconds).map(|t| free.supply(&p.environment.at(f64::from(t)), None, f64::from(t)).budget.0).sum::<f64>()
                / f64::from(seconds)
                / 72.0
        };
        assert!((load(&cycle(&with)) - mean(&with)).abs() < 0.001, "{} and {}", load(&cycle(&with)), mean(&with));
        // With less array it does.
        let mut night = profile("noon-midnight-560");
        night.power.array_kw = 135.0;
        let (with, without) = (load(&cycle(&night)), mean(&night));
        assert!(with < without - 0.05, "{with} and {without}");
    }

    /// An account of its own: what the array gives in an orbit is what bus, boards and losses take, and what is spilled.
    #[test]
    fn the_energy_of_an_orbit_adds_up() {
        let profile = profile("noon-midnight-560");
        let (governor, found) = (governor(&profile), cycle(&profile));
        let (period_s, mut charge) = (profile.environment.period_s(), Charge::new(found.start, profile.environment.period_s()));
        let ticks = period_s.ceil() as usize;
        let dt_s = period_s / ticks as f64;
        let (mut made, mut taken, mut spilled, mut lost) = (0.0, 0.0, 0.0, 0.0);
        for i in 0..ticks {
            let at = |k: usize| profile.environment.at(k as f64 * dt_s);
            let board = found.budget((i as f64 + 0.5) * dt_s);
            let flow = governor.exchange(&mut charge, board, &at(i), &at(i + 1), dt_s);
            made += f64::midpoint(governor.power.array_w(&at(i)), governor.power.array_w(&at(i + 1))) * dt_s;
            taken += governor.power.load_w(board) * dt_s;
            spilled += flow.unused_w * dt_s;
            lost += flow.lost_w * dt_s;
        }
        assert!(((taken + spilled + lost) / made - 1.0).abs() < 1e-5, "{made} made, {taken} taken, {spilled} spilled, {lost} lost");
        // 5 % twice of what 36 minutes take.
        assert!((0.005..0.03).contains(&(lost / made)), "{}", lost / made);
    }

    #[test]
    fn a_battery_sized_for_it_carries_all_of_the_compute() {
        let mut ride = profile("dawn-dusk-650");
        let spec = ride.battery.as_mut().expect("shipped with one");
        // Bus and boards of 100 kW through 20.2 min, at 40 % and 95 %.
        spec.capacity_kwh = 110.0 * 20.2 / 60.0 / 0.40 / 0.95;
        (spec.discharge_kw, spec.eclipse) = (150.0, Eclipse::Ride);
        ride.power.array_kw = 175.0;
        spec.charge_kw = 80.0;
        let found = cycle(&ride);
        assert!(found.recovers() && load(&found) > 0.999, "{} at {}", load(&found), found.lowest_frac);
        assert!((found.lowest_frac - 0.6).abs() < 0.015, "{}", found.lowest_frac);
        // Half of it carries the compute part of the way, and keeps what bus and idle boards need until the light.
        spec_of(&mut ride).capacity_kwh /= 2.0;
        let short = cycle(&ride);
        assert!(short.recovers() && short.unmet_j == 0.0 && (0.85..0.97).contains(&load(&short)), "{}", load(&short));
        assert!((0.595..0.605).contains(&short.lowest_frac), "{}", short.lowest_frac);
    }

    fn spec_of(profile: &mut Profile) -> &mut model::profile::BatterySpec {
        profile.battery.as_mut().expect("shipped with one")
    }

    #[test]
    fn one_that_is_too_small_leaves_something_uncarried() {
        let mut small = profile("noon-midnight-560");
        spec_of(&mut small).capacity_kwh = 10.0;
        let found = cycle(&small);
        assert!(found.unmet_j > 0.0 && found.lowest_frac == 0.0, "{found:?}");
        // An array that cannot recharge runs any battery down.
        let mut starved = profile("noon-midnight-560");
        starved.power.array_kw = 38.0;
        let found = cycle(&starved);
        assert!(found.unmet_j > 0.0, "{} {}", found.lowest_frac, found.gain_frac);
        let mut slow = profile("noon-midnight-560");
        spec_of(&mut slow).charge_kw = 5.0;
        assert!(cycle(&slow).unmet_j > 0.0);
    }

    #[test]
    fn the_next_dark_is_found_where_it_is() {
        let profile = profile("noon-midnight-560");
        let (governor, env) = (governor(&profile), &profile.environment);
        let entries: Vec<f64> = env
            .shadow_edges(0.0, 2.0 * env.period_s())
            .iter()
            .filter(|e| e.contact == model::Contact::PenumbraIn)
            .map(|e| e.mission_s)
            .collect();
        let mut charge = Charge::new(BatteryState::FULL, env.period_s());
        let from_s = entries[0] - 1000.0;
        charge.look(&governor, env, &env.at(from_s), from_s, f64::INFINITY);
        assert!((charge.left_s(from_s) - 1000.0).abs() < 15.0, "{charge:?}");
        let inside_s = from_s + 1100.0;
        charge.look(&governor, env, &env.at(inside_s), inside_s, f64::INFINITY);
        let exits = env.shadow_edges(0.0, 2.0 * env.period_s());
        let exit_s = exits.iter().find(|e| e.contact == model::Contact::PenumbraOut && e.mission_s > inside_s).expect("an exit").mission_s;
        assert!((charge.dark_left_s(inside_s) - (exit_s - inside_s)).abs() < 15.0, "{charge:?}");
        // Where nothing may be looked at any more, the next dark is an orbit after the last one.
        let (known, end_s) = (charge.dark_s.expect("found"), entries[1] - 600.0);
        charge.look(&governor, env, &env.at(end_s - 100.0), end_s - 100.0, end_s);
        assert!((charge.dark_s.expect("taken") - known - env.period_s()).abs() < 1e-9);
        let mut blind = Charge::new(BatteryState::FULL, f64::NAN);
        blind.look(&governor, env, &env.at(0.0), 0.0, 0.0);
        assert_eq!(blind.left_s(0.0), DAY_S);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever a board draws, the state of charge stays a state of charge and no budget leaves the limits.
        #[test]
        fn no_budget_leaves_the_limits(
            soc in 0.0..=1.0_f64,
            start_s in 0.0..6000.0_f64,
            ride in any::<bool>(),
            boards in proptest::collection::vec(0.0..500.0_f64, 1..60),
        ) {
            let mut profile = profile("noon-midnight-560");
            spec_of(&mut profile).eclipse = if ride { Eclipse::Ride } else { Eclipse::Idle };
            let governor = governor(&profile);
            let mut charge = Charge::new(BatteryState::at(soc).expect("within"), profile.environment.period_s());
            for (i, board) in boards.iter().enumerate() {
                let t = start_s + 60.0 * i as f64;
                let (start, end) = (profile.environment.at(t), profile.environment.at(t + 60.0));
                charge.look(&governor, &profile.environment, &start, t, 1e9);
                let supply = governor.supply(&start, Some(&charge), t);
                prop_assert!((16.0..=72.0).contains(&supply.budget.0) && supply.available.0 >= 0.0 && supply.array_w >= 0.0);
                governor.exchange(&mut charge, Watts(*board), &start, &end, 60.0);
                prop_assert!((0.0..=1.0).contains(&charge.battery.soc_frac()));
            }
        }
    }
}
