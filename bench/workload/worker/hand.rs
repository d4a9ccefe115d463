//! One working thread: steps while there is power and duty, leaves and comes back with the power, makes the last check.
//!
//! Not here: what is shared (`control`), what leaving is (`parking`), when to pause (`pace`).

use super::Shared;
use crate::generate::Done;
use crate::job::{Job, Patience};
use crate::pace::{Pace, Phase, leased};
use crate::parking::Parking;
use signal::Place;
use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

/// A working thread's hold on what is shared. Says that the thread has ended, however it ends.
pub(crate) struct Hand {
    shared: Arc<Shared>,
    /// Its job is away.
    away: Cell<bool>,
    /// It computes beside the work, for the last check.
    aside: Cell<bool>,
}

impl Patience for Hand {
    fn goes_on(&self) -> bool {
        let mut control = self.shared.control();
        if !control.given_up {
            control.aside -= usize::from(self.aside.take());
        }
        !control.given_up
    }

    fn aside(&self) {
        let mut control = self.shared.control();
        control.aside += usize::from(!self.aside.replace(true));
        drop(control);
        // Who has given up already waits for this.
        self.shared.changed.notify_all();
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        let mut control = self.shared.control();
        control.running -= 1;
        control.away -= usize::from(self.away.get());
        control.aside -= usize::from(self.aside.get());
        if thread::panicking() {
            control.failure.get_or_insert_with(|| "a working thread panicked".to_owned());
        }
        self.shared.settle(&mut control);
        drop(control);
        self.shared.changed.notify_all();
    }
}

impl Hand {
    pub(crate) const fn of(shared: Arc<Shared>) -> Self {
        Self { shared, away: Cell::new(false), aside: Cell::new(false) }
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
                            let before = at_work.unchecked();
                            let outcome = at_work.step();
                            if let Ok(done) = outcome {
                                // Without a check all that was done is unchecked beside what was.
                                if at_work.unchecked() != before + done {
                                    shared.checks.fetch_add(1, Ordering::Relaxed);
                                }
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
            let before = job.unchecked();
            match job.close(self) {
                Ok(()) => {
                    shared.checks.fetch_add(u64::from(job.unchecked() != before), Ordering::Relaxed);
                    shared.left_open(&mut open, gone + job.unchecked());
                }
                Err(e) => self.fail(e.to_string()),
            }
        }
    }
}
