//! Electrical power that the satellite's array leaves for one accelerator board.
//!
//! Not here: batteries and array ageing (the array is as on its first day), and what a governor makes of the power.

use crate::environment::Sample;
use crate::profile::Profile;
use signal::Watts;

/// Sunlight an array's rated power is stated for, W/m2: the nominal total solar irradiance at 1 AU (IAU 2015 resolution B3),
/// whatever solar constant a profile flies under.
pub const RATED_SUNLIGHT_W_M2: f64 = 1361.0;

/// One accelerator's share of array and bus.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerShare {
    /// Board watts per W/m2 of sunlight on the array.
    per_sunlight_m2: f64,
    /// Board watts that the bus takes first.
    bus_w: f64,
}

impl PowerShare {
    /// The part `share` of `profile`'s satellite.
    pub fn new(profile: &Profile, share: f64) -> Self {
        let power = &profile.power;
        // A watt at the board draws its overhead (host, converter, pump) too.
        let boards = share * 1e3 / (1.0 + profile.satellite.overhead_frac);
        Self {
            per_sunlight_m2: boards * power.array_kw * (1.0 - power.conversion_loss_frac) / RATED_SUNLIGHT_W_M2,
            bus_w: boards * power.bus_kw,
        }
    }

    /// What the board may draw under `env`; nothing where the bus takes all.
    pub fn available(&self, env: &Sample) -> Watts {
        Watts((self.per_sunlight_m2 * env.array_w_m2 - self.bus_w).max(0.0))
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
            let found = power.available(&sample(sunlight)).0;
            assert!((found - expected).abs() < 1e-9, "{sunlight} W/m2: {found} W");
        }
    }
}
