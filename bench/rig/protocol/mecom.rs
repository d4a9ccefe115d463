//! `MeCom`, the protocol of Meerstetter TEC controllers: frames, messages and the table of parameters.
//!
//! A frame is `#` (host) or `!` (device), address (2 hex digits), sequence number (4), payload, CRC (4), carriage return. The
//! CRC is CRC-16/XMODEM over everything before it. One exception decides between implementations: **an acknowledgement has no
//! payload and carries the CRC of the request it acknowledges**, not its own (pyMeCom `mecom/mecom.py`; mecompyapi enforces it).
//! So an acknowledgement can only be judged beside its request: [`Query::answer`] does.
//!
//! Bulk reads (`?VX`) are known from public catalogues only (meerstetter-go): count, then number and instance of each parameter;
//! answered by the values one after the other. Whoever uses them proves the layout on the device first.
//!
//! Not here: metadata (`?VM`) and saving to flash (`SP`), which no driver of ours sends.

mod error;
mod frame;
mod message;
mod parameter;

pub use error::error_name;
pub use frame::{Decoder, Frame, FrameError, MAX_PAYLOAD, Side};
pub use message::{Answer, Bulk, MAX_BULK, Mismatch, Payload, Query, Reply, ReplyError, Request, RequestError, ServerError};
pub use parameter::{Kind, Parameter, Sensor, TABLE, Value, device_wide, id, parameter};

#[cfg(test)]
mod tests;
