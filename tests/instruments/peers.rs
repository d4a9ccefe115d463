//! Peers that we did not write: device emulators that our driver drives, and clients that drive our emulated devices. None is
//! linked, all are run; what is missing is skipped, and says so.

use crate::skipped;
use rig::port::{Place, Port};
use rig::{Command, Event, RigFile};
use signal::{Celsius, Channel, Document};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Longest time for anything to happen that must happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A program of the peers' Python, beside it.
pub(super) fn program(name: &str, what: &str) -> Option<std::process::Command> {
    let python = std::env::var_os("ORBITBENCH_PEERS").map(PathBuf::from);
    let path = python.as_deref().and_then(Path::parent).map(|bin| bin.join(name)).filter(|path| path.exists());
    if path.is_none() {
        skipped(what, &format!("ORBITBENCH_PEERS names no Python with {name} beside it; see tests/peers/requirements.txt"));
    }
    path.map(std::process::Command::new)
}

/// A process that ends with the test.
pub(super) struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn start(command: &mut std::process::Command) -> Peer {
    Peer(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the peer starts"))
}

/// A port of the network that nobody uses at the moment, for a peer that has to be told one: below those that the system gives to whoever asks for any (from 32768 on),
/// so that no connection of another test takes it before the peer does, and never the same twice.
pub(super) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let own = || 20_000 + (std::process::id() * 64 + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(|| own() as u16).take(1000).find(free).expect("a port")
}

/// A rig whose plate is held by a device of this dialect, or which reads one beside an emulated controller.
fn rig_of(instruments: &str, plate: (&str, &str), channels: &str) -> RigFile {
    let (name, reads) = plate;
    let text = format!(
        "schema = 1\nname = \"peer\"\ntitle = \"A peer\"\n[interface]\nservo_node = \"plate\"\nheat_source = \"electrical\"\n{instruments}\n\
         [channel.plate]\ninstrument = \"{name}\"\nreads = \"{reads}\"\nsafe = \"off\"\nmin_degc = 5.0\nmax_degc = 60.0\nrate_k_min = 8.0\n\
         trip_min_degc = 0.0\ntrip_max_degc = 75.0\n{channels}\n[channel.workload]\nsafe = \"stop\"\n[accelerator]\ndefault = \"virtual\"\n\
         coupled = false\ntrip_max_degc = 95.0\n"
    );
    let document = Document::parse("peer.toml", &text);
    let rig = RigFile::read(&document.root());
    document.finish(rig).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// Our driver on its port, and what it tells.
struct Ours {
    port: Port,
    events: crossbeam_channel::Receiver<(usize, Event)>,
    seen: Vec<Event>,
}

impl Ours {
    fn on(rig: &RigFile, name: &str) -> Self {
        let instrument = rig.instrument(name).expect("it is there");
        let (tell, events) = crossbeam_channel::unbounded();
        let place = Place::of(&instrument.connection).expect("a real one");
        let port = Port::open(place, instrument.serial, rig::driver_for(instrument).expect("a driver"), tell, 0).expect("a thread");
        Self { port, events, seen: Vec::new() }
    }

    fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        let deadline = Instant::now() + PATIENCE;
        while let Ok((_, event)) = self.events.recv_deadline(deadline) {
            self.seen.push(event.clone());
            if wanted(&event) {
                return event;
            }
        }
        panic!("it did not come; what came: {:?}", self.seen);
    }

    fn read(&mut self, tick: u64, channel: Channel) -> f64 {
        self.port.command(Command::Poll { tick });
        let event = self.until(|e| matches!(e, Event::Reading { tick: t, channel: c, .. } if (*t, *c) == (tick, channel)));
        self.until(|e| *e == Event::PollDone { tick });
        if let Event::Reading { value, .. } = event { value } else { f64::NAN }
    }
}

/// From identification to switched off, on a circulator that others emulate. They disagree about `OUT_SP_00`: lewis sends a blank
/// line back, sinstruments nothing, as the devices do.
fn drives_a_circulator(place: &str) {
    let bath = format!("[instrument.bath]\ndriver = \"line\"\ndialect = \"julabo\"\n{place}\n");
    let rig = rig_of(&bath, ("bath", "bath_temperature"), "");
    let mut ours = Ours::on(&rig, "bath");
    let identified = ours.until(|e| matches!(e, Event::Identified { .. }));
    assert!(matches!(&identified, Event::Identified { device } if device.starts_with("julabo ")), "{identified:?}");
    ours.until(|e| *e == Event::Ready);
    ours.port.command(Command::Target(Celsius(31.5)));
    ours.port.command(Command::Enable);
    ours.until(|e| *e == Event::OutputConfirmed { on: true });
    assert!((ours.read(1, Channel::TecTarget) - 31.5).abs() < 0.01);
    for tick in 2..5 {
        let degc = ours.read(tick, Channel::Plate);
        assert!((10.0..60.0).contains(&degc), "{degc}");
    }
    ours.port.command(Command::Disable);
    ours.until(|e| *e == Event::OutputConfirmed { on: false });
    assert!(
        !ours.seen.iter().any(|e| matches!(e, Event::LinkLost { .. } | Event::Refused { .. }) && ours.seen[0] != *e),
        "{:?}",
        ours.seen
    );
    assert!(ours.port.close_within(PATIENCE));
}

#[test]
fn our_driver_drives_the_circulator_of_lewis() {
    let Some(mut lewis) = program("lewis", "lewis' Julabo by our driver") else { return };
    let port = free_port();
    let options = format!("julabo-version-1: {{bind_address: 127.0.0.1, port: {port}}}");
    let _peer = start(lewis.args(["julabo", "-c", "0.01", "-p", &options]));
    drives_a_circulator(&format!("tcp = \"127.0.0.1:{port}\""));
}

#[test]
fn our_driver_drives_the_circulator_of_sinstruments() {
    let Some(mut server) = program("sinstruments-server", "sinstruments' Julabo by our driver") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (link, config) = (folder.path().join("bath"), folder.path().join("bath.yml"));
    let text = format!(
        "devices:\n- class: JulaboCF\n  package: julabo.simulator\n  name: bath\n  transports:\n  - type: serial\n    url: {}\n    baudrate: 9600\n",
        link.display()
    );
    std::fs::write(&config, text).expect("room");
    let _peer = start(server.arg("-c").arg(&config));
    drives_a_circulator(&format!("port = \"{}\"", link.display()));
}

/// A scale is no part of a flight; it is read by the same driver, and what it says is a mass.
#[test]
fn our_driver_reads_the_scale_of_mt_sics_emulator() {
    let Some(mut scale) = program("mtsics-tcp", "mt-sics-emulator by our driver") else { return };
    let port = free_port();
    let _peer = start(scale.args(["--host", "127.0.0.1", "--port", &port.to_string()]));
    let instruments = format!(
        "[instrument.tec]\ndriver = \"mecom\"\nemulated = true\nlease_s = 3.0\ncurrent_limit_a = 8.0\nvoltage_limit_v = 16.0\n\
         [instrument.scale]\ndriver = \"line\"\ndialect = \"mt-sics\"\ntcp = \"127.0.0.1:{port}\"\nserial_number = \"B123456789\"\n"
    );
    // The bench has no role for a mass; the flow meter's stands in for this reading.
    for (tick, reads) in [(1, "mass"), (2, "mass_now")] {
        let rig =
            rig_of(&instruments, ("tec", "object_temperature"), &format!("[channel.flow]\ninstrument = \"scale\"\nreads = \"{reads}\"\n"));
        let mut ours = Ours::on(&rig, "scale");
        ours.until(|e| *e == Event::Ready);
        assert_eq!(ours.read(tick, Channel::Flow), 0.0, "{reads} of an empty pan");
        assert!(ours.port.close_within(PATIENCE));
    }
}

/// Our emulated rig on pseudo-terminals.
pub(super) fn emulated(folder: &Path, rig: &str) -> Peer {
    let mut emulator = std::process::Command::new(env!("CARGO_BIN_EXE_orbitbench"));
    let mut child = emulator.args(["rig", "emulate", rig, "--folder"]).arg(folder).stdout(Stdio::piped()).spawn().expect("an emulator");
    let (said, ready) = mpsc::channel();
    let stdout = child.stdout.take().expect("piped");
    std::thread::spawn(move || {
        let mut line = String::new();
        // Whoever waits sees an empty line for an emulator that did not come up.
        let _ = BufReader::new(stdout).read_line(&mut line);
        let _ = said.send(line);
    });
    let line = ready.recv_timeout(PATIENCE).expect("its word");
    assert!(line.contains("ports"), "{line:?}");
    Peer(child)
}

/// koradctl runs its own test suite's commands against our Korad: set, limit, on, read, off.
#[test]
fn koradctl_drives_the_emulated_korad() {
    let Some(mut koradctl) = program("koradctl", "koradctl on the emulated Korad") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let _emulator = emulated(folder.path(), "desk");
    let port = folder.path().join("fan");
    let output = koradctl.arg("-p").arg(&port).args(["-v", "7.5", "-i", "1.0", "-e", "on", "-m"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // 7.5 V into 12 Ω.
    for words in ["7.5", "0.62"] {
        assert!(said.contains(words), "no {words:?} in\n{said}");
    }
}

/// `PyMeasure`, through pyvisa-py, drives our supply as the Keysight that it takes it for.
#[test]
fn pymeasure_drives_the_emulated_supply() {
    let Some(mut python) = program("python", "PyMeasure on the emulated supply") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("supply.toml");
    let (_, desk) = rig::builtin().iter().find(|(name, _)| *name == "desk").expect("shipped");
    let heater = "dialect = \"homemade\"\nemulated = true\nlease_s = 5.0\nserial_number = \"0007\"";
    assert!(desk.contains(heater));
    let text = desk.replace(heater, "dialect = \"scpi-supply\"\nemulated = true\ncurrent_limit_a = 2.0");
    let text = text.replace("reads_w = \"power\"\ndrives = \"power\"\nmin_w = 0.0\nmax_w = 20.0", "reads_v = \"voltage\"");
    let text = text.replace("[channel.ambient]\ninstrument = \"heater\"\nreads = \"temperature\"\npoll_ticks = 10\n", "");
    std::fs::write(&file, text).expect("room");
    let _emulator = emulated(&folder.path().join("ports"), &file.display().to_string());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/pymeasure_drive.py");
    let output = python.arg("-B").arg(script).arg(folder.path().join("ports/heater")).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
}

/// A client that speaks TCP or serial, run by a script of ours against an instrument of an emulated rig.
fn driven(script: &str, rig: &str, instrument: &str) {
    let Some(mut python) = program("python", &format!("{script} on the emulated {instrument}")) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let _emulator = emulated(folder.path(), rig);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
    let output = python.arg("-B").arg(script).arg(folder.path().join(instrument)).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
}

/// `PyMeasure` drives the second output of our supply of several, beside a first and a third that keep what is theirs.
#[test]
fn pymeasure_drives_the_second_output_of_the_emulated_supply() {
    driven("pymeasure_outputs.py", "two-outputs", "supply");
}

/// The negative control: a supply that has one output, whatever is named behind a command, is found out.
#[test]
fn pymeasure_finds_out_a_supply_of_one_output() {
    let Some(mut python) = program("python", "PyMeasure on a supply of one output") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (_, text) = rig::builtin().iter().find(|(name, _)| *name == "two-outputs").expect("shipped");
    let (head, rest) = text.split_once("[instrument.supply_aux]").expect("there");
    let (_, rest) = rest.split_once("[channel.plate]").expect("there");
    let (before, after) = rest.split_once("[channel.aux_supply]").expect("there");
    let (_, after) = after.split_once("safe = \"off\"").expect("there");
    let text = format!("{head}[channel.plate]{before}{after}").replace("\"scpi-outputs\"", "\"scpi-supply\"");
    let file = folder.path().join("one.toml");
    std::fs::write(&file, text).expect("room");
    let _emulator = emulated(&folder.path().join("ports"), &file.display().to_string());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/pymeasure_outputs.py");
    let output = python.arg("-B").arg(script).arg(folder.path().join("ports/supply")).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("MISMATCH  first: its voltage is its own: found 9.0"), "{said}");
}

/// huber, an asyncio client of PB commands over TCP, drives the emulated Huber through a bridge.
#[test]
fn huber_drives_the_emulated_circulator() {
    driven("huber_drive.py", "huber", "bath");
}

/// `LaudaDriver` sets, starts, reads and stops the emulated Lauda.
#[test]
fn laudadriver_drives_the_emulated_thermostat() {
    driven("lauda_drive.py", "lauda", "bath");
}
