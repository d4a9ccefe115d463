//! What is watched each tick, and what follows: links, outputs, readings, heat, power, battery. What a rig's own interlocks watch is in `guard`.

use crate::heat::Heat;
use crate::io::{End, Event, Input, WorkFault};
use crate::law::Law;
use crate::state::State;
use signal::{Origin, RunState, Severity, Watts};

/// Part of full power above the budget that counts as not obeying, and for how long, bench seconds: pacing and the lag of the power
/// reading stay below both.
const OVER_BUDGET: f64 = 0.15;
const OVER_FOR_S: f64 = 60.0;
/// A battery this far below its planned depth is told of: not the rounding of a battery sized to the watt-hour.
const DEPTH_SLACK: f64 = 0.005;

/// Link loss, refusals, errors of the instruments, outputs that are not what was asked for.
pub(crate) fn watch_instruments(law: &Law, state: &mut State, input: &Input, ticks: u32, events: &mut Vec<Event>) {
    let instruments = &input.instruments;
    if let Some(why) = &instruments.refused {
        state.alarm("refused", why, events);
        state.finish(End::Tripped(why.clone()), events);
    }
    if let Some(why) = &instruments.error {
        state.alarm("instrument", why, events);
        state.finish(End::Tripped(why.clone()), events);
    }
    if let Some(why) = &instruments.lost {
        state.alarm("link", &format!("{why}; its output is UNKNOWN until confirmed"), events);
        state.lost_ticks += ticks;
        state.seen_on = false;
        block(state, "link", why, events);
        if state.lost_ticks > law.patience.link_ticks {
            state.finish(End::Tripped(format!("{why} and did not come back in {}", law.wall(law.patience.link_ticks))), events);
        }
    } else {
        if state.lost_ticks > 0 && instruments.ready {
            let message = "link is back: identified again, output off and confirmed, settings read back; acknowledge and resume to go on";
            events.push(Event { severity: Severity::Info, kind: "link", who: "control".into(), message: message.into() });
            state.lost_ticks = 0;
            state.alarms.clear("link");
        }
        match instruments.output_on {
            Some(true) => state.seen_on = true,
            Some(false) if state.seen_on && !matches!(state.run, RunState::Stopping | RunState::Safe) => {
                let why = "the instrument switched its output off by itself (lease, trip or hand)";
                state.alarm("output", why, events);
                state.finish(End::Tripped(why.into()), events);
            }
            _ => {}
        }
    }
    watch_readings(law, state, input, ticks, events);
    watch_work(law, state, input, ticks, events);
}

/// Work that is not well suspends. What cannot come back is waited for as long as somebody at the screen needs to read why, and no longer: the bench would be held
/// at its setpoint for nothing.
fn watch_work(law: &Law, state: &mut State, input: &Input, ticks: u32, events: &mut Vec<Event>) {
    let Some(WorkFault { why, lasting }) = &input.workload_fault else {
        state.workless_ticks = 0;
        return;
    };
    state.alarm("workload", why, events);
    suspend(state, "workload", why, events);
    if !lasting || matches!(state.run, RunState::Stopping | RunState::Safe) {
        return;
    }
    let patience = law.patience.work_ticks;
    if state.workless_ticks == 0 {
        let message = format!(
            "the work cannot come back: the run ends in {} and goes safe (exit code 6), unless it is stopped before",
            law.wall(patience)
        );
        events.push(Event { severity: Severity::Warning, kind: "workload", who: "control".into(), message });
    }
    state.workless_ticks = state.workless_ticks.saturating_add(ticks);
    if state.workless_ticks > patience {
        state.finish(End::Tripped(format!("{why}; the work could not come back, and was waited for {}", law.wall(patience))), events);
    }
}

/// Wall seconds until what is wrong now ends the run: the shortest patience that is being spent.
pub(crate) fn ends_in_s(law: &Law, state: &State) -> Option<f64> {
    if state.end.is_some() || matches!(state.run, RunState::Stopping | RunState::Safe) {
        return None;
    }
    let patience = law.patience;
    let unread = state.unread.values().copied().max().filter(|unread| *unread > patience.reading_ticks);
    [
        (state.workless_ticks > 0).then(|| patience.work_ticks.saturating_sub(state.workless_ticks)),
        (state.lost_ticks > 0).then(|| patience.link_ticks.saturating_sub(state.lost_ticks)),
        unread.map(|unread| patience.reading_ticks.saturating_add(patience.link_ticks).saturating_sub(unread)),
        (state.run == RunState::Suspended).then(|| patience.suspend_ticks.saturating_sub(state.suspended_ticks)),
    ]
    .into_iter()
    .flatten()
    .min()
    .map(|left| f64::from(left) / law.ticks_per_wall_s)
}

/// What is servoed or has an interlock must be read before anything is switched on, and ever after. A rig that is blind is switched off while its link still stands.
fn watch_readings(law: &Law, state: &mut State, input: &Input, ticks: u32, events: &mut Vec<Event>) {
    // A lost link has its own patience.
    let ticks = if input.instruments.lost.is_some() { 0 } else { ticks };
    let required = law.required();
    for channel in law.watched() {
        if input.readings.usable(channel).is_some() {
            state.unread.insert(channel, 0);
            state.read.insert(channel);
            continue;
        }
        if input.instruments.ready && required.contains(&channel) {
            state.unread.entry(channel).or_insert(0);
        }
        if let Some(unread) = state.unread.get_mut(&channel) {
            *unread = unread.saturating_add(ticks);
        }
    }
    let blind = state.unread.iter().filter(|(_, n)| **n > law.patience.reading_ticks).max_by_key(|(_, n)| **n);
    let Some((&channel, &unread)) = blind else {
        state.alarms.clear("reading");
        return;
    };
    let why = if state.read.contains(&channel) {
        let why = format!("{channel:?} has not been read for {}", law.wall(unread));
        state.alarm("reading", &format!("{why}; the rig is switched off, since nobody can see it"), events);
        block(state, "reading", &why, events);
        why
    } else {
        // Nothing was switched on yet, so nobody needs to look before it is.
        let why = format!(
            "{channel:?} has never been read, {} after the instruments were ready: look at its sensor and its plug",
            law.wall(unread)
        );
        state.alarm("reading", &format!("{why}; nothing is switched on before it is"), events);
        why
    };
    if unread > law.patience.reading_ticks.saturating_add(law.patience.link_ticks) {
        state.finish(End::Tripped(why), events);
    }
}

/// Suspends, and keeps the output off until an operator has seen why.
pub(crate) fn block(state: &mut State, by: &'static str, why: &str, events: &mut Vec<Event>) {
    state.needs_operator = true;
    state.resume_asked = false;
    suspend(state, by, why, events);
}

fn suspend(state: &mut State, by: &'static str, why: &str, events: &mut Vec<Event>) {
    if matches!(state.run, RunState::Running | RunState::Held) {
        state.was_held = state.run == RunState::Held;
        state.enter(RunState::Suspended, why, events);
        state.suspended_ticks = 0;
        state.suspended_by = Some(by);
    }
}

pub(crate) fn watch_heat(law: &Law, state: &mut State, heat: Heat, events: &mut Vec<Event>) {
    if heat.held_ticks > law.patience.heat_ticks && state.run == RunState::Running {
        let why = format!("no heat reading for {} ticks", heat.held_ticks);
        state.alarm("heat", &format!("{why}: {}", law.heat.silent()), events);
        suspend(state, "heat", &why, events);
    } else if heat.held_ticks == 0 && heat.value.is_some() {
        state.alarms.clear("heat");
    }
}

/// A board that keeps drawing more than its budget obeys nobody: no workload of ours, or one that does not pace.
pub(crate) fn watch_power(law: &Law, state: &mut State, heat: Heat, budget: Watts, ticks: u32, events: &mut Vec<Event>) {
    let allowed = budget.0 + OVER_BUDGET * law.governor.full.0;
    let fresh = heat.held_ticks == 0 && heat.origin != Origin::Assumed && state.run == RunState::Running;
    match heat.value.filter(|_| fresh) {
        Some(board) if board.0 > allowed => {
            state.over_ticks = state.over_ticks.saturating_add(ticks);
            if f64::from(state.over_ticks) * law.dt_s > OVER_FOR_S {
                let why = format!("the board draws {:.0} W on a budget of {:.0} W: nothing paces it; see --workload", board.0, budget.0);
                state.alarm("power", &why, events);
            }
        }
        Some(_) => {
            state.over_ticks = 0;
            state.alarms.clear("power");
        }
        None => {}
    }
}

/// A battery below its planned depth flies on, and wears; one that leaves something uncarried would have lost the satellite.
pub(crate) fn watch_battery(law: &Law, state: &mut State, unmet_w: f64, events: &mut Vec<Event>) {
    let Some((battery, charge)) = law.governor.power.battery.zip(state.charge) else { return };
    let (soc, floor) = (charge.battery.soc_frac(), battery.floor_frac());
    if unmet_w > 0.0 {
        let share_w = law.governor.power.load_w(law.governor.idle);
        let why = format!(
            "the battery left {unmet_w:.1} W uncarried at {:.1} % charge (bus and idle board take {share_w:.1} W): enlarge battery or discharge_kw in [battery]",
            soc * 100.0
        );
        state.alarm("battery", &why, events);
    } else if soc < floor - DEPTH_SLACK {
        let why = format!(
            "the battery is at {:.1} % charge, planned is no less than {:.1} %: enlarge it or plan it deeper",
            soc * 100.0,
            floor * 100.0
        );
        state.alarm("depth", &why, events);
    } else {
        state.alarms.clear("battery");
        state.alarms.clear("depth");
    }
}
