//! The digital twin of the bench: plants, emulated instruments, the virtual card, and a process that hosts them.
//!
//! Two plants share one set of equations: what is believed (the rehearsal flies it) and one drawn by seed (the emulator is it).
//! Emulated instruments speak the real wire protocols; peers we did not write drive them in the tests.
//!
//! Not here: the controller, recording, anything that knows which of the two plants it is talking to.

pub mod bath;
pub mod card;
pub mod circuit;
pub mod desk;
pub mod faults;
pub mod host;
pub mod joined;
pub mod link;
pub mod modbus_device;
pub mod parked;
pub mod plant;
pub mod sizing;
pub mod te_controller;
pub mod tec_controller;
#[cfg(test)]
mod testing;
pub mod truth;
pub mod wired;
pub mod world;

pub use card::{Card, CardReading, CardSpec};
pub use circuit::{Circuit, coolant_of};
pub use desk::{Emulated, NotEmulated, Scene};
pub use faults::Scenario;
pub use joined::Joined;
pub use link::{CardCommand, CardLink, LinkError, Ready};
pub use plant::Plant;
pub use truth::{Doubt, Faults, Spreads, Truth};
pub use wired::{Ailment, Wired};
pub use world::{TwinSpec, World};

/// The emulated bench of a rig file as it really is by `truth`, with every instrument that the rig has.
pub fn world_of(rig: &rig::RigFile, truth: Truth, card: CardSpec, coupled: bool) -> Result<World, NotEmulated> {
    let servo = rig.servo().or(rig.instruments.first());
    let mut world = World::new(truth, card, servo.map_or_else(tec_controller::TecController::idle, tec_for), coupled);
    world.bind(rig);
    for (name, device) in desk::beside(rig)? {
        world.attach(name, device);
    }
    for instrument in rig.instruments.iter().filter(|i| i.output_of.is_some()) {
        let output = instrument.output_number().unwrap_or(1);
        world.attach_output(instrument.name.clone(), instrument.device().to_owned(), output);
    }
    Ok(world)
}

/// The emulated controller that stands in for an instrument of a rig file.
pub fn tec_for(instrument: &rig::Instrument) -> tec_controller::TecController {
    tec_controller::TecController::new(tec_controller::TecConfig::standing_in_for(instrument))
}
