//! The device's ear: which bytes of a stream are a request to it.

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

    /// Takes bytes as they came. A request ends with the byte that completes it; what stood before it is noise.
    pub fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.heard.len() == MAX_FRAME {
                self.heard.remove(0);
            }
            self.heard.push(byte);
            if let Some(from) = (0..self.heard.len()).find(|&from| self.ends(&self.heard[from..])) {
                let frame = &self.heard[from..];
                self.found.push_back(Heard { broadcast: frame[0] == 0, pdu: frame[1..frame.len() - 2].to_vec() });
                self.heard.clear();
            }
        }
    }

    /// These bytes are a whole request, no more and no less.
    fn ends(&self, bytes: &[u8]) -> bool {
        let &[address, function, ..] = bytes else { return false };
        if address != self.address && address != 0 {
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
