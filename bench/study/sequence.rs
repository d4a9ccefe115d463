//! Sobol' points: numbers that fill a cube more evenly than chance does, so that a sensitivity needs fewer of them.
//!
//! Direction numbers are those of Joe and Kuo (SIAM J. Sci. Comput. 30, 2635 (2008), set new-joe-kuo-6), the first 40 dimensions;
//! `testdata/sobol.csv` holds what `SciPy` makes of them. A digital shift drawn from the seed moves all points without spoiling their evenness.

/// Dimensions there are numbers for.
pub(crate) const DIMENSIONS: usize = 1 + JOE_KUO.len();

/// Digits of a point: as many as a `u32` has.
const BITS: usize = 32;
/// As many points as they tell apart.
const RANGE: f64 = 4_294_967_296.0;

/// Of dimensions 2, 3, ...: the primitive polynomial over GF(2) with its leading and last digit, and the first numbers.
const JOE_KUO: &[(u32, &[u32])] = &[
    (3, &[1]),
    (7, &[1, 3]),
    (11, &[1, 3, 1]),
    (13, &[1, 1, 1]),
    (19, &[1, 1, 3, 3]),
    (25, &[1, 3, 5, 13]),
    (37, &[1, 1, 5, 5, 17]),
    (41, &[1, 1, 5, 5, 5]),
    (47, &[1, 1, 7, 11, 19]),
    (55, &[1, 1, 5, 1, 1]),
    (59, &[1, 1, 1, 3, 11]),
    (61, &[1, 3, 5, 5, 31]),
    (67, &[1, 3, 3, 9, 7, 49]),
    (91, &[1, 1, 1, 15, 21, 21]),
    (97, &[1, 3, 1, 13, 27, 49]),
    (103, &[1, 1, 1, 15, 7, 5]),
    (109, &[1, 3, 1, 15, 13, 25]),
    (115, &[1, 1, 5, 5, 19, 61]),
    (131, &[1, 3, 7, 11, 23, 15, 103]),
    (137, &[1, 3, 7, 13, 13, 15, 69]),
    (143, &[1, 1, 3, 13, 7, 35, 63]),
    (145, &[1, 3, 5, 9, 1, 25, 53]),
    (157, &[1, 3, 1, 13, 9, 35, 107]),
    (167, &[1, 3, 1, 5, 27, 61, 31]),
    (171, &[1, 1, 5, 11, 19, 41, 61]),
    (185, &[1, 3, 5, 3, 3, 13, 69]),
    (191, &[1, 1, 7, 13, 1, 19, 1]),
    (193, &[1, 3, 7, 5, 13, 19, 59]),
    (203, &[1, 1, 3, 9, 25, 29, 41]),
    (211, &[1, 3, 5, 13, 23, 1, 55]),
    (213, &[1, 3, 7, 3, 13, 59, 17]),
    (229, &[1, 3, 1, 3, 5, 53, 69]),
    (239, &[1, 1, 5, 5, 23, 33, 13]),
    (241, &[1, 1, 7, 7, 1, 61, 123]),
    (247, &[1, 1, 7, 9, 13, 61, 49]),
    (253, &[1, 3, 3, 5, 3, 55, 33]),
    (285, &[1, 3, 1, 15, 31, 13, 49, 245]),
    (299, &[1, 3, 5, 15, 31, 59, 63, 97]),
    (301, &[1, 3, 1, 11, 11, 11, 77, 249]),
];

/// Sobol' points, one after the other.
pub(crate) struct Sequence {
    directions: Vec<[u32; BITS]>,
    at: Vec<u32>,
    shift: Vec<u32>,
    index: u32,
}

impl Sequence {
    /// In a cube of `shift.len()` dimensions, at most [`DIMENSIONS`], every digit moved by `shift`.
    ///
    /// # Panics
    /// If there are more dimensions than numbers for them.
    pub(crate) fn new(shift: Vec<u32>) -> Self {
        assert!(shift.len() <= DIMENSIONS, "{} dimensions, numbers for {DIMENSIONS}", shift.len());
        let directions = (0..shift.len()).map(directions).collect();
        Self { directions, at: vec![0; shift.len()], shift, index: 0 }
    }

    /// The next point, every coordinate inside 0..1.
    pub(crate) fn next_point(&mut self) -> Vec<f64> {
        let point = self.at.iter().zip(&self.shift).map(|(x, shift)| (f64::from(x ^ shift) + 0.5) / RANGE).collect();
        // Gray code order (Antonov and Saleev): one digit of the index, one number of each dimension.
        let digit = self.index.trailing_ones() as usize;
        self.index += 1;
        for (x, numbers) in self.at.iter_mut().zip(&self.directions) {
            *x ^= numbers[digit];
        }
        point
    }
}

fn directions(dimension: usize) -> [u32; BITS] {
    let mut v = [0; BITS];
    let Some((polynomial, first)) = dimension.checked_sub(1).map(|d| JOE_KUO[d]) else {
        for (k, v) in v.iter_mut().enumerate() {
            *v = 1 << (BITS - 1 - k);
        }
        return v;
    };
    let degree = first.len();
    for k in 0..BITS {
        v[k] = if k < degree {
            first[k] << (BITS - 1 - k)
        } else {
            let mut number = v[k - degree] ^ (v[k - degree] >> degree);
            for j in 1..degree {
                if polynomial >> (degree - j) & 1 == 1 {
                    number ^= v[k - j];
                }
            }
            number
        };
    }
    v
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_those_of_scipy() {
        let reference = include_str!("testdata/sobol.csv");
        let mut sequence = Sequence::new(vec![0; DIMENSIONS]);
        let mut rows = 0;
        for line in reference.lines().filter(|l| !l.starts_with('#')) {
            let expected: Vec<f64> = line.split(',').map(|cell| cell.parse().expect("a number")).collect();
            let found = sequence.next_point();
            assert_eq!(found.len(), expected.len());
            for (dimension, (a, b)) in found.iter().zip(&expected).enumerate() {
                assert!((a - b).abs() < 1e-9, "row {rows}, dimension {dimension}: {a} is not {b}");
            }
            rows += 1;
        }
        assert_eq!(rows, 64);
    }

    #[test]
    fn a_shift_keeps_one_point_in_each_stratum() {
        let mut sequence = Sequence::new(vec![0x1234_5678, 0xdead_beef, 0, u32::MAX]);
        let points: Vec<Vec<f64>> = (0..128).map(|_| sequence.next_point()).collect();
        for dimension in 0..4 {
            let mut seen = [0; 128];
            for point in &points {
                seen[(point[dimension] * 128.0) as usize] += 1;
            }
            assert_eq!(seen, [1; 128], "dimension {dimension}");
        }
    }
}
