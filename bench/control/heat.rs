//! Board heat over the last tick: counter difference first, tick-mean power second, a declared stand-in last. Never an
//! instant sample, never a guess: after a few ticks without any, the caller suspends.

use crate::law::Law;
use signal::{Channel, Origin, Snapshot, Watts};

/// Shortest time between two counter readings that makes a difference, in ticks.
pub(crate) const SHORTEST_SPAN: f64 = 0.5;

/// What is remembered to make differences.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeatMeter {
    /// Last good counter value, J, and the bench second it was read at.
    counter: Option<(f64, f64)>,
    /// Last known heat, and the ticks it has been held.
    held: Option<(Watts, Origin, u32)>,
}

/// Heat for this tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Heat {
    /// Mean board heat since the last good reading, after the heat gain.
    pub(crate) value: Option<Watts>,
    /// Measured, simulated or assumed.
    pub(crate) origin: Origin,
    /// How many ticks the value has been held without a new one.
    pub(crate) held_ticks: u32,
}

impl HeatMeter {
    /// Ticks since the last fresh heat; `None` before the first.
    pub(crate) fn held_ticks(&self) -> Option<u32> {
        self.held.map(|h| h.2)
    }

    /// Takes this tick's readings, `ticks` after the last call.
    /// `duty` is what was commanded for them.
    pub(crate) fn update(&mut self, law: &Law, readings: &Snapshot, ticks: u32, duty: f64) -> Heat {
        let energy = readings.get(Channel::BoardEnergy);
        let power = readings.get(Channel::BoardPower);
        let mut fresh = None;
        if let Some(now) = energy.usable() {
            match self.counter {
                // A counter that ran backwards was reset: no difference can be made across it.
                Some((before, at_s)) if now >= before => {
                    let span_s = energy.at_s - at_s;
                    // Two readings close together would divide the counter's own graininess by nothing.
                    if span_s >= SHORTEST_SPAN * law.dt_s {
                        fresh = Some((Watts((now - before) / span_s * law.heat_gain), energy.origin));
                        self.counter = Some((now, energy.at_s));
                    }
                }
                _ => self.counter = Some((now, energy.at_s)),
            }
        }
        let fresh = fresh.or_else(|| power.usable().map(|w| (Watts(w * law.heat_gain), power.origin)));
        let fresh = fresh.or_else(|| {
            law.assume_heat_w.map(|full| {
                let idle = law.governor.idle.0.min(full);
                (Watts(idle + duty * (full - idle)), Origin::Assumed)
            })
        });
        match fresh {
            Some((value, origin)) => {
                self.held = Some((value, origin, 0));
                Heat { value: Some(value), origin, held_ticks: 0 }
            }
            None => match &mut self.held {
                Some((value, origin, held)) => {
                    *held += ticks;
                    Heat { value: Some(*value), origin: *origin, held_ticks: *held }
                }
                None => Heat { value: None, origin: Origin::Measured, held_ticks: ticks },
            },
        }
    }
}
