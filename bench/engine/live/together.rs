//! What several accelerators say, as one: powers, counters and amounts add up, the hottest temperature and the least margin speak for all. A figure of all is
//! missing where one of them does not give it: less heat than there is, or a die that is not the hottest, would be worse than none. What matters of each is kept
//! beside it in channels of its own.
//!
//! Not here: threads and devices.

use signal::{Channel, Origin, Reading};

/// How a figure of all is made of the figures of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Sum,
    Most,
    Least,
    Mean,
    /// Bits of any.
    Any,
}

/// `None` for what no accelerator gives.
fn how(channel: Channel) -> Option<How> {
    use Channel as C;
    Some(match channel {
        C::BoardPower
        | C::InstantPower
        | C::AveragePower
        | C::PowerLimit
        | C::MemoryUsed
        | C::PcieSent
        | C::PcieReceived
        | C::PcieReplays
        | C::EccCorrected
        | C::EccUncorrected
        | C::EccCorrectedLife
        | C::EccUncorrectedLife
        | C::RetiredPages
        | C::RemappedRows
        | C::Processes => How::Sum,
        C::Die
        | C::Memory
        | C::PerformanceState
        | C::PowerViolation
        | C::ThermalViolation
        | C::BoardViolation
        | C::ReliabilityViolation
        | C::SyncBoostViolation
        | C::LowUseViolation
        | C::AppClocksViolation
        | C::BaseClocksViolation
        | C::Fan
        | C::RepairPending
        | C::RemapFailed => How::Most,
        C::DieMargin | C::MemoryMargin | C::PcieGeneration | C::PcieLanes => How::Least,
        C::CoreClock | C::MemoryClock | C::GraphicsClock | C::VideoClock | C::Utilisation | C::MemoryBusy => How::Mean,
        C::ThrottleReasons => How::Any,
        _ => return None,
    })
}

/// Adds up counters that each may start anew.
#[derive(Clone, Debug, Default)]
pub(super) struct Together {
    /// The counters as they were last read, with their epochs.
    last: Vec<Option<(f64, Option<f64>)>>,
    /// How often the sum began anew.
    epoch: u32,
    /// What the sum of the counters was when one of them last started anew: the sum begins again there, as a single counter would.
    base: f64,
}

impl Together {
    /// The readings of all, and of each. `each` is in the order of the devices; one that says nothing is empty. A single device is itself.
    pub(super) fn merge(&mut self, mut each: Vec<Vec<(Channel, Reading)>>) -> Vec<(Channel, Reading)> {
        if each.len() == 1 {
            return each.remove(0);
        }
        let get = |k: usize, channel: Channel| each[k].iter().find(|(c, _)| *c == channel).map(|(_, r)| *r);
        let all = |channel| (0..each.len()).map(|k| get(k, channel)).collect::<Option<Vec<Reading>>>();
        let mut merged: Vec<(Channel, Reading)> = Vec::new();
        for &channel in Channel::ALL {
            if let Some((how, readings)) = how(channel).zip(all(channel))
                && let Some(reading) = one_of(how, &readings)
            {
                merged.push((channel, reading));
            }
            let apart = (0..each.len()).filter_map(|k| Some((channel.of_board(k + 1)?, get(k, channel)?)));
            merged.extend(apart);
        }
        // An error of one of them is there whatever the others say: the last in the order of the devices.
        if let Some(xid) = (0..each.len()).rev().find_map(|k| get(k, Channel::Xid)) {
            merged.push((Channel::Xid, xid));
        }
        let counters: Vec<Option<(Reading, Option<f64>)>> =
            (0..each.len()).map(|k| Some((get(k, Channel::BoardEnergy)?, get(k, Channel::EnergyEpoch).and_then(|r| r.value)))).collect();
        if let Some(energy) = self.energy(&counters) {
            merged.push((Channel::BoardEnergy, energy));
            merged.push((Channel::EnergyEpoch, Reading { value: Some(f64::from(self.epoch)), ..energy }));
        }
        merged
    }

    /// The sum of the counters since one of them last started anew, at the mean of the times at which they ticked.
    fn energy(&mut self, counters: &[Option<(Reading, Option<f64>)>]) -> Option<Reading> {
        self.last.resize(counters.len(), None);
        let mut anew = false;
        for (last, now) in self.last.iter_mut().zip(counters) {
            if let Some((now, epoch)) = now.and_then(|(r, epoch)| Some((r.value?, epoch))) {
                anew |= last.is_some_and(|(before, of)| now < before || epoch != of);
                *last = Some((now, epoch));
            }
        }
        let sum: Option<f64> = self.last.iter().map(|l| l.map(|(j, _)| j)).sum();
        if anew {
            self.base = sum.unwrap_or(0.0);
            self.epoch += 1;
        }
        let readings: Vec<Reading> = counters.iter().map(|c| c.map(|(r, _)| r)).collect::<Option<_>>()?;
        let at_s = readings.iter().map(|r| r.at_s).sum::<f64>() / readings.len() as f64;
        Some(Reading::good(sum? - self.base, at_s, Origin::Measured))
    }
}

fn one_of(how: How, readings: &[Reading]) -> Option<Reading> {
    let values: Vec<f64> = readings.iter().map(|r| r.value).collect::<Option<_>>()?;
    let value = match how {
        How::Sum => values.iter().sum(),
        How::Mean => values.iter().sum::<f64>() / values.len() as f64,
        How::Most => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        How::Least => values.iter().copied().fold(f64::INFINITY, f64::min),
        // Up to 53 bits are whole in a float, and NVML has nine.
        How::Any => values.iter().fold(0, |bits, v| bits | *v as u64) as f64,
    };
    // As old as the oldest of them.
    let at_s = readings.iter().map(|r| r.at_s).fold(f64::INFINITY, f64::min);
    Some(Reading::good(value, at_s, Origin::Measured))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn good(value: f64) -> Reading {
        Reading::good(value, 1.0, Origin::Measured)
    }

    fn device(power: f64, energy: f64, die: f64) -> Vec<(Channel, Reading)> {
        vec![
            (Channel::BoardPower, good(power)),
            (Channel::BoardEnergy, good(energy)),
            (Channel::Die, good(die)),
            (Channel::DieMargin, good(90.0 - die)),
            (Channel::ThrottleReasons, good(if die > 80.0 { 32.0 } else { 4.0 })),
            (Channel::CoreClock, good(power)),
        ]
    }

    fn value(readings: &[(Channel, Reading)], channel: Channel) -> Option<f64> {
        let mut found = readings.iter().filter(|(c, _)| *c == channel);
        let value = found.next().and_then(|(_, r)| r.value);
        assert!(found.next().is_none(), "{channel:?} is there twice");
        value
    }

    #[test]
    fn powers_add_up_and_the_hottest_speaks_for_all() {
        let merged = Together::default().merge(vec![device(300.0, 1000.0, 60.0), device(500.0, 7000.0, 85.0), device(100.0, 50.0, 40.0)]);
        for (channel, expected) in [
            (Channel::BoardPower, 900.0),
            (Channel::BoardEnergy, 8050.0),
            (Channel::Die, 85.0),
            (Channel::DieMargin, 5.0),
            (Channel::ThrottleReasons, 36.0),
            (Channel::CoreClock, 300.0),
            (Channel::Board1Power, 300.0),
            (Channel::Board2Die, 85.0),
            (Channel::Board3Energy, 50.0),
            (Channel::Board3Throttle, 4.0),
        ] {
            assert_eq!(value(&merged, channel), Some(expected), "{channel:?}");
        }
        assert_eq!(value(&merged, Channel::Memory), None, "nobody gives it");
        assert_eq!(value(&merged, Channel::Board2Memory), None);
    }

    #[test]
    fn without_one_of_them_there_is_no_figure_of_all() {
        let mut together = Together::default();
        together.merge(vec![device(300.0, 1000.0, 60.0), device(500.0, 7000.0, 85.0)]);
        let merged = together.merge(vec![device(300.0, 1300.0, 60.0), Vec::new()]);
        for channel in [Channel::BoardPower, Channel::BoardEnergy, Channel::Die, Channel::DieMargin, Channel::ThrottleReasons] {
            assert_eq!(value(&merged, channel), None, "{channel:?}");
        }
        assert_eq!((value(&merged, Channel::Board1Power), value(&merged, Channel::Board2Power)), (Some(300.0), None));
        // It comes back, and its counter has gone on: what was used meanwhile is in the difference.
        let merged = together.merge(vec![device(300.0, 1600.0, 60.0), device(500.0, 8000.0, 85.0)]);
        assert_eq!(value(&merged, Channel::BoardEnergy), Some(9600.0));
    }

    #[test]
    fn one_counter_that_starts_anew_makes_the_sum_start_anew() {
        let mut together = Together::default();
        together.merge(vec![device(1.0, 5.0, 60.0), device(1.0, 7000.0, 60.0)]);
        // The second rose by more than the first lost: a plain sum would pass as 295 J of work.
        let merged = together.merge(vec![device(1.0, 0.0, 60.0), device(1.0, 7300.0, 60.0)]);
        assert_eq!(value(&merged, Channel::BoardEnergy), Some(0.0), "less than before, so that no difference is made");
        let merged = together.merge(vec![device(1.0, 40.0, 60.0), device(1.0, 7310.0, 60.0)]);
        assert_eq!(value(&merged, Channel::BoardEnergy), Some(50.0));
    }

    /// A counter that began anew and is past its old value again by the next tick: only its epoch tells.
    #[test]
    fn a_new_epoch_of_one_is_a_new_epoch_of_the_sum() {
        let mut together = Together::default();
        let of = |epoch: f64, energy| {
            let mut one = device(1.0, energy, 60.0);
            one.push((Channel::EnergyEpoch, good(epoch)));
            vec![one, device(1.0, 7000.0, 60.0)]
        };
        for (epoch, energy, expected) in [(0.0, 5.0, (7005.0, 0.0)), (1.0, 6.0, (0.0, 1.0)), (1.0, 16.0, (10.0, 1.0))] {
            let merged = together.merge(of(epoch, energy));
            assert_eq!((value(&merged, Channel::BoardEnergy), value(&merged, Channel::EnergyEpoch)), (Some(expected.0), Some(expected.1)));
        }
    }

    #[test]
    fn an_error_of_one_is_an_error() {
        let mut broken = device(1.0, 2.0, 3.0);
        broken.push((Channel::Xid, good(79.0)));
        let merged = Together::default().merge(vec![device(1.0, 2.0, 3.0), broken, Vec::new()]);
        assert_eq!(value(&merged, Channel::Xid), Some(79.0));
    }

    #[test]
    fn a_single_device_is_itself() {
        let one = device(1.0, 2.0, 3.0);
        assert_eq!(Together::default().merge(vec![one.clone()]), one);
    }

    proptest! {
        /// Whatever restarts and goes missing, a difference of the sum is never negative and never more than what was used.
        #[test]
        fn no_energy_is_made_up(steps in proptest::collection::vec((0.0..100.0_f64, 0.0..100.0_f64, 0..6_u8), 1..40)) {
            let mut together = Together::default();
            let (mut counters, mut used) = ([50.0, 900.0], 0.0);
            let mut before: Option<f64> = None;
            for (a, b, fate) in steps {
                used += a + b;
                counters = [counters[0] + a, counters[1] + b];
                if fate == 1 {
                    counters[0] = 0.0;
                }
                let each = vec![device(1.0, counters[0], 2.0), if fate == 2 { Vec::new() } else { device(1.0, counters[1], 2.0) }];
                if let Some(now) = value(&together.merge(each), Channel::BoardEnergy) {
                    if let Some(before) = before.filter(|b| now >= *b) {
                        prop_assert!(now - before <= used + 1e-6, "{} of {used}", now - before);
                    }
                    (before, used) = (Some(now), 0.0);
                }
            }
        }
    }
}
