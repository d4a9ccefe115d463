//! Tokens taken into the sequences of a batch, one or many at a time, with a cache of keys and values: the work that is counted.
//!
//! Not here: which token comes next (`generate`). `reference.rs` computes the same without cache, batch or `gemm`, for the tests.

use crate::product::Into;
use crate::transformer::{Config, Layer, Weights};
use std::sync::Arc;

mod working;

#[cfg(test)]
pub(crate) use working::{by_probability, likeliest};

/// A batch of sequences, each at its own position.
#[derive(Debug)]
pub struct Decoder {
    weights: Arc<Weights>,
    /// Tokens taken so far, by sequence.
    lengths: Vec<usize>,
    cache: Vec<Cache>,
    /// Cosine and sine of every position's angles, `[position][head_width / 2]`.
    rotary: Vec<(f32, f32)>,
    rows: Vec<Row>,
    scratch: Scratch,
}

/// A token in its place.
#[derive(Clone, Copy, Debug)]
struct Row {
    sequence: usize,
    position: usize,
}

/// Keys `[sequence][head][dimension][position]` and values `[sequence][head][position][dimension]` of one layer: both so that the inner loops run along memory.
#[derive(Debug)]
struct Cache {
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// What one step needs besides, as large as the largest step so far.
#[derive(Debug, Default)]
struct Scratch {
    x: Vec<f32>,
    /// The rows of `x` that are asked for.
    last: Vec<f32>,
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
        let cache = || Cache { keys: zeros(batch * c.kv_width() * c.context), values: zeros(batch * c.kv_width() * c.context) };
        Self {
            lengths: vec![0; batch],
            cache: (0..c.layers).map(|_| cache()).collect(),
            rotary: rotary(&c),
            rows: Vec::new(),
            scratch: Scratch { scores: zeros(c.context), ..Scratch::default() },
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

    /// Takes one more token into each sequence and returns the logits of the next, `[sequence][token]`.
    pub fn step(&mut self, tokens: &[u32]) -> &[f32] {
        assert_eq!(tokens.len(), self.batch(), "one token a sequence");
        let feed: Vec<(usize, &[u32])> = tokens.chunks(1).enumerate().collect();
        self.feed(&feed)
    }

    /// Takes tokens into some sequences, each of them once, and returns the logits after the last token of each, in the order given.
    pub fn feed(&mut self, feed: &[(usize, &[u32])]) -> &[f32] {
        let weights = Arc::clone(&self.weights);
        let c = weights.config();
        self.rows.clear();
        for (sequence, tokens) in feed {
            let from = self.lengths[*sequence];
            assert!(!tokens.is_empty(), "nothing to take in");
            assert!(from + tokens.len() <= c.context, "a sequence is longer than the context");
            self.rows.extend((from..from + tokens.len()).map(|position| Row { sequence: *sequence, position }));
            self.lengths[*sequence] += tokens.len();
        }
        let s = &mut self.scratch;
        s.reserve(c, self.rows.len(), feed.len());
        for (x, token) in s.x.chunks_exact_mut(c.width).zip(feed.iter().flat_map(|(_, tokens)| *tokens)) {
            x.copy_from_slice(&weights.embedding.data[*token as usize * c.width..][..c.width]);
        }
        for (layer, cache) in weights.layers.iter().zip(&mut self.cache) {
            normalise(&s.x, &layer.norm_attention, c.epsilon, &mut s.normed);
            layer.qkv.apply(&s.normed, &mut s.qkv, Into::Replace);
            attend(c, &self.rotary, &self.rows, cache, s);
            layer.out.apply(&s.mixed, &mut s.x, Into::Add);
            forward(layer, c, s);
        }
        // Only what follows the last token of each is asked for.
        let mut end = 0;
        for ((_, tokens), last) in feed.iter().zip(s.last.chunks_exact_mut(c.width)) {
            end += tokens.len();
            last.copy_from_slice(&s.x[(end - 1) * c.width..][..c.width]);
        }
        s.normed.resize(s.last.len(), 0.0);
        normalise(&s.last, &weights.norm, c.epsilon, &mut s.normed);
        match &weights.head {
            Some(head) => head.apply(&s.normed, &mut s.logits, Into::Replace),
            None => weights.embedding.apply_transposed(&s.normed, &mut s.logits, Into::Replace),
        }
        &self.scratch.logits
    }
}

impl Scratch {
    /// Makes everything as long as so many rows need, of which so many are last ones.
    fn reserve(&mut self, c: &Config, rows: usize, last: usize) {
        for (numbers, width) in [
            (&mut self.x, c.width),
            (&mut self.normed, c.width),
            (&mut self.qkv, c.width + 2 * c.kv_width()),
            (&mut self.mixed, c.width),
            (&mut self.gate_up, 2 * c.hidden),
            (&mut self.gated, c.hidden),
        ] {
            numbers.resize(rows * width, 0.0);
        }
        self.last.resize(last * c.width, 0.0);
        self.logits.resize(last * c.vocabulary, 0.0);
    }
}

pub(crate) fn rotary(c: &Config) -> Vec<(f32, f32)> {
    let half = c.head_width() / 2;
    let angle = |position: usize, i: usize| position as f32 * c.rotary_base.powf(-(i as f32) / half as f32);
    (0..c.context).flat_map(|p| (0..half).map(move |i| angle(p, i))).map(|a| (a.cos(), a.sin())).collect()
}

/// Root mean square normalisation of each row (arXiv 1910.07467).
pub(crate) fn normalise(x: &[f32], gains: &[f32], epsilon: f32, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(gains.len()).zip(out.chunks_exact_mut(gains.len())) {
        let mean_square = sum(x.len(), |i| x[i] * x[i]) / x.len() as f32;
        let scale = 1.0 / (mean_square + epsilon).sqrt();
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
pub(crate) fn turn(head: &mut [f32], angles: &[(f32, f32)]) {
    let (low, high) = head.split_at_mut(angles.len());
    for ((a, b), (cos, sin)) in low.iter_mut().zip(high).zip(angles) {
        (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
    }
}

/// Attention of every row and head over its sequence's past, from `qkv` into `mixed`. Rows of one sequence come in the order of their positions.
fn attend(c: &Config, rotary: &[(f32, f32)], rows: &[Row], cache: &mut Cache, s: &mut Scratch) {
    let (width, d, context) = (c.width, c.head_width(), c.context);
    let kv_heads = c.kv_width() / d;
    let shared = c.heads / kv_heads;
    let scale = 1.0 / (d as f32).sqrt();
    for ((row, qkv), mixed) in rows.iter().zip(s.qkv.chunks_exact_mut(width + 2 * c.kv_width())).zip(s.mixed.chunks_exact_mut(width)) {
        let Row { sequence, position } = *row;
        let angles = &rotary[position * d / 2..][..d / 2];
        let (q, kv) = qkv.split_at_mut(width);
        let (k, v) = kv.split_at_mut(c.kv_width());
        for (head, (k, v)) in k.chunks_exact_mut(d).zip(v.chunks_exact(d)).enumerate() {
            let block = (sequence * kv_heads + head) * d * context;
            let keys = &mut cache.keys[block..block + d * context];
            let values = &mut cache.values[block..block + d * context];
            turn(k, angles);
            values[position * d..][..d].copy_from_slice(v);
            for (keys, k) in keys.chunks_exact_mut(context).zip(&*k) {
                keys[position] = *k;
            }
            let own = head * shared * d..(head + 1) * shared * d;
            for (q, mixed) in q[own.clone()].chunks_exact_mut(d).zip(mixed[own].chunks_exact_mut(d)) {
                turn(q, angles);
                let scores = &mut s.scores[..=position];
                scores.fill(0.0);
                for (keys, q) in keys.chunks_exact(context).zip(&*q) {
                    for (score, key) in scores.iter_mut().zip(keys) {
                        *score += q * key;
                    }
                }
                blend(scores, scale, values, mixed);
            }
        }
    }
}

/// The values, weighted by the softmax of the scores.
fn blend(scores: &mut [f32], scale: f32, values: &[f32], mixed: &mut [f32]) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for score in &mut *scores {
        *score = ((*score - largest) * scale).exp();
    }
    let total = 1.0 / sum(scores.len(), |i| scores[i]);
    mixed.fill(0.0);
    for (value, p) in values.chunks_exact(mixed.len()).zip(&*scores) {
        for (m, v) in mixed.iter_mut().zip(value) {
            *m += p * v;
        }
    }
    for m in mixed {
        *m *= total;
    }
}

/// The feed-forward part, gated by `SiLU` (arXiv 2002.05202), added to `x`.
fn forward(layer: &Layer, c: &Config, s: &mut Scratch) {
    normalise(&s.x, &layer.norm_forward, c.epsilon, &mut s.normed);
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
mod tests;
