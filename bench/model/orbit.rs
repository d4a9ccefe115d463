//! A circular orbit whose node follows the mean Sun, in the mean equator and equinox of the epoch.
//!
//! Two-body motion plus the one perturbation that makes the orbit what it is, the drift of the node. Drag, eccentricity and
//! the Moon are not here: they do not matter to the heat of a few days.
//!
//! Nor does oblateness touch the satellite's phase: a revolution lasts the two-body period, as published figures of such orbits
//! have it. An orbit from elements ([`crate::kepler`]) drifts in phase as well, by which the same orbit given as `circular` falls
//! behind, 107 s a day at 650 km, 7 s a revolution. Eclipses are as long in both, and each comes that much later; whoever has to
//! meet the clock of a real satellite imports its elements.

use crate::constants::{DAY_S, EARTH_J2, EARTH_MU_KM3_S2, EARTH_RADIUS_KM, TROPICAL_YEAR_D};
use crate::sun;
use crate::time::Centuries;
use crate::vector::Vector;
use std::f64::consts::TAU;

/// Rate of the node of a sun-synchronous orbit: once round in a tropical year, rad/s.
const NODE_RATE_RAD_S: f64 = TAU / (TROPICAL_YEAR_D * DAY_S);

/// A circular sun-synchronous orbit: the node drifts, the phase is two-body (see the head of this file for what that means).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SunSynchronous {
    radius_km: f64,
    mean_motion_rad_s: f64,
    inclination_rad: f64,
    sin_inclination: f64,
    cos_inclination: f64,
    node_rad: f64,
    start_rad: f64,
}

/// Where the satellite is, and how its orbit lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State {
    /// Unit vector from the body's centre to the satellite.
    pub zenith: Vector,
    /// Distance from the body's centre, km.
    pub radius_km: f64,
    /// Unit vector along the orbit's angular momentum.
    pub pole: Vector,
}

impl SunSynchronous {
    /// The orbit at `altitude_km` above the equatorial radius whose ascending node has the mean local time `ltan_h`, with the
    /// satellite `start_deg` past the node (argument of latitude) at `epoch`. `None` where no inclination keeps up with the
    /// Sun ([`highest_sun_synchronous_km`]).
    pub fn new(altitude_km: f64, ltan_h: f64, start_deg: f64, epoch: Centuries) -> Option<Self> {
        let radius_km = EARTH_RADIUS_KM + altitude_km;
        let inclination_rad = inclination_rad(radius_km)?;
        let (sin_inclination, cos_inclination) = inclination_rad.sin_cos();
        Some(Self {
            radius_km,
            mean_motion_rad_s: mean_motion_rad_s(radius_km),
            inclination_rad,
            sin_inclination,
            cos_inclination,
            node_rad: (sun::mean_longitude_deg(epoch) + 15.0 * (ltan_h - 12.0)).rem_euclid(360.0).to_radians(),
            start_rad: start_deg.to_radians(),
        })
    }

    /// Distance from Earth's centre, km.
    pub fn radius_km(&self) -> f64 {
        self.radius_km
    }

    /// Time from node to node by two-body motion, s.
    pub fn period_s(&self) -> f64 {
        TAU / self.mean_motion_rad_s
    }

    /// Angle swept in a second, rad.
    pub fn mean_motion_rad_s(&self) -> f64 {
        self.mean_motion_rad_s
    }

    /// Inclination to the equator, deg.
    pub fn inclination_deg(&self) -> f64 {
        self.inclination_rad.to_degrees()
    }

    /// Right ascension of the ascending node at the epoch, deg.
    pub fn node_deg(&self) -> f64 {
        self.node_rad.to_degrees()
    }

    /// At `mission_s` after the epoch.
    pub fn at(&self, mission_s: f64) -> State {
        let (sin_u, cos_u) = (self.start_rad + self.mean_motion_rad_s * mission_s).sin_cos();
        let (sin_node, cos_node) = (self.node_rad + NODE_RATE_RAD_S * mission_s).sin_cos();
        let (sin_i, cos_i) = (self.sin_inclination, self.cos_inclination);
        State {
            zenith: [cos_node * cos_u - sin_node * sin_u * cos_i, sin_node * cos_u + cos_node * sin_u * cos_i, sin_u * sin_i],
            radius_km: self.radius_km,
            pole: [sin_node * sin_i, -cos_node * sin_i, cos_i],
        }
    }
}

fn mean_motion_rad_s(radius_km: f64) -> f64 {
    (EARTH_MU_KM3_S2 / radius_km.powi(3)).sqrt()
}

/// The inclination at which Earth's oblateness turns the node at the Sun's mean rate (Vallado, Fundamentals of Astrodynamics
/// and Applications, 4th ed., (11-13), circular orbit); `None` where there is none.
fn inclination_rad(radius_km: f64) -> Option<f64> {
    let flattened = 1.5 * EARTH_J2 * (EARTH_RADIUS_KM / radius_km).powi(2) * mean_motion_rad_s(radius_km);
    let cos = -NODE_RATE_RAD_S / flattened;
    (cos >= -1.0).then(|| cos.acos())
}

/// Altitude above which no inclination turns the node fast enough, km.
pub fn highest_sun_synchronous_km() -> f64 {
    let at_the_surface = 1.5 * EARTH_J2 * mean_motion_rad_s(EARTH_RADIUS_KM);
    EARTH_RADIUS_KM * ((at_the_surface / NODE_RATE_RAD_S).powf(2.0 / 7.0) - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::{cross, dot, norm};
    use proptest::prelude::*;

    fn orbit(altitude_km: f64) -> SunSynchronous {
        SunSynchronous::new(altitude_km, 18.0, 0.0, Centuries(0.26)).expect("low enough")
    }

    #[test]
    fn inclinations_are_the_published_ones() {
        let published = [(400.0, 97.030), (500.0, 97.402), (550.0, 97.593), (600.0, 97.788), (650.0, 97.986), (800.0, 98.603)];
        for (altitude_km, expected_deg) in published {
            let got = orbit(altitude_km).inclination_deg();
            assert!((got - expected_deg).abs() <= 0.001, "{altitude_km} km: {got}");
        }
    }

    #[test]
    fn periods_are_those_of_two_body_motion() {
        for (altitude_km, expected_s) in [(400.0, 5553.624), (650.0, 5863.694)] {
            assert!((orbit(altitude_km).period_s() - expected_s).abs() < 1e-3);
        }
    }

    #[test]
    fn too_high_is_refused_and_just_below_is_not() {
        let epoch = Centuries(0.26);
        let highest = highest_sun_synchronous_km();
        assert!((5900.0..6000.0).contains(&highest), "{highest}");
        assert!(SunSynchronous::new(highest + 1.0, 18.0, 0.0, epoch).is_none());
        assert!(SunSynchronous::new(highest - 1.0, 18.0, 0.0, epoch).is_some_and(|o| o.inclination_deg() > 175.0));
    }

    #[test]
    fn the_node_keeps_its_local_time() {
        // The mean Sun is six hours before the node at 18:00, at the epoch and half a year later.
        for ltan_h in [6.0, 12.0, 18.0, 22.5] {
            let epoch = Centuries(0.26);
            let orbit = SunSynchronous::new(650.0, ltan_h, 0.0, epoch).expect("low enough");
            for day in [0.0, 91.0, 182.0] {
                let seconds = day * DAY_S;
                let pole = orbit.at(seconds).pole;
                let node_deg = pole[0].atan2(-pole[1]).to_degrees();
                // Of date; the general precession in half a year is 0.007 deg.
                let mean_sun_deg = sun::mean_longitude_deg(epoch.plus_s(seconds));
                let local_time_h = ((node_deg - mean_sun_deg) / 15.0 + 12.0).rem_euclid(24.0);
                assert!((local_time_h - ltan_h).abs() < 0.001, "{local_time_h} on day {day}");
            }
        }
    }

    #[test]
    fn it_starts_at_the_node_and_climbs() {
        let orbit = orbit(650.0);
        assert!(orbit.at(0.0).zenith[2].abs() < 1e-12);
        assert!(orbit.at(10.0).zenith[2] > 0.0);
        let quarter = SunSynchronous::new(650.0, 18.0, 90.0, Centuries(0.26)).expect("low enough");
        assert!((quarter.at(0.0).zenith[2] - orbit.sin_inclination).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn zenith_and_pole_are_unit_vectors_at_right_angles(t in -3e7..3e7_f64, altitude_km in 150.0..5900.0_f64) {
            let orbit = orbit(altitude_km);
            let (now, soon) = (orbit.at(t), orbit.at(t + 1.0));
            prop_assert!((norm(now.zenith) - 1.0).abs() < 1e-12);
            prop_assert!((norm(now.pole) - 1.0).abs() < 1e-12);
            prop_assert!(dot(now.zenith, now.pole).abs() < 1e-12);
            prop_assert!(dot(cross(now.zenith, soon.zenith), now.pole) > 0.0, "flies backwards");
        }
    }
}
