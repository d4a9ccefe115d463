//! What a span of days (a year) does to a satellite: the Sun's angle to the orbit, the seasons of eclipses, and the light and
//! glow on the two faces of its panel.
//!
//! Not here: charts (the `profile plot` verb), and what the panel makes of it (the flight model). Everything is counted from one
//! [`Environment`], whatever its trajectory: where there is no orbit there is no beta and no season, and the rest still holds.

mod tally;

use crate::constants::{DAY_S, EARTH_RADIUS_KM};
use crate::eclipse::Contact;
use crate::environment::{Environment, Face};
use crate::place::Place;
use crate::shadow;
use signal::Kelvin;
use tally::Tally;

/// Samples an orbit, at least: every 3 deg.
const PER_ORBIT: f64 = 120.0;

/// Samples a day, at least and at most: every quarter of an hour, every half minute.
const PER_DAY: (f64, f64) = (96.0, 2880.0);

/// Least, mean over time, and most of something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The least.
    pub least: f64,
    /// The mean over time.
    pub mean: f64,
    /// The most.
    pub most: f64,
}

/// Incident on one face of the panel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shine {
    /// Means over time, W/m2.
    pub mean: Face,
    /// Sunlight, albedo and planet infrared together, W/m2.
    pub total_w_m2: Range,
}

/// One day of the span, or another stretch that was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Day {
    /// When it starts, mission seconds.
    pub start_s: f64,
    /// When it ends, mission seconds.
    pub end_s: f64,
    /// Angle of the Sun to the orbit plane, or over the horizon of a surface, deg; `None` where there is neither.
    pub beta_deg: Option<Range>,
    /// Eclipses that touch the day.
    pub eclipses: usize,
    /// The longest of them, penumbra included and wherever it begins and ends, s.
    pub longest_eclipse_s: f64,
    /// Time of the day in penumbra or umbra, s.
    pub dark_s: f64,
    /// Mean visible fraction of the Sun's disc.
    pub sunlit_frac: f64,
    /// Face a of the panel.
    pub a: Shine,
    /// Face b of the panel.
    pub b: Shine,
    /// Temperature of a panel in balance without heat, K.
    pub sink_k: Range,
}

/// A stretch of time in which eclipses follow each other, none a day (or an orbit and a half) after the last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Season {
    /// Start of its first eclipse, mission seconds.
    pub first_s: f64,
    /// End of its last eclipse, mission seconds.
    pub last_s: f64,
    /// How many.
    pub eclipses: usize,
    /// The longest, penumbra included, s.
    pub longest_s: f64,
    /// When the longest begins, mission seconds.
    pub longest_at_s: f64,
    /// It was under way when the span began.
    pub open_start: bool,
    /// It is still under way when the span ends.
    pub open_end: bool,
}

/// The same by the textbook's convention: a circular orbit in a cylindrical shadow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cylinder {
    /// Time with |beta| below the limb, days.
    pub eclipse_days: f64,
    /// The longest eclipse, at the least |beta| of the span, s.
    pub longest_s: f64,
    /// Sunlit fraction of the span.
    pub sunlit_frac: f64,
    /// Sunlit fraction of the orbit with the longest eclipse.
    pub least_sunlit_frac: f64,
    /// |beta| at and above which no eclipse happens, deg.
    pub limb_deg: f64,
}

/// A whole span.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its days in order; the last may be short.
    pub days: Vec<Day>,
    /// Its eclipse seasons in order.
    pub seasons: Vec<Season>,
    /// Angle of the Sun to the orbit plane, or over the horizon of a surface, deg; `None` where there is neither.
    pub beta_deg: Option<Range>,
    /// Its absolute value, deg.
    pub beta_abs_deg: Option<Range>,
    /// Days touched by an eclipse, penumbra included.
    pub eclipse_days: usize,
    /// The longest eclipse that begins or ends in the span, penumbra included, s; 0 if there is none.
    pub longest_eclipse_s: f64,
    /// The longest time without any of the Sun, s; 0 if there is none.
    pub longest_umbra_s: f64,
    /// Mean visible fraction of the Sun's disc.
    pub sunlit_frac: f64,
    /// By the cylinder, if the orbit is a circle.
    pub cylinder: Option<Cylinder>,
    /// Face a of the panel.
    pub a: Shine,
    /// Face b of the panel.
    pub b: Shine,
    /// Temperature of a panel in balance without heat, K.
    pub sink_k: Range,
}

impl Span {
    /// How many eclipses there are in all.
    pub fn eclipses_in_all(&self) -> usize {
        self.seasons.iter().map(|s| s.eclipses).sum()
    }
}

impl Range {
    /// This range of kelvin in degrees Celsius.
    #[must_use]
    pub fn to_celsius(self) -> Self {
        let celsius = |k| signal::Celsius::from(Kelvin(k)).0;
        Self { least: celsius(self.least), mean: celsius(self.mean), most: celsius(self.most) }
    }
}

/// The statistics of `from_s..to_s` (mission seconds), day by day and together. The environment must be known there (see
/// [`Environment::span_s`]).
///
/// # Panics
/// If the span is not longer than nothing.
pub fn statistics(environment: &Environment, from_s: f64, to_s: f64) -> Span {
    in_stretches(environment, from_s, to_s, DAY_S)
}

/// The same in stretches of `stretch_s` instead of days.
///
/// # Panics
/// If the span or a stretch is not longer than nothing.
pub fn in_stretches(environment: &Environment, from_s: f64, to_s: f64, stretch_s: f64) -> Span {
    assert!(from_s < to_s && stretch_s > 0.0, "a span from {from_s} s to {to_s} s in stretches of {stretch_s} s");
    let eclipses = eclipses(environment, from_s, to_s);
    let circle = Circle::of(environment, from_s);
    let per_day = (PER_ORBIT * DAY_S / environment.period_s()).clamp(PER_DAY.0, PER_DAY.1).ceil();
    // Far from everything the Sun is at no angle to anything.
    let angled = !matches!(environment.place(), Place::DeepSpace(_));
    let mut whole = Tally::default();
    let mut days = Vec::new();
    let mut start_s = from_s;
    while start_s < to_s {
        // By count and not by addition, so that a year of them does not drift.
        let next_s = from_s + (days.len() + 1) as f64 * stretch_s;
        let end_s = if next_s > to_s - 1e-6 { to_s } else { next_s };
        let mut tally = Tally::default();
        let samples = ((end_s - start_s) / DAY_S * per_day).ceil();
        // Midpoints: means without a bias to either end.
        for k in 0..samples as u64 {
            let mut sample = environment.at(start_s + (k as f64 + 0.5) / samples * (end_s - start_s));
            if !angled {
                sample.beta_deg = f64::NAN;
            }
            tally.add(&sample, circle);
        }
        days.push(day(start_s, end_s, &tally, &eclipses));
        whole.merge(&tally);
        start_s = end_s;
    }
    let longest = |length: fn(&Eclipse) -> f64| eclipses.iter().map(length).fold(0.0, f64::max);
    Span {
        seasons: seasons(&eclipses, from_s, to_s, longest_pause_s(environment)),
        beta_deg: whole.beta.range(),
        beta_abs_deg: whole.beta_abs.range(),
        eclipse_days: touched_days(&eclipses, from_s, to_s),
        longest_eclipse_s: longest(|e| e.end_s - e.start_s),
        longest_umbra_s: longest(|e| e.umbra_s),
        sunlit_frac: whole.sunlit(),
        cylinder: circle.and_then(|c| c.cylinder(&whole, to_s - from_s, environment.period_s())),
        a: whole.a.shine(),
        b: whole.b.shine(),
        sink_k: whole.sink.known(),
        days,
    }
}

fn day(start_s: f64, end_s: f64, tally: &Tally, eclipses: &[Eclipse]) -> Day {
    // Sorted, and none overlaps the next.
    let first = eclipses.partition_point(|e| e.end_s <= start_s);
    let touching = eclipses[first..].iter().take_while(|e| e.start_s < end_s);
    Day {
        start_s,
        end_s,
        beta_deg: tally.beta.range(),
        eclipses: touching.clone().count(),
        longest_eclipse_s: touching.clone().map(|e| e.end_s - e.start_s).fold(0.0, f64::max),
        dark_s: touching.map(|e| e.end_s.min(end_s) - e.start_s.max(start_s)).sum(),
        sunlit_frac: tally.sunlit(),
        a: tally.a.shine(),
        b: tally.b.shine(),
        sink_k: tally.sink.known(),
    }
}

/// One eclipse, penumbra included.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "the unit is part of a name here")]
struct Eclipse {
    start_s: f64,
    end_s: f64,
    umbra_s: f64,
}

/// Every eclipse that touches the span, whole, as far as the trajectory is known.
fn eclipses(environment: &Environment, from_s: f64, to_s: f64) -> Vec<Eclipse> {
    // An eclipse is shorter than an orbit.
    let period_s = environment.period_s();
    let margin_s = if period_s.is_finite() { period_s } else { 0.0 };
    let known = environment.span_s();
    let (from, to) = ((from_s - margin_s).max(*known.start()), (to_s + margin_s).min(*known.end()));
    let mut found = Vec::new();
    let (mut start, mut umbra) = (None, (None, 0.0));
    for edge in environment.shadow_edges(from, to) {
        match edge.contact {
            Contact::PenumbraIn => (start, umbra) = (Some(edge.mission_s), (None, 0.0)),
            Contact::UmbraIn => umbra.0 = Some(edge.mission_s),
            Contact::UmbraOut => umbra.1 = edge.mission_s - umbra.0.unwrap_or(from),
            Contact::PenumbraOut => {
                found.push(Eclipse { start_s: start.take().unwrap_or(from), end_s: edge.mission_s, umbra_s: umbra.1 });
            }
        }
    }
    if let Some(start_s) = start {
        found.push(Eclipse { start_s, end_s: to, umbra_s: umbra.0.map_or(0.0, |since| (to - since).max(umbra.1)) });
    }
    found.retain(|e| e.end_s > from_s && e.start_s < to_s);
    found
}

/// Days counted from `from_s` that an eclipse touches.
fn touched_days(eclipses: &[Eclipse], from_s: f64, to_s: f64) -> usize {
    // What ends with the span belongs to its last day.
    let last_day = ((to_s - from_s) / DAY_S).ceil() - 1.0;
    let day_of = |s: f64| ((s.clamp(from_s, to_s) - from_s) / DAY_S).floor().min(last_day);
    let mut next = 0.0_f64;
    let mut count = 0.0;
    for e in eclipses {
        let (first, last) = (day_of(e.start_s).max(next), day_of(e.end_s));
        if last >= first {
            count += last - first + 1.0;
            next = last + 1.0;
        }
    }
    count as usize
}

/// Two eclipses further apart than this belong to two seasons, s.
fn longest_pause_s(environment: &Environment) -> f64 {
    let period_s = environment.period_s();
    if period_s.is_finite() { DAY_S.max(1.5 * period_s) } else { DAY_S }
}

fn seasons(eclipses: &[Eclipse], from_s: f64, to_s: f64, pause_s: f64) -> Vec<Season> {
    let mut found: Vec<Season> = Vec::new();
    for e in eclipses {
        let length_s = e.end_s - e.start_s;
        match found.last_mut() {
            Some(season) if e.start_s - season.last_s <= pause_s => {
                season.last_s = e.end_s;
                season.eclipses += 1;
                if length_s > season.longest_s {
                    (season.longest_s, season.longest_at_s) = (length_s, e.start_s);
                }
            }
            _ => found.push(Season {
                first_s: e.start_s,
                last_s: e.end_s,
                eclipses: 1,
                longest_s: length_s,
                longest_at_s: e.start_s,
                open_start: e.start_s - from_s <= pause_s,
                open_end: false,
            }),
        }
    }
    if let Some(last) = found.last_mut() {
        last.open_end = to_s - last.last_s <= pause_s;
    }
    found
}

/// A circular orbit, as the cylindrical shadow sees it: its radius in radii of the body.
#[derive(Clone, Copy, Debug)]
struct Circle(f64);

impl Circle {
    /// `None` unless the orbit is a circle, by its looks: imported ones may be circles too.
    fn of(environment: &Environment, from_s: f64) -> Option<Self> {
        let period_s = environment.period_s();
        let trajectory = environment.trajectory()?;
        let known = trajectory.span_s();
        if !period_s.is_finite() {
            return None;
        }
        let (low, high) = (0..16)
            .map(|k| trajectory.at((from_s + period_s * f64::from(k) / 16.0).clamp(*known.start(), *known.end())).radius_km)
            .fold((f64::MAX, 0.0_f64), |(low, high), r| (low.min(r), high.max(r)));
        // The breathing of a nearly circular orbit is some kilometres in seven thousand.
        (high - low < 3e-3 * high).then(|| Self(f64::midpoint(low, high) / trajectory.body().radius_km()))
    }

    /// Fraction of the orbit in the shadow.
    fn dark(self, beta_deg: f64) -> f64 {
        // Only the ratio of the two radii matters.
        shadow::cylindrical_fraction(self.0 * EARTH_RADIUS_KM, beta_deg.to_radians())
    }

    fn cylinder(self, tally: &Tally, span_s: f64, period_s: f64) -> Option<Cylinder> {
        let longest = self.dark(tally.beta_abs.range()?.least);
        Some(Cylinder {
            eclipse_days: tally.cylinder_dark.sum / tally.cylinder_dark.count * span_s / DAY_S,
            longest_s: longest * period_s,
            sunlit_frac: 1.0 - tally.cylinder.known().mean,
            least_sunlit_frac: 1.0 - longest,
            limb_deg: (1.0 / self.0).min(1.0).asin().to_degrees(),
        })
    }
}

#[cfg(test)]
mod tests;
