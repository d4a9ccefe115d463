//! What the benches do: shared by `model.rs` (criterion, ours alone) and `peers.rs` (ours beside others').
#![allow(dead_code, reason = "each bench uses its own part")]

use model::constants::{EARTH_MU_KM3_S2, STEFAN_BOLTZMANN_W_M2K4};
use model::rosenbrock::{System, step};
use model::{Environment, Profile};
use std::f64::consts::TAU;

/// The 650 km orbit of the default profile.
pub(crate) fn environment() -> Environment {
    profile().environment
}

/// The default profile.
pub(crate) fn profile() -> Profile {
    let (name, text) = model::profile::builtin().iter().find(|(name, _)| *name == "dawn-dusk-650").expect("shipped");
    Profile::parse(name, text).expect("a shipped profile is sound")
}

/// Position (km) and velocity (km/s) at mission second 0, and where the Sun is in the same frame, km.
pub(crate) fn start(environment: &Environment) -> ((Vec<f64>, Vec<f64>), Vec<f64>) {
    let trajectory = environment.trajectory().expect("an orbit");
    let (now, soon) = (trajectory.at(0.0), trajectory.at(1e-3));
    let speed = (EARTH_MU_KM3_S2 / now.radius_km).sqrt();
    let position: Vec<f64> = now.zenith.iter().map(|x| x * now.radius_km).collect();
    let ahead: Vec<f64> = (0..3).map(|i| soon.zenith[i] - now.zenith[i]).collect();
    let length = ahead.iter().map(|x| x * x).sum::<f64>().sqrt();
    let epoch = model::time::Centuries::from(profile().epoch);
    let sun = model::sun::Sun::precessed(epoch, epoch).position_km();
    ((position, ahead.iter().map(|x| x / length * speed).collect()), sun.to_vec())
}

const CAPACITY_J_K: [f64; 10] = [5.0, 50.0, 400.0, 1500.0, 300.0, 8e3, 8e3, 8e3, 8e3, 2e4];
const CONDUCTANCE_W_K: [f64; 9] = [40.0, 20.0, 60.0, 100.0, 80.0, 30.0, 30.0, 30.0, 5.0];

/// Die to far panel edge: 700 W in, five panels that radiate and absorb.
struct Chain {
    absorbed_w: f64,
}

impl System<10> for Chain {
    fn rates(&self, x: &[f64; 10]) -> [f64; 10] {
        let mut heat = [0.0; 10];
        heat[0] = 700.0;
        for (i, g) in CONDUCTANCE_W_K.iter().enumerate() {
            let flow = g * (x[i] - x[i + 1]);
            heat[i] -= flow;
            heat[i + 1] += flow;
        }
        for i in 5..10 {
            heat[i] += self.absorbed_w - 0.45 * STEFAN_BOLTZMANN_W_M2K4 * (x[i].powi(4) - 2.725_f64.powi(4));
        }
        std::array::from_fn(|i| heat[i] / CAPACITY_J_K[i])
    }

    fn jacobian(&self, x: &[f64; 10]) -> [[f64; 10]; 10] {
        let mut rows = [[0.0; 10]; 10];
        for (i, g) in CONDUCTANCE_W_K.iter().enumerate() {
            rows[i][i] -= g;
            rows[i][i + 1] += g;
            rows[i + 1][i + 1] -= g;
            rows[i + 1][i] += g;
        }
        for i in 5..10 {
            rows[i][i] -= 4.0 * 0.45 * STEFAN_BOLTZMANN_W_M2K4 * x[i].powi(3);
        }
        std::array::from_fn(|i| rows[i].map(|d| d / CAPACITY_J_K[i]))
    }
}

/// Temperatures every `keep_s` of `seconds` from 290 K, in steps of `dt_s`.
pub(crate) fn chain(seconds: f64, dt_s: f64, keep_s: f64) -> Vec<[f64; 10]> {
    let mut x = [290.0; 10];
    let (steps, every) = ((seconds / dt_s).round() as usize, (keep_s / dt_s).round() as usize);
    let mut kept = Vec::with_capacity(steps / every);
    for k in 0..steps {
        let middle = (k as f64 + 0.5) * dt_s;
        step(&Chain { absorbed_w: 0.3 * (150.0 + 100.0 * (TAU * middle / 5863.0).sin()) }, &mut x, dt_s);
        if (k + 1).is_multiple_of(every) {
            kept.push(x);
        }
    }
    kept
}
