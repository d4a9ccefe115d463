//! What radiator and array see at one mission time: sunlight, the planet's shine and glow on two faces, and the temperature a
//! panel would drift to without a heat load.
//!
//! Fluxes are *incident*: what a surface absorbs of them (sunlight and albedo with the solar absorptivity, planet infrared
//! with the emissivity) is the flight model's affair. Not here: how the satellite looks (see [`crate::profile`]), except the
//! two optical properties that define a sink temperature.

#[cfg(test)]
pub(crate) mod tests;
mod track;

use crate::attitude::Directions;
use crate::constants::{AU_KM, COSMIC_BACKGROUND_K, STEFAN_BOLTZMANN_W_M2K4};
use crate::eclipse::{self, Edge, Outlook};
use crate::flux::PlateToSphere;
use crate::orbit::State;
use crate::place::Place;
use crate::shadow::{self, Discs};
use crate::sun::Sun;
use crate::surface::LocalSun;
use crate::time::Centuries;
use crate::trajectory::{Body, Trajectory};
use crate::vector::{dot, scaled};
use crate::{moon, regolith, shine};
use signal::Kelvin;
use std::ops::RangeInclusive;
use track::SunTrack;

pub use crate::attitude::Attitude;

/// How the sunlight that a planet reflects is reckoned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlbedoModel {
    /// Over all that the panel sees of the planet and the Sun lights: with a terminator ([`crate::shine`]).
    #[default]
    Disc,
    /// As if all that is seen were lit like the ground below: view factor x cosine of the Sun over the zenith, nothing at night.
    /// The usual hand calculation; off by some 10 W/m2 near the terminator.
    Subsatellite,
}

/// How bright the surroundings are. Inputs with hot and cold ends, not constants of nature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surroundings {
    /// Sunlight at 1 AU, W/m2.
    pub solar_constant_w_m2: f64,
    /// Fraction of sunlight that the planet reflects, diffusely, 0 to 1.
    pub albedo_frac: f64,
    /// Infrared leaving Earth, W/m2 of its surface; of the Moon that of its night side, its day side being as hot as the Sun
    /// makes it ([`crate::regolith`]).
    pub planet_ir_w_m2: f64,
    /// How reflected sunlight is reckoned in orbit about Earth.
    pub albedo_model: AlbedoModel,
}

/// What of the panel the environment depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Panel {
    /// How it points.
    pub attitude: Attitude,
    /// How far from there it really points, to the worse side, deg: the face nearer to the Sun leans towards it.
    pub tilt_error_deg: f64,
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
    /// Sunlight reflected by the planet, W/m2.
    pub albedo_w_m2: f64,
    /// The planet's own infrared, or that of a room, W/m2.
    pub ir_w_m2: f64,
}

/// The environment at one mission time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Visible fraction of the solar disc: 0 in the umbra, 1 in full sunlight. 1 on the ground on grid power.
    pub illumination: f64,
    /// Angle between the Sun and the orbit plane, positive on the side of the angular momentum, deg; on a surface the Sun's
    /// elevation. NaN where there is neither (a building, a timeline that does not say).
    pub beta_deg: f64,
    /// Direct sunlight on a surface facing the Sun (solar constant / r2 x illumination), W/m2.
    pub solar_w_m2: f64,
    /// Sunlight on the Sun-pointing solar array, W/m2. On Earth's ground, sunlight in space that would make the array or the
    /// grid connection give what it gives there.
    pub array_w_m2: f64,
    /// Face a of the radiator.
    pub a: Face,
    /// Face b of the radiator.
    pub b: Face,
    /// Temperature of a panel in radiative balance with no heat load; on the ground that of what heat is rejected to.
    pub sink: Kelvin,
    /// Air or facility liquid that heat is rejected to; `None` in space.
    pub ambient: Option<Kelvin>,
}

impl Sample {
    /// [`Sample::beta_deg`] where there is one.
    pub fn beta(&self) -> Option<f64> {
        Some(self.beta_deg).filter(|deg| deg.is_finite())
    }
}

/// The environment of one satellite on one orbit, or of one place, as a function of mission time.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// Mission second 0; its mean equator and equinox are the frame of everything here.
    epoch: Centuries,
    place: Place,
    surroundings: Surroundings,
    panel: Panel,
    /// What a circular orbit needs to reckon only once.
    circle: Option<Circle>,
}

/// The planet as seen from one height.
#[derive(Clone, Debug, PartialEq)]
struct Circle {
    view: PlateToSphere,
    shine: shine::Table,
}

impl Environment {
    /// The environment along a trajectory, or at a place, whose epoch and frame are those of `epoch`.
    pub fn new(epoch: Centuries, place: impl Into<Place>, surroundings: Surroundings, panel: Panel) -> Self {
        let mut made = Self { epoch, place: place.into(), surroundings, panel, circle: None };
        made.circle = made.circle();
        made
    }

    /// A circular orbit's view, if it is one as far as a few looks tell; each use checks the height again.
    fn circle(&self) -> Option<Circle> {
        let trajectory = self.trajectory()?;
        let radius_km = trajectory.at(0.0).radius_km;
        let (span, period_s) = (trajectory.span_s(), trajectory.period_s());
        let body_km = trajectory.body().radius_km();
        let panel = &self.panel;
        let made_for = |radius_km| shine::Table::new(radius_km, body_km, panel.attitude, panel.tilt_error_deg);
        let round = [0.13, 0.29, 0.5, 0.71, 0.93].map(|part| part * period_s).into_iter().all(|t| {
            // What is asked for is the height within a ten-millionth: see `shine::Table::is_for`.
            span.contains(&t) && (trajectory.at(t).radius_km - radius_km).abs() <= 1e-7 * radius_km
        });
        (round && panel.attitude.follows_sun_and_zenith())
            .then(|| Circle { view: PlateToSphere::new(radius_km, body_km), shine: made_for(radius_km) })
    }

    /// At a (finite) number of seconds after the epoch; before it is fine too. A time outside [`Environment::span_s`] reads as the
    /// nearest end of it: whoever plans a run refuses one that would leave the span.
    pub fn at(&self, mission_s: f64) -> Sample {
        let span = self.span_s();
        let mission_s = mission_s.clamp(*span.start(), *span.end());
        match &self.place {
            Place::Orbit(trajectory) => {
                self.in_orbit(trajectory.body(), &trajectory.at(mission_s), &self.sun(trajectory.body(), mission_s))
            }
            Place::LunarSurface(site) => self.on_regolith(&site.sun(self.epoch.plus_s(mission_s))),
            Place::DeepSpace(place) => self.far_from_planets(place.distance_au),
            Place::Ground(site) => site.sample(self.epoch, mission_s, self.surroundings.solar_constant_w_m2),
            Place::Timeline(table) => {
                let mut sample = table.at(mission_s);
                sample.sink = self.sink(&sample.a, &sample.b);
                sample
            }
        }
    }

    /// The samples at `from_s`, `from_s + step_s`, ... up to and including `to_s`, with their mission times. `step_s` must be
    /// positive. Times are multiples of the step, so a long timeline does not drift.
    ///
    /// The same as [`Environment::at`] within a millionth, and several times as fast: the Sun is interpolated.
    pub fn timeline(&self, from_s: f64, to_s: f64, step_s: f64) -> impl Iterator<Item = (f64, Sample)> + '_ {
        let mut track = SunTrack::new(step_s);
        (0_u64..).map(move |k| from_s + k as f64 * step_s).take_while(move |t| *t <= to_s).map(move |t| match &self.place {
            Place::Orbit(trajectory) => {
                let (body, span) = (trajectory.body(), trajectory.span_s());
                let known_s = t.clamp(*span.start(), *span.end());
                (t, self.in_orbit(body, &trajectory.at(known_s), &track.at(known_s, |s| self.sun(body, s))))
            }
            _ => (t, self.at(t)),
        })
    }

    /// Duration of one orbit, s. Of places: a mean synodic month on the Moon, a day on the ground, the whole of a timeline, and in
    /// deep space, where nothing recurs, a nominal day.
    pub fn period_s(&self) -> f64 {
        self.place.period_s()
    }

    /// After what time it is nearly as it was, as far as anybody can say of what lies beyond [`Environment::span_s`]; `None` where nobody can.
    pub fn recurs_s(&self) -> Option<f64> {
        self.place.recurs_s()
    }

    /// Mission time for which the environment is known. Nothing is extrapolated.
    pub fn span_s(&self) -> RangeInclusive<f64> {
        self.place.span_s()
    }

    /// Where the satellite, or the installation, is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Where the satellite is; `None` at a place that is no orbit.
    pub fn trajectory(&self) -> Option<&Trajectory> {
        match &self.place {
            Place::Orbit(trajectory) => Some(trajectory),
            _ => None,
        }
    }

    /// How bright the surroundings are.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// Every entry into and exit from penumbra and umbra (sunset and sunrise on a surface) in `from_s..=to_s`, in order of time, to
    /// 0.05 s or better. None in deep space, on grid power, and in a timeline, whose rows say what there is.
    pub fn shadow_edges(&self, from_s: f64, to_s: f64) -> Vec<Edge> {
        eclipse::edges(self, from_s, to_s)
    }

    /// Satellite and Sun, both in the frame of the epoch; `None` at a place that is no orbit.
    #[cfg(test)]
    pub(crate) fn geometry(&self, mission_s: f64) -> Option<(State, Sun)> {
        self.trajectory().map(|trajectory| (trajectory.at(mission_s), self.sun(trajectory.body(), mission_s)))
    }

    /// What may hide the Sun; `None` where nothing can.
    pub(crate) fn outlook(&self, mission_s: f64) -> Option<Outlook> {
        let moment = self.epoch.plus_s(mission_s);
        match &self.place {
            Place::Orbit(trajectory) => {
                let (body, state) = (trajectory.body(), trajectory.at(mission_s));
                let sun = self.sun(body, mission_s);
                let discs = Discs::seen_from(scaled(state.zenith, state.radius_km), sun.position_km(), body.radius_km());
                Some(Outlook { discs, direction: state.zenith })
            }
            Place::LunarSurface(site) => Some(site.sun(moment).outlook()),
            Place::Ground(site) => site.sun(self.epoch, mission_s).map(|sun| sun.outlook()),
            Place::DeepSpace(_) | Place::Timeline(_) => None,
        }
    }

    /// The Sun from the centre of `body`, in the frame of the epoch.
    fn sun(&self, body: Body, mission_s: f64) -> Sun {
        let moment = self.epoch.plus_s(mission_s);
        match body {
            Body::Earth => Sun::precessed(moment, self.epoch),
            Body::Moon => moon::sun_precessed(moment, self.epoch),
        }
    }

    #[inline]
    fn in_orbit(&self, body: Body, state: &State, sun: &Sun) -> Sample {
        let around = &self.surroundings;
        let full_sun_w_m2 = around.solar_constant_w_m2 / (sun.distance_au * sun.distance_au);
        let over_zenith = dot(state.zenith, sun.direction);
        let illumination = shadow::far_from_the_border(state.radius_km, over_zenith, sun.distance_au * AU_KM, body.radius_km())
            .unwrap_or_else(|| {
                let position_km = scaled(state.zenith, state.radius_km);
                Discs::seen_from(position_km, sun.position_km(), body.radius_km()).illumination()
            });
        let solar_w_m2 = full_sun_w_m2 * illumination;
        let circle = self.circle.as_ref().filter(|circle| circle.shine.is_for(state.radius_km));
        let directions = Directions { zenith: state.zenith, pole: state.pole, sun: sun.direction };
        let face_a = self.panel.attitude.cosines(&directions, self.panel.tilt_error_deg);
        let face_b = face_a.of_the_other_face();
        let view = circle.map_or_else(|| PlateToSphere::new(state.radius_km, body.radius_km()), |circle| circle.view);
        let (seen_a, seen_b) = (view.factor(-face_a.zenith), view.factor(-face_b.zenith));
        let (lit_a, lit_b) = match (body, around.albedo_model) {
            // The ground below sees the Sun this high; where the satellite is in the shadow it is night below.
            (Body::Earth, AlbedoModel::Subsatellite) => (over_zenith.max(0.0) * seen_a, over_zenith.max(0.0) * seen_b),
            _ => circle.map_or_else(
                || shine::factors(state.radius_km, body.radius_km(), over_zenith, face_a),
                |circle| circle.shine.factors(over_zenith),
            ),
        };
        let face = |to_sun: f64, seen: f64, lit: f64| Face {
            solar_w_m2: solar_w_m2 * to_sun.max(0.0),
            albedo_w_m2: around.albedo_frac * full_sun_w_m2 * lit,
            ir_w_m2: match body {
                Body::Earth => around.planet_ir_w_m2 * seen,
                Body::Moon => regolith::emitted_w_m2(full_sun_w_m2, around.albedo_frac, lit, around.planet_ir_w_m2 * seen),
            },
        };
        let (a, b) = (face(face_a.sun, seen_a, lit_a), face(face_b.sun, seen_b, lit_b));
        Sample {
            illumination,
            beta_deg: dot(state.pole, sun.direction).clamp(-1.0, 1.0).asin().to_degrees(),
            solar_w_m2,
            array_w_m2: solar_w_m2,
            a,
            b,
            sink: self.sink(&a, &b),
            ambient: None,
        }
    }

    /// On level ground without end, as hot as the Sun over it makes it: half of what an upright panel sees.
    fn on_regolith(&self, sun: &LocalSun) -> Sample {
        let around = &self.surroundings;
        let full_sun_w_m2 = around.solar_constant_w_m2 / (sun.distance_au * sun.distance_au);
        let illumination = sun.outlook().discs.illumination();
        let solar_w_m2 = full_sun_w_m2 * illumination;
        let up = sun.direction[2];
        let face_a = self.panel.attitude.cosines(&sun.directions(), self.panel.tilt_error_deg);
        let face = |to_sun: f64, to_zenith: f64| {
            let seen = 0.5 * (1.0 - to_zenith);
            Face {
                solar_w_m2: solar_w_m2 * to_sun.max(0.0),
                albedo_w_m2: around.albedo_frac * full_sun_w_m2 * up.max(0.0) * seen,
                ir_w_m2: regolith::emitted_w_m2(full_sun_w_m2, around.albedo_frac, up.max(0.0) * seen, around.planet_ir_w_m2 * seen),
            }
        };
        let (a, b) = (face(face_a.sun, face_a.zenith), face(-face_a.sun, -face_a.zenith));
        Sample {
            illumination,
            beta_deg: up.clamp(-1.0, 1.0).asin().to_degrees(),
            solar_w_m2,
            array_w_m2: solar_w_m2,
            a,
            b,
            sink: self.sink(&a, &b),
            ambient: None,
        }
    }

    /// On a circle round the Sun, which is in the orbit's plane and opposite the zenith; nothing else is near.
    fn far_from_planets(&self, distance_au: f64) -> Sample {
        let solar_w_m2 = self.surroundings.solar_constant_w_m2 / (distance_au * distance_au);
        let directions = Directions { zenith: [1.0, 0.0, 0.0], pole: [0.0, 0.0, 1.0], sun: [-1.0, 0.0, 0.0] };
        let to_sun = self.panel.attitude.cosines(&directions, self.panel.tilt_error_deg).sun;
        let face = |to_sun: f64| Face { solar_w_m2: solar_w_m2 * to_sun.max(0.0), ..Face::default() };
        let (a, b) = (face(to_sun), face(-to_sun));
        let sink = self.sink(&a, &b);
        Sample { illumination: 1.0, beta_deg: 0.0, solar_w_m2, array_w_m2: solar_w_m2, a, b, sink, ambient: None }
    }

    fn sink(&self, a: &Face, b: &Face) -> Kelvin {
        let sunlight = a.solar_w_m2 + b.solar_w_m2 + a.albedo_w_m2 + b.albedo_w_m2;
        let absorbed = self.panel.solar_absorptivity_frac * sunlight + self.panel.emissivity_frac * (a.ir_w_m2 + b.ir_w_m2);
        // Where nothing shines the sky still does, a little.
        let fourth_power = absorbed / (2.0 * self.panel.emissivity_frac * STEFAN_BOLTZMANN_W_M2K4) + COSMIC_BACKGROUND_K.powi(4);
        Kelvin(fourth_power.sqrt().sqrt())
    }
}
