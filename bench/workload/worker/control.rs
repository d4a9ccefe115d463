//! What a worker's threads and whoever looks at them from outside share under one lock; and where their work is as power comes and goes: asked to leave, away, asked to come, in memory
//! again, each told in words once all threads have done their part.
//!
//! Not here: clocks, threads (`hand`), the work itself.

use crate::Told;
use crate::parking::Outcome;
use signal::{Crossing, Kept, Place};

/// Under the lock. What threads read before each step, and what they say.
#[derive(Debug)]
pub(crate) struct Control {
    pub(super) duty: f64,
    pub(super) renewed_s: f64,
    pub(super) stop: bool,
    /// Whoever stops makes the last check.
    pub(super) conclude: bool,
    /// Nobody waits for the last check any more.
    pub(super) given_up: bool,
    /// Threads that have not ended yet.
    pub(crate) running: usize,
    /// Those of them that compute on the host what a last check is held against, and touch no device before they have asked again.
    pub(super) aside: usize,
    pub(super) failure: Option<String>,
    pub(super) description: String,
    pub(super) remarks: Vec<String>,
    /// Power for the work is there.
    pub(super) powered: bool,
    pub(super) kept: Kept,
    /// Threads whose job is away.
    pub(super) away: usize,
    /// When power last went or came, as far as the work has heard of it.
    since_s: f64,
    /// What the present leaving or coming has come to so far.
    sums: Outcome,
    pub(super) told: Vec<Told>,
}

impl Control {
    /// Idle, with power, in memory, no thread yet.
    pub(super) fn new(description: String) -> Self {
        Self {
            duty: 0.0,
            renewed_s: 0.0,
            stop: false,
            conclude: false,
            given_up: false,
            running: 0,
            aside: 0,
            failure: None,
            description,
            remarks: Vec::new(),
            powered: true,
            kept: Kept::default(),
            away: 0,
            since_s: 0.0,
            sums: Outcome::default(),
            told: Vec::new(),
        }
    }

    /// Threads that are still waited for.
    pub(super) const fn busy(&self) -> bool {
        self.running > if self.given_up { self.aside } else { 0 }
    }

    /// Moves on where all threads have done their part: to where power wants the work.
    pub(super) fn settle(&mut self, now_s: f64, crossing: Crossing) {
        match self.kept.place {
            Place::Leaving if self.away >= self.running && self.running > 0 => {
                let took_s = now_s - self.since_s;
                self.kept.pauses += 1;
                self.kept.write_s += took_s;
                self.tell_left(took_s, crossing);
                self.kept.place = Place::Away;
            }
            Place::Coming if self.away == 0 => {
                let took_s = now_s - self.since_s;
                self.kept.restore_s += took_s;
                self.tell_came(took_s);
                self.kept.place = Place::Memory;
            }
            _ => {}
        }
        let next = match (self.kept.place, self.powered) {
            (Place::Memory, false) => Place::Leaving,
            (Place::Away, true) => Place::Coming,
            (place, _) => place,
        };
        if next != self.kept.place {
            (self.kept.place, self.since_s, self.sums) = (next, now_s, Outcome::default());
        }
    }

    pub(super) fn add(&mut self, outcome: Outcome) {
        self.kept.lost_output += outcome.lost.output as f64;
        self.kept.lost_input += outcome.lost.input as f64;
        self.sums.lost.output += outcome.lost.output;
        self.sums.lost.input += outcome.lost.input;
        self.sums.bytes += outcome.bytes;
        self.sums.wrong = self.sums.wrong.take().or(outcome.wrong);
    }

    fn lost(&self) -> String {
        let lost = self.sums.lost;
        match (lost.output, lost.input) {
            (0, 0) => "nothing is lost".to_owned(),
            (output, input) => format!("{output} units put out and {input} taken in are lost and done again"),
        }
    }

    fn tell_left(&mut self, took_s: f64, crossing: Crossing) {
        if self.sums.bytes > 0 {
            self.kept.bytes = self.sums.bytes;
        }
        let wrong = self.sums.wrong.take();
        let message = match (&wrong, crossing) {
            (Some(why), _) => format!("{why}; {}", self.lost()),
            (None, Crossing::Checkpoint) => {
                format!("{:.2} MiB are on the disk after {took_s:.3} s, the work's memory is free", mib(self.sums.bytes))
            }
            (None, _) => format!("the work's memory is free after {took_s:.3} s; {}", self.lost()),
        };
        self.told.push(Told { kind: "checkpoint", wrong: wrong.is_some(), message });
    }

    fn tell_came(&mut self, took_s: f64) {
        let wrong = self.sums.wrong.take();
        let message = match &wrong {
            Some(why) => format!("{why}: the work began anew after {took_s:.3} s; {}", self.lost()),
            None if self.sums.bytes > 0 => {
                format!("weights and {:.2} MiB of state are back in memory after {took_s:.3} s; {}", mib(self.sums.bytes), self.lost())
            }
            None => format!("weights are back in memory after {took_s:.3} s, and what was lost is done again"),
        };
        self.told.push(Told { kind: "restore", wrong: wrong.is_some(), message });
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
