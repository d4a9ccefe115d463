//! Values of a TOML text that can be replaced one by one, by dotted path, leaving every other byte as it is: comments stay, and a
//! problem that a reader finds afterwards is the value's.
//!
//! Not here: what a value may be. That is for whoever reads the text.

use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// What a value is, by the way it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number, whole or not.
    Number,
    /// A string.
    Word,
    /// `true` or `false`.
    Flag,
    /// A date, a time or both.
    Instant,
    /// A list; lists cannot be varied.
    List,
}

impl Kind {
    /// The word for messages, with its article.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Word => "a word",
            Self::Flag => "true or false",
            Self::Instant => "an instant",
            Self::List => "a list",
        }
    }
}

/// One value of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// Dotted path from the top.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    span: Range<usize>,
}

/// A TOML text and where its values are.
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    leaves: Vec<Leaf>,
    /// Tables with the place of their header or brace.
    tables: Vec<(String, Range<usize>)>,
}

impl Template {
    /// Finds the values of `text`; an error is a syntax error's message.
    pub fn new(text: &str) -> Result<Self, String> {
        let table = DeTable::parse(text).map_err(|e| e.message().to_owned())?;
        let mut template = Self { text: text.to_owned(), leaves: Vec::new(), tables: Vec::new() };
        template.collect(table.get_ref(), "");
        Ok(template)
    }

    fn collect(&mut self, table: &DeTable<'_>, path: &str) {
        for (key, value) in table {
            let path = if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) };
            let kind = match value.get_ref() {
                DeValue::Table(inner) => {
                    self.tables.push((path.clone(), value.span()));
                    self.collect(inner, &path);
                    continue;
                }
                DeValue::Integer(_) | DeValue::Float(_) => Kind::Number,
                DeValue::String(_) => Kind::Word,
                DeValue::Boolean(_) => Kind::Flag,
                DeValue::Datetime(_) => Kind::Instant,
                DeValue::Array(_) => Kind::List,
            };
            self.leaves.push(Leaf { path, kind, span: value.span() });
        }
    }

    /// The text as it is now.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every value there is, in the order of their paths.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The value at `path`.
    pub fn leaf(&self, path: &str) -> Option<&Leaf> {
        self.leaves.iter().find(|l| l.path == path)
    }

    /// True if `path` is a table.
    pub fn is_table(&self, path: &str) -> bool {
        self.tables.iter().any(|(p, _)| p == path)
    }

    /// The text with the value at each path replaced by a TOML literal. Paths that are not there are left out.
    pub fn with<'a>(&self, edits: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut places: Vec<(&Range<usize>, &str)> =
            edits.into_iter().filter_map(|(path, literal)| Some((&self.leaf(path)?.span, literal))).collect();
        places.sort_by_key(|(span, _)| span.start);
        let mut out = String::with_capacity(self.text.len() + 16 * places.len());
        let mut from = 0;
        for (span, literal) in places {
            out += &self.text[from..span.start];
            out += literal;
            from = span.end;
        }
        out + &self.text[from..]
    }

    /// The same with a value at `path`, which is not there yet: under its table's header, or in a table of its own at the end.
    /// `None` where the text has no room for it, because a value is where the table would be or the table is not written out.
    pub fn adding(&self, path: &str, literal: &str) -> Option<Self> {
        let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
        let mut text = self.text.clone();
        if table.is_empty() {
            text.insert_str(0, &format!("{key} = {literal}\n"));
        } else if let Some((_, span)) = self.tables.iter().find(|(p, s)| p == table && self.text[s.start..].starts_with(['[', '{'])) {
            if self.text[span.start..].starts_with('{') {
                let comma = if self.text[span.start + 1..].trim_start().starts_with('}') { "" } else { ", " };
                text.insert_str(span.start + 1, &format!("{key} = {literal}{comma}"));
            } else {
                let end = self.text[span.end..].find('\n').map_or(self.text.len(), |at| span.end + at);
                text.insert_str(end, &format!("\n{key} = {literal}"));
            }
        } else {
            let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            text.push_str(&[gap, "\n[", table, "]\n", key, " = ", literal, "\n"].concat());
        }
        Self::new(&text).ok().filter(|t| t.leaf(path).is_some_and(|l| &t.text[l.span.clone()] == literal))
    }

    /// Paths that look most like `path`, at most three.
    pub fn nearest(&self, path: &str) -> Vec<&str> {
        let last = |p: &str| p.rsplit('.').next().unwrap_or_default().to_owned();
        let wanted = last(path);
        let mut near: Vec<(usize, &str)> = self
            .leaves
            .iter()
            .filter(|l| l.kind != Kind::List)
            .map(|l| {
                // The right name in the wrong table is as near as a slip of a finger.
                let by_name = signal::document::distance(&last(&l.path), &wanted) + 1;
                (signal::document::distance(&l.path, path).min(by_name), l.path.as_str())
            })
            .collect();
        near.sort_unstable();
        let best = near.first().map_or(0, |n| n.0);
        let limit = (path.len() / 3).max(3).min(best + 1);
        near.into_iter().take_while(|(d, _)| *d <= limit).take(3).map(|(_, p)| p).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "a = 1 # one\n[orbit]   # where\naltitude_km = 650.0\nkind = \"sun\"\nepoch = 2026-06-21T00:00:00Z\non = true\n[orbit.deep.er]\nx = 0x10\n[flat]\nin = { y = 2.5, z = [1, 2] }\nnone = {}";

    fn template() -> Template {
        Template::new(TEXT).expect("TOML")
    }

    #[test]
    fn leaves_are_found_with_their_kinds() {
        let t = template();
        let found: Vec<(&str, Kind)> = t.leaves().iter().map(|l| (l.path.as_str(), l.kind)).collect();
        for expected in [
            ("a", Kind::Number),
            ("orbit.altitude_km", Kind::Number),
            ("orbit.kind", Kind::Word),
            ("orbit.epoch", Kind::Instant),
            ("orbit.on", Kind::Flag),
            ("orbit.deep.er.x", Kind::Number),
            ("flat.in.y", Kind::Number),
            ("flat.in.z", Kind::List),
        ] {
            assert!(found.contains(&expected), "no {expected:?} in {found:?}");
        }
        assert_eq!(found.len(), 8);
        assert!(t.is_table("orbit") && t.is_table("orbit.deep") && t.is_table("flat.in") && !t.is_table("a"));
        assert!(Template::new("a = ").is_err());
    }

    #[test]
    fn only_the_value_changes() {
        let t = template();
        let changed = t.with([("orbit.kind", "\"moon\""), ("a", "12"), ("flat.in.y", "-1e-9"), ("not.there", "7")]);
        let expected = TEXT.replace("a = 1 ", "a = 12 ").replace("\"sun\"", "\"moon\"").replace("2.5", "-1e-9");
        assert_eq!(changed, expected);
        assert_eq!(t.with([]), TEXT);
    }

    #[test]
    fn what_is_not_there_finds_a_place() {
        let t = template();
        for path in ["b", "orbit.start_deg", "orbit.deep.er.y", "orbit.deep.w", "flat.in.x", "flat.none.x", "new.table.x"] {
            let added = t.adding(path, "-3.25").unwrap_or_else(|| panic!("no place for {path}"));
            assert_eq!(added.leaf(path).map(|l| l.kind), Some(Kind::Number));
            assert_eq!(added.leaves().len(), t.leaves().len() + 1, "{path}");
            for leaf in t.leaves() {
                let now = added.leaf(&leaf.path).expect("still there");
                assert_eq!(added.text()[now.span.clone()], t.text()[leaf.span.clone()], "{path} moved {}", leaf.path);
            }
        }
        assert!(t.adding("a.b", "1").is_none(), "a value is no table");
        assert!(t.adding("orbit.two words", "1").is_none());
        let twice = t.adding("new.x", "1").and_then(|t| t.adding("new.y", "2")).expect("the same new table");
        assert!(twice.leaf("new.x").is_some() && twice.leaf("new.y").is_some());
    }

    #[test]
    fn slips_find_their_names() {
        let (_, profile) = model::profile::builtin()[0];
        let t = Template::new(profile).expect("TOML");
        for (typed, meant) in [
            ("radiator.aera_m2", "radiator.area_m2"),
            ("area_m2", "radiator.area_m2"),
            ("satellite.area_m2", "radiator.area_m2"),
            ("radiator.area_cm2", "radiator.area_m2"),
            ("loop.minimum_suply_degc", "loop.minimum_supply_degc"),
        ] {
            assert!(t.nearest(typed).contains(&meant), "{typed}: {:?}", t.nearest(typed));
        }
        assert!(t.nearest("zzzzzz").is_empty());
    }

    proptest! {
        #[test]
        fn any_finite_number_is_read_back(value in proptest::num::f64::NORMAL | proptest::num::f64::ZERO) {
            let literal = format!("{value:?}");
            let text = template().with([("orbit.altitude_km", literal.as_str())]);
            let table: toml::Table = text.parse().expect("TOML");
            prop_assert_eq!(table["orbit"]["altitude_km"].as_float(), Some(value));
        }
    }
}
