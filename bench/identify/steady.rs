//! The loss conductance from steady states alone: what goes into the plate less what the Peltier bank takes off it, against plate above
//! room. Heater substitution as thermal engineers do it; here a cross-check of the fit, which uses the same logs in another way.

use crate::log::{Channel, Log, Sample};
use signal::Celsius;
use twin::Plant;

/// Length of a window, s, and most that plate, sink and die may move in it, K: over five minutes a plate of 400 J/K then holds back less
/// than 0.1 W.
const WINDOW_S: f64 = 300.0;
const STILL_K: [f64; 2] = [0.05, 0.1];
/// Fewest steady states that make a line.
const FEWEST: usize = 5;
/// States whose plates are closer than this are one state, K; the line wants as much between its ends at least five times.
const APART_K: f64 = 1.0;

/// One steady state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State {
    /// Plate above room, K.
    pub above_k: f64,
    /// Heat that goes into the plate and not into the bank, W.
    pub lost_w: f64,
}

/// `UA_loss` by steady states.
#[derive(Clone, Debug, PartialEq)]
pub struct Steady {
    /// Loss conductance, W/K.
    pub loss_w_k: f64,
    /// Its standard uncertainty from the scatter about the line, W/K; the bank's own is not in it.
    pub sigma_w_k: f64,
    /// Heat lost with the plate at room temperature, W: what is wrong with power meter or bank shows here.
    pub intercept_w: f64,
    /// The states.
    pub states: Vec<State>,
}

/// Steady states of `logs`, with `plant`'s bank, capture and offsets (of plate and sink).
pub fn states(plant: &Plant, offsets: [f64; 2], coupled: bool, logs: &[Log]) -> Vec<State> {
    let mut found = Vec::new();
    for log in logs {
        let coupled = log.coupled.unwrap_or(coupled);
        for rows in log.stretches(coupled) {
            let mut from = 0;
            while from < rows.len() {
                let to = from + rows[from..].partition_point(|r| r.t_s - rows[from].t_s < WINDOW_S);
                if to == rows.len() {
                    break;
                }
                match state(plant, offsets, coupled, &rows[from..to]) {
                    Some(state) => {
                        found.push(state);
                        from = to;
                    }
                    // A tenth of a window on.
                    None => from += ((to - from) / 10).max(1),
                }
            }
        }
    }
    found
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(s, n), v| (s + v, n + 1));
    (count > 0).then(|| sum / f64::from(count))
}

fn state(plant: &Plant, offsets: [f64; 2], coupled: bool, rows: &[Sample]) -> Option<State> {
    let third = rows.len() / 3;
    let part = |rows: &[Sample], c: usize| mean(rows.iter().filter_map(|r| r.read[c]));
    // Still at both ends alike; in between a controller may ripple.
    for (c, still) in STILL_K.into_iter().enumerate() {
        let (early, late) = (part(&rows[..third], c)?, part(&rows[2 * third..], c)?);
        if (late - early).abs() > still {
            return None;
        }
    }
    let power = |rows: &[Sample]| mean(rows.iter().filter_map(|r| r.board_w)).unwrap_or(0.0);
    if coupled && (power(&rows[..third]) - power(&rows[2 * third..])).abs() * plant.die_plate_k_w > 5.0 * STILL_K[1] {
        return None;
    }
    let plate = part(rows, Channel::Plate as usize)? - offsets[0];
    let sink = part(rows, Channel::Sink as usize)? - offsets[1];
    let room = mean(rows.iter().filter_map(|r| r.ambient_degc)).unwrap_or(plant.room.0);
    // The mean over what flowed, not what flows at the mean: Joule heat goes by the square.
    let pumped = mean(rows.iter().filter_map(|r| r.amps).map(|a| plant.bank.cooling(a, Celsius(plate).into(), Celsius(sink).into()).0))?;
    let board = if coupled { plant.capture_frac * power(rows) } else { 0.0 };
    let heater = mean(rows.iter().map(|r| r.heater_w))?;
    Some(State { above_k: plate - room, lost_w: board + heater - pumped })
}

/// The line through the states. `Err` says why there is none.
pub fn line(states: Vec<State>) -> Result<Steady, String> {
    let mut levels: Vec<f64> = states.iter().map(|s| s.above_k).collect();
    levels.sort_by(f64::total_cmp);
    levels.dedup_by(|a, b| *a - *b < APART_K);
    if levels.len() < FEWEST {
        return Err(format!(
            "{} steady states of {:.0} min at plate temperatures a kelvin apart: heater substitution takes {FEWEST} or more",
            levels.len(),
            WINDOW_S / 60.0
        ));
    }
    let n = states.len() as f64;
    let x = mean(states.iter().map(|s| s.above_k)).unwrap_or(0.0);
    let y = mean(states.iter().map(|s| s.lost_w)).unwrap_or(0.0);
    let spread: f64 = states.iter().map(|s| (s.above_k - x).powi(2)).sum();
    let slope = states.iter().map(|s| (s.above_k - x) * (s.lost_w - y)).sum::<f64>() / spread;
    let scatter: f64 = states.iter().map(|s| (s.lost_w - y - slope * (s.above_k - x)).powi(2)).sum::<f64>() / (n - 2.0);
    Ok(Steady { loss_w_k: slope, sigma_w_k: (scatter / spread).sqrt(), intercept_w: y - slope * x, states })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slope, its standard error and the intercept by `scipy.stats.linregress`.
    #[test]
    fn the_line_is_that_of_scipy() {
        let points = [(-8.0, -3.1), (-3.0, -1.3), (2.0, 0.9), (7.0, 2.6), (14.0, 5.9), (21.0, 8.2)];
        let found = line(points.map(|(above_k, lost_w)| State { above_k, lost_w }).to_vec()).expect("six levels");
        let known = [0.397_076_526_225_279_5, 0.009_156_847_058_787_066, 0.016_079_105_760_962_61];
        for (found, known) in [found.loss_w_k, found.sigma_w_k, found.intercept_w].into_iter().zip(known) {
            assert!((found / known - 1.0).abs() < 1e-9, "{found} instead of {known}");
        }
    }

    #[test]
    fn too_few_levels_are_no_line() {
        let same = vec![State { above_k: 5.0, lost_w: 2.0 }; 9];
        assert!(line(same).expect_err("one level").starts_with("1 steady states"));
    }
}
