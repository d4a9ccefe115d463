//! What the engine knows of one instrument from its driver's events. Shared by the live bench and the one in memory, so that
//! both believe the same things for the same reasons.

mod flow;
mod safe;
mod sun;

use crate::devices::Sunlight;
use control::{Commands, Event, Instruments, Thermal};
use flow::Flow;
use rig::Command;
use rig::config::SunRule;
use signal::{Celsius, Channel, Origin, Quality, Reading, Severity, Snapshot, Tick};
use std::collections::BTreeMap;
pub(crate) use sun::asked;
use sun::differ;

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
    /// What it was last given, for sunlight or to start with; nothing since it was last ready.
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
    /// What it measures of its own output, held against what it says of it.
    flow: Option<Flow>,
    readings: BTreeMap<Channel, (Tick, f64)>,
    /// Last tick whose poll is over, well or not.
    polled: Option<Tick>,
    /// The tick of the row that is filled next.
    now: Tick,
    /// The poll that is under way.
    asked: Option<Tick>,
    /// How often the one before was still under way.
    slow: Slow,
    target: Option<Celsius>,
    /// Ticks until an output command is repeated.
    patience: u32,
    /// What its output was last wanted to be.
    wanted: Option<bool>,
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

/// Ticks in a row that a poll takes before a device counts as slow: two may be the machine's own doing.
const SLOW_TICKS: u64 = 3;

/// A device that takes longer than a tick.
#[derive(Clone, Copy, Debug, Default)]
struct Slow {
    /// Ticks at which a poll was due.
    due: u64,
    /// Those at which the one before was still under way.
    late: u64,
    in_a_row: u64,
    told: bool,
}

impl Slow {
    /// A poll is due, and the one before is still under way or not. True once, when it is slow.
    fn late(&mut self, late: bool) -> bool {
        self.due += 1;
        self.late += u64::from(late);
        self.in_a_row = if late { self.in_a_row + 1 } else { 0 };
        self.in_a_row >= SLOW_TICKS && !std::mem::replace(&mut self.told, true)
    }
}

/// Ticks to wait for the confirmation of an output command before repeating it.
const REPEAT_TICKS: u32 = 5;

/// What is told so many ticks after its poll began is of now; what comes later is as old as its poll.
const HELD_BACK_TICKS: Tick = 2;

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
            flow: Flow::of(instrument),
            readings: BTreeMap::new(),
            polled: None,
            now: 0,
            asked: None,
            slow: Slow::default(),
            target: None,
            patience: 0,
            wanted: None,
            identity: None,
        }
    }

    /// What the device said it is, once.
    pub(crate) fn take_identity(&mut self) -> Option<String> {
        self.identity.take()
    }

    /// A poll is under way.
    pub(crate) fn awaited(&self) -> bool {
        self.ready && self.asked.is_some()
    }

    /// The poll of `tick`, if it is ready and the one before is over: a device that takes longer than a tick is asked as often as it can
    /// answer, and its readings are as old as they are. Says so once, when that is no mishap of a moment.
    pub(crate) fn poll(&mut self, tick: Tick) -> (Option<Command>, Option<Event>) {
        self.now = tick;
        if !self.ready {
            return (None, None);
        }
        if self.slow.late(self.asked.is_some()) {
            let message = "it takes longer than a tick to answer everything it is asked: it is asked as often as it can answer, and what was \
                           not read anew is stale; the number of such ticks is told at the end";
            let severity = Severity::Warning;
            return (None, Some(Event { severity, kind: "poll", who: self.name.clone(), message: message.to_owned() }));
        }
        if self.asked.is_some() {
            return (None, None);
        }
        self.asked = Some(tick);
        (Some(Command::Poll { tick }), None)
    }

    /// How often it was too slow, once; nothing if it never was.
    pub(crate) fn take_slow(&mut self) -> Option<Event> {
        let Slow { late, due, .. } = std::mem::take(&mut self.slow);
        let message = format!("at {late} of {due} ticks the poll before was still under way");
        (late > 0).then(|| Event { severity: Severity::Info, kind: "poll", who: self.name.clone(), message })
    }

    /// The poll of `tick` is over.
    fn polled(&mut self, tick: Tick) {
        self.polled = Some(tick);
        self.asked = self.asked.filter(|asked| *asked > tick);
    }

    /// Takes one event of the driver; returns what is worth telling.
    pub(crate) fn take(&mut self, event: rig::Event) -> Option<Event> {
        let who = self.name.clone();
        let tell = |severity, kind, message| Some(Event { severity, kind, who: who.clone(), message });
        match event {
            rig::Event::Identified { device } => {
                let told = tell(Severity::Info, "identity", device.clone());
                self.identity = Some(device);
                told
            }
            rig::Event::Ready => {
                let told = tell(Severity::Info, "link", format!("ready: {}", self.read_back));
                (self.ready, self.lost, self.target, self.given, self.newest) = (true, None, None, None, None);
                // Whatever was told of its output before is over: nothing waits for a confirmation.
                self.patience = 0;
                told
            }
            rig::Event::Reading { tick, channel, value } => {
                // A driver that looks whether it is answered in step tells late: at fast twins a tick or two after the poll began. That is when it became known.
                let known_at = if self.now.saturating_sub(tick) <= HELD_BACK_TICKS { self.now.max(tick) } else { tick };
                self.readings.insert(channel, (known_at, value));
                None
            }
            rig::Event::PollDone { tick } => {
                self.polled(tick);
                self.weigh_flow(tick)
            }
            rig::Event::PollFailed { tick, why } => {
                self.polled(tick);
                tell(Severity::Warning, "poll", why)
            }
            rig::Event::Retried { why } => tell(Severity::Info, "retry", why),
            rig::Event::Notice { words } => tell(Severity::Warning, "instrument", words),
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
                if let Some(flow) = &mut self.flow {
                    flow.forget();
                }
                self.was_lost = true;
                told
            }
            rig::Event::OutputConfirmed { on } => {
                if let Some(flow) = &mut self.flow {
                    flow.said(on);
                }
                // Nothing was under way that would have switched it.
                let by_itself = on && self.ready && self.patience == 0 && (self.output_on, self.wanted) == (Some(false), Some(false));
                let stopped = self.part == Part::Carrier && self.ready && self.output_on == Some(true) && !on;
                (self.output_on, self.patience) = (Some(on), 0);
                if stopped {
                    let why = "it stopped, and must run when everything else has stopped".to_owned();
                    self.error = Some(why.clone());
                    return tell(Severity::Alarm, "output", why);
                }
                if by_itself {
                    let why = "it came on by itself, by its panel or another program, and is switched off";
                    return tell(Severity::Warning, "output", why.to_owned());
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
    pub(crate) fn fill(&mut self, tick: Tick, bench_s: f64, snapshot: &mut Snapshot) {
        for (&channel, &(read_at, value)) in &self.readings {
            let polls = tick.saturating_sub(read_at) / Tick::from(self.every.get(&channel).copied().unwrap_or(1));
            let reading = match polls {
                0 if tick == read_at || self.lost.is_none() => Reading::good(value, bench_s, self.origin),
                0 | 1 if self.lost.is_none() => Reading { value: Some(value), at_s: bench_s, quality: Quality::Stale, origin: self.origin },
                _ => Reading::gap(bench_s, self.origin),
            };
            snapshot.set(channel, reading);
        }
        // What comes from now on is in no row before the next one.
        self.now = tick + 1;
    }

    /// Driver commands that bring it to what is wanted.
    pub(crate) fn commands(&mut self, wanted: &Commands) -> Vec<Command> {
        let mut commands = Vec::new();
        // What is wanted was decided in knowledge of it.
        self.untold = None;
        let thermal = wanted.thermal == Thermal::On;
        let shine = self.shine();
        let on = (thermal && (self.sun.is_none() || shine.is_some())) || self.part == Part::Carrier;
        self.wanted = Some(on);
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
        if let Some(level) =
            self.start_level().filter(|_| on && (self.given.is_none() || (self.output_on != Some(on) && self.patience == 0)))
        {
            // Also of an output that is on already: what it gives is somebody else's, until this is written and read back.
            commands.push(level);
            self.given = Some(level);
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
        if matches!(one.part, Part::Carrier | Part::None) {
            continue;
        }
        all.output_on = match (all.output_on, one.output()) {
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
mod tests;
