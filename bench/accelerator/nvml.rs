//! A real NVIDIA GPU through NVML, opened at run time: the same binary runs where there is no NVIDIA driver.
//!
//! Here the library and the errors; the fast readings are in `card`, the slow ones in `health` and `violations`, the driver's own samples in `buffer`, who it is
//! and who else is on it in `identity`, Xid in `events`, what the wrapper lacks in `raw`. Only `settings` changes anything, and only where a rig file asks for it.
//! Meanings and units are those of NVIDIA's NVML API reference; nothing goes by what one driver happens to do.

mod buffer;
mod card;
mod events;
mod health;
mod identity;
mod raw;
mod settings;
mod violations;

pub use card::Card;
pub use settings::{Held, Original, Settings, SettingsError, put_back, words};

use crate::{Error, Gpu};
use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use std::ffi::{OsStr, OsString};

/// Set to the path of an NVML library to use that one and no other (odd installations, tests).
pub const LIBRARY_VARIABLE: &str = "ORBITBENCH_NVML";

/// Where the driver's library is, most likely first: the linker's path, NixOS, WSL.
const LIBRARIES: &[&str] = &["libnvidia-ml.so.1", "/run/opengl-driver/lib/libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1"];

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

    /// UUID and place on the bus of every GPU, in NVML's order; what one of them does not tell, or one that is lost, is `None`.
    pub fn listed(&self) -> Vec<(Option<String>, Option<String>)> {
        let told = |index| {
            let Ok(device) = self.nvml.device_by_index(index) else { return (None, None) };
            (device.uuid().ok(), identity::bus(&device).ok().flatten())
        };
        (0..self.count()).map(told).collect()
    }

    /// Opens one GPU, or one instance of a GPU.
    pub fn gpu(self, gpu: &Gpu) -> Result<Card, Error> {
        let device = match gpu {
            Gpu::Index(index) => self.nvml.device_by_index(*index),
            Gpu::Uuid(uuid) | Gpu::Instance(uuid) => self.nvml.device_by_uuid(uuid.as_str()),
        };
        let absent = |e: &NvmlError| {
            let hint = match e {
                NvmlError::InvalidArg | NvmlError::NotFound => format!("{} there, see `orbitbench accelerator info`", gpus(self.count())),
                other => hint_for(other).to_owned(),
            };
            Error::NoGpu { gpu: gpu.clone(), why: e.to_string(), hint }
        };
        let device = device.map_err(|e| absent(&e))?;
        Card::new(self.nvml, device, matches!(gpu, Gpu::Instance(_))).map_err(|e| absent(&e))
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
        NvmlError::ResetRequired | NvmlError::Unknown => "look for `Xid` in the kernel log, then reset it (`nvidia-smi -r`) or reboot",
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

/// What is merely not to be had is `None`; a device that is gone is an error.
fn optional<T>(answer: Result<T, NvmlError>) -> Result<Option<T>, NvmlError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(e) if is_fatal(&e) => Err(e),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests;
