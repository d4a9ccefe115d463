//! What the driver knows of the device, between two inputs.

use crate::drivers::commands::Output;
use crate::protocol::mecom::Value;

/// Status numbers of parameter 104.
pub(super) mod status {
    /// Nothing runs, and nothing is wrong.
    pub(in crate::drivers) const READY: i32 = 1;
    pub(in crate::drivers) const RUN: i32 = 2;
    /// It has dropped its outputs.
    pub(in crate::drivers) const ERROR: i32 = 3;

    /// Whether an output is on, by the device's status and its own enable flag (not 0); `None` if nobody can tell. The status is the
    /// device's: of `several` outputs it says no more than that one of them runs. Whatever the vendor's list does not name, and what it names of a
    /// device that starts (0, 4, 5), says nothing; nor does one that does not run and is enabled.
    pub(in crate::drivers) const fn is_on(number: i32, enabled: bool, several: bool) -> Option<bool> {
        match number {
            RUN => Some(enabled || !several),
            READY | ERROR if !enabled => Some(false),
            _ => None,
        }
    }
}

/// What the device said of itself since the line was opened.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) identity: String,
    pub(super) model: i32,
    pub(super) serial: i32,
    /// Version of its electronics, hundredths, if it tells that.
    pub(super) hardware: Option<i32>,
    /// It is the declared one.
    pub(super) known: bool,
    pub(super) positive_heats: bool,
    pub(super) enabled: bool,
    /// It stands in error and is enabled: it would come on again with the error's end.
    pub(super) armed: bool,
    /// The parameter that says what its output is to give or hold, and what it was last told.
    pub(super) given: Option<(u16, Value)>,
    /// It holds that: nothing newer was begun and given up.
    pub(super) settled: bool,
    pub(super) output: Output,
    pub(super) error: Option<(i32, i32)>,
    pub(super) error_told: bool,
    /// It answers bulk reads, and as we understand them.
    pub(super) bulk: bool,
}

impl Found {
    /// It holds this, read back.
    pub(super) fn give(&mut self, parameter: u16, value: f64) {
        (self.given, self.settled) = (Some((parameter, Value::Float(value as f32))), true);
    }
}
