//! The policies against each other and against what none of them may do.

use crate::*;
use model::Profile;
use model::battery::BatteryState;
use model::flight::FlightModel;
use model::power::PowerShare;
use proptest::prelude::*;
use signal::{Celsius, Watts};
use std::sync::Arc;

const SHARE: f64 = 72.0 * 1.12 / 100e3;
const IDLE: Watts = Watts(16.0);
const FULL: Watts = Watts(72.0);

fn profile(name: &str) -> Profile {
    let (name, text) = model::profile::builtin().iter().find(|(n, _)| *n == name).expect("shipped");
    Profile::parse(name, text).expect("sound")
}

fn governor(profile: &Profile, policy: Policy) -> Governor {
    Governor { power: PowerShare::new(profile, SHARE), idle: IDLE, full: FULL, policy, draw: None }
}

/// Work in proportion to power above idle.
fn linear(power_w: f64) -> f64 {
    720.0 * (power_w - 16.0) / 56.0
}

/// The last watts bring less than the first, as for a card near its limit.
fn concave(power_w: f64) -> f64 {
    720.0 * ((power_w - 16.0) / 56.0).max(0.0).powf(0.6)
}

fn planned(profile: &Profile, rate: impl Fn(f64) -> f64) -> Policy {
    let base = governor(profile, Policy::FollowSun);
    let plan = Plan::solve(&base, &profile.environment, profile.environment.period_s(), |_, w| rate(w));
    Policy::Plan(Arc::new(plan.expect("a battery")))
}

/// Mean work rate over the orbit that repeats, and that orbit.
fn work(profile: &Profile, policy: Policy, rate: impl Fn(f64) -> f64) -> (f64, Cycle) {
    let cycle = Cycle::find(&governor(profile, policy), &profile.environment, profile.environment.period_s()).expect("a battery");
    (cycle.budgets().iter().map(|w| rate(*w)).sum::<f64>() / cycle.budgets().len() as f64, cycle)
}

/// The central comparison: what a plan gains over following the Sun, on an array that spills in the light.
#[test]
fn a_plan_gains_over_following_the_sun() {
    for (name, array_kw, least) in [("noon-midnight-560", 190.0, 1.02), ("dawn-dusk-650", 150.0, 1.005)] {
        let mut profile = profile(name);
        profile.power.array_kw = array_kw;
        let spec = profile.battery.as_mut().expect("shipped with one");
        (spec.charge_kw, spec.discharge_kw, spec.capacity_kwh) = (90.0, 130.0, spec.capacity_kwh * 1.5);
        for (shape, rate) in [("linear", linear as fn(f64) -> f64), ("concave", concave)] {
            let (sun, _) = work(&profile, Policy::FollowSun, rate);
            let (battery, _) = work(&profile, Policy::Battery, rate);
            let (plan, cycle) = work(&profile, planned(&profile, rate), rate);
            eprintln!(
                "{name}, {shape}: follow-sun {sun:.1}, battery {battery:.1} ({:+.2} %), plan {plan:.1} ({:+.2} %) units/s",
                (battery / sun - 1.0) * 100.0,
                (plan / sun - 1.0) * 100.0
            );
            assert!(plan >= sun * least && plan >= battery * 0.995, "{name} {shape}: {plan} of {sun} and {battery}");
            assert!(cycle.unmet_j == 0.0 && cycle.lowest_frac > 0.58, "{name} {shape}: {cycle:?}");
        }
    }
}

/// Where nothing is spilled and work is linear there is nothing to gain, and a plan must not lose either: moving energy through a battery costs.
#[test]
fn a_plan_does_not_lose_where_there_is_nothing_to_gain() {
    let mut profile = profile("noon-midnight-560");
    profile.power.array_kw = 115.0;
    let (sun, _) = work(&profile, Policy::FollowSun, linear);
    let (plan, cycle) = work(&profile, planned(&profile, linear), linear);
    assert!((0.99..1.05).contains(&(plan / sun)), "{plan} of {sun}");
    assert!(cycle.unmet_j == 0.0, "{cycle:?}");
}

#[test]
fn fixed_is_the_same_as_long_as_there_is_that_much() {
    let profile = profile("noon-midnight-560");
    let (_, cycle) = work(&profile, Policy::fixed(Watts(50.0), IDLE, FULL).expect("within"), linear);
    assert!(cycle.budgets().iter().all(|w| (16.0..=50.0).contains(w)));
    assert!(cycle.budgets().iter().filter(|w| **w == 50.0).count() * 2 > cycle.budgets().len());
    for nonsense in [f64::NAN, f64::INFINITY, 15.9, 72.1] {
        assert!(matches!(Policy::fixed(Watts(nonsense), IDLE, FULL), Err(PolicyError::Fixed(..))), "{nonsense}");
    }
}

/// The orbit's hottest die under a policy, the flight model driven by a board that draws its budget, after some orbits.
fn hottest(profile: &Profile, policy: Policy) -> (f64, f64) {
    let governor = governor(profile, policy);
    let flight = FlightModel::new(profile, SHARE);
    let env = &profile.environment;
    let mut state = flight.uniform(Celsius(20.0).into());
    let (mut hottest, mut drawn) = (f64::NEG_INFINITY, 0.0);
    let dt_s = 10.0;
    let steps = (4.0 * env.period_s() / dt_s) as u32;
    for k in 0..steps {
        let t = f64::from(k) * dt_s;
        let (now, next) = (env.at(t), env.at(t + dt_s));
        let view = flight.view(&state);
        let seen = Seen { flight: &view, die: Some(view.die.into()), margin_k: None };
        let budget = governor.temper(governor.supply(&now, None, t), &seen).budget;
        flight.step(&mut state, budget, &now, &next, dt_s);
        hottest = hottest.max(Celsius::from(flight.view(&state).die).0);
        drawn += budget.0 * dt_s;
    }
    (hottest, drawn / (f64::from(steps) * dt_s))
}

#[test]
fn the_thermal_policy_stays_below_the_slowdown_and_close_to_it() {
    let profile = profile("dawn-dusk-650");
    let (free, free_w) = hottest(&profile, Policy::FollowSun);
    let flight = FlightModel::new(&profile, SHARE);
    // A card that would slow down 8 K before this orbit's hottest.
    let slowdown = Celsius(free - 8.0);
    let law = ThermalLaw::of(&flight, &profile.environment.at(0.0), IDLE, FULL, slowdown).expect("a plant");
    let (kept, kept_w) = hottest(&profile, Policy::Thermal(law));
    assert!(kept < slowdown.0, "{kept} °C at a slowdown of {}", slowdown.0);
    assert!(kept > slowdown.0 - 2.0 * THERMAL_MARGIN_K, "needlessly cold: {kept} °C of {}", slowdown.0);
    assert!(kept_w < free_w && kept_w > free_w * 0.6, "{kept_w} W of {free_w} W");
}

#[test]
fn the_device_may_know_of_a_lower_slowdown() {
    let profile = profile("dawn-dusk-650");
    let flight = FlightModel::new(&profile, SHARE);
    let law = ThermalLaw::of(&flight, &profile.environment.at(0.0), IDLE, FULL, Celsius(90.0)).expect("a plant");
    let view = flight.view(&flight.uniform(Celsius(40.0).into()));
    let most = |die: Option<f64>, margin_k| law.most_w(&Seen { flight: &view, die: die.map(Celsius), margin_k });
    assert!(most(Some(60.0), Some(10.0)) < most(Some(60.0), None), "its own margin counts");
    assert!(most(Some(60.0), None) < most(Some(40.0), None), "so does a die that is hotter than the model's");
    assert_eq!(most(Some(20.0), None), most(None, None), "a colder one does not");
    assert_eq!(most(Some(f64::NAN), Some(f64::NAN)), most(None, None).min(most(Some(f64::NAN), Some(f64::NAN))), "NaN never allows more");
    for nonsense in [f64::NAN, 0.0, -1.0] {
        assert!(
            ThermalLaw::new(Celsius(80.0), nonsense, 1.1, 0.5, 300.0).is_err()
                && ThermalLaw::new(Celsius(80.0), 0.3, 1.1, nonsense, 300.0).is_err()
        );
    }
    assert!(ThermalLaw::new(Celsius(f64::NAN), 0.3, 1.1, 0.5, 300.0).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever the policy, the charge, the moment and the temperatures: no budget above the limit, none above what there is, none that is no number.
    #[test]
    fn no_policy_leaves_the_limits(
        soc in 0.0..=1.0_f64,
        start_s in 0.0..12_000.0_f64,
        degc in -50.0..140.0_f64,
        blind in any::<bool>(),
        which in 0_usize..5,
    ) {
        let profile = profile("noon-midnight-560");
        let flight = FlightModel::new(&profile, SHARE);
        let policy = match which {
            0 => Policy::FollowSun,
            1 => Policy::fixed(Watts(40.0), IDLE, FULL).expect("within"),
            2 => Policy::Battery,
            3 => Policy::Thermal(ThermalLaw::of(&flight, &profile.environment.at(0.0), IDLE, FULL, Celsius(85.0)).expect("a plant")),
            _ => planned(&profile, linear),
        };
        let governor = governor(&profile, policy);
        let mut charge = Charge::new(BatteryState::at(soc).expect("within"), profile.environment.period_s());
        let view = flight.view(&flight.uniform(Celsius(degc).into()));
        for k in 0..30 {
            let t = start_s + 60.0 * f64::from(k);
            let (start, end) = (profile.environment.at(t), profile.environment.at(t + 60.0));
            charge.look(&crate::ahead::Ahead::of(&governor, &profile.environment), &start, t);
            let die = if blind { None } else { Some(Celsius(if k % 7 == 0 { f64::NAN } else { degc })) };
            let seen = Seen { flight: &view, die, margin_k: (k % 5 == 0).then_some(f64::NAN) };
            let supply = governor.temper(governor.supply(&start, Some(&charge), t), &seen);
            prop_assert!((IDLE.0..=FULL.0).contains(&supply.budget.0), "{supply:?}");
            prop_assert!(supply.budget.0 <= supply.available.0.max(IDLE.0), "{supply:?}");
            governor.exchange(&mut charge, supply.budget, &start, &end, 60.0);
            prop_assert!((0.0..=1.0).contains(&charge.battery.soc_frac()));
        }
    }
}
