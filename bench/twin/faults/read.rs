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

pub(super) fn scenario(root: &Section<'_>, instruments: &[(String, Option<String>)]) -> Scenario {
    let schema = root.integer("schema", 1..=i64::from(u32::MAX));
    if schema != SCHEMA {
        root.problem("schema", format_args!("{schema} is not known: this version reads scenarios of schema {SCHEMA}"));
    }
    let name = root.text("name", "what the scenario is called");
    let seed = root.integer_or("seed", 0..=i64::MAX, 1) as u64;
    let faults = root.section("fault").named_sections().into_iter().map(|(name, section)| fault(name, &section, instruments)).collect();
    Scenario { name, seed, faults }
}

fn fault(name: String, section: &Section<'_>, instruments: &[(String, Option<String>)]) -> Fault {
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

fn kind(word: Word, section: &Section<'_>, wanted: Option<&str>, instruments: &[(String, Option<String>)]) -> Kind {
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
        Word::WrongIdentity => exchanged(section, wanted, instruments),
        Word::Watchdog => Kind::Watchdog,
        Word::Stuck => Kind::Stuck(sensor()),
        Word::Open => Kind::Open(sensor()),
        Word::Short => Kind::Short(sensor()),
        Word::StalledFan => Kind::StalledFan,
        Word::PumpTrip => Kind::PumpTrip,
    }
}

/// Another unit in the place of the declared one.
fn exchanged(section: &Section<'_>, wanted: Option<&str>, instruments: &[(String, Option<String>)]) -> Kind {
    let given = section.optional_text_or_integer("serial_number", "the serial number of the other unit, a number or in quotes");
    let one = match (wanted, instruments) {
        (Some(wanted), all) => all.iter().find(|(name, _)| name == wanted),
        (None, [only]) => Some(only),
        (None, _) => {
            section.problem("kind", "each unit has its own serial number: say by `instrument` which one is another");
            return Kind::WrongIdentity { serial_number: String::new(), declared: String::new() };
        }
    };
    let declared = one.and_then(|(_, serial)| serial.clone()).unwrap_or_default();
    if declared.is_empty() {
        section.problem("kind", "no serial number is declared for the instrument, so no other unit can be told from it");
    }
    let number = |text: &str| text.parse::<i32>().is_ok_and(|number| number >= 0);
    let serial_number = given.unwrap_or_else(|| another(&declared));
    if serial_number == declared && !declared.is_empty() {
        section.problem("serial_number", format_args!("{declared} is the declared one: give that of another unit"));
    } else if number(&declared) && !number(&serial_number) {
        let most = i32::MAX;
        section
            .problem("serial_number", format_args!("\"{serial_number}\" beside the declared {declared}: expected a number, 0 to {most}"));
    }
    Kind::WrongIdentity { serial_number, declared }
}

/// A serial number of the same shape, decimal or hexadecimal as it may be: its last character is another, and a number never grows beyond what
/// its device can hold.
fn another(declared: &str) -> String {
    let mut characters: Vec<char> = declared.chars().collect();
    if let Some(last) = characters.last_mut() {
        *last = match *last {
            '0' => '1',
            digit @ '1'..='9' => char::from_digit(digit.to_digit(10).unwrap_or(1) - 1, 10).unwrap_or('0'),
            'A' => 'B',
            _ => 'A',
        };
    }
    characters.into_iter().collect()
}
