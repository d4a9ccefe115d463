//! Attention in training: products of whole heads and a softmax between them, with its shares kept; and the way back through it.
//!
//! Not here: the rest of a layer (`pass`).

use super::Trainer;
use super::room::Kept;
use crate::gpu::Fault;
use crate::gpu::driver::{Arg, Buffer};
use crate::gpu::product::{Part, Product, Side};

/// Where the heads of one share of one text are, in bytes; steps in numbers.
struct Head {
    first: bool,
    q: usize,
    k: usize,
    v: usize,
    shares: usize,
    mixed: usize,
    d: usize,
    stride: usize,
    width: usize,
    /// From one head of queries to the next that has the next head of keys.
    every: usize,
    square: usize,
    count: usize,
}

impl Trainer {
    fn turn(&self, qkv: &Buffer, rows: usize, length: usize, sign: f32) -> Result<(), Fault> {
        let c = &self.weights.config;
        let (heads, stride) = ((c.width + c.kv_width()) / c.head_width(), c.width + 2 * c.kv_width());
        let sizes = [heads, stride, c.head_width(), length].map(|n| Arg::U32(n as u32));
        let [heads, stride, d, length] = sizes;
        let args = [Arg::At(qkv, 0), Arg::At(&self.angles, 0), heads, stride, d, length, Arg::F32(sign)];
        self.device.launch(&self.kernel("turn"), [rows as u32, 1, 1], 256, &args)
    }

    /// Every head of every text that shares keys with its `share`: where its queries, keys, values and shares are.
    fn heads(&self, texts: usize, length: usize) -> impl Iterator<Item = Head> + use<> {
        let c = self.weights.config;
        let (d, of, stride) = (c.head_width(), self.weights.number.kind().bytes(), c.width + 2 * c.kv_width());
        let shared = c.heads * d / c.kv_width();
        (0..texts).flat_map(move |text| {
            (0..shared).map(move |share| Head {
                first: share == 0,
                q: (text * length * stride + share * d) * of,
                k: (text * length * stride + c.width) * of,
                v: (text * length * stride + c.width + c.kv_width()) * of,
                shares: (text * c.heads + share) * length * length * of,
                mixed: (text * length * c.width + share * d) * of,
                d,
                stride,
                width: c.width,
                every: shared * d,
                square: shared * length * length,
                count: c.kv_width() / d,
            })
        })
    }

    pub(super) fn attend(&self, kept: &Kept, texts: usize, length: usize) -> Result<(), Fault> {
        self.turn(&kept.qkv, texts * length, length, 1.0)?;
        let at = |buffer, at| Part { buffer, at };
        for h in self.heads(texts, length) {
            self.products.multiply(&self.product(
                (at(&kept.qkv, h.q), Side::rows(h.stride).every(h.every)),
                (at(&kept.qkv, h.k), Side::rows(h.stride).every(h.d)),
                (at(&kept.shares, h.shares), length, h.square),
                [length, length, h.d],
                h.count,
            ))?;
        }
        let c = self.weights.config;
        let scale = Arg::F32(1.0 / (c.head_width() as f32).sqrt());
        let args = [Arg::At(&kept.shares, 0), Arg::U32(length as u32), scale];
        self.device.launch(&self.kernel("softmax"), [(texts * c.heads * length) as u32, 1, 1], 128, &args)?;
        for h in self.heads(texts, length) {
            self.products.multiply(&self.product(
                (at(&kept.shares, h.shares), Side::rows(length).every(h.square)),
                (at(&kept.qkv, h.v), Side::turned(h.stride).every(h.d)),
                (at(&kept.mixed, h.mixed), h.width, h.every),
                [length, h.d, length],
                h.count,
            ))?;
        }
        Ok(())
    }

    /// From `d_mixed` to `d_qkv`.
    pub(super) fn attend_back(&self, kept: &Kept, texts: usize, length: usize) -> Result<(), Fault> {
        let (c, r) = (self.weights.config, &self.room);
        let at = |buffer, at| Part { buffer, at };
        for h in self.heads(texts, length) {
            let d_mixed = at(&r.d_mixed, h.mixed);
            let to_v = self.product(
                (at(&kept.shares, h.shares), Side::turned(length).every(h.square)),
                (d_mixed, Side::turned(h.width).every(h.every)),
                (at(&r.d_qkv, h.v), h.stride, h.d),
                [length, h.d, length],
                h.count,
            );
            self.products.multiply(&Product { add: !h.first, ..to_v })?;
            self.products.multiply(&self.product(
                (d_mixed, Side::rows(h.width).every(h.every)),
                (at(&kept.qkv, h.v), Side::rows(h.stride).every(h.d)),
                (at(&r.d_shares, h.shares), length, h.square),
                [length, length, h.d],
                h.count,
            ))?;
        }
        let scale = Arg::F32(1.0 / (c.head_width() as f32).sqrt());
        let args = [Arg::At(&r.d_shares, 0), Arg::At(&kept.shares, 0), Arg::U32(length as u32), scale];
        self.device.launch(&self.kernel("softmax_back"), [(texts * c.heads * length) as u32, 1, 1], 128, &args)?;
        for h in self.heads(texts, length) {
            let d_scores = at(&r.d_shares, h.shares);
            self.products.multiply(&self.product(
                (d_scores, Side::rows(length).every(h.square)),
                (at(&kept.qkv, h.k), Side::turned(h.stride).every(h.d)),
                (at(&r.d_qkv, h.q), h.stride, h.every),
                [length, h.d, length],
                h.count,
            ))?;
            let to_k = self.product(
                (d_scores, Side::turned(length).every(h.square)),
                (at(&kept.qkv, h.q), Side::turned(h.stride).every(h.every)),
                (at(&r.d_qkv, h.k), h.stride, h.d),
                [length, h.d, length],
                h.count,
            );
            self.products.multiply(&Product { add: !h.first, ..to_k })?;
        }
        self.turn(&r.d_qkv, texts * length, length, -1.0)
    }
}
