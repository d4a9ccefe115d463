//! What it costs to put the work away in an eclipse, on a bench drawn by seed, beside what was predicted of it: in memory, on virtual time.

use crate::flight::{drawn, setup, setup_of};
use control::End;
use engine::memory::{MemoryBench, fly};
use engine::rehearse::rehearse;
use engine::setup::{Options, Setup};
use model::profile::PolicyChoice;
use record::{Column, Row};
use report::{Merit, Tax};
use signal::{Crossing, Place, Request, RunState};

fn crossing(profile: &str, crossing: Crossing) -> Setup {
    let options = setup(profile, 5).options;
    Setup::build(Options { crossing: Some(crossing), ..options }).expect("it flies")
}

/// Of one orbit under this policy, some keys changed.
fn under(profile: &str, policy: PolicyChoice, changes: &[(&str, &str)], crossing: Crossing) -> Setup {
    let options = setup_of(profile, changes, None).options;
    let mut setup = Setup::build(Options { policy: Some(policy), crossing: Some(crossing), ..options }).expect("it flies");
    setup.law.duration_s = setup.law.environment.period_s();
    setup
}

/// A tax, and the work that was done all the same.
type Paid = (Option<Tax>, f64);

/// What was paid, predicted and as it was on the bench; and the bench's rows and kinds of events.
fn flown(setup: &Setup) -> (Paid, Paid, Vec<Row>, Vec<&'static str>) {
    let told = rehearse(setup, |_| Ok::<(), std::convert::Infallible>(())).unwrap_or_else(|never| match never {});
    let mut bench = MemoryBench::new(setup, drawn(setup)).expect("a bench");
    let flown = fly(setup, &mut bench, |_, _, _| Vec::new());
    assert_eq!(flown.end, End::Done);
    let mut merit = Merit::new(setup.law.dt_s).around(Some(setup.law.environment.period_s()));
    flown.rows.iter().for_each(|row| merit.push(row));
    let figures = merit.figures(None);
    let kinds = flown.events.iter().map(|(_, e)| e.kind).filter(|k| ["power", "checkpoint", "restore"].contains(k)).collect();
    ((told.restart_tax, told.work.expect("work")), (figures.restart_tax, figures.work_units.expect("work")), flown.rows, kinds)
}

#[test]
fn the_tax_on_a_drawn_bench_is_what_was_predicted_of_it() {
    // Two orbits through the shadow.
    let profile = "noon-midnight-560";
    let ((none, idle), (still_none, _), _, kinds) = flown(&crossing(profile, Crossing::Idle));
    assert_eq!((none, still_none, kinds.len()), (None, None, 0));
    for how in [Crossing::Checkpoint, Crossing::Restart] {
        let ((predicted, work), (measured, done), rows, kinds) = flown(&crossing(profile, how));
        let (predicted, measured) = (predicted.expect("a tax"), measured.expect("a tax"));
        let pauses = measured.pauses;
        assert!(pauses > 0 && pauses == predicted.pauses, "{how}: {measured:?}");
        // It goes and comes, with a word of each; a run may end in the dark.
        let times = |kind| kinds.iter().filter(|k| **k == kind).count() as u64;
        assert_eq!(times("checkpoint"), pauses, "{kinds:?}");
        assert!(pauses - times("restore") <= 1 && times("power") >= 2 * pauses - 1, "{kinds:?}");
        assert_eq!(measured.lost_units > 0.0, how == Crossing::Restart);
        assert_eq!(measured.checkpoint_mib.is_some(), how == Crossing::Checkpoint);
        for (name, a, b) in [
            ("work", measured.work_frac, predicted.work_frac),
            ("energy", measured.energy_frac, predicted.energy_frac),
            ("lost", Some(1.0 + measured.lost_units), Some(1.0 + predicted.lost_units)),
            ("done", Some(done), Some(work)),
        ] {
            let (a, b) = (a.expect(name), b.expect(name));
            assert!(a > 0.0 && (a / b - 1.0).abs() < 0.1, "{how}, {name}: {a} measured, {b} predicted");
        }
        assert!(work < idle, "it costs something");
        // Away means idle: no work and no more power than that.
        let away = rows.iter().filter(|r| r.get(Column::WorkParkState).and_then(Place::of_number) == Some(Place::Away));
        assert!(away.clone().count() > 1000);
        assert!(away.skip(5).all(|r| r.get(Column::WorkUnitsPerS).is_none_or(|rate| rate == 0.0)));
    }
}

/// Range of the board from idle to full load, W.
const RANGE_W: f64 = 56.0;
/// A board that begins to work is at its budget within this, ticks of a second: a pacing period, and the driver's average over a second.
const RAMP_TICKS: usize = 5;

/// Budget and power of each tick in which work was in memory and could follow, stretch by stretch: the ramp at the beginning of a stretch is not in it.
fn followed(rows: &[Row]) -> Vec<Vec<(f64, f64)>> {
    let able = |row: &Row| {
        row.state != RunState::Suspended && row.get(Column::WorkParkState).and_then(Place::of_number).is_none_or(|p| p == Place::Memory)
    };
    let mut stretches: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    let mut since = RAMP_TICKS;
    for pair in rows.windows(2).filter(|pair| pair[1].mission_s.is_some()) {
        if !(able(&pair[0]) && able(&pair[1])) {
            since = 0;
            continue;
        }
        since += 1;
        if since == 1 {
            stretches.push(Vec::new());
        }
        if since > RAMP_TICKS
            && let Some(tick) = pair[0].get(Column::PowerBudgetW).zip(pair[1].get(Column::AccelPowerW))
        {
            stretches.last_mut().expect("one").push(tick);
        }
    }
    stretches
}

/// Tracking error as parts of the range: root mean square of the means of minutes, and the minute that overdraws most.
fn tracked(rows: &[Row]) -> (f64, f64) {
    let mean = |ticks: &[(f64, f64)]| ticks.iter().map(|(budget, power)| power - budget).sum::<f64>() / ticks.len() as f64 / RANGE_W;
    let minutes: Vec<f64> = followed(rows).iter().flat_map(|s| s.chunks_exact(60).map(mean).collect::<Vec<_>>()).collect();
    let rms = (minutes.iter().map(|e| e * e).sum::<f64>() / minutes.len() as f64).sqrt();
    (rms, minutes.into_iter().fold(0.0, f64::max))
}

/// The board keeps to its budget over an orbit in which work is put away and comes back, under every policy: to 2 % of its range as the issue has it, and no
/// minute of it, those after the return first of all, overdraws by half as much again, which is the noise of jittered batches. What could not follow meanwhile must not be made up for.
#[test]
fn power_keeps_to_its_budget_over_an_eclipse_that_work_is_away_for() {
    let slow = &[("begin_s", "90.0")][..];
    for (profile, policy, changes, how) in [
        ("dawn-dusk-650", PolicyChoice::Fixed(0.5), &[][..], Crossing::Checkpoint),
        ("dawn-dusk-650", PolicyChoice::Fixed(0.5), slow, Crossing::Restart),
        ("dawn-dusk-650", PolicyChoice::FollowSun, &[], Crossing::Restart),
        ("noon-midnight-560", PolicyChoice::Battery, &[], Crossing::Restart),
        ("noon-midnight-560", PolicyChoice::Plan, slow, Crossing::Checkpoint),
        ("dawn-dusk-600-ai1", PolicyChoice::FollowSun, slow, Crossing::Restart),
        ("noon-midnight-560", PolicyChoice::Thermal, slow, Crossing::Checkpoint),
    ] {
        let setup = under(profile, policy, changes, how);
        let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
        let flown = fly(&setup, &mut bench, |_, _, _| Vec::new());
        assert_eq!(flown.end, End::Done);
        let (rms, over) = tracked(&flown.rows);
        let away = followed(&flown.rows).len() - 1;
        eprintln!("{profile}, {policy}, {how}: {:.2} % of range, worst minute {:+.2} %, {away} returns", rms * 100.0, over * 100.0);
        assert!(away > 0 && rms < 0.02 && over < 0.03, "{profile}, {policy}, {how}: {rms} {over} {away}");
    }
}

/// Nor does a run that was held, or suspended until an operator saw to it, make up for it.
#[test]
fn power_keeps_to_its_budget_after_a_hold_and_a_suspension() {
    let mut setup = under("dawn-dusk-650", PolicyChoice::Fixed(0.5), &[], Crossing::Restart);
    setup.law.duration_s = 1500.0;
    let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
    let (mut flown_ticks, mut suspended) = (0, 0);
    let flown = fly(&setup, &mut bench, |_, bench, state| {
        flown_ticks += u32::from(state == RunState::Running);
        suspended += u32::from(state == RunState::Suspended);
        let ask = |request| vec![("anna".to_owned(), request)];
        match (state, flown_ticks) {
            (RunState::Running, 300) => ask(Request::Hold),
            (RunState::Held, _) => ask(Request::Resume),
            (RunState::Running, 700) => {
                bench.unplug();
                Vec::new()
            }
            (RunState::Suspended, _) if suspended == 5 => {
                bench.plug();
                Vec::new()
            }
            (RunState::Suspended, _) if suspended > 10 => [ask(Request::Ack), ask(Request::Resume)].concat(),
            _ => Vec::new(),
        }
    });
    assert_eq!(flown.end, End::Done, "{:?}", flown.events.last());
    let (rms, over) = tracked(&flown.rows);
    assert!(suspended > 10 && followed(&flown.rows).len() == 2 && rms < 0.02 && over < 0.03, "{suspended} {rms} {over}");
}

/// The tax that is told is an estimate of one run; what it is, two say that differ in nothing else. They agree to three hundredths of a per cent of the work.
/// Where the battery works through the dark the estimate reads high, by up to five: what the battery was spared while the work was away comes back to the work later, and is not in it.
#[test]
fn the_tax_told_is_what_two_rehearsals_differ_by() {
    let work = |setup: &Setup| rehearse(setup, |_| Ok::<(), std::convert::Infallible>(())).unwrap_or_else(|never| match never {});
    for (profile, policy, changes) in [
        ("dawn-dusk-650", PolicyChoice::FollowSun, &[][..]),
        ("dawn-dusk-650", PolicyChoice::FollowSun, &[("begin_s", "90.0")]),
        ("dawn-dusk-650", PolicyChoice::Fixed(0.5), &[]),
        ("noon-midnight-560", PolicyChoice::FollowSun, &[]),
        ("noon-midnight-560", PolicyChoice::Battery, &[]),
        ("noon-midnight-560", PolicyChoice::Fixed(0.5), &[]),
        ("dawn-dusk-600-ai1", PolicyChoice::FollowSun, &[]),
        ("shell-1000", PolicyChoice::Thermal, &[]),
        ("shell-1000", PolicyChoice::Battery, &[]),
    ] {
        let idle = work(&under(profile, policy, changes, Crossing::Idle)).work.expect("work");
        for how in [Crossing::Checkpoint, Crossing::Restart] {
            let told = work(&under(profile, policy, changes, how));
            let (done, tax) = (told.work.expect("work"), told.restart_tax.expect("a tax"));
            let (estimated, is) = (tax.work_frac.expect("an estimate"), 1.0 - (done - tax.lost_units) / idle);
            eprintln!(
                "{profile}, {policy}, {how}: {:.3} % told, {:.3} % by difference, {} pauses",
                estimated * 100.0,
                is * 100.0,
                tax.pauses
            );
            assert!(tax.pauses > 0 && tax.missed_by.is_some());
            let high = if policy == PolicyChoice::Battery { 5e-4 } else { 3e-4 };
            assert!((-3e-4..high).contains(&(estimated - is)), "{profile}, {policy}, {how}: {estimated} told, {is} by difference");
        }
    }
}

/// What a battery has to spare in the dark of these orbits is within what is known of the idle board: whether work is put away must not hang on it, nor may it
/// come and go. Predicted and flown, on benches drawn by seed.
#[test]
fn work_is_put_away_as_often_as_was_predicted_whatever_the_bench() {
    let pauses = |tax: Option<Tax>| tax.expect("a tax").pauses;
    for (profile, how, expected) in [
        ("noon-midnight-560", Crossing::Restart, 1),
        ("noon-midnight-560", Crossing::Checkpoint, 1),
        ("shell-1000", Crossing::Restart, 1),
        ("dawn-dusk-650", Crossing::Restart, 0),
    ] {
        for seed in [2, 5, 7, 11] {
            let mut setup = under(profile, PolicyChoice::Battery, &[], how);
            setup.options.seed = seed;
            setup.law.duration_s = 4800.0;
            let ((predicted, _), (measured, _), rows, kinds) = flown(&setup);
            assert_eq!((pauses(predicted), pauses(measured)), (expected, expected), "{profile}, {how}, seed {seed}: {kinds:?}");
            let away = rows.windows(2).filter(|w| w.iter().all(|r| r.get(Column::WorkParkState) == Some(Place::Away.number()))).count();
            assert_eq!(away > 1000, expected > 0, "{profile}, {how}, seed {seed}: away for {away} s");
        }
    }
}
