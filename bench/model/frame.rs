//! Frames: mean equator and equinox of a date, and the precession between two dates.
//!
//! A direction without its frame is a trap: 26 years of precession are 0.37 deg, which moves an eclipse near the edge of its
//! season by up to a minute and a half. Nutation (0.005 deg) is left out on both sides, which is consistent.

use crate::time::Centuries;
use crate::vector::{Vector, dot};

const ARCSECOND_RAD: f64 = std::f64::consts::PI / (180.0 * 3600.0);

/// The rotation that takes vectors from the mean equator and equinox of one moment to those of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Precession {
    rows: [Vector; 3],
}

impl Precession {
    /// From the frame of `from` to the frame of `to`: equatorial precession angles of Lieske et al. 1977, as in Meeus,
    /// Astronomical Algorithms, 2nd ed., (21.2).
    pub fn between(from: Centuries, to: Centuries) -> Self {
        let start = from.0;
        let t = to.0 - from.0;
        let common = 2306.2181 + (1.39656 - 0.000_139 * start) * start;
        let zeta = ((0.017_998 * t + 0.301_88 - 0.000_344 * start) * t + common) * t;
        let z = ((0.018_203 * t + 1.094_68 + 0.000_066 * start) * t + common) * t;
        let theta = ((-0.041_833 * t - 0.426_65 - 0.000_217 * start) * t + 2004.3109 - (0.853_30 + 0.000_217 * start) * start) * t;
        let (sin_zeta, cos_zeta) = (zeta * ARCSECOND_RAD).sin_cos();
        let (sin_z, cos_z) = (z * ARCSECOND_RAD).sin_cos();
        let (sin_theta, cos_theta) = (theta * ARCSECOND_RAD).sin_cos();
        Self {
            rows: [
                [cos_z * cos_theta * cos_zeta - sin_z * sin_zeta, -cos_z * cos_theta * sin_zeta - sin_z * cos_zeta, -cos_z * sin_theta],
                [sin_z * cos_theta * cos_zeta + cos_z * sin_zeta, -sin_z * cos_theta * sin_zeta + cos_z * cos_zeta, -sin_z * sin_theta],
                [sin_theta * cos_zeta, -sin_theta * sin_zeta, cos_theta],
            ],
        }
    }

    /// `vector` in the frame of arrival.
    pub fn apply(&self, vector: Vector) -> Vector {
        self.rows.map(|row| dot(row, vector))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direction(ra_deg: f64, dec_deg: f64) -> Vector {
        let (sin_ra, cos_ra) = ra_deg.to_radians().sin_cos();
        let (sin_dec, cos_dec) = dec_deg.to_radians().sin_cos();
        [cos_dec * cos_ra, cos_dec * sin_ra, sin_dec]
    }

    #[test]
    fn theta_persei_precesses_as_in_meeus_example_21b() {
        let matrix = Precession::between(Centuries::J2000, Centuries::from_jde(2_462_088.69));
        let got = matrix.apply(direction(41.054_063, 49.227_750));
        let expected = direction(41.547_214, 49.348_483);
        for (g, e) in got.iter().zip(expected) {
            assert!((g - e).abs() < 2e-8, "{got:?} {expected:?}");
        }
    }

    #[test]
    fn there_and_back_is_where_we_were() {
        let (a, b) = (Centuries(0.05), Centuries(0.27));
        let start = direction(123.4, -23.4);
        let back = Precession::between(b, a).apply(Precession::between(a, b).apply(start));
        for (x, y) in back.iter().zip(start) {
            assert!((x - y).abs() < 1e-10);
        }
    }
}
