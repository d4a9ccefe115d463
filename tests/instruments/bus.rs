//! Two controllers on one RS-485 line, emulated as a process and driven through one port: hosting, owner thread and drivers together.

use super::peers::{PATIENCE, emulated};
use rig::port::{Place, Port};
use rig::{Command, Event, RigFile};
use signal::{Celsius, Channel, Document};
use std::time::Instant;

/// The default rig, its controller on a port, and a second one on the same line that reads the room.
fn text(port: &str) -> String {
    let (_, twin) = rig::builtin().iter().find(|(name, _)| *name == "twin").expect("shipped");
    let emulated = "emulated = true                  # the twin stands in for it, speaking the real protocol on a port it makes";
    assert!(twin.contains(emulated));
    let twin = twin.replace(emulated, &format!("port = \"{port}\"")).replace("coupled = true", "coupled = false");
    twin + &format!(
        "\n[instrument.second]\ndriver = \"mecom\"\nport = \"{port}\"\naddress = 2\nlease_s = 3.0\ncurrent_limit_a = 2.0\nvoltage_limit_v = 5.0\n\
         [channel.ambient]\ninstrument = \"second\"\nreads = \"sink_temperature\"\n"
    )
}

#[test]
fn two_controllers_on_one_line_share_a_port() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bus.toml");
    let ports = folder.path().join("ports");
    let text = text(&ports.join("tec").display().to_string());
    std::fs::write(&file, &text).expect("room");
    let _emulator = emulated(&ports, &file.display().to_string());

    let document = Document::parse("bus.toml", &text);
    let rig = RigFile::read(&document.root());
    assert_eq!(rig.lines(), [vec![0, 1]], "{rig:#?}");
    let (tell, events) = crossbeam_channel::unbounded();
    let place = Place::of(&rig.instruments[0].connection).expect("a real one");
    let drivers = rig.instruments.iter().enumerate().map(|(id, instrument)| (id, rig::driver_for(instrument).expect("a driver")));
    let ports = Port::share(place, rig.instruments[0].serial, drivers.collect(), tell).expect("a thread");
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    let mut until = |what: &str, wanted: &dyn Fn(usize, &Event) -> bool| loop {
        let (id, event) = events.recv_deadline(deadline).unwrap_or_else(|_| panic!("no {what} in {seen:?}"));
        seen.push((id, event.clone()));
        if wanted(id, &event) {
            return id;
        }
    };
    let mut ready = [false; 2];
    while ready != [true; 2] {
        let id = until("readiness of both", &|_, event| *event == Event::Ready);
        ready[id] = true;
    }
    ports[0].command(Command::Target(Celsius(22.0)));
    ports[0].command(Command::Enable);
    until("output of the first", &|id, event| (id, event) == (0, &Event::OutputConfirmed { on: true }));
    for port in &ports {
        port.command(Command::Poll { tick: 1 });
    }
    until("reading of the second", &|id, event| {
        id == 1 && matches!(event, Event::Reading { channel: Channel::Ambient, value, .. } if (0.0..60.0).contains(value))
    });
    ports[1].command(Command::Poll { tick: 2 });
    ports[0].command(Command::Disable);
    until("off of the first", &|id, event| (id, event) == (0, &Event::OutputConfirmed { on: false }));
    for port in ports {
        assert!(port.close_within(PATIENCE));
    }
}
