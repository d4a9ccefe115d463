//! Benches of several instruments: flown in memory, hosted on pseudo-terminals, and with peers that we did not write at either end.

mod bus;
mod network;
mod peers;
mod reference;
mod weigh;

use crate::flight::{drawn, setup_on};
use control::End;
use engine::memory::{MemoryBench, fly};
use record::{Column, Row};
use signal::{Channel, Severity};

/// Five emulated instruments fly together: what each reads is in the rows, the array simulator follows the Sun, and at the end all is
/// off but the fan.
#[test]
fn a_bench_of_five_instruments_flies_and_leaves_the_fan_on() {
    let mut setup = setup_on("dawn-dusk-650", "desk", 3);
    setup.law.duration_s = 2400.0;
    assert!(setup.maker.channels.contains(&Channel::MeterPower));
    let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
    let flown = fly(&setup, &mut bench, |_, _, _| Vec::new());
    assert_eq!((flown.end, flown.unconfirmed), (End::Done, vec![]));
    let alarms: Vec<_> = flown.events.iter().filter(|(_, event)| event.severity >= Severity::Alarm).collect();
    assert!(alarms.is_empty(), "{alarms:?}");
    for name in ["tec", "array", "heater"] {
        assert_eq!(bench.world().output_on(name), Some(false), "{name}");
    }
    assert_eq!(bench.world().output_on("fan"), Some(true), "it runs when everything else has stopped");
    let flying: Vec<&Row> = flown.rows.iter().filter(|row| row.mission_s.is_some_and(|s| s > 10.0)).collect();
    let read = |row: &Row, column| row.get(column).unwrap_or_else(|| panic!("no {} at tick {}", column.name(), row.tick));
    for row in &flying {
        let (meter, board) = (read(row, Column::RigMeterW), read(row, Column::AccelPowerW));
        assert!((meter - board).abs() < 5.0, "the meter says {meter} W, the card {board} W at tick {}", row.tick);
        assert!((15.0..30.0).contains(&read(row, Column::RigAmbientDegc)));
    }
    // 2 A at one sun into 12 Ω: what the array gives follows the light on it.
    let off: Vec<f64> =
        flying.iter().skip(5).map(|row| (read(row, Column::RigArrayA) - 2.0 * read(row, Column::EnvArrayWM2) / 1361.0).abs()).collect();
    assert!(off.iter().all(|a| *a < 0.05), "{:?}", off.iter().copied().fold(0.0, f64::max));
    // What was asked stands beside it, row by row, and is what that light asks: a row's readings answer the tick before.
    for pair in flying.windows(2).skip(5) {
        let asked = 2.0 * read(pair[0], Column::EnvArrayWM2) / 1361.0;
        let shown = read(pair[1], Column::RigArrayRequestA);
        assert!((shown - asked).abs() < 0.01, "asked {asked} A, shown {shown} at tick {}", pair[1].tick);
        // 32 V at 25 °C, 0.2 % less a kelvin, and the array is warm in the light.
        let degc = read(pair[0], Column::FlightArrayDegc);
        let (asked, shown) = (32.0 * (1.0 - 0.002 * (degc - 25.0)), read(pair[1], Column::RigArrayRequestV));
        assert!((shown - asked).abs() < 0.2, "{degc} °C: asked {asked} V, shown {shown} at tick {}", pair[1].tick);
    }
    // At rest in the light: 0.62 of it stays as heat, and two faces of 0.85 give it off. (0.62 x 1318 W/m2 / (1.7 sigma))^(1/4) = 303 K.
    let warmest = flying.iter().map(|row| read(row, Column::FlightArrayDegc)).fold(f64::NEG_INFINITY, f64::max);
    assert!((warmest - 30.3).abs() < 0.5, "{warmest} °C");
    assert!(flying.iter().skip(5).all(|row| row.get(Column::RigLampRequestFrac).is_none()), "there is no lamp on this desk");
}

/// On the ground no array has a temperature: a simulator whose voltage is to follow one says that it does not.
#[test]
fn an_array_simulator_without_a_temperature_to_follow_says_so() {
    let told = |profile, rig| setup_on(profile, rig, 1).cautions().iter().any(|c| c.contains("stays that of 25 °C"));
    assert_eq!((told("dawn-dusk-650", "desk"), told("ground-air", "desk"), told("ground-air", "twin")), (false, true, false));
}

/// One cable of five is pulled: which one is said, everything goes off by the other paths, and what hangs on it is unknown.
#[test]
fn one_pulled_cable_of_five_is_told_by_name() {
    let mut setup = setup_on("dawn-dusk-650", "desk", 4);
    setup.law.duration_s = 1200.0;
    let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
    let mut pulled_at = None;
    let flown = fly(&setup, &mut bench, |tick, bench, state| {
        if state == signal::RunState::Running && pulled_at.is_none() {
            pulled_at = Some(tick);
            assert!(bench.unplug_one("heater"));
        }
        Vec::new()
    });
    assert!(matches!(flown.end, End::Tripped(_)), "{:?}", flown.end);
    assert!(flown.events.iter().any(|(_, event)| event.who == "heater" && event.kind == "link"), "{:?}", flown.events);
    let left: Vec<&str> = flown.unconfirmed.iter().map(|u| u.device.as_str()).collect();
    assert_eq!(left, ["heater"], "a lost link never means off");
    assert_eq!((bench.world().output_on("tec"), bench.world().output_on("array")), (Some(false), Some(false)));
}
