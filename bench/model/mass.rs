//! Three mass ledgers, so that figures per kilogram say what flies: flying parts on the bench (weighed), the flight model's
//! parts (areal and specific masses of a profile), and test support (Peltier, lab sink, chiller), which stays on the ground.
//!
//! The split is in the types: flight figures are made of [`Flying`] and [`Modelled`], and [`Support`] can only be listed. Masses
//! are those of one accelerator's share. Not here: batteries (a profile has none yet) and uncertainty.

use crate::profile::Profile;
use signal::Watts;

/// Where a weighed part belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ledger {
    /// It flies, and it cools: a cold plate.
    FlyingCooling,
    /// It flies, and it computes: a card, its host.
    FlyingCompute,
    /// It stands for something else, or serves the test: never charged to flight.
    Support,
}

/// A part on the bench, as weighed.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What it is called.
    pub name: String,
    /// Its mass.
    pub kg: f64,
    /// Where it belongs.
    pub ledger: Ledger,
}

/// First ledger: parts of the bench that fly as they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flying {
    cooling: Vec<Item>,
    compute: Vec<Item>,
}

/// Second ledger: parts that exist as numbers of a profile, kg.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Modelled {
    /// Radiator: areal mass x planform x share.
    pub radiator_kg: f64,
    /// Pump, pipes, coolant, valves: specific mass x satellite heat x share.
    pub loop_kg: f64,
    /// Solar array: rated power / specific power x share.
    pub array_kg: f64,
    /// Structure and bus over the mass of the rest.
    pub bus_frac: f64,
}

/// Third ledger: what only the test needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Support(Vec<Item>);

/// The three of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Ledgers {
    /// Flying parts on the bench.
    pub flying: Flying,
    /// Parts of the flight model.
    pub modelled: Modelled,
    /// Test support.
    pub support: Support,
}

fn sum(items: &[Item]) -> f64 {
    items.iter().map(|i| i.kg).sum::<f64>() + 0.0
}

impl Flying {
    /// Those that cool, weighed.
    pub fn cooling(&self) -> &[Item] {
        &self.cooling
    }

    /// Those that compute, weighed.
    pub fn compute(&self) -> &[Item] {
        &self.compute
    }

    /// Mass of those that compute, kg; `None` where none was weighed, for an accelerator of no mass there is not.
    pub fn compute_kg(&self) -> Option<f64> {
        (!self.compute.is_empty()).then(|| sum(&self.compute))
    }
}

impl Support {
    /// What it is made of.
    pub fn items(&self) -> &[Item] {
        &self.0
    }

    /// Its mass, kg, to be stated beside flight figures and never in them.
    pub fn kg(&self) -> f64 {
        sum(&self.0)
    }
}

impl Modelled {
    /// The part `share` of `profile`'s satellite.
    pub fn new(profile: &Profile, share: f64) -> Self {
        let (radiator, power) = (&profile.radiator, &profile.power);
        Self {
            radiator_kg: radiator.areal_mass_kg_m2 * radiator.area_m2 * share,
            loop_kg: profile.coolant.mass_kg_kw * profile.satellite.heat_kw * share,
            array_kg: power.array_kw * 1e3 / power.array_w_kg * share,
            bus_frac: power.bus_frac,
        }
    }
}

impl Ledgers {
    /// The part `share` of `profile`'s satellite, and the bench's parts sorted.
    pub fn new(profile: &Profile, share: f64, items: &[Item]) -> Self {
        let of = |ledger: Ledger| items.iter().filter(|i| i.ledger == ledger).cloned().collect();
        Self {
            flying: Flying { cooling: of(Ledger::FlyingCooling), compute: of(Ledger::FlyingCompute) },
            modelled: Modelled::new(profile, share),
            support: Support(of(Ledger::Support)),
        }
    }

    /// Everything that flies in order to cool one accelerator, kg.
    pub fn flight_cooling_kg(&self) -> f64 {
        self.modelled.radiator_kg + self.modelled.loop_kg + sum(&self.flying.cooling)
    }

    /// Everything that flies for one accelerator, kg: cooling, array, compute, and structure and bus on top. `None` until the
    /// accelerator is weighed.
    pub fn flight_kg(&self) -> Option<f64> {
        let rest = self.flight_cooling_kg() + self.modelled.array_kg + self.flying.compute_kg()?;
        Some(rest * (1.0 + self.modelled.bus_frac))
    }

    /// Work per second over the mass of the flight cooling, units/(s kg). `None` unless there is such a mass.
    pub fn work_per_s_per_cooling_kg(&self, work_per_s: f64) -> Option<f64> {
        over(work_per_s, self.flight_cooling_kg())
    }

    /// Board power over the mass of the flight cooling, W/kg. `None` unless there is such a mass.
    pub fn w_per_cooling_kg(&self, board: Watts) -> Option<f64> {
        over(board.0, self.flight_cooling_kg())
    }

    /// Board power over everything that flies for it, W/kg. `None` until the accelerator is weighed.
    pub fn w_per_kg(&self, board: Watts) -> Option<f64> {
        over(board.0, self.flight_kg()?)
    }
}

fn over(what: f64, kg: f64) -> Option<f64> {
    (what.is_finite() && kg.is_finite() && kg > 0.0).then(|| what / kg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flight::tests::profile;
    use crate::profile::Profile;
    use proptest::prelude::*;

    fn item(name: &str, kg: f64, ledger: Ledger) -> Item {
        Item { name: name.into(), kg, ledger }
    }

    /// 100 kW, 150 m2 of 7 kg/m2, 3.5 kg/kW, 125 kW of array at 100 W/kg, 25 %.
    fn satellite() -> Profile {
        let mut p = profile();
        p.radiator.area_m2 = 150.0;
        p.radiator.areal_mass_kg_m2 = 7.0;
        p.coolant.mass_kg_kw = 3.5;
        p.satellite.heat_kw = 100.0;
        p.power.array_kw = 125.0;
        p.power.array_w_kg = 100.0;
        p.power.bus_frac = 0.25;
        p
    }

    #[test]
    fn a_card_of_a_thousandth_of_the_satellite() {
        let bench = [
            item("cold plate", 0.35, Ledger::FlyingCooling),
            item("card", 0.45, Ledger::FlyingCompute),
            item("peltier bank", 0.2, Ledger::Support),
            item("lab sink", 3.0, Ledger::Support),
        ];
        let ledgers = Ledgers::new(&satellite(), 1e-3, &bench);
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        close(ledgers.modelled.radiator_kg, 1.05);
        close(ledgers.modelled.loop_kg, 0.35);
        close(ledgers.modelled.array_kg, 1.25);
        close(ledgers.flight_cooling_kg(), 1.75);
        close(ledgers.flight_kg().expect("weighed"), 1.25 * (1.75 + 1.25 + 0.45));
        close(ledgers.support.kg(), 3.2);
        close(ledgers.work_per_s_per_cooling_kg(350.0).expect("a mass"), 200.0);
        close(ledgers.w_per_cooling_kg(Watts(70.0)).expect("a mass"), 40.0);
        close(ledgers.w_per_kg(Watts(69.0)).expect("a mass"), 16.0);
    }

    #[test]
    fn what_is_not_weighed_has_no_figure() {
        let ledgers = Ledgers::new(&satellite(), 1e-3, &[item("cold plate", 0.35, Ledger::FlyingCooling)]);
        assert_eq!(ledgers.flight_kg(), None);
        assert_eq!(ledgers.w_per_kg(Watts(70.0)), None);
        assert!(ledgers.w_per_cooling_kg(Watts(70.0)).is_some());
        assert_eq!(ledgers.work_per_s_per_cooling_kg(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn test_support_never_enters_a_flight_figure(support in proptest::collection::vec(0.0..1e3_f64, 0..6), kg in 0.1..10.0_f64) {
            let mut bench = vec![item("cold plate", kg, Ledger::FlyingCooling), item("card", kg, Ledger::FlyingCompute)];
            let bare = Ledgers::new(&satellite(), 1e-3, &bench);
            bench.extend(support.iter().map(|&s| item("chiller", s, Ledger::Support)));
            let full = Ledgers::new(&satellite(), 1e-3, &bench);
            prop_assert_eq!(bare.flight_cooling_kg(), full.flight_cooling_kg());
            prop_assert_eq!(bare.flight_kg(), full.flight_kg());
            prop_assert_eq!(bare.w_per_kg(Watts(70.0)), full.w_per_kg(Watts(70.0)));
            prop_assert!((full.support.kg() - support.iter().sum::<f64>()).abs() < 1e-9);
        }
    }
}
