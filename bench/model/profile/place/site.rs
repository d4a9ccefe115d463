//! `[orbit]` of a kind that is no orbit: the Moon's surface, deep space, a building on Earth, a table from another program.

use crate::ground::{Ground, Rejection, SolarField, Supply};
use crate::place::DeepSpace;
use crate::surface::LunarSurface;
use crate::time::Centuries;
use crate::timetable::Timetable;
use signal::{Celsius, Section};

/// Longest gap between the rows of a timeline unless the profile says otherwise, s: an eclipse can hide in more.
const LONGEST_GAP_S: f64 = 600.0;

/// `kind = "lunar_surface"`; `None` if its longitude is not settled, which has been reported.
pub(super) fn lunar_surface(section: &Section<'_>, moment: Centuries) -> Option<LunarSurface> {
    let latitude_deg = section.number("latitude_deg", -90.0..=90.0);
    let longitude_deg = section.optional_number("longitude_deg", -180.0..=360.0);
    let start_h = section.optional_number("start_local_time_h", 0.0..=24.0);
    match (longitude_deg, start_h) {
        (Some(longitude_deg), None) => Some(LunarSurface::new(latitude_deg, longitude_deg)),
        (None, Some(start_h)) => Some(LunarSurface::at_local_time(latitude_deg, start_h, moment)),
        (Some(_), Some(_)) => {
            section.problem("start_local_time_h", "the epoch and `longitude_deg` settle the local time: remove one of them");
            None
        }
        (None, None) => {
            let none_wrong = ["longitude_deg", "start_local_time_h"].map(|key| section.optional_text(key, "a number").is_none());
            if none_wrong.iter().all(|absent| *absent) {
                section.problem(
                    "longitude_deg",
                    "missing: expected `longitude_deg` (east positive), or `start_local_time_h` at the epoch (12 is noon)",
                );
            }
            None
        }
    }
}

/// `kind = "deep_space"`.
pub(super) fn deep_space(section: &Section<'_>) -> DeepSpace {
    DeepSpace { distance_au: section.number("distance_au", 0.05..=100.0) }
}

/// `kind = "ground"`; `None` for a solar field that no sky allows, which has been reported.
pub(super) fn ground(section: &Section<'_>) -> Option<Ground> {
    let rejection = section.choice("rejection", &[("air", Rejection::Air), ("liquid", Rejection::Liquid)]);
    let inlet = Celsius(section.number("inlet_degc", -60.0..=90.0)).into();
    let swing_k = section.number_or("inlet_swing_k", 0.0..=30.0, 0.0);
    let start_local_time_h = section.number_or("start_local_time_h", 0.0..=24.0, 0.0);
    let supply = if section.choice_or("power", &[("grid", false), ("solar", true)], false) {
        let latitude_deg = section.number("latitude_deg", -90.0..=90.0);
        let capacity_factor_frac = section.number("capacity_factor_frac", 0.01..=1.0);
        match SolarField::new(latitude_deg, capacity_factor_frac) {
            Ok(field) => Supply::Solar(field),
            Err(most) => {
                section.problem(
                    "capacity_factor_frac",
                    format_args!("a field that tracks the Sun under a sky without clouds gives {most:.3} at this latitude: expected less"),
                );
                return None;
            }
        }
    } else {
        Supply::Grid
    };
    Some(Ground { rejection, inlet, swing_k, start_local_time_h, supply })
}

/// `kind = "timeline"`; `None` for an unsound table, which has been reported line by line.
pub(super) fn timeline(section: &Section<'_>) -> Option<Timetable> {
    let longest_gap_s = section.number_or("longest_gap_s", 0.001..=1e7, LONGEST_GAP_S);
    let text = section.text("table", "a table of times and fluxes between \"\"\" and \"\"\"");
    if text.is_empty() {
        return None;
    }
    match Timetable::parse(&text, longest_gap_s) {
        Ok(table) => Some(table),
        Err(faults) => {
            for fault in faults {
                section.problem_inside("table", fault.line, 1, fault.message);
            }
            None
        }
    }
}

#[cfg(test)]
#[path = "site/tests.rs"]
mod tests;
