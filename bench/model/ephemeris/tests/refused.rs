//! What is wrong with a file is told by line, all of it at once, and nothing that was not said is guessed.

use super::*;

#[test]
fn bad_messages_are_refused_by_line() {
    let row = |n: usize| ISS.lines().nth(n - 1).expect("a line");
    let line_of = |needle: &str| ISS.lines().position(|l| l.contains(needle)).expect("there") + 1;
    let first = line_of("2014-01-21T12:04:00.000 ");
    let without = |from: usize, count: usize| {
        ISS.lines().enumerate().filter(|(i, _)| !(from..from + count).contains(&(i + 1))).map(|(_, l)| l).collect::<Vec<_>>().join("\n")
    };
    let centre = ISS.replace("= EARTH", "= MARS");
    let said = |key: &str, instant: &str| {
        let line = |l: &str| if l.starts_with(key) { format!("{} = {instant}", key.trim()) } else { l.to_owned() };
        ISS.lines().map(line).collect::<Vec<_>>().join("\n")
    };
    for (text, line, expected) in [
        (ISS.replace("= EME2000", "= ITRF2000"), line_of("REF_FRAME"), "the frame \"ITRF2000\" is not read here"),
        (ISS.replace("= EME2000", "= TOD"), line_of("REF_FRAME"), "this one moves with the date"),
        (centre, line_of("CENTER_NAME"), "the centre \"MARS\" is not known here: expected EARTH or MOON"),
        (ISS.replace("= UTC", "= UT1"), line_of("TIME_SYSTEM"), "the time system \"UT1\" is not read here"),
        (ISS.replace("= 2.0", "= 4.0"), 1, "version 4.0 is not known here"),
        (ISS.replace("OBJECT_ID ", "OBJECT_NO "), line_of("OBJECT_ID"), "OBJECT_NO is not known here"),
        (ISS.replace("STOP_TIME  ", "STOP_HOUR  "), line_of("META_START"), "missing STOP_TIME"),
        (without(first + 10, 6), first + 10, "a gap of 1680 s, where points are 240 s apart: expected at most 1200 s"),
        (ISS.replace(row(first + 1), row(first)), first + 1, &format!("the same epoch as line {first}")),
        (ISS.replace("T12:08:00.000 ", "T12:02:00.000 "), first + 1, &format!("120 s before line {first}")),
        (ISS.replace(row(first), &row(first).replace("3912.934", "NaN")), first, "\"NaN\" is not finite"),
        (ISS.replace(row(first), &row(first).replace("3912.934", "3912,934")), first, "is not a number"),
        (ISS.replace(row(first), &row(first).replace(" 1603.295", "")), first, "6 fields: expected epoch"),
        (ISS.replace(row(first), "2014-01-21T12:04:00.000 1 1 1 1 1 1"), first, "1.732 km from the centre is below the surface"),
        (ISS.replace(row(first), "2014-01-21T12:04:00.000 3912934 1603295 -5327758 0 0 0"), first, "are these metres?"),
        (ISS.replace(row(first), &row(first).replace("-2.449509", "-2449.509")), first, "the position moves at"),
        (ISS.replace("2014-01-21T12:04:00.000 ", "2014-01-21T12:04 "), first, "is no instant"),
        (ISS.lines().take(first + 1).collect::<Vec<_>>().join("\n"), first + 1, "3 points are too few: expected 4"),
        (ISS.lines().take(10).collect::<Vec<_>>().join("\n"), 10, "the file ends inside metadata"),
        // Points that do not reach what is claimed for them: hours, one point, and what may be used of them.
        (
            said("STOP_TIME  ", "2014-01-22T15:00:00.000"),
            line_of("USEABLE_STOP") + 1,
            "STOP_TIME is 10800 s after the last point (line 380)",
        ),
        (ISS.lines().take(ISS.lines().count() - 1).collect::<Vec<_>>().join("\n"), line_of("STOP_TIME  "), "is 240 s after the last point"),
        (said("START_TIME", "2014-01-21T09:00:00.000"), line_of("START_TIME"), "START_TIME is 10800 s before the first point (line 20)"),
        (said("USEABLE_STOP_TIME", "2014-01-22T13:00:00.000"), line_of("USEABLE_STOP"), "USEABLE_STOP_TIME is 3600 s after the last point"),
        (said("USEABLE_START_TIME", "2014-01-21T11:00:00.000"), line_of("USEABLE_START"), "USEABLE_START_TIME is 3600 s before the first"),
        (String::new(), 1, "the file is empty"),
        ("<oem/>".into(), 1, "this is XML"),
    ] {
        let found = problems(&text, Format::Oem, &csv::Declared::default());
        assert!(found.contains(&format!("f.x:{line}:")) && found.contains(expected), "no {expected:?} at {line} in\n{found}");
        assert!(found.lines().count() < 8, "one mistake, one problem:\n{found}");
    }
}

/// Times that were rounded to something rounder than the grid claim no point that is not there.
#[test]
fn a_stated_time_between_two_points_of_the_grid_is_no_claim() {
    let rounded = ISS.replace("STOP_TIME            = 2014-01-22T12:00:00.000", "STOP_TIME            = 2014-01-22T12:03:59.000");
    let rounded = rounded.replace("\nSTART_TIME           = 2014-01-21T12:00:00.000", "\nSTART_TIME           = 2014-01-21T11:57:00.000");
    assert_ne!(rounded, ISS);
    assert_eq!(problems(&rounded, Format::Oem, &csv::Declared::default()), "");
}

#[test]
fn all_problems_of_a_file_come_at_once() {
    let text = ISS
        .replace("= EME2000", "= ITRF93")
        .replace("T12:08:00.000 ", "T12:02:00.000 ")
        .replace("2237.579", "inf")
        .replace("2014-01-21T13:00:00.000 ", "2014-01-21T12:56:00.000 ");
    let found = problems(&text, Format::Oem, &csv::Declared::default());
    for expected in ["ITRF93", "120 s before line", "\"inf\" is not finite", "the same epoch as line"] {
        assert!(found.contains(expected), "no {expected} in\n{found}");
    }
}

#[test]
fn axes_that_turn_another_centre_and_another_unit_do_not_fall_as_gravity_has_it() {
    // Turned with Earth, positions without velocities: nothing in the file says so.
    let turned: Vec<String> = GMAT
        .lines()
        .enumerate()
        .map(|(k, line)| {
            if k == 0 {
                return line.to_owned();
            }
            let cells: Vec<&str> = line.split(',').collect();
            let n: Vec<f64> = cells[1..].iter().map(|c| c.parse().expect("a number")).collect();
            let (sin, cos) = (7.292_115e-5 * 60.0 * k as f64).sin_cos();
            format!("{},{},{},{}", cells[0], cos * n[0] + sin * n[1], cos * n[1] - sin * n[0], n[2])
        })
        .collect();
    let found = problems(&turned.join("\n"), Format::Csv, &gmat());
    assert!(found.contains("f.x:2:1: the points do not fall as earth pulls"), "{found}");
    let found = problems(GMAT, Format::Csv, &csv::Declared { center: Some("moon".into()), ..gmat() });
    assert!(found.contains("the points do not fall as moon pulls"), "{found}");
    let found = problems(GMAT, Format::Csv, &csv::Declared { columns: Some("t=instant,x=m,y=m,z=m".into()), ..gmat() });
    assert!(found.contains("below the surface"), "{found}");
}

#[test]
fn bad_stk_files_are_refused_by_line() {
    let line_of = |needle: &str| STK.lines().position(|l| l.contains(needle)).expect("there") + 1;
    for (text, line, expected) in [
        (STK.replace("J2000", "Fixed"), line_of("CoordinateSystem"), "this one turns with Earth"),
        (STK.replace("CoordinateSystem\t\t J2000\n", "\n"), line_of("TimePosVel"), "missing CoordinateSystem"),
        (STK.replace("CentralBody\t\t Earth", "CentralBody\t\t Sun"), line_of("CentralBody"), "the centre \"Sun\""),
        (STK.replace("EphemerisTimePosVel", "EphemerisLLATimePos"), line_of("TimePosVel"), "EphemerisLLATimePos is not read here"),
        (STK.replace("Points\t\t 181", "Points\t\t 182"), line_of("NumberOf"), "182 points are announced and 181 are there"),
        (STK.replace("\nEND Ephemeris", "\nCovarianceTimePos\nEND Ephemeris"), STK.lines().count(), "export without it"),
        (STK.replace("\nEND Ephemeris", ""), STK.lines().count() - 1, "the file ends inside its data"),
        (STK.replace("CentralBody", "DistanceUnit Feet\nCentralBody"), line_of("CentralBody"), "the unit \"Feet\""),
        (STK.replace("CentralBody", "DistanceUnit Kilometers\nCentralBody"), line_of("TimePosVel") + 3, "are these metres?"),
        (STK.replace("stk.v.12.0", "hello"), 1, "expected stk.v.N first"),
    ] {
        let found = problems(&text, Format::Stk, &csv::Declared::default());
        assert!(found.contains(&format!("f.x:{line}:")) && found.contains(expected), "no {expected:?} at {line} in\n{found}");
    }
}

#[test]
fn what_is_not_declared_is_not_guessed() {
    let none = csv::Declared::default();
    let found = problems(GMAT, Format::Csv, &none);
    for key in ["nothing says the frame", "nothing says the center", "nothing says the time_scale", "the column \"LEO.UTCGregorian\""] {
        assert!(found.contains(key), "no {key} in\n{found}");
    }
    let found = problems(BASILISK, Format::Csv, &csv::Declared { frame: Some("TEME".into()), ..none.clone() });
    assert!(found.contains("f.x:2:1: frame is \"j2000\" here, and was said to be \"TEME\""), "{found}");
    let found = problems(&BASILISK.replace("# epoch", "# since"), Format::Csv, &none);
    assert!(found.contains("nothing says since when"), "{found}");
    for (columns, expected) in [
        ("t=instant,x=km,y=km", "0 columns of z"),
        ("t=instant,x=km,x=km,z=km", "2 columns of x"),
        ("t=instant,x=mi,y=mi,z=mi", "\"x=mi\" is not understood"),
        ("x=km,y=km,z=km,-", "0 columns of t"),
        ("t=s,x=km,y=km,z=km", "nothing says since when"),
    ] {
        let found = problems(GMAT, Format::Csv, &csv::Declared { columns: Some(columns.into()), ..gmat() });
        assert!(found.contains(expected), "no {expected:?} in\n{found}");
    }
}

#[test]
fn bad_elements_are_refused_by_line() {
    let none = csv::Declared::default();
    for (text, line, expected) in [
        (TLE.replace("0  5082", "0  5083"), "2:69", "the checksum is \"3\" and the line adds up to 2"),
        (TLE.replace("2 25544  51", "2 25545  50"), "3:3", "satellite \"25545\", and line 2 is of \"25544\""),
        (TLE.replace("15.49815350868473", "15.4981535086847"), "3:1", "68 characters: expected 69"),
        (TLE.replace("98067A", "98067Ä"), "2:15", "plain ASCII"),
        (TLE.lines().take(2).collect::<Vec<_>>().join("\n"), "2:1", "line 1 of a set without its line 2"),
        (TLE.lines().skip(2).collect::<Vec<_>>().join("\n"), "1:1", "line 2 of a set without its line 1"),
        ("hello\n".into(), "1:1", "is this a two-line element set?"),
        (String::new(), "1:1", "no element set"),
    ] {
        let found = problems(&text, Format::Tle, &none);
        assert!(found.contains(&format!("f.x:{line}:")) && found.contains(expected), "no {expected:?} at {line} in\n{found}");
    }
    for (text, line, expected) in [
        (OMM.replace("\"TEME\"", "\"GCRF\""), 2, "REF_FRAME is \"GCRF\": expected TEME"),
        (OMM.replace("\"SGP4\"", "\"SGP4-XP\""), 3, "MEAN_ELEMENT_THEORY"),
        (OMM.replace("\"ECCENTRICITY\": 0.0003572", "\"ECCENTRICITY\": \"round\""), 5, "ECCENTRICITY is \"round\": expected a number"),
        (OMM.replace("\"BSTAR\": 0.000182, ", ""), 2, "missing BSTAR"),
        (OMM.replace("2014-01-20T", "2014-01-32T"), 4, "not elements for SGP4"),
        (OMM.replace("51.6498", "251.6498"), 2, "the inclination (deg) 251.6498 is impossible"),
        (OMM[..200].to_owned(), 4, "not valid JSON"),
        ("[]".into(), 1, "no message"),
        ("<omm/>".into(), 1, "this is XML"),
    ] {
        let found = problems(&text, Format::Omm, &none);
        assert!(found.contains(&format!("f.x:{line}:")) && found.contains(expected), "no {expected:?} at {line} in\n{found}");
    }
    let kvn = "CCSDS_OMM_VERS = 2.0\nCREATION_DATE = 2014-01-21T00:00:00\nORIGINATOR = T\nOBJECT_NAME = ISS\nOBJECT_ID = 1998-067A\n\
        CENTER_NAME = EARTH\nREF_FRAME = TEME\nTIME_SYSTEM = UTC\nMEAN_ELEMENT_THEORY = SGP/SGP4\nCOMMENT made by hand\n\
        EPOCH = 2014-01-20T22:23:04.000416\nMEAN_MOTION = 15.49815350 [rev/day]\nECCENTRICITY = 0.0003572\nINCLINATION = 51.6498 [deg]\n\
        RA_OF_ASC_NODE = 109.4756\nARG_OF_PERICENTER = 55.9686\nMEAN_ANOMALY = 274.8005\nNORAD_CAT_ID = 25544\nBSTAR = 0.000182\n";
    let set = elements(kvn, Format::Omm);
    assert_eq!((set.name.as_deref(), set.number, set.epoch), (Some("ISS"), 25544, elements(OMM, Format::Omm).epoch));
}
