//! The quantities that get mixed up when they are bare numbers. Everything else carries its unit in its name.

use serde::{Deserialize, Serialize};
use std::fmt;

/// 0 °C in kelvin (the definition of the Celsius scale, BIPM SI Brochure 9th ed., 2.3.1).
pub const KELVIN_OFFSET: f64 = 273.15;

/// A temperature in degrees Celsius: what instruments and operators speak.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Celsius(pub f64);

/// An absolute temperature in kelvin: what radiation and Peltier equations speak.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kelvin(pub f64);

/// Power or heat flow in watts.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Watts(pub f64);

impl From<Celsius> for Kelvin {
    fn from(t: Celsius) -> Self {
        Self(t.0 + KELVIN_OFFSET)
    }
}

impl From<Kelvin> for Celsius {
    fn from(t: Kelvin) -> Self {
        Self(t.0 - KELVIN_OFFSET)
    }
}

impl fmt::Display for Celsius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} °C", self.0)
    }
}

impl fmt::Display for Kelvin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} K", self.0)
    }
}

impl fmt::Display for Watts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} W", self.0)
    }
}
