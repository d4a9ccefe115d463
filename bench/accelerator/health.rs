//! What changes slowly about a device and is read once a second: see [`Health`].

use signal::Channel;

/// Slow readings. Each value is `None` where device, driver or permissions do not give it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Health {
    /// Power limit in force, W.
    pub limit_w: Option<f64>,
    /// Performance state, 0 (fastest) to 15.
    pub performance_state: Option<f64>,
    /// Time held down by power since the driver was loaded, s.
    pub power_violation_s: Option<f64>,
    /// Time held down by temperature, s.
    pub thermal_violation_s: Option<f64>,
    /// Time held down by the board's limit, s.
    pub board_violation_s: Option<f64>,
    /// Time held down for reliability, s.
    pub reliability_violation_s: Option<f64>,
    /// Time held down by another board of a sync boost group, s.
    pub sync_boost_violation_s: Option<f64>,
    /// Time with lower clocks for want of work, s.
    pub low_use_violation_s: Option<f64>,
    /// Time below the clocks asked for, for any reason that is counted, s.
    pub app_clocks_violation_s: Option<f64>,
    /// Time below the base clocks, s.
    pub base_clocks_violation_s: Option<f64>,
    /// Graphics clock, MHz.
    pub graphics_mhz: Option<f64>,
    /// Clock of the video engines, MHz.
    pub video_mhz: Option<f64>,
    /// Memory in use, MiB.
    pub memory_used_mib: Option<f64>,
    /// Over PCI Express from the board, MB/s.
    pub pcie_sent_mb_s: Option<f64>,
    /// Over PCI Express to the board, MB/s.
    pub pcie_received_mb_s: Option<f64>,
    /// Generation of the PCI Express link now.
    pub pcie_generation: Option<f64>,
    /// Lanes of the PCI Express link now.
    pub pcie_lanes: Option<f64>,
    /// PCI Express replays.
    pub pcie_replays: Option<f64>,
    /// Fastest fan, %; none on boards that somebody else's fans cool.
    pub fan_pct: Option<f64>,
    /// Memory errors corrected since the driver was loaded.
    pub ecc_corrected: Option<f64>,
    /// Memory errors that could not be corrected since the driver was loaded.
    pub ecc_uncorrected: Option<f64>,
    /// Memory errors corrected over the board's whole life.
    pub ecc_corrected_life: Option<f64>,
    /// Memory errors that could not be corrected over the board's whole life.
    pub ecc_uncorrected_life: Option<f64>,
    /// Pages retired for good.
    pub retired_pages: Option<f64>,
    /// Rows remapped for good.
    pub remapped_rows: Option<f64>,
    /// A retirement or remapping waits for a reset.
    pub repair_pending: Option<bool>,
    /// A row could not be remapped: the board is for repair.
    pub remap_failed: Option<bool>,
    /// Processes that the driver shows on the board.
    pub processes: Option<f64>,
    /// The last critical error seen.
    pub xid: Option<u64>,
}

impl Health {
    /// What the device does not give, in words. What only some boards have (fans, pages that are retired) and what may well never come (an error) is no lack.
    pub fn lacks(&self) -> Vec<&'static str> {
        let violations = [
            self.power_violation_s,
            self.thermal_violation_s,
            self.board_violation_s,
            self.reliability_violation_s,
            self.sync_boost_violation_s,
            self.low_use_violation_s,
            self.app_clocks_violation_s,
            self.base_clocks_violation_s,
        ];
        let ecc = [self.ecc_corrected, self.ecc_uncorrected, self.ecc_corrected_life, self.ecc_uncorrected_life];
        let found = [
            ("power limit", self.limit_w.is_none()),
            ("performance state", self.performance_state.is_none()),
            ("how long anything held the clocks down", violations.iter().all(Option::is_none)),
            (
                "how long some reasons held the clocks down",
                violations.iter().any(Option::is_none) && violations.iter().any(Option::is_some),
            ),
            ("graphics clock", self.graphics_mhz.is_none()),
            ("video clock", self.video_mhz.is_none()),
            ("memory in use", self.memory_used_mib.is_none()),
            ("PCIe throughput", self.pcie_sent_mb_s.is_none() || self.pcie_received_mb_s.is_none()),
            ("PCIe link", self.pcie_generation.is_none() || self.pcie_lanes.is_none()),
            ("PCIe replays", self.pcie_replays.is_none()),
            ("ECC errors", ecc.iter().any(Option::is_none)),
            ("memory repairs", self.remapped_rows.is_none() && self.retired_pages.is_none()),
            ("who uses it", self.processes.is_none()),
        ];
        found.iter().filter_map(|(name, lacking)| lacking.then_some(*name)).collect()
    }

    /// Every value with the channel it belongs to.
    pub fn readings(&self) -> [(Channel, Option<f64>); 29] {
        [
            (Channel::PowerLimit, self.limit_w),
            (Channel::PerformanceState, self.performance_state),
            (Channel::PowerViolation, self.power_violation_s),
            (Channel::ThermalViolation, self.thermal_violation_s),
            (Channel::BoardViolation, self.board_violation_s),
            (Channel::ReliabilityViolation, self.reliability_violation_s),
            (Channel::SyncBoostViolation, self.sync_boost_violation_s),
            (Channel::LowUseViolation, self.low_use_violation_s),
            (Channel::AppClocksViolation, self.app_clocks_violation_s),
            (Channel::BaseClocksViolation, self.base_clocks_violation_s),
            (Channel::GraphicsClock, self.graphics_mhz),
            (Channel::VideoClock, self.video_mhz),
            (Channel::MemoryUsed, self.memory_used_mib),
            (Channel::PcieSent, self.pcie_sent_mb_s),
            (Channel::PcieReceived, self.pcie_received_mb_s),
            (Channel::PcieGeneration, self.pcie_generation),
            (Channel::PcieLanes, self.pcie_lanes),
            (Channel::PcieReplays, self.pcie_replays),
            (Channel::Fan, self.fan_pct),
            (Channel::EccCorrected, self.ecc_corrected),
            (Channel::EccUncorrected, self.ecc_uncorrected),
            (Channel::EccCorrectedLife, self.ecc_corrected_life),
            (Channel::EccUncorrectedLife, self.ecc_uncorrected_life),
            (Channel::RetiredPages, self.retired_pages),
            (Channel::RemappedRows, self.remapped_rows),
            (Channel::RepairPending, self.repair_pending.map(|p| f64::from(u8::from(p)))),
            (Channel::RemapFailed, self.remap_failed.map(|p| f64::from(u8::from(p)))),
            (Channel::Processes, self.processes),
            (Channel::Xid, self.xid.map(|x| x as f64)),
        ]
    }
}
