//! The stretch of time that strip and charts share, so that they line up.

use crate::app::{App, Zoom};
use crate::history::Sample;

/// While staging, the charts span this much bench time.
const STAGING_S: f64 = 600.0;

/// Which clock runs along the charts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    /// Bench time: mission time stands still while staging.
    Bench,
    /// Mission time.
    Mission,
}

/// A stretch of time on one clock, s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) axis: Axis,
    pub(super) from_s: f64,
    pub(super) to_s: f64,
}

/// A length of time that can be divided by: whatever an engine says.
fn sane(seconds: f64) -> Option<f64> {
    (seconds.is_finite() && seconds >= 1e-3).then_some(seconds)
}

/// Mission seconds shown: 0 while staging.
pub(super) fn mission_s(app: &App) -> f64 {
    app.view().row.as_ref().and_then(|r| r.mission_s).filter(|m| m.is_finite()).unwrap_or(0.0)
}

/// Seconds of an orbit.
pub(super) fn period_s(app: &App) -> f64 {
    sane(app.run().period_s).or(sane(app.run().duration_s)).unwrap_or(1.0)
}

/// Mission seconds of the whole run.
pub(super) fn duration_s(app: &App) -> f64 {
    sane(app.run().duration_s).unwrap_or_else(|| period_s(app))
}

/// Which orbit is flown, from 0, and how many there are; the last moment of a run belongs to its last orbit.
pub(super) fn orbit(app: &App) -> (f64, f64) {
    let (period, duration) = (period_s(app), duration_s(app));
    let count = (duration / period - 1e-9).ceil().max(1.0);
    ((mission_s(app) / period).floor().clamp(0.0, count - 1.0), count)
}

/// The mission time that the sunlight strip spans.
pub(super) fn of_strip(app: &App) -> Window {
    let (period, duration, now) = (period_s(app), duration_s(app), mission_s(app));
    let (from_s, to_s) = match app.zoom() {
        Zoom::Quarter => (now - period * 3.0 / 16.0, now + period / 16.0),
        Zoom::Orbit => {
            let start = orbit(app).0 * period;
            (start, start + period)
        }
        Zoom::Run => (0.0, duration),
    };
    Window { axis: Axis::Mission, from_s, to_s }
}

/// The time that the charts span: the strip's once mission time runs, the last bench minutes before.
pub(super) fn of_charts(app: &App) -> Window {
    match &app.view().row {
        Some(row) if row.mission_s.is_none() => {
            let to_s = row.bench_s.max(STAGING_S);
            Window { axis: Axis::Bench, from_s: to_s - STAGING_S, to_s }
        }
        _ => of_strip(app),
    }
}

impl Window {
    /// Where a sample lies on this window's clock.
    pub(super) fn place(&self, sample: &Sample) -> Option<f64> {
        match self.axis {
            Axis::Bench => Some(sample.bench_s),
            Axis::Mission => sample.mission_s,
        }
    }

    /// Which of `cells` equal parts holds `at_s`.
    pub(super) fn cell(&self, at_s: f64, cells: usize) -> Option<usize> {
        let part = (at_s - self.from_s) / (self.to_s - self.from_s);
        ((0.0..=1.0).contains(&part) && cells > 0).then(|| ((part * cells as f64) as usize).min(cells - 1))
    }
}
