//! How much light of a sunlit sphere falls on a flat plate: reflected sunlight with its terminator, and the glow of ground that
//! is as hot as the Sun above it makes it.
//!
//! The factor here times the sunlight, times the reflected or the emitted part of it, is the flux. It is the integral, over the
//! part of the sphere that the plate sees and the Sun lights, of the cosine at the plate times the cosine of the Sun over the
//! ground, by solid angle and over pi: a sphere that scatters or glows evenly to all sides (Lambert). Not here: how bright the
//! sphere is, and clouds, seas and mountains.

use crate::attitude::{Attitude, Cosines};
use crate::vector::{cubic, cubic_through};
use std::f64::consts::{FRAC_1_PI, FRAC_PI_2, PI, TAU};
use std::sync::Arc;

/// Gauss-Legendre nodes and weights on -1..1, the positive half, 8 points (Abramowitz & Stegun, table 25.4).
const GAUSS: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_5),
    (0.960_289_856_497_536_2, 0.101_228_536_290_376_3),
];

/// Between the nodes of a table, evenly in the sine of half the Sun's angle from the zenith (which takes a root instead of an arc
/// cosine): fluxes are within 1e-5 of full sunlight of the integral.
const TABLE_INTERVALS: usize = 360;

/// Factors of the two faces of a plate `distance` from the centre of a sphere of `radius` (same unit), whose face a has `normal`,
/// under a Sun with the cosine `sun_over_zenith` over the zenith. Neither is negative.
///
/// Rings about the nadir, of which the part that is lit and above the plate's horizon is integrated in closed form; eight to a
/// stretch between the rings where terminator and horizon begin to cut. Within 2e-6 of a brute-force sum.
pub(crate) fn factors(distance: f64, radius: f64, sun_over_zenith: f64, normal: Cosines) -> (f64, f64) {
    let h = (distance / radius).max(1.0 + 1e-9);
    let limb = (1.0 / h).asin();
    let cos_sun = sun_over_zenith.clamp(-1.0, 1.0);
    let sun = cos_sun.acos();
    let sin_sun = sun.sin();
    // Earth-central angle from the nadir to the limb: beyond it the terminator is out of sight.
    if sun >= FRAC_PI_2 + (FRAC_PI_2 - limb) {
        return (0.0, 0.0);
    }
    let down = -normal.zenith.clamp(-1.0, 1.0);
    let level = (1.0 - down * down).max(0.0).sqrt();
    // Component of the level part of the normal along the level direction to the Sun. With the Sun in the zenith there is none,
    // and it does not matter.
    let toward = if sin_sun > 1e-9 { ((normal.sun + down * cos_sun) / sin_sun).clamp(-level, level) } else { 0.0 };
    let cos_azimuth = if level > 1e-12 { toward / level } else { 1.0 };
    let plate = Plate { down, level, azimuth: cos_azimuth.clamp(-1.0, 1.0).acos(), cos_azimuth };
    // Where the terminator, and where the plate's horizon, begin to cut rings.
    let central = (FRAC_PI_2 - sun).abs();
    let terminator = central.sin().atan2(h - central.cos()).min(limb);
    let terminator = if central >= FRAC_PI_2 - limb { limb } else { terminator };
    let horizon = (FRAC_PI_2 - down.clamp(-1.0, 1.0).acos()).abs().min(limb);
    let marks = [0.0, terminator.min(horizon), terminator.max(horizon), limb];
    let (mut seen, mut both) = (0.0, 0.0);
    for pair in marks.windows(2) {
        let (from, span) = (pair[0], pair[1] - pair[0]);
        if span < 1e-12 {
            continue;
        }
        for (node, weight) in GAUSS.iter().flat_map(|&(x, w)| [(-x, w), (x, w)]) {
            // Crowded at both ends, where the integrand has square roots.
            let s = 0.5 * (1.0 + node);
            let off = from + span * s * s * (3.0 - 2.0 * s);
            let width = span * 3.0 * s * (1.0 - s) * weight;
            let (sin_off, cos_off) = off.sin_cos();
            // Refraction-free line of sight from `off` the nadir meets the ground at this central angle.
            let sin_meet = (h * sin_off).min(1.0);
            let cos_meet = (1.0 - sin_meet * sin_meet).sqrt();
            let (cos_central, sin_central) = (cos_meet * cos_off + sin_meet * sin_off, sin_meet * cos_off - cos_meet * sin_off);
            let ground = (cos_central * cos_sun, sin_central.max(0.0) * sin_sun);
            let (a, all) = plate.ring(sin_off, cos_off, ground);
            seen += a * sin_off * width;
            both += all * sin_off * width;
        }
    }
    let a = (seen * FRAC_1_PI).max(0.0);
    // What is in front of face a less what is behind it; with all of the disc on one side the other face sees none of it.
    let b = if down >= 1.0 / h { 0.0 } else { (a - both * FRAC_1_PI).max(0.0) };
    if down <= -1.0 / h { (0.0, b) } else { (a, b) }
}

/// Face a's normal, by its component to the nadir, its level component, and the azimuth of that from the Sun's.
struct Plate {
    down: f64,
    level: f64,
    azimuth: f64,
    cos_azimuth: f64,
}

impl Plate {
    /// Integral around the ring `off` the nadir of (cosine at the plate) x (cosine of the Sun over the ground), where the Sun is up:
    /// over the part in front of face a, and over all of it (negative behind). `ground` is the constant part of the Sun's cosine
    /// and the factor of the cosine of the azimuth from the Sun.
    fn ring(&self, sin_off: f64, cos_off: f64, (c, d): (f64, f64)) -> (f64, f64) {
        let (a, b) = (cos_off * self.down, sin_off * self.level);
        let lit = arc(c, d);
        if lit <= 0.0 {
            return (0.0, 0.0);
        }
        let front = arc(a, b);
        // The antiderivative of (a + b cos(x - azimuth)) (c + d cos x).
        let at = |x: f64| {
            a * (c * x + d * x.sin())
                + b * c * (x - self.azimuth).sin()
                + 0.5 * b * d * (x * self.cos_azimuth + 0.5 * (2.0 * x - self.azimuth).sin())
        };
        let all = if lit >= PI { TAU * (a * c + 0.5 * b * d * self.cos_azimuth) } else { at(lit) - at(-lit) };
        if front >= PI {
            return (all, all);
        }
        let mut seen = 0.0;
        for turn in [0.0, -TAU] {
            let (from, to) = ((self.azimuth - front + turn).max(-lit), (self.azimuth + front + turn).min(lit));
            if to > from {
                seen += at(to) - at(from);
            }
        }
        (seen, all)
    }
}

/// Half the arc on which `constant + amplitude cos x` is positive, 0 to pi; the amplitude is not negative.
fn arc(constant: f64, amplitude: f64) -> f64 {
    if constant >= amplitude {
        PI
    } else if constant <= -amplitude {
        0.0
    } else {
        (-constant / amplitude).acos()
    }
}

/// The factors of one attitude at one height, by the Sun's angle from the zenith: what a circular orbit needs, at the cost of
/// a look-up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    distance: f64,
    /// A cubic a face between each node and the next.
    pieces: Arc<[[[f64; 4]; 2]; TABLE_INTERVALS]>,
}

impl Table {
    /// For an attitude that follows Sun and zenith, in a circle of `distance` about a sphere of `radius`.
    pub(crate) fn new(distance: f64, radius: f64, attitude: Attitude, error_deg: f64) -> Self {
        let node = |k: usize| {
            let sin_half = k as f64 / TABLE_INTERVALS as f64;
            let cos_sun = 1.0 - 2.0 * sin_half * sin_half;
            factors(distance, radius, cos_sun, attitude.cosines_by_sun_height(cos_sun, error_deg))
        };
        let nodes: Vec<(f64, f64)> = (0..=TABLE_INTERVALS).map(node).collect();
        let at = |k: usize| nodes[k.min(TABLE_INTERVALS)];
        let piece = |k: usize| {
            let mut four = [at(k.saturating_sub(1)), at(k), at(k + 1), at(k + 2)];
            // At the ends one neighbour is missing: the parabola through the other three stands for it.
            let beyond = |near: f64, next: f64, far: f64| 3.0 * near - 3.0 * next + far;
            if k == 0 {
                four[0] = (beyond(four[1].0, four[2].0, four[3].0), beyond(four[1].1, four[2].1, four[3].1));
            } else if k + 2 > TABLE_INTERVALS {
                four[3] = (beyond(four[2].0, four[1].0, four[0].0), beyond(four[2].1, four[1].1, four[0].1));
            }
            [cubic_through(four.map(|pair| pair.0)), cubic_through(four.map(|pair| pair.1))]
        };
        Self { distance, pieces: Arc::new(std::array::from_fn(piece)) }
    }

    /// True at the height the table was made for.
    #[inline]
    pub(crate) fn is_for(&self, distance: f64) -> bool {
        (distance - self.distance).abs() <= 1e-7 * self.distance
    }

    /// Both faces' factors by cubic interpolation.
    #[inline]
    pub(crate) fn factors(&self, sun_over_zenith: f64) -> (f64, f64) {
        let place = (0.5 - 0.5 * sun_over_zenith).clamp(0.0, 1.0).sqrt() * TABLE_INTERVALS as f64;
        let first = (place as usize).min(TABLE_INTERVALS - 1);
        let x = place - first as f64;
        let [a, b] = self.pieces[first];
        (cubic(a, x).max(0.0), cubic(b, x).max(0.0))
    }
}

#[cfg(test)]
#[path = "shine/tests.rs"]
mod tests;
