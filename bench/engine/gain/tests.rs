use super::*;
use model::profile::{BatterySpec, Eclipse};

/// 10 kWh, a tenth lost each way.
fn battery() -> Battery {
    let spec = BatterySpec {
        capacity_kwh: 10.0,
        depth_frac: 0.4,
        charge_efficiency_frac: 0.9,
        discharge_efficiency_frac: 0.9,
        charge_kw: 5.0,
        discharge_kw: 20.0,
        fade_frac_year: 0.0,
        specific_wh_kg: 150.0,
        eclipse: Eclipse::Idle,
    };
    Battery::new(&spec, 0.0, 1.0)
}

/// A board of 2 units/J above an idle of 1000 W, half an hour at one power and half at another, an orbit an hour; the battery goes evenly from one charge to
/// another.
fn flown(battery: Option<Battery>, powers: [f64; 2], soc: (f64, f64), seconds: u64) -> Flight {
    let mut flight = Flight::new(battery, (3600.0, 1.0), 1.25);
    let mut work = 0.0;
    for t in 0..=seconds {
        let w = powers[usize::from(t % 3600 >= 1800)];
        let rate = 2.0 * (w - 1000.0);
        let mut row = Row::new(0, t, t as f64, RunState::Running);
        row.mission_s = Some(t as f64);
        row.set(Column::AccelPowerW, w);
        row.set(Column::WorkUnitsPerS, rate);
        row.set(Column::WorkUnits, work);
        if battery.is_some() {
            row.set(Column::PowerBatterySocFrac, soc.0 + (soc.1 - soc.0) * t as f64 / seconds as f64);
        }
        flight.row(&row);
        work += rate;
    }
    flight
}

/// Who only empties its battery into the board gains nothing: each joule that is missing costs more to put back than it gave. Who fills it for less work is
/// given what it will get out again. And who did more with the same charge keeps all of it.
#[test]
fn emptying_the_battery_is_no_gain() {
    let rival = flown(Some(battery()), [2000.0, 3000.0], (0.9, 0.9), 3600);
    // More power all along, and the charge that it took, J at the bus over 0.9.
    let taken = |w: f64| w * 1.25 * 3600.0 / 0.9 / battery().capacity_j();
    let emptied = flown(Some(battery()), [2100.0, 3100.0], (0.9, 0.9 - taken(100.0)), 3600).over(&rival).expect("known");
    assert!(emptied.counted_frac > 0.06 && emptied.charge_j < 0.0, "{emptied:?}");
    // 100 W of 1.5 kW at 2 units/J are 6.7 %; putting them back takes 1/0.81 of that.
    assert!((emptied.frac - (1.0 - 1.0 / 0.81) / 15.0).abs() < 1e-4, "{emptied:?}");
    assert!(emptied.words().contains("less that its battery gained") && emptied.words().contains("weighs"), "{}", emptied.words());
    let filled = flown(Some(battery()), [1900.0, 2900.0], (0.5, 0.5 + 0.81 * taken(100.0)), 3600).over(&rival).expect("known");
    assert!((filled.frac - (0.81 - 1.0) / 15.0).abs() < 1e-4 && filled.counted_frac < -0.06, "{filled:?}");
    let more = flown(Some(battery()), [2100.0, 3100.0], (0.7, 0.7), 3600).over(&rival).expect("known");
    assert!((more.frac - 1.0 / 15.0).abs() < 1e-4 && (more.frac - more.counted_frac).abs() < 1e-12, "{more:?}");
}

/// What lies beyond the last whole orbit does not count; and a gain over none is not known.
#[test]
fn a_gain_is_of_whole_orbits_or_unknown() {
    let of = |powers, soc, seconds| flown(Some(battery()), powers, soc, seconds);
    let (plan, rival) = (of([2100.0, 3100.0], (0.9, 0.9), 9000), of([2000.0, 3000.0], (0.9, 0.9), 9000));
    assert_eq!(plan.over(&rival).expect("known").orbits, Some(2));
    let short = of([2100.0, 3100.0], (0.9, 0.8), 3500).over(&of([2000.0, 3000.0], (0.9, 0.9), 3500));
    assert_eq!(short, Err(Unknown::NoOrbit(3600)));
    // Power that stands still says nothing of a joule more; where nothing is to be corrected, nothing needs to be said.
    let still = |soc| of([2000.0, 2000.0], soc, 3600);
    assert!(matches!(still((0.9, 0.8)).over(&still((0.9, 0.9))), Err(Unknown::NoSlope(_))));
    assert_eq!(still((0.9, 0.9)).over(&still((0.7, 0.7))).map(|g| g.frac), Ok(0.0));
    let idle = of([1000.0, 1000.0], (0.9, 0.9), 3600);
    assert_eq!(still((0.9, 0.9)).over(&idle), Err(Unknown::NoWork));
    // Without a battery every second counts.
    let bare = flown(None, [2100.0, 2100.0], (0.0, 0.0), 1000).over(&flown(None, [2000.0, 2000.0], (0.0, 0.0), 1000)).expect("known");
    assert!((bare.frac - 0.1).abs() < 1e-9 && bare.orbits.is_none(), "{bare:?}");
}

/// A flight of one orbit that is no whole number of ticks: its last row is the one that begins to stop.
#[test]
fn an_orbit_may_end_in_the_row_that_stops() {
    let stopped = |powers, soc: f64| {
        let mut flight = flown(Some(battery()), powers, (soc, soc), 3598);
        let mut row = Row::new(0, 3599, 3599.0, RunState::Stopping);
        row.mission_s = Some(3599.0);
        row.set(Column::WorkUnits, flight.last.expect("flown").work);
        row.set(Column::PowerBatterySocFrac, soc);
        flight.row(&row);
        flight
    };
    let gain = stopped([2100.0, 3100.0], 0.9).over(&stopped([2000.0, 3000.0], 0.9)).expect("known");
    assert!(gain.orbits == Some(1) && (gain.frac - 1.0 / 15.0).abs() < 1e-3, "{gain:?}");
}
