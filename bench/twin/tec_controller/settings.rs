//! The parameters a host may set: their ranges, and what they leave the factory with. They outlast a power cut only as `flash` keeps them.

use super::TecConfig;
use rig::protocol::mecom::{Sensor, ServerError, Value, id, parameter};

/// Error thresholds reach this far beyond what the output stage can give (assumed).
const TRIP_RANGE: f64 = 1.5;

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) enabled: bool,
    pub(super) current_limit_a: f32,
    pub(super) voltage_limit_v: f32,
    pub(super) current_trip_a: f32,
    pub(super) voltage_trip_v: f32,
    pub(super) watchdog_s: f32,
    pub(super) target_degc: f32,
    pub(super) ramp_k_s: f32,
    pub(super) gain_pct_k: f32,
    pub(super) integral_s: f32,
    pub(super) derivative_s: f32,
    pub(super) positive_heats: bool,
    pub(super) object_lower_degc: f32,
    pub(super) object_upper_degc: f32,
    pub(super) sink_lower_degc: f32,
    pub(super) sink_upper_degc: f32,
    /// What is set goes to the flash as it is set.
    pub(super) saves: bool,
}

impl Settings {
    pub(super) fn power_up(config: &TecConfig) -> Self {
        Self {
            enabled: false,
            current_limit_a: config.current_limit_a as f32,
            voltage_limit_v: config.voltage_limit_v as f32,
            current_trip_a: (config.rated_current_a * TRIP_RANGE) as f32,
            voltage_trip_v: (config.rated_voltage_v * TRIP_RANGE) as f32,
            watchdog_s: 0.0,
            target_degc: 25.0,
            ramp_k_s: config.ramp_k_s as f32,
            gain_pct_k: config.gain_pct_k as f32,
            integral_s: config.integral_s as f32,
            derivative_s: config.derivative_s as f32,
            positive_heats: false,
            object_lower_degc: config.object_min_degc as f32,
            object_upper_degc: config.object_max_degc as f32,
            sink_lower_degc: config.sink_min_degc as f32,
            sink_upper_degc: config.sink_max_degc as f32,
            saves: true,
        }
    }

    pub(super) fn read(&self, parameter: u16) -> Option<Value> {
        Some(match parameter {
            // This device has the temperature controller and nothing else.
            id::INPUT_SELECTION => Value::Int(2),
            id::OPERATING_MODE => Value::Int(0),
            id::OUTPUT_ENABLE => Value::Int(i32::from(self.enabled)),
            id::POSITIVE_CURRENT_IS => Value::Int(i32::from(self.positive_heats)),
            id::CURRENT_LIMIT => Value::Float(self.current_limit_a),
            id::VOLTAGE_LIMIT => Value::Float(self.voltage_limit_v),
            id::CURRENT_TRIP => Value::Float(self.current_trip_a),
            id::VOLTAGE_TRIP => Value::Float(self.voltage_trip_v),
            id::OBJECT_SENSOR => Value::Int(Sensor::Pt1000 as i32),
            id::WATCHDOG => Value::Float(self.watchdog_s),
            id::TARGET_TEMPERATURE | id::TARGET_NOW => Value::Float(self.target_degc),
            id::TARGET_RAMP => Value::Float(self.ramp_k_s),
            id::GAIN => Value::Float(self.gain_pct_k),
            id::INTEGRAL_TIME => Value::Float(self.integral_s),
            id::DERIVATIVE_TIME => Value::Float(self.derivative_s),
            id::OBJECT_LOWER_TRIP => Value::Float(self.object_lower_degc),
            id::OBJECT_UPPER_TRIP => Value::Float(self.object_upper_degc),
            id::SINK_LOWER_TRIP => Value::Float(self.sink_lower_degc),
            id::SINK_UPPER_TRIP => Value::Float(self.sink_upper_degc),
            id::SAVE_TO_FLASH => Value::Int(i32::from(!self.saves)),
            id::FLASH_STATUS => Value::Int(if self.saves { 0 } else { 2 }),
            _ => return None,
        })
    }

    /// Sets one parameter, or says why not and leaves it.
    pub(super) fn write(&mut self, config: &TecConfig, number: u16, bits: u32) -> Result<(), ServerError> {
        let Some(known) = parameter(number).filter(|p| !p.writable || self.read(p.id).is_some()) else {
            return Err(ServerError::Parameter);
        };
        if !known.writable {
            return Err(ServerError::ReadOnly);
        }
        let int = |range: std::ops::RangeInclusive<i32>| {
            let value = bits.cast_signed();
            if range.contains(&value) { Ok(value) } else { Err(ServerError::Range) }
        };
        let float = |low: f64, high: f64| {
            let value = f32::from_bits(bits);
            // A limit written as its own bound must pass, whichever way single precision rounds it. NaN is in no range.
            let slack = 1e-6 * high.abs();
            if (low..=high + slack).contains(&f64::from(value)) { Ok(value) } else { Err(ServerError::Range) }
        };
        match number {
            id::INPUT_SELECTION => int(2..=2).map(|_| ()),
            id::OPERATING_MODE => int(0..=0).map(|_| ()),
            id::OUTPUT_ENABLE => int(0..=1).map(|v| self.enabled = v == 1),
            id::POSITIVE_CURRENT_IS => int(0..=1).map(|v| self.positive_heats = v == 1),
            id::CURRENT_LIMIT => float(0.0, config.rated_current_a).map(|v| self.current_limit_a = v),
            id::VOLTAGE_LIMIT => float(0.0, config.rated_voltage_v).map(|v| self.voltage_limit_v = v),
            id::CURRENT_TRIP => float(0.0, TRIP_RANGE * config.rated_current_a).map(|v| self.current_trip_a = v),
            id::VOLTAGE_TRIP => float(0.0, TRIP_RANGE * config.rated_voltage_v).map(|v| self.voltage_trip_v = v),
            id::WATCHDOG => float(0.0, 3600.0).map(|v| self.watchdog_s = v),
            id::TARGET_TEMPERATURE => float(-100.0, 200.0).map(|v| self.target_degc = v),
            id::TARGET_RAMP => float(1e-4, 100.0).map(|v| self.ramp_k_s = v),
            id::GAIN => float(0.0, 10_000.0).map(|v| self.gain_pct_k = v),
            id::INTEGRAL_TIME => float(0.1, 10_000.0).map(|v| self.integral_s = v),
            id::DERIVATIVE_TIME => float(0.0, 1000.0).map(|v| self.derivative_s = v),
            id::OBJECT_LOWER_TRIP => float(-100.0, 200.0).map(|v| self.object_lower_degc = v),
            id::OBJECT_UPPER_TRIP => float(-100.0, 200.0).map(|v| self.object_upper_degc = v),
            id::SINK_LOWER_TRIP => float(-100.0, 200.0).map(|v| self.sink_lower_degc = v),
            id::SINK_UPPER_TRIP => float(-100.0, 200.0).map(|v| self.sink_upper_degc = v),
            id::SAVE_TO_FLASH => int(0..=1).map(|v| self.saves = v == 0),
            _ => Err(ServerError::Parameter),
        }
    }
}
