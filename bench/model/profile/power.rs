//! `[power]` and `[power.cells]`: where the electricity comes from, and what it and the rest weigh.

use crate::profile::{LEAST, PolicyChoice};
use signal::Section;

/// Where the electricity comes from, and what it and the rest weigh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// Array power at 1 AU, normal incidence, begin of life, kW; with `cells`, at their rated temperature.
    pub array_kw: f64,
    /// Lost between array and boards, 0 to 1.
    pub conversion_loss_frac: f64,
    /// Taken by the bus before any board, kW.
    pub bus_kw: f64,
    /// Specific power of the array, W/kg.
    pub array_w_kg: f64,
    /// Mass of structure and bus over the mass of everything else.
    pub bus_frac: f64,
    /// Years since the array and the battery were new (`mission.age_years`); 0 if the file does not say.
    pub age_years: f64,
    /// Part of its power that the array loses in a year, compounding; 0 if the file does not say.
    pub array_ageing_frac_year: f64,
    /// Angle by which the array misses the Sun, beyond what the environment knows of, deg; 0 if the file does not say.
    pub array_incidence_deg: f64,
    /// How the array's cells warm and what that costs; without them it always gives its rated power.
    pub cells: Option<Cells>,
    /// What is made of the power there is.
    pub policy: PolicyChoice,
}

/// What an array's power depends on its temperature with, per m2 of array (`[power.cells]`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cells {
    /// Power at 1 AU, normal incidence, begin of life, at the rated temperature, W/m2.
    pub rated_w_m2: f64,
    /// Part of the rated power that is lost per kelvin above the rated temperature.
    pub loss_frac_k: f64,
    /// The rated temperature, °C: 28 by custom.
    pub rated_degc: f64,
    /// Sunlight absorbed over sunlight falling on the front, electricity included.
    pub absorptivity_frac: f64,
    /// Infrared emissivity of the front.
    pub front_emissivity_frac: f64,
    /// Infrared emissivity of the back; near 0 on a body.
    pub back_emissivity_frac: f64,
}

/// Efficiency beyond which nobody's cell goes: the record under one Sun is below it by far.
const BEST_EFFICIENCY: f64 = 0.6;

/// `age_years` is the mission's: array and battery flew with it.
pub(super) fn read(section: &Section<'_>, age_years: f64) -> Power {
    let power = Power {
        array_kw: section.number("array_kw", LEAST..=1e7),
        conversion_loss_frac: section.number("conversion_loss_frac", 0.0..=0.9),
        bus_kw: section.number("bus_kw", 0.0..=1e6),
        array_w_kg: section.number("array_w_kg", 1.0..=10_000.0),
        bus_frac: section.number("bus_frac", 0.0..=10.0),
        age_years,
        array_ageing_frac_year: section.number_or("array_ageing_frac_year", 0.0..=0.9, 0.0),
        array_incidence_deg: section.number_or("array_incidence_deg", 0.0..=90.0, 0.0),
        cells: cells(&section.optional_section("cells")),
        policy: super::policy::read(section),
    };
    let left_kw = crate::array::Array::new(&power, 1.0).power_w(crate::array::RATED_SUNLIGHT_W_M2) / 1e3
        * (1.0 - power.conversion_loss_frac)
        - power.bus_kw;
    if left_kw <= 0.0 && power.array_kw > LEAST {
        section
            .problem("array_kw", format_args!("after conversion loss and bus {left_kw:.1} kW are left for compute: expected more than 0"));
    }
    power
}

fn cells(section: &Section<'_>) -> Option<Cells> {
    if !section.exists() {
        return None;
    }
    let best = BEST_EFFICIENCY * crate::array::RATED_SUNLIGHT_W_M2;
    let cells = Cells {
        rated_w_m2: section.number("rated_w_m2", 1.0..=best),
        loss_frac_k: section.number("loss_frac_k", 0.0..=0.01),
        rated_degc: section.number("rated_degc", -50.0..=100.0),
        absorptivity_frac: section.number("absorptivity_frac", 0.1..=1.0),
        front_emissivity_frac: section.number("front_emissivity_frac", 0.05..=1.0),
        back_emissivity_frac: section.number("back_emissivity_frac", 0.0..=1.0),
    };
    // Cells in the cold give more: even there they must not give more than they take in.
    let most = cells.rated_w_m2 * (1.0 + cells.loss_frac_k * (cells.rated_degc + 100.0).max(0.0));
    let taken = cells.absorptivity_frac * crate::array::RATED_SUNLIGHT_W_M2;
    if most > taken {
        section.problem(
            "rated_w_m2",
            format_args!("at -100 °C the cells would give {most:.0} W/m2 of the {taken:.0} W/m2 they absorb: expected less than that"),
        );
    }
    Some(cells)
}
