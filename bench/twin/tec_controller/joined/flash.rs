//! Parameter 108: what the driver sets never gets into the device's flash, and a device that would save it is not used.

use super::bench::{AT_25, Bench, Tamper, instrument};
use super::*;
use rig::protocol::mecom::{Reply, Request};

fn guards(request: &Request) -> bool {
    matches!(request, Request::Write { parameter: 108, .. })
}

/// Two hours of polls, targets each second, and an end, with an unplugging between.
#[test]
fn a_flight_writes_no_flash() {
    let mut bench = Bench::running();
    for tick in 0..7200 {
        bench.command(Command::Target(Celsius(20.0 + (tick % 50) as f64 / 10.0)));
        bench.command(Command::Poll { tick });
        bench.pass(1.0);
        if tick == 5000 {
            bench.plugged = false;
            bench.feed(Input::HangUp);
            bench.plug();
        }
        if tick == 5010 {
            bench.command(Command::Enable);
            assert_eq!(bench.believed, Some(true), "{:?}", bench.events);
        }
        if bench.events.len() > 10_000 {
            bench.events.clear();
        }
    }
    bench.command(Command::Disable);
    assert_eq!((bench.believed, bench.device.flash_writes()), (Some(false), 0));
    // The same device counts, where nobody keeps it from saving.
    let saved = Query { address: 1, sequence: 1, request: Request::Write { parameter: 108, instance: 1, bits: 0 } };
    bench.device.receive(bench.now_s, &saved.encode());
    let target = Request::Write { parameter: 3000, instance: 1, bits: 21.0_f32.to_bits() };
    bench.device.receive(bench.now_s, &Query { address: 1, sequence: 2, request: target }.encode());
    assert_eq!(bench.device.flash_writes(), 1);
}

/// A device that restarted in mid-run saves again, until that is seen: all that it may come to save is that it is off.
#[test]
fn a_restart_in_mid_run_costs_one_page_at_most() {
    let mut bench = Bench::running();
    bench.device.befall(bench.now_s, Ailment::PowerCycle);
    bench.pass(0.4);
    for tick in 0..60 {
        bench.command(Command::Target(Celsius(20.0 + tick as f64 / 10.0)));
        bench.command(Command::Poll { tick });
        bench.pass(1.0);
    }
    assert_eq!((bench.told(lost), bench.believed), (1, Some(false)), "{:?}", bench.events);
    assert!(bench.device.flash_writes() <= 1, "{}", bench.device.flash_writes());
    bench.device.befall(bench.now_s, Ailment::PowerCycle);
    bench.pass(1.0);
    assert!(!bench.device.output_on());
}

/// It is the first thing that is written, it is read back before anything else is, and the output goes off whatever comes of it.
#[test]
fn a_device_that_would_save_is_switched_off_and_refused() {
    for (tamper, words) in [
        (
            (|r| matches!(r, Request::Read { parameter: 108, .. }).then_some(Reply::Bits(0))) as Tamper,
            "Save Data to Flash (108) reads back 0",
        ),
        (
            |r| {
                matches!(r, Request::Read { parameter: 108, .. } | Request::Write { parameter: 108, .. })
                    .then_some(Reply::Refuse(ServerError::Parameter))
            },
            "its firmware has no parameter 108",
        ),
        (|r| guards(r).then_some(Reply::Refuse(ServerError::ReadOnly)), ""),
    ] {
        let mut bench = Bench::new(TecConfig::default());
        bench.device.control(0.0, 0.0, AT_25);
        bench.device.set_output(true);
        bench.tamper = tamper;
        bench.feed(Input::Opened);
        bench.pass(5.0);
        let first = bench.asked.iter().position(guards).unwrap();
        assert!(bench.asked[..first].iter().all(|r| !matches!(r, Request::Write { .. })), "{:?}", bench.asked);
        assert!(matches!(bench.asked[first + 1], Request::Read { parameter: 108, .. }), "{:?}", bench.asked);
        assert!(!bench.device.output_on() && bench.believed == Some(false), "{:?}", bench.events);
        // The third is no more than a device that is told twice: its memory holds what it says it does.
        let ready = bench.told(|e| *e == Event::Ready) == 1;
        assert_eq!(ready, words.is_empty(), "{:?}", bench.events);
        if !ready {
            assert!(bench.refusal().contains(words), "{words}: {:?}", bench.events);
            assert_eq!(bench.writes().iter().filter(|(parameter, _)| ![108, 2010].contains(parameter)).count(), 0);
        }
    }
}

#[test]
fn a_write_that_is_lost_is_no_refusal() {
    let mut bench = Bench::new(TecConfig::default());
    bench.device.control(0.0, 0.0, AT_25);
    // As if it never arrived: it is not answered, and reads back as it was.
    bench.tamper = |r| matches!(r, Request::Read { parameter: 108, .. } | Request::Write { parameter: 108, .. }).then_some(Reply::Bits(0));
    bench.feed(Input::Opened);
    bench.pass(0.4);
    assert!(bench.writes().iter().all(|(parameter, _)| [108, 2010].contains(parameter)), "{:?}", bench.writes());
    assert_eq!(bench.told(|e| matches!(e, Event::Refused { .. })), 0, "{:?}", bench.events);
    bench.tamper = |_| None;
    bench.pass(10.0);
    assert_eq!(bench.events.last(), Some(&Event::Ready), "{:?}", bench.events);
    assert!(!bench.device.settings.saves);
}

/// Firmware without the parameter runs where the rig file says so, and there alone.
#[test]
fn a_rig_file_may_answer_for_firmware_without_the_parameter() {
    for ram_only in [true, false] {
        let mut instrument = instrument();
        instrument.mecom_mut().unwrap().ram_only = ram_only;
        let mut bench = Bench::of(&instrument, TecConfig::default());
        bench.device.control(0.0, 0.0, AT_25);
        bench.device.deny(id::SAVE_TO_FLASH, ServerError::Parameter, u32::MAX);
        bench.feed(Input::Opened);
        assert_eq!(bench.told(|e| *e == Event::Ready), usize::from(!ram_only), "{:?}", bench.events);
        bench.command(Command::Target(Celsius(20.0)));
        bench.command(Command::Enable);
        for tick in 0..40 {
            bench.command(Command::Poll { tick });
        }
        assert_eq!(bench.told(lost), 0, "{:?}", bench.events);
        assert_eq!(bench.device.output_on(), !ram_only);
    }
}
