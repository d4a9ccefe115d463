//! The Pareto front: the points than which no other is better in one thing without being worse in the other.

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Larger.
    More,
    /// Smaller.
    Less,
}

/// Numbers of the points on the front of two things, in order of the second; points with either missing are not on it. Equal points are
/// all on it or none.
pub fn front(first: (&[Option<f64>], Better), second: (&[Option<f64>], Better)) -> Vec<usize> {
    let cost = |v: f64, better| if better == Better::More { -v } else { v };
    let mut points: Vec<(f64, f64, usize)> =
        first.0.iter().zip(second.0).enumerate().filter_map(|(n, (a, b))| Some((cost((*b)?, second.1), cost((*a)?, first.1), n))).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut front = Vec::new();
    let mut best: Option<(f64, f64)> = None;
    for (b, a, n) in points {
        if best.is_none_or(|(best_b, best_a)| a < best_a || (a == best_a && b == best_b)) {
            best = Some((b, a));
            front.push(n);
        }
    }
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By the definition, at the price of comparing all with all.
    fn brute(first: &[Option<f64>], second: &[Option<f64>]) -> Vec<usize> {
        let pair = |n: usize| Some((first[n]?, second[n]?));
        let dominated = |n: usize| {
            let Some((a, b)) = pair(n) else { return true };
            (0..first.len()).filter_map(pair).any(|(x, y)| x >= a && y <= b && (x > a || y < b))
        };
        (0..first.len()).filter(|n| !dominated(*n)).collect()
    }

    proptest! {
        #[test]
        fn equals_the_definition(points in prop::collection::vec((prop::option::weighted(0.9, 0..12_i32), 0..12_i32), 0..60)) {
            let first: Vec<Option<f64>> = points.iter().map(|p| p.0.map(f64::from)).collect();
            let second: Vec<Option<f64>> = points.iter().map(|p| Some(f64::from(p.1))).collect();
            let mut found = front((&first, Better::More), (&second, Better::Less));
            prop_assert!(found.windows(2).all(|w| second[w[0]] <= second[w[1]]));
            found.sort_unstable();
            prop_assert_eq!(found, brute(&first, &second));
            // Turned over, it is the same front.
            let turned: Vec<Option<f64>> = first.iter().map(|v| v.map(|v| -v)).collect();
            let mut found = front((&turned, Better::Less), (&second, Better::Less));
            found.sort_unstable();
            prop_assert_eq!(found, brute(&first, &second));
        }
    }

    #[test]
    fn a_front_by_hand() {
        let work = [Some(1.0), Some(2.0), Some(2.0), Some(3.0), None, Some(0.5)];
        let kg = [Some(10.0), Some(20.0), Some(25.0), Some(40.0), Some(1.0), Some(11.0)];
        assert_eq!(front((&work, Better::More), (&kg, Better::Less)), [0, 1, 3]);
        assert!(front((&[], Better::More), (&[], Better::Less)).is_empty());
    }
}
