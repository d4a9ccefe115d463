//! What makes the device switch its outputs off by itself, and what it calls that.

use super::second::Second;
use super::{Sensors, TecController};
use rig::protocol::mecom::id;

impl TecController {
    /// The stage gives no more than its limit, whatever the plant's step makes of the current before the regulator has held it back.
    fn terminal_v(&self, sensors: Sensors) -> f64 {
        sensors.voltage_v.abs().min(f64::from(self.settings.voltage_limit_v))
    }

    pub(super) fn protect(&mut self, sensors: Sensors) {
        if self.error.is_some() {
            return;
        }
        let Sensors { object_degc, sink_degc, .. } = sensors;
        let (low, high) = (f64::from(self.settings.object_lower_degc), f64::from(self.settings.object_upper_degc));
        if !object_degc.is_finite() || !sink_degc.is_finite() {
            self.fail(id::OBJECT_TEMPERATURE, "a temperature sensor is open or shorted");
        } else if object_degc > high {
            self.fail(id::OBJECT_UPPER_TRIP, &format!("the object at {object_degc:.2} °C is above {high} °C"));
        } else if object_degc < low {
            self.fail(id::OBJECT_LOWER_TRIP, &format!("the object at {object_degc:.2} °C is below {low} °C"));
        } else if let Some((cause, why)) = self.sink_too_far(sink_degc) {
            self.fail(cause, &why);
        } else if let Some((cause, why)) = self.second.as_ref().and_then(|second| second.too_far(sensors)) {
            self.fail(cause, &why);
        } else if self.current_a.abs() > f64::from(self.settings.current_trip_a) {
            self.fail(id::CURRENT_TRIP, &format!("{:.2} A are above {} A", self.current_a, self.settings.current_trip_a));
        } else if let Some((cause, why)) = self.second.as_ref().and_then(Second::trips).filter(|_| self.second_on() == Some(true)) {
            self.fail(cause, &why);
        } else if self.output_on() && self.terminal_v(sensors) > f64::from(self.settings.voltage_trip_v) {
            self.fail(id::VOLTAGE_TRIP, &format!("{:.2} V are above {} V", sensors.voltage_v, self.settings.voltage_trip_v));
        }
    }

    fn sink_too_far(&self, sink_degc: f64) -> Option<(u16, String)> {
        let (low, high) = (f64::from(self.settings.sink_lower_degc), f64::from(self.settings.sink_upper_degc));
        if sink_degc > high {
            return Some((id::SINK_UPPER_TRIP, format!("the sink at {sink_degc:.2} °C is above {high} °C")));
        }
        (sink_degc < low).then(|| (id::SINK_LOWER_TRIP, format!("the sink at {sink_degc:.2} °C is below {low} °C")))
    }

    /// What it calls the error it stands in; 0 for none.
    pub(super) fn error_number(&self) -> i32 {
        match self.error {
            None => 0,
            Some(id::OBJECT_LOWER_TRIP | id::OBJECT_UPPER_TRIP) => 138,
            Some(id::SINK_LOWER_TRIP) => 142,
            Some(id::SINK_UPPER_TRIP) => 143,
            Some(id::CURRENT_TRIP) => 107,
            Some(id::VOLTAGE_TRIP) => 104,
            Some(other) => i32::from(other),
        }
    }

    pub(super) fn fail(&mut self, cause: u16, why: &str) {
        self.error = Some(cause);
        self.current_a = 0.0;
        self.events.push(format!("{why}: output off, error {}", self.error_number()));
    }
}
