//! The device alone: the sources' bytes, its models' codes, a plate that it regulates.

use super::*;
use crate::faults::{Line, Scenario};
use crate::joined::Joined;
use proptest::prelude::*;
use rig::protocol::tetech::{Answer, Query};
use rig::{Command, Connection, DriverKind, Event, Instrument, Read, Serial, Setpoint, TetechSettings};
use signal::{Celsius, Channel, Limits};

const AT_25: Sensors = Sensors { object_degc: 25.0, sink_degc: 30.5, voltage_v: 0.0 };

fn device(model: Model) -> TeController {
    let mut device = TeController::new(TeConfig::of(model));
    device.control(0.0, AT_25);
    device
}

fn read(device: &mut TeController, code: u8) -> Option<Answer> {
    let query = Query::read(device.config.model, code);
    query.find(&device.receive(0.0, &query.encode()))
}

fn write(device: &mut TeController, code: u8, value: i32) -> Option<Answer> {
    let query = Query::write(device.config.model, code, value).unwrap();
    query.find(&device.receive(0.0, &query.encode()))
}

/// The same, holding the set point of a host.
fn held(model: Model) -> TeController {
    let mut device = device(model);
    for (code, _, value) in Codes::of(model).held {
        write(&mut device, *code, *value);
    }
    device
}

#[test]
fn published_conversations_come_out_byte_for_byte() {
    for (model, asked, replied) in [
        (Model::Tc3625, &b"*0001c1\r"[..], &b"*000009c4"[..]),
        (Model::Tc3625, b"*001c000009c4b4\r", b"*000009c4"),
        (Model::Tc3625, b"*0005c5\r", b"*00000000"),
        (Model::Tc4820, b"*01000021\r", b"*00fa27^"),
        (Model::Tc4820, b"*50000025\r", b"*00fa27^"),
        // The manuals' own model numbers, 9613 and 9625.
        (Model::Tc4820, b"*00000020\r", b"*258d"),
        (Model::Tc720, b"*00000020\r", b"*2599"),
        (Model::Tc720, b"*1c09c494\r", b"*09c400^"),
        (Model::Tc720, b"*1c09c495\r", b"*XXXX60^"),
    ] {
        let reply = device(model).receive(0.0, asked);
        assert!(reply.starts_with(replied) && reply.ends_with(b"^"), "{:?}", String::from_utf8_lossy(&reply));
    }
}

#[test]
fn codes_are_those_of_the_model() {
    assert_eq!(read(&mut device(Model::Tc3625), 0x06), Some(Answer::Value(3050)));
    assert_eq!(read(&mut device(Model::Tc720), 0x04), Some(Answer::Value(3050)));
    assert_eq!(read(&mut device(Model::Tc720), 0x06), None, "not of this model");
    assert_eq!(write(&mut device(Model::Tc720), 0x2D, 1), None, "that is the TC-36-25's");
    for (model, switch, look) in [(Model::Tc3625, 0x2D, 0x46), (Model::Tc720, 0x30, 0x64)] {
        let mut device = device(model);
        assert!(!device.output_on());
        assert_eq!(write(&mut device, switch, 1), Some(Answer::Value(1)));
        assert_eq!((device.output_on(), read(&mut device, look)), (true, Some(Answer::Value(1))));
    }
}

/// What was written while settings go to the EEPROM comes back with the power, the output too; what was written since does not.
#[test]
fn a_power_cut_brings_back_what_went_to_the_eeprom() {
    for (model, eeprom, switch) in [(Model::Tc3625, 0x34, 0x2D), (Model::Tc720, 0x31, 0x30)] {
        let mut device = device(model);
        write(&mut device, switch, 1);
        write(&mut device, 0x1C, 1500);
        assert_eq!(device.eeprom_writes(), 2, "{model:?}");
        device.suffer(0.0, Ailment::PowerCycle);
        assert_eq!((device.output_on(), device.set_point_degc()), (true, 15.0));
        write(&mut device, switch, 0);
        write(&mut device, eeprom, 0);
        assert_eq!(device.eeprom_writes(), 4, "that switch goes there itself");
        write(&mut device, switch, 1);
        write(&mut device, 0x1C, 2000);
        assert_eq!(device.eeprom_writes(), 4);
        device.suffer(0.0, Ailment::PowerCycle);
        assert_eq!((device.output_on(), device.set_point_degc()), (false, 15.0));
        write(&mut device, 0x1C, 2000);
        assert_eq!(device.eeprom_writes(), 4, "it stays off over a power cut");
    }
}

/// What the protocol's sum does not catch: one bit in the value and one in the sum, and "off" is "on". Nobody can tell but by asking.
#[test]
fn a_damaged_off_may_be_an_on() {
    let mut device = device(Model::Tc720);
    for (line, on) in [(&b"*30000023\r"[..], false), (b"*30040023\r", false), (b"*30040027\r", true)] {
        device.receive(0.0, line);
        assert_eq!(device.output_on(), on, "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn an_open_sensor_is_an_alarm_and_shuts_down_if_it_is_told_to() {
    for shutdown in [0, 1] {
        let mut device = held(Model::Tc3625);
        write(&mut device, 0x2E, shutdown);
        write(&mut device, 0x1C, 1500);
        write(&mut device, 0x2D, 1);
        assert!(device.control(0.1, AT_25) > 0.0);
        assert_eq!(device.control(0.1, Sensors { object_degc: f64::NAN, ..AT_25 }), 0.0);
        assert_eq!(read(&mut device, 0x05), Some(Answer::Value(Alarm::SENSOR_OPEN)));
        assert_eq!(device.output_on(), shutdown == 0);
        write(&mut device, 0x33, 1);
        assert_eq!(read(&mut device, 0x05), Some(Answer::Value(0)));
    }
}

/// In a mode of its own it does not follow the set point.
#[test]
fn only_in_normal_mode_it_holds_the_set_point() {
    for (mode, cools) in [(0, true), (1, false)] {
        let mut device = device(Model::Tc720);
        write(&mut device, 0x3D, mode);
        assert_eq!(read(&mut device, 0x71), Some(Answer::Value(mode)));
        write(&mut device, 0x1C, 1500);
        write(&mut device, 0x30, 1);
        assert_eq!(device.control(0.1, AT_25) > 0.0, cools, "mode {mode}");
    }
}

#[test]
fn a_current_above_its_trip_switches_off() {
    for (count, on) in [(2, false), (4, true)] {
        let mut device = held(Model::Tc3625);
        write(&mut device, 0x0E, count);
        assert_eq!(read(&mut device, 0x5E), Some(Answer::Value(count)));
        write(&mut device, 0x1C, 1500);
        write(&mut device, 0x2D, 1);
        device.control(0.1, AT_25);
        assert_eq!(device.output_on(), on, "8 A at {count} counts of 2.5 A");
        assert_eq!(read(&mut device, 0x05), Some(Answer::Value(if on { 0 } else { 8 })));
    }
}

#[test]
fn it_brings_a_plate_to_its_set_point() {
    let mut device = held(Model::Tc720);
    write(&mut device, 0x1C, 1500);
    write(&mut device, 0x30, 1);
    let mut degc = 25.0;
    for _ in 0..20_000 {
        let current_a = device.control(0.1, Sensors { object_degc: degc, ..AT_25 });
        degc += (40.0 - 20.0 * current_a) * 0.1 / 400.0;
    }
    assert!((degc - 15.0).abs() < 0.05, "{degc} °C");
    let Some(Answer::Value(power)) = read(&mut device, 0x02) else { panic!() };
    assert!((-140..=-116).contains(&power), "a quarter of 511, cooling: {power}");
}

/// A whole run: opened twice, set every second, switched, its power cut. Its EEPROM bears a million writes.
#[test]
fn a_run_does_not_wear_the_eeprom() {
    for model in [Model::Tc3625, Model::Tc720] {
        let instrument = Instrument {
            name: "tec".to_owned(),
            driver: DriverKind::Tetech(TetechSettings::of(model)),
            connection: Connection::Emulated,
            line: None,
            output_of: None,
            serial: Serial::n81(model.baud()),
            reply_timeout_s: 0.1,
            reads: vec![Read::plain("object_temperature", Channel::Plate)],
            setpoint: Some(Setpoint { channel: Channel::Plate, limits: Limits::new(5.0, 60.0).unwrap(), rate_k_min: 8.0 }),
            drive: None,
        };
        let line = Line::new(&Scenario::default(), "tec", instrument.serial.wire_s(1));
        let plant = |device: &mut TeController, _| _ = device.control(0.0, AT_25);
        let mut bench = Joined::new(rig::driver_for(&instrument).unwrap(), TeController::new(TeConfig::of(model)), line, Box::new(plant));
        bench.pass(20.0);
        assert!(bench.events.iter().any(|(_, e)| *e == Event::Ready), "{:?}", bench.events);
        let opened = bench.device.eeprom_writes();
        // Off, so that a power cut leaves it off, and that nothing is saved from now on.
        assert!((1..=2).contains(&opened), "{model:?} {opened}");
        for second in 0..600_u64 {
            bench.command(Command::Target(Celsius(15.0 + 0.01 * second as f64)));
            if second % 100 == 0 {
                bench.command(if second % 200 == 0 { Command::Enable } else { Command::Disable });
            }
            bench.command(Command::Poll { tick: second });
            bench.pass(1.0);
        }
        assert!(bench.events.iter().filter(|(_, e)| matches!(e, Event::PollDone { .. })).count() > 500);
        assert_eq!(bench.device.eeprom_writes(), opened, "{model:?}");
        bench.command(Command::Enable);
        bench.pass(2.0);
        assert!(bench.device.output_on());
        bench.device.suffer(0.0, Ailment::PowerCycle);
        assert!(!bench.device.output_on(), "{model:?}: off over a power cut");
        for tick in 1000..1010 {
            bench.command(Command::Poll { tick });
            bench.pass(2.0);
        }
        assert_eq!(bench.events.iter().filter(|(_, e)| *e == Event::Ready).count(), 2, "opened anew: {:?}", bench.events);
        assert_eq!(bench.device.eeprom_writes(), opened, "{model:?}: it is looked at first");
    }
}

proptest! {
    #[test]
    fn no_bytes_and_no_sensors_drive_it_beyond_its_limits(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'*'), Just(b'\r'), Just(b'0')], 0..300),
        degc in proptest::num::f64::ANY,
    ) {
        for model in [Model::Tc3625, Model::Tc4820, Model::Tc720] {
            let mut device = device(model);
            device.receive(0.0, &bytes);
            let amps = device.control(0.1, Sensors { object_degc: degc, ..AT_25 });
            prop_assert!((-8.0..=8.0).contains(&amps), "{amps}");
        }
    }
}
