//! What a part weighs, from readings of a scale taken in turn with and without it, and how well that is known.
//!
//! The scheme is empty, loaded, empty, ..., empty: each load is held against the mean of the empty readings on either side, which takes a
//! steady drift of the zero out. The uncertainty is made as the GUM (JCGM 100:2008) says: scatter of the repeats, digits of the display,
//! what is known of the scale itself, and the air that the part floats in. Not here: the scale, the operator, the ledger.

use thiserror::Error;

/// Density of air that scales are adjusted in, kg/m³ (OIML R 111-1:2004, 10.2.1).
pub const AIR_KG_M3: f64 = 1.2;
/// Density of the weights that they are adjusted with, kg/m³ (there).
pub const WEIGHTS_KG_M3: f64 = 8000.0;
/// Least dense part that is thought of where nobody says what it is made of, kg/m³: water, or a board with its air gaps (assumed).
const LIGHTEST_KG_M3: f64 = 1000.0;

/// A scale, as far as it bears on what is weighed on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Balance {
    /// One step of its display, kg.
    pub readability_kg: f64,
    /// Standard uncertainty of what it says beyond that, kg: of its certificate, or its error limit over √3.
    pub accuracy_kg: f64,
}

/// What was read, kg.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings {
    /// Without the part: one more than with it.
    pub empty_kg: Vec<f64>,
    /// With it.
    pub loaded_kg: Vec<f64>,
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighed {
    /// Mass, kg; of a part of stated density, corrected for the air.
    pub kg: f64,
    /// Its standard uncertainty, kg.
    pub u_kg: f64,
    /// Of that, the scatter of the mean, kg; `None` of a single weighing, which has none.
    pub scatter_kg: Option<f64>,
    /// The digits, kg.
    pub digits_kg: f64,
    /// The scale, kg.
    pub scale_kg: f64,
    /// The air, kg.
    pub air_kg: f64,
    /// How far the zero wandered from first to last, kg.
    pub drift_kg: f64,
}

/// Why readings make no mass.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum Unweighed {
    /// Not one more empty reading than loaded ones, or none at all.
    #[error("{empty} empty and {loaded} loaded readings make no weighing: it takes one more empty than loaded")]
    Scheme {
        /// How many.
        empty: usize,
        /// How many.
        loaded: usize,
    },
    /// A reading is no number.
    #[error("a reading is no number")]
    NotANumber,
    /// The part weighs less than what can be told from nothing.
    #[error("{kg:.6} kg cannot be told from nothing on a scale of {readability_kg} kg: was the part on the pan?")]
    Nothing {
        /// What came out.
        kg: f64,
        /// One step of the display.
        readability_kg: f64,
    },
    /// The repeats are farther apart than the scale can make them.
    #[error(
        "the repeats lie {spread_kg:.6} kg apart, more than {limit_kg:.6} kg: something touched the pan, or another part lay on it; \
         weigh again"
    )]
    Scattered {
        /// From least to most.
        spread_kg: f64,
        /// What is borne.
        limit_kg: f64,
    },
}

/// Repeats may lie this many standard uncertainties of a single difference apart, or this part of the mass: beyond both something else
/// happened (assumed: draughts move a fine balance by many of its digits, and nobody swaps a part for one so alike).
const SPREAD: f64 = 8.0;
const SPREAD_FRAC: f64 = 0.002;

/// The mass from its readings. `density_kg_m3` is the part's, where it is known: then the air is corrected for, else doubted.
pub fn weigh(balance: Balance, readings: &Readings, density_kg_m3: Option<f64>) -> Result<Weighed, Unweighed> {
    let Readings { empty_kg, loaded_kg } = readings;
    let (empty, loaded) = (empty_kg.len(), loaded_kg.len());
    if loaded == 0 || empty != loaded + 1 {
        return Err(Unweighed::Scheme { empty, loaded });
    }
    if empty_kg.iter().chain(loaded_kg).any(|kg| !kg.is_finite()) {
        return Err(Unweighed::NotANumber);
    }
    let differences: Vec<f64> =
        loaded_kg.iter().zip(empty_kg.windows(2)).map(|(load, zero)| load - f64::midpoint(zero[0], zero[1])).collect();
    let n = differences.len() as f64;
    let shown_kg = differences.iter().sum::<f64>() / n;
    let step_kg = balance.readability_kg;
    if shown_kg < step_kg {
        return Err(Unweighed::Nothing { kg: shown_kg, readability_kg: step_kg });
    }
    // A rounded reading is uniform over one step: the load's, and the mean of two zeros.
    let single_kg = step_kg / 12.0_f64.sqrt() * 1.5_f64.sqrt();
    let (least, most) = differences.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), d| (a.min(*d), b.max(*d)));
    let limit_kg = (SPREAD * single_kg.hypot(balance.accuracy_kg)).max(SPREAD_FRAC * shown_kg);
    if most - least > limit_kg {
        return Err(Unweighed::Scattered { spread_kg: most - least, limit_kg });
    }
    let scatter_kg = (loaded > 1).then(|| {
        let variance = differences.iter().map(|d| (d - shown_kg).powi(2)).sum::<f64>() / (n - 1.0);
        (variance / n).sqrt()
    });
    // The digits are not averaged away: the same part at rest is rounded the same way each time.
    let (kg, air_kg) = match density_kg_m3 {
        Some(density) => (shown_kg * (1.0 - AIR_KG_M3 / WEIGHTS_KG_M3) / (1.0 - AIR_KG_M3 / density), 0.0),
        // From none (as dense as the weights) to that of the lightest: uniform between.
        None => (shown_kg, shown_kg * (AIR_KG_M3 / LIGHTEST_KG_M3 - AIR_KG_M3 / WEIGHTS_KG_M3) / 12.0_f64.sqrt()),
    };
    let u_kg = [scatter_kg.unwrap_or(0.0), single_kg, balance.accuracy_kg, air_kg].iter().map(|u| u * u).sum::<f64>().sqrt();
    Ok(Weighed {
        kg,
        u_kg,
        scatter_kg,
        digits_kg: single_kg,
        scale_kg: balance.accuracy_kg,
        air_kg,
        drift_kg: empty_kg[empty - 1] - empty_kg[0],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BENCH: Balance = Balance { readability_kg: 0.001, accuracy_kg: 0.001 };

    fn readings(empty: &[f64], loaded: &[f64]) -> Readings {
        Readings { empty_kg: empty.to_vec(), loaded_kg: loaded.to_vec() }
    }

    #[test]
    fn a_plate_weighed_three_times() {
        let read = readings(&[0.000, 0.001, 0.000, 0.001], &[0.551, 0.551, 0.552]);
        let found = weigh(BENCH, &read, None).expect("a mass");
        // Worked by hand: differences 0.5505, 0.5505, 0.5515.
        assert!((found.kg - 0.550_833_333).abs() < 1e-9, "{found:?}");
        assert!((found.scatter_kg.expect("three") - 3.333_333e-4).abs() < 1e-9, "{found:?}");
        assert!((found.digits_kg - 3.535_534e-4).abs() < 1e-9, "{found:?}");
        // 0.5508 kg x 1.2 x (1/1000 - 1/8000) / √12.
        assert!((found.air_kg - 1.669_625e-4).abs() < 1e-9, "{found:?}");
        assert!((found.u_kg - (3.333_333e-4_f64.powi(2) + 3.535_534e-4_f64.powi(2) + 1e-6 + 1.669_625e-4_f64.powi(2)).sqrt()).abs() < 1e-9);
        assert!((found.drift_kg - 0.001).abs() < 1e-12);
    }

    #[test]
    fn air_is_corrected_by_the_published_factor() {
        // OIML R 111: a true kilogram of density 2700 in such air is shown as (1 - 1.2/2700) / (1 - 1.2/8000) kg.
        let shown: f64 = (1.0 - 1.2 / 2700.0) / (1.0 - 1.2 / 8000.0);
        assert!((shown - 0.999_705_511).abs() < 1e-9);
        let fine = Balance { readability_kg: 1e-6, accuracy_kg: 0.0 };
        let found = weigh(fine, &readings(&[0.0, 0.0], &[shown]), Some(2700.0)).expect("a mass");
        assert!((found.kg - 1.0).abs() < 1e-12 && found.air_kg == 0.0 && found.scatter_kg.is_none(), "{found:?}");
        // Not corrected, the doubt covers it: it is a third of a gram, and the doubt of the air alone three tenths.
        let doubted = weigh(fine, &readings(&[0.0, 0.0], &[shown]), None).expect("a mass");
        assert!((doubted.kg - 1.0).abs() < 2.0 * doubted.u_kg, "{doubted:?}");
    }

    #[test]
    fn what_is_no_weighing_is_refused() {
        let refused = |empty: &[f64], loaded: &[f64]| weigh(BENCH, &readings(empty, loaded), None).expect_err("no mass");
        assert_eq!(refused(&[], &[]), Unweighed::Scheme { empty: 0, loaded: 0 });
        assert_eq!(refused(&[0.0], &[0.5]), Unweighed::Scheme { empty: 1, loaded: 1 });
        assert_eq!(refused(&[0.0, f64::NAN], &[0.5]), Unweighed::NotANumber);
        assert!(matches!(refused(&[0.0, 0.0], &[0.0]), Unweighed::Nothing { .. }));
        assert!(matches!(refused(&[0.5, 0.5], &[0.0]), Unweighed::Nothing { .. }), "tared with the part on it");
        // Another part on the pan the second time.
        assert!(matches!(refused(&[0.0, 0.0, 0.0], &[0.5, 0.6]), Unweighed::Scattered { .. }));
    }

    proptest! {
        #[test]
        fn a_steady_drift_of_the_zero_takes_nothing_off(kg in 0.1..10.0_f64, drift in -0.01..0.01_f64, n in 1..6_usize) {
            let at = |k: usize| drift * k as f64;
            let empty: Vec<f64> = (0..=n).map(|k| at(2 * k)).collect();
            let loaded: Vec<f64> = (0..n).map(|k| kg + at(2 * k + 1)).collect();
            let found = weigh(BENCH, &Readings { empty_kg: empty, loaded_kg: loaded }, None).expect("a mass");
            prop_assert!((found.kg - kg).abs() < 1e-9);
            prop_assert!((found.drift_kg - at(2 * n)).abs() < 1e-9);
        }

        #[test]
        fn rounding_stays_within_what_is_stated(kg in 0.05..5.0_f64, zero in -0.0005..0.0005_f64) {
            let shown = |kg: f64| (kg / 0.001).round() * 0.001;
            let exact = Balance { readability_kg: 0.001, accuracy_kg: 0.0 };
            let read = readings(&[shown(zero), shown(zero)], &[shown(kg + zero)]);
            let found = weigh(exact, &read, Some(WEIGHTS_KG_M3)).expect("a mass");
            // Two roundings of half a step each are the worst there is.
            prop_assert!((found.kg - kg).abs() <= 0.001 + 1e-12, "{found:?}");
            prop_assert!(found.u_kg > 0.0);
        }
    }
}
