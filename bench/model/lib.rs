//! The physics of the bench as functions of their arguments: the Sun, the orbit, Earth's shadow and shine, and the satellite's
//! heat balance.
//!
//! Not here: clocks, threads, devices, randomness, and any twin of the bench hardware. The same arguments give the same
//! numbers, always.

pub mod array;
pub mod attitude;
pub mod battery;
pub mod constants;
pub mod coolant;
pub mod eclipse;
pub mod environment;
pub mod ephemeris;
pub mod flight;
pub mod flux;
pub mod frame;
pub mod ground;
pub mod kepler;
pub mod mass;
pub mod moon;
pub mod nutation;
pub mod orbit;
pub mod philox;
pub mod place;
pub mod power;
pub mod profile;
pub mod radiator;
pub mod regolith;
pub mod rollup;
pub mod rosenbrock;
pub mod season;
pub mod shadow;
pub mod shine;
pub mod spread;
pub mod stability;
pub mod sun;
pub mod surface;
pub mod tec;
pub mod time;
pub mod timetable;
pub mod trade;
pub mod trajectory;
pub mod vector;
pub mod weigh;

pub use eclipse::{Contact, Edge};
pub use environment::{Attitude, Environment, Face, Sample};
pub use place::Place;
pub use profile::Profile;
pub use trajectory::{Body, Trajectory};
