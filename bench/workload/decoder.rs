//! One token further for every sequence of a batch, with a cache of keys and values: the work that is counted.
//!
//! Not here: which token comes next (`generate`). `reference.rs` computes the same without cache, batch or `gemm`, for the tests.

use crate::product::Into;
use crate::transformer::{Config, Layer, NORM_EPSILON, ROTARY_BASE, Weights};
use std::sync::Arc;

/// A batch of sequences, each at its own position.
#[derive(Debug)]
pub struct Decoder {
    weights: Arc<Weights>,
    /// Tokens taken so far, by sequence.
    lengths: Vec<usize>,
    cache: Vec<Cache>,
    /// Cosine and sine of every position's angles, `[position][head_width / 2]`.
    rotary: Vec<(f32, f32)>,
    scratch: Scratch,
}

/// Keys `[sequence][head][dimension][position]` and values `[sequence][head][position][dimension]` of one layer: both so that the inner loops run along memory.
#[derive(Debug)]
struct Cache {
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// What one step needs besides, allocated once.
#[derive(Debug)]
struct Scratch {
    x: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    mixed: Vec<f32>,
    gate_up: Vec<f32>,
    gated: Vec<f32>,
    scores: Vec<f32>,
    logits: Vec<f32>,
}

impl Decoder {
    /// `batch` empty sequences.
    pub fn new(weights: Arc<Weights>, batch: usize) -> Self {
        let c = *weights.config();
        let zeros = |n: usize| vec![0.0; n];
        let cache = || Cache { keys: zeros(batch * c.width * c.context), values: zeros(batch * c.width * c.context) };
        Self {
            lengths: vec![0; batch],
            cache: (0..c.layers).map(|_| cache()).collect(),
            rotary: rotary(&c),
            scratch: Scratch {
                x: zeros(batch * c.width),
                normed: zeros(batch * c.width),
                qkv: zeros(batch * 3 * c.width),
                mixed: zeros(batch * c.width),
                gate_up: zeros(batch * 2 * c.hidden),
                gated: zeros(batch * c.hidden),
                scores: zeros(c.context),
                logits: zeros(batch * c.vocabulary),
            },
            weights,
        }
    }

    /// The weights in use.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Number of sequences.
    pub fn batch(&self) -> usize {
        self.lengths.len()
    }

    /// Tokens that `sequence` holds.
    pub fn length(&self, sequence: usize) -> usize {
        self.lengths[sequence]
    }

    /// Empties one sequence.
    pub fn restart(&mut self, sequence: usize) {
        self.lengths[sequence] = 0;
    }

    /// Takes one more token into each sequence and returns the logits of the next, `[sequence][token]`.
    pub fn step(&mut self, tokens: &[u32]) -> &[f32] {
        let weights = Arc::clone(&self.weights);
        let c = weights.config();
        assert_eq!(tokens.len(), self.batch(), "one token a sequence");
        assert!(self.lengths.iter().all(|l| *l < c.context), "a sequence is longer than the context");
        let s = &mut self.scratch;
        for (x, token) in s.x.chunks_exact_mut(c.width).zip(tokens) {
            x.copy_from_slice(&weights.embedding.data[*token as usize * c.width..][..c.width]);
        }
        for (layer, cache) in weights.layers.iter().zip(&mut self.cache) {
            normalise(&s.x, &layer.norm_attention, &mut s.normed);
            layer.qkv.apply(&s.normed, &mut s.qkv, Into::Replace);
            attend(c, &self.rotary, &self.lengths, cache, s);
            layer.out.apply(&s.mixed, &mut s.x, Into::Add);
            forward(layer, c, s);
        }
        normalise(&s.x, &weights.norm, &mut s.normed);
        match &weights.head {
            Some(head) => head.apply(&s.normed, &mut s.logits, Into::Replace),
            None => weights.embedding.apply_transposed(&s.normed, &mut s.logits, Into::Replace),
        }
        self.lengths.iter_mut().for_each(|l| *l += 1);
        &self.scratch.logits
    }
}

fn rotary(c: &Config) -> Vec<(f32, f32)> {
    let half = c.head_width() / 2;
    let angle = |position: usize, i: usize| position as f32 * ROTARY_BASE.powf(-(i as f32) / half as f32);
    (0..c.context).flat_map(|p| (0..half).map(move |i| angle(p, i))).map(|a| (a.cos(), a.sin())).collect()
}

/// Root mean square normalisation of each row (arXiv 1910.07467).
fn normalise(x: &[f32], gains: &[f32], out: &mut [f32]) {
    for (x, out) in x.chunks_exact(gains.len()).zip(out.chunks_exact_mut(gains.len())) {
        let mean_square = sum(x.len(), |i| x[i] * x[i]) / x.len() as f32;
        let scale = 1.0 / (mean_square + NORM_EPSILON).sqrt();
        for ((o, x), g) in out.iter_mut().zip(x).zip(gains) {
            *o = x * scale * g;
        }
    }
}

/// A sum in eight lanes: the compiler may not reorder additions by itself.
fn sum(n: usize, term: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let whole = n - n % 8;
    for i in (0..whole).step_by(8) {
        for (j, lane) in lanes.iter_mut().enumerate() {
            *lane += term(i + j);
        }
    }
    lanes.iter().sum::<f32>() + (whole..n).map(term).sum::<f32>()
}

/// Turns the pairs (i, i + half) of a head by the position's angles (arXiv 2104.09864, in the order of Llama's checkpoints).
fn turn(head: &mut [f32], angles: &[(f32, f32)]) {
    let (low, high) = head.split_at_mut(angles.len());
    for ((a, b), (cos, sin)) in low.iter_mut().zip(high).zip(angles) {
        (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
    }
}

/// Attention of every sequence and head over its own past, from `qkv` into `mixed`.
fn attend(c: &Config, rotary: &[(f32, f32)], lengths: &[usize], cache: &mut Cache, s: &mut Scratch) {
    let (width, head_width, context) = (c.width, c.head_width(), c.context);
    let scale = 1.0 / (head_width as f32).sqrt();
    for (sequence, &position) in lengths.iter().enumerate() {
        let angles = &rotary[position * head_width / 2..][..head_width / 2];
        let (q, kv) = s.qkv[sequence * 3 * width..][..3 * width].split_at_mut(width);
        let (k, v) = kv.split_at_mut(width);
        for head in 0..c.heads {
            let at = head * head_width;
            let block = (sequence * c.heads + head) * head_width * context;
            let (q, k, v) = (&mut q[at..at + head_width], &mut k[at..at + head_width], &v[at..at + head_width]);
            let keys = &mut cache.keys[block..block + head_width * context];
            let values = &mut cache.values[block..block + head_width * context];
            turn(q, angles);
            turn(k, angles);
            values[position * head_width..][..head_width].copy_from_slice(v);
            let scores = &mut s.scores[..=position];
            scores.fill(0.0);
            for ((keys, q), k) in keys.chunks_exact_mut(context).zip(&*q).zip(&*k) {
                keys[position] = *k;
                for (score, key) in scores.iter_mut().zip(&*keys) {
                    *score += q * key;
                }
            }
            let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for score in &mut *scores {
                *score = ((*score - largest) * scale).exp();
            }
            let total = 1.0 / sum(scores.len(), |i| scores[i]);
            let mixed = &mut s.mixed[sequence * width + at..][..head_width];
            mixed.fill(0.0);
            for (value, p) in values.chunks_exact(head_width).zip(&*scores) {
                for (m, v) in mixed.iter_mut().zip(value) {
                    *m += p * v;
                }
            }
            for m in mixed {
                *m *= total;
            }
        }
    }
}

/// The feed-forward part, gated by `SiLU` (arXiv 2002.05202), added to `x`.
fn forward(layer: &Layer, c: &Config, s: &mut Scratch) {
    normalise(&s.x, &layer.norm_forward, &mut s.normed);
    layer.gate_up.apply(&s.normed, &mut s.gate_up, Into::Replace);
    for (gated, gate_up) in s.gated.chunks_exact_mut(c.hidden).zip(s.gate_up.chunks_exact(2 * c.hidden)) {
        let (gate, up) = gate_up.split_at(c.hidden);
        for ((out, g), u) in gated.iter_mut().zip(gate).zip(up) {
            *out = g / (1.0 + (-g).exp()) * u;
        }
    }
    layer.down.apply(&s.gated, &mut s.x, Into::Add);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;
    use crate::transformer::Preset;
    use proptest::prelude::*;

    /// Feeds `sequences` step by step and compares the logits after every token with the reference.
    fn largest_difference(config: Config, seed: u64, sequences: &[Vec<u32>]) -> f64 {
        let weights = Arc::new(Weights::random(config, seed));
        let mut decoder = Decoder::new(Arc::clone(&weights), sequences.len());
        let mut worst = 0.0_f64;
        for n in 1..=sequences[0].len() {
            let tokens: Vec<u32> = sequences.iter().map(|s| s[n - 1]).collect();
            let logits = decoder.step(&tokens).to_vec();
            for (sequence, got) in sequences.iter().zip(logits.chunks_exact(config.vocabulary)) {
                let expected = reference::logits(&weights, &sequence[..n]);
                worst = got.iter().zip(expected).map(|(g, e)| (f64::from(*g) - e).abs()).fold(worst, f64::max);
            }
        }
        worst
    }

    #[test]
    fn cache_batch_and_products_agree_with_plain_loops() {
        for tied in [false, true] {
            let config = Config { layers: 3, width: 48, heads: 4, hidden: 80, vocabulary: 61, context: 24, tied };
            let sequences: Vec<Vec<u32>> = (0..3).map(|s| (0..24).map(|i| (7 * i + 13 * s + i * i * s) % 61).collect()).collect();
            let difference = largest_difference(config, 5, &sequences);
            assert!(difference < 1e-4, "{difference}");
        }
    }

    #[test]
    fn so_does_the_preset() {
        let sequences = [vec![3, 1000, 512, 77], vec![1023, 0, 9, 9]];
        let difference = largest_difference(Preset::Tiny.config(), 11, &sequences);
        assert!(difference < 1e-4, "{difference}");
    }

    #[test]
    fn a_restarted_sequence_forgets_and_its_neighbour_does_not() {
        let config = Config { layers: 2, width: 32, heads: 2, hidden: 40, vocabulary: 19, context: 8, tied: true };
        let weights = Arc::new(Weights::random(config, 2));
        let mut decoder = Decoder::new(Arc::clone(&weights), 2);
        decoder.step(&[1, 2]);
        decoder.step(&[3, 4]);
        decoder.restart(0);
        let logits = decoder.step(&[5, 6]).to_vec();
        assert_eq!((decoder.length(0), decoder.length(1)), (1, 3));
        for (got, expected) in logits.chunks_exact(19).zip([reference::logits(&weights, &[5]), reference::logits(&weights, &[2, 4, 6])]) {
            assert!(got.iter().zip(expected).all(|(g, e)| (f64::from(*g) - e).abs() < 1e-4));
        }
    }

    #[test]
    fn one_changed_weight_changes_the_logits() {
        let config = Config { layers: 1, width: 16, heads: 2, hidden: 16, vocabulary: 7, context: 4, tied: false };
        let logits = |change: f32| {
            let mut weights = Weights::random(config, 2);
            weights.layers[0].down.data[17] += change;
            Decoder::new(Arc::new(weights), 1).step(&[3]).to_vec()
        };
        assert_eq!(logits(0.0), logits(0.0));
        assert_ne!(logits(0.0), logits(0.5));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_small_shape_agrees(layers in 1..3_usize, heads in 1..4_usize, half in 1..6_usize, hidden in 1..20_usize, tied: bool, seed: u64,
                                  tokens in proptest::collection::vec(0..9_u32, 1..6)) {
            let config = Config { layers, width: heads * half * 2, heads, hidden, vocabulary: 9, context: 6, tied };
            let difference = largest_difference(config, seed, &[tokens]);
            prop_assert!(difference < 1e-4, "{}", difference);
        }
    }
}
