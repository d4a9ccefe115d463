//! Work on threads, paced and leased alike, counted as it comes: what the host's and the GPU's engine have in common.
//!
//! What was done since an answer was last found right counts as work while it goes on, and is told apart at the end (`output_tokens_unchecked`): it is known to be
//! right only once the last check, [`Workload::conclude`], has passed. Work that is put away is checked first if that is cheap; what was not, and does not come back with
//! its state either, stays unchecked to the end.
//!
//! `hand` is what one thread does, `control` what all of them and their owner look at. Not here: what is computed and when (`pace`); this file owns the threads and the clock
//! between them.

use crate::generate::Done;
use crate::pace::leased;
use crate::{Error, Told, Workload};
use signal::{Crossing, Kept};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

mod control;
mod hand;

use control::Control;
pub(crate) use hand::Hand;

/// How often somebody who waits for a last check may give up.
const LOOK: Duration = Duration::from_millis(50);
/// What a last check may take, estimated with plenty to spare from the arithmetic at 55 GFLOP/s (one thread of a server's core) and 1 GB/s: for each weight on the host 64 tokens
/// learned (384 operations) and as many looked at by the reference in f64, slowly, or 136 steps that read it; on a card its being read back and copied, and a short lesson on the host.
const LEAST: Duration = Duration::from_secs(10);
const HOST_S_A_WEIGHT: f64 = 120e-9;
const CARD_S_A_WEIGHT: f64 = 30e-9;

/// Time for the last check of a model of so many weights, on a card or on the host.
pub(crate) fn conclusion(weights: usize, on_card: bool) -> Duration {
    let each_s = if on_card { CARD_S_A_WEIGHT } else { HOST_S_A_WEIGHT };
    LEAST + Duration::from_secs_f64(weights as f64 * each_s)
}

/// Threads of the built-in transformer. Starts idle.
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    /// The lease has been seen to run out and this was remarked.
    remarked: bool,
    /// What its last check may take.
    conclusion: Duration,
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
    /// Steps in which a sample of the work was held against the reference and found right, in all threads.
    checks: AtomicU64,
    control: Mutex<Control>,
    changed: Condvar,
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

impl Worker {
    /// No thread yet.
    pub(crate) fn new(lease: Duration, crossing: Crossing, description: String, conclusion: Duration) -> Self {
        let shared = Shared {
            started: Instant::now(),
            lease_s: lease.as_secs_f64(),
            crossing,
            input: AtomicU64::new(0),
            output: AtomicU64::new(0),
            unchecked: [AtomicU64::new(0), AtomicU64::new(0)],
            checks: AtomicU64::new(0),
            control: Mutex::new(Control::new(description)),
            changed: Condvar::new(),
        };
        Self { shared: Arc::new(shared), remarked: false, conclusion }
    }

    /// Says what is worth an event.
    pub(crate) fn remark(&self, what: String) {
        self.shared.control().remarks.push(what);
    }

    /// One thread more.
    pub(crate) fn spawn(&self, name: String, work: impl FnOnce(&Hand) + Send + 'static) -> Result<(), Error> {
        self.shared.control().running += 1;
        let hand = Hand::of(Arc::clone(&self.shared));
        // If there is no thread, the hand goes with the closure and counts it off.
        thread::Builder::new().name(name).spawn(move || work(&hand)).map(drop).map_err(Error::Thread)
    }

    /// Asks all threads to end and tells whether they have.
    fn wait(&self, within: Duration) -> bool {
        self.shared.ask_to_stop();
        let waited = self.shared.changed.wait_timeout_while(self.shared.control(), within, |control| control.busy());
        !waited.unwrap_or_else(PoisonError::into_inner).0.busy()
    }

    /// Waits for the last check; whether it is over.
    fn wait_for_check(&self, within: Duration, given_up: &AtomicBool) -> bool {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.wait(left.min(LOOK)) {
                return true;
            }
            if left.is_zero() || given_up.load(Ordering::Relaxed) {
                let mut control = self.shared.control();
                // It may just have ended.
                control.given_up = control.running > 0;
                return !control.given_up;
            }
        }
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
        // Beside what came after the last check how often there was one: "0 unchecked" alone would read as if all of it had been.
        let (names, counts) =
            (names.into_iter().chain(["samples_checked_count"]), self.shared.unchecked.iter().chain([&self.shared.checks]));
        names.zip(counts).map(|(name, n)| (name.to_owned(), n.load(Ordering::Relaxed) as f64)).collect()
    }

    fn describe(&self) -> String {
        self.shared.control().description.clone()
    }

    fn healthy(&self) -> Result<(), String> {
        self.shared.control().failure.clone().map_or(Ok(()), Err)
    }

    /// Whatever fails ends its thread.
    fn is_over(&self) -> bool {
        self.healthy().is_err()
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

    fn conclusion(&self) -> Duration {
        self.conclusion
    }

    fn conclude(&mut self, within: Duration, given_up: &AtomicBool) -> Result<(), String> {
        let mut control = self.shared.control();
        control.conclude = true;
        let away = control.away > 0;
        drop(control);
        let ended = self.wait_for_check(within, given_up);
        self.healthy()?;
        let left: u64 = self.shared.unchecked.iter().map(|n| n.load(Ordering::Relaxed)).sum();
        if !ended || left > 0 {
            let why = match (ended, away) {
                (false, _) if given_up.load(Ordering::Relaxed) => "was given up",
                (false, _) => "was not over in time",
                (true, true) => "was not made while it is away",
                (true, false) => "did not reach all of it",
            };
            let open = if left > 0 {
                format!("{left} of its tokens are not known to be right")
            } else {
                "nothing that was counted is unchecked".to_owned()
            };
            self.remark(format!("the last check of the work {why}: {open}"));
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

#[cfg(test)]
mod tests;
