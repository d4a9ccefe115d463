//! Work that crosses an eclipse, as a program: put away and brought back, on the host, on the double of a GPU, in a command of somebody's own; and what is refused.

use super::bench::{Bench, Ended, PROGRAM, Process, SPEED};
use crate::skipped;
use std::path::Path;

fn kept(done: &Ended) -> serde_json::Value {
    let report: serde_json::Value = serde_json::from_str(&done.out).expect("JSON");
    report["kept"].clone()
}

fn at(kept: &serde_json::Value, name: &str) -> f64 {
    kept[name].as_f64().unwrap_or_else(|| panic!("no {name} in {kept}"))
}

/// What came of a pause: exactly one, and the work is back in memory.
fn assert_crossed(done: &Ended, crossing: &str, loses: bool) {
    let kept = kept(done);
    assert_eq!((kept["place"].as_str(), at(&kept, "pauses")), (Some("memory"), 1.0), "{kept}");
    assert!(at(&kept, "restore_s") > 0.0, "{kept}");
    assert_eq!(at(&kept, "bytes") > 0.0, crossing == "checkpoint", "{kept}");
    assert_eq!(at(&kept, "lost_output") > 0.0, loses, "{kept}");
    assert!(done.err.contains("checkpoint: ") && done.err.contains("restore: "), "{}", done.err);
}

#[test]
fn work_on_the_host_is_put_away_and_brought_back_and_leaves_no_file() {
    for (work, crossing, loses) in [
        ("cpu:tiny:2:mixed", "checkpoint", false),
        ("cpu:tiny:2:mixed", "restart", true),
        ("cpu:tiny:train", "checkpoint", false),
        ("cpu:tiny:train", "restart", true),
    ] {
        let bench = Bench::new();
        let done = bench.run(&format!("workload bench {work} --duration 0.5s --eclipse {crossing} --json")).with(0);
        assert_crossed(&done, crossing, loses);
        let left: Vec<_> = std::fs::read_dir(bench.path("")).expect("ours").flatten().map(|e| e.file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().contains("checkpoint")), "{left:?}");
    }
}

/// Files may grow to a block and no further: a quota that any user can set.
#[test]
fn a_disk_without_room_costs_a_restart_and_not_the_work() {
    let bench = Bench::new();
    let mut limited = std::process::Command::new("sh");
    // Ignored, the signal becomes an error that the writer is told.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 1 && exec \"$0\" \"$@\"", PROGRAM]);
    let mut limited = bench.dressed(limited, "workload bench cpu:tiny:mixed --duration 0.5s --eclipse checkpoint --json");
    let done = Process::spawn(&mut limited).end().with(0);
    let kept = kept(&done);
    assert_eq!((kept["place"].as_str(), at(&kept, "pauses"), at(&kept, "bytes")), (Some("memory"), 1.0, 0.0), "{kept}");
    assert!(at(&kept, "lost_output") > 0.0, "{kept}");
    for words in ["cannot write the checkpoint ", "File too large", "are lost and done again"] {
        assert!(done.err.contains(words), "{words}: {}", done.err);
    }
}

#[test]
fn the_example_command_is_put_away_by_lines() {
    if !std::process::Command::new("python3").arg("--version").output().is_ok_and(|o| o.status.success()) {
        return skipped("the example command in an eclipse", "no python3");
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/workload/examples/external.py");
    for (crossing, loses) in [("checkpoint", false), ("restart", true)] {
        let bench = Bench::new();
        let mut command = bench.command(&format!("workload bench --duration 1s --eclipse {crossing} --json"));
        command.arg(format!("command:exec python3 {}", example.display()));
        let done = Process::spawn(&mut command).end().with(0);
        assert_crossed(&done, crossing, loses);
    }
}

/// A script in `PyTorch`'s style; `NumPy` does its step where `PyTorch` is not installed. What was learned crosses in a file, or is all lost.
#[test]
fn the_training_example_crosses_with_what_it_has_learned() {
    let Some(python) = crate::peers::python("the training example in an eclipse") else { return };
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/workload/examples/pytorch.py");
    for (crossing, loses) in [("checkpoint", false), ("restart", true)] {
        let bench = Bench::new();
        let mut command = bench.command(&format!("workload bench --duration 1s --eclipse {crossing} --json"));
        command.arg(format!("command:exec {} -B {} --width 32 --batch 64", python.display(), example.display()));
        let done = Process::spawn(&mut command).end().with(0);
        assert_crossed(&done, crossing, loses);
    }
}

#[test]
fn what_cannot_be_put_away_is_refused_in_words() {
    let bench = Bench::new();
    for (arguments, words) in [
        ("rehearse --workload none --eclipse checkpoint", "nobody here can save or drop it"),
        ("workload bench openai:http://127.0.0.1:1/v1 --eclipse restart", "the state is in the server"),
    ] {
        let refused = bench.run(arguments).with(3);
        assert!(refused.err.contains(words) && refused.err.contains("--eclipse idle"), "{arguments}: {}", refused.err);
    }
    let refused = bench.run("rehearse --eclipse ride").with(2);
    assert!(refused.err.contains("expected idle"), "{}", refused.err);
}

#[test]
fn a_rehearsal_predicts_the_tax_of_each_way() {
    let bench = Bench::new();
    let told = |crossing: &str| -> serde_json::Value {
        let done = bench.run(&format!("rehearse --eclipse {crossing} --json")).with(0);
        serde_json::from_str(&done.out).expect("JSON")
    };
    let (idle, saved, lost) = (told("idle"), told("checkpoint"), told("restart"));
    assert!(idle.get("restart_tax").is_none());
    let tax = |told: &serde_json::Value, name: &str| at(&told["restart_tax"], name);
    for (told, loses) in [(&saved, false), (&lost, true)] {
        assert_eq!(tax(told, "pauses"), 1.0);
        assert_eq!(tax(told, "lost_units") > 0.0, loses);
        for name in ["work_frac", "energy_frac", "energy_j_per_orbit", "units_per_orbit", "restore_s"] {
            assert!(tax(told, name) > 0.0, "{name}: {told}");
        }
        // What is missed while it comes back is what idle work would have done.
        let done = told["work"].as_f64().expect("work") + tax(told, "missed_units");
        let whole = idle["work"].as_f64().expect("work");
        assert!((done / whole - 1.0).abs() < 2e-3, "{done} and {whole}");
    }
    let printed = bench.run("rehearse --eclipse checkpoint").with(0);
    assert!(printed.out.contains("tax       ") && printed.out.contains("3072.00 MiB"), "{}", printed.out);
}

/// The whole way in a run on the twin: columns, events, summary, comparison, seal.
#[test]
fn a_run_on_the_twin_measures_the_tax_beside_its_prediction() {
    let bench = Bench::new();
    // Three minutes before the dark: as fast as the other runs here, for at four times that a busy machine misses ticks, and with them the energy.
    let (_, profile) = model::profile::builtin().iter().find(|(name, _)| *name == "dawn-dusk-650").expect("shipped");
    let begins = "start_deg = 0.0 ";
    assert!(profile.contains(begins));
    bench.write("dusk.toml", &profile.replace(begins, "start_deg = 221.0 "));
    let ran = bench.run(&format!("run dusk.toml --headless --speed {SPEED} --duration 1500s --eclipse restart")).with(0);
    assert!(ran.out.contains("restart tax: "), "{}", ran.out);
    let run = std::fs::read_dir(bench.path("logs")).expect("runs").flatten().next().expect("a run").path();
    let text = |name: &str| std::fs::read_to_string(run.join(name)).expect("written");
    assert!(text("run.toml").contains("eclipse = \"restart\""));
    let events = text("events.csv");
    for words in [
        "the work is put away (restart)",
        "simulated: the memory is dropped",
        "the work is brought back",
        "simulated: the work is in memory again",
    ] {
        assert!(events.contains(words), "{words}: {events}");
    }
    let header = text("samples.csv").lines().next().expect("a header").to_owned();
    assert!(
        header.contains("work_park_state") && header.contains("work_lost_units") && !header.contains("work_lost_input_units"),
        "{header}"
    );
    let summary: serde_json::Value = serde_json::from_str(&text("summary.json")).expect("JSON");
    for side in ["figures", "predicted"] {
        let tax = &summary[side]["restart_tax"];
        assert_eq!((at(tax, "pauses"), at(tax, "lost_units")), (1.0, 8192.0), "{side}: {tax}");
        assert!(at(tax, "work_frac") > 0.0 && at(tax, "energy_frac") > 0.0, "{side}: {tax}");
    }
    assert!(!run.join("checkpoints").exists());
    bench.run("verify").with(0);
}

/// Nobody else removes what a run that was killed in the dark has left: the next one beside it says so, `verify` says so, and it is left alone.
#[test]
fn what_a_killed_run_left_of_its_work_is_told_of() {
    let bench = Bench::new();
    let left = bench.path("logs/20260101T000000Z_dawn-dusk-650_twin_0001");
    std::fs::create_dir_all(left.join("checkpoints")).expect("room");
    std::fs::write(left.join("run.toml"), "schema = 1\n[session]\nsocket = \"/nowhere/it.sock\"\npid = 1\n").expect("room");
    std::fs::write(left.join("checkpoints/work-0.checkpoint"), vec![1; 2_000_000]).expect("room");
    let verified = bench.run(&format!("verify {}", left.display())).with(8);
    assert!(verified.out.contains("2.0 MB of its work's state are in "), "{}", verified.out);
    let ran = bench.run(&format!("run --headless --speed {SPEED} --duration 20s")).with(0);
    assert!(ran.err.contains("0001 was killed and left 2.0 MB of its work's state in "), "{}", ran.err);
    assert!(left.join("checkpoints/work-0.checkpoint").exists());
}
