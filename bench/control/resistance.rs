//! Drift of the die-to-plate resistance from what was commissioned: a mount that comes loose, paste that dries or pumps out. It
//! alarms and trips nothing: the die has its own interlock.

use crate::io::Event;
use crate::law::Law;
use crate::state::State;
use signal::{Channel, RunState, Snapshot};

/// Time over which rise and power are averaged, bench s: long against the die's own lag (seconds) and the pacing of work.
const AVERAGE_S: f64 = 180.0;
/// Averages count once they have filled for this long, in multiples of that time.
const FILLED: f64 = 3.0;

/// The alarm is over only below this part of the tolerance: the averages still ripple with the pacing.
const CLEARED_FRAC: f64 = 0.9;

/// What the resistance is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResistanceLaw {
    /// Mean over the commissioned mounts, K/W.
    pub mean_k_w: f64,
    /// Largest departure, K/W.
    pub tolerance_k_w: f64,
    /// Least mean board power at which it is judged, W: with less, an offset of a sensor looks like a resistance.
    pub from_w: f64,
}

/// Averages of rise and power; their quotient weighs each moment by its heat.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ResistanceMeter {
    rise_k: f64,
    power_w: f64,
    filled_s: f64,
}

/// Takes one tick.
pub(crate) fn watch(law: &Law, state: &mut State, readings: &Snapshot, ticks: u32, events: &mut Vec<Event>) {
    let Some(held_to) = law.resistance.filter(|_| matches!(state.run, RunState::Running | RunState::Held)) else { return };
    let read = |channel| readings.usable(channel);
    let (Some(die), Some(plate), Some(power)) = (read(Channel::Die), read(Channel::Plate), read(Channel::BoardPower)) else { return };
    let dt_s = law.dt_s * f64::from(ticks);
    let meter = &mut state.resistance;
    let part = if meter.filled_s == 0.0 { 1.0 } else { (dt_s / AVERAGE_S).min(1.0) };
    meter.rise_k += part * (die - plate - meter.rise_k);
    meter.power_w += part * (power - meter.power_w);
    meter.filled_s += dt_s;
    if meter.filled_s < FILLED * AVERAGE_S || meter.power_w < held_to.from_w {
        return;
    }
    let found = meter.rise_k / meter.power_w;
    let off = found - held_to.mean_k_w;
    if off.abs() > held_to.tolerance_k_w {
        let why = format!(
            "die to plate is {found:.3} K/W, {:+.0} % from the commissioned {:.3} (within {:.3}): check the card's mount and its paste",
            off / held_to.mean_k_w * 100.0,
            held_to.mean_k_w,
            held_to.tolerance_k_w
        );
        state.alarm("resistance", &why, events);
    } else if off.abs() < CLEARED_FRAC * held_to.tolerance_k_w {
        state.alarms.clear("resistance");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::law;
    use signal::{Origin, Reading};

    /// Flies made-up readings for `seconds`; the ticks at which the alarm was told.
    fn told(k_w: impl Fn(f64) -> f64, watts: f64, seconds: u32, run: RunState) -> Vec<u32> {
        let law = Law { resistance: Some(ResistanceLaw { mean_k_w: 0.30, tolerance_k_w: 0.045, from_w: 40.0 }), ..law() };
        let mut state = State::new(&law);
        state.run = run;
        let mut told = Vec::new();
        for s in 0..seconds {
            let mut readings = Snapshot::default();
            let good = |v| Reading::good(v, f64::from(s), Origin::Simulated);
            // Whole degrees, and work that comes as on and off.
            let power = if s % 2 == 0 { 1.5 * watts } else { 0.5 * watts };
            readings.set(Channel::Plate, good(25.0));
            readings.set(Channel::Die, good((25.0 + k_w(f64::from(s)) * watts).round()));
            readings.set(Channel::BoardPower, good(power));
            let mut events = Vec::new();
            watch(&law, &mut state, &readings, 1, &mut events);
            told.extend(events.iter().filter(|e| e.kind == "resistance").map(|_| s));
        }
        told
    }

    #[test]
    fn a_mount_that_comes_loose_alarms_once() {
        assert!(told(|_| 0.30, 60.0, 7200, RunState::Running).is_empty(), "as commissioned");
        assert!(told(|_| 0.32, 60.0, 7200, RunState::Running).is_empty(), "within the tolerance");
        let loose = told(|s| if s < 3600.0 { 0.30 } else { 0.40 }, 60.0, 7200, RunState::Running);
        assert_eq!(loose.len(), 1, "{loose:?}");
        assert!((3600..3600 + 600).contains(&loose[0]), "within ten minutes: {loose:?}");
        assert_eq!(told(|_| 0.22, 60.0, 3600, RunState::Running).len(), 1, "lower is no better: a sensor moved, or it is another card");
    }

    #[test]
    fn too_little_heat_and_no_run_say_nothing() {
        assert!(told(|_| 0.60, 20.0, 7200, RunState::Running).is_empty());
        assert!(told(|_| 0.60, 60.0, 7200, RunState::Staging).is_empty());
        assert!(told(|_| 0.60, 60.0, 500, RunState::Running).is_empty(), "not before the averages mean anything");
    }
}
