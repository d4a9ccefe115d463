//! A device that answers, but not what it is asked; and settings that get lost on the way.

use super::bench::Bench;
use super::lost;
use crate::wired::Ailment;
use rig::protocol::mecom::{ServerError, id};
use rig::{Command, Event};
use signal::Celsius;

fn refused(event: &Event) -> bool {
    matches!(event, Event::Refused { .. })
}

fn confirmed_off(event: &Event) -> bool {
    *event == Event::OutputConfirmed { on: false }
}

/// Polls as a controller does, once a second.
fn poll(bench: &mut Bench, ticks: std::ops::Range<u64>) {
    for tick in ticks {
        bench.command(Command::Poll { tick });
        bench.pass(1.0);
    }
}

#[test]
fn polls_that_are_denied_lose_the_link_and_with_it_the_output() {
    for error in [ServerError::Busy, ServerError::Parameter, ServerError::Other(0x42)] {
        let mut bench = Bench::running();
        bench.device.deny(id::OBJECT_TEMPERATURE, error, 2);
        poll(&mut bench, 0..3);
        assert_eq!(bench.told(|e| matches!(e, Event::PollFailed { .. })), 2);
        assert_eq!((bench.told(lost), bench.told(|e| matches!(e, Event::PollDone { tick: 2 }))), (0, 1), "two are borne");

        bench.device.deny(id::OBJECT_TEMPERATURE, error, u32::MAX);
        poll(&mut bench, 3..6);
        assert_eq!((bench.told(lost), bench.device.output_on()), (1, false), "{error}: {:?}", bench.events);
        poll(&mut bench, 6..40);
        assert_eq!((bench.told(lost), bench.told(|e| *e == Event::Ready)), (1, 0), "{error}: not ready while it cannot be polled");
        assert!(!bench.device.output_on());
    }
}

#[test]
fn a_device_that_can_be_polled_again_is_ready_again() {
    let mut bench = Bench::running();
    bench.device.deny(id::OBJECT_TEMPERATURE, ServerError::Busy, u32::MAX);
    poll(&mut bench, 0..10);
    bench.device.deny(id::OBJECT_TEMPERATURE, ServerError::Busy, 0);
    bench.pass(4.0);
    assert_eq!((bench.told(lost), bench.events.last()), (1, Some(&Event::Ready)), "{:?}", bench.events);
    poll(&mut bench, 10..11);
    assert_eq!(bench.told(|e| *e == Event::PollDone { tick: 10 }), 1);
}

#[test]
fn an_off_that_is_denied_is_repeated() {
    for error in [ServerError::Busy, ServerError::Communication, ServerError::ReadOnly] {
        // Of the enable flag a round writes one and reads one, of the status it reads one.
        for (parameter, times) in [(id::OUTPUT_ENABLE, 1..=8), (id::DEVICE_STATUS, 1..=4)] {
            for times in times {
                let mut bench = Bench::running();
                bench.device.deny(parameter, error, times);
                bench.command(Command::Disable);
                bench.pass(1.0);
                assert_eq!((bench.told(confirmed_off), bench.device.output_on()), (1, false), "{times} x {error}: {:?}", bench.events);
                assert_eq!((bench.told(refused), bench.told(lost)), (0, 0), "{times} x {error}: {:?}", bench.events);
            }
        }
    }
}

/// No words bring it off: it is left alone, and what its lease did is read back.
#[test]
fn a_device_that_never_takes_an_off_is_left_to_its_lease() {
    let mut bench = Bench::running();
    bench.device.deny(id::OUTPUT_ENABLE, ServerError::Busy, u32::MAX);
    bench.command(Command::Disable);
    bench.pass(1.0);
    let why = bench.events.iter().find_map(|e| if let Event::LinkLost { why } = e { Some(why.as_str()) } else { None });
    assert!(why.is_some_and(|why| why.contains("switching the output off") && why.contains("busy")), "{:?}", bench.events);
    assert!(bench.device.output_on());
    // However often it is asked for, and polled.
    for tick in 1..=3 {
        bench.command(Command::Poll { tick });
        bench.command(Command::Disable);
        bench.pass(1.0);
    }
    assert!(!bench.device.output_on(), "nobody renewed the lease: {:?}", bench.device.events());
}

#[test]
fn an_off_can_be_asked_for_again_after_it_was_given_up() {
    let mut bench = Bench::running();
    bench.device.deny(id::OUTPUT_ENABLE, ServerError::Busy, u32::MAX);
    bench.command(Command::Disable);
    bench.pass(1.0);
    assert_eq!((bench.told(lost), bench.told(confirmed_off)), (1, 0));
    bench.device.deny(id::OUTPUT_ENABLE, ServerError::Busy, 0);
    bench.command(Command::Disable);
    bench.pass(4.0);
    assert_eq!((bench.told(confirmed_off), bench.events.last()), (1, Some(&Event::Ready)), "{:?}", bench.events);
    bench.command(Command::Disable);
    assert_eq!(bench.told(confirmed_off), 2);
}

#[test]
fn a_busy_device_is_asked_again_and_not_refused() {
    let mut bench = Bench::running();
    bench.device.deny(id::TARGET_TEMPERATURE, ServerError::Busy, 1);
    bench.command(Command::Target(Celsius(21.0)));
    bench.pass(0.5);
    assert_eq!((bench.device.target_degc(), bench.told(refused)), (21.0, 0), "{:?}", bench.events);

    let mut bench = Bench::ready();
    bench.command(Command::Target(Celsius(20.0)));
    bench.device.deny(id::OUTPUT_ENABLE, ServerError::Busy, 2);
    bench.command(Command::Enable);
    bench.pass(0.5);
    assert_eq!((bench.believed, bench.told(refused)), (Some(true), 0), "{:?}", bench.events);

    // A denial for good is one.
    bench.device.deny(id::TARGET_TEMPERATURE, ServerError::Range, 1);
    bench.command(Command::Target(Celsius(21.0)));
    assert!(bench.refusal().contains("out of the parameter's range"));
}

#[test]
fn switching_off_overtakes_the_waiting_for_a_busy_device() {
    let mut bench = Bench::running();
    bench.device.deny(id::TARGET_TEMPERATURE, ServerError::Busy, u32::MAX);
    bench.command(Command::Target(Celsius(21.0)));
    bench.command(Command::Disable);
    assert_eq!((bench.told(confirmed_off), bench.device.output_on()), (1, false), "at once: {:?}", bench.events);
}

/// The silence ends between a setting and its reading back: what is read is the old value, and nobody refused anything.
#[test]
fn a_setting_that_never_arrived_is_no_mismatch() {
    let mut bench = Bench::running();
    bench.line.mute = true;
    bench.command(Command::Target(Celsius(21.0)));
    bench.pass(0.15);
    bench.line.mute = false;
    bench.pass(1.0);
    assert_eq!((bench.device.target_degc(), bench.told(refused)), (21.0, 0), "{:?}", bench.events);

    let mut bench = Bench::ready();
    bench.command(Command::Target(Celsius(20.0)));
    bench.line.mute = true;
    bench.command(Command::Enable);
    bench.line.mute = false;
    bench.pass(1.0);
    assert_eq!((bench.believed, bench.told(refused)), (Some(true), 0), "looking at the limits first is repeated: {:?}", bench.events);
}

/// A power cut too short to be noticed takes limits and lease along: nothing is switched on before they are back.
#[test]
fn a_restart_that_nobody_saw_is_found_before_the_output_is_on() {
    let mut bench = Bench::ready();
    bench.command(Command::Target(Celsius(20.0)));
    bench.device.befall(bench.now_s, Ailment::PowerCycle);
    bench.pass(0.5);
    bench.command(Command::Enable);
    assert!(bench.told(lost) == 1 && !bench.device.output_on(), "{:?}", bench.events);
    bench.pass(1.0);
    assert_eq!((bench.events.last(), bench.device.output_on()), (Some(&Event::Ready), false));

    let mut bench = Bench::running();
    bench.device.befall(bench.now_s, Ailment::PowerCycle);
    bench.pass(0.5);
    // As a device would whose stored settings say so.
    bench.device.set_output(true);
    bench.command(Command::Poll { tick: 1 });
    assert!(bench.told(lost) == 1 && !bench.device.output_on(), "{:?}", bench.events);
}
