//! Keeping what is cold dry: a floor above the room's dew point for the setpoint, and a trip for what is measured below it.

use signal::{Celsius, Channel, Snapshot};

/// Relative humidity of a room in which nobody has read it, %: taken as saturated, so that nothing is cooled below the room.
const UNKNOWN_PCT: f64 = 100.0;
/// A room whose temperature was never read, °C: warm (assumed), so that little is allowed.
const UNKNOWN_ROOM_DEGC: f64 = 30.0;
/// Part of the margin that a measured temperature may lose before it counts as too cold: a regulator swings about its setpoint.
const TRIP_FRAC: f64 = 0.5;

/// Dew point of air at `room` and `humidity_pct` by the Magnus formula, coefficients of Alduchov and Eskridge, J. Appl. Meteorol. 35 (1996): within 0.4 % of the
/// vapour pressure from -40 to 50 °C. `None` for what is no humidity.
pub fn dew_point(room: Celsius, humidity_pct: f64) -> Option<Celsius> {
    const A: f64 = 17.625;
    const B_DEGC: f64 = 243.04;
    let sound = humidity_pct > 0.0 && humidity_pct <= 100.0 && (-40.0..=60.0).contains(&room.0);
    let gamma = (humidity_pct / 100.0).ln() + A * room.0 / (B_DEGC + room.0);
    sound.then(|| Celsius(B_DEGC * gamma / (A - gamma)))
}

/// What keeps the bench dry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DewLaw {
    /// Above the dew point, K.
    pub margin_k: f64,
    /// Readings of room and humidity count for this many ticks.
    pub stale_ticks: u32,
    /// Colder than allowed for this many ticks ends the run.
    pub trip_ticks: u32,
}

/// What is known of the room.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DewWatch {
    /// Room, °C, and ticks since.
    room: Option<(f64, u32)>,
    /// Humidity, %, and ticks since.
    humidity: Option<(f64, u32)>,
    cold_ticks: u32,
    /// The humidity is not known now.
    pub(crate) unknown: bool,
}

impl DewWatch {
    /// Takes the readings; returns the lowest temperature that is dry, with the margin.
    pub(crate) fn floor(&mut self, law: &DewLaw, readings: &Snapshot, ticks: u32) -> Celsius {
        for (kept, channel) in [(&mut self.room, Channel::Ambient), (&mut self.humidity, Channel::Humidity)] {
            match readings.usable(channel) {
                Some(value) => *kept = Some((value, 0)),
                None => {
                    if let Some((_, age)) = kept {
                        *age = age.saturating_add(ticks);
                    }
                }
            }
        }
        let fresh = |kept: Option<(f64, u32)>| kept.filter(|(_, age)| *age <= law.stale_ticks).map(|(value, _)| value);
        // An old room temperature is better than none; an old humidity is none.
        let room = Celsius(self.room.map_or(UNKNOWN_ROOM_DEGC, |(value, _)| value));
        let known = fresh(self.humidity).zip(fresh(self.room)).and_then(|(pct, room)| dew_point(Celsius(room), pct));
        self.unknown = known.is_none();
        match known {
            Some(dew) => Celsius(dew.0 + law.margin_k),
            None => dew_point(room, UNKNOWN_PCT).unwrap_or(room),
        }
    }

    /// Why something measured is too cold to stay dry, once it has been for long enough.
    pub(crate) fn check(&mut self, law: &DewLaw, floor: Celsius, readings: &Snapshot, ticks: u32) -> Option<String> {
        let allowed = floor.0 - if self.unknown { 0.0 } else { law.margin_k * TRIP_FRAC };
        let coldest = [(Channel::Plate, "the plate"), (Channel::CoolantSupply, "the coolant's supply")]
            .into_iter()
            .filter_map(|(channel, name)| Some((readings.usable(channel)?, name)))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        match coldest.filter(|(degc, _)| *degc < allowed) {
            None => {
                self.cold_ticks = 0;
                None
            }
            Some((degc, name)) => {
                self.cold_ticks = self.cold_ticks.saturating_add(ticks);
                let why = if self.unknown {
                    "the room's humidity is not known, and below the room it may be wet"
                } else {
                    "that is near the room's dew point"
                };
                (self.cold_ticks > law.trip_ticks).then(|| {
                    format!(
                        "{name} reads {degc:.2} °C, below {allowed:.2} °C: {why}; dry it, look at the humidity sensor, choose a warmer profile or dry the \
                         air ([interlock] dew_margin_k)"
                    )
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::{Origin, Reading};

    const LAW: DewLaw = DewLaw { margin_k: 3.0, stale_ticks: 10, trip_ticks: 5 };

    fn look(values: &[(Channel, f64)]) -> Snapshot {
        let mut readings = Snapshot::default();
        for (channel, value) in values {
            readings.set(*channel, Reading::good(*value, 0.0, Origin::Measured));
        }
        readings
    }

    /// By psychrometric tables (ASHRAE Handbook Fundamentals, at sea level), to 0.1 K.
    #[test]
    fn dew_points_of_common_rooms() {
        for (room, pct, dew) in [(20.0, 50.0, 9.3), (23.0, 45.0, 10.4), (25.0, 60.0, 16.7), (30.0, 80.0, 26.2), (22.0, 100.0, 22.0)] {
            let found = dew_point(Celsius(room), pct).expect("a room");
            assert!((found.0 - dew).abs() < 0.1, "{room} °C, {pct} %: {found:?}");
        }
        for pct in [0.0, -3.0, 101.0, f64::NAN] {
            assert_eq!(dew_point(Celsius(20.0), pct), None, "{pct}");
        }
    }

    #[test]
    fn a_humidity_that_is_old_or_missing_allows_nothing_below_the_room() {
        let mut watch = DewWatch::default();
        assert!((watch.floor(&LAW, &look(&[]), 1).0 - UNKNOWN_ROOM_DEGC).abs() < 1e-9);
        let known = look(&[(Channel::Ambient, 23.0), (Channel::Humidity, 45.0)]);
        assert!((watch.floor(&LAW, &known, 1).0 - 13.4).abs() < 0.1 && !watch.unknown);
        for _ in 0..10 {
            assert!(watch.floor(&LAW, &look(&[]), 1).0 < 14.0, "still believed");
        }
        assert!((watch.floor(&LAW, &look(&[]), 1).0 - 23.0).abs() < 1e-9 && watch.unknown);
        assert!(
            (watch.floor(&LAW, &look(&[(Channel::Ambient, 23.0), (Channel::Humidity, 0.0)]), 1).0 - 23.0).abs() < 1e-9,
            "a dead sensor"
        );
    }

    #[test]
    fn what_is_measured_too_cold_for_a_while_is_told() {
        let mut watch = DewWatch::default();
        let at = |plate: f64| look(&[(Channel::Ambient, 23.0), (Channel::Humidity, 45.0), (Channel::Plate, plate)]);
        let mut told = |plate: f64| {
            let floor = watch.floor(&LAW, &at(plate), 1);
            watch.check(&LAW, floor, &at(plate), 1)
        };
        assert!((0..20).all(|_| told(12.5).is_none()), "half the margin is for the regulator");
        assert!((0..5).all(|_| told(11.0).is_none()) && told(11.0).is_some_and(|why| why.contains("dew point")));
        assert_eq!(told(14.0), None);
        assert_eq!(told(11.0), None, "it counts from the start again");
    }
}
