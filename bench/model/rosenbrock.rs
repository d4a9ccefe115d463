//! One step of a stiff system of ordinary differential equations, at a fixed cost and without allocating: ROS2 with
//! gamma = 1 - 1/sqrt 2, second order and L-stable (Verwer, Spee, Blom, Hundsdorfer, "A second-order Rosenbrock method applied to
//! photochemical dispersion problems", SIAM J. Sci. Comput. 20(4), 1999).
//!
//! Not here: error control. A loop in real time wants a cost that it knows, so the caller chooses the step; what a step cannot
//! resolve (a die that settles in a fraction of it) is damped, not resonant. Forcing is constant within a step: give the
//! mean over the step and second order is kept.
//!
//! ```
//! use model::rosenbrock::{System, step};
//! struct Decay;
//! impl System<1> for Decay {
//!     fn rates(&self, x: &[f64; 1]) -> [f64; 1] {
//!         [-3.0 * x[0]]
//!     }
//!     fn jacobian(&self, _: &[f64; 1]) -> [[f64; 1]; 1] {
//!         [[-3.0]]
//!     }
//! }
//! let mut x = [1.0];
//! for _ in 0..100 {
//!     step(&Decay, &mut x, 0.01);
//! }
//! assert!((x[0] - (-3.0_f64).exp()).abs() < 1e-5);
//! ```

use std::f64::consts::FRAC_1_SQRT_2;

/// Makes ROS2 L-stable; of the two values that do, the one with the smaller error.
const GAMMA: f64 = 1.0 - FRAC_1_SQRT_2;

/// `N` coupled states whose rates depend on the states alone.
pub trait System<const N: usize> {
    /// dx/dt at `x`, per second.
    fn rates(&self, x: &[f64; N]) -> [f64; N];

    /// Row `i`, column `j`: the derivative of rate `i` by state `j`, per second.
    fn jacobian(&self, x: &[f64; N]) -> [[f64; N]; N];
}

/// Advances `x` by `dt_s` seconds in one step.
///
/// The states come out as not-a-number if the step has no solution, which no network of thermal conductances brings about.
#[inline]
pub fn step<const N: usize>(system: &impl System<N>, x: &mut [f64; N], dt_s: f64) {
    let mut matrix = system.jacobian(x);
    for (i, row) in matrix.iter_mut().enumerate() {
        for value in row.iter_mut() {
            *value *= -GAMMA * dt_s;
        }
        row[i] += 1.0;
    }
    let factors = Factors::of(matrix);

    let first = factors.solve(system.rates(x));
    let mut reached = *x;
    for (r, k) in reached.iter_mut().zip(&first) {
        *r += dt_s * k;
    }
    let mut right = system.rates(&reached);
    for (r, k) in right.iter_mut().zip(&first) {
        *r -= 2.0 * k;
    }
    let second = factors.solve(right);
    for (i, value) in x.iter_mut().enumerate() {
        *value += dt_s * (1.5 * first[i] + 0.5 * second[i]);
    }
}

/// Moves `x` by one linearly implicit Euler step of `dt_s` seconds and returns the largest move of any state.
///
/// Only first order in time, but for a step that is long beside everything that happens it is Newton's method on `rates = 0`:
/// ever longer steps settle into the state of rest that the system itself would find.
#[inline]
pub fn relax<const N: usize>(system: &impl System<N>, x: &mut [f64; N], dt_s: f64) -> f64 {
    let mut matrix = system.jacobian(x);
    for (i, row) in matrix.iter_mut().enumerate() {
        for value in row.iter_mut() {
            *value *= -1.0;
        }
        row[i] += 1.0 / dt_s;
    }
    let moves = Factors::of(matrix).solve(system.rates(x));
    for (value, by) in x.iter_mut().zip(&moves) {
        *value += by;
    }
    moves.iter().fold(0.0, |largest, by| by.abs().max(largest))
}

/// A dense matrix as P A = L U on the stack: U on and above the diagonal (its diagonal inverted), L below it with ones left out.
struct Factors<const N: usize> {
    lu: [[f64; N]; N],
    /// Row taken in place of row `k` at elimination step `k`.
    pivot: [usize; N],
    /// No row was swapped: the usual case.
    in_order: bool,
}

impl<const N: usize> Factors<N> {
    #[inline]
    fn of(mut a: [[f64; N]; N]) -> Self {
        let mut pivot = [0; N];
        let mut in_order = true;
        for k in 0..N {
            let (mut best, mut largest) = (k, a[k][k].abs());
            for (i, row) in a.iter().enumerate().skip(k + 1) {
                let size = row[k].abs();
                if size > largest {
                    (best, largest) = (i, size);
                }
            }
            pivot[k] = best;
            in_order &= best == k;
            // Thermal networks are diagonally dominant: the swap is for systems with feedback, and the branch is predicted.
            if best != k {
                a.swap(k, best);
            }
            let inverse = 1.0 / a[k][k];
            a[k][k] = inverse;
            // Whole rows of known length, the part that stays zeroed, make straight-line code.
            let mut upper = a[k];
            upper[..=k].fill(0.0);
            for row in a.iter_mut().skip(k + 1) {
                // Chains and loops are mostly zeros.
                if row[k] != 0.0 {
                    let factor = row[k] * inverse;
                    for (value, up) in row.iter_mut().zip(&upper) {
                        *value -= factor * up;
                    }
                    row[k] = factor;
                }
            }
        }
        Self { lu: a, pivot, in_order }
    }

    #[inline]
    fn solve(&self, mut b: [f64; N]) -> [f64; N] {
        if !self.in_order {
            for k in 0..N {
                b.swap(k, self.pivot[k]);
            }
        }
        // Column by column: row by row each difference would wait for the one before.
        for k in 0..N {
            for i in k + 1..N {
                b[i] -= self.lu[i][k] * b[k];
            }
        }
        for k in (0..N).rev() {
            b[k] *= self.lu[k][k];
            for i in 0..k {
                b[i] -= self.lu[i][k] * b[k];
            }
        }
        b
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::STEFAN_BOLTZMANN_W_M2K4 as SIGMA;

    /// Temperatures by an independent stiff solver; the script beside the data made it.
    const REFERENCE: &str = include_str!("testdata/ten_node_chain.csv");
    const CAPACITY_J_K: [f64; 10] = [5.0, 50.0, 400.0, 1500.0, 300.0, 8e3, 8e3, 8e3, 8e3, 2e4];
    const CONDUCTANCE_W_K: [f64; 9] = [40.0, 20.0, 60.0, 100.0, 80.0, 30.0, 30.0, 30.0, 5.0];

    /// Die to far panel edge, stiff: 5 J/K beside 20 kJ/K.
    struct Chain {
        absorbed_w: f64,
    }

    impl System<10> for Chain {
        fn rates(&self, x: &[f64; 10]) -> [f64; 10] {
            let mut heat = [0.0; 10];
            heat[0] = 700.0;
            for (i, g) in CONDUCTANCE_W_K.iter().enumerate() {
                heat[i] -= g * (x[i] - x[i + 1]);
                heat[i + 1] += g * (x[i] - x[i + 1]);
            }
            for i in 5..10 {
                heat[i] += self.absorbed_w - 0.45 * SIGMA * (x[i].powi(4) - 2.725_f64.powi(4));
            }
            std::array::from_fn(|i| heat[i] / CAPACITY_J_K[i])
        }

        fn jacobian(&self, x: &[f64; 10]) -> [[f64; 10]; 10] {
            let mut j = [[0.0; 10]; 10];
            for (i, g) in CONDUCTANCE_W_K.iter().enumerate() {
                j[i][i] -= g;
                j[i][i + 1] += g;
                j[i + 1][i + 1] -= g;
                j[i + 1][i] += g;
            }
            for i in 5..10 {
                j[i][i] -= 4.0 * 0.45 * SIGMA * x[i].powi(3);
            }
            for (row, c) in j.iter_mut().zip(CAPACITY_J_K) {
                for v in row {
                    *v /= c;
                }
            }
            j
        }
    }

    fn environment_w_m2(t_s: f64) -> f64 {
        240.0 + 1361.0 * (std::f64::consts::TAU * t_s / 5400.0).sin().max(0.0)
    }

    /// The largest difference from the reference at or after `from_s`, in kelvin. The first `fine_s` go in steps of 5 ms.
    fn worst_k(fine_s: f64, dt_s: f64, from_s: f64) -> f64 {
        let mut x = [290.0; 10];
        let mut t = 0.0;
        let mut worst = 0.0_f64;
        for line in REFERENCE.lines().skip_while(|l| !l.starts_with("time_s")).skip(1) {
            let row: Vec<f64> = line.split(',').map(|v| v.parse().expect("a number")).collect();
            while t < row[0] - 1e-6 {
                let dt = if t < fine_s { 0.005 } else { dt_s.min(row[0] - t) };
                step(&Chain { absorbed_w: 0.3 * environment_w_m2(t + dt / 2.0) }, &mut x, dt);
                t += dt;
            }
            if row[0] >= from_s {
                worst = x.iter().zip(&row[1..]).map(|(a, b)| (a - b).abs()).fold(worst, f64::max);
            }
        }
        assert!((t - 86_400.0).abs() < 1e-3, "the reference covers a day, this run {t} s");
        worst
    }

    #[test]
    fn the_ten_node_chain_agrees_with_an_independent_solver() {
        // seconds in fine steps, step after that, compared from, K
        for (fine_s, dt_s, from_s, tolerance_k) in [(60.0, 0.5, 0.0, 1e-3), (0.0, 0.5, 30.0, 1e-3), (0.0, 10.0, 1800.0, 5e-2)] {
            let worst = worst_k(fine_s, dt_s, from_s);
            assert!(worst < tolerance_k, "dt {dt_s} s from {from_s} s on: {worst} K");
        }
        // Negative control: a step of 10 s cannot follow the first seconds of a load that a 5 J/K die takes.
        let coarse = worst_k(0.0, 10.0, 0.0);
        assert!(coarse > 1.0, "{coarse} K");
    }

    struct Decay(f64);

    impl System<1> for Decay {
        fn rates(&self, x: &[f64; 1]) -> [f64; 1] {
            [-self.0 * x[0] * x[0]]
        }

        fn jacobian(&self, x: &[f64; 1]) -> [[f64; 1]; 1] {
            [[-2.0 * self.0 * x[0]]]
        }
    }

    #[test]
    fn halving_the_step_quarters_the_error() {
        // x' = -x^2 from 1: x(1) = 1/2.
        let error = |steps: u32| {
            let mut x = [1.0];
            for _ in 0..steps {
                step(&Decay(1.0), &mut x, 1.0 / f64::from(steps));
            }
            (x[0] - 0.5).abs()
        };
        let ratio = error(64) / error(128);
        assert!((3.8..4.2).contains(&ratio), "{ratio}");
    }

    struct Linear<const N: usize>([[f64; N]; N]);

    impl<const N: usize> System<N> for Linear<N> {
        fn rates(&self, x: &[f64; N]) -> [f64; N] {
            std::array::from_fn(|i| self.0[i].iter().zip(x).map(|(a, b)| a * b).sum())
        }

        fn jacobian(&self, _: &[f64; N]) -> [[f64; N]; N] {
            self.0
        }
    }

    #[test]
    fn what_a_step_cannot_resolve_dies_away() {
        let mut x = [1.0, 1.0];
        step(&Linear([[-1e9, 0.0], [0.0, -1e-9]]), &mut x, 1.0);
        assert!(x[0].abs() < 1e-6, "L-stable: {}", x[0]);
        assert!((x[1] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn feedback_that_empties_the_diagonal_is_pivoted_round() {
        // With this growth rate 1 - gamma h J is exactly zero in its first corner.
        let system = Linear([[1.0 / GAMMA, 1.0], [-1.0, -1.0]]);
        let mut x = [1.0, 2.0];
        step(&system, &mut x, 1.0);
        // By hand: the matrix is [[0, -g], [g, 1 + g]], so k = ((1+g)/g^2 r0 + r1/g, -r0/g).
        let solve = |r: [f64; 2]| [(1.0 + GAMMA) / (GAMMA * GAMMA) * r[0] + r[1] / GAMMA, -r[0] / GAMMA];
        let start = [1.0, 2.0];
        let k1 = solve(system.rates(&start));
        let r = system.rates(&[start[0] + k1[0], start[1] + k1[1]]);
        let k2 = solve([r[0] - 2.0 * k1[0], r[1] - 2.0 * k1[1]]);
        for i in 0..2 {
            let expected = start[i] + 1.5 * k1[i] + 0.5 * k2[i];
            assert!((x[i] - expected).abs() < 1e-9 * expected.abs(), "{i}: {} {expected}", x[i]);
        }
    }

    #[test]
    fn factors_solve_what_they_were_made_of() {
        let a = [[2.0, -1.0, 0.5], [4.0, 0.1, 3.0], [-8.0, 2.0, 7.0]];
        let x = [1.0, -2.0, 3.0];
        let b = std::array::from_fn(|i| (0..3).map(|j| a[i][j] * x[j]).sum());
        for (found, expected) in Factors::of(a).solve(b).iter().zip(x) {
            assert!((found - expected).abs() < 1e-12);
        }
    }
}
