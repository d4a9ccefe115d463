//! Interlocks: a measured value outside its bounds ends the run. A missing value never trips here; missing things have
//! their own patience.

use signal::{Channel, Snapshot};

/// One bound on one measured channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Trip {
    /// Name of the rig's channel, for the message.
    pub name: String,
    /// What is watched.
    pub channel: Channel,
    /// Trips below this.
    pub min: Option<f64>,
    /// Trips above this.
    pub max: Option<f64>,
    /// What must run before it can be read, a pump or a fan: how long it may stay out of bounds, and how long it may take to come into them first, in ticks.
    pub spin: Option<Spin>,
    /// What to do about it.
    pub advice: &'static str,
}

/// Patience with what has to be started first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spin {
    /// Out of bounds for longer than this trips.
    pub hold_ticks: u32,
    /// Until it was in bounds once.
    pub start_ticks: u32,
}

/// What is remembered of a trip with patience: it was in bounds once, and the ticks it has been out of them.
pub type Held = Option<(bool, u32)>;

impl Trip {
    /// What is wrong, if anything is; `held` is what this trip remembers, `ticks` are those since it was last asked.
    pub fn check(&self, readings: &Snapshot, held: &mut Held, ticks: u32) -> Option<String> {
        let wrong = self.wrong(readings);
        let Some(spin) = self.spin else { return wrong };
        let (was_good, out) = held.unwrap_or((false, 0));
        match (wrong, readings.usable(self.channel)) {
            (Some(why), _) => {
                let out = out.saturating_add(ticks);
                *held = Some((was_good, out));
                (out > if was_good { spin.hold_ticks } else { spin.start_ticks }).then_some(why)
            }
            (None, Some(_)) => {
                *held = Some((true, 0));
                None
            }
            (None, None) => None,
        }
    }

    fn wrong(&self, readings: &Snapshot) -> Option<String> {
        let value = readings.usable(self.channel)?;
        let advice = if self.advice.is_empty() { String::new() } else { format!("; {}", self.advice) };
        if let Some(min) = self.min.filter(|min| value < *min) {
            return Some(format!("{} reads {value:.2}, below its trip limit {min}{advice}", self.name));
        }
        let max = self.max.filter(|max| value > *max)?;
        Some(format!("{} reads {value:.2}, above its trip limit {max}{advice}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::{Origin, Reading};

    fn look(flow: f64) -> Snapshot {
        let mut readings = Snapshot::default();
        readings.set(Channel::Flow, Reading::good(flow, 0.0, Origin::Measured));
        readings
    }

    #[test]
    fn a_pump_may_start_and_hiccup_but_not_stop() {
        let spin = Some(Spin { hold_ticks: 3, start_ticks: 10 });
        let trip = Trip { name: "flow".into(), channel: Channel::Flow, min: Some(0.1), max: None, spin, advice: "look at the pump" };
        let mut held = None;
        assert!((0..10).all(|_| trip.check(&look(0.0), &mut held, 1).is_none()), "it may take that long to start");
        assert!(trip.clone().check(&look(0.0), &mut held.clone(), 1).is_some_and(|why| why.contains("look at the pump")));
        assert_eq!(trip.check(&look(0.5), &mut held, 1), None);
        assert!((0..3).all(|_| trip.check(&look(0.0), &mut held, 1).is_none()));
        assert_eq!(trip.check(&Snapshot::default(), &mut held, 1), None, "missing never trips");
        assert!(trip.check(&look(0.0), &mut held, 1).is_some());
        let at_once = Trip { spin: None, ..trip };
        assert!(at_once.check(&look(0.0), &mut None, 1).is_some());
    }
}
