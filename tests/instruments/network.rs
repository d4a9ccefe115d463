//! A Sinara thermostat where real ones are: on a network. The emulated rig as a process, the driver's own thread on a socket, a client that
//! hangs up and comes back.

use super::peers::{PATIENCE, emulated};
use rig::port::{Place, Port};
use rig::{Command, Event};
use signal::{Celsius, Channel};
use std::io::{BufRead, BufReader, Write};
use std::time::Instant;

#[test]
fn a_thermostat_is_emulated_on_tcp_as_on_a_pty() {
    let folder = tempfile::tempdir().expect("a folder");
    let _emulator = emulated(folder.path(), "sinara");
    let ready = std::fs::read_to_string(folder.path().join(twin::link::READY_FILE)).expect("its word");
    let ready: twin::Ready = serde_json::from_str(&ready).expect("JSON");
    assert!(ready.ports.contains_key("tec"), "on a pseudo-terminal as well");
    let address = ready.tcp.get("tec").expect("on the network").clone();

    // By hand, as with netcat: one line, one answer.
    let mut by_hand = std::net::TcpStream::connect(&address).expect("it listens");
    by_hand.set_read_timeout(Some(PATIENCE)).expect("set");
    by_hand.write_all(b"report\n").expect("sent");
    let mut line = String::new();
    BufReader::new(&by_hand).read_line(&mut line).expect("an answer");
    assert!(line.contains("\"pid_engaged\":false"), "{line}");
    drop(by_hand);

    // The driver as a run has it, at the address that the rig file would name.
    let (_, text) = rig::builtin().iter().find(|(name, _)| *name == "sinara").expect("shipped");
    let text = text.replace("192.168.1.26:23", &address);
    let document = signal::Document::parse("sinara.toml", &text);
    let rig = rig::RigFile::read(&document.root());
    let instrument = &rig.instruments[0];
    let place = Place::of(&instrument.connection).expect("a real one");
    assert_eq!(place, Place::Tcp(address));
    let deadline = Instant::now() + PATIENCE;
    for round in 0..2 {
        let (tell, events) = crossbeam_channel::unbounded();
        let port = Port::open(place.clone(), instrument.serial, rig::driver_for(instrument).expect("a driver"), tell, 0).expect("a thread");
        let mut seen = Vec::new();
        let mut until = |what: &str, wanted: &dyn Fn(&Event) -> bool| loop {
            let (_, event) = events.recv_deadline(deadline).unwrap_or_else(|_| panic!("no {what} in {seen:?}"));
            seen.push(event.clone());
            if wanted(&event) {
                return;
            }
        };
        // Whoever left it on is switched off first, each time.
        until("off", &|e| *e == Event::OutputConfirmed { on: false });
        until("readiness", &|e| *e == Event::Ready);
        port.command(Command::Target(Celsius(20.0)));
        port.command(Command::Enable);
        until("on", &|e| *e == Event::OutputConfirmed { on: true });
        port.command(Command::Poll { tick: 1 });
        until("plate", &|e| matches!(e, Event::Reading { channel: Channel::Plate, value, .. } if (0.0..40.0).contains(value)));
        until("the end of the poll", &|e| *e == Event::PollDone { tick: 1 });
        if round == 1 {
            port.command(Command::Disable);
            until("off at last", &|e| *e == Event::OutputConfirmed { on: false });
        }
        // In the first round the cable is let go with the output on.
        assert!(port.close_within(PATIENCE));
    }
}
