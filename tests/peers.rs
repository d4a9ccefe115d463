//! Peers that we did not write, at the other end of what we make: `SciPy` over a run folder, third-party `MeCom` and Modbus clients
//! over emulated devices' pseudo-terminals, our Modbus driver on a third party's device.
//!
//! `ORBITBENCH_PEERS` names a Python that has the packages of `tests/peers/requirements.txt`. Without it these checks are skipped,
//! and say so where it is seen.

use crate::flight::{compared, drawn, setup};
use record::{Column, Folder, SAMPLES};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub(crate) fn python(what: &str) -> Option<PathBuf> {
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

/// Each kernel of the GPU's engine by itself, launched through the driver's interface by a client that is none of ours, against `NumPy`: to their own last
/// rounding, with a tile that is a hundredth off refused in every result. On the double of the driver here; the same script takes a real one (`tests/gpu/check.sh`).
#[test]
fn numpy_computes_what_each_kernel_computes() {
    let Some(python) = python("the GPU's kernels against NumPy") else { return };
    let Some(doubles) = crate::process::cuda::doubles() else { return };
    let ptx = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/workload/gpu/kernels/kernels.ptx");
    let judged = script(&python, "peers/gpu_kernels.py", &[&doubles.join("libcuda.so.1"), &ptx]);
    assert_eq!(judged.status.code(), Some(0), "{}", words(&judged));
    assert!(words(&judged).contains("44 kernels of 44"), "{}", words(&judged));
    // The same sources with one corner of a product a hundredth too large are found out, by name.
    let folder = tempfile::tempdir().expect("a folder");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/workload/gpu");
    for part in ["kernels", "testdata"] {
        std::fs::create_dir(folder.path().join(part)).expect("room");
        for file in std::fs::read_dir(from.join(part)).expect("there").flatten() {
            std::fs::copy(file.path(), folder.path().join(part).join(file.file_name())).expect("room");
        }
    }
    let product = folder.path().join("kernels/product.cu");
    let sound = std::fs::read_to_string(&product).expect("there");
    let spoilt = sound.replace("alpha * sum[i][j][e]", "(mm < 8 && nn < 8 ? 1.01f : 1.0f) * alpha * sum[i][j][e]");
    assert_ne!(sound, spoilt);
    std::fs::write(&product, spoilt).expect("room");
    let built = Command::new("sh").arg(folder.path().join("testdata/build.sh")).arg(folder.path()).output().expect("a shell");
    assert!(built.status.success(), "{}", words(&built));
    let judged = script(&python, "peers/gpu_kernels.py", &[&folder.path().join("libcuda.so.1"), &ptx]);
    assert_eq!(judged.status.code(), Some(1), "{}", words(&judged));
    let bad: Vec<String> = words(&judged).lines().filter(|l| l.starts_with("BAD")).map(str::to_owned).collect();
    assert!(!bad.is_empty() && bad.iter().all(|l| l.contains("product_bf16")), "{bad:?}");
}

/// The shipped kernels through NVIDIA's own assembler, as a driver takes them when it loads them, for each kind of card from compute capability 8.0 to 9.0.
#[test]
fn nvidia_s_assembler_takes_every_kernel() {
    let what = "the GPU's kernels in NVIDIA's assembler";
    let Some(python) = python(what) else { return };
    let ptx = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/workload/gpu/kernels/kernels.ptx");
    let judged = script(&python, "peers/gpu_assemble.py", &[&ptx]);
    if judged.status.code() == Some(77) {
        return crate::skipped(what, words(&judged).trim());
    }
    assert_eq!(judged.status.code(), Some(0), "{}", words(&judged));
    assert_eq!(words(&judged).matches("44 kernels of 44").count(), 4, "{}", words(&judged));
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
    drives(&python, "peers/mecompyapi_drive.py", "twin", "tec");
}

/// minimalmodbus drives the emulated module of the Modbus rig, from its values to its watchdog.
#[test]
fn minimalmodbus_drives_the_emulated_module() {
    let Some(python) = python("minimalmodbus on the emulated Modbus module") else { return };
    drives(&python, "peers/minimalmodbus_drive.py", "modbus", "io");
}

/// Emulates a rig and lets a client that we did not write drive one of its instruments.
fn drives(python: &Path, client: &str, rig: &str, instrument: &str) {
    let root = tempfile::tempdir().expect("a folder");
    let mut emulator = Command::new(env!("CARGO_BIN_EXE_orbitbench"));
    emulator.args(["rig", "emulate", rig, "--folder"]).arg(root.path()).stdout(Stdio::piped());
    let mut emulator = emulator.spawn().expect("an emulator");
    let mut ready = String::new();
    BufReader::new(emulator.stdout.take().expect("piped")).read_line(&mut ready).expect("its word");
    let driven = script(python, client, &[&root.path().join(instrument)]);
    emulator.kill().expect("it is there");
    emulator.wait().expect("our child");
    assert_eq!(driven.status.code(), Some(0), "{ready}{}", words(&driven));
}

/// Our Modbus driver on a device that pymodbus makes: identified, read, set, switched and read back; another unit is refused.
#[test]
fn our_modbus_driver_drives_pymodbus() {
    let Some(python) = python("our Modbus driver on a device by pymodbus") else { return };
    let rigs = rig::builtin();
    let (_, text) = rigs.iter().find(|(name, _)| *name == "modbus").expect("it ships");
    let document = signal::Document::parse("modbus.toml", text);
    let file = rig::RigFile::read(&document.root());
    let io = file.instrument("io").expect("it is in there");
    // A pseudo-terminal has no parity.
    let io = rig::Instrument { serial: rig::Serial::n81(19_200), reply_timeout_s: 1.0, ..io.clone() };

    let events = on_pymodbus(&python, &io, &[rig::Command::Level(1500.0), rig::Command::Enable, rig::Command::Poll { tick: 1 }]);
    let reading = |channel, value| rig::Event::Reading { tick: 1, channel, value };
    for wanted in [
        rig::Event::OutputConfirmed { on: false },
        rig::Event::Ready,
        rig::Event::OutputConfirmed { on: true },
        reading(signal::Channel::Ambient, -1.5),
        reading(signal::Channel::FanSpeed, 20_000.0),
        rig::Event::PollDone { tick: 1 },
    ] {
        assert!(events.contains(&wanted), "no {wanted:?} in {events:?}");
    }

    let mut other = io.clone();
    if let rig::DriverKind::Modbus(settings) = &mut other.driver {
        settings.identity = Some(("serial".to_owned(), 7));
    }
    let events = on_pymodbus(&python, &other, &[]);
    assert!(events.iter().any(|e| matches!(e, rig::Event::Refused { why } if why.contains("4242"))), "{events:?}");
}

/// What a driver tells of the device that pymodbus serves, until it was polled or refused.
fn on_pymodbus(python: &Path, instrument: &rig::Instrument, commands: &[rig::Command]) -> Vec<rig::Event> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/pymodbus_serve.py");
    let mut server = Command::new(python);
    server.arg("-B").arg(path).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = server.spawn().expect("a server");
    let mut place = String::new();
    BufReader::new(server.stdout.take().expect("piped")).read_line(&mut place).expect("its word");
    let (sender, told) = crossbeam_channel::unbounded();
    let driver = rig::driver_for(instrument).expect("a driver");
    let port = rig::port::Port::open(PathBuf::from(place.trim()), instrument.serial, driver, sender, 0).expect("a port");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let mut events = Vec::new();
    while let Ok((_, event)) = told.recv_deadline(deadline) {
        if event == rig::Event::Ready {
            for command in commands {
                port.command(*command);
            }
        }
        let over = matches!(event, rig::Event::Refused { .. } | rig::Event::PollDone { .. } | rig::Event::LinkLost { .. });
        events.push(event);
        if over {
            break;
        }
    }
    drop(server.stdin.take());
    server.wait().expect("our child");
    events
}
