//! `[loop]`: the pumped coolant loop.

use crate::profile::LEAST;
use signal::{Celsius, Section};

/// Shortest pipe that is followed as plug flow, s at full flow: the loop runs in steps of half a second and samples their middle.
const SHORTEST_PIPE_S: f64 = 0.25;
/// Longest, s at full flow: what a state remembers is bounded.
pub(crate) const LONGEST_PIPE_S: f64 = 60.0;

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
    /// Time the coolant takes from the hot leg to the radiator at full flow, unmixed, s; 0 without such a pipe. The coolant in it
    /// (flow x time) comes on top of the leg's heat capacity.
    pub hot_pipe_s: f64,
    /// The same from the radiator's outlet back to the cold plates, s.
    pub cold_pipe_s: f64,
    /// Heat capacity of the manifold in which the cold plates' returns mix before the hot leg, kJ/K; `None` without one.
    pub manifold_kj_k: Option<f64>,
    /// The electric heater in the cold leg, if there is one.
    pub heater: Option<Heater>,
    /// Freezing point of the coolant, if it is declared.
    pub freezing: Option<Celsius>,
    /// Part of the full flow that the pumps drive, above 0, to 1; what they do after a trip is [`super::Faults`].
    pub flow_frac: f64,
    /// Part of the parallel loops that carry coolant, above 0, to 1: 0.5 with one of two lost.
    pub loops_frac: f64,
}

/// An electric heater in the cold leg under a proportional law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heater {
    /// Full power, kW.
    pub heater_kw: f64,
    /// Supply temperature at and above which it is off.
    pub setpoint: Celsius,
    /// It reaches full power this far below, K.
    pub band_k: f64,
}

pub(super) fn read(section: &Section<'_>) -> Loop {
    let flow_frac = section.number_or("flow_frac", 0.0..=1.0, 1.0);
    if flow_frac == 0.0 {
        section.problem(
            "flow_frac",
            "without flow there is no steady state to start from: expected more than 0; pumps that fail in flight are a table [fault.pump_trip] with `at_s` and `flow_frac`",
        );
    }
    let minimum_supply = Celsius(section.number("minimum_supply_degc", -100.0..=100.0));
    let bypass_band_k = section.number("bypass_band_k", 0.1..=50.0);
    Loop {
        heat_capacity_rate_kw_k: section.number("heat_capacity_rate_kw_k", LEAST..=1e5),
        minimum_supply,
        bypass_band_k,
        plate_conductance_kw_k: section.number("plate_conductance_kw_k", LEAST..=1e6),
        radiator_conductance_kw_k: section.number("radiator_conductance_kw_k", LEAST..=1e6),
        hot_leg_kj_k: section.number("hot_leg_kj_k", 0.01..=1e7),
        cold_leg_kj_k: section.number("cold_leg_kj_k", 0.01..=1e7),
        mass_kg_kw: section.number("mass_kg_kw", 0.0..=1000.0),
        hot_pipe_s: pipe(section, "hot_pipe_s"),
        cold_pipe_s: pipe(section, "cold_pipe_s"),
        manifold_kj_k: section.optional_number("manifold_kj_k", 0.01..=1e7),
        heater: heater(section, minimum_supply, bypass_band_k),
        freezing: freezing(section, minimum_supply),
        flow_frac,
        loops_frac: section.number_or("loops_frac", 0.01..=1.0, 1.0),
    }
}

fn pipe(section: &Section<'_>, key: &str) -> f64 {
    let delay_s = section.number_or(key, 0.0..=LONGEST_PIPE_S, 0.0);
    if delay_s > 0.0 && delay_s < SHORTEST_PIPE_S {
        section
            .problem(key, format_args!("{delay_s} s is too short to follow: expected at least {SHORTEST_PIPE_S} s, or leave the pipe out"));
    }
    delay_s
}

fn heater(section: &Section<'_>, minimum_supply: Celsius, bypass_band_k: f64) -> Option<Heater> {
    let setpoint = section.optional_number("heater_setpoint_degc", -100.0..=100.0);
    let band_k = section.optional_number("heater_band_k", 0.1..=50.0);
    let Some(heater_kw) = section.optional_number("heater_kw", LEAST..=1e5) else {
        for (key, given) in [("heater_setpoint_degc", setpoint), ("heater_band_k", band_k)] {
            if given.is_some() {
                section.problem(key, "there is no heater: expected `heater_kw` beside it");
            }
        }
        return None;
    };
    let setpoint = setpoint.unwrap_or(minimum_supply.0);
    let open = minimum_supply.0 + bypass_band_k;
    if setpoint > open {
        section.problem(
            "heater_setpoint_degc",
            format_args!(
                "from {open} °C on (minimum_supply_degc + bypass_band_k) all coolant goes to the panels and a heater at {setpoint} °C would warm space: expected at most that"
            ),
        );
    }
    Some(Heater { heater_kw, setpoint: Celsius(setpoint), band_k: band_k.unwrap_or(2.0) })
}

fn freezing(section: &Section<'_>, minimum_supply: Celsius) -> Option<Celsius> {
    let freezing = section.optional_number("freezing_degc", -200.0..=100.0)?;
    if freezing >= minimum_supply.0 {
        section.problem(
            "freezing_degc",
            format_args!(
                "the coolant freezes at {freezing} °C, which minimum_supply_degc = {} does not keep it above: expected a lower freezing point or a warmer supply",
                minimum_supply.0
            ),
        );
    }
    Some(Celsius(freezing))
}
