//! A building on Earth: the baseline that a satellite is held against. Heat goes to air or to a facility's liquid, power comes
//! from the grid or from a solar field.
//!
//! The solar field tracks the Sun under an average sky: a cloudless day's direct sunlight, times one factor that brings the year's
//! mean output to the capacity factor it is said to have. Not here: weather, seasons of the air's temperature, terrain, the
//! convection itself (the flight model's conductance to [`crate::Sample::ambient`]), and storage.

use crate::constants::{DAY_S, STEFAN_BOLTZMANN_W_M2K4, TROPICAL_YEAR_D};
use crate::environment::{Face, Sample};
use crate::power::RATED_SUNLIGHT_W_M2;
use crate::sun::Sun;
use crate::surface::LocalSun;
use crate::time::Centuries;
use signal::Kelvin;
use std::f64::consts::TAU;

/// Sunlight that terrestrial arrays are rated for, W/m2 (IEC 61215, standard test conditions).
const RATED_ON_GROUND_W_M2: f64 = 1000.0;

/// Local solar time at which air is warmest, h: three hours after noon, as commonly observed.
const WARMEST_H: f64 = 15.0;

/// What heat is rejected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Room or outside air.
    Air,
    /// A facility's liquid.
    Liquid,
}

/// Where power comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Supply {
    /// The grid: all that is connected, always.
    Grid,
    /// A solar field.
    Solar(SolarField),
}

/// A solar field that tracks the Sun.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SolarField {
    latitude_rad: f64,
    /// Long-run mean of direct sunlight over that of a cloudless sky.
    clearness_frac: f64,
}

/// A building.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ground {
    /// What heat is rejected to.
    pub rejection: Rejection,
    /// Its mean temperature.
    pub inlet: Kelvin,
    /// How much warmer it is at 15:00, and colder at 3:00, K.
    pub swing_k: f64,
    /// Local mean solar time at the epoch, h.
    pub start_local_time_h: f64,
    /// Where power comes from.
    pub supply: Supply,
}

impl SolarField {
    /// A field at `latitude_deg` whose output is `capacity_factor_frac` of its rating in the mean of a year; the error is the largest
    /// capacity factor, that of a sky without clouds.
    pub fn new(latitude_deg: f64, capacity_factor_frac: f64) -> Result<Self, f64> {
        let latitude_rad = latitude_deg.to_radians();
        let clear = Self { latitude_rad, clearness_frac: 1.0 };
        let (days, hours) = (73_u32, 96_u32);
        let mut sum = 0.0;
        for day in 0..days {
            let moment = Centuries::J2000.plus_s(f64::from(day) / f64::from(days) * TROPICAL_YEAR_D * DAY_S);
            for hour in 0..hours {
                let sun = clear.sun(moment, (f64::from(hour) + 0.5) / f64::from(hours) * TAU);
                sum += clear.direct_w_m2(&sun, RATED_SUNLIGHT_W_M2) / RATED_ON_GROUND_W_M2;
            }
        }
        let most = sum / f64::from(days * hours);
        let clearness_frac = capacity_factor_frac / most;
        if clearness_frac <= 1.0 { Ok(Self { latitude_rad, clearness_frac }) } else { Err(most) }
    }

    /// `turned_rad` of Earth's daily turn after midnight.
    fn sun(&self, moment: Centuries, turned_rad: f64) -> LocalSun {
        let sun = Sun::of_date(moment);
        let declination_rad = sun.direction[2].clamp(-1.0, 1.0).asin();
        LocalSun::over(self.latitude_rad, declination_rad, std::f64::consts::PI - turned_rad, sun.distance_au)
    }

    /// Direct sunlight on a surface that faces the Sun, W/m2: 0.7^(m^0.678) of that in space (Meinel & Meinel, Applied Solar Energy,
    /// 1976), m the air mass of Kasten & Young (1989, Appl. Opt. 28, 4735), times the clearness.
    fn direct_w_m2(&self, sun: &LocalSun, solar_constant_w_m2: f64) -> f64 {
        let up = sun.direction[2];
        let elevation_deg = up.clamp(-1.0, 1.0).asin().to_degrees();
        if elevation_deg <= 0.0 {
            return 0.0;
        }
        let air_mass = 1.0 / (up + 0.505_72 * (elevation_deg + 6.079_95).powf(-1.6364));
        let in_space_w_m2 = solar_constant_w_m2 / (sun.distance_au * sun.distance_au);
        self.clearness_frac * in_space_w_m2 * 0.7_f64.powf(air_mass.powf(0.678))
    }
}

impl Ground {
    /// Angle that Earth has turned since local midnight, rad.
    fn turned_rad(&self, mission_s: f64) -> f64 {
        (self.start_local_time_h / 24.0 + mission_s / DAY_S) * TAU
    }

    /// The Sun over the solar field; `None` on grid power.
    pub(crate) fn sun(&self, epoch: Centuries, mission_s: f64) -> Option<LocalSun> {
        match &self.supply {
            Supply::Grid => None,
            Supply::Solar(field) => Some(field.sun(epoch.plus_s(mission_s), self.turned_rad(mission_s))),
        }
    }

    pub(crate) fn sample(&self, epoch: Centuries, mission_s: f64, solar_constant_w_m2: f64) -> Sample {
        let ambient = Kelvin(self.inlet.0 + self.swing_k * (self.turned_rad(mission_s) - WARMEST_H / 24.0 * TAU).cos());
        let (illumination, beta_deg, solar_w_m2, array_w_m2) = match (&self.supply, self.sun(epoch, mission_s)) {
            (Supply::Solar(field), Some(sun)) => {
                let direct_w_m2 = field.direct_w_m2(&sun, solar_constant_w_m2);
                // The array's rating is for sunlight in space everywhere in this program, and for 1000 W/m2 on the ground.
                let array_w_m2 = direct_w_m2 / RATED_ON_GROUND_W_M2 * RATED_SUNLIGHT_W_M2;
                let elevation_deg = sun.direction[2].clamp(-1.0, 1.0).asin().to_degrees();
                (sun.outlook().discs.illumination(), elevation_deg, direct_w_m2, array_w_m2)
            }
            _ => (1.0, f64::NAN, 0.0, RATED_SUNLIGHT_W_M2),
        };
        // Indoors a panel sees walls at the room's temperature.
        let face = Face { ir_w_m2: STEFAN_BOLTZMANN_W_M2K4 * ambient.0.powi(4), ..Face::default() };
        Sample { illumination, beta_deg, solar_w_m2, array_w_m2, a: face, b: face, sink: ambient, ambient: Some(ambient) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{AlbedoModel, Attitude, Environment, Panel, Surroundings};
    use crate::place::Place;

    fn building(supply: Supply, inlet_k: f64, swing_k: f64) -> Environment {
        let epoch = "2026-03-20T00:00:00Z".parse::<jiff::Timestamp>().expect("a literal").into();
        let ground = Ground { rejection: Rejection::Air, inlet: Kelvin(inlet_k), swing_k, start_local_time_h: 0.0, supply };
        let panel = Panel { attitude: Attitude::Nadir, tilt_error_deg: 0.0, emissivity_frac: 0.9, solar_absorptivity_frac: 0.2 };
        let around = Surroundings { solar_constant_w_m2: 1361.0, albedo_frac: 0.0, planet_ir_w_m2: 0.0, albedo_model: AlbedoModel::Disc };
        Environment::new(epoch, Place::Ground(ground), around, panel)
    }

    #[test]
    fn the_sink_is_the_air_and_the_grid_never_fails() {
        // The published rows: air of 22 degC, liquid of 30 degC.
        for inlet_k in [295.0, 303.0] {
            let room = building(Supply::Grid, inlet_k, 0.0);
            for (_, sample) in room.timeline(0.0, room.period_s(), 1800.0) {
                assert_eq!((sample.sink, sample.ambient), (Kelvin(inlet_k), Some(Kelvin(inlet_k))));
                assert_eq!((sample.array_w_m2, sample.illumination), (RATED_SUNLIGHT_W_M2, 1.0));
            }
            assert!(room.shadow_edges(0.0, 10.0 * DAY_S).is_empty());
        }
    }

    #[test]
    fn the_afternoon_is_warmest() {
        let room = building(Supply::Grid, 295.0, 8.0);
        let at = |hour: f64| room.at(hour * 3600.0).sink.0;
        assert!((at(15.0) - 303.0).abs() < 1e-9 && (at(3.0) - 287.0).abs() < 1e-9 && (at(9.0) - 295.0).abs() < 1e-9);
    }

    #[test]
    fn a_year_of_sun_gives_the_capacity_factor() {
        let field = SolarField::new(35.0, 0.24).expect("not too sunny");
        assert!((0.6..1.0).contains(&field.clearness_frac), "{}", field.clearness_frac);
        let site = building(Supply::Solar(field), 295.0, 0.0);
        let (mut sum, mut count) = (0.0, 0.0);
        for (_, sample) in site.timeline(0.0, 365.0 * DAY_S, 1800.0) {
            sum += sample.array_w_m2;
            count += 1.0;
        }
        let mean: f64 = sum / count / RATED_SUNLIGHT_W_M2;
        assert!((mean - 0.24).abs() < 0.002, "{mean}");
    }

    #[test]
    fn a_sunnier_field_than_a_cloudless_one_is_refused() {
        let most = SolarField::new(35.0, 0.9).expect_err("no such field");
        assert!((0.28..0.42).contains(&most), "{most}");
        assert!(SolarField::new(80.0, 0.35).expect_err("no such field") < most);
    }

    #[test]
    fn equinox_days_are_half_a_day_long_and_the_sun_culminates_at_noon() {
        let site = building(Supply::Solar(SolarField::new(50.0, 0.15).expect("cloudy")), 295.0, 0.0);
        let edges: Vec<f64> = site.shadow_edges(0.0, DAY_S).iter().map(|e| e.mission_s / 3600.0).collect();
        assert_eq!(edges.len(), 4, "{edges:?}");
        let (rise, set) = (f64::midpoint(edges[0], edges[1]), f64::midpoint(edges[2], edges[3]));
        assert!((rise - 6.0).abs() < 0.05 && (set - 18.0).abs() < 0.05, "{edges:?}");
        assert!((site.at(12.0 * 3600.0).beta_deg - 40.0).abs() < 0.3);
        assert!((site.at(0.0).beta_deg + 40.0).abs() < 0.3 && site.at(0.0).array_w_m2 == 0.0);
    }
}
