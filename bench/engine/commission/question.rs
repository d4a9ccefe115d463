//! Questions to the operator, what counts as an answer, and answers from a file for a bench without a terminal.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// What kind of answer a question wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `yes` or `no`.
    YesNo,
    /// A number within bounds, in a unit.
    Number {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
        /// Unit, for the prompt.
        unit: &'static str,
    },
    /// Any words, but some.
    Text,
}

/// A question to the operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Dotted name: the key of an answers file. Numbers in it count the tables of an array, from 1.
    pub key: String,
    /// What is asked.
    pub text: String,
    /// What counts as an answer.
    pub kind: Kind,
    /// Taken if nothing is typed.
    pub default: Option<&'static str>,
}

/// An answer, understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// `yes`.
    Yes,
    /// `no`.
    No,
    /// A number within the bounds.
    Number(f64),
    /// Words.
    Text(String),
}

impl Question {
    pub(super) fn yes_no(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: text.into(), kind: Kind::YesNo, default: None }
    }

    pub(super) fn number(key: impl Into<String>, text: impl Into<String>, range: (f64, f64), unit: &'static str) -> Self {
        Self { key: key.into(), text: text.into(), kind: Kind::Number { min: range.0, max: range.1, unit }, default: None }
    }

    pub(super) fn text(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: text.into(), kind: Kind::Text, default: None }
    }

    pub(super) fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// What may be typed, in brackets after the question.
    pub fn hint(&self) -> String {
        let kind = match &self.kind {
            Kind::YesNo => "yes/no".to_owned(),
            Kind::Number { min, max, unit } => format!("{min} to {max} {unit}"),
            Kind::Text => "words".to_owned(),
        };
        self.default.map_or_else(|| kind.clone(), |d| format!("{kind}; Enter: {d}"))
    }

    /// Understands what was typed, or says what would do.
    pub fn parse(&self, line: &str) -> Result<Answer, String> {
        let typed = match (line.trim(), self.default) {
            ("", Some(default)) => default,
            (typed, _) => typed,
        };
        match &self.kind {
            Kind::YesNo => match typed.to_ascii_lowercase().as_str() {
                "yes" | "y" => Ok(Answer::Yes),
                "no" | "n" => Ok(Answer::No),
                _ => Err(format!("\"{typed}\" is neither yes nor no")),
            },
            Kind::Number { min, max, unit } => match typed.parse::<f64>() {
                Ok(value) if (*min..=*max).contains(&value) => Ok(Answer::Number(value)),
                _ => Err(format!("\"{typed}\" is no number from {min} to {max} {unit}")),
            },
            Kind::Text if typed.is_empty() => Err("write something: it goes into the record".to_owned()),
            Kind::Text => Ok(Answer::Text(typed.to_owned())),
        }
    }
}

/// Answers from a file, by the keys of the questions.
#[derive(Debug)]
pub struct Script {
    table: toml::Table,
    used: RefCell<BTreeSet<String>>,
}

impl Script {
    /// Reads answers; `file` is the name in messages.
    pub fn parse(file: &str, text: &str) -> Result<Self, String> {
        let table = text.parse().map_err(|why| format!("{file}: not valid TOML: {why}"))?;
        Ok(Self { table, used: RefCell::default() })
    }

    /// What the file says under this key, as if it had been typed.
    pub fn answer(&self, key: &str) -> Option<String> {
        let mut words = key.split('.');
        let mut value = self.table.get(words.next()?)?;
        for word in words {
            value = match value {
                toml::Value::Table(table) => table.get(word)?,
                toml::Value::Array(list) => list.get(word.parse::<usize>().ok()?.checked_sub(1)?)?,
                _ => return None,
            };
        }
        self.used.borrow_mut().insert(key.to_owned());
        match value {
            toml::Value::Boolean(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
            toml::Value::String(text) => Some(text.clone()),
            toml::Value::Integer(n) => Some(n.to_string()),
            toml::Value::Float(x) => Some(x.to_string()),
            _ => None,
        }
    }

    /// Keys that no question asked for: a misspelt answer must not go unseen.
    pub fn unused(&self) -> Vec<String> {
        let mut keys = Vec::new();
        leaves("", &toml::Value::Table(self.table.clone()), &mut keys);
        let used = self.used.borrow();
        keys.retain(|key| !used.contains(key));
        keys
    }
}

fn leaves(path: &str, value: &toml::Value, keys: &mut Vec<String>) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(name, inner)| leaves(&join(name), inner, keys)),
        toml::Value::Array(list) => list.iter().enumerate().for_each(|(n, inner)| leaves(&join(&(n + 1).to_string()), inner, keys)),
        _ => keys.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood_or_refused_with_what_would_do() {
        let number = Question::number("a", "how much", (0.0, 5.0), "N m");
        assert_eq!(number.parse(" 0.5 "), Ok(Answer::Number(0.5)));
        for wrong in ["", "5.1", "-1", "NaN", "much"] {
            assert!(number.parse(wrong).is_err_and(|why| why.contains("0 to 5 N m")), "{wrong}");
        }
        let choice = Question::yes_no("b", "well?").or("no");
        assert_eq!((choice.parse("Y"), choice.parse("")), (Ok(Answer::Yes), Ok(Answer::No)));
        assert!(choice.parse("perhaps").is_err());
        assert!(Question::text("c", "who").parse("  ").is_err());
    }

    #[test]
    fn a_script_answers_by_key_and_tells_what_nobody_asked() {
        let script = Script::parse("a.toml", "[leak]\ndry = true\n[[mount]]\nid = \"M1\"\n[[mount]]\nid = 2\ntorqu = 0.5\n").expect("TOML");
        assert_eq!(script.answer("leak.dry").as_deref(), Some("yes"));
        assert_eq!(script.answer("mount.2.id").as_deref(), Some("2"));
        assert_eq!(script.answer("mount.3.id"), None);
        assert_eq!(script.answer("mount.0.id"), None);
        assert_eq!(script.unused(), ["mount.1.id", "mount.2.torqu"]);
        assert!(Script::parse("a.toml", "x = ").is_err_and(|why| why.starts_with("a.toml")));
    }
}
