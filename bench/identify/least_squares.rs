//! Nonlinear least squares by Levenberg and Marquardt: the smallest sum of squared residuals near a start, and the information
//! (`JᵀJ`) that the residuals hold there. What the residuals are, how they are weighted and what the parameters mean is the
//! caller's; so is the covariance, because only the caller knows whether its residuals are white.
//!
//! Damping after Nielsen ("Damping parameter in Marquardt's method", IMM-REP-1999-05, DTU); scaling after Moré (1978), so that
//! parameters may differ in size by any factor. Normal equations: their columns are scaled, and the parameters of a bench are a
//! few dozen at most.

use crate::linear::Square;

/// Something to be fitted.
pub trait Problem {
    /// The residuals at `x`, as many at every `x`; not finite where `x` is impossible.
    fn residuals(&self, x: &[f64]) -> Vec<f64>;

    /// Derivatives of the residuals at `x`, where they are `at`: a column for each parameter.
    fn jacobian(&self, x: &[f64], at: &[f64]) -> Vec<Vec<f64>>;

    /// What the derivatives would be if nothing random moved them: no more than a guess of them is needed, but it must not know of the residuals' errors.
    fn instruments(&self, x: &[f64]) -> Vec<Vec<f64>> {
        self.jacobian(x, &self.residuals(x))
    }
}

/// From near the smallest sum of squares to where the residuals have nothing in common with the instruments. Where what drives a model is itself read with errors, its
/// derivatives err with its residuals, and the smallest sum of squares is not where the truth is, however long the log (errors in variables; Söderström and Stoica,
/// "Instrumental variable methods for system identification", 1983); the instruments err with nothing. Its information is theirs. `None` if they determine nothing; not converged if it
/// does not come to rest.
pub fn settle(problem: &impl Problem, start: &[f64], stop: Stop) -> Option<Solution> {
    let mut x = start.to_vec();
    let mut done = 0;
    loop {
        done += 1;
        let jacobian = problem.instruments(&x);
        let a = information(&jacobian);
        let rows = problem.residuals(&x);
        let score: Vec<f64> = jacobian.iter().map(|column| -dot(column, &rows)).collect();
        let scale: Vec<f64> = a.diagonal().iter().map(|d| d.sqrt()).collect();
        let step = damped(&a, &score, &scale, 0.0)?;
        let gain: f64 = dot(&step, &score);
        if !gain.is_finite() {
            return None;
        }
        let sum_of_squares = dot(&rows, &rows);
        let converged = gain <= stop.gain * (1.0 + sum_of_squares);
        if converged || done >= SETTLE_MOST {
            return Some(Solution { x, residuals: rows, jacobian, information: a, sum_of_squares, converged, jacobians: done });
        }
        for (x, d) in x.iter_mut().zip(&step) {
            *x += d;
        }
    }
}

/// It settles in six steps on the logs that it was tried on; in so many, or not at all.
const SETTLE_MOST: usize = 30;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// When a step would change the sum of squares by less than this, relative to it plus one: 1e-6 is a thousandth of a standard
    /// deviation for whitened residuals.
    pub gain: f64,
    /// Or after so many Jacobians.
    pub jacobians: usize,
    /// Damping of the first step, relative to the information: 1e-3 far from the minimum, next to nothing close to it.
    pub damping: f64,
}

/// Where it ended.
#[derive(Clone, Debug)]
pub struct Solution {
    /// Parameters.
    pub x: Vec<f64>,
    /// Residuals there.
    pub residuals: Vec<f64>,
    /// Derivatives there.
    pub jacobian: Vec<Vec<f64>>,
    /// `JᵀJ` there.
    pub information: Square,
    /// Sum of squared residuals.
    pub sum_of_squares: f64,
    /// The gain criterion was met.
    pub converged: bool,
    /// Jacobians it took.
    pub jacobians: usize,
}

/// `JᵀJ`.
pub fn information(columns: &[Vec<f64>]) -> Square {
    let mut a = Square::zero(columns.len());
    for (i, left) in columns.iter().enumerate() {
        for (j, right) in columns.iter().enumerate().take(i + 1) {
            let dot = dot(left, right);
            a.set(i, j, dot);
            a.set(j, i, dot);
        }
    }
    a
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Fits `problem` from `start`. `None` if the residuals there are not finite, so that nothing can be said.
pub fn fit(problem: &impl Problem, start: &[f64], stop: Stop) -> Option<Solution> {
    let mut x = start.to_vec();
    let mut rows = problem.residuals(&x);
    let mut cost = dot(&rows, &rows);
    if !cost.is_finite() {
        return None;
    }
    let (mut damping, mut growth) = (stop.damping, 2.0);
    let mut scale = vec![0.0_f64; x.len()];
    let mut done = 0;
    loop {
        let jacobian = problem.jacobian(&x, &rows);
        done += 1;
        let a = information(&jacobian);
        for (s, d) in scale.iter_mut().zip(a.diagonal()) {
            *s = s.max(d.sqrt());
        }
        let downhill: Vec<f64> = jacobian.iter().map(|column| -dot(column, &rows)).collect();
        let mut moved = false;
        let mut converged = false;
        while !moved && damping < 1e16 {
            let Some(step) = damped(&a, &downhill, &scale, damping) else {
                damping *= growth;
                growth *= 2.0;
                continue;
            };
            // Decrease that the linear model promises: -2 g.d - d.A.d, in terms of the damped equations.
            let promised: f64 =
                step.iter().zip(&downhill).zip(&scale).map(|((d, g), s)| d * g + damping * (d * s.max(f64::MIN_POSITIVE)).powi(2)).sum();
            let trial: Vec<f64> = x.iter().zip(&step).map(|(x, d)| x + d).collect();
            let at = problem.residuals(&trial);
            let found = dot(&at, &at);
            let ratio = (cost - found) / promised;
            if found.is_finite() && ratio > 0.0 {
                converged = promised <= stop.gain * (1.0 + cost) && ratio > 0.25;
                (x, rows, cost, moved) = (trial, at, found, true);
                damping *= (1.0 - (2.0 * ratio - 1.0).powi(3)).max(1.0 / 3.0);
                growth = 2.0;
            } else {
                // Nothing left to gain: rounding decides now.
                if promised <= stop.gain * (1.0 + cost) * 1e-2 {
                    converged = true;
                    break;
                }
                damping *= growth;
                growth *= 2.0;
            }
        }
        if converged || !moved || done >= stop.jacobians {
            let jacobian = if moved { problem.jacobian(&x, &rows) } else { jacobian };
            let information = information(&jacobian);
            return Some(Solution { x, residuals: rows, jacobian, information, sum_of_squares: cost, converged, jacobians: done });
        }
    }
}

/// Solves (A + damping D²) d = g; a parameter without any influence stays where it is.
fn damped(a: &Square, g: &[f64], scale: &[f64], damping: f64) -> Option<Vec<f64>> {
    let n = g.len();
    let unit: Vec<f64> = scale.iter().map(|s| if *s > 0.0 { *s } else { 1.0 }).collect();
    let mut m = a.scaled(&unit);
    for i in 0..n {
        m.add(i, i, if scale[i] > 0.0 { damping } else { 1.0 });
    }
    let rhs: Vec<f64> = g.iter().zip(&unit).map(|(g, u)| g / u).collect();
    Some(m.cholesky()?.back_substitute(&rhs).iter().zip(&unit).map(|(d, u)| d / u).collect())
}

#[cfg(test)]
mod tests;
