//! Orbits as they are written in profiles: what each way of writing gives, and what is refused.

use crate::profile::{Profile, builtin};
use crate::trajectory::{Body, Trajectory};
use crate::vector::dot;

const EPOCH: &str = "epoch = 2026-06-21T00:00:00Z\n";

/// A shipped profile with `[orbit]` replaced.
fn flown(orbit: &str) -> Result<Profile, String> {
    let (_, text) = builtin()[0];
    let (head, rest) = (text.split("[orbit]").next().expect("a head"), text.split("[environment]").nth(1).expect("the rest"));
    // The Moon's infrared is not a number of the profile.
    let lunar = orbit.contains("'moon'");
    let rest: String = rest.split_inclusive('\n').filter(|line| !(lunar && line.starts_with("planet_ir_w_m2"))).collect();
    let text = format!("{head}[orbit]\n{EPOCH}{orbit}\n[environment]{rest}");
    Profile::parse("p.toml", &text).map_err(|problems| problems.to_string())
}

#[test]
fn an_orbit_is_what_was_written() {
    // Keys, period in s, lowest and highest altitude, inclination at the epoch, body.
    for (keys, period_s, low_km, high_km, inclination_deg, body) in [
        ("kind = 'circular'\naltitude_km = 420\ninclination_deg = 51.6\nraan_deg = 10", 5578.2, 420.0, 420.0, 51.6, Body::Earth),
        ("kind = 'circular'\naltitude_km = 20200\ninclination_deg = 55\nltan_h = 6", 43_121.6, 20_200.0, 20_200.0, 55.0, Body::Earth),
        ("kind = 'geostationary'\nlongitude_deg = 19.2", 86_170.5, 35_788.1, 35_788.1, 0.0, Body::Earth),
        ("kind = 'geostationary'", 86_170.5, 35_788.1, 35_788.1, 0.0, Body::Earth),
        (
            "kind = 'elliptic'\nperigee_altitude_km = 600\napogee_altitude_km = 39900\ninclination_deg = 63.4\nraan_deg = 0\nargument_of_perigee_deg = 270",
            43_205.2,
            600.0,
            39_900.0,
            63.4,
            Body::Earth,
        ),
        (
            "kind = 'elliptic'\nsemi_major_axis_km = 26628.137\neccentricity = 0.7379407\ninclination_deg = 63.4\nltan_h = 10\nargument_of_perigee_deg = 270",
            43_243.4,
            600.0,
            39_900.0,
            63.4,
            Body::Earth,
        ),
    ] {
        let profile = flown(keys).unwrap_or_else(|why| panic!("{keys}:\n{why}"));
        let trajectory = profile.environment.trajectory().expect("an orbit");
        assert_eq!(trajectory.body(), body);
        let radii: Vec<f64> = (0..=2000).map(|k| trajectory.at(trajectory.period_s() * f64::from(k) / 2000.0).radius_km).collect();
        let (least, most) = radii.iter().fold((f64::MAX, 0.0_f64), |(a, b), r| (a.min(*r), b.max(*r)));
        let pole_deg = trajectory.at(0.0).pole[2].acos().to_degrees();
        for (what, got, expected, within) in [
            ("period", trajectory.period_s(), period_s, period_s * 1.5e-3),
            ("lowest", least - body.radius_km(), low_km, 0.5),
            ("highest", most - body.radius_km(), high_km, 0.5),
            ("inclination", pole_deg, inclination_deg, 1e-5),
        ] {
            assert!((got - expected).abs() <= within, "{keys}: {what} {got}, expected {expected}");
        }
    }
}

#[test]
fn the_ways_to_write_an_ellipse_agree() {
    let rest = "kind = 'elliptic'\ninclination_deg = 40\nraan_deg = 20\nargument_of_perigee_deg = 30\nmean_anomaly_deg = 50\n";
    let (low, high) = (700.0, 3700.0);
    let (a, e) = (6378.137 + 2200.0, 1500.0 / (6378.137 + 2200.0));
    let mut places = Vec::new();
    for shape in [
        format!("perigee_altitude_km = {low}\napogee_altitude_km = {high}"),
        format!("perigee_altitude_km = {low}\neccentricity = {e}"),
        format!("perigee_altitude_km = {low}\nsemi_major_axis_km = {a}"),
        format!("apogee_altitude_km = {high}\neccentricity = {e}"),
        format!("apogee_altitude_km = {high}\nsemi_major_axis_km = {a}"),
        format!("semi_major_axis_km = {a}\neccentricity = {e}"),
    ] {
        let profile = flown(&format!("{rest}{shape}")).unwrap_or_else(|why| panic!("{shape}:\n{why}"));
        places.push(profile.environment.trajectory().expect("an orbit").at(5e5));
    }
    for place in &places {
        assert!((place.radius_km - places[0].radius_km).abs() < 1e-6 && dot(place.zenith, places[0].zenith) > 1.0 - 1e-12);
    }
}

#[test]
fn a_sun_synchronous_orbit_made_from_elements_keeps_its_sun() {
    // The special kind and the general one agree on pole and radius for a year: two programs for one orbit.
    let special = flown("kind = 'sun_synchronous'\naltitude_km = 650\nltan_h = 18").expect("sound");
    let general = flown("kind = 'circular'\naltitude_km = 650\ninclination_deg = 97.98613\nltan_h = 18").expect("sound");
    let (special, general) = (special.environment.trajectory().expect("an orbit"), general.environment.trajectory().expect("an orbit"));
    for day in 0..=365 {
        let t = f64::from(day) * 86_400.0;
        assert!(dot(special.at(t).pole, general.at(t).pole) > 1.0 - 1e-7, "day {day}");
    }
    assert!((special.period_s() - general.period_s()).abs() < 1e-6);
}

#[test]
fn a_lunar_inclination_is_to_the_moons_equator() {
    let profile = flown("kind = 'circular'\nbody = 'moon'\naltitude_km = 100\ninclination_deg = 90\nltan_h = 12").expect("sound");
    let trajectory = profile.environment.trajectory().expect("an orbit");
    assert_eq!(trajectory.body(), Body::Moon);
    assert!(matches!(trajectory, Trajectory::Kepler(_)));
    assert!((trajectory.period_s() / 60.0 - 117.8).abs() < 0.05);
    let [.., pole] = crate::kepler::equator(Body::Moon, profile.epoch.into());
    assert!(dot(trajectory.at(0.0).pole, pole).abs() < 1e-9, "a polar orbit");
    // The Sun is overhead at the node: in the plane but for the Moon's 1.5 deg of tilt.
    assert!(profile.environment.at(0.0).beta_deg.abs() < 1.6, "{}", profile.environment.at(0.0).beta_deg);
}

#[test]
fn the_impossible_is_refused_by_words_and_line() {
    let ellipse = "kind = 'elliptic'\ninclination_deg = 40\nraan_deg = 20\nargument_of_perigee_deg = 30\n";
    for (keys, expected) in [
        (
            "kind = 'circular'\naltitude_km = 90\ninclination_deg = 50\nraan_deg = 0",
            "p.toml:11:15: `orbit.altitude_km`: its lowest point is 90.0 km",
        ),
        ("kind = 'circular'\naltitude_km = 950000\ninclination_deg = 50\nraan_deg = 0", "beyond the sphere of influence"),
        ("kind = 'circular'\nbody = 'moon'\naltitude_km = 5\ninclination_deg = 90\nraan_deg = 0", "mountains"),
        ("kind = 'circular'\nbody = 'moon'\naltitude_km = 70000\ninclination_deg = 90\nraan_deg = 0", "at most 66180 km"),
        (
            "kind = 'circular'\nbody = 'mars'\naltitude_km = 500\ninclination_deg = 90\nraan_deg = 0",
            "\"mars\" is not known: expected one of `earth`, `moon`",
        ),
        ("kind = 'circular'\naltitude_km = 500\ninclination_deg = 190\nraan_deg = 0", "expected a number from 0 to 180"),
        ("kind = 'circular'\naltitude_km = 500\ninclination_deg = 50", "`orbit.raan_deg`: missing: expected the node's right ascension"),
        ("kind = 'circular'\naltitude_km = 500\ninclination_deg = 50\nraan_deg = 0\nltan_h = 1", "`orbit.ltan_h`: the node is given twice"),
        ("kind = 'circular'\naltitude_km = 500\ninclination_deg = 50\nraan_h = 0\nltan_h = 1", "`raan_h` in [orbit] should be `raan_deg`"),
        (
            &format!("{ellipse}perigee_altitude_km = -50\napogee_altitude_km = 900"),
            "`orbit.perigee_altitude_km`: its lowest point is -50.0 km",
        ),
        (&format!("{ellipse}perigee_altitude_km = 900\napogee_altitude_km = 500"), "lowest point is above the highest"),
        (
            &format!("{ellipse}perigee_altitude_km = 900"),
            "an ellipse takes two of `perigee_altitude_km`, `apogee_altitude_km`, `semi_major_axis_km`, `eccentricity`: found perigee_altitude_km",
        ),
        (&format!("{ellipse}perigee_altitude_km = 900\neccentricity = 0.1\nsemi_major_axis_km = 9000"), "an ellipse takes two of"),
        (&format!("{ellipse}perigee_altitude_km = 900\neccentricity = 1.0"), "expected a number from 0 to 0.999999"),
        (&format!("{ellipse}perigee_altitude_km = 900\neccentricity = 0.999"), "beyond the sphere of influence"),
        ("kind = 'geostationary'\nlongitude_deg = 400", "expected a number from -180 to 360"),
        ("kind = 'geostationary'\ninclination_deg = 3", "unknown key `inclination_deg` in [orbit]"),
    ] {
        let why = flown(keys).expect_err(keys);
        assert!(why.contains(expected), "{keys}:\n{why}");
        // The text around the orbit is sound, so that one thing is one problem.
        assert_eq!(why.lines().count(), 1, "{why}");
    }
    // Everything wrong about one orbit comes at once.
    let why = flown("kind = 'circular'\naltitude_km = 'high'\ninclination_deg = 500").expect_err("all wrong");
    for key in ["altitude_km", "inclination_deg", "raan_deg"] {
        assert!(why.contains(key), "no {key} in {why}");
    }
}
