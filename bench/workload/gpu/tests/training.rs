//! Gradients and losses against the host's trainer, which is held against differences of the reference.

use super::{asked, device, flaw};
use crate::generate::{Done, Wrong};
use crate::gpu::driver::Device;
use crate::gpu::plan::Number;
use crate::gpu::product::Products;
use crate::gpu::train::{Trainer, lesson_tokens};
use crate::gpu::weights::From;
use crate::job::{Endless, Job};
use crate::reference::Source;
use crate::train::{self, Lesson};
use crate::transformer::{Config, Preset, Weights};
use std::rc::Rc;

const SHAPE: Config =
    Config { layers: 2, width: 16, heads: 4, kv_heads: Some(2), hidden: 24, vocabulary: 30, context: 16, ..Config::USUAL };

fn on_card(device: &Rc<Device>, config: Config, number: Number, batch: usize, own: bool) -> Trainer {
    let products = if own { Products::Own("for the test".to_owned()) } else { Products::find(device) };
    Trainer::new(device, products, config, number, From::Seed(3), batch, config.context, 3).expect("room")
}

#[test]
fn gradients_are_the_host_s() {
    let Some(device) = device() else { return };
    for (tied, own) in [(false, false), (true, true)] {
        let config = Config { tied, ..SHAPE };
        let mut host = train::Trainer::new(Weights::random(config, 3), 3);
        let mut card = on_card(&device, config, Number::F32, 2, own);
        // A token twice in a text, and again in the other.
        let texts = [vec![1, 7, 7, 12, 0, 3, 29], vec![7, 2, 9, 9, 9, 4, 1]];
        let loss = card.learn(&texts).expect("sound");
        let (losses, gradients): (Vec<f64>, Vec<Vec<Vec<f32>>>) = texts.iter().map(|t| host.loss_and_gradient(t)).unzip();
        assert!((loss - f64::midpoint(losses[0], losses[1])).abs() < 1e-5, "{loss} and {losses:?}");
        for (n, got) in card.gradient().expect("read").iter().enumerate() {
            let (a, b) = (&gradients[0][n], &gradients[1][n]);
            // Ours lie turned: their sums of squares agree whatever the order, and the parts that are not turned agree number by number.
            let squares = |x: &mut dyn Iterator<Item = f32>| x.map(|v| f64::from(v).powi(2)).sum::<f64>();
            let ours = squares(&mut got.iter().copied());
            let theirs = squares(&mut a.iter().zip(b).map(|(a, b)| f32::midpoint(*a, *b)));
            assert!((ours - theirs).abs() < 1e-4 * theirs.max(1e-9), "part {n}, tied {tied}: {ours} and {theirs}");
            if n < 2 {
                for (got, (a, b)) in got.iter().zip(a.iter().zip(b)) {
                    assert!((got - f32::midpoint(*a, *b)).abs() < 1e-5, "part {n}");
                }
            }
        }
    }
}

#[test]
fn losses_are_the_host_s_step_by_step() {
    let Some(device) = device() else { return };
    let mut host = train::Trainer::new(Weights::random(SHAPE, 3), 3);
    let mut card = on_card(&device, SHAPE, Number::F32, 1, false);
    for _ in 0..30 {
        let (a, b) = (host.step().expect("sound"), card.step().expect("sound"));
        assert_eq!(a, b);
        assert!((host.loss() - card.loss()).abs() < 1e-3, "{} and {}", host.loss(), card.loss());
    }
}

/// The first step is held against the host's: what is wrong with one text of the batch, the gradient or the update is found, though the loss would fall all the same.
#[test]
fn a_wrong_gradient_or_update_is_found_in_the_first_step() {
    let Some(device) = device() else { return };
    let lesson = || Lesson::of(&Source::random(SHAPE, 3).whole(), SHAPE.context, 3);
    for own in [false, true] {
        let mut sound = on_card(&device, SHAPE, Number::F32, 3, own);
        sound.check_against(lesson());
        sound.step().expect("sound");
        for part in 0..lesson().gradient.len() {
            let mut off = lesson();
            for g in &mut off.gradient[part] {
                *g *= 1.05;
            }
            let mut card = on_card(&device, SHAPE, Number::F32, 3, own);
            card.check_against(off);
            assert!(matches!(card.step(), Err(Wrong::Different { .. })), "the gradient of part {part}");
            let mut off = lesson();
            off.moved[part].1 *= -1.0;
            let mut card = on_card(&device, SHAPE, Number::F32, 3, own);
            card.check_against(off);
            assert!(matches!(card.step(), Err(Wrong::Different { .. })), "the update of part {part}");
        }
        let mut card = on_card(&device, SHAPE, Number::F32, 3, own);
        card.check_against(Lesson { loss: 1.002 * lesson().loss, ..lesson() });
        assert!(matches!(card.step(), Err(Wrong::Different { .. })));
    }
}

#[test]
fn bf16_learns_and_a_wrong_model_is_noticed() {
    let Some(device) = device() else { return };
    let mut card = on_card(&device, SHAPE, Number::Bf16, 2, false);
    card.check_against(Lesson::of(&Source::random(SHAPE, 3).rounded(true).whole(), SHAPE.context, 3));
    let first = card.step().map(|_| card.loss()).expect("sound");
    for _ in 0..60 {
        card.step().expect("sound");
    }
    assert!(card.loss() < 0.7 * first, "{} after {first}", card.loss());
    card.close(&Endless).expect("sound");
    assert_eq!(card.unchecked(), Done::default());
    let mut other = on_card(&device, SHAPE, Number::Bf16, 2, false);
    other.check_against(Lesson::of(&Source::random(SHAPE, 4).rounded(true).whole(), SHAPE.context, 3));
    assert!(other.step().is_err());
}

/// Loss and gradient are one launch, the update another, and what they come to is what the host comes to launch by launch.
#[test]
fn a_step_is_two_launches() {
    let Some(device) = device() else { return };
    for (number, own) in [(Number::F32, false), (Number::Bf16, false), (Number::Bf16, true)] {
        let mut card = on_card(&device, SHAPE, number, 2, own);
        let mut counts = Vec::new();
        for _ in 0..6 {
            let before = asked();
            card.step().expect("sound");
            counts.push((asked().0 - before.0, asked().1 - before.1));
        }
        eprintln!("{number:?}, own products {own}: {} launches at first, then {:?}", counts[0].0, counts[1]);
        assert!(counts[0].0 > 80 && counts[0].1 == 0 && counts[1..].iter().all(|c| *c == (0, 2)), "{counts:?}");
    }
}

/// What goes wrong after the first step is found by the last: whole lessons, or of so few tokens as large models have.
#[test]
fn a_card_that_went_wrong_on_the_way_does_not_pass_its_last_check() {
    let Some(device) = device() else { return };
    for (what, number) in
        [(0, Number::F32), (0, Number::Bf16), (9, Number::F32), (9, Number::Bf16), (10, Number::F32), (10, Number::Bf16), (7, Number::F32)]
    {
        let mut card = on_card(&device, SHAPE, number, 2, false);
        card.check_against(Lesson::of(&Source::random(SHAPE, 3).rounded(number != Number::F32).whole(), SHAPE.context, 3));
        card.step().expect("sound");
        flaw(what);
        let stepped = (0..30).find_map(|_| card.step().err());
        let told = card.close(&Endless);
        flaw(0);
        assert_eq!(stepped, None, "flaw {what}, {number:?}: only the last check sees it");
        if what == 0 {
            assert_eq!((told, card.unchecked()), (Ok(()), Done::default()), "{number:?}");
        } else {
            assert!(matches!(told, Err(Wrong::Different { .. })), "flaw {what}, {number:?}: {told:?}");
            assert_ne!(card.unchecked(), Done::default());
        }
    }
}

/// Models of every size have a last check, of as many tokens as the host computes in time.
#[test]
fn large_models_are_checked_over_fewer_tokens() {
    let Some(device) = device() else { return };
    let of = |preset: Preset| lesson_tokens(preset.config().parameters(), preset.config().context);
    assert_eq!([Preset::Tiny, Preset::M135, Preset::B1, Preset::B8].map(of), [256, 148, 16, 2]);
    for (what, number) in [(0, Number::F32), (0, Number::Bf16), (7, Number::F32), (9, Number::F32), (9, Number::Bf16), (10, Number::Bf16)] {
        for tokens in [2, 5] {
            let mut card = on_card(&device, SHAPE, number, 2, false);
            card.step().expect("sound");
            // Before anything is recorded: what a recording holds is as it was then.
            flaw(what);
            for _ in 0..20 {
                card.step().expect("only the last check sees it");
            }
            let told = card.close_over(tokens, &Endless);
            flaw(0);
            assert_eq!(told.is_ok(), what == 0, "flaw {what}, {number:?}, {tokens} tokens: {told:?}");
            assert_eq!(card.unchecked() == Done::default(), what == 0);
        }
    }
}

/// The first lesson of a large model is short, too, or the host would compute for a minute before anything is trained: the rest of the step's places is filled up.
#[test]
fn a_first_lesson_may_be_shorter_than_a_text() {
    let Some(device) = device() else { return };
    for (number, tokens) in [(Number::F32, 2), (Number::F32, 5), (Number::Bf16, 5)] {
        let lesson = || Lesson::of(&Source::random(SHAPE, 3).rounded(number != Number::F32).whole(), tokens, 3);
        let mut card = on_card(&device, SHAPE, number, 2, false);
        card.check_against(lesson());
        assert_eq!(card.step(), Ok(Done { input: 0, output: 2 * tokens }), "{number:?}, {tokens} tokens");
        assert!((card.loss() / lesson().loss - 1.0).abs() < 0.02, "the mean is of what was wanted: {} for {}", card.loss(), lesson().loss);
        assert_eq!(card.unchecked(), Done::default());
        // What is computed once is recorded: the next step is of whole texts.
        assert_eq!(card.step(), Ok(Done { input: 0, output: 2 * SHAPE.context }));
        let mut again = on_card(&device, SHAPE, number, 2, false);
        again.open_with(Lesson::text(&SHAPE, tokens, 3));
        assert_eq!(again.step().map(|done| done.output), Ok(2 * tokens), "done again after a restart, it is the same step");
        assert_eq!(again.loss().to_bits(), card_loss(&device, number, lesson()).to_bits());
        for part in 0..lesson().gradient.len() {
            let mut off = lesson();
            for g in &mut off.gradient[part] {
                *g *= 1.5;
            }
            let mut card = on_card(&device, SHAPE, number, 2, false);
            card.check_against(off);
            assert!(matches!(card.step(), Err(Wrong::Different { .. })), "the gradient of part {part}");
        }
    }
}

fn card_loss(device: &Rc<Device>, number: Number, lesson: Lesson) -> f64 {
    let mut card = on_card(device, SHAPE, number, 2, false);
    card.check_against(lesson);
    card.step().map(|_| card.loss()).expect("sound")
}

#[test]
fn a_checkpoint_goes_on_with_the_same_losses() {
    let Some(device) = device() else { return };
    for number in [Number::F32, Number::Bf16] {
        let mut first = on_card(&device, SHAPE, number, 2, false);
        for _ in 0..7 {
            first.step().expect("sound");
        }
        let mut saved = Vec::new();
        first.save(&mut saved).expect("a buffer");
        let mut second = on_card(&device, SHAPE, number, 2, false);
        second.load(&mut &saved[..]).expect("sound");
        for _ in 0..10 {
            assert_eq!(first.step(), second.step());
            assert!(first.loss().to_bits() == second.loss().to_bits(), "{} and {}", first.loss(), second.loss());
        }
        let (mut a, mut b) = (Vec::new(), Vec::new());
        first.save(&mut a).expect("a buffer");
        second.save(&mut b).expect("a buffer");
        assert!(a == b && a != saved);
        for cut in [0, 20, saved.len() / 2, saved.len() - 1] {
            assert!(second.load(&mut &saved[..cut]).is_err());
        }
    }
}
