//! The arithmetic of learning on the host: loss of a text and its gradient, forward with everything kept and back through all of it; and what is learned, part by part.
//!
//! Not here: steps, updates, whether it is right (`check`).

use crate::product::{Into, Matrix};
use crate::transformer::{Config, Layer, Weights};

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

/// Loss of a text, each token predicted from those before it, and its gradient.
pub(super) fn learn(w: &Weights, g: &mut Weights, text: &[u32]) -> f64 {
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

/// As [`parameters`], to look at.
pub(super) fn parameters_of(w: &Weights) -> Vec<&[f32]> {
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
