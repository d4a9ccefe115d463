use super::*;
use std::collections::BTreeSet;

#[test]
fn names_are_unique_and_found_again() {
    let header = Columns::all().header();
    assert_eq!(header.iter().collect::<BTreeSet<_>>().len(), header.len());
    for &column in Column::ALL {
        assert_eq!(Column::named(column.name()), Some(column));
    }
}

#[test]
fn every_channel_has_one_column() {
    // Parts are weighed with the bench at rest: a mass is in no row.
    assert_eq!(Column::for_channel(Channel::Mass), None);
    for &channel in Channel::ALL.iter().filter(|c| **c != Channel::Mass) {
        let holders = Column::ALL.iter().filter(|c| c.channel() == Some(channel)).count();
        assert_eq!(holders, 1, "{channel:?}");
        assert_eq!(Column::for_channel(channel).and_then(Column::channel), Some(channel));
    }
}

#[test]
fn the_name_ends_in_the_unit() {
    let suffixes = [
        ("°C", "_degc"),
        ("W", "_w"),
        ("W/m²", "_w_m2"),
        ("K", "_k"),
        ("K/W", "_k_w"),
        ("A", "_a"),
        ("V", "_v"),
        ("J", "_j"),
        ("1", "_frac"),
        ("°", "_deg"),
        ("MHz", "_mhz"),
        ("%", "_pct"),
        ("units", "_units"),
        ("units/s", "_units_per_s"),
        ("0/1", "_output"),
        ("bits", "_throttle"),
        ("l/min", "_l_min"),
        ("1/min", "_rpm"),
        ("s", "_s"),
        ("MiB", "_mib"),
        ("MB/s", "_mb_s"),
        ("count", "_count"),
        ("state", "_state"),
        ("code", "_xid"),
    ];
    for &column in Column::ALL {
        let suffix = suffixes.iter().find(|(unit, _)| *unit == column.unit()).map(|s| s.1);
        assert!(suffix.is_some_and(|s| column.name().ends_with(s)), "{} in {}", column.name(), column.unit());
    }
}

#[test]
fn quality_and_origin_follow_their_column() {
    let header = Columns::where_present(|c| matches!(c, Column::FlightHeatW | Column::RigPlateDegc)).header();
    let tail: Vec<&str> = header[LEAD.len()..].iter().map(String::as_str).collect();
    assert_eq!(tail, ["flight_heat_w", "flight_heat_w_origin", "flight_heat_w_source", "rig_plate_degc", "rig_plate_degc_quality"]);
}

#[test]
fn a_header_in_any_order_names_the_same_columns() {
    let few = Columns::where_present(|c| matches!(c.class(), Class::Command | Class::Servoed));
    let mut header = few.header();
    header.reverse();
    assert_eq!(Columns::of_header(header.iter().map(String::as_str)), few);
}

#[test]
fn panels_count_from_one() {
    assert_eq!(Column::panel(0), None);
    assert_eq!(Column::panel(1), Some(Column::FlightPanel1Degc));
    assert_eq!(Column::panel(8), Some(Column::FlightPanel8Degc));
    assert_eq!(Column::panel(9), None);
}

#[test]
fn the_docs_table_has_a_line_a_column() {
    let page = markdown();
    assert_eq!(page.lines().count(), 2 + LEAD.len() + Column::COUNT);
    for line in page.lines() {
        assert_eq!(line.matches('|').count(), 6, "{line}");
    }
    assert!(page.contains("| `rig_plate_degc` | °C | 4 | servoed | Plate under the device under test. Followed by its `_quality`. |"));
}
