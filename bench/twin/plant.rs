//! The bench's thermal plant: a card on a plate, a bank of Peltier modules under it, the lab's heat sink, the room.
//!
//! One set of equations, two parameter sets: what the rig file believes (`[plant]`), and what a seed says this bench really
//! is (`[truth]`, see [`crate::truth`]). Only the second has sensor errors; the first alone predicts.

use crate::circuit::Circuit;
use model::coolant::Coolant;
use model::tec::{Bank, Module, Ratings};
use signal::{Celsius, Kelvin, Section};

/// Longest step of the plant, bench seconds: a twentieth of its fastest time constant (the die on its plate, about 5 s).
pub const STEP_S: f64 = 0.1;

/// What is believed of the bench: `[plant]` of the rig file.
#[derive(Clone, Debug)]
pub struct Plant {
    /// Heat capacity of the die and its spreader, J/K.
    pub die_j_k: f64,
    /// Thermal resistance from die to plate, K/W.
    pub die_plate_k_w: f64,
    /// Heat capacity of the plate, J/K.
    pub plate_j_k: f64,
    /// Loss conductance from plate to room, W/K.
    pub loss_w_k: f64,
    /// Heat capacity of the lab's heat sink, J/K.
    pub sink_j_k: f64,
    /// Resistance from heat sink to room air, K/W, fan running.
    pub sink_k_w: f64,
    /// Room temperature.
    pub room: Celsius,
    /// Fraction of the board's heat that the plate captures; the rest goes to the room.
    pub capture_frac: f64,
    /// The Peltier bank as seen from the controller.
    pub bank: Bank,
    /// The coolant between plate and bank or circulator, where there is any: `[plant.loop]`.
    pub circuit: Option<Circuit>,
}

impl Plant {
    /// Reads `[plant]`, `[plant.tec]` and `[plant.loop]`, with what `[coolant]` says flows there.
    pub fn read(plant: &Section<'_>, coolant: Option<Coolant>) -> Self {
        let tec = plant.section("tec");
        let ratings = Ratings {
            current_a: tec.number("rated_current_a", 0.1..=100.0),
            voltage_v: tec.number("rated_voltage_v", 0.1..=100.0),
            difference_k: tec.number("rated_difference_k", 10.0..=120.0),
            hot: Celsius(tec.number("rated_hot_degc", 0.0..=100.0)).into(),
        };
        let module = ratings.module().unwrap_or_else(|| {
            tec.problem(
                "rated_difference_k",
                "these ratings describe no module: every one must be above 0 and the difference below the hot side's kelvin",
            );
            Module { seebeck_v_k: 0.05, resistance_ohm: 3.0, conductance_w_k: 0.3 }
        });
        Self {
            die_j_k: plant.number("die_j_k", 0.1..=1e5),
            die_plate_k_w: plant.number("die_plate_k_w", 1e-3..=10.0),
            plate_j_k: plant.number("plate_j_k", 1.0..=1e6),
            loss_w_k: plant.number("loss_w_k", 0.0..=100.0),
            sink_j_k: plant.number("sink_j_k", 1.0..=1e6),
            sink_k_w: plant.number("sink_k_w", 1e-3..=10.0),
            room: Celsius(plant.number("room_degc", -20.0..=60.0)),
            capture_frac: plant.number("capture_frac", 0.1..=1.0),
            bank: Bank { module, series: tec.integer("series", 1..=100) as u32, parallel: tec.integer("parallel", 1..=100) as u32 },
            circuit: Circuit::read(plant, coolant),
        }
    }

    /// Everything at room temperature, nothing flowing.
    pub fn at_rest(&self) -> Temperatures {
        let room = Kelvin::from(self.room);
        Temperatures { die: room, plate: room, sink: room }
    }

    /// Advances by `dt_s` (at most [`STEP_S`]) with the board's power and the controller's current; returns what flowed.
    #[inline]
    pub fn advance(&self, t: &mut Temperatures, dt_s: f64, room: Kelvin, board_w: f64, current_a: f64) -> Flows {
        let die_to_plate = (t.die.0 - t.plate.0) / self.die_plate_k_w;
        let pumped = self.bank.cooling(current_a, t.plate, t.sink).0;
        let rejected = self.bank.rejected(current_a, t.plate, t.sink).0;
        let lost = self.loss_w_k * (t.plate.0 - room.0);
        let to_room = (t.sink.0 - room.0) / self.sink_k_w;
        t.die.0 += (board_w * self.capture_frac - die_to_plate) * dt_s / self.die_j_k;
        t.plate.0 += (die_to_plate - pumped - lost) * dt_s / self.plate_j_k;
        t.sink.0 += (rejected - to_room) * dt_s / self.sink_j_k;
        Flows { pumped_w: pumped, rejected_w: rejected, lost_w: lost, to_room_w: to_room }
    }
}

/// True temperatures of the plant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Temperatures {
    /// Accelerator die.
    pub die: Kelvin,
    /// Plate.
    pub plate: Kelvin,
    /// Lab heat sink.
    pub sink: Kelvin,
}

/// Heat flows over one step, W.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flows {
    /// Off the plate into the modules.
    pub pumped_w: f64,
    /// From the modules into the sink.
    pub rejected_w: f64,
    /// From the plate to the room.
    pub lost_w: f64,
    /// From the sink to the room.
    pub to_room_w: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::twin;
    use proptest::prelude::*;

    proptest! {
        /// First law: what goes in either stays or leaves.
        #[test]
        fn energy_is_conserved(board in 0.0..150.0_f64, amps in -8.0..8.0_f64, plate in 270.0..340.0_f64, sink in 290.0..330.0_f64) {
            let plant = twin().plant;
            let room = Kelvin(295.0);
            let mut t = Temperatures { die: Kelvin(plate + 10.0), plate: Kelvin(plate), sink: Kelvin(sink) };
            let stored = |t: &Temperatures| plant.die_j_k * t.die.0 + plant.plate_j_k * t.plate.0 + plant.sink_j_k * t.sink.0;
            let before = stored(&t);
            let electric = amps * plant.bank.voltage_v(amps, t.plate, t.sink);
            let flows = plant.advance(&mut t, STEP_S, room, board, amps);
            let net = (board * plant.capture_frac + electric - flows.lost_w - flows.to_room_w) * STEP_S;
            prop_assert!((stored(&t) - before - net).abs() < 1e-6 * (1.0 + before.abs()));
        }
    }

    #[test]
    fn left_alone_it_comes_to_room_temperature_and_not_past_it() {
        let plant = twin().plant;
        let room = Kelvin::from(plant.room);
        let mut t = Temperatures { die: Kelvin(340.0), plate: Kelvin(330.0), sink: Kelvin(310.0) };
        for _ in 0..200_000 {
            plant.advance(&mut t, STEP_S, room, 0.0, 0.0);
            assert!(t.plate.0 >= room.0 - 1e-9);
        }
        assert!((t.die.0 - room.0).abs() < 0.05);
    }
}
