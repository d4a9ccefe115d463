//! The values of a GGUF file's header, one after the other, each checked against what a sound file has.
//!
//! Not here: what they mean.

use std::fs::File;
use std::io::{BufReader, Read};

/// Longest text or list that a sound header has.
pub(super) const MOST_ITEMS: u64 = 1 << 24;
/// A value of the header, as far as it is of use.
pub(super) enum Value {
    Whole(u64),
    Real(f64),
    Text(String),
    Other,
}

pub(super) struct Reader {
    pub(super) input: BufReader<File>,
    pub(super) length: u64,
}

impl Reader {
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes).map_err(|why| format!("the file breaks off in its header ({why})"))?;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, String> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, String> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// A number of things, of which none is smaller than a byte.
    pub(super) fn count(&mut self) -> Result<u64, String> {
        let n = self.u64()?;
        if n > MOST_ITEMS || n > self.length { Err(format!("its header speaks of {n} items, more than there can be")) } else { Ok(n) }
    }

    pub(super) fn text(&mut self) -> Result<String, String> {
        let mut bytes = vec![0; self.count()? as usize];
        self.input.read_exact(&mut bytes).map_err(|why| format!("the file breaks off in its header ({why})"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(super) fn value(&mut self, kind: u32) -> Result<Value, String> {
        Ok(match kind {
            0 | 1 | 7 => Value::Whole(u64::from(self.bytes::<1>()?[0])),
            2 | 3 => Value::Whole(u64::from(u16::from_le_bytes(self.bytes()?))),
            4 | 5 => Value::Whole(u64::from(self.u32()?)),
            6 => Value::Real(f64::from(f32::from_le_bytes(self.bytes()?))),
            8 => Value::Text(self.text()?),
            9 => {
                let (kind, n) = (self.u32()?, self.count()?);
                if kind == 9 {
                    return Err("its header has lists of lists, which nobody writes".to_owned());
                }
                for _ in 0..n {
                    self.value(kind)?;
                }
                Value::Other
            }
            10 | 11 => Value::Whole(self.u64()?),
            12 => Value::Real(f64::from_le_bytes(self.bytes()?)),
            other => return Err(format!("its header has a value of type {other}, which is none")),
        })
    }
}
