//! No bytes panic the reader of dialect files, and no line that comes panics a dialect.
#![no_main]

#[path = "../bodies/dialect.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::check(bytes));
