//! Sobol' indices: which part of an output's variance each parameter accounts for, alone (first order) and with all it interacts
//! with (total). Estimators: Saltelli et al., Comput. Phys. Commun. 181, 259 (2010), table 2 (b) for the first order; Jansen (1999)
//! for the total; intervals by bootstrap over the base samples.
//!
//! Of N base samples of a function with sharp corners the estimates are good to a few hundredths at best; the interval says so.

use crate::stats::{Estimate, bootstrap, moments, varies};

/// Influence of one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Index {
    /// First order: this part of the variance goes if the parameter is fixed.
    pub first: Estimate,
    /// Total: this part stays if all others are fixed.
    pub total: Estimate,
}

/// Indices of `factors` parameters from outputs in the order of the design: for each base sample A, A with each coordinate of B, B. A base
/// sample in which any output is missing is left out as a whole. `None` if fewer than two are left or the output does not vary.
pub fn indices(outputs: &[Option<f64>], factors: usize) -> Option<Vec<Index>> {
    let blocks: Vec<Vec<f64>> = whole_blocks(outputs, factors).collect();
    let used = blocks.iter().flatten().copied();
    if blocks.len() < 2 || !varies(used.clone()) {
        return None;
    }
    // Centred: the estimator of the first order is then far less noisy.
    let (mean, _) = moments(used);
    let blocks: Vec<Vec<f64>> = blocks.into_iter().map(|b| b.into_iter().map(|y| y - mean).collect()).collect();
    let estimates = bootstrap(blocks.len(), |draw| compute(&blocks, factors, draw))?;
    let (first, total) = estimates.split_at(factors);
    Some(first.iter().zip(total).map(|(&first, &total)| Index { first, total }).collect())
}

/// How many base samples are whole.
pub fn samples_used(outputs: &[Option<f64>], factors: usize) -> usize {
    whole_blocks(outputs, factors).count()
}

fn whole_blocks(outputs: &[Option<f64>], factors: usize) -> impl Iterator<Item = Vec<f64>> {
    outputs.chunks_exact(factors + 2).filter_map(|block| block.iter().copied().collect())
}

/// First-order indices, then total ones.
fn compute(blocks: &[Vec<f64>], factors: usize, draw: &[usize]) -> Option<Vec<f64>> {
    let ends = draw.iter().flat_map(|&n| [blocks[n][0], blocks[n][factors + 1]]);
    let (_, variance) = moments(ends);
    if variance <= 0.0 {
        return None;
    }
    let n = draw.len() as f64;
    let mut indices = vec![0.0; 2 * factors];
    for &at in draw {
        let block = &blocks[at];
        let (a, b) = (block[0], block[factors + 1]);
        for (factor, mixed) in block[1..=factors].iter().enumerate() {
            indices[factor] += b * (mixed - a) / (n * variance);
            indices[factors + factor] += 0.5 * (a - mixed).powi(2) / (n * variance);
        }
    }
    Some(indices)
}

#[cfg(test)]
mod tests;
