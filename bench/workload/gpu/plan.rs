//! What is asked of a GPU: which one, which model, which task, in which numbers, how many sequences.
//!
//! Not here: whether it can be had (`start`).

use super::Fault;
use super::driver::Card;
use super::product::Kind;
use crate::generate::Task;
use crate::model::Model;
use crate::transformer::{Config, Preset};
use signal::Channel;
use std::fmt;

/// Which card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The one that is measured, or the first.
    #[default]
    Any,
    /// By its place on the bus, as NVML and `nvidia-smi` count.
    Index(u32),
    /// `GPU-…`, or enough of its beginning; `MIG-…`, an instance of a board.
    Uuid(String),
    /// A replica of the work on each of these.
    Several(Vec<Self>),
}

impl Choice {
    /// `0`, `GPU-…` or several of them after commas, none twice.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut each: Vec<Self> = text.split(',').map(Self::one).collect::<Option<_>>()?;
        if each.len() == 1 {
            return each.pop();
        }
        let twice = (0..each.len()).any(|k| each[..k].contains(&each[k]));
        (!twice && each.len() <= Channel::MOST_BOARDS).then_some(Self::Several(each))
    }

    fn one(text: &str) -> Option<Self> {
        let digits = !text.is_empty() && text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit());
        let uuid = text.len() > 4
            && (text.starts_with("GPU-") || text.starts_with("MIG-"))
            && text[4..].bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        if digits { text.parse().ok().map(Self::Index) } else { uuid.then(|| Self::Uuid(text.to_owned())) }
    }

    /// These cards, if none of them is there twice.
    pub(crate) fn distinct<'a>(&self, cards: impl Iterator<Item = Result<&'a Card, Fault>>) -> Result<Vec<&'a Card>, Fault> {
        let mut found: Vec<&Card> = Vec::new();
        for card in cards {
            let card = card?;
            if found.contains(&card) {
                return Err(Fault::Unable { card: format!("GPU {self}"), why: format!("{} is named twice", card.uuid) });
            }
            found.push(card);
        }
        Ok(found)
    }

    /// The card that is meant, the first of several.
    pub(crate) fn of<'a>(&self, cards: &'a [Card]) -> Result<&'a Card, Fault> {
        let found = match self {
            Self::Any => cards.first(),
            Self::Several(choices) => return choices.first().unwrap_or(&Self::Any).of(cards),
            Self::Index(n) => cards.get(*n as usize),
            Self::Uuid(start) => {
                let mut those = cards.iter().filter(|c| c.uuid.to_ascii_lowercase().starts_with(&start.to_ascii_lowercase()));
                // An abbreviation that fits two fits none.
                those.next().filter(|_| those.next().is_none())
            }
        };
        let instance = matches!(self, Self::Uuid(uuid) if uuid.starts_with("MIG-"));
        found.ok_or_else(|| Fault::NoCard {
            // CUDA shows a process one instance, the first unless it is told which.
            hint: if instance { format!("; a process sees one instance: export CUDA_VISIBLE_DEVICES={self}") } else { String::new() },
            wanted: self.to_string(),
            there: cards.iter().enumerate().map(|(n, c)| format!("{n} ({}, {})", c.name, c.uuid)).collect::<Vec<_>>().join(", "),
        })
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("at all"),
            Self::Index(n) => write!(f, "{n}"),
            Self::Uuid(uuid) => f.write_str(uuid),
            Self::Several(each) => f.write_str(&each.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
        }
    }
}

/// In which numbers weights and activations are kept; sums are f32 always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Number {
    /// What models are served in.
    #[default]
    Bf16,
    /// As the host's engine computes: for comparison.
    F32,
    /// The blocks' products in E4M3, a scale a matrix; the rest in bf16. Cards of compute capability 8.9 on.
    Fp8,
}

impl Number {
    /// Every one.
    pub const ALL: &'static [Self] = &[Self::Bf16, Self::F32, Self::Fp8];

    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
            Self::Fp8 => "fp8",
        }
    }

    /// What activations are kept in.
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::F32 => Kind::F32,
            Self::Bf16 | Self::Fp8 => Kind::Bf16,
        }
    }

    /// The kernel of this name for these numbers.
    pub(super) fn kernel(self, name: &str) -> String {
        format!("{name}_{}", if self == Self::F32 { "f32" } else { "bf16" })
    }

    /// How far an answer may be from the reference computed in f64 with the same (for bf16, rounded) weights, as a share of its length. bf16 has eight bits: each of some
    /// hundred roundings on the way costs up to 0.4 % of a number, and their sum a few per cent; E4M3 has four bits. That a product is right to
    /// a few thousandths is shown for each by itself (`decoder::proof`); this sees what goes wrong between them.
    pub(super) const fn tolerance(self) -> f64 {
        match self {
            Self::F32 => 1e-3,
            Self::Bf16 => 0.05,
            Self::Fp8 => 0.25,
        }
    }
}

/// What to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Which card.
    pub card: Choice,
    /// Whose weights.
    pub model: Model,
    /// Prompts, answers, both, or training.
    pub task: Task,
    /// In which numbers.
    pub number: Number,
    /// Sequences at once; the usual many if not said.
    pub batch: Option<usize>,
}

/// Most sequences that may be asked for.
pub(crate) const MOST_SEQUENCES: usize = 4096;

impl Plan {
    /// Sequences at once.
    pub(super) const fn sequences(&self) -> usize {
        match (self.batch, &self.model, self.task) {
            (Some(n), _, _) => n,
            (None, _, Task::Train) => 8,
            (None, Model::Preset(Preset::Tiny | Preset::Small | Preset::M135), _) => 256,
            (None, _, _) => 128,
        }
    }

    /// Most tokens of prompts in one step: enough that products are bound by arithmetic.
    pub(super) fn chunk(&self, c: &Config) -> usize {
        (self.sequences() * c.context).clamp(64, 8192)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.card {
            Choice::Any => {}
            card => write!(f, "{card}:")?,
        }
        write!(f, "{}:{}:{}", self.model, self.task.name(), self.number.name())?;
        self.batch.map_or(Ok(()), |n| write!(f, ":batch={n}"))
    }
}
