//! What is known of the light ahead, and what is taken of the rest: that an orbit whose data end is as it was an orbit before, and that anything else is dark,
//! which is the worst that a battery can be sized for.
//!
//! Neither the end of a mission nor that of a table brings the light back. Not here: what is made of it.

use crate::Governor;
use model::environment::Environment;
use std::ops::RangeInclusive;

/// Looks ahead at this many moments a period, then bisects: a dark shorter than that is carried without having been foreseen.
const LOOKS: u32 = 256;
/// Bisections of one look: LEO's 23 s come down to 0.1 ms.
const BISECTIONS: u32 = 18;

/// The light ahead of one satellite.
#[derive(Clone, Debug)]
pub(crate) struct Ahead<'a> {
    pub(crate) governor: &'a Governor,
    environment: &'a Environment,
    /// Mission time for which it is known.
    known_s: RangeInclusive<f64>,
    /// After what time it is as it was; `None` where nothing says that it recurs.
    recurs_s: Option<f64>,
}

impl<'a> Ahead<'a> {
    /// As far as `environment` says.
    pub(crate) fn of(governor: &'a Governor, environment: &'a Environment) -> Self {
        Self { governor, environment, known_s: environment.span_s(), recurs_s: environment.recurs_s() }
    }

    /// The first `period_s` of `environment`, again and again.
    pub(crate) fn again_and_again(governor: &'a Governor, environment: &'a Environment, period_s: f64) -> Self {
        Self { governor, environment, known_s: 0.0..=period_s, recurs_s: Some(period_s) }
    }

    /// Whether it is dark at `mission_s`, or taken to be.
    fn dark(&self, mission_s: f64) -> bool {
        let beyond_s = (mission_s - self.known_s.end()).max(0.0);
        let known_s = self.recurs_s.map_or(mission_s, |period_s| mission_s - (beyond_s / period_s).ceil() * period_s);
        !self.known_s.contains(&known_s) || self.governor.dark(&self.environment.at(known_s))
    }

    /// The first moment within `for_s` after `from_s` that is dark, or light, to a ten-millionth of the time; `from_s` itself is not.
    pub(crate) fn edge(&self, (from_s, for_s): (f64, f64), dark: bool) -> Option<f64> {
        let step_s = for_s / f64::from(LOOKS);
        let mut moments = (1..=LOOKS).map(|k| from_s + f64::from(k) * step_s);
        moments.find(|t| self.dark(*t) == dark).map(|inside_s| {
            let (mut outside_s, mut inside_s) = (inside_s - step_s, inside_s);
            for _ in 0..BISECTIONS {
                let middle_s = f64::midpoint(outside_s, inside_s);
                if self.dark(middle_s) == dark {
                    inside_s = middle_s;
                } else {
                    outside_s = middle_s;
                }
            }
            inside_s
        })
    }
}

#[cfg(test)]
mod tests;
