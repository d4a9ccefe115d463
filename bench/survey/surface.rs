//! What lies between the places of a map: work rate against board power and plate temperature, for plans. Linear between what was measured,
//! and nothing outside: whoever asks there is told so, and may take the edge knowingly.

use crate::point::Figure;
use crate::table::Table;
use thiserror::Error;

/// Part of the range of powers within which the edge stands for what lies just beyond: a board's sensor is off by a few percent, so that a map
/// to full load ends a little below or above what its rig file calls full.
const EDGE_FRAC: f64 = 0.03;
/// The same of temperature, K: as near as a plate is held.
const EDGE_K: f64 = 0.5;

/// Which edge of the map was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Temperature.
    Coolant,
    /// Power.
    Power,
}

/// A question that the map does not answer.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{asked:.1} {} lie outside of the map, which goes from {low:.1} to {high:.1}{}", unit(*.edge), .at_degc.map_or_else(String::new, |t| format!(" at {t:.0} degC")))]
pub struct Outside {
    /// Which edge.
    pub edge: Edge,
    /// What was asked for.
    pub asked: f64,
    /// Least that is known.
    pub low: f64,
    /// Most that is known.
    pub high: f64,
    /// At which temperature of the map.
    pub at_degc: Option<f64>,
}

const fn unit(edge: Edge) -> &'static str {
    match edge {
        Edge::Coolant => "degC at the plate",
        Edge::Power => "W",
    }
}

/// A map that cannot be interpolated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoSurface {
    /// Too little of it was measured.
    #[error("the map has {0} temperatures with two or more powers and counted work: at least one is needed")]
    Thin(usize),
    /// A row is not a function of power.
    #[error("at {0} the power does not rise with the budget: measure that again")]
    NotRising(String),
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    degc: f64,
    /// Power and work rate, by rising power.
    points: Vec<(f64, f64)>,
}

/// A measured map as a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface {
    /// By rising temperature; a single one holds at any temperature.
    rows: Vec<Row>,
    /// The temperature is not a plate's that could be asked for.
    pub as_it_is: bool,
    edge_w: f64,
}

impl Surface {
    /// Of the places that were reached. Where one was not, the largest power that was is the edge.
    pub fn of(table: &Table) -> Result<Self, NoSurface> {
        let mut rows = Vec::new();
        for cells in &table.cells {
            let name = || cells[0].coolant_degc.map_or_else(|| "the temperature there is".to_owned(), |t| format!("{t} degC"));
            let mean = |figure| move |c: &crate::table::Cell| Some(c.estimate(figure)?.mean);
            let mut points: Vec<(f64, f64)> =
                cells.iter().filter_map(|c| Some((mean(Figure::Power)(c)?, mean(Figure::Rate)(c)?))).collect();
            if !points.windows(2).all(|w| w[0].0 < w[1].0) {
                return Err(NoSurface::NotRising(name()));
            }
            // The edge of what is reachable, if it was measured and lies beyond the last place.
            let edges = cells.iter().filter(|c| c.not_reachable()).flat_map(|c| &c.refused);
            let edge = edges
                .filter_map(|p| Some((p.figures.get(Figure::Power)?, p.figures.get(Figure::Rate)?)))
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let last = points.last().map_or(f64::NEG_INFINITY, |p| p.0);
            points.extend(edge.filter(|e| e.0 > last));
            let held: Vec<f64> = cells.iter().flat_map(|c| &c.measured).filter_map(|p| p.figures.held_degc()).collect();
            let degc = if held.is_empty() { cells[0].coolant_degc } else { Some(held.iter().sum::<f64>() / held.len() as f64) };
            if points.len() >= 2 {
                rows.push(Row { degc: degc.unwrap_or(f64::NAN), points });
            }
        }
        let as_it_is = table.coolant_degc.iter().all(Option::is_none);
        if rows.is_empty() {
            return Err(NoSurface::Thin(0));
        }
        let (low, high) =
            rows.iter().flat_map(|r| &r.points).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p.0), h.max(p.0)));
        Ok(Self { rows, as_it_is, edge_w: EDGE_FRAC * (high - low) })
    }

    /// Work rate at this board power and temperature of what the rig held, or which edge lies between.
    pub fn rate(&self, power_w: f64, degc: f64) -> Result<f64, Outside> {
        let (row, part) = self.between(degc);
        if !self.as_it_is {
            let (low, high) = self.span_degc();
            if !(low - EDGE_K..=high + EDGE_K).contains(&degc) {
                return Err(Outside { edge: Edge::Coolant, asked: degc, low, high, at_degc: None });
            }
        }
        let at = |n: usize| {
            let row: &Row = &self.rows[n];
            let (low, high) = (row.points[0].0, row.points[row.points.len() - 1].0);
            if !(low - self.edge_w..=high + self.edge_w).contains(&power_w) {
                let at_degc = (!self.as_it_is).then_some(row.degc);
                return Err(Outside { edge: Edge::Power, asked: power_w, low, high, at_degc });
            }
            Ok(())
        };
        // A plate as near to a row as it is held is at that row, whatever the other can do.
        let near = |n: usize| (self.rows[n].degc - degc).abs() <= EDGE_K;
        if part == 0.0 || !near(row + 1) {
            at(row)?;
        }
        if part > 0.0 && !near(row) {
            at(row + 1)?;
        }
        Ok(self.rate_clamped(power_w, degc))
    }

    /// The same with the edge standing for everything beyond it.
    pub fn rate_clamped(&self, power_w: f64, degc: f64) -> f64 {
        let (row, part) = self.between(degc);
        let low = self.rows[row].rate(power_w);
        if part == 0.0 { low } else { low + part * (self.rows[row + 1].rate(power_w) - low) }
    }

    /// The same for whoever decides by it: below a row's least power the rate goes straight down to none at `idle_w`, for work that was never measured is not had
    /// for nothing. More power than the most brings no more work, and beyond the temperatures their edge stands.
    pub fn rate_from_idle(&self, power_w: f64, degc: f64, idle_w: f64) -> f64 {
        let (row, part) = self.between(degc);
        let low = self.rows[row].rate_from_idle(power_w, idle_w);
        if part == 0.0 { low } else { low + part * (self.rows[row + 1].rate_from_idle(power_w, idle_w) - low) }
    }

    /// Least and most temperature of its rows, °C.
    pub fn span_degc(&self) -> (f64, f64) {
        (self.rows[0].degc, self.rows[self.rows.len() - 1].degc)
    }

    /// The row below and the part of the way to the next.
    fn between(&self, degc: f64) -> (usize, f64) {
        if self.rows.len() < 2 || self.as_it_is {
            return (0, 0.0);
        }
        let n = self.rows.partition_point(|r| r.degc <= degc).clamp(1, self.rows.len() - 1) - 1;
        let part = (degc - self.rows[n].degc) / (self.rows[n + 1].degc - self.rows[n].degc);
        (n, if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) })
    }
}

impl Row {
    fn rate(&self, power_w: f64) -> f64 {
        let k = self.points.partition_point(|p| p.0 <= power_w).clamp(1, self.points.len() - 1) - 1;
        let (a, b) = (self.points[k], self.points[k + 1]);
        let part = ((power_w - a.0) / (b.0 - a.0)).clamp(0.0, 1.0);
        a.1 + part * (b.1 - a.1)
    }

    fn rate_from_idle(&self, power_w: f64, idle_w: f64) -> f64 {
        let (least_w, rate) = self.points[0];
        if power_w >= least_w {
            return self.rate(power_w);
        }
        // A map that reaches down to idle, and below it by the scatter of its powers, has nothing in between.
        if least_w <= idle_w { 0.0 } else { rate * ((power_w - idle_w) / (least_w - idle_w)).clamp(0.0, 1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::session;
    use proptest::prelude::*;

    fn surface() -> Surface {
        // Rate = 5 (w - 8) (1 - t/500): bilinear, so that interpolation is exact but for the scatter.
        let points = session(|t, w, _| 5.0 * (w - 8.0) * (1.0 - t / 500.0) / w, 45.0);
        Surface::of(&Table::of(&points)[0]).expect("a surface")
    }

    proptest! {
        #[test]
        fn between_places_it_is_what_a_bilinear_law_says(w in 20.0..45.0_f64, t in 20.0..60.0_f64) {
            let found = surface().rate(w, t).expect("inside");
            let law = 5.0 * (w - 8.0) * (1.0 - t / 500.0);
            prop_assert!((found / law - 1.0).abs() < 2e-3, "{} and {}", found, law);
            prop_assert_eq!(found, surface().rate_clamped(w, t));
        }

        #[test]
        fn nothing_is_extrapolated(w in -100.0..300.0_f64, t in -100.0..200.0_f64) {
            let surface = surface();
            match surface.rate(w, t) {
                Ok(rate) => prop_assert!((18.0..=62.0).contains(&w) && (19.4..=60.6).contains(&t) && rate > 0.0),
                Err(outside) => prop_assert!(!(outside.low..=outside.high).contains(&outside.asked), "{outside}"),
            }
            let clamped = surface.rate_clamped(w, t);
            prop_assert!(clamped >= surface.rate_clamped(20.0, 60.0) * 0.99 && clamped <= surface.rate_clamped(60.0, 20.0) * 1.01);
        }
    }

    #[test]
    fn below_its_least_power_a_map_has_no_free_work() {
        let surface = surface();
        let edge = surface.rate_clamped(20.0, 40.0);
        for (w, part) in [(8.0, 0.0), (5.0, 0.0), (14.0, 0.5), (20.0, 1.0)] {
            let found = surface.rate_from_idle(w, 40.0, 8.0);
            assert!((found - part * edge).abs() < 1e-9 * edge, "{w} W: {found}, of {edge}");
        }
        // Inside, above and beside, it is the map; and one that begins at idle has nothing below.
        for (w, t) in [(33.0, 30.0), (90.0, 40.0), (33.0, -40.0), (33.0, 99.0)] {
            assert_eq!(surface.rate_from_idle(w, t, 8.0), surface.rate_clamped(w, t));
        }
        assert_eq!(surface.rate_from_idle(10.0, 40.0, 25.0), 0.0);
    }

    #[test]
    fn the_edge_of_what_is_reachable_is_an_edge() {
        let surface = surface();
        assert!(surface.rate(60.0, 20.0).is_ok() && surface.rate(60.0, 40.0).is_ok());
        let outside = surface.rate(60.0, 59.0).expect_err("45 W were the most");
        assert_eq!((outside.edge, outside.high), (Edge::Power, 45.0));
        assert_eq!(outside.to_string(), "60.0 W lie outside of the map, which goes from 20.0 to 45.0 at 60 degC");
        assert_eq!(surface.rate(30.0, 5.0).expect_err("cold").edge, Edge::Coolant);
    }

    #[test]
    fn thin_and_crooked_maps_are_refused() {
        let mut points = session(|_, w, _| w, 45.0);
        points.retain(|p| p.budget_w == 20.0);
        assert!(matches!(Surface::of(&Table::of(&points)[0]), Err(NoSurface::Thin(0))));
        let mut points = session(|_, w, _| w, 45.0);
        for p in points.iter_mut().filter(|p| p.budget_w == 40.0) {
            p.figures.set(Figure::Power, Some(70.0));
        }
        assert!(matches!(Surface::of(&Table::of(&points)[0]), Err(NoSurface::NotRising(_))));
    }
}
