//! The reference bench: its README says what its rig file comes to, and its twin is the same bench.

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
