use super::*;
use signal::Document;
use twin::TwinSpec;

const RIG: &str = include_str!("../../../rigs/twin.toml");

fn rig(text: &str) -> (rig::RigFile, TwinSpec) {
    let document = Document::parse("twin.toml", text);
    let root = document.root();
    let read = (rig::RigFile::read(&root), TwinSpec::read(&root));
    document.finish(read).expect("a sound rig")
}

/// A calibration of the shipped rig, with round figures.
fn calibration() -> Calibration {
    let plant = rig(RIG).1.plant;
    let mut covariance = Square::zero(Key::ALL.len());
    let parameters: Vec<Parameter> = Key::ALL
        .into_iter()
        .map(|key| {
            let believed = key.of(&plant);
            let sigma = match key {
                Key::Capture => 0.0,
                _ if key.is_positive() => 0.02 * believed,
                _ => 0.1,
            };
            let value = if key.is_positive() { believed * 1.05 } else { believed + 0.2 };
            Parameter { key, believed, value, sigma, rests: "log (plate)".into() }
        })
        .collect();
    for (i, a) in parameters.iter().enumerate() {
        for (j, b) in parameters.iter().enumerate() {
            let correlation = if i == j { 1.0 } else { -0.04 };
            covariance.set(i, j, correlation * a.sigma * b.sigma);
        }
    }
    let mut made = Calibration {
        id: String::new(),
        made: "2026-05-04T03:02:01Z".parse().expect("an instant"),
        valid_days: 90.0,
        rig: "twin".into(),
        rig_sha256: record::sha256(RIG.as_bytes()),
        simulated: true,
        instruments: BTreeMap::from([("tec".into(), Instrument { identity: Some("a \"TEC\" 1090".into()), serial_number: Some(4242) })]),
        logs: vec![Source { file: "logs/a/samples.csv".into(), sha256: record::sha256(b"a") }],
        parameters,
        covariance,
        validity: BTreeMap::from([("plate_degc".into(), (10.0, 50.0)), ("tec_a".into(), (-3.0, 7.5))]),
        residuals: BTreeMap::from([("plate_k".into(), 0.04), ("voltage_v".into(), 0.1)]),
        steady: Some((0.41, 0.02)),
    };
    made.id = file::id_of(&made.text());
    made
}

#[test]
fn what_is_written_is_read_back() {
    let written = calibration();
    let text = written.text();
    assert_eq!(Calibration::read("c.toml", &text).unwrap_or_else(|why| panic!("{why}\n{text}")), written);
    assert!(written.id.starts_with("cal-") && written.id.len() == 16);
    // What an editor does to line ends is no change.
    assert!(Calibration::read("c.toml", &text.replace('\n', "\r\n")).is_ok());
}

#[test]
fn every_problem_of_a_file_comes_at_once() {
    let text = calibration().text();
    let spoiled = text
        .replace("schema = 1", "schema = 2")
        .replace("value = 63.0", "value = -63.0")
        .replace("plate_degc = [10.0, 50.0]", "plate_degc = [50.0, 10.0]")
        .replace("unit = \"s\"", "unit = \"ms\"")
        .replace("valid_days = 90.0", "valid_day = 90.0")
        .replace("standard_uncertainty = 1.2", "standard_uncertainty = 1.3");
    let problems = Calibration::read("c.toml", &spoiled).expect_err("much is wrong").to_string();
    for expected in [
        "c.toml:2:10: `schema`: 2 is not known",
        "the file was changed after it was written",
        "`parameter.die_j_k.value` = -63 is impossible here: expected a number from 0.1 to 100000",
        "`validity.plate_degc`: expected two numbers, the smaller first",
        "\"ms\" is not the unit of plate_delay_s: expected \"s\"",
        "unknown key `valid_day` at the top of the file; did you mean `valid_days`?",
        "`covariance.die_j_k`: the variance is not the square of the standard uncertainty",
    ] {
        assert!(problems.contains(expected), "no {expected:?} in\n{problems}");
    }
    // One digit is enough.
    let changed = Calibration::read("c.toml", &text.replace("value = 63.0", "value = 63.1")).expect_err("changed").to_string();
    assert!(changed.contains("changed after it was written"), "{changed}");
}

#[test]
fn it_is_of_one_rig_and_not_for_ever() {
    let c = calibration();
    assert_eq!(c.refuses(&rig(RIG).0), None);
    let other = rig(&RIG.replace("name = \"twin\"", "name = \"twin2\"")).0;
    assert!(c.refuses(&other).is_some_and(|why| why.contains("of the rig \"twin\", not of \"twin2\"")));
    let swapped = rig(&RIG.replace("serial_number = 4242", "serial_number = 4243")).0;
    assert!(c.refuses(&swapped).is_some_and(|why| why.contains("serial number 4242, and this rig has 4243")));
    let at = |text: &str| text.parse().expect("an instant");
    assert_eq!(c.stale(at("2026-08-02T03:02:01Z")), None);
    assert!(c.stale(at("2026-08-03T03:02:01Z")).is_some_and(|why| why.contains("91 days old")));
    assert!(c.stale(at("2026-05-01T00:00:00Z")).is_some());
    assert_eq!(c.outside("plate_degc", 51.9), None);
    assert_eq!(c.outside("plate_degc", 52.1), Some((10.0, 50.0)));
    assert_eq!(c.outside("die_degc", 1e3), None, "nothing is claimed of what was not seen");
}

#[test]
fn applied_it_is_the_plant() {
    let c = calibration();
    let mut plant = rig(RIG).1.plant;
    c.apply(&mut plant);
    for p in &c.parameters {
        assert_eq!(p.key.of(&plant), if matches!(p.key as usize, 11..) { 0.0 } else { p.value }, "{}", p.key.name());
    }
    assert_eq!(c.offsets(), Offsets { plate_k: 0.2, sink_k: 0.2, die_k: 0.2 });
}

/// Mean and covariance of many draws are those stated; what is fixed stays, what is positive stays so.
#[test]
fn draws_scatter_as_stated() {
    let c = calibration();
    let n = 20_000;
    let draws: Vec<Vec<(Key, f64)>> = (0..n).map(|i| c.sample(i)).collect();
    assert_eq!(c.sample(7), draws[7]);
    for (i, a) in c.parameters.iter().enumerate() {
        assert!(draws.iter().all(|d| d[i].0 == a.key && (a.sigma > 0.0 || d[i].1 == a.value)));
        for (j, b) in c.parameters.iter().enumerate().filter(|(_, b)| a.sigma > 0.0 && b.sigma > 0.0) {
            let z = |k: usize, p: &Parameter, d: &Vec<(Key, f64)>| {
                if p.key.is_positive() { (d[k].1 / p.value).ln() * p.value / p.sigma } else { (d[k].1 - p.value) / p.sigma }
            };
            let found: f64 = draws.iter().map(|d| z(i, a, d) * z(j, b, d)).sum::<f64>() / n as f64;
            let expected = if i == j { 1.0 } else { -0.04 };
            assert!((found - expected).abs() < 0.05, "{} {}: {found}", a.key.name(), b.key.name());
        }
    }
}

/// The doubts are the covariance: their outer products add up to it. And a bench drawn is one of those stated, again and again.
#[test]
fn doubts_and_draws_are_of_the_calibrated_bench() {
    let c = calibration();
    let spec = rig(RIG).1;
    let belief = c.belief(&spec.plant);
    assert_eq!((belief.plate_offset_k, belief.card.die_offset_k, belief.plant.die_j_k), (0.2, 0.2, 63.0));
    let doubts = c.doubts(&spec.plant, &spec.spreads);
    let (own, rest): (Vec<_>, Vec<_>) = doubts.iter().partition(|d| Key::named(d.key).is_some());
    assert_eq!(own.len(), Key::ALL.len() - 1, "all but the fixed one");
    let variance: f64 = own.iter().map(|d| (d.truth.plant.plate_j_k / belief.plant.plate_j_k).ln().powi(2)).sum();
    assert!((variance.sqrt() - 0.02 / 1.05).abs() < 1e-12, "{}", variance.sqrt());
    let covariance: f64 = own
        .iter()
        .map(|d| (d.truth.plant.plate_j_k / belief.plant.plate_j_k).ln() * (d.truth.plate_offset_k - belief.plate_offset_k))
        .sum();
    assert!((covariance - -0.04 * 0.1 * 0.02 / 1.05).abs() < 1e-12, "{covariance}");
    // What is not calibrated stays as declared; the room of another day is among it.
    let names: Vec<&str> = rest.iter().map(|d| d.key).collect();
    assert_eq!(names, ["power_gain_frac", "work_frac", "room_k"]);
    assert!(rest.iter().all(|d| d.truth.plate_offset_k == 0.2 && d.truth.plant.die_j_k == 63.0));
    let (one, again, other) =
        (c.drawn(&spec.plant, &spec.spreads, 3), c.drawn(&spec.plant, &spec.spreads, 3), c.drawn(&spec.plant, &spec.spreads, 4));
    assert_eq!((one.plant.loss_w_k, one.sink_offset_k), (again.plant.loss_w_k, again.sink_offset_k));
    assert!(one.plant.loss_w_k != other.plant.loss_w_k && one.noise_k == spec.spreads.noise_k);
    assert_eq!(one.plant.capture_frac, c.get(Key::Capture).value);
}
