use super::*;
use proptest::prelude::*;

const TEXT: &str =
    "name = 3\n[orbit]\naltitude_m = 650e3\nltan_h = 25\nepoch = \"yesterday\"\nshape = \"square\"\nextra = 1\n[orbit.deep]\nx = nan\n";

fn read(text: &str) -> Vec<String> {
    let doc = Document::parse("f.toml", text);
    let root = doc.root();
    root.text("name", "a name");
    let orbit = root.section("orbit");
    orbit.number("altitude_km", 100.0..=1e5);
    orbit.number("ltan_h", 0.0..=24.0);
    orbit.instant("epoch");
    orbit.choice("shape", &[("circle", 0), ("ellipse", 1)]);
    orbit.optional_section("deep").number("x", 0.0..=1.0);
    root.section("panel").number("area_m2", 0.1..=1e4);
    doc.finish(()).err().map_or_else(Vec::new, |p| p.0.iter().map(ToString::to_string).collect())
}

#[test]
fn every_problem_of_a_file_comes_at_once_with_its_line() {
    let problems = read(TEXT).join("\n");
    for expected in [
        "f.toml:1:8: `name` is a integer: expected a name",
        "f.toml:3:1: wrong unit: `altitude_m` in [orbit] should be `altitude_km`",
        "f.toml:4:10: `orbit.ltan_h` = 25 is impossible here: expected a number from 0 to 24",
        "f.toml:5:9: `orbit.epoch` is \"yesterday\": expected a UTC instant",
        "f.toml:6:9: `orbit.shape`: \"square\" is not known: expected one of `circle`, `ellipse`",
        "f.toml:7:1: unknown key `extra` in [orbit]",
        "f.toml:9:5: `orbit.deep.x`",
        "missing `[panel]`",
    ] {
        assert!(problems.contains(expected), "no {expected:?} in\n{problems}");
    }
    assert!(!problems.contains("area_m2"), "what is in a missing table need not be said:\n{problems}");
}

#[test]
fn a_problem_inside_a_text_of_several_lines_has_its_line_in_the_file() {
    for (text, line, at) in [
        ("a = 1\ntable = '''\none\ntwo\n'''\n", 2, "f.toml:4:3: `table`: odd"),
        ("a = 1\ntable = \"\"\"one\ntwo\n\"\"\"\n", 2, "f.toml:3:3: `table`: odd"),
        ("a = 1\r\ntable = '''\r\none\r\ntwo\r\n'''\r\n", 1, "f.toml:3:3: `table`: odd"),
        ("a = 1\ntable = \"one\"\n", 1, "f.toml:2:12: `table`: odd"),
    ] {
        let doc = Document::parse("f.toml", text);
        let root = doc.root();
        root.number("a", 0.0..=1.0);
        root.text("table", "a table");
        root.problem_inside("table", line, 3, "odd");
        assert_eq!(doc.finish(()).expect_err("odd").to_string(), at);
    }
}

#[test]
fn a_sound_file_has_no_problems() {
    let text = "name = \"n\"\n[orbit]\naltitude_km = 650\nltan_h = 18.0\nepoch = 2026-06-21T00:00:00Z\nshape = \"circle\"\ndeep = {x = 0.5}\n[panel]\narea_m2 = 1_000.0\n";
    assert_eq!(read(text), Vec::<String>::new());
}

#[test]
fn a_line_of_a_table_within_the_file_is_a_line_of_the_file() {
    let blamed = |text: &str, line: usize| {
        let doc = Document::parse("f.toml", text);
        let root = doc.root();
        root.text("table", "a table");
        root.problem_inside("table", line, 1, "wrong");
        doc.finish(()).expect_err("a problem").0[0].line
    };
    assert_eq!(blamed("table = \"\"\"\nx,y\n1,2\n\"\"\"\n", 2), 3);
    assert_eq!(blamed("table = '''\r\nx,y\r\n1,2\r\n'''\n", 1), 2);
    assert_eq!(blamed("\ntable = \"\"\"x,y\n1,2\"\"\"", 2), 3);
    assert_eq!(blamed("table = \"x\"", 5), 1, "elsewhere the key");
    assert_eq!(blamed("\n\n", 5), 1, "and without one the table");
}

proptest! {
    #[test]
    fn no_text_panics_the_reader(text in "[\\[\\]a-z_=\\.\"0-9\\n {},#-]{0,200}") {
        read(&text);
    }
}
