//! What every instrument driver is: a machine fed with inputs, each with the time it came, that answers with effects.
//!
//! A driver opens nothing, waits for nothing and reads no clock. Over a real port [`crate::port`] feeds it; in memory anyone
//! may, on whatever time they like.

use crate::config::{DriverKind, Instrument};
use crate::corrected::Corrected;
use crate::drivers::{Line, Mecom, modbus, neslab, tetech};
use crate::error::Error;
use signal::{Celsius, Channel, Tick};

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The port is open, for the first time or again; nothing is known of what is behind it.
    Opened,
    /// Bytes arrived, in whatever portions.
    Bytes(&'a [u8]),
    /// The port is gone.
    HangUp,
    /// The time asked for in [`Effects::deadline_s`] has come.
    Deadline,
    /// The controller wants something.
    Command(Command),
}

/// What a controller can want of an instrument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// Read every channel. It also renews the lease of the output, so it is sent once a controller tick and by nothing else: a
    /// controller that hangs loses its output.
    Poll {
        /// The tick that asks; comes back with the readings.
        tick: Tick,
    },
    /// Hold this temperature.
    Target(Celsius),
    /// Give this, in the unit of what the rig file's channel `drives`: of an output other than a servoed temperature. It does not
    /// switch the output on.
    Level(f64),
    /// Be a solar array of this curve. It does not switch the output on.
    Curve(ArrayCurve),
    /// Switch the output on.
    Enable,
    /// Switch the output off. Overtakes whatever is queued and takes back any queued [`Command::Enable`].
    Disable,
    /// Clear the device's error. The device restarts for it: it is identified and configured anew, output off.
    Acknowledge,
}

/// Four numbers that make a solar-array simulator's curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArrayCurve {
    /// Short-circuit current, A.
    pub isc_a: f64,
    /// Current at the point of most power, A; below `isc_a`.
    pub imp_a: f64,
    /// Voltage at that point, V; below `voc_v`.
    pub vmp_v: f64,
    /// Open-circuit voltage, V.
    pub voc_v: f64,
}

/// What is to be done about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// To be written to the port, in order.
    pub send: Vec<u8>,
    /// To be told to the controller, in order.
    pub events: Vec<Event>,
    /// The time at which [`Input::Deadline`] is wanted, on the clock of `now_s`. Replaces any earlier one; `None` if nothing
    /// is waited for.
    pub deadline_s: Option<f64>,
    /// An answer is waited for, or silence kept: whoever shares the line may not speak yet.
    pub waits: bool,
    /// Whoever has another output of the same device may not speak to it before this, on the clock of `now_s`: it is to lose its lease, or
    /// restarts.
    pub leave_until_s: Option<f64>,
}

/// What a driver tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The device is the one declared.
    Identified {
        /// Model, serial number, firmware.
        device: String,
    },
    /// Configured, read back, output off: it takes commands.
    Ready,
    /// One value, read for `tick`.
    Reading {
        /// The tick of the poll.
        tick: Tick,
        /// What was read.
        channel: Channel,
        /// In the channel's unit; always finite.
        value: f64,
    },
    /// Every channel was asked for. One without a [`Event::Reading`] had no usable value.
    PollDone {
        /// The tick of the poll.
        tick: Tick,
    },
    /// The poll ended early; what it told until then stands. A driver whose answers carry no number told none of its readings.
    PollFailed {
        /// The tick of the poll.
        tick: Tick,
        /// In words.
        why: String,
    },
    /// A question was asked again.
    Retried {
        /// In words.
        why: String,
    },
    /// A command, or the device itself, is refused.
    Refused {
        /// In words.
        why: String,
    },
    /// Nothing is known of the device any more, its output included.
    LinkLost {
        /// In words.
        why: String,
    },
    /// The state of the output, read back and not assumed. Told when it is found out and whenever it changes.
    OutputConfirmed {
        /// It is on.
        on: bool,
    },
    /// Something happened at the device that is no error of its own.
    Notice {
        /// In words.
        words: String,
    },
    /// The device reports an error of its own. Told once an error.
    DeviceError {
        /// The device's number for it.
        number: i32,
        /// In words.
        words: String,
    },
}

/// A driver of one instrument.
pub trait Driver: Send {
    /// Takes what happened at `now_s` (seconds on any clock that never goes back) and says what to do.
    fn step(&mut self, now_s: f64, input: Input<'_>) -> Effects;

    /// The instrument in a few words, for logs and screens.
    fn describe(&self) -> String;

    /// Which device of its line it is about; the same for all the outputs of one. Empty where that is of no consequence.
    fn device(&self) -> String {
        String::new()
    }
}

/// The driver that an instrument of a rig file asks for.
pub fn driver_for(instrument: &Instrument) -> Result<Box<dyn Driver>, Error> {
    Corrected::around(instrument, |instrument| match &instrument.driver {
        DriverKind::Mecom(_) => Ok(Box::new(Mecom::new(instrument)?) as Box<dyn Driver>),
        DriverKind::Modbus(_) => modbus(instrument),
        DriverKind::Neslab(_) => neslab(instrument),
        DriverKind::Tetech(_) => tetech(instrument),
        DriverKind::Line(_) => Ok(Box::new(Line::new(instrument)?)),
    })
}
