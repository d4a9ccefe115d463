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
        ("run --headless --commissioning nowhere.toml", 3, &["nowhere.toml"]),
        ("run --headless --unattended --uncommissioned", 3, &["not with --unattended"]),
        ("run --headless --rig meerstetter --accelerator cpu --assume-w 60", 3, &["rig commission meerstetter", "--uncommissioned"]),
        ("run --headless --rig meerstetter --accelerator cpu --assume-w 60 --unattended", 3, &["the room's humidity", "[waiver]"]),
        (
            "run --headless --rig solar --accelerator cpu --assume-w 60 --unattended",
            3,
            &["for 4 reasons", "lease.array", "lease.lamp", "\"dew\"", "rig commission solar"],
        ),
        ("run --headless --rig reference --accelerator cpu --assume-w 60 --unattended", 3, &["rig commission reference"]),
        ("rig probe /dev/nowhere", 3, &["/dev/nowhere: left alone", "1 of the ports could not be asked"]),
        ("rig probe --out runtime", 3, &["runtime is there already"]),
        ("rig probe --modbus 0", 2, &["--modbus"]),
        ("rig commission twin", 3, &["--answers"]),
        ("rig commission twin --answers nowhere.toml", 3, &["nowhere.toml"]),
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

/// Where there is no beta angle its cell is empty and the screen says so: missing is missing.
#[test]
fn a_building_has_no_beta_angle() {
    let bench = Bench::new();
    for (name, _) in model::profile::builtin() {
        let shown = bench.run(&format!("profile show {name}")).with(0).out;
        let csv = bench.run(&format!("profile show {name} --csv --step 1h --duration 2h")).with(0).out;
        assert!(!shown.contains("NaN") && !csv.contains("NaN"), "{name}: {shown}{csv}");
        let none = ["ground-air", "ground-liquid"].contains(name);
        assert_eq!(shown.contains("beta       –\n"), none, "{shown}");
        let cells: Vec<&str> = csv.lines().nth(1).expect("a row").split(',').collect();
        assert_eq!(cells[3].is_empty(), none, "{csv}");
        assert_eq!(cells.len(), csv.lines().next().expect("a header").split(',').count());
    }
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

/// A year of any profile is drawn within 80 columns, as an SVG that stands alone, and as a row a day.
#[test]
fn a_year_is_drawn() {
    let bench = Bench::new();
    for (profile, words) in [
        ("dawn-dusk-650", &["orbit plane", "longest eclipse 20.", "eclipse season", "Jan", "Dec", "Sink temperature"][..]),
        ("dawn-dusk-1400", &["longest umbra 0.0 min"]),
        ("geostationary", &["days with eclipse 9"]),
        ("lunar-orbit-100", &["117.8 min"]),
        ("lunar-night", &["Height of the Sun", "longest night 35"]),
        ("deep-space-1au", &["sunlit 100.00 %"]),
        ("ground-air", &["air or water"]),
    ] {
        let said = bench.run(&format!("profile plot {profile} --svg {profile}.svg")).with(0).out;
        for word in words {
            assert!(said.contains(word), "{profile}: no {word} in {said}");
        }
        let widest = said.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{profile}: {widest:?} columns");
        let svg = std::fs::read_to_string(bench.path(&format!("{profile}.svg"))).expect("an SVG");
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.ends_with("</svg>\n"));
        for outside in ["<script", "href", "@import", "url(", "NaN", "inf "] {
            assert!(!svg.contains(outside), "{profile}: {outside}");
        }
        balanced(&svg);
    }
    let said = bench.run("profile plot dawn-dusk-650 --csv -").with(0).out;
    let rows: Vec<Vec<&str>> = said.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 366, "a header and a row a day");
    assert!(rows.iter().all(|row| row.len() == rows[0].len()));
    assert_eq!((rows[0][0], rows[1][0]), ("utc", "2026-01-01T00:00:00.000Z"));
    let of = |name: &str| rows[0].iter().position(|cell| *cell == name).expect("a column");
    let longest = rows[1..].iter().map(|row| row[of("env_longest_eclipse_s")].parse::<f64>().expect("a number")).fold(0.0, f64::max);
    assert!((longest - 1206.0).abs() < 12.0, "{longest}");
    // Standard output is a file for a program or a chart for a person, never both.
    assert!(!said.contains("Sink temperature"));
    let said = bench.run("profile plot dawn-dusk-650-january --days 40").with(0).out;
    assert!(said.contains("eclipses none") && !said.contains("eclipse season"), "{said}");
    bench.run("profile plot iss-420 --days 2 --from 2026-06-12T00:00:00Z").with(0);
    bench.run("profile plot iss-420 --days 0").with(2);
    bench.run("profile plot nowhere").with(3);
}

/// A file that was asked for and cannot be written is bad input, not a fault of the program: which, why, and what to do.
#[test]
fn what_cannot_be_written_is_told() {
    let bench = Bench::new();
    bench.write("file", "not a folder");
    bench.write("iss.tle", "ISS (ZARYA)\n1 25544U 98067A   14020.93268519  .00009878  00000-0  18200-3 0  5082\n2 25544  51.6498 109.4756 0003572  55.9686 274.8005 15.49815350868473\n");
    let make = "profile make --name p --altitude-km 550 --ltan-h 18 --epoch 2026-06-21T00:00:00Z --out";
    let rehearse = "rehearse dawn-dusk-650 --duration 1m";
    for verb in [
        "profile plot iss-420 --svg",
        "profile plot iss-420 --csv",
        "profile trade dawn-dusk-650 --csv",
        make,
        "profile import iss.tle --epoch 2014-01-21T12:00:00Z --out",
        &format!("{rehearse} --csv"),
        &format!("{rehearse} --band"),
    ] {
        for (place, why) in [("no/such/x", "No such file or directory"), ("file/x", "Not a directory")] {
            let said = bench.run(&format!("{verb} {place}")).with(3).err;
            let told = said.contains(&format!("cannot write {place}: {why}")) && said.contains("name a file in a folder that exists");
            assert!(told, "{verb} {place}: {said}");
        }
    }
    let sweep = "sweep dawn-dusk-650 --vary radiator.area_m2=100..150:2 --out";
    assert!(bench.run(&format!("{sweep} no/such/x.csv")).with(3).err.contains("cannot write no/such/x.csv"));
    for out in ["file", "file/deeper"] {
        let said = bench.run(&format!("run --headless --duration 1m --out {out}")).with(3).err;
        assert!(said.contains(out) && !said.contains("internal"), "{said}");
    }
}

/// Every element of an XML text that is opened is closed, in order, and every `&` begins an entity.
fn balanced(xml: &str) {
    let mut open = Vec::new();
    for tag in xml.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').expect("a tag ends");
        assert!(text.split('&').skip(1).all(|entity| entity.split(';').next().is_some_and(|name| name.len() <= 4)), "{text}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed out of order");
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().expect("a name"));
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// Profiles are made from flags, each sound and flyable, and nothing is written that is not.
#[test]
fn profiles_are_made_from_flags() {
    let bench = Bench::new();
    for (name, flags, words) in [
        (
            "dusk",
            "--altitude-km 550 --ltan-h 18 --year 2026",
            &[
                "kind = \"sun_synchronous\"",
                "altitude_km = 550.0",
                "epoch = 2026-06-2",
                "smallest |beta| of 2026",
                "area_m2 = 150.0                  # assumed",
            ][..],
        ),
        (
            "round",
            "--kind circular --altitude-km 1200 --inclination-deg 86.4 --raan-deg 10 --epoch 2027-03-01T12:00:00Z",
            &["epoch = 2027-03-01T12:00:00Z", "title = \"Circular, 1200 km, 86.4 deg\""],
        ),
        (
            "oval",
            "--kind elliptic --perigee-altitude-km 600 --apogee-altitude-km 39900 --inclination-deg 63.4 --raan-deg -10 --argument-of-perigee-deg 270 --epoch 2026-01-01T00:00:00Z --title Tall",
            &["title = \"Tall\"", "raan_deg = -10.0"],
        ),
        ("belt", "--kind geostationary --longitude-deg 19.2 --year 2026", &["longitude_deg = 19.2", "the middle of its eclipses"]),
        (
            "sunrise",
            "--kind lunar-surface --latitude-deg 0 --start-local-time-h 6",
            &["duration_orbits = 0.5", "albedo_frac = 0.073", "area_m2 = 400.0"],
        ),
        (
            "mare",
            "--kind lunar-surface --latitude-deg -30 --longitude-deg 15 --epoch 2026-01-18T00:00:00Z",
            &["longitude_deg = 15.0", "albedo_frac = 0.073"],
        ),
        (
            "far",
            "--kind deep-space --distance-au 1.5 --year 2030",
            &["distance_au = 1.5", "epoch = 2030-01-01", "title = \"Deep space, 1.5 AU from the Sun\""],
        ),
        (
            "hall",
            "--kind ground --rejection air --inlet-degc 27",
            &["convection_w_m2k = 30.0", "title = \"Ground, air of 27 degC, grid power\""],
        ),
        ("wet", "--kind ground --rejection liquid --inlet-degc 40", &["convection_w_m2k = 100.0"]),
        (
            "field",
            "--kind ground --rejection air --inlet-degc 20 --inlet-swing-k 5 --power solar --latitude-deg 40 --capacity-factor-frac 0.25 --start-local-time-h 12 --epoch 2026-06-21T00:00:00Z",
            &["power = \"solar\"", "solar_constant_w_m2 = 1361.0", "capacity_factor_frac = 0.25"],
        ),
        (
            "wetfield",
            "--kind ground --rejection liquid --inlet-degc 20 --power solar --latitude-deg 40 --capacity-factor-frac 0.25 --start-local-time-h 12",
            &["convection_w_m2k = 100.0"],
        ),
        (
            "moon",
            "--kind circular --body moon --altitude-km 200 --inclination-deg 90 --ltan-h 6 --epoch 2026-01-01T00:00:00Z --like dawn-dusk-600-ai1",
            &["body = \"moon\"", "albedo_frac = 0.073", "area_m2 = 110.0"],
        ),
    ] {
        bench.run(&format!("profile make --name {name} --out {name}.toml {flags}")).with(0);
        let text = std::fs::read_to_string(bench.path(&format!("{name}.toml"))).expect("a profile");
        for word in words {
            assert!(text.contains(word), "{name}: no {word} in\n{text}");
        }
        let said = bench.run(&format!("profile check {name}.toml")).with(0).out;
        assert!(said.contains("no problems"), "{said}");
        // A small hot radiator over a hot Moon starts beyond what this rig reaches, which is said.
        let code = if name == "moon" { 3 } else { 0 };
        bench.run(&format!("rehearse {name}.toml --duration 5m")).with(code);
        let again = bench.run(&format!("profile make --name {name} --out {name}.toml {flags}")).with(3).err;
        assert!(again.contains("--force"), "{again}");
    }
    bench.run("profile make --name dusk --out dusk.toml --altitude-km 600 --ltan-h 6 --epoch 2026-01-01T00:00:00Z --force").with(0);
    bench.run("rehearse dusk.toml --duration 10m").with(0);
    assert!(
        bench
            .run("profile make --name p --out - --altitude-km 600 --ltan-h 6 --epoch 2026-01-01T00:00:00Z")
            .with(0)
            .out
            .contains("name = \"p\"")
    );
    for (flags, words) in [
        ("--altitude-km 7000 --ltan-h 18", &["no orbit at 7000 km is sun-synchronous"][..]),
        ("--altitude-km 600", &["missing `ltan_h`", "--altitude-km"]),
        ("--kind circular --altitude-km 600 --longitude-deg 5", &["missing `inclination_deg`", "longitude_deg", "raan_deg"]),
        ("--kind circular --altitude-km -50 --inclination-deg 5 --raan-deg 0", &["altitude_km"]),
        ("--altitude-km 600 --ltan-h 18 --epoch tomorrow", &["--epoch \"tomorrow\"", "2026-06-21T00:00:00Z"]),
        ("--kind ground --inlet-degc 20", &["missing `rejection`"]),
        ("--kind deep-space", &["missing `distance_au`"]),
        ("--kind lunar-surface --latitude-deg 10 --longitude-deg 5 --start-local-time-h 12", &["remove one of them"]),
        ("--kind deep-space --distance-au 1 --altitude-km 500", &["altitude_km"]),
        ("--altitude-km 600 --ltan-h 18 --like nothing", &["no profile \"nothing\""]),
    ] {
        let said = bench.run(&format!("profile make --name p --out p.toml {flags}")).with(3).err;
        for word in words {
            assert!(said.contains(word), "{flags}: no {word} in {said}");
        }
        assert!(!bench.path("p.toml").exists(), "{flags}: something was written");
    }
}

/// Several files are checked at once: the sound ones with what is doubtful, the others with every problem.
#[test]
fn several_profiles_are_checked_at_once() {
    let bench = Bench::new();
    let (_, profile) = model::profile::builtin()[0];
    bench.write("doubtful.toml", &profile.replace("area_m2 = 150.0", "area_m2 = 60.0"));
    bench.write("wrong.toml", &profile.replace("altitude_km = 650.0", "altitude_km = 6500.0").replace("panels = 4", "panels = 40"));
    let ended = bench.run("profile check doubtful.toml wrong.toml nowhere.toml iss-420").with(3);
    for words in ["doubtful.toml: no problems, 2 warnings", "warning: full load needs a supply", "iss-420: no problems"] {
        assert!(ended.out.contains(words), "no {words} in {}", ended.out);
    }
    for words in ["wrong.toml has 2 problems", "is sun-synchronous", "radiator.panels", "no profile \"nowhere.toml\"", "2 of 4 files"] {
        assert!(ended.err.contains(words), "no {words} in {}", ended.err);
    }
    bench.run("profile check doubtful.toml").with(0);
    bench.run("profile check").with(2);
}

/// Everything else that prints and ends.
#[test]
fn small_verbs_print_what_they_promise() {
    let bench = Bench::new();
    for (verb, words) in [
        ("profile list", &["NAME", "BODY", "KIND", "dawn-dusk-650 ", "noon-midnight-560", "Earth  geostationary ", "Moon"][..]),
        ("profile show noon-midnight-560", &["period", "beta", "sunlight"]),
        ("profile check dawn-dusk-650", &["no problems"]),
        ("rig list", &["twin", "meerstetter", "gpu-only"]),
        ("rig check twin", &["no problems", "tec on the twin", "runs without", "leakage is what limits it (0 W/K declared)", "any delay"]),
        ("rig check meerstetter", &["no problems", "not commissioned", "--uncommissioned"]),
        ("rig check gpu-only", &["no problems"]),
        ("rig check lauda", &["the device itself is not told", "sensor type", "not told apart from another of its kind"]),
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
        let documented = columns.contains(&format!("`{name}`")) || ["_quality", "_origin", "_source"].iter().any(|end| name.ends_with(end));
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

/// Masses and trade curves: for people on 80 columns, for scripts as JSON and CSV, the same every time.
#[test]
fn a_satellite_is_weighed_and_traded() {
    let bench = Bench::new();
    for verb in ["profile masses dawn-dusk-650", "profile masses noon-midnight-560 --board-w 72", "profile trade dawn-dusk-650"] {
        let said = bench.run(verb).with(0).out;
        assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
        assert_eq!(said, bench.run(verb).with(0).out, "{verb}: the same seed, the same figures");
    }
    // On the ground heat goes to the air, and what is weighed is no satellite; a night without a battery says what it would ask.
    for (verb, words, never) in [
        ("profile trade ground-air", &["to 22.0 °C", "building", "coil"][..], &["861", "satellite", "radiator"][..]),
        (
            "profile masses ground-air",
            &["Masses of the building", "nothing is launched", "Coil: per m2"],
            &["Masses of the satellite", "1 AU", "scratch"],
        ),
        ("profile masses ground-solar", &["Masses of the building", "MWh"], &["Masses of the satellite"]),
        (
            "profile masses lunar-night",
            &["Masses of the installation", "No battery is modelled", "35.4", "a lunar day"],
            &["of the satellite"],
        ),
    ] {
        let said = bench.run(verb).with(0).out;
        assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
        for word in words {
            assert!(said.contains(word), "{verb}: no {word} in {said}");
        }
        for word in never {
            assert!(!said.contains(word), "{verb}: {word} in {said}");
        }
    }
    let said = bench.run("profile masses dawn-dusk-650 --json --draws 5000 --seed 7").with(0).out;
    let told: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let w_kg = &told["drawn"]["draws_w_kg"];
    let [low, median, high] = ["low", "median", "high"].map(|k| w_kg[k].as_f64().expect("a number"));
    assert!(low < median && median < high && (15.0..25.0).contains(&median), "{w_kg}");
    assert_eq!(told["drawn"]["parts"].as_array().map(Vec::len), Some(7));

    bench.run("profile trade dawn-dusk-650 --from -150 --to 60 --step 30 --csv trade.csv").with(0);
    let text = std::fs::read_to_string(bench.path("trade.csv")).expect("curves");
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert!(rows.len() == 9 && rows.iter().all(|row| row.len() == rows[0].len()), "{text}");
    assert!(rows[1][3].is_empty() && !rows[8][3].is_empty(), "what cannot be built is missing: {text}");

    for (verb, words) in [
        ("profile trade dawn-dusk-650 --carnot 1.2", "nothing beats Carnot"),
        ("profile trade dawn-dusk-650 --from 50 --to 20", "the lower first"),
        ("profile masses nowhere", "nowhere"),
    ] {
        let said = bench.run(verb).with(3).err;
        assert!(said.contains(words), "{verb}: {said}");
    }
}

/// A rehearsal replaces an older file of its name, and nothing else: what stands there and is no file stays.
#[test]
fn what_is_no_file_is_not_replaced() {
    use std::os::unix::fs::FileTypeExt;
    let bench = Bench::new();
    let _listener = std::os::unix::net::UnixListener::bind(bench.path("taken")).expect("a socket in the way");
    for option in ["--csv", "--band"] {
        let said = bench.run(&format!("rehearse --duration 60s {option} taken")).with(3).err;
        assert!(said.contains("taken") && said.contains("is no file"), "{said}");
    }
    assert!(std::fs::metadata(bench.path("taken")).expect("still there").file_type().is_socket());
}

/// The keys that a waiver takes are the ones that are printed, and what is waived is in the words of the risk.
#[test]
fn a_check_prints_the_keys_of_what_is_and_what_is_not_waived() {
    let bench = Bench::new();
    let open = bench.run("rig check sinara").with(0);
    for words in ["not guarded (dew)", "waives = [\"lease.tec\"]", "waives = [\"dew\"]"] {
        assert!(open.out.contains(words), "no {words} in {}", open.out);
    }
    let waived = bench.run("rig check desk").with(0);
    assert!(
        waived.out.contains("waived by nobody on 2026-11-28") && waived.out.contains("lease.array: array has no lease"),
        "{}",
        waived.out
    );
}
