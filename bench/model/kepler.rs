//! An orbit from its elements: a Kepler ellipse about an oblate body, whose node, perigee and mean anomaly drift at their mean
//! rates.
//!
//! The elements are mean elements. What oblateness does within one revolution (some kilometres near Earth), drag, tesseral
//! harmonics, and the pull of Sun and Moon are not here: an orbit that they reshape is imported, not made from elements.

mod equator;

pub use equator::{equator, node_at_local_time_deg};

use crate::constants::{
    EARTH_J2, EARTH_MU_KM3_S2, EARTH_RADIUS_KM, EARTH_ROTATION_RAD_S, MOON_J2, MOON_J2_RADIUS_KM, MOON_MU_KM3_S2, TT_MINUS_UTC_S,
};
use crate::orbit::State;
use crate::time::Centuries;
use crate::trajectory::Body;
use crate::vector::{Vector, cross};
use std::f64::consts::{PI, TAU};

/// What an orbit needs to know of the body it goes round.
struct Gravity {
    mu_km3_s2: f64,
    j2: f64,
    j2_radius_km: f64,
}

impl Gravity {
    const fn of(body: Body) -> Self {
        match body {
            Body::Earth => Self { mu_km3_s2: EARTH_MU_KM3_S2, j2: EARTH_J2, j2_radius_km: EARTH_RADIUS_KM },
            Body::Moon => Self { mu_km3_s2: MOON_MU_KM3_S2, j2: MOON_J2, j2_radius_km: MOON_J2_RADIUS_KM },
        }
    }
}

/// Below this height nothing stays in orbit, km: air about Earth (the usual edge of orbital flight is above 120 km), mountains
/// on the Moon (10.8 km, the highest point of the LOLA maps; Smith et al. 2017, Icarus 283).
pub const fn lowest_km(body: Body) -> f64 {
    match body {
        Body::Earth => 120.0,
        Body::Moon => 11.0,
    }
}

/// Radius of Laplace's sphere of influence, km: a (m/M)^(2/5) with the mass ratios of DE430. An orbit that leaves it is the
/// Sun's, or Earth's.
pub const fn influence_km(body: Body) -> f64 {
    match body {
        Body::Earth => 924_600.0,
        Body::Moon => 66_180.0,
    }
}

/// Mean Keplerian elements at the epoch, referred to the equator of `body` (see [`equator`]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elements {
    /// What is orbited.
    pub body: Body,
    /// Semi-major axis, km.
    pub semi_major_km: f64,
    /// Eccentricity, 0 to below 1.
    pub eccentricity: f64,
    /// Inclination to the body's equator, deg.
    pub inclination_deg: f64,
    /// Right ascension of the ascending node, along the body's equator from its first axis, deg.
    pub node_deg: f64,
    /// Argument of perigee, from the node, deg.
    pub perigee_deg: f64,
    /// Mean anomaly, from perigee, deg.
    pub mean_anomaly_deg: f64,
}

/// Why there is no such orbit.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Impossible {
    /// Not an ellipse.
    #[error("an eccentricity of {0} is no ellipse: expected 0 to below 1")]
    Open(f64),
    /// The lowest point is in the ground, in mountains or in air.
    #[error("its lowest point is {0:.1} km above the surface: expected at least {1} km, where {2}")]
    TooLow(f64, f64, &'static str),
    /// The highest point is another body's realm.
    #[error("its highest point is {0:.0} km from the centre, beyond the sphere of influence: expected at most {1} km")]
    TooHigh(f64, f64),
}

/// An orbit from its elements, in the mean equator and equinox of the epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kepler {
    elements: Elements,
    axes: [Vector; 3],
    rates: Rates,
    sin_inclination: f64,
    cos_inclination: f64,
}

/// How fast the angles move, rad/s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Of two-body motion alone: what the Keplerian period is made of.
    pub mean_motion: f64,
    /// Of the ascending node.
    pub node: f64,
    /// Of perigee, from the node.
    pub perigee: f64,
    /// Of the mean anomaly.
    pub mean_anomaly: f64,
}

impl Kepler {
    /// The orbit with these elements at mission second 0, `axes` being the body's equator in the frame of the epoch
    /// ([`equator`]).
    ///
    /// # Errors
    /// What is impossible about it.
    pub fn new(elements: Elements, axes: [Vector; 3]) -> Result<Self, Impossible> {
        let Elements { body, semi_major_km, eccentricity, .. } = elements;
        if !(0.0..1.0).contains(&eccentricity) {
            return Err(Impossible::Open(eccentricity));
        }
        let lowest = semi_major_km * (1.0 - eccentricity) - body.radius_km();
        if lowest < lowest_km(body) {
            let why = match body {
                Body::Earth => "air no longer brakes it within one revolution",
                Body::Moon => "mountains end",
            };
            return Err(Impossible::TooLow(lowest, lowest_km(body), why));
        }
        let highest = semi_major_km * (1.0 + eccentricity);
        if highest > influence_km(body) {
            return Err(Impossible::TooHigh(highest, influence_km(body)));
        }
        let (sin_inclination, cos_inclination) = elements.inclination_deg.to_radians().sin_cos();
        Ok(Self { elements, axes, rates: Rates::of(&elements), sin_inclination, cos_inclination })
    }

    /// The orbit that stays over `longitude_deg` (east) of Earth's equator: circular, uninclined, as fast as Earth turns. Its
    /// radius is 2 km above the textbook 42 164 km, because oblateness pulls.
    pub fn geostationary(longitude_deg: f64, epoch: Centuries) -> Self {
        let mut elements = Elements {
            body: Body::Earth,
            semi_major_km: (EARTH_MU_KM3_S2 / EARTH_ROTATION_RAD_S.powi(2)).cbrt(),
            eccentricity: 0.0,
            inclination_deg: 0.0,
            node_deg: 0.0,
            perigee_deg: 0.0,
            mean_anomaly_deg: sidereal_deg(epoch) + longitude_deg,
        };
        // Oblateness adds some seven parts in a hundred thousand; each round leaves as much of what the last one left.
        for _ in 0..4 {
            let Rates { node, perigee, mean_anomaly, .. } = Rates::of(&elements);
            elements.semi_major_km *= ((node + perigee + mean_anomaly) / EARTH_ROTATION_RAD_S).powf(2.0 / 3.0);
        }
        Self::new(elements, equator(Body::Earth, epoch)).expect("36 000 km is neither too low nor too high")
    }

    /// What it was made from.
    pub fn elements(&self) -> &Elements {
        &self.elements
    }

    /// What is orbited.
    pub fn body(&self) -> Body {
        self.elements.body
    }

    /// How fast its angles move.
    pub fn rates(&self) -> &Rates {
        &self.rates
    }

    /// The Keplerian period, that of two-body motion with this semi-major axis, s: the figure that tables of orbits give.
    pub fn period_s(&self) -> f64 {
        TAU / self.rates.mean_motion
    }

    /// The mean nodal period, from ascending node to ascending node, s: what ground tracks repeat with.
    pub fn nodal_period_s(&self) -> f64 {
        TAU / (self.rates.mean_anomaly + self.rates.perigee)
    }

    /// At `mission_s` after the epoch.
    pub fn at(&self, mission_s: f64) -> State {
        let Elements { semi_major_km: a, eccentricity: e, node_deg, perigee_deg, mean_anomaly_deg, .. } = self.elements;
        let mean_anomaly = mean_anomaly_deg.to_radians() + self.rates.mean_anomaly * mission_s;
        let perigee = perigee_deg.to_radians() + self.rates.perigee * mission_s;
        let (radius_km, u) = if e == 0.0 {
            (a, perigee + mean_anomaly)
        } else {
            let (sin_e, cos_e) = eccentric_anomaly(mean_anomaly, e).sin_cos();
            let true_anomaly = ((1.0 - e * e).sqrt() * sin_e).atan2(cos_e - e);
            (a * (1.0 - e * cos_e), perigee + true_anomaly)
        };
        let (sin_u, cos_u) = u.sin_cos();
        let (sin_node, cos_node) = (node_deg.to_radians() + self.rates.node * mission_s).sin_cos();
        let (sin_i, cos_i) = (self.sin_inclination, self.cos_inclination);
        let zenith = [cos_node * cos_u - sin_node * sin_u * cos_i, sin_node * cos_u + cos_node * sin_u * cos_i, sin_u * sin_i];
        State { zenith: self.out(zenith), radius_km, pole: self.out([sin_node * sin_i, -cos_node * sin_i, cos_i]) }
    }

    /// From the body's equator to the frame of the epoch.
    fn out(&self, v: Vector) -> Vector {
        let [x, y, z] = &self.axes;
        [0, 1, 2].map(|k| v[0] * x[k] + v[1] * y[k] + v[2] * z[k])
    }
}

impl Rates {
    /// Mean rates of first order in J2 (Vallado, Fundamentals of Astrodynamics and Applications, 4th ed., (9-37), (9-39) and
    /// (9-41)).
    fn of(elements: &Elements) -> Self {
        let Gravity { mu_km3_s2, j2, j2_radius_km } = Gravity::of(elements.body);
        let (a, e) = (elements.semi_major_km, elements.eccentricity);
        let mean_motion = (mu_km3_s2 / a.powi(3)).sqrt();
        let flat = mean_motion * j2 * (j2_radius_km / (a * (1.0 - e * e))).powi(2);
        let (sin, cos) = elements.inclination_deg.to_radians().sin_cos();
        Self {
            mean_motion,
            node: -1.5 * flat * cos,
            perigee: 0.75 * flat * (4.0 - 5.0 * sin * sin),
            mean_anomaly: mean_motion + 0.75 * flat * (1.0 - e * e).sqrt() * (2.0 - 3.0 * sin * sin),
        }
    }
}

/// Kepler's equation: the eccentric anomaly at `mean_anomaly`, both in rad, for an eccentricity of 0 to below 1.
///
/// Newton's iteration from the right of the root: there E - e sin E - M is convex, so every step lands between the root and the
/// last one. It cannot overshoot, whatever the eccentricity, and stops when rounding lets it go no further.
pub fn eccentric_anomaly(mean_anomaly: f64, eccentricity: f64) -> f64 {
    let whole = (mean_anomaly / TAU).round() * TAU;
    let m = mean_anomaly - whole;
    let (half, side) = (m.abs(), m.signum());
    let mut root = (half + eccentricity).min(PI);
    // Next to a parabola the root is nearly triple and every step gains a factor of 2/3 only: 100 steps are 18 digits.
    for _ in 0..100 {
        let (sin, cos) = root.sin_cos();
        let next = root - (root - eccentricity * sin - half) / (1.0 - eccentricity * cos);
        if next.is_nan() || next >= root {
            break;
        }
        root = next.max(0.0);
    }
    whole + side * root
}

/// Greenwich mean sidereal time, deg (Meeus, Astronomical Algorithms, 2nd ed., (12.4), IAU 1982), UTC standing for UT1: they
/// differ by less than 0.9 s, 0.004 deg.
fn sidereal_deg(moment: Centuries) -> f64 {
    let days = moment.plus_s(-TT_MINUS_UTC_S).0 * 36_525.0;
    let t = days / 36_525.0;
    280.460_618_37 + 360.985_647_366_29 * days + 0.000_387_933 * t * t
}

/// Unit vectors of a right-handed frame with this third axis and a first one along `first`, which must be square to it.
fn axes(first: Vector, third: Vector) -> [Vector; 3] {
    [first, cross(third, first), third]
}

#[cfg(test)]
mod tests;
