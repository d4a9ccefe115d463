//! Real pseudo-terminals that hang up at any byte: what memory cannot show is whether port and thread come back.

use crate::faults::{Fault, Kind, Line, Scenario, Way};
use crate::tec_controller::{Sensors, TecConfig, TecController};
use crossbeam_channel::{Receiver, Sender, unbounded};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rig::port::Port;
use rig::{Command, Event, Instrument};
use serialport::{SerialPort, TTYPort};
use signal::Celsius;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const UNPLUGS: usize = 25;
const AT_25: Sensors = Sensors { object_degc: 25.0, sink_degc: 30.0, voltage_v: 4.0 };

/// Serves a device behind `link` until `end` is dropped; whenever the line says so, the pseudo-terminal is gone and another comes.
/// Returns the device as it was at the end.
fn serve(link: PathBuf, plugs: Receiver<usize>, out: Sender<()>, end: Receiver<()>) -> thread::JoinHandle<TecController> {
    thread::spawn(move || {
        let mut device = TecController::new(TecConfig::default());
        let start = Instant::now();
        let mut buffer = [0; 64];
        loop {
            let (mut master, slave) = TTYPort::pair().unwrap();
            master.set_timeout(Duration::from_millis(5)).unwrap();
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(slave.name().unwrap(), &link).unwrap();
            // The cable comes out at the byte asked for, if one is.
            let mut line: Option<Line> = None;
            loop {
                if matches!(end.try_recv(), Err(crossbeam_channel::TryRecvError::Disconnected)) {
                    return device;
                }
                if let Ok(after) = plugs.try_recv() {
                    let kind = Kind::Unplug { after_bytes: Some(after) };
                    let fault = Fault { name: "plug".to_owned(), instrument: None, from_s: 0.0, for_s: f64::INFINITY, kind };
                    line = Some(Line::new(&Scenario { faults: vec![fault], ..Scenario::calm() }, "tec", 0.0));
                }
                let n = master.read(&mut buffer).unwrap_or(0);
                let now_s = start.elapsed().as_secs_f64();
                device.control(now_s, 0.0, AT_25);
                let mut pass = |way, bytes: &[u8]| match &mut line {
                    None => bytes.to_vec(),
                    Some(line) => {
                        line.send(now_s, way, bytes);
                        line.due(now_s).into_iter().flat_map(|parcel| parcel.bytes).collect()
                    }
                };
                let reply = device.receive(now_s, &pass(Way::ToDevice, &buffer[..n]));
                let reply = pass(Way::ToHost, &reply);
                let _ = master.write_all(&reply);
                if line.as_ref().is_some_and(|line| !line.plugged(now_s)) {
                    break;
                }
            }
            drop((master, slave));
            out.send(()).unwrap();
        }
    })
}

fn until(events: &Receiver<(usize, Event)>, what: &str, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while let Ok((_, event)) = events.recv_deadline(deadline) {
        let found = wanted(&event);
        seen.push(event);
        if found {
            return seen;
        }
    }
    panic!("{what} never came: {seen:?}");
}

fn instrument(folder: &Path) -> Instrument {
    let document = signal::Document::parse("twin.toml", include_str!("../../../rigs/twin.toml"));
    let rig = rig::RigFile::read(&document.root());
    let connection = rig::Connection::Port(folder.join("tec"));
    // Patient, so that a busy machine is not taken for a silent device.
    Instrument { reply_timeout_s: 2.0, connection, ..rig.instruments[0].clone() }
}

#[test]
fn twenty_five_unplugs_on_real_ptys() {
    let folder = tempfile::tempdir().unwrap();
    let instrument = instrument(folder.path());
    let ((plug, plugs), (out, outs), (end, ended)) = (unbounded(), unbounded(), unbounded::<()>());
    let serving = serve(folder.path().join("tec"), plugs, out, ended);
    let (sender, events) = unbounded();
    let port = Port::open(folder.path().join("tec"), instrument.serial, rig::driver_for(&instrument).unwrap(), sender, 0).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(25);
    for round in 0..UNPLUGS {
        let opened = until(&events, "readiness", |e| *e == Event::Ready);
        assert!(opened.contains(&Event::OutputConfirmed { on: false }), "round {round}: seen off before it is ready: {opened:?}");
        assert!(!opened.contains(&Event::OutputConfirmed { on: true }), "round {round}: never on by itself: {opened:?}");
        port.command(Command::Target(Celsius(20.0)));
        port.command(Command::Enable);
        until(&events, "the output", |e| *e == Event::OutputConfirmed { on: true });
        // Somewhere in the polls that follow.
        plug.send(rng.random_range(0..600)).unwrap();
        let mut tick = 0;
        while outs.is_empty() {
            tick += 1;
            port.command(Command::Poll { tick });
            let over = until(&events, "the end of a poll", |e| matches!(e, Event::PollDone { .. } | Event::PollFailed { .. }));
            if over.iter().any(|e| matches!(e, Event::LinkLost { .. } | Event::PollFailed { .. })) {
                break;
            }
        }
        outs.recv_timeout(PATIENCE).unwrap();
    }
    until(&events, "readiness", |e| *e == Event::Ready);
    assert!(port.close_within(PATIENCE), "no thread hangs");
    drop(end);
    assert!(!serving.join().unwrap().output_on());
}
