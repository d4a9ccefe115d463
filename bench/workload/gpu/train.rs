//! Training on a card: as the host's (`crate::train`), for a batch of texts: forward with everything kept, backward through all of it, `AdamW` on f32 weights of which
//! the computing ones are a copy. A step is two recorded launches (CUDA graphs), its loss and gradient (`pass`, with `attention`) and its update; `room` is its memory, `check`
//! what the first and the last are held against.
//!
//! Not here: what is learned and how learning is judged, which is the host's to say.

use super::Fault;
use super::driver::{Buffer, Device, Habit};
use super::plan::Number;
use super::product::Products;
use super::weights::{From, Weights};
use crate::decoder::rotary;
use crate::generate::{Done, Wrong};
use crate::train::{Lesson, Progress, RATE, Text, UPDATE};
use crate::transformer::Config;
use check::apart;
pub(super) use check::lesson_tokens;
use room::{Kept, Room, Words};
use std::rc::Rc;
use std::sync::Arc;

mod attention;
mod check;
mod checkpoint;
mod pass;
mod room;

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
    /// Loss and gradient of a full step, and the update.
    learning: Habit,
    updating: Habit,
    text: Text,
    progress: Progress,
    batch: usize,
    length: usize,
    /// What the first step learns, in every place; where that is shorter than a text, nothing is wanted of the rest.
    opening: Option<Vec<u32>>,
    /// What it is held against.
    known: Option<Arc<Lesson>>,
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
        let (of, rows) = (number.kind().bytes(), batch * length);
        let kept = (0..config.layers).map(|_| Kept::new(device, &config, of, rows, length)).collect::<Result<_, _>>()?;
        let room = Room::new(device, &config, of, rows, length)?;
        let angles: Vec<f32> = rotary(&config).into_iter().flat_map(|(cos, sin)| [cos, sin]).collect();
        let angles = device.upload(&angles)?;
        device.wait()?;
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
            learning: Habit::default(),
            updating: Habit::default(),
            text: Text::new(config.vocabulary, seed),
            progress: Progress::default(),
            batch,
            length,
            opening: None,
            known: None,
            unchecked: Done::default(),
        })
    }

    /// Bytes on the card.
    pub(super) fn bytes(c: &Config, number: Number, batch: usize, length: usize) -> usize {
        let master = if number == Number::F32 { 0 } else { 4 };
        c.parameters() * (2 * number.kind().bytes() + master + 8) + room::bytes(c, number, batch * length, length)
    }

    /// One step: `Done::output` is the tokens that were learned from. The first is the known lesson, if there is one.
    pub(super) fn step(&mut self) -> Result<Done, Wrong> {
        let known = self.known.take();
        let (texts, judged): (Vec<Vec<u32>>, usize) = match self.opening.take() {
            // The same text in every place: the mean over texts, loss and gradient, is that of one.
            Some(text) => self.repeated(text),
            None => ((0..self.batch).map(|_| self.text.walk(self.length)).collect(), self.length),
        };
        self.ask(&texts, judged)?;
        if let Some(lesson) = &known {
            self.losses(lesson.loss, judged)?;
            self.gradient_is(lesson, judged as f64 / self.length as f64)?;
            let before = self.watched(lesson)?;
            self.update()?;
            for ((before, after), (_, by)) in before.iter().zip(self.watched(lesson)?).zip(&lesson.moved) {
                apart(f64::from((after - before - by).abs() / RATE), UPDATE)?;
            }
        } else {
            self.update()?;
        }
        // Read once all is asked for: the card is not to wait for the host in between.
        let loss = self.mean_loss(self.batch * self.length)? * self.length as f64 / judged as f64;
        if !loss.is_finite() {
            return Err(Wrong::NotFinite);
        }
        self.progress.took(loss)?;
        let tokens = self.batch * judged;
        self.unchecked.output += tokens;
        if known.is_some() {
            self.unchecked = Done::default();
        }
        Ok(Done { input: 0, output: tokens })
    }

    /// One text in every place, filled up to the length of a step, and how many of its tokens are wanted.
    fn repeated(&self, mut text: Vec<u32>) -> (Vec<Vec<u32>>, usize) {
        let judged = text.len() - 1;
        text.resize(self.length + 1, 0);
        (vec![text; self.batch], judged)
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

    /// Mean loss of texts of one length, each token predicted from those before it, and its gradient.
    #[cfg(test)]
    pub(super) fn learn(&mut self, texts: &[Vec<u32>]) -> Result<f64, Fault> {
        let length = texts[0].len() - 1;
        self.ask(texts, length)?;
        self.mean_loss(texts.len() * length)
    }

    /// Asks for loss and gradient of texts of one length, of the first `judged` tokens of each.
    fn ask(&mut self, texts: &[Vec<u32>], judged: usize) -> Result<(), Fault> {
        let (count, length) = (texts.len(), texts[0].len() - 1);
        self.room.words.write(0, &Words::of(texts, judged))?;
        if (count, length) != (self.batch, self.length) {
            return self.queue(count, length);
        }
        let mut habit = std::mem::take(&mut self.learning);
        habit.go(&self.device, || self.queue(count, length))?;
        self.learning = habit;
        Ok(())
    }

    /// Of so many rows, once all that was asked for is done.
    fn mean_loss(&self, rows: usize) -> Result<f64, Fault> {
        let losses: Vec<f32> = self.room.loss.read(0, rows)?;
        Ok(losses.iter().map(|l| f64::from(*l)).sum::<f64>() / rows as f64)
    }

    fn update(&mut self) -> Result<(), Fault> {
        let (rate, a, b) = self.progress.rates();
        self.room.rates.write(0, &[rate, a, b])?;
        let mut habit = std::mem::take(&mut self.updating);
        habit.go(&self.device, || self.queue_update())?;
        self.updating = habit;
        Ok(())
    }
}
