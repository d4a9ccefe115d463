//! The same transformer as plain loops in f64: no cache, no batch, no `gemm`; each call computes the whole sequence anew. Slow: for tests, and for the answer
//! that work under way is checked against.

use crate::product::Matrix;
use crate::transformer::{Config, Layer, Uniform, Weights};
use std::borrow::Cow;

type Rows = Vec<Vec<f64>>;

/// Whose answer is computed: weights that are there, or random ones of which one block is made at a time, so that a model that only fits a GPU has a reference too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    config: Config,
    weights: Option<&'a Weights>,
    seed: u64,
    /// As a machine has them that keeps its weights in bf16.
    rounded: bool,
}

/// To bf16, ties to even.
pub(crate) fn rounded(x: f32) -> f32 {
    let bits = x.to_bits();
    f32::from_bits((bits.wrapping_add(0x7fff + (bits >> 16 & 1))) & 0xffff_0000)
}

impl<'a> Source<'a> {
    pub(crate) const fn held(weights: &'a Weights) -> Self {
        Self { config: weights.config, weights: Some(weights), seed: 0, rounded: false }
    }

    pub(crate) const fn random(config: Config, seed: u64) -> Self {
        Self { config, weights: None, seed, rounded: false }
    }

    pub(crate) const fn rounded(self, rounded: bool) -> Self {
        Self { rounded, ..self }
    }

    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    fn layer(&self, n: usize) -> Cow<'a, Layer> {
        let mut layer =
            self.weights.map_or_else(|| Cow::Owned(Uniform::new(self.seed).layer(self.config, n)), |w| Cow::Borrowed(&w.layers[n]));
        if self.rounded {
            let l = layer.to_mut();
            for numbers in [&mut l.norm_attention, &mut l.norm_forward] {
                round(numbers);
            }
            for matrix in [&mut l.qkv, &mut l.out, &mut l.gate_up, &mut l.down] {
                round(&mut matrix.data);
            }
        }
        layer
    }

    /// Norm, embedding and head.
    fn rest(&self) -> (Vec<f32>, Matrix, Option<Matrix>) {
        let mut rest = match self.weights {
            Some(w) => (w.norm.clone(), w.embedding.clone(), w.head.clone()),
            None => Uniform::new(self.seed).rest(self.config),
        };
        if self.rounded {
            round(&mut rest.0);
            round(&mut rest.1.data);
            rest.2.iter_mut().for_each(|head| round(&mut head.data));
        }
        rest
    }
}

fn round(numbers: &mut [f32]) {
    for x in numbers {
        *x = rounded(*x);
    }
}

fn times(x: &[f64], m: &Matrix) -> Vec<f64> {
    let mut out = vec![0.0; m.outputs];
    for (x, row) in x.iter().zip(m.data.chunks_exact(m.outputs)) {
        for (out, w) in out.iter_mut().zip(row) {
            *out += x * f64::from(*w);
        }
    }
    out
}

fn norm(x: &[f64], gains: &[f32], epsilon: f32) -> Vec<f64> {
    let mean_square = x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64;
    x.iter().zip(gains).map(|(v, g)| v / (mean_square + f64::from(epsilon)).sqrt() * f64::from(*g)).collect()
}

/// A head's vector at `position`: dimension `i` and its partner are a complex number, turned.
fn rotated(head: &[f64], position: usize, base: f32) -> Vec<f64> {
    let half = head.len() / 2;
    let mut out = vec![0.0; head.len()];
    for i in 0..half {
        let angle = position as f64 / f64::from(base).powf(2.0 * i as f64 / head.len() as f64);
        out[i] = head[i] * angle.cos() - head[i + half] * angle.sin();
        out[i + half] = head[i] * angle.sin() + head[i + half] * angle.cos();
    }
    out
}

fn attention(qkv: &Rows, c: &Config) -> Rows {
    let (width, heads, d) = (c.width, c.heads, c.head_width());
    let shared = heads * d / c.kv_width();
    // Queries, then keys, then values; a head of keys and values serves several of queries.
    let part = |row: usize, which: usize, head: usize| match which {
        0 => &qkv[row][head * d..][..d],
        _ => &qkv[row][width + (which - 1) * c.kv_width() + head / shared * d..][..d],
    };
    let mut out = vec![vec![0.0; width]; qkv.len()];
    for (row, mixed) in out.iter_mut().enumerate() {
        for head in 0..heads {
            let q = rotated(part(row, 0, head), row, c.rotary_base);
            let score = |past: usize| {
                let k = rotated(part(past, 1, head), past, c.rotary_base);
                (q.iter().zip(k).map(|(a, b)| a * b).sum::<f64>() / (d as f64).sqrt()).exp()
            };
            let scores: Vec<f64> = (0..=row).map(score).collect();
            let total: f64 = scores.iter().sum();
            for (past, p) in scores.iter().enumerate() {
                for (i, v) in part(past, 2, head).iter().enumerate() {
                    mixed[head * d + i] += p / total * v;
                }
            }
        }
    }
    out
}

fn add(x: &mut Rows, y: impl Iterator<Item = Vec<f64>>) {
    for (x, y) in x.iter_mut().zip(y) {
        x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
    }
}

#[cfg(test)]
/// Logits of the token after `tokens`.
pub(crate) fn logits(w: &Weights, tokens: &[u32]) -> Vec<f64> {
    logits_of(&Source::held(w), tokens)
}

/// Logits of the token after `tokens`, of any source.
pub(crate) fn logits_of(source: &Source<'_>, tokens: &[u32]) -> Vec<f64> {
    all_logits(source, tokens, tokens.len().saturating_sub(1)).pop().unwrap_or_default()
}

/// Logits after each token from position `from` on.
pub(crate) fn all_logits(source: &Source<'_>, tokens: &[u32], from: usize) -> Vec<Vec<f64>> {
    let c = source.config;
    let (gains, embedding, head) = &source.rest();
    let row = |t: &u32| (0..c.width).map(|i| f64::from(embedding.data[*t as usize * c.width + i])).collect();
    let mut x: Rows = tokens.iter().map(row).collect();
    for n in 0..c.layers {
        let layer = source.layer(n);
        let qkv: Rows = x.iter().map(|x| times(&norm(x, &layer.norm_attention, c.epsilon), &layer.qkv)).collect();
        let mixed = attention(&qkv, &c);
        add(&mut x, mixed.iter().map(|m| times(m, &layer.out)));
        let forward = |x: &Vec<f64>| {
            let gate_up = times(&norm(x, &layer.norm_forward, c.epsilon), &layer.gate_up);
            let gated: Vec<f64> = (0..c.hidden).map(|i| gate_up[i] / (1.0 + (-gate_up[i]).exp()) * gate_up[c.hidden + i]).collect();
            times(&gated, &layer.down)
        };
        let forwarded: Rows = x.iter().map(forward).collect();
        add(&mut x, forwarded.into_iter());
    }
    let of = |x: &Vec<f64>| {
        let last = norm(x, gains, c.epsilon);
        match head {
            Some(head) => times(&last, head),
            None => (0..c.vocabulary).map(|t| (0..c.width).map(|i| last[i] * f64::from(embedding.data[t * c.width + i])).sum()).collect(),
        }
    };
    x.iter().skip(from).map(of).collect()
}

#[cfg(test)]
/// `count` tokens after `prompt`, each the likeliest.
pub(crate) fn greedy(w: &Weights, prompt: &[u32], count: usize) -> Vec<u32> {
    let mut tokens = prompt.to_vec();
    for _ in 0..count {
        let logits = logits(w, &tokens);
        let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).expect("a token").0;
        tokens.push(best as u32);
    }
    tokens[prompt.len()..].to_vec()
}
