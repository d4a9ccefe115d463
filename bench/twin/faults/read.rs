//! Reading of a scenario file.

use super::{Fault, Kind, Scenario, Sensor};
use signal::Section;

const SCHEMA: i64 = 1;
/// Longest time that a scenario may speak of, s.
const LONGEST_S: f64 = 1e7;
const BANNER: &str = "\r\nboot\r\n";

/// The words of `kind`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Drop,
    Garble,
    Delay,
    HalfFrame,
    Foreign,
    Unplug,
    Reboot,
    WrongIdentity,
    Watchdog,
    Stuck,
    Open,
    Short,
    StalledFan,
    PumpTrip,
}

const WORDS: [(&str, Word); 14] = [
    ("drop", Word::Drop),
    ("garble", Word::Garble),
    ("delay", Word::Delay),
    ("half_frame", Word::HalfFrame),
    ("foreign", Word::Foreign),
    ("unplug", Word::Unplug),
    ("reboot", Word::Reboot),
    ("wrong_identity", Word::WrongIdentity),
    ("watchdog", Word::Watchdog),
    ("stuck_sensor", Word::Stuck),
    ("open_thermistor", Word::Open),
    ("short_thermistor", Word::Short),
    ("stalled_fan", Word::StalledFan),
    ("pump_trip", Word::PumpTrip),
];

pub(super) fn scenario(root: &Section<'_>, instruments: &[(String, Option<u32>)]) -> Scenario {
    let schema = root.integer("schema", 1..=i64::from(u32::MAX));
    if schema != SCHEMA {
        root.problem("schema", format_args!("{schema} is not known: this version reads scenarios of schema {SCHEMA}"));
    }
    let name = root.text("name", "what the scenario is called");
    let seed = root.integer_or("seed", 0..=i64::MAX, 1) as u64;
    let faults = root.section("fault").named_sections().into_iter().map(|(name, section)| fault(name, &section, instruments)).collect();
    Scenario { name, seed, faults }
}

fn fault(name: String, section: &Section<'_>, instruments: &[(String, Option<u32>)]) -> Fault {
    let word = section.choice("kind", &WORDS);
    let wanted = section.optional_text("instrument", "the NAME of an instrument of the rig");
    if let Some(wanted) = wanted.as_ref().filter(|wanted| !instruments.iter().any(|(name, _)| name == *wanted)) {
        let there: Vec<&str> = instruments.iter().map(|(name, _)| name.as_str()).collect();
        section.problem("instrument", format_args!("\"{wanted}\" is no instrument of this rig: there is {}", there.join(", ")));
    }
    let kind = kind(word, section, wanted.as_deref(), instruments);
    let of_plant = matches!(word, Word::Stuck | Word::Open | Word::Short | Word::StalledFan | Word::PumpTrip);
    if of_plant && wanted.is_some() {
        section.problem("instrument", "this befalls the bench, not an instrument; remove it");
    }
    let by_bytes = matches!(kind, Kind::Unplug { after_bytes: Some(_) });
    if by_bytes && section.has("from_s") {
        section.problem("from_s", "the cable comes out after_bytes; keep one of the two");
    }
    Fault {
        name,
        instrument: wanted,
        from_s: section.number_or("from_s", 0.0..=LONGEST_S, 0.0),
        for_s: section.optional_number("for_s", 0.0..=LONGEST_S).unwrap_or(f64::INFINITY),
        kind,
    }
}

fn kind(word: Word, section: &Section<'_>, wanted: Option<&str>, instruments: &[(String, Option<u32>)]) -> Kind {
    let chance = || section.number_or("chance", 0.0..=1.0, 1.0);
    let sensor = || section.choice("sensor", &[("plate", Sensor::Plate), ("sink", Sensor::Sink)]);
    match word {
        Word::Drop => Kind::Drop(chance()),
        Word::Garble => Kind::Garble(chance()),
        Word::Delay => Kind::Delay { chance: chance(), by_s: section.number("by_s", 0.0..=600.0) },
        Word::HalfFrame => Kind::HalfFrame(chance()),
        Word::Foreign => Kind::Foreign(chance()),
        Word::Unplug => {
            let after = section.has("after_bytes").then(|| section.integer("after_bytes", 0..=i64::from(i32::MAX)) as usize);
            Kind::Unplug { after_bytes: after }
        }
        Word::Reboot => {
            let banner = section.optional_text("banner", "what the device says when it starts");
            Kind::Reboot { banner: banner.unwrap_or_else(|| BANNER.to_owned()) }
        }
        Word::WrongIdentity => {
            let found = instruments.iter().find(|(name, _)| wanted.is_none_or(|wanted| wanted == name));
            let declared = found.and_then(|(_, number)| *number).and_then(|n| i32::try_from(n).ok());
            if declared.is_none() {
                section.problem("kind", "no serial number is declared for the instrument, so no other unit can be told from it");
            }
            let serial_number = section.integer_or("serial_number", 0..=i64::from(i32::MAX), 1) as i32;
            Kind::WrongIdentity { serial_number, declared: declared.unwrap_or_default() }
        }
        Word::Watchdog => Kind::Watchdog,
        Word::Stuck => Kind::Stuck(sensor()),
        Word::Open => Kind::Open(sensor()),
        Word::Short => Kind::Short(sensor()),
        Word::StalledFan => Kind::StalledFan,
        Word::PumpTrip => Kind::PumpTrip,
    }
}
