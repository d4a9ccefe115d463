//! Two-line element sets, with or without a line of the name before each (Hoots & Roehrich 1980, Spacetrack Report #3; the
//! checksum and the columns as the 18th Space Defense Squadron publishes them).

use super::Findings;
use super::elements::{ElementSet, Written};
use signal::Problems;

/// Characters of a line, its checksum included.
const LENGTH: usize = 69;

/// Reads every set of a file; every problem at once.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<ElementSet>, Problems> {
    let mut findings = Findings::new(file);
    let mut sets = Vec::new();
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim_start_matches('\u{feff}').trim_end()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .peekable();
    let mut name: Option<String> = None;
    while let Some((at, line)) = lines.next() {
        if starts(line, '1') {
            match lines.next_if(|(_, next)| starts(next, '2')) {
                Some((second, next)) => pair(name.take(), [(at, line), (second, next)], &mut sets, &mut findings),
                None => findings.at(at, "line 1 of a set without its line 2"),
            }
        } else if starts(line, '2') {
            findings.at(at, "line 2 of a set without its line 1 before it");
        } else if name.is_none() && lines.peek().is_some_and(|(_, next)| starts(next, '1')) {
            name = Some(line.strip_prefix("0 ").unwrap_or(line).trim().to_owned());
        } else {
            findings
                .at(at, "neither a name with a set after it nor a line that begins with \"1 \" or \"2 \": is this a two-line element set?");
        }
    }
    if sets.is_empty() && findings.is_empty() {
        findings.at(1, "no element set: expected a line that begins with \"1 \" and one that begins with \"2 \"");
    }
    findings.finish(sets)
}

fn starts(line: &str, number: char) -> bool {
    let mut chars = line.chars();
    chars.next() == Some(number) && chars.next() == Some(' ') && line.len() > 24
}

fn pair(name: Option<String>, lines: [(usize, &str); 2], sets: &mut Vec<ElementSet>, findings: &mut Findings) {
    let sound = lines.map(|(at, line)| whole(at, line, findings));
    if sound != [true, true] {
        return;
    }
    let [(first, line1), (second, line2)] = lines;
    if line1[2..7] != line2[2..7] {
        findings.at_column(
            second,
            3,
            format!("satellite \"{}\", and line {first} is of \"{}\": expected the same", &line2[2..7], &line1[2..7]),
        );
        return;
    }
    match sgp4::Elements::from_tle(name.clone(), line1.as_bytes(), line2.as_bytes()) {
        Ok(elements) => match ElementSet::new(name, first, Written::Lines([line1.into(), line2.into()]), elements) {
            Ok(set) => sets.push(set),
            Err(wrong) => wrong.into_iter().for_each(|why| findings.at(second, why)),
        },
        Err(why) => {
            let why = why.to_string();
            let at = if why.contains("line 2") { second } else { first };
            findings.at(at, why);
        }
    }
}

/// The line is all there: its length, its characters, its checksum.
fn whole(at: usize, line: &str, findings: &mut Findings) -> bool {
    if let Some(column) = line.chars().position(|c| !(' '..='~').contains(&c)) {
        findings.at_column(at, column + 1, "a character that no element set has: expected plain ASCII");
        return false;
    }
    if line.len() != LENGTH {
        findings.at(at, format!("{} characters: expected {LENGTH}, the checksum last", line.len()));
        return false;
    }
    let bytes = line.as_bytes();
    let sum = bytes[..LENGTH - 1].iter().map(|b| {
        if *b == b'-' {
            1
        } else if b.is_ascii_digit() {
            u32::from(b - b'0')
        } else {
            0
        }
    });
    let expected = sum.sum::<u32>() % 10;
    let found = bytes[LENGTH - 1];
    if u32::from(found) != u32::from(b'0') + expected {
        findings.at_column(
            at,
            LENGTH,
            format!("the checksum is \"{}\" and the line adds up to {expected}: it is damaged", char::from(found)),
        );
        return false;
    }
    true
}
