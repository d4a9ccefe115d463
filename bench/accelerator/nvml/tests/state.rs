//! What the stub's folder makes it do: faults, errors, instances, other processes, settings that outlive their process.

use super::*;
use crate::Remark;
use signal::{Channel, Severity};
use std::fs;

/// A stub with a folder of its own.
struct Bench {
    folder: TempDir,
    library: Library,
}

impl Bench {
    fn new(defines: &[&str]) -> Option<Self> {
        let (folder, path) = stub(defines)?;
        Some(Self { library: Library::open_first(&[path]).expect("the stub opens"), folder })
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default().trim().to_owned()
    }

    fn card(&self) -> Card {
        self.library.gpu(&Gpu::Index(0)).expect("GPU 0 opens")
    }

    fn hold(&self, power_limit_w: Option<f64>, locked_mhz: Option<(u32, u32)>) -> Result<Held, SettingsError> {
        Held::prepare(self.library, &Gpu::Index(0), Settings { power_limit_w, locked_mhz })
    }
}

fn kinds(remarks: &[Remark]) -> Vec<(Severity, &str)> {
    remarks.iter().map(|r| (r.severity, r.kind)).collect()
}

#[test]
fn slow_readings_come_with_their_channels() {
    let Some(bench) = Bench::new(&[]) else { return };
    bench.write("gpu0.remapped", "3");
    bench.write("gpu0.fans", "2");
    bench.write("gpu0.ecc_uncorrected", "1");
    bench.write("gpu0.ecc_uncorrected_before", "4");
    bench.write("gpu0.processes", "4194304 0\n");
    bench.write("gpu0.violation2", "2.5");
    let health = bench.card().health().expect("health");
    let get = |channel| health.readings().into_iter().find(|(c, _)| *c == channel).expect("there").1;
    for (channel, value) in [
        (Channel::PowerLimit, Some(700.0)),
        (Channel::PerformanceState, Some(8.0)),
        (Channel::PowerViolation, Some(0.0)),
        (Channel::SyncBoostViolation, Some(2.5)),
        (Channel::GraphicsClock, Some(345.0)),
        (Channel::VideoClock, Some(258.0)),
        (Channel::MemoryUsed, Some(4096.0)),
        (Channel::PcieSent, Some(12.0)),
        (Channel::PcieReceived, Some(34.0)),
        (Channel::PcieGeneration, Some(5.0)),
        (Channel::PcieLanes, Some(16.0)),
        (Channel::Fan, Some(41.0)),
        (Channel::EccCorrected, Some(0.0)),
        (Channel::EccUncorrected, Some(1.0)),
        (Channel::EccCorrectedLife, Some(0.0)),
        (Channel::EccUncorrectedLife, Some(5.0)),
        (Channel::RemapFailed, Some(0.0)),
        (Channel::Processes, Some(1.0)),
        // A board that remaps rows retires no pages: missing, not 0.
        (Channel::RetiredPages, None),
        (Channel::RemappedRows, Some(3.0)),
        (Channel::RepairPending, Some(0.0)),
        (Channel::Xid, None),
    ] {
        assert_eq!(get(channel), value, "{channel:?}");
    }
}

#[test]
fn margins_come_from_tlimit_where_there_are_no_thresholds() {
    let Some(bench) = Bench::new(&[CONSTANT]) else { return };
    assert_eq!(bench.card().sample().expect("a sample").die_margin_k, Some(87.0 - 63.0));
    bench.write("gpu0.tlimit", "1");
    let mut card = bench.card();
    // The margin is 83 - 63 = 20 K; that the slowdown may come 4 K later is not counted on.
    let sample = card.sample().expect("a sample");
    assert_eq!((sample.die_margin_k, sample.memory_margin_k), (Some(20.0), None));
    let facts = &card.identity().facts;
    for (name, raw) in [("slowdown", "-4 K against T.Limit"), ("T.Limit", "20 K when it was opened")] {
        assert!(facts.contains(&(name.to_owned(), raw.to_owned())), "{facts:?}");
    }
    assert!(card.identity().facts.contains(&("shutdown".to_owned(), "-8 K against T.Limit".to_owned())), "{:?}", card.identity().facts);
}

/// Whichever way a board counts, it slows down at 87 degrees or later than we say.
#[test]
fn a_margin_is_never_more_than_there_is() {
    let Some(bench) = Bench::new(&[CONSTANT]) else { return };
    for (counts, slowdown, expected) in [("1", "-4", 20.0), ("2", "-4", 24.0), ("1", "0", 20.0), ("2", "2", 22.0)] {
        bench.write("gpu0.tlimit", counts);
        bench.write("gpu0.tlimit_slowdown", slowdown);
        let margin = bench.card().sample().expect("a sample").die_margin_k.expect("a margin");
        assert!(margin == expected && margin <= 87.0 - 63.0, "{counts} {slowdown}: {margin}");
    }
}

#[test]
fn errors_and_throttling_are_remarked_in_words() {
    let Some(bench) = Bench::new(&[CONSTANT]) else { return };
    bench.write("gpu0.throttle", "0");
    let mut card = bench.card();
    card.sample().expect("a sample");
    card.health().expect("health");
    assert!(card.remarks().is_empty());
    bench.write("gpu0.throttle", "0x20");
    bench.write("gpu0.xid", "48");
    bench.write("gpu0.ecc_uncorrected", "1");
    card.sample().expect("a sample");
    let health = card.health().expect("health");
    let remarks = card.remarks();
    assert_eq!(kinds(&remarks), [(Severity::Alarm, "xid"), (Severity::Warning, "throttle"), (Severity::Alarm, "ecc")]);
    assert!(remarks[0].message.contains("double-bit"), "{remarks:?}");
    assert_eq!(health.xid, Some(48));
}

/// Everything a board may say of itself, each by its own file, each in its own words, and each once.
#[test]
fn every_fault_of_a_board_has_its_words() {
    for (file, before, after, severity, kind, words) in [
        ("throttle", "0", "0x04", Severity::Info, "throttle", "held down by power: power cap (software)"),
        ("throttle", "0", "0x80", Severity::Info, "throttle", "held down by power: power brake (hardware)"),
        ("throttle", "0", "0x40", Severity::Warning, "throttle", "held down by temperature: thermal slowdown (hardware)"),
        ("xid", "0", "79", Severity::Alarm, "xid", "fallen off the bus"),
        ("ecc_corrected", "3", "5", Severity::Info, "ecc", "2 ECC errors were corrected"),
        ("ecc_uncorrected", "0", "1", Severity::Alarm, "ecc", "an uncorrected ECC error: the results of this work are suspect"),
        ("retired", "1", "2", Severity::Warning, "repair", "1 memory pages retired"),
        ("remapped", "0", "1", Severity::Warning, "repair", "1 memory rows remapped"),
        ("remap_pending", "0", "1", Severity::Warning, "repair", "waits for a reset"),
        ("remap_failed", "0", "1", Severity::Alarm, "repair", "take the board out of service"),
        ("replays", "0", "9", Severity::Info, "pcie", "9 PCIe replays"),
        ("processes", "", "4194304 0\n", Severity::Info, "processes", "a process came onto the accelerator"),
    ] {
        let Some(bench) = Bench::new(&[CONSTANT]) else { return };
        bench.write("gpu0.throttle", "0");
        bench.write(&format!("gpu0.{file}"), before);
        let mut card = bench.card();
        let look = |card: &mut Card| {
            card.sample().expect("a sample");
            card.health().expect("health");
            card.remarks()
        };
        assert!(look(&mut card).is_empty(), "{file}: nothing has happened yet");
        bench.write(&format!("gpu0.{file}"), after);
        let told = look(&mut card);
        assert_eq!(kinds(&told), [(severity, kind)], "{file}: {told:?}");
        assert!(told[0].message.contains(words), "{told:?}");
        assert!(look(&mut card).is_empty(), "{file}: told once");
    }
}

#[test]
fn a_counter_that_starts_anew_is_a_new_epoch() {
    let Some(bench) = Bench::new(&[]) else { return };
    let mut card = bench.card();
    let before = card.sample().expect("a sample");
    bench.write("gpu0.counter_reset", "1");
    // The first value of a counter that starts at 0 is not told from a glitch; the next one is.
    let mut after = card.sample().expect("a sample");
    while after.energy_j.is_none() {
        after = card.sample().expect("a sample");
    }
    assert_eq!(after.energy_since(&before), None);
    assert_eq!(kinds(&card.remarks()), [(Severity::Warning, "counter")]);
}

#[test]
fn a_gpu_that_is_lost_comes_back_as_it_was() {
    let Some(bench) = Bench::new(&[]) else { return };
    let mut card = bench.card();
    bench.write("gpu0.fault", "lost");
    assert!(card.sample().expect_err("lost").to_string().contains("fell off the bus"));
    assert!(card.health().is_err());
    bench.write("gpu0.fault", "none");
    assert!(card.sample().is_ok());
}

#[test]
fn zeros_are_no_readings() {
    let Some(bench) = Bench::new(&[]) else { return };
    let mut card = bench.card();
    bench.write("gpu0.fault", "zero");
    let sample = card.sample().expect("a sample");
    assert_eq!((sample.power_w, sample.power_instant_w, sample.energy_j), (None, None, None));
}

#[test]
fn an_instance_is_measured_on_its_board() {
    let Some(bench) = Bench::new(&[CONSTANT]) else { return };
    let uuid = "MIG-5700b000-0000-4000-8000-000000000002".to_owned();
    assert!(bench.library.gpu(&Gpu::Instance(uuid.clone())).is_err(), "MIG is off");
    bench.write("gpu0.mig", "3");
    let mut instance = bench.library.gpu(&Gpu::Instance(uuid.clone())).expect("an instance");
    assert_eq!(instance.sample().expect("a sample").power_w, Some(313.5), "the board's");
    let identity = instance.identity();
    assert_eq!((identity.uuid.as_deref(), identity.board_uuid.as_deref()), (Some(uuid.as_str()), Some(GPU0)));
    assert!(identity.name.contains("MIG") && identity.notes.iter().any(|n| n.contains("other instances must idle")));
    assert_eq!(identity.spec.parse::<Spec>().expect("a spec"), Spec::Nvml(Gpu::Instance(uuid.clone())));
    let board = bench.card();
    assert!(board.identity().notes.iter().any(|n| n.contains(&uuid)), "{:?}", board.identity().notes);
}

#[test]
fn whoever_uses_the_card_is_named() {
    let Some(bench) = Bench::new(&[]) else { return };
    assert_eq!(bench.card().identity().processes, Some(Vec::new()));
    bench.write("gpu0.processes", &format!("{} 1073741824\n4194304 0\n", std::process::id()));
    let processes = bench.card().identity().processes.clone().expect("known");
    assert_eq!(processes.len(), 2);
    assert!(processes[0].name.is_some() && processes[1].name.is_none());
    assert!(processes[0].to_string().contains("1024 MiB"), "{}", processes[0]);
    let Some(bench) = Bench::new(&["REFUSE=4"]) else { return };
    assert_eq!(bench.card().identity().processes, None, "nobody can say");
    // Who draws is told, who computes is not.
    let Some(bench) = Bench::new(&[]) else { return };
    bench.write("gpu0.unsupported", "processes");
    assert_eq!(bench.card().identity().processes, None);
}

#[test]
fn settings_are_read_back_and_put_back() {
    let Some(bench) = Bench::new(&[]) else { return };
    bench.write("gpu0.limit_mw", "650000");
    let mut held = bench.hold(Some(500.0), Some((345, 1200))).expect("within range");
    assert_eq!(bench.read("log"), "", "nothing is changed before it is said");
    assert_eq!(held.original(), Original { limit_mw: Some(650_000), unlock: true });
    held.apply().expect("set");
    assert_eq!((bench.read("gpu0.limit_mw").as_str(), bench.read("gpu0.locked").as_str()), ("500000", "345 1200"));
    held.set_power_limit(300.0).expect("within range");
    assert!(matches!(held.set_power_limit(100.0), Err(SettingsError::Range { .. })));
    assert!(matches!(held.set_power_limit(f64::NAN), Err(SettingsError::Range { .. })));
    drop(held);
    assert_eq!((bench.read("gpu0.limit_mw").as_str(), bench.read("gpu0.locked").as_str()), ("650000", ""));
    assert_eq!(bench.read("log").lines().last(), Some("gpu0 limit 650000"));
}

#[test]
fn what_the_board_cannot_do_is_refused_before_anything_is_changed() {
    let Some(bench) = Bench::new(&[]) else { return };
    for (limit, clocks, word) in [
        (Some(199.0), None, "200 W to 700 W"),
        (Some(701.0), None, "200 W to 700 W"),
        (Some(f64::NAN), None, "power limit"),
        (None, Some((345, 5000)), "1980 MHz"),
        (None, Some((1500, 1200)), "lowest locked clock"),
        (None, Some((0, 0)), "locked clock"),
    ] {
        let why = bench.hold(limit, clocks).expect_err("out of range").to_string();
        assert!(why.contains(word) && why.contains("rig file"), "{why}");
    }
    assert_eq!(bench.read("log"), "");
}

#[test]
fn a_refusal_says_what_to_do_and_a_deaf_driver_is_found_out() {
    let Some(bench) = Bench::new(&[]) else { return };
    bench.write("gpu0.fault", "no_permission");
    let why = bench.hold(Some(500.0), None).expect("within range").apply().expect_err("not root").to_string();
    assert!(why.contains("root") && why.contains("nvidia-smi -i 0 -pl"), "{why}");
    bench.write("gpu0.fault", "deaf");
    let why = bench.hold(Some(500.0), None).expect("within range").apply().expect_err("not taken").to_string();
    assert!(why.contains("500 W") && why.contains("700 W") && why.contains("something else"), "{why}");
    assert_eq!(bench.read("gpu0.limit_mw"), "");
}

#[test]
fn a_guardian_puts_back_what_another_process_left() {
    let Some(bench) = Bench::new(&[]) else { return };
    let mut held = bench.hold(Some(400.0), Some((345, 1000))).expect("within range");
    held.apply().expect("set");
    let left: Original = held.original().to_string().parse().expect("as it goes to the guardian");
    std::mem::forget(held);
    put_back(bench.library, &Gpu::Uuid(GPU0.to_owned()), left).expect("put back");
    assert_eq!((bench.read("gpu0.limit_mw").as_str(), bench.read("gpu0.locked").as_str()), ("700000", ""));
    for nonsense in ["", "700000", "x,unlock", "1,lock"] {
        assert!(nonsense.parse::<Original>().is_err());
    }
}

/// Every reason that NVML counts has its own figure, whichever of its two ways a driver serves; what neither serves is missing.
#[test]
fn violation_times_come_by_either_way_and_are_missing_without_both() {
    let Some(bench) = Bench::new(&[]) else { return };
    for (k, policy) in [0, 1, 3, 5, 2, 4, 10, 11].iter().enumerate() {
        bench.write(&format!("gpu0.violation{policy}"), &format!("{}", 1000 * (k + 1)));
    }
    let reasons = [
        Channel::PowerViolation,
        Channel::ThermalViolation,
        Channel::BoardViolation,
        Channel::ReliabilityViolation,
        Channel::SyncBoostViolation,
        Channel::LowUseViolation,
        Channel::AppClocksViolation,
        Channel::BaseClocksViolation,
    ];
    let read = |bench: &Bench| {
        let health = bench.card().health().expect("health");
        let found: Vec<_> = reasons.iter().map(|r| health.readings().into_iter().find(|(c, _)| c == r).expect("there").1).collect();
        (found, health.lacks())
    };
    for (unsupported, some, lacks) in [
        ("", true, None),
        ("violation_status", true, None),
        ("violation_fields", true, None),
        ("violation_status violation_fields", false, Some("how long anything held the clocks down")),
    ] {
        bench.write("gpu0.unsupported", unsupported);
        let (found, lacking) = read(&bench);
        for (k, value) in found.iter().enumerate() {
            // Idling adds its seconds where they are counted.
            let whole = value.map(|s| (s / 1000.0).floor() as usize);
            assert_eq!(whole, some.then_some(k + 1), "{unsupported:?} {:?}", reasons[k]);
        }
        assert_eq!(lacking.first().copied(), lacks, "{unsupported:?}");
    }
}

#[test]
fn the_driver_s_own_samples_come_once_each_and_in_order() {
    let Some(bench) = Bench::new(&[]) else { return };
    let mut card = bench.card();
    let mut all = Vec::new();
    // Until there are some; each look has only what is new.
    while all.len() < 20 {
        all.extend(card.buffered().expect("it stays").expect("it keeps samples"));
    }
    assert!(all.windows(2).all(|w| w[1].at_s > w[0].at_s), "each once, oldest first");
    let mut steps: Vec<f64> = all.windows(2).map(|w| w[1].at_s - w[0].at_s).collect();
    steps.sort_by(f64::total_cmp);
    assert!((steps[steps.len() / 2] - 0.02).abs() < 0.006, "{steps:?}");
    assert!(all.iter().all(|s| (s.power_w - 80.0).abs() < 1.0), "{all:?}");
    bench.write("gpu0.fault", "zero");
    let mut none = Vec::new();
    for _ in 0..50 {
        none.extend(card.buffered().expect("it stays").expect("it keeps samples"));
    }
    assert!(none.iter().all(|s| s.power_w > 0.0), "0 is no reading");
    bench.write("gpu0.fault", "lost");
    assert!(card.buffered().is_err());
    bench.write("gpu0.fault", "none");
    bench.write("gpu0.unsupported", "samples");
    assert_eq!(card.buffered().expect("it stays"), None, "not supported is not empty");
    let Some(bench) = Bench::new(&["NO_SAMPLES"]) else { return };
    assert_eq!(bench.card().buffered().expect("it stays"), None);
}

/// R535 and later renamed calls, and some day the old names go.
#[test]
fn either_name_of_a_call_will_do() {
    for names in ["NEW_NAMES", "OLD_NAMES"] {
        let Some(bench) = Bench::new(&[CONSTANT, names]) else { return };
        let sample = bench.card().sample().expect("a sample");
        assert_eq!((sample.die_degc, sample.throttle_bits), (Some(63.0), Some(4)), "{names}");
    }
}

#[test]
fn the_energy_counter_comes_by_call_or_by_field() {
    let Some(bench) = Bench::new(&[]) else { return };
    for (unsupported, there) in [("", true), ("energy_call", true), ("energy", false)] {
        bench.write("gpu0.unsupported", unsupported);
        let energy = bench.card().sample().expect("a sample").energy_j;
        assert_eq!(energy.is_some_and(|j| j >= 9000.0), there, "{unsupported:?} {energy:?}");
    }
}

#[test]
fn with_mig_on_what_the_board_does_not_say_is_missing() {
    let Some(bench) = Bench::new(&[CONSTANT]) else { return };
    bench.write("gpu0.mig", "2");
    let sample = bench.card().sample().expect("a sample");
    assert_eq!((sample.utilisation_pct, sample.memory_busy_pct), (None, None));
    assert_eq!((sample.power_w, sample.die_degc), (Some(313.5), Some(63.0)), "the rest stays");
    bench.write("gpu0.unsupported", "root");
    let identity = bench.card().identity().clone();
    assert!(identity.processes.is_none() && identity.notes.iter().any(|n| n.contains("it tells root only")), "{:?}", identity.notes);
}

#[test]
fn what_spoils_measurements_is_noted_when_a_card_is_opened() {
    let Some(bench) = Bench::new(&[CONSTANT]) else { return };
    let fact = |bench: &Bench, name: &str| bench.card().identity().facts.iter().find(|f| f.0 == name).map(|f| f.1.clone());
    assert_eq!(fact(&bench, "confidential computing").as_deref(), Some("off"));
    assert!(!bench.card().identity().notes.iter().any(|n| n.contains("persistence")));
    bench.write("gpu0.persistence", "0");
    bench.write("gpu0.cc", "1");
    assert_eq!(fact(&bench, "confidential computing").as_deref(), Some("on"));
    assert!(bench.card().identity().notes.iter().any(|n| n.contains("nvidia-smi -pm 1")), "{:?}", bench.card().identity().notes);
}

#[test]
fn what_is_not_given_is_told_in_words() {
    let Some((folder, path)) = stub(&[CONSTANT, "DEVICES=1"]) else { return };
    let report = |unsupported: &str| {
        std::fs::write(folder.path().join("gpu0.unsupported"), unsupported).expect("room");
        crate::info::report_with(Path::new("/nowhere"), std::slice::from_ref(&path))
    };
    let text = report("");
    assert!(!text.contains("does not give either"), "{text}");
    let text = report("samples video pcie violation_status violation_fields energy");
    for words in [
        "does not give either: how long anything held the clocks down, video clock, PCIe throughput, the driver's own power samples",
        "does not give: energy counter",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
}
