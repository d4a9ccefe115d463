//! A planet's shadow: how much of the Sun a point in space sees past its limb.
//!
//! The planet is an opaque sphere without air. The visible fraction is that of two overlapping discs, whose contacts are exactly
//! the cones of penumbra and umbra. Limb darkening and refraction are left out.

use crate::constants::{EARTH_RADIUS_KM, SUN_RADIUS_KM};
use crate::vector::{Vector, dot, minus, norm};
use std::f64::consts::{FRAC_PI_2, PI};

/// The discs of the Sun and of the body that may hide it, as seen from one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Discs {
    /// Angular radius of the Sun, rad.
    pub sun_rad: f64,
    /// Angular radius of the body, rad: a quarter turn for a flat horizon.
    pub body_rad: f64,
    /// Angle between their centres, rad.
    pub apart_rad: f64,
}

impl Discs {
    /// As seen from `position_km` with the Sun at `sun_km`, both from the centre of the sphere of `body_radius_km` and in one frame.
    pub fn seen_from(position_km: Vector, sun_km: Vector, body_radius_km: f64) -> Self {
        let to_sun = minus(sun_km, position_km);
        let (distance, radius) = (norm(to_sun), norm(position_km));
        let cos_apart = -dot(to_sun, position_km) / (distance * radius);
        Self {
            sun_rad: (SUN_RADIUS_KM / distance).min(1.0).asin(),
            body_rad: (body_radius_km / radius).min(1.0).asin(),
            apart_rad: cos_apart.clamp(-1.0, 1.0).acos(),
        }
    }

    /// Angle by which the Sun's disc clears the body's: negative inside the penumbra or the umbra, rad.
    pub fn clear_of_penumbra_rad(&self) -> f64 {
        self.apart_rad - self.body_rad - self.sun_rad
    }

    /// Angle by which some of the Sun stays visible: negative inside the umbra, rad.
    pub fn clear_of_umbra_rad(&self) -> f64 {
        self.apart_rad - self.body_rad + self.sun_rad
    }

    /// Visible fraction of the Sun's disc, 0 to 1.
    pub fn illumination(&self) -> f64 {
        let (sun, body, apart) = (self.sun_rad, self.body_rad, self.apart_rad);
        if apart >= sun + body {
            return 1.0;
        }
        if apart <= body - sun {
            return 0.0;
        }
        if apart <= sun - body {
            return 1.0 - (body / sun).powi(2);
        }
        // The lens two circles share: two sectors less the kite between the centres and the crossings.
        let to_chord = (apart * apart + sun * sun - body * body) / (2.0 * apart);
        let half_chord = (sun * sun - to_chord * to_chord).max(0.0).sqrt();
        let lens = sun * sun * half_chord.atan2(to_chord) + body * body * half_chord.atan2(apart - to_chord) - apart * half_chord;
        (1.0 - lens / (PI * sun * sun)).clamp(0.0, 1.0)
    }
}

/// Visible fraction of the Sun's disc from `position_km` with the Sun at `sun_km`, both from the centre of the sphere of
/// `body_radius_km`, 0 to 1.
pub fn illumination(position_km: Vector, sun_km: Vector, body_radius_km: f64) -> f64 {
    let (radius_km, sun_distance_km) = (norm(position_km), norm(sun_km));
    let cos_sun = dot(position_km, sun_km) / (radius_km * sun_distance_km);
    far_from_the_border(radius_km, cos_sun, sun_distance_km, body_radius_km)
        .unwrap_or_else(|| Discs::seen_from(position_km, sun_km, body_radius_km).illumination())
}

/// The visible fraction where it takes no angles to see that it is 0 or 1: everywhere but in the penumbra and close to it.
/// `cos_sun` is that of the angle between the Sun and the point, from the body's centre.
#[inline]
pub(crate) fn far_from_the_border(radius_km: f64, cos_sun: f64, sun_distance_km: f64, body_radius_km: f64) -> Option<f64> {
    // On the Sun's side nothing can be in the way: the Sun stands at least 90 deg from the body's centre, and the two discs
    // together are smaller than that at any height above 1 km.
    if cos_sun * sun_distance_km >= radius_km {
        return Some(1.0);
    }
    // Behind the body, cones a little wider and a little narrower than the shadow's.
    let both_km = SUN_RADIUS_KM + body_radius_km;
    let behind = -cos_sun * radius_km;
    let off_axis_2 = radius_km * radius_km * (1.0 - cos_sun * cos_sun);
    let spread = 1.01 * behind * both_km / (sun_distance_km - both_km);
    let wider = body_radius_km * (1.0 + 1e-4) + spread;
    if off_axis_2 > wider * wider {
        return Some(1.0);
    }
    let narrower = body_radius_km * (1.0 - 1e-4) - spread;
    (behind > 0.0 && narrower > 0.0 && off_axis_2 < narrower * narrower).then_some(0.0)
}

/// Fraction of a circular orbit in a cylindrical shadow: the classical check on the conical one. `radius_km` is the orbit's,
/// `beta_rad` the Sun's angle from its plane.
pub fn cylindrical_fraction(radius_km: f64, beta_rad: f64) -> f64 {
    let limb = (EARTH_RADIUS_KM / radius_km).min(1.0).asin();
    if beta_rad.abs() >= limb.min(FRAC_PI_2) {
        return 0.0;
    }
    (limb.cos() / beta_rad.cos()).acos() / PI
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::{AU_KM, EARTH_MU_KM3_S2};
    use proptest::prelude::*;

    /// The discs seen an angle past the shadow's axis on a circular orbit, with the Sun at 1 AU and `beta_rad` off its plane.
    fn past_the_axis(radius_km: f64, beta_rad: f64, angle_rad: f64) -> Discs {
        let position = [-radius_km * angle_rad.cos(), radius_km * angle_rad.sin(), 0.0];
        Discs::seen_from(position, [AU_KM * beta_rad.cos(), 0.0, AU_KM * beta_rad.sin()], EARTH_RADIUS_KM)
    }

    /// The angle at which `inside` ends, between the axis and a quarter orbit on.
    fn border_rad(inside: impl Fn(f64) -> bool) -> f64 {
        let (mut near, mut far) = (0.0, FRAC_PI_2);
        while far - near > 1e-12 {
            let middle = f64::midpoint(near, far);
            if inside(middle) { near = middle } else { far = middle }
        }
        near
    }

    #[test]
    fn eclipses_last_as_long_as_two_other_programs_say() {
        // altitude km, beta deg, period s, cylindrical s, total s, umbra s: a Sun that stands still at 1 AU.
        for (altitude_km, beta_deg, period, cylindrical, total, umbra) in [
            (400.0, 0.0_f64, 5553.624, 2166.467, 2174.763, 2158.321),
            (650.0, 58.57, 5863.694, 1183.938, 1209.453, 1158.471),
            (650.0, 64.5, 5863.694, 412.886, 490.062, 320.042),
        ] {
            let radius_km: f64 = EARTH_RADIUS_KM + altitude_km;
            let beta = beta_deg.to_radians();
            let per_rad = (radius_km.powi(3) / EARTH_MU_KM3_S2).sqrt();
            let got_period = 2.0 * PI * per_rad;
            let got_total = 2.0 * per_rad * border_rad(|u| past_the_axis(radius_km, beta, u).clear_of_penumbra_rad() < 0.0);
            let got_umbra = 2.0 * per_rad * border_rad(|u| past_the_axis(radius_km, beta, u).clear_of_umbra_rad() < 0.0);
            let got_cylindrical = got_period * cylindrical_fraction(radius_km, beta);
            for (what, got, expected, within) in [
                ("period", got_period, period, 0.001),
                ("cylindrical", got_cylindrical, cylindrical, 0.001),
                ("total", got_total, total, 0.05),
                ("umbra", got_umbra, umbra, 0.05),
            ] {
                assert!((got - expected).abs() < within, "{altitude_km} km, beta {beta_deg}: {what} {got}, expected {expected}");
            }
        }
    }

    #[test]
    fn there_is_no_cylindrical_eclipse_beyond_the_limb() {
        let radius_km = EARTH_RADIUS_KM + 650.0;
        let limb = (EARTH_RADIUS_KM / radius_km).asin();
        assert_eq!(cylindrical_fraction(radius_km, limb), 0.0);
        assert!(cylindrical_fraction(radius_km, -limb + 1e-3) > 0.0);
    }

    #[test]
    fn the_lens_of_two_discs_has_its_textbook_area() {
        let visible = |sun_rad, body_rad, apart_rad| Discs { sun_rad, body_rad, apart_rad }.illumination();
        // Equal discs, one's rim through the other's centre: the lens is r2 (2 pi/3 - sqrt(3)/2).
        let lens = 2.0 * PI / 3.0 - 3.0_f64.sqrt() / 2.0;
        assert!((visible(0.1, 0.1, 0.1) - (1.0 - lens / PI)).abs() < 1e-12);
        // A limb so much larger that it is straight, through the Sun's centre.
        assert!((visible(1e-6, 1.0, 1.0) - 0.5).abs() < 1e-6);
        // Earth in front of a larger Sun, as from beyond the tip of the umbra.
        assert_eq!(visible(0.2, 0.1, 0.05), 0.75);
        assert_eq!(visible(0.1, 0.2, 0.1), 0.0);
        assert_eq!(visible(0.1, 0.2, 0.31), 1.0);
    }

    proptest! {
        #[test]
        fn visible_fractions_are_fractions_and_grow_with_distance(sun in 1e-4..0.3_f64, earth in 1e-4..1.5_f64, near in 0.0..2.0_f64, further in 0.0..0.5_f64) {
            let at = |apart_rad| Discs { sun_rad: sun, body_rad: earth, apart_rad }.illumination();
            prop_assert!((0.0..=1.0).contains(&at(near)));
            prop_assert!(at(near) <= at(near + further) + 1e-9);
        }

        #[test]
        fn the_short_cut_changes_nothing(height_km in 100.0..1e5_f64, angle in -PI..PI, beta in -FRAC_PI_2..FRAC_PI_2) {
            let radius_km = EARTH_RADIUS_KM + height_km;
            let position = [-radius_km * angle.cos(), radius_km * angle.sin(), 0.0];
            let sun = [AU_KM * beta.cos(), 0.0, AU_KM * beta.sin()];
            prop_assert_eq!(illumination(position, sun, EARTH_RADIUS_KM), Discs::seen_from(position, sun, EARTH_RADIUS_KM).illumination());
        }
    }
}
