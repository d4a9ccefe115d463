//! No bytes panic either side of NC, and the portions they come in do not matter.
#![no_main]

#[path = "../bodies/neslab.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
