//! Driver and device over a real pseudo-terminal, each in its thread: what memory cannot show.

use super::*;
use crossbeam_channel::{Receiver, unbounded};
use rig::port::Port;
use rig::{Command, Event};
use serialport::{SerialPort, TTYPort};
use signal::Celsius;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(5);

/// Serves `device` on a new pty until `end`; returns where.
fn serve(mut device: TecController, end: Arc<AtomicBool>) -> (PathBuf, thread::JoinHandle<TecController>) {
    let (mut master, slave) = TTYPort::pair().unwrap();
    master.set_timeout(Duration::from_millis(10)).unwrap();
    let path = PathBuf::from(slave.name().unwrap());
    let serving = thread::spawn(move || {
        let _slave = slave;
        let start = Instant::now();
        let mut buffer = [0; 64];
        while !end.load(Ordering::Relaxed) {
            let Ok(n) = master.read(&mut buffer) else { continue };
            let reply = device.receive(start.elapsed().as_secs_f64(), &buffer[..n]);
            master.write_all(&reply).unwrap();
        }
        device
    });
    (path, serving)
}

fn until(events: &Receiver<(usize, Event)>, wanted: &Event) {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while let Ok((_, event)) = events.recv_deadline(deadline) {
        if event == *wanted {
            return;
        }
        seen.push(event);
    }
    panic!("no {wanted:?} in {seen:?}");
}

#[test]
fn the_real_port_drives_the_emulated_device() {
    let rig_file = include_str!("../../../rigs/twin.toml");
    let document = signal::Document::parse("twin.toml", rig_file);
    let rig = rig::RigFile::read(&document.root());
    // Patient, so that a busy machine is not taken for a silent device.
    let instrument = &Instrument { reply_timeout_s: 2.0, ..rig.instruments[0].clone() };
    let mut device = TecController::new(TecConfig::standing_in_for(instrument));
    device.control(0.0, 0.0, Sensors { object_degc: 25.0, sink_degc: 30.0, voltage_v: 0.0 });
    let end = Arc::new(AtomicBool::new(false));
    let (path, serving) = serve(device, Arc::clone(&end));

    let (sender, events) = unbounded();
    let port = Port::open(path, instrument.serial, rig::driver_for(instrument).unwrap(), sender, 0).unwrap();
    until(&events, &Event::Ready);
    port.command(Command::Target(Celsius(20.0)));
    port.command(Command::Enable);
    until(&events, &Event::OutputConfirmed { on: true });
    for tick in 1..=20 {
        port.command(Command::Poll { tick });
        until(&events, &Event::PollDone { tick });
    }
    port.command(Command::Disable);
    until(&events, &Event::OutputConfirmed { on: false });
    assert!(port.close_within(PATIENCE));
    end.store(true, Ordering::Relaxed);
    let device = serving.join().unwrap();
    assert!(!device.output_on());
    assert_eq!(device.target_degc(), 20.0);
}
