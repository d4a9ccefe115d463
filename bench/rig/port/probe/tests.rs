//! Only harmless questions, each where it may be asked, and the most particular answer.

use super::recognise::recognise;
use super::*;
use crate::protocol::mecom::{Decoder, Reply, Side};
use proptest::prelude::*;
use serialport::{SerialPort, TTYPort};
use std::io::{Read, Write};

fn serial() -> Place {
    Place::Path(PathBuf::from("/dev/pts/none"))
}

fn network() -> Place {
    Place::Tcp("192.168.1.26:23".into())
}

#[test]
fn only_harmless_questions_are_asked_where_they_may_be() {
    let texts = |place: &Place| -> Vec<String> {
        let all = questions(place, None);
        let lines = all.into_iter().filter(|q| q.tongue == Tongue::Line);
        lines.map(|q| String::from_utf8_lossy(&q.bytes).trim().to_owned()).collect()
    };
    for known in texts(&network()) {
        assert!(["*IDN?", "VERSION", "TYPE", "{M1B****", "hwrev", "I4", "ID?"].contains(&known.as_str()), "{known}");
    }
    assert!(texts(&network()).contains(&"hwrev".to_owned()) && !texts(&serial()).contains(&"hwrev".to_owned()));
    let all = questions(&serial(), None);
    assert!(all.iter().all(|q| q.serial.baud < NETWORK_BAUD && !matches!(q.tongue, Tongue::Modbus(_))));
    assert!(all[0].bytes.starts_with(b"#000001?IF"), "MeCom's ?IF at address 0");
    let bytes = |tongue| all.iter().find(|q| q.tongue == tongue).expect("asked").bytes.clone();
    assert_eq!(bytes(Tongue::Neslab), [0xCA, 0, 1, 0, 0, 0xFE]);
    // A public driver's own bytes for the first temperature, and the question for the model of those that have one.
    assert_eq!(
        (bytes(Tongue::Tetech(Model::Tc3625)), bytes(Tongue::Tetech(Model::Tc4820))),
        (b"*0001c1\r".to_vec(), b"*00000020\r".to_vec())
    );
    let tetech = |model, said: &[u8]| {
        let asked = all.iter().find(|q| q.tongue == Tongue::Tetech(model)).expect("asked");
        recognise(asked, said).and_then(|found| found.model)
    };
    let number = |number: i32| tetech::Reply::Value(number).encode(Model::Tc720);
    assert_eq!(tetech(Model::Tc720, &number(9625)).as_deref(), Some("TC-720"));
    assert_eq!(tetech(Model::Tc4820, &number(9613)).as_deref(), Some("TC-48-20"));
    assert_eq!(tetech(Model::Tc720, &number(2500)), None, "somebody else's number");
    assert_eq!(questions(&serial(), Some(7)).iter().filter(|q| q.tongue == Tongue::Modbus(7)).count(), 3);
    let told = not_asked(&serial(), None).join("; ");
    assert!(told.contains("sinara-8451") && told.contains("--modbus"), "{told}");
}

fn ask(whom: &str) -> Question {
    questions(&serial(), Some(1)).into_iter().find(|q| q.whom == whom).expect("asked")
}

#[test]
fn who_answers_is_told_by_what_is_said() {
    let reply = |bytes: &[u8], whom: &str| recognise(&ask(whom), bytes).map(|found| (found.question.whom, found.serial_number));
    assert_eq!(reply(b"I4 A \"B021002593\"\r\n", "mt-sics"), Some(("mt-sics".into(), Some("B021002593".into()))));
    assert_eq!(reply(b"ES\r\n", "mt-sics"), None);
    assert_eq!(reply(b"Arroyo 5240 77 v2.34\r\n", "arroyo"), Some(("arroyo".into(), Some("77".into()))));
    // Asked by another dialect of the same line settings.
    assert_eq!(reply(b"YOKOGAWA,WT310,C2,F1.03\n", "arroyo"), Some(("yokogawa-wt".into(), Some("C2".into()))));
    assert_eq!(reply(&[0xCA, 0, 1, 0, 2, 1, 0, 0xFB], "neslab"), Some(("neslab".into(), None)));
    let identity = format!("{:<20}", "TEC-1090");
    let mut decoder = Decoder::new(Side::Host);
    decoder.push(&identify().encode());
    let answer = Reply::Identity(identity).encode(&decoder.pop().unwrap()).unwrap();
    assert_eq!(recognise(&ask("mecom"), &answer).unwrap().said, "TEC-1090");
    let read = mecom::Query { address: 0, sequence: 1, request: Request::Read { parameter: id::DEVICE_TYPE, instance: 1 } };
    assert_eq!(recognise(&ask("mecom"), &read.encode()), None);
}

/// What a scale says to all the questions there are: it knows one of them, and has an error for the others.
#[test]
fn a_scale_is_no_thermostat() {
    let said = |question: &Question| match String::from_utf8_lossy(&question.bytes).trim() {
        "I4" => b"I4 A \"B021002593\"\r\n".to_vec(),
        _ => b"ES\r\n".to_vec(),
    };
    let heard: Vec<_> = questions(&serial(), None).into_iter().map(|q| (q.clone(), said(&q))).collect();
    let found = best(&heard).expect("a scale");
    assert_eq!((found.question.whom.as_str(), found.serial_number.as_deref()), ("mt-sics", Some("B021002593")));
    // Without that one it is nothing we know, and an echo neither.
    let dumb: Vec<_> = heard.iter().map(|(q, _)| (q.clone(), b"ES\r\n".to_vec())).collect();
    assert_eq!(best(&dumb), None);
    let echo: Vec<_> = heard.iter().map(|(q, _)| (q.clone(), q.bytes.clone())).collect();
    assert_eq!(best(&echo).filter(|found| found.question.tongue == Tongue::Line), None);
}

#[test]
fn a_device_on_a_pty_is_found() {
    let (mut master, slave) = TTYPort::pair().unwrap();
    let place = Place::Path(PathBuf::from(slave.name().unwrap()));
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
    // Two languages are enough to see the port opened, set and heard.
    let asked = questions(&place, None).into_iter().filter(|q| ["mecom", "julabo"].contains(&&*q.whom)).collect();
    let mut held = Held::new(&place, Duration::ZERO);
    let found = ask_all(&mut held, asked, &mut |_, _| ()).unwrap().expect("it answers");
    assert_eq!(held.opened, 1, "a board would start anew each time");
    drop(held);
    assert_eq!((found.question.whom.as_str(), found.said.as_str()), ("julabo", "JULABO FP50_MH Simulator, ISIS"));
    drop(stop);
    device.join().unwrap();
    assert!(probe(&serial(), None, &mut |_, _| ()).is_err(), "nothing is there");
}

/// A device behind a real line: what is said at another speed reaches it as noise, and stays with it until a line ends.
struct Behind {
    serial: Serial,
    end: &'static [u8],
    noisy: bool,
    knows: (&'static str, &'static str),
    otherwise: &'static str,
    buffer: Vec<u8>,
}

impl Wire for Behind {
    fn say(&mut self, serial: Serial, bytes: &[u8], _: Duration, _: bool) -> io::Result<Vec<u8>> {
        let length = bytes.len() * self.serial.baud as usize / serial.baud as usize;
        if serial == self.serial {
            self.buffer.extend_from_slice(bytes);
        } else if self.noisy {
            self.buffer.extend(std::iter::repeat_n(0xE6, length.max(1)));
        }
        let mut said = Vec::new();
        // Silence ends a line where nothing else does.
        while !self.buffer.is_empty() {
            let line = if self.end.is_empty() {
                std::mem::take(&mut self.buffer)
            } else {
                let Some(at) = self.buffer.windows(self.end.len()).position(|window| window == self.end) else { break };
                self.buffer.drain(..at + self.end.len()).collect()
            };
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            let answer = if line == self.knows.0 { self.knows.1 } else { self.otherwise };
            if !line.is_empty() && !answer.is_empty() {
                said.extend_from_slice(answer.as_bytes());
                said.extend_from_slice(if self.end.is_empty() { b"" } else { b"\r\n" });
            }
        }
        Ok(said)
    }
}

/// One of them.
type Device = (&'static str, u32, &'static [u8], (&'static str, &'static str), &'static str);

/// The dialect, its speed, what ends its lines, its name for itself, and what it says to what it does not know.
const DEVICES: [Device; 10] = [
    ("scpi-supply", 9600, b"\n", ("*IDN?", "KEYSIGHT,E3634A,MY1,1.0"), ""),
    ("chroma-62000h", 115_200, b"\n", ("*IDN?", "CHROMA,62150H-600S,123,1.0"), ""),
    ("arroyo", 38_400, b"\n", ("*IDN?", "Arroyo 5240 1234567 v2.34"), ""),
    ("homemade", 115_200, b"\n", ("ID?", "ID bench-heater 0007 1.2"), ""),
    ("yokogawa-wt", 38_400, b"\n", ("*IDN?", "YOKOGAWA,WT310E,C2UA,F1.03"), ""),
    ("julabo", 9600, b"\r", ("VERSION", "JULABO F25-ED VERSION 5.0"), ""),
    ("lauda", 9600, b"\r\n", ("TYPE", "ECO"), "ERR_3"),
    ("huber", 9600, b"\r\n", ("{M1B****", "{S1B0444"), ""),
    ("korad", 9600, b"", ("*IDN?", "KORADKA3005PV2.0"), ""),
    ("mt-sics", 9600, b"\r\n", ("I4", "I4 A \"B021002593\""), "ES"),
];

#[test]
fn every_device_is_found_behind_a_real_line() {
    for noisy in [false, true] {
        for (name, baud, end, knows, otherwise) in DEVICES {
            let mut device = Behind { serial: Serial::n81(baud), end, noisy, knows, otherwise, buffer: Vec::new() };
            let found = ask_all(&mut device, questions(&serial(), None), &mut |_, _| ()).unwrap();
            let found = found.unwrap_or_else(|| panic!("{name} is not found, noisy {noisy}"));
            assert_eq!((found.question.whom.as_str(), found.said.as_str()), (name, knows.1), "noisy {noisy}");
            assert!(found.question.is_endless() || !device.buffer.windows(5).any(|w| w == b"*IDN?"), "{name} is left with half a line");
        }
    }
}

#[test]
fn questions_of_one_speed_are_asked_together_and_what_nothing_ends_last() {
    let all = questions(&serial(), Some(1));
    let mut settings: Vec<Serial> = all.iter().filter(|q| !matches!(q.tongue, Tongue::Modbus(_))).map(|q| q.serial).collect();
    settings.dedup();
    let once = settings.iter().enumerate().all(|(at, serial)| !settings[..at].contains(serial));
    assert!(once, "{settings:?}");
    let korad = all.iter().position(|q| q.whom == "korad").unwrap();
    assert!(all[korad + 1..].iter().all(|q| q.serial != all[korad].serial || matches!(q.tongue, Tongue::Modbus(_))));
    assert!(all[all.len() - 3..].iter().all(|q| q.tongue == Tongue::Modbus(1)), "no text, and last");
}

/// What the wire waits for in all, of one on which nothing ever answers.
struct Silent(Duration);

impl Wire for Silent {
    fn say(&mut self, _: Serial, _: &[u8], patience: Duration, _: bool) -> io::Result<Vec<u8>> {
        self.0 += patience;
        Ok(Vec::new())
    }
}

#[test]
fn every_question_is_told_before_it_is_asked_and_how_long_all_take() {
    for modbus in [None, Some(1)] {
        let asked = questions(&serial(), modbus);
        let (mut wire, mut told) = (Silent(Duration::ZERO), Vec::new());
        let found = ask_all(&mut wire, asked.clone(), &mut |at, question| told.push((at, question.clone()))).unwrap();
        assert_eq!(found, None);
        assert_eq!(told, asked.iter().cloned().enumerate().collect::<Vec<_>>());
        assert_eq!(longest(&asked), BOOT + wire.0);
        // What the help says of it.
        let help_s = if modbus.is_some() { 17..=23 } else { 14..=20 };
        assert!(help_s.contains(&longest(&asked).as_secs()), "{:?}", wire.0);
    }
}

proptest! {
    #[test]
    fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60), at in any::<proptest::sample::Index>()) {
        let all = questions(&serial(), Some(1));
        let _ = recognise(&all[at.index(all.len())], &bytes);
        let heard: Vec<_> = all.into_iter().map(|q| (q, bytes.clone())).collect();
        let _ = best(&heard);
    }
}
