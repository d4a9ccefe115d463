//! The steps, in the order they are done: what can flood or burn first, what needs trusted sensors after them.

mod authority;
mod flow;
mod heater;
mod isothermal;
mod polarity;
mod resistance;
mod wet;

use super::procedure::Step;
use super::settle::{Now, Rule};

/// Every step, new.
pub(super) fn all() -> Vec<Box<dyn Step>> {
    vec![
        Box::new(wet::Leak::default()),
        Box::new(flow::FlowMeter::default()),
        Box::new(wet::FlowTrip::default()),
        Box::new(isothermal::Isothermal::default()),
        Box::new(polarity::Polarity::default()),
        Box::new(heater::Heater::default()),
        Box::new(authority::Map::default()),
        Box::new(resistance::Remounts::default()),
    ]
}

/// Seconds of readings that make a point.
const WINDOW_S: f64 = 120.0;

/// Where plate or supply is held for heater and resistance: near the room, so that losses are small, inside the limits.
fn near_room(now: &Now<'_>) -> f64 {
    let limits = now.facts.limits;
    let room = now.facts.plant.room.0;
    room.clamp(limits.min(), limits.max())
}

/// Steady at a target, sink included.
fn servoed(now: &Now<'_>, target: f64) -> Rule {
    let quick = now.facts.quick;
    Rule {
        target: Some(target),
        plate_k_min: 0.1,
        sink_k_min: Some(if quick { 0.3 } else { 0.1 }),
        limit_s: if quick { 2400.0 } else { 5400.0 },
    }
}

fn watts(w: Option<f64>) -> String {
    w.map_or_else(|| "? W".to_owned(), |w| format!("{w:.1} W"))
}

fn degc(t: Option<f64>) -> String {
    t.map_or_else(|| "? °C".to_owned(), |t| format!("{t:.2} °C"))
}
