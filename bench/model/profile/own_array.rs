//! `[own_array]`, which may be absent: the satellite's own solar array as a warm neighbour of the panels.

use signal::Section;

/// The solar array as the panels see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OwnArray {
    /// View factor from face a of a panel to the array, 0 to 1.
    pub view_a_frac: f64,
    /// View factor from face b, 0 to 1.
    pub view_b_frac: f64,
    /// Part of the sunlight on it that stays as heat: absorbed and not led away as electricity, 0 to 1.
    pub heat_frac: f64,
    /// Infrared emissivity of the side that faces the Sun.
    pub emissivity_front_frac: f64,
    /// Infrared emissivity of its back, which is the side that the panels see.
    pub emissivity_back_frac: f64,
    /// Heat capacity, kJ/(m2 K); `None` if it follows the sunlight at once.
    pub heat_capacity_kj_m2k: Option<f64>,
}

pub(super) fn read(section: &Section<'_>) -> Option<OwnArray> {
    section.exists().then(|| OwnArray {
        view_a_frac: section.number_or("view_a_frac", 0.0..=1.0, 0.0),
        view_b_frac: section.number_or("view_b_frac", 0.0..=1.0, 0.0),
        heat_frac: section.number("heat_frac", 0.0..=1.0),
        emissivity_front_frac: section.number("emissivity_front_frac", 0.01..=1.0),
        emissivity_back_frac: section.number("emissivity_back_frac", 0.01..=1.0),
        heat_capacity_kj_m2k: section.optional_number("heat_capacity_kj_m2k", 0.01..=1000.0),
    })
}
