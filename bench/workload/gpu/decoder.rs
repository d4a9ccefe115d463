//! The decoder on a card: tokens into the sequences of a batch, with a cache of keys and values, and the choice of what follows. Steps of one size are recorded and
//! launched as one (a CUDA graph), answers and prompts alike.
//!
//! Not here: how a step is laid out and which sizes there are (`step`), which tokens (`generate`), products (`product`), the kernels (`kernels/*.cu`).

use super::Fault;
use super::driver::{Arg, Buffer, Device, Habit};
use super::plan::Number;
use super::product::{Kind, Part, Product, Products};
use super::weights::{Layer, Matrix, Narrow, Weights};
use crate::decoder::rotary;
use crate::engine::{Draw, Engine, Feed};
use crate::generate::Wrong;
use crate::transformer::Config;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::rc::Rc;

mod audit;
mod proof;
mod step;

use step::{DRAWS, POSITIONS, SEQUENCES, SINGLES, Size, Step, TILES, TOKENS, WHICH};

/// Widths of a head that `attend_many` is made for.
const TILED_WIDTHS: [usize; 3] = [32, 64, 128];
/// Rows of keys and values are read sixteen bytes at once, and so are the tiles' words, four a tile behind sections of a multiple of four.
const _: () = assert!(TILED_WIDTHS[0].is_multiple_of(8) && TILED_WIDTHS[1].is_multiple_of(8) && TILED_WIDTHS[2].is_multiple_of(8));
/// Widest head of `attend_one`.
const WIDEST_HEAD: usize = 256;

#[derive(Debug)]
pub(super) struct Decoder {
    device: Rc<Device>,
    products: Products,
    weights: Weights,
    chunk: usize,
    lengths: Vec<usize>,
    /// Keys and values of each layer, `[sequence][head][position][dimension]`.
    cache: Vec<(Buffer, Buffer)>,
    angles: Buffer,
    room: Room,
    /// Steps by their size.
    steps: HashMap<Size, Habit>,
}

/// What one step needs, as large as the largest.
#[derive(Debug)]
struct Room {
    inputs: Buffer,
    x: Buffer,
    normed: Buffer,
    qkv: Buffer,
    mixed: Buffer,
    gate_up: Buffer,
    gated: Buffer,
    last: Buffer,
    logits: Buffer,
    /// Whether something is not finite, and then the tokens chosen.
    next: Buffer,
    narrow: Option<Narrow>,
}

/// Most sizes of steps that are recorded: each takes some hundred kilobytes of host and card. In work that goes on few recur.
const MOST_RECORDED: usize = 64;

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Self::Machine(fault.to_string())
    }
}

/// Rows are rounded up to this, since FP8 products want it.
const ROWS: usize = 16;

impl Decoder {
    /// `sequences` empty sequences, of which steps take in up to `chunk` tokens and one more of each.
    pub(super) fn new(device: &Rc<Device>, products: Products, weights: Weights, sequences: usize, chunk: usize) -> Result<Self, Fault> {
        let c = weights.config;
        if c.head_width() > WIDEST_HEAD {
            return Err(Fault::Unable {
                card: "the built-in engine".to_owned(),
                why: format!("heads are at most {WIDEST_HEAD} wide, this model's are {}", c.head_width()),
            });
        }
        let of = weights.number.kind().bytes();
        let cache = || -> Result<_, Fault> {
            let bytes = sequences * c.kv_width() * c.context * of;
            Ok((device.zeros(bytes)?, device.zeros(bytes)?))
        };
        let cache = (0..c.layers).map(|_| cache()).collect::<Result<_, _>>()?;
        let angles: Vec<f32> = rotary(&c).into_iter().flat_map(|(cos, sin)| [cos, sin]).collect();
        let room = Room::new(device, &weights, sequences, chunk)?;
        let angles = device.upload(&angles)?;
        device.wait()?;
        Ok(Self {
            device: Rc::clone(device),
            products,
            chunk,
            lengths: vec![0; sequences],
            cache,
            angles,
            room,
            steps: HashMap::new(),
            weights,
        })
    }

    /// Bytes on the card besides weights.
    pub(super) fn bytes(c: &Config, number: Number, sequences: usize, chunk: usize) -> usize {
        let (of, rows) = (number.kind().bytes(), step::most_rows(sequences, chunk));
        let step = rows * of * (4 * c.width + 2 * c.kv_width() + 3 * c.hidden) + sequences * (4 * c.vocabulary + of * c.width);
        c.layers * 2 * sequences * c.kv_width() * c.context * of
            + step
            + if number == Number::Fp8 { rows * c.hidden.max(c.width) } else { 0 }
    }

    /// What tokens for these sequences mean to the kernels; they are held from now on.
    fn plan(&mut self, feed: &Feed<'_>, draws: Option<&[Draw]>) -> Step {
        let c = self.weights.config;
        let rows = feed.iter().map(|(_, tokens)| tokens.len()).sum::<usize>();
        assert!(feed.len() <= self.lengths.len() && rows <= self.chunk + self.lengths.len(), "more tokens than there is room for");
        assert!(
            feed.iter().all(|(sequence, tokens)| !tokens.is_empty() && self.lengths[*sequence] + tokens.len() <= c.context),
            "a sequence is longer than the context"
        );
        let tiled = self.weights.number != Number::F32 && TILED_WIDTHS.contains(&c.head_width());
        let step = Step::lay(feed, draws, &self.lengths, tiled);
        for (sequence, tokens) in feed {
            self.lengths[*sequence] += tokens.len();
        }
        step
    }

    /// Takes tokens in; logits are in their room afterwards, and what follows where it is chosen.
    fn run(&mut self, feed: &Feed<'_>, draws: Option<&[Draw]>) -> Result<usize, Fault> {
        let step = self.plan(feed, draws);
        self.room.inputs.write(0, &step.words)?;
        let size = step.size;
        if draws.is_none() || (self.steps.len() >= MOST_RECORDED && !self.steps.contains_key(&size)) {
            self.queue(size, draws.is_some())?;
        } else {
            let mut habit = self.steps.remove(&size).unwrap_or_default();
            habit.go(&self.device, || self.queue(size, true))?;
            self.steps.insert(size, habit);
        }
        Ok(feed.len())
    }

    /// A section of a step's inputs.
    fn input(&self, size: Size, section: usize) -> Arg<'_> {
        Arg::At(&self.room.inputs, 4 * section * size.stride())
    }

    /// Asks for a step of this size, whose tokens are in their room. Whatever else it depends on must be there too: it may be recorded.
    fn queue(&self, step: Size, choose: bool) -> Result<(), Fault> {
        let (c, r, number) = (self.weights.config, &self.room, self.weights.number);
        let (rows, device) = (step.rows as u32, &self.device);
        let width = Arg::U32(c.width as u32);
        device.launch(
            &number.kernel("embed"),
            [rows, 1, 1],
            256,
            &[Arg::At(&r.x, 0), Arg::At(&self.weights.embedding.data, 0), self.input(step, TOKENS), width],
        )?;
        for (layer, cache) in self.weights.layers.iter().zip(&self.cache) {
            self.norm(&r.normed, &r.x, &layer.norm_attention, Arg::Null, rows)?;
            self.linear(&r.normed, &layer.qkv, &r.qkv, step.rows, false)?;
            self.attend(step, cache)?;
            self.linear(&r.mixed, &layer.out, &r.x, step.rows, true)?;
            self.forward(layer, step.rows)?;
        }
        // Only what follows the last token of each is asked for.
        self.norm(&r.last, &r.x, &self.weights.norm, self.input(step, WHICH), step.lasts as u32)?;
        let head = self.weights.last();
        let logits = Product::plain(number.kind(), &r.last, &head.data, &r.logits, step.lasts, c.vocabulary, c.width);
        self.products.multiply(&Product { out_f32: true, ..logits })?;
        if choose {
            r.next.clear()?;
            device.launch(
                "choose",
                [step.lasts as u32, 1, 1],
                1024,
                &[Arg::At(&r.next, 4), Arg::At(&r.next, 0), Arg::At(&r.logits, 0), self.input(step, DRAWS), Arg::U32(c.vocabulary as u32)],
            )?;
        }
        Ok(())
    }

    fn norm(&self, out: &Buffer, x: &Buffer, gains: &Buffer, which: Arg<'_>, rows: u32) -> Result<(), Fault> {
        let c = &self.weights.config;
        let args = [Arg::At(out, 0), Arg::At(x, 0), Arg::At(gains, 0), which, Arg::U32(c.width as u32), Arg::F32(c.epsilon)];
        self.device.launch(&self.weights.number.kernel("norm"), [rows, 1, 1], 256, &args)
    }

    /// `out (+)= x * w`, a row of x a row of out.
    fn linear(&self, x: &Buffer, w: &Matrix, out: &Buffer, rows: usize, add: bool) -> Result<(), Fault> {
        let kind = self.weights.number.kind();
        let plain = Product { add, ..Product::plain(kind, x, &w.data, out, rows, w.outputs, w.inputs) };
        let (Some(scale), Some(narrow)) = (&w.scale, &self.room.narrow) else { return self.products.multiply(&plain) };
        // What stands in the rows that fill up to a multiple is multiplied too, and looked at by nobody.
        let m = rows.next_multiple_of(ROWS);
        narrow.apply(x, rows * w.inputs, m * w.inputs)?;
        let scales = Some((Part::of(&narrow.scale), Part::of(scale)));
        self.products.multiply(&Product { kind: Kind::Fp8, a: Part::of(&narrow.data), m, scales, ..plain })
    }

    fn attend(&self, step: Size, (keys, values): &(Buffer, Buffer)) -> Result<(), Fault> {
        let (c, r, number) = (self.weights.config, &self.room, self.weights.number);
        let size = |n: usize| Arg::U32(n as u32);
        let (d, kv_heads) = (c.head_width(), c.kv_width() / c.head_width());
        let scale = Arg::F32(1.0 / (d as f32).sqrt());
        let (sequences, positions) = (self.input(step, SEQUENCES), self.input(step, POSITIONS));
        let (qkv, mixed, keys, values) = (Arg::At(&r.qkv, 0), Arg::At(&r.mixed, 0), Arg::At(keys, 0), Arg::At(values, 0));
        let sizes = [size(c.heads), size(kv_heads), size(d), size(c.context)];
        let [heads, kv, width, context] = sizes;
        let placed = [qkv, keys, values, sequences, positions, Arg::At(&self.angles, 0), heads, kv, width, context];
        self.device.launch(&number.kernel("place"), [step.rows as u32, 1, 1], 256, &placed)?;
        if step.singles > 0 {
            let rows = self.input(step, SINGLES);
            let args = [mixed, qkv, keys, values, rows, sequences, positions, heads, kv, width, context, scale];
            self.device.launch(&number.kernel("attend_one"), [step.singles as u32, kv_heads as u32, 1], 128, &args)?;
        }
        if step.tiles > 0 {
            let args = [mixed, qkv, keys, values, self.input(step, TILES), heads, kv, context, scale];
            self.device.launch(&format!("attend_many_{d}"), [step.tiles as u32, c.heads as u32, 1], 128, &args)?;
        }
        Ok(())
    }

    fn forward(&self, layer: &Layer, rows: usize) -> Result<(), Fault> {
        let (c, r) = (self.weights.config, &self.room);
        self.norm(&r.normed, &r.x, &layer.norm_forward, Arg::Null, rows as u32)?;
        self.linear(&r.normed, &layer.gate_up, &r.gate_up, rows, false)?;
        let args = [Arg::At(&r.gated, 0), Arg::At(&r.gate_up, 0), Arg::U32(c.hidden as u32)];
        self.device.launch(&self.weights.number.kernel("gate"), [rows as u32, c.hidden.div_ceil(8 * 256) as u32, 1], 256, &args)?;
        self.linear(&r.gated, &layer.down, &r.x, rows, true)
    }

    /// Bytes that a sequence may have of a layer's keys, and those of each head up to `length`.
    fn spans(&self, length: usize) -> (usize, impl Iterator<Item = std::ops::Range<usize>> + use<>) {
        let c = self.weights.config;
        let (d, of) = (c.head_width(), self.weights.number.kind().bytes());
        let head = c.context * d * of;
        (c.kv_width() * c.context * of, (0..c.kv_width() / d).map(move |n| n * head..n * head + length * d * of))
    }
}

impl Room {
    fn new(device: &Rc<Device>, weights: &Weights, sequences: usize, chunk: usize) -> Result<Self, Fault> {
        let (c, of) = (weights.config, weights.number.kind().bytes());
        let rows = step::most_rows(sequences, chunk);
        let numbers = |width: usize| device.zeros(rows * width * of);
        let narrow = (weights.number == Number::Fp8).then(|| Narrow::new(device, rows * c.hidden.max(c.width)));
        Ok(Self {
            inputs: device.zeros(4 * step::most_words(sequences, chunk))?,
            x: numbers(c.width)?,
            normed: numbers(c.width)?,
            qkv: numbers(c.width + 2 * c.kv_width())?,
            mixed: numbers(c.width)?,
            gate_up: numbers(2 * c.hidden)?,
            gated: numbers(c.hidden)?,
            last: device.zeros(sequences * c.width * of)?,
            logits: device.zeros(sequences * c.vocabulary * 4)?,
            next: device.zeros(4 * (1 + sequences))?,
            narrow: narrow.transpose()?,
        })
    }
}

impl Engine for Decoder {
    fn config(&self) -> &Config {
        &self.weights.config
    }

    fn length(&self, sequence: usize) -> usize {
        self.lengths[sequence]
    }

    fn restart(&mut self, sequence: usize) {
        self.lengths[sequence] = 0;
    }

    fn chunk(&self) -> usize {
        self.chunk
    }

    fn tolerance(&self) -> f64 {
        self.weights.number.tolerance()
    }

    fn logits(&mut self, feed: &Feed<'_>) -> Result<Vec<f32>, Wrong> {
        let lasts = self.run(feed, None)?;
        Ok(self.room.logits.read(0, lasts * self.weights.config.vocabulary)?)
    }

    fn choose(&mut self, feed: &Feed<'_>, draws: &[Draw]) -> Result<Vec<u32>, Wrong> {
        let lasts = self.run(feed, Some(draws))?;
        let mut next: Vec<u32> = self.room.next.read(0, 1 + lasts)?;
        if next.remove(0) != 0 {
            return Err(Wrong::NotFinite);
        }
        for (next, draw) in next.iter_mut().zip(draws) {
            *next = if *draw == Draw::Nothing { 0 } else { *next };
        }
        Ok(next)
    }

    fn row(&mut self, n: usize) -> Result<Vec<f32>, Wrong> {
        let vocabulary = self.weights.config.vocabulary;
        Ok(self.room.logits.read(4 * n * vocabulary, vocabulary)?)
    }

    fn save(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&[self.weights.number.kind().bytes() as u8])?;
        for length in &self.lengths {
            out.write_all(&(*length as u64).to_le_bytes())?;
        }
        for (keys, values) in &self.cache {
            for (sequence, length) in self.lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
                for buffer in [keys, values] {
                    let (whole, spans) = self.spans(*length);
                    let bytes: Vec<u8> = buffer.read(sequence * whole, whole).map_err(io::Error::other)?;
                    for span in spans {
                        out.write_all(&bytes[span])?;
                    }
                }
            }
        }
        Ok(())
    }

    fn load(&mut self, input: &mut dyn Read) -> io::Result<()> {
        let mut byte = [0];
        input.read_exact(&mut byte)?;
        if usize::from(byte[0]) != self.weights.number.kind().bytes() {
            return Err(io::Error::other("the checkpoint is of other numbers (bf16 or f32) than this work"));
        }
        let context = self.weights.config.context;
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
        for (keys, values) in &self.cache {
            for (sequence, length) in self.lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
                for buffer in [keys, values] {
                    let (whole, spans) = self.spans(*length);
                    let mut bytes = vec![0_u8; whole];
                    for span in spans {
                        input.read_exact(&mut bytes[span])?;
                    }
                    buffer.write(sequence * whole, &bytes).map_err(io::Error::other)?;
                }
            }
        }
        Ok(())
    }
}
