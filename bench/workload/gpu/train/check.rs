//! What a training step on a card is held against: the first, whole, against the host's trainer; at the end, the loss against the reference.
//!
//! Not here: the step.

use super::Trainer;
use crate::generate::{Done, Wrong};
use crate::gpu::Fault;
use crate::gpu::weights::place;
use crate::reference::Source;
use crate::train::{Lesson, known_loss};

/// Most weights times tokens of which the host computes a loss at the end, in some seconds.
const CLOSING: usize = 20_000_000_000;

/// How far a part of the gradient may be from the host's, in tolerances of an answer: it went through the net twice.
const GRADIENT_SHARE: f64 = 4.0;

pub(super) fn apart(share: f64, allowed: f64) -> Result<(), Wrong> {
    // What is not a number is no small distance either.
    if share <= allowed { Ok(()) } else { Err(Wrong::Different { share, allowed }) }
}

impl Trainer {
    /// The first step, which must be the next, is held against this.
    pub(in crate::gpu) fn check_against(&mut self, lesson: Lesson) {
        self.opening = Some(lesson.text.clone());
        self.known = Some(lesson);
    }

    /// The first step learns this text and is held against nothing: for work that begins anew and was checked before.
    pub(in crate::gpu) fn open_with(&mut self, text: Vec<u32>) {
        self.opening = Some(text);
    }

    /// The last check: loss of a text in every place, by the weights as they have become, which are read back. Where that would take the host longer than anybody waits,
    /// nothing is checked, and what is unchecked stays so.
    pub(super) fn last_check(&mut self) -> Result<(), Wrong> {
        let c = self.weights.config;
        if self.unchecked == Done::default() || c.parameters() * self.length > CLOSING {
            return Ok(());
        }
        let text = self.text.walk(self.length);
        self.learn(&vec![text.clone(); self.batch])?;
        let held = self.weights.held()?;
        self.losses(known_loss(&Source::held(&held), &text), self.batch)?;
        self.unchecked = Done::default();
        Ok(())
    }

    /// Holds the loss of each of the texts that were learned last against what it must be.
    pub(super) fn losses(&self, known: f64, texts: usize) -> Result<(), Wrong> {
        let allowed = self.weights.number.tolerance();
        let length = self.length;
        let losses: Vec<f32> = self.room.loss.read(0, texts * length)?;
        for losses in losses.chunks_exact(length) {
            let ours = losses.iter().map(|l| f64::from(*l)).sum::<f64>() / length as f64;
            apart((ours / known - 1.0).abs(), allowed)?;
        }
        Ok(())
    }

    /// Holds the gradient, part by part, against the lesson's: its direction, and its size.
    pub(super) fn gradient_is(&self, lesson: &Lesson) -> Result<(), Wrong> {
        let allowed = GRADIENT_SHARE * self.weights.number.tolerance();
        for (known, got) in lesson.gradient.iter().zip(self.gradient.read()) {
            let (mut off, mut along, mut all) = (0.0, 0.0, 0.0);
            for (got, known) in got?.into_iter().zip(known) {
                let (got, known) = (f64::from(got), f64::from(*known));
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

    /// Some of the weights that are updated, one a part, at the lesson's places.
    pub(super) fn watched(&self, lesson: &Lesson) -> Result<Vec<f32>, Fault> {
        let master = self.master.as_ref().unwrap_or(&self.weights);
        let places = master.places();
        lesson.moved.iter().zip(places).map(|((i, _), (buffer, turned))| Ok(buffer.read::<f32>(4 * place(*i, turned), 1)?[0])).collect()
    }
}
