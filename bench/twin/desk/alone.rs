//! One instrument of a desk by itself, as whoever holds its cable has it: for conversations with one driver, in memory.

use super::{Emulated, NotEmulated, Scene, stand_in};
use crate::tec_controller::TecController;
use crate::wired::{Ailment, Wired};
use rig::Instrument;

/// An instrument beside a stage of its own, in a scene that changes only when it is told to.
pub struct Alone {
    device: Box<dyn Emulated>,
    /// The stage that moves the plate's heat, which the device may be a face of.
    pub tec: TecController,
    /// What it sees of the bench.
    pub scene: Scene,
    servoes: bool,
    passed_s: f64,
}

impl Alone {
    /// What stands in for an instrument of a rig file.
    pub fn of(instrument: &Instrument, scene: Scene) -> Result<Self, NotEmulated> {
        let device = stand_in(instrument)?.ok_or_else(|| NotEmulated {
            instrument: instrument.name.clone(),
            why: "it is the bench's own controller, a `TecController`".to_owned(),
        })?;
        let mut alone = Self { device, tec: crate::tec_for(instrument), scene, servoes: instrument.servoes(), passed_s: 0.0 };
        alone.pass(0.0);
        Ok(alone)
    }
}

impl Alone {
    /// The output of this number is on, for a device that has several.
    pub fn output_number_on(&self, number: u8) -> bool {
        self.device.outputs_on(number) == Some(true)
    }
}

impl Wired for Alone {
    fn receive(&mut self, wall_s: f64, bytes: &[u8]) -> Vec<u8> {
        self.device.receive(wall_s, bytes, &mut self.tec)
    }

    fn pass(&mut self, wall_s: f64) {
        let dt_s = (wall_s - self.passed_s).max(0.0);
        self.passed_s = wall_s;
        self.tec.control(wall_s, dt_s, self.scene.sensors);
        self.device.advance(wall_s, dt_s, &self.scene);
    }

    fn output_on(&self) -> bool {
        self.device.output_on().unwrap_or(self.servoes && self.tec.output_on())
    }

    fn has_watchdog(&self) -> bool {
        self.device.has_watchdog()
    }

    fn suffer(&mut self, wall_s: f64, ailment: Ailment) {
        self.device.suffer(wall_s, ailment, &mut self.tec);
    }

    fn events(&mut self) -> Vec<String> {
        self.device.events()
    }
}
