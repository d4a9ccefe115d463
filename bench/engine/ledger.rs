//! Energy of the device under test counted every way there is: by its own counter, by power readings summed up, and by external meters. They
//! are compared, never mixed.

use signal::{Channel, Snapshot};

/// One instrument's account since the run began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Account {
    /// Power integrated, J.
    integral_j: Option<f64>,
    /// Advance of the counter, J.
    counted_j: Option<f64>,
    /// The last counter value, J, and the integral at that moment.
    last: Option<(f64, f64)>,
    /// Integral over the time in which the counter could be followed, J.
    beside_j: f64,
}

impl Account {
    fn update(&mut self, power: Option<f64>, counter: Option<f64>, dt_s: f64) {
        if let Some(power) = power {
            let energy = if self.integral_j.is_none() { 0.0 } else { power * dt_s };
            *self.integral_j.get_or_insert(0.0) += energy;
        }
        let Some(now) = counter else { return };
        let integral = self.integral_j.unwrap_or(0.0);
        match self.last {
            // A counter that fell has started anew: what it missed is in neither account of the gap.
            Some((before, at)) if now >= before => {
                *self.counted_j.get_or_insert(0.0) += now - before;
                self.beside_j += integral - at;
            }
            Some(_) => {}
            None => self.counted_j = Some(0.0),
        }
        self.last = Some((now, integral));
    }

    /// Counter less integral over the time in which both were there, J.
    fn gap_j(&self) -> Option<f64> {
        self.integral_j.and(self.counted_j).map(|counted| counted - self.beside_j)
    }

    /// By the counter, or else by the integral, J.
    fn best_j(&self) -> Option<f64> {
        self.counted_j.or(self.integral_j)
    }
}

/// All accounts since the run began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ledger {
    own: Account,
    cable: Account,
    slot: Account,
    /// Meters less the accelerator, J, and both at the last tick that had both.
    beyond: Option<(f64, Option<(f64, f64)>)>,
    /// The slot is metered apart.
    split: bool,
}

impl Ledger {
    /// For a rig whose meters are apart for slot and cable, or not.
    pub fn new(split: bool) -> Self {
        Self { split, ..Self::default() }
    }

    /// Takes the readings at the end of `dt_s`.
    pub fn update(&mut self, readings: &Snapshot, dt_s: f64) {
        let read = |channel| readings.usable(channel);
        self.own.update(read(Channel::BoardPower), read(Channel::BoardEnergy), dt_s);
        self.cable.update(read(Channel::MeterPower), read(Channel::MeterEnergy), dt_s);
        self.slot.update(read(Channel::SlotPower), read(Channel::SlotEnergy), dt_s);
        let there = |power, energy| read(power).or(read(energy)).is_some();
        let metered = there(Channel::MeterPower, Channel::MeterEnergy) && (!self.split || there(Channel::SlotPower, Channel::SlotEnergy));
        let both = self.metered_j().zip(self.own.best_j()).filter(|_| metered && there(Channel::BoardPower, Channel::BoardEnergy));
        let (gap, last) = self.beyond.unwrap_or_default();
        // Counters count on while nobody reads them; what is summed up by readings lacks what was not read, and begins anew.
        let counted = [&self.own, &self.cable].into_iter().chain(self.split.then_some(&self.slot)).all(|a| a.counted_j.is_some());
        let more = both.zip(last).map_or(0.0, |((meter, own), (was_meter, was_own))| (meter - was_meter) - (own - was_own));
        if both.is_some() || self.beyond.is_some() {
            self.beyond = Some((gap + more, both.or(last.filter(|_| counted))));
        }
    }

    /// Power readings of the device integrated, J.
    pub fn integral_j(&self) -> Option<f64> {
        self.own.integral_j
    }

    /// The device's counter less that integral over the time in which both were there, J.
    pub fn gap_j(&self) -> Option<f64> {
        self.own.gap_j()
    }

    /// By external meters, slot and cable together, J.
    pub fn metered_j(&self) -> Option<f64> {
        let cable = self.cable.best_j()?;
        if self.split { self.slot.best_j().map(|slot| cable + slot) } else { Some(cable) }
    }

    /// External meters less the device, over the time in which both were there, J.
    pub fn beyond_j(&self) -> Option<f64> {
        self.beyond.map(|(gap, _)| gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::{Origin, Reading};

    fn look(values: &[(Channel, Option<f64>)]) -> Snapshot {
        let mut readings = Snapshot::default();
        for (channel, value) in values {
            if let Some(value) = value {
                readings.set(*channel, Reading::good(*value, 0.0, Origin::Measured));
            }
        }
        readings
    }

    fn own(power: Option<f64>, energy: Option<f64>) -> Snapshot {
        look(&[(Channel::BoardPower, power), (Channel::BoardEnergy, energy)])
    }

    #[test]
    fn the_gap_is_what_the_two_ways_differ_by() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.gap_j(), None, "no counter, no gap");
        for (power, energy) in [(100.0, 5000.0), (100.0, 5103.0), (100.0, 5206.0)] {
            ledger.update(&own(Some(power), Some(energy)), 1.0);
        }
        assert_eq!((ledger.integral_j(), ledger.gap_j()), (Some(200.0), Some(6.0)));
        assert_eq!((ledger.metered_j(), ledger.beyond_j()), (None, None), "nobody metered");
    }

    #[test]
    fn a_reset_or_a_hole_opens_no_gap() {
        let mut ledger = Ledger::default();
        for (power, energy) in
            [(Some(100.0), Some(5000.0)), (Some(100.0), Some(3.0)), (Some(100.0), None), (None, None), (Some(100.0), Some(203.0))]
        {
            ledger.update(&own(power, energy), 1.0);
        }
        // The second without any power reading is in the counter alone: here it counted nothing.
        assert_eq!(ledger.gap_j(), Some(0.0));
    }

    #[test]
    fn slot_and_cable_are_one_board_and_half_a_board_is_none() {
        let mut ledger = Ledger::new(true);
        for tick in 0..11 {
            let t = f64::from(tick);
            let slot = (tick != 5).then_some(21.0 * t);
            ledger.update(
                &look(&[
                    (Channel::MeterEnergy, Some(1e6 + 49.0 * t)),
                    (Channel::SlotEnergy, slot),
                    (Channel::BoardEnergy, Some(7.0 + 68.0 * t)),
                ]),
                1.0,
            );
        }
        assert_eq!(ledger.metered_j(), Some(700.0));
        assert_eq!(ledger.beyond_j(), Some(20.0), "counters bridge the tick in which one was not read");
        let mut by_power = Ledger::default();
        for tick in 0..11 {
            let meter = (tick != 5).then_some(70.0);
            by_power.update(&look(&[(Channel::MeterPower, meter), (Channel::BoardPower, Some(68.0))]), 1.0);
        }
        // Two of ten ticks had no two readings to compare.
        assert_eq!(by_power.beyond_j(), Some(16.0));
        let mut lone = Ledger::new(true);
        lone.update(&look(&[(Channel::MeterEnergy, Some(1e6)), (Channel::MeterPower, Some(49.0))]), 1.0);
        assert_eq!(lone.metered_j(), None, "the slot was never read");
    }
}
