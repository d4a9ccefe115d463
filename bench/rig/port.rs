//! The only place that knows serial ports, sockets, threads and time: one owner thread a port, feeding a [`Driver`], or the several of
//! a [`Bus`].
//!
//! The thread opens the port, tells the driver, and moves bytes, commands and deadlines between the two until told to end. When
//! the port hangs up its descriptor is dropped first (a held one makes a replugged adapter take another number), then the loss
//! is told, then opening is tried again ten times a second (a pseudo-terminal only once its link was made anew). Nobody ever
//! waits for this thread without a deadline: a driver or a kernel that hangs costs its own port and nothing else.
//!
//! Not here: what the bytes mean, and what to do about a lost link.

mod link;
pub mod probe;
pub mod skeleton;

use crate::bus::{Bus, BusEffects, BusInput};
use crate::config::Serial;
use crate::driver::{Command, Driver, Event, Input};
use crate::error::Error;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use link::Link;
pub use link::{Place, latency_ms};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Time between two attempts at opening a port.
const REOPEN: Duration = Duration::from_millis(100);
/// Longest read while an answer is awaited: a command may come meanwhile.
const READ_SLICE: Duration = Duration::from_millis(5);
/// While nothing is awaited, commands are awaited instead; a hang-up shows at most this late.
const IDLE_SLICE: Duration = Duration::from_millis(20);
/// A request that the port does not take within this is lost, which the driver finds out as silence.
const WRITE_LIMIT: Duration = Duration::from_millis(100);
/// Bytes handed over at once. A port that says it is writable has room for this much; more would block in the kernel for as
/// long as the peer does not read, whatever the time-out.
const WRITE_PORTION: usize = 64;

/// The handle of a port's thread. Dropping it ends the thread without waiting.
#[derive(Debug)]
pub struct Port {
    commands: Option<Sender<(usize, Command)>>,
    ended: Receiver<()>,
    /// Its place on the line.
    member: usize,
    /// One for each that has the line.
    sharers: Arc<()>,
}

impl Port {
    /// Starts the thread that owns the port at `place` and tells its events, each with `id`, to `events`. That the port cannot
    /// be opened (yet) is no error but an event; it is tried until it can.
    pub fn open(
        place: impl Into<Place>,
        serial: Serial,
        driver: Box<dyn Driver>,
        events: Sender<(usize, Event)>,
        id: usize,
    ) -> Result<Self, Error> {
        let mut ports = Self::share(place, serial, vec![(id, driver)], events)?;
        Ok(ports.swap_remove(0))
    }

    /// The same for the instruments that share one line, each with its id: one handle for each, in their order. The line is closed when
    /// the last handle is.
    pub fn share(
        place: impl Into<Place>,
        serial: Serial,
        drivers: Vec<(usize, Box<dyn Driver>)>,
        events: Sender<(usize, Event)>,
    ) -> Result<Vec<Self>, Error> {
        let place = place.into();
        let (commands, inbox) = unbounded();
        let (ending, ended) = bounded(1);
        let (ids, drivers): (Vec<usize>, Vec<_>) = drivers.into_iter().unzip();
        let name = format!("port-{}", ids.first().copied().unwrap_or_default());
        let count = ids.len();
        let bus = Bus::new(drivers, serial);
        let owner = Owner { place: place.clone(), serial, bus, inbox, events, ids, start: Instant::now(), deadline_s: None };
        let run = move || {
            // Told by being dropped, whichever way the thread ends.
            let _ending: Sender<()> = ending;
            let _last_words = LastWords { events: owner.events.clone(), ids: owner.ids.clone() };
            owner.run();
        };
        thread::Builder::new().name(name).spawn(run).map_err(|source| Error::Thread { place, source })?;
        let sharers = Arc::new(());
        let port = |member| Self { commands: Some(commands.clone()), ended: ended.clone(), member, sharers: Arc::clone(&sharers) };
        Ok((0..count).map(port).collect())
    }

    /// Hands a command to the driver. False if the thread has ended.
    pub fn command(&self, command: Command) -> bool {
        self.commands.as_ref().is_some_and(|commands| commands.send((self.member, command)).is_ok())
    }

    /// Ends the thread and waits for it at most this long. True if it ended and the port is closed, or others still have it. Sends
    /// nothing to the device: whoever wants its output off says so before.
    pub fn close_within(mut self, limit: Duration) -> bool {
        self.commands = None;
        Arc::into_inner(self.sharers).is_none() || matches!(self.ended.recv_timeout(limit), Err(RecvTimeoutError::Disconnected) | Ok(()))
    }
}

/// Tells the loss of the link if the thread panics; the controller must not wait for a driver that is no more.
struct LastWords {
    events: Sender<(usize, Event)>,
    ids: Vec<usize>,
}

impl Drop for LastWords {
    fn drop(&mut self) {
        if thread::panicking() {
            for id in &self.ids {
                // A controller that is gone needs no words.
                let _ = self.events.send((*id, Event::LinkLost { why: "the port's thread panicked".to_owned() }));
            }
        }
    }
}

/// Why the thread left its loop over one opening of the port.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    HungUp,
    Told,
}

struct Owner {
    place: Place,
    serial: Serial,
    bus: Bus,
    inbox: Receiver<(usize, Command)>,
    events: Sender<(usize, Event)>,
    ids: Vec<usize>,
    start: Instant,
    deadline_s: Option<f64>,
}

impl Owner {
    fn run(mut self) {
        let mut told = false;
        let mut gone: Option<Pseudo> = None;
        loop {
            let pseudo = self.pseudo();
            if gone.is_some() && gone == pseudo {
                if self.wait_closed() {
                    continue;
                }
                return;
            }
            let mut port = match Link::open(&self.place, self.serial) {
                Ok(port) => port,
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        for member in 0..self.ids.len() {
                            self.tell(member, Event::LinkLost { why: format!("cannot open {}: {error}", self.place) });
                        }
                    }
                    if self.wait_closed() {
                        continue;
                    }
                    return;
                }
            };
            let left = self.serve(&mut port);
            drop(port);
            if left == Left::Told {
                return;
            }
            // The driver tells this loss; that opening fails meanwhile is the same one.
            told = true;
            gone = pseudo;
            self.step(None, BusInput::Line(Input::HangUp));
            if !self.wait_closed() {
                return;
            }
        }
    }

    /// The pseudo-terminal that is opened next, if it is one.
    fn pseudo(&self) -> Option<Pseudo> {
        match &self.place {
            Place::Path(path) => Pseudo::behind(path),
            Place::Usb(_) | Place::Tcp(_) => None,
        }
    }

    /// Lets the driver answer commands until it is time to try the port again. False if told to end.
    fn wait_closed(&mut self) -> bool {
        let again = Instant::now() + REOPEN;
        loop {
            match self.inbox.recv_deadline(again) {
                Ok((member, command)) => self.step(None, BusInput::Command(member, command)),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            };
        }
    }

    fn serve(&mut self, port: &mut Link) -> Left {
        let mut buffer = [0_u8; 512];
        let mut alive = self.step(Some(port), BusInput::Line(Input::Opened));
        while alive {
            if self.deadline_s.is_none()
                && let Some(left) = self.idle(port, &mut alive)
            {
                return left;
            }
            match self.commands(port) {
                None => return Left::Told,
                Some(still) => alive &= still,
            }
            alive &= match self.read(port, &mut buffer) {
                Some(0) => true,
                Some(n) => self.step(Some(port), BusInput::Line(Input::Bytes(&buffer[..n]))),
                None => false,
            };
            if alive && self.deadline_s.is_some_and(|deadline| self.now_s() >= deadline) {
                alive = self.step(Some(port), BusInput::Line(Input::Deadline));
            }
        }
        Left::HungUp
    }

    /// Nothing is awaited from the device: wait for a command instead, so that it goes out at once.
    fn idle(&mut self, port: &mut Link, alive: &mut bool) -> Option<Left> {
        match self.inbox.recv_timeout(IDLE_SLICE) {
            Ok(command) => {
                let batch: Vec<_> = std::iter::once(command).chain(self.inbox.try_iter()).collect();
                *alive &= self.batch(port, &batch);
                None
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Left::Told),
        }
    }

    /// Takes every command that waits. `None` if told to end.
    fn commands(&mut self, port: &mut Link) -> Option<bool> {
        use crossbeam_channel::TryRecvError;
        let mut batch = Vec::new();
        loop {
            match self.inbox.try_recv() {
                Ok(command) => batch.push(command),
                Err(TryRecvError::Empty) => return Some(self.batch(port, &batch)),
                Err(TryRecvError::Disconnected) => {
                    // What was said before the end still counts.
                    self.batch(port, &batch);
                    return None;
                }
            }
        }
    }

    fn batch(&mut self, port: &mut Link, batch: &[(usize, Command)]) -> bool {
        let mut alive = true;
        for (member, command) in disable_first(batch) {
            alive &= self.step(Some(port), BusInput::Command(member, command));
        }
        alive
    }

    /// Bytes read, 0 if none came in time, `None` if the port hung up.
    fn read(&self, port: &mut Link, buffer: &mut [u8]) -> Option<usize> {
        // Idle, the waiting was done on the commands; this only looks.
        let wait = self
            .deadline_s
            .map_or(Duration::ZERO, |deadline| Duration::try_from_secs_f64(deadline - self.now_s()).unwrap_or_default().min(READ_SLICE));
        port.wait_to_read(wait).ok()?;
        match port.read(buffer) {
            // The end of a file is no reading of nothing: it would come again at once, for ever.
            Ok(0) => None,
            Ok(n) => Some(n),
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted | ErrorKind::WouldBlock) => Some(0),
            Err(_) => None,
        }
    }

    /// One step of the driver and what it asks for. False if the port hung up.
    fn step(&mut self, port: Option<&mut Link>, input: BusInput<'_>) -> bool {
        let BusEffects { send, events, deadline_s } = self.bus.step(self.now_s(), input);
        self.deadline_s = deadline_s;
        let alive = match port {
            Some(port) if !send.is_empty() => write(port, &send),
            _ => true,
        };
        for (member, event) in events {
            self.tell(member, event);
        }
        alive
    }

    fn tell(&self, member: usize, event: Event) {
        let Some(id) = self.ids.get(member) else { return };
        // A controller that stopped listening is closing us, or gone: then the lease runs out.
        let _ = self.events.send((*id, event));
    }

    fn now_s(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}

/// A pseudo-terminal as it was found. One that hung up never comes back, and its number is soon another's (somebody's shell, the
/// next rig's instrument): a link to it is followed again only once it was made anew.
#[derive(Debug, PartialEq, Eq)]
struct Pseudo {
    target: PathBuf,
    link: Option<(u64, i64, i64)>,
}

impl Pseudo {
    fn behind(path: &Path) -> Option<Self> {
        let target = std::fs::read_link(path).unwrap_or_else(|_| path.to_owned());
        let link = std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_symlink);
        let link = link.map(|link| (link.ino(), link.ctime(), link.ctime_nsec()));
        target.starts_with("/dev/pts").then_some(Self { target, link })
    }
}

/// False if the port hung up.
fn write(port: &mut Link, bytes: &[u8]) -> bool {
    if port.wait_to_write(WRITE_LIMIT).is_err() {
        return false;
    }
    for portion in bytes.chunks(WRITE_PORTION) {
        match port.write_all(portion) {
            Ok(()) => {}
            // The peer does not read: silence, which the driver notices.
            Err(error) => return matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted | ErrorKind::WouldBlock),
        }
    }
    true
}

/// Switching off overtakes what waits beside it, and takes back what would have been switched on before it, each member for itself.
fn disable_first(batch: &[(usize, Command)]) -> Vec<(usize, Command)> {
    let last_off = |member: usize| batch.iter().rposition(|(m, c)| *m == member && *c == Command::Disable);
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for (at, (member, command)) in batch.iter().enumerate() {
        match (last_off(*member), command) {
            (Some(off), Command::Disable) if off == at => first.push((*member, *command)),
            (Some(off), Command::Poll { .. } | Command::Acknowledge) if at < off => rest.push((*member, *command)),
            (Some(off), _) if at < off => {}
            _ => rest.push((*member, *command)),
        }
    }
    first.extend(rest);
    first
}

#[cfg(test)]
mod tests;
