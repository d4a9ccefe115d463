//! A work map in real time, on the ports of the rig or on its emulator: one sitting, block by block, each with a bench of its own since the work is
//! another one.

use super::commission::Wall;
use super::open::{Opening, open, remove_links};
use super::{RunError, socket};
use crate::devices::{Devices, Look, Sunlight, Unconfirmed};
use crate::live::devices::LiveDevices;
use crate::workmap::{Conducted, Ended, Observer, Store, Survey, conduct};
use control::{Commands, Event};
use signal::Tick;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use survey::Planned;

/// How to open the bench, beyond the survey.
#[derive(Clone, Debug)]
pub struct MapOptions {
    /// The program that can emulate a rig: ourselves.
    pub program: PathBuf,
    /// Use the emulator in this folder instead.
    pub emulator: Option<PathBuf>,
}

/// How a sitting ended.
#[derive(Clone, Debug)]
pub struct MapOutcome {
    /// How.
    pub ended: Ended,
    /// What is not confirmed safe.
    pub unconfirmed: Vec<Unconfirmed>,
    /// The program itself failed, in words.
    pub internal: Option<String>,
    /// The map is finished and sealed.
    pub sealed: bool,
}

impl MapOutcome {
    /// The documented exit code.
    pub fn code(&self) -> u8 {
        match &self.ended {
            _ if !self.unconfirmed.is_empty() => 7,
            _ if self.internal.is_some() => 1,
            Ended::Done => 0,
            Ended::Stopped => 5,
            Ended::Tripped(_) => 6,
        }
    }
}

/// Measures what is still open of the map in `store`.
pub fn measure(survey: &Survey, options: &MapOptions, observer: &mut dyn Observer, store: &mut Store) -> Result<MapOutcome, RunError> {
    socket::make_folder().map_err(|source| RunError::System { doing: "use the folder for sockets", source })?;
    store.begin().map_err(|why| kept(&why))?;
    let mut outcome = MapOutcome { ended: Ended::Done, unconfirmed: Vec::new(), internal: None, sealed: false };
    let planned = store.planned().to_vec();
    let mut batches: Vec<Option<u32>> = planned.iter().map(|p| p.batch).collect();
    batches.dedup();
    for batch in batches {
        let block: Vec<Planned> = planned.iter().filter(|p| p.batch == batch).copied().collect();
        if block.iter().all(|p| store.done().iter().any(|d| d.index == p.index)) {
            continue;
        }
        let Conducted { ended, unconfirmed, internal } = one(survey, options, observer, store, &block, batch)?;
        (outcome.ended, outcome.unconfirmed, outcome.internal) = (ended, unconfirmed, internal);
        if outcome.code() != 0 {
            break;
        }
    }
    let how = match &outcome.ended {
        Ended::Done => "done".to_owned(),
        Ended::Stopped => "stopped".to_owned(),
        Ended::Tripped(why) => format!("tripped: {why}"),
    };
    let safe = if outcome.unconfirmed.is_empty() { "SAFE CONFIRMED" } else { "SAFE UNCONFIRMED" };
    match store.end(&format!("{how}. {safe}")) {
        Ok(sealed) => outcome.sealed = sealed,
        // As in a run: what the disk does not take is an interlock's, unless the end was one already.
        Err(why) if why.is_of_the_disk() => match &outcome.ended {
            Ended::Done | Ended::Stopped => outcome.ended = Ended::Tripped(why.to_string()),
            Ended::Tripped(told) => outcome.ended = Ended::Tripped(format!("{told}; {why}")),
        },
        Err(why) => outcome.internal = outcome.internal.or(Some(why.to_string())),
    }
    Ok(outcome)
}

fn kept(why: &dyn std::fmt::Display) -> RunError {
    RunError::Map(why.to_string())
}

fn one(
    survey: &Survey,
    options: &MapOptions,
    observer: &mut dyn Observer,
    store: &mut Store,
    block: &[Planned],
    batch: Option<u32>,
) -> Result<Conducted, RunError> {
    let station = &survey.station;
    let workload = survey.workload(batch).map_err(|why| kept(&why))?;
    let name = format!("{}_{}", store.folder().name(), std::process::id());
    let devices = open(&Opening {
        rig: &station.rig,
        rig_source: &station.order.rig,
        accelerator: &station.accelerator,
        workload: &workload,
        coupled: station.facts.coupled,
        put_back: &station.claim.put_back,
        settings: &survey.settings,
        speed: station.speed,
        dt_s: station.facts.dt_s,
        seed: station.order.seed,
        program: &options.program,
        emulator: options.emulator.as_deref(),
        name: &name,
        log: store.folder().file("emulator.log"),
        keeping: workload::Keeping::default(),
        keep_files: false,
        // Of an external meter all the work behind it is.
        per_joule: station.rig.interface.energy_source == signal::Source::Accelerator,
        environment: vec![("ORBITBENCH_MAP".to_owned(), store.folder().path().display().to_string())],
    })?;
    let start = Instant::now();
    let mut devices = Said { inner: devices, what: None };
    devices.inner.origin = start;
    let mut pace = Wall { start, tick: Duration::from_secs_f64(station.facts.dt_s / station.speed) };
    let conducted = conduct(survey, &mut devices, observer, &mut pace, store, block);
    if let Some((description, unit)) = devices.what {
        store.work(&description, unit.as_deref());
    }
    remove_links(&name);
    Ok(conducted)
}

/// The live bench, keeping what the work says it is: the bench is given up with its workload.
struct Said {
    inner: LiveDevices,
    what: Option<(String, Option<String>)>,
}

impl Devices for Said {
    fn sunlight(&mut self, sun: Sunlight) {
        self.inner.sunlight(sun);
    }

    fn latest(&mut self, tick: Tick, bench_s: f64) -> Look {
        self.inner.latest(tick, bench_s)
    }

    fn apply(&mut self, tick: Tick, commands: &Commands) {
        self.inner.apply(tick, commands);
    }

    fn make_safe(&mut self, within: Duration) -> (Vec<Unconfirmed>, Vec<Event>) {
        let unit = self.inner.unit();
        let made = self.inner.make_safe(within);
        self.what = Some((std::mem::take(&mut self.inner.work_said.0), unit));
        made
    }
}
