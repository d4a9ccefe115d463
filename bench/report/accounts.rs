//! Which columns of a row belong to which account of energy, and what the accounts come to in a summary and in words.
//!
//! Not here: how a counter's step is judged (`energy`), figures of merit (`merit`).

use crate::energy::{Account, DISPUTED_FRAC, ENOUGH_FRAC, Look, Sums, TOLD_FRAC, Work};
use crate::held::{Against, Expected};
use record::{Column, Row};
use serde::{Deserialize, Serialize};
use signal::{Quality, Source};

/// Energy of the accelerator's board over the mission, every way it is known. Each way is of the time in which it is known; the figure that others are made of is
/// `total_j`, of `coverage_frac` of the mission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    /// By the accelerator's own counter, J: the steps of it that can be believed.
    pub counter_j: Option<f64>,
    /// By summed-up power, J.
    pub integral_j: Option<f64>,
    /// Integral over counter, less one, over the time in which both are there.
    pub gap_frac: Option<f64>,
    /// That beside what a check of the same card lets expect; absent where there is none to go by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Against>,
    /// By external meters, J.
    #[serde(default)]
    pub meter_j: Option<f64>,
    /// Their mean power over the accelerator's own (counter, or else integral), less one; absent where either is known over less than [`ENOUGH_FRAC`] of the mission.
    #[serde(default)]
    pub meter_gap_frac: Option<f64>,
    /// What figures go by.
    #[serde(default)]
    pub source: Source,
    /// What figures go by, J: the source's counter, and integrated power where that cannot be believed. Meters that said nothing are not stood in for.
    #[serde(default)]
    pub total_j: Option<f64>,
    /// Part of the mission that this is of.
    #[serde(default)]
    pub coverage_frac: Option<f64>,
    /// Part of the mission in which integrated power took the place of the counter; absent where there is no counter.
    #[serde(default)]
    pub filled_frac: Option<f64>,
    /// Parts of the mission in which the counter stood still under power, began anew, was not there, moved by what cannot be.
    #[serde(default)]
    pub counter_stood_frac: Option<f64>,
    /// See there.
    #[serde(default)]
    pub counter_anew_frac: Option<f64>,
    /// See there.
    #[serde(default)]
    pub counter_absent_frac: Option<f64>,
    /// See there.
    #[serde(default)]
    pub counter_disputed_frac: Option<f64>,
    /// Counter and integrated power contradict each other so far that no figure is made of either.
    #[serde(default)]
    pub disputed: bool,
    /// Units of useful work per joule by the counter alone, and by integrated power alone, over the time in which each is there: only where the two are in dispute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_per_j_by_counter: Option<f64>,
    /// See there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_per_j_by_integral: Option<f64>,
}

/// `part` of `whole`.
pub(crate) fn over(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

impl Energy {
    /// Mean power and work per joule may be made of it.
    pub fn enough(&self) -> bool {
        !self.disputed && self.coverage_frac.is_some_and(|c| c >= ENOUGH_FRAC)
    }

    /// What a reader must know of it, a sentence each; nothing where all of it is the counter's (or the integral's, where there is no counter) and the two agree.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        let percent = |f: f64| format!("{:.1} %", f * 100.0);
        // Of nothing at all "not measured" says enough.
        if let Some(covered) = self.coverage_frac.filter(|c| *c < 0.9995 && self.total_j.is_some()) {
            let told = format!("energy is known over {} of the mission", percent(covered));
            doubts.push(if covered < ENOUGH_FRAC {
                format!("{told}: no mean power and no work per joule below {}", percent(ENOUGH_FRAC))
            } else {
                format!("{told}; mean power and work per joule are of that time")
            });
        }
        let parts = [
            (self.counter_stood_frac, "stood still under power"),
            (self.counter_anew_frac, "fell or began anew"),
            (self.counter_absent_frac, "was not given"),
            (self.counter_disputed_frac, "moved by what integrated power rules out"),
        ];
        let parts: Vec<String> =
            parts.into_iter().filter_map(|(part, what)| Some(format!("{what} for {}", percent(part.filter(|p| *p >= 0.0005)?)))).collect();
        if let Some(filled) = self.filled_frac.filter(|f| *f >= 0.0005) {
            let why = if parts.is_empty() { String::new() } else { format!(": the counter {}", parts.join(", ")) };
            doubts.push(format!("integrated power took the counter's place over {} of the mission{why}", percent(filled)));
        }
        let apart = self.check.is_some_and(|check| check.differs);
        if let Some(gap) = self.gap_frac.filter(|g| g.abs() > TOLD_FRAC || self.disputed || apart) {
            let side = if gap > 0.0 { "more" } else { "less" };
            let told = format!("integrated power says {} {side} than the energy counter over the same time", percent(gap.abs()));
            doubts.push(if gap.abs() > DISPUTED_FRAC {
                let by = |per_j: Option<f64>| per_j.map_or_else(|| "unknown".to_owned(), |v| format!("{v:.4}"));
                format!(
                    "{told}: one of the two is wrong, and no figure is made of either (units per joule would be {} by the counter, {} by integrated power); \
                     see `orbitbench accelerator check`",
                    by(self.units_per_j_by_counter),
                    by(self.units_per_j_by_integral)
                )
            } else {
                match &self.check {
                    Some(check) if check.differs => format!(
                        "{told}, and the check of this card lets expect {}: one of the two has changed since, or is wrong in this run; figures go by the counter, \
                         check the card again (`orbitbench accelerator check`)",
                        check.words()
                    ),
                    Some(check) => format!("{told}, as the check of this card lets expect ({}): figures go by the counter", check.words()),
                    None => format!("{told}: figures go by the counter; `orbitbench accelerator check` shows which of the two to trust"),
                }
            });
        } else if self.disputed {
            doubts.push("the energy counter moved by what integrated power rules out: no figure is made of either".to_owned());
        }
        doubts
    }
}

/// The accounts of a run: the accelerator's own, and that of external meters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Accounts {
    own: Account,
    meter: Account,
    /// Integrals and bench time at the row before.
    last: Option<Last>,
    /// A counter was read at all: of the accelerator, of the meters.
    counted: (bool, bool),
    /// What a check of this accelerator lets expect.
    expected: Option<Expected>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    bench_s: f64,
    own_j: Option<f64>,
    board_j: Option<f64>,
}

impl Accounts {
    /// Of an accelerator whose check lets expect this.
    pub(crate) fn expect(&mut self, expected: Option<Expected>) {
        self.expected = expected;
    }

    /// The engine began anew: what counters did while none watched is not the mission's.
    pub(crate) fn interrupt(&mut self) {
        self.own.interrupt();
        self.meter.interrupt();
        self.last = None;
    }

    /// Takes in the next row that is no gap; `flown_s` of mission time passed since the one before, during which work may have been on its way.
    pub(crate) fn push(&mut self, row: &Row, flown_s: Option<f64>, moving: bool) {
        let good = |column| row.get(column).filter(|_| row.quality(column).is_none_or(|q| q == Quality::Good));
        let there = |column| row.quality(column).is_some();
        let last =
            self.last.replace(Last { bench_s: row.bench_s, own_j: row.get(Column::AccelIntegralJ), board_j: row.get(Column::RigBoardJ) });
        let bench_s = last.map_or(0.0, |last| row.bench_s - last.bench_s);
        let dt_s = flown_s.unwrap_or(bench_s);
        // What is summed up stands still while nothing is read: that is no energy of 0.
        let grown = |before: Option<f64>, now: Option<f64>, power: Option<f64>| {
            before.zip(now).map(|(b, n)| n - b).filter(|j| *j > 0.0 || (*j == 0.0 && power.is_some_and(|w| w <= 0.0)))
        };
        let work = Work {
            out: row.get(Column::WorkUnits),
            lost: good(Column::WorkLostUnits),
            input: row.get(Column::WorkInputUnits),
            input_lost: good(Column::WorkLostInputUnits),
        };
        let look = |counter_j, epoch, integral_j| Look { dt_s, flown: flown_s.is_some(), moving, counter_j, epoch, integral_j, work };
        let counter_j = good(Column::AccelEnergyJ);
        let power = good(Column::AccelPowerW);
        let integral_j = last.and_then(|last| grown(last.own_j, row.get(Column::AccelIntegralJ), power));
        self.counted.0 |= counter_j.is_some();
        self.own.push(look(counter_j, good(Column::AccelEnergyEpochCount), integral_j));

        let slot = if there(Column::RigSlotW) || there(Column::RigSlotJ) { good(Column::RigSlotJ) } else { Some(0.0) };
        let counter_j = good(Column::RigMeterJ).zip(slot).map(|(cable, slot)| cable + slot);
        let board = row.get(Column::RigBoardW).map(|w| w * bench_s).filter(|_| last.is_some());
        let unread = !there(Column::RigMeterJ) && !there(Column::RigMeterW);
        let summed = last.filter(|_| unread).and_then(|last| grown(last.board_j, row.get(Column::RigBoardJ), None));
        self.counted.1 |= counter_j.is_some();
        self.meter.push(look(counter_j, None, board.or(summed)));
    }

    /// The account that figures go by.
    pub(crate) fn by(&self, source: Source) -> Sums {
        if source == Source::Meter { self.meter.sums() } else { self.own.sums() }
    }

    pub(crate) fn energy(&self, source: Source) -> Energy {
        let (own, meter) = (self.own.sums(), self.meter.sums());
        let (by, counted) = if source == Source::Meter { (meter, self.counted.1) } else { (own, self.counted.0) };
        let total = |part: crate::energy::Part| (part.s > 0.0).then_some(part.j);
        let enough = |sums: &Sums| sums.coverage_frac().filter(|c| *c >= ENOUGH_FRAC).and_then(|_| over(sums.known.j, sums.known.s));
        let part = |s: f64| over(s, by.flown_s).filter(|_| counted);
        let useful = by.useful();
        let per_j = |part: crate::energy::Part| {
            let rate = useful.and_then(|u| over(u, by.joint.s));
            rate.zip(over(part.j, part.s)).filter(|(_, w)| by.disputed() && *w > 0.0).map(|(rate, w)| rate / w)
        };
        Energy {
            counter_j: total(own.counter),
            integral_j: total(own.integral),
            gap_frac: own.gap_frac(),
            check: self.expected.and_then(|expected| Against::of(expected, &own, self.own.swing_w())),
            meter_j: total(meter.known),
            meter_gap_frac: enough(&meter).zip(enough(&own)).filter(|(_, own)| *own > 0.0).map(|(meter, own)| meter / own - 1.0),
            source,
            total_j: total(by.known),
            coverage_frac: by.coverage_frac(),
            filled_frac: part(by.filled.s),
            counter_stood_frac: part(by.stood_s),
            counter_anew_frac: part(by.anew_s),
            counter_absent_frac: part(by.absent_s),
            counter_disputed_frac: part(by.disputed_s),
            disputed: by.disputed(),
            units_per_j_by_counter: per_j(by.counter),
            units_per_j_by_integral: per_j(by.integral),
        }
    }
}
