//! What a solar array gives: its rated power, less what age, a slanting Sun and hot cells take.
//!
//! Not here: the sunlight itself (`environment`), conversion, bus and boards (`power`). The cells' temperature is quasi-steady: an
//! array weighs a few kg/m2 and follows the Sun within minutes. Planet infrared and albedo on the array are left out: together they
//! warm cells by some 10 K, and what they cost is within the spread of any coefficient.

use crate::constants::STEFAN_BOLTZMANN_W_M2K4 as SIGMA;
use crate::profile::{Cells, Power};
use signal::{Celsius, Kelvin};

/// Sunlight an array's rated power is stated for, W/m2: the nominal total solar irradiance at 1 AU (IAU 2015 resolution B3),
/// whatever solar constant a profile flies under.
pub const RATED_SUNLIGHT_W_M2: f64 = 1361.0;

/// Colder than this no cell gains any more, K: where arrays come out of long eclipses (about -100 °C), and where measured
/// coefficients end.
const COLDEST_K: f64 = 173.15;

/// Iterations of the cells' balance at most; each gains a digit or so.
const ROUNDS: usize = 60;

/// The array of one satellite: constants only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Array {
    /// W per W/m2 of sunlight on an array that faces the Sun, at its present age, cells at the rated temperature.
    per_sunlight_m2: f64,
    /// Cosine of the angle by which it misses the Sun.
    incidence_cos: f64,
    /// What of its rated power is left.
    health: f64,
    cells: Option<Cells>,
}

impl Array {
    /// The array of `power`, of which `share` counts.
    pub fn new(power: &Power, share: f64) -> Self {
        // Life degradation compounds: Wertz & Larson, Space Mission Analysis and Design, 3rd ed., eq. 11-7.
        let health = (1.0 - power.array_ageing_frac_year).powf(power.age_years);
        Self {
            per_sunlight_m2: share * 1e3 * power.array_kw * health / RATED_SUNLIGHT_W_M2,
            incidence_cos: power.array_incidence_deg.to_radians().cos().max(0.0),
            health,
            cells: power.cells,
        }
    }

    /// Power at the array's terminals in `sunlight_w_m2` (on a surface that faces the Sun), W. Never negative.
    pub fn power_w(&self, sunlight_w_m2: f64) -> f64 {
        let falling = sunlight_w_m2.max(0.0) * self.incidence_cos;
        let rated = self.per_sunlight_m2 * falling;
        match &self.cells {
            Some(cells) => rated * gain(cells, balance(cells, self.health, falling)),
            None => rated,
        }
    }

    /// Temperature of the cells in `sunlight_w_m2`; `None` where the profile has no cells.
    pub fn cell_temperature(&self, sunlight_w_m2: f64) -> Option<Kelvin> {
        let cells = self.cells.as_ref()?;
        Some(balance(cells, self.health, sunlight_w_m2.max(0.0) * self.incidence_cos))
    }
}

/// Power at `t` over power at the rated temperature.
fn gain(cells: &Cells, t: Kelvin) -> f64 {
    let rated = Kelvin::from(Celsius(cells.rated_degc));
    (1.0 - cells.loss_frac_k * (t.0.max(COLDEST_K) - rated.0)).max(0.0)
}

/// Where sunlight absorbed, less what leaves as electricity, is radiated by both faces: the warmest such temperature. From the
/// temperature of an array that gives no power each round comes down towards it and never beyond, since hotter cells give less.
fn balance(cells: &Cells, health: f64, falling_w_m2: f64) -> Kelvin {
    let radiating = SIGMA * (cells.front_emissivity_frac + cells.back_emissivity_frac);
    let absorbed = cells.absorptivity_frac * falling_w_m2;
    let electric = cells.rated_w_m2 * health * falling_w_m2 / RATED_SUNLIGHT_W_M2;
    let mut t = Kelvin((absorbed / radiating).powf(0.25));
    for _ in 0..ROUNDS {
        let next = ((absorbed - electric * gain(cells, t)).max(0.0) / radiating).powf(0.25);
        let step = t.0 - next;
        t = Kelvin(next);
        if step < 1e-7 {
            break;
        }
    }
    t
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flight::tests::profile;
    use proptest::prelude::*;

    /// Triple-junction cells of the 30 % class on a thin panel that radiates backwards too.
    const CELLS: Cells = Cells {
        rated_w_m2: 300.0,
        loss_frac_k: 0.0025,
        rated_degc: 28.0,
        absorptivity_frac: 0.9,
        front_emissivity_frac: 0.85,
        back_emissivity_frac: 0.85,
    };

    fn power() -> Power {
        Power { array_kw: 125.0, ..profile().power }
    }

    #[test]
    fn age_and_a_slanting_sun_take_their_part() {
        // age years, ageing per year, incidence deg, part of rated power left
        for (age_years, array_ageing_frac_year, array_incidence_deg, left) in [
            (0.0, 0.02, 0.0, 1.0),
            (5.0, 0.02, 0.0, 0.903_920_796_8),
            (5.0, 0.0, 60.0, 0.5),
            (1.0, 0.5, 60.0, 0.25),
            (0.0, 0.0, 120.0, 0.0),
        ] {
            let power = Power { age_years, array_ageing_frac_year, array_incidence_deg, ..power() };
            let found = Array::new(&power, 1e-3).power_w(1361.0) / 125.0;
            assert!((found - left).abs() < 1e-9, "{age_years} a, {array_incidence_deg} deg: {found}");
        }
    }

    #[test]
    fn hot_cells_are_in_balance_and_lose_what_their_coefficient_says() {
        let power = Power { cells: Some(CELLS), ..power() };
        let array = Array::new(&power, 1.0);
        for sunlight in [1316.5, 1361.0, 1407.8, 500.0, 20.0] {
            let t = array.cell_temperature(sunlight).expect("cells").0;
            let made = array.power_w(sunlight);
            // Per m2 of array, of which there are rated power over rated power per m2.
            let electric = made / (125e3 / 300.0);
            let left = 0.9 * sunlight - electric - SIGMA * 1.7 * t.powi(4);
            assert!(left.abs() < 1e-5, "{sunlight} W/m2: {left} W/m2 out of balance at {t} K");
            if t > COLDEST_K {
                let factor = made / (125e3 * sunlight / 1361.0);
                assert!((factor - (1.0 - 0.0025 * (t - 301.15))).abs() < 1e-9);
            }
        }
        // 0.9 x 1361 - 300 x 0.94 = 943 W/m2 from two faces of 0.85: 314 K; arrays in low orbit run at 40 to 70 °C.
        let t = array.cell_temperature(1361.0).expect("cells");
        assert!((300.0..330.0).contains(&t.0), "{t}");
        assert_eq!(array.power_w(0.0), 0.0);
    }

    #[test]
    fn without_cells_power_follows_sunlight() {
        let array = Array::new(&power(), 2e-3);
        assert_eq!(array.cell_temperature(1361.0), None);
        assert!((array.power_w(680.5) - 125.0).abs() < 1e-9);
        assert_eq!(array.power_w(-1.0), 0.0);
    }

    proptest! {
        #[test]
        fn more_sun_is_warmer_and_no_array_beats_what_it_absorbs(
            a in 0.0..1500.0_f64, b in 0.0..1500.0_f64, loss in 0.0..0.005_f64, back in 0.0..0.9_f64,
        ) {
            let cells = Cells { loss_frac_k: loss, back_emissivity_frac: back, ..CELLS };
            let array = Array::new(&Power { cells: Some(cells), ..power() }, 1.0);
            let (low, high) = (a.min(b), a.max(b));
            let t = |sun| array.cell_temperature(sun).expect("cells").0;
            prop_assert!(t(low) <= t(high) + 1e-6);
            let made = array.power_w(high) / (125e3 / 300.0);
            prop_assert!(made >= 0.0 && made <= 0.9 * high + 1e-9, "{made} of {high}");
        }
    }
}
