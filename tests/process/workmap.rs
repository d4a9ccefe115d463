//! `workload map` as an operator, a script and an accident meet it.

use super::bench::{Bench, Process};
use rustix::process::Signal;
use std::path::PathBuf;

/// A small map, at a speed that a busy machine keeps up with.
const SMALL: &str = "workload map --coolant 20,30,70 --power 16,72 --repeats 1 --speed 300 --seed 4";

/// The only map there is.
fn folder(bench: &Bench) -> PathBuf {
    let all = std::fs::read_dir(bench.path("logs")).expect("logs").flatten().map(|e| e.path());
    all.filter(|p| p.join("map.toml").is_file()).last().expect("a map")
}

fn rows(bench: &Bench) -> usize {
    let text = std::fs::read_to_string(folder(bench).join("points.csv")).expect("points");
    text.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit())).count()
}

#[test]
fn a_map_that_was_killed_is_gone_on_with() {
    let bench = Bench::new();
    let mut first = Process::spawn(&mut bench.command(SMALL));
    first.hear("point   1:");
    first.signal(Signal::KILL);
    first.end();
    let before = rows(&bench);
    let map = folder(&bench);
    assert_eq!(bench.run(&format!("verify {}", map.display())).code, Some(8), "unsealed");
    assert!(before >= 2);

    // What belongs to another bench is refused; what is told agrees or is refused.
    for (more, words) in [
        ("--seed 5", "its seed was 4, and now is 5"),
        ("--rig desk", "unexpected argument"),
        ("desk", "its rig was"),
        ("--repeats 2", "its repeats was"),
    ] {
        let refused = bench.run(&format!("workload map --resume {} {more}", map.display()));
        assert!(matches!(refused.code, Some(2 | 3)) && refused.err.contains(words), "{more}: {}", refused.err);
    }
    assert_eq!(rows(&bench), before);

    // A Ctrl-C in the middle: safe, and the rest is for another sitting.
    let resume = format!("workload map --resume {}", map.display());
    let mut second = Process::spawn(&mut bench.command(&resume));
    second.hear("point ");
    second.signal(Signal::INT);
    let ended = second.end().with(5);
    assert!(ended.out.contains("stopped. SAFE CONFIRMED") && ended.out.contains("go on with"), "{}", ended.out);

    let ended = bench.run(&resume).with(0);
    assert!(ended.out.contains("done. SAFE CONFIRMED") && ended.out.contains("tokens put out per joule"), "{}", ended.out);
    assert!(!ended.err.contains("point   0:"), "what is there is not measured again");
    bench.run(&format!("verify {}", map.display())).with(0);
    let events = std::fs::read_to_string(map.join("events.csv")).expect("events");
    assert!(events.contains("identity") && map.join("map.svg").is_file());
    assert!(bench.run(&resume).err.contains("finished and sealed"));

    let shown = bench.run(&format!("workload map show {} --html page.html --svg map.svg", map.display())).with(0);
    assert!(
        shown.out.contains("[SIMULATED]") && shown.out.contains("× 70 degC: the rig's setpoint goes from 5 to 60 degC"),
        "{}",
        shown.out
    );
    assert!(shown.out.lines().count() <= 23 && shown.out.lines().all(|l| l.chars().count() <= 80), "{}", shown.out);
    let page = std::fs::read_to_string(bench.path("page.html")).expect("a page");
    assert!(page.contains("<svg") && page.contains("not reachable") && page.contains("simulated"));

    std::fs::write(map.join("table.csv"), "other").expect("room");
    assert_eq!(bench.run(&format!("workload map show {}", map.display())).code, Some(9));
}

#[test]
fn a_termination_and_a_lost_emulator_leave_it_safe_with_the_documented_code() {
    let bench = Bench::new();
    let mut process = Process::spawn(&mut bench.command(SMALL));
    process.hear("point   0:");
    process.signal(Signal::TERM);
    assert!(process.end().with(5).out.contains("SAFE CONFIRMED"));

    let emulator = bench.emulate("rig");
    let mut process = Process::spawn(&mut bench.command("workload map --coolant 20,30 --power 16,72 --repeats 1 --emulator rig"));
    process.hear("point   0:");
    emulator.signal(Signal::KILL);
    // The instrument is gone: nobody can confirm that its output is off.
    let ended = process.end().with(7);
    assert!(
        ended.out.contains("tripped: ")
            && ended.out.contains("SAFE UNCONFIRMED, go and look: ")
            && ended.out.contains("tec: output UNKNOWN"),
        "{}",
        ended.out
    );
}

#[test]
fn slips_are_refused_before_anything_is_switched_on() {
    let bench = Bench::new();
    for (arguments, code, words) in [
        ("--coolant warm", 2, "invalid value"),
        ("--coolant 70,80", 3, "no temperature of --coolant lies within"),
        ("--power 500", 3, "--power 500 is not between 16 and 72"),
        ("--actuator both", 2, "expected pacing or power-cap"),
        ("--actuator power-cap", 3, "does not allow"),
        ("--batch 1,8", 3, "{batch} in --workload"),
        ("--repeats 0", 3, "--repeats goes from 1"),
        ("--window 1s", 3, "--window 1 s"),
        ("--workload none", 3, "does not go with"),
        ("nowhere.toml", 3, "nowhere.toml"),
        ("meerstetter", 3, "give a --workload"),
        ("--resume nowhere", 3, "nowhere"),
        ("show nowhere", 3, "nowhere"),
        ("show . --of joules", 2, "per-joule"),
    ] {
        let ended = bench.run(&format!("workload map {arguments}"));
        assert_eq!(ended.code, Some(code), "{arguments}: {}{}", ended.out, ended.err);
        assert!(ended.err.contains(words), "{arguments}: no {words} in {}", ended.err);
    }
    assert!(!bench.path("logs").exists(), "nothing was begun");
    let columns = bench.run("workload map columns").with(0).out;
    assert!(columns.contains("| `units_out_per_j` | 1/J |") && columns.contains("| `largest_w` | W |"), "{columns}");
    for arguments in ["rehearse --map nowhere --policy plan noon-midnight-560", "rehearse noon-midnight-560 --map-clamp"] {
        assert!(matches!(bench.run(arguments).code, Some(2 | 3)));
    }
}
