//! Messages: what a host asks, what a device answers, and where in a stream the answer to a question stands.

use super::{MAX_FRAME, frame, sound};
use thiserror::Error;

/// Most coils or inputs that one question may read (specification, 6.1).
pub const MAX_BITS_READ: u16 = 2000;
/// Most registers that one question may read (specification, 6.3).
pub const MAX_REGISTERS_READ: u16 = 125;
const MAX_BITS_WRITTEN: usize = 1968;
const MAX_REGISTERS_WRITTEN: usize = 123;

/// The four tables of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Bits that can be written, function 1.
    Coils,
    /// Bits that can only be read, function 2.
    DiscreteInputs,
    /// Registers that can be written, function 3.
    HoldingRegisters,
    /// Registers that can only be read, function 4.
    InputRegisters,
}

impl Table {
    const fn function(self) -> u8 {
        match self {
            Self::Coils => 1,
            Self::DiscreteInputs => 2,
            Self::HoldingRegisters => 3,
            Self::InputRegisters => 4,
        }
    }

    const fn of_function(function: u8) -> Option<Self> {
        Some(match function {
            1 => Self::Coils,
            2 => Self::DiscreteInputs,
            3 => Self::HoldingRegisters,
            4 => Self::InputRegisters,
            _ => return None,
        })
    }

    /// It holds bits, not registers.
    pub const fn bits(self) -> bool {
        matches!(self, Self::Coils | Self::DiscreteInputs)
    }

    /// Most entries that one question may read.
    pub const fn most(self) -> u16 {
        if self.bits() { MAX_BITS_READ } else { MAX_REGISTERS_READ }
    }
}

/// What a host asks of a device. Addresses count from 0, as on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Functions 1 to 4.
    Read {
        /// Which table.
        table: Table,
        /// First entry.
        at: u16,
        /// How many.
        count: u16,
    },
    /// Function 5.
    WriteCoil {
        /// Which.
        at: u16,
        /// On or off.
        on: bool,
    },
    /// Function 6.
    WriteRegister {
        /// Which.
        at: u16,
        /// To what.
        value: u16,
    },
    /// Function 15.
    WriteCoils {
        /// First.
        at: u16,
        /// One after the other.
        values: Vec<bool>,
    },
    /// Function 16.
    WriteRegisters {
        /// First.
        at: u16,
        /// One after the other.
        values: Vec<u16>,
    },
}

/// Why a device does not do what it is asked (specification, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Exception {
    /// 1.
    #[error("illegal function (1): the device does not serve it")]
    IllegalFunction,
    /// 2.
    #[error("illegal data address (2): the device has no such register or coil")]
    IllegalAddress,
    /// 3.
    #[error("illegal data value (3)")]
    IllegalValue,
    /// 4.
    #[error("server device failure (4)")]
    DeviceFailure,
    /// 5.
    #[error("acknowledge (5): the device is still at it")]
    Acknowledge,
    /// 6.
    #[error("server device busy (6)")]
    Busy,
    /// 8.
    #[error("memory parity error (8)")]
    MemoryParity,
    /// 10.
    #[error("gateway path unavailable (10)")]
    GatewayPath,
    /// 11.
    #[error("gateway target failed to respond (11): the device behind the gateway is silent")]
    GatewayTarget,
    /// A number that the specification does not name.
    #[error("exception {0}, which the specification does not name")]
    Other(u8),
}

impl Exception {
    /// The number on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::IllegalFunction => 1,
            Self::IllegalAddress => 2,
            Self::IllegalValue => 3,
            Self::DeviceFailure => 4,
            Self::Acknowledge => 5,
            Self::Busy => 6,
            Self::MemoryParity => 8,
            Self::GatewayPath => 10,
            Self::GatewayTarget => 11,
            Self::Other(code) => code,
        }
    }

    /// The meaning of a number.
    pub const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::IllegalFunction,
            2 => Self::IllegalAddress,
            3 => Self::IllegalValue,
            4 => Self::DeviceFailure,
            5 => Self::Acknowledge,
            6 => Self::Busy,
            8 => Self::MemoryParity,
            10 => Self::GatewayPath,
            11 => Self::GatewayTarget,
            other => Self::Other(other),
        }
    }
}

fn pair(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}

fn packed(bits: &[bool]) -> Vec<u8> {
    bits.chunks(8).map(|eight| eight.iter().enumerate().fold(0, |byte, (at, on)| byte | u8::from(*on) << at)).collect()
}

fn unpacked(bytes: &[u8], count: usize) -> Vec<bool> {
    (0..count).map(|at| bytes.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)).collect()
}

impl Request {
    /// The number of the function that does this.
    pub const fn function(&self) -> u8 {
        match self {
            Self::Read { table, .. } => table.function(),
            Self::WriteCoil { .. } => 5,
            Self::WriteRegister { .. } => 6,
            Self::WriteCoils { .. } => 15,
            Self::WriteRegisters { .. } => 16,
        }
    }

    fn pdu(&self) -> Vec<u8> {
        let mut pdu = vec![self.function()];
        let mut word = |value: u16| pdu.extend(value.to_be_bytes());
        match self {
            Self::Read { at, count, .. } => [*at, *count].into_iter().for_each(word),
            Self::WriteCoil { at, on } => [*at, if *on { 0xFF00 } else { 0 }].into_iter().for_each(word),
            Self::WriteRegister { at, value } => [*at, *value].into_iter().for_each(word),
            Self::WriteCoils { at, values } => {
                [*at, values.len() as u16].into_iter().for_each(&mut word);
                let bytes = packed(values);
                pdu.push(bytes.len() as u8);
                pdu.extend(bytes);
            }
            Self::WriteRegisters { at, values } => {
                [*at, values.len() as u16].into_iter().for_each(&mut word);
                pdu.push((values.len() * 2) as u8);
                pdu.extend(values.iter().flat_map(|value| value.to_be_bytes()));
            }
        }
        pdu
    }

    /// Reads the PDU (function and data) of a request, or says how a device refuses it.
    pub fn parse(pdu: &[u8]) -> Result<Self, Exception> {
        let (&function, data) = pdu.split_first().ok_or(Exception::IllegalFunction)?;
        let counted = |count: u16, most: usize| {
            if (1..=most).contains(&usize::from(count)) { Ok(usize::from(count)) } else { Err(Exception::IllegalValue) }
        };
        match (function, data) {
            (1..=4, &[a, b, c, d]) => {
                let table = Table::of_function(function).ok_or(Exception::IllegalFunction)?;
                let count = pair(c, d);
                counted(count, usize::from(table.most()))?;
                Ok(Self::Read { table, at: pair(a, b), count })
            }
            (5, &[a, b, 0xFF, 0]) => Ok(Self::WriteCoil { at: pair(a, b), on: true }),
            (5, &[a, b, 0, 0]) => Ok(Self::WriteCoil { at: pair(a, b), on: false }),
            (6, &[a, b, c, d]) => Ok(Self::WriteRegister { at: pair(a, b), value: pair(c, d) }),
            (15, [a, b, c, d, n, bytes @ ..]) => {
                let count = counted(pair(*c, *d), MAX_BITS_WRITTEN)?;
                let whole = usize::from(*n) == count.div_ceil(8) && bytes.len() == usize::from(*n);
                if whole { Ok(Self::WriteCoils { at: pair(*a, *b), values: unpacked(bytes, count) }) } else { Err(Exception::IllegalValue) }
            }
            (16, [a, b, c, d, n, bytes @ ..]) => {
                let count = counted(pair(*c, *d), MAX_REGISTERS_WRITTEN)?;
                let whole = usize::from(*n) == count * 2 && bytes.len() == usize::from(*n);
                let values = bytes.chunks_exact(2).map(|two| pair(two[0], two[1])).collect();
                if whole { Ok(Self::WriteRegisters { at: pair(*a, *b), values }) } else { Err(Exception::IllegalValue) }
            }
            (1..=6 | 15 | 16, _) => Err(Exception::IllegalValue),
            _ => Err(Exception::IllegalFunction),
        }
    }
}

/// Why a question cannot be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QueryError {
    /// Nobody answers address 0, and above 247 nobody is.
    #[error("cannot ask address {0}: devices have addresses 1 to 247")]
    Address(u8),
    /// More than fits one frame, or nothing.
    #[error("cannot ask for {found} entries at once: 1 to {most} fit one frame")]
    Count {
        /// Asked for.
        found: usize,
        /// Possible.
        most: usize,
    },
    /// Beyond the last address.
    #[error("cannot ask for {count} entries from {at}: addresses end at 65535")]
    End {
        /// First.
        at: u16,
        /// How many.
        count: usize,
    },
}

/// A request with its address: what goes out, and what an answer is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    address: u8,
    request: Request,
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// As many bits as were asked for.
    Bits(Vec<bool>),
    /// As many registers as were asked for.
    Registers(Vec<u16>),
    /// It was written.
    Written,
    /// The device refuses.
    Refused(Exception),
}

impl Query {
    /// A question that fits the protocol.
    pub fn new(address: u8, request: Request) -> Result<Self, QueryError> {
        if !(1..=247).contains(&address) {
            return Err(QueryError::Address(address));
        }
        let (at, found, most) = match &request {
            Request::Read { table, at, count } => (*at, usize::from(*count), usize::from(table.most())),
            Request::WriteCoil { at, .. } | Request::WriteRegister { at, .. } => (*at, 1, 1),
            Request::WriteCoils { at, values } => (*at, values.len(), MAX_BITS_WRITTEN),
            Request::WriteRegisters { at, values } => (*at, values.len(), MAX_REGISTERS_WRITTEN),
        };
        if !(1..=most).contains(&found) {
            return Err(QueryError::Count { found, most });
        }
        if usize::from(at) + found > 0x1_0000 {
            return Err(QueryError::End { at, count: found });
        }
        Ok(Self { address, request })
    }

    /// What is asked.
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// The bytes to send.
    pub fn encode(&self) -> Vec<u8> {
        frame(self.address, &self.request.pdu())
    }

    /// Length of the frame that answers, unless it refuses.
    pub fn reply_len(&self) -> usize {
        match &self.request {
            Request::Read { table, count, .. } if table.bits() => 5 + usize::from(*count).div_ceil(8),
            Request::Read { count, .. } => 5 + 2 * usize::from(*count),
            _ => 8,
        }
    }

    /// The answer in what was heard since this was asked: the first frame that is sound and has the shape of one. Noise, halves
    /// of frames and answers to others before it are passed over.
    pub fn find(&self, heard: &[u8]) -> Option<Answer> {
        (1..=heard.len()).find_map(|end| {
            let tail = |length: usize| end.checked_sub(length).map(|from| &heard[from..end]).filter(|bytes| sound(bytes));
            tail(self.reply_len()).and_then(|bytes| self.read(bytes)).or_else(|| tail(5).and_then(|bytes| self.refusal(bytes)))
        })
    }

    fn read(&self, bytes: &[u8]) -> Option<Answer> {
        let (head, data) = (&bytes[..2], &bytes[2..bytes.len() - 2]);
        if head != [self.address, self.request.function()] {
            return None;
        }
        if let Request::Read { table, count, .. } = &self.request {
            let (&length, values) = data.split_first()?;
            if usize::from(length) != values.len() {
                return None;
            }
            return Some(if table.bits() {
                Answer::Bits(unpacked(values, usize::from(*count)))
            } else {
                Answer::Registers(values.chunks_exact(2).map(|two| pair(two[0], two[1])).collect())
            });
        }
        // A write is answered with its first four bytes of data.
        (data == &self.request.pdu()[1..5]).then_some(Answer::Written)
    }

    fn refusal(&self, bytes: &[u8]) -> Option<Answer> {
        let ours = bytes[..2] == [self.address, self.request.function() | 0x80];
        ours.then(|| Answer::Refused(Exception::from_code(bytes[2])))
    }
}

/// What a device sends back: the emulator's half of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To functions 1 and 2.
    Bits(Vec<bool>),
    /// To functions 3 and 4.
    Registers(Vec<u16>),
    /// To what writes.
    Written,
    /// Refused.
    Exception(Exception),
}

impl Reply {
    /// The bytes with which the device at `address` answers a request whose PDU is `asked`.
    pub fn encode(&self, address: u8, asked: &[u8]) -> Vec<u8> {
        let function = asked.first().copied().unwrap_or_default();
        let mut pdu = vec![function];
        match self {
            Self::Bits(bits) => {
                let bytes = packed(bits);
                pdu.push(bytes.len() as u8);
                pdu.extend(bytes);
            }
            Self::Registers(values) => {
                pdu.push((values.len() * 2) as u8);
                pdu.extend(values.iter().flat_map(|value| value.to_be_bytes()));
            }
            Self::Written => pdu.extend(asked.iter().skip(1).take(4)),
            Self::Exception(exception) => pdu = vec![function | 0x80, exception.code()],
        }
        pdu.truncate(MAX_FRAME - 3);
        frame(address, &pdu)
    }
}
