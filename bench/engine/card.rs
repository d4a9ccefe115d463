//! The virtual card's reading as channels: the same for the live bench, the one in memory and the rehearsal.

use signal::{Channel, Origin, Reading};
use twin::CardReading;

/// The card's reading as channels; everything about it is simulated.
pub(crate) fn card_readings(card: &CardReading, bench_s: f64) -> Vec<(Channel, Reading)> {
    let good = |value| Reading::good(value, bench_s, Origin::Simulated);
    vec![
        (Channel::BoardPower, good(card.power_w)),
        (Channel::BoardEnergy, good(card.energy_j)),
        (Channel::Die, good(card.die_degc)),
        (Channel::CoreClock, good(card.core_mhz)),
        (Channel::MemoryClock, good(card.memory_mhz)),
        (Channel::Utilisation, good(card.utilisation_pct)),
        (Channel::ThrottleReasons, good(f64::from(card.throttle))),
        (Channel::WorkUnits, good(card.units)),
    ]
}
