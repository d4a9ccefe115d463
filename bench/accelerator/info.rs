//! What `orbitbench accelerator info` prints: what was found on this host, how to ask for it, and why not more.
//!
//! Not here: tests of the device (`accelerator check`) and choices; it only looks.

use crate::{Accelerator, Error, Gpu, Sample, cpu, nvml, sensors, throttle};
use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;

/// The report for the host whose file system starts at `root`; NVML is searched for as in a run.
///
/// It asks the driver and so may block as long as the driver does.
pub fn report(root: &Path) -> String {
    report_with(root, &nvml::candidates(std::env::var_os(nvml::LIBRARY_VARIABLE)))
}

/// As [`report`], with the NVML libraries to try.
pub fn report_with(root: &Path, libraries: &[OsString]) -> String {
    let mut out = String::from("virtual card\n  always there: the twin's card, simulated\n  use: --accelerator virtual\n\n");
    match nvml::Library::open_first(libraries) {
        Ok(library) => gpus(&mut out, library),
        Err(why) => no_library(&mut out, root, &why),
    }
    out.push('\n');
    let mut cpu = cpu::Cpu::open(root);
    out.push_str("host CPU\n");
    device(&mut out, &mut cpu);
    out
}

fn gpus(out: &mut String, library: nvml::Library) {
    let count = library.count();
    let driver = library.driver().unwrap_or_else(|| "of unknown version".to_owned());
    line(out, format_args!("NVIDIA GPUs: {count}, driver {driver}"));
    for index in 0..count {
        match library.gpu(&Gpu::Index(index)) {
            Ok(mut card) => device(out, &mut card),
            Err(why) => line(out, format_args!("  {why}")),
        }
    }
    if count == 0 {
        line(
            out,
            format_args!(
                "  the driver is there but shows no GPU: in a container, start it with its GPUs; else look for `NVRM` in the kernel log"
            ),
        );
    }
}

fn no_library(out: &mut String, root: &Path, why: &Error) {
    line(out, format_args!("NVIDIA GPUs: none"));
    line(out, format_args!("  {why}"));
    line(
        out,
        format_args!(
            "  {}",
            if sensors::has_nvidia_on_pci(root) {
                "the PCI bus shows an NVIDIA card: its driver's library is what is missing"
            } else {
                "the PCI bus shows no NVIDIA card"
            }
        ),
    );
}

fn device(out: &mut String, accelerator: &mut dyn Accelerator) {
    let identity = accelerator.identity().clone();
    line(out, format_args!("  {}", identity.name));
    let facts = [("UUID", identity.uuid), ("serial", identity.serial), ("driver", identity.driver)];
    for (name, value) in facts {
        if let Some(value) = value {
            line(out, format_args!("    {name:<12}{value}"));
        }
    }
    if let Some(w) = identity.full_w {
        let range = identity.limits_w.map_or(String::new(), |(low, high)| format!(", can be set from {low:.0} to {high:.0} W"));
        line(out, format_args!("    {:<12}{w:.1} W{range}", "power limit"));
    }
    for (name, value) in &identity.facts {
        line(out, format_args!("    {name:<12} {value}"));
    }
    for busy in identity.processes.iter().flatten() {
        line(out, format_args!("    used by {busy}: it disturbs every measurement, and an unattended run does not start beside it"));
    }
    match accelerator.sample() {
        Ok(sample) => line(out, format_args!("    {:<12}{}", "now", now(&sample))),
        Err(e) => line(out, format_args!("    {e}")),
    }
    if identity.board_uuid.is_some()
        && let Some(lacks) = lacks(accelerator)
    {
        line(out, format_args!("    {lacks}"));
    }
    for note in &identity.notes {
        line(out, format_args!("    note: {note}"));
    }
    line(out, format_args!("    use: --accelerator {}", identity.spec));
}

/// What an NVIDIA GPU does not give beside what its notes name, in words; `None` if it gives everything.
fn lacks(accelerator: &mut dyn Accelerator) -> Option<String> {
    let mut lacks = match accelerator.health() {
        Ok(health) => health.lacks(),
        Err(e) => return Some(e.to_string()),
    };
    match accelerator.buffered() {
        Ok(Some(_)) => {}
        Ok(None) => lacks.push("the driver's own power samples"),
        Err(e) => return Some(e.to_string()),
    }
    (!lacks.is_empty()).then(|| format!("this board or driver does not give either: {}; their columns stay empty", lacks.join(", ")))
}

/// What a sample holds, in words; what it does not hold is left out, the notes say why.
fn now(sample: &Sample) -> String {
    let values = [
        sample.power_w.map(|v| format!("{v:.1} W")),
        sample.power_instant_w.map(|v| format!("{v:.1} W this instant")),
        sample.energy_j.map(|v| format!("{v:.1} J counted")),
        sample.die_degc.map(|v| format!("die {v:.0} °C")),
        sample.die_margin_k.map(|v| format!("{v:.0} K below slowdown")),
        sample.memory_degc.map(|v| format!("memory {v:.0} °C")),
        sample.core_mhz.map(|v| format!("core {v:.0} MHz")),
        sample.memory_mhz.map(|v| format!("memory {v:.0} MHz")),
        sample.utilisation_pct.map(|v| format!("{v:.0} % busy")),
        sample.throttle_bits.map(|bits| match throttle::words(bits).join(", ") {
            none if none.is_empty() => "clocks not held".to_owned(),
            words => format!("clocks held by {words}"),
        }),
    ];
    let present: Vec<String> = values.into_iter().flatten().collect();
    if present.is_empty() { "nothing can be read".to_owned() } else { present.join(", ") }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensors::fake::Root;

    #[test]
    fn a_host_without_anything_learns_why_and_what_to_do() {
        let root = Root::new();
        let libraries = [OsString::from("/nowhere/libnvidia-ml.so.1")];
        let text = report_with(root.path(), &libraries);
        for expected in [
            "use: --accelerator virtual",
            "NVIDIA GPUs: none",
            "/nowhere/libnvidia-ml.so.1",
            "install the NVIDIA driver",
            "the PCI bus shows no NVIDIA card",
            "nothing can be read",
            "no RAPL zones",
            "use: --accelerator cpu",
        ] {
            assert!(text.contains(expected), "no {expected:?} in\n{text}");
        }
        root.write("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de");
        let text = report_with(root.path(), &libraries);
        assert!(text.contains("its driver's library is what is missing"), "{text}");
    }

    #[test]
    fn a_sample_is_told_in_words() {
        let sample = Sample { power_w: Some(72.04), die_degc: Some(61.0), throttle_bits: Some(0x24), ..Sample::default() };
        assert_eq!(now(&sample), "72.0 W, die 61 °C, clocks held by power cap (software), thermal slowdown (software)");
        assert!(now(&Sample { throttle_bits: Some(0), ..Sample::default() }).contains("not held"));
    }
}
