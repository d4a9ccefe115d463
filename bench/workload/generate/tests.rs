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
    assert!(matches!(wrong.step(), Err(Wrong::Different { share, .. }) if share > 1e-3));
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
