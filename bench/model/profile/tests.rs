use super::*;
use crate::environment::Attitude;
use proptest::prelude::*;

fn text(name: &str) -> &'static str {
    builtin().iter().find(|(n, _)| *n == name).expect("built in").1
}

/// The dawn-dusk profile with nothing in it that may be absent: without its `[own_array]`.
fn bare() -> String {
    let (before, rest) = text("dawn-dusk-650").split_once("[own_array]").expect("it has one");
    let (_, after) = rest.split_once("\n\n").expect("the end of the table");
    before.to_owned() + after
}

/// Keys of the shipped profiles that have a default.
const OPTIONAL: &[&str] = &["start_deg", "array_ageing_frac_year", "fade_frac_year"];

fn problems(text: &str) -> Vec<String> {
    Profile::parse("p.toml", text).err().map_or_else(Vec::new, |p| p.0.iter().map(ToString::to_string).collect())
}

/// The dawn-dusk profile with one key's value replaced.
fn with(key: &str, value: &str) -> String {
    let replaced: Vec<String> = text("dawn-dusk-650")
        .lines()
        .map(|line| if line.split_whitespace().next() == Some(key) { format!("{key} = {value}") } else { line.to_owned() })
        .collect();
    assert!(replaced.iter().any(|l| *l == format!("{key} = {value}")), "no {key} to replace");
    replaced.join("\n")
}

#[test]
fn how_work_crosses_an_eclipse_is_read_and_stays_in_memory_if_not_said() {
    let read = |more: &str| Profile::parse("p.toml", &format!("{}\n{more}", text("dawn-dusk-650")));
    for (more, crossing) in [
        ("", Crossing::Idle),
        ("[work]\neclipse = \"checkpoint\"", Crossing::Checkpoint),
        ("[work]\neclipse = \"restart\"", Crossing::Restart),
    ] {
        assert_eq!(read(more).expect("sound").crossing, crossing);
    }
    let why = read("[work]\neclipse = \"ride\"").expect_err("that is the battery's").to_string();
    assert!(why.contains("work.eclipse") && why.contains("checkpoint"), "{why}");
}

#[test]
fn every_profile_in_the_folder_is_built_in_and_sound() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../profiles");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the profiles folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .map(|path| path.file_stem().expect("a stem").to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut shipped: Vec<&str> = builtin().iter().map(|(name, _)| *name).collect();
    shipped.sort_unstable();
    assert_eq!(names, shipped);
    for (name, text) in builtin() {
        let profile = Profile::parse(name, text).unwrap_or_else(|p| panic!("{p}"));
        assert_eq!(profile.name, *name, "a profile is called as its file");
        assert!((1..=MAX_PANELS).contains(&profile.radiator.panels));
    }
}

#[test]
fn what_is_written_is_what_is_read() {
    let profile = Profile::parse("p.toml", text("dawn-dusk-650")).expect("sound");
    assert_eq!(profile.title, "Dawn-dusk, 650 km, in its eclipse season");
    assert_eq!(profile.epoch.to_string(), "2026-06-21T00:00:00Z");
    assert!((profile.duration_s - 5863.694).abs() < 1e-3);
    let pole = profile.environment.trajectory().expect("an orbit").at(0.0).pole;
    assert!((pole[2].acos().to_degrees() - 97.986).abs() < 1e-3);
    assert_eq!(profile.environment.surroundings().albedo_frac, 0.30);
    assert_eq!(profile.radiator.attitude, Attitude::SunEdge);
}

#[test]
fn seasons_are_as_the_titles_say() {
    for (name, dark_min) in [("dawn-dusk-650", 20.1), ("dawn-dusk-650-january", 0.0), ("noon-midnight-560", 35.7)] {
        let profile = Profile::parse(name, text(name)).expect("sound");
        let dark = profile.environment.timeline(0.0, profile.duration_s, 1.0).map(|(_, s)| 1.0 - s.illumination).sum::<f64>();
        assert!((dark / 60.0 - dark_min).abs() < 0.5, "{name}: {} min", dark / 60.0);
    }
}

#[test]
fn each_missing_key_is_one_problem_that_names_it() {
    let text = bare();
    let mut keys = 0;
    for (index, line) in text.lines().enumerate() {
        let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        let key = key.trim();
        let rest: Vec<&str> = text.lines().enumerate().filter(|(i, _)| *i != index).map(|(_, l)| l).collect();
        let found = problems(&rest.join("\n"));
        if OPTIONAL.contains(&key) {
            assert!(found.is_empty(), "{key} has a default");
        } else {
            assert!(found.len() == 1 && found[0].contains(&format!("missing `{key}`")), "without {key}: {found:?}");
        }
        keys += 1;
    }
    assert!(keys > 35);
}

#[test]
fn every_key_in_another_unit_is_found_out() {
    for (right, wrong) in [
        ("altitude_km", "altitude_m"),
        ("ltan_h", "ltan_deg"),
        ("solar_constant_w_m2", "solar_constant_kw"),
        ("area_m2", "area_cm2"),
        ("emissivity_frac", "emissivity_pct"),
        ("minimum_supply_degc", "minimum_supply_k"),
        ("heat_kw", "heat_w"),
        ("die_kj_k", "die_j_k"),
        ("array_kw", "array_w"),
    ] {
        let found = problems(&text("dawn-dusk-650").replace(&format!("\n{right} "), &format!("\n{wrong} "))).join("\n");
        assert!(found.contains(&format!("wrong unit: `{wrong}`")) && found.contains(&format!("should be `{right}`")), "{found}");
    }
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file() {
    let text = text("dawn-dusk-650")
        .replace("schema = 1", "schema = 7")
        .replace("altitude_km = 650.0", "altitude_km = 7000.0")
        .replace("ltan_h = 18.0 ", "ltan_hours = 18 ")
        .replace("epoch = 2026-06-21T00:00:00Z", "epoch = 1826-06-21T00:00:00Z")
        .replace("\"sun_edge\"", "\"sideways\"")
        .replace("panels = 4 ", "panels = 2.5 ")
        .replace("emissivity_frac = 0.88", "emissivity_frac = 88")
        .replace("bypass_band_k = 2.0", "bypass_band_k = nan")
        .replace("heat_kw = 100.0", "heat_kw = 100000.0")
        .replace("depth_frac = 0.40", "depth_frac = 40")
        .replace("\"idle\"", "\"fly\"")
        .replace("array_kw = 150.0", "array_kw = 5.0");
    let found = Profile::parse("p.toml", &text).expect_err("nothing about it is right").0;
    for expected in [
        "`schema`: 7 is unknown here: expected 1",
        "no orbit at 7000 km is sun-synchronous: expected at most 59",
        "missing `ltan_h`",
        "unknown key `ltan_hours`",
        "only known well here from 1950 to 2100",
        "\"sideways\" is not known: expected one of `sun_edge`, `nadir`, `sun_normal`",
        "2.5 is not a whole number",
        "`radiator.emissivity_frac` = 88 is impossible here: expected a number from 0.01 to 1",
        "`loop.bypass_band_k`",
        "full load would warm the coolant by its flow (loop.heat_capacity_rate_kw_k) by 8000 K: expected less than 100 K",
        "full load would warm the dies over their plates by 25000 K",
        "after conversion loss and bus -5.4 kW are left for compute",
        "`battery.depth_frac` = 40 is impossible here: expected a number from 0.01 to 1",
        "\"fly\" is not known: expected one of `idle`, `ride`",
    ] {
        assert!(found.iter().any(|p| p.message.contains(expected)), "no {expected:?} in {found:#?}");
    }
    assert!(found.windows(2).all(|w| w[0].line <= w[1].line));
    assert!(found.iter().all(|p| p.line > 1 && p.file == "p.toml"));
}

/// The dawn-dusk profile with lines added to some of its tables.
fn added(lines: &[(&str, &str)]) -> String {
    lines.iter().fold(bare(), |text, (table, line)| {
        let head = format!("\n[{table}]");
        if let Some(at) = text.find(&head) {
            let end = at + head.len() + text[at + head.len()..].find('\n').expect("a table has lines");
            format!("{}\n{line}{}", &text[..end], &text[end..])
        } else {
            format!("{text}\n[{table}]\n{line}\n")
        }
    })
}

#[test]
fn what_a_profile_may_add_is_read_and_absent_otherwise() {
    let bare = Profile::parse("p.toml", &bare()).expect("sound");
    let (radiator, coolant) = (&bare.radiator, &bare.coolant);
    assert_eq!((bare.satellite.memory, bare.own_array, coolant.heater, coolant.manifold_kj_k, coolant.freezing), Default::default());
    assert_eq!((coolant.hot_pipe_s, coolant.cold_pipe_s, coolant.flow_frac, coolant.loops_frac), (0.0, 0.0, 1.0, 1.0));
    assert_eq!((radiator.fin, radiator.neighbour_view_frac, radiator.loss_w_k, radiator.convection_w_m2k), (None, 0.0, 0.0, 0.0));
    assert_eq!(
        (radiator.emissivity_b_frac, radiator.solar_absorptivity_b_frac),
        (radiator.emissivity_frac, radiator.solar_absorptivity_frac)
    );
    let text = added(&[
        ("satellite", "memory_heat_frac = 0.2\nmemory_plate_kw_k = 2.0\nmemory_kj_k = 20"),
        ("loop", "hot_pipe_s = 4.0\ncold_pipe_s = 5.0\nmanifold_kj_k = 30\nheater_kw = 5.0\nfreezing_degc = 0.0\nflow_frac = 0.5"),
        ("radiator", "fin_length_m = 0.1\nfin_thickness_mm = 1.0\nfin_conductivity_w_mk = 167.0\nemissivity_b_frac = 0.8"),
        ("own_array", "view_b_frac = 0.05\nheat_frac = 0.7\nemissivity_front_frac = 0.85\nemissivity_back_frac = 0.8"),
    ])
    .replace("fin_efficiency_frac", "# fin_efficiency_frac");
    let full = Profile::parse("p.toml", &text).unwrap_or_else(|p| panic!("{p}"));
    let heater = full.coolant.heater.expect("one");
    assert_eq!((heater.setpoint, heater.band_k), (full.coolant.minimum_supply, 2.0));
    assert_eq!(full.own_array.expect("one").view_a_frac, 0.0);
    assert_eq!(full.satellite.memory.expect("one").memory_kj_k, 20.0);
    // zeta of a 300 K root, 1.68 sigma 300^3 0.1^2 / (167 x 0.001) = 0.154016, shot with SciPy.
    assert!((full.radiator.fin_efficiency_frac - 0.844_713).abs() < 1e-5, "{}", full.radiator.fin_efficiency_frac);
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (lines, expected) in [
        (("loop", "freezing_degc = 14.0"), "the coolant freezes at 14 °C, which minimum_supply_degc = 14 does not keep it above"),
        (("loop", "heater_kw = 5.0\nheater_setpoint_degc = 16.5"), "from 16 °C on (minimum_supply_degc + bypass_band_k) all coolant"),
        (("loop", "heater_band_k = 1.0"), "there is no heater: expected `heater_kw`"),
        (("loop", "cold_pipe_s = 0.1"), "0.1 s is too short to follow: expected at least 0.25 s"),
        (("loop", "hot_pipe_s = 61"), "expected a number from 0 to 60"),
        (("loop", "flow_frac = 1.1"), "expected a number from 0 to 1"),
        (("loop", "flow_frac = 0.0"), "without flow there is no steady state to start from"),
        (("loop", "flow_frac = 0.05"), "full load would warm the coolant by its flow (loop.heat_capacity_rate_kw_k, what pumps and loops"),
        (("loop", "loops_frac = 0.02"), "by 400 K: expected less than 100 K"),
        (("fault.pump_trip", "at_s = 600"), "missing `flow_frac`"),
        (("fault.pump_trip", "at_s = 600\nflow_frac = 1.0"), "1 is no less than the 1 of [loop] before it"),
        (("fault.loop_lost", "at_s = 600\nloops_frac = 0.0"), "expected a number from 0.01 to 1"),
        (("fault.attitude", "at_s = 600\ntilt_error_deg = 5.0"), "unknown"),
        (("satellite", "memory_kj_k = 20"), "`memory_heat_frac`, `memory_plate_kw_k` and `memory_kj_k` together"),
        (("radiator", "fin_length_m = 0.1\nfin_thickness_mm = 1.0\nfin_conductivity_w_mk = 167"), "the fin's geometry is given too"),
        (("radiator", "neighbour_view_frac = 0.6"), "expected a number from 0 to 0.5"),
        (("own_array", "view_a_frac = 0.1"), "missing `heat_frac`"),
    ] {
        let found = problems(&added(&[lines])).join("\n");
        assert!(found.contains(expected), "no {expected:?} in {found}");
    }
}

#[test]
fn names_are_fit_for_folders_and_shells() {
    for name in ["", "../up", "Two Words", "-rf", "größer"] {
        let found = problems(&with("name", &format!("\"{name}\"")));
        assert!(found.len() == 1 && found[0].contains("will not do"), "{name}: {found:?}");
    }
}

proptest! {
    #[test]
    fn any_number_anywhere_is_read_or_refused(
        key in prop::sample::select(vec!["altitude_km", "ltan_h", "duration_orbits", "area_m2", "panels", "heat_kw", "array_kw", "bus_kw"]),
        value in proptest::num::f64::ANY,
    ) {
        match Profile::parse("p.toml", &with(key, &format!("{value:?}").replace("NaN", "nan"))) {
            Ok(profile) => {
                let sample = profile.environment.at(profile.duration_s);
                prop_assert!(value.is_finite() && sample.sink.0.is_finite() && (0.0..=1.0).contains(&sample.illumination));
            }
            Err(problems) => prop_assert!(!problems.0.is_empty()),
        }
    }

    #[test]
    fn text_that_is_no_profile_never_panics(text in "[a-z_ =\\[\\]\"0-9.\n-]{0,200}") {
        prop_assert!(Profile::parse("p.toml", &text).is_err());
    }
}
