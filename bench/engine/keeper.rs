//! What every procedure on a bench keeps to, whatever it does: instruments that are there and well, interlocks, an output that stays on while it
//! is wanted, a setpoint that walks at the rig's rate. Shared by commissioning and work maps. Pure: no clock, no device.

use crate::commission::Facts;
use crate::devices::Look;
use control::required;
use signal::{Channel, Tick};
use std::collections::BTreeMap;

/// What is remembered of the ticks before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keeper {
    first: Option<Tick>,
    was_ready: bool,
    /// When each channel that must be read was, or when the instruments were first ready.
    read_at: BTreeMap<Channel, Tick>,
    seen_on: bool,
    /// What each trip remembers.
    held: Vec<control::Held>,
}

impl Keeper {
    /// What ends it whatever is being done: a lost, refused or failed instrument, work that is not well, something servoed or with an interlock that nobody reads.
    pub(crate) fn gone(&mut self, tick: Tick, look: &Look, facts: &Facts) -> Option<String> {
        let instruments = &look.instruments;
        let said = [&instruments.refused, &instruments.error, &instruments.lost].into_iter().flatten();
        if let Some(why) = said.chain(look.workload_fault.as_ref().map(|fault| &fault.why)).next() {
            return Some(why.clone());
        }
        let first = *self.first.get_or_insert(tick);
        self.was_ready |= instruments.ready;
        if !instruments.ready && (self.was_ready || tick - first > facts.ready_ticks) {
            return Some("the instruments are not ready: see `rig check`, cables and power".into());
        }
        if !instruments.ready {
            return None;
        }
        let mut unread = None;
        for channel in required(facts.servoed.channel(), &facts.trips) {
            let read_at = self.read_at.entry(channel).or_insert(tick);
            if look.readings.usable(channel).is_some() {
                *read_at = tick;
            }
            unread = unread.max(Some((tick - *read_at, channel)));
        }
        let (ticks, channel) = unread.filter(|(ticks, _)| *ticks > facts.unread_ticks)?;
        Some(format!("{channel:?} has not been read for {ticks} ticks: look at its sensor and its plug"))
    }

    /// An interlock, or an output that went off while it was wanted on. While coolant `may_stand` still its flow trips nothing, and afterwards has as long to
    /// start as at the beginning.
    pub(crate) fn tripped(&mut self, look: &Look, facts: &Facts, wanted_on: bool, may_stand: bool) -> Option<String> {
        self.held.resize(facts.trips.len(), None);
        for (trip, held) in facts.trips.iter().zip(&mut self.held) {
            if may_stand && matches!(trip.channel, Channel::Flow | Channel::PumpSpeed) {
                *held = None;
            } else if let Some(why) = trip.check(&look.readings, held, 1) {
                return Some(why);
            }
        }
        if self.seen_on && look.instruments.output_on == Some(false) && wanted_on {
            return Some("the instrument switched its output off by itself (lease, trip or hand)".into());
        }
        self.seen_on = look.instruments.output_on == Some(true);
        None
    }

    /// The output was switched off on purpose.
    pub(crate) fn switched_off(&mut self) {
        self.seen_on = false;
    }
}

/// Walks a setpoint towards `target` at the declared rate, from where it is or else from what is held, inside the limits. `None` without a target
/// or a place to start from.
pub(crate) fn walk(facts: &Facts, setpoint: Option<f64>, held: Option<f64>, target: Option<f64>, at_once: bool) -> Option<f64> {
    let (target, from) = (target?, setpoint.or(held)?);
    let reach = facts.rate_k_min / 60.0 * facts.dt_s;
    let next = if at_once { target } else { from + (target - from).clamp(-reach, reach) };
    facts.limits.clamp(next).ok().map(|l| l.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commission::{Order, Station};
    use crate::setup::Source;
    use signal::{Origin, Reading};

    #[test]
    fn an_interlock_that_never_saw_its_channel_ends_a_procedure() {
        let (_, text) = rig::builtin().iter().find(|(name, _)| *name == "twin").expect("shipped");
        let rig = Source { file: "twin.toml".into(), from: "built in".into(), text: (*text).to_owned() };
        let order = Order { rig, accelerator: None, workload: None, dt_s: 1.0, speed: None, seed: 1, quick: true };
        let facts = Station::build(order).expect("the twin").facts;
        let end = |read: &[Channel]| {
            let (mut look, mut keeper) = (Look::default(), Keeper::default());
            look.instruments.ready = true;
            for channel in read {
                look.readings.set(*channel, Reading::good(20.0, 0.0, Origin::Simulated));
            }
            (0..2 * facts.unread_ticks).find_map(|tick| keeper.gone(tick, &look, &facts))
        };
        assert_eq!(end(&[Channel::Plate, Channel::Sink]), None);
        for (read, blind) in [(Channel::Plate, "Sink"), (Channel::Sink, "Plate")] {
            assert!(end(&[read]).is_some_and(|why| why.starts_with(blind) && why.contains("has not been read")), "{blind}");
        }
    }
}
