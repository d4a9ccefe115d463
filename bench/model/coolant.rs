//! Coolants of a bench and what can be told from their warming: density, heat capacity, and a calorimeter with its uncertainty.
//!
//! Water by IAPWS-95 (Wagner and Pruss, J. Phys. Chem. Ref. Data 31, 2002) at 2 bar, in steps of ten kelvin. Aqueous glycols by the polynomials of Melinder,
//! "Properties of Secondary Working Fluids for Indirect Systems", IIR 2010, with the coefficients as `CoolProp` publishes them for its fluids MEG and MPG.
//! Outside of the ranges nothing is told. Not here: viscosity, freezing, pumps.

use signal::{Celsius, Kelvin, Watts};

/// What flows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Coolant {
    /// Water, 0 to 100 °C.
    Water,
    /// Ethylene glycol in water, by its part of the mass, 0 to 0.6.
    EthyleneGlycol(f64),
    /// Propylene glycol in water, by its part of the mass, 0 to 0.6.
    PropyleneGlycol(f64),
    /// By declared properties, taken as constant.
    Declared {
        /// Density, kg/m³.
        density_kg_m3: f64,
        /// Specific heat capacity, J/(kg K).
        cp_j_kg_k: f64,
    },
}

/// Largest part of glycol that the polynomials know.
pub const MOST_GLYCOL: f64 = 0.6;

/// Density (kg/m³) and heat capacity (J/(kg K)) of water at 0, 10, ... 100 °C and 2 bar, IAPWS-95.
const WATER: [(f64, f64); 11] = [
    (999.89, 4218.9),
    (999.75, 4194.8),
    (998.25, 4183.7),
    (995.69, 4179.6),
    (992.26, 4179.2),
    (988.08, 4181.1),
    (983.24, 4184.7),
    (977.81, 4189.9),
    (971.83, 4196.5),
    (965.35, 4205.0),
    (958.40, 4215.4),
];

/// Melinder's polynomial of two variables: rows are powers of temperature, columns powers of concentration.
type Polynomial = [[f64; 6]; 4];

struct Glycol {
    /// Temperature and concentration that the polynomials are about.
    base: (f64, f64),
    density: Polynomial,
    heat: Polynomial,
}

const ETHYLENE: Glycol = Glycol {
    base: (304.878, 0.308_462),
    density: [
        [1034.0, 131.1, 0.749, -106.2, -96.23, 489.1],
        [-0.4781, -0.6876, 0.7855, 1.229, -7.211, 0.0],
        [-2.692e-3, 4.805e-3, -3.995e-3, -1.153e-2, 0.0, 0.0],
        [4.725e-6, 1.690e-6, 4.982e-5, 0.0, 0.0, 0.0],
    ],
    heat: [
        [3737.0, -1799.0, -993.3, 2610.0, 1537.0, -16180.0],
        [2.930, 10.46, 3.516, -1.189, -42.72, 0.0],
        [-4.675e-3, -4.147e-2, 5.109e-2, -0.1643, 0.0, 0.0],
        [-1.389e-5, 1.847e-5, -7.138e-4, 0.0, 0.0, 0.0],
    ],
};

const PROPYLENE: Glycol = Glycol {
    base: (305.8583, 0.307_031),
    density: [
        [1018.0, 76.04, -24.98, -155.0, -113.1, 234.2],
        [-0.5406, -0.9450, 0.2700, 2.829, -2.221, 0.0],
        [-2.666e-3, 5.541e-3, -4.018e-3, -7.175e-3, 0.0, 0.0],
        [1.347e-5, -1.343e-5, 3.376e-5, 0.0, 0.0, 0.0],
    ],
    heat: [
        [3882.0, -1304.0, -1598.0, 353.9, 5000.0, -4959.0],
        [2.699, 5.070, 0.9534, 31.02, -71.35, 0.0],
        [-1.659e-3, -4.752e-3, 0.1167, -0.2950, 0.0, 0.0],
        [-1.032e-5, 1.522e-4, -4.870e-4, 0.0, 0.0, 0.0],
    ],
};

impl Glycol {
    fn at(&self, polynomial: &Polynomial, Kelvin(t): Kelvin, frac: f64) -> f64 {
        let (dt, dx) = (t - self.base.0, frac - self.base.1);
        let row = |row: &[f64; 6]| row.iter().rev().fold(0.0, |sum, c| sum * dx + c);
        polynomial.iter().rev().fold(0.0, |sum, powers| sum * dt + row(powers))
    }
}

impl Coolant {
    /// Density, kg/m³, and specific heat capacity, J/(kg K), at `t`; `None` outside of what is known.
    pub fn properties(&self, t: Celsius) -> Option<(f64, f64)> {
        let glycol = |g: &Glycol, frac: f64| {
            let known = (0.0..=MOST_GLYCOL).contains(&frac) && (-40.0..=100.0).contains(&t.0);
            known.then(|| (g.at(&g.density, t.into(), frac), g.at(&g.heat, t.into(), frac)))
        };
        match *self {
            Self::Water => {
                let at = Some(t.0 / 10.0).filter(|at| (0.0..=10.0).contains(at))?;
                let low = (at.floor() as usize).min(WATER.len() - 2);
                let mix = |a: f64, b: f64| a + (b - a) * (at - low as f64);
                Some((mix(WATER[low].0, WATER[low + 1].0), mix(WATER[low].1, WATER[low + 1].1)))
            }
            Self::EthyleneGlycol(frac) => glycol(&ETHYLENE, frac),
            Self::PropyleneGlycol(frac) => glycol(&PROPYLENE, frac),
            Self::Declared { density_kg_m3, cp_j_kg_k } => Some((density_kg_m3, cp_j_kg_k)),
        }
    }

    /// Heat that a flow of `flow_l_min`, metered at `metered`, takes up for each kelvin of warming about `mean`, W/K.
    pub fn rate_w_k(&self, flow_l_min: f64, metered: Celsius, mean: Celsius) -> Option<f64> {
        let (density, _) = self.properties(metered)?;
        let (_, cp) = self.properties(mean)?;
        Some(flow_l_min / 60_000.0 * density * cp)
    }
}

/// Heat from flow and warming. Its flow meter is in the supply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calorimeter {
    /// What flows.
    pub coolant: Coolant,
    /// Least flow at which it is believed, l/min: with the coolant standing still its sensors know nothing of the board's heat.
    pub least_l_min: f64,
    /// Standard uncertainty of the difference of the two sensors after matching, K.
    pub match_k: f64,
    /// Relative standard uncertainty of the flow meter.
    pub flow_frac: f64,
    /// Relative standard uncertainty of density times heat capacity.
    pub property_frac: f64,
    /// Heat that the pump brings in between the two sensors, W.
    pub pump_w: f64,
    /// Part of the board's heat that the coolant takes up; the rest goes into the room.
    pub capture_frac: f64,
}

/// What a calorimeter says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calorimetry {
    /// Heat that the coolant took up.
    pub coolant: Watts,
    /// Board heat that stands for: less the pump's, over the part captured.
    pub board: Watts,
    /// Standard uncertainty of the board heat, W.
    pub u_w: f64,
}

impl Calorimeter {
    /// Heat from `flow_l_min` that came at `supply` and left at `return_`; `None` below the least flow and outside of what is known of the coolant.
    pub fn measure(&self, flow_l_min: f64, supply: Celsius, return_: Celsius) -> Option<Calorimetry> {
        let enough = flow_l_min.is_finite() && flow_l_min >= self.least_l_min && flow_l_min > 0.0;
        let mean = Celsius(f64::midpoint(supply.0, return_.0));
        let rate = self.coolant.rate_w_k(flow_l_min, supply, mean).filter(|_| enough)?;
        let coolant = rate * (return_.0 - supply.0);
        let u = (rate * self.match_k).hypot(coolant * self.flow_frac).hypot(coolant * self.property_frac);
        Some(Calorimetry { coolant: Watts(coolant), board: Watts((coolant - self.pump_w) / self.capture_frac), u_w: u / self.capture_frac })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDEAL: Calorimeter = Calorimeter {
        coolant: Coolant::Water,
        least_l_min: 0.05,
        match_k: 0.0,
        flow_frac: 0.0,
        property_frac: 0.0,
        pump_w: 0.0,
        capture_frac: 1.0,
    };

    /// By `CoolProp` 7: IAPWS-95 for water at 2 bar and its own evaluation of the glycols.
    #[test]
    fn properties_as_another_program_has_them() {
        use Coolant::{EthyleneGlycol as Eg, PropyleneGlycol as Pg, Water};
        let table = [
            (Water, 5.0, 1000.015, 4204.614),
            (Water, 25.0, 997.092, 4181.029),
            (Water, 45.0, 990.256, 4179.908),
            (Water, 65.0, 980.594, 4187.105),
            (Eg(0.2), 5.0, 1028.095, 3869.502),
            (Eg(0.3), 25.0, 1035.943, 3732.840),
            (Eg(0.5), 65.0, 1037.062, 3523.950),
            (Pg(0.2), 5.0, 1019.086, 3945.922),
            (Pg(0.3), 45.0, 1010.518, 3923.561),
            (Pg(0.5), 25.0, 1035.785, 3549.416),
        ];
        for (coolant, degc, density, cp) in table {
            let (d, c) = coolant.properties(Celsius(degc)).expect("known");
            assert!((d / density - 1.0).abs() < 6e-4 && (c / cp - 1.0).abs() < 6e-4, "{coolant:?} at {degc}: {d} {c}");
        }
        assert_eq!(Water.properties(Celsius(-1.0)), None);
        assert_eq!(Eg(0.7).properties(Celsius(20.0)), None);
        assert_eq!(Water.properties(Celsius(f64::NAN)), None);
    }

    /// 350 W at 2 l/min warm water by 2.5 K, and two sensors of 0.15 K (their difference 0.21 K) make that known to 8.5 %.
    #[test]
    fn hundred_watts_known_to_a_few() {
        let meter = Calorimeter { match_k: 0.15 * 2.0_f64.sqrt(), ..IDEAL };
        let told = meter.measure(2.0, Celsius(25.0), Celsius(27.516)).expect("known");
        assert!((told.board.0 - 350.0).abs() < 1.0, "{told:?}");
        assert!((told.u_w / told.board.0 - 0.0845).abs() < 0.001, "{told:?}");
    }

    #[test]
    fn the_pump_is_taken_off_and_what_is_not_captured_added() {
        let plain = IDEAL.measure(1.0, Celsius(20.0), Celsius(21.0)).expect("known");
        let corrected = Calorimeter { pump_w: 5.0, capture_frac: 0.9, ..IDEAL }.measure(1.0, Celsius(20.0), Celsius(21.0)).expect("known");
        assert!((corrected.board.0 - (plain.coolant.0 - 5.0) / 0.9).abs() < 1e-9);
    }

    #[test]
    fn still_coolant_says_nothing() {
        assert_eq!(IDEAL.measure(0.0, Celsius(20.0), Celsius(30.0)), None);
        assert_eq!(IDEAL.measure(0.04, Celsius(20.0), Celsius(30.0)), None);
        assert_eq!(IDEAL.measure(f64::NAN, Celsius(20.0), Celsius(30.0)), None);
    }
}
