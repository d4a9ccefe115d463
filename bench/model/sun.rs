//! Where the Sun is: the low-precision theory of Meeus, Astronomical Algorithms, 2nd ed., ch. 25.
//!
//! The position is geocentric, referred to the **mean equator and equinox of date** and corrected for aberration (the light
//! that casts the shadow is the light we see); nutation is left out, as in [`crate::frame`]. Within 0.0096 deg and 5e-5 AU of
//! JPL DE421 over 2026 to 2045. Before it meets an orbit it must be precessed to the orbit's frame: [`Sun::precessed`].

use crate::constants::AU_KM;
use crate::frame::Precession;
use crate::time::Centuries;
use crate::vector::{Vector, scaled};

/// Constant of aberration at 1 AU, deg (Meeus ch. 25: 20.4898").
const ABERRATION_DEG: f64 = 20.4898 / 3600.0;

/// The Sun as seen from Earth's centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sun {
    /// Unit vector towards it.
    pub direction: Vector,
    /// Distance, AU.
    pub distance_au: f64,
}

impl Sun {
    /// At `moment`, in the frame of that moment.
    pub fn of_date(moment: Centuries) -> Self {
        let t = moment.0;
        let anomaly_deg = 357.529_11 + (35_999.050_29 - 0.000_153_7 * t) * t;
        let eccentricity = 0.016_708_634 - (0.000_042_037 + 0.000_000_126_7 * t) * t;
        let (sin_1, cos_1) = anomaly_deg.to_radians().sin_cos();
        // Multiple-angle identities instead of more sines: this runs several times a tick of every rehearsal.
        let sin_2 = 2.0 * sin_1 * cos_1;
        let sin_3 = (3.0 - 4.0 * sin_1 * sin_1) * sin_1;
        let centre_deg = (1.914_602 - (0.004_817 + 0.000_014 * t) * t) * sin_1 + (0.019_993 - 0.000_101 * t) * sin_2 + 0.000_289 * sin_3;
        let true_anomaly = (anomaly_deg + centre_deg).to_radians();
        let distance_au = 1.000_001_018 * (1.0 - eccentricity * eccentricity) / (1.0 + eccentricity * true_anomaly.cos());
        let longitude = (mean_longitude_deg(moment) + centre_deg - ABERRATION_DEG / distance_au).to_radians();
        let (sin_longitude, cos_longitude) = longitude.sin_cos();
        let (sin_obliquity, cos_obliquity) = mean_obliquity_deg(moment).to_radians().sin_cos();
        Self { direction: [cos_longitude, sin_longitude * cos_obliquity, sin_longitude * sin_obliquity], distance_au }
    }

    /// At `moment`, in the frame (mean equator and equinox) of `frame`.
    pub fn precessed(moment: Centuries, frame: Centuries) -> Self {
        let of_date = Self::of_date(moment);
        Self { direction: Precession::between(moment, frame).apply(of_date.direction), ..of_date }
    }

    /// Vector from Earth's centre, km.
    pub fn position_km(&self) -> Vector {
        scaled(self.direction, self.distance_au * AU_KM)
    }
}

/// Mean longitude of the Sun, referred to the mean equinox of date, deg (Meeus 25.2). It is also the right ascension of the
/// mean Sun that mean local times are reckoned from.
pub fn mean_longitude_deg(moment: Centuries) -> f64 {
    let t = moment.0;
    280.466_46 + (36_000.769_83 + 0.000_303_2 * t) * t
}

/// Mean obliquity of the ecliptic, deg (Meeus 22.2, IAU 1980).
pub fn mean_obliquity_deg(moment: Centuries) -> f64 {
    let t = moment.0;
    23.439_291_111 + (-46.8150 + (-0.000_59 + 0.001_813 * t) * t) * t / 3600.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::{dot, norm};

    const SOLAR_CONSTANT_W_M2: f64 = 1361.0;

    fn moment(utc: &str) -> Centuries {
        utc.parse::<jiff::Timestamp>().expect("a literal").into()
    }

    fn apart_deg(a: Vector, b: Vector) -> f64 {
        // Not the arc cosine of the scalar product: that loses half the digits of a small angle.
        (2.0 * (norm(crate::vector::minus(a, b)) / 2.0).asin()).to_degrees()
    }

    /// Rows of `testdata/sun_de421.csv`: moment, direction in the mean equator and equinox of J2000, distance in AU.
    fn de421() -> Vec<(Centuries, Vector, f64)> {
        include_str!("testdata/sun_de421.csv")
            .lines()
            .skip(1)
            .map(|line| {
                let (utc, numbers) = line.split_once(',').expect("columns");
                let n: Vec<f64> = numbers.split(',').map(|x| x.parse().expect("a number")).collect();
                (moment(utc), [n[0], n[1], n[2]], n[3])
            })
            .collect()
    }

    #[test]
    fn the_worked_example_of_the_theory_comes_out() {
        // Meeus, example 25.a: 1992 October 13.0 TD.
        let day = Centuries::from_jde(2_448_908.5);
        let sun = Sun::of_date(day);
        let obliquity = mean_obliquity_deg(day).to_radians();
        let [x, y, z] = sun.direction;
        let longitude = (y * obliquity.cos() + z * obliquity.sin()).atan2(x).to_degrees().rem_euclid(360.0);
        assert!((mean_longitude_deg(day).rem_euclid(360.0) - 201.807_20).abs() < 1e-5);
        assert!((mean_obliquity_deg(day) - 23.440_23).abs() < 1e-5);
        assert!((longitude - (199.909_88 - 0.005_69)).abs() < 3e-5, "{longitude}");
        assert!((sun.distance_au - 0.997_66).abs() < 1e-5);
    }

    #[test]
    fn directions_and_distances_agree_with_de421_for_twenty_years() {
        let rows = de421();
        assert!(rows.len() > 100);
        for (moment, direction, distance_au) in rows {
            let sun = Sun::precessed(moment, Centuries::J2000);
            let off_deg = apart_deg(sun.direction, direction);
            assert!(off_deg < 0.0096, "{off_deg} deg at {moment:?}");
            assert!((sun.distance_au - distance_au).abs() < 1e-4, "{} AU at {moment:?}", sun.distance_au - distance_au);
        }
    }

    #[test]
    fn without_precession_the_sun_is_forty_times_further_off() {
        for (moment, direction, _) in de421().into_iter().take(6) {
            let off_deg = apart_deg(Sun::of_date(moment).direction, direction);
            assert!((0.33..0.40).contains(&off_deg), "{off_deg} deg at {moment:?}");
        }
    }

    #[test]
    fn sunlight_at_the_perihelion_of_2026() {
        let sun = Sun::of_date(moment("2026-01-03T00:00:00Z"));
        assert!((sun.distance_au - 0.983_305).abs() < 1e-4);
        assert!((SOLAR_CONSTANT_W_M2 / sun.distance_au.powi(2) - 1407.61).abs() < 0.3);
    }

    #[test]
    fn sunlight_keeps_within_its_yearly_range() {
        let start = moment("2026-01-01T00:00:00Z");
        let (mut least, mut most) = (f64::MAX, f64::MIN);
        for day in 0..20 * 365 {
            let sun = Sun::of_date(start.plus_s(f64::from(day) * 86_400.0));
            let flux = SOLAR_CONSTANT_W_M2 / sun.distance_au.powi(2);
            (least, most) = (least.min(flux), most.max(flux));
            assert!((dot(sun.direction, sun.direction) - 1.0).abs() < 1e-12);
        }
        assert!((least - 1316.5).abs() < 0.3 && (most - 1407.8).abs() < 0.3, "{least} to {most}");
    }
}
