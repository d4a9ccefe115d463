//! The decoder as an engine: choosing tokens, and what its sequences hold as a checkpoint.

use super::Decoder;
use crate::engine::{Draw, Engine, Feed};
use crate::generate::Wrong;
use crate::transformer::Config;
use std::io::{self, Read, Write};

/// Most tokens of prompts in one step, so that a step stays short.
const CHUNK: usize = 64;

/// f32 against f64 stays well below, one wrong weight does not.
const TOLERANCE: f64 = 1e-3;

impl Decoder {
    /// The numbers of what the sequences hold, and room for as many: keys and values of every layer up to each sequence's length.
    fn held(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let c = *self.weights.config();
        let (d, heads) = (c.head_width(), c.kv_width() / c.head_width());
        let lengths = &self.lengths;
        self.cache.iter_mut().flat_map(move |cache| {
            let block = d * c.context;
            let of = move |i: usize| lengths[i / heads];
            let keys = cache.keys.chunks_exact_mut(block).enumerate();
            let keys = keys.flat_map(move |(i, block)| block.chunks_exact_mut(c.context).map(move |row| &mut row[..of(i)]));
            let values = cache.values.chunks_exact_mut(block).enumerate().map(move |(i, block)| &mut block[..of(i) * d]);
            keys.chain(values)
        })
    }
}

impl Engine for Decoder {
    fn config(&self) -> &Config {
        self.weights.config()
    }

    fn length(&self, sequence: usize) -> usize {
        self.lengths[sequence]
    }

    fn restart(&mut self, sequence: usize) {
        self.lengths[sequence] = 0;
    }

    fn chunk(&self) -> usize {
        CHUNK
    }

    fn tolerance(&self) -> f64 {
        TOLERANCE
    }

    fn logits(&mut self, feed: &Feed<'_>) -> Result<Vec<f32>, Wrong> {
        Ok(self.feed(feed).to_vec())
    }

    fn choose(&mut self, feed: &Feed<'_>, draws: &[Draw]) -> Result<Vec<u32>, Wrong> {
        let vocabulary = self.weights.config().vocabulary;
        let logits = self.feed(feed);
        if !logits.iter().all(|l| l.is_finite()) {
            return Err(Wrong::NotFinite);
        }
        let one = |(logits, draw): (&[f32], &Draw)| match draw {
            Draw::Nothing => 0,
            Draw::Likeliest => likeliest(logits),
            Draw::By(draw) => by_probability(logits, *draw),
        };
        Ok(logits.chunks_exact(vocabulary).zip(draws).map(one).collect())
    }

    fn row(&mut self, n: usize) -> Result<Vec<f32>, Wrong> {
        let vocabulary = self.weights.config().vocabulary;
        Ok(self.scratch.logits[n * vocabulary..][..vocabulary].to_vec())
    }

    fn save(&mut self, out: &mut dyn Write) -> io::Result<()> {
        for length in &self.lengths {
            out.write_all(&(*length as u64).to_le_bytes())?;
        }
        let mut bytes = Vec::new();
        for numbers in self.held() {
            bytes.clear();
            bytes.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
            out.write_all(&bytes)?;
        }
        Ok(())
    }

    fn load(&mut self, input: &mut dyn Read) -> io::Result<()> {
        let context = self.weights.config().context;
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
        let mut bytes = Vec::new();
        for numbers in self.held() {
            bytes.resize(4 * numbers.len(), 0);
            input.read_exact(&mut bytes)?;
            for (x, b) in numbers.iter_mut().zip(bytes.chunks_exact(4)) {
                *x = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            }
        }
        Ok(())
    }
}

pub(crate) fn likeliest(logits: &[f32]) -> u32 {
    logits.iter().enumerate().fold((0, f32::NEG_INFINITY), |best, (i, l)| if *l > best.1 { (i, *l) } else { best }).0 as u32
}

pub(crate) fn by_probability(logits: &[f32], draw: u32) -> u32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    // In f64: a hundred thousand tokens in f32 would be off by more than some of them have.
    let total: f64 = logits.iter().map(|l| f64::from((l - largest).exp())).sum();
    let mut left = f64::from(draw) / 4_294_967_296.0 * total;
    for (i, l) in logits.iter().enumerate() {
        left -= f64::from((l - largest).exp());
        if left < 0.0 {
            return i as u32;
        }
    }
    likeliest(logits)
}
