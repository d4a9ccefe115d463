//! What was decided before the run: the model, the limits, the patience. A law is validated once and never changes.

use crate::{DewLaw, DriveLaw, Governor, HeatLaw, PlausibleLaw, PolarityLaw, ResistanceLaw, Toll, Trip};
use model::battery::BatteryState;
use model::environment::Environment;
use model::flight::{FlightModel, FlightState};
use model::profile::Faults;
use signal::{Celsius, Channel, Crossing, Limits, Watts};
use std::collections::BTreeSet;
use thiserror::Error;

/// Which temperature of the flight model the rig is servoed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Servo {
    /// The flight cold plate: the rig's plate stands for it, and everything beyond the plate is the model's.
    Plate,
    /// The coolant entering the cold plate: the rig has a real plate and real coolant.
    CoolantSupply,
}

/// Limits of the setpoint: no other leaves this crate.
#[derive(Clone, Copy, Debug)]
pub struct SetpointLaw {
    /// Lowest and highest setpoint, °C.
    pub limits: Limits,
    /// Fastest change, K per bench second.
    pub rate_k_s: f64,
}

/// When staging is over.
#[derive(Clone, Copy, Debug)]
pub struct Staging {
    /// The servoed node is this close to the flight model's start, K.
    pub band_k: f64,
    /// For this many ticks in a row.
    pub settle_ticks: u32,
    /// Longest staging before it is given up.
    pub limit_ticks: u32,
}

/// How long to wait for what is missing, in ticks.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A channel that is servoed or has an interlock may be unread this long before the run is suspended, output off.
    pub reading_ticks: u32,
    /// Heat may be missing this long on the last known value before the run is suspended.
    pub heat_ticks: u32,
    /// A lost link may take this long to come back before the run trips.
    pub link_ticks: u32,
    /// A suspension may last this long before the run trips.
    pub suspend_ticks: u32,
    /// Work that cannot come back may be gone this long before the run trips.
    pub work_ticks: u32,
}

/// What holds the board to its budget. One or the other, never both: a figure of work per joule belongs to one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Actuator {
    /// The workload works part of the time.
    #[default]
    Pacing,
    /// The workload works all of the time, and the device's own power limit is set to the budget; below the least limit it idles.
    PowerLimit {
        /// The least limit the device takes.
        least: Watts,
    },
}

/// Interlocks that are more than bounds; what is absent is not watched.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Guards {
    /// Nothing gets wet.
    pub dew: Option<DewLaw>,
    /// Nothing is believed that cannot be.
    pub plausible: Option<PlausibleLaw>,
    /// The drive does what it should.
    pub drive: Option<DriveLaw>,
}

/// Everything fixed for a run.
#[derive(Clone, Debug)]
pub struct Law {
    /// Length of a tick, bench seconds.
    pub dt_s: f64,
    /// Ticks a wall second: only to say patience in the operator's seconds.
    pub ticks_per_wall_s: f64,
    /// Mission seconds to fly.
    pub duration_s: f64,
    /// Sunlight and radiative environment.
    pub environment: Environment,
    /// The flight model of one accelerator's share.
    pub flight: FlightModel,
    /// The flight model's state at mission second 0.
    pub initial: FlightState,
    /// What fails in the flight model, and when.
    pub faults: Faults,
    /// How full the battery is at mission second 0; full if not said.
    pub charge: Option<BatteryState>,
    /// Where the rig is servoed.
    pub servo: Servo,
    /// Limits of the setpoint.
    pub setpoint: SetpointLaw,
    /// Sunlight to power budget to duty.
    pub governor: Governor,
    /// When mission time may start.
    pub staging: Staging,
    /// Patience with missing things.
    pub patience: Patience,
    /// Interlocks on measured values.
    pub trips: Vec<Trip>,
    /// The rig's own interlocks.
    pub guards: Guards,
    /// How polarity is tried before the first setpoint.
    pub polarity: Option<PolarityLaw>,
    /// Die-to-plate resistance as commissioned: drifting from it alarms.
    pub resistance: Option<ResistanceLaw>,
    /// TEC current at which the rig counts as saturated, A.
    pub saturation_a: Option<f64>,
    /// What the heat into the flight model goes by.
    pub heat: HeatLaw,
    /// Stand-in board power at full duty where nothing measures it, W: idle power and duty make the heat of it; no verdict is drawn.
    pub assume_heat_w: Option<f64>,
    /// What holds the board to its budget.
    pub actuator: Actuator,
    /// What becomes of the work when the power for it is taken away.
    pub crossing: Crossing,
    /// What its absence costs, where that is declared; what an absence did cost replaces it.
    pub toll: Option<Toll>,
    /// Gain applied to measured board heat before it enters the model: 1 unless an external meter calibrated it.
    pub heat_gain: f64,
}

/// A law that cannot be flown.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum LawError {
    /// The tick length is not a positive number.
    #[error("the tick must be a positive number of seconds, not {0}")]
    Tick(f64),
    /// The duration is not a positive number.
    #[error("the duration must be a positive number of seconds, not {0}")]
    Duration(f64),
    /// The setpoint cannot start inside its limits.
    #[error(
        "the flight model starts at {asked:.2} °C at the interface, outside the rig's setpoint limits {min} to {max} °C; choose another profile, a larger radiator or wider limits"
    )]
    Start {
        /// What the model asks for at mission second 0.
        asked: f64,
        /// The rig's lower limit.
        min: f64,
        /// The rig's upper limit.
        max: f64,
    },
    /// The rate limit would never let the setpoint move.
    #[error("the setpoint's rate limit must be above 0 K/s, not {0}")]
    Rate(f64),
}

impl Servo {
    /// The word in files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Plate => "plate",
            Self::CoolantSupply => "coolant_supply",
        }
    }

    /// The same to people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plate => "plate",
            Self::CoolantSupply => "coolant supply",
        }
    }
}

impl Law {
    /// Refuses what cannot be flown.
    pub fn check(&self) -> Result<(), LawError> {
        if !(self.dt_s.is_finite() && self.dt_s > 0.0) {
            return Err(LawError::Tick(self.dt_s));
        }
        if !(self.duration_s.is_finite() && self.duration_s > 0.0) {
            return Err(LawError::Duration(self.duration_s));
        }
        if !(self.setpoint.rate_k_s.is_finite() && self.setpoint.rate_k_s > 0.0) {
            return Err(LawError::Rate(self.setpoint.rate_k_s));
        }
        let asked = self.interface(&self.initial).0;
        let limits = self.setpoint.limits;
        if !limits.contains(asked) {
            return Err(LawError::Start { asked, min: limits.min(), max: limits.max() });
        }
        Ok(())
    }

    /// Ticks in words an operator understands.
    pub(crate) fn wall(&self, ticks: u32) -> String {
        format!("{:.0} s", f64::from(ticks) / self.ticks_per_wall_s)
    }

    /// The channel that is servoed.
    pub(crate) const fn servoed(&self) -> Channel {
        match self.servo {
            Servo::Plate => Channel::Plate,
            Servo::CoolantSupply => Channel::CoolantSupply,
        }
    }

    /// Channels that must not go unread once they have been read: the servoed one and those with an interlock.
    pub(crate) fn watched(&self) -> BTreeSet<Channel> {
        std::iter::once(self.servoed()).chain(self.trips.iter().map(|t| t.channel)).collect()
    }

    /// Those without which nothing is switched on: an interlock that has never seen its channel guards nothing.
    pub(crate) fn required(&self) -> BTreeSet<Channel> {
        required(self.servoed(), &self.trips)
    }

    /// The interface temperature of a flight state: what the rig is to reproduce.
    pub fn interface(&self, state: &FlightState) -> Celsius {
        let view = self.flight.view(state);
        match self.servo {
            Servo::Plate => view.plate.into(),
            Servo::CoolantSupply => view.supply.into(),
        }
    }
}

/// The channels that a rig must be able to read before anything is switched on: the servoed one and those of its interlocks. A device that tells no die temperature
/// has nothing to be read; one that tells it is watched from then on.
pub fn required(servoed: Channel, trips: &[Trip]) -> BTreeSet<Channel> {
    std::iter::once(servoed).chain(trips.iter().map(|t| t.channel)).filter(|channel| *channel != Channel::Die).collect()
}
