//! What comes before the first tick and after the last: the folder, the prediction, the manifest, the bench; figures and seal.

use super::accelerator::{RealAccelerator, VirtualCard};
use super::devices::{LiveDevices, Source};
use super::emulator::{Emulator, EmulatorError, Launch};
use super::{Progress, RunError, RunOptions, socket};
use crate::instrument::Known;
use crate::manifest::{AcceleratorCard, ColumnCard, Host, Manifest, Plan, Program, Sealed, Segment, WorkloadCard};
use crate::rehearse::rehearse;
use crate::setup::Setup;
use accelerator::Spec;
use control::End;
use record::session::{Bound, BoundKind, Hello, RunCard, VERSION};
use record::{Column, Columns, Events, Folder, Handover, PREDICTION, RUN, SAMPLES, SUMMARY, Samples};
use rig::port::Port;
use rig::config::Connection;
use rig::driver_for;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Points of the sunlight strip an orbit.
const STRIP_STEPS: f64 = 240.0;

pub(super) struct Prepared {
    pub(super) folder: Folder,
    pub(super) manifest: Manifest,
    pub(super) columns: Columns,
}

/// Makes the folder, rehearses into it and seals the prediction's hash before anything is switched on.
pub(super) fn prepare(setup: &Setup, options: &RunOptions, observe: &mut dyn FnMut(&Progress)) -> Result<Prepared, RunError> {
    let started = jiff::Timestamp::now();
    let folder = Folder::create(&options.out, started, &setup.profile.name, &setup.rig.name)?;
    observe(&Progress::Folder(folder.path().to_owned()));
    let columns = setup.maker.columns();
    let mut prediction = Samples::create(&folder.file(PREDICTION), columns.clone(), Handover::Blocks)?;
    let mut rows = 0;
    let told = rehearse(setup, |row| {
        rows += 1;
        prediction.write(row)
    })?;
    prediction.sync()?;
    let mut manifest = manifest(setup, options, &folder, &columns, started);
    manifest.prediction = Some(Sealed { file: PREDICTION.into(), sha256: folder.sha256(PREDICTION)?, rows, at: jiff::Timestamp::now().to_string() });
    write_manifest(&folder, &manifest)?;
    if !told.flown {
        return Err(RunError::Rehearsal(told.end));
    }
    observe(&Progress::Predicted(Box::new(told)));
    Ok(Prepared { folder, manifest, columns })
}

pub(super) fn write_manifest(folder: &Folder, manifest: &Manifest) -> Result<(), RunError> {
    // Only maps with keys that are no strings could be refused, and there are none.
    let text = toml::to_string(manifest).unwrap_or_else(|why| panic!("the manifest must serialise: {why}"));
    Ok(folder.replace(RUN, text.as_bytes())?)
}

pub(super) fn files(folder: &Folder, columns: &Columns) -> Result<(Samples, Events), RunError> {
    let samples = Samples::create(&folder.file(SAMPLES), columns.clone(), Handover::EachRow)?;
    Ok((samples, Events::create(&folder.file(record::EVENTS))?))
}

fn manifest(setup: &Setup, options: &RunOptions, folder: &Folder, columns: &Columns, started: jiff::Timestamp) -> Manifest {
    let law = &setup.law;
    let system = rustix::system::uname();
    let words = |c: &std::ffi::CStr| c.to_string_lossy().into_owned();
    let source = |name: &str, s: &crate::setup::Source| crate::manifest::Source {
        name: name.to_owned(),
        from: s.from.clone(),
        sha256: record::sha256(s.text.as_bytes()),
        text: s.text.clone(),
    };
    Manifest {
        schema: 1,
        name: folder.name(),
        simulated: setup.simulated(),
        simulated_because: setup.simulated_because.clone(),
        program: Program { version: options.version.clone(), commit: options.commit.clone(), command: options.command.clone() },
        plan: Plan {
            share: setup.share,
            dt_s: law.dt_s,
            duration_s: law.duration_s,
            period_s: law.environment.period_s(),
            speed: setup.speed,
            seed: setup.options.seed,
            full_w: law.governor.full.0,
            idle_w: law.governor.idle.0,
            assume_w: law.assume_heat_w,
            servo_node: match law.servo {
                control::Servo::Plate => "plate".into(),
                control::Servo::CoolantSupply => "coolant_supply".into(),
            },
            heat_gain: law.heat_gain,
        },
        host: Host { name: words(system.nodename()), system: format!("{} {}", words(system.sysname()), words(system.release())) },
        profile: source(&setup.profile.name, &setup.options.profile),
        rig: source(&setup.rig.name, &setup.options.rig),
        accelerator: AcceleratorCard {
            spec: setup.accelerator.to_string(),
            name: setup.accelerator_name(),
            origin: if setup.accelerator.is_real() { "measured".into() } else { "simulated".into() },
            coupled: setup.coupled,
            notes: setup.identity.as_ref().map(|i| i.notes.clone()).unwrap_or_default(),
        },
        workload: WorkloadCard { name: setup.workload.to_string(), unit: setup.unit.clone() },
        masses: masses(setup),
        prediction: None,
        identities: BTreeMap::new(),
        session: None,
        segments: vec![Segment { number: 0, started: started.to_string() }],
        columns: columns.iter().map(|c| (c.name().to_owned(), column_card(setup, c))).collect(),
    }
}

fn masses(setup: &Setup) -> BTreeMap<String, f64> {
    let ledgers = &setup.ledgers;
    let mut masses = BTreeMap::from([
        ("flight_cooling_kg".to_owned(), ledgers.flight_cooling_kg()),
        ("flight_radiator_kg".to_owned(), ledgers.modelled.radiator_kg),
        ("flight_loop_kg".to_owned(), ledgers.modelled.loop_kg),
        ("flight_array_kg".to_owned(), ledgers.modelled.array_kg),
        ("test_support_kg".to_owned(), ledgers.support.kg()),
    ]);
    masses.extend(ledgers.flight_kg().map(|kg| ("flight_kg".to_owned(), kg)));
    masses
}

fn column_card(setup: &Setup, column: Column) -> ColumnCard {
    let origin = match column.name().split('_').next() {
        Some("rig") if column.channel().is_some() && setup.rig.emulated() => "simulated",
        Some("accel" | "work") if column.channel().is_some() && !setup.accelerator.is_real() => "simulated",
        _ if column.channel().is_some() => "measured",
        _ => "computed",
    };
    ColumnCard { unit: column.unit().to_owned(), class: column.class().word().to_owned(), origin: origin.to_owned() }
}

/// What screens are told first.
pub(super) fn hello(setup: &Setup, folder: &Folder, columns: &Columns) -> Hello {
    let law = &setup.law;
    let limits = law.setpoint.limits;
    let mut bounds = vec![Bound { column: Column::RigSetpointDegc.name().into(), kind: BoundKind::Setpoint, min: Some(limits.min()), max: Some(limits.max()) }];
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
            Some(at) => Emulator::find(at)?,
            None => Emulator::start(&Launch {
                program: options.program.clone(),
                rig: if setup.options.rig.from == "built in" { setup.rig.name.clone() } else { setup.options.rig.from.clone() },
                folder: bench_folder(&folder.name()),
                log: folder.file("emulator.log"),
                speed: setup.speed,
                seed: setup.options.seed,
            })?,
        })
    } else {
        None
    };
    let (tell, events) = crossbeam_channel::unbounded();
    let mut ports = Vec::new();
    for (id, instrument) in setup.rig.instruments.iter().enumerate() {
        let (path, emulated) = match &instrument.connection {
            Connection::Port(path) => (path.clone(), false),
            Connection::Emulated => (emulated_port(emulator.as_ref(), &instrument.name)?, true),
        };
        let port = Port::open(path, instrument.baud, driver_for(instrument)?, tell.clone(), id)?;
        ports.push((port, Known::new(&instrument.name, emulated)));
    }
    let source = match &setup.accelerator {
        Spec::Virtual => {
            let ready = &emulator.as_ref().ok_or_else(|| no_emulator("card"))?.ready;
            Source::Virtual(VirtualCard::open(&ready.card)?)
        }
        real => {
            let environment = [("ORBITBENCH_RUN".to_owned(), folder.path().display().to_string())];
            let device = real.open(Path::new("/"))?;
            let accelerator = RealAccelerator::start(device).map_err(|source| RunError::System { doing: "start the accelerator's thread", source })?;
            Source::Real { accelerator, workload: setup.workload.start(setup.options.seed, &environment)? }
        }
    };
    Ok(LiveDevices {
        ports,
        events,
        source: Some(source),
        emulator,
        tick_wall: Duration::from_secs_f64(setup.law.dt_s / setup.speed),
        notes: Vec::new(),
        identities: Vec::new(),
        source_lost: false,
    })
}

/// Links and socket of the emulator of a run: short paths, since a socket's may not be long.
fn bench_folder(run: &str) -> PathBuf {
    socket::folder().join(format!("{run}.bench"))
}

fn emulated_port(emulator: Option<&Emulator>, name: &str) -> Result<PathBuf, RunError> {
    let found = emulator.and_then(|e| e.ready.ports.get(name).cloned());
    found.ok_or_else(|| no_emulator(name).into())
}

fn no_emulator(what: &str) -> EmulatorError {
    EmulatorError::Silent(format!("it has no \"{what}\""))
}

/// Figures of merit, final manifest, seal and comparison.
pub(super) fn conclude(setup: &Setup, folder: &Folder, manifest: &Manifest, end: &End, words: &str) -> Result<(), RunError> {
    write_manifest(folder, manifest)?;
    let _ = std::fs::remove_dir_all(bench_folder(&folder.name()));
    let summary = crate::conclude::summary(setup, folder, end, words)?;
    folder.replace(SUMMARY, summary.as_bytes())?;
    record::seal(folder)?;
    Ok(())
}
