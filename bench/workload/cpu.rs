//! The built-in transformer on the host: one generator or trainer a thread.
//!
//! Not here: what is computed (`generate`, `train`), when (`pace`), threads and counts (`worker`).

use crate::generate::{Generator, Known, Sampling, Task};
use crate::model::Model;
use crate::pace::Pace;
use crate::reference::Source;
use crate::train::Trainer;
use crate::transformer::Config;
use crate::worker::Worker;
use crate::{Error, LEASE};
use std::fmt;
use std::sync::{Arc, OnceLock};
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
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.model, self.threads, self.task.name())
    }
}

/// Bytes that a plan needs: weights once, keys and values for each sequence of each thread.
fn needed(config: &Config, plan: &Plan) -> u64 {
    if plan.task == Task::Train {
        // Weights, gradient, two means and the weights of a check for each thread, and the weights they begin with.
        return (4 * config.parameters() * (5 * plan.threads + 1)) as u64;
    }
    let sequences = plan.threads * plan.model.batch(config);
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
pub fn start(plan: &Plan, seed: u64) -> Result<Worker, Error> {
    start_leased(plan, seed, LEASE)
}

/// As [`start`], with another lease.
pub fn start_leased(plan: &Plan, seed: u64, lease: Duration) -> Result<Worker, Error> {
    let c = plan.model.config()?;
    fits(&c, plan, available())?;
    let batch = plan.model.batch(&c);
    let description = format!(
        "built-in transformer {}, {}: {}, f32, {} thread(s) of {batch} sequences, seed {seed}",
        plan.model,
        plan.task.name(),
        plan.model.said(&c),
        plan.threads,
    );
    // Made before the threads: if one cannot be had, the drop of this ends the others.
    let worker = Worker::new(lease, description);
    let weights = Arc::new(OnceLock::new());
    for index in 0..plan.threads {
        let weights = Arc::clone(&weights);
        let plan = plan.clone();
        let own_seed = seed.wrapping_add((index as u64) << 32);
        worker.spawn(format!("work-{index}"), move |hand| {
            let ready = weights.get_or_init(|| {
                let weights = plan.model.weights(c, seed)?;
                let source = if matches!(plan.model, Model::Preset(_)) { Source::random(c, seed) } else { Source::held(&weights) };
                // In training the first step has its own.
                let known = (plan.task != Task::Train).then(|| Arc::new(Known::kept(&source, seed)));
                Ok::<_, String>((Arc::new(weights), known))
            });
            match ready {
                Ok((weights, _)) if plan.task == Task::Train => {
                    let mut trainer = Trainer::new((**weights).clone(), own_seed);
                    hand.work(Pace::new(seed), &mut trainer);
                }
                Ok((weights, known)) => {
                    let mut generator = Generator::with(Arc::clone(weights), batch, Sampling::Seeded, own_seed, plan.task);
                    if let Some(known) = known {
                        generator.check_against(Arc::clone(known));
                    }
                    hand.work(Pace::new(seed), &mut generator);
                }
                Err(why) => hand.fail(why.clone()),
            }
        })?;
    }
    Ok(worker)
}

#[cfg(test)]
mod tests;
