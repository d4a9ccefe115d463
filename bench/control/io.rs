//! What goes into a step and what comes out of it.

use crate::Suspect;
use model::environment::Sample;
use model::flight::FlightView;
use signal::{Celsius, Limit, Origin, Request, RunState, Severity, Snapshot, Source, Tick, Watts};

/// What the instruments as a whole say about themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instruments {
    /// Every instrument is identified and its limits are read back.
    pub ready: bool,
    /// Which link is lost and why; what its outputs do is then unknown.
    pub lost: Option<String>,
    /// Which instrument refused its settings or is not the one expected.
    pub refused: Option<String>,
    /// Which instrument reports an error of its own.
    pub error: Option<String>,
    /// The thermal output as read back: `None` while unknown.
    pub output_on: Option<bool>,
}

/// What is wrong with the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkFault {
    /// In words.
    pub why: String,
    /// It cannot come back by itself: the command has ended, a thread has failed, a server is given up.
    pub lasting: bool,
}

impl WorkFault {
    /// One that may pass.
    pub const fn passing(why: String) -> Self {
        Self { why, lasting: false }
    }
}

/// Everything a step may know about the world.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// The tick this input belongs to.
    pub tick: Tick,
    /// Ticks that passed since the last step without one: their time is integrated across.
    pub missed: u32,
    /// The newest readings.
    pub readings: Snapshot,
    /// State of the instruments.
    pub instruments: Instruments,
    /// The workload is not well, and why.
    pub workload_fault: Option<WorkFault>,
    /// Requests since the last step, with who asked.
    pub requests: Vec<(String, Request)>,
}

/// The rig's thermal output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thermal {
    /// Switched off, and to be confirmed off.
    Off,
    /// Servoing to the target.
    On,
}

/// What the devices shall do. Sent every tick: the sending is what renews the leases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Commands {
    /// Setpoint of the servoed node, inside every limit.
    pub target: Option<Celsius>,
    /// The rig's thermal output.
    pub thermal: Thermal,
    /// Share of time the workload may work, 0..=1; `None` stops it.
    pub duty: Option<f64>,
    /// Power for the work is there. Without it, work that is to be put away leaves memory.
    pub power: bool,
    /// Power limit of the device under test, where that is the actuator; `None` leaves it alone.
    pub limit: Option<Watts>,
    /// An operator acknowledged: instruments may clear what they hold against us.
    pub acknowledge: bool,
}

/// Something that happened, for `events.csv` and the screens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// How bad it is.
    pub severity: Severity,
    /// One word for scripts: `state`, `request`, `link`, `heat`, `interlock`, ...
    pub kind: &'static str,
    /// Who caused it: an operator, `control`, an instrument.
    pub who: String,
    /// What happened and, for alarms, what to do.
    pub message: String,
}

/// How a run ends, decided by the step; the engine then tears down and confirms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The profile was flown to its end.
    Done,
    /// An operator stopped it: a success.
    Stopped,
    /// An operator aborted it.
    Aborted,
    /// An operator halted it: everything safe at once.
    Halted,
    /// An interlock ended it.
    Tripped(String),
}

/// What the model and the governor thought this tick: the derived columns of the row.
#[derive(Clone, Debug)]
pub struct View {
    /// Mission seconds, once flying.
    pub mission_s: Option<f64>,
    /// The environment now.
    pub env: Sample,
    /// The flight model's temperatures now.
    pub flight: FlightView,
    /// Board heat driven into the flight model over the last tick.
    pub heat: Option<Watts>,
    /// Where that heat came from.
    pub heat_origin: Origin,
    /// What that heat goes by.
    pub heat_source: Source,
    /// Interface temperature the model asks for.
    pub request: Option<Celsius>,
    /// The same after limits: what the rig was told.
    pub setpoint: Option<Celsius>,
    /// Whether and how the setpoint or the rig was limited.
    pub limited: Limit,
    /// Electrical power the flight side could give this accelerator.
    pub available: Watts,
    /// Power the array gives to the bus now, W.
    pub array_w: f64,
    /// Power the battery gave to the bus over the tick, W; negative while charging. `None` where none is modelled or the mission stands.
    pub battery_w: Option<f64>,
    /// State of charge now, 0 to 1; `None` where no battery is modelled.
    pub soc_frac: Option<f64>,
    /// Power the governor allows it.
    pub budget: Watts,
    /// Share of time the workload may work.
    pub duty: Option<f64>,
    /// Work counted since the mission began, in the workload's units.
    pub work_units: Option<f64>,
    /// Work taken in since the mission began, in the same units.
    pub work_input_units: Option<f64>,
    /// Work per bench second over the last tick.
    pub work_rate: Option<f64>,
    /// Wall seconds until what is wrong now ends the run, if it stays so; `None` while nothing does.
    pub ends_in_s: Option<f64>,
}

/// What a step decided.
#[derive(Clone, Debug)]
pub struct Output {
    /// The run's state after this tick.
    pub state: RunState,
    /// For the devices.
    pub commands: Commands,
    /// For the log and the screens.
    pub events: Vec<Event>,
    /// For the row.
    pub view: View,
    /// Readings that were not believed.
    pub suspect: Vec<Suspect>,
    /// Set once, when the run is over.
    pub end: Option<End>,
}
