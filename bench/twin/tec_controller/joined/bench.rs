//! The line in memory that the joined tests use: a driver, a device, virtual time, and whatever may happen between them.

use crate::tec_controller::{Sensors, TecConfig, TecController};
use rig::protocol::mecom::{Decoder, Frame, Reply, Request, Side};
use rig::{Command, Connection, Driver, DriverKind, Event, Input, Instrument, MecomSettings, Read, Serial, Setpoint};
use signal::{Celsius, Channel, Limits};

/// Virtual seconds a byte takes at 57600 baud.
const BYTE_S: f64 = 10.0 / 57_600.0;
pub(super) const AT_25: Sensors = Sensors { object_degc: 25.0, sink_degc: 30.0, voltage_v: 4.0 };

pub(super) fn instrument() -> Instrument {
    Instrument {
        name: "tec".to_owned(),
        driver: DriverKind::Mecom(MecomSettings {
            device_type: Some(1090),
            serial_number: Some(4242),
            ..MecomSettings::limited(3.0, 8.0, 16.0)
        }),
        connection: Connection::Emulated,
        line: None,
        output_of: None,
        serial: Serial::n81(57_600),
        reply_timeout_s: 0.1,
        reads: vec![
            Read { trip_min: Some(3.0), trip_max: Some(70.0), ..Read::plain("object_temperature", Channel::Plate) },
            Read { trip_max: Some(65.0), ..Read::plain("sink_temperature", Channel::Sink) },
        ],
        drive: None,
        setpoint: Some(Setpoint { channel: Channel::Plate, limits: Limits::new(5.0, 60.0).unwrap(), rate_k_min: 8.0 }),
    }
}

/// What the line does to bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Line {
    /// Breaks after this many bytes, both ways together.
    pub(super) cut_after: Option<usize>,
    /// The host's questions get lost.
    pub(super) mute: bool,
    /// The device's answers get lost.
    pub(super) deaf: bool,
}

pub(super) type Tamper = fn(&Request) -> Option<Reply>;

pub(super) struct Bench {
    pub(super) driver: Box<dyn Driver>,
    pub(super) device: TecController,
    pub(super) line: Line,
    pub(super) tamper: Tamper,
    pub(super) sensors: Sensors,
    pub(super) now_s: f64,
    pub(super) deadline_s: Option<f64>,
    /// Bytes carried so far.
    pub(super) carried: usize,
    /// Requests as they left the host.
    pub(super) asked: Vec<Request>,
    pub(super) events: Vec<Event>,
    /// As whoever hears the events believes it.
    pub(super) believed: Option<bool>,
    pub(super) plugged: bool,
}

impl Bench {
    pub(super) fn new(device: TecConfig) -> Self {
        Self::of(&instrument(), device)
    }

    pub(super) fn of(instrument: &Instrument, device: TecConfig) -> Self {
        Self {
            driver: rig::driver_for(instrument).unwrap(),
            device: TecController::new(device),
            line: Line::default(),
            tamper: |_| None,
            sensors: AT_25,
            now_s: 0.0,
            deadline_s: None,
            carried: 0,
            asked: Vec::new(),
            events: Vec::new(),
            believed: None,
            plugged: true,
        }
    }

    pub(super) fn ready() -> Self {
        let mut bench = Self::new(TecConfig::default());
        bench.device.control(0.0, 0.0, AT_25);
        bench.feed(Input::Opened);
        assert_eq!(bench.events.last(), Some(&Event::Ready), "{:?}", bench.events);
        bench.events.clear();
        bench.asked.clear();
        bench
    }

    pub(super) fn running() -> Self {
        let mut bench = Self::ready();
        bench.command(Command::Target(Celsius(20.0)));
        bench.command(Command::Enable);
        assert_eq!(bench.believed, Some(true));
        bench.events.clear();
        bench.asked.clear();
        bench
    }

    pub(super) fn command(&mut self, command: Command) {
        self.feed(Input::Command(command));
    }

    /// One input, and everything that follows from it without time passing beyond the wire's.
    pub(super) fn feed(&mut self, input: Input<'_>) {
        let effects = self.driver.step(self.now_s, input);
        self.deadline_s = effects.deadline_s;
        for event in effects.events {
            self.hear(event);
        }
        let (sent, whole) = self.carry(&effects.send);
        let mut decoder = Decoder::new(Side::Host);
        decoder.push(&sent);
        let mut replies = Vec::new();
        if !self.line.mute {
            let frames: Vec<Frame> = std::iter::from_fn(|| decoder.pop()).collect();
            replies = self.device.receive(self.now_s, &sent);
            for frame in frames {
                let request = Request::parse(&frame.payload).unwrap();
                self.asked.push(request);
                if let Some(reply) = (self.tamper)(&request) {
                    replies = reply.encode(&frame).unwrap();
                }
            }
        }
        let (heard, whole) = if whole { self.carry(&replies) } else { (Vec::new(), false) };
        if !heard.is_empty() && !self.line.deaf {
            self.feed(Input::Bytes(&heard));
        }
        if !whole && self.plugged {
            self.plugged = false;
            self.feed(Input::HangUp);
        }
    }

    /// The bytes that pass, and whether all did.
    pub(super) fn carry(&mut self, bytes: &[u8]) -> (Vec<u8>, bool) {
        let left = if self.plugged { self.line.cut_after.map_or(usize::MAX, |cut| cut - self.carried) } else { 0 };
        let passed = &bytes[..bytes.len().min(left)];
        self.carried += passed.len();
        self.now_s += passed.len() as f64 * BYTE_S;
        // An unplugged line says so once bytes are due on it.
        (passed.to_vec(), bytes.len() < left || (bytes.is_empty() && self.plugged && left > 0))
    }

    pub(super) fn hear(&mut self, event: Event) {
        match &event {
            Event::OutputConfirmed { on } => {
                assert_eq!(self.device.output_on(), *on, "confirmed what is not so; asked {:?}", self.asked);
                self.believed = Some(*on);
            }
            Event::LinkLost { .. } => self.believed = None,
            _ => {}
        }
        self.events.push(event);
    }

    /// Lets time pass for driver and device.
    pub(super) fn pass(&mut self, seconds: f64) {
        let until_s = self.now_s + seconds;
        while let Some(deadline_s) = self.deadline_s.filter(|d| *d <= until_s) {
            self.now_s = self.now_s.max(deadline_s);
            self.device.control(self.now_s, 0.0, self.sensors);
            self.feed(Input::Deadline);
        }
        self.now_s = self.now_s.max(until_s);
        self.device.control(self.now_s, 0.0, self.sensors);
    }

    pub(super) fn plug(&mut self) {
        self.line = Line::default();
        self.plugged = true;
        self.feed(Input::Opened);
    }

    pub(super) fn told(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|e| wanted(e)).count()
    }

    pub(super) fn refusal(&self) -> &str {
        let why = self.events.iter().rev().find_map(|e| if let Event::Refused { why } = e { Some(why) } else { None });
        why.map_or_else(|| panic!("nothing refused in {:?}", self.events), String::as_str)
    }

    pub(super) fn writes(&self) -> Vec<(u16, u32)> {
        let write = |r: &Request| if let Request::Write { parameter, bits, .. } = r { Some((*parameter, *bits)) } else { None };
        self.asked.iter().filter_map(write).collect()
    }
}
