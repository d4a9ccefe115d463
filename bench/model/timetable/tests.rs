//! Tests of the reader, and of flying what was read.

use super::*;
use crate::environment::{AlbedoModel, Attitude, Environment, Panel, Surroundings};
use crate::place::Place;
use crate::time::Centuries;
use proptest::prelude::*;

const GOOD: &str = "\
# made elsewhere
t_s, illumination_frac, array_w_m2, a_solar_w_m2, a_albedo_w_m2, a_ir_w_m2, b_solar_w_m2, b_albedo_w_m2, b_ir_w_m2
0,   1, 1361, 100, 20, 60, 0, 30, 80

60,  1, 1361, 200, 20, 60, 0, 10, 80
90,  0, 0,    0,   0,  60, 0, 0,  80
";

fn flown(table: &str) -> Environment {
    let table = Timetable::parse(table, 3600.0).unwrap_or_else(|faults| panic!("{faults:?}"));
    let panel = Panel { attitude: Attitude::SunEdge, tilt_error_deg: 0.0, emissivity_frac: 0.8, solar_absorptivity_frac: 0.2 };
    let around = Surroundings { solar_constant_w_m2: 1361.0, albedo_frac: 0.3, planet_ir_w_m2: 237.0, albedo_model: AlbedoModel::Disc };
    Environment::new(Centuries(0.26), Place::Timeline(table), around, panel)
}

fn faults(table: &str) -> Vec<(usize, String)> {
    Timetable::parse(table, 3600.0).expect_err("not sound").into_iter().map(|f| (f.line, f.message)).collect()
}

#[test]
fn rows_are_met_and_joined_by_straight_lines() {
    let env = flown(GOOD);
    assert_eq!((env.span_s(), env.period_s()), (0.0..=90.0, 90.0));
    let first = env.at(0.0);
    assert_eq!((first.a.solar_w_m2, first.b.albedo_w_m2, first.illumination), (100.0, 30.0, 1.0));
    let between = env.at(45.0);
    assert_eq!((between.a.solar_w_m2, between.b.albedo_w_m2, between.solar_w_m2), (175.0, 15.0, 1361.0));
    assert_eq!(env.at(75.0).illumination, 0.5);
    assert!(env.at(75.0).beta_deg.is_nan(), "nobody said");
    // The balance by hand: alpha (175 + 20 + 15) + eps (60 + 80) = 2 eps sigma T4.
    let expected = ((0.2 * 210.0 + 0.8 * 140.0) / (1.6 * STEFAN_BOLTZMANN_W_M2K4)).powf(0.25);
    assert!((between.sink.0 - expected).abs() < 1e-5);
    assert!(env.shadow_edges(0.0, 90.0).is_empty());
}

#[test]
fn nothing_is_extrapolated() {
    let env = flown(GOOD);
    let faces = |t: f64| (env.at(t).a, env.at(t).b);
    assert_eq!(faces(1e6), faces(90.0));
    assert_eq!(faces(-5.0), faces(0.0));
    assert_eq!(env.timeline(0.0, 90.0, 30.0).last().map(|(t, s)| (t, s.illumination)), Some((90.0, 0.0)));
}

#[test]
fn a_sink_is_a_sink() {
    let env = flown("t_s,illumination_frac,array_w_m2,sink_degc\n0,1,1361,-90\n100,1,1361,-70\n");
    for (t, degc) in [(0.0, -90.0), (50.0, -80.0), (100.0, -70.0)] {
        assert!((Celsius::from(env.at(t).sink).0 - degc).abs() < 1e-4, "{} at {t}", env.at(t).sink);
    }
}

#[test]
fn what_is_wrong_is_refused_by_line() {
    let head = "t_s,illumination_frac,array_w_m2,sink_degc\n";
    for (rows, line, expected) in [
        ("0,1,1361,-90\n60,1,1361,-90\n60,1,1361,-90\n", 4, "not after 60"),
        ("0,1,1361,-90\n60,1,1361,-90\n30,1,1361,-90\n", 4, "not after 60"),
        ("0,1,1361,-90\n60,1,nan,-90\n", 3, "`array_w_m2` = NaN is impossible"),
        ("0,1,1361,-90\n60,1,-3,-90\n", 3, "`array_w_m2` = -3 is impossible"),
        ("0,1,1361,-90\n60,1.2,1361,-90\n", 3, "`illumination_frac` = 1.2 is impossible"),
        ("0,1,1361,-90\n60,,1361,-90\n", 3, "`illumination_frac` is empty"),
        ("0,1,1361,-90\n60,1,1361\n", 3, "3 fields: expected 4"),
        ("0,1,1361,-90\n60,1,lots,-90\n", 3, "\"lots\": expected a number"),
        ("5,1,1361,-90\n60,1,1361,-90\n", 2, "expected 0"),
        ("0,1,1361,-90\n9000,1,1361,-90\n", 3, "a gap of 9000 s"),
        ("0,1,1361,-90\n", 2, "1 rows are no timeline"),
    ] {
        let found = faults(&format!("{head}{rows}"));
        assert!(found.len() == 1 && found[0].0 == line && found[0].1.contains(expected), "{rows:?}: {found:?}");
    }
    for (head, expected) in [
        ("t_s,illumination_frac,sink_degc", "`array_w_m2` is missing"),
        ("t_s,illumination_frac,array_w_m2", "`sink_degc` or all six"),
        ("t_s,illumination_frac,array_w_m2,sink_degc,a_ir_w_m2", "one or the other"),
        ("t_s,illumination_frac,array_w_m2,sink_k", "`sink_k` is not known"),
        ("t_s,t_s,illumination_frac,array_w_m2,sink_degc", "there twice"),
    ] {
        let found = faults(&format!("\n{head}\n0,1,1,1\n"));
        assert!(found.len() == 1 && found[0].0 == 2 && found[0].1.contains(expected), "{head}: {found:?}");
    }
    assert!(faults("")[0].1.contains("empty"));
    // All problems at once.
    assert_eq!(faults(&format!("{head}0,2,1361,-90\n60,1,-1,-900\n")).len(), 3);
}

proptest! {
    #[test]
    fn no_text_panics_the_reader(text in "[a-z_0-9,.\\-\n #]{0,300}") {
        let _ = Timetable::parse(&text, 100.0);
    }

    #[test]
    fn between_rows_is_between_their_values(t in -10.0..100.0_f64) {
        let sample = flown(GOOD).at(t);
        prop_assert!((0.0..=200.0).contains(&sample.a.solar_w_m2) && (60.0..=60.0).contains(&sample.a.ir_w_m2));
        prop_assert!(sample.sink.0 > 100.0 && sample.sink.0 < 300.0);
    }
}
