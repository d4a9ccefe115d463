//! What can go wrong in this crate apart from a rig file (see [`signal::Problems`]) and from what a driver tells as an event.

use crate::port::Place;
use thiserror::Error;

/// Failures of this crate.
#[derive(Debug, Error)]
pub enum Error {
    /// An instrument was not built by reading a rig file and holds what a rig file may not.
    #[error("cannot drive instrument \"{instrument}\": {why}")]
    Instrument {
        /// Its name.
        instrument: String,
        /// In words.
        why: String,
    },
    /// No thread for a port.
    #[error("cannot start the thread that owns port {place}: {source}")]
    Thread {
        /// The port.
        place: Place,
        /// What the system said.
        source: std::io::Error,
    },
}
