//! Any two of engine and guardians, stopped or killed in any order: nothing stays set on the card. And what the next run is told of a card whose run is stopped.

use super::bench::{Process, eventually};
use super::gpu::Stubbed;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::os::unix::process::CommandExt;

/// Who gets a signal.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Engine,
    /// The two are alike: one and the other.
    One,
    Other,
}

use Who::{Engine, One, Other};

const SIGNALS: [Signal; 2] = [Signal::STOP, Signal::KILL];

struct Trial {
    stub: Stubbed,
    engine: Process,
    pair: [Pid; 2],
}

impl Trial {
    fn new(order: &str) -> Option<Self> {
        let stub = Stubbed::with(&[])?;
        stub.write("limit_mw", "650000");
        let (engine, _) = stub.fly("set.toml", "");
        assert!(stub.set(), "{order}");
        let pair = stub.pair();
        Some(Self { stub, engine, pair })
    }

    fn signal(&self, who: Who, signal: Signal) {
        let to = match who {
            Engine => return self.engine.signal(signal),
            One => self.pair[0],
            Other => self.pair[1],
        };
        // Where the engine is well it may have ended a guardian that does not answer.
        let _ = kill_process(to, signal);
    }

    fn back(&self, what: &str) {
        eventually(what, || self.stub.put_back().then_some(()));
    }
}

/// One order of two signals, and what comes of it.
fn try_order(first: (Who, Signal), second: (Who, Signal)) -> Option<()> {
    let order = format!("{first:?}, then {second:?}");
    let trial = Trial::new(&order)?;
    trial.signal(first.0, first.1);
    trial.signal(second.0, second.1);
    let engine = [first, second].into_iter().find(|(who, _)| *who == Engine).map(|(_, signal)| signal);
    match engine {
        // It lives on, and has two guardians again.
        None => {
            eventually(&order, || trial.stub.pair_now().filter(|now| now.iter().all(|id| !trial.pair.contains(id))));
            assert!(trial.stub.set(), "{order}");
            trial.signal(Engine, Signal::TERM);
        }
        Some(Signal::KILL) => {
            trial.back(&order);
            eventually(&order, || (!trial.stub.note().exists()).then_some(()));
            // Who was stopped meanwhile finds that there is nothing left to do.
            for who in [One, Other] {
                trial.signal(who, Signal::CONT);
            }
            eventually(&order, || trial.stub.guardians().is_empty().then_some(()));
            assert!(trial.stub.put_back(), "{order}");
            return Some(());
        }
        Some(_) => {
            trial.back(&order);
            for who in [Engine, One, Other] {
                trial.signal(who, Signal::CONT);
            }
            eventually(&order, || trial.stub.set().then_some(()));
            eventually(&order, || trial.stub.pair_now());
            trial.signal(Engine, Signal::TERM);
        }
    }
    let ended = trial.engine.end().with(0);
    assert!(ended.line(0).contains("SAFE CONFIRMED") && trial.stub.put_back() && !trial.stub.note().exists(), "{order}: {ended:?}");
    Some(())
}

/// Side by side: most of it is waiting for leases.
#[test]
fn no_two_processes_leave_anything_set_in_any_order() {
    std::thread::scope(|all| {
        let mut trials = Vec::new();
        for (first, second) in [(Engine, One), (One, Engine), (One, Other)] {
            for (a, b) in SIGNALS.iter().flat_map(|a| SIGNALS.iter().map(move |b| (*a, *b))) {
                trials.push(all.spawn(move || try_order((first, a), (second, b))));
            }
        }
        for trial in trials {
            trial.join().expect("its words are above");
        }
    });
}

/// Ctrl-Z, and whatever else is sent to all of a terminal's foreground, reaches the engine and not who sees to the card.
#[test]
fn stopping_the_whole_job_leaves_nothing_set() {
    let Some(stub) = Stubbed::with(&[]) else { return };
    stub.write("limit_mw", "650000");
    let mut command = stub.command("run --headless --rig set.toml --accelerator nvml:1 --workload none");
    let mut engine = Process::spawn(command.process_group(0));
    engine.hear("orbitbench attach ");
    assert!(stub.set());
    kill_process_group(engine.id(), Signal::TSTP).expect("there");
    eventually("the lease", || stub.put_back().then_some(()));
    kill_process_group(engine.id(), Signal::CONT).expect("there");
    eventually("set again", || stub.set().then_some(()));
    engine.signal(Signal::TERM);
    assert!(engine.end().with(0).line(0).contains("SAFE CONFIRMED") && stub.put_back());
}

/// The work may take minutes to load, and no tick renews a lease meanwhile: an engine that is stopped there is found out by its state.
#[test]
fn an_engine_that_is_stopped_before_its_first_tick_leaves_nothing_set() {
    let Some(stub) = Stubbed::with(&[]) else { return };
    stub.write("limit_mw", "650000");
    let engine = Process::spawn(&mut stub.command("run --headless --rig set.toml --accelerator nvml:1 --workload none"));
    // As soon as anybody can see it.
    eventually("the settings", || stub.set().then_some(()));
    engine.signal(Signal::STOP);
    eventually("the guardians' look", || stub.put_back().then_some(()));
    engine.signal(Signal::CONT);
    eventually("set again", || stub.set().then_some(()));
    engine.signal(Signal::TERM);
    assert!(engine.end().with(0).line(0).contains("SAFE CONFIRMED") && stub.put_back());
}

/// A guardian that was stopped when its engine was killed wakes up beside the next run: what that has set is not its own.
#[test]
fn a_guardian_that_wakes_up_late_leaves_the_next_run_alone() {
    let Some(trial) = Trial::new("late") else { return };
    trial.signal(One, Signal::STOP);
    trial.signal(Engine, Signal::KILL);
    trial.back("the other guardian");
    eventually("its end", || (!trial.stub.note().exists()).then_some(()));
    let (engine, name) = trial.stub.fly("set.toml", "");
    assert!(trial.stub.set());
    trial.signal(One, Signal::CONT);
    eventually("its end", || (!trial.stub.guardians().contains(&trial.pair[0])).then_some(()));
    assert!(trial.stub.set(), "the next run's settings");
    trial.stub.bench.attach(&name).row("a tick", |row| row.get(record::Column::AccelLimitW) == Some(500.0));
    engine.signal(Signal::TERM);
    assert!(engine.end().with(0).line(0).contains("SAFE CONFIRMED") && trial.stub.put_back());
}

#[test]
fn the_next_run_is_told_who_is_stopped_and_what_to_do() {
    let Some(trial) = Trial::new("refused") else { return };
    let run = "run --headless --rig gpu-only --accelerator nvml:1 --workload none";
    let next = || Process::spawn(&mut trial.stub.command(run)).end().with(3).err;
    let engine = trial.engine.id().as_raw_nonzero();
    let told = next();
    assert!(told.contains(&format!("process {engine} (")) && told.contains("power limit 650 W") && !told.contains("stopped"), "{told}");
    trial.signal(Engine, Signal::STOP);
    let told = next();
    for words in
        ["which is stopped", &format!("kill -CONT {engine}"), &format!("kill -KILL {engine}"), "power limit 650 W, clocks unlocked"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    // As it says.
    trial.signal(Engine, Signal::KILL);
    trial.back("the guardians");
    eventually("the note", || (!trial.stub.note().exists()).then_some(()));
    let (_engine, _) = trial.stub.fly("gpu-only", "");
}

/// Who only looks says what lies there, and puts nothing back.
#[test]
fn a_rehearsal_and_a_rig_check_tell_of_what_a_killed_run_left() {
    let Some(trial) = Trial::new("left") else { return };
    let rig = std::fs::read_to_string(trial.stub.bench.path("set.toml")).expect("written");
    trial.stub.bench.write("second.toml", &rig.replace("default = \"nvml:0\"", "default = \"nvml:1\""));
    let looks = ["rehearse --rig gpu-only --accelerator nvml:1 --workload none --duration 60s", "rig check second.toml"];
    let told = |look: &str| {
        let ended = Process::spawn(&mut trial.stub.command(look)).end().with(0);
        ended.out
    };
    for look in looks {
        let said = told(look);
        assert!(said.contains("which has the card (process ") && said.contains("power limit 650 W"), "{look}: {said}");
    }
    trial.signal(Engine, Signal::STOP);
    trial.signal(One, Signal::KILL);
    trial.signal(Other, Signal::KILL);
    trial.signal(Engine, Signal::KILL);
    eventually("their ends", || trial.stub.guardians().is_empty().then_some(()));
    for look in looks {
        let said = told(look);
        assert!(said.contains("was killed and left the settings of GPU-") && said.contains("power limit 650 W"), "{look}: {said}");
    }
    assert!(trial.stub.set() && trial.stub.note().exists(), "looked at only");
}
