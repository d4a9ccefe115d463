//! `[power]`: where the electricity comes from, and what it and the rest weigh.

use crate::profile::LEAST;
use signal::Section;

/// Where the electricity comes from, and what it and the rest weigh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// Array power at 1 AU, normal incidence, begin of life, kW.
    pub array_kw: f64,
    /// Lost between array and boards, 0 to 1.
    pub conversion_loss_frac: f64,
    /// Taken by the bus before any board, kW.
    pub bus_kw: f64,
    /// Specific power of the array, W/kg.
    pub array_w_kg: f64,
    /// Mass of structure and bus over the mass of everything else.
    pub bus_frac: f64,
}

pub(super) fn read(section: &Section<'_>) -> Power {
    let power = Power {
        array_kw: section.number("array_kw", LEAST..=1e7),
        conversion_loss_frac: section.number("conversion_loss_frac", 0.0..=0.9),
        bus_kw: section.number("bus_kw", 0.0..=1e6),
        array_w_kg: section.number("array_w_kg", 1.0..=10_000.0),
        bus_frac: section.number("bus_frac", 0.0..=10.0),
    };
    let left_kw = power.array_kw * (1.0 - power.conversion_loss_frac) - power.bus_kw;
    if left_kw <= 0.0 && power.array_kw > LEAST {
        section
            .problem("array_kw", format_args!("after conversion loss and bus {left_kw:.1} kW are left for compute: expected more than 0"));
    }
    power
}
