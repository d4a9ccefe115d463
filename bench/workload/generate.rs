//! Endless text from random prompts: chooses each next token, counts what was generated, starts a sequence anew when its context is full.
//!
//! Not here: time. One [`Generator::step`] is one full batch.

use crate::decoder::Decoder;
use crate::transformer::Weights;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::sync::Arc;
use thiserror::Error;

/// Tokens of a random prompt. They are work, but not output: they are not counted.
const PROMPT: usize = 4;

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// The likeliest.
    Greedy,
    /// By its probability (temperature 1), with the generator's seed.
    Seeded,
}

/// The model computed something that is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the model's output is not finite: this machine computes wrongly, or its weights are damaged")]
pub struct NotFinite;

#[derive(Debug)]
struct Sequence {
    rng: ChaCha8Rng,
    next: u32,
    /// It starts anew at this length. The first time earlier, so that the sequences of a batch do not end together and the rate is even.
    ends_at: usize,
}

/// A batch of sequences that never ends.
#[derive(Debug)]
pub struct Generator {
    decoder: Decoder,
    sampling: Sampling,
    sequences: Vec<Sequence>,
    tokens: Vec<u32>,
}

impl Generator {
    /// `batch` sequences with prompts by `seed`.
    pub fn new(weights: Arc<Weights>, batch: usize, sampling: Sampling, seed: u64) -> Self {
        let c = *weights.config();
        assert!(c.context > PROMPT, "the context must hold more than a prompt");
        let sequences = (0..batch).map(|i| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(i as u64);
            let next = below(&mut rng, c.vocabulary);
            Sequence { rng, next, ends_at: PROMPT + (c.context - PROMPT) * (batch - i) / batch }
        });
        let sequences = sequences.collect();
        Self { decoder: Decoder::new(weights, batch), sampling, sequences, tokens: vec![0; batch] }
    }

    /// One token further in every sequence. Returns how many of the chosen tokens are output (not prompt).
    pub fn step(&mut self) -> Result<usize, NotFinite> {
        let c = *self.decoder.weights().config();
        for (token, sequence) in self.tokens.iter_mut().zip(&self.sequences) {
            *token = sequence.next;
        }
        let logits = self.decoder.step(&self.tokens);
        if !logits.iter().all(|l| l.is_finite()) {
            return Err(NotFinite);
        }
        let chosen: Vec<u32> = logits
            .chunks_exact(c.vocabulary)
            .zip(&mut self.sequences)
            .map(|(logits, sequence)| match self.sampling {
                Sampling::Greedy => likeliest(logits),
                Sampling::Seeded => by_probability(logits, &mut sequence.rng),
            })
            .collect();
        let mut output = 0;
        for (i, (token, sequence)) in chosen.into_iter().zip(&mut self.sequences).enumerate() {
            let length = self.decoder.length(i);
            if length < PROMPT {
                sequence.next = below(&mut sequence.rng, c.vocabulary);
                continue;
            }
            output += 1;
            sequence.next = token;
            if length >= sequence.ends_at {
                self.decoder.restart(i);
                sequence.ends_at = c.context;
                sequence.next = below(&mut sequence.rng, c.vocabulary);
            }
        }
        Ok(output)
    }

    /// The token that each sequence takes next.
    pub fn next_tokens(&self) -> impl Iterator<Item = u32> + '_ {
        self.sequences.iter().map(|s| s.next)
    }
}

fn below(rng: &mut ChaCha8Rng, n: usize) -> u32 {
    ((u64::from(rng.next_u32()) * n as u64) >> 32) as u32
}

fn likeliest(logits: &[f32]) -> u32 {
    logits.iter().enumerate().fold((0, f32::NEG_INFINITY), |best, (i, l)| if *l > best.1 { (i, *l) } else { best }).0 as u32
}

fn by_probability(logits: &[f32], rng: &mut ChaCha8Rng) -> u32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f32 = logits.iter().map(|l| (l - largest).exp()).sum();
    let mut left = f64::from(rng.next_u32()) / 4_294_967_296.0 * f64::from(total);
    for (i, l) in logits.iter().enumerate() {
        left -= f64::from((l - largest).exp());
        if left < 0.0 {
            return i as u32;
        }
    }
    likeliest(logits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;
    use crate::transformer::Config;

    const SHAPE: Config = Config { layers: 2, width: 64, heads: 4, hidden: 96, vocabulary: 256, context: 32, tied: false };

    fn run(seed: u64, sampling: Sampling, batch: usize, steps: usize) -> Vec<Vec<u32>> {
        let mut generator = Generator::new(Arc::new(Weights::random(SHAPE, seed)), batch, sampling, seed);
        let mut out = vec![Vec::new(); batch];
        for _ in 0..steps {
            for (sequence, token) in out.iter_mut().zip(generator.next_tokens()) {
                sequence.push(token);
            }
            generator.step().expect("finite");
        }
        out
    }

    #[test]
    fn a_seed_gives_its_tokens_and_they_are_the_reference_ones() {
        let tokens = &run(42, Sampling::Greedy, 1, 16)[0];
        let weights = Weights::random(SHAPE, 42);
        assert_eq!(tokens[PROMPT..], reference::greedy(&weights, &tokens[..PROMPT], 12));
        assert_eq!(tokens[..], GREEDY);
    }

    #[test]
    fn sampling_is_seeded_too() {
        assert_eq!(run(42, Sampling::Seeded, 2, 12), SEEDED);
        assert_ne!(run(43, Sampling::Seeded, 2, 12), SEEDED);
    }

    #[test]
    fn prompts_are_not_counted_and_restarts_are_spread() {
        let mut generator = Generator::new(Arc::new(Weights::random(SHAPE, 1)), 4, Sampling::Greedy, 1);
        let counts: Vec<usize> = (0..200).map(|_| generator.step().expect("finite")).collect();
        assert_eq!(counts[..PROMPT], [0, 0, 0, 4]);
        // Later at most one of the four sequences is in its prompt at a time.
        assert!(counts[PROMPT..].iter().all(|n| *n >= 3), "{counts:?}");
        // The prompt's last token already yields one: 29 outputs in a context of 32.
        let rate = counts[40..168].iter().sum::<usize>() as f64 / 128.0;
        assert!((rate - 4.0 * 29.0 / 32.0).abs() < 1e-9, "{rate}");
    }

    #[test]
    fn damaged_weights_are_noticed() {
        let mut weights = Weights::random(SHAPE, 1);
        weights.layers[1].down.data[5] = f32::NAN;
        assert_eq!(Generator::new(Arc::new(weights), 1, Sampling::Greedy, 1).step(), Err(NotFinite));
    }

    #[test]
    fn choice_follows_probability() {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let logits = [0.0, 3.0_f32.ln(), f32::MIN];
        let picks: Vec<u32> = (0..4000).map(|_| by_probability(&logits, &mut rng)).collect();
        let second = picks.iter().filter(|p| **p == 1).count() as f64 / 4000.0;
        assert!((second - 0.75).abs() < 0.02, "{second}");
        assert!(!picks.contains(&2));
    }

    const GREEDY: [u32; 16] = [57, 174, 37, 243, 228, 22, 9, 199, 168, 189, 238, 46, 102, 30, 59, 102];
    const SEEDED: [[u32; 12]; 2] =
        [[57, 37, 197, 88, 228, 228, 52, 160, 30, 106, 106, 6], [141, 165, 18, 120, 173, 51, 32, 46, 203, 186, 46, 201]];
}
