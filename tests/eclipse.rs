//! What it costs to put the work away in an eclipse, on a bench drawn by seed, beside what was predicted of it: in memory, on virtual time.

use crate::flight::{drawn, setup};
use control::End;
use engine::memory::{MemoryBench, fly};
use engine::rehearse::rehearse;
use engine::setup::{Options, Setup};
use record::{Column, Row};
use report::{Merit, Tax};
use signal::{Crossing, Place};

fn crossing(profile: &str, crossing: Crossing) -> Setup {
    let options = setup(profile, 5).options;
    Setup::build(Options { crossing: Some(crossing), ..options }).expect("it flies")
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
