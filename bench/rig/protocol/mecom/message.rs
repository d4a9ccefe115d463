//! Messages: what a frame asks or answers, and which reply belongs to which request.

use super::frame::{Frame, Side, hex};
use thiserror::Error;

/// Most parameters of one bulk read. The device's own limit is not public; this many answers fit [`super::MAX_PAYLOAD`].
pub const MAX_BULK: usize = 16;

/// The parameters of a bulk read, each with its instance, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bulk {
    entries: [(u16, u8); MAX_BULK],
    count: usize,
}

impl Bulk {
    /// A bulk read of these; `None` if there are none, or more than [`MAX_BULK`].
    pub fn new(wanted: &[(u16, u8)]) -> Option<Self> {
        let mut entries = [(0, 0); MAX_BULK];
        entries.get_mut(..wanted.len()).filter(|_| !wanted.is_empty())?.copy_from_slice(wanted);
        Some(Self { entries, count: wanted.len() })
    }

    /// The parameters and their instances, in the order in which they are answered.
    pub fn entries(&self) -> &[(u16, u8)] {
        &self.entries[..self.count]
    }
}

/// What a host asks of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// `?IF`: the identification string. Some clients (mecompyapi) name an instance, which devices ignore.
    Identify {
        /// Channel of the device, if named.
        instance: Option<u8>,
    },
    /// `?VR`: the value of a parameter.
    Read {
        /// Which parameter.
        parameter: u16,
        /// Channel of the device, from 1.
        instance: u8,
    },
    /// `?VX`: the values of several parameters at once. Older firmware does not know it.
    ReadMany(Bulk),
    /// `VS`: sets a parameter, in volatile memory.
    Write {
        /// Which parameter.
        parameter: u16,
        /// Channel of the device, from 1.
        instance: u8,
        /// The value's 32 bits, see [`super::Value`].
        bits: u32,
    },
    /// `RS`: restarts the device, which clears its errors and everything set since power-up.
    Reset,
}

/// What a device makes of a payload it cannot serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    /// No such command.
    #[error("cannot tell what is asked: no such command")]
    Command,
    /// The command is known, its arguments are not what it needs.
    #[error("cannot read the arguments of a request")]
    Format,
}

impl Request {
    /// The payload of a frame that asks this.
    pub fn payload(&self) -> String {
        match *self {
            Self::Identify { instance: None } => "?IF".to_owned(),
            Self::Identify { instance: Some(instance) } => format!("?IF{instance:02X}"),
            Self::Read { parameter, instance } => format!("?VR{parameter:04X}{instance:02X}"),
            Self::ReadMany(bulk) => {
                let entries = bulk.entries().iter().map(|(parameter, instance)| format!("{parameter:04X}{instance:02X}"));
                format!("?VX{:02X}{}", bulk.count, entries.collect::<Vec<_>>().concat())
            }
            Self::Write { parameter, instance, bits } => format!("VS{parameter:04X}{instance:02X}{bits:08X}"),
            Self::Reset => "RS".to_owned(),
        }
    }

    /// Reads the payload of a host's frame.
    pub fn parse(payload: &str) -> Result<Self, RequestError> {
        let bytes = payload.as_bytes();
        let field = |from: usize, to: usize| bytes.get(from..to).and_then(hex).ok_or(RequestError::Format);
        let whole = |length: usize| if bytes.len() == length { Ok(()) } else { Err(RequestError::Format) };
        if payload == "RS" {
            Ok(Self::Reset)
        } else if payload == "?IF" {
            Ok(Self::Identify { instance: None })
        } else if payload.starts_with("?IF") {
            whole(5)?;
            Ok(Self::Identify { instance: Some(field(3, 5)? as u8) })
        } else if payload.starts_with("?VR") {
            whole(9)?;
            Ok(Self::Read { parameter: field(3, 7)? as u16, instance: field(7, 9)? as u8 })
        } else if payload.starts_with("?VX") {
            let count = field(3, 5)? as usize;
            whole(5 + 6 * count)?;
            let entry = |n: usize| Ok((field(5 + 6 * n, 9 + 6 * n)? as u16, field(9 + 6 * n, 11 + 6 * n)? as u8));
            let entries = (0..count).map(entry).collect::<Result<Vec<_>, _>>()?;
            Bulk::new(&entries).map(Self::ReadMany).ok_or(RequestError::Format)
        } else if payload.starts_with("VS") {
            whole(16)?;
            Ok(Self::Write { parameter: field(2, 6)? as u16, instance: field(6, 8)? as u8, bits: field(8, 16)? })
        } else {
            Err(RequestError::Command)
        }
    }
}

/// Why a device refuses a request: the number after `+` (pyMeCom `mecom/commands.py`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ServerError {
    /// +01.
    #[error("the device does not know this command")]
    Command,
    /// +02.
    #[error("the device is busy")]
    Busy,
    /// +03.
    #[error("the device reports a communication error")]
    Communication,
    /// +04.
    #[error("the device cannot read the request's format")]
    Format,
    /// +05.
    #[error("the device has no such parameter")]
    Parameter,
    /// +06.
    #[error("the parameter is read-only")]
    ReadOnly,
    /// +07.
    #[error("the value is out of the parameter's range")]
    Range,
    /// +08.
    #[error("the device has no such instance of the parameter")]
    Instance,
    /// A number that no source of ours names.
    #[error("the device reports its error {0:02X}")]
    Other(u8),
}

impl ServerError {
    /// The two digits on the wire, as a number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Command => 1,
            Self::Busy => 2,
            Self::Communication => 3,
            Self::Format => 4,
            Self::Parameter => 5,
            Self::ReadOnly => 6,
            Self::Range => 7,
            Self::Instance => 8,
            Self::Other(code) => code,
        }
    }

    /// The meaning of the two digits.
    pub const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Command,
            2 => Self::Busy,
            3 => Self::Communication,
            4 => Self::Format,
            5 => Self::Parameter,
            6 => Self::ReadOnly,
            7 => Self::Range,
            8 => Self::Instance,
            other => Self::Other(other),
        }
    }
}

/// A request with its address and number: what goes out, and what a reply is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// Device address.
    pub address: u8,
    /// Number of this request; a new one for every attempt.
    pub sequence: u16,
    /// What is asked.
    pub request: Request,
}

impl Query {
    fn frame(&self) -> Frame {
        Frame::new(Side::Host, self.address, self.sequence, self.request.payload())
    }

    /// The bytes to send.
    pub fn encode(&self) -> Vec<u8> {
        self.frame().encode(Side::Host)
    }

    /// Bytes of the longest reply.
    pub fn reply_len(&self) -> usize {
        // Start, address, number, CRC, carriage return.
        12 + match self.request {
            Request::Identify { .. } => 20,
            Request::Read { .. } => 8,
            Request::ReadMany(bulk) => 8 * bulk.count,
            // A refusal is longer than an acknowledgement.
            Request::Write { .. } | Request::Reset => 3,
        }
    }

    /// What `frame` answers to this request, if it is the answer to this and no other.
    pub fn answer(&self, frame: &Frame) -> Result<Answer, Mismatch> {
        if frame.address != self.address {
            return Err(Mismatch::Address);
        }
        if frame.sequence != self.sequence {
            return Err(Mismatch::Sequence);
        }
        if frame.is_bare() {
            let acknowledges = matches!(self.request, Request::Write { .. } | Request::Reset);
            return match (acknowledges, frame.crc == self.frame().crc) {
                (true, true) => Ok(Answer::Acknowledged),
                (true, false) => Err(Mismatch::AcknowledgedCrc),
                (false, _) => Err(Mismatch::Shape),
            };
        }
        match (self.request, Payload::parse(&frame.payload)) {
            (_, Payload::Error(error)) => Ok(Answer::Refused(error)),
            (Request::Read { .. }, Payload::Bits(bits)) => Ok(Answer::Bits(bits)),
            (Request::ReadMany(bulk), _) => values(&frame.payload, bulk.count).map(Answer::Many).ok_or(Mismatch::Shape),
            // An identity of eight hexadecimal digits is still an identity.
            (Request::Identify { .. }, Payload::Bits(_) | Payload::Text(_)) => Ok(Answer::Identity(frame.payload.trim().to_owned())),
            _ => Err(Mismatch::Shape),
        }
    }
}

/// So many values of eight digits each, and nothing else.
fn values(payload: &str, count: usize) -> Option<Vec<u32>> {
    let digits = payload.as_bytes();
    if digits.len() != 8 * count {
        return None;
    }
    digits.chunks(8).map(hex).collect()
}

/// What a device's payload says, without knowing what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// `+NN`.
    Error(ServerError),
    /// Eight hexadecimal digits.
    Bits(u32),
    /// Anything else.
    Text(String),
}

impl Payload {
    /// Reads a payload.
    pub fn parse(payload: &str) -> Self {
        let bytes = payload.as_bytes();
        match (bytes.first(), bytes.len()) {
            (Some(b'+'), 3) => hex(&bytes[1..]).map(|code| Self::Error(ServerError::from_code(code as u8))),
            (_, 8) => hex(bytes).map(Self::Bits),
            _ => None,
        }
        .unwrap_or_else(|| Self::Text(payload.to_owned()))
    }
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done.
    Acknowledged,
    /// The value asked for.
    Bits(u32),
    /// The values asked for, in that order.
    Many(Vec<u32>),
    /// The identification string, without the blanks around it.
    Identity(String),
    /// The device refuses.
    Refused(ServerError),
}

/// Why a whole frame is not the answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Mismatch {
    /// From another device.
    #[error("the reply comes from another address")]
    Address,
    /// To another request: late, or not ours.
    #[error("the reply belongs to another request")]
    Sequence,
    /// It acknowledges other bytes than we sent.
    #[error("the acknowledgement repeats the CRC of another request")]
    AcknowledgedCrc,
    /// It answers a question of another kind.
    #[error("the reply does not have the shape this request asks for")]
    Shape,
}

/// What a device sends back: the emulator's half of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done; repeats the request's CRC.
    Acknowledge,
    /// A value.
    Bits(u32),
    /// Several values.
    Many(Vec<u32>),
    /// The identification string.
    Identity(String),
    /// Refused.
    Refuse(ServerError),
}

/// A reply that cannot be put on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("cannot send an identity that is empty, longer than {max} characters or holds other than printable ASCII without # ! +", max = super::MAX_PAYLOAD)]
pub struct ReplyError;

impl Reply {
    /// The bytes that answer `request` (a whole frame of the host's) with this.
    pub fn encode(&self, request: &Frame) -> Result<Vec<u8>, ReplyError> {
        let payload = match self {
            Self::Acknowledge => {
                let echo = Frame { address: request.address, sequence: request.sequence, payload: String::new(), crc: request.crc };
                return Ok(echo.encode(Side::Device));
            }
            Self::Bits(bits) => format!("{bits:08X}"),
            Self::Many(values) => values.iter().take(MAX_BULK).map(|bits| format!("{bits:08X}")).collect::<Vec<_>>().concat(),
            Self::Refuse(error) => format!("+{:02X}", error.code()),
            Self::Identity(text) => {
                let clean = text.bytes().all(|b| (0x20..0x7F).contains(&b) && !b"#!+".contains(&b));
                if text.is_empty() || text.len() > super::MAX_PAYLOAD || !clean {
                    return Err(ReplyError);
                }
                text.clone()
            }
        };
        Ok(Frame::new(Side::Device, request.address, request.sequence, payload).encode(Side::Device))
    }
}
