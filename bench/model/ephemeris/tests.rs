//! What the readers take, what they refuse and where, and that positions come out where another program put them.

mod refused;

use super::*;
use crate::profile::Profile;
use crate::vector::{minus, norm};
use proptest::prelude::*;

const ISS: &str = include_str!("../testdata/ephemeris/iss.oem");
const STK: &str = include_str!("../testdata/ephemeris/leo.e");
const GMAT: &str = include_str!("../testdata/ephemeris/leo_gmat.csv");
const BASILISK: &str = include_str!("../testdata/ephemeris/leo_basilisk.csv");
const TRUTH: &str = include_str!("../testdata/ephemeris/leo_truth.csv");
/// The elements `iss.oem` was made from.
const TLE: &str = "ISS (ZARYA)\n\
    1 25544U 98067A   14020.93268519  .00009878  00000-0  18200-3 0  5082\n\
    2 25544  51.6498 109.4756 0003572  55.9686 274.8005 15.49815350868473\n";
const OMM: &str = r#"{
    "OBJECT_NAME": "ISS (ZARYA)", "OBJECT_ID": "1998-067A", "CENTER_NAME": "EARTH", "REF_FRAME": "TEME",
    "TIME_SYSTEM": "UTC", "MEAN_ELEMENT_THEORY": "SGP4",
    "EPOCH": "2014-01-20T22:23:04.000416",
    "MEAN_MOTION": 15.49815350, "ECCENTRICITY": 0.0003572, "INCLINATION": 51.6498,
    "RA_OF_ASC_NODE": 109.4756, "ARG_OF_PERICENTER": 55.9686, "MEAN_ANOMALY": 274.8005,
    "EPHEMERIS_TYPE": 0, "CLASSIFICATION_TYPE": "U", "NORAD_CAT_ID": 25544, "ELEMENT_SET_NO": 508,
    "REV_AT_EPOCH": 86847, "BSTAR": 0.000182, "MEAN_MOTION_DOT": 0.00009878, "MEAN_MOTION_DDOT": 0
}"#;

fn gmat() -> csv::Declared {
    csv::Declared {
        columns: Some("t=instant,x=km,y=km,z=km".into()),
        frame: Some("J2000".into()),
        center: Some("earth".into()),
        time_scale: Some("UTC".into()),
        ..csv::Declared::default()
    }
}

fn ephemeris(file: &str, text: &str, format: Format, declared: &csv::Declared) -> Ephemeris {
    match read(file, text, format, declared) {
        Ok(Imported::Ephemeris(ephemeris)) => ephemeris,
        Ok(Imported::Elements(_)) => panic!("no table"),
        Err(problems) => panic!("{problems}"),
    }
}

fn elements(text: &str, format: Format) -> ElementSet {
    match read("f", text, format, &csv::Declared::default()) {
        Ok(Imported::Elements(mut sets)) => sets.remove(0),
        Ok(Imported::Ephemeris(_)) => panic!("no elements"),
        Err(problems) => panic!("{problems}"),
    }
}

fn problems(text: &str, format: Format, declared: &csv::Declared) -> String {
    read("f.x", text, format, declared).err().map_or_else(String::new, |p| p.to_string())
}

fn at(utc: &str) -> Tai {
    scale::instant(scale::TimeScale::Utc, utc).expect("a literal")
}

#[test]
fn three_programs_formats_give_the_integrated_orbit() {
    let start = at("2026-06-21T00:00:00");
    let to_epoch = Precession::between(Centuries::J2000, Centuries::from(start.utc()));
    // Without velocities the eight points are on one side near an end.
    for (name, text, format, declared, within_km) in [
        ("leo.e", STK, Format::Stk, csv::Declared::default(), 1e-6),
        ("leo_basilisk.csv", BASILISK, Format::Csv, csv::Declared::default(), 1e-5),
        ("leo_gmat.csv", GMAT, Format::Csv, gmat(), 1e-3),
    ] {
        assert_eq!(Format::guess(name, text), Some(format));
        let read = ephemeris(name, text, format, &declared);
        assert_eq!((read.len(), read.body), (181, Body::Earth), "{name}");
        let table = read.table(start).expect("closed");
        let mut worst = 0.0_f64;
        for row in TRUTH.lines().skip(1) {
            let n: Vec<f64> = row.split(',').map(|c| c.parse().expect("a number")).collect();
            worst = worst.max(norm(minus(table.vectors(n[0]).0, to_epoch.apply([n[1], n[2], n[3]]))));
        }
        assert!(worst < within_km, "{name}: {worst} km");
    }
}

#[test]
fn the_published_kind_of_message_flies_as_the_elements_it_was_made_from() {
    let start = at("2014-01-21T12:00:00");
    let table = ephemeris("iss.oem", ISS, Format::Oem, &csv::Declared::default()).table(start).expect("closed");
    let flown = elements(TLE, Format::Tle).trajectory(start).expect("flies");
    assert_eq!(table.span_s(), 0.0..=86_400.0);
    for k in 0..1440 {
        let t = f64::from(k) * 60.0 + 17.0;
        let off = norm(minus(table.vectors(t).0, flown.vectors(t).expect("in the span").0));
        // Half an arc second of nutation left out, 17 m; millimetres of the interpolation.
        assert!(off < 0.02, "{t}: {off} km");
    }
    let said = elements(OMM, Format::Omm).trajectory(start).expect("flies");
    let off = norm(minus(said.vectors(3600.0).expect("in the span").0, flown.vectors(3600.0).expect("in the span").0));
    assert!(off < 1e-4, "the message says what the lines say: {off} km");
}

/// A profile of what was imported, with the rest of a shipped one.
fn profile(orbit: &str, orbits: f64) -> String {
    let like = crate::profile::builtin()[0].1;
    let rest = &like[like.find("[environment]").expect("a table")..];
    format!("schema = 1\nname = \"imported\"\ntitle = \"t\"\nduration_orbits = {orbits}\n{orbit}{rest}")
}

#[test]
fn what_is_written_into_a_profile_flies_the_same() {
    let start = at("2014-01-21T12:00:00");
    let (until, day) = (at("2014-01-22T12:00:00"), 86_400.0);
    let message = ephemeris("iss.oem", ISS, Format::Oem, &csv::Declared::default());
    let mut edges = Vec::new();
    for orbit in [
        orbit_table(&message, start, until),
        orbit_table(&elements(TLE, Format::Tle), start, until),
        orbit_table(&elements(OMM, Format::Omm), start, until),
    ] {
        let profile = Profile::parse("p.toml", &profile(&orbit, 15.0)).unwrap_or_else(|p| panic!("{p}"));
        assert!((profile.environment.period_s() - 5570.0).abs() < 20.0, "{}", profile.environment.period_s());
        let found = profile.environment.shadow_edges(0.0, day);
        let lit: f64 = profile.environment.timeline(0.0, day, 30.0).map(|(_, s)| s.illumination).sum::<f64>() / (day / 30.0 + 1.0);
        edges.push((found, lit, profile.environment.at(3600.0).beta_deg));
    }
    // The station in January 2014: four contacts an orbit, 15 and a half orbits, sunlit 60 to 65 % of the time.
    assert!(edges[0].0.len() >= 60 && (0.55..0.70).contains(&edges[0].1), "{} {}", edges[0].0.len(), edges[0].1);
    for other in &edges[1..] {
        assert_eq!(other.0.len(), edges[0].0.len());
        for (a, b) in other.0.iter().zip(&edges[0].0) {
            assert!(a.contact == b.contact && (a.mission_s - b.mission_s).abs() < 0.02, "{a:?} {b:?}");
        }
        assert!((other.2 - edges[0].2).abs() < 1e-3);
    }
}

#[test]
fn a_profile_does_not_outlast_its_data() {
    let start = at("2014-01-21T12:00:00");
    let message = ephemeris("iss.oem", ISS, Format::Oem, &csv::Declared::default());
    let text = profile(&orbit_table(&message, start, at("2014-01-22T12:00:00")), 16.0);
    let found = Profile::parse("p.toml", &text).expect_err("too long").to_string();
    assert!(found.contains("p.toml:4:") && found.contains("`duration_orbits`: 16 orbits of 55"), "{found}");
    assert!(found.contains("longer than the data, which end after 86400.000 s"), "{found}");
    // Cut to an hour, there is no whole orbit to start from.
    let text = profile(&orbit_table(&message, start, at("2014-01-21T12:40:00")), 0.5);
    let found = Profile::parse("p.toml", &text).expect_err("too short").to_string();
    assert!(found.contains("before one orbit of 55"), "{found}");
    let text = profile(&orbit_table(&elements(TLE, Format::Tle), at("2014-02-25T00:00:00"), start), 1.0);
    let found = Profile::parse("p.toml", &text).expect_err("too late").to_string();
    assert!(found.contains("`orbit.epoch`: 35.1 days from the epoch of the elements"), "{found}");
}

#[test]
fn problems_inside_a_profiles_table_have_their_line_in_the_profile() {
    let start = at("2014-01-21T12:00:00");
    let message = ephemeris("iss.oem", ISS, Format::Oem, &csv::Declared::default());
    let text = profile(&orbit_table(&message, start, at("2014-01-22T12:00:00")), 1.0);
    let lines: Vec<&str> = text.lines().collect();
    let row = lines.iter().position(|l| l.starts_with("2400,")).expect("a row");
    for (broken, expected) in [
        (lines[row].replace("2400,", "240,"), "s before line"),
        (lines[row].replace("2400,", "nan,"), "not finite"),
        (lines[row].replace("2400,", "2400,1,"), "8 cells: expected 7"),
    ] {
        let mut copy = lines.clone();
        copy[row] = &broken;
        let found = Profile::parse("p.toml", &copy.join("\n")).expect_err("broken").to_string();
        assert!(found.contains(&format!("p.toml:{}:", row + 1)) && found.contains(expected), "{found}");
    }
    let orbit = orbit_table(&elements(TLE, Format::Tle), start, start).replace("15.49815350868473", "15.49815350868474");
    let found = Profile::parse("p.toml", &profile(&orbit, 1.0)).expect_err("damaged").to_string();
    assert!(found.contains("p.toml:10:") && found.contains("`orbit.line2`: column 69: the checksum is \"4\""), "{found}");
    let orbit = orbit_table(&elements(OMM, Format::Omm), start, start).replace("0.0003572", "3.0");
    let found = Profile::parse("p.toml", &profile(&orbit, 1.0)).expect_err("no orbit").to_string();
    assert!(found.contains("`orbit.json`") && found.contains("eccentricity 3 is impossible"), "{found}");
}

#[test]
fn segments_follow_each_other_and_each_is_interpolated_by_itself() {
    // Two segments that share a point, the second with everything moved by 2 km: a burn.
    let head = ISS.find("META_START").expect("there");
    let data = ISS.lines().filter(|l| l.starts_with("2014") && !l.contains('=')).collect::<Vec<_>>();
    let meta = |from: &str, until: &str| {
        format!(
            "META_START\nOBJECT_NAME = ISS\nCENTER_NAME = EARTH\nREF_FRAME = ICRF\nTIME_SYSTEM = UTC\nSTART_TIME = {from}\nSTOP_TIME = {until}\nMETA_STOP\n"
        )
    };
    let rows = |range: std::ops::Range<usize>| data[range].join("\n") + "\n";
    let covariance = "COVARIANCE_START\nEPOCH = 2014-01-21T12:00:00\nCOV_REF_FRAME = RTN\n1e-3\n0 1e-3\nCOVARIANCE_STOP\n";
    let first = meta("2014-01-21T12:00:00", "2014-01-21T16:00:00") + &rows(0..61) + covariance;
    let text = |from: &str, range| format!("{}{first}{}{}", &ISS[..head], meta(from, "2014-01-22T12:00:00"), rows(range));
    let sound = ephemeris("f", &text("2014-01-21T16:00:00", 60..361), Format::Oem, &csv::Declared::default());
    assert_eq!((sound.segments.len(), sound.len()), (2, 362));
    assert_eq!(sound.notes, ["1 covariance blocks were left out"]);
    let found = problems(&text("2014-01-21T16:40:00", 70..361), Format::Oem, &csv::Declared::default());
    assert!(found.contains("a gap of 2400 s before this segment"), "{found}");
    let found = problems(&text("2014-01-21T15:00:00", 45..361), Format::Oem, &csv::Declared::default());
    assert!(found.contains("this segment begins 3600 s before the last one ends"), "{found}");
    // Into a profile and back.
    let start = at("2014-01-21T12:00:00");
    let profile = profile(&orbit_table(&sound, start, at("2014-01-22T12:00:00")), 10.0);
    assert!(profile.contains("\n--- 14400\n"));
    let flown = Profile::parse("p.toml", &profile).unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(flown.environment.span_s(), 0.0..=86_400.0);
    let (a, b) = (flown.environment.trajectory().expect("an orbit").at(20_000.0), sound.table(start).expect("closed").at(20_000.0));
    assert!(norm(minus(a.zenith, b.zenith)) < 1e-10);
}

#[test]
fn formats_are_told_by_their_first_words() {
    for (file, text, format) in [
        ("x", ISS, Some(Format::Oem)),
        ("x", STK, Some(Format::Stk)),
        ("x", TLE, Some(Format::Tle)),
        ("x", &TLE[12..], Some(Format::Tle)),
        ("x", OMM, Some(Format::Omm)),
        ("x.csv", "a,b", Some(Format::Csv)),
        ("x.E", "", Some(Format::Stk)),
        ("x", "a,b", None),
    ] {
        assert_eq!(Format::guess(file, text), format, "{file}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,300}") {
        for (_, format) in FORMATS {
            let _ = read("f", &text, *format, &csv::Declared::default());
            let _ = read("f", &text, *format, &gmat());
        }
    }

    #[test]
    fn no_damage_panics(which in 0..5_usize, place in 0.0..1.0_f64, length in 0_usize..40, put in "[-0-9eE.,= \n{}\"A-Z]{0,20}") {
        let (text, format, declared) = [
            (ISS, Format::Oem, csv::Declared::default()),
            (STK, Format::Stk, csv::Declared::default()),
            (GMAT, Format::Csv, gmat()),
            (TLE, Format::Tle, csv::Declared::default()),
            (OMM, Format::Omm, csv::Declared::default()),
        ][which].clone();
        let begin = (place * text.len() as f64) as usize;
        let damaged = format!("{}{put}{}", &text[..begin], &text[(begin + length).min(text.len())..]);
        match read("f", &damaged, format, &declared) {
            Ok(Imported::Elements(sets)) => {
                for set in sets {
                    let _ = set.trajectory(set.epoch);
                }
            }
            Ok(Imported::Ephemeris(read)) => prop_assert!(read.table(read.span().0).is_some(), "checked when read"),
            Err(problems) => prop_assert!(!problems.0.is_empty() && problems.0.iter().all(|p| p.line >= 1)),
        }
    }
}
