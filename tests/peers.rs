//! Peers that we did not write, at the other end of what we make: `SciPy` over a run folder, a third-party `MeCom` client over the
//! emulated controller's pseudo-terminal.
//!
//! `ORBITBENCH_PEERS` names a Python that has the packages of `tests/peers/requirements.txt`. Without it these checks are skipped,
//! and say so where it is seen.

use crate::flight::{compared, drawn, setup};
use record::{Column, Folder, SAMPLES};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn python(what: &str) -> Option<PathBuf> {
    let found = std::env::var_os("ORBITBENCH_PEERS").map(PathBuf::from);
    if found.is_none() {
        crate::skipped(what, "ORBITBENCH_PEERS names no Python with the packages of tests/peers/requirements.txt");
    }
    found
}

fn script(python: &Path, script: &str, arguments: &[&Path]) -> Output {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script);
    Command::new(python).arg("-B").arg(path).args(arguments).output().unwrap_or_else(|why| panic!("cannot run {}: {why}", python.display()))
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A copy of a run folder whose samples differ in one column by a constant.
fn shifted(folder: &Folder, to: &Path, column: Column, by: f64) {
    std::fs::create_dir(to).expect("room");
    std::fs::copy(folder.file(record::RUN), to.join(record::RUN)).expect("room");
    let text = folder.text(SAMPLES).expect("samples");
    let mut lines = text.lines();
    let header = lines.next().expect("a header");
    let at = header.split(',').position(|name| name == column.name()).expect("the column");
    let mut out = format!("{header}\n");
    for line in lines {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        if let Ok(value) = cells[at].parse::<f64>() {
            cells[at] = format!("{:.4}", value + by);
        }
        out += &cells.join(",");
        out.push('\n');
    }
    std::fs::write(to.join(SAMPLES), out).expect("room");
}

/// An eclipsed and an eclipse-free orbit, each recomputed from the run folder alone; and a folder that is 0.2 K off is found out.
#[test]
fn scipy_agrees_with_a_flight() {
    let Some(python) = python("the SciPy oracle") else { return };
    let root = tempfile::tempdir().expect("a folder");
    let [eclipsed, sunlit] = ["dawn-dusk-650", "dawn-dusk-650-january"].map(|profile| {
        let setup = setup(profile, 1);
        compared(root.path(), &setup, drawn(&setup), |_| {}).1
    });
    let judged = script(&python, "oracle.py", &[eclipsed.path(), sunlit.path()]);
    assert_eq!(judged.status.code(), Some(0), "{}", words(&judged));

    let wrong = root.path().join("wrong");
    shifted(&eclipsed, &wrong, Column::FlightSupplyDegc, 0.2);
    let judged = script(&python, "oracle.py", &[&wrong]);
    let said = words(&judged);
    assert_eq!(judged.status.code(), Some(1), "{said}");
    let failed = said.lines().last().unwrap_or_default();
    assert!(failed.contains("flight_supply_degc"), "{said}");
}

/// mecompyapi drives the emulated controller over its pseudo-terminal, from identification to refusal.
#[test]
fn mecompyapi_drives_the_emulated_controller() {
    let Some(python) = python("mecompyapi on the emulated controller") else { return };
    let root = tempfile::tempdir().expect("a folder");
    let mut emulator = Command::new(env!("CARGO_BIN_EXE_orbitbench"));
    emulator.args(["rig", "emulate", "twin", "--folder"]).arg(root.path()).stdout(Stdio::piped());
    let mut emulator = emulator.spawn().expect("an emulator");
    let mut ready = String::new();
    BufReader::new(emulator.stdout.take().expect("piped")).read_line(&mut ready).expect("its word");
    let driven = script(&python, "peers/mecompyapi_drive.py", &[&root.path().join("tec")]);
    emulator.kill().expect("it is there");
    emulator.wait().expect("our child");
    assert_eq!(driven.status.code(), Some(0), "{ready}{}", words(&driven));
}
