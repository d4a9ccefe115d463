//! Which points a map has, and in which order they are measured.
//!
//! A temperature is slow to change, a power is quick: each repeat goes through all temperatures in an order of its own, and at each
//! temperature through all powers in an order of its own (a split-plot design). A reference point comes back between temperatures. Orders are
//! drawn by seed until neither factor follows time: what drifts then looks like scatter and like a moving reference, not like an effect.

use model::philox::philox;

/// The reference is measured at the temperature nearest to this one, °C: most rigs hold it at any power.
const REFERENCE_DEGC: f64 = 30.0;
/// Largest rank correlation between time and a factor that an order may have.
pub const MOST_CORRELATION: f64 = 0.3;
/// Draws before the best one so far is taken; of few points none may do.
const DRAWS: u64 = 500;

/// What is to be measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    /// Temperatures of the coolant (the rig's plate), °C, ascending; empty where the device is on no plate of ours.
    pub coolant_degc: Vec<f64>,
    /// Budgets, W, ascending.
    pub budget_w: Vec<f64>,
    /// Batch sizes, each measured in a block of its own; empty where the work has none to choose.
    pub batches: Vec<u32>,
    /// Times each point is measured.
    pub repeats: u32,
    /// The reference comes back before every so many temperatures.
    pub reference_every: u32,
    /// Lowest and highest temperature that can be asked of the rig, °C: what lies outside is no reference.
    pub setpoint_degc: Option<(f64, f64)>,
    /// Draws the order.
    pub seed: u64,
}

/// One point in the order of measuring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Planned {
    /// Place in the order, from 0.
    pub index: usize,
    /// Batch size.
    pub batch: Option<u32>,
    /// Temperature asked for, °C; `None` where there is no plate to ask.
    pub coolant_degc: Option<f64>,
    /// Budget, W.
    pub budget_w: f64,
    /// Which repeat, from 1; of the reference, which visit.
    pub repeat: u32,
    /// It is the reference.
    pub reference: bool,
}

impl Design {
    /// The points in the order of measuring. The same design always has the same order.
    pub fn order(&self) -> Vec<Planned> {
        let mut points = Vec::new();
        let blocks: Vec<Option<u32>> = if self.batches.is_empty() { vec![None] } else { self.batches.iter().copied().map(Some).collect() };
        for (number, batch) in blocks.into_iter().enumerate() {
            points.extend(self.block(number as u64, batch));
        }
        for (index, point) in points.iter_mut().enumerate() {
            point.index = index;
        }
        points
    }

    /// The best of many draws of one block.
    fn block(&self, number: u64, batch: Option<u32>) -> Vec<Planned> {
        let mut best: Option<(f64, Vec<Planned>)> = None;
        for draw in 0..DRAWS {
            let points = self.draw(number, draw, batch);
            let worst = correlations(&points).into_iter().flatten().fold(0.0_f64, |worst, rho| worst.max(rho.abs()));
            if best.as_ref().is_none_or(|(before, _)| worst < *before) {
                best = Some((worst, points));
            }
            if worst <= MOST_CORRELATION {
                break;
            }
        }
        best.map(|(_, points)| points).unwrap_or_default()
    }

    fn draw(&self, block: u64, draw: u64, batch: Option<u32>) -> Vec<Planned> {
        let mut dice = Dice { seed: self.seed, stream: block << 32 | draw, next: 0 };
        let temperatures: Vec<Option<f64>> =
            if self.coolant_degc.is_empty() { vec![None] } else { self.coolant_degc.iter().copied().map(Some).collect() };
        let reference = self.reference();
        let mut visits = 0;
        let mut visit = || {
            visits += 1;
            Planned { index: 0, batch, coolant_degc: reference.0, budget_w: reference.1, repeat: visits, reference: true }
        };
        let mut points = Vec::new();
        let mut plots = 0;
        for repeat in 1..=self.repeats {
            for coolant_degc in dice.shuffled(&temperatures) {
                if plots % self.reference_every.max(1) == 0 {
                    points.push(visit());
                }
                // What the rig cannot be asked for takes no time, and is no distance between references.
                plots += u32::from(self.askable(coolant_degc));
                let budgets = dice.shuffled(&self.budget_w);
                points.extend(budgets.into_iter().map(|budget_w| Planned {
                    index: 0,
                    batch,
                    coolant_degc,
                    budget_w,
                    repeat,
                    reference: false,
                }));
            }
        }
        points.push(visit());
        // A plot that took no time leaves two references in a row.
        points.dedup_by(|a, b| a.reference && b.reference);
        points
    }

    fn askable(&self, coolant_degc: Option<f64>) -> bool {
        coolant_degc.zip(self.setpoint_degc).is_none_or(|(t, (low, high))| (low..=high).contains(&t))
    }

    /// Temperature and budget of the reference: near 30 °C, at the highest power.
    pub fn reference(&self) -> (Option<f64>, f64) {
        let askable = self.coolant_degc.iter().copied().filter(|t| self.askable(Some(*t)));
        let nearest = askable.min_by(|a, b| (a - REFERENCE_DEGC).abs().total_cmp(&(b - REFERENCE_DEGC).abs()));
        (nearest, self.budget_w.last().copied().unwrap_or(f64::NAN))
    }
}

/// Spearman's rank correlation of the place in the order with temperature and with power, references left out; `None` where a factor has one
/// value only. An order that was not drawn at random shows here.
pub fn correlations(points: &[Planned]) -> [Option<f64>; 2] {
    let cells: Vec<&Planned> = points.iter().filter(|p| !p.reference).collect();
    let time: Vec<f64> = (0..cells.len()).map(|n| n as f64).collect();
    let coolant: Vec<f64> = cells.iter().map(|p| p.coolant_degc.unwrap_or(0.0)).collect();
    let budget: Vec<f64> = cells.iter().map(|p| p.budget_w).collect();
    [spearman(&time, &coolant), spearman(&time, &budget)]
}

/// Spearman's rank correlation; ties share their mean rank.
fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    let (x, y) = (ranks(x), ranks(y));
    let n = x.len() as f64;
    let mean = f64::midpoint(n, 1.0);
    let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let (xx, yy) = (sum(&x, &x), sum(&y, &y));
    (xx > 0.0 && yy > 0.0).then(|| sum(&x, &y) / (xx * yy).sqrt())
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let below = |v: f64| values.iter().filter(|w| **w < v).count() as f64;
    let same = |v: f64| values.iter().filter(|w| **w == v).count() as f64;
    values.iter().map(|v| below(*v) + f64::midpoint(same(*v), 1.0)).collect()
}

/// Random numbers of one draw.
struct Dice {
    seed: u64,
    stream: u64,
    next: u64,
}

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        let word = philox([self.next, self.stream, 0, 0], [self.seed, 1])[0];
        self.next += 1;
        // Of a handful of choices the bias of a 64-bit remainder is nothing.
        (word % n.max(1) as u64) as usize
    }

    /// Fisher and Yates.
    fn shuffled<T: Clone>(&mut self, items: &[T]) -> Vec<T> {
        let mut items = items.to_vec();
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
        items
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn design(seed: u64) -> Design {
        Design {
            coolant_degc: vec![10.0, 20.0, 30.0, 43.0, 56.0, 65.0, 73.0, 83.0],
            budget_w: vec![16.0, 30.0, 44.0, 58.0, 72.0],
            batches: Vec::new(),
            repeats: 4,
            reference_every: 2,
            setpoint_degc: Some((5.0, 60.0)),
            seed,
        }
    }

    proptest! {
        /// Every point as often as asked, whatever the seed; the order is the seed's and is not sorted by anything.
        #[test]
        fn every_point_is_there_and_no_factor_follows_time(seed in 0_u64..1_000_000) {
            let design = design(seed);
            let order = design.order();
            prop_assert_eq!(&order, &design.order());
            for t in &design.coolant_degc {
                for w in &design.budget_w {
                    let there = order.iter().filter(|p| !p.reference && p.coolant_degc == Some(*t) && p.budget_w == *w);
                    let repeats: std::collections::BTreeSet<u32> = there.clone().map(|p| p.repeat).collect();
                    prop_assert_eq!((there.count(), repeats.len()), (4, 4));
                }
            }
            prop_assert!(order.iter().enumerate().all(|(n, p)| p.index == n));
            for rho in correlations(&order) {
                prop_assert!(rho.is_some_and(|rho| rho.abs() <= MOST_CORRELATION), "{:?}", correlations(&order));
            }
        }
    }

    #[test]
    fn references_run_through_the_whole_session() {
        let order = design(1).order();
        let places: Vec<usize> = order.iter().filter(|p| p.reference).map(|p| p.index).collect();
        assert!(places[0] == 0 && places.last() == Some(&(order.len() - 1)) && places.len() >= 9, "{places:?}");
        let reference = order[0];
        assert_eq!((reference.coolant_degc, reference.budget_w), (Some(30.0), 72.0));
        let visits: Vec<u32> = order.iter().filter(|p| p.reference).map(|p| p.repeat).collect();
        assert!(visits.is_sorted() && order.windows(2).all(|w| !(w[0].reference && w[1].reference)), "{visits:?}");
    }

    /// The negative control: an order that was sorted instead of drawn is seen.
    #[test]
    fn an_order_that_is_not_random_is_seen() {
        let mut sorted = design(1).order();
        sorted.retain(|p| !p.reference);
        sorted.sort_by(|a, b| a.coolant_degc.partial_cmp(&b.coolant_degc).expect("numbers").then(a.budget_w.total_cmp(&b.budget_w)));
        assert!(correlations(&sorted)[0].expect("temperatures") > 0.95);
        sorted.sort_by(|a, b| b.budget_w.total_cmp(&a.budget_w));
        assert!(correlations(&sorted)[1].expect("powers") < -0.95);
    }

    #[test]
    fn a_device_on_no_plate_has_one_row_and_batches_have_their_blocks() {
        let order = Design { coolant_degc: Vec::new(), batches: vec![1, 32], setpoint_degc: None, ..design(3) }.order();
        assert!(order.iter().all(|p| p.coolant_degc.is_none()));
        let first = order.iter().position(|p| p.batch == Some(32)).expect("a second block");
        assert!(order[..first].iter().all(|p| p.batch == Some(1)) && order[first..].iter().all(|p| p.batch == Some(32)));
        assert!(order[first].reference && order[first - 1].reference);
        assert_eq!(correlations(&order)[0], None, "one value correlates with nothing");
    }
}
