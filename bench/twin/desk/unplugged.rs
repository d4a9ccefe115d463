//! Twenty-five unplugs at random bytes on real pseudo-terminals, each coming back under another number: what memory cannot show.

use super::tests::{HEATER, MECOM, SCENE, rig};
use super::*;
use rand::{RngExt, SeedableRng};
use rig::port::Port;
use rig::{Command, Event};
use serialport::{SerialPort, TTYPort};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const UNPLUGS: usize = 25;
const PATIENCE: Duration = Duration::from_secs(20);

/// Carries bytes between a new pseudo-terminal and the device until so many have passed, then lets the cable go.
fn carry(device: &Arc<Mutex<Box<dyn Emulated>>>, link: &PathBuf, mut left: usize) {
    let (mut master, slave) = TTYPort::pair().unwrap();
    let port = slave.name().unwrap();
    // The driver's end: ours stays open until its own is.
    master.set_timeout(Duration::from_millis(20)).unwrap();
    let _ = std::fs::remove_file(link);
    std::os::unix::fs::symlink(port, link).unwrap();
    let (start, mut tec, mut buffer) = (Instant::now(), TecController::idle(), [0_u8; 64]);
    while left > 0 && start.elapsed() < PATIENCE {
        let Ok(n) = master.read(&mut buffer) else { continue };
        let n = n.min(left);
        left -= n;
        let wall_s = start.elapsed().as_secs_f64();
        let mut reply = device.lock().unwrap().receive(wall_s, &buffer[..n], &mut tec);
        reply.truncate(left);
        left -= reply.len();
        if master.write_all(&reply).is_err() {
            break;
        }
    }
    drop(slave);
}

#[test]
fn unplugged_twenty_five_times_it_hangs_nowhere_and_comes_back_off() {
    let rig = rig(&format!("{MECOM}{HEATER}"), "object_temperature", super::tests::HEATER_CHANNEL);
    let instrument = rig.instrument("heat").unwrap();
    let mut stand_in = stand_in(instrument).unwrap().unwrap();
    stand_in.advance(0.0, 1.0, &SCENE);
    let device = Arc::new(Mutex::new(stand_in));
    let link = std::env::temp_dir().join(format!("orbitbench-unplugged-{}", std::process::id()));
    let (served, path) = (Arc::clone(&device), link.clone());
    let serving = std::thread::spawn(move || {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(25);
        for _ in 0..UNPLUGS {
            carry(&served, &path, rng.random_range(1..160));
        }
        // At last the cable stays in for long enough.
        carry(&served, &path, 20_000);
    });
    let (tell, events) = crossbeam_channel::unbounded();
    let port = Port::open(link.clone(), instrument.serial, rig::driver_for(instrument).unwrap(), tell, 0).unwrap();
    let (mut believed, mut losses, mut polls) = (None, 0, 0_u64);
    let deadline = Instant::now() + 3 * PATIENCE;
    while polls < 20 {
        let (_, event) = events.recv_deadline(deadline).unwrap_or_else(|_| panic!("it hangs after {losses} losses and {polls} polls"));
        match event {
            Event::OutputConfirmed { on } => believed = Some(on),
            Event::LinkLost { .. } => {
                (losses, polls, believed) = (losses + 1, 0, None);
            }
            Event::Ready => {
                assert_eq!(believed, Some(false), "never ready before it is seen off");
                port.command(Command::Level(5.0));
                port.command(Command::Enable);
                port.command(Command::Poll { tick: 0 });
            }
            Event::PollDone { tick } => {
                polls = tick + 1;
                port.command(Command::Poll { tick: polls });
            }
            _ => {}
        }
    }
    assert!(losses >= UNPLUGS / 2, "only {losses} of {UNPLUGS} were noticed");
    port.command(Command::Disable);
    while believed != Some(false) {
        let (_, event) = events.recv_deadline(deadline).expect("it is switched off");
        if let Event::OutputConfirmed { on } = event {
            believed = Some(on);
        }
    }
    assert_eq!(device.lock().unwrap().output_on(), Some(false));
    assert!(port.close_within(PATIENCE));
    let _ = std::fs::remove_file(&link);
    // The cable that is in is let go when nobody reads any more, or with the process.
    drop(serving);
}
