//! What a rig's channels say of the temperatures that an instrument measures, in that instrument's own numbers.

use super::{Instrument, Read};

impl Read {
    /// Where the interlock trips, lower and upper, as the instrument would say it.
    pub fn trips_as_said(&self) -> (Option<f64>, Option<f64>) {
        let said = |trip: Option<f64>| trip.map(|trip| self.correction.invert(trip));
        if self.correction.gain < 0.0 { (said(self.trip_max), said(self.trip_min)) } else { (said(self.trip_min), said(self.trip_max)) }
    }
}

impl Instrument {
    /// Where the interlock trips on what it reads under this name, lower and upper, in its own numbers.
    pub fn trips(&self, reading: &str) -> (Option<f64>, Option<f64>) {
        self.reads.iter().find(|read| read.name == reading).map_or((None, None), Read::trips_as_said)
    }
}
