//! Whether a poll was answered in step. Lines carry no number: an answer that comes one late is taken for the next one, and from then on
//! every reading is another's. So a poll's readings are followed by the question who it is, which no other answer fits, and are told only
//! after that; nor are they where more came in between than was asked for, for then it may have fallen into step again on its way.

use super::Line;
use crate::dialect::Found;
use crate::driver::{Effects, Event};
use crate::drivers::commands::Job;
use signal::{Channel, Tick};

impl Line {
    /// Keeps a reading of the poll that is under way until they are known to be in step.
    pub(super) fn read(&mut self, tick: Tick, channel: Channel, value: f64) {
        self.readings.push(Event::Reading { tick, channel, value });
    }

    /// The answer after a poll's readings came: the device's name for itself, or whatever it was.
    pub(super) fn synced(&mut self, line: &str, now_s: f64, fx: &mut Effects) {
        self.asked = None;
        let said = self.settings.dialect.identify.find(line, self.settings.model.as_deref());
        let Some(found) = said else {
            self.port.resync(now_s);
            let why = format!("the poll was answered out of step: \"{}\" came where the device says who it is", line.escape_debug());
            if let Some(job @ Job::Poll(_)) = self.job {
                self.fail(job, &why, fx);
            }
            return;
        };
        if let Some(why) = self.not_declared(&found) {
            self.known.declared = false;
            self.refuse(why, true, fx);
            return;
        }
        self.tell_readings(fx);
    }

    /// What was read, if it was answered in step.
    fn tell_readings(&mut self, fx: &mut Effects) {
        let readings = std::mem::take(&mut self.readings);
        if self.port.was_crowded() {
            let why = "more came than was asked for: nothing that was read meanwhile is believed".to_owned();
            fx.events.push(Event::Retried { why });
        } else {
            fx.events.extend(readings);
        }
    }

    /// Why what it says of itself is not what the rig file declares.
    pub(super) fn not_declared(&self, found: &Found) -> Option<String> {
        let held = [("model", &self.settings.model), ("serial", &self.settings.serial_number)];
        held.into_iter().find_map(|(name, declared)| {
            let declared = declared.as_ref()?;
            let said = found.iter().find(|(known, _)| known == name).map(|(_, word)| word);
            if said == Some(declared) {
                return None;
            }
            let said = said.map_or_else(|| "not told".to_owned(), |said| format!("\"{said}\""));
            let what = if name == "serial" { "serial number" } else { name };
            Some(format!("another device answers: its {what} is {said}, the rig file declares \"{declared}\""))
        })
    }
}
