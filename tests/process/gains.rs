//! What `rehearse` says of a policy's gain, in words and as JSON, as an operator and a script meet it.

use super::bench::Bench;

/// The line of the policy.
fn told(bench: &Bench, arguments: &str) -> String {
    let said = bench.run(&format!("rehearse {arguments}")).with(0).out;
    said.lines().find(|l| l.trim_start().starts_with("policy")).unwrap_or_else(|| panic!("no policy in {said}")).trim().to_owned()
}

fn json(bench: &Bench, arguments: &str) -> serde_json::Value {
    serde_json::from_str(&bench.run(&format!("rehearse {arguments} --json")).with(0).out).expect("JSON")
}

/// Words with every number taken out: what a script may look for, whatever the physics.
fn shape(words: &str) -> String {
    let number = |word: &str| word.trim_start_matches(['+', '-']).parse::<f64>().is_ok();
    let of = |word: &str| if number(word) { "#".to_owned() } else { word.to_owned() };
    words.split_whitespace().map(of).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_gain_is_told_over_whole_orbits_with_what_the_step_makes_of_it() {
    let bench = Bench::new();
    let line = told(&bench, "shell-1000 --policy battery --dt 10");
    let (policy, words) = line.split_once(": ").expect("the policy and its gain");
    assert_eq!(shape(policy), "policy battery");
    let (less, more) = ("less", "more");
    let expected = |than| {
        format!(
            "# % (± # % by the step of # s) work over follow-sun in one whole orbit: # % as counted, # % for # J {than} that its battery gained than follow-sun's"
        )
    };
    assert!([expected(less), expected(more)].contains(&shape(words)), "{line}");
    let found = json(&bench, "shell-1000 --policy battery --dt 10");
    let gain = &found["gain"];
    let keys: Vec<&str> = gain.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["charge_j", "counted_frac", "frac", "orbits", "step_frac", "step_s"]);
    assert_eq!((&gain["orbits"], &gain["step_s"], &gain["frac"]), (&1.into(), &10.0.into(), &found["gain_over_follow_sun"]));
    let percent = format!("{:+.2} %", gain["frac"].as_f64().expect("a number") * 100.0);
    assert!(words.starts_with(&percent), "{percent}: {line}");
    // What the step makes of the gain is what was said of it: a step a tenth as long is within that, and a hundredth of a per cent of its rounding.
    let fine = json(&bench, "shell-1000 --policy battery --dt 1")["gain"]["frac"].as_f64().expect("a number");
    let (frac, step) = (gain["frac"].as_f64().expect("a number"), gain["step_frac"].as_f64().expect("a number"));
    assert!((frac - fine).abs() < 5e-4 && step < 1e-3, "{frac} ± {step}, {fine} in steps of a second");
}

#[test]
fn no_gain_is_made_up() {
    let bench = Bench::new();
    // Less than an orbit, and following the Sun against itself.
    let short = "shell-1000 --policy battery --dt 10 --duration 50m";
    assert!(
        told(&bench, short)
            .starts_with("policy    battery; its gain over follow-sun is not known: the flight is shorter than an orbit of 6308 s")
    );
    let found = json(&bench, short);
    assert!(found.get("gain").is_none() && found.get("gain_over_follow_sun").is_none());
    assert!(found["gain_unknown"].as_str().expect("why").contains("--duration of whole orbits"), "{found}");
    let sun = json(&bench, "shell-1000 --policy follow-sun --dt 10");
    assert!(["gain", "gain_over_follow_sun", "gain_unknown"].iter().all(|key| sun.get(key).is_none()), "{sun}");
    assert!(!bench.run("rehearse shell-1000 --policy follow-sun --dt 10").with(0).out.contains("over follow-sun"));
    // Without a battery there is nothing to correct, nor an orbit to wait for.
    let bare = told(&bench, "deep-space-1au --policy fixed:0.5 --dt 10 --duration 1h");
    assert!(bare.contains("work over follow-sun (no battery: nothing to correct)") && bare.starts_with("policy    fixed: -"), "{bare}");
    // Twice a minute is a step that no flight may have: what the step makes of the gain is then not said.
    let coarse = told(&bench, "shell-1000 --policy battery --dt 40");
    assert!(coarse.contains(" work over follow-sun in one whole orbit") && !coarse.contains('±'), "{coarse}");
}

/// A run has no rival beside it: its summary tells of no gain.
#[test]
fn a_summary_tells_of_no_gain() {
    let bench = Bench::new();
    let ended = bench.run("run noon-midnight-560 --policy battery --headless --duration 30s --speed 120").with(0);
    let summary = std::fs::read_to_string(std::path::Path::new(ended.line(1)).join(record::SUMMARY)).expect("a summary");
    assert!(summary.contains("work_units") || summary.contains("\"work\""), "{summary}");
    assert!(!summary.contains("gain_over") && !ended.out.contains("over follow-sun"), "{summary}");
}
