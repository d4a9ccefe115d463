//! Work that was not done while it was out of memory: an estimate, of each tick away at the rate that this very run had at the budget of that tick.
//!
//! Rates are of ticks in memory at budgets that stood, interpolated in power, from none at the idle board's. What such an estimate does not know: a die that cooled meanwhile
//! works a little better, and a battery that was spared meanwhile may give back later what the array could not.

use record::{Column, Row};
use signal::Place;
use std::collections::BTreeMap;

/// Budgets that differ by less than this part are one.
const WIDTH_FRAC: f64 = 0.02;

/// Sums over one budget: the budget's and the rate's, by weight.
#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    power: f64,
    rate: f64,
    weight: f64,
}

/// The row before, whose commands are those of the tick that ends at this one.
#[derive(Clone, Copy, Debug)]
struct Before {
    budget_w: Option<f64>,
    /// The budget was the same a tick before.
    stood: bool,
    /// The law let it work.
    works: bool,
    in_memory: bool,
    units: Option<f64>,
}

/// Sums it up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Missed {
    rates: BTreeMap<i64, Bin>,
    away: BTreeMap<i64, Bin>,
    /// Lowest budget there was: an idle board's.
    idle_w: Option<f64>,
    /// Work that was done in ticks that ended or began away.
    done: f64,
    before: Option<Before>,
    /// Least budget in the present dark since the work is away.
    least_w: Option<f64>,
}

fn bin(power_w: f64) -> Option<i64> {
    (power_w > 0.0 && power_w.is_finite()).then(|| (power_w.ln() / WIDTH_FRAC).floor() as i64)
}

impl Missed {
    /// Takes in the next row whose work is in `place`; mission time ran for `flown_s` before it, if at all.
    pub(crate) fn push(&mut self, row: &Row, place: Place, flown_s: Option<f64>) {
        let budget_w = row.get(Column::PowerBudgetW);
        let alike = |a: f64, b: f64| (a / b - 1.0).abs() <= WIDTH_FRAC;
        let now = Before {
            budget_w,
            stood: self.before.and_then(|b| b.budget_w).zip(budget_w).is_some_and(|(before, now)| alike(before, now)),
            works: row.get(Column::WorkDutyFrac).is_some_and(|duty| duty > 0.0),
            in_memory: place == Place::Memory,
            units: row.get(Column::WorkUnits),
        };
        if let Some(w) = budget_w {
            self.idle_w = Some(self.idle_w.map_or(w, |least| least.min(w)));
        }
        let Some((before, dt_s)) = self.before.replace(now).zip(flown_s) else { return };
        let Some(budget_w) = before.budget_w else { return };
        if before.in_memory && now.in_memory {
            self.least_w = None;
            if let (Some(rate), Some(key), true) = (row.get(Column::WorkUnitsPerS), bin(budget_w), before.stood) {
                let sums = self.rates.entry(key).or_default();
                (sums.power, sums.rate, sums.weight) = (sums.power + budget_w * dt_s, sums.rate + rate * dt_s, sums.weight + dt_s);
            }
            return;
        }
        self.done += now.units.zip(before.units).map_or(0.0, |(now, before)| (now - before).max(0.0));
        // What a battery grants in the dark and nobody takes, it grants again: it is there once.
        let dark = row.get(Column::EnvIlluminationFrac) == Some(0.0);
        self.least_w = (dark && !before.in_memory).then(|| self.least_w.map_or(budget_w, |least| least.min(budget_w)));
        let budget_w = self.least_w.unwrap_or(budget_w);
        if let Some(key) = bin(budget_w).filter(|_| before.works) {
            let sums = self.away.entry(key).or_default();
            (sums.power, sums.weight) = (sums.power + budget_w * dt_s, sums.weight + dt_s);
        }
    }

    /// Units, so far; `None` where no rate was seen.
    pub(crate) fn units(&self) -> Option<f64> {
        let mut curve: Vec<(f64, f64)> = self.rates.values().map(|b| (b.power / b.weight, b.rate / b.weight)).collect();
        curve.iter().any(|(_, rate)| *rate > 0.0).then_some(())?;
        if let Some(idle_w) = self.idle_w.filter(|idle_w| *idle_w < curve[0].0) {
            curve.insert(0, (idle_w, 0.0));
        }
        let asked: f64 = self.away.values().map(|b| rate_at(&curve, b.power / b.weight) * b.weight).sum();
        Some((asked - self.done).max(0.0))
    }
}

/// On a curve of powers that rise: in a line between two points, the nearest one outside.
fn rate_at(curve: &[(f64, f64)], power_w: f64) -> f64 {
    let after = curve.partition_point(|p| p.0 <= power_w);
    match (after.checked_sub(1).map(|k| curve[k]), curve.get(after)) {
        (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (power_w - a.0) / (b.0 - a.0),
        (Some(only), None) => only.1,
        (None, only) => only.map_or(0.0, |p| p.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::RunState;

    /// Ticks of 2 s as `(place, budget of the tick that follows, light, rate of the one before, units)`.
    fn missed(course: &[(Place, f64, f64, f64, f64)]) -> Option<f64> {
        let mut missed = Missed::default();
        for (tick, (place, budget, light, rate, units)) in course.iter().enumerate() {
            let mut row = Row::new(0, tick as u64, tick as f64 * 2.0, RunState::Running);
            row.set(Column::PowerBudgetW, *budget);
            row.set(Column::WorkDutyFrac, if *budget > 16.0 { 0.5 } else { 0.0 });
            row.set(Column::EnvIlluminationFrac, *light);
            row.set(Column::WorkUnitsPerS, *rate);
            row.set(Column::WorkUnits, *units);
            missed.push(&row, *place, (tick > 0).then_some(2.0));
        }
        missed.units()
    }

    #[test]
    fn each_tick_away_is_charged_at_the_rate_of_its_own_budget() {
        use Place::{Away, Coming, Memory};
        let light = |units| (Memory, 72.0, 1.0, 100.0, units);
        let dark = (Away, 16.0, 0.0, 0.0, 600.0);
        // Idle at 16 W, so 44 W are 50 units/s; of the tick in which it comes back 20 units were done.
        let course = [light(0.0), light(200.0), light(400.0), (Memory, 16.0, 0.0, 100.0, 600.0), dark, dark];
        let back = [(Coming, 44.0, 0.5, 0.0, 600.0), (Coming, 72.0, 1.0, 0.0, 600.0), (Memory, 72.0, 1.0, 10.0, 620.0), light(820.0)];
        assert_eq!(missed(&[&course[..], &back].concat()), Some(2.0 * 50.0 + 2.0 * 100.0 - 20.0));
        // In a dark that a battery lights a little, what was not taken is not granted twice: 23 W of the first tick, not the 30 and 44 that come of it.
        let lit = |w| (Away, w, 0.0, 0.0, 600.0);
        let told = missed(&[&course[..4], &[lit(23.0), lit(30.0), lit(44.0), (Away, 16.0, 0.0, 0.0, 600.0)]].concat()).expect("rates");
        assert!((told - 3.0 * 2.0 * 12.5).abs() < 1e-9, "{told}");
    }

    #[test]
    fn rates_while_the_budget_moves_are_none_of_it_and_without_any_nothing_is_told() {
        use Place::{Coming, Memory};
        assert_eq!(missed(&[(Coming, 72.0, 1.0, 0.0, 0.0), (Coming, 72.0, 1.0, 0.0, 0.0)]), None);
        // Late by a tick: 100 units/s are told at 44 W, which would be twice too much.
        let falls =
            [(72.0, 100.0), (72.0, 100.0), (72.0, 100.0), (44.0, 100.0), (16.0, 100.0)].map(|(w, rate)| (Memory, w, 1.0, rate, 0.0));
        let told = missed(&[&falls[..], &[(Coming, 44.0, 1.0, 0.0, 0.0), (Coming, 16.0, 1.0, 0.0, 0.0)]].concat());
        assert_eq!(told, Some(100.0));
    }
}
