//! Benches with a loop, external meters and a calorimeter flown in memory, and the interlocks of a rig on benches that are wrong: each with the sound bench
//! beside it that must not trip.

use crate::flight::{compared, drawn};
use control::End;
use engine::memory::{Flown, MemoryBench, fly};
use engine::setup::{Options, Setup, SetupError, Source};
use record::{Column, Row};
use signal::{Limit, RunState};
use twin::faults::Ailing;

const HOUR_S: f64 = 3600.0;

fn rig(name: &str) -> String {
    rig::builtin().iter().find(|(n, _)| *n == name).expect("a shipped rig").1.to_owned()
}

/// A shipped rig with other words in it.
fn changed(name: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(rig(name), |text, (from, to)| {
        assert!(text.contains(from), "{name} has no {from:?}");
        text.replacen(from, to, 1)
    })
}

fn built(text: String, duration_s: f64) -> Result<Setup, SetupError> {
    let (name, profile) = model::profile::builtin()[0];
    Setup::build(Options {
        profile: Source { file: name.into(), from: "built in".into(), text: profile.into() },
        rig: Source { file: "rig.toml".into(), from: "a test".into(), text },
        accelerator: None,
        workload: None,
        duration_s: Some(duration_s),
        dt_s: 1.0,
        speed: None,
        seed: 3,
        assume_w: None,
        unattended: false,
        policy: None,
        crossing: None,
    })
}

fn setup(text: String, duration_s: f64) -> Setup {
    built(text, duration_s).unwrap_or_else(|why| panic!("{why}"))
}

fn flown(setup: &Setup, spoil: impl FnOnce(&mut twin::Truth), mut each: impl FnMut(u64, &mut MemoryBench)) -> Flown {
    let mut truth = drawn(setup);
    spoil(&mut truth);
    let mut bench = MemoryBench::new(setup, truth).expect("a bench");
    let flown = fly(setup, &mut bench, |tick, bench, _| {
        each(tick, bench);
        Vec::new()
    });
    assert_eq!(flown.unconfirmed, [], "however it ends");
    flown
}

fn trip_of(flown: &Flown) -> &str {
    match &flown.end {
        End::Tripped(why) => why,
        other => panic!("{other:?}"),
    }
}

fn running(flown: &Flown) -> impl Iterator<Item = &Row> {
    flown.rows.iter().filter(|r| r.state == RunState::Running)
}

fn mean(rows: impl Iterator<Item = Option<f64>>) -> f64 {
    let values: Vec<f64> = rows.flatten().collect();
    assert!(values.len() > 100, "{} values", values.len());
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn a_loop_is_flown_by_its_supply_with_heat_and_energy_by_the_meters() {
    let setup = setup(rig("loop"), HOUR_S);
    let root = tempfile::tempdir().expect("a folder");
    let (comparison, folder) = compared(root.path(), &setup, drawn(&setup), |_| {});
    let names = |channels: &[report::Channel]| channels.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&comparison.tracking), ["rig_supply_degc"], "what is servoed proves nothing else");
    for predicted in ["rig_plate_degc", "rig_return_degc", "rig_board_w", "flight_heat_w"] {
        assert!(names(&comparison.residuals).iter().any(|n| n == predicted), "{predicted}");
    }
    assert!(comparison.tracking[0].stats.as_ref().is_some_and(|s| s.mean.abs() < 0.1), "{:?}", comparison.tracking);
    assert!(comparison.notes.iter().any(|n| n.contains("by: meter")), "{:?}", comparison.notes);
    let text = folder.text(record::RUN).expect("a manifest");
    for said in ["heat_source = \"meter\"", "energy_source = \"meter\"", "servo_node = \"coolant_supply\""] {
        assert!(text.contains(said), "no {said}");
    }
}

#[test]
fn the_accelerators_own_reading_stays_beside_the_meters_with_the_gap() {
    let setup = setup(rig("loop"), HOUR_S / 2.0);
    // A card that reads 4 % too much feeds nothing of it into the flight model.
    let flown = flown(&setup, |truth| (truth.card.power_gain, truth.meter_gain) = (0.04, 1.0), |_, _| {});
    assert_eq!(flown.end, End::Done);
    let gap = mean(running(&flown).map(|r| r.get(Column::RigBoardGapW)));
    let own = mean(running(&flown).map(|r| r.get(Column::AccelPowerW)));
    assert!((gap / own + 0.04 / 1.04).abs() < 0.005, "gap {gap} of {own}");
    let heat = mean(running(&flown).map(|r| r.get(Column::FlightHeatW)));
    let metered = mean(running(&flown).map(|r| r.get(Column::RigBoardW)));
    assert!((heat / metered - 1.0).abs() < 0.003, "{heat} against {metered}");
    assert!(running(&flown).all(|r| r.heat_source == Some(signal::Source::Meter)));
    let last = flown.rows.last().expect("rows");
    assert!(last.get(Column::RigBoardGapJ).is_some_and(|j| j < -1000.0), "{:?}", last.get(Column::RigBoardGapJ));
}

fn calorimetric(lag_s: &str) -> String {
    changed("loop", &[("\nheat_source = \"meter\"", "\nheat_source = \"calorimetric\""), ("lag_s = 30.0", &format!("lag_s = {lag_s}"))])
}

#[test]
fn a_calorimeter_feeds_the_model_and_its_closure_is_logged() {
    let setup = setup(calorimetric("10.0"), HOUR_S);
    let flown = flown(&setup, |truth| truth.meter_gain = 1.0, |_, _| {});
    assert_eq!(flown.end, End::Done);
    assert!(running(&flown).all(|r| r.heat_source == Some(signal::Source::Calorimetric)));
    let by = |column| mean(running(&flown).skip(1500).map(|r| r.get(column)));
    assert!((by(Column::FlightHeatW) - by(Column::RigCalorimetricW)).abs() < 0.5);
    // What plate and hoses lose to the room is missing in the coolant: the closure says so, and no more than that.
    let (closure, u) = (by(Column::RigCalorimetricGapW), by(Column::RigCalorimetricUW));
    assert!((-8.0..0.0).contains(&closure), "{closure}");
    assert!((0.5..2.0).contains(&u), "{u}");
}

#[test]
fn a_calorimetric_loop_with_too_much_delay_is_refused_with_the_numbers() {
    let slow = built(calorimetric("600.0"), HOUR_S).expect_err("it would ring").to_string();
    assert!(slow.contains("is more than a third of the") && slow.contains("a = "), "{slow}");
    // The same delay is borne where heat is electrical.
    assert!(built(changed("loop", &[("lag_s = 30.0", "lag_s = 600.0")]), HOUR_S).is_ok());
}

#[test]
fn a_circulator_holds_the_supply_too() {
    let julabo = "driver = \"line\"\ndialect = \"julabo\"\nemulated = true\nbaud = 115200\n";
    let mecom = "driver = \"mecom\"\nemulated = true\nlease_s = 3.0\ncurrent_limit_a = 8.0\nvoltage_limit_v = 16.0\ndevice_type = 1090\nserial_number = 4242\n";
    let sink = "[channel.sink]\ninstrument = \"tec\"\nreads = \"sink_temperature\"\nsafe = \"on\"\ntrip_max_degc = 70.0\n";
    let text = changed(
        "loop",
        &[
            (mecom, julabo),
            (sink, ""),
            ("reads = \"object_temperature\"", "reads = \"bath_temperature\""),
            ("[plant.loop] ", "[plant.loop]\nheater_w = 500.0\ncompressor_w = 250.0 "),
        ],
    );
    let setup = setup(text, HOUR_S / 2.0);
    let told = engine::rehearse::rehearse(&setup, |_| Ok::<(), std::convert::Infallible>(())).unwrap_or_else(|never| match never {});
    assert!(told.flown, "{}", told.end);
    let flown = flown(&setup, |_| {}, |_, _| {});
    assert_eq!(flown.end, End::Done);
    let off: Vec<f64> = running(&flown).filter_map(|r| Some(r.get(Column::RigSupplyDegc)? - r.get(Column::RigSetpointDegc)?)).collect();
    assert!(off.iter().all(|k| k.abs() < 0.5), "{:?}", off.iter().copied().fold(0.0, |m: f64, k| m.max(k.abs())));
}

#[test]
fn modules_wired_the_wrong_way_round_never_get_a_setpoint() {
    for name in ["twin", "loop"] {
        let setup = setup(rig(name), 60.0);
        let wrong = flown(&setup, |truth| truth.faults.reversed = true, |_, _| {});
        assert!(trip_of(&wrong).contains("wired the wrong way round"), "{name}: {}", trip_of(&wrong));
        assert!(running(&wrong).next().is_none(), "{name} flew");
        assert!(wrong.rows.iter().all(|r| r.get(Column::WorkDutyFrac).is_none_or(|d| d == 0.0)), "{name} worked");
        let moved = wrong
            .rows
            .iter()
            .filter_map(|r| r.get(setup.servoed()))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), t| (l.min(t), h.max(t)));
        assert!(moved.1 - moved.0 < 4.0, "{name}: {moved:?}");
        assert_eq!(flown(&setup, |_| {}, |_, _| {}).end, End::Done, "{name}, sound");
    }
}

#[test]
fn a_sensor_that_is_not_in_its_place_never_gets_a_setpoint() {
    let setup = setup(rig("twin"), 60.0);
    let wrong = flown(&setup, |truth| truth.faults.stuck_plate_degc = Some(23.0), |_, _| {});
    assert!(trip_of(&wrong).contains("not in its place"), "{}", trip_of(&wrong));
}

#[test]
fn a_pump_that_stops_ends_the_run_at_once() {
    let setup = setup(rig("loop"), HOUR_S);
    let stops_at = 900;
    let wrong = flown(
        &setup,
        |_| {},
        |tick, bench| {
            if tick == stops_at {
                bench.world_mut().ail(Ailing { pump: true, ..Ailing::default() });
            }
        },
    );
    assert!(trip_of(&wrong).starts_with("flow reads") && trip_of(&wrong).contains("look at the pump"), "{}", trip_of(&wrong));
    let after = wrong.rows.last().expect("rows").tick - stops_at;
    assert!(after <= 3, "{after} ticks");
}

#[test]
fn nothing_is_cooled_near_the_dew_point() {
    // 23 °C at 45 % is a dew point of 10.4 °C: with 10 K above it the setpoint stops at some 20 °C.
    let text = |margin: &str| format!("{}\n[interlock]\ndew_margin_k = {margin}\n", rig("loop"));
    let damp = setup(text("10.0"), HOUR_S / 4.0);
    let told = flown(&damp, |_| {}, |_, _| {});
    let coldest = told.rows.iter().filter_map(|r| r.get(Column::RigSetpointDegc)).fold(f64::INFINITY, f64::min);
    assert!((19.0..21.5).contains(&coldest), "{coldest}");
    assert!(told.rows.iter().any(|r| r.limited == Limit::Clamped), "and it says so");
    let dry = setup(text("2.5"), HOUR_S / 4.0);
    assert!(flown(&dry, |_| {}, |_, _| {}).rows.iter().all(|r| r.limited != Limit::Clamped));
}

#[test]
fn a_limit_beyond_the_maximum_cooling_current_is_refused() {
    let why =
        built(changed("twin", &[("current_limit_a = 8.0", "current_limit_a = 15.0")]), 60.0).expect_err("more only heats").to_string();
    assert!(why.contains("cools most at 5 °C") && why.contains("Lower it"), "{why}");
}
