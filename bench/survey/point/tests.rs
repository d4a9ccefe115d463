use super::*;
use proptest::prelude::*;

fn point() -> Point {
    Point {
        index: 3,
        segment: 1,
        utc: "2026-07-01T12:00:00Z".into(),
        kind: Kind::Cell,
        batch: None,
        coolant_degc: Some(56.0),
        budget_w: 58.0,
        repeat: 2,
        status: Status::NotReachable,
        energy: Some(Energy::Counter),
        figures: Figures::default(),
        why: "the die, which may not come nearer".into(),
    }
}

#[test]
fn what_is_missing_is_empty_and_what_is_wrong_is_named() {
    let fields = point().fields();
    assert_eq!(fields.len(), Point::columns().len());
    assert_eq!(Point::of_fields(&fields), Ok(point()));
    for (column, text, expected) in [
        ("index", "x", "a whole number"),
        ("budget_w", "", "a number"),
        ("coolant_degc", "NaN", "a number"),
        ("status", "fine", "measured or not_reachable"),
        ("energy_by", "guess", "counter or integral"),
        ("power_w", "much", "a number or nothing"),
    ] {
        let mut bad = fields.clone();
        bad[Point::columns().iter().position(|c| c == column).expect(column)] = text.to_owned();
        let why = Point::of_fields(&bad).expect_err(column);
        assert!(why.contains(column) && why.contains(expected), "{why}");
    }
    assert!(Point::of_fields(&fields[1..]).is_err());
}

#[test]
fn the_documentation_has_a_line_a_column_and_names_carry_units() {
    let page = Point::markdown();
    assert_eq!(page.lines().count(), 2 + Point::columns().len());
    assert!(page.lines().all(|l| l.matches('|').count() == 4), "{page}");
    for figure in Figure::ALL {
        let end = match figure.unit() {
            "1" => "_frac",
            "count" => "_count",
            "1/s" => "_per_s",
            "1/J" => "_per_j",
            "K/min" => "_k_min",
            "degC" => "_degc",
            "MHz" => "_mhz",
            "s" => "_s",
            "J" => "_j",
            "W" => "_w",
            "K" => "_k",
            "A" => "_a",
            other => panic!("unit {other}"),
        };
        assert!(figure.name().ends_with(end), "{} in {}", figure.name(), figure.unit());
    }
}

/// A row as it would be written: 60.02 s at 73.1 W, 10 units a joule.
fn measured(window: f64, power: f64, per_j: f64) -> Point {
    let mut one = Point { status: Status::Measured, ..point() };
    let (joules, units) = (power * window, per_j * power * window);
    for (figure, value) in [
        (Figure::Window, window),
        (Figure::EnergyJ, joules),
        (Figure::Power, power),
        (Figure::UnitsOut, units),
        (Figure::Rate, units / (window - 0.4)),
        (Figure::PerJoule, per_j),
    ] {
        one.figures.set(figure, Some(value));
    }
    Point::of_fields(&one.fields()).expect("our own")
}

#[test]
fn a_row_that_was_changed_contradicts_itself() {
    let sound = measured(60.02, 73.1, 10.0);
    assert_eq!(sound.contradiction(), None);
    assert_eq!(point().contradiction(), None, "what is missing contradicts nothing");
    for (figure, value) in [
        (Figure::PerJoule, 99.9),
        (Figure::UnitsOut, 1.0),
        (Figure::EnergyJ, 4000.0),
        (Figure::Power, 70.0),
        (Figure::Window, 50.0),
        (Figure::Rate, 2000.0),
        (Figure::UnitsOut, -5.0),
    ] {
        let mut changed = sound.clone();
        changed.figures.set(figure, Some(value));
        let why = changed.contradiction().unwrap_or_else(|| panic!("{}: {value} passes", figure.name()));
        assert!(why.contains('`'), "{why}");
    }
    let mut changed = sound;
    changed.figures.set(Figure::PerJoule, Some(99.9));
    assert!(changed.contradiction().is_some_and(|why| why.starts_with("`units_out_per_j` is 99.9, but `units_out_count` 43874.6")));
}

proptest! {
    #[test]
    fn no_sound_row_is_refused(window in 1.0..4000.0_f64, power in 0.5..20_000.0_f64, per_j in 0.0..1e5_f64) {
        prop_assert_eq!(measured(window.max(3.0), power, per_j).contradiction(), None);
    }

    #[test]
    fn what_is_written_is_read(value in -1e4..1e6_f64, which in 0..20_usize, coolant in proptest::option::of(-20.0..90.0_f64)) {
        let mut one = point();
        one.coolant_degc = coolant;
        one.figures.set(Figure::ALL[which], Some(value));
        let read = Point::of_fields(&one.fields()).expect("our own");
        prop_assert_eq!(read.coolant_degc, coolant);
        prop_assert!((read.figures.get(Figure::ALL[which]).expect("there") - value).abs() < 0.06);
    }

    #[test]
    fn no_row_panics(fields in proptest::collection::vec("[a-z0-9.,-]{0,6}", 31)) {
        let _ = Point::of_fields(&fields);
    }
}
