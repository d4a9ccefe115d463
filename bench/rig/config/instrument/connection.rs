//! Where an instrument is, and how its line is set.

use std::path::PathBuf;

/// Where an instrument is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The twin stands in for it, on a port that it makes.
    Emulated,
    /// Behind this serial port.
    Port(PathBuf),
    /// Behind the serial port that this USB adapter makes, whatever the system calls it today.
    Usb(UsbId),
    /// Behind this address of a network, `host:port`.
    Tcp(String),
}

/// A USB adapter that can be told from any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbId {
    /// Vendor number.
    pub vid: u16,
    /// Product number.
    pub pid: u16,
    /// Serial number; without one, two of a kind on one bench are refused.
    pub serial: Option<String>,
}

/// How a serial line is set. Of no meaning on a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serial {
    /// Line speed, baud.
    pub baud: u32,
    /// Data bits, 7 or 8.
    pub data_bits: u8,
    /// Parity.
    pub parity: Parity,
    /// Stop bits, 1 or 2.
    pub stop_bits: u8,
}

impl Serial {
    /// Eight data bits, no parity, one stop bit.
    pub const fn n81(baud: u32) -> Self {
        Self { baud, data_bits: 8, parity: Parity::None, stop_bits: 1 }
    }

    /// Bits on the line for a byte, start and stop included.
    pub fn bits_a_byte(self) -> f64 {
        f64::from(1 + self.data_bits + self.stop_bits) + if self.parity == Parity::None { 0.0 } else { 1.0 }
    }

    /// Time that so many bytes take on the line, s.
    pub fn wire_s(self, bytes: usize) -> f64 {
        bytes as f64 * self.bits_a_byte() / f64::from(self.baud.max(1))
    }
}

/// Parity of a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// None.
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

impl Parity {
    /// The word in a rig file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Even => "even",
            Self::Odd => "odd",
        }
    }
}
