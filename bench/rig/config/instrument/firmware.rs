//! `firmware` of an instrument: which one a rig was tried with.

use std::fmt::{self, Display};

/// What a device's firmware must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// Said letter for letter.
    Exactly(String),
    /// This version or a later one, by its numbers from the left.
    AtLeast(String),
}

impl Firmware {
    /// Reads `VERSION` or `>= VERSION`; `None` if there is no number to compare.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().strip_prefix(">=") {
            Some(least) => (!numbers(least).is_empty()).then(|| Self::AtLeast(least.trim().to_owned())),
            None => (!text.trim().is_empty()).then(|| Self::Exactly(text.trim().to_owned())),
        }
    }

    /// The number that it is, for a device that tells its version as one: "5.1" is then the same as "5.10". `None` if it is no number.
    pub fn number(&self) -> Option<f64> {
        let (Self::Exactly(text) | Self::AtLeast(text)) = self;
        text.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// Whether a device may be used that says this as a number, such as 5.1 where it counts 510 hundredths.
    pub fn is_met_by_number(&self, said: f64) -> bool {
        // Far below a step of any version, far above what a decimal loses in binary.
        const SLACK: f64 = 1e-6;
        self.number().is_some_and(|wanted| match self {
            Self::Exactly(_) => (said - wanted).abs() < SLACK,
            Self::AtLeast(_) => said > wanted - SLACK,
        })
    }

    /// Whether a device that says this may be used.
    pub fn is_met_by(&self, said: &str) -> bool {
        match self {
            Self::Exactly(wanted) => wanted == said.trim(),
            Self::AtLeast(least) => !numbers(said).is_empty() && numbers(said) >= numbers(least),
        }
    }
}

impl Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(wanted) => write!(f, "\"{wanted}\""),
            Self::AtLeast(least) => write!(f, "\"{least}\" or later"),
        }
    }
}

/// The numbers of a version, such as 2 and 34 of "v2.34"; trailing zeros say nothing.
fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let mut numbers: Vec<u64> = parts.map(|part| part.parse().unwrap_or(u64::MAX)).collect();
    while numbers.last() == Some(&0) && numbers.len() > 1 {
        numbers.pop();
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let met = |wanted: &str, said: &str| Firmware::parse(wanted).unwrap().is_met_by(said);
        assert!(met(">= 2.9", "v2.10") && met(">=2.0", "V2") && met(">= 1.4-5.0", "1.4-5.0-1.0") && met("v2.34", "v2.34"));
        assert!(!met(">= 2.34", "v2.33.9") && !met(">= 1", "unknown") && !met("v2.34", "v2.35") && !met("2.34", "v2.34"));
        assert_eq!((Firmware::parse(">= beta"), Firmware::parse(" ")), (None, None));
    }

    /// Of a version that is a number 5.9 comes after 5.10, and 5.1 is 5.10.
    #[test]
    fn versions_that_are_numbers_are_compared_as_such() {
        let met = |wanted: &str, said: f64| Firmware::parse(wanted).unwrap().is_met_by_number(said);
        assert!(met("5.1", 5.10) && met(">= 5.1", 5.1) && met(">= 5.10", 5.9) && met("0.3", 0.1 + 0.2));
        assert!(!met("5.1", 5.11) && !met(">= 5.9", 5.89) && !met(">= 5.9", f64::NAN) && !met("v5.1", 5.1));
    }
}
