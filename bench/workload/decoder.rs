//! Tokens taken into the sequences of a batch, one or many at a time, with a cache of keys and values: the work that is counted.
//!
//! Not here: which token comes next (`generate`). `reference.rs` computes the same without cache, batch or `gemm`, for the tests.

use crate::product::Into;
use crate::transformer::{Config, Layer, Weights};
use std::io::{self, Read, Write};
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

    /// The numbers of what the sequences hold, and room for as many: keys and values of every layer up to each sequence's length.
    fn held(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let c = *self.weights.config();
        let (d, heads) = (c.head_width(), c.kv_width() / c.head_width());
        let lengths = &self.lengths;
        self.cache.iter_mut().flat_map(move |cache| {
            let block = d * c.context;
            let of = move |i: usize| lengths[i / heads];
            let keys = cache.keys.chunks_exact_mut(block).enumerate();
            let keys = keys.flat_map(move |(i, block)| block.chunks_exact_mut(c.context).map(move |row| &mut row[..of(i)]));
            let values = cache.values.chunks_exact_mut(block).enumerate().map(move |(i, block)| &mut block[..of(i) * d]);
            keys.chain(values)
        })
    }

    /// Writes what the sequences hold: a checkpoint of their state, not of the weights.
    pub fn save(&mut self, out: &mut impl Write) -> io::Result<()> {
        for length in &self.lengths {
            out.write_all(&(*length as u64).to_le_bytes())?;
        }
        let mut bytes = Vec::new();
        for numbers in self.held() {
            bytes.clear();
            bytes.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
            out.write_all(&bytes)?;
        }
        Ok(())
    }

    /// Takes a checkpoint of as many sequences of the same model back.
    pub fn load(&mut self, input: &mut impl Read) -> io::Result<()> {
        let context = self.weights.config().context;
        for length in &mut self.lengths {
            let mut bytes = [0; 8];
            input.read_exact(&mut bytes)?;
            let held = u64::from_le_bytes(bytes);
            if held > context as u64 {
                return Err(io::Error::other(format!(
                    "the checkpoint holds a sequence of {held} tokens, the model has a context of {context}"
                )));
            }
            *length = held as usize;
        }
        let mut bytes = Vec::new();
        for numbers in self.held() {
            bytes.resize(4 * numbers.len(), 0);
            input.read_exact(&mut bytes)?;
            for (x, b) in numbers.iter_mut().zip(bytes.chunks_exact(4)) {
                *x = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            }
        }
        Ok(())
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
            let kv_heads = tied.then_some(2);
            let config =
                Config { layers: 3, width: 48, heads: 4, kv_heads, hidden: 80, vocabulary: 61, context: 24, tied, ..Config::USUAL };
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
        let config = Config { layers: 2, width: 32, heads: 2, hidden: 40, vocabulary: 19, context: 8, tied: true, ..Config::USUAL };
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
    fn many_tokens_at_once_are_the_same_as_one_by_one() {
        let config = Config { layers: 2, width: 32, heads: 4, kv_heads: Some(2), hidden: 40, vocabulary: 19, context: 12, ..Config::USUAL };
        let weights = Arc::new(Weights::random(config, 2));
        let mut decoder = Decoder::new(Arc::clone(&weights), 3);
        decoder.feed(&[(1, &[4, 4])]);
        let logits = decoder.feed(&[(2, &[1, 2, 3, 4, 5]), (1, &[6]), (0, &[7, 8])]).to_vec();
        assert_eq!([0, 1, 2].map(|i| decoder.length(i)), [2, 3, 5]);
        let expected: [&[u32]; 3] = [&[1, 2, 3, 4, 5], &[4, 4, 6], &[7, 8]];
        for (got, tokens) in logits.chunks_exact(19).zip(expected) {
            let expected = reference::logits(&weights, tokens);
            assert!(got.iter().zip(expected).all(|(g, e)| (f64::from(*g) - e).abs() < 1e-4));
        }
    }

    #[test]
    fn a_checkpoint_goes_on_where_it_was() {
        let config = Config { layers: 2, width: 32, heads: 4, kv_heads: Some(2), hidden: 40, vocabulary: 19, context: 8, ..Config::USUAL };
        let weights = Arc::new(Weights::random(config, 2));
        let mut first = Decoder::new(Arc::clone(&weights), 2);
        first.feed(&[(0, &[1, 2, 3]), (1, &[4])]);
        let mut saved = Vec::new();
        first.save(&mut saved).expect("a buffer");
        // Lengths, and keys and values of four tokens in two layers, two heads of eight.
        assert_eq!(saved.len(), 2 * 8 + 4 * 2 * 2 * 16 * 4);
        let mut second = Decoder::new(Arc::clone(&weights), 2);
        second.feed(&[(0, &[9, 9]), (1, &[9])]);
        second.load(&mut &saved[..]).expect("sound");
        assert_eq!(first.step(&[5, 6]), second.step(&[5, 6]));
        assert!(second.load(&mut &saved[..40]).is_err());
        assert!(second.load(&mut &[0xff; 99][..]).is_err());
    }

    #[test]
    fn one_changed_weight_changes_the_logits() {
        let config = Config { layers: 1, width: 16, heads: 2, hidden: 16, vocabulary: 7, context: 4, tied: false, ..Config::USUAL };
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
        fn any_small_shape_agrees(layers in 1..3_usize, kv in 1..3_usize, shared in 1..3_usize, half in 1..6_usize, hidden in 1..20_usize, tied: bool, seed: u64,
                                  tokens in proptest::collection::vec(0..9_u32, 1..6)) {
            let heads = kv * shared;
            let config = Config { layers, width: heads * half * 2, heads, kv_heads: Some(kv), hidden, vocabulary: 9, context: 6, tied, ..Config::USUAL };
            let difference = largest_difference(config, seed, &[tokens]);
            prop_assert!(difference < 1e-4, "{}", difference);
        }
    }
}
