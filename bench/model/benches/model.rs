//! What our physics costs, by criterion: `cargo bench -p orbitbench-model --bench model`. Beside others' programs: `--bench peers`.

mod cases;

use criterion::{Criterion, criterion_group, criterion_main};
use model::flight::FlightModel;
use signal::{Kelvin, Watts};
use std::hint::black_box;

fn environment(c: &mut Criterion) {
    let environment = cases::environment();
    let year_s = 365.25 * 86_400.0;
    let mut group = c.benchmark_group("environment");
    group.sample_size(10);
    group.bench_function("a year of the 650 km orbit at 10 s", |b| {
        b.iter(|| environment.timeline(0.0, year_s, 10.0).map(|(_, s)| s.a.ir_w_m2 + s.b.albedo_w_m2 + s.solar_w_m2).sum::<f64>());
    });
    group.bench_function("every eclipse edge of that year", |b| b.iter(|| black_box(environment.shadow_edges(0.0, year_s)).len()));
    group.finish();
}

fn network(c: &mut Criterion) {
    let mut group = c.benchmark_group("network");
    group.bench_function("a day of ten nodes, dt 10 s", |b| b.iter(|| black_box(cases::chain(86_400.0, 10.0, 600.0))));
    let profile = cases::profile();
    let share = 72.0 * 1.12 / 100e3;
    let flight = FlightModel::new(&profile, share);
    let environment = &profile.environment;
    group.bench_function("an orbit of the flight model, dt 1 s", |b| {
        let samples: Vec<_> = environment.timeline(0.0, environment.period_s(), 1.0).map(|(_, s)| s).collect();
        b.iter(|| {
            let mut state = flight.uniform(Kelvin(300.0));
            for pair in samples.windows(2) {
                flight.step(&mut state, Watts(16.0 + 56.0 * pair[0].illumination), &pair[0], &pair[1], 1.0);
            }
            black_box(state)
        });
    });
    group.sample_size(10);
    group.bench_function("the periodic state of that orbit", |b| {
        b.iter(|| flight.periodic(environment, environment.period_s(), |t| 16.0 + 56.0 * environment.at(t).illumination));
    });
    group.finish();
}

criterion_group!(benches, environment, network);
criterion_main!(benches);
