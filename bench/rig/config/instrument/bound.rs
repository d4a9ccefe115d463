//! What channels make of an instrument: what it reads, holds and drives for them.

use crate::config::{Role, SafeAction};
use crate::driver::ArrayCurve;
use signal::{Channel, Limits};

/// One thing that an instrument reads for a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The driver's name for it.
    pub name: String,
    /// What it is on the bench.
    pub channel: Channel,
    /// What the bench's channel is of what the instrument says.
    pub correction: Correction,
    /// It is read every so many ticks, from 1.
    pub every: u32,
    /// The interlock trips below this, in the unit of the channel.
    pub trip_min: Option<f64>,
    /// The interlock trips above this.
    pub trip_max: Option<f64>,
}

impl Read {
    /// Read at every tick, taken as the instrument says it.
    pub fn plain(name: &str, channel: Channel) -> Self {
        Self { name: name.to_owned(), channel, correction: Correction::NONE, every: 1, trip_min: None, trip_max: None }
    }

    /// True if it is due: at every so many ticks, or at the first poll after such a tick. Which ticks are polled is not ours to choose: a device may be slower than a tick,
    /// and a machine may miss some.
    pub fn due(&self, round: Round) -> bool {
        let every = u64::from(self.every.max(1));
        round.tick.is_multiple_of(every) || round.before.is_none_or(|before| round.tick / every != before / every)
    }
}

/// A poll among polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// The tick it is of.
    pub tick: signal::Tick,
    /// That of the poll before; `None` where it is the first since the device was opened.
    pub before: Option<signal::Tick>,
    /// Polls before this one since then.
    pub number: u64,
}

/// A declared calibration of a channel: value = gain x what the instrument says + offset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correction {
    /// Gain, never 0.
    pub gain: f64,
    /// Offset in the channel's unit.
    pub offset: f64,
}

impl Correction {
    /// The instrument is taken at its word.
    pub const NONE: Self = Self { gain: 1.0, offset: 0.0 };

    /// The channel's value of what the instrument says.
    pub fn apply(self, said: f64) -> f64 {
        self.gain * said + self.offset
    }

    /// What the instrument must say for this value of the channel.
    pub fn invert(self, value: f64) -> f64 {
        (value - self.offset) / self.gain
    }
}

/// Limits of a setpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setpoint {
    /// The channel that is held.
    pub channel: Channel,
    /// Range, °C.
    pub limits: Limits,
    /// Fastest change, K/min of bench time.
    pub rate_k_min: f64,
}

/// An output that is switched for a channel other than the servoed one.
#[derive(Clone, Debug, PartialEq)]
pub struct Drive {
    /// The channel that drives it.
    pub role: Role,
    /// What is set on it, if it is more than on and off.
    pub level: Option<Level>,
    /// What happens to it when the bench goes safe.
    pub safe: SafeAction,
    /// How it follows the sunlight of the mission, if it stands for the Sun or for the array.
    pub sun: Option<SunRule>,
}

/// One sun, W/m²: the nominal total solar irradiance (IAU 2015 resolution B3).
pub const SUN_W_M2: f64 = 1361.0;

/// How an output follows sunlight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SunRule {
    /// A lamp: its level is proportional to the light, and this at one sun.
    Lamp {
        /// In the unit of the level.
        full: f64,
    },
    /// A solar-array simulator: currents are proportional to the light, voltages fall with temperature.
    Array {
        /// Curve at one sun and 25 °C.
        full: ArrayCurve,
        /// Relative change of voltages a kelvin, 1/K; negative for every real array.
        voltage_per_k: f64,
    },
}

impl SunRule {
    /// The curve in this light; an array of unknown temperature is at 25 °C.
    pub fn curve(self, suns: f64, array_degc: Option<f64>) -> Option<ArrayCurve> {
        let Self::Array { full, voltage_per_k } = self else { return None };
        let volts = 1.0 + voltage_per_k * (array_degc.unwrap_or(25.0) - 25.0);
        let curve = ArrayCurve { isc_a: full.isc_a * suns, imp_a: full.imp_a * suns, vmp_v: full.vmp_v * volts, voc_v: full.voc_v * volts };
        (suns > 0.0 && volts > 0.0 && curve.isc_a.is_finite() && curve.voc_v.is_finite()).then_some(curve)
    }
}

/// What an output is made to give.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// The driver's name for it: a voltage, a current, a speed.
    pub name: String,
    /// Its unit, as it ends the keys of the rig file.
    pub unit: String,
    /// Range.
    pub limits: Limits,
    /// What it is given when it is switched on and nothing else was asked for.
    pub start: f64,
}
