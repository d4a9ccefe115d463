//! Several devices on one line, each with its driver, joined in memory: whether sharing costs anybody its safety, its lease, or its turn.

use crate::faults::{Fault, Kind, Line, Scenario, Way};
use crate::modbus_device::{ModbusConfig, ModbusDevice};
use crate::tec_controller::{Sensors, TecConfig, TecController};
use crate::wired::Wired;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rig::bus::{Bus, BusInput};
use rig::protocol::modbus::{Kind as Number, Register, RegisterMap, Table};
use rig::{Command, Connection, Driver, DriverKind, Event, Input, Instrument, MecomSettings, ModbusSettings, Read, Serial, Setpoint};
use signal::{Celsius, Channel, Limits};

const AT_25: Sensors = Sensors { object_degc: 25.0, sink_degc: 30.0, voltage_v: 4.0 };
const LEASE_S: f64 = 3.0;
const MEMBERS: usize = 3;

mod outputs;

fn instrument(driver: DriverKind, reads: [&str; 2]) -> Instrument {
    Instrument {
        name: "it".to_owned(),
        driver,
        connection: Connection::Emulated,
        line: None,
        output_of: None,
        serial: Serial::n81(57_600),
        reply_timeout_s: 0.1,
        reads: vec![Read::plain(reads[0], Channel::Plate), Read::plain(reads[1], Channel::Sink)],
        setpoint: Some(Setpoint { channel: Channel::Plate, limits: Limits::new(5.0, 60.0).unwrap(), rate_k_min: 8.0 }),
        drive: None,
    }
}

/// A driver and its device.
type Pair = (Box<dyn Driver>, Box<dyn Wired>);
/// Makes one of an address.
type Make = fn(u8) -> Pair;

fn mecom(address: u8) -> Pair {
    let serial_number = 4240 + i32::from(address);
    let settings =
        MecomSettings { address, serial_number: Some(serial_number.cast_unsigned()), ..MecomSettings::limited(LEASE_S, 8.0, 16.0) };
    let driver = rig::driver_for(&instrument(DriverKind::Mecom(settings), ["object_temperature", "sink_temperature"])).unwrap();
    let mut device = TecController::new(TecConfig { serial_number, address, ..TecConfig::default() });
    device.control(0.0, 0.0, AT_25);
    (driver, Box::new(device))
}

fn modbus(address: u8) -> Pair {
    let register = |name: &str, table, at, writable| Register { writable, ..Register::plain(name, table, at) };
    let tenths = |register: Register| Register { kind: Number::I16, scale: 0.1, ..register };
    let map = RegisterMap {
        registers: vec![
            tenths(register("plate", Table::InputRegisters, 2, false)),
            tenths(register("sink", Table::InputRegisters, 3, false)),
            register("run", Table::Coils, 0, true),
            Register { kind: Number::F32, ..register("setpoint", Table::HoldingRegisters, 10, true) },
            register("watchdog", Table::HoldingRegisters, 20, true),
            register("serial", Table::HoldingRegisters, 21, false),
        ],
    };
    let owned = |name: &str| Some(name.to_owned());
    let settings = ModbusSettings {
        address,
        map: map.clone(),
        output: owned("run"),
        target: owned("setpoint"),
        controls: owned("plate"),
        lease: Some(("watchdog".to_owned(), LEASE_S)),
        identity: Some(("serial".to_owned(), u32::from(address))),
        firmware: None,
    };
    let driver = rig::driver_for(&instrument(DriverKind::Modbus(settings), ["plate", "sink"])).unwrap();
    let power_up = vec![("serial".to_owned(), f64::from(address)), ("plate".to_owned(), f64::from(address)), ("sink".to_owned(), 30.0)];
    let (output, watchdog, serial_number) = (owned("run"), owned("watchdog"), owned("serial"));
    let config = ModbusConfig { address, map, power_up, output, watchdog, serial_number, revision: None };
    (driver, Box::new(ModbusDevice::new(config)))
}

/// Three devices and their drivers on one line.
struct Shared {
    bus: Bus,
    devices: Vec<Box<dyn Wired>>,
    /// One that hears nothing and says nothing.
    dead: Option<usize>,
    line: Line,
    now_s: f64,
    deadline_s: Option<f64>,
    open: bool,
    events: Vec<(f64, usize, Event)>,
    believed: Vec<Option<bool>>,
    /// What each is given before it is switched on.
    set: Vec<Command>,
    lies: Vec<String>,
    sent: Vec<Vec<u8>>,
}

impl Shared {
    fn new(pair: Make, scenario: &Scenario) -> Self {
        Self::of((1..=MEMBERS as u8).map(pair).collect(), vec![Command::Target(Celsius(20.0)); MEMBERS], scenario)
    }

    fn of(pairs: Vec<Pair>, set: Vec<Command>, scenario: &Scenario) -> Self {
        let (drivers, devices): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let serial = Serial::n81(57_600);
        Self {
            believed: vec![None; devices.len()],
            set,
            bus: Bus::new(drivers, serial),
            devices,
            dead: None,
            line: Line::new(scenario, "it", serial.wire_s(1)),
            now_s: 0.0,
            deadline_s: None,
            open: false,
            events: Vec::new(),
            lies: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn feed(&mut self, input: BusInput<'_>) {
        let effects = self.bus.step(self.now_s, input);
        self.deadline_s = effects.deadline_s;
        if self.open && !effects.send.is_empty() {
            self.line.send(self.now_s, Way::ToDevice, &effects.send);
            self.sent.push(effects.send);
        }
        for (member, event) in effects.events {
            match event {
                Event::OutputConfirmed { on } => self.believed[member] = Some(on),
                Event::LinkLost { .. } => self.believed[member] = None,
                _ => {}
            }
            self.events.push((self.now_s, member, event));
        }
        self.look();
    }

    fn look(&mut self) {
        for (at, device) in self.devices.iter().enumerate() {
            if device.output_on() && self.believed[at] == Some(false) {
                self.lies.push(format!("at {:.3} s {at} is on and believed off", self.now_s));
            }
        }
    }

    fn command(&mut self, member: usize, command: Command) {
        if command == Command::Enable {
            self.believed[member] = None;
        }
        self.feed(BusInput::Command(member, command));
    }

    fn settle(&mut self) {
        for device in &mut self.devices {
            device.pass(self.now_s);
        }
        for parcel in self.line.due(self.now_s) {
            match parcel.way {
                // Everybody hears every message; whoever it is for answers.
                Way::ToDevice => {
                    for (at, device) in self.devices.iter_mut().enumerate() {
                        if self.dead != Some(at) {
                            let reply = device.receive(self.now_s, &parcel.bytes);
                            self.line.send(self.now_s, Way::ToHost, &reply);
                        }
                    }
                    self.look();
                }
                Way::ToHost if self.open => self.feed(BusInput::Line(Input::Bytes(&parcel.bytes))),
                Way::ToHost => {}
            }
        }
        let plugged = self.line.plugged(self.now_s);
        if plugged != self.open {
            self.open = plugged;
            self.feed(BusInput::Line(if plugged { Input::Opened } else { Input::HangUp }));
        }
    }

    fn pass(&mut self, seconds: f64) {
        let until_s = self.now_s + seconds;
        for step in 0.. {
            assert!(step < 100_000, "goes round in circles");
            self.settle();
            let next = [self.deadline_s.map(|at| at.max(self.now_s)), self.line.next_s(self.now_s)];
            let Some(next_s) = next.into_iter().flatten().filter(|at| *at <= until_s).min_by(f64::total_cmp) else { break };
            self.now_s = self.now_s.max(next_s);
            self.settle();
            if self.deadline_s.is_some_and(|at| at <= self.now_s) {
                self.feed(BusInput::Line(Input::Deadline));
            }
        }
        self.now_s = until_s;
        self.settle();
    }

    fn told(&self, member: usize, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, m, event)| *m == member && wanted(event)).count()
    }

    fn all(&mut self, command: Command) {
        (0..self.devices.len()).for_each(|member| self.command(member, command));
    }

    /// On, all that are ready.
    fn switch_on(&mut self) {
        for member in 0..self.devices.len() {
            self.command(member, self.set[member]);
        }
        self.all(Command::Enable);
    }
}

const FAMILIES: [(&str, Make); 2] = [("mecom", mecom), ("modbus", modbus)];

#[test]
fn three_on_a_line_are_read_and_switched_each_for_itself() {
    for (name, pair) in FAMILIES {
        let mut shared = Shared::new(pair, &Scenario::calm());
        shared.pass(2.0);
        for member in 0..MEMBERS {
            assert_eq!(shared.told(member, |e| *e == Event::Ready), 1, "{name} {member}: {:?}", shared.events);
        }
        shared.command(1, Command::Target(Celsius(20.0)));
        shared.command(1, Command::Enable);
        for tick in 1..=10 {
            shared.all(Command::Poll { tick });
            shared.pass(1.0);
        }
        let on: Vec<bool> = shared.devices.iter().map(|device| device.output_on()).collect();
        assert_eq!((on, shared.lies.len()), (vec![false, true, false], 0), "{name}");
        for member in 0..MEMBERS {
            assert_eq!(shared.told(member, |e| matches!(e, Event::PollDone { .. })), 10, "{name} {member}: {:?}", shared.events);
            let bad = |e: &Event| matches!(e, Event::Retried { .. } | Event::LinkLost { .. } | Event::Refused { .. });
            assert_eq!(shared.told(member, bad), 0, "{name} {member}: {:?}", shared.events);
        }
        if name == "modbus" {
            // Each reads its own: the plate of these is as warm as their address.
            for member in 0..MEMBERS {
                let own = |e: &Event| matches!(e, Event::Reading { channel: Channel::Plate, value, .. } if *value == (member + 1) as f64);
                assert_eq!(shared.told(member, own), 10);
            }
        }
    }
}

/// Off for one overtakes the polling of all the others: nothing but the message that is out goes before it.
#[test]
fn switching_off_overtakes_everybodys_polling() {
    for (name, pair) in FAMILIES {
        for after in 0..40 {
            let mut shared = Shared::new(pair, &Scenario::calm());
            shared.pass(2.0);
            shared.switch_on();
            shared.pass(1.0);
            shared.all(Command::Poll { tick: 1 });
            shared.pass(0.001 * f64::from(after));
            let before = shared.sent.len();
            shared.command(2, Command::Disable);
            shared.pass(0.5);
            // Of Modbus the first byte is the address, of MeCom the digits after the #.
            let ours = |bytes: &Vec<u8>| if name == "modbus" { bytes[0] == 3 } else { bytes[1..3] == *b"03" };
            let others = shared.sent[before..].iter().take_while(|bytes| !ours(bytes)).count();
            assert_eq!(others, 0, "{name}, {after} ms into a poll");
            assert_eq!((shared.devices[2].output_on(), shared.believed[2]), (false, Some(false)), "{name}, {after} ms");
            assert!(shared.devices[0].output_on() && shared.devices[1].output_on(), "{name}");
            assert_eq!(shared.told(0, |e| *e == Event::PollDone { tick: 1 }), 1, "{name}: and the others are polled all the same");
        }
    }
}

/// A unit that dies costs the others its time-outs, not their leases.
#[test]
fn a_dead_unit_costs_nobody_else_its_lease() {
    for (name, pair) in FAMILIES {
        let mut shared = Shared::new(pair, &Scenario::calm());
        shared.pass(2.0);
        shared.switch_on();
        shared.pass(1.0);
        shared.dead = Some(1);
        for tick in 1..=60 {
            shared.all(Command::Poll { tick });
            shared.pass(1.0);
        }
        assert_eq!(shared.lies, [""; 0], "{name}");
        assert_eq!((shared.told(1, |e| matches!(e, Event::LinkLost { .. })), shared.believed[1]), (1, None), "{name}: an alarm, once");
        for member in [0, 2] {
            assert!(shared.devices[member].output_on(), "{name} {member} lost its lease: {:?}", shared.events);
            assert_eq!(shared.told(member, |e| matches!(e, Event::LinkLost { .. } | Event::DeviceError { .. })), 0, "{name} {member}");
            let done = shared.told(member, |e| matches!(e, Event::PollDone { .. }));
            assert!(done >= 55, "{name} {member}: only {done} of 60 polls");
        }
        // Its watchdog is its own, and it is found again, off.
        assert!(!shared.devices[1].output_on(), "{name}: left to its lease");
        shared.dead = None;
        shared.pass(10.0);
        assert_eq!((shared.told(1, |e| *e == Event::Ready), shared.believed[1]), (2, Some(false)), "{name}");
    }
}

/// The cable of the line comes out at any byte: every member loses its link, none is believed off while it is on, all come back off.
#[test]
fn unplugged_at_any_byte_every_member_comes_back_off() {
    for (name, pair) in FAMILIES {
        let mut rng = ChaCha8Rng::seed_from_u64(485);
        for _ in 0..150 {
            let (after, for_s) = (rng.random_range(0..4000), rng.random_range(0.01..6.0));
            let kind = Kind::Unplug { after_bytes: Some(after) };
            let fault = Fault { name: "plug".to_owned(), instrument: None, from_s: 0.0, for_s, kind };
            let mut shared = Shared::new(pair, &Scenario { faults: vec![fault], ..Scenario::calm() });
            shared.pass(2.0);
            shared.switch_on();
            for tick in 1..=10 {
                shared.all(Command::Poll { tick });
                shared.pass(1.0);
            }
            shared.all(Command::Disable);
            shared.pass(20.0);
            assert_eq!(shared.lies, [""; 0], "{name}, byte {after}, {for_s:.2} s: {:?}", shared.events);
            for member in 0..MEMBERS {
                let end = (shared.devices[member].output_on(), shared.believed[member]);
                assert_eq!(end, (false, Some(false)), "{name} {member}, byte {after}, {for_s:.2} s: {:?}", shared.events);
            }
        }
    }
}
