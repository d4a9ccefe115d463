//! Keeping the device's flash out of it: parameter 108.
//!
//! While that is 0 the device saves what it is told as it is told (see `protocol::mecom::parameter`), and a setpoint a second wears its
//! flash out; an output that was on would come back on after a power cut. So 1 is written before anything else and read back.
//! A device that will not hold it is switched off like any other, and then refused. One whose firmware lacks the parameter is refused likewise,
//! unless its rig file says `ram_only = false`, which is a risk that somebody must answer for.

use super::Mecom;
use super::task::Task;
use crate::config::MecomSettings;
use crate::driver::Effects;
use crate::protocol::mecom::{ServerError, Value, id};

/// What 108 must be.
const IN_MEMORY: Value = Value::Int(1);

/// Written and looked at before anything else. What comes of it is judged once the output is off, by [`kept`].
pub(super) const fn guard() -> [Task; 2] {
    [Task::Write { parameter: id::SAVE_TO_FLASH, value: IN_MEMORY, attempts: 2 }, Task::Memory]
}

/// The setting among all others, where the device must hold it.
pub(super) fn kept(own: &MecomSettings) -> impl Iterator<Item = (u16, Value)> + use<> {
    own.ram_only.then_some((id::SAVE_TO_FLASH, IN_MEMORY)).into_iter()
}

/// The device was asked for parameter 108 and said no: no reason to leave its output as it is.
pub(super) const fn is_guard(task: Task) -> bool {
    matches!(task, Task::Memory | Task::Write { parameter: id::SAVE_TO_FLASH, .. })
}

/// What to do about it, after the words of what went wrong with `task`; empty where that is no matter of flash.
pub(super) const fn advice(parameter: u16, error: Option<ServerError>) -> &'static str {
    match (parameter, error) {
        (id::SAVE_TO_FLASH, Some(ServerError::Parameter)) => {
            ": its firmware has no parameter 108, and may save every setting to its flash; declare ram_only = false if that is answered for"
        }
        (id::SAVE_TO_FLASH, _) => ": it would save every setting to its flash, which wears out",
        _ => "",
    }
}

impl Mecom {
    /// What 108 reads after it was written.
    pub(super) fn memory(&mut self, number: i32, fx: &mut Effects) {
        if Value::Int(number) != IN_MEMORY && !self.heard {
            // It may never have arrived, and nothing else is written before it has.
            self.silent(format!("parameter 108 reads {number} after {IN_MEMORY} was written"), fx);
        }
    }
}
