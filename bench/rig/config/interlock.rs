//! `[interlock]`: what a rig's own interlocks go by, beyond the trips of its channels. Every key has a default; the table may be absent. Operators
//! read of them in `rigs/README.md`, which a test holds to this.

use super::{Instrument, RigFile, Risk, Role};
use signal::Section;

/// `[interlock]` of a rig file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InterlockRule {
    /// Setpoint, plate and coolant stay this far above the room's dew point, K, where room and humidity are read.
    pub dew_margin_k: f64,
    /// Readings of room and humidity count for this long, bench seconds.
    pub dew_stale_s: f64,
    /// A run begins with a small step that must go the right way.
    pub polarity: bool,
    /// Fastest believable change of a temperature of the bench, K/s.
    pub rate_max_k_s: f64,
    /// At or below this a temperature sensor is open or shorted, °C.
    pub rail_min_degc: f64,
    /// At or above this likewise, °C.
    pub rail_max_degc: f64,
    /// The drive may be at its limit for this long, bench seconds: then it is told, or ends the run where this was declared.
    pub saturation_s: f64,
    /// `saturation_s` was declared.
    pub saturation_trips: bool,
    /// Over this long the drive must move what it drives, and must not rise while that gets warmer, bench seconds.
    pub response_s: f64,
    /// A pump, a fan or a flow may be below its trip for this long, bench seconds.
    pub stopped_s: f64,
    /// And may take this long to start, bench seconds.
    pub start_s: f64,
}

impl InterlockRule {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let rule = Self {
            // Two to three kelvin are common practice for cold plates in rooms.
            dew_margin_k: section.number_or("dew_margin_k", 0.5..=20.0, 2.5),
            dew_stale_s: section.number_or("dew_stale_s", 1.0..=3600.0, 120.0),
            polarity: section.flag_or("polarity", true),
            // 700 W heat a plate and its water of 350 J/K by 2 K/s once the flow stops.
            rate_max_k_s: section.number_or("rate_max_k_s", 0.05..=100.0, 5.0),
            rail_min_degc: section.number_or("rail_min_degc", -300.0..=0.0, -55.0),
            rail_max_degc: section.number_or("rail_max_degc", 80.0..=1000.0, 150.0),
            saturation_trips: section.has("saturation_s"),
            saturation_s: section.number_or("saturation_s", 1.0..=86_400.0, 600.0),
            response_s: section.number_or("response_s", 10.0..=3600.0, 90.0),
            stopped_s: section.number_or("stopped_s", 0.0..=600.0, 1.0),
            start_s: section.number_or("start_s", 0.0..=600.0, 30.0),
        };
        if rule.stopped_s > rule.start_s {
            section.problem(
                "start_s",
                format_args!("{} s to start is less than stopped_s = {}: it could never start", rule.start_s, rule.stopped_s),
            );
        }
        rule
    }
}

impl Role {
    /// It has to be started before it can be read as running.
    pub const fn spins(self) -> bool {
        matches!(self, Self::Fan | Self::Pump | Self::Flow)
    }
}

impl RigFile {
    /// Room and humidity are read: the dew point is known.
    pub fn knows_dew_point(&self) -> bool {
        let read = |role| self.channel(role).is_some_and(|c| !c.reads.is_empty());
        read(Role::Ambient) && read(Role::Humidity)
    }

    /// What nothing guards: for `rig check`, and refused unattended without a waiver.
    pub fn unguarded(&self) -> Vec<Risk> {
        let mut told = Vec::new();
        let lowest = self.servo().and_then(|i| i.setpoint).map(|s| s.limits.min());
        if let Some(lowest) = lowest.filter(|lowest| *lowest < ROOM_DEGC && !self.knows_dew_point() && !self.wholly_emulated()) {
            let words = format!(
                "setpoints go down to {lowest} °C and nothing reads the room's humidity: nothing but that limit keeps the plate above the dew point; add \
                 [channel.ambient] and [channel.humidity], or raise it"
            );
            told.push(Risk { key: "dew".into(), words });
        }
        let unread = |role: Role| self.channel(role).is_some_and(|c| c.trip_min.is_none());
        for role in [Role::Fan, Role::Pump, Role::Flow].into_iter().filter(|role| unread(*role) && !self.wholly_emulated()) {
            let words = format!(
                "[channel.{}] has no trip_min_{}: that it stands still is not noticed before something gets hot",
                role.word(),
                role.unit()
            );
            told.push(Risk { key: format!("trip.{}", role.word()), words });
        }
        told
    }

    /// Where a servoed output's current is not read, what that leaves unwatched.
    pub fn blind_drive(&self) -> Option<&Instrument> {
        self.servo().filter(|i| i.current_limit_a().is_none())
    }
}

/// A room as warm as labs are, °C: below it dew is possible at all (assumed; at 80 % the dew point of 25 °C is 21 °C).
const ROOM_DEGC: f64 = 21.0;
