//! The twin's virtual card: a 72 W board like NVIDIA's L4, seen through the artefacts its driver really has.
//!
//! What is published and what is assumed is said at each number of `[card]` in the rig file. The card is power-capped: at full
//! duty it draws its limit whatever the die temperature, and a hotter die, which leaks more, gets less work out of it.

use crate::parked::{Parked, StateSpec};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};
use signal::{Crossing, Kept, Section};

/// NVML clock-event reason bits (nvml.h, `nvmlClocksEventReason*`).
mod reason {
    pub(super) const IDLE: u32 = 0x1;
    pub(super) const SW_POWER_CAP: u32 = 0x4;
    pub(super) const SW_THERMAL: u32 = 0x20;
}

/// What we believe of the card: `[card]` of the rig file.
#[derive(Clone, Debug)]
pub struct CardSpec {
    /// Name shown everywhere, with the word "virtual" in front.
    pub name: String,
    /// Board power with no work, W.
    pub idle_w: f64,
    /// Board power limit, W: what it draws at full duty.
    pub full_w: f64,
    /// Work per second at full duty and the reference die temperature.
    pub units_per_s: f64,
    /// What a unit is.
    pub unit: String,
    /// Die temperature at which `units_per_s` holds, °C.
    pub reference_degc: f64,
    /// Fraction of the work lost per kelvin of die temperature above the reference, 1/K.
    pub leakage_per_k: f64,
    /// Die temperature at which the card begins to slow down, °C.
    pub slowdown_degc: f64,
    /// Core clock at full duty, MHz.
    pub core_mhz: f64,
    /// Memory clock, MHz.
    pub memory_mhz: f64,
    /// What its work keeps in memory, and how fast that moves.
    pub state: StateSpec,
}

/// Width of the band over which a throttling card falls to half its work, K (assumed).
const SLOWDOWN_BAND_K: f64 = 5.0;
/// Idle core clock, MHz (assumed: the lowest of NVIDIA's usual clock steps).
const IDLE_MHZ: f64 = 210.0;
/// Pacing period, bench seconds, before jitter: long against the power sensor's window.
pub const PACE_PERIOD_S: f64 = 2.0;
/// The counter moves this often, bench seconds (NVML's moves every 20 to 100 ms).
pub const COUNTER_PERIOD_S: f64 = 0.1;
/// Time constant of the power reading, bench seconds: `nvmlDeviceGetPowerUsage` is a 1 s average on Ada.
const POWER_AVERAGE_S: f64 = 1.0;

impl CardSpec {
    /// Work per second at this duty and die temperature, slowdown and leakage included.
    pub fn rate(&self, duty: f64, die_degc: f64) -> f64 {
        self.allowed(duty, die_degc) * self.units_per_s * self.leak(die_degc)
    }

    /// Work per second at this duty once the die has settled, which is at `idle_degc` without work and `rise_k` above it at full power: a card that slows
    /// down draws less, and so is less hot than what was asked of it would make it.
    pub fn settled_rate(&self, duty: f64, idle_degc: f64, rise_k: f64) -> f64 {
        // In the band the duty falls with temperature in a line, and temperature rises with duty in another: they cross once.
        let fall = rise_k * duty * 0.5 / SLOWDOWN_BAND_K;
        let crossing = (idle_degc + rise_k * duty + fall * self.slowdown_degc) / (1.0 + fall);
        let (free, half) = (idle_degc + rise_k * duty, idle_degc + rise_k * duty * 0.5);
        let settled = if free <= self.slowdown_degc { free } else { crossing.max(half) };
        self.rate(duty, settled)
    }

    /// What is left of a duty when the die is so hot that the card slows down.
    fn allowed(&self, duty: f64, die_degc: f64) -> f64 {
        let over = ((die_degc - self.slowdown_degc) / SLOWDOWN_BAND_K).clamp(0.0, 1.0);
        duty * (1.0 - 0.5 * over)
    }

    /// Part of the work that a die of this temperature does for the same power.
    fn leak(&self, die_degc: f64) -> f64 {
        (1.0 - self.leakage_per_k * (die_degc - self.reference_degc)).max(0.0)
    }

    /// Reads `[card]`.
    pub fn read(card: &Section<'_>) -> Self {
        let spec = Self {
            name: card.text("name", "the card's name"),
            idle_w: card.number("idle_w", 0.0..=2000.0),
            full_w: card.number("full_w", 1.0..=2000.0),
            units_per_s: card.number("units_per_s", 0.0..=1e9),
            unit: card.text("unit", "what the work is counted in, such as token"),
            reference_degc: card.number("reference_degc", -50.0..=120.0),
            leakage_per_k: card.number("leakage_per_k", 0.0..=0.05),
            slowdown_degc: card.number("slowdown_degc", 30.0..=120.0),
            core_mhz: card.number("core_mhz", 1.0..=10_000.0),
            memory_mhz: card.number("memory_mhz", 1.0..=50_000.0),
            state: StateSpec::read(&card.optional_section("state")),
        };
        if spec.idle_w >= spec.full_w {
            card.problem("idle_w", format_args!("{} W is not below full_w = {} W", spec.idle_w, spec.full_w));
        }
        spec
    }
}

/// How this one card and its sensors differ from the belief; all zero in a rehearsal.
#[derive(Clone, Debug, Default)]
pub struct CardTruth {
    /// Added to the die temperature read, K.
    pub die_offset_k: f64,
    /// Proportional error of the power sensor and counter (one shunt serves both).
    pub power_gain: f64,
    /// Proportional difference of the work rate.
    pub work_gain: f64,
    /// Noise of a power reading, one standard deviation, W.
    pub noise_w: f64,
    /// The driver gives whole degrees, and duty comes as on and off.
    pub artefacts: bool,
}

/// What the driver says, like NVML's calls; nothing here is missing unless the card is gone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CardReading {
    /// Board power, W.
    pub power_w: f64,
    /// Energy counter, J.
    pub energy_j: f64,
    /// Die temperature, °C.
    pub die_degc: f64,
    /// Core clock, MHz.
    pub core_mhz: f64,
    /// Memory clock, MHz.
    pub memory_mhz: f64,
    /// Utilisation, %.
    pub utilisation_pct: f64,
    /// Reason bits.
    pub throttle: u32,
    /// Work done since power-up.
    pub units: f64,
    /// What putting the work away in eclipses came to.
    #[serde(default)]
    pub kept: Kept,
}

/// The card's state.
#[derive(Clone, Debug)]
pub struct Card {
    spec: CardSpec,
    truth: CardTruth,
    rng: ChaCha8Rng,
    duty: f64,
    time_s: f64,
    pace: Pace,
    average_w: f64,
    energy_j: f64,
    counter_j: f64,
    counter_at_s: f64,
    units: f64,
    throttle: u32,
    busy: f64,
    parked: Parked,
}

#[derive(Clone, Copy, Debug)]
struct Pace {
    start_s: f64,
    length_s: f64,
}

impl Card {
    /// A card that has been idle for long.
    pub fn new(spec: CardSpec, truth: CardTruth, rng: ChaCha8Rng) -> Self {
        let average_w = spec.idle_w;
        let parked = Parked::new(spec.state);
        let pace = Pace { start_s: 0.0, length_s: PACE_PERIOD_S };
        Self {
            spec,
            truth,
            rng,
            duty: 0.0,
            time_s: 0.0,
            pace,
            average_w,
            energy_j: 0.0,
            counter_j: 0.0,
            counter_at_s: 0.0,
            units: 0.0,
            throttle: reason::IDLE,
            busy: 0.0,
            parked,
        }
    }

    /// What is believed of it.
    pub fn spec(&self) -> &CardSpec {
        &self.spec
    }

    /// Share of time the workload may work; NaN stops it.
    pub fn set_duty(&mut self, duty: f64) {
        self.duty = if duty.is_finite() { duty.clamp(0.0, 1.0) } else { 0.0 };
    }

    /// Takes the power for the work away, which then crosses the time without it like this; `None` gives it back.
    pub fn set_away(&mut self, away: Option<Crossing>) {
        self.parked.want(away);
    }

    /// Advances by `dt_s` at the given true die temperature; returns the true board power in W, all of which is heat.
    pub fn advance(&mut self, dt_s: f64, die_degc: f64) -> f64 {
        self.time_s += dt_s;
        let in_memory = self.parked.advance(dt_s, self.units);
        let allowed = if in_memory { self.spec.allowed(self.duty, die_degc) } else { 0.0 };
        self.busy = if self.truth.artefacts { self.paced(allowed) } else { allowed };
        let power = self.spec.idle_w + self.busy * (self.spec.full_w - self.spec.idle_w);
        self.units += self.busy * self.spec.units_per_s * (1.0 + self.truth.work_gain) * self.spec.leak(die_degc) * dt_s;
        self.energy_j += power * (1.0 + self.truth.power_gain) * dt_s;
        self.average_w += (power - self.average_w) * (dt_s / POWER_AVERAGE_S).min(1.0);
        let counter_period = if self.truth.artefacts { COUNTER_PERIOD_S } else { 0.0 };
        if self.time_s - self.counter_at_s >= counter_period {
            self.counter_at_s = self.time_s;
            // The counter is in whole millijoules.
            self.counter_j = if self.truth.artefacts { (self.energy_j * 1e3).floor() / 1e3 } else { self.energy_j };
        }
        self.throttle = match () {
            () if die_degc > self.spec.slowdown_degc => reason::SW_THERMAL,
            () if self.duty >= 0.999 => reason::SW_POWER_CAP,
            () if self.duty <= 0.0 => reason::IDLE,
            () => 0,
        };
        power
    }

    /// Full batches, then idle: on for `allowed` of a jittered period.
    fn paced(&mut self, allowed: f64) -> f64 {
        if self.time_s >= self.pace.start_s + self.pace.length_s {
            let jitter = self.rng.random_range(0.75..1.25);
            self.pace = Pace { start_s: self.time_s, length_s: PACE_PERIOD_S * jitter };
        }
        f64::from(u8::from(self.time_s - self.pace.start_s < allowed * self.pace.length_s))
    }

    /// What the driver says now, given the true die temperature.
    pub fn read(&mut self, die_degc: f64) -> CardReading {
        let die = die_degc + self.truth.die_offset_k;
        let noise = Normal::new(0.0, self.truth.noise_w).map_or(0.0, |n| n.sample(&mut self.rng));
        let work_mhz = IDLE_MHZ + (self.spec.core_mhz - IDLE_MHZ) * f64::from(u8::from(self.duty > 0.0));
        CardReading {
            power_w: (self.average_w * (1.0 + self.truth.power_gain) + noise).max(0.0),
            energy_j: self.counter_j,
            die_degc: if self.truth.artefacts { die.round() } else { die },
            core_mhz: work_mhz,
            memory_mhz: self.spec.memory_mhz,
            utilisation_pct: self.duty * 100.0,
            throttle: self.throttle,
            units: self.units,
            kept: self.parked.kept(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Settled is where the power that is drawn makes the temperature that lets it be drawn: found here by halving, without the formula.
    #[test]
    fn a_settled_card_draws_what_its_temperature_allows() {
        let document = signal::Document::parse("twin.toml", include_str!("../../rigs/twin.toml"));
        let card = CardSpec::read(&document.root().section("card"));
        for (duty, idle_degc, rise_k) in [
            (0.0, 90.0, 22.0),
            (0.5, 40.0, 22.0),
            (1.0, 62.0, 22.0),
            (1.0, 65.0, 22.0),
            (0.7, 75.0, 22.0),
            (1.0, 75.0, 22.0),
            (1.0, 95.0, 22.0),
        ] {
            let (mut cool, mut hot) = (idle_degc, idle_degc + rise_k);
            for _ in 0..60 {
                let middle = f64::midpoint(cool, hot);
                if idle_degc + rise_k * card.allowed(duty, middle) > middle {
                    cool = middle;
                } else {
                    hot = middle;
                }
            }
            let (told, found) = (card.settled_rate(duty, idle_degc, rise_k), card.rate(duty, hot));
            assert!((told - found).abs() < 1e-6 * card.units_per_s, "{duty} {idle_degc}: {told} and {found}");
        }
    }
}
