//! Exit codes: the contract scripts rely on. One type, one place.

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
