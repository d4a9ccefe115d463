//! Tests of the Moon's surface: published sinks, the length of its day, and the Sun's height.

use super::*;
use crate::constants::{DAY_S, SYNODIC_MONTH_D};
use crate::environment::{AlbedoModel, Attitude, Environment, Panel, Surroundings};
use crate::place::Place;
use crate::regolith;
use proptest::prelude::*;

fn panel(attitude: Attitude) -> Panel {
    Panel { attitude, tilt_error_deg: 0.0, emissivity_frac: 0.88, solar_absorptivity_frac: 0.0 }
}

fn on_the_moon(latitude_deg: f64, local_time_h: f64, epoch: &str, panel: Panel) -> Environment {
    let epoch: Centuries = epoch.parse::<jiff::Timestamp>().expect("a literal").into();
    let around = Surroundings {
        solar_constant_w_m2: 1361.0,
        albedo_frac: regolith::ALBEDO_FRAC,
        planet_ir_w_m2: regolith::NIGHT_W_M2,
        albedo_model: AlbedoModel::Disc,
    };
    Environment::new(epoch, Place::LunarSurface(LunarSurface::at_local_time(latitude_deg, local_time_h, epoch)), around, panel)
}

const PERIHELION: &str = "2026-01-03T00:00:00Z";

#[test]
fn an_upright_panel_has_the_published_sinks() {
    // Infrared alone, as the published rows: noon with regolith near 390 K, and the end of the night at 95 K.
    let upright = Attitude::Fixed { tilt_deg: 90.0, azimuth_deg: 0.0 };
    for (local_time_h, sink_k) in [(12.0, 328.0), (0.0, 80.0)] {
        let sample = on_the_moon(0.0, local_time_h, PERIHELION, panel(upright)).at(0.0);
        assert!((sample.sink.0 - sink_k).abs() < 1.0, "{local_time_h} h: {}", sample.sink);
        assert!((sample.a.ir_w_m2 - sample.b.ir_w_m2).abs() < 1e-9);
    }
    // Edge-on to the Sun is upright, and seen from the equator nearly the same panel.
    let edge = on_the_moon(0.0, 12.0, PERIHELION, panel(Attitude::SunEdge)).at(0.0);
    assert!((edge.sink.0 - 328.0).abs() < 1.0 && edge.a.solar_w_m2 == 0.0);
}

#[test]
fn a_panel_on_the_ground_sees_nothing_else() {
    let sample = on_the_moon(0.0, 12.0, PERIHELION, panel(Attitude::Nadir)).at(0.0);
    assert!((sample.b.ir_w_m2 - 1312.0).abs() < 13.0 && sample.a.ir_w_m2 == 0.0);
    assert!((sample.a.solar_w_m2 - sample.solar_w_m2 * sample.beta_deg.to_radians().sin()).abs() < 1e-9);
    assert!((sample.b.albedo_w_m2 - 0.073 * sample.solar_w_m2).abs() < 0.5);
}

#[test]
fn a_day_is_a_synodic_month_and_half_of_it_is_dark() {
    let site = on_the_moon(0.0, 6.0, PERIHELION, panel(Attitude::SunEdge));
    assert!((site.period_s() / 60.0 - 42_523.0).abs() < 2.0);
    let edges = site.shadow_edges(0.0, 400.0 * DAY_S);
    let starts: Vec<f64> = edges.iter().filter(|e| e.contact == crate::Contact::UmbraIn).map(|e| e.mission_s).collect();
    let ends: Vec<f64> = edges.iter().filter(|e| e.contact == crate::Contact::UmbraOut).map(|e| e.mission_s).collect();
    assert!((12..=14).contains(&starts.len()), "{}", starts.len());
    let mean_day_d = (starts[starts.len() - 1] - starts[0]) / (starts.len() - 1) as f64 / DAY_S;
    assert!((mean_day_d - SYNODIC_MONTH_D).abs() < 0.1, "{mean_day_d}");
    for start in &starts {
        if let Some(end) = ends.iter().find(|end| *end > start) {
            // Half the Sun's disc each side of the horizon and the month's unevenness: half an hour and some hours.
            assert!(((end - start) / 3600.0 - 354.0).abs() < 5.0, "{} h", (end - start) / 3600.0);
        }
    }
    // A sunset takes as long as the disc needs: 0.53 deg at half a degree an hour.
    let set = edges.iter().position(|e| e.contact == crate::Contact::PenumbraIn).expect("a sunset");
    assert!(((edges[set + 1].mission_s - edges[set].mission_s) / 3600.0 - 1.05).abs() < 0.08);
}

#[test]
fn edges_are_where_the_light_changes() {
    let site = on_the_moon(40.0, 3.0, PERIHELION, panel(Attitude::SunEdge));
    let edges = site.shadow_edges(0.0, 60.0 * DAY_S);
    assert!(edges.len() >= 8);
    for edge in edges {
        let (before, after) = (site.at(edge.mission_s - 0.05).illumination, site.at(edge.mission_s + 0.05).illumination);
        assert!(before != after, "{edge:?}: {before} to {after}");
    }
}

#[test]
fn near_the_pole_the_sun_rolls_along_the_horizon() {
    let pole = on_the_moon(89.9, 0.0, PERIHELION, panel(Attitude::SunEdge));
    for (_, sample) in pole.timeline(0.0, 366.0 * DAY_S, DAY_S) {
        assert!(sample.beta_deg.abs() < 1.7, "{}", sample.beta_deg);
    }
    // A longitude is a place: noon comes there when it should.
    let middle = LunarSurface::new(0.0, 0.0);
    let full_moon: Centuries = "2026-01-03T10:03:00Z".parse::<jiff::Timestamp>().expect("a literal").into();
    assert!(middle.sun(full_moon).direction[2] > 0.985);
}

proptest! {
    #[test]
    fn nothing_is_ever_negative_or_too_bright(
        t in -3e8..3e8_f64, latitude_deg in -90.0..90.0_f64, tilt_deg in 0.0..180.0_f64, azimuth_deg in 0.0..360.0_f64, error_deg in 0.0..30.0_f64,
    ) {
        let attitude = Attitude::Fixed { tilt_deg, azimuth_deg };
        let panel = Panel { tilt_error_deg: error_deg, solar_absorptivity_frac: 0.3, ..panel(attitude) };
        let s = on_the_moon(latitude_deg, 3.0, PERIHELION, panel).at(t);
        prop_assert!((0.0..=1.0).contains(&s.illumination) && (-90.0..=90.0).contains(&s.beta_deg));
        for face in [s.a, s.b] {
            prop_assert!((0.0..=1425.0).contains(&face.solar_w_m2));
            prop_assert!((0.0..=110.0).contains(&face.albedo_w_m2));
            prop_assert!((0.0..=1330.0).contains(&face.ir_w_m2), "{}", face.ir_w_m2);
        }
        prop_assert!(s.sink.0 > 70.0 && s.sink.0 < 420.0, "{}", s.sink);
        prop_assert_eq!(s.ambient, None);
    }
}
