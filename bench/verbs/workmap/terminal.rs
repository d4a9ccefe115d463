//! A map on a terminal of 80 columns: a heat map that is read with and without colour.
//!
//! ```text
//!      degC       16 W          44 W          72 W
//!        65       0.00          7.94 ░░    × ≤51 W
//!               ±0.000        ±0.022 ░░
//!                @16.0         @45.3 ░░
//! ```

use super::picture::{BUDGETS, Picture, Place};
use std::fmt::Write as _;

const WIDTH: usize = 80;
/// Room for the names of rows.
const LEFT: usize = 9;
/// Narrowest and widest column.
const NARROW: usize = 10;
const WIDE: usize = 14;
/// Shades without colour, from the least to the most.
const SHADES: [char; 5] = ['·', '░', '▒', '▓', '█'];
/// Shades in colour: of the 256-colour palette, dark violet over green to yellow (as in viridis), and whether the ink on them is dark.
const COLOURS: [(u8, bool); 9] =
    [(53, false), (54, false), (60, false), (24, false), (30, false), (36, false), (71, true), (113, true), (227, true)];

/// The picture as lines, none longer than 80 characters.
pub(super) fn draw(picture: &Picture, coloured: bool) -> String {
    let mut text = String::new();
    let simulated = if picture.simulated { "[SIMULATED]" } else { "" };
    let room = WIDTH - simulated.len() - 1;
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{:<room$} {simulated}", fit(&picture.title, room));
    let _ = writeln!(text, "{}", fit(&picture.what, WIDTH));
    let fitting = (WIDTH - LEFT) / NARROW;
    let count = picture.across.len();
    for from in (0..count).step_by(fitting) {
        let to = (from + fitting).min(count);
        block(&mut text, picture, from, to, coloured);
    }
    if let Some((least, most)) = &picture.scale {
        let ramp: Vec<String> = if coloured {
            COLOURS.iter().map(|(c, _)| format!("\x1b[48;5;{c}m  \x1b[0m")).collect()
        } else {
            SHADES.iter().map(|c| format!("[{c}]")).collect()
        };
        let ramp = ramp.concat();
        let beyond = if picture.reasons.is_empty() { "" } else { "   × not reachable, and the power that was" };
        let _ = writeln!(text, "{least:>LEFT$} {ramp} {most}{beyond}");
    }
    if picture.tells_power() {
        wrap(&mut text, BUDGETS);
    }
    for (at, why) in &picture.reasons {
        wrap(&mut text, &format!("× {at} degC: {why}"));
    }
    for note in &picture.notes {
        wrap(&mut text, note);
    }
    text
}

fn block(text: &mut String, picture: &Picture, from: usize, to: usize, coloured: bool) {
    let wide = ((WIDTH - LEFT) / (to - from)).clamp(NARROW, WIDE);
    let names: Vec<String> =
        picture.across[from..to].iter().map(|name| format!("{:>at$}   ", fit(name, wide - 4), at = wide - 3)).collect();
    let _ = writeln!(text, "{:>LEFT$}{}", "degC", names.concat().trim_end());
    for (name, places) in &picture.rows {
        let mut lines = [format!("{:>LEFT$}", fit(name, LEFT - 1)), " ".repeat(LEFT), " ".repeat(LEFT)];
        for place in &places[from..to] {
            let one = |word: String| ([word, String::new(), String::new()], None);
            let (words, shade) = match place {
                Place::Known { shade, value, half, drawn, .. } => {
                    ([value.clone(), half.clone(), drawn.as_ref().map_or_else(String::new, |w| format!("@{w}"))], *shade)
                }
                Place::Beyond { most: Some(most), .. } => one(format!("× ≤{most}")),
                Place::Beyond { most: None, .. } => one("×".to_owned()),
                Place::Open => one("?".to_owned()),
            };
            for (line, words) in lines.iter_mut().zip(words) {
                *line += &cell(&words, shade, wide, coloured);
            }
        }
        // Where nothing of a row is known there is nothing below it either.
        let known = |p: &Place| matches!(p, Place::Known { .. });
        let drawn = |p: &Place| matches!(p, Place::Known { drawn: Some(_), .. });
        let here = &places[from..to];
        let count = 1 + usize::from(here.iter().any(known)) + usize::from(here.iter().any(drawn));
        for line in &lines[..count] {
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
}

/// One line of one place: a gap, the words, the shade.
fn cell(words: &str, shade: Option<f64>, wide: usize, coloured: bool) -> String {
    let Some(shade) = shade else { return format!("{:>at$}   ", fit(words, wide - 4), at = wide - 3) };
    let part = |count: usize| ((shade * count as f64) as usize).min(count - 1);
    let words = fit(words, wide - 4);
    if coloured {
        let (colour, dark) = COLOURS[part(COLOURS.len())];
        let ink = if dark { 16 } else { 231 };
        return format!(" \x1b[48;5;{colour};38;5;{ink}m{words:>width$}   \x1b[0m", width = wide - 4);
    }
    let glyph = SHADES[part(SHADES.len())];
    format!(" {words:>width$} {glyph}{glyph}", width = wide - 4)
}

fn fit(text: &str, room: usize) -> String {
    if text.chars().count() <= room { text.to_owned() } else { text.chars().take(room.saturating_sub(1)).chain(['…']).collect() }
}

/// Words in lines of the terminal's width.
fn wrap(text: &mut String, words: &str) {
    let mut line = String::new();
    for word in words.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{line}");
            "  ".clone_into(&mut line);
        } else if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        let known = |shade: f64, value: &str, half: &str| Place::Known {
            shade: Some(shade).filter(|_| value != "0.00"),
            value: value.into(),
            half: half.into(),
            n: 4,
            drawn: Some(if shade > 0.9 { "73.1" } else { "45.3" }).filter(|_| value != "0.00").map(str::to_owned),
        };
        Picture {
            held: "plate",
            title: "virtual L4-class card on twin".into(),
            what: "tokens put out per joule of the board".into(),
            simulated: true,
            notes: vec![
                "pacing, 4 repeats in random order, 95 % by Student's t with drift +0.02 % ±0.05 % (n = 11)".into(),
                "! a doubt".into(),
            ],
            across: ["16 W", "44 W", "72 W"].map(str::to_owned).to_vec(),
            rows: vec![
                ("83".into(), vec![Place::Beyond { most: None, why: "the die".into() }, Place::Open, Place::Open]),
                (
                    "65".into(),
                    vec![
                        known(0.0, "0.00", "±0.000"),
                        known(0.0, "7.94", "±0.022"),
                        Place::Beyond { most: Some("51 W".into()), why: "the die".into() },
                    ],
                ),
                ("20".into(), vec![known(0.0, "0.00", "±0.000"), known(0.26, "8.51", "n = 1"), known(1.0, "10.15", "±0.001")]),
            ],
            scale: Some(("7.94".into(), "10.15".into())),
            reasons: vec![("65, 83".into(), "the die is within 3 K of its slowdown at 85 degC".into())],
        }
    }

    /// The snapshot: what an operator sees without colour.
    #[test]
    fn without_colour_it_reads_by_shades_and_numbers() {
        let expected = "\
virtual L4-class card on twin                                        [SIMULATED]
tokens put out per joule of the board
     degC       16 W          44 W          72 W
       83          ×             ?             ?
       65       0.00          7.94 ··    × ≤51 W
              ±0.000        ±0.022 ··
                             @45.3 ··
       20       0.00          8.51 ░░      10.15 ██
              ±0.000         n = 1 ░░     ±0.001 ██
                             @45.3 ░░      @73.1 ██
     7.94 [·][░][▒][▓][█] 10.15   × not reachable, and the power that was
columns are power budgets; @ is the power in W that the board really drew
× 65, 83 degC: the die is within 3 K of its slowdown at 85 degC
pacing, 4 repeats in random order, 95 % by Student's t with drift +0.02 % ±0.05
  % (n = 11)
! a doubt
";
        let drawn = draw(&picture(), false);
        assert_eq!(drawn, expected, "\n{drawn}");
    }

    #[test]
    fn in_colour_the_words_are_the_same() {
        let coloured = draw(&picture(), true);
        assert!(coloured.contains("\x1b[48;5;227;38;5;16m") && coloured.contains("\x1b[48;5;53;38;5;231m"));
        let mut plain = String::new();
        let mut rest = coloured.as_str();
        while let Some((before, after)) = rest.split_once('\x1b') {
            plain += before;
            rest = after.split_once('m').map_or("", |(_, r)| r);
        }
        plain += rest;
        for words in ["7.94", "±0.022", "@45.3", "× ≤51 W", "n = 1", "[SIMULATED]"] {
            assert!(plain.contains(words), "{words}\n{plain}");
        }
        assert!(plain.lines().all(|l| l.chars().count() <= WIDTH), "{plain}");
    }

    #[test]
    fn wide_maps_are_drawn_in_parts_and_fit() {
        let mut wide = picture();
        wide.across = (0..17).map(|n| format!("{} W", n * 10)).collect();
        for (_, places) in &mut wide.rows {
            *places = (0..17)
                .map(|n| Place::Known {
                    shade: Some(f64::from(n) / 16.0),
                    value: "123.4".into(),
                    half: "±0.01".into(),
                    n: 4,
                    drawn: Some("1400".into()),
                })
                .collect();
        }
        let drawn = draw(&wide, false);
        assert!(drawn.lines().all(|l| l.chars().count() <= WIDTH), "{drawn}");
        assert_eq!(drawn.matches("degC").count(), 5, "three blocks, and the reason with two");
        assert!((0..17).all(|n| drawn.contains(&format!("{} W", n * 10))));
    }
}
