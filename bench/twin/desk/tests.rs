//! Every emulated line device at the other end of the real driver, in memory and on virtual time: whether two hands that never met
//! agree on a protocol. Peers that nobody here wrote drive the same devices in `tests/peers`.

use super::*;
use crate::tec_controller::TecController;
use rig::config::RigFile;
use rig::{ArrayCurve, Command, Driver, Event, Input};
use signal::{Celsius, Channel, Document};

const HEAD: &str = r#"schema = 1
name = "bench"
title = "A bench"
[interface]
servo_node = "plate"
heat_source = "electrical"
[channel.workload]
safe = "stop"
[accelerator]
default = "virtual"
trip_max_degc = 95.0
"#;

const PLATE: &str = r#"
[channel.plate]
instrument = "tec"
safe = "off"
min_degc = 5.0
max_degc = 60.0
rate_k_min = 8.0
trip_min_degc = 0.0
trip_max_degc = 75.0
"#;

pub(super) const MECOM: &str =
    "[instrument.tec]\ndriver = \"mecom\"\nemulated = true\nlease_s = 3.0\ncurrent_limit_a = 8.0\nvoltage_limit_v = 16.0\n";

pub(super) fn rig(instruments: &str, plate_reads: &str, channels: &str) -> RigFile {
    let text = format!("{HEAD}{instruments}{PLATE}reads = \"{plate_reads}\"\n{channels}");
    let document = Document::parse("rig.toml", &text);
    let rig = RigFile::read(&document.root());
    document.finish(rig).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

pub(super) const HEATER: &str =
    "[instrument.heat]\ndriver = \"line\"\ndialect = \"homemade\"\nemulated = true\nlease_s = 4.0\nserial_number = \"0007\"\n";

pub(super) const HEATER_CHANNEL: &str = "[channel.heater]\ninstrument = \"heat\"\nreads_w = \"power\"\ndrives = \"power\"\nmin_w = 0.0\nmax_w = 20.0\nsafe = \"off\"\n[channel.ambient]\ninstrument = \"heat\"\nreads = \"temperature\"\n";

struct Pair {
    driver: Box<dyn Driver>,
    device: Box<dyn Emulated>,
    tec: TecController,
    now_s: f64,
    deadline_s: Option<f64>,
    events: Vec<Event>,
}

pub(super) const SCENE: Scene = Scene {
    sensors: Sensors { object_degc: 24.5, sink_degc: 30.0, voltage_v: 4.0 },
    plate_degc: 24.5,
    coolant: None,
    room_degc: 22.0,
    board_w: 66.0,
};

impl Pair {
    fn of(rig: &RigFile, name: &str) -> Self {
        let instrument = rig.instrument(name).unwrap();
        let mut device = stand_in(instrument).unwrap().unwrap();
        device.advance(0.0, 3600.0, &SCENE);
        let mut tec = crate::tec_for(instrument);
        tec.control(0.0, 0.0, SCENE.sensors);
        let driver = rig::driver_for(instrument).unwrap();
        let mut pair = Self { driver, device, tec, now_s: 0.0, deadline_s: None, events: Vec::new() };
        pair.feed(Input::Opened);
        pair.pass(20.0);
        assert_eq!(pair.events.last(), Some(&Event::Ready), "{:?}", pair.events);
        pair.events.clear();
        pair
    }

    fn feed(&mut self, input: Input<'_>) {
        let mut fx = self.driver.step(self.now_s, input);
        loop {
            self.events.append(&mut fx.events);
            self.deadline_s = fx.deadline_s;
            let reply = if fx.send.is_empty() { Vec::new() } else { self.device.receive(self.now_s, &fx.send, &mut self.tec) };
            if reply.is_empty() {
                return;
            }
            fx = self.driver.step(self.now_s, Input::Bytes(&reply));
        }
    }

    fn pass(&mut self, seconds: f64) {
        let until_s = self.now_s + seconds;
        while let Some(deadline_s) = self.deadline_s.filter(|d| *d <= until_s) {
            self.now_s = self.now_s.max(deadline_s);
            self.feed(Input::Deadline);
        }
        self.now_s = until_s;
    }

    fn told(&mut self, command: Command) -> Vec<Event> {
        self.feed(Input::Command(command));
        self.pass(5.0);
        std::mem::take(&mut self.events)
    }

    fn reads(&mut self, channel: Channel) -> Option<f64> {
        let events = self.told(Command::Poll { tick: 3 });
        assert!(events.contains(&Event::PollDone { tick: 3 }), "{events:?}");
        events.iter().find_map(|e| if let Event::Reading { channel: c, value, .. } = e { (*c == channel).then_some(*value) } else { None })
    }

    fn goes(&mut self, command: Command, on: bool) {
        let events = self.told(command);
        assert_eq!(events, [Event::OutputConfirmed { on }]);
    }
}

#[test]
fn a_controller_of_the_ilx_dialect_holds_the_plate() {
    let tec = "[instrument.tec]\ndriver = \"line\"\ndialect = \"arroyo\"\nemulated = true\ncurrent_limit_a = 4.0\nserial_number = \"77\"\n";
    let mut pair = Pair::of(&rig(tec, "object_temperature", ""), "tec");
    assert_eq!(pair.told(Command::Target(Celsius(20.0))), []);
    assert_eq!(pair.tec.target_degc(), 20.0);
    pair.goes(Command::Enable, true);
    assert!(pair.tec.output_on());
    pair.tec.control(pair.now_s, 0.1, SCENE.sensors);
    assert_eq!(pair.reads(Channel::Plate), Some(24.5));
    let amps = pair.reads(Channel::TecCurrent).unwrap();
    assert!(amps > 0.0 && amps <= 4.001, "cooling, and no more than its limit: {amps}");
    assert_eq!((pair.reads(Channel::TecTarget), pair.reads(Channel::TecOutput)), (Some(20.0), Some(1.0)));
    pair.goes(Command::Disable, false);
}

/// The device holds its set point's ramp itself, at half again the rig's rate; one that restarted does not any more, and is not switched on.
#[test]
fn a_controller_of_the_ilx_dialect_ramps_by_itself_too() {
    let tec = "[instrument.tec]\ndriver = \"line\"\ndialect = \"arroyo\"\nemulated = true\ncurrent_limit_a = 4.0\n";
    let mut pair = Pair::of(&rig(tec, "object_temperature", ""), "tec");
    assert!((pair.tec.ramp_k_s() * 60.0 - 12.0).abs() < 1e-5, "8 K/min and half again: {}", pair.tec.ramp_k_s());
    pair.told(Command::Target(Celsius(20.0)));
    pair.goes(Command::Enable, true);
    // A host gone wild asks for 15 K at once: a tenth of a minute later the set point inside has moved by a tenth of 12 K.
    pair.told(Command::Target(Celsius(9.5)));
    for _ in 0..60 {
        pair.tec.control(pair.now_s, 0.1, SCENE.sensors);
    }
    assert!((SCENE.sensors.object_degc - pair.tec.nominal_degc() - 1.2).abs() < 0.05, "{}", pair.tec.nominal_degc());
    pair.goes(Command::Disable, false);
    let (now_s, mut tec) = (pair.now_s, std::mem::replace(&mut pair.tec, TecController::idle()));
    pair.device.suffer(now_s, Ailment::PowerCycle, &mut tec);
    pair.tec = tec;
    assert!(pair.tec.ramp_k_s() > 10.0, "as delivered it has none");
    let events = pair.told(Command::Enable);
    assert!(events.iter().any(|e| matches!(e, Event::LinkLost { .. } | Event::Refused { .. })), "{events:?}");
    assert!(!pair.tec.output_on());
}

#[test]
fn a_circulator_holds_the_plate() {
    let bath = "[instrument.tec]\ndriver = \"line\"\ndialect = \"julabo\"\nemulated = true\n";
    let mut pair = Pair::of(&rig(bath, "bath_temperature", ""), "tec");
    assert_eq!(pair.told(Command::Target(Celsius(21.3))), []);
    pair.goes(Command::Enable, true);
    assert_eq!((pair.tec.target_degc(), pair.reads(Channel::Plate)), (f64::from(21.3_f32), Some(24.5)));
    pair.goes(Command::Disable, false);
}

#[test]
fn supplies_give_what_they_are_told() {
    for (dialect, volts, amps) in [("scpi-supply", 12.0, 1.0), ("korad", 7.5, 0.625)] {
        let supply =
            format!("{MECOM}[instrument.psu]\ndriver = \"line\"\ndialect = \"{dialect}\"\nemulated = true\ncurrent_limit_a = 2.0\n");
        let heater = "[channel.heater]\ninstrument = \"psu\"\nreads_v = \"voltage\"\nreads_a = \"current\"\ndrives = \"voltage\"\nmin_v = 0.0\nmax_v = 24.0\nsafe = \"off\"\n";
        let mut pair = Pair::of(&rig(&supply, "object_temperature", heater), "psu");
        assert_eq!(pair.told(Command::Level(volts)), [], "{dialect}");
        pair.goes(Command::Enable, true);
        assert_eq!((pair.reads(Channel::HeaterVoltage), pair.reads(Channel::HeaterCurrent)), (Some(volts), Some(amps)), "{dialect}");
        pair.goes(Command::Disable, false);
        assert_eq!(pair.reads(Channel::HeaterVoltage), Some(0.0));
    }
}

#[test]
fn supplies_become_solar_arrays() {
    let curve = ArrayCurve { isc_a: 2.0, imp_a: 1.8, vmp_v: 28.0, voc_v: 32.0 };
    for dialect in ["keysight-e4360", "chroma-62000h"] {
        let supply = format!("{MECOM}[instrument.sas]\ndriver = \"line\"\ndialect = \"{dialect}\"\nemulated = true\n");
        let array = "[channel.array_simulator]\nfull_isc_a = 2.0\nfull_voc_v = 32.0\ninstrument = \"sas\"\nreads_v = \"voltage\"\nreads_a = \"current\"\nsafe = \"off\"\n";
        let mut pair = Pair::of(&rig(&supply, "object_temperature", array), "sas");
        assert_eq!(pair.told(Command::Curve(curve)), [], "{dialect}");
        pair.goes(Command::Enable, true);
        assert_eq!(pair.reads(Channel::ArrayVoltage), Some(24.0), "{dialect}");
        let wrong = pair.told(Command::Curve(ArrayCurve { imp_a: 2.5, ..curve }));
        assert!(matches!(&wrong[..], [Event::Refused { why }] if why.contains("is no array")), "{wrong:?}");
        pair.goes(Command::Disable, false);
    }
}

#[test]
fn a_meter_reads_the_board() {
    let meter = format!("{MECOM}[instrument.meter]\ndriver = \"line\"\ndialect = \"yokogawa-wt\"\nemulated = true\n");
    let channel = "[channel.board_power]\ninstrument = \"meter\"\nreads = \"power\"\nreads_j = \"energy\"\n";
    let mut pair = Pair::of(&rig(&meter, "object_temperature", channel), "meter");
    assert_eq!(pair.reads(Channel::MeterPower), Some(66.0));
    // It counts from when the driver started its integrator, and not the hour before.
    assert_eq!(pair.reads(Channel::MeterEnergy), Some(0.0));
    pair.device.advance(pair.now_s, 3600.0, &SCENE);
    let joules = pair.reads(Channel::MeterEnergy).unwrap();
    assert!((joules - 66.0 * 3600.0).abs() < 1.0, "{joules}");
}

#[test]
fn home_made_firmware_has_a_lease_that_really_switches_off() {
    let mut pair = Pair::of(&rig(&format!("{MECOM}{HEATER}"), "object_temperature", HEATER_CHANNEL), "heat");
    pair.told(Command::Level(10.0));
    // The five seconds that this lets pass are longer than the lease.
    pair.feed(Input::Command(Command::Enable));
    assert_eq!(pair.device.output_on(), Some(true));
    pair.device.advance(pair.now_s + 3.9, 3.9, &SCENE);
    assert_eq!(pair.device.output_on(), Some(true));
    pair.device.advance(pair.now_s + 4.1, 0.2, &SCENE);
    assert_eq!(pair.device.output_on(), Some(false));
    pair.events.clear();
    let told = pair.told(Command::Poll { tick: 1 });
    assert!(told.contains(&Event::OutputConfirmed { on: false }), "{told:?}");
    assert!(told.iter().any(|e| matches!(e, Event::DeviceError { number: 3, words } if words.contains("watchdog"))), "{told:?}");
}

/// What nobody here wrote the device's side of is told, by name.
#[test]
fn what_nothing_stands_in_for_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_, text) = rig::dialect::builtin().iter().find(|(name, _)| *name == "lauda").unwrap();
    let file = folder.path().join("own.toml");
    std::fs::write(&file, text.replace("name = \"lauda\"", "name = \"own\"")).unwrap();
    let bath = format!("[instrument.tec]\ndriver = \"line\"\ndialect = \"{}\"\nemulated = true\n", file.display());
    let why = beside(&rig(&bath, "bath_temperature", "")).err().unwrap().to_string();
    assert!(why.contains("\"tec\" cannot be emulated") && why.contains("\"own\""), "{why}");
}

/// Every shipped dialect has a device that speaks it, and every shipped rig can be emulated as it stands.
#[test]
fn everything_that_ships_can_be_emulated() {
    for (name, text) in rig::dialect::builtin() {
        let dialect = std::sync::Arc::new(rig::dialect::Dialect::parse(name, text).unwrap());
        let settings = LineSettings {
            dialect,
            address: 1,
            output: 1,
            lease_s: None,
            current_limit_a: None,
            voltage_limit_v: None,
            power_limit_w: None,
            model: None,
            serial_number: None,
            firmware: None,
            sensor_type: None,
            off_conditions: None,
            unit_place: None,
        };
        assert!(speaks(&settings, false).is_some(), "nothing speaks {name}");
    }
    for (name, text) in rig::builtin() {
        let document = Document::parse(*name, text);
        let file = RigFile::read(&document.root());
        assert_eq!(beside(&file).err(), None, "{name}");
    }
}
