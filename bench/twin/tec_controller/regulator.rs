//! The regulator: a ramped target, proportional and integral action on the object's error, the output's limits.
//!
//! The plate is an integrator driven by the bank's current, so that proportional action alone is stable at any gain the sampling
//! allows, integral action carries load and ramp without a lasting error, and the slope of the target, fed forward, spares the
//! start of a ramp. Integration stops while the output is at a limit and would push it further there.

use super::{Sensors, Settings};

/// Part of the current limit by which the ceiling that the voltage limit imposes rises again, a step.
const CEILING_RECOVERY: f64 = 0.02;

#[derive(Clone, Debug)]
pub(super) struct Regulator {
    /// The target on its ramp, °C.
    nominal_degc: f64,
    integral_a: f64,
    /// Current that the voltage limit allows, A.
    ceiling_a: f64,
}

impl Regulator {
    /// Switched on: the ramp begins where the object is.
    pub(super) fn starting_at(object_degc: f64, settings: &Settings) -> Self {
        Self { nominal_degc: object_degc, integral_a: 0.0, ceiling_a: f64::from(settings.current_limit_a) }
    }

    pub(super) fn nominal_degc(&self) -> f64 {
        self.nominal_degc
    }

    /// The current to demand, A; positive cools.
    pub(super) fn step(&mut self, settings: &Settings, dt_s: f64, sensors: Sensors, last_a: f64) -> f64 {
        let limit_a = f64::from(settings.current_limit_a);
        let gain_a_k = f64::from(settings.gain_pct_k) / 100.0 * limit_a;
        self.limit_voltage(limit_a, f64::from(settings.voltage_limit_v), sensors.voltage_v, last_a);

        let reach = f64::from(settings.ramp_k_s) * dt_s;
        let moved = (f64::from(settings.target_degc) - self.nominal_degc).clamp(-reach, reach);
        self.nominal_degc += moved;
        let slope_k_s = if dt_s > 0.0 { moved / dt_s } else { 0.0 };

        let error_k = sensors.object_degc - self.nominal_degc;
        let demand = gain_a_k * (error_k - f64::from(settings.derivative_s) * slope_k_s) + self.integral_a;
        let current = demand.clamp(-self.ceiling_a, self.ceiling_a);
        if demand == current || (demand > current) != (error_k > 0.0) {
            self.integral_a += gain_a_k * error_k * dt_s / f64::from(settings.integral_s);
        }
        current
    }

    fn limit_voltage(&mut self, limit_a: f64, limit_v: f64, voltage_v: f64, last_a: f64) {
        self.ceiling_a = if voltage_v.abs() > limit_v && last_a != 0.0 {
            last_a.abs() * limit_v / voltage_v.abs()
        } else {
            self.ceiling_a + CEILING_RECOVERY * limit_a
        }
        .min(limit_a);
    }
}
