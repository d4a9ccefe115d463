//! How long something held the clocks down, by reason, since the driver was loaded.
//!
//! Asked for twice: `nvmlDeviceGetViolationStatus`, and where a driver does not serve that for a reason, the field values that count the same (nvml.h: the
//! clocks event reason counters of newer drivers are those very fields). Both are in nanoseconds.
//!
//! Not here: which reasons hold at this moment (`card`).

use super::{optional, raw};
use nvml_wrapper::enum_wrappers::device::PerformancePolicy;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use nvml_wrapper_sys::bindings::field_id::{
    NVML_FI_DEV_PERF_POLICY_BOARD_LIMIT, NVML_FI_DEV_PERF_POLICY_LOW_UTILIZATION, NVML_FI_DEV_PERF_POLICY_POWER,
    NVML_FI_DEV_PERF_POLICY_RELIABILITY, NVML_FI_DEV_PERF_POLICY_SYNC_BOOST, NVML_FI_DEV_PERF_POLICY_THERMAL,
    NVML_FI_DEV_PERF_POLICY_TOTAL_APP_CLOCKS, NVML_FI_DEV_PERF_POLICY_TOTAL_BASE_CLOCKS,
};

/// Each reason with the field that counts the same; the order is that of [`read`].
const REASONS: [(PerformancePolicy, u32); 8] = [
    (PerformancePolicy::Power, NVML_FI_DEV_PERF_POLICY_POWER),
    (PerformancePolicy::Thermal, NVML_FI_DEV_PERF_POLICY_THERMAL),
    (PerformancePolicy::BoardLimit, NVML_FI_DEV_PERF_POLICY_BOARD_LIMIT),
    (PerformancePolicy::Reliability, NVML_FI_DEV_PERF_POLICY_RELIABILITY),
    (PerformancePolicy::SyncBoost, NVML_FI_DEV_PERF_POLICY_SYNC_BOOST),
    (PerformancePolicy::LowUtilization, NVML_FI_DEV_PERF_POLICY_LOW_UTILIZATION),
    (PerformancePolicy::TotalAppClocks, NVML_FI_DEV_PERF_POLICY_TOTAL_APP_CLOCKS),
    (PerformancePolicy::TotalBaseClocks, NVML_FI_DEV_PERF_POLICY_TOTAL_BASE_CLOCKS),
];

/// Seconds by reason; `None` where the driver does not count it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Violations {
    pub(super) power: Option<f64>,
    pub(super) thermal: Option<f64>,
    pub(super) board: Option<f64>,
    pub(super) reliability: Option<f64>,
    pub(super) sync_boost: Option<f64>,
    pub(super) low_use: Option<f64>,
    pub(super) app_clocks: Option<f64>,
    pub(super) base_clocks: Option<f64>,
}

pub(super) fn read(nvml: &Nvml, device: &Device<'_>) -> Result<Violations, NvmlError> {
    let mut found = [None; REASONS.len()];
    for (slot, (policy, _)) in found.iter_mut().zip(REASONS) {
        *slot = optional(device.violation_status(policy))?.map(|v| v.violation_time as f64 * 1e-9);
    }
    if found.iter().any(Option::is_none)
        && let Some(fields) = optional(raw::field_values(nvml, device, &REASONS.map(|r| r.1)))?
    {
        for (slot, field) in found.iter_mut().zip(fields) {
            let field = optional(field)?.map(|f| f.value * 1e-9);
            *slot = slot.or(field);
        }
    }
    let [power, thermal, board, reliability, sync_boost, low_use, app_clocks, base_clocks] = found;
    Ok(Violations { power, thermal, board, reliability, sync_boost, low_use, app_clocks, base_clocks })
}
