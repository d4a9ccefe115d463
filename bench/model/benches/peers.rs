//! Our physics beside the same work done by programs we did not write, in one run: `cargo bench -p orbitbench-model --bench peers`.
//! Prints seconds a unit, the ratio, and whether both came to the same. The peers are Python packages (`peers.py`); the
//! interpreter that has them is `ORBITBENCH_PEERS`, or `python3`. One that is missing is said to be, and nothing is claimed.
//!
//! A ratio of two programs on the same machine travels; seconds do not. Not a test: nothing fails by being slow.

#[path = "cases.rs"]
mod cases;

use serde_json::{Value, json};
use std::process::Command;
use std::time::Instant;

/// One row of the table.
struct Line {
    what: &'static str,
    ours_s: f64,
    peer: Result<(f64, String), String>,
}

/// The best of a few goes, seconds: the least disturbed.
fn best(mut work: impl FnMut()) -> f64 {
    let go = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..5).map(go).fold(f64::INFINITY, f64::min)
}

/// What a peer says of a case: the last line of its output, as JSON.
fn ask(case: &str, arguments: &Value) -> Result<Value, String> {
    let python = std::env::var("ORBITBENCH_PEERS").unwrap_or_else(|_| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers.py");
    let said = Command::new(&python).arg(script).arg(case).arg(arguments.to_string()).output().map_err(|why| format!("{python}: {why}"))?;
    if !said.status.success() {
        let words = String::from_utf8_lossy(&said.stderr);
        return Err(words.lines().last().unwrap_or("it said nothing").to_owned());
    }
    let text = String::from_utf8_lossy(&said.stdout);
    let last = text.lines().rev().find(|l| l.starts_with('{')).ok_or("it printed no figures")?;
    serde_json::from_str(last).map_err(|why| why.to_string())
}

fn number(value: &Value, key: &str) -> Result<f64, String> {
    value.get(key).and_then(Value::as_f64).ok_or_else(|| format!("it said nothing of {key}"))
}

/// A day of shadow: two-body orbit, conical shadow, fluxes on both faces of the panel; Basilisk does orbit and shadow.
fn shadow() -> Line {
    let environment = cases::environment();
    let (step_s, steps) = (10.0, 8640_u32);
    let mut lit = 0.0;
    let ours = best(|| lit = environment.timeline(0.0, step_s * f64::from(steps - 1), step_s).map(|(_, s)| s.illumination).sum());
    let (node, sun_km) = cases::start(&environment);
    let arguments = json!([model::constants::EARTH_MU_KM3_S2, sun_km, node, step_s, steps]);
    let peer = ask("day", &arguments).and_then(|said| {
        let (took, units, sunlit) = (number(&said, "seconds")?, number(&said, "units")?, number(&said, "sunlit")?);
        Ok((took / units, format!("in sunlight {:.4} of the day, there {sunlit:.4} (its Sun stands still)", lit / f64::from(steps))))
    });
    Line { what: "a step of orbit, Sun, shadow, fluxes / Basilisk orbit + shadow", ours_s: ours / f64::from(steps), peer }
}

/// A day of ten nodes; `SciPy`'s LSODA at rtol 1e-8.
fn network() -> Line {
    let day_s = 86_400.0;
    let ours = best(|| drop(std::hint::black_box(cases::chain(day_s, 10.0, 600.0))));
    let peer = ask("chain", &json!([day_s])).and_then(|said| {
        let rows: Vec<Vec<f64>> = serde_json::from_value(said["kelvin"].clone()).map_err(|why| why.to_string())?;
        let worst = |dt_s: f64| {
            let found = cases::chain(day_s, dt_s, 600.0);
            found.iter().zip(&rows).flat_map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b).abs())).fold(0.0, f64::max)
        };
        Ok((number(&said, "seconds")?, format!("worst difference {:.1e} K at dt 10 s, {:.1e} K at 1 s", worst(10.0), worst(1.0))))
    });
    Line { what: "a day of ten nodes, dt 10 s / SciPy LSODA rtol 1e-8", ours_s: ours, peer }
}

fn main() {
    println!("{:<66} {:>10} {:>10} {:>8}", "what, ours / theirs", "ours s", "theirs s", "ratio");
    for line in [shadow(), network()] {
        match line.peer {
            Ok((theirs, same)) => {
                println!("{:<66} {:>10.3e} {theirs:>10.3e} {:>7.0}x", line.what, line.ours_s, theirs / line.ours_s);
                println!("    {same}");
            }
            Err(why) => println!("{:<66} {:>10.3e}  SKIPPED: {why}", line.what, line.ours_s),
        }
    }
}
