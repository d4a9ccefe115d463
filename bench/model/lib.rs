//! The physics of the bench as functions of their arguments: the Sun, the orbit, Earth's shadow and shine, and the satellite's
//! heat balance.
//!
//! Not here: clocks, threads, devices, randomness, and any twin of the bench hardware. The same arguments give the same
//! numbers, always.

pub mod constants;
pub mod eclipse;
pub mod environment;
pub mod flight;
pub mod flux;
pub mod frame;
pub mod mass;
pub mod orbit;
pub mod power;
pub mod profile;
pub mod radiator;
pub mod rosenbrock;
pub mod shadow;
pub mod sun;
pub mod tec;
pub mod time;
pub mod trajectory;
pub mod vector;

pub use eclipse::{Contact, Edge};
pub use environment::{Attitude, Environment, Face, Sample};
pub use profile::Profile;
pub use trajectory::{Body, Trajectory};
