use super::*;
use crate::Policy;
use model::power::PowerShare;
use model::{Contact, Profile};
use signal::Watts;

/// A tropical year.
const YEAR_S: f64 = 365.2422 * 86_400.0;

fn profile(name: &str) -> Profile {
    let (name, text) = model::profile::builtin().iter().find(|(n, _)| *n == name).expect("shipped");
    Profile::parse(name, text).expect("sound")
}

fn governor(profile: &Profile) -> Governor {
    let power = PowerShare::new(profile, 72.0 * 1.12 / 100e3);
    Governor { power, idle: Watts(16.0), full: Watts(72.0), policy: Policy::FollowSun, draw: None }
}

/// From within a shadow the light is where it is, whatever the data do there: an orbit before tells, to what the Sun and the orbit's plane move in one orbit. A
/// geostationary shadow comes 236 s later each orbit, since that is how far a solar day is longer than a sidereal one.
#[test]
fn where_an_orbits_data_end_it_is_as_an_orbit_before() {
    for name in ["shell-1000", "noon-midnight-560", "dawn-dusk-650", "geostationary"] {
        let profile = profile(name);
        let (governor, env) = (governor(&profile), &profile.environment);
        let period_s = env.period_s();
        let known = Ahead::of(&governor, env);
        let edges = env.shadow_edges(period_s, 3.0 * period_s);
        let into = edges.iter().find(|e| e.contact == Contact::UmbraIn).expect("a shadow").mission_s;
        let out = edges.iter().find(|e| e.contact == Contact::PenumbraOut && e.mission_s > into).expect("its end").mission_s;
        let light_s = known.edge((into + 1.0, period_s), false).expect("known");
        assert!(light_s < out && out - light_s < 0.1 * (out - into), "{name}: {light_s} of {into} to {out}");
        for part in [0.0, 0.3, 0.9] {
            let end_s = into + 1.0 + part * (light_s - into - 2.0);
            let cut = Ahead { known_s: 0.0..=end_s, ..known.clone() };
            let found_s = cut.edge((end_s, period_s), false).expect("as an orbit before");
            let moved_s = 10.0 + period_s * period_s / YEAR_S;
            assert!((found_s - light_s).abs() < moved_s && found_s > end_s, "{name}, {end_s}: {found_s} and {light_s}");
        }
    }
}

fn table(rows: &str) -> Profile {
    let (name, text) = model::profile::builtin().iter().find(|(n, _)| *n == "dawn-dusk-650").expect("shipped");
    let (head, rest) = text.split_once("[orbit]").expect("an orbit");
    let (_, rest) = rest.split_once("\n[environment]").expect("what follows it");
    let sky = "[orbit]\nkind = \"timeline\"\nepoch = 2026-06-21T00:00:00Z\nlongest_gap_s = 10000.0\ntable = \"\"\"\n";
    // A table says itself how bright the surroundings are.
    let rest = rest.split_once("\n[radiator]").expect("a radiator").1;
    let text = format!("{head}{sky}t_s,illumination_frac,array_w_m2,sink_degc\n{rows}\"\"\"\n\n[radiator]{rest}");
    Profile::parse(name, &text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A table says nothing beyond its last row: one that ends in the dark stays dark, and one that ends in the light may be dark from there.
#[test]
fn beyond_a_table_it_is_taken_to_be_dark() {
    let ends_dark = table("0,1,1361,-90\n1000,1,1361,-90\n1001,0,0,-90\n2000,0,0,-90\n");
    let governor = governor(&ends_dark);
    let ahead = Ahead::of(&governor, &ends_dark.environment);
    let from_s = ahead.edge((0.0, 2000.0), true).expect("in the table");
    assert!((1000.0..1001.0).contains(&from_s), "{from_s}");
    assert_eq!(ahead.edge((from_s, 2000.0), false), None);
    // Flown again and again it begins anew.
    let again = Ahead::again_and_again(&governor, &ends_dark.environment, 2000.0);
    let light_s = again.edge((from_s, 2000.0), false).expect("at its beginning");
    assert!((light_s - 2000.0).abs() < 0.01, "{light_s}");
    let ends_light = table("0,0,0,-90\n500,0,0,-90\n501,1,1361,-90\n2000,1,1361,-90\n");
    let governor = self::governor(&ends_light);
    let ahead = Ahead::of(&governor, &ends_light.environment);
    let light_s = ahead.edge((0.0, 2000.0), false).expect("in the table");
    assert!((500.0..501.0).contains(&light_s), "{light_s}");
    let from_s = ahead.edge((light_s, 2000.0), true).expect("at its end");
    assert!((from_s - 2000.0).abs() < 0.01, "{from_s}");
}
