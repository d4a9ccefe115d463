//! The virtual card's reading as channels: the same for the live bench, the one in memory and the rehearsal.

use control::Event;
use signal::{Channel, Kept, Origin, Place, Reading, Severity};
use twin::CardReading;

/// The card's reading as channels; everything about it is simulated.
pub(crate) fn card_readings(card: &CardReading, bench_s: f64) -> Vec<(Channel, Reading)> {
    let good = |value| Reading::good(value, bench_s, Origin::Simulated);
    let mut readings = vec![
        (Channel::BoardPower, good(card.power_w)),
        (Channel::BoardEnergy, good(card.energy_j)),
        (Channel::Die, good(card.die_degc)),
        (Channel::CoreClock, good(card.core_mhz)),
        (Channel::MemoryClock, good(card.memory_mhz)),
        (Channel::Utilisation, good(card.utilisation_pct)),
        (Channel::ThrottleReasons, good(f64::from(card.throttle))),
        (Channel::WorkUnits, good(card.units)),
    ];
    let kept = card.kept.channels();
    readings.extend(kept.into_iter().filter_map(|(channel, value)| Some((channel, good(value?)))));
    readings
}

/// Sees the virtual work go and come: real work says so itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeptWatch(Kept);

impl KeptWatch {
    /// What happened since the last look.
    pub(crate) fn look(&mut self, now: &Kept) -> Vec<Event> {
        let before = std::mem::replace(&mut self.0, *now);
        let event = |kind, message| Event { severity: Severity::Info, kind, who: "virtual card".into(), message };
        let mut events = Vec::new();
        if now.pauses > before.pauses {
            let lost = now.lost_output - before.lost_output;
            events.push(event(
                "checkpoint",
                if lost > 0.0 || now.bytes == 0 {
                    format!("simulated: the memory is dropped; {lost:.0} units put out are lost and done again")
                } else {
                    format!("simulated: {:.2} MiB are on the disk, {:.3} s of writing so far", now.bytes as f64 / 1_048_576.0, now.write_s)
                },
            ));
        }
        if before.place != Place::Memory && now.place == Place::Memory {
            events.push(event("restore", format!("simulated: the work is in memory again, {:.3} s of coming back so far", now.restore_s)));
        }
        events
    }
}
