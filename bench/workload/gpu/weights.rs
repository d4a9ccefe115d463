//! A model's weights on a card: drawn there from the seed, or taken from the host. Matrices are `[outputs][inputs]`, as FP8 products want them.
//!
//! Not here: which numbers of the stream are whose (`transformer::Drawing`).

use super::Fault;
use super::driver::{Arg, Buffer, Device};
use super::plan::Number;
use super::product::Products;
use crate::train::{parameters, zeros};
use crate::transformer::{self, Config, Drawing, Drawn, Uniform};
use std::rc::Rc;

/// Numbers that cross from the host at once.
const PIECE: usize = 1 << 22;

/// A matrix of weights.
#[derive(Debug)]
pub(super) struct Matrix {
    pub(super) data: Buffer,
    /// What gives the real values back, if the data are E4M3.
    pub(super) scale: Option<Buffer>,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
}

#[derive(Debug)]
pub(super) struct Layer {
    pub(super) norm_attention: Buffer,
    pub(super) qkv: Matrix,
    pub(super) out: Matrix,
    pub(super) norm_forward: Buffer,
    pub(super) gate_up: Matrix,
    pub(super) down: Matrix,
}

#[derive(Debug)]
pub(super) struct Weights {
    pub(super) config: Config,
    pub(super) number: Number,
    pub(super) layers: Vec<Layer>,
    pub(super) norm: Buffer,
    /// A row a token.
    pub(super) embedding: Matrix,
    pub(super) head: Option<Matrix>,
}

/// Where weights come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum From<'a> {
    Seed(u64),
    Host(&'a transformer::Weights),
    /// All of them 0: room for a gradient.
    Nothing,
}

/// Makes matrices and vectors of one kind of numbers.
struct Maker<'a> {
    device: &'a Rc<Device>,
    number: Number,
    key: Buffer,
    piece: Buffer,
}

impl Maker<'_> {
    fn fill(&self, drawn: &Drawn, plain: bool) -> Result<Buffer, Fault> {
        let count = drawn.inputs * drawn.outputs.max(1);
        let buffer = self.device.buffer(count * self.number.kind().bytes())?;
        let threads = ((drawn.first % 16) + count as u64).div_ceil(16);
        let outputs = if plain { 0 } else { drawn.outputs };
        self.device.launch(
            &self.number.kernel("fill"),
            [threads.div_ceil(256) as u32, 1, 1],
            256,
            &[
                Arg::At(&buffer, 0),
                Arg::At(&self.key, 0),
                Arg::U64(drawn.first),
                Arg::U64(count as u64),
                Arg::U64(drawn.inputs as u64),
                Arg::U64(outputs as u64),
                Arg::F32(drawn.scale),
                Arg::F32(drawn.offset),
            ],
        )?;
        Ok(buffer)
    }

    fn take(&self, numbers: &[f32], inputs: usize, outputs: usize) -> Result<Buffer, Fault> {
        let buffer = self.device.buffer(numbers.len() * self.number.kind().bytes())?;
        for (n, piece) in numbers.chunks(PIECE).enumerate() {
            self.piece.write(0, piece)?;
            let args = [
                Arg::At(&buffer, 0),
                Arg::At(&self.piece, 0),
                Arg::U64((n * PIECE) as u64),
                Arg::U64(piece.len() as u64),
                Arg::U64(inputs as u64),
                Arg::U64(outputs as u64),
            ];
            self.device.launch(&self.number.kernel("take"), [piece.len().div_ceil(256) as u32, 1, 1], 256, &args)?;
        }
        Ok(buffer)
    }

    fn zeros(&self, count: usize) -> Result<Buffer, Fault> {
        self.device.zeros(count * self.number.kind().bytes())
    }

    /// Keeps a matrix of a block as E4M3, if that is asked for.
    fn matrix(&self, data: Buffer, inputs: usize, outputs: usize) -> Result<Matrix, Fault> {
        if self.number != Number::Fp8 {
            return Ok(Matrix { data, scale: None, inputs, outputs });
        }
        let narrow = Narrow::new(self.device, inputs * outputs)?;
        narrow.apply(&data, inputs * outputs, inputs * outputs)?;
        Ok(Matrix { data: narrow.data, scale: Some(narrow.scale), inputs, outputs })
    }
}

/// Numbers as E4M3, with what makes them so.
#[derive(Debug)]
pub(super) struct Narrow {
    pub(super) data: Buffer,
    pub(super) scale: Buffer,
    largest: Buffer,
}

impl Narrow {
    pub(super) fn new(device: &Rc<Device>, count: usize) -> Result<Self, Fault> {
        Ok(Self { data: device.buffer(count)?, scale: device.zeros(4)?, largest: device.zeros(4)? })
    }

    /// The first `all` of bf16 numbers; the scale is that of the first `sound`.
    pub(super) fn apply(&self, from: &Buffer, sound: usize, all: usize) -> Result<(), Fault> {
        let device = self.data.device();
        self.largest.clear()?;
        let blocks = sound.div_ceil(256 * 16).clamp(1, 1024) as u32;
        device.launch("magnitude_bf16", [blocks, 1, 1], 256, &[Arg::At(&self.largest, 0), Arg::At(from, 0), Arg::U64(sound as u64)])?;
        let args = [Arg::At(&self.data, 0), Arg::At(&self.scale, 0), Arg::At(from, 0), Arg::At(&self.largest, 0), Arg::U64(all as u64)];
        device.launch("narrow_bf16", [all.div_ceil(256) as u32, 1, 1], 256, &args)
    }
}

impl Weights {
    pub(super) fn make(device: &Rc<Device>, config: Config, number: Number, from: From<'_>) -> Result<Self, Fault> {
        let key = if let From::Seed(seed) = from { Uniform::new(seed).key() } else { [0; 8] };
        let piece = if matches!(from, From::Host(_)) { PIECE } else { 1 };
        let make = Maker { device, number, key: device.upload(&key)?, piece: device.buffer(4 * piece)? };
        let vector = |drawn: &Drawn, held: &dyn Fn(&transformer::Weights) -> &[f32]| match from {
            From::Seed(_) => make.fill(drawn, true),
            From::Host(w) => make.take(held(w), drawn.inputs, 0),
            From::Nothing => make.zeros(drawn.inputs),
        };
        let data = |drawn: &Drawn, held: &dyn Fn(&transformer::Weights) -> &[f32]| match from {
            From::Seed(_) => make.fill(drawn, false),
            From::Host(w) => make.take(held(w), drawn.inputs, drawn.outputs),
            From::Nothing => make.zeros(drawn.inputs * drawn.outputs),
        };
        let matrix =
            |drawn: &Drawn, held: &dyn Fn(&transformer::Weights) -> &[f32]| make.matrix(data(drawn, held)?, drawn.inputs, drawn.outputs);
        let layer = |n: usize| -> Result<Layer, Fault> {
            let drawn = Drawing::layer(config, n);
            Ok(Layer {
                norm_attention: vector(&drawn.norm_attention, &|w| &w.layers[n].norm_attention)?,
                qkv: matrix(&drawn.qkv, &|w| &w.layers[n].qkv.data)?,
                out: matrix(&drawn.out, &|w| &w.layers[n].out.data)?,
                norm_forward: vector(&drawn.norm_forward, &|w| &w.layers[n].norm_forward)?,
                gate_up: matrix(&drawn.gate_up, &|w| &w.layers[n].gate_up.data)?,
                down: matrix(&drawn.down, &|w| &w.layers[n].down.data)?,
            })
        };
        let layers = (0..config.layers).map(layer).collect::<Result<_, _>>()?;
        let (norm, embedding, head) = Drawing::rest(config);
        let norm = vector(&norm, &|w| &w.norm)?;
        // A row a token already.
        let rows = match from {
            From::Seed(_) => make.fill(&embedding, true)?,
            From::Host(w) => make.take(&w.embedding.data, config.width, 0)?,
            From::Nothing => make.zeros(config.width * config.vocabulary)?,
        };
        let embedding = Matrix { data: rows, scale: None, inputs: config.width, outputs: config.vocabulary };
        let head = head.map(|drawn| {
            let data = match from {
                From::Host(w) => make.take(w.head.as_ref().map_or(&[][..], |h| &h.data[..]), drawn.inputs, drawn.outputs)?,
                _ => data(&drawn, &|_| &[])?,
            };
            Ok::<_, Fault>(Matrix { data, scale: None, inputs: drawn.inputs, outputs: drawn.outputs })
        });
        device.wait()?;
        Ok(Self { config, number, layers, norm, embedding, head: head.transpose()? })
    }

    /// What logits are made with.
    pub(super) fn last(&self) -> &Matrix {
        self.head.as_ref().unwrap_or(&self.embedding)
    }

    /// Everything that is learned, with its count of numbers, in one order.
    pub(super) fn all(&self) -> Vec<(&Buffer, usize)> {
        let c = &self.config;
        let of = |m: &Matrix| m.inputs * m.outputs;
        let mut all = vec![(&self.embedding.data, of(&self.embedding)), (&self.norm, c.width)];
        all.extend(self.head.iter().map(|h| (&h.data, of(h))));
        for l in &self.layers {
            all.extend([&l.qkv, &l.out, &l.gate_up, &l.down].map(|m| (&m.data, of(m))));
            all.extend([(&l.norm_attention, c.width), (&l.norm_forward, c.width)]);
        }
        all
    }

    /// Everything that is learned, in the order of [`Self::all`], with inputs and outputs where it is a matrix that lies turned here.
    pub(super) fn places(&self) -> Vec<(&Buffer, Option<(usize, usize)>)> {
        let of = |m: &Matrix| Some((m.inputs, m.outputs));
        let mut all = vec![(&self.embedding.data, None), (&self.norm, None)];
        all.extend(self.head.iter().map(|h| (&h.data, of(h))));
        for l in &self.layers {
            all.extend([&l.qkv, &l.out, &l.gate_up, &l.down].map(|m| (&m.data, of(m))));
            all.extend([(&l.norm_attention, None), (&l.norm_forward, None)]);
        }
        all
    }

    /// The numbers of everything that is learned, part by part, in the host's order. Not of FP8.
    pub(super) fn read(&self) -> impl Iterator<Item = Result<Vec<f32>, Fault>> + '_ {
        self.all().into_iter().zip(self.places()).map(|((buffer, count), (_, turned))| {
            let there: Vec<f32> = match self.number {
                Number::F32 => buffer.read(0, count)?,
                Number::Bf16 | Number::Fp8 => {
                    buffer.read::<u16>(0, count)?.into_iter().map(|bits| f32::from_bits(u32::from(bits) << 16)).collect()
                }
            };
            Ok((0..count).map(|i| there[place(i, turned)]).collect())
        })
    }

    /// All of it as the host has it. Not of FP8.
    pub(super) fn held(&self) -> Result<transformer::Weights, Fault> {
        let mut held = zeros(self.config);
        for (part, numbers) in parameters(&mut held).into_iter().zip(self.read()) {
            part.copy_from_slice(&numbers?);
        }
        Ok(held)
    }

    /// Bytes on the card.
    pub(super) const fn bytes(config: &Config, number: Number) -> usize {
        let tables = (if config.tied { 1 } else { 2 }) * config.vocabulary * config.width;
        match number {
            Number::F32 => 4 * config.parameters(),
            Number::Bf16 => 2 * config.parameters(),
            Number::Fp8 => config.parameters() + tables,
        }
    }
}

/// Where number `i` of the host's is here, in a matrix of so many inputs and outputs or in what lies as it does there.
pub(super) const fn place(i: usize, turned: Option<(usize, usize)>) -> usize {
    match turned {
        Some((inputs, outputs)) => i % outputs * inputs + i / outputs,
        None => i,
    }
}

/// Whether these products can be had of this card.
pub(super) fn able(device: &Device, number: Number, products: &Products) -> Result<(), Fault> {
    let unable = |why: &str| Err(Fault::Unable { card: format!("{} ({})", device.card.name, device.card.uuid), why: why.to_owned() });
    match (number, products) {
        (Number::Fp8, _) if device.card.capability < (8, 9) => {
            unable("FP8 needs compute capability 8.9 (Ada, Hopper) or later; choose bf16")
        }
        (Number::Fp8, Products::Own(why)) => {
            unable(&format!("FP8 needs cuBLASLt, which is not found ({why}); choose bf16, or name it by ORBITBENCH_CUBLASLT"))
        }
        _ => Ok(()),
    }
}
