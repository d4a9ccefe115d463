//! Processes that die: the emulated rig under a running engine, the engine over a running rig, and the rig that comes back.

use super::bench::{Bench, LEASE_S, Process, SPEED, Screen, eventually, logged, processes};
use jiff::Timestamp;
use record::{Column, EVENTS, Event, Folder, Row, SAMPLES, mend, read_events, read_rows};
use rustix::process::Signal;
use signal::{Quality, RunState, Severity};
use std::path::Path;

/// The columns that were read from a device, of the rig and of the device under test.
fn read_from_devices(folder: &Folder) -> (Vec<Row>, Vec<Column>) {
    let samples = read_rows(&folder.file(SAMPLES)).expect("samples");
    let device = |c: &Column| c.channel().is_some() && (c.name().starts_with("rig_") || c.name().starts_with("accel_"));
    let columns = samples.columns.iter().filter(device).collect();
    (samples.rows, columns)
}

/// The emulated rig is killed and stays dead: told, alarmed, nothing invented, and the end says that nobody knows the output.
#[test]
fn a_rig_that_dies_ends_the_run_unconfirmed() {
    let bench = Bench::new();
    let rig = bench.emulate("rig");
    let (engine, name) = bench.fly("--duration 2h --emulator rig");
    let mut screen = bench.attach(&name);
    screen.flown(20.0);
    rig.kill();
    let alarm = screen.event("link", "UNKNOWN");
    assert_eq!(alarm.severity, Severity::Alarm);
    // It stays for whoever comes later.
    screen.row("a suspended row", |row| row.state == RunState::Suspended);
    assert!(bench.attach(&name).hello.latched.iter().any(|event| event.kind == "link"));

    let (code, words) = screen.end();
    let ended = engine.end().with(7);
    assert_eq!((code, ended.line(0)), (7, words.as_str()));
    assert!(words.contains("did not come back") && words.contains("SAFE UNCONFIRMED") && words.contains("tec: output UNKNOWN"), "{words}");

    let folder = bench.folder(&name);
    let (events, _) = read_events(&folder.file(EVENTS)).expect("events");
    let lost = events.iter().find(|e| e.kind == "link" && e.who == "tec" && e.message.contains("lost")).expect("told");
    assert!(events.iter().any(|e| e.kind == "link" && e.severity == Severity::Alarm));
    assert!(events.iter().any(|e| e.kind == "safe" && e.message.contains("SAFE UNCONFIRMED tec")));

    let (rows, columns) = read_from_devices(&folder);
    assert!(columns.len() >= 10, "{columns:?}");
    assert!(rows.iter().enumerate().all(|(at, row)| row.tick == at as u64), "ticks go on");
    let after: Vec<&Row> = rows.iter().filter(|row| row.tick > lost.tick).collect();
    assert!(after.len() > 100, "{} rows after the loss", after.len());
    for row in &after {
        for &column in &columns {
            assert_eq!((row.get(column), row.quality(column)), (None, Some(Quality::Gap)), "{} at tick {}", column.name(), row.tick);
        }
        for column in [Column::RigTecW, Column::RigPumpedW, Column::RigRDiePlateKW] {
            assert_eq!(row.get(column), None, "{} at tick {}", column.name(), row.tick);
        }
    }
    // A missed tick's row knows nothing at all.
    let mut frozen: Vec<f64> = after.iter().filter_map(|row| row.mission_s).collect();
    frozen.dedup();
    assert_eq!(frozen.len(), 1, "mission time stands still: {frozen:?}");
    bench.run(&format!("verify {name}")).with(0);
    let refused = bench.run(&format!("run --headless --speed {SPEED} --emulator rig")).with(3).err;
    assert!(refused.contains("no emulated rig in rig"), "its links are still there, but nobody behind them: {refused}");
}

/// Waits until what a screen was shown is on the disk: the recorder may be behind it, by how much is the machine's business. What a kill must not do is take it away again.
fn written(bench: &Bench, name: &str, seen: &Row) {
    let file = bench.folder(name).file(SAMPLES);
    let last = || read_rows(&file).ok().and_then(|samples| samples.rows.last().map(|row| row.tick));
    eventually("the row on the disk", || last().filter(|tick| *tick >= seen.tick));
}

/// What is left of a run whose engine was killed: whole rows with what was there before, no seal, and a socket that nobody mistakes for
/// a run under way.
fn assert_remains(bench: &Bench, name: &str, seen: &Row) -> Timestamp {
    let folder = bench.folder(name);
    let samples = read_rows(&folder.file(SAMPLES)).expect("a torn row is passed over");
    assert!(samples.rows.iter().enumerate().all(|(at, row)| row.tick == at as u64));
    let last = samples.rows.last().expect("rows");
    assert!(last.tick >= seen.tick, "{} left, {} written", last.tick, seen.tick);
    let copy = bench.path("samples-of-the-killed.csv");
    std::fs::copy(folder.file(SAMPLES), &copy).expect("room");
    assert_eq!(mend(&copy).expect("a header").lines, samples.rows.len() as u64);

    let said = bench.run(&format!("verify {name}")).with(8).out;
    assert!(said.contains("unsealed"), "{said}");
    bench.run("stop").with(3);
    last.utc.expect("a live row")
}

/// The log's own times: the output was dropped when the lease ran out, counted from the last thing the engine can have said.
fn assert_lease(log: &Path, last_row: Timestamp) {
    let off = eventually("the watchdog", || logged(log, "watchdog: no valid frame"));
    let since_row_s = (off - last_row).total(jiff::Unit::Second).expect("seconds");
    // The last row precedes the last frame by a tick at most. By how much more it did when the engine was killed is the machine's business, and how long it was
    // silent the device itself knows.
    assert!(since_row_s >= LEASE_S - 0.1, "off {since_row_s} s after the last row");
    let text = std::fs::read_to_string(log).expect("a log");
    let silent_s: f64 = text.split_once("(now ").and_then(|(_, rest)| rest.split_once(" s)")?.0.parse().ok()).expect("for how long");
    assert!((LEASE_S..LEASE_S + 1.0).contains(&silent_s), "off after {silent_s} s of silence");
    assert!(text.lines().any(|line| line.contains("watchdog") && line.contains("output off")), "{text}");
    eventually("the card's lease", || logged(log, "card: workload stopped, its lease ran out"));
}

/// The engine is killed over a rig that lives on: the rig's own log tells what it did.
#[test]
fn a_killed_engine_loses_its_lease() {
    let bench = Bench::new();
    let rig = bench.emulate("rig");
    let (engine, name) = bench.fly("--duration 2h --emulator rig");
    let seen = bench.attach(&name).flown(20.0);
    written(&bench, &name, &seen);
    engine.kill();
    let last_row = assert_remains(&bench, &name, &seen);
    assert_lease(&bench.path("rig/emulator.log"), last_row);

    // The controller holds it against whoever comes next, until an operator has seen it.
    let (engine, name) = bench.fly("--duration 20s --emulator rig");
    let mut screen = bench.attach(&name);
    let waiting = screen.row("a second of waiting", |row| row.tick > 60 && row.get(Column::RigOutput).is_some());
    assert_eq!((waiting.state, waiting.get(Column::RigOutput)), (RunState::Staging, Some(0.0)), "never on over an error");
    assert!(bench.attach(&name).hello.latched.iter().any(|e| e.kind == "instrument" && e.message.contains("acknowledge to clear it")));
    bench.run("ack").with(0);
    let ended = engine.end().with(0);
    assert_eq!(ended.line(0), "done. SAFE CONFIRMED");
    drop(rig);
}

/// The engine is killed and with it the hand on its own rig: the rig lets its watchdog act, writes so into the run folder, and
/// ends.
#[test]
fn a_killed_engine_leaves_no_rig_behind() {
    let bench = Bench::new();
    let (engine, name) = bench.fly("--duration 2h");
    let seen = bench.attach(&name).flown(20.0);
    written(&bench, &name, &seen);
    engine.kill();
    let last_row = assert_remains(&bench, &name, &seen);
    let log = bench.folder(&name).file("emulator.log");
    assert_lease(&log, last_row);
    eventually("the end of the rig", || logged(&log, "emulator down: output off"));
    eventually("its process to go", || processes(&name).is_empty().then_some(()));
}

/// Acknowledges and goes on as an operator does: asking again while the rig is not ready for it. Returns the first row of flight.
fn resumed(bench: &Bench, screen: &mut Screen, back: &Event) -> Row {
    bench.run("ack").with(0);
    loop {
        let answer = bench.run("resume");
        if answer.code == Some(0) {
            return screen.row("flight again", |row| row.state == RunState::Running && row.tick > back.tick);
        }
        let answer = answer.with(3);
        assert!(answer.out.contains("resume does nothing"), "{answer:?}");
    }
}

/// The rig dies and is started again in the same place: found, identified, off; an operator acknowledges and resumes, and the run
/// flies on to its end.
#[test]
fn a_rig_that_comes_back_waits_for_the_operator() {
    let bench = Bench::new();
    let rig = bench.emulate("rig");
    let (engine, name) = bench.fly("--duration 90s --emulator rig");
    let mut screen: Screen = bench.attach(&name);
    let before = screen.flown(20.0);
    rig.kill();
    screen.event("link", "UNKNOWN");
    let rig: Process = bench.emulate("rig");
    let back = screen.event("link", "acknowledge and resume");
    let waiting = screen.row("a row with readings again", |row| row.tick > back.tick && row.get(Column::RigOutput).is_some());
    assert_eq!((waiting.state, waiting.get(Column::RigOutput)), (RunState::Suspended, Some(0.0)), "never on by itself");
    let after = resumed(&bench, &mut screen, &back);
    assert!(after.mission_s >= before.mission_s && after.mission_s < Some(90.0), "{:?} to {:?}", before.mission_s, after.mission_s);
    let ended = engine.end().with(0);
    assert_eq!(ended.line(0), "done. SAFE CONFIRMED");
    drop(rig);
}

/// A rig that falls silent without hanging up, as behind an adapter whose far end was pulled: the same, by time-outs.
#[test]
fn a_rig_that_falls_silent_is_a_lost_link() {
    let bench = Bench::new();
    let rig = bench.emulate("rig");
    let (engine, name) = bench.fly("--duration 90s --emulator rig");
    let mut screen = bench.attach(&name);
    let before = screen.flown(20.0);
    rig.signal(Signal::STOP);
    screen.event("link", "UNKNOWN");
    rig.signal(Signal::CONT);
    let back = screen.event("link", "ready: identified");
    let after = resumed(&bench, &mut screen, &back);
    assert!(after.mission_s >= before.mission_s && after.mission_s < Some(90.0), "{:?} to {:?}", before.mission_s, after.mission_s);
    engine.end().with(0);
}

/// An engine that hangs loses its lease like a dead one; going on, it finds its output gone, says so, and ends safe.
#[test]
fn a_hung_engine_loses_its_lease_and_finds_out() {
    let bench = Bench::new();
    let _rig = bench.emulate("rig");
    let (engine, name) = bench.fly("--duration 2h --emulator rig");
    bench.attach(&name).flown(20.0);
    engine.signal(Signal::STOP);
    let log = bench.path("rig/emulator.log");
    eventually("the watchdog", || logged(&log, "watchdog: no valid frame"));
    engine.signal(Signal::CONT);
    let ended = engine.end().with(6);
    let words = ended.line(0);
    // Whichever of the two it reads first: that the output is off, or why.
    assert!(words.contains("error 2060") || words.contains("switched its output off by itself"), "{words}");
    assert!(words.ends_with("SAFE CONFIRMED"), "{words}");
    bench.run("verify").with(0);
}
