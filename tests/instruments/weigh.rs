//! `rig weigh` with an operator at the keyboard: on our emulated scale, and on somebody else's.

use super::peers::{Peer, emulated, free_port, program, start};
use crate::process::bench::eventually;
use engine::setup::Setup;
use rig::config::{Boundary, Ledger, WeighingRecord};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Weighs with `rig weigh ARGS`, `place` putting kilograms on the pan before each Enter.
fn weigh(folder: &Path, args: &[&str], on_kg: f64, mut place: impl FnMut(f64)) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orbitbench"));
    command.current_dir(folder).args(["rig", "weigh"]).args(args).args(["--operator", "a tester"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut keys = child.stdin.take().expect("piped");
    let mut said = BufReader::new(child.stderr.take().expect("piped"));
    let (mut heard, mut byte) = (Vec::new(), [0_u8]);
    while said.read(&mut byte).is_ok_and(|n| n > 0) {
        heard.push(byte[0]);
        // The prompt ends so; what is asked for stands before it.
        if heard.ends_with(b"q ends it] ") {
            let line = String::from_utf8_lossy(&heard).lines().last().unwrap_or_default().to_owned();
            place(if line.starts_with("Put ") { on_kg } else { 0.0 });
            keys.write_all(b"\n").expect("it reads");
        }
    }
    drop(keys);
    let mut output = child.wait_with_output().expect("it ends");
    output.stderr = heard;
    output
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn record(file: &Path) -> WeighingRecord {
    let text = std::fs::read_to_string(file).expect("a record");
    WeighingRecord::parse(&file.display().to_string(), &text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

#[test]
fn a_part_is_weighed_dry_and_wet_and_the_run_goes_by_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = folder.path().join("bench");
    let _emulator = emulated(&bench, "desk");
    let (pan, log) = (bench.join("scale.pan"), bench.join("emulator.log"));
    let mut lies = 0.0;
    let mut place = |kg: f64| {
        if kg != lies {
            lies = kg;
            let before = std::fs::read_to_string(&log).expect("a log").matches("the pan is at rest").count();
            std::fs::write(&pan, format!("{kg}\n")).expect("room");
            eventually("the part lies still on the pan", || {
                (std::fs::read_to_string(&log).ok()?.matches("the pan is at rest").count() > before).then_some(())
            });
        }
    };
    let emulator = bench.display().to_string();
    let common = ["--emulator", emulator.as_str(), "--record", "w.toml", "--repeats", "1"];
    let dry = weigh(folder.path(), &[&["desk", "cold_plate"], &common[..]].concat(), 0.6123, &mut place);
    assert!(dry.status.success() && told(&dry).contains("simulated, never good for real hardware"), "{}", told(&dry));
    let wet = weigh(folder.path(), &[&["desk", "cold_plate", "--wet"], &common[..]].concat(), 0.6553, &mut place);
    assert!(wet.status.success(), "{}", told(&wet));
    let kept = record(&folder.path().join("w.toml"));
    let plate = &kept.masses[0];
    assert_eq!((kept.simulated, plate.kg, plate.wet_kg, plate.ledger), (true, 0.612, Some(0.655), Ledger::FlyingCooling));
    assert!(plate.u_kg.is_some_and(|u| (0.001..0.002).contains(&u)) && plate.weighed.contains("a tester on mt-sics serial B021002593"));

    // Wet lighter than dry was mixed up, and nothing of it is kept; a new part needs a ledger.
    let mixed = weigh(folder.path(), &[&["desk", "cold_plate", "--wet"], &common[..]].concat(), 0.5, &mut place);
    assert_eq!(mixed.status.code(), Some(3), "{}", told(&mixed));
    assert!(told(&mixed).contains("mixed up") && record(&folder.path().join("w.toml")) == kept, "{}", told(&mixed));
    // The other way round as well: a record that no run would read is not made.
    let mixed = weigh(folder.path(), &[&["desk", "cold_plate"], &common[..]].concat(), 0.7, &mut place);
    assert_eq!(mixed.status.code(), Some(3), "{}", told(&mixed));
    assert!(told(&mixed).contains("weigh it --wet first") && record(&folder.path().join("w.toml")) == kept, "{}", told(&mixed));
    let new = weigh(folder.path(), &[&["desk", "pump"], &common[..]].concat(), 0.5, &mut place);
    assert!(new.status.code() == Some(3) && told(&new).contains("--ledger flying_cooling"), "{}", told(&new));

    // A rig that names the record flies with it, and says so.
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/rigs/desk.toml")).expect("it ships");
    std::fs::write(folder.path().join("rig.toml"), text.clone() + "\n[weighing]\nfile = \"w.toml\"\n").expect("room");
    let listed = weigh(folder.path(), &["rig.toml"], 0.0, &mut place);
    assert!(told(&listed).contains("0.0430") && told(&listed).contains("boundary: card"), "{}", told(&listed));
    let mut options = crate::flight::setup_on("dawn-dusk-650", "desk", 1).options;
    options.rig.from = folder.path().join("rig.toml").display().to_string();
    options.rig.text += "\n[weighing]\nfile = \"w.toml\"\n";
    let setup = Setup::build(options).expect("it goes by it");
    let kg: f64 = setup.ledgers.flying.cooling().iter().map(|item| item.kg).sum();
    assert!((kg - 0.612).abs() < 1e-12, "{kg}");
    assert_eq!(setup.rig.boundary(), Some(Boundary::Card));
    // Checking the rig file reads the record too.
    std::fs::write(folder.path().join("w.toml"), "schema = 1\nrig = \"another\"\n").expect("room");
    let checked = Command::new(env!("CARGO_BIN_EXE_orbitbench")).current_dir(folder.path()).args(["rig", "check", "rig.toml"]).output();
    let checked = checked.expect("it starts");
    assert!(checked.status.code() == Some(3) && told(&checked).contains("is of the rig \"another\""), "{}", told(&checked));
}

#[test]
fn who_leaves_the_scale_has_kept_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = folder.path().join("bench");
    let emulator = emulated(&bench, "desk");
    let mut command = Command::new(env!("CARGO_BIN_EXE_orbitbench"));
    command.current_dir(folder.path()).args(["rig", "weigh", "desk", "cold_plate", "--emulator"]).arg(&bench).stdin(Stdio::null());
    let output = command.output().expect("it starts");
    assert_eq!(output.status.code(), Some(5), "{}", told(&output));
    assert!(told(&output).contains("nothing was kept") && !folder.path().join("rigs").exists(), "{}", told(&output));

    // What a killed emulator leaves behind is not taken for it: its pseudo-terminal's number may be somebody's by now.
    drop(emulator);
    let output = command.output().expect("it starts");
    assert!(output.status.code() == Some(3) && told(&output).contains("it is gone"), "{}", told(&output));
}

/// Somebody else's scales, one that shows kilograms and one that shows grams, loaded over their own control port.
#[test]
fn parts_are_weighed_on_the_scales_of_mt_sics_emulator() {
    for (profile, reads, readability_kg, on_kg) in [("ohaus-ranger7000", "mass", 0.005, 12.345), ("mt-ms3002s", "mass_g", 1e-5, 0.612_34)] {
        let Some(mut scale) = program("mtsics-tcp", "rig weigh on mt-sics-emulator") else { return };
        let (port, control) = (free_port(), free_port());
        let arguments = ["--host", "127.0.0.1", "--profile", profile, "--port", &port.to_string(), "--control-port", &control.to_string()];
        let _peer: Peer = start(scale.args(arguments));
        let folder = tempfile::tempdir().expect("a folder");
        let ships = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/rigs/twin.toml")).expect("it ships");
        let table = format!(
            "\n[scale]\ndriver = \"line\"\ndialect = \"mt-sics\"\ntcp = \"127.0.0.1:{port}\"\nreads = \"{reads}\"\nreadability_kg = {readability_kg}\n\
             accuracy_kg = {readability_kg}\n"
        );
        std::fs::write(folder.path().join("rig.toml"), ships + &table).expect("room");
        let units = if reads == "mass_g" { 1e3 } else { 1.0 };
        eventually("the scale listens", || TcpStream::connect(("127.0.0.1", control)).ok());
        let put = |kg: f64| {
            let body = format!("{{\"value\": {}, \"snap\": true}}", kg * units);
            let request =
                format!("POST /weight HTTP/1.1\r\nHost: scale\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
            let mut stream = TcpStream::connect(("127.0.0.1", control)).expect("it listens");
            stream.write_all(request.as_bytes()).expect("it reads");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("it answers");
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        };
        let output =
            weigh(folder.path(), &["rig.toml", "cold_plate", "--record", "w.toml", "--repeats", "2", "--density", "2700"], on_kg, put);
        assert!(output.status.success(), "{profile}: {}", told(&output));
        let kept = record(&folder.path().join("w.toml"));
        let plate = kept.masses.iter().find(|mass| mass.name == "cold_plate").expect("weighed");
        // Aluminium floats a little: 0.029 % more than shown, and one step of the display besides.
        let expected = on_kg * (1.0 - 1.2 / 8000.0) / (1.0 - 1.2 / 2700.0);
        assert!((plate.kg - expected).abs() <= 1.01 * readability_kg, "{profile}: {} for {expected}\n{}", plate.kg, told(&output));
        assert!(!kept.simulated, "what answers on a port is taken for a real one");
    }
}
