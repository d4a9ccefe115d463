//! `[channel.NAME]`: one role on the bench, what is read for it, what drives it, and what keeps it safe.

use super::{Drive, Setpoint};
use signal::Channel;

/// `[channel.NAME]`: one role on the bench.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelRule {
    /// NAME.
    pub role: Role,
    /// Name of the instrument that reads or drives it.
    pub instrument: Option<String>,
    /// What that instrument reads for it, by the driver's names.
    pub reads: Vec<(Channel, String)>,
    /// What happens to it when the bench goes safe.
    pub safe: SafeAction,
    /// Limits of its setpoint, for the channel that is servoed.
    pub setpoint: Option<Setpoint>,
    /// What its instrument is made to give for it.
    pub drive: Option<Drive>,
    /// The interlock trips below this, in the unit of the role.
    pub trip_min: Option<f64>,
    /// The interlock trips above this, in the unit of the role.
    pub trip_max: Option<f64>,
}

macro_rules! roles {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal $kind:ident $unit:literal [$($key:literal $channel:ident),*];)+) => {
        /// Roles that channels can have.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Role { $($(#[doc = $doc])+ $name,)+ }

        impl Role {
            /// Every role, in the order in which going safe takes them: what makes heat stops before what carries it away.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word in a rig file.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// What can be done with it.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind,)+ }
            }

            /// The unit at the end of the keys of its trips and its calibration; empty where it has none.
            pub const fn unit(self) -> &'static str {
                match self { $(Self::$name => $unit,)+ }
            }

            /// What may be read for it: the key in the rig file, and the channel that it becomes. The first is the one its
            /// trips are about.
            pub const fn slots(self) -> &'static [(&'static str, Channel)] {
                match self { $(Self::$name => &[$(($key, Channel::$channel)),*],)+ }
            }
        }
    };
}

/// What can be done with a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its temperature is read.
    Temperature,
    /// Something else of it is read.
    Measured,
    /// It is switched and given a level; it may be read too.
    Driven,
    /// The work that the accelerator does.
    Work,
}

roles! {
    /// The cold plate under the accelerator.
    Plate "plate" Temperature "degc" ["reads" Plate];
    /// The lab's heat sink on the hot side of the modules, and its fan.
    Sink "sink" Temperature "degc" ["reads" Sink];
    /// The work that the accelerator does.
    Workload "workload" Work "" [];
    /// A heater on plate or loop.
    Heater "heater" Driven "w" ["reads_w" HeaterPower, "reads_v" HeaterVoltage, "reads_a" HeaterCurrent];
    /// A lamp that stands for the Sun.
    SunLamp "sun_lamp" Driven "w" ["reads_w" LampPower, "reads_v" LampVoltage, "reads_a" LampCurrent];
    /// A supply that stands for the satellite's solar array.
    ArraySimulator "array_simulator" Driven "w" ["reads_w" ArrayPower, "reads_v" ArrayVoltage, "reads_a" ArrayCurrent];
    /// A supply of anything else that goes off with the bench.
    AuxSupply "aux_supply" Driven "w" ["reads_w" AuxPower, "reads_v" AuxVoltage, "reads_a" AuxCurrent];
    /// A fan that carries heat away.
    Fan "fan" Driven "rpm" ["reads" FanSpeed];
    /// The coolant's pump.
    Pump "pump" Driven "rpm" ["reads" PumpSpeed];
    /// Coolant entering the cold plate.
    CoolantSupply "coolant_supply" Temperature "degc" ["reads" CoolantSupply];
    /// Coolant leaving the cold plate.
    CoolantReturn "coolant_return" Temperature "degc" ["reads" CoolantReturn];
    /// The bench's radiator.
    Radiator "radiator" Temperature "degc" ["reads" Radiator];
    /// The room's air.
    Ambient "ambient" Temperature "degc" ["reads" Ambient];
    /// The room's relative humidity.
    Humidity "humidity" Measured "pct" ["reads" Humidity];
    /// Coolant flow.
    Flow "flow" Measured "l_min" ["reads" Flow];
    /// Board power of the accelerator by an external meter, slot and cable.
    BoardPower "board_power" Measured "w" ["reads" MeterPower, "reads_j" MeterEnergy];
    /// The slot's part of it, where the other meter has the cable alone: the two are summed.
    BoardSlot "board_slot" Measured "w" ["reads" SlotPower, "reads_j" SlotEnergy];
}

impl Role {
    /// The channel that its trips are about, if anything is read of it at all.
    pub fn channel(self) -> Option<Channel> {
        self.slots().first().map(|(_, channel)| *channel)
    }

    /// It carries heat away: it never goes off with the bench.
    pub const fn carries_heat_away(self) -> bool {
        matches!(self, Self::Sink | Self::Fan | Self::Pump)
    }
}

/// What going safe does to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SafeAction {
    /// Its output goes off.
    Off,
    /// It keeps running: a fan or a pump. Of a channel that is only read: nothing.
    On,
    /// It is ended: a workload.
    Stop,
}

impl SafeAction {
    /// The word in a rig file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Stop => "stop",
        }
    }
}
