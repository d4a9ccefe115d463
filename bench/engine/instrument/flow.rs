//! An output that says it is off, held against the current that the same instrument measures through it.
//!
//! One rule for every driver: the bench knows which reading is the instrument's own current, and what its limit is. Voltage says
//! nothing here: modules with a temperature difference make one themselves (Seebeck), and capacitors keep one.

use super::Known;
use control::Event;
use rig::config::SunRule;
use signal::{Channel, Severity, Tick};

/// Current that an output gives which is on, as a part of the limit that the rig file declares for it. Below lie the offsets of
/// meters, at most some tenths of a percent of their range (Korad KA3005P: 0.5 % and 2 digits, by its user manual), whose range may
/// be several times the limit.
const FLOWS_FRAC: f64 = 0.05;
/// The same where the limit is small, A: half a percent of the 10 A range of a common bench supply.
const FLOWS_LEAST_A: f64 = 0.05;
/// Polls in a row that must say so: the first may have measured while the current still fell.
const POLLS: u8 = 2;

/// What is measured of an output by its own instrument.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    channel: Channel,
    /// It is read every so many ticks.
    every: Tick,
    /// Above this it flows, A.
    most_a: f64,
    /// What was last said of the output.
    on: Option<bool>,
    /// The newest current that was read in a poll begun after "off", A.
    read_a: Option<f64>,
    /// Such a poll is over.
    looked: bool,
    /// Such polls in a row that found a current.
    against: u8,
}

impl Flow {
    /// That of this instrument, where it reads its own current and its limit is declared.
    pub(super) fn of(instrument: &rig::Instrument) -> Option<Self> {
        let own = [Channel::HeaterCurrent, Channel::LampCurrent, Channel::ArrayCurrent, Channel::AuxCurrent];
        let read = instrument.reads.iter().find(|read| own.contains(&read.channel));
        let (channel, every) = match (read, instrument.servoes()) {
            (_, true) => (Channel::TecCurrent, 1),
            (Some(read), false) if !instrument.safe_is_on() => (read.channel, Tick::from(read.every.max(1))),
            _ => return None,
        };
        let drive = instrument.drive.as_ref();
        let by_level = drive.and_then(|d| d.level.as_ref()).filter(|level| level.unit == "a").map(|level| level.limits.max());
        let by_sun = drive.and_then(|d| d.sun).and_then(|sun| match sun {
            SunRule::Array { full, .. } => Some(full.isc_a),
            SunRule::Lamp { .. } => None,
        });
        let limit_a = instrument.current_limit_a().or(by_level).or(by_sun)?;
        let most_a = (FLOWS_FRAC * limit_a).max(FLOWS_LEAST_A);
        Some(Self { channel, every, most_a, on: None, read_a: None, looked: false, against: 0 })
    }

    /// The instrument said this of its output.
    pub(super) fn said(&mut self, on: bool) {
        if on || self.on != Some(false) {
            self.forget();
        }
        self.on = Some(on);
    }

    /// Nothing is known any more.
    pub(super) fn forget(&mut self) {
        (self.on, self.read_a, self.looked, self.against) = (None, None, false, 0);
    }

    /// A poll is over; `read` is the newest reading of the current. True if the contradiction is new.
    fn polled(&mut self, tick: Tick, read: Option<(Tick, f64)>) -> bool {
        if self.on != Some(false) || !tick.is_multiple_of(self.every) {
            return false;
        }
        self.looked = true;
        self.read_a = read.filter(|(at, _)| *at == tick).map(|(_, amps)| amps);
        let flows = self.read_a.is_some_and(|amps| amps.abs() > self.most_a);
        self.against = if flows { self.against.saturating_add(1) } else { 0 };
        self.against == POLLS
    }

    /// It says off, and measures a current.
    pub(super) fn contradicts(&self) -> Option<String> {
        let amps = self.read_a.filter(|amps| self.against > 0 && amps.abs() > self.most_a)?;
        Some(format!("it says that its output is off, and measures {amps:.3} A through it (off is at most {:.3} A)", self.most_a))
    }

    /// It said off, was polled after that, and measured nothing that says otherwise.
    pub(super) const fn agreed(&self) -> bool {
        self.looked && self.against == 0
    }

    /// The next tick at which its current is read.
    pub(super) fn next_poll(&self, polled: Option<Tick>) -> Tick {
        (polled.unwrap_or(0) / self.every + 1) * self.every
    }
}

impl Known {
    /// What is to be believed of its output: what it says, unless its own current says otherwise.
    pub(super) fn output(&self) -> Option<bool> {
        let denied = self.flow.as_ref().is_some_and(|flow| flow.against >= POLLS);
        self.output_on.filter(|_| !denied)
    }

    /// The poll of `tick` is over: holds its current against what it says.
    pub(super) fn weigh_flow(&mut self, tick: Tick) -> Option<Event> {
        let flow = self.flow.as_mut()?;
        let read = self.readings.get(&flow.channel).copied();
        if !flow.polled(tick, read) {
            return None;
        }
        let message = format!("{}; its output is UNKNOWN", flow.contradicts()?);
        self.error = Some(message.clone());
        Some(Event { severity: Severity::Alarm, kind: "output", who: self.name.clone(), message })
    }
}
