//! What a rig file declares: interface, instruments, channels with their limits, trips and safe actions, accelerator, masses.
//!
//! Reading refuses a rig that contradicts itself, with every problem at once. Not here: the tables `[plant]`, `[truth]` and
//! `[card]`, which say what the twin believes of the bench and are the twin's to read from the same document.

mod calibration;
mod channel;
mod commissioning;
mod instrument;
mod interface;
mod interlock;
mod mass;
mod read;
mod scale;
mod waiver;

pub use calibration::CalibrationRule;
pub use channel::{ChannelRule, Kind, Role, SafeAction};
pub use commissioning::CommissioningRule;
pub use instrument::{
    Connection, Correction, Drive, DriverKind, EXTERNAL_SENSOR, Firmware, INTERNAL_SENSOR, Instrument, Level, LineSettings, MecomSettings,
    ModbusFirmware, ModbusSettings, NeslabSettings, OBJECT_TEMPERATURE, OUTPUT_CURRENT, OUTPUT_VOLTAGE, Parity, Read, Round,
    SINK_TEMPERATURE, SUN_W_M2, Serial, Setpoint, SunRule, TetechSettings, UsbId,
};
pub use interface::{CoolantRule, Fluid, HeatSource, Interface, ServoNode};
pub use interlock::InterlockRule;
pub use mass::{Boundary, Ledger, Mass, WeighingRecord, WeighingRule};
pub use scale::{SCALE, Scale};
use signal::Section;
use std::path::PathBuf;
pub use waiver::{Risk, Waiver};

/// Rigs that travel inside the binary, as (name, text) pairs; the first is the default.
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    &[
        ("twin", include_str!("../../rigs/twin.toml")),
        ("gpu-only", include_str!("../../rigs/gpu-only.toml")),
        ("desk", include_str!("../../rigs/desk.toml")),
        ("loop", include_str!("../../rigs/loop.toml")),
        ("meerstetter", include_str!("../../rigs/meerstetter.toml")),
        ("arroyo", include_str!("../../rigs/arroyo.toml")),
        ("circulator", include_str!("../../rigs/circulator.toml")),
        ("lauda", include_str!("../../rigs/lauda.toml")),
        ("huber", include_str!("../../rigs/huber.toml")),
        ("sinara", include_str!("../../rigs/sinara.toml")),
        ("solar", include_str!("../../rigs/solar.toml")),
        ("homemade", include_str!("../../rigs/homemade.toml")),
        ("modbus", include_str!("../../rigs/modbus.toml")),
        ("neslab", include_str!("../../rigs/neslab.toml")),
        ("two-outputs", include_str!("../../rigs/two-outputs.toml")),
        ("korad", include_str!("../../rigs/korad.toml")),
        ("chroma", include_str!("../../rigs/chroma.toml")),
        ("tetech", include_str!("../../rigs/tetech.toml")),
        ("reference", include_str!("../../rigs/reference/rig.toml")),
    ]
}

/// A validated rig.
#[derive(Clone, Debug, PartialEq)]
pub struct RigFile {
    /// Short name, as in `--rig NAME`.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Where the physical parts end and the numerical ones begin.
    pub interface: Interface,
    /// What flows through it, where it is a loop.
    pub coolant: Option<CoolantRule>,
    /// What its own interlocks go by.
    pub interlock: InterlockRule,
    /// Instruments in the file's order, at least one.
    pub instruments: Vec<Instrument>,
    /// Channels in the file's order; plate and workload are always among them.
    pub channels: Vec<ChannelRule>,
    /// The device under test.
    pub accelerator: AcceleratorRule,
    /// What was weighed, in the file's order.
    pub masses: Vec<Mass>,
    /// The record that overrules these.
    pub weighing: WeighingRule,
    /// What the parts are weighed on.
    pub scale: Option<Scale>,
    /// The record that allows it to run, and how it is made.
    pub commissioning: CommissioningRule,
    /// What it was found to be.
    pub calibration: CalibrationRule,
    /// Who answers for what its instruments would not do alone.
    pub waiver: Option<Waiver>,
}

impl RigFile {
    /// Reads a rig from the top of its file. Problems stay with the document: [`signal::Document::finish`] tells them, and what
    /// comes back from here counts only if there are none.
    pub fn read(root: &Section<'_>) -> Self {
        read::rig(root)
    }

    /// True if any instrument is emulated: then whatever is measured on this rig is simulated.
    pub fn emulated(&self) -> bool {
        self.instruments.iter().any(|i| i.connection == Connection::Emulated)
    }

    /// True if every instrument is emulated: then time can be hurried.
    pub fn wholly_emulated(&self) -> bool {
        self.instruments.iter().all(|i| i.connection == Connection::Emulated)
    }

    /// The rule of a channel, if the rig has it.
    pub fn channel(&self, role: Role) -> Option<&ChannelRule> {
        self.channels.iter().find(|c| c.role == role)
    }

    /// The instrument of this name.
    pub fn instrument(&self, name: &str) -> Option<&Instrument> {
        self.instruments.iter().find(|i| i.name == name)
    }

    /// The instrument that holds the servoed temperature; reading refuses a rig without one.
    pub fn servo(&self) -> Option<&Instrument> {
        self.instruments.iter().find(|i| i.servoes())
    }

    /// What is read on this rig, beside the servoed instrument's own output.
    pub fn channels_read(&self) -> impl Iterator<Item = signal::Channel> + '_ {
        self.instruments.iter().flat_map(|i| i.reads.iter().map(|r| r.channel))
    }

    /// Places of the instruments by the line that they are on: those that share one together, in the file's order. Of an emulated one the
    /// port is its own, unless it says with whom it shares.
    pub fn lines(&self) -> Vec<Vec<usize>> {
        let mut lines: Vec<Vec<usize>> = Vec::new();
        for (at, instrument) in self.instruments.iter().enumerate() {
            let on = |line: &&mut Vec<usize>| line.iter().any(|other| self.instruments[*other].shares_line(instrument));
            match lines.iter_mut().find(on) {
                Some(line) => line.push(at),
                None => lines.push(vec![at]),
            }
        }
        lines
    }

    /// The widest boundary of any part that flies: figures per kilogram compare within one boundary only. `None` where none flies.
    pub fn boundary(&self) -> Option<Boundary> {
        self.masses.iter().filter(|m| m.ledger != Ledger::Support).map(|m| m.boundary).max()
    }
}

/// `[accelerator]`: the device under test, as far as the rig knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceleratorRule {
    /// Which one to take unless the command line says otherwise: `virtual`, `cpu`, `nvml:N` or several
    /// (`nvml:0,1`), which `full_w` and `idle_w` then are of together.
    pub default: String,
    /// It sits on this rig's plate, so that its heat goes through the instruments.
    pub coupled: bool,
    /// Declared board power at full load, W, where it cannot be read.
    pub full_w: Option<f64>,
    /// Declared board power at idle, W, where it cannot be read.
    pub idle_w: Option<f64>,
    /// Declared stand-in for power that cannot be read, W. Its rows are of origin `assumed`.
    pub assume_w: Option<f64>,
    /// How board power grows with temperature at constant work, W/K.
    pub leakage_w_k: f64,
    /// The interlock trips above this die temperature, °C.
    pub trip_max_degc: f64,
    /// Measured work map that pacing and plans go by, relative to the rig file.
    pub work_map: Option<PathBuf>,
    /// Where a plan leaves that map its edge is taken.
    pub work_map_clamp: bool,
    /// What a run may change about it.
    pub settings: DeviceSettings,
}

/// `[accelerator.settings]`: what is set before a run and put back after it. Nothing is touched without it. A single value is for every card of the run, a list has
/// one for each, in the order in which they are named.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeviceSettings {
    /// Board power limits, W.
    pub power_limit_w: Vec<f64>,
    /// The limits follow the governor's budget, up to `power_limit_w`, instead of the work being paced.
    pub limit_follows_budget: bool,
    /// Lowest and highest core clocks, MHz.
    pub locked_mhz: Vec<(u32, u32)>,
}

impl DeviceSettings {
    /// For how many cards it is, where it lists them.
    pub fn listed(&self) -> Option<usize> {
        [self.power_limit_w.len(), self.locked_mhz.len()].into_iter().find(|n| *n > 1)
    }

    /// Power limit and clocks of a card, from 0, where it has them.
    pub fn of_card(&self, card: usize) -> (Option<f64>, Option<(u32, u32)>) {
        (of_card(&self.power_limit_w, card), of_card(&self.locked_mhz, card))
    }
}

fn of_card<T: Copy>(all: &[T], card: usize) -> Option<T> {
    if let [one] = all { Some(*one) } else { all.get(card).copied() }
}

#[cfg(test)]
pub(crate) mod tests;
