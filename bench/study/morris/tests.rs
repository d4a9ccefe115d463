use super::*;
use crate::design::{Design, Scheme};
use crate::testing::{cases, ishigami, shuffled};

#[test]
fn effects_are_those_of_salib() {
    for (case, factors) in [("ishigami", 3), ("g", 4)] {
        let walks = cases("walk", case);
        let cube: Vec<Vec<f64>> = walks.iter().map(|row| row[1..].to_vec()).collect();
        let outputs: Vec<Option<f64>> = walks.iter().map(|row| Some(row[0])).collect();
        assert_eq!(outputs.len(), 6 * (factors + 1));
        let found = effects(&cube, &outputs, factors).expect("it varies");
        for (factor, (found, expected)) in found.iter().zip(&cases("effect", case)).enumerate() {
            let found = found.expect("every factor has steps");
            for (what, a, b) in [
                ("mean", found.mean, expected[0]),
                ("mean size", found.mean_abs.value, expected[1]),
                ("sigma", found.sigma.expect("six of them"), expected[2]),
            ] {
                assert!((a - b).abs() < 1e-9 * b.abs().max(1.0), "{case} {what} {factor}: {a} is not {b}");
            }
        }
    }
}

#[test]
fn a_plane_has_its_slopes_and_no_spread() {
    let cube = Design { scheme: Scheme::Morris, samples: 5, seed: 3 }.cube(4);
    let slopes = [3.0, -2.0, 0.0, 0.5];
    let outputs: Vec<Option<f64>> = cube.iter().map(|x| Some(10.0 + x.iter().zip(slopes).map(|(x, s)| x * s).sum::<f64>())).collect();
    for (found, slope) in effects(&cube, &outputs, 4).expect("it varies").into_iter().zip(slopes) {
        let found = found.expect("five steps");
        assert_eq!(found.count, 5);
        assert!((found.mean - slope).abs() < 1e-9 && (found.mean_abs.value - slope.abs()).abs() < 1e-9);
        assert!(found.sigma.is_some_and(|s| s < 1e-9));
        assert!((found.mean_abs.high - found.mean_abs.low).abs() < 1e-9);
    }
}

#[test]
fn a_step_without_an_end_is_left_out() {
    let cube = Design { scheme: Scheme::Morris, samples: 4, seed: 3 }.cube(2);
    let mut outputs: Vec<Option<f64>> = cube.iter().map(|x| Some(x[0] + 2.0 * x[1])).collect();
    for walk in outputs.chunks_mut(3).take(3) {
        walk[1] = None;
    }
    let found = effects(&cube, &outputs, 2).expect("it varies");
    for (found, slope) in found.into_iter().zip([1.0, 2.0]) {
        let found = found.expect("one is left");
        assert_eq!((found.count, found.sigma), (1, None));
        assert!((found.mean - slope).abs() < 1e-9);
    }
    assert_eq!(effects(&cube, &[None; 12], 2), None);
    assert_eq!(effects(&cube, &[Some(1.0); 12], 2), None);
}

/// Of shuffled outputs no parameter has a larger effect than another, beyond chance; of the true ones they have.
#[test]
fn shuffled_outputs_tell_no_parameter_from_another() {
    let cube = Design { scheme: Scheme::Morris, samples: 200, seed: 3 }.cube(3);
    // The third parameter does nothing.
    let truth: Vec<Option<f64>> = cube.iter().map(|x| Some(ishigami(&[x[0], x[1], 0.5]))).collect();
    let found: Vec<Effect> = effects(&cube, &truth, 3).expect("it varies").into_iter().map(|e| e.expect("steps")).collect();
    assert!(found[2].mean_abs.value < 1e-9 && found[0].mean_abs.low > 1.0);
    let found: Vec<Effect> = effects(&cube, &shuffled(truth), 3).expect("it varies").into_iter().map(|e| e.expect("steps")).collect();
    for pair in [(0, 1), (1, 2), (0, 2)] {
        let (a, b) = (found[pair.0].mean_abs, found[pair.1].mean_abs);
        assert!(a.low < b.high && b.low < a.high, "{a:?} and {b:?}");
    }
}
