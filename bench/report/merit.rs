//! Figures of merit of a run, summed up row by row: what was done, on which energy, per kilogram of flight cooling, and how complete
//! the record is. What was never measured stays absent.

use crate::accounts::{Accounts, Energy};
use crate::tax::{Tax, TaxMeter, Whole};
use record::{Column, Row};
use serde::{Deserialize, Serialize};
use signal::{RunState, Source, Tick};

/// Smallest and largest value seen while mission time ran.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

/// What was asked of something that stands for the Sun or the array, and what it gave, over the rows that have both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// Such rows.
    pub rows: u64,
    /// Mean of what was asked: short-circuit current of an array, A; part of one sun of a lamp.
    pub asked: f64,
    /// Mean of what was measured: current of an array, A; power of a lamp, W.
    pub gave: f64,
    /// Rows in which an array gave more than a fiftieth beyond its short-circuit current, which none can: it does not follow.
    pub beyond: u64,
    /// Rows in the dark in which something was given all the same.
    pub lit_in_the_dark: u64,
}

/// How complete a record is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Completeness {
    /// Ticks from the first row to the last.
    pub ticks: u64,
    /// Rows there are.
    pub rows: u64,
    /// Rows in which nothing was read.
    pub gaps: u64,
    /// Gaps and absent rows over ticks.
    pub gap_frac: f64,
    /// Rows in which mission time was running.
    pub running: u64,
    /// Of those, rows in which the rig could not follow the model.
    pub limited: u64,
    /// Limited over running rows.
    pub limited_frac: f64,
}

/// What a run came to. Times are bench seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Until mission time began; absent if it never did.
    pub staging_s: Option<f64>,
    /// Mission time flown.
    pub mission_s: Option<f64>,
    /// Held by an operator.
    pub held_s: f64,
    /// Suspended by a condition.
    pub suspended_s: f64,
    /// Part of mission time in sunlight, penumbra in proportion.
    pub sunlit_frac: Option<f64>,
    /// Work done over the mission as it was counted: what was lost with dropped memory and done again is in it twice.
    pub work_units: Option<f64>,
    /// Work taken in over the mission, such as tokens of prompts; apart from what is put out.
    pub work_input_units: Option<f64>,
    /// Of that, useful: less what was lost and done again. The same where work keeps its memory.
    #[serde(default)]
    pub useful_units: Option<f64>,
    /// Mean rate over the mission, units/s; of what is put out and counted.
    pub work_units_per_s: Option<f64>,
    /// Mean rate of what is taken in, units/s.
    pub input_units_per_s: Option<f64>,
    /// Mean rate on rows in full sunlight, units/s.
    pub sunlit_units_per_s: Option<f64>,
    /// Mean rate on rows in umbra, units/s.
    pub eclipsed_units_per_s: Option<f64>,
    /// Energy of the accelerator's board.
    pub energy: Energy,
    /// Mean board power, W: energy over the time it is of; absent where that is less than 95 % of the mission.
    pub power_w: Option<f64>,
    /// Useful work per joule of the board, over the time in which both are known; absent where that is less than 95 % of the mission, energy is in dispute, or the work
    /// is not known to be where the energy is measured.
    pub units_per_j: Option<f64>,
    /// The same of all that was counted, what was lost and done again included.
    #[serde(default)]
    pub counted_units_per_j: Option<f64>,
    /// Useful work taken in per energy, units/J. The same energy as in `units_per_j`: the two are not to be added up as if each had its own.
    pub input_units_per_j: Option<f64>,
    /// Mass of what flies to cool one accelerator, kg.
    pub flight_cooling_kg: Option<f64>,
    /// Mean rate of useful work over that mass, units/(s kg).
    pub units_per_s_per_cooling_kg: Option<f64>,
    /// Mean board power over that mass, W/kg.
    pub w_per_cooling_kg: Option<f64>,
    /// Coolant entering the flight model's cold plate, °C.
    pub supply_degc: Option<Range>,
    /// Accelerator die, °C.
    pub die_degc: Option<Range>,
    /// Farthest the servoed temperature was from its setpoint on rows that are not limited, K, with its sign.
    pub worst_tracking_k: Option<f64>,
    /// The solar-array simulator, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<Shown>,
    /// The sun lamp, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lamp: Option<Shown>,
    /// What it cost to put the work away in eclipses; absent where it kept its memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_tax: Option<Tax>,
    /// Energy into the Peltier bank, J: test support, in no figure above.
    pub test_support_j: Option<f64>,
}

impl Figures {
    /// Some work was lost with dropped memory and done again: counted and useful work differ.
    pub fn lost_any(&self) -> bool {
        self.work_units.zip(self.useful_units).is_some_and(|(counted, useful)| useful < counted)
    }
}

/// A counter that may restart, summed over mission time only.
#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    last: Option<f64>,
    total: Option<f64>,
}

impl Meter {
    fn push(&mut self, value: Option<f64>, flown: bool) {
        let Some(value) = value else { return };
        // A counter that ran backwards was reset: what it counted in between is unknown.
        if let Some(last) = self.last.filter(|last| flown && value >= *last) {
            *self.total.get_or_insert(0.0) += value - last;
        }
        self.last = Some(value);
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    n: u64,
}

impl Mean {
    fn push(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.n += 1;
        }
    }

    fn value(self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }
}

/// Sums rows up.
#[derive(Clone, Debug)]
pub struct Merit {
    dt_s: f64,
    source: Source,
    servoed: Column,
    /// The work is not known to be where the accelerator's energy is measured.
    apart: bool,
    segment: Option<u32>,
    ticks: Option<(Tick, Tick)>,
    rows: u64,
    gaps: u64,
    running: u64,
    limited: u64,
    staging: u64,
    held: u64,
    suspended: u64,
    mission_s: Option<f64>,
    work: Meter,
    work_input: Meter,
    lost: Meter,
    energy: Accounts,
    sunlight: Mean,
    rate_sunlit: Mean,
    rate_eclipsed: Mean,
    supply: Option<Range>,
    die: Option<Range>,
    worst_tracking_k: Option<f64>,
    array: Shine,
    lamp: Shine,
    support_w: Mean,
    tax: TaxMeter,
    period_s: Option<f64>,
}

/// Sums of what was asked of an output and what it gave.
#[derive(Clone, Copy, Debug, Default)]
struct Shine {
    asked: Mean,
    gave: Mean,
    beyond: u64,
    lit_in_the_dark: u64,
}

impl Shine {
    /// `most` is the largest that can be given for each of what is asked.
    fn push(&mut self, asked: Option<f64>, gave: Option<f64>, most: f64) {
        let Some((asked, gave)) = asked.zip(gave) else { return };
        self.asked.push(Some(asked));
        self.gave.push(Some(gave));
        self.beyond += u64::from(asked > 0.0 && gave > asked * most * 1.02);
        self.lit_in_the_dark += u64::from(asked == 0.0 && gave > DARK);
    }

    fn shown(self) -> Option<Shown> {
        let (asked, gave) = self.asked.value().zip(self.gave.value())?;
        Some(Shown { rows: self.asked.n, asked, gave, beyond: self.beyond, lit_in_the_dark: self.lit_in_the_dark })
    }
}

/// Less than this is nothing, A or W.
const DARK: f64 = 0.05;

impl Merit {
    /// For rows of `dt_s` bench seconds each.
    pub fn new(dt_s: f64) -> Self {
        const METER: Meter = Meter { last: None, total: None };
        const MEAN: Mean = Mean { sum: 0.0, n: 0 };
        const SHINE: Shine = Shine { asked: MEAN, gave: MEAN, beyond: 0, lit_in_the_dark: 0 };
        Self {
            dt_s,
            source: Source::Accelerator,
            servoed: Column::RigPlateDegc,
            apart: false,
            segment: None,
            ticks: None,
            rows: 0,
            gaps: 0,
            running: 0,
            limited: 0,
            staging: 0,
            held: 0,
            suspended: 0,
            mission_s: None,
            work: METER,
            work_input: METER,
            lost: METER,
            energy: Accounts::default(),
            sunlight: MEAN,
            rate_sunlit: MEAN,
            rate_eclipsed: MEAN,
            supply: None,
            die: None,
            worst_tracking_k: None,
            array: SHINE,
            lamp: SHINE,
            support_w: MEAN,
            tax: TaxMeter::default(),
            period_s: None,
        }
    }

    /// The same with energy by this source, on a rig that servoes this column.
    #[must_use]
    pub fn by(self, source: Source, servoed: Column) -> Self {
        Self { source, servoed, ..self }
    }

    /// The same of work that is not known to be where the accelerator's energy is measured, if it is not: then it is no work per that.
    #[must_use]
    pub fn apart(self, apart: bool) -> Self {
        Self { apart, ..self }
    }

    /// The same on an orbit of this length; what is given an orbit is absent without.
    #[must_use]
    pub fn around(self, period_s: Option<f64>) -> Self {
        Self { period_s: period_s.filter(|s| *s > 0.0), ..self }
    }

    /// The same of an accelerator whose energy counter is held against this check.
    #[must_use]
    pub fn held(mut self, check: Option<&crate::CheckFacts>) -> Self {
        self.energy.expect(check.and_then(crate::CheckFacts::expected));
        self
    }

    /// Takes in the next row, in file order.
    pub fn push(&mut self, row: &Row) {
        self.rows += 1;
        self.gaps += u64::from(row.is_gap());
        let (first, _) = self.ticks.unwrap_or((row.tick, row.tick));
        self.ticks = Some((first, row.tick));
        if self.segment.replace(row.segment).is_some_and(|before| before != row.segment) {
            // What counters did while no engine watched is not the mission's.
            (self.work.last, self.work_input.last, self.lost.last) = (None, None, None);
            self.energy.interrupt();
        }
        match row.state {
            RunState::Staging if self.mission_s.is_none() => self.staging += 1,
            RunState::Held => self.held += 1,
            RunState::Suspended => self.suspended += 1,
            RunState::Staging | RunState::Running | RunState::Stopping | RunState::Safe => {}
        }
        // The tick that ends at a row was flown if it moved mission time.
        let flown_s = row.mission_s.zip(self.mission_s).map(|(now, before)| now - before).filter(|s| *s > 0.0);
        let flown = flown_s.is_some();
        self.mission_s = row.mission_s.or(self.mission_s);
        self.work.push(row.get(Column::WorkUnits), flown);
        self.work_input.push(row.get(Column::WorkInputUnits), flown);
        self.lost.push(row.get(Column::WorkLostUnits), flown);
        let moving = self.tax.push(row, flown_s);
        // In a gap nothing is known, mission time neither: the next row's interval is of all of it.
        if !row.is_gap() || row.get(Column::AccelIntegralJ).is_some() {
            self.energy.push(row, flown_s, moving);
        }
        if row.state.is_running() {
            self.running(row);
        }
    }

    fn running(&mut self, row: &Row) {
        self.running += 1;
        self.limited += u64::from(row.limited.is_limited());
        let light = row.get(Column::EnvIlluminationFrac);
        self.sunlight.push(light);
        let rate = row.get(Column::WorkUnitsPerS);
        if light == Some(1.0) {
            self.rate_sunlit.push(rate);
        } else if light == Some(0.0) {
            self.rate_eclipsed.push(rate);
        }
        widen(&mut self.supply, row.get(Column::FlightSupplyDegc));
        widen(&mut self.die, row.get(Column::AccelDieDegc));
        self.support_w.push(row.get(Column::RigTecW));
        self.array.push(row.get(Column::RigArrayRequestA), row.get(Column::RigArrayA), 1.0);
        self.lamp.push(row.get(Column::RigLampRequestFrac), row.get(Column::RigLampW), f64::INFINITY);
        let error_k = row.get(self.servoed).zip(row.get(Column::RigSetpointDegc)).map(|(held, setpoint)| held - setpoint);
        if let Some(error_k) = error_k.filter(|e| !row.limited.is_limited() && e.abs() > self.worst_tracking_k.map_or(-1.0, f64::abs)) {
            self.worst_tracking_k = Some(error_k);
        }
    }

    /// How complete the record is so far.
    pub fn completeness(&self) -> Completeness {
        let ticks = self.ticks.map_or(0, |(first, last)| last.saturating_sub(first) + 1);
        let part = |of: u64, all: u64| if all > 0 { of as f64 / all as f64 } else { 0.0 };
        Completeness {
            ticks,
            rows: self.rows,
            gaps: self.gaps,
            gap_frac: part(self.gaps + ticks.saturating_sub(self.rows), ticks),
            running: self.running,
            limited: self.limited,
            limited_frac: part(self.limited, self.running),
        }
    }

    /// What it comes to, with the mass of what flies to cool one accelerator.
    pub fn figures(&self, flight_cooling_kg: Option<f64>) -> Figures {
        let over = |what: Option<f64>, by: Option<f64>| what.zip(by).filter(|(_, by)| *by > 0.0).map(|(what, by)| what / by);
        let sums = self.energy.by(self.source);
        let apart = self.apart && self.source == Source::Accelerator;
        let mut energy = self.energy.energy(self.source);
        if apart {
            (energy.units_per_j_by_counter, energy.units_per_j_by_integral) = (None, None);
        }
        let work = self.work.total;
        let useful = work.map(|work| work - self.lost.total.unwrap_or(0.0));
        let power_w = sums.enough().then_some(()).and_then(|()| over(Some(sums.known.j), Some(sums.known.s)));
        let told = sums.enough_for_work() && !apart;
        let per_j = |units: Option<f64>| over(units.filter(|_| told), Some(sums.joint.j));
        Figures {
            staging_s: self.mission_s.map(|_| self.staging as f64 * self.dt_s),
            mission_s: self.mission_s,
            held_s: self.held as f64 * self.dt_s,
            suspended_s: self.suspended as f64 * self.dt_s,
            sunlit_frac: self.sunlight.value(),
            work_units: work,
            work_input_units: self.work_input.total,
            useful_units: useful,
            work_units_per_s: over(work, self.mission_s),
            input_units_per_s: over(self.work_input.total, self.mission_s),
            sunlit_units_per_s: self.rate_sunlit.value(),
            eclipsed_units_per_s: self.rate_eclipsed.value(),
            energy,
            power_w,
            units_per_j: per_j(sums.useful()),
            counted_units_per_j: per_j(sums.work[0]),
            input_units_per_j: per_j(sums.useful_input()),
            flight_cooling_kg,
            units_per_s_per_cooling_kg: over(over(useful, self.mission_s), flight_cooling_kg),
            w_per_cooling_kg: over(power_w, flight_cooling_kg),
            supply_degc: self.supply,
            die_degc: self.die,
            worst_tracking_k: self.worst_tracking_k,
            array: self.array.shown(),
            lamp: self.lamp.shown(),
            restart_tax: self.tax.tax(&Whole { work, sums, orbits: over(self.mission_s, self.period_s) }),
            test_support_j: self.support_w.value().map(|w| w * self.running as f64 * self.dt_s),
        }
    }
}

fn widen(range: &mut Option<Range>, value: Option<f64>) {
    if let Some(v) = value {
        let r = range.get_or_insert(Range { min: v, max: v });
        r.min = r.min.min(v);
        r.max = r.max.max(v);
    }
}

#[cfg(test)]
mod tests;
