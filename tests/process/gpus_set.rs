//! Settings of several GPUs of one run, on the stub of NVML: each set by its own value, guarded by its own guardian, and put back whatever becomes of the others.

use super::bench::{Process, eventually};
use super::gpu::Stubbed;
use record::{Column, EVENTS, read_events};
use rustix::process::{Pid, Signal, kill_process};
use signal::Severity;

/// What each had before, by the stub's order, mW.
const BEFORE: [&str; 3] = ["650000", "640000", "630000"];
/// What each is set to, mW: the rig file's list is in the order in which the run names them.
const SET: [&str; 3] = ["450000", "400000", "500000"];
const NAMED: &str = "nvml:2,0,1";

fn stubbed() -> Option<Stubbed> {
    let stub = Stubbed::with(&["-DDEVICES=3"])?;
    let (_, rig) = rig::builtin().iter().find(|(name, _)| *name == "gpu-only").expect("shipped");
    let table = "\n[accelerator.settings]\npower_limit_w = [500, 450, 400]\nlocked_min_mhz = 345\nlocked_max_mhz = [1200, 1300, 1400]\n";
    let rig = rig.replace("default = \"nvml:0\"", "default = \"nvml:2,0,1\"");
    stub.bench.write("sets.toml", &format!("{rig}{table}"));
    for (k, mw) in BEFORE.iter().enumerate() {
        stub.bench.write(&format!("driver/gpu{k}.limit_mw"), mw);
    }
    Some(stub)
}

fn limits(stub: &Stubbed) -> [String; 3] {
    [0, 1, 2].map(|k| stub.read(&format!("gpu{k}.limit_mw")))
}

fn locked(stub: &Stubbed) -> [String; 3] {
    [0, 1, 2].map(|k| stub.read(&format!("gpu{k}.locked")))
}

fn is_set(stub: &Stubbed) -> bool {
    limits(stub) == SET && locked(stub) == ["345 1300", "345 1400", "345 1200"]
}

fn is_back(stub: &Stubbed) -> bool {
    limits(stub) == BEFORE && locked(stub) == ["", "", ""]
}

fn start(stub: &Stubbed, rig: &str, more: &str) -> Process {
    Process::spawn(&mut stub.command(&format!("run --headless --rig {rig} --accelerator {NAMED} --workload none {more}")))
}

fn fly(stub: &Stubbed) -> (Process, String) {
    let mut engine = start(stub, "sets.toml", "");
    let heard = engine.hear("orbitbench attach ");
    let name = heard.split("orbitbench attach ").nth(1).map(|n| n.trim_end_matches('`').to_owned());
    (engine, name.expect("the name of the run"))
}

/// The notes of the three cards that lie there.
fn notes(stub: &Stubbed) -> usize {
    (0..3).filter(|k| stub.bench.path(&format!("orbitbench-GPU-5700b000-0000-4000-8000-{k:012}.settings")).exists()).count()
}

/// The guardians of all cards, by their notes on the command line.
fn guardians(stub: &Stubbed) -> Vec<Pid> {
    let folder = stub.bench.path("orbitbench-GPU").display().to_string();
    let named = |id: i32| std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&folder));
    let ids = std::fs::read_dir("/proc").expect("there").flatten().filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
    ids.filter(|id| named(*id)).filter_map(Pid::from_raw).collect()
}

#[test]
fn each_has_its_own_and_all_are_put_back_when_the_run_ends() {
    let Some(stub) = stubbed() else { return };
    let (engine, name) = fly(&stub);
    assert!(is_set(&stub), "{:?} {:?}", limits(&stub), locked(&stub));
    let mut screen = stub.bench.attach(&name);
    assert_eq!(screen.hello.run.full_w, 1350.0, "what they may draw together");
    screen.row("a tick", |row| row.get(Column::AccelLimitW) == Some(1350.0));
    engine.signal(Signal::TERM);
    assert!(engine.end().with(0).line(0).contains("SAFE CONFIRMED") && is_back(&stub) && notes(&stub) == 0);
    let (events, _) = read_events(&stub.bench.folder(&name).file(EVENTS)).expect("events");
    let told: Vec<&str> = events.iter().filter(|e| e.kind == "settings").map(|e| e.message.as_str()).collect();
    for words in ["accelerator 1 (nvml:GPU-", "power limit 500 W, core clock locked to 345..1200 MHz", "630 W and not its default of 700 W"]
    {
        assert!(told.iter().any(|t| t.contains(words)), "{words}: {told:?}");
    }
}

#[test]
fn all_are_put_back_when_the_engine_is_killed() {
    let Some(stub) = stubbed() else { return };
    let (engine, _) = fly(&stub);
    assert!(is_set(&stub) && guardians(&stub).len() == 6, "two a card");
    engine.kill();
    eventually("the guardians' work", || (is_back(&stub) && notes(&stub) == 0).then_some(()));
}

/// Guardians that are all gone with the engine leave their cards to the next run.
#[test]
fn what_nobody_put_back_the_next_run_does() {
    let Some(stub) = stubbed() else { return };
    let (engine, _) = fly(&stub);
    engine.signal(Signal::STOP);
    for guardian in guardians(&stub) {
        kill_process(guardian, Signal::KILL).expect("there");
    }
    engine.kill();
    assert!(is_set(&stub) && notes(&stub) == 3, "nobody put them back");
    let mut engine = start(&stub, "gpu-only", "");
    let heard = engine.hear("orbitbench attach ");
    let name = heard.split("orbitbench attach ").nth(1).map(|n| n.trim_end_matches('`').to_owned()).expect("a name");
    assert!(is_back(&stub) && notes(&stub) == 0);
    let screen = stub.bench.attach(&name);
    assert_eq!(screen.hello.run.full_w, 1920.0, "asked after they were put back, not before");
}

#[test]
fn a_stopped_engine_gives_all_up_and_takes_all_up_again() {
    let Some(stub) = stubbed() else { return };
    let (engine, name) = fly(&stub);
    let mut screen = stub.bench.attach(&name);
    screen.row("a tick", |row| row.get(Column::AccelLimitW) == Some(1350.0));
    engine.signal(Signal::STOP);
    eventually("the leases", || is_back(&stub).then_some(()));
    engine.signal(Signal::CONT);
    eventually("set again", || is_set(&stub).then_some(()));
    let told = screen.event("settings", "are set again, and read back");
    assert!(told.message.starts_with("accelerator "), "{told:?}");
    engine.signal(Signal::TERM);
    assert!(engine.end().with(0).line(0).contains("SAFE CONFIRMED") && is_back(&stub));
}

/// One of them cannot be set, whichever it is: none stays set.
#[test]
fn one_that_cannot_be_set_leaves_none_set() {
    for (gpu, fault, words) in
        [(0, "no_permission", "only root may"), (1, "deaf", "something else sets it too"), (2, "no_permission", "root")]
    {
        let Some(stub) = stubbed() else { return };
        stub.bench.write(&format!("driver/gpu{gpu}.fault"), fault);
        let ended = start(&stub, "sets.toml", "").end().with(3);
        assert!(ended.err.contains(words) && is_back(&stub) && notes(&stub) == 0, "gpu{gpu}: {} {:?}", ended.err, limits(&stub));
    }
}

#[test]
fn a_card_whose_driver_hangs_keeps_no_other_from_being_put_back() {
    let Some(stub) = stubbed() else { return };
    let (engine, name) = fly(&stub);
    let mut screen = stub.bench.attach(&name);
    screen.row("a tick", |row| row.get(Column::AccelLimitW) == Some(1350.0));
    stub.bench.write("driver/gpu0.fault", "hang");
    engine.signal(Signal::TERM);
    // The driver of one hangs: what is not confirmed is said by name, and its guardian goes on.
    let ended = engine.end().with(7);
    assert!(ended.out.contains("SAFE UNCONFIRMED") && limits(&stub)[1..] == BEFORE[1..] && limits(&stub)[0] == SET[0], "{ended:?}");
    let (events, _) = read_events(&stub.bench.folder(&name).file(EVENTS)).expect("events");
    let told = events.iter().find(|e| e.message.contains("SAFE UNCONFIRMED accelerator settings")).expect("said");
    assert!(told.severity == Severity::Alarm && told.message.contains("accelerator 2 (nvml:GPU-"), "{told:?}");
    stub.bench.write("driver/gpu0.fault", "none");
    eventually("its guardian", || (is_back(&stub) && notes(&stub) == 0).then_some(()));
}

#[test]
fn a_budget_is_divided_among_them() {
    let Some(stub) = stubbed() else { return };
    let rig = std::fs::read_to_string(stub.bench.path("sets.toml")).expect("written");
    stub.bench.write("follow.toml", &format!("{rig}limit_follows_budget = true\n"));
    let mut engine = start(&stub, "follow.toml", "--policy fixed:0.7");
    let heard = engine.hear("orbitbench attach ");
    let name = heard.split("orbitbench attach ").nth(1).map(|n| n.trim_end_matches('`').to_owned()).expect("a name");
    let mut screen = stub.bench.attach(&name);
    let row = screen.row("a limit", |row| row.get(Column::AccelLimitW).is_some_and(|w| w < 1000.0));
    let (limit, budget) = (row.get(Column::AccelLimitW).expect("a limit"), row.get(Column::PowerBudgetW).expect("a budget"));
    assert!((limit - budget).abs() < 3.0 && (budget - 945.0).abs() < 1.0, "{limit} {budget}");
    engine.signal(Signal::TERM);
    assert!(engine.end().with(0).line(0).contains("SAFE CONFIRMED") && is_back(&stub));
}

#[test]
fn lists_that_do_not_fit_are_refused_before_anything_is_set() {
    let Some(stub) = stubbed() else { return };
    let refused = |rig: &str, gpus: &str, words: &[&str]| {
        let run = format!("run --headless --rig {rig} --accelerator {gpus} --workload none");
        let ended = Process::spawn(&mut stub.command(&run)).end().with(3);
        assert!(words.iter().all(|w| ended.err.contains(w)) && stub.read("log").is_empty(), "{gpus}: {}", ended.err);
    };
    refused("sets.toml", "nvml:0,1", &["has values for 3 GPUs", "nvml:0,1", "one value is for all"]);
    refused("sets.toml", "nvml:0", &["has values for 3 GPUs"]);
    let rig = std::fs::read_to_string(stub.bench.path("sets.toml")).expect("written");
    stub.bench.write("high.toml", &rig.replace("[500, 450, 400]", "[500, 450, 900]"));
    refused("high.toml", NAMED, &["cannot set the power limit of 1 to 900 W", "200 W to 700 W"]);
    // The same value for all needs no list.
    let mut engine = Process::spawn(&mut stub.command(&format!("run --headless --rig set.toml --accelerator {NAMED} --workload none")));
    engine.hear("orbitbench attach ");
    assert_eq!(limits(&stub), ["500000"; 3].map(str::to_owned));
}
