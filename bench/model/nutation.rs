//! From the frame of two-line elements to the one everything here is in.
//!
//! SGP4 answers in TEME: the true equator of date, with an equinox that is the mean one as far as sidereal time goes (Vallado et
//! al., Revisiting Spacetrack Report #3, AIAA 2006-6753, appendix C). Turning it about the pole by the equation of the equinoxes
//! gives true equator and equinox, taking nutation off gives the mean ones. Nutation is the four largest terms of IAU 1980
//! (Meeus, Astronomical Algorithms, 2nd ed., ch. 22): within 0.5" and 0.1", which at 7000 km are 17 m and 3 m; left out
//! altogether it would be 17", 0.6 km.

use crate::sun::{mean_longitude_deg, mean_obliquity_deg};
use crate::time::Centuries;
use crate::vector::Vector;

const ARCSECOND_DEG: f64 = 1.0 / 3600.0;

/// Nutation in longitude and in obliquity, deg.
fn nutation_deg(moment: Centuries) -> (f64, f64) {
    let t = moment.0;
    let node = (125.044_52 - 1_934.136_261 * t).to_radians();
    let sun = mean_longitude_deg(moment).to_radians();
    let moon = (218.3165 + 481_267.881_3 * t).to_radians();
    let longitude = -17.20 * node.sin() - 1.32 * (2.0 * sun).sin() - 0.23 * (2.0 * moon).sin() + 0.21 * (2.0 * node).sin();
    let obliquity = 9.20 * node.cos() + 0.57 * (2.0 * sun).cos() + 0.10 * (2.0 * moon).cos() - 0.09 * (2.0 * node).cos();
    (longitude * ARCSECOND_DEG, obliquity * ARCSECOND_DEG)
}

/// The turn from TEME of one moment to the mean equator and equinox of the same moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TemeToMean {
    /// Sines and cosines of the four turns, in the order they are made.
    sidereal: [f64; 2],
    to_ecliptic: [f64; 2],
    nutation: [f64; 2],
    to_equator: [f64; 2],
}

impl TemeToMean {
    /// At `moment`.
    pub fn at(moment: Centuries) -> Self {
        let (longitude, obliquity) = nutation_deg(moment);
        let mean = mean_obliquity_deg(moment);
        let turn = |deg: f64| deg.to_radians().sin_cos().into();
        Self {
            // Equation of the equinoxes of 1980, without the 0.003" it was given in 1994.
            sidereal: turn(-longitude * mean.to_radians().cos()),
            to_ecliptic: turn(mean + obliquity),
            nutation: turn(longitude),
            to_equator: turn(-mean),
        }
    }

    /// `vector` by the mean equator and equinox.
    pub fn apply(&self, vector: Vector) -> Vector {
        let true_of_date = about_z(vector, self.sidereal);
        let ecliptic = about_x(true_of_date, self.to_ecliptic);
        about_x(about_z(ecliptic, self.nutation), self.to_equator)
    }
}

/// Components in axes turned about x by an angle of this sine and cosine.
fn about_x([x, y, z]: Vector, [sin, cos]: [f64; 2]) -> Vector {
    [x, cos * y + sin * z, cos * z - sin * y]
}

/// Components in axes turned about z by an angle of this sine and cosine.
fn about_z([x, y, z]: Vector, [sin, cos]: [f64; 2]) -> Vector {
    [cos * x + sin * y, cos * y - sin * x, z]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nutation_of_meeus_example_22a() {
        // 1987 April 10, 0h TD: -3.788" and +9.443".
        let (longitude, obliquity) = nutation_deg(Centuries::from_jde(2_446_895.5));
        assert!((longitude / ARCSECOND_DEG + 3.788).abs() < 0.5, "{}", longitude / ARCSECOND_DEG);
        assert!((obliquity / ARCSECOND_DEG - 9.443).abs() < 0.1, "{}", obliquity / ARCSECOND_DEG);
    }

    #[test]
    fn teme_of_the_published_example_becomes_j2000() {
        // Vallado et al. 2006, appendix C: satellite 00005, three days after 2000-06-28, TEME and J2000 (IAU 1976/1980).
        let moment = Centuries::from_jde(2_451_726.284_950_62 + 64.184 / 86_400.0);
        let teme = [-9_060.473_735_69, 4_658.709_525_02, 813.686_731_53];
        let published = [-9_059.941_378_6, 4_659.697_200_0, 813.958_887_5];
        let mean = TemeToMean::at(moment).apply(teme);
        let got = crate::frame::Precession::between(moment, Centuries::J2000).apply(mean);
        for (g, p) in got.iter().zip(published) {
            assert!((g - p).abs() < 0.02, "{got:?} {published:?}");
        }
    }
}
