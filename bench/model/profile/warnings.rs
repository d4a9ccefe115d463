//! What an engineer would ask about a profile that is sound: numbers that are each possible and together doubtful. Nothing here
//! refuses anything.

use super::Profile;
use crate::constants::{DAY_S, STEFAN_BOLTZMANN_W_M2K4};
use crate::kepler;
use crate::season::{self, Span};
use crate::trajectory::{Body, Trajectory};
use signal::{Celsius, Kelvin};

/// A large card of today, W: for the question what one of them would be of the satellite.
const CARD_W: f64 = 700.0;

/// Coolant hotter than this takes pumps, hoses and guards that are rated for it, °C.
const HOT_COOLANT_DEGC: f64 = 60.0;

/// Dies hotter than this throttle, °C: between the slowdown limits of common data-centre cards.
const HOT_DIE_DEGC: f64 = 85.0;

impl Profile {
    /// Doubts about the profile, each a sentence with its numbers. Reckons a year of eclipses: not for a loop.
    pub fn warnings(&self) -> Vec<String> {
        let mut found = Vec::new();
        let env = &self.environment;
        let known = env.span_s();
        let end_s = env.period_s().min(*known.end());
        // On the Moon half a month is a day or a night: meant.
        if env.trajectory().is_some() && self.duration_s < 0.999 * env.period_s() {
            found.push(format!("a run is {:.2} of an orbit long: what recurs will not be seen to", self.duration_s / env.period_s()));
        }
        if end_s > 0.0 {
            let orbit = season::in_stretches(env, 0.0, end_s, end_s);
            self.heat(&orbit, &mut found);
        }
        self.load(&mut found);
        if let Some((name, at_s)) = self.faults.last().filter(|(_, at_s)| *at_s >= self.duration_s) {
            found.push(format!("[fault.{name}] is at {at_s} s and a run ends at {:.0} s: it will not be seen", self.duration_s));
        }
        if let Some(trajectory) = env.trajectory() {
            self.orbit(trajectory, &mut found);
        }
        found
    }

    /// Of the radiator and the loop, at full load in the mean environment of one period.
    fn heat(&self, orbit: &Span, found: &mut Vec<String>) {
        let (radiator, coolant, satellite) = (&self.radiator, &self.coolant, &self.satellite);
        let heat_kw = satellite.heat_kw;
        let rise_k = heat_kw / coolant.heat_capacity_rate_kw_k;
        if !(2.0..=20.0).contains(&rise_k) {
            found.push(format!("full load warms the coolant by {rise_k:.1} K in one pass: loops are usually laid out for 5 to 15 K"));
        }
        // On the ground heat goes to air or water, and no panel has to radiate it.
        if self.environment.at(0.0).ambient.is_some() {
            return;
        }
        let hottest = Celsius::from(Kelvin(orbit.sink_k.most)).0;
        let supply = coolant.minimum_supply.0;
        if hottest > supply {
            found.push(format!(
                "without heat the panels reach {hottest:.0} °C in sunlight, above the minimum supply temperature of {supply:.0} °C: there the \
                 radiator warms the coolant"
            ));
        }
        let radiated = radiator.emissivity_frac * radiator.fin_efficiency_frac * STEFAN_BOLTZMANN_W_M2K4;
        let panel_k = (1000.0 * heat_kw / (2.0 * radiator.area_m2 * radiated) + orbit.sink_k.mean.powi(4)).powf(0.25);
        // The coolant is on average this much hotter than the panels, and half the rise on either side of that.
        let middle = Celsius::from(Kelvin(panel_k)).0 + heat_kw / coolant.radiator_conductance_kw_k;
        let needed = middle - rise_k / 2.0;
        if needed > HOT_COOLANT_DEGC {
            found.push(format!(
                "full load needs a supply of about {needed:.0} °C to be radiated from {} m2: above {HOT_COOLANT_DEGC} °C pumps, hoses and \
                 guards must be rated for it",
                radiator.area_m2
            ));
        }
        let die = needed.max(supply) + rise_k / 2.0 + heat_kw / coolant.plate_conductance_kw_k + heat_kw / satellite.die_plate_kw_k;
        if die > HOT_DIE_DEGC {
            found.push(format!("at full load dies come to about {die:.0} °C: most cards slow down near {HOT_DIE_DEGC} °C"));
        }
        if radiator.emissivity_frac < 0.75 {
            found.push(format!("an emissivity of {} is low for a radiator: coatings have 0.80 to 0.92", radiator.emissivity_frac));
        }
        if radiator.solar_absorptivity_frac > 0.30 {
            found.push(format!(
                "a solar absorptivity of {} is high for a radiator: reflectors have 0.05 to 0.10, white paint 0.15 to 0.25",
                radiator.solar_absorptivity_frac
            ));
        }
    }

    /// Of heat and power.
    fn load(&self, found: &mut Vec<String>) {
        let (satellite, power) = (&self.satellite, &self.power);
        let left_kw = power.array_kw * (1.0 - power.conversion_loss_frac) - power.bus_kw;
        let heat_kw = satellite.heat_kw;
        if left_kw < 0.8 * heat_kw {
            found.push(format!(
                "the array leaves {left_kw:.1} kW for compute but the loop is laid out for {heat_kw} kW: full load is never reached"
            ));
        }
        if left_kw > 1.5 * heat_kw {
            found.push(format!("the array leaves {left_kw:.1} kW for compute but the loop carries {heat_kw} kW: the rest is never used"));
        }
        let card_kw = CARD_W / 1000.0 * (1.0 + satellite.overhead_frac);
        if heat_kw < card_kw {
            found.push(format!(
                "the whole satellite makes {heat_kw} kW, less than one {CARD_W} W card with its overhead: such a card's share would be above 1"
            ));
        }
    }

    /// Of the orbit and when it is flown.
    fn orbit(&self, trajectory: &Trajectory, found: &mut Vec<String>) {
        let period_s = trajectory.period_s();
        let known = trajectory.span_s();
        let radii = (0..64).map(|k| trajectory.at((period_s * f64::from(k) / 64.0).min(*known.end())).radius_km);
        let (low, high) = radii.fold((f64::MAX, 0.0_f64), |(low, high), r| (low.min(r), high.max(r)));
        let body = trajectory.body();
        let lowest = low - body.radius_km();
        if body == Body::Earth && lowest < 300.0 {
            found.push(format!("at {lowest:.0} km air brings a satellite down within weeks: it is not modelled"));
        }
        if high > 0.1 * kepler::influence_km(body) {
            found.push(format!("{high:.0} km from the centre other bodies pull noticeably within weeks: they are not modelled, so do not trust dates far from the epoch"));
        }
        let around = &self.environment.surroundings();
        if body == Body::Earth {
            for (what, value, cold, hot) in
                [("albedo", around.albedo_frac, 0.20, 0.40), ("planet infrared", around.planet_ir_w_m2, 206.0, 286.0)]
            {
                if !(cold..=hot).contains(&value) {
                    found.push(format!("{what} {value} is outside the space station's design pair, {cold} cold to {hot} hot"));
                }
            }
        }
        // A run without night in a year with nights: meant, or the wrong date?
        let (from_s, to_s) = (known.start().max(-183.0 * DAY_S), known.end().min(183.0 * DAY_S));
        if self.environment.shadow_edges(0.0, self.duration_s.min(*known.end())).is_empty() && from_s < to_s {
            let year = self.environment.shadow_edges(from_s, to_s);
            let next = year.iter().map(|e| e.mission_s).filter(|t| *t > 0.0).fold(f64::INFINITY, f64::min);
            if next.is_finite() {
                found.push(format!("a run sees no eclipse; the next one is {:.0} days after the epoch", next / DAY_S));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::builtin;

    fn warnings(changes: &[(&str, &str)]) -> Vec<String> {
        let text = changes.iter().fold(builtin()[0].1.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "no {from}");
            text.replace(from, to)
        });
        Profile::parse("p.toml", &text).expect("sound, if doubtful").warnings()
    }

    #[test]
    fn the_default_raises_no_doubt() {
        assert_eq!(warnings(&[]), Vec::<String>::new());
    }

    #[test]
    fn each_doubt_comes_with_its_numbers() {
        for (changes, expected) in [
            (&[("heat_capacity_rate_kw_k = 12.5", "heat_capacity_rate_kw_k = 2.0")][..], "warms the coolant by 50.0 K"),
            (
                &[("\"sun_edge\"", "\"sun_normal\""), ("solar_absorptivity_frac = 0.07", "solar_absorptivity_frac = 0.9")],
                "above the minimum supply temperature of 14 °C",
            ),
            (&[("solar_absorptivity_frac = 0.07", "solar_absorptivity_frac = 0.35")], "a solar absorptivity of 0.35 is high"),
            (&[("emissivity_frac = 0.88", "emissivity_frac = 0.5")], "an emissivity of 0.5 is low"),
            (&[("area_m2 = 150.0", "area_m2 = 80.0")], "full load needs a supply of about 7"),
            (&[("die_plate_kw_k = 4.0", "die_plate_kw_k = 1.2")], "dies come to about 1"),
            (&[("array_kw = 150.0", "array_kw = 60.0")], "leaves 45.2 kW for compute but the loop is laid out for 100 kW"),
            (&[("array_kw = 150.0", "array_kw = 400.0")], "the rest is never used"),
            (
                &[("[power]", "[fault.pump_trip]\nat_s = 9000\nflow_frac = 0\n\n[power]")],
                "[fault.pump_trip] is at 9000 s and a run ends at 5864 s",
            ),
            (&[("duration_orbits = 1.0", "duration_orbits = 0.4")], "a run is 0.40 of an orbit long"),
            (&[("altitude_km = 650.0", "altitude_km = 250.0")], "air brings a satellite down"),
            (&[("albedo_frac = 0.30", "albedo_frac = 0.05")], "albedo 0.05 is outside"),
            (&[("epoch = 2026-06-21", "epoch = 2026-01-05")], "no eclipse; the next one is 121 days after the epoch"),
            (
                &[
                    ("heat_kw = 100.0", "heat_kw = 0.5"),
                    ("heat_capacity_rate_kw_k = 12.5", "heat_capacity_rate_kw_k = 0.0625"),
                    ("array_kw = 150.0", "array_kw = 11.5"),
                ],
                "less than one 700 W card",
            ),
        ] {
            let found = warnings(changes);
            assert!(found.iter().any(|w| w.contains(expected)), "no {expected:?} in {found:#?}");
        }
    }

    #[test]
    fn what_ships_is_doubtful_only_where_it_is_meant_to_be() {
        for (name, text) in builtin() {
            let found = Profile::parse(name, text).expect("sound").warnings();
            let expected: &[&str] = match *name {
                // A small, hot radiator is the point.
                "dawn-dusk-600-ai1" => &["full load needs a supply", "dies come to"],
                "dawn-dusk-650-january" => &["a run sees no eclipse"],
                _ => continue,
            };
            assert_eq!(found.len(), expected.len(), "{name}: {found:#?}");
            assert!(found.iter().zip(expected).all(|(f, e)| f.contains(e)), "{name}: {found:#?}");
        }
    }
}
