//! What the driver makes of an answer, and of silence.

use super::Line;
use super::script::{Step, Then};
use crate::config::{Firmware, LineSettings, Round};
use crate::dialect::{Ask, number};
use crate::driver::{Effects, Event};
use crate::drivers::commands::{AGAIN_S, FAILURES_TO_LOSE, Job, LOOKS, ROUNDS_TO_LEAVE, ROUNDS_TO_LOSE};
use signal::Channel;
use std::fmt::Write as _;

/// How far apart the output is looked at until it has followed, s.
const LOOK_AGAIN_S: f64 = 0.1;

/// A step in words, for events.
pub(super) fn words(step: &Step, settings: &LineSettings) -> String {
    let line = match step {
        Step::Identify => return format!("the identification of a {}", settings.dialect.name),
        Step::Firmware => return "the question for its firmware".to_owned(),
        Step::Sync => return "the question who it is".to_owned(),
        Step::Tell { line, .. } | Step::Ask { line, .. } => line,
        Step::Wait(_) | Step::Reopen => return "a pause".to_owned(),
    };
    format!("\"{}\"", String::from_utf8_lossy(line).escape_debug())
}

/// It is a number, or a device's word for having none: JSON's null, NAN, dashes, an error of its own. Anything else is a line that
/// came by itself, such as a banner, and the answer is still under way.
fn means_a_number(word: &str) -> bool {
    let none = word.chars().all(|c| c == '-') || word.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("err"));
    none || number(word).is_some() || word.parse::<f64>().is_ok()
}

/// The device's word for "no value", which may be of the moment: dashes, NAN, a number that stands for none.
fn means_none(word: &str) -> bool {
    word.chars().all(|c| c == '-') || word.parse::<f64>().is_ok()
}

impl Line {
    /// A line came while a message was out.
    pub(super) fn heard(&mut self, line: &str, now_s: f64, fx: &mut Effects) {
        let Some((step, _)) = &self.asked else { return };
        match step.clone() {
            Step::Identify => self.identified(line, now_s, fx),
            Step::Sync => self.synced(line, now_s, fx),
            Step::Firmware => {
                self.asked = None;
                let said = self.settings.dialect.identify.firmware_in(line);
                self.versioned(said, fx);
            }
            step @ Step::Tell { off, .. } => {
                let fits = self.settings.dialect.line.acknowledge.as_ref().is_none_or(|pattern| pattern.find(line).is_some());
                self.asked = None;
                // Of switching off what is read back decides: it may be off for another reason, where the question would show that it is not.
                if off {
                    self.known.denied_off = !fits;
                }
                if !fits && !off {
                    self.denied(&step, line, fx);
                }
            }
            step @ Step::Ask { .. } => {
                let Step::Ask { ask, then, .. } = step.clone() else { return };
                let whole = ask.bytes.is_none_or(|bytes| line.chars().count() >= bytes);
                let word = ask.reply.word(line).filter(|_| whole);
                let left = self.asked.as_ref().is_some_and(|(_, left)| *left > 0);
                if let Some(word) = word.filter(|word| !left || !then.is_number() || means_a_number(word)) {
                    self.asked = None;
                    self.doubted = false;
                    let asked = words(&step, &self.settings);
                    if then == Then::Error {
                        self.error(&word, line, fx);
                    } else {
                        self.answered(&word, &ask, then, &asked, fx);
                    }
                    if self.doubted {
                        self.port.resync(now_s);
                    }
                } else {
                    // Somebody else's answer, or half of one.
                    self.port.resync(now_s);
                    self.unheard(&format!("\"{}\" is no answer", line.escape_debug()), fx);
                }
            }
            Step::Wait(_) | Step::Reopen => {}
        }
    }

    fn identified(&mut self, line: &str, now_s: f64, fx: &mut Effects) {
        let Some(found) = self.settings.dialect.identify.find(line, self.settings.model.as_deref()) else {
            self.port.resync(now_s);
            let last = self.asked.as_ref().is_some_and(|(_, left)| *left == 0);
            if last {
                self.asked = None;
                self.known.declared = false;
                let why =
                    format!("another device answers: it says \"{}\", which is no {}", line.escape_debug(), self.settings.dialect.name);
                self.refuse(why, true, fx);
            } else {
                self.unheard(&format!("\"{}\" is no answer", line.escape_debug()), fx);
            }
            return;
        };
        self.asked = None;
        let word = |name: &str| found.iter().find(|(known, _)| known == name).map(|(_, word)| word.clone());
        if let Some(why) = self.not_declared(&found) {
            self.known.declared = false;
            self.refuse(why, true, fx);
            return;
        }
        self.known.declared = true;
        self.known.device =
            word("model").map_or_else(|| self.settings.dialect.name.clone(), |model| format!("{} {model}", self.settings.dialect.name));
        if let Some(serial) = word("serial") {
            // Writing to a String cannot fail.
            let _ = write!(self.known.device, " serial {serial}");
        }
        let remote = self.settings.dialect.identify.remote_of(word("model").as_deref());
        if let Some(line) = remote.and_then(|line| line.fill(|name| self.writer().parameter(name))) {
            self.steps.push_front(Step::Tell { line, off: false, attempts: 2 });
        }
        if self.settings.dialect.identify.firmware.is_none() {
            self.versioned(word("firmware"), fx);
        }
    }

    /// It told its firmware, or has no way to; with that it has told everything of itself.
    pub(super) fn versioned(&mut self, said: Option<String>, fx: &mut Effects) {
        let met = |wanted: &Firmware| said.as_deref().is_some_and(|said| wanted.is_met_by(said));
        if let Some(wanted) = self.settings.firmware.as_ref().filter(|wanted| !met(wanted)) {
            let said = said.map_or_else(|| "not told".to_owned(), |said| format!("\"{said}\""));
            let why = format!("its firmware is {said}, the rig file declares {wanted}");
            self.known.declared = false;
            self.refuse(why, true, fx);
            return;
        }
        if let Some(said) = said {
            let _ = write!(self.known.device, " firmware {said}");
        }
        fx.events.push(Event::Identified { device: self.known.device.clone() });
    }

    fn answered(&mut self, word: &str, ask: &Ask, then: Then, asked: &str, fx: &mut Effects) {
        let value = ask.value(word);
        let met = then.is_met_by(word, value);
        match then {
            Then::Measure { channel, .. } if self.job == Some(Job::Open) => {
                // A counter that was not started, or was reset, has no count: that is one reading less and no reason to be without the others.
                if value.is_none() && !(channel == Channel::MeterEnergy && means_none(word)) {
                    self.measures_nothing(word, asked, fx);
                }
            }
            Then::Measure { channel, turned } => {
                let Some(Job::Poll(Round { tick, .. })) = self.job else { return };
                // What is no number was not read.
                if let Some(value) = value {
                    self.read(tick, channel, if turned { -value } else { value });
                }
            }
            Then::Equal { what, wanted, .. } => {
                if !met {
                    self.mismatch(&format!("{what} reads back \"{word}\" and not {wanted}"), fx);
                }
            }
            Then::Same { what, wanted } => {
                if !met {
                    self.mismatch(&format!("{what} reads back \"{word}\" and not \"{wanted}\""), fx);
                }
            }
            Then::Output { want, looked } => self.output(want, looked, word, fx),
            Then::Idle { at, want, looked } => self.idle(at, want, looked, (word, value), asked, fx),
            Then::Unless { met, write } => {
                if !met.is_met_by(word, value) {
                    self.steps.push_front(*write);
                }
            }
            Then::Error => {}
        }
    }

    /// A reading that the rig file declares is none: nothing is ready whose poll would be empty. The device's word for "no value" may
    /// be of the moment, and it is looked at again; anything else is an error of its own.
    fn measures_nothing(&mut self, word: &str, asked: &str, fx: &mut Effects) {
        let why = format!("{asked} was answered \"{}\", which is no number", word.escape_debug());
        if means_none(word) {
            self.silent(why, fx);
        } else {
            self.refuse(why, false, fx);
        }
    }

    fn denied(&mut self, step: &Step, line: &str, fx: &mut Effects) {
        let why = format!("{} was answered \"{}\"", words(step, &self.settings), line.escape_debug());
        match self.job {
            Some(Job::Open) => self.refuse(why, false, fx),
            Some(job) => {
                self.drop_job(&why, fx);
                fx.events.push(Event::Refused { why: format!("{}: {why}", job.words()) });
            }
            None => {}
        }
    }

    /// Once it may never have arrived; twice it is refused.
    fn mismatch(&mut self, why: &str, fx: &mut Effects) {
        let Some(job) = self.job else { return };
        self.doubted = true;
        if let Job::Poll(_) | Job::Switch { .. } = job {
            // Written and read back a while ago: it restarted, or another stands in its place.
            return self.silent(format!("the instrument lost its settings as if restarted, {why}"), fx);
        }
        if !std::mem::replace(&mut self.mismatched, true) {
            fx.events.push(Event::Retried { why: why.to_owned() });
            self.begin(job);
            return;
        }
        self.denied_setting(job, why, fx);
    }

    fn denied_setting(&mut self, job: Job, why: &str, fx: &mut Effects) {
        self.mismatched = false;
        if job == Job::Open {
            self.refuse(why.to_owned(), false, fx);
        } else {
            self.drop_job(why, fx);
            fx.events.push(Event::Refused { why: format!("{}: {why}", job.words()) });
        }
    }

    pub(super) fn unanswered(&mut self, step: &Step, why: String, fx: &mut Effects) {
        match (self.job, step) {
            // It was given one attempt only, so it proves nothing of the link; switching off will.
            (Some(Job::Poll(_)), _) if self.wanted.disable => {}
            // What follows reads back.
            (_, Step::Tell { .. }) | (None, _) => {}
            // It may not know the question. If it is gone, the next one finds out.
            (_, Step::Firmware) if self.settings.firmware.is_none() => self.versioned(None, fx),
            (Some(Job::Switch { on: false, round }), _) if round + 1 < ROUNDS_TO_LOSE => {
                self.begin(Job::Switch { on: false, round: round + 1 });
            }
            (Some(Job::Open | Job::Switch { on: false, .. }), _) => self.silent(why, fx),
            (Some(job), _) => self.fail(job, &why, fx),
        }
    }

    /// The job came to nothing. It counts towards the loss of the link, and is begun again where that can do no harm: an "on" that
    /// may have been heard is left to the next poll to find out.
    pub(super) fn fail(&mut self, job: Job, why: &str, fx: &mut Effects) {
        self.drop_job(why, fx);
        self.failed += 1;
        if self.failed >= FAILURES_TO_LOSE {
            self.silent(format!("{FAILURES_TO_LOSE} exchanges failed in a row, {why}"), fx);
            return;
        }
        let again = matches!(job, Job::Target(_) | Job::Level(_) | Job::Curve(_)) && !self.wanted.supersedes(job);
        if again {
            self.begin(job);
        }
    }

    /// The device answers, and nobody can tell what its output does: as good as nothing.
    fn unclear(&mut self, why: String, fx: &mut Effects) {
        self.doubted = true;
        match self.job {
            Some(Job::Switch { on: false, round }) if round + 1 < ROUNDS_TO_LOSE => {
                fx.events.push(Event::Retried { why });
                self.begin(Job::Switch { on: false, round: round + 1 });
            }
            Some(Job::Open | Job::Switch { on: false, .. }) => self.silent(why, fx),
            Some(job) => self.fail(job, &why, fx),
            None => {}
        }
    }

    fn output(&mut self, want: Option<bool>, looked: u8, word: &str, fx: &mut Effects) {
        let Some(rule) = &self.settings.dialect.output else { return };
        let (says, twice) = (rule.says(word), rule.asks_twice());
        let Some(on) = says else {
            return self.unclear(format!("\"{word}\" does not say whether the output is on"), fx);
        };
        if twice && self.known.said.replace(word.to_owned()).as_deref() != Some(word) {
            if looked >= LOOKS {
                return self.unclear(format!("no two answers were alike, the last was \"{word}\""), fx);
            }
            let again = self.writer().whether_on(want, looked + 1);
            return again.into_iter().for_each(|step| self.steps.push_front(step));
        }
        self.known.said = None;
        match self.writer().whether_idle(0, want, looked).filter(|_| !on) {
            Some(step) => self.steps.push_front(step),
            None => self.switched(on, want, looked, fx),
        }
    }

    /// How much flows of an output that says it is off.
    fn idle(&mut self, at: usize, want: Option<bool>, looked: u8, said: (&str, Option<f64>), asked: &str, fx: &mut Effects) {
        let Some(rule) = self.settings.dialect.output.as_ref().and_then(|output| output.idle.get(at)) else { return };
        if said.1.is_some_and(|value| value.abs() <= rule.at_most) {
            return match self.writer().whether_idle(at + 1, want, looked) {
                Some(step) => self.steps.push_front(step),
                None => self.switched(false, want, looked, fx),
            };
        }
        let why = format!("the output says it is off, but {} is \"{}\" ({asked})", rule.name.replace('_', " "), said.0.escape_debug());
        // What was just switched off may take a moment.
        if want == Some(false) && looked < LOOKS {
            return self.look_again(want, looked);
        }
        self.unclear(why, fx);
    }

    fn look_again(&mut self, want: Option<bool>, looked: u8) {
        if let Some(step) = self.writer().whether_on(want, looked + 1) {
            self.steps.push_front(step);
            self.steps.push_front(Step::Wait(LOOK_AGAIN_S));
        }
    }

    /// The output is on or off, as far as its device tells.
    fn switched(&mut self, on: bool, want: Option<bool>, looked: u8, fx: &mut Effects) {
        let covered = self.settings.dialect.output.as_ref().is_some_and(|output| !output.idle.is_empty());
        if want == Some(false) && !on && self.known.denied_off && !covered {
            return self.unclear("it would not be switched off, and says it is off".to_owned(), fx);
        }
        if let Some(Job::Poll(Round { tick, .. })) = self.job
            && self.instrument.servoes()
        {
            self.read(tick, Channel::TecOutput, f64::from(u8::from(on)));
        }
        let Some(want) = want else {
            self.known.output.seen(on, &self.wanted, fx);
            return;
        };
        if on == want {
            self.confirm(on, fx);
            return;
        }
        if looked < LOOKS {
            return self.look_again(Some(want), looked);
        }
        let why = if want { "switching the output on: it stays off" } else { "switching the output off: it stays on" };
        match self.job {
            Some(Job::Switch { on: false, round }) if round + 1 < ROUNDS_TO_LEAVE => {
                // It was read: nobody need wonder what it does until the last round.
                self.known.output.seen(on, &self.wanted, fx);
                fx.events.push(Event::Retried { why: why.to_owned() });
                self.begin(Job::Switch { on: false, round: round + 1 });
                self.steps.push_front(Step::Wait(AGAIN_S));
            }
            Some(Job::Open | Job::Switch { on: false, .. }) => {
                self.confirm(on, fx);
                self.refuse(why.to_owned(), false, fx);
            }
            _ => {
                self.confirm(on, fx);
                fx.events.push(Event::Refused { why: why.to_owned() });
            }
        }
    }

    fn confirm(&mut self, on: bool, fx: &mut Effects) {
        self.known.output.confirm(on, self.job, &mut self.wanted, fx);
    }

    /// What the device says of errors: `word` with its code, of the whole answer `line`.
    fn error(&mut self, word: &str, line: &str, fx: &mut Effects) {
        let Some(rule) = &self.settings.dialect.error else { return };
        // 407,"temperature limit": makers put words of their own behind the code.
        let code = word.split(',').next().unwrap_or_default().trim();
        let same = |known: &str| known == word || known == code || number(known).is_some_and(|known| number(code) == Some(known));
        if rule.none.iter().any(|none| same(none)) || (rule.numbers && number(code).is_none()) {
            self.known.error = None;
            return;
        }
        if self.known.error.as_deref() == Some(word) {
            return;
        }
        let meaning = rule.words.iter().find(|(code, _)| same(code)).map(|(_, words)| words.as_str());
        // Where it says it in words of its own, these tell more than that nobody knows the code.
        let meaning = meaning.or_else(|| (line == code).then_some("not in the dialect's list"));
        let meaning = meaning.map_or_else(String::new, |meaning| format!(": {meaning}"));
        let words = format!("the instrument says \"{}\"{meaning}", line.escape_debug());
        let number = number(code).map_or(-1, |n| n as i32);
        self.known.error = Some(word.to_owned());
        fx.events.push(Event::DeviceError { number, words });
    }
}
