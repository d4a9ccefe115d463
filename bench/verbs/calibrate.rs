//! `rig calibrate`: from logs to a dated file that says what the bench is.

use crate::exit::{BadInput, Exit, unrecorded, unwritable};
use crate::plan;
use anyhow::Result;
use clap::Args;
use identify::calibration::{About, Instrument, serial_in};
use identify::fit::{Belief, Choice, Fit, FitError, fit};
use identify::{Calibration, Key, Log, plot, steady};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What `--help` says of the logs to fly.
const LOGS: &str = "\
What to fly. A parameter shows only where something moved that it governs, so give several logs, or one with all of it:
  steps of heat      an orbit with eclipses (`run noon-midnight-560`): capacities, die to plate, sink
  steps of setpoint  the same, or two profiles at different temperatures: the Peltier bank
  blank run          `--workload none`: the card idle, the setpoint moving: losses and bank apart from the power meter
  heater             a resistor on the plate, its watts in a column rig_heater_w, five levels or more held for ten minutes each, the
                     card idle: UA_loss, also by steady states alone
Room air in a column rig_ambient_degc helps most of all: without it the room is an unknown that wanders.
A log is a run folder or any CSV with bench_s (or t_s), rig_plate_degc, rig_tec_a, and what there is of rig_sink_degc, rig_tec_v,
rig_output, accel_power_w, accel_energy_j, accel_die_degc. Empty cells, and what is not of good quality, are not used; gaps are jumped over.

What comes out. A parameter that `rests on` the belief was not seen by the logs: its value and uncertainty are the rig file's. A Peltier bank
by its datasheet is a 15 % instrument; one that rests on a log is not.";

/// Which logs of which rig, and how.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = LOGS)]
pub(crate) struct CalibrateArgs {
    /// The rig the logs were flown on: a name from `rig list` or a TOML file
    pub(crate) rig: String,
    /// Run folders, or CSV files with their columns
    #[arg(required = true, value_name = "LOG")]
    pub(crate) logs: Vec<PathBuf>,
    /// The calibration; rigs/calibration/RIG-DATE.toml if left out. Never overwritten
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Picture of what is left; beside the calibration if left out
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) plot: Option<PathBuf>,
    /// Parameters to leave as believed
    #[arg(long, value_name = "PARAMETER", value_delimiter = ',', value_parser = key)]
    pub(crate) fix: Vec<Key>,
    /// Parameters to fit without leaning on the belief
    #[arg(long, value_name = "PARAMETER", value_delimiter = ',', value_parser = key)]
    pub(crate) free: Vec<Key>,
    /// When it was made, if not now: a UTC instant
    #[arg(long, value_name = "INSTANT")]
    pub(crate) made: Option<Timestamp>,
    /// Days it is good for
    #[arg(long, default_value_t = identify::calibration::VALID_DAYS)]
    pub(crate) valid_days: f64,
}

fn key(word: &str) -> Result<Key, String> {
    Key::named(word).ok_or_else(|| {
        let all: Vec<&str> = Key::ALL.iter().map(|k| k.name()).collect();
        format!("there is no such parameter; there are {}", all.join(", "))
    })
}

/// The calibration in `file`.
pub(super) fn read(file: &Path) -> Result<Calibration> {
    let text = std::fs::read_to_string(file).map_err(|why| BadInput(format!("cannot read {}: {why}", file.display())))?;
    Calibration::read(&file.display().to_string(), &text)
        .map_err(|problems| BadInput(format!("the calibration has problems:\n{problems}")).into())
}

pub(crate) fn calibrate(args: &CalibrateArgs) -> Result<Exit> {
    let source = plan::rig(&args.rig)?;
    let (rig, spec) =
        engine::setup::parse_rig(&source.file, &source.text).map_err(|problems| BadInput(format!("the rig has problems:\n{problems}")))?;
    if let Some(circuit) = &spec.plant.circuit {
        let held = if circuit.bath.is_some() { "a circulator holds" } else { "the bank of modules holds" };
        return Err(BadInput(format!(
            "{}: {held} the coolant of this rig ([plant.loop]), and calibrations are fitted to benches whose modules are on the plate itself: a fit would \
             take the loop for modules. What `rig commission` measures (flow, closure, authority, resistance) is this bench's own; put its figures into \
             [plant] by hand",
            rig.name
        ))
        .into());
    }
    if let Some(twice) = args.fix.iter().find(|k| args.free.contains(k)) {
        return Err(BadInput(format!("{} cannot be both fixed and free", twice.name())).into());
    }
    if !(1.0..=3660.0).contains(&args.valid_days) {
        return Err(BadInput(format!("--valid-days {} is not between 1 and 3660", args.valid_days)).into());
    }
    let made = args.made.unwrap_or_else(Timestamp::now);
    let out = args.out.clone().unwrap_or_else(|| {
        let date = made.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d");
        Path::new("rigs/calibration").join(format!("{}-{date}.toml", rig.name))
    });
    let picture = args.plot.clone().unwrap_or_else(|| out.with_extension("svg"));
    if out.exists() {
        return Err(
            BadInput(format!("{} is there already, and a calibration is never overwritten: give another --out", out.display())).into()
        );
    }
    let logs: Vec<Log> = args.logs.iter().map(|p| Log::read(p).map_err(|why| BadInput(why.to_string()))).collect::<Result<_, _>>()?;
    of_this_rig(&rig, &logs)?;

    let belief = Belief { plant: spec.plant, spreads: spec.spreads, coupled: rig.accelerator.coupled };
    let choice = Choice { fix: args.fix.clone(), free: args.free.clone() };
    let found = fit(&belief, &logs, &choice).map_err(|why: FitError| BadInput(why.to_string()))?;
    let offsets = [Key::PlateOffset, Key::SinkOffset].map(|k| found.get(k).value);
    let steady = steady::line(steady::states(&found.plant, offsets, belief.coupled, &logs));
    table(&found)?;
    told(&found, &steady)?;
    let draw = |title: &str| {
        let names: Vec<String> = logs.iter().map(|l| l.name.clone()).collect();
        let note = format!("reduced chi-square {:.2}, {} logs; dashed: root mean square", found.chi_square, logs.len());
        plot::residuals(&found, &names, title, &note)
    };
    if let Some(why) = found.refused() {
        // Whoever asked for a picture gets it: it shows what is wrong.
        if let Some(path) = &args.plot {
            write(path, &draw(&format!("{}: refused", rig.name)))?;
        }
        eprintln!("not calibrated: {why}");
        return Ok(Exit::GateFailed);
    }
    let instruments =
        rig.instruments.iter().map(|i| (i.name.clone(), Instrument { identity: None, serial_number: i.serial_number() })).collect();
    let about =
        About { made, rig: rig.name.clone(), rig_sha256: record::sha256(source.text.as_bytes()), simulated: rig.emulated(), instruments };
    let mut calibration = Calibration::new(&found, &logs, steady.as_ref().ok(), about);
    calibration.valid_days = args.valid_days;
    calibration.stamp();
    write(&out, &calibration.text())?;
    write(&picture, &draw(&format!("{} of {}: what is left of {}", calibration.id, &made.to_string()[..10], rig.name)))?;
    say!("{} in {}, what is left in {}", calibration.id, out.display(), picture.display());
    say!("use it with --calibration, or in the rig file as [calibration] file = \"...\"");
    Ok(Exit::Done)
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|why| unwritable(path, why))?;
    }
    Ok(record::replace_file(path, text.as_bytes()).map_err(unrecorded(path))?)
}

/// Logs of another rig, or of instruments that were exchanged between them, are no logs of this one.
fn of_this_rig(rig: &rig::RigFile, logs: &[Log]) -> Result<(), BadInput> {
    let mut serials: BTreeMap<&str, (u32, &str)> = BTreeMap::new();
    for instrument in &rig.instruments {
        serials.extend(instrument.serial_number().map(|n| (instrument.name.as_str(), (n, "the rig file"))));
    }
    for log in logs {
        if let Some(other) = log.rig.as_ref().filter(|name| **name != rig.name) {
            return Err(BadInput(format!("{}: flown on the rig \"{other}\", not on \"{}\"", log.name, rig.name)));
        }
        for (name, identity) in &log.identities {
            let Some(serial) = serial_in(identity) else { continue };
            let (known, whose) = *serials.entry(name).or_insert((serial, &log.name));
            if known != serial {
                return Err(BadInput(format!(
                    "{}: {name} had serial number {serial}, and {known} by {whose}: one calibration is of one bench",
                    log.name
                )));
            }
        }
    }
    Ok(())
}

/// A value with as many digits as its uncertainty deserves.
fn digits(value: f64, sigma: f64) -> String {
    let places = if sigma > 0.0 { (1.0 - sigma.log10().floor()).clamp(0.0, 6.0) as usize } else { 4 };
    format!("{value:.places$}")
}

fn table(found: &Fit) -> Result<()> {
    say!("{:<16} {:>11} {:>11} {:>10} {:>8}  {:<5} rests on", "parameter", "believed", "found", "+-95 %", "in %", "");
    for f in &found.parameters {
        let wide = 1.96 * f.sigma;
        let part = if f.key.is_positive() && f.sigma > 0.0 { format!("{:.1}", 100.0 * wide / f.value) } else { String::new() };
        let (value, wide) =
            if f.sigma > 0.0 { (digits(f.value, f.sigma), digits(wide, f.sigma)) } else { (digits(f.value, 0.0), "-".to_owned()) };
        say!("{:<16} {:>11} {value:>11} {wide:>10} {part:>8}  {:<5} {}", f.key.name(), digits(f.believed, f.sigma), f.key.unit(), f.rests);
    }
    Ok(())
}

fn told(found: &Fit, steady: &Result<steady::Steady, String>) -> Result<()> {
    for l in &found.left {
        let (word, unit) = (l.channel.word(), l.channel.unit());
        say!("left of {word}: {:.3} {unit} rms of {} values, worth {:.0} independent ones", l.rms, l.count, l.effective);
    }
    let loss = found.get(Key::Loss);
    match steady {
        Ok(s) => {
            let wide = 1.96 * (s.sigma_w_k.hypot(loss.sigma));
            let verdict = if (s.loss_w_k - loss.value).abs() <= wide { "agrees" } else { "does not agree: look at the bench" };
            say!(
                "UA_loss by {} steady states: {:.3} +- {:.3} W/K, {:.2} W at room temperature; it {verdict}",
                s.states.len(),
                s.loss_w_k,
                1.96 * s.sigma_w_k,
                s.intercept_w
            );
        }
        Err(why) => say!("UA_loss by steady states: not from these logs ({why})"),
    }
    let condition = if found.condition.is_finite() { format!("{:.0e}", found.condition) } else { "without bound".to_owned() };
    say!("condition of what the logs alone know: {condition}; reduced chi-square {:.2}; {} Jacobians", found.chi_square, found.jacobians);
    for warning in &found.warnings {
        say!("caution: {warning}");
    }
    Ok(())
}
