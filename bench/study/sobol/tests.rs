use super::*;
use crate::design::{Design, Scheme};
use crate::testing::{cases, g_function, ishigami, shuffled};

fn sampled(samples: usize, factors: usize, function: fn(&[f64]) -> f64) -> Vec<Option<f64>> {
    let cube = Design { scheme: Scheme::Sobol, samples, seed: 1 }.cube(factors);
    cube.iter().map(|x| Some(function(x))).collect()
}

#[test]
fn indices_are_those_of_salib() {
    for (case, factors) in [("ishigami", 3), ("g", 4)] {
        let outputs: Vec<Option<f64>> = cases("y", case).iter().map(|row| Some(row[0])).collect();
        let expected = cases("index", case);
        assert_eq!((outputs.len(), expected.len()), (32 * (factors + 2), factors));
        let found = indices(&outputs, factors).expect("it varies");
        for (factor, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!((found.first.value - expected[0]).abs() < 1e-9, "{case}, S{factor}: {} is not {}", found.first.value, expected[0]);
            assert!((found.total.value - expected[1]).abs() < 1e-9, "{case}, ST{factor}: {} is not {}", found.total.value, expected[1]);
        }
    }
}

/// Name, function, first-order and total indices.
type Known = (&'static str, fn(&[f64]) -> f64, Vec<f64>, Vec<f64>);

/// Functions with indices in closed form.
fn closed_forms() -> [Known; 2] {
    // Ishigami and Homma 1990, a = 7, b = 0.1.
    let (a, b, pi4, pi8) = (7.0, 0.1, std::f64::consts::PI.powi(4), std::f64::consts::PI.powi(8));
    let total = a * a / 8.0 + b * pi4 / 5.0 + b * b * pi8 / 18.0 + 0.5;
    let (v1, v2, v13) = (0.5 * (1.0 + b * pi4 / 5.0).powi(2), a * a / 8.0, b * b * pi8 * (1.0 / 18.0 - 1.0 / 50.0));
    let ishigami_first = vec![v1 / total, v2 / total, 0.0];
    let ishigami_total = vec![(v1 + v13) / total, v2 / total, v13 / total];
    // Saltelli and Sobol' 1995.
    let parts: Vec<f64> = [0.0, 1.0, 4.5, 9.0_f64].iter().map(|a| 1.0 / (3.0 * (1.0 + a).powi(2))).collect();
    let all: f64 = parts.iter().map(|v| 1.0 + v).product::<f64>() - 1.0;
    let g_first = parts.iter().map(|v| v / all).collect();
    let g_total = parts.iter().map(|v| v * ((all + 1.0) / (1.0 + v)) / all).collect();
    [("ishigami", ishigami, ishigami_first, ishigami_total), ("g", g_function, g_first, g_total)]
}

#[test]
fn indices_come_to_the_closed_forms_and_their_intervals_hold_them() {
    for (name, function, first, total) in closed_forms() {
        let found = indices(&sampled(2048, first.len(), function), first.len()).expect("it varies");
        for factor in 0..first.len() {
            let index = found[factor];
            for (what, estimate, truth) in [("first", index.first, first[factor]), ("total", index.total, total[factor])] {
                assert!((estimate.value - truth).abs() < 0.01, "{name} {what} {factor}: {estimate:?}, truly {truth}");
                // The bootstrap takes the points for random ones; they are more even, so its interval is wide enough.
                let room = 0.005;
                assert!(
                    estimate.low - room <= truth && truth <= estimate.high + room,
                    "{name} {what} {factor}: {estimate:?}, truly {truth}"
                );
            }
        }
    }
}

#[test]
fn shuffled_outputs_show_no_influence_alone() {
    let outputs = shuffled(sampled(1024, 3, ishigami));
    for (factor, index) in indices(&outputs, 3).expect("it varies").iter().enumerate() {
        assert!(index.first.value.abs() < 0.1, "S{factor}: {:?}", index.first);
        assert!(index.first.low < 0.0 && index.first.high > 0.0, "S{factor}: {:?}", index.first);
        // Every change of any parameter redraws the output: each has all of the variance, with all others.
        assert!((index.total.value - 1.0).abs() < 0.15, "ST{factor}: {:?}", index.total);
    }
}

#[test]
fn holes_cost_their_base_sample_and_nothing_else() {
    let whole = sampled(512, 3, ishigami);
    let mut holed = whole.clone();
    for n in (3..holed.len()).step_by(97) {
        holed[n] = None;
    }
    assert!(samples_used(&holed, 3) < samples_used(&whole, 3));
    let (a, b) = (indices(&whole, 3).expect("varies"), indices(&holed, 3).expect("varies"));
    for (a, b) in a.iter().zip(&b) {
        assert!((a.total.value - b.total.value).abs() < 0.1);
    }
    assert_eq!(indices(&[Some(3.0); 50], 3), None, "a constant depends on nothing");
    assert_eq!(indices(&[None; 50], 3), None);
    assert_eq!(indices(&[], 3), None);
}

#[test]
fn the_same_outputs_have_the_same_intervals() {
    let outputs = sampled(64, 4, g_function);
    assert_eq!(indices(&outputs, 4), indices(&outputs, 4));
}
