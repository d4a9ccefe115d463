//! What a training step needs of a card's memory besides weights, gradient and means; and how a step's texts lie in it.
//!
//! Not here: what is computed.

use crate::gpu::Fault;
use crate::gpu::driver::{Buffer, Device};
use crate::gpu::plan::Number;
use crate::transformer::Config;
use std::rc::Rc;

/// `kernels/common.cu` has the same: nothing is wanted there.
pub(super) const NOBODY: u32 = u32::MAX;

/// Sections of the words of a step, each as long as there are rows, the last one longer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Words {
    Tokens,
    /// The token after each, or [`NOBODY`].
    Wanted,
    /// Rows by their token.
    Order,
    /// Tokens that there are, each once.
    Distinct,
    /// Where in the order the rows of each begin, and where they end: at the same place for what is no token.
    Begins,
}

impl Words {
    /// Its first word.
    pub(super) const fn at(self, rows: usize) -> usize {
        self as usize * rows
    }

    /// Words of all sections.
    const fn all(rows: usize) -> usize {
        Self::Begins.at(rows) + rows + 1
    }

    /// The words of texts of one length; nothing is wanted after the first `judged` tokens of each.
    pub(super) fn of(texts: &[Vec<u32>], judged: usize) -> Vec<u32> {
        let length = texts[0].len() - 1;
        let rows = texts.len() * length;
        let mut words = Vec::with_capacity(Self::all(rows));
        words.extend(texts.iter().flat_map(|t| &t[..length]));
        words.extend(texts.iter().flat_map(|t| t[1..].iter().enumerate().map(|(i, token)| if i < judged { *token } else { NOBODY })));
        let mut order: Vec<u32> = (0..rows as u32).collect();
        order.sort_by_key(|row| (words[*row as usize], *row));
        let (mut distinct, mut begins) = (Vec::new(), Vec::new());
        for (n, row) in order.iter().enumerate() {
            let token = words[*row as usize];
            if distinct.last() != Some(&token) {
                distinct.push(token);
                begins.push(n as u32);
            }
        }
        distinct.resize(rows, 0);
        begins.resize(rows + 1, rows as u32);
        words.extend(order);
        words.extend(distinct);
        words.extend(begins);
        words
    }
}

/// What the forward pass of a layer keeps for the way back.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) x: Buffer,
    pub(super) normed: Buffer,
    pub(super) qkv: Buffer,
    /// `[text][head][row][past]`.
    pub(super) shares: Buffer,
    pub(super) mixed: Buffer,
    pub(super) middle: Buffer,
    pub(super) normed_forward: Buffer,
    pub(super) gate_up: Buffer,
    pub(super) gated: Buffer,
}

/// What every layer's way back uses anew, and both ends of the net.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) x: Buffer,
    pub(super) normed: Buffer,
    pub(super) logits: Buffer,
    pub(super) loss: Buffer,
    pub(super) words: Buffer,
    pub(super) dx: Buffer,
    pub(super) d_normed: Buffer,
    pub(super) d_logits: Buffer,
    pub(super) d_mixed: Buffer,
    pub(super) d_qkv: Buffer,
    pub(super) d_shares: Buffer,
    pub(super) d_gate_up: Buffer,
    pub(super) d_gated: Buffer,
    pub(super) scales: Buffer,
    /// Size of the next update, and what undoes the bias of both means.
    pub(super) rates: Buffer,
}

/// Numbers of a row that a layer keeps, and that the rest needs once.
const fn widths(c: &Config, length: usize) -> (usize, usize) {
    let (qkv, shares) = (c.width + 2 * c.kv_width(), c.heads * length);
    (5 * c.width + qkv + shares + 3 * c.hidden, 4 * c.width + qkv + shares + 3 * c.hidden + c.vocabulary)
}

/// Bytes of all of it, but for what is small.
pub(super) const fn bytes(c: &Config, number: Number, rows: usize, length: usize) -> usize {
    let (layer, ends) = widths(c, length);
    rows * number.kind().bytes() * (c.layers * layer + ends) + 4 * rows * c.vocabulary
}

impl Kept {
    pub(super) fn new(device: &Rc<Device>, c: &Config, of: usize, rows: usize, length: usize) -> Result<Self, Fault> {
        let numbers = |width: usize| device.zeros(rows * width * of);
        Ok(Self {
            x: numbers(c.width)?,
            normed: numbers(c.width)?,
            qkv: numbers(c.width + 2 * c.kv_width())?,
            shares: numbers(c.heads * length)?,
            mixed: numbers(c.width)?,
            middle: numbers(c.width)?,
            normed_forward: numbers(c.width)?,
            gate_up: numbers(2 * c.hidden)?,
            gated: numbers(c.hidden)?,
        })
    }
}

impl Room {
    pub(super) fn new(device: &Rc<Device>, c: &Config, of: usize, rows: usize, length: usize) -> Result<Self, Fault> {
        let numbers = |width: usize| device.zeros(rows * width * of);
        Ok(Self {
            x: numbers(c.width)?,
            normed: numbers(c.width)?,
            logits: device.zeros(4 * rows * c.vocabulary)?,
            loss: device.zeros(4 * rows)?,
            words: device.zeros(4 * Words::all(rows))?,
            dx: numbers(c.width)?,
            d_normed: numbers(c.width)?,
            d_logits: numbers(c.vocabulary)?,
            d_mixed: numbers(c.width)?,
            d_qkv: numbers(c.width + 2 * c.kv_width())?,
            d_shares: numbers(c.heads * length)?,
            d_gate_up: numbers(2 * c.hidden)?,
            d_gated: numbers(c.hidden)?,
            scales: device.zeros(4 * rows)?,
            rates: device.zeros(4 * 3)?,
        })
    }
}
