//! Every product of the blocks by itself, of as many rows as a step has, against f64: in bf16 a product that is a hundredth too large moves the logits by less than rounding does,
//! and is found only here. Some outputs of each, so that it costs the host the drawing of the weights and little more.
//!
//! Not here: the whole (`generate::known`); every tile of the first block and of the head, by the weights as they are on the card (`proof`).

use super::Decoder;
use crate::generate::Wrong;
use crate::gpu::driver::Buffer;
use crate::gpu::plan::Number;
use crate::gpu::weights::Matrix;
use crate::product;
use crate::reference::{Source, rounded};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Rows and outputs of which each with each is computed.
const SAMPLED: (usize, usize) = (8, 32);

impl Number {
    /// How far the sampled numbers may be from the right ones, as a share, and how far their size all in all. Bf16 rounds a result by up to 0.4 %; E4M3 rounds what is
    /// multiplied by up to 6 %; either goes both ways.
    const fn product_tolerance(self) -> (f64, f64) {
        match self {
            Self::F32 => (1e-4, 1e-5),
            Self::Bf16 => (0.01, 0.002),
            Self::Fp8 => (0.15, 0.02),
        }
    }
}

impl Decoder {
    /// Holds the products of every block against these weights, for steps of so many rows. Before any work: it writes where steps do.
    pub(in crate::gpu) fn audit(&self, source: &Source<'_>, rows: usize) -> Result<(), Wrong> {
        let (r, c) = (&self.room, self.weights.config);
        // Nothing that a product writes is what another reads: filled once.
        let (normed, mixed, gated) = (
            self.filled(&r.normed, rows, c.width, 1)?,
            self.filled(&r.mixed, rows, c.width, 2)?,
            self.filled(&r.gated, rows, c.hidden, 3)?,
        );
        for (n, layer) in self.weights.layers.iter().enumerate() {
            let known = source.layer(n);
            for (x, matrix, known, out) in [
                ((&r.normed, &normed[..]), &layer.qkv, &known.qkv, (&r.qkv, false)),
                ((&r.mixed, &mixed[..]), &layer.out, &known.out, (&r.x, true)),
                ((&r.normed, &normed[..]), &layer.gate_up, &known.gate_up, (&r.gate_up, false)),
                ((&r.gated, &gated[..]), &layer.down, &known.down, (&r.x, true)),
            ] {
                self.audit_one(x, matrix, known, out, rows)?;
            }
        }
        Ok(())
    }

    /// Rows of numbers without a pattern, exact in bf16.
    fn filled(&self, x: &Buffer, rows: usize, inputs: usize, seed: u64) -> Result<Vec<f32>, Wrong> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let given: Vec<f32> = (0..rows * inputs).map(|_| rounded((rng.next_u32() >> 8) as f32 / 8_388_608.0 - 1.0)).collect();
        if self.weights.number == Number::F32 {
            x.write(0, &given)?;
        } else {
            x.write(0, &given.iter().map(|x| (x.to_bits() >> 16) as u16).collect::<Vec<u16>>())?;
        }
        Ok(given)
    }

    fn audit_one(
        &self,
        (x, given): (&Buffer, &[f32]),
        matrix: &Matrix,
        known: &product::Matrix,
        (out, add): (&Buffer, bool),
        rows: usize,
    ) -> Result<(), Wrong> {
        let (number, inputs, outputs) = (self.weights.number, matrix.inputs, matrix.outputs);
        let f32s = number == Number::F32;
        out.clear()?;
        // As the step does it: what goes back into the stream is added to it.
        self.linear(x, matrix, out, rows, add)?;
        let (mut off, mut along, mut all) = (0.0, 0.0, 0.0);
        for row in (0..rows).step_by(rows.div_ceil(SAMPLED.0)) {
            let got: Vec<f32> = if f32s {
                out.read(4 * row * outputs, outputs)?
            } else {
                out.read::<u16>(2 * row * outputs, outputs)?.into_iter().map(|bits| f32::from_bits(u32::from(bits) << 16)).collect()
            };
            let given = &given[row * inputs..][..inputs];
            for o in (0..outputs).step_by(outputs.div_ceil(SAMPLED.1)) {
                let right: f64 = given.iter().enumerate().map(|(i, x)| f64::from(*x) * f64::from(known.data[i * outputs + o])).sum();
                off += (f64::from(got[o]) - right).powi(2);
                along += f64::from(got[o]) * right;
                all += right * right;
            }
        }
        let (allowed, allowed_size) = number.product_tolerance();
        for (share, allowed) in [((off / all).sqrt(), allowed), ((along / all - 1.0).abs(), allowed_size)] {
            if share.is_nan() || share > allowed {
                return Err(Wrong::Different { share, allowed });
            }
        }
        Ok(())
    }
}
