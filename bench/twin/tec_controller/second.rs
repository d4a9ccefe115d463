//! The second output of a two-channel model: a fixed current into a resistor, such as a heater, with limits and trips of its own. What is the
//! device's and not an output's (identity, status, watchdog, error) it shares with the first.

use super::{Sensors, TecController};
use rig::protocol::mecom::{ServerError, Value, device_wide, id, parameter};

/// What hangs on its terminals, Ω.
const LOAD_OHM: f64 = 4.0;
/// Largest current and voltage of a small two-channel model (the ranges that one told of itself: pyMeComTEC `api/src/get_params/params.csv`).
const RATED_A: f64 = 4.0;
const RATED_V: f64 = 21.0;
/// Error thresholds reach this far (the same source).
const TRIP_A: f64 = 5.6;
const TRIP_V: f64 = 25.0;

#[derive(Clone, Copy, Debug)]
pub(super) struct Second {
    pub(super) enabled: bool,
    current_limit_a: f32,
    voltage_limit_v: f32,
    current_trip_a: f32,
    voltage_trip_v: f32,
    static_a: f32,
    static_v: f32,
    /// 2 until somebody asks for a fixed current.
    selection: i32,
    positive_heats: bool,
    /// Error thresholds of its own inputs: object lower and upper, sink lower and upper, °C.
    trips_degc: [f32; 4],
}

/// Which of [`Second::trips_degc`] a parameter is.
const fn trip_at(number: u16) -> Option<usize> {
    match number {
        id::OBJECT_LOWER_TRIP => Some(0),
        id::OBJECT_UPPER_TRIP => Some(1),
        id::SINK_LOWER_TRIP => Some(2),
        id::SINK_UPPER_TRIP => Some(3),
        _ => None,
    }
}

impl Second {
    pub(super) const fn power_up() -> Self {
        Self {
            enabled: false,
            current_limit_a: 1.0,
            voltage_limit_v: 5.0,
            current_trip_a: TRIP_A as f32,
            voltage_trip_v: TRIP_V as f32,
            static_a: 0.0,
            static_v: 0.0,
            selection: 2,
            positive_heats: false,
            trips_degc: [-100.0, 200.0, -100.0, 200.0],
        }
    }

    /// Current and voltage, on.
    fn gives(&self) -> (f64, f64) {
        if self.selection != 0 {
            // There is nothing that it could regulate.
            return (0.0, 0.0);
        }
        let volts = f64::from(self.static_v.abs().min(self.voltage_limit_v));
        let amps = f64::from(self.static_a).clamp(-f64::from(self.current_limit_a), f64::from(self.current_limit_a));
        let amps = amps.clamp(-volts / LOAD_OHM, volts / LOAD_OHM);
        (amps, amps * LOAD_OHM)
    }

    /// A temperature beyond its thresholds, whether it is on or not. Both inputs are in the plate and heat sink of the first.
    pub(super) fn too_far(&self, sensors: Sensors) -> Option<(u16, String)> {
        let [low, high, sink_low, sink_high] = self.trips_degc.map(f64::from);
        let Sensors { object_degc, sink_degc, .. } = sensors;
        let beyond = [
            (object_degc < low, id::OBJECT_LOWER_TRIP),
            (object_degc > high, id::OBJECT_UPPER_TRIP),
            (sink_degc < sink_low, id::SINK_LOWER_TRIP),
            (sink_degc > sink_high, id::SINK_UPPER_TRIP),
        ];
        let which = beyond.into_iter().find(|(is, _)| *is).map(|(_, cause)| cause)?;
        Some((which, format!("second output: object at {object_degc:.2} °C, sink at {sink_degc:.2} °C, beyond threshold {which}")))
    }

    pub(super) fn trips(&self) -> Option<(u16, String)> {
        let (amps, volts) = self.gives();
        if amps.abs() > f64::from(self.current_trip_a) {
            return Some((id::CURRENT_TRIP, format!("second output: {amps:.2} A are above {} A", self.current_trip_a)));
        }
        (volts.abs() > f64::from(self.voltage_trip_v))
            .then(|| (id::VOLTAGE_TRIP, format!("second output: {volts:.2} V are above {} V", self.voltage_trip_v)))
    }

    fn write(&mut self, number: u16, bits: u32) -> Result<(), ServerError> {
        let int = |range: std::ops::RangeInclusive<i32>| Some(bits.cast_signed()).filter(|v| range.contains(v)).ok_or(ServerError::Range);
        let float = |low: f64, high: f64| {
            let value = f32::from_bits(bits);
            // A limit written as its own bound must pass, whichever way single precision rounds it. NaN is in no range.
            if (low..=high + 1e-6 * high).contains(&f64::from(value)) { Ok(value) } else { Err(ServerError::Range) }
        };
        match number {
            id::INPUT_SELECTION => self.selection = int(0..=2)?,
            id::OUTPUT_ENABLE => self.enabled = int(0..=1)? == 1,
            id::POSITIVE_CURRENT_IS => self.positive_heats = int(0..=1)? == 1,
            id::STATIC_CURRENT => self.static_a = float(-RATED_A, RATED_A)?,
            id::STATIC_VOLTAGE => self.static_v = float(0.0, RATED_V)?,
            id::CURRENT_LIMIT => self.current_limit_a = float(0.0, RATED_A)?,
            id::VOLTAGE_LIMIT => self.voltage_limit_v = float(0.0, RATED_V)?,
            id::CURRENT_TRIP => self.current_trip_a = float(0.0, TRIP_A)?,
            id::VOLTAGE_TRIP => self.voltage_trip_v = float(0.0, TRIP_V)?,
            other if trip_at(other).is_some() => self.trips_degc[trip_at(other).unwrap_or_default()] = float(-100.0, 200.0)?,
            _ => return Err(ServerError::Parameter),
        }
        Ok(())
    }
}

impl TecController {
    pub(super) fn read_second(&self, number: u16) -> Result<Value, ServerError> {
        let Some(second) = self.second.as_ref().filter(|_| !device_wide(number)) else { return Err(ServerError::Instance) };
        let (amps, volts) = if self.second_on() == Some(true) { second.gives() } else { (0.0, 0.0) };
        let sensor = |pick: fn(&Sensors) -> f64| Value::Float(self.sensors.as_ref().map_or(f64::NAN, pick) as f32);
        Ok(match number {
            // Both inputs are in the same plate and heat sink.
            id::OBJECT_TEMPERATURE => sensor(|s| s.object_degc),
            id::SINK_TEMPERATURE => sensor(|s| s.sink_degc),
            id::OBJECT_SENSOR => self.read(number)?,
            id::OUTPUT_CURRENT => Value::Float(amps as f32),
            id::OUTPUT_VOLTAGE => Value::Float(volts as f32),
            id::INPUT_SELECTION => Value::Int(second.selection),
            id::OUTPUT_ENABLE => Value::Int(i32::from(second.enabled)),
            id::POSITIVE_CURRENT_IS => Value::Int(i32::from(second.positive_heats)),
            id::STATIC_CURRENT => Value::Float(second.static_a),
            id::STATIC_VOLTAGE => Value::Float(second.static_v),
            id::CURRENT_LIMIT => Value::Float(second.current_limit_a),
            id::VOLTAGE_LIMIT => Value::Float(second.voltage_limit_v),
            id::CURRENT_TRIP => Value::Float(second.current_trip_a),
            id::VOLTAGE_TRIP => Value::Float(second.voltage_trip_v),
            other if trip_at(other).is_some() => Value::Float(second.trips_degc[trip_at(other).unwrap_or_default()]),
            _ => return Err(ServerError::Parameter),
        })
    }

    pub(super) fn write_second(&mut self, number: u16, bits: u32) -> Result<(), ServerError> {
        let known = parameter(number).ok_or(ServerError::Parameter)?;
        if device_wide(number) {
            return Err(ServerError::Instance);
        }
        if !known.writable {
            return Err(ServerError::ReadOnly);
        }
        self.second.as_mut().map_or(Err(ServerError::Instance), |second| second.write(number, bits))
    }
}
