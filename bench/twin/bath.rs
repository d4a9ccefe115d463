//! An emulated circulator of the NESLAB family: its protocol, its regulator, its faults.
//!
//! It regulates the liquid's temperature with a heater and a compressor; what the liquid then does is the plant's. Values out of
//! range are clamped to the range of the bath, as the manual says of set points. The command tables read for it show no watchdog:
//! **a host that dies leaves it running**.

use crate::wired::{Ailment, Wired};
use rig::protocol::neslab::{Decoder, Heard, Measured, Packet, Quantity, RS232_ADDRESS, Refusal, Reply, Request, Status, Switches};

/// What one bath is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BathConfig {
    /// Its address; 1 on RS-232.
    pub address: u16,
    /// Heater, W.
    pub heat_w: f64,
    /// Compressor, W.
    pub cool_w: f64,
    /// Lowest temperature it can be set to, °C.
    pub low_degc: f64,
    /// Highest, °C.
    pub high_degc: f64,
    /// Two decimals after power-up.
    pub fine: bool,
}

impl Default for BathConfig {
    /// A bench-top bath; figures are assumed.
    fn default() -> Self {
        Self { address: RS232_ADDRESS, heat_w: 2000.0, cool_w: 500.0, low_degc: -24.0, high_degc: 150.0, fine: false }
    }
}

/// What its inputs read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BathSensors {
    /// The liquid, °C.
    pub bath_degc: f64,
    /// The external sensor, °C; not finite where none is connected.
    pub external_degc: f64,
    /// There is enough of the liquid.
    pub filled: bool,
}

/// Set and measured values, in °C or the unit of the quantity.
#[derive(Clone, Copy, Debug)]
struct Settings {
    on: bool,
    external: bool,
    faults: bool,
    mute: bool,
    auto_restart: bool,
    fine: bool,
    full_cooling: bool,
    serial: bool,
    setpoint: f64,
    low: f64,
    high: f64,
    tuning: [f64; 6],
}

/// The device.
#[derive(Debug)]
pub struct Bath {
    config: BathConfig,
    settings: Settings,
    decoder: Decoder,
    sensors: Option<BathSensors>,
    demand_w: f64,
    integral_w: f64,
    faults: Vec<&'static str>,
    events: Vec<String>,
}

impl Bath {
    /// A bath just powered up: not circulating, obeying the serial line.
    pub fn new(config: BathConfig) -> Self {
        Self {
            settings: Self::power_up(&config),
            config,
            decoder: Decoder::default(),
            sensors: None,
            demand_w: 0.0,
            integral_w: 0.0,
            faults: Vec::new(),
            events: Vec::new(),
        }
    }

    fn power_up(config: &BathConfig) -> Settings {
        Settings {
            on: false,
            external: false,
            faults: true,
            mute: false,
            auto_restart: false,
            fine: config.fine,
            full_cooling: false,
            serial: true,
            setpoint: 20.0,
            low: config.low_degc,
            high: config.high_degc,
            // Proportional bands as parts of the span, integrals, derivatives: kept, and used in part only.
            tuning: [1.0, 0.6, 0.0, 1.0, 0.6, 0.0],
        }
    }

    /// The temperature it is set to, °C.
    pub fn setpoint_degc(&self) -> f64 {
        self.settings.setpoint
    }

    /// Lets `dt_bench_s` of bench time pass with what its inputs read. Returns the heat it puts into the liquid, W: negative
    /// while it cools, 0 while it does not circulate.
    pub fn control(&mut self, dt_bench_s: f64, sensors: BathSensors) -> f64 {
        self.sensors = Some(sensors);
        self.protect(sensors);
        if !self.settings.on {
            (self.demand_w, self.integral_w) = (0.0, 0.0);
            return 0.0;
        }
        let error_k = self.settings.setpoint - self.controlled_degc(sensors);
        // Of the order of a litre's heat capacity over half a minute, and a reset of two minutes (assumed).
        let proportional = 150.0 * error_k;
        let wanted = proportional + self.integral_w;
        self.demand_w = wanted.clamp(-self.config.cool_w, self.config.heat_w);
        if wanted == self.demand_w || (wanted > self.demand_w) != (error_k > 0.0) {
            self.integral_w += proportional * dt_bench_s / 120.0;
        }
        self.demand_w
    }

    fn controlled_degc(&self, sensors: BathSensors) -> f64 {
        if self.settings.external { sensors.external_degc } else { sensors.bath_degc }
    }

    fn protect(&mut self, sensors: BathSensors) {
        let found = [
            ("RTD 1 open", !sensors.bath_degc.is_finite()),
            ("RTD 2 open", self.settings.external && !sensors.external_degc.is_finite()),
            ("above the high limit", sensors.bath_degc > self.settings.high),
            ("below the low limit", sensors.bath_degc < self.settings.low),
            ("liquid level low", !sensors.filled),
        ];
        for (name, is) in found {
            if !is || self.faults.contains(&name) {
                continue;
            }
            self.faults.push(name);
            self.events.push(name.to_owned());
        }
        // Without a temperature it cannot control, whatever it is set to do on faults.
        if self.settings.on && !self.faults.is_empty() && (self.settings.faults || !self.controlled_degc(sensors).is_finite()) {
            self.settings.on = false;
            self.events.push("shut down by its fault: output off".to_owned());
        }
    }

    fn value(&self, quantity: Quantity) -> f64 {
        let sensor = |pick: fn(&BathSensors) -> f64| self.sensors.as_ref().map_or(f64::NAN, pick);
        match quantity {
            Quantity::Internal => sensor(|s| s.bath_degc),
            Quantity::External => sensor(|s| s.external_degc),
            Quantity::LowLimit => self.settings.low,
            Quantity::HighLimit => self.settings.high,
            Quantity::Setpoint => self.settings.setpoint,
            other => self.settings.tuning[tuning_index(other)],
        }
    }

    fn measured(&self, quantity: Quantity) -> Measured {
        let decimals = if self.settings.fine { 2 } else { 1 };
        let counts = (self.value(quantity) * 10_f64.powi(decimals)).round();
        // An open sensor reads at the end of its range: the status says that it is open.
        let counts = if counts.is_nan() { i16::MAX } else { counts.clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16 };
        Measured { decimals: decimals as u8, unit: 1, counts }
    }

    fn set(&mut self, quantity: Quantity, counts: i16) {
        let value = f64::from(counts) / if self.settings.fine { 100.0 } else { 10.0 };
        let (low, high) = (self.config.low_degc, self.config.high_degc);
        match quantity {
            Quantity::Setpoint => self.settings.setpoint = value.clamp(low, high),
            Quantity::LowLimit => self.settings.low = value.clamp(low, high),
            Quantity::HighLimit => self.settings.high = value.clamp(low, high),
            Quantity::Internal | Quantity::External => {}
            other => self.settings.tuning[tuning_index(other)] = value.clamp(0.0, 99.9),
        }
    }

    fn switch(&mut self, wanted: Switches) -> Switches {
        let was = self.settings.on;
        let s = &mut self.settings;
        for (wanted, switch) in [
            (wanted.unit, &mut s.on),
            (wanted.external, &mut s.external),
            (wanted.faults, &mut s.faults),
            (wanted.mute, &mut s.mute),
            (wanted.auto_restart, &mut s.auto_restart),
            (wanted.fine, &mut s.fine),
            (wanted.full_cooling, &mut s.full_cooling),
            (wanted.serial, &mut s.serial),
        ] {
            *switch = wanted.unwrap_or(*switch);
        }
        if wanted.unit == Some(false) {
            // Faults are acknowledged by switching off.
            self.faults.clear();
        }
        if was != self.settings.on {
            self.events.push(if was { "output off".to_owned() } else { format!("output on, set to {:.2} °C", self.settings.setpoint) });
        }
        let s = &self.settings;
        Switches {
            unit: Some(s.on),
            external: Some(s.external),
            faults: Some(s.faults),
            mute: Some(s.mute),
            auto_restart: Some(s.auto_restart),
            fine: Some(s.fine),
            full_cooling: Some(s.full_cooling),
            serial: Some(s.serial),
        }
    }

    fn serve(&mut self, packet: &Packet) -> Reply {
        let Ok(request) = Request::parse(packet) else { return Reply::Refuse(Refusal::Command) };
        match request {
            Request::Acknowledge => Reply::Version(1, 0),
            Request::Status => Reply::Status(Status::of(self.settings.on, self.demand_w > 0.0, &self.faults)),
            Request::Read(quantity) => Reply::Value(self.measured(quantity)),
            Request::Set(quantity, counts) => {
                self.set(quantity, counts);
                Reply::Value(self.measured(quantity))
            }
            Request::Switch(switches) => Reply::Switches(self.switch(switches)),
        }
    }
}

const fn tuning_index(quantity: Quantity) -> usize {
    match quantity {
        Quantity::HeatIntegral => 1,
        Quantity::HeatDerivative => 2,
        Quantity::CoolBand => 3,
        Quantity::CoolIntegral => 4,
        Quantity::CoolDerivative => 5,
        _ => 0,
    }
}

impl Wired for Bath {
    fn receive(&mut self, _wall_s: f64, bytes: &[u8]) -> Vec<u8> {
        self.decoder.push(bytes);
        let mut replies = Vec::new();
        while let Some(heard) = self.decoder.pop() {
            let (address, command, reply) = match heard {
                Heard::Sound(packet) if packet.address == self.config.address => (packet.address, packet.command, self.serve(&packet)),
                Heard::Damaged { address, command } if address == self.config.address => {
                    (address, command, Reply::Refuse(Refusal::Checksum))
                }
                _ => continue,
            };
            if self.settings.serial {
                replies.extend(reply.encode(address, command));
            }
        }
        replies
    }

    fn pass(&mut self, _wall_s: f64) {}

    fn output_on(&self) -> bool {
        self.settings.on
    }

    fn has_watchdog(&self) -> bool {
        false
    }

    fn suffer(&mut self, _wall_s: f64, ailment: Ailment) {
        if ailment == Ailment::WatchdogFires {
            return;
        }
        let on = self.settings.on && self.settings.auto_restart && ailment == Ailment::PowerCycle;
        self.settings = Settings { on, ..Self::power_up(&self.config) };
        self.decoder.clear();
        self.faults.clear();
        self.events.push(format!("powered up, output {}", if on { "on" } else { "off" }));
    }

    fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }
}

#[cfg(test)]
mod tests;
