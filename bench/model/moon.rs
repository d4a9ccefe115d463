//! Where the Moon is, well enough to see the Sun from it: the largest terms of Meeus, Astronomical Algorithms, 2nd ed., ch. 47.
//!
//! Within 0.3 deg and 600 km of the Moon, which moves the Sun as seen from there by less than 0.001 deg. Not here: orbits about
//! the Moon, nor a Moon to point antennas at.

use crate::constants::AU_KM;
use crate::frame::Precession;
use crate::sun::{self, Sun};
use crate::time::Centuries;
use crate::vector::{Vector, minus, norm, scaled};

/// Inclination of the Moon's equator to the ecliptic, deg (Meeus ch. 53).
const EQUATOR_DEG: f64 = 1.542_42;

/// From Earth's centre, in the mean equator and equinox of `moment`, km.
pub fn position_km(moment: Centuries) -> Vector {
    let t = moment.0;
    let longitude_deg = mean_longitude_deg(moment);
    // Meeus 47.2 to 47.5: mean elongation, Sun's and Moon's mean anomalies, argument of latitude.
    let elongation = (297.850_192_1 + 445_267.111_403_4 * t).to_radians();
    let sun_anomaly = (357.529_109_2 + 35_999.050_290_9 * t).to_radians();
    let anomaly = (134.963_396_4 + (477_198.867_505_5 + 0.008_741_4 * t) * t).to_radians();
    let latitude = (93.272_095_0 + (483_202.017_523_3 - 0.003_653_9 * t) * t).to_radians();
    let twice = 2.0 * elongation;
    let east_deg =
        6.288_774 * anomaly.sin() + 1.274_027 * (twice - anomaly).sin() + 0.658_314 * twice.sin() + 0.213_618 * (2.0 * anomaly).sin()
            - 0.185_116 * sun_anomaly.sin()
            - 0.114_332 * (2.0 * latitude).sin();
    let north_deg = 5.128_122 * latitude.sin()
        + 0.280_602 * (anomaly + latitude).sin()
        + 0.277_693 * (anomaly - latitude).sin()
        + 0.173_237 * (twice - latitude).sin();
    let distance_km = 385_000.56
        - 20_905.355 * anomaly.cos()
        - 3_699.111 * (twice - anomaly).cos()
        - 2_955.968 * twice.cos()
        - 569.925 * (2.0 * anomaly).cos();
    let (sin_l, cos_l) = (longitude_deg + east_deg).to_radians().sin_cos();
    let (sin_b, cos_b) = north_deg.to_radians().sin_cos();
    let (sin_e, cos_e) = sun::mean_obliquity_deg(moment).to_radians().sin_cos();
    let (x, y, z) = (cos_b * cos_l, cos_b * sin_l, sin_b);
    scaled([x, y * cos_e - z * sin_e, y * sin_e + z * cos_e], distance_km)
}

/// Mean longitude, referred to the mean equinox of date, deg (Meeus 47.1): the Moon's near side faces where it comes from.
pub fn mean_longitude_deg(moment: Centuries) -> f64 {
    let t = moment.0;
    218.316_447_7 + (481_267.881_234_21 - 0.001_578_6 * t) * t
}

/// The Sun as seen from the Moon's centre at `moment`, in the frame (mean equator and equinox) of that moment.
pub fn sun_of_date(moment: Centuries) -> Sun {
    let to_sun = minus(Sun::of_date(moment).position_km(), position_km(moment));
    let distance_km = norm(to_sun);
    Sun { direction: scaled(to_sun, 1.0 / distance_km), distance_au: distance_km / AU_KM }
}

/// The same in the frame of `frame`.
pub fn sun_precessed(moment: Centuries, frame: Centuries) -> Sun {
    let of_date = sun_of_date(moment);
    Sun { direction: Precession::between(moment, frame).apply(of_date.direction), ..of_date }
}

/// Selenographic longitude (east positive) and latitude of the point that has the Sun overhead, rad.
///
/// The Moon turns evenly, its near side towards its own mean longitude, about a pole that leans on the ecliptic's by Cassini's
/// laws (Meeus ch. 53); physical libration, below 0.04 deg, is left out.
pub(crate) fn subsolar_rad(moment: Centuries, sun: &Sun) -> (f64, f64) {
    let (sin_e, cos_e) = sun::mean_obliquity_deg(moment).to_radians().sin_cos();
    let [x, y, z] = sun.direction;
    let sun_longitude = (y * cos_e + z * sin_e).atan2(x);
    // Meeus 47.7: longitude of the mean ascending node.
    let node = (125.044_547_9 + (-1_934.136_289_1 + 0.002_075_4 * moment.0) * moment.0).to_radians();
    let facing = (mean_longitude_deg(moment) + 180.0).to_radians();
    (sun_longitude - facing, ((sun_longitude - node).sin() * EQUATOR_DEG.to_radians().sin()).asin())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::dot;

    /// Meeus, examples 47.a and 53.a: 1992 April 12.0 TD.
    const EXAMPLE_JDE: f64 = 2_448_724.5;

    #[test]
    fn the_worked_example_of_the_theory_comes_out() {
        let day = Centuries::from_jde(EXAMPLE_JDE);
        let [x, y, z] = position_km(day);
        let (sin_e, cos_e) = sun::mean_obliquity_deg(day).to_radians().sin_cos();
        let (ahead, up) = (y * cos_e + z * sin_e, z * cos_e - y * sin_e);
        assert!((mean_longitude_deg(day).rem_euclid(360.0) - 134.290_182).abs() < 1e-4);
        assert!((ahead.atan2(x).to_degrees() - 133.162_655).abs() < 0.3);
        assert!((up.atan2(x.hypot(ahead)).to_degrees() + 3.229_126).abs() < 0.1);
        assert!((norm([x, y, z]) - 368_409.7).abs() < 600.0);
    }

    #[test]
    fn the_subsolar_point_is_the_published_one() {
        let day = Centuries::from_jde(EXAMPLE_JDE);
        let (longitude, latitude) = subsolar_rad(day, &sun_of_date(day));
        assert!((longitude.to_degrees().rem_euclid(360.0) - 67.89).abs() < 0.06, "{}", longitude.to_degrees());
        assert!((latitude.to_degrees() - 1.46).abs() < 0.02, "{}", latitude.to_degrees());
    }

    #[test]
    fn the_sun_from_the_moon_agrees_with_de421_for_twenty_years() {
        let mut rows = 0;
        let mut parallax = 0.0_f64;
        for line in include_str!("testdata/sun_from_moon_de421.csv").lines().skip(1) {
            let (utc, numbers) = line.split_once(',').expect("columns");
            let n: Vec<f64> = numbers.split(',').map(|x| x.parse().expect("a number")).collect();
            let moment = utc.parse::<jiff::Timestamp>().expect("a moment").into();
            let sun = sun_precessed(moment, Centuries::J2000);
            let apart = |s: &Sun| norm(minus(s.direction, [n[0], n[1], n[2]])).to_degrees();
            // The Sun's theory errs by 0.0096 deg; the rest is the Moon's.
            assert!(apart(&sun) < 0.0101, "{} deg on {utc}", apart(&sun));
            assert!((sun.distance_au - n[3]).abs() < 1e-4, "{} AU on {utc}", sun.distance_au - n[3]);
            parallax = parallax.max(apart(&Sun::precessed(moment, Centuries::J2000)));
            rows += 1;
        }
        assert!(rows > 100);
        assert!((0.12..0.17).contains(&parallax), "seen from Earth it is {parallax} deg off");
    }

    #[test]
    fn full_moon_is_noon_in_the_middle_of_the_near_side() {
        // Full Moon of 2026-01-03, 10:03 UTC (US Naval Observatory).
        let moment: Centuries = "2026-01-03T10:03:00Z".parse::<jiff::Timestamp>().expect("a literal").into();
        let (moon, sun) = (position_km(moment), Sun::of_date(moment).direction);
        assert!(dot(moon, sun) / norm(moon) < -0.995);
        let (longitude, _) = subsolar_rad(moment, &sun_of_date(moment));
        assert!(longitude.cos() > 0.99, "{}", longitude.to_degrees());
    }
}
