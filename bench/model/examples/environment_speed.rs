//! What a year of the 650 km orbit at 10 s steps costs: Sun, conical shadow and panel fluxes.
//!
//! `cargo run --release -p orbitbench-model --example environment_speed`

use model::Profile;
use std::hint::black_box;
use std::time::Instant;

fn main() -> Result<(), signal::Problems> {
    let (name, text) = *model::profile::builtin().iter().find(|(name, _)| *name == "dawn-dusk-650").expect("built in");
    let environment = Profile::parse(name, text)?.environment;
    for _ in 0..3 {
        let start = Instant::now();
        let (mut count, mut sum) = (0_u32, 0.0);
        for (_, sample) in environment.timeline(0.0, 365.25 * 86_400.0, 10.0) {
            count += 1;
            sum += black_box(sample).sink.0;
        }
        let taken = start.elapsed();
        println!(
            "timeline: {count} samples in {:.3} s, {:.0} ns each, mean sink {:.3} K",
            taken.as_secs_f64(),
            taken.as_secs_f64() / f64::from(count) * 1e9,
            sum / f64::from(count)
        );
    }
    let start = Instant::now();
    let sum: f64 = (0..200_000).map(|k| black_box(environment.at(f64::from(k) * 157.0)).sink.0).sum();
    println!("at: {:.0} ns each, mean sink {:.3} K", start.elapsed().as_secs_f64() / 2e5 * 1e9, sum / 2e5);
    let start = Instant::now();
    let edges = environment.shadow_edges(0.0, 365.25 * 86_400.0).len();
    println!("{edges} shadow edges of a year in {:.3} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let read = Profile::parse(name, text)?;
    println!("reading a profile, tables included: {:.2} ms ({})", start.elapsed().as_secs_f64() * 1e3, read.name);
    Ok(())
}
