//! A rig that imposes exactly what is asked, at once and at any temperature, under a card that sits on the flight model's own die: what
//! is left of a rehearsal when the rig is taken away. The controller, the flight model and the card's law stay the same ones.

use control::{Commands, Event, Instruments};
use engine::devices::{Devices, Look, Unconfirmed};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use signal::{Celsius, Channel, Crossing, Origin, Reading, Snapshot, Tick};
use std::time::Duration;
use twin::card::CardTruth;
use twin::{Card, CardSpec};

/// Longest step of the card, bench seconds: short against the second over which it averages its power.
const STEP_S: f64 = 0.1;

pub(crate) struct Ideal {
    card: Card,
    plate: Celsius,
    die: Celsius,
    bench_s: f64,
    crossing: Crossing,
}

impl Ideal {
    /// With the plate and the die where the flight model starts.
    pub(crate) fn new(card: CardSpec, plate: Celsius, die: Celsius, crossing: Crossing) -> Self {
        // A card as believed draws nothing at random.
        let card = Card::new(card, CardTruth::default(), ChaCha8Rng::seed_from_u64(0));
        Self { card, plate, die, bench_s: 0.0, crossing }
    }

    /// The flight model's die is now this warm.
    pub(crate) fn warm_die(&mut self, die: Celsius) {
        self.die = die;
    }
}

impl Devices for Ideal {
    fn latest(&mut self, _tick: Tick, bench_s: f64) -> Look {
        let steps = ((bench_s - self.bench_s) / STEP_S).round().max(0.0);
        for _ in 0..steps as u64 {
            self.card.advance((bench_s - self.bench_s) / steps, self.die.0);
        }
        self.bench_s = bench_s;
        let card = self.card.read(self.die.0);
        let mut readings = Snapshot::default();
        for (channel, value) in [
            (Channel::Plate, self.plate.0),
            (Channel::BoardPower, card.power_w),
            (Channel::BoardEnergy, card.energy_j),
            (Channel::Die, card.die_degc),
            (Channel::WorkUnits, card.units),
        ] {
            readings.set(channel, Reading::good(value, bench_s, Origin::Simulated));
        }
        for (channel, value) in card.kept.channels() {
            if let Some(value) = value {
                readings.set(channel, Reading::good(value, bench_s, Origin::Simulated));
            }
        }
        let instruments = Instruments { ready: true, output_on: Some(true), ..Instruments::default() };
        Look { readings, instruments, workload_fault: None, ..Look::default() }
    }

    fn apply(&mut self, _tick: Tick, commands: &Commands) {
        if let Some(target) = commands.target {
            self.plate = target;
        }
        self.card.set_duty(commands.duty.unwrap_or(0.0));
        self.card.set_away((!commands.power).then_some(self.crossing));
    }

    fn make_safe(&mut self, _within: Duration) -> (Vec<Unconfirmed>, Vec<Event>) {
        self.card.set_duty(0.0);
        (Vec::new(), Vec::new())
    }
}
