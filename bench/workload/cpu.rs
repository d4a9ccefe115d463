//! The built-in transformer at work on the host: one generator a thread, paced and leased alike, tokens counted as they come.
//!
//! Not here: what is computed (`generate`) and when (`pace`); this file owns the threads and the clock between them.

use crate::generate::{Generator, Sampling};
use crate::pace::{Pace, Phase, leased};
use crate::transformer::{Preset, Weights};
use crate::{Error, LEASE, Workload};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The built-in transformer on host threads. Starts idle.
#[derive(Debug)]
pub struct Cpu {
    shared: Arc<Shared>,
    description: String,
    /// The lease has been seen to run out and this was remarked.
    remarked: bool,
}

#[derive(Debug)]
struct Shared {
    /// The clock of pacing and lease.
    started: Instant,
    lease_s: f64,
    tokens: AtomicU64,
    control: Mutex<Control>,
    changed: Condvar,
}

#[derive(Debug)]
struct Control {
    duty: f64,
    renewed_s: f64,
    stop: bool,
    /// Threads that have not ended yet.
    running: usize,
    failure: Option<String>,
}

impl Shared {
    fn now_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// A panicked worker leaves nothing half-done in here: its lock is as good as before.
    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask_to_stop(&self) {
        self.control().stop = true;
        self.changed.notify_all();
    }
}

/// Says that its thread has ended, however it ends.
struct Ended(Arc<Shared>);

impl Drop for Ended {
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

impl Cpu {
    /// Starts `threads` threads with the usual lease. They build the weights themselves, so this returns at once.
    pub fn start(threads: usize, preset: Preset, seed: u64) -> Result<Self, Error> {
        Self::start_leased(threads, preset, seed, LEASE)
    }

    /// As [`Cpu::start`], with another lease.
    pub fn start_leased(threads: usize, preset: Preset, seed: u64, lease: Duration) -> Result<Self, Error> {
        let control = Control { duty: 0.0, renewed_s: 0.0, stop: false, running: 0, failure: None };
        let shared = Arc::new(Shared {
            started: Instant::now(),
            lease_s: lease.as_secs_f64(),
            tokens: AtomicU64::new(0),
            control: Mutex::new(control),
            changed: Condvar::new(),
        });
        let c = preset.config();
        let description = format!(
            "built-in transformer {}: {} layers of {}, {} heads, {} tokens, {:.1} M weights (f32, random), {threads} thread(s) of {} sequences, seed {seed}",
            preset.name(),
            c.layers,
            c.width,
            c.heads,
            c.vocabulary,
            c.parameters() as f64 / 1e6,
            preset.batch(),
        );
        // Made before the threads: if one cannot be had, the drop of this ends the others.
        let cpu = Self { shared, description, remarked: false };
        let weights = Arc::new(std::sync::OnceLock::new());
        for index in 0..threads {
            let shared = Arc::clone(&cpu.shared);
            let weights = Arc::clone(&weights);
            cpu.shared.control().running += 1;
            let work = move || {
                let ended = Ended(shared);
                let weights = Arc::clone(weights.get_or_init(|| Arc::new(Weights::random(preset.config(), seed))));
                let own_seed = seed.wrapping_add((index as u64) << 32);
                let generator = Generator::new(weights, preset.batch(), Sampling::Seeded, own_seed);
                work(&ended.0, Pace::new(seed), generator);
            };
            if let Err(e) = thread::Builder::new().name(format!("work-{index}")).spawn(work) {
                cpu.shared.control().running -= 1;
                return Err(Error::Thread(e));
            }
        }
        Ok(cpu)
    }

    /// True once the lease has run out while there was work to do.
    fn lease_is_over(&self) -> bool {
        let now_s = self.shared.now_s();
        let control = self.shared.control();
        control.duty > 0.0 && leased(control.duty, control.renewed_s, self.shared.lease_s, now_s) == 0.0
    }
}

fn work(shared: &Shared, pace: Pace, mut generator: Generator) {
    let mut control = shared.control();
    while !control.stop {
        let now_s = shared.now_s();
        match pace.at(now_s, leased(control.duty, control.renewed_s, shared.lease_s, now_s)) {
            Phase::Work { .. } => {
                drop(control);
                let outcome = generator.step();
                if let Ok(output) = outcome {
                    shared.tokens.fetch_add(output as u64, Ordering::Relaxed);
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
}

impl Workload for Cpu {
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
        Some(self.shared.tokens.load(Ordering::Relaxed) as f64)
    }

    fn unit(&self) -> &'static str {
        "token"
    }

    fn describe(&self) -> String {
        self.description.clone()
    }

    fn healthy(&self) -> Result<(), String> {
        self.shared.control().failure.clone().map_or(Ok(()), Err)
    }

    fn remarks(&mut self) -> Vec<String> {
        if self.remarked || !self.lease_is_over() {
            return Vec::new();
        }
        self.remarked = true;
        vec![format!("the duty was not renewed for {:.1} s: the work fell idle", self.shared.lease_s)]
    }

    fn stop(self: Box<Self>, within: Duration) -> bool {
        self.shared.ask_to_stop();
        let some_run = |control: &mut Control| control.running > 0;
        let waited = self.shared.changed.wait_timeout_while(self.shared.control(), within, some_run);
        waited.unwrap_or_else(PoisonError::into_inner).0.running == 0
    }
}

impl Drop for Cpu {
    fn drop(&mut self) {
        self.shared.ask_to_stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far more than any machine needs; only a failing test waits for it.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
            thread::yield_now();
        }
    }

    fn start(lease: Duration) -> Cpu {
        Cpu::start_leased(2, Preset::Tiny, 1, lease).expect("threads")
    }

    fn stop(cpu: Cpu, within: Duration) -> bool {
        Box::new(cpu).stop(within)
    }

    #[test]
    fn tokens_are_counted_at_work_and_it_ends() {
        let mut cpu = start(PATIENCE);
        assert_eq!(cpu.units(), Some(0.0), "idle until told to work");
        cpu.set_duty(1.0);
        wait_for("tokens", || {
            cpu.set_duty(f64::NAN);
            cpu.units().is_some_and(|u| u > 32.0)
        });
        assert_eq!(cpu.healthy(), Ok(()));
        assert!(cpu.remarks().is_empty());
        assert!(cpu.describe().contains("tiny"));
        assert!(stop(cpu, PATIENCE));
    }

    #[test]
    fn a_lease_that_is_not_renewed_is_remarked_once_until_it_is() {
        let mut cpu = start(Duration::ZERO);
        for _ in 0..2 {
            cpu.set_duty(1.0);
            wait_for("the lease to end", || cpu.lease_is_over());
            assert_eq!(cpu.remarks().len(), 1);
            assert!(cpu.remarks().is_empty());
        }
        cpu.set_duty(0.0);
        assert!(cpu.remarks().is_empty(), "nothing was taken away");
    }

    #[test]
    fn an_idle_worker_ends_at_once_and_a_dropped_one_by_itself() {
        assert!(stop(start(PATIENCE), PATIENCE));
        let cpu = start(PATIENCE);
        let shared = Arc::clone(&cpu.shared);
        drop(cpu);
        wait_for("the threads", || shared.control().running == 0);
    }

    #[test]
    fn a_worker_that_will_not_end_is_not_waited_for() {
        let cpu = start(PATIENCE);
        cpu.shared.control().running += 1;
        assert!(!stop(cpu, Duration::from_millis(1)));
    }

    #[test]
    fn a_panicking_worker_is_told_of() {
        let cpu = start(PATIENCE);
        let shared = Arc::clone(&cpu.shared);
        shared.control().running += 1;
        let panicked = thread::spawn(move || {
            let _ended = Ended(shared);
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        assert_eq!(cpu.healthy(), Err("a working thread panicked".to_owned()));
        assert!(stop(cpu, PATIENCE));
    }
}
