//! What the driver knows and what is wanted of it, between two inputs.

use signal::{Celsius, Tick};

/// Status numbers of parameter 104.
pub(super) mod status {
    pub(in crate::drivers) const RUN: i32 = 2;
    pub(in crate::drivers) const ERROR: i32 = 3;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// No port.
    Closed,
    /// Being identified and configured.
    Opening,
    /// Takes commands.
    Ready,
    /// The port is there, the device does not answer.
    Silent,
    /// The device answers, but it is another one (foreign), or would not take its limits.
    Refused { foreign: bool },
}

impl Link {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Closed => "the port is closed",
            Self::Opening => "the controller is being identified and configured",
            Self::Ready => "the controller is ready",
            Self::Silent => "the controller does not answer",
            Self::Refused { foreign: true } => "another device than the declared one answers",
            Self::Refused { foreign: false } => "the controller was refused",
        }
    }
}

/// What is wanted and not begun, in the order in which it is begun.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) disable: bool,
    pub(super) acknowledge: bool,
    pub(super) target: Option<Celsius>,
    pub(super) enable: bool,
    pub(super) poll: Option<Tick>,
}

/// What the device said of itself since the line was opened.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) identity: String,
    pub(super) model: i32,
    pub(super) serial: i32,
    /// It is the declared one.
    pub(super) known: bool,
    pub(super) positive_heats: bool,
    pub(super) enabled: bool,
    pub(super) target: Option<Celsius>,
    /// As told by the last [`Event::OutputConfirmed`]; `None` while nobody knows.
    pub(super) output: Option<bool>,
    pub(super) error: Option<(i32, i32)>,
    pub(super) error_told: bool,
    /// It answers bulk reads, and as we understand them.
    pub(super) bulk: bool,
}
