//! A battery as an account of energy: what goes in less what charging loses, less what comes out and what discharging loses.
//!
//! Powers are at the regulated bus, behind the array's conversion. Depth of discharge is no limit of the physics but a plan for
//! its life: whoever asks for power (`control::Governor`) keeps to it. Not here: cell voltage, temperature, balancing; capacity fades
//! with age at a declared rate, cycles included.

use crate::profile::BatterySpec;

/// What a battery may give at once beyond its lasting limit: so many seconds of that limit, assumed. Cells are tested with pulses of 10 s at several times their
/// lasting current (hybrid pulse power characterisation, DOE/ID-11069, 3.3); this is the whole limit again for 2 s, no more before it has been below it.
const PULSE_S: f64 = 2.0;

/// One accelerator's share of a battery: constants only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Battery {
    /// What it holds when full, at its present age, J.
    capacity_j: f64,
    depth_frac: f64,
    charge_w: f64,
    discharge_w: f64,
    charge_efficiency: f64,
    discharge_efficiency: f64,
}

/// How full a battery is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatteryState {
    soc_frac: f64,
}

/// Where the energy of one step went: means over it, W. `surplus = unused - unmet - battery`, and `battery` less the fall of what is
/// stored is what was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flow {
    /// Given to the bus; negative while charging.
    pub battery_w: f64,
    /// Asked for and not given: the battery is empty or at its limit.
    pub unmet_w: f64,
    /// Offered and not taken: the battery is full or at its limit. The array is turned or shunted.
    pub unused_w: f64,
    /// Turned to heat by charging or discharging.
    pub lost_w: f64,
}

impl BatteryState {
    /// Nothing more fits in.
    pub const FULL: Self = Self { soc_frac: 1.0 };

    /// That full, 0 to 1; `None` for anything else.
    pub fn at(soc_frac: f64) -> Option<Self> {
        (0.0..=1.0).contains(&soc_frac).then_some(Self { soc_frac })
    }

    /// State of charge, 0 to 1 of the capacity at its present age.
    pub fn soc_frac(self) -> f64 {
        self.soc_frac
    }
}

impl Battery {
    /// The part `share` of the battery `spec` after `age_years`.
    pub fn new(spec: &BatterySpec, age_years: f64, share: f64) -> Self {
        Self {
            capacity_j: share * spec.capacity_kwh * 3.6e6 * (1.0 - spec.fade_frac_year).powf(age_years),
            depth_frac: spec.depth_frac,
            charge_w: share * spec.charge_kw * 1e3,
            discharge_w: share * spec.discharge_kw * 1e3,
            charge_efficiency: spec.charge_efficiency_frac,
            discharge_efficiency: spec.discharge_efficiency_frac,
        }
    }

    /// What it holds when full, J.
    pub fn capacity_j(&self) -> f64 {
        self.capacity_j
    }

    /// State of charge below which its life is not planned.
    pub fn floor_frac(&self) -> f64 {
        1.0 - self.depth_frac
    }

    /// Most it may be charged with, W at the bus.
    pub fn charge_limit_w(&self) -> f64 {
        self.charge_w
    }

    /// Most it gives, W at the bus.
    pub fn discharge_limit_w(&self) -> f64 {
        self.discharge_w
    }

    /// What it can give before it reaches its planned depth, J at the bus; 0 below.
    pub fn above_floor_j(&self, state: BatteryState) -> f64 {
        (state.soc_frac - self.floor_frac()).max(0.0) * self.capacity_j * self.discharge_efficiency
    }

    /// What it takes until it is full, J at the bus.
    pub fn to_full_j(&self, state: BatteryState) -> f64 {
        (1.0 - state.soc_frac) * self.capacity_j / self.charge_efficiency
    }

    /// A change of what is stored as energy at the bus, J: what it gives if it is more, and as a negative number what putting it back takes if it is less.
    pub fn at_bus_j(&self, change_j: f64) -> f64 {
        if change_j < 0.0 { change_j / self.charge_efficiency } else { change_j * self.discharge_efficiency }
    }

    /// What comes out again of `bus_j` put in at the bus, J at the bus.
    pub fn given_back_j(&self, bus_j: f64) -> f64 {
        bus_j * self.charge_efficiency * self.discharge_efficiency
    }

    /// Takes `surplus_w` for `dt_s`, or gives what it lacks if negative; as much of either as it can for as long as one likes.
    ///
    /// # Panics
    /// If the surplus is not a number, or the duration is not finite or negative: a state that is not a number would never recover.
    pub fn step(&self, state: &mut BatteryState, surplus_w: f64, dt_s: f64) -> Flow {
        self.flow(state, surplus_w, dt_s, self.discharge_w)
    }

    /// As [`Battery::step`], with pulses beyond the lasting limit: a paced board comes in bursts, and is measured over ticks that are never quite as long as they
    /// should be. `pulse_j` is what was given beyond the limit and not yet made good for by less than it; it is carried up to 2 s of the limit.
    ///
    /// # Panics
    /// As [`Battery::step`].
    pub fn carry(&self, state: &mut BatteryState, pulse_j: &mut f64, surplus_w: f64, dt_s: f64) -> Flow {
        if dt_s == 0.0 {
            return Flow::default();
        }
        let left_j = (PULSE_S * self.discharge_w - *pulse_j).max(0.0);
        let flow = self.flow(state, surplus_w, dt_s, self.discharge_w + left_j / dt_s);
        *pulse_j = (*pulse_j + (flow.battery_w.max(0.0) - self.discharge_w) * dt_s).max(0.0);
        flow
    }

    fn flow(&self, state: &mut BatteryState, surplus_w: f64, dt_s: f64, most_w: f64) -> Flow {
        assert!(!surplus_w.is_nan(), "a surplus of {surplus_w} W");
        assert!(dt_s.is_finite() && dt_s >= 0.0, "a step of {dt_s} s");
        if dt_s == 0.0 {
            return Flow::default();
        }
        let stored_j = state.soc_frac * self.capacity_j;
        if surplus_w >= 0.0 {
            let taken_w = surplus_w.min(self.charge_w).min(self.to_full_j(*state) / dt_s);
            let after_j = stored_j + taken_w * self.charge_efficiency * dt_s;
            state.soc_frac = self.frac(after_j);
            Flow { battery_w: -taken_w, unmet_w: 0.0, unused_w: surplus_w - taken_w, lost_w: taken_w * (1.0 - self.charge_efficiency) }
        } else {
            let wanted_w = -surplus_w;
            let given_w = wanted_w.min(most_w).min(stored_j * self.discharge_efficiency / dt_s);
            let after_j = stored_j - given_w / self.discharge_efficiency * dt_s;
            state.soc_frac = self.frac(after_j);
            let lost_w = given_w * (1.0 / self.discharge_efficiency - 1.0);
            Flow { battery_w: given_w, unmet_w: wanted_w - given_w, unused_w: 0.0, lost_w }
        }
    }

    /// Rounding must not make it fuller than full.
    fn frac(&self, stored_j: f64) -> f64 {
        (stored_j / self.capacity_j).clamp(0.0, 1.0)
    }
}

/// Mass of a battery that gives `energy_kwh` at the bus without going deeper than planned, kg.
pub fn mass_kg(energy_kwh: f64, depth_frac: f64, discharge_efficiency_frac: f64, specific_wh_kg: f64) -> f64 {
    energy_kwh * 1e3 / (depth_frac * discharge_efficiency_frac * specific_wh_kg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Eclipse;
    use proptest::prelude::*;

    /// One satellite's 10 kWh.
    const SPEC: BatterySpec = BatterySpec {
        capacity_kwh: 10.0,
        depth_frac: 0.4,
        charge_efficiency_frac: 0.95,
        discharge_efficiency_frac: 0.9,
        charge_kw: 5.0,
        discharge_kw: 20.0,
        fade_frac_year: 0.03,
        specific_wh_kg: 150.0,
        eclipse: Eclipse::Idle,
    };

    fn battery() -> Battery {
        Battery::new(&SPEC, 0.0, 1.0)
    }

    /// A paced board in bursts: on for a part of each period, as its mean says. What is beyond the limit is given for two seconds of it, drawn from what is
    /// stored, and has to be made good for; a mean beyond the limit is not carried however it comes.
    #[test]
    fn bursts_are_carried_and_more_than_the_limit_is_not() {
        let battery = battery();
        let limit_w = battery.discharge_limit_w();
        let flown = |mean: f64, on: f64| {
            let (mut state, mut pulse_j, mut unmet_j, mut given_j) = (BatteryState::FULL, 0.0, 0.0, 0.0);
            for k in 0..600 {
                // A tenth of a second; periods of two.
                let w = if f64::from(k % 20) < 20.0 * on { mean / on } else { 0.0 };
                let flow = battery.carry(&mut state, &mut pulse_j, -w, 0.1);
                unmet_j += flow.unmet_w * 0.1;
                given_j += flow.battery_w * 0.1;
                assert!((0.0..=2.0 * limit_w + 1e-6).contains(&pulse_j), "{pulse_j}");
            }
            let stored_j = (1.0 - state.soc_frac()) * battery.capacity_j() * 0.9;
            assert!((given_j / stored_j - 1.0).abs() < 1e-9, "{given_j} given, {stored_j} taken");
            assert!(((unmet_j + given_j) / (60.0 * mean) - 1.0).abs() < 1e-9);
            unmet_j
        };
        assert_eq!(flown(0.99 * limit_w, 0.5), 0.0);
        // Two seconds of the limit, and then what is more than it.
        let beyond = flown(1.2 * limit_w, 1.0);
        assert!((beyond - (0.2 * 60.0 - 2.0) * limit_w).abs() < 1e-3 * beyond, "{beyond}");
        assert!(flown(1.2 * limit_w, 0.5) > 0.9 * beyond);
        // Planning knows no bursts.
        assert!(battery.step(&mut { BatteryState::FULL }, -1.2 * limit_w, 1.0).unmet_w > 0.0);
    }

    /// Charge by an independent quadrature; the script beside the data made it.
    const REFERENCE: &str = include_str!("testdata/battery_orbit.csv");

    #[test]
    fn riding_through_the_worst_eclipse_at_560_km_takes_628_kg() {
        // 21.5 min is the longest shadow of a dawn-dusk orbit at 560 km; 40 % depth, 95 %, 150 Wh/kg.
        let energy_kwh: f64 = 100.0 * 21.5 / 60.0;
        assert!((energy_kwh - 35.8).abs() < 0.05, "{energy_kwh}");
        let kg = mass_kg(energy_kwh, 0.40, 0.95, 150.0);
        assert!((kg - 628.0).abs() < 1.0, "{kg}");
        // And a battery of that mass does it, to its planned depth and no further.
        let capacity_kwh = kg * 0.150;
        let spec = BatterySpec { capacity_kwh, discharge_efficiency_frac: 0.95, discharge_kw: 200.0, ..SPEC };
        let (battery, mut state) = (Battery::new(&spec, 0.0, 1.0), BatteryState::FULL);
        for _ in 0..1290 {
            assert_eq!(battery.step(&mut state, -100e3, 1.0).unmet_w, 0.0);
        }
        assert!((state.soc_frac() - battery.floor_frac()).abs() < 1e-9, "{state:?}");
        assert!(battery.above_floor_j(state) < 1.0);
    }

    #[test]
    fn an_orbit_is_as_scipy_integrates_it() {
        let (battery, mut state) = (battery(), BatteryState::at(0.9).expect("a state of charge"));
        let mut rows = 0;
        for line in REFERENCE.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit())) {
            let row: Vec<f64> = line.split(',').map(|v| v.parse().expect("a number")).collect();
            let [time_s, soc_frac] = row[..] else { panic!("a row of {line}") };
            // The surplus of the script, at the middle of each second.
            while f64::from(rows) < time_s {
                let t = f64::from(rows) + 0.5;
                battery.step(&mut state, 4000.0 + 9000.0 * (std::f64::consts::TAU * t / 5863.0).cos(), 1.0);
                rows += 1;
            }
            assert!((state.soc_frac() - soc_frac).abs() < 2e-5, "{time_s} s: {} and {soc_frac}", state.soc_frac());
        }
        assert!(rows > 5000);
    }

    #[test]
    fn ageing_takes_capacity() {
        let old = Battery::new(&SPEC, 5.0, 1e-3);
        assert!((old.capacity_j() / (36e6 * 1e-3) - 0.97_f64.powi(5)).abs() < 1e-12);
    }

    #[test]
    fn limits_bite_and_nothing_is_made_up() {
        let battery = battery();
        let mut full = BatteryState::FULL;
        let flow = battery.step(&mut full, 3e3, 10.0);
        assert_eq!((flow.battery_w, flow.unused_w, full), (0.0, 3e3, BatteryState::FULL));
        let mut half = BatteryState::at(0.5).expect("half");
        assert_eq!(battery.step(&mut half, 9e3, 1.0).battery_w, -5e3);
        assert_eq!(battery.step(&mut half, -50e3, 1.0).unmet_w, 30e3);
        let mut empty = BatteryState::at(0.0).expect("empty");
        assert_eq!(battery.step(&mut empty, -1e3, 1.0), Flow { unmet_w: 1e3, ..Flow::default() });
        assert_eq!(battery.step(&mut empty, 1e3, 0.0), Flow::default());
        assert_eq!((BatteryState::at(1.1), BatteryState::at(f64::NAN), BatteryState::at(-0.1)), (None, None, None));
    }

    #[test]
    #[should_panic(expected = "a surplus of NaN W")]
    fn a_surplus_that_is_not_a_number_is_refused() {
        battery().step(&mut { BatteryState::FULL }, f64::NAN, 1.0);
    }

    proptest! {
        #[test]
        fn energy_in_is_energy_out_and_lost_and_stored(
            start in 0.0..=1.0_f64,
            steps in proptest::collection::vec((-40e3..40e3_f64, 0.0..600.0_f64), 1..200),
        ) {
            let battery = battery();
            let mut state = BatteryState::at(start).expect("within");
            let (mut through, mut lost) = (0.0, 0.0);
            for (surplus_w, dt_s) in steps {
                let before = state;
                let flow = battery.step(&mut state, surplus_w, dt_s);
                prop_assert!((0.0..=1.0).contains(&state.soc_frac()));
                prop_assert!(flow.unmet_w >= 0.0 && flow.unused_w >= 0.0 && flow.lost_w >= 0.0);
                // The bus is balanced: what was offered is used, stored or spilled.
                if dt_s > 0.0 {
                    prop_assert!((surplus_w + flow.battery_w + flow.unmet_w - flow.unused_w).abs() < 1e-9 * surplus_w.abs().max(1.0));
                }
                // It never gives what it has not got.
                prop_assert!(flow.battery_w * dt_s <= before.soc_frac() * battery.capacity_j() * 0.9 + 1e-3);
                prop_assert!((-5e3..=20e3).contains(&flow.battery_w));
                through += flow.battery_w * dt_s;
                lost += flow.lost_w * dt_s;
            }
            let stored = (state.soc_frac() - start) * battery.capacity_j();
            prop_assert!((through + lost + stored).abs() < 1e-6 * battery.capacity_j(), "{through} out, {lost} lost, {stored} stored");
        }

        #[test]
        fn a_step_may_be_split_anywhere(start in 0.0..=1.0_f64, surplus_w in -40e3..40e3_f64, dt_s in 0.1..4000.0_f64, at in 0.0..=1.0_f64) {
            let battery = battery();
            let (mut whole, mut split) = (BatteryState::at(start).expect("within"), BatteryState::at(start).expect("within"));
            battery.step(&mut whole, surplus_w, dt_s);
            battery.step(&mut split, surplus_w, dt_s * at);
            battery.step(&mut split, surplus_w, dt_s * (1.0 - at));
            prop_assert!((whole.soc_frac() - split.soc_frac()).abs() < 1e-9);
        }
    }
}
