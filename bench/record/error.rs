//! What can go wrong with a run folder.

use crate::RowError;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A run folder that could not be written, read or found.
#[derive(Debug, Error)]
pub enum Error {
    /// The file system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A cell of a CSV file is not what its column holds.
    #[error("{}:{line}:{field}: cannot read `{column}`: {why}", path.display())]
    Cell {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Field in the line, from 1.
        field: usize,
        /// Name of the column.
        column: String,
        /// What was found and expected.
        why: String,
    },
    /// A CSV file lacks a column that is needed.
    #[error("{}:1: no column `{column}`: it has {found}", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column looked for.
        column: String,
        /// Those that are there.
        found: String,
    },
    /// A file is not what it should be as a whole.
    #[error("cannot use {}: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
    /// No run goes by that name.
    #[error("no run \"{wanted}\" in {}: {hint}", root.display())]
    NoRun {
        /// What was asked for.
        wanted: String,
        /// Where it was looked for.
        root: PathBuf,
        /// What is there.
        hint: String,
    },
}

impl Error {
    /// The disk would not take or give it: somebody's to mend, and no fault of this program.
    pub const fn is_of_the_disk(&self) -> bool {
        matches!(self, Self::Io { .. })
    }

    /// For `map_err`: the file system refused to do `doing` with `path`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    /// A field of line `line` of `path` is wrong.
    pub(crate) fn cell(path: &Path, line: u64, wrong: RowError) -> Self {
        Self::Cell { path: path.to_owned(), line, field: wrong.field, column: wrong.column, why: wrong.why }
    }

    /// The file as a whole is wrong.
    pub(crate) fn unusable(path: &Path, why: impl Into<String>) -> Self {
        Self::Unusable { path: path.to_owned(), why: why.into() }
    }

    /// True if a file or folder was simply not there.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
            Self::NoRun { .. } => true,
            Self::Cell { .. } | Self::NoColumn { .. } | Self::Unusable { .. } => false,
        }
    }
}
