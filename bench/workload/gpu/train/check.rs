//! What a training step on a card is held against: the first and one more at the end, whole, against the host's trainer.
//!
//! Not here: the step.

use super::Trainer;
use crate::generate::{Done, Wrong};
use crate::gpu::Fault;
use crate::gpu::plan::Number;
use crate::gpu::weights::place;
use crate::job::Patience;
use crate::reference::rounded;
use crate::train::{DECAY, Lesson, RATE, UPDATE};
use std::sync::Arc;

/// Most weights times tokens of which the host computes a lesson, first or last, in a second or some.
const LESSON: usize = 20_000_000_000;
/// Fewest: a token that looks back on another.
const FEWEST: usize = 2;

/// How far a part of the gradient may be from the host's, in tolerances of an answer: it went through the net twice.
const GRADIENT_SHARE: f64 = 4.0;

/// Tokens of a lesson, first or last, for so many weights.
pub(in crate::gpu) const fn lesson_tokens(parameters: usize, length: usize) -> usize {
    let tokens = match LESSON.checked_div(parameters) {
        Some(tokens) => tokens,
        None => length,
    };
    let tokens = if tokens < FEWEST { FEWEST } else { tokens };
    if tokens < length { tokens } else { length }
}

pub(super) fn apart(share: f64, allowed: f64) -> Result<(), Wrong> {
    // What is not a number is no small distance either.
    if share <= allowed { Ok(()) } else { Err(Wrong::Different { share, allowed }) }
}

impl Trainer {
    /// The first step, which must be the next, is held against this: a lesson of no more tokens than a text has.
    pub(in crate::gpu) fn check_against(&mut self, lesson: impl Into<Arc<Lesson>>) {
        let lesson = lesson.into();
        self.opening = Some(lesson.text.clone());
        self.known = Some(lesson);
    }

    /// The first step learns this text and is held against nothing: for work that begins anew and was checked before.
    pub(in crate::gpu) fn open_with(&mut self, text: Vec<u32>) {
        self.opening = Some(text);
    }

    /// The last check: a lesson on the weights as they have become, which are read back, through the recorded step: loss, gradient and update. Of so few tokens that the host has
    /// computed it soon; the rest of each place is filled up and nothing wanted there.
    pub(super) fn last_check(&mut self, patience: &dyn Patience) -> Result<(), Wrong> {
        if self.unchecked == Done::default() {
            return Ok(());
        }
        self.close_over(lesson_tokens(self.weights.config.parameters(), self.length), patience)
    }

    /// As [`Self::last_check`], over so many tokens of a text.
    pub(in crate::gpu) fn close_over(&mut self, tokens: usize, patience: &dyn Patience) -> Result<(), Wrong> {
        // Of a text that was not learned: what was has next to no loss, of which rounding is no small share.
        let (weights, another) = (self.weights.held()?, self.text.another());
        patience.aside();
        let lesson = Lesson::of(&weights, tokens, another);
        drop(weights);
        if !patience.goes_on() {
            return Ok(());
        }
        let (texts, _) = self.repeated(lesson.text.clone());
        self.ask(&texts, tokens)?;
        self.losses(lesson.loss, tokens)?;
        self.gradient_is(&lesson, tokens as f64 / self.length as f64)?;
        self.update_is(&lesson)?;
        self.unchecked = Done::default();
        Ok(())
    }

    /// Holds the loss of each of the texts that were learned last, over so many of its tokens, against what it must be.
    pub(super) fn losses(&self, known: f64, tokens: usize) -> Result<(), Wrong> {
        let allowed = self.weights.number.tolerance();
        let losses: Vec<f32> = self.room.loss.read(0, self.batch * self.length)?;
        for losses in losses.chunks_exact(self.length) {
            let ours = losses.iter().map(|l| f64::from(*l)).sum::<f64>() / tokens as f64;
            apart((ours / known - 1.0).abs(), allowed)?;
        }
        Ok(())
    }

    /// Holds the gradient, part by part, against this part of the lesson's: its direction, and its size.
    pub(super) fn gradient_is(&self, lesson: &Lesson, part: f64) -> Result<(), Wrong> {
        let allowed = GRADIENT_SHARE * self.weights.number.tolerance();
        for (known, got) in lesson.gradient.iter().zip(self.gradient.read()) {
            let (mut off, mut along, mut all) = (0.0, 0.0, 0.0);
            for (got, known) in got?.into_iter().zip(known) {
                let (got, known) = (f64::from(got), f64::from(*known) * part);
                off += (got - known).powi(2);
                along += got * known;
                all += known * known;
            }
            let all = all.max(f64::MIN_POSITIVE);
            apart((off / all).sqrt(), allowed)?;
            apart((along / all - 1.0).abs(), allowed / 2.0)?;
        }
        Ok(())
    }

    /// Does an update and holds it, at one place a part, against `AdamW` of the gradient and the means that are there.
    fn update_is(&mut self, lesson: &Lesson) -> Result<(), Wrong> {
        let (rate, a, b) = self.progress.rates();
        let before = self.watched(lesson)?;
        let places: Vec<usize> = lesson.moved.iter().zip(self.gradient.places()).map(|((i, _), (_, turned))| place(*i, turned)).collect();
        let mut expected = Vec::new();
        for ((at, (gradient, _)), (m, v)) in places.iter().zip(self.gradient.places()).zip(&self.means) {
            let g = match self.gradient.number {
                Number::F32 => gradient.read::<f32>(4 * at, 1)?[0],
                Number::Bf16 | Number::Fp8 => f32::from_bits(u32::from(gradient.read::<u16>(2 * at, 1)?[0]) << 16),
            };
            let [m, v] = [m.read::<f32>(4 * at, 1)?[0], v.read::<f32>(4 * at, 1)?[0]];
            let (m, v) = (m + (1.0 - DECAY.0) * (g - m), v + (1.0 - DECAY.1) * (g * g - v));
            expected.push(-rate * (m / a) / ((v / b).sqrt() + 1e-8));
        }
        self.update()?;
        for ((before, after), by) in before.iter().zip(self.watched(lesson)?).zip(expected) {
            apart(f64::from((after - before - by).abs() / RATE), UPDATE)?;
        }
        // And what is computed with must be what was learned, rounded.
        if let Some(master) = &self.master {
            for ((at, (learned, _)), (copy, _)) in places.iter().zip(master.places()).zip(self.weights.places()) {
                let (learned, copy) = (learned.read::<f32>(4 * at, 1)?[0], copy.read::<u16>(2 * at, 1)?[0]);
                let copy = f32::from_bits(u32::from(copy) << 16);
                apart(f64::from((copy / rounded(learned) - 1.0).abs()), 0.0)?;
            }
        }
        Ok(())
    }

    /// Some of the weights that are updated, one a part, at the lesson's places.
    pub(super) fn watched(&self, lesson: &Lesson) -> Result<Vec<f32>, Fault> {
        let master = self.master.as_ref().unwrap_or(&self.weights);
        let places = master.places();
        lesson.moved.iter().zip(places).map(|((i, _), (buffer, turned))| Ok(buffer.read::<f32>(4 * place(*i, turned), 1)?[0])).collect()
    }
}
