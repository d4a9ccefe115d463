//! `accelerator check` on the stub of NVML: whose the card is meanwhile, what a run before left on it, several cards, and what a card does not give.

use super::bench::Process;
use super::gpu::Stubbed;
use rustix::process::Signal;

/// UUID of a card of the stub.
fn uuid(index: u32) -> String {
    format!("GPU-5700b000-0000-4000-8000-{index:012}")
}

fn check(stub: &Stubbed, arguments: &str) -> Process {
    let mut command = stub.command("accelerator check");
    command.args(arguments.split_whitespace()).env("XDG_STATE_HOME", stub.bench.path("state"));
    Process::spawn(&mut command)
}

fn run(stub: &Stubbed, gpu: &str) -> Process {
    Process::spawn(&mut stub.command(&format!("run --headless --rig gpu-only --accelerator {gpu} --workload none")))
}

#[test]
fn a_card_that_is_checked_is_nobody_else_s() {
    let Some(stub) = Stubbed::with(&[]) else { return };
    // Both of them, from the first to the last, though the second's turn is yet to come.
    let mut checking = check(&stub, "nvml:0,1");
    checking.hear("nvml:0: idle baseline");
    for gpu in ["nvml:0", "nvml:1"] {
        let ended = run(&stub, gpu).end();
        assert!(ended.code == Some(3) && ended.err.contains("in use by another run, process "), "{ended:?}");
        let ended = check(&stub, &format!("{gpu} --quick")).end();
        assert!(ended.code == Some(3) && ended.err.contains("in use by another run, process "), "{ended:?}");
    }
    checking.signal(Signal::KILL);
    drop(checking);
    check(&stub, "nvml:1 --quick").end().with(0);
}

#[test]
fn what_a_run_left_changed_is_put_back_before_a_check() {
    let Some(stub) = Stubbed::with(&[]) else { return };
    let note = stub.bench.path(&format!("orbitbench-{}.settings", uuid(0)));
    stub.bench.write("driver/gpu0.limit_mw", "500000");
    std::fs::write(&note, "nonsense").expect("room");
    let ended = check(&stub, "nvml:0 --quick").end().with(3);
    assert!(ended.err.contains("remove that file") && stub.read("log").is_empty(), "{}", ended.err);
    let told = format!(
        "schema = 1\ngpu = \"{}\"\noriginal = \"650000,-\"\nprocess = 1\nsince = \"2026-01-01T00:00:00Z\"\nrun = \"logs/x\"\n",
        uuid(0)
    );
    std::fs::write(&note, told).expect("room");
    let ended = check(&stub, "nvml:0 --quick --toml").end().with(0);
    assert!(ended.err.contains("put back and read back: power limit 650 W"), "{}", ended.err);
    let found: toml::Table = ended.out.parse().expect("TOML");
    assert_eq!(found["limit_w"].as_float(), Some(650.0), "what it was checked at");
    assert!(stub.read("gpu0.limit_mw") == "650000" && !note.exists());
}

#[test]
fn several_are_checked_in_turn_and_one_that_cannot_be_leaves_the_others() {
    let Some(stub) = Stubbed::with(&["-DDEVICES=3"]) else { return };
    stub.bench.write("driver/gpu0.processes", "4194304 1048576\n");
    stub.bench.write("driver/gpu1.unsupported", "samples energy");
    let ended = check(&stub, "nvml:2,0,1 --quick --toml").end().with(3);
    assert!(ended.err.contains("1 of 3 devices could not be checked") && ended.err.contains("process 4194304"), "{}", ended.err);
    let found: toml::Table = ended.out.parse().expect("TOML");
    let checks = found["check"].as_array().expect("a list");
    let named: Vec<&str> = checks.iter().filter_map(|c| c["accelerator"].as_str()).collect();
    assert_eq!(named, [format!("nvml:{}", uuid(2)), format!("nvml:{}", uuid(1))]);
    let lacks = |check: &toml::Value| check.get("lacks").map(ToString::to_string);
    assert_eq!(lacks(&checks[0]), None);
    assert!(lacks(&checks[1]).is_some_and(|l| l.contains("energy counter") && l.contains("samples")), "{found}");
    for index in [1, 2] {
        assert!(stub.bench.path(&format!("state/orbitbench/accelerators/{}.toml", uuid(index))).is_file(), "kept each by itself");
    }
    let ended = check(&stub, "nvml:2,1 --quick --out one.toml").end().with(3);
    assert!(ended.err.contains("one.toml is one file, and there are 2 devices"), "{}", ended.err);
}

#[test]
fn what_a_card_does_not_give_is_told_in_words() {
    let Some(stub) = Stubbed::with(&[]) else { return };
    stub.bench.write("driver/gpu0.unsupported", "samples energy video pcie");
    let ended = check(&stub, "nvml:0 --quick").end().with(0);
    for words in ["this board or driver has no energy counter", "has no samples of the driver's own", "nothing loaded it, see --workload"] {
        assert!(ended.out.contains(words), "no {words:?} in {}", ended.out);
    }
    let info = Process::spawn(&mut stub.command("accelerator info")).end().with(0);
    assert!(info.out.contains("does not give either: video clock, PCIe throughput, the driver's own power samples"), "{}", info.out);
}
