//! Finds out what answers on a port, by harmless questions alone: nothing is ever set. Every question that a port may be asked is asked, and the most
//! particular answer counts: a device that knows none of the others may say anything to them.
//!
//! A device that a question was not meant for sees a line it does not know, at another speed noise, and keeps both as the beginning of the
//! next line. So each question in text comes after the end of a line, of its own kind; all of one speed are asked together, what nothing ends
//! last, and whatever was not understood is asked once more. A port is opened once and set anew for each speed: boards of the Arduino kind
//! start anew whenever theirs is opened, and their boot loader hears nothing until it is done. What was found is for a person to look at: no probe is proof.
//!
//! Not here: what a rig file makes of it (`skeleton`).

mod recognise;

use super::link::{Link, Place};
use crate::config::Serial;
use crate::dialect::{Dialect, builtin};
use crate::protocol::mecom::{self, Request, id};
use crate::protocol::tetech::Model;
use crate::protocol::{modbus, neslab, tetech};
use recognise::best;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_millis(400);
/// Silence after which a device has said what it had to say to the end of a line that was none.
const SETTLE: Duration = Duration::from_millis(120);
/// How long a board's boot loader may keep it from answering after its port was opened: one of Optiboot is done after 1.6 s at the most, that
/// of an Arduino Mega after some 2 s (assumed: no maker gives a bound).
const BOOT: Duration = Duration::from_secs(3);
/// Pieces in which it is waited for.
const SLICE: Duration = Duration::from_millis(20);
/// What a dialect gives as its baud rate where it is spoken over a network only: no serial adapter has it.
const NETWORK_BAUD: u32 = 1_000_000;

/// Whose language a question is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tongue {
    /// Meerstetter's.
    Mecom,
    /// Lines of text.
    Line,
    /// The baths' packets.
    Neslab,
    /// The controllers' frames; they differ by model.
    Tetech(Model),
    /// Modbus-RTU, to this address.
    Modbus(u8),
}

/// One question of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Its language.
    pub tongue: Tongue,
    /// The dialect of lines it is taken from, else the driver's word.
    pub whom: String,
    /// How the line is set for it.
    pub serial: Serial,
    /// What ends a line in this language, and goes before: whatever came until then is no part of the question.
    pub end: Vec<u8>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Something that answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The question; `whom` is the dialect that knows the answer.
    pub question: Question,
    /// What it said.
    pub said: String,
    /// The model, where it says one.
    pub model: Option<String>,
    /// The serial number, where it says one.
    pub serial_number: Option<String>,
    /// Other dialects that would know the same answer as well.
    pub others: Vec<String>,
    /// How much of the answer stood fast, in characters; 0 where any words would do, and then it is a guess.
    pub particular: usize,
    /// Its model is one that the dialect knows.
    pub known_model: bool,
}

fn identify() -> mecom::Query {
    // Address 0 reaches any device.
    mecom::Query { address: 0, sequence: 1, request: Request::Identify { instance: None } }
}

fn neslab_query() -> Option<neslab::Query> {
    // Which version of the protocol it speaks.
    neslab::Query::new(neslab::RS232_ADDRESS, neslab::Request::Acknowledge).ok()
}

/// Reads the number of its model; of one that tells none, the temperature.
const fn tetech_query(model: Model) -> tetech::Query {
    let codes = tetech::Codes::of(model);
    let code = if let Some((code, _)) = codes.model { code } else { codes.temperature };
    tetech::Query::read(model, code)
}

fn dialects() -> impl Iterator<Item = Dialect> {
    builtin().iter().filter_map(|(name, text)| Dialect::parse(name, text).ok())
}

/// Every question that may be asked at a place, in order. One that several dialects share at the same line settings is asked once. Modbus is asked only
/// where an address is given: its frames are no text, and could mean something to another device.
pub fn questions(place: &Place, modbus_address: Option<u8>) -> Vec<Question> {
    let network = matches!(place, Place::Tcp(_));
    let question = |tongue, whom: &str, serial, bytes| Question { tongue, whom: whom.to_owned(), serial, end: Vec::new(), bytes };
    let mut all = vec![question(Tongue::Mecom, "mecom", Serial::n81(57_600), identify().encode())];
    for dialect in dialects().filter(|dialect| network || dialect.line.serial.baud < NETWORK_BAUD) {
        let Some(mut bytes) = dialect.identify.ask.fill(|_| None) else { continue };
        bytes.extend_from_slice(&dialect.line.send);
        let asked = |q: &Question| q.bytes == bytes && (network || q.serial == dialect.line.serial);
        if !all.iter().any(asked) {
            let end = dialect.line.send.clone();
            all.push(Question { end, ..question(Tongue::Line, &dialect.name, dialect.line.serial, bytes) });
        }
    }
    if !network {
        all.extend(neslab_query().map(|query| question(Tongue::Neslab, "neslab", Serial::n81(19_200), query.encode())));
        let models = [Model::Tc3625, Model::Tc4820, Model::Tc720];
        all.extend(models.map(|model| question(Tongue::Tetech(model), "tetech", Serial::n81(model.baud()), tetech_query(model).encode())));
        if let Some(address) = modbus_address {
            // The specification's default first, then what most devices come with.
            let even = Serial { parity: crate::config::Parity::Even, ..Serial::n81(19_200) };
            let settings = [even, Serial::n81(9600), Serial::n81(19_200)];
            all.extend(settings.map(|serial| question(Tongue::Modbus(address), "modbus", serial, modbus::identity::ask(address))));
        }
    }
    in_order(all)
}

/// All of one setting of the line together, in the order in which it first appears; what nothing ends after what something does, and
/// Modbus, which is no text, at the very end.
fn in_order(mut all: Vec<Question>) -> Vec<Question> {
    let settings: Vec<Serial> = all.iter().map(|question| question.serial).collect();
    all.sort_by_key(|question| {
        let first = settings.iter().position(|serial| *serial == question.serial);
        (matches!(question.tongue, Tongue::Modbus(_)), first, question.is_endless())
    });
    all
}

impl Question {
    /// Nothing ends its line: it runs into the next one.
    fn is_endless(&self) -> bool {
        self.tongue == Tongue::Line && self.end.is_empty()
    }
}

/// What is not asked at a place, and why, in words.
pub fn not_asked(place: &Place, modbus_address: Option<u8>) -> Vec<String> {
    if matches!(place, Place::Tcp(_)) {
        return vec!["not asked: neslab, tetech and modbus, which are spoken on serial lines here".to_owned()];
    }
    let network: Vec<String> = dialects().filter(|d| d.line.serial.baud >= NETWORK_BAUD).map(|d| d.name).collect();
    let mut told = vec![format!("not asked: {}, of the network only; name HOST:PORT to ask there", network.join(", "))];
    if modbus_address.is_none() {
        told.push("not asked: modbus, whose frames other devices could take for something else; --modbus ADDRESS asks".to_owned());
    }
    told
}

/// Asks everything at one place, and tells each question before it is asked, with the number of those before it. A port that another
/// program holds is an error, and left alone.
pub fn probe(place: &Place, modbus_address: Option<u8>, telling: &mut dyn FnMut(usize, &Question)) -> io::Result<Option<Answered>> {
    ask_all(&mut Held::new(place, BOOT), questions(place, modbus_address), telling)
}

/// How long a serial port takes on which nothing answers, at most.
pub fn longest(questions: &[Question]) -> Duration {
    let each = |question: &Question| {
        let ended = if question.end.is_empty() { Duration::ZERO } else { SETTLE };
        2 * (ended + PATIENCE) + if question.is_endless() { SETTLE } else { Duration::ZERO }
    };
    BOOT + questions.iter().map(each).sum::<Duration>()
}

/// The line, as a probe uses it.
trait Wire {
    /// Says this with the line set so, and hears what comes within this long; until the end of a line, unless all of it is waited for.
    fn say(&mut self, serial: Serial, bytes: &[u8], patience: Duration, all: bool) -> io::Result<Vec<u8>>;
}

fn ask_all(wire: &mut dyn Wire, questions: Vec<Question>, telling: &mut dyn FnMut(usize, &Question)) -> io::Result<Option<Answered>> {
    let mut heard = Vec::new();
    for question in questions {
        telling(heard.len(), &question);
        let mut bytes = Vec::new();
        // Once more: the first may have drowned in what was under way.
        for _ in 0..2 {
            if !question.end.is_empty() {
                wire.say(question.serial, &question.end, SETTLE, true)?;
            }
            bytes = wire.say(question.serial, &question.bytes, PATIENCE, false)?;
            if recognise::recognise(&question, &bytes).is_some() {
                break;
            }
        }
        if question.is_endless() && recognise::recognise(&question, &bytes).is_none() {
            // Whoever it was not meant for is not left with half a line.
            wire.say(question.serial, b"\r\n", SETTLE, true)?;
        }
        heard.push((question, bytes));
    }
    let mut found = best(&heard);
    if let Some(found) = found.as_mut().filter(|found| found.question.tongue == Tongue::Mecom) {
        let mut read = |parameter| -> io::Result<Option<u32>> {
            let query = mecom::Query { address: 0, sequence: 2, request: Request::Read { parameter, instance: 1 } };
            Ok(recognise::mecom_number(&query, &wire.say(found.question.serial, &query.encode(), PATIENCE, false)?))
        };
        (found.model, found.serial_number) =
            (read(id::DEVICE_TYPE)?.map(|n| n.to_string()), read(id::SERIAL_NUMBER)?.map(|n| n.to_string()));
    }
    Ok(found)
}

/// A place; a serial port is opened once.
struct Held<'a> {
    place: &'a Place,
    /// What is kept of silence after it was opened.
    boot: Duration,
    link: Option<(Serial, Link)>,
    opened: usize,
}

impl<'a> Held<'a> {
    const fn new(place: &'a Place, boot: Duration) -> Self {
        Self { place, boot, link: None, opened: 0 }
    }

    fn link(&mut self, serial: Serial) -> io::Result<&mut Link> {
        // Over a network nothing is set, and a peer that hung up on a line it did not know must be called again.
        let kept = self.link.take().filter(|_| !matches!(self.place, Place::Tcp(_)));
        let link = match kept {
            Some((set, link)) if set == serial => link,
            Some((_, mut link)) => {
                link.set(serial)?;
                link
            }
            None => self.open(serial)?,
        };
        Ok(&mut self.link.insert((serial, link)).1)
    }

    fn open(&mut self, serial: Serial) -> io::Result<Link> {
        let mut link = Link::open(self.place, serial)?;
        self.opened += 1;
        if !matches!(self.place, Place::Tcp(_)) {
            // Whatever it says of its start is no answer.
            listen(&mut link, self.boot, true)?;
        }
        Ok(link)
    }
}

impl Wire for Held<'_> {
    fn say(&mut self, serial: Serial, bytes: &[u8], patience: Duration, all: bool) -> io::Result<Vec<u8>> {
        let link = self.link(serial)?;
        link.wait_to_write(PATIENCE)?;
        link.write_all(bytes)?;
        listen(link, patience, all)
    }
}

fn listen(link: &mut Link, patience: Duration, all: bool) -> io::Result<Vec<u8>> {
    let (deadline, mut heard, mut buffer) = (Instant::now() + patience, Vec::new(), [0_u8; 256]);
    link.wait_to_read(SLICE)?;
    while Instant::now() < deadline && (all || !heard.ends_with(b"\n") && !heard.ends_with(b"\r")) {
        match link.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => heard.extend_from_slice(&buffer[..n]),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(heard)
}

/// Serial ports that an adapter stands behind, by the name that stays theirs where there is one.
pub fn ports() -> Vec<PathBuf> {
    let adapters = serialport::available_ports().unwrap_or_default();
    let usb = adapters.into_iter().filter(|port| matches!(port.port_type, serialport::SerialPortType::UsbPort(_)));
    usb.map(|port| lasting(Path::new(&port.port_name))).collect()
}

fn lasting(device: &Path) -> PathBuf {
    let links = std::fs::read_dir("/dev/serial/by-id").into_iter().flatten().flatten().map(|entry| entry.path());
    let same = |link: &PathBuf| std::fs::canonicalize(link).is_ok_and(|target| target == device);
    links.into_iter().find(same).unwrap_or_else(|| device.to_owned())
}

#[cfg(test)]
mod tests;
