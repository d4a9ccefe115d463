//! A flight from the command line: its exit code, its folder, its seal, and that nothing of it is left behind.

use super::bench::{Bench, SPEED, processes, states};
use record::{COMPARISON, EVENTS, Folder, PREDICTION, RUN, SAMPLES, SEALED, SUMMARY, SUMS, read_events, read_rows};
use signal::RunState;
use std::path::Path;
use std::process::Command;

#[test]
fn a_flight_leaves_a_sealed_folder_and_nothing_else() {
    let bench = Bench::new();
    let ended = bench.run(&format!("run --headless --duration 60s --speed {SPEED}")).with(0);
    assert_eq!(ended.line(0), "done. SAFE CONFIRMED");
    let folder = Folder::open(Path::new(ended.line(1))).expect("the second line is the run folder");
    for words in ["tracking error", "prediction residual", "simulated: rehearsal, no verdict"] {
        assert!(ended.out.contains(words), "{words}: {}", ended.out);
    }

    assert_contract(&folder);
    let verified = bench.run("verify").with(0);
    assert!(verified.out.contains(&format!("{}: sealed", folder.name())), "{}", verified.out);
    // Anyone can check the seal without this program.
    let sums = Command::new("sha256sum").args(["--check", "--strict", SUMS]).current_dir(folder.path()).output().expect("coreutils");
    assert!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stdout));

    // Derived: made again at any time, and the same again.
    let compared = std::fs::read(folder.file(COMPARISON)).expect("a comparison");
    std::fs::remove_file(folder.file(COMPARISON)).expect("there");
    let again = bench.run(&format!("compare {}", folder.name()));
    assert_eq!(again.code, Some(if again.out.contains("gates ecss: FAIL") { 4 } else { 0 }), "{}", again.out);
    assert_eq!(std::fs::read(folder.file(COMPARISON)).expect("a comparison"), compared);

    assert_eq!(processes(&folder.name()), [""; 0], "the emulator is gone");
    let left: Vec<_> = std::fs::read_dir(bench.sockets()).expect("the socket folder").flatten().map(|e| e.path()).collect();
    assert!(left.is_empty(), "{left:?}");
    tampering_is_found(&bench, &folder);
}

/// Every file of the contract, and that they tell of one and the same flight.
fn assert_contract(folder: &Folder) {
    for name in [RUN, PREDICTION, SAMPLES, EVENTS, SUMMARY, SUMS, COMPARISON, "emulator.log"] {
        assert!(folder.file(name).is_file(), "{name}");
    }
    let samples = read_rows(&folder.file(SAMPLES)).expect("samples");
    assert_eq!(samples.torn, None);
    assert!(samples.rows.iter().enumerate().all(|(at, row)| row.tick == at as u64), "no tick is left out");
    let states = states(&samples.rows);
    assert_eq!(states, [RunState::Staging, RunState::Running, RunState::Stopping]);
    let header = |name| folder.text(name).expect("a file").lines().next().expect("a header").to_owned();
    assert_eq!(header(PREDICTION), header(SAMPLES));

    let (events, torn) = read_events(&folder.file(EVENTS)).expect("events");
    let last = events.last().expect("an event");
    assert_eq!((torn, last.kind.as_str()), (None, "safe"));
    assert!(last.message.contains("SAFE CONFIRMED"), "{}", last.message);

    let manifest: toml::Table = folder.text(RUN).expect("a manifest").parse().expect("TOML");
    assert_eq!(manifest["simulated"].as_bool(), Some(true));
    assert!(!manifest.contains_key("session"), "it is over");
    let summary: serde_json::Value = serde_json::from_str(&folder.text(SUMMARY).expect("a summary")).expect("JSON");
    assert_eq!(summary["ended"]["how"], "done");
    assert_eq!(summary["simulated"], true);
    let log = folder.text("emulator.log").expect("a log");
    assert!(log.trim_end().ends_with("output off") && !log.contains("watchdog"), "{log}");
}

/// One byte of any sealed file, a shortened or missing one, and the seal itself.
fn tampering_is_found(bench: &Bench, folder: &Folder) {
    let blamed = |name: &str, how: &str| {
        let said = bench.run(&format!("verify {}", folder.path().display())).with(9).out;
        assert!(said.contains(&format!("tampered: {name}")), "{name} {how}: {said}");
    };
    for name in SEALED {
        let (path, mut bytes) = (folder.file(name), std::fs::read(folder.file(name)).expect("there"));
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, &bytes).expect("room");
        blamed(name, "with another bit");
        bytes[middle] ^= 1;
        std::fs::write(&path, &bytes[..bytes.len() - 1]).expect("room");
        blamed(name, "shortened");
        std::fs::remove_file(&path).expect("there");
        // Without its manifest a folder is no run at all: bad input, not a broken seal.
        if name == RUN {
            bench.run(&format!("verify {}", folder.path().display())).with(3);
        } else {
            blamed(name, "missing");
        }
        std::fs::write(&path, &bytes).expect("room");
        bench.run("verify latest").with(0);
    }
    let sums = folder.text(SUMS).expect("a seal");
    std::fs::write(folder.file(SUMS), sums.replace(PREDICTION, SAMPLES)).expect("room");
    blamed(SUMS, "rewritten");
    std::fs::remove_file(folder.file(SUMS)).expect("there");
    let said = bench.run("verify").with(8).out;
    assert!(said.contains("unsealed"), "{said}");
}

#[test]
fn a_place_that_cannot_be_written_is_refused_before_anything_is_switched_on() {
    let bench = Bench::new();
    bench.write("logs", "a file where the folder should be");
    let ended = bench.run("run --headless --duration 60s").with(3);
    assert!(ended.err.contains("logs"), "{}", ended.err);
    assert!(!ended.err.contains("look at it"), "{}", ended.err);
}
