//! Going safe: what an instrument is asked for, again and again until it is confirmed, and when it is.
//!
//! Only what the device said after it was last asked counts. Of an output that must go off that is "off", and, where the instrument
//! measures its own current, a reading that agrees; of a fan or a pump it is "on" after its level was written anew, since an output
//! that somebody else left on may be on at anything.

use super::{Known, Part};
use rig::Command;

impl Known {
    /// From now on only a confirmation that is still to come counts.
    pub(crate) fn begin_safe(&mut self) {
        (self.output_on, self.given) = (None, None);
        if let Some(flow) = &mut self.flow {
            flow.forget();
        }
    }

    /// What going safe asks of it now, in order; nothing once it is safe, or where nothing is switched.
    pub(crate) fn safe_commands(&mut self) -> Vec<Command> {
        if self.is_safe() {
            return Vec::new();
        }
        match self.part {
            Part::None => Vec::new(),
            Part::Servo | Part::Beside => {
                // A poll after "off": what is measured then must agree. Once it says off, that alone is missing.
                let off = (self.output_on != Some(false)).then_some(Command::Disable);
                let next = self.flow.as_ref().map(|flow| flow.next_poll(self.polled.max(self.asked)));
                let poll = next.filter(|_| off.is_some() || self.asked.is_none());
                self.asked = self.asked.max(poll);
                off.into_iter().chain(poll.map(|tick| Command::Poll { tick })).collect()
            }
            Part::Carrier => {
                self.output_on = None;
                // Once since it was last ready: told again before it is heard, the level would keep "on" waiting for ever.
                let level = self.start_level().filter(|_| self.given.is_none());
                self.given = self.given.or(level);
                level.into_iter().chain([Command::Enable]).collect()
            }
        }
    }

    /// Its output is confirmed to be as safe as it can be.
    pub(crate) fn is_safe(&self) -> bool {
        match self.part {
            // One that was refused is switched off all the same, but not polled: it is taken at its word.
            Part::Servo | Part::Beside => {
                self.output() == Some(false)
                    && self.flow.as_ref().is_none_or(|flow| flow.agreed() || (!self.ready && flow.contradicts().is_none()))
            }
            // Found on while it was looked for, it may be on at anything.
            Part::Carrier => self.ready && self.output_on == Some(true) && (self.start_level().is_none() || self.given.is_some()),
            Part::None => true,
        }
    }

    /// Why it is not, in words.
    pub(crate) fn unsafe_words(&self) -> String {
        let wanted = if self.part == Part::Carrier { "on" } else { "off" };
        if let Some(why) = self.flow.as_ref().and_then(super::Flow::contradicts) {
            return format!("output UNKNOWN: {why}");
        }
        if wanted == "off" && self.output_on == Some(true) {
            let why = self.newest.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            return format!("output ON (read), and told off again and again until the time for it was over{why}");
        }
        match &self.newest {
            Some(why) if self.lost.as_ref() == Some(why) => format!("output UNKNOWN, link lost: {why}"),
            Some(why) if self.output_on.is_none() => format!("output UNKNOWN: {why}"),
            Some(why) => format!("its output was not confirmed {wanted}: {why}"),
            None if self.output() == Some(false) && wanted == "off" => "it says off, and its current was not read after that".to_owned(),
            None => format!("its output was not confirmed {wanted}"),
        }
    }

    /// What its output is given to start with, where it does not follow the Sun.
    pub(super) fn start_level(&self) -> Option<Command> {
        self.start.filter(|_| self.sun.is_none()).map(Command::Level)
    }
}
