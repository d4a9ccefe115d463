//! What the engine knows of one instrument from its driver's events. Shared by the live bench and the one in memory, so that
//! both believe the same things for the same reasons.

use crate::devices::{Shone, Sunlight};
use control::{Commands, Event, Instruments, Thermal};
use rig::Command;
use rig::config::SunRule;
use signal::{Celsius, Channel, Origin, Quality, Reading, Severity, Snapshot, Tick};
use std::collections::BTreeMap;

/// One instrument as its driver tells of it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// Name in the rig file.
    pub(crate) name: String,
    /// What is looked at before it is ready, in words.
    read_back: String,
    /// What its output is to the bench.
    part: Part,
    /// What its output is given when it is switched on; told anew whenever it is ready again.
    start: Option<f64>,
    /// How its output follows sunlight, and the newest of that.
    sun: Option<(SunRule, Option<Sunlight>)>,
    /// What it was last given for it.
    given: Option<Command>,
    /// Ticks between two readings of a channel, where that is not 1.
    every: BTreeMap<Channel, u32>,
    origin: Origin,
    ready: bool,
    lost: Option<String>,
    /// A loss that nobody was told of yet: it may be over before the next tick looks, but its output went off with it.
    untold: Option<String>,
    refused: Option<String>,
    /// The newest reason why it does not do as it is told: a loss or a refusal, whichever came last.
    newest: Option<String>,
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

/// What an instrument's output is to the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// It holds the servoed node: targets are for it.
    Servo,
    /// It brings in heat or power beside: on and off with the thermal output.
    Beside,
    /// It carries heat away: on as long as it can be reached.
    Carrier,
    /// It is only read.
    None,
}

/// Ticks to wait for the confirmation of an output command before repeating it.
const REPEAT_TICKS: u32 = 5;

impl Known {
    pub(crate) fn new(instrument: &rig::Instrument) -> Self {
        let emulated = instrument.connection == rig::config::Connection::Emulated;
        Self {
            name: instrument.name.clone(),
            read_back: instrument.read_back(),
            part: match &instrument.drive {
                _ if instrument.servoes() => Part::Servo,
                Some(_) if instrument.safe_is_on() => Part::Carrier,
                Some(_) => Part::Beside,
                None => Part::None,
            },
            start: instrument.drive.as_ref().and_then(|d| d.level.as_ref()).map(|level| level.start),
            sun: instrument.drive.as_ref().and_then(|d| d.sun).map(|rule| (rule, None)),
            given: None,
            every: instrument.reads.iter().filter(|r| r.every > 1).map(|r| (r.channel, r.every)).collect(),
            origin: if emulated { Origin::Simulated } else { Origin::Measured },
            ready: false,
            lost: None,
            untold: None,
            refused: None,
            newest: None,
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

    /// What going safe asks of its output, if it has one.
    pub(crate) fn safe_command(&self) -> Option<Command> {
        match self.part {
            Part::Servo | Part::Beside => Some(Command::Disable),
            Part::Carrier => Some(Command::Enable),
            Part::None => None,
        }
    }

    /// Its output is confirmed to be as safe as it can be.
    pub(crate) fn is_safe(&self) -> bool {
        match self.part {
            Part::Servo | Part::Beside => self.output_on == Some(false),
            Part::Carrier => self.output_on == Some(true),
            Part::None => true,
        }
    }

    /// Why it is not, in words.
    pub(crate) fn unsafe_words(&self) -> String {
        let wanted = if self.part == Part::Carrier { "on" } else { "off" };
        match &self.newest {
            Some(why) if self.lost.as_ref() == Some(why) => format!("output UNKNOWN, link lost: {why}"),
            Some(why) if self.output_on.is_none() => format!("output UNKNOWN: {why}"),
            Some(why) => format!("its output was not confirmed {wanted}: {why}"),
            None => format!("its output was not confirmed {wanted}"),
        }
    }

    /// Only a confirmation that is still to come counts from now on.
    pub(crate) fn forget_output(&mut self) {
        self.output_on = None;
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
                let told = tell(Severity::Info, "link", format!("ready: {}", self.read_back));
                (self.ready, self.lost, self.target, self.given, self.newest) = (true, None, None, None, None);
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
                // Going safe asks again and again; the same answer is told once.
                let told = if self.newest.as_ref() == Some(&why) { None } else { tell(Severity::Alarm, "refused", why.clone()) };
                self.newest = Some(why.clone());
                self.refused = Some(why);
                told
            }
            rig::Event::LinkLost { why } => {
                let told = if self.lost.is_none() { tell(Severity::Warning, "link", format!("lost: {why}")) } else { None };
                self.untold = self.identity_seen().then(|| why.clone());
                self.newest = Some(why.clone());
                (self.ready, self.output_on, self.lost) = (false, None, Some(why));
                self.was_lost = true;
                told
            }
            rig::Event::OutputConfirmed { on } => {
                let stopped = self.part == Part::Carrier && self.ready && self.output_on == Some(true) && !on;
                (self.output_on, self.patience) = (Some(on), 0);
                if stopped {
                    let why = "it stopped, and must run when everything else has stopped".to_owned();
                    self.error = Some(why.clone());
                    return tell(Severity::Alarm, "output", why);
                }
                tell(Severity::Info, "output", format!("confirmed {}", if on { "on" } else { "off" }))
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

    /// Its readings into the snapshot: fresh, one poll old (stale), or missing. A channel that is read more seldom than at every
    /// tick is fresh until it is due again.
    pub(crate) fn fill(&self, tick: Tick, bench_s: f64, snapshot: &mut Snapshot) {
        for (&channel, &(read_at, value)) in &self.readings {
            let polls = tick.saturating_sub(read_at) / Tick::from(self.every.get(&channel).copied().unwrap_or(1));
            let reading = match polls {
                0 if tick == read_at || self.lost.is_none() => Reading::good(value, bench_s, self.origin),
                0 | 1 if self.lost.is_none() => Reading { value: Some(value), at_s: bench_s, quality: Quality::Stale, origin: self.origin },
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
        let thermal = wanted.thermal == Thermal::On;
        let shine = self.shine();
        let on = (thermal && (self.sun.is_none() || shine.is_some())) || self.part == Part::Carrier;
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
        if self.part == Part::None {
            return commands;
        }
        if let Some(target) = wanted.target.filter(|t| on && self.part == Part::Servo && self.target != Some(*t)) {
            commands.push(Command::Target(target));
            self.target = Some(target);
        }
        if let Some(command) = shine.filter(|command| thermal && self.given.is_none_or(|given| differ(&given, command))) {
            commands.push(command);
            self.given = Some(command);
        }
        if self.output_on != Some(on) {
            if let Some(start) = self.start.filter(|_| on && self.patience == 0 && self.sun.is_none()) {
                commands.push(Command::Level(start));
            }
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

impl Known {
    /// The sunlight of the mission, for what stands for Sun or array.
    pub(crate) fn sunlight(&mut self, now: Sunlight) {
        if let Some((_, sun)) = &mut self.sun {
            *sun = Some(now);
        }
    }

    /// What its output shall show of it; `None` in the dark, and where it shows nothing of the Sun.
    fn shine(&self) -> Option<Command> {
        let (rule, Some(Sunlight { suns, array_degc })) = self.sun? else { return None };
        let lit = suns >= DARK_SUNS;
        match rule {
            SunRule::Lamp { full } => lit.then_some(Command::Level(full * suns.min(1.0))),
            SunRule::Array { .. } => rule.curve(suns, array_degc).filter(|_| lit).map(Command::Curve),
        }
    }
}

impl Known {
    /// What its output is now asked to show of the Sun, into `shone`.
    pub(crate) fn asked(&self, shone: &mut Shone) {
        if let Some((rule, Some(sun))) = self.sun {
            asked(rule, sun, self.given.is_some(), shone);
        }
    }
}

/// What an output that follows the Sun by `rule` is asked to show; before it was first `told`, only the dark counts.
pub(crate) fn asked(rule: SunRule, Sunlight { suns, array_degc }: Sunlight, told: bool, shone: &mut Shone) {
    let lit = suns >= DARK_SUNS;
    if lit && !told {
        return;
    }
    match rule {
        SunRule::Lamp { .. } => shone.lamp_frac = Some(if lit { suns.min(1.0) } else { 0.0 }),
        SunRule::Array { .. } => {
            let curve = rule.curve(suns, array_degc).filter(|_| lit);
            shone.array = if lit { curve.map(|c| (c.isc_a, Some(c.voc_v))) } else { Some((0.0, None)) };
        }
    }
}

/// Light of which nothing is shown any more: supplies refuse curves of next to no current.
const DARK_SUNS: f64 = 0.01;

/// What an output shows is given anew once it is off by more than this part.
const SUN_STEP_FRAC: f64 = 0.005;

fn differ(a: &Command, b: &Command) -> bool {
    let apart = |a: f64, b: f64| (a - b).abs() > SUN_STEP_FRAC * a.abs().max(b.abs());
    match (a, b) {
        (Command::Level(a), Command::Level(b)) => apart(*a, *b),
        (Command::Curve(a), Command::Curve(b)) => apart(a.isc_a, b.isc_a) || apart(a.voc_v, b.voc_v),
        _ => true,
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
        if matches!(one.part, Part::Carrier | Part::None) {
            continue;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let (_, text) = rig::builtin().iter().find(|(name, _)| *name == "lauda").expect("it ships");
        let (rig, _) = crate::setup::parse_rig("lauda", text).expect("it is sound");
        Known::new(rig.servo().expect("a bath"))
    }

    #[test]
    fn ready_says_what_was_read_back_and_no_more() {
        let told = known().take(rig::Event::Ready).expect("told");
        assert_eq!(told.message, "ready: identified, output off, nothing else was read back");
    }

    /// The port was there, then another device stood behind it: the last word is of now, and what is asked ten times is answered once.
    #[test]
    fn the_newest_reason_is_told_once() {
        let mut bath = known();
        bath.take(rig::Event::Ready);
        bath.take(rig::Event::LinkLost { why: "the port hung up".into() });
        assert_eq!(bath.unsafe_words(), "output UNKNOWN, link lost: the port hung up");
        let refused = |bath: &mut Known, why: &str| bath.take(rig::Event::Refused { why: why.into() }).is_some();
        assert!(refused(&mut bath, "another device answers: it says \"ES\", which is no lauda"));
        let told = (0..10).filter(|_| refused(&mut bath, "switching the output off: another device answers, and is left alone")).count();
        assert_eq!(told, 1);
        assert_eq!(bath.unsafe_words(), "output UNKNOWN: switching the output off: another device answers, and is left alone");
        bath.take(rig::Event::Ready);
        assert_eq!(bath.unsafe_words(), "its output was not confirmed off");
    }
}
