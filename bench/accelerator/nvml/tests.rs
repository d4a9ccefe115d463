//! The genuine nvml-wrapper against a stub library compiled on the spot. A host without a C compiler cannot build it: those tests then say so.

use super::card::watts;
use super::*;
use crate::{Accelerator, Sample, Spec};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

mod state;

/// The first GPU of the stub.
const GPU0: &str = "GPU-5700b000-0000-4000-8000-000000000000";
/// GPU 0 at a constant 312.5 W.
const CONSTANT: &str = "POWER_MW=312500";

/// Compiles the stub with `defines`, its folder beside it; `None`, loudly, where there is no C compiler.
fn stub(defines: &[&str]) -> Option<(TempDir, OsString)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let library = folder.path().join("libnvidia-ml.so.1");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/stub_nvml.c");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).args(defines.iter().map(|d| format!("-D{d}"))).arg("-lm");
    cc.arg(format!("-DSTATE=\"{}\"", folder.path().display()));
    match cc.output() {
        Ok(output) => assert!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr)),
        Err(e) => {
            eprintln!("SKIPPED: no C compiler `cc` to build the NVML stub with ({e})");
            return None;
        }
    }
    Some((folder, library.into_os_string()))
}

fn open(defines: &[&str], gpu: &Gpu) -> Option<Result<Card, Error>> {
    let (_folder, path) = stub(defines)?;
    Some(Library::open_first(&[path]).expect("the stub opens").gpu(gpu))
}

fn first(defines: &[&str]) -> Option<Card> {
    open(defines, &Gpu::Index(0)).map(|card| card.expect("GPU 0 opens"))
}

#[test]
fn values_come_through_the_real_wrapper_in_our_units() {
    let Some(mut card) = first(&[CONSTANT]) else { return };
    let sample = card.sample().expect("a sample");
    assert_eq!(
        Sample { energy_j: None, power_age_s: None, ..sample },
        Sample {
            power_w: Some(313.5),
            power_instant_w: Some(314.5),
            power_age_s: None,
            energy_j: None,
            energy_epoch: 0,
            die_degc: Some(63.0),
            memory_degc: Some(71.0),
            die_margin_k: Some(24.0),
            memory_margin_k: Some(24.0),
            core_mhz: Some(1755.0),
            memory_mhz: Some(2619.0),
            utilisation_pct: Some(97.0),
            memory_busy_pct: Some(41.0),
            throttle_bits: Some(4),
        }
    );
    assert!(sample.energy_j.expect("a counter") >= 9000.0);
    assert!(sample.power_age_s.expect("a stamp") >= 0.0);
    let identity = card.identity();
    assert_eq!(identity.spec.parse::<Spec>().expect("a spec"), Spec::Nvml(Gpu::Uuid(GPU0.to_owned())));
    assert_eq!(identity.name, "Stub GPU (no hardware)");
    assert_eq!(identity.driver.as_deref(), Some("NVIDIA 570.00.stub"));
    assert_eq!(identity.serial.as_deref(), Some("1650000000042"));
    assert_eq!(identity.full_w, Some(600.0), "the limit in force, not the one that was asked for");
}

#[test]
fn a_gpu_is_found_by_uuid_and_a_wrong_one_names_how_many_there_are() {
    let Some((_folder, path)) = stub(&[CONSTANT]) else { return };
    let library = Library::open_first(&[path]).expect("the stub opens");
    let mut second = library.gpu(&Gpu::Uuid("GPU-5700b000-0000-4000-8000-000000000001".to_owned())).expect("by UUID");
    assert_eq!(second.identity().spec, "nvml:GPU-5700b000-0000-4000-8000-000000000001");
    assert_eq!(second.sample().expect("a sample").power_w, Some(81.0));
    for gpu in [Gpu::Index(2), Gpu::Uuid("GPU-0".to_owned())] {
        let message = library.gpu(&gpu).expect_err("no such GPU").to_string();
        assert!(message.contains(&gpu.to_string()) && message.contains("2 GPUs are there"), "{message}");
    }
}

#[test]
fn what_is_refused_is_missing_and_not_zero() {
    for code in ["3", "4", "10", "999"] {
        let Some(mut card) = first(&[CONSTANT, &format!("REFUSE={code}")]) else { return };
        let sample = card.sample().expect("the die can still be read");
        assert_eq!(sample, Sample { die_degc: Some(63.0), ..Sample::default() }, "return code {code}");
        assert_eq!(card.identity().full_w, None);
        assert!(card.identity().notes.iter().any(|n| n.contains("does not give: power, instant power, energy counter, memory")));
    }
}

#[test]
fn symbols_an_old_driver_lacks_are_missing_values() {
    let Some(mut card) = first(&[CONSTANT, "NO_FIELDS", "NO_ENERGY", "NO_ENFORCED", "NO_THROTTLE"]) else { return };
    let sample = card.sample().expect("a sample");
    assert_eq!(sample.power_w, Some(312.5), "nvmlDeviceGetPowerUsage instead of the average field");
    assert_eq!((sample.energy_j, sample.memory_degc, sample.throttle_bits, sample.power_instant_w), (None, None, None, None));
    assert_eq!(card.identity().full_w, Some(700.0));
}

#[test]
fn a_lost_gpu_is_an_error_in_words() {
    // 999 is `NVML_ERROR_UNKNOWN`: of one value it is a value that is not to be had, of all of them the driver's own end.
    for (code, words) in [("15", "fell off the bus"), ("16", "reset"), ("999", "not one is given")] {
        // Opening asks about some dozens of things; the GPU survives that and a sample or two.
        let Some(mut card) = first(&["LOST_AFTER=80", &format!("LOST_CODE={code}")]) else { return };
        let outcome = (0..10).map(|_| card.sample()).find(Result::is_err).expect("it is lost within ten samples");
        let message = outcome.expect_err("lost").to_string();
        assert!(message.contains(words) && message.contains("Stub GPU") && message.contains("Xid"), "{message}");
    }
}

#[test]
fn a_gpu_lost_while_opening_is_no_gpu() {
    let Some(outcome) = open(&["LOST_AFTER=0"], &Gpu::Index(0)) else { return };
    assert!(matches!(outcome, Err(Error::NoGpu { .. })));
}

#[test]
fn throttle_bits_without_a_name_survive() {
    let Some(mut card) = first(&["THROTTLE=0x8000000000000040ULL"]) else { return };
    assert_eq!(card.sample().expect("a sample").throttle_bits, Some(0x8000_0000_0000_0040));
}

#[test]
fn zeros_of_polling_too_fast_are_no_readings() {
    let Some(mut card) = first(&["ENERGY_SEQUENCE=4000,5000,0,6000,1000", "MEMORY_DEGC=0"]) else { return };
    let samples: Vec<Sample> = (0..4).map(|_| card.sample().expect("a sample")).collect();
    let energies: Vec<_> = samples.iter().map(|s| s.energy_j).collect();
    assert_eq!(energies, [Some(5.0), None, Some(6.0), Some(1.0)]);
    assert_eq!(samples[2].energy_since(&samples[0]), Some(1.0));
    assert_eq!(samples[3].energy_since(&samples[0]), None, "the counter started anew");
    assert_eq!(samples[0].memory_degc, None);
    assert_eq!(watts(0.0), None);
}

#[test]
fn no_library_or_no_driver_says_what_to_do() {
    let absent = OsString::from("/nowhere/libnvidia-ml.so.1");
    let message = Library::open_first(std::slice::from_ref(&absent)).expect_err("no such file").to_string();
    assert!(message.contains("/nowhere/libnvidia-ml.so.1") && message.contains("install the NVIDIA driver"), "{message}");
    let Some((_folder, path)) = stub(&["INIT=9"]) else { return };
    let message = Library::open_first(&[path, absent]).expect_err("no driver").to_string();
    assert!(message.contains("driver is not loaded") && message.contains("modprobe nvidia"), "{message}");
}

#[test]
fn the_variable_names_the_only_library_that_is_tried() {
    assert_eq!(candidates(Some("/opt/x.so".into())), [OsString::from("/opt/x.so")]);
    assert_eq!(candidates(None).len(), LIBRARIES.len());
    assert_eq!(candidates(Some(OsString::new())).len(), LIBRARIES.len());
}
