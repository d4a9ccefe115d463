//! Wire protocols: bytes to messages and back, in both directions, so that drivers and emulators share one definition of the
//! frame and published byte vectors can judge it.
//!
//! A host's side is a query and a function of what was heard since it was asked: what came in which portions cannot matter. A
//! device's side is a decoder fed with what arrives. Not here: time, retries, what a message is for.

pub mod mecom;
pub mod modbus;
pub mod neslab;
pub mod tetech;
