//! The gates: what a residual must keep to. All thresholds are rows of the tables below, each with its reason; nothing else in the
//! program decides what passes. Standards are quoted as commonly cited: their wording was not at hand.

use crate::{Error, Stats};
use record::Column;
use serde::{Deserialize, Serialize};

/// Which figure of a residual a gate looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quantity {
    /// Absolute value of the mean.
    Mean,
    /// Standard deviation.
    Std,
    /// Absolute value of the worst sample.
    Worst,
}

/// What a limit is a multiple of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// One unit of the channel.
    Unit,
    /// The largest predicted magnitude.
    Peak,
    /// Largest less smallest predicted value, but at least half the peak: a channel that hardly moves is not held to its noise.
    Span,
    /// Magnitude of the predicted mean.
    Mean,
}

/// What a gate applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every predicted temperature.
    Temperatures,
    /// One channel.
    Only(Column),
}

/// One gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// What it applies to.
    pub target: Target,
    /// The figure it looks at.
    pub quantity: Quantity,
    /// The largest value that passes, in multiples of `of`.
    pub limit: f64,
    /// What the limit is a multiple of.
    pub of: Of,
    /// Why this limit, and where it is from.
    pub reason: &'static str,
}

/// A named set of gates.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// What `compare --gates` is told.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// Gates on the temperatures of predicted channels.
    pub temperatures: &'static [Gate],
}

const fn temperature(quantity: Quantity, limit: f64, reason: &'static str) -> Gate {
    Gate { target: Target::Temperatures, quantity, limit, of: Of::Unit, reason }
}

const fn channel(column: Column, quantity: Quantity, limit: f64, of: Of, reason: &'static str) -> Gate {
    Gate { target: Target::Only(column), quantity, limit, of, reason }
}

const ECSS: &str = "European practice for thermal model correlation (ECSS-E-ST-31 family), as commonly cited";
const SMC: &str = "SMC-S-016: prediction within 3 K of test, as commonly cited";
const ENERGY: &str = "hybrid-loop fidelity in the literature is 2 to 5 % in energy";
const NOISE: &str = "twice the mean's limit: sampling and pacing jitter average out, a lag does not";
const MODULE: &str = "a TEC model from datasheet ratings is a 15 % instrument; calibrated, 10 % of what it spans";
/// Of its largest magnitude, what a module may be off that is known by its ratings alone: `model::tec` has the source.
const RATED_FRAC: f64 = 0.15;
const JOINT: &str = "a die-to-plate joint repeats within about 15 % from mounting to mounting (house value)";

/// The presets; the first is the default.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "ecss",
        title: "ECSS practice, as commonly cited",
        temperatures: &[
            temperature(Quantity::Mean, 2.0, ECSS),
            temperature(Quantity::Std, 3.0, ECSS),
            temperature(Quantity::Worst, 5.0, ECSS),
        ],
    },
    Preset { name: "smc-s-016", title: "SMC-S-016, as commonly cited", temperatures: &[temperature(Quantity::Worst, 3.0, SMC)] },
];

/// Gates on what is no temperature, the same in every preset: the standards are silent on these, so they are ours.
pub const OTHERS: &[Gate] = &[
    channel(Column::AccelPowerW, Quantity::Mean, 0.05, Of::Peak, ENERGY),
    channel(Column::AccelPowerW, Quantity::Std, 0.10, Of::Peak, NOISE),
    channel(Column::RigBoardW, Quantity::Mean, 0.05, Of::Peak, ENERGY),
    channel(Column::RigBoardW, Quantity::Std, 0.10, Of::Peak, NOISE),
    channel(Column::WorkUnitsPerS, Quantity::Mean, 0.05, Of::Peak, ENERGY),
    channel(Column::WorkUnitsPerS, Quantity::Std, 0.10, Of::Peak, NOISE),
    channel(Column::FlightHeatW, Quantity::Mean, 0.05, Of::Mean, ENERGY),
    channel(Column::RigTecA, Quantity::Mean, 0.10, Of::Span, MODULE),
    channel(Column::RigTecA, Quantity::Std, 0.10, Of::Span, MODULE),
    channel(Column::RigTecV, Quantity::Mean, 0.10, Of::Span, MODULE),
    channel(Column::RigTecV, Quantity::Std, 0.10, Of::Span, MODULE),
    channel(Column::RigRDiePlateKW, Quantity::Mean, 0.15, Of::Mean, JOINT),
];

const FOLLOWS: &str = "half of what correlation allows: where the plate is not followed, no other residual means anything (house value)";

/// Gates on tracking error, the same in every preset. They say whether the rig did its work, nothing about the model.
pub const TRACKING: &[Gate] = &[temperature(Quantity::Mean, 1.0, FOLLOWS), temperature(Quantity::Std, 1.5, FOLLOWS)];

/// The die-to-plate resistance is only looked at where the board gives more than this part of its largest power: below, it is a small
/// difference over a small number.
pub(crate) const RESISTANCE_ABOVE_FRAC: f64 = 0.5;

/// A channel must have readings on at least this part of the joined rows to pass.
pub(crate) const ENOUGH_FRAC: f64 = 0.1;

/// The preset of this name.
pub fn preset(name: &str) -> Result<&'static Preset, Error> {
    PRESETS
        .iter()
        .find(|p| p.name == name)
        .ok_or_else(|| Error::NoPreset { found: name.to_owned(), known: PRESETS.iter().map(|p| p.name).collect::<Vec<_>>().join(", ") })
}

/// What a gate came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The figure looked at.
    pub quantity: Quantity,
    /// Its value: in the channel's unit, or as a fraction of `of`.
    pub found: f64,
    /// The largest value that passes.
    pub limit: f64,
    /// What both are multiples of.
    pub of: Of,
    /// True if it is kept.
    pub passed: bool,
    /// Why this limit.
    pub reason: String,
    /// The channel hardly moved, so that what breaks the gate may as well be the error of one reading as of the model.
    #[serde(default)]
    pub unmoved: bool,
}

/// What the limits of a channel refer to, taken from its prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    peak: f64,
    span: f64,
    mean: f64,
    /// It spans less than half its peak, which then stands for the span.
    unmoved: bool,
}

impl Scale {
    /// Of predicted values; `None` of none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (mut low, mut high, mut sum, mut n) = (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0_usize);
        for value in values {
            low = low.min(value);
            high = high.max(value);
            sum += value;
            n += 1;
        }
        let peak = high.abs().max(low.abs());
        let unmoved = high - low < peak / 2.0;
        (n > 0).then(|| Self { peak, span: (high - low).max(peak / 2.0), mean: (sum / n as f64).abs(), unmoved })
    }

    fn unit(self, of: Of) -> f64 {
        match of {
            Of::Unit => 1.0,
            Of::Peak => self.peak,
            Of::Span => self.span,
            Of::Mean => self.mean,
        }
    }
}

impl Gate {
    fn applies(&self, name: &str) -> bool {
        match self.target {
            Target::Temperatures => name.ends_with("_degc"),
            Target::Only(column) => column.name() == name,
        }
    }

    fn check(&self, stats: &Stats, scale: Scale) -> Check {
        let value = match self.quantity {
            Quantity::Mean => stats.mean.abs(),
            Quantity::Std => stats.std,
            Quantity::Worst => stats.worst.abs(),
        };
        let unit = scale.unit(self.of);
        // Nothing predicted and nothing found is no deviation; anything found where nothing was predicted is no small part of it.
        let found = if unit > 0.0 {
            value / unit
        } else if value == 0.0 {
            0.0
        } else {
            f64::MAX
        };
        // A module's voltage and current err in proportion to themselves, and over an orbit that is held against all that they span. In a flight too short to
        // move them one working point stands for the module: five minutes at full load broke a gate that the orbit they were the beginning of kept. Within what
        // ratings promise that decides nothing; beyond, it is no module as rated.
        let unmoved = self.of == Of::Span && scale.unmoved && value <= RATED_FRAC * scale.peak;
        Check {
            quantity: self.quantity,
            found,
            limit: self.limit,
            of: self.of,
            passed: found <= self.limit,
            reason: self.reason.to_owned(),
            unmoved,
        }
    }
}

impl Preset {
    /// What the gates on predicted channels make of the channel `name`; empty if none applies to it.
    pub(crate) fn check(&self, name: &str, stats: &Stats, scale: Scale) -> Vec<Check> {
        self.temperatures.iter().chain(OTHERS).filter(|g| g.applies(name)).map(|g| g.check(stats, scale)).collect()
    }
}

/// What the gates on tracking make of the servoed channel `name`.
pub(crate) fn check_tracking(name: &str, stats: &Stats, scale: Scale) -> Vec<Check> {
    TRACKING.iter().filter(|g| g.applies(name)).map(|g| g.check(stats, scale)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Class;

    fn stats(mean: f64, std: f64, worst: f64) -> Stats {
        Stats { n: 100, mean, std, rms: mean.hypot(std), worst, worst_at_s: 0.0 }
    }

    fn broken(name: &str, stats: &Stats, scale: Scale) -> Vec<Quantity> {
        PRESETS[0].check(name, stats, scale).iter().filter(|c| !c.passed).map(|c| c.quantity).collect()
    }

    #[test]
    fn every_predicted_column_has_a_gate_and_every_gate_a_reason() {
        let scale = Scale::of([1.0]).expect("one value");
        for preset in PRESETS {
            for &column in Column::ALL.iter().filter(|c| c.class() == Class::Predicted) {
                assert!(!preset.check(column.name(), &stats(0.0, 0.0, 0.0), scale).is_empty(), "{} in {}", column.name(), preset.name);
            }
        }
        for gate in PRESETS.iter().flat_map(|p| p.temperatures).chain(OTHERS).chain(TRACKING) {
            assert!(gate.limit > 0.0 && gate.reason.len() > 20, "{gate:?}");
        }
    }

    #[test]
    fn temperatures_break_each_gate_on_its_own_and_either_sign() {
        let scale = Scale::of([20.0, 60.0]).expect("two values");
        assert_eq!(broken("accel_die_degc", &stats(-2.0, 3.0, 5.0), scale), []);
        assert_eq!(broken("accel_die_degc", &stats(-2.01, 0.0, 4.0), scale), [Quantity::Mean]);
        assert_eq!(broken("accel_die_degc", &stats(0.0, 3.01, 4.0), scale), [Quantity::Std]);
        assert_eq!(broken("accel_die_degc", &stats(0.0, 1.0, -5.01), scale), [Quantity::Worst]);
        let smc = preset("smc-s-016").expect("there");
        assert!(!smc.check("accel_die_degc", &stats(0.0, 1.0, -3.01), scale)[0].passed);
    }

    #[test]
    fn fractions_refer_to_what_was_predicted() {
        let power = Scale::of([10.0, 72.0]).expect("two values");
        assert_eq!(broken("accel_power_w", &stats(3.5, 7.0, 60.0), power), []);
        assert_eq!(broken("accel_power_w", &stats(3.7, 7.3, 60.0), power), [Quantity::Mean, Quantity::Std]);
        let amps = Scale::of([-1.0, 4.0]).expect("two values");
        assert_eq!(broken("rig_tec_a", &stats(0.49, 0.1, 1.0), amps), []);
        assert_eq!(broken("rig_tec_a", &stats(-0.51, 0.1, 1.0), amps), [Quantity::Mean]);
        let steady = Scale::of([3.0, 3.1]).expect("two values");
        assert_eq!(broken("rig_tec_a", &stats(0.15, 0.1, 0.2), steady), [], "held to half the peak, not to 0.01 A");
        // Beyond that a flight that does not move it decides nothing, until it is more than ratings allow; one that moves it does.
        let unmoved =
            |mean: f64, scale| PRESETS[0].check("rig_tec_a", &stats(mean, 0.1, mean), scale).iter().find(|c| !c.passed).map(|c| c.unmoved);
        assert_eq!((unmoved(0.15, steady), unmoved(0.2, steady), unmoved(0.5, steady)), (None, Some(true), Some(false)));
        assert_eq!(unmoved(0.51, amps), Some(false));
        let joint = Scale::of([0.2, 0.2]).expect("two values");
        assert_eq!(broken("rig_r_die_plate_k_w", &stats(0.029, 0.5, 1.0), joint), []);
        assert_eq!(broken("rig_r_die_plate_k_w", &stats(0.1, 0.0, 0.1), joint), [Quantity::Mean]);
    }

    #[test]
    fn where_nothing_was_predicted_anything_is_too_much() {
        let nothing = Scale::of([0.0]).expect("one value");
        assert_eq!(broken("work_units_per_s", &stats(0.0, 0.0, 0.0), nothing), []);
        assert_eq!(broken("work_units_per_s", &stats(0.1, 0.0, 0.1), nothing), [Quantity::Mean]);
    }

    #[test]
    fn an_unknown_preset_is_refused_with_those_there_are() {
        assert!(preset("nasa").expect_err("unknown").to_string().contains("ecss, smc-s-016"));
    }
}
