//! The alarms a screen lists: latched until the engine says that someone acknowledged them. Whether an alarm's cause is still
//! there is `control`'s business.

use record::Event;
use signal::Severity;

/// More than this many different alarms are not listed: the rest is in `events.csv`.
const LISTED: usize = 64;

/// One alarm or trip.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// What happened, when it last did.
    pub event: Event,
    /// How often it happened since it was last acknowledged.
    pub times: u32,
    /// Someone has seen it.
    pub acknowledged: bool,
}

/// Every alarm and trip of the run that a screen heard of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alarms {
    list: Vec<Alarm>,
    unlisted: u64,
}

impl Alarms {
    /// Takes in an event; true if it was an alarm or a trip.
    pub(crate) fn raise(&mut self, event: &Event) -> bool {
        if event.severity < Severity::Alarm {
            return false;
        }
        if let Some(alarm) = self.list.iter_mut().find(|a| a.event.kind == event.kind && a.event.message == event.message) {
            alarm.times = if alarm.acknowledged { 1 } else { alarm.times.saturating_add(1) };
            alarm.acknowledged = false;
            alarm.event = event.clone();
            return true;
        }
        if self.list.len() == LISTED {
            // The first one is the likeliest cause of the others: it stays.
            let victim = self.list.iter().position(|a| a.acknowledged).unwrap_or(1);
            self.list.remove(victim);
            self.unlisted += 1;
        }
        self.list.push(Alarm { event: event.clone(), times: 1, acknowledged: false });
        true
    }

    pub(crate) fn acknowledge(&mut self) {
        self.list.iter_mut().for_each(|a| a.acknowledged = true);
    }

    /// How many wait for someone to look.
    pub fn unacknowledged(&self) -> usize {
        self.list.iter().filter(|a| !a.acknowledged).count()
    }

    /// Alarms that found no place in the list.
    pub const fn unlisted(&self) -> u64 {
        self.unlisted
    }

    /// In the order in which to look at them: unacknowledged before acknowledged, worst before lesser, first before later.
    pub fn by_urgency(&self) -> Vec<&Alarm> {
        let mut sorted: Vec<&Alarm> = self.list.iter().collect();
        sorted.sort_by_key(|a| (a.acknowledged, std::cmp::Reverse(a.event.severity)));
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(severity: Severity, message: &str) -> Event {
        Event { utc: None, elapsed_s: None, tick: 0, severity, kind: "link".into(), who: "tec".into(), message: message.into() }
    }

    #[test]
    fn alarms_latch_until_acknowledged_and_come_back() {
        let mut alarms = Alarms::default();
        assert!(!alarms.raise(&event(Severity::Warning, "slow")));
        assert!(alarms.raise(&event(Severity::Alarm, "lost")));
        assert!(alarms.raise(&event(Severity::Alarm, "lost")));
        assert_eq!((alarms.unacknowledged(), alarms.list[0].times), (1, 2));
        alarms.acknowledge();
        assert_eq!((alarms.unacknowledged(), alarms.by_urgency().len()), (0, 1));
        alarms.raise(&event(Severity::Alarm, "lost"));
        assert_eq!((alarms.unacknowledged(), alarms.list[0].times), (1, 1));
    }

    #[test]
    fn trips_come_first_and_what_was_seen_last() {
        let mut alarms = Alarms::default();
        alarms.raise(&event(Severity::Alarm, "old"));
        alarms.acknowledge();
        alarms.raise(&event(Severity::Alarm, "new"));
        alarms.raise(&event(Severity::Trip, "tripped"));
        let order: Vec<&str> = alarms.by_urgency().iter().map(|a| a.event.message.as_str()).collect();
        assert_eq!(order, ["tripped", "new", "old"]);
    }

    #[test]
    fn a_flood_keeps_the_first() {
        let mut alarms = Alarms::default();
        (0..1000).for_each(|n| {
            alarms.raise(&event(Severity::Alarm, &n.to_string()));
        });
        assert_eq!((alarms.list.len(), alarms.unlisted()), (LISTED, 1000 - LISTED as u64));
        assert_eq!(alarms.list[0].event.message, "0");
    }
}
