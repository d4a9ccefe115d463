//! The NVML calls that nvml-wrapper does not serve, on its own loaded library: field values of every documented type (the wrapper knows
//! no signed integers, and T.Limit thresholds are negative ones), the T.Limit margin, and the newer names of calls that the wrapper knows by the
//! deprecated one only.
//!
//! Not here: what the values mean.

use nvml_wrapper::error::{NvmlError, nvml_sym, nvml_try};
use nvml_wrapper::{Device, Nvml};
use nvml_wrapper_sys::bindings as sys;

/// `nvmlValueType_t` of nvml.h, and how each lies in the union.
const DOUBLE: u32 = 0;
const UNSIGNED_INT: u32 = 1;
const UNSIGNED_LONG: u32 = 2;
const UNSIGNED_LONG_LONG: u32 = 3;
const SIGNED_LONG_LONG: u32 = 4;
const SIGNED_INT: u32 = 5;
const UNSIGNED_SHORT: u32 = 6;

/// A field's value, and when the driver says it is from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) value: f64,
    /// `timestamp` of nvml.h: host time of the value, microseconds since 1970; 0 is none.
    pub(super) at_us: Option<i64>,
}

/// The values of some fields, each with its own fate.
#[expect(unsafe_code, reason = "nvml-wrapper decodes no signed field values")]
pub(super) fn field_values(nvml: &Nvml, device: &Device<'_>, ids: &[u32]) -> Result<Vec<Result<Field, NvmlError>>, NvmlError> {
    let call = nvml_sym(nvml.lib().nvmlDeviceGetFieldValues.as_ref())?;
    let blank = |&id: &u32| {
        // SAFETY: the structure is plain old data for which all zeros is a valid value.
        let mut value: sys::nvmlFieldValue_t = unsafe { std::mem::zeroed() };
        value.fieldId = id;
        value
    };
    let mut values: Vec<sys::nvmlFieldValue_t> = ids.iter().map(blank).collect();
    let count = i32::try_from(values.len()).map_err(|_| NvmlError::InvalidArg)?;
    // SAFETY: the handle is alive as long as `device`, the buffer holds `count` values, and the library writes no more.
    nvml_try(unsafe { call(device.handle(), count, values.as_mut_ptr()) })?;
    let field = |v: &sys::nvmlFieldValue_t| {
        nvml_try(v.nvmlReturn)?;
        Ok(Field { value: decode(v.valueType, bytes(v.value))?, at_us: Some(v.timestamp).filter(|t| *t > 0) })
    };
    Ok(values.iter().map(field).collect())
}

/// The union as its bytes.
#[expect(unsafe_code, reason = "a union of NVML's")]
const fn bytes(value: sys::nvmlValue_t) -> [u8; 8] {
    // SAFETY: every member is plain old data within these eight bytes, which were zeroed before the call.
    unsafe { value.ullVal }.to_ne_bytes()
}

/// The number in `bytes`, by NVML's tag.
fn decode(tag: u32, bytes: [u8; 8]) -> Result<f64, NvmlError> {
    let [a, b, c, d, ..] = bytes;
    let four = [a, b, c, d];
    Ok(match tag {
        DOUBLE => f64::from_ne_bytes(bytes),
        UNSIGNED_INT => f64::from(u32::from_ne_bytes(four)),
        // 64 bits wide on 64-bit Linux, 32 elsewhere.
        UNSIGNED_LONG if size_of::<std::ffi::c_ulong>() == 4 => f64::from(u32::from_ne_bytes(four)),
        UNSIGNED_LONG | UNSIGNED_LONG_LONG => u64::from_ne_bytes(bytes) as f64,
        SIGNED_LONG_LONG => i64::from_ne_bytes(bytes) as f64,
        SIGNED_INT => f64::from(i32::from_ne_bytes(four)),
        UNSIGNED_SHORT => f64::from(u16::from_ne_bytes([a, b])),
        other => return Err(NvmlError::UnexpectedVariant(other)),
    })
}

/// T.Limit: kelvin between the GPU and where it begins to slow down.
#[expect(unsafe_code, reason = "nvml-wrapper does not wrap this call")]
pub(super) fn margin_k(nvml: &Nvml, device: &Device<'_>) -> Result<f64, NvmlError> {
    let call = nvml_sym(nvml.lib().nvmlDeviceGetMarginTemperature.as_ref())?;
    // NVML_STRUCT_VERSION(MarginTemperature, 1) of nvml.h.
    let version = size_of::<sys::nvmlMarginTemperature_v1_t>() as u32 | 1 << 24;
    let mut margin = sys::nvmlMarginTemperature_v1_t { version, marginTemperature: 0 };
    // SAFETY: the handle is alive as long as `device`, and the structure is the one its version says.
    nvml_try(unsafe { call(device.handle(), &raw mut margin) })?;
    Ok(f64::from(margin.marginTemperature))
}

/// Why the clocks are what they are, as bits: by the name of R535 and later, or else by the deprecated one. Bits without a name stay.
#[expect(unsafe_code, reason = "nvml-wrapper knows the deprecated name only")]
pub(super) fn clocks_event_reasons(nvml: &Nvml, device: &Device<'_>) -> Result<u64, NvmlError> {
    let lib = nvml.lib();
    let mut bits = 0;
    // Both have the same signature.
    let call = match lib.nvmlDeviceGetCurrentClocksEventReasons.as_ref() {
        Ok(call) => call,
        Err(_) => nvml_sym(lib.nvmlDeviceGetCurrentClocksThrottleReasons.as_ref())?,
    };
    // SAFETY: the handle is alive as long as `device`, and the library writes one number.
    nvml_try(unsafe { call(device.handle(), &raw mut bits) })?;
    Ok(bits)
}

/// Die temperature, °C, by the call that replaces `nvmlDeviceGetTemperature` from R570 on.
#[expect(unsafe_code, reason = "nvml-wrapper does not wrap this call")]
pub(super) fn temperature_degc(nvml: &Nvml, device: &Device<'_>) -> Result<f64, NvmlError> {
    let call = nvml_sym(nvml.lib().nvmlDeviceGetTemperatureV.as_ref())?;
    // NVML_STRUCT_VERSION(Temperature, 1) of nvml.h; sensor 0 is NVML_TEMPERATURE_GPU.
    let version = size_of::<sys::nvmlTemperature_v1_t>() as u32 | 1 << 24;
    let mut asked = sys::nvmlTemperature_v1_t { version, sensorType: 0, temperature: 0 };
    // SAFETY: the handle is alive as long as `device`, and the structure is the one its version says.
    nvml_try(unsafe { call(device.handle(), &raw mut asked) })?;
    Ok(f64::from(asked.temperature))
}

/// Whether confidential computing is on.
#[expect(unsafe_code, reason = "nvml-wrapper does not wrap this call")]
pub(super) fn confidential(nvml: &Nvml) -> Result<bool, NvmlError> {
    let call = nvml_sym(nvml.lib().nvmlSystemGetConfComputeState.as_ref())?;
    let mut state = sys::nvmlConfComputeSystemState_t { environment: 0, ccFeature: 0, devToolsMode: 0 };
    // SAFETY: the library writes the one structure.
    nvml_try(unsafe { call(&raw mut state) })?;
    Ok(state.ccFeature == sys::NVML_CC_SYSTEM_FEATURE_ENABLED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_type_is_read_as_what_it_is() {
        let four = |v: [u8; 4]| {
            let mut bytes = [0; 8];
            bytes[..4].copy_from_slice(&v);
            bytes
        };
        assert_eq!(decode(DOUBLE, 1.5_f64.to_ne_bytes()).ok(), Some(1.5));
        assert_eq!(decode(UNSIGNED_INT, four(71_u32.to_ne_bytes())).ok(), Some(71.0));
        assert_eq!(decode(SIGNED_INT, four((-8_i32).to_ne_bytes())).ok(), Some(-8.0));
        assert_eq!(decode(UNSIGNED_LONG_LONG, 9_000_000_000_u64.to_ne_bytes()).ok(), Some(9e9));
        assert_eq!(decode(SIGNED_LONG_LONG, (-3_i64).to_ne_bytes()).ok(), Some(-3.0));
        assert!(decode(99, [0; 8]).is_err());
    }
}
