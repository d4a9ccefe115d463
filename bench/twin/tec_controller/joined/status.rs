//! Parameter 104: what it does not say, nobody may say.

use super::bench::{Bench, Tamper};
use super::*;
use rig::protocol::mecom::{Reply, Request};

/// Numbers that are no state in which an output is known: of a device that starts, and such as no list has.
const STRANGE: [(i32, Tamper); 6] = [
    (0, |r| matches!(r, Request::Read { parameter: 104, .. }).then_some(Reply::Bits(0))),
    (4, |r| matches!(r, Request::Read { parameter: 104, .. }).then_some(Reply::Bits(4))),
    (5, |r| matches!(r, Request::Read { parameter: 104, .. }).then_some(Reply::Bits(5))),
    (6, |r| matches!(r, Request::Read { parameter: 104, .. }).then_some(Reply::Bits(6))),
    (99, |r| matches!(r, Request::Read { parameter: 104, .. }).then_some(Reply::Bits(99))),
    (-1, |r| matches!(r, Request::Read { parameter: 104, .. }).then_some(Reply::Bits(u32::MAX))),
];

fn off(event: &Event) -> bool {
    *event == Event::OutputConfirmed { on: false }
}

#[test]
fn a_status_that_is_none_is_never_off() {
    for (number, tamper) in STRANGE {
        let mut bench = Bench::running();
        bench.tamper = tamper;
        bench.command(Command::Disable);
        bench.pass(20.0);
        assert_eq!((bench.told(off), bench.believed != Some(false)), (0, true), "{number}: {:?}", bench.events);
        let said =
            bench.events.iter().any(|e| matches!(e, Event::Refused { why } | Event::LinkLost { why } if why.contains("does not say")));
        assert!(said, "{number}: {:?}", bench.events);
        // It comes to itself.
        bench.tamper = |_| None;
        bench.command(Command::Disable);
        bench.pass(10.0);
        assert_eq!(bench.believed, Some(false), "{number}: {:?}", bench.events);
    }
}

#[test]
fn polled_it_is_told_of_within_three_polls() {
    for (number, tamper) in STRANGE {
        let mut bench = Bench::running();
        bench.tamper = tamper;
        for tick in 0..3 {
            bench.command(Command::Poll { tick });
            bench.pass(0.5);
        }
        assert_eq!((bench.told(off), bench.told(lost)), (0, 1), "{number}: {:?}", bench.events);
        assert_eq!(bench.told(|e| matches!(e, Event::Reading { channel: Channel::TecOutput, .. })), 0, "{number}");
    }
}

/// It stands ready, and its own flag says that it is enabled: one of the two is not so.
#[test]
fn ready_and_enabled_is_neither_on_nor_off() {
    let mut bench = Bench::running();
    bench.tamper = |r| matches!(r, Request::Read { parameter: 104, .. }).then_some(Reply::Bits(1));
    for tick in 0..3 {
        bench.command(Command::Poll { tick });
        bench.pass(0.5);
    }
    let (seen, gone) = (bench.events.iter().position(off), bench.events.iter().position(lost));
    // Looked for anew it was switched off, and then both say so.
    assert!(gone.is_some_and(|gone| seen.is_some_and(|seen| gone < seen)), "{:?}", bench.events);
}
