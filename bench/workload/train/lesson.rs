//! What is learned, and how far learning has come: texts that can be learned, progress, and lessons, whose outcome is known beforehand.
//!
//! Not here: the arithmetic (`net`).

use super::net::{learn, parameters, zeros};
use super::{DECAY, RATE};
use crate::generate::checkpoint::{bytes, load_draws, save_draws};
use crate::generate::{Done, Wrong, below};
use crate::reference::{self, Source};
use crate::transformer::{Config, Weights};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::io::{self, Read, Write};

/// Steps between looks at whether the loss has fallen.
const LOOK: u64 = 200;

/// Texts to learn from: walks by a fixed random map from token to token.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    next: Vec<u32>,
    rng: ChaCha8Rng,
}

impl Text {
    pub(crate) fn new(vocabulary: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let next = (0..vocabulary).map(|_| below(&mut rng, vocabulary)).collect();
        Self { next, rng }
    }

    /// A walk of so many tokens, and one more.
    pub(crate) fn walk(&mut self, tokens: usize) -> Vec<u32> {
        let mut token = below(&mut self.rng, self.next.len());
        (0..=tokens)
            .map(|_| {
                let this = token;
                token = self.next[this as usize];
                this
            })
            .collect()
    }

    /// A seed for what must not have been learned before, of the draws.
    pub(crate) fn another(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// Where the walk stands; the map is the seed's.
    pub(crate) fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        save_draws(&self.rng, out)
    }

    pub(crate) fn load(&mut self, input: &mut dyn Read) -> io::Result<()> {
        self.rng = load_draws(input)?;
        Ok(())
    }
}

/// How far learning has come, and whether it is learning.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    steps: u64,
    first: Option<f64>,
    recent: f64,
}

impl Progress {
    /// One step before it is looked at.
    #[cfg(test)]
    pub(super) const fn before_a_look(first: f64, recent: f64) -> Self {
        Self { steps: LOOK - 1, first: Some(first), recent }
    }

    /// Size of the next update, and what undoes the bias of both means.
    pub(crate) fn rates(&self) -> (f32, f32, f32) {
        let n = i32::try_from(self.steps + 1).unwrap_or(i32::MAX);
        (RATE, 1.0 - DECAY.0.powi(n), 1.0 - DECAY.1.powi(n))
    }

    /// A step was done.
    pub(crate) const fn begun(&self) -> bool {
        self.steps > 0
    }

    /// Mean loss of the latest steps.
    pub(crate) const fn loss(&self) -> f64 {
        self.recent
    }

    pub(crate) fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.steps.to_le_bytes())?;
        out.write_all(&[u8::from(self.first.is_some())])?;
        out.write_all(&self.first.unwrap_or(0.0).to_le_bytes())?;
        out.write_all(&self.recent.to_le_bytes())
    }

    pub(crate) fn load(&mut self, input: &mut dyn Read) -> io::Result<()> {
        self.steps = u64::from_le_bytes(bytes(input)?);
        let [any] = bytes(input)?;
        let first = f64::from_le_bytes(bytes(input)?);
        self.first = (any != 0).then_some(first);
        self.recent = f64::from_le_bytes(bytes(input)?);
        Ok(())
    }

    /// Takes note of a step's loss.
    pub(crate) fn took(&mut self, loss: f64) -> Result<(), Wrong> {
        self.steps += 1;
        let first = *self.first.get_or_insert(loss);
        self.recent = if self.steps == 1 { loss } else { 0.95 * self.recent + 0.05 * loss };
        if self.steps == LOOK && self.recent >= first {
            return Err(Wrong::Unlearned { first, last: self.recent });
        }
        Ok(())
    }
}

/// What was learned from and is not known to be right.
pub(crate) fn save_learned(unchecked: Done, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&(unchecked.output as u64).to_le_bytes())
}

pub(crate) fn load_learned(input: &mut dyn Read) -> io::Result<Done> {
    let output = usize::try_from(u64::from_le_bytes(bytes(input)?)).map_err(io::Error::other)?;
    Ok(Done { input: 0, output })
}

/// A text, and what the first step of training on it must come to: by the host's trainer, which the tests hold against differences of the reference.
#[derive(Debug)]
pub(crate) struct Lesson {
    pub(crate) text: Vec<u32>,
    pub(crate) loss: f64,
    pub(crate) gradient: Vec<Vec<f32>>,
    /// Of each part the place of one weight, and how far the first update takes it.
    pub(crate) moved: Vec<(usize, f32)>,
}

impl Lesson {
    /// The text alone.
    pub(crate) fn text(config: &Config, length: usize, seed: u64) -> Vec<u32> {
        Text::new(config.vocabulary, !seed).walk(length)
    }

    /// A walk of `length` tokens, learned on these weights.
    pub(crate) fn of(weights: &Weights, length: usize, seed: u64) -> Self {
        let text = Self::text(&weights.config, length, seed);
        let mut gradient = zeros(weights.config);
        let loss = learn(weights, &mut gradient, &text);
        let gradient: Vec<Vec<f32>> = parameters(&mut gradient).into_iter().map(|part| part.to_vec()).collect();
        let moved = gradient.iter().map(|part| {
            let (i, g) = largest(part);
            // The means' bias undone, the first step goes by the sign alone.
            (i, -RATE * g / (g.abs() + 1e-8))
        });
        let moved = moved.collect();
        Self { text, loss, gradient, moved }
    }
}

/// The loss as the reference computes it.
pub(crate) fn known_loss(source: &Source<'_>, text: &[u32]) -> f64 {
    let lengths: Vec<usize> = (1..text.len()).collect();
    let losses = reference::logits_after(source, &text[..text.len() - 1], &lengths);
    let losses = losses.iter().zip(&text[1..]).map(|(logits, wanted)| {
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        largest + logits.iter().map(|l| (l - largest).exp()).sum::<f64>().ln() - logits[*wanted as usize]
    });
    losses.sum::<f64>() / (text.len() - 1) as f64
}

/// The largest of some numbers, by magnitude, and its place.
pub(crate) fn largest(part: &[f32]) -> (usize, f32) {
    part.iter().copied().enumerate().fold((0, 0.0), |most, (i, g)| if g.abs() > most.1.abs() { (i, g) } else { most })
}
