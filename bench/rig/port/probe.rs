//! Finds out what answers on a port, by identify queries alone: nothing is ever set, and nothing is asked twice.
//!
//! A device that none of the questions was meant for sees a line it does not know. What was found is for a person to look at: no
//! probe is proof, and a rig file is written by hand.

use super::link::{Link, Place};
use crate::config::Serial;
use crate::dialect::{Dialect, builtin};
use crate::protocol::mecom::{Answer, Decoder, Query, Request, Side};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_millis(400);
/// Pieces in which it is waited for.
const SLICE: Duration = Duration::from_millis(20);

/// One question of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Who would answer it: `mecom`, or a dialect.
    pub whom: String,
    /// How the line is set for it.
    pub serial: Serial,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Something that answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The question.
    pub question: Question,
    /// What it said.
    pub said: String,
}

const MECOM: &str = "mecom";

fn mecom() -> Query {
    // Address 0 reaches any device.
    Query { address: 0, sequence: 1, request: Request::Identify { instance: None } }
}

fn dialects() -> impl Iterator<Item = Dialect> {
    builtin().iter().filter_map(|(name, text)| Dialect::parse(name, text).ok())
}

/// Every question that a probe asks, in order. One that several dialects share at the same line settings is asked once.
pub fn questions() -> Vec<Question> {
    let mut all = vec![Question { whom: MECOM.to_owned(), serial: Serial::n81(57_600), bytes: mecom().encode() }];
    for dialect in dialects() {
        let Some(mut bytes) = dialect.identify.ask.fill(|_| None) else { continue };
        bytes.extend_from_slice(&dialect.line.send);
        let question = Question { whom: dialect.name, serial: dialect.line.serial, bytes };
        if !all.iter().any(|q| (&q.serial, &q.bytes) == (&question.serial, &question.bytes)) {
            all.push(question);
        }
    }
    all
}

/// Whom these bytes are an answer of, and what they say. Several dialects may claim the same; the most particular speaks.
pub fn recognise(question: &Question, bytes: &[u8]) -> Option<(String, String)> {
    if question.whom == MECOM {
        let mut decoder = Decoder::new(Side::Device);
        decoder.push(bytes);
        let frame = decoder.pop()?;
        return match mecom().answer(&frame).ok()? {
            Answer::Identity(text) => Some((MECOM.to_owned(), text.trim().to_owned())),
            _ => None,
        };
    }
    let text: String = bytes.iter().map(|b| *b as char).collect();
    let line = text.split(['\r', '\n']).map(str::trim).find(|line| !line.is_empty())?;
    let same = |dialect: &Dialect| {
        let asked = dialect.identify.ask.fill(|_| None).is_some_and(|ask| question.bytes.starts_with(&ask));
        asked && dialect.line.serial == question.serial && dialect.identify.find(line, None).is_some()
    };
    let particular = |dialect: &Dialect| dialect.identify.letters();
    let best = dialects().filter(same).max_by_key(particular)?;
    Some((best.name, line.to_owned()))
}

/// Asks everything on one port until something answers. A port that another program holds is an error, and left alone.
pub fn probe(path: &Path) -> io::Result<Option<Answered>> {
    for question in questions() {
        let mut link = Link::open(&Place::Path(path.to_owned()), question.serial)?;
        link.wait_to_write(PATIENCE)?;
        link.write_all(&question.bytes)?;
        let heard = listen(&mut link)?;
        if let Some((whom, said)) = recognise(&question, &heard) {
            return Ok(Some(Answered { question: Question { whom, ..question }, said }));
        }
    }
    Ok(None)
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
mod tests {
    use super::*;
    use crate::protocol::mecom::{Reply, id};
    use proptest::prelude::*;
    use serialport::{SerialPort, TTYPort};
    use std::io::{Read, Write};

    #[test]
    fn only_identities_are_asked_for() {
        let asked: Vec<String> = questions().iter().map(|q| String::from_utf8_lossy(&q.bytes).trim().to_owned()).collect();
        assert_eq!(asked[0], "#000001?IF".to_owned() + &asked[0][10..], "MeCom's ?IF at address 0");
        for known in &asked[1..] {
            assert!(["*IDN?", "VERSION", "TYPE", "{M1B****", "hwrev", "I4", "ID?"].contains(&known.as_str()), "{known}");
        }
    }

    #[test]
    fn who_answers_is_told_by_what_is_said() {
        let all = questions();
        let ask = |whom: &str| all.iter().find(|q| q.whom == whom).unwrap();
        let reply = |bytes: &[u8], whom: &str| recognise(ask(whom), bytes).map(|(whom, _)| whom);
        assert_eq!(reply(b"I4 A \"B021002593\"\r\n", "mt-sics").as_deref(), Some("mt-sics"));
        assert_eq!(reply(b"ES\r\n", "mt-sics"), None);
        assert_eq!(reply(b"Arroyo 5240 77 v2.34\r\n", "arroyo").as_deref(), Some("arroyo"));
        assert_eq!(reply(b"YOKOGAWA,WT310,C2,F1.03\n", "yokogawa-wt").as_deref(), Some("yokogawa-wt"));
        let identity = format!("{:<20}", "TEC-1090");
        let frame = mecom().encode();
        let mut decoder = Decoder::new(Side::Host);
        decoder.push(&frame);
        let answer = Reply::Identity(identity).encode(&decoder.pop().unwrap()).unwrap();
        assert_eq!(recognise(&all[0], &answer), Some((MECOM.to_owned(), "TEC-1090".to_owned())));
        let read = Query { address: 0, sequence: 1, request: Request::Read { parameter: id::DEVICE_TYPE, instance: 1 } };
        assert_eq!(recognise(&all[0], &read.encode()), None);
    }

    #[test]
    fn a_device_on_a_pty_is_found() {
        let (mut master, slave) = TTYPort::pair().unwrap();
        let path = PathBuf::from(slave.name().unwrap());
        master.set_timeout(Duration::from_millis(10)).unwrap();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let device = std::thread::spawn(move || {
            let (mut heard, mut buffer) = (Vec::new(), [0_u8; 64]);
            while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                let Ok(n) = master.read(&mut buffer) else { continue };
                heard.extend_from_slice(&buffer[..n]);
                if heard.ends_with(b"VERSION\r") {
                    master.write_all(b"JULABO FP50_MH Simulator, ISIS\r\n").unwrap();
                }
            }
        });
        let found = probe(&path).unwrap().expect("it answers");
        assert_eq!((found.question.whom.as_str(), found.said.as_str()), ("julabo", "JULABO FP50_MH Simulator, ISIS"));
        drop(stop);
        device.join().unwrap();
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60), at in any::<proptest::sample::Index>()) {
            let all = questions();
            let _ = recognise(&all[at.index(all.len())], &bytes);
        }
    }
}
