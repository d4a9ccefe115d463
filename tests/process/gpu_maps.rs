//! Work maps on a GPU that is none: power and rate of the stub follow its limit, and the limit is what it was whatever becomes of the map. Real time and windows of a
//! minute, as on a real board: what waits for whole points is not run by itself (`cargo test gpu_maps -- --ignored`).

use super::bench::{Process, eventually};
use super::cuda::doubles;
use super::gpu::Stubbed;
use rustix::process::Signal;
use std::path::PathBuf;

const GPU: &str = "GPU-5700b000-0000-4000-8000-000000000001";

/// Loads the stub as it is allowed, and counts as much as the board's limit lets it: half a unit a joule above 100 W.
const WORK: &str = r#"#!/bin/sh
echo $$ > "$STUB_NVML/work.pid"
load() { printf '%s' "$1" > "$STUB_NVML/gpu1.load.new" && mv "$STUB_NVML/gpu1.load.new" "$STUB_NVML/gpu1.load"; }
load 0
while sleep 0.2; do
    read -r limit 2>/dev/null < "$STUB_NVML/gpu1.limit_mw" || limit=${limit:-700000}
    duty=$(cat "$STUB_NVML/duty" 2>/dev/null)
    case ${duty:-0} in 0) ;; *) echo "{\"t\":1,\"units\":$(( (limit / 1000 - 100) / 10 )),\"unit\":\"line\"}" ;; esac
done &
counting=$!
trap 'kill $counting; load 0' EXIT
while read -r line; do
    duty=${line##*:}
    duty=${duty%\}*}
    printf '%s' "$duty" > "$STUB_NVML/duty"
    load "$duty"
done
"#;

/// The stub with a rig whose limit may follow the budget, at 650 W before anything begins.
fn stubbed() -> Option<Stubbed> {
    let stub = Stubbed::with(&[])?;
    let rig = std::fs::read_to_string(stub.bench.path("set.toml")).expect("written");
    let follows = rig.replace("locked_min_mhz = 345\nlocked_max_mhz = 1200\n", "limit_follows_budget = true\n");
    assert_ne!(rig, follows);
    stub.bench.write("follow.toml", &follows);
    stub.bench.write("work.sh", WORK);
    stub.bench.write("driver/gpu1.limit_mw", "650000\n");
    Some(stub)
}

fn map(stub: &Stubbed, more: &str) -> Process {
    let mut command = stub.command(&format!("workload map follow.toml --accelerator nvml:{GPU} {more} --workload"));
    Process::spawn(command.arg("command:sh work.sh"))
}

fn folder(stub: &Stubbed) -> PathBuf {
    let all = std::fs::read_dir(stub.bench.path("logs")).expect("logs").flatten().map(|e| e.path());
    all.filter(|p| p.join("map.toml").is_file()).last().expect("a map")
}

#[test]
fn a_map_by_power_cap_leaves_the_limit_as_it_was() {
    let Some(stub) = stubbed() else { return };
    let caps = "--actuator power-cap --power 250,400 --repeats 1 --seed 3";
    let limit = || stub.read("gpu1.limit_mw");
    // Load goes on slowly: the first caps lie between the least there is and what is asked for.
    let capped = || eventually("a cap", || limit().parse::<u32>().ok().filter(|mw| (200_000..400_000).contains(mw)));
    let as_it_was = || eventually("the limit that was there", || (limit() == "650000").then_some(()));
    let process = map(&stub, caps);
    capped();
    // The limit may be set before the shell has run its first line.
    let work = eventually("the work", || stub.read("work.pid").parse::<u32>().ok().map(|pid| PathBuf::from(format!("/proc/{pid}"))));
    assert!(work.is_dir(), "no work at {}", work.display());
    process.kill();
    as_it_was();
    let log = folder(&stub).join("guardian.log");
    eventually("the guardian's words", || std::fs::read_to_string(&log).ok().filter(|text| text.contains("what they were")));
    // By its process, not by its last words: the guard's signal may be there before the end of its input, and a shell ended by a signal runs no trap.
    eventually("the end of the work", || (!work.exists()).then_some(()));

    // The same map goes on, by the same actuator only, and a Ctrl-C leaves the limit as it was too.
    let resume = format!("--resume {}", folder(&stub).display());
    let refused = map(&stub, &format!("{resume} --actuator pacing")).end().with(3);
    assert!(refused.err.contains("never mixed"), "{}", refused.err);
    let process = map(&stub, &resume);
    capped();
    process.signal(Signal::INT);
    let ended = process.end().with(5);
    assert!(ended.out.contains("stopped. SAFE CONFIRMED") && limit() == "650000", "{} {}", limit(), ended.out);
    assert!(!stub.read("log").contains("gpu0"), "another GPU was touched");
}

/// Figures of the places that were measured, by budget.
fn table(stub: &Stubbed, columns: &[&str]) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(folder(stub).join("table.csv")).expect("a table");
    let lines: Vec<Vec<&str>> = text.lines().filter(|l| !l.starts_with('#')).map(|l| l.split(',').collect()).collect();
    let at: Vec<usize> =
        columns.iter().map(|c| lines[0].iter().position(|n| n == c).unwrap_or_else(|| panic!("no {c} in {:?}", lines[0]))).collect();
    lines[1..].iter().map(|l| at.iter().map(|k| l[*k].parse().unwrap_or(f64::NAN)).collect()).collect()
}

#[test]
#[ignore = "six points of two minutes each, in real time"]
fn a_map_by_power_cap_is_measured_from_end_to_end() {
    let Some(stub) = stubbed() else { return };
    let mut process = map(&stub, "--actuator power-cap --power 250,400 --repeats 1 --reference-every 1 --seed 3");
    let mut done = String::new();
    while !done.contains("SAFE CONFIRMED") {
        // A point takes longer than anything else here is waited for.
        done = process.hear("");
        eprintln!("{done}");
    }
    process.end().with(0);
    assert_eq!(stub.read("gpu1.limit_mw"), "650000");
    for row in table(&stub, &["budget_w", "power_w", "units_out_per_s"]) {
        let (budget, power, rate) = (row[0], row[1], row[2]);
        assert!((power / budget - 1.0).abs() < 0.02, "the stub draws what its limit lets it: {row:?}");
        assert!((rate / (0.5 * (budget - 100.0)) - 1.0).abs() < 0.15, "and works by it: {row:?}");
    }
}

#[test]
#[ignore = "four points of two minutes each, in real time"]
fn batches_of_real_work_are_two_maps() {
    let (Some(stub), Some(folder)) = (Stubbed::with(&[]), doubles()) else { return };
    std::fs::create_dir(stub.bench.path("cuda")).expect("room");
    stub.bench.write("driver/gpu1.uuid", "GPU-00000000-0000-0000-0000-000000000001");
    let work = "cuda:tiny:decode:batch={batch}";
    let arguments = format!("workload map gpu-only --accelerator nvml:1 --power 700 --repeats 1 --batch 1,16 --workload {work}");
    let mut command = stub.command(&arguments);
    command.env("ORBITBENCH_CUDA", folder.join("libcuda.so.1")).env("ORBITBENCH_CUBLASLT", folder);
    let mut process = Process::spawn(command.env("STUB_CUDA", stub.bench.path("cuda")));
    let mut done = String::new();
    while !done.contains("SAFE CONFIRMED") {
        done = process.hear("");
        eprintln!("{done}");
    }
    process.end().with(0);
    let rows = table(&stub, &["batch", "units_out_per_s"]);
    assert!(rows.len() == 2 && rows[1][1] > 1.2 * rows[0][1], "sixteen sequences at once do more than one: {rows:?}");
}

/// Whoever else is on the card is in every figure: nobody beside it, no map; and what somebody lets pass is in the map and in its picture, whenever they came.
#[test]
fn somebody_else_s_work_is_refused_or_told_in_the_map() {
    let Some(stub) = stubbed() else { return };
    let other = |pid: u32| stub.bench.write("driver/gpu1.processes", &format!("{pid} 1048576\n"));
    // This test's own process: it can be seen, and is none that a map started.
    let us = std::process::id();
    other(us);
    let refused = map(&stub, "--power 250,400 --repeats 1 --actuator power-cap --unattended").end().with(3);
    assert!(
        refused.err.contains("something else uses the accelerator") && refused.err.contains(&format!("process {us}")),
        "{}",
        refused.err
    );
    let mut attended = map(&stub, "--power 250,400 --repeats 1 --actuator power-cap");
    attended.hear(&format!("process {us}"));
    let works = || eventually("the work", || stub.read("work.pid").parse::<u32>().ok());
    works();
    attended.signal(Signal::INT);
    attended.end().with(5);
    let kept = std::fs::read_to_string(folder(&stub).join("map.toml")).expect("a manifest");
    assert!(kept.contains("beside") && kept.contains(&format!("process {us}")) && kept.contains("before the map began"), "{kept}");
    std::fs::remove_dir_all(stub.bench.path("logs")).expect("ours");

    // Nobody at first; then they come.
    for file in ["gpu1.processes", "work.pid"] {
        std::fs::remove_file(stub.bench.path("driver").join(file)).expect("ours");
    }
    let unattended = map(&stub, "--power 250,400 --repeats 1 --actuator power-cap --unattended");
    works();
    other(us);
    let tripped = unattended.end().with(6);
    assert!(tripped.out.contains(&format!("process {us}")) && tripped.out.contains("nobody is beside it"), "{}", tripped.out);
    let kept = std::fs::read_to_string(folder(&stub).join("map.toml")).expect("a manifest");
    assert!(kept.contains("beside") && kept.contains("came onto the accelerator"), "{kept}");
}
