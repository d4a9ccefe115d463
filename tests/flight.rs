//! Whole flights in memory on virtual time: the real driver against the real emulator, benches drawn by seed, belief falsified,
//! cables pulled. What a run of 98 s does in seconds, without a clock.

use control::End;
use engine::folder::{begin, conclude, files};
use engine::manifest::Program;
use engine::memory::{Flown, MemoryBench, fly};
use engine::setup::{Options, Setup, Source};
use record::{Column, Event, Folder};
use report::{Comparison, Ended, compare_run};
use signal::{Channel, Limit, Request, RunState};
use std::path::Path;
use twin::Truth;

fn builtin(list: &[(&str, &str)], name: &str) -> Source {
    let (name, text) = list.iter().find(|(n, _)| *n == name).expect("a shipped file");
    Source { file: format!("{name}.toml"), from: "built in".into(), text: (*text).to_owned() }
}

pub(crate) fn setup(profile: &str, seed: u64) -> Setup {
    setup_for(profile, "twin", seed, None)
}

pub(crate) fn setup_on(profile: &str, rig: &str, seed: u64) -> Setup {
    setup_for(profile, rig, seed, None)
}

fn setup_for(profile: &str, rig: &str, seed: u64, duration_s: Option<f64>) -> Setup {
    let options = Options {
        profile: builtin(model::profile::builtin(), profile),
        rig: builtin(rig::builtin(), rig),
        accelerator: None,
        workload: None,
        duration_s,
        dt_s: 1.0,
        speed: None,
        seed,
        assume_w: None,
        unattended: false,
        policy: None,
        crossing: None,
    };
    Setup::build(options).unwrap_or_else(|why| panic!("{profile}: {why}"))
}

/// The first hour of every profile that ships, on the rig that ships: none is refused, none trips.
#[test]
fn every_shipped_profile_flies_on_the_shipped_rig() {
    for (name, _) in model::profile::builtin() {
        let setup = setup_for(name, "twin", 1, Some(3600.0));
        let told = engine::rehearse::rehearse(&setup, |_| Ok::<(), std::convert::Infallible>(())).unwrap_or_else(|never| match never {});
        assert!(told.flown, "{name}: {}", told.end);
    }
}

/// A plan whose profile and rig have other numbers for these keys: the first of each name in either file.
pub(crate) fn setup_of(profile: &str, changes: &[(&str, &str)], policy: Option<model::profile::PolicyChoice>) -> Setup {
    Setup::build(options_of(profile, changes, policy)).expect("the changed files fly")
}

/// What that is built of.
pub(crate) fn options_of(profile: &str, changes: &[(&str, &str)], policy: Option<model::profile::PolicyChoice>) -> Options {
    let mut options = setup(profile, 1).options;
    options.policy = policy;
    for (key, value) in changes {
        let source = [&mut options.profile, &mut options.rig].into_iter().find(|s| s.text.lines().any(|l| names(l, key)));
        let source = source.unwrap_or_else(|| panic!("no {key} in either file"));
        let line = |l: &str| if names(l, key) { format!("{key} = {value}") } else { l.to_owned() };
        source.text = source.text.lines().map(line).collect::<Vec<_>>().join("\n");
    }
    options
}

fn names(line: &str, key: &str) -> bool {
    line.split_once('=').is_some_and(|(name, _)| name.trim() == key)
}

pub(crate) fn drawn(setup: &Setup) -> Truth {
    Truth::drawn(&setup.twin.plant, &setup.twin.spreads, setup.options.seed)
}

/// Flies on the bench that `truth` says, records it as a run would be, and compares it with its prediction.
pub(crate) fn compared(root: &Path, setup: &Setup, truth: Truth, spoil: impl FnOnce(&mut MemoryBench)) -> (Comparison, Folder) {
    let program = Program { version: "test".into(), commit: "test".into(), command: Vec::new() };
    let begun = begin(setup, root, program).expect("a folder");
    let mut bench = MemoryBench::new(setup, truth).expect("a bench");
    spoil(&mut bench);
    let flown = fly(setup, &mut bench, |_, _, _| Vec::new());
    assert_eq!(flown.end, End::Done, "{:?}", flown.events.last());
    record(&begun, &flown);
    (compare_run(&begun.folder, &report::PRESETS[0]).expect("a comparison"), begun.folder)
}

fn record(begun: &engine::folder::Begun, flown: &Flown) {
    let (mut samples, mut events) = files(&begun.folder, &begun.columns).expect("files");
    for row in &flown.rows {
        samples.write(row).expect("a row");
    }
    for (tick, event) in &flown.events {
        let (severity, kind) = (event.severity, event.kind.to_owned());
        let event =
            Event { utc: None, elapsed_s: None, tick: *tick, severity, kind, who: event.who.clone(), message: event.message.clone() };
        events.write(&event).expect("an event");
    }
    conclude(&begun.folder, &begun.manifest, Ended { how: "done".into(), code: 0, words: "done".into() }).expect("a seal");
}

/// With truth drawn from its declared spreads, at least 16 of seeds 1 to 20 pass the gates on predicted channels; and their residuals
/// fill the band of the prediction: neither more often outside it than it says, nor huddled in its middle.
#[test]
fn most_benches_agree_with_their_prediction() {
    let root = tempfile::tempdir().expect("a folder");
    let mut failed: Vec<(u64, Vec<String>)> = Vec::new();
    let mut ratios: Vec<(String, f64)> = Vec::new();
    let mut spreads: Vec<(String, f64)> = Vec::new();
    for seed in 1..=20 {
        let setup = setup("dawn-dusk-650", seed);
        let (comparison, _) = compared(root.path(), &setup, drawn(&setup), |_| {});
        let names: Vec<String> = comparison.failed().into_iter().map(str::to_owned).collect();
        if !names.is_empty() {
            failed.push((seed, names));
        }
        spreads.extend(comparison.residuals.iter().filter_map(|c| Some((c.name.clone(), c.band?.spread))));
        ratios.extend(comparison.residuals.iter().filter_map(|c| Some((c.name.clone(), c.band?.ratio))));
    }
    assert!(failed.len() <= 4, "{} of 20 benches fail: {failed:?}", failed.len());
    // Of 160 mean residuals 8 are expected outside; they come in families, since one sensor shows in several channels.
    let outside: Vec<&(String, f64)> = ratios.iter().filter(|(_, ratio)| ratio.abs() > report::COVERAGE).collect();
    assert!(ratios.len() >= 140 && outside.len() <= 16, "{} of {} are outside the band: {outside:?}", outside.len(), ratios.len());
    let rms = (ratios.iter().map(|(_, r)| r * r).sum::<f64>() / ratios.len() as f64).sqrt();
    assert!((0.6..=1.3).contains(&rms), "residuals are {rms} of the band: it is not what it says");
    // The spread of an honest bench is inside as well, by every channel: noise and batches are declared, not swallowed.
    let wild: Vec<&(String, f64)> = spreads.iter().filter(|(_, spread)| *spread > report::COVERAGE).collect();
    assert!(spreads.len() == ratios.len() && wild.len() <= 4, "{} of {} spread too far: {wild:?}", wild.len(), spreads.len());
    for name in ["flight_heat_w", "accel_power_w", "work_units_per_s"] {
        let of: Vec<f64> = spreads.iter().filter(|s| s.0 == name).map(|s| s.1).collect();
        let mean = of.iter().sum::<f64>() / of.len() as f64;
        assert!((0.2..1.5).contains(&mean), "{name}: spread {mean} of what is declared");
    }
}

/// A board power that swings about the right mean, as of a card that hunts or a counter that stutters: the mean lets it through,
/// the spread does not.
#[test]
fn a_swing_that_no_doubt_explains_is_unexpected() {
    let root = tempfile::tempdir().expect("a folder");
    let setup = setup("dawn-dusk-650-january", 1);
    let honest =
        begin(&setup, root.path(), Program { version: "test".into(), commit: "test".into(), command: Vec::new() }).expect("a folder");
    let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
    let mut flown = fly(&setup, &mut bench, |_, _, _| Vec::new());
    for row in &mut flown.rows {
        if let Some(heat_w) = row.get(Column::FlightHeatW) {
            row.set(Column::FlightHeatW, heat_w + if row.tick / 30 % 2 == 0 { 9.0 } else { -9.0 });
        }
    }
    record(&honest, &flown);
    let comparison = compare_run(&honest.folder, &report::PRESETS[0]).expect("a comparison");
    let heat = comparison.residuals.iter().find(|c| c.name == "flight_heat_w").and_then(|c| c.band).expect("a band");
    assert!(heat.mean_expected() && !heat.spread_expected(), "{comparison}");
    assert!(comparison.unexpected().contains(&"flight_heat_w"), "{comparison}");
    let said = comparison.to_string();
    assert!(said.contains("band, mean: as expected") && said.contains("band, spread: UNEXPECTED: flight_heat_w"), "{said}");
}

/// A blank run: without work the virtual card idles whatever it may draw, and nothing is counted.
#[test]
fn without_work_the_virtual_card_idles() {
    let mut options = setup_for("dawn-dusk-650", "twin", 1, Some(600.0)).options;
    options.workload = Some("none".into());
    let blank = Setup::build(options.clone()).unwrap_or_else(|why| panic!("{why}"));
    let mut bench = MemoryBench::new(&blank, drawn(&blank)).expect("a bench");
    let flown = fly(&blank, &mut bench, |_, _, _| Vec::new());
    assert_eq!(flown.end, End::Done);
    let last = flown.rows.last().expect("rows");
    assert!((last.get(Column::AccelPowerW).expect("read") - blank.law.governor.idle.0).abs() < 2.0, "{last:?}");
    assert_eq!(last.get(Column::WorkUnits), Some(0.0));
    let told = engine::rehearse::rehearse(&blank, |_| Ok::<(), std::convert::Infallible>(())).unwrap_or_else(|never| match never {});
    assert!(told.flown && told.power_w.is_some_and(|w| (w - blank.law.governor.idle.0).abs() < 0.1), "{told:?}");
    options.workload = Some("cpu".into());
    assert!(Setup::build(options).expect_err("no card").to_string().contains("virtual work or none"));
}

/// Every falsified bench fails, and the channel that gives it away is named.
#[test]
fn what_is_wrong_fails_and_is_named() {
    type Spoil = fn(&mut Setup, &mut Truth, &mut bool);
    let cases: [(&str, Spoil, &[&str]); 8] = [
        ("die sensor +5 K", |_, t, _| t.card.die_offset_k += 5.0, &["accel_die_degc"]),
        ("die sensor -5 K", |_, t, _| t.card.die_offset_k -= 5.0, &["accel_die_degc"]),
        ("sink sensor +5 K", |_, t, _| t.sink_offset_k += 5.0, &["rig_sink_degc"]),
        ("plate sensor +5 K", |_, t, _| t.plate_offset_k += 5.0, &["rig_r_die_plate_k_w"]),
        ("TEC conductance doubled", |_, t, _| t.plant.bank.module.conductance_w_k *= 2.0, &["rig_tec_a"]),
        ("die-to-plate resistance +50 %", |_, t, _| t.plant.die_plate_k_w *= 1.5, &["rig_r_die_plate_k_w", "accel_die_degc"]),
        ("heat into the model +10 %", |s, _, _| s.law.heat_gain = 1.1, &["flight_heat_w"]),
        ("setpoint frozen", |_, _, frozen| *frozen = true, &["accel_die_degc"]),
    ];
    let root = tempfile::tempdir().expect("a folder");
    for (what, spoil, named) in cases {
        // The prediction is made of an honest setup; the spoiling is the bench's.
        let mut setup = setup("dawn-dusk-650", 1);
        let mut truth = drawn(&setup);
        let mut frozen = false;
        let honest =
            begin(&setup, root.path(), Program { version: "test".into(), commit: "test".into(), command: Vec::new() }).expect("a folder");
        spoil(&mut setup, &mut truth, &mut frozen);
        let mut bench = MemoryBench::new(&setup, truth).expect("a bench");
        let flown = fly(&setup, &mut bench, |_, bench, state| {
            bench.frozen_setpoint = frozen && state == RunState::Running;
            Vec::new()
        });
        record(&honest, &flown);
        let comparison = compare_run(&honest.folder, &report::PRESETS[0]).expect("a comparison");
        let failed = comparison.failed();
        for channel in named {
            assert!(failed.contains(channel), "{what}: {channel} is not among {failed:?}\n{comparison}");
            assert!(comparison.unexpected().contains(channel), "{what}: the band should not explain {channel}\n{comparison}");
        }
    }
}

/// The same seed draws the same bench and flies the same flight.
#[test]
fn a_flight_is_reproducible() {
    let mut setup = setup("dawn-dusk-650", 3);
    setup.law.duration_s = 300.0;
    let flown = |seed_of: &Setup| {
        let mut bench = MemoryBench::new(seed_of, drawn(seed_of)).expect("a bench");
        fly(seed_of, &mut bench, |_, _, _| Vec::new()).rows
    };
    let (first, second) = (flown(&setup), flown(&setup));
    assert_eq!(first, second);
    let other = Setup { options: Options { seed: 4, ..setup.options.clone() }, ..setup };
    assert_ne!(first, flown(&other));
}

/// Both clocks and the environment mean the same in prediction and flight; nothing leaves the limits.
#[test]
fn rows_are_what_the_columns_say() {
    let setup = setup("noon-midnight-560", 2);
    let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
    let flown = fly(&setup, &mut bench, |_, _, _| Vec::new());
    let limits = setup.law.setpoint.limits;
    let mut mission: Option<f64> = None;
    for row in &flown.rows {
        if let Some(setpoint) = row.get(Column::RigSetpointDegc) {
            assert!(limits.contains(setpoint));
        }
        assert_eq!(row.mission_s.is_some(), row.state != RunState::Staging, "mission time begins with running");
        if let (Some(before), Some(now)) = (mission, row.mission_s) {
            assert!((now - before - setup.law.dt_s).abs() < 1e-9);
        }
        mission = row.mission_s;
        if row.limited == Limit::None && row.state == RunState::Running {
            let (setpoint, request) = (row.get(Column::RigSetpointDegc), row.get(Column::RigRequestDegc));
            assert!((setpoint.expect("set") - request.expect("asked")).abs() < 1e-6);
        }
    }
    let swing = flown.rows.iter().filter_map(|r| r.get(Column::FlightSupplyDegc));
    let (low, high) = swing.fold((f64::MAX, f64::MIN), |(l, h), t| (l.min(t), h.max(t)));
    assert!(high - low >= 10.0, "{low} to {high}");
}

fn ask(what: Request) -> Vec<(String, Request)> {
    vec![("anna".to_owned(), what)]
}

/// The cable comes out and stays out: an event, rows with gaps in which nothing is invented, a latched alarm, a trip, and an
/// output that nobody claims to know.
#[test]
fn a_cable_that_stays_out_ends_unconfirmed() {
    let setup = setup("dawn-dusk-650", 1);
    let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
    let mut out = None;
    let flown = fly(&setup, &mut bench, |tick, bench, state| {
        if state == RunState::Running && out.is_none() && tick > 400 {
            out = Some(tick);
            bench.unplug();
        }
        Vec::new()
    });
    let out = out.expect("it flew");
    assert!(matches!(&flown.end, End::Tripped(why) if why.contains("did not come back")), "{:?}", flown.end);
    assert!(flown.events.iter().any(|(t, e)| *t >= out && e.kind == "link" && e.message.contains("UNKNOWN")));
    for row in flown.rows.iter().filter(|r| r.tick > out) {
        for column in [Column::RigPlateDegc, Column::RigTecA, Column::RigTecV, Column::RigSinkDegc, Column::RigPumpedW, Column::RigTecW] {
            assert_eq!(row.get(column), None, "{column:?} in {row:?}");
        }
        assert_eq!(row.quality(Column::RigPlateDegc), Some(signal::Quality::Gap));
    }
    assert_eq!(flown.unconfirmed.len(), 1);
    assert!(!bench.world().tec.output_on(), "nobody could tell it, so its lease switched it off");
}

/// The cable comes back: the driver identifies again and switches off, the run waits for an operator, then flies on.
#[test]
fn a_cable_that_comes_back_waits_for_the_operator() {
    let mut setup = setup("dawn-dusk-650", 1);
    setup.law.duration_s = 900.0;
    let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
    let mut out: Option<u64> = None;
    let flown = fly(&setup, &mut bench, |tick, bench, state| {
        if out.is_none() && tick > 300 && state == RunState::Running {
            out = Some(tick);
        }
        match out.map_or(u64::MAX, |out| tick - out) {
            0 => bench.unplug(),
            20 => bench.plug(),
            40 => {
                assert!(!bench.world().tec.output_on(), "nobody let it on yet");
                return ask(Request::Ack);
            }
            41 => return ask(Request::Resume),
            _ => {}
        }
        Vec::new()
    });
    assert_eq!(flown.end, End::Done);
    assert!(flown.unconfirmed.is_empty());
    let suspended = flown.rows.iter().filter(|r| r.state == RunState::Suspended).count();
    assert!(suspended >= 40, "{suspended}");
    let mission: Vec<f64> = flown.rows.iter().filter_map(|r| r.mission_s).collect();
    assert!(mission.windows(2).all(|w| w[1] >= w[0]), "mission time never runs back");
}

/// The cable comes out at one tick after another and goes back in later: no run hangs, no output stays on unnoticed.
#[test]
fn pulled_cables_never_leave_an_output_on_unnoticed() {
    let mut setup = setup("dawn-dusk-650", 1);
    setup.law.duration_s = 60.0;
    for at in (0..200).step_by(9) {
        let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
        let flown = fly(&setup, &mut bench, |tick, bench, _| {
            if tick == at {
                bench.unplug();
            }
            if tick == at + 5 {
                bench.plug();
            }
            Vec::new()
        });
        if flown.unconfirmed.is_empty() {
            assert!(!bench.world().tec.output_on(), "cable out at tick {at}: {:?}", flown.end);
        }
        assert!(matches!(flown.end, End::Done | End::Tripped(_)), "{:?}", flown.end);
    }
}

/// Stop, abort and halt leave everything off and confirmed.
#[test]
fn operators_end_flights_safely() {
    let setup = setup("dawn-dusk-650", 1);
    for (what, end) in [(Request::Stop, End::Stopped), (Request::Abort, End::Aborted), (Request::Halt, End::Halted)] {
        let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
        let flown = fly(&setup, &mut bench, |tick, _, _| if tick == 250 { ask(what) } else { Vec::new() });
        assert_eq!((flown.end, flown.unconfirmed.len()), (end, 0));
        assert!(!bench.world().tec.output_on());
    }
}

/// Every channel that a plan reads has its column, and both CSVs of a run have the same header.
#[test]
fn both_files_of_a_run_have_one_header() {
    let root = tempfile::tempdir().expect("a folder");
    let mut setup = setup("dawn-dusk-650-january", 1);
    setup.law.duration_s = 120.0;
    let (_, folder) = compared(root.path(), &setup, drawn(&setup), |_| {});
    let first = |name| folder.text(name).expect("a file").lines().next().expect("a header").to_owned();
    assert_eq!(first(record::PREDICTION), first(record::SAMPLES));
    for &channel in &setup.maker.channels {
        assert!(first(record::SAMPLES).contains(Column::for_channel(channel).expect("a column").name()), "{channel:?}");
    }
    assert!(setup.maker.channels.contains(&Channel::Plate));
}

/// A card whose leakage outruns the radiator would run away on the bench: refused with the numbers, at staging's door.
#[test]
fn a_loop_that_would_run_away_is_refused() {
    let mut options = setup("dawn-dusk-650", 1).options;
    let leaky = |w_k: f64| options.rig.text.replacen("idle_w = 16.0\n", &format!("idle_w = 16.0\nleakage_w_k = {w_k}\n"), 1);
    let (mild, wild) = (leaky(0.05), leaky(5.0));
    assert!(mild.contains("leakage_w_k = 0.05"));
    options.rig.text = mild;
    assert!(Setup::build(options.clone()).is_ok());
    options.rig.text = wild;
    let refused = Setup::build(options).expect_err("it runs away").to_string();
    assert!(refused.contains("runs away") && refused.contains("a = ") && refused.contains("b = -"), "{refused}");
}
