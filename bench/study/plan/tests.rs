use super::*;
use crate::design::Scheme;
use crate::run::{Sitting, Sweep};
use crate::{Results, render};
use std::sync::atomic::Ordering;

fn source(name: &str, shipped: &[(&str, &str)]) -> Source {
    let (name, text) = shipped.iter().find(|(n, _)| *n == name).expect("shipped");
    Source { file: format!("{name}.toml"), from: "built in".into(), text: (*text).to_owned() }
}

fn request(vary: &[&str], scheme: Scheme, samples: usize) -> Request {
    Request {
        profile: source("dawn-dusk-650", model::profile::builtin()),
        rig: source("twin", rig::builtin()),
        vary: vary.iter().map(|v| v.parse().expect("a literal")).collect(),
        design: Design { scheme, samples, seed: 1 },
        bench: Bench::Flight,
        dt_s: 1.0,
        commit: "0123456789ab".into(),
    }
}

fn study(vary: &[&str], scheme: Scheme, samples: usize) -> Study {
    Study::check(request(vary, scheme, samples)).unwrap_or_else(|wrong| panic!("{}", wrong.join("\n")))
}

/// A twentieth of an orbit in steps of 10 s: a point costs milliseconds.
const SHORT: &str = "duration_orbits=0.05";

fn short(vary: &[&str]) -> Study {
    let mut request = request(&[vary, &[SHORT]].concat(), Scheme::Grid, 0);
    request.dt_s = 10.0;
    Study::check(request).unwrap_or_else(|wrong| panic!("{}", wrong.join("\n")))
}

#[test]
fn what_no_file_takes_is_refused_before_anything_is_run() {
    for (vary, expected) in [
        (
            &["radiator.aera_m2=80..200:3"][..],
            &["dawn-dusk-650.toml has no key `radiator.aera_m2`", "did you mean `area_m2`", "nearest: radiator.area_m2"][..],
        ),
        (&["radiator.area_cm2=80,90"], &["wrong unit", "nearest: radiator.area_m2"]),
        (&["area_m2=80,90"], &["nearest: radiator.area_m2"]),
        (&["radiatr.area_m2=80,90"], &["no key `radiatr.area_m2`", "radiator"]),
        (&["radiator=80,90"], &["`radiator` is a table", "area_m2", "emissivity_frac"]),
        (&["rig:plant.los_w_k=0.2,0.3"], &["twin.toml has no key `plant.los_w_k`", "nearest: plant.loss_w_k"]),
        (&["radiator.attitude=1,2"], &["`radiator.attitude` is a word in dawn-dusk-650.toml, and 1 is a number"]),
        (&["radiator.area_m2=wide,narrow"], &["is a number in", "wide is a word"]),
        (&["radiator.attitude=sun_edge,sideways"], &["sideways will not do", "expected one of `sun_edge`"]),
        (&["radiator.emissivity_frac=0.8..1.2:5"], &["1.1 will not do", "expected a number from 0.01 to 1"]),
        (&["radiator.panels=1..4:3"], &["2.5 will not do", "not a whole number"]),
        (&["power.array_kw=5..200:4"], &["5 will not do", "are left for compute"]),
        (&["radiator.area_m2=80,90", "radiator.area_m2=1,2"], &["`radiator.area_m2` is varied twice"]),
        (&["rig:instrument.tec.emulated=true,false"], &["instrument.tec.port"]),
        (&["orbit.start_deg=0,999"], &["999 will not do"]),
        (&["radiator.area_m2=80..200"], &["needs its number of points"]),
    ] {
        let wrong = Study::check(request(vary, Scheme::Grid, 0)).expect_err(expected[0]).join("\n");
        for words in expected {
            assert!(wrong.contains(words), "{vary:?}: no {words:?} in\n{wrong}");
        }
    }
    let several = Study::check(request(&["a=1,2", "rig:b=1,2"], Scheme::Grid, 0)).expect_err("two slips");
    assert_eq!(several.len(), 2, "{several:?}");
}

#[test]
fn a_broken_file_and_a_real_rig_are_refused() {
    let mut broken = request(&["radiator.area_m2=80,90"], Scheme::Grid, 0);
    broken.profile.text = broken.profile.text.replace("albedo_frac = 0.30", "albedo_frac = 3").replace("panels = 4", "panels = 0");
    let wrong = Study::check(broken).expect_err("two problems").join("\n");
    assert!(wrong.contains("dawn-dusk-650.toml:") && wrong.contains("albedo_frac") && wrong.contains("panels"), "{wrong}");
    let mut real = request(&["radiator.area_m2=80,90"], Scheme::Grid, 0);
    real.rig = source("meerstetter", rig::builtin());
    let wrong = Study::check(real).expect_err("no virtual card").join("\n");
    assert!(wrong.contains("virtual card needs an emulated rig"), "{wrong}");
}

#[test]
fn a_value_that_only_its_company_makes_impossible_is_a_row_with_the_reason() {
    let study = short(&["power.array_kw=60,150", "power.bus_kw=10,60"]);
    assert_eq!(study.len(), 4);
    let outcomes: Vec<Outcome> = (0..4).map(|n| study.fly(n, &AtomicBool::new(false)).unwrap_or_else(|_| panic!("not stopped"))).collect();
    let problems: Vec<bool> = outcomes.iter().map(|o| o.problem.is_some()).collect();
    assert_eq!(problems, [false, true, false, true], "{:?}", outcomes.iter().map(|o| &o.problem).collect::<Vec<_>>());
    let row = study.row(1, &outcomes[1]);
    assert!(row.last().is_some_and(|p| p.contains("are left for compute")), "{row:?}");
    assert!(row[4..row.len() - 1].iter().all(String::is_empty), "a refused point has no figures: {row:?}");
    assert_eq!(row.len(), study.columns().len());
}

#[test]
fn whole_numbers_and_keys_that_the_file_leaves_out() {
    let study = study(&["radiator.panels=1..8", "radiator.area_m2=100..200", "orbit.start_deg=-90..90"], Scheme::Lhs, 16);
    let mut panels: Vec<String> = (0..16).map(|n| study.values(n)[0].to_string()).collect();
    panels.sort();
    assert_eq!(panels, ["1", "1", "2", "2", "3", "3", "4", "4", "5", "5", "6", "6", "7", "7", "8", "8"]);
    assert!((0..16).any(|n| study.values(n)[1].to_string().contains('.')), "an area is no whole number");
    let without = model::profile::builtin().iter().find(|(n, _)| *n == "dawn-dusk-650").expect("shipped").1;
    let without = without.lines().filter(|l| !l.starts_with("start_deg")).collect::<Vec<_>>().join("\n");
    let mut left_out = request(&["orbit.start_deg=-90,45"], Scheme::Grid, 0);
    left_out.profile.text = without.clone();
    let study = Study::check(left_out).unwrap_or_else(|wrong| panic!("{}", wrong.join("\n")));
    let [text, _] = study.texts(&study.values(1));
    assert_eq!(text, without.replace("[orbit]\n", "[orbit]\nstart_deg = 45.0\n"));
}

#[test]
fn the_flight_model_alone_has_the_figures_of_the_rehearsal() {
    let vary = ["radiator.area_m2=150,120"];
    let flight = study(&vary, Scheme::Grid, 0);
    let mut asked = request(&vary, Scheme::Grid, 0);
    asked.bench = Bench::Rehearsal;
    let rehearsal = Study::check(asked).unwrap_or_else(|wrong| panic!("{}", wrong.join("\n")));
    let never = AtomicBool::new(false);
    for point in 0..2 {
        let [flight, rehearsal] = [&flight, &rehearsal].map(|s| s.fly(point, &never).unwrap_or_else(|_| panic!("not stopped")));
        assert_eq!((&flight.problem, &rehearsal.problem), (&None, &None));
        let pair = |name: &str| {
            let n = OUTPUTS.iter().position(|o| o.0 == name).expect("an output");
            (flight.values[n].expect(name), rehearsal.values[n].expect(name))
        };
        // The rig's die has another lag and resistance than the flight model's, and so does other work; its heat is nearly the same.
        for (name, within) in
            [("sunlit_frac", 1e-3), ("power_w", 0.05), ("supply_min_degc", 0.1), ("supply_max_degc", 0.1), ("dry_kg", 1e-9)]
        {
            let (a, b) = pair(name);
            assert!((a - b).abs() < within, "{name}: {a} without the rig, {b} with it");
        }
        let (a, b) = pair("work_units_per_j");
        assert!((a / b - 1.0).abs() < 0.01, "{a} and {b} a joule");
    }
}

/// By the way that work crosses an eclipse: nothing where it keeps its memory, time and energy where it is put away, work too where that is lost.
#[test]
fn the_restart_tax_is_an_output() {
    for bench in [Bench::Flight, Bench::Rehearsal] {
        let mut asked = request(&["work.eclipse=idle,checkpoint,restart"], Scheme::Grid, 0);
        asked.bench = bench;
        let study = Study::check(asked).unwrap_or_else(|wrong| panic!("{}", wrong.join("\n")));
        let never = AtomicBool::new(false);
        let of = |point, name: &str| {
            let outcome = study.fly(point, &never).unwrap_or_else(|_| panic!("not stopped"));
            assert_eq!(outcome.problem, None);
            outcome.values[OUTPUTS.iter().position(|o| o.0 == name).expect("an output")]
        };
        let tax = ["lost_units", "tax_work_frac", "tax_energy_frac", "tax_units_per_orbit", "tax_j_per_orbit"];
        assert!(tax.iter().all(|name| of(0, name).is_none()), "work that idles pays none");
        for point in [1, 2] {
            for name in &tax[1..] {
                assert!(of(point, name).expect(name) > 0.0, "{bench:?}, point {point}: {name}");
            }
        }
        assert_eq!(of(1, "lost_units"), Some(0.0));
        assert!(of(2, "lost_units").expect("lost") > 0.0);
        assert!(of(0, "work_units_per_s") > of(1, "work_units_per_s"), "it costs work");
    }
}

#[test]
fn a_card_that_would_overheat_has_no_figures() {
    for bench in [Bench::Flight, Bench::Rehearsal] {
        let mut asked = request(&["radiator.area_m2=80,90", "orbit.ltan_h=6"], Scheme::Grid, 0);
        asked.bench = bench;
        let study = Study::check(asked).expect("sound");
        let outcome = study.fly(0, &AtomicBool::new(false)).unwrap_or_else(|_| panic!("not stopped"));
        let why = outcome.problem.expect("80 m2 are too few in sunlight");
        assert!(outcome.values.iter().all(Option::is_none) && (bench == Bench::Rehearsal || why.contains("die")), "{why}");
    }
}

#[test]
fn a_larger_radiator_is_colder_heavier_and_does_more_work() {
    let study = study(&["radiator.area_m2=120,150,250"], Scheme::Grid, 0);
    let never = AtomicBool::new(false);
    let flown: Vec<Outcome> = (0..3).map(|n| study.fly(n, &never).unwrap_or_else(|_| panic!("not stopped"))).collect();
    let column = |name: &str| -> Vec<f64> {
        let n = OUTPUTS.iter().position(|o| o.0 == name).expect("an output");
        flown.iter().map(|o| o.values[n].expect(name)).collect()
    };
    assert!(column("die_max_degc").is_sorted_by(|a, b| a > b));
    assert!(column("cooling_kg").is_sorted_by(|a, b| a < b));
    assert!(column("work_units_per_j").is_sorted_by(|a, b| a < b));
    // By hand: share = 72 W x 1.12 / 100 kW; radiator 150 m2 x 7, loop 3.5 x 100, array 150 kW / 100 W/kg, battery 51 kWh /
    // 150 Wh/kg; cold plate 0.55 kg; bus 25 %.
    let share = 72.0 * 1.12 / 100e3;
    let cooling = share * (150.0 * 7.0 + 350.0) + 0.55;
    assert!((column("cooling_kg")[1] - cooling).abs() < 1e-9);
    let dry = (cooling + share * (1500.0 + 340.0)) * 1.25;
    assert!((column("dry_kg")[1] - dry).abs() < 1e-9, "{} and {dry}", column("dry_kg")[1]);
    assert!(
        flown.iter().all(|o| o.values[OUTPUTS.iter().position(|o| o.0 == "flight_kg").expect("an output")].is_none()),
        "no accelerator weighed"
    );
}

/// Runs a study to its end with `threads`, in a folder of its own; the bytes of its results.
fn whole_run(study: &Study, threads: usize) -> Vec<u8> {
    let dir = tempfile::tempdir().expect("a temp folder");
    let path = dir.path().join("sweep.csv");
    let sweep = Sweep::open(study, &path).expect("room");
    assert_eq!(sweep.run(threads, &AtomicBool::new(false), |_| {}).expect("room"), Sitting::Complete);
    std::fs::read(path).expect("there")
}

#[test]
fn results_do_not_know_threads_stops_or_kills() {
    let study = short(&["radiator.area_m2=80..200:12", "orbit.ltan_h=6,18"]);
    let expected = whole_run(&study, 1);
    assert_eq!(whole_run(&study, 4), expected);

    // Stopped after two points, and gone on with.
    let dir = tempfile::tempdir().expect("a temp folder");
    let path = dir.path().join("sweep.csv");
    let stop = AtomicBool::new(false);
    let sitting = Sweep::open(&study, &path).expect("room").run(2, &stop, |done| stop.store(done >= 2, Ordering::Relaxed));
    assert_eq!(sitting.expect("room"), Sitting::Stopped);
    let again = Sweep::open(&study, &path).expect("the same study");
    assert!((2..24).contains(&again.done()));
    assert_eq!(again.run(1, &AtomicBool::new(false), |_| {}).expect("room"), Sitting::Complete);
    assert_eq!(std::fs::read(&path).expect("there"), expected);

    // Killed at any byte of the last row and of the one before.
    let text = String::from_utf8(expected.clone()).expect("UTF-8");
    let rows: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    let from = rows[rows.len() - 3];
    for end in (from..expected.len()).step_by(11).chain([from, expected.len() - 1]) {
        std::fs::write(&path, &expected[..end]).expect("room");
        let sweep = Sweep::open(&study, &path).expect("mended");
        assert_eq!(sweep.run(1, &AtomicBool::new(false), |_| {}).expect("room"), Sitting::Complete);
        assert_eq!(std::fs::read(&path).expect("there"), expected, "killed at byte {end}");
    }
}

#[test]
fn another_design_is_not_mixed_in() {
    let dir = tempfile::tempdir().expect("a temp folder");
    let path = dir.path().join("sweep.csv");
    let study = short(&["radiator.area_m2=80..200:3"]);
    drop(Sweep::open(&study, &path).expect("room"));
    for (other, why) in [
        (short(&["radiator.area_m2=80..200:4"]), "there \"vary: radiator.area_m2=80..200:3\", here \"vary: radiator.area_m2=80..200:4\""),
        (short(&["orbit.ltan_h=6,18"]), "holds another sweep"),
    ] {
        let refused = Sweep::open(&other, &path).expect_err("another").to_string();
        assert!(refused.contains(why) && refused.contains("give another --out"), "{refused}");
    }
    let built = |commit: &str| {
        let mut request = request(&["radiator.area_m2=80..200:3", SHORT], Scheme::Grid, 0);
        (request.dt_s, request.commit) = (10.0, commit.into());
        Study::check(request).expect("sound")
    };
    drop(Sweep::open(&built("0123456789ab"), &path).expect("the same program"));
    let refused = Sweep::open(&built("ba9876543210"), &path).expect_err("another program").to_string();
    assert!(refused.contains("another version") && refused.contains("0123456789ab") && refused.contains("--anew"), "{refused}");
    let mut edited = request(&["radiator.area_m2=80..200:3", SHORT], Scheme::Grid, 0);
    edited.dt_s = 10.0;
    edited.profile.text = edited.profile.text.replace("albedo_frac = 0.30", "albedo_frac = 0.31");
    let edited = Study::check(edited).expect("sound");
    let refused = Sweep::open(&edited, &path).expect_err("edited").to_string();
    assert!(refused.contains("before it was changed: there \"profile: dawn-dusk-650.toml sha256"), "{refused}");
    // Begun again where that is asked for, with nothing of the old one in it.
    let run = |sweep: Sweep<'_>| sweep.run(1, &AtomicBool::new(false), |_| {}).expect("room");
    run(Sweep::open(&study, &path).expect("the same"));
    let old = std::fs::read(&path).expect("there");
    let again = Sweep::anew(&edited, &path).expect("discarded");
    assert_eq!(again.done(), 0);
    run(again);
    assert!(Results::read(&path).expect("whole").counts() == (3, 3) && std::fs::read(&path).expect("there") != old);
    std::fs::write(&path, "a,b\n1,2\n").expect("room");
    assert!(Sweep::open(&study, &path).expect_err("no sweep").to_string().contains("no sweep's results"));
    assert!(Sweep::anew(&study, &path).expect_err("no sweep").to_string().contains("no sweep's results"));
    assert_eq!(std::fs::read(&path).expect("there"), b"a,b\n1,2\n", "what is refused is left alone");
    let nowhere = dir.path().join("no/such/folder/sweep.csv");
    assert!(Sweep::open(&study, &nowhere).expect_err("nowhere").to_string().contains("no/such/folder"));
}

#[test]
fn a_sweep_says_what_matters_in_80_columns() {
    let dir = tempfile::tempdir().expect("a temp folder");
    for scheme in [Scheme::Sobol, Scheme::Morris] {
        let path = dir.path().join(format!("{}.csv", scheme.word()));
        let mut asked =
            request(&["radiator.area_m2=120..200", "radiator.areal_mass_kg_m2=5..10", "rig:truth.noise_w=0..1", SHORT], scheme, 8);
        asked.dt_s = 10.0;
        let study = Study::check(asked).unwrap_or_else(|wrong| panic!("{}", wrong.join("\n")));
        Sweep::open(&study, &path).expect("room").run(2, &AtomicBool::new(false), |_| {}).expect("room");
        let results = Results::read(&path).expect("our own");
        assert_eq!(results.design(), study.request().design);
        let outputs: Vec<String> = ["die_max_degc", "cooling_kg", "flight_kg"].map(str::to_owned).to_vec();
        let trade = render::Trade::usual(&results).expect("columns");
        let text = render::sensitivity(&results, &outputs).expect("columns") + &render::pareto(&results, &trade).expect("columns");
        assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
        let table = |of: &str| -> Vec<&str> {
            text.lines().skip_while(|l| !l.starts_with(of)).skip(2).take(3).map(|l| l.split_whitespace().next().unwrap_or("")).collect()
        };
        // The die does not care what the radiator weighs, and nothing cares about a noise that a belief has not.
        assert_eq!(table("die_max_degc")[0], "radiator.area_m2", "{text}");
        assert_eq!(table("cooling_kg")[2], "rig:truth.noise_w", "{text}");
        assert!(text.contains("Nothing moves: flight_kg"), "{text}");
        let picture = crate::svg::scatter(&results, &trade, "a < b").expect("columns");
        assert!(picture.starts_with("<svg") && picture.contains("a &lt; b") && picture.trim_end().ends_with("</svg>"));
        assert!(!picture.contains("NaN"));
    }
}
