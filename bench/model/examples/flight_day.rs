//! How long a day of the flight model takes: `cargo run --release -p orbitbench-model --example flight_day`.
//!
//! A ten-node satellite (six panels) in a dawn-dusk orbit with eclipses, and the same in half-second steps as the loop in real time
//! takes them. The environment is timed apart: it is asked for twice a step.

use model::Profile;
use model::flight::FlightModel;
use signal::{Kelvin, Watts};
use std::hint::black_box;
use std::time::Instant;

const DAY_S: f64 = 86_400.0;

fn main() {
    let (name, text) = model::profile::builtin()[0];
    let mut profile = Profile::parse(name, text).expect("a shipped profile is sound");
    profile.radiator.panels = 6;
    let flight = FlightModel::new(&profile, 72.0 * 1.12 / 100e3);
    let env = &profile.environment;
    let ms = |what: &str, mut run: Box<dyn FnMut() + '_>| {
        let best = (0..9).map(|_| Instant::now()).map(|start| {
            run();
            start.elapsed().as_secs_f64() * 1e3
        });
        println!("{what}: {:.2} ms", best.fold(f64::INFINITY, f64::min));
    };
    ms(
        "a ten-node day in steps of 10 s, eclipse edges split, its environment included",
        Box::new(|| {
            let mut state = flight.uniform(Kelvin(295.0));
            flight.fly(&mut state, env, (0.0, DAY_S), 10.0, |_| 72.0);
            black_box(&state);
        }),
    );
    ms(
        "the environment alone, twice a step",
        Box::new(|| {
            black_box(env.timeline(0.0, DAY_S, 4.7).fold(0.0, |sum, (_, sample)| sum + sample.a.ir_w_m2));
        }),
    );
    let still = env.at(0.0);
    ms(
        "a ten-node day in 8640 bare steps of 0.5 s",
        Box::new(|| {
            let mut state = flight.uniform(Kelvin(295.0));
            flight.step(&mut state, Watts(72.0), &still, &still, DAY_S / 20.0);
            black_box(&state);
        }),
    );
    ms(
        "a periodic start",
        Box::new(|| {
            black_box(flight.periodic(env, env.period_s(), |_| 72.0));
        }),
    );
}
