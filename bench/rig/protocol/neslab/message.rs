//! What is asked of a bath and what it answers.

use super::packet::Packet;
use thiserror::Error;

const ACKNOWLEDGE: u8 = 0x00;
const STATUS: u8 = 0x09;
const ERROR: u8 = 0x0F;
const SWITCH: u8 = 0x81;

macro_rules! quantities {
    ($($name:ident = $read:literal, $set:expr, $words:literal;)+) => {
        /// What a bath measures or is set to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Quantity { $(#[doc = concat!($words, ".")] $name,)+ }

        impl Quantity {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// In words.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)+ }
            }

            /// It comes in the unit of the bath's display.
            pub const fn is_temperature(self) -> bool {
                matches!(self, Self::Internal | Self::External | Self::LowLimit | Self::HighLimit | Self::Setpoint)
            }

            const fn read_command(self) -> u8 {
                match self { $(Self::$name => $read,)+ }
            }

            /// The command that sets it, if a host may.
            const fn set_command(self) -> Option<u8> {
                match self { $(Self::$name => $set,)+ }
            }
        }
    };
}

quantities! {
    Internal = 0x20, None, "internal temperature";
    External = 0x21, None, "external sensor";
    LowLimit = 0x40, Some(0xC0), "low temperature limit";
    HighLimit = 0x60, Some(0xE0), "high temperature limit";
    Setpoint = 0x70, Some(0xF0), "set point";
    HeatBand = 0x71, Some(0xF1), "heat proportional band";
    HeatIntegral = 0x72, Some(0xF2), "heat integral";
    HeatDerivative = 0x73, Some(0xF3), "heat derivative";
    CoolBand = 0x74, Some(0xF4), "cool proportional band";
    CoolIntegral = 0x75, Some(0xF5), "cool integral";
    CoolDerivative = 0x76, Some(0xF6), "cool derivative";
}

/// A number as the bath sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Decimals of `counts`, 0 to 15.
    pub decimals: u8,
    /// Number of its unit: 0 none, 1 °C (RTE manual, appendix B: qualifiers 10, 20, 11, 21), 2 °F, 3 and more of flow, pressure and time
    /// (the same protocol of `ThermoFlex` chillers, python-dvg-devices `ThermoFlex_chiller_protocol_RS232.py`).
    pub unit: u8,
    /// Two's complement.
    pub counts: i16,
}

impl Measured {
    /// The number of °C.
    pub const CELSIUS: u8 = 1;

    /// The unit in words.
    pub fn unit_words(self) -> String {
        match self.unit {
            0 => "no unit".to_owned(),
            Self::CELSIUS => "°C".to_owned(),
            2 => "°F".to_owned(),
            other => format!("unit {other}, which is no temperature's"),
        }
    }

    /// The number.
    pub fn value(self) -> f64 {
        f64::from(self.counts) / 10_f64.powi(i32::from(self.decimals))
    }

    fn data(self) -> Vec<u8> {
        let [high, low] = self.counts.to_be_bytes();
        vec![self.decimals << 4 | self.unit & 0x0F, high, low]
    }

    fn parse(data: &[u8]) -> Option<Self> {
        let &[qualifier, high, low] = data else { return None };
        Some(Self { decimals: qualifier >> 4, unit: qualifier & 0x0F, counts: i16::from_be_bytes([high, low]) })
    }
}

/// The on/off array. `None` leaves a switch as it is; in an answer every switch has a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// Circulating and controlling.
    pub unit: Option<bool>,
    /// Controlled by the external sensor.
    pub external: Option<bool>,
    /// Shuts down when it finds a fault.
    pub faults: Option<bool>,
    /// Silent.
    pub mute: Option<bool>,
    /// Goes on by itself after a power failure.
    pub auto_restart: Option<bool>,
    /// Two decimals instead of one.
    pub fine: Option<bool>,
    /// Full range cooling.
    pub full_cooling: Option<bool>,
    /// Obeys the serial line.
    pub serial: Option<bool>,
}

impl Switches {
    fn list(self) -> [Option<bool>; 8] {
        [self.unit, self.external, self.faults, self.mute, self.auto_restart, self.fine, self.full_cooling, self.serial]
    }

    fn data(self) -> Vec<u8> {
        self.list().iter().map(|switch| switch.map_or(2, u8::from)).collect()
    }

    fn parse(data: &[u8]) -> Option<Self> {
        let one = |byte: u8| match byte {
            0 => Some(Some(false)),
            1 => Some(Some(true)),
            2 => Some(None),
            _ => None,
        };
        let &[a, b, c, d, e, f, g, h] = data else { return None };
        Some(Self {
            unit: one(a)?,
            external: one(b)?,
            faults: one(c)?,
            mute: one(d)?,
            auto_restart: one(e)?,
            fine: one(f)?,
            full_cooling: one(g)?,
            serial: one(h)?,
        })
    }
}

/// The five bytes of a bath's status, as far as a controller has use for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status(pub [u8; 5]);

/// Byte, bit and name of everything that is a fault.
const FAULTS: [(usize, u8, &str); 13] = [
    (0, 0x80, "RTD 1 open"),
    (0, 0x40, "RTD 1 shorted"),
    (0, 0x08, "RTD 3 open"),
    (0, 0x04, "RTD 3 shorted"),
    (1, 0x80, "RTD 2 open"),
    (1, 0x40, "RTD 2 shorted"),
    (1, 0x02, "refrigeration too hot"),
    (1, 0x01, "high-temperature cutout"),
    (2, 0x80, "above the fixed limit"),
    (2, 0x40, "below the fixed limit"),
    (2, 0x20, "above the high limit"),
    (2, 0x10, "below the low limit"),
    (2, 0x08, "liquid level low"),
];
const FAULTED: (usize, u8) = (3, 0x20);
const UNIT_ON: (usize, u8) = (3, 0x08);
const PUMP_ON: (usize, u8) = (3, 0x04);
const HEATER_ON: (usize, u8) = (3, 0x01);

impl Status {
    /// A status with the unit, and with it its pump, on or off, and these faults by name.
    pub fn of(on: bool, heating: bool, faults: &[&str]) -> Self {
        let mut bytes = [0; 5];
        for (byte, bit, _) in FAULTS.iter().filter(|(_, _, name)| faults.contains(name)) {
            bytes[*byte] |= bit;
        }
        for ((byte, bit), set) in [(FAULTED, !faults.is_empty()), (UNIT_ON, on), (PUMP_ON, on), (HEATER_ON, on && heating)] {
            bytes[byte] |= if set { bit } else { 0 };
        }
        Self(bytes)
    }

    /// The unit circulates and controls.
    pub fn on(self) -> bool {
        self.0[UNIT_ON.0] & UNIT_ON.1 != 0
    }

    /// The pump runs.
    pub fn pump(self) -> bool {
        self.0[PUMP_ON.0] & PUMP_ON.1 != 0
    }

    /// Every fault it reports; "faulted" if it reports one and names none.
    pub fn faults(self) -> Vec<&'static str> {
        let mut named: Vec<&str> = FAULTS.iter().filter(|(byte, bit, _)| self.0[*byte] & bit != 0).map(|f| f.2).collect();
        if named.is_empty() && self.0[FAULTED.0] & FAULTED.1 != 0 {
            named.push("faulted");
        }
        named
    }
}

/// What a host asks of a bath.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Which version of the protocol it speaks.
    Acknowledge,
    /// Its status.
    Status,
    /// A value.
    Read(Quantity),
    /// Sets a value, in counts of the decimals the bath is set to.
    Set(Quantity, i16),
    /// Sets switches; with none given, only reads them.
    Switch(Switches),
}

/// A request that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    /// No such command.
    #[error("cannot tell what is asked: no such command")]
    Command,
    /// Only measured.
    #[error("cannot set the {}: it is measured", .0.words())]
    ReadOnly(Quantity),
}

impl Request {
    fn packet(self, address: u16) -> Result<Packet, RequestError> {
        let (command, data) = match self {
            Self::Acknowledge => (ACKNOWLEDGE, Vec::new()),
            Self::Status => (STATUS, Vec::new()),
            Self::Read(quantity) => (quantity.read_command(), Vec::new()),
            Self::Set(quantity, counts) => (quantity.set_command().ok_or(RequestError::ReadOnly(quantity))?, counts.to_be_bytes().to_vec()),
            Self::Switch(switches) => (SWITCH, switches.data()),
        };
        Ok(Packet { address, command, data })
    }

    /// Reads a host's packet.
    pub fn parse(packet: &Packet) -> Result<Self, RequestError> {
        let reads = |command| Quantity::ALL.iter().copied().find(|q| q.read_command() == command);
        let sets = |command| Quantity::ALL.iter().copied().find(|q| q.set_command() == Some(command));
        match (packet.command, packet.data.as_slice()) {
            (ACKNOWLEDGE, []) => Ok(Self::Acknowledge),
            (STATUS, []) => Ok(Self::Status),
            (SWITCH, data) => Switches::parse(data).map(Self::Switch).ok_or(RequestError::Command),
            (command, []) => reads(command).map(Self::Read).ok_or(RequestError::Command),
            (command, &[high, low]) => sets(command).map(|q| Self::Set(q, i16::from_be_bytes([high, low]))).ok_or(RequestError::Command),
            _ => Err(RequestError::Command),
        }
    }
}

/// Why a bath refuses: the first data byte of `0F`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// 01.
    #[error("the bath does not know this command, or would not take its data")]
    Command,
    /// 03.
    #[error("the bath heard a damaged packet")]
    Checksum,
    /// A number that no source of ours names.
    #[error("the bath reports its error {0:02X}")]
    Other(u8),
}

impl Refusal {
    const fn code(self) -> u8 {
        match self {
            Self::Command => 1,
            Self::Checksum => 3,
            Self::Other(code) => code,
        }
    }

    const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Command,
            3 => Self::Checksum,
            other => Self::Other(other),
        }
    }
}

/// The answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Version of the protocol.
    Version(u8, u8),
    /// The status.
    Status(Status),
    /// The value, or what it was set to.
    Value(Measured),
    /// The switches as they are now.
    Switches(Switches),
    /// The bath refuses.
    Refused(Refusal),
}

/// A request with its address: what goes out, and what an answer is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    request: Request,
    packet: Packet,
}

impl Query {
    /// A question that can be put.
    pub fn new(address: u16, request: Request) -> Result<Self, RequestError> {
        Ok(Self { request, packet: request.packet(address)? })
    }

    /// The bytes to send.
    pub fn encode(&self) -> Vec<u8> {
        self.packet.encode()
    }

    /// The answer in what was heard since this was asked, if it is there.
    pub fn find(&self, heard: &[u8]) -> Option<Answer> {
        Packet::find(heard, |packet| self.answer(&packet))
    }

    fn answer(&self, packet: &Packet) -> Option<Answer> {
        if packet.address != self.packet.address {
            return None;
        }
        if packet.command == ERROR {
            let &[code, command] = packet.data.as_slice() else { return None };
            return (command == self.packet.command).then_some(Answer::Refused(Refusal::from_code(code)));
        }
        if packet.command != self.packet.command {
            return None;
        }
        let data = packet.data.as_slice();
        match (self.request, data) {
            (Request::Acknowledge, &[a, b]) => Some(Answer::Version(a, b)),
            (Request::Status, _) => data.try_into().ok().map(|bytes| Answer::Status(Status(bytes))),
            (Request::Read(_) | Request::Set(..), _) => Measured::parse(data).map(Answer::Value),
            (Request::Switch(_), _) => Switches::parse(data).map(Answer::Switches),
            _ => None,
        }
    }
}

/// What a bath sends back: the emulator's half of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Version of the protocol.
    Version(u8, u8),
    /// The status.
    Status(Status),
    /// A value.
    Value(Measured),
    /// The switches.
    Switches(Switches),
    /// Refused.
    Refuse(Refusal),
}

impl Reply {
    /// The bytes with which the bath at `address` answers `command`.
    pub fn encode(&self, address: u16, command: u8) -> Vec<u8> {
        let data = match self {
            Self::Version(a, b) => vec![*a, *b],
            Self::Status(status) => status.0.to_vec(),
            Self::Value(measured) => measured.data(),
            Self::Switches(switches) => switches.data(),
            Self::Refuse(refusal) => return Packet { address, command: ERROR, data: vec![refusal.code(), command] }.encode(),
        };
        Packet { address, command, data }.encode()
    }
}
