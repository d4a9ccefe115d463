//! Operators: requests from the command line, and signals.

use super::bench::{Bench, SPEED, states};
use record::{EVENTS, SAMPLES, read_events, read_rows};
use rustix::process::Signal;
use signal::{Request, RunState};

/// A run that nobody watches, steered by commands alone.
#[test]
fn a_detached_run_does_what_it_is_asked() {
    let bench = Bench::new();
    let name = bench.run(&format!("run --detach --duration 2h --speed {SPEED}")).with(0).line(0).to_owned();
    let mut screen = bench.attach(&name);
    let heard = loop {
        screen.flown(5.0);
        let heard = bench.run("hold");
        // A machine too busy for 60 ticks a second suspends the run for a moment.
        if !heard.out.contains("does nothing while suspended") {
            break heard.with(0).out;
        }
    };
    assert!(heard.contains(&name) && heard.contains("running -> held"), "{heard}");
    let held = screen.row("a held row", |row| row.state == RunState::Held);
    let later = screen.row("time to pass", |row| row.tick > held.tick + 20);
    assert_eq!((later.state, later.mission_s), (RunState::Held, held.mission_s), "mission time stands still");
    bench.run(&format!("resume {name}")).with(0);
    let mission_s = held.mission_s.expect("a mission");
    screen.flown(mission_s + 5.0);
    bench.run("ack").with(0);
    screen.event("request", "alarms acknowledged");
    // Any beginning that fits no other run will do.
    bench.run(&format!("stop {}", &name[..12])).with(0);
    assert_eq!(screen.end(), (0, "stopped. SAFE CONFIRMED".to_owned()));
    bench.compared(&name);

    bench.run("verify").with(0);
    let folder = bench.folder(&name);
    let samples = read_rows(&folder.file(SAMPLES)).expect("samples");
    let states = states(&samples.rows);
    assert_eq!(states, [RunState::Staging, RunState::Running, RunState::Held, RunState::Running, RunState::Stopping]);
    let (events, _) = read_events(&folder.file(EVENTS)).expect("events");
    for word in ["hold", "resume", "ack", "stop"] {
        let asked = events.iter().find(|e| e.kind == "request" && e.message == word);
        assert!(asked.is_some_and(|e| e.who.starts_with("anna (command line")), "{word}: {asked:?}");
    }
    let refused = bench.run("hold").with(3).err;
    assert!(refused.contains("no run is under way"), "{refused}");
    let unknown = bench.run("stop nothing-of-that-name").with(3).err;
    assert!(unknown.contains("nothing-of-that-name"), "{unknown}");
}

/// Abort and halt end with the same code and different words; two runs under way have to be told apart.
#[test]
fn abort_and_halt_say_so() {
    let bench = Bench::new();
    let runs = [("abort", "aborted. SAFE CONFIRMED"), ("halt", "halted. SAFE CONFIRMED")]
        .map(|(verb, words)| (verb, words, bench.fly("--duration 2h")));
    for (.., (_, name)) in &runs {
        bench.attach(name).flown(1.0);
    }
    let which = bench.run("stop").with(3).err;
    assert!(which.contains("which run?"), "{which}");
    for (verb, words, (engine, name)) in runs {
        bench.run(&format!("{verb} {name}")).with(0);
        let ended = engine.end().with(5);
        assert_eq!(ended.line(0), words);
        bench.run(&format!("verify {name}")).with(0);
    }
}

/// One signal is a wish: a clean end, a success.
#[test]
fn a_signal_stops_the_run() {
    let bench = Bench::new();
    for signal in [Signal::TERM, Signal::INT] {
        let (engine, name) = bench.fly("--duration 2h");
        bench.attach(&name).row("the first row", |_| true);
        engine.signal(signal);
        let ended = engine.end().with(0);
        assert_eq!(ended.line(0), "stopped. SAFE CONFIRMED");
        let (events, _) = read_events(&bench.folder(&name).file(EVENTS)).expect("events");
        assert!(events.iter().any(|e| e.kind == "request" && e.message == "stop" && e.who.starts_with("SIG")));
        bench.run(&format!("verify {name}")).with(0);
    }
}

/// Two are a need: everything safe at once. At speed 1 both fall into one tick.
#[test]
fn two_signals_halt_the_run() {
    let bench = Bench::new();
    let (engine, name) = bench.fly_at("1", "--duration 1h");
    let mut screen = bench.attach(&name);
    screen.row("a tick", |row| row.tick >= 1);
    engine.signal(Signal::TERM);
    engine.signal(Signal::INT);
    screen.event("request", Request::Halt.word());
    let ended = engine.end().with(5);
    assert_eq!(ended.line(0), "halted. SAFE CONFIRMED");
}
