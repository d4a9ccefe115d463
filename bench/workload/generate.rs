//! Endless text from random prompts: chooses each next token, counts what was taken in and put out, starts a sequence anew when it is complete.
//!
//! Not here: time. One [`Generator::step`] is one full batch.

use crate::decoder::Decoder;
use crate::reference;
use crate::transformer::{Config, Weights};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::io::{self, Read, Write};
use std::sync::Arc;
use thiserror::Error;

/// Most tokens of prompts in one step, so that a step stays short.
const CHUNK: usize = 64;

/// Steps from one check of the answers to the next.
const CHECK_STEPS: u64 = 256;

/// Tokens of the prompt whose answer is checked.
const CHECKED: usize = 4;

/// How far an answer may be from the reference, as a share of its length as a vector: f32 against f64 stays well below, one wrong weight does not.
const CHECK_SHARE: f64 = 1e-3;

/// Marks a checkpoint and its version.
const MAGIC: &[u8; 8] = b"orbkv\0\0\x01";

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

/// The model computed something that it should not.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum Wrong {
    /// Not a number, or infinite.
    #[error("the model's output is not finite: this machine computes wrongly, or its weights are damaged")]
    NotFinite,
    /// Other numbers than the reference.
    #[error(
        "the model's output is {share:.1e} of its size away from the reference, at most {CHECK_SHARE:.0e} is allowed: this machine computes wrongly"
    )]
    Different {
        /// Distance, as a share of the answer's length.
        share: f64,
    },
    /// Training that does not learn what can be learned.
    #[error("the loss went from {first:.3} to {last:.3} in training on what can be learned: this machine computes wrongly")]
    Unlearned {
        /// Loss at first.
        first: f64,
        /// Loss of late.
        last: f64,
    },
}

/// A prompt and the reference's answer.
#[derive(Debug)]
pub struct Known {
    prompt: Vec<u32>,
    logits: Vec<f64>,
}

impl Known {
    /// Computes it, slowly, in f64 and without `gemm`, cache or batch.
    pub fn of(weights: &Weights, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(!seed);
        let c = weights.config();
        let prompt: Vec<u32> = (0..CHECKED.min(c.context)).map(|_| below(&mut rng, c.vocabulary)).collect();
        let logits = reference::logits(weights, &prompt);
        Self { prompt, logits }
    }

    /// Distance of an answer from the reference, as a share of its length.
    fn share(&self, got: &[f32]) -> f64 {
        let (mut off, mut all) = (0.0, 0.0);
        for (got, known) in got.iter().zip(&self.logits) {
            off += (f64::from(*got) - known).powi(2);
            all += known * known;
        }
        (off / all.max(f64::MIN_POSITIVE)).sqrt()
    }
}

#[derive(Debug)]
struct Sequence {
    rng: ChaCha8Rng,
    /// Tokens of the prompt that are still to be taken in, the last first.
    prompt: Vec<u32>,
    next: u32,
    /// It starts anew at this length. The first time earlier, so that the sequences of a batch do not end together and the rate is even.
    ends_at: usize,
}

impl Sequence {
    fn ask(&mut self, task: Task, c: &Config) {
        self.prompt = (0..task.prompt(c.context)).map(|_| below(&mut self.rng, c.vocabulary)).collect();
        self.prompt.reverse();
    }
}

/// A batch of sequences that never ends.
#[derive(Debug)]
pub struct Generator {
    decoder: Decoder,
    sampling: Sampling,
    task: Task,
    sequences: Vec<Sequence>,
    known: Option<Arc<Known>>,
    steps: u64,
}

impl Generator {
    /// `batch` sequences with prompts by `seed`.
    pub fn new(weights: Arc<Weights>, batch: usize, sampling: Sampling, seed: u64) -> Self {
        Self::with(weights, batch, sampling, seed, Task::Decode)
    }

    /// As [`Generator::new`], with another task.
    pub fn with(weights: Arc<Weights>, batch: usize, sampling: Sampling, seed: u64, task: Task) -> Self {
        let c = *weights.config();
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
            let mut sequence = Sequence { rng, prompt: Vec::new(), next: 0, ends_at };
            sequence.ask(task, &c);
            sequence
        });
        let sequences = sequences.collect();
        // One more sequence, for checks.
        Self { decoder: Decoder::new(weights, batch + 1), sampling, task, sequences, known: None, steps: 0 }
    }

    /// From now on, and every so many steps, an answer is checked against the reference.
    pub fn check_against(&mut self, known: Arc<Known>) {
        (self.known, self.steps) = (Some(known), 0);
    }

    /// Checks an answer now, with the same code and in the same memory as the work.
    fn check(&mut self, known: &Known) -> Result<(), Wrong> {
        let spare = self.sequences.len();
        self.decoder.restart(spare);
        let share = known.share(self.decoder.feed(&[(spare, &known.prompt)]));
        // What is not a number is no small distance either.
        if share <= CHECK_SHARE { Ok(()) } else { Err(Wrong::Different { share }) }
    }

    /// What the next step takes into each sequence: one token, or a piece of its prompt where there is room for it.
    fn plan(&mut self) -> Vec<(usize, Vec<u32>)> {
        let mut room = CHUNK;
        let mut feed = Vec::with_capacity(self.sequences.len());
        // Whose prompt has waited longest has come furthest: it goes first, so that prompts are finished one after the other.
        let mut asking: Vec<usize> = (0..self.sequences.len()).filter(|i| !self.sequences[*i].prompt.is_empty()).collect();
        asking.sort_by_key(|i| std::cmp::Reverse(self.decoder.length(*i)));
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
        if self.steps.is_multiple_of(CHECK_STEPS)
            && let Some(known) = self.known.clone()
        {
            self.check(&known)?;
        }
        self.steps += 1;
        let c = *self.decoder.weights().config();
        let answering: Vec<bool> = self.sequences.iter().map(|s| s.prompt.is_empty()).collect();
        let plan = self.plan();
        let feed: Vec<(usize, &[u32])> = plan.iter().map(|(i, tokens)| (*i, &tokens[..])).collect();
        let logits = self.decoder.feed(&feed);
        if !logits.iter().all(|l| l.is_finite()) {
            return Err(Wrong::NotFinite);
        }
        let mut done = Done::default();
        for ((i, tokens), logits) in plan.iter().zip(logits.chunks_exact(c.vocabulary)) {
            let sequence = &mut self.sequences[*i];
            done.input += if answering[*i] { 0 } else { tokens.len() };
            if sequence.prompt.is_empty() {
                done.output += 1;
                sequence.next = match self.sampling {
                    Sampling::Greedy => likeliest(logits),
                    Sampling::Seeded => by_probability(logits, &mut sequence.rng),
                };
            }
        }
        for (i, sequence) in self.sequences.iter_mut().enumerate() {
            if sequence.prompt.is_empty() && self.decoder.length(i) >= sequence.ends_at {
                self.decoder.restart(i);
                sequence.ends_at = if self.task == Task::Prefill { sequence.ends_at } else { c.context };
                sequence.ask(self.task, &c);
            }
        }
        Ok(done)
    }

    /// Writes where the work is: what the sequences hold and what they would do next. Not the weights.
    pub fn save(&mut self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(MAGIC)?;
        out.write_all(&(self.sequences.len() as u64).to_le_bytes())?;
        for s in &self.sequences {
            out.write_all(&s.rng.get_seed())?;
            out.write_all(&s.rng.get_stream().to_le_bytes())?;
            out.write_all(&s.rng.get_word_pos().to_le_bytes())?;
            for n in [u64::from(s.next), s.ends_at as u64, s.prompt.len() as u64] {
                out.write_all(&n.to_le_bytes())?;
            }
            for token in &s.prompt {
                out.write_all(&token.to_le_bytes())?;
            }
        }
        self.decoder.save(out)
    }

    /// Goes on from a checkpoint of the same model, batch and task; the tokens that follow are the same as without.
    pub fn load(&mut self, input: &mut impl Read) -> io::Result<()> {
        let other = |what: &str| io::Error::other(format!("this is no checkpoint of this work: {what}"));
        let c = *self.decoder.weights().config();
        if &bytes::<8>(input)? != MAGIC {
            return Err(other("it does not begin as one"));
        }
        if u64::from_le_bytes(bytes(input)?) != self.sequences.len() as u64 {
            return Err(other("its batch has another size"));
        }
        for s in &mut self.sequences {
            s.rng = ChaCha8Rng::from_seed(bytes(input)?);
            s.rng.set_stream(u64::from_le_bytes(bytes(input)?));
            s.rng.set_word_pos(u128::from_le_bytes(bytes(input)?));
            let mut number = |most: usize| {
                let n = u64::from_le_bytes(bytes(input)?);
                if n <= most as u64 { Ok(n as usize) } else { Err(other("a number is out of range")) }
            };
            (s.next, s.ends_at) = (number(c.vocabulary - 1)? as u32, number(c.context)?);
            let left = number(c.context)?;
            s.prompt.clear();
            for _ in 0..left {
                let token = u32::from_le_bytes(bytes(input)?);
                s.prompt.push(if (token as usize) < c.vocabulary { token } else { return Err(other("a token is out of range")) });
            }
        }
        self.decoder.load(input)
    }

    /// The token that each sequence takes next, unless that is one of its prompt.
    pub fn next_tokens(&self) -> impl Iterator<Item = u32> + '_ {
        self.sequences.iter().map(|s| s.prompt.last().copied().unwrap_or(s.next))
    }
}

fn bytes<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn below(rng: &mut ChaCha8Rng, n: usize) -> u32 {
    ((u64::from(rng.next_u32()) * n as u64) >> 32) as u32
}

fn likeliest(logits: &[f32]) -> u32 {
    logits.iter().enumerate().fold((0, f32::NEG_INFINITY), |best, (i, l)| if *l > best.1 { (i, *l) } else { best }).0 as u32
}

fn by_probability(logits: &[f32], rng: &mut ChaCha8Rng) -> u32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f32 = logits.iter().map(|l| (l - largest).exp()).sum();
    let mut left = f64::from(rng.next_u32()) / 4_294_967_296.0 * f64::from(total);
    for (i, l) in logits.iter().enumerate() {
        left -= f64::from((l - largest).exp());
        if left < 0.0 {
            return i as u32;
        }
    }
    likeliest(logits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Config = Config { layers: 2, width: 64, heads: 4, hidden: 96, vocabulary: 256, context: 32, ..Config::USUAL };
    const PROMPT: usize = Task::Decode.prompt(SHAPE.context);

    fn generator(seed: u64, sampling: Sampling, batch: usize, task: Task) -> Generator {
        Generator::with(Arc::new(Weights::random(SHAPE, seed)), batch, sampling, seed, task)
    }

    /// So many tokens of each answer.
    fn answers(generator: &mut Generator, count: usize) -> Vec<Vec<u32>> {
        let mut out = vec![Vec::new(); generator.sequences.len()];
        for _ in 0..count {
            generator.step().expect("finite");
            out.iter_mut().zip(generator.next_tokens()).for_each(|(out, token)| out.push(token));
        }
        out
    }

    #[test]
    fn a_seed_gives_its_tokens_and_they_are_the_reference_ones() {
        let mut generator = generator(42, Sampling::Greedy, 1, Task::Decode);
        let prompt: Vec<u32> = generator.sequences[0].prompt.iter().rev().copied().collect();
        let answer = &answers(&mut generator, 12)[0];
        assert_eq!(answer[..], reference::greedy(&Weights::random(SHAPE, 42), &prompt, 12));
        assert_eq!([&prompt[..], answer].concat(), GREEDY);
    }

    #[test]
    fn sampling_is_seeded_too() {
        let answers = |seed| answers(&mut generator(seed, Sampling::Seeded, 2, Task::Decode), 12);
        assert_eq!(answers(42), answers(42));
        assert_ne!(answers(42), answers(43));
    }

    #[test]
    fn prompts_are_counted_apart_and_restarts_are_spread() {
        let mut generator = generator(1, Sampling::Greedy, 4, Task::Decode);
        let counts: Vec<Done> = (0..200).map(|_| generator.step().expect("finite")).collect();
        assert_eq!(counts[0], Done { input: 4 * PROMPT, output: 4 });
        assert!(counts.iter().all(|n| n.output == 4 && (n.input == 0 || n.input == PROMPT || n.input == 4 * PROMPT)), "{counts:?}");
        // The prompt's last token already yields one: 29 outputs in a context of 32.
        let input = counts[29..29 * 6].iter().map(|n| n.input).sum::<usize>();
        assert_eq!(input, 5 * 4 * PROMPT);
    }

    #[test]
    fn a_prefill_is_all_prompt_and_mixed_is_both() {
        let count = |task: Task, steps| {
            let mut generator = generator(1, Sampling::Greedy, 4, task);
            (0..steps)
                .map(|_| generator.step().expect("finite"))
                .fold(Done::default(), |a, b| Done { input: a.input + b.input, output: a.output + b.output })
        };
        // Full chunks of 64 in prompts of 31, and a token after each.
        assert_eq!(count(Task::Prefill, 31), Done { input: 31 * 64, output: 64 });
        let mixed = count(Task::Mixed, 500);
        let share = mixed.input as f64 / mixed.output as f64;
        // Eight in, then 25 out.
        assert!((share - 8.0 / 25.0).abs() < 0.02, "{mixed:?}");
    }

    #[test]
    fn long_prompts_in_pieces_are_the_reference_too() {
        let shape = Config { context: 200, ..SHAPE };
        let weights = Arc::new(Weights::random(shape, 5));
        let mut generator = Generator::with(Arc::clone(&weights), 1, Sampling::Greedy, 5, Task::Prefill);
        let prompt: Vec<u32> = generator.sequences[0].prompt.iter().rev().copied().collect();
        let pieces: Vec<Done> = (0..3).map(|_| generator.step().expect("finite")).collect();
        assert!(pieces.iter().all(|d| *d == Done { input: 64, output: 0 }));
        assert_eq!(generator.step(), Ok(Done { input: 7, output: 1 }));
        let expected = reference::logits(&weights, &prompt);
        let best = expected.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).expect("a token").0;
        assert_eq!(generator.sequences[0].next as usize, best);
    }

    #[test]
    fn a_checkpoint_goes_on_with_the_same_tokens() {
        for task in &[Task::Decode, Task::Prefill, Task::Mixed] {
            let mut first = generator(7, Sampling::Seeded, 3, *task);
            answers(&mut first, 17);
            let mut saved = Vec::new();
            first.save(&mut saved).expect("a buffer");
            let expected = answers(&mut first, 60);
            let mut second = generator(7, Sampling::Seeded, 3, *task);
            second.load(&mut &saved[..]).expect("sound");
            assert_eq!(answers(&mut second, 60), expected, "{task:?}");
            assert!(generator(7, Sampling::Seeded, 2, *task).load(&mut &saved[..]).is_err());
            for cut in [0, 7, 20, 60, saved.len() - 1] {
                assert!(second.load(&mut &saved[..cut]).is_err());
            }
        }
    }

    #[test]
    fn sound_work_passes_the_check_and_wrong_work_does_not() {
        let weights = Weights::random(SHAPE, 1);
        let known = Arc::new(Known::of(&weights, 1));
        let mut sound = Generator::new(Arc::new(weights), 2, Sampling::Greedy, 1);
        sound.check_against(Arc::clone(&known));
        assert!((0..600).all(|_| sound.step().is_ok()));
        // One weight of 170 thousand, off by its own size.
        let mut weights = Weights::random(SHAPE, 1);
        weights.layers[0].qkv.data[100] += 0.3;
        let mut wrong = Generator::new(Arc::new(weights), 2, Sampling::Greedy, 1);
        wrong.check_against(known);
        assert!(matches!(wrong.step(), Err(Wrong::Different { share }) if share > CHECK_SHARE));
    }

    #[test]
    fn damaged_weights_are_noticed() {
        let mut weights = Weights::random(SHAPE, 1);
        weights.layers[1].down.data[5] = f32::NAN;
        assert_eq!(Generator::new(Arc::new(weights), 1, Sampling::Greedy, 1).step(), Err(Wrong::NotFinite));
    }

    #[test]
    fn choice_follows_probability() {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let logits = [0.0, 3.0_f32.ln(), f32::MIN];
        let picks: Vec<u32> = (0..4000).map(|_| by_probability(&logits, &mut rng)).collect();
        let second = picks.iter().filter(|p| **p == 1).count() as f64 / 4000.0;
        assert!((second - 0.75).abs() < 0.02, "{second}");
        assert!(!picks.contains(&2));
    }

    const GREEDY: [u32; 16] = [57, 174, 37, 243, 228, 22, 9, 199, 168, 189, 238, 46, 102, 30, 59, 102];
}
