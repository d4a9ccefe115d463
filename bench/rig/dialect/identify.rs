//! `[identify]` of a dialect: who an answer is of. Devices that were mixed up answer too, and often by words that any device may say:
//! those identify nobody.

use super::{Found, Pattern, Template};

/// `[identify]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Identify {
    /// The question.
    pub ask: Template,
    /// What the answer may look like; `{model}`, `{serial}` and `{firmware}` in it are held against the rig file.
    pub matches: Vec<Pattern>,
    /// Shapes of the models that are known to speak the dialect: `#` is a digit, `*` anything. Empty where a pattern tells enough.
    pub models: Vec<String>,
    /// A question of its own for the firmware, where the answer to the first one has no place for it.
    pub firmware: Option<(Template, Pattern)>,
    /// What takes the device over from its own panel, and shapes of the models that need it; empty where all do.
    pub remote: Option<(Template, Vec<String>)>,
}

impl Identify {
    /// What the answer says, if the family of devices says such things. A model that the rig file `declares` need be no known one.
    pub fn find(&self, line: &str, declared: Option<&str>) -> Option<Found> {
        if says_nothing(line) || self.is_echo(line) {
            return None;
        }
        self.matches.iter().filter_map(|pattern| pattern.find(line)).find(|found| {
            // A name of no letters is none: a pattern met by separators alone.
            if found.iter().any(|(_, word)| word.is_empty()) {
                return false;
            }
            let Some((_, model)) = found.iter().find(|(name, _)| name == "model") else { return true };
            declared.is_some_and(|declared| declared == model) || self.models.is_empty() || self.knows(model)
        })
    }

    /// What a device of this model must be told before it takes any command.
    pub fn remote_of(&self, model: Option<&str>) -> Option<&Template> {
        let (line, models) = self.remote.as_ref()?;
        (models.is_empty() || model.is_some_and(|model| among(models, model))).then_some(line)
    }

    fn knows(&self, model: &str) -> bool {
        among(&self.models, model)
    }

    fn is_echo(&self, line: &str) -> bool {
        let asked = self.ask.fill(|_| None).unwrap_or_default();
        let asked: String = asked.iter().map(|b| char::from(*b)).collect();
        line.trim().eq_ignore_ascii_case(asked.trim())
    }

    /// What the answer to the question for the firmware says of it; `None` where it says that there is no such question.
    pub fn firmware_in(&self, line: &str) -> Option<String> {
        let (_, pattern) = self.firmware.as_ref().filter(|_| !is_error(line))?;
        let found = pattern.find(line)?;
        // Versions have numbers.
        found.into_iter().map(|(_, word)| word).find(|word| word.chars().any(|c| c.is_ascii_digit()))
    }

    /// Whether an answer has a place for this name.
    pub fn tells(&self, name: &str) -> bool {
        let apart = name == "firmware" && self.firmware.is_some();
        apart || self.matches.iter().any(|pattern| pattern.names().any(|known| known == name))
    }

    /// The fewest letters that stand fast in any of its patterns: the more, the more particular.
    pub fn letters(&self) -> usize {
        self.matches.iter().map(Pattern::letters).min().unwrap_or_default()
    }
}

/// It is what devices of any make say to a line that they do not understand, or a number: MT-SICS' `ES`, `EL` and `ET`, Lauda's
/// `ERR_3`, `ERROR...`, question marks, a protocol's NAK.
fn says_nothing(line: &str) -> bool {
    is_error(line) || !line.chars().any(char::is_alphabetic)
}

/// The same, but for numbers.
fn is_error(line: &str) -> bool {
    let line = line.trim();
    let head = |of: &str| line.get(..of.len()).is_some_and(|head| head.eq_ignore_ascii_case(of));
    let error = ["ERR", "?ERR", "?SYNTAX", "UNKNOWN ", "INVALID ", "BAD COMMAND"].iter().any(|of| head(of));
    error || line.starts_with('?') || ["ES", "EL", "ET", "NAK", "READY", "OK"].iter().any(|word| line.eq_ignore_ascii_case(word))
}

fn among(shapes: &[String], model: &str) -> bool {
    shapes.iter().any(|shape| fits(shape.as_bytes(), model.as_bytes()))
}

/// `text` has the shape: `#` is one digit, `*` anything, letters in either case.
fn fits(shape: &[u8], text: &[u8]) -> bool {
    match (shape.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => fits(rest, text) || text.split_first().is_some_and(|(_, left)| fits(shape, left)),
        (Some((b'#', rest)), Some((digit, left))) => digit.is_ascii_digit() && fits(rest, left),
        (Some((letter, rest)), Some((is, left))) => letter.eq_ignore_ascii_case(is) && fits(rest, left),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        for (shape, text, does) in [
            ("E36*", "E3634A", true),
            ("E36*", "WT310", false),
            ("62###H*S", "62050H-600S", true),
            ("62###H*S", "62050H-600", false),
            ("52##", "5240", true),
            ("52##", "52402", false),
            ("eco*", "ECO", true),
            ("*", "", true),
            ("#", "", false),
        ] {
            assert_eq!(fits(shape.as_bytes(), text.as_bytes()), does, "{shape} {text}");
        }
    }

    #[test]
    fn words_that_any_device_may_say_are_no_name() {
        for line in ["ES", "ERR_3", "err_6", "ERROR: what?", "Error 113", "?", "? *IDN?", "OK", "0", "-113", "", "Ready"] {
            assert!(says_nothing(line), "{line}");
        }
        for line in ["ECO", "XT", "KORADKA3005PV2.0", "ESPEC chamber", "{S1B0444", "I4 A \"1\""] {
            assert!(!says_nothing(line), "{line}");
        }
    }
}
