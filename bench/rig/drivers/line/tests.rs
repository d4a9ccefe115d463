//! The driver on a line in memory, against a device of a dozen lines that speaks the home-made dialect.

mod shipped;

use super::*;
use crate::config::{Connection, Drive, Level, Read, Role, SafeAction, Serial};
use crate::dialect::Dialect;
use proptest::prelude::*;
use signal::{Channel, Limits};
use std::sync::Arc;

/// The device: what it holds, and what is wrong with it.
struct Device {
    serial: &'static str,
    on: bool,
    watchdog_s: f64,
    power_w: f64,
    silent: bool,
    sticks: bool,
    heard: Vec<String>,
    buffer: Vec<u8>,
}

impl Device {
    fn receive(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.buffer.extend_from_slice(bytes);
        let mut out = String::new();
        while let Some(at) = self.buffer.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.buffer.drain(..=at).collect();
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            self.heard.push(line.clone());
            let value = |prefix: &str| line.strip_prefix(prefix).and_then(|v| v.parse::<f64>().ok());
            let answer = match line.as_str() {
                "ID?" => format!("ID heater {} 1.2", self.serial),
                "T?" => "T=23.5".to_owned(),
                "P?" => format!("P={}", self.power_w),
                "WD?" => format!("WD={}", self.watchdog_s),
                "ON?" => format!("ON={}", u8::from(self.on)),
                "E?" => "E=0".to_owned(),
                "ON" => {
                    self.on = true;
                    continue;
                }
                "OFF" => {
                    self.on = self.sticks && self.on;
                    continue;
                }
                _ => {
                    self.watchdog_s = value("WD=").unwrap_or(self.watchdog_s);
                    self.power_w = value("P=").unwrap_or(self.power_w);
                    continue;
                }
            };
            if !self.silent {
                out.push_str(&answer);
                out.push_str("\r\n");
            }
        }
        out.into_bytes()
    }
}

struct Bench {
    driver: Line,
    device: Device,
    now_s: f64,
    deadline_s: Option<f64>,
    events: Vec<Event>,
    believed: Option<bool>,
    plugged: bool,
    left: usize,
}

fn instrument(safe: SafeAction) -> Instrument {
    let text = crate::dialect::builtin().iter().find(|(name, _)| *name == "homemade").unwrap().1;
    let level = Level { name: "power".into(), unit: "w".into(), limits: Limits::new(0.0, 20.0).unwrap(), start: 0.0 };
    Instrument {
        name: "heater".into(),
        driver: DriverKind::Line(LineSettings {
            dialect: Arc::new(Dialect::parse("homemade", text).unwrap()),
            address: 1,
            output: 1,
            lease_s: Some(5.0),
            current_limit_a: None,
            voltage_limit_v: None,
            power_limit_w: None,
            model: None,
            serial_number: Some("0007".into()),
            firmware: None,
            sensor_type: None,
            off_conditions: None,
            unit_place: None,
        }),
        connection: Connection::Emulated,
        line: None,
        output_of: None,
        serial: Serial::n81(115_200),
        reply_timeout_s: 0.2,
        reads: vec![Read::plain("power", Channel::HeaterPower)],
        setpoint: None,
        drive: Some(Drive { role: Role::Heater, level: Some(level), safe, sun: None }),
    }
}

impl Bench {
    fn new(safe: SafeAction) -> Self {
        let device = Device {
            serial: "0007",
            on: false,
            watchdog_s: 0.0,
            power_w: 0.0,
            silent: false,
            sticks: false,
            heard: Vec::new(),
            buffer: Vec::new(),
        };
        let driver = Line::new(&instrument(safe)).unwrap();
        Self { driver, device, now_s: 0.0, deadline_s: None, events: Vec::new(), believed: None, plugged: true, left: usize::MAX }
    }

    fn ready() -> Self {
        let mut bench = Self::new(SafeAction::Off);
        bench.feed(Input::Opened);
        bench.pass(2.0);
        assert_eq!(bench.events.last(), Some(&Event::Ready), "{:?}", bench.events);
        bench.events.clear();
        bench.device.heard.clear();
        bench
    }

    fn running() -> Self {
        let mut bench = Self::ready();
        bench.command(Command::Level(12.5));
        bench.command(Command::Enable);
        bench.pass(1.0);
        assert_eq!(bench.believed, Some(true), "{:?}", bench.events);
        bench.events.clear();
        bench
    }

    fn feed(&mut self, input: Input<'_>) {
        let mut fx = self.driver.step(self.now_s, input);
        loop {
            self.deadline_s = fx.deadline_s;
            for event in fx.events.drain(..) {
                match &event {
                    Event::OutputConfirmed { on } => {
                        assert_eq!(self.device.on, *on, "confirmed what is not so; heard {:?}", self.device.heard);
                        self.believed = Some(*on);
                    }
                    Event::LinkLost { .. } => self.believed = None,
                    _ => {}
                }
                self.events.push(event);
            }
            if !self.plugged {
                return;
            }
            let sent = self.carry(fx.send.clone());
            let reply = self.device.receive(&sent);
            let reply = self.carry(reply);
            if self.left == 0 {
                self.plugged = false;
                fx = self.driver.step(self.now_s, Input::HangUp);
                continue;
            }
            if reply.is_empty() {
                return;
            }
            fx = self.driver.step(self.now_s, Input::Bytes(&reply));
        }
    }

    /// The bytes that pass before the line breaks.
    fn carry(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.truncate(self.left);
        self.left -= bytes.len();
        bytes
    }

    fn command(&mut self, command: Command) {
        self.feed(Input::Command(command));
    }

    fn pass(&mut self, seconds: f64) {
        let until_s = self.now_s + seconds;
        while let Some(deadline_s) = self.deadline_s.filter(|d| *d <= until_s) {
            self.now_s = self.now_s.max(deadline_s);
            self.feed(Input::Deadline);
        }
        self.now_s = until_s;
    }

    fn refusal(&self) -> &str {
        let why = self.events.iter().rev().find_map(|e| if let Event::Refused { why } = e { Some(why) } else { None });
        why.map_or_else(|| panic!("nothing refused in {:?}", self.events), String::as_str)
    }
}

#[test]
fn a_whole_conversation_goes_as_it_should() {
    let mut bench = Bench::new(SafeAction::Off);
    bench.device.on = true;
    bench.feed(Input::Opened);
    bench.pass(1.0);
    assert_eq!(bench.device.heard, ["ID?", "OFF", "ON?", "WD=5", "WD?", "P?", "E?"], "off before anything else");
    let Event::Identified { device } = &bench.events[0] else { panic!("{:?}", bench.events) };
    assert_eq!(device, "homemade heater serial 0007 firmware 1.2");
    assert_eq!(bench.events[1..], [Event::OutputConfirmed { on: false }, Event::Ready]);
    bench.events.clear();
    bench.command(Command::Enable);
    assert!(bench.refusal().contains("nothing was set"), "{:?}", bench.events);
    bench.command(Command::Level(25.0));
    assert!(bench.refusal().contains("outside the rig's 0 to 20 w"));
    bench.command(Command::Level(12.5));
    bench.command(Command::Enable);
    bench.pass(1.0);
    assert_eq!((bench.device.power_w, bench.believed), (12.5, Some(true)));
    bench.events.clear();
    bench.command(Command::Poll { tick: 9 });
    bench.pass(1.0);
    let read = Event::Reading { tick: 9, channel: Channel::HeaterPower, value: 12.5 };
    assert_eq!(bench.events, [read, Event::PollDone { tick: 9 }]);
    bench.command(Command::Disable);
    bench.pass(1.0);
    assert_eq!((bench.device.on, bench.believed), (false, Some(false)));
}

#[test]
fn another_device_is_refused_and_nothing_is_written_to_it() {
    for (serial, words) in [("0008", "its serial number is \"0008\", the rig file declares \"0007\""), ("", "which is no homemade")] {
        let mut bench = Bench::new(SafeAction::Off);
        (bench.device.serial, bench.device.on) = (serial, true);
        bench.feed(Input::Opened);
        bench.pass(5.0);
        assert!(bench.refusal().contains(words), "{:?}", bench.events);
        for command in [Command::Level(1.0), Command::Enable, Command::Disable, Command::Poll { tick: 1 }] {
            bench.command(command);
        }
        bench.pass(20.0);
        assert!(bench.device.heard.iter().all(|line| line == "ID?"), "{:?}", bench.device.heard);
        assert!(bench.device.on, "not ours to switch");
    }
}

#[test]
fn what_carries_heat_away_is_left_running() {
    let mut bench = Bench::new(SafeAction::On);
    bench.device.on = true;
    bench.feed(Input::Opened);
    bench.pass(1.0);
    assert!(!bench.device.heard.iter().any(|line| line == "OFF"), "{:?}", bench.device.heard);
    assert_eq!(bench.believed, Some(true));
}

#[test]
fn silence_is_a_lost_link_and_the_device_is_told_off_all_the_same() {
    let mut bench = Bench::running();
    bench.device.silent = true;
    for tick in 1..9 {
        bench.command(Command::Poll { tick });
        bench.pass(1.0);
    }
    assert_eq!(bench.believed, None, "never \"off\"");
    assert!(bench.events.iter().any(|e| matches!(e, Event::LinkLost { .. })));
    assert!(!bench.device.on, "it hears, though we do not");
    bench.device.silent = false;
    bench.pass(12.0);
    assert_eq!((bench.events.last(), bench.believed), (Some(&Event::Ready), Some(false)));
}

#[test]
fn an_output_that_stays_on_is_said_to_be_on() {
    let mut bench = Bench::running();
    bench.device.sticks = true;
    bench.command(Command::Disable);
    bench.pass(3.0);
    let retried = |e: &Event| matches!(e, Event::Retried { why } if why.ends_with("it stays on"));
    let told: Vec<&Event> = bench.events.iter().filter(|e| retried(e) || **e == Event::OutputConfirmed { on: true }).collect();
    assert!(told.iter().any(|e| retried(e)), "{told:?}");
    assert_eq!(bench.believed, Some(true), "as soon as it was read, not after the last round: {told:?}");
    bench.pass(30.0);
    assert!(bench.refusal().contains("it stays on"));
    assert_eq!(bench.believed, Some(true));
}

#[test]
fn a_late_answer_is_nobodys() {
    let mut bench = Bench::ready();
    bench.device.silent = true;
    bench.command(Command::Poll { tick: 1 });
    bench.pass(0.25);
    bench.device.silent = false;
    // The answer to what was given up comes while the line is to be quiet, and says something else.
    bench.feed(Input::Bytes(b"P=99\r\n"));
    bench.pass(2.0);
    let values: Vec<f64> =
        bench.events.iter().filter_map(|e| if let Event::Reading { value, .. } = e { Some(*value) } else { None }).collect();
    assert_eq!(values, [0.0], "{:?}", bench.events);
    assert!(bench.events.iter().any(|e| matches!(e, Event::Retried { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// A thousand unplugs at random bytes: nothing is believed that is not so, and once the line is back the output is off.
    #[test]
    fn unplugged_at_any_byte_it_comes_back_off(cut in 0..400_usize, steps in proptest::collection::vec(0..6_u8, 1..12)) {
        let mut bench = Bench::running();
        bench.left = cut;
        for (tick, step) in steps.iter().enumerate() {
            bench.command(match step {
                0 => Command::Disable,
                1 => Command::Enable,
                2 => Command::Level(3.0),
                3 => Command::Acknowledge,
                _ => Command::Poll { tick: tick as u64 },
            });
            bench.pass(0.3);
        }
        if !bench.plugged {
            prop_assert_eq!(bench.believed, None);
        }
        (bench.plugged, bench.left) = (true, usize::MAX);
        bench.device.buffer.clear();
        bench.feed(Input::Opened);
        bench.pass(10.0);
        prop_assert_eq!(bench.believed, Some(false));
        prop_assert!(!bench.device.on);
    }

    /// Whatever a device says, the driver neither panics nor believes that an output is on.
    #[test]
    fn noise_is_no_news(noise in proptest::collection::vec(any::<u8>(), 0..80), after in 0..5_u32) {
        let mut bench = Bench::ready();
        bench.command(Command::Poll { tick: 1 });
        bench.feed(Input::Bytes(&noise));
        bench.pass(f64::from(after));
        prop_assert!(bench.believed != Some(true));
    }
}
