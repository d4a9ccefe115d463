//! Work in processes of its own, and what ends it: the bench killed, the bench stopped, the bench done. The command under test heeds nothing, and leaves a child
//! in a session of its own behind; that all of them are gone is seen from a pipe that they hold open.

use super::bench::{Bench, PROGRAM, Process};
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

/// Ends at no polite signal and at no end of input; says so on descriptor 9 and holds it open, and so does what it leaves behind.
const STUBBORN: &str = "trap '' TERM HUP INT; exec 9>pipe; (setsid sh -c 'trap \"\" TERM; echo child >&9; while :; do sleep 60; done' &); \
                        echo ready >&9; while :; do sleep 60; done";

/// Starts a bench of the stubborn command and hears it and its child; the reading end of what they hold.
fn stubborn(bench: &Bench) -> (Process, BufReader<std::fs::File>) {
    let made = Command::new("mkfifo").arg(bench.path("pipe")).status().expect("mkfifo");
    assert!(made.success());
    bench.write("stubborn.sh", STUBBORN);
    let mut command = bench.command("workload bench --duration 1h");
    command.arg("command:exec sh stubborn.sh");
    let process = Process::spawn(&mut command);
    let mut held = BufReader::new(std::fs::File::open(bench.path("pipe")).expect("a pipe"));
    for _ in 0..2 {
        let mut line = String::new();
        held.read_line(&mut line).expect("its word");
        assert!(["ready\n", "child\n"].contains(&line.as_str()), "{line}");
    }
    (process, held)
}

/// Blocks until nobody holds the pipe any more.
fn gone(mut held: BufReader<std::fs::File>) {
    let mut rest = String::new();
    held.read_to_string(&mut rest).expect("a pipe");
    assert_eq!(rest, "");
}

#[test]
fn a_command_that_heeds_nothing_ends_when_the_bench_is_killed() {
    let bench = Bench::new();
    let (process, held) = stubborn(&bench);
    process.kill();
    gone(held);
}

#[test]
fn it_ends_when_the_bench_is_stopped_and_the_bench_knows_when_it_goes_on() {
    let bench = Bench::new();
    let (mut process, held) = stubborn(&bench);
    process.signal(Signal::STOP);
    gone(held);
    process.signal(Signal::CONT);
    process.hear("the bench was silent");
    assert_eq!(process.end().code, Some(3));
}

/// The guard by itself: its lines passed on, its command's exit code, and a lease that is not renewed.
#[test]
fn a_guard_passes_lines_and_the_exit_code_on() {
    let mut guard = Command::new(PROGRAM);
    guard.args(["workload", "guard", "--lease-s", "60", "--", "sh", "-c", "read -r line; echo \"got $line\"; exit 7"]);
    let mut child = guard.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program");
    let mut stdin = child.stdin.take().expect("piped");
    std::io::Write::write_all(&mut stdin, b"{\"target_duty\":0.5}\n").expect("it listens");
    let output = child.wait_with_output().expect("our child");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(said.starts_with("{\"t\":0,\"group\":") && said.contains("got {\"target_duty\":0.5}"), "{said}");
    assert_eq!(output.status.code(), Some(7));
    drop(stdin);
}

#[test]
fn a_guard_that_hears_nothing_says_idle_and_then_ends_the_command() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
    let mut guard = Command::new(PROGRAM);
    guard.args([
        "workload",
        "guard",
        "--lease-s",
        "0.2",
        "--",
        "sh",
        "-c",
        "trap '' TERM; while read -r line; do echo \"got $line\"; done",
    ]);
    let output = guard.stdin(OwnedFd::from(theirs)).output().expect("the program");
    let (said, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("got {\"target_duty\":0}"), "{said}{err}");
    assert!(err.contains("the bench was silent"), "{err}");
    drop(ours);
}

/// The built-in model as a command of itself: units come through guard and lines.
#[test]
fn work_is_benched_and_listed() {
    let bench = Bench::new();
    let listed = bench.run("workload list").with(0);
    assert!(listed.out.contains("openai:") && listed.out.contains("tiny"), "{}", listed.out);
    let done = bench.run("workload bench cpu --duration 1s --json").with(0);
    let report: serde_json::Value = serde_json::from_str(&done.out).expect("JSON");
    assert!(report["output_units_per_s"].as_f64().is_some_and(|r| r > 0.0) && report["unit"] == "token", "{}", done.out);
    for (arguments, words) in [
        ("workload bench none", "does nothing here"),
        ("workload bench llama", "expected `virtual`"),
        ("workload bench cpu:64:8b:train", "GB are to be had"),
        ("workload bench cpu --duty 0", "--duty 0"),
        ("workload bench openai:http://127.0.0.1:1/v1,ready_s=0.1", "did not answer within 0.1 s"),
    ] {
        let refused = bench.run(arguments).with(3);
        assert!(refused.err.contains(words), "{arguments}: {}", refused.err);
    }
}

/// Work that cannot be added up ends the bench as bad input, as README's exit codes say, instead of in success without work.
#[test]
fn a_command_whose_reports_are_nonsense_is_refused() {
    let bench = Bench::new();
    for (name, text, words) in [
        (
            "units.sh",
            r#"echo '{"t":0,"units":1,"unit":"image"}'; echo '{"t":1,"units":1,"unit":"token"}'; cat >/dev/null"#,
            r#"counts "token" after "image""#,
        ),
        ("absurd.sh", r#"while read -r told; do echo '{"t":0,"units":1e15}'; done"#, "1e15 units in one line are not believed"),
        ("wrong.sh", r#"while read -r told; do echo '{"units":"many"}'; done"#, "8 of its reports"),
    ] {
        bench.write(name, text);
        let mut command = bench.command("workload bench --duration 1h");
        command.arg(format!("command:exec sh {name}"));
        let ended = Process::spawn(&mut command).end().with(3);
        assert!(ended.err.contains(words), "{name}: {}", ended.err);
    }
}
