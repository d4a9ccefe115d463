//! `[mass.NAME]`: what was weighed, dry and wet, how well that is known, where it belongs. In a rig file, and in the weighing record
//! that `rig weigh` keeps beside it, which has the same tables and overrules it.

use signal::{Document, Problems, Section};
use std::fmt::Write as _;
use std::path::PathBuf;

/// The only layout of weighing records there is.
const SCHEMA: i64 = 1;
/// What is on a bench weighs less than this, kg.
const HEAVIEST_KG: f64 = 1e5;

/// `[mass.NAME]`: something on the bench that was weighed.
#[derive(Clone, Debug, PartialEq)]
pub struct Mass {
    /// NAME.
    pub name: String,
    /// Dry, kg: what the ledgers count. The coolant in it is the flight loop's, which a profile weighs by its own figure.
    pub kg: f64,
    /// Standard uncertainty of `kg`, kg; `None` where nobody said.
    pub u_kg: Option<f64>,
    /// With its coolant, kg; `None` of what holds none, or was never weighed so.
    pub wet_kg: Option<f64>,
    /// Standard uncertainty of `wet_kg`, kg.
    pub u_wet_kg: Option<f64>,
    /// Whom it is charged to.
    pub ledger: Ledger,
    /// What it is a part of.
    pub boundary: Boundary,
    /// How many accelerators it serves: each is charged that part of it.
    pub serves: u32,
    /// What it is, how it was weighed.
    pub note: String,
    /// When, on which scale and by whom it was weighed dry; empty where it was not by `rig weigh`.
    pub weighed: String,
    /// Likewise with its coolant.
    pub weighed_wet: String,
}

impl Mass {
    /// What one accelerator is charged of it, kg.
    pub fn charged_kg(&self) -> f64 {
        self.kg / f64::from(self.serves.max(1))
    }

    /// The coolant in it, kg.
    pub fn coolant_kg(&self) -> Option<f64> {
        self.wet_kg.map(|wet| wet - self.kg)
    }

    /// Less with its coolant than dry, by more than both weighings are in doubt (k = 2): one of the two was not what it was called.
    pub fn mixed_up(&self) -> bool {
        mixed_up(self.kg, self.wet_kg, self.u_kg, self.u_wet_kg)
    }

    pub(super) fn read(name: String, section: &Section<'_>) -> Self {
        let kg = section.number("kg", 0.0..=HEAVIEST_KG);
        let wet_kg = section.optional_number("wet_kg", 0.0..=HEAVIEST_KG);
        let u_kg = section.optional_number("u_kg", 0.0..=HEAVIEST_KG);
        let u_wet_kg = section.optional_number("u_wet_kg", 0.0..=HEAVIEST_KG);
        if let Some(wet) = wet_kg.filter(|_| mixed_up(kg, wet_kg, u_kg, u_wet_kg)) {
            section.problem("wet_kg", format_args!("{wet} kg with its coolant is less than {kg} kg dry: were the two mixed up?"));
        }
        let boundary = section.choice_or("boundary", Boundary::WORDS, Boundary::Card);
        let serves = section.integer_or("serves", 1..=1_000_000, 1) as u32;
        if boundary != Boundary::Card && !section.has("serves") {
            let message = format_args!(
                "missing: say how many accelerators the {} has, since each is charged its part alone; `serves = 1` if it is all for one",
                boundary.word()
            );
            section.problem("serves", message);
        }
        let text = |key: &str, what: &str| section.optional_text(key, what).unwrap_or_default();
        Self {
            name,
            kg,
            u_kg,
            wet_kg,
            u_wet_kg,
            ledger: section.choice("ledger", Ledger::WORDS),
            boundary,
            serves,
            note: text("note", "what it is and how it was weighed"),
            weighed: text("weighed", "when, on which scale and by whom it was weighed"),
            weighed_wet: text("weighed_wet", "when, on which scale and by whom it was weighed with its coolant"),
        }
    }

    /// Where it belongs, in words.
    pub fn place(&self) -> String {
        format!("{}, {} of {}", self.ledger.word(), self.boundary.word(), self.serves)
    }

    fn write(&self, out: &mut String) {
        let text = |s: &str| toml::Value::String(s.to_owned()).to_string();
        let mut line = |key: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{key} = {value}");
        };
        let kg = |kg: f64| format!("{kg:.7}");
        line("kg", kg(self.kg));
        let numbers = [("u_kg", self.u_kg), ("wet_kg", self.wet_kg), ("u_wet_kg", self.u_wet_kg)];
        for (key, value) in numbers {
            if let Some(value) = value {
                line(key, kg(value));
            }
        }
        line("ledger", text(self.ledger.word()));
        line("boundary", text(self.boundary.word()));
        if self.serves != 1 || self.boundary != Boundary::Card {
            line("serves", self.serves.to_string());
        }
        for (key, value) in [("note", &self.note), ("weighed", &self.weighed), ("weighed_wet", &self.weighed_wet)] {
            if !value.is_empty() {
                line(key, text(value));
            }
        }
    }
}

/// Ledgers that a rig can charge. The third, the flight model's, is the profile's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ledger {
    /// A part on the bench that would fly, and that cools: a cold plate.
    FlyingCooling,
    /// A part on the bench that would fly, and that computes: a card, its host.
    FlyingCompute,
    /// Test support: never charged to the orbit.
    Support,
}

impl Ledger {
    /// Every one, by the word in files.
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("flying_cooling", Self::FlyingCooling), ("flying_compute", Self::FlyingCompute), ("support", Self::Support)];

    /// The word in files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::FlyingCooling => "flying_cooling",
            Self::FlyingCompute => "flying_compute",
            Self::Support => "support",
        }
    }
}

/// How much a part serves: figures per kilogram are only comparable within one boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Boundary {
    /// One accelerator.
    Card,
    /// One server.
    Server,
    /// One rack.
    Rack,
    /// The building, or the whole satellite.
    Facility,
}

impl Boundary {
    /// Every one, by the word in files, from the narrowest.
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("card", Self::Card), ("server", Self::Server), ("rack", Self::Rack), ("facility", Self::Facility)];

    /// The word in files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Server => "server",
            Self::Rack => "rack",
            Self::Facility => "facility",
        }
    }
}

/// `[weighing]`: the record that overrules the masses of the rig file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WeighingRule {
    /// The record, relative to the rig file.
    pub file: Option<PathBuf>,
}

impl WeighingRule {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let file = section.exists().then(|| section.text("file", "the path of a weighing record, relative to this file"));
        Self { file: file.map(PathBuf::from) }
    }
}

/// A weighing record: what `rig weigh` keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct WeighingRecord {
    /// Name of the rig whose parts these are.
    pub rig: String,
    /// Any of it was read from an emulated scale.
    pub simulated: bool,
    /// The parts, in the order in which they were weighed first.
    pub masses: Vec<Mass>,
}

impl WeighingRecord {
    /// A record with nothing in it.
    pub fn of(rig: &str) -> Self {
        Self { rig: rig.to_owned(), simulated: false, masses: Vec::new() }
    }

    /// Reads one; every problem of the file at once.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let document = Document::parse(file, text);
        let root = document.root();
        let schema = root.integer("schema", 1..=i64::from(u32::MAX));
        if schema != SCHEMA {
            root.problem("schema", format_args!("{schema} is not known: this version reads weighing records of schema {SCHEMA}"));
        }
        let masses = root.optional_section("mass").named_sections();
        let record = Self {
            rig: root.text("rig", "the name of the rig whose parts these are"),
            simulated: root.flag_or("simulated", false),
            masses: masses.into_iter().map(|(name, section)| Mass::read(name, &section)).collect(),
        };
        document.finish(record)
    }

    /// The text of its file.
    pub fn text(&self) -> String {
        let mut out = format!(
            "# What the parts of a bench weigh, by `orbitbench rig weigh`. Masses in kg, `u_` their standard uncertainties.\n\
             schema = {SCHEMA}\nrig = {}\n",
            toml::Value::String(self.rig.clone())
        );
        if self.simulated {
            out += "simulated = true                 # an emulated scale: practice, never good for real hardware\n";
        }
        for mass in &self.masses {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "\n[mass.{}]", key(&mass.name));
            mass.write(&mut out);
        }
        out
    }

    /// Puts a part in, in place of what is known of it.
    pub fn put(&mut self, mass: Mass) {
        match self.masses.iter_mut().find(|known| known.name == mass.name) {
            Some(known) => *known = mass,
            None => self.masses.push(mass),
        }
    }

    /// The masses of a rig file overruled by this record, or why the two contradict each other.
    pub fn over(&self, declared: &[Mass]) -> Result<Vec<Mass>, String> {
        let mut all = declared.to_vec();
        for mass in &self.masses {
            match all.iter_mut().find(|known| known.name == mass.name) {
                Some(known) if (known.ledger, known.boundary, known.serves) != (mass.ledger, mass.boundary, mass.serves) => {
                    return Err(format!(
                        "[mass.{}] is {} in the record and {} in the rig file: make them agree",
                        mass.name,
                        mass.place(),
                        known.place()
                    ));
                }
                Some(known) => *known = mass.clone(),
                None => all.push(mass.clone()),
            }
        }
        Ok(all)
    }
}

/// A key of TOML, quoted where it must be.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_owned() } else { toml::Value::String(name.to_owned()).to_string() }
}

fn mixed_up(kg: f64, wet_kg: Option<f64>, u_kg: Option<f64>, u_wet_kg: Option<f64>) -> bool {
    let doubt_kg = 2.0 * u_kg.unwrap_or(0.0).hypot(u_wet_kg.unwrap_or(0.0));
    wet_kg.is_some_and(|wet| wet < kg - doubt_kg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plate() -> Mass {
        Mass {
            name: "cold_plate".into(),
            kg: 0.55,
            u_kg: Some(0.001),
            wet_kg: Some(0.6),
            u_wet_kg: Some(0.001),
            ledger: Ledger::FlyingCooling,
            boundary: Boundary::Card,
            serves: 1,
            note: "aluminium".into(),
            weighed: "2026-11-28".into(),
            weighed_wet: String::new(),
        }
    }

    #[test]
    fn a_record_overrules_what_is_declared_and_adds_to_it() {
        let declared = [Mass { kg: 0.5, u_kg: None, wet_kg: None, u_wet_kg: None, ..plate() }, Mass { name: "card".into(), ..plate() }];
        let mut record = WeighingRecord::of("bench");
        record.put(plate());
        record.put(Mass { name: "pump".into(), ledger: Ledger::Support, ..plate() });
        let all = record.over(&declared).expect("they agree");
        let named: Vec<(&str, f64)> = all.iter().map(|m| (m.name.as_str(), m.kg)).collect();
        assert_eq!(named, [("cold_plate", 0.55), ("card", 0.55), ("pump", 0.55)]);
        assert!((all[0].coolant_kg().expect("weighed wet") - 0.05).abs() < 1e-12);
        record.put(Mass { ledger: Ledger::Support, ..plate() });
        let why = record.over(&declared).expect_err("a flying part became support");
        assert!(why.contains("[mass.cold_plate] is support, card of 1 in the record and flying_cooling, card of 1 in"), "{why}");
    }

    #[test]
    fn what_is_wrong_is_told_by_line() {
        let text = "schema = 1\nrig = \"bench\"\n[mass.plate]\nkg = 0.6\nwet_kg = 0.5\nledger = \"flying\"\nboundry = \"card\"\n";
        let problems = WeighingRecord::parse("w.toml", text).expect_err("three problems").to_string();
        for words in ["w.toml:5", "mixed up", "w.toml:6", "flying_cooling", "w.toml:7", "boundary"] {
            assert!(problems.contains(words), "no {words:?} in\n{problems}");
        }
    }

    #[test]
    fn what_many_share_is_charged_in_part() {
        let text = |serves: &str| {
            format!("schema = 1\nrig = \"b\"\n[mass.cdu]\nkg = 8.0\nledger = \"flying_cooling\"\nboundary = \"server\"\n{serves}")
        };
        let record = WeighingRecord::parse("w.toml", &text("serves = 4\n")).expect("sound");
        assert_eq!(record.masses[0].charged_kg(), 2.0);
        let problems = WeighingRecord::parse("w.toml", &text("")).expect_err("how many?").to_string();
        assert!(problems.contains("how many accelerators the server has"), "{problems}");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            name in "[a-zA-Z0-9_. \"-]{1,12}", note in ".{0,20}", kg in 0.0..1e3_f64, water in 0.0..10.0_f64, simulated: bool, serves in 1..9_u32
        ) {
            let kg = (kg * 1e7).round() / 1e7;
            let wet_kg = (water > 5.0).then(|| ((kg + water) * 1e7).round() / 1e7);
            let mass = Mass { name, note: note.trim().to_owned(), kg, wet_kg, u_wet_kg: None, serves, ..plate() };
            let record = WeighingRecord { rig: "a \"rig\"".into(), simulated, masses: vec![mass] };
            prop_assert_eq!(WeighingRecord::parse("again", &record.text()).expect("sound"), record);
        }
    }
}
