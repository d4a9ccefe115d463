//! `[battery]`: what carries the satellite through the dark. Without it bus and idle boards are carried by a battery that is not
//! modelled, and weighs nothing.

use crate::profile::LEAST;
use signal::Section;

/// What the compute does in the dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eclipse {
    /// It pauses: the battery carries bus and idle boards.
    Idle,
    /// It goes on: the battery carries everything, down to its planned depth.
    Ride,
}

/// The battery of the whole satellite. Powers and energies are at the regulated bus.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatterySpec {
    /// What it holds when new, kWh.
    pub capacity_kwh: f64,
    /// Part of the capacity that is planned to be used, 0 to 1.
    pub depth_frac: f64,
    /// Stored over taken.
    pub charge_efficiency_frac: f64,
    /// Given over taken out of store.
    pub discharge_efficiency_frac: f64,
    /// Most it may be charged with, kW.
    pub charge_kw: f64,
    /// Most it gives, kW.
    pub discharge_kw: f64,
    /// Part of its capacity that it loses in a year, cycles included, compounding; 0 if the file does not say. The age is
    /// `mission.age_years`.
    pub fade_frac_year: f64,
    /// Energy when new over mass, Wh/kg.
    pub specific_wh_kg: f64,
    /// What the compute does in the dark.
    pub eclipse: Eclipse,
}

impl BatterySpec {
    /// Mass, kg.
    pub fn mass_kg(&self) -> f64 {
        self.capacity_kwh * 1e3 / self.specific_wh_kg
    }
}

/// `None` where the table is not there.
pub(super) fn read(section: &Section<'_>) -> Option<BatterySpec> {
    section.exists().then(|| BatterySpec {
        capacity_kwh: section.number("capacity_kwh", LEAST..=1e7),
        depth_frac: section.number("depth_frac", 0.01..=1.0),
        charge_efficiency_frac: section.number("charge_efficiency_frac", 0.1..=1.0),
        discharge_efficiency_frac: section.number("discharge_efficiency_frac", 0.1..=1.0),
        charge_kw: section.number("charge_kw", LEAST..=1e7),
        discharge_kw: section.number("discharge_kw", LEAST..=1e7),
        fade_frac_year: section.number_or("fade_frac_year", 0.0..=0.9, 0.0),
        specific_wh_kg: section.number("specific_wh_kg", 1.0..=2000.0),
        eclipse: section.choice("eclipse", &[("idle", Eclipse::Idle), ("ride", Eclipse::Ride)]),
    })
}
