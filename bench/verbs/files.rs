//! Verbs about files and this machine: list, show, check, accelerator info, columns, completions, man.

use crate::cli::Cli;
use crate::exit::{BadInput, Exit};
use crate::plan;
use anyhow::Result;
use clap::CommandFactory;
use rig::HeatSource;
use rig::config::SCALE;
use rig::port::{Place, latency_ms};
use std::io::{self, BufWriter, Write};
use std::path::Path;

pub(crate) fn list_rigs() -> Result<Exit> {
    let mut out = io::stdout().lock();
    for (name, text) in rig::builtin() {
        let title = engine::setup::parse_rig(name, text).map(|(rig, _)| rig.title).unwrap_or_default();
        writeln!(out, "{name:<28} {title}")?;
    }
    Ok(Exit::Done)
}

pub(crate) fn check_rig(wanted: &str) -> Result<Exit> {
    let source = plan::rig(wanted)?;
    let (rig, twin) =
        engine::setup::parse_rig(&source.file, &source.text).map_err(|problems| BadInput(format!("the rig has problems:\n{problems}")))?;
    engine::weigh::masses(&rig, &source.from).map_err(|why| BadInput(why.to_string()))?;
    say!("{}: no problems", rig.name);
    for instrument in &rig.instruments {
        say!("  {} on {}: {}", instrument.name, connection(instrument), alone(instrument));
        let untold = instrument.untold();
        if !untold.is_empty() {
            say!("    the device itself is not told, and nobody checks there: {}", untold.join(", "));
        }
        if let Some(why) = instrument.mistaken_for() {
            say!("    not told apart from another of its kind: {why}");
        }
        if instrument.output_of.is_none() {
            match instrument.held_to_firmware() {
                Ok(words) => say!("    held to {words}"),
                Err(why) if instrument.switches() => say!("    another firmware goes unnoticed: {why}"),
                Err(_) => {}
            }
        }
    }
    for outputs in several(&rig) {
        say!("  {outputs}");
    }
    if let Some(scale) = &rig.scale {
        let place = connection(&scale.instrument);
        say!(
            "  {SCALE} on {place}: for `rig weigh` alone, {} kg a step, {} kg standard uncertainty",
            scale.readability_kg,
            scale.accuracy_kg
        );
    }
    say!("  {}", loop_limit(&rig, &twin));
    say!("  {}", dryness(&rig));
    if let Some(why) = engine::setup::beyond_bank(&rig, &twin) {
        say!("  runs would refuse: {why}");
    }
    for why in rig.unguarded() {
        say!("  not guarded ({}): {why}", why.key);
    }
    if let Some(servo) = rig.blind_drive() {
        say!(
            "  {} declares no current limit: its saturation, a rise beyond the maximum-cooling current and a dead drive go unseen",
            servo.name
        );
    }
    for words in left(&rig) {
        say!("  {words}");
    }
    say!("  {}", super::commission::describe(&rig, &source.from));
    for why in rig.refuses_unattended(jiff::Timestamp::now()) {
        say!("  unattended running would refuse: {why}");
    }
    if let Some(waiver) = &rig.waiver {
        say!("  waived by {} on {}, because {}:", waiver.who, waiver.when, waiver.why);
        for risk in rig.waived() {
            say!("    {}: {risk}", risk.key);
        }
    }
    Ok(Exit::Done)
}

/// What a run left changed on the cards that the rig names. A card that is not here is no problem of the file's.
fn left(rig: &rig::RigFile) -> Vec<String> {
    let spec = rig.accelerator.default.parse::<accelerator::Spec>().ok().filter(|spec| !spec.gpus().is_empty());
    spec.and_then(|spec| engine::claim::left_on(&spec).ok()).unwrap_or_default()
}

/// Devices with several outputs, one line each: what one cable, one identity and one watchdog carry.
fn several(rig: &rig::RigFile) -> Vec<String> {
    let outputs = |device: &str| rig.instruments.iter().filter(|i| i.device() == device).collect::<Vec<_>>();
    let of = |i: &rig::Instrument| outputs(&i.name);
    rig.instruments
        .iter()
        .filter(|i| of(i).len() > 1)
        .map(|device| {
            let each: Vec<String> = of(device).iter().map(|i| format!("{} ({})", i.output_number().unwrap_or(1), i.name)).collect();
            let lease = if device.lease_s().is_some() { ", one watchdog" } else { "" };
            format!(
                "{} is one device with outputs {}: one line, one identity{lease}; \"off\" goes to all of them first",
                device.name,
                each.join(" and ")
            )
        })
        .collect()
}

/// What keeps the bench dry.
fn dryness(rig: &rig::RigFile) -> String {
    if rig.knows_dew_point() {
        return format!(
            "dew: setpoint, plate and coolant stay {} K above the room's dew point; without humidity for {} s nothing is cooled below the room",
            rig.interlock.dew_margin_k, rig.interlock.dew_stale_s
        );
    }
    "dew: room and humidity are not both read, so that only the lowest setpoint keeps the bench dry".to_owned()
}

/// What the instrument does of itself when the host dies.
fn alone(instrument: &rig::Instrument) -> String {
    match instrument.lease_s() {
        _ if !instrument.switches() => "only read".to_owned(),
        // One with a lease was refused when the file was read.
        _ if instrument.watchdog_is_off() && instrument.safe_is_on() => {
            "stays on if the host dies, since its watchdog is told not to switch it off (0, read back)".to_owned()
        }
        _ if instrument.safe_is_on() => "stays on if the host dies: it has no lease".to_owned(),
        Some(lease_s) => format!("output off after {lease_s} s of silence"),
        None => "no lease: keeps its output on if the host dies".to_owned(),
    }
}

/// What limits the loop of flight model and bench on this rig. The numbers need a profile: `run` and `rehearse` check them.
fn loop_limit(rig: &rig::RigFile, twin: &twin::TwinSpec) -> String {
    let delay_s = rig.interface.lag_s + rig.interface.delay_s;
    let by = match rig.interface.heat_source {
        HeatSource::Electrical => "the accelerator's own sensor",
        HeatSource::Meter => "the external board-power meter",
        HeatSource::Calorimetric => {
            let about = engine::setup::calorimetry(rig, twin).map_or_else(String::new, |words| format!("\n  {words}"));
            return format!(
                "hybrid loop: heat is calorimetric, so its delay is limited: {delay_s} s, half a tick and the plate's own here; `rehearse` refuses with \
                 the numbers what takes up more than a third of the limit{about}"
            );
        }
    };
    format!(
        "hybrid loop: heat is electrical, by {by}, so leakage is what limits it ({} W/K declared): while the radiator outruns it (a > |b|) any delay\n  \
         is borne, {delay_s} s and half a tick here",
        rig.accelerator.leakage_w_k
    )
}

fn connection(instrument: &rig::Instrument) -> String {
    if let Some(device) = &instrument.output_of {
        return format!("the line of {device}");
    }
    let Some(place) = Place::of(&instrument.connection) else {
        return instrument.line.as_ref().map_or_else(|| "the twin".to_owned(), |line| format!("the twin, on its line \"{line}\""));
    };
    match place.device_file() {
        Ok(Some(path)) if path.exists() => {
            let slow = latency_ms(&path).filter(|ms| *ms > 1);
            let trap = slow.map(|ms| {
                format!(
                    " (its FTDI adapter waits {ms} ms before it passes on a short answer: every question takes that long; set \
                     ATTR{{latency_timer}}=\"1\" by a udev rule)"
                )
            });
            format!("{place}{}", trap.unwrap_or_default())
        }
        Ok(Some(_)) => format!("{place} (not there now)"),
        Ok(None) => place.to_string(),
        Err(why) => format!("{place} (not there now: {why})"),
    }
}

/// Columns of the environment timeline, units as suffixes.
const TIMELINE: &str = "utc,mission_s,env_illumination_frac,env_beta_deg,env_solar_w_m2,env_array_w_m2,env_a_solar_w_m2,env_a_albedo_w_m2,env_a_ir_w_m2,\
                        env_b_solar_w_m2,env_b_albedo_w_m2,env_b_ir_w_m2,env_sink_degc";

pub(crate) fn show_profile(wanted: &str, csv: bool, step: f64, duration: Option<f64>) -> Result<Exit> {
    let profile = plan::parsed(wanted)?;
    let env = &profile.environment;
    let span = duration.unwrap_or_else(|| env.period_s());
    if span > *env.span_s().end() {
        let message =
            format!("{span:.0} s are longer than the data of {}, which end {:.1} s after its epoch", profile.name, env.span_s().end());
        return Err(BadInput(message).into());
    }
    let mut out = BufWriter::new(io::stdout().lock());
    if csv {
        writeln!(out, "{TIMELINE}")?;
        for k in 0..=(span / step + 1e-9).floor() as u64 {
            let t = k as f64 * step;
            let s = env.at(t);
            let utc = profile.epoch.checked_add(jiff::SignedDuration::from_secs_f64(t))?;
            let sink = signal::Celsius::from(s.sink).0;
            let beta = s.beta().map_or_else(String::new, |deg| format!("{deg:.4}"));
            write!(out, "{utc:.3},{t:.3},{:.6},{beta},{:.3},{:.3}", s.illumination, s.solar_w_m2, s.array_w_m2)?;
            for face in [&s.a, &s.b] {
                write!(out, ",{:.3},{:.3},{:.3}", face.solar_w_m2, face.albedo_w_m2, face.ir_w_m2)?;
            }
            writeln!(out, ",{sink:.3}")?;
        }
        out.flush()?;
        return Ok(Exit::Done);
    }
    writeln!(out, "{}: {}", profile.name, profile.title)?;
    writeln!(out, "  epoch      {}", profile.epoch)?;
    writeln!(out, "  period     {:.1} s, flown {:.2} orbits", env.period_s(), profile.duration_s / env.period_s())?;
    let start = env.at(0.0);
    // A building has neither an orbit's plane nor, on the grid, a Sun.
    match start.beta() {
        Some(deg) => writeln!(out, "  beta       {deg:.2} deg at the epoch")?,
        None => writeln!(out, "  beta       –")?,
    }
    writeln!(out, "  radiator   {} m2 planform, {} panels", profile.radiator.area_m2, profile.radiator.panels)?;
    writeln!(out, "  satellite  {} kW of heat, {} kW of array", profile.satellite.heat_kw, profile.power.array_kw)?;
    let steps = 2000;
    let lit: f64 = (0..steps).map(|k| env.at(span * f64::from(k) / f64::from(steps)).illumination).sum::<f64>() / f64::from(steps);
    writeln!(out, "  sunlight   {:.2} % of the first {:.0} s", lit * 100.0, span)?;
    for edge in env.shadow_edges(0.0, span) {
        writeln!(out, "  {:>9.2} s  {:?}", edge.mission_s, edge.contact)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

pub(crate) fn accelerator_info() -> Result<Exit> {
    say!("{}", accelerator::info::report(Path::new("/")).trim_end());
    Ok(Exit::Done)
}

pub(crate) fn columns() -> Result<Exit> {
    say!("{}", record::markdown().trim_end());
    Ok(Exit::Done)
}

pub(crate) fn completions(shell: clap_complete::Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "orbitbench", &mut script);
    io::stdout().write_all(&script)?;
    Ok(Exit::Done)
}

pub(crate) fn man() -> Result<Exit> {
    clap_mangen::Man::new(Cli::command()).render(&mut io::stdout())?;
    Ok(Exit::Done)
}
