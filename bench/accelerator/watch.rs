//! Turns what changes between two looks at a device into remarks in words: errors, throttling, memory repairs, a counter that started anew.
//!
//! Not here: reading the device, and deciding what a run makes of it.

use crate::throttle::{self, POWER, THERMAL};
use crate::{Busy, Health, Sample};
use signal::Severity;

/// Kind of the remark that tells of somebody else's work that came.
pub const STRANGER: &str = "stranger";

/// Something about a device that belongs into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// How bad it is.
    pub severity: Severity,
    /// One word for scripts: `xid`, `ecc`, `throttle`, `repair`, `counter`, `pcie`, `processes`, `stranger`.
    pub kind: &'static str,
    /// What happened and, where somebody should act, what to do.
    pub message: String,
}

/// Remembers the last look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    throttle: Option<u64>,
    epoch: Option<u32>,
    health: Option<Health>,
    /// Reasons seen since the last slow look, and between that and the one before: counters tick later than bits.
    seen: [u64; 2],
    /// It was told that temperature, or power, held the clocks unseen, and goes on to.
    unseen: [bool; 2],
    xid: Option<u64>,
    remarks: Vec<Remark>,
}

/// Time held down that is worth a word, s: less is the counter's own grain.
const LEAST_S: f64 = 0.001;

/// Codes that mean the board or its memory is failing, and what they say (NVIDIA, "XID Errors").
const XIDS: &[(u64, &str)] = &[
    (13, "graphics engine exception: mostly the application's own fault"),
    (31, "memory page fault: mostly the application's own fault"),
    (43, "the GPU stopped processing: the application's own fault, the GPU is well"),
    (45, "the application was ended"),
    (48, "a double-bit ECC error: reset the GPU, and watch its retired pages"),
    (61, "an internal microcontroller halted: reset the GPU"),
    (62, "an internal microcontroller halted: reset the GPU"),
    (63, "a page was retired or a row remapped: it takes effect at the next reset"),
    (64, "a page could not be retired or a row not be remapped: take the board out of service"),
    (74, "an NVLink error: reset the GPU, check the bridge"),
    (79, "the GPU has fallen off the bus: check power and seating; mostly only a reboot helps"),
    (92, "many single-bit ECC errors"),
    (94, "a contained memory error: the application must start again"),
    (95, "an uncontained memory error: reset the GPU"),
    (119, "the GPU's system processor timed out: reset the GPU"),
];

impl Watch {
    fn say(&mut self, severity: Severity, kind: &'static str, message: String) {
        self.remarks.push(Remark { severity, kind, message });
    }

    /// A critical error came; `None` if the driver has no code for it.
    pub(crate) fn xid_came(&mut self, code: Option<u64>) {
        let Some(code) = code else {
            self.say(Severity::Alarm, "xid", "critical error without a code: look for `Xid` in the kernel log".to_owned());
            return;
        };
        self.xid = Some(code);
        let meaning = XIDS.iter().find(|x| x.0 == code).map_or("see NVIDIA's list of XID errors", |x| x.1);
        self.say(Severity::Alarm, "xid", format!("critical error Xid {code}: {meaning}"));
    }

    /// The last code that came.
    pub(crate) const fn xid(&self) -> Option<u64> {
        self.xid
    }

    pub(crate) fn sample(&mut self, now: &Sample) {
        if let Some(bits) = now.throttle_bits {
            let before = self.throttle.replace(bits);
            self.seen[0] |= bits;
            for (mask, what) in [(THERMAL, "temperature"), (POWER, "power")] {
                let (was, is) = (before.unwrap_or(0) & mask != 0, bits & mask != 0);
                // Being held at its power limit is how a capped card works; being too hot is not.
                let severity = if mask == THERMAL { Severity::Warning } else { Severity::Info };
                if is && !was {
                    let how = throttle::words(bits & mask).join(", ");
                    self.say(severity, "throttle", format!("clocks held down by {what}: {how}"));
                } else if was && !is {
                    self.say(Severity::Info, "throttle", format!("clocks no longer held down by {what}"));
                }
            }
        }
        let before = self.epoch.replace(now.energy_epoch);
        if before.is_some_and(|b| b != now.energy_epoch) {
            let message =
                "the energy counter started anew (was the driver reloaded?): across it energy goes by integrated power".to_owned();
            self.say(Severity::Warning, "counter", message);
        }
    }

    pub(crate) fn health(&mut self, now: &Health) {
        let before = self.health.replace(*now);
        self.unseen(now, before.as_ref());
        let more = |now: Option<f64>, before: Option<f64>| now.zip(before).map(|(n, b)| n - b).filter(|d| *d > 0.0);
        let of = |pick: fn(&Health) -> Option<f64>| more(pick(now), before.as_ref().and_then(pick));
        if let Some(n) = of(|h| h.ecc_corrected) {
            let many = if n == 1.0 { "an ECC error was corrected".to_owned() } else { format!("{n:.0} ECC errors were corrected") };
            self.say(Severity::Info, "ecc", format!("{many}: the results stand"));
        }
        if let Some(n) = of(|h| h.ecc_uncorrected) {
            let many = if n == 1.0 { "an uncorrected ECC error".to_owned() } else { format!("{n:.0} uncorrected ECC errors") };
            self.say(
                Severity::Alarm,
                "ecc",
                format!("{many}: the results of this work are suspect; look for `Xid` in the kernel log, and repeat the run"),
            );
        }
        if let Some(n) = of(|h| h.retired_pages) {
            self.say(Severity::Warning, "repair", format!("{n:.0} memory pages retired"));
        }
        if let Some(n) = of(|h| h.remapped_rows) {
            self.say(Severity::Warning, "repair", format!("{n:.0} memory rows remapped"));
        }
        if now.repair_pending == Some(true) && before.and_then(|b| b.repair_pending) != Some(true) {
            self.say(Severity::Warning, "repair", "a memory repair waits for a reset of the GPU (`nvidia-smi -r`) or a reboot".to_owned());
        }
        if now.remap_failed == Some(true) && before.and_then(|b| b.remap_failed) != Some(true) {
            let message = "a memory row could not be remapped: take the board out of service".to_owned();
            self.say(Severity::Alarm, "repair", message);
        }
        // The first look has the run's own work not yet on it, or already.
        if let Some(n) = of(|h| h.processes) {
            let who = if n == 1.0 { "a process" } else { "processes" };
            let message = format!(
                "{who} came onto the accelerator ({:.0} there now): one that is not this run's own work spoils its figures",
                now.processes.unwrap_or(n)
            );
            self.say(Severity::Info, "processes", message);
        }
        if let Some(n) = of(|h| h.pcie_replays) {
            self.say(Severity::Info, "pcie", format!("{n:.0} PCIe replays: check seating and riser if they go on"));
        }
    }

    /// What held the clocks down between two looks at the reasons: the times that are counted tell of it, and nothing else does.
    fn unseen(&mut self, now: &Health, before: Option<&Health>) {
        let seen = self.seen[0] | self.seen[1];
        self.seen = [self.throttle.unwrap_or(0), self.seen[0]];
        let [thermal, power]: [fn(&Health) -> Option<f64>; 2] = [|h| h.thermal_violation_s, |h| h.power_violation_s];
        for (k, (mask, what, counted)) in [(THERMAL, "temperature", thermal), (POWER, "power", power)].into_iter().enumerate() {
            let longer = counted(now).zip(before.and_then(counted)).map(|(n, b)| n - b).filter(|s| *s >= LEAST_S);
            let told = std::mem::replace(&mut self.unseen[k], longer.is_some() && seen & mask == 0);
            if self.unseen[k] && !told {
                let severity = if mask == THERMAL { Severity::Warning } else { Severity::Info };
                let s = longer.unwrap_or_default();
                self.say(
                    severity,
                    "throttle",
                    format!("clocks held down by {what} for {s:.3} s between two looks, by the driver's own count"),
                );
            }
        }
    }

    /// Somebody else's work came onto the board.
    pub(crate) fn stranger(&mut self, who: &Busy) {
        self.say(
            Severity::Warning,
            STRANGER,
            format!("{who} came onto the accelerator and is not this bench's own work: its power and heat are in every figure from now on"),
        );
    }

    /// What came together since the last call.
    pub(crate) fn take(&mut self) -> Vec<Remark> {
        std::mem::take(&mut self.remarks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(watch: &mut Watch) -> Vec<(Severity, &'static str)> {
        watch.take().into_iter().map(|r| (r.severity, r.kind)).collect()
    }

    #[test]
    fn throttling_is_told_when_it_begins_and_ends() {
        let mut watch = Watch::default();
        let at = |bits| Sample { throttle_bits: Some(bits), ..Sample::default() };
        for bits in [0, 1, 0x20, 0x20, 0x44, 0] {
            watch.sample(&at(bits));
        }
        let told: Vec<String> = watch.take().into_iter().map(|r| r.message).collect();
        assert_eq!(
            told,
            [
                "clocks held down by temperature: thermal slowdown (software)",
                "clocks held down by power: power cap (software)",
                "clocks no longer held down by temperature",
                "clocks no longer held down by power",
            ]
        );
        watch.sample(&Sample::default());
        assert!(watch.take().is_empty(), "a reading that is missing says nothing");
    }

    #[test]
    fn what_nobody_saw_is_told_by_the_times_that_are_counted() {
        let mut watch = Watch::default();
        let mut look = |bits: u64, thermal: Option<f64>, power: f64| {
            watch.sample(&Sample { throttle_bits: Some(bits), ..Sample::default() });
            watch.health(&Health { thermal_violation_s: thermal, power_violation_s: Some(power), ..Health::default() });
            watch.take().into_iter().map(|r| (r.severity, r.message)).collect::<Vec<_>>()
        };
        let unseen = |told: &[(Severity, String)]| told.iter().filter(|(_, m)| m.contains("between two looks")).count();
        assert!(look(0, Some(7.0), 3.0).is_empty(), "what was before is no news");
        let told = look(0, Some(7.25), 3.0);
        assert!(told.len() == 1 && told[0].0 == Severity::Warning && told[0].1.contains("temperature for 0.250 s"), "{told:?}");
        assert!(look(0, Some(7.5), 3.0).is_empty(), "told once while it goes on");
        assert!(look(0, Some(7.5), 3.0).is_empty());
        assert_eq!(unseen(&look(0, Some(7.6), 3.0)), 1, "again, after it had stopped");
        assert_eq!(unseen(&look(4, Some(7.6), 3.5)), 0, "seen");
        assert_eq!(unseen(&look(0, Some(7.6), 3.9)), 0, "the counter ticks after the bit");
        assert_eq!(unseen(&look(0, Some(7.6), 3.9)), 0);
        let told = look(0, None, 4.0);
        assert!(told.len() == 1 && told[0].0 == Severity::Info && told[0].1.contains("by power"), "{told:?}");
        assert!(look(0, Some(99.0), 4.0).is_empty(), "what cannot be compared is no news");
    }

    #[test]
    fn errors_count_from_the_first_look() {
        let mut watch = Watch::default();
        let health =
            |corrected, uncorrected| Health { ecc_corrected: Some(corrected), ecc_uncorrected: Some(uncorrected), ..Health::default() };
        watch.health(&health(7.0, 1.0));
        assert!(watch.take().is_empty(), "what happened before the run is not news");
        watch.health(&health(9.0, 2.0));
        assert_eq!(words(&mut watch), [(Severity::Info, "ecc"), (Severity::Alarm, "ecc")]);
        watch.health(&Health::default());
        watch.health(&health(9.0, 2.0));
        assert!(watch.take().is_empty(), "nor is what cannot be compared");
        watch.health(&health(10.0, 3.0));
        let told: Vec<String> = watch.take().into_iter().map(|r| r.message).collect();
        assert!(told[0].contains("results stand") && told[1].starts_with("an uncorrected ECC error: the results of this work"), "{told:?}");
    }

    #[test]
    fn a_code_is_told_in_words_and_remembered() {
        let mut watch = Watch::default();
        watch.xid_came(Some(79));
        watch.xid_came(Some(4711));
        watch.xid_came(None);
        let told: Vec<String> = watch.take().into_iter().map(|r| r.message).collect();
        assert!(told[0].contains("fallen off the bus") && told[1].contains("4711") && told[2].contains("kernel log"), "{told:?}");
        assert_eq!(watch.xid(), Some(4711));
    }

    #[test]
    fn a_counter_that_starts_anew_and_a_repair_are_told_once() {
        let mut watch = Watch::default();
        for epoch in [0, 0, 1, 1] {
            watch.sample(&Sample { energy_epoch: epoch, ..Sample::default() });
        }
        for pending in [false, true, true] {
            watch.health(&Health { repair_pending: Some(pending), ..Health::default() });
        }
        assert_eq!(words(&mut watch), [(Severity::Warning, "counter"), (Severity::Warning, "repair")]);
    }
}
