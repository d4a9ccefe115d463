//! `[fault]`: what fails in flight, and when. A satellite that was built or launched short of something says so in its own tables
//! (`loop.loops_frac`, `radiator.tilt_error_deg`); here the flight starts sound, and the fault is an event of it.
//!
//! Not here: attitudes that are lost in flight. The environment is a function of time that the periodic start flies once around,
//! and a fault must not be in that.

use crate::flight::FlightState;
use crate::profile::Loop;
use signal::Section;

/// Latest that something may fail, mission seconds: a year, longer than anybody flies.
const LATEST_S: f64 = 3.2e7;

/// Something that drops to a part of what it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// From this mission second on.
    pub at_s: f64,
    /// What is left of the whole, 0 to below 1.
    pub left_frac: f64,
}

/// Everything that fails in flight; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// `[fault.pump_trip]`: what the pumps drive, of full flow.
    pub pump_trip: Option<Fault>,
    /// `[fault.loop_lost]`: parallel loops that still carry coolant, of all that the satellite has.
    pub loop_lost: Option<Fault>,
    /// Loops that the satellite starts with (`loop.loops_frac`).
    loops_frac: f64,
}

impl Faults {
    /// Has `state` suffer what has failed by `mission_s`; words for each fault that it did not have before.
    pub fn strike(&self, mission_s: f64, state: &mut FlightState) -> Vec<String> {
        let mut struck = Vec::new();
        let due = |fault: Option<Fault>| fault.filter(|f| mission_s >= f.at_s).map(|f| f.left_frac);
        if let Some(part) = due(self.pump_trip).filter(|part| *part < state.flow_frac()) {
            state.set_flow_frac(part);
            struck.push(format!("[fault.pump_trip]: the flight model's pumps drive {:.0} % of full flow from here on", part * 100.0));
        }
        let left = due(self.loop_lost).map(|frac| frac / self.loops_frac);
        if let Some(part) = left.filter(|part| *part < state.loops_left_frac()) {
            state.set_loops_left_frac(part);
            struck.push(format!("[fault.loop_lost]: {:.0} % of the flight model's loops are left from here on", part * 100.0));
        }
        struck
    }

    /// When the last of them happens, mission seconds, with the table that says so.
    pub fn last(&self) -> Option<(&'static str, f64)> {
        [("pump_trip", self.pump_trip), ("loop_lost", self.loop_lost)]
            .into_iter()
            .filter_map(|(name, fault)| Some((name, fault?.at_s)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

pub(super) fn read(section: &Section<'_>, coolant: &Loop) -> Faults {
    Faults {
        pump_trip: fault(&section.optional_section("pump_trip"), "flow_frac", 0.0, coolant.flow_frac),
        // A satellite that has no loop at all has lost its coolant: that is a pump trip as far as heat goes.
        loop_lost: fault(&section.optional_section("loop_lost"), "loops_frac", 0.01, coolant.loops_frac),
        loops_frac: coolant.loops_frac,
    }
}

fn fault(section: &Section<'_>, key: &str, least: f64, before: f64) -> Option<Fault> {
    section.exists().then(|| {
        let at_s = section.number("at_s", 0.0..=LATEST_S);
        let left_frac = section.number(key, least..=1.0);
        if left_frac >= before {
            section.problem(key, format_args!("{left_frac} is no less than the {before} of [loop] before it: expected less"));
        }
        Fault { at_s, left_frac }
    })
}
