//! The fit of a bench to its logs: nonlinear least squares on residuals that are made white, the belief's own uncertainty in the
//! balance, and what all that determines. It goes in rounds: fit, learn from what is left how random everything is, fit again with
//! the filter of that.

use crate::least_squares::{self, Solution, Stop};
use crate::linear::Square;
use crate::log::{Channel, Log, unchanged_s};
use crate::parameter::Key;
use crate::problem::Identification;
use std::collections::BTreeMap;
use thiserror::Error;
use twin::Plant;

pub use crate::problem::Belief;

/// Rounds of learning the noise.
const ROUNDS: usize = 2;
/// Of each fit, when to stop.
const FIRST: Stop = Stop { gain: 1e-7, jacobians: 60, damping: 1e-4 };
const LATER: Stop = Stop { damping: 1e-8, ..FIRST };
/// What is left of a channel when the lumped model fits as well as such a model can: K, K, K, V (assumed: a tenth of the gates of `compare`
/// and more). Twice that, and the model is not this bench's.
const TOLERANCE: [f64; 4] = [0.5, 0.75, 1.0, 0.25];
/// Ratio of the uncertainty after to that before, below which the log is what decides.
const BY_LOG: f64 = 0.5;
/// And above which it says nothing.
const BY_BELIEF: f64 = 0.9;
/// A parameter so many standard uncertainties of its belief away from it is worth a word.
const FAR: f64 = 2.0;
/// A plate cannot take up more than all of a board's heat; board meters are good to 5 % (see `rapl` and `nvml` in `accelerator`). Beyond
/// both, and three standard uncertainties more, heat comes from where no log says.
const CAPTURE_MOST: f64 = 1.05;
/// Correlations worth telling.
const TIED: f64 = 0.95;

/// What to fit.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Kept at the belief.
    pub fix: Vec<Key>,
    /// Fitted without leaning on the belief.
    pub free: Vec<Key>,
}

/// Why there is no fit.
#[derive(Debug, Error)]
pub enum FitError {
    /// No stretch of any log can be used.
    #[error("no stretch of a minute in which every input is known: {0}")]
    NothingToFit(String),
    /// The logs say nothing about the bench.
    #[error(
        "the logs determine nothing: every parameter would stay within a tenth of what is believed. Nothing moved in them? A log needs steps of heat and of setpoint ({0})"
    )]
    NothingDetermined(String),
    /// Parameters were set free that no log sees.
    #[error("nothing in the logs tells {0}: leave the belief in, or fix it")]
    Undetermined(String),
    /// The model does not fit from the start.
    #[error("the believed plant gives no finite temperatures on these logs; check [plant] and the logs' currents and powers")]
    NotFinite,
}

/// What a parameter's value rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rests {
    /// On the logs, and this channel of them above all.
    Log(Channel),
    /// On both.
    Both(Channel),
    /// On the belief: the logs hardly see it.
    Belief,
    /// On what was read of the air.
    Ambient,
    /// It was fixed.
    Fixed,
}

impl std::fmt::Display for Rests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Log(channel) => write!(f, "log ({})", channel.word()),
            Self::Both(channel) => write!(f, "log ({}) and belief", channel.word()),
            Self::Belief => f.write_str("belief"),
            Self::Ambient => f.write_str("ambient"),
            Self::Fixed => f.write_str("fixed"),
        }
    }
}

/// One parameter, fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fitted {
    /// Which.
    pub key: Key,
    /// What was believed.
    pub believed: f64,
    /// What is found.
    pub value: f64,
    /// Standard uncertainty, in the parameter's unit.
    pub sigma: f64,
    /// What that rests on.
    pub rests: Rests,
}

/// What is left of a channel.
#[derive(Clone, Debug)]
pub struct Left {
    /// Which.
    pub channel: Channel,
    /// Values read.
    pub count: usize,
    /// Root mean square of read less modelled, K or V.
    pub rms: f64,
    /// So many independent values are they worth.
    pub effective: f64,
    /// Time and residual of each, by log: what the plot shows.
    pub series: Vec<Vec<(f64, f64)>>,
}

/// A fit.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Every parameter, in the order of [`Key::ALL`].
    pub parameters: Vec<Fitted>,
    /// Covariance in the same order and the parameters' units; rows of fixed ones are zero.
    pub covariance: Square,
    /// The plant with them.
    pub plant: Plant,
    /// What is left, by channel.
    pub left: Vec<Left>,
    /// Condition number of what the logs alone know, in units of the belief's uncertainties: how much better they know the best
    /// combination of parameters than the worst, squared.
    pub condition: f64,
    /// Mean square of what is left over what a lumped model may leave: above 4 it is not this bench's model.
    pub chi_square: f64,
    /// The last round found its minimum.
    pub converged: bool,
    /// Jacobians in all.
    pub jacobians: usize,
    /// Smallest and largest value seen of each input and reading.
    pub seen: BTreeMap<&'static str, (f64, f64)>,
    /// What whoever uses this should know.
    pub warnings: Vec<String>,
}

impl Fit {
    /// The parameter.
    pub fn get(&self, key: Key) -> &Fitted {
        &self.parameters[key as usize]
    }

    /// Why this fit must not be used, if so.
    pub fn refused(&self) -> Option<String> {
        if !self.converged {
            return Some(format!("the fit did not converge in {} steps; fix what the logs do not tell (--fix)", self.jacobians));
        }
        if self.chi_square > 4.0 {
            let worst: Vec<String> = self.left.iter().map(|l| format!("{} {:.2} {}", l.channel.word(), l.rms, l.channel.unit())).collect();
            return Some(format!(
                "reduced chi-square {:.1} against what such a model may leave: the plant's equations do not describe these logs (left over: {}); is every heat source in them, is the wiring right?",
                self.chi_square,
                worst.join(", ")
            ));
        }
        let capture = self.get(Key::Capture);
        if capture.value - 3.0 * capture.sigma > CAPTURE_MOST {
            return Some(format!(
                "the plate would take up {:.3} +- {:.3} of the measured board power, more than all of it and a meter's 5 %: is every heat source in the logs, and the sign of every current right?",
                capture.value, capture.sigma
            ));
        }
        None
    }
}

/// Fits the bench to `logs`.
pub fn fit(belief: &Belief, logs: &[Log], choice: &Choice) -> Result<Fit, FitError> {
    let all_ambient = logs.iter().all(|l| l.samples.iter().any(|s| s.ambient_degc.is_some()));
    // Where the air is read everywhere, the room is no unknown; nor what currents do on a ramp where there is none.
    let still = logs.iter().all(|l| l.samples.iter().all(|s| s.moved_k == 0.0));
    let nothing = |k: Key| (k == Key::Room && all_ambient) || (k == Key::RampCurrent && still);
    let wanted = |k: &Key| !(choice.fix.contains(k) || nothing(*k));
    let keys: Vec<Key> = Key::ALL.into_iter().filter(wanted).collect();
    let mut problem = Identification::new(belief, logs, keys, &choice.free);
    if problem.stretches.is_empty() {
        let names: Vec<&str> = logs.iter().map(|l| l.name.as_str()).collect();
        return Err(FitError::NothingToFit(format!("{}; TEC current and board power must be there", names.join(", "))));
    }
    let mut x = vec![0.0; problem.keys.len()];
    let mut jacobians = 0;
    let mut round = 0;
    let solution = loop {
        let found = least_squares::fit(&problem, &x, if round == 0 { FIRST } else { LATER }).ok_or(FitError::NotFinite)?;
        // Where the setpoint moves, currents move for no other reason than it and the sensor's noise, and the noise counts.
        let settled = if still { None } else { least_squares::settle(&problem, &found.x, FIRST) };
        let found = settled.map_or_else(
            // What nothing tells is found out at the end, by name.
            || found.clone(),
            |s| Solution { converged: s.converged && found.converged, jacobians: found.jacobians + s.jacobians, ..s },
        );
        jacobians += found.jacobians;
        x.clone_from(&found.x);
        if round == ROUNDS {
            break found;
        }
        problem.learn(&x);
        round += 1;
    };
    finish(&problem, logs, choice, &solution, jacobians)
}

fn finish(problem: &Identification<'_>, logs: &[Log], choice: &Choice, solution: &Solution, jacobians: usize) -> Result<Fit, FitError> {
    let keys = &problem.keys;
    let Some(all) = solution.information.inverse() else {
        let blind: Vec<&str> =
            keys.iter().enumerate().filter(|(i, _)| solution.information.get(*i, *i) <= 0.0).map(|(_, k)| k.name()).collect();
        let free: Vec<&str> = choice.free.iter().map(|k| k.name()).collect();
        return Err(FitError::Undetermined(if blind.is_empty() { free.join(", ") } else { blind.join(", ") }));
    };
    let decisive = decisive_channels(problem, solution);
    let beyond = |key: Key| match key {
        Key::Plate => stored(problem, &solution.x),
        Key::Die => coarse(problem, &solution.x, logs),
        _ => timing(key, logs),
    };
    let mut parameters = Vec::new();
    // Of each parameter, its unknown and what it changes by with that.
    let mut places: Vec<Option<(usize, f64)>> = Vec::new();
    for key in Key::ALL {
        let believed = key.of(&problem.belief.plant);
        let Some(at) = keys.iter().position(|k| *k == key) else {
            let (value, sigma, rests) = fixed(problem, choice, key, believed);
            parameters.push(Fitted { key, believed, value, sigma, rests });
            places.push(None);
            continue;
        };
        let value = problem.value(key, solution.x[at]);
        let factor = if key.is_positive() { value } else { 1.0 };
        let sigma = (all.get(at, at) * factor * factor + beyond(key)).sqrt();
        let ratio = all.get(at, at).sqrt() / problem.trust[at].unwrap_or(f64::INFINITY);
        parameters.push(Fitted { key, believed, value, sigma, rests: rests(ratio, decisive[at]) });
        places.push(Some((at, factor)));
    }
    let told = |f: &Fitted| matches!(f.rests, Rests::Log(_) | Rests::Both(_)) && f.key != Key::Room;
    if !parameters.iter().any(told) {
        let names: Vec<String> = logs.iter().map(|l| format!("{}: {:.0} min", l.name, l.span_s() / 60.0)).collect();
        return Err(FitError::NothingDetermined(names.join(", ")));
    }
    let mut covariance = Square::zero(parameters.len());
    for (i, left) in places.iter().enumerate() {
        for (j, right) in places.iter().enumerate() {
            let own = if i == j { beyond(parameters[i].key) } else { 0.0 };
            if let (Some((a, f)), Some((b, g))) = (left, right) {
                covariance.set(i, j, f * g * all.get(*a, *b) + own);
            } else if i == j {
                covariance.set(i, i, parameters[i].sigma.powi(2));
            }
        }
    }
    let mut plant = problem.belief.plant.clone();
    for fitted in &parameters {
        fitted.key.put(&mut plant, fitted.value);
    }
    let left = left(problem, &solution.x, logs.len());
    let (mut square, mut count) = (0.0, 0_usize);
    for l in &left {
        square += (l.rms / TOLERANCE[l.channel as usize]).powi(2) * l.count as f64;
        count += l.count;
    }
    let mut fit = Fit {
        condition: condition(problem, &solution.information),
        parameters,
        covariance,
        plant,
        left,
        chi_square: square / count.max(1) as f64,
        converged: solution.converged,
        jacobians,
        seen: seen(problem),
        warnings: Vec::new(),
    };
    fit.warnings = warnings(problem, &fit);
    Ok(fit)
}

/// The currents between rows go with the setpoint's speed to within this part: in rehearsals the ratio is -19.2 A s/K on slow ramps, -20.6 on
/// faster ones, -19.7 at the rate limit.
const RAMP_SAME_FRAC: f64 = 0.05;

/// Variance of a plate's heat capacity that no fit can take away, (J/K)²: on a ramp, heat that is stored and heat that a current no row shows
/// pumps are the same thing, so that the one is known no better than the other.
fn stored(problem: &Identification<'_>, x: &[f64]) -> f64 {
    let Some(at) = problem.keys.iter().position(|k| *k == Key::RampCurrent) else { return 0.0 };
    let bank = &problem.belief.plant.bank;
    // Pumped heat by current, at small currents: Seebeck coefficient times absolute temperature.
    let w_per_a = bank.module.seebeck_v_k * f64::from(bank.series) * signal::Kelvin::from(problem.belief.plant.room).0;
    (RAMP_SAME_FRAC * x[at] * w_per_a).powi(2)
}

/// A die whose sensor shows whole steps, in a log whose setpoint is always under way: over twenty benches drawn by seed its heat capacity comes out 6 % low, with a scatter of 2 %
/// that the fit knows of. With noise and no rounding it comes out within 0.7 %, with rounding and no noise within 1.3 %: what is left is of both. (By the smallest sum of squares it was 10 % low
/// and the plate 20 % high, since the current of a row answers the noise of its own sensor: see [`least_squares::settle`].)
const COARSE_DIE_FRAC: f64 = 0.06;

/// Variance of a die's heat capacity that no fit can take away, (J/K)².
fn coarse(problem: &Identification<'_>, x: &[f64], logs: &[Log]) -> f64 {
    let ramps = problem.keys.contains(&Key::RampCurrent);
    let whole_steps = || logs.iter().any(|log| unchanged_s(&log.samples, Channel::Die).is_some());
    let Some(at) = problem.keys.iter().position(|k| *k == Key::Die).filter(|_| ramps && whole_steps()) else { return 0.0 };
    (COARSE_DIE_FRAC * problem.value(Key::Die, x[at])).powi(2)
}

/// Variance of a delay that no fit can take away, s²: when in its row a reading was taken nobody wrote down, and the currents that move the
/// plate between rows were not either. Any moment of the row with equal chance.
fn timing(key: Key, logs: &[Log]) -> f64 {
    let step_s = logs.iter().map(Log::step_s).fold(0.0, f64::max);
    if matches!(key, Key::PlateDelay | Key::DieDelay) { step_s * step_s / 12.0 } else { 0.0 }
}

const fn rests(ratio: f64, channel: Channel) -> Rests {
    if ratio < BY_LOG {
        Rests::Log(channel)
    } else if ratio < BY_BELIEF {
        Rests::Both(channel)
    } else {
        Rests::Belief
    }
}

/// A parameter that is not fitted: the room where it was read, what no log ever moved, else the belief, which was told to be right.
fn fixed(problem: &Identification<'_>, choice: &Choice, key: Key, believed: f64) -> (f64, f64, Rests) {
    let air: Vec<f64> = problem.stretches.iter().flat_map(|s| s.rows.iter().filter_map(|r| r.ambient_degc)).collect();
    if key == Key::Room && !choice.fix.contains(&key) && !air.is_empty() {
        return (air.iter().sum::<f64>() / air.len() as f64, crate::problem::AMBIENT_SENSOR_K, Rests::Ambient);
    }
    if key == Key::RampCurrent && !choice.fix.contains(&key) {
        return (believed, key.trust(&problem.belief.spreads), Rests::Belief);
    }
    (believed, 0.0, Rests::Fixed)
}

/// The channel that holds most information on each unknown.
fn decisive_channels(problem: &Identification<'_>, solution: &Solution) -> Vec<Channel> {
    let channels: Vec<usize> = problem.filters.iter().flat_map(super::filter::Filter::channels).collect();
    let decisive = |column: &Vec<f64>| {
        let mut held = [0.0; 4];
        for (channel, slope) in channels.iter().zip(column) {
            held[*channel] += slope * slope;
        }
        Channel::ALL.into_iter().max_by(|a, b| held[*a as usize].total_cmp(&held[*b as usize])).unwrap_or(Channel::Plate)
    };
    solution.jacobian.iter().map(decisive).collect()
}

/// Condition number of what the logs alone know of the parameters, in units of the belief's uncertainties.
fn condition(problem: &Identification<'_>, information: &Square) -> f64 {
    let unit: Vec<f64> = problem.keys.iter().map(|k| 1.0 / k.trust(&problem.belief.spreads)).collect();
    let mut alone = information.clone();
    for (i, trust) in problem.trust.iter().enumerate() {
        alone.add(i, i, -trust.map_or(0.0, |sigma| sigma.powi(-2)));
    }
    let values = alone.scaled(&unit).eigenvalues();
    match (values.first(), values.last()) {
        (Some(low), Some(high)) if *low > 0.0 => high / low,
        _ => f64::INFINITY,
    }
}

fn left(problem: &Identification<'_>, x: &[f64], logs: usize) -> Vec<Left> {
    let expected: Vec<_> = (0..problem.stretches.len()).map(|n| problem.expected(x, n)).collect();
    let mut out = Vec::new();
    for channel in Channel::ALL {
        let c = channel as usize;
        let mut series = vec![Vec::new(); logs];
        for (stretch, model) in problem.stretches.iter().zip(&expected) {
            let read = stretch.rows.iter().zip(model).filter_map(|(row, model)| Some((row.t_s, row.read[c]? - model[c])));
            series[stretch.log].extend(read);
        }
        let values: Vec<f64> = series.iter().flatten().map(|p| p.1).collect();
        if values.is_empty() {
            continue;
        }
        let rms = (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt();
        out.push(Left { channel, count: values.len(), rms, effective: effective(&series), series });
    }
    out
}

/// So many independent values would make as good a mean: their number over one plus twice the sum of autocorrelations, summed while
/// neighbouring pairs stay positive (Geyer, Statistical Science 7, 1992).
fn effective(series: &[Vec<(f64, f64)>]) -> f64 {
    let count: usize = series.iter().map(Vec::len).sum();
    let at = |lag: usize| -> f64 {
        let one = |s: &Vec<(f64, f64)>| s.iter().zip(s.iter().skip(lag)).map(|(a, b)| a.1 * b.1).sum::<f64>();
        series.iter().map(one).sum::<f64>() / count as f64
    };
    let variance = at(0);
    let mut sum = 1.0;
    let mut lag = 1;
    while variance > 0.0 && lag < count / 3 {
        let pair = (at(lag) + at(lag + 1)) / variance;
        if pair <= 0.0 {
            break;
        }
        sum += 2.0 * pair;
        lag += 2;
    }
    count as f64 / sum
}

fn seen(problem: &Identification<'_>) -> BTreeMap<&'static str, (f64, f64)> {
    let mut seen = BTreeMap::new();
    let mut widen = |key: &'static str, value: Option<f64>| {
        if let Some(v) = value {
            let range = seen.entry(key).or_insert((v, v));
            range.0 = f64::min(range.0, v);
            range.1 = f64::max(range.1, v);
        }
    };
    for stretch in &problem.stretches {
        for row in stretch.rows {
            widen("plate_degc", row.read[Channel::Plate as usize]);
            widen("sink_degc", row.read[Channel::Sink as usize]);
            widen("die_degc", row.read[Channel::Die as usize]);
            widen("tec_a", row.amps);
            if stretch.coupled {
                widen("power_w", row.board_w);
            }
        }
    }
    seen
}

fn warnings(problem: &Identification<'_>, fit: &Fit) -> Vec<String> {
    let mut warnings = Vec::new();
    for f in &fit.parameters {
        let trust = f.key.trust(&problem.belief.spreads);
        let away = if f.key.is_positive() { (f.value / f.believed).ln() / trust } else { (f.value - f.believed) / trust };
        if matches!(f.rests, Rests::Log(_) | Rests::Both(_)) && away.abs() > FAR {
            warnings.push(format!(
                "{} is {:.1} standard uncertainties of the belief away from it ({:.4} against {:.4} {}): look at the bench before believing either",
                f.key.name(),
                away.abs(),
                f.value,
                f.believed,
                f.key.unit()
            ));
        }
    }
    let tec = [Key::Seebeck, Key::Resistance, Key::Conductance].map(|k| fit.get(k));
    if tec.iter().any(|f| f.rests == Rests::Belief) {
        warnings.push("part of the Peltier bank stays as its datasheet has it: a 15 % instrument".to_owned());
    }
    let correlation = fit.covariance.correlation();
    for i in 0..fit.parameters.len() {
        for j in 0..i {
            let r = correlation.get(i, j);
            if r.abs() > TIED && fit.parameters[i].sigma > 0.0 && fit.parameters[j].sigma > 0.0 {
                let (a, b) = (fit.parameters[j].key.name(), fit.parameters[i].key.name());
                warnings.push(format!("{a} and {b} are hardly told apart (correlation {r:.3}): use them together, never one alone"));
            }
        }
    }
    warnings
}

#[cfg(test)]
mod tests;
