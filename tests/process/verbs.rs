//! The verbs that fly nothing, what is refused before anything is switched on, and the exit codes of both.

use super::bench::Bench;

/// Every problem of a file at once, each with file, line and column.
#[test]
fn every_problem_of_a_file_is_told_at_once() {
    let bench = Bench::new();
    let (_, profile) = model::profile::builtin().iter().find(|(name, _)| *name == "dawn-dusk-650").expect("shipped");
    let wrong = profile.replace("altitude_km = 650.0", "altitude_m = 650.0").replace("albedo_frac = 0.30", "albedo_frac = 1.30");
    let wrong = wrong.replace("attitude = \"sun_edge\"", "attitude = \"sideways\"");
    bench.write("wrong.toml", &wrong);
    let line_of = |text: &str, words: &str| text.lines().position(|line| line.contains(words)).expect("there") + 1;
    for verb in ["profile check wrong.toml", "run --headless wrong.toml", "run --detach wrong.toml", "rehearse wrong.toml"] {
        let said = bench.run(verb).with(3).err;
        for words in ["altitude_m", "albedo_frac = 1.30", "attitude = \"sideways\""] {
            let place = format!("wrong.toml:{}:", line_of(&wrong, words));
            let told = said.lines().find(|line| line.contains(&place)).unwrap_or_else(|| panic!("{verb}: no {place} in {said}"));
            let column = told.split(&place).nth(1).and_then(|rest| rest.split(':').next()).expect("a column");
            assert!(column.parse::<u32>().is_ok_and(|n| n > 0), "{told}");
        }
        assert!(said.contains("altitude_km"), "what was expected instead: {said}");
    }

    let (_, rig) = rig::builtin().iter().find(|(name, _)| *name == "twin").expect("shipped");
    let wrong = rig.replace("lease_s = 3.0", "lease_s = 0.5").replace("max_degc = 60.0", "max_degf = 140.0");
    bench.write("rig.toml", &wrong);
    for verb in ["rig check rig.toml", "run --headless --rig rig.toml", "rig emulate rig.toml --folder rig"] {
        let said = bench.run(verb).with(3).err;
        for words in ["lease_s = 0.5", "max_degf"] {
            let place = format!("rig.toml:{}:", line_of(&wrong, words));
            assert!(said.contains(&place), "{verb}: no {place} in {said}");
        }
    }
    assert!(!bench.path("logs").exists() && !bench.path("rig").exists(), "nothing was begun");
}

/// What cannot be flown is refused with the reason, and what was mistyped with the usage.
#[test]
fn what_cannot_be_flown_is_refused() {
    let bench = Bench::new();
    for (verb, code, words) in [
        ("run --headless down-dusk-650", 3, &["down-dusk-650", "dawn-dusk-650-january", "noon-midnight-560"][..]),
        ("run --headless --rig nowhere", 3, &["twin", "meerstetter", "gpu-only"]),
        ("run --headless --accelerator cpu --assume-w 60 --speed 60", 3, &["real hardware always runs at speed 1"]),
        ("run --headless --accelerator toaster", 3, &["toaster"]),
        ("run --headless --workload cpu", 3, &["virtual"]),
        ("run --headless --speed 0", 3, &["--speed 0"]),
        ("run --headless --speed 1e9", 3, &["--speed"]),
        ("run --headless --rig meerstetter --accelerator virtual", 3, &["virtual card needs an emulated rig"]),
        ("run --headless --emulator nowhere", 3, &["nowhere", "rig emulate --folder nowhere"]),
        ("run --detach --emulator nowhere", 3, &["nowhere", "rig emulate --folder nowhere"]),
        ("run --headless --dt 0", 3, &["--dt 0"]),
        ("run --headless --duration 5fortnights", 2, &["5fortnights", "90s, 45m, 24h or 1d"]),
        ("run --headless --detach", 2, &["--headless"]),
        ("fly", 2, &["fly", "Usage"]),
        ("profile show dawn-dusk-650 --csv --step 0s", 2, &["--step"]),
        ("profile check nowhere.toml", 3, &["nowhere.toml"]),
        ("compare nothing", 3, &["nothing"]),
        ("verify nothing", 3, &["nothing"]),
        ("attach", 3, &["no run is under way"]),
    ] {
        let ended = bench.run(verb);
        assert_eq!(ended.code, Some(code), "{verb}: {}{}", ended.out, ended.err);
        for word in words {
            assert!(ended.err.contains(word), "{verb}: no {word} in {}", ended.err);
        }
    }
    let left: Vec<_> = std::fs::read_dir(bench.sockets()).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    assert!(left.iter().all(|path| path.extension().is_none_or(|e| e != "sock")), "{left:?}");
}

/// The environment timeline: a header and a row a step, first and last included.
#[test]
fn the_timeline_has_a_row_a_step() {
    let bench = Bench::new();
    let said = bench.run("profile show dawn-dusk-650 --csv --step 10s --duration 1d").with(0).out;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 8642, "8641 rows and a header");
    assert!(lines[0].starts_with("utc,mission_s,env_illumination_frac"), "{}", lines[0]);
    assert!(lines[1].starts_with("2026-06-21T00:00:00.000Z,0.000,"), "{}", lines[1]);
    assert!(lines[8641].starts_with("2026-06-22T00:00:00.000Z,86400.000,"), "{}", lines[8641]);
    let width = lines[0].split(',').count();
    assert!(lines.iter().all(|line| line.split(',').count() == width));
}

/// A day is rehearsed without waiting, with the same columns as a run, and its figures are for scripts too.
#[test]
fn a_day_is_rehearsed() {
    let bench = Bench::new();
    let said = bench.run("rehearse dawn-dusk-650 --duration 24h --json --csv day.csv").with(0).out;
    let told: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((told["flown"].as_bool(), told["mission_s"].as_f64()), (Some(true), Some(86_400.0)), "{said}");
    let rows = record::read_rows(&bench.path("day.csv")).expect("rows").rows;
    assert_eq!(told["ticks"].as_u64(), Some(rows.len() as u64));
    bench.run("rehearse noon-midnight-560 --duration 90m").with(0);
}

/// Everything else that prints and ends.
#[test]
fn small_verbs_print_what_they_promise() {
    let bench = Bench::new();
    for (verb, words) in [
        ("profile list", &["dawn-dusk-650 ", "dawn-dusk-650-january", "noon-midnight-560"][..]),
        ("profile show noon-midnight-560", &["period", "beta", "sunlight"]),
        ("profile check dawn-dusk-650", &["no problems"]),
        ("rig list", &["twin", "meerstetter", "gpu-only"]),
        ("rig check twin", &["no problems", "tec on the twin"]),
        ("rig check meerstetter", &["no problems"]),
        ("rig check gpu-only", &["no problems"]),
        ("accelerator info", &["NVML", "RAPL"]),
        ("gpu info", &["NVML"]),
        ("columns", &["rig_plate_degc", "accel_power_w"]),
        ("completions bash", &["_orbitbench", "rehearse"]),
        ("completions zsh", &["#compdef orbitbench"]),
        ("man", &[".TH orbitbench"]),
        ("--version", &["orbitbench "]),
        ("help", &["rehearse"]),
    ] {
        let said = bench.run(verb).with(0).out;
        for word in words {
            assert!(said.contains(word), "{verb}: no {word} in {said}");
        }
    }
    // The columns of the manual are those of the files.
    let columns = bench.run("columns").with(0).out;
    for name in record::Columns::all().header() {
        let documented = columns.contains(&format!("`{name}`")) || name.ends_with("_quality") || name.ends_with("_origin");
        assert!(documented, "{name}");
    }
}

/// A reader that has seen enough is no error.
#[test]
fn a_closed_pipe_is_no_error() {
    let bench = Bench::new();
    let mut child = bench.command("profile show dawn-dusk-650 --csv --step 1s --duration 1d").spawn().expect("a process");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("its end");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
