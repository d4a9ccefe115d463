//! A command put away in an eclipse and brought back: what it is asked, what it answers, and how long that took.
//!
//! The protocol, where `ORBITBENCH_ECLIPSE` is `checkpoint` or `restart`:
//! - while power is away, the lines at every tick are `{"target_duty":0,"checkpoint":"/folder/command.checkpoint"}` until it answers: it writes its state to that
//!   file (to another name first, then renamed), frees its memory and prints `{"t":12.5,"checkpoint":{"bytes":4096}}`. With `restart` there is no file,
//!   `"checkpoint":null`: it only drops its memory, and its answer says how many units are lost and will be done again, `{"lost":40,"lost_input":512}`. The same answer
//!   with `"why":"..."` tells that the file could not be written;
//! - when power is back, they have `"restore":"/folder/command.checkpoint"` (or `null`) until it answers `{"t":13,"restore":{"bytes":4096}}`, again with what is lost
//!   if it had to begin anew.
//!
//! A command that does not answer within [`PATIENCE`] idles with its memory, and that is said. Not here: pipes.

use super::line::Answer;
use crate::{Keeping, Told};
use signal::{Crossing, Kept, Place};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the command is, as far as it has answered.
#[derive(Debug, Default)]
pub(super) struct Absence {
    crossing: Crossing,
    file: PathBuf,
    powered: bool,
    kept: Kept,
    since: Option<Instant>,
    /// It did not answer: it is not asked again.
    deaf: bool,
    told: Vec<Told>,
}

impl Absence {
    pub(super) fn new(keeping: &Keeping) -> Self {
        Self { crossing: keeping.crossing, file: keeping.folder.join("command.checkpoint"), powered: true, ..Self::default() }
    }

    /// What it is to be asked beside its duty.
    pub(super) fn asks(&self) -> Option<(&'static str, Option<&Path>)> {
        let file = (self.crossing == Crossing::Checkpoint).then_some(&*self.file);
        match self.kept.place {
            Place::Leaving => Some(("checkpoint", file)),
            Place::Coming => Some(("restore", file)),
            Place::Memory | Place::Away => None,
        }
    }

    pub(super) fn power(&mut self, there: bool, now: Instant) {
        self.powered = there;
        self.settle(now);
    }

    /// Moves on to where power wants it, once it has answered.
    fn settle(&mut self, now: Instant) {
        if self.deaf || !self.crossing.drops() {
            return;
        }
        let next = match (self.kept.place, self.powered) {
            (Place::Memory, false) => Place::Leaving,
            (Place::Away, true) => Place::Coming,
            _ => return,
        };
        if next == Place::Leaving && self.crossing == Crossing::Checkpoint {
            // If it cannot be made, the command will say that it cannot write there.
            let _ = self.file.parent().map(std::fs::create_dir_all);
        }
        (self.kept.place, self.since) = (next, Some(now));
    }

    /// Seconds since it was asked.
    fn took_s(&mut self, now: Instant) -> f64 {
        self.since.take().map_or(0.0, |since| now.saturating_duration_since(since).as_secs_f64())
    }

    fn lost(&mut self, answer: &Answer) -> String {
        let (output, input) = answer.losses();
        self.kept.lost_output += output;
        self.kept.lost_input += input;
        if output + input > 0.0 {
            format!("{output} units put out and {input} taken in are lost and done again")
        } else {
            "nothing is lost".to_owned()
        }
    }

    /// It says that it is away. Said twice, or unasked, it counts once or not at all.
    pub(super) fn left(&mut self, answer: &Answer, now: Instant) {
        if self.kept.place != Place::Leaving {
            return;
        }
        let took_s = self.took_s(now);
        self.kept.pauses += 1;
        self.kept.write_s += took_s;
        self.kept.bytes = answer.bytes.unwrap_or(self.kept.bytes);
        let lost = self.lost(answer);
        let message = match (&answer.why, answer.bytes) {
            (Some(why), _) => format!("the command says: {why}; {lost}"),
            (None, Some(bytes)) => format!("the command wrote {bytes} bytes in {took_s:.3} s; {lost}"),
            (None, None) => format!("the command dropped its memory in {took_s:.3} s; {lost}"),
        };
        self.told.push(Told { kind: "checkpoint", wrong: answer.why.is_some(), message });
        self.kept.place = Place::Away;
        self.settle(now);
    }

    /// It says that it is back.
    pub(super) fn came(&mut self, answer: &Answer, now: Instant) {
        if self.kept.place != Place::Coming {
            return;
        }
        let took_s = self.took_s(now);
        self.kept.restore_s += took_s;
        let lost = self.lost(answer);
        let message = match &answer.why {
            Some(why) => format!("the command says: {why}; {lost}"),
            None => format!("the command is back after {took_s:.3} s; {lost}"),
        };
        self.told.push(Told { kind: "restore", wrong: answer.why.is_some(), message });
        self.kept.place = Place::Memory;
        self.settle(now);
    }

    pub(super) fn kept(&self) -> Option<Kept> {
        self.crossing.drops().then_some(self.kept)
    }

    pub(super) fn told(&mut self, now: Instant) -> Vec<Told> {
        if self.since.is_some_and(|since| now.saturating_duration_since(since) > PATIENCE) {
            let (kind, what) = if self.kept.place == Place::Leaving {
                ("checkpoint", "it idles with its memory, as with --eclipse idle, and nothing of the tax is measured")
            } else {
                ("restore", "whether it has its state back is unknown")
            };
            let message = format!("the command did not answer the line with \"{kind}\" within {} s: {what}", PATIENCE.as_secs());
            self.told.push(Told { kind, wrong: true, message });
            (self.since, self.deaf, self.kept.place) = (None, true, Place::Memory);
        }
        std::mem::take(&mut self.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absence(crossing: Crossing, folder: &Path) -> Absence {
        Absence::new(&Keeping { crossing, folder: folder.to_owned() })
    }

    #[test]
    fn it_is_asked_until_it_answers_and_answers_count_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let mut absence = absence(Crossing::Checkpoint, folder.path());
        absence.left(&Answer { lost: 9.0, ..Answer::default() }, at(0));
        assert_eq!(absence.kept(), Some(Kept::default()), "nobody asked");
        absence.power(false, at(0));
        absence.power(false, at(1));
        assert_eq!(absence.asks().expect("asked").0, "checkpoint");
        // Power is back before it is done: it is let finish first.
        absence.power(true, at(2));
        assert_eq!(absence.asks().expect("asked").0, "checkpoint");
        for _ in 0..2 {
            absence.left(&Answer { bytes: Some(100), ..Answer::default() }, at(3));
        }
        assert_eq!(absence.asks(), Some(("restore", Some(&*folder.path().join("command.checkpoint")))));
        absence.came(&Answer { lost: f64::NAN, lost_input: -3.0, ..Answer::default() }, at(8));
        let kept = absence.kept().expect("kept");
        assert_eq!(kept, Kept { pauses: 1, write_s: 3.0, restore_s: 5.0, bytes: 100, ..Kept::default() });
        assert_eq!(absence.told(at(9)).iter().map(|t| (t.kind, t.wrong)).collect::<Vec<_>>(), [("checkpoint", false), ("restore", false)]);
    }

    #[test]
    fn losses_are_counted_and_a_command_that_knows_nothing_of_it_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let start = Instant::now();
        let mut absence = absence(Crossing::Restart, folder.path());
        absence.power(false, start);
        assert_eq!(absence.asks(), Some(("checkpoint", None)));
        absence.left(&Answer { lost: 40.0, lost_input: 512.0, ..Answer::default() }, start);
        absence.power(true, start);
        assert!(absence.told(start + PATIENCE)[0].message.contains("40 units put out and 512 taken in"));
        let told = absence.told(start + PATIENCE * 2);
        assert!(told[0].wrong && told[0].message.contains("did not answer"), "{told:?}");
        assert!(absence.told(start + PATIENCE * 4).is_empty());
        absence.power(false, start + PATIENCE * 4);
        assert_eq!((absence.asks(), absence.kept().expect("kept").lost_output), (None, 40.0));
        let mut idle = Absence::new(&Keeping::default());
        idle.power(false, start);
        assert_eq!((idle.asks(), idle.kept()), (None, None));
    }
}
