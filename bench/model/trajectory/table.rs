//! A satellite known by a table of positions, with or without velocities: how it is read between its points.
//!
//! With velocities, a polynomial of degree 7 through the four nearest points and their velocities; without, one of degree 7
//! through the eight nearest. Never across the end of a segment (a manoeuvre is there), and never beyond the table.
//! Not here: whether the points are any good, which is checked before ([`crate::ephemeris`]).

use super::osculating;
use crate::orbit::State;
use crate::trajectory::Body;
use crate::vector::Vector;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

/// Coefficients of the polynomial, at most.
const TERMS: usize = 8;
/// Points used where velocities are known.
const WITH_VELOCITIES: usize = 4;

/// Points that belong together, and the time they are good for.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Their indices.
    pub points: Range<usize>,
    /// Mission time from which this piece is used, s.
    pub from_s: f64,
    /// Mission time until which it is used, s: where the next one begins.
    pub until_s: f64,
}

/// Positions in the frame of the profile's epoch, by mission time. The points are shared: a clone is cheap.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    body: Body,
    nodes: Arc<Nodes>,
    period_s: f64,
}

#[derive(Debug, PartialEq)]
struct Nodes {
    mission_s: Vec<f64>,
    position_km: Vec<Vector>,
    /// As many as positions, or none.
    velocity_km_s: Vec<Vector>,
    pieces: Vec<Piece>,
}

impl Table {
    /// From points in order of time within each piece, and pieces in order and without a gap between them. At least two points
    /// with velocities, or four without, make a piece. `None` where the orbit at mission second 0 (or, if that is outside, at
    /// the first point) is not closed.
    pub fn new(body: Body, mission_s: Vec<f64>, position_km: Vec<Vector>, velocity_km_s: Vec<Vector>, pieces: Vec<Piece>) -> Option<Self> {
        assert!(!pieces.is_empty() && mission_s.len() == position_km.len(), "a table has points, and pieces made of them");
        assert!(velocity_km_s.is_empty() || velocity_km_s.len() == position_km.len(), "velocities for all points or none");
        let mut table = Self { body, nodes: Arc::new(Nodes { mission_s, position_km, velocity_km_s, pieces }), period_s: f64::NAN };
        let start = 0.0_f64.clamp(*table.span_s().start(), *table.span_s().end());
        let (position, velocity) = table.vectors(start);
        table.period_s = osculating::period_s(position, velocity, body.mu_km3_s2())?;
        Some(table)
    }

    /// What is orbited.
    pub fn body(&self) -> Body {
        self.body
    }

    /// Period of the osculating orbit at mission second 0, s.
    pub fn period_s(&self) -> f64 {
        self.period_s
    }

    /// From the first usable moment to the last.
    pub fn span_s(&self) -> RangeInclusive<f64> {
        let pieces = &self.nodes.pieces;
        pieces[0].from_s..=pieces[pieces.len() - 1].until_s
    }

    /// Position, km, and velocity, km/s, at a moment inside the span.
    pub fn vectors(&self, mission_s: f64) -> (Vector, Vector) {
        let nodes = &*self.nodes;
        let piece = nodes.pieces.partition_point(|p| p.until_s < mission_s).min(nodes.pieces.len() - 1);
        let points = nodes.pieces[piece].points.clone();
        let times = &nodes.mission_s[points.clone()];
        let wide = if nodes.velocity_km_s.is_empty() { TERMS } else { WITH_VELOCITIES }.min(times.len());
        // Half of the points on either side, where there are as many.
        let after = times.partition_point(|t| *t <= mission_s);
        let first = points.start + after.saturating_sub(wide / 2).min(times.len() - wide);
        nodes.interpolated(first..first + wide, mission_s)
    }

    /// See [`crate::Trajectory::at`].
    pub fn at(&self, mission_s: f64) -> State {
        let span = self.span_s();
        let inside = mission_s.clamp(*span.start(), *span.end());
        let (position, velocity) = self.vectors(inside);
        let state = osculating::state(position, velocity);
        if inside == mission_s { state } else { osculating::coasted(state, self.period_s, mission_s - inside) }
    }
}

impl Nodes {
    /// Newton's polynomial through the points of `window`, each twice where its velocity is known (Stoer & Bulirsch,
    /// Introduction to Numerical Analysis, 3rd ed., 2.1.5), and its derivative.
    fn interpolated(&self, window: Range<usize>, mission_s: f64) -> (Vector, Vector) {
        let copies = if self.velocity_km_s.is_empty() { 1 } else { 2 };
        let count = window.len() * copies;
        // Time from the middle in units of the window keeps the differences of one size.
        let middle = f64::midpoint(self.mission_s[window.start], self.mission_s[window.end - 1]);
        let unit = self.mission_s[window.end - 1] - self.mission_s[window.start];
        let time = |k: usize| (self.mission_s[window.start + k / copies] - middle) / unit;
        let mut coefficient = [[0.0; 3]; TERMS];
        for (k, value) in coefficient.iter_mut().enumerate().take(count) {
            *value = self.position_km[window.start + k / copies];
        }
        for order in 1..count {
            for k in (order..count).rev() {
                let apart = time(k) - time(k - order);
                coefficient[k] = if order == 1 && copies == 2 && k % 2 == 1 {
                    self.velocity_km_s[window.start + k / 2].map(|v| v * unit)
                } else {
                    let (upper, lower) = (coefficient[k], coefficient[k - 1]);
                    [0, 1, 2].map(|i| (upper[i] - lower[i]) / apart)
                };
            }
        }
        let here = (mission_s - middle) / unit;
        let (mut value, mut slope) = (coefficient[count - 1], [0.0; 3]);
        for k in (0..count - 1).rev() {
            let step = here - time(k);
            for i in 0..3 {
                slope[i] = slope[i] * step + value[i];
                value[i] = value[i] * step + coefficient[k][i];
            }
        }
        (value, slope.map(|s| s / unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::EARTH_MU_KM3_S2;
    use crate::vector::{minus, norm};
    use proptest::prelude::*;
    use std::f64::consts::TAU;

    /// A Kepler orbit in the plane of a 51.6 deg inclination, exactly.
    fn kepler(a_km: f64, e: f64, t: f64) -> (Vector, Vector) {
        let n = (EARTH_MU_KM3_S2 / a_km.powi(3)).sqrt();
        let mean = n * t;
        let mut anomaly = mean;
        for _ in 0..50 {
            anomaly -= (anomaly - e * anomaly.sin() - mean) / (1.0 - e * anomaly.cos());
        }
        let (sin, cos) = anomaly.sin_cos();
        let root = (1.0 - e * e).sqrt();
        let rate = n / (1.0 - e * cos);
        let plane = |x: f64, y: f64| [x, y * 0.621, y * (1.0 - 0.621_f64.powi(2)).sqrt()];
        (plane(a_km * (cos - e), a_km * root * sin), plane(-a_km * sin * rate, a_km * root * cos * rate))
    }

    fn table(a_km: f64, e: f64, step_s: f64, velocities: bool) -> Table {
        let times: Vec<f64> = (0..200).map(|k| f64::from(k) * step_s - 1000.0).collect();
        let (positions, mut speeds): (Vec<_>, Vec<_>) = times.iter().map(|t| kepler(a_km, e, *t)).unzip();
        if !velocities {
            speeds.clear();
        }
        let piece = Piece { points: 0..200, from_s: times[0], until_s: times[199] };
        Table::new(Body::Earth, times, positions, speeds, vec![piece]).expect("closed")
    }

    /// The worst distance between table and orbit, km, away from the ends and near them.
    fn worst_km(a_km: f64, e: f64, step_s: f64, velocities: bool) -> (f64, f64) {
        let table = table(a_km, e, step_s, velocities);
        let (from, until) = table.span_s().into_inner();
        let (mut middle, mut ends) = (0.0_f64, 0.0_f64);
        for k in 0..=20_000 {
            let t = from + (until - from) * f64::from(k) / 20_000.0;
            let off = norm(minus(table.vectors(t).0, kepler(a_km, e, t).0));
            if (from + 4.0 * step_s..until - 4.0 * step_s).contains(&t) { middle = middle.max(off) } else { ends = ends.max(off) }
        }
        (middle, ends)
    }

    #[test]
    fn a_table_at_a_minute_is_good_to_a_metre_and_at_four_too() {
        for (step_s, velocities, middle_km, ends_km) in
            [(60.0, true, 1e-6, 1e-5), (60.0, false, 1e-5, 1e-3), (240.0, true, 1e-3, 1e-2), (240.0, false, 0.05, 1.0)]
        {
            let (middle, ends) = worst_km(6778.0, 0.001, step_s, velocities);
            assert!(middle < middle_km && ends < ends_km, "{step_s} s, velocities {velocities}: {middle} km, {ends} km");
        }
        // Negative control: at ten minutes, a tenth of an orbit, nothing is.
        assert!(worst_km(6778.0, 0.001, 600.0, false).0 > 0.1);
    }

    #[test]
    fn the_points_themselves_come_back() {
        for velocities in [true, false] {
            let table = table(7500.0, 0.1, 60.0, velocities);
            for k in 0..200 {
                let t = f64::from(k) * 60.0 - 1000.0;
                let (position, velocity) = kepler(7500.0, 0.1, t);
                let (p, v) = table.vectors(t);
                assert!(norm(minus(p, position)) < 1e-8 && norm(minus(v, velocity)) < 1e-4, "{t}");
            }
            assert!((table.period_s() - TAU * (7500.0_f64.powi(3) / EARTH_MU_KM3_S2).sqrt()).abs() < 0.01);
        }
    }

    #[test]
    fn nothing_is_read_across_the_end_of_a_piece() {
        // The same orbit, but a burn in the middle moves everything after it by 10 km.
        let times: Vec<f64> = (0..100).map(|k| f64::from(k) * 60.0).chain((99..200).map(|k| f64::from(k) * 60.0)).collect();
        let moved = |k: usize, t: f64| {
            let (p, v) = kepler(6778.0, 0.0, t);
            if k < 100 { (p, v) } else { ([p[0] + 10.0, p[1], p[2]], v) }
        };
        let (positions, speeds): (Vec<_>, Vec<_>) = times.iter().enumerate().map(|(k, t)| moved(k, *t)).unzip();
        let burn = 99.0 * 60.0;
        let pieces =
            vec![Piece { points: 0..100, from_s: 0.0, until_s: burn }, Piece { points: 100..201, from_s: burn, until_s: 199.0 * 60.0 }];
        let table = Table::new(Body::Earth, times, positions, speeds, pieces).expect("closed");
        for (t, shift) in [(burn - 1.0, 0.0), (burn + 1.0, 10.0)] {
            let off = minus(table.vectors(t).0, kepler(6778.0, 0.0, t).0);
            assert!((off[0] - shift).abs() < 1e-3 && off[1].abs() < 1e-3, "{t}: {off:?}");
        }
    }

    proptest! {
        #[test]
        fn within_metres_of_the_orbit_it_was_made_from(a_km in 6600.0..45_000.0_f64, e in 0.0..0.01_f64, velocities: bool, t in -1000.0..10_940.0_f64) {
            let table = table(a_km, e, 60.0, velocities);
            prop_assert!(norm(minus(table.vectors(t).0, kepler(a_km, e, t).0)) < 2e-3);
            let state = table.at(t);
            prop_assert!((norm(state.zenith) - 1.0).abs() < 1e-12 && (norm(state.pole) - 1.0).abs() < 1e-12);
        }

        #[test]
        fn any_moment_has_an_answer(t in proptest::num::f64::NORMAL) {
            let state = table(7000.0, 0.01, 60.0, true).at(t.clamp(-1e12, 1e12));
            prop_assert!(state.zenith.iter().chain(&state.pole).all(|x| x.is_finite()) && state.radius_km > 6000.0);
        }
    }
}
