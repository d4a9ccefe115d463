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

/// The words and the JSON of a gain, each kind once.
#[test]
fn a_gain_in_words_and_in_json() {
    let gain = Gain { frac: 0.0082, counted_frac: 0.0086, orbits: Some(1), charge_j: -104.6, step_s: 10.0, step_frac: None };
    let less = "+0.86 % as counted, -0.04 % for 105 J less that its battery gained than follow-sun's";
    assert_eq!(gain.words(), format!("+0.82 % work over follow-sun in one whole orbit: {less}"));
    let coarser = Gain { frac: 0.0078, step_s: 20.0, ..gain };
    let beside = gain.beside(&coarser);
    assert_eq!(beside.words(), format!("+0.82 % (± 0.04 % by the step of 10 s) work over follow-sun in one whole orbit: {less}"));
    let weighs = Gain { frac: 0.0702, counted_frac: 0.0675, orbits: Some(15), charge_j: 1100.4, step_s: 0.5, step_frac: Some(0.0) };
    assert_eq!(
        weighs.words(),
        "+7.02 % (± 0.00 % by the step of 0.5 s) work over follow-sun in 15 whole orbits: +6.75 % as counted, +0.27 % for 1100 J more that its battery gained than \
         follow-sun's; the charge weighs as much as a gain here: a longer flight says more"
    );
    let bare = Gain { frac: -0.25, counted_frac: -0.25, orbits: None, charge_j: 0.0, step_s: 1.0, step_frac: None };
    assert_eq!(bare.words(), "-25.00 % work over follow-sun (no battery: nothing to correct)");
    let json = |gain: Gain| serde_json::to_string(&gain).expect("JSON");
    assert_eq!(json(bare), r#"{"frac":-0.25,"counted_frac":-0.25,"orbits":null,"charge_j":0.0,"step_s":1.0}"#);
    assert_eq!(json(weighs), r#"{"frac":0.0702,"counted_frac":0.0675,"orbits":15,"charge_j":1100.4,"step_s":0.5,"step_frac":0.0}"#);
    for (why, words) in [
        (
            Unknown::NoOrbit(6308),
            "the flight is shorter than an orbit of 6308 s, and what the batteries hold at its end is not yet made good for: give it a --duration of whole orbits",
        ),
        (Unknown::NoWork, "one of the two flights did no work that is known"),
        (Unknown::NoCharge, "one of the two flights does not say how full its battery was"),
        (
            Unknown::NoSlope(-47),
            "the batteries differ by -47 J at the end, and the flights do not say what work a joule more at the board does",
        ),
    ] {
        assert_eq!(why.to_string(), words);
    }
}
