//! Outputs of one device, each with a driver of its own on the device's one line: whether what goes for one output goes for every one.

use super::*;
use crate::desk::{Alone, Flowing, Scene};
use rig::RigFile;
use signal::Document;
use std::sync::{Arc, Mutex};

/// One output of a device. The first of them hears and says what the device does.
struct Output<D> {
    device: Arc<Mutex<D>>,
    number: u8,
    on: fn(&D, u8) -> bool,
}

impl<D: Wired> Wired for Output<D> {
    fn receive(&mut self, wall_s: f64, bytes: &[u8]) -> Vec<u8> {
        if self.number == 1 { self.device.lock().unwrap().receive(wall_s, bytes) } else { Vec::new() }
    }

    fn pass(&mut self, wall_s: f64) {
        self.device.lock().unwrap().pass(wall_s);
    }

    fn output_on(&self) -> bool {
        (self.on)(&self.device.lock().unwrap(), self.number)
    }

    fn has_watchdog(&self) -> bool {
        self.device.lock().unwrap().has_watchdog()
    }

    fn suffer(&mut self, wall_s: f64, ailment: crate::wired::Ailment) {
        self.device.lock().unwrap().suffer(wall_s, ailment);
    }

    fn events(&mut self) -> Vec<String> {
        self.device.lock().unwrap().events()
    }
}

/// The shipped rig whose devices have two outputs each, its supply speaking this dialect.
fn rig(dialect: &str) -> RigFile {
    let (_, text) = rig::config::builtin().iter().find(|(name, _)| *name == "two-outputs").expect("shipped");
    let text = text.replace("\"scpi-outputs\"", &format!("\"{dialect}\""));
    let document = Document::parse("two-outputs.toml", &text);
    let rig = RigFile::read(&document.root());
    crate::TwinSpec::read(&document.root());
    document.finish(rig).unwrap_or_else(|problems| panic!("{problems}"))
}

const SCENE: Scene = Scene { sensors: AT_25, plate_degc: 25.0, coolant: None::<Flowing>, room_degc: 22.0, board_w: 60.0 };

/// Drivers and outputs of one of its devices, and the device.
fn members<D: Wired + 'static>(
    rig: &RigFile,
    name: &str,
    stands_in: impl FnOnce(&Instrument) -> D,
    on: fn(&D, u8) -> bool,
) -> (Vec<Pair>, Arc<Mutex<D>>) {
    let outputs: Vec<&Instrument> = rig.instruments.iter().filter(|i| i.device() == name).collect();
    let device = Arc::new(Mutex::new(stands_in(outputs[0])));
    let pair = |i: &&Instrument| {
        let number = i.output_number().expect("it has one");
        (rig::driver_for(i).unwrap(), Box::new(Output { device: Arc::clone(&device), number, on }) as Box<dyn Wired>)
    };
    (outputs.iter().map(pair).collect(), device)
}

fn controller(firmware_version: i32) -> (Vec<Pair>, Arc<Mutex<TecController>>) {
    let make = |i: &Instrument| {
        let mut device = TecController::new(TecConfig { firmware_version, ..TecConfig::standing_in_for(i) });
        device.control(0.0, 0.0, AT_25);
        device
    };
    members(
        &rig("scpi-outputs"),
        "tec",
        make,
        |device, number| {
            if number == 1 { device.output_on() } else { device.second_on() == Some(true) }
        },
    )
}

/// A supply that is told the output behind each command, or selects it before.
fn supply(dialect: &str) -> Vec<Pair> {
    members(&rig(dialect), "supply", |i| Alone::of(i, SCENE).unwrap(), Alone::output_number_on).0
}

struct Device {
    name: &'static str,
    pairs: fn() -> Vec<Pair>,
    set: [Command; 2],
    /// It drops its outputs when nobody speaks to it.
    lease: bool,
}

const WARM: [Command; 2] = [Command::Target(Celsius(20.0)), Command::Level(1.5)];
const LIT: [Command; 2] = [Command::Level(6.0), Command::Level(12.0)];

const DEVICES: [Device; 4] = [
    Device { name: "mecom", pairs: || controller(510).0, set: WARM, lease: true },
    Device { name: "mecom with bulk reads", pairs: || controller(600).0, set: WARM, lease: true },
    Device { name: "scpi by list", pairs: || supply("scpi-outputs"), set: LIT, lease: false },
    Device { name: "scpi by selection", pairs: || supply("scpi-select"), set: LIT, lease: false },
];

impl Device {
    fn joined(&self, scenario: &Scenario) -> Shared {
        Shared::of((self.pairs)(), self.set.to_vec(), scenario)
    }

    fn on(&self) -> Shared {
        let mut shared = self.joined(&Scenario::calm());
        shared.pass(5.0);
        for member in 0..2 {
            assert_eq!(shared.told(member, |e| *e == Event::Ready), 1, "{} {member}: {:?}", self.name, shared.events);
        }
        shared.switch_on();
        shared.pass(3.0);
        assert_eq!(shared.state(), [true, true], "{}: {:?}", self.name, shared.events);
        shared
    }
}

impl Shared {
    fn state(&self) -> [bool; 2] {
        [self.devices[0].output_on(), self.devices[1].output_on()]
    }

    /// Polls both once a second.
    fn fly(&mut self, ticks: std::ops::RangeInclusive<u64>) {
        for tick in ticks {
            self.all(Command::Poll { tick });
            self.pass(1.0);
        }
    }

    fn reads(&self, member: usize, channel: Channel) -> Option<f64> {
        let value = |e: &Event| if let Event::Reading { channel: c, value, .. } = e { (*c == channel).then_some(*value) } else { None };
        self.events.iter().rev().filter(|(_, m, _)| *m == member).find_map(|(_, _, e)| value(e))
    }
}

#[test]
fn each_output_is_identified_limited_read_and_switched_for_itself() {
    for device in &DEVICES {
        let mut shared = device.on();
        shared.fly(1..=10);
        let bad =
            |e: &Event| matches!(e, Event::Retried { .. } | Event::LinkLost { .. } | Event::Refused { .. } | Event::PollFailed { .. });
        for member in 0..2 {
            assert_eq!(shared.told(member, bad), 0, "{} {member}: {:?}", device.name, shared.events);
            assert_eq!(shared.told(member, |e| matches!(e, Event::PollDone { .. })), 10, "{} {member}", device.name);
        }
        if device.lease {
            // 1.5 A into 4 ohm.
            let heater = (shared.reads(1, Channel::HeaterCurrent), shared.reads(1, Channel::HeaterVoltage));
            assert_eq!(heater, (Some(1.5), Some(6.0)), "{}", device.name);
            assert_eq!(shared.reads(0, Channel::Plate), Some(25.0));
        } else {
            let volts = (shared.reads(0, Channel::LampVoltage), shared.reads(1, Channel::AuxVoltage));
            assert_eq!(volts, (Some(6.0), Some(12.0)), "{}", device.name);
        }
        for member in [1, 0] {
            shared.command(member, Command::Disable);
            shared.pass(1.0);
            assert_eq!((shared.state()[member], shared.believed[member]), (false, Some(false)), "{} {member}", device.name);
            // The other one was not asked.
            assert_eq!(shared.state()[0], member == 1, "{}", device.name);
        }
        assert_eq!(shared.lies, [""; 0], "{}", device.name);
    }
}

/// More than an output may be given is refused before it is sent, by the limits of that output.
#[test]
fn each_output_has_limits_of_its_own() {
    for device in &DEVICES {
        let mut shared = device.on();
        let before = shared.sent.len();
        shared.command(1, Command::Level(1000.0));
        shared.pass(1.0);
        assert_eq!(shared.told(1, |e| matches!(e, Event::Refused { .. })), 1, "{}: {:?}", device.name, shared.events);
        assert_eq!(shared.sent.len(), before, "{}: nothing was sent", device.name);
    }
}

/// Off for both at once, at any moment of a poll: no new question goes before either.
#[test]
fn off_goes_to_every_output_first() {
    for device in &DEVICES {
        for after in 0..40 {
            let mut shared = device.on();
            shared.all(Command::Poll { tick: 1 });
            shared.pass(0.002 * f64::from(after));
            let before = shared.sent.len();
            shared.all(Command::Disable);
            shared.pass(2.0);
            let off = |bytes: &Vec<u8>| {
                let text = String::from_utf8_lossy(bytes);
                // Of MeCom: writing 2010 of either instance, 0.
                text.contains("VS07DA01000000") || text.contains("VS07DA02000000") || text.contains("OUTP OFF")
            };
            let place = |n: usize| shared.sent[before..].iter().enumerate().filter(|(_, bytes)| off(bytes)).nth(n).map(|(at, _)| at);
            // A question that each of them had asked already, and the first's confirmation before the second's command; no new polling.
            assert!(
                place(0).is_some_and(|at| at <= 2) && place(1).is_some_and(|at| at <= 4),
                "{}: {:?}",
                device.name,
                &shared.sent[before..]
            );
            assert_eq!((shared.state(), &shared.believed[..]), ([false; 2], &[Some(false); 2][..]), "{}, {after}", device.name);
        }
    }
}

/// One watchdog for the device: a host that falls silent loses both outputs, one that polls either keeps both.
#[test]
fn the_lease_is_the_devices() {
    for device in DEVICES.iter().filter(|device| device.lease) {
        let mut shared = device.on();
        shared.fly(1..=5);
        assert_eq!(shared.state(), [true, true]);
        shared.pass(LEASE_S + 1.0);
        assert_eq!(shared.state(), [false, false], "{}: nobody polled", device.name);
        shared.fly(6..=8);
        for member in 0..2 {
            assert_eq!(shared.believed[member], Some(false), "{} {member}: {:?}", device.name, shared.events);
            assert!(shared.told(member, |e| matches!(e, Event::DeviceError { .. })) > 0, "{} {member}: an alarm", device.name);
        }
        // Cleared by an operator, for both; then both are ready again, off.
        let ready = |shared: &Shared| [0, 1].map(|m| shared.told(m, |e| *e == Event::Ready));
        let before = ready(&shared);
        shared.all(Command::Acknowledge);
        shared.pass(5.0);
        assert_eq!(ready(&shared), before.map(|n| n + 1), "{}: {:?}", device.name, shared.events);
        shared.switch_on();
        shared.pass(1.0);
        assert_eq!(shared.state(), [true, true], "{}", device.name);
    }
}

/// An output that hears "off" and would not is left to the device's lease: polling the other one must not renew that.
#[test]
fn an_output_that_defies_takes_the_device_down_with_its_lease() {
    use rig::protocol::mecom::{ServerError, id};
    let (pairs, device) = controller(510);
    let mut shared = Shared::of(pairs, WARM.to_vec(), &Scenario::calm());
    shared.pass(5.0);
    shared.switch_on();
    shared.fly(1..=3);
    assert_eq!(shared.state(), [true, true]);
    device.lock().unwrap().deny(id::OUTPUT_ENABLE, ServerError::Range, u32::MAX);
    shared.command(1, Command::Disable);
    for tick in 4..=30 {
        // The controller goes on polling what is left to it.
        shared.command(0, Command::Poll { tick });
        shared.pass(1.0);
    }
    assert_eq!(shared.state(), [false, false], "the watchdog fired: {:?}", shared.events.iter().rev().take(30).collect::<Vec<_>>());
    assert_eq!(shared.lies, [""; 0]);
}

/// The cable comes out at any byte, a thousand times in all: both outputs lose their link, neither is believed off while it is on, both
/// come back off.
#[test]
fn unplugged_a_thousand_times_both_come_back_off() {
    for device in &DEVICES {
        let mut rng = ChaCha8Rng::seed_from_u64(1122);
        for _ in 0..250 {
            let (after, for_s) = (rng.random_range(0..4000), rng.random_range(0.01..6.0));
            let kind = Kind::Unplug { after_bytes: Some(after) };
            let fault = Fault { name: "plug".to_owned(), instrument: None, from_s: 0.0, for_s, kind };
            let mut shared = device.joined(&Scenario { faults: vec![fault], ..Scenario::calm() });
            shared.pass(3.0);
            shared.switch_on();
            shared.fly(1..=10);
            shared.all(Command::Disable);
            shared.pass(20.0);
            assert_eq!(shared.lies, [""; 0], "{}, byte {after}, {for_s:.2} s: {:?}", device.name, shared.events);
            let end = (shared.state(), [shared.believed[0], shared.believed[1]]);
            assert_eq!(end, ([false; 2], [Some(false); 2]), "{}, byte {after}, {for_s:.2} s: {:?}", device.name, shared.events);
        }
    }
}
