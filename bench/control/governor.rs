//! Sunlight to power budget to duty: how much there is, what the policy makes of it, and how the workload is paced to it.
//!
//! The budget is what the flight side's array leaves for this accelerator, kept between idle (a battery carries the idle
//! board through an eclipse) and full load. A battery that is modelled takes its recharge out of it first, spread over the time to
//! the next dark; under the policy `ride` it adds to it in the shadow. The duty is fed forward from what a work map of this
//! bench measured, or else from the declared idle and full power, and trimmed by a slow integral on the measured power, so that a card that draws more than declared is paced down to its
//! budget.

use crate::charge::Charge;
use crate::draw::Draw;
use crate::policy::{Policy, Seen};
use crate::trim::{Followed, Trim};
use model::battery::{Battery, BatteryState, Flow};
use model::environment::Sample;
use model::power::PowerShare;
use model::profile::Eclipse;
use signal::Watts;
use std::sync::Arc;

/// A riding battery eases off when this is all it could give before it is at its planned depth, s: no cliff at the end.
const EASE_S: f64 = 30.0;

/// Who decides what the board may draw.
#[derive(Clone, Debug)]
pub struct Governor {
    /// What the array leaves for one accelerator.
    pub power: PowerShare,
    /// Board power with no work, W.
    pub idle: Watts,
    /// Board power at full load, W.
    pub full: Watts,
    /// What it makes of the power there is.
    pub policy: Policy,
    /// Measured power at duty, where there is a map of it.
    pub draw: Option<Arc<Draw>>,
}

/// What there is and what is made of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Supply {
    /// The array gives this to the bus, W.
    pub array_w: f64,
    /// The board could have this.
    pub available: Watts,
    /// The board may have this.
    pub budget: Watts,
}

impl Governor {
    /// Of two moments the one with less light. A budget holds until the board answers the next one: where the light falls it has to be what there will be
    /// then (150 kW in the 9 s of a low noon-midnight orbit's penumbra are 17 kW a second).
    pub fn leaner<'a>(&self, now: (&'a Sample, f64), then: (&'a Sample, f64)) -> (&'a Sample, f64) {
        if self.power.array_w(then.0) < self.power.array_w(now.0) { then } else { now }
    }

    /// What the board could and may have under `env`. `charge` is what is known of the battery; without it, it is as if there were none.
    pub fn supply(&self, env: &Sample, charge: Option<&Charge>, mission_s: f64) -> Supply {
        let array_w = self.power.array_w(env);
        let beside_w = charge.map_or(0.0, |charge| self.beside_w(env, array_w, charge, mission_s));
        let available = self.power.board(array_w + beside_w);
        let wanted = match &self.policy {
            Policy::FollowSun | Policy::Battery | Policy::Thermal(_) => available.0,
            Policy::Fixed(budget) => budget.0.min(available.0),
            Policy::Plan(plan) => plan.budget(mission_s, charge.map_or(1.0, |c| c.battery.soc_frac())).min(available.0),
        };
        Supply { array_w, available, budget: Watts(wanted.clamp(self.idle.0, self.full.0)) }
    }

    /// The supply with its budget held to what the temperatures allow, where the policy looks at them. The board never gets less than idle.
    pub fn temper(&self, supply: Supply, seen: &Seen<'_>) -> Supply {
        let Policy::Thermal(law) = &self.policy else { return supply };
        Supply { budget: Watts(supply.budget.0.min(law.most_w(seen)).max(self.idle.0)), ..supply }
    }

    /// What the battery adds to the array for the board; negative: what its recharge takes. Bus and idle board are carried in any case.
    fn beside_w(&self, env: &Sample, array_w: f64, charge: &Charge, mission_s: f64) -> f64 {
        let Some(battery) = &self.power.battery else { return 0.0 };
        let planned = matches!(self.policy, Policy::Plan(_));
        let idle_w = self.power.load_w(self.idle);
        if planned || (self.power.eclipse == Eclipse::Ride || self.policy.discharges()) && env.illumination < 1.0 {
            let falling = env.illumination < 1.0 && charge.nears_dark(mission_s);
            // Light that is falling leaves nothing to recharge by.
            let back_w = if falling { 0.0 } else { (array_w - idle_w).clamp(0.0, battery.charge_limit_w()) };
            let spare_j = battery.above_floor_j(charge.battery) - self.promised_j(battery, charge, back_w, mission_s);
            // With less than that, and light to spare, it is recharged whatever the policy.
            if spare_j > 0.0 || array_w <= idle_w {
                let spread_s = if self.policy == Policy::Battery && falling { charge.until_light_s(mission_s) } else { 0.0 };
                // What the array leaves of bus and idle board is carried; a plan that does not recharge in the light has its reasons.
                let carried_w = (idle_w - array_w).max(0.0);
                return battery.discharge_limit_w().min(carried_w + spare_j.max(0.0) / spread_s.max(EASE_S));
            }
        }
        let spare_w = (array_w - idle_w).max(0.0);
        let wanted_w = battery.to_full_j(charge.battery) / charge.left_s(mission_s);
        -wanted_w.min(battery.charge_limit_w()).min(spare_w)
    }

    /// What bus and idle board will take of the battery in the present or the next dark, less what `back_w` puts back before it, J at the bus: not for compute.
    /// Of a dark whose end nobody knows it is all that the battery is sized for.
    fn promised_j(&self, battery: &Battery, charge: &Charge, back_w: f64, mission_s: f64) -> f64 {
        let sized_j = battery.above_floor_j(BatteryState::FULL);
        let taken_j = (self.power.load_w(self.idle) * charge.dark_left_s(mission_s)).min(sized_j);
        (taken_j - battery.given_back_j(back_w * charge.until_dark_s(mission_s))).max(0.0)
    }

    /// The array does not carry bus and idle board: it is dark, whatever hides the Sun.
    pub fn dark(&self, env: &Sample) -> bool {
        self.power.array_w(env) < self.power.load_w(self.idle)
    }

    /// Lets the battery take or give what array, bus and a board that drew `board` leave, the environment running from `start` to `end`.
    pub fn exchange(&self, charge: &mut Charge, board: Watts, start: &Sample, end: &Sample, dt_s: f64) -> Flow {
        let Some(battery) = &self.power.battery else { return Flow::default() };
        let array_w = f64::midpoint(self.power.array_w(start), self.power.array_w(end));
        battery.carry(&mut charge.battery, &mut charge.pulse_j, array_w - self.power.load_w(board), dt_s)
    }

    /// Duty that should draw `budget` with the plate at this temperature, °C: as measured, or else by the declared idle and full power.
    pub fn feed_forward(&self, budget: Watts, plate_degc: Option<f64>) -> f64 {
        if let Some(draw) = self.draw.as_ref().filter(|_| budget.0 > self.idle.0) {
            return draw.duty(budget.0, plate_degc);
        }
        self.feed_forward_declared(budget)
    }

    /// The same by declared idle and full power, whatever was measured.
    pub(crate) fn feed_forward_declared(&self, budget: Watts) -> f64 {
        self.part(budget).clamp(0.0, 1.0)
    }

    /// A power as part of the range from idle to full load.
    fn part(&self, power: Watts) -> f64 {
        (power.0 - self.idle.0) / (self.full.0 - self.idle.0)
    }

    /// Duty for `budget`, trimmed. The trim learns from how the tick that ends was followed; `None` where power could not follow.
    pub(crate) fn duty(&self, trim: &mut Trim, budget: Watts, plate_degc: Option<f64>, followed: Option<Followed>) -> f64 {
        let ahead = self.feed_forward(budget, plate_degc);
        let duty = (ahead + trim.value()).clamp(0.0, 1.0);
        match followed {
            Some(tick) => trim.learn(ahead, self.part(budget), tick.drawn.map(|w| self.part(w)), tick),
            None => trim.hold(),
        }
        if ahead == 0.0 { 0.0 } else { duty }
    }
}
