//! Work that is not well: what may pass is waited for, what cannot come back ends the run, and both are counted down.

use super::{Bench, law};
use crate::{End, Output, WorkFault};
use signal::{Request, RunState};

fn gone(lasting: bool) -> WorkFault {
    WorkFault { why: "the command `x` is of no more use".to_owned(), lasting }
}

fn flying() -> Bench {
    let mut bench = Bench::new(law());
    bench.until(RunState::Running);
    bench
}

fn ends(out: &Output) -> Option<&str> {
    match &out.end {
        Some(End::Tripped(why)) => Some(why),
        _ => None,
    }
}

#[test]
fn work_that_cannot_come_back_ends_the_run_after_its_patience_and_no_sooner() {
    let mut bench = flying();
    bench.fault = Some(gone(true));
    let out = bench.step();
    assert_eq!((out.state, out.view.ends_in_s), (RunState::Suspended, Some(19.0)));
    assert!(out.events.iter().any(|e| e.message.contains("cannot come back: the run ends in 20 s and goes safe")), "{:?}", out.events);
    for left in (0..19).rev() {
        let out = bench.step();
        assert_eq!((out.view.ends_in_s, ends(&out)), (Some(f64::from(left)), None));
        assert!(out.events.iter().all(|e| e.kind != "workload"), "told once: {:?}", out.events);
    }
    let out = bench.step();
    let why = ends(&out).expect("its patience is over");
    assert!(why.contains("is of no more use; the work could not come back, and was waited for 20 s"), "{why}");
    assert_eq!(out.view.ends_in_s, None, "it has ended");
}

#[test]
fn a_fault_that_may_pass_is_waited_for_as_long_as_any_suspension() {
    let mut bench = flying();
    bench.fault = Some(gone(false));
    for left in (0..50).rev() {
        let out = bench.step();
        assert_eq!((out.state, ends(&out)), (RunState::Suspended, None));
        assert_eq!(out.view.ends_in_s, Some(f64::from(left)));
    }
    assert!(ends(&bench.step()).is_some_and(|why| why.contains("suspended for more than 50 s")));
}

#[test]
fn work_that_comes_back_has_its_whole_patience_again() {
    let mut bench = flying();
    for _ in 0..3 {
        bench.fault = Some(gone(true));
        for _ in 0..15 {
            assert_eq!(ends(&bench.step()), None);
        }
        bench.fault = None;
        bench.until(RunState::Running);
        assert_eq!(bench.step().view.ends_in_s, None);
    }
}

/// Not only a flight is waited for: staging and holds on a bench without work are as useless.
#[test]
fn it_counts_in_staging_and_in_a_hold_and_an_operator_may_end_it_before() {
    let mut staging = Bench::new(law());
    staging.fault = Some(gone(true));
    assert!((0..22).any(|_| ends(&staging.step()).is_some()));
    let mut held = flying();
    held.ask(Request::Hold);
    held.fault = Some(gone(true));
    assert!((0..22).any(|_| ends(&held.step()).is_some()));
    let mut stopped = flying();
    stopped.fault = Some(gone(true));
    stopped.step();
    assert_eq!(stopped.ask(Request::Stop).end, Some(End::Stopped));
}

/// Missed ticks are time that passed.
#[test]
fn missed_ticks_are_waited_too() {
    let mut bench = flying();
    bench.fault = Some(gone(true));
    bench.step();
    assert!(ends(&bench.step_with(30, &[])).is_some());
}

#[test]
fn a_lost_link_and_a_run_that_is_well_are_told_apart() {
    let mut bench = flying();
    assert_eq!(bench.step().view.ends_in_s, None);
    bench.instruments.lost = Some("lost the TEC".into());
    bench.instruments.ready = false;
    let first = bench.step().view.ends_in_s.expect("its patience is being spent");
    let next = bench.step().view.ends_in_s.expect("still");
    assert!((9.0 - first).abs() < 1e-9 && (first - next - 1.0).abs() < 1e-9, "{first} {next}");
}
