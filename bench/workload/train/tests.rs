//! Gradients against differences of the reference; learning; and work that is wrong.

use super::lesson::largest;
use super::*;
use crate::reference::Source;
use crate::transformer::Config;
use crate::transformer::Preset;

const SHAPE: Config = Config { layers: 2, width: 16, heads: 4, kv_heads: Some(2), hidden: 24, vocabulary: 13, context: 8, ..Config::USUAL };

#[test]
fn gradients_are_the_differences_of_the_reference() {
    for tied in [false, true] {
        let mut trainer = Trainer::new(Weights::random(Config { tied, ..SHAPE }, 3), 3);
        let text = [1, 7, 7, 12, 0, 3, 9];
        let loss = trainer.learn(&text);
        assert!((loss - known_loss(&Source::held(&trainer.weights), &text)).abs() < 1e-5);
        let gradient: Vec<Vec<f32>> = parameters(&mut trainer.gradient).iter().map(|p| p.to_vec()).collect();
        for (n, slice) in gradient.iter().enumerate() {
            // Some of each kind of weights.
            for i in (0..slice.len()).step_by(slice.len() / 7 + 1) {
                let mut loss_at = |by: f32| {
                    parameters(&mut trainer.weights)[n][i] += by;
                    let loss = known_loss(&Source::held(&trainer.weights), &text);
                    parameters(&mut trainer.weights)[n][i] -= by;
                    loss
                };
                let h = 1.0 / 512.0;
                let difference = (loss_at(h) - loss_at(-h)) / f64::from(2.0 * h);
                assert!((difference - f64::from(slice[i])).abs() < 2e-4, "{n}[{i}], tied {tied}: {difference} and {}", slice[i]);
            }
        }
    }
}

/// A loss that falls is no proof: half a gradient makes it fall too.
#[test]
fn a_gradient_that_is_off_in_one_part_is_told() {
    let text = [1, 7, 7, 12, 0, 3, 9];
    let mut trainer = Trainer::new(Weights::random(SHAPE, 3), 3);
    trainer.learn(&text);
    trainer.check_gradient(&text).expect("sound");
    let most: Vec<f32> = parameters(&mut trainer.gradient).iter().map(|part| largest(part).1.abs()).collect();
    let mut told = 0;
    for (n, own) in most.iter().enumerate() {
        // Those that make enough of the whole for a hundredth of it to be theirs.
        if *own < 0.05 * most.iter().sum::<f32>() {
            continue;
        }
        trainer.learn(&text);
        for g in &mut *parameters(&mut trainer.gradient)[n] {
            *g *= 0.5;
        }
        assert!(matches!(trainer.check_gradient(&text), Err(Wrong::Different { .. })), "part {n}");
        told += 1;
    }
    assert!(told >= 5, "{told} of {most:?}");
}

#[test]
fn the_first_update_and_the_last_loss_are_checked() {
    let mut trainer = Trainer::new(Weights::random(SHAPE, 5), 5);
    // As if the means were not new: the update goes another way.
    for (mean, _) in &mut trainer.means {
        mean.fill(1.0);
    }
    assert!(matches!(trainer.step(), Err(Wrong::Different { .. })));
    let mut trainer = Trainer::new(Weights::random(SHAPE, 5), 5);
    trainer.step().and_then(|_| trainer.step()).expect("sound");
    assert_eq!(trainer.unchecked.output, 8);
    trainer.close().expect("sound");
    assert_eq!(trainer.unchecked, Done::default());
}

#[test]
fn it_learns_the_walk_and_counts_its_tokens() {
    let mut trainer = Trainer::new(Weights::random(Config { vocabulary: 64, context: 32, ..SHAPE }, 5), 5);
    let text = trainer.text.walk(16);
    let before = known_loss(&Source::held(&trainer.weights), &text);
    for _ in 0..300 {
        assert_eq!(trainer.step(), Ok(Done { input: 0, output: 32 }));
    }
    assert!(trainer.loss() < 0.5 * before, "{} after {before}", trainer.loss());
}

#[test]
fn what_does_not_learn_or_is_wrong_is_told() {
    let mut trainer = Trainer::new(Weights::random(SHAPE, 5), 5);
    trainer.step().expect("sound");
    // As if every update were lost.
    trainer.progress = Progress::before_a_look(0.0, 1.0);
    assert!(matches!(trainer.step(), Err(Wrong::Unlearned { .. })));
    let mut trainer = Trainer::new(Weights::random(Preset::Tiny.config(), 5), 5);
    trainer.weights.norm[3] = f32::NAN;
    assert!(trainer.step().is_err());
}
