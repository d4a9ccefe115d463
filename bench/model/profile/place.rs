//! `[orbit]` and `[environment]`: where the satellite is, and how bright its surroundings are. Each family of orbits or places
//! has a file under here; this one reads what all have in common and picks the family by `kind`.

mod imported;
mod orbit;
mod site;
mod surroundings;

use crate::place::Place;
use crate::time::Centuries;
use signal::Section;
pub(super) use surroundings::{Around, read as surroundings};

#[derive(Clone, Copy)]
enum Kind {
    SunSynchronous,
    Circular,
    Elliptic,
    Geostationary,
    LunarSurface,
    DeepSpace,
    Ground,
    Timeline,
    Tle,
    Omm,
    Ephemeris,
}

/// The instant of mission second 0, where the satellite is (`None` for an impossible orbit or place, which has been reported), and
/// what shines there.
pub(super) fn read(section: &Section<'_>) -> (jiff::Timestamp, Option<Place>, Around) {
    let kind = section.choice(
        "kind",
        &[
            ("sun_synchronous", Kind::SunSynchronous),
            ("circular", Kind::Circular),
            ("elliptic", Kind::Elliptic),
            ("geostationary", Kind::Geostationary),
            ("lunar_surface", Kind::LunarSurface),
            ("deep_space", Kind::DeepSpace),
            ("ground", Kind::Ground),
            ("timeline", Kind::Timeline),
            ("tle", Kind::Tle),
            ("omm", Kind::Omm),
            ("ephemeris", Kind::Ephemeris),
        ],
    );
    let epoch = section.instant("epoch");
    let moment = Centuries::from(epoch);
    // The Sun's theory and the constant TT - UTC are checked for this time and no other.
    if !(-0.5..=1.0).contains(&moment.0) {
        section.problem("epoch", "the Sun's position is only known well here from 1950 to 2100: expected an instant in between");
    }
    let place = match kind {
        Kind::SunSynchronous => orbit::sun_synchronous(section, moment).map(Place::from),
        Kind::Circular => orbit::circular(section, moment).map(Place::from),
        Kind::Elliptic => orbit::elliptic(section, moment).map(Place::from),
        Kind::Geostationary => Some(orbit::geostationary(section, moment).into()),
        Kind::LunarSurface => site::lunar_surface(section, moment).map(Place::LunarSurface),
        Kind::DeepSpace => Some(Place::DeepSpace(site::deep_space(section))),
        Kind::Ground => site::ground(section).map(Place::Ground),
        Kind::Timeline => site::timeline(section).map(Place::Timeline),
        Kind::Tle => imported::tle(section, epoch).map(Place::from),
        Kind::Omm => imported::omm(section, epoch).map(Place::from),
        Kind::Ephemeris => imported::ephemeris(section, epoch).map(Place::from),
    };
    // Of a place that could not be made, what its kind would have: one mistake is not to become three.
    let around = place.as_ref().map_or_else(
        || match kind {
            Kind::SunSynchronous | Kind::Geostationary | Kind::Tle | Kind::Omm | Kind::Ephemeris => Around::Earth,
            Kind::Circular | Kind::Elliptic => Around::body(orbit::body(section)),
            Kind::LunarSurface => Around::Moon,
            Kind::DeepSpace | Kind::Ground => Around::Sun,
            Kind::Timeline => Around::Nothing,
        },
        Around::of,
    );
    (epoch, place, around)
}
