//! Which GPU this is, what it may draw, and who else is on it: read once, when it is opened.
//!
//! Not here: readings.

use super::card::watts;
use super::{health, optional, raw};
use crate::{Busy, Identity};
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use std::collections::BTreeMap;
use std::fs;

pub(super) fn read(nvml: &Nvml, device: &Device<'_>, instance: Option<&Device<'_>>) -> Result<Identity, NvmlError> {
    let index = optional(device.index())?;
    let uuid = optional(instance.unwrap_or(device).uuid())?;
    // An index may be another board's after the next boot.
    let spec = match (&uuid, index) {
        (Some(uuid), _) => format!("nvml:{uuid}"),
        (None, Some(index)) => format!("nvml:{index}"),
        (None, None) => "nvml".to_owned(),
    };
    let mut notes = Vec::new();
    let processes = processes(device)?;
    let mig = optional(device.mig_mode())?.is_some_and(|m| m.current != 0);
    if processes.is_none() {
        let who = if mig { " (with MIG on it tells root only)" } else { "" };
        notes.push(format!("the driver does not say which processes use it{who}: see to it that nothing else does"));
    }
    match (mig, instance.is_some()) {
        (_, true) => {
            notes.push(
                "an instance: power, energy, temperatures and clocks are those of the whole board, whose other instances must idle"
                    .to_owned(),
            );
        }
        (true, false) => {
            notes.push(format!("MIG is on: power and temperature are those of the whole board; its instances: {}", listed(device)?));
        }
        (false, false) => {}
    }
    if optional(device.is_in_persistent_mode())? == Some(false) {
        notes.push(
            "persistence is off: when nobody uses the driver it forgets limits and counters, and the first call after that takes seconds; `nvidia-smi -pm 1` \
             (or nvidia-persistenced) keeps it loaded"
                .to_owned(),
        );
    }
    let limits = optional(device.power_management_limit_constraints())?;
    let default = optional(device.power_management_limit_default())?;
    Ok(Identity {
        spec,
        name: optional(instance.unwrap_or(device).name())?.unwrap_or_else(|| "NVIDIA GPU without a name".to_owned()),
        uuid,
        board_uuid: optional(device.uuid())?,
        bus: bus(device)?,
        serial: optional(device.serial())?.filter(|s| s.chars().any(|c| c != '0')),
        driver: nvml.sys_driver_version().ok().map(|d| format!("NVIDIA {d}")),
        full_w: health::limit(device)?,
        limits_w: limits.and_then(|l| watts(f64::from(l.min_limit)).zip(watts(f64::from(l.max_limit)))),
        default_limit_w: default.and_then(|mw| watts(f64::from(mw))),
        facts: facts(nvml, device)?,
        processes,
        notes,
    })
}

/// Its place on the bus.
pub(super) fn bus(device: &Device<'_>) -> Result<Option<String>, NvmlError> {
    Ok(optional(device.pci_info())?.map(|p| p.bus_id))
}

/// Versions, bus and thresholds, as far as they are to be had.
fn facts(nvml: &Nvml, device: &Device<'_>) -> Result<Vec<(String, String)>, NvmlError> {
    let cuda = nvml.sys_cuda_driver_version().ok().map(|v| format!("{}.{}", v / 1000, v % 1000 / 10));
    let link = optional(device.max_pcie_link_gen())?.zip(optional(device.max_pcie_link_width())?);
    let ecc = optional(device.is_ecc_enabled())?;
    let found = [
        ("NVML", nvml.sys_nvml_version().ok()),
        ("CUDA driver", cuda),
        (crate::VBIOS, optional(device.vbios_version())?),
        ("InfoROM", optional(device.info_rom_image_version())?),
        ("PCI bus", bus(device)?),
        ("PCIe", link.map(|(generation, lanes)| format!("generation {generation}, {lanes} lanes at most"))),
        ("ECC", ecc.map(|e| if e.currently_enabled { "on" } else { "off" }.to_owned())),
        ("confidential computing", raw::confidential(nvml).ok().map(|on| if on { "on" } else { "off" }.to_owned())),
        ("persistence", optional(device.is_in_persistent_mode())?.map(|p| if p { "on" } else { "off" }.to_owned())),
    ];
    let mut facts: Vec<(String, String)> = found.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    facts.extend(health::Thresholds::read(nvml, device)?.words());
    facts.extend(health::Thresholds::raw_margin(nvml, device)?);
    Ok(facts)
}

/// Names of the instances of a board.
fn listed(device: &Device<'_>) -> Result<String, NvmlError> {
    let mut names = Vec::new();
    for k in 0..optional(device.mig_device_count())?.unwrap_or(0) {
        if let Some(uuid) = optional(device.mig_device_by_index(k))?.and_then(|instance| instance.uuid().ok()) {
            names.push(format!("nvml:{uuid}"));
        }
    }
    Ok(if names.is_empty() { "none".to_owned() } else { names.join(", ") })
}

/// Who uses the board, by process id and with the memory each holds; `None` where the driver does not say. All of the board's, also of another
/// instance: they heat it.
pub(super) fn pids(device: &Device<'_>) -> Result<Option<BTreeMap<u32, Option<u64>>>, NvmlError> {
    let compute = optional(device.running_compute_processes())?;
    let graphics = optional(device.running_graphics_processes())?;
    // A list of those that draw says nothing of those that compute; a board without the first draws nothing.
    let Some(compute) = compute else { return Ok(None) };
    let mut found = BTreeMap::new();
    for process in compute.into_iter().chain(graphics.into_iter().flatten()) {
        found.entry(process.pid).or_insert(match process.used_gpu_memory {
            UsedGpuMemory::Used(bytes) => Some(bytes),
            UsedGpuMemory::Unavailable => None,
        });
    }
    Ok(Some(found))
}

/// The same with their names.
pub(super) fn processes(device: &Device<'_>) -> Result<Option<Vec<Busy>>, NvmlError> {
    // In a container the driver's process ids may not be ours.
    let name = |pid: u32| fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|n| n.trim().to_owned());
    Ok(pids(device)?.map(|found| found.into_iter().map(|(pid, bytes)| Busy { pid, name: name(pid), bytes }).collect()))
}
