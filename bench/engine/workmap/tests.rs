//! Whole maps in memory on virtual time: on the bench as it is believed against a card's law worked out here by hand, on drawn benches, past
//! limits, cut off and gone on with; and the ways to be wrong that must be seen.

use super::*;
use crate::commission::{self, Virtual};
use crate::devices::{Devices, Look};
use crate::memory::MemoryBench;
use crate::setup::Source;
use control::{Commands, Event};
use signal::{Channel, Reading, Snapshot, Tick};
use std::path::Path;
use std::time::Duration;
use survey::{Figure, Kind, Planned, Point, Status, Table};
use twin::Truth;

fn twin_text() -> String {
    rig::builtin().iter().find(|(n, _)| *n == "twin").expect("shipped").1.to_owned()
}

/// The twin with setpoints and trips high enough for hot coolant, so that the card is what ends it.
fn hot_text() -> String {
    twin_text()
        .replace("max_degc = 60.0 ", "max_degc = 90.0 ")
        .replace("max_degc = 60.0\n", "max_degc = 90.0\n")
        .replace("trip_max_degc = 75.0", "trip_max_degc = 110.0")
        .replace("trip_max_degc = 95.0", "trip_max_degc = 99.0")
}

fn order(text: String, seed: u64) -> Order {
    let rig = Source { file: "twin.toml".into(), from: "built in".into(), text };
    Order {
        bench: commission::Order { rig, accelerator: None, workload: None, dt_s: 1.0, speed: None, seed, quick: false },
        coolant_degc: Some(vec![20.0, 45.0]),
        budget_w: Some(vec![16.0, 44.0, 72.0]),
        batches: Vec::new(),
        repeats: 2,
        reference_every: 2,
        window_s: 60.0,
        actuator: Actuator::Pacing,
        uncommissioned: false,
        unattended: false,
    }
}

/// Hears everything, and says stop after so many points.
#[derive(Default)]
struct Ear {
    points: usize,
    most: Option<usize>,
    etas: Vec<f64>,
    dies: Vec<f64>,
}

impl Observer for Ear {
    fn point(&mut self, _: &Point) {
        self.points += 1;
    }

    fn event(&mut self, _: &Event) {}

    fn progress(&mut self, progress: &Progress<'_>) {
        self.etas.push(progress.eta_s);
        self.dies.extend(progress.readings.usable(Channel::Die));
    }

    fn stop(&self) -> bool {
        self.most.is_some_and(|most| self.points >= most)
    }
}

fn program() -> crate::manifest::Program {
    crate::manifest::Program { version: "test".into(), commit: "test".into(), command: Vec::new() }
}

fn bench(survey: &Survey, truth: Truth) -> MemoryBench {
    MemoryBench::of(&survey.station.rig, survey.station.twin.card.clone(), survey.facts().coupled, truth).expect("a bench")
}

fn drawn(survey: &Survey) -> Truth {
    Truth::drawn(&survey.station.twin.plant, &survey.station.twin.spreads, survey.station.order.seed)
}

/// Measures what is open on these devices; how it ended, and whether it was sealed.
fn sit(survey: &Survey, devices: &mut dyn Devices, ear: &mut Ear, store: &mut Store) -> (Conducted, bool) {
    store.begin().expect("room");
    let planned = store.planned().to_vec();
    let conducted = conduct(survey, devices, ear, &mut Virtual, store, &planned);
    assert!(conducted.unconfirmed.is_empty() && conducted.internal.is_none(), "{conducted:?}");
    let sealed = store.end("done").expect("room");
    (conducted, sealed)
}

/// A whole map of this order on these devices.
fn measured(root: &Path, order: Order, devices: impl FnOnce(&Survey) -> Box<dyn Devices>) -> (MeasuredMap, Ear) {
    let survey = Survey::build(order).expect("a survey");
    let mut store = Store::create(&survey, root, program()).expect("room");
    let mut ear = Ear::default();
    let mut devices = devices(&survey);
    let (conducted, sealed) = sit(&survey, devices.as_mut(), &mut ear, &mut store);
    assert_eq!((&conducted.ended, sealed), (&Ended::Done, true), "{:?}", store.done());
    (MeasuredMap::read(store.folder().path()).expect("our own"), ear)
}

/// What the card does on the bench as believed, by its law alone: at duty `d` the board draws idle + d (full - idle), of which a part warms the die
/// above the plate through the declared resistance, and a hotter die does less work.
fn believed_units_per_j(survey: &Survey, duty: f64, plate_degc: f64) -> (f64, f64) {
    let (card, plant) = (&survey.station.twin.card, &survey.station.twin.plant);
    let power_w = card.idle_w + duty * (card.full_w - card.idle_w);
    let die_degc = plate_degc + plant.die_plate_k_w * plant.capture_frac * power_w;
    let rate = duty * card.units_per_s * (1.0 - card.leakage_per_k * (die_degc - card.reference_degc));
    (rate / power_w, power_w)
}

/// The twin's loop with a circulator in the bank's place, whose set points are then the map's temperatures.
fn on_a_circulator(text: String, seed: u64) -> Order {
    let mut order = order(text, seed);
    order.bench.rig.file = "loop.toml".into();
    order
}

fn circulator_text() -> String {
    crate::commission::loop_tests::circulator_rig().text
}

/// Where a circulator holds the coolant its set points are the temperatures of the map; work goes by the die on the plate all the same, which is
/// as much warmer as heat has a way to the coolant.
#[test]
fn a_map_over_the_coolant_that_a_circulator_holds() {
    for (seed, drawn_one) in [(1, false), (2, true)] {
        let dir = tempfile::tempdir().expect("a folder");
        let (map, _) = measured(dir.path(), on_a_circulator(circulator_text(), seed), |s| {
            Box::new(bench(s, if drawn_one { drawn(s) } else { Truth::believed(&s.station.twin.plant) }))
        });
        assert_eq!(map.manifest.plan.held, commission::Servoed::CoolantSupply);
        let survey = Survey::build(on_a_circulator(circulator_text(), seed)).expect("a survey");
        let circuit = survey.station.twin.plant.circuit.expect("a loop");
        assert!(map.points.iter().all(|p| p.status == Status::Measured && p.figures.get(Figure::Current).is_none()), "{:?}", map.points);
        for cell in map.tables[0].all() {
            let mean = |figure| cell.estimate(figure).expect("measured").mean;
            let (asked, supply, plate) = (cell.coolant_degc.expect("a temperature"), mean(Figure::Supply), mean(Figure::Plate));
            assert!((supply - asked).abs() < 0.3, "asked {asked}, held {supply}");
            if drawn_one {
                continue;
            }
            let (law, power_w) = believed_units_per_j(&survey, (cell.budget_w - 16.0) / 56.0, plate);
            assert!((mean(Figure::PerJoule) - law).abs() <= 1e-3 * law.max(1.0), "{cell:?}");
            let (plant, at) = (&survey.station.twin.plant, signal::Celsius(supply).into());
            let lost = plant.loss_w_k * (plate - plant.room.0);
            let above = (plant.capture_frac * power_w - lost) / circuit.conductance_w_k(at);
            assert!((plate - supply - above).abs() < 0.05, "{above} K by the heat balance, {} were", plate - supply);
        }
        // What plans and pacing ask it by is what was held, and not the plate.
        let (surface, _) = map.surface(None).expect("a surface");
        let (low, high) = surface.span_degc();
        assert!((low - 20.0).abs() < 0.3 && (high - 45.0).abs() < 0.3, "{low} to {high}");
        assert!(map.draw(None).expect("sealed").0.is_some());
    }
}

/// A circulator whose compressor is too weak for full load: the supply stands off its set point, and the largest power that it held is found.
#[test]
fn what_a_circulator_cannot_carry_is_not_reachable_and_the_most_that_was_is_told() {
    let weak = circulator_text().replace("compressor_w = 250.0", "compressor_w = 50.0");
    let dir = tempfile::tempdir().expect("a folder");
    let wanted = || Order { coolant_degc: Some(vec![20.0, 70.0]), repeats: 1, ..on_a_circulator(weak.clone(), 1) };
    let (map, ear) = measured(dir.path(), wanted(), |s| Box::new(bench(s, Truth::believed(&s.station.twin.plant))));
    let limits = Survey::build(wanted()).expect("a survey").facts().limits;
    for point in &map.points {
        let (asked, at) = (point.coolant_degc.expect("asked"), &point.figures);
        if !limits.contains(asked) {
            assert!(point.status == Status::NotReachable && point.why.contains("the rig's setpoint goes from"), "{point:?}");
        } else if point.budget_w > 70.0 {
            assert_eq!(point.status, Status::NotReachable, "{point:?}");
            assert!(point.why.contains("the coolant supply stands +") && !point.why.contains(" A"), "{}", point.why);
            // Of 50 W the pump and a warm room take some; a tenth of the range is a step.
            assert!(at.get(Figure::Power).is_some_and(|w| (38.0..54.0).contains(&w)), "{point:?}");
        } else {
            assert_eq!(point.status, Status::Measured, "{point:?}");
        }
    }
    assert!(ear.dies.iter().all(|die| *die < 85.0), "the die kept its margin");
}

#[test]
fn the_map_of_the_believed_bench_is_the_cards_law() {
    let dir = tempfile::tempdir().expect("a folder");
    let (map, ear) = measured(dir.path(), order(twin_text(), 1), |s| Box::new(bench(s, Truth::believed(&s.station.twin.plant))));
    let survey = Survey::build(order(twin_text(), 1)).expect("a survey");
    let table = &map.tables[0];
    assert_eq!(table.all().count(), 6);
    for cell in table.all() {
        let duty = (cell.budget_w - 16.0) / 56.0;
        let (law, power_w) = believed_units_per_j(&survey, duty, cell.coolant_degc.expect("a plate"));
        let found = cell.estimate(Figure::PerJoule).expect("measured");
        let power = cell.estimate(Figure::Power).expect("measured");
        assert!((found.mean - law).abs() <= 1e-3 * law.max(1.0) && found.n == 2, "{} W: {law} by the law, {found:?}", cell.budget_w);
        assert!((power.mean / power_w - 1.0).abs() < 2e-3, "{power_w} W by the law, {power:?}");
        assert!(cell.estimate(Figure::PerJouleIn).is_none(), "nobody counts what the virtual card takes in");
    }
    // A plan would find between the places what the law says there.
    let (surface, seal) = map.surface(None).expect("a surface");
    let (law, power_w) = believed_units_per_j(&survey, 0.5, 30.0);
    assert!((surface.rate(power_w, 30.0).expect("inside") / (law * power_w) - 1.0).abs() < 2e-3);
    assert_eq!(seal.len(), 64);
    assert!(map.manifest.simulated && map.manifest.plan.order_power.is_some_and(|rho| rho.abs() <= 0.5), "{:?}", map.manifest.plan);
    assert!(ear.etas.first().is_some_and(|eta| *eta > 10.0) && ear.etas.last().is_some_and(|eta| *eta <= 0.0), "{:?}", ear.etas.last());
}

#[test]
fn a_drawn_bench_is_found_within_its_own_intervals() {
    let dir = tempfile::tempdir().expect("a folder");
    let (map, _) = measured(dir.path(), Order { repeats: 4, ..order(twin_text(), 3) }, |s| Box::new(bench(s, drawn(s))));
    let survey = Survey::build(order(twin_text(), 3)).expect("a survey");
    let truth = drawn(&survey);
    let mut held = 0;
    for cell in map.tables[0].all() {
        // The true card on the true plate, read by its own shunt.
        let (card, plant) = (&survey.station.twin.card, &truth.plant);
        // What it really drew: whole batches do not come to exactly the share of time that was asked for.
        let read_w = cell.estimate(Figure::Power).expect("measured").mean;
        let power_w = read_w / (1.0 + truth.card.power_gain);
        let duty = (power_w - card.idle_w) / (card.full_w - card.idle_w);
        let die = cell.coolant_degc.expect("a plate") - truth.plate_offset_k + plant.die_plate_k_w * plant.capture_frac * power_w;
        let rate = duty * card.units_per_s * (1.0 + truth.card.work_gain) * (1.0 - card.leakage_per_k * (die - card.reference_degc));
        let law = rate / read_w;
        let found = cell.estimate(Figure::PerJoule).expect("measured");
        assert!((found.mean - law).abs() <= 2e-3 * law.max(1.0), "{} W: {law}, {found:?}", cell.budget_w);
        held += usize::from(found.holds(law) || (found.mean - law).abs() < 1e-3);
    }
    assert!(held >= 5, "95 % intervals hold the truth in {held} of 6 places");
}

#[test]
fn hot_places_are_tried_and_what_is_not_reachable_says_how_far_it_went() {
    let dir = tempfile::tempdir().expect("a folder");
    let hot = Order { coolant_degc: Some(vec![30.0, 65.0, 73.0, 83.0]), repeats: 3, ..order(hot_text(), 1) };
    let (map, ear) = measured(dir.path(), hot, |s| Box::new(bench(s, drawn(s))));
    let table = &map.tables[0];
    let cell = |t: usize, w: usize| &table.cells[t][w];
    assert!((0..3).all(|w| !cell(0, w).not_reachable()));
    // 65 degC and 72 W would be a die at 86 degC, above the slowdown at 85: some 55 W are what 3 K below it allows.
    assert!(cell(1, 2).not_reachable() && !cell(1, 1).not_reachable(), "{:?}", cell(1, 2));
    let most = cell(1, 2).largest_w().expect("something was had");
    assert!((44.0..62.0).contains(&most), "{most} W");
    assert!(cell(1, 2).why().expect("a reason").contains("within 3 K of its slowdown at 85"), "{:?}", cell(1, 2).why());
    let most = cell(2, 2).largest_w().expect("something was had");
    assert!((16.0..36.0).contains(&most), "{most} W at 73 degC");
    // At 83 degC not even idling is: and nothing is invented.
    assert!((0..3).all(|w| cell(3, w).not_reachable() && cell(3, w).largest_w().is_none()), "{:?}", cell(3, 0));
    assert!(
        ear.dies.iter().all(|die| *die < 85.5),
        "the card was never let slow down: {:?}",
        ear.dies.iter().fold(0.0_f64, |m, d| m.max(*d))
    );
    // Tried once, known after that.
    let tried = map.points.iter().filter(|p| p.coolant_degc == Some(65.0) && p.budget_w == 72.0 && p.figures.get(Figure::Window).is_some());
    assert_eq!(tried.count(), 1);
    // Coming down from where not even idling was possible, the cooler places are as reachable as ever: the reference among them.
    assert!(map.points.iter().filter(|p| p.kind == Kind::Reference || p.coolant_degc == Some(30.0)).all(|p| p.status == Status::Measured));
    // The most at 65 degC is the edge of what a plan may ask for there.
    let (surface, _) = map.surface(None).expect("a surface");
    assert!(surface.rate(44.0, 65.0).is_ok() && surface.rate(72.0, 65.0).is_err());
}

#[test]
fn what_the_rig_cannot_be_asked_for_is_not_tried() {
    let dir = tempfile::tempdir().expect("a folder");
    let wide = Order { coolant_degc: Some(vec![30.0, 65.0]), repeats: 1, ..order(twin_text(), 1) };
    let (map, _) = measured(dir.path(), wide, |s| Box::new(bench(s, drawn(s))));
    let cell = &map.tables[0].cells[1][0];
    assert_eq!(cell.why(), Some("the rig's setpoint goes from 5 to 60 degC"));
    assert!(cell.largest_w().is_none());
    let one = &map.tables[0].cells[0][2];
    assert_eq!(one.estimate(Figure::PerJoule).expect("measured").half_width, None, "one repeat has no interval");
}

/// What goes wrong with the readings of a bench second.
type Spoil = Box<dyn FnMut(&mut Snapshot, f64)>;

/// A bench seen through a fault of the card.
struct Faulty {
    inner: MemoryBench,
    spoil: Spoil,
}

impl Devices for Faulty {
    fn latest(&mut self, tick: Tick, bench_s: f64) -> Look {
        let mut look = self.inner.latest(tick, bench_s);
        (self.spoil)(&mut look.readings, bench_s);
        look
    }

    fn apply(&mut self, tick: Tick, commands: &Commands) {
        self.inner.apply(tick, commands);
    }

    fn make_safe(&mut self, within: Duration) -> (Vec<crate::devices::Unconfirmed>, Vec<Event>) {
        self.inner.make_safe(within)
    }
}

fn scale(readings: &mut Snapshot, channel: Channel, by: f64) {
    let reading = *readings.get(channel);
    readings.set(channel, Reading { value: reading.value.map(|v| v * by), ..reading });
}

fn spoilt(spoil: impl FnMut(&mut Snapshot, f64) + 'static) -> (MeasuredMap, Ear) {
    let dir = tempfile::tempdir().expect("a folder");
    measured(dir.path(), order(twin_text(), 1), |s| Box::new(Faulty { inner: bench(s, drawn(s)), spoil: Box::new(spoil) }))
}

/// The negative controls: what a bench can lie about is said by the map, and a sound bench has nothing said of it.
#[test]
fn lies_are_seen() {
    let (sound, _) = spoilt(|_, _| {});
    assert!(sound.tables[0].doubts().is_empty(), "{:?}", sound.tables[0].doubts());

    let (lying, _) = spoilt(|r, _| scale(r, Channel::BoardEnergy, 0.9));
    let gap = lying.tables[0].counter_gap.expect("both ways");
    assert!((gap.mean + 0.1).abs() < 0.02, "{gap:?}");
    assert!(lying.tables[0].doubts().iter().any(|d| d.contains("energy counter says -1")), "{:?}", lying.tables[0].doubts());

    // Work that grows slower and slower: 6 % over the first four hours.
    let mut slowed = (0.0, 0.0);
    let (drifting, _) = spoilt(move |r, t| {
        if let Some(units) = r.usable(Channel::WorkUnits) {
            slowed.1 += (units - slowed.0) * (1.0 - 0.06 * t / 14_400.0);
            slowed.0 = units;
            let reading = *r.get(Channel::WorkUnits);
            r.set(Channel::WorkUnits, Reading { value: Some(slowed.1), ..reading });
        }
    });
    let drift = drifting.tables[0].drift.expect("references");
    assert!(drift.is_seen() && drift.relative < -0.01, "{drift:?}");
    assert!(drifting.tables[0].doubts().iter().any(|d| d.contains("the session drifted by -")), "{:?}", drifting.tables[0].doubts());
    let wide = |m: &MeasuredMap| m.tables[0].cells[0][2].estimate(Figure::PerJoule).and_then(|e| e.half_width).expect("two repeats");
    assert!(wide(&drifting) > wide(&sound));
}

#[test]
fn a_card_without_a_counter_is_integrated_and_one_that_counts_no_work_says_so() {
    let (map, _) = spoilt(|r, t| r.set(Channel::BoardEnergy, Reading::gap(t, signal::Origin::Simulated)));
    let measured = map.points.iter().filter(|p| p.status == Status::Measured);
    assert!(measured.clone().all(|p| p.energy == Some(survey::Energy::Integral)) && measured.count() >= 12);
    assert_eq!(map.tables[0].counter_gap, None);
    let (stuck, _) = spoilt(|r, _| scale(r, Channel::BoardEnergy, 0.0));
    assert!(stuck.points.iter().all(|p| p.energy == Some(survey::Energy::Integral)), "{:?}", stuck.points[0]);
    let (idle, _) = spoilt(|r, t| r.set(Channel::WorkUnits, Reading::gap(t, signal::Origin::Simulated)));
    assert!(idle.tables[0].all().all(|c| c.estimate(Figure::PerJoule).is_none() && c.estimate(Figure::Power).is_some()));
    assert!(idle.surface(None).is_err(), "no plan goes by a map without work");
}

#[test]
fn a_sitting_that_was_cut_off_is_gone_on_with_and_only_what_is_open_is_measured() {
    let dir = tempfile::tempdir().expect("a folder");
    let survey = Survey::build(order(twin_text(), 1)).expect("a survey");
    let mut store = Store::create(&survey, dir.path(), program()).expect("room");
    let folder = store.folder().path().to_owned();
    let mut ear = Ear { most: Some(5), ..Ear::default() };
    let (conducted, sealed) = sit(&survey, &mut bench(&survey, drawn(&survey)), &mut ear, &mut store);
    assert_eq!((conducted.ended, sealed), (Ended::Stopped, false));
    let begun = store.done().to_vec();
    drop(store);
    // A kill tears the line under way, in both files that grow.
    for name in [record::POINTS, record::EVENTS] {
        let file = folder.join(name);
        let mut bytes = std::fs::read(&file).expect("there");
        bytes.extend_from_slice(b"5,0,2026-07-01T");
        std::fs::write(&file, bytes).expect("room");
    }
    assert!(
        MeasuredMap::read(&folder).expect("an unfinished map is read").surface(None).expect_err("no seal").to_string().contains("unsealed")
    );

    let refused = |order: Order| {
        let other = Survey::build(order).expect("a survey");
        Store::resume(&other, &folder).err().expect("another map").to_string()
    };
    assert!(refused(order(twin_text(), 2)).contains("its seed was 1, and now is 2"));
    assert!(
        refused(order(twin_text().replace("current_limit_a = 8.0", "current_limit_a = 7.0"), 1)).contains("rig file \"twin\" was changed")
    );
    assert!(refused(Order { repeats: 3, ..order(twin_text(), 1) }).contains("its repeats was (2, 2)"));
    assert!(refused(Order { budget_w: Some(vec![20.0, 72.0]), ..order(twin_text(), 1) }).contains("its budgets was"));

    // Consistently, so that the row does not contradict itself: units, rate and ratio doubled.
    let file = folder.join(record::POINTS);
    let sound = std::fs::read(&file).expect("there");
    let mut sheet = record::Sheet::read(&file).expect("ours");
    let worked = |row: &Vec<String>| Point::of_fields(row).is_ok_and(|p| p.figures.get(Figure::PerJoule).is_some_and(|v| v > 0.0));
    let row = sheet.rows.iter_mut().find(|row| worked(row)).expect("a point with work");
    for figure in [Figure::UnitsOut, Figure::Rate, Figure::PerJoule] {
        let at = Point::columns().iter().position(|c| c == figure.name()).expect("a column");
        row[at] = (2.0 * row[at].parse::<f64>().expect("a number")).to_string();
    }
    assert_eq!(Point::of_fields(row).expect("a point").contradiction(), None);
    sheet.replace(&file).expect("room");
    let why = Store::resume(&survey, &folder).err().expect("changed").to_string();
    assert!(why.contains("was changed since it was measured"), "{why}");
    // A row that was taken out, or put in, likewise.
    for rows in [sheet.rows[1..].to_vec(), [&sheet.rows[..], &sheet.rows[..1]].concat()] {
        record::Sheet { rows, ..sheet.clone() }.replace(&file).expect("room");
        assert!(Store::resume(&survey, &folder).is_err());
    }
    std::fs::write(&file, sound).expect("room");

    let mut store = Store::resume(&survey, &folder).expect("the same map");
    assert_eq!(store.done(), begun);
    let mut ear = Ear::default();
    let (conducted, sealed) = sit(&survey, &mut bench(&survey, drawn(&survey)), &mut ear, &mut store);
    assert_eq!((conducted.ended, sealed, ear.points), (Ended::Done, true, store.planned().len() - begun.len()));
    let map = MeasuredMap::read(&folder).expect("finished");
    assert_eq!(&map.points[..begun.len()], &begun[..]);
    assert!(map.points[begun.len()..].iter().all(|p| p.segment == 1));
    assert_eq!(map.manifest.segments.len(), 2);
    assert!(matches!(map.verdict, record::Verdict::Sealed { .. }));
    assert!(Store::resume(&survey, &folder).err().expect("finished").to_string().contains("finished and sealed"));
}

/// Pulls the cable at a bench second.
struct Pulled(MemoryBench, f64);
impl Devices for Pulled {
    fn latest(&mut self, tick: Tick, bench_s: f64) -> Look {
        if (self.1..self.1 + 3.0).contains(&bench_s) {
            self.0.unplug();
        }
        self.0.latest(tick, bench_s)
    }
    fn apply(&mut self, tick: Tick, commands: &Commands) {
        self.0.apply(tick, commands);
    }
    fn make_safe(&mut self, within: Duration) -> (Vec<crate::devices::Unconfirmed>, Vec<Event>) {
        self.0.plug();
        self.0.make_safe(within)
    }
}

#[test]
fn every_way_out_is_safe_and_a_lost_link_ends_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let survey = Survey::build(order(twin_text(), 1)).expect("a survey");
    let mut store = Store::create(&survey, dir.path(), program()).expect("room");
    store.begin().expect("room");
    let planned = store.planned().to_vec();
    let mut devices = Pulled(bench(&survey, drawn(&survey)), 900.0);
    let conducted = conduct(&survey, &mut devices, &mut Ear::default(), &mut Virtual, &mut store, &planned);
    let Ended::Tripped(why) = &conducted.ended else { panic!("{conducted:?}") };
    assert!(why.starts_with("tec: "), "{why}");
    assert!(!devices.0.world().tec.output_on() && conducted.unconfirmed.is_empty(), "{conducted:?}");

    // An interlock: the die's sensor jumps past its trip.
    let mut store = Store::create(&survey, dir.path(), program()).expect("room");
    store.begin().expect("room");
    let spoil = |r: &mut Snapshot, t: f64| {
        if t > 700.0 {
            scale(r, Channel::Die, 3.0);
        }
    };
    let mut devices = Faulty { inner: bench(&survey, drawn(&survey)), spoil: Box::new(spoil) };
    let conducted = conduct(&survey, &mut devices, &mut Ear::default(), &mut Virtual, &mut store, &planned);
    assert!(matches!(&conducted.ended, Ended::Tripped(why) if why.contains("accelerator die")), "{conducted:?}");
    assert!(!devices.inner.world().tec.output_on());
}

#[test]
fn what_cannot_be_measured_is_refused_with_the_reason() {
    let refused = |order: Order| Survey::build(order).expect_err("refused").to_string();
    let base = || order(twin_text(), 1);
    let bench = |change: &dyn Fn(&mut commission::Order)| {
        let mut order = base();
        change(&mut order.bench);
        order
    };
    for (order, words) in [
        (Order { coolant_degc: Some(vec![70.0, 80.0]), ..base() }, "no temperature of --coolant lies within"),
        (Order { coolant_degc: Some(vec![30.0, 30.0]), ..base() }, "different numbers"),
        (Order { coolant_degc: Some(vec![500.0]), ..base() }, "--coolant 500 is not between"),
        (Order { budget_w: Some(vec![90.0]), ..base() }, "--power 90 is not between 16 and 72"),
        (Order { budget_w: Some(Vec::new()), ..base() }, "one or more"),
        (Order { repeats: 0, ..base() }, "--repeats"),
        (Order { window_s: 1.0, ..base() }, "--window 1 s"),
        (Order { batches: vec![1, 8], ..base() }, "{batch} in --workload"),
        (Order { actuator: Actuator::PowerCap, ..base() }, "does not allow"),
        (bench(&|b| b.workload = Some("none".into())), "does not go with"),
        (bench(&|b| b.workload = Some("openai:http://h/v1,batch={batch}".into())), "--batch 1,8,32"),
        (bench(&|b| b.speed = Some(5000.0)), "--speed 5000"),
        (bench(&|b| b.dt_s = 100.0), "--dt 100"),
    ] {
        let why = refused(order);
        assert!(why.contains(words), "no {words:?} in {why}");
    }
}

#[test]
fn a_device_on_no_plate_has_one_row_as_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = twin_text().replace("coupled = true ", "coupled = false");
    let apart = Order { coolant_degc: None, ..order(text.clone(), 1) };
    let (map, _) = measured(dir.path(), apart, |s| Box::new(bench(s, drawn(s))));
    let table = &map.tables[0];
    assert_eq!((&table.coolant_degc[..], table.budget_w.len()), (&[None][..], 3));
    assert!(
        table
            .all()
            .all(|c| c.estimate(Figure::PerJoule).is_some() && c.estimate(Figure::Plate).is_none() && c.estimate(Figure::Die).is_some())
    );
    // Nothing of the rig was asked for anything.
    let (surface, _) = map.surface(None).expect("a surface");
    assert!(surface.as_it_is && surface.rate(44.0, -300.0) == surface.rate(44.0, 300.0));
    let why = Survey::build(order(text, 1)).expect_err("no plate").to_string();
    assert!(why.contains("leave --coolant out"), "{why}");
}

/// Pacing and power cap: one or the other, and what each sends.
#[test]
fn a_board_is_held_by_its_share_of_time_or_by_its_limit_and_never_by_both() {
    let mut survey = Survey::build(order(twin_text(), 1)).expect("a survey");
    for (level, duty) in [(0.0, None), (0.5, Some(0.5)), (1.0, Some(1.0))] {
        let commands = super::point::commands(&survey, Some(30.0), level);
        assert_eq!((commands.duty, commands.limit), (duty, None));
    }
    (survey.order.actuator, survey.least_limit_w) = (Actuator::PowerCap, 30.0);
    for (level, duty, watts) in [(0.0, None, 30.0), (0.1, Some(1.0), 30.0), (0.5, Some(1.0), 44.0), (1.0, Some(1.0), 72.0)] {
        let commands = super::point::commands(&survey, None, level);
        assert_eq!((commands.duty, commands.limit), (duty, Some(signal::Watts(watts))));
        assert_eq!(commands.thermal, control::Thermal::Off, "nothing is servoed without a setpoint");
    }
}

/// A server that loads for two minutes: what it draws meanwhile is not taken for work.
#[test]
fn work_that_has_not_begun_is_waited_for() {
    let (map, _) = spoilt(|r, t| {
        if t < 380.0 {
            let reading = *r.get(Channel::WorkUnits);
            r.set(Channel::WorkUnits, Reading { value: Some(0.0), ..reading });
        }
    });
    assert!(
        map.points.iter().filter(|p| p.budget_w > 20.0).all(|p| p.figures.get(Figure::Rate).is_some_and(|r| r > 100.0)),
        "{:?}",
        map.points[0]
    );
    assert!(map.points[0].figures.get(Figure::Settle).is_some_and(|s| s > 350.0));

    // Work that counts and does nothing ends it: a place without work is not what is to be known.
    let dir = tempfile::tempdir().expect("a folder");
    let survey = Survey::build(order(twin_text(), 1)).expect("a survey");
    let mut store = Store::create(&survey, dir.path(), program()).expect("room");
    let mut devices = Faulty { inner: bench(&survey, drawn(&survey)), spoil: Box::new(|r, _| scale(r, Channel::WorkUnits, 0.0)) };
    let (conducted, sealed) = sit(&survey, &mut devices, &mut Ear::default(), &mut store);
    assert!(matches!(&conducted.ended, Ended::Tripped(why) if why.contains("did not do one unit")) && !sealed, "{conducted:?}");
}

#[test]
fn at_speed_a_tick_is_what_a_process_keeps_up_with() {
    for (speed, dt_s) in [(None, 1.0), (Some(60.0), 1.0), (Some(300.0), 5.0), (Some(1000.0), 10.0)] {
        let mut order = order(twin_text(), 1);
        (order.bench.speed, order.bench.dt_s) = (speed, 0.0);
        assert!((Survey::build(order).expect("a survey").facts().dt_s - dt_s).abs() < 1e-9);
    }
    let planned: Vec<Planned> = Survey::build(order(twin_text(), 1)).expect("a survey").design.order();
    assert!(planned[0].reference && planned.iter().filter(|p| p.reference).count() >= 3);
    assert!(Table::of(&[]).is_empty());
    let kinds = [Kind::Cell, Kind::Reference].map(Kind::word);
    assert_eq!(kinds, ["cell", "reference"]);
}
