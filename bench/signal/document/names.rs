//! Names of keys: which unit one carries, which known one an unknown one was meant to be, how they are written in messages.

/// Unit suffixes that keys may carry, used to tell a wrong unit from an unknown key.
const UNIT_SUFFIXES: &[&str] = &[
    "_degc",
    "_degf",
    "_k",
    "_c",
    "_w",
    "_kw",
    "_mw",
    "_w_m2",
    "_w_k",
    "_k_w",
    "_k_min",
    "_k_s",
    "_m",
    "_km",
    "_m2",
    "_cm2",
    "_mm",
    "_s",
    "_min",
    "_h",
    "_d",
    "_ms",
    "_hz",
    "_kg",
    "_g",
    "_t",
    "_kg_m2",
    "_kg_kw",
    "_w_kg",
    "_j_k",
    "_kj_k",
    "_j_m2k",
    "_kj_m2k",
    "_w_m2k",
    "_a",
    "_ma",
    "_v",
    "_mv",
    "_ohm",
    "_v_k",
    "_deg",
    "_rad",
    "_pct",
    "_frac",
    "_mhz",
    "_wh_kg",
    "_wh",
    "_kwh",
    "_years",
    "_frac_year",
    "_frac_k",
    "_j",
    "_kj",
    "_baud",
    "_tick",
    "_k_per_w",
    "_w_mk",
];

pub(super) fn unknown_key_message(path: &str, name: &str, known: &[String]) -> String {
    let place = if path.is_empty() { "at the top of the file".to_owned() } else { format!("in [{path}]") };
    let same_stem = known.iter().find(|k| k.as_str() != name && stem(k) == stem(name) && has_unit(k));
    if let Some(right) = same_stem {
        return format!("wrong unit: `{name}` {place} should be `{right}`; convert the value to the unit at the end of that name");
    }
    let near = known.iter().map(|k| (distance(k, name), k)).filter(|(d, k)| *d <= 2.max(k.len() / 4)).min();
    match near {
        Some((_, k)) => format!("unknown key `{name}` {place}; did you mean `{k}`?"),
        None if known.is_empty() => format!("unknown key `{name}` {place}; nothing is expected here, remove it"),
        None => format!("unknown key `{name}` {place}; expected one of {}", quoted(known.iter().map(String::as_str))),
    }
}

fn has_unit(key: &str) -> bool {
    UNIT_SUFFIXES.iter().any(|u| key.ends_with(u))
}

fn stem(key: &str) -> &str {
    let longest = UNIT_SUFFIXES.iter().filter(|u| key.ends_with(**u)).map(|u| u.len()).max().unwrap_or(0);
    &key[..key.len() - longest]
}

/// Levenshtein distance between two names, for "did you mean".
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = usize::from(ca != *cb);
            let next = (diagonal + cost).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}

pub(super) fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
