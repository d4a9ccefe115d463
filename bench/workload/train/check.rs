//! What training on the host is held against: the first step whole (loss, gradient, update), the loss again at the end. All of it by the reference, which knows nothing of gradients
//! and is differentiated by differences.
//!
//! Not here: the step.

use super::lesson::{Lesson, known_loss, largest};
use super::net::{parameters, parameters_of};
use super::{RATE, TOKENS, Trainer};
use crate::generate::{Done, Wrong};
use crate::reference::Source;
use crate::transformer::Weights;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// How far a loss may be from the reference's, as a share.
const TOLERANCE: f64 = 1e-3;
/// How far weights go for differences of the loss: the largest of a part each, and all together.
const ALONG: (f32, f32) = (1.0 / 512.0, 0.05);
/// How far such a difference may be from what the gradient says, as a share.
const GRADIENT: f64 = 0.02;

impl Trainer {
    /// Holds a loss against the reference's of the weights as they are now.
    pub(super) fn check(&self, text: &[u32], ours: f64) -> Result<(), Wrong> {
        let share = (ours / known_loss(&Source::held(&self.weights), text) - 1.0).abs();
        if share <= TOLERANCE { Ok(()) } else { Err(Wrong::Different { share, allowed: TOLERANCE }) }
    }

    /// Holds the gradient of a text, as it is now, against differences of the reference's loss: along the largest number of every part, and along all numbers,
    /// each up or down by chance.
    pub(super) fn check_gradient(&mut self, text: &[u32]) -> Result<(), Wrong> {
        let gradient = parameters(&mut self.gradient);
        let length = gradient.iter().flat_map(|part| part.iter()).map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        let count = gradient.iter().map(|part| part.len()).sum::<usize>() as f32;
        let own: Vec<(usize, f32)> = gradient.iter().map(|part| largest(part)).collect();
        let mut moved = self.weights.clone();
        for all in [false, true] {
            // How far each number goes, the same way every time it is asked.
            let loss = |moved: &mut Weights, sign: f32| {
                let mut rng = ChaCha8Rng::seed_from_u64(u64::from(text[0]));
                let mut along = 0.0;
                for (n, ((to, from), g)) in parameters(moved).into_iter().zip(parameters_of(&self.weights)).zip(&gradient).enumerate() {
                    for (i, ((to, from), g)) in to.iter_mut().zip(from).zip(&**g).enumerate() {
                        let by = if all {
                            let far = ALONG.1 / count.sqrt();
                            if rng.next_u32() & 1 == 0 { far } else { -far }
                        } else if i == own[n].0 {
                            ALONG.0 * own[n].1.signum()
                        } else {
                            0.0
                        };
                        *to = from + sign * by;
                        // As far as f32 moved it.
                        along += f64::from(*g) * (f64::from(*to) - f64::from(*from));
                    }
                }
                (known_loss(&Source::held(moved), text), along)
            };
            let (ahead, back) = (loss(&mut moved, 1.0), loss(&mut moved, -1.0));
            let (difference, expected) = (ahead.0 - back.0, ahead.1 - back.1);
            let scale = expected.abs().max(length * f64::from(ALONG.1 / count.sqrt()));
            let share = (difference - expected).abs() / scale;
            if share.is_nan() || share > GRADIENT {
                return Err(Wrong::Different { share, allowed: GRADIENT });
            }
        }
        Ok(())
    }

    /// The largest number of each part's gradient, and what the first update must make of its weight: the means' bias undone, a step goes by the sign alone.
    pub(super) fn watched(&mut self) -> Vec<(usize, usize, f32)> {
        let weights = parameters_of(&self.weights);
        parameters(&mut self.gradient)
            .iter()
            .zip(weights)
            .enumerate()
            .map(|(n, (gradient, weights))| {
                let (i, g) = largest(gradient);
                (n, i, weights[i] - RATE * g / (g.abs() + 1e-8))
            })
            .collect()
    }

    /// The last check: the loss of one more text, by the weights as they have become. Of a text that was not learned: what was has next to no loss, of which rounding is no
    /// small share.
    pub(crate) fn close(&mut self) -> Result<(), Wrong> {
        if self.unchecked != Done::default() {
            let another = self.text.another();
            let text = Lesson::text(&self.weights.config, TOKENS.min(self.weights.config.context), another);
            let ours = self.learn(&text);
            self.check(&text, ours)?;
            self.unchecked = Done::default();
        }
        Ok(())
    }
}
