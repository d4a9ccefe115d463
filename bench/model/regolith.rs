//! What the Moon's ground gives off: sunlight it scatters, and infrared of ground that is as hot as the Sun above it makes it.
//!
//! Regolith hardly conducts: by day each place radiates what it absorbs, so its temperature goes with the fourth root of the
//! Sun's height; what it stored keeps the night near 95 K. Temperatures are brightness temperatures, as radiometers report
//! them (flux = sigma T^4). Not here: the hours after sunset (up to 120 K; Vasavada et al. 2012), rocks, craters, polar shadow.

use crate::constants::STEFAN_BOLTZMANN_W_M2K4;
use signal::Kelvin;

/// Ground at the end of the lunar night, K: about 95 K at the equator (Diviner radiometer: Williams et al. 2017, Icarus 283, 300;
/// Vasavada et al. 2012, J. Geophys. Res. 117, E00H18).
pub const NIGHT_K: f64 = 95.0;

/// Infrared of ground at [`NIGHT_K`], W/m2.
pub const NIGHT_W_M2: f64 = STEFAN_BOLTZMANN_W_M2K4 * NIGHT_K * NIGHT_K * NIGHT_K * NIGHT_K;

/// Part of sunlight that the ground scatters, on average over the near side: spacecraft design practice (Gilmore, Spacecraft Thermal
/// Control Handbook, 2nd ed., vol. 1, ch. 2), with an infrared of 1314 W/m2 below the Sun at perihelion. Highlands are brighter.
pub const ALBEDO_FRAC: f64 = 0.073;

/// Infrared, W/m2, of ground or of what is seen of it: `lit` is the cosine of the Sun over the ground, or the factor of a plate
/// ([`crate::shine`]); `night_w_m2` the night's own infrared through the same view.
pub(crate) fn emitted_w_m2(sunlight_w_m2: f64, albedo_frac: f64, lit: f64, night_w_m2: f64) -> f64 {
    (1.0 - albedo_frac) * sunlight_w_m2 * lit + night_w_m2
}

/// Temperature of level ground under a Sun with the cosine `sun_over_zenith`.
pub fn temperature(sunlight_w_m2: f64, albedo_frac: f64, sun_over_zenith: f64, night_w_m2: f64) -> Kelvin {
    Kelvin((emitted_w_m2(sunlight_w_m2, albedo_frac, sun_over_zenith.max(0.0), night_w_m2) / STEFAN_BOLTZMANN_W_M2K4).powf(0.25))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noon_and_night_are_the_published_ones() {
        // Sunlight at perihelion, W/m2: 390 K and 1312 W/m2 below the Sun.
        let sunlight = 1361.0 / 0.9833_f64.powi(2);
        assert!((temperature(sunlight, ALBEDO_FRAC, 1.0, NIGHT_W_M2).0 - 390.0).abs() < 1.0);
        assert!((emitted_w_m2(sunlight, ALBEDO_FRAC, 1.0, NIGHT_W_M2) - 1312.0).abs() < 5.0);
        assert!((temperature(sunlight, ALBEDO_FRAC, -0.3, NIGHT_W_M2).0 - NIGHT_K).abs() < 1e-9);
    }
}
