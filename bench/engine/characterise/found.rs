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
    /// Period of the power reading, s; `None` also where it is not resolved, which `doubt` says.
    pub period_s: Option<f64>,
    /// What speaks against its period, or against any.
    pub doubt: Option<Doubt>,
    /// Its averaging window, s; an upper bound, the board's rise time is in it.
    pub window_s: Option<Estimate>,
    /// From command to full reading, s.
    pub settling_s: Option<Estimate>,
    /// Period of the energy counter, s.
    pub counter_period_s: Option<f64>,
    /// The counter fell back meanwhile.
    pub counter_fell: bool,
    /// Mean power by the counter over integrated power under steady load, less one.
    pub counter_gap: Option<f64>,
    /// Half of the 95 % interval of that, from parts of the steady load; `None` of fewer than two.
    pub counter_gap_half: Option<f64>,
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

/// Why the update period of the power reading is not known well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Doubt {
    /// Values changed so much more seldom than the counter ticked, or only as the load was stepped, that most updates must have repeated the value before.
    Repeats {
        /// Time between two changes, s.
        changes_s: f64,
        /// Period of the energy counter, s.
        counter_s: Option<f64>,
    },
    /// The driver's stamps say another period than the values.
    Stamps {
        /// By the values, which is taken, s.
        values_s: f64,
        /// By the stamps, s.
        stamps_s: f64,
    },
}

/// Periods that differ by more than this factor are not one.
const APART: f64 = 1.5;

/// The update period of the power reading, s, from what was seen: time between changes of the value, between stamps of the driver's, between ticks of the counter. `own_s` is
/// how seldom our own load changes: a value that changes no more often than that shows the load and not the sensor.
pub(super) fn period(values: Option<f64>, stamps: Option<f64>, counter: Option<f64>, own_s: f64) -> (Option<f64>, Option<Doubt>) {
    match (values, stamps) {
        (Some(changes_s), stamps) if changes_s >= own_s || counter.is_some_and(|tick| changes_s > APART * tick) => match stamps {
            Some(_) => (stamps, None),
            None => (None, Some(Doubt::Repeats { changes_s, counter_s: counter })),
        },
        (Some(values_s), Some(stamps_s)) if stamps_s > APART * values_s || values_s > APART * stamps_s => {
            (values, Some(Doubt::Stamps { values_s, stamps_s }))
        }
        (Some(_), _) => (values, None),
        (None, stamps) => (stamps, None),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_the_sensor_s_and_not_the_load_s() {
        let repeats = |changes_s, counter_s| Some(Doubt::Repeats { changes_s, counter_s });
        for (values, stamps, counter, expected) in [
            (Some(0.1), None, Some(0.1), (Some(0.1), None)),
            (Some(0.02), None, Some(0.1), (Some(0.02), None)),
            (Some(0.1), None, None, (Some(0.1), None)),
            // The quiet card: the value changes as the load is stepped.
            (Some(1.697), None, Some(0.1), (None, repeats(1.697, Some(0.1)))),
            (Some(1.697), None, None, (None, repeats(1.697, None))),
            (Some(0.3), None, Some(0.1), (None, repeats(0.3, Some(0.1)))),
            (Some(1.697), Some(0.1), Some(0.1), (Some(0.1), None)),
            (Some(0.1), Some(0.01), None, (Some(0.1), Some(Doubt::Stamps { values_s: 0.1, stamps_s: 0.01 }))),
            (None, Some(0.1), None, (Some(0.1), None)),
            (None, None, Some(0.1), (None, None)),
        ] {
            assert_eq!(period(values, stamps, counter, 0.8), expected, "{values:?} {stamps:?} {counter:?}");
        }
    }
}
