//! Kepler's equation at every eccentricity; the mean motion against a numerical integration; what is impossible.

use super::*;
use crate::constants::{DAY_S, MOON_RADIUS_KM};
use crate::vector::{dot, norm};
use proptest::prelude::*;

const EARTH_AXES: [Vector; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

fn elements(body: Body, semi_major_km: f64, eccentricity: f64, inclination_deg: f64) -> Elements {
    Elements { body, semi_major_km, eccentricity, inclination_deg, node_deg: 40.0, perigee_deg: 250.0, mean_anomaly_deg: 0.0 }
}

fn orbit(body: Body, semi_major_km: f64, eccentricity: f64, inclination_deg: f64) -> Kepler {
    Kepler::new(elements(body, semi_major_km, eccentricity, inclination_deg), EARTH_AXES).expect("possible")
}

fn apart_deg(a: Vector, b: Vector) -> f64 {
    norm(cross(a, b)).atan2(dot(a, b)).to_degrees()
}

/// A row of `j2_orbits.csv` (made by `SciPy`; see `j2_orbits.py`).
struct Row {
    name: String,
    elements: Elements,
    /// Eccentricity that the orbit had on average but its mean elements have not.
    left_out: f64,
    rates_deg_d: [f64; 3],
    t_s: f64,
    position_km: Vector,
}

fn integrated() -> Vec<Row> {
    include_str!("../testdata/j2_orbits.csv")
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let v: Vec<f64> = cells[2..].iter().map(|c| c.parse().expect("a number")).collect();
            let body = if cells[1] == "moon" { Body::Moon } else { Body::Earth };
            // Next to a circle the osculating ellipse is made of the breathing within a revolution: the mean orbit is a circle.
            let round = v[1] < 0.01;
            let elements = Elements {
                body,
                semi_major_km: v[0],
                eccentricity: if round { 0.0 } else { v[1] },
                inclination_deg: v[2],
                node_deg: v[3],
                perigee_deg: v[5],
                mean_anomaly_deg: v[4] - v[5],
            };
            Row {
                name: cells[0].to_owned(),
                elements,
                left_out: if round { v[1] } else { 0.0 },
                rates_deg_d: [v[6], v[7], v[8]],
                t_s: v[9],
                position_km: [v[10], v[11], v[12]],
            }
        })
        .collect()
}

#[test]
fn the_mean_rates_are_those_of_the_integrated_orbits() {
    let rows = integrated();
    assert_eq!(rows.len(), 8 * 12);
    for row in rows.iter().step_by(12) {
        let rates = *Kepler::new(row.elements, EARTH_AXES).expect("it was flown").rates();
        let per_day = |rate: f64| rate.to_degrees() * DAY_S;
        let [node, latitude, perigee] = row.rates_deg_d;
        let scale = per_day(rates.mean_motion) * Gravity::of(row.elements.body).j2;
        // What first order leaves out is of the second order in J2: a hundredth and less of what it gives.
        assert!((per_day(rates.node) - node).abs() < 0.01 * node.abs() + 1e-3 * scale, "{}: node {}", row.name, per_day(rates.node));
        let got = per_day(rates.mean_anomaly + rates.perigee);
        assert!((got - latitude).abs() < 0.02 * scale, "{}: {got} deg a day, integrated {latitude}", row.name);
        if row.elements.eccentricity > 0.01 {
            let got = per_day(rates.perigee);
            assert!((got - perigee).abs() < 0.02 * scale, "{}: perigee {got}, integrated {perigee}", row.name);
        }
    }
}

#[test]
fn the_satellite_is_where_the_integration_has_it() {
    for row in integrated() {
        let orbit = Kepler::new(row.elements, EARTH_AXES).expect("it was flown");
        let state = orbit.at(row.t_s);
        let off_deg = apart_deg(state.zenith, row.position_km);
        // Within one revolution oblateness moves a low satellite by up to some ten kilometres, which mean elements do not have.
        let Gravity { j2, j2_radius_km, .. } = Gravity::of(row.elements.body);
        let perigee_km = row.elements.semi_major_km * (1.0 - row.elements.eccentricity);
        let breathing = j2 * (j2_radius_km / perigee_km).powi(2);
        // The second order makes it run ahead or behind, a few squares of that to the radian.
        let run = 5.0 * breathing * breathing * orbit.rates().mean_motion * row.t_s;
        assert!(
            off_deg < (4.0 * breathing + 2.0 * row.left_out + run).to_degrees() + 0.02,
            "{} at {} s: {off_deg} deg off",
            row.name,
            row.t_s
        );
        let high_km = state.radius_km - norm(row.position_km);
        assert!(
            high_km.abs() < (4.0 * breathing + row.left_out) * norm(row.position_km) + 1.0,
            "{} at {} s: {high_km} km off",
            row.name,
            row.t_s
        );
    }
}

#[test]
fn a_round_planet_would_be_noticed() {
    // The same comparison without oblateness misses by tens of degrees: the check above has teeth.
    let worst = integrated()
        .iter()
        .filter(|row| row.elements.body == Body::Earth)
        .map(|row| {
            let mut orbit = Kepler::new(row.elements, EARTH_AXES).expect("it was flown");
            orbit.rates = Rates { node: 0.0, perigee: 0.0, mean_anomaly: orbit.rates.mean_motion, ..orbit.rates };
            apart_deg(orbit.at(row.t_s).zenith, row.position_km)
        })
        .fold(0.0, f64::max);
    assert!(worst > 20.0, "{worst}");
}

#[test]
fn the_space_station_loses_five_degrees_of_node_a_day() {
    // A textbook figure: about -5 deg a day at 51.6 deg; no drift at 90 deg; +0.9856 deg a day is what sun-synchronous means.
    let node_deg_d = |a, e, i| orbit(Body::Earth, a, e, i).rates().node.to_degrees() * DAY_S;
    assert!((node_deg_d(6798.137, 0.0, 51.6) + 4.95).abs() < 0.05);
    assert!(node_deg_d(6798.137, 0.0, 90.0).abs() < 1e-12);
    assert!((node_deg_d(7028.137, 0.0, 97.986) - 0.9856).abs() < 1e-3);
    // Perigee stands still at the critical inclination, acos(1/sqrt 5).
    let critical_deg = (1.0 / 5.0_f64.sqrt()).acos().to_degrees();
    assert!((critical_deg - 63.435).abs() < 1e-3);
    assert!(orbit(Body::Earth, 26_562.0, 0.72, critical_deg).rates().perigee.abs() < 1e-20);
}

/// Kinds differ on purpose: a sun-synchronous orbit has the two-body phase of published figures, an orbit from elements the
/// secular phase of an oblate Earth, 3/4 J2 n (R/a)2 (6 - 8 sin2 i) of a circle. Whoever changes either finds out here.
#[test]
fn a_circle_from_elements_falls_behind_the_sun_synchronous_one_by_its_oblate_phase() {
    use crate::orbit::SunSynchronous;
    let epoch = Centuries(0.2646);
    for (altitude_km, behind_s) in [(650.0, 106.6), (550.0, 110.6)] {
        let ours = SunSynchronous::new(altitude_km, 18.0, 0.0, epoch).expect("low enough");
        let elements = Elements { node_deg: ours.node_deg(), ..elements(Body::Earth, ours.radius_km(), 0.0, ours.inclination_deg()) };
        let elements = Elements { perigee_deg: 0.0, mean_anomaly_deg: 0.0, ..elements };
        let theirs = Kepler::new(elements, equator(Body::Earth, epoch)).expect("an orbit");
        let (us, them) = (ours.at(DAY_S), theirs.at(DAY_S));
        // One plane, and the other one behind in it.
        assert!(apart_deg(us.pole, them.pole) < 1e-3, "{altitude_km} km");
        let ahead = dot(cross(them.zenith, us.zenith), us.pole).atan2(dot(us.zenith, them.zenith));
        let seconds = ahead / ours.mean_motion_rad_s();
        assert!((seconds - behind_s).abs() < 0.5, "{altitude_km} km: {seconds} s a day");
        let sin2 = ours.inclination_deg().to_radians().sin().powi(2);
        let known = -0.75 * EARTH_J2 * (EARTH_RADIUS_KM / ours.radius_km()).powi(2) * (6.0 - 8.0 * sin2) * DAY_S;
        assert!((seconds - known).abs() < 0.5, "{known} s");
        assert!((ours.period_s() - theirs.period_s()).abs() < 1e-9, "the period that is told is the two-body one of both");
    }
}

#[test]
fn a_geostationary_satellite_stays_over_its_longitude() {
    let epoch: Centuries = "2026-03-20T14:46:00Z".parse::<jiff::Timestamp>().expect("a literal").into();
    let orbit = Kepler::geostationary(19.2, epoch);
    assert!((orbit.elements().semi_major_km - 42_166.3).abs() < 0.1, "{}", orbit.elements().semi_major_km);
    assert!((orbit.period_s() / 60.0 - 1436.1).abs() < 0.1);
    for day in 0..=400 {
        let t = f64::from(day) * DAY_S;
        let zenith = orbit.at(t).zenith;
        let longitude = zenith[1].atan2(zenith[0]).to_degrees() - sidereal_deg(epoch) - (EARTH_ROTATION_RAD_S * t).to_degrees();
        let off = (longitude - 19.2 + 180.0).rem_euclid(360.0) - 180.0;
        assert!(off.abs() < 1e-6, "{off} deg on day {day}");
        assert!(zenith[2].abs() < 1e-12);
    }
}

#[test]
fn sidereal_time_is_the_almanacs() {
    // Meeus, example 12.a: 1987 April 10, 0h UT: 13h 10m 46.3668s.
    let epoch: Centuries = "1987-04-10T00:00:00Z".parse::<jiff::Timestamp>().expect("a literal").into();
    let expected_deg = 15.0 * (13.0 + 10.0 / 60.0 + 46.3668 / 3600.0);
    assert!((sidereal_deg(epoch).rem_euclid(360.0) - expected_deg).abs() < 1e-5);
}

#[test]
fn keplers_equation_has_its_published_solutions() {
    // Meeus, Astronomical Algorithms, ch. 30: example 30.a and the table of hard cases; SciPy's brentq gives the same.
    for (m_deg, e, expected_deg) in [
        (5.0_f64, 0.1, 5.554_589),
        (5.0, 0.5, 9.950_063),
        (5.0, 0.9, 33.344_447),
        (5.0, 0.99, 45.361_023),
        (2.0, 0.99, 32.361_007),
        (7.0, 0.999, 52.270_261),
    ] {
        let got = eccentric_anomaly(m_deg.to_radians(), e).to_degrees();
        assert!((got - expected_deg).abs() < 1e-6, "M {m_deg}, e {e}: {got}");
    }
}

#[test]
fn the_impossible_is_refused_by_words() {
    let refused = |body, a, e| Kepler::new(elements(body, a, e, 50.0), EARTH_AXES).expect_err("impossible").to_string();
    for (why, words) in [
        (refused(Body::Earth, 6378.137 - 20.0, 0.0), "lowest point is -20.0 km above the surface"),
        (refused(Body::Earth, 6378.137 + 119.0, 0.0), "at least 120 km"),
        (refused(Body::Earth, 26_562.0, 0.76), "lowest point"),
        (refused(Body::Moon, MOON_RADIUS_KM + 10.0, 0.0), "mountains"),
        (refused(Body::Moon, 40_000.0, 0.7), "highest point is 68000 km from the centre"),
        (refused(Body::Earth, 1e6, 0.0), "sphere of influence"),
        (refused(Body::Earth, 1e4, 1.0), "no ellipse"),
        (refused(Body::Earth, 1e4, -0.1), "no ellipse"),
        (refused(Body::Earth, 1e4, f64::NAN), "no ellipse"),
    ] {
        assert!(why.contains(words), "{why}");
    }
}

proptest! {
    #[test]
    fn keplers_equation_is_solved_at_every_eccentricity(m in -50.0..50.0_f64, from_parabola in 1e-9..1.0_f64, near in any::<bool>()) {
        // Half the cases crowd towards the parabola and towards perigee, where it is hardest.
        let e = if near { 1.0 - from_parabola * 1e-4 } else { 1.0 - from_parabola };
        let m = if near { m * 1e-6 } else { m };
        let root = eccentric_anomaly(m, e);
        prop_assert!((root - e * root.sin() - m).abs() < 1e-13 * (1.0 + m.abs()), "M {}, e {}: {}", m, e, root);
        prop_assert!((eccentric_anomaly(-m, e) + root).abs() < 1e-12 * (1.0 + m.abs()));
    }

    #[test]
    fn every_ellipse_obeys_keplers_laws(a in 7000.0..200_000.0_f64, fraction in 0.0..1.0_f64, i in 0.0..180.0_f64, t in -1e7..1e7_f64) {
        let e = fraction * (1.0 - 6500.0 / a);
        let orbit = orbit(Body::Earth, a, e, i);
        let (now, soon) = (orbit.at(t), orbit.at(t + 0.01));
        prop_assert!((norm(now.zenith) - 1.0).abs() < 1e-12 && (norm(now.pole) - 1.0).abs() < 1e-12);
        prop_assert!(dot(now.zenith, now.pole).abs() < 1e-12);
        prop_assert!((a * (1.0 - e) - 1e-6..=a * (1.0 + e) + 1e-6).contains(&now.radius_km));
        // The second law: area swept in a second is pi a b over the (anomalistic) period, to within the drift of perigee.
        let swept = norm(cross(now.zenith, soon.zenith)) * now.radius_km * soon.radius_km / 2.0 / 0.01;
        let expected = PI * a * a * (1.0 - e * e).sqrt() / orbit.period_s();
        prop_assert!((swept / expected - 1.0).abs() < 6e-3, "{} of {}", swept, expected);
        prop_assert!(dot(cross(now.zenith, soon.zenith), now.pole) > 0.0, "flies backwards");
    }
}
