//! Useful work per joule as seen by a screen: less what was lost with dropped memory, which is done again. The figure of merit with its uncertainty is `report`'s.

use record::{Column, Row};

/// Work and energy of the rows in which the mission ran and both were known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    units: f64,
    joules: f64,
    /// Work lost so far, as the last row counted it; it begins anew with a segment.
    lost: Option<(u32, f64)>,
}

impl Tally {
    /// Counts a row of `dt_s` bench seconds, with board power from the column `board`.
    pub(crate) fn count(&mut self, row: &Row, dt_s: f64, board: Column) {
        if !row.state.is_running() {
            return;
        }
        if let Some(lost) = row.get(Column::WorkLostUnits) {
            // A screen that joins a run midway has not seen the work that was lost before.
            let before = self.lost.filter(|(segment, _)| *segment == row.segment).map_or(lost, |(_, before)| before);
            self.units -= (lost - before).max(0.0);
            self.lost = Some((row.segment, lost));
        }
        if let (Some(rate), Some(power)) = (row.get(Column::WorkUnitsPerS), row.get(board)) {
            self.units += rate * dt_s;
            self.joules += power * dt_s;
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.units += other.units;
        self.joules += other.joules;
        self.lost = self.lost.or(other.lost);
    }

    /// Units per joule of board energy; `None` before any energy was seen.
    pub(crate) fn units_per_joule(&self) -> Option<f64> {
        (self.joules > 0.0).then(|| self.units / self.joules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::RunState;

    #[test]
    fn only_running_rows_with_both_known_count() {
        let mut tally = Tally::default();
        assert_eq!(tally.units_per_joule(), None);
        let mut row = Row::new(0, 0, 0.0, RunState::Running);
        row.set(Column::WorkUnitsPerS, 600.0);
        tally.count(&row, 1.0, Column::AccelPowerW);
        assert_eq!(tally.units_per_joule(), None);
        row.set(Column::AccelPowerW, 60.0);
        tally.count(&row, 1.0, Column::AccelPowerW);
        row.state = RunState::Held;
        row.set(Column::WorkUnitsPerS, 0.0);
        tally.count(&row, 1.0, Column::AccelPowerW);
        assert_eq!(tally.units_per_joule(), Some(10.0));
    }

    /// Work that is lost and done again counts once; what was lost before the first row was never in.
    #[test]
    fn work_done_again_counts_once() {
        let mut tally = Tally::default();
        for (tick, lost) in [200.0, 200.0, 800.0, 800.0].into_iter().enumerate() {
            let mut row = Row::new(0, tick as u64, tick as f64, RunState::Running);
            row.set(Column::WorkUnitsPerS, 600.0);
            row.set(Column::AccelPowerW, 60.0);
            row.set(Column::WorkLostUnits, lost);
            tally.count(&row, 1.0, Column::AccelPowerW);
        }
        assert_eq!(tally.units_per_joule(), Some(1800.0 / 240.0));
    }
}
