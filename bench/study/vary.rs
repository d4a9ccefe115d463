//! What is varied and over what: `radiator.area_m2=80..200:7`, `orbit.ltan_h=6,12,18`, `rig:plant.loss_w_k=0.2..0.6`. One grammar for
//! the command line, the sweep file and the head of the results, so that each can be pasted into the others.
//!
//! Not here: whether a file has that key, or accepts that value (see [`crate::Study`]).

use crate::key::Kind;
use std::fmt;
use std::str::FromStr;

/// Significant digits of a value that is varied: what is flown is what the results say.
const DIGITS: usize = 9;

/// Which file a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The profile: no prefix.
    Profile,
    /// The rig: `rig:`.
    Rig,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number in the unit at the end of its key.
    Number(f64),
    /// A word out of a choice.
    Word(String),
    /// True or false.
    Flag(bool),
    /// A date and time.
    Instant(String),
}

/// The values of one key.
#[derive(Clone, Debug, PartialEq)]
pub enum Over {
    /// From and to, both included; on a grid in this many equal steps.
    Range {
        /// Smallest.
        from: f64,
        /// Largest.
        to: f64,
        /// How many on a grid.
        points: Option<usize>,
        /// Whole numbers only.
        whole: bool,
    },
    /// These and no others.
    List(Vec<Value>),
}

/// One key and what it is varied over.
#[derive(Clone, Debug, PartialEq)]
pub struct Vary {
    /// Whose key.
    pub target: Target,
    /// Dotted path in that file.
    pub path: String,
    /// Its values.
    pub over: Over,
}

/// `value` to as many digits as results carry, so that a text of it says exactly what was flown.
pub fn rounded(value: f64) -> f64 {
    format!("{value:.*e}", DIGITS - 1).parse().unwrap_or(value)
}

/// A number as a cell: the shortest text that reads back as the same number.
pub fn cell(value: f64) -> String {
    let text = format!("{value:?}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

impl Value {
    /// Reads a value by its looks.
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(number) = text.replace('_', "").parse::<f64>() {
            return if number.is_finite() { Ok(Self::Number(number)) } else { Err(format!("\"{text}\" is not a finite number")) };
        }
        if let Ok(flag) = text.parse() {
            return Ok(Self::Flag(flag));
        }
        if text.parse::<toml::value::Datetime>().is_ok() {
            return Ok(Self::Instant(text.to_owned()));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-./: ".contains(c);
        if text.is_empty() || !text.chars().all(plain) {
            return Err(format!("\"{text}\" is no value: expected a number, a word, true or false, or an instant"));
        }
        Ok(Self::Word(text.to_owned()))
    }

    /// As TOML.
    pub fn literal(&self) -> String {
        match self {
            Self::Number(n) => format!("{n:?}"),
            // Parsing admits nothing that would need escaping.
            Self::Word(w) => format!("\"{w}\""),
            Self::Flag(b) => b.to_string(),
            Self::Instant(t) => t.clone(),
        }
    }

    /// How a file writes such a value.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Number(_) => Kind::Number,
            Self::Word(_) => Kind::Word,
            Self::Flag(_) => Kind::Flag,
            Self::Instant(_) => Kind::Instant,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => f.write_str(&cell(*n)),
            Self::Word(w) => f.write_str(w),
            Self::Flag(b) => b.fmt(f),
            Self::Instant(t) => f.write_str(t),
        }
    }
}

impl Over {
    /// How many values a grid takes of it; `None` for a range without a number of points.
    pub fn count(&self) -> Option<usize> {
        match self {
            Self::Range { points, .. } => *points,
            Self::List(values) => Some(values.len()),
        }
    }

    /// The value `n` of a grid, from 0; [`Over::count`] says how many there are.
    pub fn level(&self, n: usize) -> Value {
        match self {
            Self::Range { from, to, points, .. } => {
                let last = points.unwrap_or(2).saturating_sub(1).max(1);
                Value::Number(rounded(from + (to - from) * n as f64 / last as f64))
            }
            Self::List(values) => values[n.min(values.len() - 1)].clone(),
        }
    }

    /// The value at `unit`, 0..=1: what a sample of the unit cube stands for. Lists and whole numbers get equal shares of it.
    pub fn at(&self, unit: f64) -> Value {
        match self {
            Self::Range { from, to, whole: true, .. } => Value::Number((from + (unit * (to - from + 1.0)).floor()).min(*to)),
            Self::Range { from, to, whole: false, .. } => Value::Number(rounded(from + unit * (to - from))),
            Self::List(values) => values[((unit * values.len() as f64) as usize).min(values.len() - 1)].clone(),
        }
    }

    /// First and last value.
    pub fn ends(&self) -> [Value; 2] {
        match self {
            Self::Range { from, to, .. } => [Value::Number(rounded(*from)), Value::Number(rounded(*to))],
            Self::List(values) => [values[0].clone(), values[values.len() - 1].clone()],
        }
    }

    /// Only one value: the key is set, not varied.
    pub fn is_fixed(&self) -> bool {
        matches!(self, Self::List(values) if values.len() == 1)
    }
}

impl Vary {
    /// Name of its column: the key as it is typed.
    pub fn name(&self) -> String {
        match self.target {
            Target::Profile => self.path.clone(),
            Target::Rig => format!("rig:{}", self.path),
        }
    }
}

impl fmt::Display for Vary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.name())?;
        match &self.over {
            Over::Range { from, to, points, .. } => {
                write!(f, "{}..{}", cell(*from), cell(*to))?;
                points.map_or(Ok(()), |n| write!(f, ":{n}"))
            }
            Over::List(values) => {
                let words: Vec<String> = values.iter().map(ToString::to_string).collect();
                f.write_str(&words.join(","))
            }
        }
    }
}

const EXPECTED: &str =
    "expected KEY=FROM..TO:POINTS, KEY=FROM..TO or KEY=VALUE,VALUE such as radiator.area_m2=80..200:7; keys of the rig begin with rig:";

impl FromStr for Vary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, over) = text.split_once('=').ok_or_else(|| format!("\"{text}\" has no =: {EXPECTED}"))?;
        let (target, path) = match key.trim().strip_prefix("rig:") {
            Some(path) => (Target::Rig, path),
            None => (Target::Profile, key.trim()),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if path.is_empty() || !path.split('.').all(|part| !part.is_empty() && part.chars().all(plain)) {
            return Err(format!("\"{key}\" is no key: {EXPECTED}"));
        }
        let over = over_of(over).map_err(|why| format!("{}: {why}", key.trim()))?;
        Ok(Self { target, path: path.to_owned(), over })
    }
}

fn over_of(text: &str) -> Result<Over, String> {
    let Some((from, rest)) = text.split_once("..") else {
        let values = text.split(',').map(Value::parse).collect::<Result<Vec<_>, _>>()?;
        if let Some(twice) = values.iter().enumerate().find(|(n, v)| values[..*n].contains(v)) {
            return Err(format!("{} is there twice", twice.1));
        }
        if values.windows(2).any(|w| w[0].kind() != w[1].kind()) {
            return Err(format!("\"{text}\" mixes values of different kinds"));
        }
        return Ok(Over::List(values));
    };
    let (to, points) = match rest.split_once(':') {
        None => (rest, None),
        Some((to, n)) => {
            let count = n.trim().parse::<usize>().ok().filter(|n| (2..=100_000).contains(n));
            (to, Some(count.ok_or_else(|| format!("\"{n}\" points will not do: expected a whole number from 2 to 100000"))?))
        }
    };
    let number = |text: &str| match Value::parse(text) {
        Ok(Value::Number(n)) => Ok(n),
        _ => Err(format!("\"{}\" is not a number; words go in a list: KEY=one,two", text.trim())),
    };
    let (from, to) = (number(from)?, number(to)?);
    if from >= to {
        return Err(format!("the range {}..{} does not run upwards", cell(from), cell(to)));
    }
    Ok(Over::Range { from, to, points, whole: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vary(text: &str) -> Vary {
        text.parse().unwrap_or_else(|why| panic!("{why}"))
    }

    #[test]
    fn what_is_typed_is_what_is_written() {
        for text in [
            "radiator.area_m2=80..200:7",
            "orbit.ltan_h=6,12,18",
            "rig:plant.loss_w_k=0.2..0.6",
            "radiator.attitude=sun_edge,nadir",
            "orbit.epoch=2026-01-01T00:00:00Z,2026-06-21T00:00:00Z",
            "x.on=true,false",
            "loop.minimum_supply_degc=-20..40",
            "a.b=1e-7",
        ] {
            assert_eq!(vary(text).to_string(), text);
        }
        assert_eq!(vary(" rig:plant.loss_w_k = 0.2 .. 0.60 : 3").to_string(), "rig:plant.loss_w_k=0.2..0.6:3");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_reason() {
        for (text, why) in [
            ("radiator.area_m2", "has no ="),
            ("=1..2", "is no key"),
            ("a..b=1", "is no key"),
            ("rig:=1", "is no key"),
            ("a=2..1", "does not run upwards"),
            ("a=1..1", "does not run upwards"),
            ("a=1..nan", "not a number"),
            ("a=one..two", "words go in a list"),
            ("a=1..2:1", "\"1\" points will not do"),
            ("a=1..2:x", "points will not do"),
            ("a=", "is no value"),
            ("a=1,,2", "is no value"),
            ("a=inf", "not a finite number"),
            ("a=1,x", "different kinds"),
            ("a=1,2,1.0", "1 is there twice"),
            ("a=\"x\"", "is no value"),
        ] {
            let refused = text.parse::<Vary>().expect_err(text);
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn grids_have_both_ends_and_equal_steps() {
        let over = vary("a=80..200:7").over;
        let levels: Vec<String> = (0..7).map(|n| over.level(n).to_string()).collect();
        assert_eq!(levels, ["80", "100", "120", "140", "160", "180", "200"]);
        assert_eq!(vary("a=0..1:4").over.level(1).to_string(), "0.333333333");
        assert_eq!(vary("a=z,y").over.level(1), Value::Word("y".into()));
    }

    proptest! {
        #[test]
        fn the_unit_interval_covers_what_it_stands_for(unit in 0.0..=1.0_f64) {
            let whole = Over::Range { from: 2.0, to: 5.0, points: None, whole: true };
            let Value::Number(n) = whole.at(unit) else { panic!("a number") };
            prop_assert!((2.0..=5.0).contains(&n) && n.fract() == 0.0);
            prop_assert_eq!(n, (2.0 + (unit * 4.0).floor()).min(5.0));
            let Value::Number(x) = vary("a=-3..7").over.at(unit) else { panic!("a number") };
            prop_assert!((x - (-3.0 + 10.0 * unit)).abs() < 1e-7);
            prop_assert_eq!(cell(x).parse::<f64>().expect("a number"), x);
        }

        #[test]
        fn no_text_panics(text in "[a-z=.:,0-9 -]{0,30}") {
            let _ = text.parse::<Vary>();
        }
    }
}
