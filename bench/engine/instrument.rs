//! What the engine knows of one instrument from its driver's events. Shared by the live bench and the one in memory, so that
//! both believe the same things for the same reasons.

use control::{Commands, Event, Instruments, Thermal};
use rig::Command;
use signal::{Celsius, Channel, Origin, Quality, Reading, Severity, Snapshot, Tick};
use std::collections::BTreeMap;

/// One instrument as its driver tells of it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// Name in the rig file.
    pub(crate) name: String,
    /// It holds the servoed node: targets are for it.
    servoes: bool,
    origin: Origin,
    ready: bool,
    lost: Option<String>,
    /// A loss that nobody was told of yet: it may be over before the next tick looks, but its output went off with it.
    untold: Option<String>,
    refused: Option<String>,
    error: Option<String>,
    /// The link was lost since somebody last acknowledged: an error of the device is then its lease doing its work.
    was_lost: bool,
    /// Such an error, until acknowledged.
    standing: Option<String>,
    output_on: Option<bool>,
    readings: BTreeMap<Channel, (Tick, f64)>,
    /// Last tick whose poll is over, and whether it went well.
    polled: Option<Tick>,
    target: Option<Celsius>,
    /// Ticks until an output command is repeated.
    patience: u32,
    identity: Option<String>,
}

/// Ticks to wait for the confirmation of an output command before repeating it.
const REPEAT_TICKS: u32 = 5;

impl Known {
    pub(crate) fn new(instrument: &rig::Instrument) -> Self {
        let emulated = instrument.connection == rig::config::Connection::Emulated;
        Self {
            name: instrument.name.clone(),
            servoes: instrument.setpoint.is_some(),
            origin: if emulated { Origin::Simulated } else { Origin::Measured },
            ready: false,
            lost: None,
            untold: None,
            refused: None,
            error: None,
            was_lost: false,
            standing: None,
            output_on: None,
            readings: BTreeMap::new(),
            polled: None,
            target: None,
            patience: 0,
            identity: None,
        }
    }

    pub(crate) fn ready(&self) -> bool {
        self.ready
    }

    pub(crate) fn output_on(&self) -> Option<bool> {
        self.output_on
    }

    /// Only a confirmation that is still to come counts from now on.
    pub(crate) fn forget_output(&mut self) {
        self.output_on = None;
    }

    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// What the device said it is, once.
    pub(crate) fn take_identity(&mut self) -> Option<String> {
        self.identity.take()
    }

    /// The poll of `tick` is over, well or not.
    pub(crate) fn polled(&self, tick: Tick) -> bool {
        self.polled.is_some_and(|t| t >= tick)
    }

    /// Takes one event of the driver; returns what is worth telling.
    pub(crate) fn take(&mut self, event: rig::Event) -> Option<Event> {
        let tell = |severity, kind, message| Some(Event { severity, kind, who: self.name.clone(), message });
        match event {
            rig::Event::Identified { device } => {
                let told = tell(Severity::Info, "identity", device.clone());
                self.identity = Some(device);
                told
            }
            rig::Event::Ready => {
                let told = tell(Severity::Info, "link", "ready: identified, output off, limits and lease read back".into());
                (self.ready, self.lost, self.target) = (true, None, None);
                told
            }
            rig::Event::Reading { tick, channel, value } => {
                self.readings.insert(channel, (tick, value));
                None
            }
            rig::Event::PollDone { tick } => {
                self.polled = Some(tick);
                None
            }
            rig::Event::PollFailed { tick, why } => {
                self.polled = Some(tick);
                tell(Severity::Warning, "poll", why)
            }
            rig::Event::Retried { why } => tell(Severity::Info, "retry", why),
            rig::Event::Refused { why } => {
                let told = tell(Severity::Alarm, "refused", why.clone());
                self.refused = Some(why);
                told
            }
            rig::Event::LinkLost { why } => {
                let told = if self.lost.is_none() { tell(Severity::Warning, "link", format!("lost: {why}")) } else { None };
                self.untold = self.identity_seen().then(|| why.clone());
                (self.ready, self.output_on, self.lost) = (false, None, Some(why));
                self.was_lost = true;
                told
            }
            rig::Event::OutputConfirmed { on } => {
                let told = tell(Severity::Info, "output", format!("confirmed {}", if on { "on" } else { "off" }));
                (self.output_on, self.patience) = (Some(on), 0);
                told
            }
            rig::Event::DeviceError { number, words } => {
                let why = format!("error {number}: {words}");
                // Found while opening, it is of the past: nothing was switched on since. It waits for somebody to clear it.
                if self.was_lost || !self.ready {
                    let severity = if self.was_lost { Severity::Warning } else { Severity::Alarm };
                    let told = tell(severity, "instrument", format!("{why}; acknowledge to clear it"));
                    self.standing = Some(why);
                    return told;
                }
                let told = tell(Severity::Alarm, "instrument", why.clone());
                self.error = Some(why);
                told
            }
        }
    }

    /// Its readings into the snapshot: fresh, one tick old (stale), or missing.
    pub(crate) fn fill(&self, tick: Tick, bench_s: f64, snapshot: &mut Snapshot) {
        for (&channel, &(read_at, value)) in &self.readings {
            let reading = match tick.saturating_sub(read_at) {
                0 => Reading::good(value, bench_s, self.origin),
                1 if self.lost.is_none() => Reading { value: Some(value), at_s: bench_s, quality: Quality::Stale, origin: self.origin },
                _ => Reading::gap(bench_s, self.origin),
            };
            snapshot.set(channel, reading);
        }
    }

    /// Driver commands that bring it to what is wanted.
    pub(crate) fn commands(&mut self, wanted: &Commands) -> Vec<Command> {
        let mut commands = Vec::new();
        // What is wanted was decided in knowledge of it.
        self.untold = None;
        let on = wanted.thermal == Thermal::On;
        if wanted.acknowledge {
            self.was_lost = self.lost.is_some();
            if self.standing.take().is_some() {
                // It restarts, and says when it is ready again.
                (self.ready, self.output_on) = (false, None);
                commands.push(Command::Acknowledge);
            }
        }
        if !self.ready || self.standing.is_some() {
            return commands;
        }
        if let Some(target) = wanted.target.filter(|t| on && self.servoes && self.target != Some(*t)) {
            commands.push(Command::Target(target));
            self.target = Some(target);
        }
        if self.output_on != Some(on) {
            if self.patience == 0 {
                commands.push(if on { Command::Enable } else { Command::Disable });
                self.patience = REPEAT_TICKS;
            } else {
                self.patience -= 1;
            }
        }
        commands
    }
}

/// All instruments as one status for the controller.
pub(crate) fn status<'a>(known: impl Iterator<Item = &'a Known>) -> Instruments {
    // Off means all off; one that is on or unknown speaks for all.
    let mut all = Instruments { ready: true, output_on: Some(false), ..Instruments::default() };
    for one in known {
        all.ready &= one.ready && one.standing.is_none();
        let say = |what: &Option<String>| what.as_ref().map(|why| format!("{}: {why}", one.name));
        // Absent from the start is waiting, not losing: nothing was ever on.
        all.lost = all.lost.or(if one.identity_seen() { say(&one.lost) } else { None }).or(say(&one.untold));
        all.refused = all.refused.or(say(&one.refused));
        all.error = all.error.or(say(&one.error));
        all.output_on = match (all.output_on, one.output_on) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (None, _) | (_, None) => None,
            (Some(false), Some(false)) => Some(false),
        };
    }
    all
}

impl Known {
    /// It has been there at least once.
    fn identity_seen(&self) -> bool {
        self.polled.is_some() || self.output_on.is_some() || self.ready
    }
}
