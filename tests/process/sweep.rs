//! `sweep` as an operator and a script meet it: slips refused before anything is flown, an interrupt that loses nothing, one file.

use super::bench::{Bench, Process};
use rustix::process::Signal;

/// A hundredth of an orbit a point: milliseconds.
const QUICK: &str = "--vary duration_orbits=0.01 --dt 5";

#[test]
fn slips_are_refused_before_anything_is_flown() {
    let bench = Bench::new();
    for (arguments, code, words) in [
        ("", 2, &["--vary"][..]),
        ("--vary radiator.area_m2", 2, &["has no =", "radiator.area_m2=80..200:7"]),
        ("--vary radiator.aera_m2=80..200:3", 3, &["no key `radiator.aera_m2`", "nearest: radiator.area_m2"]),
        ("--vary radiator.area_m2=80..200:3 --design lhc", 2, &["expected grid, lhs, sobol or morris"]),
        ("--vary radiator.area_m2=80..200:3 --samples 9", 3, &["--samples is for lhs"]),
        ("--vary radiator.area_m2=80..200:3 --of work", 3, &["no column `work`", "work_units_per_j"]),
        ("--vary radiator.area_m2=80..200:3 --out nowhere/s.csv", 3, &["nowhere"]),
        ("--vary radiator.area_m2=80..200:3 --rig meerstetter", 3, &["virtual card needs an emulated rig"]),
        ("--file nowhere.toml", 3, &["nowhere.toml"]),
        ("report nowhere.csv", 3, &["nowhere.csv"]),
    ] {
        let ended = bench.run(format!("sweep {arguments}").trim());
        assert_eq!(ended.code, Some(code), "{arguments}: {}{}", ended.out, ended.err);
        for word in words {
            assert!(ended.err.contains(word), "{arguments}: no {word} in {}", ended.err);
        }
    }
    assert!(!bench.path("sweep.csv").exists(), "nothing was begun");
}

#[test]
fn an_interrupted_sweep_goes_on_and_ends_as_if_it_had_not_been() {
    let bench = Bench::new();
    let whole = format!("sweep --vary radiator.area_m2=120..200:40 --vary orbit.ltan_h=6,18 {QUICK}");
    bench.run(&format!("{whole} --out whole.csv --threads 1")).with(0);
    let arguments = format!("{whole} --out cut.csv --threads 2");
    let cut = || {
        let mut process = Process::spawn(&mut bench.command(&arguments));
        process.hear("8 of 80 points");
        process.signal(Signal::INT);
        process.end()
    };
    // A sweep that was over before the signal came shows nothing of interrupts: it is done again.
    let ended = (0..20).map(|_| cut()).find(|ended| {
        let over = ended.code == Some(0);
        if over {
            std::fs::remove_file(bench.path("cut.csv")).expect("a whole one");
        }
        !over
    });
    let ended = ended.expect("one that the signal reached").with(5);
    assert!(ended.out.contains("the same command goes on from there"), "{}", ended.out);
    let rows = |name: &str| std::fs::read_to_string(bench.path(name)).expect("a file").lines().count();
    assert!(rows("cut.csv") < rows("whole.csv"));
    let said = bench.run(&format!("{arguments} --svg front.svg")).with(0);
    assert!(said.err.contains("of them there already") && said.out.contains("Pareto front"), "{}{}", said.err, said.out);
    assert!(said.out.lines().all(|line| line.chars().count() <= 80), "{}", said.out);
    assert_eq!(std::fs::read(bench.path("cut.csv")).expect("a file"), std::fs::read(bench.path("whole.csv")).expect("a file"));
    assert!(std::fs::read_to_string(bench.path("front.svg")).expect("a picture").starts_with("<svg"));
    let again = bench.run("sweep report cut.csv").with(0).out;
    assert!(again.contains("80 of 80 points of a grid") && again.contains("Pareto front"), "{again}");
    bench.run(&format!("sweep --vary radiator.area_m2=120..200:41 {QUICK} --out cut.csv")).with(3);
}

/// The sweep over policies that ships: what its table in the README says, each policy's advantage where it has one.
#[test]
fn the_shipped_sweep_over_policies_shows_what_each_is_for() {
    let bench = Bench::new();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/study/examples/policies.toml");
    let of = "work_units_per_s,work_units_per_j,die_max_degc,slowed_frac";
    let told = bench.run(&format!("sweep --file {file} --out policies.csv --of {of}")).with(0).out;
    assert!(told.contains("policy") && told.contains("fixed:0.5") && told.lines().all(|l| l.chars().count() <= 80), "{told}");
    let text = std::fs::read_to_string(bench.path("policies.csv")).expect("results");
    let mut lines = text.lines().filter(|l| !l.starts_with('#')).map(|l| l.split(',').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let at = |name: &str| header.iter().position(|h| *h == name).unwrap_or_else(|| panic!("no {name} in {header:?}"));
    let rows: Vec<Vec<&str>> = lines.collect();
    let get = |policy: &str, slowdown: &str, output: &str| {
        let row = rows.iter().find(|r| r[at("power.policy")] == policy && r[at("rig:card.slowdown_degc")] == slowdown).expect("a point");
        row[at(output)].parse::<f64>().expect("a number")
    };
    let work = |policy, slowdown| get(policy, slowdown, "work_units_per_s") / get("follow-sun", slowdown, "work_units_per_s");
    // Battery and plan make work of what follow-sun spills; half of full load is less than there is.
    assert!(work("battery", "85") > 1.2 && work("plan", "85") > 1.2 && work("fixed:0.5", "85") < 0.6);
    assert!(get("battery", "85", "soc_min_frac") < get("follow-sun", "85", "soc_min_frac"));
    // A cool card is nothing to the thermal policy; a hot one is kept from slowing down.
    assert!((work("thermal", "85") - 1.0).abs() < 1e-6);
    assert!(get("follow-sun", "52", "slowed_frac") > 0.1, "{}", get("follow-sun", "52", "slowed_frac"));
    assert!(get("thermal", "52", "slowed_frac") < 0.01, "{}", get("thermal", "52", "slowed_frac"));
}
