//! The battery under the control law: what the board draws is what it gives, its recharge is the governor's, and nothing moves while held.

use super::*;

/// A battery at `soc_frac` that holds `kwh` for the whole satellite, in the dark or in the sun of the profile.
fn with_battery(soc_frac: f64, kwh: f64, mission_s: f64) -> Bench {
    let mut law = law();
    let (name, text) = model::profile::builtin()[0];
    let mut profile = Profile::parse(name, text).expect("a shipped profile");
    profile.battery.as_mut().expect("shipped with one").capacity_kwh = kwh;
    law.governor.power = PowerShare::new(&profile, 72.0 * 1.12 / 100e3);
    law.charge = model::battery::BatteryState::at(soc_frac);
    law.duration_s = 6000.0;
    let mut bench = Bench::new(law);
    bench.until(RunState::Running);
    bench.state.mission_s = mission_s;
    bench
}

/// The middle of the first dark of the profile.
fn dark_s(bench: &Bench) -> f64 {
    let lit = |t: &f64| bench.law.environment.at(*t).illumination > 0.0;
    (0..6000).map(f64::from).find(|t| !lit(t)).expect("a dark") + 600.0
}

#[test]
fn what_the_board_draws_is_what_the_battery_gives() {
    let mut bench = with_battery(0.9, 51.0, 0.0);
    bench.state.mission_s = dark_s(&bench);
    bench.step();
    let before = bench.state.charge.expect("a battery").battery.soc_frac();
    bench.duty = 0.0;
    let out = bench.step();
    let (given, share) = (out.view.battery_w.expect("flying"), 72.0 * 1.12 / 100e3);
    // 16 W of board with 12 % on top, and the share of a bus of 10 kW.
    assert!((given - (16.0 * 1.12 + share * 10e3)).abs() < 1e-6, "{given} W");
    let fall = (before - out.view.soc_frac.expect("a battery")) * 51.0 * 3.6e6 * share;
    assert!((fall - given / 0.95).abs() < 1e-6, "{fall} J out of store");
    assert_eq!((out.view.available.0, out.view.budget.0), (0.0, 16.0));
}

#[test]
fn missed_ticks_take_their_charge() {
    let mut one = with_battery(0.9, 51.0, 0.0);
    one.state.mission_s = dark_s(&one);
    one.step();
    let mut other = with_battery(0.9, 51.0, 0.0);
    other.state.mission_s = dark_s(&other);
    other.step();
    let out = one.step_with(9, &[]);
    let singles: Vec<f64> = (0..10).map(|_| other.step().view.battery_w.expect("flying")).collect();
    assert!((out.view.battery_w.expect("flying") - singles.iter().sum::<f64>() / 10.0).abs() < 1e-6);
    let soc = |b: &Bench| b.state.charge.expect("a battery").battery.soc_frac();
    assert!((soc(&one) - soc(&other)).abs() < 1e-12);
}

#[test]
fn a_battery_beyond_its_plan_or_empty_is_told_of() {
    for (soc_frac, kind) in [(0.59, "depth"), (0.0, "battery")] {
        let mut bench = with_battery(soc_frac, 51.0, 0.0);
        bench.state.mission_s = dark_s(&bench);
        let told = (0..3).any(|_| bench.step().events.iter().any(|e| e.kind == kind && e.severity == Severity::Alarm));
        assert!(told, "{kind}: {:?}", bench.state.alarms);
        assert_eq!(bench.state.run, RunState::Running, "it is told, not ended");
    }
}

#[test]
fn a_recharge_comes_out_of_the_budget() {
    let budget = |soc_frac: f64| with_battery(soc_frac, 51.0, 0.0).step().view.budget.0;
    assert_eq!(budget(1.0), 72.0);
    assert!(budget(0.3) < 72.0, "{}", budget(0.3));
}

#[test]
fn without_a_battery_nothing_is_said_of_one() {
    let mut law = law();
    law.governor.power.battery = None;
    let mut bench = Bench::new(law);
    let out = bench.until(RunState::Running);
    assert_eq!((out.view.soc_frac, out.view.battery_w), (None, None));
    assert!(bench.step().view.array_w > 0.0);
}
