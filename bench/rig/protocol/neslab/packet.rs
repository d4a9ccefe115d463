//! Packets: where one begins and ends, and whether it arrived whole.

use std::collections::VecDeque;

const LEAD: u8 = 0xCA;
/// Most data bytes of a packet.
const MAX_DATA: usize = 8;
/// Lead, address, command, count, checksum.
const AROUND: usize = 6;
const LONGEST: usize = AROUND + MAX_DATA;

/// A packet, either way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Of the bath.
    pub address: u16,
    /// What it is about.
    pub command: u8,
    /// At most 8 bytes; what is beyond them is not sent.
    pub data: Vec<u8>,
}

fn checksum(bytes: &[u8]) -> u8 {
    !bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte))
}

impl Packet {
    /// The bytes on the line.
    pub fn encode(&self) -> Vec<u8> {
        let data = &self.data[..self.data.len().min(MAX_DATA)];
        let mut bytes = vec![LEAD];
        bytes.extend(self.address.to_be_bytes());
        bytes.extend([self.command, data.len() as u8]);
        bytes.extend(data);
        bytes.push(checksum(&bytes[1..]));
        bytes
    }

    /// The packet that these bytes are, no more and no less, and whether its checksum is right.
    fn split(bytes: &[u8]) -> Option<(Self, bool)> {
        let [LEAD, high, low, command, count, data @ .., sum] = bytes else { return None };
        if usize::from(*count) != data.len() || data.len() > MAX_DATA {
            return None;
        }
        let packet = Self { address: u16::from_be_bytes([*high, *low]), command: *command, data: data.to_vec() };
        Some((packet, *sum == checksum(&bytes[1..bytes.len() - 1])))
    }

    /// The first sound packet in a stream that is wanted, whatever stands around it.
    pub(super) fn find<T>(heard: &[u8], wanted: impl Fn(Self) -> Option<T>) -> Option<T> {
        (AROUND..=heard.len()).find_map(|end| {
            let from = end.saturating_sub(LONGEST);
            (from..=end - AROUND).find_map(|start| match Self::split(&heard[start..end]) {
                Some((packet, true)) => wanted(packet),
                _ => None,
            })
        })
    }
}

/// What a bath makes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Whole.
    Sound(Packet),
    /// Its checksum is wrong; the bath says so.
    Damaged {
        /// As it arrived.
        address: u16,
        /// As it arrived.
        command: u8,
    },
}

/// The bath's ear: finds packets in a stream, in whatever portions it comes.
#[derive(Debug, Default)]
pub struct Decoder {
    heard: Vec<u8>,
    found: VecDeque<Heard>,
}

impl Decoder {
    /// Takes bytes as they came. A packet ends with the byte that completes it.
    pub fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.heard.len() == LONGEST {
                self.heard.remove(0);
            }
            self.heard.push(byte);
            let mut ends = (0..self.heard.len()).filter_map(|from| Packet::split(&self.heard[from..]));
            let sound = ends.clone().find(|(_, sound)| *sound);
            // Only what fills everything heard is called damaged: within noise nobody knows where a packet begins.
            let found = sound.or_else(|| ends.next().filter(|(packet, _)| packet.data.len() + AROUND == self.heard.len()));
            if let Some((packet, sound)) = found {
                let damaged = Heard::Damaged { address: packet.address, command: packet.command };
                self.found.push_back(if sound { Heard::Sound(packet) } else { damaged });
                self.heard.clear();
            }
        }
    }

    /// The next packet, oldest first.
    pub fn pop(&mut self) -> Option<Heard> {
        self.found.pop_front()
    }

    /// Forgets everything collected: the line is a new one.
    pub fn clear(&mut self) {
        self.heard.clear();
        self.found.clear();
    }
}
