//! Frames of the two layouts, what is asked and what is answered.

use std::collections::VecDeque;
use thiserror::Error;

const START: u8 = b'*';
const END: u8 = b'\r';
const REPLY_END: u8 = b'^';

/// A controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// TC-36-25: address 00 before the code, eight digits of value, none in what only reads.
    Tc3625,
    /// TC-48-20: four digits of value always.
    Tc4820,
    /// TC-720: like the TC-48-20, with other codes.
    Tc720,
}

impl Model {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tc3625 => "TC-36-25",
            Self::Tc4820 => "TC-48-20",
            Self::Tc720 => "TC-720",
        }
    }

    /// Baud rate as delivered.
    pub const fn baud(self) -> u32 {
        match self {
            Self::Tc3625 => 9600,
            Self::Tc4820 => 115_200,
            Self::Tc720 => 230_400,
        }
    }

    /// Digits of a value.
    const fn digits(self) -> usize {
        match self {
            Self::Tc3625 => 8,
            Self::Tc4820 | Self::Tc720 => 4,
        }
    }

    /// What stands before the code.
    const fn address(self) -> &'static str {
        match self {
            Self::Tc3625 => "00",
            Self::Tc4820 | Self::Tc720 => "",
        }
    }

    /// The digits of a value, two's complement.
    fn print(self, value: i32) -> String {
        match self {
            Self::Tc3625 => format!("{value:08x}"),
            Self::Tc4820 | Self::Tc720 => format!("{:04x}", value as u16),
        }
    }

    fn parse(self, digits: &[u8]) -> Option<i32> {
        let bits = hex(digits).filter(|_| digits.len() == self.digits())?;
        Some(match self {
            Self::Tc3625 => bits.cast_signed(),
            Self::Tc4820 | Self::Tc720 => i32::from((bits as u16).cast_signed()),
        })
    }

    const fn holds(self, value: i32) -> bool {
        matches!(self, Self::Tc3625) || (value >= i16::MIN as i32 && value <= i16::MAX as i32)
    }
}

/// Up to 8 hexadecimal digits and nothing but digits.
fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0_u32, |sum, &digit| Some(sum << 4 | char::from(digit).to_digit(16)?))
}

fn sum(characters: &[u8]) -> u8 {
    characters.iter().fold(0, |sum, c| sum.wrapping_add(*c))
}

fn framed(body: &str, end: u8) -> Vec<u8> {
    let mut bytes = format!("*{body}{:02x}", sum(body.as_bytes())).into_bytes();
    bytes.push(end);
    bytes
}

/// A value that a model has no digits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("cannot send {value} to a {}: it takes -32768 to 32767", .model.name())]
pub struct QueryError {
    /// The value.
    pub value: i32,
    /// The model.
    pub model: Model,
}

/// A request: what goes out, and what an answer is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    model: Model,
    code: u8,
    write: Option<i32>,
}

/// The answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The value read, or as it was written.
    Value(i32),
    /// The device heard a damaged request.
    Damaged,
}

impl Query {
    /// Reads what `code` stands for.
    pub const fn read(model: Model, code: u8) -> Self {
        Self { model, code, write: None }
    }

    /// Writes what `code` stands for.
    pub const fn write(model: Model, code: u8, value: i32) -> Result<Self, QueryError> {
        if model.holds(value) { Ok(Self { model, code, write: Some(value) }) } else { Err(QueryError { value, model }) }
    }

    /// The bytes to send.
    pub fn encode(&self) -> Vec<u8> {
        let value = match (self.write, self.model) {
            (Some(value), _) => self.model.print(value),
            (None, Model::Tc3625) => String::new(),
            (None, _) => self.model.print(0),
        };
        framed(&format!("{}{:02x}{value}", self.model.address(), self.code), END)
    }

    /// Length of the frame that answers.
    pub const fn reply_len(&self) -> usize {
        1 + self.model.digits() + 2 + 1
    }

    /// The first whole reply in what was heard since this was asked. What is written comes back as it was written, or it is
    /// no answer.
    pub fn find(&self, heard: &[u8]) -> Option<Answer> {
        heard.windows(self.reply_len()).find_map(|bytes| {
            let (body, tail) = bytes[1..].split_at(self.model.digits());
            if bytes[0] != START || tail[2] != REPLY_END || hex(&tail[..2]) != Some(u32::from(sum(body))) {
                return None;
            }
            if body.iter().all(|c| *c == b'X') {
                return Some(Answer::Damaged);
            }
            let value = self.model.parse(body)?;
            self.write.is_none_or(|written| written == value).then_some(Answer::Value(value))
        })
    }
}

/// What a device heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A request to read (or, on four-digit models, possibly to write 0: the code decides).
    Request {
        /// Of what.
        code: u8,
        /// The digits, if there were any.
        value: Option<i32>,
    },
    /// A frame whose sum or layout is wrong.
    Damaged,
}

/// The device's ear: finds requests in a stream, in whatever portions it comes.
#[derive(Debug)]
pub struct Decoder {
    model: Model,
    partial: Vec<u8>,
    found: VecDeque<Heard>,
}

impl Decoder {
    /// Listens for requests to this model.
    pub const fn new(model: Model) -> Self {
        Self { model, partial: Vec::new(), found: VecDeque::new() }
    }

    /// Takes bytes as they came. A start character always begins afresh.
    pub fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == START {
                self.partial.clear();
                self.partial.push(byte);
            } else if self.partial.is_empty() {
                // Nothing began yet.
            } else if byte == END {
                self.found.push_back(self.read(&self.partial[1..]).unwrap_or(Heard::Damaged));
                self.partial.clear();
            } else if self.partial.len() < 32 {
                self.partial.push(byte);
            } else {
                self.partial.clear();
            }
        }
    }

    fn read(&self, bytes: &[u8]) -> Option<Heard> {
        let (body, check) = bytes.split_at_checked(bytes.len().checked_sub(2)?)?;
        if hex(check) != Some(u32::from(sum(body))) {
            return None;
        }
        let rest = body.strip_prefix(self.model.address().as_bytes())?;
        let (code, digits) = rest.split_at_checked(2)?;
        let code = hex(code)? as u8;
        match (self.model, digits) {
            (Model::Tc3625, []) => Some(Heard::Request { code, value: None }),
            _ => self.model.parse(digits).map(|value| Heard::Request { code, value: Some(value) }),
        }
    }

    /// The next request, oldest first.
    pub fn pop(&mut self) -> Option<Heard> {
        self.found.pop_front()
    }

    /// Forgets everything collected: the line is a new one.
    pub fn clear(&mut self) {
        self.partial.clear();
        self.found.clear();
    }
}

/// What a device sends back: the emulator's half of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A value; on four-digit models its lower 16 bits.
    Value(i32),
    /// To a damaged request.
    Damaged,
}

impl Reply {
    /// The bytes on the line.
    pub fn encode(self, model: Model) -> Vec<u8> {
        match self {
            Self::Value(value) => framed(&model.print(value), REPLY_END),
            Self::Damaged => framed(&"X".repeat(model.digits()), REPLY_END),
        }
    }
}
