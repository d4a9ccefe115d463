//! Numbers in registers: the specification knows 16-bit words only, so vendors put the rest together as they like.

use thiserror::Error;

/// What the registers of a value hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One register, unsigned.
    U16,
    /// One register, two's complement.
    I16,
    /// Two registers, unsigned.
    U32,
    /// Two registers, two's complement.
    I32,
    /// Two registers, IEEE 754 single precision.
    F32,
}

/// Which register of two comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WordOrder {
    /// The high word, as the bytes within a word come.
    #[default]
    HighFirst,
    /// The low word.
    LowFirst,
}

/// A number that its registers cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error("cannot put {value} into a register of kind {kind:?}")]
pub struct ValueError {
    /// The number.
    pub value: f64,
    /// The kind.
    pub kind: Kind,
}

impl Kind {
    /// Registers that a value takes.
    pub const fn registers(self) -> u16 {
        match self {
            Self::U16 | Self::I16 => 1,
            Self::U32 | Self::I32 | Self::F32 => 2,
        }
    }

    /// The number in these registers; `None` if there are not as many as it takes. What is no number stays none.
    pub fn decode(self, order: WordOrder, registers: &[u16]) -> Option<f64> {
        let bits = match (registers, order) {
            (&[one], _) => u32::from(one),
            (&[high, low], WordOrder::HighFirst) | (&[low, high], WordOrder::LowFirst) => u32::from(high) << 16 | u32::from(low),
            _ => return None,
        };
        if registers.len() != usize::from(self.registers()) {
            return None;
        }
        Some(match self {
            Self::U16 | Self::U32 => f64::from(bits),
            Self::I16 => f64::from((bits as u16).cast_signed()),
            Self::I32 => f64::from(bits.cast_signed()),
            Self::F32 => f64::from(f32::from_bits(bits)),
        })
    }

    /// The registers that hold this number, rounded where they hold integers. NaN and what is out of range is refused.
    pub fn encode(self, order: WordOrder, value: f64) -> Result<Vec<u16>, ValueError> {
        let whole = value.round();
        let within =
            |low: f64, high: f64| if (low..=high).contains(&whole) { Ok(whole as i64) } else { Err(ValueError { value, kind: self }) };
        let bits = match self {
            Self::U16 => return Ok(vec![within(0.0, f64::from(u16::MAX))? as u16]),
            Self::I16 => return Ok(vec![(within(f64::from(i16::MIN), f64::from(i16::MAX))? as i16).cast_unsigned()]),
            Self::U32 => within(0.0, f64::from(u32::MAX))? as u32,
            Self::I32 => (within(f64::from(i32::MIN), f64::from(i32::MAX))? as i32).cast_unsigned(),
            Self::F32 if value.is_finite() && (value as f32).is_finite() => (value as f32).to_bits(),
            Self::F32 => return Err(ValueError { value, kind: self }),
        };
        let (high, low) = ((bits >> 16) as u16, bits as u16);
        Ok(match order {
            WordOrder::HighFirst => vec![high, low],
            WordOrder::LowFirst => vec![low, high],
        })
    }
}
