//! A rig's own interlocks in the order of a tick: trips on what was read, what of it is believed, how cold a setpoint may be, what the drive does.

use crate::drive::{Look, Wrong};
use crate::heat::Heat;
use crate::io::{End, Event, Input};
use crate::law::Law;
use crate::plausible::Suspect;
use crate::state::State;
use signal::{Channel, Limits, RunState, Snapshot};

/// A measured value beyond its bounds ends the run.
pub(crate) fn trips(law: &Law, state: &mut State, readings: &Snapshot, ticks: u32, events: &mut Vec<Event>) {
    state.held_trips.resize(law.trips.len(), None);
    let told =
        law.trips.iter().zip(&mut state.held_trips).filter_map(|(trip, held)| trip.check(readings, held, ticks)).reduce(|first, _| first);
    if let Some(why) = told {
        trip(state, why, events);
    }
}

/// The readings without those that cannot be, and which those are.
pub(crate) fn believed(law: &Law, state: &mut State, input: &Input, ticks: u32, events: &mut Vec<Event>) -> (Input, Vec<Suspect>) {
    let mut input = input.clone();
    let Some(rule) = law.guards.plausible else { return (input, Vec::new()) };
    let suspect = state.plausible.mark(&rule, &mut input.readings, ticks, law.dt_s);
    let mut names: Vec<String> = Vec::new();
    for Suspect { channel, why } in &suspect {
        names.push(format!("{channel:?} {why}"));
    }
    if names.is_empty() {
        state.alarms.clear("sensor");
    } else {
        state.alarm("sensor", &format!("{}; not believed, and treated as not read", names.join("; ")), events);
    }
    (input, suspect)
}

/// Limits of the setpoint now: the rig's, and not below what is dry.
pub(crate) fn limits(law: &Law, state: &mut State, input: &Input, ticks: u32, events: &mut Vec<Event>) -> Limits {
    let own = law.setpoint.limits;
    let Some(rule) = law.guards.dew else { return own };
    let floor = state.dew.floor(&rule, &input.readings, ticks);
    if state.dew.unknown && state.flown {
        let why = format!(
            "the room's humidity or temperature is not read: nothing is cooled below {:.1} °C until it is; look at that sensor",
            floor.0
        );
        state.alarm("humidity", &why, events);
    } else if !state.dew.unknown {
        state.alarms.clear("humidity");
    }
    let running = !matches!(state.run, RunState::Stopping | RunState::Safe);
    if let Some(why) =
        state.dew.check(&rule, floor, &input.readings, ticks).filter(|_| running && input.instruments.output_on == Some(true))
    {
        trip(state, why, events);
    }
    Limits::new(own.min().max(floor.0).min(own.max()), own.max()).unwrap_or(own)
}

/// What the drive does against what it should.
pub(crate) fn drive(law: &Law, state: &mut State, input: &Input, heat: Heat, ticks: u32, events: &mut Vec<Event>) {
    let Some(rule) = law.guards.drive else { return };
    let on = input.instruments.output_on == Some(true) && matches!(state.run, RunState::Staging | RunState::Running | RunState::Held);
    let look = Look {
        readings: &input.readings,
        servoed: (law.servoed(), law.servo.name()),
        setpoint_degc: state.setpoint.map(|t| t.0),
        heat_w: (heat.value.map_or(0.0, |w| w.0), law.governor.full.0),
        on,
        ticks,
        dt_s: law.dt_s,
    };
    match state.drive.check(&rule, &look) {
        Some(Wrong::Trip(why)) => trip(state, why, events),
        Some(Wrong::Alarm(why)) => state.alarm("saturated", &why, events),
        None => {
            let amps = input.readings.usable(Channel::TecCurrent);
            if amps.is_some_and(|a| a.abs() < rule.limit_a * 0.95) {
                state.alarms.clear("saturated");
            }
        }
    }
}

fn trip(state: &mut State, why: String, events: &mut Vec<Event>) {
    state.alarm("interlock", &why, events);
    state.finish(End::Tripped(why), events);
}
