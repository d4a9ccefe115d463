//! A rig's interlocks in the step itself: what is clamped, refused, tripped, and what honest benches are left to do.

use super::{Bench, law};
use crate::*;
use signal::{Channel, Limit, Limits, Origin, Quality, Reading, RunState, Source, Watts};

/// Readings put over those of the made-up bench.
fn step_on(bench: &mut Bench, over: &[(Channel, Option<f64>)]) -> Output {
    bench.over = over.to_vec();
    bench.step()
}

fn flying_on(law: Law, over: &[(Channel, Option<f64>)]) -> Bench {
    let mut bench = Bench::new(law);
    for _ in 0..200 {
        if step_on(&mut bench, over).state == RunState::Running {
            return bench;
        }
    }
    panic!("never ran: {:?}", bench.state.alarms);
}

#[test]
fn a_silent_meter_is_held_for_three_ticks_and_then_suspends_and_the_accelerator_does_not_stand_in() {
    let law = Law { heat: HeatLaw::Meter { slot: true }, ..law() };
    let both = [(Channel::MeterPower, Some(40.0)), (Channel::SlotPower, Some(20.0))];
    let mut bench = flying_on(law, &both);
    let out = step_on(&mut bench, &both);
    assert_eq!((out.view.heat, out.view.heat_source), (Some(Watts(60.0)), Source::Meter));
    // Half a board is no board, however well the accelerator reads.
    let half = [(Channel::MeterPower, Some(40.0)), (Channel::SlotPower, None)];
    for _ in 0..3 {
        let out = step_on(&mut bench, &half);
        assert_eq!((out.view.heat, out.state), (Some(Watts(60.0)), RunState::Running));
    }
    let out = step_on(&mut bench, &half);
    assert_eq!((out.view.heat, out.state), (None, RunState::Suspended));
    assert!(out.events.iter().any(|e| e.message.contains("board-power meter silent?")), "{:?}", out.events);
    for _ in 0..40 {
        if step_on(&mut bench, &both).state == RunState::Running {
            return;
        }
    }
    panic!("it never came back");
}

#[test]
fn a_meters_counter_goes_before_its_power_and_a_sum_claims_no_more_than_its_weaker_part() {
    let law = Law { heat: HeatLaw::Meter { slot: true }, ..law() };
    let mut bench = Bench::new(law);
    let mut last = None;
    for tick in 0..4 {
        let t = f64::from(tick);
        last = Some(step_on(
            &mut bench,
            &[(Channel::MeterEnergy, Some(5e6 + 45.0 * t)), (Channel::MeterPower, Some(1.0)), (Channel::SlotPower, Some(20.0))],
        ));
    }
    let view = last.expect("four ticks").view;
    assert_eq!((view.heat, view.heat_origin), (Some(Watts(65.0)), Origin::Simulated));
}

#[test]
fn still_coolant_is_no_heat() {
    let calorimeter = model::coolant::Calorimeter {
        coolant: model::coolant::Coolant::Water,
        least_l_min: 0.1,
        match_k: 0.03,
        flow_frac: 0.01,
        property_frac: 0.002,
        pump_w: 0.0,
        capture_frac: 1.0,
    };
    let law = Law { heat: HeatLaw::Calorimeter(calorimeter), ..law() };
    let loop_ = |flow| [(Channel::Flow, Some(flow)), (Channel::CoolantSupply, Some(20.0)), (Channel::CoolantReturn, Some(24.0))];
    let mut bench = flying_on(law, &loop_(0.2));
    let heat = step_on(&mut bench, &loop_(0.2)).view.heat.expect("flowing");
    assert!((heat.0 - 55.7).abs() < 0.3, "{heat:?}");
    for _ in 0..3 {
        assert_eq!(step_on(&mut bench, &loop_(0.05)).state, RunState::Running);
    }
    let out = step_on(&mut bench, &loop_(0.05));
    assert_eq!((out.state, out.view.heat), (RunState::Suspended, None));
}

#[test]
fn a_setpoint_near_the_dew_point_is_clamped_and_says_so() {
    let dew = Some(DewLaw { margin_k: 3.0, stale_ticks: 10, trip_ticks: 5 });
    let humid = |pct| [(Channel::Ambient, Some(25.0)), (Channel::Humidity, Some(pct))];
    let lowest = |pct: f64| {
        let mut bench = Bench::new(Law { guards: Guards { dew, ..Guards::default() }, ..law() });
        let outs: Vec<Output> = (0..60).map(|_| step_on(&mut bench, &humid(pct))).collect();
        let clamped = outs.iter().any(|o| o.view.limited == Limit::Clamped);
        (outs.iter().filter_map(|o| o.commands.target).map(|t| t.0).fold(f64::INFINITY, f64::min), clamped)
    };
    let floor = dew_point(signal::Celsius(25.0), 95.0).expect("air").0 + 3.0;
    let (wet, clamped) = lowest(95.0);
    assert!((wet - 25.0).abs() < 1e-9 || wet >= floor - 1e-9, "{wet} against {floor}");
    assert!(clamped, "what was asked for was not given");
    assert!(!lowest(20.0).1);
}

#[test]
fn a_reading_that_cannot_be_is_suspect_and_the_rig_goes_blind_as_if_it_were_not_read() {
    let plausible = Some(PlausibleLaw { rail_min_degc: -50.0, rail_max_degc: 130.0, rate_k_s: 5.0 });
    let guards = Guards { plausible, ..Guards::default() };
    let mut bench = flying_on(Law { guards, ..law() }, &[]);
    let out = step_on(&mut bench, &[(Channel::Plate, Some(62.0))]);
    assert_eq!(out.suspect.iter().map(|s| s.channel).collect::<Vec<_>>(), [Channel::Plate]);
    assert_eq!(out.state, RunState::Running, "once is an accident");
    let mut last = out;
    for _ in 0..6 {
        last = step_on(&mut bench, &[(Channel::Plate, Some(-50.0))]);
    }
    assert_eq!((last.state, last.commands.thermal), (RunState::Stopping, Thermal::Off), "below its trip: at once");
    // Where no trip is near, it goes blind.
    let mut bench = flying_on(Law { guards, trips: Vec::new(), ..law() }, &[]);
    for _ in 0..7 {
        last = step_on(&mut bench, &[(Channel::Plate, Some(-50.0))]);
    }
    assert_eq!((last.state, last.commands.thermal), (RunState::Suspended, Thermal::Off));
    assert!(last.suspect[0].why.contains("open or shorted"));
}

#[test]
fn polarity_is_tried_before_the_first_setpoint_and_nothing_works_until_it_is_proven() {
    let law = Law { polarity: Some(PolarityLaw { rest_ticks: 5, limit_ticks: 30 }), ..law() };
    let mut bench = Bench::new(law.clone());
    let outs: Vec<Output> = (0..7).map(|_| bench.step()).collect();
    assert!(outs[..5].iter().all(|o| o.commands.thermal == Thermal::Off && o.commands.target.is_none()), "resting");
    assert!(outs.iter().take_while(|o| o.events.iter().all(|e| !e.message.contains("as it should"))).all(|o| o.commands.duty.is_none()));
    bench.until(RunState::Running);
    assert!(bench.until(RunState::Running).commands.duty.is_some());

    let mut wrong = Bench::new(law.clone());
    wrong.plate_follows = Follows::Backwards;
    let why = (0..40).find_map(|_| wrong.step().end).expect("refused");
    assert!(matches!(&why, End::Tripped(why) if why.contains("wrong way round")), "{why:?}");

    let mut dead = Bench::new(law);
    dead.plate_follows = Follows::Not;
    let why = (0..60).find_map(|_| dead.step().end).expect("refused");
    assert!(matches!(&why, End::Tripped(why) if why.contains("not in its place")), "{why:?}");
}

#[test]
fn drive_beyond_the_maximum_cooling_current_trips_in_the_step() {
    let drive = Some(DriveLaw { limit_a: 8.0, limit_v: None, saturated_ticks: 300, saturation_trips: false, window_ticks: 30 });
    let mut bench = flying_on(Law { guards: Guards { drive, ..Guards::default() }, ..law() }, &[]);
    let from = bench.plate;
    let end = (0..150).find_map(|t| {
        let t = f64::from(t);
        step_on(&mut bench, &[(Channel::Plate, Some(from + 1.5 + 0.2 * t)), (Channel::TecCurrent, Some(3.0 + 0.03 * t))]).end
    });
    assert!(matches!(&end, Some(End::Tripped(why)) if why.contains("maximum-cooling current")), "{end:?}");
}

/// What the made-up bench reads instead of its own.
pub(super) fn put_over(readings: &mut signal::Snapshot, over: &[(Channel, Option<f64>)], at_s: f64) {
    for (channel, value) in over {
        let reading = match value {
            Some(value) => Reading::good(*value, at_s, Origin::Simulated),
            None => Reading { value: None, at_s, quality: Quality::Gap, origin: Origin::Simulated },
        };
        readings.set(*channel, reading);
    }
}

/// How the plate of the made-up bench follows its target.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    /// At once.
    AtOnce,
    /// The wrong way.
    Backwards,
    /// Not at all.
    Not,
}

impl Follows {
    pub(super) fn to(self, plate: f64, target: Option<signal::Celsius>) -> f64 {
        match (self, target) {
            (_, None) | (Self::Not, _) => plate,
            (Self::AtOnce, Some(target)) => target.0,
            (Self::Backwards, Some(target)) => plate - 0.2 * (target.0 - plate).signum(),
        }
    }
}

#[test]
fn limits_of_a_dew_floor_stay_ordered() {
    let dew = Some(DewLaw { margin_k: 20.0, stale_ticks: 10, trip_ticks: 5 });
    let setpoint = SetpointLaw { limits: Limits::new(5.0, 20.0).expect("ordered"), rate_k_s: 0.1 };
    let mut bench = Bench::new(Law { guards: Guards { dew, ..Guards::default() }, setpoint, ..law() });
    let out = step_on(&mut bench, &[(Channel::Ambient, Some(30.0)), (Channel::Humidity, Some(90.0))]);
    assert!(out.commands.target.is_none_or(|t| t.0 <= 20.0), "the rig's own limit stays");
}
