//! Comparisons of made-up runs whose deviations are known.

use super::*;
use crate::{PRESETS, Quantity, preset};
use record::{Columns, EVENTS, Handover, RUN, Row, SUMMARY, Samples, seal};
use signal::{Channel as Source, Limit, Origin, Reading, RunState};
use std::cell::Cell;
use std::fs;

/// A prediction of an orbit in small: 200 ticks, the last 60 in shadow, on a noise-free bench.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
    made: Cell<u32>,
    pub(crate) predicted: Vec<Row>,
    pub(crate) manifest: String,
}

const MANIFEST: &str = r#"
schema = 1
name = "a-run"
simulated = true
boundary = "server"
[plan]
dt_s = 1.0
[accelerator]
coupled = true
[workload]
unit = "token"
figures = { requests = 12.0, time_to_first_token_p95_s = 0.25 }
[masses]
flight_cooling_kg = 1.75
"#;

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temp folder");
        Self { dir, made: Cell::new(0), predicted: (0..210).map(predicted_row).collect(), manifest: MANIFEST.to_owned() }
    }

    /// A run measured exactly as predicted.
    pub(crate) fn folder(&self) -> Folder {
        self.folder_of(&self.predicted, &self.predicted)
    }

    pub(crate) fn folder_of(&self, predicted: &[Row], measured: &[Row]) -> Folder {
        self.made.set(self.made.get() + 1);
        let root = self.dir.path().join(self.made.get().to_string());
        let folder = Folder::create(&root, jiff::Timestamp::UNIX_EPOCH, "p", "r").expect("a new folder");
        for (name, rows) in [(PREDICTION, predicted), (SAMPLES, measured)] {
            let mut samples = Samples::create(&folder.file(name), Columns::all(), Handover::Blocks).expect("a new file");
            for row in rows {
                samples.write(row).expect("room");
            }
            samples.sync().expect("a disc");
        }
        folder.replace(RUN, self.manifest.as_bytes()).expect("room");
        folder
    }

    /// A run measured as predicted but for what `change` does to its rows.
    fn changed(&self, mut change: impl FnMut(&mut Row)) -> Folder {
        let mut measured = self.predicted.clone();
        measured.iter_mut().for_each(&mut change);
        self.folder_of(&self.predicted, &measured)
    }

    fn compared(&self, change: impl FnMut(&mut Row)) -> Comparison {
        compare_run(&self.changed(change), &PRESETS[0]).expect("both files are there")
    }
}

fn predicted_row(tick: u64) -> Row {
    let state = if tick < 10 { RunState::Staging } else { RunState::Running };
    let mut row = Row::new(0, tick, tick as f64, state);
    row.mission_s = (tick >= 10).then(|| (tick - 10) as f64);
    let lit = tick < 150;
    let watts = if lit { 70.0 } else { 14.0 };
    let plate = 30.0 + 8.0 * (tick as f64 / 40.0).sin();
    row.heat_origin = Some(Origin::Simulated);
    let mut read = |channel, value| row.set_reading(channel, &Reading::good(value, tick as f64, Origin::Simulated));
    read(Source::Plate, plate);
    read(Source::Sink, 32.0 + watts / 20.0);
    read(Source::Die, plate + watts * 0.25);
    read(Source::BoardPower, watts);
    read(Source::TecCurrent, if lit { 4.0 } else { -1.0 });
    read(Source::TecVoltage, if lit { 9.0 } else { -2.0 });
    row.set(Column::RigSetpointDegc, plate);
    row.set(Column::RigRDiePlateKW, 0.25);
    row.set(Column::FlightHeatW, watts);
    row.set(Column::WorkUnits, tick as f64 * 900.0);
    row.set(Column::WorkUnitsPerS, if lit { 900.0 } else { 120.0 });
    row
}

fn shift(column: Column, by: f64) -> impl FnMut(&mut Row) {
    move |row| row.set(column, row.get(column).map(|v| v + by))
}

fn scale(column: Column, by: f64) -> impl FnMut(&mut Row) {
    move |row| row.set(column, row.get(column).map(|v| v * by))
}

fn line<'c>(comparison: &'c Comparison, name: &str) -> &'c Channel {
    let lines = comparison.tracking.iter().chain(&comparison.residuals);
    lines.into_iter().find(|c| c.name == name).unwrap_or_else(|| panic!("no line for {name}"))
}

#[test]
fn a_run_as_predicted_passes_but_a_rehearsal_gets_no_verdict() {
    let bench = Bench::new();
    let comparison = bench.compared(|_| {});
    assert_eq!((comparison.gates, comparison.tracked), (Gates::Pass, Gates::Pass));
    assert!(!comparison.any_gate_failed());
    assert_eq!(comparison.verdict, "simulated: rehearsal, no verdict");
    assert_eq!((comparison.rows.running, comparison.rows.joined), (200, 200));
}

#[test]
fn hardware_gets_a_verdict_in_words() {
    let mut bench = Bench::new();
    bench.manifest = MANIFEST.replace("simulated = true", "simulated = false");
    assert!(bench.compared(|_| {}).verdict.contains("every predicted channel"));
    let off = bench.compared(shift(Column::AccelDieDegc, 2.5));
    assert_eq!(off.verdict, "gates ecss broken by accel_die_degc");
}

type Change = Box<dyn FnMut(&mut Row)>;

/// Every channel, a deviation that breaks each of its gates, and which they are.
#[test]
fn every_gate_breaks_and_names_its_channel() {
    use Quantity::{Mean, Std, Worst};
    let once = |column, by| {
        move |row: &mut Row| {
            if row.tick == 100 {
                shift(column, by)(row);
            }
        }
    };
    let swing = |column, by: f64| move |row: &mut Row| shift(column, if row.tick.is_multiple_of(2) { by } else { -by })(row);
    let cases: Vec<(Column, Change, &[Quantity])> = vec![
        (Column::AccelDieDegc, Box::new(shift(Column::AccelDieDegc, -2.1)), &[Mean]),
        (Column::AccelDieDegc, Box::new(swing(Column::AccelDieDegc, 3.1)), &[Std]),
        (Column::AccelDieDegc, Box::new(once(Column::AccelDieDegc, 5.1)), &[Worst]),
        (Column::RigSinkDegc, Box::new(shift(Column::RigSinkDegc, 5.1)), &[Mean, Worst]),
        (Column::AccelPowerW, Box::new(shift(Column::AccelPowerW, 3.6)), &[Mean]),
        (Column::AccelPowerW, Box::new(swing(Column::AccelPowerW, 7.2)), &[Std]),
        (Column::WorkUnitsPerS, Box::new(shift(Column::WorkUnitsPerS, -46.0)), &[Mean]),
        (Column::WorkUnitsPerS, Box::new(swing(Column::WorkUnitsPerS, 95.0)), &[Std]),
        (Column::RigTecA, Box::new(shift(Column::RigTecA, 0.51)), &[Mean]),
        (Column::RigTecA, Box::new(swing(Column::RigTecA, 0.52)), &[Std]),
        (Column::RigTecV, Box::new(shift(Column::RigTecV, -1.11)), &[Mean]),
        (Column::RigTecV, Box::new(swing(Column::RigTecV, 1.15)), &[Std]),
        (Column::RigRDiePlateKW, Box::new(scale(Column::RigRDiePlateKW, 1.16)), &[Mean]),
        (Column::FlightHeatW, Box::new(scale(Column::FlightHeatW, 1.06)), &[Mean]),
    ];
    let bench = Bench::new();
    for (column, change, gates) in cases {
        let comparison = bench.compared(change);
        assert_eq!(comparison.failed(), [column.name()]);
        assert_eq!(comparison.gates, Gates::Fail);
        let broken: Vec<Quantity> = line(&comparison, column.name()).checks.iter().filter(|c| !c.passed).map(|c| c.quantity).collect();
        assert_eq!(broken, gates, "{}", column.name());
        assert!(comparison.to_string().contains(&format!("gates ecss: FAIL: {}", column.name())), "{comparison}");
    }
}

#[test]
fn a_plate_off_its_setpoint_is_tracking_error_and_no_residual() {
    let bench = Bench::new();
    let comparison = bench.compared(shift(Column::RigPlateDegc, 1.2));
    assert_eq!((comparison.gates, comparison.tracked), (Gates::Pass, Gates::Fail));
    assert_eq!(comparison.lost_track(), ["rig_plate_degc"]);
    assert!(comparison.residuals.iter().all(|c| c.name != "rig_plate_degc"));
    assert!(comparison.any_gate_failed());
}

#[test]
fn limited_rows_stay_out_of_thermal_figures_only_and_are_counted() {
    let bench = Bench::new();
    let comparison = bench.compared(|row| {
        if (50..70).contains(&row.tick) {
            row.limited = Limit::Rate;
            shift(Column::AccelDieDegc, 30.0)(row);
            shift(Column::RigPlateDegc, 30.0)(row);
        }
    });
    assert_eq!((comparison.gates, comparison.tracked), (Gates::Pass, Gates::Pass));
    assert_eq!((comparison.rows.limited, comparison.rows.limited_frac), (20, 0.1));
    let n = |name| line(&comparison, name).stats.map(|s| s.n);
    assert_eq!((n("accel_die_degc"), n("rig_tec_a"), n("accel_power_w")), (Some(180), Some(180), Some(200)));
}

#[test]
fn gaps_and_repeated_rows_are_left_out_and_counted() {
    let bench = Bench::new();
    let mut measured = bench.predicted.clone();
    for row in &mut measured[40..50] {
        let mut gap = Row::new(0, row.tick, row.bench_s, RunState::Running);
        gap.set_reading(Source::Plate, &Reading::gap(0.0, Origin::Simulated));
        *row = gap;
    }
    let mut again = measured[60].clone();
    again.set(Column::AccelDieDegc, 500.0);
    measured.insert(61, again);
    let comparison = compare_run(&bench.folder_of(&bench.predicted, &measured), &PRESETS[0]).expect("both files are there");
    assert_eq!((comparison.gates, comparison.rows.gaps, comparison.rows.repeated, comparison.rows.joined), (Gates::Pass, 10, 1, 190));
}

#[test]
fn the_resistance_is_looked_at_under_load_only() {
    let bench = Bench::new();
    let comparison = bench.compared(|row| {
        if row.tick >= 150 {
            scale(Column::RigRDiePlateKW, 9.0)(row);
        }
    });
    assert_eq!(comparison.failed(), [""; 0]);
    assert_eq!(line(&comparison, "rig_r_die_plate_k_w").stats.map(|s| s.n), Some(140));
}

#[test]
fn an_uncoupled_card_keeps_its_temperatures_to_itself() {
    let mut bench = Bench::new();
    bench.manifest = MANIFEST.replace("coupled = true", "coupled = false");
    let comparison = bench.compared(shift(Column::AccelDieDegc, 40.0));
    assert_eq!(comparison.gates, Gates::Pass);
    let names: Vec<&str> = comparison.residuals.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["flight_heat_w", "rig_sink_degc", "rig_tec_a", "rig_tec_v", "accel_power_w", "work_units_per_s"]);
    assert!(comparison.notes[0].contains("does not sit"));
}

#[test]
fn few_readings_decide_nothing() {
    let bench = Bench::new();
    let comparison = bench.compared(|row| {
        if row.tick != 100 {
            row.set(Column::AccelDieDegc, None);
        }
    });
    assert_eq!(line(&comparison, "accel_die_degc").status, Status::Undecided);
    assert_eq!(comparison.gates, Gates::Undecided);
}

#[test]
fn assumed_heat_gets_no_verdict() {
    let mut bench = Bench::new();
    bench.manifest = MANIFEST.replace("simulated = true", "simulated = false");
    let comparison = bench.compared(|row| row.heat_origin = Some(Origin::Assumed));
    assert_eq!(comparison.verdict, "heat was declared, not measured: no verdict");
}

#[test]
fn the_seal_is_quoted_and_a_broken_one_withholds_the_verdict() {
    let mut bench = Bench::new();
    bench.manifest = MANIFEST.replace("simulated = true", "simulated = false");
    let folder = bench.folder();
    folder.replace(EVENTS, b"").expect("room");
    folder.replace(SUMMARY, b"{}").expect("room");
    let quoted = seal(&folder).expect("five files");
    assert_eq!(compare_run(&folder, &PRESETS[0]).expect("readable").seal, Some(quoted));
    folder.replace(SUMMARY, b"{ }").expect("room");
    let comparison = compare_run(&folder, &PRESETS[0]).expect("readable");
    assert!(comparison.verdict.starts_with("tampered: summary.json"), "{}", comparison.verdict);
}

#[test]
fn what_is_needed_and_missing_is_named() {
    let bench = Bench::new();
    for name in [PREDICTION, SAMPLES] {
        let folder = bench.folder();
        fs::remove_file(folder.file(name)).expect("there");
        let refused = compare_run(&folder, &PRESETS[0]).expect_err("missing").to_string();
        assert!(refused.contains(name) && refused.contains("missing"), "{refused}");
    }
    let late: Vec<Row> = bench
        .predicted
        .iter()
        .cloned()
        .map(|mut row| {
            row.mission_s = row.mission_s.map(|s| s + 1e6);
            row
        })
        .collect();
    let refused = compare_run(&bench.folder_of(&bench.predicted, &late), &PRESETS[0]).expect_err("apart").to_string();
    assert!(refused.contains("no mission time in common"), "{refused}");
    let mut bench = Bench::new();
    bench.manifest = MANIFEST.replace("coupled = true", "");
    assert!(compare_run(&bench.folder(), &PRESETS[0]).expect_err("no fact").to_string().contains("coupled"));
}

#[test]
fn the_csv_holds_measured_predicted_and_residual() {
    let bench = Bench::new();
    let folder = bench.changed(shift(Column::AccelDieDegc, 1.5));
    compare_run(&folder, &PRESETS[0]).expect("both files are there");
    let table = Table::read(&folder.file(COMPARISON)).expect("written");
    assert_eq!(table.len(), 200);
    assert_eq!(table.numbers("mission_s").expect("there")[..2], [Some(0.0), Some(1.0)]);
    assert_eq!(table.numbers("tick").expect("there")[0], Some(10.0));
    let cell = |name| table.numbers(name).expect("there")[7].expect("filled");
    assert!((cell("accel_die_degc_measured") - cell("accel_die_degc_predicted") - 1.5).abs() < 1.1e-4);
    assert_eq!(cell("accel_die_degc_residual"), 1.5);
    assert_eq!(cell("rig_plate_degc_error"), 0.0);
    assert_eq!(cell("rig_plate_degc_measured"), cell("rig_plate_degc_setpoint"));
}

#[test]
fn the_json_reads_back() {
    let bench = Bench::new();
    let comparison = bench.compared(shift(Column::RigTecV, 3.0));
    let json = serde_json::to_string(&comparison).expect("no odd keys");
    assert_eq!(serde_json::from_str::<Comparison>(&json).expect("our own"), comparison);
}

fn files(measured: &str, model: &str) -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let dir = tempfile::tempdir().expect("a temp folder");
    let (a, b) = (dir.path().join("lab.csv"), dir.path().join("model.csv"));
    fs::write(&a, measured).expect("room");
    fs::write(&b, model).expect("room");
    (dir, a, b)
}

#[test]
fn any_two_files_with_time_and_a_common_name_compare() {
    let (_dir, lab, model) = files("time_s,die_degc,note,t_box\n0,20,a,1\n5,26,b,2\n10,30,c,3\n", "t_s,die_degc,box\n0,20,1\n10,30,6\n");
    let comparison = compare_files(&lab, &model, &BTreeMap::new(), &PRESETS[0]).expect("die_degc is common");
    assert_eq!(comparison.residuals.len(), 1);
    let stats = comparison.residuals[0].stats.expect("three rows");
    assert_eq!((stats.n, stats.worst, stats.worst_at_s, comparison.gates), (3, 1.0, 5.0, Gates::Pass));

    let map = parse_map(Path::new("map.toml"), "t_box = \"box\"\n").expect("a map");
    let comparison = compare_files(&lab, &model, &map, preset("smc-s-016").expect("there")).expect("both exist");
    let mapped = comparison.residuals.iter().find(|c| c.name == "t_box").expect("mapped");
    assert_eq!((mapped.status, mapped.stats.map(|s| s.worst)), (Status::Ungated, Some(-3.0)));

    let map = parse_map(Path::new("map.toml"), "t_bux = \"box\"\n").expect("a map");
    assert!(compare_files(&lab, &model, &map, &PRESETS[0]).expect_err("a slip").to_string().contains("`t_bux`"));
    assert!(parse_map(Path::new("map.toml"), "a = 1\n").expect_err("no name").to_string().contains("line 1"));
}

#[test]
fn files_with_nothing_in_common_are_refused() {
    let cases = [
        ("a,b\n1,2\n", "time_s,b\n1,2\n", "no column of time"),
        ("time_s,a\n1,2\n", "time_s,b\n1,2\n", "no column of numbers in common"),
        ("time_s,a\n1,2\n", "time_s,a\n7,2\n", "no time in common"),
    ];
    for (measured, model, why) in cases {
        let (_dir, lab, model) = files(measured, model);
        let refused = compare_files(&lab, &model, &BTreeMap::new(), &PRESETS[0]).expect_err(why).to_string();
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn a_run_compared_as_two_files_gates_its_predicted_channels_only() {
    let bench = Bench::new();
    let folder = bench.changed(|row| {
        shift(Column::RigPlateDegc, 40.0)(row);
        shift(Column::AccelDieDegc, 5.5)(row);
    });
    let comparison = compare_files(&folder.file(SAMPLES), &folder.file(PREDICTION), &BTreeMap::new(), &PRESETS[0]).expect("same columns");
    assert_eq!(comparison.failed(), ["accel_die_degc"]);
    assert_eq!(line(&comparison, "rig_plate_degc").status, Status::Ungated);
    assert_eq!(comparison.rows.running, 200);
}
