//! Readings that no sensor in its place could give: at a rail (open or shorted), or changing faster than the bench can. They are marked suspect, and a
//! channel that is only suspect goes unread, with all that follows from that. Trips look at what was read before this.

use signal::{Channel, Quality, Snapshot};
use std::collections::BTreeMap;

/// Temperatures of the bench itself; a die is faster than any rule, and has its own.
const SLOW: [Channel; 5] = [Channel::Plate, Channel::Sink, Channel::CoolantSupply, Channel::CoolantReturn, Channel::Radiator];
/// Change beyond the rate that noise and rounding may make, K.
const SLACK_K: f64 = 1.0;

/// What a temperature may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlausibleLaw {
    /// At or below this a sensor is open or shorted, °C.
    pub rail_min_degc: f64,
    /// At or above this likewise, °C.
    pub rail_max_degc: f64,
    /// Fastest change, K per bench second.
    pub rate_k_s: f64,
}

/// What was plausible last, °C, and the ticks since, by channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlausibleWatch(BTreeMap<Channel, (f64, u32)>);

/// A reading that is not believed, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    /// Whose.
    pub channel: Channel,
    /// In words.
    pub why: String,
}

impl PlausibleWatch {
    /// Marks what cannot be in `readings`, `ticks` of `dt_s` after the last call, and says why.
    pub(crate) fn mark(&mut self, law: &PlausibleLaw, readings: &mut Snapshot, ticks: u32, dt_s: f64) -> Vec<Suspect> {
        let mut told = Vec::new();
        for channel in SLOW {
            let last = self.0.get_mut(&channel);
            let Some(value) = readings.usable(channel) else {
                if let Some((_, age)) = last {
                    *age = age.saturating_add(ticks);
                }
                continue;
            };
            let span_s = last.as_ref().map_or(0.0, |(_, age)| f64::from(age.saturating_add(ticks)) * dt_s);
            let jump_k = last.as_ref().map_or(0.0, |(before, _)| value - *before);
            let why = if value <= law.rail_min_degc || value >= law.rail_max_degc {
                format!("reads {value:.1} °C, at its rail: the sensor is open or shorted; look at its plug")
            } else if jump_k.abs() > law.rate_k_s * span_s + SLACK_K {
                format!(
                    "changed by {jump_k:+.1} K in {span_s:.1} s, faster than {} K/s: a loose plug or another's interference",
                    law.rate_k_s
                )
            } else {
                self.0.insert(channel, (value, 0));
                continue;
            };
            if let Some((_, age)) = last {
                *age = age.saturating_add(ticks);
            }
            let mut reading = *readings.get(channel);
            reading.quality = Quality::Suspect;
            readings.set(channel, reading);
            told.push(Suspect { channel, why });
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use signal::{Origin, Reading};

    const LAW: PlausibleLaw = PlausibleLaw { rail_min_degc: -50.0, rail_max_degc: 130.0, rate_k_s: 5.0 };

    fn look(degc: f64) -> Snapshot {
        let mut readings = Snapshot::default();
        readings.set(Channel::Plate, Reading::good(degc, 0.0, Origin::Measured));
        readings
    }

    #[test]
    fn rails_and_jumps_are_suspect_and_a_sensor_that_comes_back_is_not() {
        let mut watch = PlausibleWatch::default();
        let mut told = |degc: f64| {
            let mut readings = look(degc);
            let why = watch.mark(&LAW, &mut readings, 1, 1.0).pop().map(|s| s.why);
            assert_eq!(readings.usable(Channel::Plate).is_some(), why.is_none());
            why
        };
        assert!(told(-50.0).is_some_and(|why| why.contains("open or shorted")), "also the first");
        assert_eq!((told(25.0), told(30.0)), (None, None));
        assert!(told(40.0).is_some_and(|why| why.contains("+10.0 K in 1.0 s")));
        assert!(told(850.0).is_some());
        assert_eq!(told(31.0), None, "back");
        assert!(told(20.0).is_some());
        assert_eq!((told(21.0).is_some(), told(20.0)), (false, None), "what lasts is believed once it could have come about");
    }

    proptest! {
        /// Nothing that a bench can do is suspect.
        #[test]
        fn honest_temperatures_pass(start in -20.0..90.0_f64, rates in proptest::collection::vec(-4.9..4.9_f64, 1..60), noise in proptest::collection::vec(-0.4..0.4_f64, 60)) {
            let (mut watch, mut degc) = (PlausibleWatch::default(), start);
            for (rate, noise) in rates.iter().zip(&noise) {
                degc = (degc + rate).clamp(-49.0, 129.0);
                let read = (degc + noise).clamp(-49.9, 129.9);
                prop_assert_eq!(watch.mark(&LAW, &mut look(read), 1, 1.0), vec![]);
            }
        }
    }
}
