//! One layer forward and back, and both ends of the net: what is asked of the card for a step's loss and gradient. Everything that changes from one step to the next is read
//! from memory there, so that it can be recorded.
//!
//! Not here: attention, what the texts are, the update.

use super::Trainer;
use super::room::{Kept, Words};
use crate::gpu::Fault;
use crate::gpu::driver::{Arg, Buffer};
use crate::gpu::plan::Number;
use crate::gpu::product::{Part, Product, Side};
use crate::gpu::weights::{Layer, Matrix};

impl Trainer {
    pub(super) fn kernel(&self, name: &str) -> String {
        self.weights.number.kernel(name)
    }

    pub(super) fn product<'a>(
        &self,
        a: (Part<'a>, Side),
        b: (Part<'a>, Side),
        c: (Part<'a>, usize, usize),
        [m, n, k]: [usize; 3],
        batch: usize,
    ) -> Product<'a> {
        let kind = self.weights.number.kind();
        let of_f32 = self.weights.number == Number::F32;
        Product {
            kind,
            a: a.0,
            a_side: a.1,
            b: b.0,
            b_side: b.1,
            c: c.0,
            c_row: c.1,
            c_batch: c.2,
            m,
            n,
            k,
            batch,
            alpha: 1.0,
            add: false,
            out_f32: of_f32,
            scales: None,
        }
    }

    /// `out (+)= x * w`.
    fn ahead(&self, x: &Buffer, w: &Matrix, out: &Buffer, rows: usize, add: bool) -> Result<(), Fault> {
        let plain = Product::plain(self.weights.number.kind(), x, &w.data, out, rows, w.outputs, w.inputs);
        self.products.multiply(&Product { add, ..plain })
    }

    /// The gradient of what went in (`dy * wᵀ`) and that of the weights (`xᵀ * dy`), both overwritten.
    fn back(&self, x: &Buffer, dy: &Buffer, w: &Matrix, dx: &Buffer, dw: &Buffer, rows: usize) -> Result<(), Fault> {
        let (inputs, outputs) = (w.inputs, w.outputs);
        let to_x = self.product(
            (Part::of(dy), Side::rows(outputs)),
            (Part::of(&w.data), Side::turned(inputs)),
            (Part::of(dx), inputs, 0),
            [rows, inputs, outputs],
            1,
        );
        let to_w = self.product(
            (Part::of(dy), Side::turned(outputs)),
            (Part::of(x), Side::turned(inputs)),
            (Part::of(dw), inputs, 0),
            [outputs, inputs, rows],
            1,
        );
        self.products.multiply(&to_x)?;
        self.products.multiply(&to_w)
    }

    fn norm(&self, out: &Buffer, x: &Buffer, gains: &Buffer, rows: usize) -> Result<(), Fault> {
        let c = &self.weights.config;
        let args = [Arg::At(out, 0), Arg::At(x, 0), Arg::At(gains, 0), Arg::Null, Arg::U32(c.width as u32), Arg::F32(c.epsilon)];
        self.device.launch(&self.kernel("norm"), [rows as u32, 1, 1], 256, &args)
    }

    /// Adds what comes through a normalisation to `dx`, and sets the gradient of its gains.
    fn norm_back(&self, x: &Buffer, gains: &Buffer, d_gains: &Buffer, rows: usize) -> Result<(), Fault> {
        let (c, r) = (&self.weights.config, &self.room);
        let width = Arg::U32(c.width as u32);
        let (x, dy, scales) = (Arg::At(x, 0), Arg::At(&r.d_normed, 0), Arg::At(&r.scales, 0));
        let args = [Arg::At(&r.dx, 0), scales, x, Arg::At(gains, 0), dy, width, Arg::F32(c.epsilon)];
        self.device.launch(&self.kernel("norm_back"), [rows as u32, 1, 1], 256, &args)?;
        let args = [Arg::At(d_gains, 0), x, dy, scales, width, Arg::U32(rows as u32)];
        self.device.launch(&self.kernel("gains_back"), [c.width.div_ceil(128) as u32, 1, 1], 128, &args)
    }

    /// Keeps the residual stream as it is now. Widths are even, so that bf16 comes in whole words.
    fn copy(&self, x: &Buffer, out: &Buffer, rows: usize) -> Result<(), Fault> {
        let count = rows * self.weights.config.width * self.weights.number.kind().bytes() / 4;
        self.device.launch("copy", [count.div_ceil(256) as u32, 1, 1], 256, &[Arg::At(out, 0), Arg::At(x, 0), Arg::U64(count as u64)])
    }

    fn layer(&self, layer: &Layer, kept: &Kept, texts: usize, length: usize) -> Result<(), Fault> {
        let (c, r, rows) = (self.weights.config, &self.room, texts * length);
        self.copy(&r.x, &kept.x, rows)?;
        self.norm(&kept.normed, &r.x, &layer.norm_attention, rows)?;
        self.ahead(&kept.normed, &layer.qkv, &kept.qkv, rows, false)?;
        self.attend(kept, texts, length)?;
        self.ahead(&kept.mixed, &layer.out, &r.x, rows, true)?;
        self.copy(&r.x, &kept.middle, rows)?;
        self.norm(&kept.normed_forward, &r.x, &layer.norm_forward, rows)?;
        self.ahead(&kept.normed_forward, &layer.gate_up, &kept.gate_up, rows, false)?;
        let args = [Arg::At(&kept.gated, 0), Arg::At(&kept.gate_up, 0), Arg::U32(c.hidden as u32)];
        self.device.launch(&self.kernel("gate"), [rows as u32, c.hidden.div_ceil(8 * 256) as u32, 1], 256, &args)?;
        self.ahead(&kept.gated, &layer.down, &r.x, rows, true)
    }

    fn layer_back(&self, layer: &Layer, g: &Layer, kept: &Kept, texts: usize, length: usize) -> Result<(), Fault> {
        let (c, r, rows) = (self.weights.config, &self.room, texts * length);
        self.back(&kept.gated, &r.dx, &layer.down, &r.d_gated, &g.down.data, rows)?;
        let args = [Arg::At(&r.d_gate_up, 0), Arg::At(&r.d_gated, 0), Arg::At(&kept.gate_up, 0), Arg::U32(c.hidden as u32)];
        self.device.launch(&self.kernel("gate_back"), [rows as u32, c.hidden.div_ceil(256) as u32, 1], 256, &args)?;
        self.back(&kept.normed_forward, &r.d_gate_up, &layer.gate_up, &r.d_normed, &g.gate_up.data, rows)?;
        self.norm_back(&kept.middle, &layer.norm_forward, &g.norm_forward, rows)?;
        self.back(&kept.mixed, &r.dx, &layer.out, &r.d_mixed, &g.out.data, rows)?;
        self.attend_back(kept, texts, length)?;
        self.back(&kept.normed, &r.d_qkv, &layer.qkv, &r.d_normed, &g.qkv.data, rows)?;
        self.norm_back(&kept.x, &layer.norm_attention, &g.norm_attention, rows)
    }

    /// Loss and gradient of so many texts of so many tokens, whose words are in their room.
    pub(super) fn queue(&self, texts: usize, length: usize) -> Result<(), Fault> {
        let (c, r, w, g) = (self.weights.config, &self.room, &self.weights, &self.gradient);
        let rows = texts * length;
        let input = |section: Words| Arg::At(&r.words, 4 * section.at(rows));
        let width = Arg::U32(c.width as u32);
        let args = [Arg::At(&r.x, 0), Arg::At(&w.embedding.data, 0), input(Words::Tokens), width];
        self.device.launch(&self.kernel("embed"), [rows as u32, 1, 1], 256, &args)?;
        for (layer, kept) in w.layers.iter().zip(&self.kept) {
            self.layer(layer, kept, texts, length)?;
        }
        self.norm(&r.normed, &r.x, &w.norm, rows)?;
        let head = w.last();
        let logits = Product::plain(w.number.kind(), &r.normed, &head.data, &r.logits, rows, c.vocabulary, c.width);
        self.products.multiply(&Product { out_f32: true, ..logits })?;
        let sizes = [Arg::U32(c.vocabulary as u32), Arg::U32(rows as u32)];
        let args = [Arg::At(&r.d_logits, 0), Arg::At(&r.loss, 0), Arg::At(&r.logits, 0), input(Words::Wanted), sizes[0], sizes[1]];
        self.device.launch(&self.kernel("cross_entropy"), [rows as u32, 1, 1], 256, &args)?;

        g.embedding.data.clear()?;
        self.back(&r.normed, &r.d_logits, head, &r.d_normed, &g.last().data, rows)?;
        r.dx.clear()?;
        self.norm_back(&r.x, &w.norm, &g.norm, rows)?;
        for ((layer, kept), g) in w.layers.iter().zip(&self.kept).zip(&g.layers).rev() {
            self.layer_back(layer, g, kept, texts, length)?;
        }
        let words = [input(Words::Distinct), input(Words::Begins), input(Words::Order)];
        let args = [Arg::At(&g.embedding.data, 0), Arg::At(&r.dx, 0), words[0], words[1], words[2], width];
        // As many as there can be: which tokens a step has is not known when it is recorded.
        self.device.launch(&self.kernel("embed_back"), [rows.min(c.vocabulary) as u32, 1, 1], 256, &args)
    }

    /// One step of `AdamW`, whose rates are in their room.
    pub(super) fn queue_update(&self) -> Result<(), Fault> {
        let master = self.master.as_ref().unwrap_or(&self.weights);
        let parts = self.weights.all().into_iter().zip(master.all()).zip(self.gradient.all()).zip(&self.means);
        for ((((w, count), (master, _)), (g, _)), (m, v)) in parts {
            let at = |buffer| Arg::At(buffer, 0);
            let args = [at(w), at(master), at(m), at(v), at(g), at(&self.room.rates), Arg::U64(count as u64)];
            self.device.launch(&self.kernel("adamw"), [count.div_ceil(256) as u32, 1, 1], 256, &args)?;
        }
        Ok(())
    }
}
