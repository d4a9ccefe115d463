//! Ticks: round numbers for values, calendar dates for time.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Round numbers from at or below `low` to at or above `high`, about `wanted` steps; and the decimals they need. Wide ranges of
/// `angles` go by parts of a circle.
pub(super) fn round(low: f64, high: f64, wanted: f64, angles: bool) -> (Vec<f64>, usize) {
    let raw = (high - low) / wanted;
    let power = 10.0_f64.powf(raw.log10().floor());
    let parts = [10.0, 15.0, 30.0, 45.0, 90.0].into_iter().find(|step| *step >= raw * 0.999).filter(|_| angles && raw > 5.0);
    let decimal = || [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= raw * 0.999).unwrap_or(power * 10.0);
    let step = parts.unwrap_or_else(decimal);
    let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    ((0..=(last - first) as u32).map(|k| (first + f64::from(k)) * step).collect(), decimals)
}

/// A mark on the axis of time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// Days from the left edge.
    pub(super) day: f64,
    /// What is written at it; empty for a mark without words.
    pub(super) label: String,
}

/// Dates within `days` of `from`: years, months or days, whichever makes between four and some thirty.
pub(super) fn calendar(from: Timestamp, days: f64) -> Vec<Tick> {
    let start = from.to_zoned(TimeZone::UTC).date();
    let day_of = |date: Date| -> Option<f64> {
        let midnight = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(midnight.duration_since(from).as_secs_f64() / 86_400.0)
    };
    // First date, step, and how it is written.
    let (first, step, format): (Option<Date>, Span, &str) = if days > 1500.0 {
        (Date::new(start.year(), 1, 1).ok(), Span::new().years(1), "%Y")
    } else if days > 75.0 {
        (start.first_of_month().into(), Span::new().months(if days > 800.0 { 3 } else { 1 }), "%b")
    } else if days > 8.0 {
        (Some(start), Span::new().days(if days > 30.0 { 7 } else { 2 }), "%-d %b")
    } else {
        (Some(start), Span::new().days(1), "%-d %b")
    };
    let mut ticks = Vec::new();
    let mut date = first;
    while let Some(d) = date {
        let Some(day) = day_of(d) else { break };
        if day > days + 1e-6 {
            break;
        }
        if day >= -1e-6 {
            // January says which year it is.
            let format = if format == "%b" && d.month() == 1 && days > 400.0 { "%b %Y" } else { format };
            ticks.push(Tick { day, label: d.strftime(format).to_string() });
        }
        date = d.checked_add(step).ok();
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_get_round_numbers_that_enclose_them() {
        for (low, high, first, last, decimals) in
            [(-86.9, 3.0, -100.0, 50.0, 0), (0.0, 20.3, 0.0, 30.0, 0), (0.0, 0.37, 0.0, 0.4, 1), (-95.4, -88.2, -96.0, -88.0, 0)]
        {
            let (ticks, got) = round(low, high, 4.0, false);
            assert!(ticks[0] <= low && *ticks.last().expect("ticks") >= high, "{ticks:?}");
            assert!((3..=7).contains(&ticks.len()), "{ticks:?}");
            assert!((ticks[0] - first).abs() < 1e-9 && (ticks.last().expect("ticks") - last).abs() < 1e-9, "{low} to {high}: {ticks:?}");
            assert_eq!(got, decimals, "{ticks:?}");
        }
    }

    #[test]
    fn angles_go_by_parts_of_a_circle() {
        assert_eq!(round(-75.0, 72.0, 4.0, true).0, [-90.0, -45.0, 0.0, 45.0, 90.0]);
        assert_eq!(round(58.6, 86.9, 4.0, true).0, [50.0, 60.0, 70.0, 80.0, 90.0]);
        assert_eq!(round(-2.1, 3.9, 4.0, true).0, [-4.0, -2.0, 0.0, 2.0, 4.0]);
    }

    #[test]
    fn time_gets_calendar_dates() {
        let from: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a date");
        let year = calendar(from, 365.0);
        assert_eq!(year.iter().map(|t| t.label.as_str()).collect::<String>(), "JanFebMarAprMayJunJulAugSepOctNovDecJan");
        assert!((year[2].day - 59.0).abs() < 1e-9);
        let late: Timestamp = "2026-06-21T12:00:00Z".parse().expect("a date");
        assert_eq!(
            calendar(late, 3.0).iter().map(|t| (t.day, t.label.as_str())).collect::<Vec<_>>(),
            [(0.5, "22 Jun"), (1.5, "23 Jun"), (2.5, "24 Jun")]
        );
        assert_eq!(calendar(from, 3650.0).len(), 10);
        assert_eq!(calendar(from, 1000.0)[4].label, "Jan 2027");
        assert_eq!(calendar(from, 30.0).len(), 16);
    }
}
