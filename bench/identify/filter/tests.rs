use super::*;
use crate::linear::Square;

/// A course of made-up responses: the filter needs nothing else of a plant.
fn responses(n: usize) -> Vec<Response> {
    (0..n)
        .map(|k| {
            let s = 0.01 * (k % 5) as f64;
            Response {
                carry: [[0.9 - s, 0.02, 0.05], [0.03 + s, 0.95, 0.0], [0.06, 0.0, 0.85 + s]],
                room: [0.01, 0.03 - s / 10.0, 0.0],
                amps: [-0.08 - s, 0.02, 0.0],
            }
        })
        .collect()
}

const NOISE: Noise = Noise {
    read: [0.02, 0.03, 0.1, 0.05],
    current_a: 0.3,
    sink_walk: 0.01,
    die_walk: 0.05,
    slow_k: 0.3,
    slow_s: 40.0,
    answer_a: -0.7,
    answer_v: 0.4,
    ramp_a_s_k: 0.0,
};
const WANDER: Wander = Wander { start_k: 0.5, k2_s: 1e-3 };
const VOLTS_K: f64 = 0.1;

/// Everything random that goes into a stretch, one after the other, each of unit variance; and what the readings are of each.
/// This is the model of the filter written out: no recursion, no conditioning.
fn every_cause(responses: &[Response], steps_s: &[f64], jolts: &[(usize, f64)], rows: usize) -> Vec<Vec<[f64; 4]>> {
    let mut causes = Vec::new();
    // (row at which it acts, which): initial errors, then what each step and row bring.
    let mut impulse = |row: usize, state: [f64; 5], heard: f64, own: [f64; 4]| {
        let mut out = vec![[0.0; 4]; rows];
        let mut x = state;
        let mut noise = heard;
        for k in row..rows {
            if k > row {
                let r = &responses[k - 1];
                let answer = if k == row + 1 { NOISE.current_a * NOISE.answer_a * noise } else { 0.0 };
                let t = [0, 1, 2].map(|i| (0..3).map(|j| r.carry[j][i] * x[j]).sum::<f64>() + r.room[i] * x[3] + r.amps[i] * answer);
                x = [t[0], t[1], t[2], x[3], x[4] * (-steps_s[k - 1] / NOISE.slow_s).exp()];
                noise = 0.0;
            }
            out[k] = [x[0] + NOISE.read[0] * noise, x[1], x[2] + x[4], VOLTS_K * (x[1] - x[0]) + NOISE.answer_v * NOISE.read[3] * noise];
            if k == row {
                for c in 0..4 {
                    out[k][c] += own[c];
                }
            }
        }
        causes.push(out);
    };
    let zero = [0.0; 5];
    for (i, sigma) in [10.0, 10.0, 10.0, WANDER.start_k, NOISE.slow_k].into_iter().enumerate() {
        let mut state = zero;
        state[i] = sigma;
        impulse(0, state, 0.0, [0.0; 4]);
    }
    for row in 0..rows {
        // The noise that the controller hears in this row; the current of the step before errs with it.
        let mut state = zero;
        if row > 0 {
            let (r, dt) = (&responses[row - 1], steps_s[row - 1]);
            let with = |factor: f64| [r.amps[0] * factor, r.amps[1] * factor, r.amps[2] * factor, 0.0, 0.0];
            state = with(NOISE.current_a * NOISE.answer_a);
            impulse(row, with(NOISE.current_a), 0.0, [0.0; 4]);
            for jolt in jolts.iter().filter(|j| j.0 == row) {
                impulse(row, with(jolt.1), 0.0, [0.0; 4]);
            }
            let fade = (-dt / NOISE.slow_s).exp();
            for (i, variance) in [
                (1, NOISE.sink_walk.powi(2) * dt),
                (2, NOISE.die_walk.powi(2) * dt),
                (3, WANDER.k2_s * dt),
                (4, NOISE.slow_k.powi(2) * (1.0 - fade * fade)),
            ] {
                let mut state = zero;
                state[i] = variance.sqrt();
                impulse(row, state, 0.0, [0.0; 4]);
            }
        }
        impulse(row, state, 1.0, [0.0; 4]);
        for c in 1..4 {
            let mut own = [0.0; 4];
            own[c] = NOISE.read[c];
            impulse(row, zero, 0.0, own);
        }
    }
    causes
}

/// The recursion against the whole covariance matrix: same likelihood, same weight for any series, with readings missing here and there.
#[test]
fn the_filter_is_the_covariance_written_out() {
    let rows = 12;
    let responses = responses(rows - 1);
    let steps_s: Vec<f64> = (0..rows - 1).map(|k| if k == 6 { 20.0 } else { 5.0 }).collect();
    // Two in one step, and one after them.
    let jolts = [(3, 1.5), (3, 0.9), (8, 0.7)];
    let read: Vec<[bool; 4]> = (0..rows).map(|k| [k % 4 != 1, k % 3 != 2, true, k > 2 && k != 7]).collect();
    let speeds = vec![0.0; responses.len()];
    let course = Course {
        responses: &responses,
        steps_s: &steps_s,
        jolts: &jolts,
        speeds_k_s: &speeds,
        unchanged_s: None,
        read: &read,
        volts_k: VOLTS_K,
    };
    let filter = Filter::new(&course, &NOISE, WANDER);
    let places: Vec<(usize, usize)> = (0..rows).flat_map(|k| (0..4).map(move |c| (k, c))).filter(|(k, c)| read[*k][*c]).collect();
    assert_eq!(filter.len(), places.len());
    let causes = every_cause(&responses, &steps_s, &jolts, rows);
    let mut covariance = Square::zero(places.len());
    for (i, (k, c)) in places.iter().enumerate() {
        for (j, (l, d)) in places.iter().enumerate() {
            covariance.set(i, j, causes.iter().map(|cause| cause[*k][*c] * cause[*l][*d]).sum());
        }
    }
    let lower = covariance.cholesky().expect("positive definite");
    let log_variance: f64 = lower.diagonal().iter().map(|d| 2.0 * d.ln()).sum();
    assert!((filter.log_variance - log_variance).abs() < 1e-3, "{} instead of {log_variance}", filter.log_variance);
    for shape in 0..3 {
        let series: Vec<[f64; 4]> = (0..rows).map(|k| [0, 1, 2, 3].map(|c| ((k * (c + 2 + shape)) as f64).sin())).collect();
        let mut white = Vec::new();
        filter.whiten(&series, &mut white);
        let flat: Vec<f64> = places.iter().map(|(k, c)| series[*k][*c]).collect();
        let expected: f64 = lower.back_substitute(&flat).iter().zip(&flat).map(|(a, b)| a * b).sum();
        let found: f64 = white.iter().map(|w| w * w).sum();
        assert!((found / expected - 1.0).abs() < 1e-3, "{found} instead of {expected}");
    }
}

#[test]
fn figures_move_within_their_bounds() {
    for which in 0..Noise::COUNT {
        let (low, high) = Noise::BOUNDS[which];
        let mut up = Noise::START.moved(which, 100.0);
        let mut down = Noise::START.moved(which, -100.0);
        assert_eq!((*up.figure(which), *down.figure(which)), (high, low));
    }
}
