//! The authority map: for a few heats, from the hottest setpoint down, what the rig holds steadily, and how fast it goes from one to
//! the next and back up. Where it no longer holds, the edge is looked for by halving. Hours on real hardware.

use super::{WINDOW_S, servoed};
use crate::commission::map::{Authority, Column, Held};
use crate::commission::procedure::{Move, Outcome, Step, Wanted};
use crate::commission::question::Answer;
use crate::commission::record::Point;
use crate::commission::settle::{Now, Rule, Settle, Settled};
use crate::commission::station::Facts;
use std::collections::VecDeque;

/// Heats and temperatures of the grid, coarse with `--quick`; and halvings at the edge, which is where plans go.
const DUTIES: &[f64] = &[0.0, 0.5, 1.0];
const DUTIES_QUICK: &[f64] = &[0.0, 1.0];
const TEMPERATURES: usize = 5;
const TEMPERATURES_QUICK: usize = 3;
const HALVINGS: u32 = 6;
/// No halving of less than this, K.
const LEAST_K: f64 = 0.4;
/// Part of a way that is left out at both ends when its speed is taken: the lag at the start, the landing at the end.
const ENDS_FRAC: f64 = 0.15;
/// Most time of the way back up beyond what the rate asks for, as a factor, and more, s.
const PATIENCE: f64 = 4.0;
const PATIENCE_S: f64 = 300.0;
/// Near enough to the top to have got there, K.
const ARRIVED_K: f64 = 0.5;

#[derive(Default)]
pub(super) struct Map {
    heat: usize,
    left: Option<VecDeque<f64>>,
    leg: Option<Leg>,
    /// Points of this heat that were held, the hottest first.
    held: Vec<Point>,
    halvings: u32,
    /// Ways of this heat: time and what is servoed.
    down: Vec<Vec<(f64, f64)>>,
    up: Option<Leg>,
    columns: Vec<Column>,
    points: Vec<Point>,
}

struct Leg {
    to: f64,
    began: f64,
    track: Vec<(f64, f64)>,
    settle: Settle,
}

impl Step for Map {
    fn name(&self) -> &'static str {
        "authority"
    }

    fn purpose(&self) -> &'static str {
        "What this rig can really do: temperature of what it holds by heat, and K/min, down and up."
    }

    fn eta_s(&self, facts: &Facts) -> f64 {
        let temperatures = grid(facts).len() as f64;
        let ways = 2.0 * (facts.limits.max() - facts.limits.min()) / facts.rate_k_min * 60.0;
        duties(facts).len() as f64 * (temperatures * if facts.quick { 600.0 } else { 1200.0 } + ways)
    }

    fn tick(&mut self, now: &Now<'_>, _: Option<Answer>, want: &mut Wanted) -> Move {
        let duty = duties(now.facts)[self.heat];
        want.duty = duty;
        if self.up.is_some() {
            return self.way_up(now, want);
        }
        let left = self.left.get_or_insert_with(|| grid(now.facts));
        let Some(&target) = left.front() else {
            return self.turn(now, want);
        };
        want.target = Some(target);
        let rule = servoed(now, target);
        let leg = self.leg.get_or_insert_with(|| Leg { to: target, began: now.t, track: Vec::new(), settle: Settle::new(rule, WINDOW_S) });
        leg.track.extend(now.read(now.facts.servoed.channel()).map(|held| (now.t, held)));
        let (held, why, point) = match leg.settle.look(now) {
            Settled::Waiting(words) => return Move::Go(format!("{target:.1} °C with {}: {words}", heat_words(now.facts, duty))),
            Settled::Steady(point) => (true, String::new(), point),
            Settled::Never(why, point) => (false, why, point),
        };
        let point = Point { target_degc: Some(target), duty_frac: duty, held, why, ..*point };
        self.points.push(point.clone());
        left.pop_front();
        self.down.extend(self.leg.take().map(|leg| leg.track));
        let words = format!("{target:.1} °C with {}: {}", heat_words(now.facts, duty), if held { "held" } else { "not held" });
        self.next(target, held, point);
        Move::Go(words)
    }
}

impl Map {
    /// What is tried after this one.
    fn next(&mut self, target: f64, held: bool, point: Point) {
        let warmer = self.held.last().and_then(|p| p.target_degc);
        if held {
            self.held.push(point);
        }
        let Some(left) = &mut self.left else { return };
        match (held, warmer) {
            // Beyond the cold edge: nothing colder will be held, the edge itself is between.
            (false, Some(warmer)) => {
                left.clear();
                let middle = f64::midpoint(warmer, target);
                if self.halvings < HALVINGS && warmer - middle >= LEAST_K {
                    self.halvings += 1;
                    left.push_back(middle);
                }
            }
            // A halving that was held: once more towards the cold.
            (true, Some(warmer)) if self.halvings > 0 => {
                let middle = target - (warmer - target) / 2.0;
                if self.halvings < HALVINGS && target - middle >= LEAST_K {
                    self.halvings += 1;
                    left.push_back(middle);
                }
            }
            // Too hot for this heat: the next colder one; or simply the next.
            _ => {}
        }
    }

    /// At the bottom of a heat: back up, or on.
    fn turn(&mut self, now: &Now<'_>, want: &mut Wanted) -> Move {
        let (top, bottom) = (self.held.first().and_then(|p| p.target_degc), self.held.last().and_then(|p| p.target_degc));
        let (Some(top), Some(bottom)) = (top, bottom) else { return self.close(now) };
        if top - bottom < LEAST_K {
            return self.close(now);
        }
        want.target = Some(bottom);
        let rule = Rule { target: Some(bottom), plate_k_min: 0.5, sink_k_min: None, limit_s: PATIENCE_S * PATIENCE };
        self.up = Some(Leg { to: top, began: now.t, track: Vec::new(), settle: Settle::new(rule, WINDOW_S / 4.0) });
        Move::Go(format!("at {bottom:.1} °C, then back up to {top:.1} °C"))
    }

    fn way_up(&mut self, now: &Now<'_>, want: &mut Wanted) -> Move {
        let bottom = self.held.last().and_then(|p| p.target_degc).unwrap_or(now.facts.limits.min());
        let Some(leg) = &mut self.up else { return self.close(now) };
        if leg.track.is_empty() {
            // From where it stands: it may have been left colder by a point that was not held.
            want.target = Some(bottom);
            if let Settled::Waiting(words) = leg.settle.look(now) {
                return Move::Go(format!("back to {bottom:.1} °C: {words}"));
            }
            leg.began = now.t;
        }
        want.target = Some(leg.to);
        let read = now.read(now.facts.servoed.channel());
        leg.track.extend(read.map(|held| (now.t, held)));
        let most = (leg.to - bottom) / now.facts.rate_k_min * 60.0 * PATIENCE + PATIENCE_S;
        if read.is_some_and(|held| held >= leg.to - ARRIVED_K) || now.t - leg.began > most {
            return self.close(now);
        }
        Move::Go(format!("back up to {:.1} °C with {}", leg.to, heat_words(now.facts, want.duty)))
    }

    /// This heat is done.
    fn close(&mut self, now: &Now<'_>) -> Move {
        let up = self.up.take().map(|leg| leg.track).unwrap_or_default();
        let held = std::mem::take(&mut self.held);
        let down = std::mem::take(&mut self.down);
        self.columns.push(column(now.facts, duties(now.facts)[self.heat], &held, &down, &up));
        (self.left, self.halvings) = (None, 0);
        self.heat += 1;
        if self.heat < duties(now.facts).len() {
            return Move::Go(String::new());
        }
        let columns = std::mem::take(&mut self.columns);
        let points = std::mem::take(&mut self.points);
        let good = columns.iter().all(|c| c.points.len() >= 2);
        let said: Vec<String> = columns.iter().map(words).collect();
        let why = if good { said.join("; ") } else { format!("{}: a map needs two temperatures at every heat", said.join("; ")) };
        let mut outcome = Outcome::judged(good, why).points(points);
        outcome.authority = good.then_some(Authority { coupled: now.facts.coupled, columns });
        outcome.done()
    }
}

fn words(column: &Column) -> String {
    let slowest = |of: fn(&Held) -> f64| column.points.iter().map(of).fold(f64::INFINITY, f64::min);
    match (column.points.first(), column.points.last()) {
        (Some(low), Some(high)) => format!(
            "{:.0} W: {:.1} to {:.1} °C, down {:.1} and up {:.1} K/min at least",
            column.heat_w,
            low.held_degc,
            high.held_degc,
            slowest(|p| p.cooling_k_min),
            slowest(|p| p.warming_k_min)
        ),
        _ => format!("{:.0} W: nothing held", column.heat_w),
    }
}

fn duties(facts: &Facts) -> &'static [f64] {
    match (facts.coupled, facts.quick) {
        // What does not reach the plate is no axis of the map.
        (false, _) => &DUTIES[..1],
        (true, true) => DUTIES_QUICK,
        (true, false) => DUTIES,
    }
}

/// Setpoints of the grid, the hottest first: what heats is never far, so that the way begins where the rig is strong.
fn grid(facts: &Facts) -> VecDeque<f64> {
    let count = if facts.quick { TEMPERATURES_QUICK } else { TEMPERATURES };
    let (min, max) = (facts.limits.min(), facts.limits.max());
    (0..count).map(|k| max - (max - min) * k as f64 / (count - 1) as f64).collect()
}

fn heat_words(facts: &Facts, duty: f64) -> String {
    format!("{:.0} W", facts.idle_w + duty * (facts.full_w - facts.idle_w))
}

fn column(facts: &Facts, duty: f64, held: &[Point], down: &[Vec<(f64, f64)>], up: &[(f64, f64)]) -> Column {
    let boards: Vec<f64> = held.iter().filter_map(|p| p.board_w).collect();
    let nominal = facts.idle_w + duty * (facts.full_w - facts.idle_w);
    let heat_w = if boards.is_empty() { nominal } else { boards.iter().sum::<f64>() / boards.len() as f64 };
    let mut sorted: Vec<&Point> = held.iter().collect();
    sorted.sort_by(|a, b| a.target_degc.unwrap_or(0.0).total_cmp(&b.target_degc.unwrap_or(0.0)));
    let targets: Vec<f64> = sorted.iter().filter_map(|p| p.target_degc).collect();
    // One rate a gap between neighbours; a point has the slower of its two.
    let gaps: Vec<(f64, f64)> = targets
        .windows(2)
        .map(|pair| {
            let (low, high) = (pair[0], pair[1]);
            let cooling = down.iter().filter_map(|track| speed(track, high, low)).fold(0.0, f64::max);
            let warming = speed(up, low, high).unwrap_or(0.0);
            (cooling.min(facts.rate_k_min), warming.min(facts.rate_k_min))
        })
        .collect();
    let points = sorted
        .iter()
        .enumerate()
        .map(|(k, p)| {
            let beside = [k.checked_sub(1).and_then(|k| gaps.get(k)), gaps.get(k)];
            let slowest = |of: fn(&(f64, f64)) -> f64| {
                let least = beside.into_iter().flatten().map(of).fold(f64::INFINITY, f64::min);
                if least.is_finite() { least } else { 0.0 }
            };
            Held {
                held_degc: targets[k],
                cooling_k_min: slowest(|g| g.0),
                warming_k_min: slowest(|g| g.1),
                sink_degc: p.sink_degc.unwrap_or(f64::NAN),
                tec_a: p.tec_a.unwrap_or(f64::NAN),
                tec_w: p.tec_w.unwrap_or(f64::NAN),
            }
        })
        .collect();
    Column { heat_w, points }
}

/// Mean speed on the way from one temperature to another, K/min, its ends left out; `None` if the track does not go all the way.
fn speed(track: &[(f64, f64)], from: f64, to: f64) -> Option<f64> {
    let way = to - from;
    let (enter, leave) = (from + ENDS_FRAC * way, to - ENDS_FRAC * way);
    let beyond = |held: f64, mark: f64| (held - mark) * way.signum() >= 0.0;
    // It must come from this side: a track that begins beyond says nothing of the way.
    let start = track.iter().position(|(_, held)| !beyond(*held, enter))?;
    let (t0, a) = *track[start..].iter().find(|(_, held)| beyond(*held, enter))?;
    let (t1, b) = *track[start..].iter().find(|(_, held)| beyond(*held, leave))?;
    (t1 > t0).then(|| (b - a).abs() / (t1 - t0) * 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_that_of_the_middle_of_the_way() {
        // A slow start, 6 K/min in the middle, a slow landing.
        let track: Vec<(f64, f64)> = (0..400)
            .map(|s| {
                let t = f64::from(s);
                (t, 40.0 - 20.0 * ((t - 50.0) / 200.0).clamp(0.0, 1.0))
            })
            .collect();
        let found = speed(&track, 40.0, 20.0).expect("it goes all the way");
        assert!((found - 6.0).abs() < 0.05, "{found}");
        assert_eq!(speed(&track, 40.0, 10.0), None, "it never got there");
        assert_eq!(speed(&track, 20.0, 40.0), None, "nor the other way");
        let inner = speed(&track, 35.0, 25.0).expect("a part of it");
        assert!((inner - 6.0).abs() < 0.1, "{inner}");
    }
}
