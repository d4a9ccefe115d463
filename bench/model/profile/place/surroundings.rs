//! `[environment]`: how bright the surroundings of a place are. Which keys there are depends on the place: what does not shine
//! there is not asked for, and refused as unknown.

use crate::constants::STEFAN_BOLTZMANN_W_M2K4;
use crate::environment::{AlbedoModel, Surroundings};
use crate::ground::Supply;
use crate::place::Place;
use crate::power::RATED_SUNLIGHT_W_M2;
use crate::regolith;
use crate::trajectory::Body;
use signal::Section;

/// Albedo and Earth infrared, W/m2, that go together in design: the cold and the hot pair of the space station (SSP 30425, Space
/// Station Program Natural Environment Definition for Design). Their sunlight, 1321 and 1423 W/m2, is that of the year's ends and
/// left to the solar constant and the date.
const DESIGNS: [(&str, (f64, f64)); 2] = [("cold", (0.20, 206.0)), ("hot", (0.40, 286.0))];

/// What shines at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::profile) enum Around {
    /// Sun and Earth.
    Earth,
    /// Sun and Moon.
    Moon,
    /// The Sun alone.
    Sun,
    /// Nothing that the profile would have to say.
    Nothing,
}

impl Around {
    /// What shines about `body`.
    pub(super) fn body(body: Body) -> Self {
        match body {
            Body::Earth => Self::Earth,
            Body::Moon => Self::Moon,
        }
    }

    /// What shines at `place`.
    pub(super) fn of(place: &Place) -> Self {
        match place {
            Place::Orbit(trajectory) => Self::body(trajectory.body()),
            Place::LunarSurface(_) => Self::Moon,
            Place::DeepSpace(_) => Self::Sun,
            Place::Ground(site) if matches!(site.supply, Supply::Solar(_)) => Self::Sun,
            Place::Ground(_) | Place::Timeline(_) => Self::Nothing,
        }
    }
}

/// Reads the table, from the top of the file.
pub(in crate::profile) fn read(root: &Section<'_>, around: Around) -> Surroundings {
    match around {
        Around::Earth => about_earth(&root.section("environment")),
        Around::Moon => about_the_moon(&root.section("environment")),
        Around::Sun => sunlight_only(&root.section("environment")),
        // A table that is there all the same has only unknown keys.
        Around::Nothing => {
            let _ = root.optional_section("environment");
            Surroundings {
                solar_constant_w_m2: RATED_SUNLIGHT_W_M2,
                albedo_frac: 0.0,
                planet_ir_w_m2: 0.0,
                albedo_model: AlbedoModel::Disc,
            }
        }
    }
}

fn solar_constant(section: &Section<'_>) -> f64 {
    section.number("solar_constant_w_m2", 1200.0..=1500.0)
}

fn sunlight_only(section: &Section<'_>) -> Surroundings {
    let solar_constant_w_m2 = solar_constant(section);
    Surroundings { solar_constant_w_m2, albedo_frac: 0.0, planet_ir_w_m2: 0.0, albedo_model: AlbedoModel::Disc }
}

/// Albedo and infrared as numbers, or as a design pair by name.
fn about_earth(section: &Section<'_>) -> Surroundings {
    let solar_constant_w_m2 = solar_constant(section);
    let design = section.optional_text("design", "`cold` or `hot`").map(|_| section.choice("design", &DESIGNS));
    let (albedo_frac, planet_ir_w_m2) = if let Some(pair) = design {
        for key in ["albedo_frac", "planet_ir_w_m2"] {
            if section.optional_number(key, 0.0..=500.0).is_some() {
                section.problem(key, "`design` gives albedo and infrared: remove this number, or `design`");
            }
        }
        pair
    } else {
        (section.number("albedo_frac", 0.0..=1.0), section.number("planet_ir_w_m2", 0.0..=500.0))
    };
    let models = [("disc", AlbedoModel::Disc), ("subsatellite", AlbedoModel::Subsatellite)];
    Surroundings {
        solar_constant_w_m2,
        albedo_frac,
        planet_ir_w_m2,
        albedo_model: section.choice_or("albedo_model", &models, AlbedoModel::Disc),
    }
}

/// The day side's infrared follows from the sunlight it does not scatter.
fn about_the_moon(section: &Section<'_>) -> Surroundings {
    let solar_constant_w_m2 = solar_constant(section);
    let albedo_frac = section.number("albedo_frac", 0.0..=0.5);
    let night_k = section.number_or("regolith_night_k", 20.0..=200.0, regolith::NIGHT_K);
    let planet_ir_w_m2 = STEFAN_BOLTZMANN_W_M2K4 * night_k.powi(4);
    Surroundings { solar_constant_w_m2, albedo_frac, planet_ir_w_m2, albedo_model: AlbedoModel::Disc }
}
