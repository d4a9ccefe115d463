//! Opens the live bench: the emulator if the rig is emulated, every port, the device under test, its work; and says hello.

use super::accelerator::{RealAccelerator, VirtualCard};
use super::devices::{LiveDevices, Source};
use super::emulator::{Emulator, EmulatorError, Launch};
use super::{RunError, RunOptions, socket};
use crate::instrument::Known;
use crate::setup::Setup;
use accelerator::Spec;
use record::session::{Bound, BoundKind, Hello, RunCard, VERSION};
use record::{Column, Columns, Folder};
use rig::config::Connection;
use rig::driver_for;
use rig::port::Port;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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
            bounds,
            sunlight,
        },
        columns: columns.header(),
        rows: 0,
        last: None,
        latched: Vec::new(),
    }
}

/// Opens the bench: the emulator if the rig is emulated, every port, the device under test, its work.
pub(super) fn devices(setup: &Setup, options: &RunOptions, folder: &Folder) -> Result<LiveDevices, RunError> {
    let emulator = if setup.rig.emulated() {
        Some(match &options.emulator {
            Some(at) => Emulator::find(at, &setup.rig.name, setup.speed, setup.options.seed)?,
            None => Emulator::start(&Launch {
                program: options.program.clone(),
                rig: if setup.options.rig.from == "built in" { setup.rig.name.clone() } else { setup.options.rig.from.clone() },
                folder: bench_folder(&folder.name()),
                log: folder.file("emulator.log"),
                speed: setup.speed,
                seed: setup.options.seed,
                coupled: setup.coupled,
            })?,
        })
    } else {
        None
    };
    let (tell, events) = crossbeam_channel::unbounded();
    let mut ports = Vec::new();
    for (id, instrument) in setup.rig.instruments.iter().enumerate() {
        let path = match &instrument.connection {
            Connection::Port(path) => path.clone(),
            Connection::Emulated => emulated_port(emulator.as_ref(), &instrument.name)?,
        };
        let port = Port::open(path, instrument.baud, driver_for(instrument)?, tell.clone(), id)?;
        ports.push((port, Known::new(instrument)));
    }
    let source = match &setup.accelerator {
        Spec::Virtual => {
            let ready = &emulator.as_ref().ok_or_else(|| no_emulator("card"))?.ready;
            Source::Virtual(VirtualCard::open(&ready.card)?)
        }
        real => {
            let environment = [("ORBITBENCH_RUN".to_owned(), folder.path().display().to_string())];
            let device = real.open(Path::new("/"))?;
            let accelerator =
                RealAccelerator::start(device).map_err(|source| RunError::System { doing: "start the accelerator's thread", source })?;
            Source::Real { accelerator, workload: setup.workload.start(setup.options.seed, &environment)? }
        }
    };
    Ok(LiveDevices {
        ports,
        events,
        source: Some(source),
        emulator,
        origin: Instant::now(),
        speed: setup.speed,
        tick_wall: Duration::from_secs_f64(setup.law.dt_s / setup.speed),
        notes: Vec::new(),
        identities: Vec::new(),
        source_lost: false,
        channels: setup.rig.channels.clone(),
    })
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

/// Takes the emulator's links away; the log stays in the run folder.
pub(super) fn remove_links(folder: &Folder) {
    let _ = std::fs::remove_dir_all(bench_folder(&folder.name()));
}
