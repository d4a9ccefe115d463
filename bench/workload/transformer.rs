//! A decoder transformer's shape and weights: root-mean-square norms, rotary positions, multi-head attention, gated feed-forward, output head tied to the embedding or of its own
//! (the shape of Llama, arXiv 2302.13971). Weights are random by seed: the work is real, the text is not.
//!
//! Not here: computing with them (`decoder`), choosing tokens (`generate`).

use crate::product::Matrix;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Base of the rotary frequencies (arXiv 2104.09864, 3.3).
pub const ROTARY_BASE: f32 = 10_000.0;

/// Added to the mean square before its root.
pub const NORM_EPSILON: f32 = 1e-5;

/// Random logits are spread by this factor, so that one token is clearly likelier than another.
const HEAD_GAIN: f32 = 3.0;

/// A model's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Blocks of attention and feed-forward.
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Attention heads; the width of one is even.
    pub heads: usize,
    /// Width inside the feed-forward part.
    pub hidden: usize,
    /// Number of tokens.
    pub vocabulary: usize,
    /// Longest sequence.
    pub context: usize,
    /// The embedding is the output head, too.
    pub tied: bool,
}

impl Config {
    /// Width of one attention head.
    pub const fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// Number of weights.
    pub const fn parameters(&self) -> usize {
        let block = 4 * self.width * self.width + 3 * self.width * self.hidden + 2 * self.width;
        let tables = if self.tied { 1 } else { 2 };
        self.layers * block + self.width + tables * self.vocabulary * self.width
    }
}

/// Shapes with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// 3.7 million weights (15 MB): 4 layers of 256, 8 heads, 1024 tokens.
    Tiny,
    /// 18 million weights (73 MB): 4 layers of 512, 8 heads, 8192 tokens.
    Small,
}

impl Preset {
    /// Every one.
    pub const ALL: &'static [Self] = &[Self::Tiny, Self::Small];

    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Small => "small",
        }
    }

    /// Its shape.
    pub const fn config(self) -> Config {
        match self {
            Self::Tiny => Config { layers: 4, width: 256, heads: 8, hidden: 704, vocabulary: 1024, context: 256, tied: false },
            Self::Small => Config { layers: 4, width: 512, heads: 8, hidden: 1536, vocabulary: 8192, context: 256, tied: true },
        }
    }

    /// Sequences decoded together: enough that a weight read from memory is used often.
    pub const fn batch(self) -> usize {
        16
    }
}

/// The weights of one block.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) norm_attention: Vec<f32>,
    /// Queries, keys and values side by side.
    pub(crate) qkv: Matrix,
    pub(crate) out: Matrix,
    pub(crate) norm_forward: Vec<f32>,
    /// Gate and up projection side by side.
    pub(crate) gate_up: Matrix,
    pub(crate) down: Matrix,
}

/// The weights of a model.
#[derive(Debug)]
pub struct Weights {
    pub(crate) config: Config,
    /// One row a token.
    pub(crate) embedding: Matrix,
    pub(crate) layers: Vec<Layer>,
    pub(crate) norm: Vec<f32>,
    /// `None` if the embedding serves.
    pub(crate) head: Option<Matrix>,
}

/// Uniform numbers, exactly the same on every machine.
struct Uniform(ChaCha8Rng);

impl Uniform {
    /// In -1..1, with 24 bits.
    fn next(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / 8_388_608.0 - 1.0
    }

    /// Zero mean, variance `gain²/inputs`: what goes in with unit variance comes out with `gain²`.
    fn matrix(&mut self, inputs: usize, outputs: usize, gain: f32) -> Matrix {
        let scale = gain * (3.0 / inputs as f32).sqrt();
        Matrix { data: (0..inputs * outputs).map(|_| scale * self.next()).collect(), inputs, outputs }
    }

    fn norm(&mut self, width: usize) -> Vec<f32> {
        (0..width).map(|_| 1.0 + 0.1 * self.next()).collect()
    }
}

impl Weights {
    /// Random weights. The same seed gives the same weights everywhere.
    pub fn random(config: Config, seed: u64) -> Self {
        assert!(config.width.is_multiple_of(2 * config.heads), "heads must be of equal, even width: {config:?}");
        let mut rng = Uniform(ChaCha8Rng::seed_from_u64(seed));
        let Config { width, hidden, vocabulary, .. } = config;
        let layers = (0..config.layers).map(|_| Layer {
            norm_attention: rng.norm(width),
            qkv: rng.matrix(width, 3 * width, 1.0),
            out: rng.matrix(width, width, 1.0),
            norm_forward: rng.norm(width),
            gate_up: rng.matrix(width, 2 * hidden, 1.0),
            down: rng.matrix(hidden, width, 1.0),
        });
        let layers = layers.collect();
        let norm = rng.norm(width);
        // Scaled as a head, which it is if tied; RMSNorm makes the blocks all but blind to the scale.
        let embedding = Matrix { inputs: vocabulary, outputs: width, ..rng.matrix(width, vocabulary, HEAD_GAIN) };
        let head = (!config.tied).then(|| rng.matrix(width, vocabulary, HEAD_GAIN));
        Self { config, embedding, layers, norm, head }
    }

    /// The model's shape.
    pub const fn config(&self) -> &Config {
        &self.config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_weights_is_what_is_there() {
        for tied in [false, true] {
            let config = Config { layers: 2, width: 16, heads: 2, hidden: 24, vocabulary: 11, context: 8, tied };
            let w = Weights::random(config, 1);
            let layers: usize = w
                .layers
                .iter()
                .map(|l| {
                    let matrices = [&l.qkv, &l.out, &l.gate_up, &l.down].iter().map(|m| m.data.len()).sum::<usize>();
                    matrices + l.norm_attention.len() + l.norm_forward.len()
                })
                .sum();
            let head = w.head.as_ref().map_or(0, |h| h.data.len());
            assert_eq!(layers + w.norm.len() + w.embedding.data.len() + head, config.parameters());
        }
    }

    #[test]
    fn weights_belong_to_their_seed() {
        let config = Config { layers: 1, width: 8, heads: 2, hidden: 8, vocabulary: 8, context: 4, tied: false };
        let first = |seed| Weights::random(config, seed).layers[0].qkv.data[..4].to_vec();
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }

    #[test]
    fn weights_neither_vanish_nor_explode_what_passes() {
        let m = Uniform(ChaCha8Rng::seed_from_u64(3)).matrix(256, 512, 1.0);
        let variance = m.data.iter().map(|w| w * w).sum::<f32>() / m.data.len() as f32;
        assert!((variance * 256.0 - 1.0).abs() < 0.02, "{variance}");
    }
}
