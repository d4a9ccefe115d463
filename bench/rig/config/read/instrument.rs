//! What an `[instrument.NAME]` says of itself. What channels make of it is bound later.

use crate::config::{
    Connection, DriverKind, Firmware, Instrument, LineSettings, MecomSettings, ModbusFirmware, ModbusSettings, NeslabSettings, Parity,
    Serial, TetechSettings, UsbId,
};
use crate::dialect::{self, Dialect};
use crate::protocol::mecom::Sensor;
use crate::protocol::modbus::RegisterMap;
use crate::protocol::tetech::{Codes, Model};
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
        line: shared_line(section),
        output_of: None,
        serial: serial(section, usual.serial),
        reply_timeout_s: section.number_or("reply_timeout_s", 0.01..=10.0, usual.reply_timeout_s),
        reads: Vec::new(),
        setpoint: None,
        drive: None,
        name,
    }
}

/// Reads `[instrument.NAME]` with `output_of`: another output of a device that is described already.
pub(super) fn output(name: String, section: &Section<'_>, device: &Instrument) -> Instrument {
    for key in [
        "driver",
        "dialect",
        "port",
        "usb",
        "tcp",
        "emulated",
        "line",
        "baud",
        "address",
        "lease_s",
        "serial_number",
        "firmware",
        "hardware",
        "reply_timeout_s",
        "ram_only",
    ] {
        if section.has(key) {
            section.problem(key, format_args!("this is said once for the device, in [instrument.{}]; remove it here", device.name));
        }
    }
    let driver = match &device.driver {
        DriverKind::Mecom(first) => {
            let own = limited(section, first.lease_s);
            let output = section.integer("output", 2..=2) as u8;
            DriverKind::Mecom(MecomSettings {
                address: first.address,
                output,
                several: true,
                device_type: first.device_type,
                serial_number: first.serial_number,
                firmware: first.firmware.clone(),
                hardware: first.hardware.clone(),
                ram_only: first.ram_only,
                ..own
            })
        }
        // A dialect that could not be had is one problem already.
        DriverKind::Line(first) if first.dialect.numbers_outputs() || device.is_unspoken() => {
            let own = line_limits(section, &first.dialect);
            let output = section.integer("output", 1..=99) as u8;
            let (dialect, address, model) = (Arc::clone(&first.dialect), first.address, first.model.clone());
            DriverKind::Line(LineSettings {
                dialect,
                address,
                output,
                model,
                serial_number: first.serial_number.clone(),
                firmware: first.firmware.clone(),
                lease_s: first.lease_s,
                ..own
            })
        }
        other => {
            section.problem(
                "output_of",
                "only MeCom controllers, and devices of a dialect whose lines number their outputs ({output}), have several outputs here",
            );
            other.clone()
        }
    };
    Instrument { name, driver, reads: Vec::new(), setpoint: None, drive: None, output_of: Some(device.name.clone()), ..device.clone() }
}

fn shared_line(section: &Section<'_>) -> Option<String> {
    let line = section.optional_text("line", "a name for the emulated line that instruments share");
    if line.is_some() && !section.flag_or("emulated", false) {
        section.problem("line", "real instruments share a line by naming the same port; remove this");
    }
    line
}

/// A lease is long enough for a busy host, or 0: then the device's watchdog is switched off, which only what must keep running may have.
fn check_lease(section: &Section<'_>, lease_s: Option<f64>) {
    if let Some(lease_s) = lease_s.filter(|lease_s| 0.0 < *lease_s && *lease_s < SHORTEST_LEASE_S) {
        section
            .problem("lease_s", format_args!("{lease_s} is too short: at least {SHORTEST_LEASE_S} s, or 0 for no lease (a fan or a pump)"));
    }
}

/// What a driver's devices are found with where the rig does not say.
struct Usual {
    serial: Serial,
    reply_timeout_s: f64,
}

fn mecom(section: &Section<'_>) -> MecomSettings {
    let whole = |key: &str, to: i64| section.optional_number(key, 0.0..=to as f64).map(|_| section.integer(key, 0..=to) as u32);
    let lease_s = section.number("lease_s", 0.0..=60.0);
    check_lease(section, Some(lease_s));
    MecomSettings {
        address: section.integer_or("address", 1..=254, 1) as u8,
        device_type: whole("device_type", 99_999),
        serial_number: whole("serial_number", i64::from(i32::MAX)),
        ram_only: section.flag_or("ram_only", true),
        firmware: version_number(section, "firmware"),
        hardware: version_number(section, "hardware"),
        ..limited(section, lease_s)
    }
}

/// The version that a device must report, if the rig says one.
fn version(section: &Section<'_>, key: &str) -> Option<Firmware> {
    let text = section.optional_text(key, "the version it must report, or \">= VERSION\"")?;
    let wanted = Firmware::parse(&text);
    if wanted.is_none() {
        section.problem(key, format_args!("\"{text}\" is no version: expected such as \"2.34\" or \">= 2.3\""));
    }
    wanted
}

/// The same of a device that tells it as a number.
fn version_number(section: &Section<'_>, key: &str) -> Option<Firmware> {
    let wanted = version(section, key)?;
    if wanted.number().is_none() {
        section
            .problem(key, format_args!("{wanted} is no number, as this device tells its version: expected such as \"5.1\" or \">= 5.1\""));
    }
    Some(wanted)
}

/// What is said of each output.
fn limited(section: &Section<'_>, lease_s: f64) -> MecomSettings {
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
        current_trip_a: trip("current_trip_a", limited.current_limit_a, limited.current_trip_a),
        voltage_trip_v: trip("voltage_trip_v", limited.voltage_limit_v, limited.voltage_trip_v),
        object_sensor: section.has("object_sensor").then(|| section.choice("object_sensor", &sensors)),
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
    let lease = named("lease", true).map(|name| (name, section.number("lease_s", 0.0..=3600.0)));
    check_lease(section, lease.as_ref().map(|(_, lease_s)| *lease_s));
    let identity = named("serial_register", false).map(|name| (name, section.integer("serial_number", 0..=i64::from(u32::MAX)) as u32));
    let output = named("output", true);
    let told_by = named("firmware_register", false);
    let firmware = match told_by {
        Some(register) => {
            if !section.has("firmware") {
                section.problem("firmware", "missing: say which firmware the register must tell, such as \"2.1\" or \">= 2.1\"");
            }
            version_number(section, "firmware").map(|wanted| ModbusFirmware::Register(register, wanted))
        }
        None => version(section, "firmware").map(ModbusFirmware::Revision),
    };
    ModbusSettings { address: section.integer("address", 1..=247) as u8, map, output, target, controls, lease, identity, firmware }
}

fn neslab(section: &Section<'_>) -> NeslabSettings {
    let address = section.has("address").then(|| section.integer("address", 1..=100) as u16);
    NeslabSettings { address, firmware: version(section, "firmware") }
}

fn tetech(section: &Section<'_>) -> TetechSettings {
    let models = [("TC-36-25", Model::Tc3625), ("TC-48-20", Model::Tc4820), ("TC-720", Model::Tc720)];
    let model = section.choice("model", &models);
    let codes = Codes::of(model);
    for (key, there) in [("heats_from", codes.polarity_read.is_some()), ("current_trip_a", codes.trip_write.is_some())] {
        if section.has(key) && !there {
            section.problem(key, format_args!("no public source has a code for it on a {}; remove this", model.name()));
        }
    }
    let scale = section.number_or("scale", 1.0..=1000.0, codes.scales[0]);
    if !codes.scales.contains(&scale) {
        let known: Vec<String> = codes.scales.iter().map(f64::to_string).collect();
        section.problem(
            "scale",
            format_args!("{scale} is no scale of a {}: by its manual it has {} counts a kelvin", model.name(), known.join(" or ")),
        );
    }
    TetechSettings {
        model,
        scale,
        polarity: section.has("heats_from").then(|| section.choice("heats_from", &[("WP1+", 0), ("WP2+", 1)])),
        current_trip_a: section.optional_number("current_trip_a", Codes::AMPS_A_COUNT..=100.0),
    }
}

fn line(section: &Section<'_>) -> LineSettings {
    // Without a dialect nothing is known of what it would need: that one problem is enough.
    let dialect = Arc::new(spoken(section).unwrap_or_else(Dialect::silent));
    let declared = |key: &str, told: &str, expected: &str| {
        let text = section.optional_text(key, expected);
        if !dialect.name.is_empty() && text.is_some() && !dialect.identify.tells(told) {
            section.problem(key, format_args!("devices of the dialect \"{}\" do not tell it; remove this", dialect.name));
        }
        text
    };
    declared("firmware", "firmware", "the version it must report, or \">= VERSION\"");
    let lease_s = needed(section, &dialect, "lease_s", 0.0..=3600.0);
    check_lease(section, lease_s);
    LineSettings {
        lease_s,
        address: section.integer_or("address", 0..=254, 1) as u8,
        output: section.integer_or("output", 0..=99, 1) as u8,
        model: declared("model", "model", "the model it must report"),
        serial_number: declared("serial_number", "serial", "the serial number it must report, in quotes"),
        firmware: version(section, "firmware"),
        sensor_type: needed(section, &dialect, "sensor_type", 0.0..=99.0),
        off_conditions: needed(section, &dialect, "off_conditions", 0.0..=65_535.0),
        unit_place: needed(section, &dialect, "unit_place", 1.0..=99.0),
        ..line_limits(section, &dialect)
    }
}

/// What is said of each output.
fn line_limits(section: &Section<'_>, dialect: &Arc<Dialect>) -> LineSettings {
    LineSettings {
        current_limit_a: needed(section, dialect, "current_limit_a", 0.001..=1000.0),
        voltage_limit_v: needed(section, dialect, "voltage_limit_v", 0.01..=1000.0),
        power_limit_w: needed(section, dialect, "power_limit_w", 0.01..=1e5),
        dialect: Arc::clone(dialect),
        lease_s: None,
        address: 1,
        output: 1,
        model: None,
        serial_number: None,
        firmware: None,
        sensor_type: None,
        off_conditions: None,
        unit_place: None,
    }
}

/// A number that lines of the dialect may need, and may not be given without.
fn needed(section: &Section<'_>, dialect: &Dialect, key: &str, range: std::ops::RangeInclusive<f64>) -> Option<f64> {
    let value = section.optional_number(key, range);
    let (needed, optional) = dialect.parameters();
    let known = !dialect.name.is_empty();
    if known && value.is_some() && !needed.contains(&key) && !optional.contains(&key) {
        section.problem(key, format_args!("the dialect \"{}\" has no line that would set this; remove it", dialect.name));
    }
    if known && !section.has(key) && needed.contains(&key) {
        section.problem(key, format_args!("missing: the dialect \"{}\" sets `{key}` and cannot do without", dialect.name));
    }
    value
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
    } else if Path::new(&port).is_dir() || std::fs::metadata(&port).is_ok_and(|there| there.is_file()) {
        let what = "is there and is no serial port: name a device, such as a link under /dev/serial/by-id";
        section.problem("port", format_args!("\"{port}\" {what}"));
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
