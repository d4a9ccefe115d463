//! Thermoelectric (Peltier) modules by the three textbook equations with constant coefficients, alone and as a bank seen from the
//! terminals of its controller. Current is positive where it cools the cold side, and voltage has its sign.
//!
//! Coefficients come from a datasheet's maximum ratings. That makes a 15 % instrument (its own largest heat comes out 16 % over
//! the rated one for the module in the tests), so a bench calibrates. Not here: heat sinks, controllers, limits of an output stage.

use signal::{Kelvin, Watts};

/// A module's maximum ratings, as datasheets print them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratings {
    /// Current at the largest temperature difference, A.
    pub current_a: f64,
    /// Voltage at that current and difference, V.
    pub voltage_v: f64,
    /// Largest temperature difference, no heat pumped, K.
    pub difference_k: f64,
    /// Hot-side temperature the ratings hold for.
    pub hot: Kelvin,
}

impl Ratings {
    /// Constant coefficients that reproduce these ratings (Lineykin and Ben-Yaakov, "Modeling and analysis of
    /// thermoelectric modules", IEEE Trans. Ind. Appl. 43(2), 2007). `None` unless every rating is finite and
    /// positive and the difference leaves the cold side above 0 K.
    pub fn module(&self) -> Option<Module> {
        let Self { current_a: i, voltage_v: v, difference_k: d, hot: Kelvin(hot) } = *self;
        let sane = [i, v, d, hot].iter().all(|x| x.is_finite() && *x > 0.0) && d < hot;
        sane.then(|| Module {
            seebeck_v_k: v / hot,
            resistance_ohm: v * (hot - d) / (i * hot),
            conductance_w_k: v * i * (hot - d) / (2.0 * hot * d),
        })
    }
}

/// One module: heat, heat and voltage follow from current and its two face temperatures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Module {
    /// Seebeck coefficient of the whole module, V/K.
    pub seebeck_v_k: f64,
    /// Electrical resistance, ohm.
    pub resistance_ohm: f64,
    /// Thermal conductance from face to face without current, W/K.
    pub conductance_w_k: f64,
}

impl Module {
    /// Heat taken up at the cold face; negative where conduction or Joule heat wins (switched off it leaks backwards).
    pub fn cooling(&self, current_a: f64, cold: Kelvin, hot: Kelvin) -> Watts {
        let joule = current_a * current_a * self.resistance_ohm;
        Watts(self.seebeck_v_k * current_a * cold.0 - joule / 2.0 - self.conductance_w_k * (hot.0 - cold.0))
    }

    /// Heat given off at the hot face.
    pub fn rejected(&self, current_a: f64, cold: Kelvin, hot: Kelvin) -> Watts {
        let joule = current_a * current_a * self.resistance_ohm;
        Watts(self.seebeck_v_k * current_a * hot.0 + joule / 2.0 - self.conductance_w_k * (hot.0 - cold.0))
    }

    /// Voltage across the module, V; with no current, its Seebeck voltage.
    pub fn voltage_v(&self, current_a: f64, cold: Kelvin, hot: Kelvin) -> f64 {
        self.seebeck_v_k * (hot.0 - cold.0) + current_a * self.resistance_ohm
    }

    /// Current that `voltage_v` drives, A.
    pub fn current_at_a(&self, voltage_v: f64, cold: Kelvin, hot: Kelvin) -> f64 {
        (voltage_v - self.seebeck_v_k * (hot.0 - cold.0)) / self.resistance_ohm
    }

    /// The current at which the cold face takes up most, A. More current heats.
    pub fn strongest_current_a(&self, cold: Kelvin) -> f64 {
        self.seebeck_v_k * cold.0 / self.resistance_ohm
    }

    /// The smaller of the two currents at which the cold face takes up `wanted`, A; negative to heat.
    /// `None` where that is more than the module can at any current.
    pub fn current_for_a(&self, wanted: Watts, cold: Kelvin, hot: Kelvin) -> Option<f64> {
        let peltier_v = self.seebeck_v_k * cold.0;
        let against = wanted.0 + self.conductance_w_k * (hot.0 - cold.0);
        let room = peltier_v * peltier_v - 2.0 * self.resistance_ohm * against;
        // This form of the quadratic's root keeps its digits when the current is small.
        (room >= 0.0).then(|| 2.0 * against / (peltier_v + room.sqrt()))
    }
}

/// Equal modules between two plates, `series` in a string and `parallel` strings, at the terminals of one controller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bank {
    /// Each of the modules.
    pub module: Module,
    /// Modules in a string, at least 1.
    pub series: u32,
    /// Strings side by side, at least 1.
    pub parallel: u32,
}

impl Bank {
    /// How many modules there are.
    pub fn modules(&self) -> u32 {
        self.series * self.parallel
    }

    fn each(&self, terminal_a: f64) -> f64 {
        terminal_a / f64::from(self.parallel)
    }

    fn all(&self, Watts(one): Watts) -> Watts {
        Watts(one * f64::from(self.modules()))
    }

    /// Heat taken up at the cold plate with `terminal_a` at the controller.
    pub fn cooling(&self, terminal_a: f64, cold: Kelvin, hot: Kelvin) -> Watts {
        self.all(self.module.cooling(self.each(terminal_a), cold, hot))
    }

    /// Heat given off at the hot plate.
    pub fn rejected(&self, terminal_a: f64, cold: Kelvin, hot: Kelvin) -> Watts {
        self.all(self.module.rejected(self.each(terminal_a), cold, hot))
    }

    /// Voltage at the controller's terminals, V.
    pub fn voltage_v(&self, terminal_a: f64, cold: Kelvin, hot: Kelvin) -> f64 {
        self.module.voltage_v(self.each(terminal_a), cold, hot) * f64::from(self.series)
    }

    /// Terminal current that a terminal voltage drives, A.
    pub fn current_at_a(&self, terminal_v: f64, cold: Kelvin, hot: Kelvin) -> f64 {
        self.module.current_at_a(terminal_v / f64::from(self.series), cold, hot) * f64::from(self.parallel)
    }

    /// Electrical power into the bank.
    pub fn drive(&self, terminal_a: f64, cold: Kelvin, hot: Kelvin) -> Watts {
        Watts(self.voltage_v(terminal_a, cold, hot) * terminal_a)
    }

    /// The terminal current at which the cold plate loses most heat, A. More current heats.
    pub fn strongest_current_a(&self, cold: Kelvin) -> f64 {
        self.module.strongest_current_a(cold) * f64::from(self.parallel)
    }

    /// The smaller terminal current that takes up `wanted` at the cold plate, A; negative to heat. `None` beyond the bank's power.
    pub fn current_for_a(&self, wanted: Watts, cold: Kelvin, hot: Kelvin) -> Option<f64> {
        let share = Watts(wanted.0 / f64::from(self.modules()));
        self.module.current_for_a(share, cold, hot).map(|i| i * f64::from(self.parallel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A common 40 mm module: 3.9 A, 15.5 V, 32 W, 70 K at a hot side of 300.15 K.
    const RATINGS: Ratings = Ratings { current_a: 3.9, voltage_v: 15.5, difference_k: 70.0, hot: Kelvin(300.15) };
    const RATED_HEAT_W: f64 = 32.0;

    fn module() -> Module {
        RATINGS.module().expect("sane ratings")
    }

    #[test]
    fn numbers_of_a_rated_module() {
        let m = module();
        let (cold, hot, level) = (Kelvin(280.15), Kelvin(300.15), Kelvin(300.15));
        let largest = m.cooling(3.9, level, hot).0;
        let table = [
            ("seebeck V/K", m.seebeck_v_k, 0.051_641),
            ("resistance ohm", m.resistance_ohm, 3.047_47),
            ("conductance W/K", m.conductance_w_k, 0.331_086),
            ("Qc at 1.95 A over 20 K", m.cooling(1.95, cold, hot).0, 15.795),
            ("V at 1.95 A over 20 K", m.voltage_v(1.95, cold, hot), 6.975),
            ("Qh at 1.95 A over 20 K", m.rejected(1.95, cold, hot).0, 29.397),
            ("largest heat", largest, 37.27),
            ("off, over 20 K", m.cooling(0.0, cold, hot).0, -6.62),
        ];
        for (what, found, expected) in table {
            assert!((found / expected - 1.0).abs() < 1e-3, "{what}: {found}, expected {expected}");
        }
        // Why a bench calibrates: the ratings contradict the rated heat by a sixth.
        assert!((largest / RATED_HEAT_W - 1.165).abs() < 1e-3, "{largest}");
    }

    #[test]
    fn the_ratings_come_back() {
        let m = module();
        let cold = Kelvin(300.15 - 70.0);
        assert!(m.cooling(3.9, cold, RATINGS.hot).0.abs() < 1e-9, "nothing is pumped over the largest difference");
        assert!((m.voltage_v(3.9, cold, RATINGS.hot) - 15.5).abs() < 1e-9);
        assert!((m.strongest_current_a(cold) - 3.9).abs() < 1e-9);
    }

    #[test]
    fn ratings_that_no_module_has_are_refused() {
        for (i, v, d, hot) in [(0.0, 15.5, 70.0, 300.0), (3.9, -15.5, 70.0, 300.0), (3.9, 15.5, 300.0, 300.0), (3.9, 15.5, 70.0, f64::NAN)]
        {
            assert_eq!(Ratings { current_a: i, voltage_v: v, difference_k: d, hot: Kelvin(hot) }.module(), None);
        }
    }

    #[test]
    fn what_a_bank_must_bring_for_700_w_and_for_75_w() {
        // wanted W, plate and hot side degC, modules, drive W, tolerance: round figures for sizing.
        for (wanted, plate, sink, modules, drive_w, tolerance) in [(700.0, 30.0, 35.0, 30, 367.0, 0.02), (75.0, 15.0, 35.0, 5, 61.0, 0.1)] {
            let bank = Bank { module: module(), series: modules, parallel: 1 };
            let (cold, hot) = (Kelvin(plate + 273.15), Kelvin(sink + 273.15));
            let current = bank.current_for_a(Watts(wanted), cold, hot).expect("within its power");
            let drive = bank.drive(current, cold, hot).0;
            assert!((drive / drive_w - 1.0).abs() < tolerance, "{drive} W");
            assert!((bank.rejected(current, cold, hot).0 - wanted - drive).abs() < 1e-6);
        }
    }

    #[test]
    fn series_and_parallel_change_the_terminals_not_the_heat() {
        let (cold, hot) = (Kelvin(290.0), Kelvin(310.0));
        let (row, block) = (Bank { module: module(), series: 6, parallel: 1 }, Bank { module: module(), series: 2, parallel: 3 });
        assert!((row.cooling(2.0, cold, hot).0 - block.cooling(6.0, cold, hot).0).abs() < 1e-9);
        assert!((row.voltage_v(2.0, cold, hot) - 3.0 * block.voltage_v(6.0, cold, hot)).abs() < 1e-9);
        assert!((row.drive(2.0, cold, hot).0 - block.drive(6.0, cold, hot).0).abs() < 1e-9);
        assert!((block.strongest_current_a(cold) - 3.0 * row.strongest_current_a(cold)).abs() < 1e-9);
    }

    #[test]
    fn past_the_strongest_current_more_current_heats() {
        let bank = Bank { module: module(), series: 3, parallel: 2 };
        let (cold, hot) = (Kelvin(290.0), Kelvin(310.0));
        let top = bank.strongest_current_a(cold);
        let most = bank.cooling(top, cold, hot);
        assert!(bank.cooling(top * 1.05, cold, hot) < most && bank.cooling(top * 0.95, cold, hot) < most);
        assert!(bank.current_for_a(Watts(most.0 * 0.9999), cold, hot).is_some());
        assert_eq!(bank.current_for_a(Watts(most.0 * 1.0001), cold, hot), None);
    }

    proptest! {
        #[test]
        fn what_leaves_is_what_enters(
            i in -10.0..10.0_f64, cold in 250.0..350.0_f64, hot in 250.0..350.0_f64, series in 1..8_u32, parallel in 1..8_u32,
        ) {
            let bank = Bank { module: module(), series, parallel };
            let (cold, hot) = (Kelvin(cold), Kelvin(hot));
            let balance = bank.rejected(i, cold, hot).0 - bank.cooling(i, cold, hot).0 - bank.drive(i, cold, hot).0;
            prop_assert!(balance.abs() < 1e-9 * (1.0 + bank.rejected(i, cold, hot).0.abs() + bank.drive(i, cold, hot).0.abs()));
        }

        #[test]
        fn the_current_for_a_heat_pumps_it(
            wanted in -200.0..150.0_f64, cold in 270.0..330.0_f64, hot in 270.0..330.0_f64, series in 1..8_u32, parallel in 1..8_u32,
        ) {
            let bank = Bank { module: module(), series, parallel };
            let (cold, hot) = (Kelvin(cold), Kelvin(hot));
            let top = bank.strongest_current_a(cold);
            match bank.current_for_a(Watts(wanted), cold, hot) {
                Some(i) => {
                    prop_assert!(i <= top * (1.0 + 1e-12));
                    prop_assert!((bank.cooling(i, cold, hot).0 - wanted).abs() < 1e-6);
                }
                None => prop_assert!(bank.cooling(top, cold, hot).0 < wanted),
            }
        }

        #[test]
        fn voltage_and_current_are_inverse(v in -20.0..20.0_f64, cold in 250.0..350.0_f64, hot in 250.0..350.0_f64) {
            let bank = Bank { module: module(), series: 3, parallel: 2 };
            let (cold, hot) = (Kelvin(cold), Kelvin(hot));
            prop_assert!((bank.voltage_v(bank.current_at_a(v, cold, hot), cold, hot) - v).abs() < 1e-9);
        }
    }
}
