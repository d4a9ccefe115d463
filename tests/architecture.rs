//! Holds the house together: which floor may know which, and where each outside world lives. Read from the manifests, so that a
//! new arrow is a decision and not an accident. The picture is in `ARCHITECTURE.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Every floor, and the floors it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("signal", &[]),
    ("model", &["signal"]),
    ("control", &["signal", "model"]),
    ("record", &["signal"]),
    ("rig", &["signal"]),
    ("accelerator", &["signal"]),
    ("workload", &["signal"]),
    ("twin", &["signal", "model", "rig"]),
    ("survey", &["model"]),
    ("identify", &["signal", "model", "record", "rig", "twin"]),
    ("report", &["signal", "model", "record"]),
    ("tui", &["signal", "record", "report"]),
    ("engine", &["signal", "model", "control", "record", "rig", "accelerator", "workload", "twin", "survey", "identify", "report"]),
    ("study", &["signal", "model", "control", "record", "twin", "report", "engine"]),
];

/// Crates that open a door to the outside, and the only floors that may have them.
const DOORS: &[(&str, &[&str])] = &[
    ("serialport", &["rig", "twin"]),
    ("nvml-wrapper", &["accelerator"]),
    ("nvml-wrapper-sys", &["accelerator"]),
    ("csv", &["record"]),
    ("ratatui", &["tui"]),
    ("crossterm", &["tui"]),
    ("tokio", &["engine"]),
    ("clap", &["orbitbench"]),
    ("anyhow", &["orbitbench"]),
    ("gemm", &["workload"]),
    ("ureq", &["workload"]),
    ("cudarc", &["workload"]),
    ("libloading", &["workload"]),
    // A design is drawn by its seed, the same on every machine.
    ("rand_chacha", &["twin", "workload", "study"]),
];

/// Words that must not appear in floors that know no clock, thread, file or device.
const PURE: &[&str] = &["signal", "model", "control", "survey"];
const IMPURE_WORDS: &[&str] =
    &["std::time::Instant", "std::time::SystemTime", "std::thread", "std::fs", "std::net", "Timestamp::now", "std::process"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn dependencies(manifest: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(manifest).expect("a manifest");
    let table: toml::Table = text.parse().expect("TOML");
    table.get("dependencies").and_then(|d| d.as_table()).into_iter().flat_map(|d| d.keys().cloned()).collect()
}

fn floors() -> BTreeMap<String, BTreeSet<String>> {
    let mut floors = BTreeMap::from([("orbitbench".to_owned(), dependencies(&root().join("Cargo.toml")))]);
    for entry in std::fs::read_dir(root().join("bench")).expect("bench/") {
        let path = entry.expect("entry").path();
        let manifest = path.join("Cargo.toml");
        if manifest.exists() {
            let name = path.file_name().expect("name").to_string_lossy().into_owned();
            floors.insert(name, dependencies(&manifest));
        }
    }
    floors
}

#[test]
fn arrows_point_down() {
    let floors = floors();
    let known: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for (floor, needs) in &floors {
        if floor == "orbitbench" {
            continue;
        }
        let (_, may) = ARROWS
            .iter()
            .find(|(name, _)| name == floor)
            .unwrap_or_else(|| panic!("bench/{floor} has no place in the house; give it one here"));
        for need in needs.iter().filter(|n| known.contains(n.as_str())) {
            assert!(may.contains(&need.as_str()), "bench/{floor} must not know bench/{need}");
        }
    }
    assert_eq!(floors.len(), ARROWS.len() + 1, "a floor of the house is missing");
}

#[test]
fn each_outside_world_has_one_home() {
    for (floor, needs) in floors() {
        for (door, homes) in DOORS {
            assert!(!needs.contains(*door) || homes.contains(&floor.as_str()), "{door} belongs to {homes:?}, not to {floor}");
        }
    }
}

#[test]
fn the_pure_floors_know_no_clock_file_or_device() {
    for floor in PURE {
        for entry in std::fs::read_dir(root().join("bench").join(floor)).expect("a floor") {
            let path = entry.expect("entry").path();
            if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).expect("source");
                let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                for word in IMPURE_WORDS {
                    assert!(!code.contains(word), "{} mentions {word}", path.display());
                }
            }
        }
    }
}
