//! A training step of the built-in transformer: forward with everything kept, backward through all of it, `AdamW` (arXiv 1711.05101). Bound by arithmetic, three times
//! a prefill's a token.
//!
//! The text is a walk by a fixed random map from token to token: it can be learned (`lesson`), so that a machine that computes wrongly is found out by a loss that does not fall;
//! the first step and the last are held against the reference (`check`). The arithmetic is in `net`. Not here: time.

use crate::generate::{Done, Wrong};
use crate::transformer::Weights;
use net::learn;
use std::io::{self, Read, Write};

mod check;
mod lesson;
mod net;

#[cfg(test)]
pub(crate) use lesson::known_loss;
pub(crate) use lesson::{Lesson, Progress, Text, load_learned, save_learned};
pub(crate) use net::{parameters, zeros};

/// Tokens of a step.
const TOKENS: usize = 64;
/// Size of a step, and the decays of `AdamW`'s two means.
pub(crate) const RATE: f32 = 1e-3;
pub(crate) const DECAY: (f32, f32) = (0.9, 0.999);
/// How far an update may be from what it must be, as a share of [`RATE`]: `f32` is no finer for weights near 1.
pub(crate) const UPDATE: f64 = 0.01;
/// Numbers written at once.
const PIECE: usize = 1 << 18;

/// A model in training.
#[derive(Debug)]
pub struct Trainer {
    weights: Weights,
    gradient: Weights,
    means: Vec<(Vec<f32>, Vec<f32>)>,
    text: Text,
    progress: Progress,
    unchecked: Done,
}

impl Trainer {
    /// A model with these weights; `seed` settles the text.
    pub fn new(weights: Weights, seed: u64) -> Self {
        let text = Text::new(weights.config.vocabulary, seed);
        let gradient = zeros(weights.config);
        let mut trainer = Self { weights, gradient, means: Vec::new(), text, progress: Progress::default(), unchecked: Done::default() };
        trainer.means = parameters(&mut trainer.gradient).iter().map(|p| (vec![0.0; p.len()], vec![0.0; p.len()])).collect();
        trainer
    }

    /// One step: `Done::output` is the tokens that were learned from. The first is checked whole: loss, gradient, update.
    pub fn step(&mut self) -> Result<Done, Wrong> {
        let text = self.text.walk(TOKENS.min(self.weights.config.context));
        let loss = self.learn(&text);
        if !loss.is_finite() {
            return Err(Wrong::NotFinite);
        }
        let first = !self.progress.begun();
        if first {
            self.check(&text, loss)?;
            self.check_gradient(&text)?;
        }
        let watched = if first { self.watched() } else { Vec::new() };
        self.update();
        for (n, i, expected) in watched {
            let got = parameters(&mut self.weights)[n][i];
            let share = f64::from((got - expected).abs() / RATE);
            if share.is_nan() || share > UPDATE {
                return Err(Wrong::Different { share, allowed: UPDATE });
            }
        }
        self.progress.took(loss)?;
        let done = Done { input: 0, output: text.len() - 1 };
        self.unchecked.output += done.output;
        if first {
            self.unchecked = Done::default();
        }
        Ok(done)
    }

    /// Learned since that was last found right, before and after an eclipse: the weights have come of all of it.
    pub(crate) const fn unchecked(&self) -> Done {
        self.unchecked
    }

    /// Writes where learning stands: progress, what of it is unchecked, text, weights and both means of the gradient.
    pub fn save(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.progress.save(out)?;
        save_learned(self.unchecked, out)?;
        self.text.save(out)?;
        let mut bytes = Vec::new();
        self.each(|numbers| {
            for piece in numbers.chunks(PIECE) {
                bytes.clear();
                bytes.extend(piece.iter().flat_map(|x| x.to_le_bytes()));
                out.write_all(&bytes)?;
            }
            Ok(())
        })
    }

    /// Goes on from there: the losses that follow are the same as without.
    pub fn load(&mut self, input: &mut dyn Read) -> io::Result<()> {
        self.progress.load(input)?;
        self.unchecked = load_learned(input)?;
        self.text.load(input)?;
        let mut bytes = Vec::new();
        self.each(|numbers| {
            for piece in numbers.chunks_mut(PIECE) {
                bytes.resize(4 * piece.len(), 0);
                input.read_exact(&mut bytes)?;
                for (x, b) in piece.iter_mut().zip(bytes.chunks_exact(4)) {
                    *x = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
                }
            }
            Ok(())
        })
    }

    /// Everything that a step changes and the next one needs.
    fn each(&mut self, mut go: impl FnMut(&mut [f32]) -> io::Result<()>) -> io::Result<()> {
        for weights in parameters(&mut self.weights) {
            go(weights)?;
        }
        for (m, v) in &mut self.means {
            go(m)?;
            go(v)?;
        }
        Ok(())
    }

    /// Mean loss of the latest steps.
    pub const fn loss(&self) -> f64 {
        self.progress.loss()
    }

    #[cfg(test)]
    pub(crate) fn loss_and_gradient(&mut self, text: &[u32]) -> (f64, Vec<Vec<f32>>) {
        let loss = self.learn(text);
        (loss, parameters(&mut self.gradient).iter().map(|p| p.to_vec()).collect())
    }

    fn learn(&mut self, text: &[u32]) -> f64 {
        learn(&self.weights, &mut self.gradient, text)
    }

    fn update(&mut self) {
        let (rate, a, b) = self.progress.rates();
        for ((w, g), (m, v)) in parameters(&mut self.weights).into_iter().zip(parameters(&mut self.gradient)).zip(&mut self.means) {
            for (((w, g), m), v) in w.iter_mut().zip(&*g).zip(m).zip(v) {
                *m += (1.0 - DECAY.0) * (g - *m);
                *v += (1.0 - DECAY.1) * (g * g - *v);
                *w -= rate * (*m / a) / ((*v / b).sqrt() + 1e-8);
            }
        }
    }
}

#[cfg(test)]
mod tests;
