//! What the fuzz targets check, run by plain `cargo test`: over the corpus that is kept, and over mutations of it by seed.

#[path = "fuzz/bodies/dialect.rs"]
mod dialect;
#[path = "fuzz/bodies/mecom.rs"]
mod mecom;
#[path = "fuzz/bodies/modbus.rs"]
mod modbus;
#[path = "fuzz/bodies/neslab.rs"]
mod neslab;
#[path = "fuzz/bodies/tetech.rs"]
mod tetech;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

const MUTATIONS: usize = 20_000;
const LONGEST: usize = 600;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// One of the things that a fuzzer does to an input: bits turned, pieces lost, doubled, or spliced from another.
fn mutate(input: &mut Vec<u8>, other: &[u8], rng: &mut ChaCha8Rng) {
    let at = rng.random_range(0..=input.len());
    match rng.random_range(0..6) {
        0 if at < input.len() => input[at] ^= 1 << rng.random_range(0..8),
        1 if at < input.len() => input[at] = rng.random(),
        2 => input.truncate(at),
        3 => drop(input.drain(at.min(rng.random_range(0..=at))..at)),
        4 => {
            let tail = input[at..].to_vec();
            input.extend(tail);
        }
        _ => {
            let from = rng.random_range(0..=other.len());
            input.splice(at..at, other[from..].iter().copied());
        }
    }
    input.truncate(LONGEST);
}

#[test]
fn no_input_breaks_what_the_targets_check() {
    type Target = (&'static str, fn(&[u8]), usize);
    let targets: [Target; 5] = [
        ("mecom", mecom::check, MUTATIONS),
        ("modbus", modbus::check, MUTATIONS),
        ("neslab", neslab::check, MUTATIONS),
        ("tetech", tetech::check, MUTATIONS),
        ("dialect", dialect::check, MUTATIONS / 4),
    ];
    for (target, check, mutations) in targets {
        let inputs = corpus(target);
        assert!(!inputs.is_empty(), "{target}");
        for input in &inputs {
            check(input);
        }
        check(&[]);
        let mut rng = ChaCha8Rng::seed_from_u64(0x0B17);
        let mut input = Vec::new();
        for turn in 0..mutations {
            // Mutations pile up for a while, then it begins anew from something published.
            if turn % 16 == 0 {
                input.clone_from(&inputs[rng.random_range(0..inputs.len())]);
            }
            mutate(&mut input, &inputs[rng.random_range(0..inputs.len())], &mut rng);
            check(&input);
        }
    }
}
