//! What can go wrong when a run is judged.

use std::path::{Path, PathBuf};
use thiserror::Error;

/// A comparison or summary that could not be made.
#[derive(Debug, Error)]
pub enum Error {
    /// A file of the run could not be read or written.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// A file of the run is not there.
    #[error("cannot compare: {} is missing; {hint}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What it is for and what to do.
        hint: &'static str,
    },
    /// A file does not hold what is needed.
    #[error("cannot use {}: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Two files have nothing in common to compare.
    #[error("cannot compare {} with {}: {why}", measured.display(), model.display())]
    Apart {
        /// The measured file.
        measured: PathBuf,
        /// The model's file.
        model: PathBuf,
        /// What they lack.
        why: String,
    },
    /// A set of gates of that name does not exist.
    #[error("no gates are called \"{found}\": there are {known}")]
    NoPreset {
        /// What was asked for.
        found: String,
        /// What there is.
        known: String,
    },
}

impl Error {
    pub(crate) fn unusable(path: &Path, why: impl Into<String>) -> Self {
        Self::Unusable { path: path.to_owned(), why: why.into() }
    }
}
