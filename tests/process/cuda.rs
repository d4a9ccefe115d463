//! The built-in engine on a GPU, as a program: with the test double of the driver, whose faults are scripted, and without any driver. Nothing here is a real GPU.

use super::bench::{Bench, Ended, Process, SCRIPT, unhurried};
use crate::skipped;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder of the doubles, built once.
pub(crate) fn doubles() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        if !Command::new("c++").arg("--version").output().is_ok_and(|o| o.status.success()) {
            skipped("the engine on a GPU", "no C++ compiler");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder").keep();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/workload/gpu/testdata/build.sh");
        let built = Command::new("sh").arg(script).arg(&folder).output().expect("a shell");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Some(folder)
    });
    built.as_deref()
}

struct Doubled {
    bench: Bench,
    folder: &'static Path,
}

impl Doubled {
    fn new() -> Option<Self> {
        let folder = doubles()?;
        let bench = Bench::new();
        std::fs::create_dir(bench.path("cuda")).expect("room");
        Some(Self { bench, folder })
    }

    fn write(&self, name: &str, text: &str) {
        self.bench.write(&format!("cuda/{name}"), text);
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = self.bench.command(arguments);
        command.env("ORBITBENCH_CUDA", self.folder.join("libcuda.so.1")).env("ORBITBENCH_CUBLASLT", self.folder);
        command.env("STUB_CUDA", self.bench.path("cuda"));
        command
    }

    fn bench(&self, work: &str) -> Ended {
        Process::spawn(&mut self.command(&format!("workload bench {work} --duration 0.3s --json"))).end()
    }
}

const WORK: &str = "cuda:tiny:decode:batch=2";

#[test]
fn work_on_a_gpu_is_done_counted_and_leaves_nothing_behind() {
    let Some(doubled) = Doubled::new() else { return };
    let done = doubled.bench(WORK).with(0);
    let report: serde_json::Value = serde_json::from_str(&done.out).expect("JSON");
    let what = report["workload"].as_str().expect("words");
    assert!(report["output_units_per_s"].as_f64().is_some_and(|r| r > 0.0), "{}", done.out);
    // The first by NVML's order is the driver's second: the lower bus.
    for words in
        ["tiny, decode", "bf16", "2 sequences", "Stub GPU (simulated)", "GPU-00000000-0000-0000-0000-000000000001", "cuBLASLt 120205"]
    {
        assert!(what.contains(words), "{words}: {what}");
    }
    let left = std::fs::read_to_string(doubled.bench.path("cuda/released")).expect("the context was given back");
    assert!(left.contains("allocations left 0, streams left 0, modules left 0, graphs left 0"), "{left}");
}

#[test]
fn the_card_is_chosen_by_number_or_uuid() {
    let Some(doubled) = Doubled::new() else { return };
    doubled.write("uuid", "0badcafe-1111-2222-3333-444455556666");
    for (card, uuid) in [("0", "GPU-0badcafe"), ("1", "GPU-00000000"), ("GPU-0BAD", "GPU-0badcafe"), ("GPU-00000000-0000", "GPU-00000000")]
    {
        let done = doubled.bench(&format!("cuda:{card}:tiny:batch=1")).with(0);
        assert!(done.out.contains(uuid), "{card}: {}", done.out);
    }
    for card in ["2", "GPU-77", "GPU-0"] {
        let wrong = doubled.bench(&format!("cuda:{card}:tiny")).with(3);
        assert!(wrong.err.contains("there is no GPU") && wrong.err.contains("0badcafe") || card == "GPU-0", "{card}: {}", wrong.err);
    }
}

/// A process that ends by a signal, or goes on as if nothing was, is what must not be.
#[test]
fn every_fault_of_the_driver_ends_the_work_with_words() {
    let Some(doubled) = Doubled::new() else { return };
    for (name, text, words) in [
        ("fault", "214", "CUDA_ERROR_ECC_UNCORRECTABLE"),
        ("fault", "719", "fell off the bus"),
        ("fault", "999", "CUDA_ERROR_UNKNOWN"),
        ("memory_mb", "600", "GB of its memory"),
        ("wrong", "1", "this machine computes wrongly"),
        ("wrong", "corner", "% off in columns 0 to 63"),
        ("capability", "75", "compute capability 8.0 is needed"),
        ("driver", "11080", "R535 or later"),
        ("devices", "0", "there is no GPU"),
    ] {
        doubled.write(name, text);
        // A hundredth is seen in all numbers, in one corner as in the whole.
        for number in ["f32", "bf16", "fp8"] {
            if number != "bf16" && name != "wrong" {
                continue;
            }
            let ended = doubled.bench(&format!("cuda:tiny:decode:{number}:batch=2")).with(3);
            assert!(ended.err.contains(words), "{number}, {name} {text}: {}", ended.err);
        }
        std::fs::remove_file(doubled.bench.path("cuda").join(name)).expect("written");
    }
}

#[test]
fn fp8_is_refused_where_it_cannot_be() {
    let Some(doubled) = Doubled::new() else { return };
    doubled.bench("cuda:tiny:fp8:batch=2").with(0);
    doubled.write("capability", "80");
    let refused = doubled.bench("cuda:tiny:fp8:batch=2").with(3);
    assert!(refused.err.contains("FP8 needs compute capability 8.9"), "{}", refused.err);
    std::fs::remove_file(doubled.bench.path("cuda/capability")).expect("written");
    let mut command = doubled.command("workload bench cuda:tiny:fp8:batch=2 --duration 0.3s");
    let refused = Process::spawn(command.env("ORBITBENCH_CUBLASLT", "none")).end().with(3);
    assert!(refused.err.contains("FP8 needs cuBLASLt"), "{}", refused.err);
}

#[test]
fn without_cublaslt_our_own_kernels_multiply_and_it_is_said() {
    let Some(doubled) = Doubled::new() else { return };
    let mut command = doubled.command("workload bench cuda:tiny:batch=1 --duration 0.3s --json");
    let done = Process::spawn(command.env("ORBITBENCH_CUBLASLT", "none")).end().with(0);
    assert!(done.out.contains("products by own kernels") && done.err.contains("cuBLASLt is not used"), "{}{}", done.out, done.err);
}

#[test]
fn without_a_driver_there_are_words_or_the_host() {
    let bench = Bench::new();
    let without = |work: &str| {
        let mut command = bench.command(&format!("workload bench {work} --duration 0.3s --json"));
        command.env("ORBITBENCH_CUDA", bench.path("no-such-library.so"));
        Process::spawn(&mut command).end()
    };
    let refused = without("cuda:tiny").with(3);
    assert!(refused.err.contains("there is no NVIDIA driver here") && refused.err.contains("no-such-library.so"), "{}", refused.err);
    let done = without("auto:tiny").with(0);
    assert!(done.err.contains("working on the host's CPU") && done.out.contains("f32, 1 thread(s)"), "{}{}", done.out, done.err);
}

/// An instance of a board (MIG) is found by its UUID where CUDA shows it to the process, and where not, what to export is said.
#[test]
fn an_instance_is_a_card_of_its_own() {
    let Some(doubled) = Doubled::new() else { return };
    doubled.write("devices", "1");
    doubled.write("mig", "5700b000-0000-4000-8000-000000000011");
    let instance = "MIG-5700b000-0000-4000-8000-000000000011";
    for card in [instance, "0"] {
        let done = doubled.bench(&format!("cuda:{card}:tiny:batch=1")).with(0);
        assert!(done.out.contains(instance), "{card}: {}", done.out);
    }
    let other = "MIG-5700b000-0000-4000-8000-000000000012";
    let refused = doubled.bench(&format!("cuda:{other}:tiny:batch=1")).with(3);
    assert!(refused.err.contains(&format!("export CUDA_VISIBLE_DEVICES={other}")) && refused.err.contains(instance), "{}", refused.err);
    // A driver that knows nothing of instances has none.
    std::fs::remove_file(doubled.bench.path("cuda/mig")).expect("written");
    doubled.bench(&format!("cuda:{instance}:tiny:batch=1")).with(3);
}

#[test]
fn two_runs_do_not_share_a_card_and_a_killed_one_leaves_no_lock() {
    let Some(doubled) = Doubled::new() else { return };
    let mut first = Process::spawn(&mut doubled.command(&format!("workload bench {WORK} --duration 1h")));
    first.hear("tokens/s");
    let refused = doubled.bench(WORK).with(3);
    assert!(refused.err.contains("is in use by another run, process ") && refused.err.contains("workload bench"), "{}", refused.err);
    doubled.bench("cuda:1:tiny:batch=1").with(0);
    first.kill();
    doubled.bench(WORK).with(0);
}

/// One binary for hosts with and without a GPU.
#[test]
fn the_program_is_linked_with_nothing_of_nvidia_s() {
    let Ok(linked) = Command::new("ldd").arg(super::bench::PROGRAM).output() else { return };
    let linked = String::from_utf8_lossy(&linked.stdout).into_owned();
    assert!(linked.contains("libc.so") && !linked.contains("libcu") && !linked.contains("libnv"), "{linked}");
}

/// The engine's part of the one command for a machine with a GPU, on the double: it must not be broken on the day there is one.
#[test]
fn the_script_for_a_real_gpu_measures_the_engine() {
    let Some(doubled) = Doubled::new() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gpu/check.sh");
    let mut command = doubled.bench.dressed(Command::new("sh"), "");
    command.arg(script).arg(super::bench::PROGRAM).arg("nvml:0").env("OUT", doubled.bench.path("evidence"));
    command.env("ORBITBENCH_CUDA", doubled.folder.join("libcuda.so.1")).env("ORBITBENCH_CUBLASLT", doubled.folder);
    command.env("STUB_CUDA", doubled.bench.path("cuda")).env("ORBITBENCH_GPU_QUICK", "1");
    for (name, value) in [("PARTS", "engine rest"), ("MODEL", "tiny"), ("BATCH", "1"), ("SECONDS", "0.2"), ("REPEATS", "1")] {
        command.env(format!("ORBITBENCH_GPU_{name}"), value);
    }
    unhurried(&mut command);
    // Only the sensors' library is missing here, for `accelerator info` needs none.
    let ended = Process::spawn(&mut command).end_within(SCRIPT);
    let summary = std::fs::read_to_string(doubled.bench.path("evidence/summary.txt")).expect("a summary");
    for task in ["train", "fp8"] {
        assert!(summary.contains(&format!("ok      engine-{task}")), "{summary}{}", ended.err);
    }
    if Command::new("python3").arg("--version").output().is_ok_and(|o| o.status.success()) {
        assert!(summary.contains("ok      compare") && ended.out.contains("decode"), "{summary}{}", ended.out);
        let table = std::fs::read_to_string(doubled.bench.path("evidence/compare.txt")).expect("a table");
        // What is absent is said: a double's rates are no rates of a GPU, and there is no PyTorch that could use one.
        assert!(table.contains("ABSENT  PyTorch's side"), "{table}");
        for task in ["decode", "prefill", "mixed"] {
            assert!(table.contains(&format!("{task}: ours in/s")), "{table}");
        }
        assert!(table.contains("QUICK   repeats:"), "{table}");
    }
}

#[test]
fn work_on_a_gpu_is_put_away_with_its_context_and_brought_back() {
    let Some(doubled) = Doubled::new() else { return };
    for (task, crossing, loses) in [("decode:f32", "checkpoint", false), ("mixed", "restart", true), ("train", "checkpoint", false)] {
        let arguments = format!("workload bench cuda:tiny:{task}:batch=2 --duration 0.3s --eclipse {crossing} --json");
        let done = Process::spawn(&mut doubled.command(&arguments)).end().with(0);
        let report: serde_json::Value = serde_json::from_str(&done.out).expect("JSON");
        let kept = &report["kept"];
        assert_eq!((kept["pauses"].as_u64(), kept["place"].as_str()), (Some(1), Some("memory")), "{task}: {kept}");
        assert_eq!(kept["lost_output"].as_f64().is_some_and(|lost| lost > 0.0), loses, "{task}: {kept}");
        assert!(done.err.contains("back in memory"), "{}", done.err);
        let left = std::fs::read_to_string(doubled.bench.path("cuda/released")).expect("the context was given back");
        assert!(left.contains("allocations left 0, streams left 0, modules left 0, graphs left 0"), "{left}");
    }
}
