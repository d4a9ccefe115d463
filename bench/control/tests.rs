//! The control law flown on made-up readings: states, patience, interlocks, and that nothing leaves the limits.

// Not in tests/, which cargo would take for a test of its own.
#[path = "battery_tests.rs"]
mod battery;
#[path = "guard_tests.rs"]
mod guard;
#[path = "power_tests.rs"]
mod power;
#[path = "work_tests.rs"]
mod work;

use crate::*;
use model::Profile;
use model::flight::FlightModel;
use model::power::PowerShare;
use model::profile::Faults;
use proptest::prelude::*;
use signal::{Channel, Limit, Limits, Origin, Reading, Request, RunState, Severity, Snapshot, Watts};

pub(crate) fn law() -> Law {
    let (name, text) = model::profile::builtin()[0];
    let profile = Profile::parse(name, text).expect("a shipped profile");
    let (idle, full) = (Watts(16.0), Watts(72.0));
    let share = full.0 * (1.0 + profile.satellite.overhead_frac) / (profile.satellite.heat_kw * 1e3);
    let flight = FlightModel::new(&profile, share);
    let governor = Governor { power: PowerShare::new(&profile, share), idle, full, policy: Policy::FollowSun, draw: None };
    let initial = flight.uniform(signal::Celsius(25.0).into());
    Law {
        dt_s: 1.0,
        ticks_per_wall_s: 1.0,
        duration_s: 600.0,
        environment: profile.environment,
        flight,
        initial,
        faults: Faults::default(),
        charge: None,
        servo: Servo::Plate,
        setpoint: SetpointLaw { limits: Limits::new(5.0, 60.0).expect("ordered"), rate_k_s: 0.1 },
        governor,
        staging: Staging { band_k: 0.3, settle_ticks: 5, limit_ticks: 100 },
        patience: Patience { reading_ticks: 5, heat_ticks: 3, link_ticks: 10, suspend_ticks: 50, work_ticks: 20 },
        trips: vec![Trip { name: "plate".into(), channel: Channel::Plate, min: Some(0.0), max: Some(75.0), spin: None, advice: "" }],
        guards: Guards::default(),
        polarity: None,
        resistance: None,
        saturation_a: Some(7.8),
        heat: HeatLaw::Accelerator,
        assume_heat_w: None,
        crossing: signal::Crossing::Idle,
        toll: None,
        heat_gain: 1.0,
        actuator: Actuator::Pacing,
    }
}

/// A bench whose plate is where it is told to be and whose card draws what it may.
struct Bench {
    law: Law,
    state: State,
    tick: u64,
    energy_j: f64,
    units: f64,
    duty: f64,
    plate: f64,
    instruments: Instruments,
    silent_card: bool,
    fault: Option<WorkFault>,
    /// Readings put over its own.
    over: Vec<(Channel, Option<f64>)>,
    plate_follows: guard::Follows,
}

impl Bench {
    fn new(law: Law) -> Self {
        let state = State::new(&law);
        let instruments = Instruments { ready: true, output_on: Some(false), ..Instruments::default() };
        Self {
            law,
            state,
            tick: 0,
            energy_j: 0.0,
            units: 0.0,
            duty: 0.0,
            plate: 25.0,
            instruments,
            silent_card: false,
            fault: None,
            over: Vec::new(),
            plate_follows: guard::Follows::AtOnce,
        }
    }

    fn readings(&self) -> Snapshot {
        let mut s = Snapshot::default();
        let good = |v| Reading::good(v, self.tick as f64, Origin::Simulated);
        if self.instruments.lost.is_none() {
            s.set(Channel::Plate, good(self.plate));
        }
        if !self.silent_card {
            s.set(Channel::BoardEnergy, good(self.energy_j));
            s.set(Channel::WorkUnits, good(self.units));
            s.set(Channel::WorkInputUnits, good(3.0 * self.units));
        }
        guard::put_over(&mut s, &self.over, self.tick as f64);
        s
    }

    fn step_with(&mut self, missed: u32, requests: &[Request]) -> Output {
        let ticks = f64::from(missed + 1);
        self.energy_j += (16.0 + 56.0 * self.duty) * ticks;
        self.units += 700.0 * self.duty * ticks;
        self.tick += u64::from(missed);
        let input = Input {
            tick: self.tick,
            missed,
            readings: self.readings(),
            instruments: self.instruments.clone(),
            workload_fault: self.fault.clone(),
            requests: requests.iter().map(|r| ("anna".to_owned(), *r)).collect(),
        };
        let out = step(&self.law, &mut self.state, &input);
        self.tick += 1;
        self.duty = out.commands.duty.unwrap_or(0.0);
        if self.instruments.lost.is_none() {
            self.instruments.output_on = Some(out.commands.thermal == Thermal::On);
            self.plate = self.plate_follows.to(self.plate, out.commands.target);
        }
        out
    }

    fn step(&mut self) -> Output {
        self.step_with(0, &[])
    }

    fn ask(&mut self, request: Request) -> Output {
        self.step_with(0, &[request])
    }

    fn until(&mut self, state: RunState) -> Output {
        for _ in 0..200 {
            let out = self.step();
            if out.state == state {
                return out;
            }
        }
        panic!("never {state}: still {} with {:?}", self.state.run, self.state.alarms);
    }
}

fn flying() -> Bench {
    let mut bench = Bench::new(law());
    bench.until(RunState::Running);
    bench
}

#[test]
fn a_power_limit_is_the_budget_and_below_its_least_the_board_idles() {
    let mut law = law();
    law.actuator = Actuator::PowerLimit { least: Watts(30.0) };
    let mut bench = Bench::new(law);
    let mut seen = (false, false);
    for policy in [Policy::FollowSun, Policy::Fixed(Watts(45.0)), Policy::Fixed(Watts(20.0))] {
        bench.law.governor.policy = policy;
        let out = bench.step();
        let (budget, limit) = (out.view.budget.0, out.commands.limit.expect("its actuator").0);
        assert!((30.0..=72.0).contains(&limit));
        if budget >= 30.0 {
            assert_eq!((limit, out.commands.duty), (budget, Some(1.0)));
            seen.0 = true;
        } else {
            assert_eq!((limit, out.commands.duty), (30.0, Some(0.0)), "pacing and limit are never mixed");
            seen.1 = true;
        }
    }
    assert_eq!(seen, (true, true));
}

#[test]
fn staging_ends_when_the_plate_has_settled_and_mission_time_starts_at_nought() {
    let mut bench = Bench::new(law());
    assert_eq!(bench.step().view.mission_s, None);
    let first = bench.until(RunState::Running);
    assert_eq!(first.view.mission_s, Some(0.0));
    assert_eq!(bench.step().view.mission_s, Some(1.0));
}

#[test]
fn staging_that_never_settles_is_given_up_with_the_figures() {
    let mut bench = Bench::new(law());
    let end = loop {
        bench.plate = 40.0;
        if let Some(end) = bench.step().end {
            break end;
        }
    };
    let End::Tripped(why) = end else { panic!("{end:?}") };
    assert!(why.contains("staging did not settle") && why.contains("40.00 °C"), "{why}");
}

#[test]
fn a_flight_is_flown_to_its_end_and_counts_its_work() {
    let mut bench = flying();
    let last = loop {
        let out = bench.step();
        if out.end.is_some() {
            break out;
        }
    };
    assert_eq!(last.end, Some(End::Done));
    assert_eq!(last.view.mission_s, Some(600.0));
    // 600 s of full sun at 700 units a second.
    assert!((last.view.work_units.expect("counted") - 420_000.0).abs() < 1.0);
    assert!((last.view.work_input_units.expect("counted apart") - 1_260_000.0).abs() < 3.0);
    let after = bench.step();
    assert_eq!((after.commands.thermal, after.commands.duty), (Thermal::Off, None));
}

/// Pumps that trip in flight: told once, and the flight model's plate takes all heat from then on. Setpoints stay in their limits.
#[test]
fn a_declared_fault_strikes_at_its_time_and_is_told_once() {
    let trips = "\n[fault.pump_trip]\nat_s = 100.0\nflow_frac = 0.0\n[fault.loop_lost]\nat_s = 50.0\nloops_frac = 0.5\n";
    let text = format!("{}{trips}", model::profile::builtin()[0].1);
    let faults = Profile::parse("p.toml", &text).unwrap_or_else(|p| panic!("{p}")).faults;
    let mut bench = Bench::new(Law { faults, ..law() });
    let mut sound = flying();
    let mut told = Vec::new();
    bench.until(RunState::Running);
    let (mut plate, mut at_the_trip) = (0.0, 0.0);
    for _ in 0..400 {
        let out = bench.step();
        let mission_s = out.view.mission_s.expect("flying");
        told.extend(out.events.into_iter().filter(|e| e.kind == "fault").map(|e| (mission_s, e.message)));
        plate = out.view.flight.plate.0;
        if mission_s == 100.0 {
            at_the_trip = plate;
        }
        let honest = sound.step().view.flight.plate.0;
        assert!(mission_s > 50.0 || plate == honest, "nothing before its time");
        assert!(law().setpoint.limits.contains(out.view.setpoint.expect("set").0));
    }
    // A tick's row is of its end: the first that flies without pumps ends a second after the trip.
    assert_eq!(told.iter().map(|t| t.0).collect::<Vec<_>>(), [51.0, 101.0], "{told:?}");
    assert!(told[0].1.contains("50 % of the flight model's loops") && told[1].1.contains("drive 0 % of full flow"), "{told:?}");
    assert!(plate > at_the_trip + 30.0, "{at_the_trip} K to {plate} K");
}

#[test]
fn hold_freezes_the_flight_and_counts_no_work() {
    let mut bench = flying();
    bench.step();
    let held = bench.ask(Request::Hold);
    assert_eq!(held.state, RunState::Held);
    let frozen = bench.step();
    assert_eq!((frozen.view.mission_s, frozen.view.work_units), (held.view.mission_s, held.view.work_units));
    assert_eq!(frozen.view.flight.plate, held.view.flight.plate);
    assert_eq!((frozen.view.soc_frac, frozen.view.battery_w), (held.view.soc_frac, None), "no charge moves while the mission stands");
    bench.ask(Request::Resume);
    assert!(bench.step().view.mission_s > frozen.view.mission_s);
}

#[test]
fn missing_heat_is_held_then_suspends_and_is_never_nought() {
    let mut bench = flying();
    let known = bench.step().view.heat;
    bench.silent_card = true;
    for _ in 0..3 {
        let out = bench.step();
        assert_eq!((out.view.heat, out.state), (known, RunState::Running));
    }
    assert_eq!(bench.step().state, RunState::Suspended);
    assert!(bench.state.alarms.unacknowledged());
    bench.silent_card = false;
    bench.until(RunState::Running);
}

#[test]
fn the_counter_is_integrated_across_a_gap() {
    let mut bench = flying();
    bench.step();
    let before = bench.state.mission_s;
    let out = bench.step_with(4, &[]);
    assert_eq!(bench.state.mission_s, before + 5.0);
    assert!((out.view.heat.expect("heat").0 - 72.0).abs() < 1e-9);
    assert!(out.events.iter().any(|e| e.kind == "gap"));
}

#[test]
fn a_lost_link_suspends_latches_and_ends_in_a_trip() {
    let mut bench = flying();
    bench.instruments = Instruments { lost: Some("tec: cable pulled".into()), ..Instruments::default() };
    let out = bench.step();
    assert_eq!((out.state, out.commands.thermal, out.commands.duty), (RunState::Suspended, Thermal::Off, None));
    assert!(out.events.iter().any(|e| e.severity == Severity::Alarm && e.message.contains("UNKNOWN")));
    let end = loop {
        if let Some(end) = bench.step().end {
            break end;
        }
    };
    assert!(matches!(&end, End::Tripped(why) if why.contains("did not come back")), "{end:?}");
}

#[test]
fn a_link_that_comes_back_waits_for_the_operator() {
    let mut bench = flying();
    bench.instruments = Instruments { lost: Some("tec: cable pulled".into()), ..Instruments::default() };
    bench.step();
    bench.instruments = Instruments { ready: true, output_on: Some(false), ..Instruments::default() };
    for _ in 0..10 {
        let out = bench.step();
        assert_eq!((out.state, out.commands.thermal), (RunState::Suspended, Thermal::Off), "never by itself");
    }
    bench.ask(Request::Resume);
    assert_eq!(bench.step().commands.thermal, Thermal::Off, "not before the alarm is acknowledged");
    bench.ask(Request::Ack);
    assert_eq!(bench.step().commands.thermal, Thermal::Off, "a resume that was refused is not kept");
    bench.ask(Request::Resume);
    bench.until(RunState::Running);
}

fn lose(bench: &mut Bench, ticks: u32) {
    bench.instruments = Instruments { lost: Some("tec: cable pulled".into()), ..Instruments::default() };
    for _ in 0..ticks {
        bench.step();
    }
}

fn back(bench: &mut Bench) {
    bench.instruments = Instruments { ready: true, output_on: Some(false), ..Instruments::default() };
}

#[test]
fn a_link_lost_in_any_state_waits_for_the_operator() {
    for reach in [RunState::Staging, RunState::Suspended, RunState::Held] {
        let mut bench = if reach == RunState::Staging { Bench::new(law()) } else { flying() };
        match reach {
            RunState::Suspended => {
                bench.silent_card = true;
                bench.until(RunState::Suspended);
                bench.silent_card = false;
            }
            RunState::Held => drop(bench.ask(Request::Hold)),
            _ => drop(bench.step()),
        }
        lose(&mut bench, 2);
        // Asked too early: nothing is armed for when the link comes back.
        bench.ask(Request::Ack);
        bench.ask(Request::Resume);
        back(&mut bench);
        for _ in 0..30 {
            assert_eq!(bench.step().commands.thermal, Thermal::Off, "{reach}");
        }
        bench.ask(Request::Ack);
        bench.ask(Request::Resume);
        bench.until(if reach == RunState::Held { RunState::Held } else { RunState::Running });
    }
}

#[test]
fn nothing_is_switched_on_before_every_interlock_has_seen_its_channel() {
    let mut law = law();
    law.trips.push(Trip { name: "sink".into(), channel: Channel::Sink, min: None, max: Some(70.0), spin: None, advice: "" });
    let mut bench = Bench::new(law);
    for n in 0..40 {
        let out = bench.step();
        assert_eq!(out.commands.thermal, Thermal::Off, "at {n}");
        if let Some(end) = out.end {
            assert!(matches!(&end, End::Tripped(why) if why.contains("Sink has never been read")), "{end:?}");
            return;
        }
    }
    panic!("it waited for ever");
}

#[test]
fn a_rig_that_cannot_be_seen_is_switched_off() {
    let mut bench = flying();
    bench.step();
    let mut off = None;
    for n in 0..40 {
        bench.plate = f64::NAN;
        let out = bench.step();
        bench.instruments.output_on = Some(out.commands.thermal == Thermal::On);
        if out.commands.thermal == Thermal::Off {
            off.get_or_insert(n);
        }
        if let Some(end) = out.end {
            assert!(matches!(&end, End::Tripped(why) if why.contains("has not been read")), "{end:?}");
            assert_eq!(off, Some(5));
            return;
        }
    }
    panic!("a blind rig flew on");
}

#[test]
fn nothing_works_while_its_heat_cannot_be_read() {
    let mut bench = flying();
    bench.silent_card = true;
    let out = bench.until(RunState::Suspended);
    assert_eq!((out.commands.thermal, out.commands.duty), (Thermal::On, None));
}

#[test]
fn a_board_that_nothing_paces_is_told_of() {
    let mut law = law();
    law.duration_s = 6000.0;
    law.governor.power = PowerShare::new(&Profile::parse("dark", &dark()).expect("a profile"), 1e-9);
    let mut bench = Bench::new(law);
    bench.until(RunState::Running);
    for _ in 0..30 {
        bench.duty = 1.0;
        assert!(bench.step().events.iter().all(|e| e.kind != "power"));
    }
    let told = (0..60).any(|_| {
        bench.duty = 1.0;
        bench.step().events.iter().any(|e| e.kind == "power" && e.message.contains("72 W on a budget of 16 W"))
    });
    assert!(told, "{:?}", bench.state.alarms);
}

fn dark() -> String {
    model::profile::builtin()[0].1.to_owned()
}

#[test]
fn an_interlock_overrules_a_stop_in_the_same_tick() {
    let mut bench = flying();
    bench.plate = 80.0;
    let out = bench.ask(Request::Stop);
    assert!(matches!(out.end, Some(End::Tripped(_))), "{:?}", out.end);
}

#[test]
fn missed_ticks_neither_settle_nor_overshoot() {
    let mut bench = Bench::new(law());
    bench.step();
    assert_eq!(bench.step_with(50, &[]).state, RunState::Staging);
    let mut bench = flying();
    bench.step();
    let out = bench.step_with(5000, &[]);
    assert_eq!((out.view.mission_s, out.end), (Some(600.0), Some(End::Done)));
}

#[test]
fn interlocks_end_the_run_at_once() {
    let mut bench = flying();
    bench.plate = 80.0;
    let out = bench.step();
    assert!(matches!(&out.end, Some(End::Tripped(why)) if why.contains("plate reads 80.00, above its trip limit 75")), "{:?}", out.end);
    assert_eq!((out.commands.thermal, out.commands.duty), (Thermal::Off, None));
    assert!(bench.state.alarms.unacknowledged());
}

#[test]
fn an_output_that_goes_off_by_itself_trips() {
    let mut bench = flying();
    bench.step();
    bench.instruments.output_on = Some(false);
    assert!(matches!(bench.step().end, Some(End::Tripped(_))));
}

#[test]
fn operators_end_runs_three_ways() {
    for (request, end) in [(Request::Stop, End::Stopped), (Request::Abort, End::Aborted), (Request::Halt, End::Halted)] {
        let out = flying().ask(request);
        assert_eq!((out.end, out.commands.thermal, out.commands.duty), (Some(end), Thermal::Off, None));
    }
    // In one tick the strongest counts.
    for requests in [[Request::Stop, Request::Halt], [Request::Halt, Request::Stop], [Request::Abort, Request::Halt]] {
        assert_eq!(flying().step_with(0, &requests).end, Some(End::Halted));
    }
}

#[test]
fn a_request_faster_than_the_rig_is_flagged() {
    let mut law = law();
    law.setpoint.rate_k_s = 1e-4;
    let mut bench = Bench::new(law);
    bench.until(RunState::Running);
    let mut flags: Vec<Limit> = (0..300).map(|_| bench.step().view.limited).collect();
    flags.dedup();
    assert!(flags.contains(&Limit::Rate), "{flags:?}");
}

#[test]
fn laws_that_cannot_be_flown_are_refused() {
    assert!(law().check().is_ok());
    assert!(matches!(Law { dt_s: 0.0, ..law() }.check(), Err(LawError::Tick(_))));
    assert!(matches!(Law { duration_s: f64::NAN, ..law() }.check(), Err(LawError::Duration(_))));
    let hot = Law { initial: law().flight.uniform(signal::Celsius(90.0).into()), ..law() };
    assert!(hot.check().unwrap_err().to_string().contains("90.00 °C"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever the devices say, commands stay inside every limit and nothing panics.
    #[test]
    fn no_command_leaves_the_limits(
        ticks in proptest::collection::vec(
            (proptest::option::of(proptest::num::f64::ANY), proptest::option::of(proptest::num::f64::ANY), any::<bool>(), any::<bool>(), 0..3_u32, 0..20_usize),
            1..60,
        ),
    ) {
        let law = law();
        let mut state = State::new(&law);
        let mut last: Option<f64> = None;
        for (tick, (plate, energy, ready, lost, missed, request)) in ticks.into_iter().enumerate() {
            let mut readings = Snapshot::default();
            for (channel, value) in [(Channel::Plate, plate), (Channel::BoardEnergy, energy), (Channel::WorkUnits, energy)] {
                if let Some(v) = value {
                    readings.set(channel, Reading::good(v, tick as f64, Origin::Measured));
                }
            }
            let instruments = Instruments { ready, lost: lost.then(|| "x".into()), output_on: Some(ready), ..Instruments::default() };
            let requests = Request::ALL.get(request).map(|r| ("p".to_owned(), *r)).into_iter().collect();
            let out = step(&law, &mut state, &Input { tick: tick as u64, missed, readings, instruments, workload_fault: None, requests });
            if let Some(target) = out.commands.target {
                prop_assert!((5.0..=60.0).contains(&target.0), "target {target}");
                if let Some(before) = last {
                    prop_assert!((target.0 - before).abs() <= 0.1 * f64::from(missed + 1) + 1e-9);
                }
                last = Some(target.0);
            }
            if let Some(duty) = out.commands.duty {
                prop_assert!((0.0..=1.0).contains(&duty));
            }
            prop_assert!((16.0..=72.0).contains(&out.view.budget.0));
            prop_assert!(out.view.soc_frac.is_some_and(|soc| (0.0..=1.0).contains(&soc)));
            if out.end.is_some() {
                prop_assert_eq!(out.commands.thermal, Thermal::Off);
                prop_assert_eq!(out.commands.duty, None);
            }
        }
    }
}
