//! Energy of the device under test counted both ways: the device's own counter, and power readings summed up. The two are compared, never mixed.

use signal::{Channel, Snapshot};

/// Both accounts since the run began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ledger {
    /// Power integrated, J.
    pub integral_j: Option<f64>,
    /// Advance of the counter, J.
    counted_j: Option<f64>,
    /// The last counter value, J, and the integral at that moment.
    last: Option<(f64, f64)>,
    /// Integral over the time in which the counter could be followed, J.
    beside_j: f64,
}

impl Ledger {
    /// Takes the readings at the end of `dt_s`.
    pub fn update(&mut self, readings: &Snapshot, dt_s: f64) {
        if let Some(power) = readings.usable(Channel::BoardPower) {
            let energy = if self.integral_j.is_none() { 0.0 } else { power * dt_s };
            *self.integral_j.get_or_insert(0.0) += energy;
        }
        let Some((now, integral)) = readings.usable(Channel::BoardEnergy).zip(self.integral_j) else { return };
        match self.last {
            // A counter that fell has started anew: what it missed is in neither account of the gap.
            Some((before, at)) if now >= before => {
                *self.counted_j.get_or_insert(0.0) += now - before;
                self.beside_j += integral - at;
            }
            _ => {}
        }
        self.last = Some((now, integral));
    }

    /// Counter less integral over the time in which both were there, J.
    pub fn gap_j(&self) -> Option<f64> {
        self.counted_j.map(|counted| counted - self.beside_j)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::{Origin, Reading};

    fn look(power: Option<f64>, energy: Option<f64>) -> Snapshot {
        let mut readings = Snapshot::default();
        for (channel, value) in [(Channel::BoardPower, power), (Channel::BoardEnergy, energy)] {
            if let Some(value) = value {
                readings.set(channel, Reading::good(value, 0.0, Origin::Measured));
            }
        }
        readings
    }

    #[test]
    fn the_gap_is_what_the_two_ways_differ_by() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.gap_j(), None, "no counter, no gap");
        for (power, energy) in [(100.0, 5000.0), (100.0, 5103.0), (100.0, 5206.0)] {
            ledger.update(&look(Some(power), Some(energy)), 1.0);
        }
        assert_eq!((ledger.integral_j, ledger.gap_j()), (Some(200.0), Some(6.0)));
    }

    #[test]
    fn a_reset_or_a_hole_opens_no_gap() {
        let mut ledger = Ledger::default();
        for (power, energy) in
            [(Some(100.0), Some(5000.0)), (Some(100.0), Some(3.0)), (Some(100.0), None), (None, None), (Some(100.0), Some(203.0))]
        {
            ledger.update(&look(power, energy), 1.0);
        }
        // The second without any power reading is in the counter alone: here it counted nothing.
        assert_eq!(ledger.gap_j(), Some(0.0));
    }
}
