//! Reading of a rig file: first what each table says, then whether the tables agree.

use super::{
    AcceleratorRule, CalibrationRule, ChannelRule, CommissioningRule, Connection, DeviceSettings, DriverKind, HeatSource, Instrument,
    Interface, Ledger, Mass, Quantity, RigFile, Role, SafeAction, ServoNode, Setpoint,
};
use signal::{Limits, Section};
use std::path::PathBuf;

/// The only layout of rig files there is.
const SCHEMA: i64 = 1;
/// Shortest lease, wall seconds: below it a busy host would lose its output for nothing.
const SHORTEST_LEASE_S: f64 = 2.0;
/// A Peltier-driven plate follows a small change of its setpoint in some ten seconds: assumed where a rig does not say.
const LAG_S: f64 = 10.0;
/// Temperatures that a rig may declare, °C.
const DEGC: std::ops::RangeInclusive<f64> = -60.0..=150.0;
/// Board powers that a rig may declare, W.
const WATTS: std::ops::RangeInclusive<f64> = 0.0..=5000.0;

pub(super) fn rig(root: &Section<'_>) -> RigFile {
    let schema = root.integer("schema", 1..=i64::from(u32::MAX));
    if schema != SCHEMA {
        root.problem("schema", format_args!("{schema} is not known: this version reads rig files of schema {SCHEMA}"));
    }
    let name = root.text("name", "the rig's short name");
    let title = root.text("title", "one line that says what the rig is");
    let interface = interface(&root.section("interface"));
    let mut instruments = named(root, "instrument", instrument);
    let channels = channels(root, &mut instruments);
    let accelerator = accelerator(&root.section("accelerator"), &instruments);
    let masses = named(root, "mass", mass);
    let commissioning = CommissioningRule::read(&root.optional_section("commissioning"));
    let calibration = CalibrationRule::read(&root.optional_section("calibration"));
    RigFile { name, title, interface, instruments, channels, accelerator, masses, commissioning, calibration }
}

/// Reads every `[key.NAME]`.
fn named<T>(root: &Section<'_>, key: &str, read: impl Fn(String, &Section<'_>) -> T) -> Vec<T> {
    root.optional_section(key).named_sections().into_iter().map(|(name, section)| read(name, &section)).collect()
}

fn interface(section: &Section<'_>) -> Interface {
    // The words that the design has and no driver serves yet are refused with what they would need, not as typing errors.
    if !section.choice("servo_node", &[("plate", true), ("coolant_supply", false)]) {
        section.problem("servo_node", "no instrument driver imposes the coolant's temperature yet; use \"plate\"");
    }
    if !section.choice("heat_source", &[("electrical", true), ("calorimetric", false)]) {
        section.problem("heat_source", "no instrument driver measures coolant flow yet; use \"electrical\"");
    }
    Interface {
        servo_node: ServoNode::Plate,
        heat_source: HeatSource::Electrical,
        lag_s: section.number_or("lag_s", 0.0..=600.0, LAG_S),
        delay_s: section.number_or("delay_s", 0.0..=600.0, 0.0),
    }
}

fn instrument(name: String, section: &Section<'_>) -> Instrument {
    let driver = section.choice("driver", &[("mecom", DriverKind::Mecom)]);
    let whole = |key: &str, to: i64| section.optional_number(key, 0.0..=to as f64).map(|_| section.integer(key, 0..=to) as u32);
    Instrument {
        driver,
        connection: connection(section),
        baud: section.integer_or("baud", 1200..=1_000_000, 57_600) as u32,
        address: section.integer_or("address", 1..=254, 1) as u8,
        lease_s: section.number("lease_s", SHORTEST_LEASE_S..=60.0),
        reply_timeout_s: section.number_or("reply_timeout_s", 0.01..=1.0, 0.1),
        current_limit_a: section.number("current_limit_a", 0.01..=50.0),
        voltage_limit_v: section.number("voltage_limit_v", 0.1..=60.0),
        device_type: whole("device_type", 99_999),
        serial_number: whole("serial_number", i64::from(i32::MAX)),
        reads: Vec::new(),
        setpoint: None,
        name,
    }
}

fn connection(section: &Section<'_>) -> Connection {
    let emulated = section.flag_or("emulated", false);
    let port = section.optional_text("port", "the path of a serial port, such as \"/dev/serial/by-id/...\"");
    match (emulated, port) {
        (true, None) => Connection::Emulated,
        (true, Some(_)) => {
            section.problem("port", "an emulated instrument has no port of its own; remove this, or `emulated`");
            Connection::Emulated
        }
        (false, None) => {
            section.problem("port", "missing: give the serial port the instrument is on, or say `emulated = true`");
            Connection::Emulated
        }
        (false, Some(port)) => {
            if !port.starts_with('/') {
                section.problem("port", format_args!("\"{port}\" is no absolute path"));
            } else if ["/dev/ttyUSB", "/dev/ttyACM"].iter().any(|p| port.starts_with(p)) {
                section.problem(
                    "port",
                    format_args!(
                        "\"{port}\" may be another device after the next replug; use the link to it under /dev/serial/by-id (or by-path)"
                    ),
                );
            }
            Connection::Port(PathBuf::from(port))
        }
    }
}

fn channels(root: &Section<'_>, instruments: &mut [Instrument]) -> Vec<ChannelRule> {
    if instruments.is_empty() {
        root.problem("instrument", "a rig needs at least one table [instrument.NAME]");
    }
    let table = root.section("channel");
    let mut rules = Vec::new();
    for role in [Role::Plate, Role::Sink, Role::Workload] {
        let section = table.optional_section(role.word());
        if section.exists() {
            let rule = channel(role, &section);
            bind(&section, &rule, instruments);
            rules.push(rule);
        } else if role != Role::Sink {
            table.problem(role.word(), format_args!("missing [channel.{}]: every rig has one", role.word()));
        }
    }
    rules
}

fn channel(role: Role, section: &Section<'_>) -> ChannelRule {
    let rule = ChannelRule {
        role,
        instrument: section.optional_text("instrument", "the NAME of an [instrument.NAME]"),
        reads: section
            .optional_text("reads", "what the instrument reads")
            .map(|_| section.choice("reads", &[Quantity::ObjectTemperature, Quantity::SinkTemperature].map(|q| (q.word(), q)))),
        safe: section.choice("safe", &[SafeAction::Off, SafeAction::On, SafeAction::Stop].map(|a| (a.word(), a))),
        setpoint: setpoint(section),
        trip_min_degc: section.optional_number("trip_min_degc", DEGC),
        trip_max_degc: section.optional_number("trip_max_degc", DEGC),
    };
    check_channel(section, &rule);
    rule
}

fn setpoint(section: &Section<'_>) -> Option<Setpoint> {
    let min = section.optional_number("min_degc", DEGC);
    let max = section.optional_number("max_degc", DEGC);
    let rate = section.optional_number("rate_k_min", 0.1..=60.0);
    match (min, max, rate) {
        (None, None, None) => None,
        (Some(min), Some(max), Some(rate_k_min)) => {
            let limits = Limits::new(min, max);
            if limits.is_none() {
                section.problem("min_degc", format_args!("{min} is above max_degc = {max}"));
            }
            limits.map(|limits| Setpoint { limits, rate_k_min })
        }
        _ => {
            section.problem("min_degc", "a setpoint needs all three of min_degc, max_degc and rate_k_min");
            None
        }
    }
}

fn check_channel(section: &Section<'_>, rule: &ChannelRule) {
    if rule.role == Role::Workload {
        if rule.safe != SafeAction::Stop {
            section.problem("safe", "a workload's safe action is \"stop\"");
        }
        for (key, there) in [
            ("instrument", rule.instrument.is_some()),
            ("reads", rule.reads.is_some()),
            ("min_degc", rule.setpoint.is_some()),
            ("trip_min_degc", rule.trip_min_degc.is_some()),
            ("trip_max_degc", rule.trip_max_degc.is_some()),
        ] {
            if there {
                section.problem(key, "no instrument stands behind a workload; remove this (the die's trip is in [accelerator])");
            }
        }
        return;
    }
    if rule.safe == SafeAction::Stop {
        section.problem("safe", "only a workload can be stopped; this channel goes \"off\" or stays \"on\"");
    }
    if rule.instrument.is_none() || rule.reads.is_none() {
        section.problem("instrument", "a temperature channel needs both `instrument` and `reads`");
    }
    if rule.trip_max_degc.is_none() {
        section.problem("trip_max_degc", "missing: a temperature without an upper trip protects nothing");
    }
    if rule.role == Role::Plate {
        check_plate(section, rule);
    } else if rule.setpoint.is_some() {
        section.problem("min_degc", "only the plate is servoed; remove min_degc, max_degc and rate_k_min here");
    }
    if rule.role == Role::Sink && rule.safe != SafeAction::On {
        section.problem("safe", "what carries heat away stays \"on\" when the bench goes safe");
    }
    if let (Some(low), Some(high)) = (rule.trip_min_degc, rule.trip_max_degc)
        && low >= high
    {
        section.problem("trip_min_degc", format_args!("{low} is not below trip_max_degc = {high}: the interlock would always be tripped"));
    }
}

fn check_plate(section: &Section<'_>, rule: &ChannelRule) {
    if rule.safe != SafeAction::Off {
        section.problem("safe", "a plate left under control by a host that went safe is not safe; its action is \"off\"");
    }
    if rule.trip_min_degc.is_none() {
        section.problem("trip_min_degc", "missing: a cooled plate without a lower trip freezes");
    }
    match &rule.setpoint {
        None => section.problem("min_degc", "missing: the servoed plate needs min_degc, max_degc and rate_k_min"),
        Some(setpoint) => {
            let (min, max) = (setpoint.limits.min(), setpoint.limits.max());
            if rule.trip_min_degc.is_some_and(|trip| trip >= min) {
                section.problem("trip_min_degc", format_args!("not below min_degc = {min}: the lowest setpoint would trip"));
            }
            if rule.trip_max_degc.is_some_and(|trip| trip <= max) {
                section.problem("trip_max_degc", format_args!("not above max_degc = {max}: the highest setpoint would trip"));
            }
        }
    }
}

/// Tells the instrument what it reads and holds for this channel.
fn bind(section: &Section<'_>, rule: &ChannelRule, instruments: &mut [Instrument]) {
    let (Some(name), Some(quantity), Some(channel)) = (&rule.instrument, rule.reads, rule.role.channel()) else { return };
    let known: Vec<String> = instruments.iter().map(|i| i.name.clone()).collect();
    let Some(instrument) = instruments.iter_mut().find(|i| i.name == *name) else {
        section.problem("instrument", format_args!("\"{name}\" is no instrument of this rig: there is {}", known.join(", ")));
        return;
    };
    if let Some((_, other)) = instrument.reads.iter().find(|(q, _)| *q == quantity) {
        section.problem("reads", format_args!("instrument \"{name}\" already reads its {} for {other:?}", quantity.word()));
        return;
    }
    if rule.setpoint.is_some() && quantity != Quantity::ObjectTemperature {
        section.problem("reads", "the servoed channel must be the temperature its instrument controls: \"object_temperature\"");
    }
    instrument.reads.push((quantity, channel));
    instrument.setpoint = instrument.setpoint.or(rule.setpoint);
}

fn accelerator(section: &Section<'_>, instruments: &[Instrument]) -> AcceleratorRule {
    let default = section.text("default", "\"virtual\", \"cpu\" or \"nvml:0\"");
    let nvml = default
        .strip_prefix("nvml:")
        .is_some_and(|n| n.parse::<u32>().is_ok() || ["GPU-", "MIG-"].iter().any(|p| n.len() > p.len() && n.starts_with(p)));
    let virtual_card = default == "virtual";
    if !default.is_empty() && !nvml && !virtual_card && default != "cpu" {
        section.problem(
            "default",
            format_args!("\"{default}\" is not known: expected \"virtual\", \"cpu\" or \"nvml:\" and a number or UUID"),
        );
    }
    let rule = AcceleratorRule {
        coupled: section.flag_or("coupled", true),
        full_w: section.optional_number("full_w", WATTS),
        idle_w: section.optional_number("idle_w", WATTS),
        assume_w: section.optional_number("assume_w", WATTS),
        leakage_w_k: section.number_or("leakage_w_k", 0.0..=100.0, 0.0),
        trip_max_degc: section.number("trip_max_degc", 30.0..=120.0),
        settings: settings(&section.optional_section("settings")),
        default,
    };
    if rule.settings != DeviceSettings::default() && !nvml && !rule.default.is_empty() {
        section.problem("settings", "only an NVIDIA GPU has settings: remove [accelerator.settings], or say default = \"nvml:0\"");
    }
    let emulated = !instruments.is_empty() && instruments.iter().all(|i| i.connection == Connection::Emulated);
    if rule.coupled && emulated && !virtual_card && !rule.default.is_empty() {
        section.problem("coupled", "a real accelerator cannot sit on an emulated plate; say `coupled = false`");
    }
    if rule.coupled && !emulated && virtual_card {
        section.problem("coupled", "a virtual card does not heat a real plate; say `coupled = false`");
    }
    if let (Some(idle), Some(full)) = (rule.idle_w, rule.full_w)
        && idle >= full
    {
        section.problem("idle_w", format_args!("{idle} is not below full_w = {full}"));
    }
    rule
}

fn settings(section: &Section<'_>) -> DeviceSettings {
    let clock = |key: &str| section.optional_number(key, 1.0..=10_000.0);
    let (low, high) = (clock("locked_min_mhz"), clock("locked_max_mhz"));
    let locked_mhz = match (low, high) {
        (None, None) => None,
        (low, Some(high)) if low.is_none_or(|l| l <= high) => Some((low.unwrap_or(high) as u32, high as u32)),
        _ => {
            section.problem("locked_min_mhz", "needs a locked_max_mhz that is not below it");
            None
        }
    };
    let power_limit_w = section.optional_number("power_limit_w", 1.0..=5000.0);
    let limit_follows_budget = section.flag_or("limit_follows_budget", false);
    if limit_follows_budget && power_limit_w.is_none() {
        section.problem("limit_follows_budget", "needs power_limit_w: the limit at full load");
    }
    DeviceSettings { power_limit_w, limit_follows_budget, locked_mhz }
}

fn mass(name: String, section: &Section<'_>) -> Mass {
    Mass {
        name,
        kg: section.number("kg", 0.0..=1000.0),
        ledger: section.choice(
            "ledger",
            &[("flying_cooling", Ledger::FlyingCooling), ("flying_compute", Ledger::FlyingCompute), ("support", Ledger::Support)],
        ),
        note: section.optional_text("note", "what it is and how it was weighed").unwrap_or_default(),
    }
}
