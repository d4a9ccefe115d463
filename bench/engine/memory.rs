//! The bench in memory on virtual time: the real driver and the real emulator joined without a wire, hours in seconds.
//!
//! Here live the fault tests: cables are pulled, benches are drawn by seed, belief is falsified. Nothing waits.

use crate::card::{KeptWatch, card_readings};
use crate::devices::{Devices, Look, Shone, Sunlight, Unconfirmed};
use crate::instrument::{Known, status};
use crate::pilot::Pilot;
use crate::row::Stamp;
use crate::setup::Setup;
use control::{Commands, End, Event};
use record::Row;
use rig::bus::{Bus, BusEffects, BusInput};
use rig::{Command, Input};
use signal::{Crossing, Request, RunState, Snapshot, Tick};
use std::collections::VecDeque;
use std::time::Duration;
use thiserror::Error;
use twin::{Truth, World};

/// Instruments that share a line speak one after the other: so long a poll may take, virtual seconds.
const POLL_S: f64 = 0.3;

/// Virtual seconds the teardown may take.
const TEARDOWN_STEPS: u32 = 10;

/// A bench in memory.
pub struct MemoryBench {
    world: World,
    /// Instruments in the rig's order.
    seats: Vec<Seat>,
    wires: Vec<Wire>,
    now_s: f64,
    notes: Vec<Event>,
    /// The card has work to pace.
    works: bool,
    /// How it crosses a time without power.
    crossing: Crossing,
    watch: KeptWatch,
    /// The card hears of its duty so many ticks late.
    pub late_ticks: usize,
    /// What it has not heard yet.
    late: VecDeque<(f64, Option<Crossing>)>,
    /// Setpoint commands no longer reach the instrument, though everything else does.
    pub frozen_setpoint: bool,
}

/// One instrument, and where its driver is: on which wire, and its place there.
struct Seat {
    known: Known,
    wire: usize,
    member: usize,
}

/// One cable, with the drivers of all the instruments on it.
struct Wire {
    bus: Bus,
    /// Places of its instruments.
    seats: Vec<usize>,
    deadline_s: Option<f64>,
    /// The cable is out: nothing passes, and the driver was told of the hang-up.
    unplugged: bool,
    /// What the host sends is lost on the way, though the port stands.
    muted: bool,
}

/// Why there is no bench in memory.
#[derive(Debug, Error)]
pub enum MemoryError {
    /// An instrument cannot be driven.
    #[error(transparent)]
    Rig(#[from] rig::Error),
    /// An instrument cannot be emulated.
    #[error(transparent)]
    Twin(#[from] twin::NotEmulated),
}

impl MemoryBench {
    /// The bench of `setup`, as it really is by `truth`.
    pub fn new(setup: &Setup, truth: Truth) -> Result<Self, MemoryError> {
        let bench = Self::of(&setup.rig, setup.twin.card.clone(), setup.coupled, truth)?;
        Ok(Self { works: setup.card_works(), crossing: setup.law.crossing, ..bench })
    }

    /// The bench of this rig, as it really is by `truth`, with all its instruments.
    pub fn of(rig: &rig::RigFile, card: twin::CardSpec, coupled: bool, truth: Truth) -> Result<Self, MemoryError> {
        let world = twin::world_of(rig, truth, card, coupled)?;
        let mut seats: Vec<Seat> = rig.instruments.iter().map(|i| Seat { known: Known::new(i), wire: 0, member: 0 }).collect();
        let mut wires = Vec::new();
        for line in rig.lines() {
            for (member, seat) in line.iter().enumerate() {
                (seats[*seat].wire, seats[*seat].member) = (wires.len(), member);
            }
            let drivers: Result<Vec<_>, _> = line.iter().map(|at| rig::driver_for(&rig.instruments[*at])).collect();
            let bus = Bus::new(drivers?, rig.instruments[line[0]].serial);
            wires.push(Wire { bus, seats: line, deadline_s: None, unplugged: false, muted: false });
        }
        let mut bench = Self {
            world,
            seats,
            wires,
            now_s: 0.0,
            notes: Vec::new(),
            works: true,
            crossing: Crossing::Idle,
            watch: KeptWatch::default(),
            late_ticks: 0,
            late: VecDeque::new(),
            frozen_setpoint: false,
        };
        for wire in 0..bench.wires.len() {
            bench.drive(wire, BusInput::Line(Input::Opened));
        }
        Ok(bench)
    }

    /// The emulated bench itself.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The emulated bench, to have its controller deny things.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// Loses what the host sends from now on, or no more: silence without a hang-up, as of devices without power behind
    /// adapters that have some.
    pub fn mute(&mut self, muted: bool) {
        for wire in &mut self.wires {
            wire.muted = muted;
        }
    }

    /// Pulls every cable.
    pub fn unplug(&mut self) {
        (0..self.wires.len()).for_each(|wire| self.pull(wire));
    }

    /// Puts every cable back.
    pub fn plug(&mut self) {
        for wire in 0..self.wires.len() {
            if std::mem::replace(&mut self.wires[wire].unplugged, false) {
                self.drive(wire, BusInput::Line(Input::Opened));
            }
        }
    }

    /// Pulls the cable of the instrument of this name, and of whoever shares its line. False if there is none.
    pub fn unplug_one(&mut self, name: &str) -> bool {
        let found = self.seats.iter().find(|seat| seat.known.name == name).map(|seat| seat.wire);
        found.inspect(|wire| self.pull(*wire)).is_some()
    }

    fn pull(&mut self, wire: usize) {
        if !std::mem::replace(&mut self.wires[wire].unplugged, true) {
            self.drive(wire, BusInput::Line(Input::HangUp));
        }
    }

    /// Gives a command to the driver of one instrument.
    fn tell(&mut self, seat: usize, command: Command) {
        let Seat { wire, member, .. } = self.seats[seat];
        self.drive(wire, BusInput::Command(member, command));
    }

    /// Feeds the drivers of a wire and carries bytes both ways until everyone is silent.
    fn drive(&mut self, at: usize, input: BusInput<'_>) {
        let (wire, now_s) = (&mut self.wires[at], self.now_s);
        let mut effects = wire.bus.step(now_s, input);
        loop {
            let BusEffects { send, events, deadline_s } = effects;
            for (member, event) in events {
                self.notes.extend(self.seats[wire.seats[member]].known.take(event));
            }
            wire.deadline_s = deadline_s;
            if send.is_empty() || wire.unplugged || wire.muted {
                return;
            }
            // Every device of the line hears it; whoever is meant answers.
            let mut reply = Vec::new();
            for seat in &wire.seats {
                reply.extend(self.world.receive_at(&self.seats[*seat].known.name, now_s, &send));
            }
            if reply.is_empty() {
                return;
            }
            effects = wire.bus.step(now_s, BusInput::Line(Input::Bytes(&reply)));
        }
    }

    /// When a driver next wants its deadline, and on which wire.
    fn next(&self) -> Option<(usize, f64)> {
        let due = self.wires.iter().enumerate().filter_map(|(at, wire)| wire.deadline_s.map(|deadline| (at, deadline)));
        due.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn due(&mut self, (at, deadline): (usize, f64)) {
        self.now_s = deadline.max(self.now_s);
        self.world.advance(self.now_s, self.now_s);
        self.drive(at, BusInput::Line(Input::Deadline));
    }

    /// Lets those who share a line have their turns, until everything that was asked for is there.
    fn turns(&mut self) {
        let until_s = self.now_s + POLL_S;
        let waiting = |bench: &Self| bench.seats.iter().any(|s| bench.wires[s.wire].seats.len() > 1 && s.known.awaited());
        while waiting(self)
            && let Some(next) = self.next().filter(|(_, deadline)| *deadline <= until_s)
        {
            self.due(next);
        }
    }

    /// Lets virtual time pass, with the drivers' deadlines in it.
    fn pass(&mut self, to_s: f64) {
        while let Some(next) = self.next().filter(|(_, deadline)| *deadline <= to_s) {
            self.due(next);
        }
        self.now_s = to_s.max(self.now_s);
        self.world.advance(self.now_s, self.now_s);
    }
}

impl Devices for MemoryBench {
    fn latest(&mut self, tick: Tick, bench_s: f64) -> Look {
        self.pass(bench_s);
        for seat in 0..self.seats.len() {
            let (poll, slow) = self.seats[seat].known.poll(tick);
            self.notes.extend(slow);
            if let Some(poll) = poll {
                self.tell(seat, poll);
            }
        }
        self.turns();
        let mut readings = Snapshot::default();
        for seat in &mut self.seats {
            seat.known.fill(tick, bench_s, &mut readings);
        }
        let card = self.world.read_card();
        let seen = self.watch.look(&card.kept);
        self.notes.extend(seen);
        for (channel, reading) in card_readings(&card, bench_s) {
            readings.set(channel, reading);
        }
        let instruments = status(self.seats.iter().map(|seat| &seat.known));
        let mut shone = Shone::default();
        self.seats.iter().for_each(|seat| seat.known.asked(&mut shone));
        Look { readings, instruments, workload_fault: None, shone, events: std::mem::take(&mut self.notes) }
    }

    fn sunlight(&mut self, sun: Sunlight) {
        self.seats.iter_mut().for_each(|seat| seat.known.sunlight(sun));
    }

    fn apply(&mut self, _tick: Tick, commands: &Commands) {
        for seat in 0..self.seats.len() {
            for command in self.seats[seat].known.commands(commands) {
                let swallowed = self.frozen_setpoint && matches!(command, Command::Target(_));
                if !swallowed {
                    self.tell(seat, command);
                }
            }
        }
        self.late.push_back((commands.duty.filter(|_| self.works).unwrap_or(0.0), (!commands.power).then_some(self.crossing)));
        while self.late.len() > self.late_ticks
            && let Some((duty, away)) = self.late.pop_front()
        {
            self.world.set_duty(duty);
            self.world.set_away(away);
        }
    }

    fn make_safe(&mut self, _within: Duration) -> (Vec<Unconfirmed>, Vec<Event>) {
        self.world.set_duty(0.0);
        // Confirmations of the past are not confirmations of this.
        for seat in &mut self.seats {
            seat.known.begin_safe();
        }
        for _ in 0..TEARDOWN_STEPS {
            for seat in 0..self.seats.len() {
                for command in self.seats[seat].known.safe_commands() {
                    self.tell(seat, command);
                }
            }
            if self.seats.iter().all(|seat| seat.known.is_safe()) {
                break;
            }
            self.pass(self.now_s + 1.0);
        }
        let left = self.seats.iter().filter(|seat| !seat.known.is_safe());
        let unconfirmed = left.map(|seat| Unconfirmed { device: seat.known.name.clone(), why: seat.known.unsafe_words() }).collect();
        (unconfirmed, std::mem::take(&mut self.notes))
    }
}

#[cfg(test)]
mod tests;

/// What a flight in memory brought.
#[derive(Debug)]
pub struct Flown {
    /// Every row.
    pub rows: Vec<Row>,
    /// What happened, with the tick it happened in.
    pub events: Vec<(Tick, Event)>,
    /// How it ended.
    pub end: End,
    /// What could not be confirmed safe.
    pub unconfirmed: Vec<Unconfirmed>,
}

/// Flies `setup` on `bench` to its end. `each` is called before every tick: to pull cables, to ask as an operator would.
pub fn fly(
    setup: &Setup,
    bench: &mut MemoryBench,
    mut each: impl FnMut(Tick, &mut MemoryBench, RunState) -> Vec<(String, Request)>,
) -> Flown {
    let mut pilot = Pilot::new(setup.law.clone(), setup.maker.clone());
    let (mut rows, mut events) = (Vec::new(), Vec::new());
    let dt_s = setup.law.dt_s;
    let mut state = RunState::Staging;
    let end = loop {
        let tick = pilot.next_tick();
        let requests = each(tick, bench, state);
        let stamp = |tick: Tick| Stamp { segment: 0, utc: None, elapsed_s: None, bench_s: tick as f64 * dt_s };
        let ticked = pilot.tick(bench, 0, requests, stamp);
        rows.extend(ticked.rows);
        events.extend(ticked.events.into_iter().map(|e| (tick, e)));
        pilot.command(bench, &ticked.output.commands);
        state = ticked.output.state;
        if let Some(end) = ticked.output.end {
            break end;
        }
    };
    let tick = pilot.next_tick();
    let (unconfirmed, last) = bench.make_safe(Duration::from_secs(5));
    events.extend(last.into_iter().map(|e| (tick, e)));
    Flown { rows, events, end, unconfirmed }
}
