//! One tick of the control law.
//!
//! Order: requests, what the devices say of themselves, interlocks, heat and work of the tick that ends now, mission time and
//! flight model, setpoint, budget, commands. A tick in state *running* is flown even if it turns out to be the last.

use crate::ahead::Ahead;
use crate::governor::Supply;
use crate::guard;
use crate::heat::{Heat, SHORTEST_SPAN};
use crate::io::{Commands, End, Event, Input, Output, Thermal, View};
use crate::law::{Actuator, Law, SetpointLaw};
use crate::polarity::{Polarity, Verdict};
use crate::policy::Seen;
use crate::setpoint;
use crate::state::State;
use crate::trim::Followed;
use crate::waking::powered;
use crate::watch::{ends_in_s, watch_battery, watch_heat, watch_instruments, watch_power};
use model::environment::Sample;
use signal::{Celsius, Channel, Limit, Limits, Origin, Place, Request, RunState, Severity, Watts};

/// Advances `state` by the tick of `input` (and those missed before it) and says what to do.
pub fn step(law: &Law, state: &mut State, input: &Input) -> Output {
    let mut events = Vec::new();
    let ticks = input.missed + 1;
    if input.missed > 0 {
        let message = format!("{} ticks passed without one; their time is integrated across", input.missed);
        events.push(Event { severity: Severity::Warning, kind: "gap", who: "engine".into(), message });
    }

    take_requests(state, input, &mut events);
    // Trips look at what was read, everything else at what can be believed of it.
    guard::trips(law, state, &input.readings, ticks, &mut events);
    let (input, suspect) = guard::believed(law, state, input, ticks, &mut events);
    let input = &input;
    watch_instruments(law, state, input, ticks, &mut events);

    let flying = state.run == RunState::Running;
    let heat = state.heat.update(law, &input.readings, ticks, state.duty);
    let work_rate = state.work.update(input.readings.get(Channel::WorkUnits), SHORTEST_SPAN * law.dt_s, flying);
    state.work_input.update(input.readings.get(Channel::WorkInputUnits), SHORTEST_SPAN * law.dt_s, flying);
    watch_heat(law, state, heat, &mut events);
    state.place = input.readings.usable(Channel::WorkPark).and_then(Place::of_number).unwrap_or(state.place);
    state.waking.learn(&input.readings, state.place, state.duty * law.dt_s * f64::from(ticks));
    // Of work that is away no answer is due.
    if let Some(allowed) = state.allowed.filter(|_| state.place == Place::Memory) {
        let drawn = heat.value.filter(|_| heat.held_ticks == 0 && heat.origin != Origin::Assumed);
        state.answer.update(law, allowed, drawn, ticks);
    }

    state.battery_w = None;
    let env = if flying { fly(law, state, heat, ticks, &mut events) } else { law.environment.at(state.mission_s) };
    let request = law.interface(&state.flight);
    let limits = guard::limits(law, state, input, ticks, &mut events);
    let (now, limited) = aim(law, state, input, (request, limits), ticks, &mut events);
    if !flying {
        settle(law, state, input, ticks, &mut events);
    }

    let flight = law.flight.view(&state.flight);
    let seen = Seen {
        flight: &flight,
        die: input.readings.usable(Channel::Die).map(Celsius),
        margin_k: input.readings.usable(Channel::DieMargin),
    };
    let granted = power(law, state, &env);
    let supply = law.governor.temper(granted, &seen);
    let budget = supply.budget;
    watch_power(law, state, heat, budget, ticks, &mut events);
    guard::drive(law, state, input, heat, ticks, &mut events);
    crate::resistance::watch(law, state, &input.readings, ticks, &mut events);
    let mut commands = command(law, state, input, budget, heat, ticks);
    state.allowed = Some(if commands.duty.is_some() { budget } else { law.governor.idle });
    commands.power = powered(law, state, granted.budget, commands.duty.is_some(), ticks, &mut events);
    let view = View {
        mission_s: state.flown.then_some(state.mission_s),
        env,
        flight,
        // What was held too long is no heat any more, even if nothing else is known.
        heat: heat.value.filter(|_| heat.held_ticks <= law.patience.heat_ticks),
        heat_origin: heat.origin,
        heat_source: heat.source,
        request: Some(request),
        setpoint: now,
        limited,
        available: supply.available,
        array_w: supply.array_w,
        battery_w: state.battery_w,
        soc_frac: state.charge.map(|c| c.battery.soc_frac()),
        budget,
        duty: commands.duty,
        work_units: state.work.counted().filter(|_| input.readings.usable(Channel::WorkUnits).is_some()),
        work_input_units: state.work_input.counted().filter(|_| input.readings.usable(Channel::WorkInputUnits).is_some()),
        work_rate,
        ends_in_s: ends_in_s(law, state),
    };
    Output { state: state.run, commands, events, view, suspect, end: state.end.clone() }
}

fn take_requests(state: &mut State, input: &Input, events: &mut Vec<Event>) {
    for (who, request) in &input.requests {
        let note = |message: String| Event { severity: Severity::Info, kind: "request", who: who.clone(), message };
        events.push(note(request.word().to_owned()));
        match request {
            Request::Hold if state.run == RunState::Running => state.enter(RunState::Held, &format!("{who} asked"), events),
            Request::Resume if state.run == RunState::Held => state.enter(RunState::Running, &format!("{who} asked"), events),
            Request::Resume if state.needs_operator || state.run == RunState::Suspended => {
                if input.instruments.lost.is_some() || !input.instruments.ready {
                    events.push(note("resume does nothing while an instrument is not back: ask again when it is".into()));
                } else if state.alarms.unacknowledged() {
                    events.push(note("resume does nothing before the alarms are acknowledged".into()));
                } else {
                    state.resume_asked = true;
                }
            }
            Request::Hold | Request::Resume => events.push(note(format!("{} does nothing while {}", request.word(), state.run.word()))),
            Request::Ack => {
                let seen = state.alarms.acknowledge();
                events.push(note(format!("{seen} alarms acknowledged")));
            }
            Request::Stop => state.finish(End::Stopped, events),
            Request::Abort => state.finish(End::Aborted, events),
            Request::Halt => state.finish(End::Halted, events),
        }
    }
}

/// Mission time runs: the flight model takes the heat of the ticks that just ended.
fn fly(law: &Law, state: &mut State, heat: Heat, ticks: u32, events: &mut Vec<Event>) -> Sample {
    let mut env = law.environment.at(state.mission_s);
    if state.run != RunState::Running {
        return env;
    }
    // Staging guarantees a first reading, and watch_heat suspends before the last one gets old.
    let Some(board) = heat.value else {
        state.finish(End::Tripped("the flight model has no heat to go by".into()), events);
        return env;
    };
    let (mut given_j, mut unmet_j, from_s) = (0.0, 0.0, state.mission_s);
    for _ in 0..ticks {
        if state.mission_s >= law.duration_s - law.dt_s / 2.0 {
            break;
        }
        let next = law.environment.at(state.mission_s + law.dt_s);
        for message in law.faults.strike(state.mission_s, &mut state.flight) {
            events.push(Event { severity: Severity::Warning, kind: "fault", who: "control".into(), message });
        }
        law.flight.step(&mut state.flight, board, &env, &next, law.dt_s);
        if let Some(charge) = &mut state.charge {
            let flow = law.governor.exchange(charge, board, &env, &next, law.dt_s);
            given_j += flow.battery_w * law.dt_s;
            unmet_j += flow.unmet_w * law.dt_s;
        }
        state.mission_s += law.dt_s;
        env = next;
    }
    let flown_s = state.mission_s - from_s;
    if state.charge.is_some() && flown_s > 0.0 {
        state.battery_w = Some(given_j / flown_s);
        watch_battery(law, state, unmet_j / flown_s, events);
    }
    if state.mission_s >= law.duration_s - law.dt_s / 2.0 {
        state.finish(End::Done, events);
    }
    env
}

/// What array and battery have for the board, now and until it has answered the next budget.
fn power(law: &Law, state: &mut State, env: &Sample) -> Supply {
    let Some(charge) = &mut state.charge else { return law.governor.supply(env, None, state.mission_s) };
    // Never beyond what is known; where mission time stands, nothing comes nearer.
    let then_s = (state.mission_s + law.dt_s + state.answer.late_s(law)).min(*law.environment.span_s().end());
    let then = law.environment.at(then_s);
    let (lean, at_s) = law.governor.leaner((env, state.mission_s), (&then, then_s));
    charge.look(&Ahead::of(&law.governor, &law.environment), lean, at_s);
    Supply { array_w: law.governor.power.array_w(env), ..law.governor.supply(lean, Some(charge), at_s) }
}

/// The setpoint for this tick, and what limited the row.
fn aim(
    law: &Law,
    state: &mut State,
    input: &Input,
    (request, limits): (Celsius, Limits),
    ticks: u32,
    events: &mut Vec<Event>,
) -> (Option<Celsius>, Limit) {
    if state.setpoint.is_none() && !law.required().is_subset(&state.read) {
        return (None, Limit::None);
    }
    if state.run == RunState::Staging {
        let mut polarity = state.polarity;
        let verdict = polarity.tick(law, limits, input, ticks, request, events);
        state.polarity = polarity;
        match verdict {
            Verdict::Go => {}
            Verdict::Wait => return (None, Limit::None),
            Verdict::Hold(target) => {
                state.setpoint = Some(target);
                return (Some(target), Limit::None);
            }
            Verdict::Refuse(why) => {
                state.alarm("polarity", &why, events);
                state.finish(End::Tripped(why), events);
                return (state.setpoint, Limit::None);
            }
        }
    }
    let measured = input.readings.usable(law.servoed()).map(Celsius);
    if state.setpoint.is_none() && (measured.is_none() || !input.instruments.ready) {
        return (None, Limit::None);
    }
    let last = state.setpoint.or(measured);
    let frozen = matches!(state.run, RunState::Suspended | RunState::Stopping | RunState::Safe);
    let wanted = if frozen { last.unwrap_or(request) } else { request };
    match setpoint::limit(&SetpointLaw { limits, ..law.setpoint }, last, wanted, law.dt_s * f64::from(ticks)) {
        Ok((next, mut limited)) => {
            state.setpoint = Some(next);
            let amps = input.readings.usable(Channel::TecCurrent).map(f64::abs);
            if limited == Limit::None && amps.zip(law.saturation_a).is_some_and(|(i, max)| i >= max) {
                limited = Limit::Saturated;
            }
            (Some(next), limited)
        }
        Err(why) => {
            state.finish(End::Tripped(format!("the flight model asked for a setpoint that is {why}")), events);
            (state.setpoint, Limit::None)
        }
    }
}

/// Staging and suspension end when the plate has been in band for a while.
fn settle(law: &Law, state: &mut State, input: &Input, ticks: u32, events: &mut Vec<Event>) {
    let target = law.setpoint.limits.clamp(law.interface(&state.flight).0).map(|l| l.value).ok();
    let wanted = if state.run == RunState::Suspended { state.setpoint.map(|s| s.0) } else { target };
    let measured = input.readings.usable(law.servoed());
    let in_band = measured.zip(wanted).is_some_and(|(m, w)| (m - w).abs() <= law.staging.band_k);
    let heated = state.heat_is_fresh();
    if in_band && heated && input.instruments.ready && input.instruments.output_on == Some(true) {
        // Missed ticks prove nothing: one reading is one tick in band.
        state.settled_ticks += 1;
    } else if measured.is_some() {
        // A tick without a reading says nothing either way.
        state.settled_ticks = 0;
    }
    let proven = law.polarity.is_none() || state.polarity == Polarity::Proven;
    let settled = proven && state.settled_ticks >= law.staging.settle_ticks;
    match state.run {
        RunState::Staging => {
            state.staging_ticks += ticks;
            if settled {
                state.settled_ticks = 0;
                state.enter(RunState::Running, "the interface is at the flight model's start; mission time begins", events);
            } else if state.staging_ticks > law.staging.limit_ticks {
                let have = measured.map_or("no reading".to_owned(), |m| format!("{m:.2} °C"));
                let want = wanted.map_or("?".to_owned(), |w| format!("{w:.2} °C"));
                let why = format!(
                    "staging did not settle in {} s: {} {have}, wanted {want} ± {} K",
                    f64::from(law.staging.limit_ticks) * law.dt_s,
                    law.servo.name(),
                    law.staging.band_k
                );
                state.alarm("staging", &why, events);
                state.finish(End::Tripped(why), events);
            }
        }
        RunState::Suspended => {
            state.suspended_ticks += ticks;
            let cause_gone = state.lost_ticks == 0 && state.heat_is_fresh() && input.workload_fault.is_none();
            if settled && !state.needs_operator && cause_gone {
                state.settled_ticks = 0;
                state.suspended_by = None;
                let back = if state.was_held { RunState::Held } else { RunState::Running };
                state.enter(back, &format!("the cause is gone and the {} is back in band", law.servo.name()), events);
            } else if state.suspended_ticks > law.patience.suspend_ticks {
                let why = format!("suspended for more than {}", law.wall(law.patience.suspend_ticks));
                state.alarm("suspended", &why, events);
                state.finish(End::Tripped(why), events);
            }
        }
        RunState::Running | RunState::Held | RunState::Stopping | RunState::Safe => {}
    }
}

fn command(law: &Law, state: &mut State, input: &Input, budget: Watts, heat: Heat, ticks: u32) -> Commands {
    let over = state.end.is_some() || matches!(state.run, RunState::Stopping | RunState::Safe);
    if state.needs_operator && state.resume_asked && !state.alarms.unacknowledged() && input.instruments.ready {
        state.needs_operator = false;
    }
    let blocked = state.needs_operator || !input.instruments.ready || input.instruments.lost.is_some();
    // Never on without a target: an instrument would servo to whatever it remembers.
    let thermal = if over || blocked || state.setpoint.is_none() { Thermal::Off } else { Thermal::On };
    if thermal == Thermal::Off {
        state.seen_on = false;
    }
    // Without a working rig the heat would stay in the plate, and while suspended something cannot be seen: no work then.
    let unproven = law.polarity.is_some() && state.polarity != Polarity::Proven;
    let may_work = !over && !blocked && !unproven && state.run != RunState::Suspended;
    let (duty, limit) = match law.actuator {
        Actuator::Pacing => {
            let measured = (heat.held_ticks == 0).then_some(heat.value).flatten();
            let follows = may_work && state.waking.there() && state.place == Place::Memory;
            let tick = Followed { drawn: measured, late_s: state.answer.late_s(law), dt_s: law.dt_s * f64::from(ticks) };
            let duty = law.governor.duty(&mut state.trim, budget, input.readings.usable(law.servoed()), follows.then_some(tick));
            let duty = may_work.then_some(duty);
            (duty, None)
        }
        // A limit cannot go below its least: what is left then is to idle.
        Actuator::PowerLimit { least } => {
            (may_work.then(|| f64::from(u8::from(budget.0 >= least.0))), Some(Watts(budget.0.max(least.0).min(law.governor.full.0))))
        }
    };
    state.duty = duty.unwrap_or(0.0);
    let acknowledge = input.requests.iter().any(|(_, r)| *r == Request::Ack);
    Commands { target: state.setpoint, thermal, duty, power: true, limit, acknowledge }
}
