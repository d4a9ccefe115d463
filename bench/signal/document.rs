//! The reader of profiles and rigs. It collects **every** problem of a file, each with file, line, column, what was found,
//! what was expected and what to do, so that an operator mends a file once.
//!
//! A key that nobody asked for is a problem too: a misspelt limit must not silently be the default. Units are part of the key
//! (`altitude_km`); a key that differs from a known one only in its unit is reported as the wrong unit.
//!
//! Use: parse, take [`Document::root`], ask for keys (each asking marks the key as known and may record a problem, in which
//! case a harmless placeholder comes back), then [`Document::finish`].
//!
//! ```
//! use signal::Document;
//! let doc = Document::parse("orbit.toml", "altitude_m = 650000\n");
//! let altitude = doc.root().number("altitude_km", 120.0..=100_000.0);
//! let problems = doc.finish(altitude).unwrap_err();
//! assert!(problems.to_string().contains("orbit.toml:1:1"));
//! assert!(problems.to_string().contains("altitude_km"));
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

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

/// One thing wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// File name as the user gave it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What was found, what was expected, what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

/// Everything wrong with a file, in file order. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

struct Shared<'t> {
    file: String,
    text: &'t str,
    problems: RefCell<Vec<(usize, String)>>,
    syntax: RefCell<Vec<(usize, String)>>,
    /// Keys that were asked for, by the path of their table.
    known: RefCell<BTreeMap<String, Vec<String>>>,
}

/// A parsed file and the problems found in it so far.
pub struct Document<'t> {
    shared: Rc<Shared<'t>>,
    table: Rc<Spanned<DeTable<'t>>>,
}

/// One table of a document, or a stand-in for a missing one.
#[must_use]
#[derive(Clone)]
pub struct Section<'t> {
    shared: Rc<Shared<'t>>,
    table: Option<Rc<Spanned<DeTable<'t>>>>,
    path: String,
    /// Byte offset to blame when the table itself is missing.
    blame: usize,
    /// The table is missing and that was said: what would be in it need not be.
    told_missing: bool,
}

impl<'t> Document<'t> {
    /// Parses `text`; syntax errors become problems and what could be read stays readable.
    pub fn parse(file: impl Into<String>, text: &'t str) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        let shared =
            Shared { file: file.into(), text, problems: RefCell::default(), syntax: RefCell::default(), known: RefCell::default() };
        for error in errors {
            let at = error.span().map_or(0, |s| s.start);
            shared.syntax.borrow_mut().push((at, format!("not valid TOML: {}", error.message().replace('\n', "; "))));
        }
        Self { shared: Rc::new(shared), table: Rc::new(table) }
    }

    /// The whole file as a table.
    pub fn root(&self) -> Section<'t> {
        Section { shared: Rc::clone(&self.shared), table: Some(Rc::clone(&self.table)), path: String::new(), blame: 0, told_missing: false }
    }

    /// `value`, unless anything was wrong, unknown keys included.
    pub fn finish<T>(self, value: T) -> Result<T, Problems> {
        // What is missing from a file that is no TOML may only have been lost on the way: its syntax comes first.
        let broken = self.shared.syntax.take();
        if broken.is_empty() {
            self.unknown_keys(self.table.get_ref(), "");
        }
        let mut found = if broken.is_empty() { self.shared.problems.take() } else { broken };
        if found.is_empty() {
            return Ok(value);
        }
        found.sort();
        found.dedup();
        let problems = found
            .into_iter()
            .map(|(at, message)| {
                let (line, column) = line_and_column(self.shared.text, at);
                Problem { file: self.shared.file.clone(), line, column, message }
            })
            .collect();
        Err(Problems(problems))
    }

    fn unknown_keys(&self, table: &DeTable<'_>, path: &str) {
        let known = self.shared.known.borrow();
        let names = known.get(path).map_or(&[][..], Vec::as_slice);
        for (key, value) in table {
            let name: &str = key.get_ref();
            if !names.iter().any(|n| n == name) {
                let message = unknown_key_message(path, name, names);
                self.shared.problems.borrow_mut().push((key.span().start, message));
            } else if let DeValue::Table(inner) = value.get_ref() {
                self.unknown_keys(inner, &join(path, name));
            }
        }
    }
}

fn unknown_key_message(path: &str, name: &str, known: &[String]) -> String {
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

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

impl<'t> Section<'t> {
    /// True if the table is really there.
    pub fn exists(&self) -> bool {
        self.table.is_some()
    }

    /// True if the table has `key`, which is known from now on, whatever its value.
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Name of the file, as it was given.
    pub fn file(&self) -> &str {
        &self.shared.file
    }

    /// Dotted path of this table from the top of the file.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn find(&self, key: &str) -> Option<(Range<usize>, &DeValue<'t>)> {
        {
            let mut known = self.shared.known.borrow_mut();
            let names = known.entry(self.path.clone()).or_default();
            if !names.iter().any(|n| n == key) {
                names.push(key.to_owned());
            }
        }
        let table = self.table.as_ref()?;
        table.get_ref().get(key).map(|v| (v.span(), v.get_ref()))
    }

    fn start(&self) -> usize {
        self.table.as_ref().map_or(self.blame, |t| t.span().start)
    }

    fn push(&self, at: usize, message: String) {
        self.shared.problems.borrow_mut().push((at, message));
    }

    fn missing(&self, key: &str, expected: &str) {
        if self.told_missing {
            return;
        }
        let place = if self.path.is_empty() { "at the top of the file".to_owned() } else { format!("in [{}]", self.path) };
        self.push(self.start(), format!("missing `{key}` {place}: expected {expected}"));
    }

    /// Records a problem with the value of `key` (or with the table, if the key is absent).
    pub fn problem(&self, key: &str, message: impl fmt::Display) {
        let at = self.find(key).map_or_else(|| self.start(), |(span, _)| span.start);
        self.push(at, format!("`{}`: {message}", join(&self.path, key)));
    }

    /// Records a problem with the text that is the value of `key`, at a line and a column of that text (both from 1). Lines of a
    /// multi-line string are lines of the file.
    pub fn problem_inside(&self, key: &str, line: usize, column: usize, message: impl fmt::Display) {
        let span = self.find(key).map_or_else(|| self.start()..self.start(), |(span, _)| span);
        let raw = self.shared.text.get(span.clone()).unwrap_or_default();
        let fence = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|f| raw.starts_with(f)).map_or(0, str::len);
        // The line break right after the opening fence is not part of the text.
        let body = raw[fence..].strip_prefix("\r\n").or_else(|| raw[fence..].strip_prefix('\n')).unwrap_or(&raw[fence..]);
        let start = raw.len() - body.len();
        let mut rest = body.split_inclusive('\n');
        let before: usize = rest.by_ref().take(line.saturating_sub(1)).map(str::len).sum();
        let along = rest.next().unwrap_or_default().char_indices().nth(column.saturating_sub(1)).map_or(0, |(at, _)| at);
        self.push(span.start + (start + before).min(raw.len()) + along, format!("`{}`: {message}", join(&self.path, key)));
    }

    /// A required number within `range`. Integers are accepted; NaN and infinities never are.
    pub fn number(&self, key: &str, range: RangeInclusive<f64>) -> f64 {
        self.optional_number(key, range.clone()).unwrap_or_else(|| {
            if self.find(key).is_none() {
                self.missing(key, &expected_number(&range));
            }
            *range.start()
        })
    }

    /// A number within `range`, or `default` if the key is absent.
    pub fn number_or(&self, key: &str, range: RangeInclusive<f64>, default: f64) -> f64 {
        self.optional_number(key, range).unwrap_or(default)
    }

    /// A number within `range`, if the key is there.
    pub fn optional_number(&self, key: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let (span, value) = self.find(key)?;
        let full = join(&self.path, key);
        let parsed = match value {
            DeValue::Float(f) => f.as_str().replace('_', "").parse::<f64>().ok(),
            DeValue::Integer(i) => i64::from_str_radix(&i.as_str().replace('_', ""), i.radix()).ok().map(|v| v as f64),
            other => {
                let hint = if other.is_str() { "; write a bare number, the unit is in the key" } else { "" };
                self.push(span.start, format!("`{full}` is a {}: expected {}{hint}", other.type_str(), expected_number(&range)));
                return None;
            }
        };
        match parsed {
            Some(v) if range.contains(&v) => Some(v),
            Some(v) => {
                self.push(span.start, format!("`{full}` = {v} is impossible here: expected {}", expected_number(&range)));
                None
            }
            None => {
                self.push(span.start, format!("`{full}` is not a number: expected {}", expected_number(&range)));
                None
            }
        }
    }

    /// A required whole number within `range`.
    pub fn integer(&self, key: &str, range: RangeInclusive<i64>) -> i64 {
        let value = self.number(key, *range.start() as f64..=*range.end() as f64);
        self.whole(key, value)
    }

    /// A whole number within `range`, or `default` if the key is absent.
    pub fn integer_or(&self, key: &str, range: RangeInclusive<i64>, default: i64) -> i64 {
        let value = self.number_or(key, *range.start() as f64..=*range.end() as f64, default as f64);
        self.whole(key, value)
    }

    fn whole(&self, key: &str, value: f64) -> i64 {
        if value.fract() != 0.0 {
            self.problem(key, format_args!("{value} is not a whole number"));
        }
        value as i64
    }

    /// A required string.
    pub fn text(&self, key: &str, expected: &str) -> String {
        self.optional_text(key, expected).unwrap_or_else(|| {
            if self.find(key).is_none() {
                self.missing(key, expected);
            }
            String::new()
        })
    }

    /// A string, if the key is there. `expected` says what it should hold.
    pub fn optional_text(&self, key: &str, expected: &str) -> Option<String> {
        let (span, value) = self.find(key)?;
        if let Some(s) = value.as_str() {
            return Some(s.to_owned());
        }
        self.push(span.start, format!("`{}` is a {}: expected {expected}", join(&self.path, key), value.type_str()));
        None
    }

    /// A required word out of `choices`.
    pub fn choice<T: Clone>(&self, key: &str, choices: &[(&str, T)]) -> T {
        self.optional_choice(key, choices).unwrap_or_else(|| {
            if self.find(key).is_none() {
                self.missing(key, &format!("one of {}", quoted(choices.iter().map(|c| c.0))));
            }
            choices[0].1.clone()
        })
    }

    /// A word out of `choices`, or `default` if the key is absent.
    pub fn choice_or<T: Clone>(&self, key: &str, choices: &[(&str, T)], default: T) -> T {
        self.optional_choice(key, choices).unwrap_or(default)
    }

    fn optional_choice<T: Clone>(&self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let expected = format!("one of {}", quoted(choices.iter().map(|c| c.0)));
        let word = self.optional_text(key, &expected)?;
        let found = choices.iter().find(|c| c.0 == word);
        if found.is_none() {
            self.problem(key, format_args!("\"{word}\" is not known: expected {expected}"));
        }
        found.map(|c| c.1.clone())
    }

    /// `true` or `false`, or `default` if the key is absent.
    pub fn flag_or(&self, key: &str, default: bool) -> bool {
        let Some((span, value)) = self.find(key) else { return default };
        value.as_bool().unwrap_or_else(|| {
            self.push(span.start, format!("`{}` is a {}: expected true or false", join(&self.path, key), value.type_str()));
            default
        })
    }

    /// A required UTC instant, as an RFC 3339 string or a TOML date-time with `Z`.
    pub fn instant(&self, key: &str) -> jiff::Timestamp {
        let expected = "a UTC instant such as 2026-06-21T00:00:00Z";
        let Some((span, value)) = self.find(key) else {
            self.missing(key, expected);
            return jiff::Timestamp::UNIX_EPOCH;
        };
        let text = match value {
            DeValue::String(s) => s.to_string(),
            DeValue::Datetime(d) => d.to_string(),
            other => other.type_str().to_owned(),
        };
        text.parse().unwrap_or_else(|_| {
            self.push(span.start, format!("`{}` is \"{text}\": expected {expected}", join(&self.path, key)));
            jiff::Timestamp::UNIX_EPOCH
        })
    }

    /// A required table.
    pub fn section(&self, key: &str) -> Self {
        let mut section = self.optional_section(key);
        if !section.exists() {
            if self.find(key).is_none() {
                self.missing(&format!("[{}]", join(&self.path, key)), "a table of that name");
            }
            section.told_missing = true;
        }
        section
    }

    /// A table that may be absent: ask it [`Section::exists`].
    pub fn optional_section(&self, key: &str) -> Self {
        let path = join(&self.path, key);
        let mut table = None;
        let mut blame = self.start();
        if let Some((span, value)) = self.find(key) {
            blame = span.start;
            if let DeValue::Table(t) = value {
                table = Some(Rc::new(Spanned::new(span, t.clone())));
            } else {
                self.push(span.start, format!("`{path}` is a {}: expected a table [{path}]", value.type_str()));
            }
        }
        Self { shared: Rc::clone(&self.shared), table, path, blame, told_missing: self.told_missing }
    }

    /// Every sub-table, whatever its name, in the file's order: for `[instrument.NAME]` and the like.
    pub fn named_sections(&self) -> Vec<(String, Self)> {
        let Some(table) = &self.table else { return Vec::new() };
        let mut names: Vec<(usize, String)> = table
            .get_ref()
            .iter()
            .filter(|(_, v)| v.get_ref().is_table())
            .map(|(k, _)| (k.span().start, k.get_ref().to_string()))
            .collect();
        names.sort();
        names.into_iter().map(|(_, n)| (n.clone(), self.optional_section(&n))).collect()
    }

    /// A list of numbers, each within `range`; empty if the key is absent.
    pub fn numbers(&self, key: &str, range: RangeInclusive<f64>) -> Vec<f64> {
        let Some((span, value)) = self.find(key) else { return Vec::new() };
        let full = join(&self.path, key);
        let Some(array) = value.as_array() else {
            self.push(span.start, format!("`{full}` is a {}: expected a list of numbers", value.type_str()));
            return Vec::new();
        };
        let mut out = Vec::new();
        for item in array {
            let text = match item.get_ref() {
                DeValue::Float(f) => f.as_str(),
                DeValue::Integer(i) => i.as_str(),
                _ => "",
            };
            match text.replace('_', "").parse::<f64>() {
                Ok(v) if range.contains(&v) => out.push(v),
                _ => self.push(item.span().start, format!("an entry of `{full}` is wrong: expected {}", expected_number(&range))),
            }
        }
        out
    }
}

fn expected_number(range: &RangeInclusive<f64>) -> String {
    format!("a number from {} to {}", range.start(), range.end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str =
        "name = 3\n[orbit]\naltitude_m = 650e3\nltan_h = 25\nepoch = \"yesterday\"\nshape = \"square\"\nextra = 1\n[orbit.deep]\nx = nan\n";

    fn read(text: &str) -> Vec<String> {
        let doc = Document::parse("f.toml", text);
        let root = doc.root();
        root.text("name", "a name");
        let orbit = root.section("orbit");
        orbit.number("altitude_km", 100.0..=1e5);
        orbit.number("ltan_h", 0.0..=24.0);
        orbit.instant("epoch");
        orbit.choice("shape", &[("circle", 0), ("ellipse", 1)]);
        orbit.optional_section("deep").number("x", 0.0..=1.0);
        root.section("panel").number("area_m2", 0.1..=1e4);
        doc.finish(()).err().map_or_else(Vec::new, |p| p.0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_problem_of_a_file_comes_at_once_with_its_line() {
        let problems = read(TEXT).join("\n");
        for expected in [
            "f.toml:1:8: `name` is a integer: expected a name",
            "f.toml:3:1: wrong unit: `altitude_m` in [orbit] should be `altitude_km`",
            "f.toml:4:10: `orbit.ltan_h` = 25 is impossible here: expected a number from 0 to 24",
            "f.toml:5:9: `orbit.epoch` is \"yesterday\": expected a UTC instant",
            "f.toml:6:9: `orbit.shape`: \"square\" is not known: expected one of `circle`, `ellipse`",
            "f.toml:7:1: unknown key `extra` in [orbit]",
            "f.toml:9:5: `orbit.deep.x`",
            "missing `[panel]`",
        ] {
            assert!(problems.contains(expected), "no {expected:?} in\n{problems}");
        }
        assert!(!problems.contains("area_m2"), "what is in a missing table need not be said:\n{problems}");
    }

    #[test]
    fn a_problem_inside_a_text_of_several_lines_has_its_line_in_the_file() {
        for (text, line, at) in [
            ("a = 1\ntable = '''\none\ntwo\n'''\n", 2, "f.toml:4:3: `table`: odd"),
            ("a = 1\ntable = \"\"\"one\ntwo\n\"\"\"\n", 2, "f.toml:3:3: `table`: odd"),
            ("a = 1\r\ntable = '''\r\none\r\ntwo\r\n'''\r\n", 1, "f.toml:3:3: `table`: odd"),
            ("a = 1\ntable = \"one\"\n", 1, "f.toml:2:12: `table`: odd"),
        ] {
            let doc = Document::parse("f.toml", text);
            let root = doc.root();
            root.number("a", 0.0..=1.0);
            root.text("table", "a table");
            root.problem_inside("table", line, 3, "odd");
            assert_eq!(doc.finish(()).expect_err("odd").to_string(), at);
        }
    }

    #[test]
    fn a_sound_file_has_no_problems() {
        let text = "name = \"n\"\n[orbit]\naltitude_km = 650\nltan_h = 18.0\nepoch = 2026-06-21T00:00:00Z\nshape = \"circle\"\ndeep = {x = 0.5}\n[panel]\narea_m2 = 1_000.0\n";
        assert_eq!(read(text), Vec::<String>::new());
    }

    #[test]
    fn a_line_of_a_table_within_the_file_is_a_line_of_the_file() {
        let blamed = |text: &str, line: usize| {
            let doc = Document::parse("f.toml", text);
            let root = doc.root();
            root.text("table", "a table");
            root.problem_inside("table", line, 1, "wrong");
            doc.finish(()).expect_err("a problem").0[0].line
        };
        assert_eq!(blamed("table = \"\"\"\nx,y\n1,2\n\"\"\"\n", 2), 3);
        assert_eq!(blamed("table = '''\r\nx,y\r\n1,2\r\n'''\n", 1), 2);
        assert_eq!(blamed("\ntable = \"\"\"x,y\n1,2\"\"\"", 2), 3);
        assert_eq!(blamed("table = \"x\"", 5), 1, "elsewhere the key");
        assert_eq!(blamed("\n\n", 5), 1, "and without one the table");
    }

    proptest! {
        #[test]
        fn no_text_panics_the_reader(text in "[\\[\\]a-z_=\\.\"0-9\\n {},#-]{0,200}") {
            read(&text);
        }
    }
}
