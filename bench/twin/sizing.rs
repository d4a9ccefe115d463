//! What a bench can hold by the arithmetic of its believed plant, before anybody builds it: heat, current, drive, what the sink must shed, how well the
//! coolant's warming tells the heat, how fast things go wrong without flow. Steady states only; what a real bench holds is commissioning's to find.

use crate::circuit::Circuit;
use crate::plant::Plant;
use model::coolant::Calorimeter;
use signal::{Celsius, Kelvin, Watts};

/// Rounds of the sink's temperature and the modules' current before they are taken to have settled.
const ROUNDS: u32 = 200;
/// They have settled when a round moves the sink by less, K.
const SETTLED_K: f64 = 1e-6;

/// What one cold temperature takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Of the cold side: coolant supply where there is a loop, else plate.
    pub cold: Celsius,
    /// Heat that the modules must take up there, board, pump and room together; negative where they must heat.
    pub heat: Watts,
    /// How; `None` where the bank cannot, at any current.
    pub held: Option<Held>,
}

/// How a temperature is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// At the controller's terminals, A; negative heats.
    pub current_a: f64,
    /// Likewise, V.
    pub voltage_v: f64,
    /// Into the modules.
    pub drive: Watts,
    /// Into the sink.
    pub rejected: Watts,
    /// Of the sink.
    pub sink: Celsius,
    /// Current over the one beyond which more current heats.
    pub of_strongest_frac: f64,
    /// The controller's limits of current and voltage allow it.
    pub within_limits: bool,
}

/// What the coolant's warming says at one board power.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warming {
    /// Of the board.
    pub board: Watts,
    /// From supply to return, K.
    pub warming_k: f64,
    /// Standard uncertainty of the board's heat told from it, W.
    pub u_w: f64,
}

/// What a bench can hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Sizing {
    /// Cold temperatures from low to high, at full load.
    pub full: Vec<Point>,
    /// The same at idle.
    pub idle: Vec<Point>,
    /// By full and by idle load, where a rig has a calorimeter.
    pub warming: Vec<Warming>,
    /// How fast plate and what stands in it warm at full load once the coolant stands still, or the modules are off, K/s.
    pub runaway_k_s: f64,
    /// How fast the cold side warms at full load with the modules off, K/s; that of the plate without a loop.
    pub drift_k_s: f64,
}

/// Limits of a controller's output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutputLimits {
    /// Either way, A.
    pub current_a: f64,
    /// Either way, V.
    pub voltage_v: f64,
}

/// Sizes `plant` for a board of `idle` to `full`, at the given cold temperatures.
pub fn size(
    plant: &Plant,
    calorimeter: Option<&Calorimeter>,
    limits: OutputLimits,
    (idle, full): (Watts, Watts),
    cold: &[Celsius],
) -> Sizing {
    let at = |board: Watts| cold.iter().map(|c| point(plant, limits, board, *c)).collect();
    let middle = cold.get(cold.len() / 2).copied().unwrap_or(plant.room);
    let warming = match (calorimeter, &plant.circuit) {
        (Some(calorimeter), Some(circuit)) => {
            [full, idle].iter().filter_map(|board| warming(calorimeter, circuit, *board, middle)).collect()
        }
        _ => Vec::new(),
    };
    let caught_w = full.0 * plant.capture_frac;
    let runaway_k_s = caught_w / plant.plate_j_k;
    let drift_k_s = plant.circuit.as_ref().map_or(runaway_k_s, |c| (caught_w + c.pump_w) / (plant.plate_j_k + c.reservoir_j_k));
    Sizing { full: at(full), idle: at(idle), warming, runaway_k_s, drift_k_s }
}

/// What must be taken up at the cold side, in a room and with a board of this power.
fn heat(plant: &Plant, board: Watts, cold: Celsius) -> Watts {
    let caught_w = board.0 * plant.capture_frac;
    Watts(match &plant.circuit {
        // Plate and hoses are near the supply: a few kelvin above it, which the loss to the room hardly sees.
        Some(c) => caught_w + c.pump_w + (plant.loss_w_k + c.loss_w_k) * (plant.room.0 - cold.0),
        None => caught_w + plant.loss_w_k * (plant.room.0 - cold.0),
    })
}

fn point(plant: &Plant, limits: OutputLimits, board: Watts, cold: Celsius) -> Point {
    let heat = heat(plant, board, cold);
    Point { cold, heat, held: hold(plant, limits, heat, cold) }
}

/// Current and sink temperature that belong together. More heat to shed warms the sink, which asks for more current: from the room's temperature up,
/// the first that fits is the one that a controller finds.
fn hold(plant: &Plant, limits: OutputLimits, heat: Watts, cold: Celsius) -> Option<Held> {
    let (bank, room, cold) = (&plant.bank, Kelvin::from(plant.room), Kelvin::from(cold));
    let mut sink = room;
    for _ in 0..ROUNDS {
        let current_a = bank.current_for_a(heat, cold, sink)?;
        let rejected = bank.rejected(current_a, cold, sink);
        let next = Kelvin(room.0 + plant.sink_k_w * rejected.0);
        if (next.0 - sink.0).abs() < SETTLED_K {
            let voltage_v = bank.voltage_v(current_a, cold, sink);
            let within_limits = current_a.abs() <= limits.current_a && voltage_v.abs() <= limits.voltage_v;
            return Some(Held {
                current_a,
                voltage_v,
                drive: bank.drive(current_a, cold, sink),
                rejected,
                sink: sink.into(),
                of_strongest_frac: current_a / bank.strongest_current_a(cold),
                within_limits,
            });
        }
        sink = next;
    }
    None
}

/// How far the coolant warms from `supply` with a board of this power, and how well its heat is known from that; `None` where the flow is too little.
pub fn warming(calorimeter: &Calorimeter, circuit: &Circuit, board: Watts, supply: Celsius) -> Option<Warming> {
    let warming_k = board.0 * calorimeter.capture_frac / circuit.rate_w_k(supply.into());
    let told = calorimeter.measure(circuit.flow_l_min, supply, Celsius(supply.0 + warming_k))?;
    Some(Warming { board, warming_k, u_w: told.u_w })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::twin;

    const LIMITS: OutputLimits = OutputLimits { current_a: 8.0, voltage_v: 16.0 };

    fn plant() -> Plant {
        twin().plant
    }

    #[test]
    fn heat_in_is_heat_out_at_every_point() {
        let plant = plant();
        let cold: Vec<Celsius> = (0..12).map(|k| Celsius(5.0 * f64::from(k))).collect();
        let sizing = size(&plant, None, LIMITS, (Watts(16.0), Watts(72.0)), &cold);
        let mut held = 0;
        for point in sizing.full.iter().chain(&sizing.idle) {
            let Some(h) = point.held else { continue };
            held += 1;
            assert!((h.rejected.0 - h.drive.0 - point.heat.0).abs() < 1e-3, "{point:?}");
            assert!((h.sink.0 - plant.room.0 - plant.sink_k_w * h.rejected.0).abs() < 1e-3, "{point:?}");
            assert!(h.of_strongest_frac < 1.0, "{point:?}");
        }
        assert!(held > 12, "{sizing:?}");
        // Colder takes more drive, as long as it cools.
        let drives: Vec<f64> = sizing.full.iter().filter_map(|p| p.held).map(|h| h.drive.0).collect();
        assert!(drives.windows(2).take(4).all(|w| w[0] > w[1]), "{drives:?}");
    }

    #[test]
    fn what_no_current_can_do_is_said_to_be_out_of_reach() {
        let sizing = size(&plant(), None, LIMITS, (Watts(16.0), Watts(300.0)), &[Celsius(0.0), Celsius(20.0)]);
        assert!(sizing.full.iter().all(|p| p.held.is_none()), "{sizing:?}");
        assert!((sizing.runaway_k_s - 300.0 * plant().capture_frac / plant().plate_j_k).abs() < 1e-12);
    }

    /// Worked elsewhere for five modules that pump 32 W at most, as rated: 61 W of drive for 75 W at 15 °C into a hot side of 35 °C. The extraction from
    /// maximum ratings makes 37 W modules of them, so it takes a little less here: a TEC model from a datasheet is a 15 % instrument.
    #[test]
    fn five_modules_hold_75_w_at_15_degc() {
        use model::tec::{Bank, Ratings};
        let module = Ratings { current_a: 3.9, voltage_v: 15.5, difference_k: 70.0, hot: Celsius(27.0).into() }.module().expect("rated");
        let ideal = Plant {
            capture_frac: 1.0,
            loss_w_k: 0.0,
            sink_k_w: 1e-9,
            room: Celsius(35.0),
            bank: Bank { module, series: 1, parallel: 5 },
            circuit: None,
            ..plant()
        };
        let limits = OutputLimits { current_a: 1e3, voltage_v: 1e3 };
        let sizing = size(&ideal, None, limits, (Watts(1.0), Watts(75.0)), &[Celsius(15.0)]);
        let held = sizing.full[0].held.expect("within its power");
        assert!(held.drive.0 < 61.0 && held.drive.0 > 61.0 * 0.85, "{held:?}");
    }
}
