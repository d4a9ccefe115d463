//! Threads at work: counted, paced, leased, ended.

use super::*;
use crate::Workload;
use crate::transformer::Preset;
use crate::worker::{Hand, Worker};
use signal::{Crossing, Place};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

/// Far more than any machine needs; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::yield_now();
    }
}

fn plan(task: Task) -> Plan {
    Plan { model: Model::Preset(Preset::Tiny), threads: 2, task, batch: None }
}

fn start(lease: Duration) -> Worker {
    start_leased(&plan(Task::Mixed), 1, &Keeping::default(), lease).expect("threads")
}

fn stop(cpu: Worker, within: Duration) -> bool {
    Box::new(cpu).stop(within)
}

/// Tokens in and out that are not known to be right.
fn open(cpu: &Worker) -> f64 {
    ["output_tokens_unchecked", "input_tokens_unchecked"].iter().map(|name| cpu.figures()[*name]).sum()
}

#[test]
fn tokens_are_counted_at_work_and_it_ends() {
    let mut cpu = start(PATIENCE);
    assert_eq!(cpu.units(), Some(0.0), "idle until told to work");
    cpu.set_duty(1.0);
    wait_for("tokens", || {
        cpu.set_duty(f64::NAN);
        cpu.units().is_some_and(|u| u > 32.0)
    });
    assert_eq!(cpu.healthy(), Ok(()));
    assert!(cpu.remarks().is_empty());
    assert!(cpu.input_units().is_some_and(|u| u > 64.0));
    assert!(cpu.describe().contains("tiny, mixed"));
    // The last check, after which nothing is left that is not known to be right.
    assert_eq!(cpu.conclude(PATIENCE, &AtomicBool::new(false)), Ok(()));
    assert!(open(&cpu) == 0.0 && cpu.figures()["samples_checked_count"] > 0.0, "{:?}", cpu.figures());
    assert!(cpu.remarks().is_empty());
    assert!(stop(cpu, PATIENCE));
}

#[test]
fn a_lease_that_is_not_renewed_is_remarked_once_until_it_is() {
    let mut cpu = start(Duration::ZERO);
    for _ in 0..2 {
        cpu.set_duty(1.0);
        wait_for("the lease to end", || cpu.lease_is_over());
        assert_eq!(cpu.remarks().len(), 1);
        assert!(cpu.remarks().is_empty());
    }
    cpu.set_duty(0.0);
    assert!(cpu.remarks().is_empty(), "nothing was taken away");
}

#[test]
fn an_idle_worker_ends_at_once_and_a_dropped_one_by_itself() {
    assert!(stop(start(PATIENCE), PATIENCE));
    let cpu = start(PATIENCE);
    let shared = cpu.shared();
    drop(cpu);
    wait_for("the threads", || shared.control().running == 0);
}

#[test]
fn a_worker_that_will_not_end_is_not_waited_for() {
    let cpu = start(PATIENCE);
    cpu.shared().control().running += 1;
    assert!(!stop(cpu, Duration::from_millis(1)));
}

#[test]
fn training_is_counted_too() {
    let mut cpu = start_leased(&Plan { threads: 1, ..plan(Task::Train) }, 1, &Keeping::default(), PATIENCE).expect("threads");
    cpu.set_duty(1.0);
    wait_for("steps", || cpu.units().is_some_and(|u| u >= 128.0));
    assert_eq!((cpu.healthy(), cpu.input_units()), (Ok(()), Some(0.0)));
    assert_eq!((cpu.conclude(PATIENCE, &AtomicBool::new(false)), cpu.figures()["output_tokens_unchecked"]), (Ok(()), 0.0));
    // Training: its first step and the look at the end, however many there were between.
    assert_eq!(cpu.figures()["samples_checked_count"], 2.0);
    assert!(
        cpu.describe().contains("the first step (loss, gradient, update) and one look at the end, no step between"),
        "{}",
        cpu.describe()
    );
    assert!(stop(cpu, PATIENCE));
}

#[test]
fn what_does_not_fit_is_refused_with_both_figures() {
    let plan = Plan { model: Model::Preset(Preset::B8), ..plan(Task::Decode) };
    let config = Preset::B8.config();
    let why = fits(&config, &plan, Some(22_000_000_000)).expect_err("32 GB do not fit into 22").to_string();
    assert!(why.contains("8b:2:decode") && why.contains("33.2 GB") && why.contains("22.0 GB"), "{why}");
    assert!(fits(&config, &plan, Some(40_000_000_000)).is_ok() && fits(&config, &plan, None).is_ok());
    assert!(available().is_none_or(|bytes| bytes > 1 << 20));
}

#[test]
fn a_file_that_is_no_model_is_refused_by_name() {
    let plan = Plan { model: Model::File("/nowhere/model.gguf".into()), ..plan(Task::Decode) };
    let why = super::start(&plan, 1, &Keeping::default()).expect_err("no file").to_string();
    assert!(why.contains("/nowhere/model.gguf"), "{why}");
}

#[test]
fn a_panicking_worker_is_told_of() {
    let cpu = start(PATIENCE);
    let shared = cpu.shared();
    shared.control().running += 1;
    let panicked = thread::spawn(move || {
        let _ended = Hand::of(shared);
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert_eq!(cpu.healthy(), Err("a working thread panicked".to_owned()));
    assert!(stop(cpu, PATIENCE));
}

fn away(crossing: Crossing, folder: &std::path::Path, task: Task) -> Worker {
    let keeping = Keeping { crossing, folder: folder.join("checkpoint") };
    start_leased(&plan(task), 1, &keeping, PATIENCE).expect("threads")
}

fn place(cpu: &Worker) -> Place {
    cpu.kept().expect("it can be put away").place
}

#[test]
fn without_power_memory_is_given_back_and_with_it_the_work_goes_on() {
    for (crossing, files) in [(Crossing::Checkpoint, 2), (Crossing::Restart, 0)] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut cpu = away(crossing, folder.path(), Task::Mixed);
        cpu.set_duty(1.0);
        for eclipse in 1..=2_u64 {
            let before = cpu.units().expect("counted");
            wait_for("tokens", || cpu.units().is_some_and(|u| u > before + 32.0));
            cpu.power(false);
            wait_for("the work to be away", || place(&cpu) == Place::Away);
            let away = cpu.units();
            cpu.set_duty(1.0);
            assert_eq!(std::fs::read_dir(folder.path().join("checkpoint")).map_or(0, Iterator::count), files);
            cpu.power(true);
            wait_for("the work to be back", || place(&cpu) == Place::Memory);
            wait_for("it to go on", || cpu.units() > away);
            let kept = cpu.kept().expect("kept");
            assert_eq!(kept.pauses, eclipse);
            assert_eq!((kept.bytes > 0, kept.lost_output > 0.0), (files > 0, files == 0), "{kept:?}");
            assert!(kept.restore_s > 0.0 && kept.write_s > 0.0);
            let kinds: Vec<_> = cpu.told().into_iter().map(|t| (t.kind, t.wrong)).collect();
            assert_eq!(kinds, [("checkpoint", false), ("restore", false)]);
        }
        assert_eq!(cpu.conclude(PATIENCE, &AtomicBool::new(false)), Ok(()));
        assert!(open(&cpu) == 0.0, "{:?}", cpu.figures());
        assert!(stop(cpu, PATIENCE));
    }
}

/// Text is checked before its memory goes. Training is at the end, with what its state brought back; what is away or lost is said to be unchecked.
#[test]
fn what_is_put_away_is_checked_first_or_said_to_be_unchecked() {
    for (task, crossing, back, said) in [
        (Task::Mixed, Crossing::Checkpoint, false, None),
        (Task::Mixed, Crossing::Restart, false, None),
        (Task::Train, Crossing::Checkpoint, true, None),
        (Task::Train, Crossing::Checkpoint, false, Some("while it is away")),
        (Task::Train, Crossing::Restart, true, Some("did not reach all of it")),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut cpu = away(crossing, folder.path(), task);
        cpu.set_duty(1.0);
        wait_for("steps", || cpu.units().is_some_and(|u| u > 256.0));
        cpu.power(false);
        wait_for("the work to be away", || place(&cpu) == Place::Away);
        let there = cpu.figures()["output_tokens_unchecked"];
        assert_eq!(there > 0.0, task == Task::Train, "{task:?}, {crossing:?}: {there}");
        if back {
            cpu.power(true);
            wait_for("the work to be back", || place(&cpu) == Place::Memory);
        }
        assert_eq!(cpu.conclude(PATIENCE, &AtomicBool::new(false)), Ok(()));
        let left = open(&cpu);
        let remarks = cpu.remarks();
        assert_eq!(left > 0.0, said.is_some(), "{task:?}, {crossing:?}: {left}");
        assert_eq!(remarks.len(), usize::from(said.is_some()), "{remarks:?}");
        assert!(
            said.is_none_or(|words| remarks[0].contains(words) && remarks[0].contains(&format!("{left:.0} of its tokens"))),
            "{remarks:?}"
        );
        assert!(stop(cpu, PATIENCE));
    }
}

#[test]
fn power_that_comes_back_early_is_waited_for_and_work_away_ends_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut cpu = away(Crossing::Checkpoint, folder.path(), Task::Train);
    cpu.power(false);
    cpu.power(true);
    wait_for("both ways", || cpu.told().iter().any(|t| t.kind == "restore"));
    assert_eq!((place(&cpu), cpu.kept().expect("kept").lost_output), (Place::Memory, 0.0));
    cpu.power(false);
    wait_for("the work to be away", || place(&cpu) == Place::Away);
    assert!(stop(cpu, PATIENCE));
    let mut stays = start(PATIENCE);
    stays.power(false);
    stays.set_duty(1.0);
    wait_for("tokens all the same", || stays.units().is_some_and(|u| u > 0.0));
    assert_eq!(stays.kept(), None);
}
