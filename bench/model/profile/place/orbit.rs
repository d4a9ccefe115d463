//! `[orbit]` of a kind that is propagated from elements: its keys, and what they may be.

use crate::orbit::{self, SunSynchronous};
use crate::time::Centuries;
use crate::trajectory::Trajectory;
use signal::Section;

/// `kind = "sun_synchronous"`; `None` for an impossible orbit, which has been reported.
pub(super) fn sun_synchronous(section: &Section<'_>, moment: Centuries) -> Option<Trajectory> {
    let altitude_km = section.number("altitude_km", 120.0..=100_000.0);
    let ltan_h = section.number("ltan_h", 0.0..=24.0);
    let start_deg = section.number_or("start_deg", -360.0..=360.0, 0.0);
    let orbit = SunSynchronous::new(altitude_km, ltan_h, start_deg, moment);
    if orbit.is_none() {
        let highest = orbit::highest_sun_synchronous_km().floor();
        section.problem("altitude_km", format_args!("no orbit at {altitude_km} km is sun-synchronous: expected at most {highest} km"));
    }
    orbit.map(Trajectory::SunSynchronous)
}
