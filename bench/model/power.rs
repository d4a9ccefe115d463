//! Electrical power on the regulated bus of one accelerator's share: array, conversion, bus, boards with their overhead.
//!
//! ```text
//!   array ─▶ conversion ─┬─▶ bus            surplus = array - bus - board x (1 + overhead)
//!                        ├─▶ board x (1 + overhead)
//!                        └─▶ battery ─▶ back into the same
//! ```
//!
//! The overhead holds host, converters at the board and the coolant pump: nothing of these is taken a second time here. Not here: what a
//! governor makes of the power.

use crate::array::Array;
use crate::battery::Battery;
use crate::environment::Sample;
use crate::profile::{Eclipse, Profile};
use signal::Watts;

pub use crate::array::RATED_SUNLIGHT_W_M2;

/// One accelerator's share of array, bus and battery.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerShare {
    array: Array,
    converted: f64,
    /// What the bus takes, W.
    bus_w: f64,
    /// A watt at the board draws this with its host, converter and pump.
    per_board_w: f64,
    /// What carries the share in the dark; `None` where the profile models none: bus and idle boards are carried all the same then.
    pub battery: Option<Battery>,
    /// What the compute does in the dark.
    pub eclipse: Eclipse,
}

impl PowerShare {
    /// The part `share` of `profile`'s satellite.
    pub fn new(profile: &Profile, share: f64) -> Self {
        let power = &profile.power;
        Self {
            array: Array::new(power, share),
            converted: 1.0 - power.conversion_loss_frac,
            bus_w: share * 1e3 * power.bus_kw,
            per_board_w: 1.0 + profile.satellite.overhead_frac,
            battery: profile.battery.map(|spec| Battery::new(&spec, power.age_years, share)),
            eclipse: profile.battery.map_or(Eclipse::Idle, |spec| spec.eclipse),
        }
    }

    /// What the array gives to the bus under `env`, after conversion, W.
    pub fn array_w(&self, env: &Sample) -> f64 {
        self.array.power_w(env.array_w_m2) * self.converted
    }

    /// What bus and a board that draws `board` take, W.
    pub fn load_w(&self, board: Watts) -> f64 {
        self.bus_w + board.0 * self.per_board_w
    }

    /// What the board may draw if `on_the_bus_w` is there for everything; nothing where the bus takes all.
    pub fn board(&self, on_the_bus_w: f64) -> Watts {
        Watts(((on_the_bus_w - self.bus_w) / self.per_board_w).max(0.0))
    }

    /// What the board may draw of the array's power alone under `env`.
    pub fn available(&self, env: &Sample) -> Watts {
        self.board(self.array_w(env))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flight::tests::{profile, sample};

    #[test]
    fn sunlight_becomes_board_power() {
        let mut profile = profile();
        profile.satellite.overhead_frac = 0.25;
        profile.power.array_kw = 125.0;
        profile.power.conversion_loss_frac = 0.08;
        profile.power.bus_kw = 10.0;
        let power = PowerShare::new(&profile, 1e-3);
        // W/m2 on the array, W: (125 kW x flux / 1361 x 0.92 - 10 kW) / 1000 / 1.25
        for (sunlight, expected) in [(1361.0, 84.0), (680.5, 38.0), (100.0, 0.0), (0.0, 0.0)] {
            let env = sample(sunlight);
            let found = power.available(&env).0;
            assert!((found - expected).abs() < 1e-9, "{sunlight} W/m2: {found} W");
            if expected > 0.0 {
                assert!((power.load_w(Watts(found)) - power.array_w(&env)).abs() < 1e-9, "what is available is what can be drawn");
            }
        }
    }

    #[test]
    fn a_governor_never_sees_what_is_not_a_number() {
        assert_eq!(PowerShare::new(&profile(), 1e-3).available(&sample(f64::NAN)).0, 0.0);
    }
}
