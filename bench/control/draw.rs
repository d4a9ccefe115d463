//! Power at duty, as it was measured on this very bench: what a governor feeds forward instead of a straight line from declared idle to declared full power.
//!
//! Not here: how it was measured, and correcting what it does not know (the trim of [`crate::Governor`]).

/// Duty and power at one plate temperature, both rising.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    degc: Option<f64>,
    points: Vec<(f64, f64)>,
}

/// Measured power at duty.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw(Vec<Row>);

impl Draw {
    /// Of rows with their plate temperature, °C (`None`: there is one row, which holds at any), and duty with the power it drew, W. What does not rise is passed
    /// over; `None` if no row of two or more points is left.
    pub fn new(rows: impl IntoIterator<Item = (Option<f64>, Vec<(f64, f64)>)>) -> Option<Self> {
        let mut kept: Vec<Row> = rows
            .into_iter()
            .map(|(degc, mut points)| {
                points.retain(|(duty, w)| (0.0..=1.0).contains(duty) && w.is_finite());
                points.sort_by(|a, b| a.0.total_cmp(&b.0));
                let mut last = (f64::NEG_INFINITY, f64::NEG_INFINITY);
                points.retain(|p| {
                    let rises = p.0 > last.0 && p.1 > last.1;
                    last = if rises { *p } else { last };
                    rises
                });
                Row { degc, points }
            })
            .filter(|row| row.points.len() >= 2 && row.degc.is_none_or(f64::is_finite))
            .collect();
        kept.sort_by(|a, b| a.degc.unwrap_or(f64::NEG_INFINITY).total_cmp(&b.degc.unwrap_or(f64::NEG_INFINITY)));
        (!kept.is_empty()).then_some(Self(kept))
    }

    /// Duty that drew `power_w` with what the rig holds (plate, or coolant supply) at this temperature, 0 to 1: linear between what was measured, the nearest row outside its temperatures, the line of
    /// the last two points beyond its powers. Of an unknown temperature the middle row.
    ///
    /// ```
    /// let draw = control::Draw::new([(Some(20.0), vec![(0.0, 16.0), (0.5, 50.0), (1.0, 76.0)]), (Some(40.0), vec![(0.0, 18.0), (1.0, 80.0)])]).expect("rises");
    /// assert_eq!(draw.duty(50.0, Some(20.0)), 0.5);
    /// assert_eq!(draw.duty(49.0, Some(45.0)), 0.5);
    /// assert_eq!(draw.duty(10.0, Some(20.0)), 0.0);
    /// assert_eq!(draw.duty(99.0, Some(20.0)), 1.0);
    /// ```
    pub fn duty(&self, power_w: f64, degc: Option<f64>) -> f64 {
        let rows = &self.0;
        let Some(degc) = degc.filter(|t| t.is_finite()) else { return rows[rows.len() / 2].duty(power_w) };
        let of = |row: &Row| row.degc.unwrap_or(degc);
        let after = rows.partition_point(|row| of(row) <= degc);
        let (Some(below), Some(above)) = (after.checked_sub(1).and_then(|k| rows.get(k)), rows.get(after)) else {
            return rows[after.min(rows.len() - 1)].duty(power_w);
        };
        let part = (degc - of(below)) / (of(above) - of(below));
        let (a, b) = (below.duty(power_w), above.duty(power_w));
        a + part * (b - a)
    }
}

impl Row {
    fn duty(&self, power_w: f64) -> f64 {
        let points = &self.points;
        let k = points.partition_point(|p| p.1 <= power_w).clamp(1, points.len() - 1);
        let (a, b) = (points[k - 1], points[k]);
        (a.0 + (b.0 - a.0) * (power_w - a.1) / (b.1 - a.1)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_does_not_rise_is_passed_over() {
        assert_eq!(Draw::new([(None, vec![(0.0, 16.0)])]), None);
        assert_eq!(Draw::new([(Some(20.0), vec![(0.0, 16.0), (0.5, 15.0), (1.5, 99.0)])]), None);
        assert_eq!(Draw::new([(Some(f64::NAN), vec![(0.0, 16.0), (1.0, 70.0)])]), None);
        let draw = Draw::new([(None, vec![(1.0, 70.0), (0.5, 10.0), (0.0, 20.0)])]).expect("two rise");
        assert_eq!((draw.duty(45.0, Some(7.0)), draw.duty(45.0, None)), (0.5, 0.5));
    }

    proptest! {
        #[test]
        fn a_duty_is_one_and_rises_with_power(
            rows in proptest::collection::vec((-20.0..90.0_f64, proptest::collection::vec((0.0..=1.0_f64, 10.0..700.0_f64), 0..6)), 0..5),
            power in -10.0..900.0_f64, more in 0.0..100.0_f64, degc in proptest::option::of(-50.0..120.0_f64),
        ) {
            if let Some(draw) = Draw::new(rows.into_iter().map(|(t, p)| (Some(t), p))) {
                let (a, b) = (draw.duty(power, degc), draw.duty(power + more, degc));
                prop_assert!((0.0..=1.0).contains(&a) && b >= a - 1e-12, "{a} {b}");
            }
        }
    }
}
