//! What a check finds, as numbers.
//!
//! Not here: how (the procedure), and what it is called (`report`).

use accelerator::trace::Estimate;

/// What was found. Each is `None` where the device does not say, or no work was there to load it with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Findings {
    /// Power with no work, W, by blocks of a second.
    pub idle_w: Option<Estimate>,
    /// Power under full load, W.
    pub load_w: Option<f64>,
    /// Period of the power reading, s.
    pub period_s: Option<f64>,
    /// Its averaging window, s; an upper bound, the board's rise time is in it.
    pub window_s: Option<Estimate>,
    /// From command to full reading, s.
    pub settling_s: Option<Estimate>,
    /// Period of the energy counter, s.
    pub counter_period_s: Option<f64>,
    /// Mean power by the counter over integrated power under steady load, less one.
    pub counter_gap: Option<f64>,
    /// Error of integrated power when the load alternates with the sensor's period: the largest of the trials, of the mean by the counter.
    pub aliased: Option<f64>,
    /// The same with periods of two to three seconds at random.
    pub jittered: Option<f64>,
    /// Loss of throughput by polling as in a run.
    pub overhead: Option<Estimate>,
    /// Looks that brought no power although the device has it, of all.
    pub missing: f64,
    /// Period of the samples that the driver keeps by itself, s.
    pub own_period_s: Option<f64>,
    /// How far back they go, s.
    pub own_depth_s: Option<f64>,
    /// Mean power by them over integrated power under steady load, less one.
    pub own_gap: Option<f64>,
    /// Their error, as `jittered`.
    pub own_jittered: Option<f64>,
    /// What it gives at all.
    pub gives: Gives,
}

/// What a device gives at all: the rest cannot be found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gives {
    /// Power, averaged or not.
    pub power: bool,
    /// An energy counter.
    pub counter: bool,
    /// The driver's own samples.
    pub own: bool,
}

/// Errors of mean power against the counter, the largest of some trials.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Errors {
    pub(super) polled: Option<f64>,
    pub(super) own: Option<f64>,
}

impl Errors {
    pub(super) fn worse(before: Option<f64>, error: Option<f64>) -> Option<f64> {
        match (before, error) {
            (Some(a), Some(b)) => Some(if b.abs() > a.abs() { b } else { a }),
            (a, b) => a.or(b),
        }
    }
}
