//! The real driver and the emulated device on one line in memory, on virtual time, with everything that happens to lines.

mod bench;
mod bulk;
mod denials;
mod flash;
mod held;
mod status;

use super::*;
use bench::{AT_25, Bench, Line};
use proptest::prelude::*;
use rig::protocol::mecom::Query;
use rig::{Command, Event, Input};
use signal::{Celsius, Channel};

fn lost(event: &Event) -> bool {
    matches!(event, Event::LinkLost { .. })
}

#[test]
fn a_whole_conversation_goes_as_it_should() {
    let mut bench = Bench::new(TecConfig::default());
    bench.device.control(0.0, 0.0, AT_25);
    bench.feed(Input::Opened);
    let Event::Identified { device } = &bench.events[0] else { panic!("{:?}", bench.events) };
    assert_eq!(device, "TEC-1090 serial 4242 firmware 5.10 hardware 1.50 (orbitbench twin TEC)");
    assert_eq!(bench.events[1..], [Event::OutputConfirmed { on: false }, Event::Ready]);
    let written: Vec<u16> = bench.writes().iter().map(|w| w.0).collect();
    assert_eq!(written[..2], [id::SAVE_TO_FLASH, id::OUTPUT_ENABLE], "kept out of its flash, and off, before anything else");
    assert_eq!(written[2..], [2000, 2030, 2031, 2032, 2033, 2060, 3003, 4010, 4011, 5011]);
    let held = &bench.device.settings;
    assert_eq!((held.object_lower_degc, held.object_upper_degc, held.sink_upper_degc), (1.0, 72.0, 67.0), "2 K beyond the rig's trips");
    assert_eq!((bench.device.settings.current_limit_a, bench.device.settings.watchdog_s), (8.0, 3.0));

    bench.events.clear();
    bench.command(Command::Target(Celsius(20.5)));
    assert_eq!(bench.device.target_degc(), 20.5);
    bench.command(Command::Enable);
    assert_eq!(bench.events, [Event::OutputConfirmed { on: true }]);
    bench.events.clear();
    bench.device.control(bench.now_s, 0.1, AT_25);
    bench.command(Command::Poll { tick: 9 });
    let amps = f64::from(bench.device.current_a as f32);
    assert!(amps > 0.0);
    let reading = |channel, value| Event::Reading { tick: 9, channel, value };
    assert_eq!(
        bench.events,
        [
            reading(Channel::Plate, 25.0),
            reading(Channel::Sink, 30.0),
            reading(Channel::TecCurrent, amps),
            reading(Channel::TecVoltage, 4.0),
            reading(Channel::TecTarget, 20.5),
            reading(Channel::TecOutput, 1.0),
            Event::PollDone { tick: 9 },
        ]
    );
    bench.events.clear();
    bench.command(Command::Disable);
    assert_eq!(bench.events, [Event::OutputConfirmed { on: false }]);
}

#[test]
fn another_device_is_refused_and_nothing_is_written_to_it() {
    for (config, words) in [
        (TecConfig { serial_number: 7, ..TecConfig::default() }, "its serial number is 7, the rig file declares 4242"),
        (TecConfig { device_type: 1161, ..TecConfig::default() }, "its model is 1161"),
    ] {
        let mut bench = Bench::new(config);
        bench.device.set_output(true);
        bench.feed(Input::Opened);
        assert!(bench.refusal().contains(words), "{:?}", bench.events);
        for command in [Command::Target(Celsius(20.0)), Command::Enable, Command::Disable, Command::Poll { tick: 1 }] {
            bench.command(command);
        }
        bench.pass(20.0);
        assert_eq!(bench.writes(), []);
        assert_eq!(bench.told(|e| *e == Event::Ready), 0);
        assert_eq!(bench.told(|e| matches!(e, Event::PollFailed { tick: 1, .. })), 1);
        assert!(bench.device.output_on(), "not ours to switch");
    }
}

#[test]
fn a_target_is_checked_before_and_after() {
    let mut bench = Bench::ready();
    for degc in [f64::NAN, f64::INFINITY, 4.9, 60.1] {
        bench.command(Command::Target(Celsius(degc)));
        assert!(bench.refusal().contains("outside the rig's 5 to 60 °C"));
    }
    assert_eq!(bench.writes(), []);
    bench.command(Command::Enable);
    assert!(bench.refusal().contains("no target was set"));
    bench.tamper = |r| matches!(r, Request::Read { parameter: 3000, .. }).then(|| Reply::Bits(25.0_f32.to_bits()));
    bench.command(Command::Target(Celsius(20.0)));
    assert!(bench.refusal().contains("reads back 25 after 20 was written"), "{}", bench.refusal());
    bench.command(Command::Enable);
    assert!(!bench.device.output_on());
}

/// The script of the unplugging test. Commands that the driver refuses, refused they are.
fn script(bench: &mut Bench) {
    bench.feed(Input::Opened);
    bench.command(Command::Target(Celsius(20.0)));
    bench.command(Command::Enable);
    bench.command(Command::Poll { tick: 1 });
    bench.command(Command::Target(Celsius(21.0)));
    bench.command(Command::Poll { tick: 2 });
    bench.command(Command::Disable);
    bench.command(Command::Poll { tick: 3 });
}

#[test]
fn unplugged_at_any_byte_nothing_is_believed_and_everything_comes_back() {
    let mut whole = Bench::new(TecConfig::default());
    script(&mut whole);
    let length = whole.carried;
    assert!(length > 1500, "{length} bytes");
    for cut in 0..length {
        let mut bench = Bench::new(TecConfig::default());
        bench.line.cut_after = Some(cut);
        script(&mut bench);
        assert!(!bench.plugged, "byte {cut}");
        assert_eq!(bench.told(lost), 1, "byte {cut}: told once");
        assert_eq!(bench.believed, None, "byte {cut}");
        for tick in 1..=3 {
            let over = bench.told(|e| matches!(e, Event::PollDone { tick: t } | Event::PollFailed { tick: t, .. } if *t == tick));
            assert_eq!(over, 1, "byte {cut}: poll {tick} ends once");
        }
        bench.events.clear();
        bench.pass(0.5);
        assert_eq!(bench.events, [], "byte {cut}: nothing is told of a closed port");
        bench.plug();
        assert_eq!(bench.events.len(), 3, "byte {cut}: {:?}", bench.events);
        assert!(matches!(bench.events[0], Event::Identified { .. }));
        assert_eq!(bench.events[1..], [Event::OutputConfirmed { on: false }, Event::Ready], "byte {cut}: never on by itself");
        bench.command(Command::Target(Celsius(20.0)));
        bench.command(Command::Enable);
        assert_eq!(bench.believed, Some(true), "byte {cut}");
    }
}

#[test]
fn a_late_reply_answers_nothing() {
    let mut bench = Bench::ready();
    bench.line.deaf = true;
    bench.command(Command::Poll { tick: 1 });
    let question = Query { address: 1, sequence: last_sequence(&bench), request: bench.asked[0] };
    let late = bench.device.receive(bench.now_s, &question.encode());
    bench.pass(0.12);
    assert_eq!(bench.told(|e| matches!(e, Event::Retried { .. })), 1);
    bench.events.clear();
    bench.line.deaf = false;
    bench.feed(Input::Bytes(&late));
    assert_eq!(bench.events, [], "taken for the answer to the second attempt");
    // The second attempt ran out too, by then: the poll has failed and counts as one of three.
    bench.pass(0.2);
    assert_eq!(bench.told(|e| matches!(e, Event::PollFailed { tick: 1, .. })), 1);
    bench.command(Command::Poll { tick: 2 });
    assert_eq!(bench.told(|e| matches!(e, Event::PollDone { tick: 2 })), 1);
}

/// Questions are numbered from 1 in the order they are asked; opening asks the ones before.
fn last_sequence(bench: &Bench) -> u16 {
    let mut counting = Bench::new(TecConfig::default());
    counting.feed(Input::Opened);
    (counting.asked.len() + bench.asked.len()) as u16
}

#[test]
fn one_lost_reply_is_asked_for_again() {
    let mut bench = Bench::running();
    bench.line.deaf = true;
    bench.command(Command::Poll { tick: 1 });
    bench.line.deaf = false;
    bench.pass(0.2);
    assert_eq!(bench.told(|e| matches!(e, Event::Retried { .. })), 1);
    assert_eq!(bench.told(|e| matches!(e, Event::PollDone { tick: 1 })), 1);
}

#[test]
fn a_target_that_is_not_answered_is_set_again() {
    let refused = |e: &Event| matches!(e, Event::Refused { .. });
    let mut bench = Bench::running();
    bench.line.mute = true;
    bench.command(Command::Target(Celsius(21.0)));
    bench.pass(0.35);
    bench.line.mute = false;
    bench.pass(0.5);
    assert_eq!(bench.device.settings.target_degc, 21.0);
    assert_eq!((bench.told(refused), bench.told(lost)), (0, 0), "{:?}", bench.events);

    bench.line.mute = true;
    bench.command(Command::Target(Celsius(22.0)));
    bench.pass(1.5);
    assert_eq!((bench.told(refused), bench.told(lost)), (0, 1), "silence is a lost link, not a refusal: {:?}", bench.events);
}

/// What was sent before the news of the loss arrived is dropped: the loss was told, and nothing was refused.
#[test]
fn commands_that_cross_with_the_loss_are_no_refusals() {
    let mut bench = Bench::running();
    bench.feed(Input::HangUp);
    bench.events.clear();
    for command in [Command::Target(Celsius(21.0)), Command::Enable, Command::Acknowledge] {
        bench.command(command);
    }
    assert_eq!(bench.events, []);
    bench.feed(Input::Opened);
    assert_eq!((bench.events.last(), bench.device.output_on()), (Some(&Event::Ready), false), "nor are they done later");
}

#[test]
fn three_failed_polls_lose_the_link_and_identification_comes_first_again() {
    let mut bench = Bench::running();
    bench.line.mute = true;
    for tick in 1..=3 {
        assert_eq!(bench.told(lost), 0, "before poll {tick}");
        bench.command(Command::Poll { tick });
        bench.pass(0.3);
    }
    assert_eq!((bench.told(lost), bench.believed), (1, None));
    bench.command(Command::Poll { tick: 4 });
    bench.command(Command::Enable);
    bench.asked.clear();
    bench.line.mute = false;
    bench.pass(10.0);
    let questions: Vec<_> = bench.asked.iter().take(2).collect();
    assert!(matches!(questions[0], Request::Write { parameter: 2010, bits: 0, .. }), "off, unseen: {questions:?}");
    assert!(matches!(questions[1], Request::Identify { .. }), "{questions:?}");
    assert_eq!(bench.events.last(), Some(&Event::Ready));
    assert!(!bench.device.output_on(), "never on by itself");
    bench.command(Command::Enable);
    assert!(bench.refusal().contains("no target was set"), "the target of before counts no more");
}

/// The worst line there is: the device hears us, we do not hear it, and just "off" never gets through.
#[test]
fn questions_into_the_void_do_not_renew_the_lease_for_ever() {
    let mut bench = Bench::running();
    bench.line.deaf = true;
    for tick in 1..=3 {
        bench.command(Command::Poll { tick });
        bench.pass(0.3);
    }
    assert_eq!(bench.told(lost), 1);
    assert!(!bench.device.output_on(), "the blind \"off\" is heard");
    // As if it had not been.
    bench.device.set_output(true);
    bench.pass(0.7);
    bench.device.set_output(true);
    bench.pass(3.2);
    assert!(!bench.device.output_on(), "the lease ran out although the driver went on trying");
    assert!(bench.device.events().iter().any(|e| e.contains("watchdog")));
}

#[test]
fn a_hung_host_loses_its_lease_and_finds_out() {
    let mut bench = Bench::running();
    bench.command(Command::Poll { tick: 1 });
    bench.pass(2.9);
    assert!(bench.device.output_on());
    bench.pass(0.2);
    assert!(!bench.device.output_on(), "nothing but polls renews it");
    bench.events.clear();
    for tick in 2..=3 {
        bench.command(Command::Poll { tick });
    }
    assert_eq!(bench.told(|e| matches!(e, Event::DeviceError { number: 2060, .. })), 1, "told once: {:?}", bench.events);
    assert_eq!(bench.told(|e| *e == Event::OutputConfirmed { on: false }), 1);
    assert!(!bench.device.settings.enabled, "it would come on again with the error's end");

    bench.command(Command::Enable);
    assert!(bench.refusal().contains("switching the output on"), "an error is not overruled");
    bench.events.clear();
    bench.command(Command::Acknowledge);
    bench.pass(2.0);
    assert_eq!(bench.events.last(), Some(&Event::Ready), "{:?}", bench.events);
    assert_eq!((bench.told(lost), bench.device.settings.watchdog_s), (0, 3.0), "configured anew after the restart");
    bench.command(Command::Target(Celsius(20.0)));
    bench.command(Command::Enable);
    assert_eq!(bench.believed, Some(true));
}

#[test]
fn switching_off_overtakes_everything() {
    let mut bench = Bench::running();
    // The line is slow: the poll's first answer is still on its way.
    bench.line.deaf = true;
    bench.command(Command::Poll { tick: 1 });
    for command in [Command::Target(Celsius(30.0)), Command::Enable, Command::Poll { tick: 2 }, Command::Disable] {
        bench.command(command);
    }
    bench.line.deaf = false;
    bench.asked.clear();
    bench.pass(0.12);
    assert!(matches!(bench.asked[0], Request::Write { parameter: 2010, bits: 0, .. }), "{:?}", bench.asked);
    assert!(bench.writes().iter().all(|w| *w == (2010, 0)), "what was queued is taken back");
    assert_eq!(bench.told(|e| *e == Event::OutputConfirmed { on: false }), 1);
    assert_eq!(bench.told(|e| matches!(e, Event::PollFailed { tick: 1, why } if why.contains("overtaken"))), 1);
    assert_eq!(bench.told(|e| matches!(e, Event::PollDone { tick: 2 })), 1);
    // Asked for again, it is confirmed again: whoever goes safe waits for that.
    bench.command(Command::Disable);
    assert_eq!(bench.told(|e| *e == Event::OutputConfirmed { on: false }), 2);
    assert!(!bench.device.output_on());
}

#[test]
fn an_enable_that_is_not_answered_is_believed_only_when_read_back() {
    let mut bench = Bench::ready();
    bench.command(Command::Target(Celsius(20.0)));
    bench.events.clear();
    // No answer to the "on" and to what reads it back comes through: these are answers to nothing.
    bench.tamper = |r| match r {
        Request::Write { parameter: 2010, .. } => Some(Reply::Bits(0)),
        Request::Read { parameter: 2010 | 104, .. } => Some(Reply::Acknowledge),
        _ => None,
    };
    bench.command(Command::Enable);
    assert!(bench.device.output_on() && bench.events.is_empty());
    bench.pass(1.0);
    assert_eq!(bench.told(|e| matches!(e, Event::OutputConfirmed { .. })), 0);
    assert_eq!(bench.told(|e| matches!(e, Event::Refused { .. })), 0, "silence refuses nothing");
    bench.tamper = |_| None;
    bench.command(Command::Poll { tick: 1 });
    assert_eq!(bench.believed, Some(true), "found out by the next poll");
}

#[test]
fn a_missing_value_is_missing() {
    let mut bench = Bench::ready();
    bench.tamper = |r| matches!(r, Request::Read { parameter: 1000, .. }).then(|| Reply::Bits(f32::NAN.to_bits()));
    bench.command(Command::Poll { tick: 1 });
    assert_eq!(bench.told(|e| matches!(e, Event::Reading { channel: Channel::Plate, .. })), 0);
    assert_eq!(bench.told(|e| matches!(e, Event::Reading { channel: Channel::Sink, .. })), 1);
    assert_eq!(bench.told(|e| matches!(e, Event::PollDone { tick: 1 })), 1);
}

#[test]
fn current_is_positive_where_it_cools_whichever_way_the_device_counts() {
    for heats in [false, true] {
        let mut bench = Bench::new(TecConfig::default());
        bench.device.settings.positive_heats = heats;
        bench.device.control(0.0, 0.0, AT_25);
        bench.feed(Input::Opened);
        bench.command(Command::Target(Celsius(20.0)));
        bench.command(Command::Enable);
        bench.device.control(bench.now_s, 1.0, AT_25);
        bench.command(Command::Poll { tick: 1 });
        for wanted in [Channel::TecCurrent, Channel::TecVoltage] {
            let positive = |e: &Event| matches!(e, Event::Reading { channel, value, .. } if *channel == wanted && *value > 0.0);
            assert_eq!(bench.told(positive), 1, "{wanted:?}, positive heats: {heats}");
        }
    }
}

#[test]
fn noise_between_frames_changes_nothing() {
    let mut bench = Bench::new(TecConfig::default());
    bench.device.control(0.0, 0.0, AT_25);
    bench.feed(Input::Bytes(b"\x00\xFFMeerstetter boot v5.10\r\n!0100"));
    bench.feed(Input::Opened);
    bench.feed(Input::Bytes(b"!010001+0596A3\r"));
    assert_eq!(bench.events.last(), Some(&Event::Ready));
    bench.command(Command::Poll { tick: 1 });
    assert_eq!(bench.events.last(), Some(&Event::PollDone { tick: 1 }));
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => any::<u8>().prop_map(|tick| Command::Poll { tick: u64::from(tick) }),
        2 => proptest::num::f64::ANY.prop_map(|t| Command::Target(Celsius(t))),
        2 => (0.0..70.0_f64).prop_map(|t| Command::Target(Celsius(t))),
        2 => Just(Command::Enable),
        2 => Just(Command::Disable),
        1 => Just(Command::Acknowledge),
    ]
}

proptest! {
    /// Commands in any order over a line that loses, garbles and hangs up: whatever is confirmed is so ([`Bench::hear`] looks),
    /// nothing panics, and after the line is sound again everything can be had.
    #[test]
    fn no_line_and_no_order_of_commands_makes_it_lie(
        steps in proptest::collection::vec(
            (command(), any::<(bool, bool)>(), 0.0..1.5_f64, proptest::option::weighted(0.2, proptest::collection::vec(any::<u8>(), 0..30)), 0_u8..20),
            1..30,
        ),
    ) {
        let mut bench = Bench::new(TecConfig::default());
        bench.device.control(0.0, 0.0, AT_25);
        bench.feed(Input::Opened);
        for (command, (mute, deaf), seconds, noise, hang_up) in steps {
            bench.line = Line { cut_after: None, mute: mute && seconds < 0.5, deaf: deaf && seconds > 1.0 };
            if let Some(noise) = noise {
                bench.feed(Input::Bytes(&noise));
            }
            if hang_up == 0 {
                bench.feed(Input::HangUp);
                prop_assert_eq!(bench.believed, None);
                bench.feed(Input::Opened);
            }
            bench.command(command);
            bench.pass(seconds);
        }
        bench.plug();
        bench.pass(5.0);
        bench.command(Command::Acknowledge);
        bench.pass(5.0);
        bench.command(Command::Target(Celsius(20.0)));
        bench.command(Command::Enable);
        prop_assert_eq!(bench.believed, Some(true));
        bench.command(Command::Disable);
        prop_assert_eq!(bench.believed, Some(false));
    }
}
