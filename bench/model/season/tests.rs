use super::*;
use crate::environment::tests::environment;
use crate::environment::{AlbedoModel, Attitude, Panel, Surroundings};
use crate::kepler::{Elements, Kepler, equator};
use crate::time::Centuries;
use crate::trajectory::{Body, Trajectory};

const YEAR_S: f64 = 365.0 * DAY_S;

fn day_of_year(mission_s: f64) -> f64 {
    mission_s / DAY_S + 1.0
}

#[test]
fn a_year_of_dawn_and_dusk_is_the_published_one() {
    // Four propagators: season 6 May to 6 August, longest 20.3 min, 0.9594 to 0.9606 of the year sunlit. Ours is a circle, 0.1 min.
    let year = statistics(&environment(650.0, 18.0, "2026-01-01T00:00:00Z", Attitude::SunEdge), 0.0, YEAR_S);
    assert_eq!(year.days.len(), 365);
    assert_eq!(year.seasons.len(), 1);
    let season = year.seasons[0];
    assert!((day_of_year(season.first_s).floor() - 126.0).abs() <= 1.0 && (day_of_year(season.last_s).floor() - 218.0).abs() <= 1.0);
    assert!(!season.open_start && !season.open_end);
    assert!((season.longest_s / 60.0 - 20.3).abs() < 0.2 && season.longest_s == year.longest_eclipse_s, "{season:?}");
    assert!((160.0..185.0).contains(&day_of_year(season.longest_at_s)), "midsummer: {season:?}");
    assert!((0.9594..=0.9606).contains(&year.sunlit_frac), "{}", year.sunlit_frac);
    assert!(year.longest_umbra_s < year.longest_eclipse_s && year.longest_umbra_s > year.longest_eclipse_s - 90.0);
    assert_eq!(year.eclipse_days, year.days.iter().filter(|d| d.eclipses > 0).count());
    // The cylinder sees a shorter season and a shorter eclipse.
    let cylinder = year.cylinder.expect("a circle");
    assert!((cylinder.longest_s / 60.0 - 19.7).abs() < 0.1 && (cylinder.eclipse_days - 91.0).abs() < 2.0, "{cylinder:?}");
    assert!(year.eclipse_days as f64 > cylinder.eclipse_days);
    assert!((cylinder.sunlit_frac - 0.960).abs() < 0.002);
    let beta = year.beta_abs_deg.expect("an orbit");
    assert!((beta.least - 58.6).abs() < 0.15 && (beta.most - 86.9).abs() < 0.15, "{beta:?}");
}

#[test]
fn the_days_add_up_to_the_year() {
    let environment = environment(560.0, 16.0, "2026-01-01T00:00:00Z", Attitude::Nadir);
    let span = statistics(&environment, 0.0, 40.5 * DAY_S);
    assert_eq!(span.days.len(), 41, "the last one is half a day");
    let edges = environment.shadow_edges(0.0, 40.5 * DAY_S);
    let dark: f64 = span.days.iter().map(|d| d.dark_s).sum();
    let by_edges: f64 = edges.windows(2).filter(|w| w[0].contact != Contact::PenumbraOut).map(|w| w[1].mission_s - w[0].mission_s).sum();
    assert!((dark - by_edges).abs() < 40.0 * 60.0, "{dark} and {by_edges}: at most the eclipses cut by the ends differ");
    let weighted = |of: fn(&Day) -> f64| (span.days[..40].iter().map(of).sum::<f64>() + 0.5 * of(&span.days[40])) / 40.5;
    assert!((weighted(|d| d.sunlit_frac) - span.sunlit_frac).abs() < 1e-3);
    assert!((weighted(|d| d.b.mean.ir_w_m2) - span.b.mean.ir_w_m2).abs() < 1e-6);
    assert_eq!(span.days.iter().map(|d| d.sink_k.most).fold(0.0, f64::max), span.sink_k.most);
    // Face a looks up, and sees the Sun and never Earth; face b sees both.
    assert_eq!((span.a.mean.ir_w_m2, span.a.mean.albedo_w_m2), (0.0, 0.0));
    assert!(span.a.mean.solar_w_m2 > 200.0 && span.b.mean.albedo_w_m2 > 20.0);
}

#[test]
fn other_stretches_say_the_same() {
    let environment = environment(560.0, 16.0, "2026-01-01T00:00:00Z", Attitude::Nadir);
    let days = statistics(&environment, 0.0, 4.0 * DAY_S);
    let hours = in_stretches(&environment, 0.0, 4.0 * DAY_S, 3600.0);
    assert_eq!((days.days.len(), hours.days.len()), (4, 96));
    assert_eq!((days.eclipse_days, &days.seasons, days.longest_eclipse_s), (hours.eclipse_days, &hours.seasons, hours.longest_eclipse_s));
    assert_eq!(days.eclipse_days, 4);
    // Whatever eclipse the end cuts, a day has at most itself.
    let touched = |minutes: u32| in_stretches(&environment, 0.0, DAY_S + 60.0 * f64::from(minutes), DAY_S).eclipse_days;
    assert!((0..12).all(|k| touched(10 * k) <= if k == 0 { 1 } else { 2 }));
    assert_eq!((touched(0), touched(110)), (1, 2));
    assert!((days.sunlit_frac - hours.sunlit_frac).abs() < 2e-3);
    let dark = |span: &Span| span.days.iter().map(|d| d.dark_s).sum::<f64>();
    assert!((dark(&days) - dark(&hours)).abs() < 1e-6);
}

#[test]
fn a_span_without_shadow_has_no_season() {
    let span = statistics(&environment(650.0, 18.0, "2026-01-01T00:00:00Z", Attitude::SunEdge), 0.0, 30.0 * DAY_S);
    assert!(span.seasons.is_empty());
    assert_eq!((span.eclipse_days, span.longest_eclipse_s, span.longest_umbra_s, span.sunlit_frac), (0, 0.0, 0.0, 1.0));
}

#[test]
fn a_season_under_way_is_said_to_be() {
    let span = statistics(&environment(650.0, 18.0, "2026-06-01T00:00:00Z", Attitude::SunEdge), 0.0, 20.0 * DAY_S);
    assert_eq!(span.seasons.len(), 1);
    assert!(span.seasons[0].open_start && span.seasons[0].open_end);
    let span = statistics(&environment(650.0, 18.0, "2026-04-20T00:00:00Z", Attitude::SunEdge), 0.0, 30.0 * DAY_S);
    assert!(!span.seasons[0].open_start && span.seasons[0].open_end);
}

#[test]
fn a_geostationary_satellite_has_two_seasons_about_the_equinoxes() {
    let epoch: Centuries = "2026-01-01T00:00:00Z".parse::<jiff::Timestamp>().expect("a literal").into();
    let surroundings =
        Surroundings { solar_constant_w_m2: 1361.0, albedo_frac: 0.3, planet_ir_w_m2: 237.0, albedo_model: AlbedoModel::Disc };
    let panel = Panel { attitude: Attitude::SunEdge, tilt_error_deg: 0.0, emissivity_frac: 0.88, solar_absorptivity_frac: 0.07 };
    let trajectory = Trajectory::Kepler(Kepler::geostationary(0.0, epoch));
    let year = statistics(&Environment::new(epoch, trajectory, surroundings, panel), 0.0, YEAR_S);
    // Textbook: from about 27 February to 12 April and from 1 September to 16 October, at most 72 min with penumbra.
    let days: Vec<(f64, f64)> = year.seasons.iter().map(|s| (day_of_year(s.first_s), day_of_year(s.last_s))).collect();
    assert_eq!(days.len(), 2, "{days:?}");
    for (found, expected) in days.iter().zip([(58.0, 102.0), (244.0, 289.0)]) {
        assert!((found.0 - expected.0).abs() < 2.5 && (found.1 - expected.1).abs() < 2.5, "{days:?}");
    }
    assert!((year.longest_eclipse_s / 60.0 - 71.5).abs() < 1.0, "{}", year.longest_eclipse_s / 60.0);
    assert!((year.cylinder.expect("a circle").longest_s / 60.0 - 69.4).abs() < 0.1);
}

#[test]
fn an_ellipse_has_no_textbook_figures() {
    let epoch = Centuries(0.26);
    let elements = Elements {
        body: Body::Earth,
        semi_major_km: 12_000.0,
        eccentricity: 0.3,
        inclination_deg: 40.0,
        node_deg: 0.0,
        perigee_deg: 0.0,
        mean_anomaly_deg: 0.0,
    };
    let orbit = Kepler::new(elements, equator(Body::Earth, epoch)).expect("possible");
    let surroundings =
        Surroundings { solar_constant_w_m2: 1361.0, albedo_frac: 0.3, planet_ir_w_m2: 237.0, albedo_model: AlbedoModel::Disc };
    let panel = Panel { attitude: Attitude::Nadir, tilt_error_deg: 0.0, emissivity_frac: 0.88, solar_absorptivity_frac: 0.07 };
    let span = statistics(&Environment::new(epoch, Trajectory::Kepler(orbit), surroundings, panel), 0.0, 3.0 * DAY_S);
    assert!(span.cylinder.is_none());
    // Infrared goes with the distance: from perigee at 2022 km to apogee at 9222 km.
    let seen = |r: f64| 237.0 * (EARTH_RADIUS_KM / r).powi(2);
    assert!(span.b.mean.ir_w_m2 < seen(8400.0) && span.b.mean.ir_w_m2 > seen(15_600.0));
}

#[test]
fn eclipses_of_ellipses_are_where_the_light_goes() {
    // High ellipses about Earth and a low one about the Moon: every tenth of a minute against the contacts found from geometry.
    let epoch: Centuries = "2026-03-01T00:00:00Z".parse::<jiff::Timestamp>().expect("a literal").into();
    for (body, semi_major_km, eccentricity, inclination_deg) in [
        (Body::Earth, 26_600.0, 0.72, 63.4),
        (Body::Earth, 24_400.0, 0.73, 7.0),
        (Body::Earth, 7_400.0, 0.08, 50.0),
        (Body::Moon, 6_100.0, 0.6, 55.0),
    ] {
        let elements =
            Elements { body, semi_major_km, eccentricity, inclination_deg, node_deg: 160.0, perigee_deg: 30.0, mean_anomaly_deg: 0.0 };
        let orbit = Kepler::new(elements, equator(body, epoch)).expect("possible");
        let surroundings =
            Surroundings { solar_constant_w_m2: 1361.0, albedo_frac: 0.1, planet_ir_w_m2: 100.0, albedo_model: AlbedoModel::Disc };
        let panel = Panel { attitude: Attitude::SunEdge, tilt_error_deg: 0.0, emissivity_frac: 0.88, solar_absorptivity_frac: 0.07 };
        let environment = Environment::new(epoch, Trajectory::Kepler(orbit), surroundings, panel);
        let days = 20.0;
        let span = statistics(&environment, 0.0, days * DAY_S);
        let found: f64 = span.days.iter().map(|d| d.dark_s).sum();
        let seen = environment.timeline(0.0, days * DAY_S, 6.0).filter(|(_, s)| s.illumination < 1.0).count() as f64 * 6.0;
        assert!(span.eclipses_in_all() > 10 && found > 1e4, "{body:?} {semi_major_km}: {found} s in {}", span.eclipses_in_all());
        // Each of the two ends of an eclipse is seen to half a step on average.
        assert!(
            (found - seen).abs() < 6.0 * (2.0 * span.eclipses_in_all() as f64).sqrt() + 12.0,
            "{body:?} {semi_major_km}: {found} s, {seen} s seen"
        );
    }
}
