//! `[output]` of a dialect: how an output is switched, and how an answer says whether it is on.

use super::{Ask, Reply, Template, number};

/// `[output]`.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputRule {
    /// Switches it on. Not repeated unless asked for again.
    pub on: Template,
    /// Switches it off. Repeated at need: that can do no harm.
    pub off: Template,
    /// The question that says whether it is on.
    pub back: Ask,
    /// How the answer says "on", and how "off".
    pub is_on: IsOn,
    /// What must be nearly 0 as well before "off" is believed.
    pub idle: Vec<Idle>,
    /// Its current and voltage are positive when they cool.
    pub positive_cools: bool,
}

/// `[output.idle.NAME]`: a question whose answer is a number near 0 where the output is off. What switches an output and what says that it
/// is off may both be wrong of a current that flows all the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Idle {
    /// NAME.
    pub name: String,
    /// The question.
    pub ask: Ask,
    /// The most that its answer may be either way, in its unit.
    pub at_most: f64,
}

impl OutputRule {
    /// Whether `word` says that it is on; `None` if it says neither. A raw byte of 0 says nothing: that is what a broken line reads as.
    pub fn says(&self, word: &str) -> Option<bool> {
        if self.asks_twice() && number(word) == Some(0.0) {
            return None;
        }
        self.is_on.says(word)
    }

    /// Two equal answers one after the other are wanted: one raw byte has nothing by which noise could be told from it.
    pub fn asks_twice(&self) -> bool {
        matches!(&self.back.reply, Reply::Pattern(pattern) if pattern.is_raw())
    }
}

/// How an answer says whether an output is on. Whatever is in neither list says nothing: an error reply, an echo or half a line is
/// never taken for "off", nor for "on".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IsOn {
    /// This bit of it is set or not; with any bit of `never` set it is no such answer.
    Bit {
        /// Its place, from 0.
        bit: u32,
        /// Bits that no state of the device sets.
        never: u32,
    },
    /// It is one of these words, or the same number.
    Words {
        /// "On".
        on: Vec<String>,
        /// "Off".
        off: Vec<String>,
    },
}

impl IsOn {
    /// Whether `word` says so; `None` if it says neither.
    pub fn says(&self, word: &str) -> Option<bool> {
        match self {
            Self::Bit { bit, never } => {
                let bits = number(word).filter(|n| (0.0..=65_535.0).contains(n) && n.fract() == 0.0)? as u32;
                (bits & never == 0).then_some((bits >> bit) & 1 == 1)
            }
            Self::Words { on, off } => {
                let among = |words: &[String]| words.iter().any(|known| same(known, word));
                match (among(on), among(off)) {
                    (true, false) => Some(true),
                    (false, true) => Some(false),
                    _ => None,
                }
            }
        }
    }
}

/// The same word, in whatever letters, or the same number: devices say `1`, `+1` and `1.0`.
pub(super) fn same(known: &str, word: &str) -> bool {
    known.eq_ignore_ascii_case(word.trim()) || number(known).is_some_and(|known| number(word) == Some(known))
}
