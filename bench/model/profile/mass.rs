//! `[mass]`: how well the masses are known, and what belongs to them; and how `radiator.areal_mass_kg_m2` is to be read.
//!
//! A mass that the profile states elsewhere keeps its value: here it only gets a range, `{ low = 50.0, high = 150.0 }` around it, or
//! `{ sigma = 10.0 }`. One that only stands here needs its middle too: `mode` or `mean`. What is not said is assumed, within ranges of
//! heritage.

use crate::profile::{BatterySpec, Loop, Power};
use crate::spread::Spread;
use signal::Section;
use std::ops::RangeInclusive;

/// Where a number comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The profile says it, range included.
    Stated,
    /// The value is the profile's, its range is assumed.
    RangeAssumed,
    /// All of it is assumed.
    Assumed,
}

impl Status {
    /// In a word or two.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stated => "profile",
            Self::RangeAssumed => "range assumed",
            Self::Assumed => "assumed",
        }
    }
}

/// A number, how well it is known, and who says so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity {
    /// The number.
    pub spread: Spread,
    /// Who says so.
    pub status: Status,
}

/// What `radiator.areal_mass_kg_m2` weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Panels with their tubes; what unfolds and carries them is extra (`deployment_frac`).
    Panel,
    /// The assembly as it flies, mechanism and manifolds included.
    Assembly,
}

/// How well the satellite's masses are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Masses {
    /// What the areal mass weighs.
    pub scope: Scope,
    /// Radiator, kg per m2 of planform whatever the file's basis.
    pub areal_mass_kg_m2: Quantity,
    /// Mechanism and manifolds of the radiator over the mass of its panels.
    pub deployment_frac: Quantity,
    /// Pump, pipes, coolant, valves per kW of satellite heat.
    pub loop_kg_kw: Quantity,
    /// Rated array power over array mass.
    pub array_w_kg: Quantity,
    /// Battery energy when new over mass; `None` without a battery.
    pub battery_wh_kg: Option<Quantity>,
    /// Boards with hosts, power supplies and cold plates per kW of board power.
    pub compute_kg_kw: Quantity,
    /// Structure and bus over the mass of the rest.
    pub bus_frac: Quantity,
    /// Lost between array and boards.
    pub conversion_loss_frac: Quantity,
    /// Mass not yet known to be needed, over all that is.
    pub margin_frac: Quantity,
}

/// Ranges where the file gives none, low to high. Heritage: radiator panels from composite prototypes to the space station's heat
/// rejection system (1122.64 kg on 23.3 m x 3.4 m of planform); arrays from rigid wings to roll-out ones; boards from bare modules in
/// a common tray to rack servers. All of them assumed.
const AREAL: (f64, f64) = (2.5, 14.2);
const LOOP: (f64, f64) = (3.5, 3.5);
const ARRAY: (f64, f64) = (30.0, 200.0);
const BATTERY: (f64, f64) = (150.0, 150.0);
const COMPUTE: (f64, f64, f64) = (1.5, 4.0, 8.0);
const BUS: (f64, f64) = (0.10, 0.45);
const LOSS: (f64, f64) = (0.02, 0.15);

/// `radiator.areal_mass_kg_m2` and whether it is per m2 of planform or of both faces, as kg per m2 of planform.
pub(super) fn planform_kg_m2(radiator: &Section<'_>) -> f64 {
    radiator.number("areal_mass_kg_m2", 0.1..=100.0) * per_planform(radiator)
}

fn per_planform(radiator: &Section<'_>) -> f64 {
    radiator.choice_or("areal_mass_basis", &[("planform", 1.0), ("both_faces", 2.0)], 1.0)
}

fn scope(radiator: &Section<'_>) -> Scope {
    let words = [("panel", Scope::Panel), ("assembly", Scope::Assembly)];
    let expected = "a word";
    let (basis, scope) = (radiator.optional_text("areal_mass_basis", expected), radiator.optional_text("areal_mass_scope", expected));
    if basis.is_some() != scope.is_some() {
        let (there, missing) =
            if basis.is_some() { ("areal_mass_basis", "areal_mass_scope") } else { ("areal_mass_scope", "areal_mass_basis") };
        radiator.problem(
            there,
            format_args!(
                "`{missing}` is missing: an areal mass is per \"planform\" or \"both_faces\", and of a \"panel\" or the whole \"assembly\"; say both or neither (then planform, panel)"
            ),
        );
    }
    radiator.choice_or("areal_mass_scope", &words, Scope::Panel)
}

/// `radiator` is that section, for the meaning of its areal mass; `areal_kg_m2` the mass read there, per planform.
pub(super) fn read(
    section: &Section<'_>,
    radiator: &Section<'_>,
    areal_kg_m2: f64,
    coolant: &Loop,
    power: &Power,
    battery: Option<&BatterySpec>,
) -> Masses {
    let per_planform = per_planform(radiator);
    let scope = scope(radiator);
    // In the unit of the file, then per planform.
    let mut areal =
        known(section, "areal_mass_kg_m2", 0.1..=100.0, areal_kg_m2 / per_planform, (AREAL.0 / per_planform, AREAL.1 / per_planform));
    areal.spread = areal.spread.scaled(per_planform);
    let deployment_frac = free(section, "deployment_frac", 0.0..=10.0, Spread::Fixed(0.0));
    if scope == Scope::Assembly && deployment_frac.status == Status::Stated {
        section.problem(
            "deployment_frac",
            "radiator.areal_mass_scope is \"assembly\", which has its mechanism in it: remove one of the two, or it is weighed twice",
        );
    }
    let (low, mode, high) = COMPUTE;
    Masses {
        scope,
        areal_mass_kg_m2: areal,
        deployment_frac,
        loop_kg_kw: known(section, "loop_kg_kw", 0.0..=1000.0, coolant.mass_kg_kw, LOOP),
        array_w_kg: known(section, "array_w_kg", 1.0..=10_000.0, power.array_w_kg, ARRAY),
        battery_wh_kg: if let Some(spec) = battery {
            Some(known(section, "battery_wh_kg", 1.0..=2000.0, spec.specific_wh_kg, BATTERY))
        } else {
            if section.optional_section("battery_wh_kg").exists() {
                section.problem("battery_wh_kg", "there is no [battery] to weigh: expected that table, or not this key");
            }
            None
        },
        compute_kg_kw: free(section, "compute_kg_kw", 0.01..=1000.0, Spread::Triangular { low, mode, high }),
        bus_frac: known(section, "bus_frac", 0.0..=10.0, power.bus_frac, BUS),
        conversion_loss_frac: known(section, "conversion_loss_frac", 0.0..=0.9, power.conversion_loss_frac, LOSS),
        margin_frac: free(section, "margin_frac", 0.0..=10.0, Spread::Fixed(0.0)),
    }
}

/// A number that the profile states elsewhere as `value`: only its range may be here.
fn known(section: &Section<'_>, key: &str, range: RangeInclusive<f64>, value: f64, assumed: (f64, f64)) -> Quantity {
    let table = section.optional_section(key);
    if !table.exists() {
        // An assumed range must hold what is stated.
        let (low, high) = if assumed.0 < assumed.1 { (assumed.0.min(value), assumed.1.max(value)) } else { (value, value) };
        return if low < high {
            Quantity { spread: Spread::Triangular { low, mode: value, high }, status: Status::RangeAssumed }
        } else {
            Quantity { spread: Spread::Fixed(value), status: Status::Stated }
        };
    }
    for middle in ["mode", "mean"] {
        if table.optional_number(middle, f64::MIN..=f64::MAX).is_some() {
            table.problem(
                middle,
                format_args!("the profile says {value} elsewhere, and once is enough: expected only `low` and `high`, or `sigma`"),
            );
        }
    }
    spread(&table, range, Some(value))
}

/// A number that only stands here.
fn free(section: &Section<'_>, key: &str, range: RangeInclusive<f64>, assumed: Spread) -> Quantity {
    let table = section.optional_section(key);
    if table.exists() { spread(&table, range, None) } else { Quantity { spread: assumed, status: Status::Assumed } }
}

fn spread(table: &Section<'_>, range: RangeInclusive<f64>, known: Option<f64>) -> Quantity {
    let (least, most) = (*range.start(), *range.end());
    let bell = table.optional_number("sigma", 0.0..=most).is_some();
    let middle = |key: &str| known.unwrap_or_else(|| table.number(key, range.clone()));
    let spread = if bell {
        let (mean, sigma) = (middle("mean"), table.number("sigma", 0.0..=most));
        if mean - 4.0 * sigma < least {
            table.problem(
                "sigma",
                format_args!("four of it below {mean} is less than {least}: expected a smaller one, or `low` and `high`"),
            );
        }
        Spread::Normal { mean, sigma }
    } else {
        let (low, high) = (table.number("low", range.clone()), table.number("high", range.clone()));
        let mode = middle("mode");
        // A number that is missing or wrong has been reported, and needs no second complaint.
        let all = ["low", "high"].iter().all(|k| table.optional_number(k, range.clone()).is_some())
            && (known.is_some() || table.optional_number("mode", range.clone()).is_some());
        if all && !(low <= mode && mode <= high) {
            table.problem("low", format_args!("{low} to {high} does not hold {mode}: expected low <= {mode} <= high"));
        }
        Spread::Triangular { low, mode, high }
    };
    Quantity { spread, status: Status::Stated }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Profile, builtin};

    fn with(radiator: &str, mass: &str) -> Result<Profile, String> {
        let (name, text) = builtin()[0];
        let text = text.replacen("areal_mass_kg_m2 = 7.0 ", &format!("{radiator}\nareal_mass_kg_m2 = 7.0 "), 1);
        Profile::parse(name, &format!("{text}\n{mass}")).map_err(|p| p.to_string())
    }

    #[test]
    fn without_a_table_the_ranges_are_those_assumed() {
        let masses = with("", "").expect("sound").masses;
        assert_eq!(masses.areal_mass_kg_m2.spread, Spread::Triangular { low: 2.5, mode: 7.0, high: 14.2 });
        assert_eq!(masses.areal_mass_kg_m2.status, Status::RangeAssumed);
        assert_eq!(masses.compute_kg_kw.spread.centre(), 4.0);
        assert_eq!(masses.margin_frac.spread, Spread::Fixed(0.0));
        assert_eq!(masses.scope, Scope::Panel);
    }

    #[test]
    fn a_table_says_it_otherwise() {
        let mass = "[mass]\nareal_mass_kg_m2 = { low = 3.0, high = 8.0 }\narray_w_kg = { sigma = 10.0 }\n\
                    compute_kg_kw = { mean = 5.0, sigma = 0.5 }\nmargin_frac = { low = 0.1, mode = 0.2, high = 0.3 }";
        let profile = with("areal_mass_basis = \"both_faces\"\nareal_mass_scope = \"assembly\"", mass).expect("sound");
        // Two faces for each m2 of planform.
        assert_eq!(profile.radiator.areal_mass_kg_m2, 14.0);
        assert_eq!(profile.masses.areal_mass_kg_m2.spread, Spread::Triangular { low: 6.0, mode: 14.0, high: 16.0 });
        assert_eq!(profile.masses.array_w_kg, Quantity { spread: Spread::Normal { mean: 100.0, sigma: 10.0 }, status: Status::Stated });
        assert_eq!(profile.masses.compute_kg_kw.spread, Spread::Normal { mean: 5.0, sigma: 0.5 });
        assert_eq!((profile.masses.scope, profile.masses.margin_frac.spread.centre()), (Scope::Assembly, 0.2));
    }

    #[test]
    fn half_a_statement_and_two_of_them_are_refused() {
        let both = "areal_mass_basis = \"planform\"\nareal_mass_scope = \"assembly\"";
        for (radiator, mass, expected) in [
            ("areal_mass_basis = \"planform\"", "", "`areal_mass_scope` is missing"),
            ("areal_mass_scope = \"panel\"", "", "`areal_mass_basis` is missing"),
            ("areal_mass_basis = \"one\"\nareal_mass_scope = \"panel\"", "", "expected one of `planform`, `both_faces`"),
            (both, "[mass]\ndeployment_frac = { low = 0.1, mode = 0.2, high = 0.4 }", "or it is weighed twice"),
            ("", "[mass]\narray_w_kg = { low = 120.0, high = 200.0 }", "does not hold 100"),
            ("", "[mass]\narray_w_kg = { low = 50.0, mode = 90.0, high = 200.0 }", "once is enough"),
            ("", "[mass]\nbus_frac = { sigma = 0.2 }", "four of it below 0.25 is less than 0"),
            ("", "[mass]\ncompute_kg_kw = { low = 1.0, high = 3.0 }", "missing `mode`"),
            ("", "[mass]\ncompute_kg_kw = 4.0", "expected a table"),
            ("", "[mass]\nradiator_kg_m2 = { low = 1.0, high = 3.0 }", "unknown key"),
        ] {
            let found = with(radiator, mass).expect_err(expected);
            assert!(found.contains(expected), "no {expected:?} in {found}");
            assert_eq!(found.lines().count(), 1, "one problem, once: {found}");
        }
    }
}
