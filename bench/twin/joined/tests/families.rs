//! Every driver with its emulated device, as one kind of thing.

mod lines;
mod others;

use super::super::*;
use crate::faults::Scenario;
use crate::tec_controller::{Sensors, TecConfig, TecController};
use crate::wired::Ailment;
use rig::config::{Drive, Level, Role, SafeAction};
use rig::protocol::tetech::Model;
use rig::{Connection, DriverKind, Instrument, MecomSettings, Read, Serial, Setpoint};
use signal::{Celsius, Channel, Limits};

/// A driver with its device.
pub(super) struct Family {
    pub(super) name: &'static str,
    /// The device drops its output after so much silence, s; or the driver stays away for so long.
    pub(super) lease_s: f64,
    pub(super) watchdog: bool,
    /// No reply can be taken for another's.
    pub(super) tells_answers_apart: bool,
    /// It holds the device to this serial number, and that of another unit.
    pub(super) serials: Option<(&'static str, &'static str)>,
    /// A reply that was damaged on the way is known as such.
    pub(super) checked: bool,
    /// What it is given before it is switched on; `None` for what only measures.
    pub(super) set: Option<Command>,
    /// It drives a pump: on as soon as it is ready and ever after, also when everything else goes off.
    pub(super) carries: bool,
    pub(super) join: fn(&Scenario) -> Box<dyn Run>,
}

const AT_20: Option<Command> = Some(Command::Target(Celsius(20.0)));

impl Family {
    /// One whose replies carry a checksum and no number.
    const fn plain(name: &'static str, join: fn(&Scenario) -> Box<dyn Run>) -> Self {
        let (lease_s, set) = (3.0, AT_20);
        Self { name, lease_s, watchdog: false, tells_answers_apart: false, serials: None, checked: true, set, carries: false, join }
    }

    /// A line device: nothing tells a damaged reply, or another's, from a right one.
    const fn line(name: &'static str, set: Option<Command>, join: fn(&Scenario) -> Box<dyn Run>) -> Self {
        Self { checked: false, set, ..Self::plain(name, join) }
    }

    /// It drives a pump, at this level.
    const fn pump(self, level: f64) -> Self {
        Self { carries: true, set: Some(Command::Level(level)), ..self }
    }

    /// It minds its host.
    const fn watched(self) -> Self {
        Self { watchdog: true, ..self }
    }

    /// It tells its serial number, 4242.
    const fn identified(self) -> Self {
        self.told("4242", "7")
    }

    /// It tells this serial number, and another unit of its kind that one.
    const fn told(self, declared: &'static str, another: &'static str) -> Self {
        Self { serials: Some((declared, another)), ..self }
    }
}

/// Those of line devices, after these.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    FAMILIES.iter().chain(lines::FAMILIES)
}

const FAMILIES: &[Family] = &[
    Family { tells_answers_apart: true, ..Family::plain("mecom", |scenario| mecom(scenario, 510)).watched().identified() },
    Family { tells_answers_apart: true, ..Family::plain("mecom with bulk reads", |scenario| mecom(scenario, 600)).watched().identified() },
    Family { tells_answers_apart: true, ..Family::plain("mecom pump", |scenario| mecom_pump(scenario, 510)).identified().pump(2.0) },
    Family { tells_answers_apart: true, ..Family::plain("mecom pump, bulk", |scenario| mecom_pump(scenario, 600)).identified().pump(2.0) },
    Family::plain("modbus", others::modbus).watched().identified(),
    Family::plain("modbus pump", others::modbus_pump).identified().pump(2000.0),
    Family::plain("neslab", others::neslab),
    Family::plain("tetech TC-36-25", |scenario| others::tetech(scenario, Model::Tc3625)),
    Family::plain("tetech TC-720", |scenario| others::tetech(scenario, Model::Tc720)),
];

/// What the tests need of a [`Joined`], whatever its device.
pub(super) trait Run {
    fn command(&mut self, command: Command);
    fn pass(&mut self, seconds: f64);
    fn now_s(&self) -> f64;
    fn events(&self) -> &[(f64, Event)];
    fn lies(&self) -> &[String];
    fn carried(&self) -> usize;
    fn believed(&self) -> Option<bool>;
    fn output_on(&self) -> bool;
    fn hangs(&self) -> bool;
    /// Somebody else's bytes reach the device, and its answer nobody: a panel, another program.
    fn another_hand(&mut self, bytes: &[u8]);

    /// How often it became ready.
    fn readies(&self) -> usize {
        self.events().iter().filter(|(_, e)| *e == Event::Ready).count()
    }

    fn ready(&self) -> bool {
        let last = self.events().iter().rev().find(|(_, e)| matches!(e, Event::Ready | Event::LinkLost { .. }));
        last.is_some_and(|(_, e)| *e == Event::Ready)
    }
}

impl<D: Wired> Run for Joined<D> {
    fn command(&mut self, command: Command) {
        Self::command(self, command);
    }

    fn pass(&mut self, seconds: f64) {
        Self::pass(self, seconds);
    }

    fn now_s(&self) -> f64 {
        Self::now_s(self)
    }

    fn events(&self) -> &[(f64, Event)] {
        &self.events
    }

    fn lies(&self) -> &[String] {
        &self.lies
    }

    fn carried(&self) -> usize {
        Self::carried(self)
    }

    fn believed(&self) -> Option<bool> {
        Self::believed(self)
    }

    fn output_on(&self) -> bool {
        self.device.output_on()
    }

    fn another_hand(&mut self, bytes: &[u8]) {
        let now_s = Self::now_s(self);
        _ = self.device.receive(now_s, bytes);
    }

    fn hangs(&self) -> bool {
        Self::hangs(self)
    }
}

pub(super) const AT_25: Sensors = Sensors { object_degc: 25.0, sink_degc: 30.0, voltage_v: 4.0 };

pub(super) fn setpoint() -> Setpoint {
    Setpoint { channel: Channel::Plate, limits: Limits::new(5.0, 60.0).unwrap(), rate_k_min: 8.0 }
}

/// An instrument that holds the plate, by what its driver calls that and the heat sink.
pub(super) fn instrument(driver: DriverKind, baud: u32, plate: &str, sink: &str) -> Instrument {
    Instrument {
        name: "tec".to_owned(),
        driver,
        connection: Connection::Emulated,
        line: None,
        output_of: None,
        serial: Serial::n81(baud),
        reply_timeout_s: 0.1,
        reads: vec![Read::plain(plate, Channel::Plate), Read::plain(sink, Channel::Sink)],
        setpoint: Some(setpoint()),
        drive: None,
    }
}

/// A controller of today, behind whatever is made of its driver.
pub(super) fn joined(scenario: &Scenario, around: fn(Box<dyn Driver>) -> Box<dyn Driver>) -> Joined<TecController> {
    join(scenario, 600, around)
}

fn mecom(scenario: &Scenario, firmware_version: i32) -> Box<dyn Run> {
    Box::new(join(scenario, firmware_version, |driver| driver))
}

/// An output of a controller that drives a pump with a fixed current, its watchdog told not to switch that off.
fn mecom_pump(scenario: &Scenario, firmware_version: i32) -> Box<dyn Run> {
    let limited = MecomSettings::limited(0.0, 3.0, 12.0);
    let settings = MecomSettings { device_type: Some(1090), serial_number: Some(4242), output: 2, several: true, ..limited };
    let instrument = Instrument {
        setpoint: None,
        drive: Some(pump("output_current", "a", 2.5, 2.0)),
        ..instrument(DriverKind::Mecom(settings), 57_600, "object_temperature", "sink_temperature")
    };
    let device = Second(TecController::new(TecConfig { firmware_version, two_outputs: true, ..TecConfig::default() }));
    let line = Line::new(scenario, "tec", instrument.serial.wire_s(1));
    let plant = |device: &mut Second, now_s| _ = device.0.control(now_s, 0.0, AT_25);
    Box::new(Joined::new(rig::driver_for(&instrument).unwrap(), device, line, Box::new(plant)))
}

/// A controller whose second output is looked at: the one that the twin can give a fixed current.
struct Second(TecController);

impl Wired for Second {
    fn receive(&mut self, wall_s: f64, bytes: &[u8]) -> Vec<u8> {
        Wired::receive(&mut self.0, wall_s, bytes)
    }

    fn pass(&mut self, wall_s: f64) {
        Wired::pass(&mut self.0, wall_s);
    }

    fn output_on(&self) -> bool {
        self.0.second_on() == Some(true)
    }

    fn has_watchdog(&self) -> bool {
        Wired::has_watchdog(&self.0)
    }

    fn suffer(&mut self, wall_s: f64, ailment: Ailment) {
        Wired::suffer(&mut self.0, wall_s, ailment);
    }

    fn events(&mut self) -> Vec<String> {
        Wired::events(&mut self.0)
    }
}

/// What drives a pump, up to this much, and this much to start with.
pub(super) fn pump(name: &str, unit: &str, most: f64, start: f64) -> Drive {
    let level = Level { name: name.to_owned(), unit: unit.to_owned(), limits: Limits::new(0.0, most).unwrap(), start };
    Drive { role: Role::Pump, level: Some(level), safe: SafeAction::On, sun: None }
}

fn join(scenario: &Scenario, firmware_version: i32, around: fn(Box<dyn Driver>) -> Box<dyn Driver>) -> Joined<TecController> {
    let settings = MecomSettings { device_type: Some(1090), serial_number: Some(4242), ..MecomSettings::limited(3.0, 8.0, 16.0) };
    let instrument = instrument(DriverKind::Mecom(settings), 57_600, "object_temperature", "sink_temperature");
    let device = TecController::new(TecConfig { firmware_version, ..TecConfig::default() });
    let line = Line::new(scenario, "tec", instrument.serial.wire_s(1));
    let plant = |device: &mut TecController, now_s| _ = device.control(now_s, 0.0, AT_25);
    Joined::new(around(rig::driver_for(&instrument).unwrap()), device, line, Box::new(plant))
}
