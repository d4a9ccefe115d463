//! The built-in transformer at work on the host: one generator a thread, paced and leased alike, tokens counted as they come.
//!
//! Not here: what is computed (`generate`) and when (`pace`); this file owns the threads and the clock between them.

use crate::generate::{Done, Generator, Known, Sampling, Task, Wrong};
use crate::pace::{Pace, Phase, leased};
use crate::train::Trainer;
use crate::transformer::{Config, Preset, Weights};
use crate::{Error, LEASE, Workload, gguf};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Whose weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Model {
    /// Random ones of a known shape.
    Preset(Preset),
    /// Those of a GGUF file.
    File(PathBuf),
}

/// What to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whose weights.
    pub model: Model,
    /// Threads, each with its own batch.
    pub threads: usize,
    /// Prompts, answers, or both.
    pub task: Task,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.model {
            Model::Preset(preset) => write!(f, "{}", preset.name())?,
            Model::File(path) => write!(f, "{}", path.display())?,
        }
        write!(f, ":{}:{}", self.threads, self.task.name())
    }
}

impl Model {
    fn config(&self) -> Result<Config, Error> {
        match self {
            Self::Preset(preset) => Ok(preset.config()),
            Self::File(path) => gguf::config(path).map_err(|why| Error::Model { file: path.display().to_string(), why }),
        }
    }

    /// Sequences of each thread.
    fn batch(&self, config: &Config) -> usize {
        match self {
            Self::Preset(preset) => preset.batch(),
            Self::File(_) if config.parameters() < 500_000_000 => Preset::M135.batch(),
            Self::File(_) => Preset::B1.batch(),
        }
    }

    fn weights(&self, config: Config, seed: u64) -> Result<Weights, String> {
        match self {
            Self::Preset(_) => Ok(Weights::random(config, seed)),
            Self::File(path) => gguf::weights(path).map_err(|why| format!("cannot use the model {}: {why}", path.display())),
        }
    }
}

/// Bytes that a plan needs: weights once, keys and values for each sequence (and one more, for checks) of each thread.
fn needed(config: &Config, plan: &Plan) -> u64 {
    if plan.task == Task::Train {
        // Weights, gradient and two means for each thread, and the weights they begin with.
        return (4 * config.parameters() * (4 * plan.threads + 1)) as u64;
    }
    let sequences = plan.threads * (plan.model.batch(config) + 1);
    (4 * config.parameters() + sequences * config.sequence_bytes()) as u64
}

/// Bytes that the kernel can give without swapping. `None` where it does not say.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Refuses a plan that would not fit: half-way through, the kernel would kill whatever it likes.
fn fits(config: &Config, plan: &Plan, available: Option<u64>) -> Result<(), Error> {
    let needed = needed(config, plan);
    match available {
        Some(available) if needed > available => {
            Err(Error::Memory { plan: plan.to_string(), needed_gb: needed as f64 / 1e9, available_gb: available as f64 / 1e9 })
        }
        _ => Ok(()),
    }
}

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
    input: AtomicU64,
    output: AtomicU64,
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
    /// Starts with the usual lease. The threads build the weights and the answer to check against themselves, so this returns at once.
    pub fn start(plan: &Plan, seed: u64) -> Result<Self, Error> {
        Self::start_leased(plan, seed, LEASE)
    }

    /// As [`Cpu::start`], with another lease.
    pub fn start_leased(plan: &Plan, seed: u64, lease: Duration) -> Result<Self, Error> {
        let c = plan.model.config()?;
        fits(&c, plan, available())?;
        let batch = plan.model.batch(&c);
        let control = Control { duty: 0.0, renewed_s: 0.0, stop: false, running: 0, failure: None };
        let shared = Arc::new(Shared {
            started: Instant::now(),
            lease_s: lease.as_secs_f64(),
            input: AtomicU64::new(0),
            output: AtomicU64::new(0),
            control: Mutex::new(control),
            changed: Condvar::new(),
        });
        let (name, kind) = match &plan.model {
            Model::Preset(preset) => (preset.name().to_owned(), "random"),
            Model::File(path) => (path.display().to_string(), "from the file"),
        };
        let description = format!(
            "built-in transformer {name}, {}: {} layers of {}, {} heads, {} tokens, {:.1} M weights (f32, {kind}), {} thread(s) of {batch} sequences, seed {seed}",
            plan.task.name(),
            c.layers,
            c.width,
            c.heads,
            c.vocabulary,
            c.parameters() as f64 / 1e6,
            plan.threads,
        );
        // Made before the threads: if one cannot be had, the drop of this ends the others.
        let cpu = Self { shared, description, remarked: false };
        let weights = Arc::new(OnceLock::new());
        for index in 0..plan.threads {
            let shared = Arc::clone(&cpu.shared);
            let weights = Arc::clone(&weights);
            let plan = plan.clone();
            cpu.shared.control().running += 1;
            let work = move || {
                let ended = Ended(shared);
                let ready = weights.get_or_init(|| {
                    let weights = plan.model.weights(c, seed)?;
                    let known = Known::of(&weights, seed);
                    Ok::<_, String>((Arc::new(weights), Arc::new(known)))
                });
                match ready {
                    Ok((weights, _)) if plan.task == Task::Train => {
                        let mut trainer = Trainer::new((**weights).clone(), seed.wrapping_add((index as u64) << 32));
                        work(&ended.0, Pace::new(seed), || trainer.step());
                    }
                    Ok((weights, known)) => {
                        let own_seed = seed.wrapping_add((index as u64) << 32);
                        let mut generator = Generator::with(Arc::clone(weights), batch, Sampling::Seeded, own_seed, plan.task);
                        generator.check_against(Arc::clone(known));
                        work(&ended.0, Pace::new(seed), || generator.step());
                    }
                    Err(why) => {
                        ended.0.control().failure.get_or_insert_with(|| why.clone());
                    }
                }
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

fn work(shared: &Shared, pace: Pace, mut step: impl FnMut() -> Result<Done, Wrong>) {
    let mut control = shared.control();
    while !control.stop {
        let now_s = shared.now_s();
        match pace.at(now_s, leased(control.duty, control.renewed_s, shared.lease_s, now_s)) {
            Phase::Work { .. } => {
                drop(control);
                let outcome = step();
                if let Ok(done) = outcome {
                    shared.input.fetch_add(done.input as u64, Ordering::Relaxed);
                    shared.output.fetch_add(done.output as u64, Ordering::Relaxed);
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
        Some(self.shared.output.load(Ordering::Relaxed) as f64)
    }

    fn input_units(&self) -> Option<f64> {
        Some(self.shared.input.load(Ordering::Relaxed) as f64)
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

    fn plan(task: Task) -> Plan {
        Plan { model: Model::Preset(Preset::Tiny), threads: 2, task }
    }

    fn start(lease: Duration) -> Cpu {
        Cpu::start_leased(&plan(Task::Mixed), 1, lease).expect("threads")
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
        assert!(cpu.input_units().is_some_and(|u| u > 64.0));
        assert!(cpu.describe().contains("tiny, mixed"));
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
    fn training_is_counted_too() {
        let mut cpu = Cpu::start_leased(&Plan { threads: 1, ..plan(Task::Train) }, 1, PATIENCE).expect("threads");
        cpu.set_duty(1.0);
        wait_for("steps", || cpu.units().is_some_and(|u| u >= 128.0));
        assert_eq!((cpu.healthy(), cpu.input_units()), (Ok(()), Some(0.0)));
        assert!(stop(cpu, PATIENCE));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_both_figures() {
        let plan = Plan { model: Model::Preset(Preset::B8), ..plan(Task::Decode) };
        let config = Preset::B8.config();
        let why = fits(&config, &plan, Some(22_000_000_000)).expect_err("32 GB do not fit into 22").to_string();
        assert!(why.contains("8b:2:decode") && why.contains("33.5 GB") && why.contains("22.0 GB"), "{why}");
        assert!(fits(&config, &plan, Some(40_000_000_000)).is_ok() && fits(&config, &plan, None).is_ok());
        assert!(available().is_none_or(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn a_file_that_is_no_model_is_refused_by_name() {
        let plan = Plan { model: Model::File("/nowhere/model.gguf".into()), ..plan(Task::Decode) };
        let why = Cpu::start(&plan, 1).expect_err("no file").to_string();
        assert!(why.contains("/nowhere/model.gguf"), "{why}");
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
