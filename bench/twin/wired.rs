//! What every emulated device is to whoever holds its cable, and what can befall it.

use crate::tec_controller::TecController;

/// Something that befalls a device, apart from its line and from the plant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ailment {
    /// Its power is cut and comes back: it restarts as it powers up.
    PowerCycle,
    /// Another unit of the same model stands in its place, in the state of one just powered up.
    Exchanged {
        /// What it says its serial number is, if devices of its kind say so; a device that tells a number keeps its own where this is none.
        serial_number: String,
    },
    /// Its watchdog fires, whatever it heard.
    WatchdogFires,
}

/// An emulated device at the end of a cable. Bytes in, bytes out; it knows no port and no clock.
pub trait Wired: Send {
    /// Takes bytes that arrived at `wall_s` and returns the replies.
    fn receive(&mut self, wall_s: f64, bytes: &[u8]) -> Vec<u8>;

    /// Lets time pass up to `wall_s` for what goes by wall time: watchdogs, restarts.
    fn pass(&mut self, wall_s: f64);

    /// Its output is on. False for a device that has none.
    fn output_on(&self) -> bool;

    /// It switches its output off by itself when its host falls silent.
    fn has_watchdog(&self) -> bool;

    /// Something befalls it at `wall_s`.
    fn suffer(&mut self, wall_s: f64, ailment: Ailment);

    /// What happened since this was last asked, in words, for the emulator's own log.
    fn events(&mut self) -> Vec<String>;
}

impl Wired for TecController {
    fn receive(&mut self, wall_s: f64, bytes: &[u8]) -> Vec<u8> {
        Self::receive(self, wall_s, bytes)
    }

    fn pass(&mut self, wall_s: f64) {
        self.watch(wall_s);
    }

    fn output_on(&self) -> bool {
        Self::output_on(self)
    }

    fn has_watchdog(&self) -> bool {
        true
    }

    fn suffer(&mut self, wall_s: f64, ailment: Ailment) {
        self.befall(wall_s, ailment);
    }

    fn events(&mut self) -> Vec<String> {
        Self::events(self)
    }
}
