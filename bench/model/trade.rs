//! What warmer coolant saves: radiator area and mass, and the mass of the whole satellite, against the coolant's temperature, without and
//! with a heat pump between coolant and radiator.
//!
//! The radiator is sized for full load under the hottest environment of one orbit; on the ground it is a coil, which gives its heat to air
//! or a facility's liquid as the flight model has it, and to the walls of its room. Its panels are colder than the coolant by what it takes to
//! carry the heat into them, and spread from return to supply. The heat pump works between the mean temperatures of the two loops at a
//! fraction of Carnot; its power is radiated too, and the array grows by it. Not here: what hot coolant does to the work of a card, which is
//! what the bench measures.

use crate::environment::Environment;
use crate::profile::Profile;
use crate::radiator::{Incident, Surface, area_m2};
use signal::{Celsius, Kelvin, Watts};

/// Looks along an orbit for its hottest moment.
const LOOKS: u32 = 720;
/// Largest lift tried, K.
const MAX_LIFT_K: f64 = 200.0;

/// A heat pump.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeatPump {
    /// Coefficient of performance over Carnot's, above 0 to 1.
    pub carnot_frac: f64,
    /// Mass per kW of its power, kg/kW.
    pub kg_kw: f64,
}

/// Air or liquid that flows past a coil.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Air {
    /// What both faces give it, W/(m2 K) of planform, the fins' losses taken off.
    pub film_w_m2k: f64,
    /// Its temperature.
    pub temperature: Kelvin,
}

/// A satellite of which only the temperature of the coolant is open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade {
    /// Surface of the panels.
    pub surface: Surface,
    /// What falls on them at the worst moment.
    pub incident: Incident,
    /// What flows past them at that moment; `None` in space.
    pub air: Option<Air>,
    /// Heat to be shed, kW.
    pub heat_kw: f64,
    /// Compute power, kW.
    pub compute_kw: f64,
    /// Rise of the coolant through the plates, K.
    pub rise_k: f64,
    /// Coolant to panels, W/(m2 K) of planform; infinite for panels at the coolant's temperature.
    pub exchange_w_m2k: f64,
    /// Radiator, kg/m2 of planform, with its mechanism.
    pub areal_kg_m2: f64,
    /// Coolant loop, kg per kW of heat that it carries to the radiator.
    pub loop_kg_kw: f64,
    /// Array, kg per kW on the bus.
    pub array_kg_kw: f64,
    /// Everything that the coolant's temperature does not change, before structure and bus, kg.
    pub rest_kg: f64,
    /// Structure and bus, and margin, as a factor on the mass of the rest.
    pub on_top: f64,
}

/// One satellite of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Coolant to the plates.
    pub supply: Celsius,
    /// Lift of the heat pump, K; 0 without one.
    pub lift_k: f64,
    /// Power of the heat pump, kW.
    pub pump_kw: f64,
    /// Mean temperature of the panels.
    pub panel: Kelvin,
    /// Heat shed, W per m2 of planform.
    pub net_w_m2: f64,
    /// Planform, m2.
    pub area_m2: f64,
    /// Radiating area of both faces, m2.
    pub faces_m2: f64,
    /// Radiator, kg.
    pub radiator_kg: f64,
    /// The whole satellite, kg.
    pub total_kg: f64,
    /// The whole satellite over its compute power.
    pub kg_kw: f64,
}

impl Trade {
    /// `profile`'s satellite, every mass at its middle.
    pub fn new(profile: &Profile) -> Self {
        let (radiator, coolant, power, masses) = (&profile.radiator, &profile.coolant, &profile.power, &profile.masses);
        let surface = Surface {
            emissivity_frac: radiator.emissivity_frac,
            solar_absorptivity_frac: radiator.solar_absorptivity_frac,
            fin_efficiency_frac: radiator.fin_efficiency_frac,
        };
        let film_w_m2k = 2.0 * radiator.convection_w_m2k * radiator.fin_efficiency_frac;
        let (incident, ambient) = hottest(&profile.environment, &surface, film_w_m2k);
        let heat_kw = profile.satellite.heat_kw;
        let compute_kw = heat_kw / (1.0 + profile.satellite.overhead_frac);
        let array_kg = power.array_kw * 1e3 / power.array_w_kg;
        Self {
            surface,
            incident,
            air: ambient.map(|temperature| Air { film_w_m2k, temperature }),
            heat_kw,
            compute_kw,
            rise_k: heat_kw / coolant.heat_capacity_rate_kw_k,
            exchange_w_m2k: coolant.radiator_conductance_kw_k * 1e3 / radiator.area_m2,
            areal_kg_m2: radiator.areal_mass_kg_m2 * (1.0 + masses.deployment_frac.spread.centre()),
            loop_kg_kw: coolant.mass_kg_kw,
            array_kg_kw: 1e3 / (power.array_w_kg * (1.0 - power.conversion_loss_frac)),
            rest_kg: array_kg
                + profile.battery.map_or(0.0, |battery| battery.mass_kg())
                + masses.compute_kg_kw.spread.centre() * compute_kw,
            on_top: (1.0 + power.bus_frac) * (1.0 + masses.margin_frac.spread.centre()),
        }
    }

    /// The satellite whose coolant enters the plates at `supply`; `None` where no radiator is large enough.
    pub fn at(&self, supply: Celsius) -> Option<Point> {
        self.sized(supply, 0.0, 0.0, 0.0)
    }

    /// The same with `pump` lifting the heat by `lift_k` before it is radiated.
    pub fn pumped(&self, supply: Celsius, lift_k: f64, pump: &HeatPump) -> Option<Point> {
        let cold_k = Kelvin::from(supply).0 + self.rise_k / 2.0;
        let pump_kw = self.heat_kw * lift_k / (cold_k * pump.carnot_frac);
        self.sized(supply, lift_k, pump_kw, pump.kg_kw)
    }

    /// The lightest satellite that a heat pump of this kind allows; one without lift where none helps.
    pub fn best_pumped(&self, supply: Celsius, pump: &HeatPump) -> Option<Point> {
        let at = |lift_k: f64| self.pumped(supply, lift_k, pump);
        let lighter = |a: Option<Point>, b: Option<Point>| match (a, b) {
            (Some(a), Some(b)) => Some(if b.total_kg < a.total_kg { b } else { a }),
            (a, b) => a.or(b),
        };
        // Coarse, then finer around the best: the curve has one valley, and a wall where nothing is shed.
        let (mut best, mut step_k) = ((0..=MAX_LIFT_K as u32).map(|k| at(f64::from(k))).fold(None, lighter)?, 0.5);
        while step_k > 0.001 {
            let around = [at((best.lift_k - step_k).max(0.0)), at(best.lift_k + step_k)];
            best = around.into_iter().fold(Some(best), lighter)?;
            step_k /= 2.0;
        }
        Some(best)
    }

    fn sized(&self, supply: Celsius, lift_k: f64, pump_kw: f64, pump_kg_kw: f64) -> Option<Point> {
        let cold = Kelvin::from(supply).0 + lift_k;
        let net_w_m2 = self.net_w_m2(Kelvin(cold), Kelvin(cold + self.rise_k))?;
        let shed_kw = self.heat_kw + pump_kw;
        let area_m2 = area_m2(Watts(shed_kw * 1e3), net_w_m2)?;
        let radiator_kg = self.areal_kg_m2 * area_m2;
        let cooling_kg = radiator_kg + self.loop_kg_kw * shed_kw + pump_kg_kw * pump_kw;
        let total_kg = (cooling_kg + self.rest_kg + self.array_kg_kw * pump_kw) * self.on_top;
        Some(Point {
            supply,
            lift_k,
            pump_kw,
            panel: Kelvin(cold + self.rise_k / 2.0 - net_w_m2 / self.exchange_w_m2k),
            net_w_m2,
            area_m2,
            faces_m2: 2.0 * area_m2,
            radiator_kg,
            total_kg,
            kg_kw: total_kg / self.compute_kw,
        })
    }

    /// What a m2 sheds of coolant between these temperatures: the flux that drives itself into the panel and leaves it as radiation,
    /// and into the air if there is some.
    fn net_w_m2(&self, supply: Kelvin, return_: Kelvin) -> Option<f64> {
        let radiated = |flux: f64| {
            let drop_k = flux / self.exchange_w_m2k;
            let [hot, cold] = [return_, supply].map(|t| Kelvin((t.0 - drop_k).max(0.0)));
            let to_air = self.air.map_or(0.0, |air| air.film_w_m2k * (f64::midpoint(hot.0, cold.0) - air.temperature.0));
            self.surface.mean_net_w_m2(hot, cold, self.incident) + to_air
        };
        let mut high = radiated(0.0);
        if high <= 0.0 {
            return None;
        }
        // What is radiated falls as more has to be carried in: one crossing.
        let mut low = 0.0;
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if radiated(middle) > middle {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(f64::midpoint(low, high))
    }
}

/// What falls on the panels, and the air, at the moment of one orbit or day when they take up most.
fn hottest(environment: &Environment, surface: &Surface, film_w_m2k: f64) -> (Incident, Option<Kelvin>) {
    let period_s = environment.period_s();
    let taken = |(incident, air): &(Incident, Option<Kelvin>)| surface.absorbed_w_m2(*incident) + film_w_m2k * air.map_or(0.0, |t| t.0);
    (0..LOOKS)
        .map(|k| environment.at(period_s * f64::from(k) / f64::from(LOOKS)))
        .map(|sample| (Incident::on_both_faces(&sample), sample.ambient))
        .max_by(|a, b| taken(a).total_cmp(&taken(b)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flight::FlightModel;
    use crate::profile::builtin;
    use proptest::prelude::*;

    /// 100 kW from panels at the coolant's temperature, two faces edge-on at 600 km, planet infrared alone.
    const PLAIN: Trade = Trade {
        surface: Surface { emissivity_frac: 0.9, solar_absorptivity_frac: 0.07, fin_efficiency_frac: 1.0 },
        incident: Incident { solar_w_m2: 0.0, ir_w_m2: 2.0 * 0.249 * 237.0 },
        air: None,
        heat_kw: 100.0,
        compute_kw: 100.0 / 1.12,
        rise_k: 0.0,
        exchange_w_m2k: f64::INFINITY,
        areal_kg_m2: 7.0,
        loop_kg_kw: 3.5,
        array_kg_kw: 10.9,
        rest_kg: 1700.0,
        on_top: 1.25,
    };
    const PUMP: HeatPump = HeatPump { carnot_frac: 0.4, kg_kw: 10.0 };

    fn shipped(wanted: &str) -> Profile {
        let (name, text) = builtin().iter().find(|(name, _)| *name == wanted).expect("shipped");
        Profile::parse(name, text).expect("sound")
    }

    fn january() -> Profile {
        shipped("dawn-dusk-650-january")
    }

    #[test]
    fn areas_are_the_published_ones() {
        for (k, area_m2) in [(300.0, 139.0), (330.0, 91.0), (350.0, 70.0)] {
            let point = PLAIN.at(Kelvin(k).into()).expect("a radiator");
            assert!((point.area_m2 - area_m2).abs() < 0.5, "{k} K: {} m2", point.area_m2);
            assert_eq!((point.panel.0, point.faces_m2), (k, 2.0 * point.area_m2));
            let twice = Trade { heat_kw: 200.0, ..PLAIN }.at(Kelvin(k).into()).expect("a radiator");
            assert!((twice.area_m2 / point.area_m2 - 2.0).abs() < 1e-12, "area is linear in power; temperature is the fourth root");
        }
        // Colder than where the planet's infrared alone holds the panels.
        assert_eq!(PLAIN.at(Kelvin(175.0).into()), None);
    }

    #[test]
    fn a_radiator_of_that_size_is_that_warm_in_the_flight_model() {
        as_warm_as_sized(january(), &[20.0, 40.0, 60.0]);
    }

    /// A coil in a data hall gives almost all of its heat to the air: sized by radiation alone it would be six times as large.
    #[test]
    fn a_coil_on_the_ground_is_sized_by_the_air_as_the_flight_model_has_it() {
        as_warm_as_sized(shipped("ground-air"), &[35.0, 45.0]);
        as_warm_as_sized(shipped("ground-liquid"), &[40.0, 50.0]);
        let trade = Trade::new(&shipped("ground-air"));
        let coil = trade.at(Celsius(30.0)).expect("a coil");
        let radiating = Trade { air: None, ..trade }.at(Celsius(30.0)).expect("a radiator");
        assert!((100.0..200.0).contains(&coil.area_m2) && radiating.area_m2 > 5.0 * coil.area_m2, "{coil:?} {radiating:?}");
        // Coolant no warmer than the air gives it nothing.
        assert_eq!(trade.at(Celsius(15.0)), None);
        // The warmest hour of the day counts.
        let warmest = Trade::new(&shipped("ground-solar")).air.expect("air").temperature;
        assert!((Celsius::from(warmest).0 - 28.0).abs() < 0.01, "{warmest:?}");
    }

    fn as_warm_as_sized(mut profile: Profile, supplies_degc: &[f64]) {
        let trade = Trade::new(&profile);
        for &supply_degc in supplies_degc {
            let point = trade.at(Celsius(supply_degc)).expect("a radiator");
            // Conductance per m2 is what it was.
            profile.coolant.radiator_conductance_kw_k = trade.exchange_w_m2k * point.area_m2 / 1e3;
            profile.radiator.area_m2 = point.area_m2;
            profile.radiator.panels = 8;
            let share = 1e-3;
            let flight = FlightModel::new(&profile, share);
            let board_w = profile.satellite.heat_kw * 1e3 * share / (1.0 + profile.satellite.overhead_frac);
            let period_s = profile.environment.period_s();
            let state = flight.periodic(&profile.environment, period_s, |_| board_w);
            let found: Celsius = flight.view(&state).supply.into();
            // The model flies through a varying environment, and is sized for the worst of it.
            assert!((found.0 - supply_degc).abs() < 2.0, "{found} where {supply_degc} was asked for");
        }
    }

    #[test]
    fn hotter_coolant_needs_less_of_everything() {
        let trade = Trade::new(&january());
        let curve: Vec<Point> = (0..=90).filter_map(|degc| trade.at(Celsius(f64::from(degc)))).collect();
        assert_eq!(curve.len(), 91);
        assert!(curve.windows(2).all(|w| w[1].area_m2 < w[0].area_m2 && w[1].total_kg < w[0].total_kg));
    }

    #[test]
    fn the_best_lift_is_a_minimum() {
        for degc in [0.0, 15.0, 30.0, 60.0] {
            let best = PLAIN.best_pumped(Celsius(degc), &PUMP).expect("a radiator");
            let plain = PLAIN.at(Celsius(degc)).expect("a radiator");
            assert!(best.total_kg <= plain.total_kg);
            for lift_k in [0.0, best.lift_k - 1.0, best.lift_k + 1.0, best.lift_k + 30.0] {
                if lift_k >= 0.0 {
                    let other = PLAIN.pumped(Celsius(degc), lift_k, &PUMP).expect("a radiator");
                    assert!(best.total_kg <= other.total_kg + 1e-6, "{lift_k} K beats {}", best.lift_k);
                }
            }
        }
        // A radiator heavy enough, and a pump light and good enough, make it pay.
        let heavy = Trade { areal_kg_m2: 30.0, array_kg_kw: 3.0, ..PLAIN };
        let good = HeatPump { carnot_frac: 0.7, kg_kw: 2.0 };
        let best = heavy.best_pumped(Celsius(5.0), &good).expect("a radiator");
        assert!(best.lift_k > 5.0 && best.total_kg < 0.97 * heavy.at(Celsius(5.0)).expect("a radiator").total_kg, "{best:?}");
        // Where nothing could be shed at all, a pump is the only way.
        assert!(PLAIN.best_pumped(Kelvin(170.0).into(), &PUMP).expect("with a pump").lift_k > 5.0);
    }

    proptest! {
        #[test]
        fn a_pump_never_beats_coolant_that_may_be_that_hot(
            degc in -20.0..80.0_f64, lift_k in 0.0..120.0_f64, carnot_frac in 0.05..=1.0_f64, kg_kw in 0.0..50.0_f64,
        ) {
            let pump = HeatPump { carnot_frac, kg_kw };
            let pumped = PLAIN.pumped(Celsius(degc), lift_k, &pump).expect("a radiator");
            let free = PLAIN.at(Celsius(degc + lift_k)).expect("a radiator");
            prop_assert!(pumped.area_m2 >= free.area_m2 - 1e-9 && pumped.total_kg >= free.total_kg - 1e-9);
            // No heat from cold to hot without work, and at least Carnot's.
            let carnot_kw = 100.0 * lift_k / (degc + 273.15);
            prop_assert!(pumped.pump_kw >= carnot_kw - 1e-9 && (lift_k == 0.0 || pumped.pump_kw > 0.0));
        }

        #[test]
        fn what_a_panel_sheds_is_carried_into_it(degc in -20.0..100.0_f64, exchange in 20.0..2000.0_f64, rise_k in 0.0..30.0_f64) {
            let trade = Trade { exchange_w_m2k: exchange, rise_k, ..PLAIN };
            let point = trade.at(Celsius(degc)).expect("a radiator");
            let mean_k = degc + 273.15 + rise_k / 2.0;
            prop_assert!((exchange * (mean_k - point.panel.0) - point.net_w_m2).abs() < 1e-6 * point.net_w_m2.max(1.0));
            prop_assert!(point.panel.0 < mean_k);
        }
    }
}
