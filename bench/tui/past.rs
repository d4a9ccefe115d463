//! What a screen reads from the run folder: the rows written before it came, and the prediction. Both are conveniences: a missing
//! or broken file costs a curve, never the screen. Lines are read one by one, so that a long run does not fill the memory.

use crate::history::{History, Sample};
use crate::tally::Tally;
use record::{Column, Layout, Row};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

/// The columns of a prediction that are drawn or compared with.
const PREDICTED: [Column; 6] =
    [Column::RigPlateDegc, Column::RigSupplyDegc, Column::AccelDieDegc, Column::AccelPowerW, Column::RigBoardW, Column::WorkUnitsPerS];

/// Rows of a prediction kept: every one of a day at 1 s a tick.
const KEPT: usize = 131_072;

/// The rows written before the screen came.
#[derive(Clone, Debug, Default)]
pub struct Past {
    pub(crate) history: History,
    pub(crate) tally: Tally,
}

/// The rehearsal sealed before the start, by mission time.
#[derive(Clone, Debug)]
pub struct Prediction {
    rows: Vec<(f64, [Option<f32>; PREDICTED.len()])>,
    stride: u64,
    seen: u64,
}

impl Default for Prediction {
    fn default() -> Self {
        Self { rows: Vec::new(), stride: 1, seen: 0 }
    }
}

/// Calls `take` for up to `limit` rows of a run's CSV; stops at the first line that is torn or wrong. Says why it stopped early.
fn each_row(path: &Path, limit: u64, mut take: impl FnMut(&Row)) -> Result<(), String> {
    let refused = |e: std::io::Error| format!("cannot read {}: {e}", path.display());
    let mut file = BufReader::new(File::open(path).map_err(refused)?);
    let mut line = String::new();
    file.read_line(&mut line).map_err(refused)?;
    let header: Vec<String> = line.trim_end().split(',').map(str::to_owned).collect();
    let layout = Layout::of_header(&header).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    for _ in 0..limit {
        line.clear();
        file.read_line(&mut line).map_err(refused)?;
        if !line.ends_with('\n') {
            break;
        }
        // Nothing in a row is ever quoted, see `record::Row::write_line`.
        let fields: Vec<&str> = line.trim_end().split(',').collect();
        take(&layout.row(fields.into_iter()).map_err(|e| format!("cannot read {}: {e}", path.display()))?);
    }
    Ok(())
}

impl Past {
    /// The first `rows` rows of `samples.csv` in `folder`; board power is in the column `board`.
    pub(crate) fn read(folder: &Path, rows: u64, dt_s: f64, board: Column) -> Result<Self, String> {
        let mut past = Self::default();
        each_row(&folder.join("samples.csv"), rows, |row| {
            past.history.push(Sample::of(row));
            past.tally.count(row, dt_s, board);
        })?;
        Ok(past)
    }
}

impl Prediction {
    /// `prediction.csv` in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let mut prediction = Self::default();
        each_row(&folder.join("prediction.csv"), u64::MAX, |row| prediction.push(row))?;
        Ok(prediction)
    }

    pub(crate) fn push(&mut self, row: &Row) {
        let Some(mission_s) = row.mission_s else { return };
        if self.rows.last().is_some_and(|last| last.0 >= mission_s) {
            return;
        }
        self.seen += 1;
        if !(self.seen - 1).is_multiple_of(self.stride) {
            return;
        }
        self.rows.push((mission_s, PREDICTED.map(|c| row.get(c).map(|v| v as f32))));
        if self.rows.len() > KEPT {
            let mut at = 0;
            self.rows.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.stride *= 2;
        }
    }

    fn index(column: Column) -> Option<usize> {
        PREDICTED.iter().position(|c| *c == column)
    }

    /// What was predicted for `column` at a mission time, on the straight line between its neighbours.
    pub(crate) fn at(&self, column: Column, mission_s: f64) -> Option<f64> {
        let index = Self::index(column)?;
        let after = self.rows.partition_point(|row| row.0 < mission_s);
        let (t1, b) = self.rows.get(after).map(|r| (r.0, r.1[index]))?;
        let b = f64::from(b?);
        if t1 <= mission_s || after == 0 {
            return (t1 - mission_s <= 1.0).then_some(b);
        }
        let (t0, a) = (self.rows[after - 1].0, f64::from(self.rows[after - 1].1[index]?));
        Some(a + (b - a) * (mission_s - t0) / (t1 - t0))
    }

    /// The predicted curve of `column`: mission seconds and value.
    pub(crate) fn curve(&self, column: Column) -> impl Iterator<Item = (f64, Option<f32>)> + '_ {
        let index = Self::index(column);
        self.rows.iter().map(move |row| (row.0, index.and_then(|i| row.1[i])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Columns;
    use signal::RunState;

    fn row(tick: u32, mission_s: Option<f64>) -> Row {
        let mut row =
            Row::new(0, u64::from(tick), f64::from(tick), if mission_s.is_some() { RunState::Running } else { RunState::Staging });
        row.mission_s = mission_s;
        row.set(Column::RigPlateDegc, 20.0 + f64::from(tick));
        row
    }

    fn write(folder: &Path, name: &str, rows: &[Row], torn: &str) {
        let columns = Columns::all();
        let mut text = (columns.header().join(",") + "\n").into_bytes();
        for row in rows {
            row.write_line(&columns, &mut text);
        }
        text.extend_from_slice(torn.as_bytes());
        std::fs::write(folder.join(name), text).expect("room");
    }

    #[test]
    fn a_prediction_is_looked_up_by_mission_time() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let rows = [row(0, None), row(1, None), row(2, Some(1.0)), row(3, Some(2.0)), row(4, Some(3.0))];
        write(folder.path(), "prediction.csv", &rows, "0,5,,,5.0");
        let prediction = Prediction::read(folder.path()).expect("written above");
        assert_eq!(prediction.curve(Column::RigPlateDegc).count(), 3);
        let cases = [(1.0, Some(22.0)), (1.5, Some(22.5)), (3.0, Some(24.0)), (3.5, None), (0.5, Some(22.0)), (-9.0, None)];
        for (mission_s, expected) in cases {
            assert_eq!(prediction.at(Column::RigPlateDegc, mission_s), expected, "at {mission_s}");
        }
        assert_eq!(prediction.at(Column::AccelDieDegc, 1.0), None, "an empty cell predicts nothing");
        assert_eq!(prediction.at(Column::RigSinkDegc, 1.0), None, "a column that is not kept");
    }

    #[test]
    fn a_long_prediction_stays_small() {
        let mut prediction = Prediction::default();
        let ticks = 300_000;
        (0..ticks).for_each(|t| prediction.push(&row(t, Some(f64::from(t)))));
        assert!(prediction.rows.len() <= KEPT);
        assert_eq!(prediction.at(Column::RigPlateDegc, 100_001.0), Some(100_021.0));
    }

    #[test]
    fn the_past_ends_where_the_live_rows_begin() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let rows: Vec<Row> = (0..10).map(|t| row(t, Some(f64::from(t)))).collect();
        write(folder.path(), "samples.csv", &rows, "");
        let past = Past::read(folder.path(), 7, 1.0, Column::AccelPowerW).expect("written above");
        assert_eq!(past.history.iter().count(), 7);
    }

    #[test]
    fn what_is_not_there_or_broken_says_so() {
        let folder = tempfile::tempdir().expect("a temp folder");
        assert!(Prediction::read(folder.path()).expect_err("absent").contains("prediction.csv"));
        std::fs::write(folder.path().join("samples.csv"), "a,b\n1,2\n").expect("room");
        assert!(Past::read(folder.path(), 9, 1.0, Column::AccelPowerW).expect_err("no such columns").contains("no such column"));
    }
}
