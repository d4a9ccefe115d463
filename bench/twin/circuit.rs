//! The coolant of a bench whose cold plate is a real one: a reservoir that a Peltier bank or a circulator holds at a temperature, a plate, a pipe back.
//!
//! The supply sensor sits at the plate's inlet, a short pipe from the reservoir; the pipe back is well mixed. Liquid between plate and sensors is not told
//! apart. Not here: the regulator, the sensors' errors.

use crate::plant::{Flows, Plant, Temperatures};
use model::coolant::Coolant;
use rig::{CoolantRule, Fluid};
use signal::{Celsius, Kelvin, Section};

/// `[plant.loop]`: what is believed of the coolant's way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circuit {
    /// What flows.
    pub coolant: Coolant,
    /// How much, l/min.
    pub flow_l_min: f64,
    /// Heat capacity of the reservoir and what is in it, J/K.
    pub reservoir_j_k: f64,
    /// Conductance from plate to coolant at that flow, W/K.
    pub plate_w_k: f64,
    /// Time that the coolant takes back from the plate, s.
    pub return_s: f64,
    /// Loss conductance from the loop to the room, W/K.
    pub loss_w_k: f64,
    /// Heat of the pump, W; it goes into the reservoir.
    pub pump_w: f64,
    /// A circulator's heater and compressor; `None` where the Peltier bank holds the reservoir.
    pub bath: Option<BathPower>,
}

/// What a circulator can do, W.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BathPower {
    /// Heater.
    pub heat_w: f64,
    /// Compressor.
    pub cool_w: f64,
}

/// Temperatures of the coolant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coolants {
    /// Reservoir, and so the plate's inlet.
    pub supply: Kelvin,
    /// The plate's outlet.
    pub outlet: Kelvin,
    /// In the pipe back.
    pub back: Kelvin,
}

/// The coolant of a rig file as the model knows it.
pub fn coolant_of(rule: &CoolantRule) -> Coolant {
    match rule.fluid {
        Fluid::Water => Coolant::Water,
        Fluid::EthyleneGlycol(frac) => Coolant::EthyleneGlycol(frac),
        Fluid::PropyleneGlycol(frac) => Coolant::PropyleneGlycol(frac),
        Fluid::Declared { density_kg_m3, cp_j_kg_k } => Coolant::Declared { density_kg_m3, cp_j_kg_k },
    }
}

impl Circuit {
    /// Reads `[plant.loop]`; `None` where the rig has none.
    pub(crate) fn read(plant: &Section<'_>, coolant: Option<Coolant>) -> Option<Self> {
        let section = plant.optional_section("loop");
        if !section.exists() {
            return None;
        }
        let Some(coolant) = coolant else {
            section.problem("flow_l_min", "a loop needs a table [coolant] that says what flows");
            return None;
        };
        let (heat_w, cool_w) = (section.optional_number("heater_w", 1.0..=1e5), section.optional_number("compressor_w", 0.0..=1e5));
        let bath = match (heat_w, cool_w) {
            (None, None) => None,
            (Some(heat_w), Some(cool_w)) => Some(BathPower { heat_w, cool_w }),
            _ => {
                section.problem(
                    "heater_w",
                    "a circulator needs both heater_w and compressor_w; without either the Peltier bank holds the reservoir",
                );
                None
            }
        };
        Some(Self {
            coolant,
            flow_l_min: section.number("flow_l_min", 0.01..=100.0),
            reservoir_j_k: section.number("reservoir_j_k", 10.0..=1e6),
            plate_w_k: section.number("plate_w_k", 0.1..=1e4),
            return_s: section.number("return_s", 0.5..=600.0),
            loss_w_k: section.number("loss_w_k", 0.0..=100.0),
            pump_w: section.number_or("pump_w", 0.0..=1000.0, 0.0),
            bath,
        })
    }

    /// Everything as warm as this.
    pub fn at_rest(t: Kelvin) -> Coolants {
        Coolants { supply: t, outlet: t, back: t }
    }

    /// Heat taken up for each kelvin of warming at this flow, W/K. Where the coolant's properties are not known it is taken at the nearest temperature.
    pub fn rate_w_k(&self, at: Kelvin) -> f64 {
        let at = Celsius(Celsius::from(at).0.clamp(0.0, 100.0));
        self.coolant.rate_w_k(self.flow_l_min, at, at).unwrap_or(0.0)
    }

    /// Conductance from plate to supply at this flow, W/K: what the plate's heat falls by when the supply is a kelvin warmer.
    pub fn conductance_w_k(&self, at: Kelvin) -> f64 {
        let rate = self.rate_w_k(at);
        if rate > 0.0 { rate * (1.0 - (-self.plate_w_k / rate).exp()) } else { 0.0 }
    }

    /// Advances plant and coolant by `dt_s`. `drive` is the demand of the regulator as a part of its limit, positive to cool; through a bank it flows as
    /// `current_a`.
    #[expect(clippy::too_many_arguments, reason = "what flows in a step, each a number of its own")]
    pub(crate) fn advance(
        &self,
        plant: &Plant,
        t: &mut Temperatures,
        c: &mut Coolants,
        dt_s: f64,
        room: Kelvin,
        board_w: f64,
        current_a: f64,
        drive: f64,
    ) -> Flows {
        let rate = self.rate_w_k(c.supply);
        let die_to_plate = (t.die.0 - t.plate.0) / plant.die_plate_k_w;
        let taken = self.conductance_w_k(c.supply) * (t.plate.0 - c.supply.0);
        let lost = plant.loss_w_k * (t.plate.0 - room.0);
        let (pumped, rejected) = match self.bath {
            None => (plant.bank.cooling(current_a, c.supply, t.sink).0, plant.bank.rejected(current_a, c.supply, t.sink).0),
            // Its condenser is its own affair.
            Some(bath) => (if drive > 0.0 { drive * bath.cool_w } else { drive * bath.heat_w }, 0.0),
        };
        let to_room = (t.sink.0 - room.0) / plant.sink_k_w;
        let leaked = self.loss_w_k * (c.supply.0 - room.0);
        c.outlet = Kelvin(c.supply.0 + if rate > 0.0 { taken / rate } else { 0.0 });
        let brought = rate * (c.back.0 - c.supply.0);
        t.die.0 += (board_w * plant.capture_frac - die_to_plate) * dt_s / plant.die_j_k;
        t.plate.0 += (die_to_plate - taken - lost) * dt_s / plant.plate_j_k;
        t.sink.0 += (rejected - to_room) * dt_s / plant.sink_j_k;
        c.supply.0 += (brought + self.pump_w - leaked - pumped) * dt_s / self.reservoir_j_k;
        c.back.0 += (c.outlet.0 - c.back.0) * dt_s / self.return_s;
        Flows { pumped_w: pumped, rejected_w: rejected, lost_w: lost + leaked, to_room_w: to_room }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::twin;
    use proptest::prelude::*;

    pub(crate) fn circuit() -> Circuit {
        Circuit {
            coolant: Coolant::Declared { density_kg_m3: 1000.0, cp_j_kg_k: 4200.0 },
            flow_l_min: 0.5,
            reservoir_j_k: 2000.0,
            plate_w_k: 40.0,
            return_s: 5.0,
            loss_w_k: 0.5,
            pump_w: 3.0,
            bath: None,
        }
    }

    proptest! {
        /// First law: what goes in either stays, in metal or liquid, or leaves.
        #[test]
        fn energy_is_conserved(board in 0.0..150.0_f64, amps in -8.0..8.0_f64, plate in 270.0..340.0_f64, supply in 275.0..330.0_f64, back in 275.0..330.0_f64) {
            let (plant, circuit, room) = (twin().plant, circuit(), Kelvin(295.0));
            let mut t = Temperatures { die: Kelvin(plate + 10.0), plate: Kelvin(plate), sink: Kelvin(305.0) };
            let mut c = Coolants { supply: Kelvin(supply), outlet: Kelvin(supply), back: Kelvin(back) };
            let pipe_j_k = circuit.rate_w_k(c.supply) * circuit.return_s;
            let stored = |t: &Temperatures, c: &Coolants| {
                plant.die_j_k * t.die.0 + plant.plate_j_k * t.plate.0 + plant.sink_j_k * t.sink.0 + circuit.reservoir_j_k * c.supply.0 + pipe_j_k * c.back.0
            };
            let before = stored(&t, &c);
            let electric = amps * plant.bank.voltage_v(amps, c.supply, t.sink);
            let from = (t.sink, c.supply);
            let flows = circuit.advance(&plant, &mut t, &mut c, 0.1, room, board, amps, amps / 8.0);
            let net = (board * plant.capture_frac + electric + circuit.pump_w - flows.lost_w - flows.to_room_w) * 0.1;
            // The pipe hands on what it held: rate x (outlet - back) in, rate x (back - supply) out.
            let through = circuit.rate_w_k(from.1) * ((c.outlet.0 - back) - (c.outlet.0 - supply) + (back - supply)) * 0.1;
            prop_assert!((stored(&t, &c) - before - net - through).abs() < 1e-6 * (1.0 + before.abs()));
        }
    }

    #[test]
    fn it_settles_where_the_heat_balance_says() {
        let (plant, circuit) =
            (twin().plant, Circuit { loss_w_k: 0.0, pump_w: 0.0, bath: Some(BathPower { heat_w: 500.0, cool_w: 100.0 }), ..circuit() });
        let room = Kelvin::from(plant.room);
        let plant = Plant { loss_w_k: 0.0, ..plant };
        let (mut t, mut c) = (plant.at_rest(), Circuit::at_rest(room));
        let (board, mut last) = (60.0, 0.0);
        for _ in 0..40_000 {
            // A regulator that is only proportional: 20 % a kelvin.
            last = (0.2 * (c.supply.0 - room.0)).clamp(-1.0, 1.0);
            circuit.advance(&plant, &mut t, &mut c, 0.1, room, board, 0.0, last);
        }
        let captured = board * plant.capture_frac;
        assert!((last * 100.0 - captured).abs() < 0.01, "{last}");
        assert!((circuit.rate_w_k(c.supply) * (c.outlet.0 - c.supply.0) - captured).abs() < 0.01);
        assert!((circuit.conductance_w_k(c.supply) * (t.plate.0 - c.supply.0) - captured).abs() < 0.01);
    }
}
