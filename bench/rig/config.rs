//! What a rig file declares: interface, instruments, channels with their limits, trips and safe actions, accelerator, masses.
//!
//! Reading refuses a rig that contradicts itself, with every problem at once. Not here: the tables `[plant]`, `[truth]` and
//! `[card]`, which say what the twin believes of the bench and are the twin's to read from the same document.

mod calibration;
mod commissioning;
mod read;

pub use calibration::CalibrationRule;
pub use commissioning::CommissioningRule;
use signal::{Channel, Limits, Section};
use std::path::PathBuf;

/// Rigs that travel inside the binary, as (name, text) pairs; the first is the default.
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    &[
        ("twin", include_str!("../../rigs/twin.toml")),
        ("gpu-only", include_str!("../../rigs/gpu-only.toml")),
        ("meerstetter", include_str!("../../rigs/meerstetter.toml")),
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
    /// Instruments in the file's order, at least one.
    pub instruments: Vec<Instrument>,
    /// Channels in the file's order; plate and workload are always among them.
    pub channels: Vec<ChannelRule>,
    /// The device under test.
    pub accelerator: AcceleratorRule,
    /// What was weighed, in the file's order.
    pub masses: Vec<Mass>,
    /// The record that allows it to run, and how it is made.
    pub commissioning: CommissioningRule,
    /// What it was found to be.
    pub calibration: CalibrationRule,
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

    /// The rule of a channel, if the rig has it.
    pub fn channel(&self, role: Role) -> Option<&ChannelRule> {
        self.channels.iter().find(|c| c.role == role)
    }

    /// The instrument of this name.
    pub fn instrument(&self, name: &str) -> Option<&Instrument> {
        self.instruments.iter().find(|i| i.name == name)
    }

    /// Kilograms weighed into one ledger.
    pub fn mass_kg(&self, ledger: Ledger) -> f64 {
        self.masses.iter().filter(|m| m.ledger == ledger).map(|m| m.kg).sum()
    }
}

/// `[interface]`: the cut between the bench and the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interface {
    /// The node of the flight model whose temperature the rig imposes.
    pub servo_node: ServoNode,
    /// How the heat that crosses the cut is known.
    pub heat_source: HeatSource,
    /// Time in which the rig follows most of a small change of its setpoint, bench seconds.
    pub lag_s: f64,
    /// Further delay round the loop, as of coolant under way or a slow meter, bench seconds.
    pub delay_s: f64,
}

/// Which temperature the rig imposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServoNode {
    /// The cold plate.
    Plate,
}

/// How the heat into the model is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeatSource {
    /// The board's electrical power, through the modelled die and plate lag.
    Electrical,
}

/// `[instrument.NAME]`: one device behind one port.
#[derive(Clone, Debug, PartialEq)]
pub struct Instrument {
    /// NAME.
    pub name: String,
    /// What it speaks.
    pub driver: DriverKind,
    /// Where it is.
    pub connection: Connection,
    /// Line speed, baud (8 data bits, no parity, 1 stop bit).
    pub baud: u32,
    /// Device address on its line, 1 to 254.
    pub address: u8,
    /// The device drops its output if the host is silent for this long, wall seconds; at least 2.
    pub lease_s: f64,
    /// A question unanswered this long (and the wire's time) is asked again or given up, wall seconds.
    pub reply_timeout_s: f64,
    /// Largest current through the output either way, A. Written to the device and read back.
    pub current_limit_a: f64,
    /// Largest voltage across the output either way, V. Written to the device and read back.
    pub voltage_limit_v: f64,
    /// Model number it must report, if declared.
    pub device_type: Option<u32>,
    /// Serial number it must report, if declared.
    pub serial_number: Option<u32>,
    /// What it reads for which channel, from the `[channel.*]` tables.
    pub reads: Vec<(Quantity, Channel)>,
    /// What it may be told to hold, if a channel of its has setpoint limits.
    pub setpoint: Option<Setpoint>,
}

/// Driver of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverKind {
    /// Meerstetter TEC controller, `MeCom` protocol.
    Mecom,
}

impl DriverKind {
    /// The word in a rig file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mecom => "mecom",
        }
    }
}

/// Where an instrument is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The twin stands in for it, on a port that it makes.
    Emulated,
    /// Behind this serial port.
    Port(PathBuf),
}

/// What an instrument can read for a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The temperature that it controls, °C.
    ObjectTemperature,
    /// The temperature of its heat sink, °C.
    SinkTemperature,
}

impl Quantity {
    /// The word in a rig file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ObjectTemperature => "object_temperature",
            Self::SinkTemperature => "sink_temperature",
        }
    }
}

/// Limits of a setpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setpoint {
    /// Range, °C.
    pub limits: Limits,
    /// Fastest change, K/min of bench time.
    pub rate_k_min: f64,
}

/// `[channel.NAME]`: one role on the bench.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelRule {
    /// NAME.
    pub role: Role,
    /// Name of the instrument that reads or drives it.
    pub instrument: Option<String>,
    /// What that instrument reads for it.
    pub reads: Option<Quantity>,
    /// What happens to it when the bench goes safe.
    pub safe: SafeAction,
    /// Limits of its setpoint, for the channel that is servoed.
    pub setpoint: Option<Setpoint>,
    /// The interlock trips below this, °C.
    pub trip_min_degc: Option<f64>,
    /// The interlock trips above this, °C.
    pub trip_max_degc: Option<f64>,
}

/// Roles that channels can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The cold plate under the accelerator.
    Plate,
    /// The lab's heat sink on the hot side of the modules, and its fan.
    Sink,
    /// The work that the accelerator does.
    Workload,
}

impl Role {
    /// The word in a rig file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Plate => "plate",
            Self::Sink => "sink",
            Self::Workload => "workload",
        }
    }

    /// The channel that its readings are, if it is read at all.
    pub const fn channel(self) -> Option<Channel> {
        match self {
            Self::Plate => Some(Channel::Plate),
            Self::Sink => Some(Channel::Sink),
            Self::Workload => None,
        }
    }
}

/// What going safe does to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SafeAction {
    /// Its output goes off.
    Off,
    /// It keeps running: a fan or a pump.
    On,
    /// It is ended: a workload.
    Stop,
}

impl SafeAction {
    /// The word in a rig file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Stop => "stop",
        }
    }
}

/// `[accelerator]`: the device under test, as far as the rig knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceleratorRule {
    /// Which one to take unless the command line says otherwise: `virtual`, `cpu` or `nvml:N`.
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
    /// What a run may change about it.
    pub settings: DeviceSettings,
}

/// `[accelerator.settings]`: what is set before a run and put back after it. Nothing is touched without it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DeviceSettings {
    /// Board power limit, W.
    pub power_limit_w: Option<f64>,
    /// The limit follows the governor's budget, up to `power_limit_w`, instead of the work being paced.
    pub limit_follows_budget: bool,
    /// Lowest and highest core clock, MHz.
    pub locked_mhz: Option<(u32, u32)>,
}

/// `[mass.NAME]`: something on the bench that was weighed.
#[derive(Clone, Debug, PartialEq)]
pub struct Mass {
    /// NAME.
    pub name: String,
    /// Kilograms.
    pub kg: f64,
    /// Whom it is charged to.
    pub ledger: Ledger,
    /// What it is, how it was weighed.
    pub note: String,
}

/// Ledgers that a rig can charge. The third, the flight model's, is the profile's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ledger {
    /// A part on the bench that would fly, and that cools: a cold plate.
    FlyingCooling,
    /// A part on the bench that would fly, and that computes: a card, its host.
    FlyingCompute,
    /// Test support: never charged to the orbit.
    Support,
}

#[cfg(test)]
mod tests;
