//! Everything the control law remembers from tick to tick.

use crate::alarm::Alarms;
use crate::governor::Trim;
use crate::heat::HeatMeter;
use crate::io::{End, Event};
use crate::law::Law;
use model::flight::FlightState;
use signal::{Celsius, Reading, RunState, Severity};

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
    /// Alarms, latched until acknowledged.
    pub alarms: Alarms,
    /// Why the run is suspended.
    pub suspended_by: Option<&'static str>,
    pub(crate) setpoint: Option<Celsius>,
    pub(crate) trim: Trim,
    pub(crate) heat: HeatMeter,
    pub(crate) work: WorkMeter,
    pub(crate) settled_ticks: u32,
    pub(crate) staging_ticks: u32,
    pub(crate) suspended_ticks: u32,
    pub(crate) lost_ticks: u32,
    /// The thermal output was confirmed on at least once since it was last asked for.
    pub(crate) seen_on: bool,
    pub(crate) resume_asked: bool,
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
            alarms: Alarms::default(),
            suspended_by: None,
            setpoint: None,
            trim: Trim::default(),
            heat: HeatMeter::default(),
            work: WorkMeter::default(),
            settled_ticks: 0,
            staging_ticks: 0,
            suspended_ticks: 0,
            lost_ticks: 0,
            seen_on: false,
            resume_asked: false,
            end: None,
        }
    }

    /// The end of the run, once decided.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Somebody has seen every alarm and then asked to go on.
    pub(crate) fn operator_let_on(&self) -> bool {
        self.resume_asked && !self.alarms.unacknowledged()
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
        self.flown |= run == RunState::Running;
        self.run = run;
    }

    pub(crate) fn alarm(&mut self, kind: &'static str, message: &str, events: &mut Vec<Event>) {
        if self.alarms.raise(kind, message) {
            events.push(Event { severity: Severity::Alarm, kind, who: "control".into(), message: message.to_owned() });
        }
    }

    pub(crate) fn finish(&mut self, end: End, events: &mut Vec<Event>) {
        if self.end.is_some() {
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
    pub(crate) fn update(&mut self, units: &Reading, counting: bool) -> Option<f64> {
        let now = units.usable()?;
        let (before, at_s) = self.last.replace((now, units.at_s))?;
        let (done, span_s) = (now - before, units.at_s - at_s);
        // A counter that ran backwards belongs to a restarted workload: what it did in between is unknown.
        if done < 0.0 || span_s <= 0.0 {
            return None;
        }
        if counting {
            *self.counted.get_or_insert(0.0) += done;
        }
        Some(done / span_s)
    }

    pub(crate) fn counted(&self) -> Option<f64> {
        self.counted
    }
}
