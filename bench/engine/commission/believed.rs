//! What the believed plant says of a bench that stands still: the network of conductances with the output off, and the heat that reaches the bank of
//! a loop. Numbers to hold readings against; nothing here is fitted. Not here: how anything moves.

use super::record::Point;
use super::station::Facts;
use signal::{Celsius, Kelvin};
use twin::{Circuit, Plant};

/// A circulator holds the coolant, and no bank of modules.
pub(super) fn circulates(plant: &Plant) -> bool {
    plant.circuit.is_some_and(|circuit| circuit.bath.is_some())
}

/// Conductance from the cold side through the modules and the sink to the room with the output off, W/K; a circulator that is off has none.
fn off_w_k(plant: &Plant) -> f64 {
    if circulates(plant) {
        return 0.0;
    }
    let through = plant.bank.module.conductance_w_k * f64::from(plant.bank.modules());
    1.0 / (1.0 / through + plant.sink_k_w)
}

/// In series.
fn series(a: f64, b: f64) -> f64 {
    if a > 0.0 && b > 0.0 { 1.0 / (1.0 / a + 1.0 / b) } else { 0.0 }
}

/// The loop, and its conductance from plate to supply near the room, W/K.
fn circuit(plant: &Plant) -> Option<(&Circuit, f64)> {
    let circuit = plant.circuit.as_ref()?;
    Some((circuit, circuit.conductance_w_k(plant.room.into())))
}

/// Rise of the plate over the room for each watt of the board, output off, K/W.
pub(super) fn plate_k_w(plant: &Plant) -> f64 {
    let away = match circuit(plant) {
        None => off_w_k(plant),
        Some((circuit, to_supply)) => series(to_supply, off_w_k(plant) + circuit.loss_w_k),
    };
    plant.capture_frac / (away + plant.loss_w_k)
}

/// What the pump alone warms with the output off and no other heat, K over the room.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Pumped {
    pub(super) supply: f64,
    pub(super) back: f64,
    pub(super) plate: f64,
    pub(super) sink: f64,
}

/// See [`Pumped`]: the pump brings its heat into the reservoir, and the plate passes a little of it on to the room.
pub(super) fn pump_rise(plant: &Plant) -> Pumped {
    let Some((circuit, to_supply)) = circuit(plant) else { return Pumped::default() };
    let off = off_w_k(plant);
    let by_plate = series(to_supply, plant.loss_w_k);
    let supply_k = circuit.pump_w / (off + circuit.loss_w_k + by_plate);
    let rate = circuit.rate_w_k(plant.room.into());
    Pumped {
        supply: supply_k,
        back: supply_k - if rate > 0.0 { by_plate * supply_k / rate } else { 0.0 },
        plate: if plant.loss_w_k > 0.0 { by_plate * supply_k / plant.loss_w_k } else { supply_k },
        sink: off * supply_k * plant.sink_k_w,
    }
}

/// Room, °C, as read or else as believed.
fn room_degc(point: &Point, plant: &Plant) -> f64 {
    point.ambient_degc.unwrap_or(plant.room.0)
}

/// Heat that the coolant takes off the plate of a loop when `known_w` goes into the board, W.
pub(super) fn to_coolant_w(known_w: f64, point: &Point, plant: &Plant) -> Option<f64> {
    Some(known_w * plant.capture_frac - plant.loss_w_k * (point.plate_degc? - room_degc(point, plant)))
}

/// Heat that the bank must take off when `known_w` goes into the board, W: for a loop less what plate and hoses lose, with what the pump brings; for a plate
/// the known heat itself, whose losses its near-constant temperature makes a constant.
pub(super) fn to_bank_w(known_w: f64, point: &Point, facts: &Facts) -> Option<f64> {
    let plant = &facts.plant;
    let Some(circuit) = &plant.circuit else { return Some(known_w) };
    let lost = circuit.loss_w_k * (point.servoed_degc(facts.servoed)? - room_degc(point, plant));
    Some(to_coolant_w(known_w, point, plant)? + circuit.pump_w - lost)
}

/// Heat that the coolant says it took up, W, by the meter as it reads.
pub(super) fn calorimetric_w(point: &Point, plant: &Plant) -> Option<f64> {
    let (supply, back) = (point.supply_degc?, point.return_degc?);
    let coolant = &plant.circuit.as_ref()?.coolant;
    Some(coolant.rate_w_k(point.flow_l_min?, Celsius(supply), Celsius(f64::midpoint(supply, back)))? * (back - supply))
}

/// Heat that the bank takes off by its current, as it is believed, W.
pub(super) fn bank_w(point: &Point, facts: &Facts) -> Option<f64> {
    let kelvin = |t: f64| Kelvin::from(Celsius(t));
    Some(facts.plant.bank.cooling(point.tec_a?, kelvin(point.servoed_degc(facts.servoed)?), kelvin(point.sink_degc?)).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plant() -> Plant {
        let (_, text) = rig::builtin().iter().find(|(name, _)| *name == "loop").expect("shipped");
        crate::setup::parse_rig("loop.toml", text).expect("sound").1.plant
    }

    /// The figures are where the emulated equations come to rest, which know nothing of these.
    #[test]
    fn a_bench_at_rest_stands_where_the_network_says() {
        let (_, text) = rig::builtin().iter().find(|(name, _)| *name == "loop").expect("shipped");
        let (rig, twin) = crate::setup::parse_rig("loop.toml", text).expect("sound");
        for board in [0.0, 16.0] {
            let card = twin::CardSpec { idle_w: board, ..twin.card.clone() };
            let mut world = twin::world_of(&rig, twin::Truth::believed(&plant()), card, true).expect("emulated");
            world.advance(0.0, 60_000.0);
            let over = |t: Kelvin| t.0 - Kelvin::from(plant().room).0;
            let pump = pump_rise(&plant());
            let plate_k = over(world.temperatures().plate);
            assert!((plate_k - pump.plate - board * plate_k_w(&plant())).abs() < 0.02, "{board} W: {plate_k} K, {pump:?}");
            if board == 0.0 {
                let (supply, back, _) = world.coolant().expect("a loop");
                let room = plant().room.0;
                assert!((supply - room - pump.supply).abs() < 0.01 && (back - room - pump.back).abs() < 0.01, "{supply} {back} {pump:?}");
                assert!((over(world.temperatures().sink) - pump.sink).abs() < 0.01, "{pump:?}");
            }
        }
    }
}
