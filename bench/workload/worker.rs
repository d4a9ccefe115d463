//! Work on threads, paced and leased alike, counted as it comes: what the host's and the GPU's engine have in common.
//!
//! What was done since an answer was last found right counts as work while it goes on, and is told apart at the end (`output_tokens_unchecked`): it is known to be
//! right only once the last check, [`Workload::conclude`], has passed. Work that is put away is checked first if that is cheap; what was not, and does not come back with
//! its state either, stays unchecked to the end.
//!
//! Not here: what is computed and when (`pace`); this file owns the threads and the clock between them.

use crate::generate::Done;
use crate::job::Job;
use crate::pace::{Pace, Phase, leased};
use crate::parking::{Outcome, Parking};
use crate::{Error, Told, Workload};
use signal::{Crossing, Kept, Place};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Threads of the built-in transformer. Starts idle.
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    /// The lease has been seen to run out and this was remarked.
    remarked: bool,
}

#[derive(Debug)]
pub(crate) struct Shared {
    /// The clock of pacing and lease.
    started: Instant,
    lease_s: f64,
    crossing: Crossing,
    input: AtomicU64,
    output: AtomicU64,
    /// Of both, what is not known to be right yet, in all threads.
    unchecked: [AtomicU64; 2],
    control: Mutex<Control>,
    changed: Condvar,
}

#[derive(Debug)]
pub(crate) struct Control {
    duty: f64,
    renewed_s: f64,
    stop: bool,
    /// Whoever stops makes the last check.
    conclude: bool,
    /// Threads that have not ended yet.
    pub(crate) running: usize,
    failure: Option<String>,
    description: String,
    remarks: Vec<String>,
    /// Power for the work is there.
    powered: bool,
    kept: Kept,
    /// Threads whose job is away.
    away: usize,
    /// When power last went or came, as far as the work has heard of it.
    since_s: f64,
    /// What the present leaving or coming has come to so far.
    sums: Outcome,
    told: Vec<Told>,
}

impl Control {
    /// Moves on where all threads have done their part: to where power wants the work.
    fn settle(&mut self, now_s: f64, crossing: Crossing) {
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

    fn add(&mut self, outcome: Outcome) {
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

impl Shared {
    fn now_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// A panicked worker leaves nothing half-done in here: its lock is as good as before.
    pub(crate) fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, control: &mut Control) {
        let before = control.kept.place;
        control.settle(self.now_s(), self.crossing);
        if control.kept.place != before {
            self.changed.notify_all();
        }
    }

    /// Takes note of what of a thread's work is unchecked now, where it was `open` before.
    fn left_open(&self, open: &mut Done, now: Done) {
        for (all, [now, before]) in self.unchecked.iter().zip([[now.output, open.output], [now.input, open.input]]) {
            all.fetch_add(now as u64, Ordering::Relaxed);
            all.fetch_sub(before as u64, Ordering::Relaxed);
        }
        *open = now;
    }

    fn ask_to_stop(&self) {
        self.control().stop = true;
        self.changed.notify_all();
    }
}

/// A working thread's hold on what is shared. Says that the thread has ended, however it ends.
pub(crate) struct Hand {
    shared: Arc<Shared>,
    /// Its job is away.
    away: Cell<bool>,
}

impl Drop for Hand {
    fn drop(&mut self) {
        let mut control = self.shared.control();
        control.running -= 1;
        control.away -= usize::from(self.away.get());
        if thread::panicking() {
            control.failure.get_or_insert_with(|| "a working thread panicked".to_owned());
        }
        self.shared.settle(&mut control);
        drop(control);
        self.shared.changed.notify_all();
    }
}

impl Hand {
    #[cfg(test)]
    pub(crate) const fn of(shared: Arc<Shared>) -> Self {
        Self { shared, away: Cell::new(false) }
    }

    /// Says why there is no work. The first reason stands.
    pub(crate) fn fail(&self, why: String) {
        self.shared.control().failure.get_or_insert(why);
    }

    /// Says what is known only now of what works.
    pub(crate) fn describe(&self, more: &str) {
        self.shared.control().description += more;
    }

    /// Says what is worth an event.
    pub(crate) fn remark(&self, what: String) {
        self.shared.control().remarks.push(what);
    }

    /// Steps while there is power and duty, until told to stop or a step fails; then the last check, if that was asked for and the job is not away. `make` makes the
    /// job from nothing: at first, and whenever power returns to one that was put away.
    pub(crate) fn work<'a>(&self, pace: Pace, mut parking: Parking, make: &mut dyn FnMut() -> Result<Box<dyn Job + 'a>, String>) {
        let mut job = match make() {
            Ok(job) => Some(job),
            Err(why) => return self.fail(why),
        };
        let shared = &*self.shared;
        // What was unchecked when the job left, what is so for good, and what was told of it.
        let (mut left, mut gone, mut open) = (Done::default(), Done::default(), Done::default());
        let mut control = shared.control();
        while !control.stop {
            match (control.kept.place, job.take()) {
                (Place::Leaving, Some(leaving)) => {
                    drop(control);
                    let outcome = parking.leave(leaving, &|| !shared.control().stop);
                    left = outcome.unchecked;
                    shared.left_open(&mut open, gone + left);
                    control = shared.control();
                    self.away.set(true);
                    control.away += 1;
                    if let Some(why) = outcome.failed {
                        control.failure.get_or_insert(why);
                        return;
                    }
                    control.add(outcome);
                    shared.settle(&mut control);
                }
                (Place::Coming, None) => {
                    drop(control);
                    let came = parking.come(make);
                    control = shared.control();
                    match came {
                        Ok((back, outcome)) => {
                            // What is not in the state that came back is looked at by nobody any more.
                            gone = gone + left.less(back.unchecked());
                            job = Some(back);
                            self.away.set(false);
                            control.away -= 1;
                            control.add(outcome);
                            shared.settle(&mut control);
                        }
                        Err(why) => {
                            control.failure.get_or_insert(why);
                            return;
                        }
                    }
                }
                (_, None) => control = shared.changed.wait(control).unwrap_or_else(PoisonError::into_inner),
                (_, Some(mut at_work)) => {
                    let now_s = shared.now_s();
                    match pace.at(now_s, leased(control.duty, control.renewed_s, shared.lease_s, now_s)) {
                        Phase::Work { .. } => {
                            drop(control);
                            let outcome = at_work.step();
                            if let Ok(done) = outcome {
                                parking.count(done);
                                shared.input.fetch_add(done.input as u64, Ordering::Relaxed);
                                shared.output.fetch_add(done.output as u64, Ordering::Relaxed);
                                shared.left_open(&mut open, gone + at_work.unchecked());
                            }
                            control = shared.control();
                            if let Err(e) = outcome {
                                control.failure.get_or_insert_with(|| e.to_string());
                                return;
                            }
                        }
                        Phase::Idle { until_s } => {
                            let wait =
                                if until_s.is_finite() { Duration::from_secs_f64((until_s - now_s).max(0.001)) } else { Duration::MAX };
                            control = shared.changed.wait_timeout(control, wait).unwrap_or_else(PoisonError::into_inner).0;
                        }
                    }
                    job = Some(at_work);
                }
            }
        }
        let conclude = control.conclude;
        drop(control);
        if conclude && let Some(mut job) = job {
            match job.close() {
                Ok(()) => shared.left_open(&mut open, gone + job.unchecked()),
                Err(e) => self.fail(e.to_string()),
            }
        }
    }
}

impl Worker {
    /// No thread yet.
    pub(crate) fn new(lease: Duration, crossing: Crossing, description: String) -> Self {
        let control = Control {
            duty: 0.0,
            renewed_s: 0.0,
            stop: false,
            conclude: false,
            running: 0,
            failure: None,
            description,
            remarks: Vec::new(),
            powered: true,
            kept: Kept::default(),
            away: 0,
            since_s: 0.0,
            sums: Outcome::default(),
            told: Vec::new(),
        };
        let shared = Shared {
            started: Instant::now(),
            lease_s: lease.as_secs_f64(),
            crossing,
            input: AtomicU64::new(0),
            output: AtomicU64::new(0),
            unchecked: [AtomicU64::new(0), AtomicU64::new(0)],
            control: Mutex::new(control),
            changed: Condvar::new(),
        };
        Self { shared: Arc::new(shared), remarked: false }
    }

    /// Says what is worth an event.
    pub(crate) fn remark(&self, what: String) {
        self.shared.control().remarks.push(what);
    }

    /// One thread more.
    pub(crate) fn spawn(&self, name: String, work: impl FnOnce(&Hand) + Send + 'static) -> Result<(), Error> {
        self.shared.control().running += 1;
        let hand = Hand { shared: Arc::clone(&self.shared), away: Cell::new(false) };
        // If there is no thread, the hand goes with the closure and counts it off.
        thread::Builder::new().name(name).spawn(move || work(&hand)).map(drop).map_err(Error::Thread)
    }

    /// Asks all threads to end and tells whether they have.
    fn wait(&self, within: Duration) -> bool {
        self.shared.ask_to_stop();
        let some_run = |control: &mut Control| control.running > 0;
        let waited = self.shared.changed.wait_timeout_while(self.shared.control(), within, some_run);
        waited.unwrap_or_else(PoisonError::into_inner).0.running == 0
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// True once the lease has run out while there was work to do.
    pub(crate) fn lease_is_over(&self) -> bool {
        let now_s = self.shared.now_s();
        let control = self.shared.control();
        control.duty > 0.0 && leased(control.duty, control.renewed_s, self.shared.lease_s, now_s) == 0.0
    }
}

impl Workload for Worker {
    fn set_duty(&mut self, duty: f64) {
        if duty.is_nan() {
            return;
        }
        let now_s = self.shared.now_s();
        let mut control = self.shared.control();
        control.duty = duty.clamp(0.0, 1.0);
        control.renewed_s = now_s;
        drop(control);
        self.remarked = false;
        self.shared.changed.notify_all();
    }

    fn units(&self) -> Option<f64> {
        Some(self.shared.output.load(Ordering::Relaxed) as f64)
    }

    fn input_units(&self) -> Option<f64> {
        Some(self.shared.input.load(Ordering::Relaxed) as f64)
    }

    fn unit(&self) -> &'static str {
        "token"
    }

    fn figures(&self) -> BTreeMap<String, f64> {
        let names = ["output_tokens_unchecked", "input_tokens_unchecked"];
        names.into_iter().zip(&self.shared.unchecked).map(|(name, n)| (name.to_owned(), n.load(Ordering::Relaxed) as f64)).collect()
    }

    fn describe(&self) -> String {
        self.shared.control().description.clone()
    }

    fn healthy(&self) -> Result<(), String> {
        self.shared.control().failure.clone().map_or(Ok(()), Err)
    }

    fn remarks(&mut self) -> Vec<String> {
        let mut remarks = std::mem::take(&mut self.shared.control().remarks);
        if !self.remarked && self.lease_is_over() {
            self.remarked = true;
            remarks.push(format!("the duty was not renewed for {:.1} s: the work fell idle", self.shared.lease_s));
        }
        remarks
    }

    fn power(&mut self, there: bool) {
        if !self.shared.crossing.drops() {
            return;
        }
        let mut control = self.shared.control();
        control.powered = there;
        self.shared.settle(&mut control);
    }

    fn kept(&self) -> Option<Kept> {
        self.shared.crossing.drops().then(|| self.shared.control().kept)
    }

    fn told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.shared.control().told)
    }

    fn conclude(&mut self, within: Duration) -> Result<(), String> {
        let mut control = self.shared.control();
        control.conclude = true;
        let away = control.away > 0;
        drop(control);
        let ended = self.wait(within);
        self.healthy()?;
        let left: f64 = self.figures().values().sum();
        if !ended || left > 0.0 {
            let why = match (ended, away) {
                (false, _) => "was not over in time",
                (true, true) => "was not made while it is away",
                (true, false) => "did not reach all of it",
            };
            self.remark(format!("the last check of the work {why}: {left:.0} of its tokens are not known to be right"));
        }
        Ok(())
    }

    fn stop(self: Box<Self>, within: Duration) -> bool {
        self.wait(within)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.ask_to_stop();
    }
}
