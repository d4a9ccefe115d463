//! Where the satellite is: one type over every way to know it. Each way has a file of its own; this one only says what all of
//! them answer, and in which frame.
//!
//! The frame is the mean equator and equinox of the profile's epoch, centred on [`Body`]. Whoever reads positions in another
//! frame turns them into this one when reading (see [`crate::frame`]), not here.

mod osculating;
mod sgp4;
mod table;

pub(crate) use osculating::pericentre_km;
pub use sgp4::{BELIEVED_D, Sgp4};
pub use table::{Piece, Table};

use crate::constants::{EARTH_MU_KM3_S2, EARTH_RADIUS_KM, MOON_MU_KM3_S2, MOON_RADIUS_KM};
use crate::kepler::Kepler;
use crate::orbit::{State, SunSynchronous};
use std::ops::RangeInclusive;

/// The body orbited: what casts the shadow, shines back and glows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Earth.
    Earth,
    /// The Moon.
    Moon,
}

impl Body {
    /// Radius of the opaque and the radiating sphere, km.
    pub const fn radius_km(self) -> f64 {
        match self {
            Self::Earth => EARTH_RADIUS_KM,
            Self::Moon => MOON_RADIUS_KM,
        }
    }

    /// Gravitational parameter, km3/s2.
    pub const fn mu_km3_s2(self) -> f64 {
        match self {
            Self::Earth => EARTH_MU_KM3_S2,
            Self::Moon => MOON_MU_KM3_S2,
        }
    }
}

/// A way to know where the satellite is, as a function of mission time.
#[derive(Clone, Debug, PartialEq)]
pub enum Trajectory {
    /// Circular, its node following the mean Sun.
    SunSynchronous(SunSynchronous),
    /// Two-line elements or a mean-elements message.
    Sgp4(Sgp4),
    /// Imported positions.
    Table(Table),
    /// An ellipse about an oblate body.
    Kepler(Kepler),
}

impl Trajectory {
    /// What is orbited.
    pub fn body(&self) -> Body {
        match self {
            Self::SunSynchronous(_) | Self::Sgp4(_) => Body::Earth,
            Self::Table(table) => table.body(),
            Self::Kepler(orbit) => orbit.body(),
        }
    }

    /// At `mission_s` after the epoch.
    ///
    /// It must be inside [`Trajectory::span_s`]: profiles and runs that would leave it are refused before anything flies, and
    /// [`crate::Environment::shadow_edges`] reports nothing outside. Only its search for an eclipse that straddles an end looks
    /// beyond, and gets the last state turned on about its pole.
    pub fn at(&self, mission_s: f64) -> State {
        match self {
            Self::SunSynchronous(orbit) => orbit.at(mission_s),
            Self::Sgp4(orbit) => orbit.at(mission_s),
            Self::Table(table) => table.at(mission_s),
            Self::Kepler(orbit) => orbit.at(mission_s),
        }
    }

    /// Duration of one orbit, s, by two-body motion (oblateness shortens or stretches it by less than a part in a thousand); of imported data that of the osculating orbit at the epoch.
    pub fn period_s(&self) -> f64 {
        match self {
            Self::SunSynchronous(orbit) => orbit.period_s(),
            Self::Sgp4(orbit) => orbit.period_s(),
            Self::Table(table) => table.period_s(),
            Self::Kepler(orbit) => orbit.period_s(),
        }
    }

    /// Mission time for which the trajectory is known. Nothing is extrapolated: a run that would leave it is refused.
    pub fn span_s(&self) -> RangeInclusive<f64> {
        match self {
            Self::SunSynchronous(_) | Self::Kepler(_) => f64::NEG_INFINITY..=f64::INFINITY,
            Self::Sgp4(orbit) => orbit.span_s(),
            Self::Table(table) => table.span_s(),
        }
    }
}
