//! Fixed-decimal numbers into bytes, fast enough to log a day of rows in a fraction of a second. The digits are those of
//! `format!("{:.n}")`, except that a negative zero loses its sign. Not a general formatter: no exponents, no padding.

use std::io::Write as _;

/// Powers of ten up to what any column asks for.
const SCALE: [f64; 10] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Below this a scaled value and its half steps are exact in binary, so that the rounding here is exact too.
const EXACT: f64 = 4_503_599_627_370_496.0; // 2^52

/// Appends `value` with `decimals` digits after the point. `value` must be finite.
pub(crate) fn push_fixed(out: &mut Vec<u8>, value: f64, decimals: usize) {
    let magnitude = value.abs();
    let Some(&scale) = SCALE.get(decimals).filter(|s| magnitude * **s < EXACT) else {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{value:.decimals$}");
        return;
    };
    let scaled = rounded(magnitude, scale);
    if value < 0.0 && scaled > 0 {
        out.push(b'-');
    }
    push_scaled(out, scaled, decimals);
}

/// `magnitude * scale` rounded to the nearest whole number, ties to even, as if multiplied exactly.
fn rounded(magnitude: f64, scale: f64) -> u64 {
    let product = magnitude * scale;
    // By way of i64: the conversion is one instruction, `trunc` a call.
    let whole = product as i64;
    let fraction = product - whole as f64;
    let up = if fraction == 0.5 {
        // The product may have been rounded onto the tie: what it lost decides, and a true tie goes to even as in `format!`.
        let lost = magnitude.mul_add(scale, -product);
        lost > 0.0 || (lost == 0.0 && whole % 2 == 1)
    } else {
        fraction > 0.5
    };
    whole as u64 + u64::from(up)
}

/// Room for 20 digits, a point and 9 decimals. They are put together at the end of the first half of twice that room, so that
/// a copy of constant length, which is no call, can take them from wherever they begin.
const TEXT: usize = 32;

/// The digits of 00 to 99.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// Appends `scaled` / 10^`decimals`.
fn push_scaled(out: &mut Vec<u8>, scaled: u64, decimals: usize) {
    let (whole, part) = match decimals {
        0 => (scaled, 0),
        3 => (scaled / 1000, scaled % 1000),
        4 => (scaled / 10_000, scaled % 10_000),
        _ => {
            let unit = 10_u64.pow(decimals as u32);
            (scaled / unit, scaled % unit)
        }
    };
    let mut text = [b'0'; 2 * TEXT];
    let mut at = TEXT;
    if decimals > 0 {
        at -= decimals;
        digits_before(&mut text, TEXT, part);
        at -= 1;
        text[at] = b'.';
    }
    at = digits_before(&mut text, at, whole).min(at - 1);
    let end = out.len() + TEXT - at;
    out.extend_from_slice(&text[at..at + TEXT]);
    out.truncate(end);
}

/// Writes the digits of `value` so that they end before `end`; returns where they begin. Zero has none.
fn digits_before(text: &mut [u8; 2 * TEXT], end: usize, mut value: u64) -> usize {
    let mut at = end;
    while value >= 10 {
        at -= 2;
        text[at..at + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    if value > 0 {
        at -= 1;
        text[at] = b'0' + value as u8;
    }
    at
}

/// Appends a whole number.
pub(crate) fn push_whole(out: &mut Vec<u8>, value: u64) {
    push_scaled(out, value, 0);
}

/// Appends `value` with `decimals` digits, or nothing where it is missing or no number.
pub(crate) fn push_optional(out: &mut Vec<u8>, value: Option<f64>, decimals: usize) {
    if let Some(value) = value.filter(|v| v.is_finite()) {
        push_fixed(out, value, decimals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fixed(value: f64, decimals: usize) -> String {
        let mut out = Vec::new();
        push_fixed(&mut out, value, decimals);
        String::from_utf8(out).expect("digits are ASCII")
    }

    fn expected(value: f64, decimals: usize) -> String {
        let text = format!("{value:.decimals$}");
        if text.trim_start_matches('-').bytes().all(|b| matches!(b, b'0' | b'.')) { text.trim_start_matches('-').to_owned() } else { text }
    }

    #[test]
    fn ties_and_near_ties_round_as_the_standard_library_does() {
        let cases =
            [0.0, -0.0, 0.5, 1.5, 2.5, -0.5, 0.125, 0.375, 0.00005, 0.00015, 0.00025, 1.00005, 2.675, 1.005, 0.1 + 0.2, 9.99995, -0.00004];
        for value in cases {
            for decimals in 0..=6 {
                assert_eq!(fixed(value, decimals), expected(value, decimals), "{value} with {decimals}");
            }
        }
    }

    #[test]
    fn a_negative_zero_has_no_sign() {
        assert_eq!(fixed(-0.0, 4), "0.0000");
        assert_eq!(fixed(-0.00004, 4), "0.0000");
        assert_eq!(fixed(-0.4, 0), "0");
    }

    #[test]
    fn numbers_too_large_to_scale_are_written_whole() {
        assert_eq!(fixed(1e20, 3), "100000000000000000000.000");
        assert_eq!(fixed(4_503_599_627_370_497.0, 0), "4503599627370497");
        assert_eq!(fixed(-1e14, 4), "-100000000000000.0000");
    }

    #[test]
    fn whole_numbers() {
        let mut out = Vec::new();
        push_whole(&mut out, 0);
        push_whole(&mut out, u64::MAX);
        assert_eq!(out, b"018446744073709551615");
    }

    proptest! {
        #[test]
        fn equals_the_standard_library(value in -1e9..1e9_f64, decimals in 0..7_usize) {
            prop_assert_eq!(fixed(value, decimals), expected(value, decimals));
        }

        #[test]
        fn equals_the_standard_library_beside_a_tie(half in -2_000_000_i64..2_000_000, decimals in 0..7_usize, nudge in -2_i64..3) {
            let tie = (half as f64 + 0.5) / SCALE[decimals];
            let beside = f64::from_bits(tie.to_bits().wrapping_add_signed(nudge));
            prop_assert_eq!(fixed(beside, decimals), expected(beside, decimals));
        }

        #[test]
        fn equals_the_standard_library_anywhere(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL, decimals in 0..7_usize) {
            prop_assert_eq!(fixed(value, decimals), expected(value, decimals));
        }
    }
}
