//! A real NVIDIA GPU through NVML, opened at run time: the same binary runs where there is no NVIDIA driver.
//!
//! Not here: anything that changes the GPU. Only getters are called. Meanings and units are those of NVIDIA's NVML API reference.

use crate::{Accelerator, Error, Gpu, Identity, Sample};
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::error::{Bits, NvmlError};
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id::{NVML_FI_DEV_MEMORY_TEMP, NVML_FI_DEV_POWER_AVERAGE, NVML_FI_DEV_POWER_INSTANT};
use nvml_wrapper::{Device, Nvml};
use std::ffi::{OsStr, OsString};

/// Set to the path of an NVML library to use that one and no other (odd installations, tests).
pub const LIBRARY_VARIABLE: &str = "ORBITBENCH_NVML";

/// Where the driver's library is, most likely first: the linker's path, NixOS, WSL.
const LIBRARIES: &[&str] = &["libnvidia-ml.so.1", "/run/opengl-driver/lib/libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1"];

/// The fields read in one call; the order is that of [`Card::fields`].
const FIELDS: [FieldId; 3] = [FieldId(NVML_FI_DEV_MEMORY_TEMP), FieldId(NVML_FI_DEV_POWER_AVERAGE), FieldId(NVML_FI_DEV_POWER_INSTANT)];

/// An opened and initialised NVML library.
///
/// It is never shut down: with a lost GPU `nvmlShutdown` may not return, and the end of the process does as much.
#[derive(Clone, Copy, Debug)]
pub struct Library {
    nvml: &'static Nvml,
}

impl Library {
    /// Opens the library named by `ORBITBENCH_NVML`, or else the driver's own.
    pub fn find() -> Result<Self, Error> {
        Self::open_first(&candidates(std::env::var_os(LIBRARY_VARIABLE)))
    }

    /// Opens the first of `paths` that can be opened and initialised.
    pub fn open_first(paths: &[OsString]) -> Result<Self, Error> {
        let mut tried = Vec::new();
        let mut hint = "install the NVIDIA driver, or set ORBITBENCH_NVML to the library's path; in a container, start it with its GPUs";
        for path in paths {
            match Self::open(path) {
                Ok(library) => return Ok(library),
                Err(e) => {
                    // A library that was there and refused says more than the ones that were not there.
                    if let NvmlError::LibloadingError(absent) = e {
                        tried.push(absent.to_string());
                    } else {
                        hint = hint_for(&e);
                        tried.push(format!("{}: {e}", path.to_string_lossy()));
                    }
                }
            }
        }
        Err(Error::Library { tried: tried.join("; "), hint: hint.to_owned() })
    }

    fn open(path: &OsStr) -> Result<Self, NvmlError> {
        Ok(Self { nvml: Box::leak(Box::new(Nvml::builder().lib_path(path).init()?)) })
    }

    /// Version of the kernel driver.
    pub fn driver(&self) -> Option<String> {
        self.nvml.sys_driver_version().ok()
    }

    /// How many GPUs the driver shows us.
    pub fn count(&self) -> u32 {
        self.nvml.device_count().unwrap_or(0)
    }

    /// Opens one GPU.
    pub fn gpu(self, gpu: &Gpu) -> Result<Card, Error> {
        let device = match gpu {
            Gpu::Index(index) => self.nvml.device_by_index(*index),
            Gpu::Uuid(uuid) => self.nvml.device_by_uuid(uuid.as_str()),
        };
        let absent = |e: &NvmlError| {
            let hint = match e {
                NvmlError::InvalidArg | NvmlError::NotFound => format!("{} there, see `orbitbench accelerator info`", gpus(self.count())),
                other => hint_for(other).to_owned(),
            };
            Error::NoGpu { gpu: gpu.clone(), why: e.to_string(), hint }
        };
        let device = device.map_err(|e| absent(&e))?;
        Card::new(device, self.driver()).map_err(|e| absent(&e))
    }
}

fn gpus(count: u32) -> String {
    match count {
        0 => "no GPU is".to_owned(),
        1 => "1 GPU is".to_owned(),
        n => format!("{n} GPUs are"),
    }
}

/// What to open, given the value of `ORBITBENCH_NVML`.
pub fn candidates(chosen: Option<OsString>) -> Vec<OsString> {
    match chosen.filter(|c| !c.is_empty()) {
        Some(path) => vec![path],
        None => LIBRARIES.iter().map(OsString::from).collect(),
    }
}

fn hint_for(error: &NvmlError) -> &'static str {
    match error {
        NvmlError::GpuLost => {
            "it fell off the bus: look for `Xid` in the kernel log, check its power and seating; mostly only a reboot helps"
        }
        NvmlError::ResetRequired => "look for `Xid` in the kernel log, then reset it (`nvidia-smi -r`) or reboot",
        NvmlError::DriverNotLoaded => "load the NVIDIA kernel driver (`modprobe nvidia`); in a container, start it with its GPUs",
        NvmlError::LibRmVersionMismatch => "kernel driver and library differ: reboot after a driver update",
        NvmlError::NoPermission | NvmlError::OperatingSystem => {
            "this user may not use it: check the permissions of /dev/nvidia* and the container's devices"
        }
        NvmlError::FailedToLoadSymbol(_) => "this is not an NVML library, or a very old one",
        _ => "look at `nvidia-smi` and the kernel log",
    }
}

/// True if the device or the driver is gone, false if merely this value is not to be had.
fn is_fatal(error: &NvmlError) -> bool {
    matches!(
        error,
        NvmlError::GpuLost
            | NvmlError::ResetRequired
            | NvmlError::DriverNotLoaded
            | NvmlError::Uninitialized
            | NvmlError::LibRmVersionMismatch
            | NvmlError::IrqIssue
    )
}

fn optional<T>(answer: Result<T, NvmlError>) -> Result<Option<T>, NvmlError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(e) if is_fatal(&e) => Err(e),
        Err(_) => Ok(None),
    }
}

/// Milliwatts to watts. A board that is powered draws something: 0 is what polling too fast returns, and is no reading.
fn watts(milliwatts: f64) -> Option<f64> {
    (milliwatts.is_finite() && milliwatts > 0.0).then_some(milliwatts / 1000.0)
}

fn number(value: &SampleValue) -> f64 {
    match *value {
        SampleValue::F64(v) => v,
        SampleValue::U32(v) => f64::from(v),
        SampleValue::U64(v) => v as f64,
        SampleValue::I64(v) => v as f64,
    }
}

/// The energy counter: millijoules since the driver was loaded.
#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    last_mj: u64,
    epoch: u32,
}

impl Counter {
    /// Joules. A 0 after something else is a glitch of polling too fast, and is no reading; a smaller value is a counter that started anew.
    fn read(&mut self, millijoules: u64) -> Option<f64> {
        if millijoules == 0 && self.last_mj > 0 {
            return None;
        }
        if millijoules < self.last_mj {
            self.epoch += 1;
        }
        self.last_mj = millijoules;
        Some(millijoules as f64 / 1000.0)
    }
}

/// One NVIDIA GPU.
#[derive(Debug)]
pub struct Card {
    device: Device<'static>,
    identity: Identity,
    counter: Counter,
}

impl Card {
    fn new(device: Device<'static>, driver: Option<String>) -> Result<Self, NvmlError> {
        let index = optional(device.index())?;
        let uuid = optional(device.uuid())?;
        let limit = match optional(device.enforced_power_limit())? {
            Some(mw) => Some(mw),
            None => optional(device.power_management_limit())?,
        };
        let spec = match (index, &uuid) {
            (Some(index), _) => format!("nvml:{index}"),
            (None, Some(uuid)) => format!("nvml:{uuid}"),
            (None, None) => "nvml".to_owned(),
        };
        let identity = Identity {
            spec,
            name: optional(device.name())?.unwrap_or_else(|| "NVIDIA GPU without a name".to_owned()),
            uuid,
            serial: optional(device.serial())?.filter(|s| s.chars().any(|c| c != '0')),
            driver: driver.map(|d| format!("NVIDIA {d}")),
            full_w: limit.and_then(|mw| watts(f64::from(mw))),
            notes: Vec::new(),
        };
        let mut card = Self { device, identity, counter: Counter::default() };
        let (first, averaged) = card.read().map_err(|(_, e)| e)?;
        card.identity.notes = notes(&first, averaged, card.mig()?);
        Ok(card)
    }

    fn mig(&self) -> Result<bool, NvmlError> {
        Ok(optional(self.device.mig_mode())?.is_some_and(|m| m.current != 0))
    }

    /// Memory temperature, average and instant power, in one call.
    fn fields(&self) -> Result<[Option<f64>; 3], NvmlError> {
        let mut found = [None; 3];
        let Some(values) = optional(self.device.field_values_for(&FIELDS))? else { return Ok(found) };
        for (slot, value) in found.iter_mut().zip(values) {
            let value = value.and_then(|sample| sample.value);
            *slot = optional(value)?.as_ref().map(number);
        }
        Ok(found)
    }

    /// NVML's bits as they are, also those that the wrapper has no name for.
    fn throttle_bits(&self) -> Result<u64, NvmlError> {
        match self.device.current_throttle_reasons_strict() {
            Ok(reasons) => Ok(reasons.bits()),
            Err(NvmlError::IncorrectBits(Bits::U64(bits))) => Ok(bits),
            Err(e) => Err(e),
        }
    }

    /// A sample, and whether its power is the field that is documented to be an average.
    fn read(&mut self) -> Result<(Sample, bool), (&'static str, NvmlError)> {
        let at = |what| move |e| (what, e);
        let device = &self.device;
        let energy = optional(device.total_energy_consumption()).map_err(at("energy counter"))?;
        let [memory, average, instant] = self.fields().map_err(at("field values"))?;
        let usage = optional(device.power_usage()).map_err(at("power"))?.and_then(|mw| watts(f64::from(mw)));
        let average = average.and_then(watts);
        let die = optional(device.temperature(TemperatureSensor::Gpu)).map_err(at("temperature"))?.map(f64::from);
        let core = optional(device.clock_info(Clock::SM)).map_err(at("core clock"))?;
        let memory_clock = optional(device.clock_info(Clock::Memory)).map_err(at("memory clock"))?;
        let utilisation = optional(device.utilization_rates()).map_err(at("utilisation"))?;
        let throttle_bits = optional(self.throttle_bits()).map_err(at("throttle reasons"))?;
        let sample = Sample {
            power_w: average.or(usage),
            power_instant_w: instant.and_then(watts),
            energy_j: energy.and_then(|mj| self.counter.read(mj)),
            energy_epoch: self.counter.epoch,
            die_degc: die,
            // Boards without the sensor may answer 0: memory at freezing point next to a warm die is no reading.
            memory_degc: memory.filter(|m| *m != 0.0 || die.is_some_and(|d| d < 10.0)),
            core_mhz: core.map(f64::from),
            memory_mhz: memory_clock.map(f64::from),
            utilisation_pct: utilisation.map(|u| f64::from(u.gpu)),
            throttle_bits,
        };
        Ok((sample, average.is_some()))
    }
}

fn notes(first: &Sample, averaged: bool, mig: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let missing: Vec<&str> = [
        ("power", first.power_w.is_none()),
        ("instant power", first.power_instant_w.is_none()),
        ("energy counter", first.energy_j.is_none()),
        ("die temperature", first.die_degc.is_none()),
        ("memory temperature", first.memory_degc.is_none()),
        ("core clock", first.core_mhz.is_none()),
        ("memory clock", first.memory_mhz.is_none()),
        ("utilisation", first.utilisation_pct.is_none()),
        ("throttle reasons", first.throttle_bits.is_none()),
    ]
    .iter()
    .filter_map(|(name, missing)| missing.then_some(*name))
    .collect();
    if first.power_w.is_some() {
        notes.push(if averaged {
            "power is NVML field 185, the driver's average".to_owned()
        } else {
            "power is nvmlDeviceGetPowerUsage: a 1 s average on Ampere and later, an instant on older boards and on GA100".to_owned()
        });
        notes.push("board power from NVML is good to about 5 % (arXiv 2312.02741)".to_owned());
    }
    if !missing.is_empty() {
        notes.push(format!("this board or driver does not give: {}", missing.join(", ")));
    }
    if mig {
        notes.push("MIG is on: power and temperature are those of the whole board".to_owned());
    }
    notes
}

impl Accelerator for Card {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn sample(&mut self) -> Result<Sample, Error> {
        self.read().map(|(sample, _)| sample).map_err(|(what, e)| Error::Lost {
            name: format!("{} ({})", self.identity.name, self.identity.spec),
            what,
            why: e.to_string(),
            hint: hint_for(&e),
        })
    }
}

#[cfg(test)]
mod tests;
