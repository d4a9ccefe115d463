//! Prompts by seed: random words, so that no server answers from a cache of earlier prompts.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Common words, most of them one token in most vocabularies.
const WORDS: [&str; 64] = [
    "orbit", "sun", "shadow", "heat", "panel", "water", "metal", "light", "night", "morning", "river", "stone", "paper", "engine",
    "garden", "window", "market", "letter", "music", "summer", "winter", "bridge", "silver", "forest", "doctor", "school", "island",
    "mountain", "road", "circle", "story", "number", "question", "answer", "signal", "power", "memory", "storm", "ocean", "desert",
    "bread", "salt", "table", "house", "train", "field", "horse", "glass", "clock", "paint", "north", "south", "east", "west", "green",
    "blue", "small", "large", "quick", "slow", "warm", "cold", "bright", "quiet",
];

/// The prompt of request `number`: what to write, with so many random words in front.
pub(crate) fn prompt(seed: u64, number: u64, words: usize) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    let mut text = String::with_capacity(8 * words + 64);
    // The number comes first: not even the beginning is shared.
    text.push_str(&number.to_string());
    for _ in 0..words {
        text.push(' ');
        text.push_str(WORDS[(rng.next_u32() >> 26) as usize]);
    }
    text.push_str(". Write a long story with these words.");
    text
}

/// Words of such a prompt in all.
pub(crate) const fn words(random: usize) -> u64 {
    // The number, and the request.
    random as u64 + 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_belong_to_their_seed_and_number() {
        assert_eq!(prompt(1, 2, 8), prompt(1, 2, 8));
        assert_ne!(prompt(1, 2, 8), prompt(1, 3, 8));
        assert_ne!(prompt(1, 2, 8), prompt(2, 2, 8));
        assert_eq!(prompt(1, 2, 8).split_whitespace().count() as u64, words(8));
    }
}
