//! A disk that is full in the middle of a run: what cannot be recorded is not flown, and the operator is told in plain words.

use super::bench::{Bench, Ended, PROGRAM, Process, SPEED, Screen, logged};
use record::{Column, Folder, RESERVE, RUN, SAMPLES, SUMMARY, read_rows};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Long enough for the output to be on before the end of the room, however long a busy machine takes to begin: rows are written from the first tick.
const DURATION: &str = "600s";

/// Bytes of this run's prediction. Its samples come to a little more, since they carry the time of day.
fn prediction_bytes(bench: &Bench) -> u64 {
    bench.run(&format!("rehearse --duration {DURATION} --csv rehearsed.csv")).with(0);
    std::fs::metadata(bench.path("rehearsed.csv")).expect("rows").len()
}

/// The rig stands elsewhere and its log on another disk: it tells what became of its output.
fn assert_rig_is_off(rig: Process, log: &Path) {
    assert!(logged(log, "output on").is_some());
    assert!(logged(log, "output off").is_some(), "{}", std::fs::read_to_string(log).unwrap_or_default());
    assert!(logged(log, "watchdog").is_none(), "switched off, not left to the lease");
    rig.kill();
}

/// `file` is what could not be written first.
fn assert_told(ended: &Ended, file: &str, why: &str) {
    let words = ended.line(0);
    let told = format!("cannot write {file}");
    assert!(words.starts_with("tripped: cannot write ") && words.contains(why) && words.ends_with("SAFE CONFIRMED"), "{ended:?}");
    assert!(words.contains(&told) && ended.err.contains(&told), "{ended:?}");
}

/// Files may grow to the size of the prediction and no further: a quota that any user can set.
#[test]
fn a_file_that_may_not_grow_ends_the_run_safely() {
    let bench = Bench::new();
    let blocks = prediction_bytes(&bench).div_ceil(512);
    let rig = bench.emulate("rig");
    let mut limited = Command::new("sh");
    // Ignored, the signal becomes an error that the writer is told.
    limited.args(["-c", "trap '' XFSZ; ulimit -f \"$0\" && exec \"$@\"", &blocks.to_string(), PROGRAM]);
    let flight = format!("run --headless --duration {DURATION} --speed {SPEED} --emulator rig");
    let ended = Process::spawn(&mut bench.dressed(limited, &flight)).end().with(6);
    assert_told(&ended, "samples.csv", "File too large");
    let folder = Folder::open(Path::new(ended.line(1))).expect("a run folder");
    let samples = read_rows(&folder.file(SAMPLES)).expect("what was written");
    assert!(samples.rows.len() > 100, "{} rows", samples.rows.len());
    assert_rig_is_off(rig, &bench.path("rig/emulator.log"));
}

/// A small file system of its own, gone with the test.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf, bytes: u64) -> Option<Self> {
        std::fs::create_dir(&at).expect("room");
        let options = format!("size={bytes}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&at).output().ok()?;
        mounted.status.success().then_some(Self(at))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// The disk itself is full: everything is off and said, the exit code is that of a trip, and manifest, figures and seal find the room that was kept for them.
#[test]
fn a_full_disk_ends_the_run_safely_and_leaves_a_sealed_folder() {
    full_disk(true);
}

/// Somebody takes that room away: not even the figures and the seal are there, and it is no fault of the program all the same.
#[test]
fn a_full_disk_without_the_room_that_was_kept_leaves_an_unsealed_folder() {
    full_disk(false);
}

fn full_disk(kept: bool) {
    let bench = Bench::new();
    let Some(disk) = Disk::mount(bench.path("small"), 4 * prediction_bytes(&bench)) else {
        crate::skipped("a full disk", "mounting a tmpfs takes root");
        return;
    };
    let rig = bench.emulate("rig");
    let (engine, name) = bench.fly(&format!("--duration {DURATION} --emulator rig --out small"));
    let folder = disk.0.join(&name);
    let manifest: toml::Table = std::fs::read_to_string(folder.join(RUN)).expect("a manifest").parse().expect("TOML");
    let socket = manifest["session"]["socket"].as_str().expect("a path").to_owned();
    Screen::open(Path::new(&socket)).row("the output on", |row| row.get(Column::RigOutput) == Some(1.0));
    let reserve = folder.join(RESERVE);
    assert!(reserve.is_file(), "no room is kept for the end");
    if !kept {
        std::fs::rename(&reserve, folder.join("somebody-elses")).expect("ours");
    }
    // Somebody else takes what room is left.
    let mut filler = std::fs::File::create(disk.0.join("filler")).expect("room");
    while filler.write_all(&[0; 4096]).is_ok() {}
    let ended = engine.end().with(6);
    assert_told(&ended, "", "No space left on device");
    assert_rig_is_off(rig, &bench.path("rig/emulator.log"));
    assert!(!reserve.exists() && ended.out.contains(&folder.display().to_string()), "{ended:?}");
    let verified = bench.run(&format!("verify {}", folder.display())).with(if kept { 0 } else { 8 }).out;
    assert!(verified.contains(if kept { "sealed" } else { "unsealed" }), "{verified}");
    let summary = std::fs::read_to_string(folder.join(SUMMARY)).ok();
    assert_eq!(summary.is_some_and(|text| text.contains("\"code\": 6") && text.contains("cannot write")), kept);
    let ends = std::fs::read_to_string(folder.join(RUN)).expect("a manifest").contains("[session]");
    assert_eq!(ends, !kept, "the manifest of the end names no session");
    drop(disk);
}
