//! Each product of the decoder by itself, on this card and with the operands it will have, against sums in f64 of the same rounded numbers: before any work counts, so that
//! a product, or one tile of one, that is a hundredth off is refused. The answer that is known beforehand cannot see that: what bf16 and FP8 round on the way through all layers
//! is more.
//!
//! Not here: the other blocks and whether their weights are the right ones (`audit`); attention and the other kernels, which have their tests; and training, whose first step is
//! held against the host's.

use super::Decoder;
use crate::gpu::Fault;
use crate::gpu::driver::Buffer;
use crate::gpu::plan::Number;
use crate::gpu::product::Product;
use crate::gpu::weights::Matrix;
use crate::reference::rounded;

/// Columns that are judged together: about a tile of any library's.
const TILE: usize = 64;
/// How far the numbers of a tile may be larger or smaller together, as a part. Roundings of single numbers (bf16: up to 0.4 %) go either way and leave a hundredth of that; what
/// tensor cores cut off of FP8 sums goes one way and is a tenth of it (arXiv 2412.19437 has it that they keep 14 bits).
const SCALED: f64 = 0.005;
/// How far they may be off altogether, as a share of their length.
const OFF: f64 = 0.02;
/// Outputs whose weights are read back at once.
const PIECE: usize = 1024;
/// Length of the noise that is repeated, prime so that no two rows begin alike.
const NOISE: usize = 65_521;

/// Noise in -1..1 without a pattern.
fn noise() -> Vec<f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    (0..NOISE).map(next).collect()
}

/// What an E4M3 code stands for (OCP 8-bit floating point).
fn wide(code: u8) -> f64 {
    let (exponent, fraction) = (i32::from(code >> 3 & 15), f64::from(code & 7));
    let size = if exponent == 0 { fraction / 512.0 } else { (1.0 + fraction / 8.0) * 2.0_f64.powi(exponent - 7) };
    if code & 128 == 0 { size } else { -size }
}

/// A product to be judged.
struct Tried<'a> {
    name: &'a str,
    w: &'a Matrix,
    x: &'a Buffer,
    out: &'a Buffer,
    rows: usize,
    /// Of f32 whatever the weights are.
    wide: bool,
}

impl Decoder {
    /// Judges each product of the first layer, and that of the logits, with so many rows of tokens.
    ///
    /// # Errors
    /// With the product and how far it is off, if it is.
    pub(in crate::gpu) fn prove(&self, rows: usize) -> Result<(), Fault> {
        let (c, r) = (self.weights.config, &self.room);
        let rows = rows.clamp(1, self.chunk);
        let noise = noise();
        if let Some(layer) = self.weights.layers.first() {
            for (name, w, x, out, add) in [
                ("queries, keys and values", &layer.qkv, &r.normed, &r.qkv, false),
                ("attention's output", &layer.out, &r.mixed, &r.x, true),
                ("gate and up", &layer.gate_up, &r.normed, &r.gate_up, false),
                ("down", &layer.down, &r.gated, &r.x, true),
            ] {
                self.fill(x, rows * w.inputs, &noise)?;
                out.clear()?;
                self.linear(x, w, out, rows, add)?;
                self.judge(&Tried { name, w, x, out, rows, wide: false })?;
            }
        }
        let (head, rows) = (self.weights.last(), rows.min(self.lengths.len()));
        self.fill(&r.last, rows * c.width, &noise)?;
        let logits = Product::plain(self.weights.number.kind(), &r.last, &head.data, &r.logits, rows, c.vocabulary, c.width);
        self.products.multiply(&Product { out_f32: true, ..logits })?;
        self.judge(&Tried { name: "logits", w: head, x: &r.last, out: &r.logits, rows, wide: true })
    }

    fn fill(&self, x: &Buffer, count: usize, noise: &[f32]) -> Result<(), Fault> {
        let numbers: Vec<f32> = noise.iter().copied().cycle().take(count).collect();
        if self.weights.number == Number::F32 {
            return x.write(0, &numbers);
        }
        x.write(0, &numbers.iter().map(|n| (rounded(*n).to_bits() >> 16) as u16).collect::<Vec<u16>>())
    }

    /// Numbers of a buffer of what activations are kept in.
    fn numbers(from: &Buffer, at: usize, count: usize, f32s: bool) -> Result<Vec<f64>, Fault> {
        Ok(if f32s {
            from.read::<f32>(4 * at, count)?.into_iter().map(f64::from).collect()
        } else {
            from.read::<u16>(2 * at, count)?.into_iter().map(|b| f64::from(f32::from_bits(u32::from(b) << 16))).collect()
        })
    }

    /// Numbers in E4M3 with their scale.
    fn narrow(codes: &Buffer, scale: &Buffer, at: usize, count: usize) -> Result<Vec<f64>, Fault> {
        let by = f64::from(scale.read::<f32>(0, 1)?[0]);
        Ok(codes.read::<u8>(at, count)?.into_iter().map(|c| wide(c) * by).collect())
    }

    fn judge(&self, p: &Tried<'_>) -> Result<(), Fault> {
        let (k, n, f32s) = (p.w.inputs, p.w.outputs, self.weights.number == Number::F32);
        let mut looked = vec![0, p.rows / 2, p.rows - 1];
        looked.dedup();
        // What was multiplied: in FP8 the narrowed rows, which `linear` has just made.
        let x = |row: usize| match (&p.w.scale, &self.room.narrow) {
            (Some(_), Some(narrow)) => Self::narrow(&narrow.data, &narrow.scale, row * k, k),
            _ => Self::numbers(p.x, row * k, k, f32s),
        };
        let xs: Vec<Vec<f64>> = looked.iter().map(|row| x(*row)).collect::<Result<_, _>>()?;
        let got = looked.iter().map(|row| Self::numbers(p.out, row * n, n, f32s || p.wide)).collect::<Result<Vec<_>, _>>()?;
        for from in (0..n).step_by(PIECE) {
            let outputs = PIECE.min(n - from);
            let w = match &p.w.scale {
                Some(scale) => Self::narrow(&p.w.data, scale, from * k, outputs * k)?,
                None => Self::numbers(&p.w.data, from * k, outputs * k, f32s)?,
            };
            for (number, tile) in w.chunks(TILE * k).enumerate() {
                let (mut along, mut all, mut off) = (0.0, 0.0, 0.0);
                for (x, got) in xs.iter().zip(&got) {
                    for (j, weights) in tile.chunks_exact(k).enumerate() {
                        let expected: f64 = x.iter().zip(weights).map(|(a, b)| a * b).sum();
                        let got = got[from + number * TILE + j];
                        along += got * expected;
                        all += expected * expected;
                        off += (got - expected).powi(2);
                    }
                }
                let (scaled, off) = (along / all - 1.0, (off / all).sqrt());
                // What is not a number is no right one.
                if all > 0.0 && !(scaled.abs() <= SCALED && off <= OFF) {
                    let first = from + number * TILE;
                    return Err(Fault::Unable {
                        card: format!("{} ({})", self.device.card.name, self.device.card.uuid),
                        why: format!(
                            "its product for {} of {} rows is {:+.2} % off in columns {first} to {} ({:.2} % in all): this machine computes wrongly",
                            p.name,
                            p.rows,
                            scaled * 100.0,
                            first + tile.len() / k - 1,
                            off * 100.0
                        ),
                    });
                }
            }
        }
        Ok(())
    }
}
