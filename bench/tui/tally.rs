//! Work per joule as seen by a screen. The figure of merit with its uncertainty is `report`'s.

use record::{Column, Row};

/// Work and energy of the rows in which the mission ran and both were known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    units: f64,
    joules: f64,
}

impl Tally {
    /// Counts a row of `dt_s` bench seconds, with board power from the column `board`.
    pub(crate) fn count(&mut self, row: &Row, dt_s: f64, board: Column) {
        if !row.state.is_running() {
            return;
        }
        if let (Some(rate), Some(power)) = (row.get(Column::WorkUnitsPerS), row.get(board)) {
            self.units += rate * dt_s;
            self.joules += power * dt_s;
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.units += other.units;
        self.joules += other.joules;
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
}
