//! What a generator works with: sequences that take tokens in and say which comes next, on the host (`decoder`) or on a GPU (`gpu`).
//!
//! Not here: which tokens are asked for, how many are answered, when.

use crate::generate::Wrong;
use crate::transformer::Config;
use std::fmt;
use std::io::{self, Read, Write};

/// How the token after what was taken in is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// Not at all: the prompt goes on.
    Nothing,
    /// The likeliest.
    Likeliest,
    /// The one where the sum of probabilities, in the order of the tokens, passes this share of 2³².
    By(u32),
}

/// Tokens for some sequences, each sequence at most once.
pub type Feed<'a> = [(usize, &'a [u32])];

/// A batch of sequences, each at its own position.
pub trait Engine: fmt::Debug {
    /// The model's shape.
    fn config(&self) -> &Config;

    /// Tokens that `sequence` holds.
    fn length(&self, sequence: usize) -> usize;

    /// Empties one sequence.
    fn restart(&mut self, sequence: usize);

    /// Most tokens of prompts that a step should take in.
    fn chunk(&self) -> usize;

    /// How far an answer may be from the reference, as a share of its length as a vector.
    fn tolerance(&self) -> f64;

    /// Takes tokens in and returns the logits after the last of each sequence, in the order given.
    fn logits(&mut self, feed: &Feed<'_>) -> Result<Vec<f32>, Wrong>;

    /// Takes tokens in and chooses what follows, in the order given. What is not drawn is 0.
    fn choose(&mut self, feed: &Feed<'_>, draws: &[Draw]) -> Result<Vec<u32>, Wrong>;

    /// Logits of the last step, of whoever came `n`th in its feed: those that the choice was made by.
    fn row(&mut self, n: usize) -> Result<Vec<f32>, Wrong>;

    /// Writes what the sequences hold: a checkpoint of their state, not of the weights.
    fn save(&mut self, out: &mut dyn Write) -> io::Result<()>;

    /// Takes a checkpoint of as many sequences of the same model back.
    fn load(&mut self, input: &mut dyn Read) -> io::Result<()>;
}
