//! Physical and astronomical constants, each with its source. Nothing here is tuned: what a mission may choose
//! (solar constant, albedo, planet infrared) is an input of the profile.

/// Stefan-Boltzmann constant, W/(m2 K4). CODATA 2018.
pub const STEFAN_BOLTZMANN_W_M2K4: f64 = 5.670_374_419e-8;

/// Earth's gravitational parameter with atmosphere, km3/s2. IERS Conventions (2010), table 1.1.
pub const EARTH_MU_KM3_S2: f64 = 398_600.441_8;

/// Earth's equatorial radius, km. WGS 84 (NIMA TR8350.2, 3rd ed.). It also stands for the opaque and the radiating sphere.
pub const EARTH_RADIUS_KM: f64 = 6378.137;

/// Earth's oblateness coefficient J2 (unnormalised). EGM96 (Lemoine et al., NASA/TP-1998-206861): sqrt(5) x 484.165371736e-6.
pub const EARTH_J2: f64 = 1.082_626_68e-3;

/// Nominal solar radius, km. IAU 2015 resolution B3.
pub const SUN_RADIUS_KM: f64 = 695_700.0;

/// Astronomical unit, km. IAU 2012 resolution B2.
pub const AU_KM: f64 = 149_597_870.7;

/// Mean tropical year at J2000, days of 86 400 s. Meeus & Savoie 1992, J. Brit. Astron. Assoc. 102, 40.
pub const TROPICAL_YEAR_D: f64 = 365.242_189_7;

/// Seconds in a day.
pub const DAY_S: f64 = 86_400.0;

/// TT - UTC, s: 32.184 s (TT - TAI, IAU 1991) + 37 leap seconds (IERS Bulletin C, in force since 2017-01-01). Used for every
/// date: before 2017 it is at most a minute off, in which the Sun moves 0.0007 deg.
pub const TT_MINUS_UTC_S: f64 = 69.184;
