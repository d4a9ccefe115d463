//! Work that was not done while it was out of memory: an estimate, of each tick away at the rate that this very run had at the budget of that tick.
//!
//! Rates are of ticks in memory at budgets that stood, interpolated in what the board was held to its budget by: the duty, from none at none, or else the budget itself, from none
//! where nothing may work. What such an estimate does not know: a die that cooled meanwhile
//! works a little better, and a battery that was spared meanwhile may give back later what the array could not.

use record::{Column, Row};
use signal::Place;
use std::collections::BTreeMap;

/// Budgets that differ by less than this part are one.
const WIDTH_FRAC: f64 = 0.02;
/// A rate is known at a budget that was worked at for so long, s: thirty periods of pacing, batches in any of which may fall to either side.
const KNOWN_S: f64 = 60.0;

/// Time at one budget, and the integrals of budget, duty and rate over it.
#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    s: f64,
    power: f64,
    duty: f64,
    rate: f64,
}

impl Bin {
    fn add(&mut self, s: f64, power: f64, duty: f64, rate: f64) {
        (self.s, self.power) = (self.s + s, self.power + power * s);
        (self.duty, self.rate) = (self.duty + duty * s, self.rate + rate * s);
    }

    /// Mean of what the board was held to its budget by.
    fn held_by(&self, paced: bool) -> f64 {
        if paced { self.duty / self.s } else { self.power / self.s }
    }
}

/// The row before, whose commands are those of the tick that ends at this one.
#[derive(Clone, Copy, Debug)]
struct Before {
    budget_w: Option<f64>,
    /// The budget was the same a tick before.
    stood: bool,
    /// The law let it work this part of the time.
    duty: f64,
    in_memory: bool,
    units: Option<f64>,
}

/// Sums it up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Missed {
    rates: BTreeMap<i64, Bin>,
    away: BTreeMap<i64, Bin>,
    /// Duty was part of the time: the work is paced.
    paced: bool,
    /// Highest budget at which nothing might work, W.
    nothing_w: Option<f64>,
    /// Work that was done in ticks that ended or began away.
    done: f64,
    before: Option<Before>,
    /// Least budget in the present dark since the work is away, and the duty of it.
    least: Option<(f64, f64)>,
}

fn bin(power_w: f64) -> Option<i64> {
    (power_w > 0.0 && power_w.is_finite()).then(|| (power_w.ln() / WIDTH_FRAC).floor() as i64)
}

impl Missed {
    /// Takes in the next row whose work is in `place`; mission time ran for `flown_s` before it, if at all.
    pub(crate) fn push(&mut self, row: &Row, place: Place, flown_s: Option<f64>) {
        let budget_w = row.get(Column::PowerBudgetW);
        let alike = |a: f64, b: f64| (a / b - 1.0).abs() <= WIDTH_FRAC;
        let duty = row.get(Column::WorkDutyFrac);
        let now = Before {
            budget_w,
            stood: self.before.and_then(|b| b.budget_w).zip(budget_w).is_some_and(|(before, now)| alike(before, now)),
            duty: duty.unwrap_or(0.0),
            in_memory: place == Place::Memory,
            units: row.get(Column::WorkUnits),
        };
        self.paced |= now.duty > 0.0 && now.duty < 1.0;
        if let Some(w) = budget_w.filter(|_| duty == Some(0.0)) {
            self.nothing_w = Some(self.nothing_w.map_or(w, |most| most.max(w)));
        }
        let Some((before, dt_s)) = self.before.replace(now).zip(flown_s) else { return };
        let Some(budget_w) = before.budget_w else { return };
        if before.in_memory && now.in_memory {
            self.least = None;
            if let (Some(rate), Some(key), true) = (row.get(Column::WorkUnitsPerS), bin(budget_w), before.stood) {
                self.rates.entry(key).or_default().add(dt_s, budget_w, before.duty, rate);
            }
            return;
        }
        self.done += now.units.zip(before.units).map_or(0.0, |(now, before)| (now - before).max(0.0));
        // What a battery grants in the dark and nobody takes, it grants again: it is there once.
        let dark = row.get(Column::EnvIlluminationFrac) == Some(0.0) && !before.in_memory;
        let granted = (budget_w, before.duty);
        self.least = dark.then(|| self.least.filter(|least| least.0 <= budget_w).unwrap_or(granted));
        let (budget_w, duty) = self.least.unwrap_or(granted);
        if let Some(key) = bin(budget_w).filter(|_| duty > 0.0) {
            self.away.entry(key).or_default().add(dt_s, budget_w, duty, 0.0);
        }
    }

    /// Units, so far; `None` where no rate was seen.
    pub(crate) fn units(&self) -> Option<f64> {
        let known = |least_s: f64| -> Vec<(f64, f64)> {
            self.rates.values().filter(|b| b.s >= least_s && b.rate > 0.0).map(|b| (b.held_by(self.paced), b.rate / b.s)).collect()
        };
        // Of a short flight what there is.
        let mut curve = Some(known(KNOWN_S)).filter(|c| !c.is_empty()).unwrap_or_else(|| known(0.0));
        curve.sort_by(|a, b| a.0.total_cmp(&b.0));
        let first = curve.first()?.0;
        let nothing = if self.paced { Some(0.0) } else { self.nothing_w };
        if let Some(none) = nothing.filter(|none| *none < first) {
            curve.insert(0, (none, 0.0));
        }
        let asked: f64 = self.away.values().map(|b| rate_at(&curve, b.held_by(self.paced)) * b.s).sum();
        Some((asked - self.done).max(0.0))
    }
}

/// On a curve that rises: in a line between two points, the nearest one outside.
fn rate_at(curve: &[(f64, f64)], at: f64) -> f64 {
    let after = curve.partition_point(|p| p.0 <= at);
    match (after.checked_sub(1).map(|k| curve[k]), curve.get(after)) {
        (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (at - a.0) / (b.0 - a.0),
        (Some(only), None) => only.1,
        (None, only) => only.map_or(0.0, |p| p.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::RunState;

    /// Ticks of 2 s as `(place, budget of the tick that follows, light, rate of the one before, units)`.
    fn missed(paced: bool, course: &[(Place, f64, f64, f64, f64)]) -> Option<f64> {
        let mut missed = Missed::default();
        for (tick, (place, budget, light, rate, units)) in course.iter().enumerate() {
            let mut row = Row::new(0, tick as u64, tick as f64 * 2.0, RunState::Running);
            row.set(Column::PowerBudgetW, *budget);
            row.set(Column::WorkDutyFrac, if paced { (budget - 16.0) / 56.0 } else { f64::from(u8::from(*budget > 16.0)) });
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
        for paced in [false, true] {
            let course = [light(0.0), light(200.0), light(400.0), (Memory, 16.0, 0.0, 100.0, 600.0), dark, dark];
            let back = [(Coming, 44.0, 0.5, 0.0, 600.0), (Coming, 72.0, 1.0, 0.0, 600.0), (Memory, 72.0, 1.0, 10.0, 620.0), light(820.0)];
            assert_eq!(missed(paced, &[&course[..], &back].concat()), Some(2.0 * 50.0 + 2.0 * 100.0 - 20.0));
            // In a dark that a battery lights a little, what was not taken is not granted twice: 23 W of the first tick, not the 30 and 44 that come of it.
            let lit = |w| (Away, w, 0.0, 0.0, 600.0);
            let told =
                missed(paced, &[&course[..4], &[lit(23.0), lit(30.0), lit(44.0), (Away, 16.0, 0.0, 0.0, 600.0)]].concat()).expect("rates");
            assert!((told - 3.0 * 2.0 * 12.5).abs() < 1e-9, "{told}");
            // A rate that was seen for a few seconds only is not gone by, where others are.
            let long = [light(0.0); 40];
            let odd = [
                (Memory, 23.0, 0.0, 100.0, 0.0),
                (Memory, 23.0, 0.0, 0.0, 0.0),
                (Memory, 23.0, 0.0, 99.0, 0.0),
                (Away, 23.0, 0.0, 0.0, 0.0),
                (Away, 23.0, 0.0, 0.0, 0.0),
            ];
            let told = missed(paced, &[&course[3..4], &long, &odd].concat()).expect("rates");
            assert!((told - 2.0 * 2.0 * 12.5).abs() < 1e-9, "{told}");
        }
    }

    #[test]
    fn rates_while_the_budget_moves_are_none_of_it_and_without_any_nothing_is_told() {
        use Place::{Coming, Memory};
        assert_eq!(missed(true, &[(Coming, 72.0, 1.0, 0.0, 0.0), (Coming, 72.0, 1.0, 0.0, 0.0)]), None);
        // Late by a tick: 100 units/s are told at 44 W, which would be twice too much.
        let falls =
            [(72.0, 100.0), (72.0, 100.0), (72.0, 100.0), (44.0, 100.0), (16.0, 100.0)].map(|(w, rate)| (Memory, w, 1.0, rate, 0.0));
        let told = missed(true, &[&falls[..], &[(Coming, 44.0, 1.0, 0.0, 0.0), (Coming, 16.0, 1.0, 0.0, 0.0)]].concat());
        assert_eq!(told, Some(100.0));
    }
}
