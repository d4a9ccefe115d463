//! The drive against what it should do: at its limit for too long, flowing without moving anything, or rising while what it cools gets warmer.

use signal::{Channel, Snapshot};
use std::collections::VecDeque;

/// Rows looked back at, at most: a long window is looked at by fewer.
const KEPT: usize = 64;
/// What counts as a current at all, as a part of the limit.
const FLOWS_FRAC: f64 = 0.2;
/// Farther than this from its setpoint a temperature should be moving, K.
const OFF_K: f64 = 1.0;
/// Less than this is no movement, K.
const STILL_K: f64 = 0.02;
/// Warmer by this over the window while the drive grows, K.
const WARMED_K: f64 = 0.6;
/// Growth of the drive over the window that counts, as a part of the limit.
const GREW_FRAC: f64 = 0.03;
/// More board heat than before by this part of full load explains a warmer plate.
const HEAT_FRAC: f64 = 0.1;

/// What the drive is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DriveLaw {
    /// Current limit of the output, A.
    pub limit_a: f64,
    /// Voltage limit of the output, V, where there is one.
    pub limit_v: Option<f64>,
    /// At the limit for longer than this is told; in ticks.
    pub saturated_ticks: u32,
    /// That ends the run, too.
    pub saturation_trips: bool,
    /// Ticks over which movement is looked for.
    pub window_ticks: u32,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    degc: f64,
    amps: f64,
    off_k: f64,
    heat_w: f64,
    limited: bool,
}

/// What was seen of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct DriveWatch {
    saturated: u32,
    since: u32,
    kept: VecDeque<Seen>,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wrong {
    /// Told, and gone on with.
    Alarm(String),
    /// Ends the run.
    Trip(String),
}

/// What is looked at in one tick.
pub(crate) struct Look<'a> {
    pub(crate) readings: &'a Snapshot,
    /// What is servoed, and its name.
    pub(crate) servoed: (Channel, &'static str),
    pub(crate) setpoint_degc: Option<f64>,
    /// Board heat and the board's full load, W.
    pub(crate) heat_w: (f64, f64),
    /// The output is confirmed on, and nothing stands in the way of judging it.
    pub(crate) on: bool,
    pub(crate) ticks: u32,
    pub(crate) dt_s: f64,
}

impl DriveWatch {
    pub(crate) fn check(&mut self, law: &DriveLaw, look: &Look<'_>) -> Option<Wrong> {
        let read = |channel| look.readings.usable(channel);
        let seen = read(look.servoed.0).zip(read(Channel::TecCurrent)).zip(look.setpoint_degc);
        let Some(((degc, amps), setpoint)) = seen.filter(|_| look.on) else {
            // What was not seen proves nothing either way; off, it begins anew.
            if !look.on {
                *self = Self::default();
            }
            return None;
        };
        let at_voltage = law.limit_v.zip(read(Channel::TecVoltage)).is_some_and(|(limit, volts)| volts.abs() >= limit * SATURATED_FRAC);
        let at_limit = at_voltage || amps.abs() >= law.limit_a * SATURATED_FRAC;
        self.saturated = if at_limit { self.saturated.saturating_add(look.ticks) } else { 0 };
        if self.saturated > law.saturated_ticks {
            let why = format!(
                "the drive has been at its limit ({amps:.2} A of {} A) for {:.0} s with the {} {:+.1} K off: the rig cannot follow; choose a profile within its \
                 authority, improve the heat sink or add modules, and look whether the sensor is in its place",
                law.limit_a,
                f64::from(self.saturated) * look.dt_s,
                look.servoed.1,
                degc - setpoint
            );
            return Some(if law.saturation_trips { Wrong::Trip(why) } else { Wrong::Alarm(why) });
        }
        self.since = self.since.saturating_add(look.ticks);
        let stride = law.window_ticks.div_ceil(KEPT as u32).max(1);
        if self.since < stride {
            return None;
        }
        self.since = 0;
        self.kept.push_back(Seen { degc, amps, off_k: degc - setpoint, heat_w: look.heat_w.0, limited: at_limit });
        let window = (law.window_ticks / stride).max(2) as usize;
        while self.kept.len() > window + 1 {
            self.kept.pop_front();
        }
        if self.kept.len() <= window {
            return None;
        }
        let span_s = f64::from(law.window_ticks) * look.dt_s;
        self.runaway(law, look, span_s).or_else(|| self.dead(law, look, span_s)).map(Wrong::Trip)
    }

    /// More cooling makes it warmer: beyond the maximum-cooling current, or a sink that cannot shed what the modules give it.
    fn runaway(&self, law: &DriveLaw, look: &Look<'_>, span_s: f64) -> Option<String> {
        let (first, middle, last) = (self.kept.front()?, self.kept.get(self.kept.len() / 2)?, self.kept.back()?);
        let rising = |a: &Seen, b: &Seen| b.amps > a.amps && b.degc > a.degc;
        let grew_a = last.amps - first.amps;
        let warmed_k = last.degc - first.degc;
        let wrong = last.amps > 0.0
            && rising(first, middle)
            && rising(middle, last)
            && grew_a > GREW_FRAC * law.limit_a
            && warmed_k > WARMED_K
            && last.off_k > OFF_K
            && last.off_k > first.off_k
            && last.heat_w - first.heat_w < HEAT_FRAC * look.heat_w.1;
        wrong.then(|| {
            format!(
                "the drive rose by {grew_a:.2} A to {:.2} A in {span_s:.0} s while the {} warmed by {warmed_k:.1} K at no more heat: beyond the maximum-cooling \
                 current more only heats; look at the heat sink, its fan and the mounting, and lower current_limit_a",
                last.amps, look.servoed.1
            )
        })
    }

    /// Current flows and nothing moves: a sensor that is not where it should be, or a module that is not connected.
    fn dead(&self, law: &DriveLaw, look: &Look<'_>, span_s: f64) -> Option<String> {
        let flows = self.kept.iter().all(|s| s.amps.abs() >= FLOWS_FRAC * law.limit_a && s.off_k.abs() >= OFF_K);
        let (low, high) = self.kept.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), s| (l.min(s.degc), h.max(s.degc)));
        // At a limit it may well stand still: that is told as saturation.
        let limited = self.kept.iter().any(|s| s.limited);
        (flows && !limited && high - low < STILL_K).then(|| {
            format!(
                "{:.2} A have flowed for {span_s:.0} s and the {} stands at {high:.2} °C, {:+.1} K off its setpoint: look whether its sensor is in its place and \
                 the modules are connected",
                self.kept.back().map_or(0.0, |s| s.amps),
                look.servoed.1,
                self.kept.back().map_or(0.0, |s| s.off_k)
            )
        })
    }
}

/// Fraction of the limit at which it counts as reached: device and file round differently.
pub const SATURATED_FRAC: f64 = 0.98;

#[cfg(test)]
mod tests {
    use super::*;
    use signal::{Origin, Reading};

    const LAW: DriveLaw = DriveLaw { limit_a: 8.0, limit_v: None, saturated_ticks: 300, saturation_trips: false, window_ticks: 60 };

    /// Flies `ticks` of (temperature, current, setpoint, heat) and returns the first thing wrong.
    fn fly(law: &DriveLaw, ticks: u32, at: impl Fn(f64) -> (f64, f64, f64, f64)) -> Option<Wrong> {
        let mut watch = DriveWatch::default();
        (0..ticks).find_map(|tick| {
            let (degc, amps, setpoint, heat_w) = at(f64::from(tick));
            let mut readings = Snapshot::default();
            for (channel, value) in [(Channel::Plate, degc), (Channel::TecCurrent, amps)] {
                readings.set(channel, Reading::good(value, 0.0, Origin::Measured));
            }
            let servoed = (Channel::Plate, "plate");
            watch.check(
                law,
                &Look {
                    readings: &readings,
                    servoed,
                    setpoint_degc: Some(setpoint),
                    heat_w: (heat_w, 72.0),
                    on: true,
                    ticks: 1,
                    dt_s: 1.0,
                },
            )
        })
    }

    fn trips(wrong: Option<&Wrong>, word: &str) -> bool {
        matches!(wrong, Some(Wrong::Trip(why)) if why.contains(word))
    }

    #[test]
    fn drive_that_rises_while_the_plate_warms_trips() {
        assert!(trips(fly(&LAW, 200, |t| (20.0 + 0.05 * t, 4.0 + 0.02 * t, 18.0, 60.0)).as_ref(), "maximum-cooling"));
    }

    #[test]
    fn honest_work_does_not() {
        // A load step: warmer and more drive, and more heat.
        assert_eq!(fly(&LAW, 60, |t| (20.0 + 0.02 * t, 3.0 + 0.02 * t, 18.5, 16.0 + t)), None);
        // A setpoint that rises: warmer, with less drive.
        assert_eq!(fly(&LAW, 300, |t| (20.0 + 0.1 * t, 5.0 - 0.01 * t, 20.0 + 0.1 * t, 60.0)), None);
        // Follows a falling setpoint with growing drive.
        assert_eq!(fly(&LAW, 300, |t| (30.0 - 0.03 * t, 3.0 + 0.01 * t, 29.8 - 0.03 * t, 60.0)), None);
        // In balance on its setpoint.
        assert_eq!(fly(&LAW, 300, |_| (20.0, 4.0, 20.0, 60.0)), None);
    }

    #[test]
    fn current_that_moves_nothing_trips() {
        assert!(trips(fly(&LAW, 200, |_| (22.0, 5.0, 15.0, 60.0)).as_ref(), "sensor is in its place"));
        assert_eq!(fly(&LAW, 200, |t| (22.0 - 0.01 * t, 5.0, 15.0, 60.0)), None, "slow is not dead");
    }

    #[test]
    fn saturation_is_told_and_trips_where_that_is_asked_for() {
        let at_limit = |_| (22.0, 7.95, 15.0, 60.0);
        assert!(matches!(fly(&LAW, 310, at_limit), Some(Wrong::Alarm(_))));
        assert_eq!(fly(&LAW, 290, at_limit), None);
        assert!(trips(fly(&DriveLaw { saturation_trips: true, ..LAW }, 310, at_limit).as_ref(), "authority"));
    }
}
