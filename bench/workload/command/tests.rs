//! Real child processes. Nothing here waits for a time to pass, only for something to happen.

use super::*;
use std::path::Path;

/// Far more than any machine needs; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(text: &str) -> Command {
    start_with(text, &Options { lease: PATIENCE, ..Options::default() })
}

fn start_with(text: &str, options: &Options) -> Command {
    Command::start(text, options).expect("a shell")
}

fn stop(command: Command, within: Duration) -> bool {
    Box::new(command).stop(within)
}

fn wait_for(command: &Command, what: &str, done: impl Fn(&State) -> bool) {
    assert!(command.shared.wait_until(Instant::now() + PATIENCE, done), "waited in vain for {what}: {:?}", command.shared.state());
}

#[test]
fn reports_are_counted_and_malformed_lines_only_remarked() {
    let mut command = start(
        r#"while read -r told; do case $told in *0.5*) break;; esac; done; echo loading; echo '{"t":0,"units":9,"unit":"image","phase":"warmup"}'; echo '{"t":1,"units":2.5,"unit":"image"}'
           echo '{"t":1,"units":-1,"unit":"image"}'; echo '{"t":2,"units":1.5,"unit":"image"}'; cat >/dev/null"#,
    );
    assert_eq!((command.units(), command.unit()), (None, "unit"), "missing before the first report");
    command.set_duty(0.5);
    wait_for(&command, "four units", |s| s.books.tally.output() == Some(4.0));
    assert_eq!(command.unit(), "image");
    assert_eq!(command.malformed(), 2);
    let remarks = command.remarks();
    assert!(remarks[0].ends_with(": loading") && remarks[1].contains("not -1"), "{remarks:?}");
    assert!(command.remarks().is_empty());
    assert_eq!(command.healthy(), Ok(()));
    assert!(stop(command, PATIENCE));
}

/// Books that do not add up end the work; otherwise a run would go on to its end and report none.
#[test]
fn a_command_whose_lines_count_for_nothing_is_of_no_use() {
    for (text, words) in [
        (
            r#"echo '{"t":0,"units":1,"unit":"image"}'; echo '{"t":1,"units":1,"unit":"token"}'; cat >/dev/null"#,
            r#"counts "token" after "image""#,
        ),
        (r#"for i in 1 2 3 4 5 6 7 8; do echo '{"t":0,"units":1e15}'; done; cat >/dev/null"#, "not believed"),
    ] {
        let command = start(text);
        wait_for(&command, "the end of patience", |s| s.books.broken.is_some());
        let why = command.healthy().expect_err("books that do not add up");
        assert!(why.contains("of no more use") && why.contains(words), "{why}");
        assert!(stop(command, PATIENCE));
    }
}

/// Prints each line it is told as the unit of a report.
const ECHO: &str = r#"while read -r told; do printf '{"t":0,"units":1,"phase":"%s"}\n' "$(printf %s "$told" | tr -d '"{}')"; done"#;

#[test]
fn duties_are_told_clamped_and_never_as_nonsense() {
    let mut command = start(ECHO);
    for (duty, phase) in [(0.25, "target_duty:0.25"), (7.0, "target_duty:1"), (-1.0, "target_duty:0")] {
        command.set_duty(duty);
        command.set_duty(f64::NAN);
        wait_for(&command, phase, |s| s.books.tally.phases().contains_key(phase));
    }
    let phases: Vec<String> = command.tally().phases().keys().cloned().collect();
    assert_eq!(phases, ["target_duty:0", "target_duty:0.25", "target_duty:1"]);
    assert!(stop(command, PATIENCE));
}

#[test]
fn a_lease_that_is_not_renewed_becomes_duty_zero() {
    let mut command = start_with(ECHO, &Options { lease: Duration::from_millis(1), ..Options::default() });
    wait_for(&command, "the first duty", |s| s.books.tally.phases().contains_key("target_duty:0"));
    let told = |s: &State| s.books.tally.phases()["target_duty:0"];
    let before = told(&command.shared.state());
    command.set_duty(0.5);
    wait_for(&command, "idle again", |s| told(s) > before);
    assert!(command.remarks()[0].contains("not renewed"));
    assert!(stop(command, PATIENCE));
}

#[test]
fn the_environment_tells_what_to_keep_to() {
    let options = Options {
        seed: 42,
        lease: Duration::from_secs(3),
        environment: vec![("ORBITBENCH_RUN".into(), "r1".into())],
        ..Options::default()
    };
    let text = r#"printf '{"t":0,"units":1,"unit":"%s"}\n' "$ORBITBENCH_PROTOCOL,$ORBITBENCH_SEED,$ORBITBENCH_LEASE_S,$ORBITBENCH_PERIOD_S,$ORBITBENCH_RUN"; cat >/dev/null"#;
    let command = start_with(text, &options);
    wait_for(&command, "a report", |s| s.books.tally.unit().is_some());
    assert_eq!(command.unit(), "1,42,3,2.5,r1");
}

#[test]
fn a_command_that_died_is_unhealthy_with_its_last_words() {
    let command = start("echo 'no such model' >&2; exit 3");
    wait_for(&command, "its end", |s| s.ended.is_some() && !s.last_words.is_empty());
    let why = command.healthy().expect_err("it is gone");
    assert!(why.contains("exit status 3") && why.contains("no such model") && command.is_over(), "{why}");
    assert!(stop(command, PATIENCE), "what has ended can be stopped");
}

#[test]
fn a_command_that_closed_its_output_is_unhealthy() {
    let command = start("exec >&-; cat >/dev/null 2>&1");
    wait_for(&command, "silence", |s| s.silent);
    assert!(command.healthy().is_err() && command.is_over());
    assert!(stop(command, PATIENCE));
}

#[test]
fn the_end_of_its_input_is_enough_for_a_well_behaved_one() {
    let command = start("trap '' TERM; echo ready; cat >/dev/null; exit 0");
    wait_for(&command, "its trap", |s| s.books.malformed == 1);
    let shared = Arc::clone(&command.shared);
    assert!(stop(command, PATIENCE));
    assert_eq!(shared.state().ended.as_deref(), Some("it ended with exit status 0"));
}

#[test]
fn one_that_heeds_nothing_is_killed_with_all_its_children() {
    // Neither of the two ends at SIGTERM or at the end of input; both hold the output open.
    let command = start("trap '' TERM; (while :; do sleep 60; done) & echo ready; while :; do sleep 60; done");
    wait_for(&command, "its trap", |s| s.books.malformed == 1);
    let shared = Arc::clone(&command.shared);
    assert!(stop(command, Duration::from_millis(200)) || shared.wait_until(Instant::now() + PATIENCE, |s| s.ended.is_some()));
    assert!(shared.wait_until(Instant::now() + PATIENCE, |s| s.silent), "a child of it lives on");
    assert!(shared.state().ended.as_deref().is_some_and(|how| how.contains("signal 9")));
}

#[test]
fn a_dropped_one_is_killed() {
    let command = start("trap '' TERM; echo ready; while :; do sleep 60; done");
    wait_for(&command, "its trap", |s| s.books.malformed == 1);
    let shared = Arc::clone(&command.shared);
    drop(command);
    assert!(shared.wait_until(Instant::now() + PATIENCE, |s| s.silent));
}

#[test]
fn one_that_never_reads_blocks_nobody() {
    let mut command = start("echo ready; while :; do sleep 60; done");
    wait_for(&command, "its start", |s| s.books.malformed == 1);
    // Far more than a pipe holds, if each were written.
    for i in 0..20_000 {
        command.set_duty(f64::from(i) / 20_000.0);
    }
    assert!(stop(command, PATIENCE));
}

#[test]
fn a_command_that_cannot_be_found_says_so_in_its_last_words() {
    let command = start("/nowhere/orbit-work");
    wait_for(&command, "its end", |s| s.ended.is_some() && !s.last_words.is_empty());
    assert!(command.healthy().expect_err("gone").contains("/nowhere/orbit-work"));
}

#[test]
fn the_example_script_works_and_ends() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/external.py");
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        eprintln!("SKIPPED: no python3 to run the example command with");
        return;
    }
    let mut command = start(&format!("exec python3 '{}'", script.display()));
    command.set_duty(1.0);
    wait_for(&command, "units", |s| s.books.tally.output().is_some_and(|u| u > 0.0) || s.ended.is_some());
    assert_eq!(command.healthy(), Ok(()));
    assert_eq!((command.unit(), command.malformed()), ("step", 0));
    let shared = Arc::clone(&command.shared);
    assert!(stop(command, PATIENCE));
    assert_eq!(shared.state().ended.as_deref(), Some("it ended with exit status 0"));
}

/// A script in the style of `PyTorch`; `NumPy` does its step where `PyTorch` is not installed.
#[test]
fn the_training_example_learns_and_its_warm_up_is_not_counted() {
    let Some(python) = std::env::var_os("ORBITBENCH_PEERS") else {
        eprintln!("SKIPPED the training example: ORBITBENCH_PEERS names no Python with the packages of tests/peers/requirements.txt");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pytorch.py");
    let mut command = start(&format!("exec '{}' -B '{}' --width 32 --batch 64 --warmup 5", python.display(), script.display()));
    command.set_duty(1.0);
    wait_for(&command, "200 steps", |s| s.figures.get("steps").is_some_and(|n| *n >= 250.0) || s.ended.is_some());
    assert_eq!((command.healthy(), command.unit(), command.malformed()), (Ok(()), "sample", 0));
    assert_eq!(command.tally().phases()["warmup"], 5.0 * 64.0);
    assert!(command.units().is_some_and(|u| u >= 190.0 * 64.0));
    // The logarithm of 32 classes is what guessing costs.
    assert!(command.figures()["loss"] < 32.0_f64.ln(), "{:?}", command.figures());
    assert!(command.remarks()[0].contains("training steps by"));
    let shared = Arc::clone(&command.shared);
    assert!(stop(command, PATIENCE));
    assert_eq!(shared.state().ended.as_deref(), Some("it ended with exit status 0"));
}

/// Put away and brought back, the example's losses are those of one that never left; a file that is damaged is refused and training begins anew.
#[test]
fn the_training_example_goes_on_from_its_file_as_if_it_had_never_left() {
    let Some(python) = std::env::var_os("ORBITBENCH_PEERS") else {
        eprintln!(
            "SKIPPED the training example's file: ORBITBENCH_PEERS names no Python with the packages of tests/peers/requirements.txt"
        );
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let script = r#"
import argparse, importlib.util, sys
spec = importlib.util.spec_from_file_location("example", sys.argv[1])
example = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)
options, path = argparse.Namespace(width=16, batch=8, warmup=0), sys.argv[2]
def steps(training, n):
    losses = [training.step() for _ in range(n)]
    training.course["samples"] += n * options.batch
    return losses
stayed, left = example.Training(options), example.Training(options)
assert steps(stayed, 5) == steps(left, 5)
told = left.leave(path)
assert left.step is None and told["bytes"] > 1000 and "lost" not in told, told
assert left.come(path) == told
assert left.course["samples"] == 40 and steps(stayed, 7) == steps(left, 7)
left.leave(path)
data = bytearray(open(path, "rb").read())
data[len(data) // 2] ^= 1
open(path, "wb").write(data)
told = left.come(path)
assert told["lost"] == 96 and "checksum" in told["why"] and left.course["samples"] == 0, told
assert steps(left, 1) == steps(example.Training(options), 1)
told = left.leave(path + "/nowhere/file")
assert told["lost"] == 8 and "cannot write" in told["why"], told
assert left.come(path + "/nowhere/file") == {}
assert left.leave(None) == {"lost": 0} and left.come(None) == {}
"#;
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pytorch.py");
    let mut run = std::process::Command::new(python);
    let done = run.args(["-B", "-c", script]).arg(example).arg(folder.path().join("state")).output().expect("it starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn faults_and_figures_are_taken_from_lines() {
    let lines = r#"echo '{"t":0,"fault":"too hot"}'; read -r told; echo '{"t":1,"fault":"","figures":{"steps":3}}'; echo '{"t":2,"units":1,"figures":{"steps":4}}'; cat >/dev/null"#;
    let mut command = start(lines);
    // The first duty, 0, may be read at once; the fault stands until then or is gone.
    wait_for(&command, "figures", |s| s.figures.get("steps") == Some(&4.0));
    assert_eq!((command.healthy(), command.units(), command.malformed()), (Ok(()), Some(1.0), 0));
    assert!(command.remarks().is_empty());
    let ill = start("echo '{\"t\":0,\"fault\":\"too hot\"}'; cat >/dev/null");
    wait_for(&ill, "a fault", |s| s.fault.is_some());
    assert_eq!((ill.healthy(), ill.is_over()), (Err("too hot".into()), false), "it may pass");
    let gone = start(r#"echo '{"t":0,"fault":"no model","over":true}'; cat >/dev/null"#);
    wait_for(&gone, "a fault", |s| s.fault.is_some());
    assert_eq!((gone.healthy(), gone.is_over()), (Err("no model".into()), true));
    let well = start(
        r#"echo '{"t":0,"fault":"no model","over":true}'; echo '{"t":1,"fault":"","over":true,"figures":{"steps":1}}'; cat >/dev/null"#,
    );
    wait_for(&well, "figures", |s| !s.figures.is_empty());
    assert_eq!((well.healthy(), well.is_over()), (Ok(()), false), "what is no fault is not over");
}

/// A guard that is killed has seen to nothing; whoever killed it, the command does not live on. The guard here is a shell that speaks as ours does.
#[test]
fn a_killed_guard_takes_its_command_along() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let guard = folder.path().join("guard");
    // `setsid` makes a group of the command as the guard does, and its number is told before anything else is.
    let script = "#!/bin/sh\nsetsid sh -c 'echo \"{\\\"t\\\":0,\\\"group\\\":$$}\"; trap \"\" TERM; echo ready; while :; do sleep 60; done' </dev/null &\nwait\n";
    std::fs::write(&guard, script).expect("room");
    std::fs::set_permissions(&guard, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    let command = start_with("ignored", &Options { lease: PATIENCE, guard: Some(guard), ..Options::default() });
    wait_for(&command, "the command", |s| s.books.malformed == 1 && s.guarded.is_some());
    let group = command.shared.state().guarded.expect("told");
    assert!(any_of(group), "it runs");
    rustix::process::kill_process(command.group, Signal::KILL).expect("our child");
    wait_for(&command, "its end", |s| s.ended.is_some());
    // Killed at once, not only at the end of the run: its output closes.
    wait_for(&command, "silence", |s| s.silent);
    assert!(command.shared.state().remarks.iter().any(|r| r.contains("guard was killed")));
    assert!(stop(command, PATIENCE), "nobody is left");
    assert!(!any_of(group));
}
