//! Going safe on a bench with a fan that must stay on: from what the device says after it was asked, whatever was left there before.

use super::*;
use control::Thermal;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use twin::Ailment;

const DT_S: f64 = 1.0;

/// The shipped desk, whose fan hangs on a Korad: 12 V to start with, 6 V at least.
fn desk() -> MemoryBench {
    let (_, text) = rig::builtin().iter().find(|(name, _)| *name == "desk").expect("it ships");
    let (rig, twin) = crate::setup::parse_rig("desk", text).expect("it is sound");
    MemoryBench::of(&rig, twin.card, true, Truth::believed(&twin.plant)).expect("a bench")
}

/// Ticks with everything off but the fan; every event of them.
fn ticks(bench: &mut MemoryBench, ticks: std::ops::Range<Tick>) -> Vec<Event> {
    let commands = Commands { target: None, thermal: Thermal::Off, duty: None, power: true, limit: None, acknowledge: false };
    let mut events = Vec::new();
    for tick in ticks {
        events.extend(bench.latest(tick, tick as f64 * DT_S).events);
        bench.apply(tick, &commands);
    }
    events
}

fn fan(bench: &mut MemoryBench, line: &str) -> String {
    let now_s = bench.now_s;
    String::from_utf8_lossy(&bench.world_mut().receive_at("fan", now_s, line.as_bytes())).into_owned()
}

fn at_12_v(bench: &mut MemoryBench) -> bool {
    fan(bench, "VSET1?") == "12.00" && bench.world().output_on("fan") == Some(true)
}

fn goes_safe(bench: &mut MemoryBench) -> Vec<Unconfirmed> {
    bench.make_safe(Duration::from_secs(5)).0
}

/// What the run before left running, at whatever level somebody turned it to.
#[test]
fn a_fan_that_is_on_already_gets_its_level_and_is_confirmed() {
    for line in ["", "VSET1:06.00", "OUT0"] {
        let mut bench = desk();
        fan(&mut bench, "OUT1");
        fan(&mut bench, line);
        let events = ticks(&mut bench, 1..20);
        assert!(at_12_v(&mut bench), "{line:?}: {events:#?}");
        assert!(events.iter().all(|e| e.severity != signal::Severity::Alarm), "{line:?}: {events:#?}");
        assert_eq!(goes_safe(&mut bench), [], "{line:?}");
        assert!(at_12_v(&mut bench), "{line:?}");
    }
}

/// Its supply restarts, output off, and nobody has noticed when the bench goes safe: it is given its level and switched on again.
#[test]
fn a_fan_that_stopped_is_restarted_by_going_safe() {
    let mut bench = desk();
    ticks(&mut bench, 1..20);
    let now_s = bench.now_s;
    bench.world_mut().suffer("fan", now_s, Ailment::PowerCycle);
    assert_eq!(bench.world().output_on("fan"), Some(false));
    assert_eq!(goes_safe(&mut bench), []);
    assert!(at_12_v(&mut bench));
}

/// A fan that cannot be reached is never said to be confirmed.
#[test]
fn a_fan_behind_a_pulled_cable_is_unconfirmed() {
    let mut bench = desk();
    ticks(&mut bench, 1..20);
    assert!(bench.unplug_one("fan"));
    let left = goes_safe(&mut bench);
    assert!(left.len() == 1 && left[0].device == "fan" && left[0].why.contains("UNKNOWN"), "{left:?}");
}

/// A thousand pulls of the fan's cable at any tick, for any time, turned down meanwhile or not: it runs at its level again and is
/// confirmed, or it is told that it is not.
#[test]
fn a_thousand_unplugs_never_leave_the_fan_at_another_level() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut bench = desk();
    ticks(&mut bench, 1..20);
    let mut tick = 20;
    for case in 0..1000 {
        let (before, out) = (rng.random_range(1..6), rng.random_range(1..5));
        ticks(&mut bench, tick..tick + before);
        assert!(bench.unplug_one("fan"));
        fan(&mut bench, if rng.random_bool(0.5) { "VSET1:06.00" } else { "" });
        ticks(&mut bench, tick + before..tick + before + out);
        bench.plug();
        tick += before + out;
        if rng.random_bool(0.3) {
            // Going safe while it is still being looked for.
            let left = goes_safe(&mut bench);
            assert!(left.is_empty() && at_12_v(&mut bench), "case {case}: {left:?}");
            tick = bench.now_s.ceil() as Tick + 1;
        }
        ticks(&mut bench, tick..tick + 6);
        tick += 6;
        assert!(at_12_v(&mut bench), "case {case}");
    }
}
