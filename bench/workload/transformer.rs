//! A decoder transformer's shape and weights: root-mean-square norms, rotary positions, multi-head attention, gated feed-forward, output head tied to the embedding or of its own
//! (the shape of Llama, arXiv 2302.13971). Weights are random by seed, or come from a file (`gguf`): the work is real, the text need not be.
//!
//! Not here: computing with them (`decoder`), choosing tokens (`generate`).

use crate::product::Matrix;
use crate::reference::threads;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Base of the rotary frequencies (arXiv 2104.09864, 3.3).
pub const ROTARY_BASE: f32 = 10_000.0;

/// Added to the mean square before its root.
pub const NORM_EPSILON: f32 = 1e-5;

/// Random logits are spread by this factor, so that one token is clearly likelier than another.
const HEAD_GAIN: f32 = 3.0;

/// A model's shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Blocks of attention and feed-forward.
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Attention heads; the width of one is even.
    pub heads: usize,
    /// Heads of keys and values, each shared by as many heads (arXiv 2305.13245); as many as heads if not said.
    pub kv_heads: Option<usize>,
    /// Width inside the feed-forward part.
    pub hidden: usize,
    /// Number of tokens.
    pub vocabulary: usize,
    /// Longest sequence.
    pub context: usize,
    /// The embedding is the output head, too.
    pub tied: bool,
    /// Base of the rotary frequencies.
    pub rotary_base: f32,
    /// Added to the mean square before its root.
    pub epsilon: f32,
}

impl Config {
    /// What most models have; no sizes.
    pub const USUAL: Self = Self {
        layers: 0,
        width: 0,
        heads: 0,
        kv_heads: None,
        hidden: 0,
        vocabulary: 0,
        context: 0,
        tied: false,
        rotary_base: ROTARY_BASE,
        epsilon: NORM_EPSILON,
    };

    /// What cannot be computed, in words.
    pub fn check(&self) -> Result<(), String> {
        let kv_heads = self.kv_heads.unwrap_or(self.heads);
        let sizes = [
            (self.layers, 1 << 12),
            (self.width, 1 << 16),
            (self.heads, 1 << 16),
            (kv_heads, 1 << 16),
            (self.hidden, 1 << 20),
            (self.vocabulary, 1 << 22),
            (self.context, 1 << 20),
        ];
        if sizes.iter().any(|(n, most)| *n == 0 || n > most) {
            return Err(format!("a size is 0 or beyond reason: {self:?}"));
        }
        if !self.width.is_multiple_of(2 * self.heads) || !self.heads.is_multiple_of(kv_heads) {
            return Err(format!(
                "{} heads with {kv_heads} of keys and values do not divide a width of {} into equal, even parts",
                self.heads, self.width
            ));
        }
        Ok(())
    }

    /// Width of all keys, and of all values, of a token.
    pub const fn kv_width(&self) -> usize {
        match self.kv_heads {
            Some(heads) => heads * self.head_width(),
            None => self.width,
        }
    }

    /// Bytes that a sequence of full length keeps.
    pub const fn sequence_bytes(&self) -> usize {
        2 * 4 * self.layers * self.kv_width() * self.context
    }

    /// Width of one attention head.
    pub const fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// Number of weights.
    pub const fn parameters(&self) -> usize {
        let block = 2 * self.width * (self.width + self.kv_width()) + 3 * self.width * self.hidden + 2 * self.width;
        let tables = if self.tied { 1 } else { 2 };
        self.layers * block + self.width + tables * self.vocabulary * self.width
    }
}

/// Shapes with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// 3.7 million weights (15 MB): 4 layers of 256, 8 heads, 1024 tokens.
    Tiny,
    /// 18 million weights (71 MB): 4 layers of 512, 8 heads, 8192 tokens.
    Small,
    /// 135 million weights (0.5 GB), the shape of SmolLM2-135M: 30 layers of 576, 9 heads, 49152 tokens.
    M135,
    /// 1.2 billion weights (4.9 GB), the shape of Llama-3.2-1B: 16 layers of 2048, 32 heads, 128256 tokens.
    B1,
    /// 8.0 billion weights (32 GB), the shape of Llama-3.1-8B: 32 layers of 4096, 32 heads, 128256 tokens.
    B8,
}

impl Preset {
    /// Every one.
    pub const ALL: &'static [Self] = &[Self::Tiny, Self::Small, Self::M135, Self::B1, Self::B8];

    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Small => "small",
            Self::M135 => "135m",
            Self::B1 => "1b",
            Self::B8 => "8b",
        }
    }

    /// Its shape.
    pub const fn config(self) -> Config {
        match self {
            Self::Tiny => Config { layers: 4, width: 256, heads: 8, hidden: 704, vocabulary: 1024, context: 256, ..Config::USUAL },
            Self::Small => {
                Config { layers: 4, width: 512, heads: 8, hidden: 1536, vocabulary: 8192, context: 256, tied: true, ..Config::USUAL }
            }
            Self::M135 => Config {
                layers: 30,
                width: 576,
                heads: 9,
                kv_heads: Some(3),
                hidden: 1536,
                vocabulary: 49_152,
                context: 512,
                tied: true,
                rotary_base: 1e5,
                ..Config::USUAL
            },
            Self::B1 => Config {
                layers: 16,
                width: 2048,
                heads: 32,
                kv_heads: Some(8),
                hidden: 8192,
                vocabulary: 128_256,
                context: 512,
                tied: true,
                rotary_base: 5e5,
                ..Config::USUAL
            },
            Self::B8 => Config {
                layers: 32,
                width: 4096,
                heads: 32,
                kv_heads: Some(8),
                hidden: 14_336,
                vocabulary: 128_256,
                context: 512,
                rotary_base: 5e5,
                ..Config::USUAL
            },
        }
    }

    /// Sequences decoded together: enough that a weight read from memory is used often, few enough that a step stays short.
    pub const fn batch(self) -> usize {
        match self {
            Self::Tiny | Self::Small => 16,
            Self::M135 => 8,
            Self::B1 | Self::B8 => 4,
        }
    }
}

/// The weights of one block.
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug)]
pub struct Weights {
    pub(crate) config: Config,
    /// One row a token.
    pub(crate) embedding: Matrix,
    pub(crate) layers: Vec<Layer>,
    pub(crate) norm: Vec<f32>,
    /// `None` if the embedding serves.
    pub(crate) head: Option<Matrix>,
}

/// A stretch of random weights: which words of the seed's stream they are made of, and how. A word gives a number in -1..1, `u`; the weight is `offset + scale * u`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Drawn {
    /// First word.
    pub(crate) first: u64,
    pub(crate) inputs: usize,
    /// 0: a vector of `inputs`, no matrix.
    pub(crate) outputs: usize,
    pub(crate) scale: f32,
    pub(crate) offset: f32,
}

/// The stretches of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DrawnLayer {
    pub(crate) norm_attention: Drawn,
    pub(crate) qkv: Drawn,
    pub(crate) out: Drawn,
    pub(crate) norm_forward: Drawn,
    pub(crate) gate_up: Drawn,
    pub(crate) down: Drawn,
}

/// The order in which a model's random weights are drawn: so that each part can be made alone, and on a GPU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawing {
    config: Config,
    at: u64,
}

impl Drawing {
    fn take(&mut self, inputs: usize, outputs: usize, scale: f32, offset: f32) -> Drawn {
        let first = self.at;
        self.at += (inputs * outputs.max(1)) as u64;
        Drawn { first, inputs, outputs, scale, offset }
    }

    /// Zero mean, variance `gain²/inputs`: what goes in with unit variance comes out with `gain²`.
    fn matrix(&mut self, inputs: usize, outputs: usize, gain: f32) -> Drawn {
        self.take(inputs, outputs, gain * (3.0 / inputs as f32).sqrt(), 0.0)
    }

    fn norm(&mut self, width: usize) -> Drawn {
        self.take(width, 0, 0.1, 1.0)
    }

    fn next_layer(&mut self) -> DrawnLayer {
        let Config { width, hidden, .. } = self.config;
        DrawnLayer {
            norm_attention: self.norm(width),
            qkv: self.matrix(width, width + 2 * self.config.kv_width(), 1.0),
            out: self.matrix(width, width, 1.0),
            norm_forward: self.norm(width),
            gate_up: self.matrix(width, 2 * hidden, 1.0),
            down: self.matrix(hidden, width, 1.0),
        }
    }

    /// Block `n`.
    pub(crate) fn layer(config: Config, n: usize) -> DrawnLayer {
        let mut drawing = Self { config, at: 0 };
        drawing.next_layer();
        drawing.at *= n as u64;
        drawing.next_layer()
    }

    /// What follows the blocks: last norm, embedding, head. The embedding is scaled as a head, which it is if tied; `RMSNorm` makes the blocks all but blind
    /// to the scale. It is the one matrix whose rows, one a token, come one after the other.
    pub(crate) fn rest(config: Config) -> (Drawn, Drawn, Option<Drawn>) {
        let mut drawing = Self { config, at: 0 };
        drawing.next_layer();
        drawing.at *= config.layers as u64;
        let norm = drawing.norm(config.width);
        let embedding = drawing.matrix(config.width, config.vocabulary, HEAD_GAIN);
        let head = (!config.tied).then(|| drawing.matrix(config.width, config.vocabulary, HEAD_GAIN));
        (norm, embedding, head)
    }
}

/// Numbers by a seed, exactly the same on every machine.
pub(crate) struct Uniform(ChaCha8Rng);

impl Uniform {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// In -1..1, with 24 bits.
    fn next(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / 8_388_608.0 - 1.0
    }

    /// The key of the stream, as eight words.
    pub(crate) fn key(&self) -> [u32; 8] {
        let seed = self.0.get_seed();
        std::array::from_fn(|i| u32::from_le_bytes([seed[4 * i], seed[4 * i + 1], seed[4 * i + 2], seed[4 * i + 3]]))
    }

    fn numbers(&mut self, drawn: &Drawn) -> Vec<f32> {
        let mut numbers = vec![0.0; drawn.inputs * drawn.outputs.max(1)];
        let threads = threads(numbers.len());
        let each = numbers.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            for (n, part) in numbers.chunks_mut(each).enumerate() {
                let mut stream = Self(self.0.clone());
                let draw = move || {
                    stream.0.set_word_pos(u128::from(drawn.first) + (n * each) as u128);
                    for x in part {
                        *x = drawn.offset + drawn.scale * stream.next();
                    }
                };
                if threads == 1 {
                    draw();
                } else {
                    scope.spawn(draw);
                }
            }
        });
        numbers
    }

    fn matrix(&mut self, drawn: &Drawn) -> Matrix {
        Matrix { data: self.numbers(drawn), inputs: drawn.inputs, outputs: drawn.outputs }
    }

    pub(crate) fn layer(&mut self, config: Config, n: usize) -> Layer {
        let drawn = Drawing::layer(config, n);
        Layer {
            norm_attention: self.numbers(&drawn.norm_attention),
            qkv: self.matrix(&drawn.qkv),
            out: self.matrix(&drawn.out),
            norm_forward: self.numbers(&drawn.norm_forward),
            gate_up: self.matrix(&drawn.gate_up),
            down: self.matrix(&drawn.down),
        }
    }

    pub(crate) fn rest(&mut self, config: Config) -> (Vec<f32>, Matrix, Option<Matrix>) {
        let (norm, embedding, head) = Drawing::rest(config);
        let embedding = Matrix { inputs: config.vocabulary, outputs: config.width, ..self.matrix(&embedding) };
        (self.numbers(&norm), embedding, head.map(|h| self.matrix(&h)))
    }
}

impl Weights {
    /// Random weights. The same seed gives the same weights everywhere.
    pub fn random(config: Config, seed: u64) -> Self {
        assert_eq!(config.check(), Ok(()));
        let mut rng = Uniform::new(seed);
        let layers = (0..config.layers).map(|n| rng.layer(config, n)).collect();
        let (norm, embedding, head) = rng.rest(config);
        Self { config, embedding, layers, norm, head }
    }

    /// The model's shape.
    pub const fn config(&self) -> &Config {
        &self.config
    }
}

#[cfg(test)]
mod tests;
