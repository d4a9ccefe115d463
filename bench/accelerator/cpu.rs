//! The host's own processor as the device under test, for people without a GPU: energy and power from RAPL where readable, temperature, clocks,
//! load.
//!
//! Not here: a stand-in where power cannot be read. That is `assume_w` in a rig file, and the engine marks it `assumed`.

use crate::rapl::Rapl;
use crate::sensors::{self, Thermometer};
use crate::{Accelerator, Error, Identity, Sample};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The host CPU, all packages together.
#[derive(Debug)]
pub struct Cpu {
    root: PathBuf,
    identity: Identity,
    rapl: Option<Rapl>,
    thermometer: Option<Thermometer>,
    clocks: Vec<PathBuf>,
    opened: Instant,
    /// The last sample, and when it was taken.
    last: Option<(Sample, f64)>,
    /// Busy and total time at the last sample.
    load: Option<(u64, u64)>,
}

impl Cpu {
    /// Finds what can be read under `root` (`/` outside tests). Never fails: what is missing is missing, and why stands in the notes.
    pub fn open(root: &Path) -> Self {
        let mut notes = Vec::new();
        let rapl = match Rapl::find(root) {
            Ok(rapl) => {
                notes.push(format!("energy is {rapl}: the packages, without memory, board and power supply"));
                Some(rapl)
            }
            Err(why) => {
                notes.push(format!("no power and energy: {why}. Or declare `assume_w` in the rig file"));
                None
            }
        };
        let thermometer = Thermometer::find(root);
        match &thermometer {
            Some(t) => notes.push(format!("die temperature is {}", t.name)),
            None => notes.push(format!("no die temperature: no CPU sensor in sys/class/hwmon or sys/class/thermal{}", in_guest(root))),
        }
        let clocks = sensors::clock_files(root);
        if clocks.is_empty() {
            notes.push(format!("no core clock: no cpufreq in sys/devices/system/cpu{}", in_guest(root)));
        }
        let identity = Identity {
            spec: "cpu".to_owned(),
            name: sensors::cpu_name(root).unwrap_or_else(|| "host CPU".to_owned()),
            driver: sensors::kernel(root),
            full_w: rapl.as_ref().and_then(Rapl::limit_w),
            notes,
            ..Identity::default()
        };
        Self { root: root.to_owned(), identity, rapl, thermometer, clocks, opened: Instant::now(), last: None, load: None }
    }

    /// A sample at `now_s` on any monotonic clock.
    fn sample_at(&mut self, now_s: f64) -> Sample {
        let energy_j = self.rapl.as_mut().and_then(|r| r.energy_j(now_s));
        let mut sample = Sample {
            energy_j,
            energy_epoch: self.rapl.as_ref().map_or(0, Rapl::epoch),
            die_degc: self.thermometer.as_ref().and_then(Thermometer::degc),
            core_mhz: sensors::mean_mhz(&self.clocks),
            ..Sample::default()
        };
        if let Some((last, then_s)) = &self.last {
            let dt_s = now_s - then_s;
            sample.power_w = sample.energy_since(last).filter(|_| dt_s > 0.0).map(|j| j / dt_s);
        }
        let load = sensors::busy_and_total(&self.root);
        if let (Some((busy, total)), Some((busy_then, total_then))) = (load, self.load) {
            let (busy, total) = (busy.saturating_sub(busy_then), total.saturating_sub(total_then));
            sample.utilisation_pct = (total > 0).then(|| 100.0 * busy as f64 / total as f64);
        }
        self.load = load;
        self.last = Some((sample, now_s));
        sample
    }
}

fn in_guest(root: &Path) -> &'static str {
    if sensors::is_virtual_machine(root) { ", as usual in a virtual machine" } else { "" }
}

impl Accelerator for Cpu {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Power is the mean since the last call; the first call has none.
    fn sample(&mut self) -> Result<Sample, Error> {
        let now_s = self.opened.elapsed().as_secs_f64();
        Ok(self.sample_at(now_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensors::fake::Root;

    fn host() -> Root {
        let root = Root::new();
        root.write("proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\n");
        root.write("proc/sys/kernel/osrelease", "6.1.0");
        root.write("proc/stat", "cpu  100 0 0 900 0 0 0 0 0 0");
        root.write("sys/class/powercap/intel-rapl:0/name", "package-0");
        root.write("sys/class/powercap/intel-rapl:0/energy_uj", "1000000");
        root.write("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850");
        root.write("sys/class/hwmon/hwmon0/name", "coretemp");
        root.write("sys/class/hwmon/hwmon0/temp1_input", "51000");
        root.write("sys/class/hwmon/hwmon0/temp1_label", "Package id 0");
        root.write("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "2400000");
        root
    }

    #[test]
    fn power_is_the_mean_between_two_samples() {
        let root = host();
        let mut cpu = Cpu::open(root.path());
        let first = cpu.sample_at(10.0);
        assert_eq!((first.power_w, first.energy_j, first.utilisation_pct), (None, Some(0.0), None));
        assert_eq!((first.die_degc, first.core_mhz), (Some(51.0), Some(2400.0)));
        root.write("sys/class/powercap/intel-rapl:0/energy_uj", "91000000");
        root.write("proc/stat", "cpu  150 0 25 925 0 0 0 0 0 0");
        let second = cpu.sample_at(12.0);
        assert_eq!((second.power_w, second.energy_j, second.utilisation_pct), (Some(45.0), Some(90.0), Some(75.0)));
        assert_eq!(cpu.sample_at(12.0).power_w, None, "no time passed");
        assert_eq!(cpu.identity().name, "Some CPU @ 3 GHz");
        assert_eq!(cpu.identity().driver.as_deref(), Some("Linux 6.1.0"));
    }

    #[test]
    fn a_bare_host_has_no_values_and_says_why() {
        let root = Root::new();
        let mut cpu = Cpu::open(root.path());
        assert!(cpu.sample().expect("never fails").is_empty());
        let notes = cpu.identity().notes.join("\n");
        for expected in ["no power and energy", "assume_w", "no die temperature", "no core clock"] {
            assert!(notes.contains(expected), "no {expected:?} in\n{notes}");
        }
        assert_eq!(cpu.identity().full_w, None);
    }
}
