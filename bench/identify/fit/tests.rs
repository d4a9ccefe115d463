use super::*;
use crate::filter::Noise;
use crate::log::{Sample, jolts};
use crate::steady;
use model::tec::{Bank, Module};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use signal::{Celsius, Kelvin};
use std::path::Path;
use twin::Spreads;
use twin::plant::Temperatures;

fn believed() -> Belief {
    Belief {
        plant: Plant {
            die_j_k: 60.0,
            die_plate_k_w: 0.30,
            plate_j_k: 400.0,
            loss_w_k: 0.4,
            sink_j_k: 2200.0,
            sink_k_w: 0.18,
            room: Celsius(23.0),
            capture_frac: 0.97,
            bank: Bank { module: Module { seebeck_v_k: 0.05, resistance_ohm: 3.0, conductance_w_k: 0.33 }, series: 2, parallel: 3 },
            circuit: None,
        },
        spreads: Spreads {
            plate_sensor_k: 0.1,
            sink_sensor_k: 0.5,
            die_sensor_k: 0.7,
            room_k: 0.7,
            room_drift_k: 0.3,
            ..Spreads::default()
        },
        coupled: true,
    }
}

/// `testdata/gls.py` made this log and fitted it: its own plant, one dense covariance instead of a filter, `SciPy`'s least squares. Same
/// noise given, both must find the same unknowns with the same standard errors.
#[test]
fn another_program_finds_the_same_with_the_same_errors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let log = Log::read(&folder.join("gls.csv")).expect("a sound log");
    let reference: toml::Table = std::fs::read_to_string(folder.join("gls.toml")).expect("there").parse().expect("TOML");
    assert_eq!(jolts(&log.samples), []);
    let (belief, logs) = (believed(), [log]);
    let keys: Vec<Key> = Key::ALL.into_iter().filter(|k| !matches!(k, Key::PlateDelay | Key::DieDelay | Key::RampCurrent)).collect();
    let mut problem = Identification::new(&belief, &logs, keys.clone(), &[]);
    problem.noise = Noise {
        read: [0.02, 0.03, 0.15, 0.03],
        current_a: 0.01,
        sink_walk: 1e-3,
        die_walk: 5e-3,
        slow_k: 0.2,
        slow_s: 40.0,
        answer_a: 0.0,
        answer_v: 0.0,
        ramp_a_s_k: 0.0,
    };
    problem.filter();
    let found = least_squares::fit(&problem, &vec![0.0; keys.len()], Stop { gain: 1e-12, ..FIRST }).expect("finite");
    let cost = reference["cost"].as_float().expect("a number");
    assert!((found.sum_of_squares / cost - 1.0).abs() < 2e-3, "{} instead of {cost}", found.sum_of_squares);
    let covariance = found.information.inverse().expect("determined");
    for (at, key) in keys.iter().enumerate() {
        let [unknown, sigma] = [0, 1].map(|i| reference[key.name()][i].as_float().expect("a number"));
        let own = covariance.get(at, at).sqrt();
        assert!((own / sigma - 1.0).abs() < 0.01, "{}: standard error {own} instead of {sigma}", key.name());
        assert!((found.x[at] - unknown).abs() < 0.03 * sigma, "{}: {} instead of {unknown} +- {sigma}", key.name(), found.x[at]);
    }
}

/// A bench that is flown here: its true plant, sensors that err, a heater on the plate if there is one.
struct Bench {
    plant: Plant,
    offsets: [f64; 3],
    noise_k: f64,
}

/// For so many seconds: current, board power, heater.
type Phase = (u32, f64, f64, f64);

impl Bench {
    fn other() -> Self {
        let mut plant = believed().plant;
        plant.die_j_k *= 1.1;
        plant.die_plate_k_w *= 0.9;
        plant.plate_j_k *= 1.06;
        plant.loss_w_k *= 1.4;
        plant.sink_j_k *= 0.9;
        plant.sink_k_w *= 1.1;
        plant.room = Celsius(22.4);
        plant.capture_frac *= 0.96;
        plant.bank.module = Module { seebeck_v_k: 0.053, resistance_ohm: 2.8, conductance_w_k: 0.36 };
        Self { plant, offsets: [0.05, -0.2, 0.4], noise_k: 0.02 }
    }

    fn flown(&self, phases: &[Phase]) -> Log {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut normal = || <StandardNormal as Distribution<f64>>::sample(&StandardNormal, &mut rng);
        let room = Kelvin::from(self.plant.room);
        let mut t = Temperatures { die: room, plate: room, sink: room };
        let (mut amps, mut samples) = (0.0, Vec::new());
        for (seconds, target, board, heater) in phases {
            for _ in 0..*seconds {
                let degc = [t.plate, t.sink, t.die].map(|k| Celsius::from(k).0);
                let volts = self.plant.bank.voltage_v(amps, t.plate, t.sink) + 0.01 * normal();
                let read = [0, 1, 2].map(|i| Some(degc[i] + self.offsets[i] + self.noise_k * normal()));
                samples.push(Sample {
                    t_s: samples.len() as f64,
                    amps: Some(amps),
                    on: Some(true),
                    board_w: Some(*board),
                    moved_k: 0.0,
                    heater_w: *heater,
                    ambient_degc: None,
                    read: [read[0], read[1], read[2], Some(volts)],
                });
                // A stage that slews: a row sees most of what flows.
                let next = amps + (target - amps).clamp(-0.05, 0.05);
                for step in 1..=10 {
                    let now = amps + (next - amps) * f64::from(step) / 10.0;
                    self.plant.advance(&mut t, 0.1, room, *board, now);
                    t.plate.0 += heater * 0.1 / self.plant.plate_j_k;
                }
                amps = next;
            }
        }
        // What is a row's is the mean over the step before it.
        for k in (1..samples.len()).rev() {
            (samples[k].board_w, samples[k].heater_w) = (samples[k - 1].board_w, samples[k - 1].heater_w);
        }
        Log { name: "flown".into(), samples, ..Log::default() }
    }
}

const STEPS: &[Phase] = &[
    (300, 0.0, 16.0, 0.0),
    (600, 3.0, 60.0, 0.0),
    (500, 1.0, 16.0, 0.0),
    (500, -1.5, 16.0, 0.0),
    (600, 4.0, 72.0, 0.0),
    (500, 0.5, 40.0, 0.0),
];

fn off(fit: &Fit, bench: &Bench, key: Key) -> f64 {
    let real = match key {
        Key::PlateOffset => bench.offsets[0],
        Key::SinkOffset => bench.offsets[1],
        Key::DieOffset => bench.offsets[2],
        other => other.of(&bench.plant),
    };
    (fit.get(key).value - real) / fit.get(key).sigma
}

#[test]
fn a_bench_is_found_and_what_no_log_sees_stays_believed() {
    let bench = Bench::other();
    let belief = believed();
    let found = fit(&belief, &[bench.flown(STEPS)], &Choice::default()).expect("a fit");
    assert!(found.refused().is_none() && found.converged);
    for key in Key::ALL {
        assert!(off(&found, &bench, key).abs() < 3.0, "{} is {:.1} sigma off: {:?}", key.name(), off(&found, &bench, key), found.get(key));
    }
    for key in [Key::Plate, Key::Sink, Key::Seebeck, Key::Resistance, Key::Conductance, Key::SinkRoom] {
        assert!(matches!(found.get(key).rests, Rests::Log(_)), "{}: {}", key.name(), found.get(key).rests);
    }
    assert!(found.condition > 1.0 && found.condition.is_finite());
    assert!(found.chi_square < 0.1, "{}", found.chi_square);

    // Without a die nobody tells its offset; without current nobody tells the bank's resistance.
    let mut blind = bench.flown(&[(600, 0.0, 16.0, 0.0), (900, 0.0, 60.0, 0.0), (600, 0.0, 20.0, 0.0)]);
    for sample in &mut blind.samples {
        sample.read[Channel::Die as usize] = None;
        sample.read[Channel::Volts as usize] = None;
    }
    let found = fit(&belief, &[blind], &Choice::default()).expect("heat alone moves much");
    for key in [Key::DieOffset, Key::DieDelay, Key::Resistance, Key::Seebeck] {
        let (f, trust) = (found.get(key), key.trust(&belief.spreads));
        let was = if key.is_positive() { trust * f.believed } else { trust };
        assert_eq!(f.rests, Rests::Belief, "{}", key.name());
        assert!((f.sigma / was - 1.0).abs() < 0.05 && (f.value - f.believed).abs() < 0.2 * was, "{f:?}");
    }
    assert!(found.warnings.iter().any(|w| w.contains("15 % instrument")), "{:?}", found.warnings);
}

#[test]
fn fixed_stays_and_free_leans_on_nothing() {
    let bench = Bench::other();
    let log = [bench.flown(STEPS)];
    let choice = Choice { fix: vec![Key::Loss, Key::Room], free: vec![Key::Plate] };
    let found = fit(&believed(), &log, &choice).expect("a fit");
    let loss = found.get(Key::Loss);
    assert_eq!((loss.value, loss.sigma, loss.rests), (0.4, 0.0, Rests::Fixed));
    assert_eq!((found.covariance.get(3, 3), found.get(Key::Room).value), (0.0, 23.0));
    assert!(matches!(found.get(Key::Plate).rests, Rests::Log(_)));

    let at_rest = [bench.flown(&[(900, 0.0, 0.0, 0.0)])];
    let choice = Choice { free: vec![Key::Resistance], ..Choice::default() };
    let why = fit(&believed(), &at_rest, &choice).expect_err("nothing flows").to_string();
    assert!(why.contains("resistance_ohm"), "{why}");
}

#[test]
fn a_bench_at_rest_tells_nothing_and_that_is_said() {
    let mut bench = Bench::other();
    bench.noise_k = 0.3;
    let mut log = bench.flown(&[(400, 0.0, 0.0, 0.0)]);
    for sample in &mut log.samples {
        // The sensors of the plant alone: offsets would show against each other.
        sample.read[1..].fill(None);
    }
    let why = fit(&believed(), &[log], &Choice::default()).expect_err("nothing moved").to_string();
    assert!(why.starts_with("the logs determine nothing"), "{why}");
    let none = Log { name: "empty".into(), ..Log::default() };
    assert!(matches!(fit(&believed(), &[none], &Choice::default()), Err(FitError::NothingToFit(_))));
}

/// Holes, lost readings and a second log on another day change the uncertainty, not the bench.
#[test]
fn gaps_are_jumped_over() {
    let bench = Bench::other();
    let mut log = bench.flown(STEPS);
    log.samples.drain(700..760);
    for (k, sample) in log.samples.iter_mut().enumerate() {
        if k % 7 == 0 {
            sample.read[0] = None;
        }
        if (1500..1530).contains(&k) {
            sample.amps = None;
        }
        if (2000..2100).contains(&k) {
            sample.read = [None; 4];
        }
    }
    assert_eq!(log.stretches(true).len(), 3, "parted by the hole and the current that is not known");
    let found = fit(&believed(), &[log, bench.flown(STEPS)], &Choice::default()).expect("a fit");
    assert!(found.refused().is_none());
    for key in Key::ALL {
        assert!(off(&found, &bench, key).abs() < 3.0, "{} is {:.1} sigma off: {:?}", key.name(), off(&found, &bench, key), found.get(key));
    }
}

/// A log of something else is refused, not fitted: here half the heat is not in it.
#[test]
fn a_log_that_the_plant_does_not_describe_is_refused() {
    let bench = Bench::other();
    let mut log = bench.flown(&[(600, 1.0, 16.0, 0.0), (600, 1.0, 16.0, 60.0), (600, 3.0, 16.0, 0.0), (600, 2.0, 60.0, 60.0)]);
    for sample in &mut log.samples {
        sample.heater_w = 0.0;
    }
    let found = fit(&believed(), &[log], &Choice::default()).expect("numbers");
    let why = found.refused().expect("absurd");
    assert!(why.contains("reduced chi-square"), "{why}");
}

/// Heater substitution: known watts in the plate at five levels and more. Fit and steady states find the same `UA_loss`, independently.
#[test]
fn heater_substitution_finds_the_loss_twice() {
    let bench = Bench::other();
    let phases: Vec<Phase> = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0].map(|watts| (2400, 0.8, 0.0, watts)).to_vec();
    let log = [bench.flown(&phases)];
    let found = fit(&believed(), &log, &Choice::default()).expect("a fit");
    let loss = found.get(Key::Loss);
    assert!(off(&found, &bench, Key::Loss).abs() < 3.0 && matches!(loss.rests, Rests::Log(_)), "{loss:?}");
    let offsets = [Key::PlateOffset, Key::SinkOffset].map(|k| found.get(k).value);
    let line = steady::line(steady::states(&found.plant, offsets, true, &log)).expect("seven levels");
    assert!(line.states.len() >= 7, "{}", line.states.len());
    let apart = line.loss_w_k - loss.value;
    assert!(apart.abs() < 2.0 * line.sigma_w_k.hypot(loss.sigma), "{line:?} against {loss:?}");
    // The negative control: with the bank as its datasheet has it the balance does not close.
    let datasheet = steady::line(steady::states(&believed().plant, [0.0; 2], true, &log)).expect("seven levels");
    assert!((datasheet.loss_w_k - bench.plant.loss_w_k).abs() > 5.0 * (line.loss_w_k - bench.plant.loss_w_k).abs(), "{datasheet:?}");
}

/// Readings that come late are found to.
#[test]
fn a_delay_is_found() {
    let bench = Bench::other();
    let mut log = bench.flown(STEPS);
    let truth: Vec<Option<f64>> = log.samples.iter().map(|s| s.read[Channel::Die as usize]).collect();
    for (k, sample) in log.samples.iter_mut().enumerate() {
        sample.read[Channel::Die as usize] = truth[k.saturating_sub(4)];
    }
    let found = fit(&believed(), &[log], &Choice::default()).expect("a fit");
    let delay = found.get(Key::DieDelay);
    assert!((delay.value - 4.0).abs() < 2.0 * delay.sigma && delay.sigma < 0.5, "{delay:?}");
}
