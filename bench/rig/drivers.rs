//! Drivers of instruments, one a protocol. Not here: ports, threads, clocks.

mod mecom;

pub use mecom::{Mecom, RAMP_MARGIN};
