//! `[radiator]`: the panels that face space.

use crate::environment::Attitude;
use crate::profile::MOST_PANELS;
use signal::Section;

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

pub(super) fn read(section: &Section<'_>) -> Radiator {
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
