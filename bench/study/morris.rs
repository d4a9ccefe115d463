//! Morris' elementary effects: how far an output moves per step of one parameter across its range, from many starting points
//! (Technometrics 33, 161 (1991); the mean of absolute effects: Campolongo, Cariboni and Saltelli 2007). Cheap, and enough to tell
//! which parameters matter (large mean) and which interact or bend (large spread).

use crate::stats::{Estimate, bootstrap, moments, varies};

/// Influence of one parameter, in the output's unit over the parameter's whole range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// Mean of the effects, with sign.
    pub mean: f64,
    /// Mean of the absolute effects, mu*.
    pub mean_abs: Estimate,
    /// Standard deviation of the effects; `None` of a single one.
    pub sigma: Option<f64>,
    /// Number of effects.
    pub count: usize,
}

/// Effects of each parameter from walks of `factors + 1` points in the unit cube and the outputs there. Steps with a missing end
/// are left out; a parameter without any is `None`. `None` if the output does not vary.
pub fn effects(cube: &[Vec<f64>], outputs: &[Option<f64>], factors: usize) -> Option<Vec<Option<Effect>>> {
    if !varies(outputs.iter().copied().flatten()) {
        return None;
    }
    let mut effects: Vec<Vec<f64>> = vec![Vec::new(); factors];
    for (walk, outputs) in cube.chunks_exact(factors + 1).zip(outputs.chunks_exact(factors + 1)) {
        for (points, ends) in walk.windows(2).zip(outputs.windows(2)) {
            let (Some(before), Some(after)) = (ends[0], ends[1]) else { continue };
            let step = (0..factors).map(|f| (f, points[1][f] - points[0][f])).max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
            if let Some((factor, step)) = step.filter(|(_, step)| *step != 0.0) {
                effects[factor].push((after - before) / step);
            }
        }
    }
    Some(effects.iter().map(|e| effect(e)).collect())
}

fn effect(effects: &[f64]) -> Option<Effect> {
    if effects.is_empty() {
        return None;
    }
    let n = effects.len();
    let (mean, variance) = moments(effects.iter().copied());
    let mean_abs = bootstrap(n, |draw| Some(vec![draw.iter().map(|&k| effects[k].abs()).sum::<f64>() / n as f64]))?;
    let sigma = (n > 1).then(|| (variance * n as f64 / (n - 1) as f64).sqrt());
    Some(Effect { mean, mean_abs: mean_abs[0], sigma, count: n })
}

#[cfg(test)]
mod tests;
