//! The rig: what stands on the bench behind serial ports, how it is declared, spoken to and kept safe.
//!
//! [`config`] reads `rigs/*.toml`; [`dialect`] what devices that speak in lines say; [`protocol`] turns bytes into messages and back; a [`Driver`] is a machine from inputs to
//! effects that knows neither port nor clock; [`bus`] lets several share a line; [`port`] alone knows serial ports, threads and time.
//!
//! Not here: what the temperatures should be (the controller), emulated instruments (the twin, which borrows [`protocol`]).

// What the fuzz targets share with our tests calls this crate as they do.
#[cfg(test)]
extern crate self as rig;

pub mod bus;
pub mod config;
mod corrected;
pub mod dialect;
mod driver;
pub mod drivers;
mod error;
#[cfg(test)]
mod fuzzed;
pub mod port;
pub mod protocol;

pub use config::{
    AcceleratorRule, ChannelRule, Connection, CoolantRule, Correction, Drive, DriverKind, Firmware, Fluid, HeatSource, Instrument,
    Interface, Ledger, Level, LineSettings, Mass, MecomSettings, ModbusFirmware, ModbusSettings, NeslabSettings, OBJECT_TEMPERATURE,
    Parity, Read, RigFile, Role, SINK_TEMPERATURE, SafeAction, Serial, ServoNode, Setpoint, TetechSettings, builtin,
};
pub use driver::{ArrayCurve, Command, Driver, Effects, Event, Input, driver_for};
pub use error::Error;
