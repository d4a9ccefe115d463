//! A profile: an orbit, its environment and the satellite that flies it, read from a TOML file. Parsed once and validated
//! once: a [`Profile`] that exists is sound.
//!
//! Each table of the file has a file here: its struct, its keys, what they may be. Every problem of a file comes at once, with
//! file, line and column ([`signal::Problems`]). Not here: what the numbers do
//! (see [`crate::environment`] and [`crate::flight`]), nor reading files from disk.
//!
//! ```
//! let (name, text) = model::profile::builtin()[0];
//! let profile = model::Profile::parse(name, text)?;
//! let dark_s: Vec<f64> = profile.environment.shadow_edges(0.0, profile.duration_s).iter().map(|e| e.mission_s).collect();
//! assert_eq!(dark_s.len(), 4, "into penumbra and umbra, and out of both");
//! # Ok::<(), signal::Problems>(())
//! ```

mod battery;
mod coolant;
mod fault;
mod mass;
mod mission;
mod own_array;
mod place;
mod policy;
mod power;
mod radiator;
mod satellite;
mod warnings;

pub use battery::{BatterySpec, Eclipse};
pub(crate) use coolant::LONGEST_PIPE_S;
pub use coolant::{Heater, Loop};
pub use fault::{Fault, Faults};
pub use mass::{Masses, Quantity, Scope, Status};
pub use mission::Mission;
pub use own_array::OwnArray;
pub use policy::PolicyChoice;
pub use power::{Cells, Power};
pub use radiator::Radiator;
pub use satellite::{Memory, Satellite};

use crate::environment::{Environment, Panel};
use crate::place::Place;
use signal::{Crossing, Document, Problems, Section};

/// Embeds these files of the profiles folder, in this order.
macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../profiles/", $name, ".toml")))),*]
    };
}

/// The profiles that are part of the program: (name, text), the default first.
const BUILTIN: &[(&str, &str)] = shipped![
    "dawn-dusk-650",
    "dawn-dusk-650-january",
    "dawn-dusk-560",
    "dawn-dusk-600-ai1",
    "dawn-dusk-1400",
    "noon-midnight-560",
    "iss-420",
    "shell-1000",
    "meo-20200",
    "geostationary",
    "lunar-orbit-100",
    "lunar-day",
    "lunar-night",
    "deep-space-1au",
    "ground-air",
    "ground-liquid",
    "ground-solar",
    "faults-560",
];

/// The profiles that are part of the program, as (name, text), the default first: they work by name from any folder.
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    BUILTIN
}

/// The layout of the file that is read here.
const SCHEMA: i64 = 1;

/// The least that flows, conductances and powers may be. A number that is missing or wrong reads as this; it has been reported
/// then, and no relation to other numbers is worth a second complaint.
const LEAST: f64 = 0.001;

/// Panels in series, at most: each is a node of the flight model and a column of a run.
pub const MAX_PANELS: usize = MOST_PANELS as usize;

const MOST_PANELS: i64 = 8;

/// A whole profile.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Short name: lower-case letters, digits and hyphens, as it appears in run folders.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Default length of a run, mission seconds.
    pub duration_s: f64,
    /// The instant of `mission_s = 0`.
    pub epoch: jiff::Timestamp,
    /// Sunlight, albedo and planet infrared along the orbit, or at the place.
    pub environment: Environment,
    /// How old the satellite is.
    pub mission: Mission,
    /// The two-faced radiator of the whole satellite.
    pub radiator: Radiator,
    /// The solar array as a warm neighbour of the panels, if they see it.
    pub own_array: Option<OwnArray>,
    /// The coolant loop of the whole satellite (`[loop]` in the file).
    pub coolant: Loop,
    /// Heat load, dies and cold plates of the whole satellite.
    pub satellite: Satellite,
    /// What fails in flight.
    pub faults: Faults,
    /// Solar array, conversion and bus of the whole satellite.
    pub power: Power,
    /// Battery of the whole satellite; `None`: bus and idle boards are carried through the dark by one that is not modelled.
    pub battery: Option<BatterySpec>,
    /// How the work crosses an eclipse.
    pub crossing: Crossing,
    /// How well the masses are known.
    pub masses: Masses,
}

impl Profile {
    /// Reads a profile. `file` is the name to blame problems on, `text` the TOML.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let doc = Document::parse(file, text);
        let root = doc.root();
        let schema = root.integer("schema", SCHEMA..=1_000);
        if schema != SCHEMA {
            root.problem("schema", format_args!("{schema} is unknown here: expected {SCHEMA}"));
        }
        let name = read_name(&root);
        let title = root.text("title", "one line for people");
        let orbits = root.number("duration_orbits", 0.01..=10_000.0);
        let (epoch, place, around) = place::read(&root.section("orbit"));
        let surroundings = place::surroundings(&root, around);
        let mission = mission::read(&root);
        let radiator = radiator::read(&root.section("radiator"), &mission);
        let own_array = own_array::read(&root.optional_section("own_array"));
        let coolant = coolant::read(&root.section("loop"));
        let satellite = satellite::read(&root.section("satellite"), &coolant);
        let faults = fault::read(&root.optional_section("fault"), &coolant);
        let power = power::read(&root.section("power"), mission.age_years);
        if let Some(place) = &place {
            within_data(&root, orbits, place);
        }
        let battery = battery::read(&root.optional_section("battery"));
        let crossings: Vec<(&str, Crossing)> = Crossing::ALL.iter().map(|c| (c.word(), *c)).collect();
        let crossing = root.optional_section("work").choice_or("eclipse", &crossings, Crossing::Idle);
        let masses = mass::read(
            &root.optional_section("mass"),
            &root.optional_section("radiator"),
            radiator.areal_mass_kg_m2,
            &coolant,
            &power,
            battery.as_ref(),
        );
        let place = doc.finish(place)?.expect("an impossible orbit is a problem, and problems end above");
        let panel = Panel {
            attitude: radiator.attitude,
            tilt_error_deg: radiator.tilt_error_deg,
            emissivity_frac: radiator.emissivity_frac,
            solar_absorptivity_frac: radiator.solar_absorptivity_frac,
        };
        let environment = Environment::new(epoch.into(), place, surroundings, panel);
        let duration_s = orbits * environment.period_s();
        Ok(Self {
            name,
            title,
            duration_s,
            epoch,
            environment,
            mission,
            radiator,
            own_array,
            coolant,
            satellite,
            faults,
            power,
            battery,
            crossing,
            masses,
        })
    }
}

/// Nothing is extrapolated: a flight ends before the data do.
fn within_data(root: &Section<'_>, orbits: f64, place: &Place) {
    let (period_s, until_s) = (place.period_s(), *place.span_s().end());
    if orbits * period_s > until_s {
        let reach = (until_s / period_s * 1e3).floor() / 1e3;
        root.problem(
            "duration_orbits",
            format_args!(
                "{orbits} orbits of {period_s:.1} s are longer than the data, which end after {until_s:.3} s: expected at most {reach}"
            ),
        );
    }
}

/// A name ends up in the names of folders and is typed in shells.
fn read_name(root: &Section<'_>) -> String {
    let expected = "a short name of lower-case letters, digits and hyphens";
    let name = root.text("name", expected);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fit = !name.is_empty() && name.chars().all(plain) && name.len() <= 64 && !name.starts_with('-');
    if !fit && root.optional_text("name", expected).is_some() {
        root.problem("name", format_args!("\"{name}\" will not do: expected {expected}, at most 64"));
    }
    name
}

#[cfg(test)]
mod scenarios;

#[cfg(test)]
mod tests;
