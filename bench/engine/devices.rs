//! What the controller flies: the one trait between a [`crate::pilot::Pilot`] and hardware, twin or belief.
//!
//! Three stand behind it: `live::LiveDevices` (real ports and libraries), [`crate::memory::MemoryBench`] (drivers and
//! emulators joined in memory on virtual time) and [`crate::believed::Believed`] (the believed plant alone, for rehearsals).

use control::{Commands, Event, Instruments, WorkFault};
use signal::{Snapshot, Tick};
use std::time::Duration;

/// What the devices say at one tick.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// The newest readings.
    pub readings: Snapshot,
    /// State of the instruments.
    pub instruments: Instruments,
    /// The workload is not well, and why.
    pub workload_fault: Option<WorkFault>,
    /// What was asked of what stands for Sun and array.
    pub shone: Shone,
    /// What happened to the devices since the last look.
    pub events: Vec<Event>,
}

/// What was asked of what stands for Sun and array, when the readings beside it were taken. Missing while nothing is asked of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shone {
    /// Short-circuit current of the array simulator, A, and its open-circuit voltage, V, unless it is dark.
    pub array: Option<(f64, Option<f64>)>,
    /// Output of the lamp over that at one sun.
    pub lamp_frac: Option<f64>,
}

/// Something that could not be confirmed safe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unconfirmed {
    /// Which device.
    pub device: String,
    /// What is not known of it.
    pub why: String,
}

/// Sunlight on the satellite's array at one tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sunlight {
    /// Flux on the array over that of one sun.
    pub suns: f64,
    /// Temperature of the array, °C, where the flight model has it.
    pub array_degc: Option<f64>,
}

/// A bench of some kind.
pub trait Devices {
    /// The sunlight that what stands for Sun and array shall show from the next commands on. Benches without such do nothing.
    fn sunlight(&mut self, _sun: Sunlight) {}

    /// Readings of `tick`, which is `bench_s` bench seconds after the start. May wait for a fraction of a tick, never longer.
    fn latest(&mut self, tick: Tick, bench_s: f64) -> Look;
    /// Hands out the commands of `tick`; doing so renews the leases.
    fn apply(&mut self, tick: Tick, commands: &Commands);
    /// Takes every channel to its safe action and waits for confirmation, `within` in all; what is left is unconfirmed.
    /// Called once, last.
    fn make_safe(&mut self, within: Duration) -> (Vec<Unconfirmed>, Vec<Event>);
}
