//! The device alone: the specification's exceptions, and its watchdog.

use super::*;
use proptest::prelude::*;
use rig::protocol::modbus::{Answer, Kind, Query};

/// A heater with its thermometer.
fn heater() -> ModbusDevice {
    let register = |name: &str, table, at, writable| Register { writable, ..Register::plain(name, table, at) };
    let map = RegisterMap {
        registers: vec![
            Register { kind: Kind::I16, scale: 0.1, ..register("temperature", Table::InputRegisters, 2, false) },
            register("run", Table::Coils, 0, true),
            Register { kind: Kind::F32, ..register("level", Table::HoldingRegisters, 10, true) },
            register("watchdog", Table::HoldingRegisters, 20, true),
            register("serial", Table::HoldingRegisters, 21, false),
        ],
    };
    ModbusDevice::new(ModbusConfig {
        address: 7,
        map,
        power_up: vec![("serial".to_owned(), 4242.0)],
        output: Some("run".to_owned()),
        watchdog: Some("watchdog".to_owned()),
        serial_number: Some("serial".to_owned()),
        revision: None,
    })
}

fn ask(device: &mut ModbusDevice, wall_s: f64, request: Request) -> Option<Answer> {
    let query = Query::new(7, request).unwrap();
    query.find(&device.receive(wall_s, &query.encode()))
}

const fn read(table: Table, at: u16, count: u16) -> Request {
    Request::Read { table, at, count }
}

#[test]
fn it_answers_what_it_has_and_refuses_the_rest_by_name() {
    let mut device = heater();
    device.set("temperature", -1.5);
    for (request, answer) in [
        (read(Table::InputRegisters, 2, 1), Answer::Registers(vec![0xFFF1])),
        (read(Table::HoldingRegisters, 20, 2), Answer::Registers(vec![0, 4242])),
        (read(Table::HoldingRegisters, 20, 3), Answer::Refused(Exception::IllegalAddress)),
        (read(Table::InputRegisters, 0, 1), Answer::Refused(Exception::IllegalAddress)),
        (Request::WriteRegister { at: 21, value: 1 }, Answer::Refused(Exception::IllegalAddress)),
        (Request::WriteRegisters { at: 20, values: vec![5, 6] }, Answer::Refused(Exception::IllegalAddress)),
        (Request::WriteRegisters { at: 10, values: vec![0x4049, 0x0FDB] }, Answer::Written),
        (Request::WriteCoils { at: 0, values: vec![true] }, Answer::Written),
        (read(Table::Coils, 0, 1), Answer::Bits(vec![true])),
    ] {
        assert_eq!(ask(&mut device, 0.0, request.clone()), Some(answer), "{request:?}");
    }
    assert_eq!((device.get("level"), device.get("watchdog")), (Some(f64::from(std::f32::consts::PI)), Some(0.0)));
    assert!(device.output_on());
}

#[test]
fn it_answers_nobody_elses_requests_and_obeys_broadcasts_without_a_word() {
    let mut device = heater();
    let other = Query::new(8, read(Table::InputRegisters, 2, 1)).unwrap();
    assert_eq!(device.receive(0.0, &other.encode()), b"");
    // Function 5 to everybody: coil 0 on.
    assert_eq!(device.receive(0.0, &[0, 5, 0, 0, 0xFF, 0, 0x8D, 0xEB]), b"");
    assert!(device.output_on());
}

#[test]
fn its_watchdog_really_switches_off() {
    let mut device = heater();
    ask(&mut device, 0.0, Request::WriteRegister { at: 20, value: 3 });
    ask(&mut device, 0.0, Request::WriteCoil { at: 0, on: true });
    for second in 1..=5 {
        assert!(ask(&mut device, f64::from(second), read(Table::Coils, 0, 1)).is_some());
        assert!(device.output_on());
    }
    device.pass(7.9);
    assert!(device.output_on());
    device.pass(8.1);
    assert!(!device.output_on());
    assert!(device.events().iter().any(|e| e.contains("watchdog")));
    // A frame after the lease does not revive it.
    assert_eq!(ask(&mut device, 8.2, read(Table::Coils, 0, 1)), Some(Answer::Bits(vec![false])));
}

#[test]
fn after_a_power_cycle_everything_is_as_it_was_delivered() {
    let mut device = heater();
    ask(&mut device, 0.0, Request::WriteRegister { at: 20, value: 3 });
    ask(&mut device, 0.0, Request::WriteCoil { at: 0, on: true });
    device.suffer(1.0, Ailment::PowerCycle);
    assert_eq!((device.output_on(), device.get("watchdog"), device.get("serial")), (false, Some(0.0), Some(4242.0)));
    device.suffer(1.0, Ailment::Exchanged { serial_number: "7".to_owned() });
    assert_eq!(device.get("serial"), Some(7.0));
}

proptest! {
    #[test]
    fn no_bytes_panic_it(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(7_u8), 0..17_u8], 0..400)) {
        heater().receive(0.0, &bytes);
    }
}
