//! The device under test and what it says of itself: an NVIDIA GPU through NVML, or the host CPU through RAPL and hwmon.
//! The only floor that knows nvml-wrapper.
//!
//! Not here: the twin's virtual card (it belongs to the twin), polling threads and time-outs (the engine owns them, [`Accelerator::sample`] may
//! block), and power that somebody declared instead of reading it (`assume_w`, the engine again). Nothing but `nvml::Held` changes a limit or a
//! clock, and nothing at all a mode.
//!
//! A value that cannot be read is `None`. It is never 0 and never the last one.

pub mod cpu;
mod health;
pub mod info;
pub mod nvml;
pub mod rapl;
mod sensors;
mod spec;
mod strangers;
pub mod throttle;
mod together;
pub mod trace;
mod watch;

pub use health::Health;
pub use spec::{Gpu, Spec};
pub use watch::{Remark, STRANGER};

use signal::Channel;
use std::fmt;
use thiserror::Error;

/// What one look at an accelerator found. Each value is `None` where the device, driver or permissions do not give it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Board (or CPU package) power, W, averaged by the device over about a second, or by us between two samples. Not an instant.
    pub power_w: Option<f64>,
    /// Power at this instant, W. To be looked at, not to be integrated: the device may look away three quarters of the time
    /// (arXiv 2312.02741).
    pub power_instant_w: Option<f64>,
    /// How old the power reading was when it was looked at, s, by the driver's own stamp of the instant reading, or else of the average. Some drivers stamp the look
    /// and not the update, so it says no more than when a value that is new can have come.
    pub power_age_s: Option<f64>,
    /// Energy counter, J since some moment before the run. Never falls within one [`Sample::energy_epoch`].
    pub energy_j: Option<f64>,
    /// Grows by one whenever the counter started anew (driver reloaded, a wrap that cannot be told): no difference spans two epochs.
    pub energy_epoch: u32,
    /// Die temperature, °C.
    pub die_degc: Option<f64>,
    /// Memory temperature, °C.
    pub memory_degc: Option<f64>,
    /// Kelvin until the driver begins to slow the die down.
    pub die_margin_k: Option<f64>,
    /// Kelvin until the driver begins to slow the memory down.
    pub memory_margin_k: Option<f64>,
    /// Core (streaming multiprocessor) clock, MHz; for a CPU the mean of its cores.
    pub core_mhz: Option<f64>,
    /// Memory clock, MHz.
    pub memory_mhz: Option<f64>,
    /// Share of the last sample period in which the device was at work, %.
    pub utilisation_pct: Option<f64>,
    /// Share of it in which memory was read or written, %.
    pub memory_busy_pct: Option<f64>,
    /// NVML clock-event reasons as bits; [`throttle::words`] puts them in words.
    pub throttle_bits: Option<u64>,
}

impl Sample {
    /// Energy used since `earlier`, J; `None` if either counter is missing or the counter started anew in between.
    ///
    /// ```
    /// use accelerator::Sample;
    /// let before = Sample { energy_j: Some(1000.0), ..Sample::default() };
    /// let after = Sample { energy_j: Some(1060.0), ..Sample::default() };
    /// assert_eq!(after.energy_since(&before), Some(60.0));
    /// assert_eq!(Sample { energy_epoch: 1, ..after }.energy_since(&before), None);
    /// ```
    pub fn energy_since(&self, earlier: &Self) -> Option<f64> {
        let (before, now) = (earlier.energy_j?, self.energy_j?);
        (self.energy_epoch == earlier.energy_epoch && now >= before).then_some(now - before)
    }

    /// Every value with the channel it belongs to. Board power is not among them: what stands for a tick is made of several samples.
    pub fn readings(&self) -> [(Channel, Option<f64>); 12] {
        [
            (Channel::AveragePower, self.power_w),
            (Channel::InstantPower, self.power_instant_w),
            (Channel::BoardEnergy, self.energy_j),
            (Channel::EnergyEpoch, self.energy_j.map(|_| f64::from(self.energy_epoch))),
            (Channel::Die, self.die_degc),
            (Channel::Memory, self.memory_degc),
            (Channel::DieMargin, self.die_margin_k),
            (Channel::MemoryMargin, self.memory_margin_k),
            (Channel::CoreClock, self.core_mhz),
            (Channel::MemoryClock, self.memory_mhz),
            (Channel::Utilisation, self.utilisation_pct),
            (Channel::MemoryBusy, self.memory_busy_pct),
        ]
    }

    /// True if not a single value could be read.
    pub fn is_empty(&self) -> bool {
        *self == Self { energy_epoch: self.energy_epoch, ..Self::default() }
    }
}

/// Which device this is, for the manifest and for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// How to ask for this very device again: `nvml:GPU-…`, `cpu`.
    pub spec: String,
    /// The maker's name of it.
    pub name: String,
    /// NVML's UUID, of the instance if it is one.
    pub uuid: Option<String>,
    /// UUID of the board.
    pub board_uuid: Option<String>,
    /// Its place on the PCI bus, as NVML writes it: `00000000:41:00.0`.
    pub bus: Option<String>,
    /// Serial number on the board.
    pub serial: Option<String>,
    /// Driver and its version.
    pub driver: Option<String>,
    /// The most power it may draw, W, as the device itself states (power limit in force).
    pub full_w: Option<f64>,
    /// Least and most power limit that the board takes, W.
    pub limits_w: Option<(f64, f64)>,
    /// The power limit it comes with, W.
    pub default_limit_w: Option<f64>,
    /// Versions, bus, thresholds: name and value.
    pub facts: Vec<(String, String)>,
    /// Who else uses it; `None` where nobody can say.
    pub processes: Option<Vec<Busy>>,
    /// What an operator should know: which values are missing and what to do, which source a value comes from.
    pub notes: Vec<String>,
}

impl Identity {
    /// Version of the board's firmware (VBIOS), where the device says it.
    pub fn vbios(&self) -> Option<&str> {
        self.facts.iter().find(|(name, _)| name == VBIOS).map(|(_, version)| version.as_str())
    }
}

/// Name of that fact.
pub(crate) const VBIOS: &str = "VBIOS";

/// A process that uses the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    /// Its id, as the driver has it.
    pub pid: u32,
    /// Its name, where it can be seen from here.
    pub name: Option<String>,
    /// Device memory it holds, bytes.
    pub bytes: Option<u64>,
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {}", self.name.as_deref().unwrap_or("a process that cannot be seen from here"), self.pid)?;
        if let Some(bytes) = self.bytes {
            write!(f, ", {} MiB", bytes >> 20)?;
        }
        f.write_str(")")
    }
}

/// A power sample that the driver took by itself and kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Buffered {
    /// The driver's stamp, s since 1970.
    pub at_s: f64,
    /// Board power, W.
    pub power_w: f64,
}

/// A device that can be asked how it is. One owner, one thread.
pub trait Accelerator: Send {
    /// Which device this is; read once, when it was opened.
    fn identity(&self) -> &Identity;

    /// Reads everything once. Blocks as long as the driver does, which with a sick GPU can be for ever: call it on its own thread.
    /// An error means that the device is gone or unusable; a value it merely does not offer is `None` in the sample.
    fn sample(&mut self) -> Result<Sample, Error>;

    /// Reads once what changes slowly. May take a tenth of a second: not at every sample.
    fn health(&mut self) -> Result<Health, Error> {
        Ok(Health::default())
    }

    /// Power samples that the driver took since the last call, oldest first; `None` where it keeps none. The first call hands over all that it still has.
    fn buffered(&mut self) -> Result<Option<Vec<Buffered>>, Error> {
        Ok(None)
    }

    /// What happened since the last call that belongs into the log.
    fn remarks(&mut self) -> Vec<Remark> {
        Vec::new()
    }
}

/// Why an accelerator cannot be had or has gone.
#[derive(Debug, Error)]
pub enum Error {
    /// `--accelerator` was not understood.
    #[error("cannot tell which accelerator `{text}` is: {hint}")]
    Unknown {
        /// What was typed.
        text: String,
        /// What to type.
        hint: String,
    },
    /// The virtual card was asked for here.
    #[error("cannot open the virtual card by itself: it lives in the twin, behind an emulated rig")]
    Virtual,
    /// Something that looks at one device was given several.
    #[error("cannot look at {spec} together: this looks at one device at a time; name one of them")]
    OneAtATime {
        /// What was asked for.
        spec: String,
    },
    /// Two devices are one board.
    #[error(
        "cannot measure {first} and {second} together: both are on the board {board}, whose power and heat cannot be told apart and would count twice; name one of them"
    )]
    SameBoard {
        /// One.
        first: String,
        /// The other.
        second: String,
        /// UUID of the board.
        board: String,
    },
    /// No NVML library could be opened.
    #[error("cannot open the NVIDIA management library: {tried}; {hint}")]
    Library {
        /// Every place that was tried and what went wrong there.
        tried: String,
        /// What to do.
        hint: String,
    },
    /// NVML has no such GPU.
    #[error("cannot open NVIDIA GPU {gpu}: {why}; {hint}")]
    NoGpu {
        /// The GPU asked for.
        gpu: Gpu,
        /// NVML's reason.
        why: String,
        /// What to do.
        hint: String,
    },
    /// The device answered before and does not any more.
    #[error("lost {name} while reading its {what}: {why}; {hint}")]
    Lost {
        /// Name and index of the device.
        name: String,
        /// The value being read.
        what: &'static str,
        /// The driver's reason.
        why: String,
        /// What to do.
        hint: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_needs_both_ends_of_one_counter() {
        let at = |j: Option<f64>, epoch| Sample { energy_j: j, energy_epoch: epoch, ..Sample::default() };
        assert_eq!(at(Some(5.0), 0).energy_since(&at(Some(2.0), 0)), Some(3.0));
        assert_eq!(at(Some(2.0), 0).energy_since(&at(Some(5.0), 0)), None, "a counter that fell");
        assert_eq!(at(None, 0).energy_since(&at(Some(5.0), 0)), None);
        assert_eq!(at(Some(9.0), 1).energy_since(&at(None, 1)), None);
        assert_eq!(at(Some(9.0), 1).energy_since(&at(Some(5.0), 0)), None, "another epoch");
    }

    #[test]
    fn only_a_sample_without_values_is_empty() {
        assert!(Sample { energy_epoch: 3, ..Sample::default() }.is_empty());
        assert!(!Sample { throttle_bits: Some(0), ..Sample::default() }.is_empty());
    }
}
