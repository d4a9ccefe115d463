//! Everything the control law remembers from tick to tick.

use crate::alarm::Alarms;
use crate::answer::Answer;
use crate::charge::Charge;
use crate::dew::DewWatch;
use crate::drive::DriveWatch;
use crate::heat::HeatMeter;
use crate::interlock::Held;
use crate::io::{End, Event};
use crate::law::Law;
use crate::plausible::PlausibleWatch;
use crate::polarity::Polarity;
use crate::resistance::ResistanceMeter;
use crate::trim::Trim;
use crate::waking::Waking;
use model::battery::BatteryState;
use model::flight::FlightState;
use signal::{Celsius, Channel, Place, Reading, RunState, Severity, Watts};
use std::collections::{BTreeMap, BTreeSet};

/// What outlives a tick.
#[derive(Clone, Debug)]
pub struct State {
    /// The run's state.
    pub run: RunState,
    /// Mission seconds flown; 0 until staging is over.
    pub mission_s: f64,
    /// Staging is over: mission time has a meaning.
    pub flown: bool,
    /// The flight model's temperatures.
    pub flight: FlightState,
    /// The battery and what is known of the dark ahead; `None` where none is modelled.
    pub charge: Option<Charge>,
    /// What the battery gave over the tick, W; `None` unless mission time ran.
    pub(crate) battery_w: Option<f64>,
    /// Alarms, latched until acknowledged.
    pub alarms: Alarms,
    /// Why the run is suspended.
    pub suspended_by: Option<&'static str>,
    pub(crate) setpoint: Option<Celsius>,
    pub(crate) trim: Trim,
    pub(crate) heat: HeatMeter,
    pub(crate) work: WorkMeter,
    pub(crate) work_input: WorkMeter,
    /// Duty commanded for the tick that ends next.
    pub(crate) duty: f64,
    /// What the board may draw over the tick that ends next.
    pub(crate) allowed: Option<Watts>,
    /// How late it answers.
    pub(crate) answer: Answer,
    /// Whether power for the work is there.
    pub(crate) waking: Waking,
    /// Where the work was last seen: in memory unless it says otherwise.
    pub(crate) place: Place,
    pub(crate) resistance: ResistanceMeter,
    pub(crate) polarity: Polarity,
    pub(crate) dew: DewWatch,
    pub(crate) plausible: PlausibleWatch,
    pub(crate) drive: DriveWatch,
    /// Of each trip of the law.
    pub(crate) held_trips: Vec<Held>,
    pub(crate) settled_ticks: u32,
    pub(crate) staging_ticks: u32,
    pub(crate) suspended_ticks: u32,
    /// Work that cannot come back has been gone for so long.
    pub(crate) workless_ticks: u32,
    pub(crate) lost_ticks: u32,
    pub(crate) over_ticks: u32,
    /// The thermal output was confirmed on since it was last commanded on.
    pub(crate) seen_on: bool,
    /// A link was lost or a watched channel went unread: the output stays off until an operator has seen the alarm and asks to go on.
    pub(crate) needs_operator: bool,
    pub(crate) resume_asked: bool,
    /// An operator held the run before a condition suspended it.
    pub(crate) was_held: bool,
    /// Ticks since each watched channel was last read, or since the instruments were ready if it never was; absent before.
    pub(crate) unread: BTreeMap<Channel, u32>,
    /// The watched channels that were ever read.
    pub(crate) read: BTreeSet<Channel>,
    pub(crate) end: Option<End>,
}

impl State {
    /// Before the first tick.
    pub fn new(law: &Law) -> Self {
        Self {
            run: RunState::Staging,
            mission_s: 0.0,
            flown: false,
            flight: law.initial.clone(),
            charge: law.governor.power.battery.map(|_| Charge::new(law.charge.unwrap_or(BatteryState::FULL), law.environment.period_s())),
            battery_w: None,
            alarms: Alarms::default(),
            suspended_by: None,
            setpoint: None,
            trim: Trim::default(),
            heat: HeatMeter::default(),
            work: WorkMeter::default(),
            work_input: WorkMeter::default(),
            duty: 0.0,
            allowed: None,
            answer: Answer::default(),
            waking: Waking::default(),
            place: Place::Memory,
            resistance: ResistanceMeter::default(),
            polarity: Polarity::default(),
            dew: DewWatch::default(),
            plausible: PlausibleWatch::default(),
            drive: DriveWatch::default(),
            held_trips: Vec::new(),
            settled_ticks: 0,
            staging_ticks: 0,
            suspended_ticks: 0,
            workless_ticks: 0,
            lost_ticks: 0,
            over_ticks: 0,
            seen_on: false,
            needs_operator: false,
            resume_asked: false,
            was_held: false,
            unread: BTreeMap::new(),
            read: BTreeSet::new(),
            end: None,
        }
    }

    /// The end of the run, once decided.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Heat was read this very tick.
    pub(crate) fn heat_is_fresh(&self) -> bool {
        self.heat.held_ticks() == Some(0)
    }

    pub(crate) fn enter(&mut self, run: RunState, why: &str, events: &mut Vec<Event>) {
        if self.run == run {
            return;
        }
        let severity = if run == RunState::Suspended { Severity::Warning } else { Severity::Info };
        events.push(Event {
            severity,
            kind: "state",
            who: "control".into(),
            message: format!("{} -> {}: {why}", self.run.word(), run.word()),
        });
        if run == RunState::Running && !self.flown {
            self.flown = true;
            self.work.begin();
            self.work_input.begin();
        }
        self.run = run;
    }

    pub(crate) fn alarm(&mut self, kind: &'static str, message: &str, events: &mut Vec<Event>) {
        if self.alarms.raise(kind, message) {
            events.push(Event { severity: Severity::Alarm, kind, who: "control".into(), message: message.to_owned() });
        }
    }

    pub(crate) fn finish(&mut self, end: End, events: &mut Vec<Event>) {
        // Of one tick the stronger end counts, in whichever order they came; what an interlock ended, nobody ended.
        let rank = |end: &End| match end {
            End::Done => 0,
            End::Stopped => 1,
            End::Aborted => 2,
            End::Halted => 3,
            End::Tripped(_) => 4,
        };
        let overruled = self.end.as_ref().is_none_or(|before| rank(&end) > rank(before));
        if !overruled {
            return;
        }
        let (severity, why) = match &end {
            End::Done => (Severity::Info, "the profile was flown to its end".to_owned()),
            End::Stopped => (Severity::Info, "stop requested".to_owned()),
            End::Aborted => (Severity::Warning, "abort requested".to_owned()),
            End::Halted => (Severity::Alarm, "halt requested: every channel to its safe action".to_owned()),
            End::Tripped(why) => (Severity::Trip, why.clone()),
        };
        if severity >= Severity::Alarm {
            self.alarms.raise("end", &why);
        }
        if severity != Severity::Info {
            events.push(Event { severity, kind: "end", who: "control".into(), message: why.clone() });
        }
        self.enter(RunState::Stopping, &why, events);
        self.end = Some(end);
    }
}

/// Counts work only while the mission runs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WorkMeter {
    last: Option<(f64, f64)>,
    counted: Option<f64>,
}

impl WorkMeter {
    /// Takes the workload's counter; returns the rate since the last reading, per bench second.
    pub(crate) fn update(&mut self, units: &Reading, shortest_s: f64, counting: bool) -> Option<f64> {
        let now = units.usable()?;
        let Some((before, at_s)) = self.last else {
            self.last = Some((now, units.at_s));
            return None;
        };
        let (done, span_s) = (now - before, units.at_s - at_s);
        // Two readings close together make no rate; what was done between them counts with the next.
        if done >= 0.0 && span_s < shortest_s {
            return None;
        }
        self.last = Some((now, units.at_s));
        // A counter that ran backwards belongs to a restarted workload: what it did in between is unknown.
        if done < 0.0 {
            return None;
        }
        if counting {
            *self.counted.get_or_insert(0.0) += done;
        }
        Some(done / span_s)
    }

    /// The mission begins: none of it is done yet, if there is a counter at all.
    pub(crate) fn begin(&mut self) {
        self.counted = self.last.map(|_| 0.0);
    }

    pub(crate) fn counted(&self) -> Option<f64> {
        self.counted
    }
}
