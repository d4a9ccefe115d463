//! Whole commissionings in memory on virtual time: the seeded twin passes; benches broken in one way each are found by the step that
//! should; records are read back, refused when tampered with, and gone on with after an end in the middle.

use super::*;
use crate::memory::MemoryBench;
use crate::setup::{Options, Setup, Source};
use signal::Channel;
use std::path::Path;
use twin::{Faults, Truth};

const ANSWERS: &str = r#"
dry = true
[[mount]]
id = "M1"
torque_nm = 0.6
tim = "paste A"
[[mount]]
mounted = true
id = "M2"
torque_nm = 0.6
tim = "paste A"
[[mount]]
mounted = true
id = "M3"
torque_nm = 0.6
tim = "paste A"
"#;

pub(super) fn builtin(list: &[(&str, &str)], name: &str) -> Source {
    let (name, text) = list.iter().find(|(n, _)| *n == name).expect("a shipped file");
    Source { file: format!("{name}.toml"), from: "built in".into(), text: (*text).to_owned() }
}

fn order(seed: u64) -> Order {
    let rig = builtin(rig::builtin(), "twin");
    Order { rig, accelerator: None, workload: None, dt_s: 1.0, speed: None, seed, quick: true }
}

fn station(seed: u64) -> Station {
    Station::build(order(seed)).expect("the shipped twin")
}

pub(super) fn truth(station: &Station) -> Truth {
    Truth::drawn(&station.twin.plant, &station.twin.spreads, station.order.seed)
}

fn bench(station: &Station, truth: Truth) -> MemoryBench {
    MemoryBench::of(&station.rig, station.twin.card.clone(), station.facts.coupled, truth).expect("a bench")
}

fn now() -> jiff::Timestamp {
    "2026-07-01T12:00:00Z".parse().expect("a date")
}

/// Commissions a bench that is `truth` into `file`; everything said, and how it ended.
pub(super) fn commission(station: &Station, truth: Truth, file: &Path, answers: &str) -> (Conducted, String) {
    let mut store = Store::create(file).expect("a new file");
    let record = begin(station, "anna", now());
    let mut bench = bench(station, truth);
    let script = Script::parse("answers.toml", answers).expect("TOML");
    let mut said = String::new();
    let conducted = {
        let mut operator = Scripted::new(&script, |line| said.extend([line, "\n"]));
        conduct(station, &mut bench, &mut operator, &mut Virtual, &mut store, record)
    };
    assert!(!bench.world().tec.output_on() && conducted.unconfirmed.is_empty(), "every way out is safe\n{said}");
    (conducted, said)
}

/// A bank that may be driven beyond its maximum is found to have one, and a run with that limit is refused by the record.
#[test]
fn a_bank_driven_beyond_its_maximum_tells_where_that_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut order = order(1);
    let text = order.rig.text.replacen("current_limit_a = 8.0", "current_limit_a = 14.0", 1).replacen(
        "voltage_limit_v = 16.0",
        "voltage_limit_v = 30.0",
        1,
    );
    // Nor does the heat sink's trip end it before.
    let text = text.replacen("trip_max_degc = 70.0", "trip_max_degc = 140.0", 1);
    order.rig.text = text;
    let station = Station::build(order).expect("the twin with a strong supply");
    let file = dir.path().join("c.toml");
    let (conducted, said) = commission(&station, truth(&station), &file, ANSWERS);
    assert_eq!(conducted.ended, Ended::Passed, "{said}");
    let strongest = Strongest::of(&conducted.record).expect("a bank");
    // What this bench's modules are, which no step was told; with this sink, which warms, standing it is less.
    let real_a = truth(&station).plant.bank.strongest_current_a(signal::Celsius(5.0).into());
    let (measured_a, u_a) = strongest.measured_a.expect("by their voltage");
    assert!((measured_a - real_a).abs() < 0.05 * real_a, "{measured_a} +- {u_a} is not {real_a}");
    let turned_a = strongest.standing.and_then(|s| s.turned_a).expect("it turned");
    assert!((4.0..real_a).contains(&turned_a), "{strongest:?}");
    let (rig, found) =
        (&station.rig, state_of(&with_record(&station.rig, &file), "", jiff::Timestamp::now()).expect("it counts").expect("it is named"));
    let why = found.beyond_bank(rig).expect("14 A only heat");
    assert!(why.contains("current_limit_a = 14 A") && why.contains("by the commissioning"), "{why}");
}

/// The rig with its record named.
fn with_record(rig: &rig::RigFile, file: &Path) -> rig::RigFile {
    let mut rig = rig.clone();
    rig.commissioning.file = Some(file.to_owned());
    rig
}

/// The step that failed, and its words, when the bench is broken in this way.
fn found(seed: u64, spoil: impl FnOnce(&mut Truth)) -> (String, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let station = station(seed);
    let mut broken = truth(&station);
    spoil(&mut broken);
    let file = dir.path().join("c.toml");
    let (conducted, said) = commission(&station, broken, &file, ANSWERS);
    let record = read(&file).expect("a record, whatever happened");
    assert!(!record.complete, "{said}");
    let failed = record.failed().unwrap_or_else(|| panic!("no step failed: {:?}\n{said}", conducted.ended));
    assert_eq!(conducted.ended, Ended::Failed(format!("{}: {}", failed.name, failed.why)));
    (failed.name.clone(), failed.why.clone())
}

#[test]
fn the_seeded_twin_passes_and_its_record_is_read_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let station = station(1);
    let file = dir.path().join("sub/c.toml");
    let (conducted, said) = commission(&station, truth(&station), &file, ANSWERS);
    assert_eq!(conducted.ended, Ended::Passed, "{said}");
    let record = read(&file).expect("a sealed record");
    assert_eq!(record, conducted.record);
    assert!(record.complete && record.simulated && record.operator == "anna");
    assert_eq!(record.serials().get("tec"), Some(&4242), "{:?}", record.identities);
    let steps: Vec<_> = record.steps.iter().map(|s| (s.name.as_str(), s.result.word(), s.origin.as_str())).collect();
    assert_eq!(
        steps,
        [
            ("leak", "not applicable", "operator"),
            ("flow_meter", "not applicable", "operator"),
            ("flow_trip", "not applicable", "operator"),
            ("isothermal", "passed", "simulated"),
            ("polarity", "passed", "simulated"),
            ("heater", "passed", "simulated"),
            ("authority", "passed", "simulated"),
            ("resistance", "passed", "simulated"),
        ],
        "{said}"
    );

    // The figures are those of this bench, which no step was told.
    let truth = truth(&station);
    let number = |step: &str, name: &str| record.step(step).and_then(|s| s.numbers.get(name)).copied().unwrap_or(f64::NAN);
    let near = |found: f64, wanted: f64, within: f64| assert!((found - wanted).abs() < within, "{found} is not {wanted}\n{said}");
    near(number("isothermal", "sink_minus_plate_k"), truth.sink_offset_k - truth.plate_offset_k, 0.25);
    near(number("isothermal", "die_minus_plate_k"), truth.card.die_offset_k - truth.plate_offset_k, 0.8);
    near(number("heater", "sink_k_w"), truth.plant.sink_k_w, 0.25 * truth.plant.sink_k_w);
    let resistance = record.resistance.as_ref().expect("measured");
    near(resistance.mean_k_w, truth.plant.die_plate_k_w * truth.plant.capture_frac, 0.02);
    assert!(!resistance.remounted && resistance.mounts.len() == 3, "nothing was remounted, and it says so");
    assert!(record.step("heater").is_some_and(|s| s.points.len() == 5), "five known powers");

    // Raw beside calibrated, every tick.
    let raw = ::record::Table::read(&file.with_extension("csv")).expect("a CSV file");
    assert!(record.raw.calibration.contains("raw and calibrated columns are equal"));
    let column = |name: &str| raw.numbers(name).expect("a column").to_vec();
    assert_eq!(column("raw_rig_plate_degc"), column("rig_plate_degc"));
    let ticks = column("tick");
    assert!(ticks.windows(2).all(|t| t[1] > t[0]) && ticks.len() > 5000, "{}", ticks.len());

    // The map is of use.
    let map = record.authority.expect("measured");
    assert!(map.check(20.0, 60.0, -2.0).is_ok(), "{map:?}");
    assert!(map.check(4.0, 60.0, 0.0).is_err() && map.check(20.0, 90.0, 0.0).is_err() && map.check(20.0, 60.0, -20.0).is_err());
}

/// Benches drawn by other seeds, on the full grid: three heats, five temperatures.
#[test]
fn other_benches_pass_on_the_full_grid() {
    let dir = tempfile::tempdir().expect("a folder");
    for seed in [2, 3, 4] {
        let station = Station::build(Order { quick: false, ..order(seed) }).expect("the shipped twin");
        let (conducted, said) = commission(&station, truth(&station), &dir.path().join(format!("{seed}.toml")), ANSWERS);
        assert_eq!(conducted.ended, Ended::Passed, "seed {seed}\n{said}");
        let map = conducted.record.authority.expect("measured");
        assert_eq!(map.columns.len(), 3);
        assert!(map.columns.iter().all(|c| c.points.len() >= 4 && c.points.windows(2).all(|p| p[0].held_degc < p[1].held_degc)), "{map:?}");
        // More heat never makes a rig hold colder.
        assert!(map.columns.windows(2).all(|c| c[0].points[0].held_degc <= c[1].points[0].held_degc), "{map:?}");
    }
}

#[test]
fn wrong_polarity_is_found_at_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let station = station(1);
    let reversed = Truth { faults: Faults { reversed: true, ..Faults::default() }, ..truth(&station) };
    let file = dir.path().join("c.toml");
    let (conducted, said) = commission(&station, reversed, &file, ANSWERS);
    assert!(
        matches!(&conducted.ended, Ended::Failed(why) if why.starts_with("polarity: ") && why.contains("the wrong way round")),
        "{said}"
    );
    let raw = ::record::Table::read(&file.with_extension("csv")).expect("a CSV file");
    let on = raw.numbers("rig_output").expect("a column").iter().filter(|v| **v == Some(1.0)).count();
    assert!(on <= 10, "the output was on for {on} s");
    let plate: Vec<f64> = raw.numbers("rig_plate_degc").expect("a column").iter().flatten().copied().collect();
    let (end, before) = (plate[plate.len() - 1], plate[plate.len() - 30]);
    assert!((end - before).abs() < 2.0, "the plate went from {before} to {end} °C");
}

#[test]
fn a_stuck_sensor_is_found_by_the_isothermal_step() {
    for at in [23.0, 30.0] {
        let (step, why) = found(1, |t| t.faults.stuck_plate_degc = Some(at));
        assert_eq!(step, "isothermal", "{why}");
        assert!(why.contains("stuck"), "{why}");
    }
}

#[test]
fn a_sensor_two_kelvin_off_is_found_by_the_isothermal_step() {
    for seed in 1..=4 {
        for spoil in [(|t: &mut Truth| t.plate_offset_k = -2.0_f64.copysign(t.sink_offset_k)) as fn(&mut Truth), |t| t.sink_offset_k = 2.0]
        {
            let (step, why) = found(seed, spoil);
            assert_eq!(step, "isothermal", "{why}");
            assert!(why.contains("disagree"), "{why}");
        }
    }
}

#[test]
fn a_blocked_sink_is_found_by_the_heater_step() {
    for factor in [2.0, 4.0] {
        let (step, why) = found(1, |t| t.plant.sink_k_w *= factor);
        assert_eq!(step, "heater", "{why}");
        assert!(why.contains("fan"), "{why}");
    }
}

type Spoil = fn(&mut Authority);

fn setup(profile: &str, duration_s: Option<f64>) -> Setup {
    setup_on(profile, "twin", duration_s)
}

pub(super) fn setup_on(profile: &str, rig: &str, duration_s: Option<f64>) -> Setup {
    let options = Options {
        profile: builtin(model::profile::builtin(), profile),
        rig: builtin(rig::builtin(), rig),
        accelerator: None,
        workload: None,
        duration_s,
        dt_s: 1.0,
        speed: None,
        seed: 1,
        assume_w: None,
        unattended: false,
        policy: None,
        crossing: None,
    };
    Setup::build(options).expect("it flies")
}

fn admitted(file: &Path) -> Setup {
    let mut setup = setup("dawn-dusk-650", None);
    let wanted = Admission { file: Some(file), unattended: true, uncommissioned: false, now: jiff::Timestamp::now() };
    admit(&mut setup, &wanted).expect("it counts");
    setup
}

#[test]
fn a_plan_outside_the_map_is_refused_with_its_minute() {
    let dir = tempfile::tempdir().expect("a folder");
    let station = station(1);
    let file = dir.path().join("c.toml");
    let (conducted, said) = commission(&station, truth(&station), &file, ANSWERS);
    assert_eq!(conducted.ended, Ended::Passed, "{said}");

    let mut setup = admitted(&file);
    assert_eq!(plan_fits(&setup), Ok(()), "the default profile\n{said}");
    let held_to = setup.law.resistance.expect("held to");
    assert!((0.1..0.5).contains(&held_to.mean_k_w) && held_to.tolerance_k_w >= 0.15 * held_to.mean_k_w);
    assert_eq!(setup.rig.instruments[0].serial_number(), Some(4242));

    // Flown, a mount that came loose since alarms and the run goes on; the mount that was commissioned does not.
    for (factor, alarms) in [(1.0, 0), (1.3, 1)] {
        let mut now = truth(&station);
        now.plant.die_plate_k_w *= factor;
        let mut bench = bench(&station, now);
        let flown = crate::memory::fly(&setup, &mut bench, |_, _, _| Vec::new());
        assert_eq!(flown.end, control::End::Done);
        let told: Vec<_> = flown.events.iter().filter(|(_, e)| e.kind == "resistance").map(|(_, e)| &e.message).collect();
        assert_eq!(told.len().min(1), alarms, "{factor}: {told:?}");
    }

    // The same plan on a rig that can do less of it, one way each: too cold, too hot, too much heat, too fast.
    let whole = setup.commissioned.as_ref().expect("admitted").authority.clone();
    let lesser: [(&str, Spoil); 5] = [
        ("holds", |map| map.columns.iter_mut().for_each(|c| c.points.iter_mut().for_each(|p| p.held_degc = p.held_degc.max(20.0)))),
        ("holds", |map| map.columns.iter_mut().for_each(|c| c.points.iter_mut().for_each(|p| p.held_degc = p.held_degc.min(30.0)))),
        ("its map goes", |map| map.columns.iter_mut().for_each(|c| c.heat_w = c.heat_w.min(40.0))),
        ("cools by 0.1", |map| map.columns.iter_mut().for_each(|c| c.points.iter_mut().for_each(|p| p.cooling_k_min = 0.1))),
        ("warms by 0.1", |map| map.columns.iter_mut().for_each(|c| c.points.iter_mut().for_each(|p| p.warming_k_min = 0.1))),
    ];
    for (words, spoil) in lesser {
        let mut map = whole.clone();
        spoil(&mut map);
        setup.commissioned.as_mut().expect("admitted").authority = map;
        let why = plan_fits(&setup).expect_err(words);
        assert!(why.starts_with("minute ") && why.contains(words) && why.contains("degC at"), "{words}: {why}");
    }
}

#[test]
fn a_record_that_does_not_count_is_refused_in_words() {
    let dir = tempfile::tempdir().expect("a folder");
    let station = station(1);
    let file = dir.path().join("c.toml");
    let (conducted, said) = commission(&station, truth(&station), &file, ANSWERS);
    assert_eq!(conducted.ended, Ended::Passed, "{said}");
    let good = std::fs::read_to_string(&file).expect("text");
    let admit_at = |file: &Path, days: f64, change: &dyn Fn(&mut Setup)| {
        let mut setup = setup("dawn-dusk-650", Some(600.0));
        change(&mut setup);
        let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs_f64(days * 86_400.0);
        admit(&mut setup, &Admission { file: Some(file), unattended: false, uncommissioned: false, now })
    };
    let asis = |_: &mut Setup| {};
    assert_eq!(admit_at(&file, 0.0, &asis), Ok(()));
    let refused = |result: Result<(), String>, words: &str| {
        let why = result.expect_err(words);
        assert!(why.contains(words), "no \"{words}\" in: {why}");
    };
    refused(admit_at(&file, 181.0, &asis), "days old");
    refused(admit_at(&file, -3.0, &asis), "clock");
    refused(admit_at(&file, 0.0, &|s| s.rig.name = "other".into()), "it is of the rig \"twin\"");
    refused(admit_at(&file, 0.0, &|s| s.rig.instruments[0].mecom_mut().unwrap().serial_number = Some(7)), "serial 4242");
    refused(admit_at(&file, 0.0, &|s| s.rig.instruments[0].mecom_mut().unwrap().current_limit_a = 12.0), "12 A");
    let real = |s: &mut Setup| s.rig.instruments[0].connection = rig::config::Connection::Port("/dev/serial/by-id/x".into());
    refused(admit_at(&file, 0.0, &real), "simulated");
    refused(admit_at(&dir.path().join("nowhere.toml"), 0.0, &asis), "nowhere.toml");

    // The current limit goes by what was measured of the bank.
    let strongest = Strongest::of(&conducted.record).expect("a bank");
    let real_a = truth(&station).plant.bank.strongest_current_a(signal::Celsius(5.0).into());
    assert!(strongest.measured_a.is_some_and(|(amps, _)| (amps - real_a).abs() < 0.06 * real_a), "{strongest:?} is not {real_a}");
    let record_of = |measured_a: Option<f64>| Commissioned {
        id: "c".into(),
        file: file.clone(),
        sha256: String::new(),
        age_days: 0.0,
        valid_days: 1.0,
        simulated: true,
        authority: conducted.record.authority.clone().expect("a map"),
        resistance: None,
        strongest: Some(Strongest { measured_a: measured_a.map(|a| (a, 0.1)), ..strongest }),
    };
    for (measured_a, refused) in [(None, false), (Some(9.0), false), (Some(8.8), true), (Some(4.0), true)] {
        let why = record_of(measured_a).beyond_bank(&station.rig);
        assert_eq!(why.is_some(), refused, "8 A and a maximum at {measured_a:?}: {why:?}");
    }

    // One figure edited, half a file, no record at all, another raw log.
    let tampered = dir.path().join("t.toml");
    std::fs::copy(file.with_extension("csv"), dir.path().join("t.csv")).expect("copied");
    std::fs::write(&tampered, good.replacen("passed", "failed", 1)).expect("written");
    refused(admit_at(&tampered, 0.0, &asis), "changed after it was written");
    std::fs::write(&tampered, good.split_at(good.find("[[step]]").expect("a step")).0).expect("written");
    refused(admit_at(&tampered, 0.0, &asis), "[seal]");
    std::fs::write(&tampered, "name = \"rig\"\n").expect("written");
    refused(admit_at(&tampered, 0.0, &asis), "[seal]");
    let raw = file.with_extension("csv");
    let text = std::fs::read_to_string(&raw).expect("text").replacen('5', "6", 1);
    std::fs::write(&raw, text).expect("written");
    refused(admit_at(&file, 0.0, &asis), "is not what was recorded");
    std::fs::remove_file(&raw).expect("removed");
    assert_eq!(admit_at(&file, 0.0, &asis), Ok(()), "a raw log may be kept elsewhere");

    // Real hardware without any.
    let mut alone = setup("dawn-dusk-650", Some(600.0));
    let none = Admission { file: None, unattended: false, uncommissioned: false, now: now() };
    assert_eq!(admit(&mut alone, &none), Ok(()), "the twin needs none");
    real(&mut alone);
    refused(admit(&mut alone, &none), "rig commission twin");
    refused(admit(&mut alone, &Admission { uncommissioned: true, unattended: true, ..none }), "not with --unattended");
    assert_eq!(admit(&mut alone, &Admission { uncommissioned: true, ..none }), Ok(()));
    assert!(alone.uncommissioned);
}

/// An operator who leaves at the first word of a step.
struct Leaves<'a>(Scripted<'a>, &'static str, bool);

impl Operator for Leaves<'_> {
    fn tell(&mut self, line: &str) {
        self.2 |= line.contains(self.1);
        self.0.tell(line);
    }

    fn watch(&mut self, _: f64, _: &str, _: &str, _: &signal::Snapshot) {}

    fn said(&mut self, open: Option<&Question>) -> Said {
        if self.2 { Said::Quit("the operator left".into()) } else { self.0.said(open) }
    }
}

#[test]
fn what_was_finished_before_an_end_in_the_middle_stands() {
    let dir = tempfile::tempdir().expect("a folder");
    let station = station(2);
    let file = dir.path().join("c.toml");
    let mut store = Store::create(&file).expect("a new file");
    let script = Script::parse("answers.toml", ANSWERS).expect("TOML");
    let mut first = bench(&station, truth(&station));
    let mut leaving = Leaves(Scripted::new(&script, |_| {}), "heater. ", false);
    let left = conduct(&station, &mut first, &mut leaving, &mut Virtual, &mut store, begin(&station, "anna", now()));
    assert_eq!(left.ended, Ended::Aborted("the operator left".into()));
    assert!(!first.world().tec.output_on());
    drop(store);
    let before = read(&file).expect("sealed");
    assert!(!before.complete && before.steps.len() == 5 && before.step("polarity").is_some());

    // Killed in the middle of a line of the raw log, after the record was written.
    let raw = file.with_extension("csv");
    let text = std::fs::read_to_string(&raw).expect("text");
    std::fs::write(&raw, format!("{text}2026-07-01T13:00:00Z,99999,1")).expect("written");
    assert!(matches!(Store::create(&file), Err(StoreError::Exists(_))), "never overwritten");
    let (mut store, record) = Store::resume(&file).expect("it goes on");
    assert_eq!(same_bench(&record, &station), Ok(()));
    assert!(same_bench(&record, &Station::build(Order { quick: false, ..order(2) }).expect("fine")).is_err());
    let mut said = String::new();
    let mut bench = bench(&station, truth(&station));
    let ended = conduct(&station, &mut bench, &mut Scripted::new(&script, |l| said += l), &mut Virtual, &mut store, record).ended;
    assert_eq!(ended, Ended::Passed, "{said}");
    assert!(!said.contains("isothermal"), "done is done: {said}");
    let record = read(&file).expect("sealed");
    assert!(record.complete && record.steps.len() == 8 && record.authority.is_some());
    assert_eq!(record.steps[..5], before.steps[..]);
    assert!(Store::resume(&file).is_err_and(|why| why.to_string().contains("nothing to go on with")));
    ::record::Table::read(&raw).expect("whole lines only");
}

#[test]
fn an_answer_that_is_missing_or_wrong_ends_it_safely() {
    let dir = tempfile::tempdir().expect("a folder");
    for (n, (answers, words)) in
        [("", "`dry`"), ("dry = 3\n", "neither yes nor no"), ("dry = false\n[leak]\nstart_kpa = 150.0\n", "`leak.minutes`")]
            .into_iter()
            .enumerate()
    {
        let station = station(1);
        let (conducted, _) = commission(&station, truth(&station), &dir.path().join(format!("{n}.toml")), answers);
        assert!(matches!(&conducted.ended, Ended::Aborted(why) if why.contains(words)), "{:?}", conducted.ended);
    }
}

#[test]
fn a_wet_rig_is_held_to_its_answers() {
    let dir = tempfile::tempdir().expect("a folder");
    let leak = |end: f64| format!("dry = false\n[leak]\nstart_kpa = 150.0\nminutes = 15\nend_kpa = {end}\ndrops = 0\n");
    let buckets = |l_min: f64| {
        let bucket = format!("[[flow_meter.bucket]]\nkg = 1.994\ns = 60\nl_min = {l_min}\n");
        format!("[flow_meter]\ndensity_kg_m3 = 997.0\n{bucket}{bucket}{bucket}")
    };
    let trip = |s: f64| format!("[flow_trip]\nseconds = {s}\n");
    for (n, (answers, words)) in [
        (leak(130.0), "leak: 13.3 % of the pressure went"),
        (format!("{}{}", leak(149.0), buckets(3.0)), "flow_meter: true flow is 0.6667"),
        (format!("{}{}{}", leak(149.0), buckets(2.1), trip(2.5)), "flow_trip: off 2.5 s after"),
    ]
    .into_iter()
    .enumerate()
    {
        let station = station(1);
        let (conducted, said) = commission(&station, truth(&station), &dir.path().join(format!("{n}.toml")), &answers);
        assert!(matches!(&conducted.ended, Ended::Failed(why) if why.contains(words)), "{:?}\n{said}", conducted.ended);
    }
}

/// A bench whose cable is pulled after 400 s.
struct Pulls(MemoryBench);
impl crate::devices::Devices for Pulls {
    fn latest(&mut self, tick: signal::Tick, bench_s: f64) -> crate::devices::Look {
        if tick == 400 {
            self.0.unplug();
        }
        self.0.latest(tick, bench_s)
    }

    fn apply(&mut self, tick: signal::Tick, commands: &control::Commands) {
        self.0.apply(tick, commands);
    }

    fn make_safe(&mut self, within: std::time::Duration) -> (Vec<crate::devices::Unconfirmed>, Vec<control::Event>) {
        self.0.make_safe(within)
    }
}

#[test]
fn a_pulled_cable_ends_it_and_says_what_is_unknown() {
    let dir = tempfile::tempdir().expect("a folder");
    let station = station(1);
    let mut store = Store::create(&dir.path().join("c.toml")).expect("new");
    let script = Script::parse("answers.toml", ANSWERS).expect("TOML");
    let mut devices = Pulls(bench(&station, truth(&station)));
    let record = begin(&station, "anna", now());
    let conducted = conduct(&station, &mut devices, &mut Scripted::new(&script, |_| {}), &mut Virtual, &mut store, record);
    assert!(matches!(&conducted.ended, Ended::Aborted(why) if why.contains("hung up")), "{:?}", conducted.ended);
    assert_eq!(conducted.unconfirmed.len(), 1, "UNKNOWN is not off");
}

#[test]
fn offsets_of_a_calibration_are_logged_beside_the_raw_readings() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut station = station(1);
    station.offsets = Offsets { calibration: "cal-1".into(), added: [(Channel::Plate, -0.25)].into() };
    let file = dir.path().join("c.toml");
    let (conducted, _) = commission(&station, truth(&station), &file, "dry = false\n[leak]\nstart_kpa = 150.0\n");
    assert!(conducted.record.raw.calibration.contains("cal-1"));
    let raw = ::record::Table::read(&file.with_extension("csv")).expect("a CSV file");
    let (a, b) = (raw.numbers("raw_rig_plate_degc").expect("raw"), raw.numbers("rig_plate_degc").expect("calibrated"));
    let both: Vec<(f64, f64)> = a.iter().zip(b).filter_map(|(a, b)| Some(((*a)?, (*b)?))).collect();
    assert!(both.iter().all(|(raw, calibrated)| (calibrated - raw + 0.25).abs() < 1e-4));
}
