//! The decoder against plain loops, of every shape.

use super::*;
use crate::engine::Engine;
use crate::reference;
use crate::transformer::Preset;
use proptest::prelude::*;

/// Feeds `sequences` step by step and compares the logits after every token with the reference.
fn largest_difference(config: Config, seed: u64, sequences: &[Vec<u32>]) -> f64 {
    let weights = Arc::new(Weights::random(config, seed));
    let mut decoder = Decoder::new(Arc::clone(&weights), sequences.len());
    let mut worst = 0.0_f64;
    for n in 1..=sequences[0].len() {
        let tokens: Vec<u32> = sequences.iter().map(|s| s[n - 1]).collect();
        let logits = decoder.step(&tokens).to_vec();
        for (sequence, got) in sequences.iter().zip(logits.chunks_exact(config.vocabulary)) {
            let expected = reference::logits(&weights, &sequence[..n]);
            worst = got.iter().zip(expected).map(|(g, e)| (f64::from(*g) - e).abs()).fold(worst, f64::max);
        }
    }
    worst
}

#[test]
fn cache_batch_and_products_agree_with_plain_loops() {
    for tied in [false, true] {
        let kv_heads = tied.then_some(2);
        let config = Config { layers: 3, width: 48, heads: 4, kv_heads, hidden: 80, vocabulary: 61, context: 24, tied, ..Config::USUAL };
        let sequences: Vec<Vec<u32>> = (0..3).map(|s| (0..24).map(|i| (7 * i + 13 * s + i * i * s) % 61).collect()).collect();
        let difference = largest_difference(config, 5, &sequences);
        assert!(difference < 1e-4, "{difference}");
    }
}

#[test]
fn so_does_the_preset() {
    let sequences = [vec![3, 1000, 512, 77], vec![1023, 0, 9, 9]];
    let difference = largest_difference(Preset::Tiny.config(), 11, &sequences);
    assert!(difference < 1e-4, "{difference}");
}

#[test]
fn a_restarted_sequence_forgets_and_its_neighbour_does_not() {
    let config = Config { layers: 2, width: 32, heads: 2, hidden: 40, vocabulary: 19, context: 8, tied: true, ..Config::USUAL };
    let weights = Arc::new(Weights::random(config, 2));
    let mut decoder = Decoder::new(Arc::clone(&weights), 2);
    decoder.step(&[1, 2]);
    decoder.step(&[3, 4]);
    decoder.restart(0);
    let logits = decoder.step(&[5, 6]).to_vec();
    assert_eq!((decoder.length(0), decoder.length(1)), (1, 3));
    for (got, expected) in logits.chunks_exact(19).zip([reference::logits(&weights, &[5]), reference::logits(&weights, &[2, 4, 6])]) {
        assert!(got.iter().zip(expected).all(|(g, e)| (f64::from(*g) - e).abs() < 1e-4));
    }
}

#[test]
fn many_tokens_at_once_are_the_same_as_one_by_one() {
    let config = Config { layers: 2, width: 32, heads: 4, kv_heads: Some(2), hidden: 40, vocabulary: 19, context: 12, ..Config::USUAL };
    let weights = Arc::new(Weights::random(config, 2));
    let mut decoder = Decoder::new(Arc::clone(&weights), 3);
    decoder.feed(&[(1, &[4, 4])]);
    let logits = decoder.feed(&[(2, &[1, 2, 3, 4, 5]), (1, &[6]), (0, &[7, 8])]).to_vec();
    assert_eq!([0, 1, 2].map(|i| decoder.length(i)), [2, 3, 5]);
    let expected: [&[u32]; 3] = [&[1, 2, 3, 4, 5], &[4, 4, 6], &[7, 8]];
    for (got, tokens) in logits.chunks_exact(19).zip(expected) {
        let expected = reference::logits(&weights, tokens);
        assert!(got.iter().zip(expected).all(|(g, e)| (f64::from(*g) - e).abs() < 1e-4));
    }
}

#[test]
fn a_checkpoint_goes_on_where_it_was() {
    let config = Config { layers: 2, width: 32, heads: 4, kv_heads: Some(2), hidden: 40, vocabulary: 19, context: 8, ..Config::USUAL };
    let weights = Arc::new(Weights::random(config, 2));
    let mut first = Decoder::new(Arc::clone(&weights), 2);
    first.feed(&[(0, &[1, 2, 3]), (1, &[4])]);
    let mut saved = Vec::new();
    first.save(&mut saved).expect("a buffer");
    // Lengths, and keys and values of four tokens in two layers, two heads of eight.
    assert_eq!(saved.len(), 2 * 8 + 4 * 2 * 2 * 16 * 4);
    let mut second = Decoder::new(Arc::clone(&weights), 2);
    second.feed(&[(0, &[9, 9]), (1, &[9])]);
    second.load(&mut &saved[..]).expect("sound");
    assert_eq!(first.step(&[5, 6]), second.step(&[5, 6]));
    assert!(second.load(&mut &saved[..40]).is_err());
    assert!(second.load(&mut &[0xff; 99][..]).is_err());
}

#[test]
fn one_changed_weight_changes_the_logits() {
    let config = Config { layers: 1, width: 16, heads: 2, hidden: 16, vocabulary: 7, context: 4, tied: false, ..Config::USUAL };
    let logits = |change: f32| {
        let mut weights = Weights::random(config, 2);
        weights.layers[0].down.data[17] += change;
        Decoder::new(Arc::new(weights), 1).step(&[3]).to_vec()
    };
    assert_eq!(logits(0.0), logits(0.0));
    assert_ne!(logits(0.0), logits(0.5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_small_shape_agrees(layers in 1..3_usize, kv in 1..3_usize, shared in 1..3_usize, half in 1..6_usize, hidden in 1..20_usize, tied: bool, seed: u64,
                              tokens in proptest::collection::vec(0..9_u32, 1..6)) {
        let heads = kv * shared;
        let config = Config { layers, width: heads * half * 2, heads, kv_heads: Some(kv), hidden, vocabulary: 9, context: 6, tied, ..Config::USUAL };
        let difference = largest_difference(config, seed, &[tokens]);
        prop_assert!(difference < 1e-4, "{}", difference);
    }
}
