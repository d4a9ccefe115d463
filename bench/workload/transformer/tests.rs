use super::*;

#[test]
fn the_count_of_weights_is_what_is_there() {
    for tied in [false, true] {
        let kv_heads = tied.then_some(1);
        let config = Config { layers: 2, width: 16, heads: 2, kv_heads, hidden: 24, vocabulary: 11, context: 8, tied, ..Config::USUAL };
        let w = Weights::random(config, 1);
        let layers: usize = w
            .layers
            .iter()
            .map(|l| {
                let matrices = [&l.qkv, &l.out, &l.gate_up, &l.down].iter().map(|m| m.data.len()).sum::<usize>();
                matrices + l.norm_attention.len() + l.norm_forward.len()
            })
            .sum();
        let head = w.head.as_ref().map_or(0, |h| h.data.len());
        assert_eq!(layers + w.norm.len() + w.embedding.data.len() + head, config.parameters());
    }
}

#[test]
fn presets_are_the_sizes_they_say() {
    let millions = Preset::ALL.iter().map(|p| (p.config().parameters() as f64 / 1e5).round() / 10.0);
    assert_eq!(millions.collect::<Vec<_>>(), [3.7, 17.8, 134.5, 1235.8, 8030.3]);
    assert!(Preset::ALL.iter().all(|p| p.config().check().is_ok()));
    assert!(Config { heads: 7, ..Preset::Tiny.config() }.check().is_err());
    assert!(Config { kv_heads: Some(3), ..Preset::Tiny.config() }.check().is_err());
    assert!(Config::USUAL.check().is_err());
}

#[test]
fn weights_belong_to_their_seed() {
    let config = Config { layers: 1, width: 8, heads: 2, hidden: 8, vocabulary: 8, context: 4, tied: false, ..Config::USUAL };
    let first = |seed| Weights::random(config, seed).layers[0].qkv.data[..4].to_vec();
    assert_eq!(first(1), first(1));
    assert_ne!(first(1), first(2));
}

/// The numbers of the seed that were drawn before this order was written down.
#[test]
fn weights_are_drawn_in_one_order() {
    let config = Config { layers: 2, width: 8, heads: 2, hidden: 6, vocabulary: 5, context: 4, ..Config::USUAL };
    let w = Weights::random(config, 4);
    let mut rng = Uniform::new(4);
    let all: Vec<f32> = (0..config.parameters()).map(|_| rng.next()).collect();
    let end = all.len() - 40;
    assert_eq!(w.layers[0].norm_attention[0], 1.0 + 0.1 * all[0]);
    assert_eq!(w.layers[0].qkv.data[0], (3.0_f32 / 8.0).sqrt() * all[8]);
    assert_eq!(w.head.expect("its own").data[39], 3.0 * (3.0_f32 / 8.0).sqrt() * all[end + 39]);
    assert_eq!(w.embedding.data[0], 3.0 * (3.0_f32 / 8.0).sqrt() * all[end - 40]);
}

#[test]
fn weights_neither_vanish_nor_explode_what_passes() {
    let drawn = Drawing { config: Config::USUAL, at: 0 }.matrix(256, 512, 1.0);
    let m = Uniform::new(3).matrix(&drawn);
    let variance = m.data.iter().map(|w| w * w).sum::<f32>() / m.data.len() as f32;
    assert!((variance * 256.0 - 1.0).abs() < 0.02, "{variance}");
}
