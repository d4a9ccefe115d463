//! States of rest, periods and long flights against each other, against short steps, and against an independent solver.

use super::*;
use crate::Attitude;
use crate::environment::tests::environment;
use signal::Celsius;

/// A day of a ten-node satellite by an independent solver; the script beside the data made it.
const DAY: &str = include_str!("../../testdata/flight_day.csv");

fn largest_k(model: &FlightModel, a: &FlightState, b: &FlightState) -> f64 {
    let n = model.nodes();
    a.temperatures_k(n).iter().zip(b.temperatures_k(n)).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rest_is_where_waiting_leads(
        board_w in 0.5..110.0_f64, ir_w_m2 in 0.0..250.0_f64, albedo_w_m2 in 0.0..300.0_f64, panels in 1..=8_usize, minimum in -40.0..35.0_f64,
    ) {
        let mut profile = profile();
        profile.radiator.panels = panels;
        profile.coolant.minimum_supply = Celsius(minimum);
        let model = FlightModel::new(&profile, SHARE);
        let env = shine(ir_w_m2, albedo_w_m2);
        let rest = model.steady(&env, Watts(board_w)).expect("there is always a way out");
        let mut waited = rest.clone();
        for _ in 0..400 {
            model.step(&mut waited, Watts(board_w), &env, &env, 10.0);
        }
        prop_assert!(largest_k(&model, &rest, &waited) < 1e-6, "{:?} became {:?}", rest.t, waited.t);
        let view = model.view(&rest);
        prop_assert!((view.radiated_w - board_w * (1.0 + profile.satellite.overhead_frac)).abs() < 1e-6, "{} W", view.radiated_w);
    }
}

#[test]
fn a_flight_in_long_steps_is_the_flight_in_short_ones() {
    let profile = profile();
    let env = &profile.environment;
    let model = FlightModel::new(&profile, SHARE);
    let heat = follow_sun(env);
    let start = model.periodic(env, env.period_s(), &heat);
    let mut fine = start.clone();
    let (mut worst, mut crude_worst) = (0.0_f64, 0.0_f64);
    let (mut coarse, mut crude) = (start.clone(), start);
    let mut t = 0.0;
    // Split anyhow: ends of flights are not on a grid.
    for length_s in [731.3, 1013.0, 222.2, 407.9, 1500.0, 90.0, 1731.7] {
        let to = t + length_s;
        model.fly(&mut coarse, env, (t, to), 10.0, &heat);
        model.fly(&mut fine, env, (t, to), 0.25, &heat);
        // Negative control: the same steps of 10 s without a care for edges.
        let sky = |s: f64| model.network.skin.sky(&env.at(s));
        let mut s = t;
        while s < to - 1e-9 {
            let dt = 10.0_f64.min(to - s);
            let mean = Sky::mean(&sky(s), &sky(s + dt / 2.0), &sky(s + dt));
            model.substep(&mut crude, &model.network.flow(Running::FULL), heat(s + dt / 2.0), &mean, dt);
            s += dt;
        }
        t = to;
        worst = worst.max(largest_k(&model, &coarse, &fine));
        crude_worst = crude_worst.max(largest_k(&model, &crude, &fine));
    }
    assert!(worst < 2e-3, "{worst} K");
    assert!(crude_worst > 5.0 * worst, "{crude_worst} K");
}

/// The reference's day: a dawn-dusk orbit's eclipse made by a box-shaped sky, full load in the sun and idle in the dark.
fn day_profile() -> Profile {
    let mut p = reference_profile();
    p.radiator.panels = 6;
    p.coolant.radiator_conductance_kw_k = 48.0;
    p.radiator.area_m2 = 180.0;
    p
}

const ORBIT_S: f64 = 5863.0;
const DARK_S: f64 = 1200.0;
const DAY_S: f64 = 86_400.0;

/// Edges of the day, and the load behind each.
fn day_edges() -> Vec<(f64, f64)> {
    let orbits = (0..15).map(f64::from);
    let mut edges: Vec<(f64, f64)> = orbits.flat_map(|k| [(k * ORBIT_S, 72.0), ((k + 1.0) * ORBIT_S - DARK_S, 16.0)]).collect();
    edges.retain(|edge| edge.0 < DAY_S);
    edges.push((DAY_S, 0.0));
    edges
}

/// Largest differences from the reference over the day, K: within the first five minutes behind an edge, and later; and the
/// number of steps taken.
fn day_k(dt_s: f64) -> (f64, f64, u32) {
    let model = FlightModel::new(&day_profile(), REFERENCE_SHARE);
    let mut state = model.uniform(Kelvin(290.0));
    assert_eq!(model.nodes(), 10);
    let sky = |t: f64| takes(60.0 + 40.0 * (std::f64::consts::TAU * t / ORBIT_S).sin());
    let numbers = |line: &str| -> Vec<f64> { line.split(',').map(|v| v.parse().expect("a number")).collect() };
    let rows: Vec<Vec<f64>> = DAY.lines().skip_while(|l| !l.starts_with("time_s")).skip(1).map(numbers).collect();
    let mut rows = rows.iter().peekable();
    let (mut soon, mut later, mut steps) = (0.0_f64, 0.0_f64, 0);
    for pair in day_edges().windows(2) {
        let (edge, load) = pair[0];
        solve::cut((edge, pair[1].0), dt_s, |mut from, to| {
            // A row within a step is met by two shorter ones.
            while from < to {
                let end = rows.peek().map_or(to, |row| row[0].min(to));
                let mean = Sky::mean(&sky(from), &sky(f64::midpoint(from, end)), &sky(end));
                model.fly_leg(&mut state, &solve::Leg { dt_s: end - from, board_w: load, sky: mean, end: sky(end) });
                (from, steps) = (end, steps + 1);
                if let Some(row) = rows.next_if(|row| row[0] <= end) {
                    let off = state.temperatures_k(10).iter().zip(&row[1..]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                    let worst = if row[0] - edge < 300.0 { &mut soon } else { &mut later };
                    *worst = worst.max(off);
                }
            }
        });
    }
    assert!(rows.next().is_none(), "the reference covers the day");
    (soon, later, steps)
}

#[test]
fn a_ten_node_day_in_steps_of_ten_seconds_agrees_with_an_independent_solver() {
    let (soon, later, steps) = day_k(10.0);
    assert!(later < 1e-3 && soon < 0.05, "{later} K, {soon} K soon after an edge");
    assert!(steps < 10_000, "{steps} steps");
}

#[test]
fn a_lunar_day_is_soon_found() {
    // As long as the Moon's synodic month, in an orbit's clothes: the forcing is a slow swing, the load a square wave.
    let mut profile = profile();
    profile.environment = environment(20_000.0 / 4.0, 12.0, "2026-06-21T00:00:00Z", Attitude::Nadir);
    let env = &profile.environment;
    let model = FlightModel::new(&profile, SHARE);
    let day_s = 42_523.0 * 60.0;
    let heat = |t: f64| if t < day_s / 2.0 { 72.0 } else { 5.0 };
    let start = model.periodic(env, day_s, heat);
    let mut state = start.clone();
    model.fly(&mut state, env, (0.0, day_s), 60.0, heat);
    assert!(largest_k(&model, &start, &state) < 0.05, "{:?} became {:?}", start.t, state.t);
}

#[test]
fn a_period_with_every_option_closes() {
    let mut profile = super::options::everything();
    profile.environment = super::profile().environment;
    let env = &profile.environment;
    let model = FlightModel::new(&profile, REFERENCE_SHARE);
    let heat = follow_sun(env);
    let start = model.periodic(env, env.period_s(), &heat);
    let mut state = start.clone();
    let ticks = env.period_s().round() as usize;
    let dt = env.period_s() / ticks as f64;
    for k in 0..ticks {
        let t = k as f64 * dt;
        model.step(&mut state, Watts(heat(t + dt / 2.0)), &env.at(t), &env.at(t + dt), dt);
    }
    assert!(largest_k(&model, &start, &state) < 2.0 * CLOSURE_K, "{:?} became {:?}", start.t, state.t);
}
