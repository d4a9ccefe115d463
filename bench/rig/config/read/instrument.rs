//! What an `[instrument.NAME]` says of itself. What channels make of it is bound later.

use crate::config::{
    Connection, DriverKind, Firmware, Instrument, LineSettings, MecomSettings, ModbusSettings, NeslabSettings, Parity, Serial,
    TetechSettings, UsbId,
};
use crate::dialect::{self, Dialect};
use crate::protocol::mecom::Sensor;
use crate::protocol::modbus::RegisterMap;
use crate::protocol::tetech::Model;
use signal::Section;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Shortest lease, wall seconds: below it a busy host would lose its output for nothing.
const SHORTEST_LEASE_S: f64 = 2.0;

/// The words of `driver`.
#[derive(Clone, Copy)]
enum Word {
    Mecom,
    Modbus,
    Neslab,
    Tetech,
    Line,
}

pub(in crate::config) fn instrument(name: String, section: &Section<'_>) -> Instrument {
    let words =
        [("mecom", Word::Mecom), ("line", Word::Line), ("modbus", Word::Modbus), ("neslab", Word::Neslab), ("tetech", Word::Tetech)];
    let word = section.choice("driver", &words);
    let (driver, usual) = match word {
        Word::Mecom => (DriverKind::Mecom(mecom(section)), Usual { serial: Serial::n81(57_600), reply_timeout_s: 0.1 }),
        Word::Modbus => (DriverKind::Modbus(modbus(section)), Usual { serial: Serial::n81(9600), reply_timeout_s: 0.3 }),
        Word::Neslab => (DriverKind::Neslab(neslab(section)), Usual { serial: Serial::n81(19_200), reply_timeout_s: 0.2 }),
        Word::Tetech => {
            let settings = tetech(section);
            (DriverKind::Tetech(settings), Usual { serial: Serial::n81(settings.model.baud()), reply_timeout_s: 0.2 })
        }
        Word::Line => {
            let settings = line(section);
            let rules = &settings.dialect.line;
            let usual = Usual { serial: rules.serial, reply_timeout_s: rules.reply_timeout_s };
            (DriverKind::Line(settings), usual)
        }
    };
    Instrument {
        driver,
        connection: connection(section),
        serial: serial(section, usual.serial),
        reply_timeout_s: section.number_or("reply_timeout_s", 0.01..=10.0, usual.reply_timeout_s),
        reads: Vec::new(),
        setpoint: None,
        drive: None,
        name,
    }
}

/// What a driver's devices are found with where the rig does not say.
struct Usual {
    serial: Serial,
    reply_timeout_s: f64,
}

fn mecom(section: &Section<'_>) -> MecomSettings {
    let whole = |key: &str, to: i64| section.optional_number(key, 0.0..=to as f64).map(|_| section.integer(key, 0..=to) as u32);
    let lease_s = section.number("lease_s", SHORTEST_LEASE_S..=60.0);
    let limited =
        MecomSettings::limited(lease_s, section.number("current_limit_a", 0.01..=50.0), section.number("voltage_limit_v", 0.1..=60.0));
    let trip = |key: &str, limit: f64, usual: f64| {
        let trip = section.number_or(key, 0.01..=100.0, usual);
        if trip <= limit {
            section.problem(key, format_args!("{trip} is not above the limit of {limit}: the device would trip while it limits"));
        }
        trip
    };
    let sensors = Sensor::ALL.map(|sensor| (sensor.word(), sensor));
    MecomSettings {
        address: section.integer_or("address", 1..=254, 1) as u8,
        current_trip_a: trip("current_trip_a", limited.current_limit_a, limited.current_trip_a),
        voltage_trip_v: trip("voltage_trip_v", limited.voltage_limit_v, limited.voltage_trip_v),
        object_sensor: section.has("object_sensor").then(|| section.choice("object_sensor", &sensors)),
        device_type: whole("device_type", 99_999),
        serial_number: whole("serial_number", i64::from(i32::MAX)),
        ..limited
    }
}

fn modbus(section: &Section<'_>) -> ModbusSettings {
    let map = RegisterMap::read(section);
    let named = |key: &str, writable: bool| {
        let name = section.optional_text(key, "the NAME of a register")?;
        match map.get(&name) {
            None => section.problem(key, format_args!("\"{name}\" is no register of this instrument")),
            Some(register) if writable && !register.writable => {
                section.problem(key, format_args!("register \"{name}\" must be `writable = true` for this"));
            }
            Some(_) => {}
        }
        Some(name)
    };
    let target = named("target", true);
    let controls = named("controls", false);
    if target.is_some() != controls.is_some() {
        section.problem("target", "a device that regulates needs both: `target`, and the temperature it `controls`");
    }
    let lease = named("lease", true).map(|name| (name, section.number("lease_s", SHORTEST_LEASE_S..=3600.0)));
    let identity = named("serial_register", false).map(|name| (name, section.integer("serial_number", 0..=i64::from(u32::MAX)) as u32));
    let output = named("output", true);
    ModbusSettings { address: section.integer("address", 1..=247) as u8, map, output, target, controls, lease, identity }
}

fn neslab(section: &Section<'_>) -> NeslabSettings {
    NeslabSettings { address: section.has("address").then(|| section.integer("address", 1..=100) as u16) }
}

fn tetech(section: &Section<'_>) -> TetechSettings {
    let models = [("TC-36-25", Model::Tc3625), ("TC-48-20", Model::Tc4820), ("TC-720", Model::Tc720)];
    TetechSettings { model: section.choice("model", &models), scale: section.number_or("scale", 1.0..=1000.0, 100.0) }
}

fn line(section: &Section<'_>) -> LineSettings {
    let dialect = spoken(section);
    // Without a dialect nothing is known of what it would need: that one problem is enough.
    let (needed, optional) = dialect.as_ref().map(Dialect::parameters).unwrap_or_default();
    let number = |key: &str, range: std::ops::RangeInclusive<f64>| {
        let value = section.optional_number(key, range);
        if let Some(dialect) = &dialect {
            if value.is_some() && !needed.contains(&key) && !optional.contains(&key) {
                section.problem(key, format_args!("the dialect \"{}\" has no line that would set this; remove it", dialect.name));
            }
            if !section.has(key) && needed.contains(&key) {
                section.problem(key, format_args!("missing: the dialect \"{}\" sets `{key}` and cannot do without", dialect.name));
            }
        }
        value
    };
    let lease_s = number("lease_s", SHORTEST_LEASE_S..=3600.0);
    let (current_limit_a, voltage_limit_v) = (number("current_limit_a", 0.001..=1000.0), number("voltage_limit_v", 0.01..=1000.0));
    let declared = |key: &str, told: &str, expected: &str| {
        let text = section.optional_text(key, expected);
        if let Some(dialect) = dialect.as_ref().filter(|dialect| text.is_some() && !dialect.identify.tells(told)) {
            section.problem(key, format_args!("devices of the dialect \"{}\" do not tell it; remove this", dialect.name));
        }
        text
    };
    let firmware = declared("firmware", "firmware", "the firmware it must report, or \">= VERSION\"");
    LineSettings {
        lease_s,
        current_limit_a,
        voltage_limit_v,
        power_limit_w: number("power_limit_w", 0.01..=1e5),
        address: section.integer_or("address", 0..=254, 1) as u8,
        output: section.integer_or("output", 0..=99, 1) as u8,
        model: declared("model", "model", "the model it must report"),
        serial_number: declared("serial_number", "serial", "the serial number it must report, in quotes"),
        firmware: firmware.and_then(|text| {
            let wanted = Firmware::parse(&text);
            if wanted.is_none() {
                section.problem("firmware", format_args!("\"{text}\" is no version: expected such as \"2.34\" or \">= 2.3\""));
            }
            wanted
        }),
        sensor_type: number("sensor_type", 0.0..=99.0),
        off_conditions: number("off_conditions", 0.0..=65_535.0),
        dialect: Arc::new(dialect.unwrap_or_else(Dialect::silent)),
    }
}

/// The dialect: one that ships, or a file beside the rig's.
fn spoken(section: &Section<'_>) -> Option<Dialect> {
    let wanted = section.text("dialect", "the name of a dialect, or the path of one relative to this file");
    let parsed = if let Some((_, text)) = dialect::builtin().iter().find(|(name, _)| *name == wanted) {
        Dialect::parse(&wanted, text)
    } else if Path::new(&wanted).extension().is_some_and(|extension| extension == "toml") {
        let path = Path::new(section.file()).parent().unwrap_or(Path::new("")).join(&wanted);
        match std::fs::read_to_string(&path) {
            Ok(text) => Dialect::parse(&path.display().to_string(), &text),
            Err(why) => {
                section.problem("dialect", format_args!("cannot read {}: {why}", path.display()));
                return None;
            }
        }
    } else {
        if section.has("dialect") {
            let known: Vec<&str> = dialect::builtin().iter().map(|(name, _)| *name).collect();
            let known = known.join(", ");
            section.problem("dialect", format_args!("\"{wanted}\" is not known: expected one of {known}, or the path of a .toml file"));
        }
        return None;
    };
    parsed.map_err(|problems| section.problem("dialect", format_args!("the dialect has problems:\n{problems}"))).ok()
}

fn serial(section: &Section<'_>, usual: Serial) -> Serial {
    Serial {
        baud: section.integer_or("baud", 300..=1_000_000, i64::from(usual.baud)) as u32,
        data_bits: section.integer_or("data_bits", 7..=8, i64::from(usual.data_bits)) as u8,
        parity: section.choice_or("parity", &[Parity::None, Parity::Even, Parity::Odd].map(|p| (p.word(), p)), usual.parity),
        stop_bits: section.integer_or("stop_bits", 1..=2, i64::from(usual.stop_bits)) as u8,
    }
}

fn connection(section: &Section<'_>) -> Connection {
    let emulated = section.flag_or("emulated", false);
    let port = section.optional_text("port", "the path of a serial port, such as \"/dev/serial/by-id/...\"");
    let tcp = section.optional_text("tcp", "\"host:port\"");
    let usb = section.optional_section("usb");
    let ways: Vec<&str> = [("emulated", emulated), ("port", port.is_some()), ("usb", usb.exists()), ("tcp", tcp.is_some())]
        .into_iter()
        .filter_map(|(key, there)| there.then_some(key))
        .collect();
    match ways[..] {
        [] => {
            section.problem(
                "port",
                "missing: say where the instrument is: `port`, `usb = { vid, pid, serial }` or `tcp = \"host:port\"`, or `emulated = true`",
            );
        }
        [_] => {}
        ["emulated", other, ..] => {
            section.problem(other, "an emulated instrument has no port of its own; remove this, or `emulated`");
        }
        [first, second, ..] => section.problem(second, format_args!("the instrument is already found by `{first}`; keep one of the two")),
    }
    match (emulated, port, tcp) {
        (false, Some(port), _) => Connection::Port(path(section, port)),
        (false, None, Some(tcp)) => Connection::Tcp(address(section, tcp)),
        (false, None, None) if usb.exists() => Connection::Usb(UsbId {
            vid: usb.integer("vid", 0..=0xFFFF) as u16,
            pid: usb.integer("pid", 0..=0xFFFF) as u16,
            serial: usb.optional_text("serial", "the adapter's serial number, in quotes"),
        }),
        (true, ..) | (false, None, None) => Connection::Emulated,
    }
}

fn path(section: &Section<'_>, port: String) -> PathBuf {
    if !port.starts_with('/') {
        section.problem("port", format_args!("\"{port}\" is no absolute path"));
    } else if ["/dev/ttyUSB", "/dev/ttyACM"].iter().any(|p| port.starts_with(p)) {
        section.problem(
            "port",
            format_args!("\"{port}\" may be another device after the next replug; use the link to it under /dev/serial/by-id (or by-path)"),
        );
    }
    PathBuf::from(port)
}

fn address(section: &Section<'_>, tcp: String) -> String {
    let sound = tcp.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0));
    if !sound {
        section.problem("tcp", format_args!("\"{tcp}\" is no address: expected \"host:port\", such as \"192.168.1.26:23\""));
    }
    tcp
}
