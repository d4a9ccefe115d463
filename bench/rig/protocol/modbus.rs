//! Modbus-RTU: functions 1 to 6, 15 and 16 of the Modbus Application Protocol Specification V1.1b3, in the frames of Modbus over
//! Serial Line V1.02: address, function, data, CRC-16 (polynomial 0xA001 reflected, initial value 0xFFFF, low byte first).
//!
//! A frame has no start character and replies have no number. Devices part frames by silence; a host's operating system does
//! not keep silences, so here a frame is found by what it must be: its length follows from the function, and the CRC ends it.
//! **A late reply to a question of the same shape is indistinguishable from the answer**: whoever asks must let the line fall
//! silent before asking again. A line with local echo gives back functions 5 and 6 as they were sent, which is what a device
//! answers: only reading back tells.

mod decoder;
pub mod identity;
mod map;
mod message;
mod value;

pub use decoder::{Decoder, Heard};
pub use map::{Register, RegisterMap};
pub use message::{Answer, Exception, MAX_BITS_READ, MAX_REGISTERS_READ, Query, QueryError, Reply, Request, Table};
pub use value::{Kind, ValueError, WordOrder};

use crc::{CRC_16_MODBUS, Crc};

static CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_MODBUS);

/// Longest frame on a serial line, CRC included (Modbus over Serial Line V1.02, 2.3).
pub const MAX_FRAME: usize = 256;

/// Address, PDU and CRC as they go over the line.
fn frame(address: u8, pdu: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(pdu.len() + 3);
    bytes.push(address);
    bytes.extend(pdu);
    bytes.extend(CRC.checksum(&bytes).to_le_bytes());
    bytes
}

/// True if the last two bytes are the CRC of those before them.
fn sound(bytes: &[u8]) -> bool {
    bytes.len() >= 4 && CRC.checksum(&bytes[..bytes.len() - 2]).to_le_bytes() == bytes[bytes.len() - 2..]
}

#[cfg(test)]
mod tests;
