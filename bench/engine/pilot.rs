//! Flies the control law on some devices, tick by tick, and makes the rows. Knows no wall clock: the caller says when a tick is.

use crate::contradiction::Contradiction;
use crate::devices::{Devices, Sunlight};
use crate::ledger::Ledger;
use crate::row::{RowMaker, Stamp};
use control::{Commands, Event, Input, Law, Output, State};
use record::Row;
use signal::{Celsius, Request, Tick};

/// A flight under way.
pub struct Pilot {
    law: Law,
    state: State,
    maker: RowMaker,
    tick: Tick,
    ledger: Ledger,
    contradiction: Contradiction,
}

/// What one tick brought.
pub struct Ticked {
    /// Rows to record, gap rows of missed ticks first.
    pub rows: Vec<Row>,
    /// What the law decided.
    pub output: Output,
    /// What happened, devices first.
    pub events: Vec<Event>,
}

impl Pilot {
    /// At tick 0.
    pub fn new(law: Law, maker: RowMaker) -> Self {
        let state = State::new(&law);
        let ledger = Ledger::new(maker.split());
        Self { law, state, maker, tick: 0, ledger, contradiction: Contradiction::default() }
    }

    /// The same over an accelerator that was checked.
    #[must_use]
    pub fn held(mut self, against: Option<&report::CheckFacts>) -> Self {
        self.contradiction = Contradiction::beside(against.map_or(0.0, crate::characterise::known_gap));
        self
    }

    /// The law being flown.
    pub fn law(&self) -> &Law {
        &self.law
    }

    /// Everything remembered so far.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The tick that comes next.
    pub fn next_tick(&self) -> Tick {
        self.tick
    }

    /// Looks, decides, and makes the rows; the caller records them and then lets [`Pilot::command`] out. `stamp` gives the
    /// stamp of a tick, so that missed ones get theirs too.
    pub fn tick(
        &mut self,
        devices: &mut dyn Devices,
        missed: u32,
        requests: Vec<(String, Request)>,
        stamp: impl Fn(Tick) -> Stamp,
    ) -> Ticked {
        let mut rows: Vec<Row> = (0..missed)
            .map(|n| {
                let tick = self.tick + Tick::from(n);
                self.maker.gap(tick, stamp(tick), self.state.run)
            })
            .collect();
        self.tick += Tick::from(missed);
        let now = stamp(self.tick);
        let mut look = devices.latest(self.tick, now.bench_s);
        let passed_s = self.law.dt_s * f64::from(missed + 1);
        self.ledger.update(&look.readings, passed_s);
        look.events.extend(self.contradiction.look(&look.readings, passed_s, missed > 0));
        let input = Input {
            tick: self.tick,
            missed,
            readings: look.readings.clone(),
            instruments: look.instruments.clone(),
            workload_fault: look.workload_fault.clone(),
            requests,
        };
        let output = control::step(&self.law, &mut self.state, &input);
        // What was not believed is in the row, and is said not to be.
        for suspect in &output.suspect {
            let mut reading = *look.readings.get(suspect.channel);
            reading.quality = signal::Quality::Suspect;
            look.readings.set(suspect.channel, reading);
        }
        let array_degc = output.view.flight.array.map(|array| Celsius::from(array).0);
        devices.sunlight(Sunlight { suns: output.view.env.array_w_m2 / rig::config::SUN_W_M2, array_degc });
        rows.push(self.maker.row(self.tick, now, &look, &output, self.ledger));
        let mut events = look.events;
        events.extend(output.events.iter().cloned());
        self.tick += 1;
        Ticked { rows, output, events }
    }

    /// Lets the commands of the last tick out to the devices.
    pub fn command(&self, devices: &mut dyn Devices, commands: &Commands) {
        devices.apply(self.tick.saturating_sub(1), commands);
    }
}
