//! What every driver keeps of its controller's commands, and of its output: the state of the link and which commands it takes in it; one
//! slot a command, begun the safest first; what was last told of the output. How a job is done is each driver's own.

use crate::config::{DriverKind, Instrument, Level, Round};
use crate::driver::{ArrayCurve, Command, Effects, Event};
use signal::{Celsius, Limits, Tick};

/// A device's own ramp is this much steeper than the declared setpoint rate: a backstop that does not bend a legal ramp.
pub const RAMP_MARGIN: f64 = 1.5;

/// Exchanges that fail in a row before the link counts as lost. A device that answers, but not what it is asked, is as good as
/// silent: nobody sees what it does, and every question renews the lease of its output.
pub(super) const FAILURES_TO_LOSE: u8 = 3;
/// Rounds of switching off without an answer before the link counts as lost.
pub(super) const ROUNDS_TO_LOSE: u8 = 3;
/// Rounds of switching off that are denied, or after which the output stays on, before the device is left alone.
pub(super) const ROUNDS_TO_LEAVE: u8 = 5;
/// Time given to a device before another round, s.
pub(super) const AGAIN_S: f64 = 0.1;
/// How often the output is looked at until it has followed.
pub(super) const LOOKS: u8 = 10;
/// Silence kept beyond a lease before a silent device is tried again, s.
pub(super) const BEYOND_LEASE_S: f64 = 0.5;
/// How soon a silent device without a lease is tried again, s: nothing else would switch it off.
const TRY_AGAIN_S: f64 = 1.0;

/// How soon a silent device is tried again: one with a lease is left alone for longer than that, since questions may reach it though
/// its answers do not reach us.
pub(super) fn try_again_s(lease_s: Option<f64>) -> f64 {
    lease_s.map_or(TRY_AGAIN_S, |lease_s| lease_s + BEYOND_LEASE_S)
}

/// The one of `all` whose turn it is: what was written is read back one after the other, a poll each, at whatever ticks polls come to be.
pub(super) fn in_turn<T>(mut all: Vec<T>, round: Round) -> Option<T> {
    let turn = round.number.checked_rem(all.len() as u64)?;
    usize::try_from(turn).ok().map(|turn| all.swap_remove(turn))
}

/// How it stands with the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// No port.
    Closed,
    /// Being identified and configured.
    Opening,
    /// Takes commands.
    Ready,
    /// The port is there, the device does not answer.
    Silent,
    /// The device answers, but it is another one (foreign), or would not take its settings.
    Refused { foreign: bool },
}

impl Link {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Closed => "the port is closed",
            Self::Opening => "the instrument is being identified and configured",
            Self::Ready => "the instrument is ready",
            Self::Silent => "the instrument does not answer",
            Self::Refused { foreign: true } => "another device than the declared one answers",
            Self::Refused { foreign: false } => "the instrument was refused",
        }
    }
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Job {
    /// Identify, switch off, configure, try every reading.
    Open,
    /// Read what is due.
    Poll(Round),
    /// Set the target and read it back.
    Target(Celsius),
    /// Set what the output gives and read it back.
    Level(f64),
    /// Set the curve and read it back.
    Curve(ArrayCurve),
    /// Switch the output and read back what it does.
    Switch {
        on: bool,
        /// How often it was begun before.
        round: u8,
    },
    /// Clear the device's error.
    Acknowledge,
}

impl Job {
    /// What the job is, as the object of "while ...".
    pub(super) const fn words(&self) -> &'static str {
        match self {
            Self::Open => "identifying and configuring",
            Self::Poll(_) => "polling",
            Self::Target(_) => "setting the target",
            Self::Level(_) => "setting the level",
            Self::Curve(_) => "setting the curve",
            Self::Switch { on: true, .. } => "switching the output on",
            Self::Switch { on: false, .. } => "switching the output off",
            Self::Acknowledge => "acknowledging the device's error",
        }
    }
}

/// What a rig file lets an instrument be told.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// It has an output that is switched.
    pub(super) switches: bool,
    pub(super) target: Option<Limits>,
    pub(super) level: Option<Level>,
    /// Largest current and voltage of a curve, where it may be given one.
    pub(super) curve: Option<(Option<f64>, Option<f64>)>,
    /// Something must be set before it is switched on.
    pub(super) needs_setting: bool,
}

impl Rules {
    pub(super) fn of(instrument: &Instrument) -> Self {
        let drive = instrument.drive.as_ref();
        let curve = match &instrument.driver {
            DriverKind::Line(line) if line.dialect.curve.is_some() => drive.map(|_| (line.current_limit_a, line.voltage_limit_v)),
            _ => None,
        };
        Self {
            switches: instrument.switches(),
            target: instrument.setpoint.map(|s| s.limits),
            level: drive.and_then(|d| d.level.clone()),
            curve,
            needs_setting: instrument.servoes() || drive.is_some_and(|d| d.level.is_some() || d.sun.is_some()),
        }
    }

    /// Why a curve is none that this instrument may be given.
    fn refuses(&self, curve: &ArrayCurve) -> Option<String> {
        let Some((most_a, most_v)) = self.curve else {
            return Some("this instrument is no solar-array simulator of this rig".to_owned());
        };
        let ArrayCurve { isc_a, imp_a, vmp_v, voc_v } = *curve;
        let sound = 0.0 < imp_a && imp_a < isc_a && isc_a.is_finite() && 0.0 < vmp_v && vmp_v < voc_v && voc_v.is_finite();
        if !sound {
            return Some(format!("{imp_a} A of {isc_a} A at {vmp_v} V of {voc_v} V is no array"));
        }
        let over = |most: Option<f64>, value: f64, unit: &str| most.filter(|m| value > *m).map(|m| format!("{value} is above {m} {unit}"));
        over(most_a, isc_a, "A").or_else(|| over(most_v, voc_v, "V"))
    }
}

/// What a driver has to do about a command beyond keeping it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing.
    Kept,
    /// The operator saw to what was refused: look again from the beginning.
    LookAgain,
    /// Off, as fast as the state of the link allows.
    Off,
}

/// What is wanted and not begun.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) disable: bool,
    acknowledge: bool,
    pub(super) target: Option<Celsius>,
    pub(super) level: Option<f64>,
    pub(super) curve: Option<ArrayCurve>,
    pub(super) enable: bool,
    poll: Option<Tick>,
    /// The last poll that was begun since it was last opened or lost.
    round: Option<Round>,
}

impl Wanted {
    /// Takes a command, or refuses it.
    pub(super) fn take(&mut self, command: Command, link: Link, rules: &Rules, fx: &mut Effects) -> Told {
        let ready = link == Link::Ready;
        let away = matches!(link, Link::Closed | Link::Silent | Link::Opening);
        let mut refused = |what: &str, why: &str| fx.events.push(Event::Refused { why: format!("{what}: {why}") });
        match command {
            Command::Poll { tick } if !ready => fx.events.push(Event::PollFailed { tick, why: link.words().to_owned() }),
            Command::Poll { tick } => {
                if let Some(tick) = self.poll.replace(tick) {
                    fx.events.push(Event::PollFailed { tick, why: "overtaken by the next tick".to_owned() });
                }
            }
            Command::Disable if !rules.switches => {}
            Command::Disable => {
                (self.enable, self.target, self.level, self.curve) = (false, None, None, None);
                self.disable = link != Link::Refused { foreign: true };
                if self.disable {
                    return Told::Off;
                }
                refused("switching the output off", &format!("{}, and is left alone", link.words()));
            }
            // It crossed with the news that the link is lost: whoever sent it will know, and nothing is refused.
            _ if away => {}
            Command::Acknowledge if ready => self.acknowledge = true,
            Command::Acknowledge => return Told::LookAgain,
            _ if !ready => refused("a command", link.words()),
            Command::Target(target) => match rules.target {
                Some(limits) if limits.contains(target.0) => self.target = Some(target),
                Some(l) => refused(&format!("a target of {target}"), &format!("outside the rig's {} to {} °C", l.min(), l.max())),
                None => refused("a target", "the rig file gives this instrument no setpoint"),
            },
            Command::Level(level) => match &rules.level {
                Some(rule) if rule.limits.contains(level) => self.level = Some(level),
                Some(rule) => {
                    let (min, max, unit) = (rule.limits.min(), rule.limits.max(), &rule.unit);
                    refused(&format!("a {} of {level}", rule.name), &format!("outside the rig's {min} to {max} {unit}"));
                }
                None => refused("a level", "the rig file says not what this instrument `drives`"),
            },
            Command::Curve(curve) => match rules.refuses(&curve) {
                None => self.curve = Some(curve),
                Some(why) => refused("a curve", &why),
            },
            Command::Enable if rules.switches => self.enable = true,
            Command::Enable => refused("switching the output on", "no channel of the rig switches it"),
        }
        Told::Kept
    }

    /// Nothing that was wanted of the old state will be done, save switching off.
    pub(super) fn forget(&mut self, why: &str, fx: &mut Effects) {
        if let Some(tick) = self.poll {
            fx.events.push(Event::PollFailed { tick, why: why.to_owned() });
        }
        *self = Self { disable: self.disable, ..Self::default() };
    }

    /// Switching off waits, and overtakes this job. One that switches off already is what was wanted.
    pub(super) fn overtakes(&mut self, job: Option<Job>, link: Link) -> bool {
        if !self.disable || link == Link::Silent {
            return false;
        }
        match job {
            None | Some(Job::Open) => false,
            Some(Job::Switch { on: false, .. }) => {
                self.disable = false;
                false
            }
            Some(_) => true,
        }
    }

    /// The next job, the safest first. Nothing is switched on to which nothing was `given`, where something must be.
    pub(super) fn next(&mut self, link: Link, rules: &Rules, given: bool, fx: &mut Effects) -> Option<Job> {
        if !matches!(link, Link::Ready | Link::Refused { foreign: false }) {
            return None;
        }
        if std::mem::take(&mut self.disable) {
            return Some(Job::Switch { on: false, round: 0 });
        }
        if std::mem::take(&mut self.acknowledge) {
            return Some(Job::Acknowledge);
        }
        let set = self.target.take().map(Job::Target);
        let set = set.or_else(|| self.level.take().map(Job::Level)).or_else(|| self.curve.take().map(Job::Curve));
        if set.is_some() {
            return set;
        }
        if std::mem::take(&mut self.enable) {
            if given || !rules.needs_setting {
                return Some(Job::Switch { on: true, round: 0 });
            }
            let what = if rules.target.is_some() { "no target" } else { "nothing" };
            let why = format!("switching the output on: {what} was set since the instrument was configured");
            fx.events.push(Event::Refused { why });
        }
        let tick = self.poll.take()?;
        let round = Round { tick, before: self.round.map(|last| last.tick), number: self.round.map_or(0, |last| last.number + 1) };
        self.round = Some(round);
        Some(Job::Poll(round))
    }

    /// A job that came to nothing need not be done again if a newer command of its kind waits.
    pub(super) const fn supersedes(&self, job: Job) -> bool {
        match job {
            Job::Target(_) => self.target.is_some(),
            Job::Level(_) => self.level.is_some(),
            Job::Curve(_) => self.curve.is_some(),
            _ => false,
        }
    }
}

/// What was told of the output; nothing while nobody knows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Output(Option<bool>);

impl Output {
    /// From the first byte of a command until it is read back, and after every loss, nobody knows.
    pub(super) const fn unknown(&mut self) {
        self.0 = None;
    }

    /// What was asked for was read back, or what it is was.
    pub(super) fn confirm(&mut self, on: bool, job: Option<Job>, wanted: &mut Wanted, fx: &mut Effects) {
        self.0 = Some(on);
        if job == Some(Job::Open) && !on {
            // Whoever asked for it before has it.
            wanted.disable = false;
        }
        fx.events.push(Event::OutputConfirmed { on });
    }

    /// It was looked at. With "on" waiting to be sent, what was seen before it is no news: it would look like an output that went off
    /// again.
    pub(super) fn seen(&mut self, on: bool, wanted: &Wanted, fx: &mut Effects) {
        if self.0 != Some(on) && !wanted.enable {
            self.0 = Some(on);
            fx.events.push(Event::OutputConfirmed { on });
        }
    }
}
