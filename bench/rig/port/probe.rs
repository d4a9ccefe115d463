//! Finds out what answers on a port, by harmless questions alone: nothing is ever set. Every question that a port may be asked is asked, and the most
//! particular answer counts: a device that knows none of the others may say anything to them.
//!
//! A device that a question was not meant for sees a line it does not know. What was found is for a person to look at: no probe is proof.
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
}

fn identify() -> mecom::Query {
    // Address 0 reaches any device.
    mecom::Query { address: 0, sequence: 1, request: Request::Identify { instance: None } }
}

fn neslab_query() -> Option<neslab::Query> {
    // Which version of the protocol it speaks.
    neslab::Query::new(neslab::RS232_ADDRESS, neslab::Request::Acknowledge).ok()
}

/// Reads the temperature: it knows no question about itself.
const fn tetech_query(model: Model) -> tetech::Query {
    tetech::Query::read(model, tetech::Codes::of(model).temperature)
}

fn dialects() -> impl Iterator<Item = Dialect> {
    builtin().iter().filter_map(|(name, text)| Dialect::parse(name, text).ok())
}

/// Every question that may be asked at a place, in order. One that several dialects share at the same line settings is asked once. Modbus is asked only
/// where an address is given: its frames are no text, and could mean something to another device.
pub fn questions(place: &Place, modbus_address: Option<u8>) -> Vec<Question> {
    let network = matches!(place, Place::Tcp(_));
    let question = |tongue, whom: &str, serial, bytes| Question { tongue, whom: whom.to_owned(), serial, bytes };
    let mut all = vec![question(Tongue::Mecom, "mecom", Serial::n81(57_600), identify().encode())];
    for dialect in dialects().filter(|dialect| network || dialect.line.serial.baud < NETWORK_BAUD) {
        let Some(mut bytes) = dialect.identify.ask.fill(|_| None) else { continue };
        bytes.extend_from_slice(&dialect.line.send);
        let asked = |q: &Question| q.bytes == bytes && (network || q.serial == dialect.line.serial);
        if !all.iter().any(asked) {
            all.push(question(Tongue::Line, &dialect.name, dialect.line.serial, bytes));
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
    all
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

/// Asks everything at one place. A port that another program holds is an error, and left alone.
pub fn probe(place: &Place, modbus_address: Option<u8>) -> io::Result<Option<Answered>> {
    let mut heard = Vec::new();
    for question in questions(place, modbus_address) {
        let bytes = ask(place, question.serial, &question.bytes)?;
        heard.push((question, bytes));
    }
    let mut found = best(&heard);
    if let Some(found) = found.as_mut().filter(|found| found.question.tongue == Tongue::Mecom) {
        let read = |parameter| -> io::Result<Option<u32>> {
            let query = mecom::Query { address: 0, sequence: 2, request: Request::Read { parameter, instance: 1 } };
            Ok(recognise::mecom_number(&query, &ask(place, found.question.serial, &query.encode())?))
        };
        (found.model, found.serial_number) =
            (read(id::DEVICE_TYPE)?.map(|n| n.to_string()), read(id::SERIAL_NUMBER)?.map(|n| n.to_string()));
    }
    Ok(found)
}

fn ask(place: &Place, serial: Serial, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut link = Link::open(place, serial)?;
    link.wait_to_write(PATIENCE)?;
    link.write_all(bytes)?;
    listen(&mut link)
}

fn listen(link: &mut Link) -> io::Result<Vec<u8>> {
    let (deadline, mut heard, mut buffer) = (Instant::now() + PATIENCE, Vec::new(), [0_u8; 256]);
    link.wait_to_read(SLICE)?;
    while Instant::now() < deadline && !heard.ends_with(b"\n") && !heard.ends_with(b"\r") {
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
