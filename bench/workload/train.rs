//! A training step of the built-in transformer: forward with everything kept, backward through all of it, `AdamW` (arXiv 1711.05101). Bound by arithmetic, three times
//! a prefill's a token.
//!
//! The text is a walk by a fixed random map from token to token: it can be learned, so that a machine that computes wrongly is found out by a loss that does not fall.
//! Not here: time. `reference.rs` knows nothing of gradients: the tests differentiate it by differences.

use crate::generate::checkpoint::{bytes, load_draws, save_draws};
use crate::generate::{Done, Wrong, below};
use crate::product::{Into, Matrix};
use crate::reference::{self, Source};
use crate::transformer::{Config, Layer, Weights};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::io::{self, Read, Write};

/// Tokens of a step.
const TOKENS: usize = 64;
/// Size of a step, and the decays of `AdamW`'s two means.
pub(crate) const RATE: f32 = 1e-3;
const DECAY: (f32, f32) = (0.9, 0.999);
/// Steps between looks at whether the loss has fallen.
const LOOK: u64 = 200;
/// Numbers written at once.
const PIECE: usize = 1 << 18;
/// How far a loss may be from the reference's, as a share.
const TOLERANCE: f64 = 1e-3;
/// How far weights go for differences of the loss: the largest of a part each, and all together.
const ALONG: (f32, f32) = (1.0 / 512.0, 0.05);
/// How far such a difference may be from what the gradient says, as a share.
const GRADIENT: f64 = 0.02;
/// How far the first update may be from what it must be, as a share of its size: `f32` is no finer for weights near 1.
pub(crate) const UPDATE: f64 = 0.01;

/// Texts to learn from: walks by a fixed random map from token to token.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    next: Vec<u32>,
    rng: ChaCha8Rng,
}

impl Text {
    pub(crate) fn new(vocabulary: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let next = (0..vocabulary).map(|_| below(&mut rng, vocabulary)).collect();
        Self { next, rng }
    }

    /// A walk of so many tokens, and one more.
    pub(crate) fn walk(&mut self, tokens: usize) -> Vec<u32> {
        let mut token = below(&mut self.rng, self.next.len());
        (0..=tokens)
            .map(|_| {
                let this = token;
                token = self.next[this as usize];
                this
            })
            .collect()
    }
}

impl Text {
    /// Where the walk stands; the map is the seed's.
    pub(crate) fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        save_draws(&self.rng, out)
    }

    pub(crate) fn load(&mut self, input: &mut dyn Read) -> io::Result<()> {
        self.rng = load_draws(input)?;
        Ok(())
    }
}

/// How far learning has come, and whether it is learning.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    steps: u64,
    first: Option<f64>,
    recent: f64,
}

impl Progress {
    /// Size of the next update, and what undoes the bias of both means.
    pub(crate) fn rates(&self) -> (f32, f32, f32) {
        let n = i32::try_from(self.steps + 1).unwrap_or(i32::MAX);
        (RATE, 1.0 - DECAY.0.powi(n), 1.0 - DECAY.1.powi(n))
    }

    /// A step was done.
    pub(crate) const fn begun(&self) -> bool {
        self.steps > 0
    }

    /// Mean loss of the latest steps.
    pub(crate) const fn loss(&self) -> f64 {
        self.recent
    }

    pub(crate) fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.steps.to_le_bytes())?;
        out.write_all(&[u8::from(self.first.is_some())])?;
        out.write_all(&self.first.unwrap_or(0.0).to_le_bytes())?;
        out.write_all(&self.recent.to_le_bytes())
    }

    pub(crate) fn load(&mut self, input: &mut dyn Read) -> io::Result<()> {
        self.steps = u64::from_le_bytes(bytes(input)?);
        let [any] = bytes(input)?;
        let first = f64::from_le_bytes(bytes(input)?);
        self.first = (any != 0).then_some(first);
        self.recent = f64::from_le_bytes(bytes(input)?);
        Ok(())
    }

    /// Takes note of a step's loss.
    pub(crate) fn took(&mut self, loss: f64) -> Result<(), Wrong> {
        self.steps += 1;
        let first = *self.first.get_or_insert(loss);
        self.recent = if self.steps == 1 { loss } else { 0.95 * self.recent + 0.05 * loss };
        if self.steps == LOOK && self.recent >= first {
            return Err(Wrong::Unlearned { first, last: self.recent });
        }
        Ok(())
    }
}

/// What was learned from and is not known to be right.
pub(crate) fn save_learned(unchecked: Done, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&(unchecked.output as u64).to_le_bytes())
}

pub(crate) fn load_learned(input: &mut dyn Read) -> io::Result<Done> {
    let output = usize::try_from(u64::from_le_bytes(bytes(input)?)).map_err(io::Error::other)?;
    Ok(Done { input: 0, output })
}

/// A model in training.
#[derive(Debug)]
pub struct Trainer {
    weights: Weights,
    gradient: Weights,
    means: Vec<(Vec<f32>, Vec<f32>)>,
    text: Text,
    progress: Progress,
    unchecked: Done,
}

/// What the forward pass of a layer keeps for the way back.
struct Kept {
    x: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    /// `[head][row][past]`.
    shares: Vec<f32>,
    mixed: Vec<f32>,
    middle: Vec<f32>,
    normed_forward: Vec<f32>,
    gate_up: Vec<f32>,
    gated: Vec<f32>,
}

impl Trainer {
    /// A model with these weights; `seed` settles the text.
    pub fn new(weights: Weights, seed: u64) -> Self {
        let text = Text::new(weights.config.vocabulary, seed);
        let gradient = zeros(weights.config);
        let mut trainer = Self { weights, gradient, means: Vec::new(), text, progress: Progress::default(), unchecked: Done::default() };
        trainer.means = parameters(&mut trainer.gradient).iter().map(|p| (vec![0.0; p.len()], vec![0.0; p.len()])).collect();
        trainer
    }

    /// One step: `Done::output` is the tokens that were learned from. The first is checked whole: loss, gradient, update.
    pub fn step(&mut self) -> Result<Done, Wrong> {
        let text = self.text.walk(TOKENS.min(self.weights.config.context));
        let loss = self.learn(&text);
        if !loss.is_finite() {
            return Err(Wrong::NotFinite);
        }
        let first = self.progress.steps == 0;
        if first {
            self.check(&text, loss)?;
            self.check_gradient(&text)?;
        }
        let watched = if first { self.watched() } else { Vec::new() };
        self.update();
        for (n, i, expected) in watched {
            let got = parameters(&mut self.weights)[n][i];
            let share = f64::from((got - expected).abs() / RATE);
            if share.is_nan() || share > UPDATE {
                return Err(Wrong::Different { share, allowed: UPDATE });
            }
        }
        self.progress.took(loss)?;
        let done = Done { input: 0, output: text.len() - 1 };
        self.unchecked.output += done.output;
        if first {
            self.unchecked = Done::default();
        }
        Ok(done)
    }

    /// Holds a loss against the reference's of the weights as they are now.
    fn check(&self, text: &[u32], ours: f64) -> Result<(), Wrong> {
        let share = (ours / known_loss(&Source::held(&self.weights), text) - 1.0).abs();
        if share <= TOLERANCE { Ok(()) } else { Err(Wrong::Different { share, allowed: TOLERANCE }) }
    }

    /// Holds the gradient of a text, as it is now, against differences of the reference's loss: along the largest number of every part, and along all numbers,
    /// each up or down by chance.
    fn check_gradient(&mut self, text: &[u32]) -> Result<(), Wrong> {
        let gradient = parameters(&mut self.gradient);
        let length = gradient.iter().flat_map(|part| part.iter()).map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        let count = gradient.iter().map(|part| part.len()).sum::<usize>() as f32;
        let own: Vec<(usize, f32)> = gradient.iter().map(|part| largest(part)).collect();
        let mut moved = self.weights.clone();
        for all in [false, true] {
            // How far each number goes, the same way every time it is asked.
            let loss = |moved: &mut Weights, sign: f32| {
                let mut rng = ChaCha8Rng::seed_from_u64(u64::from(text[0]));
                let mut along = 0.0;
                for (n, ((to, from), g)) in parameters(moved).into_iter().zip(parameters_of(&self.weights)).zip(&gradient).enumerate() {
                    for (i, ((to, from), g)) in to.iter_mut().zip(from).zip(&**g).enumerate() {
                        let by = if all {
                            let far = ALONG.1 / count.sqrt();
                            if rng.next_u32() & 1 == 0 { far } else { -far }
                        } else if i == own[n].0 {
                            ALONG.0 * own[n].1.signum()
                        } else {
                            0.0
                        };
                        *to = from + sign * by;
                        // As far as f32 moved it.
                        along += f64::from(*g) * (f64::from(*to) - f64::from(*from));
                    }
                }
                (known_loss(&Source::held(moved), text), along)
            };
            let (ahead, back) = (loss(&mut moved, 1.0), loss(&mut moved, -1.0));
            let (difference, expected) = (ahead.0 - back.0, ahead.1 - back.1);
            let scale = expected.abs().max(length * f64::from(ALONG.1 / count.sqrt()));
            let share = (difference - expected).abs() / scale;
            if share.is_nan() || share > GRADIENT {
                return Err(Wrong::Different { share, allowed: GRADIENT });
            }
        }
        Ok(())
    }

    /// The largest number of each part's gradient, and what the first update must make of its weight: the means' bias undone, a step goes by the sign alone.
    fn watched(&mut self) -> Vec<(usize, usize, f32)> {
        let weights = parameters_of(&self.weights);
        parameters(&mut self.gradient)
            .iter()
            .zip(weights)
            .enumerate()
            .map(|(n, (gradient, weights))| {
                let (i, g) = largest(gradient);
                (n, i, weights[i] - RATE * g / (g.abs() + 1e-8))
            })
            .collect()
    }

    /// The last check: the loss of one more text, by the weights as they have become.
    pub(crate) fn close(&mut self) -> Result<(), Wrong> {
        if self.unchecked != Done::default() {
            let text = self.text.walk(TOKENS.min(self.weights.config.context));
            let ours = self.learn(&text);
            self.check(&text, ours)?;
            self.unchecked = Done::default();
        }
        Ok(())
    }

    /// Learned since that was last found right, before and after an eclipse: the weights have come of all of it.
    pub(crate) const fn unchecked(&self) -> Done {
        self.unchecked
    }

    /// Writes where learning stands: progress, what of it is unchecked, text, weights and both means of the gradient.
    pub fn save(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.progress.save(out)?;
        save_learned(self.unchecked, out)?;
        self.text.save(out)?;
        let mut bytes = Vec::new();
        self.each(|numbers| {
            for piece in numbers.chunks(PIECE) {
                bytes.clear();
                bytes.extend(piece.iter().flat_map(|x| x.to_le_bytes()));
                out.write_all(&bytes)?;
            }
            Ok(())
        })
    }

    /// Goes on from there: the losses that follow are the same as without.
    pub fn load(&mut self, input: &mut dyn Read) -> io::Result<()> {
        self.progress.load(input)?;
        self.unchecked = load_learned(input)?;
        self.text.load(input)?;
        let mut bytes = Vec::new();
        self.each(|numbers| {
            for piece in numbers.chunks_mut(PIECE) {
                bytes.resize(4 * piece.len(), 0);
                input.read_exact(&mut bytes)?;
                for (x, b) in piece.iter_mut().zip(bytes.chunks_exact(4)) {
                    *x = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
                }
            }
            Ok(())
        })
    }

    /// Everything that a step changes and the next one needs.
    fn each(&mut self, mut go: impl FnMut(&mut [f32]) -> io::Result<()>) -> io::Result<()> {
        for weights in parameters(&mut self.weights) {
            go(weights)?;
        }
        for (m, v) in &mut self.means {
            go(m)?;
            go(v)?;
        }
        Ok(())
    }

    /// Mean loss of the latest steps.
    pub const fn loss(&self) -> f64 {
        self.progress.loss()
    }

    #[cfg(test)]
    pub(crate) fn loss_and_gradient(&mut self, text: &[u32]) -> (f64, Vec<Vec<f32>>) {
        let loss = self.learn(text);
        (loss, parameters(&mut self.gradient).iter().map(|p| p.to_vec()).collect())
    }

    fn learn(&mut self, text: &[u32]) -> f64 {
        learn(&self.weights, &mut self.gradient, text)
    }

    fn update(&mut self) {
        let (rate, a, b) = self.progress.rates();
        for ((w, g), (m, v)) in parameters(&mut self.weights).into_iter().zip(parameters(&mut self.gradient)).zip(&mut self.means) {
            for (((w, g), m), v) in w.iter_mut().zip(&*g).zip(m).zip(v) {
                *m += (1.0 - DECAY.0) * (g - *m);
                *v += (1.0 - DECAY.1) * (g * g - *v);
                *w -= rate * (*m / a) / ((*v / b).sqrt() + 1e-8);
            }
        }
    }
}

/// Loss of a text, each token predicted from those before it, and its gradient.
fn learn(w: &Weights, g: &mut Weights, text: &[u32]) -> f64 {
    for numbers in parameters(g) {
        numbers.fill(0.0);
    }
    let c = w.config;
    let (tokens, wanted) = (&text[..text.len() - 1], &text[1..]);
    let rows = tokens.len();
    let angles = crate::decoder::rotary(&c);
    let mut x: Vec<f32> = tokens.iter().flat_map(|t| &w.embedding.data[*t as usize * c.width..][..c.width]).copied().collect();
    let kept: Vec<Kept> = w.layers.iter().map(|layer| forward(&c, layer, &angles, &mut x)).collect();
    let mut normed = vec![0.0; x.len()];
    crate::decoder::normalise(&x, &w.norm, c.epsilon, &mut normed);
    let mut logits = vec![0.0; rows * c.vocabulary];
    match &w.head {
        Some(head) => head.apply(&normed, &mut logits, Into::Replace),
        None => w.embedding.apply_transposed(&normed, &mut logits, Into::Replace),
    }
    let loss = cross_entropy(&mut logits, wanted, c.vocabulary);
    // The logits are their gradient now.
    let mut d_normed = vec![0.0; x.len()];
    if let (Some(head), Some(g_head)) = (&w.head, &mut g.head) {
        head.apply_transposed(&logits, &mut d_normed, Into::Replace);
        g_head.learn(&normed, &logits);
    } else {
        w.embedding.apply(&logits, &mut d_normed, Into::Replace);
        g.embedding.learn(&logits, &normed);
    }
    let mut dx = vec![0.0; x.len()];
    norm_back(&x, &w.norm, c.epsilon, &d_normed, &mut dx, &mut g.norm);
    for ((layer, kept), g) in w.layers.iter().zip(&kept).zip(&mut g.layers).rev() {
        backward(&c, layer, &angles, kept, &mut dx, g);
    }
    for (token, dx) in tokens.iter().zip(dx.chunks_exact(c.width)) {
        let row = &mut g.embedding.data[*token as usize * c.width..][..c.width];
        row.iter_mut().zip(dx).for_each(|(g, d)| *g += d);
    }
    loss
}

/// A text, and what the first step of training on it must come to: by the host's trainer, which the tests hold against differences of the reference.
#[derive(Debug)]
pub(crate) struct Lesson {
    pub(crate) text: Vec<u32>,
    pub(crate) loss: f64,
    pub(crate) gradient: Vec<Vec<f32>>,
    /// Of each part the place of one weight, and how far the first update takes it.
    pub(crate) moved: Vec<(usize, f32)>,
}

impl Lesson {
    /// The text alone.
    pub(crate) fn text(config: &Config, length: usize, seed: u64) -> Vec<u32> {
        Text::new(config.vocabulary, !seed).walk(length)
    }

    /// A walk of `length` tokens, learned on these weights.
    pub(crate) fn of(weights: &Weights, length: usize, seed: u64) -> Self {
        let text = Self::text(&weights.config, length, seed);
        let mut gradient = zeros(weights.config);
        let loss = learn(weights, &mut gradient, &text);
        let gradient: Vec<Vec<f32>> = parameters(&mut gradient).into_iter().map(|part| part.to_vec()).collect();
        let moved = gradient.iter().map(|part| {
            let (i, g) = largest(part);
            // The means' bias undone, the first step goes by the sign alone.
            (i, -RATE * g / (g.abs() + 1e-8))
        });
        let moved = moved.collect();
        Self { text, loss, gradient, moved }
    }
}

/// The loss as the reference computes it.
pub(crate) fn known_loss(source: &Source<'_>, text: &[u32]) -> f64 {
    let lengths: Vec<usize> = (1..text.len()).collect();
    let losses = reference::logits_after(source, &text[..text.len() - 1], &lengths);
    let losses = losses.iter().zip(&text[1..]).map(|(logits, wanted)| {
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        largest + logits.iter().map(|l| (l - largest).exp()).sum::<f64>().ln() - logits[*wanted as usize]
    });
    losses.sum::<f64>() / (text.len() - 1) as f64
}

/// The largest of some numbers, by magnitude, and its place.
pub(crate) fn largest(part: &[f32]) -> (usize, f32) {
    part.iter().copied().enumerate().fold((0, 0.0), |most, (i, g)| if g.abs() > most.1.abs() { (i, g) } else { most })
}

/// As [`parameters`], to look at.
fn parameters_of(w: &Weights) -> Vec<&[f32]> {
    let mut all: Vec<&[f32]> = vec![&w.embedding.data, &w.norm];
    all.extend(w.head.iter().map(|head| &head.data[..]));
    for l in &w.layers {
        all.extend([&l.qkv, &l.out, &l.gate_up, &l.down].map(|m| &m.data[..]));
        all.extend([&l.norm_attention[..], &l.norm_forward[..]]);
    }
    all
}

/// Everything that is learned, in one order.
pub(crate) fn parameters(w: &mut Weights) -> Vec<&mut [f32]> {
    let mut all: Vec<&mut [f32]> = vec![&mut w.embedding.data, &mut w.norm];
    if let Some(head) = &mut w.head {
        all.push(&mut head.data);
    }
    for l in &mut w.layers {
        let matrices = [&mut l.qkv, &mut l.out, &mut l.gate_up, &mut l.down];
        all.extend(matrices.map(|m| &mut m.data[..]));
        all.extend([&mut l.norm_attention[..], &mut l.norm_forward[..]]);
    }
    all
}

/// A model's shape, filled with zeros.
pub(crate) fn zeros(config: Config) -> Weights {
    let Config { width, hidden, vocabulary, .. } = config;
    let matrix = |inputs: usize, outputs: usize| Matrix { data: vec![0.0; inputs * outputs], inputs, outputs };
    let layer = |_| Layer {
        norm_attention: vec![0.0; width],
        qkv: matrix(width, width + 2 * config.kv_width()),
        out: matrix(width, width),
        norm_forward: vec![0.0; width],
        gate_up: matrix(width, 2 * hidden),
        down: matrix(hidden, width),
    };
    Weights {
        config,
        embedding: matrix(vocabulary, width),
        layers: (0..config.layers).map(layer).collect(),
        norm: vec![0.0; width],
        head: (!config.tied).then(|| matrix(width, vocabulary)),
    }
}

/// Mean loss; the logits become its gradient.
fn cross_entropy(logits: &mut [f32], wanted: &[u32], vocabulary: usize) -> f64 {
    let mut loss = 0.0;
    for (row, wanted) in logits.chunks_exact_mut(vocabulary).zip(wanted) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let of_wanted = row[*wanted as usize] - largest;
        let mut total = 0.0;
        for l in &mut *row {
            *l = (*l - largest).exp();
            total += *l;
        }
        loss += f64::from(total.ln() - of_wanted);
        for l in &mut *row {
            *l /= total;
        }
        row[*wanted as usize] -= 1.0;
    }
    let rows = wanted.len() as f32;
    for l in logits {
        *l /= rows;
    }
    loss / f64::from(rows)
}

fn turn_back(head: &mut [f32], angles: &[(f32, f32)]) {
    let (low, high) = head.split_at_mut(angles.len());
    for ((a, b), (cos, sin)) in low.iter_mut().zip(high).zip(angles) {
        (*a, *b) = (*a * cos + *b * sin, *b * cos - *a * sin);
    }
}

fn forward(c: &Config, layer: &Layer, angles: &[(f32, f32)], x: &mut [f32]) -> Kept {
    let rows = x.len() / c.width;
    let (d, stride) = (c.head_width(), c.width + 2 * c.kv_width());
    let zeros = |width: usize| vec![0.0; rows * width];
    let before = x.to_vec();
    let mut normed = zeros(c.width);
    crate::decoder::normalise(x, &layer.norm_attention, c.epsilon, &mut normed);
    let mut qkv = zeros(stride);
    layer.qkv.apply(&normed, &mut qkv, Into::Replace);
    for (position, row) in qkv.chunks_exact_mut(stride).enumerate() {
        for head in row[..c.width + c.kv_width()].chunks_exact_mut(d) {
            crate::decoder::turn(head, &angles[position * d / 2..][..d / 2]);
        }
    }
    let (mut shares, mut mixed) = (vec![0.0; c.heads * rows * rows], zeros(c.width));
    let scale = 1.0 / (d as f32).sqrt();
    for head in 0..c.heads {
        let (k_at, v_at) = kv_at(c, head);
        for row in 0..rows {
            let q = &qkv[row * stride + head * d..][..d];
            let p = &mut shares[(head * rows + row) * rows..][..=row];
            for (past, p) in p.iter_mut().enumerate() {
                *p = scale * dot(q, &qkv[past * stride + k_at..][..d]);
            }
            let largest = p.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for p in &mut *p {
                *p = (*p - largest).exp();
            }
            let total: f32 = p.iter().sum();
            let out = &mut mixed[row * c.width + head * d..][..d];
            for (past, p) in p.iter_mut().enumerate() {
                *p /= total;
                add_scaled(out, *p, &qkv[past * stride + v_at..][..d]);
            }
        }
    }
    layer.out.apply(&mixed, x, Into::Add);
    let middle = x.to_vec();
    let mut normed_forward = zeros(c.width);
    crate::decoder::normalise(x, &layer.norm_forward, c.epsilon, &mut normed_forward);
    let mut gate_up = zeros(2 * c.hidden);
    layer.gate_up.apply(&normed_forward, &mut gate_up, Into::Replace);
    let mut gated = zeros(c.hidden);
    for (out, row) in gated.chunks_exact_mut(c.hidden).zip(gate_up.chunks_exact(2 * c.hidden)) {
        let (gate, up) = row.split_at(c.hidden);
        for ((o, g), u) in out.iter_mut().zip(gate).zip(up) {
            *o = g / (1.0 + (-g).exp()) * u;
        }
    }
    layer.down.apply(&gated, x, Into::Add);
    Kept { x: before, normed, qkv, shares, mixed, middle, normed_forward, gate_up, gated }
}

/// Where a head's keys and values are in a row.
fn kv_at(c: &Config, head: usize) -> (usize, usize) {
    let d = c.head_width();
    let own = head / (c.heads * d / c.kv_width()) * d;
    (c.width + own, c.width + c.kv_width() + own)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add_scaled(to: &mut [f32], by: f32, what: &[f32]) {
    to.iter_mut().zip(what).for_each(|(t, w)| *t += by * w);
}

/// `dx` of the layer's output becomes that of its input; the gradient of its weights is added to `g`.
fn backward(c: &Config, layer: &Layer, angles: &[(f32, f32)], kept: &Kept, dx: &mut [f32], g: &mut Layer) {
    let rows = dx.len() / c.width;
    let zeros = |width: usize| vec![0.0; rows * width];
    let mut d_gated = zeros(c.hidden);
    layer.down.apply_transposed(dx, &mut d_gated, Into::Replace);
    g.down.learn(&kept.gated, dx);
    let mut d_gate_up = zeros(2 * c.hidden);
    for ((d, out), row) in
        d_gated.chunks_exact(c.hidden).zip(d_gate_up.chunks_exact_mut(2 * c.hidden)).zip(kept.gate_up.chunks_exact(2 * c.hidden))
    {
        let (gate, up) = row.split_at(c.hidden);
        let (d_gate, d_up) = out.split_at_mut(c.hidden);
        for i in 0..c.hidden {
            let sigmoid = 1.0 / (1.0 + (-gate[i]).exp());
            d_up[i] = d[i] * gate[i] * sigmoid;
            d_gate[i] = d[i] * up[i] * sigmoid * (1.0 + gate[i] * (1.0 - sigmoid));
        }
    }
    let mut d_normed = zeros(c.width);
    layer.gate_up.apply_transposed(&d_gate_up, &mut d_normed, Into::Replace);
    g.gate_up.learn(&kept.normed_forward, &d_gate_up);
    norm_back(&kept.middle, &layer.norm_forward, c.epsilon, &d_normed, dx, &mut g.norm_forward);

    let mut d_mixed = zeros(c.width);
    layer.out.apply_transposed(dx, &mut d_mixed, Into::Replace);
    g.out.learn(&kept.mixed, dx);
    let d_qkv = attention_back(c, angles, kept, &d_mixed);
    layer.qkv.apply_transposed(&d_qkv, &mut d_normed, Into::Replace);
    g.qkv.learn(&kept.normed, &d_qkv);
    norm_back(&kept.x, &layer.norm_attention, c.epsilon, &d_normed, dx, &mut g.norm_attention);
}

fn attention_back(c: &Config, angles: &[(f32, f32)], kept: &Kept, d_mixed: &[f32]) -> Vec<f32> {
    let (d, stride, rows) = (c.head_width(), c.width + 2 * c.kv_width(), d_mixed.len() / c.width);
    let scale = 1.0 / (d as f32).sqrt();
    let mut d_qkv = vec![0.0; rows * stride];
    for head in 0..c.heads {
        let (k_at, v_at) = kv_at(c, head);
        for row in 0..rows {
            let p = &kept.shares[(head * rows + row) * rows..][..=row];
            let dm = &d_mixed[row * c.width + head * d..][..d];
            let dp: Vec<f32> = (0..=row).map(|past| dot(dm, &kept.qkv[past * stride + v_at..][..d])).collect();
            let mean = dot(p, &dp);
            for (past, (p, dp)) in p.iter().zip(&dp).enumerate() {
                let ds = scale * p * (dp - mean);
                add_scaled(&mut d_qkv[past * stride + v_at..][..d], *p, dm);
                add_scaled(&mut d_qkv[past * stride + k_at..][..d], ds, &kept.qkv[row * stride + head * d..][..d]);
                add_scaled(&mut d_qkv[row * stride + head * d..][..d], ds, &kept.qkv[past * stride + k_at..][..d]);
            }
        }
    }
    for (position, row) in d_qkv.chunks_exact_mut(stride).enumerate() {
        for head in row[..c.width + c.kv_width()].chunks_exact_mut(d) {
            turn_back(head, &angles[position * d / 2..][..d / 2]);
        }
    }
    d_qkv
}

/// Adds the gradient through a normalisation of `x` to `dx`, and that of its gains to `dg`.
fn norm_back(x: &[f32], gains: &[f32], epsilon: f32, dy: &[f32], dx: &mut [f32], dg: &mut [f32]) {
    let n = gains.len();
    for ((x, dy), dx) in x.chunks_exact(n).zip(dy.chunks_exact(n)).zip(dx.chunks_exact_mut(n)) {
        let scale = 1.0 / (dot(x, x) / n as f32 + epsilon).sqrt();
        let along: f32 = (0..n).map(|i| gains[i] * dy[i] * x[i]).sum::<f32>() * scale * scale * scale / n as f32;
        for i in 0..n {
            dg[i] += dy[i] * x[i] * scale;
            dx[i] += scale * gains[i] * dy[i] - along * x[i];
        }
    }
}

#[cfg(test)]
mod tests;
