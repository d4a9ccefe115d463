//! `[radiator]`: the panels that face space.

use crate::environment::Attitude;
use crate::profile::{MOST_PANELS, Mission, mass};
use crate::radiator::{Fin, fin_efficiency};
use signal::{Celsius, Kelvin, Section};

/// Root temperature at which the one number for a fin's efficiency is stated where its geometry is given.
const NOMINAL_ROOT: Kelvin = Kelvin(300.0);

/// The radiator: flat, two-faced, `panels` equal panels in series along the coolant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Radiator {
    /// How it points.
    pub attitude: Attitude,
    /// How far from there it points, to the worse side, deg.
    pub tilt_error_deg: f64,
    /// Planform area of all panels together (one face), m2.
    pub area_m2: f64,
    /// Number of panels in series, 1 to 8.
    pub panels: usize,
    /// Infrared emissivity, and infrared absorptivity (Kirchhoff), 0 to 1; of face a where face b has its own.
    pub emissivity_frac: f64,
    /// Absorptivity of sunlight and albedo as flown, at the age of the mission, 0 to 1; of face a where face b has its own.
    pub solar_absorptivity_frac: f64,
    /// Infrared emissivity of face b, 0 to 1.
    pub emissivity_b_frac: f64,
    /// Absorptivity of sunlight and albedo of face b, 0 to 1.
    pub solar_absorptivity_b_frac: f64,
    /// Heat radiated over what an isothermal panel at coolant-tube temperature would, 0 to 1; with [`Radiator::fin`] that of a
    /// root at 300 K.
    pub fin_efficiency_frac: f64,
    /// Geometry from which the efficiency is computed at each root temperature; `None` if it is one number.
    pub fin: Option<Fin>,
    /// View factor from a panel to each neighbour along the coolant, mean of its two faces; 0 if they lie in one plane.
    pub neighbour_view_frac: f64,
    /// Conduction from all panels together to the structure, W/K.
    pub loss_w_k: f64,
    /// Temperature of that structure.
    pub structure: Celsius,
    /// Air against each face where there is air, W/(m2 K).
    pub convection_w_m2k: f64,
    /// Heat capacity, kJ/(m2 K) of planform.
    pub heat_capacity_kj_m2k: f64,
    /// Mass, kg/m2 of planform.
    pub areal_mass_kg_m2: f64,
}

pub(super) fn read(section: &Section<'_>, mission: &Mission) -> Radiator {
    let begin_of_life = section.number("solar_absorptivity_frac", 0.0..=1.0);
    let end_of_life = section.number_or("end_of_life_solar_absorptivity_frac", 0.0..=1.0, begin_of_life);
    let solar_absorptivity_frac = mission.aged(begin_of_life, end_of_life);
    let emissivity_frac = section.number("emissivity_frac", 0.01..=1.0);
    let emissivity_b_frac = section.number_or("emissivity_b_frac", 0.01..=1.0, emissivity_frac);
    let (fin_efficiency_frac, fin) = efficiency(section, emissivity_frac + emissivity_b_frac);
    Radiator {
        attitude: attitude(section),
        tilt_error_deg: section.number_or("tilt_error_deg", 0.0..=90.0, 0.0),
        area_m2: section.number("area_m2", 0.01..=1e6),
        panels: section.integer("panels", 1..=MOST_PANELS) as usize,
        emissivity_frac,
        solar_absorptivity_frac,
        emissivity_b_frac,
        solar_absorptivity_b_frac: section.number_or("solar_absorptivity_b_frac", 0.0..=1.0, solar_absorptivity_frac),
        fin_efficiency_frac,
        fin,
        // Two neighbours cannot be seen by more than all of a panel.
        neighbour_view_frac: section.number_or("neighbour_view_frac", 0.0..=0.5, 0.0),
        loss_w_k: section.number_or("loss_w_k", 0.0..=1e5, 0.0),
        structure: Celsius(section.number_or("structure_degc", -200.0..=150.0, 20.0)),
        convection_w_m2k: section.number_or("convection_w_m2k", 0.0..=1000.0, 0.0),
        heat_capacity_kj_m2k: section.number("heat_capacity_kj_m2k", 0.1..=100.0),
        areal_mass_kg_m2: mass::planform_kg_m2(section),
    }
}

fn attitude(section: &Section<'_>) -> Attitude {
    // A flat panel with two equal faces is the same looking up or down.
    let up_or_down = Attitude::Nadir;
    let fixed = Attitude::Fixed { tilt_deg: 0.0, azimuth_deg: 0.0 };
    let attitudes = [
        ("sun_edge", Attitude::SunEdge),
        ("nadir", up_or_down),
        ("sun_normal", Attitude::SunNormal),
        ("zenith", up_or_down),
        ("sun_pointing", Attitude::SunNormal),
        ("fixed", fixed),
    ];
    let named = section.choice("attitude", &attitudes);
    if named != fixed {
        return named;
    }
    Attitude::Fixed { tilt_deg: section.number("tilt_deg", 0.0..=180.0), azimuth_deg: section.number("azimuth_deg", -360.0..=360.0) }
}

/// The fin as one number, or as geometry: one of the two.
fn efficiency(section: &Section<'_>, emissivities: f64) -> (f64, Option<Fin>) {
    let length_m = section.optional_number("fin_length_m", 0.001..=10.0);
    let thickness_mm = section.optional_number("fin_thickness_mm", 0.01..=100.0);
    let conductivity_w_mk = section.optional_number("fin_conductivity_w_mk", 0.01..=5000.0);
    let given = [("fin_length_m", length_m), ("fin_thickness_mm", thickness_mm), ("fin_conductivity_w_mk", conductivity_w_mk)];
    if given.iter().all(|(_, value)| value.is_none()) {
        return (section.number("fin_efficiency_frac", 0.05..=1.0), None);
    }
    if section.optional_number("fin_efficiency_frac", 0.05..=1.0).is_some() {
        section.problem("fin_efficiency_frac", "the fin's geometry is given too: expected one or the other, remove this or the geometry");
    }
    for (key, _) in given.iter().filter(|(_, value)| value.is_none()) {
        section.problem(
            key,
            "missing or wrong: expected `fin_length_m`, `fin_thickness_mm` and `fin_conductivity_w_mk` together, or `fin_efficiency_frac` alone",
        );
    }
    let (Some(length_m), Some(thickness_mm), Some(conductivity_w_mk)) = (length_m, thickness_mm, conductivity_w_mk) else {
        return (1.0, None);
    };
    let fin = Fin { length_m, thickness_m: thickness_mm * 1e-3, conductivity_w_mk };
    (fin_efficiency(fin.zeta(emissivities, NOMINAL_ROOT)).expect("numbers within their ranges make a fin"), Some(fin))
}
