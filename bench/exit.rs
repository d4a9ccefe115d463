//! Exit codes: the contract scripts rely on. One type, one place.

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// A fault of the program itself.
    Internal = 1,
    /// Typed wrongly. (clap exits with this one by itself.)
    Usage = 2,
    /// A file or argument that cannot be used.
    BadInput = 3,
    /// A gate of `compare` failed.
    GateFailed = 4,
    /// Aborted or halted by an operator.
    Aborted = 5,
    /// An interlock ended the run; everything is confirmed safe.
    Tripped = 6,
    /// The run ended and something is not confirmed safe: go and look.
    Unconfirmed = 7,
    /// `verify`: the run has no seal.
    Unsealed = 8,
    /// `verify`: a file is not what was sealed.
    Tampered = 9,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Bad input, as opposed to a fault of ours: decides the exit code wherever it is in an error's chain.
#[derive(Debug)]
pub(crate) struct BadInput(pub(crate) String);

impl std::fmt::Display for BadInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadInput {}

/// A file that was asked for by name and cannot be written: which, why, and what to do. The caller's to mend, not a fault of ours.
pub(crate) fn unwritable(path: &Path, why: impl Display) -> BadInput {
    BadInput(format!("cannot write {}: {why}; name a file in a folder that exists, has room and may be written to", path.display()))
}

/// The same where the recorder tried: what it says of the file, which may be a temporary one beside it, is left to the path.
pub(crate) fn unrecorded(path: &Path) -> impl Fn(record::Error) -> BadInput + '_ {
    move |error| match error {
        record::Error::Io { source, .. } => unwritable(path, source),
        other => BadInput(other.to_string()),
    }
}

/// Refuses to put a new file where something else than a file is: a device or a pipe would be taken away for it.
pub(crate) fn replaceable(path: &Path) -> Result<(), BadInput> {
    match std::fs::metadata(path) {
        Ok(there) if !there.is_file() => Err(unwritable(path, "it is there and is no file")),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Writes a file that was asked for by name.
pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), BadInput> {
    std::fs::write(path, bytes).map_err(|why| unwritable(path, why))
}
