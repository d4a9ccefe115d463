//! How fast the built-in transformer generates on this host: `cargo run --release -p orbitbench-workload --example throughput`.
//! Prints tokens a second by preset and batch, the best of five, on one thread, without pacing.

use std::sync::Arc;
use std::time::Instant;
use workload::generate::{Generator, Sampling};
use workload::transformer::{Preset, Weights};

fn main() {
    println!("{:8} {:>6} {:>12} {:>12}", "preset", "batch", "tokens/s", "GFLOP/s");
    for preset in Preset::ALL {
        let config = preset.config();
        let weights = Arc::new(Weights::random(config, 1));
        for batch in [1, 8, 16, 32] {
            let mut generator = Generator::new(Arc::clone(&weights), batch, Sampling::Seeded, 1);
            let steps = 4 * config.context / batch.min(8);
            let rate = (0..5).map(|_| rate(&mut generator, steps)).fold(0.0, f64::max);
            // Two operations a weight and token, the embedding only looked up; attention not counted.
            let weights_used = config.parameters() - if config.tied { 0 } else { config.vocabulary * config.width };
            println!("{:8} {batch:6} {rate:12.0} {:12.1}", preset.name(), rate * 2.0 * weights_used as f64 / 1e9);
        }
    }
}

/// Tokens a second over so many steps, prompts not counted.
fn rate(generator: &mut Generator, steps: usize) -> f64 {
    let start = Instant::now();
    let tokens: usize = (0..steps).map(|_| generator.step().expect("finite logits")).sum();
    tokens as f64 / start.elapsed().as_secs_f64()
}
