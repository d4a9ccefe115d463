//! The host's own sensors as Linux shows them: die temperature (hwmon, thermal zones), clocks (cpufreq), busy time (/proc/stat), names.
//!
//! Not here: energy (see `rapl`). Every path starts at a given root, so that tests bring their own file system.

use std::fs;
use std::path::{Path, PathBuf};

/// What a working die can show, °C. Outside it a sensor is absent or broken.
const PLAUSIBLE_DEGC: std::ops::RangeInclusive<f64> = -50.0..=150.0;

/// hwmon drivers that measure a CPU die, and the labels (by their beginnings, the best first) of its hottest true temperature. No label: take all.
/// Documentation/hwmon/{coretemp,k10temp}.rst: Tctl may carry an offset, Tdie does not.
const DRIVERS: &[(&str, &[&str])] =
    &[("coretemp", &["Package"]), ("k10temp", &["Tdie", "Tctl"]), ("zenpower", &["Tdie"]), ("cpu_thermal", &[]), ("via_cputemp", &[])];

fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|t| t.trim().to_owned())
}

fn integer(path: &Path) -> Option<i64> {
    text(path)?.parse().ok()
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|n| n.to_str()).unwrap_or_default()
}

/// True if the kernel says that it runs under a hypervisor.
pub(crate) fn is_virtual_machine(root: &Path) -> bool {
    let flags = text(&root.join("proc/cpuinfo")).unwrap_or_default();
    flags.lines().filter(|l| l.starts_with("flags")).any(|l| l.split_whitespace().any(|f| f == "hypervisor"))
}

/// The CPU's name as the kernel has it.
pub(crate) fn cpu_name(root: &Path) -> Option<String> {
    let info = text(&root.join("proc/cpuinfo"))?;
    let line = info.lines().find(|l| l.starts_with("model name") || l.starts_with("Hardware"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

/// The kernel's release.
pub(crate) fn kernel(root: &Path) -> Option<String> {
    text(&root.join("proc/sys/kernel/osrelease")).map(|r| format!("Linux {r}"))
}

/// True if the PCI bus shows a display or compute device by NVIDIA (vendor 0x10de, class 0x03…).
pub(crate) fn has_nvidia_on_pci(root: &Path) -> bool {
    children(&root.join("sys/bus/pci/devices")).iter().any(|device| {
        text(&device.join("vendor")).as_deref() == Some("0x10de") && text(&device.join("class")).is_none_or(|c| c.starts_with("0x03"))
    })
}

/// Where the die temperature is read.
#[derive(Debug)]
pub(crate) struct Thermometer {
    /// In words, for people.
    pub(crate) name: String,
    inputs: Vec<PathBuf>,
}

impl Thermometer {
    /// The best CPU thermometer under `root`: hwmon before thermal zones.
    pub(crate) fn find(root: &Path) -> Option<Self> {
        Self::hwmon(root).or_else(|| Self::thermal_zone(root))
    }

    fn hwmon(root: &Path) -> Option<Self> {
        let chips: Vec<(PathBuf, String)> =
            children(&root.join("sys/class/hwmon")).into_iter().filter_map(|c| text(&c.join("name")).map(|n| (c, n))).collect();
        for (driver, labels) in DRIVERS {
            let inputs: Vec<PathBuf> =
                chips.iter().filter(|(_, name)| name == driver).flat_map(|(chip, _)| chip_inputs(chip, labels)).collect();
            if !inputs.is_empty() {
                return Some(Self { name: format!("hwmon {driver}"), inputs });
            }
        }
        None
    }

    fn thermal_zone(root: &Path) -> Option<Self> {
        let zones = children(&root.join("sys/class/thermal"));
        let of_cpu = |zone: &PathBuf| {
            let kind = text(&zone.join("type"))?;
            (kind == "x86_pkg_temp" || kind.starts_with("cpu")).then(|| (kind, zone.join("temp")))
        };
        let found: Vec<(String, PathBuf)> =
            zones.iter().filter(|z| file_name(z).starts_with("thermal_zone")).filter_map(of_cpu).filter(|(_, t)| t.exists()).collect();
        let name = found.first()?.0.clone();
        Some(Self { name: format!("thermal zone {name}"), inputs: found.into_iter().map(|f| f.1).collect() })
    }

    /// The hottest of its inputs, °C.
    pub(crate) fn degc(&self) -> Option<f64> {
        let plausible = |path: &PathBuf| integer(path).map(|m| m as f64 / 1000.0).filter(|t| PLAUSIBLE_DEGC.contains(t));
        self.inputs.iter().filter_map(plausible).reduce(f64::max)
    }
}

/// The `temp*_input` files of a chip that carry the first of `labels` that any carries; all of them if none is asked for or found.
fn chip_inputs(chip: &Path, labels: &[&str]) -> Vec<PathBuf> {
    let inputs: Vec<PathBuf> =
        children(chip).into_iter().filter(|p| file_name(p).starts_with("temp") && file_name(p).ends_with("_input")).collect();
    let label = |input: &PathBuf| text(&chip.join(file_name(input).replace("_input", "_label"))).unwrap_or_default();
    for wanted in labels {
        let chosen: Vec<PathBuf> = inputs.iter().filter(|i| label(i).starts_with(wanted)).cloned().collect();
        if !chosen.is_empty() {
            return chosen;
        }
    }
    inputs
}

/// Current clock files of every core.
pub(crate) fn clock_files(root: &Path) -> Vec<PathBuf> {
    let is_core = |p: &PathBuf| file_name(p).strip_prefix("cpu").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let cores = children(&root.join("sys/devices/system/cpu")).into_iter().filter(is_core);
    cores.map(|c| c.join("cpufreq/scaling_cur_freq")).filter(|f| f.exists()).collect()
}

/// Mean of the clock files (they hold kHz), MHz.
pub(crate) fn mean_mhz(files: &[PathBuf]) -> Option<f64> {
    let clocks: Vec<f64> = files.iter().filter_map(|f| integer(f)).filter(|k| *k > 0).map(|k| k as f64 / 1000.0).collect();
    (!clocks.is_empty()).then(|| clocks.iter().sum::<f64>() / clocks.len() as f64)
}

/// Busy and total time of all processors since boot, in clock ticks (proc(5), `/proc/stat`: idle and iowait are the 4th and 5th).
pub(crate) fn busy_and_total(root: &Path) -> Option<(u64, u64)> {
    let stat = text(&root.join("proc/stat"))?;
    let fields: Vec<u64> = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().filter_map(|f| f.parse().ok()).collect();
    // Guest time is already within user time.
    let total: u64 = fields.iter().take(8).sum();
    let idle = fields.get(3)? + fields.get(4).unwrap_or(&0);
    Some((total.checked_sub(idle)?, total))
}

#[cfg(test)]
pub(crate) mod fake {
    //! A made-up root of a file system.

    use std::fs;
    use std::path::Path;

    pub(crate) struct Root(tempfile::TempDir);

    impl Root {
        pub(crate) fn new() -> Self {
            Self(tempfile::tempdir().expect("a temporary folder"))
        }

        pub(crate) fn path(&self) -> &Path {
            self.0.path()
        }

        pub(crate) fn write(&self, path: &str, text: &str) {
            let file = self.0.path().join(path);
            fs::create_dir_all(file.parent().expect("a folder")).expect("created");
            fs::write(file, format!("{text}\n")).expect("written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fake::Root;
    use super::*;

    #[test]
    fn the_best_label_of_the_best_driver_wins() {
        let root = Root::new();
        for (file, content) in [
            ("hwmon0/name", "nvme"),
            ("hwmon0/temp1_input", "99000"),
            ("hwmon1/name", "k10temp"),
            ("hwmon1/temp1_label", "Tctl"),
            ("hwmon1/temp1_input", "82000"),
            ("hwmon1/temp2_label", "Tdie"),
            ("hwmon1/temp2_input", "55500"),
            ("hwmon2/name", "k10temp"),
            ("hwmon2/temp1_label", "Tctl"),
            ("hwmon2/temp1_input", "58250"),
        ] {
            root.write(&format!("sys/class/hwmon/{file}"), content);
        }
        let thermometer = Thermometer::find(root.path()).expect("found");
        assert_eq!(thermometer.name, "hwmon k10temp");
        assert_eq!(thermometer.degc(), Some(58.25), "the hotter of two sockets, each by its best label");
        root.write("sys/class/hwmon/hwmon2/temp1_input", "-128000");
        assert_eq!(thermometer.degc(), Some(55.5), "a broken sensor does not count");
    }

    #[test]
    fn thermal_zones_stand_in() {
        let root = Root::new();
        root.write("sys/class/thermal/thermal_zone0/type", "acpitz");
        root.write("sys/class/thermal/thermal_zone0/temp", "16800");
        assert!(Thermometer::find(root.path()).is_none());
        root.write("sys/class/thermal/thermal_zone1/type", "x86_pkg_temp");
        root.write("sys/class/thermal/thermal_zone1/temp", "47000");
        assert_eq!(Thermometer::find(root.path()).and_then(|t| t.degc()), Some(47.0));
    }

    #[test]
    fn clocks_are_averaged_over_real_cores_only() {
        let root = Root::new();
        root.write("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "3000000");
        root.write("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "2000000");
        root.write("sys/devices/system/cpu/cpufreq/scaling_cur_freq", "1");
        assert_eq!(mean_mhz(&clock_files(root.path())), Some(2500.0));
        assert_eq!(mean_mhz(&[]), None);
    }

    #[test]
    fn an_nvidia_card_without_a_driver_is_seen_on_the_bus() {
        let root = Root::new();
        root.write("sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086");
        assert!(!has_nvidia_on_pci(root.path()));
        root.write("sys/bus/pci/devices/0000:01:00.1/vendor", "0x10de");
        root.write("sys/bus/pci/devices/0000:01:00.1/class", "0x040300");
        assert!(!has_nvidia_on_pci(root.path()), "its sound device is not the card");
        root.write("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de");
        root.write("sys/bus/pci/devices/0000:01:00.0/class", "0x030200");
        assert!(has_nvidia_on_pci(root.path()));
    }

    #[test]
    fn busy_time_leaves_waiting_and_guests_out() {
        let root = Root::new();
        root.write("proc/stat", "cpu  100 0 50 800 40 5 5 0 60 0\ncpu0 1 2 3 4");
        assert_eq!(busy_and_total(root.path()), Some((160, 1000)));
        root.write("proc/stat", "cpu  100");
        assert_eq!(busy_and_total(root.path()), None);
    }
}
