//! NC, the binary protocol of Thermo Scientific's NESLAB circulators (RTE, and others with the same controller).
//!
//! A packet in either direction is `CA`, address (2 bytes), command, count of data bytes (0 to 8), the data, checksum: the
//! inverted sum of everything after the lead byte. A reply repeats the command; `0F` refuses. Values are read with a qualifier
//! that says how many decimals they have, and written without one: **what is written must have the decimals the bath is set
//! to**, so those are read first. Facts from OsmoSystems/calibration-environment `water_bath/*.py`, which quotes the manual.
//!
//! Replies have no number: a late one to the same command is indistinguishable from the answer. Eight bits of checksum let one
//! damaged packet in 256 through; what matters is read back.

mod message;
mod packet;

pub use message::{Answer, Measured, Quantity, Query, Refusal, Reply, Request, RequestError, Status, Switches};
pub use packet::{Decoder, Heard, Packet};

/// Address of a bath on RS-232, where there is only one.
pub const RS232_ADDRESS: u16 = 1;

#[cfg(test)]
mod tests;
