//! Tokens against the reference, counts, checkpoints, and work that is wrong.

use super::*;
use crate::decoder::by_probability;
use crate::reference;

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

/// An engine that is sound until a step, and then wrong in one respect.
#[derive(Debug)]
struct Failing {
    inner: Decoder,
    steps: u64,
    from: u64,
    how: Flaw,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    /// This member takes in another token than it was given.
    Member(usize),
    /// The token after the chosen one.
    Choice,
}

impl Engine for Failing {
    fn config(&self) -> &Config {
        Engine::config(&self.inner)
    }

    fn length(&self, sequence: usize) -> usize {
        self.inner.length(sequence)
    }

    fn restart(&mut self, sequence: usize) {
        self.inner.restart(sequence);
    }

    fn chunk(&self) -> usize {
        self.inner.chunk()
    }

    fn tolerance(&self) -> f64 {
        self.inner.tolerance()
    }

    fn logits(&mut self, feed: &crate::engine::Feed<'_>) -> Result<Vec<f32>, Wrong> {
        self.inner.logits(feed)
    }

    fn choose(&mut self, feed: &crate::engine::Feed<'_>, draws: &[Draw]) -> Result<Vec<u32>, Wrong> {
        self.steps += 1;
        let wrong = self.steps > self.from;
        let vocabulary = self.config().vocabulary as u32;
        let other = |i: usize, tokens: &[u32]| match self.how {
            Flaw::Member(member) if wrong && i == member => tokens.iter().map(|t| (t + 1) % vocabulary).collect(),
            _ => tokens.to_vec(),
        };
        let given: Vec<(usize, Vec<u32>)> = feed.iter().map(|(i, tokens)| (*i, other(*i, tokens))).collect();
        let feed: Vec<(usize, &[u32])> = given.iter().map(|(i, tokens)| (*i, &tokens[..])).collect();
        let mut chosen = self.inner.choose(&feed, draws)?;
        if wrong && self.how == Flaw::Choice {
            for t in &mut chosen {
                *t = (*t + 1) % vocabulary;
            }
        }
        Ok(chosen)
    }

    fn row(&mut self, n: usize) -> Result<Vec<f32>, Wrong> {
        self.inner.row(n)
    }

    fn save(&mut self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        self.inner.save(out)
    }

    fn load(&mut self, input: &mut dyn std::io::Read) -> std::io::Result<()> {
        self.inner.load(input)
    }
}

fn failing(batch: usize, task: Task, from: u64, how: Flaw) -> Generator {
    let weights = Weights::random(SHAPE, 1);
    let known = Arc::new(Known::of(&weights, 1));
    let inner = Decoder::new(Arc::new(weights), batch);
    let mut generator = Generator::on(Box::new(Failing { inner, steps: 0, from, how }), batch, Sampling::Seeded, 1, task);
    generator.check_against(known);
    generator
}

#[test]
fn sound_work_passes_its_checks_and_leaves_nothing_unchecked() {
    for task in [Task::Decode, Task::Prefill, Task::Mixed] {
        let mut sound = failing(3, task, u64::MAX, Flaw::Choice);
        let mut open = 0;
        for _ in 0..600 {
            sound.step().expect("sound");
            open = open.max(sound.unchecked().output);
        }
        assert!(open > 0 && open < 3 * 200, "{task:?}: {open} at once were unchecked");
        sound.close().expect("sound");
        assert_eq!(sound.unchecked(), Done::default());
    }
}

/// A chunk of prompts has room for two: those behind must come to their turn, and the last check to its end.
#[test]
fn every_member_of_a_prefill_is_worked_on() {
    let mut work = failing(8, Task::Prefill, u64::MAX, Flaw::Choice);
    for _ in 0..40 {
        work.step().expect("sound");
    }
    assert!(work.sequences.iter().all(|s| s.passage.is_none() && s.order >= 8), "somebody was never asked anew");
    work.close().expect("sound");
    assert_eq!(work.unchecked(), Done::default());
}

/// Who followed the known text goes on as anybody, and somebody follows it again before long.
#[test]
fn watched_work_that_was_put_away_is_watched_anew() {
    for task in [Task::Decode, Task::Prefill, Task::Mixed] {
        let mut first = failing(3, task, u64::MAX, Flaw::Choice);
        for _ in 0..7 {
            first.step().expect("sound");
        }
        let mut saved = Vec::new();
        first.save(&mut saved).expect("a buffer");
        let mut second = failing(3, task, u64::MAX, Flaw::Choice);
        second.load(&mut &saved[..]).expect("sound");
        assert!(second.sequences.iter().all(|s| s.passage.is_none()));
        assert_eq!((second.unfinished(), second.unchecked()), (first.unfinished(), Done::default()));
        let mut open = 0;
        let checked = (0..4000).any(|_| {
            second.step().expect("sound");
            let before = std::mem::replace(&mut open, second.unchecked().output);
            open < before
        });
        assert!(checked, "{task:?}: nobody looked any more");
        let mut wrong = failing(3, task, 0, Flaw::Member(1));
        wrong.load(&mut &saved[..]).expect("sound");
        assert!((0..4000).any(|_| wrong.step().is_err()), "{task:?}");
        first.rewind();
        assert!(first.sequences.iter().all(|s| s.passage.is_none() && s.prompt == s.asked.0));
        assert_eq!(first.unfinished(), Done::default());
        first.close().expect("sound");
        assert_eq!(first.unchecked(), Done::default());
    }
}

#[test]
fn one_weight_that_is_wrong_is_found_by_the_first_answer() {
    let known = Arc::new(Known::of(&Weights::random(SHAPE, 1), 1));
    // One weight of 170 thousand, off by its own size.
    let mut weights = Weights::random(SHAPE, 1);
    weights.layers[0].qkv.data[100] += 0.3;
    let mut wrong = Generator::new(Arc::new(weights), 2, Sampling::Greedy, 1);
    wrong.check_against(known);
    assert!(matches!(wrong.step(), Err(Wrong::Different { share, .. }) if share > 1e-3));
}

/// In any member, and long after the first answers were right.
#[test]
fn what_goes_wrong_later_is_found_while_it_goes_on() {
    for task in [Task::Decode, Task::Prefill, Task::Mixed] {
        for how in [Flaw::Member(0), Flaw::Member(2), Flaw::Choice] {
            let mut work = failing(3, task, 200, how);
            assert!((0..200).all(|_| work.step().is_ok()));
            let found = (0..4000).find_map(|_| work.step().err());
            assert!(matches!(found, Some(Wrong::Different { .. } | Wrong::Chosen { .. })), "{task:?}, {how:?}: {found:?}");
        }
    }
}

/// Work that ends before its next check has it then.
#[test]
fn the_last_check_finds_what_went_wrong_since_the_one_before() {
    for how in [Flaw::Member(0), Flaw::Choice] {
        let mut work = failing(1, Task::Decode, 100, how);
        for _ in 0..100 {
            work.step().expect("sound");
        }
        while work.unchecked() == Done::default() && work.step().is_ok() {}
        assert!(work.close().is_err(), "{how:?}");
    }
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
    let picks: Vec<u32> = (0..4000).map(|_| by_probability(&logits, rng.next_u32())).collect();
    let second = picks.iter().filter(|p| **p == 1).count() as f64 / 4000.0;
    assert!((second - 0.75).abs() < 0.02, "{second}");
    assert!(!picks.contains(&2));
}

const GREEDY: [u32; 16] = [57, 174, 37, 243, 228, 22, 9, 199, 168, 189, 238, 46, 102, 30, 59, 102];
