//! Sunlight to power budget to duty: follow the Sun, pace the workload.
//!
//! The budget is what the flight side's array leaves for this accelerator, kept between idle (a battery carries the idle
//! board through an eclipse) and full load. The duty is fed forward from the declared idle and full power and trimmed by a
//! slow integral on the measured power, so that a card that draws more than declared is paced down to its budget.

use model::environment::Sample;
use model::power::PowerShare;
use signal::Watts;

/// Time constant of the trim, bench seconds: slow against pacing (2 s) and fast against an orbit.
const TRIM_TIME_S: f64 = 120.0;
/// Most the trim may add to or take from the duty.
const TRIM_SPAN: f64 = 0.2;

/// The follow-sun governor.
#[derive(Clone, Debug)]
pub struct Governor {
    /// What the array leaves for one accelerator.
    pub power: PowerShare,
    /// Board power with no work, W.
    pub idle: Watts,
    /// Board power at full load, W.
    pub full: Watts,
}

/// What the governor remembers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trim(f64);

impl Governor {
    /// Power the array could give and the budget made of it.
    pub fn budget(&self, env: &Sample) -> (Watts, Watts) {
        let available = self.power.available(env);
        (available, Watts(available.0.clamp(self.idle.0, self.full.0)))
    }

    /// Duty that should draw `budget`, by the declared idle and full power.
    pub fn feed_forward(&self, budget: Watts) -> f64 {
        ((budget.0 - self.idle.0) / (self.full.0 - self.idle.0)).clamp(0.0, 1.0)
    }

    /// Duty for `budget`, trimmed by the power measured over the last tick.
    pub(crate) fn duty(&self, trim: &mut Trim, budget: Watts, measured: Option<Watts>, dt_s: f64) -> f64 {
        let ahead = self.feed_forward(budget);
        let duty = (ahead + trim.0).clamp(0.0, 1.0);
        // At idle and at full load there is nothing to trim: integrating there would only wind up.
        let room = ahead > 0.02 && ahead < 0.98;
        match measured {
            Some(power) if room => {
                let error = (budget.0 - power.0) / (self.full.0 - self.idle.0);
                trim.0 = (trim.0 + error * dt_s / TRIM_TIME_S).clamp(-TRIM_SPAN, TRIM_SPAN);
            }
            _ => trim.0 *= 1.0 - (dt_s / TRIM_TIME_S).min(1.0),
        }
        if ahead == 0.0 { 0.0 } else { duty }
    }
}
