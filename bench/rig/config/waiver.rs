//! `[waiver]`: who answers for what no device of a rig and no reading would stop by itself. Without it nobody may leave such a rig alone.
//!
//! A waiver covers what it names and nothing else, so that an instrument that joins the rig later is answered for anew.

use super::{DriverKind, Instrument, RigFile, SafeAction};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use signal::Section;
use std::fmt;

/// No rig file is older.
const FIRST_DAY: Date = Date::constant(2025, 1, 1);
/// How far the day is ahead of UTC where it begins first, h.
const EARLIEST_ZONE_H: i64 = 14;
/// Fewest letters that can say why.
const REASON_LETTERS: usize = 10;

/// What `waives` calls a card whose driver does not say which processes use it. Whether that is so, no rig file knows: it is found when the card is asked.
const PROCESSES: &str = "processes";

/// Something that goes wrong unseen once nobody watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Risk {
    /// What `waives` calls it: `lease.INSTRUMENT`, `flash.INSTRUMENT`, `unit.INSTRUMENT`, `dew`, `trip.CHANNEL`, `processes`. The same as long as the rig has that instrument or channel.
    pub key: String,
    /// What it is, and what to do against it.
    pub words: String,
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// `[waiver]` of a rig file; the table may be absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Who signed.
    pub who: String,
    /// When, as a day or an instant.
    pub when: String,
    /// Why that is safe: a dead-man relay, an independent thermostat, a load too small to matter.
    pub why: String,
    /// Keys of the risks answered for.
    pub waives: Vec<String>,
}

/// The day of a day or an instant.
fn day(when: &str) -> Option<Date> {
    let instant = |_| when.parse::<Timestamp>().map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date());
    when.trim().parse::<Date>().or_else(instant).ok()
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphabetic()).count()
}

impl Waiver {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        section.exists().then(|| {
            let waiver = Self {
                who: section.text("who", "the name of who answers for it"),
                when: section.text("when", "the day it was decided, such as \"2026-11-28\""),
                why: section.text("why", "what makes it safe: a dead-man relay, an independent thermostat"),
                waives: section
                    .texts("waives", "a list of what is answered for, such as [\"lease.tec\", \"dew\"]; `rig check` prints the keys"),
            };
            for (key, text, fewest) in [("who", &waiver.who, 2), ("why", &waiver.why, REASON_LETTERS)] {
                if section.has(key) && letters(text) < fewest {
                    section.problem(key, format_args!("\"{text}\" says nothing: a waiver without this waives nothing"));
                }
            }
            match day(&waiver.when) {
                None if section.has("when") => {
                    section.problem("when", format_args!("\"{}\" is no day such as 2026-11-28", waiver.when));
                }
                Some(day) if day < FIRST_DAY => {
                    section.problem("when", format_args!("{day} is before there were rig files to sign: say when it was decided"));
                }
                _ => {}
            }
            waiver
        })
    }

    /// Holds what is waived against what there is to waive.
    pub(super) fn check(&self, section: &Section<'_>, risks: &[Risk]) {
        let there: Vec<String> = risks.iter().map(|risk| format!("\"{}\"", risk.key)).collect();
        let there = if there.is_empty() { "nothing to waive: remove [waiver]".to_owned() } else { there.join(", ") };
        for (at, key) in self.waives.iter().enumerate() {
            if self.waives[..at].contains(key) {
                section.problem("waives", format_args!("\"{key}\" stands there twice"));
            } else if *key != PROCESSES && risks.iter().all(|risk| risk.key != *key) {
                section.problem("waives", format_args!("\"{key}\" is no risk of this rig: there is {there}"));
            }
        }
        if self.waives.is_empty() && section.has("waives") {
            section.problem("waives", format_args!("names nothing, and so nothing is waived: there is {there}"));
        }
    }

    /// It was signed at a day that has not begun anywhere.
    fn is_of_the_future(&self, now: Timestamp) -> bool {
        let latest = now.saturating_add(SignedDuration::from_hours(EARLIEST_ZONE_H)).map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date());
        day(&self.when).zip(latest.ok()).is_none_or(|(day, latest)| day > latest)
    }
}

impl RigFile {
    /// Everything that goes wrong unseen once nobody watches, waived or not.
    pub fn risks(&self) -> Vec<Risk> {
        // A device that is only read, or whose output must stay on, needs no lease; but a watchdog that would switch that off is a risk.
        let off = |i: &&Instrument| i.servoes() || i.drive.as_ref().is_some_and(|d| d.safe == SafeAction::Off);
        let unleased = self.instruments.iter().filter(off).filter(|i| i.lease_s().is_none());
        let lease = |i: &Instrument| Risk {
            key: format!("lease.{}", i.name),
            words: format!(
                "{} has no lease: it keeps its output on if this program dies or the cable breaks; add a dead-man relay or an independent thermostat",
                i.name
            ),
        };
        let on = self.instruments.iter().filter(|i| i.safe_is_on() && i.watchdog_is_off());
        let watchdog = |i: &Instrument| Risk {
            key: format!("lease.{}", i.name),
            words: format!(
                "{} must keep running, and its device has a watchdog that would switch it off and is told not to (0): nobody sees whether it \
                 heeds that once the host is dead, and after a restart of its own it stays off; drive it by a device without one, or let a \
                 flow or speed switch cut the heat",
                i.name
            ),
        };
        unleased.map(lease).chain(on.map(watchdog)).chain(self.flash()).chain(self.units()).chain(self.unguarded()).collect()
    }

    /// Devices that may write their flash with every setting: it wears out, and what was saved comes back after a power cut.
    fn flash(&self) -> impl Iterator<Item = Risk> {
        let saves = |i: &&Instrument| i.output_of.is_none() && i.mecom().is_some_and(|mecom| !mecom.ram_only);
        self.instruments.iter().filter(saves).map(|i| Risk {
            key: format!("flash.{}", i.name),
            words: format!(
                "{} may save every setting to its flash (ram_only = false), which wears out, and an output that was on may come back after a power \
                 cut; use firmware that has parameter 108, or answer for one that saves by command only",
                i.name
            ),
        })
    }

    /// A card that may be shared without anybody's seeing it: a risk of the driver that is met, not of the file.
    fn unseen_processes() -> Risk {
        Risk {
            key: PROCESSES.to_owned(),
            words:
                "the driver does not say which processes use the accelerator: what others draw and heat there would be taken for this run's"
                    .to_owned(),
        }
    }

    /// Devices that give and take temperatures in the unit of their display, which nothing asks for.
    fn units(&self) -> impl Iterator<Item = Risk> {
        let unasked = |i: &&Instrument| match &i.driver {
            DriverKind::Line(line) => line.unit_place.is_none() && line.dialect.parameters().1.contains(&"unit_place"),
            _ => false,
        };
        self.instruments.iter().filter(unasked).map(|i| Risk {
            key: format!("unit.{}", i.name),
            words: format!(
                "{} gives and takes temperatures in the unit of its display, and nothing asks which that is: in °F a target of 22 is -5.6 °C, \
                 and no reading shows it; say `unit_place` where its model can be asked",
                i.name
            ),
        })
    }

    /// What is waived, of what there is and may be.
    pub fn waived(&self) -> Vec<Risk> {
        let named = |risk: &Risk| self.waiver.as_ref().is_some_and(|w| w.waives.contains(&risk.key));
        self.risks().into_iter().chain([Self::unseen_processes()]).filter(named).collect()
    }

    /// Why a card whose driver does not say who uses it must not be left alone on this rig; `None` if somebody answers for it.
    pub fn refuses_unseen_processes(&self, now: Timestamp) -> Option<String> {
        let risk = Self::unseen_processes();
        let answered = self.waived().contains(&risk) && !self.waiver.as_ref().is_some_and(|waiver| waiver.is_of_the_future(now));
        (!answered).then(|| {
            format!(
                "{}; run as root or with a driver that says, see to it that nothing else can come there, and answer for that in [waiver] of the rig file by waives = \
                 [\"{PROCESSES}\"], or run attended without --unattended",
                risk.words
            )
        })
    }

    /// What running with nobody watching refuses now, one line each; empty if nothing.
    pub fn refuses_unattended(&self, now: Timestamp) -> Vec<String> {
        let future = self.waiver.as_ref().filter(|waiver| waiver.is_of_the_future(now));
        let waived = if future.is_some() { Vec::new() } else { self.waived() };
        let open = self.risks().into_iter().filter(|risk| !waived.contains(risk));
        let answer = |risk: Risk| format!("{}, or answer for it in [waiver] by waives = [\"{}\"]", risk.words, risk.key);
        let early = future.map(|waiver| format!("[waiver] is of {}, which has not come yet: it waives nothing", waiver.when));
        early.into_iter().chain(open.map(answer)).collect()
    }
}

#[cfg(test)]
mod tests;
