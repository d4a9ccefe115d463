//! What the governor makes of the power there is: the policies, and the one that looks at temperatures.
//!
//! Not here: how much power there is (`governor`), the optimal plan (`plan`). Functions of their arguments; nothing is learnt from past ticks.

use crate::plan::Plan;
use model::environment::Sample;
use model::flight::{FlightModel, FlightView};
use signal::{Celsius, Watts};
use std::sync::Arc;
use thiserror::Error;

/// The card is kept this far below where it would slow itself down, K: sensors are in whole degrees, and the die leads the coolant.
pub const THERMAL_MARGIN_K: f64 = 3.0;

/// How a budget is made of the power there is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Policy {
    /// All there is.
    #[default]
    FollowSun,
    /// The same at all times, as long as there is that much.
    Fixed(Watts),
    /// In the dark what the battery holds beyond its reserve, spread evenly until the light; in the light as [`Policy::FollowSun`].
    Battery,
    /// As [`Policy::FollowSun`], but never so much that the die would come near its slowdown within the radiator's lag.
    Thermal(ThermalLaw),
    /// What an optimal plan over the orbit says for this moment and state of charge.
    Plan(Arc<Plan>),
}

/// A policy that cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum PolicyError {
    /// The fixed budget is outside what the board can draw.
    #[error("a fixed budget of {0} W is not between the board's idle and full power, {1} and {2} W")]
    Fixed(f64, f64, f64),
    /// The temperatures or the plant make no sense.
    #[error(
        "the thermal policy needs a loop that answers to heat: limit {0} °C, {1} K/W to the die, {2} W/K at the radiator, {3} s of lag"
    )]
    Thermal(f64, f64, f64, f64),
    /// There is no steady state to linearise around.
    #[error("the flight model has no steady state at full load under the first light: the thermal policy cannot be set up for it")]
    NoSteadyState,
}

impl Policy {
    /// The same budget at all times.
    pub fn fixed(budget: Watts, idle: Watts, full: Watts) -> Result<Self, PolicyError> {
        // NaN is within nothing.
        if (idle.0..=full.0).contains(&budget.0) { Ok(Self::Fixed(budget)) } else { Err(PolicyError::Fixed(budget.0, idle.0, full.0)) }
    }

    /// One word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::FollowSun => "follow-sun",
            Self::Fixed(_) => "fixed",
            Self::Battery => "battery",
            Self::Thermal(_) => "thermal",
            Self::Plan(_) => "plan",
        }
    }

    /// True if it may draw on the battery for compute.
    pub(crate) const fn discharges(&self) -> bool {
        matches!(self, Self::Battery | Self::Plan(_))
    }
}

/// The loop seen from the die: fast up to the coolant, slow from there to space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ThermalLaw {
    /// The die must stay below, °C.
    limit: Celsius,
    /// Die above coolant for a watt at the board, K/W: settles within seconds.
    fast_k_w: f64,
    /// Heat into the coolant for a watt at the board.
    heat_per_board: f64,
    /// What the radiator answers to a kelvin with, W/K.
    radiator_w_k: f64,
    /// Lag of the coolant behind its heat, s: heat capacity over the radiator's answer.
    lag_s: f64,
}

/// What is known of temperatures at one tick.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The flight model now.
    pub flight: &'a FlightView,
    /// The die as measured.
    pub die: Option<Celsius>,
    /// Kelvin until the device slows itself down, as it says.
    pub margin_k: Option<f64>,
}

impl ThermalLaw {
    /// Refuses what is not a plant.
    pub fn new(limit: Celsius, fast_k_w: f64, heat_per_board: f64, radiator_w_k: f64, lag_s: f64) -> Result<Self, PolicyError> {
        let positive = [fast_k_w, heat_per_board, radiator_w_k, lag_s].iter().all(|v| v.is_finite() && *v > 0.0);
        if positive && limit.0.is_finite() {
            Ok(Self { limit, fast_k_w, heat_per_board, radiator_w_k, lag_s })
        } else {
            Err(PolicyError::Thermal(limit.0, fast_k_w, radiator_w_k, lag_s))
        }
    }

    /// The plant of `flight`, linearised between idle and full load under `env`; `slowdown` is where the die is slowed down.
    pub fn of(flight: &FlightModel, env: &Sample, idle: Watts, full: Watts, slowdown: Celsius) -> Result<Self, PolicyError> {
        let states = flight.steady(env, idle).zip(flight.steady(env, full)).ok_or(PolicyError::NoSteadyState)?;
        let (low, high) = (flight.view(&states.0), flight.view(&states.1));
        let span = full.0 - idle.0;
        let above = |view: &FlightView| view.die.0 - view.supply.0;
        let (radiator_w_k, capacity_j_k) = flight.response(&states.1);
        let heat = (high.radiated_w - low.radiated_w) / span;
        Self::new(
            Celsius(slowdown.0 - THERMAL_MARGIN_K),
            (above(&high) - above(&low)) / span,
            heat,
            radiator_w_k,
            capacity_j_k / radiator_w_k,
        )
    }

    /// Die above coolant for a watt at the board, K/W.
    pub const fn fast_k_w(&self) -> f64 {
        self.fast_k_w
    }

    /// The most the board may draw with its coolant at `supply` for the die to stay below the limit now, W; never negative. For who knows
    /// what the coolant is going to do; who does not looks one lag ahead ([`ThermalLaw::most_w`]).
    pub fn most_now_w(&self, supply: signal::Kelvin) -> f64 {
        ((self.limit.0 - Celsius::from(supply).0) / self.fast_k_w).max(0.0)
    }

    /// The most the board may draw now for the die to stay below the limit one lag ahead, W; never negative. The hotter of model and
    /// measurement counts; what is not a number allows nothing.
    pub fn most_w(&self, seen: &Seen<'_>) -> f64 {
        let flight = seen.flight;
        let supply = Celsius::from(flight.supply).0;
        let modelled = Celsius::from(flight.die).0;
        let ahead = seen.die.map_or(0.0, |measured| (measured.0 - modelled).max(0.0));
        let told = seen.die.zip(seen.margin_k).map(|(die, margin)| die.0 + margin - THERMAL_MARGIN_K);
        let limit = told.map_or(self.limit.0, |told| told.min(self.limit.0));
        // One lag ahead the coolant has gone this part of its way.
        let gone = (1.0 - (-1.0_f64).exp()) / self.radiator_w_k;
        // supply + gone (heat B - radiated) + fast B + what measurement is ahead of the model by = limit
        let most = (limit - ahead - supply + gone * flight.radiated_w) / (self.fast_k_w + gone * self.heat_per_board);
        if most.is_nan() { 0.0 } else { most.max(0.0) }
    }
}
