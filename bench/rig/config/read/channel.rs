//! What a `[channel.NAME]` says, held against its role and against what its instrument can do.

use crate::config::{ChannelRule, Correction, Drive, Instrument, Kind, Level, Read, Role, SafeAction, Setpoint, SunRule};
use crate::driver::ArrayCurve;
use signal::{Channel, Limits, Section};
use std::ops::RangeInclusive;

/// Temperatures that a rig may declare, °C.
const DEGC: RangeInclusive<f64> = -60.0..=150.0;
/// Anything else that a rig may declare, in its unit.
const ANY: RangeInclusive<f64> = -1e5..=1e5;
/// Most ticks between two readings of a channel.
const SLOWEST_POLL: i64 = 3600;

pub(super) fn channels(root: &Section<'_>, servo: Role, instruments: &mut [Instrument]) -> Vec<ChannelRule> {
    if instruments.is_empty() {
        root.problem("instrument", "a rig needs at least one table [instrument.NAME]");
    }
    let table = root.section("channel");
    let mut rules = Vec::new();
    for &role in Role::ALL {
        let section = table.optional_section(role.word());
        if section.exists() {
            rules.push(channel(role, servo, &section, instruments));
        } else if matches!(role, Role::Plate | Role::Workload) {
            table.problem(role.word(), format_args!("missing [channel.{}]: every rig has one", role.word()));
        } else if role == servo {
            table.problem(role.word(), format_args!("missing [channel.{}]: `servo_node` says that it is servoed", role.word()));
        }
    }
    rules
}

fn channel(role: Role, servo: Role, section: &Section<'_>, instruments: &mut [Instrument]) -> ChannelRule {
    let name = section.optional_text("instrument", "the NAME of an [instrument.NAME]");
    let reads = role.slots().iter().filter_map(|&(key, channel)| {
        let read = section.optional_text(key, "what the instrument reads");
        read.map(|read| (channel, read))
    });
    let trip = |which: &str| {
        let range = if role.kind() == Kind::Temperature { DEGC } else { ANY };
        (!role.unit().is_empty()).then(|| section.optional_number(&format!("trip_{which}_{}", role.unit()), range)).flatten()
    };
    let mut rule = ChannelRule {
        role,
        instrument: name,
        reads: reads.collect(),
        safe: safe(role, role == servo, section),
        setpoint: if role.kind() == Kind::Temperature { setpoint(role, section) } else { None },
        drive: None,
        trip_min: trip("min"),
        trip_max: trip("max"),
    };
    if role == Role::Workload {
        check_workload(section, &rule);
        return rule;
    }
    let correction = correction(role, section);
    let every = section.integer_or("poll_ticks", 1..=SLOWEST_POLL, 1) as u32;
    if every != 1 && (rule.trip_min.is_some() || rule.trip_max.is_some()) {
        section.problem("poll_ticks", "what has an interlock is read at every tick: between two polls it would guard nothing; remove this");
    }
    check_channel(section, &rule, role == servo);
    let Some(instrument) = named(section, &rule, instruments) else { return rule };
    if instrument.is_unspoken() {
        take_at_its_word(section, &mut rule, instrument);
        return rule;
    }
    bind_reads(section, &rule, instrument, correction, every);
    if role.kind() == Kind::Driven {
        rule.drive = drive(section, &rule, instrument);
    }
    rule
}

fn safe(role: Role, servoed: bool, section: &Section<'_>) -> SafeAction {
    let choices = [SafeAction::Off, SafeAction::On, SafeAction::Stop].map(|a| (a.word(), a));
    match role {
        // Nothing is done about what is only read.
        Role::Sink | Role::Workload => section.choice("safe", &choices),
        _ if servoed => section.choice("safe", &choices),
        _ if role.kind() == Kind::Driven => section.choice("safe", &choices),
        _ => section.choice_or("safe", &choices, SafeAction::On),
    }
}

fn correction(role: Role, section: &Section<'_>) -> Correction {
    let unit = if role.unit() == "degc" { "k" } else { role.unit() };
    let gain = section.number_or("calibration_gain", 0.1..=10.0, 1.0);
    Correction { gain, offset: section.number_or(&format!("calibration_offset_{unit}"), ANY, 0.0) }
}

fn setpoint(role: Role, section: &Section<'_>) -> Option<Setpoint> {
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
            limits.zip(role.channel()).map(|(limits, channel)| Setpoint { channel, limits, rate_k_min })
        }
        _ => {
            section.problem("min_degc", "a setpoint needs all three of min_degc, max_degc and rate_k_min");
            None
        }
    }
}

fn check_workload(section: &Section<'_>, rule: &ChannelRule) {
    if rule.safe != SafeAction::Stop {
        section.problem("safe", "a workload's safe action is \"stop\"");
    }
    for key in ["instrument", "reads", "min_degc", "max_degc", "rate_k_min", "trip_min_degc", "trip_max_degc"] {
        if section.has(key) {
            section.problem(key, "no instrument stands behind a workload; remove this (the die's trip is in [accelerator])");
        }
    }
}

fn check_channel(section: &Section<'_>, rule: &ChannelRule, servoed: bool) {
    let role = rule.role;
    if rule.safe == SafeAction::Stop {
        section.problem("safe", "only a workload can be stopped; this channel goes \"off\" or stays \"on\"");
    }
    match role.kind() {
        Kind::Temperature if rule.instrument.is_none() || rule.reads.is_empty() => {
            section.problem("instrument", "a temperature channel needs both `instrument` and `reads`");
        }
        Kind::Measured if rule.instrument.is_none() || rule.reads.is_empty() => {
            section.problem("instrument", "a channel that is read needs both `instrument` and `reads`");
        }
        Kind::Driven if rule.instrument.is_none() => {
            section.problem("instrument", "missing: name the instrument that drives this");
        }
        _ => {}
    }
    if (servoed || matches!(role, Role::Plate | Role::Sink)) && rule.trip_max.is_none() {
        section.problem("trip_max_degc", "missing: a temperature without an upper trip protects nothing");
    }
    if servoed {
        check_servoed(section, rule);
    } else if rule.setpoint.is_some() {
        section.problem("min_degc", "only what `servo_node` names is servoed; remove min_degc, max_degc and rate_k_min here");
    }
    if role.carries_heat_away() && rule.safe == SafeAction::Off {
        section.problem("safe", "what carries heat away stays \"on\" when the bench goes safe");
    }
    if role.kind() == Kind::Driven && !role.carries_heat_away() && rule.safe == SafeAction::On {
        section.problem("safe", "what brings in heat or power goes \"off\" when the bench goes safe");
    }
    if matches!(role.kind(), Kind::Temperature | Kind::Measured) && !servoed && rule.safe == SafeAction::Off {
        section.problem("safe", "nothing of this channel can be switched off: it is only read; remove this");
    }
    if let (Some(low), Some(high)) = (rule.trip_min, rule.trip_max)
        && low >= high
    {
        let unit = role.unit();
        let key = format!("trip_min_{unit}");
        section.problem(&key, format_args!("{low} is not below trip_max_{unit} = {high}: the interlock would always be tripped"));
    }
    if let Some(low) = rule.trip_min.filter(|low| role.unit() != "degc" && *low <= 0.0) {
        let key = format!("trip_min_{}", role.unit());
        section.problem(&key, format_args!("{low} guards nothing: what stands still reads 0; say the least that is enough"));
    }
    if role.unit() != "degc" && (rule.trip_min.is_some() || rule.trip_max.is_some()) {
        let read = role.channel().is_some_and(|channel| rule.reads.iter().any(|(read, _)| *read == channel));
        if !read {
            let key = role.slots().first().map_or("reads", |(key, _)| key);
            section.problem(key, "missing: a trip needs what it is about to be read");
        }
    }
}

fn check_servoed(section: &Section<'_>, rule: &ChannelRule) {
    let what = rule.role.word();
    if rule.safe != SafeAction::Off {
        section.problem("safe", format_args!("a {what} left under control by a host that went safe is not safe; its action is \"off\""));
    }
    if rule.trip_min.is_none() {
        section.problem("trip_min_degc", format_args!("missing: a cooled {what} without a lower trip freezes"));
    }
    match &rule.setpoint {
        None => section.problem("min_degc", format_args!("missing: the servoed {what} needs min_degc, max_degc and rate_k_min")),
        Some(setpoint) => {
            let (min, max) = (setpoint.limits.min(), setpoint.limits.max());
            if rule.trip_min.is_some_and(|trip| trip >= min) {
                section.problem("trip_min_degc", format_args!("not below min_degc = {min}: the lowest setpoint would trip"));
            }
            if rule.trip_max.is_some_and(|trip| trip <= max) {
                section.problem("trip_max_degc", format_args!("not above max_degc = {max}: the highest setpoint would trip"));
            }
        }
    }
}

fn named<'a>(section: &Section<'_>, rule: &ChannelRule, instruments: &'a mut [Instrument]) -> Option<&'a mut Instrument> {
    let name = rule.instrument.as_ref()?;
    let known: Vec<String> = instruments.iter().map(|i| i.name.clone()).collect();
    let found = instruments.iter_mut().find(|i| i.name == *name);
    if found.is_none() {
        section.problem("instrument", format_args!("\"{name}\" is no instrument of this rig: there is {}", known.join(", ")));
    }
    found
}

/// Of an instrument whose dialect could not be had nothing is known that a channel could contradict: that was told, and is the only problem.
fn take_at_its_word(section: &Section<'_>, rule: &mut ChannelRule, instrument: &mut Instrument) {
    for (channel, name) in &rule.reads {
        instrument.reads.push(Read::plain(name, *channel));
    }
    instrument.setpoint = instrument.setpoint.or(rule.setpoint);
    if rule.role.kind() == Kind::Driven {
        let switched = section.flag_or("switched", true);
        let _ = section.optional_text("drives", "what the instrument is made to give");
        // Which of these keys belong here is the dialect's to say.
        for key in ["min", "max", "start", "full"]
            .into_iter()
            .flat_map(|which| ["v", "a", "w", "rpm", "pct", "l_min"].map(|unit| format!("{which}_{unit}")))
        {
            let _ = section.optional_number(&key, ANY);
        }
        for key in ["full_isc_a", "full_voc_v", "imp_frac", "vmp_frac", "voltage_frac_k"] {
            let _ = section.optional_number(key, ANY);
        }
        rule.drive = switched.then_some(Drive { role: rule.role, level: None, safe: rule.safe, sun: None });
        instrument.drive = instrument.drive.take().or_else(|| rule.drive.clone());
    }
}

fn key_of(role: Role, channel: Channel) -> &'static str {
    role.slots().iter().find(|(_, c)| *c == channel).map_or("reads", |(key, _)| key)
}

/// Tells the instrument what it reads and holds for this channel.
fn bind_reads(section: &Section<'_>, rule: &ChannelRule, instrument: &mut Instrument, correction: Correction, every: u32) {
    let readings = instrument.driver.readings();
    for (channel, name) in &rule.reads {
        let key = key_of(rule.role, *channel);
        if !readings.contains(name) {
            let there = if readings.is_empty() { "nothing".to_owned() } else { readings.join(", ") };
            section.problem(key, format_args!("\"{name}\" is not known: instrument \"{}\" reads {there}", instrument.name));
            continue;
        }
        if let Some(other) = instrument.reads.iter().find(|r| r.name == *name) {
            section.problem(key, format_args!("instrument \"{}\" already reads its {name} for {:?}", instrument.name, other.channel));
            continue;
        }
        // Calibration and trips are of what the role is about, not of what else is read for it.
        let (correction, (trip_min, trip_max)) = if Some(*channel) == rule.role.channel() {
            (correction, (rule.trip_min, rule.trip_max))
        } else {
            (Correction::NONE, (None, None))
        };
        instrument.reads.push(Read { name: name.clone(), channel: *channel, correction, every, trip_min, trip_max });
    }
    if rule.setpoint.is_none() {
        return;
    }
    let controls = instrument.driver.controls();
    if rule.reads.iter().any(|(_, name)| readings.contains(name) && !controls.contains(name)) {
        let which = if controls.is_empty() { "it controls none".to_owned() } else { format!("\"{}\"", controls.join("\" or \"")) };
        section.problem("reads", format_args!("the servoed channel must be the temperature its instrument controls: {which}"));
    }
    if let Some(other) = &instrument.drive {
        section
            .problem("instrument", format_args!("\"{}\" already drives {}: one output, one channel", instrument.name, other.role.word()));
    }
    if every != 1 {
        section.problem("poll_ticks", "the servoed channel is read at every tick; remove this");
    }
    instrument.setpoint = instrument.setpoint.or(rule.setpoint);
}

fn drive(section: &Section<'_>, rule: &ChannelRule, instrument: &mut Instrument) -> Option<Drive> {
    let switched = section.flag_or("switched", instrument.driver.has_output());
    let wanted = section.optional_text("drives", "what the instrument is made to give");
    if !switched {
        for key in ["drives"].into_iter().filter(|key| section.has(key)) {
            section.problem(key, "nothing can be set on an output that is not switched; remove this, or `switched = false`");
        }
        if rule.reads.is_empty() {
            section.problem("instrument", "this channel is neither switched nor read; remove it, or say what is read");
        }
        return None;
    }
    if !instrument.driver.has_output() {
        section.problem("switched", format_args!("instrument \"{}\" has no output that can be switched for this", instrument.name));
        return None;
    }
    if let Some(other) = &instrument.drive {
        section
            .problem("instrument", format_args!("\"{}\" already drives {}: one output, one channel", instrument.name, other.role.word()));
        return None;
    }
    if instrument.setpoint.is_some() {
        section.problem("instrument", format_args!("\"{}\" already holds the servoed temperature", instrument.name));
        return None;
    }
    let level = wanted.and_then(|name| level(section, name, instrument));
    let sun = sun(section, rule.role, instrument, level.as_ref());
    let drive = Drive { role: rule.role, level, safe: rule.safe, sun };
    instrument.drive = Some(drive.clone());
    Some(drive)
}

/// How the output follows sunlight: an array simulator must say, a lamp may.
fn sun(section: &Section<'_>, role: Role, instrument: &Instrument, level: Option<&Level>) -> Option<SunRule> {
    match (role, level) {
        (Role::ArraySimulator, _) if !instrument.driver.simulates_arrays() => {
            section.problem("instrument", format_args!("\"{}\" cannot be made a solar array", instrument.name));
            None
        }
        (Role::ArraySimulator, _) => {
            let (isc_a, voc_v) = (section.number("full_isc_a", 0.01..=1000.0), section.number("full_voc_v", 0.1..=1000.0));
            // Of crystalline and triple-junction cells alike, near enough for a curve that is to be fitted anyway (assumed).
            let (current, voltage) = (section.number_or("imp_frac", 0.5..=0.99, 0.94), section.number_or("vmp_frac", 0.5..=0.99, 0.86));
            let full = ArrayCurve { isc_a, imp_a: isc_a * current, vmp_v: voc_v * voltage, voc_v };
            Some(SunRule::Array { full, voltage_per_k: section.number_or("voltage_frac_k", -0.02..=0.0, 0.0) })
        }
        (Role::SunLamp, Some(level)) => {
            let key = format!("full_{}", level.unit);
            let full = section.optional_number(&key, ANY)?;
            if !level.limits.contains(full) {
                section.problem(&key, format_args!("{full} is outside {} to {}", level.limits.min(), level.limits.max()));
            }
            Some(SunRule::Lamp { full })
        }
        _ => None,
    }
}

fn level(section: &Section<'_>, name: String, instrument: &Instrument) -> Option<Level> {
    let levels = instrument.driver.levels();
    let Some((_, unit)) = levels.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = levels.iter().map(|(name, _)| name.as_str()).collect();
        let there = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        section.problem("drives", format_args!("\"{name}\" is not known: instrument \"{}\" can be given {there}", instrument.name));
        return None;
    };
    let key = |which: &str| format!("{which}_{unit}");
    let (min, max) = (section.number(&key("min"), ANY), section.number(&key("max"), ANY));
    let start = section.number_or(&key("start"), ANY, min);
    let limits = Limits::new(min, max);
    if limits.is_none() {
        section.problem(&key("min"), format_args!("{min} is above max_{unit} = {max}"));
    }
    if limits.is_some_and(|l| !l.contains(start)) {
        section.problem(&key("start"), format_args!("{start} is outside min_{unit} = {min} and max_{unit} = {max}"));
    }
    limits.map(|limits| Level { name, unit: unit.clone(), limits, start })
}
