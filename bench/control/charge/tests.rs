//! How full the battery is, the darks ahead, and the orbit that recurs.

use super::*;
use crate::Policy;
use model::Profile;
use model::power::PowerShare;
use model::profile::Eclipse;
use proptest::prelude::*;

/// The part of this satellite that a board of 72 W stands for.
fn share(profile: &Profile) -> f64 {
    72.0 * (1.0 + profile.satellite.overhead_frac) / (profile.satellite.heat_kw * 1e3)
}

fn profile(name: &str) -> Profile {
    let (name, text) = model::profile::builtin().iter().find(|(n, _)| *n == name).expect("shipped");
    Profile::parse(name, text).expect("sound")
}

fn governor(profile: &Profile) -> Governor {
    Governor {
        power: PowerShare::new(profile, share(profile)),
        idle: Watts(16.0),
        full: Watts(72.0),
        policy: Policy::FollowSun,
        draw: None,
    }
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
    let exits: Vec<f64> = env
        .shadow_edges(entries[0], 2.0 * env.period_s())
        .iter()
        .filter(|e| e.contact == model::Contact::PenumbraOut)
        .map(|e| e.mission_s)
        .collect();
    let ahead = Ahead::of(&governor, env);
    let mut charge = Charge::new(BatteryState::FULL, env.period_s());
    let from_s = entries[0] - 1000.0;
    charge.look(&ahead, &env.at(from_s), from_s);
    assert!((charge.left_s(from_s) - 1000.0).abs() < 15.0, "{charge:?}");
    // What the dark will take is known before it begins.
    assert!((charge.dark_left_s(from_s) - (exits[0] - entries[0])).abs() < 25.0, "{charge:?}");
    assert!(!charge.nears_dark(exits[0] + 100.0) || charge.light_s < 0.0);
    let inside_s = from_s + 1100.0;
    charge.look(&ahead, &env.at(inside_s), inside_s);
    assert!((charge.dark_left_s(inside_s) - (exits[0] - inside_s)).abs() < 15.0, "{charge:?}");
    assert!(charge.nears_dark(inside_s));
    // Once it is over the next one is looked for, and until half-way the last one is nearer.
    let after_s = exits[0] + 100.0;
    charge.look(&ahead, &env.at(after_s), after_s);
    assert!((charge.left_s(after_s) - (entries[1] - after_s)).abs() < 15.0, "{charge:?}");
    assert!(!charge.nears_dark(after_s) && charge.nears_dark(entries[1] - 100.0));
    // A place that has no period has days.
    let mut blind = Charge::new(BatteryState::FULL, f64::NAN);
    let january = self::profile("dawn-dusk-650-january");
    blind.look(&Ahead::of(&governor, &january.environment), &january.environment.at(0.0), 0.0);
    assert_eq!((blind.left_s(0.0), blind.dark_left_s(0.0)), (DAY_S, 0.0));
}

/// The state of charge, step by step, of a board that draws just what it may from `start` on, in ticks of `dt_s`.
fn drawn(governor: &Governor, env: &Environment, start: BatteryState, (duration_s, dt_s): (f64, f64)) -> Vec<f64> {
    let ahead = Ahead::of(governor, env);
    let mut charge = Charge::new(start, env.period_s());
    let mut found = vec![start.soc_frac()];
    for k in 0..(duration_s / dt_s) as usize {
        let mission_s = k as f64 * dt_s;
        let (now, next) = (env.at(mission_s), env.at(mission_s + dt_s));
        let (lean, at_s) = governor.leaner((&now, mission_s), (&next, mission_s + dt_s));
        charge.look(&ahead, lean, at_s);
        let budget = governor.supply(lean, Some(&charge), at_s).budget;
        governor.exchange(&mut charge, budget, &now, &next, dt_s);
        found.push(charge.battery.soc_frac());
    }
    found
}

fn lowest(found: &[f64]) -> f64 {
    found.iter().copied().fold(1.0, f64::min)
}

/// Where an orbit begins and ends is a matter of its epoch: in the dark or in the light, it leads to the same charge and the same budgets.
#[test]
fn a_cycle_is_the_same_wherever_it_begins() {
    let of = |start_deg: f64, policy: &Policy| {
        let (name, text) = model::profile::builtin().iter().find(|(n, _)| *n == "noon-midnight-560").expect("shipped");
        let line = |l: &str| if l.starts_with("start_deg") { format!("start_deg = {start_deg:?}") } else { l.to_owned() };
        let profile = Profile::parse(name, &text.lines().map(line).collect::<Vec<_>>().join("\n")).expect("sound");
        let governor = Governor { policy: policy.clone(), ..governor(&profile) };
        let cycle = Cycle::find(&governor, &profile.environment, profile.environment.period_s()).expect("a battery");
        (governor.dark(&profile.environment.at(0.0)), load(&cycle), cycle.lowest_frac)
    };
    for policy in [Policy::FollowSun, Policy::Battery] {
        let found: Vec<_> = (0..12).map(|k| of(30.0 * f64::from(k), &policy)).collect();
        assert!(found.iter().any(|f| f.0) && found.iter().any(|f| !f.0), "{found:?}");
        for each in &found {
            assert!((each.1 - found[0].1).abs() < 2e-4 && (each.2 - found[0].2).abs() < 1e-3, "{}: {found:?}", policy.word());
        }
    }
}

/// Batteries whose depth bus and idle boards leave something of keep to it under every policy that draws on them, over the orbit that recurs and over days.
#[test]
fn who_draws_on_the_battery_leaves_what_the_dark_will_take() {
    for name in ["geostationary", "meo-20200", "shell-1000", "iss-420", "lunar-orbit-100", "dawn-dusk-1400", "noon-midnight-560"] {
        for ride in [false, true] {
            let mut profile = profile(name);
            spec_of(&mut profile).eclipse = if ride { Eclipse::Ride } else { Eclipse::Idle };
            let floor = 1.0 - spec_of(&mut profile).depth_frac;
            let period_s = profile.environment.period_s();
            for policy in [Policy::FollowSun, Policy::Battery] {
                let governor = Governor { policy, ..governor(&profile) };
                let cycle = Cycle::find(&governor, &profile.environment, period_s).expect("a battery");
                let flown = lowest(&drawn(&governor, &profile.environment, cycle.start, (3.0 * period_s, 10.0)));
                let words = format!("{name}, ride {ride}, {}: {} in the cycle, {flown} flown", governor.policy.word(), cycle.lowest_frac);
                assert!(cycle.lowest_frac > floor - 1e-3 && flown > floor - 1e-3 && cycle.unmet_j == 0.0, "{words}");
            }
        }
    }
}

/// The environment of these rows: time, illumination, sunlight on the array.
fn table(rows: &[(f64, f64, f64)]) -> Profile {
    let (name, text) = model::profile::builtin().iter().find(|(n, _)| *n == "dawn-dusk-650").expect("shipped");
    let (head, rest) = text.split_once("[orbit]").expect("an orbit");
    let rest = rest.split_once("[radiator]").expect("a radiator").1;
    let rows = rows.iter().map(|(t, lit, sun)| format!("{t},{lit},{sun},-90")).collect::<Vec<_>>().join("\n");
    let sky = "kind = \"timeline\"\nepoch = 2026-06-21T00:00:00Z\nlongest_gap_s = 100000.0";
    let text =
        format!("{head}[orbit]\n{sky}\ntable = \"\"\"\nt_s,illumination_frac,array_w_m2,sink_degc\n{rows}\n\"\"\"\n\n[radiator]{rest}");
    Profile::parse(name, &text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Rows of a sky that is lit (1), dark (0) or in between for so long, with a second from one to the next.
fn sky(parts: &[(f64, f64)]) -> Profile {
    let mut rows = Vec::new();
    let mut t = 0.0;
    for (lit, seconds) in parts {
        rows.extend([(t, *lit, 1361.0 * lit), (t + seconds - 1.0, *lit, 1361.0 * lit)]);
        t += seconds;
    }
    table(&rows)
}

/// Skies that no orbit has. Where the battery is large enough for bus and idle boards through the longest dark, every policy keeps to its depth; where nobody says
/// when the light comes back nothing of it is for the compute; and where it never is dark it stays full.
#[test]
fn odd_skies_leave_the_battery_its_depth() {
    for (what, parts, ends) in [
        ("begins and ends in the dark", &[(0.0, 1200.0), (1.0, 3000.0), (0.0, 900.0)][..], None),
        ("ends soon after it got dark", &[(1.0, 4000.0), (0.0, 2000.0), (1.0, 3000.0), (0.0, 60.0)], None),
        ("begins just before the light", &[(0.0, 30.0), (1.0, 3000.0), (0.0, 2000.0), (1.0, 3000.0)], None),
        ("ends in the light", &[(1.0, 3000.0), (0.0, 2000.0), (1.0, 3000.0)], Some(0.99)),
        ("is never dark", &[(1.0, 6000.0)], Some(1.0)),
        ("falls slowly", &[(1.0, 3000.0), (0.8, 900.0), (0.5, 900.0), (0.0, 1200.0), (0.5, 900.0), (1.0, 3000.0)], None),
        ("is never quite light", &[(0.5, 3000.0), (0.0, 600.0), (0.5, 3000.0)], None),
    ] {
        let profile = sky(parts);
        for policy in [Policy::FollowSun, Policy::Battery] {
            let governor = Governor { policy, ..governor(&profile) };
            let period_s = profile.environment.period_s();
            let cycle = Cycle::find(&governor, &profile.environment, period_s).expect("a battery");
            let found = drawn(&governor, &profile.environment, cycle.start, (period_s, 10.0));
            let words = format!("{what}, {}: {} in the cycle, {} flown", governor.policy.word(), cycle.lowest_frac, lowest(&found));
            assert!(cycle.recovers() && cycle.unmet_j == 0.0 && cycle.lowest_frac > 0.6 - 1e-3, "{words}");
            assert!(lowest(&found) > 0.6 - 1e-3, "{words}");
            assert!(ends.is_none_or(|least: f64| *found.last().expect("flown") >= least), "{words}");
        }
    }
}

/// A table that ends in the dark, from a battery that has more than the floor: it spends nothing on compute there, and what it does by belief in a light that
/// recurs would. The same in the dark that lasts: polar night, for which no battery is large enough, takes bus and idle boards and no more.
#[test]
fn a_dark_whose_end_nobody_knows_is_not_spent_on() {
    let idles = |profile: &Profile, from_s: f64| {
        let governor = Governor { policy: Policy::Battery, ..governor(profile) };
        let env = &profile.environment;
        let mut charge = Charge::new(BatteryState::FULL, env.period_s());
        charge.look(&Ahead::of(&governor, env), &env.at(from_s), from_s);
        (governor.supply(&env.at(from_s), Some(&charge), from_s).budget.0, charge.dark_left_s(from_s))
    };
    assert_eq!(idles(&sky(&[(1.0, 4000.0), (0.0, 600.0)]), 4100.0), (16.0, f64::INFINITY));
    let (budget_w, dark_s) = idles(&sky(&[(1.0, 4000.0), (0.0, 600.0), (1.0, 600.0)]), 4100.0);
    assert!(budget_w > 28.0 && (dark_s - 500.0).abs() < 5.0, "{budget_w} W for {dark_s} s");
    assert_eq!(idles(&sky(&[(0.0, 6000.0)]), 100.0), (16.0, f64::INFINITY));
    // 85 deg north on the Moon is dark for months: the axis leans by 1.5 deg, and the Sun's disc is half a degree.
    let (name, text) = model::profile::builtin().iter().find(|(n, _)| *n == "lunar-night").expect("shipped");
    let (from, to) = ("latitude_deg", "latitude_deg = 89.9 #");
    let polar =
        text.lines().map(|l| if l.starts_with(from) { l.replacen(from, to, 1) } else { l.to_owned() }).collect::<Vec<_>>().join("\n");
    let mut night = Profile::parse(name, &polar).unwrap_or_else(|problems| panic!("{problems}"));
    night.battery = profile("dawn-dusk-650").battery;
    let (env, free) = (&night.environment, governor(&night));
    let winter_s = (0..24).map(|k| f64::from(k) * 15.0 * DAY_S).find(|t| (0..60).all(|k| free.dark(&env.at(t + f64::from(k) * DAY_S))));
    let winter_s = winter_s.expect("two months of dark within a year");
    assert_eq!(idles(&night, winter_s), (16.0, f64::INFINITY));
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
            charge.look(&Ahead::of(&governor, &profile.environment), &start, t);
            let supply = governor.supply(&start, Some(&charge), t);
            prop_assert!((16.0..=72.0).contains(&supply.budget.0) && supply.available.0 >= 0.0 && supply.array_w >= 0.0);
            governor.exchange(&mut charge, Watts(*board), &start, &end, 60.0);
            prop_assert!((0.0..=1.0).contains(&charge.battery.soc_frac()));
        }
    }
}
