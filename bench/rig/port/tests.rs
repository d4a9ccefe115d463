//! Over real pseudo-terminals, with a driver that only shows what it was given.

use super::*;
use crate::driver::Effects;
use serialport::{SerialPort, TTYPort};
use std::io::{Read, Write};
use std::os::unix::fs::symlink;

const PATIENCE: Duration = Duration::from_secs(5);

/// Says every input back, as bytes or as an event.
struct Mirror {
    /// Blocks in a poll until this is dropped.
    stuck: Option<(Sender<()>, Receiver<()>)>,
}

impl Driver for Mirror {
    fn step(&mut self, now_s: f64, input: Input<'_>) -> Effects {
        let mut fx = Effects::default();
        match input {
            Input::Opened => fx.send = b"O".to_vec(),
            Input::HangUp => fx.events.push(Event::LinkLost { why: "hung up".to_owned() }),
            Input::Bytes(bytes) => fx.events.push(Event::Identified { device: String::from_utf8_lossy(bytes).into_owned() }),
            Input::Deadline => fx.events.push(Event::Ready),
            Input::Command(Command::Poll { .. }) => {
                if let Some((entered, gate)) = &self.stuck {
                    entered.send(()).unwrap();
                    let _ = gate.recv();
                }
                fx.send = b"P".to_vec();
                fx.deadline_s = Some(now_s + 0.01);
            }
            Input::Command(Command::Enable) => fx.send = b"E".to_vec(),
            Input::Command(Command::Disable) => fx.send = b"D".to_vec(),
            // More than a pseudo-terminal takes from a peer that does not read.
            Input::Command(Command::Target(_)) => fx.send = vec![b'T'; 1 << 16],
            Input::Command(Command::Level(_) | Command::Curve(_)) => {}
            Input::Command(Command::Acknowledge) => panic!("as the test wants"),
        }
        fx
    }

    fn describe(&self) -> String {
        "a mirror".to_owned()
    }
}

fn pair() -> (TTYPort, TTYPort, PathBuf) {
    let (mut master, slave) = TTYPort::pair().unwrap();
    master.set_timeout(PATIENCE).unwrap();
    let path = PathBuf::from(slave.name().unwrap());
    (master, slave, path)
}

fn heard(master: &mut TTYPort, count: usize) -> String {
    let mut bytes = vec![0; count];
    master.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn start(path: PathBuf, stuck: Option<(Sender<()>, Receiver<()>)>) -> (Port, Receiver<(usize, Event)>) {
    let (events, told) = unbounded();
    (Port::open(path, Serial::n81(57_600), Box::new(Mirror { stuck }), events, 7).unwrap(), told)
}

#[test]
fn bytes_commands_and_deadlines_reach_the_driver() {
    let (mut master, _slave, path) = pair();
    let (port, told) = start(path, None);
    assert_eq!(heard(&mut master, 1), "O");
    assert!(port.command(Command::Poll { tick: 1 }));
    assert_eq!(heard(&mut master, 1), "P");
    assert_eq!(told.recv_timeout(PATIENCE), Ok((7, Event::Ready)), "the deadline");
    master.write_all(b"x").unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok((7, Event::Identified { device: "x".to_owned() })));
    assert!(port.close_within(PATIENCE));
    assert!(told.recv_timeout(PATIENCE).is_err(), "a closed port has nothing to tell");
}

#[test]
fn a_port_that_hangs_up_is_told_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("tec");
    let (told_missing, mut first, mut second) = (link.clone(), pair(), pair());
    let (port, told) = start(told_missing, None);
    let (_, event) = told.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(&event, Event::LinkLost { why } if why.contains("cannot open")), "{event:?}");

    symlink(&first.2, &link).unwrap();
    assert_eq!(heard(&mut first.0, 1), "O");
    std::fs::remove_file(&link).unwrap();
    symlink(&second.2, &link).unwrap();
    drop(first);
    assert_eq!(told.recv_timeout(PATIENCE), Ok((7, Event::LinkLost { why: "hung up".to_owned() })), "told once, not at every attempt");
    assert_eq!(heard(&mut second.0, 1), "O");
    port.command(Command::Enable);
    assert_eq!(heard(&mut second.0, 1), "E");
    assert!(port.close_within(PATIENCE));
}

/// The number of a pseudo-terminal that is gone goes to the next one who asks. Nothing of ours may arrive there.
#[test]
fn a_stale_link_is_not_followed_to_whoever_got_the_number() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("tec");
    let mut first = pair();
    symlink(&first.2, &link).unwrap();
    let (port, told) = start(link.clone(), None);
    assert_eq!(heard(&mut first.0, 1), "O");
    let number = first.2.clone();
    drop(first);
    assert_eq!(told.recv_timeout(PATIENCE), Ok((7, Event::LinkLost { why: "hung up".to_owned() })));
    // Others are made beside these tests: take numbers until ours comes up, or leave it where somebody else was quicker.
    let taken: Vec<_> = (0..64).map(|_| pair()).collect();
    if let Some((mut stranger, _slave, _)) = taken.into_iter().find(|(.., path)| *path == number) {
        stranger.set_timeout(REOPEN * 5).unwrap();
        assert!(stranger.read(&mut [0]).is_err(), "nothing is sent there");
    }
    let mut second = pair();
    std::fs::remove_file(&link).unwrap();
    symlink(&second.2, &link).unwrap();
    assert_eq!(heard(&mut second.0, 1), "O");
    assert!(port.close_within(PATIENCE));
}

#[test]
fn a_stuck_driver_delays_nobody_beyond_the_deadline() {
    let (mut master, _slave, path) = pair();
    let (entered, is_in) = unbounded();
    let (gate, gated) = unbounded();
    let (port, told) = start(path, Some((entered, gated)));
    assert_eq!(heard(&mut master, 1), "O");
    port.command(Command::Poll { tick: 1 });
    is_in.recv_timeout(PATIENCE).unwrap();
    assert!(!port.close_within(Duration::from_millis(20)));
    drop(gate);
    drop(told);
}

#[test]
fn a_panicking_driver_is_a_lost_link() {
    let (mut master, _slave, path) = pair();
    let (port, told) = start(path, None);
    assert_eq!(heard(&mut master, 1), "O");
    port.command(Command::Acknowledge);
    let (_, event) = told.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(&event, Event::LinkLost { why } if why.contains("panicked")), "{event:?}");
    assert!(port.close_within(PATIENCE));
}

#[test]
fn a_peer_that_does_not_read_blocks_nothing_for_long() {
    let (_master, _slave, path) = pair();
    let (port, _told) = start(path, None);
    port.command(Command::Target(signal::Celsius(20.0)));
    port.command(Command::Enable);
    assert!(port.close_within(PATIENCE));
}

#[test]
fn switching_off_overtakes_and_takes_back() {
    use Command::{Acknowledge, Disable, Enable, Poll};
    let target = Command::Target(signal::Celsius(20.0));
    let poll = Poll { tick: 1 };
    let cases: &[(&[Command], &[Command])] = &[
        (&[poll, target, Enable], &[poll, target, Enable]),
        (&[poll, target, Enable, Disable], &[Disable, poll]),
        (&[Enable, Disable, Acknowledge, Enable], &[Disable, Acknowledge, Enable]),
        (&[Disable, Enable, poll, Disable, target], &[Disable, poll, target]),
        (&[], &[]),
    ];
    for (given, expected) in cases {
        assert_eq!(
            disable_first(&given.iter().map(|command| (0, *command)).collect::<Vec<_>>())
                .into_iter()
                .map(|(_, command)| command)
                .collect::<Vec<_>>(),
            *expected,
            "{given:?}"
        );
    }
}

#[test]
fn of_a_shared_line_each_has_its_own_off() {
    let poll = Command::Poll { tick: 1 };
    let given = vec![(0, Command::Enable), (1, Command::Enable), (0, poll), (1, Command::Disable), (1, poll)];
    assert_eq!(disable_first(&given), [(1, Command::Disable), (0, Command::Enable), (0, poll), (1, poll)]);
}
