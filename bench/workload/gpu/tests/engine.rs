//! The whole decoder against the reference and against the host's engine, and its checkpoints.

use super::{asked, device, flaw};
use crate::decoder;
use crate::engine::{Draw, Engine};
use crate::generate::{Done, Generator, Known, Sampling, Task, Wrong};
use crate::gpu::decoder::Decoder;
use crate::gpu::driver::Device;
use crate::gpu::plan::Number;
use crate::gpu::product::Products;
use crate::gpu::weights::{From, Weights};
use crate::reference::{Source, logits_of};
use crate::transformer::{self, Config};
use std::rc::Rc;
use std::sync::Arc;

const SHAPE: Config =
    Config { layers: 2, width: 64, heads: 2, kv_heads: Some(1), hidden: 96, vocabulary: 80, context: 80, ..Config::USUAL };

fn products(device: &Rc<Device>, own: bool) -> Products {
    if own { Products::Own("for the test".to_owned()) } else { Products::find(device) }
}

fn on_card(device: &Rc<Device>, config: Config, number: Number, from: From<'_>, own: bool, sequences: usize) -> Decoder {
    let weights = Weights::make(device, config, number, from).expect("room");
    Decoder::new(device, products(device, own), weights, sequences, 64).expect("room")
}

/// The same words of the stream, in the same places, but for the turned matrices.
#[test]
fn weights_drawn_on_the_card_are_the_host_s() {
    let Some(device) = device() else { return };
    for tied in [false, true] {
        // Odd sizes, so that parts begin in the midst of a block of the stream.
        let config =
            Config { layers: 2, width: 12, heads: 2, kv_heads: Some(1), hidden: 7, vocabulary: 5, context: 4, tied, ..Config::USUAL };
        let host = transformer::Weights::random(config, 9);
        let drawn = Weights::make(&device, config, Number::F32, From::Seed(9)).expect("room");
        let taken = Weights::make(&device, config, Number::F32, From::Host(&host)).expect("room");
        for ((a, count), (b, _)) in drawn.all().into_iter().zip(taken.all()) {
            assert_eq!(a.read::<f32>(0, count).expect("read"), b.read::<f32>(0, count).expect("read"));
        }
        let qkv = &host.layers[1].qkv;
        let there: Vec<f32> = drawn.layers[1].qkv.data.read(0, qkv.data.len()).expect("read");
        assert!((0..qkv.outputs).all(|o| (0..qkv.inputs).all(|i| there[o * qkv.inputs + i] == qkv.data[i * qkv.outputs + o])));
        let embedding: Vec<f32> = drawn.embedding.data.read(0, host.embedding.data.len()).expect("read");
        assert_eq!(embedding, host.embedding.data);
    }
}

fn distance(got: &[f32], expected: &[f64]) -> f64 {
    let off: f64 = got.iter().zip(expected).map(|(g, e)| (f64::from(*g) - e).powi(2)).sum();
    (off / expected.iter().map(|e| e * e).sum::<f64>()).sqrt()
}

#[test]
fn logits_are_the_reference_ones_in_all_numbers() {
    let Some(device) = device() else { return };
    let tokens: Vec<u32> = (0..75).map(|i| (7 * i + i * i) % 80).collect();
    for (config, allowed_bf16) in [(SHAPE, 0.03), (Config { width: 48, heads: 4, kv_heads: None, hidden: 64, tied: true, ..SHAPE }, 0.03)] {
        for (number, own, allowed) in [
            (Number::F32, false, 1e-5),
            (Number::F32, true, 1e-5),
            (Number::Bf16, false, allowed_bf16),
            (Number::Bf16, true, allowed_bf16),
            (Number::Fp8, false, 0.2),
        ] {
            let source = Source::random(config, 3).rounded(number != Number::F32);
            let mut card = on_card(&device, config, number, From::Seed(3), own, 3);
            // In pieces, beside another sequence, and one by one.
            card.logits(&[(1, &tokens[..9]), (0, &[5, 6])]).expect("sound");
            card.logits(&[(0, &[7]), (1, &tokens[9..60])]).expect("sound");
            card.logits(&[(1, &tokens[60..74])]).expect("sound");
            let got = card.logits(&[(1, &tokens[74..]), (2, &tokens[..1]), (0, &[8])]).expect("sound");
            let expected = [&tokens[..], &tokens[..1], &[5, 6, 7, 8]].map(|t| logits_of(&source, t));
            for (got, expected) in got.chunks_exact(config.vocabulary).zip(&expected) {
                let share = distance(got, expected);
                assert!(share < allowed, "{number:?}, own products {own}: {share}");
            }
        }
    }
}

/// Whole models of every number, by either's products, for rows few and many.
#[test]
fn sound_products_are_let_through() {
    let Some(device) = device() else { return };
    for (config, tied) in [(SHAPE, false), (Config { width: 48, heads: 4, kv_heads: None, hidden: 64, ..SHAPE }, true)] {
        for (number, own) in [(Number::F32, false), (Number::F32, true), (Number::Bf16, false), (Number::Bf16, true), (Number::Fp8, false)]
        {
            let card = on_card(&device, Config { tied, ..config }, number, From::Seed(3), own, 3);
            for rows in [1, 3, 64] {
                card.prove(rows).unwrap_or_else(|why| panic!("{number:?}, own products {own}, {rows} rows: {why}"));
            }
        }
    }
}

/// As work checks itself, with the tolerance it has: to the end of its last check, and with nothing left unchecked.
#[test]
fn sound_work_passes_its_checks_and_other_weights_do_not() {
    let Some(device) = device() else { return };
    let mut host = transformer::Weights::random(SHAPE, 3);
    for (number, task) in
        [(Number::F32, Task::Decode), (Number::Bf16, Task::Decode), (Number::Bf16, Task::Mixed), (Number::Fp8, Task::Prefill)]
    {
        let known = Arc::new(Known::from(&Source::random(SHAPE, 3).rounded(number != Number::F32), 3));
        let mut sound = Generator::on(Box::new(on_card(&device, SHAPE, number, From::Seed(3), false, 2)), 2, Sampling::Seeded, 3, task);
        sound.check_against(Arc::clone(&known));
        for _ in 0..90 {
            sound.step().expect("sound");
        }
        sound.close().expect("sound");
        assert_eq!(sound.unchecked(), Done::default());
        let mut wrong = Generator::on(Box::new(on_card(&device, SHAPE, number, From::Seed(4), false, 2)), 2, Sampling::Seeded, 3, task);
        wrong.check_against(known);
        let why = (0..3).find_map(|_| wrong.step().err());
        assert!(matches!(why, Some(Wrong::Different { share, .. }) if share > 0.5), "{number:?}: {why:?}");
    }
    host.layers[1].down.data[5] = f32::NAN;
    let mut damaged = on_card(&device, SHAPE, Number::F32, From::Host(&host), false, 1);
    assert_eq!(damaged.choose(&[(0, &[1])], &[Draw::Likeliest]), Err(Wrong::NotFinite));
}

/// Each of what a card, a driver or a kernel may do wrong, in the middle of work whose first answer is right or whose other sequences are.
#[test]
fn every_flaw_of_a_card_is_found_by_the_work_itself() {
    let Some(device) = device() else { return };
    for (what, task, number) in [
        (1, Task::Decode, Number::Bf16),
        (1, Task::Decode, Number::F32),
        (2, Task::Prefill, Number::Bf16),
        (3, Task::Decode, Number::Bf16),
        (4, Task::Decode, Number::Bf16),
        (4, Task::Mixed, Number::F32),
        (5, Task::Decode, Number::Bf16),
        (5, Task::Decode, Number::F32),
        (5, Task::Mixed, Number::Bf16),
        (8, Task::Mixed, Number::Bf16),
        (8, Task::Prefill, Number::Bf16),
        (9, Task::Decode, Number::Bf16),
        (9, Task::Mixed, Number::Bf16),
        (9, Task::Prefill, Number::Bf16),
        (6, Task::Decode, Number::Bf16),
    ] {
        let known = Arc::new(Known::from(&Source::random(SHAPE, 3).rounded(number != Number::F32), 3));
        let mut work = Generator::on(Box::new(on_card(&device, SHAPE, number, From::Seed(3), false, 4)), 4, Sampling::Seeded, 3, task);
        work.check_against(known);
        flaw(what);
        // Longest where a prompt has to come round to whoever follows the known text.
        let steps = if what == 8 { 600 } else { 90 };
        let found = (0..steps).find_map(|_| work.step().err()).or_else(|| work.close().err());
        flaw(0);
        assert!(matches!(found, Some(Wrong::Different { .. } | Wrong::Chosen { .. })), "flaw {what}, {task:?}, {number:?}: {found:?}");
    }
}

/// Steps that only answer and steps with prompts are both recorded, and what they answer is what they would have answered launch by launch.
#[test]
fn steps_are_launched_as_one_whatever_they_take_in() {
    let Some(device) = device() else { return };
    for (task, number) in
        [(Task::Decode, Number::Bf16), (Task::Mixed, Number::F32), (Task::Mixed, Number::Bf16), (Task::Prefill, Number::Bf16)]
    {
        let mut work = Generator::on(Box::new(on_card(&device, SHAPE, number, From::Seed(3), false, 8)), 8, Sampling::Seeded, 3, task);
        work.check_against(Arc::new(Known::from(&Source::random(SHAPE, 3).rounded(number != Number::F32), 3)));
        let (mut first, mut singly, mut together, mut prompts) = (0, 0, 0, 0);
        for step in 0..160 {
            let before = asked();
            let done = work.step().expect("sound");
            let (launches, graphs) = (asked().0 - before.0, asked().1 - before.1);
            assert!(graphs <= 1 && (launches == 0) == (graphs == 1), "either one by one or as one: {launches} and {graphs}");
            first = if first == 0 { launches } else { first };
            if step >= 80 {
                (singly, together) = (singly + i32::from(graphs == 0), together + i32::from(graphs == 1));
                prompts += i32::from(done.input > 0 && graphs == 1);
            }
        }
        eprintln!("{task:?} {number:?}: {first} launches a step one by one; of 80 steps {together} as one, {prompts} of them with prompts");
        assert!(prompts > 5 && 10 * together > 9 * (singly + together), "{task:?} {number:?}: {singly} and {together}");
    }
}

/// A hundredth of a product inside, which bf16's rounding hides from the logits.
#[test]
fn the_products_of_every_block_are_audited_by_themselves() {
    let Some(device) = device() else { return };
    for (number, own) in [(Number::F32, false), (Number::F32, true), (Number::Bf16, false), (Number::Bf16, true), (Number::Fp8, false)] {
        let source = Source::random(SHAPE, 3).rounded(number != Number::F32);
        for rows in [3, 50] {
            on_card(&device, SHAPE, number, From::Seed(3), own, 3).audit(&source, rows).expect("sound");
        }
        let mut other = source.whole();
        for w in &mut other.layers[1].down.data {
            *w *= 1.01;
        }
        let told = on_card(&device, SHAPE, number, From::Seed(3), own, 3).audit(&Source::held(&other), 3);
        assert!(number == Number::Fp8 || told.is_err(), "{number:?}: a hundredth of one product");
    }
    let card = on_card(&device, SHAPE, Number::Bf16, From::Seed(3), false, 3);
    flaw(7);
    let told = card.audit(&Source::random(SHAPE, 3).rounded(true), 3);
    flaw(0);
    assert!(matches!(told, Err(Wrong::Different { .. })), "{told:?}");
}

/// In f32 card and host agree token by token, through prompts in pieces, recorded steps, restarts.
#[test]
fn tokens_are_the_host_s() {
    let Some(device) = device() else { return };
    let config = Config { context: 24, ..SHAPE };
    for own in [false, true] {
        for (sampling, task) in [(Sampling::Greedy, Task::Decode), (Sampling::Seeded, Task::Mixed), (Sampling::Seeded, Task::Prefill)] {
            let host = Arc::new(transformer::Weights::random(config, 8));
            let host = Generator::on(Box::new(decoder::Decoder::new(host, 4)), 3, sampling, 8, task);
            let card = Generator::on(Box::new(on_card(&device, config, Number::F32, From::Seed(8), own, 4)), 3, sampling, 8, task);
            assert_eq!(answers(host, 40), answers(card, 40), "{task:?}, own products {own}");
        }
    }
}

fn answers(mut generator: Generator, steps: usize) -> Vec<(Done, Vec<u32>)> {
    (0..steps).map(|_| (generator.step().expect("sound"), generator.next_tokens().collect())).collect()
}

#[test]
fn a_checkpoint_goes_on_with_the_same_tokens() {
    let Some(device) = device() else { return };
    let config = Config { context: 24, ..SHAPE };
    for number in [Number::F32, Number::Bf16] {
        let fresh =
            || Generator::on(Box::new(on_card(&device, config, number, From::Seed(8), false, 3)), 2, Sampling::Seeded, 8, Task::Mixed);
        let mut first = fresh();
        for _ in 0..17 {
            first.step().expect("sound");
        }
        let mut saved = Vec::new();
        first.save(&mut saved).expect("a buffer");
        let mut second = fresh();
        second.load(&mut &saved[..]).expect("sound");
        assert_eq!(answers(first, 30), answers(second, 30));
        for cut in [0, 30, saved.len() / 2, saved.len() - 1] {
            assert!(fresh().load(&mut &saved[..cut]).is_err());
        }
        let other = if number == Number::F32 { Number::Bf16 } else { Number::F32 };
        let mut other =
            Generator::on(Box::new(on_card(&device, config, other, From::Seed(8), false, 3)), 2, Sampling::Seeded, 8, Task::Mixed);
        assert!(other.load(&mut &saved[..]).expect_err("other numbers").to_string().contains("other numbers"));
    }
}
