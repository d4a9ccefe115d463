//! What a driver may not believe, for every dialect that ships and the device that speaks it: words that do not answer the question, a
//! device that stands in another's place, readings that are none, settings that somebody changed.

use super::tests::{HEATER_CHANNEL, MECOM, SCENE, rig};
use super::*;
use crate::tec_controller::TecController;
use rig::dialect::{Dialect, Template};
use rig::{ArrayCurve, Command, Driver, Event, Input};
use signal::Celsius;
use std::fmt::Write as _;

/// What devices of any make say to what they do not understand.
const NONSENSE: [&str; 5] = ["ERR_3", "ES", "?", "ERROR: what?", "-113,\"Undefined header\""];

const CURVE: Command = Command::Curve(ArrayCurve { isc_a: 2.0, imp_a: 1.8, vmp_v: 28.0, voc_v: 32.0 });
const AT_20: Command = Command::Target(Celsius(20.0));

/// An instrument of every dialect, `it` by name: its own keys, the channels that it has or `plate` for what it reads there, and what it
/// is given before it is switched on.
pub(super) fn rigs() -> Vec<(&'static str, RigFile, Option<Command>)> {
    let array = "[channel.array_simulator]\nfull_isc_a = 2.0\nfull_voc_v = 32.0\ninstrument = \"it\"\nreads_v = \"voltage\"\nreads_a = \"current\"\nsafe = \"off\"\n";
    let supply = "[channel.heater]\ninstrument = \"it\"\nreads_v = \"voltage\"\nreads_a = \"current\"\ndrives = \"voltage\"\nmin_v = 0.0\nmax_v = 20.0\nsafe = \"off\"\n";
    let meter = "[channel.board_power]\ninstrument = \"it\"\nreads = \"power\"\nreads_j = \"energy\"\n";
    let firmware = HEATER_CHANNEL.replace("\"heat\"", "\"it\"");
    let pan = "[channel.flow]\ninstrument = \"it\"\nreads = \"mass\"\n";
    let all: [(&str, &str, &str, &str, Option<Command>); 14] = [
        ("arroyo", "current_limit_a = 4.0", "", "object_temperature", Some(AT_20)),
        ("scpi-supply", "current_limit_a = 2.0", supply, "", Some(Command::Level(12.0))),
        ("scpi-outputs", "current_limit_a = 2.0", supply, "", Some(Command::Level(12.0))),
        ("scpi-select", "current_limit_a = 2.0", supply, "", Some(Command::Level(12.0))),
        ("keysight-e4360", "current_limit_a = 3.0\nvoltage_limit_v = 40.0", array, "", Some(CURVE)),
        ("chroma-62000h", "", array, "", Some(CURVE)),
        ("korad", "current_limit_a = 2.0", supply, "", Some(Command::Level(7.5))),
        ("yokogawa-wt", "", meter, "", None),
        ("julabo", "", "", "bath_temperature", Some(AT_20)),
        ("lauda", "", "", "bath_temperature", Some(AT_20)),
        ("huber", "serial_number = \"1092\"", "", "bath_temperature", Some(AT_20)),
        ("sinara-8451", "current_limit_a = 2.0\nvoltage_limit_v = 4.0", "", "object_temperature", Some(AT_20)),
        ("mt-sics", "", pan, "", None),
        ("homemade", "lease_s = 60.0", &firmware, "", Some(Command::Level(10.0))),
    ];
    assert_eq!(all.len(), rig::dialect::builtin().len(), "a dialect is not tried");
    all.into_iter().map(|(name, own, channels, plate, given)| (name, bench(name, own, channels, plate), given)).collect()
}

fn bench(dialect: &str, own: &str, channels: &str, plate: &str) -> RigFile {
    let keys = format!("driver = \"line\"\ndialect = \"{dialect}\"\nemulated = true\n{own}\n");
    if plate.is_empty() {
        return rig(&format!("{MECOM}[instrument.it]\n{keys}"), "object_temperature", channels);
    }
    // The channel of the plate names the instrument `tec`.
    rig(&format!("[instrument.tec]\n{keys}"), plate, channels)
}

fn instrument(rig: &RigFile) -> &Instrument {
    rig.instrument("it").or_else(|| rig.instrument("tec")).unwrap()
}

pub(super) fn dialect(rig: &RigFile) -> &Dialect {
    match &instrument(rig).driver {
        DriverKind::Line(line) => &line.dialect,
        _ => panic!("not a line device"),
    }
}

/// A driver, a device, and somebody between them who answers some questions in its place.
pub(super) struct Bench {
    driver: Box<dyn Driver>,
    pub(super) device: Box<dyn Emulated>,
    tec: TecController,
    /// Lines that are kept from the device, and what is said to each instead.
    pub(super) lies: Vec<(Vec<u8>, Vec<u8>)>,
    /// It answers with what it should have said to the question before.
    pub(super) late_by_one: bool,
    owed: Vec<u8>,
    pub(super) sent: Vec<Vec<u8>>,
    answered: bool,
    now_s: f64,
    deadline_s: Option<f64>,
    pub(super) events: Vec<Event>,
    pub(super) believed: Option<bool>,
}

impl Bench {
    pub(super) fn new(driver: &RigFile, device: &RigFile) -> Self {
        let mut stood_in = stand_in(instrument(device)).unwrap().unwrap();
        stood_in.advance(0.0, 3600.0, &SCENE);
        let mut tec = crate::tec_for(instrument(device));
        tec.control(0.0, 0.0, SCENE.sensors);
        Self {
            driver: rig::driver_for(instrument(driver)).unwrap(),
            device: stood_in,
            tec,
            lies: Vec::new(),
            late_by_one: false,
            owed: Vec::new(),
            sent: Vec::new(),
            answered: false,
            now_s: 0.0,
            deadline_s: None,
            events: Vec::new(),
            believed: None,
        }
    }

    /// Its output is on, and it was given what it needs for that.
    pub(super) fn running(rig: &RigFile, given: Option<Command>) -> Self {
        let mut bench = Self::new(rig, rig);
        bench.told(Input::Opened, 20.0);
        assert!(bench.events.contains(&Event::Ready), "{:?}", bench.events);
        for command in given.into_iter().chain([Command::Enable]) {
            bench.told(Input::Command(command), 3.0);
        }
        bench.events.clear();
        bench
    }

    fn lie(&mut self, asked: &Template, word: &str, rig: &RigFile) {
        let end = if dialect(rig).line.receive.is_empty() { "" } else { "\r\n" };
        let asked = asked.fill(|_| Some(1.0)).unwrap();
        self.lies.push((asked, format!("{word}{end}").into_bytes()));
    }

    fn feed(&mut self, input: Input<'_>) {
        let mut fx = self.driver.step(self.now_s, input);
        loop {
            for event in fx.events.drain(..) {
                match event {
                    Event::OutputConfirmed { on } => self.believed = Some(on),
                    Event::LinkLost { .. } => self.believed = None,
                    _ => {}
                }
                self.events.push(event);
            }
            self.deadline_s = fx.deadline_s;
            if fx.send.is_empty() {
                return;
            }
            self.sent.push(fx.send.clone());
            let lie = self.lies.iter().find(|(asked, _)| fx.send.starts_with(asked)).map(|(_, said)| said.clone());
            let mut reply = lie.unwrap_or_else(|| self.device.receive(self.now_s, &fx.send, &mut self.tec));
            if !reply.is_empty() {
                let said = std::mem::replace(&mut self.owed, reply.clone());
                if self.late_by_one {
                    reply = said;
                }
            }
            if reply.is_empty() {
                return;
            }
            self.answered = true;
            fx = self.driver.step(self.now_s, Input::Bytes(&reply));
        }
    }

    pub(super) fn told(&mut self, input: Input<'_>, seconds: f64) {
        self.feed(input);
        let until_s = self.now_s + seconds;
        while let Some(deadline_s) = self.deadline_s.filter(|d| *d <= until_s) {
            self.now_s = self.now_s.max(deadline_s);
            self.feed(Input::Deadline);
        }
        self.now_s = until_s;
    }

    pub(super) fn refusals(&self) -> Vec<&str> {
        self.events.iter().filter_map(|e| if let Event::Refused { why } = e { Some(why.as_str()) } else { None }).collect()
    }
}

/// Switching off is denied and the look-back makes no sense: nobody may say that the output is off.
#[test]
fn nonsense_about_an_output_is_never_off() {
    let mut tried = String::new();
    for (name, rig, given) in rigs() {
        let Some(output) = dialect(&rig).output.clone() else { continue };
        let _ = write!(tried, "{name} ");
        for word in NONSENSE {
            let mut bench = Bench::running(&rig, given);
            assert_eq!(bench.believed, Some(true), "{name}");
            // The stop is not done; what the device says to it is no matter.
            bench.lie(&output.off, "ERR_6", &rig);
            bench.lie(&output.back.ask, word, &rig);
            bench.told(Input::Command(Command::Disable), 60.0);
            let off = bench.events.contains(&Event::OutputConfirmed { on: false });
            assert!(!off && bench.believed != Some(false), "{name} says {word:?} and is believed off: {:?}", bench.events);
            assert!(bench.events.iter().any(|e| matches!(e, Event::LinkLost { .. })), "{name} {word:?}: {:?}", bench.events);
            // It came to itself: it is told off again, as the engine does while going safe, and seen off.
            bench.lies.clear();
            bench.told(Input::Deadline, 30.0);
            bench.told(Input::Command(Command::Disable), 60.0);
            assert_eq!(bench.believed, Some(false), "{name} {word:?}: {:?}", bench.events);
            let mut bench = Bench::new(&rig, &rig);
            bench.lie(&output.back.ask, word, &rig);
            bench.told(Input::Opened, 60.0);
            assert!(!bench.events.contains(&Event::Ready) && bench.believed.is_none(), "{name} {word:?}: {:?}", bench.events);
        }
    }
    assert_eq!(tried.split_whitespace().count(), 12, "{tried}");
}

/// Every driver at the port of every other device.
#[test]
fn at_swapped_ports_nothing_is_ready_and_nothing_is_told_but_the_question() {
    let all = rigs();
    let (mut pairs, mut refused) = (0, 0);
    for (name, rig, _) in &all {
        let mut question = dialect(rig).identify.ask.fill(|_| None).unwrap();
        question.extend_from_slice(&dialect(rig).line.send);
        for (other, others, _) in all.iter().filter(|(other, ..)| other != name) {
            let mut bench = Bench::new(rig, others);
            bench.told(Input::Opened, 30.0);
            let told = format!("a driver of {name} at a {other}: {:?}", bench.events);
            pairs += 1;
            assert!(!bench.events.contains(&Event::Ready) && bench.believed.is_none(), "{told}");
            assert!(bench.sent.iter().all(|line| *line == question), "{told}");
            for why in bench.refusals() {
                assert!(why.starts_with("another device answers"), "{told}");
                refused += 1;
            }
        }
        for word in NONSENSE.into_iter().chain(["", "0", "OK"]) {
            let said = if word.is_empty() { String::from_utf8_lossy(&question).trim().to_owned() } else { word.to_owned() };
            let mut bench = Bench::new(rig, rig);
            bench.lie(&dialect(rig).identify.ask, &said, rig);
            bench.told(Input::Opened, 30.0);
            assert!(!bench.events.contains(&Event::Ready), "{said:?} passes as {name}");
            assert!(
                bench.refusals().first().is_some_and(|why| why.contains("another device answers")),
                "{name} {said:?}: {:?}",
                bench.events
            );
        }
    }
    assert_eq!((pairs, refused > 20), (182, true), "{refused}");
}

/// The family is wide: what the rig file says of the model counts, known or not.
#[test]
fn a_model_that_nobody_listed_passes_where_the_rig_declares_it() {
    for (model, passes) in [("XYZ-30", true), ("XYZ-31", false)] {
        let own = format!("current_limit_a = 2.0\nmodel = \"{model}\"");
        let channel = "[channel.heater]\ninstrument = \"it\"\nreads_v = \"voltage\"\ndrives = \"voltage\"\nmin_v = 0.0\nmax_v = 20.0\nsafe = \"off\"\n";
        let rig = bench("scpi-outputs", &own, channel, "");
        let mut bench = Bench::new(&rig, &rig);
        bench.lie(&dialect(&rig).identify.ask, "ACME,XYZ-30,1,2", &rig);
        bench.told(Input::Opened, 30.0);
        assert_eq!(bench.events.contains(&Event::Ready), passes, "{:?}", bench.events);
    }
}

/// A device of which no reading works is not ready: it would be, and every poll would be empty.
#[test]
fn a_reading_that_is_no_number_keeps_it_from_being_ready() {
    for (name, rig, _) in rigs() {
        let reads = instrument(&rig).reads.clone();
        let asks = dialect(&rig).reads.clone();
        for read in reads {
            let (_, ask) = asks.iter().find(|(known, _)| *known == read.name).unwrap();
            for word in NONSENSE.into_iter().chain(["NAN", "9.91E37"]) {
                // A counter that was never started has nothing to show: one reading less.
                if read.name == "energy" && ["NAN", "9.91E37", "-"].contains(&word) {
                    continue;
                }
                let mut bench = Bench::new(&rig, &rig);
                bench.lie(&ask.ask, word, &rig);
                bench.told(Input::Opened, 60.0);
                assert!(!bench.events.contains(&Event::Ready), "{name} is ready though {} is {word:?}", read.name);
                let said = bench.events.iter().any(|e| matches!(e, Event::Refused { .. } | Event::LinkLost { .. }));
                assert!(said, "{name} {word:?}: nothing is said of it: {:?}", bench.events);
            }
        }
    }
}

/// Somebody, or a restart, changed one setting of a device that keeps its output: it is found within as many polls as there are settings,
/// and the device is switched off and set up again. With a lease as well: a knob is turned without a restart.
#[test]
fn a_setting_that_is_lost_in_mid_run_is_found() {
    let mut found = 0;
    for (name, rig, given) in rigs() {
        let spoken = dialect(&rig).clone();
        let half = |name: &str| {
            Some(match name {
                "value" => 5.0 / if spoken.name == "huber" { 0.01 } else { 1.0 },
                "max_degc" => 55.0,
                "voltage_limit_v" => 2.0,
                "isc_a" | "imp_a" => 1.5,
                "vmp_v" => 29.0,
                "voc_v" => 33.0,
                _ => 1.0,
            })
        };
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let parametric = spoken.setup.iter().filter(|s| s.back.is_some() && s.names().any(|name| name != "output"));
        lines.extend(parametric.filter_map(|s| s.write.as_ref()?.fill(half)));
        lines.extend(spoken.target.iter().filter_map(|t| t.write.fill(half)));
        lines.extend(spoken.levels.iter().filter_map(|(_, l)| l.write.fill(half)));
        lines.extend(spoken.curve.iter().map(|c| c.write.iter().filter_map(|t| t.fill(half)).collect::<Vec<_>>().join(&b'\n')));
        if name == "yokogawa-wt" {
            lines.push(b":NUM:NORM:ITEM1 U,1".to_vec());
        }
        for line in lines {
            let mut bench = if given.is_some() {
                Bench::running(&rig, given)
            } else {
                let mut bench = Bench::new(&rig, &rig);
                bench.told(Input::Opened, 20.0);
                bench
            };
            for tick in 0..8 {
                bench.told(Input::Command(Command::Poll { tick }), 2.0);
            }
            assert!(!bench.events.iter().any(|e| matches!(e, Event::LinkLost { .. })), "{name}, untouched: {:?}", bench.events);
            let mut bytes = line.clone();
            bytes.extend_from_slice(&spoken.line.send);
            bench.device.receive(bench.now_s, &bytes, &mut bench.tec);
            bench.events.clear();
            for tick in 8..16 {
                bench.told(Input::Command(Command::Poll { tick }), 2.0);
            }
            let lost = bench.events.iter().any(|e| matches!(e, Event::LinkLost { why } if why.contains("lost its settings")));
            assert!(lost, "{name}: nobody saw {:?}: {:?}", String::from_utf8_lossy(&line), bench.events);
            assert!(bench.events.contains(&Event::Ready), "{name} is set up again: {:?}", bench.events);
            if given.is_some() {
                assert_eq!(bench.believed, Some(false), "{name}");
            }
            found += 1;
        }
    }
    assert!(found >= 16, "{found}");
}

/// What the rig file says of a device and the device says otherwise: refused with both.
#[test]
fn what_a_rig_declares_of_a_device_is_held_against_it() {
    for (name, own, words) in [
        ("arroyo", "firmware = \"v2.34\"", None),
        ("arroyo", "firmware = \">= 2.30\"", None),
        ("arroyo", "firmware = \">= 2.35\"", Some("its firmware is \"v2.34\", the rig file declares \"2.35\" or later")),
        ("arroyo", "firmware = \"2.34\"", Some("its firmware is \"v2.34\", the rig file declares \"2.34\"")),
        ("arroyo", "model = \"5305\"", Some("its model is \"5240\", the rig file declares \"5305\"")),
        ("arroyo", "sensor_type = 1\noff_conditions = 1512", None),
        ("arroyo", "sensor_type = 3", Some("sensor_type reads back \"1\"")),
        ("arroyo", "off_conditions = 1024", Some("off_conditions reads back \"1512\"")),
    ] {
        let driver = bench(name, &format!("current_limit_a = 4.0\n{own}"), "", "object_temperature");
        // The emulated one says whatever model its own rig file gives it.
        let device = bench(name, "current_limit_a = 4.0", "", "object_temperature");
        let mut bench = Bench::new(&driver, &device);
        bench.told(Input::Opened, 30.0);
        assert_eq!(bench.events.contains(&Event::Ready), words.is_none(), "{own}: {:?}", bench.events);
        if let Some(words) = words {
            assert!(bench.refusals().iter().any(|why| why.contains(words)), "{own}: {:?}", bench.events);
        }
    }
}

/// What `rig check` says of each: what its device is not told, and whether another of its kind would pass.
#[test]
fn what_a_device_is_not_told_is_known() {
    let all = rigs();
    let of = |name: &str| instrument(&all.iter().find(|(known, ..)| *known == name).unwrap().1);
    assert_eq!(
        of("lauda").untold(),
        ["largest current", "largest voltage", "lowest temperature", "highest temperature", "ramp", "sensor type"]
    );
    let arroyo = of("arroyo").untold();
    assert!(!arroyo.contains(&"lowest temperature".to_owned()) && arroyo.contains(&"sensor type".to_owned()), "{arroyo:?}");
    assert!(arroyo.iter().any(|what| what.contains("switch it off")), "{arroyo:?}");
    assert_eq!((of("keysight-e4360").untold(), of("mt-sics").untold()), (vec![], vec![]));
    assert_eq!((of("julabo").mistaken_for(), of("huber").mistaken_for()), (Some("the family tells no serial number"), None));
    assert_eq!(
        (of("huber").held_to_firmware(), of("lauda").held_to_firmware()),
        (Err("the family tells none"), Err("no firmware is declared"))
    );
    assert_eq!(of("korad").mistaken_for(), Some("no serial number is declared"));
    assert_eq!(of("scpi-supply").mistaken_for(), Some("no serial number is declared"));
    assert_eq!(of("homemade").read_back(), "identified, output off, watchdog read back");
    assert_eq!(of("lauda").read_back(), "identified, output off, nothing else was read back");
    assert_eq!(
        of("keysight-e4360").read_back(),
        "identified, output off, sas mode, over voltage protection and over current protection read back"
    );
}
