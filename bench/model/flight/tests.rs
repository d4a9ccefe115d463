//! Tests of the flight model: against an independent solver, and against what no satellite can do.

mod options;
mod solving;

use super::*;
use crate::environment::{Environment, Face};
use proptest::prelude::*;
use rosenbrock::System;

/// Panels follow the four nodes of a satellite without options.
const FIRST_PANEL: usize = 4;
/// Mirrors the solver's.
const CLOSURE_K: f64 = 0.005;

/// Temperatures by an independent stiff solver; the script beside the data made it.
const REFERENCE: &str = include_str!("../testdata/flight_network.csv");
const SHARE: f64 = 72.0 * 1.12 / 100e3;

/// A shipped profile with an eclipse in every orbit; tests set what they depend on.
pub(crate) fn profile() -> Profile {
    let (name, text) = crate::profile::builtin().iter().find(|(name, _)| name.starts_with("noon")).expect("shipped");
    Profile { own_array: None, ..Profile::parse(name, text).expect("a shipped profile is sound") }
}

/// An environment of that much sunlight on the array and nothing else.
pub(crate) fn sample(array_w_m2: f64) -> Sample {
    let dark = Face::default();
    Sample { illumination: 1.0, beta_deg: 0.0, solar_w_m2: array_w_m2, array_w_m2, a: dark, b: dark, sink: Kelvin(0.0), ambient: None }
}

/// An environment of `ir_w_m2` planet infrared on each face and `albedo_w_m2` on one.
fn shine(ir_w_m2: f64, albedo_w_m2: f64) -> Sample {
    let a = Face { albedo_w_m2, ir_w_m2, ..Face::default() };
    Sample { a, b: Face { ir_w_m2, ..Face::default() }, ..sample(0.0) }
}

/// The constants of the reference: of a share of a thousandth, kilowatts of the profile are watts of the model.
fn reference_profile() -> Profile {
    let mut p = profile();
    p.satellite = crate::profile::Satellite {
        heat_kw: 72.0,
        overhead_frac: 0.12,
        die_plate_kw_k: 3.2,
        die_kj_k: 30.0,
        plate_kj_k: 400.0,
        memory: None,
    };
    p.coolant.heat_capacity_rate_kw_k = 10.0;
    p.coolant.plate_conductance_kw_k = 16.0;
    p.coolant.radiator_conductance_kw_k = 32.0;
    p.coolant.hot_leg_kj_k = 120.0;
    p.coolant.cold_leg_kj_k = 120.0;
    p.coolant.minimum_supply = signal::Celsius(14.0);
    p.coolant.bypass_band_k = 2.0;
    let radiator = &mut p.radiator;
    (radiator.panels, radiator.area_m2, radiator.heat_capacity_kj_m2k) = (4, 120.0, 200.0 / 30.0);
    (radiator.emissivity_frac, radiator.emissivity_b_frac, radiator.fin_efficiency_frac) = (0.88, 0.88, 0.92);
    p
}

const REFERENCE_SHARE: f64 = 1e-3;

fn reference_model() -> FlightModel {
    FlightModel::new(&reference_profile(), REFERENCE_SHARE)
}

/// A sky of which the panels take up so much, whatever they are.
fn takes(w_m2: f64) -> Sky {
    Sky { sunlight_w_m2: w_m2, ..Sky::default() }
}

/// Largest difference from the reference, K, with heat into the model times `gain`.
fn worst_k(dt_s: f64, gain: f64) -> f64 {
    let model = reference_model();
    let absorbed = |t: f64| 60.0 + 40.0 * (std::f64::consts::TAU * t / 5863.0).sin();
    let mut state = model.uniform(Kelvin(290.0));
    let (mut ticks, mut worst, mut rows) = (0_u32, 0.0_f64, 0);
    for line in REFERENCE.lines().skip_while(|l| !l.starts_with("time_s")).skip(1) {
        let row: Vec<f64> = line.split(',').map(|v| v.parse().expect("a number")).collect();
        loop {
            let t = f64::from(ticks) * dt_s;
            if t > row[0] - dt_s / 2.0 {
                break;
            }
            let load = if (2000.0..3200.0).contains(&t) { 16.0 } else { 72.0 };
            model.advance(&mut state, Watts(load * gain), &takes(absorbed(t)), &takes(absorbed(t + dt_s)), dt_s);
            ticks += 1;
        }
        worst = state.temperatures_k(8).iter().zip(&row[1..]).map(|(a, b)| (a - b).abs()).fold(worst, f64::max);
        rows += 1;
    }
    assert_eq!(rows, 17);
    worst
}

#[test]
fn temperatures_agree_with_an_independent_solver() {
    for (dt_s, tolerance_k) in [(1.0, 5e-3), (0.25, 1e-3)] {
        let worst = worst_k(dt_s, 1.0);
        assert!(worst < tolerance_k, "dt {dt_s} s: {worst} K");
    }
    // Negative control: 1 % of heat too much is seen.
    assert!(worst_k(1.0, 1.01) > 0.1);
}

fn differs<const N: usize>(t: [f64; N], model: &FlightModel, board_w: f64) -> Result<(), TestCaseError> {
    let flow = model.network.flow(Running::FULL);
    matches_differences(&Driven { network: &model.network, flow: &flow, sky: &takes(80.0), board_w, hot_out_k: None, cold_out_k: None }, t)
}

/// The Jacobian against differences of the rates.
fn matches_differences<const N: usize>(driven: &Driven<'_>, t: [f64; N]) -> Result<(), TestCaseError> {
    let exact = driven.jacobian(&t);
    for j in 0..N {
        let slope = |h: f64| {
            let (mut up, mut down) = (t, t);
            up[j] += h;
            down[j] -= h;
            let (up, down) = (System::<N>::rates(driven, &up), System::<N>::rates(driven, &down));
            std::array::from_fn::<f64, N, _>(|i| (up[i] - down[i]) / (2.0 * h))
        };
        // Where the bypass is nearly shut the flow bends sharply: Richardson's step takes the differences' own error out.
        let (coarse, fine) = (slope(2e-4), slope(1e-4));
        for i in 0..N {
            let found = (4.0 * fine[i] - coarse[i]) / 3.0;
            let scale = exact[i].iter().fold(1e-6_f64, |m, d| m.max(d.abs()));
            prop_assert!((found - exact[i][j]).abs() < 1e-5 * scale, "({i}, {j}): {found} by differences, {} in the matrix", exact[i][j]);
        }
    }
    Ok(())
}

fn temperatures() -> impl Strategy<Value = [f64; MAX_NODES]> {
    proptest::array::uniform15(230.0..360.0_f64)
}

proptest! {
    #[test]
    fn the_jacobian_is_that_of_the_rates(mut t in temperatures(), open in -0.5..1.5_f64, board_w in 0.0..80.0_f64) {
        let mut profile = profile();
        let supply = Kelvin::from(profile.coolant.minimum_supply).0 + open * profile.coolant.bypass_band_k;
        // The valve has corners at both ends of its band; differences across one are not a derivative. Nearly shut, the
        // exchange bends so sharply that the differences, not the matrix, are wrong in the fifth digit.
        prop_assume!(!(-0.01..0.1).contains(&open) && !(0.99..1.01).contains(&open));
        t[COLD] = supply;
        profile.radiator.panels = 1;
        differs::<5>(*t.first_chunk().expect("nodes"), &FlightModel::new(&profile, SHARE), board_w)?;
        profile.radiator.panels = 4;
        differs::<8>(*t.first_chunk().expect("nodes"), &FlightModel::new(&profile, SHARE), board_w)?;
        profile.radiator.panels = 8;
        differs::<12>(*t.first_chunk().expect("nodes"), &FlightModel::new(&profile, SHARE), board_w)?;
    }

    #[test]
    fn heat_inside_is_only_moved(t in temperatures(), panels in prop::sample::select(vec![1_usize, 4, 8]), board_w in 0.0..80.0_f64) {
        let mut profile = profile();
        profile.radiator.panels = panels;
        let model = FlightModel::new(&profile, SHARE);
        let n = &model.network;
        let stored = |rates: &[f64]| {
            let legs = n.die_j_k * rates[DIE] + n.plate_j_k * rates[PLATE] + n.hot_j_k * rates[HOT] + n.cold_j_k * rates[COLD];
            legs + n.panel_j_k * rates[FIRST_PANEL..].iter().sum::<f64>()
        };
        let mut state = FlightState { t, ..model.uniform(Kelvin(0.0)) };
        state.sky = takes(80.0);
        let shed = model.view(&state).radiated_w;
        let flow = n.flow(Running::FULL);
        let driven = Driven { network: n, flow: &flow, sky: &takes(80.0), board_w, hot_out_k: None, cold_out_k: None };
        let mut rates = [0.0; MAX_NODES];
        match panels {
            1 => rates[..5].copy_from_slice(&System::<5>::rates(&driven, t.first_chunk().expect("nodes"))),
            4 => rates[..8].copy_from_slice(&System::<8>::rates(&driven, t.first_chunk().expect("nodes"))),
            _ => rates[..12].copy_from_slice(&System::<12>::rates(&driven, t.first_chunk().expect("nodes"))),
        }
        let balance = stored(&rates) - (board_w * (1.0 + n.overhead_frac) - shed);
        prop_assert!(balance.abs() < 1e-9 * (1.0 + shed.abs()), "{balance} W appear");
    }

    #[test]
    fn no_heat_flows_from_cold_to_hot(t in temperatures()) {
        // In an enclosure at the coldest node's temperature and without power nothing gets hotter than the hottest node, nor
        // colder than the coldest, and no node leaves the span by itself.
        let model = FlightModel::new(&profile(), SHARE);
        let n = model.nodes();
        let (coldest, hottest) = t[..n].iter().fold((f64::MAX, f64::MIN), |(a, b), &k| (a.min(k), b.max(k)));
        let enclosure = shine(crate::constants::STEFAN_BOLTZMANN_W_M2K4 * coldest.powi(4), 0.0);
        let mut state = FlightState { t, ..model.uniform(Kelvin(0.0)) };
        let (mut low, mut high) = (coldest, hottest);
        for _ in 0..600 {
            model.step(&mut state, Watts(0.0), &enclosure, &enclosure, 1.0);
            let now = state.temperatures_k(n).iter().fold((f64::MAX, f64::MIN), |(a, b), &k| (a.min(k), b.max(k)));
            prop_assert!(now.0 > coldest - 1e-3 && now.1 < high + 1e-3, "{now:?} left {low}..{high}");
            (low, high) = now;
        }
        prop_assert!(high < hottest);
    }

    #[test]
    fn a_share_scales_watts_and_no_temperature(share in 1e-5..10.0_f64) {
        let (small, large) = (FlightModel::new(&profile(), SHARE), FlightModel::new(&profile(), share));
        let (mut a, mut b) = (small.uniform(Kelvin(300.0)), large.uniform(Kelvin(300.0)));
        let env = shine(60.0, 20.0);
        for _ in 0..300 {
            small.step(&mut a, Watts(72.0), &env, &env, 1.0);
            large.step(&mut b, Watts(72.0 * share / SHARE), &env, &env, 1.0);
        }
        for (x, y) in a.temperatures_k(12).iter().zip(b.temperatures_k(12)) {
            prop_assert!((x - y).abs() < 1e-6);
        }
        let ratio = large.view(&b).radiated_w / small.view(&a).radiated_w;
        prop_assert!((ratio / (share / SHARE) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn no_satellite_makes_the_integrator_lose_its_footing(
        capacity in -6.0..3.0_f64, conductance in -3.0..3.0_f64, flow in -3.0..3.0_f64, panels in 1..=8_usize, dt_s in 0.1..60.0_f64,
    ) {
        let mut p = profile();
        p.satellite.die_kj_k = 40.0 * 10_f64.powf(capacity);
        p.coolant.hot_leg_kj_k = 150.0 * 10_f64.powf(capacity);
        p.coolant.plate_conductance_kw_k *= 10_f64.powf(conductance);
        p.coolant.radiator_conductance_kw_k *= 10_f64.powf(conductance);
        p.coolant.heat_capacity_rate_kw_k *= 10_f64.powf(flow);
        p.radiator.panels = panels;
        let model = FlightModel::new(&p, SHARE);
        let mut state = model.uniform(Kelvin(290.0));
        let env = shine(60.0, 20.0);
        for k in 0..40 {
            let board = if k % 20 < 10 { 72.0 } else { 16.0 };
            model.step(&mut state, Watts(board), &env, &env, dt_s);
        }
        for &k in state.temperatures_k(model.nodes()) {
            prop_assert!(k.is_finite() && k > 100.0, "{k} K");
        }
    }
}

/// Board power of a card that follows the Sun.
fn follow_sun(env: &Environment) -> impl Fn(f64) -> f64 + '_ {
    |t| 16.0 + 56.0 * env.at(t).illumination
}

#[test]
fn an_orbit_closes_and_its_energy_too() {
    let profile = profile();
    let env = &profile.environment;
    let model = FlightModel::new(&profile, SHARE);
    let heat = follow_sun(env);
    let start = model.periodic(env, env.period_s(), &heat);
    let n = &model.network;
    let energy = |s: &FlightState| {
        let t = s.temperatures_k(model.nodes());
        let legs = n.die_j_k * t[DIE] + n.plate_j_k * t[PLATE] + n.hot_j_k * t[HOT] + n.cold_j_k * t[COLD];
        legs + n.panel_j_k * t[FIRST_PANEL..].iter().sum::<f64>()
    };

    let mut state = start.clone();
    let ticks = env.period_s().round() as usize;
    let dt = env.period_s() / ticks as f64;
    let (mut entered, mut left) = (0.0, 0.0);
    let (mut coldest, mut hottest) = (f64::MAX, f64::MIN);
    let mut before = env.at(0.0);
    // What the panels take up belongs to an environment; the first view has that of the orbit's end, which is nearly its start.
    let mut shed = model.view(&state).radiated_w;
    for k in 0..ticks {
        let t = k as f64 * dt;
        let after = env.at(t + dt);
        let board = heat(t + dt / 2.0);
        model.step(&mut state, Watts(board), &before, &after, dt);
        let view = model.view(&state);
        entered += board * (1.0 + profile.satellite.overhead_frac) * dt;
        left += f64::midpoint(shed, view.radiated_w) * dt;
        shed = view.radiated_w;
        before = after;
        coldest = coldest.min(view.supply.0);
        hottest = hottest.max(view.supply.0);
        assert!((0.0..=1.0).contains(&view.bypass));
        assert!(view.supply > Kelvin::from(profile.coolant.minimum_supply), "the valve keeps the supply warm");
    }
    let closure = entered - left - (energy(&state) - energy(&start));
    assert!(closure.abs() < 1e-4 * entered, "{closure} J of {entered} J are missing");
    for (a, b) in start.temperatures_k(model.nodes()).iter().zip(state.temperatures_k(model.nodes())) {
        assert!((a - b).abs() < 2.0 * CLOSURE_K, "{a} K became {b} K");
    }
    assert!(hottest - coldest > 5.0, "an eclipse is felt: {coldest} to {hottest} K");
}

#[test]
fn a_heavy_satellite_closes_too() {
    let mut profile = profile();
    profile.radiator.heat_capacity_kj_m2k = 100.0;
    let model = FlightModel::new(&profile, SHARE);
    let env = &profile.environment;
    let start = model.periodic(env, env.period_s(), follow_sun(env));
    // A state that merely moves little in one orbit would show in ten.
    let mut state = start.clone();
    let ticks = env.period_s().round() as usize;
    let dt = env.period_s() / ticks as f64;
    let heat = follow_sun(env);
    for _ in 0..10 {
        for k in 0..ticks {
            let t = k as f64 * dt;
            model.step(&mut state, Watts(heat(t + dt / 2.0)), &env.at(t), &env.at(t + dt), dt);
        }
    }
    for (a, b) in start.temperatures_k(model.nodes()).iter().zip(state.temperatures_k(model.nodes())) {
        assert!((a - b).abs() < 0.05, "{a} K drifts to {b} K in ten orbits");
    }
}

#[test]
fn the_length_of_steps_hardly_matters() {
    let profile = profile();
    let env = &profile.environment;
    let model = FlightModel::new(&profile, SHARE);
    let heat = follow_sun(env);
    let run = |parts: u32| {
        let mut state = model.uniform(Kelvin(300.0));
        for second in 0..2400_u32 {
            let t = f64::from(second) + 1500.0;
            let (before, after) = (env.at(t), env.at(t + 1.0));
            let board = Watts(heat(t));
            let mix = |f: f64| Sample {
                a: Face {
                    ir_w_m2: before.a.ir_w_m2 + f * (after.a.ir_w_m2 - before.a.ir_w_m2),
                    albedo_w_m2: before.a.albedo_w_m2 + f * (after.a.albedo_w_m2 - before.a.albedo_w_m2),
                    solar_w_m2: before.a.solar_w_m2 + f * (after.a.solar_w_m2 - before.a.solar_w_m2),
                },
                b: before.b,
                ..before
            };
            for i in 0..parts {
                let (from, to) = (f64::from(i) / f64::from(parts), f64::from(i + 1) / f64::from(parts));
                model.step(&mut state, board, &mix(from), &mix(to), 1.0 / f64::from(parts));
            }
        }
        state
    };
    let (whole, fine) = (run(1), run(10));
    for (a, b) in whole.temperatures_k(model.nodes()).iter().zip(fine.temperatures_k(model.nodes())) {
        assert!((a - b).abs() < 5e-3, "{a} K in one step a second, {b} K in ten");
    }
}

#[test]
fn the_environment_runs_straight_between_its_ends() {
    let model = reference_model();
    let after = |from_w_m2: f64, to_w_m2: f64, dt_s: f64| {
        let mut state = model.uniform(Kelvin(290.0));
        model.advance(&mut state, Watts(0.0), &takes(from_w_m2), &takes(to_w_m2), dt_s);
        state.t
    };
    // Within one step of the integrator the mean counts, over several the order does: late heat has had less time to leave.
    assert_eq!(after(0.0, 1000.0, 0.5), after(500.0, 500.0, 0.5));
    let (rising, even, falling) = (after(0.0, 1000.0, 60.0), after(500.0, 500.0, 60.0), after(1000.0, 0.0, 60.0));
    assert!(rising[FIRST_PANEL] > even[FIRST_PANEL] && even[FIRST_PANEL] > falling[FIRST_PANEL]);
    assert!(rising[PLATE] < even[PLATE] && even[PLATE] < falling[PLATE]);
}

#[test]
fn a_steady_satellite_is_arithmetic() {
    let mut profile = profile();
    profile.coolant.minimum_supply = signal::Celsius(-60.0);
    let model = FlightModel::new(&profile, SHARE);
    let (board, env) = (72.0, shine(57.0, 0.0));
    let mut state = model.uniform(Kelvin(300.0));
    for _ in 0..60_000 {
        model.step(&mut state, Watts(board), &env, &env, 1.0);
    }
    let view = model.view(&state);
    let total = board * (1.0 + profile.satellite.overhead_frac);
    let flow_w_k = profile.coolant.heat_capacity_rate_kw_k * 1e3 * SHARE;
    let units = profile.coolant.plate_conductance_kw_k / profile.coolant.heat_capacity_rate_kw_k;
    let close = |what: &str, found: f64, expected: f64| assert!((found - expected).abs() < 1e-3, "{what}: {found}, expected {expected}");
    close("die over plate", view.die.0 - view.plate.0, board / (profile.satellite.die_plate_kw_k * 1e3 * SHARE));
    close("plate over supply", view.plate.0 - view.supply.0, total / (flow_w_k * (1.0 - (-units).exp())));
    close("return over supply", view.return_.0 - view.supply.0, total / flow_w_k);
    close("radiated", view.radiated_w, total);
    close("bypass", view.bypass, 0.0);
    assert_eq!(view.panels().len(), profile.radiator.panels);
    assert!(view.panels().windows(2).all(|w| w[0] > w[1]), "panels cool along the coolant");
}

#[test]
fn without_load_the_valve_keeps_the_coolant_warm_while_the_panels_freeze() {
    let profile = profile();
    let model = FlightModel::new(&profile, SHARE);
    let mut state = model.uniform(Kelvin(300.0));
    let cold = shine(57.0, 0.0);
    for _ in 0..7200 {
        model.step(&mut state, Watts(2.0), &cold, &cold, 1.0);
    }
    let view = model.view(&state);
    assert!(view.supply > Kelvin::from(profile.coolant.minimum_supply));
    assert!(view.panels().iter().all(|p| p.0 < 260.0), "{:?}", view.panels());
    assert!(view.bypass > 0.9, "{}", view.bypass);
}

#[test]
#[should_panic(expected = "board heat of NaN W")]
fn heat_that_is_not_a_number_is_refused() {
    let model = FlightModel::new(&profile(), SHARE);
    let env = shine(57.0, 0.0);
    model.step(&mut model.uniform(Kelvin(300.0)), Watts(f64::NAN), &env, &env, 1.0);
}
