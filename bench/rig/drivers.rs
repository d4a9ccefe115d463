//! Drivers of instruments, one a protocol. Not here: ports, threads, clocks.

mod line;
mod mecom;

pub use line::Line;
pub use mecom::{Mecom, RAMP_MARGIN};
