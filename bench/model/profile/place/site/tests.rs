//! Tests of profiles at places: what is read is flown, what is wrong is named.

use crate::environment::Attitude;
use crate::ground::Rejection;
use crate::place::Place;
use crate::profile::{Profile, builtin};
use signal::Kelvin;

fn shipped(name: &str) -> &'static str {
    builtin().iter().find(|(n, _)| *n == name).expect("built in").1
}

/// The dawn-dusk profile with its orbit and environment replaced, and lines of its radiator.
fn text(orbit: &str, environment: &str, radiator: &[(&str, &str)]) -> String {
    let shipped = shipped("dawn-dusk-650");
    let (head, rest) = shipped.split_once("[orbit]").expect("an orbit");
    let (_, rest) = rest.split_once("[radiator]").expect("a radiator");
    let mut rest = rest.to_owned();
    for (from, to) in radiator {
        assert!(rest.contains(from), "no {from}");
        rest = rest.replace(from, to);
    }
    format!("{head}[orbit]\n{orbit}\n{environment}\n[radiator]{rest}")
}

fn read(text: &str) -> Profile {
    Profile::parse("p.toml", text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn problems(text: &str) -> Vec<String> {
    Profile::parse("p.toml", text).expect_err("something is wrong").0.iter().map(ToString::to_string).collect()
}

const EPOCH: &str = "epoch = 2026-01-03T00:00:00Z";
const SUN: &str = "[environment]\nsolar_constant_w_m2 = 1361.0";
const UPRIGHT: (&str, &str) = ("attitude = \"sun_edge\"", "attitude = \"fixed\"\ntilt_deg = 90.0\nazimuth_deg = 0.0");

#[test]
fn places_have_their_published_sinks() {
    let moon = format!("{SUN}\nalbedo_frac = 0.073");
    let lunar = |hour: f64| format!("kind = \"lunar_surface\"\n{EPOCH}\nlatitude_deg = 0.0\nstart_local_time_h = {hour:.1}");
    let deep = format!("kind = \"deep_space\"\n{EPOCH}\ndistance_au = 1.0");
    let ground = |what: &str, degc: f64| format!("kind = \"ground\"\n{EPOCH}\nrejection = \"{what}\"\ninlet_degc = {degc:.1}");
    for (orbit, environment, sink_k, within) in [
        (lunar(12.0), moon.as_str(), 328.0, 1.0),
        (lunar(0.0), moon.as_str(), 80.0, 1.0),
        (deep, SUN, 3.0, 0.5),
        (ground("air", 22.0), "", 295.0, 0.5),
        (ground("liquid", 30.0), "", 303.0, 0.5),
    ] {
        let profile = read(&text(&orbit, environment, &[UPRIGHT, ("solar_absorptivity_frac = 0.07", "solar_absorptivity_frac = 0.0")]));
        let sample = profile.environment.at(0.0);
        assert!((sample.sink.0 - sink_k).abs() <= within, "{orbit}: {}", sample.sink);
        assert_eq!(sample.ambient.is_some(), matches!(profile.environment.place(), Place::Ground(_)));
        assert!(profile.environment.trajectory().is_none() && profile.duration_s == profile.environment.period_s());
    }
}

#[test]
fn sunlight_in_deep_space_thins_with_the_square_of_the_distance() {
    for (distance_au, expected) in [(1.0, 1361.0), (2.0, 340.25), (0.5, 5444.0)] {
        let orbit = format!("kind = \"deep_space\"\n{EPOCH}\ndistance_au = {distance_au:.1}");
        let profile = read(&text(&orbit, SUN, &[("attitude = \"sun_edge\"", "attitude = \"sun_pointing\"")]));
        let sample = profile.environment.at(0.0);
        assert!((sample.a.solar_w_m2 - expected).abs() < 1e-9 && sample.b.solar_w_m2 == 0.0);
        assert_eq!((sample.illumination, sample.a.ir_w_m2, sample.a.albedo_w_m2), (1.0, 0.0, 0.0));
        assert!(profile.environment.shadow_edges(0.0, 1e7).is_empty());
        // Edge-on, but not quite.
        let tilted = read(&text(&orbit, SUN, &[("attitude = \"sun_edge\"", "attitude = \"sun_edge\"\ntilt_error_deg = 5.0")]));
        let got = tilted.environment.at(0.0).a.solar_w_m2;
        assert!((got - expected * 5.0_f64.to_radians().sin()).abs() < 1e-9, "{got}");
    }
}

#[test]
fn a_ground_site_is_what_its_keys_say() {
    let orbit = format!(
        "kind = \"ground\"\n{EPOCH}\nrejection = \"liquid\"\ninlet_degc = 22.0\ninlet_swing_k = 5.0\nstart_local_time_h = 3.0\n\
         power = \"solar\"\nlatitude_deg = 35.0\ncapacity_factor_frac = 0.24"
    );
    let profile = read(&text(&orbit, SUN, &[]));
    assert!(matches!(profile.environment.place(), Place::Ground(site) if site.rejection == Rejection::Liquid));
    assert_eq!(profile.environment.at(0.0).ambient, Some(Kelvin(290.15)));
    assert_eq!(profile.environment.at(0.0).array_w_m2, 0.0);
    assert!(profile.environment.at(9.0 * 3600.0).array_w_m2 > 500.0);
    let found = problems(&text(&orbit.replace("0.24", "0.80"), SUN, &[]));
    assert!(found.len() == 1 && found[0].contains("a sky without clouds gives 0.3"), "{found:?}");
}

#[test]
fn a_timeline_is_flown_as_it_is_written() {
    let orbit = format!(
        "kind = \"timeline\"\n{EPOCH}\ntable = \"\"\"\nt_s,illumination_frac,array_w_m2,sink_degc\n0,1,1361,-90\n300,1,1361,-80\n600,0,0,-70\n\"\"\""
    );
    let profile = read(&text(&orbit, "", &[]));
    assert_eq!((profile.duration_s, profile.environment.span_s()), (600.0, 0.0..=600.0));
    assert!((profile.environment.at(150.0).sink.0 - 188.15).abs() < 1e-3);

    let line = |text: &str, what: &str| text.lines().position(|l| l.contains(what)).expect("there") + 1;
    let wrong = text(&orbit.replace("300,1,1361", "300,1,-1361").replace("600,0,0", "200,0,0"), "", &[]);
    let found = problems(&wrong);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with(&format!("p.toml:{}:1: `orbit.table`: `array_w_m2` = -1361 is impossible", line(&wrong, "300,1,-1361"))),
        "{found:?}"
    );
    let unordered = text(&orbit.replace("600,0,0", "200,0,0"), "", &[]);
    let found = problems(&unordered);
    assert!(
        found.len() == 1 && found[0].contains(&format!("p.toml:{}:1:", line(&unordered, "200,0,0"))) && found[0].contains("not after 300"),
        "{found:?}"
    );

    let long = text(&orbit, "", &[]).replace("duration_orbits = 1.0", "duration_orbits = 1.5");
    let found = problems(&long);
    assert!(
        found.len() == 1
            && found[0].contains("1.5 orbits of 600.0 s")
            && found[0].contains("longer than the data, which end after 600.000 s"),
        "{found:?}"
    );
}

#[test]
fn what_a_place_has_not_is_not_asked_for() {
    let deep = format!("kind = \"deep_space\"\n{EPOCH}\ndistance_au = 1.0");
    let found = problems(&text(&deep, &format!("{SUN}\nalbedo_frac = 0.3"), &[]));
    assert!(found.len() == 1 && found[0].contains("unknown key `albedo_frac`"), "{found:?}");
    let lunar = format!("kind = \"lunar_surface\"\n{EPOCH}\nlatitude_deg = 0.0");
    let found = problems(&text(&lunar, &format!("{SUN}\nalbedo_frac = 0.073"), &[]));
    assert!(found.len() == 1 && found[0].contains("expected `longitude_deg` (east positive), or `start_local_time_h`"), "{found:?}");
    let both = format!("{lunar}\nlongitude_deg = 0.0\nstart_local_time_h = 12.0");
    let found = problems(&text(&both, &format!("{SUN}\nalbedo_frac = 0.073\nplanet_ir_w_m2 = 100.0"), &[]));
    assert!(found.iter().any(|p| p.contains("remove one of them")), "{found:?}");
}

#[test]
fn design_pairs_stand_for_albedo_and_infrared() {
    let shipped = shipped("dawn-dusk-650");
    let orbit = "kind = \"sun_synchronous\"\naltitude_km = 650.0\nltan_h = 18.0\nepoch = 2026-06-21T00:00:00Z";
    for (design, albedo_frac, planet_ir_w_m2) in [("hot", 0.40, 286.0), ("cold", 0.20, 206.0)] {
        let profile = read(&text(orbit, &format!("{SUN}\ndesign = \"{design}\""), &[]));
        let around = profile.environment.surroundings();
        assert_eq!((around.albedo_frac, around.planet_ir_w_m2), (albedo_frac, planet_ir_w_m2));
    }
    let found = problems(&text(orbit, &format!("{SUN}\ndesign = \"hot\"\nalbedo_frac = 0.3"), &[]));
    assert!(found.len() == 1 && found[0].contains("remove this number, or `design`"), "{found:?}");
    let found = problems(&text(orbit, &format!("{SUN}\ndesign = \"warm\""), &[]));
    assert!(found.len() == 1 && found[0].contains("`cold`, `hot`"), "{found:?}");
    let found = problems(&shipped.replace("albedo_frac", "albedo_model = \"shiny\"\nalbedo_frac"));
    assert!(found.len() == 1 && found[0].contains("`disc`, `subsatellite`"), "{found:?}");
}

#[test]
fn coatings_age_and_panels_point_wrong() {
    let shipped = shipped("dawn-dusk-650");
    let aged = |age: f64| {
        let text =
            shipped.replace("solar_absorptivity_frac = 0.07", "solar_absorptivity_frac = 0.04\nend_of_life_solar_absorptivity_frac = 0.10");
        read(&format!("{text}\n[mission]\nage_years = {age:.1}\nlife_years = 5.0\n")).radiator.solar_absorptivity_frac
    };
    for (age, expected) in [(0.0, 0.04), (2.5, 0.07), (5.0, 0.10), (20.0, 0.10)] {
        assert!((aged(age) - expected).abs() < 1e-12, "{age} years");
    }
    let new =
        shipped.replace("solar_absorptivity_frac = 0.07", "solar_absorptivity_frac = 0.04\nend_of_life_solar_absorptivity_frac = 0.10");
    assert_eq!(read(&new).radiator.solar_absorptivity_frac, 0.04);

    // The published faults: 5 and 10 deg off edge-on take up 24 and 47 W/m2 more at an absorptivity of 0.2.
    for (error_deg, expected) in [(5.0, 23.7), (10.0, 47.3)] {
        let text = shipped.replace("attitude = \"sun_edge\"", &format!("attitude = \"sun_edge\"\ntilt_error_deg = {error_deg:.1}"));
        let environment = read(&text).environment;
        let sunlit = environment.timeline(0.0, environment.period_s(), 60.0).map(|(_, s)| s).find(|s| s.illumination == 1.0).expect("day");
        let taken_up = 0.2 * (sunlit.a.solar_w_m2 + sunlit.b.solar_w_m2) * 1361.0 / sunlit.solar_w_m2;
        assert!((taken_up - expected).abs() < 0.06, "{error_deg} deg: {taken_up}");
    }
    let fixed = shipped.replace("attitude = \"sun_edge\"", "attitude = \"fixed\"\ntilt_deg = 30.0");
    let found = problems(&fixed);
    assert!(found.len() == 1 && found[0].contains("missing `azimuth_deg`"), "{found:?}");
    let fixed = read(&format!("{}\n", fixed.replace("tilt_deg = 30.0", "tilt_deg = 30.0\nazimuth_deg = 90.0")));
    assert_eq!(fixed.radiator.attitude, Attitude::Fixed { tilt_deg: 30.0, azimuth_deg: 90.0 });
}

#[test]
fn shipped_places_are_what_their_titles_say() {
    // name, sink at its extreme K, share of the time in light, hours flown.
    for (name, sink_k, lit, hours) in [
        ("lunar-day", 328.0, 1.0, 354.4),
        ("lunar-night", 80.0, 0.0, 354.4),
        ("deep-space-1au", 3.0, 1.0, 24.0),
        ("ground-air", 295.0, 1.0, 24.0),
        ("ground-liquid", 303.0, 1.0, 24.0),
        ("ground-solar", 295.0, 0.6, 24.0),
    ] {
        let profile = Profile::parse(name, shipped(name)).unwrap_or_else(|p| panic!("{p}"));
        assert!((profile.duration_s / 3600.0 - hours).abs() < 0.1, "{name}: {} h", profile.duration_s / 3600.0);
        let middle = profile.environment.at(if name == "ground-solar" { 9.0 * 3600.0 } else { profile.duration_s / 2.0 });
        // The Moon's published row leaves out reflected sunlight, worth a kelvin.
        let within = if name == "lunar-day" { 2.0 } else { 1.0 };
        assert!((middle.sink.0 - sink_k).abs() < within, "{name}: {}", middle.sink);
        let (mut sum, mut count) = (0.0, 0.0);
        for (_, sample) in profile.environment.timeline(0.0, profile.duration_s, profile.duration_s / 500.0) {
            sum += sample.illumination;
            count += 1.0;
        }
        let share: f64 = sum / count;
        assert!((share - lit).abs() < 0.02, "{name}: {share}");
    }
}
