//! What the charts remember of a run. Bounded: the last rows one by one, everything before them ever more coarsely, each stretch
//! with its least and greatest value, so that an overnight run stays small and a spike stays visible. Not a log: that is
//! `samples.csv`.

use record::{Column, Row};
use std::collections::VecDeque;

/// The columns that charts draw.
pub(crate) const TRACKED: [Column; 12] = [
    Column::RigPlateDegc,
    Column::RigSetpointDegc,
    Column::FlightPlateDegc,
    Column::AccelDieDegc,
    Column::FlightDieDegc,
    Column::AccelPowerW,
    Column::PowerBudgetW,
    Column::PowerAvailableW,
    Column::WorkUnitsPerS,
    Column::RigSupplyDegc,
    Column::FlightSupplyDegc,
    Column::RigBoardW,
];

/// Rows kept one by one: more than an orbit at 1 s a tick.
const RECENT: usize = 8192;
/// Stretches kept for the whole run: more than twice the dots across any terminal.
const WHOLE: usize = 4096;

/// Least and greatest value of a stretch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) lo: f32,
    pub(crate) hi: f32,
}

/// One row, or a stretch of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// Bench seconds of the last row in it.
    pub(crate) bench_s: f64,
    /// Mission seconds of the last row in it; `None` before staging has ended.
    pub(crate) mission_s: Option<f64>,
    values: [Option<Span>; TRACKED.len()],
}

impl Sample {
    pub(crate) fn of(row: &Row) -> Self {
        let values = TRACKED.map(|column| row.get(column).map(|v| Span { lo: v as f32, hi: v as f32 }));
        Self { bench_s: row.bench_s, mission_s: row.mission_s, values }
    }

    /// A hole: rows that this screen never got.
    pub(crate) const fn hole(bench_s: f64, mission_s: Option<f64>) -> Self {
        Self { bench_s, mission_s, values: [None; TRACKED.len()] }
    }

    /// The value of the column at `index` of [`TRACKED`].
    pub(crate) const fn at(&self, index: usize) -> Option<Span> {
        self.values[index]
    }

    fn absorb(&mut self, later: &Self) {
        self.bench_s = later.bench_s;
        self.mission_s = later.mission_s.or(self.mission_s);
        for (mine, theirs) in self.values.iter_mut().zip(&later.values) {
            *mine = match (*mine, *theirs) {
                (Some(a), Some(b)) => Some(Span { lo: a.lo.min(b.lo), hi: a.hi.max(b.hi) }),
                (a, b) => a.or(b),
            };
        }
    }
}

/// Rows of a run, in order.
#[derive(Clone, Debug)]
pub(crate) struct History {
    recent: VecDeque<Sample>,
    whole: Vec<Sample>,
    /// Rows a stretch of `whole` holds.
    stride: u32,
    /// Rows in its last stretch so far.
    filled: u32,
}

impl Default for History {
    fn default() -> Self {
        Self { recent: VecDeque::new(), whole: Vec::new(), stride: 1, filled: 0 }
    }
}

impl History {
    pub(crate) fn push(&mut self, sample: Sample) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(sample);
        match self.whole.last_mut() {
            Some(last) if self.filled < self.stride => {
                last.absorb(&sample);
                self.filled += 1;
            }
            _ => {
                self.whole.push(sample);
                self.filled = 1;
            }
        }
        if self.whole.len() > WHOLE {
            self.coarsen();
        }
    }

    fn coarsen(&mut self) {
        let odd_one_out = self.whole.len() % 2 == 1;
        self.whole = self
            .whole
            .chunks(2)
            .map(|pair| {
                let mut sample = pair[0];
                pair[1..].iter().for_each(|later| sample.absorb(later));
                sample
            })
            .collect();
        if !odd_one_out {
            self.filled += self.stride;
        }
        self.stride = self.stride.saturating_mul(2);
    }

    /// Every sample, the fine ones where there are any.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Sample> {
        let fine_from = self.recent.front().map_or(f64::INFINITY, |s| s.bench_s);
        self.whole.iter().take_while(move |s| s.bench_s < fine_from).chain(&self.recent)
    }

    /// Puts what happened before in front of what is here.
    pub(crate) fn prepend(&mut self, mut before: Self) {
        let here = std::mem::take(self);
        let from = here.iter().next().map_or(f64::INFINITY, |s| s.bench_s);
        if before.iter().last().is_some_and(|s| s.bench_s >= from) {
            // Overlapping times would draw lines backwards.
            *self = here;
            return;
        }
        here.iter().for_each(|s| before.push(*s));
        *self = before;
    }

    pub(crate) fn last(&self) -> Option<&Sample> {
        self.recent.back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::RunState;

    fn row(tick: u32, power: f64) -> Row {
        let mut row = Row::new(0, u64::from(tick), f64::from(tick), RunState::Running);
        row.mission_s = Some(f64::from(tick));
        row.set(Column::AccelPowerW, power);
        row
    }

    const POWER: usize = 5;

    #[test]
    fn a_long_run_stays_small_and_keeps_its_spikes_and_its_order() {
        let mut history = History::default();
        for tick in 0..200_000 {
            let power = if tick == 12_345 { 300.0 } else { 60.0 };
            history.push(Sample::of(&row(tick, power)));
        }
        assert!(history.whole.len() <= WHOLE && history.recent.len() <= RECENT);
        let all: Vec<&Sample> = history.iter().collect();
        assert!(all.windows(2).all(|pair| pair[0].bench_s < pair[1].bench_s));
        assert_eq!(all.last().map(|s| s.bench_s), Some(199_999.0));
        assert!(all[0].bench_s < 200.0, "the beginning is still there");
        assert!(all.iter().any(|s| s.at(POWER).is_some_and(|p| p.hi == 300.0 && p.lo == 60.0)));
        let counted = (history.whole.len() as u32 - 1) * history.stride + history.filled;
        assert_eq!(counted, 200_000);
    }

    #[test]
    fn the_past_goes_in_front() {
        let (mut past, mut live) = (History::default(), History::default());
        (0..10).for_each(|t| past.push(Sample::of(&row(t, 1.0))));
        (10..20).for_each(|t| live.push(Sample::of(&row(t, 2.0))));
        live.prepend(past.clone());
        let times: Vec<f64> = live.iter().map(|s| s.bench_s).collect();
        assert_eq!(times, (0..20).map(f64::from).collect::<Vec<_>>());
        live.prepend(past);
        assert_eq!(live.iter().count(), 20, "a past that overlaps is not put in twice");
    }

    #[test]
    fn a_missing_value_is_missing() {
        let sample = Sample::of(&row(0, f64::NAN));
        assert_eq!(sample.at(POWER), None);
        assert_eq!(TRACKED[POWER], Column::AccelPowerW);
    }
}
