//! The built-in transformer on the host: one generator or trainer a thread.
//!
//! Not here: what is computed (`generate`, `train`), when (`pace`), threads and counts (`worker`).

use crate::eclipse::Identity;
use crate::generate::{Generator, Known, Sampling, Task};
use crate::job::Job;
use crate::model::Model;
use crate::pace::Pace;
use crate::parking::{Keeping, Parking};
use crate::reference::Source;
use crate::train::Trainer;
use crate::transformer::{Config, Weights};
use crate::worker::{Worker, conclusion};
use crate::{Error, LEASE};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

/// What to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whose weights.
    pub model: Model,
    /// Threads, each with its own batch.
    pub threads: usize,
    /// Prompts, answers, or both.
    pub task: Task,
    /// Sequences at once of each thread; what suits the model if not said. Training has one.
    pub batch: Option<usize>,
}

impl Plan {
    fn batch(&self, config: &Config) -> usize {
        self.batch.unwrap_or_else(|| self.model.batch(config))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.model, self.threads, self.task.name())?;
        self.batch.map_or(Ok(()), |n| write!(f, ":batch={n}"))
    }
}

/// Bytes that a plan needs: weights once, keys and values for each sequence of each thread.
fn needed(config: &Config, plan: &Plan) -> u64 {
    if plan.task == Task::Train {
        // Weights, gradient, two means and the weights of a check for each thread, and the weights they begin with.
        return (4 * config.parameters() * (5 * plan.threads + 1)) as u64;
    }
    let sequences = plan.threads * plan.batch(config);
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

/// Starts with the usual lease, idle. The threads build the weights and the answer to check against themselves, so this returns at once.
pub fn start(plan: &Plan, seed: u64, keeping: &Keeping) -> Result<Worker, Error> {
    start_leased(plan, seed, keeping, LEASE)
}

/// Weights that all threads share, for as long as one of them works: after an eclipse the first one makes them anew.
struct Shared {
    plan: Plan,
    config: Config,
    seed: u64,
    weights: Mutex<Weak<Weights>>,
    /// The answer to check against: it is not the worker's, and outlives its memory.
    known: OnceLock<Arc<Known>>,
}

impl Shared {
    fn weights(&self) -> Result<Arc<Weights>, String> {
        let mut held = self.weights.lock().unwrap_or_else(PoisonError::into_inner);
        let weights = match held.upgrade() {
            Some(weights) => weights,
            None => Arc::new(self.plan.model.weights(self.config, self.seed)?),
        };
        *held = Arc::downgrade(&weights);
        Ok(weights)
    }

    fn known(&self, weights: &Weights) -> Arc<Known> {
        let known = self.known.get_or_init(|| {
            let preset = matches!(self.plan.model, Model::Preset(_));
            let source = if preset { Source::random(self.config, self.seed) } else { Source::held(weights) };
            Arc::new(Known::kept(&source, self.seed))
        });
        Arc::clone(known)
    }

    fn job(&self, batch: usize, seed: u64) -> Result<Box<dyn Job>, String> {
        let weights = self.weights()?;
        // Training has its first step checked by itself.
        if self.plan.task == Task::Train {
            return Ok(Box::new(Trainer::new((*weights).clone(), seed)));
        }
        let known = self.known(&weights);
        let mut generator = Generator::with(weights, batch, Sampling::Seeded, seed, self.plan.task);
        generator.check_against(known);
        Ok(Box::new(generator))
    }
}

/// As [`start`], with another lease.
pub fn start_leased(plan: &Plan, seed: u64, keeping: &Keeping, lease: Duration) -> Result<Worker, Error> {
    let c = plan.model.config()?;
    fits(&c, plan, available())?;
    let batch = plan.batch(&c);
    let description = format!(
        "built-in transformer {}, {}: {}, f32, {} thread(s) of {batch} sequences, seed {seed}; {}",
        plan.model,
        plan.task.name(),
        plan.model.said(&c),
        plan.threads,
        plan.task.checked(),
    );
    // Made before the threads: if one cannot be had, the drop of this ends the others.
    let worker = Worker::new(lease, keeping.crossing, description, conclusion(c.parameters(), false));
    let shared = Arc::new(Shared { plan: plan.clone(), config: c, seed, weights: Mutex::default(), known: OnceLock::new() });
    for index in 0..plan.threads {
        let shared = Arc::clone(&shared);
        let own_seed = seed.wrapping_add((index as u64) << 32);
        let identity = Identity {
            model: plan.model.to_string(),
            shape: format!("{c:?}"),
            task: plan.task.name().to_owned(),
            number: "f32".to_owned(),
            seed,
            batch,
            worker: index,
        };
        let parking = Parking::new(keeping.clone(), identity);
        worker.spawn(format!("work-{index}"), move |hand| {
            hand.work(Pace::new(seed), parking, &mut || shared.job(batch, own_seed));
        })?;
    }
    Ok(worker)
}

#[cfg(test)]
mod tests;
