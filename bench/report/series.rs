//! One side of a comparison: columns over mission time, from a run's CSV or from anybody's.

use crate::Error;
use record::{Class, Column, Table, each_row};
use signal::{Limit, Origin, Tick};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Columns over strictly increasing time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    pub(crate) path: PathBuf,
    pub(crate) time_s: Vec<f64>,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) limited: Vec<Limit>,
    pub(crate) values: BTreeMap<String, Vec<Option<f64>>>,
    pub(crate) counts: Counts,
}

/// What became of the rows in which mission time was running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// All of them.
    pub(crate) running: usize,
    /// Nothing was read, or the tick was missed.
    pub(crate) gaps: usize,
    /// Mission time had not advanced since the row before (the first row after a suspension).
    pub(crate) repeated: usize,
    /// The heat into the flight model was declared, not read.
    pub(crate) assumed: usize,
}

/// Columns that a comparison of a run that servoed `servoed` looks at.
fn compared(column: Column, servoed: Column) -> bool {
    matches!(column.class_where(servoed), Class::Predicted | Class::Servoed) || column == Column::RigSetpointDegc
}

/// Names that a time column may have, the best first.
const TIMES: [&str; 6] = ["mission_s", "time_s", "t_s", "bench_s", "elapsed_s", "tick"];

impl Series {
    /// The rows in which mission time was running of the CSV of a run that servoed the column `servoed`.
    pub(crate) fn of_run(path: &Path, servoed: Column) -> Result<Self, Error> {
        let columns: Vec<Column> = Column::ALL.iter().copied().filter(|&c| compared(c, servoed)).collect();
        let mut cells: Vec<Vec<Option<f64>>> = columns.iter().map(|_| Vec::new()).collect();
        let mut series = Self { path: path.to_owned(), ..Self::default() };
        each_row(path, |row| {
            if !row.state.is_running() {
                return;
            }
            series.counts.running += 1;
            let gap = row.is_gap();
            let Some(mission_s) = row.mission_s.filter(|_| !gap) else {
                series.counts.gaps += 1;
                return;
            };
            if series.time_s.last().is_some_and(|last| *last >= mission_s) {
                series.counts.repeated += 1;
                return;
            }
            series.counts.assumed += usize::from(row.heat_origin == Some(Origin::Assumed));
            series.time_s.push(mission_s);
            series.ticks.push(row.tick);
            series.limited.push(row.limited);
            for (column, cells) in columns.iter().zip(&mut cells) {
                cells.push(row.get(*column));
            }
        })?;
        series.values = columns.iter().map(|c| c.name().to_owned()).zip(cells).collect();
        Ok(series)
    }

    /// Every column of numbers of any CSV. Rows of another state than running are left out if it has such a column.
    pub(crate) fn of_table(table: &Table) -> Result<Self, Error> {
        let unusable = |why: String| Error::unusable(table.path(), why);
        let time = TIMES.into_iter().find(|t| table.has(t)).ok_or_else(|| {
            unusable(format!("it has no column of time: expected one of {}, found {}", TIMES.join(", "), table.names().join(", ")))
        })?;
        let times = table.numbers(time)?;
        let words = |name: &str| if table.has(name) { table.words(name) } else { Ok(None) };
        let (states, limits) = (words("state")?, words("limited")?);
        let mut series = Self { path: table.path().to_owned(), ..Self::default() };
        let mut kept = Vec::new();
        for (row, at_s) in times.iter().enumerate() {
            if states.is_some_and(|s| s[row] != "running") {
                continue;
            }
            series.counts.running += 1;
            let Some(at_s) = at_s else {
                series.counts.gaps += 1;
                continue;
            };
            if series.time_s.last().is_some_and(|last| last >= at_s) {
                series.counts.repeated += 1;
                continue;
            }
            series.time_s.push(*at_s);
            series.ticks.push(row as Tick);
            series.limited.push(limits.and_then(|l| l[row].parse().ok()).unwrap_or_default());
            kept.push(row);
        }
        for name in table.names().iter().filter(|n| !TIMES.contains(&n.as_str()) && *n != "segment") {
            if let Ok(cells) = table.numbers(name) {
                series.values.insert(name.clone(), kept.iter().map(|&row| cells[row]).collect());
            }
        }
        Ok(series)
    }

    /// The column `name` with anything in it.
    pub(crate) fn filled(&self, name: &str) -> Option<&[Option<f64>]> {
        self.values.get(name).map(Vec::as_slice).filter(|cells| cells.iter().any(Option::is_some))
    }

    /// The usual time between rows: the median, which a gap does not move.
    pub(crate) fn step_s(&self) -> Option<f64> {
        let mut steps: Vec<f64> = self.time_s.windows(2).map(|w| w[1] - w[0]).collect();
        steps.sort_by(f64::total_cmp);
        steps.get(steps.len() / 2).copied()
    }
}
