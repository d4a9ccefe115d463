use super::*;
use crate::commission;
use crate::setup::Source;
use crate::workmap::Order;
use signal::{Origin, Reading};
use survey::{Energy, Figure};

fn survey() -> Survey {
    let (_, text) = rig::builtin().iter().find(|(n, _)| *n == "twin").expect("shipped");
    let rig = Source { file: "twin.toml".into(), from: "built in".into(), text: (*text).to_owned() };
    let bench = commission::Order { rig, accelerator: None, workload: None, dt_s: 1.0, speed: None, seed: 1, quick: false };
    Survey::build(Order {
        bench,
        coolant_degc: Some(vec![20.0]),
        budget_w: Some(vec![16.0, 50.0, 72.0]),
        batches: Vec::new(),
        repeats: 1,
        reference_every: 1,
        window_s: 60.0,
        actuator: Actuator::Pacing,
        uncommissioned: false,
        unattended: false,
    })
    .expect("a survey")
}

/// A bench that stands, at 50 W of power and 10 units a second. What its counter reads at bench second `t`, with its epoch, is given; `None` is a gap.
fn found(counter: impl Fn(f64) -> Option<(f64, f64)>) -> Found {
    let survey = survey();
    let (mut point, mut level) = (Measurement::new(Some(20.0), 0.5, 0.0), 0.0);
    for k in 0..1000 {
        let t = f64::from(k);
        let mut readings = Snapshot::default();
        let mut good = |channel, value| readings.set(channel, Reading::good(value, t, Origin::Simulated));
        for (channel, value) in [(Channel::Plate, 20.0), (Channel::Die, 40.0), (Channel::BoardPower, 50.0), (Channel::WorkUnits, 10.0 * t)]
        {
            good(channel, value);
        }
        if let Some((j, epoch)) = counter(t) {
            good(Channel::BoardEnergy, j);
            good(Channel::EnergyEpoch, epoch);
        }
        let now = Now { t, readings: &readings, setpoint: Some(20.0), survey: &survey, worked: true };
        match point.tick(&now, &mut level) {
            Step::Go(_) => {}
            Step::Done(found) => return *found,
            Step::Failed(why) => panic!("{why}"),
        }
    }
    panic!("it is never over")
}

/// What a counter reads at a bench second, with its epoch.
type Counter<'a> = Box<dyn Fn(f64) -> Option<(f64, f64)> + 'a>;

/// When the window of a sound counter begins and ends, bench s.
fn window() -> (f64, f64) {
    let survey = survey();
    let facts = survey.facts();
    // Half of the load on its ramp, a window of settling, and a tick on either side.
    let begins = 0.5 * RAMP_S + STEADY_S + 3.0 * facts.dt_s;
    (begins, begins + survey.order.window_s)
}

#[test]
fn the_windows_energy_is_the_counters_where_that_can_be_believed() {
    let sound = found(|t| Some((7e6 + 51.0 * t, 1.0)));
    assert_eq!((sound.status, sound.energy, sound.why.as_str()), (Status::Measured, Some(Energy::Counter), ""));
    let power = sound.figures.get(Figure::Power).expect("known");
    assert!((power - 51.0).abs() < 1e-6, "{power}");
    assert!((sound.figures.get(Figure::CounterGap).expect("both ways") - 0.02).abs() < 1e-6);
    assert!((sound.figures.get(Figure::PerJoule).expect("work") - 10.0 / 51.0).abs() < 1e-6);
}

/// A driver that is loaded anew in the middle of the window begins to count at nothing, or, if much was counted before, at what looks like a small step forward:
/// either way the two ends are of two counters. Power is integrated then, and it is said.
#[test]
fn a_counter_that_began_anew_within_the_window_gives_way_to_integrated_power() {
    let (begins, ends) = window();
    let reset_s = f64::midpoint(begins, ends).round();
    let anew = |t: f64| 50.0 * (t - reset_s);
    let counters: [(&str, Counter<'_>); 4] = [
        ("falls to nothing, and says so", Box::new(|t| Some(if t < reset_s { (7e6 + 50.0 * t, 1.0) } else { (anew(t), 2.0) }))),
        ("falls to nothing, and does not say so", Box::new(|t| Some(if t < reset_s { (7e6 + 50.0 * t, 1.0) } else { (anew(t), 1.0) }))),
        // The energy over the whole window is what it should be: only the epoch tells.
        ("goes on as if nothing had been", Box::new(|t| Some((50.0 * t, if t < reset_s { 1.0 } else { 2.0 })))),
        (
            "is not to be read while it happens",
            Box::new(|t| {
                let gone = (t - reset_s).abs() < 5.0;
                (!gone).then_some(if t < reset_s { (7e6 + 50.0 * t, 1.0) } else { (8e6 + anew(t), 2.0) })
            }),
        ),
    ];
    for (what, counter) in counters {
        let found = found(counter);
        assert_eq!((found.status, found.energy), (Status::Measured, Some(Energy::Integral)), "{what}: {}", found.why);
        assert!(found.why.contains("fell or began anew within the window"), "{what}: {}", found.why);
        assert!((found.figures.get(Figure::Power).expect("integrated") - 50.0).abs() < 1e-6, "{what}");
        assert_eq!(found.figures.get(Figure::CounterGap), None, "{what}");
    }
    // What was before the window is no matter.
    let before = found(|t| Some(if t < begins - 20.0 { (7e6 + 50.0 * t, 1.0) } else { (50.0 * t, 2.0) }));
    assert_eq!((before.energy, before.why.as_str()), (Some(Energy::Counter), ""));
}

/// What power readings rule out is no energy, forward or not.
#[test]
fn a_counter_that_moves_by_what_power_rules_out_gives_way() {
    let (begins, ends) = window();
    let jump_s = f64::midpoint(begins, ends).round();
    for (what, j) in [("jumps ahead", 1e6), ("is a thousandth", f64::NAN)] {
        let found = found(|t| Some((if j.is_nan() { 0.05 * t } else { 50.0 * t + if t < jump_s { 0.0 } else { j } }, 1.0)));
        assert_eq!(found.energy, Some(Energy::Integral), "{what}");
        assert!(found.why.contains("power readings rule out"), "{what}: {}", found.why);
    }
}
