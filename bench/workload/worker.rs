//! Work on threads, paced and leased alike, counted as it comes: what the host's and the GPU's engine have in common.
//!
//! What was done since an answer was last found right counts as work while it goes on, and is told apart at the end (`output_tokens_unchecked`): it is known to be
//! right only once the last check, [`Workload::conclude`], has passed.
//!
//! Not here: what is computed and when (`pace`); this file owns the threads and the clock between them.

use crate::generate::{Done, Generator, Wrong};
use crate::pace::{Pace, Phase, leased};
use crate::{Error, Workload};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What a thread does, step by step.
pub(crate) trait Work {
    /// One step.
    fn step(&mut self) -> Result<Done, Wrong>;

    /// The last check, when there will be no more steps.
    fn close(&mut self) -> Result<(), Wrong>;

    /// Done since what was done was last found right.
    fn unchecked(&self) -> Done;
}

impl Work for Generator {
    fn step(&mut self) -> Result<Done, Wrong> {
        Self::step(self)
    }

    fn close(&mut self) -> Result<(), Wrong> {
        Self::close(self)
    }

    fn unchecked(&self) -> Done {
        Self::unchecked(self)
    }
}

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
}

impl Shared {
    fn now_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// A panicked worker leaves nothing half-done in here: its lock is as good as before.
    pub(crate) fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
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
pub(crate) struct Hand(Arc<Shared>);

impl Drop for Hand {
    fn drop(&mut self) {
        let mut control = self.0.control();
        control.running -= 1;
        if thread::panicking() {
            control.failure.get_or_insert_with(|| "a working thread panicked".to_owned());
        }
        drop(control);
        self.0.changed.notify_all();
    }
}

impl Hand {
    #[cfg(test)]
    pub(crate) const fn of(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Says why there is no work. The first reason stands.
    pub(crate) fn fail(&self, why: String) {
        self.0.control().failure.get_or_insert(why);
    }

    /// Says what is known only now of what works.
    pub(crate) fn describe(&self, more: &str) {
        self.0.control().description += more;
    }

    /// Says what is worth an event.
    pub(crate) fn remark(&self, what: String) {
        self.0.control().remarks.push(what);
    }

    /// Steps while there is duty, until told to stop or a step fails; then the last check, if that was asked for.
    pub(crate) fn work(&self, pace: Pace, work: &mut impl Work) {
        let shared = &*self.0;
        let mut open = Done::default();
        let mut control = shared.control();
        while !control.stop {
            let now_s = shared.now_s();
            match pace.at(now_s, leased(control.duty, control.renewed_s, shared.lease_s, now_s)) {
                Phase::Work { .. } => {
                    drop(control);
                    let outcome = work.step();
                    if let Ok(done) = outcome {
                        shared.input.fetch_add(done.input as u64, Ordering::Relaxed);
                        shared.output.fetch_add(done.output as u64, Ordering::Relaxed);
                        shared.left_open(&mut open, work.unchecked());
                    }
                    control = shared.control();
                    if let Err(e) = outcome {
                        control.failure.get_or_insert_with(|| e.to_string());
                        return;
                    }
                }
                Phase::Idle { until_s } => {
                    let wait = if until_s.is_finite() { Duration::from_secs_f64((until_s - now_s).max(0.001)) } else { Duration::MAX };
                    control = shared.changed.wait_timeout(control, wait).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        let conclude = control.conclude;
        drop(control);
        if conclude {
            match work.close() {
                Ok(()) => shared.left_open(&mut open, work.unchecked()),
                Err(e) => self.fail(e.to_string()),
            }
        }
    }
}

impl Worker {
    /// No thread yet.
    pub(crate) fn new(lease: Duration, description: String) -> Self {
        let control = Control {
            duty: 0.0,
            renewed_s: 0.0,
            stop: false,
            conclude: false,
            running: 0,
            failure: None,
            description,
            remarks: Vec::new(),
        };
        let shared = Shared {
            started: Instant::now(),
            lease_s: lease.as_secs_f64(),
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
        let hand = Hand(Arc::clone(&self.shared));
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

    fn conclude(&mut self, within: Duration) -> Result<(), String> {
        self.shared.control().conclude = true;
        let ended = self.wait(within);
        self.healthy()?;
        let left: f64 = self.figures().values().sum();
        if !ended || left > 0.0 {
            let why = if ended { "was not made" } else { "was not over in time" };
            self.remark(format!("the last check of the work {why}: its last {left:.0} tokens are not known to be right"));
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
