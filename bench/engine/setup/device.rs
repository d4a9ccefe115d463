//! The device under test before a run: who it is, what it draws, what may be set on it.

use super::SetupError;
use accelerator::nvml::{Held, Library, Settings};
use accelerator::{Identity, Spec};
use control::{Actuator, Toll};
use rig::RigFile;
use signal::{Crossing, Watts};
use std::path::Path;
use twin::TwinSpec;

/// Idle power of a GPU that does not say, as a fraction of its limit: about 80 of 700 W on an H200 (third-party measurements).
const IDLE_FRAC: f64 = 0.115;

/// Board power assumed of a host CPU that nothing measures: a desktop part's 65 W class, 10 W package idle.
const CPU_FULL_W: f64 = 65.0;

const CPU_IDLE_W: f64 = 10.0;

/// Idle and full board power: declared first, then what the device says, then what is assumed of its kind.
pub(crate) fn power_range(
    assume_w: Option<f64>,
    rig: &RigFile,
    twin: &TwinSpec,
    spec: &Spec,
    identity: Option<&Identity>,
) -> Result<(Watts, Watts), SetupError> {
    let declared = &rig.accelerator;
    let (idle, full) = match spec {
        Spec::Virtual => (twin.card.idle_w, twin.card.full_w),
        Spec::Nvml(_) | Spec::Several(_) => {
            // A rig file's figures are of the device it names by default: of several, each draws its part of them.
            let named = declared.default.parse::<Spec>().map_or(1, |d| d.devices());
            let times = spec.devices() as f64 / named as f64;
            let (full, limit) = (declared.full_w.map(|w| w * times), limit_w(rig, spec));
            // The limit that will be in force: the rig file's, or else what is.
            let own = identity.and_then(|i| i.full_w);
            let may = match (full, limit.or(own)) {
                (Some(full), Some(limit)) => full.min(limit),
                (Some(w), None) | (None, Some(w)) => w,
                (None, None) => {
                    return Err(SetupError::Options(
                        "the GPU does not say its power limit: declare full_w (and idle_w) in [accelerator] of the rig file".into(),
                    ));
                }
            };
            // Idle does not shrink with the limit.
            let whole = full.or(own).unwrap_or(may);
            (declared.idle_w.map_or(whole * IDLE_FRAC, |w| w * times), may)
        }
        Spec::Cpu => {
            let full = assume_w.or(identity.and_then(|i| i.full_w)).unwrap_or(CPU_FULL_W);
            (CPU_IDLE_W.min(full / 2.0), full)
        }
    };
    if !(idle >= 0.0 && idle < full) {
        return Err(SetupError::Options(format!("idle power {idle} W is not below full power {full} W")));
    }
    Ok((Watts(idle), Watts(full)))
}

/// Asks a real device who it is. Where heat goes by its own sensor (`by_itself`), without heat the flight model cannot be driven: then a stand-in has to be declared.
pub(crate) fn ask(spec: &Spec, assume_w: Option<f64>, by_itself: bool) -> Result<Identity, SetupError> {
    let mut devices = spec.open_each(Path::new("/"))?;
    let identity = Identity::together(&devices.iter().map(|d| d.identity().clone()).collect::<Vec<_>>());
    let mut measured = true;
    for device in &mut devices {
        let sample = device.sample()?;
        measured &= sample.power_w.is_some() || sample.power_instant_w.is_some() || sample.energy_j.is_some();
    }
    if !measured && assume_w.is_none() && by_itself {
        let why = if identity.notes.is_empty() { String::new() } else { format!(" ({})", identity.notes.join("; ")) };
        return Err(SetupError::Options(format!(
            "nothing measures the power of {}{why}; declare a stand-in with --assume-w WATTS: its heat is then marked assumed and no verdict is drawn",
            identity.name
        )));
    }
    Ok(identity)
}

/// What the rig file asks to set on each card; empty if nothing.
pub(crate) fn settings(rig: &RigFile, spec: &Spec) -> Vec<Settings> {
    let asked = &rig.accelerator.settings;
    let of_card = |k| {
        let (power_limit_w, locked_mhz) = asked.of_card(k);
        Settings { power_limit_w, locked_mhz }
    };
    (0..spec.devices()).map(of_card).filter(|s| !s.is_none()).collect()
}

/// The power limits that will be in force, together, W.
fn limit_w(rig: &RigFile, spec: &Spec) -> Option<f64> {
    let asked = settings(rig, spec);
    if asked.is_empty() { None } else { asked.iter().map(|s| s.power_limit_w).sum() }
}

/// What holds the board to its budget: its own limit only where the rig file asks for it.
pub(super) fn actuator(rig: &RigFile, identity: Option<&Identity>) -> Result<Actuator, SetupError> {
    if !rig.accelerator.settings.limit_follows_budget {
        return Ok(Actuator::Pacing);
    }
    let least = identity.and_then(|i| i.limits_w).map(|l| l.0);
    least.map(|w| Actuator::PowerLimit { least: Watts(w) }).ok_or_else(|| {
        SetupError::Options("limit_follows_budget in [accelerator.settings] needs a device that says which power limits it takes".into())
    })
}

/// Refuses what a device cannot be set to, before anything is opened.
pub(super) fn settable(rig: &RigFile, spec: &Spec) -> Result<(), SetupError> {
    let wanted = settings(rig, spec);
    if wanted.is_empty() {
        return Ok(());
    }
    let table = format!("[accelerator.settings] of the rig \"{}\"", rig.name);
    let gpus = spec.gpus();
    if gpus.is_empty() {
        return Err(SetupError::Options(format!(
            "{table} sets an NVIDIA GPU, and this run is on \"{spec}\": remove the table or choose nvml:0"
        )));
    }
    if let Some(listed) = rig.accelerator.settings.listed().filter(|listed| *listed != gpus.len()) {
        return Err(SetupError::Options(format!(
            "{table} has values for {listed} GPUs, and this run is on \"{spec}\": one value is for all, a list has one for each in the order named"
        )));
    }
    let library = Library::find()?;
    for (gpu, wanted) in gpus.iter().zip(wanted) {
        Held::prepare(library, gpu, wanted).map_err(|e| SetupError::Options(e.to_string()))?;
    }
    Ok(())
}

/// Refuses to share the device where nobody watches, or not to know: what others draw and heat would be taken for this run's. A host's processor is never alone.
pub(crate) fn alone(rig: &RigFile, spec: &Spec, identity: Option<&Identity>, now: jiff::Timestamp) -> Result<(), SetupError> {
    if identity.is_some_and(|i| i.processes.is_none())
        && !spec.gpus().is_empty()
        && let Some(why) = rig.refuses_unseen_processes(now)
    {
        return Err(SetupError::Options(why));
    }
    let others: Vec<String> = identity.and_then(|i| i.processes.as_ref()).into_iter().flatten().map(ToString::to_string).collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(SetupError::Options(format!(
        "something else uses the accelerator: {}; end it, choose another --accelerator, or run attended without --unattended",
        others.join(", ")
    )))
}

/// What `[card.state]` says that an absence of the virtual work costs.
pub(super) fn toll(card: &twin::CardSpec, crossing: Crossing) -> Toll {
    let lost_s = if card.units_per_s > 0.0 { card.state.lost_units(crossing) / card.units_per_s } else { 0.0 };
    Toll { back_s: card.state.back_s(crossing), lost_s }
}
