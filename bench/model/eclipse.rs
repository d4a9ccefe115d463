//! When along an orbit the satellite enters and leaves penumbra and umbra.
//!
//! Each orbit has one moment closest to the shadow's axis. It follows from the geometry, not from sampling, so that the
//! shortest grazing eclipse at the edge of a season is not stepped over; the contacts are then bisected on either side of it.

use crate::environment::Environment;
use crate::vector::{cross, dot};

/// A contact is known once it is between two moments this close, s.
const RESOLUTION_S: f64 = 1e-4;

/// Which border of the shadow is crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// Full sunlight ends.
    PenumbraIn,
    /// The last of the Sun goes.
    UmbraIn,
    /// The first of the Sun comes.
    UmbraOut,
    /// Full sunlight is back.
    PenumbraOut,
}

/// One crossing of a shadow border.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// When, to 0.05 s or better, as a function of the model.
    pub mission_s: f64,
    /// Which border.
    pub contact: Contact,
}

/// Every crossing in `from_s..=to_s`, in order of time.
pub(crate) fn edges(environment: &Environment, from_s: f64, to_s: f64) -> Vec<Edge> {
    let period = environment.period_s();
    let mut found = Vec::new();
    // An eclipse is shorter than half an orbit, so one whose middle is a whole orbit before the span is over by then.
    let mut middle = deepest(environment, from_s - period);
    while middle <= to_s + period {
        of_one_orbit(environment, middle, &mut found);
        middle = deepest(environment, middle + period);
    }
    found.retain(|edge| (from_s..=to_s).contains(&edge.mission_s));
    found
}

/// The moment nearest to `near_s` at which the satellite is closest to the axis of the shadow.
fn deepest(environment: &Environment, near_s: f64) -> f64 {
    let mut moment = near_s;
    // The Sun and the node move a few thousandths of what the satellite does, so each round gains three digits or more.
    for _ in 0..3 {
        let (state, sun) = environment.geometry(moment);
        let forward = cross(state.pole, state.zenith);
        let ahead_rad = (-dot(sun.direction, forward)).atan2(-dot(sun.direction, state.zenith));
        moment += ahead_rad / std::f64::consts::TAU * environment.period_s();
    }
    moment
}

fn of_one_orbit(environment: &Environment, middle: f64, found: &mut Vec<Edge>) {
    let half = environment.period_s() / 2.0;
    let penumbra = |t: f64| environment.discs(t).clear_of_penumbra_rad() < 0.0;
    let umbra = |t: f64| environment.discs(t).clear_of_umbra_rad() < 0.0;
    if !penumbra(middle) {
        return;
    }
    let mut add = |mission_s, contact| found.push(Edge { mission_s, contact });
    let deep = umbra(middle);
    add(crossing(middle - half, middle, penumbra), Contact::PenumbraIn);
    if deep {
        add(crossing(middle - half, middle, umbra), Contact::UmbraIn);
        add(crossing(middle + half, middle, umbra), Contact::UmbraOut);
    }
    add(crossing(middle + half, middle, penumbra), Contact::PenumbraOut);
}

/// Where `inside` changes between a moment outside and a moment inside, either of which may be the earlier.
fn crossing(mut outside_s: f64, mut inside_s: f64, inside: impl Fn(f64) -> bool) -> f64 {
    while (outside_s - inside_s).abs() > RESOLUTION_S {
        let between = f64::midpoint(outside_s, inside_s);
        if inside(between) {
            inside_s = between;
        } else {
            outside_s = between;
        }
    }
    f64::midpoint(outside_s, inside_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::DAY_S;
    use crate::environment::Attitude;
    use crate::environment::tests::environment;
    use crate::frame::Precession;
    use crate::shadow::{self, Discs};
    use crate::sun::Sun;
    use crate::time::Centuries;
    use crate::vector::scaled;

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
                let fraction = shadow::cylindrical_fraction(year.trajectory().at(0.0).radius_km, beta.to_radians());
                dark += fraction / (365.0 * 8.0);
                dark_days += if fraction > 0.0 { 1.0 / 8.0 } else { 0.0 };
            }
            let longest = shadow::cylindrical_fraction(year.trajectory().at(0.0).radius_km, least.to_radians()) * year.period_s() / 60.0;
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
                let (before, after) =
                    (environment.at(edge.mission_s - 0.05).illumination, environment.at(edge.mission_s + 0.05).illumination);
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
            let position = scaled(to_j2000.apply(environment.geometry(t).0.zenith), environment.geometry(t).0.radius_km);
            Discs::seen_from(position, sun(epoch.plus_s(t)).position_km()).clear_of_penumbra_rad() < 0.0
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
}
