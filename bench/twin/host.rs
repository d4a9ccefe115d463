//! Hosts one emulated bench as its own process: each instrument on a pseudo-terminal, the card on a socket, a log of its own.
//!
//! Time here is the wall's times the speed. At speed 1 replies are paced to the baud rate; faster, as fast as the pty allows.
//! The watchdog goes by wall time always: a host that is gone is gone at any speed.

use crate::faults::{Line, Parcel, Scenario, Way};
use crate::link::{CardCommand, READY_FILE, Ready, VERSION};
use crate::world::World;
use rig::Serial;
use serialport::{SerialPort, TTYPort};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use thiserror::Error;

/// How often the plant is advanced when nobody talks to it.
const BEAT: Duration = Duration::from_millis(5);
/// A serial read waits this long before it looks at the stop flag again.
const READ_WAIT: Duration = Duration::from_millis(100);
/// The workload on the card stops when no duty came for this long: its lease.
const CARD_LEASE: Duration = Duration::from_secs(3);

/// File of the folder that says what lies on the emulated scale, kg: whoever plays the operator writes a number there.
pub const PAN_FILE: &str = "scale.pan";
/// How often that is looked at.
const PAN_LOOK: Duration = Duration::from_millis(50);

/// How to host.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Folder for links, socket and log; made if absent.
    pub folder: PathBuf,
    /// The emulator's own log; `emulator.log` in the folder if `None`.
    pub log: Option<PathBuf>,
    /// Name of the rig, and the seed that drew this bench: told to engines, which refuse another.
    pub rig: String,
    /// See `rig`.
    pub seed: u64,
    /// Lines, each on a pty of its own: the names of the instruments on it, and what it is paced to at speed 1.
    pub lines: Vec<(Vec<String>, Serial)>,
    /// Instruments that are on a network too: each listens on a port of this machine, and takes one client at a time.
    pub networked: Vec<String>,
    /// What goes wrong, by wall time.
    pub faults: Scenario,
    /// There is a scale: what lies on it is the number of kilograms in the file [`PAN_FILE`] of the folder.
    pub scale: bool,
    /// Bench seconds a wall second.
    pub speed: f64,
    /// End some time after standard input closes: the engine that started this emulator is gone.
    pub with_parent: bool,
    /// How long to go on after that, so that the log shows what the watchdog did.
    pub linger: Duration,
}

/// Why a bench cannot be hosted.
#[derive(Debug, Error)]
pub enum HostError {
    /// No pseudo-terminal to be had.
    #[error("cannot open a pseudo-terminal for the emulated instrument: {0}")]
    Pty(#[from] serialport::Error),
    /// No port of the network to be had.
    #[error("cannot listen on the network for the emulated instrument: {0}")]
    Network(std::io::Error),
    /// Another emulator serves this folder.
    #[error("{folder} is in use by another emulated rig; give this one a folder of its own")]
    Taken {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of the emulator's folder cannot be made.
    #[error("cannot make {path} for the emulator: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

struct Shared {
    world: Mutex<World>,
    log: Mutex<File>,
    faults: Scenario,
    start: Instant,
    speed: f64,
    stop: AtomicBool,
    card_seen: Mutex<Option<Instant>>,
    /// Somebody has the card: a second engine must not pace it too.
    card_taken: AtomicBool,
}

impl Shared {
    /// The world, brought up to now. A thread that panicked left it consistent enough to go safe with.
    fn now(&self) -> (f64, MutexGuard<'_, World>) {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let wall_s = self.start.elapsed().as_secs_f64();
        world.ail(self.faults.ailing(wall_s));
        world.advance(wall_s, wall_s * self.speed);
        (wall_s, world)
    }

    fn note(&self, bench_s: f64, text: &str) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written must not stop the bench.
        let _ = writeln!(log, "{:.3} bench_s={bench_s:.1} {text}", jiff::Timestamp::now());
    }

    fn drain_events(&self, world: &mut World) {
        let bench_s = world.bench_s();
        for event in world.events() {
            self.note(bench_s, &event);
        }
    }
}

/// Hosts `world` until told to stop. Calls `ready` once everything listens.
pub fn host(world: World, options: &HostOptions, ready: impl FnOnce(&Ready)) -> Result<(), HostError> {
    let file_error = |path: &Path| {
        let path = path.to_owned();
        move |source| HostError::File { path, source }
    };
    std::fs::create_dir_all(&options.folder).map_err(file_error(&options.folder))?;
    let lock_path = options.folder.join("lock");
    let lock = File::create(&lock_path).map_err(file_error(&lock_path))?;
    lock.try_lock().map_err(|_| HostError::Taken { folder: options.folder.clone() })?;
    let log_path = options.log.clone().unwrap_or_else(|| options.folder.join("emulator.log"));
    let log = File::options().create(true).append(true).open(&log_path).map_err(file_error(&log_path))?;
    let (mut outlets, mut ports) = (Vec::new(), BTreeMap::new());
    for (names, serial) in &options.lines {
        let links = names.iter().map(|name| options.folder.join(name)).collect();
        let mut outlet = Outlet { names: names.clone(), byte_s: serial.wire_s(1), links, jack: Jack::Unplugged, ailing: true };
        outlet.plug()?;
        ports.extend(outlet.names.iter().cloned().zip(outlet.links.iter().cloned()));
        outlets.push(outlet);
    }
    let mut tcp = BTreeMap::new();
    for name in &options.networked {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(HostError::Network)?;
        listener.set_nonblocking(true).map_err(HostError::Network)?;
        tcp.insert(name.clone(), listener.local_addr().map_err(HostError::Network)?.to_string());
        // A network has no baud, and what befalls the device is its pseudo-terminal's to tell, once.
        let jack = Jack::Network { listener, client: None, out: false };
        outlets.push(Outlet { names: vec![name.clone()], byte_s: 0.0, links: Vec::new(), jack, ailing: false });
    }
    let pan = options.scale.then(|| options.folder.join(PAN_FILE));
    if let Some(pan) = &pan {
        std::fs::write(pan, "0\n").map_err(file_error(pan))?;
    }
    let socket = options.folder.join("card.sock");
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).map_err(file_error(&socket))?;

    let shared = Arc::new(Shared {
        world: Mutex::new(world),
        log: Mutex::new(log),
        faults: options.faults.clone(),
        start: Instant::now(),
        speed: options.speed,
        stop: AtomicBool::new(false),
        card_seen: Mutex::new(None),
        card_taken: AtomicBool::new(false),
    });
    let said = Ready {
        version: VERSION,
        rig: options.rig.clone(),
        speed: options.speed,
        seed: options.seed,
        ports,
        tcp,
        card: socket,
        log: log_path,
    };
    let ready_path = options.folder.join(READY_FILE);
    let text = serde_json::to_string(&said).unwrap_or_default();
    std::fs::write(&ready_path, text).map_err(file_error(&ready_path))?;
    for outlet in &outlets {
        shared.note(0.0, &format!("emulator up: {} on {} at speed {}", outlet.name(), outlet.place(), options.speed));
    }

    for line in shared.faults.schedule(options.speed) {
        shared.note(0.0, &line);
    }

    let cards = Arc::clone(&shared);
    thread::spawn(move || serve_cards(&cards, &listener));
    for outlet in outlets {
        let shared = Arc::clone(&shared);
        thread::spawn(move || serve_serial(&shared, outlet));
    }
    if options.with_parent {
        let parent = Arc::clone(&shared);
        let linger = options.linger;
        thread::spawn(move || follow_parent(&parent, linger));
    }
    ready(&said);

    let mut looked = Instant::now();
    while !shared.stop.load(Ordering::Relaxed) {
        {
            let (_, mut world) = shared.now();
            if let Some(pan) = pan.as_ref().filter(|_| looked.elapsed() >= PAN_LOOK) {
                looked = Instant::now();
                // Half-written or no number: what lay there lies there still.
                let kg = std::fs::read_to_string(pan).ok().and_then(|text| text.trim().parse().ok());
                if let Some(kg) = kg.filter(|kg: &f64| kg.is_finite()) {
                    world.load(rig::config::SCALE, kg);
                }
            }
            expire_card(&shared, &mut world);
            shared.drain_events(&mut world);
        }
        thread::sleep(BEAT);
    }
    let end_s = shared.start.elapsed().as_secs_f64();
    for line in shared.faults.missed(end_s) {
        shared.note(end_s * shared.speed, &line);
    }
    Ok(())
}

fn replace_link(device: &Path, link: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(link) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    std::os::unix::fs::symlink(device, link)
}

fn expire_card(shared: &Shared, world: &mut World) {
    let mut seen = shared.card_seen.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.is_some_and(|at| at.elapsed() > CARD_LEASE) {
        *seen = None;
        world.set_duty(0.0);
        shared.note(world.bench_s(), "card: workload stopped, its lease ran out");
    }
}

/// Where a cable is plugged in, of one instrument or of several on one line: a pseudo-terminal behind a link for each, or a network.
struct Outlet {
    names: Vec<String>,
    byte_s: f64,
    links: Vec<PathBuf>,
    jack: Jack,
    /// It tells the devices what befalls them.
    ailing: bool,
}

/// What is in the outlet.
enum Jack {
    /// A pseudo-terminal without its cable.
    Unplugged,
    /// One with it. Our own slave end keeps it open while clients come and go.
    Pseudo(TTYPort, TTYPort),
    /// A network: one client at a time, and none while the cable is out.
    Network { listener: TcpListener, client: Option<TcpStream>, out: bool },
}

impl Outlet {
    /// Makes the link lead to a new pseudo-terminal, as a replugged adapter is a new device.
    fn plug(&mut self) -> Result<(), HostError> {
        if let Jack::Network { out, .. } = &mut self.jack {
            *out = false;
            return Ok(());
        }
        let (master, slave) = TTYPort::pair()?;
        let device = PathBuf::from(slave.name().unwrap_or_default());
        for link in &self.links {
            replace_link(&device, link).map_err(|source| HostError::File { path: link.clone(), source })?;
        }
        self.jack = Jack::Pseudo(master, slave);
        Ok(())
    }

    fn plugged(&self) -> bool {
        matches!(self.jack, Jack::Pseudo(..) | Jack::Network { out: false, .. })
    }

    fn unplug(&mut self) {
        // The ends first: whoever still has the port open hears the hang-up before the link is gone.
        match &mut self.jack {
            Jack::Network { client, out, .. } => (*client, *out) = (None, true),
            jack => *jack = Jack::Unplugged,
        }
        for link in &self.links {
            let _ = std::fs::remove_file(link);
        }
    }

    fn name(&self) -> String {
        self.names.join(", ")
    }

    fn place(&self) -> String {
        match &self.jack {
            Jack::Unplugged => "nothing".to_owned(),
            Jack::Pseudo(_, slave) => slave.name().unwrap_or_default(),
            Jack::Network { listener, .. } => listener.local_addr().map_or_else(|why| why.to_string(), |at| format!("tcp {at}")),
        }
    }

    /// What a client sent within this time.
    fn read(&mut self, buffer: &mut [u8], within: Duration) -> usize {
        let read = match &mut self.jack {
            Jack::Unplugged | Jack::Network { out: true, .. } => Err(ErrorKind::NotConnected.into()),
            Jack::Pseudo(master, _) => master.set_timeout(within).map_err(std::io::Error::from).and_then(|()| master.read(buffer)),
            Jack::Network { listener, client, .. } => heard(listener, client, buffer, within),
        };
        match read {
            Ok(n) => n,
            Err(e) if matches!(e.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => 0,
            Err(_) => {
                thread::sleep(within.min(BEAT));
                0
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let written = match &mut self.jack {
            Jack::Pseudo(master, _) => master.write_all(bytes),
            Jack::Network { client: Some(client), .. } => client.write_all(bytes),
            // Said to nobody.
            Jack::Unplugged | Jack::Network { .. } => Ok(()),
        };
        if written.is_err() {
            thread::sleep(BEAT);
        }
    }
}

/// What the client on the network sent within this time; one that hung up makes room for the next.
fn heard(listener: &TcpListener, client: &mut Option<TcpStream>, buffer: &mut [u8], within: Duration) -> std::io::Result<usize> {
    let Some(stream) = client else {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        *client = Some(stream);
        return Ok(0);
    };
    // A socket cannot be told to wait for no time at all.
    stream.set_read_timeout(Some(within.max(Duration::from_millis(1))))?;
    let read = stream.read(buffer);
    let gone = match &read {
        Ok(n) => *n == 0,
        Err(e) => !matches!(e.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted),
    };
    if gone {
        *client = None;
    }
    read
}

/// Moves bytes between one outlet and its instrument over a line with its faults. At speed 1 bytes take the wire's time.
fn serve_serial(shared: &Shared, mut outlet: Outlet) {
    let byte_s = if shared.speed <= 1.0 { outlet.byte_s } else { 0.0 };
    let names: Vec<&str> = outlet.names.iter().map(String::as_str).collect();
    let mut line = Line::shared(&shared.faults, &names, byte_s);
    // What befalls devices and not the line, each for itself.
    let mut fates: Vec<(String, Line)> =
        outlet.names.iter().filter(|_| outlet.ailing).map(|name| (name.clone(), Line::new(&shared.faults, name, 0.0))).collect();
    let mut buffer = [0_u8; 512];
    while !shared.stop.load(Ordering::Relaxed) {
        let now_s = shared.start.elapsed().as_secs_f64();
        if line.plugged(now_s) != outlet.plugged() {
            let said = if outlet.plugged() {
                outlet.unplug();
                "cable out".to_owned()
            } else {
                outlet.plug().map_or_else(|why| why.to_string(), |()| "cable in".to_owned())
            };
            shared.note(now_s * shared.speed, &format!("{}: {said}", outlet.name()));
        }
        for (name, fate) in &mut fates {
            for (ailment, says) in fate.ailments(now_s) {
                let (wall_s, mut world) = shared.now();
                world.suffer(name, wall_s, ailment);
                shared.drain_events(&mut world);
                line.send(now_s, Way::ToHost, &says);
            }
        }
        deliver(shared, &mut outlet, &mut line);
        let until = line.next_s(now_s).map_or(READ_WAIT, |at| Duration::try_from_secs_f64(at - now_s).unwrap_or_default());
        let n = outlet.read(&mut buffer, until.min(READ_WAIT));
        line.send(shared.start.elapsed().as_secs_f64(), Way::ToDevice, &buffer[..n]);
        deliver(shared, &mut outlet, &mut line);
    }
}

/// Hands over whatever has arrived, and the answers to it.
fn deliver(shared: &Shared, outlet: &mut Outlet, line: &mut Line) {
    loop {
        let arrived = line.due(shared.start.elapsed().as_secs_f64());
        if arrived.is_empty() {
            return;
        }
        for Parcel { way, bytes, .. } in arrived {
            if way == Way::ToHost {
                outlet.write(&bytes);
                continue;
            }
            for name in &outlet.names {
                let (wall_s, mut world) = shared.now();
                let reply = world.receive_at(name, wall_s, &bytes);
                shared.drain_events(&mut world);
                drop(world);
                line.send(wall_s, Way::ToHost, &reply);
            }
        }
    }
}

fn serve_cards(shared: &Arc<Shared>, listener: &UnixListener) {
    for stream in listener.incoming().flatten() {
        if shared.card_taken.swap(true, Ordering::SeqCst) {
            continue;
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            serve_card(&shared, stream);
            shared.card_taken.store(false, Ordering::SeqCst);
        });
    }
}

fn serve_card(shared: &Shared, mut stream: UnixStream) {
    let Ok(reading) = stream.try_clone() else { return };
    for line in BufReader::new(reading).lines() {
        let Ok(command) = line.map_err(|_| ()).and_then(|l| serde_json::from_str::<CardCommand>(&l).map_err(|_| ())) else { break };
        let answer = {
            let (_, mut world) = shared.now();
            world.set_duty(command.duty.unwrap_or(0.0));
            world.set_away(command.away);
            world.read_card()
        };
        *shared.card_seen.lock().unwrap_or_else(PoisonError::into_inner) = command.duty.map(|_| Instant::now());
        let Ok(mut text) = serde_json::to_string(&answer) else { break };
        text.push('\n');
        if stream.write_all(text.as_bytes()).is_err() {
            break;
        }
    }
}

fn follow_parent(shared: &Shared, linger: Duration) {
    let mut sink = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut sink);
    let bench_s = shared.start.elapsed().as_secs_f64() * shared.speed;
    shared.note(bench_s, "the engine that started this emulator is gone");
    thread::sleep(linger);
    let (_, mut world) = shared.now();
    shared.drain_events(&mut world);
    let state = if world.tec.output_on() { "on" } else { "off" };
    shared.note(world.bench_s(), &format!("emulator down: output {state}"));
    shared.stop.store(true, Ordering::Relaxed);
}
