//! A panel's surface against everything outside the coolant: what falls on it, what it emits, what it exchanges with its
//! neighbours, the own array, the air. All per square metre of planform. Not here: how many panels there are, nor time.
//!
//! Grey diffuse surfaces. A neighbour hides part of the sky and reflects the rest of it, so a panel in an enclosure at its own
//! temperature is in balance whatever it sees; sunlight and albedo are not hidden. The array adds its infrared and hides
//! nothing: its view factor and the planet's must leave room for each other. What panels send to the array is too little to
//! move it. The fin's efficiency lowers every exchange of the root alike but that of sunlight.

use crate::constants::STEFAN_BOLTZMANN_W_M2K4 as SIGMA;
use crate::environment::{Face, Sample};
use crate::profile::Profile;
use crate::radiator::{Fin, fin_efficiency};
use std::sync::Arc;

/// Spacing of the roots at which a fin's efficiency is computed, K; in between a cubic errs by less than 1e-7.
const KNOT_K: f64 = 10.0;
/// Knots from 0 K on; hotter than the last the efficiency stays.
const KNOTS: usize = 81;

/// Constants of the surface.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Skin {
    efficiency: Efficiency,
    /// Of faces a and b.
    emissivity: [f64; 2],
    absorptivity: [f64; 2],
    /// Both faces of an isothermal panel, W/(m2 K4).
    pub(super) emission_w_m2k4: f64,
    /// Air against both faces, W/(m2 K).
    convection_w_m2k: f64,
    /// From a neighbour, each way, W/(m2 K4); 0 without a view.
    neighbour_w_m2k4: f64,
    /// Part of the sky that each neighbour hides.
    hidden_frac: f64,
    /// Infrared of the array taken up, per T^4 of the array, W/(m2 K4).
    array_w_m2k4: f64,
    array: Array,
}

/// The array, per square metre of itself.
#[derive(Clone, Debug, Default, PartialEq)]
struct Array {
    heat_frac: f64,
    /// Both sides, W/(m2 K4); 0 without an array.
    emission_w_m2k4: f64,
    /// J/(m2 K); `None` if it follows at once.
    capacity_j_m2k: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
enum Efficiency {
    Number(f64),
    /// Value and slope (1/K) at each knot.
    Computed(Arc<[(f64, f64)]>),
}

/// What falls on panels and array at one moment, as the surface takes it up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sky {
    /// Sunlight, direct and reflected, W/m2.
    pub(super) sunlight_w_m2: f64,
    /// Infrared that an isothermal panel would take up, W/m2.
    pub(super) infrared_w_m2: f64,
    /// Heat into the array where it is a node, W per m2 of array.
    pub(super) array_w_m2: f64,
    /// Air against both faces, W/(m2 K); 0 in vacuum.
    pub(super) air_w_m2k: f64,
    pub(super) air_k: f64,
}

impl Sky {
    /// The one `part` of the way, 0..1, from here to `to`.
    pub(super) fn towards(&self, to: &Self, part: f64) -> Self {
        let mix = |a: f64, b: f64| a + part * (b - a);
        Self {
            sunlight_w_m2: mix(self.sunlight_w_m2, to.sunlight_w_m2),
            infrared_w_m2: mix(self.infrared_w_m2, to.infrared_w_m2),
            array_w_m2: mix(self.array_w_m2, to.array_w_m2),
            air_w_m2k: mix(self.air_w_m2k, to.air_w_m2k),
            air_k: mix(self.air_k, to.air_k),
        }
    }

    /// The mean over a stretch of which start, middle and end are known (Simpson's rule).
    pub(super) fn mean(start: &Self, middle: &Self, end: &Self) -> Self {
        start.towards(end, 0.5).towards(middle, 2.0 / 3.0)
    }
}

/// Heat into a panel, W/m2, and its derivatives.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    pub(super) heat_w_m2: f64,
    /// By the panel's temperature, W/(m2 K).
    pub(super) by_panel: f64,
    /// By the array's, W/(m2 K).
    pub(super) by_array: f64,
}

impl Skin {
    pub(super) fn new(profile: &Profile) -> Self {
        let radiator = &profile.radiator;
        let emissivity = [radiator.emissivity_frac, radiator.emissivity_b_frac];
        let emissivities = emissivity[0] + emissivity[1];
        let emission_w_m2k4 = emissivities * SIGMA;
        let hidden_frac = radiator.neighbour_view_frac * emissivities / 2.0;
        let (array, array_w_m2k4) = profile.own_array.map_or_else(Default::default, |own| {
            let array = Array {
                heat_frac: own.heat_frac,
                emission_w_m2k4: (own.emissivity_front_frac + own.emissivity_back_frac) * SIGMA,
                capacity_j_m2k: own.heat_capacity_kj_m2k.map(|c| c * 1e3),
            };
            let seen = own.view_a_frac * emissivity[0] + own.view_b_frac * emissivity[1];
            (array, seen * own.emissivity_back_frac * SIGMA)
        });
        Self {
            efficiency: radiator
                .fin
                .map_or(Efficiency::Number(radiator.fin_efficiency_frac), |fin| Efficiency::Computed(curve(&fin, emissivities))),
            emissivity,
            absorptivity: [radiator.solar_absorptivity_frac, radiator.solar_absorptivity_b_frac],
            emission_w_m2k4,
            convection_w_m2k: 2.0 * radiator.convection_w_m2k,
            neighbour_w_m2k4: hidden_frac * emission_w_m2k4,
            hidden_frac,
            array_w_m2k4,
            array,
        }
    }

    /// True if the array has a temperature of its own.
    pub(super) fn has_array_node(&self) -> bool {
        self.array.capacity_j_m2k.is_some()
    }

    /// True if panels see each other.
    pub(super) fn sees_neighbours(&self) -> bool {
        self.neighbour_w_m2k4 > 0.0
    }

    /// What `env` sends.
    pub(super) fn sky(&self, env: &Sample) -> Sky {
        let sunlight = |face: &Face| face.solar_w_m2 + face.albedo_w_m2;
        let heat_w_m2 = self.array.heat_frac * env.array_w_m2;
        let mut infrared_w_m2 = self.emissivity[0] * env.a.ir_w_m2 + self.emissivity[1] * env.b.ir_w_m2;
        if self.array.emission_w_m2k4 > 0.0 && !self.has_array_node() {
            infrared_w_m2 += self.array_w_m2k4 * heat_w_m2 / self.array.emission_w_m2k4;
        }
        Sky {
            sunlight_w_m2: self.absorptivity[0] * sunlight(&env.a) + self.absorptivity[1] * sunlight(&env.b),
            infrared_w_m2,
            array_w_m2: heat_w_m2,
            air_w_m2k: if env.ambient.is_some() { self.convection_w_m2k } else { 0.0 },
            air_k: env.ambient.map_or(0.0, |t| t.0),
        }
    }

    /// Efficiency of the fin whose root is at `t` kelvin, and its slope, 1/K.
    #[inline]
    pub(super) fn efficiency(&self, t: f64) -> (f64, f64) {
        match &self.efficiency {
            Efficiency::Number(eta) => (*eta, 0.0),
            Efficiency::Computed(knots) => between(knots, t),
        }
    }

    /// Into a panel at `t` that has `neighbours` of them and sees an array at `array_k` (0 if that is no node), neighbours' own
    /// infrared left out.
    #[inline]
    pub(super) fn taken(&self, sky: &Sky, t: f64, neighbours: f64, array_k: f64) -> Taken {
        let (eta, slope) = self.efficiency(t);
        let seen = 1.0 - neighbours * self.hidden_frac;
        let cubed = t * t * t;
        let glow = array_k * array_k * array_k * self.array_w_m2k4;
        let root = seen * (sky.infrared_w_m2 + glow * array_k - self.emission_w_m2k4 * cubed * t) + sky.air_w_m2k * (sky.air_k - t);
        Taken {
            heat_w_m2: sky.sunlight_w_m2 + eta * root,
            by_panel: slope * root - eta * (4.0 * seen * self.emission_w_m2k4 * cubed + sky.air_w_m2k),
            by_array: 4.0 * eta * seen * glow,
        }
    }

    /// Of [`Skin::taken`] what the air gave, W/m2.
    pub(super) fn air_gives_w_m2(&self, sky: &Sky, t: f64) -> f64 {
        self.efficiency(t).0 * sky.air_w_m2k * (sky.air_k - t)
    }

    /// From a neighbour at `u` into a panel at `t`, W/m2, and its derivatives by `t` and by `u`.
    #[inline]
    pub(super) fn neighbour_gives(&self, t: f64, u: f64) -> (f64, f64, f64) {
        let ((eta_t, slope_t), (eta_u, slope_u)) = (self.efficiency(t), self.efficiency(u));
        let k = self.neighbour_w_m2k4;
        let apart = u.powi(4) - t.powi(4);
        let by_t = k * eta_u * (slope_t * apart - 4.0 * eta_t * t.powi(3));
        let by_u = k * eta_t * (slope_u * apart + 4.0 * eta_u * u.powi(3));
        (k * eta_t * eta_u * apart, by_t, by_u)
    }

    /// Temperature at which an array that is a node neither warms nor cools, K.
    pub(super) fn array_at_rest_k(&self, sky: &Sky) -> f64 {
        (sky.array_w_m2 / self.array.emission_w_m2k4).sqrt().sqrt()
    }

    /// How fast an array at `t` warms, K/s, and the derivative by `t`.
    #[inline]
    pub(super) fn array(&self, sky: &Sky, t: f64) -> (f64, f64) {
        let capacity = self.array.capacity_j_m2k.unwrap_or(f64::INFINITY);
        let cubed = self.array.emission_w_m2k4 * t * t * t;
        ((sky.array_w_m2 - cubed * t) / capacity, -4.0 * cubed / capacity)
    }
}

fn curve(fin: &Fin, emissivities: f64) -> Arc<[(f64, f64)]> {
    let at = |t: f64| fin_efficiency(fin.zeta(emissivities, signal::Kelvin(t))).unwrap_or(1.0);
    let slope = |t: f64| (at(t + 0.1) - at(t - 0.1)) / 0.2;
    (0..KNOTS).map(|k| k as f64 * KNOT_K).map(|t| if t > 0.0 { (at(t), slope(t)) } else { (1.0, 0.0) }).collect()
}

/// The cubic through two knots with their slopes.
fn between(knots: &[(f64, f64)], t: f64) -> (f64, f64) {
    let at = t.max(0.0) / KNOT_K;
    let k = at as usize;
    let (Some(&(y0, m0)), Some(&(y1, m1))) = (knots.get(k), knots.get(k + 1)) else {
        return (knots.last().map_or(1.0, |last| last.0), 0.0);
    };
    let s = at - k as f64;
    let (m0, m1, rise) = (m0 * KNOT_K, m1 * KNOT_K, y1 - y0);
    let (c2, c3) = (3.0 * rise - 2.0 * m0 - m1, m0 + m1 - 2.0 * rise);
    (y0 + s * (m0 + s * (c2 + s * c3)), (m0 + s * (2.0 * c2 + 3.0 * s * c3)) / KNOT_K)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_computed_fin_is_the_table_and_its_slope_the_derivative() {
        // The published table: efficiency at zeta for a root at 300 K, both faces alike.
        for (zeta, eta) in [(0.05, 0.939_830), (0.1, 0.890_035), (0.25, 0.779_506), (1.0, 0.533_989)] {
            let fin = Fin { length_m: 1.0, thickness_m: 2.0 * 0.9 * SIGMA * 300.0_f64.powi(3) / zeta, conductivity_w_mk: 1.0 };
            assert!((fin.zeta(1.8, signal::Kelvin(300.0)) - zeta).abs() < 1e-12);
            let knots = curve(&fin, 1.8);
            assert!((between(&knots, 300.0).0 - eta).abs() < 1e-4);
            for t in [3.0, 96.5, 304.2, 333.3, 488.8] {
                let exact = fin_efficiency(fin.zeta(1.8, signal::Kelvin(t))).expect("a fin");
                let (found, slope) = between(&knots, t);
                assert!((found - exact).abs() < 2e-7, "zeta {zeta} at {t} K: {found}, {exact}");
                let differences = (between(&knots, t + 1e-4).0 - between(&knots, t - 1e-4).0) / 2e-4;
                assert!((slope - differences).abs() < 1e-8, "{slope} {differences}");
            }
            assert_eq!(between(&knots, 1e4).1, 0.0);
            assert_eq!(between(&knots, -5.0).0, 1.0);
        }
    }
}
