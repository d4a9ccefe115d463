//! Tests of the factors against sums over the sphere's patches (`testdata/shine.py`) and against what they must be.

use super::*;
use crate::flux::PlateToSphere;
use proptest::prelude::*;

/// A normal at `tilt` from the zenith, its azimuth counted from the Sun's.
fn normal(sun: f64, tilt: f64, azimuth: f64) -> Cosines {
    Cosines { zenith: tilt.cos(), sun: tilt.cos() * sun.cos() + tilt.sin() * azimuth.cos() * sun.sin() }
}

#[test]
fn factors_agree_with_a_sum_over_the_sphere() {
    let mut rows = 0;
    let mut subsatellite_w_m2 = 0.0_f64;
    for line in include_str!("../testdata/shine.csv").lines().skip(1) {
        let n: Vec<f64> = line.split(',').map(|x| x.parse().expect("a number")).collect();
        let [h, sun, tilt, azimuth] = [n[0], n[1].to_radians(), n[2].to_radians(), n[3].to_radians()];
        let plate = normal(sun, tilt, azimuth);
        let (a, _) = factors(h, 1.0, sun.cos(), plate);
        let (_, b) = factors(h, 1.0, sun.cos(), plate.of_the_other_face());
        assert!((a - n[4]).abs() < 4e-6, "{line}: {a}");
        assert!((a - b).abs() < 1e-12, "{line}: {a} as face a, {b} as face b");
        // The Moon's glow: as reflected light but for the part, and its night side's.
        let glow =
            crate::regolith::emitted_w_m2(1361.0, 0.073, a, PlateToSphere::new(h, 1.0).factor(-plate.zenith) * crate::regolith::NIGHT_W_M2);
        assert!((glow - n[5]).abs() < 0.01, "{line}: {glow} W/m2");
        let simple = sun.cos().max(0.0) * PlateToSphere::new(h, 1.0).factor(-plate.zenith);
        if h < 2.0 {
            subsatellite_w_m2 = subsatellite_w_m2.max(0.3 * 1361.0 * (simple - a).abs());
        }
        rows += 1;
    }
    assert_eq!(rows, 144);
    // Negative control, and the reason for all this: the ground below standing for the whole disc is this far off.
    assert!(subsatellite_w_m2 > 10.0, "{subsatellite_w_m2} W/m2");
}

#[test]
fn a_sphere_lit_from_behind_the_plate_is_a_lambert_sphere_far_away() {
    // Far off, a plate that faces the sphere sees its phase: (sin p + (pi - p) cos p) 2 / (3 pi) per H2 (Lambert's law).
    let h = 500.0;
    for phase_deg in [0.0, 40.0, 90.0, 130.0_f64] {
        let phase = phase_deg.to_radians();
        let (a, b) = factors(h, 1.0, phase.cos(), Cosines { zenith: -1.0, sun: -phase.cos() });
        let expected = (phase.sin() + (PI - phase) * phase.cos()) * 2.0 / (3.0 * PI) / (h * h);
        assert!((a * h * h - expected * h * h).abs() < 4e-3, "{phase_deg} deg: {} and {}", a * h * h, expected * h * h);
        assert_eq!(b, 0.0);
    }
}

#[test]
fn a_table_is_as_good_as_the_integral() {
    for (height_km, attitude, error_deg) in [
        (650.0, Attitude::SunEdge, 0.0),
        (650.0, Attitude::SunEdge, 10.0),
        (300.0, Attitude::Nadir, 0.0),
        (20_200.0, Attitude::SunNormal, 3.0),
        (35_786.0, Attitude::SunEdge, 0.0),
    ] {
        let distance = 6378.137 + height_km;
        let table = Table::new(distance, 6378.137, attitude, error_deg);
        assert!(table.is_for(distance) && !table.is_for(distance + 1.0));
        let mut worst = 0.0_f64;
        for k in 0..=3000 {
            let cos_sun = (PI * f64::from(k) / 3000.0).cos();
            let (a, b) = factors(distance, 6378.137, cos_sun, attitude.cosines_by_sun_height(cos_sun, error_deg));
            let (table_a, table_b) = table.factors(cos_sun);
            worst = worst.max((a - table_a).abs()).max((b - table_b).abs());
        }
        assert!(worst < 1e-5, "{attitude:?} at {height_km} km: {worst}");
    }
}

proptest! {
    #[test]
    fn what_the_sun_lights_is_no_more_than_what_is_seen(
        h in 1.0..50.0_f64, sun in 0.0..PI, tilt in 0.0..PI, azimuth in 0.0..PI,
    ) {
        let plate = normal(sun, tilt, azimuth);
        let (a, b) = factors(h, 1.0, sun.cos(), plate);
        let view = PlateToSphere::new(h, 1.0);
        for (factor, down) in [(a, -plate.zenith), (b, plate.zenith)] {
            prop_assert!(factor >= 0.0 && factor <= view.factor(down) + 1e-5, "{} of {}", factor, view.factor(down));
        }
    }
}
