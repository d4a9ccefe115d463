//! The Sun over one place on a surface, and the Moon's surface in particular.
//!
//! The ground is level and without end. Not here: hills, the shadow that a panel throws on the ground it sees, and Earth, which
//! from the Moon is a thousandth as bright as the Sun and hides it twice a year at most.

use crate::attitude::Directions;
use crate::constants::{AU_KM, SUN_RADIUS_KM};
use crate::eclipse::Outlook;
use crate::moon;
use crate::shadow::Discs;
use crate::time::Centuries;
use crate::vector::Vector;
use std::f64::consts::FRAC_PI_2;

/// The Sun over a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LocalSun {
    /// Unit vector to it: north, east, up.
    pub(crate) direction: Vector,
    /// Distance, AU.
    pub(crate) distance_au: f64,
}

impl LocalSun {
    /// The Sun at `declination_rad` north of the equator and `ahead_rad` east of the meridian of a place at `latitude_rad`.
    pub(crate) fn over(latitude_rad: f64, declination_rad: f64, ahead_rad: f64, distance_au: f64) -> Self {
        let ((sin_l, cos_l), (sin_d, cos_d)) = (latitude_rad.sin_cos(), declination_rad.sin_cos());
        let (sin_a, cos_a) = ahead_rad.sin_cos();
        let direction = [sin_d * cos_l - cos_d * sin_l * cos_a, cos_d * sin_a, sin_d * sin_l + cos_d * cos_l * cos_a];
        Self { direction, distance_au }
    }

    /// The flat horizon is a disc of a quarter turn about the nadir.
    pub(crate) fn outlook(&self) -> Outlook {
        let [north, east, up] = self.direction;
        let discs = Discs {
            sun_rad: (SUN_RADIUS_KM / (self.distance_au * AU_KM)).min(1.0).asin(),
            body_rad: FRAC_PI_2,
            apart_rad: north.hypot(east).atan2(-up),
        };
        Outlook { discs, direction: self.direction }
    }

    /// Zenith up; azimuths from north to east.
    pub(crate) fn directions(&self) -> Directions {
        Directions { zenith: [0.0, 0.0, 1.0], pole: [0.0, 1.0, 0.0], sun: self.direction }
    }
}

/// A place on the Moon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LunarSurface {
    latitude_rad: f64,
    longitude_rad: f64,
}

impl LunarSurface {
    /// At selenographic latitude and longitude (east positive, 0 in the middle of the near side), deg.
    pub fn new(latitude_deg: f64, longitude_deg: f64) -> Self {
        Self { latitude_rad: latitude_deg.to_radians(), longitude_rad: longitude_deg.to_radians() }
    }

    /// At that latitude, deg, where it is `local_time_h` at `epoch`: 0 to 24 of a synodic month, 12 is noon.
    pub fn at_local_time(latitude_deg: f64, local_time_h: f64, epoch: Centuries) -> Self {
        let (subsolar_rad, _) = moon::subsolar_rad(epoch, &moon::sun_of_date(epoch));
        Self { latitude_rad: latitude_deg.to_radians(), longitude_rad: subsolar_rad + (15.0 * (local_time_h - 12.0)).to_radians() }
    }

    pub(crate) fn sun(&self, moment: Centuries) -> LocalSun {
        let sun = moon::sun_of_date(moment);
        let (longitude_rad, latitude_rad) = moon::subsolar_rad(moment, &sun);
        LocalSun::over(self.latitude_rad, latitude_rad, longitude_rad - self.longitude_rad, sun.distance_au)
    }
}

#[cfg(test)]
#[path = "surface/tests.rs"]
mod tests;
