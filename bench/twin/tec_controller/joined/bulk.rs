//! Bulk reads: used where they are proven, and never missed where they are not.

use super::bench::{AT_25, Bench, Tamper};
use crate::tec_controller::TecConfig;
use rig::protocol::mecom::{Reply, Request, ServerError, id};
use rig::{Command, Event, Input};
use signal::Celsius;

/// A device opened and running, with firmware that has bulk reads or not, and a line that may tamper with the opening.
fn running(firmware_version: i32, tamper: Tamper) -> Bench {
    let mut bench = Bench::new(TecConfig { firmware_version, ..TecConfig::default() });
    bench.device.control(0.0, 0.0, AT_25);
    bench.tamper = tamper;
    bench.feed(Input::Opened);
    bench.pass(1.0);
    assert_eq!(bench.events.last(), Some(&Event::Ready), "{:?}", bench.events);
    bench.tamper = |_| None;
    bench.command(Command::Target(Celsius(20.0)));
    bench.command(Command::Enable);
    bench.device.control(bench.now_s, 0.1, AT_25);
    bench.events.clear();
    bench.asked.clear();
    bench
}

fn poll(mut bench: Bench) -> (usize, Vec<Event>) {
    bench.command(Command::Poll { tick: 4 });
    (bench.asked.len(), bench.events)
}

const HONEST: Tamper = |_| None;

#[test]
fn one_question_gives_what_nine_give() {
    let (one_by_one, readings) = poll(running(510, HONEST));
    let (at_once, same) = poll(running(600, HONEST));
    assert_eq!((one_by_one, at_once), (9, 1));
    assert_eq!(readings, same);
    assert_eq!(readings.last(), Some(&Event::PollDone { tick: 4 }));
}

#[test]
fn bulk_reads_that_are_not_proven_are_not_used() {
    for (why, tamper) in [
        ("refused", (|r| matches!(r, Request::ReadMany(_)).then_some(Reply::Refuse(ServerError::Command))) as Tamper),
        ("another layout", |r| matches!(r, Request::ReadMany(_)).then(|| Reply::Many(vec![7; 9]))),
        ("another count", |r| matches!(r, Request::ReadMany(_)).then(|| Reply::Many(vec![7; 2]))),
    ] {
        let (asked, events) = poll(running(600, tamper));
        assert_eq!((asked, events.last()), (9, Some(&Event::PollDone { tick: 4 })), "{why}");
    }
}

#[test]
fn a_bulk_read_that_is_denied_is_read_one_by_one() {
    for (error, next) in [(ServerError::Busy, 1), (ServerError::Parameter, 9)] {
        let mut bench = running(600, HONEST);
        bench.device.deny(id::SINK_TEMPERATURE, error, 1);
        bench.command(Command::Poll { tick: 1 });
        assert_eq!((bench.asked.len(), bench.events.last()), (10, Some(&Event::PollDone { tick: 1 })), "{error}");
        bench.asked.clear();
        bench.command(Command::Poll { tick: 2 });
        assert_eq!(bench.asked.len(), next, "{error}: busy is for now, the rest for good");
    }
}

#[test]
fn a_lost_output_is_seen_in_a_bulk_read_too() {
    let mut bench = running(600, HONEST);
    bench.pass(3.5);
    bench.command(Command::Poll { tick: 1 });
    assert_eq!(bench.told(|e| *e == Event::OutputConfirmed { on: false }), 1);
    assert_eq!(bench.told(|e| matches!(e, Event::DeviceError { number: 2060, .. })), 1, "{:?}", bench.events);
}
