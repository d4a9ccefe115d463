//! A training step on a card: as the host's (`crate::train`), for a batch of texts: forward with everything kept, backward through all of it, `AdamW` on f32 weights of which
//! the computing ones are a copy. Attention is made of products and a softmax, with its shares kept.
//!
//! Not here: what is learned and how learning is judged, which is the host's to say.

use super::Fault;
use super::driver::{Arg, Buffer, Device};
use super::plan::Number;
use super::product::{Part, Product, Products, Side};
use super::weights::{From, Layer, Matrix, Weights};
use crate::decoder::rotary;
use crate::generate::{Done, Wrong};
use crate::train::{Lesson, Progress, RATE, Text, UPDATE};
use crate::transformer::Config;
use check::apart;
use std::rc::Rc;

mod check;
mod checkpoint;

/// What the forward pass of a layer keeps for the way back.
#[derive(Debug)]
struct Kept {
    x: Buffer,
    normed: Buffer,
    qkv: Buffer,
    /// `[text][head][row][past]`.
    shares: Buffer,
    mixed: Buffer,
    middle: Buffer,
    normed_forward: Buffer,
    gate_up: Buffer,
    gated: Buffer,
}

/// What every layer's way back uses anew, and both ends of the net.
#[derive(Debug)]
struct Room {
    x: Buffer,
    normed: Buffer,
    logits: Buffer,
    loss: Buffer,
    words: Buffer,
    dx: Buffer,
    d_normed: Buffer,
    d_logits: Buffer,
    d_mixed: Buffer,
    d_qkv: Buffer,
    d_shares: Buffer,
    d_gate_up: Buffer,
    d_gated: Buffer,
    scales: Buffer,
}

#[derive(Debug)]
pub(super) struct Trainer {
    device: Rc<Device>,
    products: Products,
    weights: Weights,
    /// The weights that are learned, in f32; `None` where the computing ones are.
    master: Option<Weights>,
    gradient: Weights,
    /// Mean and mean square of each part's gradient.
    means: Vec<(Buffer, Buffer)>,
    angles: Buffer,
    kept: Vec<Kept>,
    room: Room,
    text: Text,
    progress: Progress,
    batch: usize,
    length: usize,
    /// What the first step learns, in every place.
    opening: Option<Vec<u32>>,
    /// What it is held against.
    known: Option<Lesson>,
    unchecked: Done,
}

impl Trainer {
    /// `batch` texts of `length` tokens a step; `seed` settles them.
    #[expect(clippy::too_many_arguments, reason = "a plan's parts and what it runs on; used in one place")]
    pub(super) fn new(
        device: &Rc<Device>,
        products: Products,
        config: Config,
        number: Number,
        from: From<'_>,
        batch: usize,
        length: usize,
        seed: u64,
    ) -> Result<Self, Fault> {
        if number == Number::Fp8 {
            return Err(Fault::Unable {
                card: "the built-in engine".to_owned(),
                why: "training is done in bf16 or f32, not in FP8".to_owned(),
            });
        }
        let weights = Weights::make(device, config, number, from)?;
        let master = (number != Number::F32).then(|| Weights::make(device, config, Number::F32, from)).transpose()?;
        let gradient = Weights::make(device, config, number, From::Nothing)?;
        let mut means = Vec::new();
        for (_, count) in gradient.all() {
            means.push((device.zeros(4 * count)?, device.zeros(4 * count)?));
        }
        let of = number.kind().bytes();
        let rows = batch * length;
        let numbers = |width: usize| device.zeros(rows * width * of);
        let qkv = config.width + 2 * config.kv_width();
        let shares = || device.zeros(rows * config.heads * length * of);
        let kept = || -> Result<Kept, Fault> {
            Ok(Kept {
                x: numbers(config.width)?,
                normed: numbers(config.width)?,
                qkv: numbers(qkv)?,
                shares: shares()?,
                mixed: numbers(config.width)?,
                middle: numbers(config.width)?,
                normed_forward: numbers(config.width)?,
                gate_up: numbers(2 * config.hidden)?,
                gated: numbers(config.hidden)?,
            })
        };
        let kept = (0..config.layers).map(|_| kept()).collect::<Result<_, _>>()?;
        let room = Room {
            x: numbers(config.width)?,
            normed: numbers(config.width)?,
            logits: device.zeros(4 * rows * config.vocabulary)?,
            loss: device.zeros(4 * rows)?,
            words: device.zeros(4 * (5 * rows + 1))?,
            dx: numbers(config.width)?,
            d_normed: numbers(config.width)?,
            d_logits: numbers(config.vocabulary)?,
            d_mixed: numbers(config.width)?,
            d_qkv: numbers(qkv)?,
            d_shares: shares()?,
            d_gate_up: numbers(2 * config.hidden)?,
            d_gated: numbers(config.hidden)?,
            scales: device.zeros(4 * rows)?,
        };
        let angles: Vec<f32> = rotary(&config).into_iter().flat_map(|(cos, sin)| [cos, sin]).collect();
        let angles = device.upload(&angles)?;
        device.wait()?;
        let text = Text::new(config.vocabulary, seed);
        let progress = Progress::default();
        Ok(Self {
            device: Rc::clone(device),
            products,
            weights,
            master,
            gradient,
            means,
            angles,
            kept,
            room,
            text,
            progress,
            batch,
            length,
            opening: None,
            known: None,
            unchecked: Done::default(),
        })
    }

    /// Bytes on the card.
    pub(super) fn bytes(c: &Config, number: Number, batch: usize, length: usize) -> usize {
        let (of, rows) = (number.kind().bytes(), batch * length);
        let qkv = c.width + 2 * c.kv_width();
        let layer = 5 * c.width + qkv + c.heads * length + 3 * c.hidden;
        let ends = 4 * c.width + qkv + c.heads * length + 3 * c.hidden + c.vocabulary;
        let master = if number == Number::F32 { 0 } else { 4 };
        c.parameters() * (2 * of + master + 8) + rows * of * (c.layers * layer + ends) + 4 * rows * c.vocabulary
    }

    /// One step: `Done::output` is the tokens that were learned from. The first is the known lesson, if there is one.
    pub(super) fn step(&mut self) -> Result<Done, Wrong> {
        let known = self.known.take();
        let texts: Vec<Vec<u32>> = match self.opening.take() {
            // The same text in every place: the mean over texts, loss and gradient, is that of one.
            Some(text) => vec![text; self.batch],
            None => (0..self.batch).map(|_| self.text.walk(self.length)).collect(),
        };
        let loss = self.learn(&texts)?;
        if !loss.is_finite() {
            return Err(Wrong::NotFinite);
        }
        let tokens = self.batch * (texts[0].len() - 1);
        if let Some(lesson) = &known {
            self.losses(lesson.loss, self.batch)?;
            self.gradient_is(lesson)?;
        }
        let before = known.as_ref().map(|lesson| self.watched(lesson)).transpose()?;
        self.update()?;
        if let (Some(lesson), Some(before)) = (&known, before) {
            for ((before, after), (_, by)) in before.iter().zip(self.watched(lesson)?).zip(&lesson.moved) {
                apart(f64::from((after - before - by).abs() / RATE), UPDATE)?;
            }
        }
        self.progress.took(loss)?;
        self.unchecked.output += tokens;
        if known.is_some() {
            self.unchecked = Done::default();
        }
        Ok(Done { input: 0, output: tokens })
    }

    #[cfg(test)]
    pub(super) const fn loss(&self) -> f64 {
        self.progress.loss()
    }

    #[cfg(test)]
    pub(super) fn gradient(&self) -> Result<Vec<Vec<f32>>, Fault> {
        assert_eq!(self.weights.number, Number::F32);
        self.gradient.all().iter().map(|(buffer, count)| buffer.read(0, *count)).collect()
    }

    fn kernel(&self, name: &str) -> String {
        self.weights.number.kernel(name)
    }

    fn product<'a>(
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

    fn attend(&self, kept: &Kept, texts: usize, length: usize) -> Result<(), Fault> {
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
    fn attend_back(&self, kept: &Kept, texts: usize, length: usize) -> Result<(), Fault> {
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
        self.device.launch(&self.kernel("gate"), [c.hidden.div_ceil(8 * 256) as u32, rows as u32, 1], 256, &args)?;
        self.ahead(&kept.gated, &layer.down, &r.x, rows, true)
    }

    fn layer_back(&self, layer: &Layer, g: &Layer, kept: &Kept, texts: usize, length: usize) -> Result<(), Fault> {
        let (c, r, rows) = (self.weights.config, &self.room, texts * length);
        self.back(&kept.gated, &r.dx, &layer.down, &r.d_gated, &g.down.data, rows)?;
        let args = [Arg::At(&r.d_gate_up, 0), Arg::At(&r.d_gated, 0), Arg::At(&kept.gate_up, 0), Arg::U32(c.hidden as u32)];
        self.device.launch(&self.kernel("gate_back"), [c.hidden.div_ceil(256) as u32, rows as u32, 1], 256, &args)?;
        self.back(&kept.normed_forward, &r.d_gate_up, &layer.gate_up, &r.d_normed, &g.gate_up.data, rows)?;
        self.norm_back(&kept.middle, &layer.norm_forward, &g.norm_forward, rows)?;
        self.back(&kept.mixed, &r.dx, &layer.out, &r.d_mixed, &g.out.data, rows)?;
        self.attend_back(kept, texts, length)?;
        self.back(&kept.normed, &r.d_qkv, &layer.qkv, &r.d_normed, &g.qkv.data, rows)?;
        self.norm_back(&kept.x, &layer.norm_attention, &g.norm_attention, rows)
    }

    /// Mean loss of texts of one length, each token predicted from those before it, and its gradient.
    pub(super) fn learn(&mut self, texts: &[Vec<u32>]) -> Result<f64, Fault> {
        let (c, r, w, g) = (self.weights.config, &self.room, &self.weights, &self.gradient);
        let (count, length) = (texts.len(), texts[0].len() - 1);
        let rows = count * length;
        let tokens: Vec<u32> = texts.iter().flat_map(|t| &t[..length]).copied().collect();
        let wanted = texts.iter().flat_map(|t| &t[1..]).copied();
        // Which rows belong to each token, in the rows' order.
        let mut order: Vec<u32> = (0..rows as u32).collect();
        order.sort_by_key(|row| (tokens[*row as usize], *row));
        let mut distinct: Vec<u32> = Vec::new();
        let mut begins: Vec<u32> = Vec::new();
        for (n, row) in order.iter().enumerate() {
            let token = tokens[*row as usize];
            if distinct.last() != Some(&token) {
                distinct.push(token);
                begins.push(n as u32);
            }
        }
        begins.push(rows as u32);
        let unlike = distinct.len();
        let words: Vec<u32> = tokens.iter().copied().chain(wanted).chain(order).chain(distinct).chain(begins).collect();
        r.words.write(0, &words)?;
        let input = |at: usize| Arg::At(&r.words, 4 * at);
        let width = Arg::U32(c.width as u32);
        self.device.launch(
            &self.kernel("embed"),
            [rows as u32, 1, 1],
            256,
            &[Arg::At(&r.x, 0), Arg::At(&w.embedding.data, 0), input(0), width],
        )?;
        for (layer, kept) in w.layers.iter().zip(&self.kept) {
            self.layer(layer, kept, count, length)?;
        }
        self.norm(&r.normed, &r.x, &w.norm, rows)?;
        let head = w.last();
        let logits = Product::plain(w.number.kind(), &r.normed, &head.data, &r.logits, rows, c.vocabulary, c.width);
        self.products.multiply(&Product { out_f32: true, ..logits })?;
        let sizes = [Arg::U32(c.vocabulary as u32), Arg::U32(rows as u32)];
        let args = [Arg::At(&r.d_logits, 0), Arg::At(&r.loss, 0), Arg::At(&r.logits, 0), input(rows), sizes[0], sizes[1]];
        self.device.launch(&self.kernel("cross_entropy"), [rows as u32, 1, 1], 256, &args)?;

        g.embedding.data.clear()?;
        self.back(&r.normed, &r.d_logits, head, &r.d_normed, &g.last().data, rows)?;
        r.dx.clear()?;
        self.norm_back(&r.x, &w.norm, &g.norm, rows)?;
        for ((layer, kept), g) in w.layers.iter().zip(&self.kept).zip(&g.layers).rev() {
            self.layer_back(layer, g, kept, count, length)?;
        }
        let args = [Arg::At(&g.embedding.data, 0), Arg::At(&r.dx, 0), input(3 * rows), input(3 * rows + unlike), input(2 * rows), width];
        self.device.launch(&self.kernel("embed_back"), [unlike as u32, 1, 1], 256, &args)?;
        let losses: Vec<f32> = r.loss.read(0, rows)?;
        Ok(losses.iter().map(|l| f64::from(*l)).sum::<f64>() / rows as f64)
    }

    fn update(&mut self) -> Result<(), Fault> {
        let (rate, a, b) = self.progress.rates();
        let master = self.master.as_ref().unwrap_or(&self.weights);
        for ((((w, count), (master, _)), (g, _)), (m, v)) in
            self.weights.all().into_iter().zip(master.all()).zip(self.gradient.all()).zip(&self.means)
        {
            let at = |buffer| Arg::At(buffer, 0);
            let args = [at(w), at(master), at(m), at(v), at(g), Arg::U64(count as u64), Arg::F32(rate), Arg::F32(a), Arg::F32(b)];
            self.device.launch(&self.kernel("adamw"), [count.div_ceil(256) as u32, 1, 1], 256, &args)?;
        }
        Ok(())
    }
}

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
