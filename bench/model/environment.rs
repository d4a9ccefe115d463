//! What radiator and array see at one mission time: sunlight, Earth's shine and glow on two faces, and the temperature a
//! panel would drift to without a heat load.
//!
//! Fluxes are *incident*: what a surface absorbs of them (sunlight and albedo with the solar absorptivity, planet infrared
//! with the emissivity) is the flight model's affair. Not here: how the satellite looks (see [`crate::profile`]), except the
//! two optical properties that define a sink temperature.

use crate::constants::STEFAN_BOLTZMANN_W_M2K4;
use crate::eclipse::{self, Edge};
use crate::flux::PlateToSphere;
use crate::orbit::State;
use crate::shadow::{self, Discs};
use crate::sun::Sun;
use crate::time::Centuries;
use crate::trajectory::Trajectory;
use crate::vector::{dot, scaled};
use signal::Kelvin;

/// How the two-faced radiator panel points. The normal is that of face a; face b looks the other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attitude {
    /// Normal = unit(sun x position): edge-on to Sun and Earth.
    SunEdge,
    /// Normal to the zenith: face a up, face b down.
    Nadir,
    /// Face a to the Sun.
    SunNormal,
}

/// How bright the surroundings are. Inputs with hot and cold ends, not constants of nature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surroundings {
    /// Sunlight at 1 AU, W/m2.
    pub solar_constant_w_m2: f64,
    /// Fraction of sunlight that Earth reflects, diffusely, 0 to 1.
    pub albedo_frac: f64,
    /// Infrared leaving Earth, W/m2 of its surface.
    pub planet_ir_w_m2: f64,
}

/// What of the panel the environment depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Panel {
    /// How it points.
    pub attitude: Attitude,
    /// Infrared emissivity and absorptivity of both faces, above 0, to 1.
    pub emissivity_frac: f64,
    /// Absorptivity of sunlight and albedo of both faces, 0 to 1.
    pub solar_absorptivity_frac: f64,
}

/// Incident fluxes on one face, W/m2. Never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Face {
    /// Direct sunlight, W/m2.
    pub solar_w_m2: f64,
    /// Sunlight reflected by Earth, W/m2.
    pub albedo_w_m2: f64,
    /// Earth's own infrared, W/m2.
    pub ir_w_m2: f64,
}

/// The environment at one mission time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Visible fraction of the solar disc: 0 in the umbra, 1 in full sunlight.
    pub illumination: f64,
    /// Angle between the Sun and the orbit plane, positive on the side of the angular momentum, deg.
    pub beta_deg: f64,
    /// Direct sunlight on a surface facing the Sun (solar constant / r2 x illumination), W/m2.
    pub solar_w_m2: f64,
    /// Sunlight on the Sun-pointing solar array, W/m2.
    pub array_w_m2: f64,
    /// Face a of the radiator.
    pub a: Face,
    /// Face b of the radiator.
    pub b: Face,
    /// Temperature of a panel in radiative balance with no heat load.
    pub sink: Kelvin,
}

/// The environment of one satellite on one orbit, as a function of mission time.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// Mission second 0; its mean equator and equinox are the frame of everything here.
    epoch: Centuries,
    trajectory: Trajectory,
    surroundings: Surroundings,
    panel: Panel,
}

impl Environment {
    /// The environment along `trajectory`, whose epoch and frame are those of `epoch`.
    pub fn new(epoch: Centuries, trajectory: Trajectory, surroundings: Surroundings, panel: Panel) -> Self {
        Self { epoch, trajectory, surroundings, panel }
    }

    /// At a (finite) number of seconds after the epoch; before it is fine too.
    pub fn at(&self, mission_s: f64) -> Sample {
        let (state, sun) = self.geometry(mission_s);
        let full_sun_w_m2 = self.surroundings.solar_constant_w_m2 / (sun.distance_au * sun.distance_au);
        let illumination = shadow::illumination(scaled(state.zenith, state.radius_km), sun.position_km());
        let solar_w_m2 = full_sun_w_m2 * illumination;
        let sun_over_zenith = dot(state.zenith, sun.direction);
        // Cosines of face a's normal with the direction to Earth's centre and to the Sun. Edge-on is edge-on by construction:
        // the normal itself is not needed, so that the Sun in the zenith, where it has no direction, is no special case.
        let (to_earth, to_sun) = match self.panel.attitude {
            Attitude::SunEdge => (0.0, 0.0),
            Attitude::Nadir => (-1.0, sun_over_zenith),
            Attitude::SunNormal => (-sun_over_zenith, 1.0),
        };
        // The ground below sees the Sun this high; where the satellite is in the shadow it is night below.
        let albedo_w_m2 = self.surroundings.albedo_frac * full_sun_w_m2 * sun_over_zenith.max(0.0);
        let view = PlateToSphere::new(state.radius_km, self.trajectory.body().radius_km());
        let face = |to_earth: f64, to_sun: f64| {
            let seen = view.factor(to_earth);
            Face {
                solar_w_m2: solar_w_m2 * to_sun.max(0.0),
                albedo_w_m2: albedo_w_m2 * seen,
                ir_w_m2: self.surroundings.planet_ir_w_m2 * seen,
            }
        };
        let (a, b) = (face(to_earth, to_sun), face(-to_earth, -to_sun));
        Sample {
            illumination,
            beta_deg: dot(state.pole, sun.direction).clamp(-1.0, 1.0).asin().to_degrees(),
            solar_w_m2,
            array_w_m2: solar_w_m2,
            a,
            b,
            sink: self.sink(&a, &b),
        }
    }

    /// The samples at `from_s`, `from_s + step_s`, ... up to and including `to_s`, with their mission times. `step_s` must be
    /// positive. Times are multiples of the step, so a long timeline does not drift.
    pub fn timeline(&self, from_s: f64, to_s: f64, step_s: f64) -> impl Iterator<Item = (f64, Sample)> + '_ {
        (0_u64..).map(move |k| from_s + k as f64 * step_s).take_while(move |t| *t <= to_s).map(|t| (t, self.at(t)))
    }

    /// Duration of one orbit, s.
    pub fn period_s(&self) -> f64 {
        self.trajectory.period_s()
    }

    /// Where the satellite is.
    pub fn trajectory(&self) -> &Trajectory {
        &self.trajectory
    }

    /// How bright the surroundings are.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// Every entry into and exit from penumbra and umbra in `from_s..=to_s`, in order of time, to 0.05 s or better.
    pub fn shadow_edges(&self, from_s: f64, to_s: f64) -> Vec<Edge> {
        eclipse::edges(self, from_s, to_s)
    }

    /// Satellite and Sun, both in the frame of the epoch.
    pub(crate) fn geometry(&self, mission_s: f64) -> (State, Sun) {
        (self.trajectory.at(mission_s), Sun::precessed(self.epoch.plus_s(mission_s), self.epoch))
    }

    /// The discs of Sun and Earth as the satellite sees them.
    pub(crate) fn discs(&self, mission_s: f64) -> Discs {
        let (state, sun) = self.geometry(mission_s);
        Discs::seen_from(scaled(state.zenith, state.radius_km), sun.position_km())
    }

    fn sink(&self, a: &Face, b: &Face) -> Kelvin {
        let sunlight = a.solar_w_m2 + b.solar_w_m2 + a.albedo_w_m2 + b.albedo_w_m2;
        let absorbed = self.panel.solar_absorptivity_frac * sunlight + self.panel.emissivity_frac * (a.ir_w_m2 + b.ir_w_m2);
        let fourth_power = absorbed / (2.0 * self.panel.emissivity_frac * STEFAN_BOLTZMANN_W_M2K4);
        Kelvin(fourth_power.sqrt().sqrt())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::orbit::SunSynchronous;
    use proptest::prelude::*;

    /// An environment with the usual brightness and an ordinary panel.
    pub(crate) fn environment(altitude_km: f64, ltan_h: f64, epoch: &str, attitude: Attitude) -> Environment {
        let epoch = epoch.parse::<jiff::Timestamp>().expect("a literal").into();
        let surroundings = Surroundings { solar_constant_w_m2: 1361.0, albedo_frac: 0.30, planet_ir_w_m2: 237.0 };
        let panel = Panel { attitude, emissivity_frac: 0.88, solar_absorptivity_frac: 0.07 };
        let orbit = SunSynchronous::new(altitude_km, ltan_h, 0.0, epoch).expect("low enough");
        Environment::new(epoch, Trajectory::SunSynchronous(orbit), surroundings, panel)
    }

    const MIDSUMMER: &str = "2026-06-21T00:00:00Z";

    /// The same without reflected sunlight.
    fn without_albedo(mut environment: Environment) -> Environment {
        environment.surroundings.albedo_frac = 0.0;
        environment
    }

    #[test]
    fn sinks_of_planet_infrared_alone_are_the_published_ones() {
        // altitude km, edge-on factor, sink K: both faces edge-on, 237 W/m2, no albedo.
        for (altitude_km, factor, sink_k) in [(560.0, 0.256, 181.0), (600.0, 0.249, 180.0), (650.0, 0.241, 178.0)] {
            let sample = without_albedo(environment(altitude_km, 18.0, MIDSUMMER, Attitude::SunEdge)).at(0.0);
            assert!((sample.a.ir_w_m2 / 237.0 - factor).abs() < 1e-3, "{altitude_km} km: {}", sample.a.ir_w_m2 / 237.0);
            assert_eq!(sample.a, sample.b);
            assert!((sample.sink.0 - sink_k).abs() < 1.0, "{altitude_km} km: {}", sample.sink);
        }
    }

    #[test]
    fn a_face_down_has_the_published_sink() {
        let mut environment = without_albedo(environment(560.0, 12.0, MIDSUMMER, Attitude::Nadir));
        environment.surroundings.solar_constant_w_m2 = 0.0;
        let sample = environment.at(0.0);
        // The published 244 K is for the lower face alone; the two-faced panel radiates twice as much from the same heat.
        let face_alone_k = (sample.b.ir_w_m2 / STEFAN_BOLTZMANN_W_M2K4).powf(0.25);
        assert!((face_alone_k - 244.0).abs() < 0.5, "{face_alone_k}");
        assert!((sample.sink.0 * 2.0_f64.powf(0.25) - face_alone_k).abs() < 1e-9);
        assert_eq!(sample.a.ir_w_m2, 0.0);
    }

    #[test]
    fn in_the_dark_only_earth_glows() {
        let dark = environment(560.0, 12.0, MIDSUMMER, Attitude::Nadir);
        let edges = dark.shadow_edges(0.0, dark.period_s());
        let night = edges.iter().find(|e| e.contact == crate::Contact::UmbraIn).expect("a night").mission_s + 60.0;
        let sample = dark.at(night);
        assert_eq!((sample.illumination, sample.solar_w_m2, sample.array_w_m2), (0.0, 0.0, 0.0));
        assert_eq!((sample.a, sample.b.solar_w_m2, sample.b.albedo_w_m2), (Face::default(), 0.0, 0.0));
        assert!((sample.b.ir_w_m2 - 237.0 * 0.845).abs() < 0.5);
    }

    #[test]
    fn a_face_to_the_sun_gets_all_of_it_and_albedo_follows_the_ground_below() {
        let noon = environment(560.0, 12.0, MIDSUMMER, Attitude::SunNormal);
        let samples: Vec<Sample> = noon.timeline(0.0, noon.period_s(), 10.0).map(|(_, s)| s).collect();
        for s in &samples {
            assert_eq!((s.a.solar_w_m2, s.b.solar_w_m2), (s.solar_w_m2, 0.0));
        }
        // Subsolar: face b looks straight down on a fully lit Earth, and sees it as 1/H2 of a hemisphere.
        let brightest = samples.iter().map(|s| s.b.albedo_w_m2).fold(0.0, f64::max);
        let full_sun = samples.iter().map(|s| s.solar_w_m2).fold(0.0, f64::max);
        let beta = samples[0].beta_deg.to_radians();
        assert!((brightest - 0.3 * full_sun * 0.845_1 * beta.cos().powi(2)).abs() < 8.0, "{brightest} of {full_sun}");
    }

    #[test]
    fn dawn_and_dusk_is_side_on_to_the_sun() {
        let dawn = environment(650.0, 18.0, "2026-01-05T00:00:00Z", Attitude::SunEdge);
        for (t, sample) in dawn.timeline(0.0, dawn.period_s(), 60.0) {
            assert!(sample.beta_deg.abs() > 60.0, "{} at {t}", sample.beta_deg);
            assert_eq!(sample.illumination, 1.0);
            assert_eq!((sample.a.solar_w_m2, sample.b.solar_w_m2), (0.0, 0.0));
        }
    }

    #[test]
    fn a_timeline_has_both_ends_and_no_drift() {
        let environment = environment(650.0, 18.0, MIDSUMMER, Attitude::SunEdge);
        let times: Vec<f64> = environment.timeline(0.0, 86_400.0, 0.1).map(|(t, _)| t).step_by(86_400).collect();
        assert_eq!(times.len(), 11);
        assert!(times.iter().enumerate().all(|(k, t)| (t - k as f64 * 8640.0).abs() < 1e-9));
        assert_eq!(environment.timeline(0.0, 25.0, 10.0).count(), 3);
    }

    proptest! {
        #[test]
        fn nothing_is_ever_negative_or_too_bright(
            t in -3e8..3e8_f64,
            altitude_km in 150.0..5900.0_f64,
            ltan_h in 0.0..24.0_f64,
            attitude in prop::sample::select(vec![Attitude::SunEdge, Attitude::Nadir, Attitude::SunNormal]),
        ) {
            let s = environment(altitude_km, ltan_h, MIDSUMMER, attitude).at(t);
            prop_assert!((0.0..=1.0).contains(&s.illumination));
            prop_assert!((0.0..=1410.0).contains(&s.solar_w_m2));
            prop_assert!((-90.0..=90.0).contains(&s.beta_deg));
            for face in [s.a, s.b] {
                prop_assert!((0.0..=1410.0).contains(&face.solar_w_m2));
                prop_assert!((0.0..=0.3 * 1410.0).contains(&face.albedo_w_m2));
                prop_assert!((0.0..=237.0).contains(&face.ir_w_m2));
            }
            prop_assert!(s.sink.0.is_finite() && s.sink.0 > 30.0 && s.sink.0 < 400.0, "{}", s.sink);
        }
    }
}
