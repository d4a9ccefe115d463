//! A text whose continuation is known beforehand, to hold work against while it goes on: members of the working batch take it in, and what the very step that
//! is counted says of the next token is compared with the reference.
//!
//! Not here: which member takes it when (`watch`).

use super::{Wrong, below};
use crate::engine::Draw;
use crate::reference::{self, Source};
use crate::transformer::{Config, Weights};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Longest known text: past two tiles of 64 positions and into a third, and no longer, since the reference costs a full pass in f64.
const LONGEST: usize = 136;

/// Lengths after which the answer is known, besides those where prompts end: early and late, on either side of a tile's edge.
const MARKS: [usize; 6] = [4, 16, 64, 65, 128, 129];

/// What sums in f32 may put a choice off by, as a share of all probability.
const SLACK: f64 = 2e-5;

/// How much of the tolerance of an answer the size of all answers of a passage together may be off, where there are so many. Rounding goes either way and its mean
/// vanishes; a factor does not.
const SIZE: (f64, usize) = (0.1, 4);

/// A text and the reference's answers on the way through it.
#[derive(Debug)]
pub struct Known {
    pub(super) text: Vec<u32>,
    /// Lengths, ascending, and the logits that follow.
    pub(super) marks: Vec<(usize, Vec<f32>)>,
}

/// Answers of one passage through a known text, against the reference's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passage {
    marks: usize,
    along: f64,
    known: f64,
}

impl Known {
    /// Computes it, slowly, in f64 and without `gemm`, cache or batch.
    pub fn of(weights: &Weights, seed: u64) -> Self {
        Self::from(&Source::held(weights), seed)
    }

    /// As [`Known::of`], of weights that need not be there.
    pub(crate) fn from(source: &Source<'_>, seed: u64) -> Self {
        let text = Self::text(source.config(), seed);
        let lengths = Self::lengths(source.config());
        let logits = reference::logits_after(source, &text, &lengths);
        let narrow = |logits: Vec<f64>| logits.into_iter().map(|l| l as f32).collect();
        Self { text, marks: lengths.into_iter().zip(logits.into_iter().map(narrow)).collect() }
    }

    pub(super) fn text(c: &Config, seed: u64) -> Vec<u32> {
        let mut rng = ChaCha8Rng::seed_from_u64(!seed);
        (0..LONGEST.min(c.context)).map(|_| below(&mut rng, c.vocabulary)).collect()
    }

    /// Where answers are known: every task's prompt ends at one of them, or at the end.
    pub(super) fn lengths(c: &Config) -> Vec<usize> {
        let longest = LONGEST.min(c.context);
        let ends = [c.context / 4, c.context - 1, longest];
        let mut all: Vec<usize> = MARKS.into_iter().chain(ends).filter(|n| (1..=longest).contains(n)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The answer after so many tokens of the text, if it is known.
    pub(super) fn after(&self, length: usize) -> Option<&[f32]> {
        self.marks.iter().find(|(n, _)| *n == length).map(|(_, logits)| &logits[..])
    }

    /// Tells whether these logits are the known ones and the token was chosen by them.
    pub(super) fn judge(known: &[f32], got: &[f32], draw: Draw, chosen: u32, allowed: f64, passage: &mut Passage) -> Result<(), Wrong> {
        let (mut off, mut all) = (0.0, 0.0);
        for (got, known) in got.iter().zip(known) {
            let (got, known) = (f64::from(*got), f64::from(*known));
            off += (got - known).powi(2);
            all += known * known;
            passage.along += got * known;
        }
        passage.known += all;
        passage.marks += 1;
        let share = (off / all.max(f64::MIN_POSITIVE)).sqrt();
        // What is not a number is no small distance either.
        if share.is_nan() || share > allowed {
            return Err(Wrong::Different { share, allowed });
        }
        if follows(got, draw, chosen) { Ok(()) } else { Err(Wrong::Chosen { token: chosen }) }
    }
}

impl Passage {
    /// Tells whether the answers are, all in all, of the size of the known ones.
    pub(super) fn end(self, allowed: f64) -> Result<(), Wrong> {
        let (share, allowed) = ((self.along / self.known.max(f64::MIN_POSITIVE) - 1.0).abs(), SIZE.0 * allowed);
        if self.marks < SIZE.1 || share <= allowed { Ok(()) } else { Err(Wrong::Different { share, allowed }) }
    }
}

/// Whether these logits and this draw give this token, but for what rounding of sums may move.
fn follows(logits: &[f32], draw: Draw, chosen: u32) -> bool {
    let Some(own) = logits.get(chosen as usize) else { return false };
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let Draw::By(draw) = draw else { return draw == Draw::Nothing || *own == largest };
    let part = |l: &f32| f64::from(l - largest).exp();
    let total: f64 = logits.iter().map(part).sum();
    let before: f64 = logits[..chosen as usize].iter().map(part).sum();
    let (at, slack) = (f64::from(draw) / 4_294_967_296.0 * total, SLACK * total);
    (before - slack..=before + part(own) + slack).contains(&at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_held_against_its_own_logits() {
        let logits = [0.0, 3.0_f32.ln(), -1e30];
        assert!(follows(&logits, Draw::Likeliest, 1) && !follows(&logits, Draw::Likeliest, 0));
        // A quarter of all is the first's.
        let at = |share: f64| Draw::By((share * 4_294_967_296.0) as u32);
        assert!(follows(&logits, at(0.2), 0) && !follows(&logits, at(0.2), 1));
        assert!(follows(&logits, at(0.3), 1) && !follows(&logits, at(0.3), 0) && !follows(&logits, at(0.3), 2));
        assert!(!follows(&logits, at(0.3), 3), "there is no such token");
    }

    #[test]
    fn answers_are_known_where_prompts_end_and_beyond_two_tiles() {
        for (context, expected) in [
            (512, &[4, 16, 64, 65, 128, 129, 136][..]),
            (256, &[4, 16, 64, 65, 128, 129, 136]),
            (120, &[4, 16, 30, 64, 65, 119, 120]),
            (24, &[4, 6, 16, 23, 24]),
        ] {
            assert_eq!(Known::lengths(&Config { context, ..Config::USUAL }), expected);
        }
    }
}
