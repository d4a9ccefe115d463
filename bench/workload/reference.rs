//! The same transformer as plain loops in f64: no cache, no batch, no `gemm`; each call computes the whole sequence anew, on as many threads as there are. Slow: for
//! tests, and for the answer that work under way is checked against.

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

    /// In words what the weights are, where a seed tells it.
    pub(crate) fn named(&self) -> Option<String> {
        self.weights.is_none().then(|| format!("{:?}, seed {}, rounded to bf16: {}", self.config, self.seed, self.rounded))
    }

    /// The weights themselves, as they are computed with.
    pub(crate) fn whole(&self) -> Weights {
        let layers = (0..self.config.layers).map(|n| self.layer(n).into_owned()).collect();
        let (norm, embedding, head) = self.rest();
        Weights { config: self.config, embedding, layers, norm, head }
    }

    pub(crate) fn layer(&self, n: usize) -> Cow<'a, Layer> {
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

/// Tokens whose products are summed in one reading of a matrix, and outputs at once: their sums stay in the first cache.
const TOGETHER: (usize, usize) = (8, 256);

/// Threads for work of so many steps: one where starting others would cost more than it saves.
pub(crate) fn threads(steps: usize) -> usize {
    if steps < 1 << 20 { 1 } else { std::thread::available_parallelism().map_or(1, std::num::NonZero::get) }
}

/// Every row by the matrix. A sum runs over the inputs in their order whatever the number of threads.
fn times(x: &Rows, m: &Matrix) -> Rows {
    let mut out = vec![vec![0.0; m.outputs]; x.len()];
    let threads = threads(x.len() * m.data.len());
    let each = m.outputs.div_ceil(threads).next_multiple_of(TOGETHER.1);
    // Each thread has outputs of its own: a piece of every row.
    let mut pieces: Vec<Vec<&mut [f64]>> = Vec::new();
    for row in &mut out {
        for (n, piece) in row.chunks_mut(each).enumerate() {
            if pieces.len() <= n {
                pieces.push(Vec::new());
            }
            pieces[n].push(piece);
        }
    }
    std::thread::scope(|scope| {
        for (n, mut piece) in pieces.into_iter().enumerate() {
            let mut sum = move || {
                for (rows, out) in x.chunks(TOGETHER.0).zip(piece.chunks_mut(TOGETHER.0)) {
                    columns(rows, m, n * each, out);
                }
            };
            if threads == 1 {
                sum();
            } else {
                scope.spawn(sum);
            }
        }
    });
    out
}

/// Outputs `first` and on of some rows.
fn columns(x: &[Vec<f64>], m: &Matrix, first: usize, out: &mut [&mut [f64]]) {
    for from in (0..out[0].len()).step_by(TOGETHER.1) {
        let to = (from + TOGETHER.1).min(out[0].len());
        for (i, row) in m.data.chunks_exact(m.outputs).enumerate() {
            let weights = &row[first + from..first + to];
            for (x, out) in x.iter().zip(&mut *out) {
                let x = x[i];
                for (out, w) in out[from..to].iter_mut().zip(weights) {
                    *out += x * f64::from(*w);
                }
            }
        }
    }
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

fn attention(mut qkv: Rows, c: &Config) -> Rows {
    let (width, heads, d) = (c.width, c.heads, c.head_width());
    let shared = heads * d / c.kv_width();
    // Queries, then keys, then values; a head of keys and values serves several of queries.
    for (position, row) in qkv.iter_mut().enumerate() {
        for head in row[..width + c.kv_width()].chunks_exact_mut(d) {
            head.copy_from_slice(&rotated(head, position, c.rotary_base));
        }
    }
    let qkv = &qkv;
    let part = |row: usize, which: usize, head: usize| &qkv[row][width + (which - 1) * c.kv_width() + head / shared * d..][..d];
    let mix = |row: usize, mixed: &mut [f64]| {
        for head in 0..heads {
            let q = &qkv[row][head * d..][..d];
            let score = |past: usize| (q.iter().zip(part(past, 1, head)).map(|(a, b)| a * b).sum::<f64>() / (d as f64).sqrt()).exp();
            let scores: Vec<f64> = (0..=row).map(score).collect();
            let total: f64 = scores.iter().sum();
            for (past, p) in scores.iter().enumerate() {
                for (i, v) in part(past, 2, head).iter().enumerate() {
                    mixed[head * d + i] += p / total * v;
                }
            }
        }
    };
    let mut out = vec![vec![0.0; width]; qkv.len()];
    let threads = threads(qkv.len() * qkv.len() * width);
    std::thread::scope(|scope| {
        let mut hands: Vec<Vec<(usize, &mut Vec<f64>)>> = (0..threads).map(|_| Vec::new()).collect();
        // Later rows look back further: dealt out in turn.
        out.iter_mut().enumerate().for_each(|(row, mixed)| hands[row % threads].push((row, mixed)));
        for hand in hands {
            let all = move || hand.into_iter().for_each(|(row, mixed)| mix(row, mixed));
            if threads == 1 {
                all();
            } else {
                scope.spawn(all);
            }
        }
    });
    out
}

fn add(x: &mut Rows, y: Rows) {
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
#[cfg(test)]
pub(crate) fn logits_of(source: &Source<'_>, tokens: &[u32]) -> Vec<f64> {
    logits_after(source, tokens, &[tokens.len()]).pop().unwrap_or_default()
}

/// Logits after the first so many tokens, for each of `lengths`.
pub(crate) fn logits_after(source: &Source<'_>, tokens: &[u32], lengths: &[usize]) -> Vec<Vec<f64>> {
    let c = source.config;
    let (gains, embedding, head) = &source.rest();
    let row = |t: &u32| embedding.data[*t as usize * c.width..][..c.width].iter().map(|x| f64::from(*x)).collect();
    let mut x: Rows = tokens.iter().map(row).collect();
    let normed = |x: &Rows, gains: &[f32]| x.iter().map(|x| norm(x, gains, c.epsilon)).collect::<Rows>();
    for n in 0..c.layers {
        let layer = source.layer(n);
        let qkv = times(&normed(&x, &layer.norm_attention), &layer.qkv);
        add(&mut x, times(&attention(qkv, &c), &layer.out));
        let gated = times(&normed(&x, &layer.norm_forward), &layer.gate_up).into_iter().map(|gate_up| {
            let (gate, up) = gate_up.split_at(c.hidden);
            gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect::<Vec<f64>>()
        });
        let gated: Rows = gated.collect();
        add(&mut x, times(&gated, &layer.down));
    }
    let last: Rows = lengths.iter().map(|n| norm(&x[n - 1], gains, c.epsilon)).collect();
    if let Some(head) = head {
        return times(&last, head);
    }
    let logit = |x: &[f64], row: &[f32]| x.iter().zip(row).map(|(x, w)| x * f64::from(*w)).sum();
    last.iter().map(|x| embedding.data.chunks_exact(c.width).map(|row| logit(x, row)).collect()).collect()
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
