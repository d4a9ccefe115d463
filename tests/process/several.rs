//! One run on several GPUs that are none: the stub of NVML with three boards, and its work on two doubles of CUDA cards.

use super::bench::{Bench, Process, Screen};
use super::cuda::doubles;
use super::gpu::Stubbed;
use record::{Column, RUN, Row};
use rustix::process::Signal;
use signal::Severity;

/// As somebody's own command: each line of duty is the load of all three.
const WORK: &str = r#"#!/bin/sh
while read -r line; do
    duty=${line##*:}
    duty=${duty%\}*}
    for gpu in 0 1 2; do
        printf '%s' "$duty" > "$STUB_NVML/gpu$gpu.load.new" && mv "$STUB_NVML/gpu$gpu.load.new" "$STUB_NVML/gpu$gpu.load"
    done
    echo '{"t":1,"units":100,"unit":"line"}'
done
"#;

fn run(stub: &Stubbed, arguments: &str) -> Process {
    Process::spawn(stub.command("run --headless --rig gpu-only").args(arguments.split_whitespace()))
}

fn fly(bench: &Bench, mut engine: Process) -> (Process, String, Screen) {
    let heard = engine.hear("orbitbench attach ");
    let name = heard.split("orbitbench attach ").nth(1).map(|n| n.trim_end_matches('`').to_owned()).expect("the name of the run");
    let screen = bench.attach(&name);
    (engine, name, screen)
}

fn all(row: &Row, columns: &[Column]) -> Option<Vec<f64>> {
    columns.iter().map(|c| row.get(*c)).collect()
}

const POWERS: [Column; 3] = [Column::Accel1PowerW, Column::Accel2PowerW, Column::Accel3PowerW];
const ENERGIES: [Column; 3] = [Column::Accel1EnergyJ, Column::Accel2EnergyJ, Column::Accel3EnergyJ];

#[test]
fn three_gpus_are_one_bench_and_a_lost_one_is_missed() {
    let Some(stub) = Stubbed::with(&["-DDEVICES=3"]) else { return };
    stub.bench.write("work.sh", WORK);
    stub.bench.write("driver/gpu2.die", "61");
    let mut command = stub.command("run --headless --rig gpu-only --accelerator nvml:2,0,1 --workload");
    let (engine, name, mut screen) = fly(&stub.bench, Process::spawn(command.arg("command:sh work.sh")));
    assert_eq!(screen.hello.run.full_w, 2100.0, "three boards that may draw 700 W each");
    let row = screen.row("all of them", |row| {
        all(row, &POWERS).is_some_and(|p| p.iter().sum::<f64>() > 300.0) && row.get(Column::AccelPowerW).is_some()
    });
    let sum: f64 = all(&row, &POWERS).expect("all").iter().sum();
    assert!((row.get(Column::AccelPowerW).expect("a sum") - sum).abs() < 1e-3, "{row:?}");
    let sum: f64 = all(&row, &ENERGIES).expect("all").iter().sum();
    assert!((row.get(Column::AccelEnergyJ).expect("a sum") - sum).abs() < 1e-2);
    assert_eq!(
        (row.get(Column::Accel1DieDegc), row.get(Column::AccelDieDegc)),
        (Some(61.0), Some(61.0)),
        "the hottest, in the order named"
    );
    assert_eq!((row.get(Column::Accel4PowerW), row.get(Column::AccelProcessesCount)), (None, Some(0.0)));

    stub.bench.write("driver/gpu0.fault", "lost");
    let lost = screen.event("accelerator", "fell off the bus");
    assert!(lost.severity == Severity::Warning && lost.message.starts_with("accelerator 2 (nvml:GPU-"), "{lost:?}");
    let row = screen.row("a row without it", |row| row.get(Column::Accel2PowerW).is_none());
    assert_eq!((row.get(Column::AccelPowerW), row.get(Column::AccelDieDegc)), (None, None), "no sum of two, no hottest of two");
    assert!(row.get(Column::Accel1PowerW).is_some() && row.get(Column::Accel3PowerW).is_some(), "the others go on");
    stub.bench.write("driver/gpu1.xid", "79");
    assert!(screen.event("xid", "fallen off the bus").message.starts_with("accelerator 3 (nvml:GPU-"));

    stub.bench.write("driver/gpu0.fault", "none");
    assert!(screen.event("accelerator", "answers again").message.starts_with("accelerator 2"));
    screen.row("all again", |row| all(row, &POWERS).is_some() && row.get(Column::AccelPowerW).is_some());
    // One die that nobody sees may be the hottest: that ends it, as it would with a single one.
    stub.bench.write("driver/gpu2.fault", "lost");
    assert!(screen.event("accelerator", "fell off the bus").message.starts_with("accelerator 1"));
    assert!(engine.end().with(6).out.contains("SAFE CONFIRMED"));
    let manifest: toml::Table = stub.bench.folder(&name).text(RUN).expect("a manifest").parse().expect("TOML");
    assert_eq!(manifest["accelerator"]["name"].as_str(), Some("3 x Stub GPU (no hardware)"));
    assert!(manifest["accelerator"]["facts"]["2 UUID"].as_str().is_some_and(|u| u.ends_with("000000000000")), "{manifest}");
}

#[test]
fn what_cannot_be_together_is_refused() {
    let Some(stub) = Stubbed::with(&["-DDEVICES=3"]) else { return };
    let refused = |arguments: &str, words: &[&str]| {
        let ended = run(&stub, arguments).end().with(3);
        assert!(words.iter().all(|w| ended.err.contains(w)), "{arguments}: {}", ended.err);
    };
    refused("--accelerator nvml:0,0", &["0 is there twice"]);
    refused("--accelerator nvml:0,7", &["cannot open NVIDIA GPU 7", "3 GPUs are there"]);
    stub.bench.write("driver/gpu1.mig", "2");
    refused(
        "--accelerator nvml:MIG-5700b000-0000-4000-8000-000000000011,MIG-5700b000-0000-4000-8000-000000000012",
        &["both are on the board", "would count twice"],
    );
    stub.bench.write("driver/gpu1.mig", "0");
    stub.bench.write("driver/gpu2.processes", "4194304 1048576\n");
    refused("--accelerator nvml:0,2 --workload none --unattended", &["something else uses the accelerator", "process 4194304"]);
}

/// A board that a run measures is that run's, whoever works on it.
#[test]
fn a_board_that_is_measured_is_not_measured_twice() {
    let Some(stub) = Stubbed::with(&["-DDEVICES=3"]) else { return };
    let (first, _, mut screen) = fly(&stub.bench, run(&stub, "--accelerator nvml:0,1 --workload none"));
    screen.row("a tick", |row| row.get(Column::AccelPowerW).is_some());
    let ended = run(&stub, "--accelerator nvml:1 --workload none").end();
    assert!(ended.code != Some(0) && ended.err.contains("is in use by another run, process "), "{ended:?}");
    let (second, _, mut screen) = fly(&stub.bench, run(&stub, "--accelerator nvml:2 --workload none"));
    screen.row("a tick of another", |row| row.get(Column::AccelPowerW).is_some());
    drop((first, second));
}

/// What is measured is what works: without a card's name, `cuda` means those of `--accelerator`, with a replica on each.
#[test]
fn work_on_two_cards_is_two_replicas_counted_together() {
    let (Some(stub), Some(folder)) = (Stubbed::with(&[]), doubles()) else { return };
    std::fs::create_dir(stub.bench.path("cuda")).expect("room");
    for (gpu, end) in [(0, "1"), (1, "0")] {
        stub.bench.write(&format!("driver/gpu{gpu}.uuid"), &format!("GPU-00000000-0000-0000-0000-00000000000{end}"));
    }
    let doubled = |mut command: std::process::Command| {
        command.env("ORBITBENCH_CUDA", folder.join("libcuda.so.1")).env("ORBITBENCH_CUBLASLT", folder);
        command.env("STUB_CUDA", stub.bench.path("cuda"));
        command
    };
    let described = |name: &str| {
        let manifest: toml::Table = stub.bench.folder(name).text(RUN).expect("a manifest").parse().expect("TOML");
        manifest["workload"]["description"].as_str().expect("words").to_owned()
    };
    for (accelerator, replicas) in [("nvml:0,1", 2), ("nvml:1", 1)] {
        let arguments = format!("run --headless --rig gpu-only --accelerator {accelerator} --workload cuda:tiny:decode:batch=1");
        let (engine, name, mut screen) = fly(&stub.bench, Process::spawn(&mut doubled(stub.command(&arguments))));
        screen.row("work", |row| row.get(Column::WorkUnitsPerS).is_some_and(|r| r > 0.0));
        engine.signal(Signal::TERM);
        engine.end().with(0);
        let what = described(&name);
        assert_eq!(what.matches("built-in transformer tiny").count(), replicas, "{what}");
        assert_eq!(what.contains("2 replicas"), replicas == 2, "{what}");
        assert!(what.contains("000000000000)"), "the card that is measured works: {what}");
    }
    let refused = Process::spawn(&mut doubled(stub.command("workload bench cuda:0,GPU-00000000-0000-0000-0000-000000000001:tiny"))).end();
    assert!(refused.code == Some(3) && refused.err.contains("named twice"), "{refused:?}");
}
