//! How much of its surroundings a flat plate sees of a sphere. Pure geometry.

use std::f64::consts::{FRAC_1_PI, PI};

/// The view factor from one face of a small plate to a sphere, with the part of the sphere behind the plate's plane cut off.
///
/// It depends only on how far away the sphere is, which is constant on a circular orbit, so what can be computed once is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlateToSphere {
    inverse_h2: f64,
    /// sqrt(H2 - 1)
    root: f64,
    /// cos of the largest tilt from which the whole disc is seen: sin of the disc's angular radius, 1/H.
    whole_disc_cos: f64,
    edge_on: f64,
}

impl PlateToSphere {
    /// For a plate `distance` from the centre of a sphere of `radius` (same unit; at least the radius away).
    pub fn new(distance: f64, radius: f64) -> Self {
        let h = (distance / radius).max(1.0);
        let root = (h * h - 1.0).sqrt();
        let edge_on = ((1.0 / h).asin() - root / (h * h)) * FRAC_1_PI;
        Self { inverse_h2: 1.0 / (h * h), root, whole_disc_cos: 1.0 / h, edge_on }
    }

    /// View factor of a plate whose normal makes an angle with this cosine with the direction to the sphere's centre.
    ///
    /// The closed form goes back to Cunningham, NASA TN D-710 (1961): whole disc, cut-off disc, nothing; continuous at both seams.
    pub fn factor(&self, cos_tilt: f64) -> f64 {
        let cos_tilt = cos_tilt.clamp(-1.0, 1.0);
        if cos_tilt >= self.whole_disc_cos {
            return cos_tilt * self.inverse_h2;
        }
        if cos_tilt <= -self.whole_disc_cos {
            return 0.0;
        }
        if cos_tilt == 0.0 {
            return self.edge_on;
        }
        let sin_tilt = (1.0 - cos_tilt * cos_tilt).sqrt();
        let horizon = (self.root * self.whole_disc_cos / sin_tilt).min(1.0);
        let cut = (-self.root * cos_tilt / sin_tilt).clamp(-1.0, 1.0);
        let rim = (1.0 - cos_tilt * cos_tilt / self.inverse_h2).max(0.0).sqrt();
        let factor = 0.5 - horizon.asin() * FRAC_1_PI + self.inverse_h2 / PI * (cos_tilt * cut.acos() - self.root * rim);
        factor.max(0.0)
    }

    /// View factor of a plate that is edge-on to the sphere's centre.
    pub fn edge_on(&self) -> f64 {
        self.edge_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition itself, summed over the sphere's disc as the plate sees it: no closed form, no branches.
    fn by_quadrature(h: f64, tilt_rad: f64) -> f64 {
        let (rings, spokes) = (400, 800);
        let angular_radius = (1.0 / h).asin();
        let (sin_tilt, cos_tilt) = tilt_rad.sin_cos();
        let mut sum = 0.0;
        for i in 0..rings {
            let off = (f64::from(i) + 0.5) / f64::from(rings) * angular_radius;
            for j in 0..spokes {
                let around = (f64::from(j) + 0.5) / f64::from(spokes) * 2.0 * PI;
                let cos_incidence = off.cos() * cos_tilt + off.sin() * around.cos() * sin_tilt;
                sum += cos_incidence.max(0.0) * off.sin();
            }
        }
        sum * angular_radius / f64::from(rings) * 2.0 * PI / f64::from(spokes) / PI
    }

    #[test]
    fn factors_are_the_published_ones() {
        for (tilt_deg, expected) in [(0.0, 0.847_379), (45.0, 0.623_574), (75.0, 0.375_224), (90.0, 0.257_772_825)] {
            let got = PlateToSphere::new(6371.0 + 550.0, 6371.0).factor(f64::to_radians(tilt_deg).cos());
            assert!((got - expected).abs() < 1e-6, "{tilt_deg} deg: {got}");
        }
        let view = PlateToSphere::new(6378.137 + 650.0, 6378.137);
        assert!((view.edge_on() - 0.240_691).abs() < 1e-6);
        assert_eq!(view.factor(0.0), view.edge_on());
    }

    #[test]
    fn the_closed_form_is_the_integral() {
        for h in [1.02, 1.1, 1.5, 3.0, 6.6] {
            let view = PlateToSphere::new(h, 1.0);
            for tilt_deg in [0.0, 20.0, 40.0, 60.0, 75.0, 85.0, 90.0, 95.0, 105.0, 120.0, 150.0, 180.0] {
                let tilt = f64::to_radians(tilt_deg);
                let (got, expected) = (view.factor(tilt.cos()), by_quadrature(h, tilt));
                assert!((got - expected).abs() < 2e-5, "H {h}, {tilt_deg} deg: {got}, by quadrature {expected}");
            }
        }
    }

    #[test]
    fn the_branches_meet() {
        for h in [1.0, 1.001, 1.09, 2.0, 10.0] {
            let view = PlateToSphere::new(h, 1.0);
            for seam in [1.0 / h, 0.0, -1.0 / h] {
                let (below, above) = (view.factor(seam - 1e-9), view.factor(seam + 1e-9));
                assert!((below - above).abs() < 1e-6, "H {h}: {below} and {above} beside {seam}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_plate_never_sees_less_than_nothing_nor_more_than_the_disc(h in 1.0..50.0_f64, cos in -1.0..=1.0_f64) {
            let factor = PlateToSphere::new(h, 1.0).factor(cos);
            prop_assert!((0.0..=1.0 / (h * h) + 1e-12).contains(&factor), "{}", factor);
        }

        #[test]
        fn turning_towards_the_sphere_shows_more_of_it(h in 1.0..50.0_f64, a in -1.0..=1.0_f64, b in -1.0..=1.0_f64) {
            let view = PlateToSphere::new(h, 1.0);
            prop_assert!(view.factor(a.min(b)) <= view.factor(a.max(b)) + 1e-9);
        }
    }
}
