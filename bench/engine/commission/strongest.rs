//! The current at which a bank of modules cools most, by what a commissioning measured.
//!
//! **The modules'**: voltage, current and temperatures of its points give Seebeck coefficient and resistance of the bank, and with them the
//! current beyond which more only heats, whatever the heat sink does. A run's current limit goes by that.
//!
//! **Standing**, which is less: the authority map goes from warm to cold at a few heats until the rig no longer holds, and where more current
//! left it no colder, the maximum lies before that. Of one heat the coldest point that stands, sink and all, tells what was still gained by current. One that is warmer at more current bounds
//! the maximum, even while it and the sink warm: it would only be warmer in the end. A parabola through the coldest and its neighbours says
//! where the maximum is between. A sink that warms brings it down; until it has warmed, more current still cools.

use super::record::{Point, Record};
use super::settle::COMING_K_MIN;

/// Fewest points that tell two figures and how well they fit.
const LEAST_POINTS: usize = 4;
/// Part of what independent points would have, below which current and temperature difference went together too much (assumed).
const LEAST_DET_FRAC: f64 = 0.02;
/// So much more current, relative, must have brought nothing before it counts as beyond the maximum: the noise of a meter is less.
const MORE_FRAC: f64 = 0.03;
/// The sink stands while it moves no faster than this, K/min: what the coarsest commissioning waits for.
const SINK_K_MIN: f64 = 0.3;
/// So much warmer it must stand, K: a tenth of what counts as held is noise.
const WARMER_K: f64 = 0.03;

/// One point at one heat.
#[derive(Clone, Copy, Debug)]
struct Seen {
    amps: f64,
    degc: f64,
    /// Neither it nor the sink moves.
    stands: bool,
}

/// What a commissioning says of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strongest {
    /// By the modules' own electrical figures at the coldest setpoint, and its standard uncertainty, A; `None` where the points do not tell them.
    pub measured_a: Option<(f64, f64)>,
    /// Where it stood, heat sink and all.
    pub standing: Option<Standing>,
}

/// What was seen of it where everything stood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// The largest current at which the bank was seen to cool still more, A.
    pub at_least_a: f64,
    /// The smallest at which it was seen to cool less, A; `None` where it never was.
    pub below_a: Option<f64>,
    /// Where the maximum is between the two, A.
    pub turned_a: Option<f64>,
}

impl Strongest {
    /// Of a record; `None` where it tells nothing of a bank.
    pub fn of(record: &Record) -> Option<Self> {
        let found = Self { measured_a: electrical(record), standing: Standing::of(record) };
        (found.measured_a.is_some() || found.standing.is_some()).then_some(found)
    }

    /// For the operator.
    pub fn words(&self) -> String {
        let modules = self.measured_a.map(|(amps, u_a)| format!("the modules cool most at {amps:.1} +- {:.1} A (95 %)", 1.96 * u_a));
        modules.into_iter().chain(self.standing.map(|s| s.words())).collect::<Vec<_>>().join("; ")
    }
}

/// Voltage is Seebeck coefficient times temperature difference and resistance times current: both by least squares over the points, from them
/// the current at which Peltier cooling is outgrown by Joule heat, `alpha T / R` of the bank at its terminals, at the coldest setpoint.
fn electrical(record: &Record) -> Option<(f64, f64)> {
    let servoed = record.rig.servoed;
    let point = |p: &Point| Some((p.sink_degc? - p.servoed_degc(servoed)?, p.tec_a?, p.tec_v?));
    let all: Vec<(f64, f64, f64)> =
        record.steps.iter().flat_map(|step| &step.points).filter(|p| p.target_degc.is_some()).filter_map(point).collect();
    let sum = |of: &dyn Fn(&(f64, f64, f64)) -> f64| all.iter().map(of).sum::<f64>();
    let (tt, ti, ii) = (sum(&|p| p.0 * p.0), sum(&|p| p.0 * p.1), sum(&|p| p.1 * p.1));
    let (tv, iv) = (sum(&|p| p.0 * p.2), sum(&|p| p.1 * p.2));
    let det = tt * ii - ti * ti;
    // Points along one line tell one figure of the two.
    if all.len() < LEAST_POINTS || det < LEAST_DET_FRAC * tt * ii || det <= 0.0 {
        return None;
    }
    let (seebeck, ohm) = ((tv * ii - iv * ti) / det, (iv * tt - tv * ti) / det);
    if !(seebeck > 0.0 && ohm > 0.0) {
        return None;
    }
    let left: f64 = sum(&|(t, i, v)| (v - seebeck * t - ohm * i).powi(2)) / (all.len() - 2) as f64;
    let kelvin = signal::Kelvin::from(signal::Celsius(record.rig.min_degc)).0;
    let amps = seebeck * kelvin / ohm;
    // Variances of both, and their covariance, in parts of themselves.
    let part = left / det * (ii / (seebeck * seebeck) + tt / (ohm * ohm) + 2.0 * ti / (seebeck * ohm));
    Some((amps, amps * part.max(0.0).sqrt()))
}

impl Standing {
    /// Of a record; `None` where it has no current of a bank.
    fn of(record: &Record) -> Option<Self> {
        let servoed = record.rig.servoed;
        let points: Vec<&Point> = record.steps.iter().filter(|step| step.name == "authority").flat_map(|step| &step.points).collect();
        let counts = |p: &&Point| {
            let (amps, degc) = (p.tec_a.filter(|a| *a > 0.0)?, p.servoed_degc(servoed)?);
            // What gets colder still, or has a sink that does, says nothing yet.
            let drift = p.servoed_drift_k_min(servoed).filter(|drift| *drift >= -COMING_K_MIN)?;
            let sink = p.sink_drift_k_min.unwrap_or(0.0);
            let stands = drift <= COMING_K_MIN && sink <= SINK_K_MIN;
            (sink >= -SINK_K_MIN).then_some((p.duty_frac, Seen { amps, degc, stands }))
        };
        let all: Vec<(f64, Seen)> = points.iter().filter_map(counts).collect();
        let mut heats: Vec<f64> = all.iter().map(|(duty, _)| *duty).collect();
        heats.sort_by(f64::total_cmp);
        heats.dedup();
        let of_heat = |duty: f64| all.iter().filter(|(d, _)| *d == duty).map(|(_, seen)| *seen).collect::<Vec<_>>();
        let told: Vec<Self> = heats.into_iter().filter_map(|duty| Self::of_one_heat(of_heat(duty))).collect();
        let turned = told.iter().filter(|one| one.turned_a.is_some());
        // The smallest of those that turned. Without any, the largest that still cooled.
        turned
            .min_by(|a, b| a.turned_a.unwrap_or(f64::INFINITY).total_cmp(&b.turned_a.unwrap_or(f64::INFINITY)))
            .or_else(|| told.iter().max_by(|a, b| a.at_least_a.total_cmp(&b.at_least_a)))
            .copied()
    }

    /// Of points at one heat.
    fn of_one_heat(mut points: Vec<Seen>) -> Option<Self> {
        points.sort_by(|a, b| a.amps.total_cmp(&b.amps));
        let standing = || points.iter().filter(|p| p.stands);
        let coldest = standing().min_by(|a, b| a.degc.total_cmp(&b.degc))?;
        let beyond = points.iter().find(|p| p.amps > coldest.amps * (1.0 + MORE_FRAC) && p.degc > coldest.degc + WARMER_K);
        let before = standing().rfind(|p| p.amps < coldest.amps * (1.0 - MORE_FRAC));
        let turned_a = beyond.map(|beyond| match before {
            Some(before) => vertex([before, coldest, beyond]).unwrap_or(coldest.amps).clamp(before.amps, beyond.amps),
            None => f64::midpoint(coldest.amps, beyond.amps),
        });
        let at_least_a = before.filter(|_| beyond.is_some()).map_or(coldest.amps, |before| before.amps);
        Some(Self { at_least_a, below_a: beyond.map(|b| b.amps), turned_a })
    }

    fn words(&self) -> String {
        match (self.turned_a, self.below_a) {
            (Some(turned), Some(below)) => format!(
                "standing, with this heat sink and full heat, {turned:.1} A cool most, seen between {:.1} and {below:.1} A; more helps for a while at most",
                self.at_least_a
            ),
            _ => format!("standing, more current cooled more up to {:.1} A", self.at_least_a),
        }
    }
}

/// Where a parabola through three points is lowest; `None` if it opens the other way.
fn vertex(points: [&Seen; 3]) -> Option<f64> {
    let [(x0, y0), (x1, y1), (x2, y2)] = points.map(|p| (p.amps, p.degc));
    let (left, right) = ((y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1));
    let bend = (right - left) / (x2 - x0);
    (bend > 0.0).then(|| f64::midpoint(x0, x1) - left / (2.0 * bend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commission::record::{RigCard, StepRecord};
    use crate::commission::{RawLog, Servoed, Verdict};
    use signal::Kelvin;
    use std::collections::BTreeMap;
    use twin::Plant;

    /// Steady plate temperatures of the shipped bench at these currents and a heat, °C.
    fn stands(plant: &Plant, amps: f64, heat_w: f64) -> f64 {
        let mut t = plant.at_rest();
        let room = Kelvin::from(plant.room);
        for _ in 0..60_000 {
            plant.advance(&mut t, 0.1, room, heat_w, amps);
        }
        signal::Celsius::from(t.plate).0
    }

    fn record(points: &[(f64, f64, f64)]) -> Record {
        let points = points.iter().map(|&(duty_frac, amps, degc)| Point {
            duty_frac,
            tec_a: Some(amps),
            plate_degc: Some(degc),
            plate_drift_k_min: Some(0.0),
            ..Point::default()
        });
        let step = StepRecord {
            name: "authority".into(),
            result: Verdict::Passed,
            why: String::new(),
            origin: "simulated".into(),
            ended: String::new(),
            bench_s: 1.0,
            numbers: BTreeMap::default(),
            words: BTreeMap::default(),
            points: points.collect(),
        };
        let rig = RigCard {
            name: "x".into(),
            from: "x".into(),
            sha256: String::new(),
            bench_sha256: String::new(),
            servoed: Servoed::Plate,
            current_limit_a: 16.0,
            min_degc: 5.0,
            max_degc: 60.0,
            rate_k_min: 5.0,
        };
        Record {
            schema: 1,
            id: "x".into(),
            started: String::new(),
            finished: None,
            complete: true,
            operator: String::new(),
            program: String::new(),
            quick: true,
            simulated: true,
            simulated_because: Vec::new(),
            accelerator: String::new(),
            rig,
            identities: BTreeMap::default(),
            raw: RawLog::default(),
            steps: vec![step],
            authority: None,
            resistance: None,
        }
    }

    /// The maximum of the shipped bank, found from five points as a commissioning has them, is that of a fine sweep of its physics; and it is
    /// not that of the modules alone, since the sink warms with the current.
    #[test]
    fn the_maximum_is_found_where_the_physics_has_it() {
        let plant = crate::setup::parse_rig("twin", rig::builtin()[0].1).expect("the default").1.plant;
        let fine: Vec<(f64, f64)> = (0..48).map(|k| 2.0 + 0.25 * f64::from(k)).map(|amps| (amps, stands(&plant, amps, 40.0))).collect();
        let best = fine.iter().min_by(|a, b| a.1.total_cmp(&b.1)).expect("some").0;
        let at = |amps: f64| (1.0, amps, stands(&plant, amps, 40.0));
        let found = Standing::of(&record(&[at(2.0), at(4.0), at(best - 2.0), at(best + 0.5), at(best + 3.0)])).expect("a bank");
        let measured = found.turned_a.expect("it turned");
        assert!((measured - best).abs() < 0.08 * best, "{measured} is not {best}: {found:?}");
        assert!(found.below_a.is_some_and(|below| below > best) && found.at_least_a < best, "{found:?}");
        // As far as more current still cooled there is a bound and no figure.
        let found = Standing::of(&record(&[at(2.0), at(3.0), at(best - 1.0)])).expect("a bank");
        assert_eq!((found.turned_a, found.below_a), (None, None));
        assert!((found.at_least_a - (best - 1.0)).abs() < 1e-9 && found.words().contains("cooled more up to"));
    }

    /// The modules' own maximum, from voltages as they are: no matter what their sink does. Of points that say one thing over and over, nothing.
    #[test]
    fn the_modules_own_maximum_is_measured_by_their_voltage() {
        let plant = crate::setup::parse_rig("twin", rig::builtin()[0].1).expect("the default").1.plant;
        let kelvin = |degc: f64| Kelvin::from(signal::Celsius(degc));
        let of = |points: &[(f64, f64, f64)]| {
            let mut record = record(&points.iter().map(|&(amps, cold, _)| (1.0, amps, cold)).collect::<Vec<_>>());
            for (p, &(amps, cold, hot)) in record.steps[0].points.iter_mut().zip(points) {
                (p.sink_degc, p.target_degc) = (Some(hot), Some(cold));
                p.tec_v = Some(plant.bank.voltage_v(amps, kelvin(cold), kelvin(hot)));
            }
            electrical(&record)
        };
        let (found, u_a) = of(&[(-2.0, 60.0, 27.0), (0.1, 32.0, 27.0), (3.2, 5.0, 35.0), (5.9, 19.0, 54.0)]).expect("it tells both");
        let wanted = plant.bank.strongest_current_a(kelvin(5.0));
        assert!((found - wanted).abs() < 1e-6 * wanted && u_a < 1e-6, "{found} +- {u_a} is not {wanted}");
        assert_eq!(
            of(&[(1.0, 20.0, 30.0), (2.0, 10.0, 30.0), (3.0, 0.0, 30.0), (1.5, 15.0, 30.0)]),
            None,
            "current and difference go together"
        );
        assert_eq!(of(&[(1.0, 20.0, 30.0), (5.9, 19.0, 54.0), (3.2, 5.0, 35.0)]), None, "too few");
    }

    /// Two heats are two curves; what is still on its way, or has no current, counts for nothing.
    #[test]
    fn points_of_other_heats_and_unsettled_ones_prove_nothing() {
        // Warmer at more current, but at more heat.
        assert_eq!(Standing::of(&record(&[(0.0, 2.0, 5.0), (1.0, 6.0, 15.0)])).expect("a bank").below_a, None);
        let mut moving = record(&[(1.0, 4.0, 10.0), (1.0, 8.0, 12.0)]);
        assert_eq!(Standing::of(&moving).expect("a bank").below_a, Some(8.0));
        moving.steps[0].points[1].plate_drift_k_min = Some(-1.5);
        assert_eq!(Standing::of(&moving).expect("a bank").below_a, None, "it gets colder still");
        // Cold for a moment, on a sink that warms: no gain by that current. Warm on one that warms: beyond all the more.
        let mut passing = record(&[(1.0, 3.0, 20.0), (1.0, 6.0, 12.0), (1.0, 11.0, 7.0)]);
        passing.steps[0].points[2].sink_drift_k_min = Some(5.0);
        assert_eq!(Standing::of(&passing).map(|s| (s.at_least_a, s.below_a)), Some((6.0, None)));
        passing.steps[0].points[2].plate_degc = Some(13.0);
        assert_eq!(Standing::of(&passing).map(|s| (s.at_least_a, s.below_a)), Some((3.0, Some(11.0))));
        moving.steps[0].points.iter_mut().for_each(|p| p.tec_a = None);
        assert_eq!(Standing::of(&moving), None);
    }
}
