//! Frames: where one begins and ends in a stream of bytes, and whether it arrived whole.
//!
//! The decoder is fed whatever the port gave, in any portions. Boot banners, noise and halves of frames cost the bytes
//! themselves and nothing else: a start character always begins afresh.

use crc::{CRC_16_XMODEM, Crc};
use std::collections::VecDeque;
use thiserror::Error;

/// Polynomial 0x1021, initial value 0, unreflected (pyMeCom `mecom/mecom.py`; the vectors in the tests agree).
static CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// Longest payload taken for one: that of a bulk read's answer. More than this is noise that lost its end.
pub const MAX_PAYLOAD: usize = 8 * super::MAX_BULK;

/// Start, address, sequence number, CRC: what a frame has around its payload, without the carriage return.
const AROUND: usize = 1 + 2 + 4 + 4;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Requests, starting with `#`.
    Host,
    /// Replies, starting with `!`.
    Device,
}

impl Side {
    const fn start(self) -> u8 {
        match self {
            Self::Host => b'#',
            Self::Device => b'!',
        }
    }
}

/// A frame whose fields could be told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Device address; 0 reaches any device, 255 any device without an answer.
    pub address: u8,
    /// Number that pairs a reply with its request.
    pub sequence: u16,
    /// What stands between the sequence number and the CRC, printable ASCII.
    pub payload: String,
    /// The CRC as it stands in the frame. Checked against the frame itself unless [`Frame::is_bare`].
    pub crc: u16,
}

/// Why a stretch of bytes is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Too few or too many characters between start and carriage return.
    #[error("cannot take {0} characters for a frame")]
    Length(usize),
    /// A character where a hexadecimal digit belongs, or an unprintable one in the payload.
    #[error("cannot read the fields of a frame: a character is out of place")]
    Character,
    /// The frame was damaged on its way.
    #[error("cannot trust a frame: its CRC is {found:04X}, computed {computed:04X}")]
    Crc {
        /// As it stands in the frame.
        found: u16,
        /// Over the frame as it arrived.
        computed: u16,
    },
}

impl Frame {
    /// A frame as `side` would send it, CRC computed.
    pub fn new(side: Side, address: u8, sequence: u16, payload: String) -> Self {
        let crc = CRC.checksum(Self::head(side, address, sequence, &payload).as_bytes());
        Self { address, sequence, payload, crc }
    }

    /// True if the frame has no payload: an acknowledgement, whose CRC is that of its request.
    pub fn is_bare(&self) -> bool {
        self.payload.is_empty()
    }

    /// The bytes on the wire, carriage return included.
    pub fn encode(&self, side: Side) -> Vec<u8> {
        format!("{}{:04X}\r", Self::head(side, self.address, self.sequence, &self.payload), self.crc).into_bytes()
    }

    fn head(side: Side, address: u8, sequence: u16, payload: &str) -> String {
        format!("{}{address:02X}{sequence:04X}{payload}", char::from(side.start()))
    }

    /// Reads one frame from start character to the last digit of the CRC, without the carriage return.
    pub fn decode(side: Side, bytes: &[u8]) -> Result<Self, FrameError> {
        if !(AROUND..=AROUND + MAX_PAYLOAD).contains(&bytes.len()) {
            return Err(FrameError::Length(bytes.len()));
        }
        let (head, tail) = bytes.split_at(bytes.len() - 4);
        let printable = head[7..].iter().all(|b| (0x20..0x7F).contains(b));
        if head[0] != side.start() || !printable {
            return Err(FrameError::Character);
        }
        let crc = hex(tail).ok_or(FrameError::Character)? as u16;
        let frame = Self {
            address: hex(&head[1..3]).ok_or(FrameError::Character)? as u8,
            sequence: hex(&head[3..7]).ok_or(FrameError::Character)? as u16,
            payload: head[7..].iter().copied().map(char::from).collect(),
            crc,
        };
        // A device's bare frame repeats the CRC of the request; a host's has its own like any other.
        if side == Side::Device && frame.is_bare() {
            return Ok(frame);
        }
        let computed = CRC.checksum(head);
        if computed == crc { Ok(frame) } else { Err(FrameError::Crc { found: crc, computed }) }
    }
}

/// Reads up to 8 hexadecimal digits, and nothing but digits (`u32::from_str_radix` would take a sign).
pub(super) fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0_u32, |sum, &digit| Some(sum << 4 | char::from(digit).to_digit(16)?))
}

/// Finds the frames of one side in a stream.
#[derive(Debug)]
pub struct Decoder {
    side: Side,
    /// The frame being collected, start character first; empty while none has begun.
    partial: Vec<u8>,
    found: VecDeque<Frame>,
    refused: Option<FrameError>,
}

impl Decoder {
    /// Listens for frames that `side` sends.
    pub const fn new(side: Side) -> Self {
        Self { side, partial: Vec::new(), found: VecDeque::new(), refused: None }
    }

    /// Takes bytes as they came, whatever their portions.
    pub fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == self.side.start() {
                self.partial.clear();
                self.partial.push(byte);
            } else if self.partial.is_empty() {
                // Nothing began yet: a banner, noise, or the other side's echo.
            } else if byte == b'\r' {
                match Frame::decode(self.side, &self.partial) {
                    Ok(frame) => self.found.push_back(frame),
                    Err(error) => self.refused = Some(error),
                }
                self.partial.clear();
            } else if self.partial.len() < AROUND + MAX_PAYLOAD {
                self.partial.push(byte);
            } else {
                self.refused = Some(FrameError::Length(self.partial.len() + 1));
                self.partial.clear();
            }
        }
    }

    /// The next whole frame, oldest first.
    pub fn pop(&mut self) -> Option<Frame> {
        self.found.pop_front()
    }

    /// Why the newest damaged frame was dropped, once; for words, not for decisions.
    pub fn refused(&mut self) -> Option<FrameError> {
        self.refused.take()
    }

    /// Forgets everything collected: the line is a new one.
    pub fn clear(&mut self) {
        self.partial.clear();
        self.found.clear();
        self.refused = None;
    }
}
