//! Several instruments on one line, each with its own driver: who may speak when. RS-485 with Modbus-RTU units or `MeCom` addresses on it.
//!
//! One message is out at a time. A driver has the line from its message until it no longer waits for the answer; every message is asked
//! for anew, so that between any two of one driver's those of another can go. **First** goes whoever was told to switch off, then who is
//! ready, last who is being looked for: a unit that is dead costs the others its time-outs, and not their leases.
//!
//! A driver whose message is held back stands still: its clock does not run, so that its time-outs are those of the wire and not of the
//! queue. Commands reach it all the same.
//!
//! Outputs of one device are members of their own: who drives one of them may want the device left alone, so that its lease runs out or it
//! can restart, and the others are held back for as long. Not here: what messages mean, and telling answers apart, which addresses do.

use crate::config::Serial;
use crate::driver::{Command, Driver, Effects, Event, Input};

/// Messages that go first after a command to switch off: the command, and what reads it back.
const URGENT: u8 = 4;
/// Silence between an answer and the next message, in bytes: 3.5 end a frame of Modbus-RTU (Modbus over serial line 1.02, 2.5.1.1).
const GAP_BYTES: usize = 4;

/// What happened on the line.
#[derive(Clone, Copy, Debug)]
pub enum BusInput<'a> {
    /// To everybody: the port is open, bytes arrived, it is gone, or the time has come.
    Line(Input<'a>),
    /// To one member, by its place.
    Command(usize, Command),
}

/// What is to be done about it.
#[derive(Debug, Default)]
pub struct BusEffects {
    /// To be written to the port.
    pub send: Vec<u8>,
    /// To be told, each with the place of the member.
    pub events: Vec<(usize, Event)>,
    /// When [`Input::Deadline`] is wanted.
    pub deadline_s: Option<f64>,
}

struct Member {
    driver: Box<dyn Driver>,
    /// How far its clock is behind the line's, s.
    behind_s: f64,
    deadline_s: Option<f64>,
    /// It waits for an answer, or for silence after one.
    waits: bool,
    /// What it wants to say, and since when.
    held: Option<(Vec<u8>, f64)>,
    urgent: u8,
    ready: bool,
    /// Nobody speaks to its device before this, but for itself, on the line's clock.
    leave_until_s: f64,
}

/// The drivers of one line.
pub struct Bus {
    members: Vec<Member>,
    speaking: Option<usize>,
    /// Who spoke last.
    last: usize,
    /// Nobody speaks before this.
    free_s: f64,
    gap_s: f64,
}

impl Bus {
    /// The drivers of the instruments on one line, on a closed port.
    pub fn new(drivers: Vec<Box<dyn Driver>>, serial: Serial) -> Self {
        let member = |driver| Member {
            driver,
            behind_s: 0.0,
            deadline_s: None,
            waits: false,
            held: None,
            urgent: 0,
            ready: false,
            leave_until_s: 0.0,
        };
        let members = drivers.into_iter().map(member).collect();
        Self { members, speaking: None, last: 0, free_s: 0.0, gap_s: serial.wire_s(GAP_BYTES) }
    }

    /// Takes what happened at `now_s` and says what to do.
    pub fn step(&mut self, now_s: f64, input: BusInput<'_>) -> BusEffects {
        let mut out = BusEffects::default();
        match input {
            BusInput::Line(input @ (Input::Opened | Input::HangUp)) => {
                (self.speaking, self.free_s) = (None, now_s);
                for at in 0..self.members.len() {
                    let member = &mut self.members[at];
                    if let Some((_, since_s)) = member.held.take() {
                        member.behind_s += now_s - since_s;
                    }
                    (member.urgent, member.ready, member.leave_until_s) = (0, false, 0.0);
                    self.feed(at, now_s, input, &mut out);
                }
            }
            // What nobody waits for is the last speaker's to turn away.
            BusInput::Line(input @ Input::Bytes(_)) => {
                let at = self.speaking.unwrap_or(self.last);
                self.feed(at, now_s, input, &mut out);
                self.free_s = self.free_s.max(now_s + if self.members.len() > 1 { self.gap_s } else { 0.0 });
            }
            BusInput::Line(Input::Deadline) => {
                for at in 0..self.members.len() {
                    if self.due_s(at).is_some_and(|due_s| due_s <= now_s) {
                        self.feed(at, now_s, Input::Deadline, &mut out);
                    }
                }
            }
            BusInput::Line(input @ Input::Command(command)) => {
                for at in 0..self.members.len() {
                    self.mark(at, command);
                    self.feed(at, now_s, input, &mut out);
                }
            }
            BusInput::Command(at, command) if at < self.members.len() => {
                self.mark(at, command);
                self.feed(at, now_s, Input::Command(command), &mut out);
            }
            BusInput::Command(..) => {}
        }
        self.speak(now_s, &mut out);
        let dues = (0..self.members.len()).filter_map(|at| self.due_s(at));
        let left = (0..self.members.len()).filter(|at| self.members[*at].held.is_some()).map(|at| self.left_until_s(at));
        let free = left.min_by(f64::total_cmp).filter(|_| self.speaking.is_none()).map(|left_s| left_s.max(self.free_s));
        out.deadline_s = dues.chain(free).min_by(f64::total_cmp);
        out
    }

    fn mark(&mut self, at: usize, command: Command) {
        if command == Command::Disable {
            self.members[at].urgent = URGENT;
        }
    }

    /// When a member wants its deadline, on the line's clock; never while its clock stands.
    fn due_s(&self, at: usize) -> Option<f64> {
        let member = &self.members[at];
        member.deadline_s.filter(|_| member.held.is_none()).map(|due_s| due_s + member.behind_s)
    }

    fn feed(&mut self, at: usize, now_s: f64, input: Input<'_>, out: &mut BusEffects) {
        let alone = self.members.len() == 1;
        let member = &mut self.members[at];
        let own_s = member.held.as_ref().map_or(now_s, |(_, since_s)| *since_s) - member.behind_s;
        // Taken from the line's clock and put back, a deadline may have lost its last digit, and would come too early for ever.
        let own_s = member.deadline_s.filter(|_| matches!(input, Input::Deadline)).map_or(own_s, |due_s| own_s.max(due_s));
        let Effects { send, events, deadline_s, waits, leave_until_s } = member.driver.step(own_s, input);
        (member.deadline_s, member.waits) = (deadline_s, waits);
        member.leave_until_s = leave_until_s.map_or(0.0, |until_s| until_s + member.behind_s);
        for event in events {
            match event {
                Event::Ready => member.ready = true,
                Event::LinkLost { .. } => member.ready = false,
                _ => {}
            }
            out.events.push((at, event));
        }
        let said = !send.is_empty();
        if said && alone {
            // Nobody to wait for.
            out.send.extend(send);
            return;
        }
        if said {
            // Of two messages the newer is the one that is waited for.
            let since_s = member.held.take().map_or(now_s, |(_, since_s)| since_s);
            member.held = Some((send, since_s));
        }
        if self.speaking == Some(at) && (said || !waits) {
            self.speaking = None;
        }
    }

    /// Until when the other outputs of a member's device want it left alone, itself not asked.
    fn left_until_s(&self, at: usize) -> f64 {
        let device = self.members[at].driver.device();
        let others = self.members.iter().enumerate().filter(|(other, member)| *other != at && member.leave_until_s > 0.0);
        others
            .filter(|(_, member)| !device.is_empty() && member.driver.device() == device)
            .map(|(_, m)| m.leave_until_s)
            .fold(0.0, f64::max)
    }

    /// Lets the next message out, if the line is free.
    fn speak(&mut self, now_s: f64, out: &mut BusEffects) {
        if self.speaking.is_some() || now_s < self.free_s {
            return;
        }
        let count = self.members.len();
        let rank = |member: &Member| (member.urgent == 0, !member.ready);
        let waiting =
            (1..=count).map(|n| (self.last + n) % count).filter(|at| self.members[*at].held.is_some() && self.left_until_s(*at) <= now_s);
        let Some(at) = waiting.min_by_key(|at| rank(&self.members[*at])) else { return };
        let member = &mut self.members[at];
        if let Some((bytes, since_s)) = member.held.take() {
            member.behind_s += now_s - since_s;
            member.urgent = member.urgent.saturating_sub(1);
            out.send.extend(bytes);
            self.last = at;
            self.speaking = member.waits.then_some(at);
        }
    }

    /// The instruments in a few words, for logs.
    pub fn describe(&self) -> Vec<String> {
        self.members.iter().map(|member| member.driver.describe()).collect()
    }
}
