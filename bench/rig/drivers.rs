//! Drivers of instruments, one a protocol. Not here: ports, threads, clocks.

mod commands;
mod line;
mod mecom;
mod modbus;
mod neslab;
mod tetech;
mod unnumbered;

pub use commands::RAMP_MARGIN;
pub use line::Line;
pub use mecom::Mecom;
pub(crate) use modbus::modbus;
pub(crate) use neslab::neslab;
pub(crate) use tetech::tetech;
