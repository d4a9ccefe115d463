//! The battery over a whole flight on belief: it keeps to its planned depth whatever the policy, wherever the orbit and whenever the mission ends. What it does
//! under single skies is the control law's own tests'.

use crate::flight::options_of;
use engine::rehearse::rehearse;
use engine::setup::{Options, Setup};
use model::philox::uniforms;
use model::profile::PolicyChoice;

/// Lowest charge, and the charge at the end, of a rehearsal of `duration_s` (the profile's own if `None`) in ticks of 10 s; `Err` where bus and idle boards are
/// more than the battery carries.
fn charge(options: &Options, duration_s: Option<f64>) -> Result<(f64, f64), String> {
    let setup = Setup::build(Options { duration_s, dt_s: 10.0, ..options.clone() }).map_err(|why| why.to_string())?;
    let told = rehearse(&setup, |_| Ok::<(), std::convert::Infallible>(())).unwrap_or_else(|never| match never {});
    assert!(told.flown, "{}", told.end);
    told.soc_frac.map(|(lowest, _, end)| (lowest, end)).ok_or_else(|| "no battery".to_owned())
}

/// A day ends in the middle of a shadow, 23 minutes before the light. What bus and idle boards take until then is not for the compute: the charge at the end is
/// the same as that of a flight that goes on.
#[test]
fn the_end_of_a_mission_is_not_the_end_of_the_dark() {
    let options = options_of("shell-1000", &[], Some(PolicyChoice::Battery));
    let (day_s, longer_s) = (86_400.0, 90_000.0);
    let (lowest, end) = charge(&options, Some(day_s)).expect("a battery");
    let setup = Setup::build(Options { duration_s: Some(longer_s), dt_s: 10.0, ..options }).expect("it flies");
    let mut at_day = None;
    rehearse(&setup, |row| {
        if row.mission_s.is_some_and(|t| t <= day_s) {
            at_day = row.get(record::Column::PowerBatterySocFrac).or(at_day);
        }
        Ok::<(), std::convert::Infallible>(())
    })
    .unwrap_or_else(|never| match never {});
    eprintln!("a day ends at {:.1} % charge, lowest was {:.1} %", end * 100.0, lowest * 100.0);
    assert!((end - at_day.expect("flown beyond a day")).abs() < 2e-3, "{end} and {at_day:?}");
    assert!(lowest > 0.6 - 1e-3 && end > 0.70, "{lowest} {end}");
}

/// Its orbit begins and ends in the longest shadow of the year, and 80 % of depth are planned.
#[test]
fn a_geostationary_battery_keeps_to_its_depth() {
    for policy in [PolicyChoice::FollowSun, PolicyChoice::Battery, PolicyChoice::Plan] {
        let (lowest, end) = charge(&options_of("geostationary", &[], Some(policy)), None).expect("a battery");
        eprintln!("{policy}: lowest {:.1} %, {:.1} % at the end", lowest * 100.0, end * 100.0);
        assert!(lowest > 0.2 - 1e-3, "{policy}: {lowest}");
    }
}

/// Orbits drawn by seed, from 400 km to the geostationary ones, begun anywhere in them, with batteries about as large as they have to be, and missions
/// that end anywhere. What keeps to the planned depth by following the Sun keeps to it under every policy that draws on the battery.
#[test]
fn no_policy_goes_deeper_than_planned_whenever_the_mission_ends() {
    let (mut judged, mut drawn_on) = (0, 0);
    for seed in 0..24 {
        let [height, inclination, node, start, day, size, depth, array, end, ride, _, _] = uniforms::<12>(5, seed);
        let altitude_km = 400.0 * 100.0_f64.powf(height.powi(2));
        // Seconds of the longest shadow, by a cylinder; the bus and idle boards of 32 kW through it.
        let radius_km: f64 = 6378.137 + altitude_km;
        let period_s = std::f64::consts::TAU * (radius_km.powi(3) / 398_600.441_8).sqrt();
        let dark_s = period_s * (6378.137 / radius_km).asin() / std::f64::consts::PI;
        let depth_frac = 0.3 + 0.6 * depth;
        let capacity_kwh = 32.0 * dark_s / 3600.0 / depth_frac / 0.95 * (1.02 + size);
        let changes = [
            ("altitude_km", format!("{altitude_km:?}")),
            ("inclination_deg", format!("{:?}", 100.0 * inclination)),
            ("raan_deg", format!("{:?}", 360.0 * node)),
            ("start_deg", format!("{:?}", 360.0 * start)),
            ("epoch", format!("2026-{:02}-15T00:00:00Z", 1 + (12.0 * day) as u32)),
            ("capacity_kwh", format!("{capacity_kwh:?}")),
            ("charge_kw", format!("{:?}", 0.6 * capacity_kwh)),
            ("discharge_kw", format!("{:?}", 0.6 * capacity_kwh + 34.0)),
            ("depth_frac", format!("{depth_frac:?}")),
            ("array_kw", format!("{:?}", 140.0 + 60.0 * array)),
            ("eclipse", if ride < 0.3 { "\"ride\"" } else { "\"idle\"" }.to_owned()),
        ];
        let changes: Vec<(&str, &str)> = changes.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let duration_s = Some((0.2 + 2.5 * end) * period_s);
        let floor = 1.0 - depth_frac;
        let of = |policy| charge(&options_of("shell-1000", &changes, Some(policy)), duration_s);
        let Some((sun, _)) = of(PolicyChoice::FollowSun).ok().filter(|(lowest, _)| *lowest > floor - 1e-3) else { continue };
        // A plan takes a second to make.
        let policies = if seed % 4 == 1 { &[PolicyChoice::Battery, PolicyChoice::Plan][..] } else { &[PolicyChoice::Battery] };
        for policy in policies {
            let (lowest, end) = of(*policy).unwrap_or_else(|why| panic!("{seed}, {policy}: {why}"));
            eprintln!(
                "{seed}: {altitude_km:.0} km, {policy}: floor {floor:.3}, lowest {lowest:.3} ({sun:.3} by following the Sun), {end:.3} at the end"
            );
            assert!(lowest > floor - 2e-3, "{seed}, {policy}: {lowest} of {floor}");
            drawn_on += u32::from(lowest < sun - 0.01);
        }
        judged += 1;
    }
    assert!(judged >= 16 && drawn_on >= 10, "{judged} judged, {drawn_on} draw on the battery");
}
