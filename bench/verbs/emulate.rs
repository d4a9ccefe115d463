//! `rig emulate`: the emulated rig as a process of its own.

use crate::exit::{BadInput, Exit};
use crate::plan;
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use twin::host::{HostOptions, host};
use twin::{Scenario, Truth};

/// Where the emulator's links and log go.
pub(crate) struct Where {
    pub(crate) folder: PathBuf,
    pub(crate) log: Option<PathBuf>,
}

/// How the bench is emulated.
pub(crate) struct What {
    pub(crate) speed: f64,
    pub(crate) seed: u64,
    pub(crate) calibration: Option<PathBuf>,
    pub(crate) faults: Option<PathBuf>,
    pub(crate) uncoupled: bool,
    pub(crate) with_parent: bool,
}

/// Its device is on a network: it says so, or is one that is nowhere else.
fn networked(instrument: &rig::Instrument) -> bool {
    let only = matches!(&instrument.driver, rig::DriverKind::Line(line) if line.dialect.name == "sinara-8451");
    only || matches!(instrument.connection, rig::config::Connection::Tcp(_))
}

fn emulated_line(rig: &rig::RigFile, places: &[usize]) -> (Vec<String>, rig::Serial) {
    let instruments = || places.iter().map(|at| &rig.instruments[*at]);
    let serial = instruments().next().map_or(rig::Serial::n81(9600), |first| first.serial);
    (instruments().map(|instrument| instrument.name.clone()).collect(), serial)
}

pub(crate) fn emulate(wanted: &str, at: Where, how: What) -> Result<Exit> {
    let What { speed, seed, calibration, faults, uncoupled, with_parent } = how;
    if !(speed.is_finite() && speed > 0.0) {
        return Err(BadInput(format!("--speed {speed} is not above 0")).into());
    }
    let source = plan::rig(wanted)?;
    let (rig, spec) =
        engine::setup::parse_rig(&source.file, &source.text).map_err(|problems| BadInput(format!("the rig has problems:\n{problems}")))?;
    let truth = match &calibration {
        None => Truth::drawn(&spec.plant, &spec.spreads, seed),
        Some(file) => {
            let calibration = super::calibrate::read(file)?;
            if let Some(why) = calibration.refuses(&rig) {
                return Err(BadInput(why).into());
            }
            calibration.drawn(&spec.plant, &spec.spreads, seed)
        }
    };
    let world = twin::world_of(&rig, truth, spec.card, rig.accelerator.coupled && !uncoupled).map_err(|why| BadInput(why.to_string()))?;
    let lease_s = rig.instruments.iter().filter_map(rig::Instrument::lease_s).fold(0.0, f64::max);
    let faults = match &faults {
        None => Scenario::calm(),
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|why| BadInput(format!("cannot read {}: {why}", file.display())))?;
            let all = rig.instruments.iter().chain(rig.scale.as_ref().map(|scale| &scale.instrument));
            let instruments: Vec<_> = all.map(|i| (i.name.clone(), i.declared_serial())).collect();
            let name = file.display().to_string();
            Scenario::parse(&name, &text, &instruments).map_err(|problems| BadInput(format!("the scenario has problems:\n{problems}")))?
        }
    };
    // Standard output is for whoever started us.
    for line in faults.schedule(speed) {
        eprintln!("{line}");
    }
    let scale = rig.scale.iter().map(|scale| (vec![scale.instrument.name.clone()], scale.instrument.serial));
    let options = HostOptions {
        folder: at.folder,
        log: at.log,
        rig: rig.name.clone(),
        seed,
        lines: rig.lines().iter().map(|line| emulated_line(&rig, line)).chain(scale).collect(),
        networked: rig.instruments.iter().filter(|i| networked(i)).map(|i| i.name.clone()).collect(),
        scale: rig.scale.is_some(),
        faults,
        speed,
        with_parent,
        linger: Duration::from_secs_f64(lease_s + 2.0),
    };
    host(world, &options, |ready| {
        // Whoever started us reads this line; nobody reading is nobody's loss.
        let _ = serde_json::to_writer(std::io::stdout(), ready);
        let _ = std::io::stdout().write_all(b"\n");
        let _ = std::io::stdout().flush();
    })?;
    Ok(Exit::Done)
}
