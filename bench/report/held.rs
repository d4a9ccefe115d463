//! A run's energy counter and integrated power held against what a check of the same card found between the two (`orbitbench accelerator check`): which check, what was
//! to be expected, and whether the run is what the check says the card is.
//!
//! Not here: whether a check is of this card (the engine, which says so in `run.toml`), and how energy is summed (`energy`).

use crate::energy::{LAG_S, Sums, TOLD_FRAC};
use serde::{Deserialize, Serialize};

/// Part by which counter and integral of one card may differ from one day to another: they were seen to agree within 1 % (zeus#12), and nothing is published of how that changes.
const SAME_FRAC: f64 = 0.01;

/// What `run.toml` says of the check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckFacts {
    /// Its file; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// SHA-256 of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<String>,
    /// Why it is not gone by; absent where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unused: Option<String>,
    /// Integral over counter, less one, under steady load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_frac: Option<f64>,
    /// Half of the 95 % interval of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_frac: Option<f64>,
    /// The same figure with the load paced as in a run, the farthest of some trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paced_frac: Option<f64>,
}

/// What a check lets expect of a run, as parts of one: the fields of [`CheckFacts`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Expected {
    gap: f64,
    half: f64,
    paced: f64,
}

impl CheckFacts {
    /// What it lets expect; `None` where it is not gone by.
    pub(crate) fn expected(&self) -> Option<Expected> {
        let (gap, half) = self.gap_frac.zip(self.half_frac).filter(|_| self.unused.is_none())?;
        Some(Expected { gap, half, paced: self.paced_frac.unwrap_or(gap) })
    }

    /// Which check, for people; or why none.
    pub fn words(&self) -> String {
        let which = self.file.as_ref().map(|file| {
            let sha256 = self.sha256.as_deref().unwrap_or_default();
            let made = self.made.as_deref().map_or(String::new(), |made| format!(" of {}", made.get(..10).unwrap_or(made)));
            format!("the check{made} in {file} (sha256 {}...)", sha256.get(..12).unwrap_or(sha256))
        });
        let told = TOLD_FRAC * 100.0;
        match (&self.unused, which) {
            (None, Some(which)) => format!("counter and integrated power are held against {which}"),
            (Some(why), Some(which)) => {
                format!("{which} is not gone by: {why}; a gap between counter and integrated power is told above {told:.0} %")
            }
            (why, None) => {
                let why = why.as_deref().unwrap_or("nothing is said of one");
                format!("no check to go by: {why}; a gap between counter and integrated power is told above {told:.0} %")
            }
        }
    }
}

/// A run beside what its card's check lets expect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// What the check found: integral over counter, less one.
    pub expected_frac: f64,
    /// How far a run may be from that: the check's 95 % interval and a card's own change ([`SAME_FRAC`]), what pacing did to the reading in the check, and what steps of power leave in one of the
    /// two accounts only.
    pub allowed_frac: f64,
    /// The run is farther from it.
    pub differs: bool,
}

impl Against {
    /// `None` where counter and integral were never there together.
    pub(crate) fn of(expected: Expected, sums: &Sums, swing_w: f64) -> Option<Self> {
        let found = sums.gap_frac()?;
        let Expected { gap, half, paced } = expected;
        let ends = LAG_S * swing_w / sums.both.0.j;
        let allowed_frac = half.hypot(SAME_FRAC) + (paced - gap).abs() + ends;
        Some(Self { expected_frac: gap, allowed_frac, differs: (found - gap).abs() > allowed_frac })
    }

    /// What was expected, in words.
    pub(crate) fn words(&self) -> String {
        let side = if self.expected_frac < 0.0 { "less" } else { "more" };
        format!("{:.1} ± {:.1} % {side}", self.expected_frac.abs() * 100.0, self.allowed_frac * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_check_or_why_none_is_said() {
        let used = CheckFacts {
            file: Some("/state/GPU-1.toml".into()),
            sha256: Some("0123456789abcdef".into()),
            made: Some("2026-01-02T03:04:05Z".into()),
            gap_frac: Some(0.01),
            half_frac: Some(0.001),
            ..CheckFacts::default()
        };
        assert!(
            used.words().ends_with("held against the check of 2026-01-02 in /state/GPU-1.toml (sha256 0123456789ab...)"),
            "{}",
            used.words()
        );
        assert!(used.expected().is_some());
        let stale = CheckFacts { unused: Some("it was made with another driver".into()), ..used };
        assert!(
            stale.words().contains("is not gone by: it was made with another driver; a gap") && stale.expected().is_none(),
            "{}",
            stale.words()
        );
        let none = CheckFacts { unused: Some("this card was never checked".into()), ..CheckFacts::default() };
        assert!(none.words().starts_with("no check to go by: this card was never checked; a gap") && none.words().ends_with("above 5 %"));
    }
}
