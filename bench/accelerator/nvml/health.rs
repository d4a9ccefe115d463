//! What changes slowly about one GPU: limits, violation times, memory, PCI Express, fans, ECC, retired pages and remapped rows, and how far it is from
//! where the driver slows it down.
//!
//! Not here: opinions about it (`watch`).

use super::card::watts;
use super::{identity, optional, raw, violations};
use crate::Health;
use nvml_wrapper::enum_wrappers::device::{Clock, EccCounter, MemoryError, PcieUtilCounter, RetirementCause, TemperatureThreshold};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use nvml_wrapper_sys::bindings::field_id::{
    NVML_FI_DEV_REMAPPED_COR, NVML_FI_DEV_REMAPPED_FAILURE, NVML_FI_DEV_REMAPPED_PENDING, NVML_FI_DEV_REMAPPED_UNC,
    NVML_FI_DEV_TEMPERATURE_GPU_MAX_TLIMIT, NVML_FI_DEV_TEMPERATURE_MEM_MAX_TLIMIT, NVML_FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT,
    NVML_FI_DEV_TEMPERATURE_SLOWDOWN_TLIMIT,
};

const REMAPPED: [u32; 4] = [NVML_FI_DEV_REMAPPED_COR, NVML_FI_DEV_REMAPPED_UNC, NVML_FI_DEV_REMAPPED_PENDING, NVML_FI_DEV_REMAPPED_FAILURE];
const TLIMITS: [u32; 4] = [
    NVML_FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT,
    NVML_FI_DEV_TEMPERATURE_SLOWDOWN_TLIMIT,
    NVML_FI_DEV_TEMPERATURE_MEM_MAX_TLIMIT,
    NVML_FI_DEV_TEMPERATURE_GPU_MAX_TLIMIT,
];
const MIB: f64 = 1024.0 * 1024.0;
/// No threshold lies outside, K or °C; a value that is not available does.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = -100.0..=200.0;

/// Where the driver shuts down, slows the die down, slows the memory down, and leaves the highest clocks: absolute, or against T.Limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Thresholds {
    /// °C: shutdown, slowdown, memory, GPU.
    absolute: [Option<f64>; 4],
    /// K against T.Limit, in the same order; lower is hotter.
    tlimit: [Option<f64>; 4],
}

const SLOWDOWN: usize = 1;
const MEMORY: usize = 2;

impl Thresholds {
    pub(super) fn read(nvml: &Nvml, device: &Device<'_>) -> Result<Self, NvmlError> {
        use TemperatureThreshold as T;
        let mut found = Self::default();
        for (slot, which) in found.absolute.iter_mut().zip([T::Shutdown, T::Slowdown, T::MemoryMax, T::GpuMax]) {
            // 0 °C is no threshold of a board that works.
            *slot = optional(device.temperature_threshold(which))?.map(f64::from).filter(|t| *t > 0.0 && PLAUSIBLE.contains(t));
        }
        if let Some(values) = optional(raw::field_values(nvml, device, &TLIMITS))? {
            for (slot, value) in found.tlimit.iter_mut().zip(values) {
                *slot = optional(value)?.map(|field| signed(field.value)).filter(|t| PLAUSIBLE.contains(t));
            }
        }
        Ok(found)
    }

    /// Kelvin until the driver slows the die and the memory down, as far as it says. The margin itself is asked for each time: it moves.
    pub(super) fn margins(
        &self,
        nvml: &Nvml,
        device: &Device<'_>,
        die: Option<f64>,
        memory: Option<f64>,
    ) -> Result<(Option<f64>, Option<f64>), NvmlError> {
        let tlimit = optional(raw::margin_k(nvml, device))?.filter(|m| PLAUSIBLE.contains(m));
        let absolute = self.absolute[SLOWDOWN].zip(die).map(|(limit, die)| limit - die);
        let die_k = tlimit.map(|margin| to_slowdown(margin, self.tlimit[SLOWDOWN])).or(absolute);
        Ok((die_k, self.absolute[MEMORY].zip(memory).map(|(limit, memory)| limit - memory)))
    }

    /// The margin as the driver gives it, K: a fact for the manifest. In the rows it is the reading itself, less the slowdown threshold where that is above 0.
    pub(super) fn raw_margin(nvml: &Nvml, device: &Device<'_>) -> Result<Option<(String, String)>, NvmlError> {
        let raw = optional(raw::margin_k(nvml, device))?.filter(|m| PLAUSIBLE.contains(m));
        Ok(raw.map(|k| ("T.Limit".to_owned(), format!("{k:.0} K when it was opened"))))
    }

    /// In words, for people.
    pub(super) fn words(&self) -> Vec<(String, String)> {
        let names = ["shutdown", "slowdown", "memory slowdown", "highest clocks until"];
        let absolute = names.iter().zip(self.absolute).filter_map(|(name, t)| t.map(|t| ((*name).to_owned(), format!("{t:.0} °C"))));
        let tlimit =
            names.iter().zip(self.tlimit).filter_map(|(name, t)| t.map(|t| ((*name).to_owned(), format!("{t:.0} K against T.Limit"))));
        absolute.chain(tlimit).collect()
    }
}

/// Kelvin to the slowdown, the smaller of two readings. The reference calls the margin "the thermal margin temperature (distance to nearest slowdown
/// threshold)" (`nvmlDeviceGetMarginTemperature`), and that of `nvidia-smi` calls T.Limit the distance to where the GPU begins to slow down; yet the slowdown
/// threshold is given against T.Limit too (field 194), mostly a few kelvin below 0. If the margin counts to the slowdown, the threshold is in it already; if to
/// T.Limit's own 0, a threshold below 0 leaves more. We assume the first, which is never too large: a threshold below 0 adds nothing, one above 0 is taken off.
fn to_slowdown(margin_k: f64, threshold_k: Option<f64>) -> f64 {
    margin_k - threshold_k.unwrap_or(0.0).max(0.0)
}

/// Some drivers hand a negative threshold out as an unsigned number of 32 bits.
fn signed(value: f64) -> f64 {
    if value > f64::from(i32::MAX) && value <= f64::from(u32::MAX) { value - 4_294_967_296.0 } else { value }
}

/// Everything slow at once. `holder` is the instance where there is one: memory is its own.
pub(super) fn read(nvml: &Nvml, device: &Device<'_>, holder: &Device<'_>) -> Result<Health, (&'static str, NvmlError)> {
    let at = |what| move |e| (what, e);
    let clock = |kind| optional(device.clock_info(kind)).map(|mhz| mhz.map(f64::from)).map_err(at("clocks"));
    let violations = violations::read(nvml, device).map_err(at("violation times"))?;
    let ecc = |kind, since| optional(device.total_ecc_errors(kind, since)).map(|n| n.map(|n| n as f64)).map_err(at("ECC errors"));
    let throughput = |way| optional(device.pcie_throughput(way)).map(|kb| kb.map(|kb| f64::from(kb) / 1e3));
    let (retired_pages, retirement_pending) = retired(device).map_err(at("retired pages"))?;
    let rows = Rows::read(nvml, device).map_err(at("remapped rows"))?;
    let state = optional(device.performance_state()).map_err(at("performance state"))?;
    Ok(Health {
        limit_w: limit(device).map_err(at("power limit"))?,
        // NVML's own number; 32 is its word for unknown.
        performance_state: state.map(|p| f64::from(p.as_c())).filter(|p| *p <= 15.0),
        power_violation_s: violations.power,
        thermal_violation_s: violations.thermal,
        board_violation_s: violations.board,
        reliability_violation_s: violations.reliability,
        sync_boost_violation_s: violations.sync_boost,
        low_use_violation_s: violations.low_use,
        app_clocks_violation_s: violations.app_clocks,
        base_clocks_violation_s: violations.base_clocks,
        graphics_mhz: clock(Clock::Graphics)?,
        video_mhz: clock(Clock::Video)?,
        memory_used_mib: optional(holder.memory_info()).map_err(at("memory"))?.map(|m| m.used as f64 / MIB),
        pcie_sent_mb_s: throughput(PcieUtilCounter::Send).map_err(at("PCIe throughput"))?,
        pcie_received_mb_s: throughput(PcieUtilCounter::Receive).map_err(at("PCIe throughput"))?,
        pcie_generation: optional(device.current_pcie_link_gen()).map_err(at("PCIe link"))?.map(f64::from),
        pcie_lanes: optional(device.current_pcie_link_width()).map_err(at("PCIe link"))?.map(f64::from),
        pcie_replays: optional(device.pcie_replay_counter()).map_err(at("PCIe replays"))?.map(f64::from),
        fan_pct: fan(device).map_err(at("fans"))?,
        ecc_corrected: ecc(MemoryError::Corrected, EccCounter::Volatile)?,
        ecc_uncorrected: ecc(MemoryError::Uncorrected, EccCounter::Volatile)?,
        ecc_corrected_life: ecc(MemoryError::Corrected, EccCounter::Aggregate)?,
        ecc_uncorrected_life: ecc(MemoryError::Uncorrected, EccCounter::Aggregate)?,
        retired_pages,
        remapped_rows: rows.remapped,
        remap_failed: rows.failed,
        processes: processes(device).map_err(at("processes"))?,
        repair_pending: match (retirement_pending, rows.pending) {
            (None, None) => None,
            (a, b) => Some(a == Some(true) || b == Some(true)),
        },
        xid: None,
    })
}

/// The limit in force; on old drivers the one that was asked for.
pub(super) fn limit(device: &Device<'_>) -> Result<Option<f64>, NvmlError> {
    let mw = match optional(device.enforced_power_limit())? {
        Some(mw) => Some(mw),
        None => optional(device.power_management_limit())?,
    };
    Ok(mw.and_then(|mw| watts(f64::from(mw))))
}

fn fan(device: &Device<'_>) -> Result<Option<f64>, NvmlError> {
    let count = optional(device.num_fans())?.unwrap_or(0);
    let mut fastest: Option<f64> = None;
    for fan in 0..count {
        if let Some(percent) = optional(device.fan_speed(fan))?.map(f64::from) {
            fastest = Some(fastest.map_or(percent, |f| f.max(percent)));
        }
    }
    Ok(fastest)
}

fn retired(device: &Device<'_>) -> Result<(Option<f64>, Option<bool>), NvmlError> {
    let single = optional(device.retired_pages(RetirementCause::MultipleSingleBitEccErrors))?;
    let double = optional(device.retired_pages(RetirementCause::DoubleBitEccError))?;
    let count = match (&single, &double) {
        (None, None) => None,
        (a, b) => Some((a.as_ref().map_or(0, Vec::len) + b.as_ref().map_or(0, Vec::len)) as f64),
    };
    Ok((count, optional(device.are_pages_pending_retired())?))
}

/// How many use the board, compute and graphics alike, each once.
fn processes(device: &Device<'_>) -> Result<Option<f64>, NvmlError> {
    Ok(identity::pids(device)?.map(|pids| pids.len() as f64))
}

/// What the driver says of remapped rows.
struct Rows {
    remapped: Option<f64>,
    pending: Option<bool>,
    failed: Option<bool>,
}

impl Rows {
    fn read(nvml: &Nvml, device: &Device<'_>) -> Result<Self, NvmlError> {
        let mut found = [None; REMAPPED.len()];
        if let Some(values) = optional(raw::field_values(nvml, device, &REMAPPED))? {
            for (slot, value) in found.iter_mut().zip(values) {
                *slot = optional(value)?.map(|field| field.value);
            }
        }
        let [corrected, uncorrected, pending, failed] = found;
        let remapped = match (corrected, uncorrected) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
        };
        Ok(Self { remapped, pending: pending.map(|p| p != 0.0), failed: failed.map(|f| f != 0.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_margin_is_never_larger_than_the_driver_s() {
        for (threshold, left) in [(None, 20.0), (Some(-4.0), 20.0), (Some(0.0), 20.0), (Some(2.0), 18.0)] {
            assert_eq!(to_slowdown(20.0, threshold), left, "{threshold:?}");
        }
        assert_eq!(to_slowdown(-3.0, Some(-4.0)), -3.0, "slowed down");
    }

    #[test]
    fn negative_thresholds_survive_an_unsigned_type() {
        assert_eq!(signed(f64::from(u32::MAX - 7)), -8.0);
        assert_eq!((signed(-2.0), signed(95.0)), (-2.0, 95.0));
    }
}
