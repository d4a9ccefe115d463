//! The authority map: temperature of what is servoed, plate or coolant supply, by heat, what the rig held steadily there and how fast it could move.
//!
//! Measured points are columns of one heat each, and inside means inside the hull of what was held: between two heats the limits
//! of temperature are the straight line between theirs. The largest heat that a Peltier bank takes off at its current limit
//! is linear in the plate's temperature (see `model::tec`), so that what it holds is convex; and what is left of it, which moves
//! the plate, is linear in both, so that rates are interpolated too. A point has the slower of the rates measured on its two
//! sides. Nothing is extrapolated, save by the small allowances below for what is the meter's and not the rig's.

use serde::{Deserialize, Serialize};

/// Part of the widest measured heat by which a plan may lie outside: board power meters are good to about that.
const HEAT_EDGE_FRAC: f64 = 0.03;
/// Temperature by which a plan may lie outside, K: less than the plate is held to.
const EDGE_K: f64 = 0.1;
/// Part of a rate, and rate, by which a plan may be faster: a rate is measured to about that.
const RATE_EDGE_FRAC: f64 = 0.05;
const RATE_EDGE_K_MIN: f64 = 0.1;

/// One point that was held.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// What is servoed, °C; older records call it after the plate, which was the only thing there was.
    #[serde(alias = "plate_degc")]
    pub held_degc: f64,
    /// Fastest cooling the rig followed beside this point, K/min, positive; 0 if none was tried.
    pub cooling_k_min: f64,
    /// Fastest warming, K/min.
    pub warming_k_min: f64,
    /// Heat sink then, °C.
    pub sink_degc: f64,
    /// Current of the output, A.
    pub tec_a: f64,
    /// Power of the output, W.
    pub tec_w: f64,
}

/// Points of one heat, the coldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Board power, W.
    pub heat_w: f64,
    /// The points that were held.
    #[serde(rename = "held")]
    pub points: Vec<Held>,
}

/// What the rig can really do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Authority {
    /// Heat of the device under test goes through this rig; otherwise the map has one column, for any heat.
    pub coupled: bool,
    /// By heat, the least first.
    #[serde(rename = "heat")]
    pub columns: Vec<Column>,
}

/// Why a wish is outside: what the rig holds there.
#[derive(Clone, Debug, PartialEq)]
pub struct Outside(pub String);

impl Authority {
    /// What the rig holds at this heat, or why it is outside altogether.
    fn at(&self, heat_w: f64) -> Result<Between<'_>, Outside> {
        let (below, above) = self.bracket(heat_w)?;
        let nothing = || Outside(format!("this rig holds no temperature at {heat_w:.0} W"));
        let (low, high) = (below.ends().ok_or_else(nothing)?, above.ends().ok_or_else(nothing)?);
        let span = above.heat_w - below.heat_w;
        let part = if span > 0.0 { ((heat_w - below.heat_w) / span).clamp(0.0, 1.0) } else { 0.0 };
        Ok(Between { below, above, part, range: (lerp(low.0, high.0, part), lerp(low.1, high.1, part)) })
    }

    /// The measured heats on both sides of this one.
    fn bracket(&self, heat_w: f64) -> Result<(&Column, &Column), Outside> {
        let (Some(first), Some(last)) = (self.columns.first(), self.columns.last()) else {
            return Err(Outside("this rig's authority map is empty".into()));
        };
        if !self.coupled {
            return Ok((first, first));
        }
        let edge = HEAT_EDGE_FRAC * last.heat_w;
        if !(first.heat_w - edge..=last.heat_w + edge).contains(&heat_w) {
            return Err(Outside(format!("its map goes from {:.0} to {:.0} W", first.heat_w, last.heat_w)));
        }
        let below = self.columns.iter().rev().find(|c| c.heat_w <= heat_w).unwrap_or(first);
        let above = self.columns.iter().find(|c| c.heat_w >= heat_w).unwrap_or(last);
        Ok((below, above))
    }

    /// Checks one wish: °C of what is servoed, board W, its change K/min (negative cools).
    pub fn check(&self, plate_degc: f64, heat_w: f64, rate_k_min: f64) -> Result<(), Outside> {
        if !(plate_degc.is_finite() && heat_w.is_finite() && rate_k_min.is_finite()) {
            return Err(Outside("what is asked is no number".into()));
        }
        let here = self.at(heat_w)?;
        let (low, high) = here.range;
        if !(low - EDGE_K..=high + EDGE_K).contains(&plate_degc) {
            return Err(Outside(format!("this rig holds {low:.1} to {high:.1} degC there")));
        }
        let rate_of = |p: &Held| if rate_k_min < 0.0 { p.cooling_k_min } else { p.warming_k_min };
        let fastest = lerp(here.below.rate(plate_degc, rate_of), here.above.rate(plate_degc, rate_of), here.part);
        if rate_k_min.abs() > fastest * (1.0 + RATE_EDGE_FRAC) + RATE_EDGE_K_MIN {
            let way = if rate_k_min < 0.0 { "cools" } else { "warms" };
            return Err(Outside(format!("this rig {way} by {fastest:.1} K/min there")));
        }
        Ok(())
    }
}

/// A place between two measured heats.
struct Between<'a> {
    below: &'a Column,
    above: &'a Column,
    /// Part of the way from one to the other.
    part: f64,
    /// Temperatures that are held, °C.
    range: (f64, f64),
}

impl Column {
    /// Coldest and hottest held, °C.
    fn ends(&self) -> Option<(f64, f64)> {
        Some((self.points.first()?.held_degc, self.points.last()?.held_degc))
    }

    /// Rate at a temperature: on the line between its neighbours, and beyond the last point that one's.
    fn rate(&self, plate_degc: f64, rate_of: impl Fn(&Held) -> f64) -> f64 {
        let below = self.points.iter().rev().find(|p| p.held_degc <= plate_degc).or(self.points.first());
        let above = self.points.iter().find(|p| p.held_degc >= plate_degc).or(self.points.last());
        let (Some(below), Some(above)) = (below, above) else { return 0.0 };
        let span = above.held_degc - below.held_degc;
        let part = if span > 0.0 { (plate_degc - below.held_degc) / span } else { 0.0 };
        lerp(rate_of(below), rate_of(above), part)
    }
}

fn lerp(from: f64, to: f64, part: f64) -> f64 {
    from + part * (to - from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn held(plate_degc: f64, rate: f64) -> Held {
        Held { held_degc: plate_degc, cooling_k_min: rate, warming_k_min: rate + 1.0, sink_degc: 30.0, tec_a: 1.0, tec_w: 5.0 }
    }

    pub(crate) fn map() -> Authority {
        let cold = Column { heat_w: 16.0, points: vec![held(5.0, 4.0), held(30.0, 6.0), held(60.0, 8.0)] };
        let hot = Column { heat_w: 72.0, points: vec![held(12.0, 2.0), held(30.0, 5.0), held(50.0, 8.0)] };
        Authority { coupled: true, columns: vec![cold, hot] }
    }

    #[test]
    fn inside_is_inside_by_every_neighbour() {
        let map = map();
        for (plate, heat, rate, inside) in [
            (20.0, 40.0, 0.0, true),
            // 5.2 K/min at 16 W and 3.33 at 72 W: half way, 4.27; a twentieth and 0.1 K/min more are let pass.
            (20.0, 44.0, -4.2, true),
            (20.0, 44.0, -4.7, false),
            (20.0, 44.0, 5.2, true),
            (20.0, 44.0, 5.8, false),
            // 5 °C is held at 16 W and 12 °C at 72 W: half way, 8.5 °C.
            (8.5, 44.0, 0.0, true),
            (8.3, 44.0, 0.0, false),
            (5.0, 16.0, 0.0, true),
            (55.0, 44.0, 0.0, true),
            (55.2, 44.0, 0.0, false),
            // The meter's own error, and no more.
            (20.0, 73.5, 0.0, true),
            (20.0, 76.0, 0.0, false),
            (20.0, 10.0, 0.0, false),
            (f64::NAN, 40.0, 0.0, false),
            (20.0, 40.0, f64::INFINITY, false),
        ] {
            assert_eq!(
                map.check(plate, heat, rate).is_ok(),
                inside,
                "{plate} °C {heat} W {rate} K/min: {:?}",
                map.check(plate, heat, rate)
            );
        }
        assert_eq!(map.check(5.0, 60.0, 0.0), Err(Outside("this rig holds 10.5 to 52.1 degC there".into())));
    }

    #[test]
    fn a_map_of_nothing_holds_nothing() {
        assert!(Authority::default().check(20.0, 40.0, 0.0).is_err());
        let empty = Authority { coupled: true, columns: vec![Column { heat_w: 16.0, points: Vec::new() }, map().columns[1].clone()] };
        assert!(empty.check(20.0, 40.0, 0.0).is_err(), "a heat at which nothing was held bounds its neighbours");
        let elsewhere = Authority { coupled: false, columns: vec![map().columns[0].clone()] };
        assert!(elsewhere.check(20.0, 700.0, 0.0).is_ok(), "heat that does not reach the plate does not matter");
    }

    proptest! {
        /// Taking a held point away never makes the map wider.
        #[test]
        fn fewer_points_never_allow_more(plate in 0.0..65.0_f64, heat in 10.0..80.0_f64, column in 0..2_usize, gone in prop_oneof![Just(0_usize), Just(2)]) {
            let full = map();
            let mut less = map();
            less.columns[column].points.remove(gone);
            if less.check(plate, heat, 0.0).is_ok() {
                prop_assert!(full.check(plate, heat, 0.0).is_ok());
            }
        }
    }
}
