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
    /// Memory beside the dies, if it is a node of its own.
    pub memory: Option<Memory>,
}

/// Memory (HBM) with a way to the cold plate of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// Part of board heat that arises in it, 0 to 1.
    pub heat_frac: f64,
    /// All of it to the cold plates, kW/K.
    pub plate_kw_k: f64,
    /// Heat capacity of all of it, kJ/K.
    pub memory_kj_k: f64,
}

pub(super) fn read(section: &Section<'_>, coolant: &Loop) -> Satellite {
    let satellite = Satellite {
        heat_kw: section.number("heat_kw", 0.01..=1e6),
        overhead_frac: section.number("overhead_frac", 0.0..=2.0),
        die_plate_kw_k: section.number("die_plate_kw_k", LEAST..=1e6),
        die_kj_k: section.number("die_kj_k", LEAST..=1e7),
        plate_kj_k: section.number("plate_kj_k", LEAST..=1e7),
        memory: memory(section),
    };
    // Two numbers that are each possible but not together: almost always watts where kilowatts belong.
    // No flow at all is a problem of its own, reported where it was read.
    let flow_frac = if coolant.flow_frac > 0.0 { coolant.flow_frac * coolant.loops_frac } else { 1.0 };
    let flow = if flow_frac < 1.0 {
        "the coolant by its flow (loop.heat_capacity_rate_kw_k, what pumps and loops leave of it)"
    } else {
        "the coolant by its flow (loop.heat_capacity_rate_kw_k)"
    };
    for (key, conductance_kw_k, place, limit_k) in [
        ("heat_kw", coolant.heat_capacity_rate_kw_k * flow_frac, flow, 100.0),
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

/// All of its keys or none: half a node is a mistake.
fn memory(section: &Section<'_>) -> Option<Memory> {
    let heat_frac = section.optional_number("memory_heat_frac", 0.0..=1.0);
    let plate_kw_k = section.optional_number("memory_plate_kw_k", LEAST..=1e6);
    let memory_kj_k = section.optional_number("memory_kj_k", LEAST..=1e7);
    let given = [("memory_heat_frac", heat_frac), ("memory_plate_kw_k", plate_kw_k), ("memory_kj_k", memory_kj_k)];
    if given.iter().all(|(_, value)| value.is_none()) {
        return None;
    }
    for (key, _) in given.iter().filter(|(_, value)| value.is_none()) {
        section
            .problem(key, "missing or wrong: expected `memory_heat_frac`, `memory_plate_kw_k` and `memory_kj_k` together, or none of them");
    }
    Some(Memory { heat_frac: heat_frac?, plate_kw_k: plate_kw_k?, memory_kj_k: memory_kj_k? })
}
