//! `[orbit]` and `[environment]`: where the satellite is, and how bright its surroundings are. Each family of orbits or places
//! has a file under here; this one reads what all have in common and picks the family by `kind`.

mod orbit;

use crate::environment::Surroundings;
use crate::time::Centuries;
use crate::trajectory::Trajectory;
use signal::Section;

#[derive(Clone, Copy)]
enum Kind {
    SunSynchronous,
}

/// The instant of mission second 0, and where the satellite is; `None` for an impossible orbit, which has been reported.
pub(super) fn read(section: &Section<'_>) -> (jiff::Timestamp, Option<Trajectory>) {
    let kind = section.choice("kind", &[("sun_synchronous", Kind::SunSynchronous)]);
    let epoch = section.instant("epoch");
    let moment = Centuries::from(epoch);
    // The Sun's theory and the constant TT - UTC are checked for this time and no other.
    if !(-0.5..=1.0).contains(&moment.0) {
        section.problem("epoch", "the Sun's position is only known well here from 1950 to 2100: expected an instant in between");
    }
    let trajectory = match kind {
        Kind::SunSynchronous => orbit::sun_synchronous(section, moment),
    };
    (epoch, trajectory)
}

pub(super) fn surroundings(section: &Section<'_>) -> Surroundings {
    Surroundings {
        solar_constant_w_m2: section.number("solar_constant_w_m2", 1200.0..=1500.0),
        albedo_frac: section.number("albedo_frac", 0.0..=1.0),
        planet_ir_w_m2: section.number("planet_ir_w_m2", 0.0..=500.0),
    }
}
