//! Endless text from random prompts: chooses each next token, counts what was taken in and put out, starts a sequence anew when it is complete.
//!
//! Not here: time. One [`Generator::step`] is one full batch.

use crate::decoder::Decoder;
use crate::engine::{Draw, Engine};
use crate::transformer::{Config, Weights};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::sync::Arc;
use thiserror::Error;

pub(crate) mod checkpoint;
mod kept;
mod known;
mod watch;

pub use known::Known;

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// The likeliest.
    Greedy,
    /// By its probability (temperature 1), with the generator's seed.
    Seeded,
}

/// What the work consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// Long answers to prompts of four tokens: bound by memory.
    #[default]
    Decode,
    /// One token of answer to long prompts: bound by arithmetic.
    Prefill,
    /// Prompts of a quarter of the context, answers of the rest, both at once, as servers do it.
    Mixed,
    /// Steps of training (`train`), not of a generator: bound by arithmetic, forward and back.
    Train,
}

impl Task {
    /// Every one.
    pub const ALL: &'static [Self] = &[Self::Decode, Self::Prefill, Self::Mixed, Self::Train];

    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Prefill => "prefill",
            Self::Mixed => "mixed",
            Self::Train => "train",
        }
    }

    /// What of the work is held against the reference while it goes on, in words: samples, not all of it.
    pub(crate) const fn checked(self) -> &'static str {
        match self {
            Self::Train => "held against the reference: the first step (loss, gradient, update) and one look at the end, no step between",
            Self::Decode | Self::Prefill | Self::Mixed => {
                "held against the reference: every sequence's answer to a known text at first, one sequence's every 32 to 96 steps, some at the end, nothing else"
            }
        }
    }

    /// Tokens of a prompt.
    const fn prompt(self, context: usize) -> usize {
        match self {
            Self::Decode | Self::Train => 4,
            Self::Prefill => context - 1,
            Self::Mixed => context / 4,
        }
    }
}

/// Tokens of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Taken in from prompts.
    pub input: usize,
    /// Put out.
    pub output: usize,
}

impl std::ops::Add for Done {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { input: self.input + other.input, output: self.output + other.output }
    }
}

impl Done {
    /// What of this is left when `other` is taken away, never less than nothing.
    pub(crate) const fn less(self, other: Self) -> Self {
        Self { input: self.input.saturating_sub(other.input), output: self.output.saturating_sub(other.output) }
    }
}

/// The model computed something that it should not, or nothing.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Wrong {
    /// Not a number, or infinite.
    #[error("the model's output is not finite: this machine computes wrongly, or its weights are damaged")]
    NotFinite,
    /// Other numbers than the reference.
    #[error(
        "the model's output is {share:.1e} of its size away from the reference, at most {allowed:.0e} is allowed: this machine computes wrongly"
    )]
    Different {
        /// Distance, as a share of the answer's length.
        share: f64,
        /// What is allowed.
        allowed: f64,
    },
    /// A token that its own logits do not give.
    #[error("token {token} was chosen, which the model's own output does not give: this machine computes wrongly")]
    Chosen {
        /// Which.
        token: u32,
    },
    /// The machine that computes refuses.
    #[error("{0}")]
    Machine(String),
    /// Training that does not learn what can be learned.
    #[error("the loss went from {first:.3} to {last:.3} in training on what can be learned: this machine computes wrongly")]
    Unlearned {
        /// Loss at first.
        first: f64,
        /// Loss of late.
        last: f64,
    },
}

#[derive(Debug)]
struct Sequence {
    rng: ChaCha8Rng,
    /// The prompt, the last token first, and where the draws stood when it was asked: whoever asked can ask again.
    asked: (Vec<u32>, u128),
    /// Tokens of the prompt that are still to be taken in, the last first.
    prompt: Vec<u32>,
    next: u32,
    /// It starts anew at this length. The first time earlier, so that the sequences of a batch do not end together and the rate is even.
    ends_at: usize,
    /// When it asked, in the order of asking: who waits longest goes first, or a chunk would always go to the same few.
    order: u64,
    /// It follows the known text, and what came of that so far.
    passage: Option<known::Passage>,
}

impl Sequence {
    fn ask(&mut self, task: Task, c: &Config) {
        self.prompt = (0..task.prompt(c.context)).map(|_| below(&mut self.rng, c.vocabulary)).collect();
        self.prompt.reverse();
        self.asked = (self.prompt.clone(), self.rng.get_word_pos());
        self.passage = None;
    }

    /// In prefill a sequence is complete with its prompt.
    fn end_with_prompt(&mut self, task: Task) {
        if task == Task::Prefill {
            self.ends_at = self.prompt.len();
        }
    }

    /// What was taken in and put out for the present prompt, `length` tokens being held.
    fn unfinished(&self, length: usize) -> Done {
        let prompt = self.asked.0.len();
        // The prompt's last token already yields one.
        if self.prompt.is_empty() { Done { input: prompt, output: length + 1 - prompt } } else { Done { input: length, output: 0 } }
    }

    /// As it was when it was asked; what followed the known text is asked as anybody's prompt.
    fn rewind(&mut self) {
        self.prompt.clone_from(&self.asked.0);
        self.rng.set_word_pos(self.asked.1);
        self.passage = None;
    }
}

/// A batch of sequences that never ends.
#[derive(Debug)]
pub struct Generator {
    engine: Box<dyn Engine>,
    sampling: Sampling,
    task: Task,
    sequences: Vec<Sequence>,
    watch: Option<watch::Watch>,
}

impl Generator {
    /// `batch` sequences with prompts by `seed`.
    pub fn new(weights: Arc<Weights>, batch: usize, sampling: Sampling, seed: u64) -> Self {
        Self::with(weights, batch, sampling, seed, Task::Decode)
    }

    /// As [`Generator::new`], with another task.
    pub fn with(weights: Arc<Weights>, batch: usize, sampling: Sampling, seed: u64, task: Task) -> Self {
        Self::on(Box::new(Decoder::new(weights, batch)), batch, sampling, seed, task)
    }

    /// As [`Generator::with`], on an engine of `batch` sequences.
    pub fn on(engine: Box<dyn Engine>, batch: usize, sampling: Sampling, seed: u64, task: Task) -> Self {
        let c = *engine.config();
        let prompt = task.prompt(c.context);
        assert!(prompt > 0 && c.context > prompt, "the context must hold more than a prompt");
        let ends = match task {
            Task::Prefill => prompt..prompt,
            Task::Decode | Task::Mixed | Task::Train => prompt..c.context,
        };
        let sequences = (0..batch).map(|i| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(i as u64);
            let ends_at = ends.start + (ends.end - ends.start) * (batch - i) / batch;
            let mut sequence =
                Sequence { rng, asked: (Vec::new(), 0), prompt: Vec::new(), next: 0, ends_at, order: i as u64, passage: None };
            sequence.ask(task, &c);
            sequence
        });
        let sequences = sequences.collect();
        Self { engine, sampling, task, sequences, watch: None }
    }

    /// What the next step takes into each sequence: one token, or a piece of its prompt where there is room for it.
    fn plan(&mut self) -> Vec<(usize, Vec<u32>)> {
        let mut room = self.engine.chunk();
        let mut feed = Vec::with_capacity(self.sequences.len());
        // Whose prompt has waited longest has come furthest: it goes first, so that prompts are finished one after the other.
        let closing = self.closing();
        let asks = |s: &Sequence| !s.prompt.is_empty() && (s.passage.is_some() || !closing);
        let mut asking: Vec<usize> = (0..self.sequences.len()).filter(|i| asks(&self.sequences[*i])).collect();
        asking.sort_by_key(|i| (std::cmp::Reverse(self.engine.length(*i)), self.sequences[*i].order));
        for i in asking {
            let prompt = &mut self.sequences[i].prompt;
            let taken = prompt.len().min(room);
            if taken > 0 {
                feed.push((i, prompt.drain(prompt.len() - taken..).rev().collect()));
                room -= taken;
            }
        }
        let answering = self.sequences.iter().enumerate().filter(|(i, s)| s.prompt.is_empty() && !feed.iter().any(|(j, _)| j == i));
        let answers: Vec<(usize, Vec<u32>)> = answering.map(|(i, s)| (i, vec![s.next])).collect();
        feed.extend(answers);
        feed
    }

    /// One step further in every sequence that there is room for.
    pub fn step(&mut self) -> Result<Done, Wrong> {
        let c = *self.engine.config();
        let answering: Vec<bool> = self.sequences.iter().map(|s| s.prompt.is_empty()).collect();
        let plan = self.plan();
        let feed: Vec<(usize, &[u32])> = plan.iter().map(|(i, tokens)| (*i, &tokens[..])).collect();
        let draws = plan.iter().map(|(i, _)| {
            let sequence = &mut self.sequences[*i];
            match self.sampling {
                _ if !sequence.prompt.is_empty() => Draw::Nothing,
                Sampling::Greedy => Draw::Likeliest,
                Sampling::Seeded => Draw::By(sequence.rng.next_u32()),
            }
        });
        let draws: Vec<Draw> = draws.collect();
        let chosen = self.engine.choose(&feed, &draws)?;
        let mut done = Done::default();
        let mut choices = Vec::new();
        for (at, ((i, tokens), chosen)) in plan.iter().zip(chosen).enumerate() {
            let sequence = &mut self.sequences[*i];
            done.input += if answering[*i] { 0 } else { tokens.len() };
            if sequence.prompt.is_empty() {
                done.output += 1;
                sequence.next = chosen;
                choices.push(watch::Choice { at, sequence: *i, draw: draws[at], chosen });
            }
        }
        self.look(done, &choices)?;
        for i in 0..self.sequences.len() {
            let sequence = &self.sequences[i];
            if sequence.prompt.is_empty() && self.engine.length(i) >= sequence.ends_at {
                let last = self.sequences.iter().map(|s| s.order).max().unwrap_or(0);
                self.engine.restart(i);
                self.sequences[i].ask(self.task, &c);
                self.sequences[i].order = last + 1;
                self.turn_to_watch(i);
                let sequence = &mut self.sequences[i];
                sequence.ends_at = c.context;
                sequence.end_with_prompt(self.task);
            }
        }
        Ok(done)
    }

    /// What would be lost now with the memory: input and output of sequences that are not complete.
    pub fn unfinished(&self) -> Done {
        let parts = self.sequences.iter().enumerate().map(|(i, s)| s.unfinished(self.engine.length(i)));
        parts.fold(Done::default(), |a, b| a + b)
    }

    /// Loses what the sequences hold: every prompt is asked again.
    pub fn rewind(&mut self) {
        for (i, sequence) in self.sequences.iter_mut().enumerate() {
            sequence.rewind();
            self.engine.restart(i);
        }
    }

    /// The token that each sequence takes next, unless that is one of its prompt.
    pub fn next_tokens(&self) -> impl Iterator<Item = u32> + '_ {
        self.sequences.iter().map(|s| s.prompt.last().copied().unwrap_or(s.next))
    }
}

pub(crate) fn below(rng: &mut ChaCha8Rng, n: usize) -> u32 {
    ((u64::from(rng.next_u32()) * n as u64) >> 32) as u32
}

#[cfg(test)]
mod tests;
