//! Verbs about the device under test: what its sensors do, and the guardian of its settings.

use crate::exit::{BadInput, Exit};
use accelerator::Spec;
use accelerator::nvml::Original;
use anyhow::{Result, anyhow};
use clap::Args;
use engine::characterise;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[derive(Clone, Debug, Args)]
pub(crate) struct CheckArgs {
    /// Device: nvml:INDEX, nvml:UUID, several after commas (one after the other), or cpu
    #[arg(default_value = "nvml:0")]
    accelerator: String,
    /// Work that loads it, such as `cuda:0:1b:prefill:batch=4` (the built-in engine, in steps of some milliseconds) or `command:PROGRAM ARGS`; without, only what an idle
    /// device shows is found
    #[arg(long, default_value = "none")]
    workload: String,
    /// Half a minute instead of ten: to see that it works, not to quote, nor to resolve what polling costs
    #[arg(long)]
    quick: bool,
    /// Print as TOML
    #[arg(long)]
    toml: bool,
    /// Where to keep it; the state folder if left out, from where every later run on the device takes it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Seed of phases and of the work
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Loads the device and looks at its sensors. Changes no setting.
pub(crate) fn check(args: &CheckArgs) -> Result<Exit> {
    let bad = |why: String| BadInput(why);
    let order = characterise::Order {
        accelerator: args.accelerator.parse().map_err(|e: accelerator::Error| bad(e.to_string()))?,
        workload: engine::setup::work(&args.workload).map_err(|e| bad(e.to_string()))?,
        quick: args.quick,
        seed: args.seed,
        program: std::env::current_exe().ok(),
        out: args.out.clone(),
    };
    let several = order.accelerator.devices() > 1;
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    let mut done = |spec: &Spec, outcome: Result<characterise::Found, String>| match outcome {
        Ok((checked, file)) => {
            if !args.toml {
                // Nobody listening is nobody to tell; the file is kept all the same.
                let _ = writeln!(std::io::stdout(), "{}", checked.text().trim_end());
            }
            if let Some(file) = file {
                eprintln!("kept in {}", file.display());
            }
            found.push(checked);
        }
        Err(why) => {
            if several {
                eprintln!("{spec}: not checked: {why}");
            }
            failed.push(why);
        }
    };
    characterise::check(&order, &mut |what| eprintln!("{what} ..."), &mut done).map_err(bad)?;
    if args.toml {
        match found.as_slice() {
            [] => {}
            [one] if !several => say!("{}", toml::to_string(one)?.trim_end()),
            all => say!("{}", toml::to_string(&std::collections::BTreeMap::from([("check", all)]))?.trim_end()),
        }
    }
    match failed.as_slice() {
        [] => Ok(Exit::Done),
        [why] if !several => Err(BadInput(why.clone()).into()),
        all => {
            let (failed, of) = (all.len(), order.accelerator.devices());
            Err(BadInput(format!("{failed} of {of} devices could not be checked: {}", all.join("; "))).into())
        }
    }
}

/// Waits for the engine to end; see `engine::live::guard`.
pub(crate) fn guard(gpu: &str, original: Original, log: &Path, note: &Path, lease_s: f64) -> Result<Exit> {
    let Spec::Nvml(gpu) = format!("nvml:{gpu}").parse::<Spec>().map_err(|e| BadInput(e.to_string()))? else {
        return Err(BadInput(format!("\"{gpu}\" is no GPU")).into());
    };
    let lease = std::time::Duration::try_from_secs_f64(lease_s).map_err(|e| BadInput(format!("a lease of {lease_s} s: {e}")))?;
    // A Ctrl-C or a hang-up is meant for the engine, and whoever ends everything by name must not end this one first.
    let _ = rustix::process::setsid();
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    engine::live::guard(&gpu, original, log, note, lease).map_err(|why| anyhow!(why))?;
    Ok(Exit::Done)
}
