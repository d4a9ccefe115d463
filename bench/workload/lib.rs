//! The AI work that a run does and counts: a transformer on the host CPU or an NVIDIA GPU, somebody's own command, an OpenAI-compatible server, or none of ours.
//!
//! Not here: how much work is allowed (`control` decides, [`Workload::set_duty`] passes it on), the virtual card's tokens (the twin).
//!
//! Every workload has a **lease**: unless [`Workload::set_duty`] is called again within [`LEASE`] it falls idle by itself, so that a hung
//! controller does not go on heating. What runs in another process has a guard besides, which ends it when we are killed or stopped.

pub mod command;
pub mod cpu;
pub mod decoder;
pub mod eclipse;
pub mod engine;
pub mod generate;
mod gguf;
pub mod gpu;
pub mod guard;
mod job;
pub mod latency;
mod measured;
pub mod model;
pub mod none;
pub mod openai;
pub mod pace;
mod parking;
mod product;
mod reference;
mod replicas;
mod safetensors;
mod scratch;
pub mod serve;
mod spec;
pub mod train;
pub mod transformer;
pub mod worker;

pub use measured::{Board, Measured};
pub use parking::Keeping;
pub use scratch::Scratch;
pub use spec::{Spec, Start, Started};

use signal::Kept;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use thiserror::Error;

/// How long a duty is worked at without being renewed, wall time.
pub const LEASE: Duration = Duration::from_secs(3);

/// Work that can be paced, counted and stopped. No call blocks for longer than it says.
pub trait Workload: Send {
    /// Works this share of the time from now on, 0..=1 (clamped), and renews the lease. What is not a number is refused: neither done nor a renewal.
    fn set_duty(&mut self, duty: f64);

    /// Work done since the start, in [`Workload::unit`]s. `None` where nobody counts; never 0 for that.
    fn units(&self) -> Option<f64>;

    /// Units taken in since the start, kept apart from those put out: tokens of prompts. `None` where nobody counts.
    fn input_units(&self) -> Option<f64> {
        None
    }

    /// Figures besides the units, by name with the unit as suffix, such as `time_to_first_token_p95_s`. Only what there is.
    fn figures(&self) -> BTreeMap<String, f64> {
        BTreeMap::new()
    }

    /// What is counted: `token`, `image`, `step`.
    fn unit(&self) -> &str;

    /// What this is, for the manifest: model, sizes, seed, command.
    fn describe(&self) -> String;

    /// What is wrong, if the work does not run as it should.
    fn healthy(&self) -> Result<(), String>;

    /// True if what is wrong does not pass by itself: the work is gone, and nothing here brings it back.
    fn is_over(&self) -> bool {
        false
    }

    /// What happened since the last call that is worth an event but ends nothing.
    fn remarks(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Power for the work is there, or is taken away until this is said again: work that was started to be put away then drops its memory, and is brought
    /// back when power returns. Other work idles and keeps it. Returns at once; saying the same again does nothing.
    fn power(&mut self, _there: bool) {}

    /// What being put away came to. `None` where the work keeps its memory.
    fn kept(&self) -> Option<Kept> {
        None
    }

    /// What being put away and brought back had to say since the last call.
    fn told(&mut self) -> Vec<Told> {
        Vec::new()
    }

    /// What [`Workload::conclude`] may take on this work; nothing where there is nothing more to check.
    fn conclusion(&self) -> Duration {
        Duration::ZERO
    }

    /// Ends the work with a last look at whether it was right, before [`Workload::stop`]. Never takes longer than `within`, nor much longer once it is `given_up`; what
    /// then is still unchecked is said by [`Workload::remarks`] and [`Workload::figures`].
    ///
    /// # Errors
    /// What is wrong, in words: then what was counted is worth nothing.
    fn conclude(&mut self, _within: Duration, _given_up: &AtomicBool) -> Result<(), String> {
        self.healthy()
    }

    /// Ends the work. True if it has ended before `within` was over; false if something may still be running. Never takes longer.
    fn stop(self: Box<Self>, within: Duration) -> bool;
}

/// Something worth an event of its own kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `checkpoint` or `restore`.
    pub kind: &'static str,
    /// It did not go as it should.
    pub wrong: bool,
    /// What happened.
    pub message: String,
}

/// Why a workload cannot be started.
#[derive(Debug, Error)]
pub enum Error {
    /// `--workload` was not understood.
    #[error("cannot tell which workload `{text}` is: {hint}")]
    Unknown {
        /// What was typed.
        text: String,
        /// What to type.
        hint: String,
    },
    /// The work cannot be put away.
    #[error("cannot put `{work}` away in an eclipse: {why}; choose --eclipse idle")]
    Stays {
        /// What was typed.
        work: String,
        /// Why not.
        why: &'static str,
    },
    /// The virtual card's work was asked for here.
    #[error("cannot start the virtual card's work by itself: the twin does it")]
    Virtual,
    /// A thread could not be had.
    #[error("cannot start a thread to work on: {0}")]
    Thread(std::io::Error),
    /// The description of a server's load has mistakes.
    #[error("cannot tell what to ask of the server:\n{0}")]
    OpenAi(#[from] signal::Problems),
    /// A file of the workload cannot be read.
    #[error("cannot read the workload's file {file}: {why}")]
    File {
        /// Its path.
        file: String,
        /// The system's reason.
        why: std::io::Error,
    },
    /// The key to the server is not there.
    #[error("cannot take the server's key from the environment variable {name}: {why}; export it, or leave out api_key_env")]
    Key {
        /// The variable.
        name: String,
        /// What is wrong with it.
        why: std::env::VarError,
    },
    /// A model's file cannot be used.
    #[error("cannot use the model {file}: {why}")]
    Model {
        /// Its path.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// The host has too little memory.
    #[error(
        "cannot work on cpu:{plan}: it needs {needed_gb:.1} GB, and {available_gb:.1} GB are to be had; choose a smaller model or fewer threads"
    )]
    Memory {
        /// What was planned.
        plan: String,
        /// What that takes.
        needed_gb: f64,
        /// What there is.
        available_gb: f64,
    },
    /// A GPU, or the way to it, refuses.
    #[error("cannot work on a GPU: {0}")]
    Gpu(#[from] gpu::Fault),
    /// The command could not be started.
    #[error("cannot start the workload command `{command}`: {why}")]
    Command {
        /// The command line.
        command: String,
        /// The system's reason.
        why: std::io::Error,
    },
}
