//! The families whose protocols do not number their replies.

use super::{AT_25, Run, instrument, pump};
use crate::bath::{Bath, BathConfig, BathSensors};
use crate::faults::{Line, Scenario};
use crate::joined::Joined;
use crate::modbus_device::{ModbusConfig, ModbusDevice};
use crate::te_controller::{TeConfig, TeController};
use crate::wired::Wired;
use rig::protocol::modbus::{Kind, Register, RegisterMap, Table};
use rig::protocol::tetech::Model;
use rig::{DriverKind, Instrument, ModbusSettings, NeslabSettings, TetechSettings};

fn join<D: Wired + 'static>(scenario: &Scenario, instrument: &Instrument, device: D, plant: fn(&mut D, f64)) -> Box<dyn Run> {
    let line = Line::new(scenario, "tec", instrument.serial.wire_s(1));
    Box::new(Joined::new(rig::driver_for(instrument).unwrap(), device, line, Box::new(plant)))
}

pub(super) fn modbus(scenario: &Scenario) -> Box<dyn Run> {
    modbus_of(scenario, 3.0, |settings| {
        let held = ModbusSettings { target: Some("setpoint".to_owned()), controls: Some("plate".to_owned()), ..settings };
        instrument(DriverKind::Modbus(held), 19_200, "plate", "sink")
    })
}

/// A module that drives a pump's speed, its watchdog told not to switch it off.
pub(super) fn modbus_pump(scenario: &Scenario) -> Box<dyn Run> {
    modbus_of(scenario, 0.0, |settings| Instrument {
        setpoint: None,
        drive: Some(pump("setpoint", "rpm", 3000.0, 2000.0)),
        ..instrument(DriverKind::Modbus(settings), 19_200, "plate", "sink")
    })
}

fn modbus_of(scenario: &Scenario, lease_s: f64, instrument: fn(ModbusSettings) -> Instrument) -> Box<dyn Run> {
    let register = |name: &str, table, at, writable| Register { writable, ..Register::plain(name, table, at) };
    let tenths = |register: Register| Register { kind: Kind::I16, scale: 0.1, ..register };
    let map = RegisterMap {
        registers: vec![
            tenths(register("plate", Table::InputRegisters, 2, false)),
            tenths(register("sink", Table::InputRegisters, 3, false)),
            register("run", Table::Coils, 0, true),
            Register { kind: Kind::F32, ..register("setpoint", Table::HoldingRegisters, 10, true) },
            register("watchdog", Table::HoldingRegisters, 20, true),
            register("serial", Table::HoldingRegisters, 21, false),
        ],
    };
    let owned = |name: &str| Some(name.to_owned());
    let settings = ModbusSettings {
        address: 7,
        map: map.clone(),
        output: owned("run"),
        target: None,
        controls: None,
        lease: Some(("watchdog".to_owned(), lease_s)),
        identity: Some(("serial".to_owned(), 4242)),
        firmware: None,
    };
    let device = ModbusDevice::new(ModbusConfig {
        address: 7,
        map,
        power_up: vec![("serial".to_owned(), 4242.0)],
        output: owned("run"),
        watchdog: owned("watchdog"),
        serial_number: owned("serial"),
        revision: None,
    });
    join(scenario, &instrument(settings), device, |device, _| {
        device.set("plate", AT_25.object_degc);
        device.set("sink", AT_25.sink_degc);
    })
}

pub(super) fn neslab(scenario: &Scenario) -> Box<dyn Run> {
    let settings = NeslabSettings::default();
    let instrument = instrument(DriverKind::Neslab(settings), 19_200, "internal_temperature", "external_temperature");
    join(scenario, &instrument, Bath::new(BathConfig::default()), |bath, _| {
        bath.control(0.0, BathSensors { bath_degc: 25.0, external_degc: 30.0, filled: true });
    })
}

pub(super) fn tetech(scenario: &Scenario, model: Model) -> Box<dyn Run> {
    let settings = TetechSettings::of(model);
    let instrument = instrument(DriverKind::Tetech(settings), model.baud(), "object_temperature", "sink_temperature");
    join(scenario, &instrument, TeController::new(TeConfig::of(model)), |device, _| {
        device.control(0.0, AT_25);
    })
}
