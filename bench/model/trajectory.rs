//! Where the satellite is: one type over every way to know it. Each way has a file of its own; this one only says what all of
//! them answer, and in which frame.
//!
//! The frame is the mean equator and equinox of the profile's epoch, centred on [`Body`]. Whoever reads positions in another
//! frame turns them into this one when reading (see [`crate::frame`]), not here.

use crate::constants::EARTH_RADIUS_KM;
use crate::orbit::{State, SunSynchronous};
use std::ops::RangeInclusive;

/// The body orbited: what casts the shadow, shines back and glows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Earth.
    Earth,
}

impl Body {
    /// Radius of the opaque and the radiating sphere, km.
    pub const fn radius_km(self) -> f64 {
        match self {
            Self::Earth => EARTH_RADIUS_KM,
        }
    }
}

/// A way to know where the satellite is, as a function of mission time.
#[derive(Clone, Debug, PartialEq)]
pub enum Trajectory {
    /// Circular, its node following the mean Sun.
    SunSynchronous(SunSynchronous),
}

impl Trajectory {
    /// What is orbited.
    pub fn body(&self) -> Body {
        match self {
            Self::SunSynchronous(_) => Body::Earth,
        }
    }

    /// At `mission_s` after the epoch, which must be inside [`Trajectory::span_s`].
    pub fn at(&self, mission_s: f64) -> State {
        match self {
            Self::SunSynchronous(orbit) => orbit.at(mission_s),
        }
    }

    /// Duration of one orbit, s; of imported data that of the osculating orbit at the epoch.
    pub fn period_s(&self) -> f64 {
        match self {
            Self::SunSynchronous(orbit) => orbit.period_s(),
        }
    }

    /// Mission time for which the trajectory is known. Nothing is extrapolated: a run that would leave it is refused.
    pub fn span_s(&self) -> RangeInclusive<f64> {
        match self {
            Self::SunSynchronous(_) => f64::NEG_INFINITY..=f64::INFINITY,
        }
    }
}
