//! Two-line elements and orbit mean-elements messages, propagated by SGP4 (crate `sgp4`, WGS 72, as the elements were fitted:
//! Vallado et al., Revisiting Spacetrack Report #3, AIAA 2006-6753).

use super::osculating;
use crate::constants::{DAY_S, EARTH_MU_KM3_S2};
use crate::ephemeris::scale::Tai;
use crate::frame::Precession;
use crate::nutation::TemeToMean;
use crate::orbit::State;
use crate::time::Centuries;
use crate::trajectory::Body;
use crate::vector::Vector;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// How long before and after their epoch elements are believed, d. Their error grows by one to three km a day (Vallado et al.
/// 2006; Kelso 2007, AAS 07-127), mostly along the track and faster with drag: after a month a low satellite may be a minute
/// early or late, which is as wrong as an eclipse may be here.
pub const BELIEVED_D: f64 = 30.0;

/// A satellite that comes lower than this over the surface does not stay up, km.
const LOWEST_KM: f64 = 80.0;

/// How far the period may get from that of the elements, as a part of it: drag takes thousandths a month, and what SGP4 answers
/// after an orbit has decayed is a number and no place.
const SAME_ORBIT: f64 = 0.2;

/// Time between the states that are tried when elements are read, s.
const PROBE_S: f64 = 3600.0;

/// Mean elements of one satellite, ready to be propagated, in the improved mode of the published code (not the one that repeats
/// the operational program's choice of a branch at low inclinations, 1 km for a few satellites).
#[derive(Clone, Debug, PartialEq)]
pub struct Sgp4 {
    constants: Arc<::sgp4::Constants>,
    /// Mission second 0, whose frame states are in.
    epoch: Centuries,
    /// From the epoch of the elements to mission second 0, s.
    ahead_s: f64,
    from_s: f64,
    until_s: f64,
    /// Of the elements, s.
    nominal_s: f64,
    period_s: f64,
}

impl Sgp4 {
    /// `elements` (with their epoch) from mission second 0 at `start`.
    pub fn new(elements: &::sgp4::Elements, elements_epoch: Tai, start: Tai) -> Result<Self, String> {
        let constants = ::sgp4::Constants::from_elements_afspc_compatibility_mode(elements)
            .map_err(|why| format!("SGP4 refuses the elements: {why}"))?;
        let ahead_s = start.since_s(elements_epoch);
        let mut orbit = Self {
            constants: Arc::new(constants),
            epoch: start.utc().into(),
            ahead_s,
            from_s: -BELIEVED_D * DAY_S - ahead_s,
            until_s: BELIEVED_D * DAY_S - ahead_s,
            nominal_s: DAY_S / elements.mean_motion,
            period_s: f64::NAN,
        };
        let soundness = |t: f64| orbit.sound(t);
        let at_epoch = soundness(-ahead_s).map_err(|why| format!("SGP4 refuses the elements: {why}"))?;
        // Whatever ends the orbit ends what is known: a decay is an event, not a direction.
        let probes = (BELIEVED_D * DAY_S / PROBE_S) as u32;
        let last = |sign: f64| {
            let held = (1..=probes).take_while(|k| soundness(-ahead_s + sign * f64::from(*k) * PROBE_S).is_ok()).last();
            -ahead_s + sign * f64::from(held.unwrap_or(0)) * PROBE_S
        };
        (orbit.from_s, orbit.until_s) = (last(-1.0), last(1.0));
        orbit.period_s = if (orbit.from_s..=orbit.until_s).contains(&0.0) { orbit.sound(0.0).unwrap_or(at_epoch) } else { at_epoch };
        Ok(orbit)
    }

    /// Position, km, and velocity, km/s, in TEME of date.
    fn teme(&self, mission_s: f64) -> Result<(Vector, Vector), ::sgp4::Error> {
        let minutes = ::sgp4::MinutesSinceEpoch((mission_s + self.ahead_s) / 60.0);
        self.constants.propagate(minutes).map(|p| (p.position, p.velocity))
    }

    /// The period of the orbit at a moment, s, if it is one that stays up.
    fn sound(&self, mission_s: f64) -> Result<f64, String> {
        let (position, velocity) = self.teme(mission_s).map_err(|why| why.to_string())?;
        let lowest_km = osculating::pericentre_km(position, velocity, EARTH_MU_KM3_S2).ok_or("the orbit is not closed")?;
        if lowest_km < Body::Earth.radius_km() + LOWEST_KM {
            return Err(format!("the orbit comes down to {:.0} km over the surface", lowest_km - Body::Earth.radius_km()));
        }
        let period_s = osculating::period_s(position, velocity, EARTH_MU_KM3_S2).ok_or("the orbit is not closed")?;
        if (period_s / self.nominal_s - 1.0).abs() > SAME_ORBIT {
            return Err(format!("the orbit turns in {period_s:.0} s, and the elements say {:.0} s", self.nominal_s));
        }
        Ok(period_s)
    }

    /// Position, km, and velocity, km/s, in the frame of the epoch; `None` where the propagation ends.
    pub fn vectors(&self, mission_s: f64) -> Option<(Vector, Vector)> {
        let (position, velocity) = self.teme(mission_s).ok()?;
        let moment = self.epoch.plus_s(mission_s);
        let (to_mean, precession) = (TemeToMean::at(moment), Precession::between(moment, self.epoch));
        let turned = |v: Vector| precession.apply(to_mean.apply(v));
        Some((turned(position), turned(velocity)))
    }

    /// See [`crate::Trajectory::at`].
    pub fn at(&self, mission_s: f64) -> State {
        let inside = mission_s.clamp(self.from_s, self.until_s);
        let (position, velocity) = self.vectors(inside).expect("the span was tried hour by hour when the elements were read");
        let state = osculating::state(position, velocity);
        if inside == mission_s { state } else { osculating::coasted(state, self.period_s, mission_s - inside) }
    }

    /// Period of the osculating orbit at mission second 0, s.
    pub fn period_s(&self) -> f64 {
        self.period_s
    }

    /// Within [`BELIEVED_D`] of the elements' epoch, as far as the orbit stays up.
    pub fn span_s(&self) -> RangeInclusive<f64> {
        self.from_s..=self.until_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ephemeris::ElementSet;
    use crate::vector::{minus, norm};
    use proptest::prelude::*;

    /// Satellite, minutes, TEME position and velocity, GCRS position: see the script beside the file.
    fn published() -> Vec<(ElementSet, ::sgp4::Elements, f64, [Vector; 3])> {
        include_str!("../testdata/ephemeris/sgp4_states.csv")
            .lines()
            .skip(1)
            .map(|row| {
                let cells: Vec<&str> = row.split(',').collect();
                let n = |k: usize| cells[k].parse::<f64>().expect("a number");
                let set = ElementSet::from_lines("t.tle", cells[0], cells[1]).unwrap_or_else(|p| panic!("{p}"));
                let elements = ::sgp4::Elements::from_tle(None, cells[0].as_bytes(), cells[1].as_bytes()).expect("read");
                (set, elements, n(2), [[n(3), n(4), n(5)], [n(6), n(7), n(8)], [n(9), n(10), n(11)]])
            })
            .collect()
    }

    /// Without asking whether the orbit stays up.
    fn unasked(elements: &::sgp4::Elements, epoch: Tai) -> Sgp4 {
        let constants = Arc::new(::sgp4::Constants::from_elements_afspc_compatibility_mode(elements).expect("elements"));
        let epoch = Centuries::from(epoch.utc());
        Sgp4 { constants, epoch, ahead_s: 0.0, from_s: -3e6, until_s: 3e6, nominal_s: DAY_S / elements.mean_motion, period_s: 1.0 }
    }

    #[test]
    fn states_are_those_of_another_program_and_so_is_the_turn_to_an_inertial_frame() {
        let rows = published();
        assert!(rows.len() > 150);
        let (mut worst_teme, mut worst_speed, mut worst_turn_rad) = (0.0_f64, 0.0_f64, 0.0_f64);
        for (set, elements, minutes, [position, velocity, gcrs]) in &rows {
            let orbit = unasked(elements, set.epoch);
            let Ok((p, v)) = orbit.teme(minutes * 60.0) else { panic!("{} at {minutes}", set.number) };
            // One has come down by then, and both programs answer with a place as far away as Saturn: refused here.
            if orbit.sound(minutes * 60.0).is_ok() {
                worst_teme = worst_teme.max(norm(minus(p, *position)));
                worst_speed = worst_speed.max(norm(minus(v, *velocity)));
            }
            assert!(norm(minus(p, *position)) < 1e-9 * norm(*position).max(1e4), "{} at {minutes}", set.number);
            // Across the leap second of 2005 the other program counts days of UTC, and is a second of flight away.
            let leap = set.number == 20_413 && *minutes > 1440.0;
            if orbit.sound(minutes * 60.0).is_ok() && !leap {
                let to_j2000 = Precession::between(orbit.epoch, Centuries::J2000);
                let turned = to_j2000.apply(orbit.vectors(minutes * 60.0).expect("as above").0);
                worst_turn_rad = worst_turn_rad.max(norm(minus(turned, *gcrs)) / norm(*gcrs));
            }
        }
        assert!(worst_teme < 1e-5 && worst_speed < 1e-8, "{worst_teme} km, {worst_speed} km/s");
        // Four terms of nutation, and precession of 1976 against that of 2006: 0.1", 4 m at 7000 km.
        assert!(worst_turn_rad < 7e-7, "{worst_turn_rad} rad");
        // Negative control: left in TEME of date it would be off by hundreds of times that.
        let (_, _, _, [teme, _, gcrs]) = rows.iter().max_by(|a, b| a.0.epoch.cmp(&b.0.epoch)).expect("rows");
        assert!(norm(minus(*teme, *gcrs)) / norm(*gcrs) > 1e-4);
    }

    #[test]
    fn what_comes_down_ends_and_what_stays_up_lasts_sixty_days() {
        let (mut lasting, mut ending, mut refused) = (0, 0, 0);
        let mut last = 0;
        for (set, _, _, _) in published() {
            if set.number == last {
                continue;
            }
            last = set.number;
            match set.trajectory(set.epoch) {
                Ok(orbit) => {
                    let days = (*orbit.span_s().end() - *orbit.span_s().start()) / DAY_S;
                    if days > 59.99 { lasting += 1 } else { ending += 1 }
                }
                Err(why) => {
                    assert!(why.contains("comes down") || why.contains("SGP4 refuses"), "{why}");
                    refused += 1;
                }
            }
        }
        assert!(lasting > 15 && ending > 0 && refused > 0, "{lasting} {ending} {refused}");
    }

    proptest! {
        #[test]
        fn inside_its_span_every_state_is_one(which in 0_usize..30, part in 0.0..1.0_f64) {
            let rows = published();
            let set = &rows[which * rows.len() / 30].0;
            if let Ok(orbit) = set.trajectory(set.epoch) {
                let (from, until) = orbit.span_s().into_inner();
                let state = orbit.at(from + part * (until - from));
                prop_assert!(state.radius_km > Body::Earth.radius_km() && state.radius_km < 500_000.0);
                prop_assert!((norm(state.zenith) - 1.0).abs() < 1e-12 && (norm(state.pole) - 1.0).abs() < 1e-12);
            }
        }
    }
}
