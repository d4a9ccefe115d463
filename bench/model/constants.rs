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

/// Earth's rate of rotation, rad/s. WGS 84 (NIMA TR8350.2, 3rd ed.).
pub const EARTH_ROTATION_RAD_S: f64 = 7.292_115e-5;

/// The Moon's gravitational parameter, km3/s2. JPL DE430 (Folkner et al. 2014, IPN Progress Report 42-196, table 8).
pub const MOON_MU_KM3_S2: f64 = 4_902.800_066;

/// The Moon's mean radius, km. IAU working group on cartographic coordinates 2015 (Archinal et al. 2018, table 5).
pub const MOON_RADIUS_KM: f64 = 1737.4;

/// The Moon's oblateness coefficient J2 (unnormalised). GRAIL field GL0660B (Konopliv et al. 2013, J. Geophys. Res. Planets 118).
pub const MOON_J2: f64 = 2.0321e-4;

/// Radius that the Moon's J2 refers to, km. GRAIL field GL0660B.
pub const MOON_J2_RADIUS_KM: f64 = 1738.0;

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

/// Temperature of the cosmic background, K. Fixsen 2009, Astrophys. J. 707, 916.
pub const COSMIC_BACKGROUND_K: f64 = 2.725_48;

/// Mean synodic month (new Moon to new Moon, and noon to noon on the Moon), days. Meeus, Astronomical Algorithms, 2nd ed., ch. 49.
pub const SYNODIC_MONTH_D: f64 = 29.530_588_861;
