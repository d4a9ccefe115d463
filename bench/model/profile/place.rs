//! `[orbit]` and `[environment]`: where the satellite is, and how bright its surroundings are.

use crate::environment::Surroundings;
use crate::orbit::{self, SunSynchronous};
use crate::time::Centuries;
use signal::Section;

/// The instant of mission second 0, and the orbit; `None` for an impossible one, which has been reported.
pub(super) fn orbit(section: &Section<'_>) -> (jiff::Timestamp, Option<SunSynchronous>) {
    section.choice("kind", &[("sun_synchronous", ())]);
    let altitude_km = section.number("altitude_km", 120.0..=100_000.0);
    let ltan_h = section.number("ltan_h", 0.0..=24.0);
    let epoch = section.instant("epoch");
    let start_deg = section.number_or("start_deg", -360.0..=360.0, 0.0);
    let moment = Centuries::from(epoch);
    // The Sun's theory and the constant TT - UTC are checked for this time and no other.
    if !(-0.5..=1.0).contains(&moment.0) {
        section.problem("epoch", "the Sun's position is only known well here from 1950 to 2100: expected an instant in between");
    }
    let orbit = SunSynchronous::new(altitude_km, ltan_h, start_deg, moment);
    if orbit.is_none() {
        let highest = orbit::highest_sun_synchronous_km().floor();
        section.problem("altitude_km", format_args!("no orbit at {altitude_km} km is sun-synchronous: expected at most {highest} km"));
    }
    (epoch, orbit)
}

pub(super) fn surroundings(section: &Section<'_>) -> Surroundings {
    Surroundings {
        solar_constant_w_m2: section.number("solar_constant_w_m2", 1200.0..=1500.0),
        albedo_frac: section.number("albedo_frac", 0.0..=1.0),
        planet_ir_w_m2: section.number("planet_ir_w_m2", 0.0..=500.0),
    }
}
