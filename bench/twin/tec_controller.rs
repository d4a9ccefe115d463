//! An emulated TEC controller of Meerstetter's family: its protocol, its regulator, its protections.
//!
//! Bytes in, bytes out, and a current demanded of the output stage; it knows no port, no plant and no clock. Wall time drives the
//! watchdog and the restart, bench time the regulator: an accelerated bench must not make a dead host look alive for longer.
//!
//! Strict where devices are: unknown commands, parameters, instances and values are refused by number. Lenient in one thing,
//! `?IF` with an instance, because a client in the field (mecompyapi) sends it. A second output, where it has one, gives a fixed current
//! into a resistor: the plant has one bank of modules, which is the first's. Not here: saving by command (`SP`), outputs in parallel, lookup tables. Error numbers are the vendor's where a
//! public source gives one, and else its own (the parameter that tells of the cause).

mod flash;
mod protections;
mod regulator;
mod second;
mod settings;

use crate::wired::Ailment;
use flash::Flash;
use regulator::Regulator;
use rig::protocol::mecom::{Bulk, Decoder, Frame, Reply, Request, RequestError, ServerError, Side, Value, id};
use rig::{Instrument, MecomSettings, OBJECT_TEMPERATURE, SINK_TEMPERATURE, Setpoint};
use second::Second;
use settings::Settings;
use std::collections::BTreeMap;

/// Wall seconds that a restart takes; no answers meanwhile (assumed).
const RESTART_S: f64 = 0.3;
/// The object counts as stable within this of its target, K, for this long, bench s (assumed defaults of 4040 and 4041).
const STABLE_WITHIN_K: f64 = 0.1;
const STABLE_AFTER_S: f64 = 10.0;

/// The first firmware that answers bulk reads, hundredths (assumed: public sources say "6").
const BULK_SINCE: i32 = 600;

/// What one controller is, and what it powers up with.
#[derive(Clone, Debug, PartialEq)]
pub struct TecConfig {
    /// Model number.
    pub device_type: i32,
    /// Serial number.
    pub serial_number: i32,
    /// Hardware version, hundredths.
    pub hardware_version: i32,
    /// Firmware version, hundredths.
    pub firmware_version: i32,
    /// Device address on its line.
    pub address: u8,
    /// Largest current its output stage can give, A; no limit may be set above it.
    pub rated_current_a: f64,
    /// Largest voltage its output stage can give, V.
    pub rated_voltage_v: f64,
    /// Current limit after power-up, A.
    pub current_limit_a: f64,
    /// Voltage limit after power-up, V.
    pub voltage_limit_v: f64,
    /// Ramp of the target after power-up, K/s of bench time.
    pub ramp_k_s: f64,
    /// It goes into error when the object is colder, °C.
    pub object_min_degc: f64,
    /// It goes into error when the object is hotter, °C.
    pub object_max_degc: f64,
    /// It goes into error when the sink is colder, °C.
    pub sink_min_degc: f64,
    /// It goes into error when the sink is hotter, °C.
    pub sink_max_degc: f64,
    /// Proportional gain, % of the current limit a kelvin.
    pub gain_pct_k: f64,
    /// Integral time, s.
    pub integral_s: f64,
    /// Derivative time, acting on the ramp of the target alone, s.
    pub derivative_s: f64,
    /// It has a second output.
    pub two_outputs: bool,
}

impl Default for TecConfig {
    /// A 16 A, 30 V model tuned for a plate of some 400 J/K on a bank that moves 10 to 50 W an ampere.
    fn default() -> Self {
        Self {
            device_type: 1090,
            serial_number: 4242,
            hardware_version: 150,
            firmware_version: 510,
            address: 1,
            rated_current_a: 16.0,
            rated_voltage_v: 30.0,
            current_limit_a: 1.0,
            voltage_limit_v: 5.0,
            ramp_k_s: 0.1,
            object_min_degc: -20.0,
            object_max_degc: 95.0,
            sink_min_degc: -40.0,
            sink_max_degc: 110.0,
            gain_pct_k: 125.0,
            integral_s: 20.0,
            derivative_s: 2.0,
            two_outputs: false,
        }
    }
}

impl TecConfig {
    /// What can stand in for an instrument of a rig file: of the declared type and serial number, powered up with the declared
    /// limits, so that a rehearsal need not write them.
    pub fn standing_in_for(instrument: &Instrument) -> Self {
        let default = Self::default();
        let declared = |value: Option<u32>, otherwise| value.and_then(|v| i32::try_from(v).ok()).unwrap_or(otherwise);
        let ramp = |s: &Setpoint| s.rate_k_min / 60.0 * rig::drivers::RAMP_MARGIN;
        let ramp_k_s = instrument.setpoint.as_ref().map_or(default.ramp_k_s, ramp);
        let Some(mecom) = instrument.mecom() else {
            // Another make's controller on the same bank: its stage is taken to be as strong as the rig lets it be.
            let current_limit_a = instrument.current_limit_a().unwrap_or(default.rated_current_a);
            let voltage_limit_v = default.rated_voltage_v;
            return Self { current_limit_a, voltage_limit_v, ramp_k_s, ..default };
        };
        let beyond = |trip: Option<f64>, by: f64, otherwise: f64| trip.map_or(otherwise, |trip| trip + by);
        let (object, sink) = (instrument.trips(OBJECT_TEMPERATURE), instrument.trips(SINK_TEMPERATURE));
        let margin_k = MecomSettings::TRIP_BEYOND_K;
        Self {
            object_min_degc: beyond(object.0, -margin_k, default.object_min_degc),
            object_max_degc: beyond(object.1, margin_k, default.object_max_degc),
            sink_min_degc: beyond(sink.0, -margin_k, default.sink_min_degc),
            sink_max_degc: beyond(sink.1, margin_k, default.sink_max_degc),
            device_type: declared(mecom.device_type, default.device_type),
            serial_number: declared(mecom.serial_number, default.serial_number),
            address: mecom.address,
            two_outputs: mecom.several,
            rated_current_a: default.rated_current_a.max(mecom.current_limit_a),
            rated_voltage_v: default.rated_voltage_v.max(mecom.voltage_limit_v),
            current_limit_a: mecom.current_limit_a,
            voltage_limit_v: mecom.voltage_limit_v,
            ramp_k_s,
            ..default
        }
    }
}

/// What the controller's inputs read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensors {
    /// Temperature of the controlled object, °C.
    pub object_degc: f64,
    /// Temperature of the heat sink, °C.
    pub sink_degc: f64,
    /// Voltage at the output's terminals, V.
    pub voltage_v: f64,
}

/// The device.
#[derive(Debug)]
pub struct TecController {
    config: TecConfig,
    settings: Settings,
    second: Option<Second>,
    flash: Flash,
    decoder: Decoder,
    sensors: Option<Sensors>,
    current_a: f64,
    regulator: Option<Regulator>,
    stable_s: f64,
    /// The parameter that tells of the cause of the error it stands in.
    error: Option<u16>,
    /// Wall time of the last valid frame.
    heard_s: f64,
    restart_until_s: Option<f64>,
    /// What it denies by parameter, and how often still.
    denials: BTreeMap<u16, (ServerError, u32)>,
    events: Vec<String>,
}

impl TecController {
    /// A device just powered up: output off, watchdog disabled.
    pub fn new(config: TecConfig) -> Self {
        Self {
            settings: Settings::power_up(&config),
            second: config.two_outputs.then(Second::power_up),
            flash: Flash::factory(&config),
            config,
            decoder: Decoder::new(Side::Host),
            sensors: None,
            current_a: 0.0,
            regulator: None,
            stable_s: 0.0,
            error: None,
            heard_s: 0.0,
            restart_until_s: None,
            denials: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    /// A device that nobody talks to.
    pub fn idle() -> Self {
        Self::new(TecConfig::default())
    }

    /// What happened since this was last asked, in words, for the emulator's own log.
    pub fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }

    /// The output stage is driving, whatever current that takes.
    pub fn output_on(&self) -> bool {
        self.settings.enabled && self.error.is_none() && self.restart_until_s.is_none()
    }

    /// The same of its second output; `None` where it has none.
    pub fn second_on(&self) -> Option<bool> {
        self.second.as_ref().map(|second| second.enabled && self.error.is_none() && self.restart_until_s.is_none())
    }

    /// Any of its outputs is on.
    fn runs(&self) -> bool {
        self.output_on() || self.second_on() == Some(true)
    }

    /// The target it is set to, °C.
    pub fn target_degc(&self) -> f64 {
        f64::from(self.settings.target_degc)
    }

    /// Where its regulator's target is on its ramp, °C.
    pub fn nominal_degc(&self) -> f64 {
        self.regulator.as_ref().map_or(self.target_degc(), Regulator::nominal_degc)
    }

    /// The current demanded of its output, A; positive cools.
    pub fn current_a(&self) -> f64 {
        // Its stage is cut off at once, not with the regulator's next step.
        if self.output_on() { self.current_a } else { 0.0 }
    }

    /// The current demanded over the limit that it is set to, -1 to 1; positive cools.
    pub fn drive_frac(&self) -> f64 {
        let limit_a = f64::from(self.settings.current_limit_a);
        if limit_a > 0.0 { self.current_a() / limit_a } else { 0.0 }
    }

    /// Sets the current limit as [`Self::receive`] would. False if it is refused.
    pub fn limit_current(&mut self, amps: f64) -> bool {
        self.settings.write(&self.config, id::CURRENT_LIMIT, Value::Float(amps as f32).bits()).is_ok()
    }

    /// Sets the ramp of the target, K/s of bench time, as [`Self::receive`] would. False if it is refused.
    pub fn limit_ramp(&mut self, k_s: f64) -> bool {
        self.settings.write(&self.config, id::TARGET_RAMP, Value::Float(k_s as f32).bits()).is_ok()
    }

    /// The ramp of the target, K/s of bench time.
    pub fn ramp_k_s(&self) -> f64 {
        f64::from(self.settings.ramp_k_s)
    }

    /// Sets the target as [`Self::receive`] would; refused like there if it is no temperature.
    pub fn set_target(&mut self, degc: f64) {
        // A refused value leaves the target as it was, which the caller reads back like any host.
        let _ = self.settings.write(&self.config, id::TARGET_TEMPERATURE, Value::Float(degc as f32).bits());
    }

    /// Switches the output as [`Self::receive`] would.
    pub fn set_output(&mut self, on: bool) {
        let was = self.output_on();
        self.settings.enabled = on;
        self.note_output(was);
    }

    /// Counts as a valid frame for the watchdog: for whoever drives the device without its protocol.
    pub fn renew(&mut self, wall_s: f64) {
        self.watch(wall_s);
        self.heard_s = wall_s;
    }

    /// Injects a fault: the next `times` requests to read or write this parameter are denied, though they renew the watchdog as
    /// any valid frame does. 0 takes it back, and [`u32::MAX`] is for ever.
    pub fn deny(&mut self, parameter: u16, error: ServerError, times: u32) {
        self.denials.insert(parameter, (error, times));
    }

    /// Takes bytes that arrived at `wall_s` and returns the replies.
    pub fn receive(&mut self, wall_s: f64, bytes: &[u8]) -> Vec<u8> {
        // First, so that no frame revives an output whose lease has run out.
        self.watch(wall_s);
        let mut replies = Vec::new();
        if self.restart_until_s.is_some() {
            self.decoder.clear();
            return replies;
        }
        self.decoder.push(bytes);
        while let Some(frame) = self.decoder.pop() {
            // 0 reaches any device; 255 too, without an answer.
            if ![self.config.address, 0, 255].contains(&frame.address) {
                continue;
            }
            self.heard_s = wall_s;
            let reply = self.serve(wall_s, &frame).unwrap_or_else(Reply::Refuse);
            if frame.address != 255 {
                // The one reply that cannot be sent is an identity of foreign characters, and ours has none.
                replies.extend(reply.encode(&frame).unwrap_or_default());
            }
        }
        replies
    }

    /// Lets `dt_bench_s` of bench time pass up to `wall_s`, with what the inputs read. Returns the current demanded of the
    /// output, A: positive cools the object, 0 while the output is off.
    pub fn control(&mut self, wall_s: f64, dt_bench_s: f64, sensors: Sensors) -> f64 {
        self.sensors = Some(sensors);
        self.watch(wall_s);
        self.protect(sensors);
        if !self.output_on() {
            self.regulator = None;
            self.stable_s = 0.0;
            self.current_a = 0.0;
            return 0.0;
        }
        let regulator = self.regulator.get_or_insert_with(|| Regulator::starting_at(sensors.object_degc, &self.settings));
        self.current_a = regulator.step(&self.settings, dt_bench_s, sensors, self.current_a);
        let off_by_k = (sensors.object_degc - f64::from(self.settings.target_degc)).abs();
        self.stable_s = if off_by_k < STABLE_WITHIN_K { self.stable_s + dt_bench_s } else { 0.0 };
        self.current_a
    }

    /// Something befalls it that is not of its line.
    pub(crate) fn befall(&mut self, wall_s: f64, ailment: Ailment) {
        match ailment {
            Ailment::PowerCycle => {}
            Ailment::Exchanged { serial_number } => {
                self.config.serial_number = serial_number.parse().unwrap_or(self.config.serial_number);
            }
            Ailment::WatchdogFires if self.runs() => return self.fail(id::WATCHDOG, "watchdog fired"),
            Ailment::WatchdogFires => return,
        }
        self.decoder.clear();
        self.restart(wall_s);
    }

    fn restart(&mut self, wall_s: f64) {
        self.wake();
        self.error = None;
        self.current_a = 0.0;
        self.restart_until_s = Some(wall_s + RESTART_S);
        self.events.push("restarting, output off".to_owned());
    }

    pub(crate) fn watch(&mut self, wall_s: f64) {
        if self.restart_until_s.take_if(|until| wall_s >= *until).is_some() {
            self.events.push(if self.runs() { "restarted, output ON, as its flash has it" } else { "restarted, output off" }.to_owned());
        }
        let limit_s = f64::from(self.settings.watchdog_s);
        let silent_s = wall_s - self.heard_s;
        if limit_s > 0.0 && silent_s > limit_s && self.runs() {
            self.fail(id::WATCHDOG, &format!("watchdog: no valid frame for {limit_s} s (now {silent_s:.2} s)"));
        }
    }

    fn note_output(&mut self, was: bool) {
        let is = self.output_on();
        if was != is {
            self.events.push(if is { format!("output on, target {:.2} °C", self.settings.target_degc) } else { "output off".to_owned() });
        }
    }

    fn serve(&mut self, wall_s: f64, frame: &Frame) -> Result<Reply, ServerError> {
        let request = Request::parse(&frame.payload).map_err(|error| match error {
            RequestError::Command => ServerError::Command,
            RequestError::Format => ServerError::Format,
        })?;
        if let Request::Read { parameter, .. } | Request::Write { parameter, .. } = request {
            self.denied(parameter)?;
        }
        let two = self.second.is_some();
        match request {
            Request::Read { parameter, instance: 2 } if two => Ok(Reply::Bits(self.read_second(parameter)?.bits())),
            Request::Write { parameter, instance: 2, bits } if two => {
                let was = self.second_on();
                self.write_second(parameter, bits)?;
                self.save(parameter);
                if was != self.second_on() {
                    let now = if self.second_on() == Some(true) { "on" } else { "off" };
                    self.events.push(format!("second output {now}"));
                }
                Ok(Reply::Acknowledge)
            }
            Request::Identify { .. } => Ok(Reply::Identity(format!("{:<20}", "orbitbench twin TEC"))),
            Request::Read { parameter, instance: 1 } => Ok(Reply::Bits(self.read(parameter)?.bits())),
            Request::ReadMany(_) if self.config.firmware_version < BULK_SINCE => Err(ServerError::Command),
            Request::ReadMany(bulk) => self.read_many(bulk).map(Reply::Many),
            Request::Write { parameter, instance: 1, bits } => {
                let was = self.output_on();
                self.settings.write(&self.config, parameter, bits)?;
                self.save(parameter);
                self.note_output(was);
                Ok(Reply::Acknowledge)
            }
            Request::Read { parameter, .. } | Request::Write { parameter, .. } => {
                // The parameter is looked for first, as its absence is the stronger reason.
                self.read(parameter)?;
                Err(ServerError::Instance)
            }
            Request::Reset => {
                self.restart(wall_s);
                Ok(Reply::Acknowledge)
            }
        }
    }

    fn denied(&mut self, parameter: u16) -> Result<(), ServerError> {
        match self.denials.get_mut(&parameter) {
            Some((error, left)) if *left > 0 => {
                *left -= u32::from(*left < u32::MAX);
                Err(*error)
            }
            _ => Ok(()),
        }
    }

    /// All or nothing: the reply has no place for the refusal of one.
    fn read_many(&mut self, bulk: Bulk) -> Result<Vec<u32>, ServerError> {
        let read = |&(parameter, instance): &(u16, u8)| {
            self.denied(parameter)?;
            match instance {
                1 => self.read(parameter).map(Value::bits),
                2 if self.second.is_some() => self.read_second(parameter).map(Value::bits),
                _ => self.read(parameter).and(Err(ServerError::Instance)),
            }
        };
        bulk.entries().iter().map(read).collect()
    }

    fn status(&self) -> i32 {
        // One for the whole device, which runs as long as any of its outputs does.
        match (self.error, self.runs()) {
            (Some(_), _) => 3,
            (None, true) => 2,
            (None, false) => 1,
        }
    }

    fn read(&self, parameter: u16) -> Result<Value, ServerError> {
        let int = |value| Ok(Value::Int(value));
        let float = |value: f64| Ok(Value::Float(value as f32));
        // Nothing measured yet is no number, never 0.
        let sensor = |pick: fn(&Sensors) -> f64| float(self.sensors.as_ref().map_or(f64::NAN, pick));
        let sign = if self.settings.positive_heats { -1.0 } else { 1.0 };
        match parameter {
            id::DEVICE_TYPE => int(self.config.device_type),
            id::HARDWARE_VERSION => int(self.config.hardware_version),
            id::SERIAL_NUMBER => int(self.config.serial_number),
            id::FIRMWARE_VERSION => int(self.config.firmware_version),
            id::DEVICE_STATUS => int(self.status()),
            id::ERROR_NUMBER => int(self.error_number()),
            id::ERROR_PARAMETER => int(self.error.map_or(0, i32::from)),
            id::ERROR_INSTANCE => int(i32::from(self.error.is_some())),
            id::DEVICE_ADDRESS => int(i32::from(self.config.address)),
            id::OBJECT_TEMPERATURE => sensor(|s| s.object_degc),
            id::SINK_TEMPERATURE => sensor(|s| s.sink_degc),
            id::OUTPUT_CURRENT => float(sign * self.current_a()),
            // Off, the stage is disconnected: it does not show the modules' Seebeck voltage.
            id::OUTPUT_VOLTAGE if !self.output_on() => float(0.0),
            id::OUTPUT_VOLTAGE => sensor(|s| s.voltage_v).map(|v| Value::Float(sign as f32 * v.number() as f32)),
            id::RAMP_TEMPERATURE => float(self.nominal_degc()),
            id::TEMPERATURE_STABLE if !self.output_on() => int(0),
            id::TEMPERATURE_STABLE => int(if self.stable_s >= STABLE_AFTER_S { 2 } else { 1 }),
            other => self.settings.read(other).ok_or(ServerError::Parameter),
        }
    }
}

#[cfg(test)]
mod joined;
#[cfg(test)]
mod on_a_pty;
#[cfg(test)]
mod tests;
