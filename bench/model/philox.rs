//! Random numbers as a function of what they are for: draw `n` of input `i` under a seed is always the same number, in whatever order
//! and on however many threads it is asked for. Not for secrets.
//!
//! Philox4x64-10: Salmon, Moraes, Dror & Shaw, Parallel random numbers: as easy as 1, 2, 3, SC'11 (2011), section 4.3.

const MULTIPLIERS: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
/// Weyl sequence of the key: golden ratio and sqrt(3) - 1.
const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];
const ROUNDS: usize = 10;

/// Four random words for `counter` under `key`.
pub fn philox(mut counter: [u64; 4], mut key: [u64; 2]) -> [u64; 4] {
    let wide = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        ((product >> 64) as u64, product as u64)
    };
    for _ in 0..ROUNDS {
        let (high0, low0) = wide(MULTIPLIERS[0], counter[0]);
        let (high1, low1) = wide(MULTIPLIERS[1], counter[2]);
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// `N` numbers of draw `draw` under `seed`, each evenly spread over 0..1, ends excluded.
pub fn uniforms<const N: usize>(seed: u64, draw: u64) -> [f64; N] {
    let mut numbers = [0.0; N];
    for (block, four) in numbers.chunks_mut(4).enumerate() {
        for (number, word) in four.iter_mut().zip(philox([draw, block as u64, 0, 0], [seed, 0])) {
            // The middle of one of 2^53 equal steps.
            *number = ((word >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_numpy() {
        // numpy.random.Philox(key=k, counter=c).random_raw(4); numpy 2.4.6. It counts up before it draws, so ours is one further.
        let cases = include_str!("testdata/philox.csv");
        let mut checked = 0;
        for line in cases.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit())) {
            let word: Vec<u64> = line.split(',').map(|w| w.parse().expect("a word")).collect();
            let [c0, c1, c2, c3, k0, k1, rest @ ..] = &word[..] else { panic!("a row of {line}") };
            assert_eq!(philox([*c0, *c1, *c2, *c3], [*k0, *k1]), rest);
            checked += 1;
        }
        assert!(checked >= 8);
    }

    #[test]
    fn numbers_are_even_and_independent() {
        let draws = 20_000;
        let rows: Vec<[f64; 6]> = (0..draws).map(|n| uniforms(7, n)).collect();
        for i in 0..6 {
            let mean = rows.iter().map(|r| r[i]).sum::<f64>() / draws as f64;
            assert!((mean - 0.5).abs() < 0.01, "{mean}");
            for j in 0..i {
                let covariance = rows.iter().map(|r| (r[i] - 0.5) * (r[j] - 0.5)).sum::<f64>() / draws as f64;
                assert!((covariance * 12.0).abs() < 0.03, "{i} {j}: {covariance}");
            }
        }
        assert_ne!(uniforms::<3>(7, 0), uniforms::<3>(8, 0));
        assert!(rows.iter().flatten().all(|u| *u > 0.0 && *u < 1.0));
    }
}
