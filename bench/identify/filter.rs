//! What is left of a log after a fit is not white. A current is read at one moment and flows all the time; what it did between two
//! readings moves plate and sink, and stays in them for minutes. Rooms drift. A die reads whole degrees. A parameter's
//! uncertainty is honest only if that is accounted for.
//!
//! Here a Kalman filter does: the errors of the temperatures, of the room and of the die's reading are its state, the plant's own
//! response carries them from row to row, and what a reading brings that could not be foretold from those before it is white. It
//! knows that a controller answers the noise of its own sensor, so that the current read and the plate read err together. And it
//! takes up what nobody wants to know: first temperatures, and where within a step a current jumped. The filter is linear,
//! so that a residual and its derivatives go through the same one.

use crate::candidate::Response;

/// Errors that are carried: plate, sink, die, room, slow error of the die's reading (K), and the noise of the plate's reading in its own
/// standard deviation.
const STATES: usize = 6;
type Vector = [f64; STATES];
type Matrix = [Vector; STATES];
const ROOM: usize = 3;
const SLOW: usize = 4;
const HEARD: usize = 5;

/// How well the first temperatures are known, K: hardly.
const START_K: f64 = 10.0;

/// Standard deviations of everything that is random.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Of a reading of plate, sink, die (K) and voltage (V) alone.
    pub read: [f64; 4],
    /// Of the mean current over a step against what the readings at its ends say, A.
    pub current_a: f64,
    /// Of heat that nobody accounts for, as what it does to sink and die in the root of a second, K/√s.
    pub sink_walk: f64,
    /// The same of the die.
    pub die_walk: f64,
    /// Of the slow part of the die's reading error, K: whole degrees stay wrong for as long as they stay the same.
    pub slow_k: f64,
    /// For how long, s; where it is known how long readings stayed the same, that over a minute times this.
    pub slow_s: f64,
    /// How the current's error goes with the noise of the plate's readings at both ends of its step, in standard deviations of either.
    pub answer_a: f64,
    /// The same of the voltage against the current read.
    pub answer_v: f64,
    /// Of the current that no row shows while the setpoint moves, beyond what is proportional to its speed, A s/K.
    pub ramp_a_s_k: f64,
}

impl Noise {
    /// A place to begin.
    pub const START: Self = Self {
        read: [0.02, 0.02, 0.2, 0.05],
        current_a: 0.05,
        sink_walk: 1e-3,
        die_walk: 1e-2,
        slow_k: 0.2,
        slow_s: 60.0,
        answer_a: 0.0,
        answer_v: 0.0,
        ramp_a_s_k: 1.0,
    };

    /// How many figures there are to learn.
    pub const COUNT: usize = 12;
    /// Each within these: nothing is known better than a millikelvin, a millivolt, a milliampere.
    const BOUNDS: [(f64, f64); Self::COUNT] = [
        (1e-3, 5.0),
        (1e-3, 5.0),
        (1e-3, 5.0),
        (1e-3, 10.0),
        (1e-3, 10.0),
        (1e-5, 1.0),
        (1e-5, 1.0),
        (1e-3, 5.0),
        (2.0, 3600.0),
        (-5.0, 5.0),
        (-5.0, 5.0),
        (1e-2, 100.0),
    ];

    fn figure(&mut self, which: usize) -> &mut f64 {
        match which {
            0..4 => &mut self.read[which],
            4 => &mut self.current_a,
            5 => &mut self.sink_walk,
            6 => &mut self.die_walk,
            7 => &mut self.slow_k,
            8 => &mut self.slow_s,
            9 => &mut self.answer_a,
            10 => &mut self.answer_v,
            _ => &mut self.ramp_a_s_k,
        }
    }

    /// The same with figure `which` moved, within its bounds: standard deviations and times by a factor of e to the `by`.
    #[must_use]
    pub fn moved(mut self, which: usize, by: f64) -> Self {
        let (low, high) = Self::BOUNDS[which];
        let figure = self.figure(which);
        *figure = if low > 0.0 { *figure * by.exp() } else { *figure + by }.clamp(low, high);
        self
    }
}

/// The room as far as it is not a parameter.
#[derive(Clone, Copy, Debug)]
pub struct Wander {
    /// Standard deviation of its distance from the plant's (or the ambient reading) at the first row, K.
    pub start_k: f64,
    /// Variance it gains a second, K²/s.
    pub k2_s: f64,
}

/// One reading in its turn.
#[derive(Clone, Copy, Debug)]
struct Update {
    channel: usize,
    gain: Vector,
    /// One over the standard deviation of what it brings.
    sharp: f64,
}

/// The filter of one stretch, ready to be put to series of residuals.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What each step carries over from plate, sink, die, room and the noise heard.
    carry: Vec<[[f64; 3]; 5]>,
    fade: Vec<f64>,
    updates: Vec<Update>,
    /// End of each row's updates.
    ends: Vec<usize>,
    shows: [Vector; 4],
    /// Sum of the logarithms of the variances of what every reading brings.
    pub log_variance: f64,
}

/// What a stretch is made of, for the filter.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    /// Of each step.
    pub responses: &'a [Response],
    /// Length of each, s.
    pub steps_s: &'a [f64],
    /// Steps (counted from 1) in which the current jumped, and how uncertain that makes its mean over the step, A.
    pub jolts: &'a [(usize, f64)],
    /// Speed of the setpoint in each step, K/s.
    pub speeds_k_s: &'a [f64],
    /// For how long the die's reading stays the same around each row, s, if it shows whole steps.
    pub unchanged_s: Option<&'a [f64]>,
    /// Which channels were read in each row.
    pub read: &'a [[bool; 4]],
    /// What a kelvin between sink and plate is at the terminals, V/K.
    pub volts_k: f64,
}

/// How errors show in the readings.
fn shows(volts_k: f64, noise: &Noise) -> [Vector; 4] {
    let mut h = [[0.0; STATES]; 4];
    (h[0][0], h[0][HEARD]) = (1.0, noise.read[0]);
    h[1][1] = 1.0;
    (h[2][2], h[2][SLOW]) = (1.0, 1.0);
    (h[3][0], h[3][1], h[3][HEARD]) = (-volts_k, volts_k, noise.answer_v * noise.read[3]);
    h
}

impl Filter {
    /// The filter for `course` under `noise`.
    pub fn new(course: &Course<'_>, noise: &Noise, room: Wander) -> Self {
        let mut p: Matrix = [[0.0; STATES]; STATES];
        for (i, sigma) in [START_K, START_K, START_K, room.start_k, noise.slow_k, 1.0].into_iter().enumerate() {
            p[i][i] = sigma * sigma;
        }
        let mut jolts = course.jolts.iter().peekable();
        let rows = course.read.len();
        let mut own = noise.read.map(|sigma| sigma * sigma);
        // The plate's noise is a state. Rounding wants something of its own to divide by.
        own[0] *= 1e-6;
        let mut filter = Self {
            carry: Vec::with_capacity(rows),
            fade: Vec::with_capacity(rows),
            updates: Vec::with_capacity(4 * rows),
            ends: Vec::with_capacity(rows),
            shows: shows(course.volts_k, noise),
            log_variance: 0.0,
        };
        for (row, read) in course.read.iter().enumerate() {
            if row > 0 {
                let (response, step_s) = (&course.responses[row - 1], course.steps_s[row - 1]);
                let answer = response.amps.map(|a| a * noise.current_a * noise.answer_a);
                let carry = [response.carry[0], response.carry[1], response.carry[2], response.room, answer];
                let slow_s = course.unchanged_s.map_or(noise.slow_s, |same| same[row].max(step_s) * noise.slow_s / 60.0);
                let fade = (-step_s / slow_s).exp();
                // Several rows with a jolt may be in one step.
                let mut jolt = 0.0;
                while let Some((_, sigma_a)) = jolts.next_if(|j| j.0 == row) {
                    jolt += sigma_a * sigma_a;
                }
                p = carried(&p, &carry, fade);
                let current = noise.current_a.powi(2) + jolt + (noise.ramp_a_s_k * course.speeds_k_s[row - 1]).powi(2);
                for i in 0..3 {
                    for j in 0..3 {
                        p[i][j] += response.amps[i] * response.amps[j] * current;
                    }
                }
                // The noise of this row is new, and the current of the step before it errs with it.
                p[HEARD][HEARD] = 1.0;
                for i in 0..3 {
                    (p[i][HEARD], p[HEARD][i]) = (answer[i], answer[i]);
                    for j in 0..3 {
                        p[i][j] += answer[i] * answer[j];
                    }
                }
                p[1][1] += noise.sink_walk.powi(2) * step_s;
                p[2][2] += noise.die_walk.powi(2) * step_s;
                p[ROOM][ROOM] += room.k2_s * step_s;
                p[SLOW][SLOW] += noise.slow_k.powi(2) * (1.0 - fade * fade);
                filter.carry.push(carry);
                filter.fade.push(fade);
            }
            for channel in (0..4).filter(|c| read[*c]) {
                let h = &filter.shows[channel];
                let ph: Vector = std::array::from_fn(|i| (0..STATES).map(|j| p[i][j] * h[j]).sum());
                let variance: f64 = h.iter().zip(&ph).map(|(h, p)| h * p).sum::<f64>() + own[channel];
                let gain = ph.map(|v| v / variance);
                for i in 0..STATES {
                    for j in 0..STATES {
                        p[i][j] -= gain[i] * ph[j];
                    }
                }
                filter.log_variance += variance.ln();
                filter.updates.push(Update { channel, gain, sharp: 1.0 / variance.sqrt() });
            }
            filter.ends.push(filter.updates.len());
        }
        filter
    }

    /// How many values a series gives.
    pub fn len(&self) -> usize {
        self.updates.len()
    }

    /// True if nothing was read.
    pub fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }

    /// Appends what each reading of `series` (by row and channel) brings that those before it did not foretell, in standard deviations.
    pub fn whiten(&self, series: &[[f64; 4]], out: &mut Vec<f64>) {
        let mut x = [0.0; STATES];
        let mut from = 0;
        for (row, (values, end)) in series.iter().zip(&self.ends).enumerate() {
            if row > 0 {
                x = forward(&x, &self.carry[row - 1], self.fade[row - 1]);
            }
            for update in &self.updates[from..*end] {
                let foretold: f64 = self.shows[update.channel].iter().zip(&x).map(|(h, x)| h * x).sum();
                let news = values[update.channel] - foretold;
                for (x, g) in x.iter_mut().zip(&update.gain) {
                    *x += g * news;
                }
                out.push(news * update.sharp);
            }
            from = *end;
        }
    }

    /// The channel of each value that [`Filter::whiten`] gives.
    pub fn channels(&self) -> impl Iterator<Item = usize> + '_ {
        self.updates.iter().map(|u| u.channel)
    }
}

/// One step of the state: temperatures by the plant's response, the room as it was, the slow error fading, noise to come.
fn forward(x: &Vector, carry: &[[f64; 3]; 5], fade: f64) -> Vector {
    let from = [x[0], x[1], x[2], x[ROOM], x[HEARD]];
    let t = [0, 1, 2].map(|i| carry.iter().zip(from).map(|(c, x)| c[i] * x).sum());
    [t[0], t[1], t[2], x[ROOM], x[SLOW] * fade, 0.0]
}

/// F P Fᵀ.
fn carried(p: &Matrix, carry: &[[f64; 3]; 5], fade: f64) -> Matrix {
    // P is symmetric: rows serve as columns.
    let half: Matrix = std::array::from_fn(|i| forward(&p[i], carry, fade));
    std::array::from_fn(|i| {
        let row: Vector = std::array::from_fn(|j| half[j][i]);
        forward(&row, carry, fade)
    })
}

#[cfg(test)]
mod tests;
