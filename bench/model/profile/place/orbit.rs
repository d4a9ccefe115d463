//! `[orbit]` of a kind that is propagated from elements: its keys, and what they may be.

use crate::kepler::{self, Elements, Kepler};
use crate::orbit::{self, SunSynchronous};
use crate::time::Centuries;
use crate::trajectory::{Body, Trajectory};
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

/// `kind = "circular"`.
pub(super) fn circular(section: &Section<'_>, moment: Centuries) -> Option<Trajectory> {
    let body = body(section);
    let altitude_km = section.number("altitude_km", 0.0..=1e6);
    let start_deg = section.number_or("start_deg", -360.0..=360.0, 0.0);
    let elements = Elements {
        body,
        semi_major_km: body.radius_km() + altitude_km,
        eccentricity: 0.0,
        inclination_deg: inclination_deg(section),
        node_deg: node_deg(section, body, moment),
        perigee_deg: 0.0,
        mean_anomaly_deg: start_deg,
    };
    made(section, "altitude_km", elements, moment)
}

/// `kind = "elliptic"`.
pub(super) fn elliptic(section: &Section<'_>, moment: Centuries) -> Option<Trajectory> {
    let body = body(section);
    let inclination_deg = inclination_deg(section);
    let node_deg = node_deg(section, body, moment);
    let perigee_deg = section.number("argument_of_perigee_deg", -360.0..=360.0);
    let mean_anomaly_deg = section.number_or("mean_anomaly_deg", -360.0..=360.0, 0.0);
    // Last, because it may end here: by then every key has been asked for, and none is taken for unknown.
    let (blamed, semi_major_km, eccentricity) = shape(section, body)?;
    let elements = Elements { body, semi_major_km, eccentricity, inclination_deg, node_deg, perigee_deg, mean_anomaly_deg };
    made(section, blamed, elements, moment)
}

/// `kind = "geostationary"`.
pub(super) fn geostationary(section: &Section<'_>, moment: Centuries) -> Trajectory {
    let longitude_deg = section.number_or("longitude_deg", -180.0..=360.0, 0.0);
    Trajectory::Kepler(Kepler::geostationary(longitude_deg, moment))
}

/// The body that an orbit from elements goes round.
pub(super) fn body(section: &Section<'_>) -> Body {
    section.choice_or("body", &[("earth", Body::Earth), ("moon", Body::Moon)], Body::Earth)
}

fn inclination_deg(section: &Section<'_>) -> f64 {
    section.number("inclination_deg", 0.0..=180.0)
}

/// Where the node is: said in one of two ways.
fn node_deg(section: &Section<'_>, body: Body, moment: Centuries) -> f64 {
    let right_ascension = section.optional_number("raan_deg", -360.0..=360.0);
    let local_time = section.optional_number("ltan_h", 0.0..=24.0);
    let given = [section.has("raan_deg"), section.has("ltan_h")];
    if given == [true, true] {
        section.problem("ltan_h", "the node is given twice: expected `raan_deg` or `ltan_h`, remove one");
    }
    if given == [false, false] {
        section.problem("raan_deg", "missing: expected the node's right ascension `raan_deg`, or its local time at the epoch `ltan_h`");
    }
    right_ascension.or_else(|| local_time.map(|h| kepler::node_at_local_time_deg(body, h, moment))).unwrap_or(0.0)
}

/// How large and how long: two of the lowest point, the highest point, the semi-major axis and the eccentricity. The key to
/// blame, the semi-major axis in km and the eccentricity; `None` where they make no ellipse, which has been reported.
fn shape(section: &Section<'_>, body: Body) -> Option<(&'static str, f64, f64)> {
    const PERIGEE: &str = "perigee_altitude_km";
    const APOGEE: &str = "apogee_altitude_km";
    const AXIS: &str = "semi_major_axis_km";
    const ECCENTRICITY: &str = "eccentricity";
    let keys = [PERIGEE, APOGEE, AXIS, ECCENTRICITY];
    let altitude = |key| section.optional_number(key, -1e4..=1e6).map(|km| km + body.radius_km());
    let [low, high] = [PERIGEE, APOGEE].map(altitude);
    let axis = section.optional_number(AXIS, 1.0..=1e6);
    let e = section.optional_number(ECCENTRICITY, 0.0..=0.999_999);
    let given: Vec<&str> = keys.into_iter().filter(|key| section.has(key)).collect();
    if given.len() != 2 {
        let found = if given.is_empty() { "none".to_owned() } else { given.join(", ") };
        section.problem(
            given.last().copied().unwrap_or(PERIGEE),
            format_args!("an ellipse takes two of {}: found {found}", keys.map(|key| format!("`{key}`")).join(", ")),
        );
        return None;
    }
    let (semi_major_km, eccentricity) = match (low, high, axis, e) {
        (Some(low), Some(high), ..) => (f64::midpoint(low, high), (high - low) / (high + low)),
        (Some(low), _, Some(a), _) => (a, 1.0 - low / a),
        (Some(low), _, _, Some(e)) => (low / (1.0 - e), e),
        (_, Some(high), Some(a), _) => (a, high / a - 1.0),
        (_, Some(high), _, Some(e)) => (high / (1.0 + e), e),
        (_, _, Some(a), Some(e)) => (a, e),
        // Given, but not usable: that was said where they were read.
        _ => return None,
    };
    if eccentricity < 0.0 {
        section.problem(given[0], "the lowest point is above the highest: expected `perigee_altitude_km` at most `apogee_altitude_km`");
        return None;
    }
    Some((given[0], semi_major_km, eccentricity))
}

/// The orbit, or the reason why there is none, blamed on `key`.
fn made(section: &Section<'_>, key: &str, elements: Elements, moment: Centuries) -> Option<Trajectory> {
    match Kepler::new(elements, kepler::equator(elements.body, moment)) {
        Ok(orbit) => Some(Trajectory::Kepler(orbit)),
        Err(why) => {
            section.problem(key, why);
            None
        }
    }
}

#[cfg(test)]
mod tests;
