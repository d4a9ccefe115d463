//! The only code of the house that changes a GPU: its power limit and its locked clocks, where a rig file asks for them.
//!
//! [`Held::prepare`] reads what there is and refuses what cannot be; nothing is changed before a guardian knows [`Held::original`] (see the
//! engine); [`Held::apply`] sets and reads back; [`Held::restore`], at the latest when it is dropped, puts back what was there.
//! NVML has no call to read locked clocks: they are put back by unlocking, and whether they hold is seen in the core clock.

use super::{Library, optional};
use crate::{Error, Gpu};
use nvml_wrapper::Device;
use nvml_wrapper::enum_wrappers::device::Clock;
use nvml_wrapper::enums::device::GpuLockedClocksSetting;
use nvml_wrapper::error::NvmlError;
use std::fmt;
use std::str::FromStr;

/// A limit that is read back this close to what was asked counts as taken, mW.
const TAKEN_MW: u32 = 1000;

/// What a rig file asks for. Nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Settings {
    /// Board power limit, W.
    pub power_limit_w: Option<f64>,
    /// Lowest and highest core clock, MHz.
    pub locked_mhz: Option<(u32, u32)>,
}

impl Settings {
    /// True if nothing is to be changed.
    pub const fn is_none(&self) -> bool {
        self.power_limit_w.is_none() && self.locked_mhz.is_none()
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.power_limit_w.map(|w| format!("power limit {w} W"));
        let clocks = self.locked_mhz.map(|(low, high)| format!("core clock locked to {low}..{high} MHz"));
        f.write_str(&limit.into_iter().chain(clocks).collect::<Vec<_>>().join(", "))
    }
}

/// What is asked for of several cards, for people: once if it is the same for all.
pub fn words(each: &[Settings]) -> String {
    match each {
        [] => String::new(),
        [first, rest @ ..] if rest.iter().all(|s| s == first) => first.to_string(),
        each => each.iter().enumerate().map(|(k, s)| format!("{} {s}", k + 1)).collect::<Vec<_>>().join("; "),
    }
}

/// Why a setting was not made, or not put back.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The board cannot do that.
    #[error("cannot set {what} of {gpu} to {asked}: it takes {low} to {high}; change [accelerator.settings] in the rig file")]
    Range {
        /// Which GPU.
        gpu: String,
        /// Which setting.
        what: &'static str,
        /// What was asked for.
        asked: String,
        /// The least it takes.
        low: String,
        /// The most it takes.
        high: String,
    },
    /// The driver refused.
    #[error("cannot {doing} of {gpu}: {why}; {hint}")]
    Refused {
        /// Which GPU.
        gpu: String,
        /// What was attempted.
        doing: &'static str,
        /// The driver's reason.
        why: String,
        /// What to do.
        hint: String,
    },
    /// The driver said yes and did not.
    #[error(
        "set the power limit of {gpu} to {asked_w} W, and it reads {found_w} W: something else sets it too (nvidia-smi, DCGM, a scheduler); stop that, or leave the limit alone"
    )]
    NotTaken {
        /// Which GPU.
        gpu: String,
        /// What was asked for, W.
        asked_w: f64,
        /// What is read back, W.
        found_w: f64,
    },
    /// The GPU cannot be opened.
    #[error(transparent)]
    Gpu(#[from] Error),
}

/// What has to be put back, as it goes to the guardian: `<limit in mW or ->,<unlock or ->`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original {
    /// Power limit to put back, mW; `None` if it was not touched.
    pub limit_mw: Option<u32>,
    /// Locked clocks have to be undone.
    pub unlock: bool,
}

impl Original {
    /// For people.
    pub fn words(&self) -> String {
        let limit = self.limit_mw.map(|mw| format!("power limit {} W", f64::from(mw) / 1e3));
        let clocks = self.unlock.then(|| "clocks unlocked".to_owned());
        limit.into_iter().chain(clocks).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Original {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit_mw.map_or("-".to_owned(), |mw| mw.to_string());
        write!(f, "{limit},{}", if self.unlock { "unlock" } else { "-" })
    }
}

impl FromStr for Original {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("\"{text}\" does not say what to put back: expected such as 700000,unlock or 700000,-");
        let (limit, clocks) = text.split_once(',').ok_or_else(expected)?;
        let limit_mw = if limit == "-" { None } else { Some(limit.parse().map_err(|_| expected())?) };
        let unlock = match clocks {
            "unlock" => true,
            "-" => false,
            _ => return Err(expected()),
        };
        Ok(Self { limit_mw, unlock })
    }
}

/// Settings in force on one GPU, until they are put back.
#[derive(Debug)]
pub struct Held {
    device: Device<'static>,
    gpu: String,
    wanted: Settings,
    original: Original,
    /// Something may have been changed that is not put back yet.
    changed: bool,
}

impl Held {
    /// Opens the GPU, notes what there is, and refuses what cannot be set. Changes nothing.
    pub fn prepare(library: Library, gpu: &Gpu, wanted: Settings) -> Result<Self, SettingsError> {
        let card = library.gpu(gpu)?;
        let held = Self::on(card.device, gpu.to_string(), wanted)?;
        held.check_limit(wanted.power_limit_w)?;
        held.check_clocks()?;
        Ok(held)
    }

    fn on(device: Device<'static>, gpu: String, wanted: Settings) -> Result<Self, SettingsError> {
        let mut held =
            Self { device, gpu, wanted, original: Original { limit_mw: None, unlock: wanted.locked_mhz.is_some() }, changed: false };
        if wanted.power_limit_w.is_some() {
            let limit = held.device.power_management_limit().map_err(|e| held.refused("read the power limit", &e))?;
            held.original.limit_mw = Some(limit);
        }
        Ok(held)
    }

    /// What has to be put back.
    pub const fn original(&self) -> Original {
        self.original
    }

    /// The least power limit that the board takes, W, where one is set.
    ///
    /// # Errors
    /// If the card is gone, or does not say.
    pub fn least_w(&self) -> Result<Option<f64>, SettingsError> {
        if self.wanted.power_limit_w.is_none() {
            return Ok(None);
        }
        let limits = self.device.power_management_limit_constraints().map_err(|e| self.refused("read the range of power limits", &e))?;
        Ok(Some(f64::from(limits.min_limit) / 1e3))
    }

    /// What an operator should know of the limit that was found: it is put back at the end, right or wrong.
    ///
    /// # Errors
    /// If the card is gone.
    pub fn caution(&self) -> Result<Option<String>, SettingsError> {
        let Some(found) = self.original.limit_mw else { return Ok(None) };
        let default =
            optional(self.device.power_management_limit_default()).map_err(|e| self.refused("read the default power limit", &e))?;
        Ok(default.filter(|d| d.abs_diff(found) > TAKEN_MW).map(|default| {
            let [found, default] = [found, default].map(|mw| f64::from(mw) / 1e3);
            format!(
                "the power limit of {} is {found} W and not its default of {default} W: {found} W is what is put back at the end; if nobody meant that, \
                 `nvidia-smi -i {} -pl {default}`",
                self.gpu, self.gpu
            )
        }))
    }

    /// Sets everything once more, after somebody put it back: with the power limit `watts` instead, where there is one.
    ///
    /// # Errors
    /// As [`Held::apply`]; what was set stays, for it is still to be put back.
    pub fn again(&mut self, watts: f64) -> Result<(), SettingsError> {
        self.wanted.power_limit_w = self.wanted.power_limit_w.map(|_| watts);
        self.apply_all()
    }

    /// Sets what was asked for and reads it back. What was set is put back if the rest cannot be.
    pub fn apply(&mut self) -> Result<(), SettingsError> {
        let done = self.apply_all();
        if done.is_err() {
            // The first error is the one to tell.
            let _ = self.restore();
        }
        done
    }

    fn apply_all(&mut self) -> Result<(), SettingsError> {
        if let Some((low, high)) = self.wanted.locked_mhz {
            let setting = GpuLockedClocksSetting::Numeric { min_clock_mhz: low, max_clock_mhz: high };
            let locked = self.device.set_gpu_locked_clocks(setting);
            self.changed |= may_have_changed(&locked);
            locked.map_err(|e| self.refused("lock the clocks", &e))?;
        }
        self.wanted.power_limit_w.map_or(Ok(()), |watts| self.set_power_limit(watts))
    }

    /// Another power limit, within what the board takes; read back. Refused unless a limit was asked for when this was prepared: only then is
    /// it known what to put back.
    pub fn set_power_limit(&mut self, watts: f64) -> Result<(), SettingsError> {
        self.check_limit(Some(watts))?;
        if self.original.limit_mw.is_none() {
            return Err(self.refused("set the power limit", &NvmlError::InvalidArg));
        }
        let asked = (watts * 1e3).round() as u32;
        self.set_limit_mw(asked)
    }

    fn set_limit_mw(&mut self, asked: u32) -> Result<(), SettingsError> {
        let set = self.device.set_power_management_limit(asked);
        self.changed |= may_have_changed(&set);
        set.map_err(|e| self.refused("set the power limit", &e))?;
        let found = self.device.power_management_limit().map_err(|e| self.refused("read the power limit back", &e))?;
        if found.abs_diff(asked) > TAKEN_MW {
            return Err(SettingsError::NotTaken {
                gpu: self.gpu.clone(),
                asked_w: f64::from(asked) / 1e3,
                found_w: f64::from(found) / 1e3,
            });
        }
        Ok(())
    }

    /// True if nothing was changed, or everything is back.
    pub const fn is_back(&self) -> bool {
        !self.changed
    }

    /// Puts back what was there, and reads it back. Both are tried whatever becomes of the other; done once.
    pub fn restore(&mut self) -> Result<(), SettingsError> {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        let unlocked = if self.original.unlock {
            let reset = self.device.reset_gpu_locked_clocks();
            reset.map_err(|e| self.refused("unlock the clocks", &e))
        } else {
            Ok(())
        };
        let limited = self.original.limit_mw.map_or(Ok(()), |mw| self.set_limit_mw(mw));
        // Not put back is not done: somebody may try again.
        self.changed = unlocked.is_err() || limited.is_err();
        limited.and(unlocked)
    }

    fn check_limit(&self, watts: Option<f64>) -> Result<(), SettingsError> {
        let Some(watts) = watts else { return Ok(()) };
        let limits = self.device.power_management_limit_constraints().map_err(|e| self.refused("read the range of power limits", &e))?;
        let (low, high) = (f64::from(limits.min_limit) / 1e3, f64::from(limits.max_limit) / 1e3);
        self.within("the power limit", watts, low, high, "W")
    }

    fn check_clocks(&self) -> Result<(), SettingsError> {
        let Some((low, high)) = self.wanted.locked_mhz else { return Ok(()) };
        let most = self.device.max_clock_info(Clock::SM);
        let most = optional(most).map_err(|e| self.refused("read the highest clock", &e))?.map_or(f64::INFINITY, f64::from);
        self.within("the highest locked clock", f64::from(high), 1.0, most, "MHz")?;
        self.within("the lowest locked clock", f64::from(low), 1.0, f64::from(high), "MHz")
    }

    fn within(&self, what: &'static str, asked: f64, low: f64, high: f64, unit: &str) -> Result<(), SettingsError> {
        // What is not a number is within nothing.
        if (low..=high).contains(&asked) {
            return Ok(());
        }
        let with = |v: f64| format!("{v} {unit}");
        Err(SettingsError::Range { gpu: self.gpu.clone(), what, asked: with(asked), low: with(low), high: with(high) })
    }

    fn refused(&self, doing: &'static str, e: &NvmlError) -> SettingsError {
        let hint = match e {
            NvmlError::NoPermission => format!(
                "only root may: run orbitbench as root, or let an administrator set it (`nvidia-smi -i {} -pl WATTS` or `-lgc MHZ`) and leave \
                 [accelerator.settings] out of the rig file",
                self.gpu
            ),
            NvmlError::NotSupported => "this board or driver does not offer it: leave it out of [accelerator.settings]".to_owned(),
            NvmlError::InvalidArg => "the driver takes no such value: see `nvidia-smi -q -d POWER,SUPPORTED_CLOCKS`".to_owned(),
            other => super::hint_for(other).to_owned(),
        };
        SettingsError::Refused { gpu: self.gpu.clone(), doing, why: e.to_string(), hint }
    }
}

/// What is refused for these reasons was not done.
const fn may_have_changed(answer: &Result<(), NvmlError>) -> bool {
    !matches!(answer, Err(NvmlError::NoPermission | NvmlError::NotSupported | NvmlError::InvalidArg))
}

impl Drop for Held {
    fn drop(&mut self) {
        // The guardian sees to what this could not.
        let _ = self.restore();
    }
}

/// Puts `original` back on a GPU that somebody else left changed: what a guardian does. Tried even if it may be in place already.
pub fn put_back(library: Library, gpu: &Gpu, original: Original) -> Result<(), SettingsError> {
    let card = library.gpu(gpu)?;
    let mut held = Held { device: card.device, gpu: gpu.to_string(), wanted: Settings::default(), original, changed: true };
    held.restore()
}
