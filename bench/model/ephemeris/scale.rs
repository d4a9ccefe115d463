//! Time scales and the ways files write an instant. Not a clock.
//!
//! Imported files count in UTC, TAI, TT, TDB or GPS time; here all become atomic time, in which a difference is an elapsed
//! time. TDB is taken for TT: they differ by less than 2 ms (Moyer 1981, Celestial Mechanics 23, 33), in which a satellite
//! moves 15 m.

use jiff::Timestamp;
use jiff::civil::Date;

const NS: i64 = 1_000_000_000;
const DAY_NS: i64 = 86_400 * NS;

/// Day from which a difference TAI - UTC, s, is in force: IERS Bulletin C, collected in `Leap_Second.dat` (Paris Observatory).
/// No leap second is announced after the last. Before 1972 UTC had another second, and is refused.
const LEAPS: &[(i16, i8, i64)] = &[
    (1972, 1, 10),
    (1972, 7, 11),
    (1973, 1, 12),
    (1974, 1, 13),
    (1975, 1, 14),
    (1976, 1, 15),
    (1977, 1, 16),
    (1978, 1, 17),
    (1979, 1, 18),
    (1980, 1, 19),
    (1981, 7, 20),
    (1982, 7, 21),
    (1983, 7, 22),
    (1985, 7, 23),
    (1988, 1, 24),
    (1990, 1, 25),
    (1991, 1, 26),
    (1992, 7, 27),
    (1993, 7, 28),
    (1994, 7, 29),
    (1996, 1, 30),
    (1997, 7, 31),
    (1999, 1, 32),
    (2006, 1, 33),
    (2009, 1, 34),
    (2012, 7, 35),
    (2015, 7, 36),
    (2017, 1, 37),
];

/// What a file's instants are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeScale {
    /// Coordinated universal time, with its leap seconds.
    Utc,
    /// International atomic time.
    Tai,
    /// Terrestrial time.
    Tt,
    /// Barycentric dynamical time, taken for terrestrial time.
    Tdb,
    /// GPS time.
    Gps,
}

/// Names of the time scales, as files write them.
pub const TIME_SCALES: &[(&str, TimeScale)] =
    &[("UTC", TimeScale::Utc), ("TAI", TimeScale::Tai), ("TT", TimeScale::Tt), ("TDB", TimeScale::Tdb), ("GPS", TimeScale::Gps)];

impl TimeScale {
    /// From its name, in either case.
    pub fn named(name: &str) -> Option<Self> {
        TIME_SCALES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, scale)| *scale)
    }

    /// TAI minus this scale, ns; `None` for UTC, where it depends on the day.
    fn tai_minus_ns(self) -> Option<i64> {
        match self {
            Self::Utc => None,
            Self::Tai => Some(0),
            // TT - TAI, by definition (IAU 1991).
            Self::Tt | Self::Tdb => Some(-32_184_000_000),
            // IS-GPS-200: GPS time was UTC on 1980-01-06.
            Self::Gps => Some(19 * NS),
        }
    }
}

/// An instant: nanoseconds of atomic time since 1970-01-01 00:00 TAI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tai(pub i64);

impl Tai {
    /// Elapsed since `other`, s.
    pub fn since_s(self, other: Self) -> f64 {
        self.0.saturating_sub(other.0) as f64 / 1e9
    }

    /// `seconds` later, to the nearest nanosecond; `None` where seconds are not finite or out of the range of some 290 years.
    pub fn plus_s(self, seconds: f64) -> Option<Self> {
        let ns = seconds * 1e9;
        if ns.abs() < 9.0e18 { self.0.checked_add(ns.round() as i64).map(Self) } else { None }
    }

    /// From UTC; `None` before 1972.
    pub fn from_utc(utc: Timestamp) -> Option<Self> {
        let ns = i64::try_from(utc.as_nanosecond()).ok()?;
        Some(Self(ns + leap_s(ns.div_euclid(DAY_NS))? * NS))
    }

    /// As UTC. Inside a leap second it is the end of it, which UTC as a count of seconds cannot tell apart.
    pub fn utc(self) -> Timestamp {
        let leap = LEAPS.iter().rev().find(|(year, month, leap)| {
            // The new difference is in force from the end of the leap second.
            first_of(*year, *month) * DAY_NS + leap * NS <= self.0
        });
        let (offset, next) = leap.map_or((LEAPS[0].2, i64::MAX), |(year, month, leap)| {
            let later = LEAPS.iter().find(|(y, m, _)| (*y, *m) > (*year, *month));
            (*leap, later.map_or(i64::MAX, |(y, m, _)| first_of(*y, *m) * DAY_NS))
        });
        let ns = (self.0 - offset * NS).min(next);
        Timestamp::from_nanosecond(i128::from(ns)).unwrap_or(Timestamp::MAX)
    }
}

/// Days from 1970-01-01 to the first of a month.
fn first_of(year: i16, month: i8) -> i64 {
    Date::new(year, month, 1).map_or(i64::MAX / DAY_NS, unix_day)
}

fn unix_day(date: Date) -> i64 {
    date.duration_since(Date::constant(1970, 1, 1)).as_secs() / 86_400
}

/// TAI - UTC on a day counted from 1970-01-01, s; `None` before 1972.
fn leap_s(day: i64) -> Option<i64> {
    LEAPS.iter().rev().find(|(year, month, _)| first_of(*year, *month) <= day).map(|(_, _, leap)| *leap)
}

/// A day and the nanoseconds of it that passed.
fn assemble(scale: TimeScale, date: Date, hour: i64, minute: i64, second: f64) -> Result<Tai, String> {
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0.0..61.0).contains(&second) {
        return Err(format!("{hour}:{minute}:{second} is no time of day"));
    }
    let day = unix_day(date);
    let leaps_at_its_end = match (leap_s(day), leap_s(day + 1)) {
        (Some(today), Some(tomorrow)) => tomorrow > today,
        _ => false,
    };
    if second >= 60.0 && !(scale == TimeScale::Utc && leaps_at_its_end && (hour, minute) == (23, 59)) {
        return Err(format!("there is no second {second} at that minute: no leap second was there"));
    }
    if !(1900..=2200).contains(&date.year()) {
        return Err(format!("the year {} is not between 1972 and 2200", date.year()));
    }
    let ns = day * DAY_NS + (hour * 3600 + minute * 60) * NS + (second * 1e9).round() as i64;
    let offset = match scale.tai_minus_ns() {
        Some(offset) => offset,
        None => leap_s(day).ok_or_else(|| format!("UTC of {date} has no leap seconds yet: expected 1972 or later"))? * NS,
    };
    Ok(Tai(ns + offset))
}

/// What an instant looks like, for messages.
pub(crate) const INSTANT: &str = "an instant such as 2026-06-21T12:00:00.000 or 2026-172T12:00:00";

/// Reads `2026-06-21T12:00:00.000`, `2026-172T12:00:00` (day of year), either with `Z` or a space for the `T`, and
/// `21 Jun 2026 12:00:00.000`.
pub fn instant(scale: TimeScale, text: &str) -> Result<Tai, String> {
    let expected = || format!("\"{text}\" is no instant: expected {INSTANT}");
    let bare = text.trim();
    if bare.ends_with(['Z', 'z']) && scale != TimeScale::Utc {
        return Err(format!("\"{text}\" ends in Z, which means UTC, and the declared time scale is another"));
    }
    let bare = bare.trim_end_matches(['Z', 'z']);
    let words: Vec<&str> = bare.split_whitespace().collect();
    let (date, clock) = match words[..] {
        [day, month, year, clock] => (spelt(day, month, year).ok_or_else(expected)?, clock),
        [date, clock] => (numeric(date).ok_or_else(expected)?, clock),
        [both] => {
            let (date, clock) = both.split_once('T').ok_or_else(expected)?;
            (numeric(date).ok_or_else(expected)?, clock)
        }
        _ => return Err(expected()),
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let [hour, minute, second] = parts[..] else { return Err(expected()) };
    if !digits(hour) || !digits(minute) || !second.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(expected());
    }
    let (Ok(hour), Ok(minute), Ok(second)) = (hour.parse(), minute.parse(), second.parse()) else { return Err(expected()) };
    assemble(scale, date, hour, minute, second).map_err(|why| format!("\"{text}\" is no instant: {why}"))
}

fn numeric(text: &str) -> Option<Date> {
    let parts: Vec<&str> = text.split('-').collect();
    if !parts.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    match parts[..] {
        [year, month, day] => Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok(),
        [year, day] => {
            let first = Date::new(year.parse().ok()?, 1, 1).ok()?;
            let day: i16 = day.parse().ok()?;
            let date = first.checked_add(jiff::SignedDuration::from_hours(24 * i64::from(day - 1))).ok()?;
            (day >= 1 && date.year() == first.year()).then_some(date)
        }
        _ => None,
    }
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

fn spelt(day: &str, month: &str, year: &str) -> Option<Date> {
    let month = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(month))?;
    Date::new(year.parse().ok()?, month as i8 + 1, day.parse().ok()?).ok()
}

/// Days of 86 400 s counted from `zero`, a Julian date at midnight (`.5`), in `scale`.
pub fn day_count(scale: TimeScale, zero_jd: f64, days: f64) -> Result<Tai, String> {
    /// Julian date of 1970-01-01 00:00.
    const UNIX_JD: f64 = 2_440_587.5;
    let day = (days + (zero_jd - UNIX_JD)).floor();
    // Split before scaling: a Julian date in one number is good to 40 us, and no operation here should make it worse.
    let fraction = days - (day - (zero_jd - UNIX_JD));
    if !(-25_567.0..=84_000.0).contains(&day) {
        return Err(format!("day {days} is not between 1972 and 2200"));
    }
    let date = Date::constant(1970, 1, 1)
        .checked_add(jiff::SignedDuration::from_hours(24 * day as i64))
        .map_err(|_| format!("day {days} is not between 1972 and 2200"))?;
    let midnight = assemble(scale, date, 0, 0, 0.0)?;
    midnight.plus_s(fraction * 86_400.0).ok_or_else(|| format!("day {days} is no day"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_instant_in_every_scale() {
        let utc = instant(TimeScale::Utc, "2026-06-21T12:00:00Z").expect("an instant");
        for (scale, text) in [
            (TimeScale::Utc, "2026-172T12:00:00.000"),
            (TimeScale::Utc, "21 Jun 2026 12:00:00.000"),
            (TimeScale::Utc, "2026-06-21 12:00:00"),
            (TimeScale::Tai, "2026-06-21T12:00:37"),
            (TimeScale::Tt, "2026-06-21T12:01:09.184"),
            (TimeScale::Tdb, "2026-06-21T12:01:09.184"),
            // IERS: GPS - UTC = 18 s since 2017.
            (TimeScale::Gps, "2026-06-21T12:00:18"),
        ] {
            assert_eq!(instant(scale, text), Ok(utc), "{scale:?} {text}");
        }
        assert_eq!(utc.utc().to_string(), "2026-06-21T12:00:00Z");
        assert_eq!(Tai::from_utc(utc.utc()), Some(utc));
        // 2026-06-21 12:00 UTC is JD 2461213.0, MJD 61212.5.
        assert_eq!(day_count(TimeScale::Utc, 2_400_000.5, 61_212.5), Ok(utc));
        assert!((day_count(TimeScale::Utc, 0.0, 2_461_213.0).expect("a day").since_s(utc)).abs() < 1e-4);
    }

    #[test]
    fn the_leap_second_at_the_end_of_2016_lasts_a_second() {
        let at = |text| instant(TimeScale::Utc, text).expect("an instant");
        let (before, leap, after) = (at("2016-12-31T23:59:59"), at("2016-12-31T23:59:60"), at("2017-01-01T00:00:00"));
        assert_eq!((leap.since_s(before), after.since_s(leap)), (1.0, 1.0));
        assert_eq!(leap.plus_s(0.5).expect("later").utc().to_string(), "2017-01-01T00:00:00Z");
        assert_eq!(before.utc().to_string(), "2016-12-31T23:59:59Z");
        assert!(instant(TimeScale::Utc, "2025-12-31T23:59:60").is_err(), "there was none");
        assert!(instant(TimeScale::Tai, "2016-12-31T23:59:60").is_err(), "TAI has none");
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "yesterday",
            "2026-13-01T00:00:00",
            "2026-366T00:00:00",
            "2026-000T00:00:00",
            "2026-06-21",
            "2026-06-21T24:00:00",
            "2026-06-21T12:00",
            "2026-06-21T12:00:00+02:00",
            "2026-06-21T12:00:-1",
            "1965-01-01T00:00:00",
            "99999-01-01T00:00:00",
            "21 Juin 2026 12:00:00",
            "2026-06-21T12:00:nan",
            "+2026-06-21T12:00:00",
        ] {
            assert!(instant(TimeScale::Utc, text).is_err(), "{text}");
        }
        assert!(instant(TimeScale::Tt, "2026-06-21T12:00:00Z").is_err(), "Z is UTC");
        for days in [f64::NAN, f64::INFINITY, -1e9, 1e300] {
            assert!(day_count(TimeScale::Utc, 0.0, days).is_err(), "{days}");
        }
    }

    proptest! {
        #[test]
        fn utc_there_and_back(ns in 63_072_000_000_000_000_i64..4_000_000_000_000_000_000) {
            let utc = Timestamp::from_nanosecond(i128::from(ns)).expect("in range");
            prop_assert_eq!(Tai::from_utc(utc).map(Tai::utc), Some(utc));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}", digits in "[0-9]{0,6}-[0-9]{0,3}-?[0-9]{0,3}[T ][0-9]{0,3}:[0-9]{0,3}:[0-9.]{0,6}Z?") {
            for scale in [TimeScale::Utc, TimeScale::Tdb] {
                let _ = instant(scale, &text);
                let _ = instant(scale, &digits);
            }
        }
    }
}
