//! `[waiver]`: who answers for a rig some of whose outputs no device would switch off by itself. Without it nobody may leave such
//! a rig alone.

use super::{RigFile, SafeAction};
use signal::Section;

/// `[waiver]` of a rig file; the table may be absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Who signed.
    pub who: String,
    /// When, as a date or an instant.
    pub when: String,
    /// Why that is safe: a dead-man relay, an independent thermostat, a load too small to matter.
    pub why: String,
}

impl Waiver {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        section.exists().then(|| {
            let waiver = Self {
                who: section.text("who", "the name of who answers for it"),
                when: section.text("when", "the day it was decided, such as \"2026-11-28\""),
                why: section.text("why", "what makes it safe: a dead-man relay, an independent thermostat"),
            };
            for (key, text) in [("who", &waiver.who), ("when", &waiver.when), ("why", &waiver.why)] {
                if text.trim().is_empty() && section.has(key) {
                    section.problem(key, "empty: a waiver without this waives nothing");
                }
            }
            let dated = waiver.when.get(..10).is_some_and(|day| day.parse::<jiff::civil::Date>().is_ok());
            if section.has("when") && !waiver.when.trim().is_empty() && !dated {
                section.problem("when", format_args!("\"{}\" begins with no day such as 2026-11-28", waiver.when));
            }
            waiver
        })
    }
}

/// What running with nobody watching refuses. A device that is only read, or whose output must stay on, needs no lease.
pub(super) fn refusals(rig: &RigFile) -> Vec<String> {
    let off = |i: &&super::Instrument| i.servoes() || i.drive.as_ref().is_some_and(|d| d.safe == SafeAction::Off);
    let unleased = rig.instruments.iter().filter(off).filter(|i| i.lease_s().is_none());
    if rig.waiver.is_some() {
        return Vec::new();
    }
    let unguarded = rig.unguarded().into_iter().map(|why| format!("{why}, or answer for it in [waiver]"));
    unleased
        .map(|i| {
            format!(
                "{} has no lease: it keeps its output on if this program dies or the cable breaks; add a dead-man relay or an independent \
                 thermostat, and record it in [waiver] with who, when and why",
                i.name
            )
        })
        .chain(unguarded)
        .collect()
}
