//! Whether the points of an ephemeris can be flown: in order, without gaps, outside the body, and falling as they must.

use super::{Ephemeris, Findings, Point, Segment};
use crate::trajectory::{self, Body};
use crate::vector::{dot, minus, norm};

/// Fewest points of a file.
const FEWEST: usize = 4;
/// A gap is this many times the spacing around it.
const GAP: f64 = 5.0;
/// Points on either side that the spacing is compared with.
const AROUND: usize = 3;
/// Longest spacing as a part of the period.
const LONGEST_OF_PERIOD: f64 = 1.0 / 20.0;
/// Farthest that two neighbours may be apart as seen from the centre, deg: on an ellipse time alone does not say.
const LONGEST_ARC_DEG: f64 = 24.0;
/// Farthest from the centre, km: Earth's sphere of influence against the Sun's is 1.5 million km (Vallado, 4th ed., 12.3).
const FARTHEST_KM: f64 = 1.5e6;
/// How well velocities must agree with positions, and positions with gravity: wrong units, axes that turn or another centre
/// are off by far more, oblateness, drag and the Moon by far less.
const AGREEMENT: f64 = 0.05;
/// Beyond this Earth's and the Moon's pulls mix, and gravity of one is no test, km.
const GRAVITY_TESTED_KM: [f64; 2] = [100_000.0, 10_000.0];

/// Adds every problem that the points have.
///
/// Where something is wrong already, only order, gaps and (if the centre is `known`) radii are looked at: they stand on their
/// own, and nobody should have to come back for them. The rest would say the same again in other words.
pub(super) fn check(ephemeris: &Ephemeris, known: bool, findings: &mut Findings) {
    let read = findings.is_empty();
    if read && ephemeris.len() < FEWEST {
        let line = ephemeris.segments.last().map_or(1, |s| s.points.last().map_or(s.line, |p| p.line));
        findings.at(line, format!("{} points are too few: expected {FEWEST} or more", ephemeris.len()));
    }
    if read {
        with_or_without_velocities(ephemeris, findings);
    }
    for segment in &ephemeris.segments {
        if known {
            radii(segment, ephemeris.body, findings);
        }
        if ordered(segment, findings) {
            gaps(segment, findings);
            if read {
                usable(segment, ephemeris.has_velocities(), findings);
            }
        }
    }
    if !findings.is_empty() {
        return;
    }
    between_segments(ephemeris, findings);
    for segment in &ephemeris.segments {
        speeds(segment, findings);
        arcs(segment, findings);
    }
    if !findings.is_empty() {
        return;
    }
    falls(ephemeris, findings);
    closed(ephemeris, findings);
}

fn with_or_without_velocities(ephemeris: &Ephemeris, findings: &mut Findings) {
    let mut points = ephemeris.segments.iter().flat_map(|s| &s.points);
    let Some(first) = points.next() else { return };
    if let Some(odd) = points.find(|p| p.velocity_km_s.is_some() != first.velocity_km_s.is_some()) {
        findings.at(odd.line, "some points have a velocity and some have none: expected all or none");
    }
}

fn radii(segment: &Segment, body: Body, findings: &mut Findings) {
    for point in &segment.points {
        let radius = norm(point.position_km);
        if radius < body.radius_km() {
            let hint = if radius * 1000.0 > body.radius_km() && radius * 1000.0 < FARTHEST_KM { "; is the unit really this?" } else { "" };
            findings.at(
                point.line,
                format!("{radius:.3} km from the centre is below the surface: expected more than {} km{hint}", body.radius_km()),
            );
        } else if radius > FARTHEST_KM {
            let hint = if radius / 1000.0 > body.radius_km() { "; are these metres?" } else { "" };
            findings.at(point.line, format!("{radius:.0} km from the centre is no orbit: expected at most {FARTHEST_KM:.0} km{hint}"));
        }
    }
}

fn ordered(segment: &Segment, findings: &mut Findings) -> bool {
    let mut sound = true;
    for pair in segment.points.windows(2) {
        if pair[1].moment == pair[0].moment {
            findings.at(pair[1].line, format!("the same epoch as line {}: expected each once", pair[0].line));
            sound = false;
        } else if pair[1].moment < pair[0].moment {
            let back = pair[0].moment.since_s(pair[1].moment);
            findings.at(pair[1].line, format!("{back} s before line {}: expected epochs in order", pair[0].line));
            sound = false;
        }
    }
    sound
}

fn spacings(points: &[Point]) -> Vec<f64> {
    points.windows(2).map(|pair| pair[1].moment.since_s(pair[0].moment)).collect()
}

fn gaps(segment: &Segment, findings: &mut Findings) {
    let spacing = spacings(&segment.points);
    for (k, this) in spacing.iter().enumerate() {
        let mut near = spacing[k.saturating_sub(AROUND)..(k + AROUND + 1).min(spacing.len())].to_vec();
        near.sort_by(f64::total_cmp);
        let usual = near[near.len() / 2];
        if *this > GAP * usual {
            findings.at(
                segment.points[k + 1].line,
                format!("a gap of {this} s, where points are {usual} s apart: expected at most {} s", GAP * usual),
            );
        }
    }
}

fn usable(segment: &Segment, velocities: bool, findings: &mut Findings) {
    let fewest = if velocities { 2 } else { FEWEST };
    if segment.points.len() < fewest {
        findings.at(segment.line, format!("a segment of {} points cannot be interpolated: expected {fewest}", segment.points.len()));
    } else if segment.span().is_none_or(|(from, until)| from >= until) {
        findings.at(segment.line, "the usable part of this segment holds none of its points' time");
    }
}

/// Segments follow each other without a gap and without an overlap.
fn between_segments(ephemeris: &Ephemeris, findings: &mut Findings) {
    for pair in ephemeris.segments.windows(2) {
        let (Some((_, until)), Some((from, _))) = (pair[0].span(), pair[1].span()) else { continue };
        let apart = from.since_s(until);
        if apart > 1e-6 {
            findings.at(pair[1].line, format!("a gap of {apart} s before this segment: expected it to begin where the last one ends"));
        } else if apart < -1e-6 {
            findings.at(
                pair[1].line,
                format!("this segment begins {} s before the last one ends: expected usable spans that do not overlap", -apart),
            );
        }
    }
}

/// Velocities are those of the positions.
fn speeds(segment: &Segment, findings: &mut Findings) {
    let mut wrong = 0;
    let mut first = None;
    for pair in segment.points.windows(2) {
        let (Some(v), Some(w)) = (pair[0].velocity_km_s, pair[1].velocity_km_s) else { return };
        let elapsed = pair[1].moment.since_s(pair[0].moment);
        let moved = minus(pair[1].position_km, pair[0].position_km).map(|x| x / elapsed);
        let mean = [0, 1, 2].map(|i| f64::midpoint(v[i], w[i]));
        // A chord is shorter than its arc, by 0.7 % at 24 deg; positions written to the metre matter at short spacings.
        if norm(minus(moved, mean)) > AGREEMENT * norm(mean).max(norm(moved)) + 2e-3 / elapsed {
            wrong += 1;
            first.get_or_insert((pair[1].line, norm(moved), norm(mean)));
        }
    }
    if let Some((line, moved, said)) = first {
        findings.at(
            line,
            format!(
                "the position moves at {moved:.4} km/s and the velocity says {said:.4} km/s, here and at {} more points: wrong unit or wrong axes?",
                wrong - 1
            ),
        );
    }
}

/// Neighbours are close enough to be joined.
fn arcs(segment: &Segment, findings: &mut Findings) {
    let least = LONGEST_ARC_DEG.to_radians().cos();
    for pair in segment.points.windows(2) {
        let (a, b) = (pair[0].position_km, pair[1].position_km);
        let cos = dot(a, b) / (norm(a) * norm(b));
        if cos < least {
            let arc = cos.clamp(-1.0, 1.0).acos().to_degrees();
            findings
                .at(pair[1].line, format!("{arc:.1} deg from the last point: expected at most {LONGEST_ARC_DEG} deg, export more points"));
        }
    }
}

/// The positions fall towards the centre as gravity has it: what turns with the planet, or is counted from elsewhere, does not.
fn falls(ephemeris: &Ephemeris, findings: &mut Findings) {
    let mu = ephemeris.body.mu_km3_s2();
    let [earth_km, moon_km] = GRAVITY_TESTED_KM;
    let farthest = if ephemeris.body == Body::Moon { moon_km } else { earth_km };
    let mut off = Vec::new();
    for segment in &ephemeris.segments {
        let points = &segment.points;
        let mut k = 0;
        while k < points.len() {
            let here = points[k].position_km;
            // A sixtieth of a circular orbit at this height: longer blurs, shorter drowns in rounding.
            let wanted = std::f64::consts::TAU * (norm(here).powi(3) / mu).sqrt() / 60.0;
            let time = |j: usize| points[j].moment.since_s(points[k].moment);
            let before = points[..k].partition_point(|p| points[k].moment.since_s(p.moment) >= wanted);
            let after = k + points[k..].partition_point(|p| p.moment.since_s(points[k].moment) < wanted);
            if before > 0 && after < points.len() && norm(here) < farthest {
                let (p, n) = (before - 1, after);
                let (back, ahead) = (-time(p), time(n));
                let bend = [0, 1, 2].map(|i| {
                    let (rise, fall) = ((points[n].position_km[i] - here[i]) / ahead, (here[i] - points[p].position_km[i]) / back);
                    2.0 * (rise - fall) / (ahead + back)
                });
                let gravity = here.map(|x| -mu * x / norm(here).powi(3));
                if (0.5..2.0).contains(&(ahead / back)) {
                    off.push(norm(minus(bend, gravity)) / norm(gravity));
                }
            }
            k += (after - k).max(1);
        }
    }
    off.sort_by(f64::total_cmp);
    if let Some(typical) = off.get(off.len() / 2).filter(|x| **x > AGREEMENT) {
        let line = ephemeris.segments[0].points[0].line;
        findings.at(
            line,
            format!(
                "the points do not fall as {} pulls (off by {:.0} %): wrong centre, unit, time scale, or axes that turn?",
                super::centre_name(ephemeris.body),
                typical * 100.0
            ),
        );
    }
}

/// The orbit closes, and points are dense against its period.
fn closed(ephemeris: &Ephemeris, findings: &mut Findings) {
    let (from, _) = ephemeris.span();
    let line = ephemeris.segments[0].points[0].line;
    let Some(table) = ephemeris.table(from) else {
        findings.at(line, "the orbit is not closed: expected one that comes round, as the flight model starts from its periodic state");
        return;
    };
    let (position, velocity) = table.vectors(0.0);
    let lowest = trajectory::pericentre_km(position, velocity, ephemeris.body.mu_km3_s2());
    if lowest.is_none_or(|km| km < ephemeris.body.radius_km()) {
        findings.at(line, "the orbit meets the surface: expected one that stays up");
    }
    let longest = table.period_s() * LONGEST_OF_PERIOD;
    for segment in &ephemeris.segments {
        for (spacing, point) in spacings(&segment.points).iter().zip(&segment.points[1..]) {
            if *spacing > longest {
                findings.at(
                    point.line,
                    format!("{spacing} s after the last point: expected at most {longest:.0} s, a twentieth of the period"),
                );
            }
        }
    }
}
