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

#[test]
fn power_goes_with_the_last_watt_for_work_and_comes_back_with_some_to_spare() {
    for crossing in Crossing::ALL {
        let mut bench = flying(*crossing, Actuator::Pacing);
        // Idle 16 W, full 72 W: a fiftieth of what is between them is 1.12 W.
        for (watts, there) in
            [(72.0, true), (16.1, true), (16.0, false), (16.1, false), (17.0, false), (17.2, true), (16.1, true), (16.0, false)]
        {
            let out = granted(&mut bench, watts);
            assert_eq!(out.commands.power, there || !crossing.drops(), "{crossing} at {watts} W");
            let said = out.events.iter().filter(|e| e.kind == "power").count();
            let turns = [16.0, 17.2].contains(&watts);
            assert_eq!(said, usize::from(turns && crossing.drops()), "{crossing} at {watts} W: {:?}", out.events);
        }
    }
}

#[test]
fn below_the_least_limit_of_a_device_there_is_no_power_either() {
    let mut bench = flying(Crossing::Checkpoint, Actuator::PowerLimit { least: Watts(30.0) });
    for (watts, there) in [(45.0, true), (29.0, false), (30.0, true)] {
        assert_eq!(granted(&mut bench, watts).commands.power, there, "{watts} W");
    }
}

#[test]
fn a_suspended_run_neither_drops_the_work_nor_brings_it_back() {
    for before in [72.0, 16.0] {
        let mut bench = flying(Crossing::Restart, Actuator::Pacing);
        let there = granted(&mut bench, before).commands.power;
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
