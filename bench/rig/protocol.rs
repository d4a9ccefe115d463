//! Wire protocols: bytes to messages and back, in both directions, so that drivers and emulators share one definition of the
//! frame and published byte vectors can judge it.
//!
//! Not here: time, retries, what a message is for.

pub mod mecom;
