//! How the two-faced radiator panel points, as two cosines of its normal: with the zenith and with the Sun. All that the fluxes
//! on a flat panel near a sphere depend on.
//!
//! Not here: attitude control. An attitude holds at every moment, but for a constant error.

use crate::vector::{Vector, cross, dot};

/// How the two-faced radiator panel points. The normal is that of face a; face b looks the other way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attitude {
    /// Normal = unit(sun x position): edge-on to Sun and planet.
    SunEdge,
    /// Normal to the zenith: face a up, face b down.
    Nadir,
    /// Face a to the Sun.
    SunNormal,
    /// Turning with the orbit, or standing on the ground.
    Fixed {
        /// Angle between normal and zenith, deg: 0 is [`Attitude::Nadir`], 90 stands upright.
        tilt_deg: f64,
        /// Direction the normal leans towards, deg: in orbit from the direction of flight (0) to the orbit's pole (90); on a
        /// surface from north (0) to east (90).
        azimuth_deg: f64,
    },
}

/// The directions that attitudes are given in, all unit vectors of one frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Directions {
    /// Away from the planet.
    pub(crate) zenith: Vector,
    /// Normal to the orbit plane; east on a surface.
    pub(crate) pole: Vector,
    /// To the Sun.
    pub(crate) sun: Vector,
}

/// Cosines of face a's normal; those of face b are their negatives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cosines {
    /// With the zenith.
    pub(crate) zenith: f64,
    /// With the Sun.
    pub(crate) sun: f64,
}

impl Attitude {
    /// True if zenith and Sun alone settle the cosines, whichever way the orbit runs.
    pub(crate) const fn follows_sun_and_zenith(self) -> bool {
        !matches!(self, Self::Fixed { .. })
    }

    /// The cosines, with the panel turned `error_deg` from where it should point, to the worse side: the face nearer to the Sun
    /// leans towards the Sun by that angle (until it faces it).
    #[inline]
    pub(crate) fn cosines(self, at: &Directions, error_deg: f64) -> Cosines {
        let over_zenith = dot(at.zenith, at.sun);
        let Self::Fixed { tilt_deg, azimuth_deg } = self else {
            return self.cosines_by_sun_height(over_zenith, error_deg);
        };
        let (sin_tilt, cos_tilt) = tilt_deg.to_radians().sin_cos();
        let (sin_azimuth, cos_azimuth) = azimuth_deg.to_radians().sin_cos();
        let forward = dot(cross(at.pole, at.zenith), at.sun);
        let level = cos_azimuth * forward + sin_azimuth * dot(at.pole, at.sun);
        Cosines { zenith: cos_tilt, sun: cos_tilt * over_zenith + sin_tilt * level }.leaning(over_zenith, error_deg)
    }

    /// The cosines of an attitude that [`Attitude::follows_sun_and_zenith`], without error, for a Sun with this cosine over the
    /// zenith.
    fn by_sun_height(self, sun_over_zenith: f64) -> Cosines {
        match self {
            // Edge-on is edge-on by construction: the normal itself is not needed, so that the Sun in the zenith, where it has no
            // direction, is no special case.
            Self::SunEdge | Self::Fixed { .. } => Cosines { zenith: 0.0, sun: 0.0 },
            Self::Nadir => Cosines { zenith: 1.0, sun: sun_over_zenith },
            Self::SunNormal => Cosines { zenith: sun_over_zenith, sun: 1.0 },
        }
    }

    /// [`Attitude::cosines`] of an attitude that [`Attitude::follows_sun_and_zenith`].
    #[inline]
    pub(crate) fn cosines_by_sun_height(self, sun_over_zenith: f64, error_deg: f64) -> Cosines {
        self.by_sun_height(sun_over_zenith).leaning(sun_over_zenith, error_deg)
    }
}

impl Cosines {
    #[inline]
    fn leaning(self, sun_over_zenith: f64, error_deg: f64) -> Self {
        if error_deg == 0.0 { self } else { self.leant(sun_over_zenith, error_deg) }
    }

    fn leant(self, sun_over_zenith: f64, error_deg: f64) -> Self {
        let off = self.sun.clamp(-1.0, 1.0).acos();
        let sin_off = off.sin();
        if sin_off < 1e-9 {
            return self;
        }
        let error = error_deg.to_radians();
        let leant = if self.sun >= 0.0 { (off - error).max(0.0) } else { (off + error).min(std::f64::consts::PI) };
        // The normal turns in the plane it spans with the Sun; its component across the Sun keeps its direction.
        let across = (self.zenith - self.sun * sun_over_zenith) / sin_off;
        Self { zenith: (across * leant.sin() + sun_over_zenith * leant.cos()).clamp(-1.0, 1.0), sun: leant.cos() }
    }

    /// Those of face b.
    pub(crate) const fn of_the_other_face(self) -> Self {
        Self { zenith: -self.zenith, sun: -self.sun }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::{norm, scaled};
    use proptest::prelude::*;

    fn unit(a: Vector) -> Vector {
        scaled(a, 1.0 / norm(a))
    }

    fn directions(sun: Vector) -> Directions {
        Directions { zenith: [1.0, 0.0, 0.0], pole: [0.0, 0.0, 1.0], sun: unit(sun) }
    }

    #[test]
    fn a_panel_that_is_fixed_is_where_it_was_put() {
        let at = directions([0.3, 0.5, 0.7]);
        let [up, ahead, side] = at.sun;
        for (tilt_deg, azimuth_deg, zenith, sun) in
            [(0.0, 33.0, 1.0, up), (90.0, 0.0, 0.0, ahead), (90.0, 90.0, 0.0, side), (90.0, 180.0, 0.0, -ahead), (180.0, 0.0, -1.0, -up)]
        {
            let got = Attitude::Fixed { tilt_deg, azimuth_deg }.cosines(&at, 0.0);
            assert!((got.zenith - zenith).abs() < 1e-12 && (got.sun - sun).abs() < 1e-12, "{tilt_deg}, {azimuth_deg}: {got:?}");
        }
        assert_eq!(Attitude::Fixed { tilt_deg: 0.0, azimuth_deg: 0.0 }.cosines(&at, 0.0), Attitude::Nadir.cosines(&at, 0.0));
    }

    #[test]
    fn an_error_at_the_edge_lets_in_its_sine() {
        let at = directions([0.2, 0.9, 0.1]);
        for error_deg in [5.0, 10.0_f64] {
            let got = Attitude::SunEdge.cosines(&at, error_deg);
            assert!((got.sun - error_deg.to_radians().sin()).abs() < 1e-12);
            assert!((got.zenith - at.sun[0] * error_deg.to_radians().sin()).abs() < 1e-12);
        }
    }

    proptest! {
        #[test]
        fn an_error_turns_the_normal_by_just_that_and_to_the_sun(
            sun in prop::array::uniform3(-1.0..1.0_f64), tilt_deg in 0.0..180.0_f64, azimuth_deg in 0.0..360.0_f64, error_deg in 0.0..45.0_f64,
        ) {
            prop_assume!(norm(sun) > 0.1);
            let at = directions(sun);
            for attitude in [Attitude::SunEdge, Attitude::Nadir, Attitude::SunNormal, Attitude::Fixed { tilt_deg, azimuth_deg }] {
                let (right, wrong) = (attitude.cosines(&at, 0.0), attitude.cosines(&at, error_deg));
                prop_assert!(wrong.sun.abs() >= right.sun.abs() - 1e-9);
                let turned = (wrong.sun.clamp(-1.0, 1.0).acos() - right.sun.clamp(-1.0, 1.0).acos()).abs().to_degrees();
                prop_assert!(turned <= error_deg + 1e-6);
                // A normal with these two cosines exists: the third component's square is not negative.
                let over = dot(at.zenith, at.sun);
                let gram = 1.0 + 2.0 * over * wrong.zenith * wrong.sun - over * over - wrong.zenith.powi(2) - wrong.sun.powi(2);
                prop_assert!(gram > -1e-9 || attitude == Attitude::SunEdge, "{gram}");
            }
        }
    }
}
