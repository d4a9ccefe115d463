//! Instants as astronomers count them. Not a clock: an instant goes in, a number comes out.

use crate::constants::{DAY_S, TT_MINUS_UTC_S};
use jiff::Timestamp;

/// Julian date of the epoch J2000.0 (2000-01-01 12:00 TT).
const J2000_JD: f64 = 2_451_545.0;

/// Julian date of the Unix epoch (1970-01-01 00:00 UTC).
const UNIX_EPOCH_JD: f64 = 2_440_587.5;

/// Days in a Julian century.
const CENTURY_D: f64 = 36_525.0;

/// A moment in terrestrial time, as Julian centuries since J2000.0.
///
/// Kept as centuries because every series of the theory is in them; one part in 2^53 of a century is under a microsecond.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Centuries(pub f64);

impl Centuries {
    /// The epoch J2000.0 itself.
    pub const J2000: Self = Self(0.0);

    /// From a Julian date in terrestrial time (JDE).
    pub fn from_jde(jde: f64) -> Self {
        Self((jde - J2000_JD) / CENTURY_D)
    }

    /// The moment `seconds` later.
    #[must_use]
    pub fn plus_s(self, seconds: f64) -> Self {
        Self(self.0 + seconds / (DAY_S * CENTURY_D))
    }
}

impl From<Timestamp> for Centuries {
    fn from(utc: Timestamp) -> Self {
        let days = utc.as_duration().as_secs_f64() / DAY_S;
        Self((UNIX_EPOCH_JD - J2000_JD + days) / CENTURY_D).plus_s(TT_MINUS_UTC_S)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_dates_become_julian_dates() {
        // Meeus, Astronomical Algorithms, 2nd ed., ch. 7: table of Julian dates, read as UTC.
        for (utc, jd) in [
            ("2000-01-01T12:00:00Z", 2_451_545.0),
            ("1999-01-01T00:00:00Z", 2_451_179.5),
            ("1987-06-19T12:00:00Z", 2_446_966.0),
            ("1988-01-27T00:00:00Z", 2_447_187.5),
        ] {
            let instant: Timestamp = utc.parse().expect("a literal");
            let expected = Centuries::from_jde(jd + TT_MINUS_UTC_S / DAY_S);
            assert!((Centuries::from(instant).0 - expected.0).abs() * CENTURY_D * DAY_S < 1e-3, "{utc}");
        }
    }
}
