//! A run in real time: predict, seal the prediction, open the bench, fly, tear down, seal the folder, compare.
//!
//! The tick runs on the calling thread. Everything else that can block has a thread of its own, and nobody waits for one
//! without a deadline. Every way out goes through one teardown.

mod absence;
mod accelerator;
mod commission;
mod conclude;
mod devices;
mod emulator;
mod guardian;
mod leftover;
mod open;
mod outcome;
mod pace;
mod poll;
mod recorder;
mod socket;
mod together;
mod workmap;

pub use commission::{CommissionOptions, commission};
pub(crate) use emulator::announced;
pub use emulator::{EmulatorError, Launch};
pub use guardian::{GuardError, guard};
pub(crate) use guardian::{anything_left, left_on, of_a_holder, take_up};
pub use outcome::{Outcome, Progress, RunError};
pub use socket::{folder as socket_folder, make_folder as make_socket_folder, path_of as socket_path};
pub use workmap::{MapOptions, MapOutcome, measure};

use crate::calibrated::{RangeWatch, caution};
use crate::devices::{Devices, Unconfirmed};
use crate::folder::{self, Begun};
use crate::manifest::Program;
use crate::pilot::Pilot;
use crate::row::Stamp;
use crate::setup::Setup;
use absence::{Absence, Clocks};
use control::{End, Event};
use devices::LiveDevices;
use outcome::{end_words, how, panic_words};
use pace::Pace;
use record::Row;
use recorder::Recorder;
use report::Ended;
use signal::{Request, RunState, Severity, Tick};
use socket::Session;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Most wall time the teardown may take before what is left is unconfirmed.
const TEARDOWN: Duration = Duration::from_secs(5);
/// Most wall time the recorder may take to write what is queued.
const WRITE_OUT: Duration = Duration::from_secs(10);
/// How often progress is told, wall time.
const PROGRESS: Duration = Duration::from_secs(1);

/// How to run, beyond the setup.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Where run folders go.
    pub out: PathBuf,
    /// The program that can emulate a rig: ourselves.
    pub program: PathBuf,
    /// Use the emulator in this folder instead.
    pub emulator: Option<PathBuf>,
    /// The work's checkpoints stay in the run folder at the end.
    pub keep_checkpoints: bool,
    /// What the manifest says of the program.
    pub named: Program,
}

/// Flies `setup`; tells `observe` how it goes.
pub fn fly(setup: &Setup, options: &RunOptions, observe: &mut dyn FnMut(&Progress)) -> Result<Outcome, RunError> {
    if !setup.rig.emulated() && setup.commissioned.is_none() && !setup.uncommissioned {
        return Err(RunError::Commissioning("real hardware without a commissioning record, nor a word that it is to be brought up".into()));
    }
    let Begun { folder, mut manifest, columns, rehearsal, outside } = folder::begin(setup, &options.out, options.named.clone())?;
    observe(&Progress::Folder(folder.path().to_owned()));
    if !rehearsal.flown {
        return Err(RunError::Rehearsal(rehearsal.end));
    }
    if let Some(outside) = outside {
        return Err(RunError::Commissioning(format!("the plan leaves the rig's authority map at {outside}")));
    }
    observe(&Progress::Predicted(Box::new(rehearsal)));
    let room = folder::Room::take(&folder)?;
    let (samples, events) = folder::files(&folder, &columns)?;
    let recorder = Recorder::start(samples, events).map_err(|source| RunError::System { doing: "start the recorder's thread", source })?;

    let (asks, requests) = crossbeam_channel::unbounded();
    let socket = socket::path_of(&folder.name());
    manifest.session = Some(crate::manifest::Session { socket: socket.display().to_string(), pid: std::process::id() });
    let hello = open::hello(setup, &folder, &columns);
    let session =
        Session::open(socket.clone(), hello, asks).map_err(|source| RunError::System { doing: "open the session socket", source })?;
    folder::write_manifest(&folder, &manifest)?;
    let mut devices = open::devices(setup, options, &folder)?;
    // Not before: whoever hears of a session takes the run for begun.
    observe(&Progress::Session { socket, name: folder.name() });
    let start = Instant::now();
    devices.origin = start;
    let mut flight = Flight {
        setup,
        pilot: Pilot::new(setup.law.clone(), setup.maker.clone()).held(setup.held.as_ref()),
        devices,
        recorder: &recorder,
        session: &session,
        requests,
        observe,
        start,
        started: jiff::Timestamp::now(),
        told: Instant::now(),
        range: RangeWatch::default(),
        absence: Absence::new(Clocks::now()),
        pace: Pace::default(),
    };
    let beyond = manifest.calibration.iter().flat_map(|c| c.outside.iter().map(|words| format!("predicted: {words}")));
    for words in setup.cautions().into_iter().chain(beyond) {
        flight.show(0, caution(words));
    }
    for message in leftover::beside(&folder) {
        flight.show(0, Event { severity: Severity::Warning, kind: "checkpoint", who: "engine".into(), message });
    }
    let flown = catch_unwind(AssertUnwindSafe(|| flight.run()));
    let (end, internal) = match flown {
        Ok(end) => (end, None),
        Err(panic) => {
            let why = panic_words(panic.as_ref());
            (End::Tripped(format!("the controller panicked: {why}")), Some(why))
        }
    };
    let (end, unknown) = flight.conclude(end);
    let unconfirmed = flight.tear_down(&end);
    manifest.workload.apart = flight.devices.apart.take().unwrap_or_default();
    let identities = std::mem::take(&mut flight.devices.identities);
    (manifest.workload.description, manifest.workload.figures) = std::mem::take(&mut flight.devices.work_said);
    drop(flight);

    manifest.identities.extend(identities);
    manifest.session = None;
    let mut outcome =
        Outcome { folder: folder.path().to_owned(), end, unconfirmed, words: String::new(), internal, unrecorded: None, sealed: false };
    outcome.words = end_words(&outcome.end, unknown.as_deref(), &outcome.unconfirmed);
    match recorder.close(WRITE_OUT) {
        Err(why) if why == recorder::PANICKED => {
            outcome.internal.get_or_insert(why);
        }
        Err(why) => outcome.unrecorded(why, unknown.as_deref()),
        Ok(()) => {}
    }
    open::remove_links(&folder.name());
    drop(room);
    match folder::conclude(
        &folder,
        &manifest,
        Ended { how: how(&outcome.end).to_owned(), code: outcome.code(), words: outcome.words.clone() },
    ) {
        Ok(()) => outcome.sealed = true,
        Err(why) if why.is_of_the_disk() => outcome.unrecorded(why.to_string(), unknown.as_deref()),
        Err(why) => {
            outcome.internal.get_or_insert(why.to_string());
        }
    }
    session.close(outcome.code(), &outcome.words);
    Ok(outcome)
}

struct Flight<'a> {
    setup: &'a Setup,
    pilot: Pilot,
    devices: LiveDevices,
    recorder: &'a Recorder,
    session: &'a Session,
    requests: crossbeam_channel::Receiver<(String, Request)>,
    observe: &'a mut dyn FnMut(&Progress),
    start: Instant,
    started: jiff::Timestamp,
    told: Instant,
    range: RangeWatch,
    absence: Absence,
    pace: Pace,
}

impl Flight<'_> {
    /// Wall time of a tick.
    fn wall_of(&self, tick: Tick) -> Duration {
        Duration::from_secs_f64(tick as f64 * self.setup.law.dt_s / self.setup.speed)
    }

    /// Ticks until the end; a tick that comes more than one late is missed, and its time integrated across.
    fn run(&mut self) -> End {
        loop {
            let due = self.wall_of(self.pilot.next_tick());
            let meant = due.saturating_sub(self.start.elapsed());
            std::thread::sleep(meant);
            if let Some(words) = self.absence.look(Clocks::now(), meant) {
                // Its thread stood still too: what waits in its queue does not wait for a disk.
                self.recorder.resumed();
                let tick = self.pilot.next_tick();
                self.show(tick, Event { severity: Severity::Warning, kind: "absence", who: "engine".into(), message: words });
            }
            let now = self.start.elapsed();
            let missed = (now.saturating_sub(due).as_secs_f64() / self.wall_of(1).as_secs_f64()) as u32;
            let requests: Vec<_> = self.requests.try_iter().collect();
            let (started, speed, dt_s) = (self.started, self.setup.speed, self.setup.law.dt_s);
            let (current, now_s) = (self.pilot.next_tick() + Tick::from(missed), self.start.elapsed().as_secs_f64());
            let stamp = |tick: Tick| {
                let bench_s = tick as f64 * dt_s;
                // A missed tick was due when it was due; the one that is here has its real time.
                let elapsed_s = if tick == current { now_s } else { bench_s / speed };
                Stamp {
                    segment: 0,
                    utc: started.checked_add(jiff::SignedDuration::from_secs_f64(elapsed_s)).ok(),
                    elapsed_s: Some(elapsed_s),
                    bench_s,
                }
            };
            let ticked = self.pilot.tick(&mut self.devices, missed, requests, stamp);
            let last = ticked.rows.last().cloned();
            let tick = self.pilot.next_tick() - 1;
            if let Some(why) = self.setup.calibrated.as_ref().and_then(|c| c.other_instrument(&self.devices.identities)) {
                // Identified before anything is switched on: what it was calibrated with is not here.
                self.show(tick, Event { severity: Severity::Trip, kind: "calibration", who: "engine".into(), message: why.clone() });
                return End::Tripped(why);
            }
            let mut events = ticked.events;
            let lag = self.pace.tick(now, missed, speed);
            events.extend(lag.map(|message| Event { severity: Severity::Warning, kind: "pace", who: "engine".into(), message }));
            events.extend(ticked.rows.iter().flat_map(|row| self.range.row(self.setup, row)).map(caution));
            let recorded = self.record(tick, ticked.rows, events);
            if let Err(why) = recorded {
                // Not recorded, not flown: the commands of this tick never leave.
                let event = Event { severity: Severity::Trip, kind: "recorder", who: "engine".into(), message: why.clone() };
                self.show(tick, event);
                return End::Tripped(why);
            }
            self.pilot.command(&mut self.devices, &ticked.output.commands);
            if let Some(row) = last {
                self.tell(row);
            }
            if let Some(why) = self.devices.unguarded.take() {
                self.show(tick, Event { severity: Severity::Trip, kind: "settings", who: "engine".into(), message: why.clone() });
                return End::Tripped(why);
            }
            if let Some(end) = ticked.output.end {
                return end;
            }
        }
    }

    fn record(&mut self, tick: Tick, rows: Vec<Row>, events: Vec<Event>) -> Result<(), String> {
        for event in events {
            // Retries and gaps are for the log; states and whatever is bad are for whoever watches.
            if event.severity > Severity::Info || matches!(event.kind, "state" | "request") {
                (self.observe)(&Progress::Event(event.clone()));
            }
            let event = self.stamped(tick, event);
            self.recorder.event(event.clone())?;
            self.session.event(event);
        }
        for row in rows {
            self.recorder.row(row.clone())?;
            self.session.row(row);
        }
        Ok(())
    }

    fn stamped(&self, tick: Tick, event: Event) -> record::Event {
        record::Event {
            utc: Some(jiff::Timestamp::now()),
            elapsed_s: Some(self.start.elapsed().as_secs_f64()),
            tick,
            severity: event.severity,
            kind: event.kind.to_owned(),
            who: event.who,
            message: event.message,
        }
    }

    /// Shows an event even where it can no longer be recorded.
    fn show(&mut self, tick: Tick, event: Event) {
        let stamped = self.stamped(tick, event.clone());
        // What a full disk refuses is still on the screen and on standard error.
        let _ = self.recorder.event(stamped.clone());
        self.session.event(stamped);
        (self.observe)(&Progress::Event(event));
    }

    fn tell(&mut self, row: Row) {
        if self.told.elapsed() < PROGRESS {
            return;
        }
        self.told = Instant::now();
        let duration_s = self.setup.law.duration_s;
        let eta_s = row.mission_s.filter(|_| row.state == RunState::Running).map(|m| (duration_s - m) / self.setup.speed);
        (self.observe)(&Progress::At { state: row.state, mission_s: row.mission_s, duration_s, eta_s, row: Box::new(row) });
    }

    /// The one way out: workload, outputs, ports, each with a deadline, and the words that say what is safe.
    fn tear_down(&mut self, end: &End) -> Vec<Unconfirmed> {
        let tick = self.pilot.next_tick();
        let (unconfirmed, events) = self.devices.make_safe(TEARDOWN);
        for event in events {
            self.show(tick, event);
        }
        for left in &unconfirmed {
            let message = format!("SAFE UNCONFIRMED {}: {}", left.device, left.why);
            self.show(tick, Event { severity: Severity::Alarm, kind: "safe", who: "engine".into(), message });
        }
        if unconfirmed.is_empty() {
            self.show(
                tick,
                Event {
                    severity: Severity::Info,
                    kind: "safe",
                    who: "engine".into(),
                    message: format!("SAFE CONFIRMED after the run was {}", how(end)),
                },
            );
        }
        unconfirmed
    }
}
