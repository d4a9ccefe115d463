use super::*;
use proptest::prelude::*;

/// What a sensor does from tick 60 of 120 on, in a mission at 700 W and 100 units/s that flies from tick 10.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Odd {
    Well,
    NotGiven,
    Stuck,
    StuckForTen,
    Wraps,
    Resets,
    NewEpoch,
    FallsBack,
    Jumps,
    HalfRate,
    PowerStale,
    NoPower,
    NeverPower,
    NeverCounter,
    BothSilent,
    SilentForTen,
    LostAtTheEnd,
}

const TRUE_W: f64 = 700.0;
const FROM: u32 = 60;

fn looks(odd: Odd) -> Vec<Look> {
    let mut counter = 5e4;
    (0..=120)
        .map(|tick| {
            let late = tick >= FROM;
            let ten = late && tick < FROM + 10;
            let step = match odd {
                Odd::Stuck if late => 0.0,
                Odd::StuckForTen if ten => 0.0,
                Odd::HalfRate if late => TRUE_W / 2.0,
                Odd::Jumps if tick == FROM => TRUE_W + 2500.0,
                Odd::FallsBack if late && tick % 7 == 0 => TRUE_W - 1500.0,
                _ => TRUE_W,
            };
            counter += step;
            match odd {
                Odd::Resets if tick == FROM => counter = 3.0,
                Odd::Wraps if late && counter > 5e4 => counter -= 4e3,
                _ => {}
            }
            let silent = match odd {
                Odd::BothSilent => late,
                Odd::SilentForTen => ten,
                Odd::LostAtTheEnd => tick > 117,
                _ => false,
            };
            let no_counter = silent || odd == Odd::NeverCounter || (odd == Odd::NotGiven && late);
            let no_power = silent || odd == Odd::NeverPower || (odd == Odd::NoPower && late);
            let watts = if odd == Odd::PowerStale && late { 123.0 } else { TRUE_W };
            Look {
                dt_s: 1.0,
                flown: tick > 10,
                moving: false,
                counter_j: (!no_counter).then_some(counter),
                epoch: Some(if odd == Odd::NewEpoch && late { 1.0 } else { 0.0 }),
                integral_j: (!no_power).then_some(watts),
                work: Work { out: Some(100.0 * f64::from(tick)), ..Work::default() },
            }
        })
        .collect()
}

fn sums(looks: &[Look]) -> Sums {
    let mut account = Account::default();
    for look in looks {
        account.push(*look);
    }
    account.sums()
}

/// Whatever a sensor does: a figure that is given is right within a percent, or there is none.
#[test]
fn a_figure_is_right_or_absent() {
    for (odd, given, gap_told) in [
        (Odd::Well, true, false),
        (Odd::NotGiven, true, false),
        (Odd::Stuck, true, false),
        (Odd::StuckForTen, true, false),
        (Odd::Wraps, true, false),
        (Odd::Resets, true, false),
        (Odd::NewEpoch, true, false),
        (Odd::FallsBack, true, false),
        (Odd::Jumps, true, false),
        (Odd::HalfRate, false, true),
        (Odd::PowerStale, false, true),
        (Odd::NoPower, true, false),
        (Odd::NeverPower, true, false),
        (Odd::NeverCounter, true, false),
        (Odd::BothSilent, false, false),
        (Odd::SilentForTen, true, false),
        (Odd::LostAtTheEnd, true, false),
    ] {
        let sums = sums(&looks(odd));
        assert_eq!(sums.enough(), given, "{odd:?}: {sums:?}");
        assert_eq!(sums.gap_frac().is_some_and(|g| g.abs() > TOLD_FRAC), gap_told, "{odd:?}: {sums:?}");
        assert!((sums.flown_s - 110.0).abs() < 1e-9);
        if given {
            let per_j = sums.work[0].expect("counted") / sums.joint.j;
            assert!((per_j * TRUE_W / 100.0 - 1.0).abs() < 0.01, "{odd:?}: {per_j}");
            assert!((sums.known.j / sums.known.s / TRUE_W - 1.0).abs() < 0.01, "{odd:?}: {sums:?}");
        }
    }
}

#[test]
fn what_took_the_counters_place_is_told_apart() {
    let of = |odd| sums(&looks(odd));
    assert_eq!((of(Odd::Well).filled.s, of(Odd::Well).counter.s), (0.0, 110.0));
    let stuck = of(Odd::Stuck);
    assert!(stuck.stood_s > 55.0 && stuck.filled.s == stuck.stood_s && stuck.coverage_frac() == Some(1.0), "{stuck:?}");
    assert!(of(Odd::NotGiven).absent_s > 55.0 && of(Odd::FallsBack).anew_s >= 8.0 && of(Odd::NewEpoch).anew_s == 1.0);
    assert_eq!(of(Odd::Jumps).disputed_s, 1.0);
    assert!(of(Odd::BothSilent).coverage_frac().is_some_and(|c| (0.4..0.5).contains(&c)));
    // Nobody read anything for ten seconds: the counter went on.
    assert_eq!((of(Odd::SilentForTen).known.j, of(Odd::SilentForTen).filled.s), (110.0 * TRUE_W, 0.0));
    // Three seconds of 110 were lost with the sensors: energy, time and work of the rest.
    let lost = of(Odd::LostAtTheEnd);
    assert_eq!((lost.known.s, lost.joint.s, lost.work[0]), (107.0, 107.0, Some(10_700.0)));
}

#[test]
fn holds_are_nobodys_and_an_interruption_is_no_step() {
    let mut held = looks(Odd::Well);
    for look in &mut held[40..60] {
        look.flown = false;
    }
    // Not read over the moment at which it was held: the step is neither's, and power is there.
    for look in &mut held[38..43] {
        look.counter_j = None;
    }
    let found = sums(&held);
    assert_eq!((found.flown_s, found.known), (90.0, Part { j: 90.0 * TRUE_W, s: 90.0 }));
    let mut account = Account::default();
    for (tick, look) in looks(Odd::Well).into_iter().enumerate() {
        if tick == 60 {
            account.interrupt();
        }
        account.push(Look { counter_j: look.counter_j.map(|j| if tick < 60 { j } else { j + 1e9 }), ..look });
    }
    assert_eq!(account.sums().known.j, 110.0 * TRUE_W);
}

/// 80 W, then 700 W for a tick and back: the counter sees it at once, averaged power a second later.
#[test]
fn power_that_lags_a_second_is_no_dispute() {
    let mut counter = 0.0;
    let draws = |tick: i32| if tick % 20 == 0 || tick % 20 == 1 { 700.0 } else { 80.0 };
    let all: Vec<Look> = (0..200)
        .map(|tick| {
            counter += draws(tick);
            Look {
                dt_s: 1.0,
                flown: true,
                counter_j: Some(counter),
                integral_j: Some(if tick == 0 { 700.0 } else { draws(tick - 1) }),
                ..Look::default()
            }
        })
        .collect();
    let found = sums(&all);
    assert_eq!((found.disputed_s, found.filled.s), (0.0, 1.0), "{found:?}");
    assert!(found.gap_frac().expect("both").abs() < TOLD_FRAC);
}

#[test]
fn a_counter_at_rest_is_right_to_stand_still() {
    let rest: Vec<Look> =
        (0..50).map(|_| Look { dt_s: 1.0, flown: true, counter_j: Some(7.0), integral_j: Some(0.0), ..Look::default() }).collect();
    let found = sums(&rest);
    assert_eq!((found.known.j, found.stood_s, found.counter.s), (0.0, 0.0, 49.0));
}

proptest! {
    /// No time is counted twice, none is made up, whatever comes and goes.
    #[test]
    fn every_second_is_known_once_at_most(
        ticks in proptest::collection::vec((any::<bool>(), proptest::option::of(0.0..1000.0_f64), proptest::option::of(0.0..1000.0_f64), any::<bool>()), 1..80),
    ) {
        let looks: Vec<Look> = ticks
            .iter()
            .enumerate()
            .map(|(tick, (flown, counter_j, integral_j, moving))| Look {
                dt_s: 1.0,
                flown: *flown,
                moving: *moving,
                counter_j: *counter_j,
                integral_j: *integral_j,
                work: Work { out: counter_j.map(|_| tick as f64), ..Work::default() },
                ..Look::default()
            })
            .collect();
        let found = sums(&looks);
        let flown = looks.iter().filter(|l| l.flown).count() as f64;
        prop_assert!((found.flown_s - flown).abs() < 1e-9);
        prop_assert!(found.known.s <= flown + 1e-9 && found.joint.s <= found.known.s + 1e-9 && found.joint.j <= found.known.j + 1e-6);
        prop_assert!((found.counter.s + found.filled.s - found.known.s).abs() < 1e-9);
        prop_assert!(found.moving.0.s <= found.moving.1 + 1e-9);
        prop_assert!(found.known.j >= 0.0 && found.moving.0.j <= found.known.j + 1e-6);
    }
}
