//! Who of the batch takes the known text in, and what was done since that last went well.
//!
//! At first every member does, then now and then one that begins anew, and some at the end. They take it in as work: in the same steps, counted like any other.
//! Not here: what is right (`known`).

use super::known::{Known, Passage};
use super::{Done, Generator, Sequence, Task, Wrong, below};
use crate::engine::Draw;
use crate::job::{Endless, Patience};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::sync::Arc;

/// Fewest steps between the end of one passage and the beginning of the next, and how many more there may be.
const REST: (u64, usize) = (32, 64);

/// The known text and the state of its being watched.
#[derive(Debug)]
pub(super) struct Watch {
    known: Arc<Known>,
    rng: ChaCha8Rng,
    /// Steps until another may begin.
    rest: u64,
    /// Whose turn it is, by chance: whoever happens to begin anew first would always be one of the same few.
    next: usize,
    /// Done since an answer was last found right.
    unchecked: Done,
    /// This is the last check.
    closing: bool,
}

/// A choice that was made in a step.
pub(super) struct Choice {
    /// Its place in the feed.
    pub(super) at: usize,
    pub(super) sequence: usize,
    pub(super) draw: Draw,
    pub(super) chosen: u32,
}

impl Sequence {
    /// Takes the known text in from its beginning, as a prompt of up to so many tokens and then token by token.
    fn follow(&mut self, known: &Known, prompt: usize) {
        self.prompt = known.text[..prompt.min(known.text.len())].iter().rev().copied().collect();
        self.asked.0.clone_from(&self.prompt);
        self.passage = Some(Passage::default());
    }
}

impl Generator {
    /// From now on members of the batch take the known text in, and what they answer is held against the reference. To be asked for before the first step.
    pub fn check_against(&mut self, known: Arc<Known>) {
        let prompt = self.task.prompt(self.engine.config().context);
        for sequence in &mut self.sequences {
            sequence.follow(&known, prompt);
            sequence.end_with_prompt(self.task);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(known.text.iter().fold(0, |all: u64, t| all.wrapping_mul(31).wrapping_add(u64::from(*t))));
        let next = below(&mut rng, self.sequences.len()) as usize;
        self.watch = Some(Watch { known, rng, rest: REST.0, next, unchecked: Done::default(), closing: false });
    }

    /// Done since an answer was last found right: not known to be right. All of it, where nothing is checked, is not told here.
    pub fn unchecked(&self) -> Done {
        self.watch.as_ref().map_or_else(Done::default, |w| w.unchecked)
    }

    /// Whether only those that follow the known text take prompts in.
    pub(super) fn closing(&self) -> bool {
        self.watch.as_ref().is_some_and(|w| w.closing)
    }

    /// Nobody follows the known text any more, and who begins anew may at once.
    pub(super) fn watch_anew(&mut self) {
        if let Some(watch) = &mut self.watch {
            (watch.rest, watch.unchecked) = (0, Done::default());
        }
    }

    /// Whether sequence `i`, which begins anew, takes the known text in.
    pub(super) fn turn_to_watch(&mut self, i: usize) {
        let busy = self.sequences.iter().any(|s| s.passage.is_some());
        let prompt = self.task.prompt(self.engine.config().context);
        if let Some(watch) = &mut self.watch
            && watch.rest == 0
            && watch.next == i
            && !busy
        {
            self.sequences[i].follow(&watch.known, prompt);
        }
    }

    /// Looks at what was chosen in a step, and says what those that follow the known text take in next.
    pub(super) fn look(&mut self, done: Done, choices: &[Choice]) -> Result<(), Wrong> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        watch.unchecked = watch.unchecked + done;
        watch.rest = watch.rest.saturating_sub(1);
        let allowed = self.engine.tolerance();
        let batch = self.sequences.len();
        let mut passed = false;
        for choice in choices {
            let sequence = &mut self.sequences[choice.sequence];
            let Some(passage) = &mut sequence.passage else { continue };
            let length = self.engine.length(choice.sequence);
            if let Some(known) = watch.known.after(length) {
                Known::judge(known, &self.engine.row(choice.at)?, choice.draw, choice.chosen, allowed, passage)?;
                passed = true;
            }
            if let Some(next) = watch.known.text.get(length)
                && length < sequence.ends_at
            {
                sequence.next = *next;
            } else {
                passage.end(allowed)?;
                sequence.passage = None;
                watch.rest = REST.0 + u64::from(below(&mut watch.rng, REST.1));
                watch.next = below(&mut watch.rng, batch) as usize;
            }
        }
        if passed {
            watch.unchecked = Done::default();
        }
        Ok(())
    }

    /// The last check: some members begin anew with the known text and take its last token in by a step of answers, as work does. What they held is lost.
    pub fn close(&mut self) -> Result<(), Wrong> {
        self.close_while(&Endless)
    }

    /// As [`Generator::close`], as long as somebody waits for it.
    pub(crate) fn close_while(&mut self, patience: &dyn Patience) -> Result<(), Wrong> {
        let context = self.engine.config().context;
        let Some(watch) = &mut self.watch else { return Ok(()) };
        if watch.unchecked == Done::default() {
            return Ok(());
        }
        let length = watch.known.text.len();
        let prompt = if self.task == Task::Prefill { length.min(context - 1) } else { length - 1 };
        let batch = self.sequences.len();
        let members = (self.engine.chunk() / length).clamp(1, batch);
        watch.closing = true;
        let first = below(&mut watch.rng, batch) as usize;
        // Nobody else takes prompts in meanwhile: they would only make it longer.
        let chosen: Vec<usize> = (0..members).map(|n| (first + n) % batch).collect();
        for i in &chosen {
            self.engine.restart(*i);
            let sequence = &mut self.sequences[*i];
            sequence.follow(&watch.known, prompt);
            sequence.ends_at = context;
            sequence.end_with_prompt(self.task);
        }
        let closed = loop {
            if chosen.iter().all(|i| self.sequences[*i].passage.is_none()) || !patience.goes_on() {
                break Ok(());
            }
            if let Err(wrong) = self.step() {
                break Err(wrong);
            }
        };
        if let Some(watch) = &mut self.watch {
            watch.closing = false;
        }
        closed
    }
}
