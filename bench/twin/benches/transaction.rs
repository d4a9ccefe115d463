//! What a transaction costs beyond the wire, ours beside clients we did not write, on one emulated controller behind an unpaced
//! pseudo-terminal: `cargo bench -p orbitbench-twin --bench transaction`. Then the rate on a paced one beside what the wire allows,
//! computed from the bytes.
//!
//! The clients are Python packages (`transaction.py`); the interpreter that has them is `ORBITBENCH_PEERS`, or `python3`. One that
//! is missing is said to be. Not a test: nothing fails by being slow, and figures are of this machine while it did this.

use crossbeam_channel::{Receiver, unbounded};
use rig::port::Port;
use rig::protocol::mecom::{Bulk, Query, Request};
use rig::{Command, Event, Instrument, Serial};
use serialport::{SerialPort, TTYPort};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use twin::tec_controller::{Sensors, TecConfig, TecController};

const POLLS: u64 = 1000;
const PACED_POLLS: u64 = 100;
/// Questions of a poll that reads one by one: five values, the lease, the output twice.
const QUESTIONS: u64 = 8;

/// Serves a controller until `end`; at the wire's pace if there is one. Returns where.
fn serve(firmware_version: i32, pace: Option<Serial>, end: Arc<AtomicBool>) -> (PathBuf, thread::JoinHandle<()>) {
    let (mut master, slave) = TTYPort::pair().expect("a pseudo-terminal");
    master.set_timeout(Duration::from_millis(10)).expect("a time-out");
    let path = PathBuf::from(slave.name().unwrap_or_default());
    let serving = thread::spawn(move || {
        let _slave = slave;
        let mut device = TecController::new(TecConfig { firmware_version, ..TecConfig::default() });
        let (start, mut buffer) = (Instant::now(), [0; 256]);
        while !end.load(Ordering::Relaxed) {
            let Ok(n) = master.read(&mut buffer) else { continue };
            let now_s = start.elapsed().as_secs_f64();
            device.control(now_s, 0.0, Sensors { object_degc: 25.0, sink_degc: 30.0, voltage_v: 0.0 });
            let reply = device.receive(now_s, &buffer[..n]);
            if let Some(serial) = pace {
                thread::sleep(Duration::from_secs_f64(serial.wire_s(n + reply.len())));
            }
            // A client that is gone needs no answer.
            let _ = master.write_all(&reply);
        }
    });
    (path, serving)
}

fn instrument() -> Instrument {
    let document = signal::Document::parse("twin.toml", include_str!("../../../rigs/twin.toml"));
    let rig = rig::RigFile::read(&document.root());
    Instrument { reply_timeout_s: 2.0, ..rig.instruments[0].clone() }
}

fn until(events: &Receiver<(usize, Event)>, wanted: impl Fn(&Event) -> bool) {
    while !wanted(&events.recv_timeout(Duration::from_secs(20)).expect("an event").1) {}
}

/// Seconds of a poll: median and 99th percentile.
fn polls(firmware_version: i32, pace: Option<Serial>, count: u64) -> (f64, f64) {
    let end = Arc::new(AtomicBool::new(false));
    let (path, serving) = serve(firmware_version, pace, Arc::clone(&end));
    let instrument = instrument();
    let (sender, events) = unbounded();
    let driver = rig::driver_for(&instrument).expect("a driver");
    let port = Port::open(path, instrument.serial, driver, sender, 0).expect("a port");
    until(&events, |e| *e == Event::Ready);
    let mut took: Vec<f64> = (1..=count)
        .map(|tick| {
            let start = Instant::now();
            port.command(Command::Poll { tick });
            until(&events, |e| *e == Event::PollDone { tick });
            start.elapsed().as_secs_f64()
        })
        .collect();
    port.close_within(Duration::from_secs(5));
    end.store(true, Ordering::Relaxed);
    serving.join().expect("the server");
    took.sort_by(f64::total_cmp);
    (took[took.len() / 2], took[took.len() * 99 / 100])
}

/// What the Python clients say of the same device, one line each.
fn peers() -> String {
    let end = Arc::new(AtomicBool::new(false));
    let (path, serving) = serve(510, None, Arc::clone(&end));
    let python = std::env::var_os("ORBITBENCH_PEERS").unwrap_or_else(|| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/transaction.py");
    let said = std::process::Command::new(&python).arg("-B").arg(script).arg(&path).output();
    end.store(true, Ordering::Relaxed);
    serving.join().expect("the server");
    match said {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(why) => format!("SKIPPED: cannot run {}: {why}\n", python.display()),
    }
}

fn main() {
    println!("Unpaced pseudo-terminal, the emulated controller's own time included:");
    let (median_s, late_s) = polls(510, None, POLLS);
    let each = |s: f64| s * 1e6 / QUESTIONS as f64;
    println!("  ours, one by one     {:7.1} us a transaction (median), {:.1} (p99 of polls)", each(median_s), each(late_s));
    let (median_s, late_s) = polls(600, None, POLLS);
    println!("  ours, ?VX of eight   {:7.1} us a transaction (median), {:.1} (p99)", median_s * 1e6, late_s * 1e6);
    for line in peers().lines() {
        println!("  {line}");
    }

    let serial = Serial::n81(57_600);
    println!("Paced to 57600 8N1, beside what the bytes allow:");
    let one = Query { address: 1, sequence: 1, request: Request::Read { parameter: 1000, instance: 1 } };
    let eight = Bulk::new(&[(1000, 1); QUESTIONS as usize]).map(Request::ReadMany).expect("they fit");
    let eight = Query { request: eight, ..one };
    for (what, firmware, queries, query) in [("one by one", 510, QUESTIONS, one), ("?VX of eight", 600, 1, eight)] {
        let bytes = query.encode().len() + query.reply_len();
        let limit_s = serial.wire_s(bytes) * queries as f64;
        let (median_s, _) = polls(firmware, Some(serial), PACED_POLLS);
        let (rate, limit) = (1.0 / median_s, 1.0 / limit_s);
        println!(
            "  {what:12}  {rate:6.1} polls/s; the wire's limit {limit:6.1} ({bytes} bytes x {queries}): {:.1} %",
            100.0 * rate / limit
        );
    }
}
