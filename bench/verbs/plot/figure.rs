//! What a chart of a span shows, without saying how it is drawn.

use jiff::Timestamp;

/// A whole figure: panels above each other that share the axis of time.
pub(super) struct Figure {
    pub(super) title: String,
    pub(super) subtitle: String,
    /// (name, value) of the figures beside the title.
    pub(super) facts: Vec<(String, String)>,
    /// The instant of the left edge.
    pub(super) from: Timestamp,
    /// From the left edge to the right one.
    pub(super) days: f64,
    /// Stretches to shade, days from the left edge.
    pub(super) seasons: Vec<(f64, f64)>,
    /// What they are called.
    pub(super) shaded: &'static str,
    pub(super) panels: Vec<Panel>,
    /// (day it starts, what to say of it).
    pub(super) tips: Vec<(f64, String)>,
}

/// One chart.
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) unit: String,
    pub(super) series: Vec<Series>,
    pub(super) rules: Vec<Rule>,
    /// The axis starts at zero.
    pub(super) from_zero: bool,
}

/// A line across a chart at a value that means something.
#[derive(Clone)]
pub(super) struct Rule {
    pub(super) at: f64,
    pub(super) label: String,
}

/// One quantity over time.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) mark: Mark,
    /// Which colour of the palette.
    pub(super) colour: usize,
    pub(super) points: Vec<Point>,
}

/// How a series is drawn.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mark {
    /// The mean as a line, least to most as a band about it.
    Band,
    /// Filled down to zero.
    Area,
}

/// Least, mean and most in one stretch of time. Not a number where the quantity does not exist.
#[derive(Clone, Copy)]
pub(super) struct Point {
    /// Days from the left edge.
    pub(super) day: f64,
    pub(super) least: f64,
    pub(super) mean: f64,
    pub(super) most: f64,
}

impl Panel {
    /// Values that the chart spans.
    pub(super) fn extent(&self) -> (f64, f64) {
        let points = self.series.iter().flat_map(|s| &s.points).filter(|p| p.mean.is_finite());
        let (least, most) = points.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| (low.min(p.least), high.max(p.most)));
        let least = if self.from_zero { least.min(0.0) } else { least };
        // A flat line in the middle of something, and not on a rim; but zero is a rim.
        if most - least < 1e-9 * most.abs().max(1.0) {
            (if self.from_zero { least } else { least - 1.0 }, most + 1.0)
        } else {
            (least, most)
        }
    }

    /// The rules near enough to what is drawn to say something.
    pub(super) fn rules_within(&self, low: f64, high: f64) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |r| (low..=high).contains(&r.at))
    }
}

/// A number with a real minus sign.
pub(super) fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    // No negative zero.
    let text =
        if text.trim_start_matches('-').bytes().all(|b| matches!(b, b'0' | b'.')) { text.trim_start_matches('-').to_owned() } else { text };
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_typeset() {
        for (value, decimals, text) in [(-12.34, 1, "−12.3"), (-0.01, 1, "0.0"), (0.0, 0, "0"), (1404.2, 0, "1404")] {
            assert_eq!(number(value, decimals), text);
        }
    }
}
