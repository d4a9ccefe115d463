//! Flights in memory over a controller that is silent, or answers and will not: no hang-up tells of it, only what is missing.

use crate::flight::{drawn, setup};
use control::End;
use engine::memory::{Flown, MemoryBench, fly};
use engine::setup::Setup;
use rig::protocol::mecom::{ServerError, id};
use signal::{Request, RunState, Tick};

/// Ticks after a fault at which an operator looks in.
const OPERATOR_AFTER: Tick = 30;

/// Flies a short mission; from `from` on, once it runs, `fault` is called with the ticks since. An operator acknowledges a while
/// later and asks to go on until it does.
fn flown(setup: &mut Setup, from: Tick, mut fault: impl FnMut(Tick, &mut MemoryBench)) -> (Flown, MemoryBench) {
    setup.law.duration_s = 600.0;
    let mut bench = MemoryBench::new(setup, drawn(setup)).expect("a bench");
    let mut began: Option<Tick> = None;
    let flown = fly(setup, &mut bench, |tick, bench, state| {
        if began.is_none() && tick >= from && state == RunState::Running {
            began = Some(tick);
        }
        let Some(since) = began.map(|began| tick - began) else { return Vec::new() };
        fault(since, bench);
        let ask = |what| vec![("anna".to_owned(), what)];
        match since {
            OPERATOR_AFTER => ask(Request::Ack),
            since if since > OPERATOR_AFTER && since % 10 == 0 && state == RunState::Suspended => ask(Request::Resume),
            _ => Vec::new(),
        }
    });
    assert!(began.is_some(), "it never flew: {:?}", flown.end);
    (flown, bench)
}

fn told(flown: &Flown, kind: &str, words: &str) -> Option<Tick> {
    flown.events.iter().find(|(_, e)| e.kind == kind && e.message.contains(words)).map(|(tick, _)| *tick)
}

/// However the silence falls on polls and settings, and however short: nobody refuses anything, so nothing trips.
#[test]
fn a_controller_that_is_briefly_silent_trips_nothing() {
    for silent in 1..=6 {
        for from in [300, 301] {
            let (flown, bench) = flown(&mut setup("dawn-dusk-650", 1), from, |since, bench| bench.mute(since < silent));
            assert_eq!(flown.end, End::Done, "{silent} s from {from}: {:?}", flown.events);
            assert_eq!(told(&flown, "refused", ""), None);
            assert!(flown.unconfirmed.is_empty() && !bench.world().tec.output_on());
        }
    }
}

/// Two seconds are longer than three exchanges may fail: the link is lost, and an operator lets the output on again.
#[test]
fn two_seconds_of_silence_are_waited_out() {
    let (flown, _) = flown(&mut setup("dawn-dusk-650", 1), 300, |since, bench| bench.mute(since < 2));
    assert_eq!(flown.end, End::Done);
    let lost = told(&flown, "link", "UNKNOWN").expect("told");
    let on = |row: &&record::Row| row.get(record::Column::RigOutput) == Some(1.0);
    let unattended = flown.rows.iter().filter(|row| row.tick > lost && row.tick < lost + OPERATOR_AFTER - 3);
    assert_eq!(unattended.filter(on).count(), 0, "never on by itself");
    assert!(flown.rows.last().as_ref().is_some_and(on), "and on at the end");
}

#[test]
fn a_controller_that_stays_silent_ends_unconfirmed() {
    let (flown, bench) = flown(&mut setup("dawn-dusk-650", 1), 300, |_, bench| bench.mute(true));
    assert!(matches!(&flown.end, End::Tripped(why) if why.contains("did not come back")), "{:?}", flown.end);
    assert_eq!(flown.unconfirmed.iter().map(|u| u.device.as_str()).collect::<Vec<_>>(), ["tec"]);
    assert!(!bench.world().tec.output_on(), "its lease");
}

/// Every poll renews the lease, so a controller whose readings cannot be had must not be polled for ever.
#[test]
fn a_controller_that_will_not_be_read_loses_its_output() {
    for parameter in [id::OBJECT_TEMPERATURE, id::SINK_TEMPERATURE, id::DEVICE_STATUS] {
        let mut late = 0;
        let (flown, bench) = flown(&mut setup("dawn-dusk-650", 1), 300, |since, bench| {
            if since == 0 {
                bench.world_mut().tec.deny(parameter, ServerError::Busy, u32::MAX);
            }
            late += u64::from(since > 5 && bench.world().tec.output_on());
        });
        assert_eq!(late, 0, "{parameter}: the output is off within a few polls");
        assert!(told(&flown, "link", "UNKNOWN").is_some_and(|tick| tick <= 310), "{parameter}: {:?}", flown.events);
        assert!(matches!(&flown.end, End::Tripped(why) if why.contains("did not come back")), "{parameter}: {:?}", flown.end);
        assert!(!bench.world().tec.output_on());
    }
}

/// It denies "off" twice, and to say what became of it (and the poll before), and is off all the same.
#[test]
fn a_busy_controller_is_switched_off() {
    let mut setup = setup("dawn-dusk-650", 1);
    let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
    setup.law.duration_s = 600.0;
    let flown = fly(&setup, &mut bench, |tick, bench, _| {
        if tick != 300 {
            return Vec::new();
        }
        assert!(bench.world().tec.output_on());
        bench.world_mut().tec.deny(id::OUTPUT_ENABLE, ServerError::Busy, 5);
        vec![("anna".to_owned(), Request::Stop)]
    });
    assert_eq!((flown.end, flown.unconfirmed.len(), bench.world().tec.output_on()), (End::Stopped, 0, false));
}

/// Three polls denied and not a fourth: the link is lost and back between two looks of the controller. It is told all the same,
/// since the output went off with it.
#[test]
fn a_loss_that_is_over_before_anyone_looks_is_told() {
    let (flown, _) = flown(&mut setup("dawn-dusk-650", 1), 300, |since, bench| {
        if since == 0 {
            bench.world_mut().tec.deny(id::OBJECT_TEMPERATURE, ServerError::Busy, 3);
        }
    });
    assert_eq!(flown.end, End::Done, "{:?}", flown.events);
    let lost = told(&flown, "link", "UNKNOWN").expect("told");
    assert!((300..=303).contains(&lost), "{lost}");
    assert!(told(&flown, "link", "link is back").is_some_and(|back| back == lost + 1));
}
