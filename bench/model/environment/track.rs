//! The Sun along a timeline, from a few positions an hour apart: a hundredth of what its theory costs.

use crate::sun::Sun;
use crate::vector::{Vector, cubic, cubic_through, norm, scaled};

/// Time between the positions, s. Cubic interpolation between them errs by 1e-14 of the Sun's distance seen from Earth and 3e-13
/// seen from the Moon.
const NODE_S: f64 = 3600.0;

/// Positions around the stretch last asked for. Times may come in any order; along a timeline a new position is needed once an hour.
pub(super) struct SunTrack {
    /// Steps so long that interpolation would cost more than it saves.
    direct: bool,
    /// The stretch from node `first + 1` to the next.
    first: i64,
    nodes: Option<[Vector; 4]>,
    /// The cubic of each coordinate in that stretch.
    pieces: Option<[[f64; 4]; 3]>,
}

impl SunTrack {
    /// For times about `step_s` apart.
    pub(super) fn new(step_s: f64) -> Self {
        Self { direct: step_s > NODE_S / 8.0, first: 0, nodes: None, pieces: None }
    }

    #[inline]
    /// At `mission_s`; `theory` is where the Sun really is.
    pub(super) fn at(&mut self, mission_s: f64, theory: impl Fn(f64) -> Sun) -> Sun {
        if self.direct {
            return theory(mission_s);
        }
        let place = mission_s * (1.0 / NODE_S);
        // Truncation and a correction: `floor` is a call into a library on older processors.
        let whole = place as i64;
        let first = whole - 1 - i64::from(place < whole as f64);
        let node = |k: i64| {
            let sun = theory(k as f64 * NODE_S);
            scaled(sun.direction, sun.distance_au)
        };
        if self.pieces.is_none() || first != self.first {
            let nodes = match self.nodes {
                Some([_, b, c, d]) if first == self.first + 1 => [b, c, d, node(first + 3)],
                _ => [node(first), node(first + 1), node(first + 2), node(first + 3)],
            };
            self.pieces = Some([0, 1, 2].map(|axis| cubic_through(nodes.map(|node| node[axis]))));
            (self.nodes, self.first) = (Some(nodes), first);
        }
        let x = place - (first + 1) as f64;
        let position = self.pieces.map_or([0.0; 3], |pieces| pieces.map(|piece| cubic(piece, x)));
        let distance_au = norm(position);
        Sun { direction: scaled(position, 1.0 / distance_au), distance_au }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::AU_KM;
    use crate::moon;
    use crate::time::Centuries;
    use crate::vector::minus;

    #[test]
    fn the_interpolated_sun_is_the_theorys() {
        let epoch = Centuries(0.26);
        let from_earth = |s: f64| Sun::precessed(epoch.plus_s(s), epoch);
        let from_moon = |s: f64| moon::sun_precessed(epoch.plus_s(s), epoch);
        for theory in [&from_earth as &dyn Fn(f64) -> Sun, &from_moon] {
            let mut track = SunTrack::new(10.0);
            let mut worst = 0.0_f64;
            // A year forwards in uneven steps, then some of it backwards.
            let forwards = (0..40_000).map(|k| f64::from(k) * 787.3 - 1e6);
            for t in forwards.chain((0..2000).map(|k| 1e6 - f64::from(k) * 4321.0)) {
                let (got, expected) = (track.at(t, theory), theory(t));
                worst = worst.max(norm(minus(got.direction, expected.direction)));
                assert!((got.distance_au - expected.distance_au).abs() < 1e-10);
            }
            assert!(worst < 1e-9, "{worst} rad");
        }
        assert_eq!(SunTrack::new(3600.0).at(17.0, from_earth), from_earth(17.0));
    }

    #[test]
    fn positions_are_in_the_unit_they_claim() {
        let sun = SunTrack::new(1.0).at(0.0, |s| Sun::of_date(Centuries(0.26).plus_s(s)));
        assert!((norm(sun.position_km()) / AU_KM - sun.distance_au).abs() < 1e-12);
    }
}
