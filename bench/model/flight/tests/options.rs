//! The network with every option on: against an independent solver, and against the laws of thermodynamics.

use super::*;
use crate::profile::{Heater, Memory, OwnArray};
use crate::radiator::Fin;
use signal::Celsius;

/// Temperatures by an independent solver; the script beside the data made it.
const REFERENCE: &str = include_str!("../../testdata/flight_options.csv");
const NODES: usize = 10;

/// The constants of the reference, in a share of a thousandth.
pub(super) fn everything() -> Profile {
    let mut p = profile();
    let memory = Some(Memory { heat_frac: 0.25, plate_kw_k: 1.5, memory_kj_k: 25.0 });
    p.satellite =
        crate::profile::Satellite { heat_kw: 72.0, overhead_frac: 0.12, die_plate_kw_k: 3.2, die_kj_k: 30.0, plate_kj_k: 400.0, memory };
    p.coolant = crate::profile::Loop {
        heat_capacity_rate_kw_k: 12.0,
        minimum_supply: Celsius(14.0),
        bypass_band_k: 2.0,
        plate_conductance_kw_k: 20.0,
        radiator_conductance_kw_k: 40.0,
        hot_leg_kj_k: 120.0,
        cold_leg_kj_k: 110.0,
        mass_kg_kw: 3.5,
        hot_pipe_s: 6.0,
        cold_pipe_s: 9.5,
        manifold_kj_k: Some(60.0),
        heater: Some(Heater { heater_kw: 9.0, setpoint: Celsius(15.0), band_k: 1.5 }),
        freezing: Some(Celsius(-20.0)),
        flow_frac: 0.8,
        loops_frac: 0.75,
    };
    p.radiator = crate::profile::Radiator {
        area_m2: 120.0,
        panels: 3,
        emissivity_frac: 0.88,
        solar_absorptivity_frac: 0.07,
        emissivity_b_frac: 0.80,
        solar_absorptivity_b_frac: 0.20,
        fin_efficiency_frac: 1.0,
        fin: Some(Fin { length_m: 0.06, thickness_m: 0.8e-3, conductivity_w_mk: 167.0 }),
        neighbour_view_frac: 0.15,
        loss_w_k: 30.0,
        structure: Celsius(5.0),
        convection_w_m2k: 0.4,
        heat_capacity_kj_m2k: 6.5,
        ..p.radiator
    };
    p.own_array = Some(OwnArray {
        view_a_frac: 0.10,
        view_b_frac: 0.04,
        heat_frac: 0.65,
        emissivity_front_frac: 0.85,
        emissivity_back_frac: 0.75,
        heat_capacity_kj_m2k: Some(3.0),
    });
    p
}

/// The reference's environment, with or without the Sun on the array.
fn world(t: f64, sun: bool) -> Sample {
    let wave = (std::f64::consts::TAU * t / 5863.0).sin();
    let a = Face { solar_w_m2: 60.0 + 20.0 * wave, albedo_w_m2: 0.0, ir_w_m2: 55.0 + 10.0 * wave };
    let b = Face { solar_w_m2: 0.0, albedo_w_m2: 15.0 - 10.0 * wave, ir_w_m2: 40.0 };
    Sample { a, b, ambient: Some(Celsius(-15.0).into()), ..sample(if sun { 1361.0 } else { 0.0 }) }
}

fn rows(case: &str) -> Vec<Vec<f64>> {
    let data = REFERENCE.lines().filter_map(|line| line.strip_prefix(case)?.strip_prefix(','));
    data.map(|line| line.split(',').map(|v| v.parse().expect("a number")).collect()).collect()
}

/// Largest difference from the reference, K.
fn worst_k(dt_s: f64, profile: &Profile) -> f64 {
    let model = FlightModel::new(profile, REFERENCE_SHARE);
    let mut state = model.uniform(Kelvin(290.0));
    let (mut ticks, mut worst) = (0_u32, 0.0_f64);
    let rows = rows("flight");
    assert_eq!(rows.len(), 18);
    for row in rows {
        loop {
            let t = f64::from(ticks) * dt_s;
            if t > row[0] - dt_s / 2.0 {
                break;
            }
            let sun = !(2000.0..3200.0).contains(&t);
            let load = if (2000.0..4200.0).contains(&t) { 6.0 } else { 72.0 };
            if t >= 4500.0 {
                state.set_flow_frac(0.3);
            }
            model.step(&mut state, Watts(load), &world(t, sun), &world(t + dt_s, sun), dt_s);
            ticks += 1;
        }
        worst = state.temperatures_k(NODES).iter().zip(&row[1..]).map(|(a, b)| (a - b).abs()).fold(worst, f64::max);
    }
    worst
}

type Spoil = fn(&mut Profile);

#[test]
fn every_option_agrees_with_an_independent_solver() {
    let profile = everything();
    for (dt_s, tolerance_k) in [(1.0, 5e-3), (0.125, 1e-3)] {
        let worst = worst_k(dt_s, &profile);
        assert!(worst < tolerance_k, "dt {dt_s} s: {worst} K");
    }
    // Negative control: each option by itself, a tenth off, is seen.
    let spoils: [(&str, Spoil); 16] = [
        ("memory heat", |p| p.satellite.memory.as_mut().expect("one").heat_frac *= 1.1),
        ("memory conductance", |p| p.satellite.memory.as_mut().expect("one").plate_kw_k *= 1.1),
        ("manifold", |p| p.coolant.manifold_kj_k = Some(66.0)),
        ("hot pipe", |p| p.coolant.hot_pipe_s *= 1.1),
        ("cold pipe", |p| p.coolant.cold_pipe_s *= 1.1),
        ("heater", |p| p.coolant.heater.as_mut().expect("one").heater_kw *= 1.1),
        ("lost loop", |p| p.coolant.loops_frac *= 1.1),
        ("face b's infrared", |p| p.radiator.emissivity_b_frac *= 1.1),
        ("face b's sunlight", |p| p.radiator.solar_absorptivity_b_frac *= 1.1),
        ("fin", |p| p.radiator.fin.as_mut().expect("one").length_m *= 1.1),
        ("neighbours", |p| p.radiator.neighbour_view_frac *= 1.1),
        ("structure", |p| p.radiator.loss_w_k *= 1.1),
        ("air", |p| p.radiator.convection_w_m2k *= 1.1),
        ("array's view", |p| p.own_array.as_mut().expect("one").view_b_frac *= 1.1),
        ("array's heat", |p| p.own_array.as_mut().expect("one").heat_frac *= 1.1),
        ("array's capacity", |p| p.own_array.as_mut().expect("one").heat_capacity_kj_m2k = Some(3.3)),
    ];
    for (what, spoil) in spoils {
        let mut wrong = everything();
        spoil(&mut wrong);
        let worst = worst_k(1.0, &wrong);
        assert!(worst > 2e-2, "{what}: {worst} K");
    }
}

#[test]
fn states_of_rest_agree_with_an_independent_solver_and_with_waiting() {
    let model = FlightModel::new(&everything(), REFERENCE_SHARE);
    let env = world(0.0, true);
    for row in rows("steady") {
        let rest = model.steady(&env, Watts(row[0])).expect("a state of rest");
        for (a, b) in rest.temperatures_k(NODES).iter().zip(&row[1..]) {
            assert!((a - b).abs() < 1e-5, "{} W: {a} K, expected {b} K", row[0]);
        }
        let mut waited = rest.clone();
        for _ in 0..3000 {
            model.step(&mut waited, Watts(row[0]), &env, &env, 1.0);
        }
        let moved = rest.t.iter().zip(&waited.t).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(moved < 1e-6, "{} W: {moved} K", row[0]);
    }
}

/// What a profile's options may be, all at once.
fn some_options() -> impl Strategy<Value = Profile> {
    let flags = proptest::array::uniform8(any::<bool>());
    let ranges = (0.0..60.0_f64, 0.0..60.0_f64, 0.2..1.0_f64, 0.0..0.5_f64, 0.0..3.0_f64, 1..=8_usize);
    (flags, ranges).prop_map(|(on, (hot_s, cold_s, flow, view, film, panels))| {
        let mut p = everything();
        p.radiator.panels = panels;
        p.radiator.neighbour_view_frac = view;
        p.radiator.convection_w_m2k = film;
        p.coolant.flow_frac = flow;
        p.coolant.hot_pipe_s = if on[0] && hot_s > 0.25 { hot_s } else { 0.0 };
        p.coolant.cold_pipe_s = if on[1] && cold_s > 0.25 { cold_s } else { 0.0 };
        p.satellite.memory = p.satellite.memory.filter(|_| on[2]);
        p.coolant.manifold_kj_k = p.coolant.manifold_kj_k.filter(|_| on[3]);
        p.coolant.heater = p.coolant.heater.filter(|_| on[4]);
        p.radiator.fin = p.radiator.fin.filter(|_| on[5]);
        p.own_array = p.own_array.filter(|_| on[6]);
        if let Some(own) = &mut p.own_array {
            own.heat_capacity_kj_m2k = own.heat_capacity_kj_m2k.filter(|_| on[7]);
        }
        p
    })
}

/// Heat stored in the share, J, array left out: it is a neighbour, not a part.
fn stored_j(model: &FlightModel, state: &FlightState) -> f64 {
    let (n, t) = (&model.network, &state.t);
    let legs = n.die_j_k * t[DIE] + n.plate_j_k * t[PLATE] + n.hot_j_k * t[HOT] + n.cold_j_k * t[COLD];
    let added = n.at.memory.map_or(0.0, |k| n.memory_j_k * t[k]) + n.at.manifold.map_or(0.0, |k| n.manifold_j_k * t[k]);
    let full_w_k = n.flow(Running::FULL).rate_w_k;
    let piped = state.pipes.as_ref().map_or(0.0, |p| p.content_k_s(n.hot_pipe_s, true) + p.content_k_s(n.cold_pipe_s, false));
    legs + added + full_w_k * piped + n.panel_j_k * model.panels_k(state).iter().sum::<f64>()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_jacobian_of_every_option_is_that_of_its_rates(
        profile in some_options(), mut t in temperatures(), open in 0.1..0.95_f64, board_w in 0.0..80.0_f64,
    ) {
        let model = FlightModel::new(&profile, REFERENCE_SHARE);
        t[COLD] = Kelvin::from(profile.coolant.minimum_supply).0 + open * profile.coolant.bypass_band_k;
        // Off the heater's two corners as well.
        prop_assume!([13.5, 15.0].iter().all(|c| (t[COLD] - Kelvin::from(Celsius(*c)).0).abs() > 0.01));
        let sky = model.network.skin.sky(&world(900.0, true));
        match model.nodes() {
            7 => differs_by_one::<7>(&model, &t, &sky, board_w)?,
            9 => differs_by_one::<9>(&model, &t, &sky, board_w)?,
            11 => differs_by_one::<11>(&model, &t, &sky, board_w)?,
            13 => differs_by_one::<13>(&model, &t, &sky, board_w)?,
            15 => differs_by_one::<15>(&model, &t, &sky, board_w)?,
            _ => {}
        }
    }

    #[test]
    fn whatever_the_options_energy_is_conserved(profile in some_options(), board_w in 0.0..90.0_f64, sun in any::<bool>()) {
        let model = FlightModel::new(&profile, REFERENCE_SHARE);
        let mut state = model.uniform(Kelvin(295.0));
        let env = world(0.0, sun);
        let flows = |state: &FlightState| {
            let view = model.view(state);
            view.heater_w.unwrap_or(0.0) - view.radiated_w - view.lost_w
        };
        model.step(&mut state, Watts(board_w), &env, &env, 1e-6);
        let before = stored_j(&model, &state);
        let (mut entered, mut turned_over) = (0.0, 0.0);
        let mut last = flows(&state);
        for _ in 0..4000 {
            model.step(&mut state, Watts(board_w), &env, &env, 0.25);
            let now = flows(&state);
            entered += 0.25 * (board_w * 1.12 + f64::midpoint(last, now));
            turned_over += 0.25 * (board_w + now.abs());
            last = now;
        }
        let off = stored_j(&model, &state) - before - entered;
        prop_assert!(off.abs() < 3e-4 * turned_over + 3.0, "{off} J of {turned_over} J appear");
    }

    #[test]
    fn without_work_nothing_gets_hotter_than_the_hottest(profile in some_options(), t in temperatures(), k in 200.0..320.0_f64) {
        let mut profile = profile;
        // Everything outside is at one temperature; a heater would be work.
        profile.coolant.heater = None;
        profile.radiator.structure = Kelvin(k).into();
        let glow = crate::constants::STEFAN_BOLTZMANN_W_M2K4 * k.powi(4);
        let face = Face { ir_w_m2: glow, ..Face::default() };
        // The array hides nothing, so it has no place in a closed box.
        profile.own_array = None;
        let env = Sample { a: face, b: face, ambient: Some(Kelvin(k)), ..sample(0.0) };
        let model = FlightModel::new(&profile, REFERENCE_SHARE);
        let n = model.nodes();
        let (coldest, hottest) = t[..n].iter().fold((k, k), |(a, b), v| (a.min(*v), b.max(*v)));
        let mut state = model.state(t);
        for _ in 0..900 {
            model.step(&mut state, Watts(0.0), &env, &env, 1.0);
            for now in state.temperatures_k(n) {
                prop_assert!(*now > coldest - 2e-3 && *now < hottest + 2e-3, "{now} K outside {coldest}..{hottest} K");
            }
        }
        // Negative control: all at the box's temperature stays there, to the last digit but rounding.
        let mut still = model.uniform(Kelvin(k));
        model.step(&mut still, Watts(0.0), &env, &env, 600.0);
        prop_assert!(still.temperatures_k(n).iter().all(|v| (v - k).abs() < 1e-9));
    }

    #[test]
    fn steps_split_anyhow_lead_to_the_same_place(profile in some_options(), parts in prop::collection::vec(0.05..3.0_f64, 1..8)) {
        let model = FlightModel::new(&profile, REFERENCE_SHARE);
        let env = world(0.0, true);
        let run = |steps: &[f64]| {
            let mut state = model.uniform(Kelvin(292.0));
            let mut t = 0.0;
            for dt in steps.iter().cycle() {
                let dt = dt.min(400.0 - t);
                model.step(&mut state, Watts(60.0), &env, &env, dt);
                t += dt;
                if t > 400.0 - 1e-9 {
                    break;
                }
            }
            state
        };
        let (even, odd) = (run(&[0.5]), run(&parts));
        for (a, b) in even.temperatures_k(model.nodes()).iter().zip(odd.temperatures_k(model.nodes())) {
            prop_assert!((a - b).abs() < 2e-2, "{a} K in even steps, {b} K in {parts:?}");
        }
    }

    #[test]
    fn a_share_scales_watts_and_no_delay(profile in some_options(), share in 1e-5..1.0_f64) {
        let (small, large) = (FlightModel::new(&profile, REFERENCE_SHARE), FlightModel::new(&profile, share));
        let (mut a, mut b) = (small.uniform(Kelvin(300.0)), large.uniform(Kelvin(300.0)));
        let env = world(0.0, true);
        let ratio = share / REFERENCE_SHARE;
        for _ in 0..200 {
            small.step(&mut a, Watts(72.0), &env, &env, 1.0);
            large.step(&mut b, Watts(72.0 * ratio), &env, &env, 1.0);
        }
        for (x, y) in a.temperatures_k(small.nodes()).iter().zip(b.temperatures_k(large.nodes())) {
            prop_assert!((x - y).abs() < 1e-6);
        }
        let (one, other) = (small.view(&a), large.view(&b));
        prop_assert!((other.radiated_w / ratio - one.radiated_w).abs() < 1e-6 * one.radiated_w.abs() + 1e-6);
        prop_assert!((other.lost_w / ratio - one.lost_w).abs() < 1e-6 * one.lost_w.abs() + 1e-6);
    }
}

fn differs_by_one<const N: usize>(model: &FlightModel, t: &[f64; MAX_NODES], sky: &Sky, board_w: f64) -> Result<(), TestCaseError> {
    let flow = model.network.flow(model.network.as_built());
    // Once as it flies, what the pipes give standing still, and once as it rests.
    for (hot_out_k, cold_out_k) in [(None, None), (Some(301.0), None), (Some(301.0), Some(288.0))] {
        let driven = Driven { network: &model.network, flow: &flow, sky, board_w, hot_out_k, cold_out_k };
        matches_differences::<N>(&driven, *t.first_chunk().expect("nodes"))?;
    }
    Ok(())
}

#[test]
fn the_air_counts_only_where_there_is_air() {
    let mut profile = everything();
    profile.radiator.convection_w_m2k = 5.0;
    let model = FlightModel::new(&profile, REFERENCE_SHARE);
    let (ground, vacuum) = (world(0.0, false), Sample { ambient: None, ..world(0.0, false) });
    let panel = |env: &Sample| model.view(&model.steady(env, Watts(72.0)).expect("rest")).panels()[0].0;
    assert!(panel(&ground) < panel(&vacuum) - 5.0);
    profile.radiator.convection_w_m2k = 0.0;
    let bare = FlightModel::new(&profile, REFERENCE_SHARE);
    assert_eq!(bare.steady(&ground, Watts(72.0)).map(|s| s.t), bare.steady(&vacuum, Watts(72.0)).map(|s| s.t));
}

#[test]
fn a_lost_loop_a_tripped_pump_and_frozen_coolant_show() {
    let profile = everything();
    let model = FlightModel::new(&profile, REFERENCE_SHARE);
    let env = world(0.0, true);
    let whole = model.steady(&env, Watts(72.0)).expect("rest");
    let mut lost = profile.clone();
    lost.coolant.loops_frac = 0.375;
    let half = FlightModel::new(&lost, REFERENCE_SHARE);
    let hotter = half.view(&half.steady(&env, Watts(72.0)).expect("rest")).die.0 - model.view(&whole).die.0;
    assert!(hotter > 3.0, "{hotter} K");
    // Lost in flight, once all has settled: the same as flown without it from the start.
    let mut underway = whole.clone();
    underway.set_loops_left_frac(lost.coolant.loops_frac / profile.coolant.loops_frac);
    for _ in 0..20_000 {
        model.step(&mut underway, Watts(72.0), &env, &env, 1.0);
    }
    let (late, early) = (model.view(&underway).die.0, half.view(&half.steady(&env, Watts(72.0)).expect("rest")).die.0);
    assert!((late - early).abs() < 0.01, "{late} K and {early} K");

    // Pumps stand: no rest, the plate takes all heat and the panels go their own way.
    let mut tripped = whole.clone();
    tripped.set_flow_frac(0.0);
    for _ in 0..60 {
        model.step(&mut tripped, Watts(72.0), &env, &env, 1.0);
    }
    let (before, after) = (model.view(&whole), model.view(&tripped));
    let rise_k_s = (after.plate.0 - before.plate.0) / 60.0;
    let free_k_s = 72.0 * 1.12 / (400.0 + 30.0 + 25.0);
    assert!((rise_k_s / free_k_s - 1.0).abs() < 0.05, "{rise_k_s} K/s, {free_k_s} K/s without any loss");
    assert_eq!(after.supply, before.supply, "what stands in the pipe stays there");
    let mut stopped = profile.clone();
    stopped.coolant.flow_frac = 0.0;
    assert_eq!(FlightModel::new(&stopped, REFERENCE_SHARE).steady(&env, Watts(72.0)), None);

    let view = model.view(&model.steady(&world(0.0, false), Watts(2.0)).expect("rest"));
    let coldest = view.panels().iter().fold(f64::MAX, |low, p| low.min(p.0));
    assert!(view.frozen(), "{view:?}");
    assert!((view.margin_k.expect("declared") - (coldest - 253.15)).abs() < 1e-9);
    assert!(!model.view(&whole).frozen() && model.view(&whole).margin_k.expect("declared") > 20.0);
    let mut silent = profile;
    silent.coolant.freezing = None;
    assert_eq!(FlightModel::new(&silent, REFERENCE_SHARE).view(&whole).margin_k, None);
}

/// The published example: one node of 6.3 kJ/m2K that loses most of its load in eclipse, 756 W becoming 86 W, falls to about
/// -39 °C at 9 K/min, far below a 12 °C dew point. It leaves the area open: 330 K at full load (two faces of emissivity 0.9, edge-on
/// over 237 W/m2 at 560 km) and the 35.6 min of a noon-midnight eclipse make it so.
#[test]
fn a_radiator_without_its_load_overcools() {
    let mut p = profile();
    p.radiator.panels = 1;
    (p.radiator.emissivity_frac, p.radiator.emissivity_b_frac, p.radiator.fin_efficiency_frac) = (0.9, 0.9, 1.0);
    p.radiator.heat_capacity_kj_m2k = 6.3;
    p.radiator.area_m2 = 1.0;
    let glow_w_m2 = 237.0 * 0.256;
    let sheds_w_m2 = 1.8 * (crate::constants::STEFAN_BOLTZMANN_W_M2K4 * 330.0_f64.powi(4) - glow_w_m2);
    let area_m2 = 756.0 / sheds_w_m2;
    let model = FlightModel::new(&p, area_m2);
    // The node alone: the coolant stands, the load comes as if it were sunlight.
    let mut state = model.uniform(Kelvin(330.0));
    state.set_flow_frac(0.0);
    let sky = |load_w: f64| Sky { sunlight_w_m2: load_w / area_m2, ..model.network.skin.sky(&shine(glow_w_m2, 0.0)) };
    model.advance(&mut state, Watts(0.0), &sky(756.0), &sky(756.0), 600.0);
    assert!((state.t[FIRST_PANEL] - 330.0).abs() < 1e-6, "balanced at full load: {} K", state.t[FIRST_PANEL]);
    model.advance(&mut state, Watts(0.0), &sky(86.0), &sky(86.0), 10.0);
    let k_min = (330.0 - state.t[FIRST_PANEL]) * 6.0;
    assert!((k_min - 9.0).abs() < 0.5, "{k_min} K/min");
    model.advance(&mut state, Watts(0.0), &sky(86.0), &sky(86.0), 35.6 * 60.0 - 10.0);
    let cold = Celsius::from(Kelvin(state.t[FIRST_PANEL])).0;
    assert!((cold + 39.0).abs() < 0.7, "{cold} °C");
}

#[test]
fn a_heater_and_its_valve_hold_the_coolant_that_they_warm() {
    let model = FlightModel::new(&everything(), REFERENCE_SHARE);
    let mut state = model.uniform(Celsius(-10.0).into());
    let env = world(0.0, false);
    let mut used_j = 0.0;
    for _ in 0..20_000 {
        used_j += model.view(&state).heater_w.expect("a heater");
        model.step(&mut state, Watts(0.0), &env, &env, 1.0);
    }
    let view = model.view(&state);
    assert!(view.supply.0 > 287.15 && view.heater_w.expect("a heater") > 0.0, "{view:?}");
    assert!(used_j > 10_000.0);
    let mut without = everything();
    without.coolant.heater = None;
    let model = FlightModel::new(&without, REFERENCE_SHARE);
    let mut state = model.uniform(Celsius(-10.0).into());
    for _ in 0..20_000 {
        model.step(&mut state, Watts(0.0), &env, &env, 1.0);
    }
    assert_eq!(model.view(&state).heater_w, None);
    assert!(model.view(&state).supply < Kelvin::from(Celsius(-9.0)), "negative control: {}", model.view(&state).supply);
}
