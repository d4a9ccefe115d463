//! Emulated devices other than the TEC controller, on the desk of the emulated bench.
//!
//! Where one holds the servoed temperature it is a face of the bench's own stage: set and switched by its own protocol, with the
//! stage's regulator and bank behind it. Else it reads what its channels are of the scene, and moves nothing.

use super::{Emulated, Scene};
use crate::bath::{Bath, BathConfig, BathSensors};
use crate::modbus_device::{ModbusConfig, ModbusDevice};
use crate::te_controller::{TeConfig, TeController};
use crate::tec_controller::TecController;
use crate::wired::{Ailment, Wired};
use rig::{Instrument, ModbusFirmware, ModbusSettings, TetechSettings};
use signal::Channel;

/// What an emulated Modbus device says its revision is.
const REVISION: &str = "V1.2";

/// What a channel reads on the emulated bench; of what the plant does not have, a plausible constant.
fn reading(channel: Channel, scene: &Scene) -> f64 {
    match (channel, scene.coolant) {
        (Channel::CoolantSupply, Some(coolant)) => coolant.supply_degc,
        (Channel::CoolantReturn, Some(coolant)) => coolant.return_degc,
        (Channel::Flow, Some(coolant)) => coolant.flow_l_min,
        (channel, _) => without_coolant(channel, scene),
    }
}

fn without_coolant(channel: Channel, scene: &Scene) -> f64 {
    match channel {
        Channel::Plate => scene.plate_degc,
        Channel::Sink | Channel::Radiator | Channel::CoolantReturn => scene.sensors.sink_degc,
        Channel::MeterPower | Channel::SlotPower => scene.board_w,
        Channel::Humidity => super::HUMIDITY_PCT,
        Channel::Flow => 2.0,
        Channel::FanSpeed | Channel::PumpSpeed => 1800.0,
        _ => scene.room_degc,
    }
}

/// A Modbus device of any map.
pub(super) struct Registers {
    device: ModbusDevice,
    reads: Vec<(String, Channel)>,
    target: Option<String>,
    servoes: bool,
    has_output: bool,
}

impl Registers {
    pub(super) fn of(instrument: &Instrument, settings: &ModbusSettings) -> Self {
        let identity = settings.identity.as_ref();
        // What it is to be by the rig file, as with its serial number.
        let told = settings.firmware.as_ref().and_then(|told| match told {
            ModbusFirmware::Register(name, wanted) => Some((name.clone(), wanted.number()?)),
            ModbusFirmware::Revision(_) => None,
        });
        let config = ModbusConfig {
            address: settings.address,
            map: settings.map.clone(),
            power_up: identity.map(|(name, number)| (name.clone(), f64::from(*number))).into_iter().chain(told).collect(),
            output: settings.output.clone(),
            watchdog: settings.lease.as_ref().map(|(name, _)| name.clone()),
            serial_number: identity.map(|(name, _)| name.clone()),
            revision: Some(REVISION.to_owned()),
        };
        Self {
            device: ModbusDevice::new(config),
            reads: instrument.reads.iter().map(|r| (r.name.clone(), r.channel)).collect(),
            target: settings.target.clone(),
            servoes: instrument.servoes(),
            has_output: settings.output.is_some(),
        }
    }

    fn show(&self, wall_s: f64, tec: &mut TecController) {
        if self.servoes {
            face(tec, wall_s, self.target.as_deref().and_then(|name| self.device.get(name)), self.device.output_on());
        }
    }
}

impl Emulated for Registers {
    fn receive(&mut self, wall_s: f64, bytes: &[u8], tec: &mut TecController) -> Vec<u8> {
        let reply = self.device.receive(wall_s, bytes);
        self.show(wall_s, tec);
        reply
    }

    fn advance(&mut self, wall_s: f64, _dt_bench_s: f64, scene: &Scene) {
        for (name, channel) in &self.reads {
            self.device.set(name, reading(*channel, scene));
        }
        self.device.pass(wall_s);
    }

    fn output_on(&self) -> Option<bool> {
        self.has_output.then(|| self.device.output_on())
    }

    fn has_watchdog(&self) -> bool {
        self.device.has_watchdog()
    }

    fn suffer(&mut self, wall_s: f64, ailment: Ailment, tec: &mut TecController) {
        self.device.suffer(wall_s, ailment);
        self.show(wall_s, tec);
    }

    fn events(&mut self) -> Vec<String> {
        self.device.events()
    }
}

/// The stage does what a device says that it should.
pub(super) fn face(tec: &mut TecController, wall_s: f64, target_degc: Option<f64>, on: bool) {
    if let Some(target_degc) = target_degc {
        tec.set_target(target_degc);
    }
    tec.set_output(on);
    tec.renew(wall_s);
}

/// A NESLAB circulator.
pub(super) struct Circulator {
    bath: Bath,
    servoes: bool,
}

impl Circulator {
    pub(super) fn of(instrument: &Instrument, address: Option<u16>) -> Self {
        let default = BathConfig::default();
        let config = BathConfig { address: address.unwrap_or(default.address), ..default };
        Self { bath: Bath::new(config), servoes: instrument.servoes() }
    }

    fn show(&self, wall_s: f64, tec: &mut TecController) {
        if self.servoes {
            face(tec, wall_s, Some(self.bath.setpoint_degc()), self.bath.output_on());
        }
    }
}

impl Emulated for Circulator {
    fn receive(&mut self, wall_s: f64, bytes: &[u8], tec: &mut TecController) -> Vec<u8> {
        let reply = self.bath.receive(wall_s, bytes);
        self.show(wall_s, tec);
        reply
    }

    fn advance(&mut self, _wall_s: f64, dt_bench_s: f64, scene: &Scene) {
        let plate_degc = scene.sensors.object_degc;
        self.bath.control(dt_bench_s, BathSensors { bath_degc: plate_degc, external_degc: plate_degc, filled: true });
    }

    fn output_on(&self) -> Option<bool> {
        Some(self.bath.output_on())
    }

    fn has_watchdog(&self) -> bool {
        self.bath.has_watchdog()
    }

    fn suffer(&mut self, wall_s: f64, ailment: Ailment, tec: &mut TecController) {
        self.bath.suffer(wall_s, ailment);
        self.show(wall_s, tec);
    }

    fn events(&mut self) -> Vec<String> {
        self.bath.events()
    }
}

/// A controller of TE Technology.
pub(super) struct TeFace {
    device: TeController,
    servoes: bool,
}

impl TeFace {
    pub(super) fn of(instrument: &Instrument, settings: TetechSettings) -> Self {
        let heats_from_second = settings.polarity == Some(1);
        let config = TeConfig { scale: settings.scale, heats_from_second, ..TeConfig::of(settings.model) };
        Self { device: TeController::new(config), servoes: instrument.servoes() }
    }

    fn show(&self, wall_s: f64, tec: &mut TecController) {
        if self.servoes {
            face(tec, wall_s, Some(self.device.set_point_degc()), self.device.output_on());
        }
    }
}

impl Emulated for TeFace {
    fn receive(&mut self, wall_s: f64, bytes: &[u8], tec: &mut TecController) -> Vec<u8> {
        let reply = self.device.receive(wall_s, bytes);
        self.show(wall_s, tec);
        reply
    }

    fn advance(&mut self, _wall_s: f64, dt_bench_s: f64, scene: &Scene) {
        self.device.control(dt_bench_s, scene.sensors);
    }

    fn output_on(&self) -> Option<bool> {
        Some(self.device.output_on())
    }

    fn has_watchdog(&self) -> bool {
        self.device.has_watchdog()
    }

    fn suffer(&mut self, wall_s: f64, ailment: Ailment, tec: &mut TecController) {
        self.device.suffer(wall_s, ailment);
        self.show(wall_s, tec);
    }

    fn events(&mut self) -> Vec<String> {
        self.device.events()
    }
}
