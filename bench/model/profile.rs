//! A profile: an orbit, its environment and the satellite that flies it, read from a TOML file. Parsed once and validated
//! once: a [`Profile`] that exists is sound.
//!
//! Every problem of a file comes at once, with file, line and column ([`signal::Problems`]). Not here: what the numbers do
//! (see [`crate::environment`] and [`crate::flight`]), nor reading files from disk.
//!
//! ```
//! let (name, text) = model::profile::builtin()[0];
//! let profile = model::Profile::parse(name, text)?;
//! let dark_s: Vec<f64> = profile.environment.shadow_edges(0.0, profile.duration_s).iter().map(|e| e.mission_s).collect();
//! assert_eq!(dark_s.len(), 4, "into penumbra and umbra, and out of both");
//! # Ok::<(), signal::Problems>(())
//! ```

use crate::environment::{Attitude, Environment, Panel, Surroundings};
use crate::orbit::{self, SunSynchronous};
use crate::time::Centuries;
use signal::{Celsius, Document, Problems, Section};

/// The profiles that are part of the program: (name, text).
const BUILTIN: &[(&str, &str)] = &[
    ("dawn-dusk-650", include_str!("../../profiles/dawn-dusk-650.toml")),
    ("dawn-dusk-650-january", include_str!("../../profiles/dawn-dusk-650-january.toml")),
    ("noon-midnight-560", include_str!("../../profiles/noon-midnight-560.toml")),
];

/// The profiles that are part of the program, as (name, text): they work by name from any folder.
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
    /// Sunlight, albedo and planet infrared along the orbit.
    pub environment: Environment,
    /// The two-faced radiator of the whole satellite.
    pub radiator: Radiator,
    /// The coolant loop of the whole satellite (`[loop]` in the file).
    pub coolant: Loop,
    /// Heat load, dies and cold plates of the whole satellite.
    pub satellite: Satellite,
    /// Solar array, conversion and bus of the whole satellite.
    pub power: Power,
}

/// The radiator: flat, two-faced, `panels` equal panels in series along the coolant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Radiator {
    /// How it points.
    pub attitude: Attitude,
    /// Planform area of all panels together (one face), m2.
    pub area_m2: f64,
    /// Number of panels in series, 1 to 8.
    pub panels: usize,
    /// Infrared emissivity, and infrared absorptivity (Kirchhoff), 0 to 1.
    pub emissivity_frac: f64,
    /// Absorptivity of sunlight and albedo, 0 to 1.
    pub solar_absorptivity_frac: f64,
    /// Heat radiated over what an isothermal panel at coolant-tube temperature would, 0 to 1.
    pub fin_efficiency_frac: f64,
    /// Heat capacity, kJ/(m2 K) of planform.
    pub heat_capacity_kj_m2k: f64,
    /// Mass, kg/m2 of planform.
    pub areal_mass_kg_m2: f64,
}

/// The pumped coolant loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loop {
    /// Mass flow x specific heat, kW/K.
    pub heat_capacity_rate_kw_k: f64,
    /// Coolant temperature to the cold plates at and below which all flow bypasses the radiator.
    pub minimum_supply: Celsius,
    /// Width of the band above the minimum supply temperature in which the bypass closes, K.
    pub bypass_band_k: f64,
    /// Cold plates to coolant, UA, kW/K.
    pub plate_conductance_kw_k: f64,
    /// Coolant to panels, UA of all panels together, kW/K.
    pub radiator_conductance_kw_k: f64,
    /// Heat capacity of the hot leg (plates to radiator), kJ/K.
    pub hot_leg_kj_k: f64,
    /// Heat capacity of the cold leg (radiator to plates), kJ/K.
    pub cold_leg_kj_k: f64,
    /// Mass of pump, pipes, coolant and valves, kg per kW of satellite heat.
    pub mass_kg_kw: f64,
}

/// What makes heat and what it is bolted to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Satellite {
    /// Everything the loop carries at full load, kW.
    pub heat_kw: f64,
    /// Host, converter and pump heat per watt of board heat.
    pub overhead_frac: f64,
    /// All dies to their cold plates, kW/K.
    pub die_plate_kw_k: f64,
    /// Heat capacity of all dies and lids, kJ/K.
    pub die_kj_k: f64,
    /// Heat capacity of all cold plates, kJ/K.
    pub plate_kj_k: f64,
}

/// Where the electricity comes from, and what it and the rest weigh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// Array power at 1 AU, normal incidence, begin of life, kW.
    pub array_kw: f64,
    /// Lost between array and boards, 0 to 1.
    pub conversion_loss_frac: f64,
    /// Taken by the bus before any board, kW.
    pub bus_kw: f64,
    /// Specific power of the array, W/kg.
    pub array_w_kg: f64,
    /// Mass of structure and bus over the mass of everything else.
    pub bus_frac: f64,
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
        let (epoch, orbit) = read_orbit(&root.section("orbit"));
        let surroundings = read_surroundings(&root.section("environment"));
        let radiator = read_radiator(&root.section("radiator"));
        let coolant = read_loop(&root.section("loop"));
        let satellite = read_satellite(&root.section("satellite"), &coolant);
        let power = read_power(&root.section("power"));
        let orbit = doc.finish(orbit)?.expect("an impossible orbit is a problem, and problems end above");
        let panel = Panel {
            attitude: radiator.attitude,
            emissivity_frac: radiator.emissivity_frac,
            solar_absorptivity_frac: radiator.solar_absorptivity_frac,
        };
        let environment = Environment::new(epoch.into(), orbit, surroundings, panel);
        let duration_s = orbits * environment.period_s();
        Ok(Self { name, title, duration_s, epoch, environment, radiator, coolant, satellite, power })
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

fn read_orbit(section: &Section<'_>) -> (jiff::Timestamp, Option<SunSynchronous>) {
    section.choice("kind", &[("sun_synchronous", ())]);
    let altitude_km = section.number("altitude_km", 120.0..=100_000.0);
    let ltan_h = section.number("ltan_h", 0.0..=24.0);
    let epoch = section.instant("epoch");
    let start_deg = section.number_or("start_deg", -360.0..=360.0, 0.0);
    let moment = Centuries::from(epoch);
    // The Sun's theory and the constant TT - UTC are checked for this time and no other.
    if !(-0.5..=1.0).contains(&moment.0) {
        section.problem("epoch", "the Sun's position is only known well here from 1950 to 2100: expected an instant in between");
    }
    let orbit = SunSynchronous::new(altitude_km, ltan_h, start_deg, moment);
    if orbit.is_none() {
        let highest = orbit::highest_sun_synchronous_km().floor();
        section.problem("altitude_km", format_args!("no orbit at {altitude_km} km is sun-synchronous: expected at most {highest} km"));
    }
    (epoch, orbit)
}

fn read_surroundings(section: &Section<'_>) -> Surroundings {
    Surroundings {
        solar_constant_w_m2: section.number("solar_constant_w_m2", 1200.0..=1500.0),
        albedo_frac: section.number("albedo_frac", 0.0..=1.0),
        planet_ir_w_m2: section.number("planet_ir_w_m2", 0.0..=500.0),
    }
}

fn read_radiator(section: &Section<'_>) -> Radiator {
    let attitudes = [("sun_edge", Attitude::SunEdge), ("nadir", Attitude::Nadir), ("sun_normal", Attitude::SunNormal)];
    Radiator {
        attitude: section.choice("attitude", &attitudes),
        area_m2: section.number("area_m2", 0.01..=1e6),
        panels: section.integer("panels", 1..=MOST_PANELS) as usize,
        emissivity_frac: section.number("emissivity_frac", 0.01..=1.0),
        solar_absorptivity_frac: section.number("solar_absorptivity_frac", 0.0..=1.0),
        fin_efficiency_frac: section.number("fin_efficiency_frac", 0.05..=1.0),
        heat_capacity_kj_m2k: section.number("heat_capacity_kj_m2k", 0.1..=100.0),
        areal_mass_kg_m2: section.number("areal_mass_kg_m2", 0.1..=100.0),
    }
}

fn read_loop(section: &Section<'_>) -> Loop {
    Loop {
        heat_capacity_rate_kw_k: section.number("heat_capacity_rate_kw_k", LEAST..=1e5),
        minimum_supply: Celsius(section.number("minimum_supply_degc", -100.0..=100.0)),
        bypass_band_k: section.number("bypass_band_k", 0.1..=50.0),
        plate_conductance_kw_k: section.number("plate_conductance_kw_k", LEAST..=1e6),
        radiator_conductance_kw_k: section.number("radiator_conductance_kw_k", LEAST..=1e6),
        hot_leg_kj_k: section.number("hot_leg_kj_k", 0.01..=1e7),
        cold_leg_kj_k: section.number("cold_leg_kj_k", 0.01..=1e7),
        mass_kg_kw: section.number("mass_kg_kw", 0.0..=1000.0),
    }
}

fn read_satellite(section: &Section<'_>, coolant: &Loop) -> Satellite {
    let satellite = Satellite {
        heat_kw: section.number("heat_kw", 0.01..=1e6),
        overhead_frac: section.number("overhead_frac", 0.0..=2.0),
        die_plate_kw_k: section.number("die_plate_kw_k", LEAST..=1e6),
        die_kj_k: section.number("die_kj_k", LEAST..=1e7),
        plate_kj_k: section.number("plate_kj_k", LEAST..=1e7),
    };
    // Two numbers that are each possible but not together: almost always watts where kilowatts belong.
    for (key, conductance_kw_k, place, limit_k) in [
        ("heat_kw", coolant.heat_capacity_rate_kw_k, "the coolant by its flow (loop.heat_capacity_rate_kw_k)", 100.0),
        ("heat_kw", coolant.plate_conductance_kw_k, "the plates over the coolant (loop.plate_conductance_kw_k)", 200.0),
        ("die_plate_kw_k", satellite.die_plate_kw_k, "the dies over their plates", 200.0),
    ] {
        let rise_k = satellite.heat_kw / conductance_kw_k;
        if rise_k > limit_k && conductance_kw_k > LEAST {
            section.problem(key, format_args!("full load would warm {place} by {rise_k:.0} K: expected less than {limit_k} K"));
        }
    }
    satellite
}

fn read_power(section: &Section<'_>) -> Power {
    let power = Power {
        array_kw: section.number("array_kw", LEAST..=1e7),
        conversion_loss_frac: section.number("conversion_loss_frac", 0.0..=0.9),
        bus_kw: section.number("bus_kw", 0.0..=1e6),
        array_w_kg: section.number("array_w_kg", 1.0..=10_000.0),
        bus_frac: section.number("bus_frac", 0.0..=10.0),
    };
    let left_kw = power.array_kw * (1.0 - power.conversion_loss_frac) - power.bus_kw;
    if left_kw <= 0.0 && power.array_kw > LEAST {
        section
            .problem("array_kw", format_args!("after conversion loss and bus {left_kw:.1} kW are left for compute: expected more than 0"));
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(name: &str) -> &'static str {
        builtin().iter().find(|(n, _)| *n == name).expect("built in").1
    }

    fn problems(text: &str) -> Vec<String> {
        Profile::parse("p.toml", text).err().map_or_else(Vec::new, |p| p.0.iter().map(ToString::to_string).collect())
    }

    /// The dawn-dusk profile with one key's value replaced.
    fn with(key: &str, value: &str) -> String {
        let replaced: Vec<String> = text("dawn-dusk-650")
            .lines()
            .map(|line| if line.split_whitespace().next() == Some(key) { format!("{key} = {value}") } else { line.to_owned() })
            .collect();
        assert!(replaced.iter().any(|l| *l == format!("{key} = {value}")), "no {key} to replace");
        replaced.join("\n")
    }

    #[test]
    fn every_profile_in_the_folder_is_built_in_and_sound() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../profiles");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .expect("the profiles folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|e| e == "toml"))
            .map(|path| path.file_stem().expect("a stem").to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names, builtin().iter().map(|(name, _)| *name).collect::<Vec<_>>());
        for (name, text) in builtin() {
            let profile = Profile::parse(name, text).unwrap_or_else(|p| panic!("{p}"));
            assert_eq!(profile.name, *name, "a profile is called as its file");
            assert!((1..=MAX_PANELS).contains(&profile.radiator.panels));
        }
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let profile = Profile::parse("p.toml", text("dawn-dusk-650")).expect("sound");
        assert_eq!(profile.title, "Dawn-dusk, 650 km, in its eclipse season");
        assert_eq!(profile.epoch.to_string(), "2026-06-21T00:00:00Z");
        assert!((profile.duration_s - 5863.694).abs() < 1e-3);
        assert!((profile.environment.orbit().inclination_deg() - 97.986).abs() < 1e-3);
        assert_eq!(profile.environment.surroundings().albedo_frac, 0.30);
        assert_eq!(profile.radiator.attitude, Attitude::SunEdge);
    }

    #[test]
    fn seasons_are_as_the_titles_say() {
        for (name, dark_min) in [("dawn-dusk-650", 20.1), ("dawn-dusk-650-january", 0.0), ("noon-midnight-560", 35.7)] {
            let profile = Profile::parse(name, text(name)).expect("sound");
            let dark = profile.environment.timeline(0.0, profile.duration_s, 1.0).map(|(_, s)| 1.0 - s.illumination).sum::<f64>();
            assert!((dark / 60.0 - dark_min).abs() < 0.5, "{name}: {} min", dark / 60.0);
        }
    }

    #[test]
    fn each_missing_key_is_one_problem_that_names_it() {
        let text = text("dawn-dusk-650");
        let mut keys = 0;
        for (index, line) in text.lines().enumerate() {
            let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
            let key = key.trim();
            let rest: Vec<&str> = text.lines().enumerate().filter(|(i, _)| *i != index).map(|(_, l)| l).collect();
            let found = problems(&rest.join("\n"));
            if key == "start_deg" {
                assert!(found.is_empty(), "{key} has a default");
            } else {
                assert!(found.len() == 1 && found[0].contains(&format!("missing `{key}`")), "without {key}: {found:?}");
            }
            keys += 1;
        }
        assert!(keys > 35);
    }

    #[test]
    fn every_key_in_another_unit_is_found_out() {
        for (right, wrong) in [
            ("altitude_km", "altitude_m"),
            ("ltan_h", "ltan_deg"),
            ("solar_constant_w_m2", "solar_constant_kw"),
            ("area_m2", "area_cm2"),
            ("emissivity_frac", "emissivity_pct"),
            ("minimum_supply_degc", "minimum_supply_k"),
            ("heat_kw", "heat_w"),
            ("die_kj_k", "die_j_k"),
            ("array_kw", "array_w"),
        ] {
            let found = problems(&text("dawn-dusk-650").replace(&format!("\n{right} "), &format!("\n{wrong} "))).join("\n");
            assert!(found.contains(&format!("wrong unit: `{wrong}`")) && found.contains(&format!("should be `{right}`")), "{found}");
        }
    }

    #[test]
    fn all_problems_come_at_once_in_the_order_of_the_file() {
        let text = text("dawn-dusk-650")
            .replace("schema = 1", "schema = 7")
            .replace("altitude_km = 650.0", "altitude_km = 7000.0")
            .replace("ltan_h = 18.0 ", "ltan_hours = 18 ")
            .replace("epoch = 2026-06-21T00:00:00Z", "epoch = 1826-06-21T00:00:00Z")
            .replace("\"sun_edge\"", "\"sideways\"")
            .replace("panels = 4 ", "panels = 2.5 ")
            .replace("emissivity_frac = 0.88", "emissivity_frac = 88")
            .replace("bypass_band_k = 2.0", "bypass_band_k = nan")
            .replace("heat_kw = 100.0", "heat_kw = 100000.0")
            .replace("array_kw = 125.0", "array_kw = 5.0");
        let found = Profile::parse("p.toml", &text).expect_err("nothing about it is right").0;
        for expected in [
            "`schema`: 7 is unknown here: expected 1",
            "no orbit at 7000 km is sun-synchronous: expected at most 59",
            "missing `ltan_h`",
            "unknown key `ltan_hours`",
            "only known well here from 1950 to 2100",
            "\"sideways\" is not known: expected one of `sun_edge`, `nadir`, `sun_normal`",
            "2.5 is not a whole number",
            "`radiator.emissivity_frac` = 88 is impossible here: expected a number from 0.01 to 1",
            "`loop.bypass_band_k`",
            "full load would warm the coolant by its flow (loop.heat_capacity_rate_kw_k) by 8000 K: expected less than 100 K",
            "full load would warm the dies over their plates by 25000 K",
            "after conversion loss and bus -5.4 kW are left for compute",
        ] {
            assert!(found.iter().any(|p| p.message.contains(expected)), "no {expected:?} in {found:#?}");
        }
        assert!(found.windows(2).all(|w| w[0].line <= w[1].line));
        assert!(found.iter().all(|p| p.line > 1 && p.file == "p.toml"));
    }

    #[test]
    fn names_are_fit_for_folders_and_shells() {
        for name in ["", "../up", "Two Words", "-rf", "größer"] {
            let found = problems(&with("name", &format!("\"{name}\"")));
            assert!(found.len() == 1 && found[0].contains("will not do"), "{name}: {found:?}");
        }
    }

    proptest! {
        #[test]
        fn any_number_anywhere_is_read_or_refused(
            key in prop::sample::select(vec!["altitude_km", "ltan_h", "duration_orbits", "area_m2", "panels", "heat_kw", "array_kw", "bus_kw"]),
            value in proptest::num::f64::ANY,
        ) {
            match Profile::parse("p.toml", &with(key, &format!("{value:?}").replace("NaN", "nan"))) {
                Ok(profile) => {
                    let sample = profile.environment.at(profile.duration_s);
                    prop_assert!(value.is_finite() && sample.sink.0.is_finite() && (0.0..=1.0).contains(&sample.illumination));
                }
                Err(problems) => prop_assert!(!problems.0.is_empty()),
            }
        }

        #[test]
        fn text_that_is_no_profile_never_panics(text in "[a-z_ =\\[\\]\"0-9.\n-]{0,200}") {
            prop_assert!(Profile::parse("p.toml", &text).is_err());
        }
    }
}
