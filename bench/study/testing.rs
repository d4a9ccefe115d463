//! Functions whose sensitivities are known, and what `SALib` found in them.

use rand::{SeedableRng, seq::SliceRandom};
use std::f64::consts::PI;

/// Ishigami's function on the unit cube, a = 7, b = 0.1.
pub(crate) fn ishigami(x: &[f64]) -> f64 {
    let z: Vec<f64> = x.iter().map(|x| PI * (2.0 * x - 1.0)).collect();
    z[0].sin() + 7.0 * z[1].sin().powi(2) + 0.1 * z[2].powi(4) * z[0].sin()
}

/// Sobol's g-function, a = 0, 1, 4.5, 9.
pub(crate) fn g_function(x: &[f64]) -> f64 {
    x.iter().zip([0.0, 1.0, 4.5, 9.0]).map(|(x, a)| ((4.0 * x - 2.0).abs() + a) / (1.0 + a)).product()
}

/// The same outputs in an order that has nothing to do with their points.
pub(crate) fn shuffled(mut outputs: Vec<Option<f64>>) -> Vec<Option<f64>> {
    outputs.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(5));
    outputs
}

/// Numbers of the lines of one kind and case in `testdata/salib.csv`.
pub(crate) fn cases(kind: &str, case: &str) -> Vec<Vec<f64>> {
    include_str!("testdata/salib.csv")
        .lines()
        .filter_map(|line| line.strip_prefix(kind)?.strip_prefix(',')?.strip_prefix(case)?.strip_prefix(','))
        .map(|rest| rest.split(',').map(|cell| cell.parse().expect("a number")).collect())
        .collect()
}
