//! `[loop]`: the pumped coolant loop.

use crate::profile::LEAST;
use signal::{Celsius, Section};

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

pub(super) fn read(section: &Section<'_>) -> Loop {
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
