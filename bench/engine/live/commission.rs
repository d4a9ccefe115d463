//! A commissioning in real time, on the ports of the rig or on its emulator.

use super::open::{Opening, open, remove_links};
use super::{RunError, socket};
use crate::commission::{Conducted, Operator, Pace, Record, Station, Store, conduct};
use signal::Tick;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How to open the bench, beyond the station.
#[derive(Clone, Debug)]
pub struct CommissionOptions {
    /// The program that can emulate a rig: ourselves.
    pub program: PathBuf,
    /// Use the emulator in this folder instead.
    pub emulator: Option<PathBuf>,
}

/// Conducts the open steps of `record` on the live bench.
pub fn commission(
    station: &Station,
    options: &CommissionOptions,
    operator: &mut dyn Operator,
    store: &mut Store,
    record: Record,
) -> Result<Conducted, RunError> {
    socket::make_folder().map_err(|source| RunError::System { doing: "use the folder for sockets", source })?;
    let name = format!("commission_{}_{}", record.id, std::process::id());
    let mut devices = open(&Opening {
        rig: &station.rig,
        rig_source: &station.order.rig,
        accelerator: &station.accelerator,
        workload: &station.workload,
        coupled: station.facts.coupled,
        put_back: &station.claim.put_back,
        // A rig is commissioned with the device as it is.
        settings: &[],
        speed: station.speed,
        dt_s: station.facts.dt_s,
        seed: station.order.seed,
        program: &options.program,
        emulator: options.emulator.as_deref(),
        name: &name,
        log: log_of(store.path()),
        keeping: workload::Keeping::default(),
        keep_files: false,
        per_joule: false,
        environment: Vec::new(),
    })?;
    let start = Instant::now();
    devices.origin = start;
    let mut pace = Wall { start, tick: Duration::from_secs_f64(station.facts.dt_s / station.speed) };
    let conducted = conduct(station, &mut devices, operator, &mut pace, store, record);
    remove_links(&name);
    Ok(conducted)
}

/// The emulator's log, beside the record.
fn log_of(record: &Path) -> PathBuf {
    record.with_extension("emulator.log")
}

/// Ticks by the wall.
pub(super) struct Wall {
    pub(super) start: Instant,
    pub(super) tick: Duration,
}

impl Pace for Wall {
    fn wait(&mut self, tick: Tick) -> Tick {
        let due = self.tick.mul_f64(tick as f64);
        let now = self.start.elapsed();
        std::thread::sleep(due.saturating_sub(now));
        // One that is late by more than a tick is skipped.
        tick + (now.saturating_sub(due).as_secs_f64() / self.tick.as_secs_f64()) as Tick
    }
}
