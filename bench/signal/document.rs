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

mod names;
mod problem;
mod section;

pub use names::distance;
pub use problem::{Problem, Problems};
pub use section::Section;

use names::{join, unknown_key_message};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

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

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests;
