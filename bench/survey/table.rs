//! The map itself: what the repeats of each place amount to, with what the session did meanwhile.

use crate::estimate::{Drift, Estimate};
use crate::point::{Figure, Kind, Point, Status};

/// A gap between counter and integral below this part is within what two ways of averaging differ by.
const GAP_SEEN_FRAC: f64 = 0.02;

/// How intervals are made, for whoever reads them.
pub const METHOD: &str = "mean of n repeats in random order; 95 % by Student's t, with the drift of the session (a line through its reference points) added in \
quadrature as evenly spread over its range";

/// What every board's own power sensor may be off by, as a part: proportional, and the same in every place of a map.
pub const BOARD_FRAC: f64 = 0.05;

/// One place of the map.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Temperature asked for, °C.
    pub coolant_degc: Option<f64>,
    /// Budget, W.
    pub budget_w: f64,
    /// Points that measured it.
    pub measured: Vec<Point>,
    /// Points that could not.
    pub refused: Vec<Point>,
    /// Drift of the session, as a part.
    drift: Option<f64>,
}

impl Cell {
    /// The repeats of a figure; `None` where it was never measured.
    pub fn estimate(&self, figure: Figure) -> Option<Estimate> {
        let values: Vec<f64> = self.measured.iter().filter_map(|p| p.figures.get(figure)).collect();
        let drifts = matches!(figure, Figure::PerJoule | Figure::PerJouleIn | Figure::Rate | Figure::RateIn);
        Estimate::of(&values).map(|e| e.with_drift(self.drift.filter(|_| drifts)))
    }

    /// It was tried and cannot be had. A place that was measured once is reachable.
    pub fn not_reachable(&self) -> bool {
        self.measured.is_empty() && !self.refused.is_empty()
    }

    /// The largest power that was had where this one was not, W.
    pub fn largest_w(&self) -> Option<f64> {
        let powers = self.refused.iter().filter_map(|p| p.figures.get(Figure::Power));
        powers.fold(None, |most: Option<f64>, w| Some(most.map_or(w, |m| m.max(w))))
    }

    /// Why it cannot be had.
    pub fn why(&self) -> Option<&str> {
        self.refused.first().map(|p| p.why.as_str()).filter(|_| self.not_reachable())
    }
}

/// A map of one batch size.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Batch size.
    pub batch: Option<u32>,
    /// Temperatures, ascending; one `None` where the device is on no plate of ours.
    pub coolant_degc: Vec<Option<f64>>,
    /// Budgets, ascending, W.
    pub budget_w: Vec<f64>,
    /// By temperature, then budget; empty ones are still to be measured.
    pub cells: Vec<Vec<Cell>>,
    /// Drift of work per joule over the session; `None` of too few references.
    pub drift: Option<Drift>,
    /// Visits to the reference that measured something.
    pub references: usize,
    /// Counter over integral less one, over all points.
    pub counter_gap: Option<Estimate>,
}

/// What was drawn at one plate temperature, °C (`None` on no plate of ours): level and power, W, of each place.
pub type DrawRow = (Option<f64>, Vec<(f64, f64)>);

impl Table {
    /// The maps of these points, one a batch size.
    pub fn of(points: &[Point]) -> Vec<Self> {
        let mut batches: Vec<Option<u32>> = points.iter().map(|p| p.batch).collect();
        batches.sort_unstable();
        batches.dedup();
        let of = |batch| Self::one(batch, &points.iter().filter(|p| p.batch == batch).collect::<Vec<_>>());
        batches.into_iter().map(of).collect()
    }

    fn one(batch: Option<u32>, points: &[&Point]) -> Self {
        let (mut coolant_degc, mut budget_w) = (Vec::new(), Vec::new());
        for p in points.iter().filter(|p| p.kind == Kind::Cell) {
            if !coolant_degc.contains(&p.coolant_degc) {
                coolant_degc.push(p.coolant_degc);
            }
            if !budget_w.contains(&p.budget_w) {
                budget_w.push(p.budget_w);
            }
        }
        coolant_degc.sort_by(|a, b| a.unwrap_or(f64::NEG_INFINITY).total_cmp(&b.unwrap_or(f64::NEG_INFINITY)));
        budget_w.sort_by(f64::total_cmp);
        let first = points.iter().map(|p| p.index).min().unwrap_or(0);
        let length = points.iter().map(|p| p.index).max().unwrap_or(0) - first;
        let references: Vec<(f64, f64)> = points
            .iter()
            .filter(|p| p.kind == Kind::Reference && p.status == Status::Measured)
            .filter_map(|p| Some(((p.index - first) as f64, p.figures.get(Figure::PerJoule)?)))
            .collect();
        let drift = Drift::of(&references, length as f64);
        let cell = |coolant: Option<f64>, budget: f64| {
            let here = |p: &&&Point| p.kind == Kind::Cell && p.coolant_degc == coolant && p.budget_w == budget;
            let (measured, refused) = points.iter().filter(here).map(|p| (*p).clone()).partition(|p| p.status == Status::Measured);
            Cell { coolant_degc: coolant, budget_w: budget, measured, refused, drift: drift.map(|d| d.relative) }
        };
        let cells = coolant_degc.iter().map(|t| budget_w.iter().map(|w| cell(*t, *w)).collect()).collect();
        let gaps: Vec<f64> = points.iter().filter_map(|p| p.figures.get(Figure::CounterGap)).collect();
        Self { batch, coolant_degc, budget_w, cells, drift, references: references.len(), counter_gap: Estimate::of(&gaps) }
    }

    /// Power at the level that drew it, by the temperature that was held (`None` where the device is on no plate of ours): means of the places that were measured.
    pub fn draws(&self) -> Vec<DrawRow> {
        let mean = |figure| move |c: &Cell| Some(c.estimate(figure)?.mean);
        let row = |cells: &Vec<Cell>| {
            let figure = if cells.iter().any(|c| c.estimate(Figure::Supply).is_some()) { Figure::Supply } else { Figure::Plate };
            let held: Vec<f64> = cells.iter().filter_map(mean(figure)).collect();
            let held = (!held.is_empty()).then(|| held.iter().sum::<f64>() / held.len() as f64);
            let points = cells.iter().filter_map(|c| Some((mean(Figure::Level)(c)?, mean(Figure::Power)(c)?))).collect();
            (held.or(cells.first().and_then(|c| c.coolant_degc)), points)
        };
        self.cells.iter().map(row).collect()
    }

    /// Every place.
    pub fn all(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().flatten()
    }

    /// Least and most of a figure over the map.
    pub fn range(&self, figure: Figure) -> Option<(f64, f64)> {
        let means = self.all().filter_map(|c| Some(c.estimate(figure)?.mean));
        means.fold(None, |range, v| Some(range.map_or((v, v), |(low, high): (f64, f64)| (low.min(v), high.max(v)))))
    }

    /// What whoever uses the map should hear first.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        match &self.drift {
            None => doubts.push(format!(
                "{} references were measured: three or more are needed to know the session's drift, which is in no interval",
                self.references
            )),
            Some(d) if d.is_seen() => doubts.push(format!(
                "the session drifted by {:+.2} % (95 % ±{:.2} %, n = {}) in work per joule; it is in the intervals",
                d.relative * 100.0,
                d.half_width * 100.0,
                d.n
            )),
            Some(_) => {}
        }
        if let Some(gap) = self.counter_gap.filter(|g| g.mean.abs() > GAP_SEEN_FRAC && !g.holds(0.0)) {
            doubts.push(format!(
                "the energy counter says {:+.1} % against integrated power over {} points: one of the two is wrong, and work per joule is by the counter",
                gap.mean * 100.0,
                gap.n
            ));
        }
        for row in &self.cells {
            doubts.extend(not_rising(row, Figure::Power, "power"));
            doubts.extend(not_rising(row, Figure::Rate, "work rate"));
        }
        doubts
    }
}

/// Where more budget brought less of a figure than the intervals allow.
fn not_rising(row: &[Cell], figure: Figure, what: &str) -> Option<String> {
    let had: Vec<(&Cell, Estimate)> = row.iter().filter_map(|c| Some((c, c.estimate(figure)?))).collect();
    had.windows(2).find_map(|pair| {
        let [(lower, a), (upper, b)] = pair else { return None };
        let wide = a.half_width.unwrap_or(0.0).hypot(b.half_width.unwrap_or(0.0));
        (b.mean < a.mean - wide).then(|| {
            let at = lower.coolant_degc.map_or_else(|| "as it is".to_owned(), |t| format!("at {t} degC"));
            format!(
                "{at} the {what} falls from {:.4} to {:.4} between {} and {} W of budget",
                a.mean, b.mean, lower.budget_w, upper.budget_w
            )
        })
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::design::Design;
    use crate::point::{Energy, Figures};

    /// A session over a card whose work per joule is `truth(temperature, power, place in the order)`, and which cannot pass `limit` W above 50 °C.
    pub(crate) fn session(truth: impl Fn(f64, f64, usize) -> f64, limit: f64) -> Vec<Point> {
        let design = Design {
            coolant_degc: vec![20.0, 40.0, 60.0],
            budget_w: vec![20.0, 40.0, 60.0],
            batches: Vec::new(),
            repeats: 4,
            reference_every: 2,
            setpoint_degc: None,
            seed: 7,
        };
        design
            .order()
            .iter()
            .map(|p| {
                let t = p.coolant_degc.expect("a plate");
                let refused = t > 50.0 && p.budget_w > limit;
                let power = if refused { limit } else { p.budget_w };
                // A scatter of half a per mille that depends on the place only.
                let scatter = 1.0 + 5e-4 * (((p.index * 37) % 11) as f64 / 5.0 - 1.0);
                let per_j = truth(t, power, p.index) * scatter;
                let mut figures = Figures::default();
                for (figure, value) in [
                    (Figure::Power, power),
                    (Figure::PerJoule, per_j),
                    (Figure::Rate, per_j * power),
                    (Figure::Plate, t),
                    (Figure::CounterGap, 0.001),
                ] {
                    figures.set(figure, Some(value));
                }
                Point {
                    index: p.index,
                    segment: 0,
                    utc: String::new(),
                    kind: if p.reference { Kind::Reference } else { Kind::Cell },
                    batch: None,
                    coolant_degc: p.coolant_degc,
                    budget_w: p.budget_w,
                    repeat: p.repeat,
                    status: if refused { Status::NotReachable } else { Status::Measured },
                    energy: Some(Energy::Counter),
                    figures,
                    why: if refused { "the die".into() } else { String::new() },
                }
            })
            .collect()
    }

    fn law(t: f64, w: f64, _: usize) -> f64 {
        10.0 * (1.0 - 0.002 * (t - 20.0)) * (1.0 - 8.0 / w)
    }

    #[test]
    fn the_means_are_those_of_the_law_and_inside_their_intervals() {
        let points = session(law, 45.0);
        let table = &Table::of(&points)[0];
        assert_eq!((table.coolant_degc.len(), table.budget_w.len()), (3, 3));
        for cell in table.all().filter(|c| !c.not_reachable()) {
            let e = cell.estimate(Figure::PerJoule).expect("measured");
            let truth = law(cell.coolant_degc.expect("a plate"), cell.budget_w, 0);
            assert!(e.n == 4 && (e.mean / truth - 1.0).abs() < 6e-4 && e.holds(truth), "{truth}: {e:?}");
        }
        let hot = &table.cells[2][2];
        assert!(hot.not_reachable() && hot.largest_w() == Some(45.0) && hot.why() == Some("the die"));
        assert!(table.doubts().is_empty(), "{:?}", table.doubts());
    }

    /// The negative controls: each way to be wrong is said, and only it.
    #[test]
    fn what_is_wrong_with_a_session_is_said() {
        let drifting = session(|t, w, n| law(t, w, n) * (1.0 - 0.04 * n as f64 / 43.0), 45.0);
        let table = &Table::of(&drifting)[0];
        let drift = table.drift.expect("references");
        assert!((drift.relative + 0.04).abs() < 0.005 && drift.is_seen(), "{drift:?}");
        assert!(table.doubts()[0].contains("drifted by -3.9"), "{:?}", table.doubts());
        // The true value at the middle of the session is inside every interval, which without the drift in it is not so.
        for cell in table.all().filter(|c| !c.not_reachable()) {
            let truth = law(cell.coolant_degc.expect("a plate"), cell.budget_w, 0) * 0.98;
            assert!(cell.estimate(Figure::PerJoule).expect("measured").holds(truth), "{cell:?}");
        }
        let mut lying = session(law, 45.0);
        for (n, p) in lying.iter_mut().enumerate() {
            p.figures.set(Figure::CounterGap, Some(-0.10 + 0.001 * (n % 3) as f64));
        }
        assert!(Table::of(&lying)[0].doubts()[0].contains("energy counter says -9.9 %"), "{:?}", Table::of(&lying)[0].doubts());
        let mut swapped = session(law, 45.0);
        for p in swapped.iter_mut().filter(|p| p.coolant_degc == Some(20.0) && p.budget_w == 60.0) {
            p.figures.set(Figure::Rate, Some(1.0));
        }
        assert!(Table::of(&swapped)[0].doubts().iter().any(|d| d.contains("at 20 degC the work rate falls")));
        let few: Vec<Point> = session(law, 45.0).into_iter().filter(|p| p.kind == Kind::Cell || p.index == 0).collect();
        assert!(Table::of(&few)[0].doubts()[0].contains("1 references"));
    }

    #[test]
    fn nothing_makes_no_table_and_an_unfinished_one_has_gaps() {
        assert!(Table::of(&[]).is_empty());
        let points = session(law, 45.0);
        let some = &Table::of(&points[..8])[0];
        assert!(some.all().any(|c| c.estimate(Figure::PerJoule).is_none()));
    }
}
