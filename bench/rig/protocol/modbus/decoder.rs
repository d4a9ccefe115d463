//! The device's ear: which bytes of a stream are a request to it.
//!
//! Real devices cut a stream by its silences; here it comes in whatever portions, and two bytes of checksum must do. Of a function that is
//! known the length is known too. One that is not could be of any length, so that a long request has many pieces that may pass for one
//! (once in some ten thousand requests). So a frame counts only while no longer one that began before it is still to end, and one of a function
//! that is not known costs nobody its bytes. To everybody there is nothing to say but what writes (Modbus over Serial Line 1.02, 2.1).

use super::{MAX_FRAME, sound};
use std::collections::VecDeque;

/// Longest frame of a function that is not known here: its length cannot be told, so each up to this is tried.
const LONGEST_UNKNOWN: usize = 16;

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// To everybody: obeyed, and not answered.
    pub broadcast: bool,
    /// Function and data.
    pub pdu: Vec<u8>,
}

/// The length of a request of this function can be told.
const fn known(function: u8) -> bool {
    matches!(function, 1..=6 | 15 | 16)
}

/// Finds the requests to one device in a stream, in whatever portions it comes.
#[derive(Debug)]
pub struct Decoder {
    address: u8,
    heard: Vec<u8>,
    found: VecDeque<Heard>,
}

impl Decoder {
    /// Listens for requests to this address and to everybody (0).
    pub const fn new(address: u8) -> Self {
        Self { address, heard: Vec::new(), found: VecDeque::new() }
    }

    /// Takes bytes as they came. A request ends with the byte that completes it; what stood before it is noise. One of a function that is
    /// not known may itself be noise: its bytes may still belong to the next.
    pub fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.heard.len() == MAX_FRAME {
                self.heard.remove(0);
            }
            self.heard.push(byte);
            let mut ends = (0..self.heard.len()).filter(|&from| self.ends(&self.heard[from..]));
            let known_at = ends.clone().find(|&from| known(self.heard[from + 1]));
            let Some(from) = known_at.or_else(|| ends.next()) else { continue };
            let (frame, known) = (&self.heard[from..], known_at.is_some());
            if (0..from).any(|before| self.goes_on(&self.heard[before..])) {
                continue;
            }
            self.found.push_back(Heard { broadcast: frame[0] == 0, pdu: frame[1..frame.len() - 2].to_vec() });
            // The second time it begins there it is no other one: zeros after a right checksum make a right one.
            self.heard.drain(..if known { self.heard.len() } else { from + 1 });
        }
    }

    /// Such a request would be for this device.
    const fn meant(&self, address: u8, function: u8) -> bool {
        address == self.address || (address == 0 && matches!(function, 5 | 6 | 15 | 16))
    }

    /// These bytes may be the beginning of a request of a known function, and no more than that.
    fn goes_on(&self, bytes: &[u8]) -> bool {
        let &[address, function, ..] = bytes else { return false };
        if !self.meant(address, function) || !known(function) {
            return false;
        }
        match (function, bytes) {
            // The count of bytes must be that of what is written.
            (15 | 16, &[_, _, _, _, high, low, n, ..]) => {
                let count = usize::from(u16::from_be_bytes([high, low]));
                let wanted = if function == 15 { count.div_ceil(8) } else { 2 * count };
                count > 0 && usize::from(n) == wanted && bytes.len() < 9 + usize::from(n)
            }
            (15 | 16, _) => true,
            _ => bytes.len() < 8,
        }
    }

    /// These bytes are a whole request, no more and no less.
    fn ends(&self, bytes: &[u8]) -> bool {
        let &[address, function, ..] = bytes else { return false };
        if !self.meant(address, function) {
            return false;
        }
        let right = match function {
            1..=6 => bytes.len() == 8,
            15 | 16 => bytes.get(6).is_some_and(|n| bytes.len() == 9 + usize::from(*n)),
            _ => (4..=LONGEST_UNKNOWN).contains(&bytes.len()),
        };
        right && sound(bytes)
    }

    /// The next request, oldest first.
    pub fn pop(&mut self) -> Option<Heard> {
        self.found.pop_front()
    }

    /// Forgets everything collected: the line is a new one.
    pub fn clear(&mut self) {
        self.heard.clear();
        self.found.clear();
    }
}
