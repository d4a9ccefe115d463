//! What the driver does with the device, as short scripts: a job is a list of tasks, a task at most one question.

use super::memory;
use crate::config::{Instrument, MecomSettings, OBJECT_TEMPERATURE, OUTPUT_CURRENT, OUTPUT_VOLTAGE, Round, SINK_TEMPERATURE};
use crate::drivers::commands::{Job, RAMP_MARGIN, in_turn};
use crate::protocol::mecom::{Bulk, Request, Value, device_wide, id, parameter};
use signal::Channel;
use std::collections::VecDeque;

/// Attempts at identifying: the first may drown in a boot banner.
const IDENTIFY_ATTEMPTS: u8 = 3;
/// Attempts at a read: one retry.
const READ_ATTEMPTS: u8 = 2;

/// One step of a job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Task {
    Wait(f64),
    Identify,
    Model,
    Serial,
    /// The version of its electronics. Told with the firmware; it may be unknown to a device.
    Hardware,
    Firmware,
    /// See [`super::memory`].
    Memory,
    Polarity,
    /// What the object input is set to. Older firmware may not tell.
    Sensor,
    /// Set a parameter. Silence is no failure: the answer may have been lost, and what follows reads back.
    Write {
        parameter: u16,
        value: Value,
        attempts: u8,
    },
    /// Read a parameter back; it must be this.
    Verify {
        parameter: u16,
        value: Value,
    },
    /// Read whether the output is enabled, for the [`Task::Output`] that follows.
    Enabled,
    /// Read the status; with `want`, the output must have come to that.
    Output {
        want: Option<bool>,
        /// How often it was looked at before.
        looked: u8,
    },
    Measure(u16, Channel),
    /// Read model, serial number and everything that is polled at once, to see whether bulk reads can be had.
    TryBulk(Bulk),
    /// Everything that is polled at once.
    Bulk(Bulk),
    ErrorNumber,
    ErrorInstance,
    ErrorParameter,
    RestartIfError,
    Restart,
}

impl Task {
    /// It switches the output off. A device that would not is read back all the same.
    pub(super) const fn switches_off(&self) -> bool {
        matches!(self, Self::Write { parameter: id::OUTPUT_ENABLE, value: Value::Int(0), .. })
    }

    /// The question, and how often it is put.
    pub(super) const fn question(&self, output: u8) -> Option<(Request, u8)> {
        let parameter = match *self {
            Self::Wait(_) => return None,
            Self::Identify => return Some((Request::Identify { instance: None }, IDENTIFY_ATTEMPTS)),
            Self::Restart => return Some((Request::Reset, 1)),
            Self::TryBulk(bulk) => return Some((Request::ReadMany(bulk), 1)),
            Self::Bulk(bulk) => return Some((Request::ReadMany(bulk), READ_ATTEMPTS)),
            Self::Write { parameter, value, attempts } => {
                return Some((Request::Write { parameter, instance: instance(parameter, output), bits: value.bits() }, attempts));
            }
            Self::Model => id::DEVICE_TYPE,
            Self::Serial => id::SERIAL_NUMBER,
            Self::Hardware => id::HARDWARE_VERSION,
            Self::Firmware => id::FIRMWARE_VERSION,
            Self::Memory => id::SAVE_TO_FLASH,
            Self::Polarity => id::POSITIVE_CURRENT_IS,
            Self::Sensor => id::OBJECT_SENSOR,
            Self::Verify { parameter, .. } | Self::Measure(parameter, _) => parameter,
            Self::Enabled => id::OUTPUT_ENABLE,
            Self::Output { .. } | Self::RestartIfError => id::DEVICE_STATUS,
            Self::ErrorNumber => id::ERROR_NUMBER,
            Self::ErrorInstance => id::ERROR_INSTANCE,
            Self::ErrorParameter => id::ERROR_PARAMETER,
        };
        Some((Request::Read { parameter, instance: instance(parameter, output) }, READ_ATTEMPTS))
    }
}

/// The instance of a parameter that is meant when an output is.
const fn instance(parameter: u16, output: u8) -> u8 {
    if device_wide(parameter) { 1 } else { output }
}

/// A request in words, for events.
pub(super) fn words(request: Request) -> String {
    let name = |number: u16| parameter(number).map_or("unknown parameter", |p| p.name);
    match request {
        Request::Identify { .. } => "the identification (?IF)".to_owned(),
        Request::Read { parameter, .. } => format!("reading {} ({parameter})", name(parameter)),
        Request::ReadMany(bulk) => format!("reading {} parameters at once (?VX)", bulk.entries().len()),
        Request::Write { parameter, .. } => format!("writing {} ({parameter})", name(parameter)),
        Request::Reset => "the restart (RS)".to_owned(),
    }
}

/// Switching the output: once written, what the device says decides.
pub(super) fn switch(on: bool) -> [Task; 3] {
    // An unanswered "on" is not repeated; an unanswered "off" is, it can do no harm.
    let attempts = if on { 1 } else { 2 };
    let write = Task::Write { parameter: id::OUTPUT_ENABLE, value: Value::Int(i32::from(on)), attempts };
    [write, Task::Enabled, Task::Output { want: Some(on), looked: 0 }]
}

/// Everything the device must hold before it may be enabled, each written and read back.
fn settings(instrument: &Instrument, own: &MecomSettings) -> Vec<(u16, Value)> {
    let mut settings: Vec<(u16, Value)> = memory::kept(own).collect();
    // 2: the temperature controller drives the output, 0: a fixed current does.
    settings.push((id::INPUT_SELECTION, Value::Int(if instrument.drive.is_some() { 0 } else { 2 })));
    // 0: no output follows another.
    settings.extend(own.several.then_some((id::OPERATING_MODE, Value::Int(0))));
    let mut float = |parameter, value: f64| settings.push((parameter, Value::Float(value as f32)));
    float(id::CURRENT_LIMIT, own.current_limit_a);
    float(id::VOLTAGE_LIMIT, own.voltage_limit_v);
    float(id::CURRENT_TRIP, own.current_trip_a);
    float(id::VOLTAGE_TRIP, own.voltage_trip_v);
    float(id::WATCHDOG, own.lease_s);
    if instrument.drive.is_some() {
        float(id::STATIC_VOLTAGE, own.voltage_limit_v);
    }
    if let Some(setpoint) = &instrument.setpoint {
        float(id::TARGET_RAMP, setpoint.rate_k_min / 60.0 * RAMP_MARGIN);
    }
    settings.extend(temperature_trips(instrument));
    settings
}

/// Where the device is to stop by itself, of the temperatures that the rig's channels trip on.
fn temperature_trips(instrument: &Instrument) -> impl Iterator<Item = (u16, Value)> {
    let of = |reading: &str, lower: u16, upper: u16| {
        let (low, high) = instrument.trips(reading);
        let beyond = |by: f64| move |trip: f64| Value::Float((trip + by) as f32);
        [(lower, low.map(beyond(-MecomSettings::TRIP_BEYOND_K))), (upper, high.map(beyond(MecomSettings::TRIP_BEYOND_K)))]
    };
    let object = of(OBJECT_TEMPERATURE, id::OBJECT_LOWER_TRIP, id::OBJECT_UPPER_TRIP);
    let sink = of(SINK_TEMPERATURE, id::SINK_LOWER_TRIP, id::SINK_UPPER_TRIP);
    object.into_iter().chain(sink).filter_map(|(parameter, value)| Some((parameter, value?)))
}

/// Everything that is measured for a tick, or everything that ever is. Only the controller that holds the servoed temperature tells
/// of its output: the bench has one column for that.
fn measurements(instrument: &Instrument, round: Option<Round>) -> impl Iterator<Item = Task> {
    let due = instrument.reads.iter().filter(move |read| round.is_none_or(|now| read.due(now)));
    let declared = due.map(|read| {
        let parameter = match read.name.as_str() {
            OBJECT_TEMPERATURE => id::OBJECT_TEMPERATURE,
            OUTPUT_CURRENT => id::OUTPUT_CURRENT,
            OUTPUT_VOLTAGE => id::OUTPUT_VOLTAGE,
            _ => id::SINK_TEMPERATURE,
        };
        Task::Measure(parameter, read.channel)
    });
    let output = [
        Task::Measure(id::OUTPUT_CURRENT, Channel::TecCurrent),
        Task::Measure(id::OUTPUT_VOLTAGE, Channel::TecVoltage),
        Task::Measure(id::TARGET_TEMPERATURE, Channel::TecTarget),
    ];
    declared.chain(output.into_iter().filter(|_| instrument.servoes()))
}

/// Everything that a poll asks for, one by one: what is measured, whether the device still has its lease (one that restarted has
/// not, nor its limits), the setting whose `turn` it is, what the output does.
fn polled(instrument: &Instrument, own: &MecomSettings, round: Option<Round>, turn: Option<Task>) -> impl Iterator<Item = Task> {
    let lease = Task::Verify { parameter: id::WATCHDOG, value: Value::Float(own.lease_s as f32) };
    measurements(instrument, round).chain([lease]).chain(turn).chain([Task::Enabled, Task::Output { want: None, looked: 0 }])
}

/// The same in one question, after `first`; `None` if it is too much for one.
fn bulk(tasks: impl IntoIterator<Item = Task>, output: u8, first: &[u16]) -> Option<Bulk> {
    let number = |task: Task| match task.question(output) {
        Some((Request::Read { parameter, .. }, _)) => Some(parameter),
        _ => None,
    };
    let numbers = first.iter().copied().chain(tasks.into_iter().filter_map(number));
    Bulk::new(&numbers.map(|n| (n, instance(n, output))).collect::<Vec<(u16, u8)>>())
}

/// The script of a poll in one question, where bulk reads can be had.
pub(super) fn at_once(poll: &VecDeque<Task>, output: u8) -> Option<Task> {
    bulk(poll.iter().copied(), output, &[]).map(Task::Bulk)
}

/// Setting what is set often: first whether it still goes to memory alone, which a restart undoes.
fn set(own: &MecomSettings, parameter: u16, value: f64) -> VecDeque<Task> {
    let value = Value::Float(value as f32);
    let kept = memory::kept(own).map(|(parameter, value)| Task::Verify { parameter, value });
    kept.chain([Task::Write { parameter, value, attempts: 2 }, Task::Verify { parameter, value }]).collect()
}

/// The one setting whose turn it is in a poll, so that a knob that somebody turned is seen: everything that was written but for the
/// lease, which every poll looks at, and what it was `given`.
fn in_its_turn(instrument: &Instrument, own: &MecomSettings, given: Option<(u16, Value)>, round: Round) -> Option<Task> {
    let written = settings(instrument, own).into_iter().filter(|(parameter, _)| *parameter != id::WATCHDOG).chain(given);
    in_turn(written.collect(), round).map(|(parameter, value)| Task::Verify { parameter, value })
}

/// The script of a job; `given` is what the output was last told to give, as it must still be when it is switched on or polled.
pub(super) fn script(job: Job, instrument: &Instrument, own: &MecomSettings, given: Option<(u16, Value)>) -> VecDeque<Task> {
    match job {
        Job::Open => {
            // Who it is, before anything is written to it.
            let mut tasks = VecDeque::from([Task::Identify, Task::Model, Task::Serial, Task::Hardware, Task::Firmware]);
            // Before anything else is.
            tasks.extend(memory::guard());
            tasks.extend([Task::Polarity, Task::Sensor]);
            // What carries heat away is left as it is.
            if instrument.safe_is_on() {
                tasks.extend([Task::Enabled, Task::Output { want: None, looked: 0 }]);
            } else {
                tasks.extend(switch(false));
            }
            for (parameter, value) in settings(instrument, own) {
                if parameter != id::SAVE_TO_FLASH {
                    tasks.push_back(Task::Write { parameter, value, attempts: 2 });
                }
                tasks.push_back(Task::Verify { parameter, value });
            }
            // A device is ready when what will be polled can be had; until then it would be lost again with every poll.
            tasks.extend(measurements(instrument, None));
            tasks.extend(bulk(polled(instrument, own, None, None), own.output, &[id::DEVICE_TYPE, id::SERIAL_NUMBER]).map(Task::TryBulk));
            tasks
        }
        Job::Poll(round) => polled(instrument, own, Some(round), in_its_turn(instrument, own, given, round)).collect(),
        Job::Target(target) => set(own, id::TARGET_TEMPERATURE, target.0),
        Job::Switch { on: false, .. } => VecDeque::from(switch(false)),
        Job::Switch { on: true, .. } => {
            // Read back once more: a device that restarted since it was configured has limits of its own and no lease.
            let verify = |(parameter, value)| Task::Verify { parameter, value };
            settings(instrument, own).into_iter().chain(given).map(verify).chain(switch(true)).collect()
        }
        Job::Acknowledge => VecDeque::from([Task::RestartIfError]),
        Job::Level(amps) => set(own, id::STATIC_CURRENT, amps),
        // A TEC controller is no solar array: refused when it is told.
        Job::Curve(_) => VecDeque::new(),
    }
}
