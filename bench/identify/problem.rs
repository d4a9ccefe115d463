//! The residuals of logs under a candidate, as a least-squares problem: which unknown is which, how it is stepped, and the belief that
//! pulls on it. Everything random, first temperatures and the room's wandering included, is the filter's.

use crate::candidate::{Candidate, Response, readings, responses, simulate};
use crate::filter::{Course, Filter, Noise, Wander};
use crate::least_squares::Problem;
use crate::linear::Square;
use crate::log::{Channel, Log, Sample, jolts, unchanged_s};
use crate::parameter::Key;
use std::f64::consts::{PI, TAU};
use twin::{Plant, Spreads};

/// Swing of a room that says nothing of itself, K.
const ROOM_SWING_K: f64 = 0.5;
/// The same of the difference between an air sensor at the bench and the room that the bench feels, and its offset, K.
const AMBIENT_SWING_K: f64 = 0.1;
pub(crate) const AMBIENT_SENSOR_K: f64 = 0.5;
/// Time over which swing and wandering are made to agree, s.
const WANDER_S: f64 = 1800.0;
/// Rows are taken together over this time at most, s.
const LONGEST_GROUP_S: f64 = 10.0;

/// What is believed before any log is looked at.
#[derive(Clone, Debug)]
pub struct Belief {
    /// The plant of the rig file.
    pub plant: Plant,
    /// Declared uncertainties of the rig file.
    pub spreads: Spreads,
    /// The board sits on the plate, unless a log says otherwise.
    pub coupled: bool,
}

/// A stretch of one log with what is needed of it.
pub(crate) struct Stretch<'l> {
    pub(crate) log: usize,
    pub(crate) rows: &'l [Sample],
    pub(crate) coupled: bool,
    read: Vec<[bool; 4]>,
    steps_s: Vec<f64>,
    jolts: Vec<(usize, f64)>,
    speeds_k_s: Vec<f64>,
    /// First row of each group, and the end.
    groups: Vec<usize>,
    /// The row in the middle of each.
    middles: Vec<usize>,
    /// For how long the die's reading stays the same, by group.
    unchanged_s: Option<Vec<f64>>,
    room: Wander,
    /// The same rows with currents as they are on the mean around each ([`calm`]).
    calm: Vec<Sample>,
}

impl<'l> Stretch<'l> {
    fn new(log: usize, rows: &'l [Sample], coupled: bool, belief: &Belief, logs: usize) -> Self {
        // A quarter of the fastest time constant: slower than a controller's answers from reading to reading, which are not resolved,
        // faster than anything that is.
        let group_s = (belief.plant.die_j_k * belief.plant.die_plate_k_w / 4.0).clamp(0.0, LONGEST_GROUP_S);
        let mut groups = vec![0];
        for (k, row) in rows.iter().enumerate() {
            if row.t_s - rows[groups[groups.len() - 1]].t_s >= group_s - 1e-9 && k > 0 {
                groups.push(k);
            }
        }
        groups.push(rows.len());
        let middles: Vec<usize> = groups.windows(2).map(|g| usize::midpoint(g[0], g[1] - 1)).collect();
        let read = |g: &[usize]| std::array::from_fn(|c| 2 * rows[g[0]..g[1]].iter().filter(|r| r.read[c].is_some()).count() > g[1] - g[0]);
        // A jolt in a long step is a small one.
        let grouped = |(row, sigma): (usize, f64)| {
            let step = middles.partition_point(|m| *m < row);
            let (from, to) = (middles.get(step.wrapping_sub(1))?, middles.get(step)?);
            Some((step, sigma / (to - from) as f64))
        };
        Self {
            log,
            rows,
            coupled,
            read: groups.windows(2).map(read).collect(),
            steps_s: middles.windows(2).map(|m| rows[m[1]].t_s - rows[m[0]].t_s).collect(),
            jolts: jolts(rows).into_iter().filter_map(grouped).collect(),
            speeds_k_s: middles.windows(2).map(|m| speed_k_s(&rows[m[0]..=m[1]])).collect(),
            unchanged_s: unchanged_s(rows, Channel::Die).map(|same| middles.iter().map(|m| same[*m]).collect()),
            room: wander(rows, belief, logs),
            calm: calm(rows),
            groups,
            middles,
        }
    }

    /// Means over the groups of what is read less `model`; 0 where too little was read.
    fn means(&self, model: &[[f64; 4]]) -> Vec<[f64; 4]> {
        let mean = |g: &[usize], c: usize| {
            let (mut sum, mut count) = (0.0, 0_u32);
            for (row, model) in self.rows[g[0]..g[1]].iter().zip(&model[g[0]..g[1]]) {
                if let Some(read) = row.read[c] {
                    sum += read - model[c];
                    count += 1;
                }
            }
            sum / f64::from(count)
        };
        let whole = self.groups.windows(2).zip(&self.read);
        whole.map(|(g, read)| std::array::from_fn(|c| if read[c] { mean(g, c) } else { 0.0 })).collect()
    }
}

/// Root mean square speed of the setpoint from the first of `rows` to the last, K/s.
fn speed_k_s(rows: &[Sample]) -> f64 {
    let square = |pair: &[Sample]| (pair[1].moved_k / (pair[1].t_s - pair[0].t_s)).powi(2);
    (rows.windows(2).map(square).sum::<f64>() / (rows.len().max(2) - 1) as f64).sqrt()
}

/// The course of a stretch under one candidate, for making filters of.
struct Seen {
    responses: Vec<Response>,
    volts_k: f64,
}

/// The whole problem.
pub(crate) struct Identification<'l> {
    pub(crate) belief: &'l Belief,
    pub(crate) keys: Vec<Key>,
    /// Standard deviation of each unknown by belief alone; none where it is free.
    pub(crate) trust: Vec<Option<f64>>,
    pub(crate) stretches: Vec<Stretch<'l>>,
    seen: Vec<Seen>,
    pub(crate) filters: Vec<Filter>,
    pub(crate) noise: Noise,
}

impl<'l> Identification<'l> {
    /// `keys` are fitted; those in `free` without leaning on the belief. The filters are those of the belief, for a start.
    pub(crate) fn new(belief: &'l Belief, logs: &'l [Log], keys: Vec<Key>, free: &[Key]) -> Self {
        let trust = keys.iter().map(|k| (!free.contains(k)).then(|| k.trust(&belief.spreads))).collect();
        let mut stretches = Vec::new();
        for (log, l) in logs.iter().enumerate() {
            let coupled = l.coupled.unwrap_or(belief.coupled);
            for rows in l.stretches(coupled) {
                stretches.push(Stretch::new(log, rows, coupled, belief, logs.len()));
            }
        }
        let mut problem = Self { belief, keys, trust, stretches, seen: Vec::new(), filters: Vec::new(), noise: Noise::START };
        let start = vec![0.0; problem.keys.len()];
        problem.look(&start);
        problem.filter();
        problem
    }

    /// The value of a parameter, given its unknown: an unknown of 0 is the belief.
    pub(crate) fn value(&self, key: Key, unknown: f64) -> f64 {
        let believed = key.of(&self.belief.plant);
        if key.is_positive() { believed * unknown.exp() } else { believed + unknown }
    }

    /// The candidate that `x` stands for, on the bench of `stretch`.
    fn candidate(&self, x: &[f64], stretch: &Stretch<'_>) -> Candidate {
        let mut candidate = Candidate::believed(&self.belief.plant, stretch.coupled);
        for (key, unknown) in self.keys.iter().zip(x) {
            candidate.put(*key, self.value(*key, *unknown));
        }
        candidate
    }

    /// Temperatures of a stretch as `candidate` has them, from those first read.
    fn truth(&self, candidate: &Candidate, stretch: &Stretch<'_>, inputs: &[Sample]) -> Vec<[f64; 3]> {
        let first = |channel: Channel| stretch.rows.iter().find_map(|r| r.read[channel as usize]);
        let plate = first(Channel::Plate).unwrap_or(self.belief.plant.room.0);
        let board = stretch.rows.iter().find_map(|r| r.board_w).filter(|_| stretch.coupled).unwrap_or(0.0);
        let die = first(Channel::Die).unwrap_or(plate + board * self.belief.plant.die_plate_k_w);
        let sink = first(Channel::Sink).unwrap_or(plate);
        let offsets = candidate.offsets;
        simulate(candidate, inputs, [plate - offsets[0], sink - offsets[1], die - offsets[2]])
    }

    /// What every row of stretch `n` should read.
    pub(crate) fn expected(&self, x: &[f64], n: usize) -> Vec<[f64; 4]> {
        self.driven(x, n, self.stretches[n].rows)
    }

    /// The same with these inputs.
    fn driven(&self, x: &[f64], n: usize, inputs: &[Sample]) -> Vec<[f64; 4]> {
        let stretch = &self.stretches[n];
        let candidate = self.candidate(x, stretch);
        readings(&candidate, inputs, &self.truth(&candidate, stretch, inputs))
    }

    /// What is read less what should be, by channel, as means over groups of rows.
    fn misfit(&self, x: &[f64], n: usize) -> Vec<[f64; 4]> {
        self.stretches[n].means(&self.expected(x, n))
    }

    /// The same less what currents do that answer the sensor's noise: what derivatives are made of.
    fn calm_misfit(&self, x: &[f64], n: usize) -> Vec<[f64; 4]> {
        self.stretches[n].means(&self.driven(x, n, &self.stretches[n].calm))
    }

    /// Looks at the course of every stretch at `x`: what filters are made of.
    pub(crate) fn look(&mut self, x: &[f64]) {
        let seen = |stretch: &Stretch<'_>| {
            let candidate = self.candidate(x, stretch);
            let bank = &candidate.plant.bank;
            Seen {
                responses: responses(&candidate, stretch.rows, &self.truth(&candidate, stretch, stretch.rows), &stretch.middles),
                volts_k: bank.module.seebeck_v_k * f64::from(bank.series),
            }
        };
        self.seen = self.stretches.iter().map(seen).collect();
    }

    fn filters_of(&self, noise: &Noise) -> Vec<Filter> {
        let one = |(stretch, seen): (&Stretch<'_>, &Seen)| {
            let course = Course {
                responses: &seen.responses,
                steps_s: &stretch.steps_s,
                jolts: &stretch.jolts,
                speeds_k_s: &stretch.speeds_k_s,
                unchanged_s: stretch.unchanged_s.as_deref(),
                read: &stretch.read,
                volts_k: seen.volts_k,
            };
            Filter::new(&course, noise, stretch.room)
        };
        self.stretches.iter().zip(&self.seen).map(one).collect()
    }

    /// Makes the filters of the noise and the courses last looked at.
    pub(crate) fn filter(&mut self) {
        self.filters = self.filters_of(&self.noise);
    }

    /// How far unknown `at` is moved for a derivative: small beside what matters, large beside rounding.
    fn step(&self, at: usize) -> f64 {
        match self.keys[at] {
            Key::PlateDelay | Key::DieDelay => 0.02,
            key if key.is_positive() => 1e-5,
            _ => 1e-3,
        }
    }

    /// Derivatives of the misfit of stretch `n` by each unknown.
    fn slopes(&self, x: &[f64], n: usize, at: &[[f64; 4]]) -> Vec<Vec<[f64; 4]>> {
        (0..x.len())
            .map(|index| {
                let step = self.step(index);
                let mut near = x.to_vec();
                near[index] += step;
                let mut rows = self.misfit(&near, n);
                for (row, before) in rows.iter_mut().zip(at) {
                    *row = std::array::from_fn(|c| (row[c] - before[c]) / step);
                }
                rows
            })
            .collect()
    }

    /// Learns the noise from what is left at `x`, by the largest restricted likelihood (Patterson and Thompson, Biometrika 58, 1971):
    /// what the parameters took out of the residuals is accounted for.
    pub(crate) fn learn(&mut self, x: &[f64]) {
        self.look(x);
        let parts: Vec<Part> = in_parallel(self.stretches.len(), |n| {
            let misfit = self.misfit(x, n);
            let slopes = self.slopes(x, n, &misfit);
            Part { misfit, slopes }
        });
        for (sweep, reach) in [2.0, 1.0, 0.5].into_iter().enumerate() {
            for which in 0..Noise::COUNT {
                let noise = self.noise;
                let worth = |by: f64| self.unlikely(&noise.moved(which, by), x, &parts);
                let evaluations = if sweep == 0 { 9 } else { 7 };
                self.noise = noise.moved(which, lowest(worth, reach, evaluations));
            }
        }
        self.filter();
    }

    /// Minus twice the logarithm of the restricted likelihood, but for a constant.
    fn unlikely(&self, noise: &Noise, x: &[f64], parts: &[Part]) -> f64 {
        let unknowns = x.len();
        let filters = self.filters_of(noise);
        let mut information = Square::zero(unknowns);
        let mut downhill = vec![0.0; unknowns];
        let mut sum = 0.0;
        for (filter, part) in filters.iter().zip(parts) {
            let mut rows = Vec::with_capacity(filter.len());
            filter.whiten(&part.misfit, &mut rows);
            sum += filter.log_variance + dot(&rows, &rows);
            let columns: Vec<Vec<f64>> = in_parallel(unknowns, |i| {
                let mut column = Vec::with_capacity(filter.len());
                filter.whiten(&part.slopes[i], &mut column);
                column
            });
            for (i, left) in columns.iter().enumerate() {
                downhill[i] += dot(left, &rows);
                for (j, right) in columns.iter().enumerate().take(i + 1) {
                    let product = dot(left, right);
                    information.add(i, j, product);
                    if i != j {
                        information.add(j, i, product);
                    }
                }
            }
        }
        for (i, trust) in self.trust.iter().enumerate() {
            if let Some(sigma) = trust {
                information.add(i, i, sigma.powi(-2));
                downhill[i] += x[i] * sigma.powi(-2);
            } else {
                // Not to be thrown off by what a log cannot tell at all.
                information.add(i, i, 1e-12);
            }
        }
        let Some(lower) = information.cholesky() else { return f64::INFINITY };
        let gain = dot(&downhill, &lower.back_substitute(&downhill));
        sum - gain + 2.0 * lower.diagonal().iter().map(|d| d.ln()).sum::<f64>()
    }
}

/// What is left of a stretch, and its derivatives.
struct Part {
    misfit: Vec<[f64; 4]>,
    slopes: Vec<Vec<[f64; 4]>>,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Where between -reach and reach `f` is lowest, by the golden section; 0 if it is nowhere lower than there.
fn lowest(f: impl Fn(f64) -> f64, reach: f64, evaluations: usize) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_8;
    let (mut a, mut b) = (-reach, reach);
    let (mut c, mut d) = (b - GOLDEN * (b - a), a + GOLDEN * (b - a));
    let (mut at_c, mut at_d) = (f(c), f(d));
    for _ in 3..evaluations {
        if at_c < at_d {
            (b, d, at_d) = (d, c, at_c);
            c = b - GOLDEN * (b - a);
            at_c = f(c);
        } else {
            (a, c, at_c) = (c, d, at_d);
            d = a + GOLDEN * (b - a);
            at_d = f(d);
        }
    }
    let (best, value) = if at_c < at_d { (c, at_c) } else { (d, at_d) };
    if value < f(0.0) { best } else { 0.0 }
}

/// `work` of 0 to `count`, on as many threads as there are processors, in order.
fn in_parallel<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(count);
    if threads < 2 {
        return (0..count).map(work).collect();
    }
    let mut done: Vec<(usize, T)> = std::thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..threads)
            .map(|worker| scope.spawn(move || (worker..count).step_by(threads).map(|i| (i, work(i))).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|w| w.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    done.sort_by_key(|d| d.0);
    done.into_iter().map(|d| d.1).collect()
}

impl Identification<'_> {
    /// Residuals of `misfit`, white, and those of the belief.
    fn white(&self, x: &[f64], misfit: impl Fn(usize) -> Vec<[f64; 4]>) -> Vec<f64> {
        let mut out = Vec::new();
        for (n, filter) in self.filters.iter().enumerate() {
            filter.whiten(&misfit(n), &mut out);
        }
        out.extend(x.iter().zip(&self.trust).map(|(x, trust)| trust.map_or(0.0, |sigma| x / sigma)));
        out
    }

    fn calm_residuals(&self, x: &[f64]) -> Vec<f64> {
        self.white(x, |n| self.calm_misfit(x, n))
    }
}

impl Problem for Identification<'_> {
    fn residuals(&self, x: &[f64]) -> Vec<f64> {
        self.white(x, |n| self.misfit(x, n))
    }

    fn instruments(&self, x: &[f64]) -> Vec<Vec<f64>> {
        let at = self.calm_residuals(x);
        in_parallel(x.len(), |index| {
            let step = self.step(index);
            let mut near = x.to_vec();
            near[index] += step;
            let mut rows = self.calm_residuals(&near);
            for (row, before) in rows.iter_mut().zip(&at) {
                *row = (*row - before) / step;
            }
            rows
        })
    }

    fn jacobian(&self, x: &[f64], at: &[f64]) -> Vec<Vec<f64>> {
        in_parallel(x.len(), |index| {
            let step = self.step(index);
            let mut near = x.to_vec();
            near[index] += step;
            let mut rows = self.residuals(&near);
            for (row, before) in rows.iter_mut().zip(at) {
                *row = (*row - before) / step;
            }
            rows
        })
    }
}

/// A current is taken on the mean over so long on either side, s: a regulator of a plate has answered a noisy reading within some 30 s (proportional 8 s, integral 20 s on the
/// emulated one), and over the whole of an answer what it added it has taken back. 10 rows leave half of a plate's error, 300 s are so much that what is left of the currents' own course
/// does not always tell the plate any more.
const CALM_S: f64 = 120.0;

/// The rows with currents on the mean around each (a raised cosine: what lies at its ends counts little), as far as the output stays on (or off) and no current is missing, as many rows on
/// one side as on the other so that a slope stays what it is, and not across a jump, which is nobody's noise. What is left is the course of the setpoint and the heat.
fn calm(rows: &[Sample]) -> Vec<Sample> {
    let jumps = jolts(rows);
    let parted = |a: usize, b: usize| jumps.iter().any(|(k, _)| (a.min(b) + 1..=a.max(b)).contains(k));
    let alike = |a: usize, b: usize| {
        rows[a].on == rows[b].on && rows[b].amps.is_some() && (rows[a].t_s - rows[b].t_s).abs() <= CALM_S && !parted(a, b)
    };
    let one = |k: usize| {
        let reach = (1..=k.min(rows.len() - 1 - k)).take_while(|r| alike(k, k - r) && alike(k, k + r)).count();
        let weight = |r: usize| 1.0 + (PI * r as f64 / (reach as f64 + 1.0)).cos();
        let sides = |r: usize| Some(rows[k - r].amps? + rows[k + r].amps?);
        let (mut sum, mut all) = (2.0 * rows[k].amps?, 2.0);
        for r in 1..=reach {
            sum += sides(r)? * weight(r);
            all += 2.0 * weight(r);
        }
        Some(sum / all)
    };
    (0..rows.len()).map(|k| Sample { amps: one(k), ..rows[k] }).collect()
}

/// How the room wanders over a stretch. A swing of a few hours moves as far in half an hour as a walk that gains that much variance.
fn wander(rows: &[Sample], belief: &Belief, logs: usize) -> Wander {
    let gained = |swing: f64| swing * swing * (1.0 - (TAU * WANDER_S / twin::truth::ROOM_PERIOD_S).cos()) / WANDER_S;
    if rows.iter().any(|r| r.ambient_degc.is_some()) {
        return Wander { start_k: AMBIENT_SENSOR_K, k2_s: gained(AMBIENT_SWING_K) };
    }
    let swing = if belief.spreads.room_drift_k > 0.0 { belief.spreads.room_drift_k } else { ROOM_SWING_K };
    // One parameter is the room of all the logs; on another day it is another.
    let day = if logs > 1 { Key::Room.trust(&belief.spreads) } else { 0.0 };
    Wander { start_k: (swing * swing / 2.0 + day * day).sqrt(), k2_s: gained(swing) }
}
