//! Real processes on a GPU that is none: the stub of `bench/accelerator/testdata` behind the genuine NVML wrapper. Settings that must be put
//! back whatever becomes of the engine, other processes on the card, and what it says on the way.

use super::bench::{Bench, Process, SCRIPT, eventually};
use crate::skipped;
use record::{Column, EVENTS, Row, SAMPLES, read_events, read_rows};
use rustix::process::{Pid, Signal, kill_process};
use signal::Severity;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// The second GPU: nobody may mistake it for the first.
const GPU: &str = "GPU-5700b000-0000-4000-8000-000000000001";

/// The stub library with these defines, built once.
fn library(defines: &[&str]) -> Option<PathBuf> {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().expect("no test broke in here");
    let name = defines.concat();
    if let Some(there) = built.get(&name) {
        return Some(there.clone());
    }
    let to = tempfile::tempdir().expect("a folder").keep().join("nvml.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/accelerator/testdata/stub_nvml.c");
    match Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&to).arg(source).args(defines).arg("-lm").output() {
        Ok(output) => assert!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr)),
        Err(why) => {
            skipped("runs on the NVML stub", &format!("no C compiler ({why})"));
            return None;
        }
    }
    built.insert(name, to.clone());
    Some(to)
}

/// A bench with the stub library and a rig that sets the power limit and the clocks.
pub(super) struct Stubbed {
    pub(super) bench: Bench,
}

impl Stubbed {
    /// `None`, loudly, where there is no C compiler.
    fn new() -> Option<Self> {
        Self::with(&[])
    }

    /// The same, built with these defines of the stub.
    pub(super) fn with(defines: &[&str]) -> Option<Self> {
        let bench = Bench::new();
        std::fs::copy(library(defines)?, bench.path("nvml.so")).expect("room");
        std::fs::create_dir(bench.path("driver")).expect("room");
        let (_, rig) = rig::builtin().iter().find(|(name, _)| *name == "gpu-only").expect("shipped");
        let settings = "\n[accelerator.settings]\npower_limit_w = 500\nlocked_min_mhz = 345\nlocked_max_mhz = 1200\n";
        bench.write("set.toml", &format!("{rig}{settings}"));
        Some(Self { bench })
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        self.bench.write(&format!("driver/gpu1.{name}"), text);
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.bench.path("driver").join(name)).unwrap_or_default().trim().to_owned()
    }

    pub(super) fn command(&self, arguments: &str) -> Command {
        let mut command = self.bench.command(arguments);
        command.env("ORBITBENCH_NVML", self.bench.path("nvml.so")).env("STUB_NVML", self.bench.path("driver"));
        command
    }

    pub(super) fn fly(&self, rig: &str, more: &str) -> (Process, String) {
        let mut engine =
            Process::spawn(&mut self.command(&format!("run --headless --rig {rig} --accelerator nvml:{GPU} --workload none {more}")));
        let heard = engine.hear("orbitbench attach ");
        let name = heard.split("orbitbench attach ").nth(1).map(|n| n.trim_end_matches('`').to_owned());
        (engine, name.expect("the name of the run"))
    }

    /// Where it is noted what was there.
    pub(super) fn note(&self) -> PathBuf {
        self.bench.path(&format!("orbitbench-{GPU}.settings"))
    }

    /// The guardians of this bench that run: the only processes with its note on the command line.
    pub(super) fn guardians(&self) -> Vec<Pid> {
        let note = self.note().display().to_string();
        let named = |id: i32| std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&note));
        let ids = std::fs::read_dir("/proc").expect("there").flatten().filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
        ids.filter(|id| named(*id)).filter_map(Pid::from_raw).collect()
    }

    /// Both of them, if there are two.
    pub(super) fn pair_now(&self) -> Option<[Pid; 2]> {
        self.guardians().try_into().ok()
    }

    /// Both of them.
    pub(super) fn pair(&self) -> [Pid; 2] {
        eventually("two guardians", || self.pair_now())
    }

    pub(super) fn set(&self) -> bool {
        self.read("gpu1.limit_mw") == "500000" && self.read("gpu1.locked") == "345 1200"
    }

    pub(super) fn put_back(&self) -> bool {
        self.read("gpu1.limit_mw") == "650000" && self.read("gpu1.locked").is_empty()
    }
}

#[test]
fn settings_are_put_back_when_the_engine_is_killed() {
    let Some(stub) = Stubbed::new() else { return };
    stub.write("limit_mw", "650000");
    let (engine, name) = stub.fly("set.toml", "");
    assert!(stub.set(), "{} {}", stub.read("gpu1.limit_mw"), stub.read("gpu1.locked"));
    engine.kill();
    eventually("the guardian's work", || stub.put_back().then_some(()));
    let log = stub.bench.path("logs").join(name).join("guardian.log");
    eventually("its words", || std::fs::read_to_string(&log).ok().filter(|text| text.contains("what they were")));
    assert!(!stub.read("log").contains("gpu0"), "another GPU was touched: {}", stub.read("log"));
}

#[test]
fn settings_are_put_back_when_the_run_is_stopped() {
    let Some(stub) = Stubbed::new() else { return };
    stub.write("limit_mw", "650000");
    let (engine, name) = stub.fly("set.toml", "");
    let mut screen = stub.bench.attach(&name);
    assert_eq!(screen.hello.run.full_w, 500.0, "a board that may draw 500 W has 500 W at full load");
    screen.row("a tick", |row| row.get(Column::AccelLimitW) == Some(500.0));
    engine.signal(Signal::TERM);
    let ended = engine.end().with(0);
    assert!(ended.line(0).contains("SAFE CONFIRMED") && stub.put_back(), "{ended:?}");
    let (events, _) = read_events(&stub.bench.folder(&name).file(EVENTS)).expect("events");
    let told: Vec<&str> = events.iter().filter(|e| e.kind == "settings").map(|e| e.message.as_str()).collect();
    assert!(told.len() == 3 && told[1].contains("power limit 500 W") && told[2].contains("read back"), "{told:?}");
    assert!(told[0].contains("650 W and not its default of 700 W"), "{told:?}");
    assert!(!stub.note().exists(), "nothing is left to put back");
}

/// A board that somebody held down may draw what the rig file sets it to, not what it was found at.
#[test]
fn a_limit_that_is_raised_is_what_the_board_may_draw() {
    let Some(stub) = Stubbed::new() else { return };
    let rig = std::fs::read_to_string(stub.bench.path("set.toml")).expect("written");
    stub.bench.write("raised.toml", &rig.replace("power_limit_w = 500", "power_limit_w = 690"));
    stub.write("limit_mw", "650000");
    let (_engine, name) = stub.fly("raised.toml", "");
    let mut screen = stub.bench.attach(&name);
    assert_eq!(screen.hello.run.full_w, 690.0);
    screen.row("a tick", |row| row.get(Column::AccelLimitW) == Some(690.0));
}

/// Guardians and engine all killed: nobody is left, and the next run knows all the same.
#[test]
fn what_three_kills_leave_changed_the_next_run_puts_back() {
    let Some(stub) = Stubbed::new() else { return };
    stub.write("limit_mw", "650000");
    let (engine, name) = stub.fly("set.toml", "");
    assert!(stub.note().exists(), "said before anything is changed");
    // At once: the engine must not find out.
    engine.signal(Signal::STOP);
    for guardian in stub.pair() {
        kill_process(guardian, Signal::KILL).expect("there");
    }
    engine.kill();
    assert!(stub.set(), "nobody put it back");
    let (engine, next) = stub.fly("set.toml", "");
    stub.bench.attach(&next).row("a tick", |row| row.get(Column::AccelLimitW) == Some(500.0));
    engine.signal(Signal::TERM);
    assert!(engine.end().with(0).line(0).contains("SAFE CONFIRMED") && stub.put_back(), "{}", stub.read("gpu1.limit_mw"));
    let (events, _) = read_events(&stub.bench.folder(&next).file(EVENTS)).expect("events");
    let told = events.iter().find(|e| e.kind == "settings" && e.message.contains("left the settings")).expect("said");
    assert!(told.severity == Severity::Warning && told.message.contains(&name) && told.message.contains("650 W"), "{told:?}");
    assert!(!stub.note().exists());
}

/// A run that sets nothing puts back all the same; what cannot be understood is no ground to stop watching, but to set.
#[test]
fn who_only_watches_puts_back_too() {
    let Some(stub) = Stubbed::new() else { return };
    stub.write("limit_mw", "500000");
    std::fs::write(stub.note(), "nonsense").expect("room");
    let run = format!("run --headless --rig set.toml --accelerator nvml:{GPU} --workload none");
    let ended = Process::spawn(&mut stub.command(&run)).end();
    assert!(ended.code != Some(0) && ended.err.contains("remove that file") && ended.err.contains("nvidia-smi"), "{ended:?}");
    assert_eq!(stub.read("log"), "", "nothing was changed");
    let told = format!(
        "schema = 1\ngpu = \"{GPU}\"\noriginal = \"650000,unlock\"\nprocess = 1\nsince = \"2026-01-01T00:00:00Z\"\nrun = \"logs/x\"\n"
    );
    std::fs::write(stub.note(), told).expect("room");
    let (_engine, name) = stub.fly("gpu-only", "");
    let mut screen = stub.bench.attach(&name);
    assert_eq!(screen.hello.run.full_w, 650.0, "asked after what was left had been put back, not before");
    screen.row("a tick", |row| row.get(Column::AccelLimitW) == Some(650.0));
    assert!(stub.put_back() && !stub.note().exists());
    let (events, _) = read_events(&stub.bench.folder(&name).file(EVENTS)).expect("events");
    assert!(events.iter().any(|e| e.kind == "settings" && e.message.contains("put back and read back: power limit 650 W")), "{events:?}");
}

#[test]
fn a_guardian_that_is_killed_is_replaced_once_and_then_the_run_goes_safe() {
    let Some(stub) = Stubbed::new() else { return };
    stub.write("limit_mw", "650000");
    let (engine, name) = stub.fly("set.toml", "");
    let mut screen = stub.bench.attach(&name);
    let [first, other] = stub.pair();
    kill_process(first, Signal::KILL).expect("there");
    let told = screen.event("settings", "another one is started");
    assert_eq!(told.severity, Severity::Warning);
    screen.event("settings", "both guardians again");
    let second = stub.pair().into_iter().find(|id| *id != other).expect("another one");
    assert_ne!(first, second);
    assert!(stub.set());
    kill_process(second, Signal::KILL).expect("there");
    screen.event("settings", "no other can be had");
    let ended = engine.end();
    assert!(ended.code != Some(0) && ended.out.contains("SAFE CONFIRMED") && stub.put_back(), "{ended:?}");
    assert!(!stub.note().exists());
}

#[test]
fn a_stopped_engine_gives_the_settings_up_and_takes_them_up_again() {
    let Some(stub) = Stubbed::new() else { return };
    stub.write("limit_mw", "650000");
    let (engine, name) = stub.fly("set.toml", "");
    let mut screen = stub.bench.attach(&name);
    screen.row("a tick", |row| row.get(Column::AccelLimitW) == Some(500.0));
    engine.signal(Signal::STOP);
    eventually("the lease", || stub.put_back().then_some(()));
    let log = stub.bench.path("logs").join(&name).join("guardian.log");
    // Longer than the recorder may be behind: that is not what it was.
    eventually("the words", || {
        std::fs::read_to_string(&log).ok().filter(|text| text.contains("silent") && text.contains("what they were"))
    });
    engine.signal(Signal::CONT);
    screen.event("absence", "this process was stopped for");
    screen.event("settings", "put the accelerator's settings back: they are set again");
    screen.event("settings", "are set again, and read back");
    assert!(stub.set());
    engine.signal(Signal::TERM);
    assert!(engine.end().with(0).line(0).contains("SAFE CONFIRMED") && stub.put_back());
}

/// A folder for temporary files of one's own is no card of one's own.
#[test]
fn another_folder_for_temporary_files_is_no_other_card() {
    let Some(stub) = Stubbed::new() else { return };
    let (_engine, _) = stub.fly("gpu-only", "");
    std::fs::create_dir(stub.bench.path("mine")).expect("room");
    let mut command = stub.command(&format!("run --headless --rig gpu-only --accelerator nvml:{GPU} --workload none"));
    let ended = Process::spawn(command.env("TMPDIR", stub.bench.path("mine"))).end();
    assert!(ended.code != Some(0) && ended.err.contains("in use by another run"), "{ended:?}");
}

/// The limit as the actuator: it follows the budget, the work is not paced, and the end finds it as it was.
#[test]
fn a_limit_that_follows_the_budget_follows_it() {
    let Some(stub) = Stubbed::new() else { return };
    let rig = std::fs::read_to_string(stub.bench.path("set.toml")).expect("written");
    stub.bench.write("follow.toml", &rig.replace("power_limit_w = 500", "power_limit_w = 500\nlimit_follows_budget = true"));
    stub.write("limit_mw", "650000");
    let (engine, name) = stub.fly("follow.toml", "--policy fixed:0.7");
    let mut screen = stub.bench.attach(&name);
    let row = screen.row("a limit", |row| row.get(Column::AccelLimitW).is_some_and(|w| w < 400.0));
    let budget = row.get(Column::PowerBudgetW).expect("a budget");
    assert!((row.get(Column::AccelLimitW).expect("a limit") - budget).abs() < 1.0 && (budget - 350.0).abs() < 1.0, "{budget}");
    assert!(row.get(Column::WorkDutyFrac).is_none_or(|d| d == 1.0), "never mixed with pacing");
    engine.signal(Signal::TERM);
    assert!(engine.end().with(0).line(0).contains("SAFE CONFIRMED") && stub.put_back());
}

#[test]
fn a_setting_that_is_refused_stops_the_run_before_it_begins() {
    let Some(stub) = Stubbed::new() else { return };
    stub.write("fault", "no_permission");
    let ended =
        Process::spawn(&mut stub.command(&format!("run --headless --rig set.toml --accelerator nvml:{GPU} --workload none"))).end().with(3);
    assert!(ended.err.contains("only root may") && ended.err.contains(GPU), "{}", ended.err);
    assert!(!stub.note().exists(), "nothing was changed, nothing is to be put back");
    let ended = Process::spawn(&mut stub.command("run --headless --rig set.toml --accelerator virtual")).end().with(3);
    assert!(ended.err.contains("sets an NVIDIA GPU"), "{}", ended.err);
}

#[test]
fn nobody_watches_so_nobody_else_may_be_on_the_card() {
    let Some(stub) = Stubbed::new() else { return };
    stub.write("processes", &format!("{} 1048576\n", std::process::id()));
    let run = format!("run --headless --rig gpu-only --accelerator nvml:{GPU} --workload none");
    let ended = Process::spawn(&mut stub.command(&format!("{run} --unattended"))).end().with(3);
    assert!(ended.err.contains(&format!("process {}", std::process::id())) && ended.err.contains("something else uses"), "{}", ended.err);
    let info = Process::spawn(&mut stub.command("accelerator info")).end().with(0);
    assert!(info.out.contains("used by") && info.out.contains("VBIOS"), "{}", info.out);
    let (_engine, name) = stub.fly("gpu-only", "");
    stub.bench.attach(&name).row("a tick", |row| row.get(Column::AccelPowerW).is_some());
}

/// Who uses the card is not known everywhere: nobody may leave such a run alone unless somebody answers for it, by name, in the run's own folder.
#[test]
fn a_card_whose_users_nobody_can_name_is_not_left_alone_without_a_waiver() {
    let Some(stub) = Stubbed::new() else { return };
    stub.write("unsupported", "processes");
    let run = |rig: &str| format!("run --headless --unattended --rig {rig} --accelerator nvml:{GPU} --workload none");
    for rig in ["gpu-only", "set.toml"] {
        let ended = Process::spawn(&mut stub.command(&run(rig))).end().with(3);
        assert!(ended.err.contains("does not say which processes") && ended.err.contains("waives = [\"processes\"]"), "{}", ended.err);
    }
    assert_eq!(stub.read("log"), "", "nothing was set");
    let rig = std::fs::read_to_string(stub.bench.path("set.toml")).expect("written");
    let waiver = |when: &str| {
        format!(
            "{rig}\n[waiver]\nwho = \"A. Person\"\nwhen = \"{when}\"\nwhy = \"the card is in a locked box of its own\"\nwaives = [\"processes\"]\n"
        )
    };
    stub.bench.write("early.toml", &waiver("2999-01-01"));
    let ended = Process::spawn(&mut stub.command(&run("early.toml"))).end().with(3);
    assert!(ended.err.contains("does not say which processes"), "{}", ended.err);
    stub.bench.write("waived.toml", &waiver("2026-06-01"));
    let (engine, name) = stub.fly("waived.toml", "--unattended");
    let folder = stub.bench.folder(&name);
    let manifest: toml::Table = folder.text(record::RUN).expect("a manifest").parse().expect("TOML");
    assert!(manifest["waiver"]["waives"]["processes"].as_str().is_some_and(|words| words.contains("which processes")), "{manifest}");
    assert_eq!(manifest["waiver"]["unattended"].as_bool(), Some(true));
    let told = eventually("the waiver in the log", || {
        let (events, _) = read_events(&folder.file(EVENTS)).ok()?;
        events.into_iter().find(|e| e.message.contains("A. Person answers for by the rig's waiver"))
    });
    assert_eq!(told.severity, Severity::Warning);
    // Attended, it is said.
    engine.signal(Signal::TERM);
    engine.end().with(0);
    let (_engine, name) = stub.fly("gpu-only", "");
    eventually("the caution", || {
        let (events, _) = read_events(&stub.bench.folder(&name).file(EVENTS)).ok()?;
        events.into_iter().find(|e| e.message.contains("see to it that nothing else does"))
    });
}

#[test]
fn what_happens_to_the_card_is_in_the_log_in_words() {
    let Some(stub) = Stubbed::new() else { return };
    let (engine, name) = stub.fly("gpu-only", "");
    let mut screen = stub.bench.attach(&name);
    let row = screen.row("a tick", |row| row.get(Column::AccelPcieLanesCount).is_some() && row.get(Column::AccelEnergyGapJ).is_some());
    assert_eq!((row.get(Column::AccelFanPct), row.get(Column::AccelXid)), (None, None), "missing is missing");
    stub.write("xid", "79");
    stub.write("ecc_uncorrected", "2");
    stub.write("throttle", "0x40");
    for (kind, words) in [("xid", "fallen off the bus"), ("throttle", "thermal slowdown"), ("ecc", "results of this work are suspect")] {
        let told = eventually(words, || {
            let (events, _) = read_events(&stub.bench.folder(&name).file(EVENTS)).ok()?;
            events.into_iter().find(|e| e.kind == kind && e.message.contains(words))
        });
        assert!(told.severity >= Severity::Warning && told.who == "accelerator", "{told:?}");
    }
    screen.row("the code", |row| row.get(Column::AccelXid) == Some(79.0));
    stub.write("fault", "lost");
    let lost = screen.event("accelerator", "fell off the bus");
    assert_eq!(lost.severity, Severity::Warning);
    let row = screen.row("a row without it", |row| row.get(Column::AccelDieDegc).is_none());
    assert_eq!(row.get(Column::AccelPowerW), None);
    engine.signal(Signal::TERM);
    let _ = engine.end();
    let samples = read_rows(&stub.bench.folder(&name).file(SAMPLES)).expect("samples");
    assert!(samples.columns.contains(Column::AccelPowerViolationS));
}

/// The same joules by counter and by power over time, under a load that comes and goes: up to an update of each, and the board's rise between two looks.
#[test]
fn energy_both_ways_agrees_under_a_load_that_comes_and_goes() {
    let Some(stub) = Stubbed::new() else { return };
    let (_engine, name) = stub.fly("gpu-only", "");
    let mut screen = stub.bench.attach(&name);
    let both = |row: &Row| Some((row.get(Column::AccelEnergyJ)?, row.get(Column::AccelEnergyGapJ)?));
    // The first rows begin in the middle of an update.
    let [.., mut last] = [(); 3].map(|()| both(&screen.row("both", |row| both(row).is_some())).expect("both"));
    let first = last;
    for load in ["1", "0", "0", "1", "1", "1", "0", "0"] {
        stub.write("load", load);
        last = both(&screen.row("the next", |row| both(row).is_some())).expect("both");
    }
    let (counted, gap) = (last.0 - first.0, last.1 - first.1);
    assert!(counted > 1500.0 && gap.abs() < 0.06 * counted, "{gap} J of {counted} J");
}

/// The stub's load as somebody's own command: its duty goes into the stub's folder, and it counts the time it was on.
const WORK: &str = r#"#!/bin/sh
while read -r line; do
    duty=${line##*:}
    duty=${duty%\}*}
    printf '%s' "$duty" > "$STUB_NVML/gpu1.load.new" && mv "$STUB_NVML/gpu1.load.new" "$STUB_NVML/gpu1.load"
    echo '{"t":1,"units":100,"unit":"line"}'
done
"#;

/// Loose bounds here and below: this machine may be busy; the method itself is tested on virtual time.
#[track_caller]
fn assert_idle(found: &toml::Table) {
    let idle = found["idle_w"]["mean"].as_float().expect("idle power");
    assert!((60.0..200.0).contains(&idle), "{idle}");
}

/// What an idle device shows; what only a load does is looked at once, in `the_script_for_a_real_gpu_runs`.
#[test]
fn a_sensor_is_characterised_and_the_run_carries_it() {
    let Some(stub) = Stubbed::new() else { return };
    let home = stub.bench.path("state");
    let with_state = |mut command: Command| {
        command.env("XDG_STATE_HOME", &home);
        command
    };
    let ended = Process::spawn(&mut with_state(stub.command(&format!("accelerator check nvml:{GPU} --quick --toml")))).end().with(0);
    let found: toml::Table = ended.out.parse().expect("TOML");
    assert_idle(&found);
    let period = found["counter_period_s"].as_float().expect("a period");
    assert!((0.05..0.25).contains(&period), "{period}");
    let own = found["own_period_s"].as_float().expect("the driver's own samples");
    assert!((0.01..0.05).contains(&own) && !found.contains_key("lacks"), "{found}");
    assert_eq!(stub.read("log"), "", "a check sets nothing");

    let run = format!("run --headless --rig gpu-only --accelerator nvml:{GPU} --workload none");
    let mut engine = Process::spawn(&mut with_state(stub.command(&run)));
    let heard = engine.hear("orbitbench attach ");
    let name = heard.split("orbitbench attach ").nth(1).map(|n| n.trim_end_matches('`').to_owned()).expect("a name");
    let manifest: toml::Table = stub.bench.folder(&name).text(record::RUN).expect("a manifest").parse().expect("TOML");
    assert_eq!(manifest["accelerator"]["checked"]["counter_period_s"].as_float(), Some(period));
    assert_eq!(manifest["accelerator"]["facts"]["board UUID"].as_str(), Some(GPU));
    // Nothing loaded it, so that nothing is known of counter against power.
    let why = manifest["accelerator"]["check"]["unused"].as_str().expect("why").to_owned();
    assert!(why.contains("did not look at counter and power under a load"), "{why}");
    drop(engine);

    // As a check with a load would have left it: gone by, by file and hash; with another driver, board or card it is not, and that is said.
    let file = home.join(format!("orbitbench/accelerators/{GPU}.toml"));
    let loaded = format!("counter_gap_frac = 0.01\ncounter_gap_half_frac = 0.002\n{}", std::fs::read_to_string(&file).expect("kept"));
    let held = |text: &str| {
        std::fs::write(&file, text).expect("room");
        let mut engine = Process::spawn(&mut with_state(stub.command(&run)));
        let heard = engine.hear("orbitbench attach ");
        let name = heard.split("orbitbench attach ").nth(1).map(|n| n.trim_end_matches('`').to_owned()).expect("a name");
        let manifest: toml::Table = stub.bench.folder(&name).text(record::RUN).expect("a manifest").parse().expect("TOML");
        manifest["accelerator"]["check"].clone()
    };
    let check = held(&loaded);
    assert_eq!((check["file"].as_str(), check.get("unused")), (file.to_str(), None));
    assert_eq!(check["sha256"].as_str(), Some(record::sha256(loaded.as_bytes()).as_str()));
    assert!((check["gap_frac"].as_float().expect("a gap") + 0.01 / 1.01).abs() < 1e-9, "{check}");
    let of = |key: &str| found[key].as_str().expect("said").to_owned();
    for (from, to, words) in [
        (of("driver"), "NVIDIA 1.0".to_owned(), "another driver: NVIDIA 1.0 then"),
        (of("vbios"), "0.0".to_owned(), "another VBIOS: 0.0 then"),
        (of("accelerator"), "nvml:GPU-other".to_owned(), "of another card, nvml:GPU-other"),
    ] {
        let check = held(&loaded.replace(&from, &to));
        assert!(check["unused"].as_str().is_some_and(|why| why.contains(words)), "{words}: {check}");
    }
}

#[test]
fn a_check_beside_other_work_is_refused() {
    let Some(stub) = Stubbed::new() else { return };
    stub.write("processes", "4194304 1048576\n");
    let ended = Process::spawn(&mut stub.command(&format!("accelerator check nvml:{GPU} --quick"))).end().with(3);
    assert!(ended.err.contains("end that first"), "{}", ended.err);
}

/// The one command for a machine with a GPU, on the stub: it must not be broken on the day there is one.
#[test]
fn the_script_for_a_real_gpu_runs() {
    let Some(stub) = Stubbed::new() else { return };
    stub.bench.write("work.sh", WORK);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gpu/check.sh");
    let mut command = stub.bench.dressed(Command::new("sh"), "");
    command.arg(script).arg(super::bench::PROGRAM).arg(format!("nvml:{GPU}"));
    command.env("ORBITBENCH_NVML", stub.bench.path("nvml.so")).env("STUB_NVML", stub.bench.path("driver"));
    // Too short to leave staging, which takes more than a minute on a bench in real time.
    command.env("OUT", stub.bench.path("evidence")).env("ORBITBENCH_GPU_RUN_S", "6").env("ORBITBENCH_GPU_QUICK", "1");
    command.env("ORBITBENCH_GPU_WORK", "command:sh work.sh");
    // The engine has a test of its own, in `cuda`.
    command.env("ORBITBENCH_GPU_PARTS", "sensors");
    let ended = Process::spawn(&mut command).end_within(SCRIPT).with(1);
    let summary = std::fs::read_to_string(stub.bench.path("evidence/summary.txt")).expect("a summary");
    // A run that never flew is none that worked.
    for step in ["ok      info", "ok      check", "FAILED  run: ended by its budget"] {
        assert!(summary.contains(step), "{summary}{}", ended.err);
    }
    let budgets = summary.lines().find(|line| line.starts_with("budget")).expect("its budgets");
    let seconds: Vec<u32> = budgets.split([' ', ',', ':']).filter_map(|word| word.parse().ok()).collect();
    let (total, parts, sum) = (seconds[0], &seconds[1..seconds.len() - 1], seconds[seconds.len() - 1]);
    assert!(parts.len() == 7 && parts.iter().sum::<u32>() == sum && sum <= total, "{budgets}");
    assert!(ended.out.contains("accel_pcie_lanes_count"), "{}", ended.out);
    // And what its check found under load.
    let found: toml::Table = std::fs::read_to_string(stub.bench.path("evidence/check.toml")).expect("kept").parse().expect("TOML");
    assert_idle(&found);
    assert!(found["load_w"].as_float().is_some_and(|w| w > 400.0), "{found}");
    let period = found["update_period_s"].as_float().expect("a period");
    assert!((0.05..0.25).contains(&period), "{period}");
    assert!(
        found.contains_key("own_gap_frac")
            && found.contains_key("window_s")
            && found.contains_key("aliased_frac")
            && found.contains_key("polling_cost_frac"),
        "{found}"
    );
    assert_eq!(stub.read("log"), "", "neither a check nor this run sets anything");
}

/// What the script takes for a run that worked: one that flew, and has its work and its energy both ways. Anything less is told by name.
#[test]
fn a_run_that_did_not_fly_is_no_run_that_worked() {
    let bench = Bench::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gpu/flown.awk");
    let own = r#"    "mission_s": 40.0,
    "work_units": 81000.0,
    "energy": {
      "counter_j": 27000.0,
      "integral_j": 26900.0
    },
    "units_per_j": 3.0"#;
    let judged = |own: &str| {
        // The prediction's figures have the same names, and are not what was flown.
        let all = format!(
            "{{\n  \"schema\": 1,\n  \"figures\": {{\n{own}\n  }},\n  \"predicted\": {{\n    \"mission_s\": 40.0,\n    \"integral_j\": 1.0\n  }}\n}}\n"
        );
        bench.write("summary.json", &all);
        let ended = Command::new("awk").arg("-f").arg(&script).arg(bench.path("summary.json")).output().expect("awk");
        (ended.status.success(), String::from_utf8_lossy(&ended.stdout).into_owned())
    };
    assert_eq!(judged(own), (true, String::new()));
    for (from, to, words) in [
        ("\"mission_s\": 40.0", "\"mission_s\": null", "mission_s=null"),
        ("\"counter_j\": 27000.0", "\"counter_j\": null", "counter_j=null"),
        ("\"integral_j\": 26900.0", "\"integral_j\": 0.0", "integral_j=0.0"),
        ("\"units_per_j\": 3.0", "\"other\": 3.0", "units_per_j=absent"),
    ] {
        let (passed, said) = judged(&own.replace(from, to));
        assert!(!passed && said.contains(words), "{words}: {said}");
    }
    bench.write("summary.json", "");
    assert!(!Command::new("awk").arg("-f").arg(&script).arg(bench.path("summary.json")).output().expect("awk").status.success());
}
