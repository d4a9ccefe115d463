//! Tests of the environment in orbit; places have theirs in files of their own.

use super::*;
use crate::orbit::SunSynchronous;
use proptest::prelude::*;

/// An environment with the usual brightness and an ordinary panel.
pub(crate) fn environment(altitude_km: f64, ltan_h: f64, epoch: &str, attitude: Attitude) -> Environment {
    let epoch = epoch.parse::<jiff::Timestamp>().expect("a literal").into();
    let surroundings =
        Surroundings { solar_constant_w_m2: 1361.0, albedo_frac: 0.30, planet_ir_w_m2: 237.0, albedo_model: AlbedoModel::Disc };
    let panel = Panel { attitude, tilt_error_deg: 0.0, emissivity_frac: 0.88, solar_absorptivity_frac: 0.07 };
    let orbit = SunSynchronous::new(altitude_km, ltan_h, 0.0, epoch).expect("low enough");
    Environment::new(epoch, Trajectory::SunSynchronous(orbit), surroundings, panel)
}

const MIDSUMMER: &str = "2026-06-21T00:00:00Z";

/// The same without reflected sunlight.
fn without_albedo(mut environment: Environment) -> Environment {
    environment.surroundings.albedo_frac = 0.0;
    environment
}

#[test]
fn sinks_of_planet_infrared_alone_are_the_published_ones() {
    // altitude km, edge-on factor, sink K: both faces edge-on, 237 W/m2, no albedo.
    for (altitude_km, factor, sink_k) in [(560.0, 0.256, 181.0), (600.0, 0.249, 180.0), (650.0, 0.241, 178.0)] {
        let sample = without_albedo(environment(altitude_km, 18.0, MIDSUMMER, Attitude::SunEdge)).at(0.0);
        assert!((sample.a.ir_w_m2 / 237.0 - factor).abs() < 1e-3, "{altitude_km} km: {}", sample.a.ir_w_m2 / 237.0);
        assert_eq!(sample.a, sample.b);
        assert!((sample.sink.0 - sink_k).abs() < 1.0, "{altitude_km} km: {}", sample.sink);
    }
}

#[test]
fn a_face_down_has_the_published_sink() {
    let mut environment = without_albedo(environment(560.0, 12.0, MIDSUMMER, Attitude::Nadir));
    environment.surroundings.solar_constant_w_m2 = 0.0;
    let sample = environment.at(0.0);
    // The published 244 K is for the lower face alone; the two-faced panel radiates twice as much from the same heat.
    let face_alone_k = (sample.b.ir_w_m2 / STEFAN_BOLTZMANN_W_M2K4).powf(0.25);
    assert!((face_alone_k - 244.0).abs() < 0.5, "{face_alone_k}");
    assert!((sample.sink.0 * 2.0_f64.powf(0.25) - face_alone_k).abs() < 1e-5);
    assert_eq!(sample.a.ir_w_m2, 0.0);
}

#[test]
fn in_the_dark_only_earth_glows() {
    let dark = environment(560.0, 12.0, MIDSUMMER, Attitude::Nadir);
    let edges = dark.shadow_edges(0.0, dark.period_s());
    let night = edges.iter().find(|e| e.contact == crate::Contact::UmbraIn).expect("a night").mission_s + 60.0;
    let sample = dark.at(night);
    assert_eq!((sample.illumination, sample.solar_w_m2, sample.array_w_m2), (0.0, 0.0, 0.0));
    assert_eq!((sample.a, sample.b.solar_w_m2, sample.b.albedo_w_m2), (Face::default(), 0.0, 0.0));
    assert!((sample.b.ir_w_m2 - 237.0 * 0.845).abs() < 0.5);
}

#[test]
fn a_face_to_the_sun_gets_all_of_it_and_albedo_follows_the_ground_below() {
    let noon = environment(560.0, 12.0, MIDSUMMER, Attitude::SunNormal);
    let samples: Vec<Sample> = noon.timeline(0.0, noon.period_s(), 10.0).map(|(_, s)| s).collect();
    for s in &samples {
        assert_eq!((s.a.solar_w_m2, s.b.solar_w_m2), (s.solar_w_m2, 0.0));
    }
    // Subsolar: face b looks straight down on a fully lit Earth, and sees it as 1/H2 of a hemisphere.
    let brightest = samples.iter().map(|s| s.b.albedo_w_m2).fold(0.0, f64::max);
    let full_sun = samples.iter().map(|s| s.solar_w_m2).fold(0.0, f64::max);
    let beta = samples[0].beta_deg.to_radians();
    assert!((brightest - 0.3 * full_sun * 0.845_1 * beta.cos().powi(2)).abs() < 8.0, "{brightest} of {full_sun}");
}

#[test]
fn dawn_and_dusk_is_side_on_to_the_sun() {
    let dawn = environment(650.0, 18.0, "2026-01-05T00:00:00Z", Attitude::SunEdge);
    for (t, sample) in dawn.timeline(0.0, dawn.period_s(), 60.0) {
        assert!(sample.beta_deg.abs() > 60.0, "{} at {t}", sample.beta_deg);
        assert_eq!(sample.illumination, 1.0);
        assert_eq!((sample.a.solar_w_m2, sample.b.solar_w_m2), (0.0, 0.0));
    }
}

#[test]
fn a_timeline_has_both_ends_and_no_drift() {
    let environment = environment(650.0, 18.0, MIDSUMMER, Attitude::SunEdge);
    let times: Vec<f64> = environment.timeline(0.0, 86_400.0, 0.1).map(|(t, _)| t).step_by(86_400).collect();
    assert_eq!(times.len(), 11);
    assert!(times.iter().enumerate().all(|(k, t)| (t - k as f64 * 8640.0).abs() < 1e-9));
    assert_eq!(environment.timeline(0.0, 25.0, 10.0).count(), 3);
}

/// A circle above the equator of Earth, which no other way to know a trajectory makes: fluxes by the planet alone, edge-on.
#[test]
fn higher_orbits_have_their_published_sinks() {
    // height km, edge-on factor, sink K, of the planet's infrared of 237 W/m2 alone: rows of the scenarios.
    for (height_km, factor, sink_k) in
        [(420.0, 0.284, 186.0), (560.0, 0.256, 181.0), (1000.0, 0.194, 169.0), (20_200.0, 0.003, 59.0), (35_786.0, 0.0007, 42.0)]
    {
        let mut environment = without_albedo(environment(650.0, 18.0, MIDSUMMER, Attitude::SunEdge));
        environment.surroundings.planet_ir_w_m2 = 237.0;
        environment.surroundings.solar_constant_w_m2 = 0.0;
        let (mut state, sun) = environment.geometry(0.0).expect("an orbit");
        state.radius_km = crate::constants::EARTH_RADIUS_KM + height_km;
        let sample = environment.in_orbit(Body::Earth, &state, &sun);
        assert!((sample.a.ir_w_m2 / 237.0 - factor).abs() < 5.5e-4, "{height_km} km: {}", sample.a.ir_w_m2 / 237.0);
        assert!((sample.sink.0 - sink_k).abs() < 1.0, "{height_km} km: {}", sample.sink);
    }
}

#[test]
fn a_low_lunar_orbiter_is_between_oven_and_freezer() {
    let mut environment = environment(650.0, 18.0, "2026-01-03T00:00:00Z", Attitude::Nadir);
    environment.surroundings.albedo_frac = crate::regolith::ALBEDO_FRAC;
    environment.surroundings.planet_ir_w_m2 = crate::regolith::NIGHT_W_M2;
    let (mut state, sun) = environment.geometry(0.0).expect("an orbit");
    let view = PlateToSphere::new(1837.4, 1737.4).factor(1.0);
    for (zenith, least, most) in [(sun.direction, 0.97, 1.0), (scaled(sun.direction, -1.0), 0.0, 0.004)] {
        state = State { zenith, radius_km: 1837.4, ..state };
        let sample = environment.in_orbit(Body::Moon, &state, &sun);
        let part = sample.b.ir_w_m2 / (1312.0 * view);
        assert!((least..=most).contains(&part), "{part}");
        // What is not scattered is given off again, a little more at night.
        let both = sample.b.ir_w_m2 + sample.b.albedo_w_m2 - crate::regolith::NIGHT_W_M2 * view;
        assert!((sample.b.albedo_w_m2 - 0.073 * both).abs() < 1e-9);
    }
}

#[test]
fn a_timeline_is_what_at_says() {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * a.abs().max(1.0);
    for (altitude_km, ltan_h, attitude, error_deg) in [
        (650.0, 18.0, Attitude::SunEdge, 0.0),
        (560.0, 12.0, Attitude::Nadir, 2.0),
        (650.0, 18.0, Attitude::Fixed { tilt_deg: 30.0, azimuth_deg: 70.0 }, 0.0),
    ] {
        let mut environment = environment(altitude_km, ltan_h, MIDSUMMER, attitude);
        environment.panel.tilt_error_deg = error_deg;
        environment.circle = environment.circle();
        let mut penumbra = 0;
        for (t, quick) in environment.timeline(-3000.0, 3.0 * 86_400.0, 7.0) {
            let sample = environment.at(t);
            // In penumbra light comes and goes within seconds: there a nanosecond counts.
            let within = if sample.illumination > 0.0 && sample.illumination < 1.0 { 1e-5 } else { 1e-12 };
            penumbra += usize::from(within > 1e-9);
            assert!((quick.illumination - sample.illumination).abs() <= within, "{quick:?} {sample:?}");
            assert!(near(quick.beta_deg, sample.beta_deg) && near(quick.sink.0, sample.sink.0), "{quick:?} {sample:?}");
            for (q, s) in [(quick.a, sample.a), (quick.b, sample.b)] {
                assert!(near(q.albedo_w_m2, s.albedo_w_m2) && near(q.ir_w_m2, s.ir_w_m2), "{q:?} {s:?}");
                assert!((q.solar_w_m2 - s.solar_w_m2).abs() < 1400.0 * (within + 1e-6));
            }
        }
        assert!(penumbra > 20, "{penumbra}");
    }
}

#[test]
fn the_hand_calculation_of_albedo_is_still_there() {
    let mut environment = environment(650.0, 18.0, MIDSUMMER, Attitude::Nadir);
    environment.surroundings.albedo_model = AlbedoModel::Subsatellite;
    for t in [0.0, 700.0, 1500.0, 3000.0] {
        let (sample, (state, sun)) = (environment.at(t), environment.geometry(t).expect("an orbit"));
        let full = 1361.0 / sun.distance_au.powi(2);
        let seen = PlateToSphere::new(state.radius_km, Body::Earth.radius_km()).factor(1.0);
        let expected = 0.3 * full * dot(state.zenith, sun.direction).max(0.0) * seen;
        assert!((sample.b.albedo_w_m2 - expected).abs() < 1e-9 && sample.a.albedo_w_m2 == 0.0);
    }
}

#[test]
fn a_twilight_zone_still_shines() {
    // Dawn-dusk at its steepest: the ground below hardly sees the Sun, half of the disc is lit all the same.
    let dawn = environment(650.0, 18.0, "2026-03-20T00:00:00Z", Attitude::Nadir);
    let least = dawn.timeline(0.0, dawn.period_s(), 30.0).map(|(_, s)| s.b.albedo_w_m2).fold(f64::MAX, f64::min);
    assert!(least > 1.0, "{least}");
}

proptest! {
    #[test]
    fn nothing_is_ever_negative_or_too_bright(
        t in -3e8..3e8_f64,
        altitude_km in 150.0..5900.0_f64,
        ltan_h in 0.0..24.0_f64,
        attitude in prop::sample::select(vec![Attitude::SunEdge, Attitude::Nadir, Attitude::SunNormal, Attitude::Fixed { tilt_deg: 60.0, azimuth_deg: 30.0 }]),
        error_deg in prop::sample::select(vec![0.0, 5.0, 60.0]),
    ) {
        let mut environment = environment(altitude_km, ltan_h, MIDSUMMER, attitude);
        environment.panel.tilt_error_deg = error_deg;
        environment.circle = environment.circle();
        let s = environment.at(t);
        prop_assert!((0.0..=1.0).contains(&s.illumination));
        prop_assert!((0.0..=1410.0).contains(&s.solar_w_m2));
        prop_assert!((-90.0..=90.0).contains(&s.beta_deg));
        for face in [s.a, s.b] {
            prop_assert!((0.0..=1410.0).contains(&face.solar_w_m2));
            prop_assert!((0.0..=0.3 * 1410.0).contains(&face.albedo_w_m2));
            prop_assert!((0.0..=237.0).contains(&face.ir_w_m2));
        }
        prop_assert!(s.sink.0.is_finite() && s.sink.0 > 30.0 && s.sink.0 < 400.0, "{}", s.sink);
    }
}
