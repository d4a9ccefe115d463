//! `[interface]` and `[coolant]`: where the physical parts end and the numerical ones begin, and how the heat that crosses there is known.

use super::{ChannelRule, Instrument, Role};
use signal::{Section, Source};

/// A Peltier-driven plate follows a small change of its setpoint in some ten seconds: assumed where a rig does not say.
const LAG_S: f64 = 10.0;

/// `[interface]`: the cut between the bench and the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interface {
    /// The node of the flight model whose temperature the rig imposes.
    pub servo_node: ServoNode,
    /// How the heat that crosses the cut is known.
    pub heat_source: HeatSource,
    /// What figures of energy go by: the accelerator's own counter or the external meters.
    pub energy_source: Source,
    /// Time in which the rig follows most of a small change of its setpoint, bench seconds.
    pub lag_s: f64,
    /// Further delay round the loop, as of coolant under way or a slow meter, bench seconds.
    pub delay_s: f64,
}

/// Which temperature the rig imposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServoNode {
    /// The cold plate.
    Plate,
    /// The coolant entering the cold plate: plate and coolant are real, everything beyond is the model's.
    CoolantSupply,
}

impl ServoNode {
    /// The channel that is servoed.
    pub const fn role(self) -> Role {
        match self {
            Self::Plate => Role::Plate,
            Self::CoolantSupply => Role::CoolantSupply,
        }
    }
}

/// How the heat into the model is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeatSource {
    /// The board's electrical power by its own sensor, through the modelled die and plate lag.
    Electrical,
    /// The board's electrical power by an external meter, slot and cable.
    Meter,
    /// The coolant's flow and its warming.
    Calorimetric,
}

/// `[coolant]`: what flows on the bench, and how well its warming is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoolantRule {
    /// What it is.
    pub fluid: Fluid,
    /// Least flow at which calorimetric heat is believed, l/min.
    pub least_l_min: f64,
    /// Standard uncertainty of the difference of the two coolant sensors after matching, K.
    pub match_k: f64,
    /// Relative standard uncertainty of the flow meter.
    pub flow_frac: f64,
    /// Relative standard uncertainty of the coolant's heat capacity by volume.
    pub property_frac: f64,
    /// Heat that the pump brings in between the two sensors, W.
    pub pump_w: f64,
    /// Part of the board's heat that the coolant takes up.
    pub capture_frac: f64,
}

/// What flows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fluid {
    /// Water.
    Water,
    /// Ethylene glycol in water, by its part of the mass.
    EthyleneGlycol(f64),
    /// Propylene glycol in water, by its part of the mass.
    PropyleneGlycol(f64),
    /// By declared properties.
    Declared {
        /// Density, kg/m³.
        density_kg_m3: f64,
        /// Specific heat capacity, J/(kg K).
        cp_j_kg_k: f64,
    },
}

/// Water freezes here, °C.
const FREEZING_DEGC: f64 = 0.0;

/// The words of `fluid`.
#[derive(Clone, Copy)]
enum Word {
    Water,
    Ethylene,
    Propylene,
    Declared,
}

impl Interface {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let nodes = [("plate", ServoNode::Plate), ("coolant_supply", ServoNode::CoolantSupply)];
        let sources = [("electrical", HeatSource::Electrical), ("meter", HeatSource::Meter), ("calorimetric", HeatSource::Calorimetric)];
        let heat_source = section.choice("heat_source", &sources);
        let usual = if heat_source == HeatSource::Meter { Source::Meter } else { Source::Accelerator };
        let interface = Self {
            servo_node: section.choice("servo_node", &nodes),
            heat_source,
            energy_source: section.choice_or("energy_source", &[Source::Accelerator, Source::Meter].map(|s| (s.word(), s)), usual),
            lag_s: section.number_or("lag_s", 0.0..=600.0, LAG_S),
            delay_s: section.number_or("delay_s", 0.0..=600.0, 0.0),
        };
        if heat_source == HeatSource::Meter && interface.energy_source == Source::Accelerator {
            let why = "heat by the meter and energy by the accelerator would be two figures for one thing; remove this, or say \"meter\"";
            section.problem("energy_source", why);
        }
        interface
    }

    /// Refuses what is asked of channels that the rig does not have, and meters read too seldom to make a mean of.
    pub(super) fn check(&self, section: &Section<'_>, channels: &[ChannelRule], instruments: &[Instrument], coolant: bool) {
        let read = |role: Role| channels.iter().find(|c| c.role == role).filter(|c| !c.reads.is_empty());
        let needs = |key: &str, word: &str, roles: &[Role]| {
            for role in roles.iter().filter(|role| read(**role).is_none()) {
                section.problem(key, format_args!("\"{word}\" needs a [channel.{}] that is read", role.word()));
            }
        };
        match self.heat_source {
            HeatSource::Electrical => {}
            HeatSource::Meter => needs("heat_source", "meter", &[Role::BoardPower]),
            HeatSource::Calorimetric => {
                needs("heat_source", "calorimetric", &[Role::Flow, Role::CoolantSupply, Role::CoolantReturn]);
                if !coolant {
                    section.problem(
                        "heat_source",
                        "\"calorimetric\" needs a table [coolant] that says what flows and how well it is measured",
                    );
                }
            }
        }
        if self.energy_source == Source::Meter && self.heat_source != HeatSource::Meter {
            needs("energy_source", "meter", &[Role::BoardPower]);
        }
        if read(Role::BoardSlot).is_some() && read(Role::BoardPower).is_none() {
            section.problem(
                "heat_source",
                "[channel.board_slot] is the slot's part of the board's power: [channel.board_power] with the cable's is missing",
            );
        }
        let metered: &[Role] = match self.heat_source {
            HeatSource::Electrical => &[],
            HeatSource::Meter => &[Role::BoardPower, Role::BoardSlot],
            HeatSource::Calorimetric => &[Role::Flow, Role::CoolantSupply, Role::CoolantReturn],
        };
        for role in metered {
            let of_it = |channel| role.slots().iter().any(|(_, c)| *c == channel);
            if instruments.iter().flat_map(|i| &i.reads).any(|r| of_it(r.channel) && r.every > 1) {
                let why = format_args!(
                    "its channel [channel.{}] has poll_ticks above 1: what feeds the flight model is read at every tick",
                    role.word()
                );
                section.problem("heat_source", why);
            }
        }
    }
}

impl CoolantRule {
    /// Refuses to cool what freezes: of water it is known, of a mixture its maker tells.
    pub(super) fn check(&self, section: &Section<'_>, channels: &[ChannelRule]) {
        let cold = channels.iter().filter_map(|c| Some((c, c.setpoint?.limits.min())));
        for (channel, min) in cold.filter(|(_, min)| self.fluid == Fluid::Water && *min <= FREEZING_DEGC) {
            let why = format_args!(
                "water freezes, and [channel.{}] may be set to {min} °C: raise min_degc, or fill in a mixture",
                channel.role.word()
            );
            section.problem("fluid", why);
        }
    }

    /// Reads `[coolant]`; `None` where the rig has none.
    pub fn read(section: &Section<'_>) -> Option<Self> {
        section.exists().then(|| {
            let words = [
                ("water", Word::Water),
                ("ethylene_glycol", Word::Ethylene),
                ("propylene_glycol", Word::Propylene),
                ("declared", Word::Declared),
            ];
            let part = || section.number("mass_frac", 0.0..=0.6);
            Self {
                fluid: match section.choice("fluid", &words) {
                    Word::Water => Fluid::Water,
                    Word::Ethylene => Fluid::EthyleneGlycol(part()),
                    Word::Propylene => Fluid::PropyleneGlycol(part()),
                    Word::Declared => Fluid::Declared {
                        density_kg_m3: section.number("density_kg_m3", 500.0..=3000.0),
                        cp_j_kg_k: section.number("cp_j_kg_k", 500.0..=6000.0),
                    },
                },
                least_l_min: section.number("least_l_min", 0.001..=1000.0),
                match_k: section.number("match_k", 0.001..=2.0),
                flow_frac: section.number("flow_frac", 0.0001..=0.5),
                property_frac: section.number_or("property_frac", 0.0..=0.2, 0.005),
                pump_w: section.number_or("pump_w", 0.0..=1000.0, 0.0),
                capture_frac: section.number_or("capture_frac", 0.1..=1.0, 1.0),
            }
        })
    }
}
