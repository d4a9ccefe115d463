//! The power samples that the driver keeps by itself, newer than those handed over before: what it saw between two of our looks.
//!
//! Whether they are instants or averages, and of how long, NVML's reference leaves open: `accelerator check` looks.

use super::card::watts;
use super::is_fatal;
use crate::Buffered;
use nvml_wrapper::Device;
use nvml_wrapper::enum_wrappers::device::Sampling;
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::error::NvmlError;

/// What was handed over last, by the driver's stamp, microseconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Buffer {
    last_us: u64,
}

impl Buffer {
    /// What is new; `None` where driver or board keep no samples.
    pub(super) fn take(&mut self, device: &Device<'_>) -> Result<Option<Vec<Buffered>>, NvmlError> {
        let mut samples = match device.samples(Sampling::Power, self.last_us) {
            Ok(samples) => samples,
            // "If sample entries are not found": there are none newer than the last.
            Err(NvmlError::NotFound) => Vec::new(),
            Err(e) if is_fatal(&e) => return Err(e),
            Err(_) => return Ok(None),
        };
        // A place of the buffer that was never filled has no stamp, and a driver may hand out older ones once more.
        samples.retain(|s| s.timestamp > self.last_us);
        samples.sort_by_key(|s| s.timestamp);
        self.last_us = samples.last().map_or(self.last_us, |s| s.timestamp);
        let power = |value: SampleValue| match value {
            SampleValue::F64(mw) => watts(mw),
            SampleValue::U32(mw) => watts(f64::from(mw)),
            SampleValue::U64(mw) => watts(mw as f64),
            SampleValue::I64(mw) => watts(mw as f64),
        };
        let buffered = samples.into_iter().filter_map(|s| Some(Buffered { at_s: s.timestamp as f64 * 1e-6, power_w: power(s.value)? }));
        Ok(Some(buffered.collect()))
    }
}
