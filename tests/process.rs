//! The program as its users meet it: real processes, real pseudo-terminals, real signals. What an operator, a script, a screen
//! and an accident can do to a run, and what is left in its folder afterwards.
//!
//! Nothing here waits for a fixed time: it waits for a line on a pipe, a row on the session socket or a line in a log, and gives
//! up only after a minute. How soon something had to happen is read from the time stamps of the program's own files. What can be
//! tested without a process is tested without one, in `flight.rs` and in the crates.

mod apart;
pub(crate) mod bench;
pub(crate) mod cuda;
mod eclipse;
mod faults;
mod flights;
mod full_disk;
mod gains;
mod gpu;
mod gpu_check;
mod gpu_maps;
mod gpu_orders;
mod gpus_set;
mod imports;
mod operators;
mod screens;
mod several;
mod sweep;
mod verbs;
mod workload;
mod workmap;
