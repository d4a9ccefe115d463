//! An answer that is known beforehand, to hold work against while it goes on.

use super::below;
use crate::reference::{self, Source};
use crate::transformer::Weights;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Tokens of the prompt whose answer is checked.
const CHECKED: usize = 4;

/// A prompt and the reference's answer.
#[derive(Debug)]
pub struct Known {
    pub(super) prompt: Vec<u32>,
    logits: Vec<f64>,
}

impl Known {
    /// Computes it, slowly, in f64 and without `gemm`, cache or batch.
    pub fn of(weights: &Weights, seed: u64) -> Self {
        Self::from(&Source::held(weights), seed)
    }

    /// As [`Known::of`], of weights that need not be there.
    pub(crate) fn from(source: &Source<'_>, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(!seed);
        let c = source.config();
        let prompt: Vec<u32> = (0..CHECKED.min(c.context)).map(|_| below(&mut rng, c.vocabulary)).collect();
        let logits = reference::logits_of(source, &prompt);
        Self { prompt, logits }
    }

    /// Distance of an answer from the reference, as a share of its length.
    pub(super) fn share(&self, got: &[f32]) -> f64 {
        let (mut off, mut all) = (0.0, 0.0);
        for (got, known) in got.iter().zip(&self.logits) {
            off += (f64::from(*got) - known).powi(2);
            all += known * known;
        }
        (off / all.max(f64::MIN_POSITIVE)).sqrt()
    }
}
