//! The reference bench: its README says what its rig file comes to, and its twin is the same bench.

use engine::commission;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use toml::Table;

const README: &str = include_str!("../../rigs/reference/README.md");
const RIG: &str = include_str!("../../rigs/reference/rig.toml");
const TWIN: &str = include_str!("../../rigs/loop.toml");

#[test]
fn the_readme_shows_the_arithmetic_of_the_rig_file() {
    let output = Command::new(env!("CARGO_BIN_EXE_orbitbench")).args(["rig", "size", "reference"]).output().expect("it starts");
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).expect("text");
    let (_, rest) = README.split_once("<!-- rig size reference -->\n```text\n").expect("its place");
    let (shown, _) = rest.split_once("```").expect("its end");
    assert_eq!(shown, said, "rigs/reference/README.md shows what `orbitbench rig size reference` no longer says");
}

/// What a key says, but for what tells an instrument from the one that stands in for it.
fn same_bench(mut table: Table) -> Table {
    for key in ["name", "title", "scale", "waiver"] {
        table.remove(key);
    }
    if let Some(accelerator) = table.get_mut("accelerator").and_then(toml::Value::as_table_mut) {
        accelerator.remove("default");
    }
    for (_, instrument) in table.get_mut("instrument").and_then(toml::Value::as_table_mut).expect("instruments") {
        for key in ["emulated", "port", "serial_number"] {
            instrument.as_table_mut().expect("a table").remove(key);
        }
    }
    table
}

#[test]
fn its_twin_is_the_same_bench() {
    let read = |text: &str| same_bench(text.parse::<Table>().expect("sound"));
    assert_eq!(read(RIG), read(TWIN), "rigs/reference/rig.toml and rigs/loop.toml describe one bench: change both");
    // The control: another sink is seen.
    assert_ne!(read(&RIG.replace("sink_k_w = 0.18", "sink_k_w = 0.17")), read(TWIN));
}

/// The parts list and the rig file weigh the same parts.
#[test]
fn the_bill_of_materials_is_the_rig_files_masses() {
    let (_, rest) = README.split_once("## Bill of materials").expect("its place");
    let (list, _) = rest.split_once("\n## ").expect("its end");
    let rows = list.lines().filter(|l| l.starts_with("| ")).skip(2).map(|l| l.split('|').map(str::trim).collect::<Vec<_>>());
    let ledger = |words: &str| words.replace(", ", "_");
    let weighed =
        rows.filter_map(|row| Some((row[1].to_lowercase().replace('/', "").replace(' ', "_"), (row[3].parse().ok()?, ledger(row[4])))));
    let listed: BTreeMap<String, (f64, String)> = weighed.collect();
    let rig: Table = RIG.parse().expect("sound");
    let told = rig["mass"].as_table().expect("masses").iter().map(|(name, mass)| {
        (name.clone(), (mass["kg"].as_float().expect("a number"), mass["ledger"].as_str().expect("a word").to_owned()))
    });
    assert_eq!(listed, told.collect());
    let kg = |flies: bool| -> f64 { listed.values().filter(|(_, ledger)| !flies || ledger.starts_with("flying")).map(|(kg, _)| kg).sum() };
    assert!(list.contains(&format!("{:.1} kg in all, of which {:.1} fly", kg(false), kg(true))), "{:.1} and {:.1}", kg(false), kg(true));
}

/// The record that ships is one of the bench that ships: comments and names may change, what makes the bench may not.
#[test]
fn the_shipped_record_is_of_the_shipped_twin() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("rigs/reference/twin-commissioning.toml");
    let record = commission::read(&file).expect("sealed as it was written");
    assert!(record.complete && record.simulated && !record.quick, "whole, and never good for hardware");
    assert_eq!((record.operator.as_str(), record.rig.name.as_str()), ("nobody, on the twin", "loop"));
    assert_eq!(record.rig.servoed, commission::Servoed::CoolantSupply);
    assert_eq!(record.steps.len(), 8);
    assert!(record.steps.iter().all(|s| s.result == commission::Verdict::Passed), "{:?}", record.failed());
    assert_eq!(
        record.rig.bench_sha256,
        commission::bench_sha256(TWIN),
        "rigs/loop.toml is another bench than twin-commissioning.toml was made of: make it again, rigs/reference/README.md says how"
    );
    // The controls: a title is no bench, a sink is.
    assert_eq!(commission::bench_sha256(&TWIN.replace("title = \"", "title = \"x")), record.rig.bench_sha256);
    assert_ne!(commission::bench_sha256(&TWIN.replace("sink_k_w = 0.18", "sink_k_w = 0.17")), record.rig.bench_sha256);
    // What it was answered ships beside it, and nothing else was.
    let answers = std::fs::read_to_string(file.with_file_name("twin-answers.toml")).expect("beside it");
    let script = commission::Script::parse("twin-answers.toml", &answers).expect("TOML");
    let kpa = record.step("leak").and_then(|s| s.numbers.get("end_kpa")).copied();
    assert_eq!(kpa.map(|kpa| kpa.to_string()), script.answer("leak.end_kpa"));
    for (number, mount) in record.resistance.as_ref().expect("measured").mounts.iter().enumerate() {
        assert_eq!(Some(mount.id.clone()), script.answer(&format!("mount.{}.id", number + 1)));
    }
}
