//! A reading is a value, when it was taken, how good it is and where it came from. A missing value is missing:
//! there is no sentinel for it, and nothing here turns `None` into a number.

use serde::{Deserialize, Serialize};

/// How far a reading can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// Fresh and within the instrument's range.
    Good,
    /// The last value, older than one poll.
    Stale,
    /// Nothing was read.
    #[default]
    Gap,
    /// Read, but implausible: at a rail, or changing faster than the hardware can.
    Suspect,
}

/// Where a reading came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A real instrument read it.
    #[default]
    Measured,
    /// The twin made it up, or an instrument behind which no real hardware stands.
    Simulated,
    /// Declared in a file because nothing can measure it here.
    Assumed,
}

/// What a figure of heat or energy goes by: several instruments may know it, and they differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The accelerator's own power sensor and energy counter.
    #[default]
    Accelerator,
    /// An external meter in the board's supply, slot and cable.
    Meter,
    /// The coolant's flow and its warming.
    Calorimetric,
    /// A figure declared in a file.
    Declared,
}

impl Source {
    /// Every source.
    pub const ALL: &'static [Self] = &[Self::Accelerator, Self::Meter, Self::Calorimetric, Self::Declared];

    /// The word used in files and on screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accelerator => "accelerator",
            Self::Meter => "meter",
            Self::Calorimetric => "calorimetric",
            Self::Declared => "declared",
        }
    }
}

impl Quality {
    /// The word used in CSV files and on screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Stale => "stale",
            Self::Gap => "gap",
            Self::Suspect => "suspect",
        }
    }
}

impl Origin {
    /// The word used in CSV files and on screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Simulated => "simulated",
            Self::Assumed => "assumed",
        }
    }
}

/// One value of one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// The value in the channel's unit; `None` where nothing was read.
    pub value: Option<f64>,
    /// Bench seconds at which the instrument took it.
    pub at_s: f64,
    /// How far it can be trusted.
    pub quality: Quality,
    /// Where it came from.
    pub origin: Origin,
}

impl Reading {
    /// A fresh reading. A value that is not finite is no reading: it becomes a gap marked suspect.
    pub fn good(value: f64, at_s: f64, origin: Origin) -> Self {
        if value.is_finite() {
            Self { value: Some(value), at_s, quality: Quality::Good, origin }
        } else {
            Self { value: None, at_s, quality: Quality::Suspect, origin }
        }
    }

    /// Nothing was read.
    pub const fn gap(at_s: f64, origin: Origin) -> Self {
        Self { value: None, at_s, quality: Quality::Gap, origin }
    }

    /// The value, if it is fresh enough to control on.
    pub fn usable(&self) -> Option<f64> {
        match self.quality {
            Quality::Good => self.value,
            Quality::Stale | Quality::Gap | Quality::Suspect => None,
        }
    }
}

macro_rules! channels {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// What can be read on a bench, one per role. The unit is part of the meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Channel { $($(#[doc = $doc])+ $name,)+ }

        impl Channel {
            /// Every channel, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];
        }
    };
}

channels! {
    /// Plate under the device under test, °C.
    Plate,
    /// Hot side of the Peltier bank (lab heat sink), °C.
    Sink,
    /// Room air at the bench, °C.
    Ambient,
    /// Current through the TEC controller's output, A; positive cools the plate.
    TecCurrent,
    /// Voltage at the TEC controller's output, V; same sign as the current.
    TecVoltage,
    /// The setpoint the TEC controller says it holds, °C.
    TecTarget,
    /// 1 while the TEC controller says its output is on, else 0.
    TecOutput,
    /// Accelerator die, °C.
    Die,
    /// Accelerator memory, °C.
    Memory,
    /// Accelerator board power over the last tick, W.
    BoardPower,
    /// Accelerator energy counter, J since some moment before the run.
    BoardEnergy,
    /// Streaming-multiprocessor (or core) clock, MHz.
    CoreClock,
    /// Memory clock, MHz.
    MemoryClock,
    /// Utilisation as the driver reports it, %.
    Utilisation,
    /// NVML clock-event (throttle) reason bits as a number.
    ThrottleReasons,
    /// Work done since the workload started, in the workload's units (tokens, images, steps).
    WorkUnits,
    /// Work taken in since the workload started, in the same units: tokens of prompts. Apart from what is put out.
    WorkInputUnits,
    /// Where the work is while power comes and goes: the number of a [`crate::Place`].
    WorkPark,
    /// Output lost with the work's memory since it started, in its units.
    WorkLost,
    /// Input lost likewise.
    WorkLostInput,
    /// Time spent putting the work away since it started, s.
    WorkCheckpoint,
    /// Time spent bringing it back since it started, s.
    WorkRestore,
    /// Size of the newest checkpoint, MiB.
    WorkCheckpointSize,
    /// Coolant entering the bench's cold plate, °C.
    CoolantSupply,
    /// Coolant leaving the bench's cold plate, °C.
    CoolantReturn,
    /// The bench's radiator, °C.
    Radiator,
    /// Relative humidity of the room, %.
    Humidity,
    /// Coolant flow, l/min.
    Flow,
    /// Voltage across a heater, V.
    HeaterVoltage,
    /// Current through a heater, A.
    HeaterCurrent,
    /// Power of a heater, W.
    HeaterPower,
    /// Voltage of a sun lamp, V.
    LampVoltage,
    /// Current of a sun lamp, A.
    LampCurrent,
    /// Power of a sun lamp, W.
    LampPower,
    /// Voltage of a solar-array simulator's output, V.
    ArrayVoltage,
    /// Current of a solar-array simulator's output, A.
    ArrayCurrent,
    /// Power of a solar-array simulator's output, W.
    ArrayPower,
    /// Voltage of an auxiliary supply, V.
    AuxVoltage,
    /// Current of an auxiliary supply, A.
    AuxCurrent,
    /// Power of an auxiliary supply, W.
    AuxPower,
    /// Speed of a fan, 1/min.
    FanSpeed,
    /// Speed of a pump, 1/min.
    PumpSpeed,
    /// Board power of the accelerator by an external meter (slot and cable), W.
    MeterPower,
    /// Board energy of the accelerator by that meter, J since some moment before the run.
    MeterEnergy,
    /// Power through the board's slot by a meter of its own, where the other has the cable alone, W.
    SlotPower,
    /// Energy through the slot by that meter, J since some moment before the run.
    SlotEnergy,
    /// Board power at the newest instant the driver looked, W. Not to be integrated.
    InstantPower,
    /// Board power as the driver averages it over about a second, W.
    AveragePower,
    /// Power limit in force, W.
    PowerLimit,
    /// Kelvin until the driver begins to slow the die down.
    DieMargin,
    /// Kelvin until the driver begins to slow the memory down.
    MemoryMargin,
    /// Performance state, 0 (fastest) to 15.
    PerformanceState,
    /// Time the clocks were held down by power since the driver was loaded, s.
    PowerViolation,
    /// Time the clocks were held down by temperature, s.
    ThermalViolation,
    /// Time the clocks were held down by the board's own limit, s.
    BoardViolation,
    /// Time the clocks were held down for reliability, s.
    ReliabilityViolation,
    /// Time the clocks were held down by another board of a sync boost group, s.
    SyncBoostViolation,
    /// Time the clocks were lower for want of work, s.
    LowUseViolation,
    /// Time the clocks were below those asked for, for any of these reasons, s.
    AppClocksViolation,
    /// Time the clocks were below the base clocks, s.
    BaseClocksViolation,
    /// Graphics clock, MHz.
    GraphicsClock,
    /// Clock of the video engines, MHz.
    VideoClock,
    /// Share of time in which memory was read or written, %.
    MemoryBusy,
    /// Memory in use, MiB.
    MemoryUsed,
    /// From the board to the host, MB/s.
    PcieSent,
    /// From the host to the board, MB/s.
    PcieReceived,
    /// Generation of the PCI Express link.
    PcieGeneration,
    /// Lanes of the PCI Express link.
    PcieLanes,
    /// PCI Express replays since the driver was loaded.
    PcieReplays,
    /// Fastest fan of the board, % of its speed.
    Fan,
    /// Memory errors corrected since the driver was loaded.
    EccCorrected,
    /// Memory errors that could not be corrected since the driver was loaded.
    EccUncorrected,
    /// Memory errors corrected over the board's whole life.
    EccCorrectedLife,
    /// Memory errors that could not be corrected over the board's whole life.
    EccUncorrectedLife,
    /// Memory pages retired for good.
    RetiredPages,
    /// Memory rows remapped for good.
    RemappedRows,
    /// 1 if a retirement or remapping waits for a reset, else 0.
    RepairPending,
    /// 1 if a row could not be remapped, else 0.
    RemapFailed,
    /// Processes on the accelerator.
    Processes,
    /// Code of the last critical error (Xid) seen.
    Xid,
    /// How often the accelerator's energy counter began anew: counters of different epochs are different counters.
    EnergyEpoch,
    /// Accelerator 1 of several: power over the last tick, W.
    Board1Power,
    /// Accelerator 1 of several: energy counter, J since some moment before the run.
    Board1Energy,
    /// Accelerator 1 of several: die, °C.
    Board1Die,
    /// Accelerator 1 of several: memory, °C.
    Board1Memory,
    /// Accelerator 1 of several: clock-event (throttle) reason bits as a number.
    Board1Throttle,
    /// Accelerator 2 of several: power over the last tick, W.
    Board2Power,
    /// Accelerator 2 of several: energy counter, J since some moment before the run.
    Board2Energy,
    /// Accelerator 2 of several: die, °C.
    Board2Die,
    /// Accelerator 2 of several: memory, °C.
    Board2Memory,
    /// Accelerator 2 of several: clock-event (throttle) reason bits as a number.
    Board2Throttle,
    /// Accelerator 3 of several: power over the last tick, W.
    Board3Power,
    /// Accelerator 3 of several: energy counter, J since some moment before the run.
    Board3Energy,
    /// Accelerator 3 of several: die, °C.
    Board3Die,
    /// Accelerator 3 of several: memory, °C.
    Board3Memory,
    /// Accelerator 3 of several: clock-event (throttle) reason bits as a number.
    Board3Throttle,
    /// Accelerator 4 of several: power over the last tick, W.
    Board4Power,
    /// Accelerator 4 of several: energy counter, J since some moment before the run.
    Board4Energy,
    /// Accelerator 4 of several: die, °C.
    Board4Die,
    /// Accelerator 4 of several: memory, °C.
    Board4Memory,
    /// Accelerator 4 of several: clock-event (throttle) reason bits as a number.
    Board4Throttle,
    /// Accelerator 5 of several: power over the last tick, W.
    Board5Power,
    /// Accelerator 5 of several: energy counter, J since some moment before the run.
    Board5Energy,
    /// Accelerator 5 of several: die, °C.
    Board5Die,
    /// Accelerator 5 of several: memory, °C.
    Board5Memory,
    /// Accelerator 5 of several: clock-event (throttle) reason bits as a number.
    Board5Throttle,
    /// Accelerator 6 of several: power over the last tick, W.
    Board6Power,
    /// Accelerator 6 of several: energy counter, J since some moment before the run.
    Board6Energy,
    /// Accelerator 6 of several: die, °C.
    Board6Die,
    /// Accelerator 6 of several: memory, °C.
    Board6Memory,
    /// Accelerator 6 of several: clock-event (throttle) reason bits as a number.
    Board6Throttle,
    /// Accelerator 7 of several: power over the last tick, W.
    Board7Power,
    /// Accelerator 7 of several: energy counter, J since some moment before the run.
    Board7Energy,
    /// Accelerator 7 of several: die, °C.
    Board7Die,
    /// Accelerator 7 of several: memory, °C.
    Board7Memory,
    /// Accelerator 7 of several: clock-event (throttle) reason bits as a number.
    Board7Throttle,
    /// Accelerator 8 of several: power over the last tick, W.
    Board8Power,
    /// Accelerator 8 of several: energy counter, J since some moment before the run.
    Board8Energy,
    /// Accelerator 8 of several: die, °C.
    Board8Die,
    /// Accelerator 8 of several: memory, °C.
    Board8Memory,
    /// Accelerator 8 of several: clock-event (throttle) reason bits as a number.
    Board8Throttle,
    /// What lies on the scale, kg. Weighed with the bench at rest: no row of a run has it.
    Mass,
}

impl Channel {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();
    /// Most accelerators of which one run keeps readings apart: a board with eight of them is the largest that is sold.
    pub const MOST_BOARDS: usize = 8;
    /// What is kept apart of each, in the order of the channels.
    const APART: [Self; 5] = [Self::BoardPower, Self::BoardEnergy, Self::Die, Self::Memory, Self::ThrottleReasons];

    /// The channel of accelerator `k`, from 1, that stands for this channel of all together; `None` for what is not kept apart.
    ///
    /// ```
    /// use signal::Channel;
    /// assert_eq!(Channel::Die.of_board(2), Some(Channel::Board2Die));
    /// assert_eq!(Channel::Plate.of_board(2), None);
    /// ```
    pub fn of_board(self, k: usize) -> Option<Self> {
        let place = Self::APART.iter().position(|c| *c == self)?;
        (1..=Self::MOST_BOARDS).contains(&k).then(|| Self::ALL[Self::Board1Power as usize + (k - 1) * Self::APART.len() + place])
    }

    /// Every channel that is kept apart of `boards` accelerators.
    pub fn of_boards(boards: usize) -> impl Iterator<Item = Self> {
        (1..=boards).flat_map(|k| Self::APART.into_iter().filter_map(move |c| c.of_board(k)))
    }
}

/// The newest reading of every channel at one tick.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot([Reading; Channel::COUNT]);

impl Default for Snapshot {
    fn default() -> Self {
        Self([Reading::default(); Channel::COUNT])
    }
}

impl Snapshot {
    /// The reading of `channel`; a gap if it was never set.
    pub fn get(&self, channel: Channel) -> &Reading {
        &self.0[channel as usize]
    }

    /// The value of `channel`, if it is good.
    pub fn usable(&self, channel: Channel) -> Option<f64> {
        self.get(channel).usable()
    }

    /// Replaces the reading of `channel`.
    pub fn set(&mut self, channel: Channel, reading: Reading) {
        self.0[channel as usize] = reading;
    }
}
