//! The readings of one GPU that change within a tick: power three ways, the energy counter, temperatures, clocks, load, what holds the clocks.
//!
//! Not here: what changes slowly (`health`) and what never does (`identity`).

use super::buffer::Buffer;
use super::events::Alerts;
use super::{health, hint_for, identity, optional, raw};
use crate::strangers::Strangers;
use crate::watch::Watch;
use crate::{Accelerator, Buffered, Error, Health, Identity, Remark, Sample};
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::sys_exports::field_id::{
    NVML_FI_DEV_MEMORY_TEMP, NVML_FI_DEV_POWER_AVERAGE, NVML_FI_DEV_POWER_INSTANT, NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION,
};
use nvml_wrapper::{Device, Nvml};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The fields read in one call; the order is that of [`Card::fields`].
const FIELDS: [u32; 4] =
    [NVML_FI_DEV_MEMORY_TEMP, NVML_FI_DEV_POWER_AVERAGE, NVML_FI_DEV_POWER_INSTANT, NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION];
/// No board draws more, mW: above it stands the all-ones of a value that is not available.
const MOST_MW: f64 = 1e8;

/// Milliwatts to watts. A board that is powered draws something: 0 is what polling too fast returns, and is no reading.
pub(super) fn watts(milliwatts: f64) -> Option<f64> {
    (milliwatts > 0.0 && milliwatts < MOST_MW).then_some(milliwatts / 1000.0)
}

/// Age of what the driver stamped, s. A stamp from the future is no stamp of this clock.
fn age_s(stamp_us: i64, now: SystemTime) -> Option<f64> {
    let stamp = UNIX_EPOCH + Duration::from_micros(stamp_us.try_into().ok()?);
    now.duration_since(stamp).ok().map(|age| age.as_secs_f64())
}

/// The energy counter: millijoules since the driver was loaded.
#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    last_mj: u64,
    epoch: u32,
}

impl Counter {
    /// Joules. A 0 after something else is a glitch of polling too fast, and is no reading; a smaller value is a counter that started anew.
    fn read(&mut self, millijoules: u64) -> Option<f64> {
        if millijoules == 0 && self.last_mj > 0 {
            return None;
        }
        if millijoules < self.last_mj {
            self.epoch += 1;
        }
        self.last_mj = millijoules;
        Some(millijoules as f64 / 1000.0)
    }
}

/// One NVIDIA GPU, or the GPU around one of its instances.
#[derive(Debug)]
pub struct Card {
    pub(super) nvml: &'static Nvml,
    /// The board: power, temperature and clocks are its own.
    pub(super) device: Device<'static>,
    /// The instance that was asked for: memory and processes are its own.
    pub(super) instance: Option<Device<'static>>,
    identity: Identity,
    counter: Counter,
    thresholds: health::Thresholds,
    alerts: Option<Alerts>,
    buffer: Buffer,
    watch: Watch,
    strangers: Strangers,
    /// It gave a reading at least once.
    gave: bool,
}

impl Card {
    pub(super) fn new(nvml: &'static Nvml, device: Device<'static>, instance: bool) -> Result<Self, NvmlError> {
        let (device, instance) = if instance { (device.mig_parent_device()?, Some(device)) } else { (device, None) };
        let mut card = Self {
            nvml,
            identity: identity::read(nvml, &device, instance.as_ref())?,
            thresholds: health::Thresholds::read(nvml, &device)?,
            alerts: Alerts::of(nvml, &device),
            device,
            instance,
            counter: Counter::default(),
            buffer: Buffer::default(),
            watch: Watch::default(),
            strangers: Strangers::default(),
            gave: false,
        };
        let (first, averaged) = card.read().map_err(|(_, e)| e)?;
        card.gave = !first.is_empty();
        card.strangers = Strangers::beside(card.identity.processes.iter().flatten());
        card.identity.notes.extend(notes(&first, averaged));
        Ok(card)
    }

    /// Memory temperature, average and instant power, energy counter, in one call.
    fn fields(&self) -> Result<[Option<raw::Field>; 4], NvmlError> {
        let mut found = [None; 4];
        let Some(values) = optional(raw::field_values(self.nvml, &self.device, &FIELDS))? else { return Ok(found) };
        for (slot, value) in found.iter_mut().zip(values) {
            *slot = optional(value)?;
        }
        Ok(found)
    }

    /// By the older call, or where a driver does not serve that any more by the one that replaces it.
    fn die_degc(&self) -> Result<Option<f64>, NvmlError> {
        match optional(self.device.temperature(TemperatureSensor::Gpu))? {
            Some(degc) => Ok(Some(f64::from(degc))),
            None => optional(raw::temperature_degc(self.nvml, &self.device)),
        }
    }

    /// A sample, and whether its power is the field that is documented to be an average.
    fn read(&mut self) -> Result<(Sample, bool), (&'static str, NvmlError)> {
        let at = |what| move |e| (what, e);
        let device = &self.device;
        let energy = optional(device.total_energy_consumption()).map_err(at("energy counter"))?;
        let [memory, average, instant, counted] = self.fields().map_err(at("field values"))?;
        let looked = SystemTime::now();
        let draws = |f: &raw::Field| watts(f.value).is_some();
        let power_age_s = instant.filter(draws).or(average.filter(draws)).and_then(|f| f.at_us).and_then(|us| age_s(us, looked));
        let [memory, average, instant] = [memory, average, instant].map(|field| field.map(|f| f.value));
        let usage = optional(device.power_usage()).map_err(at("power"))?.and_then(|mw| watts(f64::from(mw)));
        let average = average.and_then(watts);
        let die = self.die_degc().map_err(at("temperature"))?;
        let core = optional(device.clock_info(Clock::SM)).map_err(at("core clock"))?;
        let memory_clock = optional(device.clock_info(Clock::Memory)).map_err(at("memory clock"))?;
        let utilisation = optional(device.utilization_rates()).map_err(at("utilisation"))?;
        let throttle_bits = optional(raw::clocks_event_reasons(self.nvml, device)).map_err(at("throttle reasons"))?;
        // Boards without the sensor may answer 0: memory at freezing point next to a warm die is no reading.
        let memory_degc = memory.filter(|m| *m != 0.0 || die.is_some_and(|d| d < 10.0));
        let (die_margin_k, memory_margin_k) =
            self.thresholds.margins(self.nvml, &self.device, die, memory_degc).map_err(at("thermal margin"))?;
        let sample = Sample {
            power_w: average.or(usage),
            power_instant_w: instant.and_then(watts),
            power_age_s,
            // The same counter as a field, where the call is not served.
            energy_j: energy.or(counted.map(|f| f.value as u64)).and_then(|mj| self.counter.read(mj)),
            energy_epoch: self.counter.epoch,
            die_degc: die,
            memory_degc,
            die_margin_k,
            memory_margin_k,
            core_mhz: core.map(f64::from),
            memory_mhz: memory_clock.map(f64::from),
            utilisation_pct: utilisation.as_ref().map(|u| f64::from(u.gpu)),
            memory_busy_pct: utilisation.map(|u| f64::from(u.memory)),
            throttle_bits,
        };
        Ok((sample, average.is_some()))
    }

    fn lost(&self, what: &'static str, e: &NvmlError) -> Error {
        Error::Lost { name: format!("{} ({})", self.identity.name, self.identity.spec), what, why: e.to_string(), hint: hint_for(e) }
    }
}

fn notes(first: &Sample, averaged: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let missing: Vec<&str> = [
        ("power", first.power_w.is_none()),
        ("instant power", first.power_instant_w.is_none()),
        ("energy counter", first.energy_j.is_none()),
        ("die temperature", first.die_degc.is_none()),
        ("memory temperature", first.memory_degc.is_none()),
        ("core clock", first.core_mhz.is_none()),
        ("memory clock", first.memory_mhz.is_none()),
        ("utilisation", first.utilisation_pct.is_none()),
        ("throttle reasons", first.throttle_bits.is_none()),
        ("thermal margin", first.die_margin_k.is_none()),
    ]
    .iter()
    .filter_map(|(name, missing)| missing.then_some(*name))
    .collect();
    if first.power_w.is_some() {
        notes.push(if averaged {
            "power is NVML field 185, the driver's average".to_owned()
        } else {
            "power is nvmlDeviceGetPowerUsage: a 1 s average on Ampere and later, an instant on older boards and on GA100".to_owned()
        });
        notes.push("board power from NVML is good to about 5 % (arXiv 2312.02741)".to_owned());
    }
    if !missing.is_empty() {
        notes.push(format!("this board or driver does not give: {}", missing.join(", ")));
    }
    notes
}

impl Accelerator for Card {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn sample(&mut self) -> Result<Sample, Error> {
        let (sample, _) = self.read().map_err(|(what, e)| self.lost(what, &e))?;
        // One value that is not to be had is missing; none at all, of a device that gave some, is a device that is gone, whatever the driver calls it (`NVML_ERROR_UNKNOWN`
        // after an internal driver error).
        if sample.is_empty()
            && let Some(why) = self.gave.then(|| self.device.temperature(TemperatureSensor::Gpu).err()).flatten()
        {
            return Err(self.lost("values (not one is given)", &why));
        }
        self.gave |= !sample.is_empty();
        if let Some(alerts) = &mut self.alerts {
            alerts.take(&mut self.watch);
        }
        self.watch.sample(&sample);
        Ok(sample)
    }

    fn health(&mut self) -> Result<Health, Error> {
        let of_instance = self.instance.as_ref().unwrap_or(&self.device);
        let mut health = health::read(self.nvml, &self.device, of_instance).map_err(|(what, e)| self.lost(what, &e))?;
        health.xid = self.watch.xid();
        self.watch.health(&health);
        let there = identity::processes(&self.device).map_err(|e| self.lost("processes", &e))?;
        for stranger in there.iter().flat_map(|there| self.strangers.look(there, std::process::id(), Path::new("/proc"))) {
            self.watch.stranger(&stranger);
        }
        Ok(health)
    }

    fn buffered(&mut self) -> Result<Option<Vec<Buffered>>, Error> {
        let taken = self.buffer.take(&self.device);
        taken.map_err(|e| self.lost("buffer of power samples", &e))
    }

    fn remarks(&mut self) -> Vec<Remark> {
        self.watch.take()
    }
}
