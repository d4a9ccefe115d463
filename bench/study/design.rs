//! Where in the space of parameters to look: a full grid, a Latin hypercube, or the samples that Sobol' indices and Morris'
//! effects are made of. A design is a function of its kind, size and seed; neither threads nor the order of flying matter.

use crate::sequence::{DIMENSIONS, Sequence};
use crate::vary::Vary;
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::fmt;
use std::str::FromStr;

/// Levels of Morris' grid, and how many of them a step goes: half of them, so that all are equally likely (Morris 1991).
const LEVELS: usize = 4;
const STEP: usize = LEVELS / 2;

/// Most points a sweep may have.
pub const MOST_POINTS: usize = 1_000_000;

/// How the points are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Every combination of the levels.
    Grid,
    /// A Latin hypercube: each parameter has one value in each of `samples` equal strata.
    Lhs,
    /// `samples` x (parameters + 2) points for Sobol' indices (Saltelli 2010, on Sobol' points).
    Sobol,
    /// `samples` walks of parameters + 1 points for Morris' elementary effects.
    Morris,
}

/// Kind, size and seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Design {
    /// How.
    pub scheme: Scheme,
    /// How many; a grid counts for itself.
    pub samples: usize,
    /// What draws it; a grid is not drawn.
    pub seed: u64,
}

const SCHEMES: [(&str, Scheme); 4] = [("grid", Scheme::Grid), ("lhs", Scheme::Lhs), ("sobol", Scheme::Sobol), ("morris", Scheme::Morris)];

impl Scheme {
    /// Its word on the command line and in files.
    pub fn word(self) -> &'static str {
        SCHEMES.iter().find(|(_, s)| *s == self).map_or("", |(word, _)| *word)
    }

    /// Every scheme with its word.
    pub const fn all() -> &'static [(&'static str, Self)] {
        &SCHEMES
    }

    /// Samples if none are asked for.
    pub const fn usual_samples(self) -> u32 {
        match self {
            Self::Grid => 0,
            Self::Lhs => 100,
            Self::Sobol => 64,
            Self::Morris => 20,
        }
    }
}

impl FromStr for Scheme {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        SCHEMES
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, s)| *s)
            .ok_or_else(|| format!("\"{text}\" is no design: expected grid, lhs, sobol or morris"))
    }
}

impl fmt::Display for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Grid => f.write_str("grid"),
            other => write!(f, "{}, samples {}, seed {}", other.word(), self.samples, self.seed),
        }
    }
}

impl FromStr for Design {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(", ");
        let scheme: Scheme = parts.next().unwrap_or_default().parse()?;
        let mut number = |name: &str| {
            let part = parts.next().and_then(|p| p.strip_prefix(name)).and_then(|p| p.trim().parse::<u64>().ok());
            part.ok_or_else(|| format!("\"{text}\" does not say its {name}"))
        };
        let (samples, seed) = if scheme == Scheme::Grid { (0, 0) } else { (number("samples")?, number("seed")?) };
        Ok(Self { scheme, samples: samples as usize, seed })
    }
}

/// The points of a design.
#[derive(Clone, Debug, PartialEq)]
pub enum Points {
    /// Levels of each parameter; the last one changes fastest.
    Grid(Vec<usize>),
    /// Coordinates in the unit cube of the parameters that are not fixed.
    Cube(Vec<Vec<f64>>),
}

impl Points {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Grid(levels) => levels.iter().product(),
            Self::Cube(points) => points.len(),
        }
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Level of each parameter at point `index` of a grid.
    pub(crate) fn levels(levels: &[usize], mut index: usize) -> Vec<usize> {
        let mut at = vec![0; levels.len()];
        for (at, count) in at.iter_mut().zip(levels).rev() {
            *at = index % count;
            index /= count;
        }
        at
    }
}

impl Design {
    /// The points for `vary`, or why there are none.
    pub fn points(&self, vary: &[Vary]) -> Result<Points, String> {
        let factors = vary.iter().filter(|v| !v.over.is_fixed()).count();
        if factors == 0 {
            return Err("nothing is varied: give at least one --vary KEY=FROM..TO or KEY=VALUE,VALUE".into());
        }
        if self.scheme == Scheme::Grid {
            return grid(vary);
        }
        if let Some(v) = vary.iter().find(|v| matches!(v.over, crate::vary::Over::Range { points: Some(_), .. })) {
            return Err(format!("{v}: a number of points is for --design grid; a {} takes its own", self.scheme.word()));
        }
        if self.samples < 2 {
            return Err(format!("--samples {} is too few: expected at least 2", self.samples));
        }
        let each = match self.scheme {
            Scheme::Grid | Scheme::Lhs => 1,
            Scheme::Sobol => factors + 2,
            Scheme::Morris => factors + 1,
        };
        check_size(self.samples.checked_mul(each))?;
        if self.scheme == Scheme::Sobol && 2 * factors > DIMENSIONS {
            return Err(format!("{factors} parameters are too many for sobol: at most {}; sift them with --design morris", DIMENSIONS / 2));
        }
        Ok(Points::Cube(self.cube(factors)))
    }

    /// The points in the unit cube of `factors` dimensions.
    ///
    /// # Panics
    /// For a grid, which has levels instead.
    pub fn cube(&self, factors: usize) -> Vec<Vec<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        match self.scheme {
            Scheme::Grid => panic!("a grid has levels, not a cube"),
            Scheme::Lhs => hypercube(self.samples, factors, &mut rng),
            Scheme::Sobol => saltelli(self.samples, factors, &mut rng),
            Scheme::Morris => (0..self.samples).flat_map(|_| walk(factors, &mut rng)).collect(),
        }
    }
}

fn check_size(points: Option<usize>) -> Result<usize, String> {
    match points {
        Some(n) if n <= MOST_POINTS => Ok(n),
        Some(n) => Err(format!("this design has {n} points: expected at most {MOST_POINTS}")),
        None => Err(format!("this design has more points than can be counted: expected at most {MOST_POINTS}")),
    }
}

fn grid(vary: &[Vary]) -> Result<Points, String> {
    let levels = vary
        .iter()
        .map(|v| v.over.count().ok_or_else(|| format!("{v}: on a grid a range needs its number of points, such as {v}:5")))
        .collect::<Result<Vec<usize>, _>>()?;
    check_size(levels.iter().try_fold(1_usize, |product, n| product.checked_mul(*n)))?;
    Ok(Points::Grid(levels))
}

/// One value in each stratum of each dimension, in random order and at a random place within (`McKay`, Beckman and Conover 1979).
fn hypercube(samples: usize, factors: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
    let mut points = vec![vec![0.0; factors]; samples];
    for factor in 0..factors {
        let mut strata: Vec<usize> = (0..samples).collect();
        strata.shuffle(rng);
        for (point, stratum) in points.iter_mut().zip(strata) {
            // Just below 1, so that no rounding lifts a value into the next stratum.
            let within: f64 = rng.random::<f64>().min(1.0 - 1e-6);
            point[factor] = (stratum as f64 + within) / samples as f64;
        }
    }
    points
}

/// For each of `samples`: A, then A with each coordinate in turn taken from B, then B (Saltelli et al. 2010).
fn saltelli(samples: usize, factors: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
    let shift = (0..2 * factors).map(|_| rng.random()).collect();
    let mut sequence = Sequence::new(shift);
    let mut points = Vec::with_capacity(samples * (factors + 2));
    for _ in 0..samples {
        let both = sequence.next_point();
        let (a, b) = both.split_at(factors);
        points.push(a.to_vec());
        for factor in 0..factors {
            let mut mixed = a.to_vec();
            mixed[factor] = b[factor];
            points.push(mixed);
        }
        points.push(b.to_vec());
    }
    points
}

/// A walk through Morris' grid that steps once in each dimension, in random order and direction.
fn walk(factors: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
    let mut at: Vec<usize> = (0..factors).map(|_| rng.random_range(0..LEVELS as u32) as usize).collect();
    let mut order: Vec<usize> = (0..factors).collect();
    order.shuffle(rng);
    let unit = |at: &[usize]| at.iter().map(|level| *level as f64 / (LEVELS - 1) as f64).collect::<Vec<f64>>();
    let mut walk = vec![unit(&at)];
    for factor in order {
        // From the lower half up, from the upper half down: where there is room for the step.
        at[factor] = if at[factor] < STEP { at[factor] + STEP } else { at[factor] - STEP };
        walk.push(unit(&at));
    }
    walk
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn varied(texts: &[&str]) -> Vec<Vary> {
        texts.iter().map(|t| t.parse().expect("a literal")).collect()
    }

    fn design(scheme: Scheme, samples: usize, seed: u64) -> Design {
        Design { scheme, samples, seed }
    }

    #[test]
    fn a_grid_counts_like_a_clock() {
        let points = design(Scheme::Grid, 0, 0).points(&varied(&["a=1..2:2", "b=x", "c=1,2,3"])).expect("a grid");
        let Points::Grid(levels) = &points else { panic!("a grid") };
        assert_eq!(points.len(), 6);
        let all: Vec<Vec<usize>> = (0..6).map(|i| Points::levels(levels, i)).collect();
        assert_eq!(all, [[0, 0, 0], [0, 0, 1], [0, 0, 2], [1, 0, 0], [1, 0, 1], [1, 0, 2]]);
    }

    #[test]
    fn designs_that_cannot_be_are_refused() {
        let many: Vec<String> = (0..21).map(|n| format!("a{n}=0..1")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (design, vary, why) in [
            (design(Scheme::Grid, 0, 0), &["a=1"][..], "nothing is varied"),
            (design(Scheme::Grid, 0, 0), &[], "nothing is varied"),
            (design(Scheme::Grid, 0, 0), &["a=1..2"], "needs its number of points, such as a=1..2:5"),
            (design(Scheme::Grid, 0, 0), &["a=1..2:1001", "b=1..2:1000"], "1001000 points: expected at most 1000000"),
            (design(Scheme::Grid, 0, 0), &["a=1..2:99999"; 5], "more points than can be counted"),
            (design(Scheme::Lhs, 1, 0), &["a=1..2"], "too few"),
            (design(Scheme::Lhs, 10, 0), &["a=1..2:3"], "for --design grid"),
            (design(Scheme::Sobol, usize::MAX, 0), &["a=1..2"], "more points"),
            (design(Scheme::Sobol, 8, 0), &many, "sift them with --design morris"),
        ] {
            let refused = design.points(&varied(vary)).expect_err(why);
            assert!(refused.contains(why), "{refused}");
        }
        assert_eq!(design(Scheme::Morris, 8, 0).points(&varied(&many)).expect("sifted").len(), 8 * 22);
    }

    #[test]
    fn a_design_is_its_words() {
        for (_, scheme) in Scheme::all() {
            let whole = if *scheme == Scheme::Grid { design(*scheme, 0, 0) } else { design(*scheme, 12, 99) };
            assert_eq!(whole.to_string().parse(), Ok(whole));
        }
        assert!("lhs, samples 12".parse::<Design>().is_err());
    }

    proptest! {
        #[test]
        fn a_latin_hypercube_has_one_value_in_each_stratum(samples in 2..200_usize, factors in 1..7_usize, seed: u64) {
            let points = design(Scheme::Lhs, samples, seed).cube(factors);
            for factor in 0..factors {
                let mut seen = vec![0; samples];
                for point in &points {
                    seen[(point[factor] * samples as f64) as usize] += 1;
                }
                prop_assert_eq!(&seen, &vec![1; samples]);
            }
        }

        #[test]
        fn a_walk_steps_once_in_each_dimension(factors in 1..9_usize, seed: u64) {
            for walk in design(Scheme::Morris, 3, seed).cube(factors).chunks(factors + 1) {
                let mut moved = vec![0; factors];
                for pair in walk.windows(2) {
                    for (factor, moved) in moved.iter_mut().enumerate() {
                        let step = (pair[1][factor] - pair[0][factor]).abs();
                        prop_assert!(step < 1e-12 || (step - 2.0 / 3.0).abs() < 1e-12);
                        *moved += usize::from(step > 0.0);
                    }
                }
                prop_assert_eq!(moved, vec![1; factors]);
                prop_assert!(walk.iter().flatten().all(|u| (0.0..=1.0).contains(u)));
            }
        }

        #[test]
        fn seeds_draw_and_nothing_else_does(seed: u64, scheme in prop::sample::select(vec![Scheme::Lhs, Scheme::Sobol, Scheme::Morris])) {
            let drawn = design(scheme, 16, seed).cube(3);
            prop_assert_eq!(&drawn, &design(scheme, 16, seed).cube(3));
            prop_assert_ne!(&drawn, &design(scheme, 16, seed ^ 1).cube(3));
        }

        #[test]
        fn saltellis_points_differ_in_one_coordinate(seed: u64) {
            for block in design(Scheme::Sobol, 8, seed).cube(3).chunks(5) {
                let (a, b) = (&block[0], &block[4]);
                for factor in 0..3 {
                    for coordinate in 0..3 {
                        let from = if coordinate == factor { b } else { a };
                        prop_assert_eq!(block[1 + factor][coordinate], from[coordinate]);
                    }
                }
            }
        }
    }
}
