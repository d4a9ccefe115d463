//! `profile import` as it is typed: a file in, a profile out that flies, and bad files refused by line before anything is written.

use super::bench::Bench;

const OEM: &str = include_str!("../../bench/model/testdata/ephemeris/iss.oem");
const GMAT: &str = include_str!("../../bench/model/testdata/ephemeris/leo_gmat.csv");
const TLE: &str = "ISS (ZARYA)\n\
    1 25544U 98067A   14020.93268519  .00009878  00000-0  18200-3 0  5082\n\
    2 25544  51.6498 109.4756 0003572  55.9686 274.8005 15.49815350868473\n";

/// Contacts of the first orbit, in mission seconds.
fn contacts(bench: &Bench, profile: &str) -> Vec<f64> {
    let said = bench.run(&format!("profile show {profile}")).with(0).out;
    said.lines().filter(|l| l.contains("mbra")).map(|l| l.split_whitespace().next().expect("s").parse().expect("a number")).collect()
}

#[test]
fn positions_and_the_elements_they_were_made_from_fly_alike() {
    let bench = Bench::new();
    bench.write("iss.oem", OEM);
    bench.write("iss.tle", TLE);
    bench.run("profile import iss.oem --keep 6h --out positions.toml").with(0);
    bench.run("profile import iss.tle --epoch 2014-01-21T12:00:00Z --name zarya --out elements.toml").with(0);
    for profile in ["positions.toml", "elements.toml"] {
        bench.run(&format!("profile check {profile}")).with(0);
    }
    let (positions, elements) = (contacts(&bench, "positions.toml"), contacts(&bench, "elements.toml"));
    assert_eq!((positions.len(), elements.len()), (4, 4));
    for (a, b) in positions.iter().zip(&elements) {
        assert!((a - b).abs() <= 0.02, "{a} {b}");
    }
    // What it was made from is in the file, and so is everything it needs.
    let made = std::fs::read_to_string(bench.path("positions.toml")).expect("written");
    for words in
        ["from iss.oem (oem)", "SHA-256", "361 points from 2014-01-21T12:00:00Z", "name = \"iss\"", "that of dawn-dusk-650", "[radiator]"]
    {
        assert!(made.contains(words), "no {words}");
    }
    assert!(made.lines().filter(|l| l.contains(',') && l.starts_with(|c: char| c.is_ascii_digit())).count() < 110, "six hours are kept");
    // Six hours of data carry five hours of flight, and not seven.
    bench.run("rehearse positions.toml --duration 5h").with(0);
    for verb in ["rehearse positions.toml --duration 8h", "run --headless positions.toml --duration 8h"] {
        let said = bench.run(verb).with(3).err;
        assert!(said.contains("longer than the data of \"iss\", which end") && said.contains("--duration"), "{said}");
    }
    let said = bench.run("profile show positions.toml --csv --duration 8h").with(3).err;
    assert!(said.contains("longer than the data"), "{said}");
}

#[test]
fn a_table_needs_its_declaration_and_nothing_is_overwritten() {
    let bench = Bench::new();
    bench.write("leo.csv", GMAT);
    let said = bench.run("profile import leo.csv").with(3).err;
    assert!(said.contains("leo.csv:1:1: nothing says the frame"), "{said}");
    let declared = "profile import leo.csv --columns t=instant,x=km,y=km,z=km --frame j2000 --center earth --time-scale UTC";
    let printed = bench.run(declared).with(0).out;
    assert!(printed.contains("kind = \"ephemeris\"") && printed.contains("epoch = 2026-06-21T00:00:00Z"));
    let to_file = format!("{declared} --name leo --out leo.toml");
    bench.run(&to_file).with(0);
    assert!(bench.run(&to_file).with(3).err.contains("is there already"));
    bench.run(&format!("{to_file} --force")).with(0);
    bench.run("profile check leo.toml").with(0);
}

#[test]
fn bad_files_are_refused_by_line_and_nothing_is_written() {
    let bench = Bench::new();
    let gap: Vec<&str> = OEM.lines().enumerate().filter(|(k, _)| !(40..50).contains(k)).map(|(_, l)| l).collect();
    bench.write("gap.oem", &gap.join("\n"));
    bench.write("frame.oem", &OEM.replace("= EME2000", "= ITRF2000").replace("T12:08:00.000 ", "T11:08:00.000 "));
    bench.write("sum.tle", &TLE.replace("18200-3", "18300-3"));
    bench.write("two.tle", &format!("{TLE}{TLE}"));
    bench.write("iss.oem", OEM);
    for (verb, words) in [
        ("profile import gap.oem --out p.toml", &["gap.oem:41:1: a gap of 2640 s"][..]),
        (
            "profile import frame.oem --out p.toml",
            &["frame.oem:9:1: the frame \"ITRF2000\"", "frame.oem:22:1: outside START_TIME", "frame.oem:22:1: 3360 s before"],
        ),
        ("profile import sum.tle --out p.toml", &["sum.tle:2:69: the checksum"]),
        ("profile import two.tle --out p.toml", &["2 element sets", "--pick"]),
        ("profile import nowhere.oem --out p.toml", &["nowhere.oem cannot be read"]),
        ("profile import iss.oem --from xml --out p.toml", &["expected one of tle, omm, oem, stk, csv"]),
        ("profile import iss.oem --frame teme --out p.toml", &["are for CSV files"]),
        ("profile import iss.oem --epoch 2015-01-01T00:00:00Z --out p.toml", &["outside the data of iss.oem, from 2014-01-21T12:00:00Z"]),
        ("profile import iss.oem --like nowhere --out p.toml", &["nowhere"]),
        ("profile import iss.oem --name Big/Name --out p.toml", &["will not do"]),
        ("profile import iss.oem --keep 30m --out p.toml", &["before one orbit of"]),
    ] {
        let said = bench.run(verb).with(3).err;
        for word in words {
            assert!(said.contains(word), "{verb}: no {word} in {said}");
        }
        assert!(!bench.path("p.toml").exists(), "{verb}");
    }
}
