//! How fast the built-in transformer works on this host: `cargo run --release -p orbitbench-workload --example throughput`.
//! Prints tokens a second by preset, task and batch, the best of five, on one thread, without pacing; and what a restart from a checkpoint costs beside
//! taking the same tokens in again.

use std::sync::Arc;
use std::time::Instant;
use workload::generate::{Done, Generator, Sampling, Task};
use workload::transformer::{Preset, Weights};

fn main() {
    println!("{:8} {:8} {:>6} {:>12} {:>12} {:>10}", "preset", "task", "batch", "in/s", "out/s", "GFLOP/s");
    for preset in [Preset::Tiny, Preset::Small, Preset::M135] {
        let config = preset.config();
        let weights = Arc::new(Weights::random(config, 1));
        // Two operations a weight and token, the embedding only looked up unless it is the head too; attention not counted.
        let head = config.vocabulary * config.width;
        let block = (config.parameters() - if config.tied { 1 } else { 2 } * head) as f64;
        for (task, batches) in [(Task::Decode, &[1, 8, 16, 32][..]), (Task::Prefill, &[1]), (Task::Mixed, &[16])] {
            for batch in batches {
                let mut generator = Generator::with(Arc::clone(&weights), *batch, Sampling::Seeded, 1, task);
                let best = (0..5)
                    .map(|_| rate(&mut generator))
                    .fold((0.0, 0.0), |best: (f64, f64), r| if r.0 + r.1 > best.0 + best.1 { r } else { best });
                let flops = 2.0 * (block * (best.0 + best.1) + head as f64 * best.1) / 1e9;
                println!("{:8} {:8} {batch:6} {:12.0} {:12.0} {flops:10.1}", preset.name(), task.name(), best.0, best.1);
            }
        }
        restart(preset, &weights);
    }
}

/// Tokens in and out a second over at least half a second. A step with a prompt takes in whole chunks.
fn rate(generator: &mut Generator) -> (f64, f64) {
    let start = Instant::now();
    let mut all = Done::default();
    while start.elapsed().as_secs_f64() < 0.5 {
        let done = generator.step().expect("finite logits");
        (all.input, all.output) = (all.input + done.input, all.output + done.output);
    }
    let seconds = start.elapsed().as_secs_f64();
    (all.input as f64 / seconds, all.output as f64 / seconds)
}

/// A full batch, half-way through its contexts, written down and taken back.
fn restart(preset: Preset, weights: &Arc<Weights>) {
    let mut generator = Generator::new(Arc::clone(weights), preset.batch(), Sampling::Seeded, 1);
    let start = Instant::now();
    let mut tokens = 0;
    for _ in 0..preset.config().context / 2 {
        let done = generator.step().expect("finite logits");
        tokens += done.input + done.output;
    }
    let (anew, start) = (start.elapsed(), Instant::now());
    let mut saved = Vec::new();
    generator.save(&mut saved).expect("memory");
    let (save, start) = (start.elapsed(), Instant::now());
    generator.load(&mut &saved[..]).expect("our own");
    let load = start.elapsed();
    println!(
        "{:8} checkpoint of {:.1} MB: written in {:.1} ms, taken back in {:.1} ms; doing its {tokens} tokens again takes {:.0} ms",
        preset.name(),
        saved.len() as f64 / 1e6,
        save.as_secs_f64() * 1e3,
        load.as_secs_f64() * 1e3,
        anew.as_secs_f64() * 1e3
    );
}
