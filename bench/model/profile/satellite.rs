//! `[satellite]`: what makes heat, and what it is bolted to.

use crate::profile::{LEAST, Loop};
use signal::Section;

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

pub(super) fn read(section: &Section<'_>, coolant: &Loop) -> Satellite {
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
