//! Emulated instruments beside the TEC controller: what they all are, and how one is found for an instrument of a rig file.
//!
//! An emulated instrument is a peer of the driver, not its mirror: it knows its protocol from the device's side and shares nothing
//! of how a driver goes about it.

mod alone;
mod baths;
mod binary;
mod lines;
mod others;
mod scale;
mod sinara;
mod supply;
mod tec_face;

use crate::tec_controller::{Sensors, TecController};
use crate::wired::Ailment;
pub use alone::Alone;
use baths::{Huber, Lauda};
use others::{Kind, Other};
use rig::{DriverKind, Instrument, LineSettings, RigFile, Role};
use sinara::Sinara;
use supply::{Make, Supply};
use tec_face::TecFace;
use thiserror::Error;

/// What an emulated instrument may know of the bench at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scene {
    /// What the plate's and the sink's sensors read.
    pub sensors: Sensors,
    /// What the plate's sensor reads, °C.
    pub plate_degc: f64,
    /// What the coolant's sensors read, where something flows.
    pub coolant: Option<Flowing>,
    /// Room air, °C.
    pub room_degc: f64,
    /// Power of the board as a meter in its supply has it, W.
    pub board_w: f64,
}

/// What flow meter and coolant sensors read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flowing {
    /// Entering the plate, °C.
    pub supply_degc: f64,
    /// Leaving it, °C.
    pub return_degc: f64,
    /// Flow, l/min.
    pub flow_l_min: f64,
}

/// A meter in a part of the board's supply.
struct Partial {
    device: Box<dyn Emulated>,
    frac: f64,
}

impl Emulated for Partial {
    fn receive(&mut self, wall_s: f64, bytes: &[u8], tec: &mut TecController) -> Vec<u8> {
        self.device.receive(wall_s, bytes, tec)
    }

    fn advance(&mut self, wall_s: f64, dt_bench_s: f64, scene: &Scene) {
        self.device.advance(wall_s, dt_bench_s, &Scene { board_w: scene.board_w * self.frac, ..*scene });
    }

    fn output_on(&self) -> Option<bool> {
        self.device.output_on()
    }

    fn outputs_on(&self, output: u8) -> Option<bool> {
        self.device.outputs_on(output)
    }

    fn has_watchdog(&self) -> bool {
        self.device.has_watchdog()
    }

    fn suffer(&mut self, wall_s: f64, ailment: Ailment, tec: &mut TecController) {
        self.device.suffer(wall_s, ailment, tec);
    }

    fn events(&mut self) -> Vec<String> {
        self.device.events()
    }
}

/// Part of a board's power that comes through its slot, where a rig meters it apart (assumed: a slot gives at most 75 W, the rest comes by cable).
pub const SLOT_FRAC: f64 = 0.3;

/// Relative humidity of the emulated room, % (assumed).
pub const HUMIDITY_PCT: f64 = 45.0;

/// The part of the board's power that an instrument has, if its rig meters slot and cable apart.
fn part(rig: &RigFile, instrument: &Instrument) -> Option<f64> {
    rig.channel(Role::BoardSlot)?;
    let reads = |role: Role| instrument.reads.iter().any(|r| role.slots().iter().any(|(_, channel)| *channel == r.channel));
    match (reads(Role::BoardPower), reads(Role::BoardSlot)) {
        (true, false) => Some(1.0 - SLOT_FRAC),
        (false, true) => Some(SLOT_FRAC),
        // One instrument with both has channels of its own for them.
        _ => None,
    }
}

/// One emulated instrument. Bytes in, bytes out; it knows no port and no clock.
pub trait Emulated: Send {
    /// Takes bytes that arrived at `wall_s` and returns the replies. `tec` is the stage that moves the plate's heat, for an
    /// instrument that is a face of it.
    fn receive(&mut self, wall_s: f64, bytes: &[u8], tec: &mut TecController) -> Vec<u8>;

    /// Lets `dt_bench_s` of bench time pass up to `wall_s`.
    fn advance(&mut self, wall_s: f64, dt_bench_s: f64, scene: &Scene);

    /// Its output is on; `None` if it has none of its own.
    fn output_on(&self) -> Option<bool>;

    /// The same of the output of this number, from 1, for a device that has several.
    fn outputs_on(&self, output: u8) -> Option<bool> {
        self.output_on().filter(|_| output == 1)
    }

    /// It does something of its own when its host falls silent.
    fn has_watchdog(&self) -> bool {
        false
    }

    /// Something befalls it at `wall_s`, and with it `tec`, where it is a face of that.
    fn suffer(&mut self, wall_s: f64, ailment: Ailment, tec: &mut TecController);

    /// So much lies on it now, kg. Only a scale has a pan.
    fn load(&mut self, _kg: f64) {}

    /// What happened since this was last asked, in words, for the emulator's own log.
    fn events(&mut self) -> Vec<String>;
}

/// A second controller on the bench: it reads the same temperatures and moves nothing.
struct Bystander {
    device: TecController,
}

impl Emulated for Bystander {
    fn receive(&mut self, wall_s: f64, bytes: &[u8], _tec: &mut TecController) -> Vec<u8> {
        self.device.receive(wall_s, bytes)
    }

    fn advance(&mut self, wall_s: f64, dt_bench_s: f64, scene: &Scene) {
        let _ = self.device.control(wall_s, dt_bench_s, scene.sensors);
    }

    fn output_on(&self) -> Option<bool> {
        Some(self.device.output_on())
    }

    fn outputs_on(&self, output: u8) -> Option<bool> {
        if output == 1 { self.output_on() } else { self.device.second_on() }
    }

    fn has_watchdog(&self) -> bool {
        true
    }

    fn suffer(&mut self, wall_s: f64, ailment: Ailment, _tec: &mut TecController) {
        self.device.befall(wall_s, ailment);
    }

    fn events(&mut self) -> Vec<String> {
        self.device.events()
    }
}

/// An instrument that nothing here can stand in for.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("instrument \"{instrument}\" cannot be emulated: {why}")]
pub struct NotEmulated {
    /// Its name in the rig file.
    pub instrument: String,
    /// In words.
    pub why: String,
}

/// An emulated instrument, by its name in the rig file.
pub type Placed = (String, Box<dyn Emulated>);

/// The instruments of a rig that stand beside its TEC controller, each with its name. The servoed one is the world's own controller
/// if it speaks `MeCom`, and else a face of it.
pub fn beside(rig: &RigFile) -> Result<Vec<Placed>, NotEmulated> {
    let mut desk = Vec::new();
    if let Some(servo) = rig.servo().filter(|servo| servo.output_of.is_some() && servo.mecom().is_some()) {
        let why = "the bank of modules is on the first output of an emulated controller: let the servoed instrument be the device itself";
        return Err(NotEmulated { instrument: servo.name.clone(), why: why.to_owned() });
    }
    let devices = rig.instruments.iter().filter(|instrument| instrument.output_of.is_none());
    for instrument in devices.chain(rig.scale.iter().map(|scale| &scale.instrument)) {
        if let Some(device) = stand_in(instrument)? {
            let device = match part(rig, instrument) {
                Some(frac) => Box::new(Partial { device, frac }),
                None => device,
            };
            desk.push((instrument.name.clone(), device));
        }
    }
    Ok(desk)
}

fn stand_in(instrument: &Instrument) -> Result<Option<Box<dyn Emulated>>, NotEmulated> {
    let not = |why: &str| Err(NotEmulated { instrument: instrument.name.clone(), why: why.to_owned() });
    match &instrument.driver {
        DriverKind::Mecom(_) if instrument.drive.is_some() => {
            not("a fixed current comes from a second output only: make it `output_of` another")
        }
        DriverKind::Mecom(_) if instrument.servoes() => Ok(None),
        DriverKind::Mecom(_) => Ok(Some(Box::new(Bystander { device: crate::tec_for(instrument) }))),
        DriverKind::Modbus(settings) => Ok(Some(Box::new(binary::Registers::of(instrument, settings)))),
        DriverKind::Neslab(settings) => Ok(Some(Box::new(binary::Circulator::of(instrument, settings.address)))),
        DriverKind::Tetech(settings) => Ok(Some(Box::new(binary::TeFace::of(instrument, *settings)))),
        DriverKind::Line(line) => speaks(line, instrument.servoes()).map(Some).ok_or_else(|| NotEmulated {
            instrument: instrument.name.clone(),
            why: format!("nothing here speaks the dialect \"{}\" from the device's side", line.dialect.name),
        }),
    }
}

/// A device that speaks this dialect. What the dialect's file says it says is not looked at: a device that agreed with it by
/// construction would prove nothing.
fn speaks(line: &LineSettings, servoes: bool) -> Option<Box<dyn Emulated>> {
    let serial = line.serial_number.as_deref().unwrap_or("4242");
    Some(match line.dialect.name.as_str() {
        "arroyo" => Box::new(TecFace::new(line.model.as_deref().unwrap_or("5240"), serial)),
        "scpi-outputs" => Box::new(Supply::new(Make::Listed, serial)),
        "scpi-select" => Box::new(Supply::new(Make::Selected, serial)),
        "scpi-supply" => Box::new(Supply::new(Make::Scpi, serial)),
        "keysight-e4360" => Box::new(Supply::new(Make::E4360, serial)),
        "chroma-62000h" => Box::new(Supply::new(Make::Chroma, serial)),
        "korad" => Box::new(Supply::new(Make::Korad, serial)),
        "julabo" => Box::new(Other::new(Kind::Julabo, serial)),
        "lauda" => Box::new(Lauda::new(servoes)),
        "huber" => Box::new(Huber::new(serial, servoes)),
        "sinara-8451" => Box::new(Sinara::new(servoes)),
        "yokogawa-wt" => Box::new(Other::new(Kind::Yokogawa, serial)),
        "mt-sics" => Box::new(scale::Scale::new(serial)),
        "homemade" => Box::new(Other::new(Kind::Homemade, serial)),
        _ => return None,
    })
}

#[cfg(test)]
mod doubts;
#[cfg(test)]
mod idle;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unplugged;
#[cfg(test)]
mod versions;
