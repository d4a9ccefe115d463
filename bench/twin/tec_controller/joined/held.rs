//! What the device is held to before it is ready, and what it says when it stands in error.

use super::bench::{self, AT_25, Bench, Tamper};
use super::*;
use rig::protocol::mecom::Sensor;

#[test]
fn a_limit_that_reads_back_otherwise_is_refused() {
    for (name, tamper) in [
        ("Current", (|r| matches!(r, Request::Read { parameter: 2030, .. }).then(|| Reply::Bits(6.0_f32.to_bits()))) as Tamper),
        ("Current Error Threshold", |r| matches!(r, Request::Read { parameter: 2032, .. }).then(|| Reply::Bits(8.0_f32.to_bits()))),
        ("Object Temperature Upper", |r| matches!(r, Request::Read { parameter: 4011, .. }).then(|| Reply::Bits(90.0_f32.to_bits()))),
        ("Sink Temperature Upper", |r| matches!(r, Request::Write { parameter: 5011, .. }).then_some(Reply::Refuse(ServerError::Range))),
        ("Voltage Error Threshold", |r| matches!(r, Request::Write { parameter: 2033, .. }).then_some(Reply::Refuse(ServerError::Range))),
        ("Coarse Temperature Ramp", |r| matches!(r, Request::Read { parameter: 3003, .. }).then(|| Reply::Bits(1.0_f32.to_bits()))),
        ("Watchdog", |r| matches!(r, Request::Read { parameter: 2060, .. }).then(|| Reply::Bits(f32::NAN.to_bits()))),
        ("Watchdog", |r| matches!(r, Request::Write { parameter: 2060, .. }).then_some(Reply::Refuse(ServerError::Parameter))),
        ("Positive Current", |r| matches!(r, Request::Read { parameter: 3034, .. }).then_some(Reply::Refuse(ServerError::Parameter))),
    ] {
        let mut bench = Bench::new(TecConfig::default());
        bench.tamper = tamper;
        bench.feed(Input::Opened);
        bench.pass(10.0);
        assert!(bench.refusal().contains(name), "{name}: {:?}", bench.events);
        bench.command(Command::Enable);
        assert_eq!((bench.told(|e| *e == Event::Ready), bench.device.output_on()), (0, false));
        // It is ours, though: off is always obeyed.
        bench.events.clear();
        bench.command(Command::Disable);
        assert_eq!(bench.events, [Event::OutputConfirmed { on: false }]);
        // Mended and acknowledged, it is looked at again.
        bench.tamper = |_| None;
        bench.command(Command::Acknowledge);
        bench.pass(1.0);
        assert_eq!(bench.events.last(), Some(&Event::Ready));
    }
    let weak = TecConfig { rated_current_a: 4.0, ..TecConfig::default() };
    let mut bench = Bench::new(weak);
    bench.feed(Input::Opened);
    assert!(bench.refusal().contains("out of the parameter's range"), "{:?}", bench.events);
}

/// Versions are told as numbers: 5.1 is 5.10, and 5.9 comes after it. They are looked at whenever the line opens.
#[test]
fn another_version_than_the_declared_one_is_refused_and_nothing_is_written_to_it() {
    let wanted = |text: &str| rig::Firmware::parse(text);
    let mute: Tamper = |r| matches!(r, Request::Read { parameter: 101, .. }).then_some(Reply::Refuse(ServerError::Parameter));
    let plain: Tamper = |_| None;
    for (firmware, hardware, tamper, refused) in [
        (wanted("5.1"), wanted(">= 1.5"), plain, None),
        (None, None, mute, None),
        (wanted(">= 5.9"), None, plain, Some("its firmware is 5.10, the rig file declares \"5.9\" or later")),
        (wanted("5.11"), None, plain, Some("its firmware is 5.10, the rig file declares \"5.11\"")),
        (None, wanted("1.49"), plain, Some("its hardware is 1.50, the rig file declares \"1.49\"")),
        (None, wanted(">= 1"), mute, Some("its hardware is not told, the rig file declares \"1\" or later")),
    ] {
        let mut instrument = bench::instrument();
        let declares = firmware.is_some();
        let mecom = instrument.mecom_mut().unwrap();
        (mecom.firmware, mecom.hardware) = (firmware, hardware);
        let mut bench = Bench::of(&instrument, TecConfig::default());
        bench.tamper = tamper;
        bench.device.control(0.0, 0.0, AT_25);
        bench.feed(Input::Opened);
        assert_eq!(bench.told(|e| *e == Event::Ready), usize::from(refused.is_none()), "{:?}", bench.events);
        if let Some(words) = refused {
            assert!(bench.refusal().contains(words), "{:?}", bench.events);
            assert_eq!(bench.told(|e| matches!(e, Event::Identified { .. })), 0);
            bench.command(Command::Enable);
            bench.pass(5.0);
            assert_eq!(bench.writes(), []);
            continue;
        }
        // Somebody changes its firmware while the cable is out.
        bench.plugged = false;
        bench.feed(Input::HangUp);
        bench.device.config.firmware_version = 511;
        bench.asked.clear();
        bench.plug();
        bench.pass(5.0);
        assert_eq!(bench.writes().is_empty(), declares, "{:?}", bench.events);
    }
}

/// The sensor is read and held against the rig file, never written; firmware that does not tell is taken unless one is declared.
#[test]
fn another_sensor_than_the_declared_one_is_refused() {
    let declaring = |sensor| {
        let mut instrument = bench::instrument();
        instrument.mecom_mut().unwrap().object_sensor = sensor;
        instrument
    };
    let silent: Tamper = |r| matches!(r, Request::Read { parameter: 4034, .. }).then_some(Reply::Refuse(ServerError::Parameter));
    let strange: Tamper = |r| matches!(r, Request::Read { parameter: 4034, .. }).then_some(Reply::Bits(99));
    let plain: Tamper = |_| None;
    for (declared, tamper, refused) in [
        (None, silent, None),
        (None, strange, None),
        (Some(Sensor::Pt1000), plain, None),
        (Some(Sensor::Pt100), plain, Some("its object input is set to pt1000, the rig file declares pt100")),
        (Some(Sensor::Pt1000), silent, Some("does not tell what its object input is set to")),
        (Some(Sensor::Pt1000), strange, Some("sensor type 99, which is not known here")),
    ] {
        let mut bench = Bench::of(&declaring(declared), TecConfig::default());
        bench.tamper = tamper;
        bench.feed(Input::Opened);
        bench.pass(2.0);
        assert_eq!(bench.told(|e| *e == Event::Ready), usize::from(refused.is_none()), "{:?}", bench.events);
        if let Some(words) = refused {
            assert!(bench.refusal().contains(words), "{:?}", bench.events);
        }
        assert!(bench.writes().iter().all(|(parameter, _)| *parameter != 4034));
    }
}

/// A device in error says which: by name where a public source has one, and else by number with where to look it up.
#[test]
fn errors_are_told_by_name_where_there_is_one() {
    for (tamper, words) in [
        ((|r| matches!(r, Request::Read { parameter: 105, .. }).then_some(Reply::Bits(11))) as Tamper, "error 11, emergency stop"),
        (|r| matches!(r, Request::Read { parameter: 105, .. }).then_some(Reply::Bits(20)), "error 20, parameter error"),
        (
            |r| matches!(r, Request::Read { parameter: 105, .. }).then_some(Reply::Bits(142)),
            "error 142, the sink temperature is below its limit",
        ),
        (
            |r| matches!(r, Request::Read { parameter: 105, .. }).then_some(Reply::Bits(141)),
            "error 141, its name is in the vendor's manual",
        ),
    ] {
        let mut bench = Bench::ready();
        bench.tamper = tamper;
        bench.device.control(bench.now_s, 0.1, Sensors { object_degc: f64::NAN, ..AT_25 });
        bench.command(Command::Poll { tick: 1 });
        let told = bench.events.iter().find_map(|e| if let Event::DeviceError { words, .. } = e { Some(words.clone()) } else { None });
        assert!(told.as_ref().is_some_and(|told| told.contains(words)), "{told:?}");
    }
}
