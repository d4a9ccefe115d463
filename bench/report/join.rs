//! Brings two series to the times of the first. Between two rows of the second the straight line counts, across a gap nothing does.

use crate::series::Series;

/// Times closer than this are the same: rows carry milliseconds.
const SAME_S: f64 = 1e-3;

/// Where a time lies in the other series.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    At(usize),
    /// Between this row and the next, so far along.
    Between(usize, f64),
    Nowhere,
}

/// For each row of one series, its place in another.
#[derive(Clone, Debug)]
pub(crate) struct Join(Vec<Place>);

impl Join {
    /// Finds every row of `measured` in `model`.
    pub(crate) fn of(measured: &Series, model: &Series) -> Self {
        // Farther apart than this, two neighbouring rows have a gap between them.
        let reach_s = model.step_s().map_or(0.0, |step| 2.0 * step);
        let times = &model.time_s;
        let place = |at_s: &f64| {
            let after = times.partition_point(|t| *t < at_s - SAME_S);
            match (after.checked_sub(1).map(|i| times[i]), times.get(after)) {
                (_, Some(next)) if next - at_s <= SAME_S => Place::At(after),
                (Some(before), Some(next)) if next - before <= reach_s => Place::Between(after - 1, (at_s - before) / (next - before)),
                _ => Place::Nowhere,
            }
        };
        Self(measured.time_s.iter().map(place).collect())
    }

    /// How many rows have a counterpart.
    pub(crate) fn found(&self) -> usize {
        self.0.iter().filter(|p| **p != Place::Nowhere).count()
    }

    /// The cells of a column of the other series, at this one's rows.
    pub(crate) fn pick(&self, cells: &[Option<f64>]) -> Vec<Option<f64>> {
        let value = |place: &Place| match *place {
            Place::At(row) => cells[row],
            Place::Between(row, part) => cells[row].zip(cells[row + 1]).map(|(a, b)| a + (b - a) * part),
            Place::Nowhere => None,
        };
        self.0.iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(times: &[f64]) -> Series {
        Series { time_s: times.to_vec(), ..Series::default() }
    }

    #[test]
    fn lines_between_neighbours_but_not_across_gaps_nor_beyond_the_ends() {
        let model = series(&[0.0, 10.0, 20.0, 100.0, 110.0]);
        let cells = [Some(0.0), Some(1.0), None, Some(10.0), Some(11.0)];
        let join = Join::of(&series(&[-1.0, 0.0, 2.5, 9.9995, 15.0, 20.0, 60.0, 105.0, 110.0004, 111.0]), &model);
        let expected = [None, Some(0.0), Some(0.25), Some(1.0), None, None, None, Some(10.5), Some(11.0), None];
        assert_eq!(join.pick(&cells), expected);
        assert_eq!(join.found(), 7);
    }

    #[test]
    fn a_single_row_is_met_or_not() {
        let join = Join::of(&series(&[0.0, 5.0]), &series(&[5.0]));
        assert_eq!(join.pick(&[Some(3.0)]), [None, Some(3.0)]);
        assert_eq!(Join::of(&series(&[0.0]), &series(&[])).found(), 0);
    }
}
