//! The words every floor of the bench speaks: units, readings with their quality and origin, channels,
//! limits, and the one reader of the project's TOML files.
//!
//! Not here: clocks, threads, devices, physics. Nothing in this crate waits or measures.

mod crossing;
pub mod document;
mod limits;
mod reading;
mod state;
mod units;

pub use crossing::{Crossing, Kept, Place};
pub use document::{Document, Problem, Problems, Section};
pub use limits::{Limited, Limits, NotANumber};
pub use reading::{Channel, Origin, Quality, Reading, Snapshot, Source};
pub use state::{Limit, Request, RunState, Severity, UnknownWord};
pub use units::{Celsius, KELVIN_OFFSET, Kelvin, Watts};

/// One step of the controller, counted from 0 at the start of the run. The step's length is constant within a run.
pub type Tick = u64;
