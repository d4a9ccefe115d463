//! The one table of columns: name, unit, decimals, class and meaning of everything a run folder's CSVs can hold, in file order.
//! Header, writer, reader and the docs all come from it. No values here: those are in [`crate::Row`].

use serde::{Deserialize, Serialize};
use signal::Channel;
use std::fmt::Write as _;

/// What a column may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The rig is made to follow it: yields tracking error only, never evidence about the model.
    Servoed,
    /// Forecast before the run and not servoed: the correlation gates use these.
    Predicted,
    /// Computed from other columns or by the flight model.
    Derived,
    /// Imposed on the run from outside.
    Environment,
    /// What the controller asks for, and what the instrument says it was asked.
    Command,
    /// Kept for diagnosis.
    Bookkeeping,
}

impl Class {
    /// The word used in docs and reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Servoed => "servoed",
            Self::Predicted => "predicted",
            Self::Derived => "derived",
            Self::Environment => "environment",
            Self::Command => "command",
            Self::Bookkeeping => "bookkeeping",
        }
    }
}

/// The columns every CSV of a run begins with: name, unit, meaning.
pub const LEAD: [(&str, &str, &str); 8] = [
    ("segment", "count", "Counts the engine's starts on this folder, from 0; a resume begins the next one."),
    ("tick", "count", "The controller's step, from 0, constant dt in bench seconds."),
    ("utc", "RFC 3339", "Wall time of the row; empty in a prediction."),
    ("elapsed_s", "s", "Wall seconds since the run began, monotonic; empty in a prediction."),
    ("bench_s", "s", "Bench seconds since the run began (wall x speed): the time of the plant, of energy and of rates."),
    ("mission_s", "s", "Bench seconds less staging and holds: the time of the flight model; empty until staging ends."),
    ("state", "word", "staging, running, held, suspended, stopping or safe."),
    ("limited", "word", "none, or why the rig could not follow the model over this tick: clamped, rate or saturated."),
];

/// The only column whose origin and source can change during a run: columns that say them follow it.
pub(crate) const ORIGIN_OF: Column = Column::FlightHeatW;

macro_rules! channel_of {
    (-) => {
        None
    };
    ($channel:ident) => {
        Some(Channel::$channel)
    };
}

macro_rules! columns {
    ($($name:ident $text:literal $unit:literal $decimals:literal $class:ident $channel:tt $meaning:literal;)+) => {
        /// A column of `samples.csv` and `prediction.csv` after the [`LEAD`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Column { $(#[doc = $meaning] $name,)+ }

        struct Entry {
            name: &'static str,
            unit: &'static str,
            decimals: usize,
            class: Class,
            channel: Option<Channel>,
            meaning: &'static str,
        }

        const TABLE: &[Entry] = &[$(Entry {
            name: $text,
            unit: $unit,
            decimals: $decimals,
            class: Class::$class,
            channel: channel_of!($channel),
            meaning: $meaning,
        },)+];

        impl Column {
            /// Every column, in file order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];
        }
    };
}

// variant, name, unit, decimals, class, the channel it is read from, meaning. Powers are averages over the tick that ends at the row.
columns! {
    EnvIlluminationFrac "env_illumination_frac" "1" 6 Environment - "Visible fraction of the solar disc: 0 in umbra, 1 in full sun.";
    EnvBetaDeg "env_beta_deg" "°" 4 Environment - "Angle of the Sun above the orbit plane.";
    EnvSolarWM2 "env_solar_w_m2" "W/m²" 3 Environment - "Direct sunlight on a surface facing the Sun, shadow included.";
    EnvArrayWM2 "env_array_w_m2" "W/m²" 3 Environment - "Sunlight on the solar array.";
    EnvASolarWM2 "env_a_solar_w_m2" "W/m²" 3 Environment - "Direct sunlight incident on radiator face a.";
    EnvAAlbedoWM2 "env_a_albedo_w_m2" "W/m²" 3 Environment - "Sunlight reflected by the planet, incident on radiator face a.";
    EnvAIrWM2 "env_a_ir_w_m2" "W/m²" 3 Environment - "Planetary infrared incident on radiator face a.";
    EnvBSolarWM2 "env_b_solar_w_m2" "W/m²" 3 Environment - "Direct sunlight incident on radiator face b.";
    EnvBAlbedoWM2 "env_b_albedo_w_m2" "W/m²" 3 Environment - "Sunlight reflected by the planet, incident on radiator face b.";
    EnvBIrWM2 "env_b_ir_w_m2" "W/m²" 3 Environment - "Planetary infrared incident on radiator face b.";
    EnvSinkDegc "env_sink_degc" "°C" 3 Environment - "Temperature the unloaded radiator would take in radiative balance.";
    FlightHeatW "flight_heat_w" "W" 4 Predicted - "Board heat driven into the flight model over the tick that ends here.";
    FlightDieDegc "flight_die_degc" "°C" 4 Derived - "Die of the flight model.";
    FlightPlateDegc "flight_plate_degc" "°C" 4 Derived - "Cold plate of the flight model.";
    FlightSupplyDegc "flight_supply_degc" "°C" 4 Derived - "Coolant entering the flight model's cold plate.";
    FlightReturnDegc "flight_return_degc" "°C" 4 Derived - "Coolant leaving the flight model's cold plate.";
    FlightPanel1Degc "flight_panel1_degc" "°C" 4 Derived - "First radiator panel along the coolant.";
    FlightPanel2Degc "flight_panel2_degc" "°C" 4 Derived - "Second radiator panel along the coolant.";
    FlightPanel3Degc "flight_panel3_degc" "°C" 4 Derived - "Third radiator panel along the coolant.";
    FlightPanel4Degc "flight_panel4_degc" "°C" 4 Derived - "Fourth radiator panel along the coolant.";
    FlightPanel5Degc "flight_panel5_degc" "°C" 4 Derived - "Fifth radiator panel along the coolant.";
    FlightPanel6Degc "flight_panel6_degc" "°C" 4 Derived - "Sixth radiator panel along the coolant.";
    FlightPanel7Degc "flight_panel7_degc" "°C" 4 Derived - "Seventh radiator panel along the coolant.";
    FlightPanel8Degc "flight_panel8_degc" "°C" 4 Derived - "Eighth radiator panel along the coolant.";
    FlightRadiatedW "flight_radiated_w" "W" 4 Derived - "Net heat leaving this accelerator's share of the panels.";
    FlightBypassFrac "flight_bypass_frac" "1" 6 Derived - "Part of the coolant led past the radiator to keep the supply above its minimum.";
    FlightMemoryDegc "flight_memory_degc" "°C" 4 Derived - "Memory of the flight model, where the profile has it as a node.";
    FlightManifoldDegc "flight_manifold_degc" "°C" 4 Derived - "Coolant in the flight model's return manifold, where the profile has one.";
    FlightArrayDegc "flight_array_degc" "°C" 4 Derived - "Own solar array as the panels see it, where the profile has it as a node.";
    FlightLostW "flight_lost_w" "W" 4 Derived - "Heat leaving this accelerator's share of the panels into air and structure, where the profile has such ways.";
    FlightHeaterW "flight_heater_w" "W" 4 Derived - "Electric power of this accelerator's share of the coolant heater, where the profile has one.";
    FlightMarginK "flight_margin_k" "K" 4 Derived - "Coldest of coolant and panels above the coolant's freezing point, where the profile declares it.";
    RigRequestDegc "rig_request_degc" "°C" 4 Command - "Interface temperature the flight model asks for, before limits.";
    RigSetpointDegc "rig_setpoint_degc" "°C" 4 Command - "Setpoint sent to the rig, after limits.";
    RigTargetDegc "rig_target_degc" "°C" 4 Command TecTarget "Setpoint the TEC controller says it holds.";
    RigPlateDegc "rig_plate_degc" "°C" 4 Servoed Plate "Plate under the device under test.";
    RigSinkDegc "rig_sink_degc" "°C" 4 Predicted Sink "Lab heat sink on the hot side of the Peltier bank.";
    RigAmbientDegc "rig_ambient_degc" "°C" 4 Environment Ambient "Room air at the bench.";
    RigTecA "rig_tec_a" "A" 4 Predicted TecCurrent "Current through the TEC controller's output; positive cools the plate.";
    RigTecV "rig_tec_v" "V" 4 Predicted TecVoltage "Voltage at the TEC controller's output, same sign as the current.";
    RigTecW "rig_tec_w" "W" 4 Derived - "Electrical power into the Peltier bank: test support, never charged to orbit.";
    RigOutput "rig_output" "0/1" 0 Bookkeeping TecOutput "1 while the TEC controller says its output is on.";
    RigPumpedW "rig_pumped_w" "W" 4 Derived - "Heat taken off the plate, by the believed Peltier equations from measured current and temperatures.";
    RigRDiePlateKW "rig_r_die_plate_k_w" "K/W" 5 Predicted - "Thermal resistance from die to plate: (die - plate) / board power.";
    RigSupplyDegc "rig_supply_degc" "°C" 4 Bookkeeping CoolantSupply "Coolant entering the bench's cold plate.";
    RigReturnDegc "rig_return_degc" "°C" 4 Bookkeeping CoolantReturn "Coolant leaving the bench's cold plate.";
    RigRadiatorDegc "rig_radiator_degc" "°C" 4 Bookkeeping Radiator "The bench's radiator.";
    RigHumidityPct "rig_humidity_pct" "%" 2 Environment Humidity "Relative humidity of the room.";
    RigFlowLMin "rig_flow_l_min" "l/min" 4 Bookkeeping Flow "Coolant flow.";
    RigHeaterV "rig_heater_v" "V" 4 Bookkeeping HeaterVoltage "Voltage across the heater.";
    RigHeaterA "rig_heater_a" "A" 4 Bookkeeping HeaterCurrent "Current through the heater.";
    RigHeaterW "rig_heater_w" "W" 4 Bookkeeping HeaterPower "Power of the heater: test support, never charged to orbit.";
    RigLampRequestFrac "rig_lamp_request_frac" "1" 5 Command - "Output asked of the sun lamp over that at one sun; 0 in the dark.";
    RigLampV "rig_lamp_v" "V" 4 Bookkeeping LampVoltage "Voltage of the sun lamp.";
    RigLampA "rig_lamp_a" "A" 4 Bookkeeping LampCurrent "Current of the sun lamp.";
    RigLampW "rig_lamp_w" "W" 4 Bookkeeping LampPower "Power of the sun lamp: test support, never charged to orbit.";
    RigArrayRequestA "rig_array_request_a" "A" 4 Command - "Short-circuit current asked of the solar-array simulator; 0 in the dark.";
    RigArrayRequestV "rig_array_request_v" "V" 4 Command - "Open-circuit voltage asked of the solar-array simulator; empty in the dark.";
    RigArrayV "rig_array_v" "V" 4 Bookkeeping ArrayVoltage "Voltage of the solar-array simulator's output.";
    RigArrayA "rig_array_a" "A" 4 Bookkeeping ArrayCurrent "Current of the solar-array simulator's output.";
    RigArrayW "rig_array_w" "W" 4 Bookkeeping ArrayPower "Power of the solar-array simulator's output.";
    RigAuxV "rig_aux_v" "V" 4 Bookkeeping AuxVoltage "Voltage of the auxiliary supply.";
    RigAuxA "rig_aux_a" "A" 4 Bookkeeping AuxCurrent "Current of the auxiliary supply.";
    RigAuxW "rig_aux_w" "W" 4 Bookkeeping AuxPower "Power of the auxiliary supply.";
    RigFanRpm "rig_fan_rpm" "1/min" 1 Bookkeeping FanSpeed "Speed of the fan.";
    RigPumpRpm "rig_pump_rpm" "1/min" 1 Bookkeeping PumpSpeed "Speed of the pump.";
    RigMeterW "rig_meter_w" "W" 4 Bookkeeping MeterPower "Board power by the external meter, slot and cable.";
    RigMeterJ "rig_meter_j" "J" 3 Bookkeeping MeterEnergy "Board energy by the external meter.";
    RigSlotW "rig_slot_w" "W" 4 Bookkeeping SlotPower "Power through the board's slot by a meter of its own.";
    RigSlotJ "rig_slot_j" "J" 3 Bookkeeping SlotEnergy "Energy through the board's slot by that meter.";
    RigBoardW "rig_board_w" "W" 4 Predicted - "Board power by external meters, slot and cable together; missing where either is.";
    RigBoardJ "rig_board_j" "J" 3 Derived - "Board energy by external meters since the run began: by their counters where all have one, else integrated.";
    RigBoardGapW "rig_board_gap_w" "W" 4 Derived - "Board power by external meters less the accelerator's own.";
    RigBoardGapJ "rig_board_gap_j" "J" 3 Derived - "Board energy by external meters less the accelerator's own, over the time in which both were there.";
    RigCalorimetricW "rig_calorimetric_w" "W" 4 Bookkeeping - "Board heat by the coolant's flow and warming, less the pump's, over the part that the plate captures.";
    RigCalorimetricUW "rig_calorimetric_u_w" "W" 4 Derived - "Standard uncertainty of that, from matched sensors, flow meter and properties of the coolant.";
    RigCalorimetricGapW "rig_calorimetric_gap_w" "W" 4 Derived - "Calorimetric heat less electrical board power (the meters', or else the accelerator's): the closure of the heat balance.";
    AccelPowerW "accel_power_w" "W" 4 Predicted BoardPower "Board power of the accelerator over the tick; of several the sum, as every figure here that adds up.";
    AccelEnergyJ "accel_energy_j" "J" 3 Bookkeeping BoardEnergy "The accelerator's own energy counter; of several the sum, which starts anew with any of them.";
    AccelEnergyEpochCount "accel_energy_epoch_count" "count" 0 Bookkeeping EnergyEpoch "How often the energy counter began anew, by the driver or by a wrap that cannot be told: no step spans two of them.";
    AccelIntegralJ "accel_integral_j" "J" 3 Derived - "Board power integrated since the run began.";
    AccelDieDegc "accel_die_degc" "°C" 4 Predicted Die "Accelerator die; of several the hottest.";
    AccelMemoryDegc "accel_memory_degc" "°C" 3 Predicted Memory "Accelerator memory.";
    AccelCoreMhz "accel_core_mhz" "MHz" 1 Bookkeeping CoreClock "Core (streaming multiprocessor) clock.";
    AccelMemoryMhz "accel_memory_mhz" "MHz" 1 Bookkeeping MemoryClock "Memory clock.";
    AccelUtilisationPct "accel_utilisation_pct" "%" 1 Bookkeeping Utilisation "Utilisation as the driver reports it.";
    AccelThrottle "accel_throttle" "bits" 0 Bookkeeping ThrottleReasons "Throttle (clock event) reason bits as a number.";
    AccelInstantW "accel_instant_w" "W" 3 Bookkeeping InstantPower "Board power at the newest instant the driver looked; repeats keep the time they were first seen.";
    AccelAverageW "accel_average_w" "W" 3 Bookkeeping AveragePower "Board power as the driver averages it over about a second.";
    AccelEnergyGapJ "accel_energy_gap_j" "J" 3 Derived - "The energy counter less integrated power since the run began: two ways to the same figure, never mixed.";
    AccelLimitW "accel_limit_w" "W" 3 Bookkeeping PowerLimit "Power limit in force.";
    AccelDieMarginK "accel_die_margin_k" "K" 1 Bookkeeping DieMargin "Margin until the driver begins to slow the die down: T.Limit as the driver gives it (less its slowdown threshold where that is above 0), or else from the slowdown temperature.";
    AccelMemoryMarginK "accel_memory_margin_k" "K" 1 Bookkeeping MemoryMargin "Margin until the driver begins to slow the memory down, where it says from where.";
    AccelPerformanceState "accel_performance_state" "state" 0 Bookkeeping PerformanceState "Performance state: 0 is the fastest.";
    AccelPowerViolationS "accel_power_violation_s" "s" 3 Bookkeeping PowerViolation "Time the clocks were held down by power since the driver was loaded.";
    AccelThermalViolationS "accel_thermal_violation_s" "s" 3 Bookkeeping ThermalViolation "Time the clocks were held down by temperature.";
    AccelBoardViolationS "accel_board_violation_s" "s" 3 Bookkeeping BoardViolation "Time the clocks were held down by the board's own limit.";
    AccelReliabilityViolationS "accel_reliability_violation_s" "s" 3 Bookkeeping ReliabilityViolation "Time the clocks were held down for reliability.";
    AccelSyncBoostViolationS "accel_sync_boost_violation_s" "s" 3 Bookkeeping SyncBoostViolation "Time the clocks were held down by another board of a sync boost group.";
    AccelLowUseViolationS "accel_low_use_violation_s" "s" 3 Bookkeeping LowUseViolation "Time the clocks were lower for want of work.";
    AccelAppClocksViolationS "accel_app_clocks_violation_s" "s" 3 Bookkeeping AppClocksViolation "Time the clocks were below those asked for, for any reason that the driver counts.";
    AccelBaseClocksViolationS "accel_base_clocks_violation_s" "s" 3 Bookkeeping BaseClocksViolation "Time the clocks were below the board's base clocks.";
    AccelGraphicsMhz "accel_graphics_mhz" "MHz" 1 Bookkeeping GraphicsClock "Graphics clock, read once a second.";
    AccelVideoMhz "accel_video_mhz" "MHz" 1 Bookkeeping VideoClock "Clock of the video engines, read once a second.";
    AccelMemoryBusyPct "accel_memory_busy_pct" "%" 1 Bookkeeping MemoryBusy "Share of time in which memory was read or written.";
    AccelMemoryUsedMib "accel_memory_used_mib" "MiB" 0 Bookkeeping MemoryUsed "Memory in use.";
    AccelPcieSentMbS "accel_pcie_sent_mb_s" "MB/s" 2 Bookkeeping PcieSent "From the board to the host.";
    AccelPcieReceivedMbS "accel_pcie_received_mb_s" "MB/s" 2 Bookkeeping PcieReceived "From the host to the board.";
    AccelPcieGenerationCount "accel_pcie_generation_count" "count" 0 Bookkeeping PcieGeneration "Generation of the PCI Express link.";
    AccelPcieLanesCount "accel_pcie_lanes_count" "count" 0 Bookkeeping PcieLanes "Lanes of the PCI Express link.";
    AccelPcieReplaysCount "accel_pcie_replays_count" "count" 0 Bookkeeping PcieReplays "PCI Express replays since the driver was loaded.";
    AccelFanPct "accel_fan_pct" "%" 0 Bookkeeping Fan "Fastest fan of the board; empty where it has none.";
    AccelEccCorrectedCount "accel_ecc_corrected_count" "count" 0 Bookkeeping EccCorrected "Memory errors corrected since the driver was loaded.";
    AccelEccUncorrectedCount "accel_ecc_uncorrected_count" "count" 0 Bookkeeping EccUncorrected "Memory errors that could not be corrected since the driver was loaded.";
    AccelEccCorrectedLifeCount "accel_ecc_corrected_life_count" "count" 0 Bookkeeping EccCorrectedLife "Memory errors corrected over the board's whole life.";
    AccelEccUncorrectedLifeCount "accel_ecc_uncorrected_life_count" "count" 0 Bookkeeping EccUncorrectedLife "Memory errors that could not be corrected over the board's whole life.";
    AccelRetiredPagesCount "accel_retired_pages_count" "count" 0 Bookkeeping RetiredPages "Memory pages retired for good.";
    AccelRemappedRowsCount "accel_remapped_rows_count" "count" 0 Bookkeeping RemappedRows "Memory rows remapped for good.";
    AccelRepairPendingCount "accel_repair_pending_count" "count" 0 Bookkeeping RepairPending "1 if a retirement or remapping waits for a reset.";
    AccelRemapFailedCount "accel_remap_failed_count" "count" 0 Bookkeeping RemapFailed "1 if a memory row could not be remapped: the board is for repair.";
    AccelProcessesCount "accel_processes_count" "count" 0 Bookkeeping Processes "Processes that the driver shows on the board, the run's own work among them.";
    AccelXid "accel_xid" "code" 0 Bookkeeping Xid "Code of the last critical error (Xid) seen since the run began; empty if there was none.";
    Accel1PowerW "accel_1_power_w" "W" 4 Bookkeeping Board1Power "Board power of accelerator 1 of several, over the tick.";
    Accel1EnergyJ "accel_1_energy_j" "J" 3 Bookkeeping Board1Energy "Energy counter of accelerator 1 of several.";
    Accel1DieDegc "accel_1_die_degc" "°C" 3 Bookkeeping Board1Die "Die of accelerator 1 of several.";
    Accel1MemoryDegc "accel_1_memory_degc" "°C" 3 Bookkeeping Board1Memory "Memory of accelerator 1 of several.";
    Accel1Throttle "accel_1_throttle" "bits" 0 Bookkeeping Board1Throttle "Throttle reason bits of accelerator 1 of several.";
    Accel2PowerW "accel_2_power_w" "W" 4 Bookkeeping Board2Power "Board power of accelerator 2 of several, over the tick.";
    Accel2EnergyJ "accel_2_energy_j" "J" 3 Bookkeeping Board2Energy "Energy counter of accelerator 2 of several.";
    Accel2DieDegc "accel_2_die_degc" "°C" 3 Bookkeeping Board2Die "Die of accelerator 2 of several.";
    Accel2MemoryDegc "accel_2_memory_degc" "°C" 3 Bookkeeping Board2Memory "Memory of accelerator 2 of several.";
    Accel2Throttle "accel_2_throttle" "bits" 0 Bookkeeping Board2Throttle "Throttle reason bits of accelerator 2 of several.";
    Accel3PowerW "accel_3_power_w" "W" 4 Bookkeeping Board3Power "Board power of accelerator 3 of several, over the tick.";
    Accel3EnergyJ "accel_3_energy_j" "J" 3 Bookkeeping Board3Energy "Energy counter of accelerator 3 of several.";
    Accel3DieDegc "accel_3_die_degc" "°C" 3 Bookkeeping Board3Die "Die of accelerator 3 of several.";
    Accel3MemoryDegc "accel_3_memory_degc" "°C" 3 Bookkeeping Board3Memory "Memory of accelerator 3 of several.";
    Accel3Throttle "accel_3_throttle" "bits" 0 Bookkeeping Board3Throttle "Throttle reason bits of accelerator 3 of several.";
    Accel4PowerW "accel_4_power_w" "W" 4 Bookkeeping Board4Power "Board power of accelerator 4 of several, over the tick.";
    Accel4EnergyJ "accel_4_energy_j" "J" 3 Bookkeeping Board4Energy "Energy counter of accelerator 4 of several.";
    Accel4DieDegc "accel_4_die_degc" "°C" 3 Bookkeeping Board4Die "Die of accelerator 4 of several.";
    Accel4MemoryDegc "accel_4_memory_degc" "°C" 3 Bookkeeping Board4Memory "Memory of accelerator 4 of several.";
    Accel4Throttle "accel_4_throttle" "bits" 0 Bookkeeping Board4Throttle "Throttle reason bits of accelerator 4 of several.";
    Accel5PowerW "accel_5_power_w" "W" 4 Bookkeeping Board5Power "Board power of accelerator 5 of several, over the tick.";
    Accel5EnergyJ "accel_5_energy_j" "J" 3 Bookkeeping Board5Energy "Energy counter of accelerator 5 of several.";
    Accel5DieDegc "accel_5_die_degc" "°C" 3 Bookkeeping Board5Die "Die of accelerator 5 of several.";
    Accel5MemoryDegc "accel_5_memory_degc" "°C" 3 Bookkeeping Board5Memory "Memory of accelerator 5 of several.";
    Accel5Throttle "accel_5_throttle" "bits" 0 Bookkeeping Board5Throttle "Throttle reason bits of accelerator 5 of several.";
    Accel6PowerW "accel_6_power_w" "W" 4 Bookkeeping Board6Power "Board power of accelerator 6 of several, over the tick.";
    Accel6EnergyJ "accel_6_energy_j" "J" 3 Bookkeeping Board6Energy "Energy counter of accelerator 6 of several.";
    Accel6DieDegc "accel_6_die_degc" "°C" 3 Bookkeeping Board6Die "Die of accelerator 6 of several.";
    Accel6MemoryDegc "accel_6_memory_degc" "°C" 3 Bookkeeping Board6Memory "Memory of accelerator 6 of several.";
    Accel6Throttle "accel_6_throttle" "bits" 0 Bookkeeping Board6Throttle "Throttle reason bits of accelerator 6 of several.";
    Accel7PowerW "accel_7_power_w" "W" 4 Bookkeeping Board7Power "Board power of accelerator 7 of several, over the tick.";
    Accel7EnergyJ "accel_7_energy_j" "J" 3 Bookkeeping Board7Energy "Energy counter of accelerator 7 of several.";
    Accel7DieDegc "accel_7_die_degc" "°C" 3 Bookkeeping Board7Die "Die of accelerator 7 of several.";
    Accel7MemoryDegc "accel_7_memory_degc" "°C" 3 Bookkeeping Board7Memory "Memory of accelerator 7 of several.";
    Accel7Throttle "accel_7_throttle" "bits" 0 Bookkeeping Board7Throttle "Throttle reason bits of accelerator 7 of several.";
    Accel8PowerW "accel_8_power_w" "W" 4 Bookkeeping Board8Power "Board power of accelerator 8 of several, over the tick.";
    Accel8EnergyJ "accel_8_energy_j" "J" 3 Bookkeeping Board8Energy "Energy counter of accelerator 8 of several.";
    Accel8DieDegc "accel_8_die_degc" "°C" 3 Bookkeeping Board8Die "Die of accelerator 8 of several.";
    Accel8MemoryDegc "accel_8_memory_degc" "°C" 3 Bookkeeping Board8Memory "Memory of accelerator 8 of several.";
    Accel8Throttle "accel_8_throttle" "bits" 0 Bookkeeping Board8Throttle "Throttle reason bits of accelerator 8 of several.";
    WorkUnits "work_units" "units" 3 Derived WorkUnits "Work done (put out) over the mission, in the workload's own units.";
    WorkInputUnits "work_input_units" "units" 3 Derived WorkInputUnits "Work taken in over the mission, such as tokens of prompts; apart from what is put out.";
    WorkUnitsPerS "work_units_per_s" "units/s" 4 Predicted - "Work rate over the tick, per bench second.";
    WorkParkState "work_park_state" "state" 0 Bookkeeping WorkPark "Where the work is, with --eclipse checkpoint or restart: 0 in memory, 1 being put away, 2 away (no power, memory dropped), 3 being brought back.";
    WorkLostUnits "work_lost_units" "units" 3 Bookkeeping WorkLost "Output lost with the memory since the work started: it is among the work that was counted and is done again, so that useful work is the difference.";
    WorkLostInputUnits "work_lost_input_units" "units" 3 Bookkeeping WorkLostInput "Input lost likewise, such as prompts that are taken in again.";
    WorkCheckpointS "work_checkpoint_s" "s" 3 Bookkeeping WorkCheckpoint "Time spent putting the work away since it started: from the power's going to the state's being safe on the disk.";
    WorkRestoreS "work_restore_s" "s" 3 Bookkeeping WorkRestore "Time spent bringing it back: from the power's return to weights and state in memory.";
    WorkCheckpointMib "work_checkpoint_mib" "MiB" 3 Bookkeeping WorkCheckpointSize "Size of the newest checkpoint; empty before the first.";
    WorkDutyFrac "work_duty_frac" "1" 5 Command - "Part of full load the workload is paced to.";
    PowerAvailableW "power_available_w" "W" 4 Derived - "Power the satellite has for this accelerator's board.";
    PowerBudgetW "power_budget_w" "W" 4 Command - "Board power the governor allows.";
    PowerArrayW "power_array_w" "W" 4 Derived - "Power this share's array gives to the bus at this moment, after age, temperature and conversion.";
    PowerBatteryW "power_battery_w" "W" 4 Derived - "Power the battery gave to the bus over the tick; negative while charging; empty where none is modelled.";
    PowerBatterySocFrac "power_battery_soc_frac" "1" 6 Derived - "State of charge of the battery at its present age; empty where none is modelled.";
    RunEndsInS "run_ends_in_s" "s" 1 Bookkeeping - "Wall seconds until what is wrong ends the run, if it stays wrong: work that cannot come back, a lost link, a reading that is missing, any suspension; empty while nothing is.";
}

impl Column {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    const fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }

    /// The name in the header; its end is the unit.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// The unit, for people.
    pub const fn unit(self) -> &'static str {
        self.entry().unit
    }

    /// Decimals written.
    pub const fn decimals(self) -> usize {
        self.entry().decimals
    }

    /// What it may be used for on a rig that servoes its plate.
    pub const fn class(self) -> Class {
        self.entry().class
    }

    /// What it may be used for on a rig that servoes `servoed`. A plate beyond coolant that is held is predicted, as is the coolant that leaves it.
    pub fn class_where(self, servoed: Self) -> Class {
        match self {
            _ if self == servoed => Class::Servoed,
            Self::RigPlateDegc => Class::Predicted,
            Self::RigReturnDegc if servoed == Self::RigSupplyDegc => Class::Predicted,
            _ => self.class(),
        }
    }

    /// The column that a rig servoes, by the word of its `servo_node`.
    pub fn servoed_by(node: &str) -> Self {
        if node == "coolant_supply" { Self::RigSupplyDegc } else { Self::RigPlateDegc }
    }

    /// What it means, in one sentence.
    pub const fn meaning(self) -> &'static str {
        self.entry().meaning
    }

    /// The channel it is read from; `None` if it is computed.
    pub const fn channel(self) -> Option<Channel> {
        self.entry().channel
    }

    /// True if it is read from a device, so that a `_quality` column follows it.
    pub const fn has_quality(self) -> bool {
        self.channel().is_some()
    }

    /// True if an `_origin` and a `_source` column follow it.
    pub const fn has_origin(self) -> bool {
        matches!(self, ORIGIN_OF)
    }

    /// True if it is a temperature in °C.
    pub fn is_temperature(self) -> bool {
        self.name().ends_with("_degc")
    }

    /// The column that records `channel`.
    pub const fn for_channel(channel: Channel) -> Option<Self> {
        BY_CHANNEL[channel as usize]
    }

    /// The column of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|c| c.name() == name)
    }

    /// The temperature of radiator panel `k`, from 1.
    pub fn panel(k: usize) -> Option<Self> {
        (1..=8).contains(&k).then(|| Self::ALL[Self::FlightPanel1Degc as usize + k - 1])
    }
}

/// The column of each channel, by the channel's number.
const BY_CHANNEL: [Option<Column>; Channel::COUNT] = {
    let mut columns = [None; Channel::COUNT];
    let mut at = 0;
    while at < TABLE.len() {
        if let Some(channel) = TABLE[at].channel {
            columns[channel as usize] = Some(Column::ALL[at]);
        }
        at += 1;
    }
    columns
};

/// The columns that a plan has, in file order. Both CSVs of a run are written with the same ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<Column>);

impl Columns {
    /// Every column there is.
    pub fn all() -> Self {
        Self(Column::ALL.to_vec())
    }

    /// The columns for which `present` is true.
    pub fn where_present(mut present: impl FnMut(Column) -> bool) -> Self {
        Self(Column::ALL.iter().copied().filter(|&c| present(c)).collect())
    }

    /// The columns that a header names, whatever their order; other names are passed over.
    pub fn of_header<'a>(header: impl IntoIterator<Item = &'a str>) -> Self {
        let named: Vec<Column> = header.into_iter().filter_map(Column::named).collect();
        Self::where_present(|c| named.contains(&c))
    }

    /// In file order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Column> + '_ {
        self.0.iter().copied()
    }

    /// True if the plan has `column`.
    pub fn contains(&self, column: Column) -> bool {
        self.0.contains(&column)
    }

    /// The header line's names: the [`LEAD`], then each column followed by its `_quality`, `_origin` and `_source` where it has them.
    pub fn header(&self) -> Vec<String> {
        let mut names: Vec<String> = LEAD.iter().map(|lead| lead.0.to_owned()).collect();
        for column in self.iter() {
            names.push(column.name().to_owned());
            if column.has_quality() {
                names.push(format!("{}_quality", column.name()));
            }
            if column.has_origin() {
                names.push(format!("{}_origin", column.name()));
                names.push(format!("{}_source", column.name()));
            }
        }
        names
    }
}

/// The table of columns in Markdown, for the docs.
pub fn markdown() -> String {
    let mut page = String::from("| column | unit | decimals | class | meaning |\n| --- | --- | --- | --- | --- |\n");
    for (name, unit, meaning) in LEAD {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| `{name}` | {unit} | | lead | {meaning} |");
    }
    for &column in Column::ALL {
        let (name, unit, decimals, class) = (column.name(), column.unit(), column.decimals(), column.class().word());
        let quality = if column.has_quality() { " Followed by its `_quality`." } else { "" };
        let origin = if column.has_origin() { " Followed by its `_origin` and its `_source`." } else { "" };
        let _ = writeln!(page, "| `{name}` | {unit} | {decimals} | {class} | {}{quality}{origin} |", column.meaning());
    }
    page
}

#[cfg(test)]
mod tests;
