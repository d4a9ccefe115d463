//! The equators that elements refer to: Earth's, which is the frame itself, and the Moon's, which leans 1.5 deg to the ecliptic
//! and turns its node once in 18.6 years.

use crate::frame::Precession;
use crate::kepler::axes;
use crate::sun::{self, Sun};
use crate::time::Centuries;
use crate::trajectory::Body;
use crate::vector::{Vector, dot};

/// The equator of `body` at `epoch` in the mean equator and equinox of `epoch`: two axes in it and the north pole. The first axis
/// is Earth's equinox; of the Moon, where its equator rises through Earth's of J2000 (the node of the IAU's definition, within
/// 4 deg of the equinox).
pub fn equator(body: Body, epoch: Centuries) -> [Vector; 3] {
    match body {
        Body::Earth => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        Body::Moon => {
            let (ascension, declination) = moon_pole_j2000_deg(epoch);
            let ((sin_a, cos_a), (sin_d, cos_d)) = (ascension.to_radians().sin_cos(), declination.to_radians().sin_cos());
            let to_epoch = Precession::between(Centuries::J2000, epoch);
            axes(to_epoch.apply([-sin_a, cos_a, 0.0]), to_epoch.apply([cos_d * cos_a, cos_d * sin_a, sin_d]))
        }
    }
}

/// Right ascension and declination of the Moon's north pole in the frame of J2000, deg: IAU working group on cartographic
/// coordinates (Archinal et al. 2011, Celest. Mech. Dyn. Astr. 109, 101, table 2), without its terms below 0.006 deg.
fn moon_pole_j2000_deg(epoch: Centuries) -> (f64, f64) {
    let days = epoch.0 * 36_525.0;
    let sin_cos = |at_j2000: f64, per_day: f64| (at_j2000 + per_day * days).to_radians().sin_cos();
    let (sin_1, cos_1) = sin_cos(125.045, -0.052_992_1);
    let (sin_2, cos_2) = sin_cos(250.089, -0.105_984_2);
    let (sin_3, cos_3) = sin_cos(260.008, 13.012_009);
    let (sin_4, cos_4) = sin_cos(176.625, 13.340_715_4);
    let (sin_6, _) = sin_cos(311.589, 26.405_708_4);
    let ascension = 269.9949 + 0.0031 * epoch.0 - 3.8787 * sin_1 - 0.1204 * sin_2 + 0.0700 * sin_3 - 0.0172 * sin_4 + 0.0072 * sin_6;
    let declination = 66.5392 + 0.0130 * epoch.0 + 1.5419 * cos_1 + 0.0239 * cos_2 - 0.0278 * cos_3 + 0.0068 * cos_4;
    (ascension, declination)
}

/// Where along the equator of `body` a node lies whose local time is `local_time_h` at `epoch`, deg. Near Earth local time is
/// mean solar time, as everywhere here; near the Moon it is the true Sun's (its mean Sun has no convention).
pub fn node_at_local_time_deg(body: Body, local_time_h: f64, epoch: Centuries) -> f64 {
    let sun_deg = match body {
        Body::Earth => sun::mean_longitude_deg(epoch),
        Body::Moon => {
            let [x, y, _] = equator(body, epoch);
            let sun = Sun::of_date(epoch).direction;
            dot(sun, y).atan2(dot(sun, x)).to_degrees()
        }
    };
    (sun_deg + 15.0 * (local_time_h - 12.0)).rem_euclid(360.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::{cross, norm};

    #[test]
    fn the_moons_pole_is_where_almanacs_have_it() {
        // NASA's Moon Fact Sheet: right ascension 266.86, declination 65.64 at J2000.
        let (ascension, declination) = moon_pole_j2000_deg(Centuries::J2000);
        assert!((ascension - 266.86).abs() < 0.01 && (declination - 65.64).abs() < 0.01, "{ascension} {declination}");
    }

    #[test]
    fn the_moon_obeys_cassini() {
        // The equator leans 1.54 deg to the ecliptic, and the node goes backwards through it in 18.6 years: two facts that are not
        // among the numbers above.
        let mut last: Option<f64> = None;
        let mut turned_deg = 0.0;
        for month in 0..=223 {
            let epoch = Centuries(0.20 + f64::from(month) / 1200.0);
            let [x, y, pole] = equator(Body::Moon, epoch);
            for (a, b, expected) in [(x, x, 1.0), (y, y, 1.0), (pole, pole, 1.0), (x, y, 0.0), (x, pole, 0.0), (y, pole, 0.0)] {
                assert!((dot(a, b) - expected).abs() < 1e-12);
            }
            let obliquity = sun::mean_obliquity_deg(epoch).to_radians();
            let ecliptic = [0.0, -obliquity.sin(), obliquity.cos()];
            let lean_deg = norm(cross(pole, ecliptic)).asin().to_degrees();
            assert!((lean_deg - 1.54).abs() < 0.05, "{lean_deg}");
            // Ecliptic longitude of the pole's projection.
            let across = [0.0, obliquity.cos(), obliquity.sin()];
            let longitude = dot(pole, across).atan2(pole[0]).to_degrees();
            if let Some(last) = last {
                turned_deg += (longitude - last + 180.0_f64).rem_euclid(360.0) - 180.0;
            }
            last = Some(longitude);
        }
        assert!((turned_deg + 360.0).abs() < 5.0, "{turned_deg} deg in 18.6 years");
    }

    #[test]
    fn a_node_at_noon_points_at_the_sun() {
        for body in [Body::Earth, Body::Moon] {
            let epoch = Centuries(0.264);
            let [x, y, _] = equator(body, epoch);
            let (sin, cos) = node_at_local_time_deg(body, 12.0, epoch).to_radians().sin_cos();
            let node = [0, 1, 2].map(|k| cos * x[k] + sin * y[k]);
            // The mean Sun is up to 4 deg from the true one, and both up to 23 deg from the equator.
            assert!(dot(node, Sun::of_date(epoch).direction) > if body == Body::Moon { 0.999 } else { 0.90 });
        }
    }
}
