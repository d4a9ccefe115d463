//! Opens the live bench: the emulator if the rig is emulated, every port, the device under test, its work; and says hello.

use super::accelerator::{RealAccelerators, VirtualCard};
use super::devices::{LiveDevices, Source as Bench};
use super::emulator::{Emulator, EmulatorError, Launch};
use super::guardian::{self, AllGuarded, GuardError, Wanted};
use super::{RunError, RunOptions, socket};
use crate::boards::UnderTest;
use crate::claim::Claim;
use crate::instrument::Known;
use crate::setup::{Setup, Source};
use accelerator::nvml::Settings;
use accelerator::{Gpu, Spec};
use record::session::{Bound, BoundKind, Hello, RunCard, VERSION};
use record::{Column, Columns, Folder};
use rig::RigFile;
use rig::driver_for;
use rig::port::{Place, Port};
use signal::Severity;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use workload::Keeping;

/// Points of the sunlight strip an orbit.
const STRIP_STEPS: f64 = 240.0;

/// What screens are told first.
pub(super) fn hello(setup: &Setup, folder: &Folder, columns: &Columns) -> Hello {
    let law = &setup.law;
    let limits = law.setpoint.limits;
    let mut bounds = vec![Bound {
        column: Column::RigSetpointDegc.name().into(),
        kind: BoundKind::Setpoint,
        min: Some(limits.min()),
        max: Some(limits.max()),
    }];
    for trip in &law.trips {
        if let Some(column) = Column::for_channel(trip.channel) {
            bounds.push(Bound { column: column.name().into(), kind: BoundKind::Trip, min: trip.min, max: trip.max });
        }
    }
    let period_s = law.environment.period_s();
    let step = period_s / STRIP_STEPS;
    let steps = (law.duration_s / step).ceil().clamp(1.0, 20_000.0);
    let step = law.duration_s / steps;
    let sunlight = (0..=steps as u32).map(|k| (f64::from(k) * step, law.environment.at(f64::from(k) * step).illumination)).collect();
    Hello {
        version: VERSION,
        run: RunCard {
            name: folder.name(),
            folder: folder.path().display().to_string(),
            profile: setup.profile.title.clone(),
            rig: setup.rig.title.clone(),
            accelerator: setup.accelerator_name(),
            workload: setup.workload.to_string(),
            unit: setup.unit.clone(),
            simulated: setup.simulated(),
            dt_s: law.dt_s,
            duration_s: law.duration_s,
            period_s,
            speed: setup.speed,
            full_w: law.governor.full.0,
            servoed: setup.servoed().name().into(),
            energy_source: setup.rig.interface.energy_source,
            bounds,
            sunlight,
        },
        columns: columns.header(),
        rows: 0,
        last: None,
        latched: Vec::new(),
    }
}

/// What is opened: the bench of a run, or of a commissioning.
pub(super) struct Opening<'a> {
    pub(super) rig: &'a RigFile,
    pub(super) rig_source: &'a Source,
    pub(super) accelerator: &'a Spec,
    pub(super) workload: &'a workload::Spec,
    pub(super) coupled: bool,
    /// What was put back on it when it was claimed, before it was asked who it is.
    pub(super) put_back: &'a [String],
    /// What is set on each device under test while the bench is open; empty if nothing.
    pub(super) settings: &'a [Settings],
    pub(super) speed: f64,
    pub(super) dt_s: f64,
    pub(super) seed: u64,
    /// The program that can emulate a rig: ourselves.
    pub(super) program: &'a Path,
    /// Use the emulator in this folder instead.
    pub(super) emulator: Option<&'a Path>,
    /// Name of the run: the emulator's links go into a folder of that name.
    pub(super) name: &'a str,
    /// The emulator's log.
    pub(super) log: PathBuf,
    /// How the work crosses a time without power, and where to.
    pub(super) keeping: Keeping,
    /// Its files are to stay.
    pub(super) keep_files: bool,
    /// It is opened for nothing but work per joule: work that is not known to be where the energy is measured is refused.
    pub(super) per_joule: bool,
    /// Told to the workload.
    pub(super) environment: Vec<(String, String)>,
}

/// Opens the bench of a run.
pub(super) fn devices(setup: &Setup, options: &RunOptions, folder: &Folder) -> Result<LiveDevices, RunError> {
    // A command may have gone elsewhere when it is told of it.
    let files = folder.file(record::CHECKPOINTS);
    open(&Opening {
        rig: &setup.rig,
        rig_source: &setup.options.rig,
        accelerator: &setup.accelerator,
        workload: &setup.workload,
        coupled: setup.coupled,
        put_back: &setup.claim.put_back,
        settings: &setup.settings(),
        speed: setup.speed,
        dt_s: setup.law.dt_s,
        seed: setup.options.seed,
        program: &options.program,
        emulator: options.emulator.as_deref(),
        name: &folder.name(),
        log: folder.file("emulator.log"),
        keeping: Keeping { crossing: setup.law.crossing, folder: std::path::absolute(&files).unwrap_or(files) },
        keep_files: options.keep_checkpoints,
        per_joule: false,
        environment: vec![("ORBITBENCH_RUN".to_owned(), folder.path().display().to_string())],
    })
}

/// Opens a bench: the emulator if the rig is emulated, every port, the device under test, its work.
pub(super) fn open(bench: &Opening<'_>) -> Result<LiveDevices, RunError> {
    let emulator = if bench.rig.emulated() {
        Some(match bench.emulator {
            Some(at) => Emulator::find(at, &bench.rig.name, bench.speed, bench.seed)?,
            None => Emulator::start(&Launch {
                program: bench.program.to_owned(),
                rig: if bench.rig_source.from == "built in" { bench.rig.name.clone() } else { bench.rig_source.from.clone() },
                folder: bench_folder(bench.name),
                log: bench.log.clone(),
                speed: bench.speed,
                seed: bench.seed,
                coupled: bench.coupled,
            })?,
        })
    } else {
        None
    };
    let (tell, events) = crossbeam_channel::unbounded();
    let mut ports = Vec::new();
    for line in bench.rig.lines() {
        let first = &bench.rig.instruments[line[0]];
        let place = match Place::of(&first.connection) {
            Some(place) => place,
            None => emulated_port(emulator.as_ref(), &first.name)?.into(),
        };
        let mut drivers = Vec::new();
        for &id in &line {
            drivers.push((id, driver_for(&bench.rig.instruments[id])?));
        }
        ports.extend(line.iter().copied().zip(Port::share(place, first.serial, drivers, tell.clone())?));
    }
    // In the order of the rig's instruments, whose places are the ids.
    ports.sort_by_key(|(id, _)| *id);
    let ports = ports.into_iter().map(|(id, port)| (port, Known::new(&bench.rig.instruments[id]))).collect();
    let mut notes = Vec::new();
    let mut say = |severity, message| notes.push(control::Event { severity, kind: "settings", who: "engine".into(), message });
    let (mut claim, mut settings, mut apart) = (Claim::default(), None, None);
    let source = match bench.accelerator {
        Spec::Virtual => {
            let ready = &emulator.as_ref().ok_or_else(|| no_emulator("card"))?.ready;
            Bench::Virtual(VirtualCard::open(&ready.card, *bench.workload != workload::Spec::None)?)
        }
        real => {
            let devices = real.open_each(Path::new("/"))?;
            let boards: Vec<String> = devices.iter().filter_map(|d| d.identity().board_uuid.clone()).collect();
            // Nobody else of us may work on them, measure them or set them, and all would be wrong.
            claim = Claim::of_boards(&boards)?;
            let done = bench.put_back.iter().chain(&claim.put_back).map(String::as_str);
            claim.cautions().chain(done).for_each(|words| say(Severity::Warning, words.to_owned()));
            for why in &claim.left {
                // Who only watches may go on, knowing.
                if !bench.settings.is_empty() {
                    return Err(GuardError::Left(why.clone()).into());
                }
                say(Severity::Warning, why.clone());
            }
            if !bench.settings.is_empty() {
                let specs: Vec<&str> = devices.iter().map(|d| d.identity().spec.as_str()).collect();
                let (guarded, said) = set(bench, real.gpus(), &boards, &specs)?;
                for (severity, message) in said {
                    say(severity, message);
                }
                settings = Some(guarded);
            }
            let under_test = UnderTest::each(real, &devices);
            let accelerators =
                RealAccelerators::start(devices).map_err(|source| RunError::System { doing: "start the accelerator's thread", source })?;
            let mut environment = bench.environment.clone();
            environment.extend(under_test.environment());
            let start = workload::Start {
                seed: bench.seed,
                environment: &environment,
                program: Some(bench.program),
                measured: under_test.measured(),
                counted: under_test.counted(),
                keeping: Some(&bench.keeping),
            };
            let started = bench.workload.start(&start)?;
            apart = started.apart;
            if let Some(why) = apart.as_ref().filter(|_| bench.per_joule) {
                return Err(RunError::Map(format!(
                    "a map of work per joule cannot be measured: {why}; name the GPU in --workload cuda:GPU-…"
                )));
            }
            Bench::Real { accelerators, workload: started.work }
        }
    };
    if let Some(why) = &apart {
        let message = format!("no work per joule is told: {why}");
        notes.push(control::Event { severity: Severity::Warning, kind: record::APART, who: "engine".into(), message });
    }
    Ok(LiveDevices {
        ports,
        apart,
        settings,
        unguarded: None,
        _claim: claim,
        events,
        source: Some(source),
        emulator,
        origin: Instant::now(),
        speed: bench.speed,
        tick_wall: Duration::from_secs_f64(bench.dt_s / bench.speed),
        notes,
        identities: Vec::new(),
        source_lost: false,
        keeping: bench.keeping.clone(),
        keep_files: bench.keep_files,
        channels: bench.rig.channels.clone(),
        work_said: Default::default(),
    })
}

/// Sets what is asked for on every card, or on none; with what is to be said of it.
fn set(bench: &Opening<'_>, gpus: &[Gpu], boards: &[String], specs: &[&str]) -> Result<(AllGuarded, Vec<(Severity, String)>), GuardError> {
    if boards.len() != gpus.len() || bench.settings.len() != gpus.len() {
        return Err(GuardError::Guardian("the driver gives no UUID of a card that is to be set".to_owned()));
    }
    let log = guardian::log_of(bench.log.parent().unwrap_or(Path::new(".")));
    let tick = Duration::from_secs_f64(bench.dt_s / bench.speed);
    let name = |k: usize| if gpus.len() > 1 { format!("accelerator {} ({}): ", k + 1, specs[k]) } else { String::new() };
    let one = |(k, (gpu, uuid)): (usize, (&'_ Gpu, &'_ String))| Wanted {
        name: name(k),
        program: bench.program.to_owned(),
        gpu: gpu.clone(),
        uuid: uuid.clone(),
        settings: bench.settings[k],
        log: log.clone(),
        tick,
    };
    let wanted: Vec<Wanted> = gpus.iter().zip(boards).enumerate().map(one).collect();
    let (guarded, cautions) = AllGuarded::apply(&wanted)?;
    let mut said: Vec<(Severity, String)> = cautions.into_iter().map(|caution| (Severity::Warning, caution)).collect();
    said.extend(wanted.iter().map(|w| {
        let words = format!("{}set and read back: {}; put back at the end, by a guardian if need be", w.name, w.settings);
        (Severity::Info, words)
    }));
    Ok((guarded, said))
}

/// Links and socket of the emulator of a run: short paths, since a socket's may not be long.
fn bench_folder(run: &str) -> PathBuf {
    socket::folder().join(format!("{}.bench", socket::short(run)))
}

fn emulated_port(emulator: Option<&Emulator>, name: &str) -> Result<PathBuf, RunError> {
    let found = emulator.and_then(|e| e.ready.ports.get(name).cloned());
    found.ok_or_else(|| no_emulator(name).into())
}

fn no_emulator(what: &str) -> EmulatorError {
    EmulatorError::Silent(format!("it has no \"{what}\""))
}

/// Takes the emulator's links of this run away; its log stays.
pub(super) fn remove_links(name: &str) {
    let _ = std::fs::remove_dir_all(bench_folder(name));
}
