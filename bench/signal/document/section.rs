//! One table of a document: what is asked of it is known from then on, and what is wrong with the answer is a problem of the file.

use super::Shared;
use super::names::{join, quoted};
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One table of a document, or a stand-in for a missing one.
#[must_use]
#[derive(Clone)]
pub struct Section<'t> {
    pub(super) shared: Rc<Shared<'t>>,
    pub(super) table: Option<Rc<Spanned<DeTable<'t>>>>,
    pub(super) path: String,
    /// Byte offset to blame when the table itself is missing.
    pub(super) blame: usize,
    /// The table is missing and that was said: what would be in it need not be.
    pub(super) told_missing: bool,
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

    /// A string or an integer, as text, if the key is there: what is a number of some and words of others. `expected` says what it should hold.
    pub fn optional_text_or_integer(&self, key: &str, expected: &str) -> Option<String> {
        let (_, value) = self.find(key)?;
        if value.as_integer().is_some() {
            return Some(self.integer(key, i64::MIN..=i64::MAX).to_string());
        }
        self.optional_text(key, expected)
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

    /// A number, or a list of some, each within `range`; empty if the key is absent.
    pub fn one_or_more_numbers(&self, key: &str, range: RangeInclusive<f64>) -> Vec<f64> {
        let Some((span, value)) = self.find(key) else { return Vec::new() };
        match value.as_array() {
            None => self.optional_number(key, range).into_iter().collect(),
            Some(list) if list.is_empty() => {
                self.push(span.start, format!("`{}` is empty: expected a number, or one for each", join(&self.path, key)));
                Vec::new()
            }
            Some(_) => self.numbers(key, range),
        }
    }

    /// A required list of texts; empty after a problem.
    pub fn texts(&self, key: &str, expected: &str) -> Vec<String> {
        let full = join(&self.path, key);
        let Some((span, value)) = self.find(key) else {
            self.missing(key, expected);
            return Vec::new();
        };
        let Some(array) = value.as_array() else {
            self.push(span.start, format!("`{full}` is a {}: expected {expected}", value.type_str()));
            return Vec::new();
        };
        let mut out = Vec::new();
        for item in array {
            match item.get_ref() {
                DeValue::String(text) => out.push(text.to_string()),
                other => self.push(item.span().start, format!("an entry of `{full}` is a {}: expected {expected}", other.type_str())),
            }
        }
        out
    }
}

fn expected_number(range: &RangeInclusive<f64>) -> String {
    format!("a number from {} to {}", range.start(), range.end())
}
