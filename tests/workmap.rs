//! A plan made of a measured map: the map is measured on a drawn bench in memory, and the plan is flown on that same bench.

use crate::flight::{drawn, setup_of};
use crate::policies::tracking;
use control::End;
use engine::commission;
use engine::manifest::Program;
use engine::memory::{MemoryBench, fly};
use engine::setup::Setup;
use engine::workmap::{Actuator, Ended, Event, Observer, Order, Progress, Store, Survey, conduct};
use model::profile::PolicyChoice;
use record::Column;
use std::path::{Path, PathBuf};

/// A night orbit whose array has power to spare in the light, and a battery that can take and give it.
const SPARE: &[(&str, &str)] = &[("array_kw", "190.0"), ("charge_kw", "90.0"), ("discharge_kw", "130.0"), ("capacity_kwh", "110.0")];

struct Deaf;

impl Observer for Deaf {
    fn point(&mut self, _: &survey::Point) {}
    fn event(&mut self, _: &Event) {}
    fn progress(&mut self, _: &Progress<'_>) {}
    fn stop(&self) -> bool {
        false
    }
}

/// A map of the bench that `seed` draws, in a folder under `root`.
fn map(root: &Path, setup: &Setup, seed: u64, coolant_degc: &[f64]) -> PathBuf {
    map_at(root, setup, seed, coolant_degc, None)
}

/// The same at these powers.
fn map_at(root: &Path, setup: &Setup, seed: u64, coolant_degc: &[f64], budget_w: Option<Vec<f64>>) -> PathBuf {
    let survey = Survey::build(Order {
        bench: commission::Order {
            rig: setup.options.rig.clone(),
            accelerator: None,
            workload: None,
            dt_s: 1.0,
            speed: None,
            seed,
            quick: false,
        },
        coolant_degc: Some(coolant_degc.to_vec()),
        budget_w,
        batches: Vec::new(),
        repeats: 2,
        reference_every: 2,
        window_s: 60.0,
        actuator: Actuator::Pacing,
        uncommissioned: false,
        unattended: false,
    })
    .expect("a survey");
    let program = Program { version: "test".into(), commit: "test".into(), command: Vec::new() };
    let mut store = Store::create(&survey, root, program).expect("room");
    let station = &survey.station;
    let truth = twin::Truth::drawn(&station.twin.plant, &station.twin.spreads, seed);
    let mut bench = MemoryBench::of(&station.rig, station.twin.card.clone(), station.facts.coupled, truth).expect("a bench");
    store.begin().expect("room");
    let planned = store.planned().to_vec();
    let conducted = conduct(&survey, &mut bench, &mut Deaf, &mut commission::Virtual, &mut store, &planned);
    assert_eq!(conducted.ended, Ended::Done);
    assert!(store.end("done").expect("room"));
    store.folder().path().to_owned()
}

/// Work of one orbit on the bench of this seed.
fn flown(mut setup: Setup, seed: u64) -> f64 {
    setup.options.seed = seed;
    let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
    let flown = fly(&setup, &mut bench, |_, _, _| Vec::new());
    assert_eq!(flown.end, End::Done);
    flown.rows.iter().rev().find_map(|r| r.get(Column::WorkUnits)).expect("work")
}

#[test]
fn a_plan_from_the_map_of_a_bench_flies_on_that_bench() {
    let dir = tempfile::tempdir().expect("a folder");
    for seed in [2, 3] {
        let setup = |policy| setup_of("noon-midnight-560", SPARE, Some(policy));
        let folder = map(dir.path(), &setup(PolicyChoice::Plan), seed, &[10.0, 20.0, 30.0, 43.0]);
        let by_map = setup(PolicyChoice::Plan).by_map(Some(&folder), false).expect("the plan stays on the map");
        let card = by_map.work_map.clone().expect("carried");
        assert!(card.seal.len() == 64 && card.simulated && !card.clamped, "{card:?}");
        let sun = flown(setup(PolicyChoice::FollowSun), seed);
        // Both keep to their budgets alike: a card that draws more than declared would do more work for one that does not.
        let mut by_belief = setup(PolicyChoice::Plan);
        by_belief.law.governor.draw.clone_from(&by_map.law.governor.draw);
        let believed = flown(by_belief, seed);
        let measured = flown(by_map, seed);
        let percent = |work: f64| (work / sun - 1.0) * 100.0;
        eprintln!(
            "seed {seed}, over follow-sun: plan by belief {:+.2} %, plan by the measured map {:+.2} %",
            percent(believed),
            percent(measured)
        );
        assert!(measured > 1.05 * sun && measured > 0.99 * believed, "{sun} {believed} {measured}");
    }
}

/// Fed forward by what the map measured at each duty, the board is at its budget at once; by declared figures the slow trim has to find out what this card draws.
/// With the array it ships with, this orbit's budget is full or idle but for the penumbra: then a map helps a card that draws more than is declared at full duty,
/// which has to be paced down to full load, and changes nothing for one that draws less, whose duty is 1 by either. An array that leaves less than full load after
/// the recharge has every card paced: there a map brings nothing to the card of seed 5 either, which between idle and full draws what is declared.
#[test]
fn pacing_fed_forward_by_the_map_follows_its_budget_closer() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut all_declared, mut all_measured, mut draw_less) = (0.0, 0.0, 0);
    for seed in [2, 3, 5] {
        let setup = |sky| setup_of("noon-midnight-560", sky, Some(PolicyChoice::FollowSun));
        let folder = map(dir.path(), &setup(&[]), seed, &[10.0, 30.0, 50.0]);
        for sky in [&[][..], &[("array_kw", "110.0")]] {
            let by_map = || setup(sky).by_map(Some(&folder), false).expect("of this bench");
            let followed = |mut setup: Setup| {
                setup.options.seed = seed;
                setup.law.duration_s = setup.law.environment.period_s();
                let mut bench = MemoryBench::new(&setup, drawn(&setup)).expect("a bench");
                let flown = fly(&setup, &mut bench, |_, _, _| Vec::new());
                assert_eq!(flown.end, End::Done);
                let paced = flown.rows.iter().filter_map(|r| r.get(Column::PowerBudgetW)).filter(|w| (17.0..71.0).contains(w)).count();
                (tracking(&flown.rows).0, paced)
            };
            let ((declared, paced), (measured, _)) = (followed(setup(sky)), followed(by_map()));
            let full = setup(sky).law.governor.full;
            let at_full = by_map().law.governor.draw.expect("fed forward").duty(full.0, Some(30.0));
            eprintln!(
                "seed {seed}, {sky:?}: tracking error {:.3} % of range by declared figures, {:.3} % fed forward by the measured map; duty {at_full:.3} at full load, {paced} ticks between idle and full",
                declared * 100.0,
                measured * 100.0
            );
            assert!(declared < 0.02 && measured < 0.02, "{declared} {measured}");
            if sky.is_empty() && at_full == 1.0 {
                // To the last digit: nothing that the map says is asked for.
                assert!(paced < 20 && measured == declared, "{paced} ticks, {declared} {measured}");
                draw_less += 1;
            } else {
                // Of a card that draws what is declared a map says the same: what is left is pacing's own, and the same to a twentieth.
                let closer = if at_full == 1.0 { measured < 1.05 * declared } else { measured < declared };
                assert!(closer, "seed {seed}: {declared} {measured}");
                (all_declared, all_measured) = (all_declared + declared, all_measured + measured);
            }
            assert!(sky.is_empty() || paced > 2000, "{paced}");
        }
    }
    assert!(draw_less > 0, "no card that draws less than is declared was drawn");
    assert!(all_measured < 0.75 * all_declared, "{all_declared} {all_measured}");
}

/// A map that does not reach down to idle has no work for nothing there: a plan by it does as much as one by a whole map, and idles no more.
#[test]
fn a_plan_by_a_map_of_high_powers_only_does_not_idle_for_its_edge() {
    let dir = tempfile::tempdir().expect("a folder");
    let seed = 2;
    let setup = |policy| setup_of("dawn-dusk-650", &[], Some(policy));
    let high = map_at(dir.path(), &setup(PolicyChoice::Plan), seed, &[10.0, 30.0, 50.0], Some(vec![30.0, 72.0]));
    let planned = setup(PolicyChoice::Plan).by_map(Some(&high), true).expect("as was asked for");
    // Both keep to their budgets by what the map measured.
    let battery = setup(PolicyChoice::Battery).by_map(Some(&high), false).expect("fed forward");
    let (plan, battery) = (flown(planned, seed), flown(battery, seed));
    assert!(plan > 0.998 * battery, "{plan} units by a map without low powers, {battery} as battery");
}

/// An unattended run needs no flag: the rig file names its map, and a map that is gone or another's is refused with the place to change.
#[test]
fn a_rig_file_names_the_map_it_goes_by() {
    let dir = tempfile::tempdir().expect("a folder");
    let setup = || setup_of("noon-midnight-560", SPARE, Some(PolicyChoice::Plan));
    let folder = map(dir.path(), &setup(), 2, &[10.0, 20.0, 30.0, 43.0]);
    let named = |name: &str| {
        let mut options = setup().options;
        options.rig.from = dir.path().join("rig.toml").display().to_string();
        options.rig.text = options.rig.text.replacen("[accelerator]", &format!("[accelerator]\nwork_map = \"{name}\""), 1);
        Setup::build(options).expect("it is looked at when it is needed").by_map(None, false)
    };
    let name = folder.file_name().and_then(|n| n.to_str()).expect("a name");
    let card = named(name).expect("beside the rig file").work_map.expect("carried");
    assert_eq!(card.used_for, ["feed-forward", "plan"]);
    let why = named("nowhere").expect_err("not there").to_string();
    assert!(why.contains("nowhere") && why.contains("work_map in [accelerator] of the rig \"twin\""), "{why}");
    assert!(setup().by_map(None, false).expect("none is named").work_map.is_none());
}

#[test]
fn a_map_that_does_not_count_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().expect("a folder");
    let setup = |policy| setup_of("noon-midnight-560", SPARE, Some(policy));
    let narrow = map(dir.path(), &setup(PolicyChoice::Plan), 2, &[40.0, 50.0]);
    let why = setup(PolicyChoice::Plan).by_map(Some(&narrow), false).expect_err("colder than the map").to_string();
    assert!(why.contains("degC at the plate lie outside of the map") && why.contains("--map-clamp"), "{why}");
    let clamped = setup(PolicyChoice::Plan).by_map(Some(&narrow), true).expect("as was asked for");
    assert!(clamped.work_map.is_some_and(|card| card.clamped));
    let fed = setup(PolicyChoice::FollowSun).by_map(Some(&narrow), false).expect("what is no plan is fed forward");
    assert_eq!(fed.work_map.map(|card| card.used_for), Some(vec!["feed-forward".to_owned()]));
    let mut held = setup(PolicyChoice::FollowSun);
    held.law.actuator = control::Actuator::PowerLimit { least: signal::Watts(20.0) };
    let why = held.by_map(Some(&narrow), false).expect_err("nothing to go by it").to_string();
    assert!(why.contains("add --policy plan"), "{why}");
    let mut other = setup(PolicyChoice::Plan);
    other.rig.name = "another".into();
    assert!(other.by_map(Some(&narrow), true).expect_err("another rig").to_string().contains("it is of the rig \"twin\""));
    let points = narrow.join(record::POINTS);
    let text = std::fs::read_to_string(&points).expect("there");
    std::fs::write(&points, format!("{text}\n")).expect("room");
    let why = setup(PolicyChoice::Plan).by_map(Some(&narrow), true).expect_err("tampered").to_string();
    assert!(why.contains("tampered"), "{why}");
}
