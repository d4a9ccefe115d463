//! Where the satellite or the installation is: in an orbit, or at a place that no orbit describes.
//!
//! Each has a file of its own; this one only says what all of them answer.

use crate::constants::{DAY_S, SYNODIC_MONTH_D};
use crate::ground::Ground;
use crate::surface::LunarSurface;
use crate::timetable::Timetable;
use crate::trajectory::Trajectory;
use std::ops::RangeInclusive;

/// Where the satellite or the installation is.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// In orbit about a planet or a moon.
    Orbit(Trajectory),
    /// On the Moon.
    LunarSurface(LunarSurface),
    /// In orbit about the Sun, far from anything else.
    DeepSpace(DeepSpace),
    /// In a building on Earth.
    Ground(Ground),
    /// Wherever another program says, in a table.
    Timeline(Timetable),
}

/// Far from every planet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeepSpace {
    /// Distance from the Sun, AU: constant.
    pub distance_au: f64,
}

impl From<Trajectory> for Place {
    fn from(trajectory: Trajectory) -> Self {
        Self::Orbit(trajectory)
    }
}

impl Place {
    /// What recurs: see [`crate::Environment::period_s`].
    pub fn period_s(&self) -> f64 {
        match self {
            Self::Orbit(trajectory) => trajectory.period_s(),
            Self::LunarSurface(_) => SYNODIC_MONTH_D * DAY_S,
            Self::DeepSpace(_) | Self::Ground(_) => DAY_S,
            Self::Timeline(table) => table.span_s().end() - table.span_s().start(),
        }
    }

    /// After what time an orbit is as it was, s; `None` of what is no orbit: a table of fluxes says nothing beyond its rows, and of everything else all is known.
    pub fn recurs_s(&self) -> Option<f64> {
        match self {
            Self::Orbit(trajectory) => Some(trajectory.period_s()),
            _ => None,
        }
    }

    /// Mission time for which it is known.
    pub fn span_s(&self) -> RangeInclusive<f64> {
        match self {
            Self::Orbit(trajectory) => trajectory.span_s(),
            Self::Timeline(table) => table.span_s(),
            Self::LunarSurface(_) | Self::DeepSpace(_) | Self::Ground(_) => f64::NEG_INFINITY..=f64::INFINITY,
        }
    }
}
