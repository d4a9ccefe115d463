//! Load for an OpenAI-compatible server (vLLM, `SGLang`, llama.cpp, Ollama): streamed chat completions on so many streams, paced and leased, tokens counted
//! as the server states them in `usage`. An answer whose usage cannot be (more tokens than were asked for, tokens without text, a prompt of another size) is
//! refused and counts as failed; more of them in a row than `retries`, or more than a tenth of all answers, end the work.
//!
//! A supervisor thread asks for the server's models until it answers, starts the server where that is ours to do, tries again after failures, and cancels
//! what is in flight when duty or lease are over. Each stream is a thread that asks the [`gate`] before each request.
//!
//! Not here: the process that ends all this when the engine hangs (`guard`), HTTP (`client`).

mod account;
mod client;
pub mod config;
mod gate;
mod prompt;
mod server;
mod state;
mod supervise;

pub use config::Config;

use crate::{Error, LEASE, Workload};
use client::Usage;
use state::{Permit, Shared};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A question for the models that is not answered for so long is remarked.
const SILENT: Duration = Duration::from_secs(4);
/// How often latencies are remarked.
const TELL: Duration = Duration::from_secs(60);

/// A server under load. Starts idle.
#[derive(Debug)]
pub struct OpenAi {
    shared: Arc<Shared>,
    /// When latencies were told last, and of how many requests.
    told: (Instant, u64),
    /// The lease has been seen to run out and this was remarked.
    remarked: bool,
}

impl OpenAi {
    /// Starts with the usual lease. Returns at once: the server may answer later.
    pub fn start(config: Config, seed: u64) -> Result<Self, Error> {
        Self::start_leased(config, seed, LEASE)
    }

    /// As [`OpenAi::start`], with another lease.
    pub fn start_leased(config: Config, seed: u64, lease: Duration) -> Result<Self, Error> {
        let key = match &config.api_key_env {
            None => None,
            Some(name) => Some(std::env::var(name).map_err(|why| Error::Key { name: name.clone(), why })?),
        };
        let streams = config.concurrency;
        let shared = Arc::new(Shared::new(config, key, seed, lease));
        // Made before the threads: if one cannot be had, the drop of this ends the others.
        let started = Self { shared: Arc::clone(&shared), told: (Instant::now(), 0), remarked: false };
        spawn("work-server", &shared, supervise::supervise)?;
        for index in 0..streams {
            spawn(&format!("work-{index}"), &shared, stream)?;
        }
        Ok(started)
    }

    /// The model asked for, once it is known.
    pub fn model(&self) -> Option<String> {
        self.shared.state().model.clone()
    }
}

fn spawn(name: &str, shared: &Arc<Shared>, run: impl FnOnce(&Shared) + Send + 'static) -> Result<(), Error> {
    shared.state().threads += 1;
    let own = Arc::clone(shared);
    let thread = thread::Builder::new().name(name.to_owned()).stack_size(256 * 1024);
    let spawned = thread.spawn(move || {
        let ended = Ended(own);
        run(&ended.0);
    });
    spawned.map(drop).map_err(|why| {
        shared.state().threads -= 1;
        Error::Thread(why)
    })
}

/// Says that its thread has ended, however it ends.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.update(|state| {
            state.threads -= 1;
            if thread::panicking() {
                state.hopeless.get_or_insert_with(|| "a working thread panicked".to_owned());
            }
        });
    }
}

/// One stream: request after request, as the gate admits them.
fn stream(shared: &Shared) {
    while let Some(permit) = shared.permit() {
        let Permit { agent, model, number, .. } = &permit;
        let body = client::body(&shared.config, model, shared.seed, *number);
        let mut before = Usage::default();
        let outcome = client::complete(agent, &shared.config, shared.key.as_deref(), &body, |usage| {
            shared.update(|state| state.count(permit.warmup, before, usage));
            before = usage;
        });
        shared.update(|state| state.finish(shared, &permit, outcome));
    }
}

impl Workload for OpenAi {
    fn set_duty(&mut self, duty: f64) {
        if duty.is_nan() {
            return;
        }
        let now_s = self.shared.now_s();
        self.remarked = false;
        self.shared.update(|state| {
            state.duty = duty.clamp(0.0, 1.0);
            state.renewed_s = now_s;
        });
    }

    fn units(&self) -> Option<f64> {
        Some(self.shared.state().counted.output as f64)
    }

    fn input_units(&self) -> Option<f64> {
        Some(self.shared.state().counted.input as f64)
    }

    fn unit(&self) -> &'static str {
        "token"
    }

    fn describe(&self) -> String {
        let c = &self.shared.config;
        let model = self.shared.state().model.clone().or_else(|| c.model.clone()).unwrap_or_else(|| "a model still to be asked for".into());
        format!(
            "{} streams of chat completions by {}: {model}, {} words in, up to {} tokens out, temperature {}, actuator {:?}, seed {}",
            c.concurrency, c.url, c.prompt_words, c.max_tokens, c.temperature, c.actuator, self.shared.seed
        )
    }

    fn healthy(&self) -> Result<(), String> {
        let state = self.shared.state();
        state.hopeless.as_ref().or(state.fault.as_ref()).map_or(Ok(()), |why| Err(why.clone()))
    }

    fn is_over(&self) -> bool {
        self.shared.state().hopeless.is_some()
    }

    fn figures(&self) -> BTreeMap<String, f64> {
        self.shared.state().figures()
    }

    fn remarks(&mut self) -> Vec<String> {
        let now_s = self.shared.now_s();
        let mut state = self.shared.state();
        let mut remarks: Vec<String> = state.remarks.drain(..).collect();
        if self.told.0.elapsed() >= TELL && state.requests > self.told.1 {
            self.told = (Instant::now(), state.requests);
            remarks.push(state.latencies());
        }
        if let Some((since, told)) = &mut state.asked
            && !*told
            && since.elapsed() >= SILENT
        {
            *told = true;
            remarks.push(format!(
                "the server at {} took the connection and has not answered for {} s: is it one that speaks the OpenAI protocol, and is it still loading its model?",
                self.shared.config.url,
                SILENT.as_secs()
            ));
        }
        if !self.remarked && state.duty > 0.0 && state.allowed(&self.shared, now_s) == 0.0 {
            self.remarked = true;
            remarks.push(format!("the duty was not renewed for {:.1} s: requests were cancelled", self.shared.lease_s));
        }
        remarks
    }

    fn stop(self: Box<Self>, within: Duration) -> bool {
        self.shared.end();
        self.shared.wait_until(Instant::now() + within, |state| state.threads == 0)
    }
}

impl Drop for OpenAi {
    fn drop(&mut self) {
        self.shared.end();
    }
}

#[cfg(test)]
mod tests;
