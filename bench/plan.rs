//! From what was typed to what can be flown: names and files resolved, parsed and validated once.

use crate::cli::FlightArgs;
use crate::exit::BadInput;
use anyhow::{Context, Result};
use engine::setup::{Options, Setup, SetupError, Source};

/// Longest duration that makes sense, s: a year.
const LONGEST_S: f64 = 366.0 * 86_400.0;

/// A length of time as typed: `90`, `90s`, `45m`, `24h`, `1d`.
pub(crate) fn duration(text: &str) -> Result<f64, String> {
    let expected = "expected a length of time such as 90s, 45m, 24h or 1d";
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(format!("\"{unit}\" is no unit of time: {expected}")),
    };
    let seconds = number.trim().parse::<f64>().map_err(|_| format!("\"{number}\" is not a number: {expected}"))? * factor;
    if seconds > 0.0 && seconds <= LONGEST_S { Ok(seconds) } else { Err(format!("{seconds} s is not between 0 and a year")) }
}

/// The text of a shipped file, or of a file on disk.
fn source(what: &str, wanted: &str, shipped: &[(&str, &str)]) -> Result<Source> {
    if let Some((name, text)) = shipped.iter().find(|(name, _)| *name == wanted) {
        return Ok(Source { file: format!("{name}.toml"), from: "built in".into(), text: (*text).to_owned() });
    }
    match std::fs::read_to_string(wanted) {
        Ok(text) => Ok(Source { file: wanted.to_owned(), from: wanted.to_owned(), text }),
        Err(why) => {
            let names = shipped.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            let message = format!(
                "no {what} \"{wanted}\": no shipped one has that name ({names}) and the file cannot be read ({why}); see `orbitbench {what} list`"
            );
            Err(BadInput(message).into())
        }
    }
}

/// The profile of this name or file.
pub(crate) fn profile(wanted: &str) -> Result<Source> {
    source("profile", wanted, model::profile::builtin())
}

/// The profile of this name or file, read.
pub(crate) fn parsed(wanted: &str) -> Result<model::Profile> {
    let source = profile(wanted)?;
    model::Profile::parse(&source.file, &source.text).map_err(|problems| BadInput(format!("the profile has problems:\n{problems}")).into())
}

/// The rig of this name or file.
pub(crate) fn rig(wanted: &str) -> Result<Source> {
    source("rig", wanted, rig::builtin())
}

/// Everything `run` and `rehearse` need.
pub(crate) fn setup(flight: &FlightArgs, speed: Option<f64>, unattended: bool) -> Result<Setup> {
    setup_by(Setup::build, flight, speed, unattended)
}

/// The same for the engine that flies it: a real accelerator is taken.
pub(crate) fn setup_to_fly(flight: &FlightArgs, speed: Option<f64>, unattended: bool) -> Result<Setup> {
    setup_by(Setup::to_fly, flight, speed, unattended)
}

fn setup_by(build: fn(Options) -> Result<Setup, SetupError>, flight: &FlightArgs, speed: Option<f64>, unattended: bool) -> Result<Setup> {
    let options = Options {
        profile: profile(&flight.profile)?,
        rig: rig(&flight.rig)?,
        accelerator: flight.accelerator.clone(),
        workload: flight.workload.clone(),
        duration_s: flight.duration,
        dt_s: flight.dt,
        speed,
        seed: flight.seed,
        assume_w: flight.assume_w,
        unattended,
        policy: flight.policy,
        crossing: flight.eclipse,
    };
    let setup = build(options)
        .and_then(|s| s.by_map(flight.map.as_deref(), flight.map_clamp))
        .and_then(|s| s.calibrate(flight.calibration.as_deref(), jiff::Timestamp::now()));
    setup.map_err(|why| BadInput(why.to_string())).context("cannot fly this")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_their_unit() {
        for (text, seconds) in [("90", 90.0), ("90s", 90.0), ("1.5m", 90.0), ("24h", 86_400.0), ("1d", 86_400.0), ("10 min", 600.0)] {
            assert_eq!(duration(text), Ok(seconds), "{text}");
        }
        for text in ["", "h", "-1s", "0", "NaN", "5 fortnights", "inf", "1e9d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
