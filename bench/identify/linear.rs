//! Small dense symmetric matrices: what a fit with some dozens of parameters needs, and no more. No sparse matrices, no pivoting:
//! whoever fills these scales its columns first.

/// A square matrix, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Square {
    n: usize,
    cells: Vec<f64>,
}

impl Square {
    /// All zero, `n` by `n`.
    pub fn zero(n: usize) -> Self {
        Self { n, cells: vec![0.0; n * n] }
    }

    /// Rows and columns.
    pub const fn size(&self) -> usize {
        self.n
    }

    /// Cell in row `i`, column `j`.
    pub fn get(&self, i: usize, j: usize) -> f64 {
        self.cells[i * self.n + j]
    }

    /// Sets the cell in row `i`, column `j`.
    pub fn set(&mut self, i: usize, j: usize, value: f64) {
        self.cells[i * self.n + j] = value;
    }

    /// Adds to the cell in row `i`, column `j`.
    pub fn add(&mut self, i: usize, j: usize, value: f64) {
        self.cells[i * self.n + j] += value;
    }

    /// The diagonal.
    pub fn diagonal(&self) -> Vec<f64> {
        (0..self.n).map(|i| self.get(i, i)).collect()
    }

    /// Lower triangle L with L Lᵀ = self; `None` unless self is positive definite to working precision.
    pub fn cholesky(&self) -> Option<Self> {
        let n = self.n;
        let mut lower = Self::zero(n);
        for j in 0..n {
            let mut pivot = self.get(j, j);
            for k in 0..j {
                pivot -= lower.get(j, k).powi(2);
            }
            // A pivot that lost all its digits is a direction nothing is known of.
            if pivot.is_nan() || pivot <= self.get(j, j).abs() * 1e-14 {
                return None;
            }
            let root = pivot.sqrt();
            lower.set(j, j, root);
            for i in j + 1..n {
                let mut sum = self.get(i, j);
                for k in 0..j {
                    sum -= lower.get(i, k) * lower.get(j, k);
                }
                lower.set(i, j, sum / root);
            }
        }
        Some(lower)
    }

    /// Solves L Lᵀ x = b, self being the L of [`Square::cholesky`].
    pub fn back_substitute(&self, b: &[f64]) -> Vec<f64> {
        let n = self.n;
        let mut x = b.to_vec();
        for i in 0..n {
            for k in 0..i {
                x[i] -= self.get(i, k) * x[k];
            }
            x[i] /= self.get(i, i);
        }
        for i in (0..n).rev() {
            for k in i + 1..n {
                x[i] -= self.get(k, i) * x[k];
            }
            x[i] /= self.get(i, i);
        }
        x
    }

    /// The inverse of a positive definite matrix, scaled to a unit diagonal on the way so that units do not matter.
    pub fn inverse(&self) -> Option<Self> {
        let scale: Vec<f64> = self.diagonal().iter().map(|d| if *d > 0.0 { d.sqrt() } else { 1.0 }).collect();
        let lower = self.scaled(&scale).cholesky()?;
        let mut inverse = Self::zero(self.n);
        let mut unit = vec![0.0; self.n];
        for j in 0..self.n {
            unit[j] = 1.0;
            for (i, x) in lower.back_substitute(&unit).into_iter().enumerate() {
                inverse.set(i, j, x / (scale[i] * scale[j]));
            }
            unit[j] = 0.0;
        }
        Some(inverse)
    }

    /// Every cell divided by the scales of its row and column.
    #[must_use]
    pub fn scaled(&self, by: &[f64]) -> Self {
        let mut scaled = self.clone();
        for i in 0..self.n {
            for j in 0..self.n {
                scaled.set(i, j, self.get(i, j) / (by[i] * by[j]));
            }
        }
        scaled
    }

    /// A covariance as correlations; a row without variance correlates with nothing.
    #[must_use]
    pub fn correlation(&self) -> Self {
        let sigma: Vec<f64> = self.diagonal().iter().map(|v| if *v > 0.0 { v.sqrt() } else { 1.0 }).collect();
        self.scaled(&sigma)
    }

    /// Eigenvalues, smallest first, by Jacobi's rotations (Golub and Van Loan, *Matrix Computations*, 8.5).
    pub fn eigenvalues(&self) -> Vec<f64> {
        let n = self.n;
        let mut a = self.clone();
        for _sweep in 0..60 {
            let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a.get(i, j).powi(2)).sum();
            let on: f64 = a.diagonal().iter().map(|d| d * d).sum();
            if off <= 1e-26 * on {
                break;
            }
            for p in 0..n {
                for q in p + 1..n {
                    a.rotate(p, q);
                }
            }
        }
        let mut values = a.diagonal();
        values.sort_by(f64::total_cmp);
        values
    }

    fn rotate(&mut self, p: usize, q: usize) {
        let apq = self.get(p, q);
        if apq == 0.0 {
            return;
        }
        let theta = (self.get(q, q) - self.get(p, p)) / (2.0 * apq);
        let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
        let c = 1.0 / t.hypot(1.0);
        let s = t * c;
        for k in 0..self.n {
            let (kp, kq) = (self.get(k, p), self.get(k, q));
            self.set(k, p, c * kp - s * kq);
            self.set(k, q, s * kp + c * kq);
        }
        for k in 0..self.n {
            let (pk, qk) = (self.get(p, k), self.get(q, k));
            self.set(p, k, c * pk - s * qk);
            self.set(q, k, s * pk + c * qk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hilbert(n: usize) -> Square {
        let mut h = Square::zero(n);
        for i in 0..n {
            for j in 0..n {
                h.set(i, j, 1.0 / (i + j + 1) as f64);
            }
        }
        h
    }

    /// Inverse of the Hilbert matrix: whole numbers known in closed form; eigenvalues of its 3 by 3 by numpy.linalg.eigvalsh.
    #[test]
    fn the_hilbert_matrix() {
        let inverse = hilbert(4).inverse().expect("positive definite");
        let known = [[16.0, -120.0, 240.0, -140.0], [-120.0, 1200.0, -2700.0, 1680.0]];
        for (i, row) in known.iter().enumerate() {
            for (j, value) in row.iter().enumerate() {
                assert!((inverse.get(i, j) / value - 1.0).abs() < 1e-10, "{i} {j} {}", inverse.get(i, j));
            }
        }
        let values = hilbert(3).eigenvalues();
        for (found, known) in values.iter().zip([0.002_687_340_355_773_5, 0.122_327_065_853_905_9, 1.408_318_927_123_654]) {
            assert!((found - known).abs() < 1e-13, "{values:?}");
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_no_root() {
        let mut a = Square::zero(2);
        for (i, j, v) in [(0, 0, 1.0), (0, 1, 2.0), (1, 0, 2.0), (1, 1, 1.0)] {
            a.set(i, j, v);
        }
        assert_eq!(a.cholesky(), None);
        assert_eq!(Square::zero(2).inverse(), None, "nothing is known of either");
    }

    proptest! {
        #[test]
        fn an_inverse_undoes(cells in proptest::collection::vec(-1.0..1.0_f64, 16), units in proptest::collection::vec(-6.0..6.0_f64, 4)) {
            // G Gᵀ + 1, in wildly different units.
            let unit = |i: usize| 10_f64.powf(units[i]);
            let mut a = Square::zero(4);
            for i in 0..4 {
                for j in 0..4 {
                    let g: f64 = (0..4).map(|k| cells[i * 4 + k] * cells[j * 4 + k]).sum();
                    a.set(i, j, (g + f64::from(u8::from(i == j))) * unit(i) * unit(j));
                }
            }
            let inverse = a.inverse().expect("positive definite");
            for i in 0..4 {
                for j in 0..4 {
                    let product: f64 = (0..4).map(|k| a.get(i, k) * inverse.get(k, j)).sum::<f64>() * unit(j) / unit(i);
                    prop_assert!((product - f64::from(u8::from(i == j))).abs() < 1e-9);
                }
            }
        }
    }
}
