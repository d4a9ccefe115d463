//! A rig file to begin with, of what a probe found. What only its builder knows stands in it as lines that begin with `# FILL`: taken out of their comment, with
//! numbers of the bench at hand, they make it whole. Until then `rig check` names what is missing. Pure.

use super::link::Place;
use super::probe::{Answered, Tongue};
use crate::config::builtin;
use crate::dialect::{self, Dialect};
use std::fmt::Write as _;

/// What stands before a line that is still to be filled in.
pub const FILL: &str = "# FILL ";

/// The temperature that a thing can hold, if it can hold one.
fn controls(found: &Answered) -> Option<String> {
    match found.question.tongue {
        Tongue::Mecom | Tongue::Tetech(_) => Some(crate::config::OBJECT_TEMPERATURE.to_owned()),
        Tongue::Neslab => Some(crate::config::EXTERNAL_SENSOR.to_owned()),
        Tongue::Modbus(_) => None,
        Tongue::Line => spoken(found)?.target?.controls.into_iter().next(),
    }
}

fn spoken(found: &Answered) -> Option<Dialect> {
    let (name, text) = dialect::builtin().iter().find(|(name, _)| *name == found.question.whom)?;
    Dialect::parse(name, text).ok()
}

/// It weighs: no part of a run.
fn weighs(found: &Answered) -> bool {
    spoken(found).is_some_and(|dialect| dialect.reads.iter().any(|(name, _)| name == "mass"))
}

/// A bath holds by its own compressor and heater, and not by modules on the plate.
fn is_bath(found: &Answered) -> bool {
    found.question.tongue == Tongue::Neslab || controls(found).is_some_and(|name| name.contains("bath"))
}

/// What is known of one thing: its driver, where it is, who it is.
fn instrument(place: &Place, found: &Answered) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "# It says \"{}\".", found.said.escape_debug());
    if found.particular == 0 {
        text.push_str(if found.known_model {
            "# By its model alone: other makers may have one of that name.\n"
        } else {
            "# Any words would have done: this is a guess.\n"
        });
    }
    if !found.others.is_empty() {
        let _ = writeln!(text, "# The same may be said by {}: look which it is.", found.others.join(", "));
    }
    let table = if weighs(found) { "[scale]" } else { "[instrument.NAME]" };
    let _ = writeln!(text, "{table}");
    let where_it_is = match place {
        Place::Tcp(address) => format!("tcp = \"{address}\"\n"),
        Place::Path(path) => format!("port = \"{}\"\n", path.display()),
        Place::Usb(id) => format!("usb = {{ vid = {}, pid = {} }}\n", id.vid, id.pid),
    };
    let quoted =
        |name: &str, value: &Option<String>| value.as_ref().map_or_else(String::new, |v| format!("{name} = \"{}\"\n", v.escape_debug()));
    match found.question.tongue {
        Tongue::Mecom => {
            let number = |name: &str, value: &Option<String>| value.as_ref().map_or_else(String::new, |v| format!("{name} = {v}\n"));
            let identity = number("device_type", &found.model) + &number("serial_number", &found.serial_number);
            let _ = write!(
                text,
                "driver = \"mecom\"\n{where_it_is}{identity}{FILL}lease_s = 3.0            # output off after so much silence, at least 2\n\
                 {FILL}current_limit_a = 2.0    # for the whole bank, not a module\n{FILL}voltage_limit_v = 12.0\n"
            );
        }
        Tongue::Line => {
            let _ = write!(text, "driver = \"line\"\ndialect = \"{}\"\n{where_it_is}", found.question.whom);
            let dialect = spoken(found);
            // Of a device that tells none, what was found is none.
            if dialect.as_ref().is_some_and(|d| d.identify.tells("serial")) {
                text += &quoted("serial_number", &found.serial_number);
            }
            for name in dialect.iter().flat_map(|d| d.parameters().0) {
                let value = match name {
                    "lease_s" => "5.0              # output off after so much silence, at least 2",
                    "current_limit_a" => "2.0      # what hangs on it bears",
                    "voltage_limit_v" => "12.0",
                    "power_limit_w" => "20.0",
                    // These have a usual value.
                    _ => continue,
                };
                let line = format!("{FILL}{name} = {value}\n");
                if !text.contains(&line) {
                    text += &line;
                }
            }
        }
        Tongue::Neslab => {
            let _ = write!(text, "driver = \"neslab\"\n{where_it_is}");
        }
        Tongue::Tetech(_) => {
            let _ = write!(text, "driver = \"tetech\"\n{where_it_is}{}", quoted("model", &found.model));
        }
        Tongue::Modbus(address) => {
            let _ = write!(
                text,
                "driver = \"modbus\"\n{where_it_is}address = {address}\nbaud = {}\nparity = \"{}\"\n# Its registers are its maker's: rigs/modbus.toml shows how they are declared.\n",
                found.question.serial.baud,
                found.question.serial.parity.word()
            );
        }
    }
    if weighs(found) {
        let _ = write!(
            text,
            "{FILL}readability_kg = 0.001   # a step of its display\n{FILL}accuracy_kg = 0.001      # standard uncertainty beyond that\n"
        );
    }
    text
}

/// What may be done with a thing that holds no temperature.
fn roles(found: &Answered, name: &str) -> String {
    let Some(dialect) = spoken(found).filter(|_| !weighs(found)) else { return String::new() };
    let reads: Vec<&str> = dialect.reads.iter().map(|(name, _)| name.as_str()).collect();
    let output = if dialect.output.is_some() {
        "heater, sun_lamp, array_simulator, aux_supply, fan or pump"
    } else {
        "board_power, ambient, humidity or flow"
    };
    format!(
        "# {name} reads {}: give it a channel, such as [channel.board_power] with instrument = \"{name}\" and `reads`.\n# Its role: {output}; rigs/desk.toml shows each.\n",
        reads.join(", ")
    )
}

/// The rig file.
pub fn rig(name: &str, all: &[(Place, Answered)]) -> String {
    let mut text = format!(
        "# Begun by `orbitbench rig probe`: what answered, and what is still to be said of it. Lines with FILL are yours: take them out of their comment and give\n\
         # them this bench's numbers. `orbitbench rig check` names what is missing.\nschema = 1\nname = \"{}\"\ntitle = \"A bench that was begun by rig probe\"\n\n\
         [interface]\nservo_node = \"plate\"           # or \"coolant_supply\"\nheat_source = \"electrical\"     # or \"meter\", \"calorimetric\"\n\n",
        name.escape_debug()
    );
    let holder = all.iter().position(|(_, found)| controls(found).is_some());
    let mut scales = 0;
    for (at, (place, found)) in all.iter().enumerate() {
        let name = format!("found_{}", at + 1);
        let mut table = instrument(place, found).replace("[instrument.NAME]", &format!("[instrument.{name}]"));
        if weighs(found) {
            scales += 1;
            if scales > 1 {
                // A rig has one.
                table = table
                    .lines()
                    .filter(|line| !line.starts_with(FILL))
                    .fold(String::new(), |all, line| all + "# " + line.trim_start_matches("# ") + "\n");
            }
        }
        text += &table;
        if Some(at) != holder {
            text += &roles(found, &name);
        }
        text.push('\n');
    }
    match holder.map(|at| (at, &all[at].1)) {
        Some((at, found)) => {
            let _ = write!(
                text,
                "[channel.plate]\ninstrument = \"found_{}\"\nreads = \"{}\"\nsafe = \"off\"\n{FILL}min_degc = 16.0          # above the room's dew point, or the card gets wet\n\
                 {FILL}max_degc = 50.0\n{FILL}rate_k_min = 3.0\n{FILL}trip_min_degc = 12.0\n{FILL}trip_max_degc = 75.0\n",
                at + 1,
                controls(found).unwrap_or_default()
            );
        }
        None => text.push_str("# Nothing that answered can hold a temperature: [channel.plate] needs an instrument that does.\n"),
    }
    let like = if holder.is_some_and(|at| is_bath(&all[at].1)) { "circulator" } else { "meerstetter" };
    let (_, example) = builtin().iter().find(|(name, _)| *name == like).copied().unwrap_or_default();
    let rest = example.split_once("\n[channel.workload]").map_or("", |(_, rest)| rest);
    let _ = write!(text, "\n# From here on this is the example \"{like}\": replace its numbers by this bench's.\n[channel.workload]{rest}");
    text
}

#[cfg(test)]
mod tests {
    use super::super::probe::questions;
    use super::*;
    use crate::config::tests::read;
    use crate::protocol::tetech::Model;
    use std::path::PathBuf;

    fn filled(text: &str) -> String {
        text.replace(FILL, "")
    }

    fn found(question: &super::super::probe::Question, whom: &str) -> Answered {
        let model = match question.tongue {
            Tongue::Mecom => Some("1090".to_owned()),
            Tongue::Tetech(model) => Some(model.name().to_owned()),
            _ => None,
        };
        Answered {
            question: super::super::probe::Question { whom: whom.to_owned(), ..question.clone() },
            said: "a \"word\"\u{1}".into(),
            model,
            serial_number: Some("4242".into()),
            others: vec![],
            particular: 1,
            known_model: false,
        }
    }

    fn serial() -> Place {
        Place::Path(PathBuf::from("/dev/serial/by-id/usb-x"))
    }

    /// Whatever can hold a temperature makes a file of which only what is to be filled in is missing; filled in, nothing.
    #[test]
    fn a_rig_is_whole_once_it_is_filled_in() {
        let mut holders = 0;
        for place in [serial(), Place::Tcp("bath:8101".into())] {
            for question in questions(&place, None) {
                let names: Vec<&str> = match question.tongue {
                    Tongue::Line => dialect::builtin().iter().map(|(name, _)| *name).collect(),
                    _ => vec![&question.whom],
                };
                for whom in names {
                    let found = found(&question, whom);
                    if controls(&found).is_none() || question.tongue == Tongue::Tetech(Model::Tc4820) {
                        continue;
                    }
                    holders += 1;
                    let text = rig("mine", &[(place.clone(), found)]);
                    let problems = read(&text).expect_err("unfilled");
                    assert!(
                        problems
                            .iter()
                            .all(|p| text.lines().any(|l| l.strip_prefix(FILL).is_some_and(|l| p.contains(l.split(' ').next().unwrap())))),
                        "{whom}: {}",
                        problems.join("\n")
                    );
                    let whole = read(&filled(&text)).unwrap_or_else(|p| panic!("{whom}: {}\n{text}", p.join("\n")));
                    assert!(whole.servo().is_some_and(|i| i.name == "found_1"));
                }
            }
        }
        assert!(holders > 8, "{holders}");
    }

    #[test]
    fn scales_and_meters_stand_beside_it() {
        let all = questions(&serial(), None);
        let line = all.iter().find(|q| q.tongue == Tongue::Line).expect("asked");
        let many = [("mt-sics", "1"), ("yokogawa-wt", "2"), ("arroyo", "3"), ("mt-sics", "4")];
        let many: Vec<_> =
            many.iter().map(|(whom, port)| (Place::Path(PathBuf::from(format!("/dev/serial/by-id/{port}"))), found(line, whom))).collect();
        let text = rig("mine", &many);
        let whole = read(&filled(&text)).unwrap_or_else(|p| panic!("{}\n{text}", p.join("\n")));
        assert_eq!(whole.servo().map(|i| i.name.as_str()), Some("found_3"));
        assert!(whole.scale.is_some() && text.contains("found_2 reads"), "{text}");
    }

    #[test]
    fn nothing_that_holds_a_temperature_is_said() {
        let all = questions(&serial(), None);
        let line = all.iter().find(|q| q.tongue == Tongue::Line).expect("asked");
        let text = rig("mine", &[(serial(), found(line, "yokogawa-wt"))]);
        assert!(text.contains("can hold a temperature"));
        assert!(read(&filled(&text)).expect_err("no plate").join("\n").contains("missing [channel.plate]"));
    }
}
