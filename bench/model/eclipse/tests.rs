//! Tests of the contacts: published seasons and eclipses, other kinds of orbits, and grazes.

use super::*;
use crate::constants::{AU_KM, DAY_S, EARTH_MU_KM3_S2, EARTH_RADIUS_KM, MOON_MU_KM3_S2, MOON_RADIUS_KM};
use crate::environment::Attitude;
use crate::environment::tests::environment;
use crate::frame::Precession;
use crate::shadow;
use crate::sun::Sun;
use crate::time::Centuries;
use crate::trajectory::Body;
use crate::vector::scaled;
use std::f64::consts::TAU;

const YEAR_S: f64 = 365.0 * DAY_S;

fn year_2026(altitude_km: f64, ltan_h: f64) -> Environment {
    environment(altitude_km, ltan_h, "2026-01-01T00:00:00Z", Attitude::SunEdge)
}

/// (start, duration) in seconds of every eclipse that begins and ends in the span, penumbra included.
fn eclipses(environment: &Environment, from_s: f64, to_s: f64) -> Vec<(f64, f64)> {
    let edges = environment.shadow_edges(from_s, to_s);
    let times = |contact| edges.iter().filter(move |e| e.contact == contact).map(|e| e.mission_s);
    let first = times(Contact::PenumbraIn).next().unwrap_or(f64::MAX);
    times(Contact::PenumbraIn).zip(times(Contact::PenumbraOut).filter(|t| *t > first)).map(|(i, o)| (i, o - i)).collect()
}

#[test]
fn dawn_dusk_seasons_of_2026() {
    // altitude km, LTAN h, first and last day of the year (2026-01-01 is day 1), longest eclipse in minutes, share dark.
    for (altitude_km, ltan_h, first, last, longest_min, dark) in
        [(650.0, 18.0, 126.0, 218.0, 20.3, 0.040), (550.0, 18.0, 121.0, 223.0, 22.2, 0.051)]
    {
        let found = eclipses(&year_2026(altitude_km, ltan_h), 0.0, YEAR_S);
        let day = |s: f64| s / DAY_S + 1.0;
        let (start, end) = (day(found[0].0), day(found[found.len() - 1].0));
        let longest = found.iter().map(|e| e.1).fold(0.0, f64::max) / 60.0;
        let share = found.iter().map(|e| e.1).sum::<f64>() / YEAR_S;
        assert!((start.floor() - first).abs() <= 1.0 && (end.floor() - last).abs() <= 1.0, "{altitude_km} km: {start} to {end}");
        // The published lengths are from orbits that breathe by some six kilometres with J2, here worth 0.1 min; ours is a circle.
        assert!((longest - longest_min).abs() < 0.2, "{altitude_km} km: {longest} min");
        assert!((share - dark).abs() < 0.002, "{altitude_km} km: {share}");
    }
}

#[test]
fn the_other_node_has_its_season_in_december() {
    let found = eclipses(&year_2026(650.0, 6.0), 0.0, YEAR_S);
    assert!(!found.is_empty());
    assert!(found.iter().all(|(start, _)| !(60.0..300.0).contains(&(start / DAY_S))), "{:?}", found.first());
    assert!(found.iter().any(|(start, _)| start / DAY_S > 350.0));
}

#[test]
fn sunlight_over_2026_at_650_km() {
    let year = year_2026(650.0, 18.0);
    let (mut sum, mut count) = (0.0, 0.0);
    for (_, sample) in year.timeline(0.0, YEAR_S, 20.0) {
        sum += sample.illumination;
        count += 1.0;
    }
    let sunlit: f64 = sum / count;
    assert!((0.9594..=0.9606).contains(&sunlit), "{sunlit}");
}

#[test]
fn scenario_rows_come_out() {
    // altitude km, LTAN h, least and largest |beta| of the year, eclipse days, longest by the cylinder (min), share sunlit.
    for (altitude_km, ltan_h, beta_least, beta_most, days, longest_min, sunlit) in [
        (560.0, 18.0, 58.9, 86.9, 99.0, 21.5, 0.951),
        (600.0, 18.0, 58.8, 86.9, 95.0, 20.7, 0.955),
        (650.0, 18.0, 58.6, 86.9, 91.0, 19.7, 0.960),
        (1400.0, 18.0, 55.1, 86.6, 0.0, 0.0, 1.0),
        // The Sun's declination bounds this one by 23 deg; what is reached is the equation of time (4 deg) and the orbit's tilt.
        (560.0, 12.0, 0.0, 6.1, 365.0, 35.6, 0.629),
    ] {
        let year = year_2026(altitude_km, ltan_h);
        let (mut least, mut most, mut dark, mut dark_days) = (f64::MAX, 0.0_f64, 0.0, 0.0);
        for (_, sample) in year.timeline(0.0, YEAR_S, DAY_S / 8.0) {
            let beta = sample.beta_deg.abs();
            (least, most) = (least.min(beta), most.max(beta));
            let fraction = shadow::cylindrical_fraction(year.trajectory().expect("an orbit").at(0.0).radius_km, beta.to_radians());
            dark += fraction / (365.0 * 8.0);
            dark_days += if fraction > 0.0 { 1.0 / 8.0 } else { 0.0 };
        }
        let longest = shadow::cylindrical_fraction(year.trajectory().expect("an orbit").at(0.0).radius_km, least.to_radians())
            * year.period_s()
            / 60.0;
        for (what, got, expected, within) in [
            ("least beta", least, beta_least, 0.15),
            ("largest beta", most, beta_most, 0.15),
            ("eclipse days", dark_days, days, 2.0),
            ("longest", longest, longest_min, 0.1),
            ("sunlit", 1.0 - dark, sunlit, 0.002),
        ] {
            assert!((got - expected).abs() <= within, "{altitude_km} km, {ltan_h} h: {what} {got}, expected {expected}");
        }
    }
}

#[test]
fn edges_are_where_the_light_changes() {
    for (altitude_km, ltan_h, epoch) in [(650.0, 18.0, "2026-06-21T00:00:00Z"), (560.0, 12.0, "2026-02-01T00:00:00Z")] {
        let environment = environment(altitude_km, ltan_h, epoch, Attitude::SunEdge);
        let edges = environment.shadow_edges(0.0, DAY_S);
        assert!(edges.len() > 4 * 13);
        for edge in edges {
            let (before, after) = (environment.at(edge.mission_s - 0.05).illumination, environment.at(edge.mission_s + 0.05).illumination);
            let right = match edge.contact {
                Contact::PenumbraIn => before == 1.0 && after < 1.0,
                Contact::UmbraIn => before > 0.0 && after == 0.0,
                Contact::UmbraOut => before == 0.0 && after > 0.0,
                Contact::PenumbraOut => before < 1.0 && after == 1.0,
            };
            assert!(right, "{edge:?}: {before} to {after}");
        }
    }
}

#[test]
fn the_first_grazing_eclipse_is_not_stepped_over() {
    // Every second of the two days around the season's start, against the contacts found from the geometry.
    let year = year_2026(650.0, 18.0);
    let start = eclipses(&year, 100.0 * DAY_S, 140.0 * DAY_S)[0].0;
    let (from, to) = (start - DAY_S, start + DAY_S);
    let touched = year.timeline(from, to, 1.0).map(|(_, s)| s.illumination < 1.0).collect::<Vec<_>>();
    let seen = touched.windows(2).filter(|w| !w[0] && w[1]).count();
    let found = eclipses(&year, from, to + 3600.0).iter().filter(|(start, _)| *start < to).count();
    assert!(seen >= 10);
    assert_eq!(seen, found);
}

#[test]
fn a_span_keeps_only_its_own_edges_in_order() {
    let environment = environment(650.0, 18.0, "2026-06-21T00:00:00Z", Attitude::SunEdge);
    let all = environment.shadow_edges(0.0, DAY_S);
    assert!(all.windows(2).all(|w| w[0].mission_s < w[1].mission_s));
    let middle = all[5].mission_s + 1.0;
    let mut parts = environment.shadow_edges(0.0, middle);
    parts.extend(environment.shadow_edges(middle, DAY_S));
    assert_eq!(parts.len(), all.len());
    for (part, whole) in parts.iter().zip(&all) {
        assert_eq!(part.contact, whole.contact);
        assert!((part.mission_s - whole.mission_s).abs() < 0.01, "{part:?} {whole:?}");
    }
    assert!(environment.shadow_edges(middle, middle - 1.0).is_empty());
    let january = crate::environment::tests::environment(650.0, 18.0, "2026-01-05T00:00:00Z", Attitude::SunEdge);
    assert!(january.shadow_edges(0.0, DAY_S).is_empty());
}

/// Seconds of one orbit in the shadow, counted in tenths, with the satellite's states in the frame of J2000 and the Sun
/// where `sun` says.
fn dark_s(environment: &Environment, epoch: Centuries, start_s: f64, sun: impl Fn(Centuries) -> Sun) -> f64 {
    let to_j2000 = Precession::between(epoch, Centuries::J2000);
    let steps = (environment.period_s() * 10.0) as u64;
    let dark = (0..steps).filter(|k| {
        let t = start_s + *k as f64 * 0.1;
        let (state, _) = environment.geometry(t).expect("an orbit");
        let position = scaled(to_j2000.apply(state.zenith), state.radius_km);
        Discs::seen_from(position, sun(epoch.plus_s(t)).position_km(), EARTH_RADIUS_KM).clear_of_penumbra_rad() < 0.0
    });
    dark.count() as f64 * 0.1
}

#[test]
fn forgetting_precession_moves_the_eclipse_near_the_edge_of_the_season() {
    let epoch: Centuries = "2026-01-01T00:00:00Z".parse::<jiff::Timestamp>().expect("a literal").into();
    let year = year_2026(650.0, 18.0);
    let season = eclipses(&year, 0.0, YEAR_S);
    for at in [season[0].0 + 1.5 * DAY_S, season[season.len() - 1].0 - 1.5 * DAY_S] {
        let (start, ours) = eclipses(&year, at, at + 2.0 * year.period_s())[0];
        let opposite = start + ours / 2.0 - year.period_s() / 2.0;
        let right = dark_s(&year, epoch, opposite, |moment| Sun::precessed(moment, Centuries::J2000));
        let wrong = dark_s(&year, epoch, opposite, Sun::of_date);
        assert!((right - ours).abs() < 0.3, "frames that match give one answer: {right} and {ours}");
        assert!((25.0..=85.0).contains(&(wrong - right).abs()), "{wrong} and {right}");
    }
}

/// The outlook of a satellite of `body` at `position_km(t)`, with the Sun standing still at 1 AU and `beta_rad` off the x axis.
fn under_a_fixed_sun(body: Body, beta_rad: f64, position_km: impl Fn(f64) -> Vector) -> impl Fn(f64) -> Option<Outlook> {
    let sun_km = [AU_KM * beta_rad.cos(), 0.0, AU_KM * beta_rad.sin()];
    move |t| {
        let position = position_km(t);
        let discs = Discs::seen_from(position, sun_km, body.radius_km());
        Some(Outlook { discs, direction: scaled(position, 1.0 / norm(position)) })
    }
}

fn circle(radius_km: f64, period_s: f64) -> impl Fn(f64) -> Vector {
    move |t| {
        let (sin, cos) = (t / period_s * TAU).sin_cos();
        [radius_km * cos, radius_km * sin, 0.0]
    }
}

/// An ellipse in the x-y plane with its perigee `perigee_rad` from the x axis.
fn ellipse(semi_major_km: f64, eccentricity: f64, perigee_rad: f64, period_s: f64) -> impl Fn(f64) -> Vector {
    move |t| {
        let mean = t / period_s * TAU;
        let mut anomaly = mean;
        for _ in 0..200 {
            anomaly = mean + eccentricity * anomaly.sin();
        }
        let (x, y) = (anomaly.cos() - eccentricity, (1.0 - eccentricity * eccentricity).sqrt() * anomaly.sin());
        let (sin, cos) = perigee_rad.sin_cos();
        [semi_major_km * (x * cos - y * sin), semi_major_km * (x * sin + y * cos), 0.0]
    }
}

#[test]
fn far_and_lunar_orbits_have_the_published_eclipses() {
    // Published for a cylinder of shadow, which lies half way between umbra and penumbra.
    for (body, radius_km, mu_km3_s2, period_min, eclipse_min) in [
        (Body::Earth, EARTH_RADIUS_KM + 35_786.0, EARTH_MU_KM3_S2, 1436.1, 69.4),
        (Body::Earth, EARTH_RADIUS_KM + 20_200.0, EARTH_MU_KM3_S2, 718.7, 55.4),
        (Body::Moon, MOON_RADIUS_KM + 100.0, MOON_MU_KM3_S2, 117.8, 46.5),
    ] {
        let period_s = TAU * (radius_km.powi(3) / mu_km3_s2).sqrt();
        assert!((period_s / 60.0 - period_min).abs() < 0.1, "{body:?}: {} min", period_s / 60.0);
        let found = search(&under_a_fixed_sun(body, 0.0, circle(radius_km, period_s)), period_s, 0.0, period_s);
        let [a, b, c, d] = found[..] else { panic!("{body:?}: {found:?}") };
        assert_eq!([a, b, c, d].map(|e| e.contact), [Contact::PenumbraIn, Contact::UmbraIn, Contact::UmbraOut, Contact::PenumbraOut]);
        let between_min = 0.5 * (d.mission_s - a.mission_s + c.mission_s - b.mission_s) / 60.0;
        assert!((between_min - eclipse_min).abs() < 0.1, "{body:?} at {radius_km} km: {between_min} min");
    }
}

#[test]
fn eclipses_of_ellipses_are_where_a_scan_of_every_second_sees_them() {
    for (semi_major_km, eccentricity, perigee_deg, beta_deg) in [
        (26_600.0, 0.74, 0.0, 3.0),
        (26_600.0, 0.74, 180.0, 10.0),
        (26_600.0, 0.74, 100.0, 5.0),
        (8000.0, 0.15, 60.0, 30.0),
        (200_000.0, 0.96, 150.0, 1.0),
    ] {
        let period_s = TAU * (f64::powi(semi_major_km, 3) / EARTH_MU_KM3_S2).sqrt();
        let outlook = under_a_fixed_sun(
            Body::Earth,
            f64::to_radians(beta_deg),
            ellipse(semi_major_km, eccentricity, f64::to_radians(perigee_deg), period_s),
        );
        let to_s = period_s.min(60_000.0) * 1.3;
        let found = search(&outlook, period_s, -2000.0, to_s);
        let lit = |t: f64| outlook(t).is_some_and(|o| o.discs.illumination() >= 1.0);
        let dark = |t: f64| outlook(t).is_some_and(|o| o.discs.illumination() <= 0.0);
        let mut expected = Vec::new();
        for k in -2000..to_s as i64 {
            let (t, next) = (k as f64, k as f64 + 1.0);
            expected.extend((lit(t) != lit(next)).then_some((t, if lit(t) { Contact::PenumbraIn } else { Contact::PenumbraOut })));
            expected.extend((dark(t) != dark(next)).then_some((t, if dark(t) { Contact::UmbraOut } else { Contact::UmbraIn })));
        }
        expected.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(!expected.is_empty());
        assert_eq!(found.len(), expected.len(), "e {eccentricity}, perigee {perigee_deg}: {found:?} {expected:?}");
        for (edge, (t, contact)) in found.iter().zip(expected) {
            assert!((0.0..=1.0).contains(&(edge.mission_s - t)), "{edge:?} {t}");
            assert_eq!(edge.contact, contact);
        }
    }
}

#[test]
fn a_graze_of_a_tenth_of_a_second_is_found_and_a_miss_is_none() {
    let (radius_km, period_s) = (EARTH_RADIUS_KM + 650.0, 5863.694);
    let clear = |beta: f64| {
        let outlook = under_a_fixed_sun(Body::Earth, beta, circle(radius_km, period_s));
        outlook(period_s / 2.0).expect("a place").discs.clear_of_penumbra_rad()
    };
    let (mut dark, mut lit) = (0.5, 1.5);
    while lit - dark > 1e-15 {
        let middle = f64::midpoint(dark, lit);
        if clear(middle) < 0.0 { dark = middle } else { lit = middle }
    }
    let found = |beta: f64, shift_s: f64| {
        search(&under_a_fixed_sun(Body::Earth, beta, circle(radius_km, period_s)), period_s, shift_s, shift_s + 3.0 * period_s)
    };
    for shift_s in [0.0, 17.3, 404.0] {
        // A depth of 2e-9 rad is 0.1 s of so shallow an arc.
        let edges = found(dark - 2e-9, shift_s);
        assert_eq!(edges.len(), 6, "{edges:?}");
        assert!(edges.chunks(2).all(|pair| pair[1].mission_s - pair[0].mission_s < 0.3), "{edges:?}");
        assert!(found(lit + 1e-9, shift_s).is_empty());
    }
}
