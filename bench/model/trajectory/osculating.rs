//! The two-body orbit that touches a state: what imported positions and velocities say of period, perigee and plane.

use crate::orbit::State;
use crate::vector::{Vector, cross, dot, norm, scaled};
use std::f64::consts::TAU;

/// Half the great axis, km; `None` unless the orbit is closed.
fn semi_major_km(position_km: Vector, velocity_km_s: Vector, mu_km3_s2: f64) -> Option<f64> {
    let half = 2.0 / norm(position_km) - dot(velocity_km_s, velocity_km_s) / mu_km3_s2;
    // A parabola has 0; what turns once in a million years is none for our purposes.
    (half > 1e-12).then(|| 1.0 / half)
}

/// Duration of one orbit, s; `None` unless it is closed.
pub(crate) fn period_s(position_km: Vector, velocity_km_s: Vector, mu_km3_s2: f64) -> Option<f64> {
    semi_major_km(position_km, velocity_km_s, mu_km3_s2).map(|a| TAU * (a.powi(3) / mu_km3_s2).sqrt())
}

/// Least distance from the body's centre, km; `None` unless the orbit is closed.
pub(crate) fn pericentre_km(position_km: Vector, velocity_km_s: Vector, mu_km3_s2: f64) -> Option<f64> {
    let a = semi_major_km(position_km, velocity_km_s, mu_km3_s2)?;
    let turn = cross(position_km, velocity_km_s);
    let eccentricity = (1.0 - dot(turn, turn) / (mu_km3_s2 * a)).max(0.0).sqrt();
    Some(a * (1.0 - eccentricity))
}

/// Position and velocity as the rest of the model wants them. The two must not be parallel.
pub(crate) fn state(position_km: Vector, velocity_km_s: Vector) -> State {
    let radius_km = norm(position_km);
    let turn = cross(position_km, velocity_km_s);
    State { zenith: scaled(position_km, 1.0 / radius_km), radius_km, pole: scaled(turn, 1.0 / norm(turn)) }
}

/// `state` turned on about its pole at the mean rate, at its own distance.
///
/// Nothing that is reported comes from here: it is where the search for the middle of an eclipse looks that straddles an end
/// of the data, see [`crate::Trajectory::at`].
pub(crate) fn coasted(state: State, period_s: f64, seconds: f64) -> State {
    let (sin, cos) = (TAU * seconds / period_s).sin_cos();
    let ahead = cross(state.pole, state.zenith);
    let zenith = [0, 1, 2].map(|i| cos * state.zenith[i] + sin * ahead[i]);
    State { zenith, ..state }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::EARTH_MU_KM3_S2;

    #[test]
    fn an_ellipse_is_known_by_any_of_its_states() {
        // 7000 km by 14000 km: a 10500 km, e 1/3.
        let (near, far) = (7000.0_f64, 14_000.0_f64);
        let a = f64::midpoint(near, far);
        let speed = |r: f64| (EARTH_MU_KM3_S2 * (2.0 / r - 1.0 / a)).sqrt();
        let expected_s = TAU * (a.powi(3) / EARTH_MU_KM3_S2).sqrt();
        for (position, velocity) in [([near, 0.0, 0.0], [0.0, speed(near), 0.0]), ([0.0, 0.0, far], [0.0, -speed(far), 0.0])] {
            assert!((period_s(position, velocity, EARTH_MU_KM3_S2).expect("closed") - expected_s).abs() < 1e-6);
            assert!((pericentre_km(position, velocity, EARTH_MU_KM3_S2).expect("closed") - near).abs() < 1e-6);
        }
        assert_eq!(period_s([near, 0.0, 0.0], [0.0, 12.0, 0.0], EARTH_MU_KM3_S2), None, "escapes");
    }

    #[test]
    fn coasting_goes_round_the_way_the_satellite_does() {
        let now = state([7000.0, 0.0, 0.0], [0.0, 0.0, 7.5]);
        let quarter = coasted(now, 4000.0, 1000.0);
        assert!((quarter.zenith[2] - 1.0).abs() < 1e-12 && quarter.radius_km == 7000.0);
    }
}
