//! Three mass ledgers, so that figures per kilogram say what flies: flying parts on the bench (weighed), the flight model's
//! parts (areal and specific masses of a profile), and test support (Peltier, lab sink, chiller), which stays on the ground.
//!
//! The split is in the types: flight figures are made of [`Flying`] and [`Modelled`], and [`Support`] can only be listed. Masses
//! are those of one accelerator's share. Not here: how well they are known (see [`crate::rollup`]).

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
    /// Radiator: areal mass x planform x share, with what unfolds it.
    pub radiator_kg: f64,
    /// Pump, pipes, coolant, valves: specific mass x satellite heat x share.
    pub loop_kg: f64,
    /// Solar array: rated power / specific power x share.
    pub array_kg: f64,
    /// Battery: energy when new / specific energy x share; 0 where the profile models none.
    pub battery_kg: f64,
    /// Structure and bus over the mass of the rest.
    pub bus_frac: f64,
    /// Mass not yet known to be needed, over all that is.
    pub margin_frac: f64,
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
        let (radiator, power, masses) = (&profile.radiator, &profile.power, &profile.masses);
        Self {
            radiator_kg: radiator.areal_mass_kg_m2 * (1.0 + masses.deployment_frac.spread.centre()) * radiator.area_m2 * share,
            loop_kg: profile.coolant.mass_kg_kw * profile.satellite.heat_kw * share,
            array_kg: power.array_kw * 1e3 / power.array_w_kg * share,
            battery_kg: profile.battery.map_or(0.0, |battery| battery.mass_kg() * share),
            bus_frac: power.bus_frac,
            margin_frac: masses.margin_frac.spread.centre(),
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

    /// Everything that flies for one accelerator, kg: cooling, array, battery, compute, structure and bus on top, and the margin on all
    /// of it. `None` until the accelerator is weighed.
    pub fn flight_kg(&self) -> Option<f64> {
        Some(self.with_structure_kg(self.supply_kg() + self.flying.compute_kg()?))
    }

    /// All that flies but the accelerator itself, kg: what it needs to be cooled and fed, structure and bus and margin on all of it.
    pub fn flight_dry_kg(&self) -> f64 {
        self.with_structure_kg(self.supply_kg())
    }

    /// Cooling, array and battery, kg.
    fn supply_kg(&self) -> f64 {
        self.flight_cooling_kg() + self.modelled.array_kg + self.modelled.battery_kg
    }

    fn with_structure_kg(&self, kg: f64) -> f64 {
        kg * (1.0 + self.modelled.bus_frac) * (1.0 + self.modelled.margin_frac)
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
    use crate::spread::Spread;
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
        p.battery = None;
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
    fn battery_margin_and_mechanism_are_weighed_where_there_are_any() {
        let mut heavy = satellite();
        heavy.battery = profile().battery;
        let battery_kg = Modelled::new(&heavy, 1e-3).battery_kg;
        assert!((battery_kg - 51.0 / 150.0).abs() < 1e-12, "{battery_kg}");
        heavy.masses.margin_frac.spread = Spread::Fixed(0.2);
        heavy.masses.deployment_frac.spread = Spread::Fixed(0.3);
        let bench = [item("card", 0.45, Ledger::FlyingCompute)];
        let (bare, full) = (Ledgers::new(&satellite(), 1e-3, &bench), Ledgers::new(&heavy, 1e-3, &bench));
        let expected = (bare.flight_kg().expect("weighed") / 1.25 + battery_kg + 0.3 * 1.05) * 1.25 * 1.2;
        assert!((full.flight_kg().expect("weighed") - expected).abs() < 1e-12);
        assert!((full.flight_cooling_kg() - (1.4 + 0.315)).abs() < 1e-12);
    }

    #[test]
    fn heritage_radiators_weigh_and_shed_what_is_published() {
        // kg, m x m of planform, kW: the space station's heat rejection subsystem; mass and size of its photovoltaic radiator.
        let areal = |kg: f64, (length, width): (f64, f64)| kg / (length * width);
        let hrs = areal(1122.64, (23.3, 3.4));
        assert!((hrs - 14.2).abs() < 0.05, "{hrs}");
        assert!((areal(740.7, (3.12, 13.6)) - 17.5).abs() < 0.05);
        // Six such panels reject 70 kW: 475 m2 and 6.7 t. That is per planform; of both faces it is half of it.
        let planform_m2: f64 = 6.0 * 23.3 * 3.4;
        assert!((planform_m2 - 475.0).abs() < 1.0 && (hrs * planform_m2 - 6_736.0).abs() < 1.0, "{planform_m2}");
        assert!((70e3 / planform_m2 - 147.0).abs() < 0.5, "{}", 70e3 / planform_m2);
        let mut station = satellite();
        (station.radiator.area_m2, station.radiator.areal_mass_kg_m2) = (planform_m2, hrs);
        assert!((Modelled::new(&station, 1.0).radiator_kg - 6_735.84).abs() < 0.01);
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
