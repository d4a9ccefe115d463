//! Interlocks: a measured value outside its bounds ends the run. A missing value never trips here; missing things have
//! their own patience.

use signal::{Channel, Snapshot};

/// One bound on one measured channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Trip {
    /// Name of the rig's channel, for the message.
    pub name: String,
    /// What is watched.
    pub channel: Channel,
    /// Trips below this.
    pub min: Option<f64>,
    /// Trips above this.
    pub max: Option<f64>,
}

impl Trip {
    /// What is wrong, if anything is.
    pub fn check(&self, readings: &Snapshot) -> Option<String> {
        let value = readings.usable(self.channel)?;
        if let Some(min) = self.min.filter(|min| value < *min) {
            return Some(format!("{} reads {value:.2}, below its trip limit {min}", self.name));
        }
        let max = self.max.filter(|max| value > *max)?;
        Some(format!("{} reads {value:.2}, above its trip limit {max}", self.name))
    }
}
