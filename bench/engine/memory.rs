//! The bench in memory on virtual time: the real driver and the real emulator joined without a wire, hours in seconds.
//!
//! Here live the fault tests: cables are pulled, benches are drawn by seed, belief is falsified. Nothing waits.

use crate::card::card_readings;
use crate::devices::{Devices, Look, Unconfirmed};
use crate::instrument::{Known, status};
use crate::pilot::Pilot;
use crate::row::Stamp;
use crate::setup::Setup;
use control::{Commands, End, Event};
use record::Row;
use rig::{Command, Driver, Input};
use signal::{Request, RunState, Snapshot, Tick};
use std::time::Duration;
use twin::{Truth, World};

/// Virtual seconds the teardown may take.
const TEARDOWN_STEPS: u32 = 10;

/// A bench in memory.
pub struct MemoryBench {
    world: World,
    driver: Box<dyn Driver>,
    known: Known,
    now_s: f64,
    deadline_s: Option<f64>,
    notes: Vec<Event>,
    /// The cable is out: nothing passes, and the driver was told of the hang-up.
    unplugged: bool,
    /// What the host sends is lost on the way, though the port stands.
    muted: bool,
    /// The card has work to pace.
    works: bool,
    /// Setpoint commands no longer reach the instrument, though everything else does.
    pub frozen_setpoint: bool,
}

impl MemoryBench {
    /// The bench of `setup`, as it really is by `truth`.
    pub fn new(setup: &Setup, truth: Truth) -> Result<Self, rig::Error> {
        let bench = Self::of(&setup.rig.instruments[0], setup.twin.card.clone(), setup.coupled, truth)?;
        Ok(Self { works: setup.card_works(), ..bench })
    }

    /// The bench behind this instrument, as it really is by `truth`.
    pub fn of(instrument: &rig::Instrument, card: twin::CardSpec, coupled: bool, truth: Truth) -> Result<Self, rig::Error> {
        let world = World::new(truth, card, twin::tec_for(instrument), coupled);
        let mut bench = Self {
            world,
            driver: rig::driver_for(instrument)?,
            known: Known::new(instrument),
            now_s: 0.0,
            deadline_s: None,
            notes: Vec::new(),
            unplugged: false,
            muted: false,
            works: true,
            frozen_setpoint: false,
        };
        bench.drive(Input::Opened);
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

    /// Loses what the host sends from now on, or no more: silence without a hang-up, as of a device without power behind an
    /// adapter that has some.
    pub fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Pulls the cable.
    pub fn unplug(&mut self) {
        if !std::mem::replace(&mut self.unplugged, true) {
            self.drive(Input::HangUp);
        }
    }

    /// Puts it back.
    pub fn plug(&mut self) {
        if std::mem::replace(&mut self.unplugged, false) {
            self.drive(Input::Opened);
        }
    }

    /// Feeds the driver and carries bytes both ways until everyone is silent.
    fn drive(&mut self, input: Input<'_>) {
        let mut effects = self.driver.step(self.now_s, input);
        loop {
            for event in effects.events.drain(..) {
                self.notes.extend(self.known.take(event));
            }
            self.deadline_s = effects.deadline_s;
            if effects.send.is_empty() || self.unplugged || self.muted {
                return;
            }
            let reply = self.world.receive(self.now_s, &effects.send);
            if reply.is_empty() {
                return;
            }
            effects = self.driver.step(self.now_s, Input::Bytes(&reply));
        }
    }

    /// Lets virtual time pass, with the driver's deadlines in it.
    fn pass(&mut self, to_s: f64) {
        while let Some(deadline) = self.deadline_s.filter(|d| *d <= to_s) {
            self.now_s = deadline.max(self.now_s);
            self.world.advance(self.now_s, self.now_s);
            self.drive(Input::Deadline);
        }
        self.now_s = to_s;
        self.world.advance(to_s, to_s);
    }
}

impl Devices for MemoryBench {
    fn latest(&mut self, tick: Tick, bench_s: f64) -> Look {
        self.pass(bench_s);
        if self.known.ready() {
            self.drive(Input::Command(Command::Poll { tick }));
        }
        let mut readings = Snapshot::default();
        self.known.fill(tick, bench_s, &mut readings);
        for (channel, reading) in card_readings(&self.world.read_card(), bench_s) {
            readings.set(channel, reading);
        }
        Look { readings, instruments: status(std::iter::once(&self.known)), workload_fault: None, events: std::mem::take(&mut self.notes) }
    }

    fn apply(&mut self, _tick: Tick, commands: &Commands) {
        for command in self.known.commands(commands) {
            let swallowed = self.frozen_setpoint && matches!(command, Command::Target(_));
            if !swallowed {
                self.drive(Input::Command(command));
            }
        }
        self.world.set_duty(commands.duty.filter(|_| self.works).unwrap_or(0.0));
    }

    fn make_safe(&mut self, _within: Duration) -> (Vec<Unconfirmed>, Vec<Event>) {
        self.world.set_duty(0.0);
        // Confirmations of the past are not confirmations of this.
        self.known.forget_output();
        for _ in 0..TEARDOWN_STEPS {
            self.drive(Input::Command(Command::Disable));
            if self.known.output_on() == Some(false) {
                break;
            }
            self.pass(self.now_s + 1.0);
        }
        let mut unconfirmed = Vec::new();
        if self.known.output_on() != Some(false) {
            unconfirmed.push(Unconfirmed { device: self.known.name.clone(), why: "output UNKNOWN".into() });
        }
        (unconfirmed, std::mem::take(&mut self.notes))
    }
}

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
