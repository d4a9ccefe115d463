//! The run folder from the engine's side: prediction and manifest before anything is switched on, figures and seal at the end.
//! What the files look like is `record`'s; what the figures mean is `report`'s.

use crate::band::Band;
use crate::calibrated::RangeWatch;
use crate::characterise;
use crate::commission::PlanWatch;
use crate::manifest::{AcceleratorCard, ColumnCard, Host, Manifest, PartCard, Plan, Program, Sealed, Segment, WorkloadCard};
use crate::rehearse::{Rehearsal, rehearse};
use crate::setup::Setup;
use record::{BAND, Column, Columns, Events, Folder, Handover, PREDICTION, RUN, SAMPLES, SUMMARY, Samples};
use report::{Ended, Preset};
use std::collections::BTreeMap;
use std::path::Path;
use thiserror::Error;

/// Why a run folder could not be begun or ended.
#[derive(Debug, Error)]
pub enum FolderError {
    /// A file cannot be written or read.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// The figures cannot be made.
    #[error(transparent)]
    Report(#[from] report::Error),
}

impl FolderError {
    /// The disk would not take it.
    pub const fn is_of_the_disk(&self) -> bool {
        matches!(self, Self::Record(why) if why.is_of_the_disk())
    }
}

/// A run folder that holds its prediction and manifest.
pub struct Begun {
    /// The folder.
    pub folder: Folder,
    /// Its manifest so far.
    pub manifest: Manifest,
    /// Columns of its CSVs.
    pub columns: Columns,
    /// What the prediction says.
    pub rehearsal: Rehearsal,
    /// Where the plan leaves the rig's authority map, by minute.
    pub outside: Option<String>,
}

/// Bytes that are kept for figures and seal; they come to half of that.
const FIGURES: usize = 32 << 10;

/// Room on the disk for the end of a run, until this is dropped.
#[derive(Debug)]
pub struct Room(Folder);

impl Room {
    /// Takes it.
    pub fn take(folder: &Folder) -> Result<Self, FolderError> {
        // The manifest of the end is written beside the one there is, and grows by what devices and work say of themselves.
        folder.reserve(2 * folder.text(RUN)?.len() + FIGURES)?;
        Ok(Self(folder.clone()))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// Makes the folder under `root`, rehearses into it and fixes the prediction's hash.
pub fn begin(setup: &Setup, root: &Path, program: Program) -> Result<Begun, FolderError> {
    let started = jiff::Timestamp::now();
    let folder = Folder::create(root, started, &setup.profile.name, &setup.rig.name)?;
    let columns = setup.maker.columns();
    let mut prediction = Samples::create(&folder.file(PREDICTION), columns.clone(), Handover::Blocks)?;
    let mut rows = 0;
    let mut authority = PlanWatch::new(setup);
    let (mut range, mut beyond) = (RangeWatch::default(), Vec::new());
    let rehearsal = rehearse(setup, |row| {
        rows += 1;
        authority.row(row);
        beyond.extend(range.row(setup, row));
        prediction.write(row)
    })?;
    prediction.sync()?;
    let mut manifest = manifest(setup, program, &folder, &columns, started);
    manifest.calibration = setup.calibrated.as_ref().map(|c| c.card(beyond));
    manifest.prediction = Some(sealed(&folder, PREDICTION, rows)?);
    // The band is part of what was predicted: made and fixed before anything is measured. Nothing is doubted, no band.
    if let Some(band) = Band::of(setup).filter(|_| rehearsal.flown) {
        band.write(&folder.file(BAND))?;
        manifest.band = Some(sealed(&folder, BAND, band.points() as u64)?);
    }
    write_manifest(&folder, &manifest)?;
    Ok(Begun { folder, manifest, columns, rehearsal, outside: authority.refused() })
}

/// What `run.toml` promises of a file that must not change any more.
fn sealed(folder: &Folder, file: &str, rows: u64) -> Result<Sealed, FolderError> {
    Ok(Sealed { file: file.into(), sha256: folder.sha256(file)?, rows, at: jiff::Timestamp::now().to_string() })
}

/// Replaces `run.toml`.
pub fn write_manifest(folder: &Folder, manifest: &Manifest) -> Result<(), FolderError> {
    // Only maps with keys that are no strings could be refused, and there are none.
    let text = toml::to_string(manifest).unwrap_or_else(|why| panic!("the manifest must serialise: {why}"));
    Ok(folder.replace(RUN, text.as_bytes())?)
}

/// Writers of the two files that grow.
pub fn files(folder: &Folder, columns: &Columns) -> Result<(Samples, Events), FolderError> {
    let samples = Samples::create(&folder.file(SAMPLES), columns.clone(), Handover::EachRow)?;
    Ok((samples, Events::create(&folder.file(record::EVENTS))?))
}

/// Final manifest, figures of merit, seal.
pub fn conclude(folder: &Folder, manifest: &Manifest, ended: Ended) -> Result<(), FolderError> {
    write_manifest(folder, manifest)?;
    let preset: &Preset = &report::PRESETS[0];
    let summary = report::summarise(folder, ended, preset)?;
    folder.replace(SUMMARY, summary.json().as_bytes())?;
    record::seal(folder)?;
    Ok(())
}

fn manifest(setup: &Setup, program: Program, folder: &Folder, columns: &Columns, started: jiff::Timestamp) -> Manifest {
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
        program,
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
            servo_node: law.servo.word().into(),
            heat_source: law.heat.source().word().into(),
            energy_source: setup.rig.interface.energy_source.word().into(),
            heat_gain: law.heat_gain,
            policy: setup.policy_words(),
            eclipse: law.crossing.word().into(),
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
            facts: setup.identity.as_ref().map(facts).unwrap_or_default(),
            checked: setup
                .identity
                .as_ref()
                .zip(characterise::folder())
                .and_then(|(i, folder)| characterise::latest(&folder, i).ok())
                .map(|k| k.checked),
            check: setup.held.clone(),
        },
        workload: WorkloadCard {
            name: setup.workload.to_string(),
            unit: setup.unit.clone(),
            description: String::new(),
            apart: String::new(),
            figures: BTreeMap::new(),
        },
        masses: masses(setup),
        boundary: setup.rig.boundary().map(|b| b.word().to_owned()),
        parts: setup.rig.masses.iter().map(|mass| (mass.name.clone(), part(mass))).collect(),
        commissioning: setup.commissioned.as_ref().map(|c| crate::manifest::Commissioning {
            id: c.id.clone(),
            file: c.file.display().to_string(),
            sha256: c.sha256.clone(),
            age_days: c.age_days,
            simulated: c.simulated,
        }),
        uncommissioned: setup.uncommissioned,
        waiver: setup.rig.waiver.as_ref().map(|waiver| crate::manifest::WaiverCard {
            who: waiver.who.clone(),
            when: waiver.when.clone(),
            why: waiver.why.clone(),
            unattended: setup.options.unattended,
            waives: setup.rig.waived().into_iter().map(|risk| (risk.key, risk.words)).collect(),
        }),
        calibration: None,
        work_map: setup.work_map.clone(),
        prediction: None,
        band: None,
        identities: BTreeMap::new(),
        session: None,
        segments: vec![Segment { number: 0, started: started.to_string() }],
        columns: columns.iter().map(|c| (c.name().to_owned(), column_card(setup, c))).collect(),
    }
}

/// Everything a real device says of itself that does not change.
fn facts(identity: &accelerator::Identity) -> BTreeMap<String, String> {
    let watts = |w: f64| format!("{w} W");
    let said = [
        ("UUID", identity.uuid.clone()),
        ("board UUID", identity.board_uuid.clone()),
        ("serial", identity.serial.clone()),
        ("driver", identity.driver.clone()),
        ("power limit", identity.full_w.map(watts)),
        ("default power limit", identity.default_limit_w.map(watts)),
        ("range of power limits", identity.limits_w.map(|(low, high)| format!("{low} to {high} W"))),
    ];
    let said = said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    said.chain(identity.facts.iter().cloned()).collect()
}

fn part(mass: &rig::config::Mass) -> PartCard {
    PartCard {
        kg: mass.kg,
        u_kg: mass.u_kg,
        wet_kg: mass.wet_kg,
        ledger: mass.ledger.word().to_owned(),
        boundary: mass.boundary.word().to_owned(),
        serves: mass.serves,
        weighed: mass.weighed.clone(),
    }
}

fn masses(setup: &Setup) -> BTreeMap<String, f64> {
    let ledgers = &setup.ledgers;
    let mut masses = BTreeMap::from([
        ("flight_cooling_kg".to_owned(), ledgers.flight_cooling_kg()),
        ("flight_radiator_kg".to_owned(), ledgers.modelled.radiator_kg),
        ("flight_loop_kg".to_owned(), ledgers.modelled.loop_kg),
        ("flight_array_kg".to_owned(), ledgers.modelled.array_kg),
        ("flight_battery_kg".to_owned(), ledgers.modelled.battery_kg),
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
    ColumnCard { unit: column.unit().to_owned(), class: column.class_where(setup.servoed()).word().to_owned(), origin: origin.to_owned() }
}
