//! How work crosses a time without power: the words of it, and where the work is meanwhile. No file and no clock here.

use crate::Channel;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What becomes of the work in memory when the power for it is taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Crossing {
    /// Process and memory stay, the board idles on a battery.
    #[default]
    Idle,
    /// Its state is written to a file, its memory dropped; it is restored when power returns.
    Checkpoint,
    /// Nothing is kept: its memory is dropped, and what was unfinished is done again when power returns.
    Restart,
}

impl Crossing {
    /// Every one.
    pub const ALL: &'static [Self] = &[Self::Idle, Self::Checkpoint, Self::Restart];

    /// The word in files and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Checkpoint => "checkpoint",
            Self::Restart => "restart",
        }
    }

    /// The memory is dropped.
    pub const fn drops(self) -> bool {
        !matches!(self, Self::Idle)
    }
}

impl fmt::Display for Crossing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Crossing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().find(|c| c.word() == text).copied().ok_or_else(|| {
            format!("\"{text}\" is no way over an eclipse: expected idle (memory stays), checkpoint (saved and restored) or restart (lost and done again)")
        })
    }
}

/// Where work is. The number is what the column `work_park_state` holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In memory: at work, or ready to.
    #[default]
    Memory,
    /// Being put away: written to a file, or let go.
    Leaving,
    /// Away: its memory is dropped.
    Away,
    /// Being restored, or begun anew.
    Coming,
}

impl Place {
    const ALL: [Self; 4] = [Self::Memory, Self::Leaving, Self::Away, Self::Coming];

    /// Its number in rows.
    pub const fn number(self) -> f64 {
        match self {
            Self::Memory => 0.0,
            Self::Leaving => 1.0,
            Self::Away => 2.0,
            Self::Coming => 3.0,
        }
    }

    /// What to say of it; nothing while it is in memory.
    pub const fn words(self) -> Option<&'static str> {
        match self {
            Self::Memory => None,
            Self::Leaving => Some("being put away"),
            Self::Away => Some("away, memory dropped"),
            Self::Coming => Some("coming back"),
        }
    }

    /// The place of a number in a row; `None` for what is none.
    pub fn of_number(number: f64) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.number() == number)
    }
}

/// What crossings came to since the work started. Seconds are the work's own: wall seconds of real work, bench seconds of the virtual card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Where the work is.
    pub place: Place,
    /// Times it was put away.
    pub pauses: u64,
    /// Time from the power's going to the last file's being safe, s.
    pub write_s: f64,
    /// Time from the power's return to the first unit's being possible, s.
    pub restore_s: f64,
    /// Bytes of the newest checkpoint; 0 before the first.
    pub bytes: u64,
    /// Output that was lost with the memory, to be done again.
    pub lost_output: f64,
    /// Input likewise, such as tokens of prompts.
    pub lost_input: f64,
}

impl Kept {
    /// The same as channels. A size that there is not yet is missing.
    pub fn channels(&self) -> [(Channel, Option<f64>); 6] {
        [
            (Channel::WorkPark, Some(self.place.number())),
            (Channel::WorkLost, Some(self.lost_output)),
            (Channel::WorkLostInput, Some(self.lost_input)),
            (Channel::WorkCheckpoint, Some(self.write_s)),
            (Channel::WorkRestore, Some(self.restore_s)),
            (Channel::WorkCheckpointSize, (self.bytes > 0).then_some(self.bytes as f64 / 1_048_576.0)),
        ]
    }

    /// Two works that cross together, as one: where the one furthest from working is, the longer times, and everything that is lost.
    #[must_use]
    pub fn beside(self, other: Self) -> Self {
        let place = [Place::Leaving, Place::Coming, Place::Away].into_iter().find(|p| [self.place, other.place].contains(p));
        Self {
            place: place.unwrap_or_default(),
            pauses: self.pauses.max(other.pauses),
            write_s: self.write_s.max(other.write_s),
            restore_s: self.restore_s.max(other.restore_s),
            bytes: self.bytes + other.bytes,
            lost_output: self.lost_output + other.lost_output,
            lost_input: self.lost_input + other.lost_input,
        }
    }

    /// Those channels.
    pub fn read() -> impl Iterator<Item = Channel> {
        Self::default().channels().into_iter().map(|(channel, _)| channel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_read_back() {
        for crossing in Crossing::ALL {
            assert_eq!(crossing.word().parse(), Ok(*crossing));
        }
        assert!("ride".parse::<Crossing>().is_err_and(|why| why.contains("checkpoint")));
        for place in Place::ALL {
            assert_eq!(Place::of_number(place.number()), Some(place));
        }
        assert_eq!(Place::of_number(4.0), None);
        assert_eq!(Place::of_number(f64::NAN), None);
    }
}
