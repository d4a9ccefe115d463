//! Energy of the host's CPU packages from RAPL, as the kernel's powercap framework shows it
//! (Documentation/power/powercap/powercap.rst; also AMD's counters come under the name `intel-rapl`).
//!
//! Not here: power (a difference over time is the business of whoever holds two samples), DRAM and `psys` domains: they are other
//! ledgers, and `psys` contains the packages.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// More than any CPU package draws, W. A step above it is not a wrapped counter but one that started anew, or that wrapped unseen.
const PLAUSIBLE_W: f64 = 2000.0;

/// Why there is no energy counter, and what to do.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum Absent {
    /// The kernel offers no powercap framework, or it holds no CPU package.
    #[error("{folder} has no RAPL zones: {why}")]
    NoZones {
        /// Where they should be.
        folder: PathBuf,
        /// The likely reason.
        why: &'static str,
    },
    /// The zones are there but this user may not read them.
    #[error(
        "cannot read {0}: permission denied. Since CVE-2020-8694 only root may; allow it until the next boot with \
         `sudo chmod o+r /sys/class/powercap/intel-rapl:*/energy_uj` (any local user can then watch your power), or run as root"
    )]
    Forbidden(PathBuf),
    /// Something else is wrong with them.
    #[error("cannot read {0}: {1}")]
    Unreadable(PathBuf, String),
}

#[derive(Debug)]
struct Zone {
    name: String,
    energy: PathBuf,
    /// Value after which the counter starts from 0 again, µJ.
    range_uj: u64,
    /// Counter and clock at the last reading.
    last: Option<(u64, f64)>,
}

/// The energy counters of every CPU package, added up.
#[derive(Debug)]
pub struct Rapl {
    zones: Vec<Zone>,
    limit_w: Option<f64>,
    total_uj: u64,
    epoch: u32,
}

/// What became of a counter between two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It advanced by so many µJ, wraps included.
    By(u64),
    /// It cannot be told by how much.
    Unknown,
}

/// From `last` to `now` in `dt_s` seconds, on a counter that wraps after `range_uj`. At most one wrap can be told, and only if the pace is plausible.
fn step(last: u64, now: u64, range_uj: u64, dt_s: f64) -> Step {
    let by = if now >= last { now - last } else { range_uj.saturating_sub(last).saturating_add(now).saturating_add(1) };
    let most = PLAUSIBLE_W * 1e6 * (dt_s + 0.1);
    // A whole turn at the plausible limit takes this long; after it the number of turns is anybody's guess.
    let told = dt_s >= 0.0 && PLAUSIBLE_W * 1e6 * dt_s < range_uj as f64;
    if now > range_uj || by as f64 > most || !told { Step::Unknown } else { Step::By(by) }
}

impl Rapl {
    /// Finds the packages under `root` (`/` outside tests) and reads each once to see whether it may.
    pub fn find(root: &Path) -> Result<Self, Absent> {
        let folder = root.join("sys/class/powercap");
        let mut zones: Vec<Zone> = Vec::new();
        let mut limits = Vec::new();
        let mut names: Vec<PathBuf> = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        // `intel-rapl:0` before `intel-rapl-mmio:0`, which is the same counter by another door.
        names.sort_by_key(|p| (p.to_string_lossy().contains("mmio"), p.clone()));
        for path in names {
            let Some(name) = text(&path.join("name")).ok().filter(|n| n.starts_with("package")) else { continue };
            if zones.iter().any(|z| z.name == name) {
                continue;
            }
            let energy = path.join("energy_uj");
            number(&energy).map_err(|e| absent(&energy, &e))?;
            let range = path.join("max_energy_range_uj");
            let range_uj = number(&range).map_err(|e| absent(&range, &e))?;
            limits.push(long_term_limit_w(&path));
            zones.push(Zone { name, energy, range_uj, last: None });
        }
        if zones.is_empty() {
            let why = if crate::sensors::is_virtual_machine(root) {
                "this is a virtual machine, and hosts hardly ever pass RAPL on"
            } else {
                "the CPU has none, or its driver is missing (`modprobe intel_rapl_msr`)"
            };
            return Err(Absent::NoZones { folder, why });
        }
        Ok(Self { zones, limit_w: limits.into_iter().sum(), total_uj: 0, epoch: 0 })
    }

    /// Sum of the packages' long-term power limits, W, if each states one.
    pub const fn limit_w(&self) -> Option<f64> {
        self.limit_w
    }

    /// Grows by one whenever it cannot be told how far a counter went: the total then starts anew.
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Energy of all packages, J, since the first call of this epoch; `None` unless every one could be read. `now_s` is any monotonic clock.
    ///
    /// Call it more often than a counter can wrap at 2 kW: once a minute is safe, once a second is usual.
    pub fn energy_j(&mut self, now_s: f64) -> Option<f64> {
        let read: Vec<Option<u64>> = self.zones.iter().map(|z| number(&z.energy).ok()).collect();
        if read.iter().any(Option::is_none) {
            return None;
        }
        let mut by = Some(0_u64);
        for (zone, raw) in self.zones.iter_mut().zip(read.into_iter().flatten()) {
            if let Some((last, then_s)) = zone.last.replace((raw, now_s)) {
                by = match (by, step(last, raw, zone.range_uj, now_s - then_s)) {
                    (Some(sum), Step::By(uj)) => Some(sum + uj),
                    _ => None,
                };
            }
        }
        if let Some(uj) = by {
            self.total_uj += uj;
        } else {
            self.epoch += 1;
            self.total_uj = 0;
        }
        Some(self.total_uj as f64 / 1e6)
    }
}

impl fmt::Display for Rapl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.zones.iter().map(|z| z.name.as_str()).collect();
        write!(f, "RAPL {}", names.join(" + "))
    }
}

/// The long-term constraint, W. Constraints are numbered, and which is which stands in their names.
fn long_term_limit_w(zone: &Path) -> Option<f64> {
    let which = (0..4).find(|i| text(&zone.join(format!("constraint_{i}_name"))).is_ok_and(|n| n == "long_term"))?;
    let uw = number(&zone.join(format!("constraint_{which}_power_limit_uw"))).ok()?;
    (uw > 0).then(|| uw as f64 / 1e6)
}

fn text(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path).map(|t| t.trim().to_owned())
}

fn number(path: &Path) -> io::Result<u64> {
    let text = text(path)?;
    text.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("\"{text}\" is no counter value")))
}

fn absent(path: &Path, error: &io::Error) -> Absent {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Absent::Forbidden(path.to_owned()),
        _ => Absent::Unreadable(path.to_owned(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensors::fake::Root;
    use proptest::prelude::*;

    const RANGE: u64 = 262_143_328_850;

    fn host() -> Root {
        let root = Root::new();
        for (zone, name, energy) in [
            ("intel-rapl:0", "package-0", "262143000000"),
            ("intel-rapl:0:0", "core", "77"),
            ("intel-rapl:1", "package-1", "1000000"),
            ("intel-rapl:2", "psys", "5"),
            ("intel-rapl-mmio:0", "package-0", "262143000000"),
        ] {
            root.write(&format!("sys/class/powercap/{zone}/name"), name);
            root.write(&format!("sys/class/powercap/{zone}/energy_uj"), energy);
            root.write(&format!("sys/class/powercap/{zone}/max_energy_range_uj"), &RANGE.to_string());
            root.write(&format!("sys/class/powercap/{zone}/constraint_0_name"), "long_term");
            root.write(&format!("sys/class/powercap/{zone}/constraint_0_power_limit_uw"), "125000000");
        }
        root
    }

    #[test]
    fn packages_are_added_up_once_and_across_a_wrap() {
        let root = host();
        let mut rapl = Rapl::find(root.path()).expect("two packages");
        assert_eq!(rapl.to_string(), "RAPL package-0 + package-1");
        assert_eq!(rapl.limit_w(), Some(250.0));
        assert_eq!(rapl.energy_j(0.0), Some(0.0));
        // Package 0 goes 328,850 µJ to its end, one more to 0, and 49,671,149 on: 50 J. Package 1: 10 J.
        root.write("sys/class/powercap/intel-rapl:0/energy_uj", "49671149");
        root.write("sys/class/powercap/intel-rapl:1/energy_uj", "11000000");
        assert_eq!(rapl.energy_j(1.0), Some(60.0));
        assert_eq!(rapl.epoch(), 0);
    }

    #[test]
    fn a_package_that_cannot_be_read_leaves_no_half_sum() {
        let root = host();
        let mut rapl = Rapl::find(root.path()).expect("two packages");
        rapl.energy_j(0.0);
        root.write("sys/class/powercap/intel-rapl:1/energy_uj", "nonsense");
        assert_eq!(rapl.energy_j(1.0), None);
        root.write("sys/class/powercap/intel-rapl:1/energy_uj", "41000000");
        assert_eq!(rapl.energy_j(2.0), Some(40.0), "what was missed in between is in the counter");
    }

    #[test]
    fn a_counter_that_started_anew_starts_an_epoch() {
        let root = host();
        let mut rapl = Rapl::find(root.path()).expect("two packages");
        rapl.energy_j(0.0);
        root.write("sys/class/powercap/intel-rapl:1/energy_uj", "3");
        assert_eq!(rapl.energy_j(1.0), Some(0.0), "a wrap here would be 260 kW");
        assert_eq!(rapl.epoch(), 1);
        rapl.energy_j(1000.0);
        assert_eq!(rapl.epoch(), 2, "after 1000 s nobody can tell how often it wrapped");
    }

    #[test]
    fn what_is_missing_says_why() {
        let root = Root::new();
        let message = Rapl::find(root.path()).expect_err("nothing there").to_string();
        assert!(message.contains("no RAPL zones") && message.contains("modprobe"), "{message}");
        root.write("proc/cpuinfo", "flags\t\t: fpu hypervisor sse\n");
        let message = Rapl::find(root.path()).expect_err("nothing there").to_string();
        assert!(message.contains("virtual machine"), "{message}");
        let denied = absent(Path::new("/sys/x/energy_uj"), &io::Error::from(io::ErrorKind::PermissionDenied)).to_string();
        assert!(denied.contains("chmod o+r") && denied.contains("/sys/x/energy_uj"), "{denied}");
        root.write("sys/class/powercap/intel-rapl:0/name", "package-0");
        assert!(matches!(Rapl::find(root.path()), Err(Absent::Unreadable(..))), "a zone without a counter is not skipped");
    }

    proptest! {
        #[test]
        fn any_plausible_advance_is_found_again(start in 0..=RANGE, watts in 0.0..1000.0_f64, dt_s in 0.01..100.0_f64) {
            let by = (watts * dt_s * 1e6) as u64;
            let now = (start + by) % (RANGE + 1);
            prop_assert_eq!(step(start, now, RANGE, dt_s), Step::By(by));
        }

        #[test]
        fn no_pair_of_readings_panics(last: u64, now: u64, range: u64, dt_s in proptest::num::f64::ANY) {
            if let Step::By(uj) = step(last, now, range, dt_s) {
                prop_assert!(uj as f64 <= PLAUSIBLE_W * 1e6 * (dt_s + 0.1));
            }
        }
    }
}
