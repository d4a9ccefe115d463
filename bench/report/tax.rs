//! The restart tax: what it cost to drop the work's memory in each eclipse and to bring it back, in time, work and energy. Summed up row by row; absent where work
//! kept its memory.
//!
//! What pausing itself costs (the dark) is no part of it. F3 of the claims, `1 - W / (f_sun W_full)`, is the same share where nothing else takes work away.

use crate::energy::{ENOUGH_FRAC, Sums};
use crate::missed::Missed;
use record::{Column, Row};
use serde::{Deserialize, Serialize};
use signal::Place;

/// How work that was not done is known of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Estimate {
    /// Each tick away by the rate that the same run had at the budget of that tick.
    #[serde(rename = "estimate: each tick away at the rate this run had at that tick's power budget")]
    RateAtBudget,
}

/// What it came to over the mission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tax {
    /// Times the work was put away and was brought back or is still away.
    pub pauses: u64,
    /// Time spent putting it away, s.
    pub checkpoint_s: f64,
    /// Time spent bringing it back, s.
    pub restore_s: f64,
    /// Largest checkpoint, MiB; absent without any.
    pub checkpoint_mib: Option<f64>,
    /// Output lost and done again, units.
    pub lost_units: f64,
    /// Input lost and taken in again, units; absent where it is not counted.
    pub lost_input_units: Option<f64>,
    /// Work that the power there was would have done while the work was out of memory, units: an estimate, absent where no rate is known.
    pub missed_units: Option<f64>,
    /// How that was estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed_by: Option<Estimate>,
    /// Lost and missed work over all that would have been done without: the tax as a share of the work, as much an estimate as `missed_units`.
    pub work_frac: Option<f64>,
    /// Energy of the board while work was put away and brought back, and of what was done again, J.
    pub energy_j: Option<f64>,
    /// That over the board's energy of the mission: the tax as a share of the energy.
    pub energy_frac: Option<f64>,
    /// Lost and missed units an orbit.
    pub units_per_orbit: Option<f64>,
    /// That energy an orbit, J.
    pub energy_j_per_orbit: Option<f64>,
}

impl Tax {
    /// Its lines in a summary, beside what was predicted.
    pub fn told(&self, unit: &str, predicted: Option<&Self>) -> String {
        let said = |value: Option<f64>, scale: f64, decimals: usize| {
            value.map_or_else(|| "unknown".to_owned(), |v| format!("{:.decimals$}", v * scale))
        };
        let beside =
            |of: fn(&Self) -> Option<f64>| predicted.and_then(of).map_or(String::new(), |p| format!(" (predicted {:.2})", p * 100.0));
        let size = self.checkpoint_mib.map_or(String::new(), |mib| format!(", {mib:.2} MiB"));
        format!(
            "restart tax about {} % of the work{}, {} % of the energy{}; an orbit {} {unit}s and {} J\n            put away {} times in {:.2} s{size}, back in {:.2} s; {:.0} {unit}s lost and \
             done again,\n            {} not done meanwhile (estimate: each tick away at the rate this had at its power budget)\n",
            said(self.work_frac, 100.0, 2),
            beside(|t| t.work_frac),
            said(self.energy_frac, 100.0, 2),
            beside(|t| t.energy_frac),
            said(self.units_per_orbit, 1.0, 0),
            said(self.energy_j_per_orbit, 1.0, 0),
            self.pauses,
            self.checkpoint_s,
            self.restore_s,
            self.lost_units,
            said(self.missed_units, 1.0, 0),
        )
    }
}

/// A counter's growth while mission time ran.
#[derive(Clone, Copy, Debug, Default)]
struct Grown {
    last: Option<f64>,
    total: Option<f64>,
}

impl Grown {
    fn push(&mut self, value: Option<f64>, flown: bool) {
        let Some(value) = value else { return };
        let grown = self.last.replace(value).filter(|last| flown && value >= *last).map_or(0.0, |last| value - last);
        *self.total.get_or_insert(0.0) += grown;
    }
}

/// Sums it up.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaxMeter {
    place: Option<Place>,
    pauses: u64,
    checkpoint: Grown,
    restore: Grown,
    lost: Grown,
    lost_input: Grown,
    mib: Option<f64>,
    missed: Missed,
}

/// What the whole mission came to, as far as the tax is judged by it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Whole {
    pub(crate) work: Option<f64>,
    pub(crate) sums: Sums,
    /// Orbits flown.
    pub(crate) orbits: Option<f64>,
}

impl TaxMeter {
    /// `flown_s` is how long mission time ran over the tick that ends here. True if work was on its way out or back at either end of it: its energy is the tax's.
    pub(crate) fn push(&mut self, row: &Row, flown_s: Option<f64>) -> bool {
        let flown = flown_s.is_some();
        let Some(place) = row.get(Column::WorkParkState).and_then(Place::of_number) else { return false };
        self.checkpoint.push(row.get(Column::WorkCheckpointS), flown);
        self.restore.push(row.get(Column::WorkRestoreS), flown);
        self.lost.push(row.get(Column::WorkLostUnits), flown);
        self.lost_input.push(row.get(Column::WorkLostInputUnits), flown);
        if let Some(mib) = row.get(Column::WorkCheckpointMib) {
            self.mib = Some(self.mib.map_or(mib, |m| m.max(mib)));
        }
        self.missed.push(row, place, flown_s);
        let was = self.place.replace(place);
        if !flown {
            return false;
        }
        // It may have left within a tick.
        self.pauses += u64::from(was == Some(Place::Memory) && place != Place::Memory);
        let moving = |p: Option<Place>| matches!(p, Some(Place::Leaving | Place::Coming));
        moving(was) || moving(Some(place))
    }

    /// `None` where work kept its memory.
    pub(crate) fn tax(&self, whole: &Whole) -> Option<Tax> {
        self.place?;
        let over = |what: Option<f64>, by: Option<f64>| what.zip(by).filter(|(_, by)| *by > 0.0).map(|(what, by)| what / by);
        let lost_units = self.lost.total.unwrap_or(0.0);
        let restore_s = self.restore.total.unwrap_or(0.0);
        let missed_units = self.missed.units();
        let taxed = missed_units.map(|missed| missed + lost_units);
        // What was lost is in the work that was counted, what was missed is not.
        let without = whole.work.zip(missed_units).map(|(work, missed)| work + missed);
        let sums = &whole.sums;
        let again_j = over(Some(sums.joint.j), sums.work[0]).filter(|_| sums.enough_for_work()).map(|each| each * lost_units);
        // Energy of the way out and back where it is known over enough of it; none is known of no way.
        let (moved, moving_s) = sums.moving;
        let moving_j = (moved.s >= ENOUGH_FRAC * moving_s).then_some(moved.j);
        let energy_j = again_j.zip(moving_j).map(|(again, moving)| again + moving);
        Some(Tax {
            pauses: self.pauses,
            checkpoint_s: self.checkpoint.total.unwrap_or(0.0),
            restore_s,
            checkpoint_mib: self.mib,
            lost_units,
            lost_input_units: self.lost_input.total,
            missed_units,
            missed_by: missed_units.map(|_| Estimate::RateAtBudget),
            work_frac: over(taxed, without),
            energy_j,
            energy_frac: over(energy_j, sums.enough().then_some(sums.known.j)),
            units_per_orbit: over(taxed, whole.orbits),
            energy_j_per_orbit: over(energy_j, whole.orbits),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::RunState;

    /// 100 s of light at 10 units/s and 50 W, of which 20 s are spent coming back from a dark before, in which 5 s were spent writing; 30 units were lost.
    fn meter(lost: f64) -> (TaxMeter, Sums) {
        let (mut meter, mut account) = (TaxMeter::default(), crate::energy::Account::default());
        let (mut energy, mut restore, mut write) = (0.0, 0.0, 0.0);
        for tick in 0..=150_u32 {
            let mut row = Row::new(0, u64::from(tick), f64::from(tick), RunState::Running);
            let (place, light, watts) = match tick {
                30 => (Place::Memory, 0.0, 50.0),
                31..=35 => (Place::Leaving, 0.0, 20.0),
                36..=59 => (Place::Away, 0.0, 10.0),
                60..=79 => (Place::Coming, 1.0, 20.0),
                _ => (Place::Memory, 1.0, 50.0),
            };
            energy += watts;
            restore += f64::from(u8::from(place == Place::Coming));
            write += f64::from(u8::from(place == Place::Leaving));
            row.set(Column::EnvIlluminationFrac, light);
            row.set(Column::WorkUnitsPerS, if place == Place::Memory { 10.0 } else { 0.0 });
            row.set(Column::PowerBudgetW, if light > 0.0 { 50.0 } else { 10.0 });
            row.set(Column::WorkDutyFrac, light);
            row.set(Column::WorkParkState, place.number());
            row.set(Column::WorkCheckpointS, write);
            row.set(Column::WorkRestoreS, restore);
            row.set(Column::WorkLostUnits, if tick > 35 { lost } else { 0.0 });
            let moving = meter.push(&row, (tick > 0).then_some(1.0));
            account.push(crate::energy::Look {
                dt_s: 1.0,
                flown: tick > 0,
                moving,
                counter_j: Some(energy),
                work: crate::energy::Work { out: Some(f64::from(tick)), ..Default::default() },
                ..Default::default()
            });
        }
        (meter, account.sums())
    }

    #[test]
    fn a_dark_by_hand() {
        let (meter, mut sums) = meter(30.0);
        // 6 J a unit.
        sums.joint.j = 6.0 * sums.work[0].expect("counted");
        let whole = Whole { work: Some(1000.0), sums, orbits: Some(0.5) };
        let tax = meter.tax(&whole).expect("it was put away");
        assert_eq!((tax.pauses, tax.checkpoint_s, tax.restore_s, tax.lost_units), (1, 5.0, 20.0, 30.0));
        assert_eq!((tax.missed_units, tax.checkpoint_mib, tax.lost_input_units), (Some(200.0), None, None));
        assert_eq!(tax.work_frac, Some(230.0 / 1200.0));
        // Writing and the tick after it, coming back and the tick after it, and 6 J for each unit again.
        assert_eq!(tax.energy_j, Some(5.0 * 20.0 + 10.0 + 20.0 * 20.0 + 50.0 + 180.0));
        assert_eq!((tax.units_per_orbit, tax.energy_j_per_orbit), (Some(460.0), Some(1480.0)));
    }

    #[test]
    fn work_that_stays_pays_none_and_what_is_unknown_is_absent() {
        let mut stays = TaxMeter::default();
        assert!(!stays.push(&Row::new(0, 0, 0.0, RunState::Running), Some(1.0)));
        assert_eq!(stays.tax(&Whole::default()), None);
        let tax = meter(0.0).0.tax(&Whole::default()).expect("it was put away");
        assert_eq!((tax.work_frac, tax.energy_j, tax.energy_frac, tax.units_per_orbit), (None, None, None, None));
    }
}
