//! Work must be where it is measured: the stub of NVML and the double of CUDA show the same two boards in different orders, as NVML (by bus) and CUDA ("fastest first",
//! `CUDA_VISIBLE_DEVICES`) do on real machines.

use super::bench::{Ended, Process};
use super::cuda::doubles;
use super::gpu::Stubbed;
use record::{RUN, SUMMARY};
use rustix::process::Signal;
use std::process::Command;

/// What NVML calls 0 and 1. CUDA's bus numbers put them the other way round.
const UUIDS: [&str; 2] = ["GPU-00000000-0000-0000-0000-000000000000", "GPU-00000000-0000-0000-0000-000000000001"];

struct Both {
    stub: Stubbed,
    folder: &'static std::path::Path,
}

impl Both {
    fn new() -> Option<Self> {
        let (stub, folder) = (Stubbed::with(&[])?, doubles()?);
        std::fs::create_dir(stub.bench.path("cuda")).expect("room");
        for (k, uuid) in UUIDS.iter().enumerate() {
            stub.bench.write(&format!("driver/gpu{k}.uuid"), uuid);
        }
        Some(Self { stub, folder })
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = self.stub.command(arguments);
        command.env("ORBITBENCH_CUDA", self.folder.join("libcuda.so.1")).env("ORBITBENCH_CUBLASLT", self.folder);
        command.env("STUB_CUDA", self.stub.bench.path("cuda")).env("XDG_STATE_HOME", self.stub.bench.path("state"));
        command
    }

    fn ended(&self, arguments: &str) -> Ended {
        Process::spawn(&mut self.command(arguments)).end()
    }

    /// A run as far as its first row, and what its folder says after it was stopped.
    fn flown(&self, accelerator: &str, workload: &str) -> (toml::Table, serde_json::Value, Ended) {
        let mut engine =
            Process::spawn(&mut self.command(&format!("run --headless --rig gpu-only --accelerator {accelerator} --workload {workload}")));
        let heard = engine.hear("orbitbench attach ");
        let name = heard.split("orbitbench attach ").nth(1).map(|n| n.trim_end_matches('`').to_owned()).expect("the name of the run");
        let mut screen = self.stub.bench.attach(&name);
        screen.row("work", |row| row.get(record::Column::WorkUnitsPerS).is_some_and(|r| r > 0.0));
        engine.signal(Signal::TERM);
        let ended = engine.end().with(0);
        let folder = self.stub.bench.folder(&name);
        let manifest = folder.text(RUN).expect("a manifest").parse().expect("TOML");
        (manifest, serde_json::from_str(&folder.text(SUMMARY).expect("a summary")).expect("JSON"), ended)
    }
}

#[test]
fn a_number_means_the_same_card_to_work_and_to_sensors() {
    let Some(both) = Both::new() else { return };
    for (k, uuid) in UUIDS.iter().enumerate() {
        let done = both.ended(&format!("workload bench cuda:{k}:tiny:batch=1 --duration 0.3s --json")).with(0);
        assert!(done.out.contains(uuid), "cuda:{k} is not nvml:{k}: {}", done.out);
    }
    let (manifest, summary, _) = both.flown("nvml:1", "cuda:1:tiny:batch=1");
    assert!(manifest["workload"]["description"].as_str().is_some_and(|what| what.contains(UUIDS[1])), "{manifest}");
    assert!(manifest["workload"].get("apart").is_none() && summary.get("apart").is_none(), "{summary}");
}

#[test]
fn work_of_one_card_over_the_joules_of_another_is_refused() {
    let Some(both) = Both::new() else { return };
    let run = "run --headless --rig gpu-only --accelerator";
    let map = "workload map gpu-only --power 700 --repeats 1 --accelerator";
    let by_uuid = format!("cuda:{}:tiny:batch=1", UUIDS[0]);
    for (verb, measured, work) in [
        (run, "nvml:0", "cuda:1:tiny:batch=1"),
        (run, "nvml:1", by_uuid.as_str()),
        (run, "nvml:0,1", "cuda:0:tiny:batch=1"),
        (run, "nvml:0", "cuda:0,1:tiny:batch=1"),
        ("accelerator check --quick", "nvml:0", "cuda:1:tiny:batch=1"),
        (map, "nvml:0", "cuda:1:tiny:batch=1"),
    ] {
        let refused = both.ended(&format!("{verb} {measured} --workload {work}")).with(3);
        for words in [UUIDS[0], UUIDS[1], "--workload cuda:GPU-", "--accelerator nvml:GPU-", "is no figure"] {
            assert!(refused.err.contains(words), "{verb} {measured} {work}: no {words} in {}", refused.err);
        }
    }
}

/// The host's work may load what it likes, but it is no work of the card's joules: neither in the summary nor, being all there is to it, in a map.
#[test]
fn work_on_the_host_beside_a_measured_card_has_no_work_per_joule() {
    let Some(both) = Both::new() else { return };
    let (manifest, summary, ended) = both.flown("nvml:0", "cpu:tiny:1");
    for said in [manifest["workload"]["apart"].as_str(), summary["apart"].as_str()] {
        assert!(said.is_some_and(|why| why.contains("on the host's processor")), "{said:?}");
    }
    assert!(summary["figures"]["units_per_j"].is_null(), "{summary}");
    assert!(ended.err.contains("no work per joule is told"), "{} {}", ended.out, ended.err);
    let refused = both.ended("workload map gpu-only --power 700 --repeats 1 --accelerator nvml:0 --workload cpu:tiny:1").with(3);
    assert!(refused.err.contains("cannot be measured") && refused.err.contains("on the host's processor"), "{}", refused.err);
}
