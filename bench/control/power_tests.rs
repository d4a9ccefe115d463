//! Power for the work: when it is said to be gone, when it is back, and what does not count as either.

use super::{Bench, law};
use crate::*;
use signal::{Crossing, Request, RunState, Watts};

fn granted(bench: &mut Bench, watts: f64) -> Output {
    bench.law.governor.policy = Policy::Fixed(Watts(watts));
    bench.step()
}

fn flying(crossing: Crossing, actuator: Actuator) -> Bench {
    let mut bench = Bench::new(Law { actuator, crossing, ..law() });
    bench.until(RunState::Running);
    bench
}

/// Ticks until power turns to `there`, told once.
fn turns(bench: &mut Bench, watts: f64, there: bool) -> u32 {
    for tick in 0..100 {
        let out = granted(bench, watts);
        let said = out.events.iter().filter(|e| e.kind == "power").count();
        assert_eq!(said, usize::from(out.commands.power == there), "{:?}", out.events);
        if out.commands.power == there {
            return tick;
        }
    }
    panic!("{watts} W for 100 s, and nothing comes of it");
}

#[test]
fn power_is_gone_when_it_stays_gone_and_back_when_that_pays() {
    for crossing in [Crossing::Checkpoint, Crossing::Restart] {
        let mut bench = flying(crossing, Actuator::Pacing);
        bench.law.toll = Some(Toll { back_s: 14.0, lost_s: 11.0 });
        // A tick of nothing is no dark, and a little is something.
        for watts in [72.0, 16.0, 16.1, 16.0, 16.0, 72.0] {
            let out = granted(&mut bench, watts);
            assert!(out.commands.power && out.events.iter().all(|e| e.kind != "power"), "{crossing} at {watts} W");
        }
        assert_eq!(turns(&mut bench, 16.0, false), 10);
        // An hour and more of light: a two-hundredth of full load would not make up for coming back, a fiftieth does.
        assert!((0..50).all(|_| !granted(&mut bench, 16.2).commands.power));
        assert_eq!(turns(&mut bench, 17.2, true), 0);
        assert_eq!(turns(&mut bench, 16.0, false), 10);
    }
    let mut idle = flying(Crossing::Idle, Actuator::Pacing);
    assert!((0..50).all(|_| granted(&mut idle, 16.0).commands.power));
}

#[test]
fn below_the_least_limit_of_a_device_there_is_no_power_either() {
    let mut bench = flying(Crossing::Checkpoint, Actuator::PowerLimit { least: Watts(30.0) });
    assert!(granted(&mut bench, 45.0).commands.power);
    assert_eq!((turns(&mut bench, 29.0, false), turns(&mut bench, 30.0, true)), (10, 0));
}

#[test]
fn a_suspended_run_neither_drops_the_work_nor_brings_it_back() {
    for before in [72.0, 16.0] {
        let mut bench = flying(Crossing::Restart, Actuator::Pacing);
        let there = before > 16.0;
        while granted(&mut bench, before).commands.power != there {}
        bench.silent_card = true;
        bench.until(RunState::Suspended);
        for watts in [16.0, 72.0] {
            let out = granted(&mut bench, watts);
            assert_eq!(
                (out.state, out.commands.duty, out.commands.power),
                (RunState::Suspended, None, there),
                "from {before} W at {watts} W"
            );
        }
    }
}

#[test]
fn heat_that_leaves_nothing_is_no_lack_of_power() {
    let mut law = Law { crossing: Crossing::Checkpoint, ..law() };
    // A limit far below the room: the policy allows idle and no more.
    law.governor.policy = Policy::Thermal(ThermalLaw::new(signal::Celsius(-80.0), 0.25, 1.12, 1.0, 300.0).expect("a plant"));
    let mut bench = Bench::new(law);
    bench.until(RunState::Running);
    let out = bench.step();
    assert_eq!((out.commands.duty, out.commands.power), (Some(0.0), true), "{} W", out.view.budget.0);
    assert!(bench.ask(Request::Hold).commands.power);
}
