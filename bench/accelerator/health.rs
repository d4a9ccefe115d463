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
    /// Every value with the channel it belongs to.
    pub fn readings(&self) -> [(Channel, Option<f64>); 23] {
        [
            (Channel::PowerLimit, self.limit_w),
            (Channel::PerformanceState, self.performance_state),
            (Channel::PowerViolation, self.power_violation_s),
            (Channel::ThermalViolation, self.thermal_violation_s),
            (Channel::BoardViolation, self.board_violation_s),
            (Channel::ReliabilityViolation, self.reliability_violation_s),
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
