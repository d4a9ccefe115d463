use super::*;
use proptest::prelude::*;
use signal::{Channel, Document};

/// Reads a rig, deaf to the tables that are the twin's.
pub(crate) fn read(text: &str) -> Result<RigFile, Vec<String>> {
    let doc = Document::parse("rig.toml", text);
    let rig = RigFile::read(&doc.root());
    let twins = ["plant", "truth", "card"];
    for table in twins {
        let _ = doc.root().optional_section(table);
    }
    let said = doc.finish(()).err().map_or_else(Vec::new, |p| p.0);
    let ours = |m: &String| !twins.iter().any(|t| m.contains(&format!("in [{t}")));
    let left: Vec<String> = said.iter().map(ToString::to_string).filter(ours).collect();
    if left.is_empty() { Ok(rig) } else { Err(left) }
}

/// The day on which the shipped rigs were signed.
fn now() -> jiff::Timestamp {
    "2026-11-28T12:00:00Z".parse().unwrap()
}

/// A sound rig to break. Not an embedded one: those may be tuned without a word here.
const SOUND: &str = r#"schema = 1
name = "bench"
title = "A bench"
[interface]
servo_node = "plate"
heat_source = "electrical"
[instrument.tec]
driver = "mecom"
emulated = true
lease_s = 3.0
current_limit_a = 8.0
voltage_limit_v = 16.0
address = 1
device_type = 1090
[channel.plate]
instrument = "tec"
reads = "object_temperature"
safe = "off"
min_degc = 5.0
max_degc = 60.0
rate_k_min = 8.0
trip_min_degc = 0.0
trip_max_degc = 75.0
[channel.sink]
instrument = "tec"
reads = "sink_temperature"
safe = "on"
trip_max_degc = 70.0
[channel.workload]
safe = "stop"
[accelerator]
default = "virtual"
full_w = 72.0
idle_w = 16.0
trip_max_degc = 95.0
[mass.cold_plate]
kg = 0.5
ledger = "flying_cooling"
[mass.heat_sink]
kg = 2.5
ledger = "support"
note = "with fan"
"#;

#[test]
fn every_embedded_rig_reads_and_is_named_as_its_file() {
    for (name, text) in builtin() {
        let rig = read(text).unwrap_or_else(|p| panic!("{name}: {}", p.join("\n")));
        assert_eq!(rig.name, *name);
        assert!(rig.channel(Role::Plate).is_some());
        assert_eq!(rig.emulated(), ["twin", "gpu-only", "desk", "loop", "lauda", "huber"].contains(name));
        assert!(rig.servo().is_some(), "{name}");
        for instrument in &rig.instruments {
            assert!(crate::driver_for(instrument).is_ok(), "{name}: {}", instrument.name);
        }
        // A supply or a circulator that no host commands any more goes on, and somebody must answer for that.
        assert_eq!(
            rig.refuses_unattended(now()).iter().filter(|why| why.contains("has no lease")).count(),
            match *name {
                "arroyo" | "circulator" | "sinara" | "neslab" | "tetech" | "korad" => 1,
                "solar" | "two-outputs" | "chroma" => 2,
                _ => 0,
            },
            "{name}: {:?}",
            rig.refuses_unattended(now())
        );
        // What cools below the room must know its dew point, or somebody answers for that too.
        let damp = rig.unguarded().iter().any(|why| why.key == "dew");
        let cold = rig.servo().and_then(|i| i.setpoint).is_some_and(|s| s.limits.min() < 21.0);
        assert_eq!(damp, cold && !rig.emulated() && !rig.knows_dew_point(), "{name}: {:?}", rig.unguarded());
        assert_eq!(rig.refuses_unattended(now()).iter().any(|why| why.contains("dew point")), damp && rig.waiver.is_none(), "{name}");
    }
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../rigs")).unwrap();
    let files = folder.filter(|f| f.as_ref().is_ok_and(|f| f.path().extension().is_some_and(|e| e == "toml"))).count();
    // The reference bench has a folder of its own.
    assert_eq!(files + 1, builtin().len(), "a rig file is not embedded");
}

#[test]
fn what_a_rig_declares_arrives() {
    let rig = read(SOUND).unwrap();
    let tec = rig.instrument("tec").unwrap();
    assert_eq!((tec.serial, tec.mecom().unwrap().address, tec.lease_s()), (Serial::n81(57_600), 1, Some(3.0)));
    assert_eq!(tec.connection, Connection::Emulated);
    let (plate, sink) = (Read::plain(OBJECT_TEMPERATURE, Channel::Plate), Read::plain(SINK_TEMPERATURE, Channel::Sink));
    let plate = Read { trip_min: Some(0.0), trip_max: Some(75.0), ..plate };
    assert_eq!(tec.reads, [plate, Read { trip_max: Some(70.0), ..sink }]);
    assert_eq!((tec.trips(OBJECT_TEMPERATURE), tec.trips(SINK_TEMPERATURE)), ((Some(0.0), Some(75.0)), (None, Some(70.0))));
    let setpoint = tec.setpoint.unwrap();
    assert_eq!((setpoint.limits.min(), setpoint.limits.max(), setpoint.rate_k_min), (5.0, 60.0, 8.0));
    assert_eq!(rig.channel(Role::Sink).unwrap().safe, SafeAction::On);
    let charged_kg = |ledger| rig.masses.iter().filter(|m| m.ledger == ledger).map(Mass::charged_kg).sum::<f64>();
    assert!(charged_kg(Ledger::FlyingCooling) > 0.0 && charged_kg(Ledger::Support) > charged_kg(Ledger::FlyingCooling));
}

/// One change to a sound rig, and what must be said about it.
const BROKEN: &[(&str, &str, &str)] = &[
    ("emulated = true", "port = \"/tmp\"", "\"/tmp\" is there and is no serial port"),
    ("emulated = true", "port = \"/etc/hostname\"", "\"/etc/hostname\" is there and is no serial port"),
    ("schema = 1", "schema = 2", "reads rig files of schema 1"),
    ("servo_node = \"plate\"", "servo_node = \"coolant_supply\"", "missing [channel.coolant_supply]"),
    ("servo_node = \"plate\"", "servo_node = \"radiator\"", "expected one of `plate`, `coolant_supply`"),
    ("heat_source = \"electrical\"", "heat_source = \"calorimetric\"", "needs a table [coolant]"),
    ("emulated = true", "emulated = false", "`instrument.tec.port`: missing"),
    ("emulated = true", "emulated = true\nport = \"/dev/ttyS0\"", "has no port of its own"),
    ("emulated = true", "port = \"COM9\"", "no absolute path"),
    ("emulated = true", "port = \"/dev/ttyUSB0\"", "/dev/serial/by-id"),
    ("lease_s = 3.0", "lease_s = 1.0", "`instrument.tec.lease_s`: 1 is too short: at least 2 s"),
    ("lease_s = 3.0", "lease_ms = 3000", "wrong unit"),
    ("current_limit_a = 8.0", "", "missing `current_limit_a`"),
    ("current_limit_a = 8.0", "current_limit_a = nan", "current_limit_a"),
    ("current_limit_a = 8.0", "current_limit_a = 8.0\ncurrent_trip_a = 8.0", "8 is not above the limit of 8"),
    ("voltage_limit_v = 16.0", "voltage_limit_v = 16.0\nobject_sensor = \"pt500\"", "expected one of `pt100`"),
    ("address = 1", "address = 0", "`instrument.tec.address` = 0"),
    ("safe = \"off\"", "safe = \"on\"", "its action is \"off\""),
    ("safe = \"off\"", "safe = \"stop\"", "only a workload can be stopped"),
    ("safe = \"stop\"", "safe = \"off\"", "a workload's safe action is \"stop\""),
    ("[channel.workload]\nsafe = \"stop\"", "", "missing [channel.workload]"),
    ("min_degc = 5.0", "min_degc = 65.0", "65 is above max_degc = 60"),
    ("rate_k_min = 8.0", "", "needs all three"),
    ("trip_min_degc = 0.0", "trip_min_degc = 5.0", "the lowest setpoint would trip"),
    ("trip_max_degc = 75.0", "trip_max_degc = 55.0", "the highest setpoint would trip"),
    ("trip_max_degc = 70.0", "", "an upper trip protects nothing"),
    (
        "trip_max_degc = 70.0",
        "trip_max_degc = 70.0\nmin_degc = 1.0\nmax_degc = 2.0\nrate_k_min = 1.0",
        "only what `servo_node` names is servoed",
    ),
    ("reads = \"sink_temperature\"", "reads = \"object_temperature\"", "already reads its object_temperature"),
    ("reads = \"sink_temperature\"", "reads = \"humidity\"", "`channel.sink.reads`"),
    ("instrument = \"tec\"", "instrument = \"chiller\"", "\"chiller\" is no instrument of this rig: there is tec"),
    ("default = \"virtual\"", "default = \"nvml:0\"", "a real accelerator cannot sit on an emulated plate"),
    ("default = \"virtual\"", "default = \"nvml:0,GPU-1\"", "a real accelerator cannot sit on an emulated plate"),
    ("default = \"virtual\"", "default = \"nvml:0,\"", "several after commas"),
    (
        "default = \"virtual\"",
        "default = \"nvml:0,1\"\nsettings = { power_limit_w = [300.0, 400, 500] }",
        "has values for 3 GPUs, and default names 2: one value is for all",
    ),
    ("default = \"virtual\"", "default = \"nvml:0,1\"\nsettings = { power_limit_w = [] }", "expected a number, or one for each"),
    ("default = \"virtual\"", "default = \"nvml:0,1\"\nsettings = { power_limit_w = [300.0, \"x\"] }", "an entry of"),
    (
        "default = \"virtual\"",
        "default = \"nvml:0,1\"\nsettings = { locked_min_mhz = 500, locked_max_mhz = [900, 400] }",
        "needs a locked_max_mhz that is not below it",
    ),
    (
        "default = \"virtual\"",
        "default = \"nvml:0,1,2\"\nsettings = { power_limit_w = [300.0, 400, 500], locked_max_mhz = [900, 400] }",
        "they must be equally long",
    ),
    ("default = \"virtual\"", "default = \"nvml:first\"", "expected \"virtual\", \"cpu\""),
    ("idle_w = 16.0\ntrip", "idle_w = 80.0\ntrip", "80 is not below full_w = 72"),
    ("ledger = \"flying_cooling\"", "ledger = \"orbit\"", "`mass.cold_plate.ledger`"),
    ("[channel.sink]", "[channel.sinks]", "unknown key `sinks`"),
    ("emulated = true", "tcp = \"bath\"", "expected \"host:port\""),
    ("emulated = true", "tcp = \"bath:23\"\nport = \"/dev/ttyS0\"", "already found by `port`"),
    ("emulated = true", "usb = { vid = 70000, pid = 1 }", "`instrument.tec.usb.vid` = 70000"),
    ("lease_s = 3.0", "lease_s = 3.0\nparity = \"mark\"", "expected one of `none`, `even`, `odd`"),
    ("[channel.workload]", "[channel.ambient]\n[channel.workload]", "a temperature channel needs both"),
    ("[channel.workload]", "[channel.flow]\n[channel.workload]", "needs both `instrument` and `reads`"),
    ("[channel.workload]", "[channel.fan]\ninstrument = \"tec\"\nsafe = \"off\"\n[channel.workload]", "stays \"on\""),
    ("[channel.workload]", "[channel.heater]\ninstrument = \"tec\"\nsafe = \"on\"\n[channel.workload]", "goes \"off\""),
    ("[channel.workload]", "[channel.heater]\nsafe = \"off\"\n[channel.workload]", "name the instrument that drives this"),
    (
        "[channel.workload]",
        "[instrument.bath]\ndriver = \"neslab\"\nemulated = true\n[channel.heater]\ninstrument = \"bath\"\nswitched = true\nsafe = \"off\"\n[channel.workload]",
        "no output that can be",
    ),
    (
        "[channel.workload]",
        "[channel.heater]\ninstrument = \"tec\"\nswitched = true\nsafe = \"off\"\n[channel.workload]",
        "\"tec\" already holds the servoed temperature",
    ),
    (
        "[channel.workload]",
        "[channel.heater]\ninstrument = \"tec\"\nswitched = false\nsafe = \"off\"\n[channel.workload]",
        "neither switched nor read",
    ),
    ("rate_k_min = 8.0", "rate_k_min = 8.0\npoll_ticks = 2", "is read at every tick"),
    ("trip_max_degc = 70.0", "trip_max_degc = 70.0\npoll_ticks = 5", "what has an interlock is read at every tick"),
    ("rate_k_min = 8.0", "rate_k_min = 8.0\ncalibration_gain = 0.0", "`channel.plate.calibration_gain` = 0"),
    ("safe = \"on\"", "safe = \"on\"\ncalibration_offset_degc = 1.0", "should be `calibration_offset_k`"),
    (
        "schema = 1",
        "schema = 1\nwaiver = { who = \"A. Person\", when = \"soon\", why = \"a dead-man relay\", waives = [\"dew\"] }",
        "is no day",
    ),
    (
        "schema = 1",
        "schema = 1\nwaiver = { who = \" \", when = \"2026-11-28\", why = \"a dead-man relay\", waives = [\"dew\"] }",
        "waives nothing",
    ),
];

#[test]
fn a_rig_that_contradicts_itself_is_refused_with_words() {
    for (sound, broken, words) in BROKEN {
        assert!(SOUND.contains(sound), "{sound:?} is not in the sound rig");
        let text = SOUND.replacen(sound, broken, 1);
        let problems = read(&text).expect_err(broken).join("\n");
        assert!(problems.contains(words), "after {broken:?}, no {words:?} in\n{problems}");
    }
}

/// Whoever has one instrument of a family finds how it is wired, and what it does when its host dies, in a rig to copy.
#[test]
fn every_driver_and_every_dialect_has_a_shipped_rig_with_a_wiring_note() {
    let noted: Vec<RigFile> = builtin()
        .iter()
        .filter(|(_, text)| text.contains("\n# Wiring") && text.contains("when the host dies\n"))
        .map(|(name, text)| read(text).unwrap_or_else(|p| panic!("{name}: {}", p.join("\n"))))
        .collect();
    let every = || noted.iter().flat_map(|rig| rig.instruments.iter().chain(rig.scale.iter().map(|scale| &scale.instrument)));
    for word in ["mecom", "modbus", "neslab", "tetech", "line"] {
        assert!(every().any(|instrument| instrument.driver.word() == word), "{word}");
    }
    for (name, _) in crate::dialect::builtin() {
        let spoken = |instrument: &Instrument| matches!(&instrument.driver, DriverKind::Line(line) if line.dialect.name == *name);
        assert!(every().any(spoken), "no shipped rig shows how an instrument of the dialect \"{name}\" is wired");
    }
}

#[test]
fn an_instrument_is_found_in_any_of_four_ways_and_its_line_set() {
    let found = |by: &str| {
        let text = SOUND.replacen("emulated = true", by, 1).replacen("[accelerator]", "[accelerator]\ncoupled = false", 1);
        read(&text).unwrap_or_else(|p| panic!("{by}: {}", p.join("\n"))).instruments[0].clone()
    };
    let usb = UsbId { vid: 0x403, pid: 0x6015, serial: Some("DN01".into()) };
    assert_eq!(found("usb = { vid = 0x0403, pid = 0x6015, serial = \"DN01\" }").connection, Connection::Usb(usb));
    assert_eq!(found("tcp = \"192.168.1.26:23\"").connection, Connection::Tcp("192.168.1.26:23".into()));
    let even = found("port = \"/dev/serial/by-id/x\"\nbaud = 4800\nparity = \"even\"\ndata_bits = 7\nstop_bits = 2").serial;
    assert_eq!(even, Serial { baud: 4800, data_bits: 7, parity: Parity::Even, stop_bits: 2 });
    assert_eq!((even.bits_a_byte(), even.wire_s(48)), (11.0, 0.11));
}

#[test]
fn a_channel_may_be_corrected_and_read_seldom() {
    let text = SOUND.replacen("trip_max_degc = 70.0", "trip_max_degc = 70.0\ncalibration_gain = 1.01\ncalibration_offset_k = -0.2", 1);
    let corrected = &read(&text).unwrap().instruments[0].reads[1];
    assert_eq!((corrected.correction, corrected.every), (Correction { gain: 1.01, offset: -0.2 }, 1));
    let seldom = read(include_str!("../../../rigs/loop.toml")).unwrap();
    let read = seldom.instruments.iter().flat_map(|i| &i.reads).find(|r| r.channel == Channel::Humidity).unwrap();
    assert_eq!(read.every, 10);
    assert!((corrected.correction.invert(corrected.correction.apply(31.7)) - 31.7).abs() < 1e-12);
    // However few of the ticks are polled, and whichever: at the first, and whenever ten more have passed.
    let due = |ticks: &[u64]| -> Vec<u64> {
        let mut before = None;
        let rounds = ticks.iter().enumerate().map(|(n, tick)| Round { tick: *tick, before: before.replace(*tick), number: n as u64 });
        rounds.filter(|round| read.due(*round)).map(|round| round.tick).collect()
    };
    assert_eq!(due(&(0..21).collect::<Vec<_>>()), [0, 10, 20]);
    assert_eq!(due(&[2, 6, 14, 18, 22, 26, 42, 44, 46]), [2, 14, 22, 42]);
    assert_eq!(due(&[4, 104, 204]), [4, 104, 204]);
    assert_eq!(due(&[10, 10, 11, 11]), [10, 10], "a tick that is polled again is no later one");
}

const LINE: &str = "[instrument.psu]\ndriver = \"line\"\ndialect = \"scpi-supply\"\nemulated = true\ncurrent_limit_a = 2.0\n[channel.heater]\n\
    instrument = \"psu\"\nreads_v = \"voltage\"\ndrives = \"voltage\"\nmin_v = 0.0\nmax_v = 24.0\nsafe = \"off\"\n";

#[test]
fn what_a_dialect_needs_and_offers_is_held_against_the_rig() {
    let text = format!("{SOUND}{LINE}");
    let rig = read(&text).unwrap_or_else(|p| panic!("{}", p.join("\n")));
    let drive = rig.instrument("psu").unwrap().drive.clone().unwrap();
    assert_eq!((drive.role, drive.safe, drive.level.unwrap().start), (Role::Heater, SafeAction::Off, 0.0));
    assert!(rig.refuses_unattended(now())[0].contains("psu has no lease"));
    let waived = text.replacen(
        "[interface]",
        "[waiver]\nwho = \"A. Person\"\nwhen = \"2026-11-28\"\nwhy = \"a dead-man relay\"\nwaives = [\"lease.psu\"]\n[interface]",
        1,
    );
    assert_eq!(read(&waived).unwrap().refuses_unattended(now()), Vec::<String>::new());
    for (sound, broken, words) in [
        ("current_limit_a = 2.0", "", "sets `current_limit_a` and cannot do without"),
        ("current_limit_a = 2.0", "current_limit_a = 2.0\nlease_s = 3.0", "has no line that would set this"),
        ("dialect = \"scpi-supply\"", "dialect = \"scpi\"", "\"scpi\" is not known: expected one of arroyo"),
        ("dialect = \"scpi-supply\"", "dialect = \"no/such.toml\"", "cannot read no/such.toml"),
        ("current_limit_a = 2.0", "current_limit_a = 2.0\nfirmware = \">= beta\"", "\">= beta\" is no version"),
        ("lease_s = 3.0", "lease_s = 3.0\nfirmware = \"v5.1\"", "\"v5.1\" is no number, as this device tells its version"),
        ("dialect = \"scpi-supply\"", "dialect = \"lauda\"\nserial_number = \"1\"", "devices of the dialect \"lauda\" do not tell it"),
        ("dialect = \"scpi-supply\"", "", "missing `dialect`"),
        ("reads_v = \"voltage\"", "reads_v = \"volts\"", "instrument \"psu\" reads voltage, current"),
        ("drives = \"voltage\"", "drives = \"current\"", "can be given voltage"),
        ("max_v = 24.0", "", "missing `max_v`"),
        ("max_v = 24.0", "max_w = 24.0", "`max_w`"),
        ("max_v = 24.0", "max_v = 24.0\nstart_v = 30.0", "30 is outside min_v = 0 and max_v = 24"),
        ("drives = \"voltage\"", "drives = \"voltage\"\nswitched = false", "nothing can be set on an output that is not switched"),
    ] {
        let problems = read(&text.replacen(sound, broken, 1)).expect_err(broken).join("\n");
        assert!(problems.contains(words), "after {broken:?}, no {words:?} in\n{problems}");
    }
}

/// One mistake is one problem: what follows from it would only hide it.
#[test]
fn a_misspelt_dialect_is_the_only_problem() {
    let lines = builtin().iter().filter(|(_, text)| text.contains("\ndialect = \""));
    let mut count = 0;
    for (name, text) in lines {
        for (at, _) in text.match_indices("\ndialect = \"") {
            let broken = format!("{}\ndialect = \"x-{}", &text[..at], &text[at + "\ndialect = \"".len()..]);
            let problems = read(&broken).expect_err(name);
            assert!(problems.len() == 1 && problems[0].contains("is not known: expected one of"), "{name}: {}", problems.join("\n"));
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
}

#[test]
fn a_dialect_beside_the_rig_file_is_read_and_its_problems_told_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let (_, supply) = crate::dialect::builtin().iter().find(|(name, _)| *name == "scpi-supply").unwrap();
    std::fs::write(folder.path().join("mine.toml"), supply).unwrap();
    std::fs::write(
        folder.path().join("broken.toml"),
        supply.replacen("ask = \"CURR?\"", "ask = \"CURR{x}?\"", 1).replacen("unit = \"v\"", "unit = \"kg\"", 1),
    )
    .unwrap();
    let file = folder.path().join("rig.toml").display().to_string();
    let told = |dialect: &str| {
        let text = format!("{SOUND}{}", LINE.replacen("scpi-supply", dialect, 1));
        let doc = Document::parse(file.clone(), &text);
        let rig = RigFile::read(&doc.root());
        doc.finish(rig).map_err(|problems| problems.to_string())
    };
    assert!(told("mine.toml").is_ok());
    let problems = told("broken.toml").unwrap_err();
    assert!(problems.contains("broken.toml:29:7: `setup.current_limit.ask`: {x} is not known here"), "{problems}");
    assert!(problems.contains("\"kg\" is not known: expected one of `v`"), "both at once:\n{problems}");
}

#[test]
fn a_rig_whose_outputs_lapse_by_themselves_may_be_left_alone() {
    let rig = read(SOUND).unwrap();
    assert_eq!(rig.refuses_unattended(now()), Vec::<String>::new());
    assert_eq!(rig.waiver, None);
}

#[test]
fn a_virtual_card_does_not_heat_a_real_plate() {
    let text = SOUND.replacen("emulated = true", "port = \"/dev/serial/by-id/usb-tec\"", 1);
    assert!(read(&text).unwrap_err().join("\n").contains("a virtual card does not heat a real plate"));
    assert!(read(&text.replacen("[accelerator]", "[accelerator]\ncoupled = false", 1)).is_ok());
}

#[test]
fn an_empty_file_names_everything_that_is_missing() {
    let problems = read("").unwrap_err().join("\n");
    for word in ["schema", "name", "[interface]", "[instrument.NAME]", "[channel.plate]", "[channel.workload]", "[accelerator]"] {
        assert!(problems.contains(word), "no {word} in\n{problems}");
    }
}

proptest! {
    /// Whatever a line is replaced by, reading ends with a rig or with words.
    #[test]
    fn no_rig_file_panics(line in any::<proptest::sample::Index>(), by in "[a-z_]{0,12} ?=? ?[\"0-9a-z.-]{0,10}") {
        let mut lines: Vec<&str> = SOUND.lines().collect();
        let at = line.index(lines.len());
        lines[at] = &by;
        let _ = read(&lines.join("\n"));
    }
}

/// Controllers that name one port share its line by their addresses; what cannot share one says so by name.
#[test]
fn instruments_on_one_port_share_its_line_by_address() {
    let real =
        SOUND.replace("emulated = true", "port = \"/dev/serial/by-id/usb-485\"").replace("default = \"virtual\"", "default = \"nvml:0\"");
    let second = |own: &str| {
        format!(
            "[instrument.room]\nport = \"/dev/serial/by-id/usb-485\"\n{own}\n[channel.ambient]\ninstrument = \"room\"\nreads = \"object_temperature\"\n"
        )
    };
    let mecom = "driver = \"mecom\"\nlease_s = 3.0\ncurrent_limit_a = 1.0\nvoltage_limit_v = 1.0\naddress = 2";
    let with = |own: &str| read(&(real.clone() + &second(own)));
    let rig = with(mecom).unwrap();
    assert_eq!(rig.lines(), [vec![0, 1]]);
    assert_eq!(read(SOUND).unwrap().lines(), [[0]]);
    for (own, words) in [
        (mecom.replace("address = 2", "address = 1"), "1 is the address of \"tec\" on the same line"),
        (mecom.replace("address = 2", "address = 2\nbaud = 9600"), "must be set alike for both"),
        ("driver = \"tetech\"\nmodel = \"TC-720\"".to_owned(), "\"tec\" is on the same port: only Modbus units, or MeCom controllers"),
    ] {
        let problems = with(&own).expect_err(&own);
        assert!(problems.iter().any(|problem| problem.contains(words)), "no {words:?} in {problems:?}");
    }
}

const SECOND: &str = "[instrument.warm]\noutput_of = \"tec\"\noutput = 2\ncurrent_limit_a = 2.0\nvoltage_limit_v = 12.0\n[channel.heater]\n\
                      instrument = \"warm\"\ndrives = \"output_current\"\nmin_a = 0.0\nmax_a = 1.5\nreads_a = \"output_current\"\nsafe = \"off\"\n";

#[test]
fn a_second_output_has_its_devices_line_identity_and_lease_and_limits_of_its_own() {
    let rig = read(&(SOUND.to_owned() + SECOND)).unwrap();
    assert_eq!(rig.lines(), [[0, 1]], "one line");
    let [tec, warm] = &rig.instruments[..] else { panic!("two of them") };
    assert_eq!((tec.device(), warm.device()), ("tec", "tec"));
    assert_eq!((tec.output_number(), warm.output_number()), (Some(1), Some(2)));
    assert_eq!((tec.lease_s(), warm.lease_s()), (Some(3.0), Some(3.0)));
    assert_eq!((tec.current_limit_a(), warm.current_limit_a()), (Some(8.0), Some(2.0)));
    assert_eq!(warm.mecom().unwrap().device_type, Some(1090));
    assert!(tec.mecom().unwrap().several && !read(SOUND).unwrap().instruments[0].mecom().unwrap().several);
    assert_eq!(rig.refuses_unattended(now()), [""; 0], "its device's watchdog minds it");
    // A supply without a lease has none for any of its outputs.
    let supply = "[instrument.psu]\ndriver = \"line\"\ndialect = \"scpi-outputs\"\nemulated = true\ncurrent_limit_a = 1.0\n";
    let aux = "[instrument.aux]\noutput_of = \"psu\"\noutput = 3\ncurrent_limit_a = 0.5\n[channel.aux_supply]\ninstrument = \"aux\"\n\
               drives = \"voltage\"\nmin_v = 0.0\nmax_v = 5.0\nsafe = \"off\"\n";
    let rig = read(&format!("{SOUND}{supply}{aux}")).unwrap();
    assert_eq!(rig.lines(), [vec![0], vec![1, 2]]);
    assert!(rig.refuses_unattended(now()).iter().any(|why| why.contains("aux has no lease")), "{:?}", rig.refuses_unattended(now()));
}

#[test]
fn an_output_that_contradicts_its_device_is_refused_with_words() {
    let broken = [
        ("output_of = \"tec\"", "output_of = \"tac\"", "\"tac\" is no device of this rig"),
        ("output = 2", "output = 1", "`instrument.warm.output` = 1 is impossible"),
        ("output = 2", "output = 2\nlease_s = 9.0", "this is said once for the device, in [instrument.tec]"),
        ("output = 2", "output = 2\nport = \"/dev/serial/by-id/x\"", "this is said once for the device"),
        ("drives = \"output_current\"", "drives = \"output_voltage\"", "can be given output_current"),
        ("current_limit_a = 2.0\n", "", "missing `current_limit_a`"),
        (
            "[channel.heater]",
            "[instrument.too]\noutput_of = \"tec\"\noutput = 2\ncurrent_limit_a = 1.0\nvoltage_limit_v = 1.0\n[channel.heater]",
            "is that output of \"tec\" already",
        ),
        ("[channel.heater]", "[instrument.too]\noutput_of = \"warm\"\noutput = 2\n[channel.heater]", "\"warm\" is no device"),
        (
            "[channel.heater]",
            "[instrument.psu]\ndriver = \"line\"\ndialect = \"scpi-supply\"\nemulated = true\ncurrent_limit_a = 1.0\n[instrument.too]\noutput_of = \"psu\"\noutput = 2\n[channel.heater]",
            "whose lines number their outputs",
        ),
    ];
    for (from, to, expected) in broken {
        assert!(SECOND.contains(from), "no {from:?} to break");
        let said = read(&(SOUND.to_owned() + &SECOND.replacen(from, to, 1))).err().unwrap_or_default().join("\n");
        assert!(said.contains(expected), "after {to:?}, no {expected:?} in\n{said}");
    }
}

/// Emulated instruments share a line where they say so, and by the same rules as real ones.
#[test]
fn emulated_instruments_share_a_line_by_its_name() {
    let shared = SOUND.replace("emulated = true", "emulated = true\nline = \"rs485\"");
    let second = |own: &str| {
        format!("[instrument.room]\nemulated = true\n{own}\n[channel.ambient]\ninstrument = \"room\"\nreads = \"object_temperature\"\n")
    };
    let mecom = "driver = \"mecom\"\nlease_s = 3.0\ncurrent_limit_a = 1.0\nvoltage_limit_v = 1.0\naddress = 2\n";
    let with = |own: &str| read(&(shared.clone() + &second(own)));
    assert_eq!(with(&format!("{mecom}line = \"rs485\"")).unwrap().lines(), [vec![0, 1]]);
    assert_eq!(with(mecom).unwrap().lines(), [[0], [1]], "who does not say so has a port of its own");
    let said = |own: &str| with(own).expect_err(own).join("\n");
    assert!(said(&format!("{}line = \"rs485\"", mecom.replace("address = 2", "address = 1"))).contains("1 is the address of \"tec\""));
    assert!(said("driver = \"tetech\"\nmodel = \"TC-720\"\nline = \"rs485\"").contains("only Modbus units, or MeCom controllers"));
    let real = SOUND.replace("emulated = true", "port = \"/dev/serial/by-id/x\"\nline = \"rs485\"");
    assert!(read(&real).expect_err("a real one").join("\n").contains("by naming the same port"));
}

/// Keys of `[interlock]`, as its unknown ones are refused.
fn interlock_keys() -> Vec<String> {
    let said = read(&(SOUND.to_owned() + "[interlock]\nno_such_key = 1\n")).expect_err("unknown").join("\n");
    let (_, list) = said.split_once("expected one of ").expect("it names them");
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Operators read of interlocks in one place: every key is there, with the default that counts and the range that is taken.
#[test]
fn every_interlock_is_documented_as_it_is() {
    let page = include_str!("../../../rigs/README.md");
    let keys = interlock_keys();
    assert!(keys.len() >= 10, "{keys:?}");
    for key in &keys {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{key}` |"))).unwrap_or_else(|| panic!("no row for {key}"));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let with = |value: &str| read(&format!("{SOUND}[interlock]\n{key} = {value}\n"));
        let float = |text: &str| text.parse::<f64>().map_or_else(|_| text.to_owned(), |n| format!("{n:?}"));
        let mut rule = with(&float(cells[2])).unwrap_or_else(|why| panic!("{key}: {why:?}")).interlock;
        rule.saturation_trips = false;
        assert_eq!(rule, read(SOUND).unwrap().interlock, "{key}: the default is another one");
        if let Some((low, high)) = cells[3].split_once(" to ") {
            let (low, high): (f64, f64) = (low.parse().unwrap(), high.parse().unwrap());
            for (value, fits) in [(low, true), (high, true), (low - 0.01, false), (high + 1.0, false)] {
                let said = with(&format!("{value:?}")).err().unwrap_or_default().join("\n");
                assert_eq!(!said.contains("is impossible"), fits, "{key} = {value}: {said}");
            }
        }
    }
    let rows = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, keys.len(), "and no key that is none");
}

/// Each shipped rig shows what of it may want changing: the block reads as it stands, and says what counts anyway.
#[test]
fn every_shipped_rig_shows_its_interlocks() {
    for (name, text) in builtin() {
        let (before, block) = text.split_once("# [interlock]\n").unwrap_or_else(|| panic!("{name} shows none"));
        let (block, after) = block.split_once("\n\n").unwrap();
        let live: Vec<&str> = block.lines().map(|line| line.strip_prefix("# ").unwrap_or_else(|| panic!("{name}: {line}"))).collect();
        let mut rig = read(&format!("{before}[interlock]\n{}\n\n{after}", live.join("\n"))).unwrap_or_else(|why| panic!("{name}: {why:?}"));
        rig.interlock.saturation_trips = false;
        let plain = read(text).unwrap();
        assert_eq!(rig.interlock, plain.interlock, "{name}");
        assert_eq!(block.contains("dew_"), plain.knows_dew_point(), "{name}");
        let spins = plain.channels.iter().any(|c| c.role.spins());
        assert_eq!(block.contains("stopped_s"), spins, "{name}");
        assert_eq!(block.contains("saturation_s"), plain.servo().and_then(Instrument::current_limit_a).is_some(), "{name}");
    }
}

const LOOP: &str = include_str!("../../../rigs/loop.toml");

/// One change to the shipped loop, and what must be said about it.
const BROKEN_LOOP: &[(&str, &str, &str)] = &[
    ("[channel.board_power] ", "[channel.aux_supply] ", "\"meter\" needs a [channel.board_power] that is read"),
    ("\nheat_source = \"meter\"", "\nheat_source = \"meter\"\nenergy_source = \"accelerator\"", "two figures for one thing"),
    ("reads_j = \"energy\"\n", "reads_j = \"energy\"\npoll_ticks = 5\n", "has poll_ticks above 1"),
    ("\nheat_source = \"meter\"", "\nheat_source = \"electrical\"\nenergy_source = \"calorimetric\"", "energy_source"),
    ("[channel.flow]", "[channel.fan]", "missing"),
    ("fluid = \"water\" ", "fluid = \"brine\" ", "expected one of `water`"),
    ("fluid = \"water\" ", "fluid = \"ethylene_glycol\"\nmass_frac = 0.9 ", "`coolant.mass_frac` = 0.9 is impossible"),
    ("least_l_min = 0.05 ", "", "missing `least_l_min`"),
    ("trip_min_l_min = 0.08 ", "trip_min_l_min = 0.0 ", "0 guards nothing"),
    ("trip_min_l_min = 0.08 ", "trip_min_l_min = -1.0 ", "-1 guards nothing"),
    ("min_degc = 10.0\n", "min_degc = -20.0\n", "water freezes, and [channel.coolant_supply] may be set to -20 °C"),
    ("servo_node = \"coolant_supply\"\nheat_source", "servo_node = \"plate\"\nheat_source", "the servoed plate needs min_degc"),
    ("trip_min_degc = 4.0\ntrip_max_degc = 70.0", "trip_max_degc = 70.0", "a cooled coolant_supply without a lower trip freezes"),
    ("safe = \"off\"", "safe = \"on\"", "its action is \"off\""),
    ("schema = 1\n", "schema = 1\ninterlock = { stopped_s = 60.0, start_s = 5.0 }\n", "it could never start"),
    ("schema = 1\n", "schema = 1\ninterlock = { dew_margin_k = 0.0 }\n", "`interlock.dew_margin_k` = 0 is impossible"),
];

#[test]
fn a_loop_that_lacks_what_it_goes_by_is_refused_with_words() {
    assert!(read(LOOP).is_ok());
    for (from, to, expected) in BROKEN_LOOP {
        assert!(LOOP.contains(from), "no {from:?} to break");
        let said = read(&LOOP.replacen(from, to, 1)).err().unwrap_or_default().join("\n");
        assert!(said.contains(expected), "after {to:?}, no {expected:?} in\n{said}");
    }
}

/// Ten times too cold is a plate on its way to ten times too warm.
#[test]
fn a_te_controllers_scale_is_its_models() {
    let (_, text) = builtin().iter().find(|(name, _)| *name == "tetech").expect("ships");
    let with = |own: &str| read(&text.replacen("model = \"TC-720\"", &format!("model = \"TC-720\"\n{own}"), 1)).map_err(|p| p.join("\n"));
    for (own, sound) in [("", true), ("scale = 100.0", true), ("scale = 10.0", false), ("scale = 1000.0", false)] {
        let said = with(own);
        assert_eq!(said.is_ok(), sound, "{own}: {said:?}");
        assert!(said.err().is_none_or(|why| why.contains("no scale of a TC-720: by its manual it has 100 counts a kelvin")), "{own}");
    }
}
