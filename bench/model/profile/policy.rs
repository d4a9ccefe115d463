//! `policy` in `[power]`: what is made of the power there is.

use signal::Section;
use std::fmt;
use std::str::FromStr;

/// How the budget of the compute follows from the power there is. What each does is the control law's business.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum PolicyChoice {
    /// All there is: `follow-sun`.
    #[default]
    FollowSun,
    /// The same part of full load at all times: `fixed:0.6`.
    Fixed(f64),
    /// What the battery can spare is spread over the dark: `battery`.
    Battery,
    /// Below the card's slowdown, with the radiator's lag in view: `thermal`.
    Thermal,
    /// The most work over the orbit: `plan`.
    Plan,
}

const CHOICES: &str = "expected follow-sun, fixed:PART (of full load, above 0 and up to 1), battery, thermal or plan";

impl FromStr for PolicyChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("\"{text}\" is no policy: {CHOICES}");
        match text.trim().split_once(':').map_or((text.trim(), None), |(word, part)| (word, Some(part))) {
            ("follow-sun", None) => Ok(Self::FollowSun),
            ("battery", None) => Ok(Self::Battery),
            ("thermal", None) => Ok(Self::Thermal),
            ("plan", None) => Ok(Self::Plan),
            ("fixed", Some(part)) => {
                let part = part.trim().parse::<f64>().ok().filter(|p| *p > 0.0 && *p <= 1.0);
                part.map(Self::Fixed).ok_or_else(unknown)
            }
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for PolicyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FollowSun => f.write_str("follow-sun"),
            Self::Fixed(part) => write!(f, "fixed:{part}"),
            Self::Battery => f.write_str("battery"),
            Self::Thermal => f.write_str("thermal"),
            Self::Plan => f.write_str("plan"),
        }
    }
}

/// The policy of a profile; [`PolicyChoice::FollowSun`] if the file does not say.
pub(super) fn read(section: &Section<'_>) -> PolicyChoice {
    let Some(text) = section.optional_text("policy", "what is made of the power there is, such as \"follow-sun\"") else {
        return PolicyChoice::FollowSun;
    };
    text.parse().unwrap_or_else(|why: String| {
        section.problem("policy", why);
        PolicyChoice::FollowSun
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for text in ["follow-sun", "fixed:0.6", "fixed:1", "battery", "thermal", "plan"] {
            assert_eq!(text.parse::<PolicyChoice>().map(|p| p.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "fixed", "fixed:0", "fixed:1.1", "fixed:NaN", "fixed:-1", "plan:1", "sun"] {
            assert!(text.parse::<PolicyChoice>().is_err_and(|why| why.contains("follow-sun")), "{text}");
        }
    }
}
