//! The built-in transformer on an NVIDIA GPU: the same weights from the same seed, the same tasks, the same check against the reference, in bf16, f32 or FP8.
//!
//! `library` finds the driver's libraries at run time, `driver` wraps what is used of them (the only `unsafe`, with `blaslt`), `product` multiplies, by cuBLASLt
//! or by our own kernels, `weights`, `decoder` and `train` compute. The kernels are in `kernels/*.cu`, shipped as the PTX text that `make_ptx.py` makes of them.
//!
//! Not here: what is generated (`generate`), pacing and threads (`worker`), power and temperatures (the accelerator floor). Nothing of a card is set.

mod blaslt;
mod decoder;
mod driver;
mod holder;
mod library;
mod lock;
mod plan;
mod product;
mod start;
mod train;
mod weights;

#[cfg(test)]
mod tests;

pub use driver::{Card, cards};
pub use holder::is_stopped;
pub use lock::{FOLDER_VARIABLE, Hold, any_beside, beside, held_by, hold};
pub(crate) use plan::MOST_SEQUENCES;
pub use plan::{Choice, Number, Plan};
pub(crate) use start::{Gpu, usable};

use thiserror::Error;

/// Oldest cards whose instructions the kernels use: compute capability 8.0, for bf16 on tensor cores.
const OLDEST: (i32, i32) = (8, 0);

/// What a GPU, or the way to it, refuses.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Fault {
    /// No driver.
    #[error("there is no NVIDIA driver here: {0}")]
    NoDriver(String),
    /// A driver without something that is needed.
    #[error("the NVIDIA driver {library} lacks {symbol}: it is too old, R535 or later is needed")]
    OldDriver {
        /// Where it is.
        library: String,
        /// What it does not have.
        symbol: String,
    },
    /// No such card.
    #[error("there is no GPU {wanted}: there are {there}{hint}")]
    NoCard {
        /// What was asked for.
        wanted: String,
        /// What there is.
        there: String,
        /// What to do, after a semicolon; empty where that is plain.
        hint: String,
    },
    /// A card that cannot do it.
    #[error("{card} cannot do this: {why}")]
    Unable {
        /// Which.
        card: String,
        /// What it lacks.
        why: String,
    },
    /// The driver said no.
    #[error("the GPU failed to {what}: {said}")]
    Driver {
        /// What was tried.
        what: String,
        /// The driver's name for it and its words.
        said: String,
    },
    /// The work would be on another card than the one that is measured.
    #[error(
        "the work would be on {work}, and what is measured is {measured}: work of one over the joules of the other is no figure. Write, {there}to measure where it works, \
         --accelerator nvml:{here}"
    )]
    Elsewhere {
        /// Cards of the work.
        work: String,
        /// What is measured.
        measured: String,
        /// What to write to work there, if anything can be.
        there: String,
        /// UUIDs of the work's cards.
        here: String,
    },
    /// Somebody else has the card.
    #[error("GPU {uuid} is in use by another run, {holder}: end that first, or choose another GPU (workload cuda:N)")]
    Held {
        /// Which.
        uuid: String,
        /// Who has it, as far as they said.
        holder: String,
    },
}
